/* SPDX-License-Identifier: Apache-2.0 */
/* The journal: what was appended is read back; torn and damaged records cost no more than themselves. */
#include "core/journal.h"

#include "core/buf.h"
#include "tests/support/tap.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/mlf-journal-XXXXXX";
static char path[256];

static struct mlf__journal *new_journal(const char *name)
{
    struct mlf__config config = {.tracking_uri = "sqlite:///j.db", .run_id = "r1"};
    struct mlf__journal *journal = NULL;
    snprintf(path, sizeof(path), "%s/%s.journal", folder, name);
    if (mlf__journal_create(path, &config, &journal) != MLF_OK) {
        printf("Bail out! %s\n", mlf__errmsg());
        exit(1);
    }
    return journal;
}

static struct mlf__event event_of(const char *key, int64_t step, const char *text)
{
    return (struct mlf__event){.kind = MLF__EV_METRIC,
                               .flags = MLF__SRC_ADAPTER,
                               .pid = 7,
                               .tid = 8,
                               .ts_ns = 1700000000123456789,
                               .step = step,
                               .value = -0.0,
                               .key = key,
                               .run = "run",
                               .model = "m-1",
                               .text = text,
                               .text_len = strlen(text)};
}

static void append(struct mlf__journal *journal, int64_t step)
{
    struct mlf__event event = event_of("key", step, "text");
    if (mlf__journal_append(journal, &event) != MLF_OK)
        abort();
}

static struct mlf__journal *reopen(void)
{
    struct mlf__journal *journal = NULL;
    if (mlf__journal_open(path, &journal) != MLF_OK)
        printf("# %s\n", mlf__errmsg());
    return journal;
}

static void test_round_trip(void)
{
    struct mlf__journal *journal = new_journal("trip");
    struct mlf__event event = event_of("loss", 42, "a text\nof lines"), got;
    mlf__journal_append(journal, &event);
    char *large = malloc(100001);
    memset(large, 'x', 100000);
    large[100000] = '\0';
    event = event_of("large", 43, large);
    mlf__journal_append(journal, &event);
    mlf__journal_close(journal);

    journal = reopen();
    STR(mlf__journal_config(journal)->tracking_uri, "sqlite:///j.db", "the configuration is kept");
    IS(mlf__journal_read(journal, &got), MLF_OK, "the first event is read");
    OK(got.kind == MLF__EV_METRIC && got.flags == MLF__SRC_ADAPTER && got.pid == 7 && got.tid == 8,
       "with its kind, source and process");
    OK(got.ts_ns == 1700000000123456789 && got.step == 42 && got.value == 0 && signbit(got.value),
       "time, step and value to the last bit");
    STR(got.key, "loss", "key");
    STR(got.run, "run", "run");
    STR(got.model, "m-1", "model");
    STR(got.text, "a text\nof lines", "text");
    IS(mlf__journal_read(journal, &got), MLF_OK, "a large event is read");
    IS(got.text_len, 100000, "with all of its text");
    IS(mlf__journal_read(journal, &got), MLF_ERR_NOT_FOUND, "then comes the end");
    mlf__journal_close(journal);
    free(large);
}

static void test_synced(void)
{
    struct mlf__journal *journal = new_journal("synced");
    struct mlf__event got;
    for (int64_t i = 0; i < 5; i++)
        append(journal, i);
    struct mlf__journal *reader = reopen();
    mlf__journal_read(reader, &got);
    mlf__journal_read(reader, &got);
    OK(mlf__journal_set_synced(reader, mlf__journal_offset(reader)) == MLF_OK,
       "the offset is kept");
    mlf__journal_close(reader);
    append(journal, 5);
    reader = reopen();
    IS(mlf__journal_lock(reader), MLF_OK, "a merger takes the lock");
    struct mlf__journal *other = reopen();
    IS(mlf__journal_lock(other), MLF_ERR_BUSY, "another one does not get it");
    mlf__journal_close(other);
    mlf__journal_read(reader, &got);
    IS(got.step, 2, "reading begins behind what is stored");
    size_t n = 1;
    while (mlf__journal_read(reader, &got) == MLF_OK)
        n++;
    IS(n, 4, "and goes to the end, with what was appended since");
    mlf__journal_close(reader);
    mlf__journal_close(journal);
}

