/* SPDX-License-Identifier: Apache-2.0 */
/* LoggedModels in the SQL store. */
#include "tracking/sql/sql_store.h"

#include "core/buf.h"
#include "core/mem.h"
#include "core/sys.h"
#include "tracking/names.h"

#include <string.h>

static const char insert_model[] =
    "INSERT INTO logged_models (model_id, experiment_id, name, artifact_location, "
    "creation_timestamp_ms, last_updated_timestamp_ms, status, lifecycle_stage, model_type, "
    "source_run_id) VALUES ($1, $2, $3, $4, $5, $6, 1, 'active', $7, $8) ON CONFLICT DO NOTHING";
static const char insert_param[] =
    "INSERT INTO logged_model_params (model_id, experiment_id, param_key, param_value) "
    "VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
static const char insert_tag[] =
    "INSERT INTO logged_model_tags (model_id, experiment_id, tag_key, tag_value) "
    "VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
/* Nothing is touched when nothing changes, so that a repeated call leaves the times alone. */
static const char update_status[] =
    "UPDATE logged_models SET status = $1, last_updated_timestamp_ms = $2 "
    "WHERE model_id = $3 AND status <> $1";
static const char update_deleted[] =
    "UPDATE logged_models SET lifecycle_stage = 'deleted', last_updated_timestamp_ms = $1 "
    "WHERE model_id = $2 AND lifecycle_stage <> 'deleted'";
static const char insert_output[] =
    "INSERT INTO inputs (input_uuid, source_type, source_id, destination_type, destination_id, "
    "step) VALUES ($1, 'RUN_OUTPUT', $2, 'MODEL_OUTPUT', $3, $4) ON CONFLICT DO NOTHING";
static const char select_model[] =
    "SELECT model_id, experiment_id, name, artifact_location, source_run_id, model_type, status, "
    "creation_timestamp_ms, last_updated_timestamp_ms FROM logged_models "
    "WHERE model_id = $1 AND lifecycle_stage <> 'deleted'";
static const char select_params[] =
    "SELECT param_key, param_value FROM logged_model_params WHERE model_id = $1 ORDER BY param_key";
static const char select_tags[] =
    "SELECT tag_key, tag_value FROM logged_model_tags WHERE model_id = $1 ORDER BY tag_key";
static const char select_metrics[] =
    "SELECT metric_name, metric_value, metric_timestamp_ms, metric_step, model_id "
    "FROM logged_model_metrics WHERE model_id = $1 "
    "ORDER BY metric_name, metric_timestamp_ms, metric_step, run_id";

static bool is_model_id(const char *id)
{
    size_t len = strlen(id);
    return len > 2 && len <= 36 && strncmp(id, "m-", 2) == 0 &&
           strspn(id + 2, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-") ==
               len - 2;
}

/* Writes params or tags (|text| says which), each value cut at |max|. */
static mlf_status write_pairs(struct mlf__sql_store *store, const char *text, const char *model_id,
                              int64_t experiment, const mlf_key_value *pairs, size_t n,
                              size_t max)
{
    mlf_status status = MLF_OK;
    for (size_t i = 0; status == MLF_OK && i < n; i++) {
        const char *value = pairs[i].value != NULL ? pairs[i].value : "";
        char *clean = mlf__clean_value(value, strlen(value), max);
        if (clean == NULL)
            return MLF_ERR_NOMEM;
        status = mlf__sql_run(store, text,
                              MLF__SQL_BIND(mlf__sql_text(model_id), mlf__sql_int(experiment),
                                            mlf__sql_text(pairs[i].key), mlf__sql_text(clean)),
                              NULL);
        mlf__free(clean);
    }
    return status;
}

static mlf_status check_keys(const mlf_key_value *pairs, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++) {
        mlf_status status = mlf__check_key(pairs[i].key, what);
        if (status != MLF_OK)
            return status;
    }
    return MLF_OK;
}

