/* SPDX-License-Identifier: Apache-2.0 */
/* The producers' half of the ring. A put claims a cell by compare-and-swap, fills it in and commits it;
 * text goes into cells claimed after it. Nothing here allocates, and only a call that waits makes a
 * system call.
 *
 * THREAD SAFETY NOTES: any thread of any attached process may call. Pairings: a cell's word is
 * committed with release and read by the consumer with acquire; the consumer frees it with release and
 * the claim reads it with acquire. A name's word publishes its text the same way. */
#include "core/compat_glibc.h"
#include "core/ring_layout.h"

#include "core/guard.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

_Thread_local struct mlf__tls mlf__tls;

enum { WAIT_HOOK_NS = 1000000, WAIT_CALL_NS = 100000000, NAP_NS = 50000, SPIN_LOOK = 64 };
enum { CLOCK_TICKS = 16384 }; /* some 5 µs: how long a thread's last time serves */
enum { TAKE_SPINS = 1000000 };

/* ---- this process's slot ---- */

static uint32_t current_tid(const struct mlf__ring *ring)
{
    uint32_t epoch = atomic_load_explicit(&ring->epoch, memory_order_relaxed) + 1;
    if (mlf__tls.epoch != epoch) {
        mlf__tls.tid = (int32_t)syscall(SYS_gettid);
        mlf__tls.epoch = epoch;
    }
    return (uint32_t)mlf__tls.tid;
}

static bool slot_is_free(const struct ring_slot *slot, uint64_t owner,
                         const struct mlf__proc_id *self)
{
    struct mlf__proc_id id = {.pid = slot_pid(owner)};
    if (id.pid == 0)
        return true;
    if ((owner & SLOT_TAKING) != 0) {
        struct mlf__proc_id now;
        return !mlf__proc_identify(id.pid, &now);
    }
    id.start_time = atomic_load_explicit(&slot->start_time, memory_order_acquire);
    /* An exec keeps pid and start time: the new image takes over its slot with a new generation. */
    if (id.pid == self->pid)
        return true;
    return !mlf__proc_alive(&id);
}

static bool take_slot_at(struct mlf__ring *ring, uint32_t index, bool look_at_owner)
{
    struct ring_slot *slot = &ring->slots[index];
    uint64_t owner = atomic_load_explicit(&slot->owner, memory_order_acquire);
    if (look_at_owner ? !slot_is_free(slot, owner, &ring->self)
                      : slot_pid(owner) != 0 && slot_pid(owner) != ring->self.pid)
        return false;
    uint32_t gen = (slot_gen(owner) + 1) & WORD_GEN_MASK;
    uint64_t mine = (uint64_t)gen << 32 | (uint32_t)ring->self.pid;
    if (!atomic_compare_exchange_strong(&slot->owner, &owner, mine | SLOT_TAKING))
        return false;
    atomic_store_explicit(&slot->start_time, ring->self.start_time, memory_order_relaxed);
    atomic_store_explicit(&slot->quiet_events, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->owner, mine, memory_order_release);
    atomic_store_explicit(&ring->gen, gen, memory_order_relaxed);
    atomic_store_explicit(&ring->slot, (int32_t)index, memory_order_release);
    return true;
}

/* First a slot that nobody ever had, or this process's own; then one of a dead process. */
bool mlf__ring_take_slot(struct mlf__ring *ring)
{
    uint32_t idle = 0;
    /* Bounded: a signal handler may have interrupted the thread that is taking it. */
    for (int i = 0; !atomic_compare_exchange_weak(&ring->taking, &idle, 1); i++) {
        if (atomic_load_explicit(&ring->slot, memory_order_acquire) >= 0)
            return true;
        if (i == TAKE_SPINS)
            return false;
        __builtin_ia32_pause();
        idle = 0;
    }
    bool taken = atomic_load_explicit(&ring->slot, memory_order_acquire) >= 0;
    for (int pass = 0; pass < 2 && !taken; pass++)
        for (uint32_t i = 0; i < RING_SLOTS && !taken; i++)
            taken = take_slot_at(ring, i, pass == 1);
    atomic_store_explicit(&ring->taking, 0, memory_order_release);
    return taken;
}

void mlf__ring_after_fork(struct mlf__ring *ring)
{
    mlf__proc_identify(0, &ring->self);
    atomic_store_explicit(&ring->slot, -1, memory_order_relaxed);
    atomic_store_explicit(&ring->taking, 0, memory_order_relaxed);
    atomic_fetch_add_explicit(&ring->epoch, 1, memory_order_relaxed);
}

/* ---- names ---- */

