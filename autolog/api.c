/* SPDX-License-Identifier: Apache-2.0 */
/* The public API: metrics, params, tags, artifacts, models. A metric goes straight into the ring.
 *
 * THREAD SAFETY NOTES: |checked| is a set of bits that only ever get set. Registered metrics are entered
 * under mlf__api_lock(), published with release and never change. |params| is a tsearch() tree under it. */
#include "autolog/api.h"

#include "core/buf.h"
#include "core/mem.h"
#include "tracking/artifacts.h"
#include "tracking/names.h"

#include <search.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_METRICS = 16384, MAX_NAMES = 16384 };

static bool is_off(void)
{
    return mlf__session_init() == MLF__SESSION_OFF;
}

/* ---- metrics ---- */

/* Bits of names whose form was found right; a name is looked at once per process. */
static _Atomic uint32_t checked[MAX_NAMES / 32 + 1];

struct metric_entry {
    char *key;
    mlf__name_id name; /* 0: it travels as text */
};
static _Atomic(struct metric_entry *) metrics[MAX_METRICS];
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

/* The way that always works: a full name table, a full ring, no ring. */
static mlf_status emit_metric(const struct mlf_run *run, const char *key, double value,
                              int64_t step)
{
    return mlf__api_emit(
        run, (struct mlf__event){.kind = MLF__EV_METRIC, .key = key, .value = value, .step = step});
}

static mlf_status log_metric(struct mlf__ring *ring, const struct mlf_run *run, const char *key,
                             mlf__name_id name, double value, int64_t step)
{
    if (ring == NULL || name == 0 || run->name == 0)
        return emit_metric(run, key, value, step);
    const struct mlf__ring_event event = {
        .kind = MLF__EV_METRIC, .key = name, .run = run->name, .step = step, .value = value};
    mlf_status status = mlf__ring_put(ring, &event, MLF__RING_WAIT_CALL);
    return status == MLF_ERR_FULL ? emit_metric(run, key, value, step) : status;
}

mlf_status mlf_run_log_metric(mlf_run *run, const char *key, double value, int64_t step)
{
    struct mlf__ring *ring = mlf__session_ring();
    if (ring == NULL && mlf__session_init() == MLF__SESSION_OFF)
        return MLF_OK;
    if (run == NULL || key == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_run_log_metric: no %s", run == NULL ? "run" : "key");
    mlf__name_id name = ring != NULL ? mlf__ring_intern(ring, key, strlen(key)) : 0;
    mlf_status status = check_name(key, name);
    return status == MLF_OK ? log_metric(ring, run, key, name, value, step) : status;
}

mlf_status mlf_log_metric(const char *key, double value, int64_t step)
{
    struct mlf_run *run;
    if (is_off())
        return MLF_OK;
    if (key == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_log_metric: no key");
    mlf_status status = mlf__api_current_run(&run);
    return status == MLF_OK ? mlf_run_log_metric(run, key, value, step) : mlf__api_result(status);
}

static uint32_t find_metric(const char *key, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(atomic_load_explicit(&metrics[i], memory_order_acquire)->key, key) == 0)
            return i + 1;
    return 0;
}

/* Called with the lock held. */
static uint32_t register_metric(const char *key, mlf__name_id name)
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
    entry->name = name;
    atomic_store_explicit(&metrics[n], entry, memory_order_release);
    atomic_store_explicit(&n_metrics, n + 1, memory_order_release);
    return n + 1;
}

mlf_metric_t mlf_metric(const char *key)
{
    mlf_metric_t metric = {0};
    struct mlf_run *run;
    if (key == NULL || mlf__check_key(key, "Metric name") != MLF_OK ||
        mlf__api_current_run(&run) != MLF_OK)
        return metric;
    struct mlf__ring *ring = mlf__session_ring();
    mlf__name_id name = ring != NULL ? mlf__ring_intern(ring, key, strlen(key)) : 0;
    mlf__api_lock();
    metric.id = register_metric(key, name);
    mlf__api_unlock();
    return metric;
}

