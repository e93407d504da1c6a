/* SPDX-License-Identifier: Apache-2.0 */
/* The SQLite driver, the only file that calls SQLite.
 *
 * A new database is built under a temporary name beside its place and published by link(2), so that
 * nobody ever sees half of it. An existing one is used as it is: its journal mode is never switched,
 * since its owner may have reasons (network mounts, read-only media), and it is never migrated. */
#include "tracking/sql/sql.h"

#include "core/buf.h"
#include "core/env.h"
#include "core/mem.h"
#include "core/sys.h"
#include "tracking/sql/local_fs.h"
#include "tracking/sql/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUSY_TIMEOUT_MS = 20000, CREATE_ATTEMPTS = 3 };

struct sqlite {
    sqlite3 *handle;
    sqlite3_stmt *begin_read, *begin_write, *commit, *version;
    bool writable;
    int timeout_ms;
    int lock_fd; /* of the place's lock; -1: none is held */
    char path[PATH_MAX];
    char description[PATH_MAX + 2];
    char artifact_root[PATH_MAX + 16];
};

static struct sqlite *sqlite_of(const struct mlf__sql *db)
{
    return db->state;
}

static sqlite3_stmt *stmt_of(struct mlf__sql_stmt *stmt)
{
    return (sqlite3_stmt *)stmt;
}

/* ---- errors ---- */

static const struct {
    int code; /* primary result code */
    mlf_status status;
} statuses[] = {
    {SQLITE_BUSY, MLF_ERR_BUSY},        {SQLITE_LOCKED, MLF_ERR_BUSY},
    {SQLITE_FULL, MLF_ERR_FULL},        {SQLITE_NOMEM, MLF_ERR_NOMEM},
    {SQLITE_READONLY, MLF_ERR_PERM},    {SQLITE_PERM, MLF_ERR_PERM},
    {SQLITE_AUTH, MLF_ERR_PERM},        {SQLITE_CORRUPT, MLF_ERR_CORRUPT},
    {SQLITE_NOTADB, MLF_ERR_SCHEMA},    {SQLITE_SCHEMA, MLF_ERR_SCHEMA},
    {SQLITE_CONSTRAINT, MLF_ERR_STATE},
};

