/* SPDX-License-Identifier: Apache-2.0 */
/* How a command ended: what that means for its run, and for our own exit. */
#ifndef MLF_CLI_OUTCOME_H
#define MLF_CLI_OUTCOME_H

#include "core/fail.h"

#include <stdint.h>

/* Of wait status |wait_status|: exit 0 is FINISHED; SIGINT, SIGTERM, SIGHUP, SIGQUIT and SIGKILL are
 * KILLED; everything else FAILED. An enum mlf__run_status. */
int mlf__ending_status(int wait_status);

/* "SIGKILL"; "SIG34" for signals without a name. Static or in |buffer|. */
const char *mlf__ending_signal_name(int signal, char buffer[16]);

/* Processes that the kernel killed in our cgroup for want of memory, so far; -1 when unknown. */
int64_t mlf__outcome_oom_kills(void);

/* Ends mlf as the command ended: the same exit code, or by the same signal without a core file. */
void mlf__outcome_exit(int wait_status) __attribute__((noreturn));

#endif
