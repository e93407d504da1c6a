/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics: numbers that change while a run goes on.
 *
 * NaN and infinities are stored as MLflow stores them. Two points equal in key, millisecond, step and value are
 * one. MLF_ERR_INVAL for a key that MLflow refuses. Nothing waits for the store. Any thread. */
#ifndef MLF_METRIC_H
#define MLF_METRIC_H

#include <mlf/run.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Logs a metric at |step| with the present time. Tens of nanoseconds, no system call. */
MLF_API mlf_status mlf_log_metric(const char *key, double value, int64_t step);

/** A key with its value. */
typedef struct mlf_metric_value {
    const char *key;
    double value;
} mlf_metric_value;

/** Several metrics at one step, with one time. All keys are checked first. */
MLF_API mlf_status mlf_log_metrics(const mlf_metric_value *metrics, size_t n, int64_t step);

/** What a point may carry besides. */
typedef struct mlf_metric_options {
    size_t size; /**< of this struct, by MLF_METRIC_OPTIONS_INIT */
    int64_t step;
    int64_t timestamp_ms;       /**< milliseconds since the epoch; < 0: now */
    const char *model_id;       /**< the logged model that it is of; NULL: none */
    const char *dataset_name;   /**< the data set that it was computed on; NULL: none */
    const char *dataset_digest; /**< goes with |dataset_name| */
} mlf_metric_options;
#define MLF_METRIC_OPTIONS_INIT                                                                    \
    {                                                                                              \
        sizeof(mlf_metric_options), 0, -1, NULL, NULL, NULL                                        \
    }

/** Logs a metric with its own time, model or data set. |options| NULL: step 0, now. */
MLF_API mlf_status mlf_log_metric_with(const char *key, double value,
                                       const mlf_metric_options *options);

/** mlf_log_metric() into |run|, for threads that have no active run of their own. A run that has ended takes points,
 *  as in MLflow. */
MLF_API mlf_status mlf_run_log_metric(mlf_run *run, const char *key, double value, int64_t step);
/** mlf_log_metrics() into |run|. */
MLF_API mlf_status mlf_run_log_metrics(mlf_run *run, const mlf_metric_value *metrics, size_t n,
                                       int64_t step);
/** mlf_log_metric_with() into |run|. */
MLF_API mlf_status mlf_run_log_metric_with(mlf_run *run, const char *key, double value,
                                           const mlf_metric_options *options);

/** A registered metric key; valid in this process and its forks until it ends. */
typedef struct mlf_metric_t {
    uint32_t id; /**< 0: the key was refused */
} mlf_metric_t;

/** Registers |key|, for metrics that are logged often; no run is started. The handle of a key that MLflow refuses makes every
 *  mlf_metric_log() return MLF_ERR_INVAL. Any thread. */
MLF_API mlf_metric_t mlf_metric(const char *key);

/** mlf_log_metric() without the look-up of the key. */
MLF_API mlf_status mlf_metric_log(mlf_metric_t metric, double value, int64_t step);
/** mlf_metric_log() into |run|. */
MLF_API mlf_status mlf_run_metric_log(mlf_run *run, mlf_metric_t metric, double value,
                                      int64_t step);

#ifdef __cplusplus
}
#endif

#endif
