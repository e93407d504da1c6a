/* SPDX-License-Identifier: Apache-2.0 */
/* Searches for the interoperability tests. Each line of stdin is a query as JSON, answered by one line of JSON:
 *
 *   search_tool URI
 *   {"subject": "runs", "filter": "…", "order_by": ["…"], "experiment_ids": ["0"], "view": 0, "max_results": 10,
 *    "page_token": "…", "whole": true}
 *   {"ids": ["…"], "token": "…", "records": […]}  or  {"error": "…"}
 *
 * Subjects are runs, experiments and models; every member but the subject may be absent.
 *
 *   search_tool URI fill
 *   {"write": "experiment", "name": "…", "tags": {…}, "deleted": false}
 *   {"write": "run", "experiment_id": "0", "name": "…", "user": "…", "start_time": 1, "status": 3, "end_time": 2,
 *    "params": {…}, "tags": {…}, "metrics": [["key", value or text, time, step, model, data set, digest]],
 *    "inputs": [["name", "digest", "context"]], "outputs": ["model"], "deleted": false}
 *   {"write": "model", "experiment_id": "0", "name": "…", "run_id": "…", "type": "…", "start_time": 1,
 *    "params": {…}, "tags": {…}, "status": 2, "deleted": false}
 *
 * writes instead, and answers the id of each. */
#include "core/buf.h"
#include "core/fail.h"
#include "core/mem.h"
#include "core/sys.h"
#include "tracking/store.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXTS_MAX = 16 };

struct query {
    mlf_search_options options;
    const char *experiment_ids[TEXTS_MAX], *order_by[TEXTS_MAX];
    bool whole;
};

static const char *text_of(const cJSON *json, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
}

static int number_of(const cJSON *json, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
    return cJSON_IsNumber(item) ? item->valueint : 0;
}

static size_t texts_of(const cJSON *json, const char *name, const char **out)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, name), *item;
    size_t n = 0;
    cJSON_ArrayForEach(item, list) if (n < TEXTS_MAX) out[n++] = item->valuestring;
    return n;
}

static void read_query(const cJSON *json, struct query *query)
{
    *query = (struct query){.options = MLF_SEARCH_OPTIONS_INIT};
    mlf_search_options *options = &query->options;
    options->filter = text_of(json, "filter");
    options->n_order_by = texts_of(json, "order_by", query->order_by);
    options->order_by = options->n_order_by > 0 ? query->order_by : NULL;
    options->n_experiment_ids = texts_of(json, "experiment_ids", query->experiment_ids);
    if (cJSON_GetObjectItemCaseSensitive(json, "experiment_ids") != NULL)
        options->experiment_ids = query->experiment_ids;
    options->view = (mlf_view)number_of(json, "view");
    options->max_results = (size_t)number_of(json, "max_results");
    options->page_token = text_of(json, "page_token");
    query->whole = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "whole"));
}

static void add_id(cJSON *answer, const char *id)
{
    cJSON_AddItemToArray(cJSON_GetObjectItem(answer, "ids"), cJSON_CreateString(id));
}

static cJSON *pairs_json(const mlf_pair *pairs, size_t n)
{
    cJSON *json = cJSON_CreateObject();
    for (size_t i = 0; i < n; i++)
        cJSON_AddStringToObject(json, pairs[i].key, pairs[i].value);
    return json;
}

/* [key, value, timestamp, step, run, dataset, digest, model], the value as text. */
static cJSON *metrics_json(const mlf_metric_record *metrics, size_t n)
{
    cJSON *json = cJSON_CreateArray();
    for (size_t i = 0; i < n; i++) {
        const char *texts[] = {metrics[i].run_id, metrics[i].dataset_name,
                               metrics[i].dataset_digest, metrics[i].model_id};
        char value[MLF__NUMBER_SIZE];
        cJSON *one = cJSON_CreateArray();
        cJSON_AddItemToArray(one, cJSON_CreateString(metrics[i].key));
        mlf__format_double(value, metrics[i].value);
        cJSON_AddItemToArray(one, cJSON_CreateString(value));
        cJSON_AddItemToArray(one, cJSON_CreateNumber((double)metrics[i].timestamp_ms));
        cJSON_AddItemToArray(one, cJSON_CreateNumber((double)metrics[i].step));
        for (size_t k = 0; k < MLF__ARRAY_LEN(texts); k++)
            cJSON_AddItemToArray(one, texts[k] != NULL ? cJSON_CreateString(texts[k])
                                                       : cJSON_CreateNull());
        cJSON_AddItemToArray(json, one);
    }
    return json;
}

