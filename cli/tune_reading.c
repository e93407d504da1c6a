/* SPDX-License-Identifier: Apache-2.0 */
/* Program, hooks and recogniser of a tuning. An objective whose name no tier of the recogniser takes for a metric's
 * gets a rule of its own: whoever names it knows that it is one. */
#include "cli/tune_reading.h"

#include "autolog/cmdline.h"
#include "autolog/lexicon.h"
#include "cli/capture.h"
#include "cli/cli.h"
#include "cli/tune_objective.h"
#include "core/mem.h"
#include "tracking/names.h"

#include <string.h>

int mlf__tune_find_program(const struct mlf__tune_options *options, struct mlf__program *out)
{
    char shell[] = "/bin/sh", *name = shell;
    struct mlf__buf word = {0};
    struct mlf__tune_values nothing = {.workdir = ""};

    *out = (struct mlf__program){0};
    if (!options->command.shell && !mlf__tune_command_is_fixed(&options->command))
        return 0;
    if (!options->command.shell) {
        mlf__tune_text_render(&options->command.words[0], &nothing, false, &word);
        name = word.data;
    }
    int code = name != NULL ? mlf__program_find(name, out) : MLF__EXIT_FAILED;
    mlf__buf_free(&word);
    if (code != 0)
        mlf__cli_say("%s", mlf__errmsg());
    return code;
}

mlf_status mlf__tune_find_hooks(const struct mlf__tune_options *options,
                                const struct mlf__program *program, char out[MLF__PATH_SIZE])
{
    out[0] = '\0';
    if (!options->run.hooks || mlf__program_why_not(program->kind) != NULL)
        return MLF_OK;
    return mlf__capture_hooks(out);
}

/* Is there a rule of the user's for the metric |name|? */
static bool has_rule(const struct mlf__tune_options *options, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < options->run.n_rules; i++)
        if (strncmp(options->run.rules[i], name, len) == 0 && options->run.rules[i][len] == '=')
            return true;
    return false;
}

/* A rule that finds "name 1", "name: 1", "NAME = 1", with the step before it, if the line has one. Words of the name are
 * joined by anything. NULL: no memory. */
static char *make_rule(const char *name)
{
    struct mlf__buf rule = {0};

    mlf__buf_printf(
        &rule,
        "%s=(?i)(?:\\b(?:epoch|step|iteration|iter|round)\\b\\W{0,4}(?<step>\\d+)\\b.*?)?"
        "(?<![\\w.])",
        name);
    for (; *name != '\0'; name++) {
        if (*name == '_')
            mlf__buf_puts(&rule, "[\\s_-]+");
        else
            mlf__buf_printf(&rule, strchr("./-", *name) != NULL ? "\\%c" : "%c", *name);
    }
    mlf__buf_puts(&rule, "[\"']?\\s*(?:[:=]|\\bis\\b|\\s)\\s*\\value");
    return mlf__buf_take(&rule);
}

/* The rules of the objectives, behind the user's. */
static mlf_status add_rules(const struct mlf__tune_options *options, struct mlf__tune_reading *out)
{
    struct mlf__lexicon lexicon;
    size_t n = 0, n_rules = options->run.n_rules;

    mlf__lexicon_fill(&lexicon);
    out->rules = mlf__zalloc(n_rules + options->n_objectives + 1, sizeof(*out->rules));
    out->own = mlf__zalloc(options->n_objectives + 1, sizeof(*out->own));
    if (out->rules == NULL || out->own == NULL)
        return MLF_ERR_NOMEM;
    for (size_t i = 0; i < n_rules; i++)
        out->rules[i] = options->run.rules[i];
    for (size_t i = 0; i < options->n_objectives; i++) {
        const char *given = options->metrics[i], *word;
        char *name = mlf__normalise_name(given, strlen(given));
        if (name == NULL)
            return MLF_ERR_NOMEM;
        /* A rule takes the whole of a record: then it has to give the other objectives in it, too. */
        bool told =
            options->n_objectives == 1 && options->run.parse >= MLF__PARSE_LIKELY &&
            (mlf__lexicon_words(&lexicon, name, strlen(name), &word) & MLF__WORD_METRIC) != 0;
        bool known = told || mlf__tune_is_measured_by_us(name) || has_rule(options, given) ||
                     has_rule(options, name);
        if (!known && *name != '\0') {
            out->own[n] = make_rule(name);
            out->rules[n_rules++] = out->own[n++];
        }
        mlf__free(name);
        if (n > 0 && out->own[n - 1] == NULL)
            return MLF_ERR_NOMEM;
    }
    out->options.rules = out->rules;
    out->options.n_rules = n_rules;
    return MLF_OK;
}

static void ignore_hit(const struct mlf__hit *hit, void *user)
{
    (void)hit;
    (void)user;
}

mlf_status mlf__tune_reading_make(const struct mlf__tune_options *options,
                                  struct mlf__tune_reading *out)
{
    const char *params[MLF__TUNE_PARAMS_MAX];
    struct mlf__tune_values values = {.params = params, .workdir = ""};
    struct mlf__tune_rendered rendered;
    struct mlf__recogniser *made = NULL;
    size_t argc = 0;

    *out = (struct mlf__tune_reading){0};
    /* Only the program's name is looked at: the values do not matter. */
    for (size_t i = 0; i < MLF__TUNE_PARAMS_MAX; i++)
        params[i] = "0";
    mlf_status status = mlf__tune_command_render(&options->command, &values, &rendered);
    if (status != MLF_OK)
        return status;
    status =
        mlf__cmdline_strip(rendered.argc, (const char *const *)rendered.argv, &out->argv, &argc);
    mlf__tune_rendered_free(&rendered);
    if (status == MLF_OK)
        status = add_rules(options, out);
    if (status != MLF_OK)
        return status;
    out->options.mode = options->run.parse;
    out->options.argv = (const char *const *)out->argv;
    out->options.argc = argc;
    out->options.by_signature = true;
    out->options.step = options->run.step_rule;
    out->options.ignore = options->run.ignore;
    out->options.n_ignore = options->run.n_ignore;
    status = mlf__recogniser_create(&out->options, ignore_hit, NULL, &made);
    mlf__recogniser_destroy(made);
    return status;
}

void mlf__tune_reading_free(struct mlf__tune_reading *reading)
{
    mlf__argv_free(reading->argv);
    mlf__argv_free(reading->own);
    mlf__free(reading->rules);
    *reading = (struct mlf__tune_reading){0};
}
