/* SPDX-License-Identifier: Apache-2.0 */
/* Who drives a study. On one machine a locked file in the spool tells; it goes with the process, however that ends. What other
 * machines see is a tag with host, process and time.
 *
 * The tag is renewed by a thread, since an objective may run for hours. Its mutex guards |stop| only. */
#include "tuner/study_log_parts.h"

#include "core/mem.h"
#include "core/spool.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BEAT_S = 30, DEAD_MS = 120000, TEXT_MAX = 1024, STACK_BYTES = 256 * 1024 };

struct mlf__study_owner {
    int fd;
    char path[MLF__PATH_SIZE];
    int32_t pid;
    struct mlf__proc_id before; /* who left the file behind; pid 0: nobody */
    char before_text[TEXT_MAX]; /* and what it said of itself */
    bool forgone;
    bool has_thread;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop;
    mlf__beat_fn *beat;
    void *user;
};

/* ---- what a driver says of itself ---- */

struct driver {
    struct mlf__realm realm;
    struct mlf__proc_id process;
    int64_t time_ms;
};

static void describe(char text[TEXT_MAX])
{
    struct driver me = {.time_ms = mlf__now_ms()};
    mlf__realm_get(&me.realm);
    mlf__proc_identify(0, &me.process);
    cJSON *json = cJSON_CreateObject();
    char start[24], space[24];
    snprintf(start, sizeof(start), "%" PRIu64, me.process.start_time);
    snprintf(space, sizeof(space), "%" PRIu64, me.realm.pid_namespace);
    cJSON_AddStringToObject(json, "host", me.realm.host);
    cJSON_AddNumberToObject(json, "pid", me.process.pid);
    cJSON_AddNumberToObject(json, "time_ms", (double)me.time_ms);
    cJSON_AddStringToObject(json, "start", start);
    cJSON_AddStringToObject(json, "boot", me.realm.boot_id);
    cJSON_AddStringToObject(json, "pid_namespace", space);
    if (!cJSON_PrintPreallocated(json, text, TEXT_MAX, false))
        text[0] = '\0';
    cJSON_Delete(json);
}

static bool get_text(const cJSON *json, const char *key, char *out, size_t size)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);
    return cJSON_IsString(item) && mlf__copy_text(out, size, item->valuestring);
}

static bool get_count(const cJSON *json, const char *key, uint64_t *out)
{
    char text[24];
    int64_t value;
    bool good =
        get_text(json, key, text, sizeof(text)) && mlf__parse_i64(text, &value) && value >= 0;
    *out = good ? (uint64_t)value : 0;
    return good;
}

/* False for a text that is none, which nobody has to mind. */
static bool parse_driver(const char *text, struct driver *out)
{
    cJSON *json = cJSON_Parse(text);
    const cJSON *pid = cJSON_GetObjectItemCaseSensitive(json, "pid");
    const cJSON *time_ms = cJSON_GetObjectItemCaseSensitive(json, "time_ms");
    *out = (struct driver){0};
    bool good = cJSON_IsNumber(pid) && pid->valuedouble > 0 && pid->valuedouble <= INT32_MAX &&
                cJSON_IsNumber(time_ms) && time_ms->valuedouble >= 0 &&
                time_ms->valuedouble < 1e15 &&
                get_text(json, "host", out->realm.host, sizeof(out->realm.host)) &&
                get_text(json, "boot", out->realm.boot_id, sizeof(out->realm.boot_id)) &&
                get_count(json, "start", &out->process.start_time) &&
                get_count(json, "pid_namespace", &out->realm.pid_namespace);
    if (good) {
        out->process.pid = (int32_t)pid->valuedouble;
        out->time_ms = (int64_t)time_ms->valuedouble;
    }
    cJSON_Delete(json);
    return good;
}

/* Is it known that the driver is gone? */
static bool is_gone(const struct driver *driver)
{
    enum mlf__realm_relation relation = mlf__realm_compare(&driver->realm);
    return relation == MLF__REALM_GONE ||
           (relation == MLF__REALM_HERE && !mlf__proc_alive(&driver->process));
}

static mlf_status busy(const char *run_id, const struct driver *driver, const char *more)
{
    return mlf__fail(MLF_ERR_BUSY, "study %s is driven by process %d on %s%s", run_id,
                     (int)driver->process.pid, driver->realm.host, more);
}

mlf_status mlf__study_owner_check(const char *run_id, const char *tag)
{
    struct driver driver;
    if (tag == NULL || !parse_driver(tag, &driver) || is_gone(&driver))
        return MLF_OK;
    if (mlf__realm_compare(&driver.realm) == MLF__REALM_HERE) {
        /* The lock is free: it is this process's own study from before, or a driver with another spool. */
        return driver.process.pid == (int32_t)getpid() ? MLF_OK : busy(run_id, &driver, "");
    }
    int64_t age_ms = mlf__now_ms() - driver.time_ms;
    char more[96];
    snprintf(more, sizeof(more), ", heard of %" PRId64 " s ago; it is given up after %d s",
             age_ms / 1000, DEAD_MS / 1000);
    return age_ms > DEAD_MS ? MLF_OK : busy(run_id, &driver, more);
}

/* ---- the file ---- */

static bool lock_file(int fd)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_OFD_SETLK, &whole) == 0;
}

