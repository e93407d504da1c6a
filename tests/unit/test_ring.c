/* SPDX-License-Identifier: Apache-2.0 */
/* The ring: events come out as they went in, in order, past open claims, over many laps, and what a
 * killed producer or collector left behind is found by the next one. */
#include "core/ring_layout.h"

#include "core/mem.h"
#include "tests/support/tap.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/mlf-ring-XXXXXX";
static char path[256];

static struct mlf__ring *new_ring(const char *name)
{
    struct mlf__config config = {.tracking_uri = "sqlite:///x.db", .run_id = "r1"};
    struct mlf__ring *ring = NULL;
    snprintf(path, sizeof(path), "%s/%s.ring", folder, name);
    unlink(path);
    if (mlf__ring_create(path, &config, true, true, &ring) != MLF_OK) {
        printf("Bail out! %s\n", mlf__errmsg());
        exit(1);
    }
    return ring;
}

static struct mlf__ring_reader *new_reader(struct mlf__ring *ring)
{
    struct mlf__ring_reader *reader = NULL;
    if (mlf__ring_reader_create(ring, &reader) != MLF_OK)
        abort();
    return reader;
}

static mlf_status put(struct mlf__ring *ring, const char *key, int64_t step, double value,
                      const char *text, size_t len)
{
    struct mlf__event event = {.kind = MLF__EV_METRIC,
                               .step = step,
                               .value = value,
                               .key = key,
                               .run = "run",
                               .model = "",
                               .text = text,
                               .text_len = len};
    return mlf__ring_put_event(ring, &event, MLF__RING_WAIT_HOOK);
}

/* What the last read delivered. */
static struct {
    size_t n;
    char key[64], text[9000], run[64];
    size_t text_len;
    int64_t step, sum;
    bool ordered;
} got;

static bool collect(const struct mlf__event *event, uint64_t position, void *user)
{
    (void)position;
    (void)user;
    got.ordered = got.ordered && event->step > got.step;
    got.n++;
    got.step = event->step;
    got.sum += event->step;
    snprintf(got.key, sizeof(got.key), "%s", event->key);
    snprintf(got.run, sizeof(got.run), "%s", event->run);
    got.text_len = event->text_len < sizeof(got.text) ? event->text_len : sizeof(got.text);
    memcpy(got.text, event->text, got.text_len);
    return true;
}

static size_t drain(struct mlf__ring_reader *reader)
{
    memset(&got, 0, sizeof(got));
    got.step = -1;
    got.ordered = true;
    size_t n = 0, some;
    while ((some = mlf__ring_read(reader, 1000, collect, NULL)) > 0) {
        n += some;
        mlf__ring_release(reader, mlf__ring_reader_position(reader));
    }
    mlf__ring_release(reader, mlf__ring_reader_position(reader));
    return n;
}

static void test_round_trip(void)
{
    struct mlf__ring *ring = new_ring("trip");
    struct mlf__ring_reader *reader = new_reader(ring);
    char text[8000];
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + i % 23);
    put(ring, "loss", 7, 0.5, text, sizeof(text));
    IS(drain(reader), 1, "one event with a long text is one event");
    STR(got.key, "loss", "the key arrives");
    STR(got.run, "run", "the run arrives");
    OK(got.text_len == sizeof(text) && memcmp(got.text, text, sizeof(text)) == 0,
       "8000 bytes of text arrive");
    IS(mlf__ring_used(ring), 0, "everything was released");

    int laps_ok = 1;
    for (int lap = 0; lap < 5; lap++) {
        for (int64_t i = 0; i < 10000; i++)
            laps_ok &= put(ring, "loss", i, 1, "abc", i % 3 == 0 ? 3 : 0) == MLF_OK;
        laps_ok &= drain(reader) == 10000 && got.ordered;
    }
    OK(laps_ok, "five laps of the ring keep number and order");
    mlf__ring_reader_destroy(reader);
    mlf__ring_detach(ring);
}

static void test_full(void)
{
    struct mlf__ring *ring = new_ring("full");
    struct mlf__ring_reader *reader = new_reader(ring);
    size_t n = 0;
    while (put(ring, "k", (int64_t)n, 0, "", 0) == MLF_OK)
        n++;
    IS(n, mlf__ring_capacity(ring), "a ring takes as many events as it has cells, then refuses");
    OK(put(ring, "k", 0, 0, "text", 4) == MLF_ERR_FULL, "text finds no room either");
    IS(drain(reader), n, "what was refused left nothing behind");
    OK(put(ring, "k", 0, 0, "text", 4) == MLF_OK, "released cells are used again");
    IS(drain(reader), 1, "and read again");
    mlf__ring_reader_destroy(reader);
    mlf__ring_detach(ring);
}

