/* SPDX-License-Identifier: Apache-2.0 */
/* The public API: status texts, store and experiment, flush, autolog.
 *
 * THREAD SAFETY NOTES: |lock| is the API's one mutex. |experiment| and |store_uri| are replaced under it and old
 * values are kept, once each, since another thread may still read them. */
#include "autolog/api.h"

#include "core/mem.h"
#include "core/spawn.h"
#include "tracking/names.h"
#include "tracking/store.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum { FLUSH_MS = 30000 };

/* What the program has set; NULL: nothing. */
static _Atomic(const char *) experiment;
static _Atomic(const char *) store_uri;

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

static void before_fork(void)
{
    mlf__api_store_before_fork();
    lock_it();
}

static void after_fork(void)
{
    unlock_it();
    mlf__api_store_after_fork(false);
}

static void after_fork_in_child(void)
{
    unlock_it();
    mlf__api_store_after_fork(true);
}

/* Whoever forks holds the locks, so that they are free in the child. */
static void watch_forks(void)
{
    pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

void mlf__api_watch_forks(void)
{
    pthread_once(&at_fork, watch_forks);
}

void mlf__api_lock(void)
{
    mlf__api_watch_forks();
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

/* A text that was set once; all stay, since other threads may read them. */
struct kept_text {
    struct kept_text *next;
    char text[];
};
static struct kept_text *kept_texts;

/* The copy of |text|, a new one when there is none yet; NULL when out of memory. Called with the lock held. */
static const char *find_kept(const char *text)
{
    for (const struct kept_text *kept = kept_texts; kept != NULL; kept = kept->next)
        if (strcmp(kept->text, text) == 0)
            return kept->text;
    size_t size = strlen(text) + 1;
    struct kept_text *kept = mlf__alloc(sizeof(*kept) + size);
    if (kept == NULL)
        return NULL;
    memcpy(kept->text, text, size);
    kept->next = kept_texts;
    kept_texts = kept;
    return kept->text;
}

/* Keeps a copy of |text| in |place|. */
static mlf_status keep(_Atomic(const char *) *place, const char *text)
{
    mlf__api_lock();
    const char *copy = find_kept(text);
    if (copy != NULL)
        atomic_store_explicit(place, copy, memory_order_release);
    mlf__api_unlock();
    return copy != NULL ? MLF_OK : MLF_ERR_NOMEM;
}

const char *mlf__api_experiment(void)
{
    return atomic_load_explicit(&experiment, memory_order_acquire);
}

void mlf__api_config(struct mlf__config *out)
{
    const struct mlf__config *begun = mlf__session_config();
    const char *uri = atomic_load_explicit(&store_uri, memory_order_acquire);
    if (begun != NULL) {
        *out = *begun;
        return;
    }
    *out = (struct mlf__config){0};
    if (uri != NULL)
        mlf__copy_text(out->tracking_uri, sizeof(out->tracking_uri), uri);
    if (mlf__api_experiment() != NULL)
        mlf__copy_text(out->experiment_name, sizeof(out->experiment_name), mlf__api_experiment());
    mlf__config_defaults(out);
}

/* ---- store ---- */

/* Does the session log into |uri| already, however its own URI is written? */
static bool logs_into(const char *uri)
{
    const struct mlf__config *config = mlf__session_config();
    char *own = NULL;
    bool same = config != NULL &&
                mlf__uri_resolve(config->tracking_uri, config->cwd, &own) == MLF_OK &&
                strcmp(own, uri) == 0;
    mlf__free(own);
    return same;
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
    if (!logs_into(resolved))
        status = mlf__session_configure(resolved, NULL);
    if (status == MLF_OK)
        status = keep(&store_uri, resolved);
    mlf__free(resolved);
    return status;
}

const char *mlf_get_tracking_uri(void)
{
    static _Thread_local char text[sizeof(((struct mlf__config *)0)->tracking_uri) + PATH_MAX];
    struct mlf__config config;
    char *uri;
    mlf__api_config(&config);
    text[0] = '\0';
    if (mlf__uri_resolve(config.tracking_uri, config.cwd, &uri) != MLF_OK)
        return text;
    mlf__copy_text(text, sizeof(text), uri);
    mlf__free(uri);
    return text;
}

/* ---- experiment ---- */

/* Under a launcher its experiment is the only one, whether it was given by name or by id. */
static mlf_status check_launcher(const mlf_experiment *chosen)
{
    const struct mlf__config *config = mlf__session_config();
    const char *id = config->experiment_id[0] != '\0' ? config->experiment_id : "0";
    bool same = config->experiment_name[0] != '\0'
                    ? strcmp(config->experiment_name, chosen->name) == 0
                    : strcmp(id, chosen->id) == 0;
    return same ? MLF_OK
                : mlf__fail(MLF_ERR_STATE, "mlf run logs into experiment %s, not into %s",
                            config->experiment_name[0] != '\0' ? config->experiment_name : id,
                            chosen->id);
}

/* The same by name. The launcher's experiment may be there by its id only. */
static mlf_status check_launcher_name(const char *name)
{
    const struct mlf__config *config = mlf__session_config();
    mlf_experiment chosen = {0};
    if (strcmp(config->experiment_name, name) == 0)
        return MLF_OK;
    mlf_status status = MLF_ERR_NOT_FOUND;
    if (config->experiment_name[0] == '\0')
        status = mlf_get_experiment_by_name(name, &chosen);
    if (status == MLF_OK)
        status = check_launcher(&chosen);
    else if (status == MLF_ERR_NOT_FOUND)
        status = mlf__fail(MLF_ERR_STATE, "mlf run logs into experiment %s, not into '%s'",
                           config->experiment_name[0] != '\0' ? config->experiment_name
                           : config->experiment_id[0] != '\0' ? config->experiment_id
                                                              : "0",
                           name);
    mlf_experiment_free(&chosen);
    return status;
}

mlf_status mlf_set_experiment(const char *name)
{
    enum mlf__session_state state = mlf__session_init();
    if (state == MLF__SESSION_OFF)
        return MLF_OK;
    if (name == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_set_experiment: no name");
    mlf_status status = mlf__check_experiment_name(name);
    if (status == MLF_OK && mlf__session_has_launcher())
        status = check_launcher_name(name);
    else if (status == MLF_OK && state == MLF__SESSION_DORMANT)
        status = mlf__session_configure(NULL, name);
    return status == MLF_OK ? keep(&experiment, name) : status;
}

mlf_status mlf_set_experiment_id(const char *experiment_id)
{
    mlf_experiment found = {0};
    if (mlf__session_init() == MLF__SESSION_OFF)
        return MLF_OK;
    if (experiment_id == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_set_experiment_id: no id");
    mlf_status status = mlf_get_experiment(experiment_id, &found);
    if (status != MLF_OK)
        return status;
    if (found.deleted)
        status = mlf__fail(MLF_ERR_STATE,
                           "Cannot set a deleted experiment '%s' as the active experiment. Restore "
                           "it, or choose another one.",
                           found.name);
    else if (mlf__session_has_launcher())
        status = check_launcher(&found);
    else
        status = mlf_set_experiment(found.name);
    mlf_experiment_free(&found);
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
