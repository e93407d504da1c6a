/* SPDX-License-Identifier: Apache-2.0 */
/* mlf completion: the shells' completion. The scripts know nothing of mlf's commands: they ask, so that they
 * are never older than the program. */
#include "cli/actions.h"
#include "cli/runs_pick.h"
#include "core/mem.h"

#include <string.h>

static const char help[] =
    "Usage: mlf completion bash|zsh|fish\n"
    "       mlf completion --words -- [WORD]...\n"
    "\n"
    "Print the script that makes a shell complete the words of mlf: commands, actions, options,\n"
    "runs and experiments. They are installed with mlf; elsewhere, in a start-up file:\n"
    "\n"
    "  bash   eval \"$(mlf completion bash)\"\n"
    "  zsh    eval \"$(mlf completion zsh)\"\n"
    "  fish   mlf completion fish | source\n"
    "\n"
    "  --words  print what the last WORD of `mlf WORD...` can be, one a line with a tab and\n"
    "           what it means; this is what the scripts call\n"
    "  --help   print this help\n";

/* The build installs what this prints. */
static const struct {
    const char *shell, *script;
} scripts[] = {
    {"bash", "# SPDX-License-Identifier: Apache-2.0\n"
             "# Completion of mlf for bash: mlf itself knows its words.\n"
             "_mlf() {\n"
             "    local IFS=$'\\n' line\n"
             "    COMPREPLY=()\n"
             "    for line in $(mlf completion --words -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" "
             "2>/dev/null); do\n"
             "        printf -v line %q \"${line%%$'\\t'*}\"\n"
             "        COMPREPLY+=(\"$line\")\n"
             "    done\n"
             "}\n"
             "complete -o default -F _mlf mlf\n"},
    {"zsh", "#compdef mlf\n"
            "# SPDX-License-Identifier: Apache-2.0\n"
            "# Completion of mlf for zsh: mlf itself knows its words.\n"
            "_mlf() {\n"
            "    local line\n"
            "    local -a found\n"
            "    for line in \"${(@f)$(mlf completion --words -- \"${(@)words[2,CURRENT]}\" "
            "2>/dev/null)}\"; do\n"
            "        [[ -n $line ]] && found+=(\"${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}\")\n"
            "    done\n"
            "    (( $#found )) && _describe mlf found || _files\n"
            "}\n"
            "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n"
            "    _mlf \"$@\"\n"
            "else\n"
            "    compdef _mlf mlf\n"
            "fi\n"},
    {"fish", "# SPDX-License-Identifier: Apache-2.0\n"
             "# Completion of mlf for fish: mlf itself knows its words.\n"
             "complete -c mlf -a '(set -l w (commandline -opc) (commandline -ct); "
             "mlf completion --words -- $w[2..-1] 2>/dev/null)'\n"},
};

/* ---- words ---- */

enum { VALUES_MAX = 50 };

/* The word that is being completed. */
struct wanted {
    const struct mlf__command *command;
    const char *action; /* NULL: none */
    const char *word;   /* what there is of it */
    const char *before; /* the word before it, "" when there is none */
};

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static void offer(const struct wanted *wanted, const char *word, const char *meaning)
{
    if (!begins(word, wanted->word))
        return;
    mlf__cli_print_text(stdout, word);
    printf("\t");
    mlf__cli_print_text(stdout, meaning);
    printf("\n");
}

/* What the help says behind an option, up to the end of its line: " --json   as JSON". */
static void option_meaning(const struct mlf__command *command, const char *option, char *out,
                           size_t size)
{
    char head[40];

    out[0] = '\0';
    snprintf(head, sizeof(head), "\n  --%s", option);
    const char *line = strstr(command->help, head);
    if (line == NULL)
        return;
    line += strlen(head);
    const char *text = strstr(line, "  ");
    size_t length = strcspn(line, "\n");
    if (text == NULL || text >= line + length)
        return;
    text += strspn(text, " ");
    snprintf(out, size, "%.*s", (int)strcspn(text, "\n"), text);
}

static void offer_option(const char *option, bool takes_value, void *user)
{
    const struct wanted *wanted = user;
    char word[40], meaning[120];

    (void)takes_value;
    snprintf(word, sizeof(word), "--%s", option);
    option_meaning(wanted->command, option, meaning, sizeof(meaning));
    offer(wanted, word, meaning);
}

static void offer_options(struct wanted *wanted)
{
    const struct mlf__command *command = wanted->command;

    if (command->actions != NULL) {
        mlf__actions_each_option(command, wanted->action, offer_option, wanted);
        return;
    }
    for (const struct option *option = command->options; option->name != NULL; option++)
        offer_option(option->name, option->has_arg != no_argument, wanted);
}

static void note_value(const char *option, bool takes_value, void *user)
{
    const char **found = user;

    if (takes_value && found[0] != NULL && begins(found[0], "--") &&
        strcmp(found[0] + 2, option) == 0)
        found[1] = option;
}

/* The option whose value is being written; NULL: none. */
static const char *open_option(const struct wanted *wanted)
{
    const struct mlf__command *command = wanted->command;
    const char *found[2] = {wanted->before, NULL};

    if (command->actions != NULL)
        mlf__actions_each_option(command, NULL, note_value, (void *)found);
    for (const struct option *option = command->options; option != NULL && option->name != NULL;
         option++)
        note_value(option->name, option->has_arg != no_argument, (void *)found);
    return found[1];
}

