/* SPDX-License-Identifier: Apache-2.0 */
/* Experiments in the SQL store. Where the database knows workspaces, only 'default' is used: that is
 * the one of a server without workspaces. */
#include "tracking/sql/sql_rows.h"

#include "core/buf.h"
#include "core/mem.h"
#include "core/sys.h"
#include "tracking/names.h"

#include <limits.h>
#include <string.h>

enum { LOCATION_MAX = 2048, TAG_VALUE_MAX = 20000 };

#define EXPERIMENT_COLUMNS                                                                         \
    "SELECT experiment_id, name, artifact_location, lifecycle_stage, creation_time, "              \
    "last_update_time "

static const char select_by_name[] = EXPERIMENT_COLUMNS "FROM experiments WHERE name = $1";
static const char select_by_name_in_workspace[] =
    EXPERIMENT_COLUMNS "FROM experiments WHERE name = $1 AND workspace = 'default'";
static const char select_by_id[] = EXPERIMENT_COLUMNS "FROM experiments WHERE experiment_id = $1";
static const char insert_experiment[] =
    "INSERT INTO experiments (name, artifact_location, lifecycle_stage, creation_time, "
    "last_update_time) VALUES ($1, '', 'active', $2, $3) ON CONFLICT DO NOTHING";
static const char insert_default[] =
    "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, "
    "creation_time, last_update_time) VALUES (0, 'Default', $1, 'active', $2, $3) "
    "ON CONFLICT DO NOTHING";
static const char update_location[] =
    "UPDATE experiments SET artifact_location = $1 WHERE experiment_id = $2";
static const char update_name[] =
    "UPDATE experiments SET name = $1, last_update_time = $2 WHERE experiment_id = $3";
static const char update_stage[] =
    "UPDATE experiments SET lifecycle_stage = $1, last_update_time = $2 WHERE experiment_id = $3";
/* Of all its runs, whatever their stage was. */
static const char delete_runs[] =
    "UPDATE runs SET lifecycle_stage = 'deleted', deleted_time = $1 WHERE experiment_id = $2";
static const char select_assessed_run[] =
    "SELECT run_uuid FROM runs JOIN assessments ON instr(assessment_metadata, "
    "'\"mlflow.assessment.sourceRunId\": \"' || run_uuid || '\"') > 0 "
    "WHERE runs.experiment_id = $1 LIMIT 1";
static const char restore_runs[] =
    "UPDATE runs SET lifecycle_stage = 'active', deleted_time = NULL WHERE experiment_id = $1";
static const char select_tags[] =
    "SELECT key, value FROM experiment_tags WHERE experiment_id = $1 ORDER BY key";
static const char upsert_tag[] =
    "INSERT INTO experiment_tags (key, value, experiment_id) VALUES ($1, $2, $3) "
    "ON CONFLICT (key, experiment_id) DO UPDATE SET value = excluded.value";
static const char delete_tag[] =
    "DELETE FROM experiment_tags WHERE key = $1 AND experiment_id = $2";

mlf_status mlf__sql_copy_experiment(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt,
                                    mlf_experiment *out)
{
    const char *stage = store->db.ops->column_text(stmt, 3);
    out->deleted = stage != NULL && strcmp(stage, "deleted") == 0;
    out->creation_time_ms = store->db.ops->column_int(stmt, 4);
    out->last_update_time_ms = store->db.ops->column_int(stmt, 5);
    mlf_status status = mlf__sql_copy_or_empty(store, stmt, 1, &out->name);
    return status == MLF_OK ? mlf__sql_copy_or_empty(store, stmt, 2, &out->artifact_location)
                            : status;
}

