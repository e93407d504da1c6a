/* SPDX-License-Identifier: Apache-2.0 */
/* Orphans: rings and journals whose processes are gone. Files of one session share a stem; they are
 * settled together, by whoever holds their locks: the spill first (it is the oldest), then the ring, then
 * the producers' own journals. */
#include "autolog/sync.h"

#include "autolog/batch.h"
#include "core/buf.h"
#include "core/journal.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/spool.h"
#include "core/sys.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- merging one file ---- */

static mlf_status apply_and_clear(struct mlf__apply *apply, struct mlf__batch *batch)
{
    mlf_status status = mlf__apply_batch(apply, batch->events, batch->n);
    mlf__batch_clear(batch);
    return status;
}

/* Applies what a locked journal holds. Damaged records are skipped and counted. */
static mlf_status apply_journal(struct mlf__apply *apply, struct mlf__journal *journal,
                                const char *path)
{
    struct mlf__batch batch;
    struct mlf__event event;
    mlf_status status = mlf__batch_init(&batch);
    size_t damaged = 0;
    bool end = false;
    while (status == MLF_OK && !end) {
        mlf_status got = MLF_OK;
        while (batch.n < MLF__BATCH_MAX && got != MLF_ERR_NOT_FOUND && status == MLF_OK) {
            got = mlf__journal_read(journal, &event);
            damaged += got == MLF_ERR_CORRUPT;
            if (got == MLF_OK && !mlf__batch_add(&batch, &event))
                status = MLF_ERR_NOMEM;
            else if (got != MLF_OK && got != MLF_ERR_CORRUPT && got != MLF_ERR_NOT_FOUND)
                status = got;
        }
        end = got == MLF_ERR_NOT_FOUND;
        if (status == MLF_OK && batch.n > 0)
            status = apply_and_clear(apply, &batch);
        if (status == MLF_OK && !mlf__apply_keeps(apply))
            mlf__journal_set_synced(journal, mlf__journal_offset(journal));
    }
    if (damaged > 0)
        mlf__log(MLF__LOG_WARN, "%s: %zu damaged records were left out", path, damaged);
    mlf__batch_free(&batch);
    return status;
}

struct ring_merge {
    struct mlf__apply *apply;
    struct mlf__batch batch;
    bool failed;
};

static bool add_event(const struct mlf__event *event, uint64_t position, void *user)
{
    (void)position;
    struct ring_merge *merge = user;
    merge->failed = !mlf__batch_add(&merge->batch, event);
    return !merge->failed && merge->batch.n < MLF__BATCH_MAX;
}

/* Applies what a locked ring without living processes holds. */
static mlf_status apply_ring(struct mlf__apply *apply, struct mlf__ring *ring)
{
    struct mlf__ring_reader *reader = NULL;
    struct ring_merge merge = {.apply = apply};
    mlf_status status = mlf__ring_reader_create(ring, &reader);
    if (status == MLF_OK)
        status = mlf__batch_init(&merge.batch);
    while (status == MLF_OK && mlf__ring_read(reader, MLF__BATCH_MAX, add_event, &merge) > 0) {
        status = merge.failed ? MLF_ERR_NOMEM : apply_and_clear(apply, &merge.batch);
        if (status == MLF_OK && !mlf__apply_keeps(apply)) {
            mlf__ring_release(reader, mlf__ring_reader_position(reader));
            mlf__ring_settle(ring, mlf__ring_reader_floor(reader));
        }
    }
    mlf__batch_free(&merge.batch);
    mlf__ring_reader_destroy(reader);
    return status;
}

/* ---- the files of the spool ---- */

enum file_kind { FILE_SPILL, FILE_RING, FILE_JOURNAL }; /* in the order of merging */

struct spool_file {
    char path[MLF__PATH_SIZE];
    char stem[MLF__PATH_SIZE];
    enum file_kind kind;
};

struct spool_list {
    struct spool_file *files;
    size_t n, cap;
};

