/* SPDX-License-Identifier: Apache-2.0 */
/* A program that logs through the API and writes down what has returned, for tests that kill it.
 * Usage: logger THREADS COUNT PROGRESS_FILE [GATE]
 * Thread t logs metric "m<t>" = step for steps 0 … COUNT - 1. The progress file holds, for each thread, the
 * number of calls that have returned. With GATE the threads stop half way until that file exists. Exits
 * with 7. */
#include <mlf/mlf.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { THREADS_MAX = 16, EXIT_CODE = 7 };

static _Atomic int64_t *returned;
static int64_t count;
static const char *gate;

static void wait_at_gate(void)
{
    while (gate != NULL && access(gate, F_OK) != 0)
        usleep(1000);
}

static void *log_metrics(void *arg)
{
    _Atomic int64_t *mine = arg;
    char key[32];
    snprintf(key, sizeof(key), "m%d", (int)(mine - returned));
    for (int64_t step = 0; step < count; step++) {
        if (step == count / 2)
            wait_at_gate();
        if (mlf_log_metric(key, (double)step, step) != MLF_OK)
            break;
        atomic_store_explicit(mine, step + 1, memory_order_relaxed);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS_MAX];
    if (argc < 4)
        return 2;
    int n = (int)strtol(argv[1], NULL, 10);
    count = strtoll(argv[2], NULL, 10);
    gate = argc > 4 ? argv[4] : NULL;
    int fd = open(argv[3], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (n < 1 || n > THREADS_MAX || fd < 0 || ftruncate(fd, 4096) != 0)
        return 2;
    returned = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (returned == MAP_FAILED)
        return 2;
    for (int i = 0; i < n; i++)
        if (pthread_create(&threads[i], NULL, log_metrics, &returned[i]) != 0)
            return 2;
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    return EXIT_CODE;
}
