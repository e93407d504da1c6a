/* SPDX-License-Identifier: Apache-2.0 */
/* Events into the store: runs, metrics, tags and what comes in between. Params, artifacts, files and models have
 * files of their own.
 *
 * State is kept only where repeating an event would otherwise cost something or change the outcome; after a
 * failed transaction everything is taken for not written, which costs a look into the store. */
#include "autolog/apply.h"

#include "autolog/cmdline.h"
#include "autolog/ending.h"
#include "autolog/watch.h"
#include "core/buf.h"
#include "core/mem.h"
#include "core/spool.h"
#include "core/sys.h"
#include "tracking/names.h"

#include <limits.h>
#include <math.h>
#include <search.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

enum { HELD_WAIT_MS = 2000 };

/* ---- names seen ---- */

static int compare_seen(const void *a, const void *b)
{
    return strcmp(((const struct mlf__seen *)a)->key, ((const struct mlf__seen *)b)->key);
}

struct mlf__seen *mlf__seen_add(void **tree, const char *key, bool *is_new)
{
    const struct mlf__seen probe = {.key = (char *)key};
    struct mlf__seen **node = tfind(&probe, tree, compare_seen);
    *is_new = node == NULL;
    if (node != NULL)
        return *node;
    struct mlf__seen *seen = mlf__zalloc(1, sizeof(*seen));
    if (seen != NULL && (seen->key = mlf__strdup(key)) != NULL &&
        tsearch(seen, tree, compare_seen) != NULL)
        return seen;
    if (seen != NULL)
        mlf__free(seen->key);
    mlf__free(seen);
    return NULL;
}

static void free_seen(void *node)
{
    struct mlf__seen *seen = node;
    mlf__free(seen->key);
    mlf__free(seen->value);
    mlf__free(seen);
}

void mlf__seen_free(void **tree)
{
    tdestroy(*tree, free_seen);
    *tree = NULL;
}

/* ---- life ---- */

mlf_status mlf__apply_init(struct mlf__apply *apply, const struct mlf__config *config)
{
    *apply = (struct mlf__apply){.config = *config};
    return mlf__uri_resolve(config->tracking_uri, config->cwd, &apply->uri);
}

static void free_run(struct mlf__run_state *run)
{
    mlf__params_free(run);
    mlf__seen_free(&run->params);
    mlf__seen_free(&run->metrics);
    mlf__free(run->name);
    mlf__free(run->experiment);
    mlf__free(run->experiment_id);
    mlf__free(run);
}

void mlf__apply_close_store(struct mlf__apply *apply)
{
    mlf__store_close(apply->store);
    apply->store = NULL;
}

void mlf__apply_free(struct mlf__apply *apply)
{
    while (apply->runs != NULL) {
        struct mlf__run_state *run = apply->runs;
        apply->runs = run->next;
        free_run(run);
    }
    mlf__origin_free(&apply->origin);
    while (apply->origins != NULL) {
        struct mlf__origin *origin = apply->origins;
        apply->origins = origin->next;
        mlf__origin_free(origin);
        mlf__free(origin);
    }
    while (apply->models != NULL) {
        struct mlf__model_state *model = apply->models;
        apply->models = model->next;
        mlf__free(model);
    }
    mlf__free(apply->refused);
    mlf__free(apply->pending);
    mlf__free(apply->uri);
    mlf_experiment_free(&apply->experiment);
    mlf__apply_close_store(apply);
    *apply = (struct mlf__apply){0};
}

/* ---- refusals ---- */

bool mlf__apply_is_refusal(mlf_status status)
{
    return status == MLF_ERR_INVAL || status == MLF_ERR_STATE || status == MLF_ERR_NOT_FOUND ||
           status == MLF_ERR_CONFLICT || status == MLF_ERR_EXISTS || status == MLF_ERR_UNSUPPORTED;
}

mlf_status mlf__apply_refused(struct mlf__apply *apply)
{
    apply->n_refused++;
    if (apply->refused == NULL)
        apply->refused = mlf__strdup(mlf__errmsg());
    return MLF_OK;
}

/* ---- store and experiment ---- */

static mlf_status find_experiment(struct mlf__apply *apply, const char *name, const char *id,
                                  mlf_experiment *out)
{
    const struct mlf_store_ops *ops = apply->store->ops;
    if (name[0] != '\0')
        return ops->experiment_ensure(apply->store, name, out);
    return ops->experiment_get(apply->store, id[0] != '\0' ? id : "0", out);
}

/* Whoever applies batches tries again by himself, and may have to end: a database that is locked is given
 * up after a short wait, unless the URI asks for another one. */
