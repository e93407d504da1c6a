/* SPDX-License-Identifier: Apache-2.0 */
/* Reading runs in the SQL store. A database of an older MLflow lacks some tables; what they would hold
 * is then absent from the records. */
#include "tracking/sql/sql_store.h"

#include "core/buf.h"
#include "core/mem.h"

#include <math.h>
#include <string.h>

enum { CANDIDATES_MAX = 5 };

#define RUN_COLUMNS                                                                                \
    "SELECT run_uuid, experiment_id, name, user_id, artifact_uri, status, lifecycle_stage, "       \
    "start_time, end_time FROM runs "

static const char select_run[] = RUN_COLUMNS "WHERE run_uuid = $1";
static const char select_all[] =
    RUN_COLUMNS "WHERE lifecycle_stage = 'active' ORDER BY start_time DESC, run_uuid LIMIT $1";
static const char select_of_experiment[] =
    RUN_COLUMNS "WHERE lifecycle_stage = 'active' AND experiment_id = $1 "
                "ORDER BY start_time DESC, run_uuid LIMIT $2";
static const char select_candidates[] =
    "SELECT run_uuid FROM runs WHERE lifecycle_stage = 'active' "
    "AND substr(run_uuid, 1, length($1)) = $1 ORDER BY start_time DESC, run_uuid LIMIT $2";
static const char select_params[] =
    "SELECT key, value FROM params WHERE run_uuid = $1 ORDER BY key";
static const char select_tags[] = "SELECT key, value FROM tags WHERE run_uuid = $1 ORDER BY key";
static const char select_latest[] =
    "SELECT key, value, timestamp, step, is_nan FROM latest_metrics WHERE run_uuid = $1 "
    "ORDER BY key";
static const char select_inputs[] =
    "SELECT d.name, d.digest, d.dataset_source_type, d.dataset_source, d.dataset_schema, "
    "d.dataset_profile, i.input_uuid FROM inputs i "
    "JOIN datasets d ON d.dataset_uuid = i.source_id WHERE i.destination_type = 'RUN' "
    "AND i.destination_id = $1 AND i.source_type = 'DATASET' ORDER BY d.name, d.digest";
static const char select_input_tags[] =
    "SELECT name, value FROM input_tags WHERE input_uuid = $1 ORDER BY name";
static const char select_outputs[] = "SELECT i.destination_id, i.step FROM inputs i "
                                     "LEFT JOIN logged_models m ON m.model_id = i.destination_id "
                                     "WHERE i.source_type = 'RUN_OUTPUT' AND i.source_id = $1 "
                                     "AND i.destination_type = 'MODEL_OUTPUT' "
                                     "ORDER BY m.creation_timestamp_ms, i.step, i.destination_id";

/* Fills the record from a row of RUN_COLUMNS. */
static mlf_status copy_info(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt,
                            mlf_run_record *out)
{
    const struct mlf_sql_ops *ops = store->db.ops;
    char **texts[] = {&out->run_id, &out->experiment_id, &out->name, &out->user,
                      &out->artifact_uri};
    mlf_status status = MLF_OK;
    for (size_t i = 0; status == MLF_OK && i < MLF__ARRAY_LEN(texts); i++) {
        status = mlf__sql_copy(store, stmt, (int)i, texts[i]);
        if (status == MLF_OK && *texts[i] == NULL && (*texts[i] = mlf__strdup("")) == NULL)
            status = MLF_ERR_NOMEM;
    }
    if (status != MLF_OK)
        return status;
    const char *state = ops->column_text(stmt, 5);
    out->status = state != NULL ? mlf__run_status_parse(state) : 0;
    const char *stage = ops->column_text(stmt, 6);
    out->deleted = stage != NULL && strcmp(stage, "deleted") == 0;
    out->start_time_ms = ops->column_int(stmt, 7);
    out->end_time_ms = ops->column_is_null(stmt, 8) ? -1 : ops->column_int(stmt, 8);
    return MLF_OK;
}

static mlf_status read_latest(struct mlf__sql_store *store, mlf_run_record *run)
{
    const struct mlf_sql_ops *ops = store->db.ops;
    struct mlf__sql_stmt *stmt;
    size_t cap = 0;
    bool row;
    mlf_status status = mlf__sql_query(store, select_latest,
                                       MLF__SQL_BIND(mlf__sql_text(run->run_id)), &stmt, &row);
    if (status != MLF_OK)
        return status;
    while (status == MLF_OK && row) {
        status = mlf__grow((void **)&run->metrics, &cap, run->n_metrics + 1, sizeof(*run->metrics));
        if (status != MLF_OK)
            break;
        mlf_metric_record *metric = &run->metrics[run->n_metrics++];
        *metric = (mlf_metric_record){
            .value = ops->column_int(stmt, 4) != 0 ? NAN : ops->column_double(stmt, 1),
            .timestamp_ms = ops->column_int(stmt, 2),
            .step = ops->column_int(stmt, 3),
        };
        status = mlf__sql_copy(store, stmt, 0, &metric->key);
        if (status == MLF_OK)
            status = mlf__sql_step(store, stmt, &row);
    }
    mlf__sql_done(store, stmt);
    return status;
}

static mlf_status copy_input(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt,
                             mlf_input_record *out)
{
    char **texts[] = {&out->name,   &out->digest, &out->source_type,
                      &out->source, &out->schema, &out->profile};
    mlf_status status = MLF_OK;
    for (size_t i = 0; status == MLF_OK && i < MLF__ARRAY_LEN(texts); i++)
        status = mlf__sql_copy(store, stmt, (int)i, texts[i]);
    char *id = NULL;
    if (status == MLF_OK)
        status = mlf__sql_copy(store, stmt, 6, &id);
    if (status == MLF_OK && id != NULL)
        status = mlf__sql_read_pairs(store, select_input_tags, id, &out->tags, &out->n_tags);
    mlf__free(id);
    return status;
}

