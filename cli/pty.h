/* SPDX-License-Identifier: Apache-2.0 */
/* A pseudo-terminal in place of a terminal that a command writes to: it finds a terminal of the same size, and
 * what it writes can be read. Only output goes through it. The keyboard, job control and /dev/tty stay those of the
 * real terminal, and modes that the command sets on its output are set there too. Linux: packet mode and
 * EXTPROC. */
#ifndef MLF_CLI_PTY_H
#define MLF_CLI_PTY_H

#include "core/fail.h"

#include <sys/types.h>

/* Opens one that looks like the terminal |terminal|; both ends close on exec. MLF_ERR_IO when there is none to be had. */
mlf_status mlf__pty_open(int terminal, int *master, int *slave);
/* Gives it the size of |terminal|. */
void mlf__pty_resize(int master, int terminal);
/* As read(2) of what the command wrote: the text begins at buffer + 1 and is so long as is returned; 0: the command's side is
 * closed. Modes that it has set are passed on to |terminal|; then -1 with EAGAIN may be all. */
ssize_t mlf__pty_read(int master, int terminal, char *buffer, size_t size);

#endif
