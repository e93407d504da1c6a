/* SPDX-License-Identifier: Apache-2.0 */
/* Wrong usage is found here, while nothing has started: the message names the option and what it takes. */
#include "cli/run_options.h"

#include "cli/cli.h"
#include "core/buf.h"
#include "core/env.h"
#include "core/mem.h"
#include "core/sys.h"
#include "tracking/names.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is looked for when --parse does not say. */
static const enum mlf__parse_mode default_parse = MLF__PARSE_LIKELY;

static const char help[] =
    "Usage: mlf run [OPTION]... [--] COMMAND [ARG]...\n"
    "\n"
    "Run COMMAND and log it as an MLflow run: its options as params, what it prints and the calls "
    "of\n"
    "known libraries as metrics, the files that it reads and the models that it saves, and how it\n"
    "ends. The exit status is the command's.\n"
    "\n"
    "  --tracking-uri URI   the store (default: $MLFLOW_TRACKING_URI, else sqlite:///mlflow.db)\n"
    "  --experiment NAME    experiment, created when absent (default: $MLFLOW_EXPERIMENT_NAME,\n"
    "                       $MLFLOW_EXPERIMENT_ID, else Default)\n"
    "  --run-name NAME      name of the run (default: a random one)\n"
    "  --tag K=V            a tag of the run; may be given several times\n"
    "  --param K=V          a param of the run; may be given several times\n"
    "  --metric NAME=REGEX  a metric in the output: group 1 is the value, a group named step the\n"
    "                       step; \\value, \\num and \\step stand for a number. A REGEX with \\key "
    "and\n"
    "                       \\value takes the names from the output as well. May be given several\n"
    "                       times.\n"
    "  --parse off|known|likely|all\n"
    "                       what else to look for in the output: nothing; what known programs "
    "print;\n"
    "                       numbers behind words that name metrics, and those that change beside "
    "a\n"
    "                       step (the default); whatever changes in lines that recur\n"
    "  --step REGEX         a line that tells the step of those that follow: group 1, or \\step\n"
    "  --ignore GLOB        names that are no metrics; may be given several times\n"
    "  --stop-when EXPR     end the command once this holds, e.g. 'loss is nan or loss > 100'\n"
    "  --line-buffered      make the command print whole lines at once, where it writes into a "
    "pipe\n"
    "  --force-direct       write a database on a network file system all along, not at the end "
    "under\n"
    "                       a lock: only when no other machine writes it\n"
    "  --no-hooks           do not load the hook library into the command\n"
    "  --no-capture         leave stdout and stderr alone; metrics in the output are not seen\n"
    "  --summary            print the summary even if stderr is no terminal\n"
    "  --quiet              print nothing\n"
    "  --json               print the summary as JSON on stderr\n"
    "  --help               print this help\n"
    "\n"
    "Exit status: that of the command; 125 when mlf was used wrongly, 126 when the command cannot "
    "be\n"
    "executed, 127 when it does not exist.\n";

enum {
    OPT_HELP = 256,
    OPT_URI,
    OPT_EXPERIMENT,
    OPT_NAME,
    OPT_TAG,
    OPT_PARAM,
    OPT_METRIC,
    OPT_PARSE,
    OPT_STEP,
    OPT_IGNORE,
    OPT_STOP_WHEN,
    OPT_LINE_BUFFERED,
    OPT_FORCE_DIRECT,
    OPT_NO_HOOKS,
    OPT_NO_CAPTURE,
    OPT_SUMMARY,
    OPT_QUIET,
    OPT_JSON
};

static const struct option long_options[] = {
    {"help", no_argument, NULL, OPT_HELP},
    {"tracking-uri", required_argument, NULL, OPT_URI},
    {"experiment", required_argument, NULL, OPT_EXPERIMENT},
    {"run-name", required_argument, NULL, OPT_NAME},
    {"tag", required_argument, NULL, OPT_TAG},
    {"param", required_argument, NULL, OPT_PARAM},
    {"metric", required_argument, NULL, OPT_METRIC},
    {"parse", required_argument, NULL, OPT_PARSE},
    {"step", required_argument, NULL, OPT_STEP},
    {"ignore", required_argument, NULL, OPT_IGNORE},
    {"stop-when", required_argument, NULL, OPT_STOP_WHEN},
    {"line-buffered", no_argument, NULL, OPT_LINE_BUFFERED},
    {"force-direct", no_argument, NULL, OPT_FORCE_DIRECT},
    {"no-hooks", no_argument, NULL, OPT_NO_HOOKS},
    {"no-capture", no_argument, NULL, OPT_NO_CAPTURE},
    {"summary", no_argument, NULL, OPT_SUMMARY},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {"json", no_argument, NULL, OPT_JSON},
    {0}};

const struct mlf__command mlf__command_run = {.name = "run",
                                              .summary = "run a command, autologged",
                                              .help = help,
                                              .run = mlf__cmd_run,
                                              .options = long_options};

