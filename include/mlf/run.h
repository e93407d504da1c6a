/* SPDX-License-Identifier: Apache-2.0 */
/* Runs: how they begin and end, and how they are found again.
 *
 * Each thread has its own stack of active runs. Calls without a run log into the top of it; when it is empty, into
 * the process's run: the launcher's under `mlf run`, else the oldest run that is still active, else one that
 * is started now. Logging never waits for the store: a call returns when the value is where the death of
 * the process cannot reach it; the store's errors come with mlf_flush() and mlf_end_run(). Every call that
 * logs has a twin mlf_run_…() for a run of any thread. With MLF_OFF=1 every call that logs does nothing and
 * returns MLF_OK, those that read return MLF_ERR_OFF. A program that ends without mlf_end_run() gets its
 * runs' state from its exit status. */
#ifndef MLF_RUN_H
#define MLF_RUN_H

#include <mlf/records.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A run of this process; handles live until the process ends. */
typedef struct mlf_run mlf_run;

/** Options of mlf_start_run(). */
typedef struct mlf_run_options {
    size_t size;               /**< of this struct, by MLF_RUN_OPTIONS_INIT */
    const char *run_name;      /**< NULL: a random one, as MLflow makes them */
    const char *run_id;        /**< resumes this run of the store; NULL: a new one */
    bool nested;               /**< becomes a child of the thread's active run */
    const char *parent_run_id; /**< becomes a child of this run of the store; NULL: of none */
    const char *experiment_id; /**< NULL: the active experiment */
    const char *description;   /**< tag mlflow.note.content */
    const mlf_key_value *tags;
    size_t n_tags;
    bool no_system_metrics; /**< takes no samples of the machine while this run is active */
} mlf_run_options;
#define MLF_RUN_OPTIONS_INIT                                                                       \
    {                                                                                              \
        sizeof(mlf_run_options), NULL, NULL, false, NULL, NULL, NULL, NULL, 0, false               \
    }

/** Starts a run and makes it the thread's active one. Under `mlf run` the first one joins the
 *  launcher's run, whose name stays when it has one, and later ones become its children. |options| and |run|
 *  may be NULL; |*run| is owned by the library. A new run needs no store; |run_id|, |parent_run_id| and |experiment_id|
 *  are looked up in it: MLF_ERR_NOT_FOUND when it has none, MLF_ERR_STATE when it is deleted. (Without a store that
 *  can be read, an experiment that is not there is told by mlf_end_run(), and its run goes into the session's one.)
 *  MLF_ERR_STATE when the thread has an active run and |nested| is not set. */
MLF_API mlf_status mlf_start_run(const mlf_run_options *options, mlf_run **run);

/** Ends the thread's active run as MLF_RUN_FINISHED, _FAILED or _KILLED, and waits at most 2 s until it is
 *  stored (MLF_ERR_TIMEOUT when it is not yet: nothing is lost). The run that was active before is so again.
 *  MLF_ERR_STATE without an active run, and in a forked child for a run of its parent, which goes on;
 *  MLF_ERR_IO with the store's error. */
MLF_API mlf_status mlf_end_run(mlf_run_status status);

/** The same for a run of any thread. MLF_ERR_STATE when it has ended. */
MLF_API mlf_status mlf_run_end(mlf_run *run, mlf_run_status status);

/** The thread's active run, NULL when it has none. */
MLF_API mlf_run *mlf_active_run(void);

/** The run that this process started last, active or ended; NULL when there is none. */
MLF_API mlf_run *mlf_last_active_run(void);

/** The run's id, 32 hex digits. Borrowed from the run. "" for NULL. */
MLF_API const char *mlf_run_id(const mlf_run *run);
/** The run's name. Borrowed from the run. "" for NULL, and for the launcher's run when it was joined without a
 *  name: that one has been named before, or is named by the store. */
MLF_API const char *mlf_run_name(const mlf_run *run);

/** Starts a run; NULL when none can be started. For MLF_WITH_RUN. */
MLF_API mlf_run *mlf_run_enter(const mlf_run_options *options);
/** Ends |*run| as FINISHED unless it is NULL or has ended. For MLF_WITH_RUN. */
MLF_API void mlf_run_leave(mlf_run **run);

/** A run for the block that follows: `MLF_WITH_RUN(run, &options) { … }`. It ends as FINISHED when the block is
 *  left, by break, goto and return too; end it before with another state where the block has failed. When no
 *  run can be started |run| is NULL and the block is executed all the same. C11 with GCC or Clang. */
/* NOLINTBEGIN(bugprone-macro-parentheses): a name that is declared has none. */
#define MLF_WITH_RUN(run, options)                                                                 \
    for (int run##_once = 1; run##_once; run##_once = 0)                                           \
        for (mlf_run * run __attribute__((cleanup(mlf_run_leave))) = mlf_run_enter(options);       \
             run##_once; run##_once = 0)
/* NOLINTEND(bugprone-macro-parentheses) */

/* ---- of the store: these read or write it at once, after what this process has logged is in it ---- */

/** A run with params, latest metrics, tags, inputs and outputs. */
MLF_API mlf_status mlf_get_run(const char *run_id, mlf_run_record *out);

/** A page of runs, the latest start first. |options| NULL: the active experiment's. MLF_ERR_INVAL with
 *  MLflow's text for a filter that it would refuse. */
MLF_API mlf_status mlf_search_runs(const mlf_search_options *options, mlf_run_list *out);

/** Points of one metric in the order timestamp, step, value: at most |max_results| (0: 25000) behind |after|, the
 *  last one of the page before; NULL: from the first. An empty page is the end. */
MLF_API mlf_status mlf_get_metric_history(const char *run_id, const char *key,
                                          const mlf_metric_record *after, size_t max_results,
                                          mlf_metric_list *out);

/** Marks a run as deleted: it is kept, and takes no more values. */
MLF_API mlf_status mlf_delete_run(const char *run_id);
/** Brings a deleted run back. */
MLF_API mlf_status mlf_restore_run(const char *run_id);

#ifdef __cplusplus
}
#endif

#endif
