/* SPDX-License-Identifier: Apache-2.0 */
/* A study without a study: what tests of one sampler need of ask, suggest and tell. Everything that fails ends the test. */
#ifndef MLF_TESTS_SAMPLER_LOOP_H
#define MLF_TESTS_SAMPLER_LOOP_H

#include "core/mem.h"
#include "tuner/sampler.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct loop {
    struct mlf__history history;
    struct mlf__sampler *sampler;
};

struct loop_trial {
    struct mlf__trial *row;
    struct mlf__joint joint;
    size_t n_told;
};

static inline void loop_must(mlf_status status, const char *what)
{
    if (status == MLF_OK)
        return;
    printf("Bail out! %s: %s\n", what, mlf__errmsg());
    exit(1);
}

static inline void loop_open(struct loop *loop, const char *sampler, uint64_t seed,
                             size_t n_objectives)
{
    *loop = (struct loop){.history = {.n_objectives = n_objectives}};
    loop_must(mlf__sampler_open(sampler, &loop->history, seed, &loop->sampler), sampler);
}

static inline void loop_close(struct loop *loop)
{
    mlf__sampler_close(loop->sampler);
    mlf__history_free(&loop->history);
}

static inline struct loop_trial loop_ask(struct loop *loop)
{
    struct loop_trial trial = {.n_told = loop->history.n_told};
    loop_must(mlf__history_add(&loop->history, MLF_TRIAL_RUNNING, &trial.row), "add");
    struct mlf__view view = {&loop->history, trial.n_told, trial.row};
    loop_must(mlf__sampler_ask(loop->sampler, &view, &trial.joint), "ask");
    trial.row->generation = trial.joint.generation;
    return trial;
}

static inline double loop_set(struct loop *loop, struct loop_trial *trial, const char *name,
                              struct mlf__dist *dist, const double *fixed)
{
    uint32_t name_at, dist_at;
    double value = 0;

    loop_must(mlf__history_name(&loop->history, name, &name_at), name);
    loop_must(mlf__history_dist(&loop->history, dist, &dist_at), name);
    size_t found = 0;
    while (found < trial->joint.n && trial->joint.params[found].name != name_at)
        found++;
    if (fixed != NULL) {
        value = *fixed;
    } else if (mlf__dist_is_single(dist)) {
        value = dist->low;
    } else if (found < trial->joint.n &&
               mlf__dist_contains(dist, trial->joint.params[found].value)) {
        value = trial->joint.params[found].value;
    } else {
        struct mlf__view view = {&loop->history, trial->n_told, trial->row};
        loop_must(loop->sampler->ops->suggest(loop->sampler, &view, name_at, dist_at, &value),
                  name);
    }
    mlf__dist_free(dist);
    loop_must(mlf__trial_set_param(trial->row, name_at, dist_at, value), name);
    return value;
}

static inline double loop_float(struct loop *loop, struct loop_trial *trial, const char *name,
                                double low, double high, double step, bool log)
{
    struct mlf__dist dist;
    loop_must(mlf__dist_float(name, low, high, step, log, &dist), name);
    return loop_set(loop, trial, name, &dist, NULL);
}

static inline double loop_int(struct loop *loop, struct loop_trial *trial, const char *name,
                              int64_t low, int64_t high, bool log)
{
    struct mlf__dist dist;
    loop_must(mlf__dist_int(name, low, high, 1, log, &dist), name);
    return loop_set(loop, trial, name, &dist, NULL);
}

static inline size_t loop_choice(struct loop *loop, struct loop_trial *trial, const char *name,
                                 const char *const *choices, size_t n)
{
    struct mlf__dist dist;
    loop_must(mlf__dist_categorical(name, choices, n, &dist), name);
    return (size_t)loop_set(loop, trial, name, &dist, NULL);
}

static inline void loop_tell(struct loop *loop, struct loop_trial *trial, mlf_trial_state state,
                             const double *values, size_t n)
{
    loop_must(mlf__history_finish(&loop->history, trial->row, state, values, n), "finish");
    loop_must(mlf__sampler_tell(loop->sampler, trial->row), "tell");
    mlf__free(trial->joint.params);
    trial->joint.params = NULL;
}

/* The same where the |n|-th allocation of the sampler fails. */
static inline mlf_status loop_tell_failing(struct loop *loop, struct loop_trial *trial,
                                           const double *values, size_t n_values, long n)
{
    loop_must(mlf__history_finish(&loop->history, trial->row, MLF_TRIAL_COMPLETE, values, n_values),
              "finish");
    mlf__alloc_fail_after(n);
    mlf_status status = mlf__sampler_tell(loop->sampler, trial->row);
    mlf__alloc_fail_after(0);
    mlf__free(trial->joint.params);
    trial->joint.params = NULL;
    return status;
}

static inline void loop_tell_value(struct loop *loop, struct loop_trial *trial, double value)
{
    loop_tell(loop, trial, MLF_TRIAL_COMPLETE, &value, 1);
}

#endif
