/* SPDX-License-Identifier: Apache-2.0 */
/* The environment of a run, put together from what the observer saw, from files and from the machine. No secret
 * gets in: every text passes mlf__mask_secrets, and of the variables only known ones are taken. */
#include "autolog/environment.h"

#include "autolog/libraries.h"
#include "autolog/proc.h"
#include "autolog/watch.h"
#include "core/buf.h"
#include "core/mem.h"
#include "tracking/names.h"

#include <cjson/cJSON.h>
#include <gnu/libc-version.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { VERSION = 1, TEXT_MAX = 4096, CPUINFO_SIZE = 16 * 1024, VARIABLES_SIZE = 256 * 1024 };

/* ---- JSON; memory that runs out shows in the end, when the object cannot be printed ---- */

/* |text| as valid UTF-8 without secrets; NULL when memory ran out. */
static char *clean(const char *text)
{
    char *masked = mlf__mask_secrets(text, strlen(text));
    char *valid = masked != NULL ? mlf__clean_value(masked, strlen(masked), TEXT_MAX) : NULL;
    mlf__free(masked);
    return valid;
}

/* Adds a text that is not empty. */
static void add_text(cJSON *object, const char *name, const char *text)
{
    char *valid = text != NULL && text[0] != '\0' ? clean(text) : NULL;
    if (valid != NULL)
        cJSON_AddStringToObject(object, name, valid);
    mlf__free(valid);
}

static void add_texts(cJSON *object, const char *name, const struct mlf__texts *texts)
{
    if (texts->n == 0)
        return;
    cJSON *array = cJSON_AddArrayToObject(object, name);
    for (size_t i = 0; i < texts->n; i++) {
        char *valid = clean(texts->items[i]);
        if (valid != NULL)
            cJSON_AddItemToArray(array, cJSON_CreateString(valid));
        mlf__free(valid);
    }
}

/* ---- the program and its libraries ---- */

static void add_program(cJSON *root, const char *exe, const struct mlf__elf *elf)
{
    if (exe[0] == '\0')
        return;
    cJSON *program = cJSON_AddObjectToObject(root, "program");
    add_text(program, "path", exe);
    add_text(program, "build_id", elf->build_id);
    add_texts(program, "compilers", &elf->compilers);
    add_texts(program, "flags", &elf->flags);
}

static int compare_libraries(const void *a, const void *b)
{
    return strcmp(((const struct mlf__library *)a)->name, ((const struct mlf__library *)b)->name);
}

static mlf_status add_libraries(cJSON *root, const char *exe, const struct mlf__elf *elf,
                                const struct mlf__observed *seen)
{
    struct mlf__libraries libraries;
    const char *search = NULL;

    if (seen->variables != NULL)
        search = mlf__proc_variable(seen->variables, seen->variables_len, "LD_LIBRARY_PATH");
    mlf_status status =
        mlf__libraries_find(exe, elf, seen->libraries,
                            seen->libraries != NULL ? seen->libraries_len : 0, search, &libraries);
    if (libraries.n > 0) {
        /* In one order, so that two runs can be compared. */
        qsort(libraries.items, libraries.n, sizeof(*libraries.items), compare_libraries);
        cJSON *array = cJSON_AddArrayToObject(root, "libraries");
        for (size_t i = 0; i < libraries.n && status == MLF_OK; i++) {
            const struct mlf__library *library = &libraries.items[i];
            cJSON *item = cJSON_CreateObject();
            add_text(item, "name", library->name);
            add_text(item, "path", library->path);
            add_text(item, "version", library->version);
            add_text(item, "build_id", library->build_id);
            cJSON_AddBoolToObject(item, "loaded", library->loaded);
            cJSON_AddItemToArray(array, item);
        }
    }
    mlf__libraries_free(&libraries);
    return status;
}

/* ---- the machine ---- */

static void add_cpu(cJSON *machine)
{
    /* As x86, POWER and s390, and ARM name it. */
    static const char *const names[] = {"model name", "cpu", "Model", "Hardware"};
    char text[CPUINFO_SIZE], model[256] = "";
    cpu_set_t allowed;

    if (mlf__proc_read("/proc", "cpuinfo", text, sizeof(text)) > 0)
        for (size_t i = 0; i < MLF__ARRAY_LEN(names) && model[0] == '\0'; i++)
            mlf__proc_field(text, names[i], model, sizeof(model));
    add_text(machine, "cpu", model);
    cJSON_AddNumberToObject(machine, "cpus", (double)sysconf(_SC_NPROCESSORS_ONLN));
    if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0)
        cJSON_AddNumberToObject(machine, "cpus_allowed", CPU_COUNT(&allowed));
}