/* Reads the one experiment of a query; |*found| is false when there is none. */
static mlf_status read_experiment(struct mlf__sql_store *store, const char *text,
                                  struct mlf__sql_value value, mlf_experiment *out, bool *found)
{
    struct mlf__sql_stmt *stmt;
    *out = (mlf_experiment){0};
    mlf_status status = mlf__sql_query(store, text, &value, 1, &stmt, found);
    if (status != MLF_OK)
        return status;
    if (*found)
        status = mlf__sql_copy(store, stmt, 0, &out->id);
    if (status == MLF_OK && *found)
        status = mlf__sql_copy_experiment(store, stmt, out);
    mlf__sql_done(store, stmt);
    if (status == MLF_OK && *found)
        status = mlf__sql_read_pairs(store, select_tags, out->id, &out->tags, &out->n_tags);
    if (status != MLF_OK)
        mlf_experiment_free(out);
    return status;
}

static mlf_status read_by_name(struct mlf__sql_store *store, const char *name, mlf_experiment *out,
                               bool *found)
{
    const char *text = store->schema.workspaces ? select_by_name_in_workspace : select_by_name;
    return read_experiment(store, text, mlf__sql_text(name), out, found);
}

static mlf_status read_by_id(struct mlf__sql_store *store, const char *id, mlf_experiment *out,
                             int64_t *number)
{
    bool found = false;
    *out = (mlf_experiment){0};
    if (!mlf__parse_i64(id, number))
        return mlf__fail(MLF_ERR_INVAL,
                         "Invalid experiment ID '%s'. Experiment ID must be a valid integer.", id);
    mlf_status status = read_experiment(store, select_by_id, mlf__sql_int(*number), out, &found);
    if (status == MLF_OK && !found)
        status = mlf__fail(MLF_ERR_NOT_FOUND, "No Experiment with id=%s exists", id);
    return status;
}

/* "<artifact root>/<id>", as the caller's. */
static char *default_location(struct mlf__sql_store *store, const char *id)
{
    struct mlf__buf location = {0};
    mlf__buf_printf(&location, "%s/%s", store->db.ops->artifact_root(&store->db), id);
    return mlf__buf_take(&location);
}

/* MLflow makes experiment 0 when it opens a database that has no experiment: it comes before every other. */
static mlf_status create_default(struct mlf__sql_store *store)
{
    char *location = default_location(store, "0");
    if (location == NULL)
        return MLF_ERR_NOMEM;
    int64_t now = mlf__now_ms();
    mlf_status status = mlf__sql_run(
        store, insert_default,
        MLF__SQL_BIND(mlf__sql_text(location), mlf__sql_int(now), mlf__sql_int(now)), NULL);
    mlf__free(location);
    return status;
}

/* The row of a new experiment is read back into |out|; |location| NULL: the default. MLF_ERR_EXISTS when the name is taken. */
static mlf_status insert_new(struct mlf__sql_store *store, const char *name, const char *location,
                             mlf_experiment *out)
{
    bool found = false;
    int64_t number = 0, changes = 0, now = mlf__now_ms();
    mlf_status status = create_default(store);
    if (status == MLF_OK)
        status = mlf__sql_run(
            store, insert_experiment,
            MLF__SQL_BIND(mlf__sql_text(name), mlf__sql_int(now), mlf__sql_int(now)), &changes);
    if (status == MLF_OK)
        status = read_by_name(store, name, out, &found);
    if (status != MLF_OK)
        return status;
    if (!found || !mlf__parse_i64(out->id, &number))
        return mlf__fail(MLF_ERR_STATE, "cannot create the experiment '%s' in %s", name,
                         store->db.ops->describe(&store->db));
    if (changes == 0)
        return mlf__fail(MLF_ERR_EXISTS, "Experiment(name=%s) already exists.%s", name,
                         out->deleted ? " It is deleted: restore it, or choose another name." : "");
    mlf__free(out->artifact_location);
    out->artifact_location =
        location != NULL ? mlf__strdup(location) : default_location(store, out->id);
    if (out->artifact_location == NULL)
        return MLF_ERR_NOMEM;
    return mlf__sql_run(store, update_location,
                        MLF__SQL_BIND(mlf__sql_text(out->artifact_location), mlf__sql_int(number)),
                        NULL);
}

