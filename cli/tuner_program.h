/* SPDX-License-Identifier: Apache-2.0 */
/* What needs the tuner, and with it GSL. It is done by a program of its own, mlf-tuner, which `mlf` becomes: so `mlf` starts
 * without that library and is not bound by its licence. Each of the two programs has its own version of these
 * functions: tuner_program.c becomes the other one, tuner_commands.c does the work. */
#ifndef MLF_CLI_TUNER_PROGRAM_H
#define MLF_CLI_TUNER_PROGRAM_H

#include "cli/actions.h"

/* `mlf tune`; argv[0] is "mlf tune". The exit code. */
int mlf__tune(int argc, char **argv);
/* `mlf plot --study`. */
int mlf__plot_study(struct mlf__store *store, const struct mlf__args *args);

#endif
