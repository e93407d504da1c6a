/* SPDX-License-Identifier: Apache-2.0 */
/* Patient pruner: lets another pruner decide, or ends the trial when there is none, only once the trial has not improved for a
 * number of reports. Rules as Optuna 5's PatientPruner. */
#include "tuner/pruners/parts.h"

#include <math.h>

struct patient {
    int64_t patience;
    double min_delta;
};

static const struct mlf__setting settings[] = {
    /* reports without an improvement that are put up with */
    {"patience", MLF__SETTING_INT, offsetof(struct patient, patience), 0, 1e9, 1},
    /* what is too small to count as one */
    {"min_delta", MLF__SETTING_FLOAT, offsetof(struct patient, min_delta), 0, INFINITY, 0},
    {0}};

static bool should_prune(struct mlf__pruner *pruner, const struct mlf__trial *trial)
{
    const struct patient *options = pruner->settings;
    const struct mlf__history *history = pruner->history;
    size_t n_late = (size_t)options->patience + 1;

    if (trial->n_intermediate <= n_late)
        return false;
    size_t n_early = trial->n_intermediate - n_late;
    double early = mlf__pruner_best(history, trial->intermediate, n_early);
    double late = mlf__pruner_best(history, trial->intermediate + n_early, n_late);
    if (isnan(early) || isnan(late))
        return false;
    bool worse = history->directions[0] == MLF_MAXIMIZE ? early - options->min_delta > late
                                                        : early + options->min_delta < late;
    return worse && (pruner->inner == NULL || mlf__pruner_should_prune(pruner->inner, trial));
}

const struct mlf__pruner_ops mlf__pruner_patient = {.name = "patient",
                                                    .settings = settings,
                                                    .settings_size = sizeof(struct patient),
                                                    .wraps = true,
                                                    .should_prune = should_prune};
