/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures over a study's course: its history, what trials reported, how its values are distributed, and when what ran. */
#include "cli/study_plot_svg.h"

#include "core/mem.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DOTS_MAX = 4000, WAYS_MAX = 400, WAY_POINTS = 500, BARS_MAX = 1500, EDF_POINTS = 100 };

static const char no_values[] = "No trial has completed with a value that can be drawn.";

static struct study_panel whole_panel(void)
{
    return (struct study_panel){.left = MLF__PLOT_LEFT,
                                .top = MLF__PLOT_TOP,
                                .width = MLF__PLOT_WIDTH - MLF__PLOT_LEFT - MLF__PLOT_RIGHT,
                                .height = 340};
}

static const char *metric(const struct study_plot *plot)
{
    return plot->info->metrics[plot->objective];
}

/* ---- history ---- */

/* The best value so far, a step for each improvement; also what a trial too many to be drawn has found. */
static void add_best_line(const struct study_plot *plot, const struct study_panel *panel,
                          struct mlf__buf *out)
{
    const struct mlf__history *history = plot->history;
    double best = NAN;

    mlf__buf_puts(out, "<path class=\"run\" d=\"");
    for (size_t i = 0; i < plot->n_trials; i++) {
        double value = mlf__study_value(plot, plot->trials[i]);
        double x = mlf__study_x(panel, (double)plot->trials[i]->number);
        if (plot->trials[i]->violation > 0 ||
            (!isnan(best) && !mlf__history_is_better(history, plot->objective, value, best)))
            continue;
        mlf__buf_printf(out, isnan(best) ? "M%.1f %.1f" : "H%.1fV%.1f", x,
                        mlf__study_y(panel, value));
        best = value;
    }
    if (!isnan(best))
        mlf__buf_printf(out, "H%.1f", panel->left + panel->width);
    mlf__buf_puts(out, "\"/>\n");
}

mlf_status mlf__study_draw_history(const struct study_plot *plot, struct mlf__buf *out,
                                   double *height)
{
    struct study_panel panel = whole_panel();
    size_t n_drawn = 0;

    if (plot->n_trials == 0)
        return mlf__study_nothing(out, height, no_values);
    panel.x = mlf__study_number_scale(0, (double)plot->history->n_trials);
    panel.y = mlf__study_value_scale(plot);
    panel.x_title = "trial";
    panel.y_title = metric(plot);
    mlf__study_panel_add(&panel, out);
    for (size_t i = 0; i < plot->n_trials; i++) {
        const struct mlf__trial *trial = plot->trials[i];
        if (!mlf__study_is_drawn(i, plot->n_trials, DOTS_MAX))
            continue;
        n_drawn++;
        mlf__study_dot(out, mlf__study_x(&panel, (double)trial->number),
                       mlf__study_y(&panel, mlf__study_value(plot, trial)), trial,
                       trial->violation > 0 ? "off" : "dot", NULL);
    }
    add_best_line(plot, &panel, out);
    if (plot->best != NULL)
        mlf__study_dot(out, mlf__study_x(&panel, (double)plot->best->number),
                       mlf__study_y(&panel, mlf__study_value(plot, plot->best)), plot->best, "best",
                       NULL);
    *height = panel.top + panel.height + (n_drawn < plot->n_trials ? 66 : 48);
    mlf__study_note(out, *height - 8, n_drawn, plot->n_trials, "trials");
    return MLF_OK;
}

/* ---- intermediate values ---- */

struct ways {
    const struct mlf__trial **trials;
    size_t n;
    int64_t first, last; /* steps */
    double low, high;
};

static bool is_shown(const struct study_plot *plot, double value)
{
    return isfinite(value) && (!plot->log || value > 0);
}

static mlf_status find_ways(const struct study_plot *plot, struct ways *out)
{
    const struct mlf__history *history = plot->history;

    *out = (struct ways){.low = INFINITY, .high = -INFINITY, .first = INT64_MAX};
    out->trials = mlf__alloc(history->n_trials * sizeof(struct mlf__trial *));
    if (out->trials == NULL)
        return MLF_ERR_NOMEM;
    for (size_t i = 0; i < history->n_trials; i++) {
        const struct mlf__trial *trial = history->trials[i];
        bool any = false;
        for (uint32_t k = 0; k < trial->n_intermediate && trial->state != MLF_TRIAL_FAIL; k++) {
            const struct mlf__intermediate *at = &trial->intermediate[k];
            if (!is_shown(plot, at->value))
                continue;
            any = true;
            out->low = fmin(out->low, at->value);
            out->high = fmax(out->high, at->value);
            out->first = at->step < out->first ? at->step : out->first;
            out->last = at->step > out->last ? at->step : out->last;
        }
        if (any)
            out->trials[out->n++] = trial;
    }
    return MLF_OK;
}

