/* SPDX-License-Identifier: Apache-2.0 */
/* Searching runs in the SQL store: first the ids of a page in its order, then all that these runs have. */
#include "tracking/sql/sql_search.h"

#include "core/mem.h"

#include <stdio.h>
#include <string.h>

static const char *const tables[] = {
    [MLF__SEARCH_METRIC] = "latest_metrics",
    [MLF__SEARCH_PARAM] = "params",
    [MLF__SEARCH_TAG] = "tags",
};

/* Clauses that are joined: faster than looking each run up, since the database may begin with the rarest. It has
 * a limit on joins. */
enum { JOINS_MAX = 20 };

/* The key that a clause is about, in the table of |*field|; NULL when it is about no metric, param or tag. */
static const char *key_of(const struct mlf__search_clause *clause, enum mlf__search_field *field)
{
    *field = clause->field;
    if (clause->field == MLF__SEARCH_DATASET)
        return NULL;
    if (clause->field != MLF__SEARCH_ATTRIBUTE)
        return clause->key;
    /* The column is empty in what MLflow before 1.30 wrote. */
    *field = MLF__SEARCH_TAG;
    return strcmp(clause->column, "name") == 0 ? "mlflow.runName" : NULL;
}

static bool is_joined(const struct mlf__sql_search *search, size_t i)
{
    enum mlf__search_field field;
    const struct mlf__search_clause *clause = &search->filter.clauses[i];
    return i < JOINS_MAX && key_of(clause, &field) != NULL && clause->op != MLF__SEARCH_IS_NULL;
}

/* What row |alias| has to be. NaN is stored as 0 with is_nan 1; it is unequal to every number. */
static void add_key_value(struct mlf__sql_search *search, const char *alias,
                          const struct mlf__search_clause *clause)
{
    enum mlf__search_field field;
    char column[24];
    const char *key = key_of(clause, &field);
    bool differs = clause->op == MLF__SEARCH_NE;
    snprintf(column, sizeof(column), "%s.value", alias);
    mlf__buf_printf(&search->text, "%s.run_uuid = r.run_uuid AND %s.key = ", alias, alias);
    mlf__sql_search_value(search, mlf__sql_text(key));
    if (clause->op == MLF__SEARCH_IS_NULL || clause->op == MLF__SEARCH_IS_NOT_NULL)
        return;
    mlf__sql_search_add(search, " AND (");
    mlf__sql_search_compare(search, column, clause);
    if (field == MLF__SEARCH_METRIC)
        mlf__buf_printf(&search->text, " %s %s.is_nan = %d", differs ? "OR" : "AND", alias,
                        differs);
    mlf__sql_search_add(search, ")");
}

static void add_dataset_clause(struct mlf__sql_search *search,
                               const struct mlf__search_clause *clause)
{
    bool context = strcmp(clause->key, "context") == 0;
    if (!search->store->schema.datasets) {
        mlf__sql_search_add(search, "1 = 0");
        return;
    }
    mlf__sql_search_add(search, "EXISTS (SELECT 1 FROM inputs i "
                                "JOIN datasets d ON d.dataset_uuid = i.source_id ");
    if (context)
        mlf__sql_search_add(search, "JOIN input_tags t ON t.input_uuid = i.input_uuid "
                                    "AND t.name = 'mlflow.data.context' ");
    mlf__sql_search_add(search, "WHERE i.destination_type = 'RUN' "
                                "AND i.destination_id = r.run_uuid AND ");
    mlf__sql_search_compare(search,
                            context                              ? "t.value"
                            : strcmp(clause->key, "digest") == 0 ? "d.digest"
                                                                 : "d.name",
                            clause);
    mlf__sql_search_add(search, ")");
}

