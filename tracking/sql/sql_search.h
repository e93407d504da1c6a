/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the searches of the SQL store: a statement that is put together, with the values that are bound
 * to it. Nothing of what a caller writes becomes SQL. */
#ifndef MLF_TRACKING_SQL_SQL_SEARCH_H
#define MLF_TRACKING_SQL_SQL_SEARCH_H

#include "core/buf.h"
#include "tracking/search.h"
#include "tracking/sql/sql_rows.h"

struct mlf__sql_search {
    struct mlf__sql_store *store;
    enum mlf__search_subject subject;
    struct mlf__search_filter filter;
    struct mlf__search_order order;
    int64_t offset;
    size_t max_results;

    struct mlf__buf text;
    struct mlf__sql_value *values; /* texts are borrowed, or in |texts| */
    size_t n_values, values_cap;
    char **texts;
    size_t n_texts, texts_cap;
    bool failed; /* no memory; sticks */
};

/* Parses what |options| ask for. End with mlf__sql_search_free, also after a failure. */
mlf_status mlf__sql_search_init(struct mlf__sql_search *search, struct mlf__sql_store *store,
                                enum mlf__search_subject subject,
                                const mlf_search_options *options);
void mlf__sql_search_free(struct mlf__sql_search *search);

/* Adds text, or "$n" for a value. */
void mlf__sql_search_add(struct mlf__sql_search *search, const char *text);
void mlf__sql_search_value(struct mlf__sql_search *search, struct mlf__sql_value value);
/* "<column> <op> <value>" of a clause. */
void mlf__sql_search_compare(struct mlf__sql_search *search, const char *column,
                             const struct mlf__search_clause *clause);
/* What lifecycle_stage has to be. */
const char *mlf__sql_search_stage(const mlf_search_options *options);
/* "AND <column> IN (…)" of whole numbers in |ids|; nothing when they are NULL. */
mlf_status mlf__sql_search_experiments(struct mlf__sql_search *search, const char *column,
                                       const mlf_search_options *options);
/* Runs the statement, which gives an id in its first column, as far as the page goes. |*records| gets that many
 * structs of |size| bytes, zeroed, with the id at |id| bytes; |*more|: there are further pages. They are the
 * caller's, also on failure. */
mlf_status mlf__sql_search_ids(struct mlf__sql_search *search, size_t size, size_t id,
                               void **records, size_t *n, bool *more);

#endif
