/* SPDX-License-Identifier: Apache-2.0 */
/* What all searches of the SQL store share. */
#include "tracking/sql/sql_search.h"

#include "core/mem.h"

#include <string.h>

static const char *const operators[] = {
    [MLF__SEARCH_EQ] = "=",  [MLF__SEARCH_NE] = "<>", [MLF__SEARCH_LT] = "<",
    [MLF__SEARCH_LE] = "<=", [MLF__SEARCH_GT] = ">",  [MLF__SEARCH_GE] = ">=",
};

mlf_status mlf__sql_search_init(struct mlf__sql_search *search, struct mlf__sql_store *store,
                                enum mlf__search_subject subject, const mlf_search_options *options)
{
    *search = (struct mlf__sql_search){.store = store, .subject = subject};
    mlf_status status = mlf__search_page(subject, options, &search->offset, &search->max_results);
    if (status == MLF_OK)
        status = mlf__search_filter_parse(subject, options->filter, &search->filter);
    if (status == MLF_OK)
        status = mlf__search_order_parse(subject, options->order_by, options->n_order_by,
                                         &search->order);
    return status;
}

void mlf__sql_search_free(struct mlf__sql_search *search)
{
    mlf__search_filter_free(&search->filter);
    mlf__search_order_free(&search->order);
    mlf__buf_free(&search->text);
    mlf__free(search->values);
    for (size_t i = 0; i < search->n_texts; i++)
        mlf__free(search->texts[i]);
    mlf__free(search->texts);
}

void mlf__sql_search_add(struct mlf__sql_search *search, const char *text)
{
    mlf__buf_puts(&search->text, text);
}

void mlf__sql_search_value(struct mlf__sql_search *search, struct mlf__sql_value value)
{
    if (mlf__grow((void **)&search->values, &search->values_cap, search->n_values + 1,
                  sizeof(*search->values)) != MLF_OK) {
        search->failed = true;
        return;
    }
    search->values[search->n_values++] = value;
    mlf__buf_printf(&search->text, "$%zu", search->n_values);
}

/* The pattern of LIKE as one of GLOB: SQLite's LIKE does not mind the case of letters. */
static const char *glob_of(struct mlf__sql_search *search, const char *pattern)
{
    struct mlf__buf glob = {0};
    mlf__buf_puts(&glob, "");
    for (const char *at = pattern; *at != '\0'; at++) {
        if (*at == '%')
            mlf__buf_puts(&glob, "*");
        else if (*at == '_')
            mlf__buf_puts(&glob, "?");
        else
            mlf__buf_printf(&glob, strchr("*?[", *at) != NULL ? "[%c]" : "%c", *at);
    }
    char *text = mlf__buf_take(&glob);
    if (text == NULL || mlf__grow((void **)&search->texts, &search->texts_cap, search->n_texts + 1,
                                  sizeof(*search->texts)) != MLF_OK) {
        mlf__free(text);
        search->failed = true;
        return "";
    }
    search->texts[search->n_texts++] = text;
    return text;
}

static struct mlf__sql_value single_value(const struct mlf__search_value *value)
{
    if (value->type == MLF__SEARCH_INT)
        return mlf__sql_int(value->integer);
    if (value->type == MLF__SEARCH_DOUBLE)
        return mlf__sql_double(value->real);
    return mlf__sql_text(value->texts[0]);
}

static void compare_list(struct mlf__sql_search *search, const char *column,
                         const struct mlf__search_clause *clause)
{
    mlf__buf_printf(&search->text, "%s %s (", column,
                    clause->op == MLF__SEARCH_IN ? "IN" : "NOT IN");
    for (size_t i = 0; i < clause->value.n_texts; i++) {
        mlf__sql_search_add(search, i > 0 ? ", " : "");
        mlf__sql_search_value(search, mlf__sql_text(clause->value.texts[i]));
    }
    mlf__sql_search_add(search, ")");
}

void mlf__sql_search_compare(struct mlf__sql_search *search, const char *column,
                             const struct mlf__search_clause *clause)
{
    switch (clause->op) {
    case MLF__SEARCH_LIKE:
        mlf__buf_printf(&search->text, "%s GLOB ", column);
        mlf__sql_search_value(search, mlf__sql_text(glob_of(search, clause->value.texts[0])));
        return;
    case MLF__SEARCH_ILIKE:
        mlf__buf_printf(&search->text, "lower(%s) LIKE lower(", column);
        mlf__sql_search_value(search, mlf__sql_text(clause->value.texts[0]));
        mlf__sql_search_add(search, ")");
        return;
    case MLF__SEARCH_IN:
    case MLF__SEARCH_NOT_IN:
        compare_list(search, column, clause);
        return;
    default:
        mlf__buf_printf(&search->text, "%s %s ", column, operators[clause->op]);
        mlf__sql_search_value(search, single_value(&clause->value));
    }
}

const char *mlf__sql_search_stage(const mlf_search_options *options)
{
    return options->view == MLF_VIEW_ALL            ? "IN ('active', 'deleted')"
           : options->view == MLF_VIEW_DELETED_ONLY ? "= 'deleted'"
                                                    : "= 'active'";
}

mlf_status mlf__sql_search_experiments(struct mlf__sql_search *search, const char *column,
                                       const mlf_search_options *options)
{
    if (options->experiment_ids == NULL)
        return MLF_OK;
    mlf__buf_printf(&search->text, " AND %s IN (", column);
    for (size_t i = 0; i < options->n_experiment_ids; i++) {
        int64_t number;
        const char *id = options->experiment_ids[i];
        if (id == NULL || !mlf__parse_i64(id, &number))
            return mlf__fail(MLF_ERR_INVAL,
                             "Invalid experiment ID '%s'. Experiment ID must be a valid integer.",
                             id != NULL ? id : "");
        mlf__sql_search_add(search, i > 0 ? ", " : "");
        mlf__sql_search_value(search, mlf__sql_int(number));
    }
    mlf__sql_search_add(search, ")");
    return MLF_OK;
}

/* ---- the ids of a page ---- */

struct page {
    const struct mlf__sql_search *search;
    char *records;
    size_t n, cap, size, id;
    int64_t skipped;
    bool more;
};

static mlf_status see_id(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt, void *context)
{
    struct page *page = context;
    char *id;
    if (page->skipped < page->search->offset) {
        page->skipped++;
        return MLF_OK;
    }
    if (page->n == page->search->max_results) {
        page->more = true;
        return MLF__SQL_ENOUGH;
    }
    mlf_status status = mlf__grow((void **)&page->records, &page->cap, page->n + 1, page->size);
    if (status == MLF_OK)
        status = mlf__sql_copy(store, stmt, 0, &id);
    if (status != MLF_OK)
        return status;
    char *record = page->records + page->n * page->size;
    memset(record, 0, page->size);
    memcpy(record + page->id, &id, sizeof(id));
    page->n++;
    return MLF_OK;
}

/* Without LIMIT, and read no further than the page: SQLite keeps the first rows of a limited order in a tree,
 * which costs four times the sort when the rows come in the opposite order, as runs do. */
mlf_status mlf__sql_search_ids(struct mlf__sql_search *search, size_t size, size_t id,
                               void **records, size_t *n, bool *more)
{
    struct page page = {.search = search, .size = size, .id = id};
    mlf_status status = search->failed || search->text.failed
                            ? MLF_ERR_NOMEM
                            : mlf__sql_each_once(search->store, search->text.data, search->values,
                                                 search->n_values, see_id, &page);
    *records = page.records;
    *n = page.n;
    *more = page.more;
    return status;
}
