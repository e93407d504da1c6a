/* SPDX-License-Identifier: Apache-2.0 */
/* Studies: making, loading and ending them, beginning trials and taking in how they ended.
 *
 * THREAD SAFETY NOTES: everything of a study is behind its mutex. A sampler is asked while it is held, so
 * that what a trial's values depend on is fixed at that moment. */
#include "tuner/study.h"

#include "core/mem.h"
#include "core/session.h"
#include "core/sys.h"
#include "tracking/names.h"
#include "tuner/study_log.h"

#include <math.h>
#include <string.h>
#include <sys/random.h>

/* ---- who may use it ---- */

/* Of this process and those it was forked from, since the first study. */
static _Atomic unsigned n_forks;
static pthread_once_t at_fork = PTHREAD_ONCE_INIT;

static void count_fork(void)
{
    n_forks++;
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, count_fork);
}

bool mlf__study_is_forked(const mlf_study *study)
{
    return study->forks != n_forks;
}

void mlf__study_lock(mlf_study *study)
{
    pthread_mutex_lock(&study->lock);
}

void mlf__study_unlock(mlf_study *study)
{
    pthread_mutex_unlock(&study->lock);
}

mlf_status mlf__study_enter(mlf_study *study)
{
    if (mlf__study_is_forked(study))
        return mlf__fail(MLF_ERR_STATE,
                         "the study \"%s\" is of the process that this one was forked from",
                         study->name);
    mlf__study_lock(study);
    return MLF_OK;
}

/* ---- making ---- */

static mlf_status set_text(char **out, const char *text)
{
    char *copy = mlf__strdup(text);
    if (copy == NULL)
        return MLF_ERR_NOMEM;
    mlf__free(*out);
    *out = copy;
    return MLF_OK;
}

static mlf_status set_direction(mlf_study *study, size_t i, mlf_direction direction)
{
    if (direction != MLF_MINIMIZE && direction != MLF_MAXIMIZE)
        return mlf__fail(MLF_ERR_INVAL,
                         "the direction of objective %zu is neither minimize nor maximize", i);
    study->history.directions[i] = direction;
    return MLF_OK;
}

static mlf_status set_metric(mlf_study *study, size_t i, const char *name)
{
    if (name == NULL)
        return mlf__fail(MLF_ERR_INVAL, "the name of objective %zu is NULL", i);
    mlf_status status = mlf__check_key(name, "Metric name");
    for (size_t k = 0; k < i && status == MLF_OK; k++) {
        if (strcmp(study->metrics[k], name) == 0)
            status = mlf__fail(MLF_ERR_INVAL, "two objectives are called \"%s\"", name);
    }
    return status == MLF_OK ? set_text(&study->metrics[i], name) : status;
}

static mlf_status set_objectives(mlf_study *study, const mlf_study_options *options)
{
    size_t n = options->n_objectives;
    if (n > MLF__OBJECTIVES_MAX)
        return mlf__fail(MLF_ERR_INVAL, "%zu objectives: there may be %d", n, MLF__OBJECTIVES_MAX);
    if (n > 0 && (options->metrics == NULL || options->directions == NULL))
        return mlf__fail(MLF_ERR_INVAL, "metrics and directions of the %zu objectives are needed",
                         n);
    if (n == 0) {
        study->history.n_objectives = 1;
        mlf_status status =
            set_metric(study, 0, options->metric != NULL ? options->metric : "value");
        return status == MLF_OK ? set_direction(study, 0, options->direction) : status;
    }
    study->history.n_objectives = n;
    mlf_status status = MLF_OK;
    for (size_t i = 0; i < n && status == MLF_OK; i++) {
        status = set_metric(study, i, options->metrics[i]);
        if (status == MLF_OK)
            status = set_direction(study, i, options->directions[i]);
    }
    return status;
}

/* Never 0; no more bits than a JSON number keeps. */
static uint64_t random_seed(void)
{
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed))
        seed = (uint64_t)mlf__now_ns();
    seed &= (UINT64_C(1) << 53) - 1;
    return seed != 0 ? seed : 1;
}

