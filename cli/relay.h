/* SPDX-License-Identifier: Apache-2.0 */
/* The launcher's loop while the command runs: its output is passed on at once and then looked at, signals
 * that mlf receives are passed on, and its end is waited for. */
#ifndef MLF_CLI_RELAY_H
#define MLF_CLI_RELAY_H

#include "cli/launch.h"

#include "autolog/recogniser.h"

#include <signal.h>

/* What to relay. |recogniser| may be NULL; it reads in a thread of its own until mlf__relay() returns. The pipes of |launched| are closed by the relay. */
struct mlf__relay_options {
    struct mlf__launched launched;
    struct mlf__recogniser *recogniser;
    const sigset_t *watched;
    bool whole;  /* the recogniser sees everything, even when the command has to wait for it */
    bool detach; /* leave a process behind for descendants that hold the output open */
    void (*look)(void *user); /* called every |look_ms| while the command runs; NULL: nothing is */
    int look_ms;
    void *user;
};
struct mlf__relay_result {
    int wait_status;  /* of the command, as waitpid() gives it */
    int64_t end_ns;   /* CLOCK_REALTIME */
    int output_error; /* errno of the first output that could not be passed on, 0 = none */
    uint64_t unread;  /* bytes that the recogniser has not seen, since they came too fast for it */
};

/* Returns when the command has ended and what it wrote is passed on and read. */
void mlf__relay(const struct mlf__relay_options *options, struct mlf__relay_result *out);

#endif
