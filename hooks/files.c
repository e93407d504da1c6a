/* SPDX-License-Identifier: Apache-2.0 */
/* Files: which ones the program reads and writes, seen where it opens or renames them.
 *
 * fopen() does not call open() through the PLT, hence both layers. Closing is not watched: the collector
 * takes a file as it is at the end of the run. read(), write() and mmap() need no hook. */
#include "hooks/hooks.h"

#include "core/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- what is of interest ---- */

/* Does |path| lie in one of |folders|? They end with NULL. */
static bool lies_in(const char *path, const char *const *folders)
{
    for (; *folders != NULL; folders++)
        if (strncmp(path, *folders, strlen(*folders)) == 0)
            return true;
    return false;
}

/* Code is no data: shared objects, Python files, headers, objects of a compiler. */
static bool is_code(const char *path)
{
    static const char *const endings[] = {".so", ".py", ".pyc", ".h", ".o", ".a"};
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    size_t len = strlen(base);
    for (size_t i = 0; i < MLF__ARRAY_LEN(endings); i++) {
        size_t n = strlen(endings[i]);
        if (len >= n && memcmp(base + len - n, endings[i], n) == 0)
            return true;
    }
    return strstr(base, ".so.") != NULL;
}

static bool is_of_interest(const char *path)
{
    static const char *const kernel[] = {"/proc/", "/sys/", NULL};
    static const char *const system[] = {"/dev/",    "/etc/",       "/run/",         "/lib",
                                         "/usr/lib", "/usr/share/", "/usr/include/", "/bin/",
                                         "/sbin/",   "/usr/bin/",   "/usr/sbin/",    NULL};
    if (*path == '\0' || is_code(path) || lies_in(path, kernel))
        return false;
    return !lies_in(path, system) || mlf__hooks_named_in_argv(path);
}

