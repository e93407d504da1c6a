/* SPDX-License-Identifier: Apache-2.0 */
/* LoggedModels. One is created when the first metric of its training comes, so that the points can carry
 * its id, and is ready when its files have been copied; one that was never saved is deleted at the end. */
#include "autolog/apply.h"

#include "autolog/environment.h"
#include "core/buf.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/spool.h"
#include "core/sys.h"
#include "tracking/artifacts.h"
#include "tracking/models/mlmodel.h"
#include "tracking/models/model_files.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a MODEL event says. Texts are borrowed from it. */
struct saved_model {
    const char *id, *path, *name, *flavor, *version, *type;
    int64_t created_ms, step;
    bool take;
    cJSON *details; /* NULL: none */
};

static struct mlf__model_state *find_model(const struct mlf__apply *apply, const char *model_id)
{
    for (struct mlf__model_state *model = apply->models; model != NULL; model = model->next)
        if (strcmp(model->id, model_id) == 0)
            return model;
    return NULL;
}

static const char *text_or_null(const char *text)
{
    return text != NULL && text[0] != '\0' ? text : NULL;
}

/* ---- in the store ---- */

/* Tags of a model that belongs to no run. */
static mlf_status create_alone(struct mlf__apply *apply, const struct mlf__model_create *model)
{
    char commit[72];
    char *user = mlf__identity_user();
    if (user == NULL)
        return MLF_ERR_NOMEM;
    const struct mlf__process *process = mlf__origin_main_process(&apply->origin);
    mlf__identity_git_commit(process != NULL ? process->exe : "", commit);
    const mlf_key_value tags[] = {
        {"mlflow.user", user},
        {"mlflow.source.name", process != NULL && process->argc > 0 ? process->argv[0] : ""},
        {"mlflow.source.type", "LOCAL"},
        {"mlflow.source.git.commit", commit}};
    struct mlf__model_create create = *model;
    create.tags = tags;
    create.n_tags = MLF__ARRAY_LEN(tags) - (commit[0] == '\0');
    mlf_status status = apply->store->ops->model_create(apply->store, &create);
    mlf__free(user);
    return status;
}

/* A model of a run has the run's experiment and tells its origin as the run does. */
static mlf_status create_in_run(struct mlf__apply *apply, const struct mlf__model_create *model)
{
    static const char *const copied[] = {"mlflow.user", "mlflow.source.name", "mlflow.source.type",
                                         "mlflow.source.git.commit"};
    mlf_key_value tags[MLF__ARRAY_LEN(copied)];
    mlf_run_record run = {0};
    struct mlf__model_create create = *model;
    mlf_status status = apply->store->ops->run_get(apply->store, model->run_id, &run);
    if (status != MLF_OK)
        return status;
    create.experiment_id = run.experiment_id;
    create.tags = tags;
    for (size_t i = 0; i < run.n_tags; i++)
        for (size_t j = 0; j < MLF__ARRAY_LEN(copied); j++)
            if (strcmp(run.tags[i].key, copied[j]) == 0 && create.n_tags < MLF__ARRAY_LEN(tags))
                tags[create.n_tags++] = (mlf_key_value){run.tags[i].key, run.tags[i].value};
    status = apply->store->ops->model_create(apply->store, &create);
    mlf_run_record_free(&run);
    return status;
}

/* Creates the model unless the store has it: then somebody else made it, and it is not ours to delete. */
static mlf_status ensure(struct mlf__apply *apply, const struct mlf__model_create *create)
{
    struct mlf__model_state *model = find_model(apply, create->model_id);
    mlf_logged_model there = {0};
    if (model == NULL) {
        model = mlf__zalloc(1, sizeof(*model));
        if (model == NULL)
            return MLF_ERR_NOMEM;
        mlf__copy_text(model->id, sizeof(model->id), create->model_id);
        if (create->run_id != NULL)
            mlf__copy_text(model->run_id, sizeof(model->run_id), create->run_id);
        model->next = apply->models;
        apply->models = model;
    }
    if (model->in_store)
        return MLF_OK;
    mlf_status status = MLF_ERR_NOT_FOUND;
    if (!model->own) {
        status = apply->store->ops->model_get(apply->store, model->id, &there);
        mlf_logged_model_free(&there);
    }
    if (status == MLF_ERR_NOT_FOUND) {
        status =
            create->run_id != NULL ? create_in_run(apply, create) : create_alone(apply, create);
        model->own |= status == MLF_OK;
    }
    model->in_store = status == MLF_OK;
    return status;
}

mlf_status mlf__models_ensure(struct mlf__apply *apply, struct mlf__run_state *run,
                              const char *model_id, const char *name)
{
    const struct mlf__model_create create = {.model_id = model_id,
                                             .name = text_or_null(name) != NULL ? name : "model",
                                             .run_id = run->id,
                                             .creation_time_ms = mlf__now_ms()};
    mlf_status status = ensure(apply, &create);
    struct mlf__model_state *model = find_model(apply, model_id);
    if (status == MLF_OK)
        model->trained |= !model->saved;
    return status;
}

