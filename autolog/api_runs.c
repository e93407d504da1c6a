/* SPDX-License-Identifier: Apache-2.0 */
/* The public API: starting and ending runs, and which run a thread logs into.
 *
 * THREAD SAFETY NOTES: mlf__api_lock() guards the list of runs and the choice of the process's run, which is
 * read without it. A thread's stack of runs is its own: |below| is written before the run is known to others
 * and never changes. Another thread may end a run of the stack, so that runs are looked at before they are
 * used. Run objects are never freed. */
#include "autolog/api.h"

#include "core/env.h"
#include "core/mem.h"
#include "tracking/names.h"
#include "tracking/unknown.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { END_WAIT_MS = 2000 };

static struct mlf_run *runs;                  /* newest first */
static _Atomic(struct mlf_run *) process_run; /* for threads that have none */
static bool session_run_taken;                /* the session's own run has been given out */
static _Atomic bool env_run_taken;            /* MLFLOW_RUN_ID has been resumed */
static _Thread_local struct mlf_run *active_run __attribute__((tls_model("initial-exec")));

static const char name_tag[] = "mlflow.runName", parent_tag[] = "mlflow.parentRunId",
                  note_tag[] = "mlflow.note.content";

bool mlf__api_is_off(void)
{
    return mlf__session_init() == MLF__SESSION_OFF;
}

mlf_status mlf__api_check_run(const struct mlf_run *run, const char *call)
{
    return run != NULL ? MLF_OK : mlf__fail(MLF_ERR_INVAL, "%s: no run", call);
}

mlf_status mlf__api_check_text(const char *text, const char *call, const char *what)
{
    return text != NULL ? MLF_OK : mlf__fail(MLF_ERR_INVAL, "%s: no %s", call, what);
}

mlf_status mlf__api_emit(const struct mlf_run *run, struct mlf__event event)
{
    event.run = run->id;
    event.key = event.key != NULL ? event.key : "";
    event.model = event.model != NULL ? event.model : "";
    event.text = event.text != NULL ? event.text : "";
    return mlf__api_result(mlf__session_emit(&event, MLF__RING_WAIT_CALL));
}

/* ---- run objects ---- */

static void set_active(struct mlf_run *run)
{
    active_run = run;
    mlf__training_set_run(run != NULL ? &run->trainings : NULL);
}

/* The top of the thread's stack, without those that another thread has ended. */
static inline struct mlf_run *top_run(void)
{
    struct mlf_run *run = active_run;
    while (run != NULL && !atomic_load_explicit(&run->active, memory_order_relaxed)) {
        run = run->below;
        set_active(run);
    }
    return run;
}

/* The launcher's run has the launcher's name, when it has one, and is named by the store else. */
static bool takes_random_name(const struct mlf_run *run)
{
    return !mlf__session_has_launcher() || strcmp(run->id, mlf__session_config()->run_id) != 0;
}

static char *choose_name(const struct mlf_run *run, const char *name)
{
    char random[24] = "";
    if (name != NULL && name[0] != '\0')
        return mlf__clean_value(name, strlen(name), MLF__KEY_MAX);
    if (takes_random_name(run))
        mlf__random_name(random);
    return mlf__strdup(random);
}

/* A run that nobody knows yet; |id| NULL: a new one, or the session's own while it is free. Called with the
 * lock held. */
static mlf_status make_run_locked(const char *id, const char *name, struct mlf_run **out)
{
    struct mlf_run *run = mlf__zalloc(1, sizeof(*run));
    if (run == NULL)
        return MLF_ERR_NOMEM;
    const char *own = mlf__session_config()->run_id;
    if (id == NULL && session_run_taken)
        mlf__new_id(run->id);
    else
        mlf__copy_text(run->id, sizeof(run->id), id != NULL ? id : own);
    run->name = choose_name(run, name);
    if (run->name == NULL) {
        mlf__free(run);
        return MLF_ERR_NOMEM;
    }
    session_run_taken |= strcmp(run->id, own) == 0;
    struct mlf__ring *ring = mlf__session_ring();
    if (ring != NULL)
        run->interned = mlf__ring_intern(ring, run->id, strlen(run->id));
    run->trainings.id = run->id;
    run->pid = (int32_t)getpid();
    atomic_init(&run->active, true);
    *out = run;
    return MLF_OK;
}

