/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL store: opening, transactions, prepared statements, and its table of operations.
 *
 * Every operation runs in a transaction, its own or the caller's, and every transaction looks at the
 * schema's number first: a server may migrate the database between two of ours. */
#include "tracking/sql/sql_store.h"

#include "core/mem.h"
#include "tracking/registry.h"

#include <string.h>

static const struct mlf_sql_ops *const drivers[] = {&mlf__sqlite_ops};

/* ---- statements ---- */

static void forget_statements(struct mlf__sql_store *store)
{
    for (size_t i = 0; i < MLF__SQL_CACHE; i++) {
        if (store->statements[i].stmt != NULL)
            store->db.ops->finalize(store->statements[i].stmt);
        store->statements[i].stmt = NULL;
        store->statements[i].text = NULL;
    }
}

mlf_status mlf__sql_statement(struct mlf__sql_store *store, const char *text,
                              struct mlf__sql_stmt **out)
{
    size_t slot = ((uintptr_t)text >> 4) % MLF__SQL_CACHE;
    *out = NULL;
    for (size_t i = 0; i < MLF__SQL_CACHE; i++, slot = (slot + 1) % MLF__SQL_CACHE) {
        if (store->statements[slot].text == text) {
            *out = store->statements[slot].stmt;
            return MLF_OK;
        }
        if (store->statements[slot].text != NULL)
            continue;
        mlf_status status = store->db.ops->prepare(&store->db, text, out);
        if (status != MLF_OK)
            return status;
        store->statements[slot].text = text;
        store->statements[slot].stmt = *out;
        return MLF_OK;
    }
    return mlf__fail(MLF_ERR_FULL, "more than %d SQL statements", MLF__SQL_CACHE);
}

mlf_status mlf__sql_step(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt, bool *row)
{
    mlf_status status = store->db.ops->step(&store->db, stmt, row);
    /* A violated constraint undoes its statement only. */
    if (status != MLF_OK && status != MLF_ERR_STATE)
        store->broken = true;
    return status;
}

void mlf__sql_bind(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt,
                   const struct mlf__sql_value *values, size_t n)
{
    const struct mlf_sql_ops *ops = store->db.ops;
    for (size_t i = 0; i < n; i++) {
        int index = (int)i + 1;
        if (values[i].type == MLF__SQL_TEXT)
            ops->bind_text(stmt, index, values[i].text);
        else if (values[i].type == MLF__SQL_INT)
            ops->bind_int(stmt, index, values[i].integer);
        else
            ops->bind_double(stmt, index, values[i].real);
    }
}

mlf_status mlf__sql_run(struct mlf__sql_store *store, const char *text,
                        const struct mlf__sql_value *values, size_t n, int64_t *changes)
{
    struct mlf__sql_stmt *stmt;
    bool row;
    mlf_status status = mlf__sql_query(store, text, values, n, &stmt, &row);
    if (status != MLF_OK)
        return status;
    if (changes != NULL)
        *changes = store->db.ops->changes(&store->db);
    mlf__sql_done(store, stmt);
    return MLF_OK;
}

mlf_status mlf__sql_query(struct mlf__sql_store *store, const char *text,
                          const struct mlf__sql_value *values, size_t n, struct mlf__sql_stmt **out,
                          bool *row)
{
    *row = false;
    mlf_status status = mlf__sql_statement(store, text, out);
    if (status != MLF_OK)
        return status;
    mlf__sql_bind(store, *out, values, n);
    status = mlf__sql_step(store, *out, row);
    if (status != MLF_OK)
        store->db.ops->reset(*out);
    return status;
}

void mlf__sql_done(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt)
{
    store->db.ops->reset(stmt);
}

mlf_status mlf__sql_copy(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt, int column,
                         char **out)
{
    *out = NULL;
    const char *text = store->db.ops->column_text(stmt, column);
    if (text == NULL)
        return MLF_OK;
    *out = mlf__strdup(text);
    return *out != NULL ? MLF_OK : MLF_ERR_NOMEM;
}

/* ---- transactions ---- */

/* Reads the schema anew when its number changed; in a transaction. */
static mlf_status refresh_schema(struct mlf__store *front)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    int64_t version = 0;
    mlf_status status = store->db.ops->schema_version(&store->db, &version);
    if (status == MLF_OK && (!store->schema_known || version != store->schema_version)) {
        store->schema_known = false;
        forget_statements(store);
        status = mlf__schema_detect(&store->db, &store->schema);
        if (status == MLF_OK) {
            store->schema_known = true;
            store->schema_version = version;
        }
    }
    if (status == MLF_OK && store->writable)
        status = mlf__schema_require_writable(&store->db, &store->schema, front->uri);
    return status;
}

mlf_status mlf__sql_begin(struct mlf__store *front, bool write, bool *own)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    *own = false;
    if (write && !store->writable)
        return mlf__fail(MLF_ERR_STATE, "%s was opened for reading",
                         store->db.ops->describe(&store->db));
    if (store->in_transaction)
        return store->broken ? mlf__fail(MLF_ERR_STATE, "the transaction on %s has failed already",
                                         store->db.ops->describe(&store->db))
                             : MLF_OK;
    mlf_status status = store->db.ops->begin(&store->db, write);
    if (status != MLF_OK)
        return status;
    status = refresh_schema(front);
    if (status != MLF_OK) {
        store->db.ops->rollback(&store->db);
        return status;
    }
    store->in_transaction = *own = true;
    store->broken = false;
    store->n_runs = store->n_models = 0;
    return MLF_OK;
}

