/* SPDX-License-Identifier: Apache-2.0 */
/* A study in memory, by its public calls: what a trial is given, how trials end, the queue, optimising. */
#include <mlf/tuner.h>

#include "core/mem.h"
#include "tuner/study.h"
#include "tuner/study_log_format.h"

#include "../support/tap.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static mlf_study *make(const char *sampler, size_t n_objectives)
{
    static const char *const METRICS[] = {"a", "b"};
    static const mlf_direction DIRECTIONS[] = {MLF_MINIMIZE, MLF_MAXIMIZE};
    mlf_study_options options = MLF_STUDY_OPTIONS_INIT;
    options.sampler = sampler;
    options.pruner = "none";
    options.seed = 42;
    options.in_memory = true;
    if (n_objectives > 1) {
        options.metrics = METRICS;
        options.directions = DIRECTIONS;
        options.n_objectives = n_objectives;
    }
    mlf_study *study = NULL;
    if (mlf_study_create(&options, &study) != MLF_OK) {
        printf("Bail out! %s\n", mlf_errmsg());
        exit(1);
    }
    return study;
}

static mlf_trial *ask(mlf_study *study)
{
    mlf_trial *trial = NULL;
    if (mlf_study_ask(study, &trial) != MLF_OK) {
        printf("Bail out! %s\n", mlf_errmsg());
        exit(1);
    }
    return trial;
}

static void tell(mlf_study *study, mlf_trial *trial, double value)
{
    if (mlf_study_tell(study, trial, MLF_TRIAL_COMPLETE, &value, 1) != MLF_OK) {
        printf("Bail out! %s\n", mlf_errmsg());
        exit(1);
    }
}

/* The trial |number| of |study|. */
static mlf_trial_record record(mlf_study *study, int64_t number)
{
    mlf_trial_record out = {0};
    mlf__study_lock(study);
    mlf__study_record(study, study->history.trials[number], &out);
    mlf__study_unlock(study);
    return out;
}

static const char *const COLOURS[] = {"red", "green", "blue"};

/* ---- values ---- */

static void suggestions(void)
{
    mlf_study *study = make("random", 1);
    int outside = 0;
    for (int i = 0; i < 200; i++) {
        mlf_trial *trial = ask(study);
        double x, lr, stepped;
        int64_t n, width;
        size_t colour;
        mlf_suggest_float(trial, "x", -1, 1, 0, &x);
        mlf_suggest_float_log(trial, "lr", 1e-5, 1, &lr);
        mlf_suggest_float(trial, "s", 0, 1, 0.3, &stepped);
        mlf_suggest_int(trial, "n", -4, 9, 0, &n);
        mlf_suggest_int_log(trial, "w", 1, 512, &width);
        mlf_suggest_categorical(trial, "c", COLOURS, 3, &colour);
        outside += !(x >= -1 && x < 1) || !(lr >= 1e-5 && lr < 1) ||
                   !(stepped >= 0 && stepped <= 0.9) || n < -4 || n > 9 || width < 1 ||
                   width > 512 || colour > 2;
        tell(study, trial, x);
    }
    IS(outside, 0, "values of every kind lie in their ranges");
    mlf_trial_record first = record(study, 0);
    OK(first.n_params == 6 && strcmp(first.params[0].name, "x") == 0 &&
           strcmp(first.params[5].name, "c") == 0 &&
           strcmp(first.params[5].value, COLOURS[(size_t)first.params[5].number]) == 0,
       "params are kept in the order of asking, choices by text and index");
    mlf_trial_record_free(&first);
    mlf_study_destroy(study);
}

static void asked_again(void)
{
    mlf_study *study = make("random", 1);
    mlf_trial *trial = ask(study);
    double x, again, y;
    int64_t n = 3;
    mlf_suggest_float(trial, "x", 0, 1, 0, &x);
    OK(mlf_suggest_float(trial, "x", 0, 1, 0, &again) == MLF_OK && again == x,
       "a name asked for again gives the same value");
    OK(mlf_suggest_float(trial, "x", 5, 6, 0, &again) == MLF_OK && again == x,
       "the first range of a trial wins");
    OK(mlf_suggest_int(trial, "x", 0, 1, 1, &n) == MLF_ERR_INVAL && n == 0 &&
           strcmp(mlf_errmsg(), "x: asked for as an integer, before in this study as a float") == 0,
       "another kind is refused");
    tell(study, trial, 0);
    trial = ask(study);
    OK(mlf_suggest_float_log(trial, "x", 0.1, 1, &y) == MLF_ERR_INVAL && isnan(y) &&
           strstr(mlf_errmsg(), "as a float on a logarithmic scale, before in") != NULL,
       "another scale is refused in a later trial");
    OK(mlf_suggest_categorical(trial, "x", COLOURS, 3, &(size_t){0}) == MLF_ERR_INVAL,
       "so are choices");
    OK(mlf_suggest_float(trial, "x", 10, 11, 0, &y) == MLF_OK && y >= 10 && y < 11,
       "another range is taken");
    mlf_suggest_categorical(trial, "c", COLOURS, 3, &(size_t){0});
    OK(mlf_suggest_categorical(trial, "c", COLOURS, 2, &(size_t){0}) == MLF_ERR_INVAL &&
           strstr(mlf_errmsg(), "one of 2 choices, before in this study as one of 3 choices"),
       "another list of choices is refused");
    const char *const bytes[] = {"a\xff", "a\xfe"};
    OK(mlf_suggest_categorical(trial, "bytes", bytes, 2, &(size_t){0}) == MLF_ERR_INVAL &&
           strcmp(mlf_errmsg(), "bytes: choice 0 is not valid UTF-8") == 0,
       "choices that the store could not tell apart are refused");
    const char *const turned[] = {"red", "blue", "green"};
    OK(mlf_suggest_categorical(trial, "c", turned, 3, &(size_t){0}) == MLF_ERR_INVAL &&
           strcmp(mlf_errmsg(), "c: choice 1 is \"blue\", before in this study \"green\"") == 0,
       "so is another order of them");
    OK(mlf_suggest_float(trial, "one", 2, 2, 0, &y) == MLF_OK && y == 2,
       "a range of one value gives it");
    mlf_study_destroy(study);
}

