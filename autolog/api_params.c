/* SPDX-License-Identifier: Apache-2.0 */
/* The public API: params. What this process has logged is remembered, so that a disagreement is told at
 * once.
 *
 * THREAD SAFETY NOTES: |known| is a tsearch() tree under mlf__api_lock(). */
#include "autolog/api.h"

#include "core/mem.h"
#include "tracking/names.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct param {
    char *key; /* "<run id>/<key>" */
    char *value;
};
static void *known; /* tsearch() tree of struct param */

enum { NAME_SIZE = MLF__ID_SIZE + MLF__KEY_MAX * 4 + 2 };

static int compare_params(const void *a, const void *b)
{
    return strcmp(((const struct param *)a)->key, ((const struct param *)b)->key);
}

static void param_name(char out[NAME_SIZE], const struct mlf_run *run, const char *key)
{
    snprintf(out, NAME_SIZE, "%s/%s", run->id, key);
}

static const struct param *find_param(const char *name)
{
    const struct param probe = {.key = (char *)name};
    struct param **found = tfind(&probe, &known, compare_params);
    return found != NULL ? *found : NULL;
}

static bool add_param(const char *name, const char *value)
{
    struct param *param = mlf__zalloc(1, sizeof(*param));
    if (param != NULL && (param->key = mlf__strdup(name)) != NULL &&
        (param->value = mlf__strdup(value)) != NULL &&
        tsearch(param, &known, compare_params) != NULL)
        return true;
    if (param != NULL) {
        mlf__free(param->key);
        mlf__free(param->value);
    }
    mlf__free(param);
    return false;
}

static mlf_status check_known(const struct mlf_run *run, const char *key, const char *value)
{
    char name[NAME_SIZE];
    param_name(name, run, key);
    const struct param *param = find_param(name);
    if (param == NULL || strcmp(param->value, value) == 0)
        return MLF_OK;
    return mlf__fail(MLF_ERR_CONFLICT,
                     "Changing param values is not allowed. Param with key='%s' was already "
                     "logged with value='%s' for run ID='%s'. Attempted logging new value '%s'.",
                     key, param->value, run->id, value);
}

