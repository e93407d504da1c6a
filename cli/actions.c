/* SPDX-License-Identifier: Apache-2.0 */
/* The one table of the options of commands with actions, and the way from a command line to its action. */
#include "cli/actions.h"

#include "core/buf.h"
#include "core/mem.h"

#include <stdarg.h>
#include <string.h>

enum { MAX_RESULTS = 50000, MAX_SMOOTH = 1000000, OPTIONS_MAX = 40 };

/* ---- options ---- */

static const struct args_option {
    char letter; /* names it in struct mlf__action */
    const char *name;
    bool takes_value;
} options_table[] = {
    {'h', "help", false},      {'u', "tracking-uri", true}, {'e', "experiment", true},
    {'f', "filter", true},     {'o', "order-by", true},     {'n', "max-results", true},
    {'p', "page-token", true}, {'v', "view", true},         {'j', "json", false},
    {'F', "format", true},     {'H', "history", false},     {'m', "metric", true},
    {'x', "x", true},          {'O', "output", true},       {'y', "log-y", false},
    {'s', "smooth", true},     {'L', "log-run", false},     {'l', "artifact-location", true},
    {'N', "run-name", true},   {'D', "dry-run", false},     {'w', "words", false},
    {'S', "study", false},     {'k', "kind", true},
};

static bool takes(const struct mlf__action *action, char letter)
{
    return letter == 'h' || strchr(action->options, letter) != NULL;
}

static bool any_takes(const struct mlf__command *command, const char *name, char letter)
{
    for (const struct mlf__action *action = command->actions; action->run != NULL; action++) {
        bool meant = name == NULL || (action->name != NULL && strcmp(action->name, name) == 0);
        if (meant && takes(action, letter))
            return true;
    }
    return false;
}

void mlf__actions_each_option(const struct mlf__command *command, const char *name,
                              void (*fn)(const char *option, bool takes_value, void *user),
                              void *user)
{
    for (size_t i = 0; i < MLF__ARRAY_LEN(options_table); i++)
        if (any_takes(command, name, options_table[i].letter))
            fn(options_table[i].name, options_table[i].takes_value, user);
}

/* What getopt_long() needs for |command|. */
static void make_long_options(const struct mlf__command *command, struct option out[OPTIONS_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < MLF__ARRAY_LEN(options_table); i++) {
        const struct args_option *option = &options_table[i];
        if (any_takes(command, NULL, option->letter))
            out[n++] =
                (struct option){option->name, option->takes_value ? required_argument : no_argument,
                                NULL, option->letter};
    }
    out[n] = (struct option){0};
}

static const char *option_name(char letter)
{
    for (size_t i = 0; i < MLF__ARRAY_LEN(options_table); i++)
        if (options_table[i].letter == letter)
            return options_table[i].name;
    return "?";
}

/* ---- messages ---- */

int mlf__action_fail(const struct mlf__args *args)
{
    mlf__cli_say("%s", mlf__errmsg());
    return args->action->failure_code != 0 ? args->action->failure_code : MLF__EXIT_FAILED;
}

static int usage_code(const struct mlf__args *args)
{
    return args->command->usage_code != 0 ? args->command->usage_code : MLF__EXIT_USAGE;
}

int mlf__action_usage(const struct mlf__args *args, const char *format, ...)
{
    char text[1024];
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    return mlf__cli_usage(usage_code(args), args->title, "%s", text);
}

/* ---- values ---- */

static bool add_text(const char *list[], size_t *n, const char *text)
{
    if (*n == MLF__ARGS_REPEATED)
        return false;
    list[(*n)++] = text;
    return true;
}

static mlf_status set_number(const char *name, const char *text, int64_t max, int64_t *out)
{
    if (mlf__parse_i64(text, out) && *out > 0 && *out <= max)
        return MLF_OK;
    return mlf__fail(MLF_ERR_INVAL, "--%s takes a number from 1 to %lld, not '%s'", name,
                     (long long)max, text);
}

static mlf_status set_view(const char *text, mlf_view *out)
{
    static const struct {
        const char *name;
        mlf_view view;
    } views[] = {{"active", MLF_VIEW_ACTIVE_ONLY},
                 {"deleted", MLF_VIEW_DELETED_ONLY},
                 {"all", MLF_VIEW_ALL}};

    for (size_t i = 0; i < MLF__ARRAY_LEN(views); i++) {
        if (strcmp(views[i].name, text) == 0) {
            *out = views[i].view;
            return MLF_OK;
        }
    }
    return mlf__fail(MLF_ERR_INVAL, "--view takes active, deleted or all, not '%s'", text);
}

static mlf_status set_repeated(struct mlf__args *args, char letter, const char *value)
{
    bool ok = letter == 'e' ? add_text(args->experiments, &args->n_experiments, value)
                            : add_text(args->order_by, &args->n_order_by, value);
    if (ok)
        return MLF_OK;
    return mlf__fail(MLF_ERR_INVAL, "--%s is given more than %d times", option_name(letter),
                     MLF__ARGS_REPEATED);
}

