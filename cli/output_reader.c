/* SPDX-License-Identifier: Apache-2.0 */
/* Two buffers: the relay fills one while the thread reads the other; then they change places.
 *
 * THREAD SAFETY NOTES: |lock| guards what stands below it in struct mlf__output_reader, up to what belongs to the thread that
 * gives; |recogniser| and |taken| belong to the reader's thread. The lock is not held while a line is looked at. */
#include "cli/output_reader.h"

#include "core/buf.h"
#include "core/mem.h"
#include "core/sys.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

enum {
    KEPT_MAX = 4 * 1024 * 1024, /* bytes of each of the two buffers */
    KEPT_WHOLE = 256 * 1024,    /* the same where the command waits for as long as they are read */
    WAIT_MS = 20,               /* at once for room: signals wait as well */
    WAITS_MS = 100,             /* in all, and */
    WAITS_SHARE = 20,           /* this part of the time since the beginning */
    STREAMS = 2
};

/* Stands in a buffer before the bytes of a piece. */
struct piece {
    size_t len;
    int stream;
    bool after_gap; /* something of the stream was left out before it */
    bool begins_line;
};

struct mlf__output_reader {
    struct mlf__recogniser *recogniser; /* the thread's, as |taken| is */
    struct mlf__buf taken;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    struct mlf__buf given;
    size_t text[STREAMS]; /* bytes in |given| that the command has printed */
    bool finishing;

    /* Of the thread that gives. */
    bool whole;
    int64_t begin_ns, waited_ns;
    uint64_t unread;
    bool gap[STREAMS];     /* something was left out since the stream's last piece */
    bool in_line[STREAMS]; /* what was printed last was no end of a line */
};

static void wait_until(struct mlf__output_reader *reader, int64_t until_ns)
{
    struct timespec until = {.tv_sec = until_ns / 1000000000, .tv_nsec = until_ns % 1000000000};
    pthread_cond_timedwait(&reader->changed, &reader->lock, &until);
}

/* ---- the thread ---- */

static void read_taken(struct mlf__output_reader *reader)
{
    struct piece piece;

    for (size_t at = 0; at < reader->taken.len; at += piece.len) {
        memcpy(&piece, reader->taken.data + at, sizeof(piece));
        at += sizeof(piece);
        if (piece.after_gap)
            mlf__recogniser_skip_line(reader->recogniser, piece.stream);
        if (piece.after_gap && piece.begins_line)
            mlf__recogniser_feed(reader->recogniser, piece.stream, "\n", 1);
        mlf__recogniser_feed(reader->recogniser, piece.stream, reader->taken.data + at, piece.len);
    }
    reader->taken.len = 0;
}

/* Until something was given, or a line without an end has waited long enough. False: it is all over. */
static bool take(struct mlf__output_reader *reader)
{
    pthread_mutex_lock(&reader->lock);
    int64_t due_ms = mlf__recogniser_due_ms(reader->recogniser);
    int64_t due_ns = mlf__monotonic_ns() + due_ms * 1000000;
    while (reader->given.len == 0 && !reader->finishing) {
        if (due_ms < 0)
            pthread_cond_wait(&reader->changed, &reader->lock);
        else if (mlf__monotonic_ns() < due_ns)
            wait_until(reader, due_ns);
        else
            break;
    }
    bool more = reader->given.len > 0 || !reader->finishing;
    struct mlf__buf empty = reader->taken;
    reader->taken = reader->given;
    reader->given = empty;
    memset(reader->text, 0, sizeof(reader->text));
    pthread_cond_signal(&reader->changed);
    pthread_mutex_unlock(&reader->lock);
    return more;
}

static void *read_all(void *argument)
{
    struct mlf__output_reader *reader = argument;

    while (take(reader)) {
        if (reader->taken.len > 0)
            read_taken(reader);
        else
            mlf__recogniser_tick(reader->recogniser);
    }
    return NULL;
}

/* ---- the thread that gives ---- */

static bool has_room(const struct mlf__output_reader *reader, size_t len)
{
    size_t max = reader->whole ? KEPT_WHOLE : KEPT_MAX;
    return reader->given.len + sizeof(struct piece) + len <= max;
}

