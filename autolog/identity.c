/* SPDX-License-Identifier: Apache-2.0 */
/* Who runs, and from which commit: what MLflow's client tags every run with; and whether the commit is the
 * whole truth. */
#include "autolog/identity.h"

#include "autolog/apply.h"
#include "core/buf.h"
#include "core/env.h"
#include "core/mem.h"
#include "core/sys.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

char *mlf__identity_user(void)
{
    const char *name = mlf__env(MLF__ENV_MLFLOW_TRACKING_USERNAME);
    if (*name != '\0')
        return mlf__strdup(name);
    char buffer[4096];
    struct passwd entry, *found = NULL;
    if (getpwuid_r(geteuid(), &entry, buffer, sizeof(buffer), &found) == 0 && found != NULL)
        return mlf__strdup(found->pw_name);
    name = mlf__env(MLF__ENV_USER);
    if (*name != '\0')
        return mlf__strdup(name);
    snprintf(buffer, sizeof(buffer), "uid %u", (unsigned)geteuid());
    return mlf__strdup(buffer);
}

/* The first line of a small file, without its newline; false when it cannot be read. */
static bool read_line(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    bool got = fgets(out, (int)size, file) != NULL;
    fclose(file);
    if (got)
        out[strcspn(out, "\r\n")] = '\0';
    return got;
}

static bool is_commit(const char *text)
{
    size_t n = strspn(text, "0123456789abcdef");
    return (n == 40 || n == 64) && text[n] == '\0';
}

/* A ref that has no file of its own is a line "<commit> <ref>" of packed-refs. */
static bool packed_ref(const char *git_dir, const char *ref, char out[72])
{
    char path[PATH_MAX], line[1024];
    if (snprintf(path, sizeof(path), "%s/packed-refs", git_dir) >= (int)sizeof(path))
        return false;
    FILE *file = fopen(path, "re");
    bool found = false;
    while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL) {
        char *space = strchr(line, ' ');
        if (space == NULL)
            continue;
        *space = '\0';
        space[1 + strcspn(space + 1, "\r\n")] = '\0';
        found = strcmp(space + 1, ref) == 0 && is_commit(line) && mlf__copy_text(out, 72, line);
    }
    if (file != NULL)
        fclose(file);
    return found;
}

/* |path|, which may be relative to the folder |base|. */
static bool join(const char *base, const char *path, char out[PATH_MAX])
{
    int n = path[0] == '/' ? snprintf(out, PATH_MAX, "%s", path)
                           : snprintf(out, PATH_MAX, "%s/%s", base, path);
    return n > 0 && n < PATH_MAX;
}

/* The folder with the repository's data of the working tree |root|. Of a worktree or submodule .git is a
 * file that names it. */
static bool git_folder(const char *root, char out[PATH_MAX])
{
    char path[PATH_MAX], line[PATH_MAX];
    struct stat st;

    if (!join(root, ".git", path) || stat(path, &st) != 0)
        return false;
    if (S_ISDIR(st.st_mode))
        return mlf__copy_text(out, PATH_MAX, path);
    return read_line(path, line, sizeof(line)) && strncmp(line, "gitdir: ", 8) == 0 &&
           join(root, line + 8, out);
}

/* Where refs are: a worktree shares those of its repository. */
static bool common_folder(const char *git_dir, char out[PATH_MAX])
{
    char path[PATH_MAX], line[PATH_MAX];

    if (join(git_dir, "commondir", path) && read_line(path, line, sizeof(line)))
        return join(git_dir, line, out);
    return mlf__copy_text(out, PATH_MAX, git_dir);
}

static bool commit_of(const char *git_dir, char out[72])
{
    char common[PATH_MAX], path[PATH_MAX], head[512], line[512];

    if (!join(git_dir, "HEAD", path) || !read_line(path, head, sizeof(head)))
        return false;
    if (is_commit(head))
        return mlf__copy_text(out, 72, head);
    if (strncmp(head, "ref: ", 5) != 0 || strstr(head, "..") != NULL ||
        !common_folder(git_dir, common))
        return false;
    if (join(common, head + 5, path) && read_line(path, line, sizeof(line)) && is_commit(line))
        return mlf__copy_text(out, 72, line);
    packed_ref(common, head + 5, out);
    return true;
}

