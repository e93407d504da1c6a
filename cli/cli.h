/* SPDX-License-Identifier: Apache-2.0 */
/* What all commands share: the table's entry, exit codes, messages, and the way to a store. */
#ifndef MLF_CLI_CLI_H
#define MLF_CLI_CLI_H

#include "core/fail.h"
#include "tracking/store.h"

#include <stdint.h>
#include <stdio.h>

enum mlf__exit {
    MLF__EXIT_OK = 0,
    MLF__EXIT_FAILED = 1, /* the command could not do it */
    MLF__EXIT_USAGE = 2,  /* wrong options; of `mlf run`: 125 */
    MLF__EXIT_RUN_USAGE = 125,
    MLF__EXIT_NOT_EXECUTABLE = 126,
    MLF__EXIT_NOT_FOUND = 127
};

struct mlf__action;
struct option;

/* A command: one file cmd_<name>.c that defines one of these. |run| gets its own arguments, argv[0] being
 * "mlf NAME", and returns the exit code; NULL: the command is its actions (cli/actions.h). */
struct mlf__command {
    const char *name;
    const char *summary;
    const char *help;
    int (*run)(int argc, char **argv);
    const struct option *options;      /* of a command without actions */
    const struct mlf__action *actions; /* up to one without a function */
    int usage_code;                    /* for wrong usage, 0: MLF__EXIT_USAGE */
};

/* The table of commands, in the order of `mlf --help`; ends with NULL. */
extern const struct mlf__command *const mlf__commands[];
/* NULL when there is none of that name. */
const struct mlf__command *mlf__command_find(const char *name);

int mlf__cmd_run(int argc, char **argv);
int mlf__cmd_version(int argc, char **argv);

/* "mlf: TEXT\n" on stderr. */
void mlf__cli_say(const char *format, ...) MLF__PRINTF(1, 2);
/* The same, followed by where help is; returns |code|. */
int mlf__cli_usage(int code, const char *command, const char *format, ...) MLF__PRINTF(3, 4);
/* Where help is, after getopt_long() has said what is wrong; returns |code|. */
int mlf__cli_usage_hint(int code, const char *command);
/* Writes a help text to stdout; MLF__EXIT_OK, or MLF__EXIT_FAILED when stdout cannot be written. */
int mlf__cli_help(const char *text);
/* Says the thread's error text; MLF__EXIT_FAILED. */
int mlf__cli_fail(void);
/* Flushes stdout; |code|, or MLF__EXIT_FAILED with a message when it could not be written. */
int mlf__cli_finish(int code);

/* Bytes of the character at |text|, which is not at its end, when it would drive the terminal or disguise the text
 * around it; else 0. */
size_t mlf__cli_harmful(const char *text);
/* |text| with such characters replaced, so that stored text cannot drive the terminal. */
void mlf__cli_print_text(FILE *out, const char *text);
/* "2.1 s", "35 ms", "1 min 05 s", "2 h 03 min". */
void mlf__cli_format_duration(int64_t ms, char *out, size_t size);

/* "2026-01-31 12:00:00", local time. */
void mlf__cli_format_time(int64_t ms, char *out, size_t size);

/* The store's absolute URI from --tracking-uri, MLFLOW_TRACKING_URI or the default. Owned. */
mlf_status mlf__cli_store_uri(const char *option, char **out);
/* Merges what killed processes left behind for that store, then opens it for reading. */
mlf_status mlf__cli_open_store(const char *uri, struct mlf__store **out);
/* Prints a message of mlf__sync. */
void mlf__cli_sync_message(const char *text, void *user);

#endif