static mlf_status open_store(struct mlf__apply *apply)
{
    if (apply->store != NULL)
        return MLF_OK;
    struct mlf__buf uri = {0};
    mlf__buf_puts(&uri, apply->uri);
    if (strncmp(apply->uri, "sqlite:", 7) == 0 && strchr(apply->uri, '?') == NULL)
        mlf__buf_puts(&uri, "?timeout=2");
    mlf_status status = MLF_ERR_NOMEM;
    if (!uri.failed)
        status = mlf__store_open(uri.data, MLF__STORE_WRITE, &apply->store);
    mlf__buf_free(&uri);
    return status;
}

/* Inside the transaction: an experiment that is new is made by it. */
static mlf_status ensure_experiment(struct mlf__apply *apply)
{
    if (apply->experiment.id != NULL)
        return MLF_OK;
    return find_experiment(apply, apply->config.experiment_name, apply->config.experiment_id,
                           &apply->experiment);
}

/* ---- runs ---- */

struct mlf__run_state *mlf__apply_find_run(const struct mlf__apply *apply, const char *run_id)
{
    struct mlf__run_state *run = apply->runs;
    while (run != NULL && strcmp(run->id, run_id) != 0)
        run = run->next;
    return run;
}

struct mlf__run_state *mlf__apply_run(struct mlf__apply *apply, const char *run_id)
{
    if (run_id[0] == '\0')
        run_id = apply->config.run_id;
    struct mlf__run_state *run = mlf__apply_find_run(apply, run_id);
    if (run != NULL)
        return run;
    run = mlf__zalloc(1, sizeof(*run));
    if (run == NULL)
        return NULL;
    mlf__copy_text(run->id, sizeof(run->id), run_id);
    run->is_session = strcmp(run_id, apply->config.run_id) == 0;
    run->status = MLF_RUN_RUNNING;
    run->start_ms = apply->config.start_ns / 1000000;
    run->next = apply->runs;
    apply->runs = run;
    return run;
}

/* A new run's tags: MLflow's standard ones, and the parent link. Values are borrowed. */
static size_t standard_tags(struct mlf__apply *apply, const struct mlf__run_state *run,
                            const char *user, char commit[72], mlf_key_value *tags)
{
    size_t n = 0;
    const struct mlf__process *process = mlf__origin_main_process(mlf__apply_origin(apply, run));
    if (process == NULL)
        process = mlf__origin_main_process(&apply->origin);
    const char *source = process != NULL && process->argc > 0 ? process->argv[0] : "";
    tags[n++] = (mlf_key_value){"mlflow.user", user};
    tags[n++] = (mlf_key_value){"mlflow.source.name", source};
    tags[n++] = (mlf_key_value){"mlflow.source.type", "LOCAL"};
    mlf__identity_git_commit(process != NULL ? process->exe : "", commit);
    if (commit[0] != '\0')
        tags[n++] = (mlf_key_value){"mlflow.source.git.commit", commit};
    if (run->parent[0] != '\0')
        tags[n++] = (mlf_key_value){"mlflow.parentRunId", run->parent};
    return n;
}

static mlf_status create_run(struct mlf__apply *apply, struct mlf__run_state *run,
                             const char *experiment_id)
{
    mlf_key_value tags[8];
    char commit[72];
    char *user = mlf__identity_user();
    if (user == NULL)
        return MLF_ERR_NOMEM;
    struct mlf__run_create create = {.run_id = run->id,
                                     .experiment_id = experiment_id,
                                     .name = run->name,
                                     .user = user,
                                     .start_time_ms = run->start_ms,
                                     .tags = tags,
                                     .n_tags = standard_tags(apply, run, user, commit, tags)};
    mlf_status status = apply->store->ops->run_create(apply->store, &create);
    mlf__free(user);
    return status;
}

/* In the experiment that the run names for itself. */
static mlf_status create_elsewhere(struct mlf__apply *apply, struct mlf__run_state *run)
{
    mlf_experiment other = {0};
    mlf_status status =
        find_experiment(apply, run->experiment != NULL ? run->experiment : "",
                        run->experiment_id != NULL ? run->experiment_id : "", &other);
    if (status == MLF_OK)
        status = create_run(apply, run, other.id);
    mlf_experiment_free(&other);
    return status;
}

/* The run's experiment was deleted, or there never was one. It must not hold up what else the session logs, and
 * nothing may be lost: the run goes into the session's experiment and says so. */
static mlf_status create_astray(struct mlf__apply *apply, struct mlf__run_state *run)
{
    const char *wanted = run->experiment != NULL ? run->experiment : run->experiment_id;
    mlf_status status = mlf__apply_refused(apply);
    if (status == MLF_OK)
        status = create_run(apply, run, apply->experiment.id);
    if (status == MLF_OK)
        status =
            apply->store->ops->set_tag(apply->store, run->id, "mlf.experiment_missing", wanted);
    return status;
}

