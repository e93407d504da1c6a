/* SPDX-License-Identifier: Apache-2.0 */
/* Three ways to show a tuning: lines that are kept up to date, a line for each trial, and events as JSON. Names and
 * values come from programs and are printed as text that cannot drive the terminal. */
#include "cli/tune_output.h"

#include "autolog/cmdline.h"
#include "autolog/ending.h"
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/table.h"
#include "core/env.h"
#include "core/mem.h"
#include "core/sys.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

enum {
    TICK_MS = 150,
    LIVE_TRIALS_MAX = 16, /* running trials that have a line */
    FRONT_MAX = 10        /* trials of the front in the summary */
};

enum way { SILENT, LINES, LIVE, JSON };

struct mlf__tune_output {
    const struct mlf__tune *tune;
    enum way way;
    int64_t last_ns;   /* when the live lines were drawn */
    size_t live_lines; /* that stand on the terminal now */
};

mlf_status mlf__tune_output_open(const struct mlf__tune *tune, struct mlf__tune_output **out)
{
    const struct mlf__tune_options *options = tune->options;

    *out = mlf__zalloc(1, sizeof(**out));
    if (*out == NULL)
        return MLF_ERR_NOMEM;
    (*out)->tune = tune;
    /* A terminal that does not say how wide it is, or that knows no sequences, cannot be drawn on. */
    bool live = mlf__terminal_width() > 0 && strcmp(mlf__env(MLF__ENV_TERM), "dumb") != 0;
    (*out)->way = options->run.json ? JSON : options->run.quiet ? SILENT : live ? LIVE : LINES;
    return MLF_OK;
}

void mlf__tune_output_close(struct mlf__tune_output *output)
{
    mlf__free(output);
}

/* ---- texts ---- */

static void add_number(struct mlf__buf *out, double value)
{
    char text[MLF__NUMBER_SIZE];

    /* Six digits are what an eye compares; all of them are in the store. */
    snprintf(text, sizeof(text), "%.6g", value);
    mlf__buf_puts(out, text);
}

/* "lr=0.1 depth=3" */
static void add_row(const struct mlf__tune *tune, const struct mlf__trial *row,
                    struct mlf__buf *out)
{
    const struct mlf__history *history = &tune->study->history;
    char text[MLF__NUMBER_SIZE];

    for (uint32_t i = 0; i < row->n_params; i++) {
        const struct mlf__dist *dist = &history->dists[row->params[i].dist];
        mlf__buf_printf(out, "%s%s=", i > 0 ? " " : "", history->names[row->params[i].name]);
        if (dist->kind == MLF__DIST_FLOAT)
            add_number(out, row->params[i].value);
        else
            mlf__buf_puts(out, mlf__dist_format(dist, row->params[i].value, text));
    }
}

/* "error 0.25 size 3" */
static void add_values(const struct mlf__tune *tune, const struct mlf__trial *row,
                       struct mlf__buf *out)
{
    for (size_t i = 0; i < row->n_values; i++) {
        mlf__buf_printf(out, "%s%s ", i > 0 ? "  " : "", tune->options->metrics[i]);
        add_number(out, mlf__trial_values(row)[i]);
    }
}

/* A line of stdout, cut at |width| columns (0: not cut). */
static void print_line(const struct mlf__buf *line, size_t width)
{
    const char *text = line->failed || line->data == NULL ? "" : line->data;

    if (width == 0) {
        mlf__cli_print_text(stdout, text);
    } else {
        char *cut = mlf__strndup(text, mlf__text_fit(text, width));
        mlf__cli_print_text(stdout, cut != NULL ? cut : "");
        mlf__free(cut);
    }
    printf("\n");
}

static void print_buf(struct mlf__buf *line)
{
    print_line(line, 0);
    mlf__buf_free(line);
}

/* ---- JSON ---- */

static cJSON *event(const char *name)
{
    cJSON *object = cJSON_CreateObject();
    mlf__json_text(object, "event", name);
    return object;
}

static void print_event(cJSON *object)
{
    mlf__json_print(object);
    fflush(stdout);
}

