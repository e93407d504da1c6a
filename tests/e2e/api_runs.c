/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios of runs: stacks, parents, resuming, threads, forks. */
#include "tests/e2e/api_calls.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void show(const char *what, const mlf_run *run)
{
    printf("%s %s %s\n", what, mlf_run_id(run), mlf_run_name(run));
}

/* Three runs inside each other, of which the innermost is ended; the others take the program's exit status. */
int api_nested(int argc, char **argv)
{
    const mlf_key_value tags[] = {{"version", "v1"}, {"priority", "P1"}};
    mlf_run_options outer = MLF_RUN_OPTIONS_INIT, nested = MLF_RUN_OPTIONS_INIT;
    mlf_run *a, *b, *c;
    outer.run_name = "outer";
    outer.description = "three runs";
    outer.tags = tags;
    outer.n_tags = 2;
    nested.nested = true;
    SAY("outer", mlf_start_run(&outer, &a));
    SAY("again", mlf_start_run(&outer, &b));
    SAY("middle", mlf_start_run(&nested, &b));
    SAY("inner", mlf_start_run(&nested, &c));
    show("outer", a);
    show("middle", b);
    show("inner", c);
    mlf_log_metric("who", 3, 0);
    mlf_run_log_metric(a, "who", 1, 0);
    printf("top %d\n", mlf_active_run() == c);
    SAY("end", mlf_end_run(MLF_RUN_KILLED));
    printf("top %d\n", mlf_active_run() == b && mlf_last_active_run() == c);
    mlf_log_metric("who", 2, 0);
    mlf_run_log_metric(c, "late", 4, 0);
    SAY("twice", mlf_run_end(c, MLF_RUN_FINISHED));
    return argc > 0 ? atoi(argv[0]) : 0;
}

/* A run is resumed; one that is not there is not. */
int api_resume(int argc, char **argv)
{
    mlf_run_options options = MLF_RUN_OPTIONS_INIT;
    mlf_run *run;
    options.run_id = argc > 0 && argv[0][0] != '\0' ? argv[0] : NULL;
    SAY("resume", mlf_start_run(&options, &run));
    show("run", run);
    if (run == NULL)
        return 0;
    mlf_log_metric("resumed", 1, 0);
    SAY("end", mlf_end_run(MLF_RUN_FAILED));
    SAY("once more", mlf_start_run(&options, &run));
    SAY("end", mlf_end_run(MLF_RUN_FINISHED));
    return 0;
}

int api_parent(int argc, char **argv)
{
    mlf_run_options options = MLF_RUN_OPTIONS_INIT;
    mlf_run *run;
    options.parent_run_id = argc > 0 ? argv[0] : NULL;
    SAY("child", mlf_start_run(&options, &run));
    show("child", run);
    SAY("end", mlf_end_run(MLF_RUN_FINISHED));
    return 0;
}

static int leave_early(void)
{
    MLF_WITH_RUN(run, NULL)
    {
        show("returned", run);
        mlf_log_metric("returned", 1, 0);
        return 1;
    }
    return 0;
}

int api_with(int argc, char **argv)
{
    mlf_run_options nested = MLF_RUN_OPTIONS_INIT;
    (void)argc;
    (void)argv;
    nested.nested = true;
    MLF_WITH_RUN(outer, NULL)
    {
        show("outer", outer);
        for (int i = 0; i < 3; i++) {
            MLF_WITH_RUN(inner, &nested)
            {
                show("inner", inner);
                if (i == 1)
                    mlf_end_run(MLF_RUN_FAILED);
                if (i == 2)
                    break;
            }
        }
        printf("top %d\n", mlf_active_run() == outer);
    }
    printf("early %d\n", leave_early());
    printf("none %d\n", mlf_active_run() == NULL);
    return 0;
}

static pthread_barrier_t barrier;

