/* SPDX-License-Identifier: Apache-2.0 */
/* Tracking URIs: made absolute, and shown without credentials. */
#include "tracking/store.h"

#include "core/buf.h"
#include "core/mem.h"
#include "core/sys.h"
#include "tracking/names.h"
#include "tracking/registry.h"

#include <limits.h>
#include <string.h>

static const char default_uri[] = "sqlite:///mlflow.db";
static const char sqlite_prefix[] = "sqlite:///";

/* sqlite:///file, relative to |directory|. The option behind '?' stays. */
static mlf_status resolve_sqlite(const char *uri, const char *directory, char **out)
{
    char absolute[PATH_MAX];
    if (strncmp(uri, sqlite_prefix, sizeof(sqlite_prefix) - 1) != 0)
        return mlf__fail(MLF_ERR_INVAL,
                         "the tracking URI '%s' has the wrong number of slashes: a relative path "
                         "has three (sqlite:///mlflow.db), an absolute one four "
                         "(sqlite:////data/mlflow.db)",
                         uri);
    const char *path = uri + sizeof(sqlite_prefix) - 1;
    size_t len = strcspn(path, "?");
    if (len == 0 || path[len - 1] == '/' || (len == 8 && strncmp(path, ":memory:", len) == 0))
        return mlf__fail(MLF_ERR_INVAL, "the tracking URI '%s' names no file", uri);
    struct mlf__buf text = {0};
    mlf__buf_puts(&text, sqlite_prefix);
    if (path[0] != '/') {
        if (!mlf__absolute_path(directory != NULL ? directory : ".", absolute, sizeof(absolute)))
            return mlf__fail(MLF_ERR_INVAL, "the directory for '%s' is unknown or too long", uri);
        /* "." is the current directory, whose path is enough. */
        size_t end = strlen(absolute);
        if (end >= 2 && strcmp(absolute + end - 2, "/.") == 0)
            end -= 2;
        mlf__buf_add(&text, absolute, end);
        mlf__buf_puts(&text, "/");
        while (strncmp(path, "./", 2) == 0)
            path += 2;
    }
    mlf__buf_puts(&text, path);
    *out = mlf__buf_take(&text);
    return *out != NULL ? MLF_OK : MLF_ERR_NOMEM;
}

mlf_status mlf__uri_resolve(const char *uri, const char *directory, char **out)
{
    *out = NULL;
    if (uri == NULL || uri[0] == '\0')
        uri = default_uri;
    if (mlf__store_ops_of(uri) == NULL)
        return mlf__store_fail_scheme(uri);
    if (strncmp(uri, "sqlite:", strlen("sqlite:")) == 0)
        return resolve_sqlite(uri, directory, out);
    *out = mlf__strdup(uri);
    return *out != NULL ? MLF_OK : MLF_ERR_NOMEM;
}

char *mlf__uri_display(const char *uri)
{
    return mlf__mask_secrets(uri, strlen(uri));
}
