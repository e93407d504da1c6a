/* SPDX-License-Identifier: Apache-2.0 */
/* The runs inside a run, in the SQL store. There may be very many, each with a long tag: the runs are put in order first,
 * by what is short, and the tags read one by one. */
#include "tracking/sql/sql_rows.h"

#include "core/buf.h"
#include "core/mem.h"

#include <string.h>

static const char select_children[] =
    "SELECT r.run_uuid, r.status, r.lifecycle_stage, r.start_time, r.end_time, r.name FROM tags p "
    "JOIN runs r ON r.run_uuid = p.run_uuid WHERE p.key = 'mlflow.parentRunId' AND p.value = $1 "
    "ORDER BY r.start_time, r.run_uuid";
static const char select_tag[] = "SELECT value FROM tags WHERE key = $1 AND run_uuid = $2";

struct child {
    char run_id[36];
    char name[28];
    uint8_t status;
    bool deleted;
    int64_t start_ms, end_ms;
};

struct children {
    struct child *children;
    size_t n, cap;
};

static mlf_status see_child(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt, void *context)
{
    const struct mlf_sql_ops *ops = store->db.ops;
    struct children *list = context;
    mlf_status status =
        mlf__grow((void **)&list->children, &list->cap, list->n + 1, sizeof(*list->children));
    if (status != MLF_OK)
        return status;
    struct child *child = &list->children[list->n];
    const char *id = ops->column_text(stmt, 0);
    const char *state = ops->column_text(stmt, 1), *stage = ops->column_text(stmt, 2);
    *child =
        (struct child){.status = (uint8_t)(state != NULL ? mlf__run_status_parse(state) : 0),
                       .deleted = stage == NULL || strcmp(stage, "active") != 0,
                       .start_ms = ops->column_is_null(stmt, 3) ? -1 : ops->column_int(stmt, 3),
                       .end_ms = ops->column_is_null(stmt, 4) ? -1 : ops->column_int(stmt, 4)};
    const char *name = ops->column_text(stmt, 5);
    mlf__copy_text(child->name, sizeof(child->name), name != NULL ? name : "");
    /* An id that is longer than MLflow's column is not one of a run that can be named. */
    list->n += id != NULL && mlf__copy_text(child->run_id, sizeof(child->run_id), id);
    return MLF_OK;
}

static mlf_status show_child(struct mlf__sql_store *store, const struct child *child,
                             const char *key, mlf__child_fn *see, void *user)
{
    struct mlf__sql_stmt *stmt;
    bool row;
    mlf_status status = mlf__sql_query(
        store, select_tag, MLF__SQL_BIND(mlf__sql_text(key), mlf__sql_text(child->run_id)), &stmt,
        &row);
    if (status != MLF_OK)
        return status;
    const struct mlf__child shown = {.run_id = child->run_id,
                                     .name = child->name,
                                     .status = child->status,
                                     .deleted = child->deleted,
                                     .start_time_ms = child->start_ms,
                                     .end_time_ms = child->end_ms,
                                     .tag = row ? store->db.ops->column_text(stmt, 0) : NULL};
    status = see(&shown, user);
    mlf__sql_done(store, stmt);
    return status;
}

mlf_status mlf__sql_run_children(struct mlf__store *front, const char *parent_id, const char *key,
                                 mlf__child_fn *see, void *user)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    struct children list = {0};
    bool own;
    mlf_status status = mlf__sql_begin(front, false, &own);
    if (status != MLF_OK)
        return status;
    status = mlf__sql_each(store, select_children, MLF__SQL_BIND(mlf__sql_text(parent_id)),
                           see_child, &list);
    for (size_t i = 0; i < list.n && status == MLF_OK; i++)
        status = show_child(store, &list.children[i], key, see, user);
    mlf__free(list.children);
    return mlf__sql_end(front, own, status);
}
