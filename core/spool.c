/* SPDX-License-Identifier: Apache-2.0 */
/* Where rings and journals lie. Called from host processes: no stdio streams, and no allocation but in
 * mlf__spool_take_done(), which is the collector's. */
#include "core/spool.h"
#include "core/compat_glibc.h"

#include "core/buf.h"
#include "core/env.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ROOM_FACTOR = 4 };

bool mlf__is_network_fs(long magic)
{
    static const long network[] = {0x6969,     0x517b,     0xff534d42, 0xfe534d42, 0x73757245,
                                   0x5346414f, 0x0bd00bd0, 0x47504653, 0x01021997, 0x65735546,
                                   0x00c36400, 0x013111a8, 0x19830326, 0xaad7aaea};
    /* NFS, SMB, CIFS, SMB2, Coda, AFS, Lustre, GPFS, 9P, FUSE, Ceph, IBRIX, BeeGFS, PanFS */
    for (size_t i = 0; i < MLF__ARRAY_LEN(network); i++)
        if (magic == network[i])
            return true;
    return false;
}

/* Makes |path| when absent and checks that it is a folder of this user that others cannot write. */
static mlf_status own_folder(const char *path)
{
    if (syscall(SYS_mkdirat, AT_FDCWD, path, 0700) != 0 && errno != EEXIST)
        return mlf__fail_errno(errno, "%s: cannot be made", path);
    struct stat st;
    if (syscall(SYS_newfstatat, AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return mlf__fail_errno(errno, "%s: cannot be examined", path);
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022) != 0)
        return mlf__fail(MLF_ERR_PERM, "%s: not a folder of this user alone", path);
    return MLF_OK;
}