static uint64_t hash_name(const char *name, size_t len)
{
    const uint64_t k = 0x9e3779b97f4a7c15u;
    uint64_t h = (uint64_t)len * k;
    for (; len >= 8; name += 8, len -= 8) {
        uint64_t part;
        memcpy(&part, name, 8);
        h = (h ^ part) * k;
        h ^= h >> 29;
    }
    uint64_t rest = 0;
    for (size_t i = 0; i < len; i++)
        rest |= (uint64_t)(unsigned char)name[i] << (8 * i);
    h = (h ^ rest) * k;
    return h ^ h >> 32;
}

/* The text record at |offset|: a 16-bit length, the bytes, NUL. NULL when it does not lie inside. */
static const char *name_at(const struct mlf__ring *ring, uint32_t offset, size_t *len)
{
    if (offset < 2 || offset >= ring->name_text_size)
        return NULL;
    uint16_t n;
    memcpy(&n, ring->name_text + offset - 2, sizeof(n));
    if (n > RING_NAME_MAX || offset + (size_t)n + 1 > ring->name_text_size)
        return NULL;
    *len = n;
    return ring->name_text + offset;
}

static uint32_t store_name(struct mlf__ring *ring, const char *name, size_t len)
{
    uint32_t need = (uint32_t)(len + 4) & ~1u; /* length, text, NUL; records begin at even places */
    uint32_t at =
        atomic_fetch_add_explicit(&ring->header->name_text_used, need, memory_order_relaxed);
    if (at >= ring->name_text_size || ring->name_text_size - at < need + 2) {
        atomic_fetch_sub_explicit(&ring->header->name_text_used, need, memory_order_relaxed);
        return 0;
    }
    at += 2;
    uint16_t n = (uint16_t)len;
    memcpy(ring->name_text + at - 2, &n, sizeof(n));
    memcpy(ring->name_text + at, name, len);
    ring->name_text[at + len] = '\0';
    return at;
}

mlf__name_id mlf__ring_intern(struct mlf__ring *ring, const char *name, size_t len)
{
    if (len == 0 || len > RING_NAME_MAX)
        return 0;
    uint64_t hash = hash_name(name, len);
    uint64_t tag = hash >> 32 << 32;
    uint32_t mask = ring->n_names - 1;
    uint32_t stored = 0;
    for (uint32_t probe = 0; probe < RING_NAME_PROBES; probe++) {
        uint32_t index = ((uint32_t)hash + probe) & mask;
        _Atomic uint64_t *word = &ring->names[index].word;
        uint64_t seen = atomic_load_explicit(word, memory_order_acquire);
        if (seen == 0) {
            if (stored == 0)
                stored = store_name(ring, name, len);
            if (stored == 0)
                return 0;
            if (atomic_compare_exchange_strong_explicit(word, &seen, tag | stored,
                                                        memory_order_acq_rel, memory_order_acquire))
                return index + 1;
        }
        size_t there_len = 0;
        const char *there;
        if (seen >> 32 == tag >> 32 &&
            (there = name_at(ring, (uint32_t)seen, &there_len)) != NULL && there_len == len &&
            memcmp(there, name, len) == 0)
            return index + 1;
    }
    return 0;
}

const char *mlf__ring_name(const struct mlf__ring *ring, mlf__name_id id, size_t *len)
{
    if (id == 0 || id > ring->n_names)
        return NULL;
    uint64_t word = atomic_load_explicit(&ring->names[id - 1].word, memory_order_acquire);
    return word != 0 ? name_at(ring, (uint32_t)word, len) : NULL;
}

int64_t mlf__ring_next_step(struct mlf__ring *ring, mlf__name_id key)
{
    if (key == 0 || key > ring->n_names)
        return 0;
    return atomic_fetch_add_explicit(&ring->names[key - 1].next_step, 1, memory_order_relaxed);
}

/* An adapter is known by its counter: that of the name "adapter/<library>". */
static mlf__name_id adapter_name(struct mlf__ring *ring, const char *library)
{
    char name[64];
    int len = snprintf(name, sizeof(name), "adapter/%s", library);
    return len > 0 && (size_t)len < sizeof(name) ? mlf__ring_intern(ring, name, (size_t)len) : 0;
}

void mlf__ring_set_adapter(struct mlf__ring *ring, const char *library)
{
    mlf__ring_next_step(ring, adapter_name(ring, library));
    atomic_fetch_add_explicit(&ring->header->adapters, 1, memory_order_relaxed);
}

bool mlf__ring_any_adapter(const struct mlf__ring *ring)
{
    return atomic_load_explicit(&ring->header->adapters, memory_order_relaxed) > 0;
}