/* By system call: the C library's stat functions have a version too new for old systems. */
static bool is_regular(int fd)
{
    struct stat st;
    return syscall(SYS_fstat, fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* |path| relative to |dirfd| made absolute, without resolving symbolic links. */
static bool make_absolute(int dirfd, const char *path, char out[MLF__HOOK_TEXT_SIZE])
{
    if (*path == '/' || dirfd == AT_FDCWD)
        return mlf__absolute_path(path, out, MLF__HOOK_TEXT_SIZE);
    char link[32] = "/proc/self/fd/";
    char digits[12];
    size_t n = 0, len = strlen(link);
    for (unsigned rest = (unsigned)dirfd; n == 0 || rest > 0; rest /= 10)
        digits[n++] = (char)('0' + rest % 10);
    while (n > 0)
        link[len++] = digits[--n];
    link[len] = '\0';
    ssize_t dir = readlink(link, out, MLF__HOOK_TEXT_SIZE);
    size_t name = strlen(path);
    if (dir <= 0 || *out != '/' || (size_t)dir + 1 + name >= MLF__HOOK_TEXT_SIZE)
        return false;
    out[dir] = '/';
    memcpy(out + dir + 1, path, name + 1);
    return true;
}

/* ---- what the wrappers share; errno is as the real function left it ---- */

static __attribute__((noinline)) void log_opened(int dirfd, const char *path, int fd,
                                                 unsigned roles)
{
    char absolute[MLF__HOOK_TEXT_SIZE];
    if (!is_of_interest(path) || !is_regular(fd) || !make_absolute(dirfd, path, absolute) ||
        !is_of_interest(absolute))
        return;
    if ((roles & MLF__FILE_READ) != 0)
        mlf__hooks_log_file(absolute, MLF__FILE_READ, false);
    if ((roles & MLF__FILE_WRITE) != 0)
        mlf__hooks_log_file(absolute, MLF__FILE_WRITE, false);
}

static void opened(int dirfd, const char *path, int fd, unsigned roles)
{
    int saved = errno;
    if (roles != 0 && mlf__hook_enter()) {
        log_opened(dirfd, path, fd, roles);
        mlf__guard_leave();
    }
    errno = saved;
}

/* What a file opened with |flags| is for: a file that is emptied first is not read. */
static unsigned roles_of_flags(int flags)
{
    if ((flags & (O_PATH | O_DIRECTORY)) != 0)
        return 0;
    switch (flags & O_ACCMODE) {
    case O_RDONLY:
        return MLF__FILE_READ;
    case O_WRONLY:
        return MLF__FILE_WRITE;
    default:
        return (flags & O_TRUNC) != 0 ? MLF__FILE_WRITE : MLF__FILE_READ | MLF__FILE_WRITE;
    }
}

static unsigned roles_of_mode(const char *mode)
{
    bool both = strchr(mode, '+') != NULL;
    switch (*mode) {
    case 'r':
        return both ? MLF__FILE_READ | MLF__FILE_WRITE : MLF__FILE_READ;
    case 'a':
        return both ? MLF__FILE_READ | MLF__FILE_WRITE : MLF__FILE_WRITE;
    default:
        return MLF__FILE_WRITE;
    }
}

static int fd_opened(int dirfd, const char *path, int fd, int flags)
{
    if (fd >= 0)
        opened(dirfd, path, fd, roles_of_flags(flags));
    return fd;
}

static FILE *stream_opened(const char *path, FILE *stream, const char *mode)
{
    if (stream != NULL && path != NULL)
        opened(AT_FDCWD, path, fileno(stream), roles_of_mode(mode));
    return stream;
}

static int renamed(int dirfd, const char *path, int result)
{
    int saved = errno;
    struct stat st;
    if (result == 0 && mlf__hook_enter()) {
        char absolute[MLF__HOOK_TEXT_SIZE];
        if (is_of_interest(path) &&
            syscall(SYS_newfstatat, dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode) && make_absolute(dirfd, path, absolute) && is_of_interest(absolute))
            mlf__hooks_log_file(absolute, MLF__FILE_WRITE, false);
        mlf__guard_leave();
    }
    errno = saved;
    return result;
}

/* ---- the wrappers ---- */

enum file_hook {
    HOOK_FOPEN,
    HOOK_FOPEN64,
    HOOK_FREOPEN,
    HOOK_FREOPEN64,
    HOOK_OPEN,
    HOOK_OPEN64,
    HOOK_OPENAT,
    HOOK_OPENAT64,
    HOOK_CREAT,
    HOOK_CREAT64,
    HOOK_OPEN_2,
    HOOK_OPEN64_2,
    HOOK_OPENAT_2,
    HOOK_RENAME,
    HOOK_RENAMEAT,
    HOOK_RENAMEAT2,
    HOOK_OPENAT64_2,
    N_FILE_HOOKS
};

static struct mlf__hook hooks[N_FILE_HOOKS];

typedef FILE *fopen_fn(const char *path, const char *mode);
typedef FILE *freopen_fn(const char *path, const char *mode, FILE *stream);
typedef int open_fn(const char *path, int flags, ...);
typedef int openat_fn(int dirfd, const char *path, int flags, ...);
typedef int creat_fn(const char *path, mode_t mode);
typedef int open_2_fn(const char *path, int flags);
typedef int openat_2_fn(int dirfd, const char *path, int flags);
typedef int rename_fn(const char *from, const char *to);
typedef int renameat_fn(int from_fd, const char *from, int to_fd, const char *to);
typedef int renameat2_fn(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);

/* The compiler's own declarations of the checked variants are only made with _FORTIFY_SOURCE. */
MLF__HOOK int __open_2(const char *path, int flags);
MLF__HOOK int __open64_2(const char *path, int flags);
MLF__HOOK int __openat_2(int dirfd, const char *path, int flags);
MLF__HOOK int __openat64_2(int dirfd, const char *path, int flags);

static bool takes_mode(int flags)
{
    return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

/* Reads the mode into |mode| when |flags| say that there is one. */
#define READ_MODE(mode, flags)                                                                     \
    if (takes_mode(flags)) {                                                                       \
        va_list args;                                                                              \
        va_start(args, flags);                                                                     \
        (mode) = va_arg(args, mode_t);                                                             \
        va_end(args);                                                                              \
    }

MLF__HOOK FILE *fopen(const char *restrict path, const char *restrict mode)
{
    FILE *stream = ((fopen_fn *)mlf__hook_real(&hooks[HOOK_FOPEN]))(path, mode);
    return stream_opened(path, stream, mode);
}

MLF__HOOK FILE *fopen64(const char *restrict path, const char *restrict mode)
{
    FILE *stream = ((fopen_fn *)mlf__hook_real(&hooks[HOOK_FOPEN64]))(path, mode);
    return stream_opened(path, stream, mode);
}

MLF__HOOK FILE *freopen(const char *restrict path, const char *restrict mode, FILE *restrict old)
{
    FILE *stream = ((freopen_fn *)mlf__hook_real(&hooks[HOOK_FREOPEN]))(path, mode, old);
    return stream_opened(path, stream, mode);
}

MLF__HOOK FILE *freopen64(const char *restrict path, const char *restrict mode, FILE *restrict old)
{
    FILE *stream = ((freopen_fn *)mlf__hook_real(&hooks[HOOK_FREOPEN64]))(path, mode, old);
    return stream_opened(path, stream, mode);
}

MLF__HOOK int open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    READ_MODE(mode, flags)
    int fd = ((open_fn *)mlf__hook_real(&hooks[HOOK_OPEN]))(path, flags, mode);
    return fd_opened(AT_FDCWD, path, fd, flags);
}

MLF__HOOK int open64(const char *path, int flags, ...)
{
    mode_t mode = 0;
    READ_MODE(mode, flags)
    int fd = ((open_fn *)mlf__hook_real(&hooks[HOOK_OPEN64]))(path, flags, mode);
    return fd_opened(AT_FDCWD, path, fd, flags);
}

MLF__HOOK int openat(int dirfd, const char *path, int flags, ...)
{
    mode_t mode = 0;
    READ_MODE(mode, flags)
    int fd = ((openat_fn *)mlf__hook_real(&hooks[HOOK_OPENAT]))(dirfd, path, flags, mode);
    return fd_opened(dirfd, path, fd, flags);
}

MLF__HOOK int openat64(int dirfd, const char *path, int flags, ...)
{
    mode_t mode = 0;
    READ_MODE(mode, flags)
    int fd = ((openat_fn *)mlf__hook_real(&hooks[HOOK_OPENAT64]))(dirfd, path, flags, mode);
    return fd_opened(dirfd, path, fd, flags);
}

MLF__HOOK int creat(const char *path, mode_t mode)
{
    int fd = ((creat_fn *)mlf__hook_real(&hooks[HOOK_CREAT]))(path, mode);
    return fd_opened(AT_FDCWD, path, fd, O_WRONLY | O_CREAT | O_TRUNC);
}

MLF__HOOK int creat64(const char *path, mode_t mode)
{
    int fd = ((creat_fn *)mlf__hook_real(&hooks[HOOK_CREAT64]))(path, mode);
    return fd_opened(AT_FDCWD, path, fd, O_WRONLY | O_CREAT | O_TRUNC);
}

MLF__HOOK int __open_2(const char *path, int flags)
{
    int fd = ((open_2_fn *)mlf__hook_real(&hooks[HOOK_OPEN_2]))(path, flags);
    return fd_opened(AT_FDCWD, path, fd, flags);
}

MLF__HOOK int __open64_2(const char *path, int flags)
{
    int fd = ((open_2_fn *)mlf__hook_real(&hooks[HOOK_OPEN64_2]))(path, flags);
    return fd_opened(AT_FDCWD, path, fd, flags);
}

MLF__HOOK int __openat_2(int dirfd, const char *path, int flags)
{
    int fd = ((openat_2_fn *)mlf__hook_real(&hooks[HOOK_OPENAT_2]))(dirfd, path, flags);
    return fd_opened(dirfd, path, fd, flags);
}

MLF__HOOK int __openat64_2(int dirfd, const char *path, int flags)
{
    int fd = ((openat_2_fn *)mlf__hook_real(&hooks[HOOK_OPENAT64_2]))(dirfd, path, flags);
    return fd_opened(dirfd, path, fd, flags);
}

MLF__HOOK int rename(const char *from, const char *to)
{
    int result = ((rename_fn *)mlf__hook_real(&hooks[HOOK_RENAME]))(from, to);
    return renamed(AT_FDCWD, to, result);
}

MLF__HOOK int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    int result = ((renameat_fn *)mlf__hook_real(&hooks[HOOK_RENAMEAT]))(from_fd, from, to_fd, to);
    return renamed(to_fd, to, result);
}

MLF__HOOK int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    renameat2_fn *real = (renameat2_fn *)mlf__hook_real(&hooks[HOOK_RENAMEAT2]);
    /* A C library before 2.28 has no such function, but a program may find ours. */
    int result = real != NULL ? real(from_fd, from, to_fd, to, flags)
                              : (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, flags);
    return renamed(to_fd, to, result);
}