static mlf_status new_study(mlf_study **out)
{
    *out = mlf__zalloc(1, sizeof(**out));
    if (*out == NULL)
        return MLF_ERR_NOMEM;
    pthread_once(&at_fork, watch_forks);
    (*out)->forks = n_forks;
    pthread_mutex_init(&(*out)->lock, NULL);
    return MLF_OK;
}

static void free_handle(mlf_trial *trial)
{
    trial->row->joint = NULL;
    mlf__free(trial->joint.params);
    mlf__free(trial);
}

static void free_study(mlf_study *study)
{
    while (study->going != NULL) {
        mlf_trial *trial = study->going;
        study->going = trial->next;
        free_handle(trial);
    }
    mlf__sampler_close(study->sampler);
    mlf__pruner_close(study->pruner);
    mlf__history_free(&study->history);
    for (size_t i = 0; i < MLF__OBJECTIVES_MAX; i++)
        mlf__free(study->metrics[i]);
    mlf__free(study->name);
    mlf__free(study->sampler_text);
    mlf__free(study->pruner_text);
    mlf__free(study->definitions);
    mlf__free(study->callbacks);
    pthread_mutex_destroy(&study->lock);
    mlf__free(study);
}

/* Texts of sampler and pruner, and the seed, where |options| give them. */
static mlf_status set_search(mlf_study *study, const mlf_study_options *options)
{
    mlf_status status = MLF_OK;
    if (options->sampler != NULL)
        status = set_text(&study->sampler_text, options->sampler);
    if (status == MLF_OK && options->pruner != NULL)
        status = set_text(&study->pruner_text, options->pruner);
    if (options->seed != 0)
        study->seed = options->seed;
    return status;
}

/* By the study's texts; what is missing takes the defaults. */
static mlf_status open_search(mlf_study *study)
{
    mlf_status status = MLF_OK;
    if (study->sampler_text == NULL)
        status = set_text(&study->sampler_text, "auto");
    if (status == MLF_OK && study->pruner_text == NULL)
        status = set_text(&study->pruner_text, "median");
    if (study->seed == 0)
        study->seed = random_seed();
    if (status == MLF_OK)
        status =
            mlf__sampler_open(study->sampler_text, &study->history, study->seed, &study->sampler);
    if (status == MLF_OK)
        status = mlf__pruner_open(study->pruner_text, &study->history, study->name, &study->pruner);
    return status;
}

static mlf_status check_options(const mlf_study_options *options)
{
    if (options->size < sizeof(*options))
        return mlf__fail(MLF_ERR_INVAL, "study options without MLF_STUDY_OPTIONS_INIT");
    if (options->name != NULL && options->name[0] == '\0')
        return mlf__fail(MLF_ERR_INVAL, "the study's name is empty");
    return MLF_OK;
}

/* With MLF_OFF nothing is logged, and a study works all the same. */
static mlf_status open_log(mlf_study *study, const struct mlf__study_sink *sink)
{
    if (sink == NULL && mlf__session_init() == MLF__SESSION_OFF)
        return MLF_OK;
    return mlf__study_log_create(study, sink, &study->log);
}

