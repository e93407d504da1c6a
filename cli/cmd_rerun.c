/* SPDX-License-Identifier: Apache-2.0 */
/* mlf rerun: does again what a run of `mlf run` did, from the tags that it left. */
#include "cli/actions.h"
#include "cli/runs_pick.h"
#include "core/buf.h"
#include "core/mem.h"
#include "tracking/names.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "Usage: mlf rerun [OPTION]... [RUN]\n"
    "\n"
    "Run the command of RUN again, in the same directory, as a new run of the same\n"
    "experiment with tag mlf.rerun_of. RUN is an id, the beginning of one, or latest, which\n"
    "is the default. Secrets are not recorded, so a command that had some cannot be repeated;\n"
    "nor are the options of mlf run itself: metrics, params and tags that they gave the old\n"
    "run the new one lacks.\n"
    "\n"
    "  --tracking-uri URI  the store (default: $MLFLOW_TRACKING_URI, else sqlite:///mlflow.db)\n"
    "  --run-name NAME     name of the new run (default: a random one)\n"
    "  --dry-run           only print what would be run\n"
    "  --help              print this help\n"
    "\n"
    "Exit status: that of the command, as of mlf run; 125 when it could not be repeated.\n";

static const char *tag_of(const mlf_run_record *run, const char *key)
{
    for (size_t i = 0; i < run->n_tags; i++)
        if (strcmp(run->tags[i].key, key) == 0)
            return run->tags[i].value;
    return NULL;
}

/* ---- the command's words ---- */

struct words {
    char **words; /* NULL-terminated */
    size_t n, cap;
};

static void free_words(struct words *words)
{
    for (size_t i = 0; i < words->n; i++)
        mlf__free(words->words[i]);
    mlf__free(words->words);
}

static mlf_status take_word(struct words *words, struct mlf__buf *word)
{
    mlf_status status =
        mlf__grow((void **)&words->words, &words->cap, words->n + 2, sizeof(*words->words));
    mlf__buf_puts(word, "");
    char *text = mlf__buf_take(word);

    if (status != MLF_OK || text == NULL) {
        mlf__free(text);
        return MLF_ERR_NOMEM;
    }
    words->words[words->n++] = text;
    words->words[words->n] = NULL;
    return MLF_OK;
}

/* Reads back what mlf__cmdline_text wrote: words of plain characters, 'quoted' parts, and \' between them. */
static mlf_status split_command(const char *text, struct words *out)
{
    mlf_status status = MLF_OK;

    while (status == MLF_OK && *text != '\0') {
        struct mlf__buf word = {0};
        text += strspn(text, " ");
        while (*text != '\0' && *text != ' ') {
            size_t len = 1;
            if (*text == '\'') {
                len = strcspn(text + 1, "'");
                mlf__buf_add(&word, text + 1, len);
                if (text[len + 1] == '\0') {
                    mlf__buf_free(&word);
                    return mlf__fail(MLF_ERR_CORRUPT, "the recorded command was cut: %.80s...",
                                     text);
                }
                len += 2;
            } else {
                text += *text == '\\' && text[1] != '\0';
                mlf__buf_add(&word, text, 1);
            }
            text += len;
        }
        status = take_word(out, &word);
        mlf__buf_free(&word);
        text += strspn(text, " ");
    }
    return status;
}

/* What stands in the way of repeating |run|, as the thread's error; else its words. */
static mlf_status read_command(const mlf_run_record *run, struct words *out)
{
    const char *command = tag_of(run, "mlf.command"), *directory = tag_of(run, "mlf.cwd");

    if (command == NULL || *command == '\0')
        return mlf__fail(MLF_ERR_UNSUPPORTED,
                         "run %s was not made by a command: it has no tag mlf.command, which "
                         "`mlf run` sets",
                         run->run_id);
    if (directory == NULL || *directory == '\0')
        return mlf__fail(MLF_ERR_UNSUPPORTED,
                         "run %s does not say in which directory it ran: it has no tag mlf.cwd",
                         run->run_id);
    if (strstr(command, "***") != NULL)
        return mlf__fail(MLF_ERR_UNSUPPORTED,
                         "run %s had secrets, which were not recorded, in its command: %s",
                         run->run_id, command);
    if (mlf__utf8_length(command, strlen(command)) >= MLF__TAG_VALUE_MAX)
        return mlf__fail(MLF_ERR_UNSUPPORTED,
                         "the command of run %s was too long to be recorded "
                         "whole",
                         run->run_id);
    return split_command(command, out);
}

