/* SPDX-License-Identifier: Apache-2.0 */
/* The public API: metrics. A point goes straight into the ring.
 *
 * THREAD SAFETY NOTES: |checked| is a set of bits that only ever get set. Registered metrics are entered
 * under mlf__api_lock(), published with release and never change. */
#include "autolog/api.h"

#include "core/buf.h"
#include "core/mem.h"
#include "tracking/names.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

enum { MAX_METRICS = 16384, MAX_NAMES = 16384 };

/* Bits of names whose form was found right; a name is looked at once per process. */
static _Atomic uint32_t checked[MAX_NAMES / 32 + 1];

struct metric_entry {
    char *key;
    _Atomic mlf__name_id name; /* 0: not known yet, or it travels as text */
};
static _Atomic(struct metric_entry *) registered[MAX_METRICS];
static _Atomic uint32_t n_metrics;

static mlf_status check_name(const char *key, mlf__name_id name)
{
    uint32_t bit = 1u << (name % 32);
    _Atomic uint32_t *word = &checked[name / 32 % (MLF__ARRAY_LEN(checked))];
    if (name != 0 && name <= MAX_NAMES &&
        (atomic_load_explicit(word, memory_order_relaxed) & bit) != 0)
        return MLF_OK;
    mlf_status status = mlf__check_key(key, "Metric name");
    if (status == MLF_OK && name != 0 && name <= MAX_NAMES)
        atomic_fetch_or_explicit(word, bit, memory_order_relaxed);
    return status;
}

/* A point on its way. */
struct point {
    const char *key;
    mlf__name_id name; /* of the key; 0: it travels as text */
    double value;
    int64_t step;
    int64_t ts_ns; /* 0: now */
};

/* The way that always works: a full name table, a full ring, no ring. */
static __attribute__((noinline)) mlf_status emit_point(const struct mlf_run *run,
                                                       const struct point *point)
{
    return mlf__api_emit(run, (struct mlf__event){.kind = MLF__EV_METRIC,
                                                  .key = point->key,
                                                  .value = point->value,
                                                  .step = point->step,
                                                  .ts_ns = point->ts_ns});
}

static inline mlf_status put_point(struct mlf__ring *ring, const struct mlf_run *run,
                                   const struct point *point)
{
    if (ring == NULL || point->name == 0 || run->interned == 0)
        return emit_point(run, point);
    const struct mlf__ring_event event = {.kind = MLF__EV_METRIC,
                                          .key = point->name,
                                          .run = run->interned,
                                          .ts_ns = point->ts_ns,
                                          .step = point->step,
                                          .value = point->value};
    mlf_status status = mlf__ring_put(ring, &event, MLF__RING_WAIT_CALL);
    return status == MLF_ERR_FULL ? emit_point(run, point) : status;
}

/* Fills in the key's id; MLF_ERR_INVAL when MLflow does not take the key. */
static inline mlf_status name_point(struct mlf__ring *ring, struct point *point)
{
    point->name = ring != NULL ? mlf__ring_intern(ring, point->key, strlen(point->key)) : 0;
    return check_name(point->key, point->name);
}

static inline mlf_status log_point(struct mlf__ring *ring, const struct mlf_run *run,
                                   struct point *point)
{
    mlf_status status = name_point(ring, point);
    return status == MLF_OK ? put_point(ring, run, point) : status;
}