/* mkdir -p for the folders of |path|; the last one is checked. */
static mlf_status own_folders(const char *path)
{
    char part[MLF__PATH_SIZE];
    if (!mlf__copy_text(part, sizeof(part), path))
        return mlf__fail(MLF_ERR_INVAL, "%s: the path is too long", path);
    for (char *at = strchr(part + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        syscall(SYS_mkdirat, AT_FDCWD, part, 0700);
        *at = '/';
    }
    return own_folder(part);
}

static bool join_path(char out[MLF__PATH_SIZE], const char *base, const char *rest)
{
    int n = snprintf(out, MLF__PATH_SIZE, "%s%s", base, rest);
    return n > 0 && n < MLF__PATH_SIZE;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return syscall(SYS_newfstatat, AT_FDCWD, path, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

/* The disk folder's name, whether it exists or not. A home that is not there is not made. */
static void disk_dir_name(char out[MLF__PATH_SIZE])
{
    const char *state = mlf__env(MLF__ENV_XDG_STATE_HOME), *home = mlf__env(MLF__ENV_HOME);
    if (state[0] == '/' && join_path(out, state, "/mlf"))
        return;
    if (home[0] == '/' && is_folder(home) && join_path(out, home, "/.local/state/mlf"))
        return;
    snprintf(out, MLF__PATH_SIZE, "/var/tmp/mlf-%u", (unsigned)geteuid());
}

static bool spool_setting(char out[MLF__PATH_SIZE])
{
    const char *spool = mlf__env(MLF__ENV_MLF_SPOOL);
    return spool[0] == '/' && mlf__copy_text(out, MLF__PATH_SIZE, spool);
}

static void memory_dir_name(char out[MLF__PATH_SIZE])
{
    snprintf(out, MLF__PATH_SIZE, "/dev/shm/mlf-%u", (unsigned)geteuid());
}

static bool has_room(const char *path, size_t need)
{
    struct statfs fs;
    return statfs(path, &fs) == 0 &&
           (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize >= (uint64_t)need * ROOM_FACTOR;
}

mlf_status mlf__spool_disk_dir(char out[MLF__PATH_SIZE])
{
    if (spool_setting(out))
        return own_folders(out);
    disk_dir_name(out);
    if (own_folders(out) == MLF_OK)
        return MLF_OK;
    /* A home that is missing or read-only: the folder for files that outlive a boot. */
    snprintf(out, MLF__PATH_SIZE, "/var/tmp/mlf-%u", (unsigned)geteuid());
    return own_folders(out);
}

mlf_status mlf__spool_ring_dir(size_t need, char out[MLF__PATH_SIZE])
{
    if (!spool_setting(out) && has_room("/dev/shm", need)) {
        memory_dir_name(out);
        if (own_folder(out) == MLF_OK)
            return MLF_OK;
    }
    mlf_status status = mlf__spool_disk_dir(out);
    struct statfs fs;
    if (status == MLF_OK && statfs(out, &fs) == 0 && mlf__is_network_fs((long)fs.f_type))
        return mlf__fail(MLF_ERR_UNSUPPORTED,
                         "%s lies on a network file system, where no ring can be; "
                         "set MLF_SPOOL to a local folder",
                         out);
    return status;
}

void mlf__spool_each_dir(mlf__spool_fn *fn, void *user)
{
    char path[3][MLF__PATH_SIZE];
    size_t n = 0;
    if (spool_setting(path[n])) {
        n++;
    } else {
        memory_dir_name(path[n++]);
        disk_dir_name(path[n++]);
        snprintf(path[n], MLF__PATH_SIZE, "/var/tmp/mlf-%u", (unsigned)geteuid());
        n += strcmp(path[n], path[n - 1]) != 0;
    }
    for (size_t i = 0; i < n; i++) {
        struct stat st;
        if (syscall(SYS_newfstatat, AT_FDCWD, path[i], &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISDIR(st.st_mode) && st.st_uid == geteuid())
            fn(path[i], user);
    }
}

void mlf__spool_stem(const char *directory, const char *run_id, char out[MLF__PATH_SIZE])
{
    char salt[MLF__ID_SIZE];
    mlf__new_id(salt);
    snprintf(out, MLF__PATH_SIZE, "%s/%.8s-%d-%.4s", directory, run_id, (int)getpid(), salt);
}

bool mlf__spool_sibling(const char *ring_path, const char *directory, const char *suffix,
                        char out[MLF__PATH_SIZE])
{
    const char *name = strrchr(ring_path, '/');
    name = name != NULL ? name + 1 : ring_path;
    size_t stem = strlen(name);
    if (stem > 5 && strcmp(name + stem - 5, ".ring") == 0)
        stem -= 5;
    int n = snprintf(out, MLF__PATH_SIZE, "%s/%.*s%s", directory, (int)stem, name, suffix);
    return n > 0 && n < MLF__PATH_SIZE;
}

/* ---- what is handed over ---- */

static const char take_suffix[] = ".take";

mlf_status mlf__spool_take_path(const char *run_id, char out[MLF__PATH_SIZE])
{
    char directory[MLF__PATH_SIZE], salt[MLF__ID_SIZE];
    mlf_status status = mlf__spool_disk_dir(directory);
    if (status != MLF_OK)
        return status;
    mlf__new_id(salt);
    int n = snprintf(out, MLF__PATH_SIZE, "%s/%.8s-%d-%s%s", directory, run_id, (int)getpid(), salt,
                     take_suffix);
    return n > 0 && n < MLF__PATH_SIZE
               ? MLF_OK
               : mlf__fail(MLF_ERR_INVAL, "%s: the path of the spool is too long", directory);
}

static bool is_take_path(const char *path)
{
    static const char hex[] = "0123456789abcdef";
    const char *name = strrchr(path, '/');
    if (path[0] != '/' || name == NULL)
        return false;
    size_t run = strspn(++name, hex);
    const char *pid = name + run + 1;
    if (run != 8 || name[run] != '-')
        return false;
    size_t digits = strspn(pid, "0123456789");
    const char *salt = pid + digits + 1;
    return digits > 0 && pid[digits] == '-' && strspn(salt, hex) == 32 &&
           strcmp(salt + 32, take_suffix) == 0;
}

void mlf__spool_take_done(const char *path)
{
    char name[MLF__PATH_SIZE];
    char *const paths[] = {name, NULL};
    if (!is_take_path(path) || !mlf__copy_text(name, sizeof(name), path))
        return;
    /* The entries themselves, never what a link leads to. */
    FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    for (const FTSENT *entry; tree != NULL && (entry = fts_read(tree)) != NULL;) {
        if (entry->fts_info == FTS_DP)
            rmdir(entry->fts_accpath);
        else if (entry->fts_info != FTS_D)
            unlink(entry->fts_accpath);
    }
    if (tree != NULL)
        fts_close(tree);
}
