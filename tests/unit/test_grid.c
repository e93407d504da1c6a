/* SPDX-License-Identifier: Apache-2.0 */
/* The grid sampler: every combination once, by one worker or by several, also with conditional parameters. */
#include "core/mem.h"
#include "tests/support/tap.h"
#include "tests/support/tuner_data.h"
#include "tuner/sampler.h"

#include <math.h>

enum { PARAMS_MAX = 6, COMBINATIONS_MAX = 256, WORKERS_MAX = 8 };

struct study {
    struct mlf__history history;
    struct mlf__sampler *sampler;
    uint32_t names[PARAMS_MAX], dists[PARAMS_MAX];
    /* Which parameter a trial asks for next; -1: none. */
    int (*next)(const struct study *study, const struct mlf__trial *trial);
};

static void open_grid(struct study *study, uint64_t seed)
{
    mlf__sampler_close(study->sampler);
    if (mlf__sampler_open("grid", &study->history, seed, &study->sampler) != MLF_OK) {
        printf("Bail out! %s\n", mlf__errmsg());
        exit(1);
    }
}

static void add_param(struct study *study, size_t at, const char *name, struct mlf__dist *dist)
{
    mlf__history_name(&study->history, name, &study->names[at]);
    mlf__history_dist(&study->history, dist, &study->dists[at]);
    mlf__dist_free(dist);
}

static double value_of(const struct study *study, const struct mlf__trial *trial, size_t param)
{
    const struct mlf__param_value *value = mlf__trial_param(trial, study->names[param]);

    return value != NULL ? value->value : NAN;
}

/* Three parameters, one behind the other: 3 * 5 * 2 combinations, one parameter with a single value in between. */
static int next_static(const struct study *study, const struct mlf__trial *trial)
{
    (void)study;
    return trial->n_params < 4 ? (int)trial->n_params : -1;
}

/* A choice of three, each with parameters of its own: 4 + 2 * 3 + 1. */
static int next_conditional(const struct study *study, const struct mlf__trial *trial)
{
    if (trial->n_params == 0)
        return 0;
    int choice = (int)value_of(study, trial, 0);
    if (choice == 0)
        return trial->n_params < 2 ? 1 : -1;
    return choice == 1 && trial->n_params < 3 ? (int)trial->n_params + 1 : -1;
}

static void begin(struct study *study, bool conditional, uint64_t seed)
{
    static const char *const models[] = {"svm", "forest", "constant"};
    struct mlf__dist dist;

    memset(study, 0, sizeof(*study));
    tuner_data_begin(&study->history, "minimize");
    mlf__dist_categorical("model", models, 3, &dist);
    add_param(study, 0, "model", &dist);
    if (conditional) {
        study->next = next_conditional;
        mlf__dist_float("c", 0.1, 0.4, 0.1, false, &dist);
        add_param(study, 1, "c", &dist);
        mlf__dist_int("trees", 100, 200, 100, false, &dist);
        add_param(study, 2, "trees", &dist);
        mlf__dist_int("depth", 1, 3, 1, true, &dist);
        add_param(study, 3, "depth", &dist);
    } else {
        study->next = next_static;
        mlf__dist_int("fixed", 7, 7, 1, false, &dist);
        add_param(study, 1, "fixed", &dist);
        mlf__dist_float("lr", 0.1, 0.5, 0.1, false, &dist);
        add_param(study, 2, "lr", &dist);
        mlf__dist_int("n", 3, 4, 1, false, &dist);
        add_param(study, 3, "n", &dist);
    }
    open_grid(study, seed);
}

static void end(struct study *study)
{
    mlf__sampler_close(study->sampler);
    mlf__history_free(&study->history);
}

/* The trial's next parameter; false when it has them all. */
static bool ask_next(struct study *study, struct mlf__trial *trial)
{
    struct mlf__view view = {&study->history, study->history.n_told, trial};
    int param = study->next(study, trial);
    double value;

    if (param < 0)
        return false;
    uint32_t name = study->names[param], number = study->dists[param];
    const struct mlf__dist *dist = &study->history.dists[number];
    if (mlf__dist_is_single(dist))
        value = dist->low;
    else if (study->sampler->ops->suggest(study->sampler, &view, name, number, &value) != MLF_OK) {
        printf("Bail out! %s\n", mlf__errmsg());
        exit(1);
    }
    if (!mlf__dist_contains(dist, value))
        printf("# %s: %g is not in the range\n", study->history.names[name], value);
    mlf__trial_set_param(trial, name, number, value);
    return true;
}

