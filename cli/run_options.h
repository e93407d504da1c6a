/* SPDX-License-Identifier: Apache-2.0 */
/* The options of `mlf run`, read and checked before the command starts. */
#ifndef MLF_CLI_RUN_OPTIONS_H
#define MLF_CLI_RUN_OPTIONS_H

#include "autolog/recogniser.h"
#include "cli/stop_when.h"
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
    const char *step_rule; /* --step; NULL: none */
    const char **ignore;   /* --ignore */
    size_t n_ignore, cap_ignore;
    enum mlf__parse_mode parse;
    struct mlf__stop_when *stop_when; /* NULL: none */
    bool hooks, capture, line_buffered, summary, quiet, json;
    char **command; /* NULL-terminated part of argv */
    size_t n_command;
};

/* The defaults; and one option, by its name without dashes, as another command takes it too. */
void mlf__run_options_init(struct mlf__run_options *out);
mlf_status mlf__run_options_take(struct mlf__run_options *out, const char *name, const char *value);

/* Adds |text|, borrowed, to the |*n| of |*texts|: an option that may be given several times. */
mlf_status mlf__option_add(const char *text, const char ***texts, size_t *n, size_t *cap);

/* The value of --parse: off, known, likely or all. */
mlf_status mlf__parse_mode_read(const char *text, enum mlf__parse_mode *out);

/* 0; or the exit code that mlf is to end with now, after help or a message: |*done| is set then. */
int mlf__run_options_parse(int argc, char **argv, struct mlf__run_options *out, bool *done);
void mlf__run_options_free(struct mlf__run_options *options);

/* Store, experiment, ids and folder of a run that begins now. */
mlf_status mlf__run_options_config(const struct mlf__run_options *options, struct mlf__config *out);

#endif
