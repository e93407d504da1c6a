/* SPDX-License-Identifier: Apache-2.0 */
/* The public API: experiments. Each call opens the store for itself. */
#include "autolog/api.h"

#include "core/mem.h"
#include "tracking/unknown.h"

#include <string.h>

static mlf_status no_argument(const char *call, const char *what)
{
    return mlf__api_check_text(NULL, call, what);
}

/* ---- creating and reading ---- */

static mlf_status check_tags(const mlf_key_value *tags, size_t n)
{
    if (n > 0 && tags == NULL)
        return no_argument("mlf_create_experiment", "tags");
    for (size_t i = 0; i < n; i++)
        if (tags[i].key == NULL || tags[i].value == NULL)
            return mlf__fail(MLF_ERR_INVAL, "mlf_create_experiment: tag %zu has no %s", i,
                             tags[i].key == NULL ? "key" : "value");
    return MLF_OK;
}

mlf_status mlf_create_experiment(const char *name, const mlf_experiment_options *options,
                                 char experiment_id[MLF_ID_MAX])
{
    static const mlf_experiment_options defaults = MLF_EXPERIMENT_OPTIONS_INIT;
    struct mlf__api_call call;
    char *id = NULL;
    if (experiment_id != NULL)
        experiment_id[0] = '\0';
    if (mlf__api_is_off())
        return MLF_OK;
    if (name == NULL || experiment_id == NULL)
        return no_argument("mlf_create_experiment", name == NULL ? "name" : "place for the id");
    options = options != NULL ? options : &defaults;
    if (options->size < sizeof(*options))
        return mlf__fail(MLF_ERR_INVAL,
                         "mlf_create_experiment: options without MLF_EXPERIMENT_OPTIONS_INIT");
    mlf_status status = check_tags(options->tags, options->n_tags);
    if (status == MLF_OK)
        status = mlf__api_call_begin(&call, MLF__STORE_WRITE);
    if (status != MLF_OK)
        return status;
    const struct mlf__experiment_create create = {.name = name,
                                                  .artifact_location = options->artifact_location,
                                                  .tags = options->tags,
                                                  .n_tags = options->n_tags};
    status = call.store->ops->experiment_create(call.store, &create, &id);
    if (status == MLF_OK)
        mlf__copy_text(experiment_id, MLF_ID_MAX, id);
    mlf__free(id);
    return mlf__api_call_end(&call, status);
}

mlf_status mlf_get_experiment(const char *experiment_id, mlf_experiment *out)
{
    struct mlf__api_call call;
    if (out != NULL)
        *out = (mlf_experiment){0};
    if (experiment_id == NULL || out == NULL)
        return no_argument("mlf_get_experiment", out == NULL ? "place for the result" : "id");
    mlf_status status = mlf__api_call_begin(&call, MLF__STORE_READ);
    if (status != MLF_OK)
        return status;
    status = call.store->ops->experiment_get(call.store, experiment_id, out);
    return mlf__api_call_end(&call, mlf__unknown_experiment(call.store, experiment_id, status));
}

mlf_status mlf_get_experiment_by_name(const char *name, mlf_experiment *out)
{
    struct mlf__api_call call;
    if (out != NULL)
        *out = (mlf_experiment){0};
    if (name == NULL || out == NULL)
        return no_argument("mlf_get_experiment_by_name",
                           out == NULL ? "place for the result" : "name");
    mlf_status status = mlf__api_call_begin(&call, MLF__STORE_READ);
    if (status != MLF_OK)
        return status;
    status = call.store->ops->experiment_by_name(call.store, name, out);
    return mlf__api_call_end(&call, mlf__unknown_experiment_name(call.store, status));
}

