/* SPDX-License-Identifier: Apache-2.0 */
/* What the watchdog does calls nothing but the kernel, since another thread may have held any lock when it was made.
 *
 * Nothing is left behind: a process that is to end is signalled by its group. mlf is the reaper of its descendants, so
 * that whoever has left the group becomes its child at the latest when everything above it is gone, and is known by its
 * environment then. When mlf is killed itself, the kernel kills the processes that it had started (PR_SET_PDEATHSIG),
 * and the watchdog what these had started. */
#include "cli/trials_process.h"

#include "cli/trials_starter.h"
#include "core/mem.h"
#include "core/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ENVIRONMENT_MAX = 2 << 20 }; /* what the kernel takes, at the usual limits */

/* ---- starting ---- */

struct pipes {
    int out[2], err[2];
};

static void close_pair(int pair[2])
{
    for (int i = 0; i < 2; i++) {
        if (pair[i] >= 0)
            close(pair[i]);
        pair[i] = -1;
    }
}

static mlf_status open_pipes(struct pipes *pipes)
{
    *pipes = (struct pipes){{-1, -1}, {-1, -1}};
    if (pipe2(pipes->out, O_CLOEXEC) == 0 && pipe2(pipes->err, O_CLOEXEC) == 0 &&
        fcntl(pipes->out[0], F_SETFL, O_NONBLOCK) == 0 &&
        fcntl(pipes->err[0], F_SETFL, O_NONBLOCK) == 0)
        return MLF_OK;
    mlf_status status = mlf__fail_errno(errno, "no pipe can be made");
    close_pair(pipes->out);
    close_pair(pipes->err);
    return status;
}

mlf_status mlf__spawn_group(const struct mlf__spawn_group *how, struct mlf__spawned *out)
{
    struct pipes pipes;
    int err = 0;
    pid_t pid;
    *out = (struct mlf__spawned){.pid = -1, .out = -1, .err = -1};
    mlf_status status = open_pipes(&pipes);
    if (status != MLF_OK)
        return status;
    const int streams[3] = {how->null, pipes.out[1], pipes.err[1]};
    status = mlf__starter_ask(how, streams, &pid, &err);
    if (status != MLF_OK) {
        close_pair(pipes.out);
        close_pair(pipes.err);
        return status;
    }
    close(pipes.out[1]);
    close(pipes.err[1]);
    *out = (struct mlf__spawned){
        .pid = pid, .out = pipes.out[0], .err = pipes.err[0], .exec_error = err};
    return MLF_OK;
}

/* ---- groups and strays ---- */

bool mlf__group_is_alive(pid_t group)
{
    return kill(-group, 0) == 0 || errno == EPERM;
}

/* Reads up to |size| - 1 bytes of |path|; -1 when it cannot be opened. */
static ssize_t read_text(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    if (fd < 0)
        return -1;
    for (ssize_t n = 1; n > 0 && len < size - 1;) {
        n = read(fd, text + len, size - 1 - len);
        if (n > 0)
            len += (size_t)n;
    }
    close(fd);
    text[len] = '\0';
    return (ssize_t)len;
}

/* What the environment of a process says of |variable| ("NAME="). */
enum saying { SAYS_NOTHING, SAYS_SO, SAYS_OTHER };

static enum saying environment_says(pid_t pid, const char *variable, const char *value)
{
    static char text[ENVIRONMENT_MAX]; /* one thread uses it, and the watchdog its copy */
    char path[48];
    snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
    ssize_t len = read_text(path, text, sizeof(text));
    size_t name_len = strlen(variable);
    for (const char *at = text; len > 0 && at < text + len; at += strlen(at) + 1)
        if (strncmp(at, variable, name_len) == 0)
            return strcmp(at + name_len, value) == 0 ? SAYS_SO : SAYS_OTHER;
    return SAYS_NOTHING;
}

static bool is_spared(const struct mlf__strays *strays, pid_t pid)
{
    for (size_t i = 0; i < strays->n_spared; i++)
        if (strays->spared[i] == pid)
            return true;
    return false;
}

size_t mlf__signal_strays(const struct mlf__strays *strays, int signo)
{
    char path[64], list[16 * 1024];
    size_t n = 0;
    pid_t thread = (pid_t)syscall(SYS_gettid);
    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)thread);
    if (read_text(path, list, sizeof(list)) <= 0)
        return 0;
    char *at = list;
    for (pid_t pid; (pid = (pid_t)strtol(at, &at, 10)) > 0;) {
        if (is_spared(strays, pid))
            continue;
        enum saying says = environment_says(pid, "MLF_RUN=", strays->run_id);
        if (says != SAYS_SO && !(strays->any && says == SAYS_NOTHING))
            continue;
        n++;
        kill(pid, signo);
    }
    return n;
}

/* ---- the watchdog ---- */

struct table {
    size_t n;
    _Atomic int32_t groups[];
};