static mlf_status make_run(const char *id, const char *name, struct mlf_run **out)
{
    mlf__api_lock();
    mlf_status status = make_run_locked(id, name, out);
    mlf__api_unlock();
    return status;
}

static void discard(struct mlf_run *run)
{
    if (run != NULL)
        mlf__free(run->name);
    mlf__free(run);
}

/* Called with the lock held. */
static void publish(struct mlf_run *run)
{
    run->next = runs;
    runs = run;
}

/* The run becomes the thread's active one. */
static void push(struct mlf_run *run)
{
    run->below = top_run();
    mlf__api_lock();
    publish(run);
    mlf__api_unlock();
    set_active(run);
}

static bool is_active_here(const char *id)
{
    bool found = false;
    mlf__api_lock();
    for (const struct mlf_run *run = runs; run != NULL && !found; run = run->next)
        found = strcmp(run->id, id) == 0 && atomic_load(&run->active);
    mlf__api_unlock();
    return found;
}

/* ---- how a run begins ---- */

/* What a run begins with, as its options and the session have it. */
struct beginning {
    const char *name;
    const char *parent;        /* "": none */
    const char *experiment;    /* name; "": the session's, or by id */
    const char *experiment_id; /* "": by name */
    const char *note;          /* NULL: none */
    const mlf_key_value *tags;
    size_t n_tags;
    uint16_t flags;
};

static mlf_status emit_start(const struct mlf_run *run, const struct beginning *begin)
{
    const char *fields[] = {run->name, begin->parent, begin->experiment, begin->experiment_id};
    struct mlf__buf text = {0};
    for (size_t i = 0; i < MLF__ARRAY_LEN(fields); i++)
        mlf__buf_add(&text, fields[i], strlen(fields[i]) + 1);
    mlf_status status = MLF_ERR_NOMEM;
    if (!text.failed)
        status = mlf__api_emit(run, (struct mlf__event){.kind = MLF__EV_RUN_START,
                                                        .flags = begin->flags,
                                                        .ts_ns = mlf__now_ns(),
                                                        .text = text.data,
                                                        .text_len = text.len - 1});
    mlf__buf_free(&text);
    return status;
}

/* Tags that the store keeps in step with what the run begins with are not set once more. */
static bool is_set_otherwise(const struct beginning *begin, const char *key)
{
    return strcmp(key, name_tag) == 0 || (strcmp(key, parent_tag) == 0 && begin->parent[0] != '\0');
}

static mlf_status emit_tags(struct mlf_run *run, const struct beginning *begin)
{
    mlf_status status = MLF_OK;
    for (size_t i = 0; i < begin->n_tags && status == MLF_OK; i++)
        if (!is_set_otherwise(begin, begin->tags[i].key))
            status = mlf_run_set_tag(run, begin->tags[i].key, begin->tags[i].value);
    if (status == MLF_OK && begin->note != NULL)
        status = mlf_run_set_tag(run, note_tag, begin->note);
    return status;
}

static const char *find_tag(const mlf_run_options *options, const char *key)
{
    for (size_t i = 0; i < options->n_tags; i++)
        if (strcmp(options->tags[i].key, key) == 0)
            return options->tags[i].value;
    return NULL;
}

static mlf_status check_options(const mlf_run_options *options)
{
    if (options->size < sizeof(*options))
        return mlf__fail(MLF_ERR_INVAL, "mlf_start_run: options without MLF_RUN_OPTIONS_INIT");
    mlf_status status = mlf__api_check_tags(options->tags, options->n_tags, "mlf_start_run");
    if (status != MLF_OK)
        return status;
    if (options->description != NULL && find_tag(options, note_tag) != NULL)
        return mlf__fail(MLF_ERR_INVAL,
                         "Description is already set via the tag %s in tags. Remove the key %s "
                         "from the tags or omit the description.",
                         note_tag, note_tag);
    const char *tagged = find_tag(options, name_tag);
    if (options->run_name != NULL && tagged != NULL && strcmp(options->run_name, tagged) != 0)
        return mlf__fail(MLF_ERR_INVAL,
                         "Both 'run_name' argument and 'mlflow.runName' tag are specified, but "
                         "with different values (run_name='%s', mlflow.runName='%s').",
                         options->run_name, tagged);
    return MLF_OK;
}

