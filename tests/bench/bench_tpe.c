/* SPDX-License-Identifier: Apache-2.0 */
/* What one trial costs in a study in memory that has some random trials behind it: ask, the suggests, tell. Prints the
 * median of some trials as JSON.
 * Usage: bench_tpe SAMPLER SPACE TRIALS ROUNDS, with SPACE floatsN or mixed (5 floats, 3 integers, 2 choices). */
#include "bench.h"
#include "tuner/study.h"

enum { PARAMS_MAX = 64, INTS = 3, CHOICES = 2 };

static const char *const choices[] = {"a", "b", "c", "d"};

struct space {
    size_t n_floats;
    bool mixed;
};

static void must(mlf_status status, const char *what)
{
    if (status != MLF_OK)
        bench_die("%s: %s", what, mlf_errmsg());
}

static struct space read_space(const char *text)
{
    struct space space = {5, true};
    if (strncmp(text, "floats", 6) == 0)
        space = (struct space){strtoul(text + 6, NULL, 10), false};
    else if (strcmp(text, "mixed") != 0)
        bench_die("there is no space %s", text);
    if (space.n_floats == 0 || space.n_floats > PARAMS_MAX - INTS - CHOICES)
        bench_die("there is no space %s", text);
    return space;
}

/* The sum of squares of all that was suggested. */
static double suggest_all(mlf_trial *trial, const struct space *space)
{
    char name[32];
    double x, sum = 0;
    int64_t k;
    size_t choice;
    for (size_t i = 0; i < space->n_floats; i++) {
        snprintf(name, sizeof(name), "x%zu", i);
        must(mlf_suggest_float(trial, name, -5, 5, 0, &x), name);
        sum += x * x;
    }
    for (size_t i = 0; space->mixed && i < INTS; i++) {
        snprintf(name, sizeof(name), "n%zu", i);
        must(mlf_suggest_int(trial, name, 1, 100, 1, &k), name);
        sum += (double)(k * k) / 1000;
    }
    for (size_t i = 0; space->mixed && i < CHOICES; i++) {
        snprintf(name, sizeof(name), "c%zu", i);
        must(mlf_suggest_categorical(trial, name, choices, MLF__ARRAY_LEN(choices), &choice), name);
        sum += (double)choice;
    }
    return sum;
}

static void one_trial(mlf_study *study, const struct space *space)
{
    mlf_trial *trial;
    must(mlf_study_ask(study, &trial), "ask");
    double value = suggest_all(trial, space);
    must(mlf_study_tell(study, trial, MLF_TRIAL_COMPLETE, &value, 1), "tell");
}

/* Random trials. They are those of a random study, so that both have the same names and distributions. */
static void fill(mlf_study *study, const struct space *space, int64_t n, uint64_t seed)
{
    mlf_study_options options = MLF_STUDY_OPTIONS_INIT;
    mlf_study *random;
    options.in_memory = true;
    options.sampler = "random";
    options.seed = seed;
    must(mlf_study_create(&options, &random), "study");
    for (int64_t i = 0; i < n; i++)
        one_trial(random, space);
    const struct mlf__history *from = &random->history;
    for (size_t i = 0; i < from->n_names; i++) {
        uint32_t name;
        must(mlf__history_name(&study->history, from->names[i], &name), "name");
    }
    for (size_t i = 0; i < from->n_dists; i++) {
        uint32_t dist;
        must(mlf__history_dist(&study->history, &from->dists[i], &dist), "distribution");
    }
    for (size_t i = 0; i < from->n_trials; i++) {
        const struct mlf__trial *trial = from->trials[i];
        must(mlf__study_add_finished(study, trial->params, trial->n_params, &trial->value, 1),
             "trial");
    }
    mlf_study_destroy(random);
}

int main(int argc, char **argv)
{
    if (argc != 5)
        bench_die("usage: bench_tpe SAMPLER SPACE TRIALS ROUNDS");
    struct space space = read_space(argv[2]);
    int64_t n = strtoll(argv[3], NULL, 10);
    size_t rounds = strtoul(argv[4], NULL, 10);
    if (rounds == 0)
        bench_die("no rounds");
    mlf_study_options options = MLF_STUDY_OPTIONS_INIT;
    mlf_study *study;
    options.in_memory = true;
    options.sampler = argv[1];
    options.seed = 1;
    must(mlf_study_create(&options, &study), "study");
    fill(study, &space, n, 2);
    /* The first one takes in what the others find done. */
    int64_t begin = bench_ns(CLOCK_MONOTONIC);
    one_trial(study, &space);
    double first = (double)(bench_ns(CLOCK_MONOTONIC) - begin) / 1e9;
    double *times = bench_alloc(rounds, sizeof(*times));
    for (size_t i = 0; i < rounds; i++) {
        begin = bench_ns(CLOCK_MONOTONIC);
        one_trial(study, &space);
        times[i] = (double)(bench_ns(CLOCK_MONOTONIC) - begin) / 1e9;
    }
    printf("{\"seconds\": %.17g, \"first\": %.17g}\n", bench_quantile(times, rounds, 0.5), first);
    free(times);
    mlf_study_destroy(study);
    return 0;
}
