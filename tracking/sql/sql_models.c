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
static const char upsert_tag[] =
    "INSERT INTO logged_model_tags (model_id, experiment_id, tag_key, tag_value) "
    "VALUES ($1, $2, $3, $4) ON CONFLICT (model_id, tag_key) DO UPDATE SET "
    "tag_value = excluded.tag_value";
static const char delete_tag[] =
    "DELETE FROM logged_model_tags WHERE model_id = $1 AND tag_key = $2";
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
static bool is_model_id(const char *id)
{
    size_t len = strlen(id);
    return len > 2 && len <= 36 && strncmp(id, "m-", 2) == 0 &&
           strspn(id + 2, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-") ==
               len - 2;
}

/* Writes params or tags (|text| says which). MLflow cuts values of runs, but none of models. */
static mlf_status write_pairs(struct mlf__sql_store *store, const char *text, const char *model_id,
                              int64_t experiment, const mlf_key_value *pairs, size_t n)
{
    mlf_status status = MLF_OK;
    for (size_t i = 0; status == MLF_OK && i < n; i++) {
        const char *value = pairs[i].value != NULL ? pairs[i].value : "";
        char *clean = mlf__clean_value(value, strlen(value), SIZE_MAX);
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
                             model->n_params);
    if (created && status == MLF_OK)
        status =
            write_pairs(store, insert_tag, model->model_id, experiment, model->tags, model->n_tags);
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
        status = write_pairs(store, insert_param, model_id, experiment, params, n);
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

mlf_status mlf__sql_model_set_tags(struct mlf__store *front, const char *model_id,
                                   const mlf_key_value *tags, size_t n)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    int64_t experiment;
    bool own;
    mlf_status status = check_keys(tags, n, "key");
    if (status == MLF_OK)
        status = mlf__sql_begin(front, true, &own);
    if (status != MLF_OK)
        return status;
    status = mlf__sql_known_model(store, model_id, &experiment);
    if (status == MLF_OK)
        status = write_pairs(store, upsert_tag, model_id, experiment, tags, n);
    return mlf__sql_end(front, own, status);
}

mlf_status mlf__sql_model_delete_tag(struct mlf__store *front, const char *model_id,
                                     const char *key)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    int64_t experiment, changes = 0;
    bool own;
    mlf_status status = mlf__sql_begin(front, true, &own);
    if (status != MLF_OK)
        return status;
    status = mlf__sql_known_model(store, model_id, &experiment);
    if (status == MLF_OK)
        status = mlf__sql_run(store, delete_tag,
                              MLF__SQL_BIND(mlf__sql_text(model_id), mlf__sql_text(key)), &changes);
    if (status == MLF_OK && changes == 0)
        status = mlf__fail(MLF_ERR_NOT_FOUND, "No tag with key '%s' found for model with ID '%s'.",
                           key, model_id);
    return mlf__sql_end(front, own, status);
}
