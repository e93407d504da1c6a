/* SPDX-License-Identifier: Apache-2.0 */
/* Threads with the smallest of stacks open files, and end by pthread_exit() or are cancelled. */
#include "host.h"

#include <limits.h>
#include <pthread.h>

enum { N_THREADS = 8 };

static void *work(void *arg)
{
    char path[] = "thread0.txt";
    path[6] = (char)('0' + (int)(long)arg);
    for (int i = 0; i < 50; i++)
        touch(path);
    if ((long)arg % 2 == 0)
        pthread_exit(arg);
    for (;;) /* until it is cancelled: open() is where that happens */
        touch(path);
}

int main(void)
{
    pthread_attr_t attributes;
    pthread_t threads[N_THREADS];
    EXPECT(pthread_attr_init(&attributes) == 0);
    EXPECT(pthread_attr_setstacksize(&attributes, 16384) == 0);
    for (long i = 0; i < N_THREADS; i++)
        EXPECT(pthread_create(&threads[i], &attributes, work, (void *)i) == 0);
    for (long i = 0; i < N_THREADS; i++) {
        void *result;
        if (i % 2 == 1)
            EXPECT(pthread_cancel(threads[i]) == 0);
        EXPECT(pthread_join(threads[i], &result) == 0);
        EXPECT(result == (i % 2 == 1 ? PTHREAD_CANCELED : (void *)i));
    }
    touch("after.txt");
    return 0;
}