/* ---- runs of the store ---- */

/* Finds an active run of the store; |what| completes the message for one that is deleted. */
static mlf_status find_in_store(const char *run_id, const char *what, mlf_run_record *out)
{
    struct mlf__api_call call;
    mlf_status status = mlf__api_call_begin(&call, MLF__STORE_READ);
    if (status != MLF_OK)
        return status;
    status = call.store->ops->run_get(call.store, run_id, out);
    status = mlf__api_call_end(&call, mlf__unknown_run(call.store, run_id, status));
    if (status == MLF_OK && out->deleted) {
        mlf_run_record_free(out);
        *out = (mlf_run_record){0};
        status = mlf__fail(MLF_ERR_STATE,
                           "Cannot start run %s ID %s because it is in the deleted state.", what,
                           run_id);
    }
    return status;
}

/* MLflow's rules for a given parent: it is there, and it is the active run when there is one. */
static mlf_status check_parent(const char *parent, const struct mlf_run *top)
{
    if (top != NULL && strcmp(parent, top->id) != 0)
        return mlf__fail(MLF_ERR_STATE,
                         "Current run with UUID %s does not match the specified parent_run_id %s. "
                         "To start a new nested run under the parent run with UUID %s, first end "
                         "the current run with mlf_end_run().",
                         top->id, parent, parent);
    if (is_active_here(parent))
        return MLF_OK;
    mlf_run_record record = {0};
    mlf_status status = find_in_store(parent, "under parent run with", &record);
    mlf_run_record_free(&record);
    return status;
}

/* Under a launcher there is one experiment: is it |found|? */
static bool is_launchers(const mlf_experiment *found)
{
    const struct mlf__config *config = mlf__session_config();
    const char *id = config->experiment_id[0] != '\0' ? config->experiment_id : "0";
    return config->experiment_name[0] != '\0' ? strcmp(found->name, config->experiment_name) == 0
                                              : strcmp(found->id, id) == 0;
}

/* An experiment that is given by its id is there, and active. A store that cannot be read now is asked by the
 * collector instead: it may be made only then. */
static mlf_status check_experiment_id(const char *id)
{
    struct mlf__api_call call;
    mlf_experiment found = {0};
    if (mlf__api_call_begin(&call, MLF__STORE_READ) != MLF_OK)
        return MLF_OK;
    mlf_status status = call.store->ops->experiment_get(call.store, id, &found);
    status = mlf__api_call_end(&call, mlf__unknown_experiment(call.store, id, status));
    if (status == MLF_OK && mlf__session_has_launcher() && !is_launchers(&found))
        status = mlf__fail(MLF_ERR_STATE,
                           "experiment %s is not the one that `mlf run` was told to log into", id);
    else if (status == MLF_OK && found.deleted)
        status = mlf__fail(MLF_ERR_STATE,
                           "The experiment %s must be in the 'active' state. Current state is "
                           "deleted.",
                           id);
    else if (status != MLF_ERR_NOT_FOUND && status != MLF_ERR_INVAL)
        status = MLF_OK;
    mlf_experiment_free(&found);
    return status;
}

/* ---- mlf_start_run ---- */