/* Options whose value is taken as it is, and those without a value. */
static void set_plain(struct mlf__args *args, char letter, const char *value)
{
    const struct {
        char letter;
        const char **text;
        bool *flag;
    } places[] = {
        {'u', &args->tracking_uri, NULL}, {'f', &args->filter, NULL},
        {'p', &args->page_token, NULL},   {'F', &args->format, NULL},
        {'m', &args->metric, NULL},       {'x', &args->x_axis, NULL},
        {'O', &args->output, NULL},       {'l', &args->location, NULL},
        {'N', &args->run_name, NULL},     {'j', NULL, &args->json},
        {'H', NULL, &args->history},      {'y', NULL, &args->log_y},
        {'L', NULL, &args->log_run},      {'D', NULL, &args->dry_run},
        {'w', NULL, &args->words_only},   {'S', NULL, &args->study},
        {'k', &args->kind, NULL},
    };

    for (size_t i = 0; i < MLF__ARRAY_LEN(places); i++) {
        if (places[i].letter != letter)
            continue;
        if (places[i].text != NULL)
            *places[i].text = value;
        else
            *places[i].flag = true;
    }
}

static mlf_status set_option(struct mlf__args *args, char letter, const char *value)
{
    switch (letter) {
    case 'e':
    case 'o':
        return set_repeated(args, letter, value);
    case 'n':
        return set_number("max-results", value, MAX_RESULTS, &args->max_results);
    case 's':
        return set_number("smooth", value, MAX_SMOOTH, &args->smooth);
    case 'v':
        return set_view(value, &args->view);
    default:
        set_plain(args, letter, value);
        return MLF_OK;
    }
}

mlf_search_options mlf__args_search(const struct mlf__args *args)
{
    mlf_search_options search = MLF_SEARCH_OPTIONS_INIT;

    search.filter = args->filter;
    search.order_by = args->n_order_by > 0 ? args->order_by : NULL;
    search.n_order_by = args->n_order_by;
    search.view = args->view;
    search.max_results = (size_t)args->max_results;
    search.page_token = args->page_token;
    return search;
}

/* ---- the action ---- */

/* The action that the first word names; NULL after a message. */
static const struct mlf__action *find_action(struct mlf__args *args)
{
    const struct mlf__action *actions = args->command->actions;
    struct mlf__buf names = {0};

    if (actions[0].name == NULL)
        return &actions[0];
    for (size_t i = 0; actions[i].run != NULL; i++) {
        if (args->n_words > 0 && strcmp(args->words[0], actions[i].name) == 0) {
            args->words++;
            args->n_words--;
            mlf__buf_free(&names);
            return &actions[i];
        }
        mlf__buf_printf(&names, "%s%s", i > 0 ? ", " : "", actions[i].name);
    }
    const char *text = names.failed ? "" : names.data;
    if (args->n_words == 0)
        mlf__action_usage(args, "what to do is missing: %s", text);
    else
        mlf__action_usage(args, "there is no '%s': use one of %s", args->words[0], text);
    mlf__buf_free(&names);
    return NULL;
}

/* Do the options and words belong to the action? 0, or the exit code after a message. */
static int check_action(const struct mlf__args *args, const struct mlf__action *action,
                        const char *given)
{
    for (; *given != '\0'; given++)
        if (!takes(action, *given))
            return mlf__action_usage(args, "--%s does not go with '%s'", option_name(*given),
                                     action->name);
    if (args->n_words < action->min_words)
        return mlf__action_usage(args, "%s is missing", action->words);
    if (args->n_words > action->max_words)
        return mlf__action_usage(args, "unexpected argument '%s'", args->words[action->max_words]);
    return 0;
}

/* Opens what the action works on. 0, or the exit code after a message. */
static int open_store(const struct mlf__args *args, enum mlf__action_store how,
                      struct mlf__store **out)
{
    char *uri = NULL;

    *out = NULL;
    if (how == MLF__ACTION_NO_STORE)
        return 0;
    if (mlf__cli_store_uri(args->tracking_uri, &uri) != MLF_OK)
        return mlf__action_usage(args, "%s", mlf__errmsg());
    mlf_status status = MLF_OK;
    if (how != MLF__ACTION_CREATES)
        status = mlf__cli_open_store(uri, out);
    bool absent = status == MLF_ERR_NOT_FOUND;
    if (status == MLF_OK && how != MLF__ACTION_READS) {
        mlf__store_close(*out);
        status = mlf__store_open(uri, MLF__STORE_WRITE, out);
    }
    mlf__free(uri);
    if (status == MLF_OK)
        return 0;
    int code = mlf__action_fail(args);
    if (absent)
        mlf__cli_say("a store is made by the first  mlf run -- COMMAND");
    return code;
}

static int do_action(struct mlf__args *args, const char *given)
{
    struct mlf__store *store;
    const struct mlf__action *action = find_action(args);

    if (action == NULL)
        return usage_code(args);
    args->action = action;
    int code = check_action(args, action, given);
    if (code == 0)
        code = open_store(args, action->store, &store);
    if (code != 0)
        return code;
    code = action->run(store, args);
    mlf__store_close(store);
    return mlf__cli_finish(code);
}

int mlf__actions_run(const struct mlf__command *command, int argc, char **argv)
{
    struct mlf__args args = {.command = command, .title = argv[0], .argv = argv, .argc = argc};
    struct option long_options[OPTIONS_MAX];
    char given[2 * MLF__ARGS_REPEATED] = "";

    make_long_options(command, long_options);
    for (int letter; (letter = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        if (letter == 'h')
            return mlf__cli_help(command->help);
        if (letter == '?')
            return mlf__cli_usage_hint(usage_code(&args), args.title);
        if (set_option(&args, (char)letter, optarg) != MLF_OK)
            return mlf__action_usage(&args, "%s", mlf__errmsg());
        size_t n = strlen(given);
        if (strchr(given, letter) == NULL && n + 1 < sizeof(given))
            given[n] = (char)letter;
    }
    args.words = argv + optind;
    args.n_words = (size_t)(argc - optind);
    return do_action(&args, given);
}