mlf_status mlf__apply_ensure_run(struct mlf__apply *apply, struct mlf__run_state *run)
{
    if (run->in_store)
        return MLF_OK;
    mlf_status status = ensure_experiment(apply);
    if (status != MLF_OK)
        return status;
    if (run->experiment == NULL && run->experiment_id == NULL) {
        status = create_run(apply, run, apply->experiment.id);
    } else {
        status = create_elsewhere(apply, run);
        if (mlf__apply_is_refusal(status))
            status = create_astray(apply, run);
    }
    run->in_store = status == MLF_OK;
    return status;
}

static mlf_status keep_text(char **slot, const char *text)
{
    if (text[0] != '\0' && *slot == NULL && (*slot = mlf__strdup(text)) == NULL)
        return MLF_ERR_NOMEM;
    return MLF_OK;
}

/* Names the run once it is known: its name, parent and experiment come with its start. A run that may have been made
 * before, by other events or by a collector that died, gets name and parent as tags, which the store knows to be
 * them. */
static mlf_status start_run(struct mlf__apply *apply, struct mlf__run_state *run,
                            const struct mlf__event *event)
{
    const struct mlf_store_ops *ops = apply->store->ops;
    const char *name = mlf__event_field(event, 0), *parent = mlf__event_field(event, 1);
    bool is_named = name[0] != '\0' && run->name == NULL, was_there = run->in_store;
    run->start_ms = event->ts_ns / 1000000;
    run->no_system |= (event->flags & MLF__EVF_NO_SYSTEM) != 0;
    mlf__copy_text(run->parent, sizeof(run->parent), parent);
    if (is_named && (run->name = mlf__clean_value(name, strlen(name), MLF__KEY_MAX)) == NULL)
        return MLF_ERR_NOMEM;
    mlf_status status = keep_text(&run->experiment, mlf__event_field(event, 2));
    if (status == MLF_OK)
        status = keep_text(&run->experiment_id, mlf__event_field(event, 3));
    /* A launcher's run begins before its command is known, which names its source: it is made with what comes next. */
    if (status != MLF_OK || (apply->origin.processes == NULL && !was_there))
        return status;
    status = mlf__apply_ensure_run(apply, run);
    if (status != MLF_OK || !(was_there || run->is_session))
        return status;
    if (run->name != NULL && (is_named || !was_there))
        status = ops->set_tag(apply->store, run->id, "mlflow.runName", run->name);
    if (status == MLF_OK && run->parent[0] != '\0')
        status = ops->set_tag(apply->store, run->id, "mlflow.parentRunId", run->parent);
    /* One that was deleted meanwhile keeps what it has. */
    return mlf__apply_is_refusal(status) ? mlf__apply_refused(apply) : status;
}

static mlf_status write_end(struct mlf__apply *apply, struct mlf__run_state *run, int status,
                            int64_t end_ms)
{
    mlf_status result = mlf__apply_ensure_run(apply, run);
    return result == MLF_OK ? apply->store->ops->run_update(apply->store, run->id, status, end_ms)
                            : result;
}

/* ---- metrics ---- */

/* When the store refuses the lot (a run was deleted meanwhile), each point is tried alone. */
static mlf_status flush_metrics(struct mlf__apply *apply)
{
    const struct mlf_store_ops *ops = apply->store->ops;
    if (apply->n_pending == 0)
        return MLF_OK;
    mlf_status status = ops->log_metrics(apply->store, apply->pending, apply->n_pending);
    if (mlf__apply_is_refusal(status)) {
        status = MLF_OK;
        for (size_t i = 0; i < apply->n_pending && status == MLF_OK; i++) {
            status = ops->log_metrics(apply->store, &apply->pending[i], 1);
            if (mlf__apply_is_refusal(status))
                status = mlf__apply_refused(apply);
        }
    }
    apply->n_pending = 0;
    return status;
}

/* A key that MLflow refuses (from a hook or a hostile ring) is made one that it takes. */
static struct mlf__seen *metric_key(struct mlf__run_state *run, const char *key)
{
    bool is_new;
    struct mlf__seen *seen = mlf__seen_add(&run->metrics, key, &is_new);
    /* One that memory had run out for is tried again. */
    if (seen == NULL || seen->value != NULL)
        return seen;
    mlf_status status = mlf__check_key(key, "Metric name");
    if (status == MLF_OK) {
        seen->value = mlf__strdup(key);
    } else if (status == MLF_ERR_INVAL) {
        seen->value = mlf__normalise_name(key, strlen(key));
        if (seen->value != NULL && seen->value[0] == '\0') {
            mlf__free(seen->value);
            seen->value = mlf__strdup("unnamed");
        }
    }
    return seen;
}