static void add_machine(cJSON *root)
{
    cJSON *machine = cJSON_AddObjectToObject(root, "machine");
    struct utsname kernel;
    struct mlf__memory memory;
    char text[CPUINFO_SIZE];

    if (uname(&kernel) == 0) {
        add_text(machine, "host", kernel.nodename);
        add_text(machine, "system", kernel.sysname);
        add_text(machine, "kernel", kernel.release);
        add_text(machine, "kernel_version", kernel.version);
        add_text(machine, "architecture", kernel.machine);
    }
    add_text(machine, "glibc", gnu_get_libc_version());
    add_cpu(machine);
    if (mlf__proc_read("/proc", "meminfo", text, sizeof(text)) > 0 &&
        mlf__proc_memory(text, &memory))
        cJSON_AddNumberToObject(machine, "memory_bytes", (double)memory.total);
}

/* ---- the job ---- */

/* A scheduler is known by |fields[0]|; the fields are pairs of a name and the variable that has it. */
struct scheduler {
    const char *name;
    const char *fields[8][2];
};
/* clang-format off */
static const struct scheduler schedulers[] = {
    {"slurm", {{"id", "SLURM_JOB_ID"}, {"name", "SLURM_JOB_NAME"},
               {"array_id", "SLURM_ARRAY_JOB_ID"}, {"array_task", "SLURM_ARRAY_TASK_ID"},
               {"rank", "SLURM_PROCID"}, {"nodes", "SLURM_JOB_NODELIST"},
               {"cluster", "SLURM_CLUSTER_NAME"}, {"partition", "SLURM_JOB_PARTITION"}}},
    {"pbs", {{"id", "PBS_JOBID"}, {"name", "PBS_JOBNAME"}, {"array_task", "PBS_ARRAY_INDEX"},
             {"queue", "PBS_QUEUE"}}},
    {"lsf", {{"id", "LSB_JOBID"}, {"name", "LSB_JOBNAME"}, {"array_task", "LSB_JOBINDEX"},
             {"queue", "LSB_QUEUE"}}},
    /* A pod has no id of its own in the environment; its name is its host's. */
    {"kubernetes", {{"server", "KUBERNETES_SERVICE_HOST"}, {"id", "HOSTNAME"},
                    {"namespace", "POD_NAMESPACE"}, {"array_task", "JOB_COMPLETION_INDEX"}}},
};
/* clang-format on */

static void add_job(cJSON *root, const char *variables, size_t len)
{
    for (size_t i = 0; i < MLF__ARRAY_LEN(schedulers); i++) {
        const struct scheduler *scheduler = &schedulers[i];
        if (mlf__proc_variable(variables, len, scheduler->fields[0][1]) == NULL)
            continue;
        cJSON *job = cJSON_AddObjectToObject(root, "job");
        cJSON_AddStringToObject(job, "scheduler", scheduler->name);
        for (size_t j = 0; j < MLF__ARRAY_LEN(scheduler->fields); j++)
            if (scheduler->fields[j][0] != NULL)
                add_text(job, scheduler->fields[j][0],
                         mlf__proc_variable(variables, len, scheduler->fields[j][1]));
        return;
    }
}

/* ---- variables that change what a program computes or how fast ---- */

