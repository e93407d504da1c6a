/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of system metrics are written one by one, each in one statement, so that a store that is slow loses
 * nothing else; those of the end go with the last transaction. */
#include "autolog/watch.h"

#include "autolog/environment.h"
#include "core/env.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/sys.h"
#include "tracking/artifacts.h"
#include "tracking/names.h"

#include <stdio.h>
#include <string.h>

enum {
    RETRY_MS = 1000,
    SETTLED_MS = 1000, /* by then a program has loaded what it needs */
    GIT_TIMEOUT_MS = 2000,
    GIT_LAST_WAIT_MS = 500,
    RUNS_MAX = 100 /* that get the environment as an artifact */
};

static const char ARTIFACT[] = "mlf/environment.json";

void mlf__watch_start(struct mlf__apply *apply)
{
    struct mlf__observer_options options;
    struct mlf__watch *watch = mlf__zalloc(1, sizeof(*watch));

    mlf__observer_defaults(&options);
    if (watch == NULL || mlf__observer_start(&options, &watch->observer) != MLF_OK) {
        mlf__log(MLF__LOG_WARN, "no system metrics: %s", mlf__errmsg());
        mlf__free(watch);
        return;
    }
    watch->samples = options.samples;
    apply->watch = watch;
}

void mlf__watch_process(struct mlf__apply *apply, int32_t pid)
{
    if (apply->watch != NULL)
        mlf__observer_watch(apply->watch->observer, pid);
}

void mlf__watch_free(struct mlf__apply *apply)
{
    struct mlf__watch *watch = apply->watch;
    if (watch == NULL)
        return;
    mlf__observer_destroy(watch->observer);
    mlf__git_status_stop(&watch->git_status);
    mlf__free(watch->written);
    mlf__free(watch->last);
    mlf__free(watch);
    apply->watch = NULL;
}

static bool is_inside_another(const struct mlf__run_state *run)
{
    return run->parent[0] != '\0' && !run->is_session;
}

/* The run that is watched, or is to be from now on; NULL while there is none in the store. */
static const struct mlf__run_state *pick_run(const struct mlf__apply *apply)
{
    const struct mlf__watch *watch = apply->watch;
    const struct mlf__run_state *current = NULL, *active = NULL, *any = NULL;

    for (const struct mlf__run_state *run = apply->runs; run != NULL; run = run->next) {
        if (!run->in_store || is_inside_another(run))
            continue;
        if (strcmp(run->id, watch->run_id) == 0)
            current = run;
        if (run->status == MLF_RUN_RUNNING && (active == NULL || run->is_session))
            active = run;
        if (any == NULL || run->is_session)
            any = run;
    }
    if (current != NULL && (current->status == MLF_RUN_RUNNING || !watch->wrote_step))
        return current;
    if (active != NULL)
        return active;
    return current != NULL ? current : any;
}

/* Makes |run| the one that is watched. */
static void watch_run(struct mlf__watch *watch, const struct mlf__run_state *run)
{
    if (strcmp(watch->run_id, run->id) == 0)
        return;
    if (watch->run_id[0] != '\0')
        mlf__observer_restart(watch->observer);
    mlf__copy_text(watch->run_id, sizeof(watch->run_id), run->id);
    watch->has_step = watch->requested = watch->knows_next_step = false;
    watch->wrote_step = !watch->samples;
    mlf__free(watch->written);
    watch->written = NULL;
}

/* ---- system metrics ---- */

/* The step behind the last one that the run has, when it was resumed. */
static mlf_status find_next_step(struct mlf__apply *apply, const char *run_id, int64_t *out)
{
    mlf_run_record record = {0};
    mlf_status status = apply->store->ops->run_get(apply->store, run_id, &record);

    *out = 0;
    for (size_t i = 0; i < record.n_metrics; i++)
        if (strncmp(record.metrics[i].key, "system/", 7) == 0 && record.metrics[i].step >= *out &&
            record.metrics[i].step < INT64_MAX)
            *out = record.metrics[i].step + 1;
    mlf_run_record_free(&record);
    return status;
}