/* Reports what SQLite said last, with what was wanted. */
static mlf_status fail_sqlite(const struct sqlite *db, int code, const char *what)
{
    mlf_status status = MLF_ERR_IO;
    for (size_t i = 0; i < MLF__ARRAY_LEN(statuses); i++)
        if (statuses[i].code == (code & 0xff))
            status = statuses[i].status;
    if (status == MLF_ERR_BUSY)
        return mlf__fail(status, "%s is locked by another process (waited %g s)", db->description,
                         db->timeout_ms / 1000.0);
    if ((code & 0xff) == SQLITE_NOTADB)
        return mlf__fail(status, "%s is not a database; choose another file for the tracking URI",
                         db->description);
    /* "disk I/O error" says little; the system's own error tells a full disk from a broken one. */
    int err = (code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN
                  ? sqlite3_system_errno(db->handle)
                  : 0;
    if (err != 0)
        return mlf__fail_errno(err, "cannot %s %s: %s", what, db->description,
                               sqlite3_errmsg(db->handle));
    return mlf__fail(status, "cannot %s %s: %s", what, db->description, sqlite3_errmsg(db->handle));
}

/* ---- plain statements ---- */

static mlf_status exec(struct sqlite *db, const char *text, const char *what)
{
    int code = sqlite3_exec(db->handle, text, NULL, NULL, NULL);
    return code == SQLITE_OK ? MLF_OK : fail_sqlite(db, code, what);
}

static mlf_status prepare_into(struct sqlite *db, const char *text, sqlite3_stmt **out)
{
    int code = sqlite3_prepare_v3(db->handle, text, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
    return code == SQLITE_OK ? MLF_OK : fail_sqlite(db, code, "prepare to use");
}

static mlf_status run_prepared(struct sqlite *db, sqlite3_stmt *stmt, const char *what)
{
    int code = sqlite3_step(stmt);
    mlf_status status = code == SQLITE_DONE ? MLF_OK : fail_sqlite(db, code, what);
    sqlite3_reset(stmt);
    return status;
}

static mlf_status sqlite_schema_version(struct mlf__sql *sql, int64_t *out)
{
    struct sqlite *db = sqlite_of(sql);
    int code = sqlite3_step(db->version);
    mlf_status status = MLF_OK;
    if (code == SQLITE_ROW)
        *out = sqlite3_column_int64(db->version, 0);
    else
        status = fail_sqlite(db, code, "read");
    sqlite3_reset(db->version);
    return status;
}

/* ---- opening ---- */

/* sqlite:////dir/file?timeout=SECONDS */
static mlf_status parse_uri(struct sqlite *db, const char *uri)
{
    static const char prefix[] = "sqlite:///";
    static const char timeout[] = "timeout=";
    const char *path = uri + sizeof(prefix) - 1;
    if (strncmp(uri, prefix, sizeof(prefix) - 1) != 0 || path[0] != '/')
        return mlf__fail(MLF_ERR_INVAL, "'%s' is not an absolute sqlite URI", uri);
    size_t len = strcspn(path, "?");
    if (len >= sizeof(db->path) - 64)
        return mlf__fail(MLF_ERR_INVAL, "the path of '%s' is too long", uri);
    memcpy(db->path, path, len);
    snprintf(db->description, sizeof(db->description), "'%s'", db->path);
    size_t folder = (size_t)(strrchr(db->path, '/') - db->path);
    snprintf(db->artifact_root, sizeof(db->artifact_root), "%.*s/mlruns", (int)folder, db->path);
    db->timeout_ms = BUSY_TIMEOUT_MS;
    if (path[len] == '\0')
        return MLF_OK;
    double seconds;
    const char *option = path + len + 1;
    if (strncmp(option, timeout, sizeof(timeout) - 1) != 0 ||
        !mlf__parse_double(option + sizeof(timeout) - 1, &seconds) || !(seconds >= 0) ||
        seconds > 1e6)
        return mlf__fail(MLF_ERR_INVAL, "'%s' has an option that is not timeout=SECONDS", uri);
    db->timeout_ms = (int)(seconds * 1000);
    return MLF_OK;
}

static void folder_of(const struct sqlite *db, char out[PATH_MAX])
{
    size_t len = (size_t)(strrchr(db->path, '/') - db->path);
    snprintf(out, PATH_MAX, "%.*s", len > 0 ? (int)len : 1, db->path);
}

static void close_handle(struct sqlite *db)
{
    sqlite3_stmt **own[] = {&db->begin_read, &db->begin_write, &db->commit, &db->version};
    for (size_t i = 0; i < MLF__ARRAY_LEN(own); i++) {
        sqlite3_finalize(*own[i]);
        *own[i] = NULL;
    }
    sqlite3_close_v2(db->handle);
    db->handle = NULL;
}

static mlf_status open_handle(struct sqlite *db, const char *name, int flags)
{
    flags |= SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int code = sqlite3_open_v2(name, &db->handle, flags, NULL);
    if (code == SQLITE_OK) {
        sqlite3_busy_timeout(db->handle, db->timeout_ms);
        return MLF_OK;
    }
    mlf_status status = db->handle == NULL ? mlf__fail(MLF_ERR_NOMEM, "out of memory")
                                           : fail_sqlite(db, code, "open");
    close_handle(db);
    return status;
}

static mlf_status insert_default_experiment(struct sqlite *db)
{
    static const char text[] =
        "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, "
        "creation_time, last_update_time) VALUES (0, 'Default', $1 || '/0', 'active', $2, $2)";
    sqlite3_stmt *stmt = NULL;
    mlf_status status = prepare_into(db, text, &stmt);
    if (status == MLF_OK) {
        sqlite3_bind_text(stmt, 1, db->artifact_root, -1, SQLITE_STATIC);
        sqlite3_bind_int64(stmt, 2, mlf__now_ms());
        status = run_prepared(db, stmt, "create");
    }
    sqlite3_finalize(stmt);
    return status;
}

/* Creates the tables if there are none, in one transaction. */
static mlf_status populate(struct sqlite *db)
{
    sqlite3_stmt *count = NULL;
    mlf_status status = exec(db, "BEGIN IMMEDIATE", "create");
    if (status == MLF_OK)
        status = prepare_into(db, "SELECT count(*) FROM sqlite_master", &count);
    if (status == MLF_OK && sqlite3_step(count) != SQLITE_ROW)
        status = fail_sqlite(db, sqlite3_errcode(db->handle), "create");
    bool empty = status == MLF_OK && sqlite3_column_int64(count, 0) == 0;
    sqlite3_finalize(count);
    for (size_t i = 0; empty && status == MLF_OK && mlf__schema_statements[i] != NULL; i++)
        status = exec(db, mlf__schema_statements[i], "create");
    if (empty && status == MLF_OK)
        status = insert_default_experiment(db);
    if (status == MLF_OK)
        status = exec(db, "COMMIT", "create");
    if (status != MLF_OK)
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

static mlf_status sync_path(const char *path, int flags)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    if (fd < 0)
        return mlf__fail_errno(errno, "cannot open '%s'", path);
    mlf_status status = fsync(fd) == 0 ? MLF_OK : mlf__fail_errno(errno, "cannot sync '%s'", path);
    close(fd);
    return status;
}

/* Builds a whole database in the file |name|, which nobody else knows. */
static mlf_status build(struct sqlite *db, const char *name)
{
    mlf_status status = open_handle(db, name, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    /* One sync at the end is enough for a file that does not count before it is published. */
    if (status == MLF_OK)
        status = exec(db, "PRAGMA synchronous=OFF", "create");
    if (status == MLF_OK)
        status = populate(db);
    /* The log's shared memory is for the processes of one machine. */
    if (status == MLF_OK && db->lock_fd < 0)
        status = exec(db, "PRAGMA journal_mode=WAL", "create");
    close_handle(db);
    return status == MLF_OK ? sync_path(name, 0) : status;
}

/* Gives |from| the name |to|, only if that is free; the name |from| is gone afterwards. */
static mlf_status publish(const char *from, const char *to)
{
    if (link(from, to) == 0) {
        unlink(from);
        return MLF_OK;
    }
    int err = errno;
    /* Some file systems have no links. */
    if (err != EEXIST && renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return MLF_OK;
    unlink(from);
    return err == EEXIST || errno == EEXIST
               ? MLF_OK
               : mlf__fail_errno(err, "cannot create the database '%s'", to);
}

/* A journal without its database belongs to one that was deleted: SQLite would apply it to ours. */
static mlf_status refuse_stale(const struct sqlite *db, const char *suffix)
{
    char name[PATH_MAX + 16];
    struct stat status;
    snprintf(name, sizeof(name), "%s%s", db->path, suffix);
    if (stat(name, &status) != 0 || status.st_size == 0)
        return MLF_OK;
    return mlf__fail(MLF_ERR_STATE,
                     "cannot create %s: '%s' was left behind by a database that is gone; "
                     "move that file away first",
                     db->description, name);
}

static mlf_status create(struct sqlite *db)
{
    char temporary[PATH_MAX + 64], folder[PATH_MAX], id[MLF__ID_SIZE];
    mlf_status status = refuse_stale(db, "-wal");
    if (status == MLF_OK)
        status = refuse_stale(db, "-journal");
    if (status != MLF_OK)
        return status;
    folder_of(db, folder);
    if (access(folder, W_OK | X_OK) != 0)
        return mlf__fail_errno(errno, "cannot create the database %s", db->description);
    mlf__new_id(id);
    snprintf(temporary, sizeof(temporary), "%s.mlf-%.16s", db->path, id);
    status = build(db, temporary);
    if (status != MLF_OK) {
        unlink(temporary);
        return status;
    }
    status = publish(temporary, db->path);
    return status == MLF_OK ? sync_path(folder, O_DIRECTORY) : status;
}

/* Prepares the statements of the connection; the first of them reads the file. */
static mlf_status configure(struct sqlite *db)
{
    /* Whoever holds the lock of the place needs no memory shared with others. */
    mlf_status status =
        db->lock_fd >= 0 ? exec(db, "PRAGMA locking_mode=EXCLUSIVE", "open") : MLF_OK;
    if (status == MLF_OK)
        status = exec(db,
                      "PRAGMA foreign_keys=ON; PRAGMA synchronous=FULL; "
                      "PRAGMA wal_autocheckpoint=1000",
                      "open");
    if (status == MLF_OK)
        status = prepare_into(db, "PRAGMA schema_version", &db->version);
    if (status == MLF_OK)
        status = prepare_into(db, "BEGIN", &db->begin_read);
    if (status == MLF_OK)
        status = prepare_into(db, "BEGIN IMMEDIATE", &db->begin_write);
    if (status == MLF_OK)
        status = prepare_into(db, "COMMIT", &db->commit);
    return status;
}

static mlf_status open_file(struct mlf__sql *sql, const char *name, int flags)
{
    struct sqlite *db = sqlite_of(sql);
    int64_t version;
    mlf_status status = open_handle(db, name, flags);
    if (status == MLF_OK)
        status = configure(db);
    if (status == MLF_OK)
        status = sqlite_schema_version(sql, &version);
    if (status != MLF_OK)
        close_handle(db);
    return status;
}

/* For a database in WAL mode in a place where no file can be made: it has no writer then. */
static mlf_status open_immutable(struct mlf__sql *sql)
{
    const struct sqlite *db = sqlite_of(sql);
    struct mlf__buf name = {0};
    mlf__buf_puts(&name, "file:");
    for (const char *p = db->path; *p != '\0'; p++) {
        if (strchr("%?#", *p) != NULL)
            mlf__buf_printf(&name, "%%%02X", (unsigned char)*p);
        else
            mlf__buf_add(&name, p, 1);
    }
    mlf__buf_puts(&name, "?immutable=1");
    mlf_status status = name.failed
                            ? MLF_ERR_NOMEM
                            : open_file(sql, name.data, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
    mlf__buf_free(&name);
    return status;
}

static mlf_status open_reading(struct mlf__sql *sql)
{
    const struct sqlite *db = sqlite_of(sql);
    mlf_status status = open_file(sql, db->path, SQLITE_OPEN_READWRITE);
    char folder[PATH_MAX];
    folder_of(db, folder);
    if (status != MLF_OK && access(db->path, R_OK) == 0 && access(folder, W_OK) != 0 &&
        refuse_stale(db, "-wal") == MLF_OK)
        status = open_immutable(sql);
    if (status == MLF_OK)
        /* Searches go through several tables again and again; 2 MB of pages would be read anew each time. */
        status = exec(sqlite_of(sql), "PRAGMA query_only=ON; PRAGMA cache_size=-8192", "open");
    return status;
}

static mlf_status open_writing(struct mlf__sql *sql, bool empty)
{
    struct sqlite *db = sqlite_of(sql);
    char folder[PATH_MAX];
    folder_of(db, folder);
    /* SQLite keeps its log beside the database. */
    if (access(db->path, W_OK) != 0 || access(folder, W_OK) != 0)
        return mlf__fail_errno(errno, "cannot write the database %s or its folder",
                               db->description);
    mlf_status status = empty ? refuse_stale(db, "-wal") : MLF_OK;
    if (status == MLF_OK)
        status = open_file(sql, db->path, SQLITE_OPEN_READWRITE);
    if (status == MLF_OK && sqlite3_db_readonly(db->handle, "main") != 0)
        status = mlf__fail(MLF_ERR_PERM, "the database %s cannot be written", db->description);
    if (status == MLF_OK && empty)
        status = populate(db);
    db->writable = status == MLF_OK;
    return status;
}

/* Does the database lie where several machines may write, whose locks SQLite cannot rely on? */
static const char *shared_place(const struct sqlite *db)
{
    char folder[PATH_MAX];
    folder_of(db, folder);
    return mlf__env_is_on(MLF__ENV_MLF_FORCE_DIRECT) ? NULL : mlf__network_fs_at(folder);
}

/* In such a place one mlf writes at a time: it holds a lock beside the database for as long as it has the
 * database open. Network file systems that have locks at all have them for whole files. */
static mlf_status lock_place(struct sqlite *db)
{
    enum { NAP_MS = 50 };
    char name[PATH_MAX + 16];
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int64_t end = mlf__monotonic_ns() + db->timeout_ms * 1000000ll;
    const char *network = shared_place(db);
    if (network == NULL)
        return MLF_OK;
    snprintf(name, sizeof(name), "%s.mlf-lock", db->path);
    db->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (db->lock_fd < 0)
        return mlf__fail_errno(errno, "cannot make the lock '%s'", name);
    while (fcntl(db->lock_fd, F_OFD_SETLK, &lock) != 0) {
        if (errno != EAGAIN && errno != EACCES)
            return mlf__fail(
                MLF_ERR_UNSUPPORTED,
                "%s is on a file system (%s) without locks (%s), where writing from several "
                "machines damages a database; put it on a local disk",
                db->description, network, strerror(errno));
        if (mlf__monotonic_ns() > end)
            return mlf__fail(MLF_ERR_BUSY, "%s is locked by another process (waited %g s)",
                             db->description, db->timeout_ms / 1000.0);
        poll(NULL, 0, NAP_MS);
    }
    return MLF_OK;
}

static void unlock_place(struct sqlite *db)
{
    if (db->lock_fd >= 0)
        close(db->lock_fd);
    db->lock_fd = -1;
}

static bool sqlite_writes_at_end(const char *uri)
{
    struct sqlite db = {0};
    return parse_uri(&db, uri) == MLF_OK && shared_place(&db) != NULL;
}

static mlf_status sqlite_open_mode(struct mlf__sql *sql, enum mlf__open_mode mode)
{
    struct sqlite *db = sqlite_of(sql);
    mlf_status status = mode == MLF__STORE_WRITE ? lock_place(db) : MLF_OK;
    for (int attempt = 0; status == MLF_OK && attempt < CREATE_ATTEMPTS; attempt++) {
        struct stat file;
        if (stat(db->path, &file) == 0) {
            if (!S_ISREG(file.st_mode))
                return mlf__fail(MLF_ERR_INVAL, "%s is not a file", db->description);
            return mode == MLF__STORE_WRITE ? open_writing(sql, file.st_size == 0)
                                            : open_reading(sql);
        }
        if (errno != ENOENT)
            return mlf__fail_errno(errno, "cannot open the database %s", db->description);
        if (mode == MLF__STORE_READ)
            return mlf__fail(MLF_ERR_NOT_FOUND, "there is no database %s", db->description);
        status = create(db);
    }
    return status != MLF_OK
               ? status
               : mlf__fail(MLF_ERR_IO, "cannot create the database %s: it vanishes at once",
                           db->description);
}

static void sqlite_close(struct mlf__sql *sql)
{
    struct sqlite *db = sqlite_of(sql);
    /* The last connection to close empties the log by itself; when another program (a server) still
     * has the file open, do as much of it as is possible without waiting. */
    if (db->writable && db->handle != NULL)
        sqlite3_wal_checkpoint_v2(db->handle, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    close_handle(db);
    unlock_place(db);
}

static mlf_status sqlite_open(struct mlf__sql *sql, const char *uri, enum mlf__open_mode mode)
{
    struct sqlite *db = sqlite_of(sql);
    db->lock_fd = -1;
    mlf_status status = parse_uri(db, uri);
    if (status == MLF_OK)
        status = sqlite_open_mode(sql, mode);
    if (status != MLF_OK) {
        close_handle(db);
        unlock_place(db);
    }
    return status;
}

static const char *sqlite_describe(const struct mlf__sql *sql)
{
    return sqlite_of(sql)->description;
}

static const char *sqlite_artifact_root(const struct mlf__sql *sql)
{
    return sqlite_of(sql)->artifact_root;
}

/* ---- transactions ---- */

static mlf_status sqlite_begin(struct mlf__sql *sql, bool write)
{
    struct sqlite *db = sqlite_of(sql);
    /* What is written into a file that has no name any more is lost without a word. */
    int moved = 0;
    if (write &&
        sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK &&
        moved != 0)
        return mlf__fail(MLF_ERR_IO, "the database %s was moved or removed while it was open",
                         db->description);
    return run_prepared(db, write ? db->begin_write : db->begin_read, write ? "write" : "read");
}

static void sqlite_rollback(struct mlf__sql *sql)
{
    struct sqlite *db = sqlite_of(sql);
    if (!sqlite3_get_autocommit(db->handle))
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

static mlf_status sqlite_commit(struct mlf__sql *sql)
{
    struct sqlite *db = sqlite_of(sql);
    /* After some failures SQLite has rolled back by itself: nothing of the batch is there then. */
    if (sqlite3_get_autocommit(db->handle))
        return mlf__fail(MLF_ERR_IO, "the transaction on %s was rolled back", db->description);
    mlf_status status = run_prepared(db, db->commit, "write");
    if (status != MLF_OK)
        sqlite_rollback(sql);
    return status;
}

/* ---- statements ---- */

static mlf_status sqlite_columns(struct mlf__sql *sql, const char *table,
                                 mlf__sql_column_visitor *visit, void *context)
{
    struct sqlite *db = sqlite_of(sql);
    /* Reading a real table first makes SQLite notice that another process changed the schema. */
    mlf_status status = exec(db, "SELECT 1 FROM sqlite_master LIMIT 1", "read");
    sqlite3_stmt *stmt = NULL;
    if (status == MLF_OK)
        status = prepare_into(db,
                              "SELECT name, \"notnull\" AND dflt_value IS NULL "
                              "FROM pragma_table_info($1)",
                              &stmt);
    if (status != MLF_OK)
        return status;
    sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
    int code;
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW)
        visit(context, (const char *)sqlite3_column_text(stmt, 0),
              sqlite3_column_int(stmt, 1) != 0);
    if (code != SQLITE_DONE)
        status = fail_sqlite(db, code, "read");
    sqlite3_finalize(stmt);
    return status;
}

static mlf_status sqlite_prepare(struct mlf__sql *sql, const char *text, struct mlf__sql_stmt **out)
{
    struct sqlite *db = sqlite_of(sql);
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v3(db->handle, text, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
    *out = (struct mlf__sql_stmt *)stmt;
    if (code == SQLITE_OK)
        return MLF_OK;
    /* The statements are constants: one that cannot be compiled does not fit the tables. */
    if (code == SQLITE_ERROR)
        return mlf__fail(MLF_ERR_SCHEMA, "the tables of %s are not as expected: %s",
                         db->description, sqlite3_errmsg(db->handle));
    return fail_sqlite(db, code, "use");
}

static void sqlite_finalize(struct mlf__sql_stmt *stmt)
{
    sqlite3_finalize(stmt_of(stmt));
}

static void sqlite_bind_int(struct mlf__sql_stmt *stmt, int index, int64_t value)
{
    sqlite3_bind_int64(stmt_of(stmt), index, value);
}

static void sqlite_bind_double(struct mlf__sql_stmt *stmt, int index, double value)
{
    sqlite3_bind_double(stmt_of(stmt), index, value);
}

static void sqlite_bind_text(struct mlf__sql_stmt *stmt, int index, const char *text)
{
    sqlite3_bind_text(stmt_of(stmt), index, text, -1, SQLITE_STATIC);
}

static mlf_status sqlite_step(struct mlf__sql *sql, struct mlf__sql_stmt *stmt, bool *row)
{
    int code = sqlite3_step(stmt_of(stmt));
    *row = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE ? MLF_OK
                                                     : fail_sqlite(sqlite_of(sql), code, "use");
}

static void sqlite_reset(struct mlf__sql_stmt *stmt)
{
    sqlite3_reset(stmt_of(stmt));
}

static int64_t sqlite_column_int(struct mlf__sql_stmt *stmt, int column)
{
    return sqlite3_column_int64(stmt_of(stmt), column);
}

static double sqlite_column_double(struct mlf__sql_stmt *stmt, int column)
{
    return sqlite3_column_double(stmt_of(stmt), column);
}

/* Else every allocation takes a lock to be counted. Without effect when SQLite is in use already. */
static void sqlite_own_process(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static const char *sqlite_column_text(struct mlf__sql_stmt *stmt, int column)
{
    return (const char *)sqlite3_column_text(stmt_of(stmt), column);
}

static bool sqlite_column_is_null(struct mlf__sql_stmt *stmt, int column)
{
    return sqlite3_column_type(stmt_of(stmt), column) == SQLITE_NULL;
}

static int64_t sqlite_changes(struct mlf__sql *sql)
{
    return sqlite3_changes(sqlite_of(sql)->handle);
}

const struct mlf_sql_ops mlf__sqlite_ops = {
    .scheme = "sqlite",
    .state_size = sizeof(struct sqlite),
    .open = sqlite_open,
    .close = sqlite_close,
    .own_process = sqlite_own_process,
    .writes_at_end = sqlite_writes_at_end,
    .describe = sqlite_describe,
    .artifact_root = sqlite_artifact_root,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .schema_version = sqlite_schema_version,
    .columns = sqlite_columns,
    .prepare = sqlite_prepare,
    .finalize = sqlite_finalize,
    .bind_int = sqlite_bind_int,
    .bind_double = sqlite_bind_double,
    .bind_text = sqlite_bind_text,
    .step = sqlite_step,
    .reset = sqlite_reset,
    .column_int = sqlite_column_int,
    .column_double = sqlite_column_double,
    .column_text = sqlite_column_text,
    .column_is_null = sqlite_column_is_null,
    .changes = sqlite_changes,
};
