/* SPDX-License-Identifier: Apache-2.0 */
/* mlf doctor: what mlf would use here, and whether it works. Looks, and changes nothing, unless it is asked to log
 * MLflow's verification run. */
#include "autolog/apply.h"
#include "cli/actions.h"
#include "cli/json.h"
#include "cli/runs_pick.h"
#include "core/buf.h"
#include "core/env.h"
#include "core/mem.h"
#include "core/spawn.h"
#include "core/spool.h"
#include "core/sys.h"
#include "tracking/sql/sql_store.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const char help[] =
    "Usage: mlf doctor [OPTION]...\n"
    "\n"
    "Say which store, experiment, spool folder and libraries mlf uses here, and what is wrong\n"
    "with them. Nothing is changed.\n"
    "\n"
    "  --tracking-uri URI  the store (default: $MLFLOW_TRACKING_URI, else sqlite:///mlflow.db)\n"
    "  --log-run           also log MLflow's verification run: param test_param=test_value in\n"
    "                      the active experiment; makes the store when there is none\n"
    "  --json              one object with the list of checks\n"
    "  --help              print this help\n"
    "\n"
    "Exit status: 0 when all is well, 1 when something is wrong, 2 for wrong usage.\n";

static const size_t ring_need = (size_t)6 << 20;

struct check {
    const char *name;
    char *value;   /* owned */
    char *trouble; /* owned; NULL: all is well */
};

struct report {
    struct check *checks;
    size_t n, cap;
    bool failed; /* memory ran out */
};

/* ---- the report ---- */

/* Adds a check; |trouble| "" or NULL when all is well. Both are copied. */
static void add(struct report *report, const char *name, const char *trouble, const char *format,
                ...) MLF__PRINTF(4, 5);

static void add(struct report *report, const char *name, const char *trouble, const char *format,
                ...)
{
    char text[2 * PATH_MAX];
    va_list args;

    if (mlf__grow((void **)&report->checks, &report->cap, report->n + 1, sizeof(*report->checks)) !=
        MLF_OK) {
        report->failed = true;
        return;
    }
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    bool well = trouble == NULL || *trouble == '\0';
    struct check check = {name, mlf__strdup(text), well ? NULL : mlf__strdup(trouble)};
    report->failed = report->failed || check.value == NULL || (!well && check.trouble == NULL);
    report->checks[report->n++] = check;
}

static void free_report(struct report *report)
{
    for (size_t i = 0; i < report->n; i++) {
        mlf__free(report->checks[i].value);
        mlf__free(report->checks[i].trouble);
    }
    mlf__free(report->checks);
}

static bool all_well(const struct report *report)
{
    for (size_t i = 0; i < report->n; i++)
        if (report->checks[i].trouble != NULL)
            return false;
    return true;
}

static void print_people(const struct report *report)
{
    for (size_t i = 0; i < report->n; i++) {
        const struct check *check = &report->checks[i];
        printf("%-7s %-14s ", check->trouble != NULL ? "WRONG" : "ok", check->name);
        mlf__cli_print_text(stdout, check->value != NULL ? check->value : "");
        printf("\n");
        if (check->trouble == NULL)
            continue;
        printf("%-7s %-14s ", "", "");
        mlf__cli_print_text(stdout, check->trouble);
        printf("\n");
    }
}

static mlf_status print_json(const struct report *report)
{
    cJSON *root = cJSON_CreateObject();
    bool ok = cJSON_AddBoolToObject(root, "ok", all_well(report)) != NULL;
    cJSON *checks = ok ? cJSON_AddArrayToObject(root, "checks") : NULL;

    ok = checks != NULL;
    for (size_t i = 0; ok && i < report->n; i++) {
        const struct check *check = &report->checks[i];
        cJSON *object = cJSON_CreateObject();
        ok = mlf__json_append(checks, object) && mlf__json_text(object, "name", check->name) &&
             cJSON_AddBoolToObject(object, "ok", check->trouble == NULL) != NULL &&
             mlf__json_text(object, "value", check->value) &&
             mlf__json_text(object, "trouble", check->trouble);
    }
    if (ok)
        return mlf__json_print(root);
    cJSON_Delete(root);
    return mlf__json_print(NULL);
}

/* ---- the store ---- */

