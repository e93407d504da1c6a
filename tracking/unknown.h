/* SPDX-License-Identifier: Apache-2.0 */
/* Errors about an id or name that a store does not know: they say which there are. */
#ifndef MLF_TRACKING_UNKNOWN_H
#define MLF_TRACKING_UNKNOWN_H

#include "tracking/store.h"

/* For the result of an operation on the run, model or experiment |id|: when it is MLF_ERR_NOT_FOUND because there is no
 * such one, the thread's error text gets the latest ones that there are; any other result and text stays as it is. Returns |status|. */
mlf_status mlf__unknown_run(struct mlf__store *store, const char *id, mlf_status status);
mlf_status mlf__unknown_model(struct mlf__store *store, const char *id, mlf_status status);
mlf_status mlf__unknown_experiment(struct mlf__store *store, const char *id, mlf_status status);
/* The same for an experiment that was looked for by its name. */
mlf_status mlf__unknown_experiment_name(struct mlf__store *store, mlf_status status);

#endif
