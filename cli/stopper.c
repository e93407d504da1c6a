/* SPDX-License-Identifier: Apache-2.0 */
/* The command shares mlf's process group, perhaps with the rest of a pipeline: its processes are found by their parents. */
#include "cli/stopper.h"

#include "autolog/system_metrics.h"

#include <signal.h>

enum { GRACE_MS = 5000 };

void mlf__stopper_see(const char *run_id, const char *key, double value, int64_t step, int source,
                      void *user)
{
    struct mlf__stopper *stopper = user;

    (void)run_id;
    (void)step;
    (void)source;
    if (mlf__stop_when_see(stopper->condition, &stopper->values, key, value))
        atomic_store(&stopper->holds, true);
}

static void add_processes(struct mlf__stopper *stopper, int signo)
{
    int32_t pids[MLF__STOPPED_MAX];
    size_t n = mlf__system_tree("/proc", stopper->pid, pids, MLF__STOPPED_MAX);

    for (size_t i = 0; i < n; i++) {
        struct mlf__proc_id id;
        if (stopper->n_processes < MLF__STOPPED_MAX && mlf__proc_identify(pids[i], &id))
            stopper->processes[stopper->n_processes++] = id;
        kill(pids[i], signo);
    }
}

static void kill_processes(const struct mlf__stopper *stopper)
{
    for (size_t i = 0; i < stopper->n_processes; i++)
        if (mlf__proc_alive(&stopper->processes[i]))
            kill(stopper->processes[i].pid, SIGKILL);
}

void mlf__stopper_look(void *user)
{
    struct mlf__stopper *stopper = user;

    if (stopper->collector != NULL)
        mlf__collector_catch_up(stopper->collector, 0);
    if (!atomic_load(&stopper->holds))
        return;
    if (stopper->kill_ns == 0) {
        stopper->kill_ns = mlf__monotonic_ns() + GRACE_MS * 1000000ll;
        add_processes(stopper, SIGTERM);
    } else if (mlf__monotonic_ns() > stopper->kill_ns) {
        kill_processes(stopper);
        add_processes(stopper, SIGKILL);
    }
}

bool mlf__stopper_end(struct mlf__stopper *stopper)
{
    kill_processes(stopper);
    return stopper->kill_ns != 0;
}
