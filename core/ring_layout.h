/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of the ring file (docs/design/ring.md), private to ring.c, ring_put.c and ring_read.c.
 * Everything read from the mapping is untrusted: any process of the user can write it. */
#ifndef MLF_CORE_RING_LAYOUT_H
#define MLF_CORE_RING_LAYOUT_H

#include "core/ring.h"

#include <stdatomic.h>

#define MLF__RING_MAGIC "MLFRING"

enum {
    RING_SLOTS = 256,
    RING_CELLS = 65536,
    RING_NAMES = 16384,
    RING_NAME_TEXT = 512 * 1024,
    RING_SMALL_DIVISOR = 4,
    RING_NAME_MAX = 1024, /* bytes of an interned name */
    RING_NAME_PROBES = 64,
    RING_TEXT_BYTES = 48,    /* of one text cell */
    RING_QUIET_EVENTS = 200, /* file and process events of one process */
    RING_ERROR_SIZE = 512,
    RING_HEAD_STEP = 16 /* the header's head is raised at every 16th claim */
};

/* A cell's word: state in bits 0-1, then the claim's thread id (22 bits), exec generation (10) and
 * process slot (10), and the lap in bits 44-63. Free and committed words have no claim. */
enum ring_state { CELL_FREE = 0, CELL_CLAIMED = 1, CELL_COMMITTED = 2, CELL_CLAIMED_TEXT = 3 };
enum { WORD_TID_SHIFT = 2, WORD_GEN_SHIFT = 24, WORD_SLOT_SHIFT = 34, WORD_LAP_SHIFT = 44 };
enum { WORD_TID_MASK = 0x3fffff, WORD_GEN_MASK = 0x3ff, WORD_SLOT_MASK = 0x3ff };

struct ring_cell {
    _Atomic uint64_t word;
    uint16_t kind;
    uint16_t flags;
    uint32_t key;
    int64_t ts_ns;
    int64_t step;
    uint64_t value; /* bits of a double: copied as an integer, so that no trap is ever raised */
    int32_t pid;
    int32_t tid;
    uint32_t run;
    uint32_t model;
    uint32_t text; /* distance to the first text cell; 0: no text */
    uint16_t slot;
    uint16_t spare;
};
struct ring_text {
    _Atomic uint64_t word;
    uint16_t kind; /* MLF__EV_TEXT, where a ring_cell has its kind */
    uint16_t len;
    uint32_t next; /* distance from this cell to the next; 0: the last */
    char bytes[RING_TEXT_BYTES];
};
union ring_any {
    struct ring_cell cell;
    struct ring_text text;
};
_Static_assert(sizeof(struct ring_cell) == 64 && sizeof(struct ring_text) == 64,
               "cells are 64 bytes");

/* |owner|: pid in bits 0-30, bit 31 while the slot is being taken, generation above. */
struct ring_slot {
    _Atomic uint64_t owner;
    _Atomic uint64_t start_time;
    _Atomic uint32_t quiet_events;
    uint32_t reserved[11];
};
#define SLOT_TAKING 0x80000000u
static inline int32_t slot_pid(uint64_t owner)
{
    return (int32_t)(owner & 0x7fffffffu);
}
static inline uint32_t slot_gen(uint64_t owner)
{
    return (uint32_t)(owner >> 32);
}

/* |word|: hash above, offset of the text record in the name text below; 0 = empty. */
struct ring_name {
    _Atomic uint64_t word;
    _Atomic int64_t next_step;
};

struct ring_header {
    char magic[8];
    uint32_t abi;
    uint32_t n_cells;
    uint32_t n_names;
    uint32_t name_text_size;
    uint64_t file_size;
    struct mlf__realm realm;
    struct mlf__config config;
    struct mlf__proc_id owner;
    struct mlf__proc_id collector;
    struct mlf__proc_id command; /* what `mlf run` started; it may never log */
    char error[RING_ERROR_SIZE];
    _Atomic uint32_t error_seq; /* odd while the text is written */

    _Alignas(64) _Atomic uint64_t head; /* a hint: never behind what has returned */
    _Alignas(64) _Atomic uint64_t tail; /* cells below are free */
    _Atomic uint64_t settled;           /* events below are stored */
    _Atomic uint32_t settled_bell;      /* futex: raised with |settled| */
    _Alignas(64) _Atomic uint32_t bell; /* futex: a producer wants attention */
    _Atomic uint64_t drops;
    _Atomic uint32_t finishing;      /* the collector only finishes its own work */
    _Atomic uint32_t adapters;       /* calls of mlf__ring_set_adapter */
    struct mlf__trainings trainings; /* of the session's run */
    _Atomic uint32_t name_text_used;
};

struct mlf__ring {
    struct ring_header *header;
    struct ring_slot *slots;
    struct ring_name *names;
    char *name_text;
    union ring_any *cells;
    uint32_t n_cells, n_names, name_text_size; /* checked copies: the mapping may change under us */
    size_t map_size;
    int fd; /* kept for the lock by consumers; -1 in producers */
    struct mlf__proc_id self;
    _Atomic int32_t slot; /* this process's, -1 before its first event */
    _Atomic uint32_t gen;
    _Atomic uint32_t taking; /* a thread of this process is taking the slot */
    _Atomic uint64_t hint;   /* where this process's next claim looks first */
    _Atomic uint32_t epoch;  /* of cached thread ids; raised by fork */
    struct mlf__config config;
    char path[1024];
};

static inline uint64_t word_make(enum ring_state state, uint64_t lap)
{
    return (uint64_t)state | lap << WORD_LAP_SHIFT;
}
static inline uint64_t word_lap(uint64_t word)
{
    return word >> WORD_LAP_SHIFT;
}
static inline enum ring_state word_state(uint64_t word)
{
    return (enum ring_state)(word & 3);
}
/* The lap of a position, as its cell's word holds it. */
static inline uint64_t ring_lap(const struct mlf__ring *ring, uint64_t position)
{
    return position >> __builtin_ctz(ring->n_cells) & 0xfffff;
}
static inline union ring_any *ring_at(const struct mlf__ring *ring, uint64_t position)
{
    return &ring->cells[position & (ring->n_cells - 1)];
}

/* The interned name |id|, NULL when there is none; |*len| bytes and a NUL. Owned by the mapping. */
const char *mlf__ring_name(const struct mlf__ring *ring, mlf__name_id id, size_t *len);

/* Makes the head at least |to|. */
void mlf__ring_raise_head(struct ring_header *header, uint64_t to);

/* Takes a slot for this process; false when all belong to living ones. */
bool mlf__ring_take_slot(struct mlf__ring *ring);

/* Waits on / wakes a futex shared between processes. |timeout_ms| < 0: no end. */
void mlf__futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t timeout_ms);
void mlf__futex_wake(_Atomic uint32_t *word);

#endif
