/* SPDX-License-Identifier: Apache-2.0 */
/* Reading /proc. Texts come from files that other systems may word differently, or from a test's folder:
 * every parser is bounded, takes any text that ends with NUL, and says when it found nothing. */
#ifndef MLF_AUTOLOG_PROC_H
#define MLF_AUTOLOG_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The beginning of file <root>/<name> in |out|, cut at |size| - 1 bytes and NUL-terminated. Its length,
 * or -1 when it cannot be read. */
long mlf__proc_read(const char *root, const char *name, char *out, size_t size);

/* First line of /proc/stat: clock ticks since boot of all CPUs; idle includes waiting for disks. */
struct mlf__cpu_times {
    uint64_t total, idle;
};
bool mlf__proc_cpu(const char *stat, struct mlf__cpu_times *out);

/* /proc/meminfo, in bytes. */
struct mlf__memory {
    uint64_t total, available, used;
};
bool mlf__proc_memory(const char *meminfo, struct mlf__memory *out);

/* /proc/net/dev: bytes of all interfaces. */
struct mlf__traffic {
    uint64_t received, sent;
};
bool mlf__proc_traffic(const char *net_dev, struct mlf__traffic *out);

/* /proc/<pid>/stat. */
struct mlf__usage {
    uint64_t ticks; /* CPU time of the process and of its children that it has waited for */
    uint64_t resident_pages;
    uint64_t threads;
};
bool mlf__proc_usage(const char *stat, struct mlf__usage *out);

/* The next number of a list as in /proc/<pid>/task/<tid>/children; |*at| moves. False at the end. */
bool mlf__proc_next_pid(const char **at, int32_t *pid);

/* The next file of /proc/<pid>/maps that is mapped for execution; |*at| moves. False at the end. */
bool mlf__proc_next_mapped(const char **at, char *path, size_t size);

/* The value behind "name : " of the first such line, as in /proc/cpuinfo. */
bool mlf__proc_field(const char *text, const char *name, char *out, size_t size);

/* The value of variable |name| in a block of NUL-ended "NAME=value", as /proc/<pid>/environ; NULL when it
 * is not there. |block| has a NUL behind its |len| bytes. */
const char *mlf__proc_variable(const char *block, size_t len, const char *name);

#endif
