/* SPDX-License-Identifier: Apache-2.0 */
/* A program that tunes: makes a study or goes on with one, and prints a line per trial and what it came to.
 * Usage: study_program new|load STUDY TRIALS DELAY_US [prune|fail|wait|many|jobs|wide|child] */
#include <mlf/mlf.h>
#include <mlf/tuner.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *mode = "";
static long delay_us;

static void pause_us(long us)
{
    struct timespec time = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    nanosleep(&time, NULL);
}

/* Many params with long names, and choices that are long, have lines, and are not ASCII. */
static mlf_status suggest_wide(mlf_trial *trial)
{
    enum { PARAMS = 300 };
    char name[200], text[700] = "two\nlines\t\"";
    const char *const choices[] = {"", text};
    size_t choice;
    mlf_status status = MLF_OK;
    for (size_t i = strlen(text); i + 2 < sizeof(text); i += 2)
        strcpy(text + i, "\xc3\xb6");
    for (int i = 0; i < PARAMS && status == MLF_OK; i++) {
        double x;
        snprintf(name, sizeof(name), "p%0180d", i);
        status = mlf_suggest_float(trial, name, 0, i + 1, 0, &x);
    }
    return status == MLF_OK ? mlf_suggest_categorical(trial, "text", choices, 2, &choice) : status;
}

/* A process that logs, and stays. */
static void leave_child(void)
{
    pid_t pid = fork();
    if (pid != 0) {
        printf("child %d\n", (int)pid);
        return;
    }
    mlf_set_tag("inside", "1");
    printf("stays\n");
    fflush(stdout);
    for (;;)
        pause();
}

static mlf_status objective(mlf_trial *trial, void *user, double *value)
{
    static const char *const kernels[] = {"linear", "rbf"};
    int64_t depth, number = mlf_trial_number(trial);
    double rate;
    size_t kernel;
    (void)user;
    mlf_status status = mlf_suggest_int(trial, "depth", 2, 32, 1, &depth);
    if (status == MLF_OK)
        status = mlf_suggest_float_log(trial, "lr", 1e-5, 1e-1, &rate);
    if (status == MLF_OK)
        status = mlf_suggest_categorical(trial, "kernel", kernels, 2, &kernel);
    if (status == MLF_OK && strcmp(mode, "wide") == 0)
        status = suggest_wide(trial);
    if (status != MLF_OK)
        return status;
    *value = (double)((depth - 10) * (depth - 10)) + rate + (double)kernel;
    pause_us(delay_us);
    if (strcmp(mode, "prune") == 0) {
        for (int64_t step = 0; step < 3; step++)
            mlf_trial_report(trial, (double)(number + step), step);
        if (number % 2 == 1)
            return MLF_ERR_PRUNED;
        *value = (double)number + 2 + (number == 2);
    }
    if (strcmp(mode, "many") == 0)
        for (int64_t step = 0; step < 1500; step++)
            mlf_trial_report(trial, 1.0 / (double)(step + 3), step);
    if (strcmp(mode, "jobs") == 0) {
        mlf_log_metric("inside", (double)number, 0);
        mlf_set_tag("said", mlf_run_name(mlf_active_run()));
    }
    if (strcmp(mode, "child") == 0 && number == 1)
        leave_child();
    mlf_trial_set_user_attr(trial, "note", "\"quoted\" größe");
    mlf_trial_set_constraint(trial, "limit", (double)(depth - 30));
    printf("trial %lld %lld\n", (long long)number, (long long)depth);
    fflush(stdout);
    return strcmp(mode, "fail") == 0 && number == 1 ? MLF_ERR_IO : MLF_OK;
}

static mlf_status run(mlf_study *study, int64_t n)
{
    static const mlf_key_value params[] = {{"depth", "11"}, {"kernel", "rbf"}};
    mlf_optimize_options options = MLF_OPTIMIZE_OPTIONS_INIT;
    mlf_status status = MLF_OK;
    if (strcmp(mode, "wait") == 0)
        status = mlf_study_enqueue(study, params, 2, false);
    options.n_trials = n;
    options.catch_errors = true;
    options.n_jobs = strcmp(mode, "jobs") == 0 ? 4 : 1;
    if (status == MLF_OK && n > 0)
        status = mlf_study_optimize_with(study, objective, NULL, &options);
    return status;
}

static void print_trials(mlf_study *study)
{
    static const char *const states[] = {"RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING"};
    mlf_trial_list list;
    if (mlf_study_trials(study, &list) != MLF_OK)
        return;
    for (size_t i = 0; i < list.n_trials; i++) {
        const mlf_trial_record *t = &list.trials[i];
        printf("is %lld %s %zu params %zu values %zu reports %zu constraints %s\n",
               (long long)t->number, states[t->state], t->n_params, t->n_values, t->n_intermediate,
               t->n_constraints, t->run_id != NULL && t->run_id[0] != '\0' ? t->run_id : "-");
    }
    mlf_trial_list_free(&list);
}

int main(int argc, char **argv)
{
    mlf_study_options options = MLF_STUDY_OPTIONS_INIT;
    mlf_study *study = NULL;
    mlf_trial_record best;
    if (argc < 5)
        return 2;
    mode = argc > 5 ? argv[5] : "";
    delay_us = atol(argv[4]);
    options.metric = "error";
    options.sampler = "random";
    options.pruner = "none";
    options.seed = 7;
    mlf_status status;
    if (strcmp(argv[1], "new") == 0) {
        options.name = argv[2];
        status = mlf_study_create(&options, &study);
    } else {
        status = mlf_study_load(argv[2], NULL, &study);
    }
    if (status == MLF_OK) {
        printf("study %s\n", mlf_run_id(mlf_study_run(study)));
        fflush(stdout);
        status = run(study, atoll(argv[3]));
    }
    if (status != MLF_OK) {
        fprintf(stderr, "%s: %s\n", mlf_status_name(status), mlf_errmsg());
        mlf_study_destroy(study);
        return 1;
    }
    print_trials(study);
    if (mlf_study_best_trial(study, &best) == MLF_OK) {
        printf("best %lld\n", (long long)best.number);
        mlf_trial_record_free(&best);
    }
    mlf_study_destroy(study);
    return 0;
}
