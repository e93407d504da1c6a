/* SPDX-License-Identifier: Apache-2.0 */
/* What a study keeps in memory: numbers of names and distributions, states of trials, the best one, the joint space. */
#include "tuner/history.h"

#include "core/mem.h"

#include "../support/tap.h"
#include "../support/tuner_data.h"

static void numbers(void)
{
    struct mlf__history history;
    uint32_t number, again;
    int wrong = 0;
    tuner_data_begin(&history, "minimize");
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 1000; i++) {
            char name[16];
            struct mlf__dist dist;
            snprintf(name, sizeof(name), "p%u", i);
            mlf__dist_float(name, 0, 1 + i, 0, false, &dist);
            wrong += mlf__history_name(&history, name, &number) != MLF_OK || number != i;
            wrong += mlf__history_dist(&history, &dist, &again) != MLF_OK || again != i;
        }
    }
    IS(wrong, 0, "a thousand names and distributions keep their numbers");
    IS(history.n_names, 1000, "none is there twice");
    struct mlf__dist minus, plus;
    mlf__dist_float("z", -0.0, 5000, 0, false, &minus);
    mlf__dist_float("z", 0.0, 5000, 0, false, &plus);
    mlf__history_dist(&history, &minus, &number);
    mlf__history_dist(&history, &plus, &again);
    IS(number, again, "both zeros are one end of a range");
    mlf__history_free(&history);
}

static void states(void)
{
    struct mlf__history history;
    struct mlf__trial *trials[4];
    tuner_data_begin(&history, "minimize");
    mlf__history_add(&history, MLF_TRIAL_WAITING, &trials[0]);
    mlf__history_add(&history, MLF_TRIAL_RUNNING, &trials[1]);
    mlf__history_add(&history, MLF_TRIAL_WAITING, &trials[2]);
    OK(trials[0]->start_ms == -1 && trials[1]->start_ms > 0, "what waits has not started");
    OK(mlf__history_next_waiting(&history) == trials[0], "the first of the queue is next");
    mlf__history_start(&history, trials[0]);
    OK(history.n_running == 2 && history.running[0] == 0 && history.running[1] == 1,
       "running trials are by number");
    OK(mlf__history_next_waiting(&history) == trials[2], "then the second");
    mlf__history_unstart(&history, trials[0]);
    OK(mlf__history_next_waiting(&history) == trials[0] && trials[0]->start_ms == -1,
       "a trial that could not begin waits again");
    mlf__history_start(&history, trials[0]);
    mlf__history_start(&history, trials[2]);
    OK(mlf__history_next_waiting(&history) == NULL, "an empty queue has none");
    mlf__history_add(&history, MLF_TRIAL_WAITING, &trials[3]);
    OK(mlf__history_next_waiting(&history) == trials[3], "what comes later is found");
    tuner_data_end(&history, trials[1], MLF_TRIAL_COMPLETE, 2);
    tuner_data_end(&history, trials[0], MLF_TRIAL_FAIL, 0);
    OK(history.n_told == 2 && history.told[0] == 1 && trials[0]->told == 1 &&
           trials[2]->told == SIZE_MAX,
       "the order of finishing is kept");
    OK(history.n_running == 1 && history.running[0] == 2, "what has finished runs no more");
    OK(trials[0]->n_values == 0 && isnan(trials[0]->value) && trials[0]->end_ms > 0,
       "a failed trial has no value");
    mlf__history_free(&history);
}

static void best(void)
{
    struct mlf__history history;
    const double values[] = {3, -INFINITY, 5, 5, INFINITY};
    const mlf_trial_state states_of[] = {MLF_TRIAL_COMPLETE, MLF_TRIAL_COMPLETE, MLF_TRIAL_COMPLETE,
                                         MLF_TRIAL_COMPLETE, MLF_TRIAL_COMPLETE};
    tuner_data_begin(&history, "maximize");
    OK(mlf__history_best(&history) == NULL, "without trials there is no best one");
    for (size_t i = 0; i < MLF__ARRAY_LEN(values); i++) {
        struct mlf__trial *trial = tuner_data_trial(&history);
        if (i == 4)
            mlf__trial_add_constraint(trial, "c", 1e-9);
        tuner_data_end(&history, trial, states_of[i], values[i]);
    }
    IS(mlf__history_best(&history)->number, 2, "the first of the best feasible ones");
    struct mlf__trial *pruned = tuner_data_trial(&history);
    mlf__trial_add_intermediate(pruned, 7, 100);
    mlf__trial_add_intermediate(pruned, 3, 200);
    IS(mlf__trial_add_intermediate(pruned, 3, 300), MLF_ERR_EXISTS, "a step is reported once");
    tuner_data_end(&history, pruned, MLF_TRIAL_PRUNED, 0);
    OK(pruned->n_values == 1 && pruned->value == 100,
       "a pruned trial's value is that of its highest step");
    IS(mlf__history_best(&history)->number, 2, "a pruned trial is never the best");
    pruned = tuner_data_trial(&history);
    mlf__trial_add_intermediate(pruned, 1, NAN);
    tuner_data_end(&history, pruned, MLF_TRIAL_PRUNED, 0);
    IS(pruned->n_values, 0, "NaN is no value of a pruned trial");
    mlf__history_free(&history);
}

