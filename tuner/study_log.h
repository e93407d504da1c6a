/* SPDX-License-Identifier: Apache-2.0 */
/* A study in a store: its parent run, its trials' runs, and reading them back. The format is docs/design/study.md.
 *
 * The parent run has tags mlf.study (JSON: version, name, metrics, directions, sampler, pruner, seed), mlf.study.sampler and
 * mlf.study.pruner for people, mlf.study.space.N (JSON: the history's names and distributions by number, so that a trial names
 * them by number; grows, and is written before the first trial that needs the new part), mlf.study.queue.N (the enqueued
 * trial N) and mlf.study.owner; at the end params n_trials and best_child_run_id, the best trial's params, and metric
 * best_<metric>. A trial's run trial_N has its params, the objective's points, and tag mlf.trial, JSON of what the
 * history keeps. A tag longer than MLflow allows goes on in mlf.trial.1, mlf.trial.2 …
 *
 * One driver owns a study: a lock file in the spool (OFD lock) keeps others of this machine away, the tag
 * mlf.study.owner with host, pid and time, renewed by a thread of its own, those of other machines. All calls with
 * the study's mutex held, except where it says otherwise. */
#ifndef MLF_TUNER_STUDY_LOG_H
#define MLF_TUNER_STUDY_LOG_H

#include "tracking/store.h"
#include "tuner/study.h"

/* Begins the parent run of a new study, and owns it. |sink| NULL: this process's session (only where libmlf.so is
 * linked). The study's name, metrics, sampler's and pruner's texts and seed are set. |*out| is NULL while mlf is
 * switched off: the study is kept in memory then. */
mlf_status mlf__study_log_create(mlf_study *study, const struct mlf__study_sink *sink,
                                 struct mlf__study_log **out);
/* Finds the study, owns it, and fills in |study|: name, metrics, directions, seed, sampler's and pruner's texts, history. No
 * other thread knows the study yet. Trials that were going on become FAIL, here and in the store. */
mlf_status mlf__study_log_load(mlf_study *study, const char *which,
                               const struct mlf__study_sink *sink, struct mlf__study_log **out);
/* Ends the parent run as |status| and lets go of the study. */
void mlf__study_log_close(struct mlf__study_log *log, mlf_run_status status);

const char *mlf__study_log_run_id(const struct mlf__study_log *log);
/* The parent run, as a run of this process; NULL with a sink of the caller's. */
mlf_run *mlf__study_log_run(const struct mlf__study_log *log);

/* A trial was enqueued: remembered by the parent, since it has no run yet. */
mlf_status mlf__study_log_enqueue(struct mlf__study_log *log, const struct mlf__trial *trial);
/* A trial begins: its run id is chosen here (row->run_id), and its run starts. */
mlf_status mlf__study_log_ask(struct mlf__study_log *log, struct mlf__trial *trial);
mlf_status mlf__study_log_param(struct mlf__study_log *log, const struct mlf__trial *trial,
                                const struct mlf__param_value *param);
mlf_status mlf__study_log_report(struct mlf__study_log *log, const struct mlf__trial *trial,
                                 int64_t step, double value);
/* The trial has finished: the objectives' values as metrics, unless |has_metrics| (the program logged them itself), tag mlf.trial, and
 * its run ends: FINISHED, a pruned one too, with tag mlf.trial.state; FAILED when it failed. */
mlf_status mlf__study_log_tell(struct mlf__study_log *log, const struct mlf__trial *trial,
                               bool has_metrics);
/* The best trial's params, best_<metric> and best_child_run_id on the parent; n_trials unless 0. Written again when
 * they have changed. */
mlf_status mlf__study_log_best(struct mlf__study_log *log, int64_t n_trials);

/* The trial's run as a run of this process, which lives until the process ends. Entered it is the thread's active one,
 * until mlf__study_log_leave(). Without the mutex. MLF_ERR_UNSUPPORTED with a sink of the caller's. */
mlf_status mlf__study_log_handle(struct mlf__study_log *log, const struct mlf__trial *trial,
                                 mlf_run **out);
mlf_status mlf__study_log_enter(struct mlf__study_log *log, const struct mlf__trial *trial,
                                mlf_run **out);
void mlf__study_log_leave(struct mlf__study_log *log, mlf_run *run);

/* ---- studies of a store, without owning them ---- */

/* A study, as its parent run tells of it. */
struct mlf__study_info {
    char run_id[33];
    char *name; /* the run's */
    char *experiment_id;
    char *metrics[MLF__OBJECTIVES_MAX];
    mlf_direction directions[MLF__OBJECTIVES_MAX];
    size_t n_objectives;
    char *sampler, *pruner;
    uint64_t seed;
    int run_status;           /* mlf_run_status */
    int64_t start_ms, end_ms; /* -1: not over */
};
void mlf__study_info_free(struct mlf__study_info *info);

/* The studies of an experiment (NULL: of all), the latest first. */
mlf_status mlf__study_list(struct mlf__store *store, const char *experiment_id,
                           struct mlf__study_info **out, size_t *n);
/* Reads a study: |which| is the id of its run, the unique beginning of one, or a name in |experiment_id| (NULL: in any; of
 * several the latest; NULL or "": the latest of all). |history| is zeroed by the caller and freed with
 * mlf__history_free(). Trials that are going on are RUNNING in it. MLF_ERR_NOT_FOUND when there is none. */
mlf_status mlf__study_read(struct mlf__store *store, const char *which, const char *experiment_id,
                           struct mlf__study_info *info, struct mlf__history *history);

#endif
