/* SPDX-License-Identifier: Apache-2.0 */
/* Threshold pruner: ends a trial whose latest value is NaN or leaves a fixed range. Rules as Optuna 5's ThresholdPruner. */
#include "tuner/pruners/parts.h"

#include <math.h>

struct threshold {
    double lower, upper;
    int64_t warmup, interval;
};

static const struct mlf__setting settings[] = {
    {"lower", MLF__SETTING_FLOAT, offsetof(struct threshold, lower), -INFINITY, INFINITY,
     -INFINITY},
    {"upper", MLF__SETTING_FLOAT, offsetof(struct threshold, upper), -INFINITY, INFINITY, INFINITY},
    /* steps before a trial is looked at, and from one look to the next */
    {"warmup", MLF__SETTING_INT, offsetof(struct threshold, warmup), 0, 1e15, 0},
    {"interval", MLF__SETTING_INT, offsetof(struct threshold, interval), 1, 1e15, 1},
    {0}};

static mlf_status open_threshold(struct mlf__pruner *pruner)
{
    const struct threshold *range = pruner->settings;

    if (range->lower == -INFINITY && range->upper == INFINITY)
        return mlf__fail(MLF_ERR_INVAL,
                         "pruner threshold needs lower=NUMBER, upper=NUMBER or both");
    if (!(range->lower <= range->upper))
        return mlf__fail(MLF_ERR_INVAL, "pruner threshold: lower=%g is above upper=%g",
                         range->lower, range->upper);
    return MLF_OK;
}

static bool should_prune(struct mlf__pruner *pruner, const struct mlf__trial *trial)
{
    const struct threshold *range = pruner->settings;

    if (!mlf__pruner_is_due(trial, range->warmup, range->interval))
        return false;
    double value = trial->intermediate[trial->n_intermediate - 1].value;
    return !(value >= range->lower && value <= range->upper);
}

const struct mlf__pruner_ops mlf__pruner_threshold = {.name = "threshold",
                                                      .settings = settings,
                                                      .settings_size = sizeof(struct threshold),
                                                      .open = open_threshold,
                                                      .should_prune = should_prune};