static void violations(void)
{
    struct mlf__history history;
    tuner_data_begin(&history, "minimize");
    struct mlf__trial *trial = tuner_data_trial(&history);
    mlf__trial_add_constraint(trial, "a", -3);
    OK(trial->constrained && trial->violation == 0, "a constraint that is met violates nothing");
    mlf__trial_add_constraint(trial, "b", 2);
    mlf__trial_add_constraint(trial, "c", 0.5);
    IS(mlf__trial_add_constraint(trial, "b", 1), MLF_ERR_EXISTS, "a key has one value");
    OK(trial->violation == 2.5, "what is not met adds up");
    mlf__history_free(&history);
}

/* A finished trial whose params are the letters of |names|, each with a distribution up to |high|. */
static void add_trial(struct mlf__history *history, const char *names, double high,
                      mlf_trial_state state)
{
    struct mlf__trial *trial = tuner_data_trial(history);
    for (; *names != '\0'; names++) {
        const char name[] = {*names, '\0'};
        struct mlf__dist dist;
        uint32_t name_at, dist_at;
        mlf__dist_float(name, 0, *names == 'x' ? high : 1, 0, false, &dist);
        mlf__history_name(history, name, &name_at);
        mlf__history_dist(history, &dist, &dist_at);
        mlf__trial_set_param(trial, name_at, dist_at, 0.5);
    }
    tuner_data_end(history, trial, state, 1);
}

/* The names of |space|, in their order. */
static const char *letters(const struct mlf__joint_space *space, const struct mlf__history *history)
{
    static char out[16];
    size_t n = 0;
    for (; n < space->n && n + 1 < sizeof(out); n++)
        out[n] = history->names[space->names[n]][0];
    out[n] = '\0';
    return out;
}

static void joint_space(void)
{
    struct mlf__history history;
    struct mlf__joint_space space = {0}, with_pruned = {0};
    tuner_data_begin(&history, "minimize");
    add_trial(&history, "q", 1, MLF_TRIAL_FAIL);
    add_trial(&history, "zxba", 1, MLF_TRIAL_COMPLETE);
    add_trial(&history, "abxz", 1, MLF_TRIAL_COMPLETE);
    mlf__joint_space_update(&space, &history, 1, false);
    OK(!space.begun, "a failed trial begins no space");
    mlf__joint_space_update(&space, &history, 3, false);
    STR(letters(&space, &history), "abxz", "the common parameters are sorted by name");
    add_trial(&history, "az", 1, MLF_TRIAL_PRUNED);
    add_trial(&history, "abxz", 2, MLF_TRIAL_COMPLETE);
    mlf__joint_space_update(&space, &history, 4, false);
    STR(letters(&space, &history), "abxz", "a pruned trial does not count");
    mlf__joint_space_update(&space, &history, 5, false);
    STR(letters(&space, &history), "abz", "a parameter whose range changed drops out");
    add_trial(&history, "abxz", 1, MLF_TRIAL_COMPLETE);
    mlf__joint_space_update(&space, &history, 6, false);
    STR(letters(&space, &history), "abz", "and does not come back");
    mlf__joint_space_update(&with_pruned, &history, 6, true);
    STR(letters(&with_pruned, &history), "az", "pruned trials count where that is asked for");
    mlf__joint_space_free(&space);
    mlf__joint_space_free(&with_pruned);
    mlf__history_free(&history);
}

static void memory(void)
{
    /* Whatever allocation fails, what is there stays whole. */
    int failures = 0;
    for (long n = 1; n < 40; n++) {
        struct mlf__history history;
        tuner_data_begin(&history, "minimize");
        mlf__alloc_fail_after(n);
        struct mlf__trial *trial;
        uint32_t name;
        mlf_status status = mlf__history_name(&history, "x", &name);
        if (status == MLF_OK)
            status = mlf__history_add(&history, MLF_TRIAL_RUNNING, &trial);
        if (status == MLF_OK)
            status = mlf__trial_set_param(trial, name, 0, 1);
        if (status == MLF_OK)
            status = mlf__trial_add_constraint(trial, "c", 1);
        if (status == MLF_OK)
            status = mlf__trial_add_intermediate(trial, 1, 1);
        mlf__alloc_fail_after(0);
        failures += status == MLF_ERR_NOMEM;
        mlf__history_free(&history);
    }
    OK(failures >= 8, "memory that runs out is reported and leaks nothing (%d times)", failures);
}

int main(void)
{
    numbers();
    states();
    best();
    violations();
    joint_space();
    memory();
    return tap_done();
}
