/* SPDX-License-Identifier: Apache-2.0 */
/* Writing runs in the SQL store: create, update, params, tags and dataset inputs. */
#include "tracking/sql/sql_store.h"

#include "core/buf.h"
#include "core/mem.h"
#include "core/sys.h"
#include "tracking/names.h"

#include <string.h>

static const char run_name_tag[] = "mlflow.runName";

static const char select_stage[] =
    "SELECT lifecycle_stage, experiment_id FROM runs WHERE run_uuid = $1";
static const char insert_run[] =
    "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, "
    "status, start_time, source_version, lifecycle_stage, artifact_uri, experiment_id) "
    "VALUES ($1, $2, 'UNKNOWN', '', '', $3, 'RUNNING', $4, '', 'active', $5, $6) "
    "ON CONFLICT DO NOTHING";
static const char upsert_tag[] = "INSERT INTO tags (key, value, run_uuid) VALUES ($1, $2, $3) "
                                 "ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value";
static const char update_name[] = "UPDATE runs SET name = $1 WHERE run_uuid = $2";
static const char update_status[] = "UPDATE runs SET status = $1 WHERE run_uuid = $2";
static const char update_end[] = "UPDATE runs SET status = $1, end_time = $2 WHERE run_uuid = $3";
static const char update_deleted[] = "UPDATE runs SET lifecycle_stage = 'deleted', "
                                     "deleted_time = $1 WHERE run_uuid = $2 AND "
                                     "lifecycle_stage <> 'deleted'";
static const char select_assessed[] =
    "SELECT $1 FROM assessments WHERE instr(assessment_metadata, "
    "'\"mlflow.assessment.sourceRunId\": \"' || $1 || '\"') > 0 LIMIT 1";
static const char update_restored[] = "UPDATE runs SET lifecycle_stage = 'active', "
                                      "deleted_time = NULL WHERE run_uuid = $1 AND "
                                      "lifecycle_stage <> 'active'";
static const char delete_tag[] = "DELETE FROM tags WHERE key = $1 AND run_uuid = $2";
static const char insert_param[] =
    "INSERT INTO params (key, value, run_uuid) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
static const char upsert_param[] =
    "INSERT INTO params (key, value, run_uuid) VALUES ($1, $2, $3) "
    "ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value";
static const char select_param[] = "SELECT value FROM params WHERE key = $1 AND run_uuid = $2";
static const char insert_dataset[] =
    "INSERT INTO datasets (dataset_uuid, experiment_id, name, digest, dataset_source_type, "
    "dataset_source, dataset_schema, dataset_profile) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) "
    "ON CONFLICT DO NOTHING";
static const char select_dataset[] =
    "SELECT dataset_uuid FROM datasets WHERE experiment_id = $1 AND name = $2 AND digest = $3";
static const char insert_input[] =
    "INSERT INTO inputs (input_uuid, source_type, source_id, destination_type, destination_id) "
    "VALUES ($1, 'DATASET', $2, 'RUN', $3) ON CONFLICT DO NOTHING";
static const char insert_input_tag[] =
    "INSERT INTO input_tags (input_uuid, name, value) VALUES ($1, 'mlflow.data.context', $2)";

/* ---- checks ---- */

static struct mlf__sql_known *find_known(struct mlf__sql_known *known, size_t n, const char *id)
{
    size_t count = n < MLF__SQL_RUNS ? n : MLF__SQL_RUNS;
    for (size_t i = 0; i < count; i++)
        if (strcmp(known[i].id, id) == 0)
            return &known[i];
    return NULL;
}

static void remember(struct mlf__sql_known *known, size_t *n, const char *id, int64_t experiment)
{
    struct mlf__sql_known *entry = &known[*n % MLF__SQL_RUNS];
    if (!mlf__copy_text(entry->id, sizeof(entry->id), id)) {
        entry->id[0] = '\0';
        return;
    }
    entry->experiment_id = experiment;
    (*n)++;
}

static mlf_status run_exists(struct mlf__sql_store *store, const char *run_id)
{
    struct mlf__sql_stmt *stmt;
    bool row;
    mlf_status status =
        mlf__sql_query(store, select_stage, MLF__SQL_BIND(mlf__sql_text(run_id)), &stmt, &row);
    if (status != MLF_OK)
        return status;
    mlf__sql_done(store, stmt);
    return row ? MLF_OK : mlf__fail(MLF_ERR_NOT_FOUND, "Run with id=%s not found", run_id);
}