static void bad_arguments(void)
{
    mlf_study *study = make("random", 1);
    mlf_trial *trial = ask(study);
    double x = 1;
    int64_t n = 1;
    size_t c = 1;
    OK(mlf_suggest_float(NULL, "x", 0, 1, 0, &x) == MLF_ERR_INVAL && isnan(x), "NULL is no trial");
    OK(mlf_suggest_float(trial, NULL, 0, 1, 0, &x) == MLF_ERR_INVAL, "NULL is no name");
    OK(mlf_suggest_float(trial, "", 0, 1, 0, &x) == MLF_ERR_INVAL, "neither is an empty text");
    OK(mlf_suggest_float(trial, "x", 0, 1, 0, NULL) == MLF_ERR_INVAL, "a value goes somewhere");
    OK(mlf_suggest_float(trial, "x", 1, 0, 0, &x) == MLF_ERR_INVAL && isnan(x) &&
           strcmp(mlf_errmsg(), "x: low 1 is above high 0") == 0,
       "an inverted range is refused, by name");
    OK(mlf_suggest_float(trial, "x", 0, 1, -1, &x) == MLF_ERR_INVAL, "a negative step is refused");
    OK(mlf_suggest_float(trial, "x", 0, NAN, 0, &x) == MLF_ERR_INVAL, "NaN is no end of a range");
    OK(mlf_suggest_float_log(trial, "x", 0, 1, &x) == MLF_ERR_INVAL, "0 is on no log scale");
    OK(mlf_suggest_int(trial, "n", 1, 0, 1, &n) == MLF_ERR_INVAL && n == 0,
       "an inverted integer range is refused");
    OK(mlf_suggest_int(trial, "n", 0, INT64_MAX, 1, &n) == MLF_ERR_INVAL, "2^63 is too far");
    OK(mlf_suggest_int(trial, "n", 0, 5, -1, &n) == MLF_ERR_INVAL, "a step of -1 is refused");
    OK(mlf_suggest_int(trial, "n", 0, 5, 50, &n) == MLF_OK && n == 0,
       "a step longer than the range leaves its low end");
    OK(mlf_suggest_categorical(trial, "c", NULL, 0, &c) == MLF_ERR_INVAL && c == 0,
       "no choices are refused");
    OK(mlf_suggest_float(trial, "s", 2, 5, 50, &x) == MLF_OK && x == 2, "of floats too");
    size_t n_names = study->history.n_names;
    mlf_suggest_float(trial, "new", 1, 0, 0, &x);
    mlf_suggest_float(trial, "new\nline", 0, 1, 0, &x);
    OK(study->history.n_names == n_names, "a refused name is not kept, for it would be stored");
    OK(mlf_suggest_float(trial, "x", 0, 1, 0, &x) == MLF_OK, "a refused range defines nothing");
    static char huge[MLF__CHOICES_MAX];
    memset(huge, 'x', sizeof(huge) - 1);
    const char *const long_ones[] = {"a", huge};
    IS(mlf_suggest_categorical(trial, "long", long_ones, 2, &c), MLF_ERR_FULL,
       "choices that no tag can keep are refused");
    char name[32];
    mlf_status status = MLF_OK;
    while (status == MLF_OK) {
        snprintf(name, sizeof(name), "p%" PRIu32, trial->row->n_params);
        status = mlf_suggest_float(trial, name, 0, 1, 0, &x);
    }
    OK(status == MLF_ERR_FULL && trial->row->n_params == MLF__TRIAL_PARAMS_MAX &&
           mlf_suggest_float(trial, "x", 0, 1, 0, &x) == MLF_OK,
       "a trial has as many params as can be read back");
    OK(mlf_trial_report(NULL, 1, 1) == MLF_ERR_INVAL && !mlf_trial_should_prune(NULL) &&
           mlf_trial_number(NULL) == -1 && mlf_trial_run(NULL) == NULL &&
           mlf_trial_get_user_attr(NULL, "a") == NULL && mlf_study_run(NULL) == NULL &&
           mlf_study_n_objectives(NULL) == 0,
       "NULL is no trial anywhere");
    mlf_study_destroy(study);
    mlf_study_destroy(NULL);
    mlf_trial_record_free(NULL);
    mlf_trial_list_free(NULL);
    mlf_study_stop(NULL);
}

