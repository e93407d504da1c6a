/* SPDX-License-Identifier: Apache-2.0 */
/* Copies files into a local artifact location. Every file appears whole under its name or not at all;
 * a hard link would change with the program's next write, so there are none. */
#include "tracking/artifacts.h"

#include "core/buf.h"
#include "core/mem.h"
#include "core/sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 64, ATTEMPTS = 3, BLOCK = 256 << 10 };

/* A copy on its way: both paths grow and shrink while a tree is walked. */
struct copy_job {
    struct mlf__buf from, to;
    struct stat target;           /* the folder copied into, which is never copied itself */
    struct stat above[DEPTH_MAX]; /* the folders that are being copied, the outermost first */
    unsigned char *block;
};

static void cut(struct mlf__buf *buf, size_t len)
{
    if (buf->failed)
        return;
    buf->len = len;
    buf->data[len] = '\0';
}

/* ---- locations ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Adds the path of a file: URI (behind the scheme), %XX decoded. */
static void add_decoded(struct mlf__buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        int high = text[0] == '%' ? hex_digit(text[1]) : -1;
        int low = high >= 0 ? hex_digit(text[2]) : -1;
        char c = low >= 0 ? (char)(high * 16 + low) : text[0];
        mlf__buf_add(out, &c, 1);
        if (low >= 0)
            text += 2;
    }
}

/* The local folder that the artifact URI |root| names. */
static mlf_status add_root(struct mlf__buf *out, const char *root)
{
    size_t scheme = strcspn(root, ":/");
    if (strncmp(root, "file://localhost/", 17) == 0)
        add_decoded(out, root + 16);
    else if (strncmp(root, "file:///", 8) == 0)
        add_decoded(out, root + 7);
    else if (strncmp(root, "file:/", 6) == 0 && root[6] != '/')
        add_decoded(out, root + 5);
    else if (root[0] == '\0' || root[scheme] == ':')
        return mlf__fail(MLF_ERR_UNSUPPORTED,
                         "artifacts of '%s' cannot be reached: mlf knows local folders only", root);
    else
        mlf__buf_puts(out, root);
    while (!out->failed && out->len > 1 && out->data[out->len - 1] == '/')
        cut(out, out->len - 1);
    return out->failed ? MLF_ERR_NOMEM : MLF_OK;
}

/* Adds "/<path>", a relative one that stays below. */
static mlf_status add_below(struct mlf__buf *out, const char *path)
{
    if (path[0] == '/')
        return mlf__fail(MLF_ERR_INVAL, "the artifact path '%s' is not relative", path);
    for (const char *part = path; *part != '\0';) {
        size_t len = strcspn(part, "/");
        if (len == 2 && strncmp(part, "..", 2) == 0)
            return mlf__fail(MLF_ERR_INVAL, "the artifact path '%s' leads out of its folder", path);
        if (len > 0 && !(len == 1 && part[0] == '.')) {
            mlf__buf_puts(out, "/");
            mlf__buf_add(out, part, len);
        }
        part += len + (part[len] == '/');
    }
    return out->failed ? MLF_ERR_NOMEM : MLF_OK;
}

/* Makes the folder and those above it. */
static mlf_status make_folders(char *path)
{
    for (char *p = path + 1;; p++) {
        char c = *p;
        if (c != '/' && c != '\0')
            continue;
        *p = '\0';
        int err = mkdir(path, 0777) == 0 || errno == EEXIST ? 0 : errno;
        struct stat status;
        /* A read-only parent may answer with its own error although the folder is there. */
        if (err != 0 && stat(path, &status) == 0 && S_ISDIR(status.st_mode))
            err = 0;
        if (err != 0) {
            mlf_status failure = mlf__fail_errno(err, "cannot create the folder '%s'", path);
            *p = c;
            return failure;
        }
        *p = c;
        if (c == '\0')
            return MLF_OK;
    }
}

/* ---- one file ---- */

