/* SPDX-License-Identifier: Apache-2.0 */
/* The git repository that a program lies in. Its files are read; the program git, where there is one, is
 * only asked whether something was changed. */
#ifndef MLF_AUTOLOG_IDENTITY_H
#define MLF_AUTOLOG_IDENTITY_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct mlf__git {
    char root[PATH_MAX]; /* the working tree; "": there is no repository */
    char commit[72];     /* "": none yet */
};
/* Of the file |path|. A worktree's or submodule's .git file is followed. */
void mlf__identity_git(const char *path, struct mlf__git *out);

/* A running `git status`. */
struct mlf__git_status {
    pid_t pid; /* 0: none runs */
    int fd;
    int64_t end_ns; /* monotonic: when it is given up */
    bool began;     /* output came: git knows the repository */
    bool known, dirty;
    bool line_open; /* in a line of which the first byte is known */
};
/* Asks git about the working tree |root|; it may take |timeout_ms|. Where there is no git, nothing runs. */
void mlf__git_status_start(struct mlf__git_status *status, const char *root, int64_t timeout_ms);
/* Waits at most |wait_ms| for the answer; true when it is there (then |known| says whether it is one) or there
 * will be none. */
bool mlf__git_status_poll(struct mlf__git_status *status, int64_t wait_ms);
/* Ends it. */
void mlf__git_status_stop(struct mlf__git_status *status);

#endif
