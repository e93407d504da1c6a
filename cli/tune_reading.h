/* SPDX-License-Identifier: Apache-2.0 */
/* What `mlf tune` has to know of its command: which program it is, whether it can be hooked, and how its output is
 * read. */
#ifndef MLF_CLI_TUNE_READING_H
#define MLF_CLI_TUNE_READING_H

#include "autolog/recogniser.h"
#include "cli/program.h"
#include "cli/tune_options.h"
#include "core/spool.h"

struct mlf__tune_reading {
    struct mlf__recogniser_options options; /* borrows from the rest */
    char **argv;
    const char **rules; /* the user's, and behind them one for each objective that no word tells */
    char **own;         /* the latter; NULL-terminated */
};

/* Finds the program when all trials have the same; else |out->path| is "". 0; or the exit code, after a message. */
int mlf__tune_find_program(const struct mlf__tune_options *options, struct mlf__program *out);
/* Path of the hook library, or "". MLF_ERR_NOT_FOUND, MLF_ERR_UNSUPPORTED. */
mlf_status mlf__tune_find_hooks(const struct mlf__tune_options *options,
                                const struct mlf__program *program, char out[MLF__PATH_SIZE]);

/* MLF_ERR_INVAL when a rule is wrong. |options| are borrowed; to be freed in any case. */
mlf_status mlf__tune_reading_make(const struct mlf__tune_options *options,
                                  struct mlf__tune_reading *out);
void mlf__tune_reading_free(struct mlf__tune_reading *reading);

#endif
