/* SPDX-License-Identifier: Apache-2.0 */
/* A study in a store: what is logged as it goes on. Everything is an event of the session, so that a trial is where the death of
 * the process cannot reach it once it is told, and no call waits for the store. */
#include "tuner/study_log_parts.h"

#include "autolog/api.h"
#include "core/mem.h"
#include "tracking/names.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { END_WAIT_MS = 2000, SPACE_TAG_MAX = 4000 };

static const char trial_tag[] = "mlf.trial", owner_tag[] = "mlf.study.owner";

/* ---- events ---- */

mlf_status mlf__study_log_emit(const struct mlf__study_log *log, const char *run_id,
                               struct mlf__event event)
{
    event.run = run_id;
    event.key = event.key != NULL ? event.key : "";
    event.model = "";
    if (event.text == NULL)
        event.text = "";
    else if (event.text_len == 0)
        event.text_len = strlen(event.text);
    if (log->sink != NULL)
        return log->sink->emit(log->sink->user, &event);
    return mlf__session_emit(&event, MLF__RING_WAIT_CALL);
}

mlf_status mlf__study_log_tag(const struct mlf__study_log *log, const char *run_id, const char *key,
                              const char *value)
{
    return mlf__study_log_emit(log, run_id,
                               (struct mlf__event){.kind = MLF__EV_TAG, .key = key, .text = value});
}

struct target {
    const struct mlf__study_log *log;
    const char *run_id;
};

static mlf_status put_part(const char *key, const char *part, void *user)
{
    const struct target *target = user;
    return mlf__study_log_tag(target->log, target->run_id, key, part);
}

/* A text of any length; frees it. */
static mlf_status put_text(const struct mlf__study_log *log, const char *run_id, const char *key,
                           char *text)
{
    struct target target = {log, run_id};
    mlf_status status =
        text != NULL ? mlf__study_parts(key, text, put_part, &target) : MLF_ERR_NOMEM;
    mlf__free(text);
    return status;
}

static mlf_status put_param(const struct mlf__study_log *log, const char *run_id, const char *key,
                            const char *value, uint16_t flags)
{
    return mlf__study_log_emit(log, run_id,
                               (struct mlf__event){.kind = MLF__EV_PARAM,
                                                   .flags = (uint16_t)(MLF__SRC_EXPLICIT | flags),
                                                   .key = key,
                                                   .text = value});
}

static mlf_status put_metric(const struct mlf__study_log *log, const char *run_id, const char *key,
                             double value, int64_t step, int64_t ts_ns)
{
    return mlf__study_log_emit(
        log, run_id,
        (struct mlf__event){
            .kind = MLF__EV_METRIC, .key = key, .value = value, .step = step, .ts_ns = ts_ns});
}

static mlf_status start_run(const struct mlf__study_log *log, const char *run_id, const char *name,
                            const char *parent)
{
    const char *fields[] = {name, parent, log->experiment != NULL ? log->experiment : "",
                            log->experiment_id != NULL ? log->experiment_id : ""};
    struct mlf__buf text = {0};
    for (size_t i = 0; i < MLF__ARRAY_LEN(fields); i++)
        mlf__buf_add(&text, fields[i], strlen(fields[i]) + 1);
    mlf_status status = MLF_ERR_NOMEM;
    if (!text.failed)
        status = mlf__study_log_emit(log, run_id,
                                     (struct mlf__event){.kind = MLF__EV_RUN_START,
                                                         .ts_ns = mlf__now_ns(),
                                                         .text = text.data,
                                                         .text_len = text.len - 1});
    mlf__buf_free(&text);
    return status;
}

static mlf_status end_run(const struct mlf__study_log *log, const char *run_id,
                          mlf_run_status status)
{
    return mlf__study_log_emit(log, run_id,
                               (struct mlf__event){.kind = MLF__EV_RUN_END,
                                                   .step = (int64_t)status,
                                                   .ts_ns = mlf__now_ns()});
}

/* ---- life ---- */

mlf_status mlf__study_log_new(mlf_study *study, const struct mlf__study_sink *sink,
                              struct mlf__study_log **out)
{
    struct mlf__study_log *log = mlf__zalloc(1, sizeof(*log));
    *out = log;
    if (log == NULL)
        return MLF_ERR_NOMEM;
    log->study = study;
    log->sink = sink;
    log->pid = (int32_t)getpid();
    return MLF_OK;
}

void mlf__study_log_drop(struct mlf__study_log *log)
{
    if (log == NULL)
        return;
    mlf__study_owner_release(log->owner);
    mlf__free(log->experiment);
    mlf__free(log->experiment_id);
    mlf__free(log);
}

static void put_beat(const char *text, void *user)
{
    const struct mlf__study_log *log = user;
    (void)mlf__study_log_tag(log, log->run_id, owner_tag, text);
}

