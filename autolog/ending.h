/* SPDX-License-Identifier: Apache-2.0 */
/* How a process ended, and what that makes of its run. */
#ifndef MLF_AUTOLOG_ENDING_H
#define MLF_AUTOLOG_ENDING_H

enum { MLF__SIGNAL_NAME_SIZE = 16 };

/* The run's state (mlf_run_status) for a wait status: exit 0 FINISHED, another code FAILED; KILLED for
 * the signals that a person or a scheduler sends (INT, TERM, HUP, QUIT, KILL), FAILED for the others. */
int mlf__ending_status(int wait_status);

/* "SIGTERM"; made in |buffer| for a signal without a name. */
const char *mlf__ending_signal_name(int signal, char buffer[MLF__SIGNAL_NAME_SIZE]);

#endif
