/* SPDX-License-Identifier: Apache-2.0 */
/* Successive halving, asynchronous: Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020
 * (arXiv 1810.05934), algorithm 2. Rung k lies at min_resource * factor^(rate + k) steps; a trial that gets there goes on when its
 * value is among the best 1 / factor of those that got there before. Rules and defaults are those of Optuna 5's
 * SuccessiveHalvingPruner. */
#include "core/mem.h"
#include "tuner/pruners/parts.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- one halving ---- */

/* Where the rung lies; false when no step gets there. */
static bool rung_step(const struct mlf__halving *halving, size_t rung, int64_t *out)
{
    int64_t step = halving->min_resource;

    for (int64_t i = 0; i < halving->rate + (int64_t)rung; i++)
        if (__builtin_mul_overflow(step, halving->factor, &step))
            return false;
    *out = step;
    return true;
}

/* Room for the trial's own count, and for one more value at its rung. */
static bool make_room(struct mlf__halving *halving, size_t number, size_t rung)
{
    struct mlf__rung *at;

    if (rung >= halving->n_rungs) {
        if (mlf__grow((void **)&halving->rungs, &halving->cap_rungs, rung + 1,
                      sizeof(*halving->rungs)) != MLF_OK)
            return false;
        memset(halving->rungs + halving->n_rungs, 0,
               (rung + 1 - halving->n_rungs) * sizeof(*halving->rungs));
        halving->n_rungs = rung + 1;
    }
    if (number >= halving->n_completed) {
        if (mlf__grow((void **)&halving->completed, &halving->cap_completed, number + 1, 1) !=
            MLF_OK)
            return false;
        memset(halving->completed + halving->n_completed, 0, number + 1 - halving->n_completed);
        halving->n_completed = number + 1;
    }
    at = &halving->rungs[rung];
    return mlf__grow((void **)&at->values, &at->cap, at->n + 1, sizeof(*at->values)) == MLF_OK;
}

/* Enters |value| at the rung: is it among the best 1 / factor there, itself counted? */
static bool is_promoted(struct mlf__halving *halving, const struct mlf__history *history,
                        size_t rung, double value)
{
    struct mlf__rung *at = &halving->rungs[rung];
    size_t n_better = 0;

    for (size_t i = 0; i < at->n; i++)
        n_better += mlf__history_is_better(history, 0, at->values[i], value);
    at->values[at->n++] = value;
    if (at->n <= (size_t)halving->bootstrap)
        return false;
    size_t n_promoted = at->n / (size_t)halving->factor;
    return n_better < (n_promoted > 0 ? n_promoted : 1);
}

bool mlf__halving_prune(struct mlf__halving *halving, const struct mlf__history *history,
                        const struct mlf__trial *trial, size_t at)
{
    size_t number = (size_t)trial->number;
    int64_t step = trial->intermediate[at].step, needed;
    double value = trial->intermediate[at].value;

    for (;;) {
        size_t rung = number < halving->n_completed ? halving->completed[number] : 0;
        if (!rung_step(halving, rung, &needed) || step < needed)
            return false;
        if (isnan(value))
            return true;
        if (!make_room(halving, number, rung))
            return false;
        halving->completed[number]++;
        if (!is_promoted(halving, history, rung, value))
            return true;
    }
}

void mlf__halving_free(struct mlf__halving *halving)
{
    for (size_t i = 0; i < halving->n_rungs; i++)
        mlf__free(halving->rungs[i].values);
    mlf__free(halving->rungs);
    mlf__free(halving->completed);
    memset(halving, 0, sizeof(*halving));
}

int64_t mlf__halving_last_step(const struct mlf__history *history, size_t n_told)
{
    int64_t last = -1;

    for (size_t i = 0; i < n_told; i++) {
        const struct mlf__trial *trial = history->trials[history->told[i]];
        if (trial->state != MLF_TRIAL_COMPLETE || trial->n_intermediate == 0)
            continue;
        int64_t step = trial->intermediate[trial->n_intermediate - 1].step;
        last = step > last ? step : last;
    }
    return last;
}

