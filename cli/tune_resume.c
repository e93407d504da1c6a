/* SPDX-License-Identifier: Apache-2.0 */
/* A study's command line is kept as a tag of its run. Secrets never get there, so that a line with one is not kept. */
#include "cli/tune_resume.h"

#include "autolog/cmdline.h"
#include "cli/cli.h"
#include "cli/tune_usage.h"
#include "core/buf.h"
#include "core/mem.h"
#include "tracking/names.h"
#include "tuner/study_log_parts.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

enum {
    WORDS_MAX = MLF__TAG_VALUE_MAX / 2, /* each takes three bytes of the tag at least */
    OPTION_SIZE = 32                    /* "--NAME" */
};

static const char has_secrets[] = "it has secrets, which are never kept";
static const char is_long[] = "it is too long to be kept";

/* ---- keeping ---- */

static size_t count_masks(const char *text)
{
    size_t n = 0;

    for (; (text = strstr(text, "***")) != NULL; text += strlen("***"))
        n++;
    return n;
}

/* Would the line that is shown mask any of the words? */
static bool masks_any(size_t n, const char *const *words)
{
    char *text = mlf__cmdline_text(n, words);
    size_t own = 0;

    for (size_t i = 0; i < n; i++)
        own += count_masks(words[i]);
    bool masks = text == NULL || count_masks(text) != own;
    mlf__free(text);
    return masks;
}

/* What says how this command shows things and where the store is, and what a study has had already. */
static bool is_passing(int option)
{
    return option == MLF__TUNE_QUIET || option == MLF__TUNE_JSON || option == MLF__TUNE_VERBOSE ||
           option == MLF__TUNE_URI || option == MLF__TUNE_ENQUEUE;
}

/* The words to keep, borrowed from |options|, and from |names|, which has room for the names of options. */
static size_t collect(const struct mlf__tune_options *options, const char **words,
                      char (*names)[OPTION_SIZE])
{
    size_t n = 0;

    for (size_t i = 0; i < options->n_given; i++) {
        const struct mlf__tune_given *given = &options->given[i];
        if (is_passing(given->option->val))
            continue;
        snprintf(names[i], OPTION_SIZE, "--%s", given->option->name);
        words[n++] = names[i];
        if (given->value != NULL)
            words[n++] = given->value;
    }
    words[n++] = "--";
    for (int i = options->n_own; i < options->argc; i++)
        words[n++] = options->argv[i];
    return n;
}

static char *print_json(cJSON *json)
{
    char *text = cJSON_PrintUnformatted(json);
    char *copy = text != NULL ? mlf__strdup(text) : NULL;

    cJSON_free(text);
    cJSON_Delete(json);
    return copy;
}

char *mlf__tune_words_text(const struct mlf__tune_options *options)
{
    size_t room = 2 * options->n_given + (size_t)(options->argc - options->n_own) + 1;
    const char **words = mlf__zalloc(room, sizeof(*words));
    char(*names)[OPTION_SIZE] = mlf__zalloc(options->n_given + 1, sizeof(*names));
    char *text = NULL;

    if (words != NULL && names != NULL) {
        size_t n = collect(options, words, names);
        const char *why = n > WORDS_MAX ? is_long : masks_any(n, words) ? has_secrets : NULL;
        text = print_json(why != NULL ? cJSON_CreateString(why)
                                      : cJSON_CreateStringArray(words, (int)n));
        if (text != NULL && strlen(text) > MLF__TAG_VALUE_MAX) {
            mlf__free(text);
            text = print_json(cJSON_CreateString(is_long));
        }
    }
    mlf__free(names);
    mlf__free(words);
    return text;
}

/* ---- recalling ---- */

static mlf_status cannot(const char *why)
{
    return mlf__fail(MLF_ERR_INVAL,
                     "the study's command line is not known: %s; give the command and its options "
                     "behind --resume",
                     why);
}

mlf_status mlf__tune_words_parse(const char *text, char ***out, int *n)
{
    cJSON *array = cJSON_ParseWithOpts(text, NULL, true);
    int size = cJSON_IsArray(array) ? cJSON_GetArraySize(array) : 0;
    const char *why = cJSON_IsString(array) && strcmp(array->valuestring, is_long) == 0 ? is_long
                      : cJSON_IsString(array) && strcmp(array->valuestring, has_secrets) == 0
                          ? has_secrets
                          : "its tag " MLF__TUNE_TAG_ARGV " cannot be read";
    bool whole = size > 1 && size <= WORDS_MAX;
    const cJSON *item;

    *out = NULL;
    *n = 0;
    cJSON_ArrayForEach(item, array) whole = whole && cJSON_IsString(item);
    if (!whole) {
        mlf_status status = cannot(why);
        cJSON_Delete(array);
        return status;
    }
    char **words = mlf__zalloc((size_t)size + 2, sizeof(*words));
    bool done = words != NULL && (words[(*n)++] = mlf__strdup("mlf tune")) != NULL;
    cJSON_ArrayForEach(item, array) done = done && (words[(*n)++] = mlf__strdup(item->valuestring));
    cJSON_Delete(array);
    if (done) {
        *out = words;
        return MLF_OK;
    }
    mlf__argv_free(words);
    return MLF_ERR_NOMEM;
}