static cJSON *run_json(const mlf_run_record *run)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "run_id", run->run_id);
    cJSON_AddStringToObject(json, "experiment_id", run->experiment_id);
    cJSON_AddStringToObject(json, "name", run->name);
    cJSON_AddStringToObject(json, "user", run->user);
    cJSON_AddStringToObject(json, "artifact_uri", run->artifact_uri);
    cJSON_AddStringToObject(json, "status", mlf__run_status_name(run->status));
    cJSON_AddBoolToObject(json, "deleted", run->deleted);
    cJSON_AddNumberToObject(json, "start_time", (double)run->start_time_ms);
    cJSON_AddNumberToObject(json, "end_time", (double)run->end_time_ms);
    cJSON_AddItemToObject(json, "params", pairs_json(run->params, run->n_params));
    cJSON_AddItemToObject(json, "tags", pairs_json(run->tags, run->n_tags));
    cJSON_AddItemToObject(json, "metrics", metrics_json(run->metrics, run->n_metrics));
    cJSON *inputs = cJSON_AddArrayToObject(json, "inputs");
    for (size_t i = 0; i < run->n_inputs; i++) {
        cJSON *input = cJSON_CreateObject();
        cJSON_AddStringToObject(input, "name", run->inputs[i].name);
        cJSON_AddStringToObject(input, "digest", run->inputs[i].digest);
        cJSON_AddStringToObject(input, "source", run->inputs[i].source);
        cJSON_AddItemToObject(input, "tags",
                              pairs_json(run->inputs[i].tags, run->inputs[i].n_tags));
        cJSON_AddItemToArray(inputs, input);
    }
    cJSON *outputs = cJSON_AddObjectToObject(json, "model_outputs");
    for (size_t i = 0; i < run->n_model_outputs; i++)
        cJSON_AddNumberToObject(outputs, run->model_outputs[i], (double)run->model_output_steps[i]);
    cJSON *models = cJSON_AddArrayToObject(json, "model_inputs");
    for (size_t i = 0; i < run->n_model_inputs; i++)
        cJSON_AddItemToArray(models, cJSON_CreateString(run->model_inputs[i]));
    return json;
}

static cJSON *model_json(const mlf_logged_model *model)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "model_id", model->model_id);
    cJSON_AddStringToObject(json, "experiment_id", model->experiment_id);
    cJSON_AddStringToObject(json, "name", model->name);
    cJSON_AddStringToObject(json, "run_id", model->run_id != NULL ? model->run_id : "");
    cJSON_AddStringToObject(json, "model_type", model->model_type != NULL ? model->model_type : "");
    cJSON_AddNumberToObject(json, "status", model->status);
    cJSON_AddNumberToObject(json, "created", (double)model->creation_time_ms);
    cJSON_AddItemToObject(json, "params", pairs_json(model->params, model->n_params));
    cJSON_AddItemToObject(json, "tags", pairs_json(model->tags, model->n_tags));
    cJSON_AddItemToObject(json, "metrics", metrics_json(model->metrics, model->n_metrics));
    return json;
}

static cJSON *experiment_json(const mlf_experiment *experiment)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "experiment_id", experiment->id);
    cJSON_AddStringToObject(json, "name", experiment->name);
    cJSON_AddStringToObject(json, "artifact_location", experiment->artifact_location);
    cJSON_AddBoolToObject(json, "deleted", experiment->deleted);
    cJSON_AddNumberToObject(json, "created", (double)experiment->creation_time_ms);
    cJSON_AddNumberToObject(json, "updated", (double)experiment->last_update_time_ms);
    cJSON_AddItemToObject(json, "tags", pairs_json(experiment->tags, experiment->n_tags));
    return json;
}

static mlf_status search_runs(struct mlf__store *store, const struct query *query, cJSON *answer,
                              cJSON *records)
{
    mlf_run_list list;
    mlf_status status = store->ops->run_search(store, &query->options, &list);
    for (size_t i = 0; i < list.n_runs; i++) {
        add_id(answer, list.runs[i].run_id);
        if (query->whole)
            cJSON_AddItemToArray(records, run_json(&list.runs[i]));
    }
    if (list.next_page_token != NULL)
        cJSON_AddStringToObject(answer, "token", list.next_page_token);
    mlf_run_list_free(&list);
    return status;
}

