/* SPDX-License-Identifier: Apache-2.0 */
/* What ELF files say of themselves, libraries, git repositories, and the environment made of them: of this
 * program, which is the process that is watched. */
#include "autolog/environment.h"
#include "autolog/libraries.h"
#include "autolog/watch.h"
#include "core/mem.h"
#include "core/sys.h"
#include "tests/support/tap.h"

#include <cjson/cJSON.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/mlf-environment-XXXXXX";
static char self[PATH_MAX];

static const char *in_folder(const char *name)
{
    static char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const char *text)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    for (char *slash = path + strlen(folder) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
        OK(false, "%s can be written", path);
}

/* ---- ELF files and libraries ---- */

static void test_elf(void)
{
    struct mlf__elf elf;

    IS(mlf__elf_read_file(self, true, &elf), MLF_OK, "this program is read");
    OK(elf.compilers.n > 0 && (strstr(elf.compilers.items[0], "GCC") != NULL ||
                               strstr(elf.compilers.items[0], "clang") != NULL),
       "its compiler has a name");
    OK(mlf__texts_has(&elf.needed, "libc.so.6"), "it needs the C library");
    mlf__elf_free(&elf);
    IS(mlf__elf_read_file(self, false, &elf), MLF_OK, "and without asking for its build");
    OK(elf.compilers.n == 0 && elf.flags.n == 0, "that is left out");
    mlf__elf_free(&elf);
    put("text",
        "#!/bin/sh\nexit 0\n# a script is no ELF file, even if it is as long as one's header\n");
    IS(mlf__elf_read_file(in_folder("text"), true, &elf), MLF_ERR_CORRUPT, "a script is refused");
    mlf__elf_free(&elf);
    IS(mlf__elf_read_file(folder, true, &elf), MLF_ERR_CORRUPT, "and a folder");
    mlf__elf_free(&elf);
    IS(mlf__elf_read_file(in_folder("none"), true, &elf), MLF_ERR_NOT_FOUND, "no file");
    mlf__elf_free(&elf);
}

static void test_versions(void)
{
    static const struct {
        const char *path, *want;
    } cases[] = {{"/usr/lib/libgsl.so.27.0.0", "27.0.0"},
                 {"libm-2.31.so", "2.31"},
                 {"/lib/libfoo.so", ""},
                 {"/opt/1.2/program", ""},
                 {"libpython3.11.so.1.0", "1.0"},
                 {"lib-x-.so", ""},
                 {"libodd.so.x", ""}};
    char version[64];

    for (size_t i = 0; i < MLF__ARRAY_LEN(cases); i++) {
        mlf__library_version(cases[i].path, version);
        STR(version, cases[i].want, cases[i].path);
    }
}

static const struct mlf__library *library(const struct mlf__libraries *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->items[i].name, name) == 0)
            return &list->items[i];
    return NULL;
}

static void test_libraries(void)
{
    struct mlf__elf elf;
    struct mlf__libraries list;
    char loaded[PATH_MAX];

    IS(mlf__elf_read_file(self, false, &elf), MLF_OK, "this program is read");
    IS(mlf__libraries_find(self, &elf, NULL, 0, "", &list), MLF_OK, "its libraries are looked for");
    const struct mlf__library *libc = library(&list, "libc.so.6");
    OK(libc != NULL && libc->path != NULL && !libc->loaded, "as the linker would");
    snprintf(loaded, sizeof(loaded), "%s", libc != NULL && libc->path != NULL ? libc->path : "");
    mlf__libraries_free(&list);
    IS(mlf__libraries_find(self, &elf, loaded, strlen(loaded) + 1, "/no/such", &list), MLF_OK,
       "with one that was seen in memory");
    libc = library(&list, "libc.so.6");
    OK(libc != NULL && libc->loaded && libc->version[0] == '6', "that one is known to be loaded");
    for (size_t i = 0, n = 0; i < list.n; i++)
        if (strcmp(list.items[i].name, "libc.so.6") == 0 && ++n > 1)
            OK(false, "it is there once");
    mlf__libraries_free(&list);
    OK(mlf__texts_add(&elf.needed, "libno-such-thing.so.9", 21), "with one that is missing");
    IS(mlf__libraries_find(self, &elf, "", 0, NULL, &list), MLF_OK, "the others are found");
    const struct mlf__library *missing = library(&list, "libno-such-thing.so.9");
    OK(missing != NULL && missing->path == NULL, "and it is listed without a path");
    mlf__libraries_free(&list);
    mlf__elf_free(&elf);
}

/* ---- git ---- */

