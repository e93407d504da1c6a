/* SPDX-License-Identifier: Apache-2.0 */
/* The sides of bench_search.py that are written in C; each does one thing and prints one line of JSON.
 *
 *   fill URI RUNS            a database with that many runs, each with 5 params, 5 metrics and 4 tags
 *   search URI ROUNDS FILTER ORDER
 *                            the first 100 runs that fit, by the store's run_search: seconds per search
 *   points URI N             a run with N points of one metric; prints its id
 *   raw PATH RUN ROUNDS      all its points by SQLite itself, each value read: seconds per reading
 *   history URI RUN ROUNDS PAGE
 *                            the same by the store's metric_history in pages; and how much memory it took */
#include "core/sys.h"
#include "tracking/store.h"

#include "bench.h"

#include <sqlite3.h>

enum { BATCH = 1000, PAGE_RUNS = 100, MEMBERS = 5, ROUNDS_MAX = 1000 };

static void must(mlf_status status)
{
    if (status != MLF_OK)
        bench_die("%s", mlf__errmsg());
}

static struct mlf__store *open_store(const char *uri, enum mlf__open_mode mode)
{
    struct mlf__store *store;
    must(mlf__store_open(uri, mode, &store));
    return store;
}

/* ---- fill ---- */

static void fill_run(struct mlf__store *store, int i)
{
    char id[MLF__ID_SIZE], name[32], values[MEMBERS][32], keys[MEMBERS][16];
    struct mlf__metric metrics[MEMBERS];
    const mlf_key_value tags[] = {{"mlflow.user", "bench"},
                                  {"mlflow.source.name", "train"},
                                  {"group", i % 2 ? "odd" : "even"}};
    mlf__new_id(id);
    snprintf(name, sizeof(name), "run-%d", i);
    const struct mlf__run_create run = {.run_id = id,
                                        .experiment_id = "0",
                                        .name = name,
                                        .user = "bench",
                                        .start_time_ms = 1700000000000 + i,
                                        .tags = tags,
                                        .n_tags = 3};
    must(store->ops->run_create(store, &run));
    for (int k = 0; k < MEMBERS; k++) {
        snprintf(keys[k], sizeof(keys[k]), "p%d", k);
        snprintf(values[k], sizeof(values[k]), "%d", (i * (k + 1)) % 100);
        must(store->ops->log_param(store, id, keys[k], values[k], NULL));
    }
    for (int k = 0; k < MEMBERS; k++) {
        snprintf(keys[k], sizeof(keys[k]), "m%d", k);
        metrics[k] = (struct mlf__metric){.run_id = id,
                                          .key = keys[k],
                                          .value = (double)((i * 7919 + k) % 10007) / 10007,
                                          .timestamp_ms = 1700000000000 + i,
                                          .step = k};
    }
    must(store->ops->log_metrics(store, metrics, MEMBERS));
}

static int fill(const char *uri, int runs)
{
    struct mlf__store *store = open_store(uri, MLF__STORE_WRITE);
    for (int i = 0; i < runs; i++) {
        if (i % BATCH == 0)
            must(store->ops->begin(store));
        fill_run(store, i);
        if (i % BATCH == BATCH - 1 || i + 1 == runs)
            must(store->ops->commit(store));
    }
    mlf__store_close(store);
    printf("{\"runs\": %d}\n", runs);
    return 0;
}

/* ---- search ---- */

static int search(const char *uri, int rounds, const char *filter, const char *order)
{
    struct mlf__store *store = open_store(uri, MLF__STORE_READ);
    double seconds[ROUNDS_MAX];
    const char *experiment = "0";
    mlf_search_options options = MLF_SEARCH_OPTIONS_INIT;
    mlf_run_list list = {0};
    options.experiment_ids = &experiment;
    options.n_experiment_ids = 1;
    options.filter = filter;
    options.order_by = &order;
    options.n_order_by = order[0] != '\0';
    options.max_results = PAGE_RUNS;
    for (int i = -1; i < rounds; i++) { /* the first one does not count: the file is read then */
        mlf_run_list_free(&list);
        int64_t begin = bench_ns(CLOCK_MONOTONIC);
        must(store->ops->run_search(store, &options, &list));
        if (i >= 0)
            seconds[i] = (double)(bench_ns(CLOCK_MONOTONIC) - begin) / 1e9;
    }
    size_t members = 0;
    for (size_t i = 0; i < list.n_runs; i++)
        members += list.runs[i].n_params + list.runs[i].n_metrics;
    printf("{\"seconds\": %.9f, \"runs\": %zu, \"members\": %zu, \"first\": \"%s\"}\n",
           bench_quantile(seconds, (size_t)rounds, 0.5), list.n_runs, members,
           list.n_runs > 0 ? list.runs[0].name : "");
    mlf_run_list_free(&list);
    mlf__store_close(store);
    return 0;
}

/* ---- history ---- */

