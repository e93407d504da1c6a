/* SPDX-License-Identifier: Apache-2.0 */
/* Models: MLflow 3's LoggedModels, with or without a run; and loading them to predict. */
#ifndef MLF_MODEL_H
#define MLF_MODEL_H

#include <mlf/run.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Options of mlf_log_model() and its like. */
typedef struct mlf_model_options {
    size_t size;                 /**< of this struct, by MLF_MODEL_OPTIONS_INIT */
    const char *flavor;          /**< what the file is, e.g. "libsvm"; NULL: "file" */
    const char *flavor_version;  /**< NULL: not said */
    int64_t step;                /**< at which step of the run it was made */
    mlf_run *run;                /**< NULL: the current run */
    bool no_run;                 /**< the model belongs to no run, but to the active experiment */
    const char *model_type;      /**< a word of your choice; NULL: not said */
    const mlf_key_value *params; /**< besides the run's */
    size_t n_params;
    const mlf_key_value *tags;
    size_t n_tags;
    /** JSON text of MLflow's signature: {"inputs": [{"type":"double","name":"x","required":true},…],
     *  "outputs": […]}; NULL: not said, or the flavor's own */
    const char *signature;
    const char *metadata; /**< a JSON object that is kept in MLmodel; NULL: none */
} mlf_model_options;
#define MLF_MODEL_OPTIONS_INIT                                                                     \
    {                                                                                              \
        sizeof(mlf_model_options), NULL, NULL, 0, NULL, false, NULL, NULL, 0, NULL, 0, NULL, NULL  \
    }

/** What was made. Texts are NUL-terminated. */
typedef struct mlf_model_info {
    char model_id[40];      /**< "m-" and 32 hex digits */
    char model_uri[56];     /**< "models:/<model_id>" */
    char run_id[40];        /**< the run that it belongs to; "" for none */
    char artifact_path[56]; /**< where its files lie, as a URI: models:/<model_id> */
    char signature[1024];   /**< JSON; "" when there is none or it is longer: see MLmodel */
    char flavors[128];      /**< names, joined by "," */
} mlf_model_info;

/** Logs the file or directory |path| as a LoggedModel called |name| that carries the run's params.
 *  |options| and |info| may be NULL. Copied soon, like artifacts. A directory with an MLmodel file is a
 *  whole model: its MLmodel is kept, with the ids made right. MLF_ERR_INVAL for a name with any of
 *  / : . % " ' in it, for JSON that is none or that MLmodel cannot hold, for a pipe or device, and for an MLmodel without
 *  its directory; MLF_ERR_NOT_FOUND when |path| is not there now; MLF_ERR_CORRUPT for an MLmodel that cannot be read. */
MLF_API mlf_status mlf_log_model(const char *name, const char *path,
                                 const mlf_model_options *options, mlf_model_info *info);

/* ---- a linear model: C and Python load it and predict the same ---- */

/** What the outputs of a linear model mean. */
typedef enum mlf_linear_kind {
    MLF_LINEAR_REGRESSION = 0, /**< y = W x + b */
    MLF_LINEAR_LOGISTIC = 1,   /**< one row: class 1 when W x + b > 0, else class 0 */
    MLF_LINEAR_SOFTMAX = 2     /**< multinomial: the class with the largest W x + b */
} mlf_linear_kind;

/** The coefficients of a fitted linear or (multinomial) logistic model. */
typedef struct mlf_linear {
    size_t size; /**< of this struct, by MLF_LINEAR_INIT */
    mlf_linear_kind kind;
    size_t n_features, n_outputs;     /**< LOGISTIC: one output */
    const double *coefficients;       /**< n_outputs × n_features, row by row */
    const double *intercepts;         /**< n_outputs; NULL: zeros */
    const char *const *feature_names; /**< n_features; NULL: an unnamed array is taken */
    const char *const *class_names;   /**< of the classes (LOGISTIC: two); NULL: 0, 1, … */
} mlf_linear;
#define MLF_LINEAR_INIT                                                                            \
    {                                                                                              \
        sizeof(mlf_linear), MLF_LINEAR_REGRESSION, 0, 0, NULL, NULL, NULL, NULL                    \
    }