static void add_params(const struct mlf__tune *tune, const struct mlf__trial *row, cJSON *object)
{
    const struct mlf__history *history = &tune->study->history;
    cJSON *params = cJSON_AddObjectToObject(object, "params");
    char number[MLF__NUMBER_SIZE];

    for (uint32_t i = 0; params != NULL && i < row->n_params; i++) {
        const struct mlf__dist *dist = &history->dists[row->params[i].dist];
        const char *name = history->names[row->params[i].name];
        if (dist->kind == MLF__DIST_CATEGORICAL)
            mlf__json_text(params, name, mlf__dist_format(dist, row->params[i].value, number));
        else
            mlf__json_double(params, name, row->params[i].value);
    }
}

static void add_json_values(const struct mlf__tune *tune, const struct mlf__trial *row,
                            cJSON *object)
{
    cJSON *values = cJSON_AddObjectToObject(object, "values");

    for (size_t i = 0; values != NULL && i < row->n_values; i++)
        mlf__json_double(values, tune->options->metrics[i], mlf__trial_values(row)[i]);
}

static const char *state_name(mlf_trial_state state)
{
    static const char *const names[] = {"running", "complete", "pruned", "failed", "waiting"};
    return (size_t)state < MLF__ARRAY_LEN(names) ? names[state] : "unknown";
}

/* A trial as a whole: number, run, params, state and values. */
static void add_trial(const struct mlf__tune *tune, const struct mlf__trial *row, cJSON *object)
{
    mlf__json_int(object, "number", row->number);
    mlf__json_text(object, "run_id", row->run_id);
    add_params(tune, row, object);
    if (row->state == MLF_TRIAL_RUNNING)
        return;
    mlf__json_text(object, "state", state_name((mlf_trial_state)row->state));
    add_json_values(tune, row, object);
}

/* ---- live lines ---- */

static void clear_live(struct mlf__tune_output *output)
{
    if (output->live_lines == 0)
        return;
    printf("\033[%zuA\033[J", output->live_lines);
    output->live_lines = 0;
}

static void live_line(struct mlf__tune_output *output, struct mlf__buf *line)
{
    size_t width = mlf__terminal_width();
    print_line(line, width > 1 ? width - 1 : 79);
    mlf__buf_free(line);
    output->live_lines++;
}

/* Trials that have ended, also before this command. */
static int64_t n_ended(const struct mlf__tune *tune)
{
    return tune->n_before + tune->n_started - tune->n_running;
}

/* Milliseconds until the end by what trials took so far; -1: nothing can be said. */
static int64_t time_to_go(const struct mlf__tune *tune, int64_t elapsed_ms)
{
    const struct mlf__tune_options *options = tune->options;
    int64_t ended = tune->n_started - tune->n_running, left = -1;

    if (options->trials > 0 && ended > 0)
        left = (int64_t)((double)elapsed_ms / (double)ended *
                         (double)(options->trials - n_ended(tune)));
    if (options->timeout_ms > 0 && (left < 0 || options->timeout_ms - elapsed_ms < left))
        left = options->timeout_ms - elapsed_ms;
    return left > 0 ? left : left < 0 ? -1 : 0;
}

static void draw_progress(struct mlf__tune_output *output, int64_t elapsed_ms)
{
    const struct mlf__tune *tune = output->tune;
    struct mlf__buf line = {0};
    char time[32];

    mlf__buf_printf(&line, "%" PRId64, n_ended(tune));
    if (tune->options->trials > 0)
        mlf__buf_printf(&line, " of %" PRId64, tune->options->trials);
    mlf__buf_puts(&line, " trials");
    if (tune->n_pruned > 0)
        mlf__buf_printf(&line, ", %" PRId64 " pruned", tune->n_pruned);
    if (tune->n_failed > 0)
        mlf__buf_printf(&line, ", %" PRId64 " failed", tune->n_failed);
    mlf__cli_format_duration(elapsed_ms, time, sizeof(time));
    mlf__buf_printf(&line, "   %s", time);
    int64_t left = time_to_go(tune, elapsed_ms);
    if (left >= 0 && tune->stop <= MLF__TUNE_EXHAUSTED) {
        mlf__cli_format_duration(left, time, sizeof(time));
        mlf__buf_printf(&line, ", about %s left", time);
    }
    if (tune->stop > MLF__TUNE_EXHAUSTED)
        mlf__buf_puts(&line, ", ending");
    live_line(output, &line);
}

static void draw_best(struct mlf__tune_output *output)
{
    const struct mlf__tune *tune = output->tune;
    const struct mlf__trial *best =
        tune->options->n_objectives == 1 ? mlf__history_best(&tune->study->history) : NULL;
    struct mlf__buf line = {0};

    if (best == NULL)
        return;
    mlf__buf_puts(&line, "best ");
    add_values(tune, best, &line);
    mlf__buf_printf(&line, "  trial %" PRId64 "  ", best->number);
    add_row(tune, best, &line);
    live_line(output, &line);
}