mlf_status mlf__study_log_announce(struct mlf__study_log *log)
{
    return mlf__study_owner_start(log->owner, put_beat, log);
}

static mlf_status check_metrics(const mlf_study *study)
{
    mlf_status status = MLF_OK;
    for (size_t i = 0; i < study->history.n_objectives && status == MLF_OK; i++)
        status = mlf__check_key(study->metrics[i], "Metric name");
    return status;
}

/* The parent run begins: in this process's session as a run of it. */
static mlf_status begin_parent(struct mlf__study_log *log)
{
    const char *name = log->study->name;
    if (log->sink != NULL) {
        mlf__copy_text(log->run_id, sizeof(log->run_id), log->sink->config->run_id);
        return start_run(log, log->run_id, name, "");
    }
    const char *experiment = mlf__api_experiment();
    if (experiment != NULL && (log->experiment = mlf__strdup(experiment)) == NULL)
        return MLF_ERR_NOMEM;
    mlf_status status = mlf__api_run_begin(name, &log->run);
    if (status == MLF_OK)
        mlf__copy_text(log->run_id, sizeof(log->run_id), mlf_run_id(log->run));
    return status;
}

static mlf_status put_header(const struct mlf__study_log *log)
{
    const mlf_study *study = log->study;
    struct mlf__study_info info = {.name = study->name,
                                   .n_objectives = study->history.n_objectives,
                                   .sampler = study->sampler_text,
                                   .pruner = study->pruner_text,
                                   .seed = study->seed};
    memcpy(info.metrics, study->metrics, sizeof(info.metrics));
    memcpy(info.directions, study->history.directions, sizeof(info.directions));
    mlf_status status = put_text(log, log->run_id, "mlf.study", mlf__study_header_write(&info));
    if (status == MLF_OK && study->sampler_text != NULL)
        status = mlf__study_log_tag(log, log->run_id, "mlf.study.sampler", study->sampler_text);
    if (status == MLF_OK && study->pruner_text != NULL)
        status = mlf__study_log_tag(log, log->run_id, "mlf.study.pruner", study->pruner_text);
    return status;
}

mlf_status mlf__study_log_create(mlf_study *study, const struct mlf__study_sink *sink,
                                 struct mlf__study_log **out)
{
    struct mlf__study_log *log = NULL;
    *out = NULL;
    mlf_status status = check_metrics(study);
    if (status == MLF_OK)
        status = mlf__study_log_new(study, sink, &log);
    if (status == MLF_OK)
        status = begin_parent(log);
    if (status == MLF_OK)
        status = put_header(log);
    if (status == MLF_OK)
        status = mlf__study_owner_lock(log->run_id, &log->owner);
    if (status == MLF_OK)
        status = mlf__study_log_announce(log);
    if (status == MLF_OK) {
        *out = log;
        return MLF_OK;
    }
    if (log != NULL && log->run != NULL)
        (void)mlf__api_run_finish(log->run, MLF_RUN_FAILED);
    mlf__study_log_drop(log);
    /* Switched off: the study goes on in memory. */
    return status == MLF_ERR_OFF ? MLF_OK : status;
}

void mlf__study_log_close(struct mlf__study_log *log, mlf_run_status status)
{
    if (log == NULL)
        return;
    if (log->pid == (int32_t)getpid()) {
        /* Else it could put the tag back that is deleted here. */
        mlf__study_owner_quiet(log->owner);
        (void)mlf__study_log_emit(
            log, log->run_id, (struct mlf__event){.kind = MLF__EV_TAG_DELETE, .key = owner_tag});
        if (log->run != NULL)
            (void)mlf__api_run_finish(log->run, status);
        else
            (void)end_run(log, log->run_id, status);
        /* Whoever takes the study next finds it whole, unless the store lags. */
        if (log->sink == NULL)
            (void)mlf__session_flush(END_WAIT_MS);
        else if (log->sink->flush != NULL)
            (void)log->sink->flush(log->sink->user);
    }
    mlf__study_log_drop(log);
}

const char *mlf__study_log_run_id(const struct mlf__study_log *log)
{
    return log->run_id;
}

mlf_run *mlf__study_log_run(const struct mlf__study_log *log)
{
    return log->run;
}

/* ---- trials ---- */

static bool was_enqueued(const struct mlf__trial *trial)
{
    return trial->extra != NULL && trial->extra->n_fixed > 0;
}

static void queue_key(const struct mlf__trial *trial, char out[64])
{
    snprintf(out, 64, "mlf.study.queue.%" PRId64, trial->number);
}

mlf_status mlf__study_log_enqueue(struct mlf__study_log *log, const struct mlf__trial *trial)
{
    char key[64];
    queue_key(trial, key);
    return put_text(log, log->run_id, key, mlf__study_trial_write(trial));
}