/* The experiment of a model without a run: what the event says, else the session's. Owned by the caller. */
static mlf_status find_experiment(struct mlf__apply *apply, const cJSON *details, char **id)
{
    const char *given_id = mlf__mlmodel_text(details, "experiment_id");
    const char *name = mlf__mlmodel_text(details, "experiment_name");
    if (text_or_null(given_id) == NULL && text_or_null(name) == NULL) {
        given_id = apply->config.experiment_id;
        name = apply->config.experiment_name;
    }
    if (text_or_null(name) == NULL) {
        *id = mlf__strdup(text_or_null(given_id) != NULL ? given_id : "0");
        return *id != NULL ? MLF_OK : MLF_ERR_NOMEM;
    }
    mlf_experiment experiment = {0};
    mlf_status status = apply->store->ops->experiment_ensure(apply->store, name, &experiment);
    if (status == MLF_OK && (*id = mlf__strdup(experiment.id)) == NULL)
        status = MLF_ERR_NOMEM;
    mlf_experiment_free(&experiment);
    return status;
}

static mlf_status ensure_saved(struct mlf__apply *apply, const struct mlf__run_state *run,
                               const struct saved_model *saved)
{
    char *experiment_id = NULL;
    struct mlf__model_create create = {.model_id = saved->id,
                                       .name = text_or_null(saved->name) != NULL ? saved->name
                                                                                 : "model",
                                       .run_id = run != NULL ? run->id : NULL,
                                       .model_type = text_or_null(saved->type),
                                       .creation_time_ms = saved->created_ms};
    mlf_status status =
        run != NULL ? MLF_OK : find_experiment(apply, saved->details, &experiment_id);
    create.experiment_id = experiment_id;
    if (status == MLF_OK)
        status = ensure(apply, &create);
    mlf__free(experiment_id);
    return status;
}

/* ---- params and tags ---- */

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

typedef mlf_status write_pairs_fn(struct mlf__store *store, const char *model_id,
                                  const mlf_key_value *pairs, size_t n);

/* Writes the texts of the object |pairs|. */
static mlf_status write_pairs(struct mlf__apply *apply, const char *model_id, const cJSON *pairs,
                              write_pairs_fn *write)
{
    const cJSON *pair;
    size_t n = 0, room = (size_t)cJSON_GetArraySize(pairs);
    if (!cJSON_IsObject(pairs) || room == 0 || write == NULL)
        return MLF_OK;
    mlf_key_value *list = mlf__zalloc(room, sizeof(*list));
    if (list == NULL)
        return MLF_ERR_NOMEM;
    cJSON_ArrayForEach(pair, pairs) if (cJSON_IsString(pair)) list[n++] =
        (mlf_key_value){pair->string, pair->valuestring};
    mlf_status status = write(apply->store, model_id, list, n);
    mlf__free(list);
    return status;
}

/* As in MLflow the run's params win over those that are given for the model. */
static mlf_status write_details(struct mlf__apply *apply, const struct mlf__run_state *run,
                                const struct saved_model *saved, const mlf_logged_model *model)
{
    const struct mlf_store_ops *ops = apply->store->ops;
    mlf_status status = run != NULL ? copy_params(apply, run->id, saved->id) : MLF_OK;
    if (status == MLF_OK)
        status = write_pairs(apply, saved->id,
                             cJSON_GetObjectItemCaseSensitive(saved->details, "params"),
                             ops->model_params);
    if (status == MLF_OK)
        status =
            write_pairs(apply, saved->id, cJSON_GetObjectItemCaseSensitive(saved->details, "tags"),
                        ops->model_set_tags);
    if (status == MLF_OK && run != NULL)
        status = ops->model_output(apply->store, run->id, saved->id, saved->step);
    /* A model that was there while it was being trained has its points. So has one that is ready: points
     * that have come since are not its own. */
    bool linked = model->status == MLF_MODEL_READY || find_model(apply, saved->id)->trained;
    if (status == MLF_OK && run != NULL && !linked && ops->model_link_metrics != NULL)
        status = ops->model_link_metrics(apply->store, run->id, saved->id, saved->step);
    return status;
}

/* ---- files ---- */

static bool has_mlmodel(const char *path)
{
    struct mlf__buf name = {0};
    struct stat st;
    mlf__buf_printf(&name, "%s/MLmodel", path);
    bool found = !name.failed && stat(name.data, &st) == 0;
    mlf__buf_free(&name);
    return found;
}

/* The name that the copy of |path| has beside MLmodel; what a path like "x/." holds lies there itself. Owned by the
 * caller. */
