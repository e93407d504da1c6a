/* SPDX-License-Identifier: Apache-2.0 */
/* Stores of runs: one table of functions per kind, shaped so that a REST server can implement it.
 *
 * A store is used by one thread at a time. All times are milliseconds since the epoch. Ids of runs
 * and models are made by the client and given to the store. Every write is idempotent: repeating it
 * leaves the store as it is. Records returned by a store own their strings and are freed by the
 * function named beside their type. Wording of refusals follows MLflow. */
#ifndef MLF_TRACKING_STORE_H
#define MLF_TRACKING_STORE_H

#include "core/fail.h"

#include <mlf/records.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

const char *mlf__run_status_name(int status); /* "RUNNING" …; NULL for a number that is none */
int mlf__run_status_parse(const char *name);  /* 0 for a name that is none */

struct mlf__experiment_create {
    const char *name;
    const char *artifact_location; /* NULL: the store's default */
    const mlf_key_value *tags;
    size_t n_tags;
};

/* A new run, as the client knows it. */
struct mlf__run_create {
    const char *run_id;        /* 32 hex digits, made by the client */
    const char *experiment_id; /* must exist and be active */
    const char *name;          /* NULL: a random one */
    const char *user;
    int64_t start_time_ms;
    const mlf_key_value *tags; /* mlflow.runName is added by the store */
    size_t n_tags;
};

struct mlf__metric {
    const char *run_id;
    const char *key;
    double value; /* NaN and infinities are stored as MLflow stores them */
    int64_t timestamp_ms;
    int64_t step;
    const char *model_id;       /* NULL: none. The LoggedModel must exist. */
    const char *dataset_name;   /* NULL: none */
    const char *dataset_digest; /* NULL: none */
};

struct mlf__dataset_input {
    const char *name;
    const char *digest;      /* at most 36 characters */
    const char *source_type; /* "local" … */
    const char *source;      /* JSON text */
    const char *schema;      /* JSON text or NULL */
    const char *profile;     /* JSON text or NULL */
    const char *context;     /* value of input tag mlflow.data.context, or NULL */
};

struct mlf__model_create {
    const char *model_id; /* "m-" + 32 hex digits, made by the client */
    const char *experiment_id;
    const char *name;
    const char *run_id;     /* NULL: a model without a run */
    const char *model_type; /* NULL: none */
    int64_t creation_time_ms;
    const mlf_key_value *params;
    size_t n_params;
    const mlf_key_value *tags;
    size_t n_tags;
};

enum mlf__open_mode {
    MLF__STORE_READ, /* an older schema may be read; nothing is created */
    MLF__STORE_WRITE /* created when absent */
};

struct mlf__store;

/* A run inside another. Texts are valid during the call. */
struct mlf__child {
    const char *run_id;
    const char *name; /* its beginning, when it is very long */
    int status;       /* mlf_run_status */
    bool deleted;
    int64_t start_time_ms, end_time_ms; /* -1: none */
    const char *tag;                    /* NULL: it has none of that key */
};
/* Another status than MLF_OK ends the reading, and is what it returns. */
typedef mlf_status mlf__child_fn(const struct mlf__child *child, void *user);

struct mlf_store_ops {
    const char *name;           /* for messages */
    const char *const *schemes; /* URI schemes it serves, NULL-terminated */
    size_t state_size;          /* the front end allocates and frees that much for a store */

    /* |uri| is absolute (mlf__uri_resolve). MLF_ERR_NOT_FOUND in read mode when there is none;
     * MLF_ERR_SCHEMA for a schema that cannot be used so. */
    mlf_status (*open)(struct mlf__store *store, const char *uri, enum mlf__open_mode mode);
    void (*close)(struct mlf__store *store);
    /* Optional: see mlf__store_own_process. */
    void (*own_process)(void);

    /* Optional: see mlf__store_writes_at_end. */
    bool (*writes_at_end)(const char *uri);

    /* Optional: what lies between them is written at once or not at all. An operation that is refused
     * in between writes nothing and leaves the rest as it is; when one fails otherwise (full disk),
     * commit fails. */
    mlf_status (*begin)(struct mlf__store *store);
    mlf_status (*commit)(struct mlf__store *store);
    void (*rollback)(struct mlf__store *store);

    /* Creates the experiment when absent; MLF_ERR_STATE when one of that name is deleted. */
    mlf_status (*experiment_ensure)(struct mlf__store *store, const char *name,
                                    mlf_experiment *out);
    mlf_status (*experiment_by_name)(struct mlf__store *store, const char *name,
                                     mlf_experiment *out);
    mlf_status (*experiment_get)(struct mlf__store *store, const char *id, mlf_experiment *out);
    /* MLF_ERR_EXISTS when one of that name is there, deleted or not. |*id| is owned by the caller. */
    mlf_status (*experiment_create)(struct mlf__store *store,
                                    const struct mlf__experiment_create *experiment, char **id);
    mlf_status (*experiment_rename)(struct mlf__store *store, const char *id, const char *name);
    mlf_status (*experiment_set_tag)(struct mlf__store *store, const char *id, const char *key,
                                     const char *value);
    mlf_status (*experiment_delete_tag)(struct mlf__store *store, const char *id, const char *key);
    /* Deletes or restores the experiment with all its runs. */
    mlf_status (*experiment_set_deleted)(struct mlf__store *store, const char *id, bool deleted);
    mlf_status (*experiment_search)(struct mlf__store *store, const mlf_search_options *options,
                                    mlf_experiment_list *out);

