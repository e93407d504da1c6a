/* SPDX-License-Identifier: Apache-2.0 */
/* Pruners: would a trial, by what it has reported so far, better be ended? One table of functions each, one file each
 * in pruners/, one line each in the registry. Called with the study's mutex held. Where a pruner keeps something
 * per trial, that follows from the trial's reports alone, so that it is the same after a study was read back. */
#ifndef MLF_TUNER_PRUNER_H
#define MLF_TUNER_PRUNER_H

#include "tuner/history.h"
#include "tuner/settings.h"

struct mlf__pruner {
    const struct mlf__pruner_ops *ops;
    void *state;    /* ops->state_size bytes, zeroed before open */
    void *settings; /* ops->settings_size bytes, filled in */
    const struct mlf__history *history;
    char *study_name;
    struct mlf__pruner *inner; /* what this one wraps; NULL: nothing */
};

struct mlf__pruner_ops {
    const char *name;
    size_t state_size;
    const struct mlf__setting *settings; /* NULL: none */
    size_t settings_size;
    bool wraps; /* takes an inner pruner */

    /* Optional. After a failure |close| is called too. */
    mlf_status (*open)(struct mlf__pruner *pruner);
    void (*close)(struct mlf__pruner *pruner); /* optional */
    /* Asked after a report; |trial| has at least one. */
    bool (*should_prune)(struct mlf__pruner *pruner, const struct mlf__trial *trial);
};

extern const struct mlf__pruner_ops mlf__pruner_none, mlf__pruner_percentile, mlf__pruner_median,
    mlf__pruner_halving, mlf__pruner_hyperband, mlf__pruner_patient, mlf__pruner_threshold,
    mlf__pruner_wilcoxon;

/* As mlf__sampler_open(). */
mlf_status mlf__pruner_open(const char *text, const struct mlf__history *history,
                            const char *study_name, struct mlf__pruner **out);
void mlf__pruner_close(struct mlf__pruner *pruner); /* NULL is fine */
bool mlf__pruner_should_prune(struct mlf__pruner *pruner, const struct mlf__trial *trial);
const char *mlf__pruner_names(void);

#endif
