/* SPDX-License-Identifier: Apache-2.0 */
/* Between trials_starter.c and trials_process.c. */
#ifndef MLF_CLI_TRIALS_STARTER_H
#define MLF_CLI_TRIALS_STARTER_H

#include "cli/trials_process.h"

/* Starts a process with |streams| as its stdin, stdout and stderr. |*err|: why it could not be executed, 0 = it was. */
mlf_status mlf__starter_ask(const struct mlf__spawn_group *how, const int streams[3], pid_t *pid,
                            int *err);
/* Closes every descriptor but |kept|. */
void mlf__close_all_but(int kept);

#endif
