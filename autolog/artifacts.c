/* SPDX-License-Identifier: Apache-2.0 */
/* Artifacts and tables of runs, as their events tell. A file that was handed over (MLF__EVF_TAKE) is removed
 * once it is stored; an event that comes again finds it gone and its target there, and has nothing to do. */
#include "autolog/apply.h"

#include "core/buf.h"
#include "core/mem.h"
#include "core/spool.h"
#include "tracking/artifacts.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char tables_tag[] = "mlflow.loggedArtifacts";

mlf_status mlf__read_file(const char *path, struct mlf__buf *out)
{
    enum { CHUNK = 256 * 1024 };
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return mlf__fail_errno(errno, "%s: cannot be opened", path);
    char *chunk = mlf__alloc(CHUNK);
    ssize_t n = chunk != NULL ? 1 : 0;
    mlf_status status = chunk != NULL ? MLF_OK : MLF_ERR_NOMEM;
    while (n > 0) {
        n = read(fd, chunk, CHUNK);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n < 0)
            status = mlf__fail_errno(errno, "%s: cannot be read", path);
        else
            mlf__buf_add(out, chunk, (size_t)n);
    }
    mlf__free(chunk);
    close(fd);
    return status == MLF_OK && out->failed ? MLF_ERR_NOMEM : status;
}

static bool is_gone(const char *path)
{
    struct stat st;
    return stat(path, &st) != 0 && errno == ENOENT;
}

/* Is there something at |path| of the artifacts? */
static bool is_there(const char *root, const char *path)
{
    char *local = NULL;
    struct stat st;
    bool there = mlf__artifact_local(root, path, &local) == MLF_OK && stat(local, &st) == 0;
    mlf__free(local);
    return there;
}

/* ---- files ---- */

/* The target of an artifact that has a name of its own; owned by the caller. */
static char *target_of(const char *folder, const char *name)
{
    struct mlf__buf path = {0};
    mlf__buf_printf(&path, "%s%s%s", folder, folder[0] != '\0' ? "/" : "", name);
    return mlf__buf_take(&path);
}

static mlf_status store_named(const char *root, const char *path, const char *target)
{
    struct mlf__buf data = {0};
    mlf_status status = mlf__read_file(path, &data);
    if (status == MLF_OK)
        status = mlf__artifact_write(root, target, data.data != NULL ? data.data : "", data.len);
    mlf__buf_free(&data);
    return status;
}

static mlf_status store_artifact(const char *root, const struct mlf__event *event)
{
    const char *path = mlf__event_field(event, 0), *folder = mlf__event_field(event, 1);
    const char *name = mlf__event_field(event, 2);
    if (name[0] == '\0')
        return mlf__artifact_copy(root, path, folder);
    char *target = target_of(folder, name);
    if (target == NULL)
        return MLF_ERR_NOMEM;
    bool done = (event->flags & MLF__EVF_TAKE) != 0 && is_gone(path) && is_there(root, target);
    mlf_status status = done ? MLF_OK : store_named(root, path, target);
    mlf__free(target);
    return status;
}

/* A file that is gone or cannot be copied is said in a tag, and by mlf_flush(): it must not hold up what comes
 * after. */
mlf_status mlf__artifacts_event(struct mlf__apply *apply, struct mlf__run_state *run,
                                const struct mlf__event *event)
{
    mlf_run_record record = {0};
    mlf_status status = apply->store->ops->run_get(apply->store, run->id, &record);
    if (status != MLF_OK)
        return status;
    const char *path = mlf__event_field(event, 0);
    status = store_artifact(record.artifact_uri, event);
    if (status == MLF_OK && (event->flags & MLF__EVF_TAKE) != 0)
        mlf__spool_take_done(path);
    if (status != MLF_OK && status != MLF_ERR_NOMEM) {
        struct mlf__buf text = {0};
        mlf__buf_printf(&text, "%s: %s", path, mlf__errmsg());
        mlf__apply_refused(apply);
        status = text.failed ? MLF_ERR_NOMEM
                             : apply->store->ops->set_tag(apply->store, run->id,
                                                          "mlf.artifact_missing", text.data);
        mlf__buf_free(&text);
    }
    mlf_run_record_free(&record);
    return status;
}

/* ---- tables ---- */

static bool is_table(const cJSON *json)
{
    return cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(json, "columns")) &&
           cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(json, "data"));
}

