/* SPDX-License-Identifier: Apache-2.0 */
/* Applying events to a store. Whatever the events came through (ring, spill, journal), they are applied
 * here, by one thread, in batches of one transaction each. Applying an event again does no harm, so a
 * batch that failed is applied once more from its beginning. */
#ifndef MLF_AUTOLOG_APPLY_H
#define MLF_AUTOLOG_APPLY_H

#include "autolog/collector.h"
#include "core/buf.h"
#include "core/event.h"
#include "tracking/store.h"

struct mlf__held_param;
struct mlf__watch;

/* A name that was seen, with what is known of it: the node of a tsearch() tree. */
struct mlf__seen {
    char *key;
    char *value; /* a param's; NULL for a metric */
};

/* One run of the session. */
struct mlf__run_state {
    struct mlf__run_state *next;
    char id[MLF__ID_SIZE];
    char parent[MLF__ID_SIZE];
    char *name;          /* NULL: none given */
    char *experiment;    /* name; NULL: by id */
    char *experiment_id; /* NULL: by name; both NULL: the session's */
    int64_t start_ms;
    bool in_store;   /* created, or found there */
    bool is_session; /* the session's own run */
    bool no_system;  /* wants no samples of the machine while it is active */
    int status;      /* mlf_run_status, RUNNING until it ends */
    bool ended_by_program;
    bool over; /* ended in the transaction that is going on: forgotten once that is through */
    struct mlf__held_param *held; /* automatic params that wait */
    size_t n_held, cap_held;
    size_t n_waiting;      /* of them not written yet; written ones go with the commit */
    int64_t held_since_ns; /* monotonic; 0: none waits */
    bool params_open; /* the command line's params were written: later ones are written at once */
    bool getopt_seen; /* the main process has options that getopt named */
    bool params_committed;                          /* the same, as of the last commit */
    bool command_line_held, command_line_committed; /* likewise, of the command line */
    void *params;  /* tsearch trees of struct mlf__seen: params written, and metric keys with */
    void *metrics; /* the form that MLflow takes */
};

/* A process that logged, as its PROCESS event described it. */
struct mlf__process {
    struct mlf__process *next;
    int32_t pid;
    bool is_command; /* described by the launcher */
    bool trained;    /* had a training event */
    char *exe;       /* path of the executable */
    char **argv;
    size_t argc;
};

/* A file that was read or written. */
struct mlf__file {
    struct mlf__file *next;
    char *path;
    int32_t pid;
    bool read, written, saved, logged;
};

/* Whoever logs into a run without naming it: a command with its processes and the files that they used. */
struct mlf__origin {
    struct mlf__origin *next;
    char run_id[MLF__ID_SIZE]; /* "": the session's run */
    struct mlf__process *processes;
    struct mlf__file *files;
    char *aliases;    /* "c=C g=gamma": of the adapter, else of the program's preset */
    int32_t exit_pid; /* whose exit status was recorded; 0: none */
    int exit_status;  /* as waitpid() gives it */
};

/* A LoggedModel of the session. */
struct mlf__model_state {
    struct mlf__model_state *next;
    char id[MLF__ID_SIZE];
    char run_id[MLF__ID_SIZE];
    bool in_store;
    bool own;     /* made here, not found in the store: deleted at the end unless it was saved */
    bool trained; /* points carried its id before it was saved */
    bool saved;   /* its file was seen */
    bool dropped; /* deleted, by the transaction that is going on or an earlier one */
};

struct mlf__apply {
    struct mlf__config config;
    char *uri; /* resolved */
    struct mlf__store *store;
    mlf_experiment experiment; /* the session's; id NULL until it is known */
    struct mlf__watch *watch;  /* watch.h; NULL: the processes are not watched */
    int32_t launcher_pid;      /* 0: no launcher */
    bool adapters;             /* a library with an adapter is loaded: params wait for it */
    struct mlf__run_state *runs;
    struct mlf__origin origin;   /* the session's */
    struct mlf__origin *origins; /* of the other runs that have commands of their own */
    struct mlf__model_state *models;
    struct mlf__metric *pending; /* metrics of the batch */
    size_t n_pending, cap_pending;
    bool knew_params; /* a run that is forgotten had its params_committed */
    size_t n_over;    /* runs that are over */
    char good_run[MLF__ID_SIZE], good_model[MLF__ID_SIZE]; /* the last ids found well-formed */
    size_t resume_at;      /* events of the batch in hand that are committed already */
    int64_t last_event_ms; /* the latest time of an event */
    int64_t busy_since_ns; /* monotonic: since when batches have followed without a pause */
    int64_t last_batch_ns;
    char *refused; /* the first thing that the store refused: its text */
    size_t n_refused;
};

mlf_status mlf__apply_init(struct mlf__apply *apply, const struct mlf__config *config);
void mlf__apply_free(struct mlf__apply *apply);

/* Applies |n| events in one transaction. On failure nothing of it is in the store and it can be repeated.
 * The store is opened when it is not open yet. */
mlf_status mlf__apply_batch(struct mlf__apply *apply, const struct mlf__event *events, size_t n);

/* Are automatic params held back? */
bool mlf__apply_holds(const struct mlf__apply *apply);
/* Is something of the session's own command known here that no store has yet: held params, the command line they come
 * from, the exit record? Then what was applied must not be forgotten by its source. Commands with runs of their own are
 * not waited for: there is always one in the middle of its work, and whoever started them repeats what was cut off. */