/* Random, but for its beginning, which counts on from the study's: a database's indexes then grow at one place, where random ids
 * would change a page of their own with each param of each trial. */
static void new_run_id(const struct mlf__study_log *log, struct mlf__trial *trial)
{
    enum { COUNTED = 8 };
    char id[MLF__ID_SIZE], begin[COUNTED + 1];
    mlf__new_id(id);
    snprintf(begin, sizeof(begin), "%.8s", log->run_id);
    uint32_t base = (uint32_t)strtoul(begin, NULL, 16);
    snprintf(begin, sizeof(begin), "%08" PRIx32, base + 1 + (uint32_t)trial->number);
    memcpy(id, begin, COUNTED);
    mlf__copy_text(trial->run_id, sizeof(trial->run_id), id);
}

mlf_status mlf__study_log_ask(struct mlf__study_log *log, struct mlf__trial *trial)
{
    char name[32], key[64];
    new_run_id(log, trial);
    snprintf(name, sizeof(name), "trial_%" PRId64, trial->number);
    mlf_status status = start_run(log, trial->run_id, name, log->run_id);
    /* Should the process die now, it is known which trial this was. */
    if (status == MLF_OK)
        status = put_text(log, trial->run_id, trial_tag, mlf__study_trial_write(trial));
    if (status == MLF_OK && was_enqueued(trial)) {
        queue_key(trial, key);
        status = mlf__study_log_emit(log, log->run_id,
                                     (struct mlf__event){.kind = MLF__EV_TAG_DELETE, .key = key});
    }
    return status;
}

mlf_status mlf__study_log_param(struct mlf__study_log *log, const struct mlf__trial *trial,
                                const struct mlf__param_value *param)
{
    const struct mlf__history *history = &log->study->history;
    char number[MLF__NUMBER_SIZE];
    mlf_status status = MLF_OK;
    /* A name that is in the store has been checked. */
    if (param->name >= log->n_names)
        status = mlf__check_key(history->names[param->name], "Param key");
    if (status == MLF_OK)
        status = put_param(log, trial->run_id, history->names[param->name],
                           mlf__dist_format(&history->dists[param->dist], param->value, number), 0);
    return status;
}

mlf_status mlf__study_log_report(struct mlf__study_log *log, const struct mlf__trial *trial,
                                 int64_t step, double value)
{
    return put_metric(log, trial->run_id, log->study->metrics[0], value, step, 0);
}

/* Names and distributions that trials refer to from now on. The last tag grows until it is long. */
static mlf_status put_space(struct mlf__study_log *log)
{
    const struct mlf__history *history = &log->study->history;
    char key[64];
    if (history->n_names == log->n_names && history->n_dists == log->n_dists)
        return MLF_OK;
    char *text = mlf__study_space_write(history, log->first_name, log->first_dist);
    bool is_long = text != NULL && strlen(text) > SPACE_TAG_MAX;
    snprintf(key, sizeof(key), "mlf.study.space.%zu", log->n_spaces);
    mlf_status status = put_text(log, log->run_id, key, text);
    if (status != MLF_OK)
        return status;
    log->n_names = history->n_names;
    log->n_dists = history->n_dists;
    if (is_long) {
        log->n_spaces++;
        log->first_name = history->n_names;
        log->first_dist = history->n_dists;
    }
    return MLF_OK;
}

/* The objective's points are there when values were reported: the last one is the result when they agree, else the
 * result stands behind it. */
static mlf_status put_values(struct mlf__study_log *log, const struct mlf__trial *trial)
{
    enum { MS = 1000000 };
    int64_t step = 0, now = mlf__now_ns();
    if (trial->n_intermediate > 0) {
        const struct mlf__intermediate *last = &trial->intermediate[trial->n_intermediate - 1];
        if (last->value == trial->value)
            return MLF_OK;
        step = last->step;
        now += MS; /* of two points of a step MLflow shows the one with the later millisecond */
    }
    mlf_status status = MLF_OK;
    for (size_t i = 0; i < trial->n_values && status == MLF_OK; i++)
        status = put_metric(log, trial->run_id, log->study->metrics[i], mlf__trial_values(trial)[i],
                            step, now);
    return status;
}

mlf_status mlf__study_log_tell(struct mlf__study_log *log, const struct mlf__trial *trial,
                               bool has_metrics)
{
    mlf_status status = put_space(log);
    bool complete = trial->state == MLF_TRIAL_COMPLETE, failed = trial->state == MLF_TRIAL_FAIL;
    if (status == MLF_OK && complete && !has_metrics)
        status = put_values(log, trial);
    if (status == MLF_OK && !complete)
        status =
            mlf__study_log_tag(log, trial->run_id, "mlf.trial.state", failed ? "FAIL" : "PRUNED");
    if (status == MLF_OK)
        status = put_text(log, trial->run_id, trial_tag, mlf__study_trial_write(trial));
    if (status == MLF_OK)
        status = end_run(log, trial->run_id, failed ? MLF_RUN_FAILED : MLF_RUN_FINISHED);
    return status;
}

