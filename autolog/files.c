/* SPDX-License-Identifier: Apache-2.0 */
/* Files that the run's processes read and wrote: data sets become inputs, and all of them are listed with
 * role, size and digest in the artifact mlf/files.json. Digests are made here, never in the program. */
#include "autolog/apply.h"

#include "core/mem.h"
#include "tracking/artifacts.h"
#include "tracking/digest.h"

#include <cjson/cJSON.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIGEST_CHARS = 16, MAX_FILES = 200 };

static struct mlf__file *find_file(const struct mlf__origin *origin, const char *path)
{
    for (struct mlf__file *file = origin->files; file != NULL; file = file->next)
        if (strcmp(file->path, path) == 0)
            return file;
    return NULL;
}

mlf_status mlf__files_event(struct mlf__origin *origin, const struct mlf__event *event)
{
    struct mlf__file *file = find_file(origin, event->text);
    if (file == NULL) {
        size_t n = 0;
        for (const struct mlf__file *f = origin->files; f != NULL; f = f->next)
            n++;
        if (n >= MAX_FILES)
            return MLF_OK;
        file = mlf__zalloc(1, sizeof(*file));
        if (file == NULL || (file->path = mlf__strdup(event->text)) == NULL) {
            mlf__free(file);
            return MLF_ERR_NOMEM;
        }
        file->pid = event->pid;
        file->next = origin->files;
        origin->files = file;
    }
    if ((event->flags & MLF__EVF_WRITE) != 0)
        file->written = true;
    else
        file->read = true;
    return MLF_OK;
}

static bool trained(const struct mlf__origin *origin, int32_t pid)
{
    for (const struct mlf__process *p = origin->processes; p != NULL; p = p->next)
        if (p->pid == pid && p->trained)
            return true;
    return false;
}

/* Is |path| a word of the main process's command line? */
static bool is_argument(const struct mlf__origin *origin, const char *cwd, const char *path)
{
    const struct mlf__process *process = mlf__origin_main_process(origin);
    struct stat file, word;
    if (process == NULL || stat(path, &file) != 0)
        return false;
    for (size_t i = 1; i < process->argc; i++) {
        char name[PATH_MAX];
        const char *arg = process->argv[i];
        int n = snprintf(name, sizeof(name), "%s%s%s", arg[0] == '/' ? "" : cwd,
                         arg[0] == '/' ? "" : "/", arg);
        if (n > 0 && (size_t)n < sizeof(name) && stat(name, &word) == 0 &&
            word.st_dev == file.st_dev && word.st_ino == file.st_ino)
            return true;
    }
    return false;
}

static char *source_json(const char *path)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "uri", path);
    char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return text;
}

static char *profile_json(const struct mlf__digest *digest)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "size_bytes", (double)digest->size);
    cJSON_AddStringToObject(json, digest->sampled ? "sha256_of_samples" : "sha256", digest->hex);
    char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return text;
}

/* Logs the file |path| as |input|: what that leaves open (source, digest, profile) is made from the file. */
static mlf_status log_file(struct mlf__apply *apply, const struct mlf__run_state *run,
                           const char *path, struct mlf__dataset_input input)
{
    struct mlf__digest digest = {0};
    char short_digest[DIGEST_CHARS + 1], *profile = NULL;
    char *source = source_json(path);
    mlf_status status = source != NULL ? MLF_OK : MLF_ERR_NOMEM;
    if (status == MLF_OK && input.digest == NULL &&
        (status = mlf__digest_file(path, &digest)) != MLF_OK && status != MLF_ERR_NOMEM)
        status = mlf__fail(MLF_ERR_NOT_FOUND, "%s cannot be read, and is no input therefore", path);
    if (status == MLF_OK && input.digest == NULL) {
        snprintf(short_digest, sizeof(short_digest), "%.*s", DIGEST_CHARS, digest.hex);
        input.digest = short_digest;
        profile = input.profile == NULL ? profile_json(&digest) : NULL;
        if (profile == NULL && input.profile == NULL)
            status = MLF_ERR_NOMEM;
    }
    input.source_type = "local";
    input.source = source;
    if (profile != NULL)
        input.profile = profile;
    if (status == MLF_OK)
        status = apply->store->ops->log_input(apply->store, run->id, &input);
    cJSON_free(source);
    cJSON_free(profile);
    return status;
}