static void check_uri(struct report *report, const struct mlf__args *args, const char *uri)
{
    const char *from = args->tracking_uri != NULL                        ? "--tracking-uri"
                       : *mlf__env(MLF__ENV_MLFLOW_TRACKING_URI) != '\0' ? "MLFLOW_TRACKING_URI"
                                                                         : "the default";
    char *display = uri != NULL ? mlf__uri_display(uri) : NULL;

    add(report, "tracking URI", uri == NULL ? mlf__errmsg() : NULL, "%s (%s)",
        display != NULL ? display : "-", from);
    mlf__free(display);
}

/* The schema, of a store that has one: how far its MLflow is, and whether it takes what is written. */
static void check_schema(struct report *report, struct mlf__store *store)
{
    if (strcmp(store->ops->name, "SQL") != 0)
        return;
    const struct mlf__sql_store *sql = mlf__sql_store_of(store);
    mlf_status status = mlf__schema_require_writable(&sql->db, &sql->schema, store->uri);
    add(report, "schema", status != MLF_OK ? mlf__errmsg() : NULL, "revision %s, %s",
        sql->schema.revision, status == MLF_OK ? "can be written" : "can be read");
    const char *where = sql->db.ops->describe(&sql->db);
    size_t len = strlen(where);
    char path[PATH_MAX];
    if (len < 3 || where[0] != '\'' || len - 1 > sizeof(path))
        return;
    snprintf(path, sizeof(path), "%.*s", (int)(len - 2), where + 1);
    bool writable = access(path, W_OK) == 0;
    char trouble[128];
    snprintf(trouble, sizeof(trouble), "this user cannot write it: %s", strerror(errno));
    add(report, "database", writable ? NULL : trouble, "%s", path);
}

/* Where a store that is not there yet would be made: a run makes the database, and not its directory. */
static void check_absent(struct report *report, const char *uri)
{
    static const char prefix[] = "sqlite:///";
    const char *path = strncmp(uri, prefix, strlen(prefix)) == 0 ? uri + strlen(prefix) : "";
    char directory[PATH_MAX], trouble[128] = "";

    snprintf(directory, sizeof(directory), "%.*s", (int)strcspn(path, "?"), path);
    char *slash = strrchr(directory, '/');
    if (slash != NULL)
        slash[1] = '\0';
    if (slash != NULL && access(directory, W_OK) != 0)
        snprintf(trouble, sizeof(trouble), "the first run could not make it in its directory: %s",
                 strerror(errno));
    add(report, "store", trouble, "there is none yet%s",
        *trouble == '\0' ? "; the first run makes it" : "");
}

static void check_store(struct report *report, const char *uri, struct mlf__store *store,
                        mlf_status status)
{
    if (store != NULL) {
        add(report, "store", NULL, "%s, opened", store->ops->name);
        check_schema(report, store);
    } else if (status == MLF_ERR_NOT_FOUND) {
        check_absent(report, uri);
    } else {
        add(report, "store", mlf__errmsg(), "cannot be opened");
    }
}

/* The experiment that runs would go to: its name, or "" when it is given by an id. */
static void active_experiment(const char **name, const char **id)
{
    *name = mlf__env(MLF__ENV_MLFLOW_EXPERIMENT_NAME);
    *id = mlf__env(MLF__ENV_MLFLOW_EXPERIMENT_ID);
    if (**name == '\0' && **id == '\0')
        *name = "Default";
}

static void check_experiment(struct report *report, struct mlf__store *store)
{
    mlf_experiment experiment = {0};
    const char *name, *id;

    active_experiment(&name, &id);
    const char *from = *mlf__env(MLF__ENV_MLFLOW_EXPERIMENT_NAME) != '\0' ? "MLFLOW_EXPERIMENT_NAME"
                       : *id != '\0'                                      ? "MLFLOW_EXPERIMENT_ID"
                                                                          : "the default";
    mlf_status status = MLF_ERR_NOT_FOUND;
    if (store != NULL)
        status = *name != '\0' ? store->ops->experiment_by_name(store, name, &experiment)
                               : store->ops->experiment_get(store, id, &experiment);
    if (status == MLF_OK && experiment.deleted)
        add(report, "experiment", "it is deleted: mlf experiments restore brings it back",
            "%s, id %s (%s)", experiment.name, experiment.id, from);
    else if (status == MLF_OK)
        add(report, "experiment", NULL, "%s, id %s (%s)", experiment.name, experiment.id, from);
    else if (status == MLF_ERR_NOT_FOUND && *name != '\0')
        add(report, "experiment", NULL, "%s (%s), made by the first run", name, from);
    else
        add(report, "experiment", store != NULL ? mlf__errmsg() : "there is no store yet",
            "id %s (%s)", id, from);
    mlf_experiment_free(&experiment);
}