/* Opens a new file with a temporary name in the folder of |path|. */
static mlf_status open_temporary(const char *path, struct mlf__buf *name, int *fd)
{
    char id[MLF__ID_SIZE];
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;
    mlf__new_id(id);
    if (slash != NULL)
        mlf__buf_add(name, path, (size_t)(slash - path) + 1);
    mlf__buf_printf(name, ".mlf-%.16s", id);
    if (name->failed)
        return MLF_ERR_NOMEM;
    *fd = open(name->data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    return *fd >= 0 ? MLF_OK
                    : mlf__fail_errno(errno, "cannot create a file in the folder of '%s'", path);
}

static mlf_status write_all(int fd, const void *data, size_t len, const char *path)
{
    for (const char *p = data; len > 0;) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return mlf__fail_errno(errno, "cannot write '%s'", path);
        p += n;
        len -= (size_t)n;
    }
    return MLF_OK;
}

/* Closes the temporary file and gives it its name, or removes it when |status| is a failure. */
static mlf_status finish_temporary(int fd, const char *temporary, const char *path,
                                   mlf_status status)
{
    if (close(fd) != 0 && status == MLF_OK)
        status = mlf__fail_errno(errno, "cannot write '%s'", path);
    if (status == MLF_OK && rename(temporary, path) != 0)
        status = mlf__fail_errno(errno, "cannot create '%s'", path);
    if (status != MLF_OK)
        unlink(temporary);
    return status;
}

static mlf_status copy_bytes(struct copy_job *job, int from, int to)
{
    if (ioctl(to, FICLONE, from) == 0)
        return MLF_OK;
    if (lseek(from, 0, SEEK_SET) != 0 || ftruncate(to, 0) != 0 || lseek(to, 0, SEEK_SET) != 0)
        return mlf__fail_errno(errno, "cannot copy '%s'", job->from.data);
    for (;;) {
        ssize_t n = read(from, job->block, BLOCK);
        if (n == 0)
            return MLF_OK;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return mlf__fail_errno(errno, "cannot read '%s'", job->from.data);
        mlf_status status = write_all(to, job->block, (size_t)n, job->to.data);
        if (status != MLF_OK)
            return status;
    }
}