/* Is what was opened still what the name stands for? */
static bool is_named(int fd, const char *path)
{
    struct stat a, b;
    return fstat(fd, &a) == 0 && lstat(path, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

static bool read_driver(int fd, char text[TEXT_MAX], struct driver *out)
{
    ssize_t n = pread(fd, text, TEXT_MAX - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    return parse_driver(text, out);
}

/* Somebody holds the lock: who? A driver that is gone may have left it to a child. */
static mlf_status refuse(int fd, const char *path, const char *run_id)
{
    char text[TEXT_MAX];
    struct driver driver;
    if (!read_driver(fd, text, &driver))
        return mlf__fail(MLF_ERR_BUSY, "study %s is driven by another process (%s)", run_id, path);
    if (!is_gone(&driver))
        return busy(run_id, &driver, "");
    if (is_named(fd, path))
        unlink(path);
    return MLF_OK;
}

/* |owner->fd| is -1 when it has to be tried again. */
static mlf_status try_lock(struct mlf__study_owner *owner, const char *run_id)
{
    struct driver before;
    const char *path = owner->path;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return mlf__fail_errno(errno, "%s: cannot be opened", path);
    mlf_status status = MLF_OK;
    char text[TEXT_MAX];
    if (read_driver(fd, text, &before)) {
        owner->before = before.process;
        mlf__copy_text(owner->before_text, sizeof(owner->before_text), text);
    }
    if (!lock_file(fd))
        status = refuse(fd, path, run_id);
    else if (is_named(fd, path))
        owner->fd = fd;
    if (owner->fd < 0)
        close(fd);
    return status;
}

/* What cannot be written is missing from a message only. */
static void write_driver(const struct mlf__study_owner *owner, const char *text)
{
    size_t len = strlen(text);
    bool whole = ftruncate(owner->fd, 0) == 0 && pwrite(owner->fd, text, len, 0) == (ssize_t)len;
    (void)whole;
}

mlf_status mlf__study_owner_lock(const char *run_id, struct mlf__study_owner **out)
{
    enum { TRIES = 5 };
    char folder[MLF__PATH_SIZE], text[TEXT_MAX];
    *out = NULL;
    mlf_status status = mlf__spool_disk_dir(folder);
    struct mlf__study_owner *owner = status == MLF_OK ? mlf__zalloc(1, sizeof(*owner)) : NULL;
    if (owner == NULL)
        return status != MLF_OK ? status : MLF_ERR_NOMEM;
    owner->fd = -1;
    owner->pid = (int32_t)getpid();
    int n = snprintf(owner->path, sizeof(owner->path), "%s/study-%s.lock", folder, run_id);
    if (n < 0 || (size_t)n >= sizeof(owner->path))
        status = mlf__fail(MLF_ERR_INVAL, "%s: the path of the spool is too long", folder);
    for (int i = 0; i < TRIES && status == MLF_OK && owner->fd < 0; i++)
        status = try_lock(owner, run_id);
    if (status == MLF_OK && owner->fd < 0)
        status = mlf__fail(MLF_ERR_BUSY, "study %s is being taken by another process", run_id);
    if (status != MLF_OK) {
        mlf__free(owner);
        return status;
    }
    describe(text);
    write_driver(owner, text);
    *out = owner;
    return MLF_OK;
}

const struct mlf__proc_id *mlf__study_owner_before(const struct mlf__study_owner *owner)
{
    return owner->before.pid != 0 ? &owner->before : NULL;
}

void mlf__study_owner_forgo(struct mlf__study_owner *owner)
{
    owner->forgone = owner->before.pid != 0;
    if (owner->forgone)
        write_driver(owner, owner->before_text);
}

/* ---- the tag ---- */

static void *beat(void *user)
{
    struct mlf__study_owner *owner = user;
    char text[TEXT_MAX];
    struct timespec next;
    clock_gettime(CLOCK_MONOTONIC, &next);
    pthread_mutex_lock(&owner->lock);
    while (!owner->stop) {
        next.tv_sec += BEAT_S;
        int error = 0;
        while (!owner->stop && error != ETIMEDOUT)
            error = pthread_cond_timedwait(&owner->wake, &owner->lock, &next);
        if (owner->stop)
            break;
        pthread_mutex_unlock(&owner->lock);
        describe(text);
        owner->beat(text, owner->user);
        pthread_mutex_lock(&owner->lock);
    }
    pthread_mutex_unlock(&owner->lock);
    return NULL;
}

/* The program's signals are the program's. */
static int start_thread(struct mlf__study_owner *owner)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&owner->thread, &attributes, beat, owner);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return error;
}

mlf_status mlf__study_owner_start(struct mlf__study_owner *owner, mlf__beat_fn *fn, void *user)
{
    char text[TEXT_MAX];
    pthread_condattr_t attributes;
    owner->beat = fn;
    owner->user = user;
    describe(text);
    fn(text, user);
    pthread_mutex_init(&owner->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&owner->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    int error = start_thread(owner);
    if (error != 0) {
        pthread_cond_destroy(&owner->wake);
        pthread_mutex_destroy(&owner->lock);
        return mlf__fail_errno(error, "the thread that keeps the study cannot be started");
    }
    owner->has_thread = true;
    return MLF_OK;
}

void mlf__study_owner_quiet(struct mlf__study_owner *owner)
{
    if (!owner->has_thread || owner->pid != (int32_t)getpid())
        return;
    pthread_mutex_lock(&owner->lock);
    owner->stop = true;
    pthread_cond_signal(&owner->wake);
    pthread_mutex_unlock(&owner->lock);
    pthread_join(owner->thread, NULL);
    pthread_cond_destroy(&owner->wake);
    pthread_mutex_destroy(&owner->lock);
    owner->has_thread = false;
}

void mlf__study_owner_release(struct mlf__study_owner *owner)
{
    if (owner == NULL)
        return;
    mlf__study_owner_quiet(owner);
    bool is_ours = owner->pid == (int32_t)getpid();
    if (is_ours && !owner->forgone && is_named(owner->fd, owner->path))
        unlink(owner->path);
    close(owner->fd);
    mlf__free(owner);
}
