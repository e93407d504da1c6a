/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite databases of every condition: created at once by several processes, locked, read-only,
 * foreign, older, newer, migrated while we write, on a full disk. */
#include "test_tracking_store.h"

#include "tracking/sql/local_fs.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define RUN "0123456789abcdef0123456789abcdef"

static const struct mlf__run_create new_run = {
    .run_id = RUN, .experiment_id = "0", .name = "r", .user = "ann", .start_time_ms = 1};

static bool make_database(const char *name)
{
    struct mlf__store *store = open_store(uri_of(name), MLF__STORE_WRITE);
    bool ok = store != NULL && store->ops->run_create(store, &new_run) == MLF_OK &&
              store->ops->log_param(store, RUN, "C", "1", NULL) == MLF_OK;
    mlf__store_close(store);
    return ok;
}

/* The status of opening, which is to fail; the text stays in mlf__errmsg(). */
static mlf_status open_status(const char *uri, enum mlf__open_mode mode)
{
    struct mlf__store *store = NULL;
    mlf_status status = mlf__store_open(uri, mode, &store);
    mlf__store_close(store);
    return status;
}

static int count_files(const char *part)
{
    int n = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        n += strstr(entry->d_name, part) != NULL;
    if (dir != NULL)
        closedir(dir);
    return n;
}

static void write_file(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");
    if (out != NULL) {
        fputs(text, out);
        fclose(out);
    }
}

/* Runs |body| in a child, as nobody when we are root. Its result is the child's success. */
static bool in_child(bool (*body)(void), bool unprivileged)
{
    pid_t pid = fork();
    if (pid == 0) {
        if (unprivileged && getuid() == 0 && setresuid(65534, 65534, 65534) != 0)
            _exit(2);
        _exit(body() ? 0 : 1);
    }
    int status = -1;
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

static void a_new_database_is_whole(void)
{
    OK(make_database("new.db"), "a database is created and written");
    STR(sql(in_folder("new.db"), "PRAGMA journal_mode; PRAGMA integrity_check; "
                                 "PRAGMA foreign_key_check"),
        "wal\nok\n", "in WAL mode, and whole");
    IS(count_files("new.db"), 1, "closed it is one file");
    IS(open_status(uri_of("none.db"), MLF__STORE_READ), MLF_ERR_NOT_FOUND, "reading creates none");
    OK(says("none.db"), "the text names it");
    IS(open_status(uri_of("no/dir.db"), MLF__STORE_WRITE), MLF_ERR_NOT_FOUND, "a missing folder");
    OK(says("no/dir.db"), "the text names it");
    struct mlf__store *store = open_store(uri_of("new.db"), MLF__STORE_READ);
    IS(store->ops->log_param(store, RUN, "C", "1", NULL), MLF_ERR_STATE, "a reader cannot write");
    mlf__store_close(store);
}

enum { CREATORS = 8 };

static bool create_and_write(void)
{
    char id[MLF__ID_SIZE];
    mlf_experiment experiment = {0};
    struct mlf__store *store = open_store(uri_of("race.db"), MLF__STORE_WRITE);
    struct mlf__run_create run = new_run;
    mlf__new_id(id);
    run.run_id = id;
    const struct mlf__metric point = {.run_id = id, .key = "k", .value = 1};
    bool ok = store != NULL &&
              store->ops->experiment_ensure(store, "same", &experiment) == MLF_OK &&
              store->ops->run_create(store, &run) == MLF_OK &&
              store->ops->log_metrics(store, &point, 1) == MLF_OK;
    if (!ok)
        printf("# %s\n", mlf__errmsg());
    mlf_experiment_free(&experiment);
    mlf__store_close(store);
    return ok;
}

static void several_creators_make_one_database(void)
{
    pid_t pids[CREATORS];
    int gate[2], failures = 0;
    if (!OK(pipe(gate) == 0, "there is a pipe"))
        return;
    for (int i = 0; i < CREATORS; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            char c;
            close(gate[1]);
            /* All begin when the parent closes its end. */
            (void)!read(gate[0], &c, 1);
            bool ok = create_and_write();
            fflush(stdout);
            _exit(ok ? 0 : 1);
        }
    }
    close(gate[0]);
    close(gate[1]);
    for (int i = 0; i < CREATORS; i++) {
        int status = -1;
        failures += waitpid(pids[i], &status, 0) != pids[i] || status != 0;
    }
    IS(failures, 0, "eight processes create and write the same database");
    STR(sql(in_folder("race.db"), "SELECT count(*) FROM runs; SELECT count(*) FROM experiments; "
                                  "SELECT count(*) FROM alembic_version; PRAGMA integrity_check"),
        "8\n2\n1\nok\n", "it has the runs of all");
    IS(count_files("race.db"), 1, "nothing else is left");
}

