/* SPDX-License-Identifier: Apache-2.0 */
/* The loop that runs an objective, in the calling thread or in several.
 *
 * THREAD SAFETY NOTES: what the threads of an optimisation share is behind the study's mutex, which is not held while
 * an objective or a callback runs. Callbacks are added before, and only read here. */
#include "tuner/study.h"

#include "core/buf.h"
#include "core/mem.h"
#include "core/sys.h"
#include "tuner/study_log.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { JOBS_MAX = 4096, MESSAGE_SIZE = 1024 };

struct optimisation {
    mlf_study *study;
    mlf_objective *objective;
    void *user;
    const mlf_optimize_options *options;
    int64_t deadline_ns; /* monotonic */
    /* Behind the study's mutex. */
    int64_t n_started;
    mlf_status status; /* of the first trial that failed */
    char message[MESSAGE_SIZE];
};

/* Ends the optimisation because of |status|; |message| is the failing thread's. */
static void give_up(struct optimisation *work, mlf_status status, const char *message)
{
    /* In a forked child nobody else is at work. */
    bool locked = mlf__study_enter(work->study) == MLF_OK;
    if (work->status == MLF_OK) {
        work->status = status;
        mlf__copy_text(work->message, sizeof(work->message), message);
    }
    work->study->stop = true;
    if (locked)
        mlf__study_unlock(work->study);
}

/* The next trial to run; NULL when there is none. */
static mlf_status next_trial(struct optimisation *work, mlf_trial **out)
{
    mlf_study *study = work->study;
    const mlf_optimize_options *options = work->options;
    *out = NULL;
    mlf_status status = mlf__study_enter(study);
    if (status != MLF_OK)
        return status;
    bool done = study->stop || (options->n_trials > 0 && work->n_started >= options->n_trials) ||
                (options->timeout_s > 0 && mlf__monotonic_ns() >= work->deadline_ns) ||
                mlf__sampler_is_exhausted(study->sampler);
    if (!done) {
        work->n_started++;
        status = mlf__study_ask_locked(study, out);
        if (status == MLF_OK)
            (*out)->in_objective = true;
    }
    mlf__study_unlock(study);
    return status;
}

/* Runs the objective; |values| are NaN where it stores none. */
static mlf_status run_objective(const struct optimisation *work, mlf_trial *trial, double *values)
{
    struct mlf__study_log *log = work->study->log;
    for (size_t i = 0; i < MLF__OBJECTIVES_MAX; i++)
        values[i] = NAN;
    if (log != NULL) {
        mlf_status status = mlf__study_log_enter(log, trial->row, &trial->run);
        if (status != MLF_OK)
            return status;
    }
    mlf_status status = work->objective(trial, work->user, values);
    if (log != NULL) {
        mlf_run *run = trial->run;
        trial->run = NULL;
        mlf__study_log_leave(log, run);
    }
    return status;
}

static mlf_status call_back(mlf_study *study, const struct mlf__trial *row)
{
    if (study->n_callbacks == 0)
        return MLF_OK;
    mlf_trial_record record;
    mlf_status status = mlf__study_enter(study);
    if (status != MLF_OK)
        return status;
    status = mlf__study_record(study, row, &record);
    mlf__study_unlock(study);
    if (status != MLF_OK)
        return status;
    for (size_t i = 0; i < study->n_callbacks; i++)
        study->callbacks[i].fn(study, &record, study->callbacks[i].user);
    mlf_trial_record_free(&record);
    return MLF_OK;
}

/* Why the trial failed: the library's words when it was a call of the library that failed within the objective. |text|
 * has the thread's error text of before. */
static void describe(const struct mlf__trial *row, mlf_status status, char text[MESSAGE_SIZE])
{
    const char *after = mlf__errmsg();
    const char *reason = strcmp(text, after) != 0 ? after : mlf__status_text(status);
    snprintf(text, MESSAGE_SIZE, "trial %" PRId64 " failed: %.*s", row->number, MESSAGE_SIZE - 64,
             reason);
}

static void run_trial(struct optimisation *work, mlf_trial *trial)
{
    mlf_study *study = work->study;
    const struct mlf__trial *row = trial->row;
    double values[MLF__OBJECTIVES_MAX];
    char message[MESSAGE_SIZE];
    mlf__copy_text(message, sizeof(message), mlf__errmsg());
    mlf_status status = run_objective(work, trial, values);
    bool failed = status != MLF_OK && status != MLF_ERR_PRUNED;
    if (failed)
        describe(row, status, message);
    mlf_trial_state state = status == MLF_OK ? MLF_TRIAL_RUNNING
                            : failed         ? MLF_TRIAL_FAIL
                                             : MLF_TRIAL_PRUNED;
    size_t n = status == MLF_OK ? study->history.n_objectives : 0;
    mlf_status told = mlf__study_enter(study);
    if (told == MLF_OK) {
        trial->in_objective = false;
        mlf__study_unlock(study);
        told = mlf__study_tell(study, trial, state, values, n, false);
    }
    if (told == MLF_OK)
        told = call_back(study, row);
    if (failed && !work->options->catch_errors)
        give_up(work, status, message);
    else if (told != MLF_OK)
        give_up(work, told, mlf__errmsg());
}

static void *work_on(void *arg)
{
    struct optimisation *work = arg;
    for (;;) {
        mlf_trial *trial;
        mlf_status status = next_trial(work, &trial);
        if (status != MLF_OK)
            give_up(work, status, mlf__errmsg());
        if (trial == NULL)
            return NULL;
        run_trial(work, trial);
    }
}