static char *data_name(const char *path)
{
    char *copy = mlf__strdup(path);
    if (copy == NULL)
        return NULL;
    size_t len = strlen(copy);
    while (len > 1 && copy[len - 1] == '/')
        copy[--len] = '\0';
    const char *slash = strrchr(copy, '/');
    const char *last = slash != NULL ? slash + 1 : copy;
    bool itself = last[0] == '\0' || strcmp(last, ".") == 0 || strcmp(last, "..") == 0;
    char *name = mlf__strdup(itself ? "." : last);
    mlf__free(copy);
    return name;
}

/* MLmodel of a file or folder that is none of MLflow's models. */
static mlf_status describe_file(const struct saved_model *saved, cJSON **out)
{
    *out = cJSON_CreateObject();
    cJSON *flavors = cJSON_AddObjectToObject(*out, "flavors");
    cJSON *own =
        cJSON_AddObjectToObject(flavors, saved->flavor[0] != '\0' ? saved->flavor : "file");
    char *data = own != NULL ? data_name(saved->path) : NULL;
    if (data == NULL)
        return MLF_ERR_NOMEM;
    mlf_status status = mlf__mlmodel_set(own, "data", data);
    mlf__free(data);
    if (status == MLF_OK && saved->version[0] != '\0')
        status = mlf__mlmodel_set(own, "version", saved->version);
    return status;
}

/* Sets in MLmodel what the event gives as an object. */
static mlf_status set_given(cJSON *tree, const cJSON *details, const char *key,
                            mlf_status (*set)(cJSON *tree, const char *json))
{
    const cJSON *given = cJSON_GetObjectItemCaseSensitive(details, key);
    if (!cJSON_IsObject(given))
        return MLF_OK;
    char *json = cJSON_PrintUnformatted(given);
    mlf_status status = json != NULL ? set(tree, json) : MLF_ERR_NOMEM;
    cJSON_free(json);
    return status;
}

static mlf_status set_metadata(cJSON *tree, const char *json)
{
    return mlf__mlmodel_set_json(tree, "metadata", json);
}

static mlf_status write_mlmodel(const struct saved_model *saved, const mlf_logged_model *model,
                                bool whole)
{
    cJSON *tree = NULL;
    mlf_status status = whole ? mlf__mlmodel_read(saved->path, &tree) : describe_file(saved, &tree);
    const struct mlf__mlmodel_identity identity = {.model_id = model->model_id,
                                                   .run_id = model->run_id,
                                                   .artifact_location = model->artifact_location,
                                                   .created_ms = saved->created_ms,
                                                   .size_bytes = mlf__model_size(saved->path)};
    if (status == MLF_OK)
        status = mlf__mlmodel_identify(tree, &identity);
    if (status == MLF_OK)
        status = set_given(tree, saved->details, "signature", mlf__mlmodel_set_signature);
    if (status == MLF_OK)
        status = set_given(tree, saved->details, "metadata", set_metadata);
    if (status == MLF_OK)
        status = mlf__mlmodel_write(tree, model->artifact_location);
    cJSON_Delete(tree);
    return status;
}

/* Copies a file or folder with an MLmodel beside it; or, when it has one, what is in the folder. */
static mlf_status upload(const struct saved_model *saved, const mlf_logged_model *model)
{
    struct mlf__buf path = {0};
    bool whole = has_mlmodel(saved->path);
    mlf__buf_printf(&path, "%s%s", saved->path, whole ? "/." : "");
    mlf_status status =
        path.failed ? MLF_ERR_NOMEM : mlf__artifact_copy(model->artifact_location, path.data, "");
    mlf__buf_free(&path);
    return status == MLF_OK ? write_mlmodel(saved, model, whole) : status;
}

/* Says what went wrong with the files, where people look: in the run, else in the model. */
static mlf_status note_missing(struct mlf__apply *apply, const char *run_id, const char *model_id)
{
    static const char key[] = "mlf.model_missing";
    const struct mlf_store_ops *ops = apply->store->ops;
    const mlf_key_value tag = {key, mlf__errmsg()};
    if (run_id != NULL)
        return ops->set_tag(apply->store, run_id, key, tag.value);
    return ops->model_set_tags != NULL ? ops->model_set_tags(apply->store, model_id, &tag, 1)
                                       : MLF_OK;
}

/* Writes beside the model what it was made with, when that is known here. A model is whole without it. */
static void write_environment(struct mlf__apply *apply, const mlf_logged_model *model)
{
    static const char name[] = "environment.json";
    char *place = NULL, *text = NULL;
    if (apply->watch == NULL ||
        mlf__artifact_local(model->artifact_location, name, &place) != MLF_OK)
        return;
    /* A whole model may have brought its own. */
    if (access(place, F_OK) != 0)
        text = mlf__environment_json(apply);
    if (text != NULL &&
        mlf__artifact_write(model->artifact_location, name, text, strlen(text)) != MLF_OK)
        mlf__log(MLF__LOG_WARN, "%s: %s", place, mlf__errmsg());
    mlf__free(text);
    mlf__free(place);
}