static mlf_status search_models(struct mlf__store *store, const struct query *query, cJSON *answer,
                                cJSON *records)
{
    mlf_logged_model_list list;
    mlf_status status = store->ops->model_search(store, &query->options, &list);
    for (size_t i = 0; i < list.n_models; i++) {
        add_id(answer, list.models[i].model_id);
        if (query->whole)
            cJSON_AddItemToArray(records, model_json(&list.models[i]));
    }
    if (list.next_page_token != NULL)
        cJSON_AddStringToObject(answer, "token", list.next_page_token);
    mlf_logged_model_list_free(&list);
    return status;
}

static mlf_status search_experiments(struct mlf__store *store, const struct query *query,
                                     cJSON *answer, cJSON *records)
{
    mlf_experiment_list list;
    mlf_status status = store->ops->experiment_search(store, &query->options, &list);
    for (size_t i = 0; i < list.n_experiments; i++) {
        add_id(answer, list.experiments[i].id);
        if (query->whole)
            cJSON_AddItemToArray(records, experiment_json(&list.experiments[i]));
    }
    if (list.next_page_token != NULL)
        cJSON_AddStringToObject(answer, "token", list.next_page_token);
    mlf_experiment_list_free(&list);
    return status;
}

static void answer_line(struct mlf__store *store, const char *line)
{
    cJSON *json = cJSON_Parse(line), *answer = cJSON_CreateObject();
    struct query query;
    read_query(json, &query);
    const char *subject = text_of(json, "subject");
    cJSON_AddArrayToObject(answer, "ids");
    cJSON *records = cJSON_AddArrayToObject(answer, "records");
    int64_t begin = mlf__monotonic_ns();
    mlf_status status = subject == NULL ? mlf__fail(MLF_ERR_INVAL, "not a query: %s", line)
                        : strcmp(subject, "runs") == 0 ? search_runs(store, &query, answer, records)
                        : strcmp(subject, "models") == 0
                            ? search_models(store, &query, answer, records)
                            : search_experiments(store, &query, answer, records);
    cJSON_AddNumberToObject(answer, "ms", (double)(mlf__monotonic_ns() - begin) / 1e6);
    if (status != MLF_OK)
        cJSON_AddStringToObject(answer, "error", mlf__errmsg());
    char *text = cJSON_PrintUnformatted(answer);
    printf("%s\n", text);
    fflush(stdout);
    cJSON_free(text);
    cJSON_Delete(json);
    cJSON_Delete(answer);
}

/* ---- writing ---- */

static void must(mlf_status status)
{
    if (status == MLF_OK)
        return;
    fprintf(stderr, "%s\n", mlf__errmsg());
    exit(1);
}

/* The members of an object as pairs. */
static size_t pairs_of(const cJSON *json, const char *name, mlf_key_value *out)
{
    const cJSON *object = cJSON_GetObjectItemCaseSensitive(json, name), *item;
    size_t n = 0;
    cJSON_ArrayForEach(item, object) if (n < TEXTS_MAX) out[n++] =
        (mlf_key_value){item->string, item->valuestring};
    return n;
}

static bool flag_of(const cJSON *json, const char *name)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, name));
}

static int64_t time_of(const cJSON *json, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
    return cJSON_IsNumber(item) ? (int64_t)item->valuedouble : -1;
}

static void write_experiment(struct mlf__store *store, const cJSON *json, char id[MLF__ID_SIZE])
{
    mlf_key_value tags[TEXTS_MAX];
    const struct mlf__experiment_create experiment = {
        .name = text_of(json, "name"), .tags = tags, .n_tags = pairs_of(json, "tags", tags)};
    char *made;
    must(store->ops->experiment_create(store, &experiment, &made));
    snprintf(id, MLF__ID_SIZE, "%s", made);
    mlf__free(made);
    if (flag_of(json, "deleted"))
        must(store->ops->experiment_set_deleted(store, id, true));
}

