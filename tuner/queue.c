/* SPDX-License-Identifier: Apache-2.0 */
/* Trials that are put into the queue with values given beforehand. */
#include "tuner/study.h"

#include "core/mem.h"
#include "tracking/names.h"
#include "tuner/study_log.h"

#include <math.h>
#include <string.h>

/* Equal as texts, or close as numbers (Optuna's tolerance). */
static bool is_same_value(const char *a, const char *b)
{
    double x, y;
    if (strcmp(a, b) == 0)
        return true;
    if (!mlf__parse_double(a, &x) || !mlf__parse_double(b, &y))
        return false;
    return fabs(x - y) <= 1e-5 * fmax(fabs(x), fabs(y));
}

/* What |trial| has for |key|, as a text: what it was given when it was enqueued, else its param. */
static const char *value_of(const struct mlf__history *history, const struct mlf__trial *trial,
                            const char *key, char number[MLF__NUMBER_SIZE])
{
    if (trial->extra != NULL && trial->extra->n_fixed > 0)
        return mlf__pairs_get(trial->extra->fixed, trial->extra->n_fixed, key);
    for (size_t i = 0; i < trial->n_params; i++) {
        const struct mlf__param_value *param = &trial->params[i];
        if (strcmp(history->names[param->name], key) == 0)
            return mlf__dist_format(&history->dists[param->dist], param->value, number);
    }
    return NULL;
}

static bool has_params(const struct mlf__history *history, const struct mlf__trial *trial,
                       const mlf_key_value *params, size_t n)
{
    size_t has =
        trial->extra != NULL && trial->extra->n_fixed > 0 ? trial->extra->n_fixed : trial->n_params;
    if (has != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        char number[MLF__NUMBER_SIZE];
        const char *value = value_of(history, trial, params[i].key, number);
        if (value == NULL || !is_same_value(value, params[i].value))
            return false;
    }
    return true;
}

static bool exists(const struct mlf__history *history, const mlf_key_value *params, size_t n)
{
    for (size_t i = 0; i < history->n_trials; i++) {
        if (has_params(history, history->trials[i], params, n))
            return true;
    }
    return false;
}

static mlf_status check_params(const mlf_key_value *params, size_t n)
{
    if (params == NULL && n > 0)
        return mlf__fail(MLF_ERR_INVAL, "mlf_study_enqueue: params is NULL");
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        if (params[i].key == NULL || params[i].value == NULL)
            return mlf__fail(MLF_ERR_INVAL, "mlf_study_enqueue: key or value of param %zu is NULL",
                             i);
        mlf_status status = mlf__check_key(params[i].key, "Param key");
        if (status != MLF_OK)
            return status;
        bytes += strlen(params[i].key) + strlen(params[i].value) + MLF__NOTE_BYTES;
        if (bytes > MLF__NOTES_MAX)
            return mlf__fail(MLF_ERR_FULL, "mlf_study_enqueue: the params are over %d bytes",
                             MLF__NOTES_MAX);
        for (size_t k = 0; k < i; k++) {
            if (strcmp(params[k].key, params[i].key) == 0)
                return mlf__fail(MLF_ERR_INVAL, "mlf_study_enqueue: \"%s\" is given twice",
                                 params[i].key);
        }
    }
    return MLF_OK;
}

static void free_fixed(struct mlf__trial_extra *fixed)
{
    for (size_t i = 0; i < fixed->n_fixed; i++) {
        mlf__free(fixed->fixed[i].key);
        mlf__free(fixed->fixed[i].value);
    }
    mlf__free(fixed->fixed);
    mlf__free(fixed);
}

/* With the mutex held. */
static mlf_status enqueue(mlf_study *study, const mlf_key_value *params, size_t n)
{
    /* Everything that can fail comes first: a trial cannot be taken back. */
    struct mlf__trial_extra *extra = mlf__zalloc(1, sizeof(*extra));
    if (extra == NULL)
        return MLF_ERR_NOMEM;
    mlf_status status = MLF_OK;
    for (size_t i = 0; i < n && status == MLF_OK; i++)
        status = mlf__pairs_set(&extra->fixed, &extra->n_fixed, &extra->cap_fixed, params[i].key,
                                params[i].value);
    struct mlf__trial *row;
    if (status == MLF_OK)
        status = mlf__history_add(&study->history, MLF_TRIAL_WAITING, &row);
    if (status != MLF_OK) {
        free_fixed(extra);
        return status;
    }
    row->extra = extra;
    return study->log != NULL ? mlf__study_log_enqueue(study->log, row) : MLF_OK;
}

mlf_status mlf_study_enqueue(mlf_study *study, const mlf_key_value *params, size_t n,
                             bool skip_if_exists)
{
    if (study == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_study_enqueue: study is NULL");
    mlf_status status = check_params(params, n);
    if (status != MLF_OK)
        return status;
    status = mlf__study_enter(study);
    if (status != MLF_OK)
        return status;
    if (!skip_if_exists || !exists(&study->history, params, n))
        status = enqueue(study, params, n);
    mlf__study_unlock(study);
    return status;
}
