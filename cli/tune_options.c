/* SPDX-License-Identifier: Apache-2.0 */
/* Wrong usage is found here, while nothing has started: the message names the option and what it takes. */
#include "cli/tune_options.h"

#include "autolog/cmdline.h"
#include "cli/cli.h"
#include "cli/tune_resume.h"
#include "cli/tune_usage.h"
#include "core/mem.h"
#include "tracking/names.h"

#include <math.h>
#include <string.h>
#include <strings.h>

/* ---- numbers with units ---- */

/* The number at |*text|, which moves behind it; not negative. */
static bool take_number(const char **text, double *out)
{
    char digits[32];
    size_t len = strspn(*text, "0123456789.");

    if (len == 0 || len >= sizeof(digits))
        return false;
    memcpy(digits, *text, len);
    digits[len] = '\0';
    *text += len;
    return mlf__parse_double(digits, out);
}

bool mlf__tune_parse_duration(const char *text, int64_t *ms)
{
    /* Longer names before those that they begin with. */
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"ms", 1}, {"min", 60e3}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}, {"d", 86400e3}};
    double sum = 0, number;

    do {
        if (!take_number(&text, &number))
            return false;
        double unit = *text == '\0' ? 1e3 : 0;
        for (size_t i = 0; unit == 0 && i < MLF__ARRAY_LEN(units); i++) {
            if (strncmp(text, units[i].name, strlen(units[i].name)) != 0)
                continue;
            unit = units[i].ms;
            text += strlen(units[i].name);
        }
        if (unit == 0)
            return false;
        sum += number * unit;
    } while (*text != '\0');
    /* A hundred years: what is more is a slip. */
    if (!(sum >= 1 && sum < 100 * 366 * 86400e3))
        return false;
    *ms = (int64_t)sum;
    return true;
}

bool mlf__tune_parse_size(const char *text, uint64_t *bytes)
{
    static const char units[] = "KMGT";
    double number;

    if (!take_number(&text, &number))
        return false;
    const char *unit = *text != '\0' ? strchr(units, *text) : NULL;
    if (unit != NULL) {
        number = ldexp(number, 10 * (int)(unit - units + 1));
        text++;
    }
    text += *text == 'i' && unit != NULL;
    text += *text == 'B';
    if (*text != '\0' || !(number >= 1 && number < 9e18))
        return false;
    *bytes = (uint64_t)number;
    return true;
}

/* ---- values ---- */

static mlf_status take_count(const char *option, const char *value, int64_t low, int64_t high,
                             int64_t *out)
{
    if (mlf__parse_i64(value, out) && *out >= low && *out <= high)
        return MLF_OK;
    return mlf__fail(MLF_ERR_INVAL, "--%s takes a number from %lld to %lld, not '%s'", option,
                     (long long)low, (long long)high, value);
}

static mlf_status take_duration(const char *option, const char *value, int64_t *out)
{
    if (mlf__tune_parse_duration(value, out))
        return MLF_OK;
    return mlf__fail(MLF_ERR_INVAL, "--%s takes a time such as 90s, 15m or 1h30m, not '%s'", option,
                     value);
}

/* The index of |value| in |names|, "a|b|c". */
static mlf_status take_choice(const char *option, const char *value, const char *names, int *out)
{
    const char *at = names;

    for (*out = 0;; (*out)++) {
        size_t len = strcspn(at, "|");
        if (len == strlen(value) && memcmp(at, value, len) == 0)
            return MLF_OK;
        if (at[len] == '\0')
            return mlf__fail(MLF_ERR_INVAL, "--%s takes one of %s, not '%s'", option, names, value);
        at += len + 1;
    }
}

static mlf_status add_objective(struct mlf__tune_options *out, const char *name,
                                mlf_direction direction)
{
    if (*name == '\0')
        return mlf__fail(MLF_ERR_INVAL, "the name of the objective is missing");
    if (out->n_objectives == MLF__OBJECTIVES_MAX)
        return mlf__fail(MLF_ERR_INVAL, "there can be at most %d objectives", MLF__OBJECTIVES_MAX);
    out->metrics[out->n_objectives] = name;
    out->directions[out->n_objectives++] = direction;
    return MLF_OK;
}