static void bad_studies(void)
{
    static const char *const SAME[] = {"a", "a"};
    static const mlf_direction DIRECTIONS[] = {MLF_MINIMIZE, (mlf_direction)7};
    mlf_study *study = NULL;
    mlf_study_options options = MLF_STUDY_OPTIONS_INIT;
    options.in_memory = true;
    options.sampler = "random";
    OK(mlf_study_create(&options, NULL) == MLF_ERR_INVAL, "a study goes somewhere");
    options.sampler = "nothing";
    OK(mlf_study_create(&options, &study) == MLF_ERR_INVAL && study == NULL &&
           strstr(mlf_errmsg(), "\"nothing\"") != NULL,
       "an unknown sampler is named");
    options.sampler = "random";
    options.n_objectives = 2;
    OK(mlf_study_create(&options, &study) == MLF_ERR_INVAL, "two objectives have names");
    options.metrics = SAME;
    options.directions = DIRECTIONS;
    OK(mlf_study_create(&options, &study) == MLF_ERR_INVAL && strstr(mlf_errmsg(), "\"a\"") != NULL,
       "of their own");
    options.n_objectives = 17;
    OK(mlf_study_create(&options, &study) == MLF_ERR_INVAL, "17 objectives are too many");
    options.n_objectives = 0;
    options.direction = (mlf_direction)7;
    OK(mlf_study_create(&options, &study) == MLF_ERR_INVAL, "there are two directions");
    options.direction = MLF_MINIMIZE;
    options.metric = "";
    OK(mlf_study_create(&options, &study) == MLF_ERR_INVAL, "a metric has a name");
    options.metric = NULL;
    options.size = 0;
    OK(mlf_study_create(&options, &study) == MLF_ERR_INVAL, "options are begun by their macro");
    OK(mlf_study_load(NULL, NULL, &study) == MLF_ERR_INVAL && study == NULL, "NULL is no study");
    options.size = sizeof(options);
    OK(mlf_study_load("s", &options, &study) == MLF_ERR_INVAL &&
           strstr(mlf_errmsg(), "in memory") != NULL,
       "nothing is loaded into memory alone");
}

/* ---- ends ---- */

static void endings(void)
{
    mlf_study *study = make("random", 1);
    const double nan[] = {NAN}, one[] = {1}, two[] = {1, 2}, infinite[] = {-INFINITY};
    mlf_trial *trial = ask(study);
    IS(mlf_study_tell(study, trial, MLF_TRIAL_COMPLETE, nan, 1), MLF_ERR_INVAL,
       "NaN is no value of a complete trial");
    IS(mlf_study_tell(study, trial, MLF_TRIAL_COMPLETE, two, 2), MLF_ERR_INVAL,
       "neither are two of one");
    IS(mlf_study_tell(study, trial, MLF_TRIAL_COMPLETE, NULL, 1), MLF_ERR_INVAL, "nor is NULL");
    IS(mlf_study_tell(study, trial, MLF_TRIAL_FAIL, one, 1), MLF_ERR_INVAL,
       "a failed trial is given no value");
    IS(mlf_study_tell(study, trial, MLF_TRIAL_PRUNED, one, 1), MLF_ERR_INVAL, "nor a pruned one");
    IS(mlf_study_tell(study, trial, MLF_TRIAL_WAITING, NULL, 0), MLF_ERR_INVAL,
       "no trial ends waiting");
    IS(mlf_study_tell(study, trial, MLF_TRIAL_RUNNING, infinite, 1), MLF_OK,
       "the trial is as it was, and infinity is a value");
    IS(mlf_study_tell(study, trial, MLF_TRIAL_RUNNING, one, 1), MLF_ERR_INVAL,
       "a trial is told once");
    mlf_trial_record told = record(study, 0);
    OK(told.state == MLF_TRIAL_COMPLETE && told.values[0] == -INFINITY, "it is complete");
    mlf_trial_record_free(&told);
    mlf_study_tell(study, ask(study), MLF_TRIAL_RUNNING, nan, 1);
    mlf_study_tell(study, ask(study), MLF_TRIAL_RUNNING, two, 2);
    mlf_study_tell(study, ask(study), MLF_TRIAL_RUNNING, NULL, 0);
    trial = ask(study);
    mlf_trial_report(trial, 5, 2);
    mlf_trial_report(trial, 7, 1);
    mlf_trial_report(trial, 9, 2);
    mlf_study_tell(study, trial, MLF_TRIAL_PRUNED, NULL, 0);
    mlf_trial_list all;
    mlf_study_trials(study, &all);
    OK(all.n_trials == 5 && all.trials[1].state == MLF_TRIAL_FAIL &&
           all.trials[2].state == MLF_TRIAL_FAIL && all.trials[3].state == MLF_TRIAL_FAIL &&
           all.trials[3].n_values == 0,
       "NaN, another number of values and none make a failed trial when no state is given");
    OK(all.trials[4].state == MLF_TRIAL_PRUNED && all.trials[4].n_values == 1 &&
           all.trials[4].values[0] == 5 && all.trials[4].n_intermediate == 2 &&
           all.trials[4].intermediate[0].step == 1,
       "a pruned trial has its last reported value; a step's first report counts");
    mlf_trial_list_free(&all);
    mlf_study_destroy(study);
}