static mlf_status commit(struct mlf__sql_store *store)
{
    store->in_transaction = false;
    if (!store->broken)
        return store->db.ops->commit(&store->db);
    store->db.ops->rollback(&store->db);
    return MLF_ERR_IO;
}

mlf_status mlf__sql_end(struct mlf__store *front, bool own, mlf_status status)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    if (!own)
        return status;
    if (status == MLF_OK)
        return commit(store);
    store->in_transaction = false;
    store->db.ops->rollback(&store->db);
    return status;
}

static mlf_status sql_begin(struct mlf__store *front)
{
    const struct mlf__sql_store *store = mlf__sql_store_of(front);
    bool own;
    if (store->in_transaction)
        return mlf__fail(MLF_ERR_STATE, "a transaction has begun already");
    return mlf__sql_begin(front, store->writable, &own);
}

static mlf_status sql_commit(struct mlf__store *front)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    if (!store->in_transaction)
        return mlf__fail(MLF_ERR_STATE, "no transaction has begun");
    if (!store->broken)
        return commit(store);
    commit(store);
    return mlf__fail(MLF_ERR_IO, "the transaction on %s had failed; nothing of it was written",
                     store->db.ops->describe(&store->db));
}

static void sql_rollback(struct mlf__store *front)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    if (!store->in_transaction)
        return;
    store->in_transaction = false;
    store->db.ops->rollback(&store->db);
}

/* ---- opening ---- */

static const struct mlf_sql_ops *driver_of(const char *uri)
{
    for (size_t i = 0; i < MLF__ARRAY_LEN(drivers); i++)
        if (strncmp(uri, drivers[i]->scheme, strlen(drivers[i]->scheme)) == 0)
            return drivers[i];
    return NULL;
}

static void sql_close(struct mlf__store *front)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    if (store->db.state == NULL)
        return;
    sql_rollback(front);
    forget_statements(store);
    store->db.ops->close(&store->db);
    mlf__free(store->db.state);
    store->db.state = NULL;
}

static mlf_status sql_open(struct mlf__store *front, const char *uri, enum mlf__open_mode mode)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    store->db.ops = driver_of(uri);
    if (store->db.ops == NULL)
        return mlf__fail(MLF_ERR_INVAL, "no SQL database is known for '%s'", uri);
    store->db.state = mlf__zalloc(1, store->db.ops->state_size);
    if (store->db.state == NULL)
        return MLF_ERR_NOMEM;
    mlf_status status = store->db.ops->open(&store->db, uri, mode);
    if (status != MLF_OK) {
        mlf__free(store->db.state);
        store->db.state = NULL;
        return status;
    }
    /* A transaction that does nothing but look at the schema; reading does not wait for writers. */
    bool own;
    store->writable = mode == MLF__STORE_WRITE;
    status = mlf__sql_begin(front, false, &own);
    status = status == MLF_OK ? mlf__sql_end(front, own, MLF_OK) : status;
    if (status != MLF_OK)
        sql_close(front);
    return status;
}

static const char *const schemes[] = {"sqlite", NULL};

static void sql_own_process(void)
{
    for (size_t i = 0; i < MLF__ARRAY_LEN(drivers); i++)
        drivers[i]->own_process();
}

static bool sql_writes_at_end(const char *uri)
{
    const struct mlf_sql_ops *driver = driver_of(uri);
    return driver != NULL && driver->writes_at_end(uri);
}

const struct mlf_store_ops mlf__sql_store_ops = {
    .name = "SQL",
    .schemes = schemes,
    .state_size = sizeof(struct mlf__sql_store),
    .open = sql_open,
    .close = sql_close,
    .own_process = sql_own_process,
    .writes_at_end = sql_writes_at_end,
    .begin = sql_begin,
    .commit = sql_commit,
    .rollback = sql_rollback,
    .experiment_ensure = mlf__sql_experiment_ensure,
    .experiment_by_name = mlf__sql_experiment_by_name,
    .experiment_get = mlf__sql_experiment_get,
    .experiment_create = mlf__sql_experiment_create,
    .experiment_rename = mlf__sql_experiment_rename,
    .experiment_set_tag = mlf__sql_experiment_set_tag,
    .experiment_delete_tag = mlf__sql_experiment_delete_tag,
    .experiment_set_deleted = mlf__sql_experiment_set_deleted,
    .experiment_search = mlf__sql_experiment_search,
    .run_create = mlf__sql_run_create,
    .run_update = mlf__sql_run_update,
    .run_get = mlf__sql_run_get,
    .run_find = mlf__sql_run_find,
    .run_list = mlf__sql_run_list,
    .run_search = mlf__sql_run_search,
    .run_set_deleted = mlf__sql_run_set_deleted,
    .run_children = mlf__sql_run_children,
    .log_param = mlf__sql_log_param,
    .replace_param = mlf__sql_replace_param,
    .log_metrics = mlf__sql_log_metrics,
    .set_tag = mlf__sql_set_tag,
    .delete_tag = mlf__sql_delete_tag,
    .log_input = mlf__sql_log_input,
    .model_create = mlf__sql_model_create,
    .model_params = mlf__sql_model_params,
    .model_finalize = mlf__sql_model_finalize,
    .model_output = mlf__sql_model_output,
    .model_link_metrics = mlf__sql_model_link_metrics,
    .model_delete = mlf__sql_model_delete,
    .model_set_tags = mlf__sql_model_set_tags,
    .model_delete_tag = mlf__sql_model_delete_tag,
    .model_get = mlf__sql_model_get,
    .model_search = mlf__sql_model_search,
    .metric_history = mlf__sql_metric_history,
};
