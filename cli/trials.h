/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of `mlf tune`: several commands at once in one session, each with a run of its own; their output read
 * for metrics, their ends waited for, and ended when asked, with everything they started. One thread and one
 * poll loop, the caller's: handlers are called from mlf__trials_step() only. */
#ifndef MLF_CLI_TRIALS_H
#define MLF_CLI_TRIALS_H

#include "autolog/collector.h"
#include "autolog/recogniser.h"
#include "cli/launch.h"

struct mlf__trials;

/* Why a process was ended by us. */
enum mlf__trial_kill { MLF__KILL_NONE, MLF__KILL_PRUNED, MLF__KILL_TIMEOUT, MLF__KILL_STOPPED };

/* A process that has ended, with all that it had printed and logged handed to |metric| before. */
struct mlf__trial_end {
    int wait_status; /* as waitpid() gives it */
    enum mlf__trial_kill killed;
    int64_t start_ns, end_ns; /* CLOCK_REALTIME */
    double wall_time_s;
    double max_rss_mib; /* of the process and those that it waited for */
    int exec_error;     /* errno when it could not be executed; 0 */
    const char *tail;   /* the end of what it printed, NUL-terminated; for messages */
};

struct mlf__trials_handlers {
    /* A metric of the process in |slot|, printed, hooked or logged by itself. The same point comes once. */
    void (*metric)(int slot, const char *key, double value, int64_t step, void *user);
    /* The process of |slot| has ended; the slot is free again behind this call. */
    void (*ended)(int slot, const struct mlf__trial_end *end, void *user);
    /* mlf received SIGINT, SIGTERM or SIGHUP. */
    void (*signalled)(int signo, void *user);
    void *user;
};

struct mlf__trials_options {
    int n_slots;
    struct mlf__ring *ring; /* the session: events go in here; its collector is |collector| */
    struct mlf__collector *collector; /* NULL: there is none, printed metrics only */
    const char *hooks;                /* library to preload; NULL: none */
    const struct mlf__recogniser_options *recogniser; /* how output is read */
    bool
        line_buffered; /* make the programs print whole lines at once, so that they can be pruned in time */
    bool keep_output; /* as artifacts stdout.log and stderr.log of the trial's run */
    int64_t grace_ms; /* between SIGTERM and SIGKILL */
    struct mlf__trials_handlers handlers;
};

struct mlf__trial_start {
    const struct mlf__program *program;
    char *const *argv;
    char *const *env;      /* KEY=VALUE, NULL-terminated: set for the process; NULL: none */
    const char *directory; /* where it runs; NULL: here */
    const char *run_id;    /* the run that it logs into; started by the caller */
    int64_t timeout_ms;    /* 0: none */
    uint64_t memory_limit; /* bytes (RLIMIT_AS); 0: none */
};

/* Takes the signals SIGCHLD, SIGINT, SIGTERM and SIGHUP. */
mlf_status mlf__trials_create(const struct mlf__trials_options *options, struct mlf__trials **out);
/* Starts a process, in a process group of its own, in a free slot. MLF_ERR_BUSY when there is none. */
mlf_status mlf__trials_start(struct mlf__trials *trials, const struct mlf__trial_start *start,
                             int *slot);
int mlf__trials_running(const struct mlf__trials *trials);
/* Waits, at most |timeout_ms|, until something has happened, and calls the handlers for it. */
mlf_status mlf__trials_step(struct mlf__trials *trials, int64_t timeout_ms);
/* Ends the process of |slot| and everything in its group: SIGTERM now, SIGKILL after the grace. It is reported by
 * |ended|. */
void mlf__trials_kill(struct mlf__trials *trials, int slot, enum mlf__trial_kill why);
/* Kills what still runs (SIGKILL), without reporting it, and gives the signals back. NULL is fine. */
void mlf__trials_destroy(struct mlf__trials *trials);

#endif
