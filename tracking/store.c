/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of stores, and the frees of what they return. A new kind of store is one line here. */
#include "tracking/store.h"

#include "core/buf.h"
#include "core/mem.h"
#include "tracking/registry.h"

#include <string.h>

static const struct mlf_store_ops *const stores[] = {&mlf__sql_store_ops};

/* ---- registry ---- */

const struct mlf_store_ops *mlf__store_ops_of(const char *uri)
{
    size_t len = strcspn(uri, ":");
    for (size_t i = 0; uri[len] == ':' && i < MLF__ARRAY_LEN(stores); i++)
        for (const char *const *scheme = stores[i]->schemes; *scheme != NULL; scheme++)
            if (strlen(*scheme) == len && strncmp(*scheme, uri, len) == 0)
                return stores[i];
    return NULL;
}

mlf_status mlf__store_fail_scheme(const char *uri)
{
    struct mlf__buf schemes = {0};
    for (size_t i = 0; i < MLF__ARRAY_LEN(stores); i++)
        for (const char *const *scheme = stores[i]->schemes; *scheme != NULL; scheme++)
            mlf__buf_printf(&schemes, "%s%s:", schemes.len > 0 ? ", " : "", *scheme);
    char *display = mlf__uri_display(uri);
    mlf_status status =
        mlf__fail(MLF_ERR_INVAL,
                  "the tracking URI '%s' is of a kind that mlf cannot use; it can "
                  "use %s as in sqlite:///mlflow.db (in the current directory) or "
                  "sqlite:////data/mlflow.db",
                  display != NULL ? display : "", schemes.failed ? "sqlite:" : schemes.data);
    mlf__free(display);
    mlf__buf_free(&schemes);
    return status;
}

void mlf__store_own_process(void)
{
    for (size_t i = 0; i < MLF__ARRAY_LEN(stores); i++)
        if (stores[i]->own_process != NULL)
            stores[i]->own_process();
}

bool mlf__store_writes_at_end(const char *uri)
{
    const struct mlf_store_ops *ops = mlf__store_ops_of(uri);
    return ops != NULL && ops->writes_at_end != NULL && ops->writes_at_end(uri);
}

mlf_status mlf__store_open(const char *uri, enum mlf__open_mode mode, struct mlf__store **out)
{
    *out = NULL;
    const struct mlf_store_ops *ops = mlf__store_ops_of(uri);
    if (ops == NULL)
        return mlf__store_fail_scheme(uri);
    struct mlf__store *store = mlf__zalloc(1, sizeof(*store));
    if (store == NULL)
        return MLF_ERR_NOMEM;
    store->ops = ops;
    store->state = mlf__zalloc(1, ops->state_size);
    store->uri = mlf__strdup(uri);
    mlf_status status = MLF_ERR_NOMEM;
    if (store->state != NULL && store->uri != NULL)
        status = ops->open(store, uri, mode);
    if (status != MLF_OK) {
        mlf__free(store->state);
        mlf__free(store->uri);
        mlf__free(store);
        return status;
    }
    *out = store;
    return MLF_OK;
}

void mlf__store_close(struct mlf__store *store)
{
    if (store == NULL)
        return;
    store->ops->close(store);
    mlf__free(store->state);
    mlf__free(store->uri);
    mlf__free(store);
}

/* ---- run status ---- */

static const char *const run_status_names[] = {
    [MLF_RUN_RUNNING] = "RUNNING",   [MLF_RUN_SCHEDULED] = "SCHEDULED",
    [MLF_RUN_FINISHED] = "FINISHED", [MLF_RUN_FAILED] = "FAILED",
    [MLF_RUN_KILLED] = "KILLED",
};

const char *mlf__run_status_name(int status)
{
    return status > 0 && status < (int)MLF__ARRAY_LEN(run_status_names) ? run_status_names[status]
                                                                        : NULL;
}

int mlf__run_status_parse(const char *name)
{
    for (size_t i = 1; i < MLF__ARRAY_LEN(run_status_names); i++)
        if (strcmp(run_status_names[i], name) == 0)
            return (int)i;
    return 0;
}

