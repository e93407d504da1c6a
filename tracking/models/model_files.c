/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a model's folder: reading a small one (never a pipe or a device, which would wait), the size of
 * all, and those that describe the Python environment. */
#include "tracking/models/model_files.h"

#include "core/mem.h"
#include "tracking/artifacts.h"
#include "tracking/models/mlmodel.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static mlf_status read_all(int fd, const char *path, size_t max, struct mlf__buf *out)
{
    char block[8192];
    for (;;) {
        ssize_t n = read(fd, block, sizeof(block));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return mlf__fail_errno(errno, "cannot read '%s'", path);
        if (n == 0)
            break;
        mlf__buf_add(out, block, (size_t)n);
        if (out->len > max)
            return mlf__fail(MLF_ERR_CORRUPT, "'%s' is larger than %zu bytes", path, max);
    }
    mlf__buf_puts(out, "");
    return out->failed ? MLF_ERR_NOMEM : MLF_OK;
}

mlf_status mlf__model_file_read(const char *path, size_t max, struct mlf__buf *out)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return mlf__fail_errno(errno, "cannot read '%s'", path);
    mlf_status status = MLF_OK;
    if (fstat(fd, &st) != 0)
        status = mlf__fail_errno(errno, "cannot read '%s'", path);
    else if (!S_ISREG(st.st_mode))
        status = mlf__fail(MLF_ERR_CORRUPT, "'%s' is not a regular file", path);
    else
        status = read_all(fd, path, max, out);
    close(fd);
    return status;
}

int64_t mlf__model_size(const char *path)
{
    int64_t size = 0;
    char name[PATH_MAX];
    char *const paths[] = {name, NULL};
    FTS *tree = mlf__copy_text(name, sizeof(name), path)
                    ? fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL)
                    : NULL;
    for (const FTSENT *entry; tree != NULL && (entry = fts_read(tree)) != NULL;)
        if (entry->fts_info == FTS_F)
            size += (int64_t)entry->fts_statp->st_size;
    if (tree != NULL)
        fts_close(tree);
    return size;
}

/* ---- the environment ---- */

static mlf_status write_yaml(const char *root, const char *name, const cJSON *tree)
{
    char *text = NULL;
    mlf_status status = tree != NULL ? mlf__mlmodel_print(tree, &text) : MLF_ERR_NOMEM;
    if (text != NULL)
        status = mlf__artifact_write(root, name, text, strlen(text));
    mlf__free(text);
    return status;
}

static cJSON *conda_tree(const char *const *requirements, size_t n)
{
    static const char *const channels[] = {"conda-forge"};
    static const char *const base[] = {"python=" MLF__MODEL_PYTHON, "pip"};
    cJSON *tree = cJSON_CreateObject(), *pip = cJSON_CreateObject();
    cJSON *dependencies = cJSON_CreateStringArray(base, 2);
    bool fine = cJSON_AddItemToObject(pip, "pip", cJSON_CreateStringArray(requirements, (int)n));
    fine = cJSON_AddItemToObject(tree, "channels", cJSON_CreateStringArray(channels, 1)) && fine;
    fine = cJSON_AddStringToObject(tree, "name", "mlflow-env") != NULL && fine;
    bool kept = cJSON_AddItemToArray(dependencies, pip);
    if (!kept)
        cJSON_Delete(pip);
    if (cJSON_AddItemToObject(tree, "dependencies", dependencies)) {
        if (fine && kept)
            return tree;
    } else {
        cJSON_Delete(dependencies);
    }
    cJSON_Delete(tree);
    return NULL;
}

static cJSON *virtualenv_tree(void)
{
    static const char *const build[] = {"pip", "setuptools", "wheel"};
    static const char *const dependencies[] = {"-r requirements.txt"};
    cJSON *tree = cJSON_CreateObject();
    bool fine =
        cJSON_AddItemToObject(tree, "build_dependencies", cJSON_CreateStringArray(build, 3));
    fine = cJSON_AddItemToObject(tree, "dependencies", cJSON_CreateStringArray(dependencies, 1)) &&
           fine;
    fine = cJSON_AddStringToObject(tree, "python", MLF__MODEL_PYTHON) != NULL && fine;
    if (fine)
        return tree;
    cJSON_Delete(tree);
    return NULL;
}

mlf_status mlf__model_environment(const char *root, const char *const *requirements, size_t n)
{
    struct mlf__buf list = {0};
    cJSON *conda = conda_tree(requirements, n), *virtualenv = virtualenv_tree();
    for (size_t i = 0; i < n; i++)
        mlf__buf_printf(&list, "%s%s", i > 0 ? "\n" : "", requirements[i]);
    mlf_status status = write_yaml(root, "conda.yaml", conda);
    if (status == MLF_OK)
        status = write_yaml(root, "python_env.yaml", virtualenv);
    if (status == MLF_OK)
        status = list.failed ? MLF_ERR_NOMEM
                             : mlf__artifact_write(root, "requirements.txt", list.data, list.len);
    mlf__buf_free(&list);
    cJSON_Delete(conda);
    cJSON_Delete(virtualenv);
    return status;
}