static bool ends_with(const char *name, const char *suffix)
{
    size_t a = strlen(name), b = strlen(suffix);
    return a > b && strcmp(name + a - b, suffix) == 0;
}

/* The kind and stem of a file's name; false when it is none of ours. */
static bool classify(const char *name, struct spool_file *out)
{
    const char *end = NULL;
    if (ends_with(name, ".ring")) {
        out->kind = FILE_RING;
        end = name + strlen(name) - strlen(".ring");
    } else if (ends_with(name, ".spill")) {
        out->kind = FILE_SPILL;
        end = name + strlen(name) - strlen(".spill");
    } else if (ends_with(name, ".journal")) {
        out->kind = FILE_JOURNAL;
        end = strchr(name, '.');
    } else {
        return false;
    }
    snprintf(out->stem, sizeof(out->stem), "%.*s", (int)(end - name), name);
    return true;
}

/* The pid of the process that was making <name>.<pid>.new; 0 when the name does not tell. */
static pid_t maker_of(const char *name)
{
    const char *end = name + strlen(name) - strlen(".new"), *at = end;
    while (at > name && at[-1] != '.')
        at--;
    return at > name && at < end ? (pid_t)strtol(at, NULL, 10) : 0;
}

/* A killed process stays for a moment, and longer where nobody reaps it. */
static bool is_gone(pid_t pid)
{
    struct mlf__proc_id id;
    return (kill(pid, 0) != 0 && errno == ESRCH) ||
           (mlf__proc_identify(pid, &id) && mlf__proc_leaving(&id));
}

/* A ring or journal that was never finished: its maker died within the moment that takes. */
static bool is_abandoned(const char *path, const char *name)
{
    enum { OLD_MS = 60000 };
    struct stat st;
    if (!ends_with(name, ".new") || stat(path, &st) != 0)
        return false;
    pid_t maker = maker_of(name);
    return (maker > 0 && is_gone(maker)) || mlf__now_ms() - (int64_t)st.st_mtime * 1000 > OLD_MS;
}

static void list_folder(const char *folder, void *user)
{
    struct spool_list *list = user;
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        struct spool_file file;
        int n = snprintf(file.path, sizeof(file.path), "%s/%s", folder, entry->d_name);
        if (n > 0 && (size_t)n < sizeof(file.path) && is_abandoned(file.path, entry->d_name))
            unlink(file.path);
        if (n < 0 || (size_t)n >= sizeof(file.path) || !classify(entry->d_name, &file) ||
            mlf__grow((void **)&list->files, &list->cap, list->n + 1, sizeof(*list->files)) !=
                MLF_OK)
            continue;
        list->files[list->n++] = file;
    }
    if (dir != NULL)
        closedir(dir);
}

static int compare_files(const void *a, const void *b)
{
    const struct spool_file *x = a, *y = b;
    int order = strcmp(x->stem, y->stem);
    if (order == 0)
        order = (int)x->kind - (int)y->kind;
    return order != 0 ? order : strcmp(x->path, y->path);
}

static struct spool_list list_spool(void)
{
    struct spool_list list = {0};
    mlf__spool_each_dir(list_folder, &list);
    if (list.n > 0)
        qsort(list.files, list.n, sizeof(*list.files), compare_files);
    return list;
}

/* ---- what was handed over and is not wanted any more ---- */

enum { RUN_PREFIX = 8 }; /* digits of the run's id that the names in the spool begin with */

/* Which files that were handed over (core/spool.h) are to be removed. */
struct leftovers {
    const char *run_id;            /* of this session; NULL: of any that is not in |list| */
    const struct spool_list *list; /* rings and journals that are there */
    bool dead_only;                /* only what a process that is gone has left */
};

static bool has_session(const struct spool_list *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (strncmp(list->files[i].stem, name, RUN_PREFIX) == 0)
            return true;
    return false;
}

