/* SPDX-License-Identifier: Apache-2.0 */
/* Origins: commands with their processes, of which a session may have several, each with a run of its own. What a
 * process logs without naming a run belongs to its command's; so do command line, files and what a training says of
 * its process. */
#include "autolog/apply.h"

#include "autolog/cmdline.h"
#include "core/mem.h"

#include <string.h>

static void free_processes(struct mlf__process *process)
{
    while (process != NULL) {
        struct mlf__process *next = process->next;
        mlf__argv_free(process->argv);
        mlf__free(process->exe);
        mlf__free(process);
        process = next;
    }
}

void mlf__origin_free(struct mlf__origin *origin)
{
    free_processes(origin->processes);
    while (origin->files != NULL) {
        struct mlf__file *file = origin->files;
        origin->files = file->next;
        mlf__free(file->path);
        mlf__free(file);
    }
    mlf__free(origin->aliases);
}

bool mlf__origin_is_of(const struct mlf__origin *origin, const struct mlf__run_state *run)
{
    return origin->run_id[0] == '\0' ? run->is_session : strcmp(origin->run_id, run->id) == 0;
}

static struct mlf__origin *find_origin(const struct mlf__apply *apply, const char *run_id)
{
    struct mlf__origin *origin = apply->origins;
    while (origin != NULL && strcmp(origin->run_id, run_id) != 0)
        origin = origin->next;
    return origin;
}

struct mlf__origin *mlf__apply_own_origin(const struct mlf__apply *apply,
                                          const struct mlf__run_state *run)
{
    struct mlf__origin *origin = NULL;
    for (int depth = 0; apply->origins != NULL && run != NULL && depth < MLF__RUN_DEPTH; depth++) {
        if ((origin = find_origin(apply, run->id)) != NULL)
            break;
        run = run->parent[0] != '\0' ? mlf__apply_find_run(apply, run->parent) : NULL;
    }
    return origin;
}

struct mlf__origin *mlf__apply_origin(struct mlf__apply *apply, const struct mlf__run_state *run)
{
    struct mlf__origin *origin = mlf__apply_own_origin(apply, run);
    return origin != NULL ? origin : &apply->origin;
}

/* The origin that an event without anything but its run belongs to, made when it is new. NULL: out of memory. */
static struct mlf__origin *origin_of_event(struct mlf__apply *apply, const struct mlf__event *event)
{
    if (event->run[0] == '\0' || strcmp(event->run, apply->config.run_id) == 0)
        return &apply->origin;
    struct mlf__origin *origin = find_origin(apply, event->run);
    if (origin != NULL || (origin = mlf__zalloc(1, sizeof(*origin))) == NULL)
        return origin;
    mlf__copy_text(origin->run_id, sizeof(origin->run_id), event->run);
    origin->next = apply->origins;
    apply->origins = origin;
    return origin;
}

const struct mlf__process *mlf__origin_main_process(const struct mlf__origin *origin)
{
    const struct mlf__process *command = NULL, *first = NULL;
    for (const struct mlf__process *p = origin->processes; p != NULL; p = p->next) {
        if (p->trained)
            return p;
        if (p->is_command)
            command = p;
        first = p; /* the list is newest first, so this ends as the oldest */
    }
    return command != NULL ? command : first;
}

/* A run that was there before its command was known gets its source now. */
static mlf_status set_source(struct mlf__apply *apply, const struct mlf__origin *origin,
                             const char *source)
{
    struct mlf__run_state *run =
        origin->run_id[0] != '\0' ? mlf__apply_find_run(apply, origin->run_id) : NULL;
    if (run == NULL)
        return MLF_OK;
    mlf_status status = mlf__apply_ensure_run(apply, run);
    if (status != MLF_OK)
        return status;
    status = apply->store->ops->set_tag(apply->store, run->id, "mlflow.source.name", source);
    return mlf__apply_is_refusal(status) ? mlf__apply_refused(apply) : status;
}

static mlf_status process_event(struct mlf__apply *apply, struct mlf__origin *origin,
                                const struct mlf__event *event)
{
    bool is_command = apply->launcher_pid != 0 && event->pid == apply->launcher_pid;
    int32_t pid = is_command ? (int32_t)event->step : event->pid;
    for (const struct mlf__process *p = origin->processes; p != NULL; p = p->next)
        if (p->pid == pid && p->is_command == is_command)
            return is_command ? set_source(apply, origin, p->argv[0]) : MLF_OK;
    enum { MAX_WORDS = 65536 };
    size_t argc = 1;
    for (size_t i = 0; i < event->text_len && argc < MAX_WORDS; i++)
        argc += event->text[i] == '\0';
    struct mlf__process *process = mlf__zalloc(1, sizeof(*process));
    char **argv = mlf__zalloc(argc + 1, sizeof(*argv));
    char *exe = mlf__strdup(event->key);
    mlf_status status = process != NULL && argv != NULL && exe != NULL ? MLF_OK : MLF_ERR_NOMEM;
    const char *word = event->text;
    for (size_t i = 0; i < argc && status == MLF_OK; i++, word += strlen(word) + 1)
        if ((argv[i] = mlf__strdup(word)) == NULL)
            status = MLF_ERR_NOMEM;
    if (status != MLF_OK) {
        if (argv != NULL)
            mlf__argv_free(argv);
        mlf__free(exe);
        mlf__free(process);
        return status;
    }
    *process = (struct mlf__process){.next = origin->processes,
                                     .pid = pid,
                                     .is_command = is_command,
                                     .exe = exe,
                                     .argv = argv,
                                     .argc = argc};
    origin->processes = process;
    return is_command ? set_source(apply, origin, argv[0]) : MLF_OK;
}

mlf_status mlf__origin_event(struct mlf__apply *apply, const struct mlf__event *event)
{
    struct mlf__origin *origin = origin_of_event(apply, event);
    if (origin == NULL)
        return MLF_ERR_NOMEM;
    if (event->kind == MLF__EV_PROCESS)
        return process_event(apply, origin, event);
    if (event->kind == MLF__EV_FILE)
        return mlf__files_event(origin, event);
    origin->exit_pid = event->pid;
    origin->exit_status = (int)event->step;
    return MLF_OK;
}
