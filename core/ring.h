/* SPDX-License-Identifier: Apache-2.0 */
/* The ring: shared memory in which many producers (the program, its children, the launcher) leave
 * events for one consumer (the collector). Byte layout and rules: docs/design/ring.md.
 *
 * A file of fixed size: header, process slots, intern table and its text, then the cells. Producers
 * never lock and never allocate. A metric is one 64-byte cell; text goes into further cells. What was
 * committed survives any death of the producer. The consumer releases cells after it has stored them.
 *
 * Producers may call from any thread. Consumer functions are for whoever holds the ring's lock. */
#ifndef MLF_CORE_RING_H
#define MLF_CORE_RING_H

#include "core/event.h"
#include "core/sys.h"

struct mlf__ring;

enum { MLF__RING_ABI = 1 };

/* ---- making and mapping ---- */

/* Creates the ring file |path| (mode 0600), of 4 MiB of cells, or a quarter of that when |small|; all blocks
 * are allocated. The caller has the first slot and, when |lock|, the consumer's lock before the name
 * appears, so that nobody takes the ring for an orphan. MLF_ERR_FULL when the file system has no room: then
 * nothing is left behind. */
MLF__CORE mlf_status mlf__ring_create(const char *path, const struct mlf__config *config,
                                      bool small, bool lock, struct mlf__ring **out);
/* Maps an existing ring. Its owner, mode, size, magic and ABI are checked and symbolic links refused;
 * MLF_ERR_UNSUPPORTED for another ABI, MLF_ERR_CORRUPT for anything that is no ring. */
MLF__CORE mlf_status mlf__ring_attach(const char *path, struct mlf__ring **out);
MLF__CORE void mlf__ring_detach(struct mlf__ring *ring); /* NULL is fine; the file stays */

MLF__CORE const char *mlf__ring_path(const struct mlf__ring *ring);
MLF__CORE const struct mlf__config *mlf__ring_config(const struct mlf__ring *ring);
/* Closes the file descriptor of the mapping: producers keep none, consumers need theirs for the lock. */
MLF__CORE void mlf__ring_close_file(struct mlf__ring *ring);

/* Where the ring was made. */
MLF__CORE struct mlf__realm mlf__ring_realm(const struct mlf__ring *ring);

/* ---- producers ---- */

/* An interned name: a key, a run id, a model id. 0 = none. */
typedef uint32_t mlf__name_id;

/* The id of |name|, entered when new. 0 when the table is full (then the name travels with the event)
 * or |len| is 0. */
MLF__CORE mlf__name_id mlf__ring_intern(struct mlf__ring *ring, const char *name, size_t len);
/* The next implied step of a key: 0, 1, 2 …; lives in the mapping. */
MLF__CORE int64_t mlf__ring_next_step(struct mlf__ring *ring, mlf__name_id key);

/* How long a producer waits for room. */
enum mlf__ring_wait {
    MLF__RING_NO_WAIT,   /* file and process events: also refused above a quarter of the ring */
    MLF__RING_WAIT_HOOK, /* 1 ms, by spinning: no system call */
    MLF__RING_WAIT_CALL  /* 100 ms, sleeping; not at all when the collector is dead */
};

/* What a producer hands in, its names interned. */
struct mlf__ring_event {
    uint16_t kind, flags;
    mlf__name_id key, run, model;
    int64_t ts_ns; /* 0 = now */
    int64_t step;
    double value;
    const char *text;
    size_t text_len;
};

/* Puts an event of the calling thread. The process takes a slot with its first one. MLF_ERR_FULL
 * when there was no room in time: the caller counts it as dropped (mlf__ring_count_drop) or puts it
 * into a journal. */
MLF__CORE mlf_status mlf__ring_put(struct mlf__ring *ring, const struct mlf__ring_event *event,
                                   enum mlf__ring_wait wait);
/* The same for an event whose names are texts; they are interned, or spelled out when that fails. */
MLF__CORE mlf_status mlf__ring_put_event(struct mlf__ring *ring, const struct mlf__event *event,
                                         enum mlf__ring_wait wait);
MLF__CORE void mlf__ring_count_drop(struct mlf__ring *ring);
MLF__CORE uint64_t mlf__ring_drops(const struct mlf__ring *ring);

/* After fork, in the child: the process is a new one and takes its own slot with its next event. */
MLF__CORE void mlf__ring_after_fork(struct mlf__ring *ring);

/* Says that |library| ("libsvm") is loaded in a process of this session and that its adapter will see the
 * trainings; and asks for it. Called by the hooks' constructor and at every training. */
MLF__CORE void mlf__ring_set_adapter(struct mlf__ring *ring, const char *library);
MLF__CORE bool mlf__ring_has_adapter(struct mlf__ring *ring, const char *library);
MLF__CORE bool mlf__ring_any_adapter(const struct mlf__ring *ring);

/* The trainings that a run has had. Zeroed before the first. */
struct mlf__trainings {
    _Atomic uint64_t first_params; /* hash of the first one's params */
    _Atomic uint64_t metric_bits;  /* of the metric keys that are taken */
    _Atomic uint32_t count;
};
/* Counts a training that begins, with the hash of its params and the bits of the metric keys that it
 * will log. 1: it belongs to the run itself; n > 1: it is the run's n-th and needs a run of its own, since its
 * params differ from the first's or its metrics are there already. */
MLF__CORE uint32_t mlf__trainings_begin(struct mlf__trainings *trainings, uint64_t params_hash,
                                        uint64_t metric_bits);
