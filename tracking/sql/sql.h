/* SPDX-License-Identifier: Apache-2.0 */
/* What the SQL store needs of a database: one table of functions per driver.
 *
 * The statements are common to all drivers: placeholders are $1, $2, … numbered in the order in
 * which they appear first, upserts are INSERT … ON CONFLICT …, and values are int64, double, text
 * and NULL only. A connection is used by one thread at a time. */
#ifndef MLF_TRACKING_SQL_SQL_H
#define MLF_TRACKING_SQL_SQL_H

#include "tracking/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mlf__sql_stmt; /* a prepared statement; each driver has its own */

struct mlf__sql {
    const struct mlf_sql_ops *ops;
    void *state; /* of ops->state_size bytes, zeroed, allocated by the SQL store */
};

/* Told of each column of a table; |required| = a row needs a value for it. */
typedef void mlf__sql_column_visitor(void *context, const char *name, bool required);

struct mlf_sql_ops {
    const char *scheme;
    size_t state_size;

    /* Opens the database that |uri| names; in write mode creates it with MLflow's
     * tables when there is none. The schema of what exists is not looked at. */
    mlf_status (*open)(struct mlf__sql *db, const char *uri, enum mlf__open_mode mode);
    void (*close)(struct mlf__sql *db);
    /* Sets what is process-wide in the driver's library for speed: for programs that are ours. */
    void (*own_process)(void);
    /* See mlf__store_writes_at_end. */
    bool (*writes_at_end)(const char *uri);
    /* The database for messages ("'/data/mlflow.db'"). Lives as long as the connection. */
    const char *(*describe)(const struct mlf__sql *db);
    /* Where new experiments keep their artifacts, without a slash at the end. Likewise. */
    const char *(*artifact_root)(const struct mlf__sql *db);

    /* Begins a transaction; one for writing takes the write lock now. */
    mlf_status (*begin)(struct mlf__sql *db, bool write);
    /* A failure rolls back. Fails also when the database gave up the transaction before. */
    mlf_status (*commit)(struct mlf__sql *db);
    void (*rollback)(struct mlf__sql *db);

    /* A number that changes with the schema. */
    mlf_status (*schema_version)(struct mlf__sql *db, int64_t *out);
    /* Calls |visit| for each column of |table|; not at all when there is no such table. */
    mlf_status (*columns)(struct mlf__sql *db, const char *table, mlf__sql_column_visitor *visit,
                          void *context);

    /* MLF_ERR_SCHEMA when the database lacks what |text| names. */
    mlf_status (*prepare)(struct mlf__sql *db, const char *text, struct mlf__sql_stmt **out);
    void (*finalize)(struct mlf__sql_stmt *stmt); /* NULL is fine */
    /* Values stay bound until bound anew. Text is borrowed until then or the next reset. */
    void (*bind_int)(struct mlf__sql_stmt *stmt, int index, int64_t value);
    void (*bind_double)(struct mlf__sql_stmt *stmt, int index, double value);
    void (*bind_text)(struct mlf__sql_stmt *stmt, int index, const char *text); /* NULL: NULL */
    /* Runs up to the next row; |*row| is false at the end. */
    mlf_status (*step)(struct mlf__sql *db, struct mlf__sql_stmt *stmt, bool *row);
    void (*reset)(struct mlf__sql_stmt *stmt); /* needed before the next run */
    int64_t (*column_int)(struct mlf__sql_stmt *stmt, int column);
    double (*column_double)(struct mlf__sql_stmt *stmt, int column);
    const char *(*column_text)(struct mlf__sql_stmt *stmt, int column); /* NULL for NULL */
    bool (*column_is_null)(struct mlf__sql_stmt *stmt, int column);
    int64_t (*changes)(struct mlf__sql *db); /* rows that the last statement wrote */
};

extern const struct mlf_sql_ops mlf__sqlite_ops;

#endif
