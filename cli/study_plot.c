/* SPDX-License-Identifier: Apache-2.0 */
/* What pictures of a study are drawn from: its trials that can be drawn, its best one, and its parameters by importance. */
#include "cli/study_plot.h"

#include "core/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct study_picture mlf__study_pictures[MLF__STUDY_PICTURES] = {
    {"history", "Optimization history", "The value of each trial, and the best one so far.", false,
     mlf__study_draw_history},
    {"importances", "Importances",
     "How much each parameter decides whether a trial is among the best tenth (PED-ANOVA).", false,
     mlf__study_draw_importances},
    {"slice", "Slices", "The value over each parameter; later trials are darker.", false,
     mlf__study_draw_slice},
    {"parallel", "Parallel coordinates",
     "A line for each trial, through its value and its parameters; better ones are darker.", true,
     mlf__study_draw_parallel},
    {"contour", "Contours",
     "The value over pairs of the most important parameters, interpolated between trials and "
     "fading where there are none.",
     true, mlf__study_draw_contour},
    {"intermediate", "Intermediate values", "What each trial reported on its way.", false,
     mlf__study_draw_intermediate},
    {"edf", "Distribution of values", "The share of trials that are not above a value.", false,
     mlf__study_draw_edf},
    {"timeline", "Timeline", "When each trial ran, and how it ended.", false,
     mlf__study_draw_timeline},
};

const struct study_picture *mlf__study_picture_find(const char *name)
{
    for (size_t i = 0; i < MLF__STUDY_PICTURES; i++)
        if (strcmp(mlf__study_pictures[i].name, name) == 0)
            return &mlf__study_pictures[i];
    return NULL;
}

double mlf__study_value(const struct study_plot *plot, const struct mlf__trial *trial)
{
    return plot->objective < trial->n_values ? mlf__trial_values(trial)[plot->objective]
                                             : (double)NAN;
}

bool mlf__study_is_drawn(size_t i, size_t n, size_t max)
{
    if (n <= max)
        return true;
    double step = (double)n / (double)max;
    return i == 0 || floor((double)i / step) != floor((double)(i - 1) / step);
}

/* ---- trials ---- */

static int compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

static mlf_status find_range(struct study_plot *plot)
{
    double *values = mlf__alloc(plot->n_trials * sizeof(*values));

    plot->low = plot->high = plot->clear_low = plot->clear_high = NAN;
    if (values == NULL)
        return MLF_ERR_NOMEM;
    for (size_t i = 0; i < plot->n_trials; i++)
        values[i] = mlf__study_value(plot, plot->trials[i]);
    if (plot->n_trials > 0) {
        size_t last = plot->n_trials - 1;
        qsort(values, plot->n_trials, sizeof(*values), compare_doubles);
        plot->low = values[0];
        plot->high = values[last];
        plot->clear_low = values[last / 20];
        plot->clear_high = values[last - last / 20];
    }
    mlf__free(values);
    return MLF_OK;
}

static mlf_status choose_trials(struct study_plot *plot)
{
    const struct mlf__history *history = plot->history;

    plot->trials = mlf__alloc(history->n_trials * sizeof(struct mlf__trial *));
    if (plot->trials == NULL)
        return MLF_ERR_NOMEM;
    for (size_t i = 0; i < history->n_trials; i++) {
        const struct mlf__trial *trial = history->trials[i];
        double value = mlf__study_value(plot, trial);
        if (trial->state != MLF_TRIAL_COMPLETE || !isfinite(value) || (plot->log && !(value > 0)))
            continue;
        plot->trials[plot->n_trials++] = trial;
        if (!(trial->violation > 0) &&
            (plot->best == NULL || mlf__history_is_better(history, plot->objective, value,
                                                          mlf__study_value(plot, plot->best))))
            plot->best = trial;
    }
    return find_range(plot);
}

/* ---- parameters ---- */

/* False when there is nothing to see: one value only. */
static bool make_scale(const struct study_plot *plot, uint32_t name, struct study_scale *out)
{
    double low = INFINITY, high = -INFINITY;
    const struct mlf__dist *dist = NULL;
    bool log = true;

    *out = (struct study_scale){.choices = NULL};
    for (size_t i = 0; i < plot->n_trials; i++) {
        const struct mlf__param_value *param = mlf__trial_param(plot->trials[i], name);
        if (param == NULL || !isfinite(param->value))
            continue;
        dist = &plot->history->dists[param->dist];
        /* An enqueued value may lie where a logarithm has none. */
        log = log && dist->log && param->value > 0;
        low = fmin(low, param->value);
        high = fmax(high, param->value);
    }
    if (dist == NULL || !(low < high))
        return false;
    if (dist->kind == MLF__DIST_CATEGORICAL) {
        out->choices = dist;
        out->axis = (struct plot_axis){.min = -0.5, .max = (double)dist->n_choices - 0.5};
        return true;
    }
    mlf__plot_set_range(&out->axis, low, high, log);
    double margin = (out->axis.max / 2 - out->axis.min / 2) * 0.08;
    out->axis.min -= margin;
    out->axis.max += margin;
    return true;
}

static mlf_status choose_params(struct study_plot *plot)
{
    plot->params = mlf__zalloc(plot->importances.n, sizeof(*plot->params));
    if (plot->params == NULL)
        return MLF_ERR_NOMEM;
    for (size_t i = 0; i < plot->importances.n; i++) {
        struct study_param *param = &plot->params[plot->n_params];
        param->name = plot->importances.items[i].name;
        plot->n_params += make_scale(plot, param->name, &param->scale);
    }
    return MLF_OK;
}

mlf_status mlf__study_plot_make(const struct mlf__study_info *info,
                                const struct mlf__history *history, size_t objective, bool log,
                                struct study_plot *out)
{
    *out =
        (struct study_plot){.info = info, .history = history, .objective = objective, .log = log};
    mlf_status status = choose_trials(out);
    if (status == MLF_OK)
        status = mlf__importances_find(history, objective, true, &out->importances);
    if (status == MLF_OK)
        status = choose_params(out);
    if (status != MLF_OK)
        mlf__study_plot_free(out);
    return status;
}

void mlf__study_plot_free(struct study_plot *plot)
{
    mlf__free(plot->trials);
    mlf__free(plot->params);
    mlf__importances_free(&plot->importances);
    *plot = (struct study_plot){.info = NULL};
}
