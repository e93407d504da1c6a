/* SPDX-License-Identifier: Apache-2.0 */
/* The public API: status texts, store and experiment, flush, autolog.
 *
 * THREAD SAFETY NOTES: |lock| is the API's one mutex. |experiment| is replaced under it and old values are kept, since a starting run
 * may still read them. */
#include "autolog/api.h"

#include "core/mem.h"
#include "core/spawn.h"
#include "tracking/names.h"
#include "tracking/store.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum { FLUSH_MS = 30000 };

static _Atomic(const char *) experiment;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t at_fork = PTHREAD_ONCE_INIT;

static void lock_it(void)
{
    pthread_mutex_lock(&lock);
}

static void unlock_it(void)
{
    pthread_mutex_unlock(&lock);
}

/* Whoever forks holds the lock, so that it is free in the child. */
static void watch_forks(void)
{
    pthread_atfork(lock_it, unlock_it, unlock_it);
}

void mlf__api_lock(void)
{
    pthread_once(&at_fork, watch_forks);
    lock_it();
}

void mlf__api_unlock(void)
{
    unlock_it();
}

const char *mlf_status_name(mlf_status status)
{
    return mlf__status_name(status);
}

const char *mlf_strerror(mlf_status status)
{
    return mlf__status_text(status);
}

const char *mlf_errmsg(void)
{
    return mlf__errmsg();
}

mlf_status mlf__api_result(mlf_status status)
{
    return status == MLF_ERR_OFF ? MLF_OK : status;
}

mlf_status mlf_set_tracking_uri(const char *uri)
{
    if (mlf__session_init() == MLF__SESSION_OFF)
        return MLF_OK;
    if (uri == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_set_tracking_uri: no URI");
    char *resolved;
    mlf_status status = mlf__uri_resolve(uri, NULL, &resolved);
    if (status != MLF_OK)
        return status;
    status = mlf__session_configure(resolved, NULL);
    mlf__free(resolved);
    return status;
}

const char *mlf__api_experiment(void)
{
    return atomic_load_explicit(&experiment, memory_order_acquire);
}

mlf_status mlf_set_experiment(const char *name)
{
    enum mlf__session_state state = mlf__session_init();
    if (state == MLF__SESSION_OFF)
        return MLF_OK;
    if (name == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_set_experiment: no name");
    mlf_status status = mlf__check_experiment_name(name);
    if (status != MLF_OK)
        return status;
    if (state == MLF__SESSION_DORMANT || mlf__session_has_launcher())
        return mlf__session_configure(NULL, name);
    mlf__api_lock();
    const char *old = mlf__api_experiment();
    if (old == NULL || strcmp(old, name) != 0) {
        char *copy = mlf__strdup(name);
        if (copy != NULL)
            atomic_store_explicit(&experiment, copy, memory_order_release);
        else
            status = MLF_ERR_NOMEM;
    }
    mlf__api_unlock();
    return status;
}

mlf_status mlf_flush(void)
{
    return mlf__session_flush(FLUSH_MS);
}

mlf_status mlf_autolog(void)
{
    char path[1024];
    if (mlf__session_init() == MLF__SESSION_OFF)
        return MLF_OK;
    if (!mlf__locate_hooks(path, sizeof(path)))
        return mlf__fail(MLF_ERR_NOT_FOUND, "libmlf_hooks.so is not where libmlf_core belongs");
    /* The library stays for good: the program's calls go through it from now on. */
    void *hooks = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (hooks == NULL)
        return mlf__fail(MLF_ERR_IO, "%s", dlerror());
    void (*install)(void) = (void (*)(void))dlsym(hooks, "mlf__hooks_install");
    if (install == NULL)
        return mlf__fail(MLF_ERR_CORRUPT, "%s is not the hook library of this mlf", path);
    install();
    return MLF_OK;
}