/* ---- the machine ---- */

static void count_files(const char *directory, void *user)
{
    struct report *report = user;
    DIR *folder = opendir(directory);
    size_t rings = 0, journals = 0;

    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        const char *dot = strrchr(entry->d_name, '.');
        rings += dot != NULL && strcmp(dot, ".ring") == 0;
        journals += dot != NULL && (strcmp(dot, ".journal") == 0 || strcmp(dot, ".spill") == 0);
    }
    if (folder != NULL)
        closedir(folder);
    if (rings + journals == 0)
        add(report, "left behind", NULL, "nothing in %s", directory);
    else
        add(report, "left behind", NULL,
            "%zu rings and %zu journals in %s: mlf sync --list says whose", rings, journals,
            directory);
}

static void add_spool(struct report *report, const char *name, mlf_status status, const char *path)
{
    struct statvfs fs;

    if (status != MLF_OK) {
        add(report, name, mlf__errmsg(), "none");
        return;
    }
    uint64_t mib = statvfs(path, &fs) == 0 ? (uint64_t)fs.f_bavail * fs.f_frsize >> 20 : 0;
    add(report, name, mib < 2 * (ring_need >> 20) ? "there is hardly any room left" : NULL,
        "%s, %llu MiB free", path, (unsigned long long)mib);
}

static void check_spool(struct report *report)
{
    const char *setting = mlf__env(MLF__ENV_MLF_SPOOL);
    char path[MLF__PATH_SIZE];

    if (*setting != '\0' && *setting != '/')
        add(report, "MLF_SPOOL", "it has to be an absolute path and is not used", "%s", setting);
    mlf_status status = mlf__spool_ring_dir(ring_need, path);
    add_spool(report, "rings", status, path);
    status = mlf__spool_disk_dir(path);
    add_spool(report, "journals", status, path);
    mlf__spool_each_dir(count_files, report);
}

static void check_files(struct report *report)
{
    char path[PATH_MAX];
    bool found = mlf__locate_hooks(path, sizeof(path));

    add(report, "preload",
        !found ? "libmlf_hooks.so is not where mlf was installed: install mlf again"
        : strpbrk(path, " :") != NULL ? "a path with a blank or a colon cannot be preloaded"
                                      : NULL,
        "%s", found ? path : "-");
    found = mlf__locate_program(path, sizeof(path));
    add(report, "collector", found ? NULL : "the program mlf is not where it was installed", "%s",
        found ? path : "-");
    if (mlf__env_is_on(MLF__ENV_MLF_OFF))
        add(report, "MLF_OFF", "mlf is switched off: nothing is logged", "1");
    if (mlf__env_is_on(MLF__ENV_MLF_OFFLINE))
        add(report, "MLF_OFFLINE", NULL, "1: runs go to journals; mlf sync merges them");
}

/* The file's own name, which has the version in it: libsqlite3.so.0.8.6. */
static int add_library(struct dl_phdr_info *info, size_t size, void *user)
{
    static const char *const wanted[] = {"libmlf_core.", "libsqlite3.", "libcjson.",
                                         "libpcre2-8.",  "libcrypto.",  "libc."};
    struct mlf__buf *text = user;
    char path[PATH_MAX];
    const char *slash = strrchr(info->dlpi_name, '/');

    (void)size;
    for (size_t i = 0; slash != NULL && i < MLF__ARRAY_LEN(wanted); i++) {
        if (strncmp(slash + 1, wanted[i], strlen(wanted[i])) != 0 ||
            realpath(info->dlpi_name, path) == NULL)
            continue;
        const char *name = strrchr(path, '/');
        mlf__buf_printf(text, ", %s", name != NULL ? name + 1 : path);
    }
    return 0;
}

