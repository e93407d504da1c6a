/* SPDX-License-Identifier: Apache-2.0 */
/* Compares the tables that we create with those that MLflow 3.1 creates, as recorded in
 * tests/data/mlflow-3.1-tables.tsv. */
#include "test_tracking_store.h"

#include "tracking/sql/schema.h"

enum { LINES_MAX = 600 };

static char *wanted[LINES_MAX], *found[LINES_MAX], *constraints[LINES_MAX];
static size_t n_wanted, n_found, n_constraints;

/* Every line of the recording that a pragma of SQLite tells, with its table before it. */
static const char generate[] =
    "SELECT name || char(9) || 'table' FROM sqlite_master WHERE type = 'table';"
    "SELECT m.name || char(9) || 'column' || char(9) || c.name || char(9) || c.type || char(9) || "
    "CASE c.\"notnull\" WHEN 1 THEN 'not null' ELSE 'null' END || char(9) || 'default=' || "
    "coalesce(c.dflt_value, '-') || char(9) || 'pk=' || CASE c.pk WHEN 0 THEN '-' ELSE c.pk END "
    "FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table';"
    "SELECT t || char(9) || 'foreign key' || char(9) || '(' || group_concat(f, ', ') || ') -> ' || "
    "p || '(' || group_concat(k, ', ') || ')' || char(9) || 'on update ' || u || char(9) || "
    "'on delete ' || d FROM (SELECT m.name t, f.\"from\" f, f.\"table\" p, f.\"to\" k, "
    "f.on_update u, f.on_delete d, f.id i FROM sqlite_master m, pragma_foreign_key_list(m.name) f "
    "WHERE m.type = 'table' ORDER BY m.name, f.id, f.seq) GROUP BY t, i;"
    "SELECT t || char(9) || 'index' || char(9) || x || char(9) || '(' || group_concat(c, ', ') || "
    "')' FROM (SELECT m.name t, l.name x, i.name c FROM sqlite_master m, "
    "pragma_index_list(m.name) l, pragma_index_info(l.name) i "
    "WHERE m.type = 'table' AND l.origin = 'c' ORDER BY m.name, l.name, i.seqno) GROUP BY t, x";

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void read_recording(void)
{
    char file[PATH_MAX], line[1024], table[128] = "", text[1200];
    snprintf(file, sizeof(file), "%s", __FILE__);
    char *slash = strrchr(file, '/');
    snprintf(slash, sizeof(file) - (size_t)(slash - file), "/../data/mlflow-3.1-tables.tsv");
    FILE *in = fopen(file, "r");
    while (in != NULL && fgets(line, sizeof(line), in) != NULL && n_wanted < LINES_MAX) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#')
            continue;
        if (strncmp(line, "table\t", 6) == 0)
            snprintf(table, sizeof(table), "%.100s", line + 6);
        snprintf(text, sizeof(text), "%s\t%s", table, line[0] == '\t' ? line + 1 : "table");
        bool constraint = strstr(text, "\tprimary key name\t") != NULL ||
                          strstr(text, "\tunique\t") != NULL || strstr(text, "\tcheck\t") != NULL;
        if (constraint)
            constraints[n_constraints++] = strdup(text);
        else
            wanted[n_wanted++] = strdup(text);
    }
    if (in != NULL)
        fclose(in);
    qsort(wanted, n_wanted, sizeof(*wanted), compare);
}

static void read_created(const char *path)
{
    char *lines = strdup(sql(path, generate));
    for (char *line = strtok(lines, "\n"); line != NULL && n_found < LINES_MAX;
         line = strtok(NULL, "\n"))
        found[n_found++] = strdup(line);
    free(lines);
    qsort(found, n_found, sizeof(*found), compare);
}

/* Names of primary keys, checks, and uniqueness that the primary key implies are in the text of the
 * statements only. */
static void compare_constraint(const char *path, const char *line)
{
    char table[128], query[256], want[512];
    const char *kind = strchr(line, '\t') + 1, *rest = strchr(kind, '\t') + 1;
    snprintf(table, sizeof(table), "%.*s", (int)(kind - line - 1), line);
    snprintf(query, sizeof(query), "SELECT sql FROM sqlite_master WHERE name = '%s'", table);
    if (strncmp(kind, "unique", 6) == 0)
        snprintf(want, sizeof(want), ", UNIQUE %s", rest);
    else if (strncmp(kind, "check", 5) != 0)
        snprintf(want, sizeof(want), "CONSTRAINT %s PRIMARY KEY (", rest);
    else if (strncmp(rest, "(unnamed)\t", 10) == 0)
        snprintf(want, sizeof(want), ", CHECK (%s)", rest + 10);
    else
        snprintf(want, sizeof(want), "CONSTRAINT %.*s CHECK (%s)", (int)strcspn(rest, "\t"), rest,
                 strchr(rest, '\t') + 1);
    OK(strstr(sql(path, query), want) != NULL, "%s: %s", table, want);
}

/* MLflow's later migrations refer to these by name; without them its server does not start. */
static void keys_have_their_names(const char *path)
{
    static const char *const names[] = {
        "fk_trace_info_experiment_id",          "fk_trace_tags_request_id",
        "fk_trace_request_metadata_request_id", "fk_datasets_experiment_id_experiments",
        "fk_logged_models_experiment_id",       "fk_logged_model_metrics_run_id",
    };
    for (size_t i = 0; i < MLF__ARRAY_LEN(names); i++) {
        char query[256];
        snprintf(
            query, sizeof(query),
            "SELECT count(*) FROM sqlite_master WHERE sql LIKE '%%CONSTRAINT %s FOREIGN KEY%%'",
            names[i]);
        STR(sql(path, query), "1\n", names[i]);
    }
}

int main(void)
{
    folder_make();
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s", in_folder("mlflow.db"));
    struct mlf__store *store = open_store(uri_of("mlflow.db"), MLF__STORE_WRITE);
    OK(store != NULL, "a database is created");
    mlf__store_close(store);
    read_recording();
    read_created(path);
    OK(n_wanted > 100, "the recording is there");
    size_t i = 0, j = 0;
    while (i < n_wanted || j < n_found) {
        int order = i == n_wanted ? 1 : j == n_found ? -1 : strcmp(wanted[i], found[j]);
        OK(order == 0, "%s: %s",
           order < 0   ? "missing"
           : order > 0 ? "in excess"
                       : "as recorded",
           order <= 0 ? wanted[i] : found[j]);
        i += order <= 0;
        j += order >= 0;
    }
    for (size_t k = 0; k < n_constraints; k++)
        compare_constraint(path, constraints[k]);
    keys_have_their_names(path);
    STR(sql(path, "SELECT sum((length(sql) - length(replace(sql, 'CHECK (', ''))) / 7), "
                  "sum((length(sql) - length(replace(sql, 'UNIQUE (', ''))) / 8) "
                  "FROM sqlite_master WHERE type = 'table'"),
        "7|2\n", "there are no other checks");
    STR(sql(path, "SELECT version_num FROM alembic_version"), MLF__SCHEMA_HEAD "\n", "the head");
    STR(sql(path, "SELECT experiment_id, name, lifecycle_stage FROM experiments"),
        "0|Default|active\n", "and the default experiment");
    folder_remove();
    for (size_t k = 0; k < LINES_MAX; k++) {
        free(wanted[k]);
        free(found[k]);
        free(constraints[k]);
    }
    return tap_done();
}
