/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files study_log*.c: the log itself, who owns a study, and reading it. */
#ifndef MLF_TUNER_STUDY_LOG_PARTS_H
#define MLF_TUNER_STUDY_LOG_PARTS_H

#include "core/sys.h"
#include "tuner/study_log_format.h"

/* ---- the log ---- */

struct mlf__study_owner;

struct mlf__study_log {
    mlf_study *study;
    const struct mlf__study_sink *sink; /* NULL: the session */
    mlf_run *run;
    char run_id[MLF__ID_SIZE];
    char *experiment;    /* name, of the trials' runs; NULL: the session's, or by id */
    char *experiment_id; /* NULL: by name */
    struct mlf__study_owner *owner;
    int32_t pid; /* a forked child's copy does nothing */
    /* Of the history's names and distributions: how many are in the store, and from where the last tag begins. */
    size_t n_names, n_dists, first_name, first_dist, n_spaces;
    char best_run[33]; /* whose params the parent has; "": nobody's */
};

mlf_status mlf__study_log_new(mlf_study *study, const struct mlf__study_sink *sink,
                              struct mlf__study_log **out);
/* Frees the memory, and lets go of the study. */
void mlf__study_log_drop(struct mlf__study_log *log);
/* Logs an event into run |run_id|; NULL members of it are empty. */
mlf_status mlf__study_log_emit(const struct mlf__study_log *log, const char *run_id,
                               struct mlf__event event);
mlf_status mlf__study_log_tag(const struct mlf__study_log *log, const char *run_id, const char *key,
                              const char *value);
/* Announces the driver, now and from time to time. */
mlf_status mlf__study_log_announce(struct mlf__study_log *log);

/* ---- who owns a study: study_log_owner.c ---- */

/* Takes the lock file of study |run_id|. MLF_ERR_BUSY names host and process of who has it. */
mlf_status mlf__study_owner_lock(const char *run_id, struct mlf__study_owner **out);
/* The driver that had the study before and was killed; NULL: there is none. */
const struct mlf__proc_id *mlf__study_owner_before(const struct mlf__study_owner *owner);
/* The study is not taken over after all: the file says again who had it. */
void mlf__study_owner_forgo(struct mlf__study_owner *owner);
/* Does the tag (NULL: none) say that a living process, or another machine, drives the study? MLF_ERR_BUSY then. */
mlf_status mlf__study_owner_check(const char *run_id, const char *tag);
/* Calls |beat| with the tag's text now, and every 30 s from a thread. */
typedef void mlf__beat_fn(const char *text, void *user);
mlf_status mlf__study_owner_start(struct mlf__study_owner *owner, mlf__beat_fn *beat, void *user);
/* Ends the thread: |beat| is not called any more. */
void mlf__study_owner_quiet(struct mlf__study_owner *owner);
void mlf__study_owner_release(struct mlf__study_owner *owner); /* NULL is fine */

/* ---- reading: study_log_read.c ---- */

/* A trial whose run does not end as the trial did. */
struct mlf__study_loose {
    uint32_t number;
    bool was_running; /* it became a failed one just now */
};

struct mlf__study_reading {
    struct mlf__study_info info;
    struct mlf__history *history; /* the caller's */
    bool take_over;               /* trials that are going on become failed ones */
    size_t n_spaces;
    char *owner; /* tag mlf.study.owner; NULL: none */
    char best_run[33];
    struct mlf__study_loose *loose; /* with |take_over| */
    size_t n_loose, cap_loose;
};
mlf_status mlf__study_find(struct mlf__store *store, const char *which, const char *experiment_id,
                           char run_id[MLF__ID_SIZE]);
/* Reads the study of run |run_id| into |reading| and its history. */
mlf_status mlf__study_reading_run(struct mlf__study_reading *reading, struct mlf__store *store,
                                  const char *run_id);
void mlf__study_reading_free(struct mlf__study_reading *reading);

#endif