static int points(const char *uri, int64_t n)
{
    struct mlf__store *store = open_store(uri, MLF__STORE_WRITE);
    static struct mlf__metric batch[BATCH];
    char id[MLF__ID_SIZE];
    mlf__new_id(id);
    const struct mlf__run_create run = {
        .run_id = id, .experiment_id = "0", .name = "points", .start_time_ms = 1700000000000};
    must(store->ops->run_create(store, &run));
    must(store->ops->begin(store));
    for (int64_t i = 0; i < n;) {
        size_t k = 0;
        for (; k < BATCH && i < n; k++, i++)
            batch[k] = (struct mlf__metric){.run_id = id,
                                            .key = "loss",
                                            .value = 1 / (double)(i + 1),
                                            .timestamp_ms = 1700000000000 + i / 8,
                                            .step = i};
        must(store->ops->log_metrics(store, batch, k));
    }
    must(store->ops->commit(store));
    mlf__store_close(store);
    printf("{\"run\": \"%s\"}\n", id);
    return 0;
}

/* The most that was resident; that of getrusage begins with the parent's. */
static int64_t memory_kib(void)
{
    char line[256];
    long long kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof(line), status) != NULL)
        if (sscanf(line, "VmHWM: %lld", &kib) == 1)
            break;
    if (status != NULL)
        fclose(status);
    return kib;
}

static int raw(const char *path, const char *run, int rounds)
{
    sqlite3 *db;
    sqlite3_stmt *stmt;
    double seconds[ROUNDS_MAX], sum = 0;
    int64_t n = 0;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(db,
                           "SELECT value, timestamp, step, is_nan FROM metrics WHERE key = 'loss' "
                           "AND run_uuid = ? ORDER BY timestamp, step",
                           -1, &stmt, NULL) != SQLITE_OK)
        bench_die("SQLite: %s", sqlite3_errmsg(db));
    sqlite3_bind_text(stmt, 1, run, -1, SQLITE_STATIC);
    for (int i = -1; i < rounds; i++) {
        int64_t begin = bench_ns(CLOCK_MONOTONIC);
        for (n = 0; sqlite3_step(stmt) == SQLITE_ROW; n++)
            sum += sqlite3_column_double(stmt, 0) + (double)sqlite3_column_int64(stmt, 1) +
                   (double)sqlite3_column_int64(stmt, 2) + sqlite3_column_int(stmt, 3);
        sqlite3_reset(stmt);
        if (i >= 0)
            seconds[i] = (double)(bench_ns(CLOCK_MONOTONIC) - begin) / 1e9;
    }
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    printf("{\"seconds\": %.9f, \"points\": %lld, \"sum\": %.17g}\n",
           bench_quantile(seconds, (size_t)rounds, 0.5), (long long)n, sum / (rounds + 1));
    return 0;
}

static int history(const char *uri, const char *run, int rounds, size_t page)
{
    struct mlf__store *store = open_store(uri, MLF__STORE_READ);
    double seconds[ROUNDS_MAX], sum = 0;
    int64_t n = 0, before = memory_kib();
    for (int i = -1; i < rounds; i++) {
        int64_t begin = bench_ns(CLOCK_MONOTONIC);
        mlf_metric_record last;
        const mlf_metric_record *after = NULL;
        mlf_metric_list list = {0};
        n = 0;
        do {
            mlf_metric_list_free(&list);
            must(store->ops->metric_history(store, run, "loss", after, page, &list));
            for (size_t k = 0; k < list.n_metrics; k++, n++)
                sum += list.metrics[k].value + (double)list.metrics[k].timestamp_ms +
                       (double)list.metrics[k].step;
            if (list.n_metrics > 0)
                last = list.metrics[list.n_metrics - 1];
            after = &last;
        } while (list.n_metrics == page);
        mlf_metric_list_free(&list);
        if (i >= 0)
            seconds[i] = (double)(bench_ns(CLOCK_MONOTONIC) - begin) / 1e9;
    }
    mlf__store_close(store);
    printf("{\"seconds\": %.9f, \"points\": %lld, \"sum\": %.17g, \"kib\": %lld}\n",
           bench_quantile(seconds, (size_t)rounds, 0.5), (long long)n, sum / (rounds + 1),
           (long long)(memory_kib() - before));
    return 0;
}

static int rounds_of(const char *text)
{
    int rounds = atoi(text);
    return rounds < 1 ? 1 : rounds > ROUNDS_MAX ? ROUNDS_MAX : rounds;
}

int main(int argc, char **argv)
{
    const char *what = argc > 3 ? argv[1] : "";
    if (strcmp(what, "fill") == 0)
        return fill(argv[2], atoi(argv[3]));
    if (strcmp(what, "points") == 0)
        return points(argv[2], atoll(argv[3]));
    if (strcmp(what, "search") == 0 && argc == 6)
        return search(argv[2], rounds_of(argv[3]), argv[4], argv[5]);
    if (strcmp(what, "raw") == 0 && argc == 5)
        return raw(argv[2], argv[3], rounds_of(argv[4]));
    if (strcmp(what, "history") == 0 && argc == 6)
        return history(argv[2], argv[3], rounds_of(argv[4]), (size_t)atoll(argv[5]));
    bench_die("usage: bench_search fill|search|points|raw|history …, see its first lines");
}
