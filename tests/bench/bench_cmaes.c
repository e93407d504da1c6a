/* SPDX-License-Identifier: Apache-2.0 */
/* Our side of bench_cmaes.py: seconds per trial of a study in memory, that is ask, a value for each parameter, and tell.
 * Usage: bench_cmaes SAMPLER PARAMS WARM_UP TRIALS */
#include "bench.h"

#include <mlf/tuner.h>

enum { PARAMS_MAX = 1000 };

static char names[PARAMS_MAX][8];

static void must(mlf_status status)
{
    if (status != MLF_OK)
        bench_die("%s", mlf_errmsg());
}

static void run_trials(mlf_study *study, int64_t n, int64_t params)
{
    for (int64_t i = 0; i < n; i++) {
        mlf_trial *trial;
        double value = 0;
        must(mlf_study_ask(study, &trial));
        for (int64_t k = 0; k < params; k++) {
            double x;
            must(mlf_suggest_float(trial, names[k], -5, 5, 0, &x));
            value += x * x;
        }
        must(mlf_study_tell(study, trial, MLF_TRIAL_COMPLETE, &value, 1));
    }
}

int main(int argc, char **argv)
{
    mlf_study_options options = MLF_STUDY_OPTIONS_INIT;
    mlf_study *study;

    if (argc != 5)
        bench_die("usage: bench_cmaes SAMPLER PARAMS WARM_UP TRIALS");
    int64_t params = strtoll(argv[2], NULL, 10), n = strtoll(argv[4], NULL, 10);
    if (params < 1 || params > PARAMS_MAX || n < 1)
        bench_die("1 to %d parameters, and a trial", PARAMS_MAX);
    for (int64_t k = 0; k < params; k++)
        snprintf(names[k], sizeof(names[k]), "x%d", (int)k);
    options.sampler = argv[1];
    options.pruner = "none";
    options.seed = 1;
    options.in_memory = true;
    must(mlf_study_create(&options, &study));
    run_trials(study, strtoll(argv[3], NULL, 10), params);
    int64_t begin = bench_ns(CLOCK_MONOTONIC);
    run_trials(study, n, params);
    printf("{\"seconds\": %.9f}\n", (double)(bench_ns(CLOCK_MONOTONIC) - begin) * 1e-9 / (double)n);
    mlf_study_destroy(study);
    return 0;
}