static void test_repository(void)
{
    static const char commit[] = "0123456789abcdef0123456789abcdef01234567\n";
    static const char packed[] = "# pack-refs with: peeled\n"
                                 "fedcba9876543210fedcba9876543210fedcba98 refs/heads/side\n";
    struct mlf__git git;

    put("repo/.git/HEAD", "ref: refs/heads/main\n");
    put("repo/.git/refs/heads/main", commit);
    put("repo/src/bin/train", "");
    mlf__identity_git(in_folder("repo/src/bin/train"), &git);
    OK(strncmp(git.commit, commit, 40) == 0 && git.commit[40] == '\0', "a branch's commit");
    STR(git.root, in_folder("repo"), "of the folder above");

    put("repo/.git/packed-refs", packed);
    put("repo/.git/worktrees/side/HEAD", "ref: refs/heads/side\n");
    put("repo/.git/worktrees/side/commondir", "../..\n");
    put("side/.git", "gitdir: ../repo/.git/worktrees/side\n");
    put("side/train", "");
    mlf__identity_git(in_folder("side/train"), &git);
    STR(git.commit, "fedcba9876543210fedcba9876543210fedcba98",
        "a worktree's, among its repository's packed refs");
    STR(git.root, in_folder("side"), "of the worktree's folder");

    put("fresh/.git/HEAD", "ref: refs/heads/main\n");
    put("fresh/train", "");
    mlf__identity_git(in_folder("fresh/train"), &git);
    OK(git.commit[0] == '\0' && git.root[0] != '\0', "a repository without a commit");
    put("fresh/.git/HEAD", "ref: refs/../../../../etc/passwd\n");
    mlf__identity_git(in_folder("fresh/train"), &git);
    STR(git.root, "", "a ref that leads out of the repository is not read");
    mlf__identity_git("/usr/bin/env", &git);
    STR(git.root, "", "a program in no repository");
    mlf__identity_git("", &git);
    STR(git.root, "", "no program");
}

/* The answer of git for |root|: 0, 1, or -1 when it has none. */
static int dirty(const char *root)
{
    struct mlf__git_status status;
    mlf__git_status_start(&status, root, 20000);
    OK(mlf__git_status_poll(&status, 20000) && status.pid == 0, "git answers");
    return status.known ? status.dirty : -1;
}

static void test_dirty(void)
{
    char command[4096];
    snprintf(
        command, sizeof(command),
        "cd %s && mkdir real && cd real && unset GIT_DIR && git init -q . && echo a >a && "
        "git add a && git -c user.name=a -c user.email=a@b -c commit.gpgsign=false commit -qm a",
        folder);
    if (system("git --version >/dev/null 2>&1") != 0 || system(command) != 0) {
        tap_skip("git status", "git is not installed");
        return;
    }
    IS(dirty(in_folder("real")), 0, "a clean working tree");
    put("real/new", "b\n");
    IS(dirty(in_folder("real")), 1, "a new file makes it dirty");
    snprintf(command, sizeof(command), "cd %s/real && git config core.fsmonitor 'touch %s/ran'",
             folder, folder);
    OK(system(command) == 0, "a repository that wants to run a program");
    IS(dirty(in_folder("real")), 1, "is looked at all the same");
    OK(access(in_folder("ran"), F_OK) != 0, "and runs nothing");
    IS(dirty(folder), -1, "a folder without repository has no answer");

    struct mlf__git_status status;
    mlf__git_status_start(&status, in_folder("real"), 0);
    OK(mlf__git_status_poll(&status, 20000), "git that takes too long is given up");
    mlf__git_status_stop(&status);
    mlf__git_status_start(&status, "", 1000);
    OK(mlf__git_status_poll(&status, 0) && !status.known, "without a repository nothing runs");
}

/* ---- the environment ---- */

static const cJSON *at(const cJSON *object, const char *first, const char *second)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, first);
    return second != NULL ? cJSON_GetObjectItemCaseSensitive(item, second) : item;
}

static const char *text_at(const cJSON *object, const char *first, const char *second)
{
    const cJSON *item = at(object, first, second);
    return cJSON_IsString(item) ? item->valuestring : "";
}

static mlf_status note_tag(const char *key, const char *value, void *user)
{
    cJSON_AddStringToObject(user, key, value);
    return MLF_OK;
}

static mlf_status refuse_tag(const char *key, const char *value, void *user)
{
    (void)key;
    (void)value;
    ++*(int *)user;
    return MLF_ERR_FULL;
}

static void wait_until_seen(struct mlf__apply *apply)
{
    struct mlf__observed seen;
    int64_t end = mlf__monotonic_ns() + 20000000000;
    while (!mlf__observer_find(apply->watch->observer, (int32_t)getpid(), self, &seen) &&
           mlf__monotonic_ns() < end)
        usleep(1000);
    mlf__observed_free(&seen);
}

