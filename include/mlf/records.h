/* SPDX-License-Identifier: Apache-2.0 */
/* What is read back from a store: experiments, runs, metrics, logged models; and how they are searched.
 *
 * A function that fills in a record or list gives it to the caller, who frees it with the function named beside
 * its type; on failure it is empty, and freeing it does no harm. Times are milliseconds since the epoch.
 * Members may be added at the end of a struct in a later version. */
#ifndef MLF_RECORDS_H
#define MLF_RECORDS_H

#include <mlf/status.h>

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A param, tag or other pair that the caller gives; borrowed for the call. */
typedef struct mlf_key_value {
    const char *key;
    const char *value;
} mlf_key_value;

/** The same, read back. */
typedef struct mlf_pair {
    char *key;
    char *value;
} mlf_pair;

/** MLflow's run states. */
typedef enum mlf_run_status {
    MLF_RUN_RUNNING = 1,
    MLF_RUN_SCHEDULED = 2,
    MLF_RUN_FINISHED = 3,
    MLF_RUN_FAILED = 4,
    MLF_RUN_KILLED = 5
} mlf_run_status;

/** MLflow's states of a logged model. */
typedef enum mlf_model_status {
    MLF_MODEL_PENDING = 1,
    MLF_MODEL_READY = 2,
    MLF_MODEL_UPLOAD_FAILED = 3
} mlf_model_status;

/** MLflow's ViewType: which lifecycle stages a search looks at. */
typedef enum mlf_view {
    MLF_VIEW_ACTIVE_ONLY = 0,
    MLF_VIEW_DELETED_ONLY = 1,
    MLF_VIEW_ALL = 2
} mlf_view;

/** An experiment. */
typedef struct mlf_experiment {
    char *id;
    char *name;
    char *artifact_location;
    bool deleted;
    int64_t creation_time_ms;    /**< 0: the store does not say */
    int64_t last_update_time_ms; /**< 0: the store does not say */
    mlf_pair *tags; /**< by key; of mlf_get_experiment… and mlf_search_experiments() */
    size_t n_tags;
} mlf_experiment;
/** Frees the members and empties the struct; NULL is fine. */
MLF_API void mlf_experiment_free(mlf_experiment *experiment);

/** One page of experiments. */
typedef struct mlf_experiment_list {
    mlf_experiment *experiments;
    size_t n_experiments;
    char *next_page_token; /**< NULL: this was the last page */
} mlf_experiment_list;
/** Frees the members and empties the struct; NULL is fine. */
MLF_API void mlf_experiment_list_free(mlf_experiment_list *list);

/** A point of a metric. */
typedef struct mlf_metric_record {
    char *key;
    double value; /**< infinities come back as the largest finite numbers, as in MLflow */
    int64_t timestamp_ms;
    int64_t step;
    char *run_id;         /**< of a logged model's metrics only; else NULL */
    char *model_id;       /**< of a logged model's metrics only; else NULL */
    char *dataset_name;   /**< likewise */
    char *dataset_digest; /**< likewise */
} mlf_metric_record;

/** One page of a metric's history, in the order timestamp, step, value. */
typedef struct mlf_metric_list {
    mlf_metric_record *metrics;
    size_t n_metrics;
} mlf_metric_list;
/** Frees the members and empties the struct; NULL is fine. */
MLF_API void mlf_metric_list_free(mlf_metric_list *list);

/** A data set that a run has used. */
typedef struct mlf_input_record {
    char *name, *digest, *source_type, *source, *schema, *profile; /**< the last two may be NULL */
    mlf_pair *tags;                                                /**< mlflow.data.context … */
    size_t n_tags;
} mlf_input_record;

/** A run. Params, metrics and tags are sorted by key. */
typedef struct mlf_run_record {
    char *run_id, *experiment_id, *name, *user, *artifact_uri;
    int status; /**< mlf_run_status */
    bool deleted;
    int64_t start_time_ms;
    int64_t end_time_ms; /**< -1: none yet */
    mlf_pair *params;
    size_t n_params;
    mlf_metric_record *metrics; /**< latest values */
    size_t n_metrics;
    mlf_pair *tags;
    size_t n_tags;
    mlf_input_record *inputs;
    size_t n_inputs;
    char **model_outputs; /**< ids of logged models, by the models' creation time */
    int64_t *model_output_steps;
    size_t n_model_outputs;
    char **model_inputs; /**< ids of logged models that the run was given */
    size_t n_model_inputs;
} mlf_run_record;
/** Frees the members and empties the struct; NULL is fine. */
MLF_API void mlf_run_record_free(mlf_run_record *run);

/** One page of runs. */
typedef struct mlf_run_list {
    mlf_run_record *runs;
    size_t n_runs;
    char *next_page_token; /**< NULL: this was the last page */
} mlf_run_list;
/** Frees the members and empties the struct; NULL is fine. */
MLF_API void mlf_run_list_free(mlf_run_list *list);

/** A logged model. */
typedef struct mlf_logged_model {
    char *model_id, *experiment_id, *name, *artifact_location;
    char *run_id;     /**< NULL: made without a run */
    char *model_type; /**< NULL: not said */
    int status;       /**< mlf_model_status */
    int64_t creation_time_ms, last_updated_ms;
    mlf_pair *params;
    size_t n_params;
    mlf_metric_record *metrics; /**< all points */
    size_t n_metrics;
    mlf_pair *tags;
    size_t n_tags;
} mlf_logged_model;
/** Frees the members and empties the struct; NULL is fine. */
MLF_API void mlf_logged_model_free(mlf_logged_model *model);

/** One page of logged models. */
typedef struct mlf_logged_model_list {
    mlf_logged_model *models;
    size_t n_models;
    char *next_page_token; /**< NULL: this was the last page */
} mlf_logged_model_list;
/** Frees the members and empties the struct; NULL is fine. */
MLF_API void mlf_logged_model_list_free(mlf_logged_model_list *list);

/** What to search for. The grammar of |filter| and |order_by| is MLflow's: "metrics.loss < 0.1 AND
 *  params.lr = '0.01'", "metrics.loss ASC". */
typedef struct mlf_search_options {
    size_t size;                       /**< of this struct, by MLF_SEARCH_OPTIONS_INIT */
    const char *const *experiment_ids; /**< of runs and models; NULL: the active experiment's */
    size_t n_experiment_ids;
    const char *filter;          /**< NULL or "": everything */
    const char *const *order_by; /**< clauses; NULL: MLflow's default order */
    size_t n_order_by;
    mlf_view view;          /**< not for models: those that are not deleted */
    size_t max_results;     /**< of the page; 0: MLflow's default, 1000 (models: 100) */
    const char *page_token; /**< next_page_token of the page before; NULL: the first page */
} mlf_search_options;
#define MLF_SEARCH_OPTIONS_INIT                                                                    \
    {                                                                                              \
        sizeof(mlf_search_options), NULL, 0, NULL, NULL, 0, MLF_VIEW_ACTIVE_ONLY, 0, NULL          \
    }

#ifdef __cplusplus
}
#endif

#endif
