/* SPDX-License-Identifier: Apache-2.0 */
/* The sides of bench_store.py that are written in C; each does one thing and prints one line of JSON.
 *
 *   prepare URI              makes the database with a run, prints the run's id
 *   raw PATH RUN N KEYS      N points by SQLite itself: prepared inserts and upserts, our pragmas
 *   store URI RUN N KEYS     the same points by the store's log_metrics
 *   produce N KEYS PACED     N points by mlf_log_metric(), until the collector has stored them;
 *                            PACED 1: the program waits while a quarter of the ring is in use
 *
 * A transaction has 1000 points everywhere, and one upsert of latest_metrics per key and transaction. */
#include "core/ring.h"
#include "core/session.h"
#include "tracking/store.h"

#include <mlf/mlf.h>

#include "bench.h"

#include <sqlite3.h>

enum { BATCH = 1000, MAX_KEYS = 64, LOOK_AGAIN = 10000 };

static char keys[MAX_KEYS][16];

static void done(int64_t begin_ns, int64_t begin_cpu)
{
    printf("{\"seconds\": %.6f, \"cpu\": %.6f}\n",
           (double)(bench_ns(CLOCK_MONOTONIC) - begin_ns) / 1e9,
           (double)(bench_ns(CLOCK_PROCESS_CPUTIME_ID) - begin_cpu) / 1e9);
}

static void must(mlf_status status)
{
    if (status != MLF_OK)
        bench_die("%s", mlf_errmsg());
}

/* ---- prepare ---- */

static int prepare(const char *uri)
{
    struct mlf__store *store;
    char id[MLF__ID_SIZE];
    mlf__new_id(id);
    must(mlf__store_open(uri, MLF__STORE_WRITE, &store));
    const struct mlf__run_create run = {.run_id = id,
                                        .experiment_id = "0",
                                        .name = "bench",
                                        .user = "bench",
                                        .start_time_ms = mlf__now_ms()};
    must(store->ops->run_create(store, &run));
    mlf__store_close(store);
    printf("{\"run\": \"%s\"}\n", id);
    return 0;
}

/* ---- raw ---- */

static sqlite3 *db;

static void check(int code)
{
    if (code != SQLITE_OK && code != SQLITE_DONE)
        bench_die("SQLite: %s", sqlite3_errmsg(db));
}

static sqlite3_stmt *prepare_statement(const char *text)
{
    sqlite3_stmt *stmt;
    check(sqlite3_prepare_v3(db, text, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL));
    return stmt;
}

static void run_statement(sqlite3_stmt *stmt)
{
    check(sqlite3_step(stmt));
    sqlite3_reset(stmt);
}

static void bind_point(sqlite3_stmt *stmt, int64_t i, int64_t now_ms, int64_t n_keys)
{
    const char *key = keys[i % n_keys];
    sqlite3_bind_text(stmt, 1, key, (int)strlen(key), SQLITE_STATIC);
    sqlite3_bind_double(stmt, 2, 1.0 / (double)(i + 1));
    sqlite3_bind_int64(stmt, 3, now_ms);
    sqlite3_bind_int64(stmt, 4, i / n_keys);
}

static int raw(const char *path, const char *run, int64_t n, int64_t n_keys)
{
    check(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL));
    check(sqlite3_exec(db,
                       "PRAGMA foreign_keys=ON; PRAGMA synchronous=FULL; "
                       "PRAGMA wal_autocheckpoint=1000",
                       NULL, NULL, NULL));
    sqlite3_stmt *begin = prepare_statement("BEGIN IMMEDIATE");
    sqlite3_stmt *commit = prepare_statement("COMMIT");
    sqlite3_stmt *insert =
        prepare_statement("INSERT INTO metrics (key, value, timestamp, step, run_uuid, is_nan) "
                          "VALUES ($1, $2, $3, $4, $5, 0)");
    sqlite3_stmt *upsert = prepare_statement(
        "INSERT INTO latest_metrics (key, value, timestamp, step, run_uuid, is_nan) "
        "VALUES ($1, $2, $3, $4, $5, 0) ON CONFLICT (key, run_uuid) DO UPDATE SET "
        "value = excluded.value, timestamp = excluded.timestamp, step = excluded.step, "
        "is_nan = excluded.is_nan WHERE excluded.step >= latest_metrics.step");
    sqlite3_bind_text(insert, 5, run, -1, SQLITE_STATIC);
    sqlite3_bind_text(upsert, 5, run, -1, SQLITE_STATIC);
    int64_t begin_ns = bench_ns(CLOCK_MONOTONIC), begin_cpu = bench_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (int64_t i = 0; i < n;) {
        int64_t now_ms = bench_ns(CLOCK_REALTIME) / 1000000;
        run_statement(begin);
        for (int64_t end = i + BATCH; i < end && i < n; i++) {
            bind_point(insert, i, now_ms, n_keys);
            run_statement(insert);
        }
        for (int64_t j = i - n_keys; j < i; j++) {
            bind_point(upsert, j, now_ms, n_keys);
            run_statement(upsert);
        }
        run_statement(commit);
    }
    done(begin_ns, begin_cpu);
    sqlite3_stmt *const all[] = {begin, commit, insert, upsert};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        sqlite3_finalize(all[i]);
    check(sqlite3_close(db));
    return 0;
}

