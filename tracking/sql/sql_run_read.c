/* SPDX-License-Identifier: Apache-2.0 */
/* Reading runs in the SQL store. A database of an older MLflow lacks some tables; what they would hold
 * is then absent from the records. */
#include "tracking/sql/sql_rows.h"

#include "core/buf.h"
#include "core/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CANDIDATES_MAX = 5 };

static const struct mlf__sql_by_ids select_runs = MLF__SQL_BY_IDS(
    "SELECT run_uuid, experiment_id, name, user_id, artifact_uri, status, lifecycle_stage, "
    "start_time, end_time FROM runs WHERE run_uuid ",
    "");
static const char select_candidates[] =
    "SELECT run_uuid FROM runs WHERE lifecycle_stage = 'active' "
    "AND substr(run_uuid, 1, length($1)) = $1 ORDER BY start_time DESC, run_uuid LIMIT $2";
/* Sorted by key afterwards, which is cheaper than to have the database sort each run's few rows. */
static const struct mlf__sql_by_ids select_params =
    MLF__SQL_BY_IDS("SELECT run_uuid, key, value FROM params WHERE run_uuid ", "ORDER BY run_uuid");
static const struct mlf__sql_by_ids select_tags =
    MLF__SQL_BY_IDS("SELECT run_uuid, key, value FROM tags WHERE run_uuid ", "ORDER BY run_uuid");
static const struct mlf__sql_by_ids select_latest =
    MLF__SQL_BY_IDS("SELECT run_uuid, key, value, timestamp, step, is_nan FROM latest_metrics "
                    "WHERE run_uuid ",
                    "ORDER BY run_uuid");
/* A row for each tag of an input, one for an input without. */
static const struct mlf__sql_by_ids select_inputs = MLF__SQL_BY_IDS(
    "SELECT i.destination_id, d.name, d.digest, d.dataset_source_type, d.dataset_source, "
    "d.dataset_schema, d.dataset_profile, i.input_uuid, t.name, t.value FROM inputs i "
    "JOIN datasets d ON d.dataset_uuid = i.source_id "
    "LEFT JOIN input_tags t ON t.input_uuid = i.input_uuid WHERE i.destination_type = 'RUN' "
    "AND i.source_type = 'DATASET' AND i.destination_id ",
    "ORDER BY i.destination_id, d.name, d.digest, i.input_uuid, t.name");
static const struct mlf__sql_by_ids select_outputs =
    MLF__SQL_BY_IDS("SELECT i.source_id, i.destination_id, i.step FROM inputs i "
                    "LEFT JOIN logged_models m ON m.model_id = i.destination_id "
                    "WHERE i.source_type = 'RUN_OUTPUT' AND i.destination_type = 'MODEL_OUTPUT' "
                    "AND i.source_id ",
                    "ORDER BY i.source_id, m.creation_timestamp_ms, i.step, i.destination_id");
static const struct mlf__sql_by_ids select_model_inputs =
    MLF__SQL_BY_IDS("SELECT source_id, destination_id FROM inputs WHERE source_type = 'RUN_INPUT' "
                    "AND destination_type = 'MODEL_INPUT' AND source_id ",
                    "ORDER BY source_id, destination_id");

static mlf_status see_run(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt, void *context)
{
    const struct mlf_sql_ops *ops = store->db.ops;
    mlf_run_record *run = mlf__sql_record(store, stmt, context);
    if (run == NULL)
        return MLF_OK;
    char **texts[] = {&run->experiment_id, &run->name, &run->user, &run->artifact_uri};
    mlf_status status = MLF_OK;
    for (size_t i = 0; status == MLF_OK && i < MLF__ARRAY_LEN(texts); i++)
        status = mlf__sql_copy_or_empty(store, stmt, (int)i + 1, texts[i]);
    const char *state = ops->column_text(stmt, 5);
    run->status = state != NULL ? mlf__run_status_parse(state) : 0;
    const char *stage = ops->column_text(stmt, 6);
    run->deleted = stage != NULL && strcmp(stage, "deleted") == 0;
    run->start_time_ms = ops->column_int(stmt, 7);
    run->end_time_ms = ops->column_is_null(stmt, 8) ? -1 : ops->column_int(stmt, 8);
    return status;
}

