/* SPDX-License-Identifier: Apache-2.0 */
/* A tuning that is going on: what driver and output of `mlf tune` share. One thread. */
#ifndef MLF_CLI_TUNE_H
#define MLF_CLI_TUNE_H

#include "cli/trials.h"
#include "cli/tune_enqueue.h"
#include "cli/tune_objective.h"
#include "cli/tune_options.h"
#include "core/spool.h"
#include "tuner/study.h"

enum { MLF__REASON_SIZE = 256 };

/* A trial that is going on. Slots are the {slot} of the command; the pool numbers its own. */
struct mlf__tune_slot {
    mlf_trial *trial; /* NULL: the slot is free */
    struct mlf__trial *row;
    int pool_slot;
    int64_t start_ns; /* CLOCK_MONOTONIC */
    struct mlf__tune_rendered command;
    char workdir[MLF__PATH_SIZE]; /* "": none */
    struct mlf__tune_measured measured;
    struct mlf__stop_values stop_values;
    bool prune, spared; /* the pruner has decided; --stop-when holds here, so that it may finish */
    int64_t attempts;   /* how often its values were tried before */
    double latest;      /* of the objective; NaN: nothing yet */
    int64_t latest_step;
};

/* Why no more trials are started. */
enum mlf__tune_stop {
    MLF__TUNE_GOES_ON,
    MLF__TUNE_TRIALS,    /* all are done */
    MLF__TUNE_EXHAUSTED, /* the sampler has nothing left */
    MLF__TUNE_TIMEOUT,
    MLF__TUNE_CONDITION, /* --stop-when */
    MLF__TUNE_SIGNAL,
    MLF__TUNE_FAILED /* |why| says what */
};

/* A trial's values that wait to be tried again. */
struct mlf__tune_retry {
    int64_t number; /* of the trial that waits */
    int64_t attempts;
};

struct mlf__tune_output;

struct mlf__tune {
    const struct mlf__tune_options *options;
    struct mlf__config config; /* run_id is the study's */
    struct mlf__ring *ring;
    struct mlf__collector *collector;
    struct mlf__trials *pool;
    struct mlf__program program; /* when it is the same for all trials */
    char hooks[MLF__PATH_SIZE];  /* "": none */
    mlf_study *study;
    const char **names; /* of the parameters, and their distributions beside them; borrowed */
    struct mlf__dist *dists;
    struct mlf__tune_slot *slots; /* options->jobs */
    struct mlf__tune_retry *retries;
    size_t n_retries, cap_retries;
    char folder[MLF__PATH_SIZE]; /* of the workdirs */

    int64_t start_ns;                       /* CLOCK_MONOTONIC */
    int64_t n_before, n_good_before;        /* trials of a resumed study; those that did not fail */
    int64_t n_started, n_running;           /* here */
    int64_t n_complete, n_pruned, n_failed; /* here */
    int64_t n_alike;                        /* first trials that failed, all in one way */
    int first_status;                       /* wait status of the first that failed */
    double worst[MLF__OBJECTIVES_MAX];      /* so far; NaN: none */
    bool prunes;                            /* the study has a pruner */
    enum mlf__tune_stop stop;
    int signo;     /* that stopped it; 0: none */
    bool killed;   /* by a second one */
    int exec_exit; /* 126 or 127 when the command cannot be executed */
    char why[1024];
    struct mlf__tune_output *output;
};

/* How a trial ended, for the output. */
struct mlf__tune_end {
    mlf_trial_state state;
    const struct mlf__trial_end *process; /* NULL: it did not start */
    double wall_time_s;
    char reason[MLF__REASON_SIZE]; /* why it failed; "" else */
    bool is_best;
};

/* ---- what is logged: tune_record.c ---- */

/* The texts of a trial's parameters by the space's numbers; owned, NULL-terminated. NULL: no memory. */
char **mlf__tune_texts(const struct mlf__tune *tune, const struct mlf__trial *row);
void mlf__tune_put_tag(struct mlf__tune *tune, const char *run, const char *key, const char *value);
/* A command line as tag mlf.command of |run|, without its secrets. */
void mlf__tune_put_command(struct mlf__tune *tune, const char *run, size_t argc, char *const *argv);
void mlf__tune_put_metric(struct mlf__tune *tune, const char *run, const char *key, double value);
/* How a trial's process ended, as tags of its run. */
void mlf__tune_put_end(struct mlf__tune *tune, const char *run, const struct mlf__trial_end *end);
/* |status| is a mlf_run_status. */
void mlf__tune_put_run_end(struct mlf__tune *tune, const char *run, int status, int64_t end_ns);

/* ---- driver ---- */

/* Starts trials and waits for them until there is nothing more to do. */
void mlf__tune_loop(struct mlf__tune *tune);
void mlf__tune_handlers(struct mlf__tune *tune, struct mlf__trials_handlers *out);
/* No more trials are started. The first reason counts. */
void mlf__tune_stop(struct mlf__tune *tune, enum mlf__tune_stop why, const char *format, ...)
    MLF__PRINTF(3, 4);
void mlf__tune_note_worst(struct mlf__tune *tune, const double *values);

/* The command line to go on with study |run_id|; owned. NULL: no memory. */
char *mlf__tune_resume_line(const struct mlf__tune_options *options, const char *run_id);

/* Runs the tuning. Returns the exit code. */
int mlf__tune_run(const struct mlf__tune_options *options);
/* --dry-run; --check. Return the exit code. */
int mlf__tune_dry_run(const struct mlf__tune_options *options);
int mlf__tune_check(const struct mlf__tune_options *options);

#endif