static mlf_status metric_event(struct mlf__apply *apply, struct mlf__run_state *run,
                               const struct mlf__event *event)
{
    mlf_status status = mlf__params_release(apply, run);
    if (status != MLF_OK)
        return status;
    struct mlf__seen *seen = metric_key(run, event->key);
    if (seen == NULL || seen->value == NULL ||
        mlf__grow((void **)&apply->pending, &apply->cap_pending, apply->n_pending + 1,
                  sizeof(*apply->pending)) != MLF_OK)
        return MLF_ERR_NOMEM;
    /* A hook's model comes into being with its first metric; one that a program names has to be there. */
    bool is_explicit = (event->flags & MLF__EVF_SOURCE_MASK) == MLF__SRC_EXPLICIT;
    if (event->model[0] != '\0' && !is_explicit) {
        status = mlf__models_ensure(apply, run, event->model, NULL);
        if (status != MLF_OK)
            return status;
    }
    const char *dataset = mlf__event_field(event, 0);
    /* The event's texts live as long as its batch, at whose end the points are written. */
    apply->pending[apply->n_pending++] = (struct mlf__metric){
        .run_id = run->id,
        .key = seen->value,
        .value = event->value,
        .timestamp_ms = event->ts_ns > 0 ? event->ts_ns / 1000000 : 0,
        .step = event->step,
        .model_id = event->model[0] != '\0' ? event->model : NULL,
        .dataset_name = dataset[0] != '\0' ? dataset : NULL,
        .dataset_digest = dataset[0] != '\0' ? mlf__event_field(event, 1) : NULL};
    return MLF_OK;
}

/* ---- how a run ends ---- */

static bool is_inside(const struct mlf__apply *apply, const struct mlf__run_state *run,
                      const struct mlf__run_state *outer)
{
    for (int depth = 0; run != NULL && run != outer && depth < MLF__RUN_DEPTH; depth++)
        run = run->parent[0] != '\0' ? mlf__apply_find_run(apply, run->parent) : NULL;
    return run == outer;
}

static void mark_over(struct mlf__apply *apply, struct mlf__run_state *run)
{
    apply->n_over += !run->over;
    run->over = true;
}

/* What is left to do for a run that has ended, when it is not the session's: a session may have any number of them, so
 * that nothing is kept of one that is over. The launcher ends a run when its command is gone, and with it every run
 * inside that nobody else has ended. */
static mlf_status close_run(struct mlf__apply *apply, struct mlf__run_state *run,
                            const struct mlf__event *event)
{
    struct mlf__origin *origin = mlf__apply_origin(apply, run);
    bool by_launcher = apply->launcher_pid != 0 && event->pid == apply->launcher_pid;
    bool has_command = !run->is_session && mlf__origin_is_of(origin, run);
    mlf_status status = MLF_OK;
    if (run->is_session || (has_command && !by_launcher) ||
        (!has_command && run->parent[0] == '\0'))
        return MLF_OK;
    mark_over(apply, run);
    if (!by_launcher)
        return MLF_OK;
    /* Points of the batch may carry the id of a model that is now deleted. */
    status = flush_metrics(apply);
    for (struct mlf__run_state *r = apply->runs; r != NULL && status == MLF_OK; r = r->next) {
        if (!is_inside(apply, r, run))
            continue;
        if (r->status == MLF_RUN_RUNNING) {
            status = mlf__params_release(apply, r);
            if (status == MLF_OK)
                status = write_end(apply, r, run->status, event->ts_ns / 1000000);
        }
        if (status == MLF_OK)
            status = mlf__models_drop_unsaved(apply, r->id);
        mark_over(apply, r);
    }
    return status == MLF_OK && has_command ? mlf__files_log_inputs(apply, origin, NULL) : status;
}

/* The program's own FAILED or KILLED is kept against what waitpid said; its FINISHED only without a
 * launcher. */
static mlf_status end_run(struct mlf__apply *apply, struct mlf__run_state *run,
                          const struct mlf__event *event)
{
    int status = event->step >= MLF_RUN_FINISHED && event->step <= MLF_RUN_KILLED ? (int)event->step
                                                                                  : MLF_RUN_FAILED;
    bool waited = (event->flags & MLF__EVF_WAITED) != 0;
    if (waited && run->ended_by_program &&
        (run->status != MLF_RUN_FINISHED || apply->launcher_pid == 0))
        return MLF_OK;
    run->status = status;
    run->ended_by_program = !waited;
    mlf_status result = mlf__params_release(apply, run);
    if (result == MLF_OK)
        result = write_end(apply, run, status, event->ts_ns / 1000000);
    return result == MLF_OK ? close_run(apply, run, event) : result;
}

/* ---- other kinds ---- */

