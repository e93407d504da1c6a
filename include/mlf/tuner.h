/* SPDX-License-Identifier: Apache-2.0 */
/* Tuning: a study searches for the parameter values that make an objective smallest or largest.
 *
 * A study is a parent run, each of its trials a child run trial_N with the values it was given, what the
 * objective logs, and its state. What a study knows lives in the store: mlf_study_load() goes on where another
 * process ended, also one that was killed. Semantics are Optuna's unless said otherwise here.
 *
 * An objective asks for values by mlf_suggest_…(trial, name, …) and gives back one value, or one per
 * objective. A study may be used by any number of threads, a trial by one thread at a time. In a child that was
 * forked, calls on its parent's studies fail with MLF_ERR_STATE. Link with -lmlf_tuner (pkg-config mlf-tuner);
 * <mlf/mlf.h> does not bring this header in. */
#ifndef MLF_TUNER_H
#define MLF_TUNER_H

#include <mlf/run.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A study. Owned by the caller: mlf_study_destroy(). */
typedef struct mlf_study mlf_study;
/** A trial that is going on. Owned by its study; it ends when the trial is told or its objective returns. */
typedef struct mlf_trial mlf_trial;

typedef enum mlf_direction { MLF_MINIMIZE = 0, MLF_MAXIMIZE = 1 } mlf_direction;

/** States of a trial. Numbers are Optuna's. */
typedef enum mlf_trial_state {
    MLF_TRIAL_RUNNING = 0,
    MLF_TRIAL_COMPLETE = 1,
    MLF_TRIAL_PRUNED = 2,
    MLF_TRIAL_FAIL = 3,
    MLF_TRIAL_WAITING = 4 /**< enqueued, not asked for yet */
} mlf_trial_state;

/** Options of mlf_study_create() and mlf_study_load(). */
typedef struct mlf_study_options {
    size_t size;             /**< of this struct, by MLF_STUDY_OPTIONS_INIT */
    const char *name;        /**< of the parent run; NULL: "study" */
    const char *metric;      /**< what the objective's value is called; NULL: "value" */
    mlf_direction direction; /**< of the objective */
    /** Several objectives: their names and directions, in place of the two above; at most 16. */
    const char *const *metrics;
    const mlf_direction *directions;
    size_t n_objectives; /**< 0: one */
    /** NAME[:KEY=VALUE[,KEY=VALUE]...]: auto, tpe, cmaes, random, qmc, grid or nsga2, see mlf-tuner(7);
     *  NULL: auto. */
    const char *sampler;
    /** Likewise: median, percentile, halving, hyperband, patient, threshold, wilcoxon or none; NULL: median, which
     *  acts once values are reported and mlf_trial_should_prune() is asked. */
    const char *pruner;
    uint64_t
        seed; /**< the same seed gives the same study when results come in the same order; 0: a random one */
    bool in_memory; /**< keeps nothing in a store: no runs, and nothing to load */
} mlf_study_options;
#define MLF_STUDY_OPTIONS_INIT                                                                     \
    {                                                                                              \
        sizeof(mlf_study_options), NULL, NULL, MLF_MINIMIZE, NULL, NULL, 0, NULL, NULL, 0, false   \
    }

/** Starts a study: its parent run begins, as a child of the thread's active run when it has one. |options| may be NULL.
 *  MLF_ERR_INVAL names what is wrong with them. */
MLF_API mlf_status mlf_study_create(const mlf_study_options *options, mlf_study **out);

/** Goes on with a study of the store: |study| is the id of its parent run or its name in the active experiment (of
 *  several the latest). Finished trials are kept and numbering goes on behind them; trials that were going on when
 *  their process ended become failed ones. Names, metrics and directions are the study's; of |options| (NULL: as
 *  before) sampler, pruner and seed count. MLF_ERR_NOT_FOUND when there is none; MLF_ERR_BUSY, with its host and
 *  process id, while another process drives it. A parameter keeps its kind, scale and choices: to ask for another
 *  is MLF_ERR_INVAL, as in the study before. */
MLF_API mlf_status mlf_study_load(const char *study, const mlf_study_options *options,
                                  mlf_study **out);

/** Ends the study's run as FINISHED, trials that are still going on as failed, and frees it. What it found stays in
 *  the store. NULL is fine. Not while a thread still uses it, but that an optimisation is then stopped, and frees the study
 *  when it returns. */
MLF_API void mlf_study_destroy(mlf_study *study);

/** The study's run, where params and tags of the study as a whole may be logged. NULL in memory. */
MLF_API mlf_run *mlf_study_run(const mlf_study *study);

/** How many objectives it has, also one that was loaded; 0 for NULL. */
MLF_API size_t mlf_study_n_objectives(const mlf_study *study);

