/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that reads a command's output: nothing of an ordinary command is lost, what a flood loses is counted, and no
 * line is made of two halves. */
#include "cli/output_reader.h"
#include "core/sys.h"
#include "tests/support/tap.h"

#include <pthread.h>
#include <time.h>

enum { LINES = 1000000, LINE = 16, PRINTED = 15, MANY = 4096 };

struct log {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool held; /* the reader cannot get on */
    size_t n;
    double first, last;
    bool ordered, whole_numbers;
};

static void note(const struct mlf__hit *hit, void *user)
{
    struct log *log = user;

    pthread_mutex_lock(&log->lock);
    while (log->held)
        pthread_cond_wait(&log->changed, &log->lock);
    if (log->n == 0)
        log->first = hit->value;
    else
        log->ordered = log->ordered && hit->value > log->last;
    log->whole_numbers = log->whole_numbers && hit->value >= 1e6 && hit->value < 2e6;
    log->last = hit->value;
    log->n++;
    pthread_cond_broadcast(&log->changed);
    pthread_mutex_unlock(&log->lock);
}

static void hold(struct log *log, bool held)
{
    pthread_mutex_lock(&log->lock);
    log->held = held;
    pthread_cond_broadcast(&log->changed);
    pthread_mutex_unlock(&log->lock);
}

static struct mlf__recogniser *begin(struct log *log, bool whole,
                                     struct mlf__output_reader **reader)
{
    struct mlf__recogniser_options options = {.mode = MLF__PARSE_LIKELY};
    struct mlf__recogniser *recogniser = NULL;

    *log = (struct log){.ordered = true, .whole_numbers = true};
    pthread_mutex_init(&log->lock, NULL);
    pthread_cond_init(&log->changed, NULL);
    bool made = mlf__recogniser_create(&options, note, log, &recogniser) == MLF_OK &&
                mlf__output_reader_start(recogniser, whole, reader) == MLF_OK;
    return OK(made, "a reader starts") ? recogniser : NULL;
}

/* Lines "loss=1000000.5" to "loss=1999999.5", in pieces that end in the middle of a line. */
static void give_lines(struct mlf__output_reader *reader, size_t from, size_t to)
{
    static char block[LINE * MANY];

    for (size_t line = from; line < to;) {
        size_t len = 0;
        for (; line < to && len + LINE <= sizeof(block); line++)
            len += (size_t)snprintf(block + len, LINE + 1, "loss=%zu.5\n", 1000000 + line);
        mlf__output_reader_give(reader, 1, block, len / 2 + 3);
        mlf__output_reader_give(reader, 1, block + len / 2 + 3, len - (len / 2 + 3));
    }
}

static void test_ordinary(void)
{
    struct log log;
    struct mlf__output_reader *reader;
    struct mlf__recogniser *recogniser = begin(&log, false, &reader);

    give_lines(reader, 0, 10000);
    mlf__output_reader_give(reader, 1, "loss=1500000.5", 14);
    IS(mlf__output_reader_finish(reader), 0, "nothing of it is left out");
    mlf__recogniser_end(recogniser);
    IS(log.n, 10001, "every line was read, the last one as well");
    OK(log.ordered && log.last == 1500000.5, "in their order");
    mlf__recogniser_destroy(recogniser);
}

static void test_flood(void)
{
    struct log log;
    struct mlf__output_reader *reader;
    struct mlf__recogniser *recogniser = begin(&log, false, &reader);

    hold(&log, true);
    int64_t begin_ns = mlf__monotonic_ns();
    give_lines(reader, 0, LINES);
    int64_t ms = (mlf__monotonic_ns() - begin_ns) / 1000000;
    hold(&log, false);
    uint64_t unread = mlf__output_reader_finish(reader);
    mlf__recogniser_end(recogniser);
    printf("# %zu of %d lines read, %llu bytes not; %lld ms\n", log.n, LINES,
           (unsigned long long)unread, (long long)ms);
    OK(unread > 0 && unread < (uint64_t)LINES * PRINTED, "what a flood loses is counted");
    /* Of each gap the halves of a line at both its ends are lost too. */
    OK((uint64_t)log.n * PRINTED + unread <= (uint64_t)LINES * PRINTED &&
           (uint64_t)log.n * PRINTED + unread + 1024 > (uint64_t)LINES * PRINTED,
       "what is not counted was read");
    OK(log.first == 1000000.5 && log.last == 1999999.5, "its beginning and its end are read");
    OK(log.ordered && log.whole_numbers, "in their order, and no line is made of two halves");
    mlf__recogniser_destroy(recogniser);
}

static void *open_gate_later(void *user)
{
    struct log *log = user;
    struct timespec pause = {.tv_nsec = 200 * 1000000};

    nanosleep(&pause, NULL); /* longer than a reader that may leave something out would wait */
    hold(log, false);
    return NULL;
}

static void test_whole(void)
{
    struct log log;
    struct mlf__output_reader *reader;
    struct mlf__recogniser *recogniser = begin(&log, true, &reader);
    pthread_t other;

    hold(&log, true);
    pthread_create(&other, NULL, open_gate_later, &log);
    give_lines(reader, 0, LINES / 4);
    pthread_join(other, NULL);
    IS(mlf__output_reader_finish(reader), 0, "nothing is left out where all of it is wanted");
    IS(log.n, LINES / 4, "and every line was read");
    mlf__recogniser_destroy(recogniser);
}

static void test_tail(void)
{
    struct log log;
    struct mlf__output_reader *reader;
    struct mlf__recogniser *recogniser = begin(&log, false, &reader);
    struct timespec until;

    mlf__output_reader_give(reader, 2, "loss=1000000.5", 14);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    pthread_mutex_lock(&log.lock);
    while (log.n == 0 && pthread_cond_timedwait(&log.changed, &log.lock, &until) == 0) {
    }
    IS(log.n, 1, "a line without an end is read while the command goes on");
    pthread_mutex_unlock(&log.lock);
    IS(mlf__output_reader_finish(reader), 0, "and nothing of it is left");
    mlf__recogniser_destroy(recogniser);
}

int main(void)
{
    test_ordinary();
    test_flood();
    test_whole();
    test_tail();
    return tap_done();
}