bool mlf__apply_keeps(const struct mlf__apply *apply);
/* Tags the session's run with the number of events that were dropped, when there were any. */
mlf_status mlf__apply_drops(struct mlf__apply *apply, uint64_t dropped);
/* Writes held params that have waited long enough (2 s, while no adapter is expected). */
mlf_status mlf__apply_held(struct mlf__apply *apply);

/* The end of the session: held params, files, models that were never saved; every run that is still
 * active ends as |status| at |end_ms|. 0: as the exit record says, with tag mlf.exit_code or mlf.signal;
 * without one as FAILED with tag mlf.end = unknown. */
mlf_status mlf__apply_finish(struct mlf__apply *apply, int status, int64_t end_ms);

/* Closes the store (and checkpoints it); it is opened again when needed. */
void mlf__apply_close_store(struct mlf__apply *apply);

/* ---- between apply.c, artifacts.c, params.c, files.c and models.c ---- */

struct mlf__run_state *mlf__apply_run(struct mlf__apply *apply, const char *run_id);
mlf_status mlf__apply_ensure_run(struct mlf__apply *apply, struct mlf__run_state *run);
/* Remembers |key| in the tree; |*is_new| when it was not there. NULL when out of memory. */
struct mlf__seen *mlf__seen_add(void **tree, const char *key, bool *is_new);
void mlf__seen_free(void **tree);
/* Does the status mean that the store does not want this event, and never will? Else it has trouble. */
bool mlf__apply_is_refusal(mlf_status status);
/* Notes a refusal, with the thread's error text; MLF_OK, so that the rest goes on. */
mlf_status mlf__apply_refused(struct mlf__apply *apply);
/* The run when it is known, else NULL. */
struct mlf__run_state *mlf__apply_find_run(const struct mlf__apply *apply, const char *run_id);
/* Runs inside another are followed so far: what comes from a file may name itself as its parent. */
enum { MLF__RUN_DEPTH = 16 };

/* ---- origins.c ---- */

/* A PROCESS, FILE or EXIT event: what a process says of itself. */
mlf_status mlf__origin_event(struct mlf__apply *apply, const struct mlf__event *event);
void mlf__origin_free(struct mlf__origin *origin); /* what it holds */
/* The origin of |run| when it is not the session's, else NULL. */
struct mlf__origin *mlf__apply_own_origin(const struct mlf__apply *apply,
                                          const struct mlf__run_state *run);
/* The origin of |run|: its own, else that of the run that it is inside of, else the session's. */
struct mlf__origin *mlf__apply_origin(struct mlf__apply *apply, const struct mlf__run_state *run);
/* Is it |run| itself that the origin logs into? */
bool mlf__origin_is_of(const struct mlf__origin *origin, const struct mlf__run_state *run);
/* The process whose command line counts: the first that trained, else the command. May be NULL. */
const struct mlf__process *mlf__origin_main_process(const struct mlf__origin *origin);

mlf_status mlf__params_event(struct mlf__apply *apply, struct mlf__run_state *run,
                             const struct mlf__event *event);
mlf_status mlf__params_release(struct mlf__apply *apply, struct mlf__run_state *run);
void mlf__params_free(struct mlf__run_state *run);
/* The transaction is through (written params are dropped), or failed (they wait again). */
void mlf__params_settle(struct mlf__run_state *run, bool committed);

/* Reads a whole file; |out->data| is NUL-terminated. */
mlf_status mlf__read_file(const char *path, struct mlf__buf *out);

mlf_status mlf__artifacts_event(struct mlf__apply *apply, struct mlf__run_state *run,
                                const struct mlf__event *event);
/* Appends rows to a table of the run, and lists it in the tag mlflow.loggedArtifacts. */
mlf_status mlf__artifacts_table(struct mlf__apply *apply, struct mlf__run_state *run,
                                const struct mlf__event *event);

/* Links the data set of an INPUT event to its run. */
mlf_status mlf__files_input(struct mlf__apply *apply, const struct mlf__run_state *run,
                            const struct mlf__event *event);
mlf_status mlf__files_event(struct mlf__origin *origin, const struct mlf__event *event);
/* Logs the data sets that the training process has read so far. */
mlf_status mlf__files_log_inputs(struct mlf__apply *apply, struct mlf__origin *origin,
                                 const char *context);
/* Writes the list of all files, as artifact mlf/files.json. */
mlf_status mlf__files_log_list(struct mlf__apply *apply, const struct mlf__origin *origin);

mlf_status mlf__models_ensure(struct mlf__apply *apply, struct mlf__run_state *run,
                              const char *model_id, const char *name);
/* A MODEL event; |run| NULL: of a model that belongs to no run. */
mlf_status mlf__models_saved(struct mlf__apply *apply, struct mlf__run_state *run,
                             const struct mlf__event *event);
/* Deletes models of |run_id| (NULL: of every run) that were never saved. */
mlf_status mlf__models_drop_unsaved(struct mlf__apply *apply, const char *run_id);
/* Forgets the models of |run_id|, but those that the session's end may have to delete. */
void mlf__models_forget(struct mlf__apply *apply, const char *run_id);

/* ---- identity.c ---- */

/* The user's name for mlflow.user, owned by the caller. */
char *mlf__identity_user(void);
/* Commit of the git repository that |path| lies in, "" when in none. */
void mlf__identity_git_commit(const char *path, char out[72]);

#endif
