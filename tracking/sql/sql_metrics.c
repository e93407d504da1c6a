/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics in the SQL store: the path that has to be fast.
 *
 * A batch is looked through once before anything is written: names and runs are checked once per
 * distinct run and key, and the point that latest_metrics will hold is found in memory, so that each
 * point costs one insert and each key one upsert. */
#include "tracking/sql/sql_store.h"

#include "core/mem.h"
#include "tracking/names.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const char insert_metric[] =
    "INSERT INTO metrics (run_uuid, key, value, timestamp, step, is_nan) "
    "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
static const char upsert_latest[] =
    "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) "
    "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (key, run_uuid) DO UPDATE SET "
    "value = excluded.value, timestamp = excluded.timestamp, step = excluded.step, "
    "is_nan = excluded.is_nan WHERE (excluded.step, excluded.timestamp, excluded.value) > "
    "(latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)";
static const char insert_model_metric[] =
    "INSERT INTO logged_model_metrics (model_id, metric_name, metric_timestamp_ms, metric_step, "
    "metric_value, experiment_id, run_id, dataset_name, dataset_digest) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING";
/* The latest point of one run's key within a batch. |best| is NULL in a free slot. */
struct latest {
    const struct mlf__metric *best;
    uint64_t hash;
};

/* A hash table of them, open addressing; |size| is a power of two and at least twice the points. */
struct fold {
    struct latest *slots;
    size_t size;
};

/* NaN and infinities as MLflow stores them. */
static double stored_value(double value)
{
    if (isnan(value))
        return 0;
    if (isinf(value))
        return value > 0 ? DBL_MAX : -DBL_MAX;
    return value;
}

/* Does |a| replace |b| in latest_metrics? By step, time and value as stored, in this order. */
static bool is_later(const struct mlf__metric *a, const struct mlf__metric *b)
{
    if (a->step != b->step)
        return a->step > b->step;
    if (a->timestamp_ms != b->timestamp_ms)
        return a->timestamp_ms > b->timestamp_ms;
    return stored_value(a->value) > stored_value(b->value);
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return hash;
}

/* The slot of the metric's run and key: theirs, or a free one. */
static struct latest *find_slot(const struct fold *fold, const struct mlf__metric *metric)
{
    uint64_t hash = hash_text(hash_text(0xcbf29ce484222325u, metric->key), metric->run_id);
    for (size_t i = (size_t)(hash ^ (hash >> 32)) & (fold->size - 1);;
         i = (i + 1) & (fold->size - 1)) {
        struct latest *slot = &fold->slots[i];
        if (slot->best == NULL) {
            slot->hash = hash;
            return slot;
        }
        if (slot->hash == hash && strcmp(slot->best->key, metric->key) == 0 &&
            strcmp(slot->best->run_id, metric->run_id) == 0)
            return slot;
    }
}

static mlf_status check_metric(struct mlf__sql_store *store, const struct mlf__metric *metric)
{
    int64_t experiment;
    if (metric->model_id != NULL) {
        mlf_status status = mlf__sql_known_model(store, metric->model_id, &experiment);
        if (status != MLF_OK)
            return status;
    }
    if (metric->timestamp_ms < 0)
        return mlf__fail(MLF_ERR_INVAL,
                         "Invalid value %lld for parameter 'timestamp' supplied: metric '%s'. "
                         "Timestamp must be a nonnegative long (64-bit integer)",
                         (long long)metric->timestamp_ms, metric->key);
    return MLF_OK;
}

/* Checks the whole batch and folds it. */
static mlf_status look_through(struct mlf__sql_store *store, const struct mlf__metric *metrics,
                               size_t n, struct fold *fold)
{
    struct latest *slot = NULL;
    for (size_t i = 0; i < n; i++) {
        const struct mlf__metric *metric = &metrics[i];
        mlf_status status = check_metric(store, metric);
        if (status != MLF_OK)
            return status;
        if (i == 0 || metric->key != metric[-1].key || metric->run_id != metric[-1].run_id)
            slot = find_slot(fold, metric);
        if (slot->best == NULL) {
            int64_t experiment;
            status = mlf__check_key(metric->key, "Metric name");
            if (status == MLF_OK)
                status = mlf__sql_active_run(store, metric->run_id, &experiment);
            if (status != MLF_OK)
                return status;
            slot->best = metric;
        } else if (is_later(metric, slot->best)) {
            slot->best = metric;
        }
    }
    return MLF_OK;
}