static const char *way_colour(const struct study_plot *plot, const struct mlf__trial *trial)
{
    if (trial->violation > 0)
        return "#999999";
    if (trial == plot->best)
        return "#d55e00";
    return trial->state == MLF_TRIAL_PRUNED ? "#b8860b" : "#0072b2";
}

static void add_way(const struct study_plot *plot, const struct study_panel *panel,
                    const struct mlf__trial *trial, struct mlf__buf *out)
{
    bool pen_down = false;
    double x = 0, y = 0;

    mlf__buf_printf(out, "<path class=\"way\" data-n=\"%" PRId64 "\" stroke=\"%s\"%s d=\"",
                    trial->number, way_colour(plot, trial),
                    trial == plot->best ? " style=\"stroke-width:2.4;stroke-opacity:1\"" : "");
    for (uint32_t i = 0; i < trial->n_intermediate; i++) {
        double value = trial->intermediate[i].value;
        bool last = i + 1 == trial->n_intermediate;
        if (!is_shown(plot, value)) {
            pen_down = false;
            continue;
        }
        if (!last && !mlf__study_is_drawn(i, trial->n_intermediate, WAY_POINTS))
            continue;
        x = mlf__study_x(panel, (double)trial->intermediate[i].step);
        y = mlf__study_y(panel, value);
        mlf__buf_printf(out, "%s%.1f %.1f", pen_down ? "L" : "M", x, y);
        mlf__buf_puts(out, pen_down ? "" : "h.1");
        pen_down = true;
    }
    mlf__buf_puts(out, "\"/>\n");
    if (trial->state == MLF_TRIAL_PRUNED && pen_down)
        mlf__buf_printf(out, "<path class=\"way\" stroke=\"%s\" d=\"M%.1f %.1fl6 6m-6 0l6 -6\"/>\n",
                        way_colour(plot, trial), x - 3, y - 3);
}

mlf_status mlf__study_draw_intermediate(const struct study_plot *plot, struct mlf__buf *out,
                                        double *height)
{
    struct study_panel panel = whole_panel();
    struct ways ways;
    size_t n_drawn = 0;
    mlf_status status = find_ways(plot, &ways);

    if (status == MLF_OK && ways.n == 0)
        status = mlf__study_nothing(out, height, "No trial has reported a value on its way.");
    else if (status == MLF_OK) {
        panel.x = mlf__study_number_scale((double)ways.first, (double)ways.last);
        mlf__plot_set_range(&panel.y.axis, ways.low, ways.high, plot->log);
        panel.x_title = "step";
        panel.y_title = metric(plot);
        mlf__study_panel_add(&panel, out);
        for (size_t i = 0; i < ways.n; i++) {
            if (ways.trials[i] == plot->best || !mlf__study_is_drawn(i, ways.n, WAYS_MAX))
                continue;
            add_way(plot, &panel, ways.trials[i], out);
            n_drawn++;
        }
        if (plot->best != NULL && plot->best->n_intermediate > 0) {
            add_way(plot, &panel, plot->best, out);
            n_drawn++;
        }
        *height = panel.top + panel.height + (n_drawn < ways.n ? 66 : 48);
        mlf__buf_printf(out,
                        "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\"><tspan style=\"fill:"
                        "#d55e00\">best</tspan>  <tspan style=\"fill:#0072b2\">complete or going "
                        "on</tspan>  <tspan style=\"fill:#8a6508\">× pruned</tspan></text>\n",
                        panel.left + panel.width, panel.top - 10);
        mlf__study_note(out, *height - 8, n_drawn, ways.n, "trials");
    }
    mlf__free(ways.trials);
    return status;
}

/* ---- distribution of values ---- */

static double share_up_to(const struct study_plot *plot, double value)
{
    size_t n = 0;

    for (size_t i = 0; i < plot->n_trials; i++)
        n += mlf__study_value(plot, plot->trials[i]) <= value;
    return (double)n / (double)plot->n_trials;
}

mlf_status mlf__study_draw_edf(const struct study_plot *plot, struct mlf__buf *out, double *height)
{
    struct study_panel panel = whole_panel();

    if (plot->n_trials == 0)
        return mlf__study_nothing(out, height, no_values);
    mlf__plot_set_range(&panel.x.axis, plot->low, plot->high, plot->log);
    panel.y = mlf__study_number_scale(0, 1);
    panel.x_title = metric(plot);
    panel.y_title = "share of trials";
    panel.height = 260;
    mlf__study_panel_add(&panel, out);
    mlf__buf_puts(out, "<path class=\"run\" style=\"stroke:#0072b2\" d=\"");
    for (int i = 0; i <= EDF_POINTS; i++) {
        double part = (double)i / EDF_POINTS;
        const struct plot_axis *axis = &panel.x.axis;
        double at = axis->min * (1 - part) + axis->max * part;
        double share = i == EDF_POINTS ? 1 : share_up_to(plot, axis->log ? pow(10, at) : at);
        mlf__buf_printf(out, "%s%.1f %.1f", i == 0 ? "M" : "L", panel.left + part * panel.width,
                        mlf__study_y(&panel, share));
    }
    mlf__buf_puts(out, "\"/>\n");
    *height = panel.top + panel.height + 52;
    return MLF_OK;
}

