/* SPDX-License-Identifier: Apache-2.0 */
/* A program with the API and no launcher: its collector is nobody's child, and what threads and forked
 * children log arrives, also after the program has closed every descriptor. */
#include <mlf/mlf.h>

#include "core/journal.h"
#include "core/sys.h"
#include "tests/support/tap.h"
#include "tracking/store.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 4, POINTS = 500, DEADLINE_S = 60 };

static char folder[] = "/tmp/mlf-session-XXXXXX";
static volatile sig_atomic_t children_seen;

static void on_child(int signal)
{
    (void)signal;
    children_seen++;
}

static void *log_points(void *arg)
{
    char key[16];
    snprintf(key, sizeof(key), "t%d", *(int *)arg);
    for (int i = 0; i < POINTS; i++)
        if (mlf_log_metric(key, i * 0.5, i) != MLF_OK)
            printf("# %s\n", mlf_errmsg());
    return NULL;
}

/* A child of fork() that logs and leaves by _exit(). */
static int fork_and_log(const char *key)
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(mlf_log_metric(key, 1, 0) == MLF_OK && mlf_flush() == MLF_OK ? 0 : 1);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

/* ---- the first calls of several threads at once ---- */

static pthread_barrier_t barrier;

static void *log_one(void *arg)
{
    (void)arg;
    pthread_barrier_wait(&barrier);
    mlf_log_metric("first", 1, 0);
    return NULL;
}

static void first_calls(void)
{
    pthread_t threads[THREADS];
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, log_one, NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    _exit(0);
}

/* Metrics in all journals of the spool. */
static int count_journals(void)
{
    int n = 0;
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char path[PATH_MAX];
        struct mlf__journal *journal;
        struct mlf__event event;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (strstr(entry->d_name, ".journal") == NULL ||
            mlf__journal_open(path, &journal) != MLF_OK)
            continue;
        while (mlf__journal_read(journal, &event) == MLF_OK)
            n += event.kind == MLF__EV_METRIC;
        mlf__journal_close(journal);
        unlink(path);
    }
    closedir(dir);
    return n;
}

static void test_first_calls(void)
{
    enum { ROUNDS = 100 };
    setenv("MLF_OFFLINE", "1", 1);
    for (int i = 0; i < ROUNDS; i++) {
        pid_t pid = fork();
        if (pid == 0)
            first_calls();
        waitpid(pid, NULL, 0);
    }
    unsetenv("MLF_OFFLINE");
    IS(count_journals(), ROUNDS * THREADS,
       "no thread's first call is lost when several begin at once");
}

/* The program whose runs are looked at afterwards. Its exit status is that of the last training. */
static int host(void)
{
    struct sigaction action = {.sa_handler = on_child};
    mlf_run *run;
    pthread_t threads[THREADS];
    int numbers[THREADS];
    bool fine = true;

    sigaction(SIGCHLD, &action, NULL);
    fine &= mlf_start_run(NULL, &run) == MLF_OK && mlf_log_param("lr", "0.1") == MLF_OK;
    fine &= mlf_flush() == MLF_OK;
    OK(fine, "a run is started and stored without a launcher");
    IS(children_seen, 0, "no SIGCHLD comes of the collector");
    OK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "wait() finds no child");

    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        pthread_create(&threads[i], NULL, log_points, &numbers[i]);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    IS(fork_and_log("forked"), 0, "a forked child logs");
    /* As a daemon does; the standard ones stay for the results of this test. */
    syscall(SYS_close_range, 3u, ~0u, 0u);
    OK(mlf_log_metric("late", 2, 0) == MLF_OK, "a program that closed all descriptors logs on");
    OK(mlf_log_param("lr", "0.2") == MLF_ERR_CONFLICT,
       "another value of a param is refused at once");
    OK(mlf_set_tracking_uri("sqlite:///other.db") == MLF_ERR_STATE,
       "another store is refused once logging has begun");
    OK(mlf_end_run(MLF_RUN_FINISHED) == MLF_OK, "the run is ended and stored");
    OK(mlf_start_run(NULL, NULL) == MLF_OK, "a second run is started");
    return tap_failures > 0 ? 1 : 3;
}

/* The runs in the store once the collector has finished the second one, by its state. */
static bool wait_for_end(mlf_run_list *list)
{
    int64_t end = mlf__monotonic_ns() + (int64_t)DEADLINE_S * 1000000000;
    char *uri = NULL;
    if (mlf__uri_resolve(NULL, NULL, &uri) != MLF_OK)
        return false;
    for (bool over = false; !over && mlf__monotonic_ns() < end;) {
        struct mlf__store *store = NULL;
        usleep(10000);
        if (mlf__store_open(uri, MLF__STORE_READ, &store) != MLF_OK)
            continue;
        mlf_run_list_free(list);
        over = store->ops->run_list(store, NULL, 10, list) == MLF_OK && list->n_runs == 2 &&
               list->runs[0].status != MLF_RUN_RUNNING;
        mlf__store_close(store);
    }
    free(uri);
    return list->n_runs == 2;
}

static double latest(const mlf_run_record *run, const char *key)
{
    for (size_t i = 0; i < run->n_metrics; i++)
        if (strcmp(run->metrics[i].key, key) == 0)
            return run->metrics[i].value;
    return -1;
}

int main(void)
{
    int status;
    if (mkdtemp(folder) == NULL || chdir(folder) != 0 || setenv("MLF_SPOOL", folder, 1) != 0)
        return 1;
    unsetenv("MLFLOW_TRACKING_URI");
    setenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "false", 1);
    test_first_calls();
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        int code = host();
        /* The parent counts on from here. */
        printf("# %d checks\n", tap_count);
        exit(code);
    }
    waitpid(pid, &status, 0);
    tap_count += 9;
    IS(WEXITSTATUS(status), 3, "the program ends as it wants to");

    mlf_run_list list = {0};
    if (!OK(wait_for_end(&list), "both runs are in the store"))
        return tap_done();
    const mlf_run_record *first = &list.runs[1], *second = &list.runs[0];
    if (first->n_metrics == 0) {
        first = &list.runs[0];
        second = &list.runs[1];
    }
    IS(first->status, MLF_RUN_FINISHED, "the first run is as the program ended it");
    IS(second->status, MLF_RUN_FAILED, "the second has its state from exit code 3");
    IS(first->n_metrics, THREADS + 2, "every key arrived");
    OK(latest(first, "t0") == (POINTS - 1) * 0.5 && latest(first, "t3") == (POINTS - 1) * 0.5,
       "the threads' last values are there");
    OK(latest(first, "forked") == 1 && latest(first, "late") == 2,
       "the forked child's and the late value are there");
    IS(first->n_params, 1, "the param is there once");
    mlf_run_list_free(&list);
    char command[64];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    if (chdir("/") != 0 || system(command) != 0)
        return 1;
    return tap_done();
}
