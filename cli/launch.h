/* SPDX-License-Identifier: Apache-2.0 */
/* Starting the command as if mlf were not there: same directory, streams, signals and environment,
 * except for what carries the session and, when its output is read, the two pipes. */
#ifndef MLF_CLI_LAUNCH_H
#define MLF_CLI_LAUNCH_H

#include "cli/program.h"
#include "core/buf.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

/* The signal state that mlf was started with. */
struct mlf__signals {
    sigset_t mask;
    struct sigaction child, pipe, file_size, interrupt, quit;
};
/* Saves the state, blocks what the launcher reads from a signalfd (|watched|), ignores SIGPIPE and
 * SIGXFSZ, and lets SIGCHLD be sent. */
void mlf__signals_take(struct mlf__signals *saved, sigset_t *watched);
/* Puts it back, as before an exec. */
void mlf__signals_restore(const struct mlf__signals *saved);

struct mlf__launch {
    const struct mlf__program *program;
    char *const *argv;
    const char *ring;  /* MLF_SESSION for the command; NULL: none */
    const char *hooks; /* library to preload; NULL: none */
    bool capture;      /* read stdout and stderr, through pipes or pseudo-terminals */
    const struct mlf__signals *signals;
    /* For one of several commands of a session; all may be left out. */
    const char *run;    /* MLF_RUN: the run that it logs into */
    char *const *env;   /* KEY=VALUE, NULL-terminated: set for it */
    bool line_buffered; /* the hook library makes its stdout line-buffered, when it is a pipe */
};

/* What execve() takes, made before a fork since it allocates. */
struct mlf__image {
    const char *path;
    char *const *argv;
    char **shell_argv, **envp;
    struct mlf__buf preload, session, run;
};
/* MLF_ERR_NOMEM. To be freed in any case. */
mlf_status mlf__image_make(const struct mlf__launch *launch, struct mlf__image *out);
void mlf__image_free(struct mlf__image *image);
/* Becomes the command; safe after fork and vfork. Returns the errno when that fails. */
int mlf__image_execute(const struct mlf__image *image);

struct mlf__launched {
    pid_t pid;
    int out, err; /* where to read the streams, -1 = nowhere; |err| is -1 when both are one file */
};

/* Starts the command; |*exec_error| is the errno when it could not be executed. MLF_ERR_IO when no
 * process or pipe could be made. */
mlf_status mlf__launch(const struct mlf__launch *launch, struct mlf__launched *out,
                       int *exec_error);

/* Becomes the command, without any of mlf: returns the exit code only when that fails. */
int mlf__launch_plain(const struct mlf__program *program, char *const *argv);

#endif