/* ---- values ---- */

static mlf_status check_text(const char *text, size_t max, const char *what)
{
    size_t len = mlf__utf8_length(text, strlen(text));

    if (len == SIZE_MAX)
        return mlf__fail(MLF_ERR_INVAL, "%s is not valid UTF-8", what);
    if (len > max)
        return mlf__fail(MLF_ERR_INVAL, "%s has %zu characters; at most %zu are allowed", what, len,
                         max);
    return MLF_OK;
}

static mlf_status split_pair(const char *text, const char *what, size_t max, struct mlf__pair *out)
{
    const char *equals = strchr(text, '=');
    char name[64];

    if (equals == NULL || equals == text)
        return mlf__fail(MLF_ERR_INVAL, "'%s' is not of the form KEY=VALUE", text);
    snprintf(name, sizeof(name), "the value of '%.*s'",
             (int)(equals - text < 40 ? equals - text : 40), text);
    mlf_status status = check_text(equals + 1, max, name);
    if (status != MLF_OK)
        return status;
    out->key = mlf__strndup(text, (size_t)(equals - text));
    out->value = mlf__strdup(equals + 1);
    if (out->key == NULL || out->value == NULL)
        return MLF_ERR_NOMEM;
    return mlf__check_key(out->key, what);
}

static mlf_status add_pair(const char *text, const char *what, size_t max, struct mlf__pair **pairs,
                           size_t *n, size_t *cap)
{
    mlf_status status = mlf__grow((void **)pairs, cap, *n + 1, sizeof(struct mlf__pair));

    if (status != MLF_OK)
        return status;
    struct mlf__pair *pair = &(*pairs)[*n];
    *pair = (struct mlf__pair){0};
    (*n)++;
    return split_pair(text, what, max, pair);
}

/* A param cannot have two values: which one was meant is not for us to choose. */
static mlf_status check_params(const struct mlf__run_options *options)
{
    for (size_t i = 0; i < options->n_params; i++) {
        for (size_t j = 0; j < i; j++) {
            const struct mlf__pair *one = &options->params[j], *other = &options->params[i];
            if (strcmp(one->key, other->key) == 0 && strcmp(one->value, other->value) != 0)
                return mlf__fail(MLF_ERR_INVAL, "--param '%s' is given twice, as '%s' and as '%s'",
                                 one->key, one->value, other->value);
        }
    }
    return MLF_OK;
}

mlf_status mlf__parse_mode_read(const char *text, enum mlf__parse_mode *out)
{
    static const char *const names[] = {"off", "known", "likely", "all"};

    for (size_t i = 0; i < MLF__ARRAY_LEN(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (enum mlf__parse_mode)i;
            return MLF_OK;
        }
    }
    return mlf__fail(MLF_ERR_INVAL, "--parse takes off, known, likely or all, not '%s'", text);
}

mlf_status mlf__option_add(const char *text, const char ***texts, size_t *n, size_t *cap)
{
    mlf_status status = mlf__grow((void **)texts, cap, *n + 1, sizeof(char *));

    if (status == MLF_OK)
        (*texts)[(*n)++] = text;
    return status;
}

/* ---- options ---- */

static mlf_status take_option(struct mlf__run_options *out, int option, const char *value)
{
    switch (option) {
    case OPT_URI:
        out->tracking_uri = value;
        return MLF_OK;
    case OPT_EXPERIMENT:
        out->experiment = value;
        return mlf__check_experiment_name(value);
    case OPT_NAME:
        out->run_name = value;
        return check_text(value, MLF__TAG_VALUE_MAX, "the run's name");
    case OPT_TAG:
        return add_pair(value, "key", MLF__TAG_VALUE_MAX, &out->tags, &out->n_tags, &out->cap_tags);
    case OPT_PARAM:
        return add_pair(value, "Param key", MLF__PARAM_VALUE_MAX, &out->params, &out->n_params,
                        &out->cap_params);
    case OPT_METRIC:
        return mlf__option_add(value, &out->rules, &out->n_rules, &out->cap_rules);
    case OPT_PARSE:
        return mlf__parse_mode_read(value, &out->parse);
    case OPT_STEP:
        out->step_rule = value;
        return MLF_OK;
    case OPT_IGNORE:
        return mlf__option_add(value, &out->ignore, &out->n_ignore, &out->cap_ignore);
    case OPT_STOP_WHEN:
        mlf__stop_when_free(out->stop_when);
        return mlf__stop_when_parse(value, &out->stop_when);
    case OPT_LINE_BUFFERED:
        out->line_buffered = true;
        return MLF_OK;
    case OPT_FORCE_DIRECT:
        /* By the environment, since the command may open the store too. */
        return setenv(mlf__env_name(MLF__ENV_MLF_FORCE_DIRECT), "1", 1) == 0 ? MLF_OK
                                                                             : MLF_ERR_NOMEM;
    case OPT_NO_HOOKS:
        out->hooks = false;
        return MLF_OK;
    case OPT_NO_CAPTURE:
        out->capture = false;
        return MLF_OK;
    case OPT_SUMMARY:
        out->summary = true;
        return MLF_OK;
    case OPT_QUIET:
        out->quiet = true;
        return MLF_OK;
    case OPT_JSON:
        out->json = true;
        return MLF_OK;
    default:
        return mlf__fail(MLF_ERR_INVAL, "option %d is unknown", option);
    }
}

