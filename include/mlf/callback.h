/* SPDX-License-Identifier: Apache-2.0 */
/* Callbacks: what a training loop calls while it trains, whoever wrote the loop. mlf_callbacks() is the table that
 * logs; a loop that takes a table can be given it, another one, or NULL. */
#ifndef MLF_CALLBACK_H
#define MLF_CALLBACK_H

#include <mlf/artifact.h>
#include <mlf/metric.h>
#include <mlf/run.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Every function may be NULL, gets |user| first and returns nothing that a training must heed. Called from one
 *  thread at a time. */
typedef struct mlf_callback {
    size_t size; /**< of this struct, by MLF_CALLBACK_INIT */
    void *user;
    /** The training begins, with these hyperparameters. */
    void (*on_train_begin)(void *user, const mlf_key_value *params, size_t n);
    /** A step (epoch, iteration) is done. */
    void (*on_step)(void *user, int64_t step, const mlf_metric_value *metrics, size_t n);
    /** Metrics of data that were held out; |dataset| may be NULL. */
    void (*on_evaluate)(void *user, int64_t step, const char *dataset,
                        const mlf_metric_value *metrics, size_t n);
    /** Predictions were made with the model of this training. */
    void (*on_predict)(void *user, const mlf_table *predictions);
    /** A model was written to |path|. */
    void (*on_model)(void *user, const char *name, const char *path, int64_t step);
    /** The training is over; |status| as the run would end. */
    void (*on_train_end)(void *user, mlf_run_status status);
} mlf_callback;
#define MLF_CALLBACK_INIT                                                                          \
    {                                                                                              \
        sizeof(mlf_callback), NULL, NULL, NULL, NULL, NULL, NULL, NULL                             \
    }

/** Options of mlf_callbacks(). */
typedef struct mlf_callback_options {
    size_t size; /**< of this struct, by MLF_CALLBACK_OPTIONS_INIT */
    /** on_step logs the first step, each that is n or more behind the last one logged, and the last one;
     *  0: every one */
    int64_t log_every_n_steps;
    mlf_run *run; /**< NULL: the current run of the thread that calls on_train_begin */
} mlf_callback_options;
#define MLF_CALLBACK_OPTIONS_INIT                                                                  \
    {                                                                                              \
        sizeof(mlf_callback_options), 0, NULL                                                      \
    }

/** A table that logs: params at the begin, metrics (those of |dataset| as "<dataset>_<key>"), models as
 *  LoggedModels, predictions as table "predictions.json", linked to the model that was logged before them: where
 *  MLflow lists the run's tables (tag "mlflow.loggedArtifacts"), and in tag "mlf.predictions.model". A training that
 *  ends as FAILED or KILLED is tag "mlf.training": its run goes on.
 *  Freed with mlf_callbacks_free() after the last call. NULL when out of memory or |options| are wrong. */
MLF_API mlf_callback *mlf_callbacks(const mlf_callback_options *options);
/** Logs the last step when on_train_end() was not called, and frees the table. NULL is fine. */
MLF_API void mlf_callbacks_free(mlf_callback *callback);

#ifdef __cplusplus
}
#endif

#endif
