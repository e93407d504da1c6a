/* SPDX-License-Identifier: Apache-2.0 */
/* How a command ended: what that means for its run, and for our own exit. */
#ifndef MLF_CLI_OUTCOME_H
#define MLF_CLI_OUTCOME_H

#include "core/fail.h"

#include <stdint.h>

/* Processes that the kernel killed in our cgroup for want of memory, so far; -1 when unknown. */
int64_t mlf__outcome_oom_kills(void);

/* Ends mlf as the command ended: the same exit code, or by the same signal without a core file. */
void mlf__outcome_exit(int wait_status) __attribute__((noreturn));

#endif