static mlf_status write_step(struct mlf__apply *apply, const char *run_id,
                             const struct mlf__system_sample *step)
{
    struct mlf__watch *watch = apply->watch;
    struct mlf__metric metrics[MLF__SYSTEM_VALUES];
    const char *node = mlf__env(MLF__ENV_MLFLOW_SYSTEM_METRICS_NODE_ID);
    mlf_status status = MLF_OK;

    if (!watch->knows_next_step)
        status = find_next_step(apply, run_id, &watch->next_step);
    if (status != MLF_OK)
        return status;
    watch->knows_next_step = true;
    for (size_t i = 0; i < step->n; i++) {
        snprintf(watch->keys[i], sizeof(watch->keys[i]), "system/%.180s%s%s", node,
                 node[0] != '\0' ? "/" : "", step->values[i].key);
        metrics[i] = (struct mlf__metric){.run_id = run_id,
                                          .key = watch->keys[i],
                                          .value = step->values[i].value,
                                          .timestamp_ms = step->time_ms,
                                          .step = watch->next_step};
    }
    return step->n > 0 ? apply->store->ops->log_metrics(apply->store, metrics, step->n) : MLF_OK;
}

/* Writes the steps that there are. A step that the store refuses is dropped: nobody asked for it. */
static mlf_status write_steps(struct mlf__apply *apply, const struct mlf__run_state *run)
{
    struct mlf__watch *watch = apply->watch;

    while (watch->has_step || mlf__observer_take(watch->observer, &watch->step)) {
        watch->has_step = true;
        bool wanted = run->status == MLF_RUN_RUNNING || !watch->wrote_step;
        mlf_status status =
            wanted && !run->no_system ? write_step(apply, run->id, &watch->step) : MLF_OK;
        if (status != MLF_OK && !mlf__apply_is_refusal(status))
            return status;
        if (wanted && status == MLF_OK)
            watch->next_step++;
        watch->wrote_step = watch->wrote_step || status == MLF_OK;
        watch->has_step = false;
    }
    return MLF_OK;
}

/* ---- the environment ---- */

/* Asks git, once it is known which program counts. */
static void ask_git(struct mlf__apply *apply)
{
    struct mlf__watch *watch = apply->watch;
    const struct mlf__process *process = mlf__origin_main_process(&apply->origin);

    if (watch->asked_git || process == NULL)
        return;
    watch->asked_git = true;
    mlf__identity_git(process->exe, &watch->git);
    mlf__git_status_start(&watch->git_status, watch->git.root, GIT_TIMEOUT_MS);
}

struct tagging {
    struct mlf__apply *apply;
    const char *run_id;
};

static mlf_status set_tag(const char *key, const char *value, void *user)
{
    const struct tagging *tagging = user;
    struct mlf__store *store = tagging->apply->store;
    mlf_status status = store->ops->set_tag(store, tagging->run_id, key, value);
    return mlf__apply_is_refusal(status) ? MLF_OK : status;
}

static mlf_status write_tags(struct mlf__apply *apply, const char *run_id, const char *json)
{
    struct tagging tagging = {apply, run_id};
    return mlf__environment_tags(json, set_tag, &tagging);
}

static mlf_status write_artifact(struct mlf__apply *apply, const char *run_id, const char *json)
{
    mlf_run_record record = {0};
    mlf_status status = apply->store->ops->run_get(apply->store, run_id, &record);
    if (status == MLF_OK)
        status = mlf__artifact_write(record.artifact_uri, ARTIFACT, json, strlen(json));
    mlf_run_record_free(&record);
    return status;
}

static mlf_status write_environment(struct mlf__apply *apply, const struct mlf__run_state *run)
{
    char *json = mlf__environment_json(apply);
    if (json == NULL)
        return MLF_ERR_NOMEM;
    mlf_status status = write_tags(apply, run->id, json);
    if (status == MLF_OK)
        status = write_artifact(apply, run->id, json);
    if (status == MLF_OK)
        apply->watch->written = json;
    else
        mlf__free(json);
    return status;
}

