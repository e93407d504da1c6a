/* SPDX-License-Identifier: Apache-2.0 */
/* The collector of one session: a writer thread that applies batches to the store, and a drain thread
 * that moves the ring into the spill journal when the writer lags by half a ring.
 *
 * A tap looks at the metrics in the ring through a reader of its own: it sees each once, whatever the two threads
 * read again, since it is always ahead of what they release.
 *
 * THREAD SAFETY NOTES: |lock| guards the source of events (reader, spill), the tap and |finishing|. It is never
 * held while the store works, so the drain thread never waits for the store. Only the writer thread
 * touches |apply| and |batch|; mlf__collector_finish reads them after it has joined both threads. */
#include "autolog/collector.h"

#include "autolog/apply.h"
#include "autolog/batch.h"
#include "autolog/sync.h"
#include "autolog/watch.h"
#include "core/buf.h"
#include "core/env.h"
#include "core/journal.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/spool.h"
#include "core/sys.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const int64_t HEARTBEAT_NS = 30000000000;

enum {
    POLL_MIN_MS = 5,
    POLL_MAX_MS = 50,
    LINGER_MS = 200, /* a batch is collected at most that long */
    RETRY_MIN_MS = 50,
    RETRY_MAX_MS = 2000,
    SPILL_CHUNK = 1 << 20
};

struct mlf__collector {
    struct mlf__ring *ring;
    pthread_t writer, drainer;
    pthread_mutex_t lock;
    struct mlf__ring_reader *reader;
    struct mlf__journal *spill_out; /* appended to by the drain thread; NULL while there is none */
    struct mlf__journal *spill_in;  /* the same file, read by the writer thread */
    uint64_t lost;                  /* void claims that earlier readers skipped */
    bool from_spill;                /* the writer reads the spill before the ring */
    char spill_path[MLF__PATH_SIZE];
    bool offline; /* MLF_OFFLINE: everything stays in the spill */
    bool
        deferred; /* the store takes it at the end only: until then everything stays in the spill */
    mlf__collector_tap_fn *tap; /* NULL: nobody looks */
    void *tap_user;
    struct mlf__ring_reader *tap_reader;
    bool finishing;
    int64_t deadline_ns; /* monotonic: when a store that cannot be written is given up */
    struct mlf__apply apply;
    struct mlf__batch batch;
    char *error; /* the last error of the store, NULL when it works; the writer's */
    bool gave_up;
    bool batch_failed; /* memory ran out while the batch was filled */
};

/* ---- the tap ---- */

static bool tap_event(const struct mlf__event *event, uint64_t position, void *user)
{
    const struct mlf__collector *c = user;
    (void)position;
    if (event->kind == MLF__EV_METRIC)
        c->tap(event->run, event->key, event->value, event->step,
               event->flags & MLF__EVF_SOURCE_MASK, c->tap_user);
    return true;
}

/* Gives the tap what it has not seen. Called with the lock held, and before anything is released. */
static void read_tap(struct mlf__collector *c)
{
    if (c->tap != NULL)
        mlf__ring_read(c->tap_reader, mlf__ring_capacity(c->ring), tap_event, c);
}

/* Frees the cells up to |position|: nobody needs them any more. Called with the lock held. */
static void release(struct mlf__collector *c, struct mlf__ring_reader *reader, uint64_t position)
{
    read_tap(c);
    mlf__ring_release(reader, position);
}

mlf_status mlf__collector_tap(struct mlf__collector *c, mlf__collector_tap_fn *fn, void *user)
{
    mlf_status status = MLF_OK;
    pthread_mutex_lock(&c->lock);
    if (fn != NULL && c->tap_reader == NULL)
        status = mlf__ring_reader_create(c->ring, &c->tap_reader);
    if (status == MLF_OK) {
        c->tap = fn;
        c->tap_user = user;
    }
    pthread_mutex_unlock(&c->lock);
    return status;
}

mlf_status mlf__collector_catch_up(struct mlf__collector *c, int64_t timeout_ms)
{
    enum { NAP_NS = 200000 };
    int64_t until = mlf__monotonic_ns() + timeout_ms * 1000000;
    uint64_t goal = mlf__ring_head(c->ring);
    for (;;) {
        pthread_mutex_lock(&c->lock);
        read_tap(c);
        bool done = c->tap == NULL || mlf__ring_reader_floor(c->tap_reader) >= goal;
        pthread_mutex_unlock(&c->lock);
        if (done)
            return MLF_OK;
        if (mlf__monotonic_ns() >= until)
            return MLF_ERR_TIMEOUT;
        struct timespec nap = {.tv_nsec = NAP_NS};
        nanosleep(&nap, NULL);
    }
}