static mlf_status add_param(struct mlf__tune_options *out, const char *text)
{
    const char *equals = strchr(text, '=');

    if (equals == NULL || equals == text)
        return mlf__fail(MLF_ERR_INVAL, "-p takes NAME=SPEC, not '%s'", text);
    char *name = mlf__strndup(text, (size_t)(equals - text));
    if (name == NULL)
        return MLF_ERR_NOMEM;
    mlf_status status = strpbrk(name, "{}") != NULL
                            ? mlf__fail(MLF_ERR_INVAL, "'%s': a name has no braces", name)
                            : mlf__tune_space_add(&out->space, name, equals + 1);
    mlf__free(name);
    return status;
}

static mlf_status take_seed(const char *value, uint64_t *out)
{
    int64_t seed = 0;
    mlf_status status = take_count("seed", value, 0, INT64_MAX, &seed);

    *out = (uint64_t)seed;
    return status;
}

/* --resume STUDY in two words: only where -- tells that the second is not the command, or where no command can
 * follow, since nothing has said what is sought. */
static const char *next_word(const struct mlf__tune_options *out, int argc, char **argv)
{
    if (optind >= argc || argv[optind][0] == '-')
        return NULL;
    if (out->n_objectives == 0)
        return argv[optind++];
    for (int i = optind + 1; i < argc; i++)
        if (strcmp(argv[i], "--") == 0)
            return argv[optind++];
    return NULL;
}

/* ---- options ---- */

static mlf_status take_limit(struct mlf__tune_options *out, int option, const char *value)
{
    int64_t jobs = 0;
    mlf_status status;

    switch (option) {
    case 'j':
        status = take_count("jobs", value, 1, 1024, &jobs);
        out->jobs = (int)jobs;
        return status;
    case MLF__TUNE_TRIALS:
        return take_count("trials", value, 1, 1000000000, &out->trials);
    case MLF__TUNE_RETRIES:
        return take_count("retries", value, 0, 1000, &out->retries);
    case MLF__TUNE_SEED:
        return take_seed(value, &out->seed);
    case MLF__TUNE_TIMEOUT:
        return take_duration("timeout", value, &out->timeout_ms);
    case MLF__TUNE_TRIAL_TIMEOUT:
        return take_duration("trial-timeout", value, &out->trial_timeout_ms);
    case MLF__TUNE_GRACE:
        return take_duration("grace", value, &out->grace_ms);
    case MLF__TUNE_MEMORY:
        if (mlf__tune_parse_size(value, &out->memory_limit))
            return MLF_OK;
        return mlf__fail(MLF_ERR_INVAL, "--limit-memory takes a size such as 512M or 2G, not '%s'",
                         value);
    default:
        return mlf__fail(MLF_ERR_INVAL, "option %d is unknown", option);
    }
}

static mlf_status take_study(struct mlf__tune_options *out, int option, const char *value)
{
    int choice = 0;
    mlf_status status = MLF_OK;

    switch (option) {
    case 'p':
        return add_param(out, value);
    case MLF__TUNE_MINIMIZE:
        return add_objective(out, value, MLF_MINIMIZE);
    case MLF__TUNE_MAXIMIZE:
        return add_objective(out, value, MLF_MAXIMIZE);
    case MLF__TUNE_VALUE:
        status = take_choice("value", value, "last|min|max", &choice);
        out->value = (enum mlf__tune_value)choice;
        return status;
    case MLF__TUNE_ON_FAIL:
        status = take_choice("on-fail", value, "skip|worst|stop", &choice);
        out->on_fail = (enum mlf__on_fail)choice;
        return status;
    case MLF__TUNE_SAMPLER:
        out->sampler = value;
        return MLF_OK;
    case MLF__TUNE_PRUNER:
        out->pruner = value;
        return MLF_OK;
    case MLF__TUNE_ENQUEUE:
        out->enqueue = value;
        return MLF_OK;
    case MLF__TUNE_STOP_WHEN:
        mlf__stop_when_free(out->stop_when);
        return mlf__stop_when_parse(value, &out->stop_when);
    case MLF__TUNE_ENV:
        return mlf__tune_command_add_env(&out->command, &out->space, value);
    case MLF__TUNE_TEMPLATE:
        return mlf__tune_command_add_template(&out->command, &out->space, value);
    case MLF__TUNE_STUDY:
        out->study = value;
        return MLF_OK;
    default:
        return take_limit(out, option, value);
    }
}