static void notes(void)
{
    mlf_study *study = make("random", 1);
    mlf_trial *trial = ask(study);
    mlf_trial_set_user_attr(trial, "note", "one");
    mlf_trial_set_user_attr(trial, "note", "two");
    STR(mlf_trial_get_user_attr(trial, "note"), "two", "an attribute has its last value");
    OK(mlf_trial_get_user_attr(trial, "other") == NULL, "what was not set is not there");
    IS(mlf_trial_set_user_attr(trial, "run_id", "x"), MLF_ERR_INVAL, "run_id is the library's");
    IS(mlf_trial_set_user_attr(trial, "a\xff", "x"), MLF_ERR_INVAL, "a key is UTF-8");
    IS(mlf_trial_set_constraint(trial, "a\xff", 1), MLF_ERR_INVAL, "a constraint's, too");
    static char huge[MLF__NOTES_MAX];
    memset(huge, 'x', sizeof(huge) - 1);
    OK(mlf_trial_set_user_attr(trial, "huge", huge) == MLF_ERR_FULL &&
           mlf_trial_get_user_attr(trial, "huge") == NULL,
       "what no tag can keep is refused: %s", mlf_errmsg());
    huge[MLF__NOTES_MAX / 2] = '\0';
    OK(mlf_trial_set_user_attr(trial, "half", huge) == MLF_OK &&
           mlf_trial_set_user_attr(trial, "half", huge) == MLF_OK &&
           mlf_trial_set_user_attr(trial, "rest", huge) == MLF_ERR_FULL &&
           mlf_trial_set_constraint(trial, huge, 1) == MLF_ERR_FULL,
       "also as a sum");
    IS(mlf_trial_set_constraint(trial, "c", NAN), MLF_ERR_INVAL, "NaN is no constraint");
    mlf_trial_set_constraint(trial, "c", 1);
    IS(mlf_trial_set_constraint(trial, "c", -1), MLF_OK, "a second value is ignored");
    IS(mlf_trial_report(trial, 1, -1), MLF_ERR_INVAL, "a negative step is refused");
    IS(mlf_trial_report(trial, 1, (INT64_C(1) << 53) + 1), MLF_ERR_INVAL,
       "so is one that is no double, for it could not be read back");
    tell(study, trial, -5);
    mlf_trial_record best;
    IS(mlf_study_best_trial(study, &best), MLF_ERR_NOT_FOUND,
       "an infeasible trial is not the best");
    mlf_trial_record_free(&best);
    trial = ask(study);
    mlf_trial_set_constraint(trial, "c", 0);
    tell(study, trial, 3);
    OK(mlf_study_best_trial(study, &best) == MLF_OK && best.number == 1 &&
           best.n_constraints == 1 && best.constraints[0].value == 0,
       "a worse feasible one is");
    mlf_trial_record_free(&best);
    mlf_study_destroy(study);
}

static void several_objectives(void)
{
    mlf_study *study = make("random", 2);
    const double points[][2] = {{1, 1}, {2, 5}, {2, 4}, {1, 1}, {0, -INFINITY}, {-9, 9}};
    for (size_t i = 0; i < MLF__ARRAY_LEN(points); i++) {
        mlf_trial *trial = ask(study);
        if (i == 5)
            mlf_trial_set_constraint(trial, "c", 1);
        if (i == 0)
            OK(mlf_trial_report(trial, 1, 1) == MLF_ERR_UNSUPPORTED &&
                   !mlf_trial_should_prune(trial),
               "several objectives have no intermediate values");
        mlf_study_tell(study, trial, MLF_TRIAL_RUNNING, points[i], 2);
    }
    mlf_trial_list front;
    mlf_trial_record best;
    IS(mlf_study_best_trial(study, &best), MLF_ERR_STATE, "there is no single best trial");
    IS(mlf_study_n_objectives(study), 2, "their number is told");
    OK(mlf_study_best_trials(study, &front) == MLF_OK && front.n_trials == 4 &&
           front.trials[0].number == 0 && front.trials[1].number == 1 &&
           front.trials[2].number == 3 && front.trials[3].number == 4,
       "the feasible trials that none dominates, equal ones all");
    mlf_trial_list_free(&front);
    mlf_study_destroy(study);
}

static void equal_best(void)
{
    mlf_study *study = make("random", 1);
    mlf_trial_list list;
    OK(mlf_study_best_trials(study, &list) == MLF_OK && list.n_trials == 0,
       "without trials the list is empty");
    const double values[] = {2, 1, 1};
    for (int i = 0; i < 3; i++)
        tell(study, ask(study), values[i]);
    OK(mlf_study_best_trials(study, &list) == MLF_OK && list.n_trials == 2 &&
           list.trials[0].number == 1,
       "equally good trials are all there");
    mlf_trial_list_free(&list);
    mlf_study_destroy(study);
}

/* ---- the queue ---- */

