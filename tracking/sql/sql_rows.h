/* SPDX-License-Identifier: Apache-2.0 */
/* Reading rows in the SQL store: a function per row, and arrays of many records that are filled with a
 * few statements instead of some per record. */
#ifndef MLF_TRACKING_SQL_SQL_ROWS_H
#define MLF_TRACKING_SQL_SQL_ROWS_H

#include "tracking/sql/sql_store.h"

/* What a function gives when it needs no further row: the query ends with MLF_OK. */
#define MLF__SQL_ENOUGH ((mlf_status)1)

/* Sees one row; a status other than MLF_OK ends the query with it. */
typedef mlf_status mlf__sql_row(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt,
                                void *context);

/* Every row of a query; |text| is a constant, as in mlf__sql_statement. */
mlf_status mlf__sql_each(struct mlf__sql_store *store, const char *text,
                         const struct mlf__sql_value *values, size_t n, mlf__sql_row *see,
                         void *context);
/* The same for a statement that was put together for this one time. */
mlf_status mlf__sql_each_once(struct mlf__sql_store *store, const char *text,
                              const struct mlf__sql_value *values, size_t n, mlf__sql_row *see,
                              void *context);
/* Like mlf__sql_copy, with "" for NULL. */
mlf_status mlf__sql_copy_or_empty(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt,
                                  int column, char **out);

/* ---- filling many records ---- */

enum { MLF__SQL_IDS = 50 }; /* records that one statement reads */
/* A statement for that many ids, and one for a single id, which is quicker to prepare. */
struct mlf__sql_by_ids {
    const char *many, *one;
};
/* |before| ends with the column of ids. */
#define MLF__SQL_BY_IDS(before, after)                                                             \
    {                                                                                              \
        before MLF__SQL_IN_IDS after, before "= $1 " after                                         \
    }
#define MLF__SQL_IN_IDS                                                                            \
    "IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, "   \
    "$20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, "   \
    "$38, $39, $40, $41, $42, $43, $44, $45, $46, $47, $48, $49, $50) "

struct mlf__sql_owner {
    const char *id;
    void *record;
};

/* Records that have their ids already, and the array in them that is being filled. */
struct mlf__sql_fill {
    struct mlf__sql_owner *owners; /* by id */
    size_t n_owners;
    bool numbers;        /* the ids are integers in the database */
    size_t array, count; /* offsets of the array's pointer and length in a record */
    struct mlf__sql_owner *last;
    size_t cap, cap2; /* of the arrays of |last| */
    char key[40];     /* for the reader of rows: empty when |last| changes */
};

/* |records| are |n| structs of |size| bytes with their id, a text, at |id| bytes. */
mlf_status mlf__sql_fill_begin(struct mlf__sql_fill *fill, void *records, size_t n, size_t size,
                               size_t id);
void mlf__sql_fill_end(struct mlf__sql_fill *fill);
/* Calls |see| with |fill| for the rows of all records. |text| gives the id first, and is ordered by it. */
mlf_status mlf__sql_fill_each(struct mlf__sql_store *store, struct mlf__sql_fill *fill,
                              const struct mlf__sql_by_ids *text, mlf__sql_row *see);
/* The record of the row; NULL when it is none of them. */
void *mlf__sql_record(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt,
                      struct mlf__sql_fill *fill);
/* A new zeroed element of |size| bytes in the array of the row's record; NULL: MLF_ERR_NOMEM. */
void *mlf__sql_append(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt,
                      struct mlf__sql_fill *fill, size_t size);

/* Fills an array of mlf_pair from rows of id, key, value. */
#define MLF__SQL_FILL_PAIRS(store, fill, text, type, member)                                       \
    ((fill)->array = offsetof(type, member), (fill)->count = offsetof(type, n_##member),           \
     mlf__sql_fill_each(store, fill, &(text), mlf__sql_see_pair))
mlf__sql_row mlf__sql_see_pair;

#endif
