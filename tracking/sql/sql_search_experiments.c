/* SPDX-License-Identifier: Apache-2.0 */
/* Searching experiments in the SQL store. */
#include "tracking/sql/sql_search.h"

#include "core/mem.h"

#include <stdio.h>
#include <string.h>

static const struct mlf__sql_by_ids select_experiments = MLF__SQL_BY_IDS(
    "SELECT experiment_id, name, artifact_location, lifecycle_stage, creation_time, "
    "last_update_time FROM experiments WHERE experiment_id ",
    "");
static const struct mlf__sql_by_ids select_tags =
    MLF__SQL_BY_IDS("SELECT experiment_id, key, value FROM experiment_tags WHERE experiment_id ",
                    "ORDER BY experiment_id, key");

static mlf_status see_experiment(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt,
                                 void *context)
{
    mlf_experiment *experiment = mlf__sql_record(store, stmt, context);
    return experiment != NULL ? mlf__sql_copy_experiment(store, stmt, experiment) : MLF_OK;
}

static mlf_status fill_experiments(struct mlf__sql_store *store, mlf_experiment *experiments,
                                   size_t n)
{
    struct mlf__sql_fill fill;
    mlf_status status = mlf__sql_fill_begin(&fill, experiments, n, sizeof(*experiments),
                                            offsetof(mlf_experiment, id));
    fill.numbers = true;
    if (status == MLF_OK)
        status = mlf__sql_fill_each(store, &fill, &select_experiments, see_experiment);
    if (status == MLF_OK)
        status = MLF__SQL_FILL_PAIRS(store, &fill, select_tags, mlf_experiment, tags);
    mlf__sql_fill_end(&fill);
    return status;
}

static void add_clause(struct mlf__sql_search *search, const struct mlf__search_clause *clause)
{
    char column[40];
    if (clause->field == MLF__SEARCH_ATTRIBUTE) {
        snprintf(column, sizeof(column), "e.%s", clause->column);
        mlf__sql_search_compare(search, column, clause);
        return;
    }
    bool any = clause->op == MLF__SEARCH_IS_NULL || clause->op == MLF__SEARCH_IS_NOT_NULL;
    mlf__buf_printf(&search->text,
                    "%sEXISTS (SELECT 1 FROM experiment_tags t "
                    "WHERE t.experiment_id = e.experiment_id AND t.key = ",
                    clause->op == MLF__SEARCH_IS_NULL ? "NOT " : "");
    mlf__sql_search_value(search, mlf__sql_text(clause->key));
    if (!any) {
        mlf__sql_search_add(search, " AND ");
        mlf__sql_search_compare(search, "t.value", clause);
    }
    mlf__sql_search_add(search, ")");
}

static void add_order(struct mlf__sql_search *search)
{
    bool by_id = false;
    mlf__sql_search_add(search, " ORDER BY ");
    for (size_t i = 0; i < search->order.n_keys; i++) {
        const struct mlf__search_key *key = &search->order.keys[i];
        mlf__buf_printf(&search->text, "%se.%s%s", i > 0 ? ", " : "", key->column,
                        key->descending ? " DESC" : "");
        by_id = by_id || strcmp(key->column, "experiment_id") == 0;
    }
    if (search->order.n_keys == 0)
        mlf__sql_search_add(search, "e.creation_time DESC, e.experiment_id");
    else if (!by_id)
        mlf__sql_search_add(search, ", e.experiment_id DESC");
}

static mlf_status search_experiments(struct mlf__sql_search *search,
                                     const mlf_search_options *options, mlf_experiment_list *out)
{
    void *experiments = NULL;
    bool more = false;
    mlf__buf_printf(&search->text,
                    "SELECT e.experiment_id FROM experiments e WHERE e.lifecycle_stage %s%s",
                    mlf__sql_search_stage(options),
                    search->store->schema.workspaces ? " AND e.workspace = 'default'" : "");
    for (size_t i = 0; i < search->filter.n_clauses; i++) {
        mlf__sql_search_add(search, " AND ");
        add_clause(search, &search->filter.clauses[i]);
    }
    add_order(search);
    mlf_status status =
        mlf__sql_search_ids(search, sizeof(*out->experiments), offsetof(mlf_experiment, id),
                            &experiments, &out->n_experiments, &more);
    out->experiments = experiments;
    if (status == MLF_OK)
        status = fill_experiments(search->store, out->experiments, out->n_experiments);
    if (status == MLF_OK && more)
        status =
            mlf__search_token(MLF__SEARCH_EXPERIMENTS, options,
                              search->offset + (int64_t)out->n_experiments, &out->next_page_token);
    return status;
}

mlf_status mlf__sql_experiment_search(struct mlf__store *front, const mlf_search_options *options,
                                      mlf_experiment_list *out)
{
    struct mlf__sql_search search;
    bool own;
    *out = (mlf_experiment_list){0};
    mlf_status status =
        mlf__sql_search_init(&search, mlf__sql_store_of(front), MLF__SEARCH_EXPERIMENTS, options);
    if (status == MLF_OK)
        status = mlf__sql_begin(front, false, &own);
    if (status == MLF_OK)
        status = mlf__sql_end(front, own, search_experiments(&search, options, out));
    mlf__sql_search_free(&search);
    if (status != MLF_OK)
        mlf_experiment_list_free(out);
    return status;
}
