/* SPDX-License-Identifier: Apache-2.0 */
/* The sample session, and reading a database as text with SQLite itself: what is checked must not be
 * read by the code that is checked. */
#include "tests/fault/sample.h"

#include "core/buf.h"
#include "core/mem.h"

#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { UNKNOWN_KIND = 99 }; /* an event of a newer mlf, which is passed over */

#define RUN "0123456789abcdef0123456789abcdef"
#define CHILD "fedcba9876543210fedcba9876543210"
#define MODEL "m-00112233445566778899aabbccddeeff"
#define TRIAL "11111111111111111111111111111111"
#define INNER "22222222222222222222222222222222"
#define TRIAL_MODEL "m-11111111111111111111111111111111"
#define INNER_MODEL "m-22222222222222222222222222222222"

static const int64_t start_ns = 1700000000000000000;

static void must(bool condition, const char *what)
{
    if (condition)
        return;
    printf("Bail out! %s: %s\n", what, mlf__errmsg());
    exit(1);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    must(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0, path);
}

/* An event with text of |n| fields. */
static struct mlf__event *add(struct sample *sample, uint16_t kind, const char *key, size_t n,
                              const char *const *fields)
{
    struct mlf__buf text = {0};
    struct mlf__event *event = &sample->events[sample->n++];
    *event = (struct mlf__event){.kind = kind,
                                 .pid = 10,
                                 .tid = 10,
                                 .ts_ns = start_ns + (int64_t)sample->n * 1000000,
                                 .key = key,
                                 .run = "",
                                 .model = "",
                                 .text = ""};
    for (size_t i = 0; i < n; i++)
        mlf__buf_add(&text, fields[i], strlen(fields[i]) + (i + 1 < n));
    event->text_len = text.len;
    if (text.len > 0)
        event->text = mlf__buf_take(&text);
    return event;
}

static struct mlf__event *add_text(struct sample *sample, uint16_t kind, const char *key,
                                   const char *text)
{
    return add(sample, kind, key, text[0] != '\0' ? 1 : 0, &text);
}

static void add_param(struct sample *sample, const char *key, const char *value, int source)
{
    add_text(sample, MLF__EV_PARAM, key, value)->flags = (uint16_t)source;
}

static void add_metric(struct sample *sample, const char *key, int64_t step, double value,
                       const char *run, const char *model)
{
    struct mlf__event *event = add_text(sample, MLF__EV_METRIC, key, "");
    event->step = step;
    event->value = value;
    event->run = run;
    event->model = model;
    event->flags = model[0] != '\0' ? MLF__SRC_ADAPTER : MLF__SRC_EXPLICIT;
}

static void add_training(struct sample *sample)
{
    const char *model[] = {sample->model, "model", "libsvm", "3.30"};
    struct mlf__event *event = add_text(sample, MLF__EV_TRAIN_BEGIN, "libsvm", "c=C g=gamma q=");
    event->model = MODEL;
    event = add_text(sample, MLF__EV_PARAM, "gamma", "");
    event->flags = MLF__SRC_ADAPTER | MLF__EVF_DOUBLE;
    event->value = 0.25;
    event = add_text(sample, MLF__EV_PARAM, "degree", "");
    event->flags = MLF__SRC_ADAPTER | MLF__EVF_INT;
    event->step = 3;
    add_param(sample, "c", "10", MLF__SRC_GETOPT);
    add_metric(sample, "obj", 0, -100.5, "", MODEL);
    add_metric(sample, "nSV", 0, 132, "", MODEL);
    event = add_text(sample, MLF__EV_FILE, "", sample->model);
    event->flags = MLF__EVF_WRITE;
    event = add(sample, MLF__EV_MODEL, "", 4, model);
    event->model = MODEL;
    event = add_text(sample, MLF__EV_TRAIN_END, "libsvm", "");
    event->model = MODEL;
}

/* ---- what only the API logs ---- */

static const char *const taken_texts[SAMPLE_TAKEN] = {
    "{\"columns\":[\"x\",\"y\"],\"data\":[[1,\"a\"],[2,null]]}",
    "{\"columns\":[\"y\",\"z\"],\"data\":[[\"b\",3]]}", "some text", "a long tag"};

