/* SPDX-License-Identifier: Apache-2.0 */
/* Which file a command is, and whether the hook library can be loaded into it. */
#ifndef MLF_CLI_PROGRAM_H
#define MLF_CLI_PROGRAM_H

#include "core/fail.h"

#include <limits.h>
#include <stdbool.h>

enum mlf__program_kind {
    MLF__PROGRAM_DYNAMIC, /* linked with this system's C library: it can be hooked */
    MLF__PROGRAM_STATIC,
    MLF__PROGRAM_MUSL,   /* its loader would abort over a library made for glibc */
    MLF__PROGRAM_FOREIGN /* of another word size or machine */
};

struct mlf__program {
    char path[PATH_MAX];
    enum mlf__program_kind kind;
    char sanitizer[64]; /* the address sanitizer's library, which must be loaded first; or "" */
};

/* Finds |command| as a shell does: through PATH unless it contains a slash. Returns 0, or the exit
 * code that a shell would give (126, 127) with the thread's error text set. */
int mlf__program_find(const char *command, struct mlf__program *out);

/* Why it cannot be hooked, in words; NULL when it can. */
const char *mlf__program_why_not(enum mlf__program_kind kind);

#endif
