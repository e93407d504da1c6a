/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the tests of tracking/: folders, stores in them, and looking at a database by SQL. */
#ifndef MLF_TESTS_TRACKING_STORE_H
#define MLF_TESTS_TRACKING_STORE_H

#include "core/fail.h"
#include "core/mem.h"
#include "core/sys.h"
#include "tests/support/tap.h"
#include "tracking/store.h"

#include <ftw.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[PATH_MAX / 4]; /* of this test, removed at its end */

__attribute__((unused)) static int remove_one(const char *path, const struct stat *status, int type,
                                              struct FTW *where)
{
    (void)status, (void)type, (void)where;
    return remove(path);
}

__attribute__((unused)) static void folder_make(void)
{
    snprintf(folder, sizeof(folder), "%s/mlf-tracking-XXXXXX", P_tmpdir);
    if (mkdtemp(folder) == NULL)
        perror("mkdtemp");
}

__attribute__((unused)) static void folder_remove(void)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* "<folder>/<name>", valid for many calls. */
__attribute__((unused)) static const char *in_folder(const char *name)
{
    static char paths[64][PATH_MAX];
    static int next;
    char *path = paths[next++ % 64];
    snprintf(path, PATH_MAX, "%s/%s", folder, name);
    return path;
}

__attribute__((unused)) static const char *uri_of(const char *name)
{
    static char uris[8][PATH_MAX + 16];
    static int next;
    char *uri = uris[next++ % 8];
    snprintf(uri, PATH_MAX + 16, "sqlite:///%s", in_folder(name));
    return uri;
}

__attribute__((unused)) static struct mlf__store *open_store(const char *uri,
                                                             enum mlf__open_mode mode)
{
    struct mlf__store *store = NULL;
    mlf_status status = mlf__store_open(uri, mode, &store);
    if (status != MLF_OK)
        printf("# %s: %s\n", uri, mlf__errmsg());
    return store;
}

/* Does the last failure's text hold |part|? */
__attribute__((unused)) static bool says(const char *part)
{
    bool found = strstr(mlf__errmsg(), part) != NULL;
    if (!found)
        printf("# the text is: %s\n", mlf__errmsg());
    return found;
}

/* Runs SQL on the database file; every row as "a|b|c\n" in a static buffer. */
__attribute__((unused)) static const char *sql(const char *path, const char *text)
{
    static char out[1 << 16];
    size_t len = 0;
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    const char *rest = text;
    out[0] = '\0';
    sqlite3_open(path, &db);
    sqlite3_busy_timeout(db, 10000);
    while (rest != NULL && *rest != '\0') {
        if (sqlite3_prepare_v2(db, rest, -1, &stmt, &rest) != SQLITE_OK)
            break;
        while (stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW)
            for (int i = 0, n = sqlite3_column_count(stmt); i < n; i++) {
                const char *cell = (const char *)sqlite3_column_text(stmt, i);
                int added = snprintf(out + len, sizeof(out) - len, "%s%s",
                                     cell != NULL ? cell : "NULL", i + 1 < n ? "|" : "\n");
                len += added > 0 && (size_t)added < sizeof(out) - len ? (size_t)added : 0;
            }
        sqlite3_finalize(stmt);
    }
    if (sqlite3_errcode(db) != SQLITE_OK && sqlite3_errcode(db) != SQLITE_DONE)
        snprintf(out, sizeof(out), "error: %s", sqlite3_errmsg(db));
    sqlite3_close(db);
    return out;
}

#endif
