/* SPDX-License-Identifier: Apache-2.0 */
/* Reading LoggedModels in the SQL store. */
#include "tracking/sql/sql_rows.h"

#include "core/mem.h"

static const struct mlf__sql_by_ids select_models = MLF__SQL_BY_IDS(
    "SELECT model_id, experiment_id, name, artifact_location, source_run_id, model_type, status, "
    "creation_timestamp_ms, last_updated_timestamp_ms FROM logged_models "
    "WHERE lifecycle_stage <> 'deleted' AND model_id ",
    "");
static const struct mlf__sql_by_ids select_params =
    MLF__SQL_BY_IDS("SELECT model_id, param_key, param_value FROM logged_model_params "
                    "WHERE model_id ",
                    "ORDER BY model_id, param_key");
static const struct mlf__sql_by_ids select_tags =
    MLF__SQL_BY_IDS("SELECT model_id, tag_key, tag_value FROM logged_model_tags "
                    "WHERE model_id ",
                    "ORDER BY model_id, tag_key");
static const struct mlf__sql_by_ids select_metrics = MLF__SQL_BY_IDS(
    "SELECT model_id, metric_name, run_id, dataset_name, dataset_digest, metric_value, "
    "metric_timestamp_ms, metric_step FROM logged_model_metrics WHERE model_id ",
    "ORDER BY model_id, metric_name, metric_timestamp_ms, metric_step, run_id");

static mlf_status see_model(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt, void *context)
{
    const struct mlf_sql_ops *ops = store->db.ops;
    mlf_logged_model *model = mlf__sql_record(store, stmt, context);
    if (model == NULL)
        return MLF_OK;
    char **texts[] = {&model->experiment_id, &model->name, &model->artifact_location,
                      &model->run_id, &model->model_type};
    mlf_status status = MLF_OK;
    for (size_t i = 0; status == MLF_OK && i < MLF__ARRAY_LEN(texts); i++)
        status = mlf__sql_copy(store, stmt, (int)i + 1, texts[i]);
    model->status = (int)ops->column_int(stmt, 6);
    model->creation_time_ms = ops->column_int(stmt, 7);
    model->last_updated_ms = ops->column_int(stmt, 8);
    return status;
}

static mlf_status see_metric(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt,
                             void *context)
{
    const struct mlf_sql_ops *ops = store->db.ops;
    mlf_metric_record *metric = mlf__sql_append(store, stmt, context, sizeof(*metric));
    if (metric == NULL)
        return MLF_ERR_NOMEM;
    char **texts[] = {&metric->model_id, &metric->key, &metric->run_id, &metric->dataset_name,
                      &metric->dataset_digest};
    mlf_status status = MLF_OK;
    for (size_t i = 0; status == MLF_OK && i < MLF__ARRAY_LEN(texts); i++)
        status = mlf__sql_copy(store, stmt, (int)i, texts[i]);
    metric->value = ops->column_double(stmt, 5);
    metric->timestamp_ms = ops->column_int(stmt, 6);
    metric->step = ops->column_int(stmt, 7);
    return status;
}

mlf_status mlf__sql_fill_models(struct mlf__sql_store *store, mlf_logged_model *models, size_t n)
{
    struct mlf__sql_fill fill;
    mlf_status status = mlf__sql_fill_begin(&fill, models, n, sizeof(*models),
                                            offsetof(mlf_logged_model, model_id));
    if (status == MLF_OK)
        status = mlf__sql_fill_each(store, &fill, &select_models, see_model);
    if (status == MLF_OK)
        status = MLF__SQL_FILL_PAIRS(store, &fill, select_params, mlf_logged_model, params);
    if (status == MLF_OK)
        status = MLF__SQL_FILL_PAIRS(store, &fill, select_tags, mlf_logged_model, tags);
    if (status == MLF_OK) {
        fill.array = offsetof(mlf_logged_model, metrics);
        fill.count = offsetof(mlf_logged_model, n_metrics);
        status = mlf__sql_fill_each(store, &fill, &select_metrics, see_metric);
    }
    mlf__sql_fill_end(&fill);
    return status;
}

mlf_status mlf__sql_model_get(struct mlf__store *front, const char *model_id, mlf_logged_model *out)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    bool own;
    *out = (mlf_logged_model){0};
    mlf_status status = mlf__sql_begin(front, false, &own);
    if (status != MLF_OK)
        return status;
    out->model_id = mlf__strdup(model_id);
    status = out->model_id == NULL         ? MLF_ERR_NOMEM
             : store->schema.logged_models ? mlf__sql_fill_models(store, out, 1)
                                           : MLF_OK;
    if (status == MLF_OK && out->experiment_id == NULL)
        status = mlf__fail(MLF_ERR_NOT_FOUND, "Logged model with ID '%s' not found.", model_id);
    status = mlf__sql_end(front, own, status);
    if (status != MLF_OK)
        mlf_logged_model_free(out);
    return status;
}