static mlf_status take_option(struct mlf__tune_options *out, int option, const char *value)
{
    switch (option) {
    case MLF__TUNE_URI:
        return mlf__run_options_take(&out->run, "tracking-uri", value);
    case MLF__TUNE_EXPERIMENT:
        return mlf__run_options_take(&out->run, "experiment", value);
    case MLF__TUNE_TAG:
        return mlf__run_options_take(&out->run, "tag", value);
    case MLF__TUNE_METRIC:
        return mlf__run_options_take(&out->run, "metric", value);
    case MLF__TUNE_PARSE:
        return mlf__run_options_take(&out->run, "parse", value);
    case MLF__TUNE_STEP:
        return mlf__run_options_take(&out->run, "step", value);
    case MLF__TUNE_IGNORE:
        return mlf__run_options_take(&out->run, "ignore", value);
    case MLF__TUNE_NO_HOOKS:
        return mlf__run_options_take(&out->run, "no-hooks", value);
    case MLF__TUNE_QUIET:
        return mlf__run_options_take(&out->run, "quiet", value);
    case MLF__TUNE_JSON:
        return mlf__run_options_take(&out->run, "json", value);
    case MLF__TUNE_SHELL:
        out->command.shell = true;
        return MLF_OK;
    case MLF__TUNE_DRY_RUN:
        out->dry_run = true;
        return MLF_OK;
    case MLF__TUNE_CHECK:
        out->check = true;
        return MLF_OK;
    case MLF__TUNE_VERBOSE:
        out->verbose = true;
        return MLF_OK;
    default:
        return take_study(out, option, value);
    }
}

/* ---- the whole ---- */

static bool names_equal(const char *a, const char *b)
{
    return strcasecmp(a, b) == 0;
}

/* A study of the same kind, which keeps nothing: what it refuses, the study would refuse. */
static mlf_status check_study(const struct mlf__tune_options *options)
{
    mlf_study_options study = MLF_STUDY_OPTIONS_INIT;
    mlf_study *made = NULL;

    for (size_t i = 0; i < options->n_objectives; i++)
        for (size_t j = 0; j < i; j++)
            if (names_equal(options->metrics[i], options->metrics[j]))
                return mlf__fail(MLF_ERR_INVAL, "'%s' is an objective twice", options->metrics[i]);
    study.metrics = options->metrics;
    study.directions = options->directions;
    study.n_objectives = options->n_objectives;
    study.sampler = options->sampler;
    study.pruner = options->pruner != NULL ? options->pruner : "none";
    study.in_memory = true;
    mlf_status status = mlf_study_create(&study, &made);
    mlf_study_destroy(made);
    return status;
}

static mlf_status check_all(struct mlf__tune_options *options)
{
    const char *common;

    if (options->n_objectives == 0 && !options->dry_run && !options->check)
        return mlf__fail(MLF_ERR_INVAL, "the objective is missing: --minimize METRIC or --maximize "
                                        "METRIC (--check shows which metrics there are)");
    mlf_status status = mlf__tune_command_check(&options->command, &options->space);
    if (status != MLF_OK)
        return status;
    common = options->jobs > 1 ? mlf__tune_command_common_file(&options->command) : NULL;
    if (common != NULL)
        return mlf__fail(MLF_ERR_INVAL,
                         "--template %s is written to one path for all trials, but "
                         "--jobs %d runs several at once: put {workdir}, {trial} or "
                         "{slot} into it",
                         common, options->jobs);
    if (options->n_objectives > 1 && options->pruner != NULL &&
        strcmp(options->pruner, "none") != 0)
        return mlf__fail(MLF_ERR_INVAL, "--pruner needs one objective, and there are %zu",
                         options->n_objectives);
    return check_study(options);
}

static mlf_status take_command(struct mlf__tune_options *out)
{
    mlf_status status = MLF_OK;

    for (int i = out->n_own; status == MLF_OK && i < out->argc; i++)
        status = mlf__tune_command_add_word(&out->command, &out->space, out->argv[i]);
    return status;
}

static int usage(void)
{
    return mlf__cli_usage(MLF__EXIT_USAGE, "mlf tune", "%s", mlf__errmsg());
}

/* May it be given several times, each adding something? */
static bool adds_up(int option)
{
    static const int all[] = {
        'p',           MLF__TUNE_MINIMIZE, MLF__TUNE_MAXIMIZE, MLF__TUNE_ENV, MLF__TUNE_TEMPLATE,
        MLF__TUNE_TAG, MLF__TUNE_METRIC,   MLF__TUNE_IGNORE};

    for (size_t i = 0; i < MLF__ARRAY_LEN(all); i++)
        if (option == all[i])
            return true;
    return false;
}

