/* SPDX-License-Identifier: Apache-2.0 */
/* Percentile pruner: ends a trial whose best value so far is worse than a percentile of what the complete trials had reported at
 * the same step. Rules and defaults are those of Optuna 5's PercentilePruner; Golovin et al., "Google Vizier", KDD 2017,
 * §3.2.2 has the idea. */
#include "core/mem.h"
#include "tuner/pruners/parts.h"

#include <gsl/gsl_statistics_double.h>
#include <math.h>

static const struct mlf__setting settings[] = {
    {"percentile", MLF__SETTING_FLOAT, offsetof(struct mlf__percentile, percentile), 0, 100, 25},
    /* complete trials before anything is pruned (n_startup_trials) */
    {"startup", MLF__SETTING_INT, offsetof(struct mlf__percentile, startup), 0, 1e9, 5},
    /* steps before a trial is looked at (n_warmup_steps) */
    {"warmup", MLF__SETTING_INT, offsetof(struct mlf__percentile, warmup), 0, 1e15, 0},
    /* steps from one look to the next (interval_steps) */
    {"interval", MLF__SETTING_INT, offsetof(struct mlf__percentile, interval), 1, 1e15, 1},
    /* complete trials that must have a value at the step (n_min_trials) */
    {"min_trials", MLF__SETTING_INT, offsetof(struct mlf__percentile, min_trials), 1, 1e9, 1},
    {0}};

bool mlf__pruner_is_due(const struct mlf__trial *trial, int64_t warmup, int64_t interval)
{
    size_t n = trial->n_intermediate;
    int64_t step = n > 0 ? trial->intermediate[n - 1].step : -1;

    if (step < warmup || step < 0)
        return false;
    int64_t due = (step - warmup) / interval * interval + warmup;
    return n < 2 || trial->intermediate[n - 2].step < due;
}

double mlf__pruner_best(const struct mlf__history *history, const struct mlf__intermediate *reports,
                        size_t n)
{
    double best = NAN;

    for (size_t i = 0; i < n; i++) {
        double value = reports[i].value;
        if (!isnan(value) && (isnan(best) || mlf__history_is_better(history, 0, value, best)))
            best = value;
    }
    return best;
}

/* What |trial| reported at |step|; NaN also when it did not. */
static double value_at(const struct mlf__trial *trial, int64_t step, bool *has)
{
    size_t low = 0, high = trial->n_intermediate;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (trial->intermediate[middle].step < step)
            low = middle + 1;
        else
            high = middle;
    }
    *has = low < trial->n_intermediate && trial->intermediate[low].step == step;
    return *has ? trial->intermediate[low].value : NAN;
}

/* Linear between the two values at either side. GSL's own interpolation weighs both, and so misses their value by
 * rounding when they are equal: then a trial that is as good as all others would be pruned. */
static double percentile_of(double *values, size_t n, double percent)
{
    double place = percent / 100 * (double)(n - 1);
    size_t below = (size_t)place;
    double low = gsl_stats_select(values, 1, n, below);

    if (below + 1 >= n || place == (double)below)
        return low;
    double high = gsl_stats_select(values, 1, n, below + 1);
    return low == high ? low : low + (high - low) * (place - (double)below);
}

/* The percentile of the complete trials' values at |step|; NaN when too few have one. */
static double reference(const struct mlf__percentile *options, const struct mlf__history *history,
                        int64_t step)
{
    double *values = mlf__alloc(history->n_told * sizeof(*values));
    size_t n_reported = 0, n = 0;
    double result = NAN;

    for (size_t i = 0; values != NULL && i < history->n_told; i++) {
        const struct mlf__trial *trial = history->trials[history->told[i]];
        bool has = false;
        double value = trial->state == MLF_TRIAL_COMPLETE ? value_at(trial, step, &has) : NAN;
        n_reported += has;
        if (!isnan(value))
            values[n++] = value;
    }
    if (n > 0 && n_reported >= (size_t)options->min_trials)
        result = percentile_of(values, n,
                               history->directions[0] == MLF_MAXIMIZE ? 100 - options->percentile
                                                                      : options->percentile);
    mlf__free(values);
    return result;
}

bool mlf__percentile_prune(const struct mlf__percentile *options,
                           const struct mlf__history *history, const struct mlf__trial *trial)
{
    size_t n_complete = 0;

    for (size_t i = 0; i < history->n_told; i++)
        n_complete += history->trials[history->told[i]]->state == MLF_TRIAL_COMPLETE;
    if (n_complete == 0 || n_complete < (size_t)options->startup ||
        !mlf__pruner_is_due(trial, options->warmup, options->interval))
        return false;
    double best = mlf__pruner_best(history, trial->intermediate, trial->n_intermediate);
    if (isnan(best))
        return true;
    double bound = reference(options, history, trial->intermediate[trial->n_intermediate - 1].step);
    return !isnan(bound) && mlf__history_is_better(history, 0, bound, best);
}

static bool should_prune(struct mlf__pruner *pruner, const struct mlf__trial *trial)
{
    return mlf__percentile_prune(pruner->settings, pruner->history, trial);
}

const struct mlf__pruner_ops mlf__pruner_percentile = {.name = "percentile",
                                                       .settings = settings,
                                                       .settings_size =
                                                           sizeof(struct mlf__percentile),
                                                       .should_prune = should_prune};
