/* SPDX-License-Identifier: Apache-2.0 */
/* Median pruner: the percentile pruner at 50, and what a study uses unless told otherwise. */
#include "tuner/pruners/parts.h"

/* Keys and defaults are those of percentile.c. */
static const struct mlf__setting settings[] = {
    {"startup", MLF__SETTING_INT, offsetof(struct mlf__percentile, startup), 0, 1e9, 5},
    {"warmup", MLF__SETTING_INT, offsetof(struct mlf__percentile, warmup), 0, 1e15, 0},
    {"interval", MLF__SETTING_INT, offsetof(struct mlf__percentile, interval), 1, 1e15, 1},
    {"min_trials", MLF__SETTING_INT, offsetof(struct mlf__percentile, min_trials), 1, 1e9, 1},
    {0}};

static bool should_prune(struct mlf__pruner *pruner, const struct mlf__trial *trial)
{
    struct mlf__percentile half = *(const struct mlf__percentile *)pruner->settings;

    half.percentile = 50;
    return mlf__percentile_prune(&half, pruner->history, trial);
}

const struct mlf__pruner_ops mlf__pruner_median = {.name = "median",
                                                   .settings = settings,
                                                   .settings_size = sizeof(struct mlf__percentile),
                                                   .should_prune = should_prune};