static mlf_status see_latest(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt,
                             void *context)
{
    const struct mlf_sql_ops *ops = store->db.ops;
    mlf_metric_record *metric = mlf__sql_append(store, stmt, context, sizeof(*metric));
    if (metric == NULL)
        return MLF_ERR_NOMEM;
    metric->value = ops->column_int(stmt, 5) != 0 ? NAN : ops->column_double(stmt, 2);
    metric->timestamp_ms = ops->column_int(stmt, 3);
    metric->step = ops->column_int(stmt, 4);
    return mlf__sql_copy(store, stmt, 1, &metric->key);
}

static mlf_status see_input_tag(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt,
                                struct mlf__sql_fill *fill)
{
    mlf_run_record *run = mlf__sql_record(store, stmt, fill);
    if (store->db.ops->column_is_null(stmt, 8))
        return MLF_OK;
    mlf_input_record *input = &run->inputs[run->n_inputs - 1];
    mlf_status status =
        mlf__grow((void **)&input->tags, &fill->cap2, input->n_tags + 1, sizeof(*input->tags));
    if (status != MLF_OK)
        return status;
    mlf_pair *tag = &input->tags[input->n_tags++];
    *tag = (mlf_pair){0};
    status = mlf__sql_copy(store, stmt, 8, &tag->key);
    return status == MLF_OK ? mlf__sql_copy_or_empty(store, stmt, 9, &tag->value) : status;
}

static mlf_status see_input(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt, void *context)
{
    struct mlf__sql_fill *fill = context;
    const char *id = store->db.ops->column_text(stmt, 7);
    mlf_status status = MLF_OK;
    mlf__sql_record(store, stmt, fill);
    if (id == NULL || fill->key[0] == '\0' || strcmp(fill->key, id) != 0) {
        mlf_input_record *input = mlf__sql_append(store, stmt, fill, sizeof(*input));
        if (input == NULL)
            return MLF_ERR_NOMEM;
        char **texts[] = {&input->name,   &input->digest, &input->source_type,
                          &input->source, &input->schema, &input->profile};
        for (size_t i = 0; status == MLF_OK && i < MLF__ARRAY_LEN(texts); i++)
            status = mlf__sql_copy(store, stmt, (int)i + 1, texts[i]);
        mlf__copy_text(fill->key, sizeof(fill->key), id != NULL ? id : "");
        fill->cap2 = 0;
    }
    return status == MLF_OK ? see_input_tag(store, stmt, fill) : status;
}

static mlf_status see_output(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt,
                             void *context)
{
    struct mlf__sql_fill *fill = context;
    mlf_run_record *run = mlf__sql_record(store, stmt, fill);
    if (run == NULL)
        return MLF_OK;
    mlf_status status = mlf__grow((void **)&run->model_output_steps, &fill->cap2,
                                  run->n_model_outputs + 1, sizeof(int64_t));
    if (status != MLF_OK)
        return status;
    run->model_output_steps[run->n_model_outputs] = store->db.ops->column_int(stmt, 2);
    char **id = mlf__sql_append(store, stmt, fill, sizeof(*id));
    return id != NULL ? mlf__sql_copy(store, stmt, 1, id) : MLF_ERR_NOMEM;
}

static mlf_status see_model_input(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt,
                                  void *context)
{
    char **id = mlf__sql_append(store, stmt, context, sizeof(*id));
    return id != NULL ? mlf__sql_copy(store, stmt, 1, id) : MLF_ERR_NOMEM;
}

/* By the key, which is the first member of pairs and of metrics. */
static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_run(mlf_run_record *run)
{
    _Static_assert(offsetof(mlf_pair, key) == 0 && offsetof(mlf_metric_record, key) == 0, "");
    if (run->n_params > 1)
        qsort(run->params, run->n_params, sizeof(*run->params), compare_keys);
    if (run->n_tags > 1)
        qsort(run->tags, run->n_tags, sizeof(*run->tags), compare_keys);
    if (run->n_metrics > 1)
        qsort(run->metrics, run->n_metrics, sizeof(*run->metrics), compare_keys);
}

