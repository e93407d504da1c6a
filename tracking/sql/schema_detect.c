/* SPDX-License-Identifier: Apache-2.0 */
/* Finds out what an existing database has. No list of revisions is kept: a later MLflow adds tables,
 * and columns with defaults, and everything of the 3.1 head stays; what breaks that is found by looking
 * at the columns themselves. */
#include "tracking/sql/schema.h"

#include "core/buf.h"
#include "core/mem.h"

#include <stdio.h>
#include <string.h>

enum { COLUMNS_MAX = 16 };

enum group { GROUP_CORE, GROUP_DATASETS, GROUP_MODELS, GROUP_COUNT };

/* The tables that are written, with the columns that are known. */
static const struct table {
    const char *name;
    enum group group;
    const char *columns[COLUMNS_MAX];
} tables[] = {
    {"experiments",
     GROUP_CORE,
     {"experiment_id", "name", "artifact_location", "lifecycle_stage", "creation_time",
      "last_update_time"}},
    {"runs",
     GROUP_CORE,
     {"run_uuid", "name", "source_type", "source_name", "entry_point_name", "user_id", "status",
      "start_time", "end_time", "source_version", "lifecycle_stage", "artifact_uri",
      "experiment_id", "deleted_time"}},
    {"params", GROUP_CORE, {"key", "value", "run_uuid"}},
    {"tags", GROUP_CORE, {"key", "value", "run_uuid"}},
    {"metrics", GROUP_CORE, {"key", "value", "timestamp", "run_uuid", "step", "is_nan"}},
    {"latest_metrics", GROUP_CORE, {"key", "value", "timestamp", "step", "is_nan", "run_uuid"}},
    {"datasets",
     GROUP_DATASETS,
     {"dataset_uuid", "experiment_id", "name", "digest", "dataset_source_type", "dataset_source",
      "dataset_schema", "dataset_profile"}},
    {"inputs",
     GROUP_DATASETS,
     {"input_uuid", "source_type", "source_id", "destination_type", "destination_id"}},
    {"input_tags", GROUP_DATASETS, {"input_uuid", "name", "value"}},
    {"logged_models",
     GROUP_MODELS,
     {"model_id", "experiment_id", "name", "artifact_location", "creation_timestamp_ms",
      "last_updated_timestamp_ms", "status", "lifecycle_stage", "model_type", "source_run_id",
      "status_message"}},
    {"logged_model_params",
     GROUP_MODELS,
     {"model_id", "experiment_id", "param_key", "param_value"}},
    {"logged_model_tags", GROUP_MODELS, {"model_id", "experiment_id", "tag_key", "tag_value"}},
    {"logged_model_metrics",
     GROUP_MODELS,
     {"model_id", "metric_name", "metric_timestamp_ms", "metric_step", "metric_value",
      "experiment_id", "run_id", "dataset_uuid", "dataset_name", "dataset_digest"}},
};

/* One look at a table. */
struct look {
    const struct table *table;
    bool exists;
    bool seen[COLUMNS_MAX];
    bool has_step; /* of inputs */
    bool has_workspace;
    char unknown[64]; /* a column that must be written and that we know nothing of */
};

static void look_at_column(void *context, const char *name, bool required)
{
    struct look *look = context;
    look->exists = true;
    look->has_step |= strcmp(name, "step") == 0;
    look->has_workspace |= strcmp(name, "workspace") == 0;
    for (size_t i = 0; i < COLUMNS_MAX && look->table->columns[i] != NULL; i++) {
        if (strcmp(look->table->columns[i], name) == 0) {
            look->seen[i] = true;
            return;
        }
    }
    if (required)
        mlf__copy_text(look->unknown, sizeof(look->unknown), name);
}

static const char *missing_column(const struct look *look)
{
    for (size_t i = 0; i < COLUMNS_MAX && look->table->columns[i] != NULL; i++)
        if (!look->seen[i])
            return look->table->columns[i];
    return NULL;
}

static void note_obstacle(struct mlf__schema *out, bool is_new, const char *format,
                          const char *table, const char *column)
{
    char text[sizeof(out->obstacle)];
    out->writable = false;
    if (out->obstacle[0] != '\0')
        return;
    int len = snprintf(text, sizeof(text), "%s '%s%s%s' %s", column[0] == '\0' ? "table" : "column",
                       table, column[0] == '\0' ? "" : ".", column, format);
    if (len > 0)
        mlf__copy_text(out->obstacle, sizeof(out->obstacle), text);
    out->obstacle_is_new = is_new;
}