mlf_status mlf__tune_find_study(const struct mlf__tune_options *options,
                                const struct mlf__config *config, struct mlf__store *store,
                                char run_id[MLF__ID_SIZE])
{
    const char *which = options->resumed != NULL          ? options->resumed
                        : options->study != NULL          ? options->study
                        : options->n_own == options->argc ? "" /* no command: the latest study */
                                                          : MLF__TUNE_DEFAULT_STUDY;
    mlf_experiment experiment = {0};
    const char *experiment_id = config->experiment_id[0] != '\0' ? config->experiment_id : "0";
    mlf_status status = MLF_OK;

    if (config->experiment_name[0] != '\0') {
        status = store->ops->experiment_by_name(store, config->experiment_name, &experiment);
        experiment_id = experiment.id;
    }
    if (status == MLF_OK)
        status = mlf__study_find(store, which, experiment_id, run_id);
    mlf_experiment_free(&experiment);
    return status;
}

static mlf_status read_words(struct mlf__store *store, const char *run_id, char ***out, int *n)
{
    mlf_run_record run = {0};
    const char *text = NULL;
    mlf_status status = store->ops->run_get(store, run_id, &run);

    if (status != MLF_OK)
        return status;
    for (size_t i = 0; i < run.n_tags; i++)
        if (strcmp(run.tags[i].key, MLF__TUNE_TAG_ARGV) == 0)
            text = run.tags[i].value;
    status =
        text != NULL ? mlf__tune_words_parse(text, out, n) : cannot("it was not begun by mlf tune");
    mlf_run_record_free(&run);
    return status;
}

static bool add(char **words, size_t *n, const char *option, const char *between, const char *value)
{
    struct mlf__buf text = {0};

    mlf__buf_printf(&text, "%s%s%s", option, between, value);
    if (!text.failed)
        words[(*n)++] = text.data;
    return !text.failed;
}

/* |kept|, with the options of |options| where its command begins: what is said last counts. */
static mlf_status merge(const struct mlf__tune_options *options, const char *run_id, size_t n_kept,
                        char **kept, char ***out)
{
    char **words = mlf__zalloc(n_kept + options->n_given + 2, sizeof(*words));
    size_t at = 0, n = 0;
    bool done = words != NULL;

    for (; done && at < n_kept && strcmp(kept[at], "--") != 0; at++)
        done = add(words, &n, kept[at], "", "");
    for (size_t i = 0; done && i < options->n_given; i++) {
        const struct mlf__tune_given *given = &options->given[i];
        char name[OPTION_SIZE];
        snprintf(name, sizeof(name), "--%s", given->option->name);
        done = add(words, &n, name, given->value != NULL ? "=" : "",
                   given->value != NULL ? given->value : "");
    }
    done = done && add(words, &n, "--resume", "=", run_id);
    for (; done && at < n_kept; at++)
        done = add(words, &n, kept[at], "", "");
    if (!done) {
        mlf__argv_free(words);
        return MLF_ERR_NOMEM;
    }
    *out = words;
    return MLF_OK;
}

mlf_status mlf__tune_recall(const struct mlf__tune_options *options, char ***out, int *n)
{
    struct mlf__config *config = mlf__zalloc(1, sizeof(*config));
    struct mlf__store *store = NULL;
    char run_id[MLF__ID_SIZE], **kept = NULL;

    *out = NULL;
    *n = 0;
    mlf_status status =
        config != NULL ? mlf__run_options_config(&options->run, config) : MLF_ERR_NOMEM;
    if (status == MLF_OK)
        status = mlf__cli_open_store(config->tracking_uri, &store);
    if (status == MLF_OK)
        status = mlf__tune_find_study(options, config, store, run_id);
    if (status == MLF_OK)
        status = read_words(store, run_id, &kept, n);
    if (status == MLF_OK)
        status = merge(options, run_id, (size_t)*n, kept, out);
    if (status == MLF_OK)
        *n += (int)options->n_given + 1;
    mlf__argv_free(kept);
    mlf__store_close(store);
    mlf__free(config);
    return status;
}
