/* SPDX-License-Identifier: Apache-2.0 */
/* The thread-local state of core. It is initial-exec, so that touching it never allocates: that model
 * draws on a small surplus when the library is loaded late, hence as few bytes as possible. */
#ifndef MLF_CORE_GUARD_H
#define MLF_CORE_GUARD_H

#include <stdint.h>

struct mlf__training_run;

/* In the child of a fork (training.c). */
void mlf__training_after_fork(void);

struct mlf__tls {
    int32_t tid;        /* cached; valid while |epoch| is the process's */
    uint32_t epoch;     /* process epoch, raised by fork */
    int32_t hook_depth; /* > 0: inside a hook (1) or an explicit call of mlf that opens files (2) */
    uint64_t clock_ticks; /* time-stamp counter when |clock_ns| was read */
    int64_t clock_ns;
    int32_t training_depth;                 /* nesting of a library's training calls */
    struct mlf__training_run *training_run; /* NULL: the session's */
};

extern _Thread_local struct mlf__tls mlf__tls
    __attribute__((tls_model("initial-exec"), visibility("hidden")));

#endif