void mlf__run_options_init(struct mlf__run_options *out)
{
    *out = (struct mlf__run_options){.parse = default_parse, .hooks = true, .capture = true};
}

mlf_status mlf__run_options_take(struct mlf__run_options *out, const char *name, const char *value)
{
    for (size_t i = 0; long_options[i].name != NULL; i++)
        if (strcmp(long_options[i].name, name) == 0)
            return take_option(out, long_options[i].val, value);
    return mlf__fail(MLF_ERR_INVAL, "there is no option --%s", name);
}

int mlf__run_options_parse(int argc, char **argv, struct mlf__run_options *out, bool *done)
{
    mlf__run_options_init(out);
    *done = true;
    /* '+': everything from the first word that is no option belongs to the command. */
    for (int option; (option = getopt_long(argc, argv, "+", long_options, NULL)) != -1;) {
        if (option == OPT_HELP)
            return mlf__cli_help(help);
        if (option == '?')
            return mlf__cli_usage_hint(MLF__EXIT_RUN_USAGE, "mlf run");
        if (take_option(out, option, optarg) != MLF_OK)
            return mlf__cli_usage(MLF__EXIT_RUN_USAGE, "mlf run", "%s", mlf__errmsg());
    }
    if (optind >= argc)
        return mlf__cli_usage(MLF__EXIT_RUN_USAGE, "mlf run", "a command to run is missing");
    if (!out->capture && out->n_rules > 0)
        return mlf__cli_usage(MLF__EXIT_RUN_USAGE, "mlf run",
                              "--metric reads the output, which --no-capture leaves alone");
    if (check_params(out) != MLF_OK)
        return mlf__cli_usage(MLF__EXIT_RUN_USAGE, "mlf run", "%s", mlf__errmsg());
    out->command = argv + optind;
    out->n_command = (size_t)(argc - optind);
    *done = false;
    return 0;
}

static void free_pairs(struct mlf__pair *pairs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        mlf__free(pairs[i].key);
        mlf__free(pairs[i].value);
    }
    mlf__free(pairs);
}

void mlf__run_options_free(struct mlf__run_options *options)
{
    free_pairs(options->tags, options->n_tags);
    free_pairs(options->params, options->n_params);
    mlf__free(options->rules);
    mlf__free(options->ignore);
    mlf__stop_when_free(options->stop_when);
    *options = (struct mlf__run_options){0};
}

/* ---- the run ---- */

static mlf_status set_experiment(const struct mlf__run_options *options, struct mlf__config *out)
{
    const char *name = options->experiment != NULL ? options->experiment
                                                   : mlf__env(MLF__ENV_MLFLOW_EXPERIMENT_NAME);
    const char *id = mlf__env(MLF__ENV_MLFLOW_EXPERIMENT_ID);

    if (*name != '\0') {
        mlf_status status = mlf__check_experiment_name(name);
        if (status != MLF_OK)
            return status;
        if (!mlf__copy_text(out->experiment_name, sizeof(out->experiment_name), name))
            return mlf__fail(MLF_ERR_INVAL, "the experiment's name is too long");
        return MLF_OK;
    }
    if (id[strspn(id, "0123456789")] != '\0' ||
        !mlf__copy_text(out->experiment_id, sizeof(out->experiment_id), id))
        return mlf__fail(MLF_ERR_INVAL, "MLFLOW_EXPERIMENT_ID: '%s' is no experiment's id", id);
    return MLF_OK;
}

mlf_status mlf__run_options_config(const struct mlf__run_options *options, struct mlf__config *out)
{
    char *uri = NULL;

    memset(out, 0, sizeof(*out));
    mlf_status status = mlf__cli_store_uri(options->tracking_uri, &uri);
    if (status != MLF_OK)
        return status;
    bool fits = mlf__copy_text(out->tracking_uri, sizeof(out->tracking_uri), uri);
    mlf__free(uri);
    if (!fits)
        return mlf__fail(MLF_ERR_INVAL, "the store's URI is too long");
    status = set_experiment(options, out);
    if (status != MLF_OK)
        return status;
    if (getcwd(out->cwd, sizeof(out->cwd)) == NULL)
        mlf__copy_text(out->cwd, sizeof(out->cwd), "/");
    char id[MLF__ID_SIZE];
    mlf__new_id(id);
    mlf__copy_text(out->run_id, sizeof(out->run_id), id);
    out->start_ns = mlf__now_ns();
    out->flags = MLF__CONFIG_LAUNCHER;
    return MLF_OK;
}
