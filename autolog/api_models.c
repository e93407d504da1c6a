/* SPDX-License-Identifier: Apache-2.0 */
/* The public API: logging and loading models. The program says where the files are and what they mean; the
 * collector copies them. */
#include "autolog/api.h"

#include "core/buf.h"
#include "core/mem.h"
#include "core/spool.h"
#include "tracking/artifact_uri.h"
#include "tracking/models/flavor.h"
#include "tracking/models/mlmodel.h"
#include "tracking/names.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* An event has room for 4 MiB of text. */
enum { DETAILS_MAX = 1 << 20 };

static const mlf_model_options default_options = MLF_MODEL_OPTIONS_INIT;

/* ---- what the caller says of the model ---- */

static mlf_status check_options(const char *call, const char *name,
                                const mlf_model_options *options)
{
    if (options->size < sizeof(*options))
        return mlf__fail(MLF_ERR_INVAL, "%s: options without MLF_MODEL_OPTIONS_INIT", call);
    if (options->run != NULL && options->no_run)
        return mlf__fail(MLF_ERR_INVAL, "%s: both a run and no_run", call);
    mlf_status status = mlf__check_model_name(name);
    for (size_t i = 0; status == MLF_OK && i < options->n_params; i++) {
        const mlf_key_value *param = options->params != NULL ? &options->params[i] : NULL;
        if (param == NULL || param->key == NULL || param->value == NULL)
            return mlf__fail(MLF_ERR_INVAL, "%s: params[%zu] has no %s", call, i,
                             param == NULL || param->key == NULL ? "key" : "value");
        status = mlf__check_key(param->key, "Param key");
    }
    return status == MLF_OK ? mlf__api_check_tags(options->tags, options->n_tags, call) : status;
}

/* Adds the pairs as an object of texts, cut at what a store takes. */
static mlf_status add_pairs(cJSON *details, const char *key, const mlf_key_value *pairs, size_t n,
                            size_t max)
{
    cJSON *object = n > 0 ? cJSON_AddObjectToObject(details, key) : NULL;
    for (size_t i = 0; i < n; i++) {
        char *value = mlf__clean_value(pairs[i].value, strlen(pairs[i].value), max);
        bool added = value != NULL && cJSON_AddStringToObject(object, pairs[i].key, value) != NULL;
        mlf__free(value);
        if (!added)
            return MLF_ERR_NOMEM;
    }
    return MLF_OK;
}

/* The same object again from the form that it has in MLmodel: that checks it. */
static mlf_status add_signature(cJSON *details, const char *json)
{
    char *text = NULL;
    cJSON *scratch = cJSON_CreateObject();
    mlf_status status = mlf__mlmodel_set_signature(scratch, json);
    if (status == MLF_OK)
        status = mlf__mlmodel_signature(scratch, &text);
    if (status == MLF_OK)
        status = mlf__mlmodel_set_json(details, "signature", text);
    mlf__free(text);
    cJSON_Delete(scratch);
    return status;
}

/* Metadata must fit into MLmodel. */
static mlf_status add_metadata(cJSON *details, const char *json)
{
    char *yaml = NULL;
    cJSON *scratch = cJSON_CreateObject();
    mlf_status status = mlf__mlmodel_set_json(scratch, "metadata", json);
    if (status == MLF_OK)
        status = mlf__mlmodel_print(scratch, &yaml);
    if (status == MLF_OK)
        status = mlf__mlmodel_set_json(details, "metadata", json);
    mlf__free(yaml);
    cJSON_Delete(scratch);
    return status;
}