/* A clause that is not joined. */
static void add_clause(struct mlf__sql_search *search, const struct mlf__search_clause *clause)
{
    enum mlf__search_field field;
    char column[40];
    if (clause->field == MLF__SEARCH_DATASET) {
        add_dataset_clause(search, clause);
    } else if (key_of(clause, &field) == NULL) {
        snprintf(column, sizeof(column), "r.%s", clause->column);
        mlf__sql_search_compare(search, column, clause);
    } else {
        mlf__buf_printf(&search->text, "%sEXISTS (SELECT 1 FROM %s v WHERE ",
                        clause->op == MLF__SEARCH_IS_NULL ? "NOT " : "", tables[field]);
        add_key_value(search, "v", clause);
        mlf__sql_search_add(search, ")");
    }
}

/* Joins what is searched for and what is ordered by. */
static void add_joins(struct mlf__sql_search *search)
{
    for (size_t i = 0; i < search->filter.n_clauses; i++) {
        enum mlf__search_field field;
        char alias[24];
        if (!is_joined(search, i))
            continue;
        key_of(&search->filter.clauses[i], &field);
        snprintf(alias, sizeof(alias), "f%zu", i);
        mlf__buf_printf(&search->text, " JOIN %s %s ON ", tables[field], alias);
        add_key_value(search, alias, &search->filter.clauses[i]);
    }
    for (size_t i = 0; i < search->order.n_keys; i++) {
        const struct mlf__search_key *key = &search->order.keys[i];
        if (key->field == MLF__SEARCH_ATTRIBUTE)
            continue;
        mlf__buf_printf(&search->text,
                        " LEFT JOIN %s o%zu ON o%zu.run_uuid = r.run_uuid AND o%zu.key = ",
                        tables[key->field], i, i, i);
        mlf__sql_search_value(search, mlf__sql_text(key->key));
    }
}

/* What has no value comes last, whatever the direction, behind NaN. */
static void add_order(struct mlf__sql_search *search)
{
    bool by_start = false;
    mlf__sql_search_add(search, " ORDER BY ");
    for (size_t i = 0; i < search->order.n_keys; i++) {
        const struct mlf__search_key *key = &search->order.keys[i];
        char value[40];
        if (key->field == MLF__SEARCH_ATTRIBUTE)
            snprintf(value, sizeof(value), "r.%s", key->column);
        else
            snprintf(value, sizeof(value), "o%zu.value", i);
        mlf__sql_search_add(search, "CASE ");
        if (key->field == MLF__SEARCH_METRIC)
            mlf__buf_printf(&search->text, "WHEN o%zu.is_nan = 1 THEN 1 ", i);
        mlf__buf_printf(&search->text, "WHEN %s IS NULL THEN 2 ELSE 0 END, %s%s, ", value, value,
                        key->descending ? " DESC" : "");
        by_start = by_start || (key->column != NULL && strcmp(key->column, "start_time") == 0);
    }
    mlf__sql_search_add(search, by_start ? "r.run_uuid" : "r.start_time DESC, r.run_uuid");
}

/* What all runs that are looked at have in common. */
static mlf_status add_scope(struct mlf__sql_search *search, const mlf_search_options *options)
{
    mlf__buf_printf(&search->text, "r.lifecycle_stage %s", mlf__sql_search_stage(options));
    return mlf__sql_search_experiments(search, "r.experiment_id", options);
}

struct bound {
    int64_t start_time, runs;
};

static mlf_status see_bound(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt, void *context)
{
    struct bound *bound = context;
    bound->start_time = store->db.ops->column_int(stmt, 0);
    bound->runs = store->db.ops->column_int(stmt, 1);
    return MLF_OK;
}

/* The latest runs without a filter are what is asked for most. No run of the page has started before the earliest of
 * as many runs as the page needs, whichever they are; the last ones of the table are mostly the latest, and leave
 * little to sort. */
