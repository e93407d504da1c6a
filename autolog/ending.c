/* SPDX-License-Identifier: Apache-2.0 */
/* Wait statuses and signals. */
#include "autolog/ending.h"

#include "core/fail.h"
#include "tracking/store.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

static const struct {
    int number;
    const char *name;
} signals[] = {
    {SIGHUP, "SIGHUP"},   {SIGINT, "SIGINT"},       {SIGQUIT, "SIGQUIT"}, {SIGILL, "SIGILL"},
    {SIGTRAP, "SIGTRAP"}, {SIGABRT, "SIGABRT"},     {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},
    {SIGKILL, "SIGKILL"}, {SIGUSR1, "SIGUSR1"},     {SIGSEGV, "SIGSEGV"}, {SIGUSR2, "SIGUSR2"},
    {SIGPIPE, "SIGPIPE"}, {SIGALRM, "SIGALRM"},     {SIGTERM, "SIGTERM"}, {SIGXCPU, "SIGXCPU"},
    {SIGXFSZ, "SIGXFSZ"}, {SIGVTALRM, "SIGVTALRM"}, {SIGPROF, "SIGPROF"}, {SIGIO, "SIGIO"},
    {SIGSYS, "SIGSYS"},
};

int mlf__ending_status(int wait_status)
{
    if (WIFEXITED(wait_status))
        return WEXITSTATUS(wait_status) == 0 ? MLF_RUN_FINISHED : MLF_RUN_FAILED;
    switch (WTERMSIG(wait_status)) {
    case SIGINT:
    case SIGTERM:
    case SIGHUP:
    case SIGQUIT:
    case SIGKILL:
        return MLF_RUN_KILLED;
    default:
        return MLF_RUN_FAILED;
    }
}

const char *mlf__ending_signal_name(int signal, char buffer[MLF__SIGNAL_NAME_SIZE])
{
    for (size_t i = 0; i < MLF__ARRAY_LEN(signals); i++) {
        if (signals[i].number == signal)
            return signals[i].name;
    }
    snprintf(buffer, MLF__SIGNAL_NAME_SIZE, "SIG%d", signal);
    return buffer;
}