static mlf_status insert_new_model(struct mlf__sql_store *store,
                                   const struct mlf__model_create *model, int64_t *number,
                                   bool *created)
{
    mlf_experiment experiment;
    struct mlf__buf location = {0};
    int64_t changes = 0;
    char random[24];
    mlf_status status =
        mlf__sql_active_experiment(store, model->experiment_id, &experiment, number);
    if (status != MLF_OK)
        return status;
    if (model->name == NULL)
        mlf__random_name(random);
    mlf__buf_puts(&location, experiment.artifact_location);
    while (location.len > 1 && location.data[location.len - 1] == '/')
        location.data[--location.len] = '\0';
    mlf__buf_printf(&location, "/models/%s/artifacts", model->model_id);
    mlf_experiment_free(&experiment);
    if (location.failed) {
        mlf__buf_free(&location);
        return MLF_ERR_NOMEM;
    }
    status = mlf__sql_run(
        store, insert_model,
        MLF__SQL_BIND(mlf__sql_text(model->model_id), mlf__sql_int(*number),
                      mlf__sql_text(model->name != NULL ? model->name : random),
                      mlf__sql_text(location.data), mlf__sql_int(model->creation_time_ms),
                      mlf__sql_int(model->creation_time_ms), mlf__sql_text(model->model_type),
                      mlf__sql_text(model->run_id)),
        &changes);
    *created = changes > 0;
    mlf__buf_free(&location);
    return status;
}

mlf_status mlf__sql_model_create(struct mlf__store *front, const struct mlf__model_create *model)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    int64_t experiment = 0;
    bool own, created = false;
    if (!is_model_id(model->model_id))
        return mlf__fail(MLF_ERR_INVAL, "Invalid model ID '%s'", model->model_id);
    mlf_status status = model->name != NULL ? mlf__check_model_name(model->name) : MLF_OK;
    if (status == MLF_OK)
        status = check_keys(model->params, model->n_params, "Param key");
    if (status == MLF_OK)
        status = check_keys(model->tags, model->n_tags, "key");
    if (status == MLF_OK)
        status = mlf__sql_begin(front, true, &own);
    if (status != MLF_OK)
        return status;
    status = insert_new_model(store, model, &experiment, &created);
    /* A model that is there already was written whole, in one transaction. */
    if (created && status == MLF_OK)
        status = write_pairs(store, insert_param, model->model_id, experiment, model->params,
                             model->n_params, MLF__PARAM_VALUE_MAX);
    if (created && status == MLF_OK)
        status = write_pairs(store, insert_tag, model->model_id, experiment, model->tags,
                             model->n_tags, MLF__TAG_VALUE_MAX);
    return mlf__sql_end(front, own, status);
}

mlf_status mlf__sql_model_params(struct mlf__store *front, const char *model_id,
                                 const mlf_key_value *params, size_t n)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    int64_t experiment;
    bool own;
    mlf_status status = check_keys(params, n, "Param key");
    if (status == MLF_OK)
        status = mlf__sql_begin(front, true, &own);
    if (status != MLF_OK)
        return status;
    status = mlf__sql_known_model(store, model_id, &experiment);
    if (status == MLF_OK)
        status =
            write_pairs(store, insert_param, model_id, experiment, params, n, MLF__PARAM_VALUE_MAX);
    return mlf__sql_end(front, own, status);
}

mlf_status mlf__sql_model_finalize(struct mlf__store *front, const char *model_id, int model_status)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    int64_t experiment;
    bool own;
    if (model_status < MLF_MODEL_PENDING || model_status > MLF_MODEL_UPLOAD_FAILED)
        return mlf__fail(MLF_ERR_INVAL, "%d is not a model status", model_status);
    mlf_status status = mlf__sql_begin(front, true, &own);
    if (status != MLF_OK)
        return status;
    status = mlf__sql_known_model(store, model_id, &experiment);
    if (status == MLF_OK)
        status = mlf__sql_run(store, update_status,
                              MLF__SQL_BIND(mlf__sql_int(model_status), mlf__sql_int(mlf__now_ms()),
                                            mlf__sql_text(model_id)),
                              NULL);
    return mlf__sql_end(front, own, status);
}

mlf_status mlf__sql_model_output(struct mlf__store *front, const char *run_id, const char *model_id,
                                 int64_t step)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    char id[MLF__ID_SIZE];
    int64_t experiment;
    bool own;
    mlf_status status = mlf__sql_begin(front, true, &own);
    if (status != MLF_OK)
        return status;
    mlf__new_id(id);
    status = mlf__sql_active_run(store, run_id, &experiment);
    if (status == MLF_OK)
        status = mlf__sql_known_model(store, model_id, &experiment);
    if (status == MLF_OK)
        status = mlf__sql_run(store, insert_output,
                              MLF__SQL_BIND(mlf__sql_text(id), mlf__sql_text(run_id),
                                            mlf__sql_text(model_id), mlf__sql_int(step)),
                              NULL);
    return mlf__sql_end(front, own, status);
}