mlf_status mlf__study_create_in(const mlf_study_options *options,
                                const struct mlf__study_sink *sink, mlf_study **out)
{
    if (out == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_study_create: out is NULL");
    *out = NULL;
    static const mlf_study_options DEFAULTS = MLF_STUDY_OPTIONS_INIT;
    options = options != NULL ? options : &DEFAULTS;
    mlf_study *study;
    mlf_status status = check_options(options);
    if (status == MLF_OK)
        status = new_study(&study);
    if (status != MLF_OK)
        return status;
    status = set_text(&study->name, options->name != NULL ? options->name : "study");
    if (status == MLF_OK)
        status = set_objectives(study, options);
    if (status == MLF_OK)
        status = set_search(study, options);
    if (status == MLF_OK)
        status = open_search(study);
    if (status == MLF_OK && !options->in_memory)
        status = open_log(study, sink);
    if (status != MLF_OK) {
        free_study(study);
        return status;
    }
    *out = study;
    return MLF_OK;
}

/* What was asked for before holds for the trials to come. */
static mlf_status define_all(mlf_study *study)
{
    mlf_status status = MLF_OK;
    for (size_t i = 0; i < study->history.n_trials && status == MLF_OK; i++) {
        const struct mlf__trial *trial = study->history.trials[i];
        for (size_t k = 0; k < trial->n_params && status == MLF_OK; k++)
            status = mlf__study_define(study, trial->params[k].name, trial->params[k].dist);
    }
    return status;
}

mlf_status mlf__study_load_in(const char *which, const mlf_study_options *options,
                              const struct mlf__study_sink *sink, mlf_study **out)
{
    if (out == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_study_load: out is NULL");
    *out = NULL;
    if (which == NULL || which[0] == '\0')
        return mlf__fail(MLF_ERR_INVAL, "mlf_study_load: no study is named");
    static const mlf_study_options DEFAULTS = MLF_STUDY_OPTIONS_INIT;
    options = options != NULL ? options : &DEFAULTS;
    mlf_study *study;
    mlf_status status = check_options(options);
    if (status == MLF_OK && options->in_memory)
        status = mlf__fail(MLF_ERR_INVAL,
                           "mlf_study_load: a study that is kept in memory cannot be loaded");
    if (status == MLF_OK)
        status = new_study(&study);
    if (status != MLF_OK)
        return status;
    status = mlf__study_log_load(study, which, sink, &study->log);
    if (status == MLF_OK)
        status = set_search(study, options);
    if (status == MLF_OK)
        status = open_search(study);
    if (status == MLF_OK)
        status = define_all(study);
    if (status != MLF_OK) {
        if (study->log != NULL)
            mlf__study_log_close(study->log, MLF_RUN_FINISHED);
        free_study(study);
        return status;
    }
    *out = study;
    return MLF_OK;
}

mlf_status mlf_study_create(const mlf_study_options *options, mlf_study **out)
{
    return mlf__study_create_in(options, NULL, out);
}

mlf_status mlf_study_load(const char *study, const mlf_study_options *options, mlf_study **out)
{
    return mlf__study_load_in(study, options, NULL, out);
}

mlf_run *mlf_study_run(const mlf_study *study)
{
    return study != NULL && study->log != NULL ? mlf__study_log_run(study->log) : NULL;
}

size_t mlf_study_n_objectives(const mlf_study *study)
{
    return study != NULL ? study->history.n_objectives : 0;
}

/* ---- beginning a trial ---- */

/* What |row|, which has just been started, needs to go on. */
static mlf_status begin(mlf_study *study, struct mlf__trial *row, mlf_trial **out)
{
    mlf_trial *trial = mlf__zalloc(1, sizeof(*trial));
    if (trial == NULL)
        return MLF_ERR_NOMEM;
    trial->study = study;
    trial->row = row;
    trial->n_told = study->history.n_told;
    const struct mlf__view view = {&study->history, trial->n_told, row};
    mlf_status status = mlf__sampler_ask(study->sampler, &view, &trial->joint);
    if (status == MLF_OK) {
        row->generation = trial->joint.generation;
        row->joint = &trial->joint;
        if (study->log != NULL)
            status = mlf__study_log_ask(study->log, row);
    }
    if (status != MLF_OK) {
        free_handle(trial);
        return status;
    }
    trial->next = study->going;
    study->going = trial;
    *out = trial;
    return MLF_OK;
}

mlf_status mlf__study_ask_locked(mlf_study *study, mlf_trial **out)
{
    *out = NULL;
    struct mlf__history *history = &study->history;
    struct mlf__trial *row = mlf__history_next_waiting(history);
    mlf_status status = row != NULL ? mlf__history_start(history, row)
                                    : mlf__history_add(history, MLF_TRIAL_RUNNING, &row);
    if (status != MLF_OK)
        return status;
    status = begin(study, row, out);
    /* Its number is taken: the next trial is this one. */
    if (status != MLF_OK)
        mlf__history_unstart(history, row);
    return status;
}

mlf_status mlf_study_ask(mlf_study *study, mlf_trial **out)
{
    if (study == NULL || out == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_study_ask: study or out is NULL");
    *out = NULL;
    mlf_status status = mlf__study_enter(study);
    if (status != MLF_OK)
        return status;
    status = mlf__study_ask_locked(study, out);
    mlf__study_unlock(study);
    return status;
}

mlf_status mlf__study_ask_all(mlf_study *study, const char *const *names,
                              const struct mlf__dist *dists, size_t n, mlf_trial **out)
{
    mlf_status status = mlf_study_ask(study, out);
    if (status != MLF_OK)
        return status;
    double value;
    for (size_t i = 0; i < n && status == MLF_OK; i++)
        status = mlf__suggest(*out, names[i], &dists[i], &value);
    if (status != MLF_OK) {
        mlf__study_tell(study, *out, MLF_TRIAL_FAIL, NULL, 0, false);
        *out = NULL;
    }
    return status;
}

/* ---- ending a trial ---- */

/* The link that holds |trial|, by address only: a trial that was told already is not touched. NULL: none. */
static mlf_trial **find_going(mlf_study *study, const mlf_trial *trial)
{
    mlf_trial **link = &study->going;
    while (*link != NULL && *link != trial)
        link = &(*link)->next;
    return *link != NULL ? link : NULL;
}

/* The state that |values| stand for; |*state| is what the caller said. */
static mlf_status decide_state(const mlf_study *study, const double *values, size_t n,
                               mlf_trial_state *state)
{
    const size_t wanted = study->history.n_objectives;
    if (*state == MLF_TRIAL_PRUNED || *state == MLF_TRIAL_FAIL)
        return n == 0 ? MLF_OK
                      : mlf__fail(MLF_ERR_INVAL, "mlf_study_tell: a %s trial is given no values",
                                  *state == MLF_TRIAL_FAIL ? "failed" : "pruned");
    if (*state != MLF_TRIAL_COMPLETE && *state != MLF_TRIAL_RUNNING)
        return mlf__fail(MLF_ERR_INVAL, "mlf_study_tell: a trial does not end in state %d",
                         (int)*state);
    bool right = n == wanted && values != NULL;
    for (size_t i = 0; right && i < n; i++)
        right = !isnan(values[i]);
    if (right)
        *state = MLF_TRIAL_COMPLETE;
    else if (*state == MLF_TRIAL_RUNNING)
        *state = MLF_TRIAL_FAIL;
    else
        return mlf__fail(MLF_ERR_INVAL,
                         "mlf_study_tell: a complete trial needs %zu value%s, none of them NaN",
                         wanted, wanted == 1 ? "" : "s");
    return MLF_OK;
}

/* With the mutex held. |state| is decided. */
static mlf_status finish(mlf_study *study, mlf_trial **link, mlf_trial_state state,
                         const double *values, bool has_metrics)
{
    mlf_trial *trial = *link;
    struct mlf__trial *row = trial->row;
    size_t n = state == MLF_TRIAL_COMPLETE ? study->history.n_objectives : 0;
    mlf_status status = mlf__history_finish(&study->history, row, state, values, n);
    if (status != MLF_OK)
        return status;
    *link = trial->next;
    free_handle(trial);
    status = mlf__sampler_tell(study->sampler, row);
    if (study->log != NULL) {
        mlf_status logged = mlf__study_log_tell(study->log, row, has_metrics);
        status = status == MLF_OK ? logged : status;
    }
    return status;
}

mlf_status mlf__study_tell(mlf_study *study, mlf_trial *trial, mlf_trial_state state,
                           const double *values, size_t n_values, bool has_metrics)
{
    if (study == NULL || trial == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_study_tell: study or trial is NULL");
    mlf_status status = mlf__study_enter(study);
    if (status != MLF_OK)
        return status;
    mlf_trial **link = find_going(study, trial);
    if (link == NULL)
        status = mlf__fail(MLF_ERR_INVAL, "mlf_study_tell: no such trial is going on");
    else if (trial->in_objective)
        status =
            mlf__fail(MLF_ERR_STATE, "mlf_study_tell: trial %lld ends when its objective returns",
                      (long long)trial->row->number);
    else
        status = decide_state(study, values, n_values, &state);
    if (status == MLF_OK && link != NULL)
        status = finish(study, link, state, values, has_metrics);
    mlf__study_unlock(study);
    return status;
}

mlf_status mlf_study_tell(mlf_study *study, mlf_trial *trial, mlf_trial_state state,
                          const double *values, size_t n_values)
{
    return mlf__study_tell(study, trial, state, values, n_values, false);
}

bool mlf__study_is_exhausted(mlf_study *study)
{
    if (mlf__study_enter(study) != MLF_OK)
        return true;
    bool exhausted = mlf__sampler_is_exhausted(study->sampler);
    mlf__study_unlock(study);
    return exhausted;
}

static mlf_status add_finished(mlf_study *study, const struct mlf__param_value *params, size_t n,
                               const double *values)
{
    struct mlf__trial *row;
    mlf_status status = mlf__history_add(&study->history, MLF_TRIAL_RUNNING, &row);
    for (size_t i = 0; i < n && status == MLF_OK; i++) {
        status = mlf__study_define(study, params[i].name, params[i].dist);
        if (status == MLF_OK)
            status = mlf__trial_set_param(row, params[i].name, params[i].dist, params[i].value);
    }
    if (row == NULL)
        return status;
    mlf_status finished = status == MLF_OK
                              ? mlf__history_finish(&study->history, row, MLF_TRIAL_COMPLETE,
                                                    values, study->history.n_objectives)
                              : status;
    /* What could not be taken in as a whole is no trial to learn from. */
    if (finished != MLF_OK)
        mlf__history_finish(&study->history, row, MLF_TRIAL_FAIL, NULL, 0);
    mlf_status told = mlf__sampler_tell(study->sampler, row);
    return finished == MLF_OK ? told : finished;
}

mlf_status mlf__study_add_finished(mlf_study *study, const struct mlf__param_value *params,
                                   size_t n, const double *values, size_t n_values)
{
    mlf_trial_state state = MLF_TRIAL_COMPLETE;
    mlf_status status = mlf__study_enter(study);
    if (status != MLF_OK)
        return status;
    status = decide_state(study, values, n_values, &state);
    if (status == MLF_OK)
        status = add_finished(study, params, n, values);
    mlf__study_unlock(study);
    return status;
}

/* ---- the end ---- */

mlf_status mlf__study_log_result(mlf_study *study, int64_t n_trials)
{
    if (study->log == NULL)
        return MLF_OK;
    mlf_status status = mlf__study_enter(study);
    if (status != MLF_OK)
        return status;
    status = mlf__study_log_best(study->log, n_trials);
    mlf__study_unlock(study);
    return status;
}

void mlf_study_destroy(mlf_study *study)
{
    /* A forked child leaves its copy alone: another thread may have been at work on it. */
    if (study == NULL || mlf__study_enter(study) != MLF_OK)
        return;
    if (study->optimizing) {
        study->destroyed = true;
        study->stop = true;
        mlf__study_unlock(study);
        return;
    }
    while (study->going != NULL)
        finish(study, &study->going, MLF_TRIAL_FAIL, NULL, false);
    if (study->log != NULL) {
        mlf__study_log_best(study->log, 0);
        mlf__study_log_close(study->log, MLF_RUN_FINISHED);
    }
    mlf__study_unlock(study);
    free_study(study);
}
