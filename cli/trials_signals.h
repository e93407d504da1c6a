/* SPDX-License-Identifier: Apache-2.0 */
/* SIGCHLD, SIGINT, SIGTERM and SIGHUP as bytes of a pipe, for a poll loop; one at a time has them. */
#ifndef MLF_CLI_TRIALS_SIGNALS_H
#define MLF_CLI_TRIALS_SIGNALS_H

#include "cli/launch.h"

enum { MLF__TAKEN_SIGNALS = 4 };

struct mlf__taken_signals {
    struct mlf__signals before; /* as they were */
    struct sigaction actions[MLF__TAKEN_SIGNALS];
    bool taken;
    int pipe[2]; /* the first is to be polled */
};
#define MLF__TAKEN_SIGNALS_INIT                                                                    \
    {                                                                                              \
        .pipe = { -1, -1 }                                                                         \
    }

mlf_status mlf__taken_signals_take(struct mlf__taken_signals *signals);
/* The next signal that came, 0 = none. */
int mlf__taken_signals_next(struct mlf__taken_signals *signals);
void mlf__taken_signals_give_back(struct mlf__taken_signals *signals);

#endif
