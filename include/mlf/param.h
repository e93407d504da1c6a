/* SPDX-License-Identifier: Apache-2.0 */
/* Params: hyperparameters and other settings of a run, each with one value for ever.
 *
 * Another value for a param is MLF_ERR_CONFLICT at once when this process logged the first, else at
 * mlf_flush(). Values are cut at 6000 characters, as MLflow does. MLF_ERR_INVAL for a key that MLflow
 * refuses. Nothing waits for the store. Any thread. Copied. */
#ifndef MLF_PARAM_H
#define MLF_PARAM_H

#include <mlf/run.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Logs a text. */
MLF_API mlf_status mlf_log_param(const char *key, const char *value);
/** Logs an integer. */
MLF_API mlf_status mlf_log_param_int(const char *key, int64_t value);
/** Written as Python's repr() would: the shortest text that reads back equal. */
MLF_API mlf_status mlf_log_param_double(const char *key, double value);
/** "True" or "False", as MLflow's Python client writes them. */
MLF_API mlf_status mlf_log_param_bool(const char *key, bool value);
/** Several at once. All are checked first: with a key that is refused, given twice, or that has another value,
 *  none is logged. */
MLF_API mlf_status mlf_log_params(const mlf_key_value *params, size_t n);

/** mlf_log_param() into |run|, for threads that have no active run of their own. */
MLF_API mlf_status mlf_run_log_param(mlf_run *run, const char *key, const char *value);
/** mlf_log_param_int() into |run|. */
MLF_API mlf_status mlf_run_log_param_int(mlf_run *run, const char *key, int64_t value);
/** mlf_log_param_double() into |run|. */
MLF_API mlf_status mlf_run_log_param_double(mlf_run *run, const char *key, double value);
/** mlf_log_param_bool() into |run|. */
MLF_API mlf_status mlf_run_log_param_bool(mlf_run *run, const char *key, bool value);
/** mlf_log_params() into |run|. */
MLF_API mlf_status mlf_run_log_params(mlf_run *run, const mlf_key_value *params, size_t n);

/** Logs a param of whatever type it is: MLF_LOG_PARAM("lr", 0.01). C11. */
#define MLF_LOG_PARAM(key, value)                                                                  \
    _Generic((value),                                                                              \
        _Bool: mlf_log_param_bool,                                                                 \
        char *: mlf_log_param,                                                                     \
        const char *: mlf_log_param,                                                               \
        float: mlf_log_param_double,                                                               \
        double: mlf_log_param_double,                                                              \
        long double: mlf_log_param_double,                                                         \
        default: mlf_log_param_int)(key, value)

#ifdef __cplusplus
}
#endif

#endif