static void test_whole(void)
{
    static struct mlf__config config = {.run_id = "0123456789abcdef0123456789abcdef"};
    static char name[] = "program";
    static char *argv[] = {name, NULL};
    struct mlf__process process = {.pid = (int32_t)getpid(), .exe = self, .argv = argv, .argc = 1};
    struct mlf__apply apply;

    IS(mlf__apply_init(&apply, &config), MLF_OK, "a session");
    apply.origin.processes = &process;
    mlf__watch_start(&apply);
    mlf__watch_process(&apply, process.pid);
    wait_until_seen(&apply);
    char *text = mlf__environment_json(&apply);
    cJSON *json = cJSON_Parse(text != NULL ? text : "");
    STR(text_at(json, "program", "path"), self, "the program");
    OK(cJSON_IsArray(at(json, "program", "compilers")), "its compiler");
    const cJSON *item;
    int loaded = 0;
    cJSON_ArrayForEach(item, at(json, "libraries", NULL)) loaded +=
        cJSON_IsTrue(at(item, "loaded", NULL));
    OK(loaded > 1, "libraries that were seen in its memory");
    OK(text_at(json, "machine", "kernel")[0] != '\0', "the kernel");
    OK(at(json, "machine", "cpus") != NULL && at(json, "machine", "memory_bytes") != NULL,
       "CPUs and memory");
    STR(text_at(json, "job", "scheduler"), "slurm", "the scheduler");
    STR(text_at(json, "job", "array_task"), "7", "the job's task");
    STR(text_at(json, "variables", "OMP_NUM_THREADS"), "3", "a variable that matters");
    STR(text_at(json, "variables", "CUDA_API_TOKEN"), "***", "a secret is masked");
    OK(at(json, "variables", "UNRELATED") == NULL, "other variables are left out");
    OK(text == NULL || strstr(text, "hunter2") == NULL, "no secret gets in");

    cJSON *tags = cJSON_CreateObject();
    IS(mlf__environment_tags(text, note_tag, tags), MLF_OK, "tags");
    STR(text_at(tags, "mlf.job.id", NULL), "4711", "of the job");
    OK(at(tags, "mlf.compiler", NULL) != NULL, "of the compiler");
    int calls = 0;
    IS(mlf__environment_tags(text, refuse_tag, &calls), MLF_ERR_FULL, "trouble is passed on");
    IS(calls, 1, "at once");
    cJSON_Delete(tags);
    cJSON_Delete(json);
    mlf__free(text);
    mlf__watch_free(&apply);
    OK(apply.watch == NULL && !mlf__watch_is_due(&apply), "without a watch nothing is due");

    text = mlf__environment_json(&apply);
    json = cJSON_Parse(text != NULL ? text : "");
    STR(text_at(json, "program", "path"), self, "without a watch: what the file says");
    OK(at(json, "machine", NULL) == NULL && at(json, "job", NULL) == NULL,
       "and nothing of the machine, which may be another one");
    cJSON_Delete(json);
    mlf__free(text);
    apply.origin.processes = NULL;
    mlf__apply_free(&apply);
}

static void test_without_memory(void)
{
    static struct mlf__config config = {.run_id = "0123456789abcdef0123456789abcdef"};
    static char name[] = "program";
    static char *argv[] = {name, NULL};
    struct mlf__process process = {.exe = self, .argv = argv, .argc = 1};
    struct mlf__apply apply;

    IS(mlf__apply_init(&apply, &config), MLF_OK, "a session");
    apply.origin.processes = &process;
    /* Wherever memory runs out, there is an object or none. */
    int whole = 0;
    for (int i = 1; i <= 60; i++) {
        mlf__alloc_fail_after(i);
        char *text = mlf__environment_json(&apply);
        mlf__alloc_fail_after(0);
        whole += text != NULL;
        mlf__free(text);
    }
    OK(whole > 0 && whole < 60, "memory that runs out is survived");
    apply.origin.processes = NULL;
    mlf__apply_free(&apply);
}

int main(int argc, char **argv)
{
    char command[64];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

    (void)argc;
    if (len <= 0 || mkdtemp(folder) == NULL)
        return 1;
    self[len] = '\0';
    /* What /proc shows of the environment is what the process began with. */
    if (getenv("SLURM_JOB_ID") == NULL) {
        setenv("SLURM_JOB_ID", "4711", 1);
        setenv("SLURM_ARRAY_TASK_ID", "7", 1);
        setenv("OMP_NUM_THREADS", "3", 1);
        setenv("CUDA_API_TOKEN", "hunter2", 1);
        setenv("OMP_PLACES", "https://me:hunter2@host/x", 1);
        setenv("UNRELATED", "hunter2", 1);
        execv(self, argv);
        return 1;
    }
    test_elf();
    test_versions();
    test_libraries();
    test_repository();
    test_dirty();
    test_whole();
    test_without_memory();
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    OK(system(command) == 0, "the folder is removed");
    return tap_done();
}
