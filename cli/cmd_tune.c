/* SPDX-License-Identifier: Apache-2.0 */
/* mlf tune: the values of a command's parameters that make what it measures best. */
#include "cli/cli.h"
#include "cli/tune_usage.h"
#include "cli/tuner_program.h"

const struct mlf__command mlf__command_tune = {.name = "tune",
                                               .summary = "search a command's hyperparameters",
                                               .help = mlf__tune_help,
                                               .run = mlf__tune,
                                               .options = mlf__tune_long_options};
