/* SPDX-License-Identifier: Apache-2.0 */
/* The public API: calls that read or write the store at once. What this process has logged is stored first; then the
 * store is opened for that call alone, so that nothing of it is left in the host, nor shared with a forked child.
 *
 * THREAD SAFETY NOTES: nothing here holds mlf__api_lock(). Calls share |in_use|, each with a connection of its own; a thread
 * that forks takes it alone, before the API's mutex: a database library in the middle of its work does not survive in a
 * child. A fork waits for that 2 s at most; then the child works on no store. */
#include "autolog/api.h"

#include "autolog/collector.h"
#include "core/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

enum { FLUSH_MS = 30000, FORK_WAIT_S = 2 };

/* Whoever forks goes before calls that begin later; else it might wait for ever. */
static pthread_rwlock_t in_use = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static _Thread_local int depth;          /* calls inside calls take the lock once */
static _Thread_local bool held_for_fork; /* this thread has |in_use| alone */
static _Atomic bool torn;                /* forked while another thread was using the store */

/* ---- forks ---- */

void mlf__api_store_before_fork(void)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += FORK_WAIT_S;
    held_for_fork = depth == 0 && pthread_rwlock_timedwrlock(&in_use, &end) == 0;
}

void mlf__api_store_after_fork(bool is_child)
{
    static const pthread_rwlock_t fresh = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
    /* The lock knows its writer by the number of a thread, which the child's is not. */
    if (is_child)
        in_use = fresh;
    else if (held_for_fork)
        pthread_rwlock_unlock(&in_use);
    if (is_child && !held_for_fork)
        atomic_store(&torn, true);
    held_for_fork = false;
}

/* ---- a call ---- */

/* Opens without touching the guard. */
static mlf_status open_store(enum mlf__open_mode mode, struct mlf__store **out)
{
    struct mlf__config config;
    char *uri;
    mlf__api_config(&config);
    mlf_status status = mlf__uri_resolve(config.tracking_uri, config.cwd, &uri);
    if (status == MLF_OK)
        status = mlf__store_open(uri, mode, out);
    mlf__free(uri);
    return status;
}

/* Has all that was logged been stored, whatever became of it? */
static bool is_settled(void)
{
    struct mlf__ring *ring = mlf__session_ring();
    return ring == NULL || mlf__ring_wait_settled(ring, mlf__ring_head(ring), 0) != MLF_ERR_TIMEOUT;
}

static mlf_status settle(void)
{
    char text[512];
    if (mlf__session_init() == MLF__SESSION_OFF)
        return mlf__fail(MLF_ERR_OFF, "mlf is switched off");
    mlf_status status = mlf__session_flush(FLUSH_MS);
    if (status == MLF_OK)
        return MLF_OK;
    mlf__copy_text(text, sizeof(text), mlf__errmsg());
    /* What the store refused before, and a collector that has died, are no reason not to look at what is there. */
    return is_settled() ? MLF_OK
                        : mlf__fail(status, "what was logged before is not stored yet: %s", text);
}

mlf_status mlf__api_call_begin(struct mlf__api_call *call, enum mlf__open_mode mode)
{
    *call = (struct mlf__api_call){0};
    mlf_status status = settle();
    if (status != MLF_OK)
        return status;
    if (atomic_load(&torn))
        return mlf__fail(MLF_ERR_BUSY, "this process was forked while another thread of its parent "
                                       "was using the store; it cannot use it");
    mlf__api_watch_forks();
    if (depth++ == 0)
        pthread_rwlock_rdlock(&in_use);
    call->guarded = mlf__guard_enter_call();
    status = open_store(mode, &call->store);
    return status == MLF_OK ? MLF_OK : mlf__api_call_end(call, status);
}

mlf_status mlf__api_call_end(struct mlf__api_call *call, mlf_status status)
{
    mlf__store_close(call->store);
    call->store = NULL;
    if (call->guarded)
        mlf__guard_leave();
    call->guarded = false;
    if (--depth == 0)
        pthread_rwlock_unlock(&in_use);
    return status;
}

mlf_status mlf__api_sync(const struct mlf__sync_options *options, struct mlf__sync_result *out)
{
    struct mlf__config config;
    struct mlf__sync_options of_store = *options;
    char *uri = NULL;
    *out = (struct mlf__sync_result){0};
    if (mlf__session_init() == MLF__SESSION_OFF)
        return mlf__fail(MLF_ERR_OFF, "mlf is switched off");
    mlf__api_config(&config);
    mlf_status status = mlf__uri_resolve(config.tracking_uri, config.cwd, &uri);
    if (status != MLF_OK)
        return status;
    mlf__api_watch_forks();
    if (depth++ == 0)
        pthread_rwlock_rdlock(&in_use);
    bool guarded = mlf__guard_enter_call();
    of_store.tracking_uri = uri;
    status = mlf__sync(&of_store, out);
    if (guarded)
        mlf__guard_leave();
    if (--depth == 0)
        pthread_rwlock_unlock(&in_use);
    mlf__free(uri);
    return status;
}

mlf_status mlf__api_experiment_id(struct mlf__store *store, bool create, char id[MLF_ID_MAX])
{
    struct mlf__config config;
    mlf_experiment found = {0};
    mlf__api_config(&config);
    const char *name =
        mlf__api_experiment() != NULL ? mlf__api_experiment() : config.experiment_name;
    if (name[0] == '\0') {
        mlf__copy_text(id, MLF_ID_MAX,
                       config.experiment_id[0] != '\0' ? config.experiment_id : "0");
        return MLF_OK;
    }
    mlf_status status = create ? store->ops->experiment_ensure(store, name, &found)
                               : store->ops->experiment_by_name(store, name, &found);
    if (status == MLF_OK)
        mlf__copy_text(id, MLF_ID_MAX, found.id);
    mlf_experiment_free(&found);
    return status;
}
