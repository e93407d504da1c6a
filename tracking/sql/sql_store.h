/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of the SQL store: its state, statements and transactions. */
#ifndef MLF_TRACKING_SQL_SQL_STORE_H
#define MLF_TRACKING_SQL_SQL_STORE_H

#include "tracking/sql/schema.h"
#include "tracking/sql/sql.h"
#include "tracking/store.h"

enum { MLF__SQL_CACHE = 128, MLF__SQL_RUNS = 64 };

/* A run or model that was seen active in the current transaction. */
struct mlf__sql_known {
    char id[40];
    int64_t experiment_id;
};

struct mlf__sql_store {
    struct mlf__sql db;
    struct mlf__schema schema;
    int64_t schema_version;
    bool schema_known;
    bool writable;       /* opened for writing */
    bool in_transaction; /* one that the caller began, or an operation of ours */
    bool broken;         /* a statement failed in it: it can only be rolled back */
    struct {
        const char *text; /* identity: the address of a constant */
        struct mlf__sql_stmt *stmt;
    } statements[MLF__SQL_CACHE];
    struct mlf__sql_known runs[MLF__SQL_RUNS], models[MLF__SQL_RUNS];
    size_t n_runs, n_models; /* valid in a transaction for writing only */
};

static inline struct mlf__sql_store *mlf__sql_store_of(const struct mlf__store *store)
{
    return store->state;
}

/* ---- statements ---- */

/* A value to bind. */
struct mlf__sql_value {
    enum { MLF__SQL_TEXT, MLF__SQL_INT, MLF__SQL_DOUBLE } type;
    const char *text; /* NULL: SQL's NULL */
    int64_t integer;
    double real;
};

static inline struct mlf__sql_value mlf__sql_text(const char *text)
{
    return (struct mlf__sql_value){.type = MLF__SQL_TEXT, .text = text};
}

static inline struct mlf__sql_value mlf__sql_int(int64_t value)
{
    return (struct mlf__sql_value){.type = MLF__SQL_INT, .integer = value};
}

static inline struct mlf__sql_value mlf__sql_double(double value)
{
    return (struct mlf__sql_value){.type = MLF__SQL_DOUBLE, .real = value};
}

/* The values of $1, $2, … as two arguments: array and length. */
#define MLF__SQL_BIND(...)                                                                         \
    (const struct mlf__sql_value[]){__VA_ARGS__},                                                  \
        sizeof((const struct mlf__sql_value[]){__VA_ARGS__}) / sizeof(struct mlf__sql_value)

/* The prepared statement of |text|, a constant; kept while the store is open. */
mlf_status mlf__sql_statement(struct mlf__sql_store *store, const char *text,
                              struct mlf__sql_stmt **out);
/* Binds |values| to $1, $2, … */
void mlf__sql_bind(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt,
                   const struct mlf__sql_value *values, size_t n);
/* Steps; a failure marks the transaction as broken. */
mlf_status mlf__sql_step(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt, bool *row);
/* Runs a statement that gives no rows; |*changes| (may be NULL) is how many rows it wrote. */
mlf_status mlf__sql_run(struct mlf__sql_store *store, const char *text,
                        const struct mlf__sql_value *values, size_t n, int64_t *changes);
/* Binds and steps to the first row. The caller reads, steps on and resets |*out| (not NULL then) with
 * mlf__sql_done; not on failure. */
mlf_status mlf__sql_query(struct mlf__sql_store *store, const char *text,
                          const struct mlf__sql_value *values, size_t n, struct mlf__sql_stmt **out,
                          bool *row);
void mlf__sql_done(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt);
/* A column as text owned by the caller. |*out| is NULL for NULL. */
mlf_status mlf__sql_copy(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt, int column,
                         char **out);

/* ---- transactions ---- */

/* Begins one unless the caller has; checks the schema. */
mlf_status mlf__sql_begin(struct mlf__store *store, bool write, bool *own);
/* Ends one that mlf__sql_begin began (|own|) as |status| says; returns |status| or why the commit
 * failed. */
mlf_status mlf__sql_end(struct mlf__store *store, bool own, mlf_status status);

/* ---- checks, in a transaction for writing ---- */

/* Is there such a run, and is it active? MLflow's texts. */
mlf_status mlf__sql_active_run(struct mlf__sql_store *store, const char *run_id,
                               int64_t *experiment_id);
mlf_status mlf__sql_known_model(struct mlf__sql_store *store, const char *model_id,
                                int64_t *experiment_id);

/* ---- operations, see store.h ---- */

mlf_status mlf__sql_experiment_ensure(struct mlf__store *store, const char *name,
                                      mlf_experiment *out);
mlf_status mlf__sql_experiment_by_name(struct mlf__store *store, const char *name,
                                       mlf_experiment *out);
mlf_status mlf__sql_experiment_get(struct mlf__store *store, const char *id, mlf_experiment *out);
mlf_status mlf__sql_experiment_create(struct mlf__store *store,
                                      const struct mlf__experiment_create *experiment, char **id);
