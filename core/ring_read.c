/* SPDX-License-Identifier: Apache-2.0 */
/* The consumer's half of the ring: reading committed cells in order, past claims that are still open,
 * and releasing what has been stored.
 *
 * THREAD SAFETY NOTES: a reader is used by one thread at a time (the collector's lock); producers go on
 * meanwhile. What is read from the mapping is copied before it is looked at. */
#include "core/compat_glibc.h"
#include "core/ring_layout.h"

#include "core/mem.h"

#include <string.h>

enum { LOOK_AGAIN_NS = 10000000, SUPERSEDED_NS = 1000000000, TEXT_MAX = 4 * 1024 * 1024 };

/* A claim that was open when its cell was passed. */
struct open_claim {
    uint64_t position;
    uint64_t word;
    int64_t since_ns;
    int64_t looked_ns;
    bool superseded; /* its thread has claimed a later cell */
};

struct mlf__ring_reader {
    struct mlf__ring *ring;
    uint64_t next; /* first position not looked at yet */
    struct open_claim *open;
    size_t n_open, cap_open;
    uint64_t lost;
    char **names; /* decoded names, by id - 1; filled in as they are met */
    char *text;
    size_t cap_text;
};

/* Frees the cell of |position| for the next lap. */
static void free_cell(struct mlf__ring *ring, uint64_t position)
{
    atomic_store_explicit(&ring_at(ring, position)->cell.word,
                          word_make(CELL_FREE, ring_lap(ring, position + ring->n_cells)),
                          memory_order_release);
}

/* Frees what a collector that died had released without freeing it. */
static void finish_release(struct mlf__ring *ring, uint64_t tail)
{
    for (uint64_t at = tail > ring->n_cells ? tail - ring->n_cells : 0; at < tail; at++) {
        uint64_t word = atomic_load_explicit(&ring_at(ring, at)->cell.word, memory_order_acquire);
        if (word_lap(word) == ring_lap(ring, at))
            free_cell(ring, at);
    }
}

mlf_status mlf__ring_reader_create(struct mlf__ring *ring, struct mlf__ring_reader **out)
{
    *out = NULL;
    struct mlf__ring_reader *reader = mlf__zalloc(1, sizeof(*reader));
    if (reader == NULL)
        return MLF_ERR_NOMEM;
    reader->names = mlf__zalloc(ring->n_names, sizeof(*reader->names));
    if (reader->names == NULL) {
        mlf__free(reader);
        return MLF_ERR_NOMEM;
    }
    reader->ring = ring;
    reader->next = atomic_load_explicit(&ring->header->tail, memory_order_acquire);
    finish_release(ring, reader->next);
    *out = reader;
    return MLF_OK;
}

void mlf__ring_reader_destroy(struct mlf__ring_reader *reader)
{
    if (reader == NULL)
        return;
    for (uint32_t i = 0; i < reader->ring->n_names; i++)
        mlf__free(reader->names[i]);
    mlf__free(reader->names);
    mlf__free(reader->open);
    mlf__free(reader->text);
    mlf__free(reader);
}

uint64_t mlf__ring_reader_position(const struct mlf__ring_reader *reader)
{
    return reader->next;
}

uint64_t mlf__ring_reader_floor(const struct mlf__ring_reader *reader)
{
    uint64_t floor = reader->next;
    for (size_t i = 0; i < reader->n_open; i++)
        if (reader->open[i].position < floor)
            floor = reader->open[i].position;
    return floor;
}

void mlf__ring_reader_rewind(struct mlf__ring_reader *reader)
{
    reader->next = atomic_load_explicit(&reader->ring->header->tail, memory_order_relaxed);
    reader->n_open = 0;
}

uint64_t mlf__ring_lost(const struct mlf__ring_reader *reader)
{
    return reader->lost;
}

/* ---- decoding ---- */

/* The name |id|, "" for 0; NULL when the table holds none such. */
static const char *decode_name(struct mlf__ring_reader *reader, uint32_t id)
{
    if (id == 0)
        return "";
    if (id > reader->ring->n_names)
        return NULL;
    char **name = &reader->names[id - 1];
    if (*name == NULL) {
        size_t len;
        const char *there = mlf__ring_name(reader->ring, id, &len);
        if (there == NULL || memchr(there, '\0', len) != NULL)
            return NULL;
        *name = mlf__strndup(there, len);
    }
    return *name;
}