bool mlf__ring_has_adapter(struct mlf__ring *ring, const char *library)
{
    mlf__name_id id = adapter_name(ring, library);
    return id != 0 &&
           atomic_load_explicit(&ring->names[id - 1].next_step, memory_order_relaxed) > 0;
}

/* ---- claims ---- */

struct claim {
    union ring_any *at;
    uint64_t position;
    uint64_t word; /* as it was claimed */
};

void mlf__ring_raise_head(struct ring_header *header, uint64_t to)
{
    uint64_t head = atomic_load_explicit(&header->head, memory_order_relaxed);
    while (head < to && !atomic_compare_exchange_weak_explicit(
                            &header->head, &head, to, memory_order_release, memory_order_relaxed)) {
    }
}

/* One attempt from |from| (0: the head). False when every cell is in use. */
static bool try_claim(struct mlf__ring *ring, enum ring_state state, uint64_t from,
                      struct claim *out)
{
    struct ring_header *header = ring->header;
    uint64_t position = atomic_load_explicit(&header->head, memory_order_relaxed);
    uint64_t hint = atomic_load_explicit(&ring->hint, memory_order_relaxed);
    if (position < hint)
        position = hint;
    if (position < from)
        position = from;
    uint64_t owner =
        (uint64_t)current_tid(ring) << WORD_TID_SHIFT |
        (uint64_t)atomic_load_explicit(&ring->gen, memory_order_relaxed) << WORD_GEN_SHIFT |
        (uint64_t)atomic_load_explicit(&ring->slot, memory_order_relaxed) << WORD_SLOT_SHIFT;
    for (uint32_t steps = 0; steps < 2 * ring->n_cells; steps++) {
        union ring_any *at = ring_at(ring, position);
        uint64_t lap = ring_lap(ring, position);
        uint64_t word = atomic_load_explicit(&at->cell.word, memory_order_acquire);
        if (word == word_make(CELL_FREE, lap)) {
            uint64_t claimed = word_make(state, lap) | owner;
            if (!atomic_compare_exchange_strong_explicit(
                    &at->cell.word, &word, claimed, memory_order_acquire, memory_order_relaxed))
                continue;
            atomic_store_explicit(&ring->hint, position + 1, memory_order_relaxed);
            if (position % RING_HEAD_STEP == RING_HEAD_STEP - 1)
                mlf__ring_raise_head(header, position + 1);
            *out = (struct claim){at, position, claimed};
            return true;
        }
        bool past = word_lap(word) == ring_lap(ring, position + ring->n_cells);
        if (word_lap(word) != lap && !past)
            return false; /* a lap behind: the ring is full */
        /* Taken, or released already: whoever claimed it died before it raised the head. */
        uint64_t head = atomic_load_explicit(&header->head, memory_order_relaxed);
        position = head > position ? head : position + 1;
    }
    return false;
}

static bool collector_dead(const struct mlf__ring *ring)
{
    struct mlf__proc_id id = ring->header->collector;
    return id.pid != 0 && !mlf__proc_alive(&id);
}

/* Waits for room as |wait| allows; a hook spins, since a nap would be a system call. */
static bool wait_and_claim(struct mlf__ring *ring, enum ring_state state, uint64_t from,
                           enum mlf__ring_wait wait, struct claim *out)
{
    if (wait == MLF__RING_NO_WAIT || (wait == MLF__RING_WAIT_CALL && collector_dead(ring)))
        return false;
    int64_t end = mlf__monotonic_ns() + (wait == MLF__RING_WAIT_HOOK ? WAIT_HOOK_NS : WAIT_CALL_NS);
    do {
        if (wait == MLF__RING_WAIT_CALL) {
            mlf__ring_ring_bell(ring);
            struct timespec nap = {.tv_nsec = NAP_NS};
            nanosleep(&nap, NULL);
        } else {
            for (int i = 0; i < SPIN_LOOK; i++)
                __builtin_ia32_pause();
        }
        if (try_claim(ring, state, from, out))
            return true;
    } while (mlf__monotonic_ns() < end);
    return false;
}

static bool claim(struct mlf__ring *ring, enum ring_state state, uint64_t from,
                  enum mlf__ring_wait wait, struct claim *out)
{
    return try_claim(ring, state, from, out) || wait_and_claim(ring, state, from, wait, out);
}

/* False when the consumer voided the claim meanwhile (the thread had been taken for gone). */
static bool commit(const struct claim *claim)
{
    uint64_t word = claim->word;
    return atomic_compare_exchange_strong_explicit(&claim->at->cell.word, &word,
                                                   word_make(CELL_COMMITTED, word_lap(word)),
                                                   memory_order_release, memory_order_relaxed);
}

