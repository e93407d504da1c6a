/* SPDX-License-Identifier: Apache-2.0 */
/* What pruners have in common: median is a percentile, Hyperband several successive halvings. */
#ifndef MLF_TUNER_PRUNERS_PARTS_H
#define MLF_TUNER_PRUNERS_PARTS_H

#include "tuner/pruner.h"

struct mlf__percentile {
    double percentile;
    int64_t startup, warmup, interval, min_trials;
};
bool mlf__percentile_prune(const struct mlf__percentile *settings,
                           const struct mlf__history *history, const struct mlf__trial *trial);

/* Is |trial|'s last report the first one at or behind a step where a pruner with that warm-up and interval acts? */
bool mlf__pruner_is_due(const struct mlf__trial *trial, int64_t warmup, int64_t interval);
/* The best of |n| reports, NaN left out; NaN when there is nothing else. */
double mlf__pruner_best(const struct mlf__history *history, const struct mlf__intermediate *reports,
                        size_t n);

/* One successive halving: what the trials that take part had reported at its rungs. */
struct mlf__halving {
    int64_t min_resource; /* 0: not known yet */
    int64_t factor, rate, bootstrap;
    struct mlf__rung {
        double *values;
        size_t n, cap;
    } * rungs;
    size_t n_rungs, cap_rungs;
    uint8_t *completed; /* rungs that a trial has behind it, by its number */
    size_t n_completed, cap_completed;
};
/* Takes in the report |trial|->intermediate[|at|], the last one so far: would the trial better be ended? */
bool mlf__halving_prune(struct mlf__halving *halving, const struct mlf__history *history,
                        const struct mlf__trial *trial, size_t at);
void mlf__halving_free(struct mlf__halving *halving);
/* The highest step of the complete trials among the first |n_told| that finished; -1: none has reported. */
int64_t mlf__halving_last_step(const struct mlf__history *history, size_t n_told);
/* "auto" (also NULL) is 0, else an integer from 1. MLF_ERR_INVAL names |key|. */
mlf_status mlf__halving_parse_resource(const char *key, const char *text, int64_t *out);

/* Calls |ask| for every report of every finished trial as if they were made again, one trial after the other, so
 * that a pruner of a study that was read back knows what it knew. |n_told|: what had finished before. */
void mlf__halving_replay(struct mlf__pruner *pruner,
                         bool (*ask)(struct mlf__pruner *pruner, const struct mlf__trial *trial,
                                     size_t at, size_t n_told));

#endif