    mlf_status (*run_create)(struct mlf__store *store, const struct mlf__run_create *run);
    /* |end_time_ms| < 0 leaves the end time alone. */
    mlf_status (*run_update)(struct mlf__store *store, const char *run_id, int status,
                             int64_t end_time_ms);
    mlf_status (*run_get)(struct mlf__store *store, const char *run_id, mlf_run_record *out);
    /* The active run whose id begins with |prefix| ("" = the latest by start time).
     * MLF_ERR_NOT_FOUND, or MLF_ERR_INVAL with the candidates when several match. */
    mlf_status (*run_find)(struct mlf__store *store, const char *prefix, char **run_id);
    /* Active runs, latest start first; |experiment_id| NULL = of every experiment. */
    mlf_status (*run_list)(struct mlf__store *store, const char *experiment_id, size_t max_results,
                           mlf_run_list *out);
    /* One page in MLflow's order, with inputs and outputs. |experiment_ids| NULL = of every experiment. */
    mlf_status (*run_search)(struct mlf__store *store, const mlf_search_options *options,
                             mlf_run_list *out);
    mlf_status (*run_set_deleted)(struct mlf__store *store, const char *run_id, bool deleted);
    /* Calls |see| for each run, deleted ones too, whose tag mlflow.parentRunId is |parent_id|, in the order of their start
     * times, with the value of its tag |key|. No other operation of the store before it returns. */
    mlf_status (*run_children)(struct mlf__store *store, const char *parent_id, const char *key,
                               mlf__child_fn *see, void *user);

    /* An equal value is a success; another one MLF_ERR_CONFLICT with MLflow's text, and the stored
     * value stays and is given in |*stored| (owned by the caller) when |stored| is not NULL. */
    mlf_status (*log_param)(struct mlf__store *store, const char *run_id, const char *key,
                            const char *value, char **stored);
    /* Optional: the same, but another value takes the place of the one that is there. */
    mlf_status (*replace_param)(struct mlf__store *store, const char *run_id, const char *key,
                                const char *value);
    /* All of them or, when one is refused (bad key, unknown or deleted run, unknown model), none. */
    mlf_status (*log_metrics)(struct mlf__store *store, const struct mlf__metric *metrics,
                              size_t n);
    mlf_status (*set_tag)(struct mlf__store *store, const char *run_id, const char *key,
                          const char *value);
    /* MLF_ERR_NOT_FOUND when the run has no such tag. */
    mlf_status (*delete_tag)(struct mlf__store *store, const char *run_id, const char *key);
    mlf_status (*log_input)(struct mlf__store *store, const char *run_id,
                            const struct mlf__dataset_input *input);

    mlf_status (*model_create)(struct mlf__store *store, const struct mlf__model_create *model);
    /* Params of an existing model; keys that it has keep their value. */
    mlf_status (*model_params)(struct mlf__store *store, const char *model_id,
                               const mlf_key_value *params, size_t n);
    mlf_status (*model_finalize)(struct mlf__store *store, const char *model_id, int status);
    mlf_status (*model_output)(struct mlf__store *store, const char *run_id, const char *model_id,
                               int64_t step);
    /* Optional: the run's points at |step|, of every metric, become the model's too. */
    mlf_status (*model_link_metrics)(struct mlf__store *store, const char *run_id,
                                     const char *model_id, int64_t step);
    mlf_status (*model_delete)(struct mlf__store *store, const char *model_id);
    mlf_status (*model_get)(struct mlf__store *store, const char *model_id, mlf_logged_model *out);

    mlf_status (*model_set_tags)(struct mlf__store *store, const char *model_id,
                                 const mlf_key_value *tags, size_t n);
    mlf_status (*model_delete_tag)(struct mlf__store *store, const char *model_id, const char *key);
    /* |experiment_ids| NULL = of every experiment. */
    mlf_status (*model_search)(struct mlf__store *store, const mlf_search_options *options,
                               mlf_logged_model_list *out);

    /* Points of one metric, oldest first by (timestamp, step, value): those behind |after|, from the
     * first one when NULL. */
    mlf_status (*metric_history)(struct mlf__store *store, const char *run_id, const char *key,
                                 const mlf_metric_record *after, size_t max_results,
                                 mlf_metric_list *out);
};

struct mlf__store {
    const struct mlf_store_ops *ops;
    void *state; /* of ops->state_size bytes */
    char *uri;
};

/* The calling program is mlf's own, and has no other thread yet: the libraries of the stores may be set up for
 * speed, which is process-wide. Never called in a host. */
void mlf__store_own_process(void);

/* Does the store (|uri| absolute) lie where several machines may write, so that a session has to keep its events
 * and write them at its end, in one go? False for a store that there is none of. */
bool mlf__store_writes_at_end(const char *uri);

/* Opens the store that |uri| names. |*out| is NULL on failure. MLF_ERR_INVAL names the schemes there
 * are when the scheme is unknown. */
MLF__CORE mlf_status mlf__store_open(const char *uri, enum mlf__open_mode mode,
                                     struct mlf__store **out);
MLF__CORE void mlf__store_close(struct mlf__store *store); /* NULL is fine */

/* |uri| (NULL or "": MLFlow's default, sqlite:///mlflow.db) with relative paths made absolute against
 * |directory|, the current one when NULL. Checks the scheme. |*out| is owned by the caller. */
MLF__CORE mlf_status mlf__uri_resolve(const char *uri, const char *directory, char **out);

/* |uri| for people and logs: credentials replaced by "***". Owned by the caller. */
char *mlf__uri_display(const char *uri);

#endif
