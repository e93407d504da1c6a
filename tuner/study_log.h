/* SPDX-License-Identifier: Apache-2.0 */
/* A study in a store: its parent run, its trials' runs, and reading them back.
 *
 * The parent run has params n_trials, sampler, pruner and, at the end, the best trial's; tags mlf.study (JSON: version, metrics,
 * directions, sampler, pruner, seed), mlf.study.space (JSON: the history's distributions by number, so that a
 * trial names them by number; grows, and is written before the first trial that needs the new part) and mlf.study.owner. A
 * trial's run has its params, the objective's points, and tag mlf.trial, JSON of what the history keeps: number, state, values, params
 * with their distribution's number, intermediate values, constraints, attributes, generation, place in
 * the order of finishing. A tag longer than MLflow allows goes on in mlf.trial.1, mlf.trial.2 …; docs/design/study.md has the
 * format. One driver owns a study: a lock file in the spool (OFD lock) keeps others of this machine away, the tag
 * mlf.study.owner with host, pid and time those of other machines. All calls with the study's mutex held, except
 * where it says otherwise. */
#ifndef MLF_TUNER_STUDY_LOG_H
#define MLF_TUNER_STUDY_LOG_H

#include "tuner/study.h"

/* Begins the parent run of a new study, and owns it. |sink| NULL: this process's session. */
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

/* For an objective of this process: the trial's run as the thread's active one, and no more. Without the mutex. */
mlf_status mlf__study_log_enter(struct mlf__study_log *log, const struct mlf__trial *trial,
                                mlf_run **out);
void mlf__study_log_leave(struct mlf__study_log *log, mlf_run *run);

#endif
