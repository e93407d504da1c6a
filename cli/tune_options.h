/* SPDX-License-Identifier: Apache-2.0 */
/* The options of `mlf tune`, read and checked before anything starts. */
#ifndef MLF_CLI_TUNE_OPTIONS_H
#define MLF_CLI_TUNE_OPTIONS_H

#include "cli/run_options.h"
#include "cli/stop_when.h"
#include "cli/tune_places.h"
#include "tuner/history.h"

#include <getopt.h>
#include <mlf/tuner.h>

enum mlf__on_fail { MLF__ON_FAIL_SKIP, MLF__ON_FAIL_WORST, MLF__ON_FAIL_STOP };
/* Which of the values of a metric is the trial's. */
enum mlf__tune_value { MLF__VALUE_LAST, MLF__VALUE_MIN, MLF__VALUE_MAX };

#define MLF__TUNE_DEFAULT_STUDY "study"

/* An option as it was given; |value| is borrowed, NULL for a flag. */
struct mlf__tune_given {
    const struct option *option;
    const char *value;
};

struct mlf__tune_options {
    struct mlf__run_options run; /* store, experiment, tags, and how output is read */
    struct mlf__tune_space space;
    struct mlf__tune_command command;
    const char *metrics[MLF__OBJECTIVES_MAX];
    mlf_direction directions[MLF__OBJECTIVES_MAX];
    size_t n_objectives;
    const char *sampler, *pruner, *study;
    bool resume;
    const char *resumed; /* a study's id or name; NULL: |study| */
    uint64_t seed;       /* 0: a random one */
    int64_t trials;      /* in all; 0: until the time is over */
    int jobs;
    int64_t timeout_ms, trial_timeout_ms, grace_ms; /* 0: none */
    int64_t retries;
    enum mlf__on_fail on_fail;
    enum mlf__tune_value value;
    const char *enqueue;
    uint64_t memory_limit; /* bytes; 0: none */
    struct mlf__stop_when *stop_when;
    bool dry_run, check, verbose;
    struct mlf__tune_given
        *given; /* the options but --resume; of one that counts once only the last */
    size_t n_given, cap_given;
    char **argv; /* the command line; words [0, n_own) are mlf's own */
    int argc, n_own;
    char **recalled; /* owned: what |argv| is when the command is the study's; NULL: it was given */
};

/* 0; or the exit code that mlf is to end with now, after help or a message: |*done| is set then. */
int mlf__tune_options_parse(int argc, char **argv, struct mlf__tune_options *out, bool *done);
void mlf__tune_options_free(struct mlf__tune_options *options);

/* "90", "90s", "1.5h", "1h30m", "250ms" in milliseconds; "512M", "2GiB" in bytes. False when it is none, or 0. */
bool mlf__tune_parse_duration(const char *text, int64_t *ms);
bool mlf__tune_parse_size(const char *text, uint64_t *bytes);

#endif