/* Collects the text cells that begin |distance| behind |position| into reader->text. */
static bool decode_text(struct mlf__ring_reader *reader, uint64_t position, uint32_t distance,
                        size_t *len)
{
    struct mlf__ring *ring = reader->ring;
    uint64_t span = 0;
    *len = 0;
    while (distance != 0) {
        /* No event is longer than the ring; a forged chain may lead back to its first cell. */
        span += distance;
        if (span >= ring->n_cells)
            return false;
        position += distance;
        struct ring_text text;
        const union ring_any *at = ring_at(ring, position);
        uint64_t word = atomic_load_explicit(&at->text.word, memory_order_acquire);
        memcpy(&text, at, sizeof(text));
        if (word != word_make(CELL_COMMITTED, ring_lap(ring, position)) ||
            text.kind != MLF__EV_TEXT || text.len > RING_TEXT_BYTES || *len > TEXT_MAX)
            return false;
        if (mlf__grow((void **)&reader->text, &reader->cap_text, *len + text.len + 1, 1) != MLF_OK)
            return false;
        memcpy(reader->text + *len, text.bytes, text.len);
        *len += text.len;
        distance = text.next;
    }
    return true;
}

/* Takes the next NUL-terminated name off the front of a spelled-out text. */
static const char *take_spelled(const char **at, const char *end)
{
    const char *name = *at;
    const char *nul = memchr(name, '\0', (size_t)(end - name));
    if (nul == NULL)
        return NULL;
    *at = nul + 1;
    return name;
}

static bool decode(struct mlf__ring_reader *reader, uint64_t position, const struct ring_cell *cell,
                   struct mlf__event *out)
{
    size_t len;
    if (!decode_text(reader, position, cell->text, &len))
        return false;
    if (len == 0 && mlf__grow((void **)&reader->text, &reader->cap_text, 1, 1) != MLF_OK)
        return false;
    reader->text[len] = '\0';
    *out = (struct mlf__event){.kind = cell->kind,
                               .flags = (uint16_t)(cell->flags & ~MLF__EVF_SPELLED),
                               .pid = cell->pid,
                               .tid = cell->tid,
                               .ts_ns = cell->ts_ns,
                               .step = cell->step};
    memcpy(&out->value, &cell->value, sizeof(out->value));
    const char *text = reader->text;
    const char *end = text + len;
    if ((cell->flags & MLF__EVF_SPELLED) != 0) {
        out->key = take_spelled(&text, end);
        out->run = out->key != NULL ? take_spelled(&text, end) : NULL;
        out->model = out->run != NULL ? take_spelled(&text, end) : NULL;
    } else {
        out->key = decode_name(reader, cell->key);
        out->run = decode_name(reader, cell->run);
        out->model = decode_name(reader, cell->model);
    }
    out->text = text;
    out->text_len = (size_t)(end - text);
    return out->key != NULL && out->run != NULL && out->model != NULL;
}

/* Delivers the committed cell at |position|; true when there was an event to deliver. */
static bool deliver(struct mlf__ring_reader *reader, uint64_t position, mlf__ring_fn *fn,
                    void *user, bool *go_on)
{
    struct ring_cell cell;
    memcpy(&cell, ring_at(reader->ring, position), sizeof(cell));
    if (cell.kind == MLF__EV_TEXT || cell.kind == MLF__EV_NONE)
        return false;
    struct mlf__event event;
    if (!decode(reader, position, &cell, &event)) {
        reader->lost++;
        return false;
    }
    *go_on = fn(&event, position, user);
    return true;
}

/* ---- open claims ---- */

static bool same_thread(uint64_t a, uint64_t b)
{
    const uint64_t owner = ~((uint64_t)3 | ~(uint64_t)0 << WORD_LAP_SHIFT);
    return (a & owner) == (b & owner);
}

static void note_superseded(struct mlf__ring_reader *reader, uint64_t later)
{
    for (size_t i = 0; i < reader->n_open; i++)
        if (same_thread(reader->open[i].word, later))
            reader->open[i].superseded = true;
}

/* Is the claim's thread, image or process gone? A paused one is not. */
static bool owner_gone(const struct mlf__ring *ring, uint64_t word)
{
    uint32_t index = (uint32_t)(word >> WORD_SLOT_SHIFT) & WORD_SLOT_MASK;
    uint32_t gen = (uint32_t)(word >> WORD_GEN_SHIFT) & WORD_GEN_MASK;
    int32_t tid = (int32_t)((word >> WORD_TID_SHIFT) & WORD_TID_MASK);
    if (index >= RING_SLOTS)
        return true;
    uint64_t owner = atomic_load_explicit(&ring->slots[index].owner, memory_order_acquire);
    if (slot_gen(owner) != gen)
        return true;
    struct mlf__realm there = ring->header->realm;
    if (mlf__realm_compare(&there) != MLF__REALM_HERE)
        return true; /* whoever merges from elsewhere has made sure that all is over */
    struct mlf__proc_id id = {
        .pid = slot_pid(owner),
        .start_time = atomic_load_explicit(&ring->slots[index].start_time, memory_order_acquire)};
    return !mlf__proc_alive(&id) || !mlf__thread_alive(id.pid, tid);
}