static mlf_status start_new(const mlf_run_options *options, struct mlf_run *top,
                            struct mlf_run **out)
{
    struct beginning begin = {.parent = "",
                              .experiment = "",
                              .experiment_id = "",
                              .note = options->description,
                              .tags = options->tags,
                              .n_tags = options->n_tags,
                              .flags = options->no_system_metrics ? MLF__EVF_NO_SYSTEM : 0};
    mlf_status status = MLF_OK;
    if (options->parent_run_id != NULL)
        status = check_parent(options->parent_run_id, top);
    if (status == MLF_OK && options->experiment_id != NULL)
        status = check_experiment_id(options->experiment_id);
    if (status == MLF_OK)
        status = mlf__session_begin();
    const char *name = options->run_name != NULL ? options->run_name : find_tag(options, name_tag);
    struct mlf_run *run = NULL;
    if (status == MLF_OK)
        status = make_run(NULL, name, &run);
    if (status != MLF_OK)
        return status;
    const char *own = mlf__session_config()->run_id;
    bool is_session = strcmp(run->id, own) == 0;
    if (options->parent_run_id != NULL)
        begin.parent = options->parent_run_id;
    else if (top != NULL)
        begin.parent = top->id;
    else if (mlf__session_has_launcher() && !is_session)
        begin.parent = own;
    if (options->experiment_id != NULL)
        begin.experiment_id = options->experiment_id;
    else if (!is_session && mlf__api_experiment() != NULL)
        begin.experiment = mlf__api_experiment();
    status = emit_start(run, &begin);
    if (status == MLF_OK)
        status = emit_tags(run, &begin);
    if (status == MLF_OK)
        *out = run;
    else
        discard(run);
    return status;
}

static mlf_status resume(const char *id, const mlf_run_options *options, struct mlf_run **out)
{
    if (is_active_here(id))
        return mlf__fail(MLF_ERR_STATE, "Run with UUID %s is already active.", id);
    mlf_run_record record = {0};
    mlf_status status = find_in_store(id, "with", &record);
    if (status != MLF_OK)
        return status;
    const char *name = options->run_name != NULL ? options->run_name : find_tag(options, name_tag);
    struct mlf_run *run = NULL;
    status = mlf__session_begin();
    if (status == MLF_OK)
        status = make_run(id, name != NULL ? name : record.name, &run);
    mlf_run_record_free(&record);
    const struct beginning begin = {.parent = "",
                                    .note = options->description,
                                    .tags = options->tags,
                                    .n_tags = options->n_tags};
    if (status == MLF_OK)
        status = mlf__api_emit(
            run, (struct mlf__event){.kind = MLF__EV_RUN_RESUME,
                                     .flags = options->no_system_metrics ? MLF__EVF_NO_SYSTEM : 0});
    if (status == MLF_OK && name != NULL)
        status = mlf_run_set_tag(run, name_tag, run->name);
    if (status == MLF_OK)
        status = emit_tags(run, &begin);
    if (status == MLF_OK)
        *out = run;
    else
        discard(run);
    return status;
}

/* MLFLOW_RUN_ID names the run that the first start resumes. A launcher has its own run. */
static const char *run_of_environment(void)
{
    const char *id = mlf__env(MLF__ENV_MLFLOW_RUN_ID);
    if (id[0] == '\0' || mlf__session_has_launcher() || atomic_exchange(&env_run_taken, true))
        return NULL;
    return id;
}

mlf_status mlf_start_run(const mlf_run_options *options, mlf_run **out)
{
    static const mlf_run_options defaults = MLF_RUN_OPTIONS_INIT;
    if (out != NULL)
        *out = NULL;
    if (mlf__api_is_off())
        return MLF_OK;
    if (options == NULL)
        options = &defaults;
    mlf_status status = check_options(options);
    if (status != MLF_OK)
        return status;
    struct mlf_run *top = top_run(), *run = NULL;
    if (top != NULL && !options->nested)
        return mlf__fail(MLF_ERR_STATE,
                         "Run with UUID %s is already active. To start a new run, first end the "
                         "current run with mlf_end_run(). To start a nested run, set |nested| in "
                         "the options.",
                         top->id);
    const char *id = options->run_id != NULL ? options->run_id : run_of_environment();
    status = id != NULL ? resume(id, options, &run) : start_new(options, top, &run);
    if (status != MLF_OK || run == NULL)
        return mlf__api_result(status);
    push(run);
    if (out != NULL)
        *out = run;
    return MLF_OK;
}

mlf_run *mlf_run_enter(const mlf_run_options *options)
{
    mlf_run *run = NULL;
    return mlf_start_run(options, &run) == MLF_OK ? run : NULL;
}

