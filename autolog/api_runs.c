/* SPDX-License-Identifier: Apache-2.0 */
/* The public API: starting and ending runs, and which run a thread logs into.
 *
 * THREAD SAFETY NOTES: mlf__api_lock() guards the list of runs and the choice of the process's run, which is
 * read without it. A thread's active run is its own. Run objects are never freed. */
#include "autolog/api.h"

#include "core/buf.h"
#include "core/mem.h"
#include "tracking/names.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { END_WAIT_MS = 2000 };

static struct mlf_run *runs;                  /* newest first */
static _Atomic(struct mlf_run *) process_run; /* for threads that have none */
static bool session_run_taken;                /* the session's own run has been given out */
static _Thread_local struct mlf_run *active_run __attribute__((tls_model("initial-exec")));

mlf_status mlf__api_emit(const struct mlf_run *run, struct mlf__event event)
{
    event.run = run->id;
    event.key = event.key != NULL ? event.key : "";
    event.model = event.model != NULL ? event.model : "";
    event.text = event.text != NULL ? event.text : "";
    return mlf__api_result(mlf__session_emit(&event, MLF__RING_WAIT_CALL));
}

static void intern_run(struct mlf_run *run)
{
    struct mlf__ring *ring = mlf__session_ring();
    if (ring != NULL)
        run->name = mlf__ring_intern(ring, run->id, strlen(run->id));
}

/* Called with the lock held, after the session has begun. */
static mlf_status new_run(struct mlf_run **out)
{
    struct mlf_run *run = mlf__zalloc(1, sizeof(*run));
    if (run == NULL)
        return MLF_ERR_NOMEM;
    if (session_run_taken)
        mlf__new_id(run->id);
    else
        mlf__copy_text(run->id, sizeof(run->id), mlf__session_config()->run_id);
    session_run_taken = true;
    intern_run(run);
    run->pid = (int32_t)getpid();
    atomic_store(&run->active, true);
    run->next = runs;
    runs = run;
    *out = run;
    return MLF_OK;
}

/* Says how the run begins: name, parent, experiment. Under a launcher runs beside its own are children. */
static mlf_status announce_run(const struct mlf_run *run, const char *name)
{
    const struct mlf__config *config = mlf__session_config();
    bool is_session = strcmp(run->id, config->run_id) == 0;
    const char *parent = mlf__session_has_launcher() && !is_session ? config->run_id : "";
    const char *experiment = is_session ? NULL : mlf__api_experiment();
    const char *fields[] = {name != NULL ? name : "", parent, experiment != NULL ? experiment : ""};
    struct mlf__buf text = {0};
    for (size_t i = 0; i < MLF__ARRAY_LEN(fields); i++)
        mlf__buf_add(&text, fields[i], strlen(fields[i]) + 1);
    mlf_status status = MLF_ERR_NOMEM;
    if (!text.failed)
        status = mlf__api_emit(run, (struct mlf__event){.kind = MLF__EV_RUN_START,
                                                        .ts_ns = mlf__now_ns(),
                                                        .text = text.data,
                                                        .text_len = text.len - 1});
    mlf__buf_free(&text);
    return status;
}

mlf_status mlf_start_run(const mlf_run_options *options, mlf_run **out)
{
    if (out != NULL)
        *out = NULL;
    if (mlf__session_init() == MLF__SESSION_OFF)
        return MLF_OK;
    const char *name = options != NULL ? options->run_name : NULL;
    if (options != NULL && options->size < sizeof(*options))
        return mlf__fail(MLF_ERR_INVAL, "mlf_start_run: options without MLF_RUN_OPTIONS_INIT");
    if (active_run != NULL)
        return mlf__fail(MLF_ERR_STATE,
                         "Run with UUID %s is already active. To start a new run, first end the "
                         "current run with mlf_end_run().",
                         active_run->id);
    mlf_status status = mlf__session_begin();
    if (status != MLF_OK)
        return mlf__api_result(status);
    struct mlf_run *run = NULL;
    mlf__api_lock();
    status = new_run(&run);
    mlf__api_unlock();
    if (status == MLF_OK)
        status = announce_run(run, name);
    if (status != MLF_OK) {
        if (run != NULL)
            atomic_store(&run->active, false);
        return status;
    }
    active_run = run;
    if (out != NULL)
        *out = run;
    return MLF_OK;
}

mlf_status mlf_end_run(mlf_run_status status)
{
    if (mlf__session_init() == MLF__SESSION_OFF)
        return MLF_OK;
    if (status != MLF_RUN_FINISHED && status != MLF_RUN_FAILED && status != MLF_RUN_KILLED)
        return mlf__fail(MLF_ERR_INVAL, "mlf_end_run: %d is no state that a run ends in",
                         (int)status);
    struct mlf_run *run = active_run;
    if (run == NULL)
        return mlf__fail(MLF_ERR_STATE, "mlf_end_run: this thread has no active run");
    active_run = NULL;
    if (run->pid != (int32_t)getpid())
        return mlf__fail(MLF_ERR_STATE,
                         "mlf_end_run: the run belongs to process %d, which this one "
                         "was forked from",
                         (int)run->pid);
    atomic_store(&run->active, false);
    mlf_status result = mlf__api_emit(run, (struct mlf__event){.kind = MLF__EV_RUN_END,
                                                               .step = (int64_t)status,
                                                               .ts_ns = mlf__now_ns()});
    return result == MLF_OK ? mlf__session_flush(END_WAIT_MS) : result;
}

const char *mlf_run_id(const mlf_run *run)
{
    return run != NULL ? run->id : "";
}

static struct mlf_run *oldest_active(void)
{
    struct mlf_run *oldest = NULL;
    for (struct mlf_run *run = runs; run != NULL; run = run->next)
        if (atomic_load(&run->active))
            oldest = run;
    return oldest;
}

/* Under a launcher its run stays the process's, whoever ended it. */
static bool is_usable(struct mlf_run *run)
{
    return run != NULL && (atomic_load_explicit(&run->active, memory_order_relaxed) ||
                           mlf__session_has_launcher());
}

/* The run for threads without one. Called with the lock held. */
static mlf_status find_process_run(struct mlf_run **out, bool *is_new)
{
    *is_new = false;
    struct mlf_run *run = atomic_load_explicit(&process_run, memory_order_acquire);
    if (is_usable(run)) {
        *out = run;
        return MLF_OK;
    }
    run = oldest_active();
    if (run == NULL) {
        mlf_status status = new_run(&run);
        if (status != MLF_OK)
            return status;
        *is_new = true;
    }
    atomic_store_explicit(&process_run, run, memory_order_release);
    *out = run;
    return MLF_OK;
}

mlf_status mlf__api_current_run(struct mlf_run **out)
{
    *out = active_run;
    if (active_run != NULL)
        return MLF_OK;
    mlf_status status = mlf__session_begin();
    if (status != MLF_OK)
        return status;
    *out = atomic_load_explicit(&process_run, memory_order_acquire);
    if (is_usable(*out))
        return MLF_OK;
    bool is_new;
    mlf__api_lock();
    status = find_process_run(out, &is_new);
    mlf__api_unlock();
    if (status == MLF_OK && is_new && strcmp((*out)->id, mlf__session_config()->run_id) != 0)
        status = announce_run(*out, NULL);
    return status;
}