/* ---- timeline ---- */

static const struct {
    const char *name, *colour;
} states[] = {
    [MLF_TRIAL_RUNNING] = {"going on", "#56b4e9"}, [MLF_TRIAL_COMPLETE] = {"complete", "#0072b2"},
    [MLF_TRIAL_PRUNED] = {"pruned", "#e69f00"},    [MLF_TRIAL_FAIL] = {"failed", "#c0392b"},
    [MLF_TRIAL_WAITING] = {"waiting", "#999999"},
};

/* From the first start to the last end that is known, in milliseconds. */
static bool find_times(const struct mlf__history *history, int64_t *first, int64_t *last)
{
    *first = INT64_MAX;
    *last = INT64_MIN;
    for (size_t i = 0; i < history->n_trials; i++) {
        const struct mlf__trial *trial = history->trials[i];
        if (trial->start_ms < 0)
            continue;
        *first = trial->start_ms < *first ? trial->start_ms : *first;
        *last = trial->start_ms > *last ? trial->start_ms : *last;
        *last = trial->end_ms > *last ? trial->end_ms : *last;
    }
    return *first <= *last;
}

static const char *time_unit(double ms, double *size)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"days since the start", 86400e3},
                 {"hours since the start", 3600e3},
                 {"minutes since the start", 60e3}};

    for (size_t i = 0; i < MLF__ARRAY_LEN(units); i++) {
        *size = units[i].ms;
        if (ms > 3 * units[i].ms)
            return units[i].name;
    }
    *size = 1000;
    return "seconds since the start";
}

static void add_state_legend(const struct study_panel *panel, struct mlf__buf *out)
{
    for (size_t i = 0; i < MLF_TRIAL_WAITING; i++) {
        double x = panel->left + panel->width - 400 + 105 * (double)i;
        mlf__buf_printf(out,
                        "<rect x=\"%.1f\" y=\"%.1f\" width=\"12\" height=\"10\" fill=\"%s\"/>"
                        "<text x=\"%.1f\" y=\"%.1f\">%s</text>\n",
                        x, panel->top - 18, states[i].colour, x + 17, panel->top - 9,
                        states[i].name);
    }
}

mlf_status mlf__study_draw_timeline(const struct study_plot *plot, struct mlf__buf *out,
                                    double *height)
{
    const struct mlf__history *history = plot->history;
    struct study_panel panel = whole_panel();
    int64_t first, last;
    size_t n_drawn = 0, n_timed = 0;
    double unit;

    if (!find_times(history, &first, &last))
        return mlf__study_nothing(out, height, "No trial has begun.");
    double room = 13.0 * (double)history->n_trials;
    panel.height = room < 80 ? 80 : room < 500 ? room : 500;
    panel.x_title = time_unit((double)last - (double)first, &unit);
    panel.x = mlf__study_number_scale(0, ((double)last - (double)first) / unit);
    /* Number 0 is at the top. */
    panel.y = mlf__study_number_scale(-(double)history->n_trials + 0.5, 0.5);
    mlf__study_panel_add(&(struct study_panel){.left = panel.left,
                                               .top = panel.top,
                                               .width = panel.width,
                                               .height = panel.height,
                                               .x = panel.x,
                                               .y = panel.y,
                                               .x_title = panel.x_title,
                                               .y_title = "trials, the first at the top",
                                               .no_y_labels = true},
                         out);
    double bar = fmax(1.2, panel.height / (double)history->n_trials * 0.78);
    for (size_t i = 0; i < history->n_trials; i++) {
        const struct mlf__trial *trial = history->trials[i];
        if (trial->start_ms < 0 || trial->state > MLF_TRIAL_WAITING)
            continue;
        n_timed++;
        if (!mlf__study_is_drawn(i, history->n_trials, BARS_MAX))
            continue;
        n_drawn++;
        int64_t end = trial->end_ms >= trial->start_ms ? trial->end_ms : last;
        double x = mlf__study_x(&panel, ((double)trial->start_ms - (double)first) / unit);
        double right = mlf__study_x(&panel, ((double)end - (double)first) / unit);
        mlf__buf_printf(out,
                        "<rect data-n=\"%" PRId64 "\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                        "height=\"%.1f\" fill=\"%s\"/>\n",
                        trial->number, x, mlf__study_y(&panel, -(double)trial->number) - bar / 2,
                        fmax(1.5, right - x), bar, states[trial->state].colour);
    }
    add_state_legend(&panel, out);
    *height = panel.top + panel.height + (n_drawn < n_timed ? 66 : 48);
    mlf__study_note(out, *height - 8, n_drawn, n_timed, "trials");
    return MLF_OK;
}
