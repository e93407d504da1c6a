/* SPDX-License-Identifier: Apache-2.0 */
/* Going on with a study of the store: what dead drivers left behind is stored first, then the study is owned, then read. */
#include "tuner/study_log_parts.h"

#include "autolog/api.h"
#include "autolog/collector.h"
#include "core/mem.h"

#include <string.h>

/* ---- the store ---- */

struct access {
    struct mlf__api_call call; /* of the session */
    struct mlf__store *store;
    struct mlf__config config;
    bool is_session;
};

static mlf_status sync_store(const struct mlf__study_sink *sink, struct mlf__sync_options *options,
                             struct mlf__sync_result *result)
{
    char *uri = NULL;
    if (sink == NULL)
        return mlf__api_sync(options, result);
    mlf_status status = mlf__uri_resolve(sink->config->tracking_uri, sink->config->cwd, &uri);
    if (status != MLF_OK)
        return status;
    options->tracking_uri = uri;
    status = mlf__sync(options, result);
    mlf__free(uri);
    return status;
}

/* Stores what dead processes left behind. While there is some for this store that cannot be stored, it may be of the
 * study: its trials would come later and find their numbers taken. */
static mlf_status settle(const struct mlf__study_sink *sink, const struct mlf__proc_id *driver)
{
    struct mlf__sync_options options = {.wait = true, .maker = driver};
    struct mlf__sync_result result;
    mlf_status status = sync_store(sink, &options, &result);
    if (status == MLF_OK && result.waiting + result.failed > result.unreadable)
        status = mlf__fail(MLF_ERR_BUSY,
                           "something that was left behind has to be stored before a study is gone "
                           "on with: %s; try again, or 'mlf sync' first",
                           result.reason);
    return status;
}

static mlf_status open_access(const struct mlf__study_sink *sink, struct access *access)
{
    char *uri = NULL;
    *access = (struct access){.is_session = sink == NULL};
    if (sink == NULL) {
        mlf__api_config(&access->config);
        if (mlf__api_experiment() != NULL)
            mlf__copy_text(access->config.experiment_name, sizeof(access->config.experiment_name),
                           mlf__api_experiment());
        mlf_status begun = mlf__api_call_begin(&access->call, MLF__STORE_READ);
        access->store = access->call.store;
        return begun;
    }
    access->config = *sink->config;
    mlf_status status = mlf__uri_resolve(sink->config->tracking_uri, sink->config->cwd, &uri);
    if (status == MLF_OK)
        status = mlf__store_open(uri, MLF__STORE_READ, &access->store);
    mlf__free(uri);
    return status;
}

static mlf_status close_access(struct access *access, mlf_status status)
{
    if (access->is_session)
        return mlf__api_call_end(&access->call, status);
    mlf__store_close(access->store);
    return status;
}

static mlf_status active_experiment(const struct access *access, char id[MLF_ID_MAX])
{
    const struct mlf__config *config = &access->config;
    mlf_experiment found = {0};
    if (config->experiment_name[0] == '\0') {
        mlf__copy_text(id, MLF_ID_MAX,
                       config->experiment_id[0] != '\0' ? config->experiment_id : "0");
        return MLF_OK;
    }
    mlf_status status =
        access->store->ops->experiment_by_name(access->store, config->experiment_name, &found);
    if (status == MLF_OK)
        mlf__copy_text(id, MLF_ID_MAX, found.id);
    mlf_experiment_free(&found);
    return status;
}

static mlf_status find(const struct mlf__study_sink *sink, const char *which,
                       char run_id[MLF__ID_SIZE])
{
    struct access access;
    char experiment[MLF_ID_MAX];
    mlf_status status = open_access(sink, &access);
    if (status != MLF_OK)
        return status;
    status = active_experiment(&access, experiment);
    if (status == MLF_ERR_NOT_FOUND) /* it comes with its first run: then no study has its name */
        mlf__copy_text(experiment, sizeof(experiment), "-");
    else if (status != MLF_OK)
        return close_access(&access, status);
    return close_access(&access, mlf__study_find(access.store, which, experiment, run_id));
}