mlf_status mlf__sql_active_run(struct mlf__sql_store *store, const char *run_id,
                               int64_t *experiment_id)
{
    const struct mlf__sql_known *known = find_known(store->runs, store->n_runs, run_id);
    if (known != NULL) {
        *experiment_id = known->experiment_id;
        return MLF_OK;
    }
    struct mlf__sql_stmt *stmt;
    bool row;
    mlf_status status =
        mlf__sql_query(store, select_stage, MLF__SQL_BIND(mlf__sql_text(run_id)), &stmt, &row);
    if (status != MLF_OK)
        return status;
    const char *stage = row ? store->db.ops->column_text(stmt, 0) : NULL;
    *experiment_id = row ? store->db.ops->column_int(stmt, 1) : 0;
    if (!row)
        status = mlf__fail(MLF_ERR_NOT_FOUND, "Run with id=%s not found", run_id);
    else if (stage == NULL || strcmp(stage, "active") != 0)
        status = mlf__fail(MLF_ERR_INVAL,
                           "The run %s must be in the 'active' state. Current state is %s.", run_id,
                           stage != NULL ? stage : "None");
    else
        remember(store->runs, &store->n_runs, run_id, *experiment_id);
    mlf__sql_done(store, stmt);
    return status;
}

mlf_status mlf__sql_known_model(struct mlf__sql_store *store, const char *model_id,
                                int64_t *experiment_id)
{
    static const char select_model[] =
        "SELECT experiment_id FROM logged_models WHERE model_id = $1";
    const struct mlf__sql_known *known = find_known(store->models, store->n_models, model_id);
    if (known != NULL) {
        *experiment_id = known->experiment_id;
        return MLF_OK;
    }
    struct mlf__sql_stmt *stmt;
    bool row;
    mlf_status status =
        mlf__sql_query(store, select_model, MLF__SQL_BIND(mlf__sql_text(model_id)), &stmt, &row);
    if (status != MLF_OK)
        return status;
    *experiment_id = row ? store->db.ops->column_int(stmt, 0) : 0;
    if (row)
        remember(store->models, &store->n_models, model_id, *experiment_id);
    else
        status = mlf__fail(MLF_ERR_NOT_FOUND, "Logged model with ID '%s' not found.", model_id);
    mlf__sql_done(store, stmt);
    return status;
}

static bool is_id(const char *id)
{
    size_t len = strlen(id);
    static const char allowed[] =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-";
    return len > 0 && len <= 32 && strspn(id, allowed) == len && id[0] != '_' && id[0] != '-';
}

/* ---- tags ---- */

/* Writes a tag as MLflow does: too long a value is cut. */
static mlf_status write_tag(struct mlf__sql_store *store, const char *run_id, const char *key,
                            const char *value)
{
    char *clean = mlf__clean_value(value, strlen(value), MLF__TAG_VALUE_MAX);
    if (clean == NULL)
        return MLF_ERR_NOMEM;
    mlf_status status = mlf__sql_run(
        store, upsert_tag,
        MLF__SQL_BIND(mlf__sql_text(key), mlf__sql_text(clean), mlf__sql_text(run_id)), NULL);
    /* The tag and the column are two places for one name. */
    if (status == MLF_OK && strcmp(key, run_name_tag) == 0)
        status = mlf__sql_run(store, update_name,
                              MLF__SQL_BIND(mlf__sql_text(clean), mlf__sql_text(run_id)), NULL);
    mlf__free(clean);
    return status;
}

mlf_status mlf__sql_set_tag(struct mlf__store *front, const char *run_id, const char *key,
                            const char *value)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    int64_t experiment;
    bool own;
    mlf_status status = mlf__check_key(key, "key");
    if (status == MLF_OK)
        status = mlf__sql_begin(front, true, &own);
    if (status != MLF_OK)
        return status;
    status = mlf__sql_active_run(store, run_id, &experiment);
    /* As in MLflow, a run is never left without a name. */
    bool empty_name = strcmp(key, run_name_tag) == 0 && (value == NULL || value[0] == '\0');
    if (status == MLF_OK && !empty_name)
        status = write_tag(store, run_id, key, value != NULL ? value : "");
    return mlf__sql_end(front, own, status);
}

/* ---- runs ---- */