/* ---- the drain thread: ring into spill ---- */

struct spill {
    struct mlf__collector *collector;
    struct mlf__buf buf;
    uint64_t resume;       /* position from which on the writer has not read */
    int64_t resume_offset; /* where in the file that begins; -1 until it is met */
    int64_t end_offset;
    mlf_status status;
};

static void flush_spill(struct spill *spill)
{
    if (spill->status == MLF_OK && (spill->buf.len > 0 || spill->buf.failed))
        spill->status = mlf__journal_write(spill->collector->spill_out, &spill->buf);
    spill->buf.len = 0;
}

static bool spill_event(const struct mlf__event *event, uint64_t position, void *user)
{
    struct spill *spill = user;
    if (spill->resume_offset < 0 && position >= spill->resume)
        spill->resume_offset = spill->end_offset;
    size_t before = spill->buf.len;
    mlf__journal_encode(&spill->buf, event);
    spill->end_offset += (int64_t)(spill->buf.len - before);
    if (spill->buf.len >= SPILL_CHUNK)
        flush_spill(spill);
    return spill->status == MLF_OK;
}

static mlf_status open_spill(struct mlf__collector *c)
{
    char folder[MLF__PATH_SIZE];
    mlf_status status = mlf__spool_disk_dir(folder);
    if (status != MLF_OK)
        return status;
    if (!mlf__spool_sibling(mlf__ring_path(c->ring), folder, ".spill", c->spill_path))
        return mlf__fail(MLF_ERR_INVAL, "%s: the spill's path is too long", folder);
    status = mlf__journal_create(c->spill_path, mlf__ring_config(c->ring), &c->spill_out);
    if (status == MLF_OK)
        status = mlf__journal_open(c->spill_path, &c->spill_in);
    if (status == MLF_OK)
        status = mlf__journal_lock(c->spill_in);
    return status;
}

static void close_spill(struct mlf__collector *c, bool delete)
{
    mlf__journal_close(c->spill_out);
    mlf__journal_close(c->spill_in);
    c->spill_out = c->spill_in = NULL;
    c->from_spill = false;
    if (delete &&c->spill_path[0] != '\0')
        unlink(c->spill_path);
}

/* Copies everything that is not released to the spill, the batch that the writer works on included, and
 * releases it. The first time a reader of its own begins at the tail and takes the place of the old one; what
 * that has delivered stands in the spill, so it goes on from there, and settles its open claims. */
static mlf_status spill_ring(struct mlf__collector *c)
{
    mlf_status status = c->spill_out == NULL ? open_spill(c) : MLF_OK;
    struct mlf__ring_reader *reader = c->from_spill ? c->reader : NULL;
    if (status == MLF_OK && reader == NULL)
        status = mlf__ring_reader_create(c->ring, &reader);
    if (status != MLF_OK) {
        if (!c->from_spill)
            close_spill(c, true);
        return status;
    }
    struct spill spill = {.collector = c,
                          .resume = mlf__ring_reader_floor(c->reader),
                          .resume_offset = -1,
                          .end_offset = mlf__journal_size(c->spill_out)};
    mlf__ring_read(reader, mlf__ring_capacity(c->ring), spill_event, &spill);
    flush_spill(&spill);
    mlf__buf_free(&spill.buf);
    if (spill.status != MLF_OK) {
        if (reader == c->reader)
            mlf__ring_reader_rewind(reader);
        else
            mlf__ring_reader_destroy(reader);
        return spill.status;
    }
    if (!c->from_spill)
        mlf__journal_seek(c->spill_in,
                          spill.resume_offset >= 0 ? spill.resume_offset : spill.end_offset);
    c->from_spill = true;
    if (reader != c->reader) {
        c->lost += mlf__ring_lost(c->reader);
        mlf__ring_reader_destroy(c->reader);
        c->reader = reader;
    }
    release(c, reader, mlf__ring_reader_position(reader));
    return MLF_OK;
}

