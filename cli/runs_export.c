/* SPDX-License-Identifier: Apache-2.0 */
/* mlf runs export: runs as JSON or CSV. Histories are read and written page by page, so that their length costs
 * no memory. */
#include "cli/runs_actions.h"

#include "cli/json.h"
#include "cli/runs_pick.h"
#include "core/buf.h"
#include "core/mem.h"
#include "tracking/run_json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 10000 };

/* ---- histories ---- */

typedef mlf_status point_fn(const mlf_run_record *run, const mlf_metric_record *point, bool first);

/* Calls |fn| for each point of a metric. */
static mlf_status each_point(struct mlf__store *store, const mlf_run_record *run, const char *key,
                             point_fn *fn)
{
    mlf_metric_list page = {0}, before = {0};
    bool first = true;
    mlf_status status;

    do {
        const mlf_metric_record *after =
            before.n_metrics > 0 ? &before.metrics[before.n_metrics - 1] : NULL;
        status = store->ops->metric_history(store, run->run_id, key, after, PAGE, &page);
        for (size_t i = 0; status == MLF_OK && i < page.n_metrics; i++) {
            status = fn(run, &page.metrics[i], first);
            first = false;
        }
        mlf_metric_list_free(&before);
        before = page;
        page = (mlf_metric_list){0};
    } while (status == MLF_OK && before.n_metrics == PAGE);
    mlf_metric_list_free(&before);
    return status;
}

/* ---- JSON ---- */

/* Three numbers under names that need no escaping: a tree of objects for each of millions of points would take ten
 * times as long. */
static mlf_status print_json_point(const mlf_run_record *run, const mlf_metric_record *point,
                                   bool first)
{
    char number[MLF__NUMBER_SIZE];

    (void)run;
    if (isnan(point->value))
        mlf__copy_text(number, sizeof(number), "\"NaN\"");
    else
        mlf__format_double(number, point->value);
    printf("%s{\"value\":%s,\"timestamp\":%" PRId64 ",\"step\":%" PRId64 "}", first ? "" : ",",
           number, point->timestamp_ms, point->step);
    return MLF_OK;
}

static mlf_status print_json_text(const char *text)
{
    cJSON *string = cJSON_CreateString(text);
    char *printed = string != NULL ? cJSON_PrintUnformatted(string) : NULL;

    cJSON_Delete(string);
    if (printed == NULL)
        return mlf__fail(MLF_ERR_NOMEM, "out of memory");
    fputs(printed, stdout);
    cJSON_free(printed);
    return MLF_OK;
}

/* A Run message; with its histories, as one more member, in front of the closing brace. */
static mlf_status print_json_run(struct mlf__store *store, const mlf_run_record *run, bool history)
{
    char *text = mlf__run_json(run);

    if (text == NULL)
        return MLF_ERR_NOMEM;
    size_t len = strlen(text);
    printf("%.*s", (int)(history ? len - 1 : len), text);
    mlf__free(text);
    if (!history)
        return MLF_OK;
    printf(",\"history\":{");
    mlf_status status = MLF_OK;
    for (size_t i = 0; status == MLF_OK && i < run->n_metrics; i++) {
        fputs(i > 0 ? "," : "", stdout);
        status = print_json_text(run->metrics[i].key);
        fputs(":[", stdout);
        if (status == MLF_OK)
            status = each_point(store, run, run->metrics[i].key, print_json_point);
        fputs("]", stdout);
    }
    printf("}}");
    return status;
}

static mlf_status print_json(struct mlf__store *store, const mlf_run_list *list, bool history)
{
    mlf_status status = MLF_OK;

    fputs("[", stdout);
    for (size_t r = 0; status == MLF_OK && r < list->n_runs; r++) {
        fputs(r > 0 ? ",\n" : "", stdout);
        status = print_json_run(store, &list->runs[r], history);
    }
    fputs("]\n", stdout);
    return status;
}

/* ---- CSV, as RFC 4180 has it ---- */

static void print_field(const char *prefix, const char *text)
{
    if (text[strcspn(text, ",\"\r\n")] == '\0') {
        printf("%s%s", prefix, text);
        return;
    }
    printf("\"%s", prefix);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            putchar('"');
        putchar(*text);
    }
    putchar('"');
}

static mlf_status print_csv_point(const mlf_run_record *run, const mlf_metric_record *point,
                                  bool first)
{
    char number[MLF__NUMBER_SIZE];

    (void)first;
    mlf__format_double(number, point->value);
    printf("%s,", run->run_id);
    print_field("", point->key);
    printf(",%" PRId64 ",%" PRId64 ",%s\r\n", point->step, point->timestamp_ms, number);
    return MLF_OK;
}

static mlf_status print_csv_history(struct mlf__store *store, const mlf_run_list *list)
{
    mlf_status status = MLF_OK;

    printf("run_id,metric,step,timestamp,value\r\n");
    for (size_t r = 0; r < list->n_runs; r++)
        for (size_t i = 0; status == MLF_OK && i < list->runs[r].n_metrics; i++)
            status =
                each_point(store, &list->runs[r], list->runs[r].metrics[i].key, print_csv_point);
    return status;
}

