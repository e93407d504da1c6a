/* SPDX-License-Identifier: Apache-2.0 */
/* A session with an event of every kind, and what a database holds of it as text: two databases that
 * say the same give the same text. */
#ifndef MLF_TESTS_FAULT_SAMPLE_H
#define MLF_TESTS_FAULT_SAMPLE_H

#include "autolog/apply.h"

enum {
    SAMPLE_MAX = 96,
    SAMPLE_TAKEN = 4,
    SAMPLE_LAUNCHER = 99 /* pid of whoever ends the runs of commands */
};

struct sample {
    char folder[64];               /* everything lies in it */
    char data[96];                 /* a data file that was read */
    char model[96];                /* a model file that was written */
    char taken[SAMPLE_TAKEN][128]; /* files that are handed over: they are gone once stored */
    char database[96];
    struct mlf__config config;
    struct mlf__event events[SAMPLE_MAX];
    size_t n;
};

/* Makes the folder and the events; ends the program when that is impossible. */
void sample_init(struct sample *sample);
/* Removes the folder. */
void sample_free(struct sample *sample);
/* Puts a fresh, empty database in place of the one that is there, and the files that are handed over. */
void sample_fresh(const struct sample *sample);
/* What the database says, without what is random or tells the time. Owned by the caller (mlf__free). */
char *sample_dump(const struct sample *sample);
/* Prints, as comments, the lines that only one of two dumps has. */
void sample_print_difference(const char *got, const char *want);

#endif
