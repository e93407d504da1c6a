/* SPDX-License-Identifier: Apache-2.0 */
/* Params: explicit ones are written at once, automatic ones wait until the training has shown what it
 * really uses; then one value per name is written, from the most trustworthy source. */
#include "autolog/apply.h"

#include "autolog/cmdline.h"
#include "autolog/presets.h"
#include "core/buf.h"
#include "core/mem.h"
#include "core/sys.h"
#include "tracking/names.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MAX_HELD = 1000 };

struct mlf__held_param {
    char *key;
    char *value;
    int source;
    int32_t pid;
    bool written; /* in the transaction that is going on */
    bool fresh;   /* held since the last commit: when that fails, its event comes again */
};

static const char *source_name(int source)
{
    static const char *const names[] = {"explicit", "adapter", "getopt",
                                        "cmdline",  "config",  "printed"};
    return source >= 0 && (size_t)source < MLF__ARRAY_LEN(names) ? names[source] : "other";
}

static void drop(struct mlf__held_param *param)
{
    mlf__free(param->key);
    mlf__free(param->value);
}

void mlf__params_free(struct mlf__run_state *run)
{
    for (size_t i = 0; i < run->n_held; i++)
        drop(&run->held[i]);
    mlf__free(run->held);
    run->held = NULL;
    run->n_held = 0;
}

void mlf__params_settle(struct mlf__run_state *run, bool committed)
{
    size_t kept = 0;
    for (size_t i = 0; i < run->n_held; i++) {
        if (committed ? run->held[i].written : run->held[i].fresh) {
            drop(&run->held[i]);
            continue;
        }
        run->held[i].written = run->held[i].fresh = false;
        run->held[kept++] = run->held[i];
    }
    run->n_held = run->n_waiting = kept;
    if (kept == 0)
        run->held_since_ns = 0;
    if (committed) {
        run->params_committed = run->params_open;
        run->command_line_committed = run->command_line_held;
        return;
    }
    /* What the store holds has to be asked again: the tree may name values that were rolled back. */
    mlf__seen_free(&run->params);
    run->params_open = run->params_committed;
    run->command_line_held = run->command_line_committed;
}

/* The param's value as text, owned by the caller. */
static char *value_text(const struct mlf__event *event)
{
    char number[MLF__NUMBER_SIZE];
    if (mlf__is_secret_name(event->key, strlen(event->key)))
        return mlf__strdup("***");
    if ((event->flags & MLF__EVF_DOUBLE) != 0) {
        mlf__format_param(number, event->value);
        return mlf__strdup(number);
    }
    if ((event->flags & MLF__EVF_INT) != 0) {
        snprintf(number, sizeof(number), "%" PRId64, event->step);
        return mlf__strdup(number);
    }
    if ((event->flags & MLF__EVF_SOURCE_MASK) == MLF__SRC_EXPLICIT)
        return mlf__clean_value(event->text, event->text_len, MLF__PARAM_VALUE_MAX);
    char *open = mlf__mask_secrets(event->text, event->text_len);
    char *clean = open != NULL ? mlf__clean_value(open, strlen(open), MLF__PARAM_VALUE_MAX) : NULL;
    mlf__free(open);
    return clean;
}

static mlf_status hold(struct mlf__run_state *run, const char *key, char *value, int source,
                       int32_t pid)
{
    for (size_t i = 0; i < run->n_held; i++) {
        struct mlf__held_param *held = &run->held[i];
        if (held->source == source && held->pid == pid && strcmp(held->key, key) == 0) {
            mlf__free(value); /* the same event again; of one source the first value counts */
            return MLF_OK;
        }
    }
    if (run->n_held >= MAX_HELD) {
        mlf__free(value);
        return mlf__fail(MLF_ERR_INVAL, "more than %d params at once", MAX_HELD);
    }
    char *name = mlf__strdup(key);
    if (name == NULL || mlf__grow((void **)&run->held, &run->cap_held, run->n_held + 1,
                                  sizeof(*run->held)) != MLF_OK) {
        mlf__free(name);
        mlf__free(value);
        return MLF_ERR_NOMEM;
    }
    run->held[run->n_held++] = (struct mlf__held_param){
        .key = name, .value = value, .source = source, .pid = pid, .fresh = true};
    run->n_waiting++;
    if (run->held_since_ns == 0)
        run->held_since_ns = mlf__monotonic_ns();
    return MLF_OK;
}

/* ---- writing ---- */

static bool equal_values(const char *a, const char *b)
{
    double x, y;
    return strcmp(a, b) == 0 || (mlf__parse_double(a, &x) && mlf__parse_double(b, &y) &&
                                 (x == y || (float)x == (float)y));
}

