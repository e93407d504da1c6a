/* SPDX-License-Identifier: Apache-2.0 */
/* What a study knows: its trials, in memory, laid out for samplers. Parameter names and distributions are numbered; a
 * trial keeps 16 bytes per parameter. Guarded by the study's mutex; pointers to trials stay valid for the
 * history's life. */
#ifndef MLF_TUNER_HISTORY_H
#define MLF_TUNER_HISTORY_H

#include "tuner/space.h"

#include <mlf/tuner.h>

enum {
    MLF__OBJECTIVES_MAX = 16,
    /* Bytes of a trial's attributes and constraints, and of the values that it was enqueued with, each pair counted with
     * some more: so much goes into the store's tags in any case. */
    MLF__NOTES_MAX = 65536,
    MLF__NOTE_BYTES = 32
};

struct mlf__param_value {
    uint32_t name; /* in mlf__history.names */
    uint32_t dist; /* in mlf__history.dists */
    double value;
};

struct mlf__intermediate {
    int64_t step;
    double value;
};

struct mlf__key_number {
    char *key;
    double value;
};

/* What few trials have. */
struct mlf__trial_extra {
    mlf_pair *attrs;
    size_t n_attrs, cap_attrs;
    struct mlf__key_number *constraints;
    size_t n_constraints, cap_constraints;
    mlf_pair *fixed; /* given when it was enqueued */
    size_t n_fixed, cap_fixed;
};

struct mlf__trial {
    int64_t number;
    uint8_t state; /* mlf_trial_state */
    uint8_t
        n_values; /* 0, 1 (also of a pruned one: its last reported value), or one per objective */
    bool constrained;   /* has a constraint */
    size_t told;        /* its place in mlf__history.told; SIZE_MAX before it has finished */
    int64_t generation; /* the sampler's own mark, kept in the store; -1: none */
    double violation;   /* sum of positive constraint values: 0 is feasible */
    double value;       /* values[0]; NaN when there is none */
    double *values;     /* NULL with one objective: then it is |value| */
    struct mlf__param_value *params; /* in the order of asking */
    uint32_t n_params, cap_params;
    struct mlf__intermediate *intermediate; /* by step, no step twice */
    uint32_t n_intermediate, cap_intermediate;
    struct mlf__trial_extra *extra; /* NULL: nothing */
    /* While it goes on: the values that were chosen together for it, also those that it has not asked for yet.
     * NULL else. Borrowed. */
    const struct mlf__joint *joint;
    char run_id[33];          /* "" in memory */
    int64_t start_ms, end_ms; /* -1: not yet */
};

/* Finds a number by the hash of what it stands for: open addressing, a power of two of slots. */
struct mlf__index {
    struct mlf__index_slot {
        uint32_t hash;
        uint32_t number; /* plus 1; 0: free */
    } * slots;
    size_t n_slots, used;
};

struct mlf__history {
    size_t n_objectives;
    mlf_direction directions[MLF__OBJECTIVES_MAX];
    struct mlf__trial **trials; /* by number: trials[k]->number == k */
    size_t n_trials, cap_trials;
    char **names;
    size_t n_names, cap_names;
    struct mlf__dist *dists; /* no two equal */
    size_t n_dists, cap_dists;
    uint32_t *told; /* numbers of finished trials in the order in which they finished */
    size_t n_told, cap_told;
    uint32_t *running; /* numbers of the trials that are going on, ascending */
    size_t n_running, cap_running;
    size_t n_waiting;
    size_t first_waiting; /* no trial below it waits */
    struct mlf__trial *best;
    struct mlf__index name_index, dist_index;
};

void mlf__history_free(struct mlf__history *history);
/* The number of |name|, entered when new. */
mlf_status mlf__history_name(struct mlf__history *history, const char *name, uint32_t *out);
/* Is there |name|? Then |*out| is its number. */
bool mlf__history_find_name(const struct mlf__history *history, const char *name, uint32_t *out);
/* The number of a distribution equal to |dist|, entered (copied) when new. */
mlf_status mlf__history_dist(struct mlf__history *history, const struct mlf__dist *dist,
                             uint32_t *out);
/* A new trial, WAITING or RUNNING, with the next number. A RUNNING one starts now; who knows better sets start_ms
 * afterwards. */
mlf_status mlf__history_add(struct mlf__history *history, mlf_trial_state state,
                            struct mlf__trial **out);
/* The waiting trial with the lowest number; NULL when none waits. */
struct mlf__trial *mlf__history_next_waiting(struct mlf__history *history);
/* WAITING becomes RUNNING. */
mlf_status mlf__history_start(struct mlf__history *history, struct mlf__trial *trial);
/* RUNNING becomes WAITING again: it could not begin. */
void mlf__history_unstart(struct mlf__history *history, struct mlf__trial *trial);
mlf_status mlf__trial_set_param(struct mlf__trial *trial, uint32_t name, uint32_t dist,
                                double value);
/* NULL when the trial has none of that name. */
const struct mlf__param_value *mlf__trial_param(const struct mlf__trial *trial, uint32_t name);
/* MLF_ERR_EXISTS when the step was reported already. */
mlf_status mlf__trial_add_intermediate(struct mlf__trial *trial, int64_t step, double value);
/* The extra part, made when there is none; NULL when out of memory. */
struct mlf__trial_extra *mlf__trial_extra(struct mlf__trial *trial);
/* Sets |key| among |*pairs|; another value takes the place of the first one. */
mlf_status mlf__pairs_set(mlf_pair **pairs, size_t *n, size_t *cap, const char *key,
                          const char *value);
/* NULL when there is none. */
const char *mlf__pairs_get(const mlf_pair *pairs, size_t n, const char *key);
/* Also counts the value into the trial's violation. MLF_ERR_EXISTS when the key has a value. */
mlf_status mlf__trial_add_constraint(struct mlf__trial *trial, const char *key, double value);
/* RUNNING becomes |state|, with |n| values (NULL, 0: none; of a pruned one the value at the highest step is taken here). It ends
 * now, unless end_ms is set. */
mlf_status mlf__history_finish(struct mlf__history *history, struct mlf__trial *trial,
                               mlf_trial_state state, const double *values, size_t n);

static inline const double *mlf__trial_values(const struct mlf__trial *trial)
{
    return trial->values != NULL ? trial->values : &trial->value;
}
/* Is |a| a better value than |b| of objective |objective|? */
bool mlf__history_is_better(const struct mlf__history *history, size_t objective, double a,
                            double b);
/* The best feasible complete trial; NULL when there is none. Kept up to date as trials finish: no search. */
struct mlf__trial *mlf__history_best(const struct mlf__history *history);

/* What a sampler may know when it chooses for |trial|: the first |n_told| of the finished trials, and as going on every other
 * trial with a lower number that was asked for. Taken when the trial was asked for, so that its values depend on
 * nothing that came later. */
struct mlf__view {
    const struct mlf__history *history;
    size_t n_told;
    const struct mlf__trial *trial;
};

/* The parameters that all finished trials have, with one and the same distribution; sorted by name. Grown trial by
 * trial: what has dropped out does not come back. */
struct mlf__joint_space {
    bool begun;
    uint32_t *names, *dists;
    size_t n;
    size_t n_seen; /* of mlf__history.told */
};
/* Takes in what was told since, up to |n_told|; pruned trials count when |with_pruned|, failed ones never. Single
 * distributions are kept here, and left to whoever samples. */
mlf_status mlf__joint_space_update(struct mlf__joint_space *space,
                                   const struct mlf__history *history, size_t n_told,
                                   bool with_pruned);
void mlf__joint_space_free(struct mlf__joint_space *space);

#endif
