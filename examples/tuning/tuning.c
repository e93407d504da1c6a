/* SPDX-License-Identifier: Apache-2.0 */
/* MLflow's tuning tutorial in C: thirty trials of a random forest, each a child run with its params, its error and its
 * model, under the parent run "study", which gets the best of them. A table in CSV may be named.
 * cc tuning.c forest.c $(pkg-config --cflags --libs mlf mlf-tuner) -lm -o tuning */
#include "forest.h"

#include <mlf/mlf.h>
#include <mlf/tuner.h>
#include <stdio.h>
#include <unistd.h>

struct data {
    struct table train, validation;
};

/* Fits a forest with the trial's values. What is logged goes into the trial's own run. */
static mlf_status objective(mlf_trial *trial, void *user, double *error)
{
    const struct data *data = user;
    struct forest_options options = {.seed = 42};
    struct forest forest;
    char path[64];
    mlf_status status;

    if ((status = mlf_suggest_int(trial, "rf_max_depth", 2, 32, 1, &options.max_depth)) != MLF_OK ||
        (status = mlf_suggest_int(trial, "rf_n_estimators", 50, 300, 10, &options.n_estimators)) !=
            MLF_OK ||
        (status = mlf_suggest_float(trial, "rf_max_features", 0.2, 1.0, 0,
                                    &options.max_features)) != MLF_OK)
        return status;
    if (!forest_fit(&data->train, &options, &forest))
        return MLF_ERR_NOMEM;
    *error = forest_mean_squared_error(&forest, &data->validation);
    snprintf(path, sizeof(path), "forest_%lld.txt", (long long)mlf_trial_number(trial));
    status = MLF_ERR_IO;
    if (forest_save(&forest, path))
        status = mlf_log_model("model", path, NULL, NULL);
    if (status == MLF_OK) /* the file is copied behind this call's back */
        status = mlf_flush();
    unlink(path);
    forest_free(&forest);
    return status;
}

static mlf_status tune(struct data *data)
{
    mlf_study_options options = MLF_STUDY_OPTIONS_INIT;
    mlf_study *study;
    mlf_trial_record best;

    options.metric = "error";
    options.seed = 42;
    mlf_status status = mlf_set_experiment("Hyperparameter Tuning Experiment");
    if (status != MLF_OK || (status = mlf_study_create(&options, &study)) != MLF_OK)
        return status;
    status = mlf_study_optimize(study, objective, 30, data);
    if (status == MLF_OK && (status = mlf_study_best_trial(study, &best)) == MLF_OK) {
        printf("best trial %lld: error %.6g\n", (long long)best.number, best.values[0]);
        for (size_t i = 0; i < best.n_params; i++)
            printf("  %s = %s\n", best.params[i].name, best.params[i].value);
        mlf_trial_record_free(&best);
    }
    mlf_study_destroy(study);
    return status;
}

int main(int argc, char **argv)
{
    struct table all;
    struct data data;

    if (!table_read(argc > 1 ? argv[1] : "diabetes.csv", &all))
        return 1;
    mlf_status status = MLF_ERR_NOMEM;
    if (table_split(&all, &data.train, &data.validation))
        status = tune(&data);
    if (status != MLF_OK)
        fprintf(stderr, "%s: %s\n", mlf_status_name(status), mlf_errmsg());
    table_free(&data.train);
    table_free(&data.validation);
    table_free(&all);
    return status != MLF_OK;
}
