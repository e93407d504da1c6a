/* SPDX-License-Identifier: Apache-2.0 */
/* Members are in the order in which MLflow's server writes them. */
#include "cli/json.h"

#include "core/buf.h"
#include "core/mem.h"
#include "tracking/run_json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

bool mlf__json_append(cJSON *array, cJSON *item)
{
    if (item != NULL && cJSON_AddItemToArray(array, item))
        return true;
    cJSON_Delete(item);
    return false;
}

bool mlf__json_text(cJSON *object, const char *name, const char *value)
{
    return value == NULL || cJSON_AddStringToObject(object, name, value) != NULL;
}

/* cJSON's numbers are doubles, which do not hold every 64-bit integer. */
bool mlf__json_int(cJSON *object, const char *name, int64_t value)
{
    char text[MLF__NUMBER_SIZE];
    snprintf(text, sizeof(text), "%" PRId64, value);
    return cJSON_AddRawToObject(object, name, text) != NULL;
}

bool mlf__json_double(cJSON *object, const char *name, double value)
{
    char text[MLF__NUMBER_SIZE];
    cJSON *item;

    mlf__format_double(text, value);
    if (isfinite(value))
        item = cJSON_CreateRaw(text);
    else
        item = cJSON_CreateString(isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
    if (name == NULL)
        return mlf__json_append(object, item);
    if (item != NULL && cJSON_AddItemToObject(object, name, item))
        return true;
    cJSON_Delete(item);
    return false;
}

static bool add_pairs(cJSON *object, const char *name, const mlf_pair *pairs, size_t n)
{
    cJSON *array = n > 0 ? cJSON_AddArrayToObject(object, name) : NULL;
    bool ok = n == 0 || array != NULL;

    for (size_t i = 0; ok && i < n; i++) {
        cJSON *pair = cJSON_CreateObject();
        ok = mlf__json_append(array, pair) && mlf__json_text(pair, "key", pairs[i].key) &&
             mlf__json_text(pair, "value", pairs[i].value);
    }
    return ok;
}

cJSON *mlf__json_experiment(const mlf_experiment *experiment)
{
    cJSON *root = cJSON_CreateObject();

    if (root != NULL && mlf__json_text(root, "experiment_id", experiment->id) &&
        mlf__json_text(root, "name", experiment->name) &&
        mlf__json_text(root, "artifact_location", experiment->artifact_location) &&
        mlf__json_text(root, "lifecycle_stage", experiment->deleted ? "deleted" : "active") &&
        (experiment->last_update_time_ms == 0 ||
         mlf__json_int(root, "last_update_time", experiment->last_update_time_ms)) &&
        (experiment->creation_time_ms == 0 ||
         mlf__json_int(root, "creation_time", experiment->creation_time_ms)) &&
        add_pairs(root, "tags", experiment->tags, experiment->n_tags))
        return root;
    cJSON_Delete(root);
    return NULL;
}

static bool add_model_info(cJSON *root, const mlf_logged_model *model)
{
    static const char *const names[] = {[MLF_MODEL_PENDING] = "LOGGED_MODEL_PENDING",
                                        [MLF_MODEL_READY] = "LOGGED_MODEL_READY",
                                        [MLF_MODEL_UPLOAD_FAILED] = "LOGGED_MODEL_UPLOAD_FAILED"};
    bool known = model->status > 0 && model->status < (int)MLF__ARRAY_LEN(names);
    cJSON *info = cJSON_AddObjectToObject(root, "info");

    return info != NULL && mlf__json_text(info, "model_id", model->model_id) &&
           mlf__json_text(info, "experiment_id", model->experiment_id) &&
           mlf__json_text(info, "name", model->name) &&
           mlf__json_int(info, "creation_timestamp_ms", model->creation_time_ms) &&
           mlf__json_int(info, "last_updated_timestamp_ms", model->last_updated_ms) &&
           mlf__json_text(info, "artifact_uri", model->artifact_location) &&
           mlf__json_text(info, "status", known ? names[model->status] : NULL) &&
           mlf__json_text(info, "model_type", model->model_type) &&
           mlf__json_text(info, "source_run_id", model->run_id) &&
           add_pairs(info, "tags", model->tags, model->n_tags);
}

static bool add_model_metric(cJSON *array, const mlf_metric_record *row)
{
    cJSON *metric = cJSON_CreateObject();

    return mlf__json_append(array, metric) && mlf__json_text(metric, "key", row->key) &&
           mlf__json_double(metric, "value", row->value) &&
           mlf__json_int(metric, "timestamp", row->timestamp_ms) &&
           mlf__json_int(metric, "step", row->step) &&
           mlf__json_text(metric, "dataset_name", row->dataset_name) &&
           mlf__json_text(metric, "dataset_digest", row->dataset_digest) &&
           mlf__json_text(metric, "model_id", row->model_id) &&
           mlf__json_text(metric, "run_id", row->run_id);
}

static bool add_model_data(cJSON *root, const mlf_logged_model *model)
{
    cJSON *data = cJSON_AddObjectToObject(root, "data");
    if (data == NULL || !add_pairs(data, "params", model->params, model->n_params))
        return false;
    cJSON *array = model->n_metrics > 0 ? cJSON_AddArrayToObject(data, "metrics") : NULL;
    bool ok = model->n_metrics == 0 || array != NULL;
    for (size_t i = 0; ok && i < model->n_metrics; i++)
        ok = add_model_metric(array, &model->metrics[i]);
    return ok;
}

cJSON *mlf__json_model(const mlf_logged_model *model)
{
    cJSON *root = cJSON_CreateObject();

    if (root != NULL && add_model_info(root, model) && add_model_data(root, model))
        return root;
    cJSON_Delete(root);
    return NULL;
}

cJSON *mlf__json_run(const mlf_run_record *run)
{
    char *text = mlf__run_json(run);
    cJSON *raw = text != NULL ? cJSON_CreateRaw(text) : NULL;

    mlf__free(text);
    return raw;
}

mlf_status mlf__json_print_page(const char *name, cJSON *items, const char *token)
{
    cJSON *root = items != NULL ? cJSON_CreateObject() : NULL;
    bool ok = root != NULL;

    if (ok && cJSON_GetArraySize(items) > 0) {
        ok = cJSON_AddItemToObject(root, name, items);
        items = ok ? NULL : items;
    }
    ok = ok && mlf__json_text(root, "next_page_token", token);
    cJSON_Delete(items);
    if (ok)
        return mlf__json_print(root);
    cJSON_Delete(root);
    return mlf__json_print(NULL);
}

mlf_status mlf__json_print(cJSON *root)
{
    char *text = root != NULL ? cJSON_PrintUnformatted(root) : NULL;

    cJSON_Delete(root);
    if (text == NULL)
        return mlf__fail(MLF_ERR_NOMEM, "out of memory");
    printf("%s\n", text);
    cJSON_free(text);
    return MLF_OK;
}
