/* SPDX-License-Identifier: Apache-2.0 */
/* Runs as MLflow's REST messages. */
#ifndef MLF_TRACKING_RUN_JSON_H
#define MLF_TRACKING_RUN_JSON_H

#include "tracking/store.h"

/* The REST `Run` message {"info", "data", "inputs", "outputs"} as MLflow's server answers it under
 * "run"; absent lists are left out. Text, owned by the caller; NULL when out of memory. */
char *mlf__run_json(const mlf_run_record *run);

#endif
