/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of /proc, taken apart. */
#include "autolog/proc.h"

#include "core/fail.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

long mlf__proc_read(const char *root, const char *name, char *out, size_t size)
{
    char path[PATH_MAX];
    size_t len = 0;

    out[0] = '\0';
    if (snprintf(path, sizeof(path), "%s/%s", root, name) >= (int)sizeof(path))
        return -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -1;
    /* The kernel gives a file of /proc in pieces. */
    while (len + 1 < size) {
        ssize_t n = read(fd, out + len, size - 1 - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    close(fd);
    out[len] = '\0';
    return (long)len;
}

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

/* A number behind blanks; digits that do not fit make it the largest. False when there is none. */
static bool next_number(const char **at, uint64_t *out)
{
    const char *p = skip_blanks(*at);
    uint64_t value = 0;

    if (*p < '0' || *p > '9')
        return false;
    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
            value = UINT64_MAX / 10;
    *out = value;
    *at = p;
    return true;
}

/* |a| + |b| that stays at the largest value. */
static uint64_t add(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static const char *next_line(const char *at)
{
    at += strcspn(at, "\n");
    return *at == '\n' ? at + 1 : at;
}

bool mlf__proc_cpu(const char *stat, struct mlf__cpu_times *out)
{
    /* user nice system idle iowait irq softirq steal; guest time is part of user time. */
    enum { IDLE = 3, IOWAIT = 4, FIELDS = 8, NEEDED = 4 };
    const char *at = stat + 4;
    int n = 0;

    *out = (struct mlf__cpu_times){0};
    if (strncmp(stat, "cpu ", 4) != 0)
        return false;
    for (uint64_t ticks; n < FIELDS && next_number(&at, &ticks); n++) {
        out->total = add(out->total, ticks);
        if (n == IDLE || n == IOWAIT)
            out->idle = add(out->idle, ticks);
    }
    return n >= NEEDED;
}

/* "Name:   123 kB" in bytes. */
static bool memory_line(const char *text, const char *name, uint64_t *bytes)
{
    size_t len = strlen(name);

    for (const char *line = text; *line != '\0'; line = next_line(line)) {
        const char *at = line + len + 1;
        if (strncmp(line, name, len) != 0 || line[len] != ':')
            continue;
        if (!next_number(&at, bytes) || *bytes > UINT64_MAX / 1024)
            return false;
        *bytes *= 1024;
        return true;
    }
    return false;
}

bool mlf__proc_memory(const char *meminfo, struct mlf__memory *out)
{
    uint64_t unused = 0, cached = 0, buffers = 0;

    *out = (struct mlf__memory){0};
    if (!memory_line(meminfo, "MemTotal", &out->total) || out->total == 0)
        return false;
    /* Before Linux 3.14 the kernel did not say what is available. */
    if (!memory_line(meminfo, "MemAvailable", &out->available)) {
        if (!memory_line(meminfo, "MemFree", &unused))
            return false;
        memory_line(meminfo, "Cached", &cached);
        memory_line(meminfo, "Buffers", &buffers);
        out->available = add(add(unused, cached), buffers);
    }
    if (out->available > out->total)
        out->available = out->total;
    out->used = out->total - out->available;
    return true;
}

bool mlf__proc_traffic(const char *net_dev, struct mlf__traffic *out)
{
    enum { SENT = 8 }; /* behind eight columns of what was received */
    bool found = false;

    *out = (struct mlf__traffic){0};
    for (const char *line = net_dev; *line != '\0'; line = next_line(line)) {
        size_t len = strcspn(line, "\n");
        const char *colon = memchr(line, ':', len);
        uint64_t columns[SENT + 1];
        int n = 0;
        if (colon == NULL)
            continue;
        for (const char *at = colon + 1; n <= SENT && next_number(&at, &columns[n]);)
            n++;
        if (n <= SENT)
            continue;
        out->received = add(out->received, columns[0]);
        out->sent = add(out->sent, columns[SENT]);
        found = true;
    }
    return found;
}

bool mlf__proc_usage(const char *stat, struct mlf__usage *out)
{
    /* Fields of proc(5), counted from 3, the first behind the name; the name may hold anything. */
    enum { FIRST = 3, UTIME = 14, CSTIME = 17, THREADS = 20, RSS = 24 };
    const char *at = strrchr(stat, ')');

    *out = (struct mlf__usage){0};
    if (at == NULL || at[1] != ' ')
        return false;
    at += 2;
    for (int field = FIRST; field <= RSS; field++) {
        uint64_t value;
        const char *number = at;
        if (*at == '\0')
            return false;
        if (next_number(&number, &value)) {
            if (field >= UTIME && field <= CSTIME)
                out->ticks = add(out->ticks, value);
            if (field == THREADS)
                out->threads = value;
            if (field == RSS)
                out->resident_pages = value;
        }
        at += strcspn(at, " ");
        at += *at == ' ';
    }
    return true;
}

bool mlf__proc_next_pid(const char **at, int32_t *pid)
{
    uint64_t value;

    if (!next_number(at, &value) || value == 0 || value > INT32_MAX)
        return false;
    *pid = (int32_t)value;
    return true;
}

bool mlf__proc_next_mapped(const char **at, char *path, size_t size)
{
    while (**at != '\0') {
        const char *line = *at;
        size_t len = strcspn(line, "\n");
        const char *slash = memchr(line, '/', len);
        const char *rights = memchr(line, ' ', len);
        *at = next_line(line);
        if (slash == NULL || rights == NULL || rights > slash || len < 8 || rights[1] == '\0' ||
            rights + 3 >= slash || rights[3] != 'x')
            continue;
        size_t path_len = len - (size_t)(slash - line);
        /* A file that has been removed, and shared memory, cannot be looked at. */
        static const char gone[] = " (deleted)";
        if (path_len >= size || (path_len > strlen(gone) &&
                                 memcmp(slash + path_len - strlen(gone), gone, strlen(gone)) == 0))
            continue;
        memcpy(path, slash, path_len);
        path[path_len] = '\0';
        return true;
    }
    return false;
}

bool mlf__proc_field(const char *text, const char *name, char *out, size_t size)
{
    size_t len = strlen(name);

    out[0] = '\0';
    for (const char *line = text; *line != '\0'; line = next_line(line)) {
        if (strncmp(line, name, len) != 0)
            continue;
        const char *at = skip_blanks(line + len);
        if (*at != ':')
            continue;
        at = skip_blanks(at + 1);
        size_t value_len = strcspn(at, "\n");
        if (value_len >= size)
            value_len = size - 1;
        memcpy(out, at, value_len);
        out[value_len] = '\0';
        return value_len > 0;
    }
    return false;
}

const char *mlf__proc_variable(const char *block, size_t len, const char *name)
{
    size_t name_len = strlen(name);

    for (size_t at = 0; at < len; at += strlen(block + at) + 1)
        if (strncmp(block + at, name, name_len) == 0 && block[at + name_len] == '=')
            return block + at + name_len + 1;
    return NULL;
}
