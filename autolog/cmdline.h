/* SPDX-License-Identifier: Apache-2.0 */
/* Params from a command line: --k=v, --k v, --flag, -c 3, -c3, -train file, k=v, +k=v, positionals. */
#ifndef MLF_AUTOLOG_CMDLINE_H
#define MLF_AUTOLOG_CMDLINE_H

#include "core/fail.h"

#include <stdbool.h>
#include <stddef.h>

/* One option: |name| normalised (mlf__normalise_name), |value| cleaned and "***" for secrets; "true" for a
 * flag. Positional arguments are called arg0, arg1 … by their place; those that are a file or folder, or look like
 * the name of one, are left out. */
typedef void mlf__option_fn(const char *name, const char *value, void *user);

/* Parses argv[1 …]. |directory|: what relative file names are relative to. MLF_ERR_NOMEM when options
 * were left out for want of memory. */
mlf_status mlf__cmdline_parse(size_t argc, const char *const *argv, const char *directory,
                              mlf__option_fn *fn, void *user);

/* The command behind sh -c, env, nice, nohup, timeout, time, stdbuf, taskset, mpirun, srun … An owned
 * vector (free with mlf__argv_free); the same words when nothing is to strip. A shell text is split
 * only when it is one plain command (quotes understood, no other shell syntax); else argv stays. */
mlf_status mlf__cmdline_strip(size_t argc, const char *const *argv, char ***out, size_t *n_out);
void mlf__argv_free(char **argv);

/* argv as one line for a tag: words quoted as a shell would need, secrets masked. Owned. */
char *mlf__cmdline_text(size_t argc, const char *const *argv);

#endif