static void *own_run(void *arg)
{
    mlf_run_options options = MLF_RUN_OPTIONS_INIT;
    options.run_name = arg;
    mlf_run *run;
    SAY(arg, mlf_start_run(&options, &run));
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 100; i++)
        mlf_log_metric(arg, i, i);
    mlf_log_param("same", arg);
    pthread_barrier_wait(&barrier);
    return mlf_end_run(MLF_RUN_FINISHED) == MLF_OK ? NULL : arg;
}

/* Two threads, each with a run of its own. */
int api_threads(int argc, char **argv)
{
    static char names[2][8] = {"one", "two"};
    pthread_t threads[2];
    (void)argc;
    (void)argv;
    pthread_barrier_init(&barrier, NULL, 2);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, own_run, names[i]);
    for (int i = 0; i < 2; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        printf("thread %s\n", failed == NULL ? "fine" : "failed");
    }
    return 0;
}

/* The child of a fork logs into its parent's run, and cannot end it. */
int api_fork(int argc, char **argv)
{
    mlf_run *run;
    int status;
    (void)argc;
    (void)argv;
    SAY("start", mlf_start_run(NULL, &run));
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        SAY("child logs", mlf_log_metric("child", 1, 0));
        SAY("child ends", mlf_end_run(MLF_RUN_FAILED));
        SAY("child starts", mlf_start_run(NULL, NULL));
        mlf_log_param("whose", "child's");
        SAY("child's own", mlf_end_run(MLF_RUN_FINISHED));
        _exit(0);
    }
    waitpid(pid, &status, 0);
    printf("child %d\n", status);
    SAY("parent logs", mlf_log_metric("parent", 1, 0));
    SAY("parent ends", mlf_end_run(MLF_RUN_FINISHED));
    return 0;
}

/* Runs one after the other, each with a name of argv ("": none given). */
int api_start(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        mlf_run_options options = MLF_RUN_OPTIONS_INIT;
        mlf_run *run;
        options.run_name = argv[i][0] != '\0' ? argv[i] : NULL;
        SAY("start", mlf_start_run(&options, &run));
        show("run", run);
        mlf_log_metric("number", i, 0);
        SAY("end", mlf_end_run(MLF_RUN_FINISHED));
    }
    return 0;
}

/* What is logged into a run after its deletion is refused by the store, and told by the next flush. */
int api_deleted(int argc, char **argv)
{
    mlf_run *run;
    (void)argc;
    (void)argv;
    SAY("start", mlf_start_run(NULL, &run));
    show("run", run);
    SAY("before", mlf_log_metric("before", 1, 0));
    SAY("delete", mlf_delete_run(mlf_run_id(run)));
    SAY("after", mlf_log_metric("after", 1, 0));
    SAY("param", mlf_log_param("after", "1"));
    SAY("flush", mlf_flush());
    return 0;
}

/* The database argv[0] is removed while the collector has it open. */
int api_vanish(int argc, char **argv)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char path[4096];
    mlf_run *run;
    mlf_run_record record = {0};
    SAY("start", mlf_start_run(NULL, &run));
    show("run", run);
    SAY("there", mlf_get_run(mlf_run_id(run), &record));
    mlf_run_record_free(&record);
    for (size_t i = 0; argc > 0 && i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", argv[0], suffixes[i]);
        remove(path);
    }
    SAY("after", mlf_log_metric("after", 1, 0));
    SAY("end", mlf_end_run(MLF_RUN_FINISHED));
    return 0;
}

/* A run of the experiment argv[0], and one of the active experiment in it. */
int api_experiment(int argc, char **argv)
{
    mlf_run_options options = MLF_RUN_OPTIONS_INIT, nested = MLF_RUN_OPTIONS_INIT;
    mlf_run *run;
    options.experiment_id = argc > 0 ? argv[0] : NULL;
    SAY("start", mlf_start_run(&options, &run));
    show("run", run);
    nested.nested = true;
    SAY("nested", mlf_start_run(&nested, &run));
    SAY("end", mlf_end_run(MLF_RUN_FINISHED));
    SAY("end", mlf_end_run(MLF_RUN_FINISHED));
    return 0;
}