static void existing_files_are_used_as_they_are(void)
{
    write_file(in_folder("empty.db"), "");
    OK(make_database("empty.db"), "an empty file is made a database");
    STR(sql(in_folder("empty.db"), "PRAGMA journal_mode"), "delete\n", "its journal mode stays");
    OK(make_database("empty.db"), "and is used again");
    sql(in_folder("new.db"), "PRAGMA journal_mode=DELETE");
    OK(make_database("new.db"), "another journal mode is fine");
    STR(sql(in_folder("new.db"), "PRAGMA journal_mode"), "delete\n", "and stays");

    write_file(in_folder("stale.db-wal"), "rest");
    IS(open_status(uri_of("stale.db"), MLF__STORE_WRITE), MLF_ERR_STATE, "a stale log is refused");
    OK(says("stale.db-wal"), "the text names it");
    unlink(in_folder("stale.db-wal"));
    write_file(in_folder("stale.db-journal"), "rest");
    IS(open_status(uri_of("stale.db"), MLF__STORE_WRITE), MLF_ERR_STATE, "so is a stale journal");
    IS(count_files("stale.db"), 1, "no database is made beside it");
}

static void foreign_files_are_refused(void)
{
    write_file(in_folder("text.db"), "This is a text, long enough to be taken for a page header by "
                                     "nobody at all, and it is to stay as it is.\n");
    static const enum mlf__open_mode modes[] = {MLF__STORE_READ, MLF__STORE_WRITE};
    sql(in_folder("foreign.db"), "CREATE TABLE runs (a)");
    mkdir(in_folder("folder.db"), 0777);
    for (size_t i = 0; i < 2; i++) {
        IS(open_status(uri_of("text.db"), modes[i]), MLF_ERR_SCHEMA, "a text file");
        OK(says("text.db") && says("not a database"), "the text says so");
        IS(open_status(uri_of("foreign.db"), modes[i]), MLF_ERR_SCHEMA, "another's database");
        OK(says("foreign.db") && says("not an MLflow database"), "the text says so");
        IS(open_status(uri_of("folder.db"), modes[i]), MLF_ERR_INVAL, "a folder");
        OK(says("folder.db"), "the text names it");
    }
    STR(sql(in_folder("foreign.db"), "SELECT name FROM sqlite_master"), "runs\n",
        "nothing is added to another's database");
    IS(open_status("http://localhost:5000", MLF__STORE_WRITE), MLF_ERR_INVAL, "an unknown scheme");
    OK(says("http://localhost:5000") && says("sqlite:"), "the text names it, and those there are");
    IS(open_status(uri_of("new.db?mode=ro"), MLF__STORE_WRITE), MLF_ERR_INVAL, "an unknown option");
}

static void an_older_schema_is_read_only(void)
{
    OK(make_database("old.db"), "a database");
    STR(sql(in_folder("old.db"),
            "DROP TABLE logged_model_metrics; DROP TABLE logged_model_params; "
            "DROP TABLE logged_model_tags; DROP TABLE logged_models; DROP TABLE inputs; "
            "CREATE TABLE inputs (input_uuid, source_type, source_id, destination_type, "
            "destination_id); UPDATE alembic_version SET version_num = 'acf3f17fdcc7'"),
        "", "is made one of MLflow 2");
    IS(open_status(uri_of("old.db"), MLF__STORE_WRITE), MLF_ERR_SCHEMA, "it is not written");
    OK(says("old.db") && says("acf3f17fdcc7") && says("mlflow db upgrade sqlite:"),
       "the text says what to do");
    struct mlf__store *store = open_store(uri_of("old.db"), MLF__STORE_READ);
    mlf_run_record run = {0};
    mlf_logged_model model;
    if (OK(store != NULL, "it is read")) {
        IS(store->ops->run_get(store, RUN, &run), MLF_OK, "with its runs");
        IS(run.n_params, 1, "and their params");
        IS(store->ops->model_get(store, "m-1", &model), MLF_ERR_NOT_FOUND, "and without models");
    }
    mlf_run_record_free(&run);
    mlf__store_close(store);
    sql(in_folder("old.db"), "DROP TABLE latest_metrics");
    IS(open_status(uri_of("old.db"), MLF__STORE_READ), MLF_ERR_SCHEMA, "one too old is refused");
    OK(says("latest_metrics"), "the text says what is missing");
}

