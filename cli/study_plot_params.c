/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures over a study's parameters: importances, slices, parallel coordinates and contours. */
#include "cli/study_plot_svg.h"

#include "core/mem.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BARS_MAX = 30,
    SLICES_MAX = 12,
    SLICE_DOTS = 1500,
    AXES_MAX = 11,
    LINES_MAX = 600,
    PAIRED_MAX = 4,
    CONTOUR_POINTS = 600,
    CELLS = 36
};

static const char no_params[] =
    "No parameter has more than one value among the trials that completed.";

static const char *name_of(const struct study_plot *plot, uint32_t name)
{
    return plot->history->names[name];
}

/* The trial's place on a parameter's scale, 0 … 1; NaN when it has none there. */
static double place_of(const struct study_param *param, const struct mlf__trial *trial)
{
    const struct mlf__param_value *value = mlf__trial_param(trial, param->name);

    return value != NULL ? mlf__plot_position(&param->scale.axis, value->value) : (double)NAN;
}

/* ---- importances ---- */

mlf_status mlf__study_draw_importances(const struct study_plot *plot, struct mlf__buf *out,
                                       double *height)
{
    enum { LEFT = 220, ROW = 24 };
    const struct mlf__importances *found = &plot->importances;
    double width = MLF__PLOT_WIDTH - LEFT - 90, top = MLF__PLOT_TOP;
    size_t n_drawn = found->n < BARS_MAX ? found->n : BARS_MAX;

    if (plot->n_params == 0)
        return mlf__study_nothing(out, height, no_params);
    double longest = found->items[0].value > 0 ? found->items[0].value : 1;
    for (size_t i = 0; i < n_drawn; i++) {
        double y = top + ROW * (double)i, length = width * found->items[i].value / longest;
        mlf__buf_printf(out, "<text class=\"name\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">",
                        LEFT - 10, y + 14);
        mlf__study_text(out, name_of(plot, found->items[i].name), 28);
        mlf__buf_printf(out,
                        "</text><rect class=\"bar\" x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\""
                        "%d\" data-t=\"",
                        LEFT, y + 2, fmax(1, length), ROW - 8);
        mlf__study_text(out, name_of(plot, found->items[i].name), 0);
        mlf__buf_printf(out, ": %.6f\"/><text x=\"%.1f\" y=\"%.1f\">%.3f</text>\n",
                        found->items[i].value, LEFT + length + 8, y + 14, found->items[i].value);
    }
    *height = top + ROW * (double)n_drawn + 30;
    mlf__study_note(out, *height - 8, n_drawn, found->n, "parameters");
    return MLF_OK;
}

/* ---- slices ---- */

static void add_slice(const struct study_plot *plot, const struct study_param *param,
                      struct study_panel *panel, struct mlf__buf *out)
{
    double newest = (double)plot->history->n_trials;
    const struct mlf__trial *best = NULL;
    char colour[MLF__COLOUR_SIZE];

    panel->x = param->scale;
    panel->x_title = name_of(plot, param->name);
    mlf__study_panel_add(panel, out);
    for (size_t i = 0; i < plot->n_trials; i++) {
        const struct mlf__trial *trial = plot->trials[i];
        double place = place_of(param, trial);
        if (isnan(place))
            continue;
        best = trial == plot->best ? trial : best;
        if (trial == plot->best || !mlf__study_is_drawn(i, plot->n_trials, SLICE_DOTS))
            continue;
        mlf__study_colour(1 - (double)trial->number / newest, colour);
        mlf__study_dot(out, panel->left + place * panel->width,
                       mlf__study_y(panel, mlf__study_value(plot, trial)), trial,
                       trial->violation > 0 ? "off" : "dot", trial->violation > 0 ? NULL : colour);
    }
    if (best != NULL)
        mlf__study_dot(out, panel->left + place_of(param, best) * panel->width,
                       mlf__study_y(panel, mlf__study_value(plot, best)), best, "best", NULL);
}

