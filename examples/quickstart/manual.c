/* SPDX-License-Identifier: Apache-2.0 */
/* MLflow's quickstart, step by step: params, metric, tag and model of a run, and the model loaded again.
 * cc manual.c iris.c $(pkg-config --cflags --libs mlf gsl) -o manual */
#include "iris.h"

#include <mlf/mlf.h>
#include <stdio.h>

static const mlf_key_value params[] = {
    {"solver", "lbfgs"},
    {"max_iter", "1000"},
    {"multi_class", "auto"},
    {"random_state", "8888"},
};
enum { N_PARAMS = sizeof(params) / sizeof(params[0]), MAX_ITER = 1000, ROWS_SHOWN = 4 };

/* Fits, and logs it all as one run. */
static mlf_status log_run(const struct iris *train, const struct iris *test, mlf_model_info *info)
{
    struct iris_model model;
    mlf_status status = mlf_start_run(NULL, NULL);
    if (status != MLF_OK)
        return status;
    if ((status = mlf_log_params(params, N_PARAMS)) != MLF_OK)
        return status;
    iris_fit(train, 1.0, MAX_ITER, &model);
    if ((status = mlf_log_metric("accuracy", iris_accuracy(&model, test), 0)) != MLF_OK)
        return status;
    if ((status = mlf_set_tag("Training Info", "Basic LR model for iris data")) != MLF_OK)
        return status;
    mlf_linear linear = MLF_LINEAR_INIT;
    linear.kind = MLF_LINEAR_SOFTMAX;
    linear.n_features = IRIS_FEATURES;
    linear.n_outputs = IRIS_CLASSES;
    linear.coefficients = &model.coefficients[0][0];
    linear.intercepts = model.intercepts;
    linear.feature_names = iris_feature_names;
    if ((status = mlf_log_linear("iris_model", &linear, NULL, info)) != MLF_OK)
        return status;
    return mlf_end_run(MLF_RUN_FINISHED);
}

/* Loads the model from the store and prints what it says of the first rows. */
static mlf_status show_predictions(const char *model_uri, const struct iris *test)
{
    double predicted[IRIS_ROWS_MAX];
    mlf_model *model;
    mlf_status status = mlf_load_model(model_uri, NULL, &model);
    if (status != MLF_OK)
        return status;
    status = mlf_model_predict(model, &test->x[0][0], test->n_rows, IRIS_FEATURES, predicted);
    mlf_model_free(model);
    if (status != MLF_OK)
        return status;
    for (size_t j = 0; j < IRIS_FEATURES; j++)
        printf("%s  ", iris_feature_names[j]);
    printf("actual_class  predicted_class\n");
    for (size_t i = 0; i < ROWS_SHOWN; i++) {
        const double *x = test->x[i];
        printf("%17.1f  %16.1f  %17.1f  %16.1f  %12d  %15g\n", x[0], x[1], x[2], x[3], test->y[i],
               predicted[i]);
    }
    return MLF_OK;
}

int main(void)
{
    static struct iris train, test;
    mlf_model_info info;

    if (!iris_read("train.csv", &train) || !iris_read("test.csv", &test))
        return 1;
    mlf_status status = mlf_set_experiment("MLflow Quickstart");
    if (status == MLF_OK)
        status = log_run(&train, &test, &info);
    if (status == MLF_OK)
        status = show_predictions(info.model_uri, &test);
    if (status != MLF_OK)
        fprintf(stderr, "%s\n", mlf_errmsg());
    return status != MLF_OK;
}