/* ---- the result ---- */

static const char n_trials_param[] = "n_trials", best_run_param[] = "best_child_run_id";

/* A param of the parent; one that is called like a param of ours is a tag. */
static mlf_status put_best_param(const struct mlf__study_log *log, const char *name,
                                 const char *value)
{
    char key[1100];
    if (strcmp(name, n_trials_param) != 0 && strcmp(name, best_run_param) != 0)
        return put_param(log, log->run_id, name, value, MLF__EVF_REPLACE);
    snprintf(key, sizeof(key), "mlf.best.%s", name);
    return mlf__study_log_tag(log, log->run_id, key, value);
}

static const struct mlf__trial *find_trial(const struct mlf__history *history, const char *run_id)
{
    for (size_t i = 0; i < history->n_trials && run_id[0] != '\0'; i++)
        if (strcmp(history->trials[i]->run_id, run_id) == 0)
            return history->trials[i];
    return NULL;
}

/* Params of the best trial from before that the new one does not have: a param cannot go, so that it is empty. */
static mlf_status clear_params(const struct mlf__study_log *log, const struct mlf__trial *best)
{
    const struct mlf__history *history = &log->study->history;
    const struct mlf__trial *before = find_trial(history, log->best_run);
    mlf_status status = MLF_OK;
    for (uint32_t i = 0; before != NULL && i < before->n_params && status == MLF_OK; i++)
        if (mlf__trial_param(best, before->params[i].name) == NULL)
            status = put_best_param(log, history->names[before->params[i].name], "");
    return status;
}

static mlf_status put_best(struct mlf__study_log *log, const struct mlf__trial *best)
{
    const struct mlf__history *history = &log->study->history;
    char number[MLF__NUMBER_SIZE], key[1100];
    mlf_status status = clear_params(log, best);
    for (uint32_t i = 0; i < best->n_params && status == MLF_OK; i++) {
        const struct mlf__param_value *param = &best->params[i];
        status =
            put_best_param(log, history->names[param->name],
                           mlf__dist_format(&history->dists[param->dist], param->value, number));
    }
    if (status == MLF_OK)
        status = put_param(log, log->run_id, best_run_param, best->run_id, MLF__EVF_REPLACE);
    snprintf(key, sizeof(key), "best_%s", log->study->metrics[0]);
    if (status == MLF_OK)
        status = put_metric(log, log->run_id, key, best->value, 0, 0);
    if (status == MLF_OK)
        mlf__copy_text(log->best_run, sizeof(log->best_run), best->run_id);
    return status;
}

mlf_status mlf__study_log_best(struct mlf__study_log *log, int64_t n_trials)
{
    const struct mlf__history *history = &log->study->history;
    const struct mlf__trial *best = history->n_objectives == 1 ? mlf__history_best(history) : NULL;
    char number[32];
    mlf_status status = MLF_OK;
    if (n_trials != 0) {
        /* Of a study that was gone on with it is all of them. */
        if (n_trials < (int64_t)history->n_trials)
            n_trials = (int64_t)history->n_trials;
        snprintf(number, sizeof(number), "%" PRId64, n_trials);
        status = put_param(log, log->run_id, n_trials_param, number, MLF__EVF_REPLACE);
    }
    if (status == MLF_OK && best != NULL && strcmp(best->run_id, log->best_run) != 0)
        status = put_best(log, best);
    return status;
}

/* ---- runs of this process ---- */

mlf_status mlf__study_log_handle(struct mlf__study_log *log, const struct mlf__trial *trial,
                                 mlf_run **out)
{
    char name[32];
    *out = NULL;
    if (log->sink != NULL)
        return mlf__fail(MLF_ERR_UNSUPPORTED, "the study's runs are not this process's");
    snprintf(name, sizeof(name), "trial_%" PRId64, trial->number);
    return mlf__api_run_handle(trial->run_id, name, false, out);
}

mlf_status mlf__study_log_enter(struct mlf__study_log *log, const struct mlf__trial *trial,
                                mlf_run **out)
{
    mlf_status status = mlf__study_log_handle(log, trial, out);
    if (status == MLF_OK)
        mlf__api_run_enter(*out);
    return status;
}

void mlf__study_log_leave(struct mlf__study_log *log, mlf_run *run)
{
    (void)log;
    if (run != NULL)
        mlf__api_run_leave(run);
}
