/* SPDX-License-Identifier: Apache-2.0 */
/* The public API: logged models as the store has them: creating one without files, changing, reading, searching. */
#include "autolog/api.h"

#include "autolog/apply.h"
#include "core/mem.h"
#include "tracking/unknown.h"

#include <errno.h>
#include <string.h>

/* ---- creating ---- */

static mlf_status check_pairs(const char *call, const char *what, const mlf_key_value *pairs,
                              size_t n)
{
    if (n > 0 && pairs == NULL)
        return mlf__fail(MLF_ERR_INVAL, "%s: no %ss", call, what);
    for (size_t i = 0; i < n; i++)
        if (pairs[i].key == NULL || pairs[i].value == NULL)
            return mlf__fail(MLF_ERR_INVAL, "%s: %s %zu has no %s", call, what, i,
                             pairs[i].key == NULL ? "key" : "value");
    return MLF_OK;
}

static mlf_status check_options(const mlf_model_options *options)
{
    static const char call[] = "mlf_create_logged_model";
    if (options->size < sizeof(*options))
        return mlf__fail(MLF_ERR_INVAL, "%s: options without MLF_MODEL_OPTIONS_INIT", call);
    mlf_status status = check_pairs(call, "param", options->params, options->n_params);
    return status == MLF_OK ? check_pairs(call, "tag", options->tags, options->n_tags) : status;
}

/* Who made it, as MLflow tags its models: as the run is tagged, else as this process would be. */
enum { N_STANDARD = 3 };
static const char *const standard[N_STANDARD] = {"mlflow.user", "mlflow.source.name",
                                                 "mlflow.source.type"};

static const char *standard_value(const mlf_run_record *run, size_t index, const char *user)
{
    const char *const own[N_STANDARD] = {user, program_invocation_name, "LOCAL"};
    for (size_t i = 0; run->run_id != NULL && i < run->n_tags; i++)
        if (strcmp(run->tags[i].key, standard[index]) == 0)
            return run->tags[i].value;
    return run->run_id != NULL ? NULL : own[index];
}

static bool has_key(const mlf_key_value *pairs, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(pairs[i].key, key) == 0)
            return true;
    return false;
}

/* The caller's tags and the standard ones that are not among them, in a new array. */
static mlf_status all_tags(const mlf_model_options *options, const mlf_run_record *run,
                           const char *user, mlf_key_value **out, size_t *n)
{
    *n = 0;
    *out = mlf__zalloc(options->n_tags + N_STANDARD, sizeof(**out));
    if (*out == NULL)
        return MLF_ERR_NOMEM;
    for (size_t i = 0; i < N_STANDARD; i++) {
        const char *value = standard_value(run, i, user);
        if (value != NULL && !has_key(options->tags, options->n_tags, standard[i]))
            (*out)[(*n)++] = (mlf_key_value){standard[i], value};
    }
    for (size_t i = 0; i < options->n_tags; i++)
        (*out)[(*n)++] = options->tags[i];
    return MLF_OK;
}

/* The experiment of the model, and its run's record when it has one. */
static mlf_status find_place(struct mlf__store *store, const struct mlf_run *run,
                             mlf_run_record *record, char experiment_id[MLF_ID_MAX])
{
    if (run == NULL)
        return mlf__api_experiment_id(store, true, experiment_id);
    mlf_status status = store->ops->run_get(store, run->id, record);
    if (status == MLF_OK)
        mlf__copy_text(experiment_id, MLF_ID_MAX, record->experiment_id);
    return mlf__unknown_run(store, run->id, status);
}

static mlf_status create(struct mlf__store *store, const char *name,
                         const mlf_model_options *options, const struct mlf_run *run,
                         mlf_logged_model *out)
{
    mlf_run_record record = {0};
    mlf_key_value *tags = NULL;
    size_t n_tags = 0;
    char experiment_id[MLF_ID_MAX], model_id[MLF__ID_SIZE];
    char *user = mlf__identity_user();
    mlf_status status =
        user != NULL ? find_place(store, run, &record, experiment_id) : MLF_ERR_NOMEM;
    if (status == MLF_OK)
        status = all_tags(options, &record, user, &tags, &n_tags);
    if (status == MLF_OK) {
        mlf__new_model_id(model_id);
        const struct mlf__model_create model = {.model_id = model_id,
                                                .experiment_id = experiment_id,
                                                .name = name,
                                                .run_id = run != NULL ? run->id : NULL,
                                                .model_type = options->model_type,
                                                .creation_time_ms = mlf__now_ms(),
                                                .params = options->params,
                                                .n_params = options->n_params,
                                                .tags = tags,
                                                .n_tags = n_tags};
        status = store->ops->model_create(store, &model);
    }
    if (status == MLF_OK)
        status = store->ops->model_get(store, model_id, out);
    mlf__free(tags);
    mlf__free(user);
    mlf_run_record_free(&record);
    return status;
}

