/* SPDX-License-Identifier: Apache-2.0 */
/* Exit codes, signals and the memory limit's toll. */
#include "cli/outcome.h"

#include "core/buf.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Reads a small file of the kernel's as text. */
static bool read_file(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out, size - 1) : -1;

    if (fd >= 0)
        close(fd);
    out[n > 0 ? n : 0] = '\0';
    return n > 0;
}

int64_t mlf__outcome_oom_kills(void)
{
    char groups[4096], events[1024], path[4200];
    int64_t count;

    /* Version 2 is the line "0::/path". */
    if (!read_file("/proc/self/cgroup", groups, sizeof(groups)))
        return -1;
    char *group = strncmp(groups, "0::", 3) == 0 ? groups : strstr(groups, "\n0::");
    if (group == NULL)
        return -1;
    group += *group == '\n' ? 4 : 3;
    group[strcspn(group, "\n")] = '\0';
    snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.events", group);
    if (!read_file(path, events, sizeof(events)))
        return -1;
    char *line = strstr(events, "oom_kill ");
    if (line == NULL)
        return -1;
    line += strlen("oom_kill ");
    line[strcspn(line, "\n")] = '\0';
    return mlf__parse_i64(line, &count) ? count : -1;
}

void mlf__outcome_exit(int wait_status)
{
    if (WIFEXITED(wait_status))
        exit(WEXITSTATUS(wait_status));

    int number = WTERMSIG(wait_status);
    struct rlimit none = {0, 0};
    struct sigaction fallback = {.sa_handler = SIG_DFL};
    sigset_t set;
    /* The command has left its core already; a core handler behind a pipe heeds the second only. */
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
    sigaction(number, &fallback, NULL);
    sigemptyset(&set);
    sigaddset(&set, number);
    fflush(NULL);
    kill(getpid(), number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    /* PID 1 survives its own signals. */
    exit(128 + number);
}
