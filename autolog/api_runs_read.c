/* SPDX-License-Identifier: Apache-2.0 */
/* The public API: runs as the store has them: reading, searching, histories, deleting and restoring. */
#include "autolog/api.h"

#include "tracking/unknown.h"

#include <string.h>

enum { HISTORY_MAX = 25000 };

mlf_status mlf__api_check_search(const char *call, const mlf_search_options *options)
{
    if (options->size < sizeof(*options))
        return mlf__fail(MLF_ERR_INVAL, "%s: options without MLF_SEARCH_OPTIONS_INIT", call);
    for (size_t i = 0; i < options->n_experiment_ids; i++)
        if (options->experiment_ids == NULL || options->experiment_ids[i] == NULL)
            return mlf__fail(MLF_ERR_INVAL, "%s: experiment id %zu is NULL", call, i);
    for (size_t i = 0; i < options->n_order_by; i++)
        if (options->order_by == NULL || options->order_by[i] == NULL)
            return mlf__fail(MLF_ERR_INVAL, "%s: order %zu is NULL", call, i);
    if (options->view != MLF_VIEW_ACTIVE_ONLY && options->view != MLF_VIEW_DELETED_ONLY &&
        options->view != MLF_VIEW_ALL)
        return mlf__fail(MLF_ERR_INVAL, "%s: %d is not a view", call, (int)options->view);
    return MLF_OK;
}

mlf_status mlf__api_search_scope(struct mlf__store *store, const mlf_search_options *given,
                                 struct mlf__api_scope *scope)
{
    if (given != NULL)
        scope->options = *given;
    else
        scope->options = (mlf_search_options)MLF_SEARCH_OPTIONS_INIT;
    if (scope->options.experiment_ids != NULL)
        return MLF_OK;
    scope->ids[0] = scope->id;
    scope->options.experiment_ids = scope->ids;
    scope->options.n_experiment_ids = 1;
    return mlf__api_experiment_id(store, false, scope->id);
}

mlf_status mlf_get_run(const char *run_id, mlf_run_record *out)
{
    struct mlf__api_call call;
    if (out != NULL)
        *out = (mlf_run_record){0};
    if (run_id == NULL || out == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_get_run: no %s",
                         out == NULL ? "place for the result" : "run id");
    mlf_status status = mlf__api_call_begin(&call, MLF__STORE_READ);
    if (status != MLF_OK)
        return status;
    status = call.store->ops->run_get(call.store, run_id, out);
    return mlf__api_call_end(&call, mlf__unknown_run(call.store, run_id, status));
}

mlf_status mlf_search_runs(const mlf_search_options *options, mlf_run_list *out)
{
    struct mlf__api_call call;
    struct mlf__api_scope scope;
    if (out == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_search_runs: no place for the result");
    *out = (mlf_run_list){0};
    mlf_status status =
        options != NULL ? mlf__api_check_search("mlf_search_runs", options) : MLF_OK;
    if (status == MLF_OK)
        status = mlf__api_call_begin(&call, MLF__STORE_READ);
    if (status != MLF_OK)
        return status;
    status = mlf__api_search_scope(call.store, options, &scope);
    if (status == MLF_OK)
        status = call.store->ops->run_search(call.store, &scope.options, out);
    else if (status == MLF_ERR_NOT_FOUND) /* the active experiment comes with its first run */
        status = MLF_OK;
    return mlf__api_call_end(&call, status);
}

/* No points may mean that there is no such run: then the caller has the wrong id. */
static mlf_status check_known(struct mlf__store *store, const char *run_id)
{
    mlf_run_record run = {0};
    mlf_status status = store->ops->run_get(store, run_id, &run);
    mlf_run_record_free(&run);
    return status;
}

mlf_status mlf_get_metric_history(const char *run_id, const char *key,
                                  const mlf_metric_record *after, size_t max_results,
                                  mlf_metric_list *out)
{
    struct mlf__api_call call;
    if (out != NULL)
        *out = (mlf_metric_list){0};
    if (run_id == NULL || key == NULL || out == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_get_metric_history: no %s",
                         run_id == NULL ? "run id"
                         : key == NULL  ? "key"
                                        : "place for the result");
    mlf_status status = mlf__api_call_begin(&call, MLF__STORE_READ);
    if (status != MLF_OK)
        return status;
    status = call.store->ops->metric_history(call.store, run_id, key, after,
                                             max_results != 0 ? max_results : HISTORY_MAX, out);
    if (status == MLF_OK && out->n_metrics == 0)
        status = check_known(call.store, run_id);
    return mlf__api_call_end(&call, mlf__unknown_run(call.store, run_id, status));
}

static mlf_status set_deleted(const char *name, const char *run_id, bool deleted)
{
    struct mlf__api_call call;
    if (mlf__api_is_off())
        return MLF_OK;
    if (run_id == NULL)
        return mlf__fail(MLF_ERR_INVAL, "%s: no run id", name);
    mlf_status status = mlf__api_call_begin(&call, MLF__STORE_WRITE);
    if (status != MLF_OK)
        return status;
    status = call.store->ops->run_set_deleted(call.store, run_id, deleted);
    return mlf__api_call_end(&call, mlf__unknown_run(call.store, run_id, status));
}

mlf_status mlf_delete_run(const char *run_id)
{
    return set_deleted("mlf_delete_run", run_id, true);
}

mlf_status mlf_restore_run(const char *run_id)
{
    return set_deleted("mlf_restore_run", run_id, false);
}