mlf_status mlf_run_log_metric(mlf_run *run, const char *key, double value, int64_t step)
{
    struct mlf__ring *ring = mlf__session_ring();
    if (ring == NULL && mlf__api_is_off())
        return MLF_OK;
    if (run == NULL || key == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_run_log_metric: no %s", run == NULL ? "run" : "key");
    struct point point = {.key = key, .value = value, .step = step};
    return log_point(ring, run, &point);
}

mlf_status mlf_log_metric(const char *key, double value, int64_t step)
{
    struct mlf_run *run;
    struct mlf__ring *ring = mlf__session_ring();
    if (ring == NULL && mlf__api_is_off())
        return MLF_OK;
    if (key == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_log_metric: no key");
    /* The key comes first: one that is refused starts no run. */
    struct point point = {.key = key, .value = value, .step = step};
    mlf_status status = name_point(ring, &point);
    if (status == MLF_OK)
        status = mlf__api_current_run(&run);
    return status == MLF_OK ? put_point(ring, run, &point) : mlf__api_result(status);
}

/* ---- several at once, and points with more ---- */

static mlf_status check_metrics(const mlf_metric_value *metrics, size_t n, const char *call)
{
    mlf_status status = MLF_OK;
    if (n > 0 && metrics == NULL)
        return mlf__fail(MLF_ERR_INVAL, "%s: no metrics", call);
    for (size_t i = 0; i < n && status == MLF_OK; i++) {
        status = mlf__api_check_text(metrics[i].key, call, "key");
        if (status == MLF_OK)
            status = mlf__check_key(metrics[i].key, "Metric name");
    }
    return status;
}

/* |run| NULL: the current one. */
static mlf_status log_metrics(struct mlf_run *run, const mlf_metric_value *metrics, size_t n,
                              int64_t step, const char *call)
{
    mlf_status status = check_metrics(metrics, n, call);
    if (status == MLF_OK && run == NULL)
        status = mlf__api_current_run(&run);
    struct mlf__ring *ring = mlf__session_ring();
    int64_t now = mlf__now_ns();
    for (size_t i = 0; i < n && status == MLF_OK; i++) {
        struct point point = {
            .key = metrics[i].key, .value = metrics[i].value, .step = step, .ts_ns = now};
        status = log_point(ring, run, &point);
    }
    return mlf__api_result(status);
}

mlf_status mlf_log_metrics(const mlf_metric_value *metrics, size_t n, int64_t step)
{
    return mlf__api_is_off() ? MLF_OK : log_metrics(NULL, metrics, n, step, "mlf_log_metrics");
}

mlf_status mlf_run_log_metrics(mlf_run *run, const mlf_metric_value *metrics, size_t n,
                               int64_t step)
{
    if (mlf__api_is_off())
        return MLF_OK;
    mlf_status status = mlf__api_check_run(run, "mlf_run_log_metrics");
    return status == MLF_OK ? log_metrics(run, metrics, n, step, "mlf_run_log_metrics") : status;
}

static mlf_status check_metric_options(const mlf_metric_options *options, const char *call)
{
    enum { NS_PER_MS = 1000000, DIGEST_MAX = 36 };
    if (options->size < sizeof(*options))
        return mlf__fail(MLF_ERR_INVAL, "%s: options without MLF_METRIC_OPTIONS_INIT", call);
    if (options->timestamp_ms > INT64_MAX / NS_PER_MS)
        return mlf__fail(MLF_ERR_INVAL, "%s: %" PRId64 " ms is no time", call,
                         options->timestamp_ms);
    if (options->model_id != NULL &&
        (strncmp(options->model_id, "m-", 2) != 0 || strlen(options->model_id) >= MLF__ID_SIZE))
        return mlf__fail(MLF_ERR_INVAL, "%s: '%s' is no model id", call, options->model_id);
    if ((options->dataset_name == NULL) != (options->dataset_digest == NULL))
        return mlf__fail(MLF_ERR_INVAL, "%s: a data set's name and digest go together", call);
    if (options->dataset_name != NULL &&
        mlf__utf8_length(options->dataset_name, strlen(options->dataset_name)) >
            MLF__DATASET_NAME_MAX)
        return mlf__fail(MLF_ERR_INVAL,
                         "%s: the data set's name is no UTF-8 or has more than %d characters", call,
                         MLF__DATASET_NAME_MAX);
    if (options->dataset_digest != NULL &&
        mlf__utf8_length(options->dataset_digest, strlen(options->dataset_digest)) > DIGEST_MAX)
        return mlf__fail(MLF_ERR_INVAL, "%s: the data set's digest has more than %d characters",
                         call, DIGEST_MAX);
    return MLF_OK;
}

static mlf_status emit_with(const struct mlf_run *run, const char *key, double value,
                            const mlf_metric_options *options)
{
    struct mlf__buf text = {0};
    if (options->dataset_name != NULL) {
        mlf__buf_add(&text, options->dataset_name, strlen(options->dataset_name) + 1);
        mlf__buf_puts(&text, options->dataset_digest);
    }
    mlf_status status = MLF_ERR_NOMEM;
    /* 0 would mean now: the first millisecond of the epoch is any of its nanoseconds. */
    int64_t ts_ns = options->timestamp_ms > 0    ? options->timestamp_ms * 1000000
                    : options->timestamp_ms == 0 ? 1
                                                 : 0;
    if (!text.failed)
        status = mlf__api_emit(run, (struct mlf__event){.kind = MLF__EV_METRIC,
                                                        .key = key,
                                                        .value = value,
                                                        .step = options->step,
                                                        .ts_ns = ts_ns,
                                                        .model = options->model_id,
                                                        .text = text.data,
                                                        .text_len = text.len});
    mlf__buf_free(&text);
    return status;
}

/* |run| NULL: the current one. */
static mlf_status log_metric_with(struct mlf_run *run, const char *key, double value,
                                  const mlf_metric_options *options, const char *call)
{
    static const mlf_metric_options defaults = MLF_METRIC_OPTIONS_INIT;
    if (options == NULL)
        options = &defaults;
    mlf_status status = mlf__api_check_text(key, call, "key");
    if (status == MLF_OK)
        status = mlf__check_key(key, "Metric name");
    if (status == MLF_OK)
        status = check_metric_options(options, call);
    if (status == MLF_OK && run == NULL)
        status = mlf__api_current_run(&run);
    if (status == MLF_OK)
        status = emit_with(run, key, value, options);
    return mlf__api_result(status);
}

mlf_status mlf_log_metric_with(const char *key, double value, const mlf_metric_options *options)
{
    return mlf__api_is_off() ? MLF_OK
                             : log_metric_with(NULL, key, value, options, "mlf_log_metric_with");
}

mlf_status mlf_run_log_metric_with(mlf_run *run, const char *key, double value,
                                   const mlf_metric_options *options)
{
    if (mlf__api_is_off())
        return MLF_OK;
    mlf_status status = mlf__api_check_run(run, "mlf_run_log_metric_with");
    return status == MLF_OK ? log_metric_with(run, key, value, options, "mlf_run_log_metric_with")
                            : status;
}

/* ---- registered metrics ---- */

static uint32_t find_metric(const char *key, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(atomic_load_explicit(&registered[i], memory_order_acquire)->key, key) == 0)
            return i + 1;
    return 0;
}

/* Called with the lock held. */
static uint32_t register_metric(const char *key)
{
    uint32_t n = atomic_load_explicit(&n_metrics, memory_order_relaxed);
    uint32_t id = find_metric(key, n);
    if (id != 0 || n == MAX_METRICS)
        return id;
    struct metric_entry *entry = mlf__zalloc(1, sizeof(*entry));
    if (entry == NULL || (entry->key = mlf__strdup(key)) == NULL) {
        mlf__free(entry);
        return 0;
    }
    atomic_store_explicit(&registered[n], entry, memory_order_release);
    atomic_store_explicit(&n_metrics, n + 1, memory_order_release);
    return n + 1;
}

mlf_metric_t mlf_metric(const char *key)
{
    mlf_metric_t metric = {0};
    if (key == NULL) {
        mlf__fail(MLF_ERR_INVAL, "mlf_metric: no key");
        return metric;
    }
    if (mlf__check_key(key, "Metric name") != MLF_OK)
        return metric;
    mlf__api_lock();
    metric.id = register_metric(key);
    mlf__api_unlock();
    return metric;
}

/* NULL, with the thread's error set, for a handle that is none. */
static inline struct metric_entry *entry_of(mlf_metric_t metric)
{
    if (metric.id == 0 || metric.id > atomic_load_explicit(&n_metrics, memory_order_acquire)) {
        mlf__fail(MLF_ERR_INVAL, "a metric handle that is none, or whose key mlf_metric() refused");
        return NULL;
    }
    return atomic_load_explicit(&registered[metric.id - 1], memory_order_acquire);
}

/* A key may be registered before the session has begun: its id is asked for with the first point. */
static __attribute__((noinline)) mlf__name_id intern_entry(struct mlf__ring *ring,
                                                           struct metric_entry *entry)
{
    mlf__name_id name = mlf__ring_intern(ring, entry->key, strlen(entry->key));
    atomic_store_explicit(&entry->name, name, memory_order_relaxed);
    return name;
}

static inline mlf_status put_entry(struct mlf__ring *ring, const struct mlf_run *run,
                                   struct metric_entry *entry, double value, int64_t step)
{
    mlf__name_id name = atomic_load_explicit(&entry->name, memory_order_relaxed);
    if (name == 0 && ring != NULL)
        name = intern_entry(ring, entry);
    const struct point point = {.key = entry->key, .name = name, .value = value, .step = step};
    return put_point(ring, run, &point);
}

mlf_status mlf_metric_log(mlf_metric_t metric, double value, int64_t step)
{
    struct mlf__ring *ring = mlf__session_ring();
    if (ring == NULL && mlf__api_is_off())
        return MLF_OK;
    struct metric_entry *entry = entry_of(metric);
    if (entry == NULL)
        return MLF_ERR_INVAL;
    struct mlf_run *run;
    mlf_status status = mlf__api_current_run(&run);
    if (status != MLF_OK)
        return mlf__api_result(status);
    return put_entry(ring != NULL ? ring : mlf__session_ring(), run, entry, value, step);
}

mlf_status mlf_run_metric_log(mlf_run *run, mlf_metric_t metric, double value, int64_t step)
{
    struct mlf__ring *ring = mlf__session_ring();
    if (ring == NULL && mlf__api_is_off())
        return MLF_OK;
    struct metric_entry *entry = entry_of(metric);
    if (entry == NULL)
        return MLF_ERR_INVAL;
    mlf_status status = mlf__api_check_run(run, "mlf_run_metric_log");
    return status == MLF_OK ? put_entry(ring, run, entry, value, step) : status;
}