struct mlf__watchdog {
    struct table *table; /* shared with the process */
    size_t size;
    int line; /* the process reads its other end: that it is closed tells of our death */
    pid_t pid;
};

/* Sends SIGKILL to every process whose environment has MLF_SESSION=|ring|. Returns how many there are. */
static size_t kill_session(const char *ring)
{
    static char entries[32 * 1024];
    size_t n = 0;
    int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    for (long len; (len = syscall(SYS_getdents64, fd, entries, sizeof(entries))) > 0;) {
        for (long at = 0; at < len;) {
            struct {
                uint64_t inode;
                int64_t offset;
                uint16_t size;
            } head;
            memcpy(&head, entries + at, sizeof(head));
            pid_t pid = (pid_t)strtol(entries + at + 19, NULL, 10); /* behind size and type */
            if (pid > 0 && pid != getpid() &&
                environment_says(pid, "MLF_SESSION=", ring) == SAYS_SO) {
                n++;
                kill(pid, SIGKILL);
            }
            at += head.size;
        }
    }
    close(fd);
    return n;
}

static void kill_everything(const struct table *table, const char *ring)
{
    enum { ROUNDS = 100, QUIET_ROUNDS = 3 };
    const struct timespec nap = {.tv_nsec = 20000000};
    for (size_t i = 0; i < table->n; i++) {
        pid_t group = atomic_load(&table->groups[i]);
        if (group > 1)
            kill(-group, SIGKILL);
    }
    /* What is killed may just have started another. */
    for (int round = 0, quiet = 0; round < ROUNDS && quiet < QUIET_ROUNDS; round++) {
        quiet = kill_session(ring) == 0 ? quiet + 1 : 0;
        nanosleep(&nap, NULL);
    }
}

void mlf__close_all_but(int kept)
{
    if (kept > 0)
        syscall(SYS_close_range, 0u, (unsigned)kept - 1, 0u);
    if (syscall(SYS_close_range, (unsigned)kept + 1, ~0u, 0u) == 0)
        return;
    for (int fd = 0; fd < 65536; fd++)
        if (fd != kept)
            close(fd);
}

static void keep_watch(const struct table *table, const char *ring, int line)
{
    char byte;
    ssize_t n;
    setsid();
    prctl(PR_SET_NAME, "mlf-watchdog");
    int left = chdir("/");
    (void)left;
    mlf__close_all_but(line);
    do {
        n = read(line, &byte, 1);
    } while (n < 0 && errno == EINTR);
    if (n == 0)
        kill_everything(table, ring);
    _exit(0);
}

mlf_status mlf__watchdog_start(size_t n_slots, const char *ring, struct mlf__watchdog **out)
{
    struct mlf__watchdog *watchdog = mlf__zalloc(1, sizeof(*watchdog));
    char *copy = mlf__strdup(ring);
    int line[2] = {-1, -1};
    *out = NULL;
    if (watchdog == NULL || copy == NULL) {
        mlf__free(watchdog);
        mlf__free(copy);
        return MLF_ERR_NOMEM;
    }
    watchdog->size = sizeof(struct table) + n_slots * sizeof(int32_t);
    watchdog->table =
        mmap(NULL, watchdog->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (watchdog->table == MAP_FAILED)
        watchdog->table = NULL;
    else
        watchdog->table->n = n_slots;
    pid_t pid = -1;
    if (watchdog->table != NULL && pipe2(line, O_CLOEXEC) == 0 && (pid = fork()) == 0) {
        close(line[1]);
        keep_watch(watchdog->table, copy, line[0]);
    }
    int err = errno;
    mlf__free(copy);
    if (line[0] >= 0)
        close(line[0]);
    watchdog->line = line[1];
    watchdog->pid = pid;
    if (pid > 0) {
        *out = watchdog;
        return MLF_OK;
    }
    mlf__watchdog_stop(watchdog);
    return mlf__fail_errno(err, "the watchdog cannot be started");
}

void mlf__watchdog_set(struct mlf__watchdog *watchdog, size_t slot, pid_t group)
{
    if (watchdog != NULL && slot < watchdog->table->n)
        atomic_store(&watchdog->table->groups[slot], (int32_t)group);
}

pid_t mlf__watchdog_pid(const struct mlf__watchdog *watchdog)
{
    return watchdog != NULL ? watchdog->pid : -1;
}

void mlf__watchdog_stop(struct mlf__watchdog *watchdog)
{
    if (watchdog == NULL)
        return;
    if (watchdog->line >= 0) {
        ssize_t n = write(watchdog->line, "q", 1);
        (void)n;
        close(watchdog->line);
    }
    if (watchdog->pid > 0)
        while (waitpid(watchdog->pid, NULL, 0) < 0 && errno == EINTR) {
        }
    if (watchdog->table != NULL)
        munmap(watchdog->table, watchdog->size);
    mlf__free(watchdog);
}