static mlf_status insert_points(struct mlf__sql_store *store, const struct mlf__metric *metrics,
                                size_t n)
{
    const struct mlf_sql_ops *ops = store->db.ops;
    struct mlf__sql_stmt *stmt;
    mlf_status status = mlf__sql_statement(store, insert_metric, &stmt);
    for (size_t i = 0; status == MLF_OK && i < n; i++) {
        const struct mlf__metric *metric = &metrics[i];
        bool row;
        /* Texts stay bound from one point to the next, mostly the same. */
        if (i == 0 || metric->run_id != metric[-1].run_id)
            ops->bind_text(stmt, 1, metric->run_id);
        if (i == 0 || metric->key != metric[-1].key)
            ops->bind_text(stmt, 2, metric->key);
        ops->bind_double(stmt, 3, stored_value(metric->value));
        ops->bind_int(stmt, 4, metric->timestamp_ms);
        ops->bind_int(stmt, 5, metric->step);
        ops->bind_int(stmt, 6, isnan(metric->value));
        status = mlf__sql_step(store, stmt, &row);
        ops->reset(stmt);
    }
    return status;
}

static mlf_status insert_model_points(struct mlf__sql_store *store,
                                      const struct mlf__metric *metrics, size_t n)
{
    mlf_status status = MLF_OK;
    for (size_t i = 0; status == MLF_OK && i < n; i++) {
        const struct mlf__metric *metric = &metrics[i];
        int64_t experiment;
        if (metric->model_id == NULL)
            continue;
        status = mlf__sql_active_run(store, metric->run_id, &experiment);
        if (status == MLF_OK)
            status = mlf__sql_run(
                store, insert_model_metric,
                MLF__SQL_BIND(mlf__sql_text(metric->model_id), mlf__sql_text(metric->key),
                              mlf__sql_int(metric->timestamp_ms), mlf__sql_int(metric->step),
                              mlf__sql_double(stored_value(metric->value)),
                              mlf__sql_int(experiment), mlf__sql_text(metric->run_id),
                              mlf__sql_text(metric->dataset_name),
                              mlf__sql_text(metric->dataset_digest)),
                NULL);
    }
    return status;
}

static mlf_status upsert_folded(struct mlf__sql_store *store, const struct fold *fold)
{
    mlf_status status = MLF_OK;
    for (size_t i = 0; status == MLF_OK && i < fold->size; i++) {
        const struct mlf__metric *best = fold->slots[i].best;
        if (best != NULL)
            status = mlf__sql_run(
                store, upsert_latest,
                MLF__SQL_BIND(mlf__sql_text(best->key), mlf__sql_double(stored_value(best->value)),
                              mlf__sql_int(best->timestamp_ms), mlf__sql_int(best->step),
                              mlf__sql_int(isnan(best->value)), mlf__sql_text(best->run_id)),
                NULL);
    }
    return status;
}

mlf_status mlf__sql_log_metrics(struct mlf__store *front, const struct mlf__metric *metrics,
                                size_t n)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    struct fold fold = {.size = 8};
    bool own;
    if (n == 0)
        return MLF_OK;
    while (fold.size / 2 < n)
        fold.size *= 2;
    fold.slots = mlf__zalloc(fold.size, sizeof(*fold.slots));
    if (fold.slots == NULL)
        return MLF_ERR_NOMEM;
    mlf_status status = mlf__sql_begin(front, true, &own);
    if (status == MLF_OK) {
        status = look_through(store, metrics, n, &fold);
        if (status == MLF_OK)
            status = insert_points(store, metrics, n);
        if (status == MLF_OK)
            status = insert_model_points(store, metrics, n);
        if (status == MLF_OK)
            status = upsert_folded(store, &fold);
        status = mlf__sql_end(front, own, status);
    }
    mlf__free(fold.slots);
    return status;
}

/* ---- history ---- */

/* Points of a run that may be sorted to read one page of them. */
enum { SORTED_MAX = 10000 };