static void finish(struct study *study, struct mlf__trial *trial, mlf_trial_state state)
{
    tuner_data_end(&study->history, trial, state, 0);
    mlf__sampler_tell(study->sampler, trial);
}

static struct mlf__trial *run(struct study *study, mlf_trial_state state)
{
    struct mlf__trial *trial = tuner_data_trial(&study->history);

    while (ask_next(study, trial))
        continue;
    finish(study, trial, state);
    return trial;
}

/* How many different combinations the trials have. */
static size_t count_combinations(const struct study *study)
{
    const struct mlf__history *history = &study->history;
    size_t n = 0;

    for (size_t i = 0; i < history->n_trials; i++) {
        bool is_new = true;
        for (size_t k = 0; k < i && is_new; k++) {
            const struct mlf__trial *a = history->trials[i], *b = history->trials[k];
            bool same = a->n_params == b->n_params;
            for (uint32_t p = 0; same && p < a->n_params; p++)
                same = a->params[p].name == b->params[p].name &&
                       a->params[p].value == b->params[p].value;
            is_new = !same;
        }
        n += is_new;
    }
    return n;
}

static void test_one_worker(bool conditional, size_t n_combinations)
{
    struct study study;
    size_t n = 0;

    begin(&study, conditional, 1);
    while (!mlf__sampler_is_exhausted(study.sampler) && n < COMBINATIONS_MAX) {
        run(&study, n % 3 == 0   ? MLF_TRIAL_FAIL
                    : n % 3 == 1 ? MLF_TRIAL_PRUNED
                                 : MLF_TRIAL_COMPLETE);
        if (++n == n_combinations / 2)
            open_grid(&study, 1);
    }
    printf("# %s space\n", conditional ? "conditional" : "static");
    IS(n, n_combinations, "one worker stops behind the last combination, read back in between");
    IS(count_combinations(&study), n_combinations,
       "each was tried once, failed and pruned ones too");
    end(&study);
}

/* Several trials at once whose calls come in any order: a generator of Lehmer's decides. */
static void test_workers(bool conditional, size_t n_combinations, int n_workers, uint32_t random)
{
    struct mlf__trial *going[WORKERS_MAX] = {NULL};
    struct study study;
    size_t n_going = 0;

    begin(&study, conditional, random);
    for (int steps = 0; steps < 20000; steps++) {
        random = (uint32_t)((uint64_t)random * 48271 % 0x7fffffff);
        struct mlf__trial **trial = &going[(int)(random % (uint32_t)n_workers)];
        if (*trial == NULL) {
            bool exhausted = mlf__sampler_is_exhausted(study.sampler);
            if (exhausted && n_going == 0)
                break;
            *trial = exhausted ? NULL : tuner_data_trial(&study.history);
            n_going += *trial != NULL;
        } else if (!ask_next(&study, *trial) && random / 8 % 3 == 0) {
            finish(&study, *trial, MLF_TRIAL_COMPLETE);
            *trial = NULL;
            n_going--;
        }
    }
    bool stopped = n_going == 0 && mlf__sampler_is_exhausted(study.sampler);
    size_t n_more = study.history.n_trials - n_combinations;
    OK(stopped && count_combinations(&study) == n_combinations && n_more < (size_t)n_workers,
       "%d workers try all %zu combinations, and %zu again beside the last ones", n_workers,
       n_combinations, n_more);
    end(&study);
}

static void test_seeds(void)
{
    struct study studies[3];
    size_t n_same = 0, n_other = 0;

    for (size_t i = 0; i < 3; i++) {
        begin(&studies[i], false, i == 2 ? 9 : 4);
        for (size_t k = 0; k < 30; k++)
            run(&studies[i], MLF_TRIAL_COMPLETE);
    }
    for (size_t k = 0; k < 30; k++)
        for (size_t p = 0; p < 4; p++) {
            double value = value_of(&studies[0], studies[0].history.trials[k], p);
            n_same += value == value_of(&studies[1], studies[1].history.trials[k], p);
            n_other += value == value_of(&studies[2], studies[2].history.trials[k], p);
        }
    IS(n_same, 120, "a seed gives the same order again");
    OK(n_other < 110, "another one another order");
    for (size_t i = 0; i < 3; i++)
        end(&studies[i]);
}

