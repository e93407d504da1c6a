/* SPDX-License-Identifier: Apache-2.0 */
/* LoggedModels. One is created when the first metric of its training comes, so that the points can carry
 * its id, and is ready when its file has been copied; one that was never saved is deleted at the end. */
#include "autolog/apply.h"

#include "core/buf.h"
#include "core/mem.h"
#include "core/sys.h"
#include "tracking/artifacts.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static struct mlf__model_state *find_model(const struct mlf__apply *apply, const char *model_id)
{
    for (struct mlf__model_state *model = apply->models; model != NULL; model = model->next)
        if (strcmp(model->id, model_id) == 0)
            return model;
    return NULL;
}

static mlf_status create_in_store(struct mlf__apply *apply, struct mlf__model_state *model,
                                  const struct mlf__run_state *run, const char *name)
{
    mlf_run_record record = {0};
    mlf_status status = apply->store->ops->run_get(apply->store, run->id, &record);
    if (status == MLF_OK) {
        static const char *const copied[] = {"mlflow.user", "mlflow.source.name",
                                             "mlflow.source.type"};
        mlf_key_value tags[MLF__ARRAY_LEN(copied)];
        size_t n_tags = 0;
        for (size_t i = 0; i < record.n_tags; i++)
            for (size_t j = 0; j < MLF__ARRAY_LEN(copied); j++)
                if (strcmp(record.tags[i].key, copied[j]) == 0 && n_tags < MLF__ARRAY_LEN(tags))
                    tags[n_tags++] =
                        (mlf_key_value){record.tags[i].key, record.tags[i].value};
        struct mlf__model_create create = {.model_id = model->id,
                                           .experiment_id = record.experiment_id,
                                           .name = name != NULL && name[0] != '\0' ? name : "model",
                                           .run_id = run->id,
                                           .creation_time_ms = mlf__now_ms(),
                                           .tags = tags,
                                           .n_tags = n_tags};
        status = apply->store->ops->model_create(apply->store, &create);
    }
    mlf_run_record_free(&record);
    model->in_store = status == MLF_OK;
    return status;
}

mlf_status mlf__models_ensure(struct mlf__apply *apply, struct mlf__run_state *run,
                              const char *model_id, const char *name)
{
    struct mlf__model_state *model = find_model(apply, model_id);
    if (model == NULL) {
        model = mlf__zalloc(1, sizeof(*model));
        if (model == NULL)
            return MLF_ERR_NOMEM;
        mlf__copy_text(model->id, sizeof(model->id), model_id);
        mlf__copy_text(model->run_id, sizeof(model->run_id), run->id);
        model->next = apply->models;
        apply->models = model;
    }
    return model->in_store ? MLF_OK : create_in_store(apply, model, run, name);
}

/* The MLmodel file. JSON is YAML, so cJSON writes it and every reader of MLmodel reads it; but YAML knows no
 * tabs, which cJSON indents with: it is one line. */
static char *mlmodel_text(const mlf_logged_model *model, const char *flavor,
                          const char *version, const char *data, int64_t size)
{
    char now[40];
    time_t seconds = time(NULL);
    struct tm utc;
    strftime(now, sizeof(now), "%Y-%m-%d %H:%M:%S.000000", gmtime_r(&seconds, &utc));
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "artifact_path", model->artifact_location);
    cJSON *flavors = cJSON_AddObjectToObject(json, "flavors");
    cJSON *own = cJSON_AddObjectToObject(flavors, flavor[0] != '\0' ? flavor : "file");
    cJSON_AddStringToObject(own, "data", data);
    if (version[0] != '\0')
        cJSON_AddStringToObject(own, "version", version);
    cJSON_AddStringToObject(json, "model_id", model->model_id);
    cJSON_AddNumberToObject(json, "model_size_bytes", (double)size);
    cJSON_AddStringToObject(json, "model_uuid", model->model_id);
    if (model->run_id != NULL)
        cJSON_AddStringToObject(json, "run_id", model->run_id);
    cJSON_AddStringToObject(json, "utc_time_created", now);
    char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return text;
}

/* Copies the model's file or folder and writes MLmodel beside it, unless the folder has its own. */
static mlf_status upload(const mlf_logged_model *model, const char *path,
                         const char *flavor, const char *version)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return mlf__fail(MLF_ERR_NOT_FOUND, "%s: the model's file is gone", path);
    mlf_status status = mlf__artifact_copy(model->artifact_location, path, "");
    if (status != MLF_OK)
        return status;
    const char *name = strrchr(path, '/');
    char *text =
        mlmodel_text(model, flavor, version, name != NULL ? name + 1 : path, (int64_t)st.st_size);
    if (text == NULL)
        return MLF_ERR_NOMEM;
    status = mlf__artifact_write(model->artifact_location, "MLmodel", text, strlen(text));
    cJSON_free(text);
    return status;
}

/* The model carries all params that its run has so far. */
static mlf_status copy_params(struct mlf__apply *apply, const char *run_id, const char *model_id)
{
    mlf_run_record run = {0};
    mlf_status status = apply->store->ops->run_get(apply->store, run_id, &run);
    if (status == MLF_OK && run.n_params > 0) {
        mlf_key_value *params = mlf__zalloc(run.n_params, sizeof(*params));
        for (size_t i = 0; i < run.n_params && params != NULL; i++)
            params[i] = (mlf_key_value){run.params[i].key, run.params[i].value};
        status = params == NULL ? MLF_ERR_NOMEM
                                : apply->store->ops->model_params(apply->store, model_id, params,
                                                                  run.n_params);
        mlf__free(params);
    }
    mlf_run_record_free(&run);
    return status;
}

static mlf_status note_missing(struct mlf__apply *apply, const char *run_id)
{
    return apply->store->ops->set_tag(apply->store, run_id, "mlf.model_missing", mlf__errmsg());
}

mlf_status mlf__models_saved(struct mlf__apply *apply, struct mlf__run_state *run,
                             const struct mlf__event *event)
{
    const struct mlf_store_ops *ops = apply->store->ops;
    const char *path = mlf__event_field(event, 0);
    mlf_status status = mlf__models_ensure(apply, run, event->model, mlf__event_field(event, 1));
    if (status != MLF_OK)
        return status;
    find_model(apply, event->model)->saved = true;
    for (struct mlf__file *file = apply->files; file != NULL; file = file->next)
        if (strcmp(file->path, path) == 0)
            file->saved = true;
    status = copy_params(apply, run->id, event->model);
    mlf_logged_model model = {0};
    if (status == MLF_OK)
        status = ops->model_get(apply->store, event->model, &model);
    if (status == MLF_OK) {
        mlf_status copied =
            upload(&model, path, mlf__event_field(event, 2), mlf__event_field(event, 3));
        if (copied == MLF_ERR_NOMEM)
            status = copied;
        else if (copied != MLF_OK)
            status = note_missing(apply, run->id);
        if (status == MLF_OK)
            status =
                ops->model_finalize(apply->store, event->model,
                                    copied == MLF_OK ? MLF_MODEL_READY : MLF_MODEL_UPLOAD_FAILED);
    }
    if (status == MLF_OK)
        status = ops->model_output(apply->store, run->id, event->model, event->step);
    mlf_logged_model_free(&model);
    return status;
}

mlf_status mlf__models_drop_unsaved(struct mlf__apply *apply)
{
    mlf_status status = MLF_OK;
    for (struct mlf__model_state *model = apply->models; model != NULL && status == MLF_OK;
         model = model->next)
        if (model->in_store && !model->saved)
            status = apply->store->ops->model_delete(apply->store, model->id);
    return status;
}