/* With the lock held. The command waits as long as we do: so much of its time is ours, and no more. */
static void wait_for_room(struct mlf__output_reader *reader, size_t len)
{
    int64_t now = mlf__monotonic_ns(), begin = now;
    int64_t left = WAITS_MS * 1000000ll + (now - reader->begin_ns) / WAITS_SHARE;
    left -= reader->waited_ns;
    int64_t until = now + (left < WAIT_MS * 1000000ll ? left : WAIT_MS * 1000000ll);

    for (; !has_room(reader, len) && now < until; now = mlf__monotonic_ns())
        wait_until(reader, until);
    reader->waited_ns += now - begin;
}

/* With the lock held. What was printed last tells more than what was printed before it. */
static void make_room(struct mlf__output_reader *reader, size_t len)
{
    while (reader->whole && !has_room(reader, len))
        pthread_cond_wait(&reader->changed, &reader->lock);
    if (!has_room(reader, len))
        wait_for_room(reader, len);
    if (has_room(reader, len))
        return;
    for (int i = 0; i < STREAMS; i++) {
        reader->gap[i] = reader->gap[i] || reader->text[i] > 0;
        reader->unread += reader->text[i];
        reader->text[i] = 0;
    }
    reader->given.len = 0;
}

void mlf__output_reader_give(struct mlf__output_reader *reader, int stream, const char *bytes,
                             size_t len)
{
    int i = stream == 2;
    struct piece piece = {.len = len, .stream = stream, .begins_line = !reader->in_line[i]};
    struct mlf__buf *given = &reader->given;

    if (len == 0)
        return;
    pthread_mutex_lock(&reader->lock);
    make_room(reader, len);
    size_t before = given->len;
    piece.after_gap = reader->gap[i];
    mlf__buf_add(given, &piece, sizeof(piece));
    mlf__buf_add(given, bytes, len);
    reader->gap[i] = given->failed;
    if (given->failed) { /* no memory: there may be some for the next piece */
        given->failed = false;
        given->len = before;
        reader->unread += len;
    } else {
        reader->text[i] += len;
    }
    pthread_cond_signal(&reader->changed);
    pthread_mutex_unlock(&reader->lock);
    reader->in_line[i] = bytes[len - 1] != '\n' && bytes[len - 1] != '\r';
}

/* ---- beginning and end ---- */

static void free_reader(struct mlf__output_reader *reader)
{
    pthread_cond_destroy(&reader->changed);
    pthread_mutex_destroy(&reader->lock);
    mlf__buf_free(&reader->given);
    mlf__buf_free(&reader->taken);
    mlf__free(reader);
}

/* Signals are for the thread that relays. */
static int start_thread(struct mlf__output_reader *reader)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&reader->thread, NULL, read_all, reader);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

mlf_status mlf__output_reader_start(struct mlf__recogniser *recogniser, bool whole,
                                    struct mlf__output_reader **out)
{
    struct mlf__output_reader *reader = mlf__zalloc(1, sizeof(*reader));
    pthread_condattr_t attributes;

    *out = NULL;
    if (reader == NULL)
        return MLF_ERR_NOMEM;
    reader->recogniser = recogniser;
    reader->whole = whole;
    reader->begin_ns = mlf__monotonic_ns();
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&reader->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&reader->lock, NULL);
    int error = start_thread(reader);
    if (error != 0) {
        free_reader(reader);
        return mlf__fail_errno(error, "the thread that reads the output cannot be started");
    }
    *out = reader;
    return MLF_OK;
}

uint64_t mlf__output_reader_finish(struct mlf__output_reader *reader)
{
    if (reader == NULL)
        return 0;
    pthread_mutex_lock(&reader->lock);
    reader->finishing = true;
    pthread_cond_signal(&reader->changed);
    pthread_mutex_unlock(&reader->lock);
    pthread_join(reader->thread, NULL);
    uint64_t unread = reader->unread;
    free_reader(reader);
    return unread;
}