static void add_taken(struct sample *sample)
{
    const char *first[] = {sample->taken[0], "eval/table.json"};
    const char *second[] = {sample->taken[1], "eval/table.json"};
    const char *text[] = {sample->taken[2], "notes", "text.txt"};
    add(sample, MLF__EV_TABLE, "", 2, first)->flags = MLF__EVF_TAKE;
    add(sample, MLF__EV_TABLE, "", 2, second)->flags = MLF__EVF_TAKE;
    add(sample, MLF__EV_ARTIFACT, "", 3, text)->flags = MLF__EVF_TAKE;
    add_text(sample, MLF__EV_TAG, "long", sample->taken[3])->flags = MLF__EVF_SPOOLED;
}

static void add_api_calls(struct sample *sample)
{
    const char *file[] = {"the data", "", "", sample->data, "", "", "training"};
    const char *web[] = {"web", "d1", "http", "{\"url\":\"http://x\"}", "{}", "{}", ""};
    const char *points[] = {"web", "d1"};
    add(sample, MLF__EV_INPUT, "", 7, file);
    add(sample, MLF__EV_INPUT, "", 7, web);
    add_text(sample, MLF__EV_TAG, "short-lived", "1");
    add_text(sample, MLF__EV_TAG_DELETE, "short-lived", "");
    struct mlf__event *event = add(sample, MLF__EV_METRIC, "acc", 2, points);
    event->model = MODEL;
    event->value = 0.75;
    add_taken(sample);
    event = add_text(sample, MLF__EV_RUN_RESUME, "", "");
    event->run = CHILD;
    add_metric(sample, "loss", 2, 2, CHILD, "");
    event = add_text(sample, MLF__EV_RUN_END, "", "");
    event->run = CHILD;
    event->step = MLF_RUN_FAILED;
}

/* A command with a run of its own, as `mlf tune` has many: it trains twice, saves nothing, leaves its second training's
 * run open, and is ended by the launcher. It uses no files: their list is not repeated when the store has trouble. */
static void add_command(struct sample *sample)
{
    enum { PID = 50 };
    const char *trial[] = {"trial_0", RUN}, *inner[] = {"training_2", TRIAL};
    const char *command[] = {"own-train", "-c", "5", sample->data};
    const char *artifact[] = {sample->data, "inputs"};
    size_t first = sample->n;
    struct mlf__event *event = add(sample, MLF__EV_RUN_START, "", 2, trial);
    event->pid = SAMPLE_LAUNCHER;
    add(sample, MLF__EV_ARTIFACT, "", 2, artifact); /* ends the transaction */
    event = add(sample, MLF__EV_PROCESS, "/usr/bin/own-train", 4, command);
    event->pid = SAMPLE_LAUNCHER;
    event->step = PID;
    add_text(sample, MLF__EV_TRAIN_BEGIN, "libsvm", "c=C")->model = TRIAL_MODEL;
    add_param(sample, "C", "5", MLF__SRC_ADAPTER);
    add_metric(sample, "obj", 0, -7, TRIAL, TRIAL_MODEL);
    add_text(sample, MLF__EV_TRAIN_END, "libsvm", "")->model = TRIAL_MODEL;
    for (size_t i = first; i < sample->n; i++)
        sample->events[i].run = TRIAL;
    add(sample, MLF__EV_RUN_START, "", 2, inner)->run = INNER;
    add_metric(sample, "obj", 0, -8, INNER, INNER_MODEL);
    add(sample, MLF__EV_ARTIFACT, "", 2, artifact)->run = INNER;
    event = add_text(sample, MLF__EV_RUN_END, "", "");
    event->run = TRIAL;
    event->pid = SAMPLE_LAUNCHER;
    event->step = MLF_RUN_FINISHED;
    for (size_t i = first; i < sample->n; i++)
        if (sample->events[i].pid != SAMPLE_LAUNCHER)
            sample->events[i].pid = PID;
}