/* Voids the claim: its cell holds nothing. A thread that was only taken for gone finds out at its
 * commit and puts its event again. The claim becomes the consumer's own first, so that the two never
 * write the cell at once; should the consumer die in between, slot 0 of generation 0 is nobody's. */
static bool void_claim(struct mlf__ring *ring, const struct open_claim *claim)
{
    uint64_t word = claim->word, mine = word_make(CELL_CLAIMED, word_lap(word));
    union ring_any *at = ring_at(ring, claim->position);
    if (!atomic_compare_exchange_strong(&at->cell.word, &word, mine))
        return false;
    at->cell.kind = MLF__EV_NONE;
    atomic_store_explicit(&at->cell.word, word_make(CELL_COMMITTED, word_lap(mine)),
                          memory_order_release);
    return true;
}

/* Looks at open claim |i| again: true when it is settled (delivered or void) and can be forgotten. */
static bool settle_claim(struct mlf__ring_reader *reader, size_t i, mlf__ring_fn *fn, void *user,
                         size_t *delivered, bool *go_on)
{
    struct open_claim *claim = &reader->open[i];
    uint64_t word = atomic_load_explicit(&ring_at(reader->ring, claim->position)->cell.word,
                                         memory_order_acquire);
    if (word_state(word) == CELL_COMMITTED) {
        *delivered += deliver(reader, claim->position, fn, user, go_on);
        return true;
    }
    int64_t now = mlf__monotonic_ns();
    if (now - claim->looked_ns < LOOK_AGAIN_NS)
        return false;
    claim->looked_ns = now;
    bool superseded = claim->superseded && now - claim->since_ns > SUPERSEDED_NS;
    if ((!superseded && !owner_gone(reader->ring, claim->word)) || !void_claim(reader->ring, claim))
        return false;
    reader->lost += word_state(claim->word) == CELL_CLAIMED;
    return true;
}

static bool remember_open(struct mlf__ring_reader *reader, uint64_t position, uint64_t word)
{
    if (mlf__grow((void **)&reader->open, &reader->cap_open, reader->n_open + 1,
                  sizeof(*reader->open)) != MLF_OK)
        return false;
    int64_t now = mlf__monotonic_ns();
    reader->open[reader->n_open++] =
        (struct open_claim){.position = position, .word = word, .since_ns = now};
    return true;
}

/* ---- reading and releasing ---- */

size_t mlf__ring_read(struct mlf__ring_reader *reader, size_t max, mlf__ring_fn *fn, void *user)
{
    struct mlf__ring *ring = reader->ring;
    size_t delivered = 0;
    bool go_on = true;
    for (size_t i = 0; i < reader->n_open && delivered < max && go_on;) {
        if (settle_claim(reader, i, fn, user, &delivered, &go_on))
            memmove(&reader->open[i], &reader->open[i + 1],
                    (--reader->n_open - i) * sizeof(*reader->open));
        else
            i++;
    }
    uint64_t tail = atomic_load_explicit(&ring->header->tail, memory_order_relaxed);
    while (delivered < max && go_on && reader->next - tail < ring->n_cells) {
        uint64_t word =
            atomic_load_explicit(&ring_at(ring, reader->next)->cell.word, memory_order_acquire);
        if (word_lap(word) != ring_lap(ring, reader->next) || word_state(word) == CELL_FREE)
            break;
        if (word_state(word) == CELL_COMMITTED) {
            delivered += deliver(reader, reader->next, fn, user, &go_on);
        } else {
            if (word_state(word) == CELL_CLAIMED)
                note_superseded(reader, word);
            if (!remember_open(reader, reader->next, word))
                break;
        }
        reader->next++;
    }
    /* A claim's owner may have died before it raised the head. */
    mlf__ring_raise_head(ring->header, reader->next);
    return delivered;
}

void mlf__ring_release(struct mlf__ring_reader *reader, uint64_t position)
{
    struct mlf__ring *ring = reader->ring;
    uint64_t floor = mlf__ring_reader_floor(reader);
    uint64_t limit = position < floor ? position : floor;
    uint64_t tail = atomic_load_explicit(&ring->header->tail, memory_order_relaxed);
    if (limit <= tail)
        return;
    if (limit - tail > ring->n_cells) /* somebody has put the tail back */
        tail = limit - ring->n_cells;
    /* The tail moves first: should the collector die in here, cells are left behind it that nobody has
     * freed, and its successor frees them (finish_release). The other way round they would look like
     * the end of the events. */
    atomic_store_explicit(&ring->header->tail, limit, memory_order_release);
    for (uint64_t at = tail; at < limit; at++)
        free_cell(ring, at);
}
