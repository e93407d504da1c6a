/* SPDX-License-Identifier: Apache-2.0 */
/* What the collector's observer found, on its way into the store: system metrics and the environment of the
 * run that is active, the session's before others; never of a run inside another. For the thread that applies
 * events; there is none where journals are merged later. */
#ifndef MLF_AUTOLOG_WATCH_H
#define MLF_AUTOLOG_WATCH_H

#include "autolog/apply.h"
#include "autolog/identity.h"
#include "autolog/observer.h"

enum { MLF__WATCH_KEY_SIZE = 272 };

struct mlf__watch {
    struct mlf__observer *observer;
    bool samples;              /* system metrics are wanted */
    char run_id[MLF__ID_SIZE]; /* the run that they belong to; "": none yet */
    int64_t retry_ns;          /* monotonic: not before then, after trouble with the store */
    bool has_step;             /* |step| waits to be written */
    bool wrote_step, knows_next_step, requested;
    int64_t next_step;
    struct mlf__system_sample step;
    char keys[MLF__SYSTEM_VALUES][MLF__WATCH_KEY_SIZE]; /* of the step that is being written */
    bool asked_git;
    struct mlf__git git;
    struct mlf__git_status git_status;
    char *written; /* the environment that this run has as an artifact; NULL: none */
    char *last;    /* the environment as it was at the end */
};

/* Begins to watch; without memory or threads |apply->watch| stays NULL and nothing is watched. */
void mlf__watch_start(struct mlf__apply *apply);
/* Names the root of the processes that are watched. */
void mlf__watch_process(struct mlf__apply *apply, int32_t pid);
/* Writes what is due: steps of system metrics while the run is active (one at least, also when it is over
 * already) and, once the program has begun, its environment. Trouble is left for the next time. */
void mlf__watch_store(struct mlf__apply *apply);
/* Would mlf__watch_store have something to do? */
bool mlf__watch_is_due(const struct mlf__apply *apply);
/* The session has ended: makes the last step, and the environment as it was at the end. */
void mlf__watch_stop(struct mlf__apply *apply);
/* What is left of steps and tags, inside the last transaction. */
mlf_status mlf__watch_finish(struct mlf__apply *apply);
/* The environment of each run as artifact mlf/environment.json, behind the last transaction. */
mlf_status mlf__watch_finish_files(struct mlf__apply *apply);
void mlf__watch_free(struct mlf__apply *apply);

#endif
