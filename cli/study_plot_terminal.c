/* SPDX-License-Identifier: Apache-2.0 */
/* A study's summary in the terminal: its best trial, what became of the others, importances, and the history. */
#include "cli/study_plot.h"

#include "cli/table.h"
#include "core/mem.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAME_WIDTH = 24, BAR_WIDTH = 40, BARS_MAX = 20 };

static void add_name(struct mlf__buf *out, const char *name)
{
    size_t width = mlf__text_width(name);

    if (width > NAME_WIDTH) {
        char *cut = mlf__strndup(name, mlf__text_fit(name, NAME_WIDTH - 2));
        mlf__plot_add_plain(out, cut != NULL ? cut : "");
        out->failed = out->failed || cut == NULL;
        mlf__free(cut);
        mlf__buf_puts(out, "..");
        return;
    }
    mlf__plot_add_plain(out, name);
    mlf__buf_printf(out, "%*s", (int)(NAME_WIDTH - width), "");
}

static void add_best(const struct study_plot *plot, struct mlf__buf *out)
{
    const struct mlf__history *history = plot->history;
    char number[MLF__NUMBER_SIZE];

    mlf__buf_puts(out, "best ");
    mlf__plot_add_plain(out, plot->info->metrics[plot->objective]);
    if (plot->best == NULL) {
        mlf__buf_puts(out, ": none, no feasible trial has completed\n");
        return;
    }
    mlf__format_double(number, mlf__study_value(plot, plot->best));
    mlf__buf_printf(out, " %s, trial %" PRId64 "\n", number, plot->best->number);
    for (uint32_t i = 0; i < plot->best->n_params; i++) {
        const struct mlf__param_value *param = &plot->best->params[i];
        mlf__buf_puts(out, "  ");
        add_name(out, history->names[param->name]);
        mlf__buf_puts(out, "  ");
        mlf__plot_add_plain(out,
                            mlf__dist_format(&history->dists[param->dist], param->value, number));
        mlf__buf_puts(out, "\n");
    }
}

static void add_counts(const struct mlf__history *history, struct mlf__buf *out)
{
    static const char *const names[] = {"going on", "complete", "pruned", "failed", "waiting"};
    size_t n[MLF__ARRAY_LEN(names)] = {0};

    for (size_t i = 0; i < history->n_trials; i++)
        if (history->trials[i]->state < MLF__ARRAY_LEN(names))
            n[history->trials[i]->state]++;
    mlf__buf_printf(out, "%zu trial%s", history->n_trials, history->n_trials == 1 ? "" : "s");
    for (size_t i = 0, any = 0; i < MLF__ARRAY_LEN(names); i++)
        if (n[i] > 0)
            mlf__buf_printf(out, "%s%zu %s", any++ > 0 ? ", " : ": ", n[i], names[i]);
    mlf__buf_puts(out, "\n");
}

/* Nothing when there is nothing to tell apart. */
static void add_importances(const struct study_plot *plot, struct mlf__buf *out)
{
    const struct mlf__importances *found = &plot->importances;
    const char *mark = mlf__plot_is_utf8() ? "█" : "#";

    if (plot->n_params == 0 || plot->n_trials < 2)
        return;
    mlf__buf_puts(out, "\nimportances\n");
    for (size_t i = 0; i < found->n && i < BARS_MAX; i++) {
        mlf__buf_puts(out, "  ");
        add_name(out, plot->history->names[found->items[i].name]);
        mlf__buf_printf(out, "  %.3f ", found->items[i].value);
        for (long k = lround(found->items[i].value * BAR_WIDTH); k > 0; k--)
            mlf__buf_puts(out, mark);
        mlf__buf_puts(out, "\n");
    }
}

/* The values as points, each between two gaps, and the best so far as a line of steps. */
static mlf_status add_history(const struct study_plot *plot, struct mlf__buf *out)
{
    struct plot_point *points = mlf__alloc(2 * plot->n_trials * sizeof(*points));
    struct plot_point *steps = mlf__alloc((2 * plot->n_trials + 1) * sizeof(*steps));
    char values[] = "values", best_name[] = "best so far";
    struct plot_series series[] = {{.name = values, .points = points, .n_read = 0},
                                   {.name = best_name, .points = steps, .n_read = 0}};
    struct plot picture = {.metric = plot->info->metrics[plot->objective],
                           .x_title = "trial",
                           .series = series,
                           .n_series = MLF__ARRAY_LEN(series)};
    double best = NAN;
    mlf_status status = points != NULL && steps != NULL ? MLF_OK : MLF_ERR_NOMEM;

    for (size_t i = 0; status == MLF_OK && i < plot->n_trials; i++) {
        const struct mlf__trial *trial = plot->trials[i];
        double value = mlf__study_value(plot, trial), x = (double)trial->number;
        points[series[0].n_points++] = (struct plot_point){x, value};
        points[series[0].n_points++] = (struct plot_point){x, NAN};
        series[0].n_read++;
        if (trial->violation > 0 ||
            (!isnan(best) && !mlf__history_is_better(plot->history, plot->objective, value, best)))
            continue;
        if (!isnan(best))
            steps[series[1].n_points++] = (struct plot_point){x, best};
        steps[series[1].n_points++] = (struct plot_point){x, value};
        series[1].n_read++;
        best = value;
    }
    if (status == MLF_OK && !isnan(best))
        steps[series[1].n_points++] =
            (struct plot_point){(double)(plot->history->n_trials - 1), best};
    if (status == MLF_OK && plot->n_trials > 1) {
        mlf__plot_set_range(&picture.x, 0, (double)(plot->history->n_trials - 1), false);
        mlf__plot_set_range(&picture.y, plot->low, plot->high, plot->log);
        mlf__buf_puts(out, "\n");
        status = mlf__plot_terminal.draw(&picture, out);
    }
    mlf__free(points);
    mlf__free(steps);
    return status;
}

mlf_status mlf__study_terminal(const struct study_plot *plot, struct mlf__buf *out)
{
    mlf__buf_puts(out, "study ");
    mlf__plot_add_plain(out, plot->info->name);
    mlf__buf_printf(out, " (%s)\n", plot->info->run_id);
    add_best(plot, out);
    add_counts(plot->history, out);
    add_importances(plot, out);
    return add_history(plot, out);
}