mlf_status mlf_metric_log(mlf_metric_t metric, double value, int64_t step)
{
    struct mlf__ring *ring = mlf__session_ring();
    if (ring == NULL && mlf__session_init() == MLF__SESSION_OFF)
        return MLF_OK;
    if (metric.id == 0 || metric.id > atomic_load_explicit(&n_metrics, memory_order_acquire))
        return mlf__fail(
            MLF_ERR_INVAL,
            "mlf_metric_log: a handle that is none, or whose key mlf_metric() refused");
    const struct metric_entry *entry =
        atomic_load_explicit(&metrics[metric.id - 1], memory_order_acquire);
    struct mlf_run *run;
    mlf_status status = mlf__api_current_run(&run);
    return status == MLF_OK ? log_metric(ring, run, entry->key, entry->name, value, step)
                            : mlf__api_result(status);
}

/* ---- params and tags ---- */

struct param {
    char *key; /* "<run id>/<key>" */
    char *value;
};
static void *params; /* tsearch() tree of struct param */

static int compare_params(const void *a, const void *b)
{
    return strcmp(((const struct param *)a)->key, ((const struct param *)b)->key);
}

static struct param *new_param(const char *name, const char *value)
{
    struct param *param = mlf__zalloc(1, sizeof(*param));
    if (param != NULL && (param->key = mlf__strdup(name)) != NULL &&
        (param->value = mlf__strdup(value)) != NULL &&
        tsearch(param, &params, compare_params) != NULL)
        return param;
    if (param != NULL) {
        mlf__free(param->key);
        mlf__free(param->value);
    }
    mlf__free(param);
    return NULL;
}

/* Remembers what this process logged, so that a disagreement is told at once. */
static mlf_status remember_param(const struct mlf_run *run, const char *key, const char *value)
{
    char name[MLF__ID_SIZE + MLF__KEY_MAX * 4 + 2];
    snprintf(name, sizeof(name), "%s/%s", run->id, key);
    const struct param probe = {.key = name};
    mlf_status status = MLF_OK;
    mlf__api_lock();
    struct param **found = tfind(&probe, &params, compare_params);
    if (found == NULL)
        status = new_param(name, value) != NULL ? MLF_OK : MLF_ERR_NOMEM;
    else if (strcmp((*found)->value, value) != 0)
        status =
            mlf__fail(MLF_ERR_CONFLICT,
                      "Changing param values is not allowed. Param with key='%s' was already "
                      "logged with value='%s' for run ID='%s'. Attempted logging new value '%s'.",
                      key, (*found)->value, run->id, value);
    mlf__api_unlock();
    return status;
}

