/* SPDX-License-Identifier: Apache-2.0 */
/* The options of `mlf run`, read and checked before the command starts. */
#ifndef MLF_CLI_RUN_OPTIONS_H
#define MLF_CLI_RUN_OPTIONS_H

#include "autolog/recogniser.h"
#include "core/event.h"

#include <stdbool.h>
#include <stddef.h>

/* K=V, split. Both are owned. */
struct mlf__pair {
    char *key;
    char *value;
};

struct mlf__run_options {
    const char *tracking_uri; /* NULL: by the environment */
    const char *experiment;
    const char *run_name; /* NULL: a random one */
    struct mlf__pair *tags, *params;
    size_t n_tags, n_params, cap_tags, cap_params;
    const char **rules; /* --metric */
    size_t n_rules, cap_rules;
    enum mlf__parse_mode parse;
    bool hooks, capture, summary, quiet, json;
    char **command; /* NULL-terminated part of argv */
    size_t n_command;
};

/* 0; or the exit code that mlf is to end with now, after help or a message: |*done| is set then. */
int mlf__run_options_parse(int argc, char **argv, struct mlf__run_options *out, bool *done);
void mlf__run_options_free(struct mlf__run_options *options);

/* Store, experiment, ids and folder of a run that begins now. */
mlf_status mlf__run_options_config(const struct mlf__run_options *options, struct mlf__config *out);

#endif