/* Without its session nothing tells whose a file is: it has to be old, too. */
static bool is_leftover(const struct leftovers *what, const char *path, const char *name)
{
    enum { DAY_MS = 24 * 3600 * 1000 };
    struct stat st;
    if (!ends_with(name, ".take") || strlen(name) <= RUN_PREFIX || name[RUN_PREFIX] != '-')
        return false;
    pid_t maker = (pid_t)strtol(name + RUN_PREFIX + 1, NULL, 10);
    if (what->dead_only && (maker <= 0 || !is_gone(maker)))
        return false;
    if (what->run_id != NULL)
        return strncmp(what->run_id, name, RUN_PREFIX) == 0;
    return !has_session(what->list, name) && lstat(path, &st) == 0 &&
           mlf__now_ms() - (int64_t)st.st_mtime * 1000 > DAY_MS;
}

static void remove_leftovers(const char *folder, void *user)
{
    const struct leftovers *what = user;
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char path[MLF__PATH_SIZE];
        int n = snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (n > 0 && (size_t)n < sizeof(path) && is_leftover(what, path, entry->d_name))
            mlf__spool_take_done(path);
    }
    if (dir != NULL)
        closedir(dir);
}

static bool journal_is_live(const struct mlf__journal *journal)
{
    return mlf__realm_compare(mlf__journal_realm(journal)) == MLF__REALM_HERE &&
           mlf__proc_alive(mlf__journal_writer(journal));
}

mlf_status mlf__merge_session_journals(struct mlf__apply *apply, const char *ring_path)
{
    struct spool_file ring;
    const char *name = strrchr(ring_path, '/');
    if (!classify(name != NULL ? name + 1 : ring_path, &ring))
        return MLF_OK;
    struct spool_list list = list_spool();
    mlf_status status = MLF_OK;
    bool all = true;
    for (size_t i = 0; i < list.n && status == MLF_OK; i++) {
        const struct spool_file *file = &list.files[i];
        struct mlf__journal *journal = NULL;
        if (file->kind != FILE_JOURNAL || strcmp(file->stem, ring.stem) != 0)
            continue;
        bool merged = mlf__journal_open(file->path, &journal) == MLF_OK &&
                      !journal_is_live(journal) && mlf__journal_lock(journal) == MLF_OK;
        if (merged && (status = apply_journal(apply, journal, file->path)) == MLF_OK)
            unlink(file->path);
        all &= merged;
        mlf__journal_close(journal);
    }
    mlf__free(list.files);
    /* Everything that the dead of this session have logged is stored: what they handed over without an event to
     * tell of it is nobody's. */
    struct leftovers leftovers = {.run_id = apply->config.run_id, .dead_only = true};
    if (status == MLF_OK && all)
        mlf__spool_each_dir(remove_leftovers, &leftovers);
    return status;
}

/* ---- one session ---- */

enum session_state { SESSION_ORPHAN, SESSION_ALIVE, SESSION_COLLECTED, SESSION_OTHER, SESSION_BAD };

struct session {
    const struct spool_file *files;
    size_t n;
    struct mlf__ring *ring; /* NULL: none */
    struct mlf__config config;
    char reason[512]; /* of SESSION_BAD */
};

static void say(const struct mlf__sync_options *options, const char *format, ...) MLF__PRINTF(2, 3);

static void say(const struct mlf__sync_options *options, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (options->message != NULL)
        options->message(line, options->user);
}

static bool is_stale(const struct mlf__sync_options *options, const char *path)
{
    struct stat st;
    return options->stale_ms > 0 && stat(path, &st) == 0 &&
           mlf__now_ms() - (int64_t)st.st_mtime * 1000 > options->stale_ms;
}

/* Does the session log into the store that was asked for? */
static bool wanted(const struct mlf__sync_options *options, const struct mlf__config *config)
{
    char *uri = NULL;
    bool same = options->tracking_uri == NULL ||
                (mlf__uri_resolve(config->tracking_uri, config->cwd, &uri) == MLF_OK &&
                 strcmp(uri, options->tracking_uri) == 0);
    mlf__free(uri);
    return same;
}