static mlf_status log_input(struct mlf__apply *apply, const struct mlf__run_state *run,
                            struct mlf__file *file, const char *context)
{
    const char *name = strrchr(file->path, '/');
    const struct mlf__dataset_input input = {.name = name != NULL ? name + 1 : file->path,
                                             .context = context};
    struct stat st;
    if (stat(file->path, &st) != 0 || !S_ISREG(st.st_mode) || access(file->path, R_OK) != 0)
        return MLF_OK; /* it stays in the list of files */
    mlf_status status = log_file(apply, run, file->path, input);
    if (mlf__apply_is_refusal(status))
        status = mlf__apply_refused(apply);
    file->logged = status == MLF_OK;
    return status;
}

static const char *or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

mlf_status mlf__files_input(struct mlf__apply *apply, const struct mlf__run_state *run,
                            const struct mlf__event *event)
{
    const char *source_type = mlf__event_field(event, 2), *source = mlf__event_field(event, 3);
    const struct mlf__dataset_input input = {.name = mlf__event_field(event, 0),
                                             .digest = or_null(mlf__event_field(event, 1)),
                                             .source_type = source_type,
                                             .source = source,
                                             .schema = or_null(mlf__event_field(event, 4)),
                                             .profile = or_null(mlf__event_field(event, 5)),
                                             .context = or_null(mlf__event_field(event, 6))};
    return source_type[0] == '\0' ? log_file(apply, run, source, input)
                                  : apply->store->ops->log_input(apply->store, run->id, &input);
}

/* While a training begins: what its process has read, if it is named in the command or is more than a
 * line of settings. At the end: what is named in the command. */
mlf_status mlf__files_log_inputs(struct mlf__apply *apply, struct mlf__origin *origin,
                                 const char *context)
{
    enum { SMALL_FILE = 1024 };
    mlf_status status = MLF_OK;
    struct mlf__run_state *run = mlf__apply_run(apply, origin->run_id);
    if (run == NULL)
        return MLF_ERR_NOMEM;
    for (struct mlf__file *file = origin->files; file != NULL && status == MLF_OK;
         file = file->next) {
        struct stat st;
        if (!file->read || file->written || file->logged || stat(file->path, &st) != 0)
            continue;
        bool wanted = is_argument(origin, apply->config.cwd, file->path);
        if (context != NULL)
            wanted = trained(origin, file->pid) && (wanted || st.st_size >= SMALL_FILE);
        if (!wanted)
            continue;
        status = mlf__apply_ensure_run(apply, run);
        if (status == MLF_OK)
            status = log_input(apply, run, file, context != NULL ? context : "input");
    }
    return status;
}

static const char *role(const struct mlf__file *file)
{
    if (file->saved)
        return "model";
    if (file->read && file->written)
        return "scratch";
    return file->written ? "output" : "input";
}

/* NULL when out of memory. */
static cJSON *describe(const struct mlf__file *file)
{
    struct mlf__digest digest;
    mlf_status status = mlf__digest_file(file->path, &digest);
    if (status == MLF_ERR_NOMEM)
        return NULL;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "path", file->path);
    cJSON_AddStringToObject(json, "role", role(file));
    if (status != MLF_OK) {
        cJSON_AddTrueToObject(json, "missing");
        return json;
    }
    cJSON_AddNumberToObject(json, "size_bytes", (double)digest.size);
    cJSON_AddStringToObject(json, digest.sampled ? "sha256_of_samples" : "sha256", digest.hex);
    return json;
}

mlf_status mlf__files_log_list(struct mlf__apply *apply, const struct mlf__origin *origin)
{
    if (origin->files == NULL)
        return MLF_OK;
    mlf_run_record record = {0};
    const char *run_id = origin->run_id[0] != '\0' ? origin->run_id : apply->config.run_id;
    mlf_status status = apply->store->ops->run_get(apply->store, run_id, &record);
    if (status != MLF_OK)
        return mlf__apply_is_refusal(status) ? mlf__apply_refused(apply) : status;
    cJSON *list = cJSON_CreateArray();
    bool whole = true;
    for (const struct mlf__file *file = origin->files; file != NULL && whole; file = file->next)
        whole = cJSON_AddItemToArray(list, describe(file));
    char *text = whole ? cJSON_Print(list) : NULL;
    cJSON_Delete(list);
    status = text == NULL
                 ? MLF_ERR_NOMEM
                 : mlf__artifact_write(record.artifact_uri, "mlf/files.json", text, strlen(text));
    cJSON_free(text);
    mlf_run_record_free(&record);
    /* The list is a convenience: a full disk must not keep the run itself from ending. */
    return status == MLF_ERR_NOMEM ? status : MLF_OK;
}