/* ---- optimising ---- */

/** An objective: takes values from |trial|, stores one number per objective in |values| and returns MLF_OK. Inside it the
 *  trial's run is the thread's active one. MLF_ERR_PRUNED ends the trial as pruned, another status as failed. NaN
 *  makes the trial a failed one; infinities are values. */
typedef mlf_status mlf_objective(mlf_trial *trial, void *user, double *values);

/** Options of mlf_study_optimize_with(). */
typedef struct mlf_optimize_options {
    size_t size; /**< of this struct, by MLF_OPTIMIZE_OPTIONS_INIT */
    int64_t
        n_trials; /**< to start in this call, failed and pruned ones counted; 0: until stopped */
    double timeout_s;  /**< starts no trial after that many seconds; 0: no limit */
    unsigned n_jobs;   /**< threads that run the objective; 0: one, the calling thread */
    bool catch_errors; /**< a failed objective does not end the optimisation */
} mlf_optimize_options;
#define MLF_OPTIMIZE_OPTIONS_INIT                                                                  \
    {                                                                                              \
        sizeof(mlf_optimize_options), 0, 0, 0, false                                               \
    }

/** Runs |n_trials| trials, one after the other; MLF_ERR_INVAL when that is not above 0. Returns the status of the first objective that failed: the trial is
 *  recorded as failed, and the optimisation ends. At the end the parent run has the best trial's params under their own
 *  names, metric best_<metric> and param best_child_run_id. MLF_ERR_STATE inside an objective. */
MLF_API mlf_status mlf_study_optimize(mlf_study *study, mlf_objective *objective, int64_t n_trials,
                                      void *user);
/** The same with options. With |n_jobs| > 1 the objective runs in several threads at once. */
MLF_API mlf_status mlf_study_optimize_with(mlf_study *study, mlf_objective *objective, void *user,
                                           const mlf_optimize_options *options);

/** Ends the optimisation once the trials that are going on have finished. From objectives, callbacks, signal handlers or
 *  any thread. Without an optimisation it does nothing. */
MLF_API void mlf_study_stop(mlf_study *study);

/* ---- a trial ---- */

/** A number between |low| and |high|. With |step| > 0 one of low, low + step, … (then |high| becomes the last of these
 *  that is not above it, so that a step longer than the range leaves |low|); 0: any. A name asked for again gives the
 *  same value. MLF_ERR_INVAL for a range that is empty or not finite, a step that is negative or not finite, over 2^53
 *  steps, or a name that had another kind, scale or list of choices in this study; MLF_ERR_FULL for more than 4096
 *  names in a trial. |*out| is NaN then. */
MLF_API mlf_status mlf_suggest_float(mlf_trial *trial, const char *name, double low, double high,
                                     double step, double *out);
/** The same on a logarithmic scale: |low| > 0. */
MLF_API mlf_status mlf_suggest_float_log(mlf_trial *trial, const char *name, double low,
                                         double high, double *out);
/** An integer between |low| and |high|, in steps of |step| (0: 1), within ±2^53. |*out| is 0 on failure. */
MLF_API mlf_status mlf_suggest_int(mlf_trial *trial, const char *name, int64_t low, int64_t high,
                                   int64_t step, int64_t *out);
/** The same on a logarithmic scale: |low| >= 1. */
MLF_API mlf_status mlf_suggest_int_log(mlf_trial *trial, const char *name, int64_t low,
                                       int64_t high, int64_t *out);
/** One of |n| choices: its index. The texts are copied; they are logged as the param's value. MLF_ERR_INVAL for no choice,
 *  for equal ones, and for one that is not UTF-8; MLF_ERR_FULL when they are over 256 KiB. */
MLF_API mlf_status mlf_suggest_categorical(mlf_trial *trial, const char *name,
                                           const char *const *choices, size_t n, size_t *out);

/** The trial's number in its study, from 0. */
MLF_API int64_t mlf_trial_number(const mlf_trial *trial);
/** The trial's run. Inside an objective it is the thread's active one. NULL in memory. */
MLF_API mlf_run *mlf_trial_run(mlf_trial *trial);

/** An intermediate value of the objective, logged as a point of its metric. A second value for a step is ignored.
 *  MLF_ERR_INVAL for a step below 0 or above 2^53; MLF_ERR_UNSUPPORTED with several objectives. */
MLF_API mlf_status mlf_trial_report(mlf_trial *trial, double value, int64_t step);
/** Would the study's pruner end the trial by what was reported? Then return MLF_ERR_PRUNED from the objective. */
MLF_API bool mlf_trial_should_prune(mlf_trial *trial);

