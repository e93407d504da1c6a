/* SPDX-License-Identifier: Apache-2.0 */
/* Writes through tracking/ for the interoperability tests, and answers what it reads as JSON.
 *
 *   store_writer URI fixed           writes the fixed runs below and prints their ids
 *   store_writer URI json RUN        prints the run as mlf__run_json gives it
 *   store_writer URI points RUN N    logs N points of metric "ours" in batches of 50
 *   store_writer URI more RUN        writes to a run once more, of every kind
 *   store_writer URI stay            creates a run and logs one point of "ours" per line of stdin,
 *                                    with the store open all the time; prints the run, then "ok"s */
#include "core/fail.h"
#include "core/mem.h"
#include "core/sys.h"
#include "tracking/artifacts.h"
#include "tracking/run_json.h"
#include "tracking/store.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARENT "00000000000000000000000000000aaa"
#define CHILD "00000000000000000000000000000bbb"
#define MODEL "m-00000000000000000000000000000ccc"

static const struct mlf__dataset_input data_set = {
    .name = "iris.scale",
    .digest = "8f434346648f6b96df89dda901c5176b",
    .source_type = "local",
    .source = "{\"uri\": \"/data/iris.scale\"}",
    .schema = "{\"mlflow_colspec\": [{\"type\": \"double\", \"name\": \"x\", \"required\": true}]}",
    .profile = "{\"num_rows\": 150}",
    .context = "train",
};

static const mlf_key_value run_tags[] = {
    {"mlflow.user", "ann"},
    {"mlflow.source.name", "svm-train"},
    {"mlflow.source.type", "LOCAL"},
};

static const mlf_key_value model_params[] = {{"C", "10"}, {"gamma", "0.25"}};

static mlf_status create_run(struct mlf__store *store, const char *experiment, const char *run_id,
                             const char *name)
{
    const struct mlf__run_create run = {
        .run_id = run_id,
        .experiment_id = experiment,
        .name = name,
        .user = "ann",
        .start_time_ms = 1700000000000,
        .tags = run_tags,
        .n_tags = MLF__ARRAY_LEN(run_tags),
    };
    return store->ops->run_create(store, &run);
}

static mlf_status log_points(struct mlf__store *store)
{
    const struct mlf__metric points[] = {
        {PARENT, "obj", -19.98, 1700000001000, 1, MODEL, "iris.scale", data_set.digest},
        {PARENT, "obj", -20.25, 1700000001001, 2, MODEL, NULL, NULL},
        {PARENT, "obj", 0.1, 1700000001001, -3, NULL, NULL, NULL},
        {PARENT, "rho", NAN, 1700000001002, 0, NULL, NULL, NULL},
        {PARENT, "up", INFINITY, 1700000001003, 0, NULL, NULL, NULL},
        {PARENT, "down", -INFINITY, 1700000001003, 0, NULL, NULL, NULL},
        {PARENT, "whole", 48, 1700000001004, 9007199254740993, NULL, NULL, NULL},
        {PARENT, "tiny/value x", 1e-300, 1700000001004, 0, NULL, NULL, NULL},
    };
    return store->ops->log_metrics(store, points, MLF__ARRAY_LEN(points));
}

static mlf_status write_model(struct mlf__store *store, const char *experiment)
{
    const struct mlf__model_create model = {
        .model_id = MODEL,
        .experiment_id = experiment,
        .name = "model",
        .run_id = PARENT,
        .creation_time_ms = 1700000000500,
        .params = model_params,
        .n_params = MLF__ARRAY_LEN(model_params),
        .tags = run_tags,
        .n_tags = MLF__ARRAY_LEN(run_tags),
    };
    mlf_status status = store->ops->model_create(store, &model);
    if (status == MLF_OK)
        status = log_points(store);
    if (status == MLF_OK)
        status = store->ops->model_output(store, PARENT, MODEL, 2);
    mlf_logged_model record = {0};
    if (status == MLF_OK)
        status = store->ops->model_get(store, MODEL, &record);
    if (status == MLF_OK)
        status = mlf__artifact_write(record.artifact_location, "model.svm", "nr_class 3\n", 11);
    mlf_logged_model_free(&record);
    return status == MLF_OK ? store->ops->model_finalize(store, MODEL, MLF_MODEL_READY) : status;
}

static mlf_status write_fixed(struct mlf__store *store)
{
    mlf_experiment experiment = {0};
    mlf_run_record run = {0};
    mlf_status status = store->ops->experiment_ensure(store, "interop é", &experiment);
    if (status == MLF_OK)
        status = create_run(store, experiment.id, PARENT, "parent");
    if (status == MLF_OK)
        status = create_run(store, experiment.id, CHILD, NULL);
    if (status == MLF_OK)
        status = store->ops->set_tag(store, CHILD, "mlflow.parentRunId", PARENT);
    if (status == MLF_OK)
        status = store->ops->log_param(store, PARENT, "C", "10", NULL);
    if (status == MLF_OK)
        status = store->ops->log_param(store, PARENT, "nom/précis", "a \"b\"\n", NULL);
    if (status == MLF_OK)
        status = store->ops->log_param(store, PARENT, "empty", "", NULL);
    if (status == MLF_OK)
        status = store->ops->log_input(store, PARENT, &data_set);
    if (status == MLF_OK)
        status = write_model(store, experiment.id);
    if (status == MLF_OK)
        status = store->ops->run_get(store, PARENT, &run);
    if (status == MLF_OK)
        status = mlf__artifact_write(run.artifact_uri, "logs/out.txt", "done\n", 5);
    if (status == MLF_OK)
        status = store->ops->run_update(store, PARENT, MLF_RUN_FINISHED, 1700000009000);
    if (status == MLF_OK)
        status = store->ops->run_update(store, CHILD, MLF_RUN_KILLED, 1700000009500);
    if (status == MLF_OK)
        printf("%s %s %s %s\n", experiment.id, PARENT, CHILD, MODEL);
    mlf_run_record_free(&run);
    mlf_experiment_free(&experiment);
    return status;
}