static mlf_status make_details(const mlf_model_options *options, char **out)
{
    const char *experiment = options->no_run ? mlf__api_experiment() : NULL;
    cJSON *details = cJSON_CreateObject();
    *out = NULL;
    mlf_status status =
        add_pairs(details, "params", options->params, options->n_params, MLF__PARAM_VALUE_MAX);
    if (status == MLF_OK)
        status = add_pairs(details, "tags", options->tags, options->n_tags, MLF__TAG_VALUE_MAX);
    if (status == MLF_OK && options->signature != NULL)
        status = add_signature(details, options->signature);
    if (status == MLF_OK && options->metadata != NULL)
        status = add_metadata(details, options->metadata);
    if (status == MLF_OK && experiment != NULL)
        status = mlf__mlmodel_set(details, "experiment_name", experiment);
    char *text = status == MLF_OK ? cJSON_PrintUnformatted(details) : NULL;
    if (status == MLF_OK && (text == NULL || (*out = mlf__strdup(text)) == NULL))
        status = MLF_ERR_NOMEM;
    if (status == MLF_OK && strlen(text) > DETAILS_MAX)
        status = mlf__fail(MLF_ERR_INVAL,
                           "params, tags, signature and metadata of the model take %zu bytes, at "
                           "most %d",
                           strlen(text), (int)DETAILS_MAX);
    cJSON_free(text);
    cJSON_Delete(details);
    return status;
}

/* ---- what is made ---- */

static void set_info(mlf_model_info *info, const char *flavors, const char *signature)
{
    mlf__copy_text(info->flavors, sizeof(info->flavors), flavors != NULL ? flavors : "");
    if (signature == NULL || !mlf__copy_text(info->signature, sizeof(info->signature), signature))
        info->signature[0] = '\0';
}

/* What MLmodel of the folder |path| says. */
static mlf_status read_info(const char *path, const char *given, mlf_model_info *info)
{
    cJSON *tree;
    char *signature = NULL;
    mlf_status status = mlf__mlmodel_read(path, &tree);
    if (status != MLF_OK)
        return status;
    char *flavors = mlf__mlmodel_flavors(tree, ",");
    if (flavors == NULL)
        status = MLF_ERR_NOMEM;
    else if (given == NULL)
        status = mlf__mlmodel_signature(tree, &signature);
    set_info(info, flavors, given != NULL ? given : signature);
    mlf__free(signature);
    mlf__free(flavors);
    cJSON_Delete(tree);
    return status;
}

/* Fills in flavors and signature; a folder with an MLmodel has its own. */
static mlf_status describe(const char *path, const mlf_model_options *options, mlf_model_info *info)
{
    struct mlf__buf file = {0};
    struct stat st;
    mlf__buf_printf(&file, "%s/MLmodel", path);
    if (file.failed)
        return MLF_ERR_NOMEM;
    bool whole = stat(file.data, &st) == 0;
    mlf__buf_free(&file);
    if (whole)
        return read_info(path, options->signature, info);
    set_info(info, options->flavor != NULL ? options->flavor : "file", options->signature);
    return MLF_OK;
}

/* The run that the model belongs to; NULL for none. The session begins. */
static mlf_status find_run(const mlf_model_options *options, struct mlf_run **run)
{
    *run = options->run;
    if (options->no_run)
        return mlf__session_begin();
    return options->run != NULL ? MLF_OK : mlf__api_current_run(run);
}

static mlf_status emit(const struct mlf_run *run, struct mlf__event event)
{
    if (run != NULL)
        return mlf__api_emit(run, event);
    event.flags |= MLF__EVF_NO_RUN;
    event.run = "";
    event.key = "";
    return mlf__api_result(mlf__session_emit(&event, MLF__RING_WAIT_CALL));
}

/* Logs what lies at |path|; with |take| it is mlf's own and removed when it is stored. */
static mlf_status log_files(const char *name, const char *path, bool take,
                            const struct mlf_run *run, const mlf_model_options *options,
                            mlf_model_info *info)
{
    mlf_model_info made = {0};
    struct mlf__buf text = {0};
    char *details = NULL;
    mlf__new_model_id(made.model_id);
    snprintf(made.model_uri, sizeof(made.model_uri), "models:/%s", made.model_id);
    snprintf(made.artifact_path, sizeof(made.artifact_path), "models:/%s", made.model_id);
    mlf__copy_text(made.run_id, sizeof(made.run_id), run != NULL ? run->id : "");
    mlf_status status = describe(path, options, &made);
    if (status == MLF_OK)
        status = make_details(options, &details);
    const char *const fields[] = {name, options->flavor, options->flavor_version,
                                  options->model_type, details};
    if (status == MLF_OK)
        status = mlf__api_pack_path(&text, path, fields, MLF__ARRAY_LEN(fields));
    if (status == MLF_OK)
        status = emit(run, (struct mlf__event){.kind = MLF__EV_MODEL,
                                               .flags = take ? MLF__EVF_TAKE : 0,
                                               .model = made.model_id,
                                               .step = options->step,
                                               .text = text.data,
                                               .text_len = text.len - 1});
    mlf__buf_free(&text);
    mlf__free(details);
    if (status == MLF_OK && info != NULL)
        *info = made;
    return status;
}