static void draw_trial(struct mlf__tune_output *output, const struct mlf__tune_slot *slot,
                       int64_t now_ns)
{
    const struct mlf__tune *tune = output->tune;
    struct mlf__buf line = {0};
    char time[32];

    mlf__cli_format_duration((now_ns - slot->start_ns) / 1000000, time, sizeof(time));
    mlf__buf_printf(&line, "  trial %" PRId64 "  %s  ", slot->row->number, time);
    add_row(tune, slot->row, &line);
    if (!isnan(slot->latest)) {
        mlf__buf_puts(&line, "  now ");
        add_number(&line, slot->latest);
        mlf__buf_printf(&line, " at %" PRId64, slot->latest_step);
    }
    live_line(output, &line);
}

static void draw_live(struct mlf__tune_output *output)
{
    const struct mlf__tune *tune = output->tune;
    int64_t now_ns = mlf__monotonic_ns();

    clear_live(output);
    draw_progress(output, (now_ns - tune->start_ns) / 1000000);
    draw_best(output);
    for (int i = 0; i < tune->options->jobs && i < LIVE_TRIALS_MAX; i++)
        if (tune->slots[i].trial != NULL && tune->slots[i].row->state == MLF_TRIAL_RUNNING)
            draw_trial(output, &tune->slots[i], now_ns);
    fflush(stdout);
    output->last_ns = now_ns;
}

void mlf__tune_output_tick(struct mlf__tune_output *output)
{
    if (output->way == LIVE && mlf__monotonic_ns() - output->last_ns >= TICK_MS * INT64_C(1000000))
        draw_live(output);
}

void mlf__tune_output_say(struct mlf__tune_output *output, const char *format, ...)
{
    char text[2048];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    clear_live(output);
    fflush(stdout);
    mlf__cli_say("%s", text);
}

/* ---- what happens ---- */

void mlf__tune_output_begin(struct mlf__tune_output *output, bool resumed)
{
    const struct mlf__tune *tune = output->tune;
    struct mlf__buf line = {0};

    if (output->way == SILENT)
        return;
    if (output->way == JSON) {
        cJSON *object = event("study");
        mlf__json_text(object, "name", tune->study->name);
        mlf__json_text(object, "run_id", tune->config.run_id);
        mlf__json_text(object, "sampler", tune->study->sampler_text);
        mlf__json_text(object, "pruner", tune->study->pruner_text);
        mlf__json_int(object, "seed", (int64_t)tune->study->seed);
        mlf__json_int(object, "finished", tune->n_before);
        print_event(object);
        return;
    }
    mlf__buf_printf(&line, "study %s, run %.8s", tune->study->name, tune->config.run_id);
    if (resumed)
        mlf__buf_printf(&line, ", resumed after %" PRId64 " trial%s", tune->n_before,
                        tune->n_before == 1 ? "" : "s");
    print_buf(&line);
    fflush(stdout);
}

void mlf__tune_output_trial(struct mlf__tune_output *output, const struct mlf__tune_slot *slot)
{
    if (output->way != JSON)
        return;
    cJSON *object = event("trial_begin");
    add_trial(output->tune, slot->row, object);
    mlf__json_int(object, "slot", slot - output->tune->slots);
    print_event(object);
}

void mlf__tune_output_value(struct mlf__tune_output *output, const struct mlf__tune_slot *slot,
                            double value, int64_t step)
{
    if (output->way != JSON)
        return;
    cJSON *object = event("value");
    mlf__json_int(object, "number", slot->row->number);
    mlf__json_int(object, "step", step);
    mlf__json_double(object, "value", value);
    print_event(object);
}

static void print_tail(const struct mlf__tune_end *end)
{
    const char *tail = end->process != NULL ? end->process->tail : "";

    while (*tail != '\0') {
        size_t len = strcspn(tail, "\n");
        char *line = mlf__strndup(tail, len);
        printf("  | ");
        mlf__cli_print_text(stdout, line != NULL ? line : "");
        printf("\n");
        mlf__free(line);
        tail += len + (tail[len] == '\n');
    }
}

