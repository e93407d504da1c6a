/* SPDX-License-Identifier: Apache-2.0 */
/* Resolves artifact URIs. A URI of a run or model is asked of the store; the rest of it is a relative path that stays
 * inside. */
#include "tracking/artifact_uri.h"

#include "core/buf.h"
#include "core/mem.h"
#include "core/sys.h"
#include "tracking/artifacts.h"
#include "tracking/store.h"
#include "tracking/unknown.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>

/* What is being looked for: "<scheme>:/<id>/<path>". */
struct target {
    struct mlf__store *store;
    const char *uri;
    char id[MLF__ID_SIZE];
    char *path;  /* behind the id, with what is below */
    char *local; /* found */
};

/* Appends the parts of |path| that are not empty or ".": "a/b". ".." is refused. */
static mlf_status add_parts(struct mlf__buf *out, const char *path)
{
    while (*path != '\0') {
        size_t len = strcspn(path, "/");
        if (len == 2 && strncmp(path, "..", 2) == 0)
            return mlf__fail(MLF_ERR_INVAL, "the artifact path '%s' leads out of its folder", path);
        if (len > 0 && !(len == 1 && path[0] == '.')) {
            mlf__buf_puts(out, out->len > 0 ? "/" : "");
            mlf__buf_add(out, path, len);
        }
        path += len + (path[len] == '/');
    }
    return out->failed ? MLF_ERR_NOMEM : MLF_OK;
}

/* Splits what lies behind "runs:" or "models:" into id and path. */
static mlf_status split(struct target *target, const char *rest, const char *below)
{
    struct mlf__buf path = {0};
    const char *id = rest + strspn(rest, "/");
    size_t slashes = (size_t)(id - rest), len = strcspn(id, "/");
    if ((slashes != 1 && slashes != 3) || len == 0 || len >= sizeof(target->id))
        return mlf__fail(MLF_ERR_INVAL,
                         "'%s' is not a proper artifact URI: runs:/<run id>/<path> or "
                         "models:/<model id>/<path>",
                         target->uri);
    memcpy(target->id, id, len);
    target->id[len] = '\0';
    if (below[0] == '/')
        return mlf__fail(MLF_ERR_INVAL, "the artifact path '%s' is not relative", below);
    mlf_status status = add_parts(&path, id + len);
    if (status == MLF_OK)
        status = add_parts(&path, below);
    if (status == MLF_OK) {
        target->path = path.len > 0 ? mlf__buf_take(&path) : mlf__strdup("");
        status = target->path != NULL ? MLF_OK : MLF_ERR_NOMEM;
    }
    mlf__buf_free(&path);
    return status;
}

/* The model of the run that is called as the path begins: then the rest of the path lies in its folder. */
static mlf_status find_run_model(struct target *target, const mlf_run_record *run)
{
    struct mlf__buf filter = {0};
    size_t len = strcspn(target->path, "/");
    const char *rest = target->path + len + (target->path[len] == '/');
    mlf_logged_model_list models = {0};
    const char *const experiments[] = {run->experiment_id};
    mlf_search_options options = MLF_SEARCH_OPTIONS_INIT;
    if (len == 0 || memchr(target->path, '\'', len) != NULL)
        return MLF_OK;
    mlf__buf_printf(&filter, "name = '%.*s' AND source_run_id = '%s'", (int)len, target->path,
                    run->run_id);
    options.experiment_ids = experiments;
    options.n_experiment_ids = 1;
    options.max_results = 1;
    options.filter = filter.data;
    mlf_status status = filter.failed
                            ? MLF_ERR_NOMEM
                            : target->store->ops->model_search(target->store, &options, &models);
    if (status == MLF_OK && models.n_models > 0) {
        mlf__free(target->local);
        status = mlf__artifact_local(models.models[0].artifact_location, rest, &target->local);
    }
    mlf_logged_model_list_free(&models);
    mlf__buf_free(&filter);
    return status;
}

static mlf_status find_in_run(struct target *target)
{
    mlf_run_record run = {0};
    struct stat file;
    mlf_status status = target->store->ops->run_get(target->store, target->id, &run);
    if (status != MLF_OK)
        return mlf__unknown_run(target->store, target->id, status);
    status = mlf__artifact_local(run.artifact_uri, target->path, &target->local);
    if (status == MLF_OK && stat(target->local, &file) != 0)
        status = find_run_model(target, &run);
    mlf_run_record_free(&run);
    return status;
}

static mlf_status find_in_model(struct target *target)
{
    mlf_logged_model model = {0};
    mlf_status status = target->store->ops->model_get(target->store, target->id, &model);
    if (status != MLF_OK)
        return mlf__unknown_model(target->store, target->id, status);
    status = mlf__artifact_local(model.artifact_location, target->path, &target->local);
    mlf_logged_model_free(&model);
    return status;
}

/* A path or file: URI of this machine. |*relative| is its last part. */
static mlf_status find_path(const char *uri, const char *below, char **local_path, char **relative)
{
    char absolute[PATH_MAX];
    bool is_uri = uri[strcspn(uri, ":/")] == ':';
    if (!is_uri && !mlf__absolute_path(uri, absolute, sizeof(absolute)))
        return mlf__fail(MLF_ERR_INVAL, "the path '%s' is too long", uri);
    mlf_status status = mlf__artifact_local(is_uri ? uri : absolute, below, local_path);
    if (status != MLF_OK)
        return status;
    const char *slash = strrchr(*local_path, '/');
    *relative = mlf__strdup(slash != NULL ? slash + 1 : *local_path);
    return *relative != NULL ? MLF_OK : MLF_ERR_NOMEM;
}

static mlf_status find_in_store(struct target *target, const char *below)
{
    bool is_run = strncmp(target->uri, "runs:", 5) == 0;
    mlf_status status = split(target, strchr(target->uri, ':') + 1, below);
    if (status != MLF_OK)
        return status;
    if (is_run)
        return find_in_run(target);
    if (strncmp(target->id, "m-", 2) != 0)
        return mlf__fail(MLF_ERR_UNSUPPORTED,
                         "'%s' names a registered model; mlf knows logged models by their id: "
                         "models:/m-...",
                         target->uri);
    return find_in_model(target);
}

mlf_status mlf__artifact_uri_find(struct mlf__store *store, const char *uri, const char *below,
                                  char **local_path, char **relative)
{
    struct target target = {.store = store, .uri = uri};
    *local_path = *relative = NULL;
    below = below != NULL ? below : "";
    if (uri[0] == '\0')
        return mlf__fail(MLF_ERR_INVAL, "the artifact URI is empty");
    bool in_store = strncmp(uri, "runs:", 5) == 0 || strncmp(uri, "models:", 7) == 0;
    mlf_status status;
    if (in_store && store == NULL)
        return mlf__fail(MLF_ERR_INVAL, "'%s' needs a store", uri);
    if (in_store) {
        status = find_in_store(&target, below);
        *local_path = target.local;
        *relative = target.path;
    } else {
        status = find_path(uri, below, local_path, relative);
    }
    if (status != MLF_OK) {
        mlf__free(*local_path);
        mlf__free(*relative);
        *local_path = *relative = NULL;
    }
    return status;
}

mlf_status mlf__artifact_uri_resolve(struct mlf__store *store, const char *uri, char **local_path)
{
    char *relative;
    mlf_status status = mlf__artifact_uri_find(store, uri, NULL, local_path, &relative);
    mlf__free(relative);
    return status;
}