static void test_names_overflow(void)
{
    struct mlf__ring *ring = new_ring("names");
    struct mlf__ring_reader *reader = new_reader(ring);
    char key[64];
    bool ok = true;
    for (int i = 0; i < 6000; i++) {
        snprintf(key, sizeof(key), "metric/number/%d", i);
        ok &= put(ring, key, i, 0, "text", 4) == MLF_OK && drain(reader) == 1 &&
              strcmp(got.key, key) == 0 && got.text_len == 4 && strcmp(got.run, "run") == 0;
    }
    OK(ok, "more names than the table holds travel with their events");
    mlf__ring_reader_destroy(reader);
    mlf__ring_detach(ring);
}

static void test_counters(void)
{
    struct mlf__ring *ring = new_ring("counters");
    mlf__name_id id = mlf__ring_intern(ring, "step-key", 8);
    IS(mlf__ring_next_step(ring, id), 0, "implied steps begin at 0");
    IS(mlf__ring_next_step(ring, id), 1, "and count up");
    OK(!mlf__ring_has_adapter(ring, "libsvm"), "no adapter at first");
    mlf__ring_set_adapter(ring, "libsvm");
    OK(mlf__ring_has_adapter(ring, "libsvm") && !mlf__ring_has_adapter(ring, "libfann"),
       "an adapter is known by its library");
    struct mlf__trainings *trainings = mlf__ring_trainings(ring);
    IS(mlf__trainings_begin(trainings, 7, 3), 1, "the first training is the run's own");
    IS(mlf__trainings_begin(trainings, 7, 4), 1, "so is one with equal params and other metrics");
    IS(mlf__trainings_begin(trainings, 7, 6), 3, "metrics that are there already need another run");
    IS(mlf__trainings_begin(trainings, 8, 8), 4, "and so do other params");
    mlf__ring_detach(ring);
}

struct producer {
    struct mlf__ring *ring;
    int number, count;
};

static void *produce(void *arg)
{
    struct producer *p = arg;
    for (int i = 0; i < p->count; i++)
        while (put(p->ring, "k", p->number * 1000000 + i, 0,
                   "some text that needs two cells, and a bit", i % 2 == 0 ? 0 : 40) != MLF_OK) {
        }
    return NULL;
}