static void json_ended(struct mlf__tune_output *output, const struct mlf__tune_slot *slot,
                       const struct mlf__tune_end *end)
{
    cJSON *object = event("trial_end");
    char buffer[MLF__SIGNAL_NAME_SIZE];

    add_trial(output->tune, slot->row, object);
    mlf__json_double(object, "wall_time", end->wall_time_s);
    if (end->process != NULL && WIFSIGNALED(end->process->wait_status))
        mlf__json_text(object, "signal",
                       mlf__ending_signal_name(WTERMSIG(end->process->wait_status), buffer));
    else if (end->process != NULL)
        mlf__json_int(object, "exit_code", WEXITSTATUS(end->process->wait_status));
    mlf__json_text(object, "reason", end->reason[0] != '\0' ? end->reason : NULL);
    cJSON_AddBoolToObject(object, "best", end->is_best);
    if (output->tune->options->verbose && end->process != NULL)
        mlf__json_text(object, "output", end->process->tail);
    print_event(object);
}

void mlf__tune_output_ended(struct mlf__tune_output *output, const struct mlf__tune_slot *slot,
                            const struct mlf__tune_end *end)
{
    const struct mlf__tune *tune = output->tune;
    struct mlf__buf line = {0};
    char time[32];

    if (output->way == JSON)
        json_ended(output, slot, end);
    /* On a terminal a trial has a line of its own when there is something to see in it. */
    bool worth = end->reason[0] != '\0' || tune->options->verbose || end->is_best;
    if (output->way != LINES && (output->way != LIVE || !worth))
        return;
    clear_live(output);
    mlf__buf_printf(&line, "trial %" PRId64 "  %s  ", slot->row->number, state_name(end->state));
    if (end->reason[0] != '\0')
        mlf__buf_printf(&line, "(%s)  ", end->reason);
    add_values(tune, slot->row, &line);
    mlf__buf_puts(&line, slot->row->n_values > 0 ? "  " : "");
    add_row(tune, slot->row, &line);
    mlf__cli_format_duration((int64_t)(end->wall_time_s * 1000), time, sizeof(time));
    mlf__buf_printf(&line, "  %s%s", time, end->is_best ? "  best so far" : "");
    print_buf(&line);
    if (tune->options->verbose)
        print_tail(end);
    if (output->way == LIVE)
        draw_live(output);
    fflush(stdout);
}

/* ---- the end ---- */

/* The command with the values of |row| in its places. */
static char *command_of(const struct mlf__tune *tune, const struct mlf__trial *row)
{
    char folder[MLF__PATH_SIZE + 32], *line = NULL;
    char **texts = mlf__tune_texts(tune, row);
    struct mlf__tune_rendered rendered;

    snprintf(folder, sizeof(folder), "%s/trial_%" PRId64, tune->folder, row->number);
    struct mlf__tune_values values = {
        .params = (const char *const *)texts, .trial = row->number, .workdir = folder};
    if (texts != NULL &&
        mlf__tune_command_render(&tune->options->command, &values, &rendered) == MLF_OK) {
        line = mlf__cmdline_text(rendered.argc, (const char *const *)rendered.argv);
        mlf__tune_rendered_free(&rendered);
    }
    mlf__argv_free(texts);
    return line;
}

static void print_best(const struct mlf__tune *tune, const struct mlf__trial *best)
{
    const struct mlf__history *history = &tune->study->history;
    struct mlf__buf line = {0};
    char number[MLF__NUMBER_SIZE];
    char *command = command_of(tune, best);

    mlf__buf_puts(&line, "best ");
    add_values(tune, best, &line);
    mlf__buf_printf(&line, ", trial %" PRId64 ", run %.8s", best->number, best->run_id);
    print_buf(&line);
    for (uint32_t i = 0; i < best->n_params; i++) {
        mlf__buf_printf(
            &line, "  %-12s %s", history->names[best->params[i].name],
            mlf__dist_format(&history->dists[best->params[i].dist], best->params[i].value, number));
        print_buf(&line);
    }
    mlf__buf_printf(&line, "command: %s", command != NULL ? command : "");
    print_buf(&line);
    mlf__free(command);
}

