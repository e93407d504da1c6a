/* SPDX-License-Identifier: Apache-2.0 */
/* The search space of `mlf tune`: parameters, each declared by a SPEC, behind -p or in place in the command.
 *
 *   low:high[:step][:log]   a range; of integers when both bounds are written as integers
 *   int:RANGE, float:RANGE  a range of that kind
 *   a,b,c                   one of several texts; without a comma the only one
 *   @FILE                   one of the lines of a file */
#ifndef MLF_CLI_TUNE_SPEC_H
#define MLF_CLI_TUNE_SPEC_H

#include "tuner/space.h"

enum { MLF__TUNE_PARAMS_MAX = 1000 };

struct mlf__tune_param {
    char *name;
    char *spec; /* as it was written */
    struct mlf__dist dist;
    bool used; /* there is a place for it */
};

/* Zeroed to begin. */
struct mlf__tune_space {
    struct mlf__tune_param *params;
    size_t n, cap;
};

/* The distribution that |spec| of parameter |name| says. MLF_ERR_INVAL names "name=spec" and the place in it: characters
 * are counted from 1. */
mlf_status mlf__tune_spec_parse(const char *name, const char *spec, struct mlf__dist *out);

/* Declares a parameter. MLF_ERR_INVAL also for a name that is no param key, is one of ours ("trial", "slot",
 * "workdir"), or is declared already. */
mlf_status mlf__tune_space_add(struct mlf__tune_space *space, const char *name, const char *spec);
/* The parameter's number; -1: there is none of that name. */
int mlf__tune_space_find(const struct mlf__tune_space *space, const char *name);
void mlf__tune_space_free(struct mlf__tune_space *space);

/* The whole of a file of at most |max| bytes, NUL-terminated; owned. The error names the file. */
mlf_status mlf__tune_read_file(const char *path, size_t max, char **out, size_t *len);

#endif