/* Offline and deferred, what is spilled is stored as far as anybody can wait for it. */
static void spill_or_log(struct mlf__collector *c)
{
    mlf_status status = spill_ring(c);
    if (status != MLF_OK)
        mlf__log(MLF__LOG_WARN, "the ring cannot be spilled: %s", mlf__errmsg());
    else if (c->offline || c->deferred)
        mlf__ring_settle(c->ring, mlf__ring_reader_floor(c->reader));
}

static void *drain_thread(void *arg)
{
    struct mlf__collector *c = arg;
    int64_t wait_ms = POLL_MIN_MS;
    size_t used_before = 0;
    int64_t touched_ns = mlf__monotonic_ns();
    for (;;) {
        if (mlf__monotonic_ns() - touched_ns > HEARTBEAT_NS) {
            touched_ns = mlf__monotonic_ns();
            mlf__ring_touch(c->ring);
        }
        uint32_t bell = mlf__ring_bell(c->ring);
        size_t used = mlf__ring_used(c->ring);
        pthread_mutex_lock(&c->lock);
        bool finishing = c->finishing;
        if (c->offline || c->deferred ? used > 0
                                      : !finishing && used > mlf__ring_capacity(c->ring) / 2)
            spill_or_log(c);
        pthread_mutex_unlock(&c->lock);
        if (finishing)
            return NULL;
        wait_ms = used != used_before ? POLL_MIN_MS
                                      : (wait_ms * 2 < POLL_MAX_MS ? wait_ms * 2 : POLL_MAX_MS);
        used_before = used;
        mlf__ring_sleep(c->ring, bell, wait_ms);
    }
}

/* ---- the writer thread: batches into the store ---- */

static bool add_to_batch(const struct mlf__event *event, uint64_t position, void *user)
{
    (void)position;
    struct mlf__collector *c = user;
    c->batch_failed = !mlf__batch_add(&c->batch, event);
    return !c->batch_failed && c->batch.n < MLF__BATCH_MAX;
}

/* Deletes the spill once it has been read, unless something of it is known to us only. */
static void drop_spill(struct mlf__collector *c, bool keeps)
{
    if (c->spill_out != NULL && !c->from_spill && !keeps)
        close_spill(c, true);
}

static void read_spill(struct mlf__collector *c)
{
    struct mlf__event event;
    mlf_status status = MLF_OK;
    while (c->batch.n < MLF__BATCH_MAX) {
        int64_t before = mlf__journal_offset(c->spill_in);
        status = mlf__journal_read(c->spill_in, &event);
        if (status != MLF_OK && status != MLF_ERR_CORRUPT)
            break;
        if (status == MLF_OK && !mlf__batch_add(&c->batch, &event)) {
            mlf__journal_seek(c->spill_in, before);
            break;
        }
    }
    if (status != MLF_ERR_NOT_FOUND || c->batch.n > 0)
        return;
    /* Everything in it is stored: on with the ring. */
    c->from_spill = false;
    drop_spill(c, mlf__apply_keeps(&c->apply));
}

/* The position up to which everything is in the batch or stored. In the spill it stands still: only its
 * end is known to be behind all that the ring had. */
static uint64_t fetch_batch(struct mlf__collector *c)
{
    pthread_mutex_lock(&c->lock);
    mlf__batch_clear(&c->batch);
    if (c->from_spill)
        read_spill(c);
    if (!c->from_spill)
        mlf__ring_read(c->reader, MLF__BATCH_MAX, add_to_batch, c);
    if (!c->from_spill && c->batch_failed)
        mlf__ring_reader_rewind(c->reader);
    c->batch_failed = false;
    uint64_t position = c->from_spill ? 0 : mlf__ring_reader_floor(c->reader);
    pthread_mutex_unlock(&c->lock);
    return position;
}

static void batch_is_stored(struct mlf__collector *c, uint64_t position)
{
    bool keeps = mlf__apply_keeps(&c->apply);
    pthread_mutex_lock(&c->lock);
    if (!keeps) {
        /* Should the drain thread have spilled meanwhile, the batch stands in the spill as well, before
         * the place from which on the writer reads it. */
        if (c->from_spill && position == 0)
            mlf__journal_set_synced(c->spill_in, mlf__journal_offset(c->spill_in));
        else if (!c->from_spill)
            release(c, c->reader, position);
        drop_spill(c, keeps);
    }
    pthread_mutex_unlock(&c->lock);
    if (position > 0)
        mlf__ring_settle(c->ring, position);
}

