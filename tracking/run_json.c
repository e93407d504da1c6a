/* SPDX-License-Identifier: Apache-2.0 */
/* Runs as MLflow's server answers them: what is absent is left out, 64-bit integers are numbers, and
 * values that JSON has no number for are texts. */
#include "tracking/run_json.h"

#include "core/buf.h"
#include "core/mem.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* cJSON keeps numbers as doubles, which cannot hold every 64-bit integer; so they go in as text. */
static bool add_int(cJSON *object, const char *name, int64_t value)
{
    char text[MLF__NUMBER_SIZE];
    snprintf(text, sizeof(text), "%" PRId64, value);
    return cJSON_AddRawToObject(object, name, text) != NULL;
}

static bool add_double(cJSON *object, const char *name, double value)
{
    char text[MLF__NUMBER_SIZE];
    if (isnan(value))
        return cJSON_AddStringToObject(object, name, "NaN") != NULL;
    if (isinf(value))
        return cJSON_AddStringToObject(object, name, value > 0 ? "Infinity" : "-Infinity") != NULL;
    mlf__format_double(text, value);
    return cJSON_AddRawToObject(object, name, text) != NULL;
}

/* Absent (NULL) texts are left out. */
static bool add_text(cJSON *object, const char *name, const char *value)
{
    return value == NULL || cJSON_AddStringToObject(object, name, value) != NULL;
}

/* A new object at the end of |array|. */
static cJSON *add_object(cJSON *array)
{
    cJSON *object = cJSON_CreateObject();
    if (object != NULL && !cJSON_AddItemToArray(array, object)) {
        cJSON_Delete(object);
        return NULL;
    }
    return object;
}

static bool add_pairs(cJSON *object, const char *name, const mlf_pair *pairs, size_t n)
{
    cJSON *array = n > 0 ? cJSON_AddArrayToObject(object, name) : NULL;
    bool ok = n == 0 || array != NULL;
    for (size_t i = 0; ok && i < n; i++) {
        cJSON *pair = add_object(array);
        ok = pair != NULL && add_text(pair, "key", pairs[i].key) &&
             add_text(pair, "value", pairs[i].value);
    }
    return ok;
}

static bool add_metrics(cJSON *data, const mlf_run_record *run)
{
    cJSON *array = run->n_metrics > 0 ? cJSON_AddArrayToObject(data, "metrics") : NULL;
    bool ok = run->n_metrics == 0 || array != NULL;
    for (size_t i = 0; ok && i < run->n_metrics; i++) {
        const mlf_metric_record *row = &run->metrics[i];
        cJSON *metric = add_object(array);
        ok = metric != NULL && add_text(metric, "key", row->key) &&
             add_double(metric, "value", row->value) &&
             add_int(metric, "timestamp", row->timestamp_ms) &&
             add_int(metric, "step", row->step) && add_text(metric, "model_id", row->model_id);
    }
    return ok;
}

static bool add_info(cJSON *root, const mlf_run_record *run)
{
    cJSON *info = cJSON_AddObjectToObject(root, "info");
    return info != NULL && add_text(info, "run_uuid", run->run_id) &&
           add_text(info, "experiment_id", run->experiment_id) &&
           add_text(info, "run_name", run->name) && add_text(info, "user_id", run->user) &&
           add_text(info, "status", mlf__run_status_name(run->status)) &&
           add_int(info, "start_time", run->start_time_ms) &&
           (run->end_time_ms < 0 || add_int(info, "end_time", run->end_time_ms)) &&
           add_text(info, "artifact_uri", run->artifact_uri) &&
           add_text(info, "lifecycle_stage", run->deleted ? "deleted" : "active") &&
           add_text(info, "run_id", run->run_id);
}

static bool add_data(cJSON *root, const mlf_run_record *run)
{
    cJSON *data = cJSON_AddObjectToObject(root, "data");
    return data != NULL && add_metrics(data, run) &&
           add_pairs(data, "params", run->params, run->n_params) &&
           add_pairs(data, "tags", run->tags, run->n_tags);
}

static bool add_input(cJSON *array, const mlf_input_record *row)
{
    cJSON *input = add_object(array);
    if (input == NULL || !add_pairs(input, "tags", row->tags, row->n_tags))
        return false;
    cJSON *dataset = cJSON_AddObjectToObject(input, "dataset");
    return dataset != NULL && add_text(dataset, "name", row->name) &&
           add_text(dataset, "digest", row->digest) &&
           add_text(dataset, "source_type", row->source_type) &&
           add_text(dataset, "source", row->source) && add_text(dataset, "schema", row->schema) &&
           add_text(dataset, "profile", row->profile);
}

static bool add_inputs(cJSON *root, const mlf_run_record *run)
{
    cJSON *inputs = cJSON_AddObjectToObject(root, "inputs");
    if (inputs == NULL || run->n_inputs == 0)
        return inputs != NULL;
    cJSON *array = cJSON_AddArrayToObject(inputs, "dataset_inputs");
    bool ok = array != NULL;
    for (size_t i = 0; ok && i < run->n_inputs; i++)
        ok = add_input(array, &run->inputs[i]);
    return ok;
}

static bool add_outputs(cJSON *root, const mlf_run_record *run)
{
    cJSON *outputs = cJSON_AddObjectToObject(root, "outputs");
    if (outputs == NULL || run->n_model_outputs == 0)
        return outputs != NULL;
    cJSON *array = cJSON_AddArrayToObject(outputs, "model_outputs");
    bool ok = array != NULL;
    for (size_t i = 0; ok && i < run->n_model_outputs; i++) {
        cJSON *output = add_object(array);
        ok = output != NULL && add_text(output, "model_id", run->model_outputs[i]) &&
             add_int(output, "step", run->model_output_steps[i]);
    }
    return ok;
}

char *mlf__run_json(const mlf_run_record *run)
{
    cJSON *root = cJSON_CreateObject();
    char *text = NULL;
    if (root != NULL && add_info(root, run) && add_data(root, run) && add_inputs(root, run) &&
        add_outputs(root, run)) {
        char *printed = cJSON_PrintUnformatted(root);
        text = printed != NULL ? mlf__strdup(printed) : NULL;
        cJSON_free(printed);
    }
    cJSON_Delete(root);
    if (text == NULL)
        mlf__fail(MLF_ERR_NOMEM, "out of memory");
    return text;
}