/* ---- what the store has ---- */

static struct mlf__store *open_quietly(void)
{
    struct mlf__store *store = NULL;
    char *uri = NULL;

    /* Nothing is merged and nothing said: somebody is typing. */
    if (mlf__cli_store_uri(NULL, &uri) == MLF_OK)
        (void)mlf__store_open(uri, MLF__STORE_READ, &store);
    mlf__free(uri);
    return store;
}

static void offer_experiments(const struct wanted *wanted)
{
    struct mlf__store *store = open_quietly();
    mlf_search_options search = MLF_SEARCH_OPTIONS_INIT;
    mlf_experiment_list list = {0};

    search.max_results = VALUES_MAX;
    if (store != NULL && store->ops->experiment_search(store, &search, &list) == MLF_OK)
        for (size_t i = 0; i < list.n_experiments; i++)
            offer(wanted, list.experiments[i].name, "experiment");
    mlf_experiment_list_free(&list);
    mlf__store_close(store);
}

static void offer_runs(const struct wanted *wanted)
{
    struct mlf__store *store = open_quietly();
    mlf_run_list list = {0};

    if (store != NULL && store->ops->run_list(store, NULL, VALUES_MAX, &list) == MLF_OK)
        for (size_t i = 0; i < list.n_runs; i++)
            offer(wanted, list.runs[i].run_id, list.runs[i].name != NULL ? list.runs[i].name : "");
    mlf_run_list_free(&list);
    mlf__store_close(store);
}

static void offer_value(const struct wanted *wanted, const char *option)
{
    static const struct {
        const char *option, *value;
    } values[] = {{"view", "active"}, {"view", "deleted"}, {"view", "all"},
                  {"format", "json"}, {"format", "csv"},   {"x", "step"},
                  {"x", "time"},      {"parse", "off"},    {"parse", "known"}};

    if (strcmp(option, "experiment") == 0)
        offer_experiments(wanted);
    for (size_t i = 0; i < MLF__ARRAY_LEN(values); i++)
        if (strcmp(values[i].option, option) == 0)
            offer(wanted, values[i].value, "");
}

static void offer_operands(const struct wanted *wanted)
{
    static const char *const of_runs[] = {"runs", "rerun", "plot", "artifacts"};

    if (strcmp(wanted->command->name, "experiments") == 0)
        offer_experiments(wanted);
    for (size_t i = 0; i < MLF__ARRAY_LEN(of_runs); i++)
        if (strcmp(of_runs[i], wanted->command->name) == 0)
            offer_runs(wanted);
    for (size_t i = 0;
         strcmp(wanted->command->name, "completion") == 0 && i < MLF__ARRAY_LEN(scripts); i++)
        offer(wanted, scripts[i].shell, "its script");
}

/* ---- what can be there ---- */

static void offer_commands(const struct wanted *wanted)
{
    for (size_t i = 0; mlf__commands[i] != NULL; i++)
        offer(wanted, mlf__commands[i]->name, mlf__commands[i]->summary);
    offer(wanted, "help", "describe a command");
    offer(wanted, "--help", "describe mlf");
    offer(wanted, "--version", "print the version");
}

static void offer_words(char *const *words, size_t n)
{
    struct wanted wanted = {.word = n > 0 ? words[n - 1] : "", .before = n > 1 ? words[n - 2] : ""};

    if (n <= 1 || (n == 2 && strcmp(words[0], "help") == 0)) {
        offer_commands(&wanted);
        return;
    }
    wanted.command = mlf__command_find(words[0]);
    if (wanted.command == NULL)
        return;
    const struct mlf__action *actions = wanted.command->actions;
    bool has_actions = actions != NULL && actions[0].name != NULL;
    for (size_t w = 1; has_actions && w + 1 < n && wanted.action == NULL; w++)
        for (size_t i = 0; actions[i].run != NULL; i++)
            if (strcmp(actions[i].name, words[w]) == 0)
                wanted.action = actions[i].name;
    const char *option = open_option(&wanted);
    if (option != NULL)
        offer_value(&wanted, option);
    else if (wanted.word[0] == '-')
        offer_options(&wanted);
    else if (has_actions && wanted.action == NULL)
        for (size_t i = 0; actions[i].run != NULL; i++)
            offer(&wanted, actions[i].name, "");
    else
        offer_operands(&wanted);
}

static int complete(struct mlf__store *unused, const struct mlf__args *args)
{
    (void)unused;
    if (args->words_only) {
        offer_words(args->words, args->n_words);
        return MLF__EXIT_OK;
    }
    if (args->n_words != 1)
        return mlf__action_usage(args, "the name of one shell is needed: bash, zsh or fish");
    for (size_t i = 0; i < MLF__ARRAY_LEN(scripts); i++) {
        if (strcmp(scripts[i].shell, args->words[0]) != 0)
            continue;
        fputs(scripts[i].script, stdout);
        return MLF__EXIT_OK;
    }
    return mlf__action_usage(args, "there is no script for '%s': use bash, zsh or fish",
                             args->words[0]);
}

static const struct mlf__action actions[] = {
    {NULL, "w", 0, MLF__ANY_WORDS, "", MLF__ACTION_NO_STORE, complete}, {0}};

const struct mlf__command mlf__command_completion = {.name = "completion",
                                                     .summary =
                                                         "make a shell complete the words of mlf",
                                                     .help = help,
                                                     .actions = actions};
