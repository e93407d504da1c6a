/* SPDX-License-Identifier: Apache-2.0 */
/* The session: this process's one link to where its events go. Hooks and API share it.
 *
 * Under `mlf run` the session is the launcher's ring, named by MLF_SESSION. Without a launcher it is
 * dormant until the first event, which makes a ring and starts `mlf collect`; where that is impossible,
 * or with MLF_OFFLINE=1, events go to a journal of this process. With MLF_OFF=1 it is off for good. */
#ifndef MLF_CORE_SESSION_H
#define MLF_CORE_SESSION_H

#include "core/event.h"
#include "core/ring.h"
#include "core/spool.h"

enum mlf__session_state {
    MLF__SESSION_UNSET,
    MLF__SESSION_OFF,      /* MLF_OFF, or a ring of another ABI or another user */
    MLF__SESSION_DORMANT,  /* no launcher, nothing logged yet: no file, no process */
    MLF__SESSION_STARTING, /* one thread is starting it; others wait, hooks pass */
    MLF__SESSION_RING,
    MLF__SESSION_JOURNAL,
    MLF__SESSION_FAILED /* begun, but there is no place for a ring or journal: calls say why */
};

/* Reads the environment, once; attaches to the launcher's ring when there is one. Cheap and silent.
 * Called by constructors and by every entry of the API. */
MLF__CORE enum mlf__session_state mlf__session_init(void);

/* Where a session that begins in this process will log; NULL members keep what was set before, then
 * the environment, then the defaults. MLF_ERR_STATE when the session has begun with something else. */
MLF__CORE mlf_status mlf__session_configure(const char *tracking_uri, const char *experiment_name);

/* Fills in what |config| leaves open, from the environment and the defaults, and a new run id, the
 * current directory and the time. */
MLF__CORE void mlf__config_defaults(struct mlf__config *config);

/* Makes the session take events: begins a dormant one, and records this process once. MLF_ERR_OFF when
 * there is none, MLF_ERR_IO with the reason when nothing can be written anywhere. Cheap when everything is done already. */
MLF__CORE mlf_status mlf__session_begin(void);

/* The ring, NULL when the session has none (off, dormant, journal). */
MLF__CORE struct mlf__ring *mlf__session_ring(void);
/* What the session is about; NULL before it has begun. */
MLF__CORE const struct mlf__config *mlf__session_config(void);
/* Does this process have one of several runs of its session (MLF_RUN)? Events without a run go there, and
 * mlf__session_config() names it as the run. */
MLF__CORE bool mlf__session_has_own_run(void);
/* True when `mlf run` or `mlf tune` owns the session. */
MLF__CORE bool mlf__session_has_launcher(void);

/* Logs an event. A dormant session begins with it, except with MLF__RING_NO_WAIT (files and processes):
 * that is MLF_ERR_STATE. Pid, tid and, when 0, the time are filled in. With MLF__RING_WAIT_CALL an event
 * that finds no room goes to this process's journal; else it is dropped and counted. A text that would
 * crowd the ring goes there through a file in the spool (MLF__EVF_SPOOLED). */
MLF__CORE mlf_status mlf__session_emit(const struct mlf__event *event, enum mlf__ring_wait wait);

/* Path of a new file or folder of the spool, as mlf__spool_take_path gives it. */
MLF__CORE mlf_status mlf__session_take_path(char out[MLF__PATH_SIZE]);
/* Writes |len| bytes into a new file of the spool, to be handed over with MLF__EVF_TAKE: its path to |out|. An event
 * that will not come leaves the file to whoever settles the session. */
MLF__CORE mlf_status mlf__session_take_file(const void *data, size_t len, char out[MLF__PATH_SIZE]);

/* Waits until everything logged so far is stored. MLF_ERR_TIMEOUT, or the collector's error. */
MLF__CORE mlf_status mlf__session_flush(int64_t timeout_ms);

/* ---- the guard of hooks (initial-exec thread-local, see docs/design/locking.md) ---- */

/* Enters a hook: false when this thread is inside one already or mlf itself is calling: then pass straight
 * through and do not leave. errno is untouched. */
MLF__CORE bool mlf__guard_enter(void);
/* The same for an explicit call that opens files of its own (a store, artifacts): hooks do not see them, but
 * error texts are kept. */
MLF__CORE bool mlf__guard_enter_call(void);
MLF__CORE void mlf__guard_leave(void);
/* Depth of the training calls of this thread (a library's outermost call has depth 1). */
MLF__CORE int *mlf__guard_training_depth(void);

/* ---- adapters: a training and what belongs to it ---- */

/* A run of this process that trainings may log into, with what they have put there. */
struct mlf__training_run {
    const char *id;
    struct mlf__trainings trainings;
    uint32_t
        forks; /* of the process that started it, plus 1: a child's trainings are no part of it */
    _Atomic bool ended; /* set by whoever ends the run */
};
/* The run of the calling thread's trainings from now on; NULL: the session's. It lives until the process ends. */
MLF__CORE void mlf__training_set_run(struct mlf__training_run *run);

struct mlf__training {
    char run_id[MLF__ID_SIZE];   /* the run it logs into */
    char model_id[MLF__ID_SIZE]; /* the model that is being trained */
    mlf__name_id run, model;     /* the same, interned; 0 without a ring */
    int64_t begin_ns;            /* monotonic */
};

/* Begins a training of |library| ("libsvm"): decides its run (the thread's, or a child of it), emits TRAIN_BEGIN (and RUN_START for a run
 * of its own, named training_N). |params_hash| is over all params that will be logged, |metric_bits| one bit per
 * metric key; |aliases| "c=C g=gamma q=" as in MLF__EV_TRAIN_BEGIN. False when it cannot be logged. */
MLF__CORE bool mlf__training_begin(struct mlf__training *training, const char *library,
                                   const char *aliases, uint64_t params_hash, uint64_t metric_bits);
MLF__CORE void mlf__training_param(const struct mlf__training *training, const char *key,
                                   double value);
MLF__CORE void mlf__training_param_int(const struct mlf__training *training, const char *key,
                                       int64_t value);
MLF__CORE void mlf__training_param_text(const struct mlf__training *training, const char *key,
                                        const char *value);
/* |step| < 0: the key's next implied step within the training's run, from 0. */
MLF__CORE void mlf__training_metric(const struct mlf__training *training, const char *key,
                                    double value, int64_t step);
/* The model was saved to |path|. */
MLF__CORE void mlf__training_model(const struct mlf__training *training, const char *path,
                                   const char *flavor, const char *version);
MLF__CORE void mlf__training_end(const struct mlf__training *training, const char *library);

#endif
