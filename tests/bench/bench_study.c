/* SPDX-License-Identifier: Apache-2.0 */
/* Our side of bench_study.py: a study whose trials have ten floats, logged into a SQLite store; and one that is loaded.
 * Usage: bench_study new SAMPLER TRIALS WARM_UP | bench_study load STUDY */
#include "core/sys.h"

#include <mlf/mlf.h>
#include <mlf/tuner.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { PARAMS = 10 };

#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) != MLF_OK) {                                                                    \
            fprintf(stderr, "%s: %s\n", #call, mlf_errmsg());                                      \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static mlf_status sphere(mlf_trial *trial, void *user, double *value)
{
    (void)user;
    *value = 0;
    for (int i = 0; i < PARAMS; i++) {
        char name[8];
        double x;
        snprintf(name, sizeof(name), "x%d", i);
        mlf_status status = mlf_suggest_float(trial, name, -5, 5, 0, &x);
        if (status != MLF_OK)
            return status;
        *value += x * x;
    }
    return MLF_OK;
}

static double seconds_since(int64_t begin_ns)
{
    return (double)(mlf__monotonic_ns() - begin_ns) * 1e-9;
}

static long peak_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* Once may not be enough: a flush waits 30 s. */
static void flush(void)
{
    enum { TRIES = 20 };
    mlf_status status = MLF_ERR_TIMEOUT;
    for (int i = 0; i < TRIES && status == MLF_ERR_TIMEOUT; i++)
        status = mlf_flush();
    MUST(status);
}

/* |told|: until the last trial is told, and safe from the death of the process; |stored|: until all is in the database. */
static void make(const char *sampler, int64_t n, int64_t warm_up)
{
    mlf_study_options options = MLF_STUDY_OPTIONS_INIT;
    mlf_study *study;
    options.sampler = sampler;
    options.pruner = "none";
    options.seed = 1;
    MUST(mlf_study_create(&options, &study));
    if (warm_up > 0)
        MUST(mlf_study_optimize(study, sphere, warm_up, NULL));
    flush();
    int64_t begin = mlf__monotonic_ns();
    MUST(mlf_study_optimize(study, sphere, n, NULL));
    double told = seconds_since(begin);
    flush();
    printf("{\"told\": %.9f, \"stored\": %.9f, \"kib\": %ld, \"study\": \"%s\"}\n",
           told / (double)n, seconds_since(begin) / (double)n, peak_kib(),
           mlf_run_id(mlf_study_run(study)));
    mlf_study_destroy(study);
}

static void load(const char *which)
{
    mlf_study_options options = MLF_STUDY_OPTIONS_INIT;
    mlf_study *study;
    mlf_trial_record best;
    long before = peak_kib();
    int64_t begin = mlf__monotonic_ns();
    options.sampler = "random";
    MUST(mlf_study_load(which, &options, &study));
    double seconds = seconds_since(begin);
    long kib = peak_kib();
    MUST(mlf_study_best_trial(study, &best));
    printf("{\"seconds\": %.6f, \"kib\": %ld, \"before_kib\": %ld, \"best\": %.17g}\n", seconds,
           kib, before, best.values[0]);
    mlf_trial_record_free(&best);
    mlf_study_destroy(study);
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "new") == 0)
        make(argv[2], atoll(argv[3]), atoll(argv[4]));
    else if (argc == 3 && strcmp(argv[1], "load") == 0)
        load(argv[2]);
    else
        return 2;
    return 0;
}