/* |name| has another value already: this one is kept under its source's name, and a tag says so. */
static mlf_status write_conflict(struct mlf__apply *apply, struct mlf__run_state *run,
                                 const char *name, const char *value, int source)
{
    const struct mlf_store_ops *ops = apply->store->ops;
    char text[MLF__KEY_MAX * 4 + 32];
    snprintf(text, sizeof(text), "%s.%s", source_name(source), name);
    mlf_status status = mlf__check_key(text, "Param key");
    if (status == MLF_OK)
        status = ops->log_param(apply->store, run->id, text, value, NULL);
    if (status != MLF_OK)
        return mlf__apply_is_refusal(status) ? MLF_OK : status;
    snprintf(text, sizeof(text), "mlf.conflict.%s", name);
    status = mlf__check_key(text, "key");
    if (status == MLF_OK)
        status = ops->set_tag(apply->store, run->id, text, source_name(source));
    return mlf__apply_is_refusal(status) ? MLF_OK : status;
}

/* |at_once|: one of the values that were held together. Of these the first written counts, in the order
 * of the sources: the others are not later values but the same one seen elsewhere. */
static mlf_status write_automatic(struct mlf__apply *apply, struct mlf__run_state *run,
                                  const char *name, const char *value, int source, bool at_once)
{
    bool is_new;
    struct mlf__seen *seen = mlf__seen_add(&run->params, name, &is_new);
    if (seen == NULL)
        return MLF_ERR_NOMEM;
    if (is_new) {
        char *stored = NULL;
        mlf_status status =
            apply->store->ops->log_param(apply->store, run->id, name, value, &stored);
        seen->value = stored != NULL ? stored : mlf__strdup(value);
        if (status != MLF_OK && status != MLF_ERR_CONFLICT)
            return status;
    } else if (at_once) {
        return MLF_OK;
    }
    if (seen->value == NULL)
        return MLF_ERR_NOMEM;
    if (equal_values(seen->value, value))
        return MLF_OK;
    return write_conflict(apply, run, name, value, source);
}

/* ---- names of options ---- */

/* The param that option |name| stands for by |aliases| ("c=C g=gamma q="): |name| itself when it is no
 * alias, "" when it is no param. */