mlf_status mlf_log_param(const char *key, const char *value)
{
    struct mlf_run *run;
    if (is_off())
        return MLF_OK;
    if (key == NULL || value == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_log_param: no %s", key == NULL ? "key" : "value");
    mlf_status status = mlf__api_current_run(&run);
    if (status != MLF_OK)
        return mlf__api_result(status);
    status = mlf__check_key(key, "Param key");
    char *clean = mlf__clean_value(value, strlen(value), MLF__PARAM_VALUE_MAX);
    if (status == MLF_OK && clean == NULL)
        status = MLF_ERR_NOMEM;
    if (status == MLF_OK)
        status = remember_param(run, key, clean);
    if (status == MLF_OK)
        status = mlf__api_emit(run, (struct mlf__event){.kind = MLF__EV_PARAM,
                                                        .flags = MLF__SRC_EXPLICIT,
                                                        .key = key,
                                                        .text = clean,
                                                        .text_len = strlen(clean)});
    mlf__free(clean);
    return status;
}

mlf_status mlf_set_tag(const char *key, const char *value)
{
    struct mlf_run *run;
    if (is_off())
        return MLF_OK;
    if (key == NULL || value == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_set_tag: no %s", key == NULL ? "key" : "value");
    mlf_status status = mlf__api_current_run(&run);
    if (status != MLF_OK)
        return mlf__api_result(status);
    status = mlf__check_key(key, "key");
    char *clean = mlf__clean_value(value, strlen(value), MLF__TAG_VALUE_MAX);
    if (status == MLF_OK)
        status = clean == NULL ? MLF_ERR_NOMEM
                               : mlf__api_emit(run, (struct mlf__event){.kind = MLF__EV_TAG,
                                                                        .key = key,
                                                                        .text = clean,
                                                                        .text_len = strlen(clean)});
    mlf__free(clean);
    return status;
}

/* ---- artifacts and models ---- */

/* Appends the path, made absolute, and the fields, each with its NUL; the last NUL is left out. */
static mlf_status pack(struct mlf__buf *buf, const char *path, const char *const *fields, size_t n)
{
    char absolute[4096];
    struct stat st;
    if (stat(path, &st) != 0)
        return mlf__fail(MLF_ERR_NOT_FOUND, "%s: no such file or directory", path);
    if (!mlf__absolute_path(path, absolute, sizeof(absolute)))
        return mlf__fail(MLF_ERR_INVAL, "%s: the path is too long", path);
    mlf__buf_add(buf, absolute, strlen(absolute) + 1);
    for (size_t i = 0; i < n; i++) {
        const char *field = fields[i] != NULL ? fields[i] : "";
        mlf__buf_add(buf, field, strlen(field) + 1);
    }
    return buf->failed ? MLF_ERR_NOMEM : MLF_OK;
}

mlf_status mlf_log_artifact(const char *path, const char *folder)
{
    struct mlf_run *run;
    struct mlf__buf text = {0};
    if (is_off())
        return MLF_OK;
    if (path == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_log_artifact: no path");
    mlf_status allowed = mlf__artifact_check_folder(folder != NULL ? folder : "");
    if (allowed != MLF_OK)
        return allowed;
    mlf_status status = mlf__api_current_run(&run);
    if (status != MLF_OK)
        return mlf__api_result(status);
    status = pack(&text, path, &folder, 1);
    if (status == MLF_OK)
        status = mlf__api_emit(run, (struct mlf__event){.kind = MLF__EV_ARTIFACT,
                                                        .text = text.data,
                                                        .text_len = text.len - 1});
    mlf__buf_free(&text);
    return status;
}

mlf_status mlf_log_model(const char *name, const char *path, const mlf_model_options *options,
                         mlf_model_info *info)
{
    static const mlf_model_options defaults = MLF_MODEL_OPTIONS_INIT;
    struct mlf_run *run;
    struct mlf__buf text = {0};
    mlf_model_info made = {0};
    if (info != NULL)
        *info = made;
    if (is_off())
        return MLF_OK;
    if (name == NULL || path == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_log_model: no %s", name == NULL ? "name" : "path");
    if (options == NULL)
        options = &defaults;
    if (options->size < sizeof(*options))
        return mlf__fail(MLF_ERR_INVAL, "mlf_log_model: options without MLF_MODEL_OPTIONS_INIT");
    mlf_status status = mlf__check_model_name(name);
    if (status == MLF_OK)
        status = mlf__api_current_run(&run);
    if (status != MLF_OK)
        return mlf__api_result(status);
    mlf__new_model_id(made.model_id);
    snprintf(made.model_uri, sizeof(made.model_uri), "models:/%s", made.model_id);
    mlf__copy_text(made.run_id, sizeof(made.run_id), run->id);
    const char *const fields[] = {name, options->flavor, options->flavor_version};
    status = pack(&text, path, fields, MLF__ARRAY_LEN(fields));
    if (status == MLF_OK)
        status = mlf__api_emit(run, (struct mlf__event){.kind = MLF__EV_MODEL,
                                                        .model = made.model_id,
                                                        .step = options->step,
                                                        .text = text.data,
                                                        .text_len = text.len - 1});
    mlf__buf_free(&text);
    if (status == MLF_OK && info != NULL)
        *info = made;
    return status;
}
