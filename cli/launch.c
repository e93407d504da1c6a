/* SPDX-License-Identifier: Apache-2.0 */
/* fork and exec. Everything that may fail or allocate is done before fork(); a pipe that closes on
 * exec tells whether the exec succeeded. */
#include "cli/launch.h"

#include "cli/cli.h"
#include "cli/pty.h"
#include "core/buf.h"
#include "core/env.h"
#include "core/log.h"
#include "core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- signals ---- */

static const int watched_signals[] = {SIGCHLD, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH};

void mlf__signals_take(struct mlf__signals *saved, sigset_t *watched)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, fallback = {.sa_handler = SIG_DFL};

    sigemptyset(watched);
    for (size_t i = 0; i < MLF__ARRAY_LEN(watched_signals); i++)
        sigaddset(watched, watched_signals[i]);
    /* PID 1 of a container gets its signals from outside only: it passes all of them on. */
    if (getpid() == 1) {
        sigaddset(watched, SIGINT);
        sigaddset(watched, SIGQUIT);
    }
    sigset_t block = *watched;
    /* Until the launcher ignores them, so that none ends it between the two. */
    sigaddset(&block, SIGINT);
    sigaddset(&block, SIGQUIT);
    sigprocmask(SIG_BLOCK, &block, &saved->mask);
    /* Ignored SIGCHLD would make the kernel reap the command and lose its status. */
    sigaction(SIGCHLD, &fallback, &saved->child);
    sigaction(SIGPIPE, &ignore, &saved->pipe);
    sigaction(SIGXFSZ, &ignore, &saved->file_size);
    sigaction(SIGINT, NULL, &saved->interrupt);
    sigaction(SIGQUIT, NULL, &saved->quit);
}

void mlf__signals_restore(const struct mlf__signals *saved)
{
    sigaction(SIGCHLD, &saved->child, NULL);
    sigaction(SIGPIPE, &saved->pipe, NULL);
    sigaction(SIGXFSZ, &saved->file_size, NULL);
    sigaction(SIGINT, &saved->interrupt, NULL);
    sigaction(SIGQUIT, &saved->quit, NULL);
    sigprocmask(SIG_SETMASK, &saved->mask, NULL);
}

/* ---- environment ---- */

/* LD_PRELOAD with |hooks| in front of what is there: behind the sanitizer's library, which insists on
 * being first. Empty when it is there already, as in an `mlf run` inside another. */
static void preload_value(const struct mlf__launch *launch, struct mlf__buf *out)
{
    const char *before = mlf__env(MLF__ENV_LD_PRELOAD);

    mlf__buf_puts(out, "LD_PRELOAD=");
    if (strstr(before, launch->hooks) != NULL) {
        mlf__buf_puts(out, before);
        return;
    }
    if (launch->program->sanitizer[0] != '\0')
        mlf__buf_printf(out, "%s:", launch->program->sanitizer);
    mlf__buf_puts(out, launch->hooks);
    if (*before != '\0')
        mlf__buf_printf(out, ":%s", before);
}

static bool is_set_by_env(const char *entry, char *const *env)
{
    size_t len = strcspn(entry, "=") + 1;
    for (size_t i = 0; env != NULL && env[i] != NULL; i++)
        if (strncmp(entry, env[i], len) == 0)
            return true;
    return false;
}

static bool is_replaced(const char *entry, const struct mlf__launch *launch)
{
    return strncmp(entry, "MLF_SESSION=", 12) == 0 || strncmp(entry, "MLF_RUN=", 8) == 0 ||
           strncmp(entry, "MLF_LINE_BUFFERED=", 18) == 0 ||
           (launch->hooks != NULL && strncmp(entry, "LD_PRELOAD=", 11) == 0);
}

static size_t count_words(char *const *words)
{
    size_t n = 0;
    while (words != NULL && words[n] != NULL)
        n++;
    return n;
}

