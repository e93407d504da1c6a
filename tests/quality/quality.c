/* SPDX-License-Identifier: Apache-2.0 */
/* Runs studies in memory and prints the best value after some numbers of trials, a line of JSON a function.
 * Usage: quality SAMPLER FUNCTION[,FUNCTION...] FIRST_SEED SEEDS [TRIALS]
 *        quality --trace FUNCTION: the parameters and values of 50 random trials, a line each
 *        quality --list: the functions' names, those that are held out behind a '+' */
#include "functions.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS = 3, TRACED = 50 };
static const int64_t points[POINTS] = {50, 100, 200};

static void must(mlf_status status, const char *what)
{
    if (status == MLF_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, mlf_errmsg());
    exit(1);
}

static const struct quality_function *find(const char *name, size_t len)
{
    for (const struct quality_function *at = quality_functions; at->name != NULL; at++)
        if (strlen(at->name) == len && memcmp(at->name, name, len) == 0)
            return at;
    fprintf(stderr, "there is no function %.*s\n", (int)len, name);
    exit(1);
}

static mlf_study *open_study(const char *sampler, uint64_t seed)
{
    mlf_study_options options = MLF_STUDY_OPTIONS_INIT;
    mlf_study *study;
    options.in_memory = true;
    options.sampler = sampler;
    options.seed = seed;
    must(mlf_study_create(&options, &study), sampler);
    return study;
}

static double one_trial(mlf_study *study, quality_fn *fn)
{
    mlf_trial *trial;
    must(mlf_study_ask(study, &trial), "ask");
    double value = fn(trial);
    must(mlf_study_tell(study, trial, MLF_TRIAL_COMPLETE, &value, 1), "tell");
    return value;
}

static void run(const char *sampler, const struct quality_function *function, uint64_t first,
                size_t n_seeds, int64_t n_trials)
{
    double *values = malloc(n_seeds * POINTS * sizeof(*values));
    if (values == NULL)
        exit(1);
    for (size_t i = 0; i < n_seeds; i++) {
        mlf_study *study = open_study(sampler, first + i);
        double best = INFINITY;
        size_t point = 0;
        for (int64_t k = 1; k <= n_trials && point < POINTS; k++) {
            best = fmin(best, one_trial(study, function->fn));
            if (k == points[point])
                values[point++ * n_seeds + i] = best;
        }
        mlf_study_destroy(study);
    }
    printf("{\"function\": \"%s\", \"sampler\": \"%s\", \"values\": {", function->name, sampler);
    for (size_t p = 0; p < POINTS && points[p] <= n_trials; p++) {
        printf("%s\"%lld\": [", p > 0 ? ", " : "", (long long)points[p]);
        for (size_t i = 0; i < n_seeds; i++)
            printf("%s%.17g", i > 0 ? ", " : "", values[p * n_seeds + i]);
        printf("]");
    }
    printf("}}\n");
    fflush(stdout);
    free(values);
}

static int trace(const char *name)
{
    const struct quality_function *function = find(name, strlen(name));
    mlf_study *study = open_study("random", 1);
    mlf_trial_list list;
    for (int i = 0; i < TRACED; i++)
        one_trial(study, function->fn);
    must(mlf_study_trials(study, &list), "trials");
    for (size_t i = 0; i < list.n_trials; i++) {
        const mlf_trial_record *trial = &list.trials[i];
        printf("{\"params\": {");
        for (size_t k = 0; k < trial->n_params; k++)
            printf("%s\"%s\": \"%s\"", k > 0 ? ", " : "", trial->params[k].name,
                   trial->params[k].value);
        printf("}, \"value\": %.17g}\n", trial->values[0]);
    }
    mlf_trial_list_free(&list);
    mlf_study_destroy(study);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (const struct quality_function *at = quality_functions; at->name != NULL; at++)
            printf("%s%s\n", at->held_out ? "+" : "", at->name);
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "--trace") == 0)
        return trace(argv[2]);
    if (argc < 5) {
        fprintf(stderr, "usage: quality SAMPLER FUNCTIONS FIRST_SEED SEEDS [TRIALS]\n");
        return 2;
    }
    uint64_t first = strtoull(argv[3], NULL, 10);
    size_t n_seeds = strtoul(argv[4], NULL, 10);
    int64_t n_trials = argc > 5 ? strtoll(argv[5], NULL, 10) : 200;
    for (const char *at = argv[2]; *at != '\0';) {
        size_t len = strcspn(at, ",");
        run(argv[1], find(at, len), first, n_seeds, n_trials);
        at += len + (at[len] == ',');
    }
    return 0;
}
