/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that consist of actions (`mlf runs list`, `mlf runs show` …): one table of options for all of them, so
 * that an option is called and checked the same everywhere. */
#ifndef MLF_CLI_ACTIONS_H
#define MLF_CLI_ACTIONS_H

#include "cli/cli.h"

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

enum { MLF__ARGS_REPEATED = 32 };

/* What a command line says. All texts are borrowed from argv; what was not given is NULL or 0. */
struct mlf__args {
    const struct mlf__command *command;
    const struct mlf__action *action;
    const char *title; /* "mlf runs" */
    char **argv;       /* the command line as a whole; its first word is the title */
    int argc;
    const char *tracking_uri;
    const char *experiments[MLF__ARGS_REPEATED + 1];
    size_t n_experiments;
    const char *order_by[MLF__ARGS_REPEATED + 1];
    size_t n_order_by;
    const char *filter, *page_token, *format, *metric, *x_axis, *output, *location, *run_name,
        *kind;
    mlf_view view;
    int64_t max_results, smooth;
    bool json, history, log_y, log_run, dry_run, words_only, study;
    char **words; /* behind the action's name */
    size_t n_words;
};

enum mlf__action_store {
    MLF__ACTION_NO_STORE,
    MLF__ACTION_READS,
    MLF__ACTION_WRITES, /* a store that is there */
    MLF__ACTION_CREATES /* one that is made when absent */
};

enum { MLF__ANY_WORDS = 100000 };

struct mlf__action {
    const char *name;    /* NULL: the command has this one only */
    const char *options; /* letters of the options that it takes, see actions.c */
    size_t min_words, max_words;
    const char *words; /* what its words are, for messages: "RUN" */
    enum mlf__action_store store;
    /* Returns the exit code. |store| is NULL when it uses none. */
    int (*run)(struct mlf__store *store, const struct mlf__args *args);
    int failure_code; /* when it cannot be done, 0: MLF__EXIT_FAILED */
};

/* Reads the command line, opens the store and does the action. */
int mlf__actions_run(const struct mlf__command *command, int argc, char **argv);

/* Says that something could not be done; the action's exit code for that. */
int mlf__action_fail(const struct mlf__args *args);
/* Says what is wrong with the command line; the command's exit code for that. */
int mlf__action_usage(const struct mlf__args *args, const char *format, ...) MLF__PRINTF(2, 3);

/* Calls |fn| for each option of |command|'s action |name| (NULL: of all its actions), --help included. */
void mlf__actions_each_option(const struct mlf__command *command, const char *name,
                              void (*fn)(const char *option, bool takes_value, void *user),
                              void *user);

/* The options of a page of a search, but for the experiments. */
mlf_search_options mlf__args_search(const struct mlf__args *args);

#endif