mlf_status mlf__study_draw_slice(const struct study_plot *plot, struct mlf__buf *out,
                                 double *height)
{
    enum { PER_ROW = 3, GAP = 22, ROW = 250 };
    size_t n = plot->n_params < SLICES_MAX ? plot->n_params : SLICES_MAX;
    size_t across = n < PER_ROW ? n : PER_ROW;

    if (n == 0)
        return mlf__study_nothing(out, height, no_params);
    double width =
        (MLF__PLOT_WIDTH - MLF__PLOT_LEFT - MLF__PLOT_RIGHT - GAP * (double)(across - 1)) /
        (double)across;
    for (size_t i = 0; i < n; i++) {
        bool first = i % across == 0;
        struct study_panel panel = {.left = MLF__PLOT_LEFT + (width + GAP) * (double)(i % across),
                                    .top = MLF__PLOT_TOP + ROW * floor((double)i / (double)across),
                                    .width = width,
                                    .height = ROW - 56,
                                    .y = mlf__study_value_scale(plot),
                                    .y_title = first ? plot->info->metrics[plot->objective] : NULL,
                                    .no_y_labels = !first};
        add_slice(plot, &plot->params[i], &panel, out);
    }
    *height = MLF__PLOT_TOP + ROW * ceil((double)n / (double)across) + 20;
    mlf__study_note(out, *height - 22, SLICE_DOTS, plot->n_trials, "trials");
    mlf__study_note(out, *height - 6, n, plot->n_params, "parameters, the most important ones");
    return MLF_OK;
}

/* ---- parallel coordinates ---- */

struct axes {
    double left, top, height, gap, missing;
    const struct study_param *const *params;
    size_t n;
    struct study_scale value;
};

static double axis_x(const struct axes *axes, size_t axis)
{
    return axes->left + axes->gap * (double)axis;
}

static void add_axis(const struct study_plot *plot, const struct axes *axes, size_t axis,
                     struct mlf__buf *out)
{
    /* A panel without a width is an axis. */
    struct study_panel panel = {.left = axis_x(axes, axis),
                                .top = axes->top,
                                .height = axes->height,
                                .x = mlf__study_number_scale(0, 1),
                                .y = axis == 0 ? axes->value : axes->params[axis - 1]->scale};
    const char *name = axis == 0 ? plot->info->metrics[plot->objective]
                                 : name_of(plot, axes->params[axis - 1]->name);

    mlf__study_panel_add(&panel, out);
    mlf__buf_printf(out, "<text class=\"name\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">",
                    panel.left, axes->top - 12);
    mlf__study_text(out, name, (size_t)(axes->gap / 7.5));
    mlf__buf_puts(out, "</text>\n");
}

/* A trial without a parameter passes below its axis. */
static void add_polyline(const struct study_plot *plot, const struct axes *axes,
                         const struct mlf__trial *trial, struct mlf__buf *out)
{
    double value = mlf__study_value(plot, trial);
    char colour[MLF__COLOUR_SIZE];

    mlf__study_colour(mlf__study_share(plot, value), colour);
    mlf__buf_printf(out, "<path class=\"way\" data-n=\"%" PRId64 "\" stroke=\"%s\"%s d=\"",
                    trial->number, trial == plot->best ? "#d55e00" : colour,
                    trial == plot->best ? " style=\"stroke-width:2.6;stroke-opacity:1\"" : "");
    for (size_t i = 0; i <= axes->n; i++) {
        double place = i == 0 ? mlf__plot_position(&axes->value.axis, value)
                              : place_of(axes->params[i - 1], trial);
        double y = isnan(place) ? axes->missing : axes->top + (1 - place) * axes->height;
        mlf__buf_printf(out, "%s%.1f %.1f", i == 0 ? "M" : "L", axis_x(axes, i), y);
    }
    mlf__buf_puts(out, "\"/>\n");
}

static int compare_values(const void *a, const void *b, void *plot)
{
    double left = mlf__study_share(plot, mlf__study_value(plot, *(struct mlf__trial *const *)a));
    double right = mlf__study_share(plot, mlf__study_value(plot, *(struct mlf__trial *const *)b));

    return (left < right) - (left > right);
}

/* Chosen evenly by number, then the better ones over the others. */
static mlf_status add_polylines(const struct study_plot *plot, const struct axes *axes,
                                struct mlf__buf *out, size_t *n_drawn)
{
    const struct mlf__trial **trials = mlf__alloc(plot->n_trials * sizeof(struct mlf__trial *));

    if (trials == NULL)
        return MLF_ERR_NOMEM;
    for (size_t i = 0; i < plot->n_trials; i++)
        if (plot->trials[i] != plot->best && mlf__study_is_drawn(i, plot->n_trials, LINES_MAX))
            trials[(*n_drawn)++] = plot->trials[i];
    qsort_r(trials, *n_drawn, sizeof(struct mlf__trial *), compare_values, (void *)(uintptr_t)plot);
    for (size_t i = 0; i < *n_drawn; i++)
        add_polyline(plot, axes, trials[i], out);
    if (plot->best != NULL) {
        add_polyline(plot, axes, plot->best, out);
        ++*n_drawn;
    }
    mlf__free(trials);
    return MLF_OK;
}

