/* SPDX-License-Identifier: Apache-2.0 */
/* mlf runs compare: runs side by side; in each part the rows that differ come first. */
#include "cli/runs_actions.h"

#include "cli/json.h"
#include "cli/runs_pick.h"
#include "cli/runs_show.h"
#include "cli/table.h"
#include "core/buf.h"
#include "core/mem.h"

#include <stdlib.h>
#include <string.h>

/* What a run has of one part, by index. */
struct part {
    const char *name;  /* in JSON */
    const char *title; /* for people */
    size_t (*count)(const mlf_run_record *run);
    /* |value| has room for a number. */
    const char *(*get)(const mlf_run_record *run, size_t i, char *number, const char **value);
};

static size_t count_params(const mlf_run_record *run)
{
    return run->n_params;
}

static size_t count_metrics(const mlf_run_record *run)
{
    return run->n_metrics;
}

static size_t count_tags(const mlf_run_record *run)
{
    return run->n_tags;
}

static const char *get_param(const mlf_run_record *run, size_t i, char *number, const char **value)
{
    (void)number;
    *value = run->params[i].value;
    return run->params[i].key;
}

static const char *get_metric(const mlf_run_record *run, size_t i, char *number, const char **value)
{
    mlf__format_double(number, run->metrics[i].value);
    *value = number;
    return run->metrics[i].key;
}

static const char *get_tag(const mlf_run_record *run, size_t i, char *number, const char **value)
{
    (void)number;
    *value = run->tags[i].value;
    return run->tags[i].key;
}

static const struct part parts[] = {{"params", "PARAMS", count_params, get_param},
                                    {"metrics", "METRICS", count_metrics, get_metric},
                                    {"tags", "TAGS", count_tags, get_tag}};

/* ---- rows ---- */

/* A key of any of the runs, with the values that they have for it. */
struct row {
    const char *key; /* of one of the runs */
    char **values;   /* owned; NULL: that run has none */
    bool differs;
};

struct rows {
    struct row *rows;
    size_t n, cap;
};

static void free_rows(struct rows *rows, size_t n_runs)
{
    for (size_t i = 0; i < rows->n; i++) {
        for (size_t r = 0; rows->rows[i].values != NULL && r < n_runs; r++)
            mlf__free(rows->rows[i].values[r]);
        mlf__free(rows->rows[i].values);
    }
    mlf__free(rows->rows);
    *rows = (struct rows){0};
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct row *)a)->key, ((const struct row *)b)->key);
}

static int by_interest(const void *a, const void *b)
{
    const struct row *one = a, *other = b;

    /* What is measured of the machine differs always: it comes last. */
    bool machine = mlf__is_machine_metric(one->key);
    if (machine != mlf__is_machine_metric(other->key))
        return machine ? 1 : -1;
    return one->differs != other->differs ? other->differs - one->differs : by_key(a, b);
}

/* The distinct keys of a part over all runs, sorted. */
static mlf_status add_keys(const struct part *part, const mlf_run_list *list, struct rows *out)
{
    char number[MLF__NUMBER_SIZE];
    const char *value;
    size_t kept = 0;

    for (size_t r = 0; r < list->n_runs; r++) {
        for (size_t i = 0; i < part->count(&list->runs[r]); i++) {
            mlf_status status =
                mlf__grow((void **)&out->rows, &out->cap, out->n + 1, sizeof(*out->rows));
            if (status != MLF_OK)
                return status;
            out->rows[out->n++] = (struct row){.key = part->get(&list->runs[r], i, number, &value)};
        }
    }
    if (out->n > 0)
        qsort(out->rows, out->n, sizeof(*out->rows), by_key);
    for (size_t i = 0; i < out->n; i++)
        if (kept == 0 || strcmp(out->rows[kept - 1].key, out->rows[i].key) != 0)
            out->rows[kept++] = out->rows[i];
    out->n = kept;
    return MLF_OK;
}

static mlf_status fill_values(const struct part *part, const mlf_run_list *list, struct rows *rows)
{
    char number[MLF__NUMBER_SIZE];

    if (rows->n == 0)
        return MLF_OK;
    for (size_t i = 0; i < rows->n; i++) {
        rows->rows[i].values = mlf__zalloc(list->n_runs, sizeof(char *));
        if (rows->rows[i].values == NULL)
            return MLF_ERR_NOMEM;
    }
    for (size_t r = 0; r < list->n_runs; r++) {
        for (size_t i = 0; i < part->count(&list->runs[r]); i++) {
            const char *value;
            struct row wanted = {.key = part->get(&list->runs[r], i, number, &value)};
            struct row *row = bsearch(&wanted, rows->rows, rows->n, sizeof(*rows->rows), by_key);
            if (row == NULL || row->values[r] != NULL)
                continue;
            row->values[r] = mlf__strdup(value != NULL ? value : "");
            if (row->values[r] == NULL)
                return MLF_ERR_NOMEM;
        }
    }
    return MLF_OK;
}

