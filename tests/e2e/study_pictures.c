/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a study for test_cli_study_plot.py: study_pictures plain|hostile|objectives|empty|single|long. */
#include <math.h>
#include <mlf/mlf.h>
#include <mlf/tuner.h>
#include <stdio.h>
#include <string.h>

#define EVIL "</script><img src=x onerror=alert(1)>\"'&]]>\033[31m"

/* A loss that falls over twenty steps; a forest has parameters that a line does not have. */
static mlf_status plain(mlf_trial *trial, void *user, double *values)
{
    static const char *const models[] = {"forest", "line", "constant"};
    double rate = 0, share = 0.5, noise;
    int64_t depth = 1;
    size_t model = 0;

    (void)user;
    mlf_suggest_float_log(trial, "learning_rate", 1e-5, 1, &rate);
    mlf_suggest_categorical(trial, "model", models, 3, &model);
    if (model == 0) {
        mlf_suggest_int(trial, "depth", 1, 12, 1, &depth);
        mlf_suggest_float(trial, "share", 0, 1, 0.05, &share);
    }
    noise = fmod((double)mlf_trial_number(trial) * 0.618034, 1);
    double loss = 0.2 * pow(log10(rate) + 2.5, 2) + 0.3 * (double)model +
                  0.02 * pow((double)depth - 6, 2) * (model == 0) + 0.2 * share + 0.1 * noise;
    for (int64_t step = 0; step < 20; step++) {
        mlf_trial_report(
            trial, loss + 2 / (1 + (double)step) + 0.05 * sin((double)step + 9 * noise), step);
        if (mlf_trial_should_prune(trial))
            return MLF_ERR_PRUNED;
    }
    if (mlf_trial_number(trial) % 17 == 16)
        return MLF_ERR_IO;
    *values = loss;
    return MLF_OK;
}

static mlf_status hostile(mlf_trial *trial, void *user, double *values)
{
    static const char *const choices[] = {EVIL, "\xe2\x80\xae\n\t\xc2\x9b", "plain"};
    double x = 0;
    size_t choice = 0;

    (void)user;
    mlf_suggest_float(trial, "x", -1e300, 1e300, 0, &x);
    mlf_suggest_categorical(trial, "choice", choices, 3, &choice);
    *values = mlf_trial_number(trial) % 4 == 3 ? INFINITY : x;
    return MLF_OK;
}

static mlf_status two(mlf_trial *trial, void *user, double *values)
{
    double x = 0;

    (void)user;
    mlf_suggest_float(trial, "x", 0, 1, 0, &x);
    values[0] = x;
    values[1] = 100 * (1 - x * x);
    return MLF_OK;
}

static mlf_status single(mlf_trial *trial, void *user, double *values)
{
    int64_t n = 0;

    (void)user;
    mlf_suggest_int(trial, "n", 7, 7, 1, &n);
    *values = 3;
    return MLF_OK;
}

static mlf_status many(mlf_trial *trial, void *user, double *values)
{
    double x = 0, y = 0;

    (void)user;
    mlf_suggest_float(trial, "x", -5, 5, 0, &x);
    mlf_suggest_float(trial, "y", -5, 5, 0, &y);
    *values = x * x + 2 * y * y;
    return MLF_OK;
}

static const struct kind {
    const char *name, *study, *metric, *sampler;
    mlf_objective *objective;
    int64_t n_trials;
} kinds[] = {{"plain", "plain", "loss", "tpe", plain, 120},
             {"hostile", EVIL, "value", "random", hostile, 12},
             {"objectives", "two", NULL, "random", two, 20},
             {"empty", "empty", "value", "random", single, 0},
             {"single", "single", "value", "random", single, 1},
             {"long", "long", "value", "random", many, 5000}};

int main(int argc, char **argv)
{
    mlf_study_options options = MLF_STUDY_OPTIONS_INIT;
    mlf_optimize_options how = MLF_OPTIMIZE_OPTIONS_INIT;
    static const char *const metrics[] = {"size", "error"};
    static const mlf_direction directions[] = {MLF_MAXIMIZE, MLF_MINIMIZE};
    mlf_study *study = NULL;
    const struct kind *kind = NULL;

    for (size_t i = 0; argc > 1 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].name, argv[1]) == 0)
            kind = &kinds[i];
    if (kind == NULL)
        return 2;
    options.name = kind->study;
    options.metric = kind->metric;
    options.sampler = kind->sampler;
    options.seed = 1;
    if (kind->metric == NULL) {
        options.metrics = metrics;
        options.directions = directions;
        options.n_objectives = 2;
    }
    if (mlf_study_create(&options, &study) != MLF_OK) {
        fprintf(stderr, "%s\n", mlf_errmsg());
        return 1;
    }
    how.n_trials = kind->n_trials;
    how.catch_errors = true;
    if (kind->n_trials > 0 && mlf_study_optimize_with(study, kind->objective, NULL, &how) != MLF_OK)
        fprintf(stderr, "%s\n", mlf_errmsg());
    mlf_study_destroy(study);
    return 0;
}
