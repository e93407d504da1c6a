/* SPDX-License-Identifier: Apache-2.0 */
/* Runs, and what is logged into them.
 *
 * Each thread has its own active run. Calls without a run log into the active run of the calling thread;
 * when it has none, into the process's run: the launcher's under `mlf run`, else the oldest run that is
 * still active, else one that is started now. Logging never waits for the store: a call returns when the
 * value is where the death of the process cannot reach it; the store's errors come with mlf_flush() and
 * mlf_end_run(). With MLF_OFF=1 every call does nothing and returns MLF_OK. */
#ifndef MLF_RUN_H
#define MLF_RUN_H

#include <mlf/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A run; handles live until the process ends. */
typedef struct mlf_run mlf_run;

/** MLflow's run states. */
typedef enum mlf_run_status {
    MLF_RUN_RUNNING = 1,
    MLF_RUN_SCHEDULED = 2,
    MLF_RUN_FINISHED = 3,
    MLF_RUN_FAILED = 4,
    MLF_RUN_KILLED = 5
} mlf_run_status;

/** Options of mlf_start_run(). */
typedef struct mlf_run_options {
    size_t size;          /**< of this struct, by MLF_RUN_OPTIONS_INIT */
    const char *run_name; /**< NULL: a random one, as MLflow makes them */
} mlf_run_options;
#define MLF_RUN_OPTIONS_INIT                                                                       \
    {                                                                                              \
        sizeof(mlf_run_options), NULL                                                              \
    }

/** Starts a run and makes it the thread's active one. Under `mlf run` the first one joins the
 *  launcher's run, whose name stays when it has one, and later ones become its children. |options| and |run| may be NULL; |*run| is owned by
 *  the library. MLF_ERR_STATE when the thread has an active run already. */
MLF_API mlf_status mlf_start_run(const mlf_run_options *options, mlf_run **run);

/** Ends the thread's active run as MLF_RUN_FINISHED, _FAILED or _KILLED, and waits at most 2 s until it is
 *  stored (MLF_ERR_TIMEOUT when it is not yet: nothing is lost). MLF_ERR_STATE without an active run,
 *  and in a forked child for a run of its parent, which goes on; MLF_ERR_IO with the store's error. */
MLF_API mlf_status mlf_end_run(mlf_run_status status);

/** The run's id, 32 hex digits. Borrowed from the run. "" for NULL. */
MLF_API const char *mlf_run_id(const mlf_run *run);

/** Logs a hyperparameter. A param has one value for ever: another one is MLF_ERR_CONFLICT here when this
 *  process logged the first, else at mlf_flush(). Values are cut at 6000 characters, as MLflow does.
 *  MLF_ERR_INVAL for a key that MLflow refuses. Any thread. */
MLF_API mlf_status mlf_log_param(const char *key, const char *value);

/** Logs a metric at |step| with the present time. NaN and infinities are stored as MLflow stores them.
 *  MLF_ERR_INVAL for a key that MLflow refuses. Any thread; tens of nanoseconds, no system call. */
MLF_API mlf_status mlf_log_metric(const char *key, double value, int64_t step);

/** The same into |run|, for threads that have no active run of their own. A run that has ended takes points,
 *  as in MLflow. */
MLF_API mlf_status mlf_run_log_metric(mlf_run *run, const char *key, double value, int64_t step);

/** A registered metric key; valid in this process and its forks until it ends. */
typedef struct mlf_metric_t {
    uint32_t id; /**< 0: the key was refused */
} mlf_metric_t;

/** Registers |key|, for metrics that are logged often. The handle of a key that MLflow refuses makes every
 *  mlf_metric_log() return MLF_ERR_INVAL. Any thread. */
MLF_API mlf_metric_t mlf_metric(const char *key);

/** mlf_log_metric() without the look-up of the key. */
MLF_API mlf_status mlf_metric_log(mlf_metric_t metric, double value, int64_t step);

/** Sets a tag; a later value replaces it. Values are cut at 8000 characters. Any thread. */
MLF_API mlf_status mlf_set_tag(const char *key, const char *value);

/** Logs a file or directory into |folder| of the run's artifacts (NULL or "": the root). It is copied
 *  soon, by the collector: keep it until mlf_flush(). MLF_ERR_NOT_FOUND when it is not there now. */
MLF_API mlf_status mlf_log_artifact(const char *path, const char *folder);

/** Options of mlf_log_model(). */
typedef struct mlf_model_options {
    size_t size;                /**< of this struct, by MLF_MODEL_OPTIONS_INIT */
    const char *flavor;         /**< what the file is, e.g. "libsvm"; NULL: "file" */
    const char *flavor_version; /**< NULL: not said */
    int64_t step;               /**< at which step of the run it was made */
} mlf_model_options;
#define MLF_MODEL_OPTIONS_INIT                                                                     \
    {                                                                                              \
        sizeof(mlf_model_options), NULL, NULL, 0                                                   \
    }

/** What mlf_log_model() made. */
typedef struct mlf_model_info {
    char model_id[40];  /**< "m-" and 32 hex digits */
    char model_uri[56]; /**< "models:/<model_id>" */
    char run_id[40];    /**< the run that it belongs to */
} mlf_model_info;

/** Logs the file or directory |path| as a LoggedModel called |name| that carries the run's params.
 *  |options| and |info| may be NULL. Copied soon, like artifacts. MLF_ERR_INVAL for a name with any of
 *  / : . % " ' in it; MLF_ERR_NOT_FOUND when |path| is not there now. */
MLF_API mlf_status mlf_log_model(const char *name, const char *path,
                                 const mlf_model_options *options, mlf_model_info *info);

#ifdef __cplusplus
}
#endif

#endif
