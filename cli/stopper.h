/* SPDX-License-Identifier: Apache-2.0 */
/* `mlf run --stop-when`: ends the command, and what it has started, once a condition on its metrics holds. */
#ifndef MLF_CLI_STOPPER_H
#define MLF_CLI_STOPPER_H

#include "autolog/collector.h"
#include "cli/stop_when.h"
#include "core/sys.h"

#include <stdatomic.h>

enum { MLF__STOPPED_MAX = 256, MLF__STOPPER_POLL_MS = 20 };

struct mlf__stopper {
    const struct mlf__stop_when *condition; /* NULL: never */
    struct mlf__stop_values values;
    struct mlf__collector *collector;
    pid_t pid;          /* the command */
    _Atomic bool holds; /* set by the collector's threads, read by the relay */
    struct mlf__proc_id processes[MLF__STOPPED_MAX];
    size_t n_processes; /* that were sent SIGTERM; 0: not yet */
    int64_t kill_ns;    /* monotonic: SIGKILL then */
};

/* For mlf__collector_tap(); |user| is the stopper. */
void mlf__stopper_see(const char *run_id, const char *key, double value, int64_t step, int source,
                      void *user);
/* To be called every MLF__STOPPER_POLL_MS while the command runs; |user| is the stopper. */
void mlf__stopper_look(void *user);
/* The command has ended: what it has left behind ends too. Was it stopped? */
bool mlf__stopper_end(struct mlf__stopper *stopper);

#endif