/* The name of a new run: given, else the tag's, else random (written to |random|). */
static mlf_status choose_name(const struct mlf__run_create *run, char random[24], const char **out)
{
    const char *tag = NULL;
    for (size_t i = 0; i < run->n_tags; i++) {
        mlf_status status = mlf__check_key(run->tags[i].key, "key");
        if (status != MLF_OK)
            return status;
        if (strcmp(run->tags[i].key, run_name_tag) == 0)
            tag = run->tags[i].value;
    }
    bool named = run->name != NULL && run->name[0] != '\0';
    bool tagged = tag != NULL && tag[0] != '\0';
    if (named && tagged && strcmp(run->name, tag) != 0)
        return mlf__fail(
            MLF_ERR_INVAL,
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with "
            "different values (run_name='%s', mlflow.runName='%s').",
            run->name, tag);
    if (!named && !tagged)
        mlf__random_name(random);
    *out = named ? run->name : tagged ? tag : random;
    return MLF_OK;
}

static mlf_status insert_new_run(struct mlf__sql_store *store, const struct mlf__run_create *run,
                                 const char *name, bool *created)
{
    mlf_experiment experiment;
    struct mlf__buf uri = {0};
    int64_t number, changes = 0;
    mlf_status status = mlf__sql_active_experiment(store, run->experiment_id, &experiment, &number);
    if (status != MLF_OK)
        return status;
    mlf__buf_puts(&uri, experiment.artifact_location);
    while (uri.len > 1 && uri.data[uri.len - 1] == '/')
        uri.data[--uri.len] = '\0';
    mlf__buf_printf(&uri, "/%s/artifacts", run->run_id);
    char *clean = mlf__clean_value(name, strlen(name), MLF__TAG_VALUE_MAX);
    if (uri.failed || clean == NULL)
        status = MLF_ERR_NOMEM;
    if (status == MLF_OK)
        status = mlf__sql_run(store, insert_run,
                              MLF__SQL_BIND(mlf__sql_text(run->run_id), mlf__sql_text(clean),
                                            mlf__sql_text(run->user != NULL ? run->user : ""),
                                            mlf__sql_int(run->start_time_ms),
                                            mlf__sql_text(uri.data), mlf__sql_int(number)),
                              &changes);
    *created = changes > 0;
    mlf__free(clean);
    mlf__buf_free(&uri);
    mlf_experiment_free(&experiment);
    return status;
}

mlf_status mlf__sql_run_create(struct mlf__store *front, const struct mlf__run_create *run)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    char random[24] = "";
    const char *name = random;
    bool own, created = false;
    if (!is_id(run->run_id))
        return mlf__fail(MLF_ERR_INVAL, "Invalid value \"%s\" for parameter 'run_id' supplied.",
                         run->run_id);
    mlf_status status = choose_name(run, random, &name);
    if (status == MLF_OK)
        status = mlf__sql_begin(front, true, &own);
    if (status != MLF_OK)
        return status;
    status = insert_new_run(store, run, name, &created);
    /* A run that is there already was written whole, in one transaction. */
    for (size_t i = 0; created && status == MLF_OK && i < run->n_tags; i++)
        status = write_tag(store, run->run_id, run->tags[i].key,
                           run->tags[i].value != NULL ? run->tags[i].value : "");
    if (created && status == MLF_OK)
        status = write_tag(store, run->run_id, run_name_tag, name);
    return mlf__sql_end(front, own, status);
}

mlf_status mlf__sql_run_update(struct mlf__store *front, const char *run_id, int run_status,
                               int64_t end_time_ms)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    const char *name = mlf__run_status_name(run_status);
    int64_t experiment;
    bool own;
    if (name == NULL)
        return mlf__fail(MLF_ERR_INVAL, "%d is not a run status", run_status);
    mlf_status status = mlf__sql_begin(front, true, &own);
    if (status != MLF_OK)
        return status;
    status = mlf__sql_active_run(store, run_id, &experiment);
    if (status == MLF_OK && end_time_ms < 0)
        status = mlf__sql_run(store, update_status,
                              MLF__SQL_BIND(mlf__sql_text(name), mlf__sql_text(run_id)), NULL);
    else if (status == MLF_OK)
        status = mlf__sql_run(
            store, update_end,
            MLF__SQL_BIND(mlf__sql_text(name), mlf__sql_int(end_time_ms), mlf__sql_text(run_id)),
            NULL);
    return mlf__sql_end(front, own, status);
}

/* ---- lifecycle ---- */

static void look_for_metadata(void *found, const char *name, bool required)
{
    (void)required;
    if (strcmp(name, "assessment_metadata") == 0)
        *(bool *)found = true;
}