static mlf_status add_bound(struct mlf__sql_search *search, const mlf_search_options *options)
{
    struct mlf__sql_search probe = {.store = search->store};
    struct bound bound = {0};
    int64_t needed;
    if (search->filter.n_clauses > 0 || search->order.n_keys > 0 ||
        __builtin_add_overflow(search->offset, search->max_results, &needed) || needed == INT64_MAX)
        return MLF_OK;
    needed++;
    mlf__sql_search_add(&probe, "SELECT min(start_time), count(start_time) FROM "
                                "(SELECT r.start_time FROM runs r WHERE ");
    mlf_status status = add_scope(&probe, options);
    mlf__sql_search_add(&probe, " ORDER BY r.rowid DESC LIMIT ");
    mlf__sql_search_value(&probe, mlf__sql_int(needed));
    mlf__sql_search_add(&probe, ") AS last");
    if (status == MLF_OK && (probe.failed || probe.text.failed))
        status = MLF_ERR_NOMEM;
    if (status == MLF_OK)
        status = mlf__sql_each_once(search->store, probe.text.data, probe.values, probe.n_values,
                                    see_bound, &bound);
    mlf__sql_search_free(&probe);
    if (status == MLF_OK && bound.runs == needed) {
        mlf__sql_search_add(search, "r.start_time >= ");
        mlf__sql_search_value(search, mlf__sql_int(bound.start_time));
        mlf__sql_search_add(search, " AND ");
    }
    return status;
}

static mlf_status add_statement(struct mlf__sql_search *search, const mlf_search_options *options)
{
    mlf__sql_search_add(search, "SELECT r.run_uuid FROM runs r");
    add_joins(search);
    mlf__sql_search_add(search, " WHERE ");
    mlf_status status = add_bound(search, options);
    if (status == MLF_OK)
        status = add_scope(search, options);
    if (status != MLF_OK)
        return status;
    for (size_t i = 0; i < search->filter.n_clauses; i++) {
        if (is_joined(search, i))
            continue;
        mlf__sql_search_add(search, " AND ");
        add_clause(search, &search->filter.clauses[i]);
    }
    add_order(search);
    return MLF_OK;
}

static mlf_status search_runs(struct mlf__sql_search *search, const mlf_search_options *options,
                              mlf_run_list *out)
{
    void *runs = NULL;
    bool more = false;
    mlf_status status = add_statement(search, options);
    if (status == MLF_OK)
        status = mlf__sql_search_ids(search, sizeof(*out->runs), offsetof(mlf_run_record, run_id),
                                     &runs, &out->n_runs, &more);
    out->runs = runs;
    if (status == MLF_OK)
        status = mlf__sql_fill_runs(search->store, out->runs, out->n_runs);
    if (status == MLF_OK && more)
        status = mlf__search_token(MLF__SEARCH_RUNS, options, search->offset + (int64_t)out->n_runs,
                                   &out->next_page_token);
    return status;
}

static mlf_status run_search(struct mlf__store *front, const mlf_search_options *options,
                             size_t max_results, mlf_run_list *out)
{
    struct mlf__sql_search search;
    bool own;
    *out = (mlf_run_list){0};
    mlf_status status =
        mlf__sql_search_init(&search, mlf__sql_store_of(front), MLF__SEARCH_RUNS, options);
    if (status == MLF_OK)
        status = mlf__sql_begin(front, false, &own);
    if (status == MLF_OK) {
        if (max_results > 0)
            search.max_results = max_results;
        status = mlf__sql_end(front, own, search_runs(&search, options, out));
    }
    mlf__sql_search_free(&search);
    if (status != MLF_OK)
        mlf_run_list_free(out);
    return status;
}

mlf_status mlf__sql_run_search(struct mlf__store *front, const mlf_search_options *options,
                               mlf_run_list *out)
{
    return run_search(front, options, 0, out);
}

mlf_status mlf__sql_run_list(struct mlf__store *front, const char *experiment_id,
                             size_t max_results, mlf_run_list *out)
{
    mlf_search_options options = MLF_SEARCH_OPTIONS_INIT;
    options.experiment_ids = experiment_id != NULL ? &experiment_id : NULL;
    options.n_experiment_ids = experiment_id != NULL;
    mlf_status status = run_search(front, &options, max_results, out);
    mlf__free(out->next_page_token);
    out->next_page_token = NULL;
    return status;
}