static void set_error(struct mlf__collector *c, const char *text)
{
    mlf__free(c->error);
    c->error = text != NULL ? mlf__strdup(text) : NULL;
    mlf__ring_set_error(c->ring, text != NULL               ? text
                                 : c->apply.refused != NULL ? c->apply.refused
                                                            : "");
}

static bool past_deadline(struct mlf__collector *c)
{
    pthread_mutex_lock(&c->lock);
    bool past = c->finishing && mlf__monotonic_ns() > c->deadline_ns;
    pthread_mutex_unlock(&c->lock);
    return past;
}

static bool reads_spill(struct mlf__collector *c)
{
    pthread_mutex_lock(&c->lock);
    bool from_spill = c->from_spill;
    pthread_mutex_unlock(&c->lock);
    return from_spill;
}

static bool is_finishing(struct mlf__collector *c)
{
    pthread_mutex_lock(&c->lock);
    bool finishing = c->finishing;
    pthread_mutex_unlock(&c->lock);
    return finishing;
}

/* Is it worth while to wait for the store at the end of a session? */
static bool may_pass(mlf_status status)
{
    return status == MLF_ERR_BUSY || status == MLF_ERR_FULL || status == MLF_ERR_IO ||
           status == MLF_ERR_TIMEOUT || status == MLF_ERR_NOMEM;
}

/* Applies the batch, again and again while the store has trouble. False when it was given up. */
static bool store_batch(struct mlf__collector *c)
{
    int64_t wait_ms = RETRY_MIN_MS;
    size_t refused = c->apply.n_refused;
    c->apply.adapters = mlf__ring_any_adapter(c->ring);
    for (;;) {
        mlf_status status = mlf__apply_batch(&c->apply, c->batch.events, c->batch.n);
        if (status == MLF_OK) {
            if (c->error != NULL || c->apply.n_refused != refused)
                set_error(c, NULL);
            return true;
        }
        set_error(c, mlf__errmsg());
        mlf__log(MLF__LOG_WARN, "the store cannot be written: %s", c->error);
        mlf__apply_close_store(&c->apply);
        if (past_deadline(c) || (is_finishing(c) && !may_pass(status))) {
            c->gave_up = true;
            return false;
        }
        uint32_t bell = mlf__ring_bell(c->ring);
        mlf__ring_sleep(c->ring, bell, wait_ms);
        wait_ms = wait_ms * 2 < RETRY_MAX_MS ? wait_ms * 2 : RETRY_MAX_MS;
    }
}

/* Waits until there is a batch worth a transaction: a full one, one that somebody waits for, or one that
 * has been growing for a while. */
static void wait_for_events(struct mlf__collector *c, int64_t *wait_ms)
{
    int64_t since = 0;
    for (;;) {
        uint32_t bell = mlf__ring_bell(c->ring);
        pthread_mutex_lock(&c->lock);
        bool ready = c->finishing || c->from_spill;
        uint64_t next = mlf__ring_reader_position(c->reader);
        bool open = mlf__ring_reader_floor(c->reader) < next;
        pthread_mutex_unlock(&c->lock);
        uint64_t head = mlf__ring_head(c->ring);
        int64_t now = mlf__monotonic_ns();
        if (head > next && since == 0) {
            since = now;
            *wait_ms = POLL_MIN_MS;
        }
        if (ready || (head > next && head - next >= MLF__BATCH_MAX) ||
            (since != 0 && now - since > LINGER_MS * 1000000ll))
            return;
        if (since == 0)
            *wait_ms = *wait_ms * 2 < POLL_MAX_MS ? *wait_ms * 2 : POLL_MAX_MS;
        mlf__ring_sleep(c->ring, bell, *wait_ms);
        if (mlf__ring_bell(c->ring) != bell ||
            (since == 0 && (open || mlf__apply_holds(&c->apply) || mlf__watch_is_due(&c->apply))))
            return;
    }
}

/* Writes params that have waited long enough. False when the store was given up. */
static bool write_held(struct mlf__collector *c)
{
    mlf_status status = mlf__apply_held(&c->apply);
    if (status == MLF_OK)
        return true;
    set_error(c, mlf__errmsg());
    mlf__apply_close_store(&c->apply);
    c->gave_up = past_deadline(c) || (is_finishing(c) && !may_pass(status));
    if (!c->gave_up)
        mlf__ring_sleep(c->ring, mlf__ring_bell(c->ring), RETRY_MIN_MS);
    return !c->gave_up;
}