static const char *resolve_alias(const char *aliases, const char *name, char out[64])
{
    size_t len = strlen(name);
    const char *at = aliases;
    while (at != NULL && *at != '\0') {
        const char *end = at + strcspn(at, " ");
        if (strncmp(at, name, len) == 0 && at[len] == '=') {
            size_t n = (size_t)(end - at) - len - 1;
            if (n >= 64)
                return name;
            memcpy(out, at + len + 1, n);
            out[n] = '\0';
            return out;
        }
        at = *end == ' ' ? end + 1 : end;
    }
    return name;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

struct command_line {
    struct mlf__apply *apply;
    struct mlf__run_state *run;
    const char *aliases;
    mlf_status status;
};

static void hold_option(const char *name, const char *value, void *user)
{
    struct command_line *line = user;
    char alias[64];
    const char *key = resolve_alias(line->aliases, name, alias);
    if (line->status != MLF_OK || key[0] == '\0')
        return;
    char *copy = mlf__strdup(value);
    mlf_status status =
        copy != NULL ? hold(line->run, key, copy, MLF__SRC_CMDLINE, 0) : MLF_ERR_NOMEM;
    line->status = mlf__apply_is_refusal(status) ? mlf__apply_refused(line->apply) : status;
}

/* A program's arguments are params when a launcher was told to run it so, or when it has trained something: one
 * that only calls the API says itself what its params are. */
static bool wants_command_line(const struct mlf__apply *apply, const struct mlf__run_state *run,
                               const struct mlf__origin *origin)
{
    if (!mlf__origin_is_of(origin, run) || run->command_line_held)
        return false;
    const struct mlf__process *process = mlf__origin_main_process(origin);
    return (apply->config.flags & MLF__CONFIG_LAUNCHER) != 0 ||
           (process != NULL && process->trained);
}

/* Adds the options of the main process's command line to the held params. */
static mlf_status hold_command_line(struct mlf__apply *apply, struct mlf__run_state *run,
                                    const char **aliases, char **program)
{
    const struct mlf__origin *origin = mlf__apply_origin(apply, run);
    const struct mlf__process *process = mlf__origin_main_process(origin);
    *aliases = origin->aliases;
    *program = NULL;
    if (process == NULL)
        return MLF_OK;
    char **argv = NULL;
    size_t argc = 0;
    mlf_status status =
        mlf__cmdline_strip(process->argc, (const char *const *)process->argv, &argv, &argc);
    if (status != MLF_OK)
        return status;
    const char *name = argc > 0 ? base_name(argv[0]) : "";
    const struct mlf__preset *preset = mlf__preset_find(name);
    if (*aliases == NULL && preset != NULL)
        *aliases = preset->aliases;
    struct command_line line = {.apply = apply, .run = run, .aliases = *aliases};
    status =
        mlf__cmdline_parse(argc, (const char *const *)argv, apply->config.cwd, hold_option, &line);
    *program = mlf__strdup(name);
    mlf__argv_free(argv);
    return *program == NULL ? MLF_ERR_NOMEM : line.status != MLF_OK ? line.status : status;
}

/* Options that some helper of a script was given say nothing of the training. */
static bool is_main_process(const struct mlf__origin *origin, int32_t pid, const char *program)
{
    const struct mlf__process *main_process = mlf__origin_main_process(origin);
    if (main_process == NULL || main_process->pid == pid)
        return true;
    if (main_process->trained || program == NULL)
        return false;
    for (const struct mlf__process *p = origin->processes; p != NULL; p = p->next)
        if (p->pid == pid && p->argc > 0 && strcmp(base_name(p->argv[0]), program) == 0)
            return true;
    return false;
}

/* Is it one of the names that positional arguments are given: arg0, arg1 …? */
static bool is_positional(const char *key)
{
    return strncmp(key, "arg", 3) == 0 && key[3] != '\0' &&
           key[3 + strspn(key + 3, "0123456789")] == '\0';
}

/* Writes the waiting params of one source. */
static mlf_status write_source(struct mlf__apply *apply, struct mlf__run_state *run, int source,
                               const char *aliases, const char *program)
{
    mlf_status status = MLF_OK;
    for (size_t i = 0; i < run->n_held && status == MLF_OK; i++) {
        struct mlf__held_param *held = &run->held[i];
        if (held->written || held->source != source)
            continue;
        held->written = true;
        run->n_waiting--;
        if (source == MLF__SRC_GETOPT) {
            if (!is_main_process(mlf__apply_origin(apply, run), held->pid, program))
                continue;
            run->getopt_seen = true;
        }
        /* What a program has parsed by getopt is known by its real names; the guess would only repeat it. */
        if (source == MLF__SRC_CMDLINE && run->getopt_seen && !is_positional(held->key))
            continue;
        char alias[64];
        const char *key =
            source == MLF__SRC_GETOPT ? resolve_alias(aliases, held->key, alias) : held->key;
        if (key[0] == '\0')
            continue;
        status = mlf__check_key(key, "Param key");
        if (status == MLF_ERR_INVAL) {
            status = MLF_OK;
            continue;
        }
        if (status == MLF_OK)
            status = write_automatic(apply, run, key, held->value, source, !run->params_open);
        if (mlf__apply_is_refusal(status))
            status = mlf__apply_refused(apply);
    }
    return status;
}

mlf_status mlf__params_release(struct mlf__apply *apply, struct mlf__run_state *run)
{
    const struct mlf__origin *origin = mlf__apply_origin(apply, run);
    bool with_command_line = wants_command_line(apply, run, origin);
    if (run->params_open && run->n_waiting == 0 && !with_command_line)
        return MLF_OK;
    const char *aliases = origin->aliases;
    char *program = NULL;
    mlf_status status = MLF_OK;
    if (with_command_line) {
        status = hold_command_line(apply, run, &aliases, &program);
        run->command_line_held = status == MLF_OK;
    }
    for (int source = MLF__SRC_ADAPTER; source <= MLF__SRC_RECOGNISER && status == MLF_OK; source++)
        status = write_source(apply, run, source, aliases, program);
    run->params_open = status == MLF_OK;
    mlf__free(program);
    return status;
}

/* A param that stands for a result, which may change. */
static mlf_status replace(struct mlf__apply *apply, const struct mlf__run_state *run,
                          const char *key, const char *value)
{
    const struct mlf_store_ops *ops = apply->store->ops;
    char name[MLF__KEY_MAX * 4 + 32];
    if (ops->replace_param != NULL)
        return ops->replace_param(apply->store, run->id, key, value);
    mlf_status status = ops->log_param(apply->store, run->id, key, value, NULL);
    if (status != MLF_ERR_CONFLICT)
        return status;
    snprintf(name, sizeof(name), "mlf.best.%s", key);
    status = mlf__check_key(name, "key");
    return status == MLF_OK ? ops->set_tag(apply->store, run->id, name, value) : status;
}

mlf_status mlf__params_event(struct mlf__apply *apply, struct mlf__run_state *run,
                             const struct mlf__event *event)
{
    int source = event->flags & MLF__EVF_SOURCE_MASK;
    if (source > MLF__SRC_RECOGNISER)
        source = MLF__SRC_RECOGNISER; /* a source of a newer mlf, or a forged one */
    char *value = value_text(event);
    if (value == NULL)
        return MLF_ERR_NOMEM;
    if (source == MLF__SRC_EXPLICIT) {
        mlf_status status = mlf__check_key(event->key, "Param key");
        if (status == MLF_OK && (event->flags & MLF__EVF_REPLACE) != 0)
            status = replace(apply, run, event->key, value);
        else if (status == MLF_OK)
            status = apply->store->ops->log_param(apply->store, run->id, event->key, value, NULL);
        mlf__free(value);
        return status;
    }
    mlf_status status = hold(run, event->key, value, source, event->pid);
    return status == MLF_OK && run->params_open ? mlf__params_release(apply, run) : status;
}