/* The same for run |run_id| of a session with several, common to the run's processes; 0 when there is no room to count. */
MLF__CORE uint32_t mlf__ring_run_training(struct mlf__ring *ring, const char *run_id,
                                          uint64_t params_hash, uint64_t metric_bits);
/* Those of the session's run, common to all its processes. */
MLF__CORE struct mlf__trainings *mlf__ring_trainings(struct mlf__ring *ring);

/* ---- waiting for the collector ---- */

/* Position behind all events put so far. */
MLF__CORE uint64_t mlf__ring_head(const struct mlf__ring *ring);
/* Everything before this position is stored. */
MLF__CORE uint64_t mlf__ring_settled(const struct mlf__ring *ring);
/* Waits until the collector has stored everything before |position|: MLF_ERR_TIMEOUT, or
 * MLF_ERR_STATE at once when the collector is dead. */
MLF__CORE mlf_status mlf__ring_wait_settled(struct mlf__ring *ring, uint64_t position,
                                            int64_t timeout_ms);
/* The collector's last store error, "" when it has none. Copied to |out|. */
MLF__CORE void mlf__ring_error(const struct mlf__ring *ring, char *out, size_t size);

/* ---- consumer ---- */

/* Takes the ring's lock (an OFD lock, kept until detach). MLF_ERR_BUSY when a collector has it. */
MLF__CORE mlf_status mlf__ring_lock(struct mlf__ring *ring);
/* A sign of life: the file's time of change, which `mlf sync --stale` goes by. */
MLF__CORE void mlf__ring_touch(struct mlf__ring *ring);
/* Records the caller as the collector. */
MLF__CORE void mlf__ring_set_collector(struct mlf__ring *ring);
/* The collector's identity; false when none was recorded. */
MLF__CORE bool mlf__ring_collector(const struct mlf__ring *ring, struct mlf__proc_id *out);

/* Reads the next committed events from |*position| on, which moves. Calls |fn| for each, in order,
 * with the cell's position; |fn| returns false to stop after that event. Void claims are skipped, open
 * ones are passed and remembered: their events come with a later call. Returns the number delivered.
 * The event's texts are valid during the call only. */
struct mlf__ring_reader; /* remembers the position and the open claims */
typedef bool mlf__ring_fn(const struct mlf__event *event, uint64_t position, void *user);
MLF__CORE mlf_status mlf__ring_reader_create(struct mlf__ring *ring, struct mlf__ring_reader **out);
MLF__CORE void mlf__ring_reader_destroy(struct mlf__ring_reader *reader);
MLF__CORE size_t mlf__ring_read(struct mlf__ring_reader *reader, size_t max, mlf__ring_fn *fn,
                                void *user);
/* Back to the tail: everything that is not released is delivered again. */
MLF__CORE void mlf__ring_reader_rewind(struct mlf__ring_reader *reader);
/* Everything delivered so far and before |position| is stored: frees the cells up to the first that
 * is still claimed or not delivered, and wakes who waits for them. */
MLF__CORE void mlf__ring_release(struct mlf__ring_reader *reader, uint64_t position);
/* Tells waiting producers that everything before |position| is stored (held params excepted). */
MLF__CORE void mlf__ring_settle(struct mlf__ring *ring, uint64_t position);
/* Position of the next cell to read; the first position not delivered yet, which lies before it while a
 * claim is open; the ring's cells in use (head - tail) and in all. */
MLF__CORE uint64_t mlf__ring_reader_position(const struct mlf__ring_reader *reader);
MLF__CORE uint64_t mlf__ring_reader_floor(const struct mlf__ring_reader *reader);
MLF__CORE size_t mlf__ring_used(const struct mlf__ring *ring);
MLF__CORE size_t mlf__ring_capacity(const struct mlf__ring *ring);
MLF__CORE uint64_t mlf__ring_lost(const struct mlf__ring_reader *reader); /* void claims skipped */

/* Sleeps until a producer rings the bell (a flush, an end, a half-full ring) or |timeout_ms|: |bell| is
 * what mlf__ring_bell said before the caller looked at the ring for the last time. */
MLF__CORE uint32_t mlf__ring_bell(const struct mlf__ring *ring);
MLF__CORE void mlf__ring_sleep(struct mlf__ring *ring, uint32_t bell, int64_t timeout_ms);
MLF__CORE void mlf__ring_ring_bell(struct mlf__ring *ring);
MLF__CORE void mlf__ring_set_error(struct mlf__ring *ring, const char *text);

/* The process that made the ring. */
MLF__CORE struct mlf__proc_id mlf__ring_owner(const struct mlf__ring *ring);
/* Names the command that the launcher started: while it lives the session is no orphan. */
MLF__CORE void mlf__ring_set_command(struct mlf__ring *ring, pid_t pid);
/* Number of living processes that have a slot or are the command (of this boot and namespace). */
MLF__CORE size_t mlf__ring_living(const struct mlf__ring *ring);
/* Is one of them just leaving (mlf__proc_leaving)? */
MLF__CORE bool mlf__ring_leaving(const struct mlf__ring *ring);
/* Says that the collector is finishing: all that is left is its own work. */
MLF__CORE void mlf__ring_set_finishing(struct mlf__ring *ring);
/* Is there a collector but nobody to log: is all that is left the collector's own work? */
MLF__CORE bool mlf__ring_producers_dead(const struct mlf__ring *ring);
/* Is no process alive that has a slot? False as well when the ring comes from another boot's or
 * namespace's processes, about which nothing can be known (|*elsewhere| is set then). */
MLF__CORE bool mlf__ring_all_dead(const struct mlf__ring *ring, bool *elsewhere);

#endif