/* ---- ending ---- */

static mlf_status check_end(mlf_run_status status, const char *call)
{
    return status == MLF_RUN_FINISHED || status == MLF_RUN_FAILED || status == MLF_RUN_KILLED
               ? MLF_OK
               : mlf__fail(MLF_ERR_INVAL, "%s: %d is no state that a run ends in", call,
                           (int)status);
}

static mlf_status end(struct mlf_run *run, mlf_run_status status, const char *call)
{
    if (run->pid != (int32_t)getpid())
        return mlf__fail(MLF_ERR_STATE,
                         "%s: the run belongs to process %d, which this one was forked from", call,
                         (int)run->pid);
    if (!atomic_exchange(&run->active, false))
        return mlf__fail(MLF_ERR_STATE, "%s: run %s has ended already", call, run->id);
    atomic_store(&run->trainings.ended, true);
    mlf_status result = mlf__api_emit(run, (struct mlf__event){.kind = MLF__EV_RUN_END,
                                                               .step = (int64_t)status,
                                                               .ts_ns = mlf__now_ns()});
    return result == MLF_OK ? mlf__session_flush(END_WAIT_MS) : result;
}

mlf_status mlf_end_run(mlf_run_status status)
{
    if (mlf__api_is_off())
        return MLF_OK;
    mlf_status allowed = check_end(status, "mlf_end_run");
    if (allowed != MLF_OK)
        return allowed;
    struct mlf_run *run = top_run();
    if (run == NULL)
        return mlf__fail(MLF_ERR_STATE, "mlf_end_run: this thread has no active run");
    set_active(run->below);
    return end(run, status, "mlf_end_run");
}

mlf_status mlf_run_end(mlf_run *run, mlf_run_status status)
{
    if (mlf__api_is_off())
        return MLF_OK;
    mlf_status allowed = mlf__api_check_run(run, "mlf_run_end");
    if (allowed == MLF_OK)
        allowed = check_end(status, "mlf_run_end");
    return allowed == MLF_OK ? end(run, status, "mlf_run_end") : allowed;
}

void mlf_run_leave(mlf_run **run)
{
    if (run != NULL && *run != NULL && atomic_load(&(*run)->active))
        mlf_run_end(*run, MLF_RUN_FINISHED);
}

/* ---- runs of studies ---- */

mlf_status mlf__api_run_begin(const char *name, struct mlf_run **out)
{
    char id[MLF__ID_SIZE];
    const struct mlf_run *top = top_run();
    struct mlf_run *run = NULL;
    *out = NULL;
    mlf_status status = mlf__session_begin();
    if (status != MLF_OK)
        return status;
    mlf__new_id(id);
    status = make_run(id, name, &run);
    if (status != MLF_OK)
        return status;
    const char *experiment = mlf__api_experiment();
    const struct beginning begin = {.parent = top != NULL ? top->id
                                              : mlf__session_has_launcher()
                                                  ? mlf__session_config()->run_id
                                                  : "",
                                    .experiment = experiment != NULL ? experiment : "",
                                    .experiment_id = ""};
    status = emit_start(run, &begin);
    if (status != MLF_OK) {
        discard(run);
        return status;
    }
    mlf__api_lock();
    publish(run);
    mlf__api_unlock();
    *out = run;
    return MLF_OK;
}

mlf_status mlf__api_run_handle(const char *id, const char *name, bool is_parent,
                               struct mlf_run **out)
{
    mlf_status status = mlf__session_begin();
    *out = NULL;
    if (status == MLF_OK)
        status = make_run(id, name, out);
    if (status != MLF_OK || !is_parent)
        return status;
    mlf__api_lock();
    publish(*out);
    mlf__api_unlock();
    return MLF_OK;
}

mlf_status mlf__api_run_finish(struct mlf_run *run, mlf_run_status status)
{
    if (!atomic_exchange(&run->active, false))
        return MLF_OK;
    atomic_store(&run->trainings.ended, true);
    return mlf__api_emit(run, (struct mlf__event){.kind = MLF__EV_RUN_END,
                                                  .step = (int64_t)status,
                                                  .ts_ns = mlf__now_ns()});
}