mlf_status mlf__sql_experiment_rename(struct mlf__store *store, const char *id, const char *name);
mlf_status mlf__sql_experiment_set_tag(struct mlf__store *store, const char *id, const char *key,
                                       const char *value);
mlf_status mlf__sql_experiment_delete_tag(struct mlf__store *store, const char *id,
                                          const char *key);
mlf_status mlf__sql_experiment_set_deleted(struct mlf__store *store, const char *id, bool deleted);
/* Columns 1 to 5 of a row: name, location, stage, times of creation and last update. */
mlf_status mlf__sql_copy_experiment(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt,
                                    mlf_experiment *out);
/* The artifact location of an active experiment; in a transaction. */
mlf_status mlf__sql_active_experiment(struct mlf__sql_store *store, const char *id,
                                      mlf_experiment *out, int64_t *number);
mlf_status mlf__sql_run_create(struct mlf__store *store, const struct mlf__run_create *run);
mlf_status mlf__sql_run_update(struct mlf__store *store, const char *run_id, int status,
                               int64_t end_time_ms);
mlf_status mlf__sql_run_get(struct mlf__store *store, const char *run_id, mlf_run_record *out);
mlf_status mlf__sql_run_find(struct mlf__store *store, const char *prefix, char **run_id);
mlf_status mlf__sql_run_list(struct mlf__store *store, const char *experiment_id,
                             size_t max_results, mlf_run_list *out);
mlf_status mlf__sql_replace_param(struct mlf__store *store, const char *run_id, const char *key,
                                  const char *value);
mlf_status mlf__sql_log_param(struct mlf__store *store, const char *run_id, const char *key,
                              const char *value, char **stored);
mlf_status mlf__sql_log_metrics(struct mlf__store *store, const struct mlf__metric *metrics,
                                size_t n);
mlf_status mlf__sql_metric_history(struct mlf__store *store, const char *run_id, const char *key,
                                   const mlf_metric_record *after, size_t max_results,
                                   mlf_metric_list *out);
mlf_status mlf__sql_set_tag(struct mlf__store *store, const char *run_id, const char *key,
                            const char *value);
mlf_status mlf__sql_delete_tag(struct mlf__store *store, const char *run_id, const char *key);
mlf_status mlf__sql_run_children(struct mlf__store *store, const char *parent_id, const char *key,
                                 mlf__child_fn *see, void *user);
mlf_status mlf__sql_run_set_deleted(struct mlf__store *store, const char *run_id, bool deleted);
/* MLF_ERR_UNSUPPORTED when the query |text|, with |value|, finds a run that only MLflow can delete. In a transaction. */
mlf_status mlf__sql_check_assessments(struct mlf__sql_store *store, const char *text,
                                      struct mlf__sql_value value);
mlf_status mlf__sql_log_input(struct mlf__store *store, const char *run_id,
                              const struct mlf__dataset_input *input);
mlf_status mlf__sql_model_create(struct mlf__store *store, const struct mlf__model_create *model);
mlf_status mlf__sql_model_params(struct mlf__store *store, const char *model_id,
                                 const mlf_key_value *params, size_t n);
mlf_status mlf__sql_model_finalize(struct mlf__store *store, const char *model_id, int status);
mlf_status mlf__sql_model_output(struct mlf__store *store, const char *run_id, const char *model_id,
                                 int64_t step);
mlf_status mlf__sql_model_link_metrics(struct mlf__store *store, const char *run_id,
                                       const char *model_id, int64_t step);
mlf_status mlf__sql_model_delete(struct mlf__store *store, const char *model_id);
mlf_status mlf__sql_model_set_tags(struct mlf__store *store, const char *model_id,
                                   const mlf_key_value *tags, size_t n);
mlf_status mlf__sql_model_delete_tag(struct mlf__store *store, const char *model_id,
                                     const char *key);
mlf_status mlf__sql_model_get(struct mlf__store *store, const char *model_id,
                              mlf_logged_model *out);
mlf_status mlf__sql_experiment_search(struct mlf__store *store, const mlf_search_options *options,
                                      mlf_experiment_list *out);
mlf_status mlf__sql_run_search(struct mlf__store *store, const mlf_search_options *options,
                               mlf_run_list *out);
mlf_status mlf__sql_model_search(struct mlf__store *store, const mlf_search_options *options,
                                 mlf_logged_model_list *out);

/* ---- reading rows, shared by runs and models ---- */

/* Fill in the records that have their ids; those that are not there keep only that. In a transaction. */
mlf_status mlf__sql_fill_runs(struct mlf__sql_store *store, mlf_run_record *runs, size_t n);
mlf_status mlf__sql_fill_models(struct mlf__sql_store *store, mlf_logged_model *models, size_t n);

/* Appends all rows of a query to an array of key/value pairs. */
mlf_status mlf__sql_read_pairs(struct mlf__sql_store *store, const char *text, const char *id,
                               mlf_pair **out, size_t *n);

#endif
