/* SPDX-License-Identifier: Apache-2.0 */
/* Starting the collector from inside a host process.
 *
 * The child comes from clone(CLONE_VM | CLONE_VFORK) with exit signal 0: a host of any size is not
 * copied, no atfork handler runs, no SIGCHLD is sent and the host's wait() does not see it. It must not
 * execute anything itself, for that would make it an ordinary child; so it clones a second one the same way,
 * which executes the collector, and ends. We reap the first with __WCLONE; the second is nobody's child
 * here. Both share our memory and make system calls only. */
#include "core/spawn.h"
#include "core/compat_glibc.h"

#include "core/buf.h"
#include "core/sys.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STACK_SIZE = 64 * 1024, STACKS_SIZE = 2 * STACK_SIZE, ENV_MAX = 4096, RING_PATH_MAX = 1024 };

/* ---- our own files ---- */

static bool readable(const char *path, int mode)
{
    return syscall(SYS_faccessat, AT_FDCWD, path, mode) == 0;
}

/* The real folder of libmlf_core.so: /proc/self/fd resolves links without realpath()'s allocation. */
static bool core_folder(char *out, size_t size)
{
    Dl_info info;
    if (dladdr((void *)core_folder, &info) == 0 || info.dli_fname == NULL)
        return false;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, info.dli_fname, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return false;
    char link[64];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    long n = syscall(SYS_readlinkat, AT_FDCWD, link, out, size - 1);
    syscall(SYS_close, fd);
    if (n <= 0)
        return false;
    out[n] = '\0';
    char *slash = strrchr(out, '/');
    if (slash == NULL)
        return false;
    *slash = '\0';
    return true;
}

static bool locate(const char *in_build, const char *installed, int mode, char *out, size_t size)
{
    char folder[1024];
    if (!core_folder(folder, sizeof(folder)))
        return false;
    const char *const places[] = {in_build, installed};
    for (size_t i = 0; i < MLF__ARRAY_LEN(places); i++) {
        int n = snprintf(out, size, "%s/%s", folder, places[i]);
        if (n > 0 && (size_t)n < size && readable(out, mode))
            return true;
    }
    return false;
}

bool mlf__locate_hooks(char *out, size_t size)
{
    return locate("../hooks/libmlf_hooks.so", MLF__LIBEXEC_FROM_LIB "/libmlf_hooks.so", R_OK, out,
                  size);
}

bool mlf__locate_program(char *out, size_t size)
{
    return locate("../cli/mlf", MLF__LIBEXEC_FROM_LIB "/mlf", X_OK, out, size);
}

/* ---- the collector ---- */

struct start {
    const char *program;
    const char *argv[5];
    char **envp;
    char *second_stack;
    int error; /* written by the children before they exit */
};

static int execute_collector(void *arg)
{
    struct start *start = arg;
    /* The new program blocks nothing. The host's handlers are reset by execve. */
    uint64_t none = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
    syscall(SYS_execve, start->program, start->argv, start->envp);
    start->error = errno;
    syscall(SYS_exit, 127);
    return 0;
}

static int leave_collector(void *arg)
{
    struct start *start = arg;
    if (clone(execute_collector, start->second_stack, CLONE_VM | CLONE_VFORK, start) < 0)
        start->error = errno;
    syscall(SYS_exit, 0);
    return 0;
}

/* The environment without what would hook or redirect the collector. */
static void collector_environment(char **out, size_t max)
{
    size_t n = 0;
    for (char **at = environ; at != NULL && *at != NULL && n + 1 < max; at++)
        if (strncmp(*at, "LD_PRELOAD=", 11) != 0 && strncmp(*at, "MLF_SESSION=", 12) != 0)
            out[n++] = *at;
    out[n] = NULL;
}

static bool host_reaps_strangers(void)
{
    int subreaper = 0;
    return getpid() == 1 || (prctl(PR_GET_CHILD_SUBREAPER, &subreaper) == 0 && subreaper != 0);
}

mlf_status mlf__spawn_collector(const char *ring_path)
{
    char program[1024], path[RING_PATH_MAX];
    if (host_reaps_strangers())
        return mlf__fail(MLF_ERR_STATE,
                         "this process adopts orphans: no collector is started in it");
    if (!mlf__locate_program(program, sizeof(program)))
        return mlf__fail(MLF_ERR_NOT_FOUND, "the program mlf is not where libmlf_core belongs");
    mlf__copy_text(path, sizeof(path), ring_path);
    size_t size = STACKS_SIZE + ENV_MAX * sizeof(char *);
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return mlf__fail_errno(errno, "no memory to start the collector");
    char **envp = (char **)(void *)(memory + STACKS_SIZE);
    collector_environment(envp, ENV_MAX);
    struct start start = {.program = program,
                          .argv = {"mlf", "collect", "--ring", path, NULL},
                          .envp = envp,
                          .second_stack = memory + STACKS_SIZE};
    /* No handler of the host may run in the child, which shares its memory. */
    uint64_t all = ~(uint64_t)0, before;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof(all));
    int pid = clone(leave_collector, memory + STACK_SIZE, CLONE_VM | CLONE_VFORK, &start);
    int err = errno;
    if (pid > 0) {
        while (syscall(SYS_wait4, pid, NULL, __WCLONE, NULL) < 0 && errno == EINTR) {
        }
    }
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof(before));
    munmap(memory, size);
    if (pid < 0)
        return mlf__fail_errno(err, "the collector cannot be started");
    if (start.error != 0)
        return mlf__fail_errno(start.error, "%s: the collector cannot be started", program);
    return MLF_OK;
}