static mlf_status tag_event(struct mlf__apply *apply, struct mlf__run_state *run,
                            const struct mlf__event *event)
{
    char *value = mlf__clean_value(event->text, event->text_len, MLF__TAG_VALUE_MAX);
    if (value == NULL)
        return MLF_ERR_NOMEM;
    mlf_status status = mlf__check_key(event->key, "key");
    if (status == MLF_ERR_INVAL)
        status = MLF_OK;
    else if (status == MLF_OK)
        status = apply->store->ops->set_tag(apply->store, run->id, event->key, value);
    mlf__free(value);
    return status;
}

static mlf_status training_begins(struct mlf__apply *apply, struct mlf__run_state *run,
                                  const struct mlf__event *event)
{
    struct mlf__origin *origin = mlf__apply_origin(apply, run);
    for (struct mlf__process *p = origin->processes; p != NULL; p = p->next)
        if (p->pid == event->pid && !p->is_command)
            p->trained = true;
    if (event->text_len > 0 && origin->aliases == NULL &&
        (origin->aliases = mlf__strdup(event->text)) == NULL)
        return MLF_ERR_NOMEM;
    mlf_status status =
        apply->store->ops->set_tag(apply->store, run->id, "mlflow.autologging", event->key);
    return status == MLF_OK ? mlf__files_log_inputs(apply, origin, "train") : status;
}

/* The run was looked up when it was resumed. That it is there is known again only once it has been asked for:
 * should it be gone meanwhile, what was logged makes it anew. */
static mlf_status resume_run(struct mlf__apply *apply, struct mlf__run_state *run,
                             const struct mlf__event *event)
{
    mlf_run_record record = {0};
    mlf_status status = apply->store->ops->run_get(apply->store, run->id, &record);
    mlf_run_record_free(&record);
    run->in_store = status == MLF_OK;
    run->status = MLF_RUN_RUNNING;
    run->ended_by_program = false;
    run->no_system = (event->flags & MLF__EVF_NO_SYSTEM) != 0;
    if (status == MLF_ERR_NOT_FOUND)
        status = mlf__apply_ensure_run(apply, run);
    return status == MLF_OK
               ? apply->store->ops->run_update(apply->store, run->id, MLF_RUN_RUNNING, -1)
               : status;
}

static mlf_status apply_to_run(struct mlf__apply *apply, struct mlf__run_state *run,
                               const struct mlf__event *event)
{
    mlf_status status;
    switch ((enum mlf__event_kind)event->kind) {
    case MLF__EV_RUN_END:
        return end_run(apply, run, event);
    case MLF__EV_PARAM:
        return mlf__params_event(apply, run, event);
    case MLF__EV_METRIC:
        return metric_event(apply, run, event);
    case MLF__EV_TAG:
        return tag_event(apply, run, event);
    case MLF__EV_TAG_DELETE:
        return apply->store->ops->delete_tag(apply->store, run->id, event->key);
    case MLF__EV_INPUT:
        return mlf__files_input(apply, run, event);
    case MLF__EV_ARTIFACT:
        return mlf__artifacts_event(apply, run, event);
    case MLF__EV_TABLE:
        return mlf__artifacts_table(apply, run, event);
    case MLF__EV_MODEL:
        status = mlf__params_release(apply, run);
        return status == MLF_OK ? mlf__models_saved(apply, run, event) : status;
    case MLF__EV_TRAIN_BEGIN:
        return training_begins(apply, run, event);
    case MLF__EV_TRAIN_END:
        return mlf__params_release(apply, run);
    default:
        return MLF_OK; /* a kind of a newer mlf */
    }
}

/* Is |id| "" or |prefix| and what an id is made of? Anything else comes from a damaged or hostile file. */
static bool is_id(const char *id, const char *prefix)
{
    static const char letters[] =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-";
    size_t n = strlen(prefix);
    if (id[0] == '\0')
        return true;
    return strncmp(id, prefix, n) == 0 && id[n] != '\0' && strlen(id) < MLF__ID_SIZE &&
           id[n + strspn(id + n, letters)] == '\0';
}

/* is_id(), quick for the id that it was asked for the last time: |good|. */
static bool check_id(const char *id, const char *prefix, char good[MLF__ID_SIZE])
{
    return strcmp(id, good) == 0 || (is_id(id, prefix) && mlf__copy_text(good, MLF__ID_SIZE, id));
}

static mlf_status event_of_run(struct mlf__apply *apply, const struct mlf__event *event)
{
    struct mlf__run_state *run = mlf__apply_run(apply, event->run);
    if (run == NULL)
        return MLF_ERR_NOMEM;
    mlf_status status;
    /* Without its run nothing can be logged: that the store refuses it is trouble, not a refusal of this
     * event, and everything is kept. */
    if (event->kind == MLF__EV_RUN_START)
        return start_run(apply, run, event);
    if (event->kind == MLF__EV_RUN_RESUME)
        status = resume_run(apply, run, event);
    else if ((status = mlf__apply_ensure_run(apply, run)) != MLF_OK)
        return status;
    else
        status = apply_to_run(apply, run, event);
    return mlf__apply_is_refusal(status) ? mlf__apply_refused(apply) : status;
}