static void test_threads(void)
{
    enum { THREADS = 4, COUNT = 20000 };
    struct mlf__ring *ring = new_ring("threads");
    struct mlf__ring_reader *reader = new_reader(ring);
    struct producer producers[THREADS];
    pthread_t threads[THREADS];
    int64_t sum = 0, want = 0;
    size_t n = 0;
    for (int i = 0; i < THREADS; i++) {
        producers[i] = (struct producer){ring, i, COUNT};
        pthread_create(&threads[i], NULL, produce, &producers[i]);
        want += (int64_t)i * 1000000 * COUNT + (int64_t)COUNT * (COUNT - 1) / 2;
    }
    while (n < (size_t)THREADS * COUNT) {
        n += drain(reader);
        sum += got.sum;
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    IS(n, THREADS * COUNT, "four threads: every event once");
    IS(sum, want, "and each with its own step");
    mlf__ring_reader_destroy(reader);
    mlf__ring_detach(ring);
}

/* A claim whose owner died or still lives, made by hand in the mapping. */
static void claim_by(struct mlf__ring *ring, uint64_t position, uint32_t tid, uint32_t slot,
                     uint32_t gen)
{
    uint64_t word = word_make(CELL_CLAIMED, ring_lap(ring, position)) |
                    (uint64_t)tid << WORD_TID_SHIFT | (uint64_t)gen << WORD_GEN_SHIFT |
                    (uint64_t)slot << WORD_SLOT_SHIFT;
    atomic_store(&ring_at(ring, position)->cell.word, word);
    atomic_store(&ring->header->head, position + 1);
}

static void test_open_claims(void)
{
    struct mlf__ring *ring = new_ring("claims");
    struct mlf__ring_reader *reader = new_reader(ring);
    uint32_t slot = (uint32_t)atomic_load(&ring->slot), gen = atomic_load(&ring->gen);
    put(ring, "k", 1, 0, "", 0);
    claim_by(ring, 1, (uint32_t)getpid(), slot, gen);
    put(ring, "k", 2, 0, "", 0);
    IS(drain(reader), 2, "events behind an open claim are read");
    IS(mlf__ring_reader_floor(reader), 1, "the open claim is the floor");
    IS(mlf__ring_used(ring), 2, "the tail waits for the open claim of a living thread");
    OK(mlf__ring_all_dead(ring, &(bool){false}) == false,
       "a ring of a living process is no orphan");

    claim_by(ring, 3, (uint32_t)getpid(), slot, gen + 1);
    struct timespec nap = {.tv_nsec = 20000000};
    int64_t end = mlf__monotonic_ns() + 5000000000;
    while (mlf__ring_lost(reader) == 0 && mlf__monotonic_ns() < end) {
        drain(reader);
        nanosleep(&nap, NULL);
    }
    IS(mlf__ring_lost(reader), 1, "a claim of an earlier image of the process is void");
    IS(mlf__ring_used(ring), 3, "while the living one is still waited for");
    mlf__ring_reader_destroy(reader);
    mlf__ring_detach(ring);
}

static void test_killed_producer(void)
{
    struct mlf__ring *ring = new_ring("killed");
    struct mlf__ring_reader *reader = new_reader(ring);
    volatile int64_t *returned =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bool whole = true;
    for (int round = 0; round < 20 && whole; round++) {
        *returned = 0;
        pid_t pid = fork();
        if (pid == 0) {
            mlf__ring_after_fork(ring);
            for (int64_t i = 0;; i++) {
                while (put(ring, "k", i, 0, "0123456789012345678901234567890123456789", 40) !=
                       MLF_OK) {
                }
                *returned = i + 1;
            }
        }
        while (*returned < 1 + round * 400) {
        }
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        int64_t n = (int64_t)drain(reader);
        whole = n >= *returned && n <= *returned + 1;
        /* What the child had claimed is void now; the look at it is repeated after a while. */
        int64_t end = mlf__monotonic_ns() + 2000000000;
        while (mlf__ring_used(ring) > 0 && mlf__monotonic_ns() < end)
            drain(reader);
        whole = whole && mlf__ring_used(ring) == 0;
    }
    OK(whole, "twenty producers killed with -9: every event whose call had returned is there");
    munmap((void *)returned, 4096);
    mlf__ring_reader_destroy(reader);
    mlf__ring_detach(ring);
}

static void test_takeover(void)
{
    struct mlf__ring *ring = new_ring("takeover");
    struct mlf__ring_reader *reader = new_reader(ring);
    for (int64_t i = 0; i < 100; i++)
        put(ring, "k", i, 0, "", 0);
    IS(mlf__ring_read(reader, 60, collect, NULL), 60, "sixty of a hundred are read");
    mlf__ring_release(reader, 40);
    mlf__ring_reader_destroy(reader);
    /* The first collector died after it had moved the tail and before it freed the cells. */
    atomic_store(&ring->header->tail, 50);
    reader = new_reader(ring);
    IS(drain(reader), 50, "the next collector reads what was not released");
    IS(got.step, 99, "to the end");
    bool room = true;
    for (size_t i = 0; i < mlf__ring_capacity(ring); i++)
        room &= put(ring, "k", (int64_t)i, 0, "", 0) == MLF_OK;
    OK(room, "the cells that the first had not freed are free again");
    mlf__ring_reader_destroy(reader);
    mlf__ring_detach(ring);
}

/* A producer that died between its claim and the head left the head behind the tail. */
static void test_head_behind_tail(void)
{
    struct mlf__ring *ring = new_ring("behind");
    struct mlf__ring_reader *reader = new_reader(ring);
    for (int64_t i = 0; i < 10; i++)
        put(ring, "k", i, 0, "", 0);
    IS(drain(reader), 10, "ten events are stored");
    atomic_store(&ring->header->head, 7);
    OK(put(ring, "k", 10, 0, "", 0) == MLF_OK, "a head that lags behind the tail does no harm");
    IS(drain(reader), 1, "the event is read");
    IS(got.step, 10, "as it was put");
    mlf__ring_reader_destroy(reader);
    mlf__ring_detach(ring);
}

static void test_refusals(void)
{
    struct mlf__ring *ring = new_ring("refuse"), *other = NULL;
    OK(mlf__ring_attach("/nonexistent/x.ring", &other) == MLF_ERR_NOT_FOUND && other == NULL,
       "a missing ring is not found");
    chmod(path, 0644);
    OK(mlf__ring_attach(path, &other) == MLF_ERR_PERM, "a ring that others may read is refused");
    chmod(path, 0600);
    char link[300];
    snprintf(link, sizeof(link), "%s/link.ring", folder);
    if (symlink(path, link) != 0)
        abort();
    OK(mlf__ring_attach(link, &other) != MLF_OK, "a symbolic link is refused");
    unlink(link);
    OK(mlf__ring_attach(path, &other) == MLF_OK, "a private ring is attached");
    OK(mlf__ring_lock(other) == MLF_ERR_BUSY, "its lock is held by its maker");
    ring->header->abi = 99;
    mlf__ring_detach(other);
    OK(mlf__ring_attach(path, &other) == MLF_ERR_UNSUPPORTED, "another ABI is refused");
    ring->header->abi = MLF__RING_ABI;
    if (truncate(path, 100000) != 0)
        abort();
    OK(mlf__ring_attach(path, &other) == MLF_ERR_CORRUPT, "a cut file is refused");
    mlf__ring_detach(ring);
}

int main(void)
{
    if (mkdtemp(folder) == NULL)
        return 1;
    test_round_trip();
    test_full();
    test_names_overflow();
    test_counters();
    test_threads();
    test_open_claims();
    test_killed_producer();
    test_takeover();
    test_head_behind_tail();
    test_refusals();
    char command[300];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    if (system(command) != 0)
        return 1;
    return tap_done();
}