/* Sets which array is filled next. */
#define FILL_ARRAY(fill, member)                                                                   \
    ((fill)->array = offsetof(mlf_run_record, member),                                             \
     (fill)->count = offsetof(mlf_run_record, n_##member))

static mlf_status fill_models(struct mlf__sql_store *store, struct mlf__sql_fill *fill)
{
    FILL_ARRAY(fill, model_outputs);
    mlf_status status = mlf__sql_fill_each(store, fill, &select_outputs, see_output);
    if (status != MLF_OK)
        return status;
    FILL_ARRAY(fill, model_inputs);
    return mlf__sql_fill_each(store, fill, &select_model_inputs, see_model_input);
}

mlf_status mlf__sql_fill_runs(struct mlf__sql_store *store, mlf_run_record *runs, size_t n)
{
    struct mlf__sql_fill fill;
    mlf_status status =
        mlf__sql_fill_begin(&fill, runs, n, sizeof(*runs), offsetof(mlf_run_record, run_id));
    if (status == MLF_OK)
        status = mlf__sql_fill_each(store, &fill, &select_runs, see_run);
    if (status == MLF_OK)
        status = MLF__SQL_FILL_PAIRS(store, &fill, select_params, mlf_run_record, params);
    if (status == MLF_OK)
        status = MLF__SQL_FILL_PAIRS(store, &fill, select_tags, mlf_run_record, tags);
    if (status == MLF_OK) {
        FILL_ARRAY(&fill, metrics);
        status = mlf__sql_fill_each(store, &fill, &select_latest, see_latest);
    }
    if (status == MLF_OK && store->schema.datasets) {
        FILL_ARRAY(&fill, inputs);
        status = mlf__sql_fill_each(store, &fill, &select_inputs, see_input);
    }
    if (status == MLF_OK && store->schema.logged_models)
        status = fill_models(store, &fill);
    for (size_t i = 0; status == MLF_OK && i < n; i++)
        sort_run(&runs[i]);
    mlf__sql_fill_end(&fill);
    return status;
}

mlf_status mlf__sql_run_get(struct mlf__store *front, const char *run_id, mlf_run_record *out)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    bool own;
    *out = (mlf_run_record){0};
    mlf_status status = mlf__sql_begin(front, false, &own);
    if (status != MLF_OK)
        return status;
    out->run_id = mlf__strdup(run_id);
    status = out->run_id != NULL ? mlf__sql_fill_runs(store, out, 1) : MLF_ERR_NOMEM;
    if (status == MLF_OK && out->experiment_id == NULL)
        status = mlf__fail(MLF_ERR_NOT_FOUND, "Run with id=%s not found", run_id);
    status = mlf__sql_end(front, own, status);
    if (status != MLF_OK)
        mlf_run_record_free(out);
    return status;
}

/* ---- finding ---- */

/* Reads the ids that fit; says which when there are several. */
static mlf_status choose_candidate(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt,
                                   const char *prefix, char **run_id)
{
    struct mlf__buf names = {0};
    size_t n = 0;
    bool row = true;
    mlf_status status = mlf__sql_copy(store, stmt, 0, run_id);
    while (status == MLF_OK && row) {
        n++;
        mlf__buf_printf(&names, "%s%s", n > 1 ? ", " : "", store->db.ops->column_text(stmt, 0));
        status = mlf__sql_step(store, stmt, &row);
    }
    /* No prefix asks for the latest, which is the first. */
    if (status == MLF_OK && n > 1 && prefix[0] != '\0')
        status = mlf__fail(MLF_ERR_INVAL, "'%s' is the beginning of several runs: %s%s", prefix,
                           names.failed ? "" : names.data, n > CANDIDATES_MAX ? " …" : "");
    mlf__buf_free(&names);
    return status;
}

mlf_status mlf__sql_run_find(struct mlf__store *front, const char *prefix, char **run_id)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    struct mlf__sql_stmt *stmt;
    bool own, row;
    *run_id = NULL;
    mlf_status status = mlf__sql_begin(front, false, &own);
    if (status != MLF_OK)
        return status;
    int64_t limit = prefix[0] == '\0' ? 1 : CANDIDATES_MAX + 1;
    status = mlf__sql_query(store, select_candidates,
                            MLF__SQL_BIND(mlf__sql_text(prefix), mlf__sql_int(limit)), &stmt, &row);
    if (status == MLF_OK) {
        if (row)
            status = choose_candidate(store, stmt, prefix, run_id);
        else if (prefix[0] == '\0')
            status = mlf__fail(MLF_ERR_NOT_FOUND, "there are no runs in %s",
                               store->db.ops->describe(&store->db));
        else
            status = mlf__fail(MLF_ERR_NOT_FOUND, "no run of %s begins with '%s'",
                               store->db.ops->describe(&store->db), prefix);
        mlf__sql_done(store, stmt);
    }
    status = mlf__sql_end(front, own, status);
    if (status != MLF_OK) {
        mlf__free(*run_id);
        *run_id = NULL;
    }
    return status;
}