/* The spill could not be read on: memory is short, or the disk has trouble. False when that is given up. */
static bool wait_for_spill(struct mlf__collector *c)
{
    set_error(c, mlf__errmsg());
    c->gave_up = past_deadline(c);
    if (!c->gave_up)
        mlf__ring_sleep(c->ring, mlf__ring_bell(c->ring), RETRY_MIN_MS);
    return !c->gave_up;
}

static void *writer_thread(void *arg)
{
    struct mlf__collector *c = arg;
    int64_t wait_ms = POLL_MIN_MS;
    for (;;) {
        bool finishing = is_finishing(c);
        if (!finishing)
            mlf__watch_store(&c->apply);
        uint64_t position = fetch_batch(c);
        if (c->batch.n > 0) {
            if (!store_batch(c))
                return NULL;
            batch_is_stored(c, position);
            continue;
        }
        if (position > 0)
            batch_is_stored(c, position);
        if (finishing && !reads_spill(c))
            return NULL;
        if (!write_held(c) || (reads_spill(c) && !wait_for_spill(c)))
            return NULL;
        wait_for_events(c, &wait_ms);
    }
}

/* ---- life ---- */

static void destroy(struct mlf__collector *c)
{
    mlf__ring_reader_destroy(c->tap_reader);
    mlf__ring_reader_destroy(c->reader);
    mlf__batch_free(&c->batch);
    mlf__watch_free(&c->apply);
    mlf__apply_free(&c->apply);
    mlf__free(c->error);
    pthread_mutex_destroy(&c->lock);
    mlf__free(c);
}

mlf_status mlf__collector_start(struct mlf__ring *ring, struct mlf__collector **out)
{
    *out = NULL;
    struct mlf__collector *c = mlf__zalloc(1, sizeof(*c));
    if (c == NULL)
        return MLF_ERR_NOMEM;
    c->ring = ring;
    pthread_mutex_init(&c->lock, NULL);
    mlf_status status = mlf__apply_init(&c->apply, mlf__ring_config(ring));
    if (status == MLF_OK)
        status = mlf__batch_init(&c->batch);
    if (status == MLF_OK)
        status = mlf__ring_reader_create(ring, &c->reader);
    c->offline = mlf__env_is_on(MLF__ENV_MLF_OFFLINE);
    c->deferred = status == MLF_OK && mlf__store_writes_at_end(c->apply.uri);
    if ((mlf__ring_config(ring)->flags & MLF__CONFIG_LAUNCHER) != 0)
        c->apply.launcher_pid = (int32_t)getpid();
    if (status == MLF_OK && !c->offline)
        mlf__watch_start(&c->apply);
    if (status == MLF_OK && pthread_create(&c->drainer, NULL, drain_thread, c) != 0)
        status = mlf__fail(MLF_ERR_IO, "the collector's threads cannot be started");
    if (status == MLF_OK && !c->offline && !c->deferred &&
        pthread_create(&c->writer, NULL, writer_thread, c) != 0) {
        pthread_mutex_lock(&c->lock);
        c->finishing = true;
        pthread_mutex_unlock(&c->lock);
        pthread_join(c->drainer, NULL);
        status = mlf__fail(MLF_ERR_IO, "the collector's threads cannot be started");
    }
    if (status != MLF_OK) {
        destroy(c);
        return status;
    }
    *out = c;
    return MLF_OK;
}

void mlf__collector_watch(struct mlf__collector *c, int32_t pid)
{
    mlf__watch_process(&c->apply, pid);
}

/* Events that found no room, and claims whose owners died before they had written. */
static uint64_t dropped(const struct mlf__collector *c)
{
    return mlf__ring_drops(c->ring) + c->lost + mlf__ring_lost(c->reader);
}

/* System metrics are not what the program logged. */
static size_t count_metrics(const mlf_run_record *run)
{
    size_t n = 0;
    for (size_t i = 0; i < run->n_metrics; i++)
        n += strncmp(run->metrics[i].key, "system/", 7) != 0;
    return n;
}