static mlf_status print_json(struct mlf__store *store, const char *run_id)
{
    mlf_run_record run;
    mlf_status status = store->ops->run_get(store, run_id, &run);
    if (status != MLF_OK)
        return status;
    char *json = mlf__run_json(&run);
    if (json != NULL)
        puts(json);
    mlf_run_record_free(&run);
    mlf__free(json);
    return json != NULL ? MLF_OK : MLF_ERR_NOMEM;
}

static mlf_status write_points(struct mlf__store *store, const char *run_id, long count)
{
    enum { BATCH = 50 };
    struct mlf__metric batch[BATCH];
    mlf_status status = MLF_OK;
    for (long i = 0; status == MLF_OK && i < count; i += BATCH) {
        size_t n = count - i < BATCH ? (size_t)(count - i) : BATCH;
        for (size_t j = 0; j < n; j++)
            batch[j] = (struct mlf__metric){.run_id = run_id,
                                            .key = "ours",
                                            .value = (double)(i + (long)j),
                                            .timestamp_ms = mlf__now_ms(),
                                            .step = i + (long)j};
        status = store->ops->log_metrics(store, batch, n);
    }
    return status;
}

static mlf_status write_more(struct mlf__store *store, const char *run_id)
{
    char model_id[MLF__ID_SIZE];
    mlf_run_record run;
    const struct mlf__metric point = {
        .run_id = run_id, .key = "more", .value = 1, .timestamp_ms = mlf__now_ms(), .step = 1};
    mlf__new_model_id(model_id);
    mlf_status status = store->ops->run_get(store, run_id, &run);
    if (status != MLF_OK)
        return status;
    const struct mlf__model_create model = {
        .model_id = model_id, .experiment_id = run.experiment_id, .name = "more", .run_id = run_id};
    struct mlf__dataset_input input = data_set;
    input.name = "more";
    mlf_experiment experiment = {0};
    status = store->ops->begin(store);
    if (status == MLF_OK)
        status = store->ops->log_param(store, run_id, "more", "1", NULL);
    if (status == MLF_OK)
        status = store->ops->set_tag(store, run_id, "more", "1");
    if (status == MLF_OK)
        status = store->ops->log_metrics(store, &point, 1);
    if (status == MLF_OK)
        status = store->ops->log_input(store, run_id, &input);
    if (status == MLF_OK)
        status = store->ops->model_create(store, &model);
    if (status == MLF_OK)
        status = store->ops->model_output(store, run_id, model_id, 1);
    if (status == MLF_OK)
        status = store->ops->experiment_ensure(store, "more", &experiment);
    if (status == MLF_OK)
        status = store->ops->commit(store);
    mlf_experiment_free(&experiment);
    mlf_run_record_free(&run);
    return status;
}

static mlf_status stay(struct mlf__store *store)
{
    char run_id[MLF__ID_SIZE], line[64];
    mlf__new_id(run_id);
    mlf_status status = create_run(store, "0", run_id, "stay");
    printf("%s\n", run_id);
    fflush(stdout);
    for (long i = 0; status == MLF_OK && fgets(line, sizeof(line), stdin) != NULL; i++) {
        const struct mlf__metric point = {.run_id = run_id,
                                          .key = "ours",
                                          .value = (double)i,
                                          .timestamp_ms = mlf__now_ms(),
                                          .step = i};
        status = store->ops->log_metrics(store, &point, 1);
        if (status == MLF_OK)
            puts("ok");
        fflush(stdout);
    }
    return status;
}

int main(int argc, char **argv)
{
    struct mlf__store *store = NULL;
    char *uri = NULL;
    if (argc < 3)
        return 2;
    const char *command = argv[2];
    bool reads = strcmp(command, "json") == 0;
    mlf_status status = mlf__uri_resolve(argv[1], NULL, &uri);
    if (status == MLF_OK)
        status = mlf__store_open(uri, reads ? MLF__STORE_READ : MLF__STORE_WRITE, &store);
    if (status == MLF_OK) {
        if (strcmp(command, "fixed") == 0)
            status = write_fixed(store);
        else if (reads && argc == 4)
            status = print_json(store, argv[3]);
        else if (strcmp(command, "points") == 0 && argc == 5)
            status = write_points(store, argv[3], strtol(argv[4], NULL, 10));
        else if (strcmp(command, "more") == 0 && argc == 4)
            status = write_more(store, argv[3]);
        else if (strcmp(command, "stay") == 0)
            status = stay(store);
        else
            status = mlf__fail(MLF_ERR_INVAL, "unknown command %s", command);
    }
    if (status != MLF_OK)
        fprintf(stderr, "%s\n", mlf__errmsg());
    mlf__store_close(store);
    mlf__free(uri);
    return status != MLF_OK;
}