static void add_events(struct sample *sample)
{
    const char *command[] = {"svm-train", "-c", "10", "-t", "2", sample->data, sample->model};
    const char *child[] = {"child", RUN, "second experiment"};
    const char *artifact[] = {sample->data, "inputs"};
    struct mlf__event *event;
    add_text(sample, MLF__EV_RUN_START, "", "sample run");
    event = add(sample, MLF__EV_PROCESS, "/usr/bin/svm-train", 7, command);
    event->step = 1;
    add_text(sample, MLF__EV_FILE, "", sample->data);
    add_param(sample, "explicit", "yes", MLF__SRC_EXPLICIT);
    add_param(sample, "printed", "1.5", MLF__SRC_RECOGNISER);
    add_param(sample, "password", "hunter2", MLF__SRC_RECOGNISER);
    add_training(sample);
    add_param(sample, "gamma", "7", MLF__SRC_RECOGNISER);
    add_metric(sample, "a metric (strange)", 1, 1.5, "", "");
    add_metric(sample, "loss", 1, 0.5, "", "");
    add_metric(sample, "loss", 2, 0.25, "", "");
    add_text(sample, MLF__EV_TAG, "colour", "blue");
    add(sample, MLF__EV_ARTIFACT, "", 2, artifact);
    event = add(sample, MLF__EV_RUN_START, "", 3, child);
    event->run = CHILD;
    add_metric(sample, "loss", 1, 3, CHILD, "");
    event = add_text(sample, MLF__EV_RUN_END, "", "");
    event->run = CHILD;
    event->step = MLF_RUN_KILLED;
    add_api_calls(sample);
    add_command(sample);
    add_text(sample, UNKNOWN_KIND, "note", "something");
    add_text(sample, MLF__EV_EXIT, "", "")->step = 3 << 8;
}

