/* SPDX-License-Identifier: Apache-2.0 */
/* The constructor, the search for real functions, and the entry of every hook.
 *
 * The library is linked with -z initfirst, so that it is ready before any other constructor calls one
 * of its wrappers. Where another object has taken that privilege, wrappers find what they need
 * themselves. Nothing here prints, and without a launcher and a known library next to nothing is done.
 */
#include "hooks/hooks.h"

#include "core/compat_glibc.h"
#include "core/env.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_ADAPTERS = 32 };

static bool started;          /* our constructor has run */
static _Atomic int preloaded; /* 0: not known yet, 1: no, 2: yes */

bool mlf__hooks_preloaded(void)
{
    int known = atomic_load_explicit(&preloaded, memory_order_relaxed);
    if (known == 0) {
        /* Any hooked function does that no other library is likely to define. */
        struct mlf__hook_list files = mlf__file_hooks();
        const struct mlf__hook *probe = &files.hooks[files.count - 1];
        known = dlsym(RTLD_DEFAULT, probe->name) == (void *)(uintptr_t)probe->wrapper ? 2 : 1;
        atomic_store_explicit(&preloaded, known, memory_order_relaxed);
    }
    return known == 2;
}

/* The definition that the calling object gets from the libraries it was loaded with: it may have been
 * opened with RTLD_LOCAL, then the global search does not see them. */
static void *find_from_caller(const char *name, const void *caller)
{
    Dl_info info;
    struct link_map *map = NULL;
    if (dladdr1(caller, &info, (void **)&map, RTLD_DL_LINKMAP) == 0 || map == NULL ||
        map->l_name == NULL || *map->l_name == '\0')
        return NULL;
    void *handle = dlopen(map->l_name, RTLD_NOLOAD | RTLD_LAZY);
    if (handle == NULL)
        return NULL;
    void *found = dlsym(handle, name);
    dlclose(handle);
    return found;
}

mlf__hook_fn *mlf__hook_resolve(struct mlf__hook *hook, const void *caller)
{
    int saved = errno;
    void *wrapper = (void *)(uintptr_t)hook->wrapper;
    void *found = dlsym(mlf__hooks_preloaded() ? RTLD_NEXT : RTLD_DEFAULT, hook->name);
    if (found != NULL && found != wrapper) {
        if (caller == NULL)
            atomic_store_explicit(&hook->real, (mlf__hook_fn *)(uintptr_t)found,
                                  memory_order_release);
    } else {
        found = caller != NULL ? find_from_caller(hook->name, caller) : NULL;
        if (found == wrapper)
            found = NULL;
        /* The host must not find our failed search in its next dlerror(). */
        dlerror();
    }
    errno = saved;
    return (mlf__hook_fn *)(uintptr_t)found;
}

void mlf__hooks_each_list(void (*fn)(struct mlf__hook_list list, void *user), void *user)
{
    fn(mlf__file_hooks(), user);
    fn(mlf__getopt_hooks(), user);
    for (size_t i = 0; mlf__adapters[i] != NULL; i++) {
        struct mlf__hook_list list = {mlf__adapters[i]->hooks, mlf__adapters[i]->n_hooks};
        fn(list, user);
    }
}

static void resolve_list(struct mlf__hook_list list)
{
    for (size_t i = 0; i < list.count; i++)
        if (atomic_load_explicit(&list.hooks[i].real, memory_order_relaxed) == NULL)
            mlf__hook_resolve(&list.hooks[i], NULL);
}

/* Counts in |user|, one for each adapter, the loaded objects that are its library. */
static int look_at_object(struct dl_phdr_info *info, size_t size, void *user)
{
    unsigned *loaded = user;
    (void)size;
    if (info->dlpi_name == NULL)
        return 0;
    const char *slash = strrchr(info->dlpi_name, '/');
    const char *base = slash != NULL ? slash + 1 : info->dlpi_name;
    for (size_t i = 0; mlf__adapters[i] != NULL && i < MAX_ADAPTERS; i++)
        if (strncmp(base, mlf__adapters[i]->soname, strlen(mlf__adapters[i]->soname)) == 0)
            loaded[i]++;
    return 0;
}

void mlf__adapters_look(void)
{
    unsigned loaded[MAX_ADAPTERS] = {0};
    dl_iterate_phdr(look_at_object, loaded);
    struct mlf__ring *ring = mlf__session_ring();
    for (size_t i = 0; mlf__adapters[i] != NULL && i < MAX_ADAPTERS; i++) {
        if (loaded[i] == 0)
            continue;
        resolve_list((struct mlf__hook_list){mlf__adapters[i]->hooks, mlf__adapters[i]->n_hooks});
        if (ring != NULL)
            mlf__ring_set_adapter(ring, mlf__adapters[i]->name);
    }
}

static int count_loads(struct dl_phdr_info *info, size_t size, void *user)
{
    struct mlf__load_counts *counts = user;
    if (size >= offsetof(struct dl_phdr_info, dlpi_tls_modid))
        *counts = (struct mlf__load_counts){info->dlpi_adds, info->dlpi_subs};
    return 1;
}

struct mlf__load_counts mlf__load_counts(void)
{
    struct mlf__load_counts counts = {0, 0};
    dl_iterate_phdr(count_loads, &counts);
    return counts;
}

bool mlf__hook_enter(void)
{
    /* Another object's constructor runs before libc's: the environment is not to be had yet. */
    if (!started && environ == NULL)
        return false;
    if (!mlf__guard_enter())
        return false;
    enum mlf__session_state state = mlf__session_init();
    if (state == MLF__SESSION_OFF || state == MLF__SESSION_UNSET) {
        mlf__guard_leave();
        return false;
    }
    mlf__got_refresh();
    if (state == MLF__SESSION_RING || state == MLF__SESSION_JOURNAL)
        mlf__hooks_flush_remembered();
    return true;
}

/* Whoever started the program may want its lines at once, since what they say decides whether it goes on. A program
 * that chooses its own buffering does so later, and wins. */
static void buffer_by_line(void)
{
    if (mlf__env_is_on(MLF__ENV_MLF_LINE_BUFFERED) &&
        syscall(SYS_fcntl, STDOUT_FILENO, F_GETPIPE_SZ) > 0)
        setvbuf(stdout, NULL, _IOLBF, 0);
}

/* The C library passes its constructors the arguments of main(). */
__attribute__((constructor)) static void start(int argc, char **argv, char **envp)
{
    int saved = errno;
    /* Being first, we run before libc's own constructor stores this very pointer. */
    if (environ == NULL)
        environ = envp;
    resolve_list(mlf__file_hooks());
    resolve_list(mlf__getopt_hooks());
    started = true;
    mlf__hooks_set_argv(argc, argv);
    if (mlf__guard_enter()) {
        enum mlf__session_state state = mlf__session_init();
        if (state == MLF__SESSION_RING)
            buffer_by_line();
        if (state != MLF__SESSION_OFF)
            mlf__adapters_look();
        mlf__guard_leave();
    }
    errno = saved;
}
