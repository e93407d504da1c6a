/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures of a study: what they are drawn from, each of them as SVG, all of them as one page, and a summary in
 * the terminal. */
#ifndef MLF_CLI_STUDY_PLOT_H
#define MLF_CLI_STUDY_PLOT_H

#include "cli/plot.h"
#include "tuner/importance.h"
#include "tuner/study_log.h"

/* One direction of a picture: numbers, or choices at 0, 1, … */
struct study_scale {
    struct plot_axis axis;
    const struct mlf__dist *choices; /* NULL: numbers */
};

/* A parameter that complete trials have with more than one value. */
struct study_param {
    uint32_t name;
    struct study_scale scale; /* from the lowest to the highest value, and a little more */
};

struct study_plot {
    const struct mlf__study_info *info;
    const struct mlf__history *history;
    size_t objective;
    bool log;                         /* the objective's axis */
    const struct mlf__trial **trials; /* complete ones with a value that can be drawn, by number */
    size_t n_trials;
    const struct mlf__trial *best; /* of these, the best feasible one; NULL: none */
    double low, high;              /* of their values; NaN: there are none */
    double clear_low,
        clear_high; /* the same without the outer twentieths, which would wash colours out */
    struct mlf__importances importances;
    struct study_param *params; /* by importance */
    size_t n_params;
};

/* |info| and |history| are borrowed. */
mlf_status mlf__study_plot_make(const struct mlf__study_info *info,
                                const struct mlf__history *history, size_t objective, bool log,
                                struct study_plot *out);
void mlf__study_plot_free(struct study_plot *plot);

double mlf__study_value(const struct study_plot *plot, const struct mlf__trial *trial);
/* Of |n| things at most |max| are drawn, evenly chosen: is number |i| one of them? */
bool mlf__study_is_drawn(size_t i, size_t n, size_t max);

struct study_picture {
    const char *name; /* of --kind */
    const char *title, *text;
    bool has_bar; /* of colours, beside the title */
    /* Appends the inside of the picture, MLF__PLOT_WIDTH wide, and gives its height. */
    mlf_status (*draw)(const struct study_plot *plot, struct mlf__buf *out, double *height);
};
enum { MLF__STUDY_PICTURES = 8 };
extern const struct study_picture mlf__study_pictures[MLF__STUDY_PICTURES];
/* NULL: there is none of that name. */
const struct study_picture *mlf__study_picture_find(const char *name);

mlf_status mlf__study_draw_history(const struct study_plot *plot, struct mlf__buf *out,
                                   double *height);
mlf_status mlf__study_draw_intermediate(const struct study_plot *plot, struct mlf__buf *out,
                                        double *height);
mlf_status mlf__study_draw_edf(const struct study_plot *plot, struct mlf__buf *out, double *height);
mlf_status mlf__study_draw_timeline(const struct study_plot *plot, struct mlf__buf *out,
                                    double *height);
mlf_status mlf__study_draw_slice(const struct study_plot *plot, struct mlf__buf *out,
                                 double *height);
mlf_status mlf__study_draw_parallel(const struct study_plot *plot, struct mlf__buf *out,
                                    double *height);
mlf_status mlf__study_draw_contour(const struct study_plot *plot, struct mlf__buf *out,
                                   double *height);
mlf_status mlf__study_draw_importances(const struct study_plot *plot, struct mlf__buf *out,
                                       double *height);

/* A whole SVG picture; without its title for a page that has one. */
mlf_status mlf__study_svg(const struct study_plot *plot, const struct study_picture *picture,
                          bool titled, struct mlf__buf *out);
/* The page with |picture|, or all when it is NULL. */
mlf_status mlf__study_html(const struct study_plot *plot, const struct study_picture *picture,
                           struct mlf__buf *out);
/* The summary. */
mlf_status mlf__study_terminal(const struct study_plot *plot, struct mlf__buf *out);

#endif
