/* SPDX-License-Identifier: Apache-2.0 */
/* Clock, ids, process identity, paths. System calls that a hook might see or whose wrapper is younger than
 * glibc 2.17 are made by syscall(). */
#include "core/sys.h"

#include "core/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static int64_t clock_ns(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t mlf__now_ns(void)
{
    return clock_ns(CLOCK_REALTIME);
}

int64_t mlf__now_ms(void)
{
    return clock_ns(CLOCK_REALTIME) / 1000000;
}

int64_t mlf__monotonic_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

/* Random bytes; should the kernel have none to give, clock and addresses keep ids apart. */
static void random_bytes(unsigned char *out, size_t len)
{
    if (syscall(SYS_getrandom, out, len, 0) == (long)len)
        return;
    uint64_t state = (uint64_t)mlf__now_ns() ^ (uint64_t)getpid() << 40 ^ (uint64_t)(uintptr_t)out;
    for (size_t i = 0; i < len; i++) {
        state = state * 6364136223846793005u + (uint64_t)mlf__monotonic_ns();
        out[i] = (unsigned char)(state >> 33);
    }
}

void mlf__new_id(char out[MLF__ID_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[16];
    random_bytes(bytes, sizeof(bytes));
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[32] = '\0';
}

void mlf__new_model_id(char out[MLF__ID_SIZE])
{
    char id[MLF__ID_SIZE];
    mlf__new_id(id);
    memcpy(out, "m-", 2);
    memcpy(out + 2, id, 33);
}

/* Reads a small file of /proc without stdio and without the interposable open(). */
static ssize_t read_small(const char *path, char *out, size_t size)
{
    long fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    long n = syscall(SYS_read, (int)fd, out, size - 1);
    syscall(SYS_close, (int)fd);
    if (n < 0)
        return -1;
    out[n] = '\0';
    return n;
}

/* Fields 3 (state), 20 (threads) and 22 (start time) of /proc/<pid>/stat. The command in field 2 may hold anything,
 * so fields are counted from its last ')'. */
static bool read_stat(pid_t pid, char *state, long *threads, uint64_t *start_time)
{
    char path[64], text[1024];
    if (pid == 0)
        snprintf(path, sizeof(path), "/proc/self/stat");
    else
        snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    if (read_small(path, text, sizeof(text)) <= 0)
        return false;
    const char *at = strrchr(text, ')');
    if (at == NULL || at[1] != ' ')
        return false;
    *state = at[2];
    at += 2;
    for (int field = 3; field < 22; field++) {
        at = strchr(at, ' ');
        if (at == NULL)
            return false;
        at++;
        if (field == 19)
            *threads = strtol(at, NULL, 10);
    }
    *start_time = strtoull(at, NULL, 10);
    return true;
}

bool mlf__proc_identify(pid_t pid, struct mlf__proc_id *out)
{
    char state;
    long threads;
    *out = (struct mlf__proc_id){.pid = pid != 0 ? pid : (int32_t)getpid()};
    return read_stat(pid, &state, &threads, &out->start_time);
}

/* A zombie with threads: its main thread has left by pthread_exit(), or all of it is just being killed. */
bool mlf__proc_alive(const struct mlf__proc_id *id)
{
    char state;
    long threads = 0;
    uint64_t start_time;
    if (id->pid <= 0 || !read_stat(id->pid, &state, &threads, &start_time))
        return false;
    return start_time == id->start_time && ((state != 'Z' && state != 'X') || threads > 1);
}

bool mlf__proc_leaving(const struct mlf__proc_id *id)
{
    char state;
    long threads = 0;
    uint64_t start_time;
    return id->pid > 0 && read_stat(id->pid, &state, &threads, &start_time) &&
           start_time == id->start_time && state == 'Z';
}

bool mlf__thread_alive(pid_t pid, pid_t tid)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/task/%d", (int)pid, (int)tid);
    return syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0;
}

void mlf__realm_get(struct mlf__realm *out)
{
    *out = (struct mlf__realm){0};
    struct utsname name;
    if (uname(&name) == 0)
        mlf__copy_text(out->host, sizeof(out->host), name.nodename);
    if (read_small("/proc/sys/kernel/random/boot_id", out->boot_id, sizeof(out->boot_id)) > 0)
        out->boot_id[strcspn(out->boot_id, "\n")] = '\0';
    char link[64];
    long n = syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/ns/pid", link, sizeof(link) - 1);
    if (n > 0) {
        link[n] = '\0';
        const char *open = strchr(link, '[');
        out->pid_namespace = open != NULL ? strtoull(open + 1, NULL, 10) : 0;
    }
}

enum mlf__realm_relation mlf__realm_compare(const struct mlf__realm *there)
{
    struct mlf__realm here;
    mlf__realm_get(&here);
    if (strncmp(here.boot_id, there->boot_id, sizeof(here.boot_id)) != 0)
        return strncmp(here.host, there->host, sizeof(here.host)) == 0 ? MLF__REALM_GONE
                                                                       : MLF__REALM_ELSEWHERE;
    return here.pid_namespace == there->pid_namespace ? MLF__REALM_HERE : MLF__REALM_ELSEWHERE;
}

bool mlf__absolute_path(const char *path, char *out, size_t size)
{
    if (path[0] == '/')
        return mlf__copy_text(out, size, path);
    long n = syscall(SYS_getcwd, out, size);
    if (n <= 0 || out[0] != '/')
        return false;
    size_t len = (size_t)n - 1;
    while (path[0] == '.' && path[1] == '/')
        path += 2;
    if (len > 1 && len + 1 < size && path[0] != '\0')
        out[len++] = '/';
    return len < size && mlf__copy_text(out + len, size - len, path);
}