mlf_status mlf__halving_parse_resource(const char *key, const char *text, int64_t *out)
{
    *out = 0;
    if (text == NULL || strcmp(text, "auto") == 0)
        return MLF_OK;
    if (!mlf__parse_i64(text, out) || *out < 1 || *out > INT64_C(1) << 53)
        return mlf__fail(MLF_ERR_INVAL,
                         "pruner: %s=%s: expected auto, or an integer from 1 to 2^53", key, text);
    return MLF_OK;
}

void mlf__halving_replay(struct mlf__pruner *pruner,
                         bool (*ask)(struct mlf__pruner *pruner, const struct mlf__trial *trial,
                                     size_t at, size_t n_told))
{
    const struct mlf__history *history = pruner->history;

    for (size_t i = 0; i < history->n_told; i++) {
        const struct mlf__trial *trial = history->trials[history->told[i]];
        for (size_t at = 0; at < trial->n_intermediate; at++)
            ask(pruner, trial, at, i);
    }
}

/* ---- the pruner ---- */

struct options {
    char *min_resource;
    int64_t factor, rate, bootstrap;
};

static const struct mlf__setting settings[] = {
    /* steps to the first rung; auto: a hundredth of the longest trial's (min_resource) */
    {"min_resource", MLF__SETTING_TEXT, offsetof(struct options, min_resource)},
    /* reduction_factor */
    {"factor", MLF__SETTING_INT, offsetof(struct options, factor), 2, 1e6, 4},
    /* rungs that are left out at the beginning (min_early_stopping_rate) */
    {"rate", MLF__SETTING_INT, offsetof(struct options, rate), 0, 62, 0},
    /* values at a rung before a trial gets past it (bootstrap_count) */
    {"bootstrap", MLF__SETTING_INT, offsetof(struct options, bootstrap), 0, 1e9, 0},
    {0}};

static bool ask(struct mlf__pruner *pruner, const struct mlf__trial *trial, size_t at,
                size_t n_told)
{
    struct mlf__halving *halving = pruner->state;

    if (halving->min_resource == 0) {
        int64_t last = mlf__halving_last_step(pruner->history, n_told);
        if (last < 0)
            return false;
        halving->min_resource = last / 100 > 1 ? last / 100 : 1;
    }
    return mlf__halving_prune(halving, pruner->history, trial, at);
}

static mlf_status open_halving(struct mlf__pruner *pruner)
{
    const struct options *options = pruner->settings;
    struct mlf__halving *halving = pruner->state;
    mlf_status status =
        mlf__halving_parse_resource("min_resource", options->min_resource, &halving->min_resource);

    if (status != MLF_OK)
        return status;
    halving->factor = options->factor;
    halving->rate = options->rate;
    halving->bootstrap = options->bootstrap;
    if (halving->bootstrap > 0 && halving->min_resource == 0)
        return mlf__fail(MLF_ERR_INVAL,
                         "pruner halving: bootstrap=%" PRId64
                         " needs a min_resource that is not auto",
                         halving->bootstrap);
    mlf__halving_replay(pruner, ask);
    return MLF_OK;
}

static void close_halving(struct mlf__pruner *pruner)
{
    mlf__halving_free(pruner->state);
}

static bool should_prune(struct mlf__pruner *pruner, const struct mlf__trial *trial)
{
    return ask(pruner, trial, trial->n_intermediate - 1, pruner->history->n_told);
}

const struct mlf__pruner_ops mlf__pruner_halving = {.name = "halving",
                                                    .state_size = sizeof(struct mlf__halving),
                                                    .settings = settings,
                                                    .settings_size = sizeof(struct options),
                                                    .open = open_halving,
                                                    .close = close_halving,
                                                    .should_prune = should_prune};