/* Is the cell still ours? A thread that lost its claim must not write into what is another's now. */
static bool still_ours(const struct claim *claim)
{
    return atomic_load_explicit(&claim->at->cell.word, memory_order_acquire) == claim->word;
}

/* A claim that will not be filled in is committed as nothing. */
static void abandon(const struct claim *claim)
{
    if (!still_ours(claim))
        return;
    claim->at->cell.kind = MLF__EV_NONE;
    claim->at->cell.text = 0;
    commit(claim);
}

/* Puts up to three texts, one behind the other, into text cells behind |header|. The chain is built
 * front to back: each cell is committed once the next one is claimed. */
struct piece {
    const char *bytes;
    size_t len;
};

static bool put_text(struct mlf__ring *ring, const struct claim *header, const struct piece *pieces,
                     size_t n_pieces, enum mlf__ring_wait wait)
{
    struct claim last = *header, next;
    size_t piece = 0, used = 0;
    bool first = true;
    for (;;) {
        while (piece < n_pieces && used == pieces[piece].len) {
            piece++;
            used = 0;
        }
        if (piece == n_pieces)
            break;
        if (!claim(ring, CELL_CLAIMED_TEXT, last.position + 1, wait, &next)) {
            if (!first)
                abandon(&last);
            return false;
        }
        uint32_t distance = (uint32_t)(next.position - last.position);
        if (first) {
            if (!still_ours(header))
                return false;
            header->at->cell.text = distance;
        } else {
            last.at->text.next = distance;
            if (!commit(&last))
                return false;
        }
        struct ring_text *text = &next.at->text;
        text->kind = MLF__EV_TEXT;
        text->len = 0;
        text->next = 0;
        while (piece < n_pieces && text->len < RING_TEXT_BYTES) {
            size_t n = pieces[piece].len - used;
            if (n > (size_t)(RING_TEXT_BYTES - text->len))
                n = (size_t)(RING_TEXT_BYTES - text->len);
            memcpy(text->bytes + text->len, pieces[piece].bytes + used, n);
            text->len = (uint16_t)(text->len + n);
            used += n;
            if (used == pieces[piece].len) {
                piece++;
                used = 0;
            }
        }
        first = false;
        last = next;
    }
    return first || commit(&last);
}

/* ---- puts ---- */

/* The present time; a metric's is kept in milliseconds, so one read a few microseconds ago will do. */
static int64_t put_time(void)
{
    uint64_t ticks = __builtin_ia32_rdtsc();
    if (ticks - mlf__tls.clock_ticks >= CLOCK_TICKS) {
        mlf__tls.clock_ns = mlf__now_ns();
        mlf__tls.clock_ticks = ticks;
    }
    return mlf__tls.clock_ns;
}

static void fill_in(struct mlf__ring *ring, struct ring_cell *cell,
                    const struct mlf__ring_event *event)
{
    cell->ts_ns = event->ts_ns != 0 ? event->ts_ns : put_time();
    cell->kind = event->kind;
    cell->flags = event->flags;
    cell->key = event->key;
    cell->step = event->step;
    memcpy(&cell->value, &event->value, sizeof(cell->value));
    cell->pid = ring->self.pid;
    cell->tid = mlf__tls.tid;
    cell->run = event->run;
    cell->model = event->model;
    cell->text = 0;
    cell->slot = (uint16_t)atomic_load_explicit(&ring->slot, memory_order_relaxed);
}

static bool may_be_quiet(struct mlf__ring *ring)
{
    struct ring_slot *slot = &ring->slots[atomic_load_explicit(&ring->slot, memory_order_relaxed)];
    return atomic_fetch_add_explicit(&slot->quiet_events, 1, memory_order_relaxed) <
               RING_QUIET_EVENTS &&
           mlf__ring_used(ring) < ring->n_cells / 4;
}