mlf_status mlf__sql_experiment_ensure(struct mlf__store *front, const char *name,
                                      mlf_experiment *out)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    bool own, found = false;
    *out = (mlf_experiment){0};
    mlf_status status = mlf__check_experiment_name(name);
    if (status == MLF_OK)
        status = mlf__sql_begin(front, true, &own);
    if (status != MLF_OK)
        return status;
    status = read_by_name(store, name, out, &found);
    if (status == MLF_OK && !found) {
        status = insert_new(store, name, NULL, out);
        /* Asking for the default one has just made it. */
        if (status == MLF_ERR_EXISTS)
            status = MLF_OK;
    }
    if (status == MLF_OK && out->deleted)
        status = mlf__fail(MLF_ERR_STATE,
                           "The experiment '%s' (id %s) is deleted. Restore it, or choose another "
                           "experiment name.",
                           name, out->id);
    status = mlf__sql_end(front, own, status);
    if (status != MLF_OK)
        mlf_experiment_free(out);
    return status;
}

mlf_status mlf__sql_experiment_by_name(struct mlf__store *front, const char *name,
                                       mlf_experiment *out)
{
    bool own, found = false;
    *out = (mlf_experiment){0};
    mlf_status status = mlf__sql_begin(front, false, &own);
    if (status != MLF_OK)
        return status;
    status = read_by_name(mlf__sql_store_of(front), name, out, &found);
    if (status == MLF_OK && !found)
        status = mlf__fail(MLF_ERR_NOT_FOUND, "there is no experiment '%s'", name);
    status = mlf__sql_end(front, own, status);
    if (status != MLF_OK)
        mlf_experiment_free(out);
    return status;
}

mlf_status mlf__sql_experiment_get(struct mlf__store *front, const char *id, mlf_experiment *out)
{
    int64_t number;
    bool own;
    *out = (mlf_experiment){0};
    mlf_status status = mlf__sql_begin(front, false, &own);
    if (status != MLF_OK)
        return status;
    status = mlf__sql_end(front, own, read_by_id(mlf__sql_store_of(front), id, out, &number));
    if (status != MLF_OK)
        mlf_experiment_free(out);
    return status;
}

/* Like read_by_id, for writing: experiment 0 is made when it is asked for and not there. */
static mlf_status find_experiment(struct mlf__sql_store *store, const char *id, mlf_experiment *out,
                                  int64_t *number)
{
    mlf_status status = read_by_id(store, id, out, number);
    if (status != MLF_ERR_NOT_FOUND || *number != 0)
        return status;
    status = create_default(store);
    return status == MLF_OK ? read_by_id(store, id, out, number) : status;
}

mlf_status mlf__sql_active_experiment(struct mlf__sql_store *store, const char *id,
                                      mlf_experiment *out, int64_t *number)
{
    mlf_status status = find_experiment(store, id, out, number);
    if (status == MLF_OK && out->deleted) {
        status = mlf__fail(
            MLF_ERR_INVAL,
            "The experiment %s must be in the 'active' state. Current state is deleted.", id);
        mlf_experiment_free(out);
    }
    return status;
}

/* ---- creating and changing ---- */

/* Is the tag one that MLflow takes on an experiment? Its value is never cut. */
static mlf_status check_tag(const char *key, const char *value)
{
    mlf_status status = mlf__check_key(key, "key");
    if (status != MLF_OK)
        return status;
    size_t len = mlf__utf8_length(value, strlen(value));
    if (len == SIZE_MAX)
        return mlf__fail(MLF_ERR_INVAL, "the value of tag '%s' is not valid UTF-8", key);
    return len <= TAG_VALUE_MAX
               ? MLF_OK
               : mlf__fail(MLF_ERR_INVAL, "'value' exceeds the maximum length of %d characters",
                           TAG_VALUE_MAX);
}