/* ---- folders and files ---- */

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static void remove_tree(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void sample_init(struct sample *sample)
{
    *sample = (struct sample){0};
    /* In memory where possible: the tests make thousands of databases. */
    snprintf(sample->folder, sizeof(sample->folder), "/dev/shm/mlf-fault-XXXXXX");
    if (mkdtemp(sample->folder) == NULL) {
        mlf__copy_text(sample->folder, sizeof(sample->folder), "/tmp/mlf-fault-XXXXXX");
        must(mkdtemp(sample->folder) != NULL, sample->folder);
    }
    snprintf(sample->data, sizeof(sample->data), "%s/data", sample->folder);
    snprintf(sample->model, sizeof(sample->model), "%s/data.model", sample->folder);
    snprintf(sample->database, sizeof(sample->database), "%s/mlflow.db", sample->folder);
    for (int i = 0; i < SAMPLE_TAKEN; i++)
        snprintf(sample->taken[i], sizeof(sample->taken[i]), "%s/01234567-10-%032d.take",
                 sample->folder, i);
    write_file(sample->data, "+1 1:0.5 2:1\n-1 1:1 2:0.5\n");
    write_file(sample->model, "svm_type c_svc\nkernel_type rbf\n");
    struct mlf__config *config = &sample->config;
    snprintf(config->tracking_uri, sizeof(config->tracking_uri), "sqlite:///%s", sample->database);
    snprintf(config->experiment_name, sizeof(config->experiment_name), "first experiment");
    snprintf(config->run_id, sizeof(config->run_id), RUN);
    snprintf(config->cwd, sizeof(config->cwd), "%s", sample->folder);
    config->start_ns = start_ns;
    add_events(sample);
    must(sample->n <= SAMPLE_MAX, "too many events");
}

void sample_free(struct sample *sample)
{
    for (size_t i = 0; i < sample->n; i++)
        if (sample->events[i].text_len > 0)
            mlf__free((char *)sample->events[i].text);
    remove_tree(sample->folder);
}

void sample_fresh(const struct sample *sample)
{
    static const char *const names[] = {"mlflow.db", "mlflow.db-wal", "mlflow.db-shm"};
    static char *image;
    static size_t size;
    char path[160];
    for (size_t i = 0; i < MLF__ARRAY_LEN(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", sample->folder, names[i]);
        unlink(path);
    }
    snprintf(path, sizeof(path), "%s/mlruns", sample->folder);
    remove_tree(path);
    for (int i = 0; i < SAMPLE_TAKEN; i++)
        write_file(sample->taken[i], taken_texts[i]);
    if (image == NULL) {
        static char bytes[4 << 20];
        struct mlf__store *store;
        must(mlf__store_open(sample->config.tracking_uri, MLF__STORE_WRITE, &store) == MLF_OK,
             "a database");
        mlf__store_close(store);
        FILE *file = fopen(sample->database, "rb");
        must(file != NULL, sample->database);
        size = fread(bytes, 1, sizeof(bytes), file);
        fclose(file);
        image = bytes;
        return;
    }
    FILE *file = fopen(sample->database, "wb");
    must(file != NULL && fwrite(image, 1, size, file) == size && fclose(file) == 0,
         sample->database);
}

/* ---- reading ---- */

static const char *const queries[] = {
    "SELECT 'experiment', experiment_id, name, lifecycle_stage FROM experiments ORDER BY 2",
    "SELECT 'run', r.run_uuid, CASE WHEN r.run_uuid = '" RUN "' THEN r.name END, r.status, "
    "r.start_time, r.end_time, r.lifecycle_stage, e.name FROM runs r JOIN experiments e USING "
    "(experiment_id) ORDER BY 2",
    "SELECT 'param', run_uuid, key, value FROM params ORDER BY 2, 3",
    "SELECT 'metric', run_uuid, key, value, timestamp, step, is_nan FROM metrics ORDER BY 2, 3, 6, "
    "4",
    "SELECT 'latest', run_uuid, key, value, timestamp, step FROM latest_metrics ORDER BY 2, 3",
    "SELECT 'tag', run_uuid, key, value FROM tags ORDER BY 2, 3",
    "SELECT 'data', d.name, d.digest, d.dataset_source, d.dataset_profile, i.destination_id, "
    "t.name, t.value FROM datasets d JOIN inputs i ON i.source_id = d.dataset_uuid LEFT JOIN "
    "input_tags t USING (input_uuid) ORDER BY 2, 3, 6, 7",
    "SELECT 'model', model_id, name, status, source_run_id, lifecycle_stage FROM logged_models "
    "ORDER BY 2",
    "SELECT 'model param', model_id, param_key, param_value FROM logged_model_params ORDER BY 2, 3",
    "SELECT 'model metric', model_id, metric_name, metric_value, metric_step FROM "
    "logged_model_metrics ORDER BY 2, 3, 5",
    "SELECT 'output', source_id, destination_id, step FROM inputs WHERE source_type = 'RUN_OUTPUT' "
    "ORDER BY 2, 3",
};

static const char *artifact_folder;
static struct mlf__buf *artifact_list;

static int list_file(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)ftw;
    if (flag == FTW_F)
        mlf__buf_printf(artifact_list, "file|%s|%lld\n", path + strlen(artifact_folder),
                        (long long)st->st_size);
    return 0;
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The artifacts, sorted, since folders are not. */
static void add_artifacts(const struct sample *sample, struct mlf__buf *out)
{
    char path[160];
    struct mlf__buf list = {0};
    char *lines[256];
    size_t n = 0;
    snprintf(path, sizeof(path), "%s/mlruns", sample->folder);
    artifact_folder = path;
    artifact_list = &list;
    mlf__buf_puts(&list, "");
    nftw(path, list_file, 16, FTW_PHYS);
    for (char *line = strtok(list.data, "\n"); line != NULL && n < 256; line = strtok(NULL, "\n"))
        lines[n++] = line;
    qsort(lines, n, sizeof(*lines), compare_lines);
    for (size_t i = 0; i < n; i++)
        mlf__buf_printf(out, "%s\n", lines[i]);
    mlf__buf_free(&list);
}

char *sample_dump(const struct sample *sample)
{
    struct mlf__buf out = {0};
    sqlite3 *db = NULL;
    must(sqlite3_open_v2(sample->database, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK,
         "the database opens");
    for (size_t i = 0; i < MLF__ARRAY_LEN(queries); i++) {
        sqlite3_stmt *stmt = NULL;
        must(sqlite3_prepare_v2(db, queries[i], -1, &stmt, NULL) == SQLITE_OK, sqlite3_errmsg(db));
        while (sqlite3_step(stmt) == SQLITE_ROW) {
            for (int column = 0; column < sqlite3_column_count(stmt); column++) {
                const char *text = (const char *)sqlite3_column_text(stmt, column);
                mlf__buf_printf(&out, "%s%s", column > 0 ? "|" : "", text != NULL ? text : "NULL");
            }
            mlf__buf_puts(&out, "\n");
        }
        sqlite3_finalize(stmt);
    }
    sqlite3_close(db);
    add_artifacts(sample, &out);
    return mlf__buf_take(&out);
}

static void print_missing(const char *from, const char *in, const char *mark)
{
    for (const char *line = from; *line != '\0';) {
        size_t len = strcspn(line, "\n");
        const char *at = in;
        while (at != NULL && !(strncmp(at, line, len) == 0 && at[len] == '\n'))
            at = (at = strchr(at, '\n')) != NULL ? at + 1 : NULL;
        if (at == NULL)
            printf("#   %s %.*s\n", mark, (int)len, line);
        line += len + (line[len] == '\n');
    }
}

void sample_print_difference(const char *got, const char *want)
{
    print_missing(got, want, "only now:   ");
    print_missing(want, got, "not any more:");
}
