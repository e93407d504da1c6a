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

/** Sets the experiment of runs that start from now on; it is created when absent. Copied. Any thread.
 *  MLF_ERR_INVAL for a name that MLflow refuses; MLF_ERR_STATE under `mlf run` into another one. */
MLF_API mlf_status mlf_set_experiment(const char *name);

/** Waits, at most 30 s, until everything that this process has logged is in the store (offline: on
 *  disk). MLF_ERR_TIMEOUT when it is not yet: nothing is lost by that. MLF_ERR_IO with the store's
 *  error: what could not be stored is kept for `mlf sync`. Any thread. */
MLF_API mlf_status mlf_flush(void);

#ifdef __cplusplus
}
#endif

#endif