/* Owned already: nobody else writes it now. */
static mlf_status read_study(struct mlf__study_log *log, struct mlf__study_reading *reading)
{
    struct access access;
    mlf_status status = open_access(log->sink, &access);
    if (status != MLF_OK)
        return status;
    return close_access(&access, mlf__study_reading_run(reading, access.store, log->run_id));
}

/* ---- taking it over ---- */

static void take(char **place, char **from)
{
    mlf__free(*place);
    *place = *from;
    *from = NULL;
}

static void fill_study(mlf_study *study, struct mlf__study_reading *reading)
{
    struct mlf__study_info *info = &reading->info;
    take(&study->name, &info->name);
    take(&study->sampler_text, &info->sampler);
    take(&study->pruner_text, &info->pruner);
    for (size_t i = 0; i < MLF__OBJECTIVES_MAX; i++)
        take(&study->metrics[i], &info->metrics[i]);
    study->seed = info->seed;
}

/* Trials that were going on, and runs of finished ones that did not come to their end. */
static mlf_status mend(struct mlf__study_log *log, const struct mlf__study_reading *reading)
{
    mlf_status status = MLF_OK;
    for (size_t i = 0; i < reading->n_loose && status == MLF_OK; i++) {
        const struct mlf__trial *trial = log->study->history.trials[reading->loose[i].number];
        if (trial->run_id[0] == '\0')
            continue;
        if (reading->loose[i].was_running) {
            status = mlf__study_log_tell(log, trial, true);
            continue;
        }
        bool failed = trial->state == MLF_TRIAL_FAIL;
        status = mlf__study_log_emit(
            log, trial->run_id,
            (struct mlf__event){.kind = MLF__EV_RUN_END,
                                .step = failed ? MLF_RUN_FAILED : MLF_RUN_FINISHED,
                                .ts_ns =
                                    trial->end_ms >= 0 ? trial->end_ms * 1000000 : mlf__now_ns()});
    }
    return status;
}

static mlf_status resume_parent(struct mlf__study_log *log)
{
    mlf_status status =
        mlf__study_log_emit(log, log->run_id, (struct mlf__event){.kind = MLF__EV_RUN_RESUME});
    if (status == MLF_OK && log->sink == NULL)
        status = mlf__api_run_handle(log->run_id, log->study->name, true, &log->run);
    return status;
}

/* The study is owned, |reading| has what the store knows. */
static mlf_status take_over(struct mlf__study_log *log, struct mlf__study_reading *reading)
{
    const struct mlf__history *history = &log->study->history;
    mlf_status status = mlf__study_owner_check(log->run_id, reading->owner);
    if (status != MLF_OK)
        return status;
    log->experiment_id = mlf__strdup(reading->info.experiment_id);
    if (log->experiment_id == NULL)
        return MLF_ERR_NOMEM;
    fill_study(log->study, reading);
    log->n_names = log->first_name = history->n_names;
    log->n_dists = log->first_dist = history->n_dists;
    log->n_spaces = reading->n_spaces;
    mlf__copy_text(log->best_run, sizeof(log->best_run), reading->best_run);
    status = resume_parent(log);
    if (status == MLF_OK)
        status = mlf__study_log_announce(log);
    return status == MLF_OK ? mend(log, reading) : status;
}

mlf_status mlf__study_log_load(mlf_study *study, const char *which,
                               const struct mlf__study_sink *sink, struct mlf__study_log **out)
{
    struct mlf__study_log *log = NULL;
    struct mlf__study_reading reading = {.history = &study->history, .take_over = true};
    *out = NULL;
    mlf_status status = mlf__study_log_new(study, sink, &log);
    /* A killed driver's study may be in its ring only; and what it did until it was gone comes before the study is read. */
    if (status == MLF_OK)
        status = settle(sink, NULL);
    if (status == MLF_OK)
        status = find(sink, which, log->run_id);
    if (status == MLF_OK)
        status = mlf__study_owner_lock(log->run_id, &log->owner);
    if (status == MLF_OK && (status = settle(sink, mlf__study_owner_before(log->owner))) != MLF_OK)
        mlf__study_owner_forgo(log->owner);
    if (status == MLF_OK)
        status = read_study(log, &reading);
    if (status == MLF_OK)
        status = take_over(log, &reading);
    mlf__study_reading_free(&reading);
    if (status == MLF_OK)
        *out = log;
    else
        mlf__study_log_drop(log);
    return status;
}