/* Keys of one kind over all runs, sorted, each once. */
struct keys {
    const char **keys;
    size_t n, cap;
};

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static mlf_status add_key(struct keys *keys, const char *key)
{
    mlf_status status =
        mlf__grow((void **)&keys->keys, &keys->cap, keys->n + 1, sizeof(*keys->keys));
    if (status == MLF_OK)
        keys->keys[keys->n++] = key;
    return status;
}

static void sort_keys(struct keys *keys)
{
    size_t kept = 0;

    if (keys->n > 0)
        qsort(keys->keys, keys->n, sizeof(*keys->keys), by_text);
    for (size_t i = 0; i < keys->n; i++)
        if (kept == 0 || strcmp(keys->keys[kept - 1], keys->keys[i]) != 0)
            keys->keys[kept++] = keys->keys[i];
    keys->n = kept;
}

enum { CSV_METRICS, CSV_PARAMS, CSV_TAGS, CSV_KINDS };
static const char *const csv_prefixes[] = {"metrics.", "params.", "tags."};

static mlf_status collect_keys(const mlf_run_list *list, struct keys columns[CSV_KINDS])
{
    mlf_status status = MLF_OK;

    for (size_t r = 0; r < list->n_runs; r++) {
        const mlf_run_record *run = &list->runs[r];
        for (size_t i = 0; status == MLF_OK && i < run->n_metrics; i++)
            status = add_key(&columns[CSV_METRICS], run->metrics[i].key);
        for (size_t i = 0; status == MLF_OK && i < run->n_params; i++)
            status = add_key(&columns[CSV_PARAMS], run->params[i].key);
        for (size_t i = 0; status == MLF_OK && i < run->n_tags; i++)
            status = add_key(&columns[CSV_TAGS], run->tags[i].key);
    }
    for (size_t k = 0; k < CSV_KINDS; k++)
        sort_keys(&columns[k]);
    return status;
}

static const char *pair_value(const mlf_pair *pairs, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(pairs[i].key, key) == 0)
            return pairs[i].value != NULL ? pairs[i].value : "";
    return "";
}

static void print_csv_metric(const mlf_run_record *run, const char *key)
{
    char number[MLF__NUMBER_SIZE];

    for (size_t i = 0; i < run->n_metrics; i++) {
        if (strcmp(run->metrics[i].key, key) != 0)
            continue;
        mlf__format_double(number, run->metrics[i].value);
        fputs(number, stdout);
        return;
    }
}

static void print_csv_run(const mlf_run_record *run, const struct keys columns[CSV_KINDS])
{
    const char *status = mlf__run_status_name(run->status);

    printf("%s,%s,", run->run_id, run->experiment_id);
    print_field("", run->name != NULL ? run->name : "");
    printf(",%s,%" PRId64 ",", status != NULL ? status : "", run->start_time_ms);
    if (run->end_time_ms >= 0)
        printf("%" PRId64, run->end_time_ms);
    printf(",");
    print_field("", run->artifact_uri != NULL ? run->artifact_uri : "");
    for (size_t k = 0; k < CSV_KINDS; k++) {
        for (size_t i = 0; i < columns[k].n; i++) {
            const char *key = columns[k].keys[i];
            printf(",");
            if (k == CSV_METRICS)
                print_csv_metric(run, key);
            else
                print_field("", k == CSV_PARAMS ? pair_value(run->params, run->n_params, key)
                                                : pair_value(run->tags, run->n_tags, key));
        }
    }
    printf("\r\n");
}

static mlf_status print_csv(const mlf_run_list *list)
{
    struct keys columns[CSV_KINDS] = {{0}};
    mlf_status status = collect_keys(list, columns);

    if (status == MLF_OK) {
        printf("run_id,experiment_id,run_name,status,start_time,end_time,artifact_uri");
        for (size_t k = 0; k < CSV_KINDS; k++) {
            for (size_t i = 0; i < columns[k].n; i++) {
                printf(",");
                print_field(csv_prefixes[k], columns[k].keys[i]);
            }
        }
        printf("\r\n");
        for (size_t r = 0; r < list->n_runs; r++)
            print_csv_run(&list->runs[r], columns);
    }
    for (size_t k = 0; k < CSV_KINDS; k++)
        mlf__free(columns[k].keys);
    return status;
}

int mlf__runs_export(struct mlf__store *store, const struct mlf__args *args)
{
    bool csv = args->format != NULL && strcmp(args->format, "csv") == 0;
    mlf_run_list list = {0};

    if (args->format != NULL && !csv && strcmp(args->format, "json") != 0)
        return mlf__action_usage(args, "--format takes json or csv, not '%s'", args->format);
    mlf_status status = mlf__runs_read(store, args->words, args->n_words, MLF_VIEW_ALL, &list);
    if (status == MLF_OK && !csv)
        status = print_json(store, &list, args->history);
    else if (status == MLF_OK)
        status = args->history ? print_csv_history(store, &list) : print_csv(&list);
    mlf_run_list_free(&list);
    return status == MLF_OK ? MLF__EXIT_OK : mlf__action_fail(args);
}