/* A trial that fails between its parameters does not close what it had not asked for. */
static void test_failures(void)
{
    struct study study;

    begin(&study, true, 1);
    finish(&study, tuner_data_trial(&study.history), MLF_TRIAL_FAIL);
    OK(!mlf__sampler_is_exhausted(study.sampler), "a trial that failed at once leaves all open");
    for (size_t i = 0; i < 3; i++) {
        struct mlf__trial *trial = tuner_data_trial(&study.history);
        ask_next(&study, trial);
        if (i < 2)
            finish(&study, trial, MLF_TRIAL_FAIL);
    }
    struct mlf__trial *last = study.history.trials[3];
    while (ask_next(&study, last))
        continue;
    finish(&study, last, MLF_TRIAL_COMPLETE);
    OK(count_combinations(&study) == 4, "trials that fail halfway count as their place");
    end(&study);
}

/* An enqueued value that is not on the grid takes nothing from it. */
static void test_enqueued(void)
{
    struct study study;

    begin(&study, false, 5);
    struct mlf__trial *trial = tuner_data_trial(&study.history);
    ask_next(&study, trial);
    ask_next(&study, trial);
    mlf__trial_set_param(trial, study.names[2], study.dists[2], 0.33);
    OK(ask_next(&study, trial) && trial->n_params == 4, "its other parameters are drawn");
    finish(&study, trial, MLF_TRIAL_COMPLETE);
    for (size_t n = 0; n < 100 && !mlf__sampler_is_exhausted(study.sampler); n++)
        run(&study, MLF_TRIAL_COMPLETE);
    IS(study.history.n_trials, 31, "and all 30 combinations are tried beside it");
    end(&study);
}

static mlf_status suggest(struct study *study, struct mlf__trial *trial, uint32_t name,
                          struct mlf__dist *dist)
{
    struct mlf__view view = {&study->history, study->history.n_told, trial};
    uint32_t number;
    double value;

    mlf__history_dist(&study->history, dist, &number);
    mlf__dist_free(dist);
    return study->sampler->ops->suggest(study->sampler, &view, name, number, &value);
}

static void test_errors(void)
{
    struct study study;
    struct mlf__dist dist;
    uint32_t name;

    begin(&study, false, 1);
    run(&study, MLF_TRIAL_COMPLETE);
    struct mlf__trial *trial = tuner_data_trial(&study.history);
    mlf__history_name(&study.history, "rate", &name);
    mlf__dist_float("rate", 1e-5, 1, 0, true, &dist);
    OK(suggest(&study, trial, name, &dist) == MLF_ERR_INVAL &&
           strstr(mlf__errmsg(), "rate: a grid needs") != NULL,
       "a range without steps: %s", mlf__errmsg());
    mlf__dist_int("rate", 0, 9, 1, false, &dist);
    OK(suggest(&study, trial, name, &dist) == MLF_ERR_INVAL &&
           strstr(mlf__errmsg(), "asked for model") != NULL,
       "another parameter: %s", mlf__errmsg());
    mlf__dist_int("model", 0, 9, 1, false, &dist);
    OK(suggest(&study, trial, study.names[0], &dist) == MLF_ERR_INVAL &&
           strstr(mlf__errmsg(), "model: ") != NULL,
       "another range: %s", mlf__errmsg());
    end(&study);
}

static void test_no_memory(void)
{
    struct study study;

    begin(&study, false, 1);
    struct mlf__trial *trial = tuner_data_trial(&study.history);
    ask_next(&study, trial);
    struct mlf__view view = {&study.history, 0, trial};
    double value;
    mlf__alloc_fail_after(1);
    IS(study.sampler->ops->suggest(study.sampler, &view, study.names[2], study.dists[2], &value),
       MLF_ERR_NOMEM, "memory that runs out is an error");
    mlf__alloc_fail_after(0);
    while (ask_next(&study, trial))
        continue;
    IS(trial->n_params, 4, "and the trial can go on afterwards");
    end(&study);
}

int main(void)
{
    test_one_worker(false, 30);
    test_one_worker(true, 11);
    for (uint32_t random = 1; random <= 20; random++)
        test_workers(random % 2, random % 2 ? 11 : 30, 2 + (int)random % 7, random);
    test_seeds();
    test_failures();
    test_enqueued();
    test_errors();
    test_no_memory();
    return tap_done();
}
