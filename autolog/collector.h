/* SPDX-License-Identifier: Apache-2.0 */
/* The collector: moves a session's events from its ring into its store.
 * A writer thread applies events in batches, one transaction each; a drain thread empties the ring into
 * the spill journal when the store lags. Threads and locks: docs/design/locking.md. */
#ifndef MLF_AUTOLOG_COLLECTOR_H
#define MLF_AUTOLOG_COLLECTOR_H

#include "core/ring.h"

struct mlf__collector;

/* What a session came to, for the summary. Strings are owned; free with mlf__summary_free. */
struct mlf__summary {
    char run_id[MLF__ID_SIZE];
    char *store;         /* the store's URI without credentials */
    char *error;         /* NULL, or the first error that kept something out of the store */
    char *error_journal; /* NULL, or where what could not be stored lies */
    int status;          /* mlf_run_status */
    size_t n_params, n_metrics, n_models, n_inputs; /* metrics: distinct keys */
    uint64_t dropped;                               /* events that found no room */
};
void mlf__summary_free(struct mlf__summary *summary);

/* Begins collecting: |ring| is locked by the caller (mlf__ring_lock, mlf__ring_set_collector) and
 * outlives the collector. Nothing waits for the store: it is opened by the writer thread, and while it
 * cannot be written events go to the spill journal. */
mlf_status mlf__collector_start(struct mlf__ring *ring, struct mlf__collector **out);

/* Names the command: the root of the processes whose use of the machine is sampled. */
void mlf__collector_watch(struct mlf__collector *collector, int32_t pid);

/* A METRIC event that was read: of |run_id| ("" = the session's run), source as enum mlf__source. Called by a
 * thread of the collector or by mlf__collector_catch_up, under its lock: |fn| returns soon and calls nothing of the
 * collector. */
typedef void mlf__collector_tap_fn(const char *run_id, const char *key, double value, int64_t step,
                                   int source, void *user);
/* Gives every metric that is put from now on to |fn| (NULL: no longer), each once, at the latest when it leaves the
 * ring, and whether the store can be written or not. Called once, before anything is put. MLF_ERR_NOMEM. */
mlf_status mlf__collector_tap(struct mlf__collector *collector, mlf__collector_tap_fn *fn,
                              void *user);
/* Gives the tap everything that has been put so far, in the calling thread; an event that is just being put is waited
 * for, |timeout_ms| at most (0: not at all): MLF_ERR_TIMEOUT then. Cheap when there is nothing new, and it waits for no store. */
mlf_status mlf__collector_catch_up(struct mlf__collector *collector, int64_t timeout_ms);

/* Ends the collection: every event that was put so far, held params and the producers' own journals
 * are stored, the session's run ends as |status| at |end_ns| (an explicit FAILED or KILLED of the
 * program is kept; 0 = as the exit record tells), the store is closed. When all is stored
 * the ring and its journals are deleted; else they stay for `mlf sync`. At most |timeout_ms| for a
 * store that cannot be written. */
mlf_status mlf__collector_finish(struct mlf__collector *collector, int status, int64_t end_ns,
                                 int64_t timeout_ms, struct mlf__summary *out);

/* `mlf collect --ring PATH`: the collector of a program without a launcher. Lets go of terminal, directory and
 * descriptors first. Returns when the program and every child that logged are gone and everything is
 * stored. */
mlf_status mlf__collect(const char *ring_path);

/* ---- orphans ---- */

struct mlf__sync_options {
    const char *tracking_uri; /* only what belongs to this store (absolute); NULL: everything */
    bool wait; /* wait for live collectors whose producers are dead, while they advance */
    /* A process whose sessions are to be whole in the store (NULL: none): while one has processes, but nobody who collects
     * what they log, it is one that waits. */
    const struct mlf__proc_id *maker;
    bool list_only;
    int64_t stale_ms; /* > 0: also what comes from elsewhere and was untouched that long */
    void (*message)(const char *text, void *user); /* a line for people; may be NULL */
    void *user;
};
struct mlf__sync_result {
    size_t merged;     /* rings and journals settled and deleted */
    size_t waiting;    /* live collectors that did not finish */
    size_t alive;      /* left alone: their program still runs */
    size_t failed;     /* could not be merged; said by |message| */
    size_t unreadable; /* of these, files that do not say which store they belong to */
    char reason[256];  /* why one is still waiting or could not be merged; "": none is */
};
/* Merges the rings and journals left behind into their stores. */
MLF__CORE mlf_status mlf__sync(const struct mlf__sync_options *options,
                               struct mlf__sync_result *out);

#endif