/* ---- the store ---- */

static int by_store(const char *uri, const char *run, int64_t n, int64_t n_keys)
{
    struct mlf__store *store;
    static struct mlf__metric points[BATCH];
    must(mlf__store_open(uri, MLF__STORE_WRITE, &store));
    int64_t begin_ns = bench_ns(CLOCK_MONOTONIC), begin_cpu = bench_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (int64_t i = 0; i < n;) {
        int64_t now_ms = mlf__now_ms();
        size_t used = 0;
        for (; used < BATCH && i < n; i++)
            points[used++] = (struct mlf__metric){.run_id = run,
                                                  .key = keys[i % n_keys],
                                                  .value = 1.0 / (double)(i + 1),
                                                  .timestamp_ms = now_ms,
                                                  .step = i / n_keys};
        must(store->ops->log_metrics(store, points, used));
    }
    done(begin_ns, begin_cpu);
    mlf__store_close(store);
    return 0;
}

/* ---- the collector ---- */

static void flush_all(void)
{
    mlf_status status;
    while ((status = mlf_flush()) == MLF_ERR_TIMEOUT) {
    }
    must(status);
}

/* A collector that is gone would never make room. */
static void wait_for_room(const struct mlf__ring *ring, const struct mlf__proc_id *collector)
{
    const struct timespec nap = {.tv_nsec = 100000};
    for (int i = 1; mlf__ring_used(ring) > mlf__ring_capacity(ring) / 4; i++) {
        nanosleep(&nap, NULL);
        if (i % LOOK_AGAIN == 0 && !mlf__proc_alive(collector))
            bench_die("the collector (process %d) is gone", collector->pid);
    }
}

static int produce(int64_t n, int64_t n_keys, bool paced)
{
    mlf_run *run;
    must(mlf_start_run(NULL, &run));
    must(mlf_log_metric("warm-up", 0, 0));
    flush_all();
    struct mlf__proc_id collector;
    const struct mlf__ring *ring = mlf__session_ring();
    if (ring == NULL || !mlf__ring_collector(ring, &collector))
        bench_die("there is no collector");
    printf("{\"collector\": %d, \"ring\": \"%s\", \"run\": \"%s\"}\n", collector.pid,
           mlf__ring_path(ring), mlf_run_id(run));
    fflush(stdout);
    int64_t begin_ns = bench_ns(CLOCK_MONOTONIC), begin_cpu = bench_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (int64_t i = 0; i < n; i++) {
        if (paced && i % BATCH == 0)
            wait_for_room(ring, &collector);
        must(mlf_log_metric(keys[i % n_keys], 1.0 / (double)(i + 1), i / n_keys));
    }
    flush_all();
    done(begin_ns, begin_cpu);
    must(mlf_end_run(MLF_RUN_FINISHED));
    return 0;
}

static int64_t key_count(const char *text)
{
    int64_t n = strtoll(text, NULL, 10);
    if (n < 1 || n > MAX_KEYS)
        bench_die("%s: there are 1 to %d keys", text, MAX_KEYS);
    return n;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        bench_die("usage: bench_store prepare|raw|store|produce …");
    for (int i = 0; i < MAX_KEYS; i++)
        snprintf(keys[i], sizeof(keys[i]), "train/m%02d", i);
    if (strcmp(argv[1], "prepare") == 0)
        return prepare(argv[2]);
    if (strcmp(argv[1], "produce") == 0 && argc == 5)
        return produce(strtoll(argv[2], NULL, 10), key_count(argv[3]), argv[4][0] == '1');
    if (argc != 6)
        bench_die("%s: wrong number of arguments", argv[1]);
    int64_t n = strtoll(argv[4], NULL, 10), n_keys = key_count(argv[5]);
    return strcmp(argv[1], "raw") == 0 ? raw(argv[2], argv[3], n, n_keys)
                                       : by_store(argv[2], argv[3], n, n_keys);
}