static mlf_status read_table(const char *path, cJSON **out)
{
    struct mlf__buf text = {0};
    mlf_status status = mlf__read_file(path, &text);
    *out = status == MLF_OK && text.data != NULL ? cJSON_Parse(text.data) : NULL;
    mlf__buf_free(&text);
    if (status != MLF_OK)
        return status;
    if (is_table(*out))
        return MLF_OK;
    cJSON_Delete(*out);
    *out = NULL;
    return mlf__fail(MLF_ERR_INVAL, "%s is no table of columns and data", path);
}

static int find_column(const cJSON *columns, const char *name)
{
    int index = 0;
    const cJSON *column;
    cJSON_ArrayForEach(column, columns)
    {
        if (cJSON_IsString(column) && strcmp(column->valuestring, name) == 0)
            return index;
        index++;
    }
    return -1;
}

/* Adds null cells until every row of |data| has |n|. */
static bool widen(cJSON *data, int n)
{
    cJSON *row;
    cJSON_ArrayForEach(row, data)
    {
        while (cJSON_GetArraySize(row) < n)
            if (!cJSON_AddItemToArray(row, cJSON_CreateNull()))
                return false;
    }
    return true;
}

/* Moves one row's cells to the places that their columns have in |columns|. */
static cJSON *arrange(cJSON *row, const int *places, int n_from, int n_to)
{
    cJSON **cells = mlf__zalloc((size_t)n_to + 1, sizeof(cJSON *));
    cJSON *out = cJSON_CreateArray();
    bool fine = cells != NULL && out != NULL;
    for (int i = 0; i < n_from && fine; i++)
        cells[places[i]] = cJSON_DetachItemFromArray(row, 0);
    for (int i = 0; i < n_to && fine; i++)
        fine = cJSON_AddItemToArray(out, cells[i] != NULL ? cells[i] : cJSON_CreateNull());
    mlf__free(cells);
    if (fine)
        return out;
    cJSON_Delete(out);
    return NULL;
}

/* Where each column of |more| lies in |columns|, which gets those that it lacks. */
static bool place_columns(cJSON *columns, const cJSON *more, int *places)
{
    int i = 0;
    const cJSON *column;
    cJSON_ArrayForEach(column, more)
    {
        const char *name = cJSON_IsString(column) ? column->valuestring : "";
        places[i] = find_column(columns, name);
        if (places[i] < 0) {
            places[i] = cJSON_GetArraySize(columns);
            if (!cJSON_AddItemToArray(columns, cJSON_CreateString(name)))
                return false;
        }
        i++;
    }
    return true;
}

/* Appends the rows of |more| to |table|, by the columns' names; what a row lacks is null, as in pandas. */
static mlf_status append(cJSON *table, cJSON *more)
{
    cJSON *columns = cJSON_GetObjectItemCaseSensitive(table, "columns");
    cJSON *data = cJSON_GetObjectItemCaseSensitive(table, "data");
    cJSON *from = cJSON_GetObjectItemCaseSensitive(more, "data");
    const cJSON *names = cJSON_GetObjectItemCaseSensitive(more, "columns");
    int n_from = cJSON_GetArraySize(names);
    int *places = mlf__zalloc((size_t)n_from + 1, sizeof(*places));
    bool fine = places != NULL && place_columns(columns, names, places);
    int n_to = cJSON_GetArraySize(columns);
    fine = fine && widen(data, n_to);
    cJSON *row;
    while (fine && (row = cJSON_DetachItemFromArray(from, 0)) != NULL) {
        cJSON *arranged = arrange(row, places, n_from, n_to);
        fine = cJSON_AddItemToArray(data, arranged);
        cJSON_Delete(row);
    }
    mlf__free(places);
    return fine ? MLF_OK : MLF_ERR_NOMEM;
}

/* Replaces the rows in the spool by the whole table, marked: should the collector die between here and the
 * removal of that file, the rows are not appended a second time. */
static mlf_status keep_whole(const char *path, cJSON *table)
{
    struct mlf__buf next = {0};
    char *text =
        cJSON_AddTrueToObject(table, "whole") != NULL ? cJSON_PrintUnformatted(table) : NULL;
    cJSON_DeleteItemFromObjectCaseSensitive(table, "whole");
    const char *slash = strrchr(path, '/');
    mlf_status status = MLF_ERR_NOMEM;
    if (slash != NULL)
        mlf__buf_add(&next, path, (size_t)(slash - path));
    if (text != NULL && !next.failed)
        status =
            mlf__artifact_write(next.data != NULL ? next.data : "/", slash + 1, text, strlen(text));
    cJSON_free(text);
    mlf__buf_free(&next);
    return status;
}