static mlf_status collect_rows(const struct part *part, const mlf_run_list *list, struct rows *out)
{
    mlf_status status = add_keys(part, list, out);

    if (status == MLF_OK)
        status = fill_values(part, list, out);
    for (size_t i = 0; status == MLF_OK && i < out->n; i++) {
        char *const *values = out->rows[i].values;
        for (size_t r = 1; r < list->n_runs && !out->rows[i].differs; r++)
            out->rows[i].differs = values[0] == NULL || values[r] == NULL
                                       ? values[0] != values[r]
                                       : strcmp(values[0], values[r]) != 0;
    }
    if (status == MLF_OK && out->n > 0)
        qsort(out->rows, out->n, sizeof(*out->rows), by_interest);
    return status;
}

/* ---- printing ---- */

static void add_blank_row(struct mlf__table *table, const char *title)
{
    mlf__table_add(table, title);
    for (size_t c = 1; c < table->n_columns; c++)
        mlf__table_add(table, " ");
}

static mlf_status print_people(const mlf_run_list *list)
{
    struct mlf__table table = {.n_columns = list->n_runs + 2, .share = true};
    mlf_status status = MLF_OK;

    mlf__table_add(&table, "RUN");
    mlf__table_add(&table, " ");
    for (size_t r = 0; r < list->n_runs; r++)
        mlf__table_addf(&table, "%.8s", list->runs[r].run_id);
    mlf__table_add(&table, "name");
    mlf__table_add(&table, " ");
    for (size_t r = 0; r < list->n_runs; r++)
        mlf__table_add(&table, list->runs[r].name);
    for (size_t p = 0; status == MLF_OK && p < MLF__ARRAY_LEN(parts); p++) {
        struct rows rows = {0};
        status = collect_rows(&parts[p], list, &rows);
        if (status == MLF_OK && rows.n > 0)
            add_blank_row(&table, parts[p].title);
        for (size_t i = 0; status == MLF_OK && i < rows.n; i++) {
            mlf__table_add(&table, rows.rows[i].key);
            mlf__table_add(&table, rows.rows[i].differs ? "*" : " ");
            for (size_t r = 0; r < list->n_runs; r++)
                mlf__table_add(&table, rows.rows[i].values[r]);
        }
        free_rows(&rows, list->n_runs);
    }
    if (status == MLF_OK)
        return mlf__table_print(&table);
    mlf__table_free(&table);
    return status;
}

static bool add_json_row(cJSON *array, const struct row *row, size_t n_runs)
{
    cJSON *object = cJSON_CreateObject();
    bool ok = mlf__json_append(array, object) && mlf__json_text(object, "key", row->key) &&
              cJSON_AddBoolToObject(object, "differs", row->differs) != NULL;
    cJSON *values = ok ? cJSON_AddArrayToObject(object, "values") : NULL;

    for (size_t r = 0; ok && r < n_runs; r++)
        ok = mlf__json_append(values, row->values[r] != NULL ? cJSON_CreateString(row->values[r])
                                                             : cJSON_CreateNull());
    return ok && values != NULL;
}

static bool add_json_run(cJSON *array, const mlf_run_record *run)
{
    cJSON *object = cJSON_CreateObject();

    return mlf__json_append(array, object) && mlf__json_text(object, "run_id", run->run_id) &&
           mlf__json_text(object, "run_name", run->name) &&
           mlf__json_text(object, "experiment_id", run->experiment_id) &&
           mlf__json_text(object, "status", mlf__run_status_name(run->status));
}

static mlf_status print_json(const mlf_run_list *list)
{
    cJSON *root = cJSON_CreateObject();
    cJSON *runs = cJSON_AddArrayToObject(root, "runs");
    bool ok = runs != NULL;

    for (size_t r = 0; ok && r < list->n_runs; r++)
        ok = add_json_run(runs, &list->runs[r]);
    for (size_t p = 0; ok && p < MLF__ARRAY_LEN(parts); p++) {
        struct rows rows = {0};
        cJSON *array = cJSON_AddArrayToObject(root, parts[p].name);
        ok = array != NULL && collect_rows(&parts[p], list, &rows) == MLF_OK;
        for (size_t i = 0; ok && i < rows.n; i++)
            ok = add_json_row(array, &rows.rows[i], list->n_runs);
        free_rows(&rows, list->n_runs);
    }
    if (ok)
        return mlf__json_print(root);
    cJSON_Delete(root);
    return mlf__json_print(NULL);
}

int mlf__runs_compare(struct mlf__store *store, const struct mlf__args *args)
{
    mlf_run_list list = {0};
    mlf_status status = mlf__runs_read(store, args->words, args->n_words, MLF_VIEW_ALL, &list);

    if (status == MLF_OK)
        status = args->json ? print_json(&list) : print_people(&list);
    mlf_run_list_free(&list);
    return status == MLF_OK ? MLF__EXIT_OK : mlf__action_fail(args);
}