/* All of them or, when one has another value, none. |values| are the cleaned ones. */
static mlf_status remember(const struct mlf_run *run, const mlf_key_value *params,
                           char *const *values, size_t n)
{
    char name[NAME_SIZE];
    mlf_status status = MLF_OK;
    mlf__api_lock();
    for (size_t i = 0; i < n && status == MLF_OK; i++)
        status = check_known(run, params[i].key, values[i]);
    for (size_t i = 0; i < n && status == MLF_OK; i++) {
        param_name(name, run, params[i].key);
        if (find_param(name) == NULL && !add_param(name, values[i]))
            status = MLF_ERR_NOMEM;
    }
    mlf__api_unlock();
    return status;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* As in MLflow a key that is given twice is an error, even with the same value. */
static mlf_status check_duplicates(const mlf_key_value *params, size_t n)
{
    if (n < 2)
        return MLF_OK;
    const char **keys = mlf__zalloc(n, sizeof(*keys));
    if (keys == NULL)
        return MLF_ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        keys[i] = params[i].key;
    qsort(keys, n, sizeof(*keys), compare_keys);
    mlf_status status = MLF_OK;
    for (size_t i = 1; i < n && status == MLF_OK; i++)
        if (strcmp(keys[i - 1], keys[i]) == 0)
            status =
                mlf__fail(MLF_ERR_INVAL,
                          "Duplicate parameter keys have been submitted: ['%s']. Please ensure "
                          "the request contains only one param value per param key.",
                          keys[i]);
    mlf__free(keys);
    return status;
}

static mlf_status check_params(const mlf_key_value *params, size_t n, const char *call)
{
    mlf_status status = MLF_OK;
    if (n > 0 && params == NULL)
        return mlf__fail(MLF_ERR_INVAL, "%s: no params", call);
    for (size_t i = 0; i < n && status == MLF_OK; i++) {
        status = mlf__api_check_text(params[i].key, call, "key");
        if (status == MLF_OK)
            status = mlf__check_key(params[i].key, "Param key");
        if (status == MLF_OK && params[i].value == NULL)
            status = mlf__fail(MLF_ERR_INVAL, "%s: no value for '%s'", call, params[i].key);
    }
    return status == MLF_OK ? check_duplicates(params, n) : status;
}

static void free_values(char **values, size_t n)
{
    for (size_t i = 0; i < n && values != NULL; i++)
        mlf__free(values[i]);
    mlf__free(values);
}

static mlf_status clean_values(const mlf_key_value *params, size_t n, char ***out)
{
    char **values = mlf__zalloc(n, sizeof(*values));
    bool fine = values != NULL;
    for (size_t i = 0; i < n && fine; i++) {
        values[i] =
            mlf__clean_value(params[i].value, strlen(params[i].value), MLF__PARAM_VALUE_MAX);
        fine = values[i] != NULL;
    }
    *out = values;
    return fine ? MLF_OK : MLF_ERR_NOMEM;
}

/* |run| NULL: the current one. */
static mlf_status log_params(struct mlf_run *run, const mlf_key_value *params, size_t n,
                             const char *call)
{
    char **values = NULL;
    mlf_status status = check_params(params, n, call);
    if (status == MLF_OK && run == NULL)
        status = mlf__api_current_run(&run);
    if (status == MLF_OK)
        status = clean_values(params, n, &values);
    if (status == MLF_OK)
        status = remember(run, params, values, n);
    for (size_t i = 0; i < n && status == MLF_OK; i++)
        status = mlf__api_emit(run, (struct mlf__event){.kind = MLF__EV_PARAM,
                                                        .flags = MLF__SRC_EXPLICIT,
                                                        .key = params[i].key,
                                                        .text = values[i],
                                                        .text_len = strlen(values[i])});
    free_values(values, n);
    return mlf__api_result(status);
}

static mlf_status log_one(struct mlf_run *run, const char *key, const char *value, const char *call)
{
    const mlf_key_value param = {key, value};
    return log_params(run, &param, 1, call);
}

/* The same with a run that has to be there. */
static mlf_status log_one_into(struct mlf_run *run, const char *key, const char *value,
                               const char *call)
{
    mlf_status status = mlf__api_check_run(run, call);
    return status == MLF_OK ? log_one(run, key, value, call) : status;
}

/* ---- numbers as texts ---- */

static void format_int(char out[MLF__NUMBER_SIZE], int64_t value)
{
    snprintf(out, MLF__NUMBER_SIZE, "%" PRId64, value);
}

/* The shortest digits: fixed from 1e-4 to below 1e16, with ".0" behind a whole number. */
static void format_finite(char out[MLF__NUMBER_SIZE], double value)
{
    int digits = 1;
    while (snprintf(out, MLF__NUMBER_SIZE, "%.*e", digits - 1, value) > 0 &&
           strtod(out, NULL) != value && digits < 17)
        digits++;
    long exponent = strtol(strchr(out, 'e') + 1, NULL, 10);
    if (exponent < -4 || exponent >= 16)
        return;
    int decimals = digits - 1 - (int)exponent;
    snprintf(out, MLF__NUMBER_SIZE, "%.*f", decimals > 0 ? decimals : 1, value);
}

/* As Python's repr(), whatever the program's locale writes for a decimal point. */
static void format_repr(char out[MLF__NUMBER_SIZE], double value)
{
    if (!isfinite(value)) {
        mlf__copy_text(out, MLF__NUMBER_SIZE, isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
        return;
    }
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale_t before = plain != (locale_t)0 ? uselocale(plain) : (locale_t)0;
    format_finite(out, value);
    if (plain != (locale_t)0) {
        uselocale(before);
        freelocale(plain);
    }
}

static const char *bool_text(bool value)
{
    return value ? "True" : "False";
}

/* ---- the calls ---- */

mlf_status mlf_log_params(const mlf_key_value *params, size_t n)
{
    return mlf__api_is_off() ? MLF_OK : log_params(NULL, params, n, "mlf_log_params");
}

mlf_status mlf_run_log_params(mlf_run *run, const mlf_key_value *params, size_t n)
{
    if (mlf__api_is_off())
        return MLF_OK;
    mlf_status status = mlf__api_check_run(run, "mlf_run_log_params");
    return status == MLF_OK ? log_params(run, params, n, "mlf_run_log_params") : status;
}

mlf_status mlf_log_param(const char *key, const char *value)
{
    return mlf__api_is_off() ? MLF_OK : log_one(NULL, key, value, "mlf_log_param");
}

mlf_status mlf_run_log_param(mlf_run *run, const char *key, const char *value)
{
    return mlf__api_is_off() ? MLF_OK : log_one_into(run, key, value, "mlf_run_log_param");
}

mlf_status mlf_log_param_int(const char *key, int64_t value)
{
    char text[MLF__NUMBER_SIZE];
    format_int(text, value);
    return mlf__api_is_off() ? MLF_OK : log_one(NULL, key, text, "mlf_log_param_int");
}

mlf_status mlf_run_log_param_int(mlf_run *run, const char *key, int64_t value)
{
    char text[MLF__NUMBER_SIZE];
    format_int(text, value);
    return mlf__api_is_off() ? MLF_OK : log_one_into(run, key, text, "mlf_run_log_param_int");
}

mlf_status mlf_log_param_double(const char *key, double value)
{
    char text[MLF__NUMBER_SIZE];
    format_repr(text, value);
    return mlf__api_is_off() ? MLF_OK : log_one(NULL, key, text, "mlf_log_param_double");
}

mlf_status mlf_run_log_param_double(mlf_run *run, const char *key, double value)
{
    char text[MLF__NUMBER_SIZE];
    format_repr(text, value);
    return mlf__api_is_off() ? MLF_OK : log_one_into(run, key, text, "mlf_run_log_param_double");
}

mlf_status mlf_log_param_bool(const char *key, bool value)
{
    return mlf__api_is_off() ? MLF_OK : log_one(NULL, key, bool_text(value), "mlf_log_param_bool");
}

mlf_status mlf_run_log_param_bool(mlf_run *run, const char *key, bool value)
{
    return mlf__api_is_off() ? MLF_OK
                             : log_one_into(run, key, bool_text(value), "mlf_run_log_param_bool");
}