static mlf_status apply_event(struct mlf__apply *apply, const struct mlf__event *event);

/* A text that came through a file of the spool. One that is gone was stored before its event came again. */
static mlf_status apply_spooled(struct mlf__apply *apply, const struct mlf__event *event)
{
    struct mlf__buf text = {0};
    struct mlf__event whole = *event;
    mlf_status status = mlf__read_file(event->text, &text);
    if (status == MLF_ERR_NOT_FOUND)
        status = MLF_OK;
    else if (status == MLF_OK) {
        whole.flags &= (uint16_t)~MLF__EVF_SPOOLED;
        whole.text = text.data != NULL ? text.data : "";
        whole.text_len = text.len;
        status = apply_event(apply, &whole);
        /* The text goes with this call, so what points to it is written now. */
        if (status == MLF_OK)
            status = flush_metrics(apply);
        if (status == MLF_OK)
            mlf__spool_take_done(event->text);
    }
    mlf__buf_free(&text);
    return status;
}

static mlf_status apply_event(struct mlf__apply *apply, const struct mlf__event *event)
{
    if ((event->flags & MLF__EVF_SPOOLED) != 0)
        return apply_spooled(apply, event);
    if (!check_id(event->run, "", apply->good_run) ||
        !check_id(event->model, "m-", apply->good_model)) {
        mlf__fail(MLF_ERR_INVAL, "an event with a damaged run or model id");
        return mlf__apply_refused(apply);
    }
    if (event->ts_ns / 1000000 > apply->last_event_ms)
        apply->last_event_ms = event->ts_ns / 1000000;
    if (event->kind == MLF__EV_PROCESS || event->kind == MLF__EV_FILE ||
        event->kind == MLF__EV_EXIT)
        return mlf__origin_event(apply, event);
    if (event->kind == MLF__EV_MODEL && (event->flags & MLF__EVF_NO_RUN) != 0) {
        mlf_status stored = mlf__models_saved(apply, NULL, event);
        return mlf__apply_is_refusal(stored) ? mlf__apply_refused(apply) : stored;
    }
    return event_of_run(apply, event);
}

/* ---- transactions ---- */

static void forget_logged(struct mlf__origin *origin)
{
    for (struct mlf__file *file = origin->files; file != NULL; file = file->next)
        file->logged = false;
}

/* What the failed transaction had written is gone again. */
static void forget_written(struct mlf__apply *apply)
{
    apply->n_pending = 0;
    mlf_experiment_free(&apply->experiment);
    apply->experiment = (mlf_experiment){0};
    for (struct mlf__run_state *run = apply->runs; run != NULL; run = run->next) {
        run->in_store = run->over = false;
        mlf__params_settle(run, false);
    }
    apply->n_over = 0;
    for (struct mlf__model_state *model = apply->models; model != NULL; model = model->next)
        model->in_store = false;
    forget_logged(&apply->origin);
    for (struct mlf__origin *origin = apply->origins; origin != NULL; origin = origin->next)
        forget_logged(origin);
}

static void written(struct mlf__apply *apply)
{
    for (struct mlf__run_state *run = apply->runs; run != NULL; run = run->next)
        mlf__params_settle(run, true);
}

/* Forgets run |id| with its command; the list of its files is written first. */
static void forget_origin(struct mlf__apply *apply, const char *id)
{
    struct mlf__origin **place = &apply->origins;
    while (*place != NULL && strcmp((*place)->run_id, id) != 0)
        place = &(*place)->next;
    struct mlf__origin *origin = *place;
    if (origin == NULL)
        return;
    /* The list is a convenience: a run goes without it when the store has trouble just now. */
    mlf__files_log_list(apply, origin);
    *place = origin->next;
    mlf__origin_free(origin);
    mlf__free(origin);
}

/* Forgets the runs that are over and stored. */
static void forget_over(struct mlf__apply *apply)
{
    for (struct mlf__run_state **place = &apply->runs; apply->n_over > 0 && *place != NULL;) {
        struct mlf__run_state *run = *place;
        if (!run->over) {
            place = &run->next;
            continue;
        }
        apply->n_over--;
        apply->knew_params |= run->params_committed;
        forget_origin(apply, run->id);
        mlf__models_forget(apply, run->id);
        *place = run->next;
        free_run(run);
    }
}

/* When it fails, it may be another database that the store is opened on next. */
static mlf_status begin(struct mlf__apply *apply)
{
    mlf_status status = open_store(apply);
    if (status == MLF_OK && apply->store->ops->begin != NULL)
        status = apply->store->ops->begin(apply->store);
    if (status != MLF_OK)
        forget_written(apply);
    return status;
}