/* Copies the files and tells the store how it went. */
static mlf_status store_files(struct mlf__apply *apply, const struct mlf__run_state *run,
                              const struct saved_model *saved, const mlf_logged_model *model)
{
    const struct mlf_store_ops *ops = apply->store->ops;
    struct stat st;
    bool gone = stat(saved->path, &st) != 0 && errno == ENOENT;
    /* An event that is applied again finds the work done, and perhaps the file gone. */
    if (gone && model->status == MLF_MODEL_READY)
        return MLF_OK;
    mlf_status status = MLF_OK;
    mlf_status copied =
        gone ? mlf__fail(MLF_ERR_NOT_FOUND, "%s: the model's file is gone", saved->path)
             : upload(saved, model);
    if (copied == MLF_ERR_NOMEM)
        return copied;
    if (copied != MLF_OK)
        status = note_missing(apply, run != NULL ? run->id : NULL, saved->id);
    if (status == MLF_OK)
        status = ops->model_finalize(apply->store, saved->id,
                                     copied == MLF_OK ? MLF_MODEL_READY : MLF_MODEL_UPLOAD_FAILED);
    if (status == MLF_OK && copied == MLF_OK)
        write_environment(apply, model);
    if (status == MLF_OK && copied == MLF_OK && saved->take)
        mlf__spool_take_done(saved->path);
    return status;
}

/* A model whose event the store refuses, since its run is deleted perhaps, must not look as if its files were still
 * coming. */
static mlf_status give_up(struct mlf__apply *apply, const mlf_logged_model *model,
                          mlf_status refusal)
{
    if (model->model_id == NULL || model->status != MLF_MODEL_PENDING)
        return refusal;
    mlf_status status =
        apply->store->ops->model_finalize(apply->store, model->model_id, MLF_MODEL_UPLOAD_FAILED);
    return status == MLF_OK ? refusal : status;
}

mlf_status mlf__models_saved(struct mlf__apply *apply, struct mlf__run_state *run,
                             const struct mlf__event *event)
{
    struct saved_model saved = {.id = event->model,
                                .path = mlf__event_field(event, 0),
                                .name = mlf__event_field(event, 1),
                                .flavor = mlf__event_field(event, 2),
                                .version = mlf__event_field(event, 3),
                                .type = mlf__event_field(event, 4),
                                .created_ms =
                                    event->ts_ns > 0 ? event->ts_ns / 1000000 : mlf__now_ms(),
                                .step = event->step,
                                .take = (event->flags & MLF__EVF_TAKE) != 0,
                                .details = cJSON_Parse(mlf__event_field(event, 5))};
    mlf_logged_model model = {0};
    mlf_status status = ensure_saved(apply, run, &saved);
    if (status == MLF_OK) {
        find_model(apply, saved.id)->saved = true;
        const struct mlf__origin *origin = mlf__apply_origin(apply, run);
        for (struct mlf__file *file = origin->files; file != NULL; file = file->next)
            if (strcmp(file->path, saved.path) == 0)
                file->saved = true;
        status = apply->store->ops->model_get(apply->store, saved.id, &model);
    }
    if (status == MLF_OK)
        status = write_details(apply, run, &saved, &model);
    if (status == MLF_OK)
        status = store_files(apply, run, &saved, &model);
    if (mlf__apply_is_refusal(status))
        status = give_up(apply, &model, status);
    mlf_logged_model_free(&model);
    cJSON_Delete(saved.details);
    return status;
}

mlf_status mlf__models_drop_unsaved(struct mlf__apply *apply, const char *run_id)
{
    mlf_status status = MLF_OK;
    for (struct mlf__model_state *model = apply->models; model != NULL && status == MLF_OK;
         model = model->next) {
        if (!model->own || model->saved || (run_id != NULL && strcmp(model->run_id, run_id) != 0))
            continue;
        status = apply->store->ops->model_delete(apply->store, model->id);
        /* It went with a transaction that failed, and was refused when its event came again. */
        if (status == MLF_ERR_NOT_FOUND)
            status = MLF_OK;
        model->dropped = status == MLF_OK;
    }
    return status;
}

void mlf__models_forget(struct mlf__apply *apply, const char *run_id)
{
    for (struct mlf__model_state **place = &apply->models; *place != NULL;) {
        struct mlf__model_state *model = *place;
        bool is_loose = model->own && !model->saved && !model->dropped;
        if (strcmp(model->run_id, run_id) != 0 || is_loose) {
            place = &model->next;
            continue;
        }
        *place = model->next;
        mlf__free(model);
    }
}
