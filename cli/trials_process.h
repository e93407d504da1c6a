/* SPDX-License-Identifier: Apache-2.0 */
/* A process of `mlf tune` and what it leaves behind: starting it in a group of its own, ending that group, finding
 * descendants that have left it, and a watchdog that ends them all should mlf be killed itself. */
#ifndef MLF_CLI_TRIALS_PROCESS_H
#define MLF_CLI_TRIALS_PROCESS_H

#include "cli/launch.h"

#include <stdatomic.h>
#include <stdint.h>

struct mlf__starter;

struct mlf__spawn_group {
    const struct mlf__image *image;
    struct mlf__starter *starter;
    const char *directory; /* NULL: here */
    uint64_t memory_limit; /* 0: none */
    int null;              /* /dev/null, its stdin */
};
struct mlf__spawned {
    pid_t pid;
    int out, err;   /* read ends of its pipes, which do not block */
    int exec_error; /* errno when it could not be executed: it ends by itself then */
};
/* MLF_ERR_IO when no process or pipe could be made. */
mlf_status mlf__spawn_group(const struct mlf__spawn_group *how, struct mlf__spawned *out);

/* A small process that starts the others, as children of mlf. It is there because the kernel counts what a process had in
 * memory before its exec as its own: started by mlf itself, each would seem to have used as much as mlf does. To be
 * started before the signals are taken, since it passes on what it has. */
mlf_status mlf__starter_start(struct mlf__starter **out);
pid_t mlf__starter_pid(const struct mlf__starter *starter); /* -1 of NULL */
void mlf__starter_stop(struct mlf__starter *starter);       /* NULL is fine */

/* Is any process of the group there? Also one that has ended and that nobody waited for. */
bool mlf__group_is_alive(pid_t group);
/* Sends |signo| to those children of the calling thread, orphans it has inherited included, whose environment has
 * MLF_RUN=|run_id|, but not to the |n_spared| in |spared|. Returns how many there are. |any|: also to those whose
 * environment says nothing. */
struct mlf__strays {
    const char *run_id;
    const pid_t *spared;
    size_t n_spared;
    bool any;
};
size_t mlf__signal_strays(const struct mlf__strays *strays, int signo);

/* ---- the watchdog ---- */

struct mlf__watchdog;
/* A process that outlives mlf for a moment: should mlf end without mlf__watchdog_stop, it kills every group that it was told
 * of and whatever has MLF_SESSION=|ring| in its environment. */
mlf_status mlf__watchdog_start(size_t n_slots, const char *ring, struct mlf__watchdog **out);
/* |group| 0: nothing runs in the slot. */
void mlf__watchdog_set(struct mlf__watchdog *watchdog, size_t slot, pid_t group);
pid_t mlf__watchdog_pid(const struct mlf__watchdog *watchdog); /* -1 of NULL */
void mlf__watchdog_stop(struct mlf__watchdog *watchdog);       /* NULL is fine */

#endif