/** Writes a linear model into the new or empty directory |path|: MLmodel with signature, coefficients as JSON, the
 *  module that Python loads, and its environment. MLF_ERR_INVAL for shapes that do not fit and values that
 *  are not finite; MLF_ERR_EXISTS when the directory is not empty. */
MLF_API mlf_status mlf_save_linear(const mlf_linear *model, const char *path);
/** Logs it: mlf_save_linear() and mlf_log_model() in one. */
MLF_API mlf_status mlf_log_linear(const char *name, const mlf_linear *model,
                                  const mlf_model_options *options, mlf_model_info *info);

/** A model that was loaded. Predicting is thread-safe. */
typedef struct mlf_model mlf_model;

/** Loads a model: "models:/<model id>", "runs:/<run id>/<name or folder>", or a path. |options| is for later: NULL.
 *  MLF_ERR_NOT_FOUND says which models there are; MLF_ERR_UNSUPPORTED names the flavors of one that C
 *  cannot predict with. Freed with mlf_model_free(). */
MLF_API mlf_status mlf_load_model(const char *model_uri, const void *options, mlf_model **out);
/** Frees a model that no thread uses any more; NULL is fine. */
MLF_API void mlf_model_free(mlf_model *model);

/** Values per row that the model takes; 0 for NULL. */
MLF_API size_t mlf_model_n_features(const mlf_model *model);
/** Values per row that it gives: 1 for a classifier, the class. */
MLF_API size_t mlf_model_n_outputs(const mlf_model *model);
/** Text of class |index|, NULL when there is no such class or the model is none of classes. Borrowed. */
MLF_API const char *mlf_model_class_name(const mlf_model *model, size_t index);

/** Predicts |n_rows| rows of n_features values, row by row, into n_rows × n_outputs values: of a classifier the
 *  class number. MLF_ERR_INVAL when |n_features| is not the model's. */
MLF_API mlf_status mlf_model_predict(const mlf_model *model, const double *rows, size_t n_rows,
                                     size_t n_features, double *out);
/** The classes' probabilities: n_rows × number of classes. MLF_ERR_UNSUPPORTED for a model without classes. */
MLF_API mlf_status mlf_model_predict_proba(const mlf_model *model, const double *rows,
                                           size_t n_rows, size_t n_features, double *out);

/* ---- of the store: these read or write it at once, after what this process has logged is in it ---- */

/** Creates a LoggedModel whose files the caller puts into its artifact location: state PENDING until
 *  mlf_finalize_logged_model(). |name| NULL: a random one. Flavor, signature and metadata are not used. */
MLF_API mlf_status mlf_create_logged_model(const char *name, const mlf_model_options *options,
                                           mlf_logged_model *out);
/** Says that the files are there, MLF_MODEL_READY, or will not be, MLF_MODEL_UPLOAD_FAILED. */
MLF_API mlf_status mlf_finalize_logged_model(const char *model_id, mlf_model_status status);
/** Logs params of a model. Each has one value for ever: a key that it has is MLF_ERR_CONFLICT. */
MLF_API mlf_status mlf_log_model_params(const char *model_id, const mlf_key_value *params,
                                        size_t n);
/** Sets tags of a model; a later value replaces an earlier one. */
MLF_API mlf_status mlf_set_logged_model_tags(const char *model_id, const mlf_key_value *tags,
                                             size_t n);
/** Deletes a tag of a model. MLF_ERR_NOT_FOUND when it has none of that key. */
MLF_API mlf_status mlf_delete_logged_model_tag(const char *model_id, const char *key);
/** A model with params, tags and all points of its metrics. */
MLF_API mlf_status mlf_get_logged_model(const char *model_id, mlf_logged_model *out);
/** A page of models, the latest made first. |options| NULL: the active experiment's. */
MLF_API mlf_status mlf_search_logged_models(const mlf_search_options *options,
                                            mlf_logged_model_list *out);
/** Marks a model as deleted; its files stay. */
MLF_API mlf_status mlf_delete_logged_model(const char *model_id);

#ifdef __cplusplus
}
#endif

#endif