static enum session_state bad(struct session *session)
{
    mlf__copy_text(session->reason, sizeof(session->reason), mlf__errmsg());
    return SESSION_BAD;
}

static enum session_state examine_ring(const struct mlf__sync_options *options,
                                       struct session *session, const char *path)
{
    mlf_status status = mlf__ring_attach(path, &session->ring);
    if (status == MLF_ERR_NOT_FOUND)
        return SESSION_ALIVE; /* its collector has just finished */
    if (status != MLF_OK)
        return bad(session);
    session->config = *mlf__ring_config(session->ring);
    if (!wanted(options, &session->config))
        return SESSION_OTHER;
    /* The lock comes last: a collector that is just starting wants it. */
    bool elsewhere;
    bool dead = mlf__ring_all_dead(session->ring, &elsewhere);
    if (elsewhere && !is_stale(options, path))
        return SESSION_ALIVE;
    if (!elsewhere && !dead)
        return mlf__ring_producers_dead(session->ring) ? SESSION_COLLECTED : SESSION_ALIVE;
    if (mlf__ring_lock(session->ring) != MLF_OK)
        return SESSION_COLLECTED;
    return access(path, F_OK) == 0 ? SESSION_ORPHAN : SESSION_ALIVE;
}

static enum session_state examine_journal(const struct mlf__sync_options *options,
                                          struct session *session, const char *path)
{
    struct mlf__journal *journal;
    mlf_status opened = mlf__journal_open(path, &journal);
    if (opened == MLF_ERR_NOT_FOUND)
        return SESSION_ALIVE;
    if (opened != MLF_OK)
        return bad(session);
    session->config = *mlf__journal_config(journal);
    enum session_state state = SESSION_ORPHAN;
    if (!wanted(options, &session->config))
        state = SESSION_OTHER;
    else if (mlf__realm_compare(mlf__journal_realm(journal)) == MLF__REALM_ELSEWHERE)
        state = is_stale(options, path) ? SESSION_ORPHAN : SESSION_ALIVE;
    else if (journal_is_live(journal))
        state = SESSION_ALIVE;
    mlf__journal_close(journal);
    return state;
}

/* A session with a ring is what its ring is; else all its journals must be dead. */
static enum session_state examine(const struct mlf__sync_options *options, struct session *session)
{
    for (size_t i = 0; i < session->n; i++)
        if (session->files[i].kind == FILE_RING)
            return examine_ring(options, session, session->files[i].path);
    enum session_state state = SESSION_ORPHAN;
    for (size_t i = 0; i < session->n && state == SESSION_ORPHAN; i++)
        state = examine_journal(options, session, session->files[i].path);
    return state;
}

/* |*taken|: another `mlf sync` is at it. */
static mlf_status merge_file(struct mlf__apply *apply, const struct session *session,
                             const struct spool_file *file, bool *taken)
{
    if (file->kind == FILE_RING)
        return apply_ring(apply, session->ring);
    struct mlf__journal *journal = NULL;
    mlf_status status = mlf__journal_open(file->path, &journal);
    if (status == MLF_ERR_NOT_FOUND)
        return MLF_OK; /* another `mlf sync` has merged it meanwhile */
    if (status == MLF_OK)
        status = mlf__journal_lock(journal);
    *taken = status == MLF_ERR_BUSY;
    if (status == MLF_OK)
        status = apply_journal(apply, journal, file->path);
    mlf__journal_close(journal);
    return status;
}

/* When the run ended: the last sign of life of its files. */
static int64_t last_change_ms(const struct session *session)
{
    int64_t last = session->config.start_ns / 1000000;
    for (size_t i = 0; i < session->n; i++) {
        struct stat st;
        if (stat(session->files[i].path, &st) != 0)
            continue;
        int64_t changed = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
        last = changed > last ? changed : last;
    }
    return last;
}

