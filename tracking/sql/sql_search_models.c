/* SPDX-License-Identifier: Apache-2.0 */
/* Searching logged models in the SQL store. */
#include "tracking/sql/sql_search.h"

#include "core/mem.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *table, *key, *value;
} tables[] = {
    [MLF__SEARCH_METRIC] = {"logged_model_metrics", "metric_name", "metric_value"},
    [MLF__SEARCH_PARAM] = {"logged_model_params", "param_key", "param_value"},
    [MLF__SEARCH_TAG] = {"logged_model_tags", "tag_key", "tag_value"},
};

/* Any point of a metric will do. */
static void add_clause(struct mlf__sql_search *search, const struct mlf__search_clause *clause)
{
    char column[40];
    if (clause->field == MLF__SEARCH_ATTRIBUTE) {
        snprintf(column, sizeof(column), "m.%s", clause->column);
        mlf__sql_search_compare(search, column, clause);
        return;
    }
    mlf__buf_printf(&search->text,
                    "EXISTS (SELECT 1 FROM %s v WHERE v.model_id = m.model_id AND v.%s = ",
                    tables[clause->field].table, tables[clause->field].key);
    mlf__sql_search_value(search, mlf__sql_text(clause->key));
    mlf__sql_search_add(search, " AND ");
    snprintf(column, sizeof(column), "v.%s", tables[clause->field].value);
    mlf__sql_search_compare(search, column, clause);
    mlf__sql_search_add(search, ")");
}

/* Models are ordered by the last point of a metric. */
static void add_columns(struct mlf__sql_search *search)
{
    for (size_t i = 0; i < search->order.n_keys; i++) {
        const struct mlf__search_key *key = &search->order.keys[i];
        if (key->field != MLF__SEARCH_METRIC)
            continue;
        mlf__sql_search_add(search, ", (SELECT o.metric_value FROM logged_model_metrics o "
                                    "WHERE o.model_id = m.model_id AND o.metric_name = ");
        mlf__sql_search_value(search, mlf__sql_text(key->key));
        mlf__buf_printf(&search->text,
                        " ORDER BY o.metric_timestamp_ms DESC, o.metric_step DESC, o.run_id "
                        "LIMIT 1) AS o%zu",
                        i);
    }
}

static void add_order(struct mlf__sql_search *search)
{
    bool by_time = false;
    mlf__sql_search_add(search, " ORDER BY ");
    for (size_t i = 0; i < search->order.n_keys; i++) {
        const struct mlf__search_key *key = &search->order.keys[i];
        char value[40];
        if (key->field == MLF__SEARCH_METRIC)
            snprintf(value, sizeof(value), "o%zu", i);
        else
            snprintf(value, sizeof(value), "%s", key->column);
        mlf__buf_printf(&search->text, "CASE WHEN %s IS NULL THEN 1 ELSE 0 END, %s%s, ", value,
                        value, key->descending ? " DESC" : "");
        by_time =
            by_time || (key->column != NULL && strcmp(key->column, "creation_timestamp_ms") == 0);
    }
    mlf__sql_search_add(search, by_time ? "model_id" : "creation_timestamp_ms DESC, model_id");
}

static mlf_status search_models(struct mlf__sql_search *search, const mlf_search_options *options,
                                mlf_logged_model_list *out)
{
    void *models = NULL;
    bool more = false;
    /* The values of the order are columns of an inner query, so that each is looked up once. */
    mlf__sql_search_add(search, "SELECT model_id FROM (SELECT m.*");
    add_columns(search);
    mlf__sql_search_add(search, " FROM logged_models m WHERE m.lifecycle_stage <> 'deleted'");
    mlf_status status = mlf__sql_search_experiments(search, "m.experiment_id", options);
    for (size_t i = 0; i < search->filter.n_clauses; i++) {
        mlf__sql_search_add(search, " AND ");
        add_clause(search, &search->filter.clauses[i]);
    }
    mlf__sql_search_add(search, ") AS found");
    add_order(search);
    if (status == MLF_OK)
        status =
            mlf__sql_search_ids(search, sizeof(*out->models), offsetof(mlf_logged_model, model_id),
                                &models, &out->n_models, &more);
    out->models = models;
    if (status == MLF_OK)
        status = mlf__sql_fill_models(search->store, out->models, out->n_models);
    if (status == MLF_OK && more)
        status = mlf__search_token(MLF__SEARCH_MODELS, options,
                                   search->offset + (int64_t)out->n_models, &out->next_page_token);
    return status;
}

mlf_status mlf__sql_model_search(struct mlf__store *front, const mlf_search_options *options,
                                 mlf_logged_model_list *out)
{
    struct mlf__sql_search search;
    bool own;
    *out = (mlf_logged_model_list){0};
    mlf_status status =
        mlf__sql_search_init(&search, mlf__sql_store_of(front), MLF__SEARCH_MODELS, options);
    if (status == MLF_OK)
        status = mlf__sql_begin(front, false, &own);
    if (status == MLF_OK) {
        /* A database of an older MLflow has no models. */
        if (search.store->schema.logged_models)
            status = search_models(&search, options, out);
        status = mlf__sql_end(front, own, status);
    }
    mlf__sql_search_free(&search);
    if (status != MLF_OK)
        mlf_logged_model_list_free(out);
    return status;
}
