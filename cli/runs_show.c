/* SPDX-License-Identifier: Apache-2.0 */
/* Runs as text. Everything printed was stored by some program and is made harmless for the terminal. */
#include "cli/runs_show.h"

#include "cli/cli.h"
#include "cli/table.h"
#include "core/buf.h"
#include "core/mem.h"
#include "core/sys.h"
#include "tracking/run_json.h"

#include <string.h>

enum { TABLE_METRICS = 3, NAME_WIDTH = 24 };

bool mlf__is_machine_metric(const char *key)
{
    return strncmp(key, "system/", 7) == 0;
}

/* How long the run took, or has been running. */
static void format_run_time(const mlf_run_record *run, char *out, size_t size)
{
    if (run->end_time_ms >= 0)
        mlf__cli_format_duration(run->end_time_ms - run->start_time_ms, out, size);
    else if (run->status == MLF_RUN_RUNNING)
        mlf__cli_format_duration(mlf__now_ms() - run->start_time_ms, out, size);
    else
        snprintf(out, size, "-");
}

static const char *status_name(int status)
{
    const char *name = mlf__run_status_name(status);
    return name != NULL ? name : "?";
}

static void print_metric(const mlf_metric_record *metric)
{
    char number[MLF__NUMBER_SIZE];

    mlf__format_double(number, metric->value);
    mlf__cli_print_text(stdout, metric->key);
    printf("=%s", number);
}

/* "loss=0.5 accuracy=0.9 ...": the first few, and of those that are measured of the machine none. */
static void add_metrics_cell(struct mlf__table *table, const mlf_run_record *run)
{
    struct mlf__buf text = {0};
    char number[MLF__NUMBER_SIZE];
    size_t shown = 0;

    for (size_t k = 0; k < run->n_metrics; k++) {
        if (mlf__is_machine_metric(run->metrics[k].key))
            continue;
        if (shown == TABLE_METRICS) {
            mlf__buf_puts(&text, " ...");
            break;
        }
        mlf__format_double(number, run->metrics[k].value);
        mlf__buf_printf(&text, "%s%s=%s", shown > 0 ? " " : "", run->metrics[k].key, number);
        shown++;
    }
    mlf__table_add(table, text.failed ? "?" : text.data);
    mlf__buf_free(&text);
}

mlf_status mlf__runs_print_table(const mlf_run_list *list)
{
    static const char *const titles[] = {"RUN", "STATUS", "NAME", "STARTED", "DURATION", "METRICS"};
    struct mlf__table table = {.n_columns = MLF__ARRAY_LEN(titles), .max_width = NAME_WIDTH};

    for (size_t i = 0; i < MLF__ARRAY_LEN(titles); i++)
        mlf__table_add(&table, titles[i]);
    for (size_t i = 0; i < list->n_runs; i++) {
        const mlf_run_record *run = &list->runs[i];
        char text[32];
        mlf__table_addf(&table, "%.8s", run->run_id);
        mlf__table_add(&table, run->deleted ? "deleted" : status_name(run->status));
        mlf__table_add(&table, run->name);
        mlf__cli_format_time(run->start_time_ms, text, sizeof(text));
        mlf__table_add(&table, text);
        format_run_time(run, text, sizeof(text));
        mlf__table_add(&table, text);
        add_metrics_cell(&table, run);
    }
    return mlf__table_print(&table);
}

mlf_status mlf__runs_print_json(const mlf_run_list *list)
{
    printf("[");
    for (size_t i = 0; i < list->n_runs; i++) {
        char *json = mlf__run_json(&list->runs[i]);
        if (json == NULL)
            return mlf__fail(MLF_ERR_NOMEM, "out of memory");
        printf("%s%s", i > 0 ? ",\n " : "", json);
        mlf__free(json);
    }
    printf("]\n");
    return MLF_OK;
}

/* ---- one run ---- */

/* The metrics of the machine, or all others. */
static void print_metrics(const mlf_run_record *run, const char *title, bool machine)
{
    bool any = false;

    for (size_t i = 0; i < run->n_metrics; i++) {
        if (mlf__is_machine_metric(run->metrics[i].key) != machine)
            continue;
        if (!any)
            printf("\n%s\n", title);
        any = true;
        printf("  ");
        print_metric(&run->metrics[i]);
        printf("  (step %lld)\n", (long long)run->metrics[i].step);
    }
}

static void print_inputs(const mlf_run_record *run)
{
    if (run->n_inputs == 0)
        return;
    printf("\nData sets\n");
    for (size_t i = 0; i < run->n_inputs; i++) {
        const mlf_input_record *input = &run->inputs[i];
        printf("  ");
        mlf__cli_print_text(stdout, input->name);
        for (size_t k = 0; k < input->n_tags; k++) {
            if (strcmp(input->tags[k].key, "mlflow.data.context") != 0)
                continue;
            printf(" (");
            mlf__cli_print_text(stdout, input->tags[k].value);
            printf(")");
        }
        printf("  digest ");
        mlf__cli_print_text(stdout, input->digest);
        printf("  ");
        mlf__cli_print_text(stdout, input->source);
        printf("\n");
    }
}

static void print_models(struct mlf__store *store, const mlf_run_record *run)
{
    if (run->n_model_outputs == 0)
        return;
    printf("\nModels\n");
    for (size_t i = 0; i < run->n_model_outputs; i++) {
        mlf_logged_model model = {0};
        printf("  models:/");
        mlf__cli_print_text(stdout, run->model_outputs[i]);
        if (store->ops->model_get(store, run->model_outputs[i], &model) == MLF_OK) {
            printf("  ");
            mlf__cli_print_text(stdout, model.name);
            printf("  ");
            mlf__cli_print_text(stdout, model.artifact_location);
            mlf_logged_model_free(&model);
        }
        printf("\n");
    }
}

static void print_experiment(struct mlf__store *store, const mlf_run_record *run)
{
    mlf_experiment experiment = {0};
    struct mlf__buf text = {0};

    if (store->ops->experiment_get(store, run->experiment_id, &experiment) == MLF_OK)
        mlf__buf_printf(&text, "%s (%s)", experiment.name, run->experiment_id);
    mlf__print_field("Experiment", text.data != NULL ? text.data : run->experiment_id);
    mlf__buf_free(&text);
    mlf_experiment_free(&experiment);
}

void mlf__runs_print_full(struct mlf__store *store, const mlf_run_record *run)
{
    char text[32];
    char *uri = mlf__uri_display(store->uri);

    mlf__print_field("Run", run->run_id);
    mlf__print_field("Name", run->name);
    mlf__print_field("Status", run->deleted ? "deleted" : status_name(run->status));
    mlf__cli_format_time(run->start_time_ms, text, sizeof(text));
    mlf__print_field("Started", text);
    format_run_time(run, text, sizeof(text));
    mlf__print_field("Duration", text);
    print_experiment(store, run);
    mlf__print_field("User", run->user);
    mlf__print_field("Artifacts", run->artifact_uri);
    mlf__print_pairs("Params", run->params, run->n_params);
    print_metrics(run, "Metrics (latest)", false);
    print_inputs(run);
    print_models(store, run);
    print_metrics(run, "Machine (latest)", true);
    mlf__print_pairs("Tags", run->tags, run->n_tags);
    if (uri != NULL) {
        printf("\nIn the browser: mlflow server --backend-store-uri ");
        mlf__cli_print_text(stdout, uri);
        printf("\n");
    }
    mlf__free(uri);
}