static bool is_telling(const char *entry)
{
    static const char *const beginnings[] = {"OMP_",
                                             "GOMP_",
                                             "KMP_",
                                             "OPENBLAS_",
                                             "MKL_",
                                             "BLIS_",
                                             "CUDA_",
                                             "HIP_",
                                             "ROCR_",
                                             "NVIDIA_VISIBLE_DEVICES=",
                                             "LD_LIBRARY_PATH=",
                                             "LD_PRELOAD=",
                                             "GSL_",
                                             "MALLOC_",
                                             "GLIBC_",
                                             "LANG=",
                                             "LC_ALL=",
                                             "LC_NUMERIC=",
                                             "TZ="};
    for (size_t i = 0; i < MLF__ARRAY_LEN(beginnings); i++)
        if (strncmp(entry, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    return false;
}

static void add_variables(cJSON *root, const char *variables, size_t len)
{
    cJSON *object = NULL;

    for (size_t at = 0; at < len; at += strlen(variables + at) + 1) {
        const char *entry = variables + at, *equals = strchr(entry, '=');
        char name[128];
        if (equals == NULL || !is_telling(entry) || (size_t)(equals - entry) >= sizeof(name))
            continue;
        memcpy(name, entry, (size_t)(equals - entry));
        name[equals - entry] = '\0';
        if (mlf__utf8_length(name, strlen(name)) == SIZE_MAX)
            continue;
        if (object == NULL)
            object = cJSON_AddObjectToObject(root, "variables");
        add_text(object, name, mlf__is_secret_name(name, strlen(name)) ? "***" : equals + 1);
    }
}

/* ---- the whole ---- */

static void add_git(cJSON *root, const struct mlf__watch *watch)
{
    if (watch->git.root[0] == '\0')
        return;
    cJSON *git = cJSON_AddObjectToObject(root, "git");
    add_text(git, "root", watch->git.root);
    add_text(git, "commit", watch->git.commit);
    if (watch->git_status.known)
        cJSON_AddBoolToObject(git, "dirty", watch->git_status.dirty);
}

/* The variables of a program that was never seen are those that the collector has from it, or it from the
 * collector. */
static void add_own_variables(struct mlf__observed *seen)
{
    if (seen->variables_len > 0)
        return;
    mlf__free(seen->variables);
    seen->variables = mlf__alloc(VARIABLES_SIZE);
    if (seen->variables == NULL)
        return;
    long len = mlf__proc_read("/proc", "self/environ", seen->variables, VARIABLES_SIZE);
    seen->variables_len = len > 0 ? (size_t)len : 0;
}

/* The program's file, resolved, and what was seen of the process: its libraries only when it is the one that
 * is meant. */
static void look_up(struct mlf__watch *watch, const struct mlf__process *process,
                    char exe[PATH_MAX], struct mlf__observed *seen)
{
    char *real = process != NULL ? realpath(process->exe, NULL) : NULL;

    if (real != NULL)
        mlf__copy_text(exe, PATH_MAX, real);
    else if (process != NULL)
        mlf__copy_text(exe, PATH_MAX, process->exe);
    free(real);
    if (watch == NULL)
        return;
    if (mlf__observer_find(watch->observer, process != NULL ? process->pid : 0, exe, seen)) {
        if (exe[0] == '\0')
            mlf__copy_text(exe, PATH_MAX, seen->exe);
        else if (strcmp(exe, seen->exe) != 0)
            seen->libraries_len = 0;
    }
    add_own_variables(seen);
}

char *mlf__environment_json(struct mlf__apply *apply)
{
    struct mlf__watch *watch = apply->watch;
    const struct mlf__process *process = mlf__origin_main_process(&apply->origin);
    struct mlf__observed seen = {0};
    struct mlf__elf elf = {0};
    char exe[PATH_MAX] = "";
    cJSON *root = cJSON_CreateObject();

    cJSON_AddNumberToObject(root, "version", VERSION);
    look_up(watch, process, exe, &seen);
    mlf_status status = MLF_OK;
    bool is_elf = exe[0] != '\0' && mlf__elf_read_file(exe, true, &elf) == MLF_OK;
    add_program(root, exe, &elf);
    if (is_elf && watch != NULL)
        status = add_libraries(root, exe, &elf, &seen);
    mlf__elf_free(&elf);
    if (watch != NULL)
        add_machine(root);
    if (seen.variables != NULL) {
        add_job(root, seen.variables, seen.variables_len);
        add_variables(root, seen.variables, seen.variables_len);
    }
    if (watch != NULL)
        add_git(root, watch);
    mlf__observed_free(&seen);
    char *text = status == MLF_OK ? cJSON_Print(root) : NULL;
    char *copy = text != NULL ? mlf__strdup(text) : NULL;
    cJSON_free(text);
    cJSON_Delete(root);
    return copy;
}

/* ---- tags ---- */

static mlf_status tag_job(const cJSON *job, mlf__environment_tag_fn *fn, void *user)
{
    const cJSON *item;
    char key[64];

    cJSON_ArrayForEach(item, job)
    {
        if (!cJSON_IsString(item))
            continue;
        snprintf(key, sizeof(key), "mlf.job.%s", item->string);
        mlf_status status = fn(key, item->valuestring, user);
        if (status != MLF_OK)
            return status;
    }
    return MLF_OK;
}

mlf_status mlf__environment_tags(const char *json, mlf__environment_tag_fn *fn, void *user)
{
    cJSON *root = cJSON_Parse(json);
    if (root == NULL)
        return MLF_ERR_NOMEM;
    const cJSON *program = cJSON_GetObjectItemCaseSensitive(root, "program");
    const cJSON *compiler =
        cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(program, "compilers"), 0);
    const cJSON *build_id = cJSON_GetObjectItemCaseSensitive(program, "build_id");
    const cJSON *dirty =
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(root, "git"), "dirty");
    mlf_status status = MLF_OK;

    if (cJSON_IsString(compiler))
        status = fn("mlf.compiler", compiler->valuestring, user);
    if (status == MLF_OK && cJSON_IsString(build_id))
        status = fn("mlf.build_id", build_id->valuestring, user);
    if (status == MLF_OK)
        status = tag_job(cJSON_GetObjectItemCaseSensitive(root, "job"), fn, user);
    if (status == MLF_OK && cJSON_IsBool(dirty))
        status = fn("mlflow.source.git.dirty", cJSON_IsTrue(dirty) ? "true" : "false", user);
    cJSON_Delete(root);
    return status;
}