static void queue(void)
{
    mlf_study *study = make("random", 1);
    const mlf_key_value params[] = {{"x", "50"}, {"c", "blue"}},
                        close[] = {{"c", "blue"}, {"x", "50.0001"}},
                        other[] = {{"x", "51"}, {"c", "blue"}};
    mlf_trial *before = ask(study);
    IS(mlf_study_enqueue(study, params, 2, false), MLF_OK, "a trial is enqueued");
    mlf_study_enqueue(study, close, 2, true);
    mlf_study_enqueue(study, other, 2, true);
    mlf_trial_list all;
    mlf_study_trials(study, &all);
    OK(all.n_trials == 3 && all.trials[1].state == MLF_TRIAL_WAITING &&
           all.trials[1].start_time_ms == -1,
       "one with the same params is not enqueued again, others are, and wait");
    mlf_trial_list_free(&all);
    mlf_trial *trial = ask(study);
    double x, y;
    size_t c;
    IS(mlf_trial_number(trial), 1, "the enqueued trial comes first");
    OK(mlf_suggest_float(trial, "x", 0, 1, 0, &x) == MLF_OK && x == 50,
       "a given value is taken, also outside the range");
    OK(mlf_suggest_categorical(trial, "c", COLOURS, 3, &c) == MLF_OK && c == 2, "also a choice");
    OK(mlf_suggest_float(trial, "y", 0, 1, 0, &y) == MLF_OK && y >= 0 && y < 1,
       "what is not given is sampled");
    tell(study, trial, 1);
    tell(study, before, 1);
    IS(mlf_trial_number(ask(study)), 2, "then the next one of the queue");
    IS(mlf_trial_number(ask(study)), 3, "then new ones");
    mlf_study_destroy(study);
}

static void bad_queue(void)
{
    mlf_study *study = make("random", 1);
    const mlf_key_value twice[] = {{"x", "1"}, {"x", "2"}}, hole[] = {{"x", NULL}},
                        wrong[] = {{"x", "pink"}, {"c", "pink"}, {"l", "-1"}};
    double x;
    IS(mlf_study_enqueue(study, twice, 2, false), MLF_ERR_INVAL, "a param is given once");
    IS(mlf_study_enqueue(study, hole, 1, false), MLF_ERR_INVAL, "NULL is no value");
    IS(mlf_study_enqueue(study, NULL, 1, false), MLF_ERR_INVAL, "NULL is no list");
    static char huge[MLF__NOTES_MAX];
    memset(huge, 'x', sizeof(huge) - 1);
    const mlf_key_value no_key[] = {{"a\nb", "1"}}, too_long[] = {{"a", huge}};
    IS(mlf_study_enqueue(study, no_key, 1, false), MLF_ERR_INVAL,
       "a name that no parameter can have is refused");
    IS(mlf_study_enqueue(study, too_long, 1, false), MLF_ERR_FULL,
       "so are values that no tag can keep");
    mlf_study_enqueue(study, wrong, 3, false);
    mlf_trial *trial = ask(study);
    OK(mlf_suggest_float(trial, "x", 0, 1, 0, &x) == MLF_ERR_INVAL && isnan(x) &&
           strstr(mlf_errmsg(), "x: \"pink\"") != NULL,
       "a value of another kind is refused where it is asked for");
    IS(mlf_suggest_categorical(trial, "c", COLOURS, 3, &(size_t){0}), MLF_ERR_INVAL,
       "so is a choice that is none");
    IS(mlf_suggest_float_log(trial, "l", 1, 2, &x), MLF_ERR_INVAL,
       "and a negative value on a log scale");
    mlf_study_destroy(study);
}

/* ---- optimising ---- */

struct script {
    mlf_study *study;
    int fail_at, stop_at;
    _Atomic int n_called, n_callbacks, n_complete;
    mlf_status inside;
};

static mlf_status square(mlf_trial *trial, void *user, double *values)
{
    struct script *script = user;
    double x, y;
    int64_t number = mlf_trial_number(trial);
    script->n_called++;
    if (mlf_suggest_float(trial, "x", -5, 5, 0, &x) != MLF_OK ||
        mlf_suggest_float(trial, "y", -5, 5, 0, &y) != MLF_OK)
        return MLF_ERR_STATE;
    if (number == 1)
        script->inside = mlf_study_optimize(script->study, square, 1, user);
    if (number == 2)
        return MLF_ERR_PRUNED;
    if (number == script->fail_at)
        return MLF_ERR_IO;
    if (number == script->stop_at)
        mlf_study_stop(script->study);
    if (number != 3)
        values[0] = x * x + y * y;
    return MLF_OK;
}

static void count(mlf_study *study, const mlf_trial_record *trial, void *user)
{
    struct script *script = user;
    (void)study;
    script->n_callbacks++;
    script->n_complete += trial->state == MLF_TRIAL_COMPLETE;
}