static const char migrate[] =
    "PRAGMA foreign_keys=OFF; BEGIN; CREATE TABLE later (experiment_id INTEGER NOT NULL, name "
    "VARCHAR(256) NOT NULL, artifact_location VARCHAR(256), lifecycle_stage VARCHAR(32), "
    "creation_time BIGINT, last_update_time BIGINT, workspace VARCHAR(63) DEFAULT 'default' NOT "
    "NULL, PRIMARY KEY (experiment_id), UNIQUE (workspace, name)); INSERT INTO later SELECT *, "
    "'default' FROM experiments; DROP TABLE experiments; ALTER TABLE later RENAME TO experiments; "
    "UPDATE alembic_version SET version_num = 'later'; INSERT INTO experiments (name, "
    "lifecycle_stage, workspace) VALUES ('same', 'active', 'other'); COMMIT";

static void a_later_schema_is_written_even_when_it_comes_meanwhile(void)
{
    OK(make_database("later.db"), "a database");
    struct mlf__store *store = open_store(uri_of("later.db"), MLF__STORE_WRITE);
    mlf_experiment experiment = {0};
    IS(store->ops->experiment_by_name(store, "same", &experiment), MLF_ERR_NOT_FOUND, "is open");
    STR(sql(in_folder("later.db"), migrate), "", "and is migrated");
    IS(store->ops->experiment_by_name(store, "same", &experiment), MLF_ERR_NOT_FOUND,
       "another workspace is not seen");
    IS(store->ops->experiment_ensure(store, "same", &experiment), MLF_OK, "a name in ours is new");
    STR(sql(in_folder("later.db"), "SELECT workspace FROM experiments WHERE name = 'same' ORDER BY "
                                   "experiment_id"),
        "other\ndefault\n", "and is written to the default workspace");
    mlf_experiment_free(&experiment);
    IS(store->ops->log_param(store, RUN, "D", "1", NULL), MLF_OK, "the rest is written as before");

    STR(sql(in_folder("later.db"),
            "CREATE TABLE t2 (key, value, run_uuid, tenant TEXT NOT NULL, PRIMARY KEY (key, "
            "run_uuid)); DROP TABLE tags; ALTER TABLE t2 RENAME TO tags"),
        "", "a schema comes that needs what we do not know");
    IS(store->ops->log_param(store, RUN, "E", "1", NULL), MLF_ERR_SCHEMA, "nothing is written");
    OK(says("tags.tenant") && says("later"), "the text says why");
    mlf__store_close(store);
    IS(open_status(uri_of("later.db"), MLF__STORE_WRITE), MLF_ERR_SCHEMA, "nor opened for it");
    IS(open_status(uri_of("later.db"), MLF__STORE_READ), MLF_OK, "but it is read");
}

static void a_locked_database_is_waited_for(void)
{
    sqlite3 *db = NULL;
    OK(make_database("locked.db"), "a database");
    sqlite3_open(in_folder("locked.db"), &db);
    IS(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK, "is locked by another");
    struct mlf__store *store = open_store(uri_of("locked.db?timeout=0.05"), MLF__STORE_WRITE);
    if (OK(store != NULL, "it is opened all the same")) {
        IS(store->ops->set_tag(store, RUN, "t", "1"), MLF_ERR_BUSY, "writing gives up in the end");
        OK(says("locked.db") && says("0.05 s"), "the text says how long it waited");
        IS(store->ops->begin(store), MLF_ERR_BUSY, "so does a transaction");
        sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
        IS(store->ops->set_tag(store, RUN, "t", "1"), MLF_OK, "then it goes on");
    }
    mlf__store_close(store);
    sqlite3_close(db);
}

static bool open_in_read_only_folder(void)
{
    mlf_status create = open_status(uri_of("sealed/new.db"), MLF__STORE_WRITE);
    bool ok = create == MLF_ERR_PERM && says("sealed/new.db");
    mlf_status write = open_status(uri_of("sealed/mlflow.db"), MLF__STORE_WRITE);
    ok = ok && write == MLF_ERR_PERM && says("sealed/mlflow.db");
    struct mlf__store *store = open_store(uri_of("sealed/mlflow.db"), MLF__STORE_READ);
    mlf_run_record run = {0};
    ok = ok && store != NULL && store->ops->run_get(store, RUN, &run) == MLF_OK;
    mlf_run_record_free(&run);
    mlf__store_close(store);
    fflush(stdout);
    return ok;
}