static void write_metrics(struct mlf__store *store, const cJSON *json, const char *run_id)
{
    const cJSON *one;
    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(json, "metrics"))
    {
        const cJSON *value = cJSON_GetArrayItem(one, 1);
        const struct mlf__metric metric = {
            .run_id = run_id,
            .key = cJSON_GetStringValue(cJSON_GetArrayItem(one, 0)),
            .value = cJSON_IsString(value) ? strtod(value->valuestring, NULL) : value->valuedouble,
            .timestamp_ms = (int64_t)cJSON_GetArrayItem(one, 2)->valuedouble,
            .step = (int64_t)cJSON_GetArrayItem(one, 3)->valuedouble,
            .model_id = cJSON_GetStringValue(cJSON_GetArrayItem(one, 4)),
            .dataset_name = cJSON_GetStringValue(cJSON_GetArrayItem(one, 5)),
            .dataset_digest = cJSON_GetStringValue(cJSON_GetArrayItem(one, 6)),
        };
        must(store->ops->log_metrics(store, &metric, 1));
    }
}

static void write_run(struct mlf__store *store, const cJSON *json, char id[MLF__ID_SIZE])
{
    mlf_key_value pairs[TEXTS_MAX];
    const cJSON *one;
    mlf__new_id(id);
    const struct mlf__run_create run = {.run_id = id,
                                        .experiment_id = text_of(json, "experiment_id"),
                                        .name = text_of(json, "name"),
                                        .user = text_of(json, "user"),
                                        .start_time_ms = time_of(json, "start_time"),
                                        .tags = pairs,
                                        .n_tags = pairs_of(json, "tags", pairs)};
    must(store->ops->run_create(store, &run));
    size_t n = pairs_of(json, "params", pairs);
    for (size_t i = 0; i < n; i++)
        must(store->ops->log_param(store, id, pairs[i].key, pairs[i].value, NULL));
    write_metrics(store, json, id);
    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(json, "inputs"))
    {
        const struct mlf__dataset_input input = {
            .name = cJSON_GetStringValue(cJSON_GetArrayItem(one, 0)),
            .digest = cJSON_GetStringValue(cJSON_GetArrayItem(one, 1)),
            .source_type = "local",
            .source = "{}",
            .context = cJSON_GetStringValue(cJSON_GetArrayItem(one, 2))};
        must(store->ops->log_input(store, id, &input));
    }
    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(json, "outputs"))
        must(store->ops->model_output(store, id, one->valuestring, 3));
    if (number_of(json, "status") > 0)
        must(store->ops->run_update(store, id, number_of(json, "status"),
                                    time_of(json, "end_time")));
    if (flag_of(json, "deleted"))
        must(store->ops->run_set_deleted(store, id, true));
}

static void write_model(struct mlf__store *store, const cJSON *json, char id[MLF__ID_SIZE])
{
    mlf_key_value params[TEXTS_MAX], tags[TEXTS_MAX];
    mlf__new_model_id(id);
    const struct mlf__model_create model = {.model_id = id,
                                            .experiment_id = text_of(json, "experiment_id"),
                                            .name = text_of(json, "name"),
                                            .run_id = text_of(json, "run_id"),
                                            .model_type = text_of(json, "type"),
                                            .creation_time_ms = time_of(json, "start_time"),
                                            .params = params,
                                            .n_params = pairs_of(json, "params", params),
                                            .tags = tags,
                                            .n_tags = pairs_of(json, "tags", tags)};
    must(store->ops->model_create(store, &model));
    if (number_of(json, "status") > 0)
        must(store->ops->model_finalize(store, id, number_of(json, "status")));
    if (flag_of(json, "deleted"))
        must(store->ops->model_delete(store, id));
}

static void write_line(struct mlf__store *store, const char *line)
{
    cJSON *json = cJSON_Parse(line);
    const char *what = text_of(json, "write");
    char id[MLF__ID_SIZE];
    if (what != NULL && strcmp(what, "experiment") == 0)
        write_experiment(store, json, id);
    else if (what != NULL && strcmp(what, "run") == 0)
        write_run(store, json, id);
    else
        write_model(store, json, id);
    printf("%s\n", id);
    fflush(stdout);
    cJSON_Delete(json);
}

int main(int argc, char **argv)
{
    struct mlf__store *store;
    char *line = NULL;
    size_t size = 0;
    if (argc < 2) {
        fprintf(stderr, "usage: search_tool URI [fill]\n");
        return 2;
    }
    bool fill = argc > 2;
    must(mlf__store_open(argv[1], fill ? MLF__STORE_WRITE : MLF__STORE_READ, &store));
    while (getline(&line, &size, stdin) > 0) {
        if (fill)
            write_line(store, line);
        else
            answer_line(store, line);
    }
    free(line);
    mlf__store_close(store);
    return 0;
}