/* Is there something at |path| that can be copied? Looked at before a run is started for it. */
static mlf_status check_path(const char *path)
{
    struct stat st;
    const char *slash = strrchr(path, '/');
    if (stat(path, &st) != 0)
        return mlf__fail(MLF_ERR_NOT_FOUND, "%s: no such file or directory", path);
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return mlf__fail(MLF_ERR_INVAL, "%s: neither a file nor a directory", path);
    /* The MLmodel that is written beside the file would replace it. */
    if (S_ISREG(st.st_mode) && strcmp(slash != NULL ? slash + 1 : path, "MLmodel") == 0)
        return mlf__fail(MLF_ERR_INVAL, "%s: log the directory that it describes", path);
    return MLF_OK;
}

mlf_status mlf_log_model(const char *name, const char *path, const mlf_model_options *options,
                         mlf_model_info *info)
{
    struct mlf_run *run;
    if (info != NULL)
        *info = (mlf_model_info){0};
    if (mlf__api_is_off())
        return MLF_OK;
    if (name == NULL || path == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_log_model: no %s", name == NULL ? "name" : "path");
    options = options != NULL ? options : &default_options;
    mlf_status status = check_options("mlf_log_model", name, options);
    if (status == MLF_OK)
        status = check_path(path);
    if (status == MLF_OK)
        status = find_run(options, &run);
    if (status != MLF_OK)
        return mlf__api_result(status);
    bool entered = mlf__guard_enter_call();
    status = log_files(name, path, false, run, options, info);
    if (entered)
        mlf__guard_leave();
    return status;
}

mlf_status mlf_log_linear(const char *name, const mlf_linear *model,
                          const mlf_model_options *options, mlf_model_info *info)
{
    char path[MLF__PATH_SIZE];
    struct mlf_run *run;
    if (info != NULL)
        *info = (mlf_model_info){0};
    if (mlf__api_is_off())
        return MLF_OK;
    if (name == NULL || model == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_log_linear: no %s", name == NULL ? "name" : "model");
    options = options != NULL ? options : &default_options;
    mlf_status status = check_options("mlf_log_linear", name, options);
    if (status == MLF_OK)
        status = find_run(options, &run);
    if (status != MLF_OK)
        return mlf__api_result(status);
    bool entered = mlf__guard_enter_call();
    status = mlf__session_take_path(path);
    if (status == MLF_OK) {
        status = mlf_save_linear(model, path);
        if (status == MLF_OK)
            status = log_files(name, path, true, run, options, info);
        if (status != MLF_OK)
            mlf__spool_take_done(path);
    }
    if (entered)
        mlf__guard_leave();
    return status;
}

/* ---- loading ---- */

/* The folder that |uri| names. Only the URIs of a store need one to be open. */
static mlf_status find_folder(const char *uri, char **directory)
{
    struct mlf__api_call call;
    if (strncmp(uri, "models:", 7) != 0 && strncmp(uri, "runs:", 5) != 0)
        return mlf__artifact_uri_resolve(NULL, uri, directory);
    mlf_status status = mlf__api_call_begin(&call, MLF__STORE_READ);
    if (status != MLF_OK)
        return status;
    return mlf__api_call_end(&call, mlf__artifact_uri_resolve(call.store, uri, directory));
}

mlf_status mlf_load_model(const char *model_uri, const void *options, mlf_model **out)
{
    char *directory = NULL;
    if (out == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_load_model: no place for the model");
    *out = NULL;
    if (model_uri == NULL || model_uri[0] == '\0')
        return mlf__fail(MLF_ERR_INVAL, "mlf_load_model: no URI");
    if (options != NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_load_model: options that this version does not know");
    bool entered = mlf__guard_enter_call();
    mlf_status status = find_folder(model_uri, &directory);
    if (status == MLF_OK)
        status = mlf__model_load(directory, out);
    if (entered)
        mlf__guard_leave();
    mlf__free(directory);
    return status;
}