/* Looks at one table; |groups| loses the groups that are not complete. */
static mlf_status look_at_table(struct mlf__sql *db, const struct table *table, bool *groups,
                                struct mlf__schema *out)
{
    struct look look = {.table = table};
    mlf_status status = db->ops->columns(db, table->name, look_at_column, &look);
    if (status != MLF_OK)
        return status;
    const char *missing = missing_column(&look);
    if (missing != NULL) {
        groups[table->group] = false;
        note_obstacle(out, false, "is missing", table->name, look.exists ? missing : "");
    }
    if (look.unknown[0] != '\0')
        note_obstacle(out, true, "needs a value that mlf does not know", table->name, look.unknown);
    if (strcmp(table->name, "experiments") == 0)
        out->workspaces = look.has_workspace;
    if (strcmp(table->name, "inputs") == 0) {
        out->input_steps = look.has_step;
        if (look.exists && !look.has_step)
            note_obstacle(out, false, "is missing", "inputs", "step");
    }
    return MLF_OK;
}

static void note_existence(void *context, const char *name, bool required)
{
    (void)required;
    if (strcmp(name, "version_num") == 0)
        *(bool *)context = true;
}

static mlf_status read_revision(struct mlf__sql *db, struct mlf__schema *out)
{
    bool exists = false;
    mlf_status status = db->ops->columns(db, "alembic_version", note_existence, &exists);
    if (status == MLF_OK && !exists)
        return mlf__fail(MLF_ERR_SCHEMA,
                         "%s is not an MLflow database; choose another file for the tracking URI",
                         db->ops->describe(db));
    struct mlf__sql_stmt *stmt = NULL;
    bool row = false;
    if (status == MLF_OK)
        status = db->ops->prepare(db, "SELECT version_num FROM alembic_version", &stmt);
    if (status == MLF_OK)
        status = db->ops->step(db, stmt, &row);
    const char *text = row ? db->ops->column_text(stmt, 0) : NULL;
    mlf__copy_text(out->revision, sizeof(out->revision), text != NULL ? text : "none");
    db->ops->finalize(stmt);
    return status;
}

mlf_status mlf__schema_detect(struct mlf__sql *db, struct mlf__schema *out)
{
    bool groups[GROUP_COUNT] = {true, true, true};
    *out = (struct mlf__schema){.writable = true};
    mlf_status status = read_revision(db, out);
    for (size_t i = 0; status == MLF_OK && i < MLF__ARRAY_LEN(tables); i++)
        status = look_at_table(db, &tables[i], groups, out);
    if (status != MLF_OK)
        return status;
    out->datasets = groups[GROUP_DATASETS];
    out->logged_models = groups[GROUP_MODELS] && out->input_steps;
    if (!groups[GROUP_CORE])
        return mlf__fail(MLF_ERR_SCHEMA,
                         "%s cannot be read as an MLflow database (revision %s): %s; if it is an "
                         "old one, run `mlflow db upgrade` on it",
                         db->ops->describe(db), out->revision, out->obstacle);
    return MLF_OK;
}

mlf_status mlf__schema_require_writable(const struct mlf__sql *db, const struct mlf__schema *schema,
                                        const char *uri)
{
    if (schema->writable)
        return MLF_OK;
    if (schema->obstacle_is_new)
        return mlf__fail(MLF_ERR_SCHEMA,
                         "%s has a schema of a later MLflow (revision %s) that cannot be written "
                         "safely: %s; use a newer mlf, or another database",
                         db->ops->describe(db), schema->revision, schema->obstacle);
    char *display = mlf__uri_display(uri);
    if (display != NULL)
        display[strcspn(display, "?")] = '\0'; /* options of ours are none of MLflow's */
    mlf_status status = mlf__fail(
        MLF_ERR_SCHEMA,
        "%s has the schema of an MLflow before 3.1 (revision %s): %s; make a copy, then run "
        "`mlflow db upgrade %s` with MLflow 3.1 or later",
        db->ops->describe(db), schema->revision, schema->obstacle, display != NULL ? display : "");
    mlf__free(display);
    return status;
}
