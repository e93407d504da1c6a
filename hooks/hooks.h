/* SPDX-License-Identifier: Apache-2.0 */
/* The hook library inside: the table of hooks, the table of adapters, and what all hooks share.
 *
 * Rules for every wrapper: arguments, result, errno and order of effects are the real function's. The
 * logging part runs behind mlf__hook_enter(), allocates nothing, prints nothing, takes no lock that
 * the host can hold, and keeps its frame under 1 KiB. */
#ifndef MLF_HOOKS_HOOKS_H
#define MLF_HOOKS_HOOKS_H

#include "core/session.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A symbol that the host is meant to find; all of them are listed in tests/preload/exports.txt. */
#define MLF__HOOK __attribute__((visibility("default")))

/* ---- the table of hooks ---- */

typedef void mlf__hook_fn(void);

struct mlf__hook {
    const char *name;
    mlf__hook_fn *wrapper;
    _Atomic(mlf__hook_fn *) real; /* NULL: to be looked for at each call */
};

/* Finds the real function behind |hook|: the next definition after ours, else the one that |caller|
 * (an address in the calling object) would have got from the libraries it was loaded with. NULL
 * when nobody defines it. Kept only without a |caller|: what a program opens later it can close. */
mlf__hook_fn *mlf__hook_resolve(struct mlf__hook *hook, const void *caller);

static inline mlf__hook_fn *mlf__hook_real_for(struct mlf__hook *hook, const void *caller)
{
    mlf__hook_fn *real = atomic_load_explicit(&hook->real, memory_order_acquire);
    return __builtin_expect(real != NULL, 1) ? real : mlf__hook_resolve(hook, caller);
}

static inline mlf__hook_fn *mlf__hook_real(struct mlf__hook *hook)
{
    return mlf__hook_real_for(hook, NULL);
}

/* Everything that is hooked, for the constructor and for GOT patching. */
struct mlf__hook_list {
    struct mlf__hook *hooks;
    size_t count;
};
struct mlf__hook_list mlf__file_hooks(void);
struct mlf__hook_list mlf__getopt_hooks(void);

/* ---- adapters: one file per library in adapters/, one line in registry.c ---- */

struct mlf_adapter_ops {
    const char *name;   /* as in the events: "libsvm" */
    const char *soname; /* how the library's file name begins: "libsvm.so" */
    struct mlf__hook *hooks;
    size_t n_hooks;
};
extern const struct mlf_adapter_ops *const mlf__adapters[]; /* ends with NULL */

/* Calls |fn| for each list of hooks: libc's and the adapters'. */
void mlf__hooks_each_list(void (*fn)(struct mlf__hook_list list, void *user), void *user);
/* How many objects were loaded and unloaded so far. */
struct mlf__load_counts {
    unsigned long long loads, unloads;
};
struct mlf__load_counts mlf__load_counts(void);
/* Resolves the hooks of adapters whose library is loaded, and tells the session of them. */
void mlf__adapters_look(void);

/* ---- entering ---- */

/* Is our wrapper the one that the host's calls bind to (preloaded, or linked before libc)? */
bool mlf__hooks_preloaded(void);

/* mlf__guard_enter() for hooks: sets the session up when our constructor has not run yet, patches
 * what was loaded meanwhile, and passes on what was remembered once the session has begun. After
 * true, leave with mlf__guard_leave(). May change errno. */
bool mlf__hook_enter(void);

/* ---- events (events.c); called between mlf__hook_enter() and mlf__guard_leave() ---- */

enum { MLF__HOOK_TEXT_SIZE = 512, MLF__HOOK_KEY_SIZE = 64 };

enum mlf__file_role { MLF__FILE_READ = 1, MLF__FILE_WRITE = 2 };

/* Logs that the file |path| (absolute) was opened; |named|: by a known loader or saver, then it is
 * logged even when it was before. In a dormant session it is remembered. */
void mlf__hooks_log_file(const char *path, enum mlf__file_role role, bool named);
/* Logs an option that the program parsed; in a dormant session it is remembered. */
void mlf__hooks_log_option(const char *name, const char *value);
/* Begins a dormant session, for a training, and passes on what was remembered. */
void mlf__hooks_begin_session(void);
void mlf__hooks_flush_remembered(void);

/* FNV-1a, 64 bit; begin with MLF__HASH_SEED. */
#define MLF__HASH_SEED UINT64_C(0xcbf29ce484222325)
uint64_t mlf__hooks_hash(uint64_t hash, const void *bytes, size_t len);

/* The words of the command line: a file that was named there is of interest wherever it lies. */
void mlf__hooks_set_argv(int argc, char *const *argv);
bool mlf__hooks_named_in_argv(const char *path);

/* ---- GOT patching (got.c) ---- */

/* Patches objects that were loaded since the last time; nothing unless mlf__hooks_install() ran. */
void mlf__got_refresh(void);

#endif