static int compare_names(const void *a, const void *b, void *plot)
{
    const struct study_param *left = *(struct study_param *const *)a;
    const struct study_param *right = *(struct study_param *const *)b;

    return strcmp(name_of(plot, left->name), name_of(plot, right->name));
}

mlf_status mlf__study_draw_parallel(const struct study_plot *plot, struct mlf__buf *out,
                                    double *height)
{
    const struct study_param *params[AXES_MAX];
    struct axes axes = {.left = MLF__PLOT_LEFT + 10,
                        .top = MLF__PLOT_TOP + 30,
                        .height = 320,
                        .params = params,
                        .n = plot->n_params < AXES_MAX ? plot->n_params : AXES_MAX,
                        .value = mlf__study_value_scale(plot)};
    size_t n_drawn = 0;
    bool missing = false;

    if (axes.n == 0)
        return mlf__study_nothing(out, height, no_params);
    for (size_t i = 0; i < axes.n; i++)
        params[i] = &plot->params[i];
    qsort_r(params, axes.n, sizeof(struct study_param *), compare_names, (void *)(uintptr_t)plot);
    axes.gap = (MLF__PLOT_WIDTH - axes.left - 50) / (double)axes.n;
    axes.missing = axes.top + axes.height + 26;
    for (size_t i = 0; i < plot->n_trials && !missing; i++)
        for (size_t k = 0; k < axes.n; k++)
            missing = missing || mlf__trial_param(plot->trials[i], params[k]->name) == NULL;
    mlf_status status = add_polylines(plot, &axes, out, &n_drawn);
    for (size_t i = 0; status == MLF_OK && i <= axes.n; i++)
        add_axis(plot, &axes, i, out);
    if (missing)
        mlf__buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">missing</text>\n",
                        axes.left - 8, axes.missing + 4);
    mlf__study_colour_bar(plot, "colours-parallel", MLF__PLOT_WIDTH - 280, 12, out);
    *height = axes.missing + 40;
    mlf__study_note(out, *height - 22, n_drawn, plot->n_trials, "trials");
    mlf__study_note(out, *height - 6, axes.n, plot->n_params,
                    "parameters, the most important ones");
    return status;
}

/* ---- contours ---- */

struct spot {
    double x, y, value; /* the first two as shares of the panel */
    const struct mlf__trial *trial;
};

/* What is between choices is no place: there is one cell for each. */
static size_t count_cells(const struct study_scale *scale)
{
    return scale->choices != NULL ? scale->choices->n_choices : CELLS;
}

/* The colour of a cell, by the inverse of the distances' fourth power (Shepard, Proc. 23rd ACM National Conference, 1968). It fades
 * with the distance to the nearest trial; other choices tell nothing. */
static void cell_colour(const struct study_panel *panel, const struct spot *spots, size_t n,
                        const double at[2], char out[MLF__COLOUR_SIZE])
{
    double sum = 0, weights = 0, nearest = INFINITY;
    double columns = (double)count_cells(&panel->x), rows = (double)count_cells(&panel->y);

    for (size_t i = 0; i < n; i++) {
        double dx = fabs(spots[i].x - at[0]), dy = fabs(spots[i].y - at[1]);
        if ((panel->x.choices != NULL && dx > 0.5 / columns) ||
            (panel->y.choices != NULL && dy > 0.5 / rows))
            continue;
        double squared =
            (panel->x.choices != NULL ? 0 : dx * dx) + (panel->y.choices != NULL ? 0 : dy * dy);
        double weight = 1 / ((squared + 1e-4) * (squared + 1e-4));
        sum += weight * spots[i].value;
        weights += weight;
        nearest = fmin(nearest, sqrt(squared));
    }
    double faded = fmin(1, fmax(0, (nearest - 0.06) / 0.3));
    mlf__study_colour(weights > 0 ? round(sum / weights * 32) / 32 : 0, out);
    unsigned long rgb = strtoul(out + 1, NULL, 16), mixed = 0;
    for (int shift = 16; shift >= 0; shift -= 8) {
        double part = (double)(rgb >> shift & 255);
        mixed = mixed << 8 | (unsigned long)lround(part + (255 - part) * round(faded * 16) / 16);
    }
    snprintf(out, MLF__COLOUR_SIZE, "#%06lx", mixed & 0xffffff);
}

/* Cells of one colour beside each other become one rectangle. */
static void add_cells(const struct study_panel *panel, const struct spot *spots, size_t n,
                      struct mlf__buf *out)
{
    size_t columns = count_cells(&panel->x), rows = count_cells(&panel->y);
    double width = panel->width / (double)columns, height = panel->height / (double)rows;