static void optimise(void)
{
    struct script script = {.study = make("random", 1), .fail_at = -1, .stop_at = -1};
    mlf_study_add_callback(script.study, count, &script);
    IS(mlf_study_optimize(script.study, square, 20, &script), MLF_OK, "an optimisation ends well");
    OK(script.n_called == 20 && script.n_callbacks == 20, "it ran as many trials as it was told");
    IS(script.inside, MLF_ERR_STATE, "within an objective there is no other optimisation");
    mlf_trial_list all;
    mlf_study_trials(script.study, &all);
    OK(all.trials[2].state == MLF_TRIAL_PRUNED && all.trials[3].state == MLF_TRIAL_FAIL &&
           script.n_complete == 18,
       "MLF_ERR_PRUNED prunes, a value that is not stored fails");
    mlf_trial_list_free(&all);
    script.stop_at = 24;
    mlf_study_optimize(script.study, square, 20, &script);
    IS(script.n_called, 25, "stopping ends it after the trial that is going on");
    script.fail_at = 26;
    IS(mlf_study_optimize(script.study, square, 20, &script), MLF_ERR_IO,
       "a failed objective ends it with its status");
    OK(script.n_called == 27 && strncmp(mlf_errmsg(), "trial 26 failed: ", 17) == 0,
       "and its number: %s", mlf_errmsg());
    mlf_optimize_options options = MLF_OPTIMIZE_OPTIONS_INIT;
    options.n_trials = 5;
    options.catch_errors = true;
    script.fail_at = 28;
    IS(mlf_study_optimize_with(script.study, square, &script, &options), MLF_OK,
       "unless errors are caught");
    IS(script.n_callbacks, 32, "callbacks see failed trials too");
    mlf_study_destroy(script.study);
}

static mlf_status wrong_range(mlf_trial *trial, void *user, double *values)
{
    (void)user;
    return mlf_suggest_float(trial, "lr", 1, 0, 0, values);
}

static mlf_status timeless(mlf_trial *trial, void *user, double *values)
{
    (void)trial;
    (void)user;
    *values = 1;
    return MLF_OK;
}

static void optimise_options(void)
{
    mlf_study *study = make("random", 1);
    mlf_optimize_options options = MLF_OPTIMIZE_OPTIONS_INIT;
    OK(mlf_study_optimize(study, wrong_range, 3, NULL) == MLF_ERR_INVAL &&
           strcmp(mlf_errmsg(), "trial 0 failed: lr: low 1 is above high 0") == 0,
       "what a call within the objective complained of is passed on");
    options.timeout_s = 1e-9;
    OK(mlf_study_optimize_with(study, timeless, NULL, &options) == MLF_OK,
       "without a number of trials time ends an optimisation");
    options.timeout_s = NAN;
    IS(mlf_study_optimize_with(study, timeless, NULL, &options), MLF_ERR_INVAL, "NaN is no time");
    options.timeout_s = 0;
    options.n_trials = -1;
    IS(mlf_study_optimize_with(study, timeless, NULL, &options), MLF_ERR_INVAL,
       "-1 is no number of trials");
    options.n_jobs = 100000;
    options.n_trials = 1;
    IS(mlf_study_optimize_with(study, timeless, NULL, &options), MLF_ERR_INVAL,
       "there are not so many threads");
    options.size = 1;
    IS(mlf_study_optimize_with(study, timeless, NULL, &options), MLF_ERR_INVAL,
       "options are begun by their macro");
    IS(mlf_study_optimize(study, NULL, 1, NULL), MLF_ERR_INVAL, "NULL is no objective");
    IS(mlf_study_optimize(study, timeless, 0, NULL), MLF_ERR_INVAL, "0 trials are none");
    mlf_study_destroy(study);
}

static void optimise_in_threads(void)
{
    struct script script = {.study = make("random", 1), .fail_at = -1, .stop_at = -1};
    mlf_optimize_options options = MLF_OPTIMIZE_OPTIONS_INIT;
    options.n_trials = 200;
    options.n_jobs = 4;
    mlf_study_add_callback(script.study, count, &script);
    IS(mlf_study_optimize_with(script.study, square, &script, &options), MLF_OK,
       "four threads optimise");
    OK(script.n_called == 200 && script.n_callbacks == 200,
       "together they run as many trials as they were told");
    mlf_trial_list all, alone;
    mlf_study_trials(script.study, &all);
    struct script other = {.study = make("random", 1), .fail_at = -1, .stop_at = -1};
    mlf_study_optimize(other.study, square, 200, &other);
    mlf_study_trials(other.study, &alone);
    int differ = 0;
    for (size_t i = 0; i < 200; i++)
        differ += all.trials[i].params[0].number != alone.trials[i].params[0].number ||
                  all.trials[i].params[1].number != alone.trials[i].params[1].number;
    IS(differ, 0, "a random trial's values depend on seed and number alone");
    mlf_trial_list_free(&all);
    mlf_trial_list_free(&alone);
    mlf_study_destroy(script.study);
    mlf_study_destroy(other.study);
}

/* ---- objectives that do what they had better not do ---- */

struct misuse {
    mlf_study *study;
    mlf_status told, child;
    int n_called;
};

static mlf_status tells_itself(mlf_trial *trial, void *user, double *values)
{
    struct misuse *misuse = user;
    misuse->told = mlf_study_tell(misuse->study, trial, MLF_TRIAL_COMPLETE, &(double){9}, 1);
    *values = 1;
    return MLF_OK;
}

