/* SPDX-License-Identifier: Apache-2.0 */
/* Experiments in the SQL store. Where the database knows workspaces, only 'default' is used: that is
 * the one of a server without workspaces. */
#include "tracking/sql/sql_store.h"

#include "core/buf.h"
#include "core/mem.h"
#include "core/sys.h"
#include "tracking/names.h"

#include <string.h>

#define EXPERIMENT_COLUMNS "SELECT experiment_id, name, artifact_location, lifecycle_stage "

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

static mlf_status copy_experiment(struct mlf__sql_store *store, struct mlf__sql_stmt *stmt,
                                  mlf_experiment *out)
{
    const char *stage = store->db.ops->column_text(stmt, 3);
    out->deleted = stage != NULL && strcmp(stage, "deleted") == 0;
    mlf_status status = mlf__sql_copy(store, stmt, 0, &out->id);
    if (status == MLF_OK)
        status = mlf__sql_copy(store, stmt, 1, &out->name);
    if (status == MLF_OK)
        status = mlf__sql_copy(store, stmt, 2, &out->artifact_location);
    if (status == MLF_OK && out->artifact_location == NULL &&
        (out->artifact_location = mlf__strdup("")) == NULL)
        status = MLF_ERR_NOMEM;
    return status;
}

/* Reads the one experiment of a query; |*found| is false when there is none. */
static mlf_status read_experiment(struct mlf__sql_store *store, const char *text,
                                  struct mlf__sql_value value, mlf_experiment *out,
                                  bool *found)
{
    struct mlf__sql_stmt *stmt;
    *out = (mlf_experiment){0};
    mlf_status status = mlf__sql_query(store, text, &value, 1, &stmt, found);
    if (status != MLF_OK)
        return status;
    if (*found)
        status = copy_experiment(store, stmt, out);
    mlf__sql_done(store, stmt);
    if (status != MLF_OK)
        mlf_experiment_free(out);
    return status;
}

static mlf_status read_by_name(struct mlf__sql_store *store, const char *name,
                               mlf_experiment *out, bool *found)
{
    const char *text = store->schema.workspaces ? select_by_name_in_workspace : select_by_name;
    return read_experiment(store, text, mlf__sql_text(name), out, found);
}

static mlf_status read_by_id(struct mlf__sql_store *store, const char *id,
                             mlf_experiment *out, int64_t *number)
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

static mlf_status create_experiment(struct mlf__sql_store *store, const char *name,
                                    mlf_experiment *out)
{
    bool found = false;
    int64_t number = 0, now = mlf__now_ms();
    mlf_status status = mlf__sql_run(
        store, insert_experiment,
        MLF__SQL_BIND(mlf__sql_text(name), mlf__sql_int(now), mlf__sql_int(now)), NULL);
    if (status == MLF_OK)
        status = read_by_name(store, name, out, &found);
    if (status != MLF_OK)
        return status;
    if (!found || !mlf__parse_i64(out->id, &number))
        return mlf__fail(MLF_ERR_STATE, "cannot create the experiment '%s' in %s", name,
                         store->db.ops->describe(&store->db));
    mlf__free(out->artifact_location);
    out->artifact_location = default_location(store, out->id);
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
    if (status == MLF_OK && !found)
        status = create_experiment(store, name, out);
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

mlf_status mlf__sql_experiment_get(struct mlf__store *front, const char *id,
                                   mlf_experiment *out)
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

/* MLflow makes experiment 0 when it opens a database that lacks it; so do we when it is asked for. */
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

mlf_status mlf__sql_active_experiment(struct mlf__sql_store *store, const char *id,
                                      mlf_experiment *out, int64_t *number)
{
    mlf_status status = read_by_id(store, id, out, number);
    if (status == MLF_ERR_NOT_FOUND && *number == 0) {
        status = create_default(store);
        if (status == MLF_OK)
            status = read_by_id(store, id, out, number);
    }
    if (status == MLF_OK && out->deleted) {
        status = mlf__fail(
            MLF_ERR_INVAL,
            "The experiment %s must be in the 'active' state. Current state is deleted.", id);
        mlf_experiment_free(out);
    }
    return status;
}
