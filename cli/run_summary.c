/* SPDX-License-Identifier: Apache-2.0 */
/* The summary of a run, for people and for scripts. */
#include "cli/run_summary.h"

#include "autolog/ending.h"
#include "cli/cli.h"
#include "core/buf.h"
#include "core/mem.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void add_count(struct mlf__buf *out, size_t n, const char *one, const char *many)
{
    mlf__buf_printf(out, ", %zu %s", n, n == 1 ? one : many);
}

/* "FAILED (exit 3) 2.1 s, 9 params, 6 metrics, 1 model -> sqlite:///… run 3f2a91c0 (…)"; of an offline
 * run, the journal that it is in. */
static void add_line(struct mlf__buf *out, const struct mlf__run_report *report)
{
    const struct mlf__summary *summary = report->summary;
    const char *status = mlf__run_status_name(summary->status);
    char duration[32], signal[16];

    mlf__cli_format_duration(report->duration_ms, duration, sizeof(duration));
    mlf__buf_puts(out, status != NULL ? status : "ended");
    if (WIFSIGNALED(report->wait_status))
        mlf__buf_printf(out, " (%s)",
                        mlf__ending_signal_name(WTERMSIG(report->wait_status), signal));
    else if (WEXITSTATUS(report->wait_status) != 0)
        mlf__buf_printf(out, " (exit %d)", WEXITSTATUS(report->wait_status));
    mlf__buf_printf(out, " %s", duration);
    if (summary->error_journal != NULL) { /* nothing is known of what the store will have */
        if (summary->error == NULL)
            mlf__buf_printf(out, " -> %s (mlf sync)", summary->error_journal);
        return;
    }
    add_count(out, summary->n_params, "param", "params");
    add_count(out, summary->n_metrics, "metric", "metrics");
    if (summary->n_inputs > 0)
        add_count(out, summary->n_inputs, "data set", "data sets");
    if (summary->n_models > 0)
        add_count(out, summary->n_models, "model", "models");
    mlf__buf_printf(out, " -> %s run %.8s (mlf runs show %.8s",
                    summary->store != NULL ? summary->store : "", summary->run_id, summary->run_id);
    if (report->options->tracking_uri != NULL && summary->store != NULL)
        mlf__buf_printf(out, " --tracking-uri %s", summary->store);
    mlf__buf_puts(out, ")");
}

static void print_line(const struct mlf__run_report *report)
{
    struct mlf__buf line = {0};

    add_line(&line, report);
    if (!line.failed)
        mlf__cli_say("%s", line.data);
    mlf__buf_free(&line);
}

/* Nothing found in a run that went well: what the user can do about it. */
static void print_advice(const struct mlf__run_report *report)
{
    const struct mlf__summary *summary = report->summary;

    if (summary->n_metrics > 0 || summary->n_models > 0 || summary->error != NULL ||
        summary->error_journal != NULL || summary->status != MLF_RUN_FINISHED)
        return;
    mlf__cli_say("no metric and no model was found%s%s%s", report->not_hooked != NULL ? " (" : "",
                 report->not_hooked != NULL ? report->not_hooked : "",
                 report->not_hooked != NULL ? ", so that its calls cannot be seen)" : "");
    if (!report->options->capture)
        mlf__cli_say("try without --no-capture, so that its output can be read");
    else
        mlf__cli_say("if it prints its metrics, say how, as in  --metric 'loss=loss[=: ]+(\\S+)'");
}

static void print_trouble(const struct mlf__run_report *report)
{
    const struct mlf__summary *summary = report->summary;

    if (summary->error != NULL) {
        mlf__cli_say("not everything could be stored in %s: %s",
                     summary->store != NULL ? summary->store : "the store", summary->error);
        if (summary->error_journal != NULL)
            mlf__cli_say("it is kept in %s; `mlf sync` stores it later", summary->error_journal);
    }
    if (summary->dropped > 0)
        mlf__cli_say("%" PRIu64 " events found no room and were dropped", summary->dropped);
    if (report->output_error != 0)
        mlf__cli_say("some of the command's output could not be written: %s",
                     strerror(report->output_error));
    if (report->exhausted_rule != NULL)
        mlf__cli_say("--metric '%s' took too long to match and was given up",
                     report->exhausted_rule);
}

static void add_text(cJSON *object, const char *name, const char *text)
{
    if (text != NULL)
        cJSON_AddStringToObject(object, name, text);
    else
        cJSON_AddNullToObject(object, name);
}

static void print_json(const struct mlf__run_report *report)
{
    const struct mlf__summary *summary = report->summary;
    bool signalled = WIFSIGNALED(report->wait_status);
    char name[16];
    cJSON *object = cJSON_CreateObject();

    add_text(object, "run_id", summary->run_id);
    add_text(object, "status", mlf__run_status_name(summary->status));
    if (signalled)
        cJSON_AddNullToObject(object, "exit_code");
    else
        cJSON_AddNumberToObject(object, "exit_code", WEXITSTATUS(report->wait_status));
    add_text(object, "signal",
             signalled ? mlf__ending_signal_name(WTERMSIG(report->wait_status), name) : NULL);
    cJSON_AddNumberToObject(object, "duration_ms", (double)report->duration_ms);
    cJSON_AddNumberToObject(object, "params", (double)summary->n_params);
    cJSON_AddNumberToObject(object, "metrics", (double)summary->n_metrics);
    cJSON_AddNumberToObject(object, "models", (double)summary->n_models);
    cJSON_AddNumberToObject(object, "inputs", (double)summary->n_inputs);
    cJSON_AddNumberToObject(object, "dropped", (double)summary->dropped);
    cJSON_AddNumberToObject(object, "output_unread", (double)report->unread);
    add_text(object, "store", summary->store);
    add_text(object, "error", summary->error);
    add_text(object, "journal", summary->error_journal);
    char *text = cJSON_PrintUnformatted(object);
    if (text != NULL)
        fprintf(stderr, "%s\n", text);
    cJSON_free(text);
    cJSON_Delete(object);
}

void mlf__run_report_print(const struct mlf__run_report *report)
{
    const struct mlf__run_options *options = report->options;

    if (options->quiet)
        return;
    if (options->json) {
        print_json(report);
        return;
    }
    if (options->summary || isatty(STDERR_FILENO)) {
        print_line(report);
        print_advice(report);
        if (report->unread > 0)
            mlf__cli_say("%.1f MB of the command's output came too fast to look for metrics in it",
                         (double)report->unread / 1e6);
    }
    print_trouble(report);
}