static void a_read_only_folder_is_read(void)
{
    chmod(folder, 0755);
    mkdir(in_folder("sealed"), 0755);
    OK(make_database("sealed/mlflow.db"), "a database");
    chmod(in_folder("sealed"), 0555);
    OK(in_child(open_in_read_only_folder, true),
       "in a read-only folder is refused for writing, and read");
    chmod(in_folder("sealed"), 0755);
}

static bool fill_disk(void)
{
    enum { POINTS = 1000 };
    static struct mlf__metric batch[POINTS];
    static char keys[POINTS][200];
    struct stat file;
    struct mlf__store *store = open_store(uri_of("full.db"), MLF__STORE_WRITE);
    signal(SIGXFSZ, SIG_IGN);
    if (store == NULL || stat(in_folder("full.db"), &file) != 0)
        return false;
    struct rlimit limit = {(rlim_t)file.st_size / 2, (rlim_t)file.st_size / 2};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return false;
    for (int i = 0; i < POINTS; i++) {
        snprintf(keys[i], sizeof(keys[i]), "%0190d", i);
        batch[i] = (struct mlf__metric){.run_id = RUN, .key = keys[i], .value = i};
    }
    bool began = store->ops->begin(store) == MLF_OK;
    mlf_status first = store->ops->log_metrics(store, batch, POINTS);
    mlf_status second = store->ops->commit(store);
    bool ok = began && (first != MLF_OK || second != MLF_OK) && second != MLF_OK &&
              mlf__errmsg()[0] != '\0';
    mlf__store_close(store);
    return ok;
}

static void a_full_disk_loses_the_batch_only(void)
{
    OK(make_database("full.db"), "a database");
    OK(in_child(fill_disk, false), "on a full disk refuses the batch");
    STR(sql(in_folder("full.db"), "PRAGMA integrity_check; SELECT count(*) FROM metrics; "
                                  "SELECT count(*) FROM params"),
        "ok\n0\n1\n", "and is whole, without it");
}

static void network_file_systems_are_known(void)
{
    STR(mlf__network_fs_name(0x6969), "NFS", "NFS is one");
    STR(mlf__network_fs_name(0xffffffffff534d42), "CIFS", "also with its sign extended");
    OK(mlf__network_fs_name(0xef53) == NULL, "ext4 is none");
    OK(mlf__network_fs_name(0x01021994) == NULL, "nor is tmpfs");
    STR(mlf__network_fs_name(0x65735546), "FUSE", "FUSE may be");
    OK(mlf__fuse_is_local("fuse.fuse-overlayfs"), "an overlay in a container is local");
    OK(!mlf__fuse_is_local("fuse.sshfs"), "sshfs is not");
}

/* Fails each allocation in turn while a store is opened, written and read. */
static void memory_may_run_out_anywhere(void)
{
    long n = 0, failures = 0;
    bool clean = false;
    char *uri = mlf__strdup(uri_of("new.db"));
    for (n = 1; n < 2000 && !clean; n++) {
        struct mlf__store *store = NULL;
        mlf_run_record run = {0};
        const struct mlf__metric point = {.run_id = RUN, .key = "k", .value = 1};
        mlf__alloc_fail_after(n);
        mlf_status status = mlf__store_open(uri, MLF__STORE_WRITE, &store);
        if (status == MLF_OK)
            status = store->ops->log_metrics(store, &point, 1);
        if (status == MLF_OK)
            status = store->ops->set_tag(store, RUN, "tag", "value");
        if (status == MLF_OK)
            status = store->ops->run_get(store, RUN, &run);
        mlf__alloc_fail_after(0);
        failures += status != MLF_OK && status != MLF_ERR_NOMEM;
        clean = status == MLF_OK;
        mlf_run_record_free(&run);
        mlf__store_close(store);
    }
    mlf__free(uri);
    OK(clean && n > 10, "every allocation was made to fail once");
    IS(failures, 0, "and gave 'out of memory'");
}

int main(void)
{
    folder_make();
    a_new_database_is_whole();
    several_creators_make_one_database();
    existing_files_are_used_as_they_are();
    foreign_files_are_refused();
    an_older_schema_is_read_only();
    a_later_schema_is_written_even_when_it_comes_meanwhile();
    a_locked_database_is_waited_for();
    a_read_only_folder_is_read();
    a_full_disk_loses_the_batch_only();
    network_file_systems_are_known();
    memory_may_run_out_anywhere();
    folder_remove();
    return tap_done();
}