/* The calling thread is one of |n|. */
static mlf_status work_in_threads(struct optimisation *work, unsigned n)
{
    pthread_t *threads = mlf__zalloc(n, sizeof(*threads));
    if (threads == NULL)
        return MLF_ERR_NOMEM;
    unsigned n_started = 0;
    int err = 0;
    while (n_started + 1 < n && err == 0) {
        err = pthread_create(&threads[n_started], NULL, work_on, work);
        n_started += err == 0;
    }
    if (err != 0) {
        mlf_status status = mlf__fail_errno(err, "thread %u of the optimisation", n_started + 1);
        give_up(work, status, mlf__errmsg());
    } else {
        work_on(work);
    }
    for (unsigned i = 0; i < n_started && !mlf__study_is_forked(work->study); i++)
        pthread_join(threads[i], NULL);
    mlf__free(threads);
    return MLF_OK;
}

static mlf_status check_options(const mlf_optimize_options *options)
{
    if (options->size < sizeof(*options))
        return mlf__fail(MLF_ERR_INVAL,
                         "mlf_study_optimize_with: options without MLF_OPTIMIZE_OPTIONS_INIT");
    if (options->n_trials < 0)
        return mlf__fail(MLF_ERR_INVAL, "mlf_study_optimize: n_trials %" PRId64 " is negative",
                         options->n_trials);
    if (!(options->timeout_s >= 0))
        return mlf__fail(MLF_ERR_INVAL, "mlf_study_optimize: timeout_s %g is negative",
                         options->timeout_s);
    if (options->n_jobs > JOBS_MAX)
        return mlf__fail(MLF_ERR_INVAL, "mlf_study_optimize: n_jobs %u is above %d",
                         options->n_jobs, JOBS_MAX);
    return MLF_OK;
}

static mlf_status begin(mlf_study *study)
{
    mlf_status status = mlf__study_enter(study);
    if (status != MLF_OK)
        return status;
    if (study->optimizing)
        status = mlf__fail(MLF_ERR_STATE,
                           "mlf_study_optimize: an optimisation of this study is going on");
    else
        study->optimizing = true;
    if (status == MLF_OK)
        study->stop = false;
    mlf__study_unlock(study);
    return status;
}

static void end(mlf_study *study)
{
    if (mlf__study_enter(study) != MLF_OK)
        return;
    study->optimizing = false;
    bool destroyed = study->destroyed;
    mlf__study_unlock(study);
    if (destroyed)
        mlf_study_destroy(study);
}

static int64_t deadline(double timeout_s)
{
    double ns = (double)mlf__monotonic_ns() + timeout_s * 1e9;
    return ns < 9e18 ? (int64_t)ns : INT64_MAX;
}

mlf_status mlf_study_optimize_with(mlf_study *study, mlf_objective *objective, void *user,
                                   const mlf_optimize_options *options)
{
    static const mlf_optimize_options DEFAULTS = MLF_OPTIMIZE_OPTIONS_INIT;
    options = options != NULL ? options : &DEFAULTS;
    if (study == NULL || objective == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_study_optimize: study or objective is NULL");
    mlf_status status = check_options(options);
    if (status == MLF_OK)
        status = begin(study);
    if (status != MLF_OK)
        return status;
    struct optimisation work = {.study = study,
                                .objective = objective,
                                .user = user,
                                .options = options,
                                .deadline_ns = deadline(options->timeout_s)};
    unsigned n_jobs = options->n_jobs > 0 ? options->n_jobs : 1;
    if (options->n_trials > 0 && options->n_trials < n_jobs)
        n_jobs = (unsigned)options->n_trials;
    status = work_in_threads(&work, n_jobs);
    mlf_status logged = mlf__study_log_result(study, options->n_trials);
    end(study);
    if (work.status != MLF_OK)
        return mlf__fail(work.status, "%s", work.message);
    return status == MLF_OK ? logged : status;
}

mlf_status mlf_study_optimize(mlf_study *study, mlf_objective *objective, int64_t n_trials,
                              void *user)
{
    if (n_trials <= 0)
        return mlf__fail(MLF_ERR_INVAL, "mlf_study_optimize: n_trials %" PRId64 " is not positive",
                         n_trials);
    mlf_optimize_options options = MLF_OPTIMIZE_OPTIONS_INIT;
    options.n_trials = n_trials;
    return mlf_study_optimize_with(study, objective, user, &options);
}

void mlf_study_stop(mlf_study *study)
{
    if (study != NULL)
        study->stop = true;
}

mlf_status mlf_study_add_callback(mlf_study *study, mlf_trial_callback *callback, void *user)
{
    if (study == NULL || callback == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_study_add_callback: study or callback is NULL");
    mlf_status status = mlf__study_enter(study);
    if (status != MLF_OK)
        return status;
    status = study->optimizing
                 ? mlf__fail(MLF_ERR_STATE, "mlf_study_add_callback: the optimisation has begun")
                 : mlf__grow((void **)&study->callbacks, &study->cap_callbacks,
                             study->n_callbacks + 1, sizeof(*study->callbacks));
    if (status == MLF_OK)
        study->callbacks[study->n_callbacks++] = (struct mlf__callback){callback, user};
    mlf__study_unlock(study);
    return status;
}