mlf_status mlf__sql_model_delete(struct mlf__store *front, const char *model_id)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    int64_t experiment;
    bool own;
    mlf_status status = mlf__sql_begin(front, true, &own);
    if (status != MLF_OK)
        return status;
    status = mlf__sql_known_model(store, model_id, &experiment);
    if (status == MLF_OK)
        status =
            mlf__sql_run(store, update_deleted,
                         MLF__SQL_BIND(mlf__sql_int(mlf__now_ms()), mlf__sql_text(model_id)), NULL);
    return mlf__sql_end(front, own, status);
}

/* ---- reading ---- */

static mlf_status copy_info(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt,
                            mlf_logged_model *out)
{
    char **texts[] = {&out->model_id,          &out->experiment_id, &out->name,
                      &out->artifact_location, &out->run_id,        &out->model_type};
    mlf_status status = MLF_OK;
    for (size_t i = 0; status == MLF_OK && i < MLF__ARRAY_LEN(texts); i++)
        status = mlf__sql_copy(store, stmt, (int)i, texts[i]);
    out->status = (int)store->db.ops->column_int(stmt, 6);
    out->creation_time_ms = store->db.ops->column_int(stmt, 7);
    out->last_updated_ms = store->db.ops->column_int(stmt, 8);
    return status;
}

static mlf_status read_metrics(struct mlf__sql_store *store, mlf_logged_model *model)
{
    const struct mlf_sql_ops *ops = store->db.ops;
    struct mlf__sql_stmt *stmt;
    size_t cap = 0;
    bool row;
    mlf_status status = mlf__sql_query(store, select_metrics,
                                       MLF__SQL_BIND(mlf__sql_text(model->model_id)), &stmt, &row);
    if (status != MLF_OK)
        return status;
    while (status == MLF_OK && row) {
        status = mlf__grow((void **)&model->metrics, &cap, model->n_metrics + 1,
                           sizeof(*model->metrics));
        if (status != MLF_OK)
            break;
        mlf_metric_record *metric = &model->metrics[model->n_metrics++];
        *metric = (mlf_metric_record){
            .value = ops->column_double(stmt, 1),
            .timestamp_ms = ops->column_int(stmt, 2),
            .step = ops->column_int(stmt, 3),
        };
        status = mlf__sql_copy(store, stmt, 0, &metric->key);
        if (status == MLF_OK)
            status = mlf__sql_copy(store, stmt, 4, &metric->model_id);
        if (status == MLF_OK)
            status = mlf__sql_step(store, stmt, &row);
    }
    mlf__sql_done(store, stmt);
    return status;
}

static mlf_status read_model(struct mlf__sql_store *store, const char *model_id,
                             mlf_logged_model *out)
{
    struct mlf__sql_stmt *stmt;
    bool row = false;
    mlf_status status = MLF_OK;
    if (store->schema.logged_models) {
        status = mlf__sql_query(store, select_model, MLF__SQL_BIND(mlf__sql_text(model_id)), &stmt,
                                &row);
        if (status != MLF_OK)
            return status;
        if (row)
            status = copy_info(store, stmt, out);
        mlf__sql_done(store, stmt);
    }
    if (!row)
        return mlf__fail(MLF_ERR_NOT_FOUND, "Logged model with ID '%s' not found.", model_id);
    if (status == MLF_OK)
        status = mlf__sql_read_pairs(store, select_params, model_id, &out->params, &out->n_params);
    if (status == MLF_OK)
        status = mlf__sql_read_pairs(store, select_tags, model_id, &out->tags, &out->n_tags);
    return status == MLF_OK ? read_metrics(store, out) : status;
}

mlf_status mlf__sql_model_get(struct mlf__store *front, const char *model_id,
                              mlf_logged_model *out)
{
    bool own;
    *out = (mlf_logged_model){0};
    mlf_status status = mlf__sql_begin(front, false, &own);
    if (status != MLF_OK)
        return status;
    status = mlf__sql_end(front, own, read_model(mlf__sql_store_of(front), model_id, out));
    if (status != MLF_OK)
        mlf_logged_model_free(out);
    return status;
}