void mlf__identity_git(const char *path, struct mlf__git *out)
{
    char git_dir[PATH_MAX];

    *out = (struct mlf__git){.root = ""};
    char *real = path[0] != '\0' ? realpath(path, NULL) : NULL;
    if (real == NULL || !mlf__copy_text(out->root, sizeof(out->root), real))
        out->root[0] = '\0';
    free(real);
    for (char *slash; (slash = strrchr(out->root, '/')) != NULL && slash != out->root;) {
        *slash = '\0';
        if (git_folder(out->root, git_dir) && commit_of(git_dir, out->commit))
            return;
    }
    out->root[0] = '\0';
}

void mlf__identity_git_commit(const char *path, char out[72])
{
    struct mlf__git git;
    mlf__identity_git(path, &git);
    mlf__copy_text(out, 72, git.commit);
}

/* ---- git status ---- */

/* In a process group and with an environment of its own, in which no configuration of the repository runs a
 * program, nothing is asked and no lock is taken. */
static bool spawn_git(const char *root, int out, pid_t *pid)
{
    char path[PATH_MAX + 8], home[PATH_MAX + 8];
    snprintf(path, sizeof(path), "PATH=%s", mlf__env(MLF__ENV_PATH));
    snprintf(home, sizeof(home), "HOME=%s", mlf__env(MLF__ENV_HOME));
    const char *const argv[] = {
        "git",    "--no-optional-locks",  "-C",       root,
        "-c",     "core.fsmonitor=false", "-c",       "core.hooksPath=/dev/null",
        "status", "--porcelain=v2",       "--branch", "--ignore-submodules=dirty",
        NULL};
    const char *const envp[] = {
        path, home, "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
    /* posix_spawnp() does not write to its arguments; its type is older than const. */
    int err = posix_spawnp(pid, "git", &actions, &attributes, (char *const *)(uintptr_t)argv,
                           (char *const *)(uintptr_t)envp);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return err == 0;
}

void mlf__git_status_start(struct mlf__git_status *status, const char *root, int64_t timeout_ms)
{
    int pipe_fds[2];

    *status = (struct mlf__git_status){.fd = -1};
    if (root[0] == '\0' || pipe2(pipe_fds, O_CLOEXEC) != 0)
        return;
    if (!spawn_git(root, pipe_fds[1], &status->pid))
        status->pid = 0;
    close(pipe_fds[1]);
    if (status->pid == 0) {
        close(pipe_fds[0]);
        return;
    }
    status->fd = pipe_fds[0];
    fcntl(status->fd, F_SETFL, O_NONBLOCK);
    status->end_ns = mlf__monotonic_ns() + timeout_ms * 1000000;
}

/* Lines of what was changed; those that begin with '#' are of the branch. */
static void see_output(struct mlf__git_status *status, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!status->line_open && text[i] != '#')
            status->dirty = true;
        status->line_open = text[i] != '\n';
        status->began = true;
    }
}

bool mlf__git_status_poll(struct mlf__git_status *status, int64_t wait_ms)
{
    int64_t until = mlf__monotonic_ns() + wait_ms * 1000000;

    while (status->pid != 0) {
        char text[4096];
        ssize_t n = read(status->fd, text, sizeof(text));
        if (n > 0)
            see_output(status, text, (size_t)n);
        /* One changed file is enough to know. */
        if (n == 0 || status->dirty) {
            status->known = status->began;
            mlf__git_status_stop(status);
            break;
        }
        if (n > 0)
            continue;
        int64_t now = mlf__monotonic_ns();
        if ((errno != EAGAIN && errno != EINTR) || now >= status->end_ns) {
            mlf__git_status_stop(status);
            break;
        }
        if (now >= until)
            return false;
        struct pollfd poll_fd = {.fd = status->fd, .events = POLLIN};
        poll(&poll_fd, 1, (int)((until - now) / 1000000 + 1));
    }
    return true;
}

void mlf__git_status_stop(struct mlf__git_status *status)
{
    if (status->pid == 0)
        return;
    close(status->fd);
    status->fd = -1;
    /* Somebody else may have reaped it already (mlf as PID 1 of a container reaps everything). */
    if (waitpid(status->pid, NULL, WNOHANG) == 0) {
        kill(-status->pid, SIGKILL);
        while (waitpid(status->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    status->pid = 0;
}
