/* SPDX-License-Identifier: Apache-2.0 */
/* The log file: opened for each line, since a kept descriptor could be closed by the host. */
#include "core/log.h"
#include "core/compat_glibc.h"

#include "core/buf.h"
#include "core/env.h"
#include "core/spool.h"
#include "core/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LINE_SIZE = 1024 };

static const char *const level_names[] = {"off", "error", "warn"};

/* The level that MLF_LOG asks for, and the text behind its ':' (NULL when there is none). */
static int wanted_level(const char **file)
{
    const char *setting = mlf__env(MLF__ENV_MLF_LOG);
    size_t len = strcspn(setting, ":");
    *file = setting[len] == ':' ? setting + len + 1 : NULL;
    for (int level = MLF__LOG_ERROR; level <= MLF__LOG_WARN; level++)
        if (strlen(level_names[level]) == len && strncmp(setting, level_names[level], len) == 0)
            return level;
    return 0;
}

void mlf__log(enum mlf__log_level level, const char *format, ...)
{
    const char *file;
    if (wanted_level(&file) < (int)level)
        return;
    int saved_errno = errno;
    char path[MLF__PATH_SIZE], folder[MLF__PATH_SIZE], line[LINE_SIZE];
    if (file != NULL)
        mlf__copy_text(path, sizeof(path), file);
    else if (mlf__spool_disk_dir(folder) == MLF_OK)
        snprintf(path, sizeof(path), "%.*s/mlf-%d.log", MLF__PATH_SIZE - 32, folder, (int)getpid());
    else
        return;
    int64_t now = mlf__now_ms();
    int n = snprintf(line, sizeof(line), "%lld.%03d %d %s: ", (long long)(now / 1000),
                     (int)(now % 1000), (int)getpid(), level_names[level]);
    va_list args;
    va_start(args, format);
    int m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, format, args);
    va_end(args);
    size_t len = (size_t)n + (m > 0 ? (size_t)m : 0);
    if (len > sizeof(line) - 2)
        len = sizeof(line) - 2;
    line[len++] = '\n';
    long fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd >= 0) {
        if (syscall(SYS_write, (int)fd, line, len) < 0)
            errno = 0; /* a log that cannot be written is nobody's trouble */
        syscall(SYS_close, (int)fd);
    }
    errno = saved_errno;
}
