/* SPDX-License-Identifier: Apache-2.0 */
/* Reading rows in the SQL store. */
#include "tracking/sql/sql_rows.h"

#include "core/buf.h"
#include "core/mem.h"

#include <stdlib.h>
#include <string.h>

/* Sees the rows that are left, the first of them included when |row|. */
static mlf_status see_rows(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt, bool row,
                           mlf__sql_row *see, void *context)
{
    mlf_status status = MLF_OK;
    while (status == MLF_OK && row) {
        status = see(store, stmt, context);
        if (status == MLF_OK)
            status = mlf__sql_step(store, stmt, &row);
    }
    return status == MLF__SQL_ENOUGH ? MLF_OK : status;
}

mlf_status mlf__sql_each(struct mlf__sql_store *store, const char *text,
                         const struct mlf__sql_value *values, size_t n, mlf__sql_row *see,
                         void *context)
{
    struct mlf__sql_stmt *stmt;
    bool row;
    mlf_status status = mlf__sql_query(store, text, values, n, &stmt, &row);
    if (status != MLF_OK)
        return status;
    status = see_rows(store, stmt, row, see, context);
    mlf__sql_done(store, stmt);
    return status;
}

mlf_status mlf__sql_each_once(struct mlf__sql_store *store, const char *text,
                              const struct mlf__sql_value *values, size_t n, mlf__sql_row *see,
                              void *context)
{
    struct mlf__sql_stmt *stmt;
    bool row = false;
    mlf_status status = store->db.ops->prepare(&store->db, text, &stmt);
    if (status != MLF_OK)
        return status;
    mlf__sql_bind(store, stmt, values, n);
    status = mlf__sql_step(store, stmt, &row);
    if (status == MLF_OK)
        status = see_rows(store, stmt, row, see, context);
    store->db.ops->finalize(stmt);
    return status;
}

mlf_status mlf__sql_copy_or_empty(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt,
                                  int column, char **out)
{
    const char *text = store->db.ops->column_text(stmt, column);
    *out = mlf__strdup(text != NULL ? text : "");
    return *out != NULL ? MLF_OK : MLF_ERR_NOMEM;
}

/* ---- filling many records ---- */

static int compare_owners(const void *a, const void *b)
{
    return strcmp(((const struct mlf__sql_owner *)a)->id, ((const struct mlf__sql_owner *)b)->id);
}

mlf_status mlf__sql_fill_begin(struct mlf__sql_fill *fill, void *records, size_t n, size_t size,
                               size_t id)
{
    *fill = (struct mlf__sql_fill){.n_owners = n};
    fill->owners = mlf__zalloc(n, sizeof(*fill->owners));
    if (fill->owners == NULL)
        return MLF_ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        char *record = (char *)records + i * size;
        char *text;
        memcpy(&text, record + id, sizeof(text));
        fill->owners[i] = (struct mlf__sql_owner){text, record};
    }
    qsort(fill->owners, n, sizeof(*fill->owners), compare_owners);
    return MLF_OK;
}

void mlf__sql_fill_end(struct mlf__sql_fill *fill)
{
    mlf__free(fill->owners);
    fill->owners = NULL;
}

mlf_status mlf__sql_fill_each(struct mlf__sql_store *store, struct mlf__sql_fill *fill,
                              const struct mlf__sql_by_ids *text, mlf__sql_row *see)
{
    size_t n = fill->n_owners > 1 ? MLF__SQL_IDS : 1;
    mlf_status status = MLF_OK;
    fill->last = NULL;
    for (size_t i = 0; status == MLF_OK && i < fill->n_owners; i += n) {
        struct mlf__sql_value values[MLF__SQL_IDS];
        for (size_t k = 0; k < n; k++) {
            /* NULL, behind the last id, is equal to nothing. */
            const char *id = i + k < fill->n_owners ? fill->owners[i + k].id : NULL;
            int64_t number;
            values[k] = fill->numbers && id != NULL && mlf__parse_i64(id, &number)
                            ? mlf__sql_int(number)
                            : mlf__sql_text(id);
        }
        status = mlf__sql_each(store, n > 1 ? text->many : text->one, values, n, see, fill);
    }
    return status;
}

void *mlf__sql_record(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt,
                      struct mlf__sql_fill *fill)
{
    const struct mlf__sql_owner row = {.id = store->db.ops->column_text(stmt, 0)};
    if (row.id == NULL)
        return NULL;
    if (fill->last == NULL || strcmp(fill->last->id, row.id) != 0) {
        fill->last =
            bsearch(&row, fill->owners, fill->n_owners, sizeof(*fill->owners), compare_owners);
        fill->cap = fill->cap2 = 0;
        fill->key[0] = '\0';
    }
    return fill->last != NULL ? fill->last->record : NULL;
}

void *mlf__sql_append(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt,
                      struct mlf__sql_fill *fill, size_t size)
{
    char *record = mlf__sql_record(store, stmt, fill);
    void *array;
    size_t n;
    if (record == NULL)
        return NULL;
    memcpy(&array, record + fill->array, sizeof(array));
    memcpy(&n, record + fill->count, sizeof(n));
    mlf_status status = mlf__grow(&array, &fill->cap, n + 1, size);
    memcpy(record + fill->array, &array, sizeof(array));
    if (status != MLF_OK)
        return NULL;
    void *element = (char *)array + n * size;
    memset(element, 0, size);
    n++;
    memcpy(record + fill->count, &n, sizeof(n));
    return element;
}

static mlf_status copy_pair(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt, int column,
                            mlf_pair *out)
{
    mlf_status status = mlf__sql_copy(store, stmt, column, &out->key);
    /* A tag's value may be NULL in the database; the records promise a text. */
    return status == MLF_OK ? mlf__sql_copy_or_empty(store, stmt, column + 1, &out->value) : status;
}

mlf_status mlf__sql_see_pair(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt,
                             void *context)
{
    mlf_pair *pair = mlf__sql_append(store, stmt, context, sizeof(*pair));
    return pair != NULL ? copy_pair(store, stmt, 1, pair) : MLF_ERR_NOMEM;
}

/* ---- the pairs of one record ---- */

struct pairs {
    mlf_pair **pairs;
    size_t *n, cap;
};

static mlf_status see_one_pair(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt,
                               void *context)
{
    struct pairs *out = context;
    mlf_status status =
        mlf__grow((void **)out->pairs, &out->cap, *out->n + 1, sizeof(**out->pairs));
    if (status != MLF_OK)
        return status;
    mlf_pair *pair = &(*out->pairs)[(*out->n)++];
    *pair = (mlf_pair){0};
    return copy_pair(store, stmt, 0, pair);
}

mlf_status mlf__sql_read_pairs(struct mlf__sql_store *store, const char *text, const char *id,
                               mlf_pair **out, size_t *n)
{
    struct pairs pairs = {out, n, *n};
    return mlf__sql_each(store, text, MLF__SQL_BIND(mlf__sql_text(id)), see_one_pair, &pairs);
}