/* A location as MLflow keeps it: a relative path, also of a file: URI, is of the current directory. */
static mlf_status resolve_location(const char *location, struct mlf__buf *out)
{
    char absolute[PATH_MAX];
    bool is_file = strncmp(location, "file:", 5) == 0;
    const char *path = is_file ? location + 5 : location;
    if (strncmp(location, "runs:", 5) == 0)
        return mlf__fail(MLF_ERR_INVAL, "Artifact location cannot be a runs:/ URI. Given: '%s'",
                         location);
    bool relative = path[0] != '/' && path[strcspn(path, ":/")] != ':';
    while (relative && strncmp(path, "./", 2) == 0)
        path += 2;
    if (!relative)
        mlf__buf_puts(out, location);
    else if (mlf__absolute_path(strcmp(path, ".") == 0 ? "" : path, absolute, sizeof(absolute)))
        mlf__buf_printf(out, "%s%s", is_file ? "file://" : "", absolute);
    else
        return mlf__fail(MLF_ERR_INVAL, "the artifact location '%s' is too long", location);
    if (out->failed)
        return MLF_ERR_NOMEM;
    size_t len = mlf__utf8_length(out->data, out->len);
    return len <= LOCATION_MAX
               ? MLF_OK
               : mlf__fail(MLF_ERR_INVAL,
                           "Invalid artifact path length. The length of the artifact path cannot "
                           "be greater than %d characters, and they must be UTF-8.",
                           LOCATION_MAX);
}

static mlf_status write_tag(struct mlf__sql_store *store, int64_t number, const mlf_key_value *tag)
{
    return mlf__sql_run(
        store, upsert_tag,
        MLF__SQL_BIND(mlf__sql_text(tag->key), mlf__sql_text(tag->value), mlf__sql_int(number)),
        NULL);
}

static mlf_status check_new(const struct mlf__experiment_create *experiment,
                            struct mlf__buf *location)
{
    mlf_status status = mlf__check_experiment_name(experiment->name);
    for (size_t i = 0; status == MLF_OK && i < experiment->n_tags; i++)
        status = check_tag(experiment->tags[i].key, experiment->tags[i].value);
    if (status == MLF_OK && experiment->artifact_location != NULL &&
        experiment->artifact_location[0] != '\0')
        status = resolve_location(experiment->artifact_location, location);
    return status;
}

mlf_status mlf__sql_experiment_create(struct mlf__store *front,
                                      const struct mlf__experiment_create *experiment, char **id)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    mlf_experiment made = {0};
    struct mlf__buf location = {0};
    int64_t number = 0;
    bool own;
    *id = NULL;
    mlf_status status = check_new(experiment, &location);
    if (status == MLF_OK)
        status = mlf__sql_begin(front, true, &own);
    if (status != MLF_OK) {
        mlf__buf_free(&location);
        return status;
    }
    status = insert_new(store, experiment->name, location.data, &made);
    if (status == MLF_OK && !mlf__parse_i64(made.id, &number))
        status = MLF_ERR_CORRUPT;
    for (size_t i = 0; status == MLF_OK && i < experiment->n_tags; i++)
        status = write_tag(store, number, &experiment->tags[i]);
    if (status == MLF_OK && (*id = mlf__strdup(made.id)) == NULL)
        status = MLF_ERR_NOMEM;
    status = mlf__sql_end(front, own, status);
    if (status != MLF_OK) {
        mlf__free(*id);
        *id = NULL;
    }
    mlf_experiment_free(&made);
    mlf__buf_free(&location);
    return status;
}

static mlf_status rename_to(struct mlf__sql_store *store, const char *id, const char *name)
{
    mlf_experiment old = {0}, other = {0};
    int64_t number, holder = 0;
    bool taken = false;
    mlf_status status = find_experiment(store, id, &old, &number);
    if (status != MLF_OK)
        return status;
    if (old.deleted)
        status = mlf__fail(MLF_ERR_STATE, "Cannot rename a non-active experiment.");
    if (status == MLF_OK)
        status = read_by_name(store, name, &other, &taken);
    if (status == MLF_OK && taken && mlf__parse_i64(other.id, &holder) && holder != number)
        status = mlf__fail(MLF_ERR_EXISTS, "Experiment(name=%s) already exists.", name);
    if (status == MLF_OK)
        status = mlf__sql_run(
            store, update_name,
            MLF__SQL_BIND(mlf__sql_text(name), mlf__sql_int(mlf__now_ms()), mlf__sql_int(number)),
            NULL);
    mlf_experiment_free(&old);
    mlf_experiment_free(&other);
    return status;
}