/* Ends the transaction: |status| tells how the work in it went. */
static mlf_status end(struct mlf__apply *apply, mlf_status status)
{
    const struct mlf_store_ops *ops = apply->store->ops;
    if (status == MLF_OK)
        status = flush_metrics(apply);
    if (status == MLF_OK && ops->commit != NULL)
        status = ops->commit(apply->store);
    if (status != MLF_OK) {
        if (ops->rollback != NULL)
            ops->rollback(apply->store);
        forget_written(apply);
        return status;
    }
    written(apply);
    return MLF_OK;
}

/* A database that is written without a pause keeps others from ever getting their turn (MLflow's
 * migration gives up after a while), so a long row of batches is interrupted now and then. */
static void give_way(struct mlf__apply *apply)
{
    enum { ROW_NS = 100000000, IDLE_NS = 2000000, PAUSE_NS = 4000000 };
    int64_t now = mlf__monotonic_ns();
    if (now - apply->last_batch_ns > IDLE_NS)
        apply->busy_since_ns = now;
    if (now - apply->busy_since_ns > ROW_NS) {
        struct timespec pause = {.tv_nsec = PAUSE_NS};
        nanosleep(&pause, NULL);
        apply->busy_since_ns = mlf__monotonic_ns();
    }
}

/* Copying and digests may take long: the database is not locked meanwhile. Each statement stands for itself then; that
 * they are repeated after a failure does no harm. */
static bool works_alone(const struct mlf__event *event)
{
    return (event->flags & MLF__EVF_SPOOLED) != 0 || event->kind == MLF__EV_ARTIFACT ||
           event->kind == MLF__EV_MODEL || event->kind == MLF__EV_TABLE ||
           (event->kind == MLF__EV_INPUT && mlf__event_field(event, 1)[0] == '\0');
}

static mlf_status apply_alone(struct mlf__apply *apply, const struct mlf__event *event)
{
    mlf_status status = open_store(apply);
    if (status != MLF_OK)
        return status;
    status = apply_event(apply, event);
    if (status == MLF_OK)
        written(apply);
    else
        forget_written(apply);
    return status;
}

static mlf_status apply_together(struct mlf__apply *apply, const struct mlf__event *events,
                                 size_t n)
{
    mlf_status status = begin(apply);
    if (status != MLF_OK)
        return status;
    for (size_t i = 0; i < n && status == MLF_OK; i++)
        status = apply_event(apply, &events[i]);
    return end(apply, status);
}

mlf_status mlf__apply_batch(struct mlf__apply *apply, const struct mlf__event *events, size_t n)
{
    give_way(apply);
    mlf_status status = MLF_OK;
    for (size_t i = apply->resume_at; i < n && status == MLF_OK; i = apply->resume_at) {
        size_t end = i;
        while (end < n && !works_alone(&events[end]))
            end++;
        status = end > i ? apply_together(apply, events + i, end - i)
                         : apply_alone(apply, &events[end++]);
        if (status == MLF_OK) {
            apply->resume_at = end;
            forget_over(apply);
        }
    }
    if (status == MLF_OK)
        apply->resume_at = 0;
    apply->last_batch_ns = mlf__monotonic_ns();
    return status;
}

/* Are params held back of a run that no command has for its own? */
static bool session_holds(const struct mlf__apply *apply)
{
    for (const struct mlf__run_state *run = apply->runs; run != NULL; run = run->next)
        if (run->held_since_ns != 0 && mlf__apply_own_origin(apply, run) == NULL)
            return true;
    return false;
}

bool mlf__apply_keeps(const struct mlf__apply *apply)
{
    if (session_holds(apply) || apply->origin.exit_pid != 0)
        return true;
    /* A launcher's run gets the command line; without one any run shows that it was known in time. */
    bool launched = (apply->config.flags & MLF__CONFIG_LAUNCHER) != 0;
    for (const struct mlf__run_state *run = apply->runs; run != NULL; run = run->next)
        if ((run->is_session || !launched) && run->params_committed)
            return false;
    if (!launched && apply->knew_params)
        return false;
    return apply->origin.processes != NULL || apply->origin.files != NULL;
}

mlf_status mlf__apply_drops(struct mlf__apply *apply, uint64_t dropped)
{
    char text[32];
    int len = snprintf(text, sizeof(text), "%llu", (unsigned long long)dropped);
    struct mlf__event event = {.kind = MLF__EV_TAG,
                               .key = "mlf.dropped",
                               .run = "",
                               .model = "",
                               .text = text,
                               .text_len = (size_t)len};
    return dropped > 0 ? mlf__apply_batch(apply, &event, 1) : MLF_OK;
}

bool mlf__apply_holds(const struct mlf__apply *apply)
{
    for (const struct mlf__run_state *run = apply->runs; run != NULL; run = run->next)
        if (run->held_since_ns != 0)
            return true;
    return false;
}