/* Later versions of MLflow delete with a run what was said in it about traces, and keep sums of that: theirs to do. */
mlf_status mlf__sql_check_assessments(struct mlf__sql_store *store, const char *text,
                                      struct mlf__sql_value value)
{
    struct mlf__sql_stmt *stmt;
    bool row, has_table = false;
    mlf_status status =
        store->db.ops->columns(&store->db, "assessments", look_for_metadata, &has_table);
    if (status != MLF_OK || !has_table)
        return status;
    status = mlf__sql_query(store, text, &value, 1, &stmt, &row);
    if (status != MLF_OK)
        return status;
    if (row)
        status = mlf__fail(MLF_ERR_UNSUPPORTED,
                           "run %s has assessments of traces, which go with it: delete it with "
                           "MLflow's own client",
                           store->db.ops->column_text(stmt, 0));
    mlf__sql_done(store, stmt);
    return status;
}

/* Both statements leave a run alone that is in that state already. */
mlf_status mlf__sql_run_set_deleted(struct mlf__store *front, const char *run_id, bool deleted)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    int64_t changes = 0;
    bool own;
    mlf_status status = mlf__sql_begin(front, true, &own);
    if (status != MLF_OK)
        return status;
    if (deleted)
        status = mlf__sql_check_assessments(store, select_assessed, mlf__sql_text(run_id));
    if (status != MLF_OK)
        return mlf__sql_end(front, own, status);
    status =
        deleted
            ? mlf__sql_run(store, update_deleted,
                           MLF__SQL_BIND(mlf__sql_int(mlf__now_ms()), mlf__sql_text(run_id)),
                           &changes)
            : mlf__sql_run(store, update_restored, MLF__SQL_BIND(mlf__sql_text(run_id)), &changes);
    /* What was remembered of the run in this transaction holds no more. */
    store->n_runs = 0;
    if (status == MLF_OK && changes == 0)
        status = run_exists(store, run_id);
    return mlf__sql_end(front, own, status);
}

mlf_status mlf__sql_delete_tag(struct mlf__store *front, const char *run_id, const char *key)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    int64_t experiment, changes = 0;
    bool own;
    mlf_status status = mlf__sql_begin(front, true, &own);
    if (status != MLF_OK)
        return status;
    status = mlf__sql_active_run(store, run_id, &experiment);
    if (status == MLF_OK)
        status = mlf__sql_run(store, delete_tag,
                              MLF__SQL_BIND(mlf__sql_text(key), mlf__sql_text(run_id)), &changes);
    if (status == MLF_OK && changes == 0)
        status =
            mlf__fail(MLF_ERR_NOT_FOUND, "No tag with name: %s in run with id %s", key, run_id);
    return mlf__sql_end(front, own, status);
}

/* ---- params ---- */

/* Compares the value that is there with |value|; hands it out when they differ. */
static mlf_status compare_param(struct mlf__sql_store *store, const char *run_id, const char *key,
                                const char *value, char **stored)
{
    struct mlf__sql_stmt *stmt;
    bool row;
    mlf_status status = mlf__sql_query(
        store, select_param, MLF__SQL_BIND(mlf__sql_text(key), mlf__sql_text(run_id)), &stmt, &row);
    if (status != MLF_OK)
        return status;
    const char *old = row ? store->db.ops->column_text(stmt, 0) : NULL;
    if (old != NULL && strcmp(old, value) != 0) {
        status = mlf__fail(MLF_ERR_CONFLICT,
                           "Changing param values is not allowed. Param with key='%s' was already "
                           "logged with value='%s' for run ID='%s'. Attempted logging new value "
                           "'%s'.",
                           key, old, run_id, value);
        if (stored != NULL && (*stored = mlf__strdup(old)) == NULL)
            status = MLF_ERR_NOMEM;
    }
    mlf__sql_done(store, stmt);
    return status;
}

/* |insert| is the statement; when it leaves a value alone that is there, that one is compared. */
static mlf_status write_param(struct mlf__store *front, const char *insert, const char *run_id,
                              const char *key, const char *value, char **stored)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    int64_t experiment, changes = 0;
    bool own;
    mlf_status status = mlf__check_key(key, "Param key");
    if (status != MLF_OK)
        return status;
    char *clean = mlf__clean_value(value, strlen(value), MLF__PARAM_VALUE_MAX);
    if (clean == NULL)
        return MLF_ERR_NOMEM;
    status = mlf__sql_begin(front, true, &own);
    if (status == MLF_OK) {
        status = mlf__sql_active_run(store, run_id, &experiment);
        if (status == MLF_OK)
            status = mlf__sql_run(
                store, insert,
                MLF__SQL_BIND(mlf__sql_text(key), mlf__sql_text(clean), mlf__sql_text(run_id)),
                &changes);
        if (status == MLF_OK && changes == 0)
            status = compare_param(store, run_id, key, clean, stored);
        status = mlf__sql_end(front, own, status);
    }
    mlf__free(clean);
    return status;
}