static mlf_status destroys(mlf_trial *trial, void *user, double *values)
{
    struct misuse *misuse = user;
    misuse->n_called++;
    mlf_study_destroy(misuse->study);
    return mlf_suggest_float(trial, "x", 0, 1, 0, values);
}

static mlf_study *interrupted;

static void interrupt(int signal_number)
{
    (void)signal_number;
    mlf_study_stop(interrupted);
}

/* The signal comes while the study's mutex is held. */
static mlf_status is_interrupted(mlf_trial *trial, void *user, double *values)
{
    struct misuse *misuse = user;
    (void)trial;
    misuse->n_called++;
    mlf__study_lock(misuse->study);
    raise(SIGUSR1);
    mlf__study_unlock(misuse->study);
    *values = 1;
    return MLF_OK;
}

static void misuses(void)
{
    struct misuse misuse = {.study = make("random", 1)};
    mlf_trial_record best = {0};
    OK(mlf_study_optimize(misuse.study, tells_itself, 1, &misuse) == MLF_OK &&
           misuse.told == MLF_ERR_STATE,
       "an objective cannot tell its own trial");
    OK(mlf_study_best_trial(misuse.study, &best) == MLF_OK && best.values[0] == 1,
       "what it returns counts");
    mlf_trial_record_free(&best);
    interrupted = misuse.study;
    signal(SIGUSR1, interrupt);
    OK(mlf_study_optimize(misuse.study, is_interrupted, 5, &misuse) == MLF_OK &&
           misuse.n_called == 1,
       "a signal handler stops an optimisation");
    OK(mlf_study_optimize(misuse.study, destroys, 5, &misuse) == MLF_OK && misuse.n_called == 2,
       "a study that its objective destroys is stopped, and then freed");
}

/* In a child everything is refused, though a thread that is not there held the mutex, and the objective may return. */
static mlf_status forks(mlf_trial *trial, void *user, double *values)
{
    struct misuse *misuse = user;
    int status = 0;
    mlf__study_lock(misuse->study);
    pid_t child = fork();
    if (child != 0)
        mlf__study_unlock(misuse->study);
    misuse->child = mlf_suggest_float(trial, "x", 0, 1, 0, values);
    if (child != 0 && (waitpid(child, &status, 0) != child || status != 0))
        return MLF_ERR_IO;
    return misuse->child;
}

static void forked(void)
{
    struct misuse misuse = {.study = make("random", 1)};
    const pid_t parent = getpid();
    mlf_trial_list list;
    mlf_status status = mlf_study_optimize(misuse.study, forks, 1, &misuse);
    if (getpid() != parent) {
        alarm(10);
        bool refused = status == MLF_ERR_STATE && misuse.child == MLF_ERR_STATE &&
                       mlf_study_ask(misuse.study, &(mlf_trial *){NULL}) == MLF_ERR_STATE &&
                       mlf_study_trials(misuse.study, &list) == MLF_ERR_STATE &&
                       mlf_study_enqueue(misuse.study, NULL, 0, false) == MLF_ERR_STATE;
        mlf_study_destroy(misuse.study);
        _exit(refused ? 0 : 1);
    }
    OK(status == MLF_OK && misuse.child == MLF_OK,
       "a forked child is refused, its parent goes on: %s", mlf_errmsg());
    mlf_study_destroy(misuse.study);
}

/* ---- the same seed, the same study ---- */

enum { WAVES = 12, WIDTH = 4 };

static void *suggest_all(void *arg)
{
    double x;
    int64_t n;
    size_t c;
    mlf_suggest_float(arg, "x", -5, 5, 0, &x);
    mlf_suggest_categorical(arg, "c", COLOURS, 3, &c);
    mlf_suggest_int(arg, "n", 0, 100, 5, &n);
    return NULL;
}

/* Which names there are depends on a choice, so that threads ask for new ones in any order. */
static void *suggest_some(void *arg)
{
    double x;
    size_t c;
    suggest_all(arg);
    mlf_suggest_categorical(arg, "c", COLOURS, 3, &c);
    if (c != 1)
        mlf_suggest_float_log(arg, COLOURS[c], 1e-3, 1, &x);
    return NULL;
}

/* Waves of trials that are asked for one after the other, suggest at once in |threads|, and are told in an order. */
static mlf_trial_list run_waves(const char *sampler, void *(*suggest)(void *), bool threads)
{
    mlf_study *study = make(sampler, 1);
    for (int wave = 0; wave < WAVES; wave++) {
        mlf_trial *trials[WIDTH];
        pthread_t ids[WIDTH];
        for (int i = 0; i < WIDTH; i++)
            trials[i] = ask(study);
        for (int i = 0; i < WIDTH; i++) {
            if (!threads)
                suggest(trials[i]);
            else if (pthread_create(&ids[i], NULL, suggest, trials[i]) != 0)
                exit(1);
        }
        for (int i = 0; threads && i < WIDTH; i++)
            pthread_join(ids[i], NULL);
        for (int i = WIDTH; i-- > 0;) {
            double x;
            mlf_suggest_float(trials[i], "x", -5, 5, 0, &x);
            tell(study, trials[i], x * x);
        }
    }
    mlf_trial_list out;
    mlf_study_trials(study, &out);
    mlf_study_destroy(study);
    return out;
}

