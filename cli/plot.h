/* SPDX-License-Identifier: Apache-2.0 */
/* Curves of a metric, one per run: read from a store, thinned to what can be seen, and drawn in several forms. */
#ifndef MLF_CLI_PLOT_H
#define MLF_CLI_PLOT_H

#include "core/buf.h"
#include "tracking/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct plot_point {
    double x, y; /* y: NaN is a gap in the curve */
};

/* A curve; points by x. */
struct plot_series {
    char *name;
    struct plot_point *points;
    size_t n_points;
    int64_t n_read; /* points of the store that they stand for */
};

/* One direction. Of a logarithmic axis |min| and |max| are exponents of ten, and so are positions. */
struct plot_axis {
    double min, max;
    bool log;
    double ticks[16];
    size_t n_ticks;
};

struct plot {
    const char *metric;
    bool by_time;        /* x is seconds since the run's start, else the step */
    const char *x_title; /* NULL: by |by_time| */
    struct plot_axis x, y;
    struct plot_series *series;
    size_t n_series;
};

struct plot_options {
    const char *metric;
    bool by_time, log_y;
    int64_t smooth; /* mean over so many points; 0: none */
};

/* Reads the curves of |runs|; those that lack the metric get none. MLF_ERR_NOT_FOUND, naming the metrics that
 * there are, when no run has it. Memory does not grow with the number of points. */
mlf_status mlf__plot_read(struct mlf__store *store, const mlf_run_list *runs,
                          const struct plot_options *options, struct plot *out);
void mlf__plot_free(struct plot *plot);

/* An axis from |min| to |max|, made wider when they are equal; NaN or |min| > |max|: there is nothing to draw. */
void mlf__plot_set_range(struct plot_axis *axis, double min, double max, bool log);
/* Where |value| lies on |axis|: 0 … 1; NaN for what has no place there. */
double mlf__plot_position(const struct plot_axis *axis, double value);
/* The same for a tick, which is a position already when the axis is logarithmic. */
double mlf__plot_tick_position(const struct plot_axis *axis, size_t tick);
/* Chooses at most |max| round ticks. */
void mlf__plot_set_ticks(struct plot_axis *axis, size_t max);
/* A tick's text: "0.25", "1e-06". */
void mlf__plot_tick_label(const struct plot_axis *axis, size_t tick, char out[MLF__NUMBER_SIZE]);
const char *mlf__plot_x_title(const struct plot *plot);

/* Appends |text| for an element or attribute of XML or HTML. */
void mlf__plot_add_escaped(struct mlf__buf *out, const char *text);

/* Appends |text| for the terminal, which it cannot drive. */
void mlf__plot_add_plain(struct mlf__buf *out, const char *text);
/* Does the terminal show more than ASCII? */
bool mlf__plot_is_utf8(void);

struct cJSON;
/* Appends |root| as a script element of type JSON called |id|, in which no text can end the element; frees it. NULL: memory
 * ran out while it was made. */
mlf_status mlf__plot_add_json(struct mlf__buf *out, const char *id, struct cJSON *root);

/* A form of output. */
struct plot_output {
    const char *extension; /* of the file; NULL: it goes to the terminal */
    mlf_status (*draw)(struct plot *plot, struct mlf__buf *out);
};
extern const struct plot_output mlf__plot_terminal, mlf__plot_svg, mlf__plot_html;
/* The form that the file's name asks for (NULL: the terminal's); NULL: none. */
const struct plot_output *mlf__plot_output_of(const char *file);
/* Writes |text|, which was made with |status|, to |path| (NULL: stdout), and frees it. */
mlf_status mlf__plot_put(mlf_status status, struct mlf__buf *text, const char *path);

/* The picture alone, as HTML embeds it. */
void mlf__plot_svg_add(const struct plot *plot, struct mlf__buf *out);
enum {
    MLF__PLOT_WIDTH = 860,
    MLF__PLOT_HEIGHT = 480,
    MLF__PLOT_LEFT = 76,
    MLF__PLOT_RIGHT = 20,
    MLF__PLOT_TOP = 44
};
/* Space below the axis, which grows with the legend. */
size_t mlf__plot_svg_height(const struct plot *plot);

#endif