mlf_status mlf_create_logged_model(const char *name, const mlf_model_options *options,
                                   mlf_logged_model *out)
{
    static const mlf_model_options defaults = MLF_MODEL_OPTIONS_INIT;
    struct mlf__api_call call;
    struct mlf_run *run = NULL;
    if (out != NULL)
        *out = (mlf_logged_model){0};
    if (mlf__api_is_off())
        return MLF_OK;
    if (out == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_create_logged_model: no place for the result");
    options = options != NULL ? options : &defaults;
    mlf_status status = check_options(options);
    if (status == MLF_OK && !options->no_run && (run = options->run) == NULL)
        status = mlf__api_current_run(&run);
    if (status == MLF_OK)
        status = mlf__api_call_begin(&call, MLF__STORE_WRITE);
    if (status != MLF_OK)
        return mlf__api_result(status);
    return mlf__api_call_end(&call, create(call.store, name, options, run, out));
}

/* ---- changing ---- */

mlf_status mlf_finalize_logged_model(const char *model_id, mlf_model_status model_status)
{
    struct mlf__api_call call;
    if (mlf__api_is_off())
        return MLF_OK;
    mlf_status status = mlf__api_check_text(model_id, "mlf_finalize_logged_model", "model id");
    if (status == MLF_OK && model_status != MLF_MODEL_READY &&
        model_status != MLF_MODEL_UPLOAD_FAILED)
        status = mlf__fail(MLF_ERR_INVAL,
                           "mlf_finalize_logged_model: %d is no state that a model ends in",
                           (int)model_status);
    if (status == MLF_OK)
        status = mlf__api_call_begin(&call, MLF__STORE_WRITE);
    if (status != MLF_OK)
        return status;
    status = call.store->ops->model_finalize(call.store, model_id, (int)model_status);
    return mlf__api_call_end(&call, mlf__unknown_model(call.store, model_id, status));
}

/* The first key that the model, or the list before it, has already. */
static mlf_status check_new(struct mlf__store *store, const char *model_id,
                            const mlf_key_value *params, size_t n)
{
    mlf_logged_model model = {0};
    mlf_status status = store->ops->model_get(store, model_id, &model);
    for (size_t i = 0; status == MLF_OK && i < n; i++) {
        bool has = has_key(params, i, params[i].key);
        for (size_t j = 0; !has && j < model.n_params; j++)
            has = strcmp(model.params[j].key, params[i].key) == 0;
        if (has)
            status = mlf__fail(MLF_ERR_CONFLICT,
                               "Changing param values is not allowed. Model '%s' has the param "
                               "'%s' already.",
                               model_id, params[i].key);
    }
    mlf_logged_model_free(&model);
    return status;
}

static mlf_status log_params(struct mlf__store *store, const char *model_id,
                             const mlf_key_value *params, size_t n)
{
    const struct mlf_store_ops *ops = store->ops;
    mlf_status status = ops->begin != NULL ? ops->begin(store) : MLF_OK;
    if (status != MLF_OK)
        return status;
    status = check_new(store, model_id, params, n);
    if (status == MLF_OK)
        status = ops->model_params(store, model_id, params, n);
    if (ops->begin == NULL)
        return status;
    if (status == MLF_OK)
        return ops->commit(store);
    ops->rollback(store);
    return status;
}

mlf_status mlf_log_model_params(const char *model_id, const mlf_key_value *params, size_t n)
{
    static const char name[] = "mlf_log_model_params";
    struct mlf__api_call call;
    if (mlf__api_is_off())
        return MLF_OK;
    mlf_status status = mlf__api_check_text(model_id, name, "model id");
    if (status == MLF_OK)
        status = check_pairs(name, "param", params, n);
    if (status == MLF_OK)
        status = mlf__api_call_begin(&call, MLF__STORE_WRITE);
    if (status != MLF_OK)
        return status;
    status = log_params(call.store, model_id, params, n);
    return mlf__api_call_end(&call, mlf__unknown_model(call.store, model_id, status));
}

mlf_status mlf_set_logged_model_tags(const char *model_id, const mlf_key_value *tags, size_t n)
{
    static const char name[] = "mlf_set_logged_model_tags";
    struct mlf__api_call call;
    if (mlf__api_is_off())
        return MLF_OK;
    mlf_status status = mlf__api_check_text(model_id, name, "model id");
    if (status == MLF_OK)
        status = check_pairs(name, "tag", tags, n);
    if (status == MLF_OK)
        status = mlf__api_call_begin(&call, MLF__STORE_WRITE);
    if (status != MLF_OK)
        return status;
    status = call.store->ops->model_set_tags(call.store, model_id, tags, n);
    return mlf__api_call_end(&call, mlf__unknown_model(call.store, model_id, status));
}

mlf_status mlf_delete_logged_model_tag(const char *model_id, const char *key)
{
    static const char name[] = "mlf_delete_logged_model_tag";
    struct mlf__api_call call;
    if (mlf__api_is_off())
        return MLF_OK;
    mlf_status status = mlf__api_check_text(model_id, name, "model id");
    if (status == MLF_OK)
        status = mlf__api_check_text(key, name, "key");
    if (status == MLF_OK)
        status = mlf__api_call_begin(&call, MLF__STORE_WRITE);
    if (status != MLF_OK)
        return status;
    status = call.store->ops->model_delete_tag(call.store, model_id, key);
    return mlf__api_call_end(&call, mlf__unknown_model(call.store, model_id, status));
}

mlf_status mlf_delete_logged_model(const char *model_id)
{
    struct mlf__api_call call;
    if (mlf__api_is_off())
        return MLF_OK;
    mlf_status status = mlf__api_check_text(model_id, "mlf_delete_logged_model", "model id");
    if (status == MLF_OK)
        status = mlf__api_call_begin(&call, MLF__STORE_WRITE);
    if (status != MLF_OK)
        return status;
    status = call.store->ops->model_delete(call.store, model_id);
    return mlf__api_call_end(&call, mlf__unknown_model(call.store, model_id, status));
}

/* ---- reading ---- */

mlf_status mlf_get_logged_model(const char *model_id, mlf_logged_model *out)
{
    static const char name[] = "mlf_get_logged_model";
    struct mlf__api_call call;
    if (out == NULL)
        return mlf__fail(MLF_ERR_INVAL, "%s: no place for the result", name);
    *out = (mlf_logged_model){0};
    mlf_status status = mlf__api_check_text(model_id, name, "model id");
    if (status == MLF_OK)
        status = mlf__api_call_begin(&call, MLF__STORE_READ);
    if (status != MLF_OK)
        return status;
    status = call.store->ops->model_get(call.store, model_id, out);
    return mlf__api_call_end(&call, mlf__unknown_model(call.store, model_id, status));
}

mlf_status mlf_search_logged_models(const mlf_search_options *options, mlf_logged_model_list *out)
{
    static const char name[] = "mlf_search_logged_models";
    struct mlf__api_call call;
    struct mlf__api_scope scope;
    if (out == NULL)
        return mlf__fail(MLF_ERR_INVAL, "%s: no place for the result", name);
    *out = (mlf_logged_model_list){0};
    mlf_status status = options != NULL ? mlf__api_check_search(name, options) : MLF_OK;
    if (status == MLF_OK)
        status = mlf__api_call_begin(&call, MLF__STORE_READ);
    if (status != MLF_OK)
        return status;
    status = mlf__api_search_scope(call.store, options, &scope);
    if (status == MLF_OK)
        status = call.store->ops->model_search(call.store, &scope.options, out);
    else if (status == MLF_ERR_NOT_FOUND) /* the active experiment comes with its first run */
        status = MLF_OK;
    return mlf__api_call_end(&call, status);
}