    for (size_t row = 0; row < rows; row++) {
        size_t from = 0;
        char colour[MLF__COLOUR_SIZE] = "", next[MLF__COLOUR_SIZE] = "";
        for (size_t column = 0; column <= columns; column++) {
            double at[2] = {((double)column + 0.5) / (double)columns,
                            1 - ((double)row + 0.5) / (double)rows};
            if (column < columns)
                cell_colour(panel, spots, n, at, next);
            if (column > 0 && (column == columns || strcmp(colour, next) != 0)) {
                mlf__buf_printf(out,
                                "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
                                "fill=\"%s\"/>",
                                panel->left + (double)from * width,
                                panel->top + (double)row * height,
                                (double)(column - from) * width + 0.4, height + 0.4, colour);
                from = column;
            }
            memcpy(colour, next, sizeof(colour));
        }
    }
    mlf__buf_puts(out, "\n");
}

static size_t find_spots(const struct study_plot *plot, const struct study_param *x,
                         const struct study_param *y, struct spot *out)
{
    size_t n = 0;

    for (size_t i = 0; i < plot->n_trials; i++) {
        const struct mlf__trial *trial = plot->trials[i];
        struct spot spot = {place_of(x, trial), place_of(y, trial),
                            mlf__study_share(plot, mlf__study_value(plot, trial)), trial};
        if (!isnan(spot.x) && !isnan(spot.y) &&
            (trial == plot->best || mlf__study_is_drawn(i, plot->n_trials, CONTOUR_POINTS)))
            out[n++] = spot;
    }
    return n;
}

static void add_contour(const struct study_plot *plot, const struct study_param *x,
                        const struct study_param *y, struct study_panel *panel, struct spot *spots,
                        struct mlf__buf *out)
{
    size_t n = find_spots(plot, x, y, spots);

    panel->x = x->scale;
    panel->y = y->scale;
    panel->x_title = name_of(plot, x->name);
    panel->y_title = name_of(plot, y->name);
    if (n > 0)
        add_cells(panel, spots, n, out);
    mlf__study_panel_add(panel, out);
    for (size_t i = 0; i < n; i++)
        if (spots[i].trial != plot->best)
            mlf__buf_printf(out,
                            "<circle class=\"spot\" data-n=\"%" PRId64 "\" cx=\"%.1f\" cy=\"%.1f\" "
                            "r=\"1.8\" fill=\"#fff\" stroke=\"#222\" stroke-width=\".6\"/>",
                            spots[i].trial->number, panel->left + spots[i].x * panel->width,
                            panel->top + (1 - spots[i].y) * panel->height);
    for (size_t i = 0; i < n; i++)
        if (spots[i].trial == plot->best)
            mlf__study_dot(out, panel->left + spots[i].x * panel->width,
                           panel->top + (1 - spots[i].y) * panel->height, plot->best, "best", NULL);
    mlf__buf_puts(out, "\n");
}

mlf_status mlf__study_draw_contour(const struct study_plot *plot, struct mlf__buf *out,
                                   double *height)
{
    enum { ROW = 300, GAP = 92 };
    size_t n = plot->n_params < PAIRED_MAX ? plot->n_params : PAIRED_MAX, pair = 0;

    if (n < 2)
        return mlf__study_nothing(out, height, "Two parameters that vary are needed.");
    struct spot *spots = mlf__alloc(plot->n_trials * sizeof(*spots));
    if (spots == NULL)
        return MLF_ERR_NOMEM;
    double width = (MLF__PLOT_WIDTH - MLF__PLOT_LEFT - MLF__PLOT_RIGHT - GAP) / 2.0;
    mlf__study_colour_bar(plot, "colours-contour", MLF__PLOT_WIDTH - 280, 12, out);
    for (size_t a = 0; a < n; a++) {
        for (size_t b = a + 1; b < n; b++, pair++) {
            struct study_panel panel = {.left = MLF__PLOT_LEFT + (width + GAP) * (double)(pair % 2),
                                        .top = MLF__PLOT_TOP + ROW * floor((double)pair / 2),
                                        .width = n == 2 ? width * 1.5 : width,
                                        .height = ROW - 60};
            add_contour(plot, &plot->params[a], &plot->params[b], &panel, spots, out);
        }
    }
    mlf__free(spots);
    *height = MLF__PLOT_TOP + ROW * ceil((double)pair / 2) + 20;
    mlf__study_note(out, *height - 22, CONTOUR_POINTS, plot->n_trials, "trials");
    mlf__study_note(out, *height - 6, n, plot->n_params, "parameters, the most important ones");
    return MLF_OK;
}