static bool same_state(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* One attempt; |*stable| tells whether the file stayed what it was meanwhile. */
static mlf_status copy_once(struct copy_job *job, bool *stable)
{
    struct mlf__buf temporary = {0};
    struct stat before, after;
    int to = -1;
    int from = open(job->from.data, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (from < 0)
        return mlf__fail_errno(errno, "cannot read '%s'", job->from.data);
    mlf_status status = fstat(from, &before) == 0
                            ? open_temporary(job->to.data, &temporary, &to)
                            : mlf__fail_errno(errno, "cannot read '%s'", job->from.data);
    if (status == MLF_OK && S_ISREG(before.st_mode)) {
        status = copy_bytes(job, from, to);
        struct timespec times[2] = {before.st_atim, before.st_mtim};
        if (status == MLF_OK) {
            /* Best effort, as with cp -p: the content is what counts. */
            (void)!fchmod(to, before.st_mode & 0777);
            (void)!futimens(to, times);
        }
        /* By its name: a file replaced meanwhile is a change, too. */
        *stable = stat(job->from.data, &after) != 0 || same_state(&before, &after);
    } else if (status == MLF_OK) {
        status = mlf__fail(MLF_ERR_INVAL, "'%s' is neither a file nor a directory", job->from.data);
    }
    if (to >= 0)
        status = finish_temporary(to, temporary.data, job->to.data, status);
    close(from);
    mlf__buf_free(&temporary);
    return status;
}

static mlf_status copy_file(struct copy_job *job)
{
    mlf_status status = MLF_OK;
    bool stable = false;
    for (int i = 0; status == MLF_OK && !stable && i < ATTEMPTS; i++)
        status = copy_once(job, &stable);
    return status;
}

/* ---- trees ---- */

static mlf_status copy_any(struct copy_job *job, int depth);

static mlf_status copy_entry(struct copy_job *job, const char *name, int depth)
{
    size_t from_len = job->from.len, to_len = job->to.len;
    mlf__buf_printf(&job->from, "/%s", name);
    mlf__buf_printf(&job->to, "/%s", name);
    mlf_status status =
        job->from.failed || job->to.failed ? MLF_ERR_NOMEM : copy_any(job, depth + 1);
    cut(&job->from, from_len);
    cut(&job->to, to_len);
    return status;
}

static mlf_status copy_directory(struct copy_job *job, const struct stat *folder, int depth)
{
    if (depth >= DEPTH_MAX)
        return mlf__fail(MLF_ERR_INVAL, "'%s' is nested too deeply", job->from.data);
    job->above[depth] = *folder;
    mlf_status status = make_folders(job->to.data);
    if (status != MLF_OK)
        return status;
    DIR *dir = opendir(job->from.data);
    if (dir == NULL)
        return mlf__fail_errno(errno, "cannot read '%s'", job->from.data);
    for (struct dirent *entry; status == MLF_OK && (entry = readdir(dir)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            status = copy_entry(job, entry->d_name, depth);
    closedir(dir);
    return status;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Does a link lead back to the folder copied into, or to one that is being copied? It would have no end. */
static bool leads_back(const struct copy_job *job, const struct stat *folder, int depth)
{
    bool back = depth > 0 && same_file(folder, &job->target);
    for (int i = 0; i < depth && !back; i++)
        back = same_file(folder, &job->above[i]);
    return back;
}

static mlf_status copy_any(struct copy_job *job, int depth)
{
    struct stat file;
    if (stat(job->from.data, &file) != 0) {
        /* Inside a tree files come and go, and links may lead nowhere. */
        if (depth > 0 && (errno == ENOENT || errno == ELOOP))
            return MLF_OK;
        return mlf__fail_errno(errno, "cannot read '%s'", job->from.data);
    }
    if (S_ISREG(file.st_mode))
        return copy_file(job);
    if (S_ISDIR(file.st_mode))
        return leads_back(job, &file, depth) ? MLF_OK : copy_directory(job, &file, depth);
    if (depth > 0)
        return MLF_OK; /* a socket or fifo in a folder */
    return mlf__fail(MLF_ERR_INVAL, "'%s' is neither a file nor a directory", job->from.data);
}

/* ---- entry points ---- */

/* Adds the last part of |path|; a path like "." has none, its content goes to the folder itself. */
static void add_base_name(struct mlf__buf *out, const char *path)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    size_t len = end - begin;
    bool dots =
        (len == 1 && path[begin] == '.') || (len == 2 && strncmp(path + begin, "..", 2) == 0);
    if (len == 0 || dots)
        return;
    mlf__buf_puts(out, "/");
    mlf__buf_add(out, path + begin, len);
}

mlf_status mlf__artifact_check_folder(const char *folder)
{
    struct mlf__buf path = {0};
    mlf_status status = add_below(&path, folder);
    mlf__buf_free(&path);
    return status;
}

mlf_status mlf__artifact_copy(const char *root, const char *path, const char *folder)
{
    struct copy_job job = {0};
    mlf_status status = add_root(&job.to, root);
    if (status == MLF_OK)
        status = add_below(&job.to, folder);
    mlf__buf_puts(&job.from, path);
    job.block = mlf__alloc(BLOCK);
    if (status == MLF_OK && (job.from.failed || job.block == NULL))
        status = MLF_ERR_NOMEM;
    /* Looked at first, so that a missing file leaves no folders behind. */
    if (status == MLF_OK && stat(path, &job.target) != 0)
        status = mlf__fail_errno(errno, "cannot read '%s'", path);
    if (status == MLF_OK)
        status = make_folders(job.to.data);
    if (status == MLF_OK && stat(job.to.data, &job.target) != 0)
        status = mlf__fail_errno(errno, "cannot use the folder '%s'", job.to.data);
    if (status == MLF_OK) {
        add_base_name(&job.to, path);
        status = job.to.failed ? MLF_ERR_NOMEM : copy_any(&job, 0);
    }
    mlf__free(job.block);
    mlf__buf_free(&job.from);
    mlf__buf_free(&job.to);
    return status;
}

mlf_status mlf__artifact_write(const char *root, const char *name, const void *data, size_t len)
{
    struct mlf__buf path = {0}, temporary = {0};
    int fd = -1;
    mlf_status status = add_root(&path, root);
    size_t root_len = path.len;
    if (status == MLF_OK)
        status = add_below(&path, name);
    char *slash = status == MLF_OK && path.len > root_len ? strrchr(path.data, '/') : NULL;
    if (status == MLF_OK && (slash == NULL || name[strlen(name) - 1] == '/'))
        status = mlf__fail(MLF_ERR_INVAL, "the artifact path '%s' names no file", name);
    if (status == MLF_OK && slash != NULL) {
        *slash = '\0';
        status = make_folders(path.data);
        *slash = '/';
    }
    if (status == MLF_OK)
        status = open_temporary(path.data, &temporary, &fd);
    if (status == MLF_OK)
        status =
            finish_temporary(fd, temporary.data, path.data, write_all(fd, data, len, path.data));
    mlf__buf_free(&temporary);
    mlf__buf_free(&path);
    return status;
}

/* ---- looking at them ---- */

mlf_status mlf__artifact_local(const char *root, const char *path, char **out)
{
    struct mlf__buf local = {0};
    mlf_status status = add_root(&local, root);
    if (status == MLF_OK)
        status = add_below(&local, path);
    *out = status == MLF_OK ? mlf__buf_take(&local) : NULL;
    mlf__buf_free(&local);
    return status == MLF_OK && *out == NULL ? MLF_ERR_NOMEM : status;
}

void mlf_file_list_free(mlf_file_list *list)
{
    if (list == NULL)
        return;
    for (size_t i = 0; i < list->n_files; i++)
        mlf__free(list->files[i].path);
    mlf__free(list->files);
    *list = (mlf_file_list){0};
}

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const mlf_file_info *)a)->path, ((const mlf_file_info *)b)->path);
}

