/* SPDX-License-Identifier: Apache-2.0 */
/* The options of `mlf tune`, for the program that reads them and for those that only tell of them: help, shells. */
#ifndef MLF_CLI_TUNE_USAGE_H
#define MLF_CLI_TUNE_USAGE_H

#include <getopt.h>

extern const char mlf__tune_help[];
extern const struct option mlf__tune_long_options[];

enum {
    MLF__TUNE_HELP = 256,
    MLF__TUNE_MINIMIZE,
    MLF__TUNE_MAXIMIZE,
    MLF__TUNE_VALUE,
    MLF__TUNE_TRIALS,
    MLF__TUNE_SAMPLER,
    MLF__TUNE_PRUNER,
    MLF__TUNE_SEED,
    MLF__TUNE_TIMEOUT,
    MLF__TUNE_TRIAL_TIMEOUT,
    MLF__TUNE_GRACE,
    MLF__TUNE_MEMORY,
    MLF__TUNE_RETRIES,
    MLF__TUNE_ON_FAIL,
    MLF__TUNE_ENQUEUE,
    MLF__TUNE_STOP_WHEN,
    MLF__TUNE_ENV,
    MLF__TUNE_TEMPLATE,
    MLF__TUNE_SHELL,
    MLF__TUNE_STUDY,
    MLF__TUNE_RESUME,
    MLF__TUNE_URI,
    MLF__TUNE_EXPERIMENT,
    MLF__TUNE_TAG,
    MLF__TUNE_METRIC,
    MLF__TUNE_PARSE,
    MLF__TUNE_STEP,
    MLF__TUNE_IGNORE,
    MLF__TUNE_NO_HOOKS,
    MLF__TUNE_DRY_RUN,
    MLF__TUNE_CHECK,
    MLF__TUNE_VERBOSE,
    MLF__TUNE_QUIET,
    MLF__TUNE_JSON
};

#endif