/* ---- running ---- */

static mlf_status add_text(struct words *words, const char *text)
{
    struct mlf__buf word = {0};
    mlf__buf_puts(&word, text);
    return take_word(words, &word);
}

/* The arguments of `mlf run`. The store's URI is absolute: the directory changes. */
static mlf_status make_arguments(const struct mlf__store *store, const struct mlf__args *args,
                                 const mlf_run_record *run, const char *experiment,
                                 const struct words *command, struct words *out)
{
    char tag[80];
    snprintf(tag, sizeof(tag), "mlf.rerun_of=%s", run->run_id);
    const char *const fixed[] = {"mlf run",  "--tracking-uri", store->uri, "--experiment",
                                 experiment, "--tag",          tag};
    mlf_status status = MLF_OK;

    for (size_t i = 0; status == MLF_OK && i < MLF__ARRAY_LEN(fixed); i++)
        status = add_text(out, fixed[i]);
    if (status == MLF_OK && args->run_name != NULL)
        status = add_text(out, "--run-name");
    if (status == MLF_OK && args->run_name != NULL)
        status = add_text(out, args->run_name);
    if (status == MLF_OK)
        status = add_text(out, "--");
    for (size_t i = 0; status == MLF_OK && i < command->n; i++)
        status = add_text(out, command->words[i]);
    return status;
}

static int start(const struct mlf__args *args, const mlf_run_record *run, struct words *arguments)
{
    const char *directory = tag_of(run, "mlf.cwd");

    if (args->dry_run) {
        mlf__cli_print_text(stdout, directory);
        printf("$ ");
        mlf__cli_print_text(stdout, tag_of(run, "mlf.command"));
        printf("\n");
        return MLF__EXIT_OK;
    }
    if (chdir(directory) != 0) {
        mlf__fail_errno(errno, "run %s ran in %s", run->run_id, directory);
        return mlf__action_fail(args);
    }
    optind = 0; /* getopt_long() begins anew */
    return mlf__cmd_run((int)arguments->n, arguments->words);
}

static mlf_status prepare(struct mlf__store *store, const struct mlf__args *args,
                          mlf_run_record *run, struct words *arguments)
{
    struct words command = {0};
    mlf_experiment experiment = {0};
    char *id;
    mlf_status status =
        mlf__run_pick(store, args->n_words > 0 ? args->words[0] : NULL, NULL, MLF_VIEW_ALL, &id);

    if (status == MLF_OK)
        status = store->ops->run_get(store, id, run);
    if (status == MLF_OK)
        status = read_command(run, &command);
    if (status == MLF_OK)
        status = store->ops->experiment_get(store, run->experiment_id, &experiment);
    if (status == MLF_OK)
        status = make_arguments(store, args, run, experiment.name, &command, arguments);
    mlf_experiment_free(&experiment);
    free_words(&command);
    mlf__free(id);
    return status;
}

/* The store is opened here, so that it is closed again when the command runs. */
static int rerun(struct mlf__store *unused, const struct mlf__args *args)
{
    struct mlf__store *store = NULL;
    mlf_run_record run = {0};
    struct words arguments = {0};
    char *uri = NULL;

    (void)unused;
    mlf_status status = mlf__cli_store_uri(args->tracking_uri, &uri);
    if (status == MLF_OK)
        status = mlf__cli_open_store(uri, &store);
    if (status == MLF_OK)
        status = prepare(store, args, &run, &arguments);
    mlf__store_close(store);
    int code = status == MLF_OK ? start(args, &run, &arguments) : mlf__action_fail(args);
    free_words(&arguments);
    mlf_run_record_free(&run);
    mlf__free(uri);
    return code;
}

static const struct mlf__action actions[] = {
    {NULL, "uND", 0, 1, "", MLF__ACTION_NO_STORE, rerun, MLF__EXIT_RUN_USAGE}, {0}};

const struct mlf__command mlf__command_rerun = {.name = "rerun",
                                                .summary = "run the command of a run again",
                                                .help = help,
                                                .actions = actions,
                                                .usage_code = MLF__EXIT_RUN_USAGE};