/* Two ways to the same page. The primary key has the points of a metric in the right order, but those of
 * all runs together: it is read as far as the page goes, passing by what other runs have. The index of
 * runs finds the few points of a run without looking at others, and they are sorted. NaN is stored as 0
 * with is_nan 1, so is_nan decides between equal points.
 *
 * SQLite would sort in both if it knew that there is one run only: BETWEEN keeps that from it, and the
 * run stands where the primary key has it. An expression for the key leaves just the index of runs. */
#define HISTORY(where)                                                                             \
    "SELECT value, timestamp, step, is_nan FROM metrics WHERE " where " "                          \
    "AND (timestamp, step, run_uuid, value, is_nan) > ($3, $4, $1, $5, $6) "                       \
    "ORDER BY timestamp, step, run_uuid, value, is_nan LIMIT $7"
static const char select_streamed[] = HISTORY("run_uuid BETWEEN $1 AND $1 AND key = $2");
static const char select_sorted[] = HISTORY("run_uuid = $1 AND key || '' = $2");
static const char count_points[] =
    "SELECT count(*) FROM (SELECT 1 FROM metrics WHERE run_uuid = $1 LIMIT $2)";

/* The statement that reads a page of the run best. */
static mlf_status choose_history(struct mlf__sql_store *store, const char *run_id,
                                 size_t max_results, const char **text)
{
    struct mlf__sql_stmt *stmt;
    bool row;
    mlf_status status = mlf__sql_query(
        store, count_points, MLF__SQL_BIND(mlf__sql_text(run_id), mlf__sql_int(SORTED_MAX + 1)),
        &stmt, &row);
    if (status != MLF_OK)
        return status;
    uint64_t n = (uint64_t)store->db.ops->column_int(stmt, 0);
    /* Each page sorts all of them again: not worth it when there are many pages. */
    *text = n <= SORTED_MAX && n / 4 <= max_results ? select_sorted : select_streamed;
    mlf__sql_done(store, stmt);
    return MLF_OK;
}

static mlf_status read_page(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt, bool row,
                            const char *key, mlf_metric_list *out)
{
    const struct mlf_sql_ops *ops = store->db.ops;
    size_t cap = 0;
    mlf_status status = MLF_OK;
    while (status == MLF_OK && row) {
        status = mlf__grow((void **)&out->metrics, &cap, out->n_metrics + 1, sizeof(*out->metrics));
        if (status != MLF_OK)
            break;
        mlf_metric_record *metric = &out->metrics[out->n_metrics++];
        *metric = (mlf_metric_record){
            .key = mlf__strdup(key),
            .value = ops->column_int(stmt, 3) != 0 ? NAN : ops->column_double(stmt, 0),
            .timestamp_ms = ops->column_int(stmt, 1),
            .step = ops->column_int(stmt, 2),
        };
        status = metric->key != NULL ? mlf__sql_step(store, stmt, &row) : MLF_ERR_NOMEM;
    }
    return status;
}

mlf_status mlf__sql_metric_history(struct mlf__store *front, const char *run_id, const char *key,
                                   const mlf_metric_record *after, size_t max_results,
                                   mlf_metric_list *out)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    /* Before every point that there can be. */
    static const mlf_metric_record first = {
        .timestamp_ms = INT64_MIN, .step = INT64_MIN, .value = -INFINITY};
    struct mlf__sql_stmt *stmt;
    const char *text = NULL;
    int64_t limit = max_results < INT64_MAX ? (int64_t)max_results : INT64_MAX;
    bool own, row;
    *out = (mlf_metric_list){0};
    if (after == NULL)
        after = &first;
    mlf_status status = mlf__sql_begin(front, false, &own);
    if (status != MLF_OK)
        return status;
    status = choose_history(store, run_id, max_results, &text);
    if (status == MLF_OK)
        status = mlf__sql_query(
            store, text,
            MLF__SQL_BIND(mlf__sql_text(run_id), mlf__sql_text(key),
                          mlf__sql_int(after->timestamp_ms), mlf__sql_int(after->step),
                          mlf__sql_double(stored_value(after->value)),
                          mlf__sql_int(isnan(after->value)), mlf__sql_int(limit)),
            &stmt, &row);
    if (status == MLF_OK) {
        status = read_page(store, stmt, row, key, out);
        mlf__sql_done(store, stmt);
    }
    status = mlf__sql_end(front, own, status);
    if (status != MLF_OK)
        mlf_metric_list_free(out);
    return status;
}