mlf_status mlf__sql_log_param(struct mlf__store *front, const char *run_id, const char *key,
                              const char *value, char **stored)
{
    if (stored != NULL)
        *stored = NULL;
    return write_param(front, insert_param, run_id, key, value, stored);
}

mlf_status mlf__sql_replace_param(struct mlf__store *front, const char *run_id, const char *key,
                                  const char *value)
{
    return write_param(front, upsert_param, run_id, key, value, NULL);
}

/* ---- dataset inputs ---- */

/* MLflow's limits of a dataset, in code points. */
static mlf_status check_input(const struct mlf__dataset_input *input)
{
    const struct {
        const char *what, *text;
        size_t max;
    } limits[] = {
        {"name", input->name, MLF__DATASET_NAME_MAX}, {"digest", input->digest, 36},
        {"source_type", input->source_type, 36},      {"source", input->source, 65535},
        {"schema", input->schema, 1048575},           {"profile", input->profile, 16777215},
        {"input tag value", input->context, 500},
    };
    for (size_t i = 0; i < MLF__ARRAY_LEN(limits); i++) {
        if (limits[i].text == NULL)
            continue;
        size_t len = mlf__utf8_length(limits[i].text, strlen(limits[i].text));
        if (len == SIZE_MAX)
            return mlf__fail(MLF_ERR_INVAL, "the dataset's %s is not UTF-8", limits[i].what);
        if (len > limits[i].max)
            return mlf__fail(MLF_ERR_INVAL, "'%s' exceeds the maximum length of %zu characters",
                             limits[i].what, limits[i].max);
    }
    if (input->name == NULL || input->name[0] == '\0' || input->digest == NULL)
        return mlf__fail(MLF_ERR_INVAL, "a dataset needs a name and a digest");
    return MLF_OK;
}

static mlf_status dataset_uuid(struct mlf__sql_store *store, int64_t experiment,
                               const struct mlf__dataset_input *input, char **out)
{
    char id[MLF__ID_SIZE];
    mlf__new_id(id);
    mlf_status status = mlf__sql_run(
        store, insert_dataset,
        MLF__SQL_BIND(mlf__sql_text(id), mlf__sql_int(experiment), mlf__sql_text(input->name),
                      mlf__sql_text(input->digest),
                      mlf__sql_text(input->source_type != NULL ? input->source_type : ""),
                      mlf__sql_text(input->source != NULL ? input->source : ""),
                      mlf__sql_text(input->schema), mlf__sql_text(input->profile)),
        NULL);
    struct mlf__sql_stmt *stmt;
    bool row = false;
    if (status == MLF_OK)
        status = mlf__sql_query(store, select_dataset,
                                MLF__SQL_BIND(mlf__sql_int(experiment), mlf__sql_text(input->name),
                                              mlf__sql_text(input->digest)),
                                &stmt, &row);
    if (status != MLF_OK)
        return status;
    status = row ? mlf__sql_copy(store, stmt, 0, out)
                 : mlf__fail(MLF_ERR_STATE, "cannot store the dataset '%s'", input->name);
    mlf__sql_done(store, stmt);
    return status;
}

mlf_status mlf__sql_log_input(struct mlf__store *front, const char *run_id,
                              const struct mlf__dataset_input *input)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    char input_id[MLF__ID_SIZE], *dataset = NULL;
    int64_t experiment, changes = 0;
    bool own;
    mlf_status status = check_input(input);
    if (status == MLF_OK)
        status = mlf__sql_begin(front, true, &own);
    if (status != MLF_OK)
        return status;
    mlf__new_id(input_id);
    status = mlf__sql_active_run(store, run_id, &experiment);
    if (status == MLF_OK)
        status = dataset_uuid(store, experiment, input, &dataset);
    if (status == MLF_OK)
        status = mlf__sql_run(
            store, insert_input,
            MLF__SQL_BIND(mlf__sql_text(input_id), mlf__sql_text(dataset), mlf__sql_text(run_id)),
            &changes);
    /* A link that is there already keeps its context, as in MLflow. */
    if (status == MLF_OK && changes > 0 && input->context != NULL)
        status = mlf__sql_run(store, insert_input_tag,
                              MLF__SQL_BIND(mlf__sql_text(input_id), mlf__sql_text(input->context)),
                              NULL);
    mlf__free(dataset);
    return mlf__sql_end(front, own, status);
}