static void test_creation(void)
{
    struct mlf__journal *journal = new_journal("creation"), *other = NULL;
    struct mlf__config config = {.run_id = "r2"};
    char unfinished[300];
    snprintf(unfinished, sizeof(unfinished), "%s.%d.new", path, (int)getpid());
    OK(access(path, F_OK) == 0 && access(unfinished, F_OK) != 0, "a whole journal has its name");
    IS(mlf__journal_create(path, &config, &other), MLF_ERR_EXISTS, "another one is not replaced");
    OK(other == NULL && access(unfinished, F_OK) != 0, "and nothing is left of the attempt");
    mlf__journal_close(journal);
}

static void test_damage(void)
{
    struct mlf__journal *journal = new_journal("damage");
    struct mlf__event got;
    int64_t second;
    append(journal, 0);
    second = mlf__journal_size(journal);
    append(journal, 1);
    append(journal, 2);
    int64_t end = mlf__journal_size(journal);
    mlf__journal_close(journal);
    int fd = open(path, O_RDWR);
    if (pwrite(fd, "?", 1, second + 20) != 1 || ftruncate(fd, end - 3) != 0)
        abort();
    close(fd);
    journal = reopen();
    IS(mlf__journal_read(journal, &got), MLF_OK, "the record before the damage is read");
    IS(mlf__journal_read(journal, &got), MLF_ERR_CORRUPT, "a changed byte is noticed");
    IS(mlf__journal_read(journal, &got), MLF_ERR_NOT_FOUND, "a torn last record is the end");
    mlf__journal_close(journal);

    journal = new_journal("length");
    int64_t begin = mlf__journal_size(journal);
    append(journal, 0);
    mlf__journal_close(journal);
    fd = open(path, O_RDWR);
    uint32_t huge = 0xfffffff0;
    if (pwrite(fd, &huge, sizeof(huge), begin) != sizeof(huge))
        abort();
    close(fd);
    journal = reopen();
    IS(mlf__journal_read(journal, &got), MLF_ERR_CORRUPT, "an impossible length is noticed");
    IS(mlf__journal_read(journal, &got), MLF_ERR_NOT_FOUND, "and nothing behind it is believed");
    mlf__journal_close(journal);
    OK(chmod(path, 0644) == 0 && reopen() == NULL, "a journal that others may read is refused");
}

static void test_full_disk(void)
{
    struct mlf__journal *journal = new_journal("full");
    struct mlf__event got;
    append(journal, 0);
    /* A limit on the file's size in the middle of a record stands for the full disk. */
    struct rlimit before, limit;
    getrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_IGN);
    limit = (struct rlimit){(rlim_t)mlf__journal_size(journal) + 20, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
    struct mlf__event event = event_of("key", 1, "text");
    OK(mlf__journal_append(journal, &event) != MLF_OK, "a full disk is an error");
    setrlimit(RLIMIT_FSIZE, &before);
    append(journal, 2);
    mlf__journal_close(journal);
    journal = reopen();
    IS(mlf__journal_read(journal, &got), MLF_OK, "what was there is read");
    IS(mlf__journal_read(journal, &got), MLF_OK, "what came after the full disk is read");
    IS(got.step, 2, "and nothing of what did not fit");
    mlf__journal_close(journal);
}

struct appender {
    struct mlf__journal *journal;
    int64_t first;
};

static void *append_many(void *arg)
{
    const struct appender *a = arg;
    for (int64_t i = 0; i < 5000; i++)
        append(a->journal, a->first + i);
    return NULL;
}

static void test_threads(void)
{
    struct mlf__journal *journal = new_journal("threads");
    pthread_t threads[4];
    struct appender appenders[4];
    for (int i = 0; i < 4; i++) {
        appenders[i] = (struct appender){journal, i * 10000};
        pthread_create(&threads[i], NULL, append_many, &appenders[i]);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    mlf__journal_close(journal);
    journal = reopen();
    struct mlf__event got;
    size_t n = 0;
    int64_t sum = 0;
    for (mlf_status status; (status = mlf__journal_read(journal, &got)) == MLF_OK; n++)
        sum += got.step;
    IS(n, 20000, "records of four threads lie one behind the other");
    IS(sum, 4 * (5000 * 4999 / 2) + 5000 * (10000 + 20000 + 30000), "each of them once");
    mlf__journal_close(journal);
}

int main(void)
{
    if (mkdtemp(folder) == NULL)
        return 1;
    test_round_trip();
    test_synced();
    test_creation();
    test_damage();
    test_full_disk();
    test_threads();
    char command[300];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    if (system(command) != 0)
        return 1;
    return tap_done();
}