mlf_status mlf_search_experiments(const mlf_search_options *options, mlf_experiment_list *out)
{
    static const mlf_search_options all = MLF_SEARCH_OPTIONS_INIT;
    struct mlf__api_call call;
    if (out == NULL)
        return no_argument("mlf_search_experiments", "place for the result");
    *out = (mlf_experiment_list){0};
    options = options != NULL ? options : &all;
    mlf_status status = mlf__api_check_search("mlf_search_experiments", options);
    if (status == MLF_OK)
        status = mlf__api_call_begin(&call, MLF__STORE_READ);
    if (status != MLF_OK)
        return status;
    status = call.store->ops->experiment_search(call.store, options, out);
    return mlf__api_call_end(&call, status);
}

/* ---- changing ---- */

mlf_status mlf_rename_experiment(const char *experiment_id, const char *new_name)
{
    struct mlf__api_call call;
    if (mlf__api_is_off())
        return MLF_OK;
    if (experiment_id == NULL || new_name == NULL)
        return no_argument("mlf_rename_experiment", experiment_id == NULL ? "id" : "name");
    mlf_status status = mlf__api_call_begin(&call, MLF__STORE_WRITE);
    if (status != MLF_OK)
        return status;
    status = call.store->ops->experiment_rename(call.store, experiment_id, new_name);
    return mlf__api_call_end(&call, mlf__unknown_experiment(call.store, experiment_id, status));
}

mlf_status mlf_set_experiment_tag(const char *key, const char *value)
{
    struct mlf__api_call call;
    char id[MLF_ID_MAX];
    if (mlf__api_is_off())
        return MLF_OK;
    if (key == NULL || value == NULL)
        return no_argument("mlf_set_experiment_tag", key == NULL ? "key" : "value");
    mlf_status status = mlf__api_call_begin(&call, MLF__STORE_WRITE);
    if (status != MLF_OK)
        return status;
    status = mlf__api_experiment_id(call.store, true, id);
    if (status == MLF_OK)
        status = call.store->ops->experiment_set_tag(call.store, id, key, value);
    return mlf__api_call_end(&call, status);
}

mlf_status mlf_experiment_set_tag(const char *experiment_id, const char *key, const char *value)
{
    struct mlf__api_call call;
    if (mlf__api_is_off())
        return MLF_OK;
    if (experiment_id == NULL || key == NULL || value == NULL)
        return no_argument("mlf_experiment_set_tag", experiment_id == NULL ? "id"
                                                     : key == NULL         ? "key"
                                                                           : "value");
    mlf_status status = mlf__api_call_begin(&call, MLF__STORE_WRITE);
    if (status != MLF_OK)
        return status;
    status = call.store->ops->experiment_set_tag(call.store, experiment_id, key, value);
    return mlf__api_call_end(&call, mlf__unknown_experiment(call.store, experiment_id, status));
}

mlf_status mlf_experiment_delete_tag(const char *experiment_id, const char *key)
{
    struct mlf__api_call call;
    if (mlf__api_is_off())
        return MLF_OK;
    if (experiment_id == NULL || key == NULL)
        return no_argument("mlf_experiment_delete_tag", experiment_id == NULL ? "id" : "key");
    mlf_status status = mlf__api_call_begin(&call, MLF__STORE_WRITE);
    if (status != MLF_OK)
        return status;
    status = call.store->ops->experiment_delete_tag(call.store, experiment_id, key);
    return mlf__api_call_end(&call, mlf__unknown_experiment(call.store, experiment_id, status));
}

static mlf_status set_deleted(const char *name, const char *experiment_id, bool deleted)
{
    struct mlf__api_call call;
    if (mlf__api_is_off())
        return MLF_OK;
    if (experiment_id == NULL)
        return no_argument(name, "id");
    mlf_status status = mlf__api_call_begin(&call, MLF__STORE_WRITE);
    if (status != MLF_OK)
        return status;
    status = call.store->ops->experiment_set_deleted(call.store, experiment_id, deleted);
    return mlf__api_call_end(&call, mlf__unknown_experiment(call.store, experiment_id, status));
}

mlf_status mlf_delete_experiment(const char *experiment_id)
{
    return set_deleted("mlf_delete_experiment", experiment_id, true);
}

mlf_status mlf_restore_experiment(const char *experiment_id)
{
    return set_deleted("mlf_restore_experiment", experiment_id, false);
}