/* The launcher's process: it made the ring, and it wrote the spill. */
static int32_t launcher_pid(const struct session *session)
{
    struct mlf__journal *journal = NULL;
    int32_t pid = session->ring != NULL ? mlf__ring_owner(session->ring).pid : 0;
    for (size_t i = 0; i < session->n && pid == 0; i++)
        if (session->files[i].kind == FILE_SPILL &&
            mlf__journal_open(session->files[i].path, &journal) == MLF_OK)
            pid = mlf__journal_writer(journal)->pid;
    mlf__journal_close(journal);
    return pid;
}

static mlf_status settle(const struct mlf__sync_options *options, struct session *session,
                         bool *taken)
{
    struct mlf__apply apply;
    int64_t end_ms = last_change_ms(session);
    mlf_status status = mlf__apply_init(&apply, &session->config);
    if ((session->config.flags & MLF__CONFIG_LAUNCHER) != 0)
        apply.launcher_pid = launcher_pid(session);
    for (size_t i = 0; i < session->n && status == MLF_OK; i++)
        status = merge_file(&apply, session, &session->files[i], taken);
    if (status == MLF_OK && session->ring != NULL)
        status = mlf__apply_drops(&apply, mlf__ring_drops(session->ring));
    if (status == MLF_OK)
        status = mlf__apply_finish(&apply, 0, end_ms);
    for (size_t i = 0; i < session->n && status == MLF_OK; i++)
        unlink(session->files[i].path);
    struct leftovers leftovers = {.run_id = session->config.run_id};
    if (status == MLF_OK)
        mlf__spool_each_dir(remove_leftovers, &leftovers);
    if (status == MLF_OK)
        say(options, "merged run %.8s into %s", session->config.run_id, apply.uri);
    else if (!*taken)
        say(options, "run %.8s could not be merged: %s (%s stays)", session->config.run_id,
            mlf__errmsg(), session->files[0].path);
    if (status == MLF_OK && apply.n_refused > 0)
        say(options, "run %.8s: the store refused %zu events: %s", session->config.run_id,
            apply.n_refused, apply.refused != NULL ? apply.refused : "");
    mlf__apply_free(&apply);
    return status;
}

enum wait_outcome { WAIT_STORED, WAIT_DIED, WAIT_STUCK };

/* Waits for a live collector whose producers are gone, as long as it advances. When it dies, its lock is
 * ours and the session an orphan. */
static enum wait_outcome wait_for_collector(const struct mlf__sync_options *options,
                                            const struct session *session, const char *path)
{
    enum { NAP_NS = 20000000 };
    static const int64_t say_ns = 1000000000, patience_ns = 10000000000;
    int64_t begin = mlf__monotonic_ns(), progress = begin;
    uint64_t settled = mlf__ring_settled(session->ring);
    bool said = false;
    while (access(path, F_OK) == 0) {
        struct timespec nap = {.tv_nsec = NAP_NS};
        nanosleep(&nap, NULL);
        int64_t now = mlf__monotonic_ns();
        if (mlf__ring_settled(session->ring) != settled) {
            settled = mlf__ring_settled(session->ring);
            progress = now;
        }
        if (mlf__ring_lock(session->ring) == MLF_OK)
            return access(path, F_OK) == 0 ? WAIT_DIED : WAIT_STORED;
        if (!said && now - begin > say_ns) {
            say(options, "waiting for the collector of run %.8s", session->config.run_id);
            said = true;
        }
        if (now - progress > patience_ns) {
            struct mlf__proc_id collector = {0};
            mlf__ring_collector(session->ring, &collector);
            say(options, "the collector of run %.8s (pid %d) does not advance",
                session->config.run_id, (int)collector.pid);
            return WAIT_STUCK;
        }
    }
    return WAIT_STORED;
}

static const char *ring_path_of(const struct session *session)
{
    for (size_t i = 0; i < session->n; i++)
        if (session->files[i].kind == FILE_RING)
            return session->files[i].path;
    return session->files[0].path;
}