static mlf_status note_given(struct mlf__tune_options *out, int option, const char *value)
{
    const struct option *known = mlf__tune_long_options;
    size_t n = 0;

    while (known->name != NULL && known->val != option)
        known++;
    for (size_t i = 0; i < out->n_given; i++)
        if (out->given[i].option != known || adds_up(option))
            out->given[n++] = out->given[i];
    out->n_given = n;
    mlf_status status =
        mlf__grow((void **)&out->given, &out->cap_given, n + 1, sizeof(*out->given));
    if (status == MLF_OK)
        out->given[out->n_given++] = (struct mlf__tune_given){known, value};
    return status;
}

/* The options up to the command. */
static int take_options(int argc, char **argv, struct mlf__tune_options *out, bool *done)
{
    *out = (struct mlf__tune_options){.jobs = 1, .grace_ms = 5000};
    mlf__run_options_init(&out->run);
    out->run.parse = MLF__PARSE_LIKELY;
    out->argv = argv;
    out->argc = argc;
    *done = true;
    /* '+': everything from the first word that is no option belongs to the command. */
    for (int option;
         (option = getopt_long(argc, argv, "+p:j:", mlf__tune_long_options, NULL)) != -1;) {
        if (option == MLF__TUNE_HELP)
            return mlf__cli_help(mlf__tune_help);
        if (option == '?')
            return mlf__cli_usage_hint(MLF__EXIT_USAGE, "mlf tune");
        if (option == MLF__TUNE_RESUME) {
            out->resume = true;
            out->resumed = optarg != NULL ? optarg : next_word(out, argc, argv);
        } else if (take_option(out, option, optarg != NULL ? optarg : "") != MLF_OK ||
                   note_given(out, option, optarg) != MLF_OK) {
            return usage();
        }
    }
    out->n_own = optind;
    *done = false;
    return 0;
}

/* Without a command: the study's own, and its options, with those that were given now. */
static int recall(struct mlf__tune_options *out, bool *done)
{
    char **words = NULL;
    int n = 0;

    *done = true;
    for (size_t i = 0; i < out->n_given; i++)
        if (out->given[i].option->val == 'p' || out->given[i].option->val == MLF__TUNE_MINIMIZE ||
            out->given[i].option->val == MLF__TUNE_MAXIMIZE)
            return mlf__cli_usage(MLF__EXIT_USAGE, "mlf tune",
                                  "a command to run is missing (without one --resume takes the "
                                  "study's, whose --%s stays as it is)",
                                  out->given[i].option->name);
    if (mlf__tune_recall(out, &words, &n) != MLF_OK) {
        mlf__cli_say("%s", mlf__errmsg());
        return MLF__EXIT_FAILED;
    }
    /* What runs now comes from the store: it is said. */
    char *line =
        !out->run.quiet ? mlf__cmdline_text((size_t)n - 1, (const char *const *)words + 1) : NULL;
    if (line != NULL)
        mlf__cli_say("goes on with: mlf tune %s", line);
    mlf__free(line);
    mlf__tune_options_free(out);
    optind = 0; /* from the first word again, in another vector */
    int code = take_options(n, words, out, done);
    out->recalled = words;
    return code;
}

int mlf__tune_options_parse(int argc, char **argv, struct mlf__tune_options *out, bool *done)
{
    int code = take_options(argc, argv, out, done);

    if (!*done && out->n_own >= argc && out->resume)
        code = recall(out, done);
    if (*done)
        return code;
    *done = true;
    if (out->n_own >= out->argc)
        return mlf__cli_usage(MLF__EXIT_USAGE, "mlf tune", "a command to run is missing");
    if (take_command(out) != MLF_OK || check_all(out) != MLF_OK)
        return usage();
    if (out->trials == 0 && out->timeout_ms == 0)
        out->trials = 100;
    *done = false;
    return 0;
}

void mlf__tune_options_free(struct mlf__tune_options *options)
{
    mlf__run_options_free(&options->run);
    mlf__tune_space_free(&options->space);
    mlf__tune_command_free(&options->command);
    mlf__stop_when_free(options->stop_when);
    mlf__free(options->given);
    mlf__argv_free(options->recalled);
    *options = (struct mlf__tune_options){0};
}
