/* SPDX-License-Identifier: Apache-2.0 */
/* By handlers, not by a signalfd: for that the collector's threads, and whatever others there are, would have to block
 * the signals too. */
#include "cli/trials_signals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

static const int wanted[MLF__TAKEN_SIGNALS] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP};

/* Where the handlers write to. */
static _Atomic int line;

/* Where the pipe is full, enough has been said. */
static void pass_on(int signo)
{
    int saved = errno;
    unsigned char byte = (unsigned char)signo;
    ssize_t n = write(atomic_load(&line), &byte, 1);
    (void)n;
    errno = saved;
}

/* A signal that mlf was started to ignore (nohup) goes on being ignored. */
mlf_status mlf__taken_signals_take(struct mlf__taken_signals *signals)
{
    const struct sigaction action = {.sa_handler = pass_on, .sa_flags = SA_RESTART};
    sigset_t watched;
    if (pipe2(signals->pipe, O_CLOEXEC | O_NONBLOCK) != 0)
        return mlf__fail_errno(errno, "no signals can be received");
    atomic_store(&line, signals->pipe[1]);
    mlf__signals_take(&signals->before, &watched);
    for (int i = 0; i < MLF__TAKEN_SIGNALS; i++) {
        sigaction(wanted[i], NULL, &signals->actions[i]);
        if (signals->actions[i].sa_handler != SIG_IGN)
            sigaction(wanted[i], &action, NULL);
    }
    sigprocmask(SIG_SETMASK, &signals->before.mask, NULL);
    signals->taken = true;
    return MLF_OK;
}

int mlf__taken_signals_next(struct mlf__taken_signals *signals)
{
    unsigned char signo;
    return read(signals->pipe[0], &signo, 1) == 1 ? signo : 0;
}

void mlf__taken_signals_give_back(struct mlf__taken_signals *signals)
{
    if (signals->taken) {
        for (int i = 0; i < MLF__TAKEN_SIGNALS; i++)
            sigaction(wanted[i], &signals->actions[i], NULL);
        mlf__signals_restore(&signals->before);
    }
    for (int i = 0; i < 2; i++)
        if (signals->pipe[i] >= 0)
            close(signals->pipe[i]);
    *signals = (struct mlf__taken_signals)MLF__TAKEN_SIGNALS_INIT;
}