/* Does a session that |options->maker| made still log, with nobody there who stores it? */
static bool is_forsaken(const struct mlf__sync_options *options, const struct session *session)
{
    struct mlf__proc_id collector = {0};
    if (options->maker == NULL || session->ring == NULL)
        return false;
    const struct mlf__proc_id owner = mlf__ring_owner(session->ring);
    if (owner.pid != options->maker->pid || owner.start_time != options->maker->start_time)
        return false;
    mlf__ring_collector(session->ring, &collector);
    return collector.pid != 0 && !mlf__proc_alive(&collector);
}

static void sync_session(const struct mlf__sync_options *options, struct session *session,
                         struct mlf__sync_result *out)
{
    enum { LEAVE_NAPS = 50, NAP_NS = 10000000 };
    mlf_status status;
    bool taken = false;
    enum session_state state = examine(options, session);
    /* Who has just been killed is waited for, for a moment. */
    for (int i = 0; i < LEAVE_NAPS && options->wait && state == SESSION_ALIVE &&
                    session->ring != NULL && mlf__ring_leaving(session->ring);
         i++) {
        struct timespec nap = {.tv_nsec = NAP_NS};
        nanosleep(&nap, NULL);
        mlf__ring_detach(session->ring);
        session->ring = NULL;
        state = examine(options, session);
    }
    if (options->list_only && state != SESSION_OTHER) {
        static const char *const names[] = {"left behind", "alive", "being stored", "",
                                            "unreadable"};
        say(options, "%s: run %.8s, %s%s%s", ring_path_of(session), session->config.run_id,
            names[state], state == SESSION_BAD ? ": " : "", session->reason);
        return;
    }
    enum wait_outcome outcome = WAIT_STUCK;
    if (state == SESSION_COLLECTED && options->wait)
        outcome = wait_for_collector(options, session, ring_path_of(session));
    if (outcome == WAIT_DIED)
        state = SESSION_ORPHAN;
    switch (state) {
    case SESSION_ORPHAN:
        status = settle(options, session, &taken);
        out->merged += status == MLF_OK;
        out->waiting += taken;
        out->failed += status != MLF_OK && !taken;
        if (status != MLF_OK)
            snprintf(out->reason, sizeof(out->reason), "run %.8s: %.200s", session->config.run_id,
                     taken ? "another process merges it" : mlf__errmsg());
        break;
    case SESSION_COLLECTED:
        out->waiting += outcome == WAIT_STUCK;
        if (outcome == WAIT_STUCK)
            snprintf(out->reason, sizeof(out->reason), "run %.8s: its collector does not advance",
                     session->config.run_id);
        break;
    case SESSION_BAD:
        say(options, "left alone: %s", session->reason);
        out->failed++;
        out->unreadable++;
        break;
    case SESSION_ALIVE:
        out->alive++;
        if (is_forsaken(options, session)) {
            out->waiting++;
            snprintf(out->reason, sizeof(out->reason),
                     "run %.8s: its driver is gone, but processes of it still run",
                     session->config.run_id);
        }
        break;
    case SESSION_OTHER:
        break;
    }
}

mlf_status mlf__sync(const struct mlf__sync_options *options, struct mlf__sync_result *out)
{
    *out = (struct mlf__sync_result){0};
    struct spool_list list = list_spool();
    for (size_t i = 0; i < list.n;) {
        struct session session = {.files = &list.files[i]};
        while (i < list.n && strcmp(list.files[i].stem, session.files[0].stem) == 0)
            i++;
        session.n = (size_t)(&list.files[i] - session.files);
        sync_session(options, &session, out);
        mlf__ring_detach(session.ring);
    }
    struct leftovers leftovers = {.list = &list, .dead_only = true};
    if (!options->list_only)
        mlf__spool_each_dir(remove_leftovers, &leftovers);
    mlf__free(list.files);
    return MLF_OK;
}