/* With several objectives: the trials that no other one beats in all of them. */
static void print_front(const struct mlf__tune *tune, const mlf_trial_list *front)
{
    printf("%zu trial%s that no other one beats in all objectives\n", front->n_trials,
           front->n_trials == 1 ? "" : "s");
    for (size_t i = 0; i < front->n_trials && i < FRONT_MAX; i++) {
        const struct mlf__trial *row = tune->study->history.trials[front->trials[i].number];
        struct mlf__buf line = {0};
        mlf__buf_printf(&line, "  trial %" PRId64 ", run %.8s  ", row->number, row->run_id);
        add_values(tune, row, &line);
        mlf__buf_puts(&line, "  ");
        add_row(tune, row, &line);
        print_buf(&line);
    }
    if (front->n_trials > FRONT_MAX)
        printf("  and %zu more\n", front->n_trials - FRONT_MAX);
}

static void print_counts(const struct mlf__tune *tune)
{
    struct mlf__buf line = {0};
    char time[32];

    mlf__cli_format_duration((mlf__monotonic_ns() - tune->start_ns) / 1000000, time, sizeof(time));
    mlf__buf_printf(&line,
                    "%" PRId64 " trial%s in %s: %" PRId64 " complete, %" PRId64 " pruned, %" PRId64
                    " failed",
                    tune->n_started, tune->n_started == 1 ? "" : "s", time, tune->n_complete,
                    tune->n_pruned, tune->n_failed);
    if (tune->n_before > 0)
        mlf__buf_printf(&line, "; %" PRId64 " before", tune->n_before);
    print_buf(&line);
}

static void json_end(const struct mlf__tune *tune, int code, const struct mlf__trial *best,
                     const mlf_trial_list *front)
{
    cJSON *object = event("end");
    char *command = best != NULL ? command_of(tune, best) : NULL;

    mlf__json_int(object, "n_trials", tune->n_before + tune->n_started);
    mlf__json_int(object, "complete", tune->n_complete);
    mlf__json_int(object, "pruned", tune->n_pruned);
    mlf__json_int(object, "failed", tune->n_failed);
    mlf__json_text(object, "reason", tune->why);
    mlf__json_int(object, "exit_code", code);
    if (best != NULL) {
        cJSON *trial = cJSON_AddObjectToObject(object, "best");
        add_trial(tune, best, trial);
        mlf__json_text(trial, "command", command);
    } else {
        cJSON_AddNullToObject(object, "best");
    }
    if (tune->options->n_objectives > 1) {
        cJSON *array = cJSON_AddArrayToObject(object, "best_trials");
        for (size_t i = 0; array != NULL && i < front->n_trials; i++) {
            cJSON *trial = cJSON_CreateObject();
            add_trial(tune, tune->study->history.trials[front->trials[i].number], trial);
            mlf__json_append(array, trial);
        }
    }
    mlf__free(command);
    print_event(object);
}

/* What is to be said on stderr, whatever the way: why it ended early, and how to go on. */
static void say_end(struct mlf__tune_output *output)
{
    const struct mlf__tune *tune = output->tune;
    bool early = tune->stop == MLF__TUNE_SIGNAL || tune->stop == MLF__TUNE_FAILED;

    if (early || (tune->stop == MLF__TUNE_CONDITION && !tune->options->run.quiet))
        mlf__tune_output_say(output, "%s%s", tune->stop == MLF__TUNE_SIGNAL ? "ended by " : "",
                             tune->why);
    if (!early || tune->options->run.quiet || tune->n_before + tune->n_started == 0)
        return;
    char *line = mlf__tune_resume_line(tune->options, tune->config.run_id);
    if (line != NULL)
        mlf__cli_say("to go on with it: %s", line);
    mlf__free(line);
}

void mlf__tune_output_end(struct mlf__tune_output *output, int code)
{
    const struct mlf__tune *tune = output->tune;
    bool one = tune->options->n_objectives == 1;
    const struct mlf__trial *best = one ? mlf__history_best(&tune->study->history) : NULL;
    mlf_trial_list front = {0};

    if (!one)
        mlf_study_best_trials(tune->study, &front);
    clear_live(output);
    if (output->way == JSON) {
        json_end(tune, code, best, &front);
    } else if (output->way != SILENT) {
        print_counts(tune);
        if (best != NULL)
            print_best(tune, best);
        else if (!one && front.n_trials > 0)
            print_front(tune, &front);
        if (best != NULL || front.n_trials > 0)
            printf("see: mlf plot --study %.8s, mlf runs show %.8s\n", tune->config.run_id,
                   best != NULL ? best->run_id : front.trials[0].run_id);
    }
    fflush(stdout);
    mlf_trial_list_free(&front);
    say_end(output);
}
