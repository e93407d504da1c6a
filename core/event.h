/* SPDX-License-Identifier: Apache-2.0 */
/* Events: everything that is ever logged, whoever saw it, is one of these kinds.
 * A ring cell and a journal record are two encodings of the same event. */
#ifndef MLF_CORE_EVENT_H
#define MLF_CORE_EVENT_H

#include "core/fail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The numbers are part of the ring and journal formats: never reuse one. |fields| in a text are
 * separated by NUL and may be empty; a missing field at the end is empty. */
/* clang-format off */
enum mlf__event_kind {
    MLF__EV_NONE = 0,
    MLF__EV_TEXT = 1,         /* ring only: a slot of another cell's text */
    MLF__EV_PROCESS = 2,      /* key: executable path; text: argv, one field each; step: parent pid or,
                                 from the launcher, the pid of the command that is described */
    MLF__EV_EXIT = 3,         /* step: wait status of the process, as waitpid() gives it */
    MLF__EV_RUN_START = 4,    /* run; text: run name, parent run id, experiment name, experiment id; ts:
                                 start time */
    MLF__EV_RUN_END = 5,      /* run; step: mlf_run_status; ts: end time */
    MLF__EV_PARAM = 6,        /* key; value per MLF__EVF_*; flags carry the source */
    MLF__EV_METRIC = 7,       /* key, step, value, ts; model; text: data set's name, digest */
    MLF__EV_TAG = 8,          /* key; text: value */
    MLF__EV_FILE = 9,         /* text: absolute path; flags: MLF__EVF_WRITE */
    MLF__EV_ARTIFACT = 10,    /* text: absolute path, folder, name there ("": its own); MLF__EVF_TAKE */
    MLF__EV_MODEL = 11,       /* model; text: absolute path, name, flavor, flavor version, model type,
                                 details as a JSON object {"params": {}, "tags": {}, "signature": {},
                                 "metadata": {}, "experiment_id" and "experiment_name" without a run};
                                 step; MLF__EVF_TAKE, MLF__EVF_NO_RUN */
    MLF__EV_TRAIN_BEGIN = 12, /* run, model; key: library; text: aliases "c=C g=gamma q=" */
    MLF__EV_TRAIN_END = 13,   /* run, model; key: library; value: seconds */
    MLF__EV_RUN_RESUME = 14,  /* run: one of the store, RUNNING again */
    MLF__EV_TAG_DELETE = 15,  /* key */
    MLF__EV_INPUT = 16,       /* text: name, digest, source type, source, schema, profile, context */
    MLF__EV_TABLE = 17        /* text: absolute path of rows to append, artifact file; model;
                                 MLF__EVF_TAKE */
};

enum mlf__event_flag {
    MLF__EVF_SOURCE_MASK = 0x0f, /* enum mlf__source */
    MLF__EVF_DOUBLE = 0x10,      /* PARAM: |value| holds a double */
    MLF__EVF_INT = 0x20,         /* PARAM: |step| holds an integer */
    MLF__EVF_WRITE = 0x40,       /* FILE: written (else read) */
    MLF__EVF_SPELLED = 0x80,     /* ring only: the names are spelled out before the text */
    MLF__EVF_WAITED = 0x100,     /* RUN_END: by whoever waited for the process, not by the program */
    MLF__EVF_TAKE = 0x200,       /* ARTIFACT, MODEL, TABLE: the file is mlf's own: removed when stored */
    MLF__EVF_NO_RUN = 0x400,     /* MODEL: belongs to no run */
    MLF__EVF_NO_SYSTEM = 0x800,  /* RUN_START, RUN_RESUME: no samples of the machine */
    MLF__EVF_REPLACE = 0x2000,   /* PARAM of source EXPLICIT: takes the place of another value; in a store
                                    that cannot, it is tag mlf.best.<key> */
    MLF__EVF_SPOOLED = 0x1000    /* text: path of a file in the spool that holds the text; removed when
                                    stored */
};
/* clang-format on */

/* Where a value comes from; of several for one param the lowest number wins. */
enum mlf__source {
    MLF__SRC_EXPLICIT = 0,
    MLF__SRC_ADAPTER = 1,
    MLF__SRC_GETOPT = 2,
    MLF__SRC_CMDLINE = 3,
    MLF__SRC_CONFIG = 4,
    MLF__SRC_RECOGNISER = 5
};

/* A decoded event. Strings are borrowed from whoever decoded it; none is NULL ("" = absent). */
struct mlf__event {
    uint16_t kind;  /* enum mlf__event_kind */
    uint16_t flags; /* enum mlf__event_flag */
    int32_t pid;    /* of the process that logged it */
    int32_t tid;
    int64_t ts_ns; /* CLOCK_REALTIME */
    int64_t step;
    double value;
    const char *key;
    const char *run;   /* "" = the session's run */
    const char *model; /* model id or "" */
    const char *text;  /* NUL-terminated behind |text_len| */
    size_t text_len;
};

/* Field |index| of the event's text, "" when it has none. */
MLF__CORE const char *mlf__event_field(const struct mlf__event *event, size_t index);

/* What a session is about: written once into the ring and into every journal, so that either can be
 * settled by somebody who knows nothing else. Fixed size; every text is NUL-terminated. */
enum { MLF__CONFIG_LAUNCHER = 1 }; /* flags: the session belongs to `mlf run` */
struct mlf__config {
    char tracking_uri[2048];    /* relative paths in it are relative to |cwd| */
    char experiment_name[2008]; /* "" = by id */
    char experiment_id[40];     /* "" = by name; both empty = experiment 0 */
    char run_id[40];            /* the session's run */
    char cwd[1024];             /* where the session began */
    int64_t start_ns;           /* CLOCK_REALTIME */
    uint32_t flags;
    uint32_t reserved;
};

#endif