static mlf_status put(struct mlf__ring *ring, const struct mlf__ring_event *event,
                      const struct piece *pieces, size_t n_pieces, enum mlf__ring_wait wait)
{
    if (atomic_load_explicit(&ring->slot, memory_order_acquire) < 0 && !mlf__ring_take_slot(ring))
        return mlf__fail(MLF_ERR_FULL, "%s: too many processes log at once", ring->path);
    /* The collector takes no more: an explicit call goes to its own journal. Looked at after the slot was
     * taken, which keeps the ring from being deleted under an event that is just being put. */
    if (atomic_load_explicit(&ring->header->finishing, memory_order_acquire) != 0)
        return mlf__fail(MLF_ERR_FULL, "%s: the session is over", ring->path);
    if (wait == MLF__RING_NO_WAIT && !may_be_quiet(ring))
        return mlf__fail(MLF_ERR_FULL, "too many files and processes");
    for (;;) {
        struct claim header;
        if (!claim(ring, CELL_CLAIMED, 0, wait, &header))
            return mlf__fail(MLF_ERR_FULL, "%s: the ring is full", ring->path);
        fill_in(ring, &header.at->cell, event);
        if (n_pieces > 0 && !put_text(ring, &header, pieces, n_pieces, wait)) {
            abandon(&header);
            return mlf__fail(MLF_ERR_FULL, "%s: the ring is full", ring->path);
        }
        if (commit(&header)) {
            if (wait == MLF__RING_WAIT_CALL && (header.position & (ring->n_cells / 2 - 1)) == 0)
                mlf__ring_ring_bell(ring);
            return MLF_OK;
        }
    }
}

/* The way of nearly every metric: the cell at the hint is free, and there is no text. False: nothing was
 * put, take the long way. */
static bool put_at_hint(struct mlf__ring *ring, const struct mlf__ring_event *event,
                        enum mlf__ring_wait wait)
{
    int32_t slot = atomic_load_explicit(&ring->slot, memory_order_acquire);
    if (slot < 0 || event->text_len > 0 || wait == MLF__RING_NO_WAIT ||
        atomic_load_explicit(&ring->header->finishing, memory_order_acquire) != 0)
        return false;
    uint64_t position = atomic_load_explicit(&ring->hint, memory_order_relaxed);
    uint64_t word = word_make(CELL_FREE, ring_lap(ring, position));
    uint64_t gen = atomic_load_explicit(&ring->gen, memory_order_relaxed);
    struct claim claim = {.at = ring_at(ring, position), .position = position};
    claim.word = word_make(CELL_CLAIMED, ring_lap(ring, position)) |
                 (uint64_t)current_tid(ring) << WORD_TID_SHIFT | gen << WORD_GEN_SHIFT |
                 (uint64_t)slot << WORD_SLOT_SHIFT;
    struct ring_cell *cell = &claim.at->cell;
    if (!atomic_compare_exchange_strong_explicit(&cell->word, &word, claim.word,
                                                 memory_order_acquire, memory_order_relaxed))
        return false;
    atomic_store_explicit(&ring->hint, position + 1, memory_order_relaxed);
    fill_in(ring, cell, event);
    if (position % RING_HEAD_STEP == RING_HEAD_STEP - 1)
        mlf__ring_raise_head(ring->header, position + 1);
    if (!commit(&claim))
        return false;
    if (wait == MLF__RING_WAIT_CALL && (position & (ring->n_cells / 2 - 1)) == 0)
        mlf__ring_ring_bell(ring);
    return true;
}

mlf_status mlf__ring_put(struct mlf__ring *ring, const struct mlf__ring_event *event,
                         enum mlf__ring_wait wait)
{
    if (put_at_hint(ring, event, wait))
        return MLF_OK;
    struct piece text = {event->text, event->text_len};
    return put(ring, event, &text, event->text_len > 0 ? 1 : 0, wait);
}

mlf_status mlf__ring_put_event(struct mlf__ring *ring, const struct mlf__event *event,
                               enum mlf__ring_wait wait)
{
    size_t key_len = strlen(event->key), run_len = strlen(event->run);
    size_t model_len = strlen(event->model);
    struct mlf__ring_event put_event = {.kind = event->kind,
                                        .flags = event->flags,
                                        .key = mlf__ring_intern(ring, event->key, key_len),
                                        .run = mlf__ring_intern(ring, event->run, run_len),
                                        .model = mlf__ring_intern(ring, event->model, model_len),
                                        .ts_ns = event->ts_ns,
                                        .step = event->step,
                                        .value = event->value};
    bool interned = (put_event.key != 0 || key_len == 0) && (put_event.run != 0 || run_len == 0) &&
                    (put_event.model != 0 || model_len == 0);
    struct piece pieces[] = {{event->key, key_len + 1},
                             {event->run, run_len + 1},
                             {event->model, model_len + 1},
                             {event->text, event->text_len}};
    if (!interned) {
        put_event.flags |= MLF__EVF_SPELLED;
        return put(ring, &put_event, pieces, MLF__ARRAY_LEN(pieces), wait);
    }
    return put(ring, &put_event, pieces + 3, event->text_len > 0 ? 1 : 0, wait);
}