/* |environ| with what is set for the command, and the session's variables, in |image|. */
static mlf_status make_environment(const struct mlf__launch *launch, struct mlf__image *image)
{
    static char line_buffered[] = "MLF_LINE_BUFFERED=1";
    size_t n = count_words(environ), n_set = count_words(launch->env), kept = 0;
    char **envp = mlf__zalloc(n + n_set + 5, sizeof(char *));

    image->envp = envp;
    if (envp == NULL)
        return MLF_ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        if (!is_replaced(environ[i], launch) && !is_set_by_env(environ[i], launch->env))
            envp[kept++] = environ[i];
    }
    for (size_t i = 0; i < n_set; i++) {
        if (!is_replaced(launch->env[i], launch))
            envp[kept++] = launch->env[i];
    }
    if (launch->ring != NULL) {
        mlf__buf_printf(&image->session, "MLF_SESSION=%s", launch->ring);
        envp[kept++] = image->session.data;
    }
    if (launch->run != NULL) {
        mlf__buf_printf(&image->run, "MLF_RUN=%s", launch->run);
        envp[kept++] = image->run.data;
    }
    if (launch->line_buffered)
        envp[kept++] = line_buffered;
    if (launch->hooks != NULL) {
        preload_value(launch, &image->preload);
        envp[kept++] = image->preload.data;
    }
    bool failed = image->session.failed || image->run.failed || image->preload.failed;
    return failed ? MLF_ERR_NOMEM : MLF_OK;
}

/* ---- processes ---- */

/* Executes, as a shell would: a text file without "#!" is a script of /bin/sh. |shell_argv| has room for
 * that form. Returns the errno. */
static int execute(const char *path, char *const *argv, char **shell_argv, char **envp)
{
    execve(path, argv, envp);
    if (errno != ENOEXEC)
        return errno;
    execve("/bin/sh", shell_argv, envp);
    return errno;
}

static char **make_shell_argv(const char *path, char *const *argv)
{
    static char shell[] = "sh";
    size_t n = 0;

    while (argv[n] != NULL)
        n++;
    char **result = mlf__zalloc(n + 2, sizeof(char *));
    if (result == NULL)
        return NULL;
    result[0] = shell;
    /* execve() does not write to its arguments; its type is older than const. */
    memcpy(&result[1], &path, sizeof(path));
    for (size_t i = 1; i < n; i++)
        result[i + 1] = argv[i];
    return result;
}

mlf_status mlf__image_make(const struct mlf__launch *launch, struct mlf__image *out)
{
    *out = (struct mlf__image){.path = launch->program->path, .argv = launch->argv};
    out->shell_argv = make_shell_argv(out->path, out->argv);
    return out->shell_argv != NULL ? make_environment(launch, out) : MLF_ERR_NOMEM;
}

void mlf__image_free(struct mlf__image *image)
{
    mlf__free(image->shell_argv);
    mlf__free(image->envp);
    mlf__buf_free(&image->preload);
    mlf__buf_free(&image->session);
    mlf__buf_free(&image->run);
}

int mlf__image_execute(const struct mlf__image *image)
{
    return execute(image->path, image->argv, image->shell_argv, image->envp);
}

/* Does stream |fd| go through a pipe? Not when the caller had closed it: what is open there then is our
 * stand-in, which closes on exec. */
static bool is_open_stream(int fd)
{
    int flags = fcntl(fd, F_GETFD);
    return flags >= 0 && (flags & FD_CLOEXEC) == 0;
}

/* Are stdout and stderr one open file, so that only one pipe keeps their order? */
static bool is_same_stream(void)
{
    struct stat out, err;
    pid_t self = getpid();
    long order = syscall(SYS_kcmp, self, self, KCMP_FILE, (long)STDOUT_FILENO, (long)STDERR_FILENO);

    if (order >= 0)
        return order == 0;
    return fstat(STDOUT_FILENO, &out) == 0 && fstat(STDERR_FILENO, &err) == 0 &&
           out.st_dev == err.st_dev && out.st_ino == err.st_ino;
}

