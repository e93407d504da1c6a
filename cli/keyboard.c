/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits for keys is found in /proc: by the call that a process is in, and by what it has open. */
#include "cli/keyboard.h"

#include "autolog/system_metrics.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

enum {
    LOOK_MS = 20,
    UNTAKEN = 2, /* looks after which a key is nobody's */
    PROCESSES = 64,
    POLLED_MAX = 8,
    NAME_SIZE = 64,
    KEYS = 256
};

/* ---- who waits for keys ---- */

static bool is_link_to(int32_t pid, const char *fd, const char *name)
{
    char path[NAME_SIZE], target[NAME_SIZE];

    snprintf(path, sizeof(path), "/proc/%d/fd/%.16s", (int)pid, fd);
    ssize_t n = readlink(path, target, sizeof(target) - 1);
    if (n < 0)
        return false;
    target[n] = '\0';
    return strcmp(target, name) == 0;
}

/* The first line of a file of /proc that begins with |word|; "" when there is none. */
static void read_line(const char *path, const char *word, char *out, size_t size)
{
    FILE *file = fopen(path, "re");

    out[0] = '\0';
    if (file == NULL)
        return;
    while (fgets(out, (int)size, file) != NULL && strncmp(out, word, strlen(word)) != 0)
        out[0] = '\0';
    fclose(file);
}

static bool is_number_of(int32_t pid, long fd, const char *name)
{
    char text[24];

    snprintf(text, sizeof(text), "%ld", fd);
    return is_link_to(pid, text, name);
}

/* Does poll() of process |pid| ask for it? |array| and |n| are its first arguments. */
static bool is_among_polled(int32_t pid, unsigned long array, unsigned long n, const char *name)
{
    struct pollfd polled[POLLED_MAX];
    struct iovec here = {.iov_base = polled, .iov_len = sizeof(polled)}, there = {0};

    if (n > POLLED_MAX)
        n = POLLED_MAX;
    here.iov_len = n * sizeof(polled[0]);
    there.iov_len = here.iov_len;
    memcpy(&there.iov_base, &array, sizeof(array));
    if (process_vm_readv(pid, &here, 1, &there, 1, 0) != (ssize_t)here.iov_len)
        return false;
    for (unsigned long i = 0; i < n; i++)
        if (polled[i].fd >= 0 && is_number_of(pid, polled[i].fd, name))
            return true;
    return false;
}

static bool is_reading(int32_t pid, const char *name)
{
    char path[NAME_SIZE], line[256], *rest;

    snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
    read_line(path, "", line, sizeof(line));
    if (!isdigit((unsigned char)line[0])) /* "running", or not for us to know */
        return false;
    unsigned long call = strtoul(line, &rest, 10);
    unsigned long first = strtoul(rest, &rest, 16), second = strtoul(rest, &rest, 16);
    if (call == SYS_read)
        return is_number_of(pid, (long)first, name);
    return (call == SYS_poll || call == SYS_ppoll) && is_among_polled(pid, first, second, name);
}

/* What was opened for reading only was opened for its keys. */
static bool has_open_for_reading(int32_t pid, const char *name)
{
    char path[NAME_SIZE], line[64];
    bool found = false;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *folder = opendir(path);
    if (folder == NULL)
        return false;
    for (struct dirent *entry; !found && (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.' || !is_link_to(pid, entry->d_name, name))
            continue;
        snprintf(path, sizeof(path), "/proc/%d/fdinfo/%.16s", (int)pid, entry->d_name);
        read_line(path, "flags:", line, sizeof(line));
        found =
            line[0] != '\0' && (strtoul(line + strlen("flags:"), NULL, 8) & O_ACCMODE) == O_RDONLY;
    }
    closedir(folder);
    return found;
}

/* Does a process of the command look for keys by |looks|? */
static bool is_wanted(const struct mlf__keyboard *keyboard, bool (*looks)(int32_t, const char *))
{
    char name[NAME_SIZE];
    int32_t pids[PROCESSES];

    if (ptsname_r(keyboard->master, name, sizeof(name)) != 0)
        return false;
    size_t n = mlf__system_tree("/proc", keyboard->command, pids, PROCESSES);
    for (size_t i = 0; i < n; i++)
        if (looks(pids[i], name))
            return true;
    return false;
}

/* ---- the keys ---- */

/* Of another process group the keys are not ours to read. */
static bool is_foreground(const struct mlf__keyboard *keyboard)
{
    return tcgetpgrp(keyboard->tty) == getpgrp();
}

static void carry(struct mlf__keyboard *keyboard)
{
    char keys[KEYS];
    ssize_t n = read(keyboard->tty, keys, sizeof(keys));

    if (n > 0) {
        /* What does not fit is lost, as keys are that are typed faster than anybody reads them. */
        ssize_t written = write(keyboard->master, keys, (size_t)n);
        (void)written;
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        mlf__keyboard_close(keyboard);
        keyboard->master = -1;
    }
}

void mlf__keyboard_look(struct mlf__keyboard *keyboard)
{
    int waiting = 0;

    if (!keyboard->raw || keyboard->master < 0)
        return;
    /* A description of its own, which never blocks. */
    if (keyboard->tty < 0)
        keyboard->tty = open("/dev/tty", O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (keyboard->tty < 0 || ioctl(keyboard->tty, FIONREAD, &waiting) != 0) {
        keyboard->master = -1;
        return;
    }
    if (waiting == 0) {
        keyboard->untaken = 0;
        return;
    }
    if (!is_foreground(keyboard)) {
        keyboard->carries = false;
        return;
    }
    if (!keyboard->carries && ++keyboard->untaken < UNTAKEN)
        return;
    keyboard->carries = keyboard->carries || is_wanted(keyboard, has_open_for_reading);
    /* Who only reads just now may poll its stdin for the next key. */
    if (keyboard->carries || is_wanted(keyboard, is_reading))
        carry(keyboard);
}

void mlf__keyboard_modes(struct mlf__keyboard *keyboard)
{
    struct termios modes;

    if (keyboard->master < 0)
        return;
    bool raw = tcgetattr(keyboard->master, &modes) == 0 && (modes.c_lflag & ICANON) == 0;
    if (raw != keyboard->raw)
        keyboard->carries = false;
    keyboard->raw = raw;
}

int mlf__keyboard_poll(const struct mlf__keyboard *keyboard)
{
    return keyboard->raw && keyboard->carries ? keyboard->tty : -1;
}

int mlf__keyboard_due_ms(const struct mlf__keyboard *keyboard)
{
    return keyboard->raw && !keyboard->carries && keyboard->master >= 0 ? LOOK_MS : -1;
}

void mlf__keyboard_init(struct mlf__keyboard *keyboard, int master, pid_t command)
{
    *keyboard = (struct mlf__keyboard){.tty = -1, .master = master, .command = command};
    mlf__keyboard_modes(keyboard);
}

void mlf__keyboard_close(struct mlf__keyboard *keyboard)
{
    if (keyboard->tty >= 0)
        close(keyboard->tty);
    keyboard->tty = -1;
    keyboard->carries = false;
}