mlf_status mlf__apply_held(struct mlf__apply *apply)
{
    int64_t now = mlf__monotonic_ns();
    bool due = false;
    for (const struct mlf__run_state *run = apply->runs; run != NULL; run = run->next)
        due |= run->held_since_ns != 0 && now - run->held_since_ns > HELD_WAIT_MS * 1000000ll;
    if (!due || apply->adapters)
        return MLF_OK;
    mlf_status status = begin(apply);
    if (status != MLF_OK)
        return status;
    for (struct mlf__run_state *run = apply->runs; run != NULL && status == MLF_OK; run = run->next)
        if (run->held_since_ns != 0)
            status = mlf__params_release(apply, run);
    return end(apply, status);
}

/* How the session ended, for runs that nobody has ended. */
struct ending {
    int status;
    int64_t end_ms;
    const char *tag; /* NULL: none */
    char value[32];
};

static struct ending ending_of(const struct mlf__apply *apply, int status, int64_t end_ms)
{
    if (status == 0 && apply->origin.exit_pid == 0 && end_ms < apply->last_event_ms)
        end_ms = apply->last_event_ms;
    struct ending ending = {.status = status, .end_ms = end_ms};
    int wait_status = apply->origin.exit_status;
    if (status != 0)
        return ending;
    if (apply->origin.exit_pid == 0) {
        ending.status = MLF_RUN_FAILED;
        ending.tag = "mlf.end";
        mlf__copy_text(ending.value, sizeof(ending.value), "unknown");
        return ending;
    }
    ending.status = mlf__ending_status(wait_status);
    if (WIFSIGNALED(wait_status)) {
        char buffer[MLF__SIGNAL_NAME_SIZE];
        ending.tag = "mlf.signal";
        mlf__copy_text(ending.value, sizeof(ending.value),
                       mlf__ending_signal_name(WTERMSIG(wait_status), buffer));
    } else {
        ending.tag = "mlf.exit_code";
        snprintf(ending.value, sizeof(ending.value), "%d", WEXITSTATUS(wait_status));
    }
    return ending;
}

/* Is the run over in the store, ended by an earlier collector of this session? */
static mlf_status is_over(struct mlf__apply *apply, const struct mlf__run_state *run, bool *over)
{
    mlf_run_record record = {0};
    mlf_status status = apply->store->ops->run_get(apply->store, run->id, &record);
    *over = record.status != MLF_RUN_RUNNING;
    mlf_run_record_free(&record);
    return status;
}

static mlf_status finish_run(struct mlf__apply *apply, struct mlf__run_state *run,
                             const struct ending *ending)
{
    bool over = false;
    mlf_status result = mlf__apply_ensure_run(apply, run);
    if (result == MLF_OK)
        result = mlf__params_release(apply, run);
    if (result == MLF_OK && run->status == MLF_RUN_RUNNING)
        result = is_over(apply, run, &over);
    if (result != MLF_OK || over || run->status != MLF_RUN_RUNNING)
        return result;
    if (ending->tag != NULL)
        result = apply->store->ops->set_tag(apply->store, run->id, ending->tag, ending->value);
    if (result == MLF_OK)
        result = write_end(apply, run, ending->status, ending->end_ms);
    /* A run that was deleted meanwhile stays as it is; the session ends all the same. */
    return mlf__apply_is_refusal(result) ? mlf__apply_refused(apply) : result;
}

static const struct mlf__run_state *find_session_run(const struct mlf__apply *apply)
{
    const struct mlf__run_state *run = apply->runs;
    while (run != NULL && !run->is_session)
        run = run->next;
    return run;
}

mlf_status mlf__apply_finish(struct mlf__apply *apply, int status, int64_t end_ms)
{
    mlf_status result = begin(apply);
    if (result != MLF_OK)
        return result;
    /* A launcher's run is there even when nothing was logged; a program's own comes with its first event. */
    if ((apply->config.flags & MLF__CONFIG_LAUNCHER) != 0 && mlf__apply_run(apply, "") == NULL)
        result = MLF_ERR_NOMEM;
    const bool has_run = find_session_run(apply) != NULL;
    const struct ending ending = ending_of(apply, status, end_ms);
    for (struct mlf__run_state *run = apply->runs; run != NULL && result == MLF_OK; run = run->next)
        result = finish_run(apply, run, &ending);
    if (result == MLF_OK && has_run)
        result = mlf__files_log_inputs(apply, &apply->origin, NULL);
    if (result == MLF_OK)
        result = mlf__models_drop_unsaved(apply, NULL);
    if (result == MLF_OK)
        result = mlf__watch_finish(apply);
    result = end(apply, result);
    return result == MLF_OK && has_run ? mlf__files_log_list(apply, &apply->origin) : result;
}