struct pipes {
    int out[2], err[2], exec[2];
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void close_pipes(struct pipes *pipes)
{
    for (int i = 0; i < 2; i++) {
        close_fd(&pipes->out[i]);
        close_fd(&pipes->err[i]);
        close_fd(&pipes->exec[i]);
    }
}

/* What stands between the command and stream |fd|: a terminal for a terminal, a pipe for everything else. Where there is
 * no pseudo-terminal to be had the command writes to the terminal itself. False when no pipe can be made. */
static bool open_between(int fd, int ends[2])
{
    if (!isatty(fd))
        return pipe2(ends, O_CLOEXEC) == 0;
    if (mlf__pty_open(fd, &ends[0], &ends[1]) != MLF_OK)
        mlf__log(MLF__LOG_WARN, "the command's output is not read: %s", mlf__errmsg());
    return true;
}

static mlf_status open_pipes(bool capture, struct pipes *pipes, bool *one_stream)
{
    bool out = capture && is_open_stream(STDOUT_FILENO);
    bool err = capture && is_open_stream(STDERR_FILENO);
    bool same = out && err && is_same_stream();

    *pipes = (struct pipes){{-1, -1}, {-1, -1}, {-1, -1}};
    *one_stream = false;
    if (pipe2(pipes->exec, O_CLOEXEC) == 0 && (!out || open_between(STDOUT_FILENO, pipes->out)) &&
        (!err || same || open_between(STDERR_FILENO, pipes->err))) {
        *one_stream = same && pipes->out[1] >= 0;
        return MLF_OK;
    }
    mlf_status status = mlf__fail_errno(errno, "no pipe can be made");
    close_pipes(pipes);
    return status;
}

static void become_command(const struct mlf__launch *launch, const struct pipes *pipes,
                           bool one_stream, const struct mlf__image *image)
{
    int err = 0;

    mlf__signals_restore(launch->signals);
    if (pipes->out[1] >= 0 && dup2(pipes->out[1], STDOUT_FILENO) < 0)
        err = errno;
    if (one_stream && dup2(pipes->out[1], STDERR_FILENO) < 0)
        err = errno;
    if (pipes->err[1] >= 0 && dup2(pipes->err[1], STDERR_FILENO) < 0)
        err = errno;
    if (err == 0)
        err = mlf__image_execute(image);
    ssize_t written = write(pipes->exec[1], &err, sizeof(err));
    (void)written;
    _exit(MLF__EXIT_NOT_FOUND);
}

/* Waits for the exec: the pipe closes without a word when it succeeded. */
static int read_exec_error(int fd)
{
    int err = 0;
    ssize_t n;

    do {
        n = read(fd, &err, sizeof(err));
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof(err) ? err : 0;
}

static mlf_status start(const struct mlf__launch *launch, const struct mlf__image *image,
                        struct mlf__launched *out, int *exec_error)
{
    struct pipes pipes;
    bool one_stream = false;
    mlf_status status = open_pipes(launch->capture, &pipes, &one_stream);

    if (status != MLF_OK)
        return status;
    pid_t pid = fork();
    if (pid < 0) {
        status = mlf__fail_errno(errno, "no process can be started");
        close_pipes(&pipes);
        return status;
    }
    if (pid == 0)
        become_command(launch, &pipes, one_stream, image);
    close_fd(&pipes.exec[1]);
    close_fd(&pipes.out[1]);
    close_fd(&pipes.err[1]);
    *exec_error = read_exec_error(pipes.exec[0]);
    close_fd(&pipes.exec[0]);
    *out = (struct mlf__launched){.pid = pid, .out = pipes.out[0], .err = pipes.err[0]};
    return MLF_OK;
}

mlf_status mlf__launch(const struct mlf__launch *launch, struct mlf__launched *out, int *exec_error)
{
    struct mlf__image image;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    mlf_status status = mlf__image_make(launch, &image);

    *out = (struct mlf__launched){.pid = -1, .out = -1, .err = -1};
    *exec_error = 0;
    if (status == MLF_OK)
        status = start(launch, &image, out, exec_error);
    /* The keyboard's signals are for the command: it decides whether it ends. */
    if (status == MLF_OK && getpid() != 1) {
        sigaction(SIGINT, &ignore, NULL);
        sigaction(SIGQUIT, &ignore, NULL);
    }
    mlf__image_free(&image);
    return status;
}

int mlf__launch_plain(const struct mlf__program *program, char *const *argv)
{
    char **shell_argv = make_shell_argv(program->path, argv);

    if (shell_argv == NULL) {
        mlf__cli_say("out of memory");
        return MLF__EXIT_NOT_EXECUTABLE;
    }
    int err = execute(program->path, argv, shell_argv, environ);
    mlf__free(shell_argv);
    mlf__cli_say("%s: cannot be executed: %s", argv[0], strerror(err));
    return err == ENOENT ? MLF__EXIT_NOT_FOUND : MLF__EXIT_NOT_EXECUTABLE;
}