/** Notes something about the trial, under a key of the caller's. Copied. "run_id" is set by the library. MLF_ERR_INVAL for a
 *  key that is empty or not UTF-8; MLF_ERR_FULL when attributes and constraints of the trial are over 64 KiB. */
MLF_API mlf_status mlf_trial_set_user_attr(mlf_trial *trial, const char *key, const char *value);
/** NULL when there is none. Borrowed: until the key is set again or the trial ends. */
MLF_API const char *mlf_trial_get_user_attr(const mlf_trial *trial, const char *key);

/** A constraint: the trial is feasible when all values are <= 0. A second value for a key is ignored. MLF_ERR_INVAL for
 *  NaN, and for keys as above. */
MLF_API mlf_status mlf_trial_set_constraint(mlf_trial *trial, const char *key, double value);

/* ---- ask and tell, for loops of the caller's own ---- */

/** Begins a trial: an enqueued one if there is one, else a new one. */
MLF_API mlf_status mlf_study_ask(mlf_study *study, mlf_trial **out);

/** Tells how a trial ended, and frees it. |state| COMPLETE, PRUNED or FAIL; RUNNING: by the values, that is COMPLETE, or
 *  FAIL when one is NaN or their number is wrong. Values are given with COMPLETE and RUNNING only; a pruned trial's value is the
 *  one reported at the highest step. MLF_ERR_INVAL leaves the trial as it is, and so does MLF_ERR_STATE, for a trial that
 *  was given to an objective: it ends when that returns. */
MLF_API mlf_status mlf_study_tell(mlf_study *study, mlf_trial *trial, mlf_trial_state state,
                                  const double *values, size_t n_values);

/** Puts a trial into the queue that is given |params|, a text each; those that are missing are sampled. With
 *  |skip_if_exists| nothing is done when a trial has just these params. MLF_ERR_INVAL for a name that no parameter can
 *  have, or that is there twice; MLF_ERR_FULL when they are over 64 KiB. A text that is no value of its parameter is
 *  refused by the mlf_suggest_…() that asks for it. */
MLF_API mlf_status mlf_study_enqueue(mlf_study *study, const mlf_key_value *params, size_t n,
                                     bool skip_if_exists);

/* ---- looking at trials ---- */

/** A parameter of a trial. */
typedef struct mlf_trial_param {
    char *name;
    char *value;   /**< as it was logged */
    double number; /**< the value, or a choice's index */
} mlf_trial_param;

typedef struct mlf_trial_value {
    int64_t step;
    double value;
} mlf_trial_value;

typedef struct mlf_trial_constraint {
    char *key;
    double value;
} mlf_trial_constraint;

/** A copy of a trial. Freed with mlf_trial_record_free(). */
typedef struct mlf_trial_record {
    int64_t number;
    mlf_trial_state state;
    double *values; /**< one per objective; of a pruned trial the last reported one, or none */
    size_t n_values;
    mlf_trial_param *params; /**< in the order in which they were asked for */
    size_t n_params;
    mlf_trial_value *intermediate; /**< by step */
    size_t n_intermediate;
    mlf_trial_constraint *constraints;
    size_t n_constraints;
    mlf_pair *user_attrs;
    size_t n_user_attrs;
    char *run_id;          /**< NULL in memory */
    int64_t start_time_ms; /**< -1 while it waits */
    int64_t end_time_ms;   /**< -1 while it goes on */
} mlf_trial_record;
/** Frees what the record holds, not the record, and empties it. NULL is fine. */
MLF_API void mlf_trial_record_free(mlf_trial_record *trial);

typedef struct mlf_trial_list {
    mlf_trial_record *trials;
    size_t n_trials;
} mlf_trial_list;
/** Frees what the list holds, not the list, and empties it. NULL is fine. */
MLF_API void mlf_trial_list_free(mlf_trial_list *list);

/** Called after every trial of an optimisation, in the thread that ran it. |trial| is borrowed for the call. */
typedef void mlf_trial_callback(mlf_study *study, const mlf_trial_record *trial, void *user);
/** Adds a callback; before the optimisation begins. */
MLF_API mlf_status mlf_study_add_callback(mlf_study *study, mlf_trial_callback *callback,
                                          void *user);

/** The best feasible complete trial; of equal ones the first. MLF_ERR_NOT_FOUND when there is none, MLF_ERR_STATE with several
 *  objectives. */
MLF_API mlf_status mlf_study_best_trial(mlf_study *study, mlf_trial_record *out);
/** The complete, feasible trials that no other one dominates, by number. With one objective: the best ones. */
MLF_API mlf_status mlf_study_best_trials(mlf_study *study, mlf_trial_list *out);
/** All trials by number. */
MLF_API mlf_status mlf_study_trials(mlf_study *study, mlf_trial_list *out);

#ifdef __cplusplus
}
#endif

#endif