static double value_of(const mlf_trial_record *trial, const char *name)
{
    for (size_t i = 0; i < trial->n_params; i++) {
        if (strcmp(trial->params[i].name, name) == 0)
            return trial->params[i].number;
    }
    return -1;
}

static void reproducible(const char *sampler, void *(*suggest)(void *))
{
    static const char *const NAMES[] = {"x", "c", "n", "red", "blue"};
    mlf_trial_list alone = run_waves(sampler, suggest, false),
                   together = run_waves(sampler, suggest, true);
    int differ = alone.n_trials != together.n_trials;
    for (size_t i = 0; i < alone.n_trials && !differ; i++) {
        for (size_t k = 0; k < MLF__ARRAY_LEN(NAMES); k++)
            differ +=
                value_of(&alone.trials[i], NAMES[k]) != value_of(&together.trials[i], NAMES[k]);
    }
    OK(differ == 0, "%s: a seed gives the same study in one thread and in four", sampler);
    mlf_trial_list_free(&alone);
    mlf_trial_list_free(&together);
}

/* ---- inside calls ---- */

static void inside_calls(void)
{
    mlf_study *study = make("random", 1);
    const char *const names[] = {"x", "c"};
    struct mlf__dist dists[2];
    mlf_trial *trial;
    mlf__dist_float("x", 0, 1, 0, false, &dists[0]);
    mlf__dist_categorical("c", COLOURS, 3, &dists[1]);
    OK(mlf__study_ask_all(study, names, dists, 2, &trial) == MLF_OK && trial->row->n_params == 2,
       "a trial is asked for with all its values");
    uint32_t name = trial->row->params[0].name, dist = trial->row->params[0].dist;
    tell(study, trial, 3);
    const struct mlf__param_value params[] = {{name, dist, 0.25}};
    OK(mlf__study_add_finished(study, params, 1, &(double){-1}, 1) == MLF_OK, "a trial is added");
    IS(mlf__study_add_finished(study, params, 1, &(double){NAN}, 1), MLF_ERR_INVAL,
       "but none without a value");
    mlf_trial_record best;
    OK(mlf_study_best_trial(study, &best) == MLF_OK && best.number == 1 &&
           strcmp(best.params[0].value, "0.25") == 0,
       "it counts like any other");
    mlf_trial_record_free(&best);
    mlf__dist_free(&dists[1]);
    static const char *const TWO[] = {"a", "b"};
    mlf__dist_categorical("c", TWO, 2, &dists[1]);
    OK(mlf__study_ask_all(study, names, dists, 2, &trial) == MLF_ERR_INVAL && trial == NULL,
       "a value that cannot be drawn fails the trial");
    mlf_trial_record failed = record(study, 2);
    IS(failed.state, MLF_TRIAL_FAIL, "which is kept as failed");
    mlf_trial_record_free(&failed);
    mlf__dist_free(&dists[1]);
    mlf_study_destroy(study);
}

/* Memory runs out at every place of a short study in turn. */
static void memory(void)
{
    int failures = 0;
    for (long n = 1; n < 200; n++) {
        mlf_study *study = NULL;
        mlf_trial *trial = NULL;
        mlf_trial_list list = {0};
        double x = 1;
        const mlf_key_value given[] = {{"y", "0.5"}};
        mlf_study_options options = MLF_STUDY_OPTIONS_INIT;
        options.sampler = "random";
        options.pruner = "none";
        options.in_memory = true;
        mlf__alloc_fail_after(n);
        mlf_status status = mlf_study_create(&options, &study);
        if (status == MLF_OK)
            status = mlf_study_enqueue(study, given, 1, true);
        if (status == MLF_OK)
            status = mlf_study_ask(study, &trial);
        if (status == MLF_OK)
            status = mlf_suggest_float(trial, "x", 0, 1, 0.25, &x);
        if (status == MLF_OK)
            status = mlf_suggest_categorical(trial, "c", COLOURS, 3, &(size_t){0});
        if (status == MLF_OK)
            status = mlf_trial_set_user_attr(trial, "a", "b");
        if (status == MLF_OK)
            status = mlf_study_tell(study, trial, MLF_TRIAL_COMPLETE, &x, 1);
        if (status == MLF_OK)
            status = mlf_study_best_trials(study, &list);
        mlf__alloc_fail_after(0);
        failures += status == MLF_ERR_NOMEM;
        if (status != MLF_OK && status != MLF_ERR_NOMEM)
            OK(false, "allocation %ld: %s", n, mlf_errmsg());
        mlf_trial_list_free(&list);
        mlf_study_destroy(study);
    }
    OK(failures > 30 && failures < 199, "each of %d allocations may fail", failures);
}

int main(void)
{
    suggestions();
    asked_again();
    bad_arguments();
    bad_studies();
    endings();
    notes();
    several_objectives();
    equal_best();
    queue();
    bad_queue();
    optimise();
    optimise_options();
    optimise_in_threads();
    misuses();
    forked();
    reproducible("random", suggest_some);
    reproducible("tpe", suggest_all);
    reproducible("cmaes", suggest_all);
    inside_calls();
    memory();
    return tap_done();
}
