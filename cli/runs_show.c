/* SPDX-License-Identifier: Apache-2.0 */
/* Runs as text. Everything printed was stored by some program and is made harmless for the terminal. */
#include "cli/runs_show.h"

#include "cli/cli.h"
#include "core/buf.h"
#include "core/mem.h"
#include "core/sys.h"
#include "tracking/run_json.h"

#include <string.h>
#include <time.h>

enum { TABLE_METRICS = 3, NAME_WIDTH = 24 };

static void format_time(int64_t ms, char *out, size_t size)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm local;

    if (localtime_r(&seconds, &local) == NULL || strftime(out, size, "%F %T", &local) == 0)
        snprintf(out, size, "?");
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

/* Prints |text| in a column of |width| code points; longer text is cut. */
static void print_column(const char *text, size_t width)
{
    struct mlf__buf cut = {0};
    size_t shown = 0;

    mlf__buf_puts(&cut, "");
    for (const char *at = text; *at != '\0';) {
        size_t len = 1;
        while (((unsigned char)at[len] & 0xc0) == 0x80)
            len++;
        if (shown == width)
            break;
        mlf__buf_add(&cut, at, len);
        shown++;
        at += len;
    }
    if (!cut.failed)
        mlf__cli_print_text(stdout, cut.data);
    mlf__buf_free(&cut);
    printf("%*s  ", (int)(width - shown), "");
}

void mlf__runs_print_table(const mlf_run_list *list)
{
    if (list->n_runs > 0)
        printf("%-8s  %-9s  %-*s  %-19s  %-10s  %s\n", "RUN", "STATUS", NAME_WIDTH, "NAME",
               "STARTED", "DURATION", "METRICS");
    for (size_t i = 0; i < list->n_runs; i++) {
        const mlf_run_record *run = &list->runs[i];
        char started[32], duration[32];
        format_time(run->start_time_ms, started, sizeof(started));
        format_run_time(run, duration, sizeof(duration));
        printf("%.8s  %-9s  ", run->run_id, status_name(run->status));
        print_column(run->name != NULL ? run->name : "", NAME_WIDTH);
        printf("%-19s  %-10s  ", started, duration);
        for (size_t k = 0; k < run->n_metrics && k < TABLE_METRICS; k++) {
            printf("%s", k > 0 ? " " : "");
            print_metric(&run->metrics[k]);
        }
        printf("%s\n", run->n_metrics > TABLE_METRICS ? " ..." : "");
    }
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

static void print_field(const char *name, const char *value)
{
    printf("%-12s ", name);
    mlf__cli_print_text(stdout, value);
    printf("\n");
}

static size_t widest(const mlf_pair *rows, size_t n)
{
    size_t width = 0;

    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(rows[i].key);
        width = len > width ? len : width;
    }
    return width > 40 ? 40 : width;
}

static void print_rows(const char *title, const mlf_pair *rows, size_t n)
{
    size_t width = widest(rows, n);

    if (n == 0)
        return;
    printf("\n%s\n", title);
    for (size_t i = 0; i < n; i++) {
        printf("  ");
        print_column(rows[i].key, width);
        mlf__cli_print_text(stdout, rows[i].value);
        printf("\n");
    }
}

static void print_metrics(const mlf_run_record *run)
{
    if (run->n_metrics == 0)
        return;
    printf("\nMetrics (latest)\n");
    for (size_t i = 0; i < run->n_metrics; i++) {
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

void mlf__runs_print_full(struct mlf__store *store, const mlf_run_record *run)
{
    char text[32];
    char *uri = mlf__uri_display(store->uri);

    print_field("Run", run->run_id);
    print_field("Name", run->name != NULL ? run->name : "");
    print_field("Status", status_name(run->status));
    format_time(run->start_time_ms, text, sizeof(text));
    print_field("Started", text);
    format_run_time(run, text, sizeof(text));
    print_field("Duration", text);
    print_field("Experiment", run->experiment_id);
    print_field("User", run->user != NULL ? run->user : "");
    print_field("Artifacts", run->artifact_uri != NULL ? run->artifact_uri : "");
    print_rows("Params", run->params, run->n_params);
    print_metrics(run);
    print_inputs(run);
    print_models(store, run);
    print_rows("Tags", run->tags, run->n_tags);
    if (uri != NULL) {
        printf("\nIn the browser: mlflow server --backend-store-uri ");
        mlf__cli_print_text(stdout, uri);
        printf("\n");
    }
    mlf__free(uri);
}
