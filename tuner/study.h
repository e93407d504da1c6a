/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a study: shared by the public calls, the study's log and `mlf tune`.
 *
 * THREADS: one mutex guards everything of a study but its constant parts. Objectives, callbacks and stores are never
 * called with it held; events are put into the session with it held, so that the store sees trials in the order in
 * which they finished. */
#ifndef MLF_TUNER_STUDY_H
#define MLF_TUNER_STUDY_H

#include "core/event.h"
#include "tuner/pruner.h"
#include "tuner/sampler.h"

#include <pthread.h>

struct mlf__study_log;

/* Where the study's events go: the session of this process (NULL: that), or the ring of `mlf tune`. */
struct mlf__study_sink {
    mlf_status (*emit)(void *user, const struct mlf__event *event);
    /* Waits until everything emitted is stored. */
    mlf_status (*flush)(void *user);
    const struct mlf__config *config; /* store, experiment, folder; its run_id is the study's run */
    void *user;
};

struct mlf__callback {
    mlf_trial_callback *fn;
    void *user;
};

struct mlf_trial {
    struct mlf_study *study;
    struct mlf__trial *row;
    struct mlf_trial *next; /* of the study's trials that are going on */
    struct mlf__joint joint;
    size_t n_told; /* what had finished when it was asked for: its view */
    mlf_run *run;  /* set while an objective runs; NULL else */
};

struct mlf_study {
    pthread_mutex_t lock;
    char *name;
    char *metrics[MLF__OBJECTIVES_MAX];
    char *sampler_text, *pruner_text; /* as they were given */
    uint64_t seed;
    struct mlf__history history;
    struct mlf__sampler *sampler;
    struct mlf__pruner *pruner;
    struct mlf_trial *going; /* trials that are going on */
    struct mlf__callback *callbacks;
    size_t n_callbacks, cap_callbacks;
    bool optimizing, stop;
    struct mlf__study_log *log; /* NULL in memory */
};

/* mlf_study_create() and mlf_study_load() with a sink of the caller's, which outlives the study. */
mlf_status mlf__study_create_in(const mlf_study_options *options,
                                const struct mlf__study_sink *sink, mlf_study **out);
mlf_status mlf__study_load_in(const char *study, const mlf_study_options *options,
                              const struct mlf__study_sink *sink, mlf_study **out);
/* Begins a trial whose values are all drawn now, by |dists| (|n| of them, |names| beside them). */
mlf_status mlf__study_ask_all(mlf_study *study, const char *const *names,
                              const struct mlf__dist *dists, size_t n, mlf_trial **out);
/* As mlf_suggest_…(), by a distribution. */
mlf_status mlf__suggest(mlf_trial *trial, const char *name, const struct mlf__dist *dist,
                        double *out);
/* Writes best trial and n_trials to the parent run; at the end of an optimisation, and of `mlf tune`. |n_trials| 0: as
 * they are. */
mlf_status mlf__study_log_result(mlf_study *study, int64_t n_trials);
/* Adds a trial as a whole, finished, with values that were found elsewhere; for benchmarks and imports. |params| are
 * taken as they are. Not logged. */
mlf_status mlf__study_add_finished(mlf_study *study, const struct mlf__param_value *params, size_t n,
                                   const double *values, size_t n_values);

void mlf__study_lock(mlf_study *study);
void mlf__study_unlock(mlf_study *study);

#endif