mlf_status mlf__sql_experiment_rename(struct mlf__store *front, const char *id, const char *name)
{
    bool own;
    mlf_status status = mlf__check_experiment_name(name);
    if (status == MLF_OK)
        status = mlf__sql_begin(front, true, &own);
    if (status != MLF_OK)
        return status;
    return mlf__sql_end(front, own, rename_to(mlf__sql_store_of(front), id, name));
}

mlf_status mlf__sql_experiment_set_tag(struct mlf__store *front, const char *id, const char *key,
                                       const char *value)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    const mlf_key_value tag = {key, value};
    mlf_experiment experiment = {0};
    int64_t number;
    bool own;
    mlf_status status = check_tag(key, value);
    if (status == MLF_OK)
        status = mlf__sql_begin(front, true, &own);
    if (status != MLF_OK)
        return status;
    status = mlf__sql_active_experiment(store, id, &experiment, &number);
    if (status == MLF_OK)
        status = write_tag(store, number, &tag);
    mlf_experiment_free(&experiment);
    return mlf__sql_end(front, own, status);
}

mlf_status mlf__sql_experiment_delete_tag(struct mlf__store *front, const char *id, const char *key)
{
    struct mlf__sql_store *store = mlf__sql_store_of(front);
    mlf_experiment experiment = {0};
    int64_t number, changes = 0;
    bool own;
    mlf_status status = mlf__sql_begin(front, true, &own);
    if (status != MLF_OK)
        return status;
    status = mlf__sql_active_experiment(store, id, &experiment, &number);
    if (status == MLF_OK)
        status = mlf__sql_run(store, delete_tag,
                              MLF__SQL_BIND(mlf__sql_text(key), mlf__sql_int(number)), &changes);
    if (status == MLF_OK && changes == 0)
        status =
            mlf__fail(MLF_ERR_NOT_FOUND, "No tag with name: %s in experiment with id %s", key, id);
    mlf_experiment_free(&experiment);
    return mlf__sql_end(front, own, status);
}

static mlf_status set_deleted(struct mlf__sql_store *store, const char *id, bool deleted)
{
    mlf_experiment experiment = {0};
    int64_t number = 0, now = mlf__now_ms();
    mlf_status status = find_experiment(store, id, &experiment, &number);
    if (status == MLF_OK && experiment.deleted == deleted)
        status = mlf__fail(MLF_ERR_NOT_FOUND, "No Experiment with id=%s exists that is %s", id,
                           deleted ? "active: it is deleted already" : "deleted: it is active");
    mlf_experiment_free(&experiment);
    if (status == MLF_OK && deleted)
        status = mlf__sql_check_assessments(store, select_assessed_run, mlf__sql_int(number));
    /* What was remembered of its runs in this transaction holds no more. */
    store->n_runs = 0;
    if (status == MLF_OK)
        status = mlf__sql_run(store, update_stage,
                              MLF__SQL_BIND(mlf__sql_text(deleted ? "deleted" : "active"),
                                            mlf__sql_int(now), mlf__sql_int(number)),
                              NULL);
    if (status != MLF_OK)
        return status;
    return deleted ? mlf__sql_run(store, delete_runs,
                                  MLF__SQL_BIND(mlf__sql_int(now), mlf__sql_int(number)), NULL)
                   : mlf__sql_run(store, restore_runs, MLF__SQL_BIND(mlf__sql_int(number)), NULL);
}

mlf_status mlf__sql_experiment_set_deleted(struct mlf__store *front, const char *id, bool deleted)
{
    bool own;
    mlf_status status = mlf__sql_begin(front, true, &own);
    if (status != MLF_OK)
        return status;
    return mlf__sql_end(front, own, set_deleted(mlf__sql_store_of(front), id, deleted));
}