static void check_versions(struct report *report)
{
    struct mlf__buf text = {0};

    mlf__buf_printf(&text, "mlf %s", MLF__VERSION);
    dl_iterate_phdr(add_library, &text);
    add(report, "versions", NULL, "%s", text.failed ? "" : text.data);
    mlf__buf_free(&text);
}

/* ---- the verification run ---- */

static mlf_status find_experiment(struct mlf__store *store, mlf_experiment *out)
{
    const char *name, *id;

    active_experiment(&name, &id);
    return *name != '\0' ? store->ops->experiment_ensure(store, name, out)
                         : store->ops->experiment_get(store, id, out);
}

static mlf_status write_run(struct mlf__store *store, const char *id)
{
    char *user = mlf__identity_user();
    const mlf_key_value tags[] = {{"mlflow.source.name", "mlf doctor"},
                                  {"mlflow.source.type", "LOCAL"},
                                  {"mlflow.user", user != NULL ? user : ""}};
    mlf_experiment experiment = {0};
    mlf_status status = find_experiment(store, &experiment);

    if (status == MLF_OK) {
        struct mlf__run_create run = {.run_id = id,
                                      .experiment_id = experiment.id,
                                      .user = user,
                                      .start_time_ms = mlf__now_ms(),
                                      .tags = tags,
                                      .n_tags = MLF__ARRAY_LEN(tags)};
        status = store->ops->run_create(store, &run);
    }
    if (status == MLF_OK)
        status = store->ops->log_param(store, id, "test_param", "test_value", NULL);
    if (status == MLF_OK)
        status = store->ops->run_update(store, id, MLF_RUN_FINISHED, mlf__now_ms());
    mlf_experiment_free(&experiment);
    mlf__free(user);
    return status;
}

/* Adds a check of the run and says whether it could be logged. */
static bool log_run(struct report *report, const char *uri)
{
    struct mlf__store *store = NULL;
    char id[MLF__ID_SIZE];

    mlf__new_id(id);
    mlf_status status = MLF_OK;
    if (mlf__env_is_on(MLF__ENV_MLF_OFF))
        status = mlf__fail(MLF_ERR_OFF, "mlf is switched off by MLF_OFF");
    if (status == MLF_OK)
        status = mlf__store_open(uri, MLF__STORE_WRITE, &store);
    if (status == MLF_OK)
        status = write_run(store, id);
    add(report, "verification", status != MLF_OK ? mlf__errmsg() : NULL, "run %s%s", id,
        status != MLF_OK ? " could not be logged" : "");
    mlf__store_close(store);
    return status == MLF_OK;
}

static int doctor(struct mlf__store *unused, const struct mlf__args *args)
{
    struct report report = {0};
    struct mlf__store *store = NULL;
    char *uri = NULL;
    bool logged = false;

    (void)unused;
    (void)mlf__cli_store_uri(args->tracking_uri, &uri);
    check_uri(&report, args, uri);
    if (uri != NULL) {
        if (args->log_run)
            logged = log_run(&report, uri);
        mlf_status opened = mlf__store_open(uri, MLF__STORE_READ, &store);
        check_store(&report, uri, store, opened);
        if (store != NULL || opened == MLF_ERR_NOT_FOUND)
            check_experiment(&report, store);
    }
    check_spool(&report);
    check_files(&report);
    check_versions(&report);
    mlf__store_close(store);
    mlf__free(uri);
    bool well = all_well(&report);
    mlf_status status = report.failed ? mlf__fail(MLF_ERR_NOMEM, "out of memory") : MLF_OK;
    if (status == MLF_OK && args->json)
        status = print_json(&report);
    else if (status == MLF_OK)
        print_people(&report);
    free_report(&report);
    if (status != MLF_OK)
        return mlf__action_fail(args);
    if (logged && !args->json)
        printf("\n✓ Successfully connected to MLflow!\n");
    return well ? MLF__EXIT_OK : MLF__EXIT_FAILED;
}

static const struct mlf__action actions[] = {{NULL, "uLj", 0, 0, "", MLF__ACTION_NO_STORE, doctor},
                                             {0}};

const struct mlf__command mlf__command_doctor = {
    .name = "doctor",
    .summary = "check the store, the experiment and this machine",
    .help = help,
    .actions = actions};