/* ---- frees ---- */

static void free_pairs(mlf_pair *pairs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        mlf__free(pairs[i].key);
        mlf__free(pairs[i].value);
    }
    mlf__free(pairs);
}

static void free_metrics(mlf_metric_record *metrics, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        mlf__free(metrics[i].key);
        mlf__free(metrics[i].run_id);
        mlf__free(metrics[i].model_id);
        mlf__free(metrics[i].dataset_name);
        mlf__free(metrics[i].dataset_digest);
    }
    mlf__free(metrics);
}

void mlf_experiment_free(mlf_experiment *experiment)
{
    if (experiment == NULL)
        return;
    mlf__free(experiment->id);
    mlf__free(experiment->name);
    mlf__free(experiment->artifact_location);
    free_pairs(experiment->tags, experiment->n_tags);
    *experiment = (mlf_experiment){0};
}

void mlf_experiment_list_free(mlf_experiment_list *list)
{
    if (list == NULL)
        return;
    for (size_t i = 0; i < list->n_experiments; i++)
        mlf_experiment_free(&list->experiments[i]);
    mlf__free(list->experiments);
    mlf__free(list->next_page_token);
    *list = (mlf_experiment_list){0};
}

static void free_input(mlf_input_record *input)
{
    mlf__free(input->name);
    mlf__free(input->digest);
    mlf__free(input->source_type);
    mlf__free(input->source);
    mlf__free(input->schema);
    mlf__free(input->profile);
    free_pairs(input->tags, input->n_tags);
}

void mlf_run_record_free(mlf_run_record *run)
{
    if (run == NULL)
        return;
    mlf__free(run->run_id);
    mlf__free(run->experiment_id);
    mlf__free(run->name);
    mlf__free(run->user);
    mlf__free(run->artifact_uri);
    free_pairs(run->params, run->n_params);
    free_pairs(run->tags, run->n_tags);
    free_metrics(run->metrics, run->n_metrics);
    for (size_t i = 0; i < run->n_inputs; i++)
        free_input(&run->inputs[i]);
    mlf__free(run->inputs);
    for (size_t i = 0; i < run->n_model_outputs; i++)
        mlf__free(run->model_outputs[i]);
    mlf__free(run->model_outputs);
    mlf__free(run->model_output_steps);
    for (size_t i = 0; i < run->n_model_inputs; i++)
        mlf__free(run->model_inputs[i]);
    mlf__free(run->model_inputs);
    *run = (mlf_run_record){0};
}

void mlf_run_list_free(mlf_run_list *list)
{
    if (list == NULL)
        return;
    for (size_t i = 0; i < list->n_runs; i++)
        mlf_run_record_free(&list->runs[i]);
    mlf__free(list->runs);
    mlf__free(list->next_page_token);
    *list = (mlf_run_list){0};
}

void mlf_logged_model_free(mlf_logged_model *model)
{
    if (model == NULL)
        return;
    mlf__free(model->model_id);
    mlf__free(model->experiment_id);
    mlf__free(model->name);
    mlf__free(model->artifact_location);
    mlf__free(model->run_id);
    mlf__free(model->model_type);
    free_pairs(model->params, model->n_params);
    free_pairs(model->tags, model->n_tags);
    free_metrics(model->metrics, model->n_metrics);
    *model = (mlf_logged_model){0};
}

void mlf_logged_model_list_free(mlf_logged_model_list *list)
{
    if (list == NULL)
        return;
    for (size_t i = 0; i < list->n_models; i++)
        mlf_logged_model_free(&list->models[i]);
    mlf__free(list->models);
    mlf__free(list->next_page_token);
    *list = (mlf_logged_model_list){0};
}

void mlf_metric_list_free(mlf_metric_list *list)
{
    if (list == NULL)
        return;
    free_metrics(list->metrics, list->n_metrics);
    *list = (mlf_metric_list){0};
}