void mlf__api_run_enter(struct mlf_run *run)
{
    run->below = top_run();
    set_active(run);
}

/* Whatever the thread has begun above it and left open is left with it. */
void mlf__api_run_leave(struct mlf_run *run)
{
    const struct mlf_run *at = active_run;
    while (at != NULL && at != run)
        at = at->below;
    if (at != NULL)
        set_active(run->below);
}

/* ---- asking ---- */

const char *mlf_run_id(const mlf_run *run)
{
    return run != NULL ? run->id : "";
}

const char *mlf_run_name(const mlf_run *run)
{
    return run != NULL ? run->name : "";
}

mlf_run *mlf_active_run(void)
{
    return top_run();
}

mlf_run *mlf_last_active_run(void)
{
    mlf__api_lock();
    struct mlf_run *last = runs;
    mlf__api_unlock();
    return last;
}

/* ---- the run of a thread that has none ---- */

static struct mlf_run *oldest_active(void)
{
    struct mlf_run *oldest = NULL;
    for (struct mlf_run *run = runs; run != NULL; run = run->next)
        if (atomic_load(&run->active))
            oldest = run;
    return oldest;
}

/* Under a launcher its run stays the process's, whoever ended it. */
static bool is_usable(const struct mlf_run *run)
{
    return run != NULL && (atomic_load_explicit(&run->active, memory_order_relaxed) ||
                           mlf__session_has_launcher());
}

/* Called with the lock held; NULL when there is none. */
static struct mlf_run *find_process_run(void)
{
    struct mlf_run *run = atomic_load_explicit(&process_run, memory_order_acquire);
    if (is_usable(run))
        return run;
    run = oldest_active();
    if (run != NULL)
        atomic_store_explicit(&process_run, run, memory_order_release);
    return run;
}

/* |resumed|: the run that the environment names, or NULL for a new one, when |*is_new| is set. */
static mlf_status take_process_run(struct mlf_run *resumed, struct mlf_run **out, bool *is_new)
{
    mlf_status status = MLF_OK;
    *is_new = false;
    mlf__api_lock();
    struct mlf_run *run = find_process_run();
    if (run == NULL) {
        run = resumed;
        *is_new = resumed == NULL;
        if (*is_new)
            status = make_run_locked(NULL, NULL, &run);
        if (status == MLF_OK) {
            publish(run);
            atomic_store_explicit(&process_run, run, memory_order_release);
        }
    }
    mlf__api_unlock();
    *out = run;
    return status;
}

static mlf_status start_process_run(struct mlf_run **out)
{
    static const mlf_run_options defaults = MLF_RUN_OPTIONS_INIT;
    struct mlf_run *resumed = NULL;
    const char *id = run_of_environment();
    bool is_new;
    mlf_status status = id != NULL ? resume(id, &defaults, &resumed) : MLF_OK;
    if (status == MLF_OK)
        status = take_process_run(resumed, out, &is_new);
    if (status != MLF_OK || !is_new)
        return status;
    const char *own = mlf__session_config()->run_id;
    bool is_session = strcmp((*out)->id, own) == 0, launched = mlf__session_has_launcher();
    const char *experiment = is_session ? NULL : mlf__api_experiment();
    const struct beginning begin = {.parent = launched && !is_session ? own : "",
                                    .experiment = experiment != NULL ? experiment : "",
                                    .experiment_id = ""};
    return launched && is_session ? MLF_OK : emit_start(*out, &begin);
}

mlf_status mlf__api_current_run(struct mlf_run **out)
{
    *out = top_run();
    if (*out != NULL)
        return MLF_OK;
    mlf_status status = mlf__session_begin();
    if (status != MLF_OK)
        return status;
    *out = atomic_load_explicit(&process_run, memory_order_acquire);
    if (is_usable(*out))
        return MLF_OK;
    mlf__api_lock();
    *out = find_process_run();
    mlf__api_unlock();
    return *out != NULL ? MLF_OK : start_process_run(out);
}