/* Makes |*rows| the table that the run has, if any, followed by them. */
static mlf_status merge_rows(const char *root, const char *file, const char *path, cJSON **rows)
{
    char *target = NULL;
    cJSON *table = NULL;
    mlf_status status = mlf__artifact_local(root, file, &target);
    if (status == MLF_OK && !is_gone(target)) {
        status = read_table(target, &table);
        if (status == MLF_OK)
            status = append(table, *rows);
        if (status == MLF_OK) {
            cJSON_Delete(*rows);
            *rows = table;
            table = NULL;
        }
    }
    cJSON_Delete(table);
    mlf__free(target);
    return status == MLF_OK ? keep_whole(path, *rows) : status;
}

static mlf_status write_table(const char *root, const char *file, const char *path)
{
    cJSON *rows = NULL;
    mlf_status status = read_table(path, &rows);
    bool whole = cJSON_GetObjectItemCaseSensitive(rows, "whole") != NULL;
    cJSON_DeleteItemFromObjectCaseSensitive(rows, "whole");
    if (status == MLF_OK && !whole)
        status = merge_rows(root, file, path, &rows);
    char *text = status == MLF_OK ? cJSON_PrintUnformatted(rows) : NULL;
    cJSON_Delete(rows);
    if (status == MLF_OK)
        status = text == NULL ? MLF_ERR_NOMEM : mlf__artifact_write(root, file, text, strlen(text));
    cJSON_free(text);
    return status;
}

static bool is_listed(const cJSON *list, const char *file)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        const cJSON *path = cJSON_GetObjectItemCaseSensitive(item, "path");
        if (cJSON_IsString(path) && strcmp(path->valuestring, file) == 0)
            return true;
    }
    return false;
}

/* Adds the table to the run's tag that lists them, spaced as MLflow's client writes it. */
static mlf_status list_table(struct mlf__apply *apply, const mlf_run_record *run, const char *file,
                             const char *model_id)
{
    const char *before = NULL;
    for (size_t i = 0; i < run->n_tags; i++)
        if (strcmp(run->tags[i].key, tables_tag) == 0)
            before = run->tags[i].value;
    cJSON *list = before != NULL ? cJSON_Parse(before) : NULL;
    bool listed = is_listed(list, file), fits = cJSON_IsArray(list);
    bool any = cJSON_GetArraySize(list) > 0;
    cJSON_Delete(list);
    if (listed)
        return MLF_OK;
    struct mlf__buf text = {0};
    cJSON *name = cJSON_CreateString(file);
    char *quoted = name != NULL ? cJSON_PrintUnformatted(name) : NULL;
    if (before != NULL && fits && any) {
        mlf__buf_add(&text, before, (size_t)(strrchr(before, ']') - before));
        mlf__buf_puts(&text, ", ");
    } else {
        mlf__buf_puts(&text, "[");
    }
    mlf__buf_printf(&text, "{\"path\": %s, \"type\": \"table\"", quoted != NULL ? quoted : "");
    if (model_id[0] != '\0')
        mlf__buf_printf(&text, ", \"model_id\": \"%s\"", model_id);
    mlf__buf_puts(&text, "}]");
    mlf_status status = MLF_ERR_NOMEM;
    if (quoted != NULL && !text.failed)
        status = apply->store->ops->set_tag(apply->store, run->run_id, tables_tag, text.data);
    cJSON_Delete(name);
    cJSON_free(quoted);
    mlf__buf_free(&text);
    return status;
}

mlf_status mlf__artifacts_table(struct mlf__apply *apply, struct mlf__run_state *run,
                                const struct mlf__event *event)
{
    const char *path = mlf__event_field(event, 0), *file = mlf__event_field(event, 1);
    mlf_run_record record = {0};
    mlf_status status = apply->store->ops->run_get(apply->store, run->id, &record);
    if (status != MLF_OK)
        return status;
    bool done = is_gone(path) && is_there(record.artifact_uri, file);
    if (!done)
        status = write_table(record.artifact_uri, file, path);
    if (status == MLF_OK)
        status = list_table(apply, &record, file, event->model);
    if (status == MLF_OK && (event->flags & MLF__EVF_TAKE) != 0)
        mlf__spool_take_done(path);
    mlf_run_record_free(&record);
    return status;
}
