/* SPDX-License-Identifier: Apache-2.0 */
/* Clock, random ids, process identity and paths: small things asked of the system.
 * Everything here is safe in a host process: no stdio, no allocation unless said. */
#ifndef MLF_CORE_SYS_H
#define MLF_CORE_SYS_H

#include "core/fail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

MLF__CORE int64_t mlf__now_ns(void); /* CLOCK_REALTIME, nanoseconds since the epoch */
MLF__CORE int64_t mlf__now_ms(void);
MLF__CORE int64_t mlf__monotonic_ns(void);

enum { MLF__ID_SIZE = 40 }; /* "m-" + 32 hex digits + NUL, rounded up */

/* A random (version 4) UUID as 32 lower-case hex digits. */
MLF__CORE void mlf__new_id(char out[MLF__ID_SIZE]);
/* The same with "m-" before it: a model id. */
MLF__CORE void mlf__new_model_id(char out[MLF__ID_SIZE]);

/* Who a process is, so that a reused pid is never taken for it. */
struct mlf__proc_id {
    int32_t pid;
    int32_t pad;
    uint64_t start_time; /* clock ticks since boot, /proc/<pid>/stat field 22 */
};

/* Fills in the identity of |pid| (0 = the caller); false when there is no such process. */
MLF__CORE bool mlf__proc_identify(pid_t pid, struct mlf__proc_id *out);
/* False when the process is gone or a zombie without threads, or its pid now belongs to another. */
MLF__CORE bool mlf__proc_alive(const struct mlf__proc_id *id);
/* Has its main thread ended while the process is still there? A killed process is so for a moment. */
MLF__CORE bool mlf__proc_leaving(const struct mlf__proc_id *id);
/* False when no such thread lives in the process. */
MLF__CORE bool mlf__thread_alive(pid_t pid, pid_t tid);

/* Where a process runs: its pid means something only in the same boot and namespace. The host's name tells
 * an earlier boot of this host from another host. */
struct mlf__realm {
    char host[72];
    char boot_id[40];
    uint64_t pid_namespace; /* inode of /proc/self/ns/pid */
};
MLF__CORE void mlf__realm_get(struct mlf__realm *out);

enum mlf__realm_relation {
    MLF__REALM_HERE,     /* processes of |there| can be looked up */
    MLF__REALM_GONE,     /* an earlier boot of this host: all its processes are dead */
    MLF__REALM_ELSEWHERE /* another host or pid namespace: nothing is known */
};
/* How |there| (untrusted: not necessarily NUL-terminated texts) relates to this process. */
MLF__CORE enum mlf__realm_relation mlf__realm_compare(const struct mlf__realm *there);

/* |path| made absolute with the current directory (not resolved; "": the directory itself); false when it
 * does not fit. */
MLF__CORE bool mlf__absolute_path(const char *path, char *out, size_t size);

#endif