#define FILE_HOOK(function)                                                                        \
    {                                                                                              \
        .name = #function, .wrapper = (mlf__hook_fn *)(function)                                   \
    }

static struct mlf__hook hooks[N_FILE_HOOKS] = {
    [HOOK_FOPEN] = FILE_HOOK(fopen),         [HOOK_FOPEN64] = FILE_HOOK(fopen64),
    [HOOK_FREOPEN] = FILE_HOOK(freopen),     [HOOK_FREOPEN64] = FILE_HOOK(freopen64),
    [HOOK_OPEN] = FILE_HOOK(open),           [HOOK_OPEN64] = FILE_HOOK(open64),
    [HOOK_OPENAT] = FILE_HOOK(openat),       [HOOK_OPENAT64] = FILE_HOOK(openat64),
    [HOOK_CREAT] = FILE_HOOK(creat),         [HOOK_CREAT64] = FILE_HOOK(creat64),
    [HOOK_OPEN_2] = FILE_HOOK(__open_2),     [HOOK_OPEN64_2] = FILE_HOOK(__open64_2),
    [HOOK_OPENAT_2] = FILE_HOOK(__openat_2), [HOOK_OPENAT64_2] = FILE_HOOK(__openat64_2),
    [HOOK_RENAME] = FILE_HOOK(rename),       [HOOK_RENAMEAT] = FILE_HOOK(renameat),
    [HOOK_RENAMEAT2] = FILE_HOOK(renameat2),
};

struct mlf__hook_list mlf__file_hooks(void)
{
    return (struct mlf__hook_list){hooks, N_FILE_HOOKS};
}