static mlf_status read_inputs(struct mlf__sql_store *store, mlf_run_record *run)
{
    struct mlf__sql_stmt *stmt;
    size_t cap = 0;
    bool row;
    mlf_status status = mlf__sql_query(store, select_inputs,
                                       MLF__SQL_BIND(mlf__sql_text(run->run_id)), &stmt, &row);
    if (status != MLF_OK)
        return status;
    while (status == MLF_OK && row) {
        status = mlf__grow((void **)&run->inputs, &cap, run->n_inputs + 1, sizeof(*run->inputs));
        if (status != MLF_OK)
            break;
        mlf_input_record *input = &run->inputs[run->n_inputs++];
        *input = (mlf_input_record){0};
        status = copy_input(store, stmt, input);
        if (status == MLF_OK)
            status = mlf__sql_step(store, stmt, &row);
    }
    mlf__sql_done(store, stmt);
    return status;
}

static mlf_status read_outputs(struct mlf__sql_store *store, mlf_run_record *run)
{
    struct mlf__sql_stmt *stmt;
    size_t cap = 0, step_cap = 0;
    bool row;
    mlf_status status = mlf__sql_query(store, select_outputs,
                                       MLF__SQL_BIND(mlf__sql_text(run->run_id)), &stmt, &row);
    if (status != MLF_OK)
        return status;
    while (status == MLF_OK && row) {
        size_t i = run->n_model_outputs;
        status = mlf__grow((void **)&run->model_outputs, &cap, i + 1, sizeof(char *));
        if (status == MLF_OK)
            status =
                mlf__grow((void **)&run->model_output_steps, &step_cap, i + 1, sizeof(int64_t));
        if (status == MLF_OK)
            status = mlf__sql_copy(store, stmt, 0, &run->model_outputs[i]);
        if (status != MLF_OK)
            break;
        run->model_output_steps[i] = store->db.ops->column_int(stmt, 1);
        run->n_model_outputs++;
        status = mlf__sql_step(store, stmt, &row);
    }
    mlf__sql_done(store, stmt);
    return status;
}

static mlf_status read_data(struct mlf__sql_store *store, mlf_run_record *run)
{
    mlf_status status =
        mlf__sql_read_pairs(store, select_params, run->run_id, &run->params, &run->n_params);
    if (status == MLF_OK)
        status = mlf__sql_read_pairs(store, select_tags, run->run_id, &run->tags, &run->n_tags);
    return status == MLF_OK ? read_latest(store, run) : status;
}

mlf_status mlf__sql_run_get(struct mlf__store *front, const char *run_id,
                            mlf_run_record *out)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    struct mlf__sql_stmt *stmt;
    bool own, row;
    *out = (mlf_run_record){0};
    mlf_status status = mlf__sql_begin(front, false, &own);
    if (status != MLF_OK)
        return status;
    status = mlf__sql_query(store, select_run, MLF__SQL_BIND(mlf__sql_text(run_id)), &stmt, &row);
    if (status == MLF_OK) {
        status = row ? copy_info(store, stmt, out)
                     : mlf__fail(MLF_ERR_NOT_FOUND, "Run with id=%s not found", run_id);
        mlf__sql_done(store, stmt);
    }
    if (status == MLF_OK)
        status = read_data(store, out);
    if (status == MLF_OK && store->schema.datasets)
        status = read_inputs(store, out);
    if (status == MLF_OK && store->schema.logged_models)
        status = read_outputs(store, out);
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

static mlf_status read_list(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt, bool row,
                            mlf_run_list *out)
{
    size_t cap = 0;
    mlf_status status = MLF_OK;
    while (status == MLF_OK && row) {
        status = mlf__grow((void **)&out->runs, &cap, out->n_runs + 1, sizeof(*out->runs));
        if (status != MLF_OK)
            break;
        mlf_run_record *run = &out->runs[out->n_runs++];
        *run = (mlf_run_record){0};
        status = copy_info(store, stmt, run);
        if (status == MLF_OK)
            status = mlf__sql_step(store, stmt, &row);
    }
    return status;
}

mlf_status mlf__sql_run_list(struct mlf__store *front, const char *experiment_id,
                             size_t max_results, mlf_run_list *out)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    struct mlf__sql_stmt *stmt;
    int64_t number = 0, limit = max_results < INT64_MAX ? (int64_t)max_results : INT64_MAX;
    bool own, row;
    *out = (mlf_run_list){0};
    if (experiment_id != NULL && !mlf__parse_i64(experiment_id, &number))
        return mlf__fail(MLF_ERR_INVAL,
                         "Invalid experiment ID '%s'. Experiment ID must be a valid integer.",
                         experiment_id);
    mlf_status status = mlf__sql_begin(front, false, &own);
    if (status != MLF_OK)
        return status;
    if (experiment_id == NULL)
        status = mlf__sql_query(store, select_all, MLF__SQL_BIND(mlf__sql_int(limit)), &stmt, &row);
    else
        status =
            mlf__sql_query(store, select_of_experiment,
                           MLF__SQL_BIND(mlf__sql_int(number), mlf__sql_int(limit)), &stmt, &row);
    if (status == MLF_OK) {
        status = read_list(store, stmt, row, out);
        mlf__sql_done(store, stmt);
    }
    for (size_t i = 0; status == MLF_OK && i < out->n_runs; i++)
        status = read_data(store, &out->runs[i]);
    status = mlf__sql_end(front, own, status);
    if (status != MLF_OK)
        mlf_run_list_free(out);
    return status;
}
