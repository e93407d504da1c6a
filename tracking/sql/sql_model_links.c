/* SPDX-License-Identifier: Apache-2.0 */
/* Points of a run that belong to one of its models. */
#include "tracking/sql/sql_store.h"

/* The values are stored alike in both tables, so that they are copied inside the database, however many points
 * the run has. */
static const char link_metrics[] =
    "INSERT INTO logged_model_metrics (model_id, metric_name, metric_timestamp_ms, metric_step, "
    "metric_value, experiment_id, run_id) "
    "SELECT $1, key, timestamp, step, value, $2, run_uuid FROM metrics "
    "WHERE run_uuid = $3 AND step = $4 ON CONFLICT DO NOTHING";

mlf_status mlf__sql_model_link_metrics(struct mlf__store *front, const char *run_id,
                                       const char *model_id, int64_t step)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    int64_t experiment;
    bool own;
    mlf_status status = mlf__sql_begin(front, true, &own);
    if (status != MLF_OK)
        return status;
    status = mlf__sql_known_model(store, model_id, &experiment);
    if (status == MLF_OK)
        status = mlf__sql_active_run(store, run_id, &experiment);
    if (status == MLF_OK)
        status = mlf__sql_run(store, link_metrics,
                              MLF__SQL_BIND(mlf__sql_text(model_id), mlf__sql_int(experiment),
                                            mlf__sql_text(run_id), mlf__sql_int(step)),
                              NULL);
    return mlf__sql_end(front, own, status);
}
