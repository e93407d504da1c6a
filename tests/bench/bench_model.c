/* SPDX-License-Identifier: Apache-2.0 */
/* Our side of bench_model.py: loads a linear model and predicts one row, as the first thing that the process does.
 *   bench_model save PATH   makes the model: iris's shape, 4 features and 3 classes
 *   bench_model load PATH   prints the nanoseconds of the first load and prediction, and of a later one */
#include <mlf/mlf.h>

#include "bench.h"

enum { FEATURES = 4, CLASSES = 3 };

static const double coefficients[CLASSES * FEATURES] = {-0.42, 0.96,  -2.51, -1.07, 0.53, -0.32,
                                                        -0.20, -0.94, -0.11, -0.64, 2.71, 2.01};
static const double intercepts[CLASSES] = {9.83, 2.21, -12.05};

static void save(const char *path)
{
    static const char *const features[] = {"sepal length (cm)", "sepal width (cm)",
                                           "petal length (cm)", "petal width (cm)"};
    mlf_linear model = MLF_LINEAR_INIT;
    model.kind = MLF_LINEAR_SOFTMAX;
    model.n_features = FEATURES;
    model.n_outputs = CLASSES;
    model.coefficients = coefficients;
    model.intercepts = intercepts;
    model.feature_names = features;
    if (mlf_save_linear(&model, path) != MLF_OK)
        bench_die("mlf_save_linear: %s", mlf_errmsg());
}

static int64_t load_and_predict(const char *path)
{
    static const double row[FEATURES] = {6.1, 2.8, 4.7, 1.2};
    double class;
    mlf_model *model;
    int64_t begin = bench_ns(CLOCK_MONOTONIC);
    if (mlf_load_model(path, NULL, &model) != MLF_OK ||
        mlf_model_predict(model, row, 1, FEATURES, &class) != MLF_OK || class != 1)
        bench_die("mlf_load_model: %s", mlf_errmsg());
    int64_t ns = bench_ns(CLOCK_MONOTONIC) - begin;
    mlf_model_free(model);
    return ns;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "save") == 0) {
        save(argv[2]);
    } else if (argc == 3 && strcmp(argv[1], "load") == 0) {
        int64_t first = load_and_predict(argv[2]), later = load_and_predict(argv[2]);
        printf("%lld %lld\n", (long long)first, (long long)later);
    } else {
        bench_die("bench_model save|load PATH");
    }
    return 0;
}
