/* SPDX-License-Identifier: Apache-2.0 */
/* Where a program logs: store, experiment, and the wait until all is stored. */
#ifndef MLF_TRACKING_PUBLIC_H
#define MLF_TRACKING_PUBLIC_H

#include <mlf/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Sets the store: "sqlite:///relative.db" or "sqlite:////absolute.db". Without a call it is
 *  $MLFLOW_TRACKING_URI, else sqlite:///mlflow.db in the current directory. Copied. Any thread.
 *  MLF_ERR_INVAL for a scheme that there is none of; MLF_ERR_STATE when logging has begun elsewhere,
 *  under `mlf run` into the launcher's store. */
MLF_API mlf_status mlf_set_tracking_uri(const char *uri);

/** The store that this program logs into and reads from, with an absolute path. "" when it cannot be told:
 *  mlf_errmsg() says why. Borrowed: valid until the thread's next call. Makes nothing. */
MLF_API const char *mlf_get_tracking_uri(void);

/** Sets the experiment of runs that start from now on, of searches and of models without a run; it is
 *  created when absent, with the first run. Copied. Any thread. MLF_ERR_INVAL for a name that MLflow
 *  refuses; MLF_ERR_STATE under `mlf run` into another one. */
MLF_API mlf_status mlf_set_experiment(const char *name);

/** The same by id. Reads the store: MLF_ERR_NOT_FOUND when there is none, MLF_ERR_STATE when it is
 *  deleted. */
MLF_API mlf_status mlf_set_experiment_id(const char *experiment_id);

/** Waits, at most 30 s, until everything that this process has logged is in the store (offline: on
 *  disk). MLF_ERR_TIMEOUT when it is not yet: nothing is lost by that. MLF_ERR_IO with the store's
 *  error: what could not be stored is kept for `mlf sync`. Any thread. */
MLF_API mlf_status mlf_flush(void);

#ifdef __cplusplus
}
#endif

#endif
