/* SPDX-License-Identifier: Apache-2.0 */
/* The keyboard for those who look for it at the terminal that they write to. Commands read it from their stdin or from
 * /dev/tty, which are the real terminal; a pager opens what ttyname(2) says, or reads stderr. That is the
 * pseudo-terminal here, so that somebody has to carry the keys there. Only keys that nobody else takes are carried, and only
 * while a process of the command is seen to wait for them. */
#ifndef MLF_CLI_KEYBOARD_H
#define MLF_CLI_KEYBOARD_H

#include <stdbool.h>
#include <sys/types.h>

struct mlf__keyboard {
    int tty;       /* the real terminal, opened when it is needed first; -1 */
    int master;    /* of the pseudo-terminal; -1: none, nothing happens */
    pid_t command; /* who looks for keys is it or one of its descendants */
    bool raw;      /* the command has asked for keys one by one on the pseudo-terminal */
    bool carries;  /* keys are carried at once */
    int untaken;   /* looks at which a key was waiting for somebody */
};

void mlf__keyboard_init(struct mlf__keyboard *keyboard, int master, pid_t command);
/* The command has written, and may have set modes. */
void mlf__keyboard_modes(struct mlf__keyboard *keyboard);
/* The terminal to poll for input; -1: none. */
int mlf__keyboard_poll(const struct mlf__keyboard *keyboard);
/* Milliseconds until mlf__keyboard_look() wants to be called; -1: never. */
int mlf__keyboard_due_ms(const struct mlf__keyboard *keyboard);
/* Carries what is there. */
void mlf__keyboard_look(struct mlf__keyboard *keyboard);
void mlf__keyboard_close(struct mlf__keyboard *keyboard);

#endif
