/* SPDX-License-Identifier: Apache-2.0 */
/* What the bodies of the public API share. */
#ifndef MLF_AUTOLOG_API_H
#define MLF_AUTOLOG_API_H

#include "core/buf.h"
#include "core/session.h"
#include "tracking/store.h"

#include <mlf/mlf.h>

/* A run, as it was started or resumed once: resuming it again makes another one of the same id. */
struct mlf_run {
    struct mlf_run *next;  /* all runs of the process, oldest last */
    struct mlf_run *below; /* on the stack of the thread that started it */
    char id[MLF__ID_SIZE];
    char *name;            /* "" while only the launcher knows it */
    mlf__name_id interned; /* the id; 0: it travels as text */
    struct mlf__training_run
        trainings; /* for what hooks see in a thread whose active run this is */
    int32_t pid;   /* of the process that started it */
    _Atomic bool active;
};

/* The run that the calling thread logs into; starts the process's run when there is none. With MLF_ERR_OFF
 * there is nothing to do. */
mlf_status mlf__api_current_run(struct mlf_run **out);

/* For studies, whose runs are not the active ones of a thread: a new run with a name, child of the thread's active run, else of
 * the launcher's. MLF_ERR_OFF with MLF_OFF=1. */
MLF__CORE mlf_status mlf__api_run_begin(const char *name, struct mlf_run **out);
/* A handle for a run that began otherwise; nothing is logged. With |is_parent| threads without a run may log into it. */
MLF__CORE mlf_status mlf__api_run_handle(const char *id, const char *name, bool is_parent,
                                         struct mlf_run **out);
/* Ends it without waiting. */
MLF__CORE mlf_status mlf__api_run_finish(struct mlf_run *run, mlf_run_status status);
/* Makes it the thread's active run, and lets go of it again; the run goes on. */
MLF__CORE void mlf__api_run_enter(struct mlf_run *run);
MLF__CORE void mlf__api_run_leave(struct mlf_run *run);

/* The one mutex of the API: guards the lists of runs, metrics and params. Nothing is logged while it is
 * held, and a child of fork() finds it free. */
void mlf__api_lock(void);
void mlf__api_unlock(void);

/* MLF_OK in place of MLF_ERR_OFF: a program that is switched off has no trouble. */
mlf_status mlf__api_result(mlf_status status);

/* The run that an API call logs into: |run| itself. MLF_ERR_INVAL names |call| when it is NULL. */
mlf_status mlf__api_check_run(const struct mlf_run *run, const char *call);

/* Checks that the strings are there; MLF_ERR_INVAL names |call| and |what| is missing. */
mlf_status mlf__api_check_text(const char *text, const char *call, const char *what);

/* Logs an event of the explicit API into |run|. */
mlf_status mlf__api_emit(const struct mlf_run *run, struct mlf__event event);

/* Has mlf been switched off? Then every call that logs is a success that does nothing. */
bool mlf__api_is_off(void);

/* Appends |path|, made absolute, and the |n| fields (NULL: ""), each with its NUL: the text of an event, but
 * for the last NUL. MLF_ERR_NOT_FOUND when the path is not there. */
mlf_status mlf__api_pack_path(struct mlf__buf *buf, const char *path, const char *const *fields,
                              size_t n);

/* Is |json|, the |what| of |call|, JSON? MLF_ERR_INVAL says where it is not. */
mlf_status mlf__api_check_json(const char *json, const char *call, const char *what);

/* Appends |image| as a PNG file. MLF_ERR_INVAL for a shape that is none; MLF_ERR_UNSUPPORTED in a build
 * without libpng. */
mlf_status mlf__png_encode(const mlf_image *image, struct mlf__buf *out);

/* The body of mlf_log_table() (|run| NULL: the current one) and mlf_run_log_table(). |model_id| (NULL, "": none) is
 * the model that made the rows. */
mlf_status mlf__api_log_table(mlf_run *run, const mlf_table *table, const char *artifact_file,
                              const char *model_id);

/* Checks keys and values of tags. */
mlf_status mlf__api_check_tags(const mlf_key_value *tags, size_t n, const char *call);

/* A call that works on the store at once: waits until what this process has logged is stored, and opens the store. Until
 * the end hooks look away and no other thread forks. MLF_ERR_OFF with MLF_OFF=1. */
struct mlf__api_call {
    struct mlf__store *store;
    bool guarded;
};
MLF__CORE mlf_status mlf__api_call_begin(struct mlf__api_call *call, enum mlf__open_mode mode);
/* Closes it. Returns |status|, with the thread's error text left alone. */
MLF__CORE mlf_status mlf__api_call_end(struct mlf__api_call *call, mlf_status status);

struct mlf__sync_options;
struct mlf__sync_result;
/* Merges what was left behind for the store of this process, as reading commands of mlf do. |options| says all but the
 * store. */
MLF__CORE mlf_status mlf__api_sync(const struct mlf__sync_options *options,
                                   struct mlf__sync_result *out);

/* Around a fork, for whoever watches forks; taken before the API's mutex. */
void mlf__api_store_before_fork(void);
void mlf__api_store_after_fork(bool is_child);
/* Sees to it that forks are watched. */
void mlf__api_watch_forks(void);

/* The experiment for runs that start from now on; NULL: the session's. Borrowed. */
MLF__CORE const char *mlf__api_experiment(void);

/* Where this process logs or would log: the session's when it has begun, else what was set, the environment,
 * the default. */
MLF__CORE void mlf__api_config(struct mlf__config *out);

/* The active experiment's id, in the open |store|; with |create| it is created when absent, else
 * MLF_ERR_NOT_FOUND. */
mlf_status mlf__api_experiment_id(struct mlf__store *store, bool create, char id[MLF_ID_MAX]);

/* Are |options|, which the caller of |call| gave, whole? */
mlf_status mlf__api_check_search(const char *call, const mlf_search_options *options);
/* Options (|given| or the defaults) whose experiments are the active one when none is named. */
struct mlf__api_scope {
    mlf_search_options options;
    const char *ids[1];
    char id[MLF_ID_MAX];
};
mlf_status mlf__api_search_scope(struct mlf__store *store, const mlf_search_options *given,
                                 struct mlf__api_scope *scope);

#endif