/* ---- at their times ---- */

static bool wants_environment(const struct mlf__watch *watch)
{
    return watch->written == NULL && mlf__observer_age_ms(watch->observer) >= SETTLED_MS;
}

/* The run is over and has no step yet. */
static bool wants_last_step(const struct mlf__watch *watch, const struct mlf__run_state *run)
{
    return run->status != MLF_RUN_RUNNING && !watch->wrote_step && !watch->requested;
}

bool mlf__watch_is_due(const struct mlf__apply *apply)
{
    const struct mlf__watch *watch = apply->watch;
    if (watch == NULL || apply->store == NULL || mlf__monotonic_ns() < watch->retry_ns)
        return false;
    const struct mlf__run_state *run = pick_run(apply);
    return run != NULL &&
           (strcmp(run->id, watch->run_id) != 0 || wants_last_step(watch, run) || watch->has_step ||
            mlf__observer_has_step(watch->observer) || wants_environment(watch));
}

void mlf__watch_store(struct mlf__apply *apply)
{
    struct mlf__watch *watch = apply->watch;
    if (watch == NULL || apply->store == NULL || mlf__monotonic_ns() < watch->retry_ns)
        return;
    const struct mlf__run_state *run = pick_run(apply);
    if (run == NULL)
        return;
    watch_run(watch, run);
    ask_git(apply);
    if (wants_last_step(watch, run)) {
        mlf__observer_request(watch->observer);
        watch->requested = true;
    }
    mlf_status status = write_steps(apply, run);
    if (status == MLF_OK && wants_environment(watch) && mlf__git_status_poll(&watch->git_status, 0))
        status = write_environment(apply, run);
    if (status != MLF_OK)
        watch->retry_ns = mlf__monotonic_ns() + RETRY_MS * 1000000ll;
}

void mlf__watch_stop(struct mlf__apply *apply)
{
    struct mlf__watch *watch = apply->watch;
    if (watch == NULL)
        return;
    mlf__observer_stop(watch->observer, watch->samples && !watch->wrote_step);
    ask_git(apply);
    mlf__git_status_poll(&watch->git_status, GIT_LAST_WAIT_MS);
    watch->last = mlf__environment_json(apply);
}

/* Calls |write| with the last environment for each run that is not inside another. */
static mlf_status for_each_run(struct mlf__apply *apply,
                               mlf_status (*write)(struct mlf__apply *, const char *, const char *))
{
    const struct mlf__watch *watch = apply->watch;
    mlf_status status = MLF_OK;
    size_t n = 0;

    for (const struct mlf__run_state *run = apply->runs;
         run != NULL && n < RUNS_MAX && status == MLF_OK; run = run->next) {
        bool is_current = strcmp(run->id, watch->run_id) == 0 && watch->written != NULL &&
                          strcmp(watch->written, watch->last) == 0;
        if (!run->in_store || is_inside_another(run) || is_current)
            continue;
        status = write(apply, run->id, watch->last);
        n++;
    }
    return status;
}

mlf_status mlf__watch_finish(struct mlf__apply *apply)
{
    struct mlf__watch *watch = apply->watch;
    const struct mlf__run_state *run = watch != NULL ? pick_run(apply) : NULL;
    mlf_status status = MLF_OK;

    if (run == NULL)
        return MLF_OK;
    /* A run that nobody watched has no step: what was sampled was sampled before it. */
    if (watch->run_id[0] == '\0')
        watch_run(watch, run);
    if (strcmp(watch->run_id, run->id) == 0)
        status = write_steps(apply, run);
    return status == MLF_OK && watch->last != NULL ? for_each_run(apply, write_tags) : status;
}

mlf_status mlf__watch_finish_files(struct mlf__apply *apply)
{
    if (apply->watch == NULL || apply->watch->last == NULL)
        return MLF_OK;
    /* As with the list of files: a full disk must not keep the run itself from ending. */
    return for_each_run(apply, write_artifact) == MLF_ERR_NOMEM ? MLF_ERR_NOMEM : MLF_OK;
}
