/* SPDX-License-Identifier: Apache-2.0 */
/* The public API: artifacts as they lie in the store's folders: listing, copying out, and where they are. */
#include "autolog/api.h"

#include "core/mem.h"
#include "tracking/artifact_uri.h"
#include "tracking/artifacts.h"
#include "tracking/unknown.h"

#include <string.h>
#include <sys/stat.h>

/* Looks |uri| up. Only the URIs of a store need one to be open. */
static mlf_status find(const char *uri, const char *below, char **local_path, char **relative)
{
    struct mlf__api_call call = {0};
    *local_path = *relative = NULL;
    if (strncmp(uri, "runs:", 5) != 0 && strncmp(uri, "models:", 7) != 0)
        return mlf__artifact_uri_find(NULL, uri, below, local_path, relative);
    mlf_status status = mlf__api_call_begin(&call, MLF__STORE_READ);
    if (status != MLF_OK)
        return status;
    return mlf__api_call_end(&call,
                             mlf__artifact_uri_find(call.store, uri, below, local_path, relative));
}

mlf_status mlf_list_artifacts(const char *artifact_uri, const char *path, mlf_file_list *out)
{
    char *folder, *relative;
    if (out == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_list_artifacts: no place for the result");
    *out = (mlf_file_list){0};
    mlf_status status = mlf__api_check_text(artifact_uri, "mlf_list_artifacts", "URI");
    if (status != MLF_OK)
        return status;
    if (mlf__api_is_off())
        return mlf__fail(MLF_ERR_OFF, "mlf is switched off");
    status = find(artifact_uri, path, &folder, &relative);
    bool in_store =
        strncmp(artifact_uri, "runs:", 5) == 0 || strncmp(artifact_uri, "models:", 7) == 0;
    bool guarded = mlf__guard_enter_call();
    if (status == MLF_OK)
        status = mlf__artifact_list(folder, in_store ? relative : path != NULL ? path : "", out);
    if (guarded)
        mlf__guard_leave();
    mlf__free(folder);
    mlf__free(relative);
    return status;
}

/* ---- copying out ---- */

/* What lies in the folder above |path|, to say instead of a file that there is not. */
static mlf_status fail_missing(const char *uri, const char *path)
{
    mlf_file_list files = {0};
    struct mlf__buf names = {0};
    char *folder = mlf__strdup(path);
    char *slash = folder != NULL ? strrchr(folder, '/') : NULL;
    if (slash != NULL && slash != folder) {
        *slash = '\0';
        (void)!mlf__artifact_list(folder, "", &files);
    }
    enum { SHOWN = 10 };
    for (size_t i = 0; i < files.n_files && i < SHOWN; i++)
        mlf__buf_printf(&names, "%s%s", i > 0 ? ", " : "", files.files[i].path);
    mlf_status status = mlf__fail(MLF_ERR_NOT_FOUND, "%s: there is no such file or folder%s%s%s",
                                  uri, names.len > 0 ? "; beside it are: " : "",
                                  names.len > 0 && !names.failed ? names.data : "",
                                  files.n_files > SHOWN ? ", ..." : "");
    mlf__buf_free(&names);
    mlf_file_list_free(&files);
    mlf__free(folder);
    return status;
}

/* Copies the file or the content of the folder |path| to |destination|/|name|. */
static mlf_status copy_to(const char *path, bool is_dir, const char *name, const char *destination,
                          char **out)
{
    struct mlf__buf content = {0}, copy = {0};
    if (is_dir)
        mlf__buf_printf(&content, "%s/.", path);
    mlf__buf_printf(&copy, "%s%s%s", destination, name[0] != '\0' ? "/" : "", name);
    mlf_status status = content.failed || copy.failed ? MLF_ERR_NOMEM : MLF_OK;
    if (status == MLF_OK)
        status = is_dir ? mlf__artifact_copy(destination, content.data, name)
                        : mlf__artifact_copy(destination, path, "");
    if (status == MLF_OK && (*out = mlf__buf_take(&copy)) == NULL)
        status = MLF_ERR_NOMEM;
    mlf__buf_free(&content);
    mlf__buf_free(&copy);
    return status;
}

static mlf_status download(const char *uri, const char *path, const char *relative,
                           const char *destination, char **out)
{
    struct stat from, to;
    char folder[4096];
    if (stat(path, &from) != 0)
        return fail_missing(uri, path);
    if (destination == NULL) {
        *out = mlf__strdup(path);
        return *out != NULL ? MLF_OK : MLF_ERR_NOMEM;
    }
    if (stat(destination, &to) != 0 || !S_ISDIR(to.st_mode))
        return mlf__fail(MLF_ERR_NOT_FOUND,
                         "mlf_download_artifacts: '%s' is not an existing directory", destination);
    if (!mlf__absolute_path(destination, folder, sizeof(folder)))
        return mlf__fail(MLF_ERR_INVAL, "mlf_download_artifacts: the path '%s' is too long",
                         destination);
    const char *slash = strrchr(relative, '/');
    return copy_to(path, S_ISDIR(from.st_mode), slash != NULL ? slash + 1 : relative, folder, out);
}

mlf_status mlf_download_artifacts(const char *artifact_uri, const char *destination,
                                  char **local_path)
{
    static const char name[] = "mlf_download_artifacts";
    char *path, *relative;
    if (local_path == NULL)
        return mlf__fail(MLF_ERR_INVAL, "%s: no place for the path", name);
    *local_path = NULL;
    mlf_status status = mlf__api_check_text(artifact_uri, name, "URI");
    if (status != MLF_OK)
        return status;
    if (mlf__api_is_off())
        return mlf__fail(MLF_ERR_OFF, "mlf is switched off");
    status = find(artifact_uri, NULL, &path, &relative);
    bool guarded = mlf__guard_enter_call();
    if (status == MLF_OK)
        status = download(artifact_uri, path, relative, destination, local_path);
    if (guarded)
        mlf__guard_leave();
    mlf__free(path);
    mlf__free(relative);
    return status;
}

/* ---- where they are ---- */

/* The run's location with |path|, as the store spells it. */
static mlf_status join_uri(const char *root, const char *path, char **out)
{
    struct mlf__buf uri = {0};
    size_t len = strlen(root);
    while (len > 1 && root[len - 1] == '/')
        len--;
    mlf__buf_add(&uri, root, len);
    if (path[0] != '\0')
        mlf__buf_printf(&uri, "/%s", path);
    *out = mlf__buf_take(&uri);
    return *out != NULL ? MLF_OK : MLF_ERR_NOMEM;
}

mlf_status mlf_get_artifact_uri(const char *artifact_path, char **uri)
{
    struct mlf__api_call call;
    struct mlf_run *run;
    mlf_run_record record = {0};
    if (uri == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_get_artifact_uri: no place for the URI");
    *uri = NULL;
    artifact_path = artifact_path != NULL ? artifact_path : "";
    mlf_status status = mlf__artifact_check_folder(artifact_path);
    if (status == MLF_OK)
        status = mlf__api_current_run(&run);
    if (status == MLF_OK)
        status = mlf__api_call_begin(&call, MLF__STORE_READ);
    if (status != MLF_OK)
        return status;
    status = call.store->ops->run_get(call.store, run->id, &record);
    if (status == MLF_OK)
        status = join_uri(record.artifact_uri, artifact_path, uri);
    else
        status = mlf__unknown_run(call.store, run->id, status);
    mlf_run_record_free(&record);
    return mlf__api_call_end(&call, status);
}
