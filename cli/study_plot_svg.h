/* SPDX-License-Identifier: Apache-2.0 */
/* What pictures of a study are made of. */
#ifndef MLF_CLI_STUDY_PLOT_SVG_H
#define MLF_CLI_STUDY_PLOT_SVG_H

#include "cli/study_plot.h"

/* A part of a picture with two axes. */
struct study_panel {
    double left, top, width, height;
    struct study_scale x, y;
    const char *x_title, *y_title; /* NULL: none */
    bool no_y_labels;
};
double mlf__study_x(const struct study_panel *panel, double value);
double mlf__study_y(const struct study_panel *panel, double value);
/* Chooses ticks, and draws grid, axes and titles. */
void mlf__study_panel_add(struct study_panel *panel, struct mlf__buf *out);

/* The objective's range as a scale, a little wider. */
struct study_scale mlf__study_value_scale(const struct study_plot *plot);
/* Numbers from |low| to |high|. */
struct study_scale mlf__study_number_scale(double low, double high);

/* |text| from a store, as text of an element or an attribute, cut to |width| columns (0: whole). */
void mlf__study_text(struct mlf__buf *out, const char *text, size_t width);

enum { MLF__COLOUR_SIZE = 8 };
/* "#rrggbb": dark at 0, light at 1. */
void mlf__study_colour(double share, char out[MLF__COLOUR_SIZE]);
/* The share of a value: 0 is the best. */
double mlf__study_share(const struct study_plot *plot, double value);
/* A bar that explains mlf__study_share(), |id| naming it in the page. */
void mlf__study_colour_bar(const struct study_plot *plot, const char *id, double left, double top,
                           struct mlf__buf *out);

/* A dot for a trial, of class "dot", "off" or "best"; |colour| NULL: the class's. */
void mlf__study_dot(struct mlf__buf *out, double x, double y, const struct mlf__trial *trial,
                    const char *class, const char *colour);
/* "Drawn are 500 of 20000 trials": nothing when all are. */
void mlf__study_note(struct mlf__buf *out, double top, size_t n_drawn, size_t n, const char *what);
/* A picture that has nothing to show says why. */
mlf_status mlf__study_nothing(struct mlf__buf *out, double *height, const char *why);

#endif
