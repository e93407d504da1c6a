/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a study: shared by the public calls, the study's log and `mlf tune`.
 *
 * THREADS: one mutex guards everything of a study but its constant parts and |stop|; a forked child may not take it.
 * Objectives, callbacks and stores are never called with it held; events are put into the session with it held, so
 * that the store sees trials in the order in which they finished. */
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

/* How a parameter was asked for last: the same again needs no checks. */
struct mlf__definition {
    bool known;
    double low, high, step; /* as they were given, before any adjustment; of choices: NaN */
    uint32_t dist;          /* what they stand for */
};

struct mlf_trial {
    struct mlf_study *study;
    struct mlf__trial *row;
    struct mlf_trial *next; /* of the study's trials that are going on */
    struct mlf__joint joint;
    size_t n_told;     /* what had finished when it was asked for: its view */
    mlf_run *run;      /* once it was needed */
    bool in_objective; /* an optimisation tells it, once its objective has returned */
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
    struct mlf_trial *going;             /* trials that are going on */
    struct mlf__definition *definitions; /* by the number of the name */
    size_t n_definitions, cap_definitions;
    struct mlf__callback *callbacks;
    size_t n_callbacks, cap_callbacks;
    bool optimizing;
    bool destroyed;    /* by the caller, while it optimises: freed by the end of the optimisation */
    _Atomic bool stop; /* set without the mutex, since signal handlers do */
    unsigned forks;    /* how many lay behind the process that made it */
    struct mlf__study_log *log; /* NULL in memory */
};

/* mlf_study_create() and mlf_study_load() with a sink of the caller's, which outlives the study. */
mlf_status mlf__study_create_in(const mlf_study_options *options,
                                const struct mlf__study_sink *sink, mlf_study **out);
mlf_status mlf__study_load_in(const char *study, const mlf_study_options *options,
                              const struct mlf__study_sink *sink, mlf_study **out);
/* mlf_study_tell(); |has_metrics|: the program logged its values itself. */
mlf_status mlf__study_tell(mlf_study *study, mlf_trial *trial, mlf_trial_state state,
                           const double *values, size_t n_values, bool has_metrics);
/* Locks the study for a call. MLF_ERR_STATE, and nothing is locked, in a forked child: a thread that is not there may hold the
 * mutex, and what the child logs would end its parent's trials. */
mlf_status mlf__study_enter(mlf_study *study);
/* Was this process forked from the one that made the study? */
bool mlf__study_is_forked(const mlf_study *study);
/* Is there nothing left to try? */
bool mlf__study_is_exhausted(mlf_study *study);
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
mlf_status mlf__study_add_finished(mlf_study *study, const struct mlf__param_value *params,
                                   size_t n, const double *values, size_t n_values);

/* ---- with the mutex held ---- */

mlf_status mlf__study_ask_locked(mlf_study *study, mlf_trial **out);
/* Notes that parameter |name| has |dist|, when it is not known yet. */
mlf_status mlf__study_define(mlf_study *study, uint32_t name, uint32_t dist);
/* A copy for the caller; |*out| is empty on failure. */
mlf_status mlf__study_record(const mlf_study *study, const struct mlf__trial *trial,
                             mlf_trial_record *out);

void mlf__study_lock(mlf_study *study);
void mlf__study_unlock(mlf_study *study);

#endif