static mlf_status add_file(mlf_file_list *list, size_t *cap, DIR *dir, const char *prefix,
                           const char *name)
{
    struct stat file;
    struct mlf__buf path = {0};
    /* Gone again, or a link that leads nowhere. */
    if (fstatat(dirfd(dir), name, &file, 0) != 0)
        return MLF_OK;
    mlf_status status =
        mlf__grow((void **)&list->files, cap, list->n_files + 1, sizeof(*list->files));
    if (status != MLF_OK)
        return status;
    mlf__buf_printf(&path, "%s%s%s", prefix, prefix[0] != '\0' ? "/" : "", name);
    bool is_dir = S_ISDIR(file.st_mode);
    mlf_file_info info = {.path = mlf__buf_take(&path),
                          .is_dir = is_dir,
                          .file_size = is_dir ? -1 : (int64_t)file.st_size};
    if (info.path == NULL)
        return MLF_ERR_NOMEM;
    list->files[list->n_files++] = info;
    return MLF_OK;
}

mlf_status mlf__artifact_list(const char *folder, const char *prefix, mlf_file_list *out)
{
    size_t cap = 0;
    mlf_status status = MLF_OK;
    *out = (mlf_file_list){0};
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return errno == ENOENT || errno == ENOTDIR
                   ? MLF_OK
                   : mlf__fail_errno(errno, "cannot read the folder '%s'", folder);
    for (struct dirent *entry; status == MLF_OK && (entry = readdir(dir)) != NULL;) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strncmp(name, ".mlf-", 5) != 0)
            status = add_file(out, &cap, dir, prefix, name);
    }
    closedir(dir);
    if (status != MLF_OK)
        mlf_file_list_free(out);
    else if (out->n_files > 0)
        qsort(out->files, out->n_files, sizeof(*out->files), compare_files);
    return status;
}