static void fill_summary(struct mlf__collector *c, int status, struct mlf__summary *out)
{
    *out = (struct mlf__summary){.status = status};
    mlf__copy_text(out->run_id, sizeof(out->run_id), c->apply.config.run_id);
    out->store = mlf__uri_display(c->apply.uri);
    out->dropped = dropped(c);
    const char *error = c->error != NULL ? c->error : c->apply.refused;
    out->error = error != NULL ? mlf__strdup(error) : NULL;
    mlf_run_record run = {0};
    if (c->apply.store != NULL &&
        c->apply.store->ops->run_get(c->apply.store, out->run_id, &run) == MLF_OK) {
        out->status = run.status;
        out->n_params = run.n_params;
        out->n_metrics = count_metrics(&run);
        out->n_models = run.n_model_outputs;
        out->n_inputs = run.n_inputs;
    }
    mlf_run_record_free(&run);
}

static void stop_threads(struct mlf__collector *c, int64_t timeout_ms)
{
    pthread_mutex_lock(&c->lock);
    c->deadline_ns = mlf__monotonic_ns() + timeout_ms * 1000000;
    c->finishing = true;
    pthread_mutex_unlock(&c->lock);
    mlf__ring_ring_bell(c->ring);
    pthread_join(c->drainer, NULL);
    if (c->deferred && !c->offline)
        writer_thread(c);
    else if (!c->offline)
        pthread_join(c->writer, NULL);
}

static void put_run_end(struct mlf__ring *ring, int status, int64_t end_ns)
{
    struct mlf__event event = {.kind = MLF__EV_RUN_END,
                               .flags = MLF__EVF_WAITED,
                               .ts_ns = end_ns,
                               .step = status,
                               .key = "",
                               .run = "",
                               .model = "",
                               .text = ""};
    mlf__ring_put_event(ring, &event, MLF__RING_WAIT_CALL);
}

/* What comes after the last event. */
static mlf_status finish_session(struct mlf__collector *c, int status, int64_t end_ns)
{
    mlf_status result = mlf__merge_session_journals(&c->apply, mlf__ring_path(c->ring));
    if (result != MLF_OK)
        return result;
    result = mlf__apply_drops(&c->apply, dropped(c));
    if (result != MLF_OK)
        return result;
    mlf__watch_stop(&c->apply);
    result = mlf__apply_finish(&c->apply, status, (end_ns != 0 ? end_ns : mlf__now_ns()) / 1000000);
    return result == MLF_OK ? mlf__watch_finish_files(&c->apply) : result;
}

/* Offline: all that the session had is in its journal now, for `mlf sync`. */
static mlf_status finish_offline(struct mlf__collector *c, int status, struct mlf__summary *out)
{
    bool spilled = mlf__ring_used(c->ring) == 0;
    fill_summary(c, status, out);
    out->error_journal = mlf__strdup(spilled ? c->spill_path : mlf__ring_path(c->ring));
    if (c->spill_out != NULL)
        mlf__journal_sync(c->spill_out);
    close_spill(c, false);
    if (spilled && mlf__ring_living(c->ring) <= 1)
        unlink(mlf__ring_path(c->ring));
    destroy(c);
    return MLF_OK;
}

mlf_status mlf__collector_finish(struct mlf__collector *c, int status, int64_t end_ns,
                                 int64_t timeout_ms, struct mlf__summary *out)
{
    struct mlf__ring *ring = c->ring;
    if (status != 0)
        put_run_end(ring, status, end_ns);
    mlf__ring_set_finishing(ring);
    stop_threads(c, timeout_ms);
    if (c->offline)
        return finish_offline(c, status, out);
    mlf_status result = c->gave_up ? MLF_ERR_IO : finish_session(c, status, end_ns);
    if (result != MLF_OK && !c->gave_up)
        set_error(c, mlf__errmsg());
    fill_summary(c, status, out);
    mlf__apply_close_store(&c->apply);
    bool all_stored = result == MLF_OK && !c->from_spill;
    if (!all_stored)
        out->error_journal = mlf__strdup(mlf__ring_path(ring));
    close_spill(c, all_stored);
    /* A child that lives on may still log: then the ring stays, and `mlf sync` merges it later. */
    if (all_stored && mlf__ring_living(ring) <= 1)
        unlink(mlf__ring_path(ring));
    destroy(c);
    return result;
}

void mlf__summary_free(struct mlf__summary *summary)
{
    mlf__free(summary->store);
    mlf__free(summary->error);
    mlf__free(summary->error_journal);
    *summary = (struct mlf__summary){0};
}
