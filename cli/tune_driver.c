/* SPDX-License-Identifier: Apache-2.0 */
/* The loop of a tuning: asks the study for values, starts the command with them, hands what it measures to the study, and
 * tells how it ended. */
#include "cli/tune.h"

#include "autolog/cmdline.h"
#include "autolog/ending.h"
#include "cli/cli.h"
#include "cli/tune_output.h"
#include "core/mem.h"
#include "core/sys.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    STEP_MS = 200,     /* between two looks at the clock */
    ALIKE_MAX = 5,     /* first trials that fail in one way before the tuning is given up */
    WORKDIR_ROOM = 64, /* "/trial_N" */
    VALUE_LIST_MAX = 400,
    SHOWN_MAX = 1000 /* intermediate values that a trial keeps for pictures alone */
};

/* No more trials are started. The first reason counts. */
void mlf__tune_stop(struct mlf__tune *tune, enum mlf__tune_stop why, const char *format, ...)
{
    va_list args;

    if (tune->stop != MLF__TUNE_GOES_ON)
        return;
    tune->stop = why;
    va_start(args, format);
    vsnprintf(tune->why, sizeof(tune->why), format, args);
    va_end(args);
}

/* ---- values ---- */

static bool is_worse(const struct mlf__tune *tune, size_t objective, double a, double b)
{
    return tune->options->directions[objective] == MLF_MINIMIZE ? a > b : a < b;
}

void mlf__tune_note_worst(struct mlf__tune *tune, const double *values)
{
    for (size_t i = 0; i < tune->options->n_objectives; i++)
        if (isnan(tune->worst[i]) || is_worse(tune, i, values[i], tune->worst[i]))
            tune->worst[i] = values[i];
}

/* ---- starting a trial ---- */

static struct mlf__tune_slot *free_slot(struct mlf__tune *tune)
{
    for (int i = 0; i < tune->options->jobs; i++)
        if (tune->slots[i].trial == NULL)
            return &tune->slots[i];
    return NULL;
}

static struct mlf__tune_slot *slot_of(struct mlf__tune *tune, int pool_slot)
{
    for (int i = 0; i < tune->options->jobs; i++)
        if (tune->slots[i].trial != NULL && tune->slots[i].pool_slot == pool_slot)
            return &tune->slots[i];
    return NULL;
}

static void clear_slot(struct mlf__tune_slot *slot)
{
    mlf__tune_rendered_free(&slot->command);
    mlf__tune_measured_free(&slot->measured);
    *slot = (struct mlf__tune_slot){.pool_slot = -1, .latest = NAN};
}

/* How often the values of trial |number| were tried before; the note of it is taken away. */
static int64_t take_attempts(struct mlf__tune *tune, int64_t number)
{
    for (size_t i = 0; i < tune->n_retries; i++) {
        if (tune->retries[i].number != number)
            continue;
        int64_t attempts = tune->retries[i].attempts;
        tune->retries[i] = tune->retries[--tune->n_retries];
        return attempts;
    }
    return 0;
}

static mlf_status make_command(struct mlf__tune *tune, struct mlf__tune_slot *slot)
{
    const struct mlf__tune_command *command = &tune->options->command;
    char **texts = mlf__tune_texts(tune, slot->row);

    if (texts == NULL)
        return MLF_ERR_NOMEM;
    if (command->uses_workdir)
        snprintf(slot->workdir, sizeof(slot->workdir), "%.*s/trial_%" PRId64,
                 MLF__PATH_SIZE - WORKDIR_ROOM, tune->folder, slot->row->number);
    struct mlf__tune_values values = {.params = (const char *const *)texts,
                                      .trial = slot->row->number,
                                      .slot = (int)(slot - tune->slots),
                                      .workdir = slot->workdir};
    mlf_status status = mlf__tune_command_render(command, &values, &slot->command);
    if (status == MLF_OK)
        status = mlf__tune_command_write(command, &values);
    mlf__argv_free(texts);
    return status;
}

static mlf_status start_process(struct mlf__tune *tune, struct mlf__tune_slot *slot)
{
    struct mlf__program found;
    const struct mlf__program *program = &tune->program;

    if (!mlf__tune_command_is_fixed(&tune->options->command) && !tune->options->command.shell) {
        if (mlf__program_find(slot->command.argv[0], &found) != 0)
            return MLF_ERR_NOT_FOUND;
        program = &found;
    }
    mlf__tune_put_command(tune, slot->row->run_id, slot->command.argc, slot->command.argv);
    struct mlf__trial_start start = {.program = program,
                                     .argv = slot->command.argv,
                                     .env = slot->command.env,
                                     .run_id = slot->row->run_id,
                                     .timeout_ms = tune->options->trial_timeout_ms,
                                     .memory_limit = tune->options->memory_limit};
    return mlf__trials_start(tune->pool, &start, &slot->pool_slot);
}

static void tell_failed(struct mlf__tune *tune, struct mlf__tune_slot *slot,
                        struct mlf__tune_end *end);

/* The next trial, in a slot that is free. */
static mlf_status start_trial(struct mlf__tune *tune)
{
    const struct mlf__tune_options *options = tune->options;
    struct mlf__tune_slot *slot = free_slot(tune);
    mlf_trial *trial;
    mlf_status status =
        mlf__study_ask_all(tune->study, tune->names, tune->dists, options->space.n, &trial);

    if (status != MLF_OK)
        return status;
    clear_slot(slot);
    slot->trial = trial;
    slot->row = trial->row;
    slot->start_ns = mlf__monotonic_ns();
    slot->attempts = take_attempts(tune, slot->row->number);
    tune->n_started++;
    tune->n_running++;
    status = make_command(tune, slot);
    if (status == MLF_OK) {
        mlf__tune_output_trial(tune->output, slot);
        status = start_process(tune, slot);
    }
    if (status == MLF_OK)
        return MLF_OK;
    /* What keeps one trial from starting would keep the next ones: a full disk, no processes left. */
    struct mlf__tune_end end = {.state = MLF_TRIAL_FAIL};
    mlf__copy_text(end.reason, sizeof(end.reason), mlf__errmsg());
    mlf__tune_stop(tune, MLF__TUNE_FAILED, "trial %" PRId64 " cannot be started: %s",
                   slot->row->number, end.reason);
    tell_failed(tune, slot, &end);
    return MLF_OK;
}

/* ---- while a trial is going on ---- */

static void check_condition(struct mlf__tune *tune, struct mlf__tune_slot *slot, const char *key,
                            double value)
{
    const struct mlf__stop_when *condition = tune->options->stop_when;

    if (condition == NULL || !mlf__stop_when_see(condition, &slot->stop_values, key, value) ||
        tune->stop != MLF__TUNE_GOES_ON)
        return;
    /* The trial that was hoped for comes to its own end. */
    slot->spared = true;
    mlf__tune_stop(tune, MLF__TUNE_CONDITION, "--stop-when '%s' holds for trial %" PRId64,
                   mlf__stop_when_text(condition), slot->row->number);
    for (int i = 0; i < tune->options->jobs; i++)
        if (tune->slots[i].trial != NULL && !tune->slots[i].spared)
            mlf__trials_kill(tune->pool, tune->slots[i].pool_slot, MLF__KILL_STOPPED);
}

/* An intermediate value. It is a point of the trial's run already, so that the study only has to know it. Returns whether
 * there is something new for the pruner. */
static bool report(struct mlf__tune *tune, struct mlf__tune_slot *slot, double value, int64_t step)
{
    if (tune->options->n_objectives > 1 || step < 0 ||
        (!tune->prunes && slot->row->n_intermediate >= SHOWN_MAX))
        return false;
    mlf__study_lock(tune->study);
    mlf_status status = mlf__trial_add_intermediate(slot->row, step, value);
    mlf__study_unlock(tune->study);
    return status == MLF_OK;
}

static void on_metric(int pool_slot, const char *key, double value, int64_t step, void *user)
{
    struct mlf__tune *tune = user;
    struct mlf__tune_slot *slot = slot_of(tune, pool_slot);

    if (slot == NULL || mlf__tune_measured_see(&slot->measured, key, value) != MLF_OK)
        return;
    if (mlf__tune_objective_of(tune->options, key) != SIZE_MAX) {
        slot->latest = value;
        slot->latest_step = step;
        mlf__tune_output_value(tune->output, slot, value, step);
        if (report(tune, slot, value, step) && !slot->prune &&
            mlf_trial_should_prune(slot->trial)) {
            slot->prune = true;
            mlf__trials_kill(tune->pool, pool_slot, MLF__KILL_PRUNED);
        }
    }
    check_condition(tune, slot, key, value);
}

/* ---- the end of a trial ---- */

/* mlf's own measures, as metrics of the run where they are an objective. */
static void measure(struct mlf__tune *tune, struct mlf__tune_slot *slot,
                    const struct mlf__trial_end *end)
{
    const struct {
        const char *key;
        double value;
    } ours[] = {
        {"exit_code", WIFEXITED(end->wait_status) ? (double)WEXITSTATUS(end->wait_status) : NAN},
        {"wall_time", end->wall_time_s},
        {"max_rss", end->max_rss_mib}};

    for (size_t i = 0; i < MLF__ARRAY_LEN(ours); i++) {
        if (isnan(ours[i].value))
            continue;
        mlf__tune_measured_see(&slot->measured, ours[i].key, ours[i].value);
        if (mlf__tune_objective_of(tune->options, ours[i].key) != SIZE_MAX)
            mlf__tune_put_metric(tune, slot->row->run_id, ours[i].key, ours[i].value);
        check_condition(tune, slot, ours[i].key, ours[i].value);
    }
}

static bool wants_exit_code(const struct mlf__tune_options *options)
{
    for (size_t i = 0; i < options->n_objectives; i++)
        if (strcasecmp(options->metrics[i], "exit_code") == 0)
            return true;
    return false;
}

/* Did the process end as it should? Else |reason| says how it did. */
static bool ended_well(const struct mlf__tune *tune, const struct mlf__trial_end *end,
                       char reason[MLF__REASON_SIZE])
{
    char buffer[MLF__SIGNAL_NAME_SIZE];

    if (end->exec_error != 0)
        snprintf(reason, MLF__REASON_SIZE, "cannot be executed: %s", strerror(end->exec_error));
    else if (end->killed == MLF__KILL_TIMEOUT)
        snprintf(reason, MLF__REASON_SIZE, "ended after --trial-timeout");
    else if (end->killed == MLF__KILL_STOPPED)
        snprintf(reason, MLF__REASON_SIZE, "stopped");
    else if (WIFSIGNALED(end->wait_status))
        snprintf(reason, MLF__REASON_SIZE, "%s",
                 mlf__ending_signal_name(WTERMSIG(end->wait_status), buffer));
    else if (WEXITSTATUS(end->wait_status) != 0 && !wants_exit_code(tune->options))
        snprintf(reason, MLF__REASON_SIZE, "exit %d", WEXITSTATUS(end->wait_status));
    else
        return true;
    return false;
}

/* Nothing is called like the objective: that is wrong from the first trial on, and a slip in a later one. */
static void miss(struct mlf__tune *tune, const struct mlf__tune_slot *slot, const char *name,
                 char reason[MLF__REASON_SIZE])
{
    struct mlf__buf seen = {0};

    snprintf(reason, MLF__REASON_SIZE, "no %s", name);
    mlf__tune_measured_list(&slot->measured, &seen);
    if (tune->n_complete + tune->n_pruned + tune->n_good_before == 0)
        mlf__tune_stop(tune, MLF__TUNE_FAILED,
                       "trial %" PRId64
                       " gave no metric '%s'; it gave %.*s (--check shows how each was "
                       "found; --metric names more)",
                       slot->row->number, name, VALUE_LIST_MAX, seen.failed ? "" : seen.data);
    mlf__buf_free(&seen);
}

/* The objectives' values; false, with |reason|, when one is missing or no number. */
static bool take_values(struct mlf__tune *tune, const struct mlf__tune_slot *slot, double *values,
                        char reason[MLF__REASON_SIZE])
{
    const struct mlf__tune_options *options = tune->options;

    for (size_t i = 0; i < options->n_objectives; i++) {
        if (!mlf__tune_measured_value(&slot->measured, options->metrics[i], options->value,
                                      &values[i])) {
            miss(tune, slot, options->metrics[i], reason);
            return false;
        }
        if (isnan(values[i])) {
            snprintf(reason, MLF__REASON_SIZE, "%s is nan", options->metrics[i]);
            return false;
        }
    }
    return true;
}

static void remove_folder(struct mlf__tune_slot *slot)
{
    /* It stays when the trial has left something in it. */
    if (slot->workdir[0] != '\0')
        rmdir(slot->workdir);
}

static void leave_slot(struct mlf__tune *tune, struct mlf__tune_slot *slot,
                       struct mlf__tune_end *end)
{
    end->state = (mlf_trial_state)slot->row->state;
    end->is_best = mlf__history_best(&tune->study->history) == slot->row;
    tune->n_running--;
    tune->n_complete += end->state == MLF_TRIAL_COMPLETE;
    tune->n_pruned += end->state == MLF_TRIAL_PRUNED;
    tune->n_failed += end->state == MLF_TRIAL_FAIL;
    mlf__tune_output_ended(tune->output, slot, end);
    remove_folder(slot);
    clear_slot(slot);
}

static void tell(struct mlf__tune *tune, struct mlf__tune_slot *slot, mlf_trial_state state,
                 const double *values, bool has_metrics)
{
    size_t n = values != NULL ? tune->options->n_objectives : 0;
    mlf_trial *trial = slot->trial;

    if (mlf__study_tell(tune->study, trial, state, values, n, has_metrics) != MLF_OK)
        mlf__tune_stop(tune, MLF__TUNE_FAILED, "trial %" PRId64 " cannot be recorded: %s",
                       slot->row->number, mlf__errmsg());
}

/* The same values wait as another trial. */
static void try_again(struct mlf__tune *tune, const struct mlf__tune_slot *slot)
{
    const struct mlf__tune_options *options = tune->options;
    const struct mlf__history *history = &tune->study->history;

    if (slot->attempts >= options->retries || tune->stop != MLF__TUNE_GOES_ON)
        return;
    char **texts = mlf__tune_texts(tune, slot->row);
    mlf_key_value *values = mlf__zalloc(options->space.n + 1, sizeof(*values));
    mlf_status status = texts != NULL && values != NULL ? MLF_OK : MLF_ERR_NOMEM;
    for (size_t i = 0; status == MLF_OK && i < options->space.n; i++)
        values[i] = (mlf_key_value){options->space.params[i].name, texts[i]};
    if (status == MLF_OK)
        status = mlf__grow((void **)&tune->retries, &tune->cap_retries, tune->n_retries + 1,
                           sizeof(*tune->retries));
    if (status == MLF_OK)
        status = mlf_study_enqueue(tune->study, values, options->space.n, false);
    if (status == MLF_OK)
        tune->retries[tune->n_retries++] =
            (struct mlf__tune_retry){(int64_t)history->n_trials - 1, slot->attempts + 1};
    else
        mlf__tune_output_say(tune->output, "trial %" PRId64 " cannot be tried again: %s",
                             slot->row->number, mlf__errmsg());
    mlf__argv_free(texts);
    mlf__free(values);
}

/* Has nothing worked yet, and always failed in the same way? */
static void note_failure(struct mlf__tune *tune, const struct mlf__tune_end *end)
{
    const struct mlf__trial_end *process = end->process;

    if (process == NULL || process->killed == MLF__KILL_STOPPED)
        return;
    int status = process->wait_status;
    if (tune->n_failed == 0)
        tune->first_status = status;
    if (tune->n_complete + tune->n_pruned + tune->n_good_before > 0 || status != tune->first_status)
        tune->n_alike = -ALIKE_MAX;
    if (++tune->n_alike < ALIKE_MAX)
        return;
    mlf__tune_stop(tune, MLF__TUNE_FAILED,
                   "the first %d trials all failed (%s), so the others would too; %s%s", ALIKE_MAX,
                   end->reason,
                   process->tail[0] != '\0' ? "the last one ended with: " : "it printed nothing",
                   process->tail);
}

/* The trial has failed; |end->reason| says why. */
static void tell_failed(struct mlf__tune *tune, struct mlf__tune_slot *slot,
                        struct mlf__tune_end *end)
{
    const struct mlf__trial_end *process = end->process;
    bool stopped = process != NULL && process->killed == MLF__KILL_STOPPED;

    mlf_trial_set_user_attr(slot->trial, "fail_reason", end->reason);
    if (tune->options->on_fail == MLF__ON_FAIL_WORST && !stopped && !isnan(tune->worst[0]))
        tell(tune, slot, MLF_TRIAL_COMPLETE, tune->worst, false);
    else
        tell(tune, slot, MLF_TRIAL_FAIL, NULL, false);
    /* To the study it has failed; its run says which way, as that of `mlf run` would. */
    if (process != NULL && mlf__ending_status(process->wait_status) == MLF_RUN_KILLED)
        mlf__tune_put_run_end(tune, slot->row->run_id, MLF_RUN_KILLED, process->end_ns);
    note_failure(tune, end);
    if (tune->options->on_fail == MLF__ON_FAIL_STOP && !stopped)
        mlf__tune_stop(tune, MLF__TUNE_FAILED,
                       "trial %" PRId64 " failed (%s), and --on-fail is stop", slot->row->number,
                       end->reason);
    if (!stopped)
        try_again(tune, slot);
    leave_slot(tune, slot, end);
}

static void on_ended(int pool_slot, const struct mlf__trial_end *process, void *user)
{
    struct mlf__tune *tune = user;
    struct mlf__tune_slot *slot = slot_of(tune, pool_slot);
    struct mlf__tune_end end = {.process = process, .wall_time_s = process->wall_time_s};
    double values[MLF__OBJECTIVES_MAX];

    if (slot == NULL)
        return;
    mlf__tune_put_end(tune, slot->row->run_id, process);
    measure(tune, slot, process);
    if (process->exec_error != 0) {
        tune->exec_exit =
            process->exec_error == ENOENT ? MLF__EXIT_NOT_FOUND : MLF__EXIT_NOT_EXECUTABLE;
        mlf__tune_stop(tune, MLF__TUNE_FAILED, "%s: cannot be executed: %s", slot->command.argv[0],
                       strerror(process->exec_error));
    }
    if (process->killed == MLF__KILL_PRUNED) {
        tell(tune, slot, MLF_TRIAL_PRUNED, NULL, true);
        leave_slot(tune, slot, &end);
    } else if (ended_well(tune, process, end.reason) &&
               take_values(tune, slot, values, end.reason)) {
        mlf__tune_note_worst(tune, values);
        tell(tune, slot, MLF_TRIAL_COMPLETE, values, true);
        leave_slot(tune, slot, &end);
    } else {
        tell_failed(tune, slot, &end);
    }
}

/* ---- the loop ---- */

static void end_running(struct mlf__tune *tune, bool also_spared)
{
    for (int i = 0; i < tune->options->jobs; i++)
        if (tune->slots[i].trial != NULL && (also_spared || !tune->slots[i].spared))
            mlf__trials_kill(tune->pool, tune->slots[i].pool_slot, MLF__KILL_STOPPED);
}

static void on_signal(int signo, void *user)
{
    struct mlf__tune *tune = user;
    char buffer[MLF__SIGNAL_NAME_SIZE];

    if (tune->signo != 0) {
        tune->killed = true;
        return;
    }
    tune->signo = signo;
    if (tune->stop != MLF__TUNE_FAILED)
        tune->stop = MLF__TUNE_GOES_ON; /* the signal is the reason, whatever was before it */
    mlf__tune_stop(tune, MLF__TUNE_SIGNAL, "%s", mlf__ending_signal_name(signo, buffer));
    if (tune->n_running > 0)
        mlf__tune_output_say(tune->output,
                             "ending %" PRId64 " trial%s; the same again ends at once",
                             tune->n_running, tune->n_running == 1 ? "" : "s");
    end_running(tune, true);
}

/* Milliseconds until --timeout; INT64_MAX without one. */
static int64_t time_left(const struct mlf__tune *tune)
{
    if (tune->options->timeout_ms == 0)
        return INT64_MAX;
    return tune->options->timeout_ms - (mlf__monotonic_ns() - tune->start_ns) / 1000000;
}

static void check_limits(struct mlf__tune *tune)
{
    const struct mlf__history *history = &tune->study->history;
    int64_t started = (int64_t)(history->n_trials - history->n_waiting);

    if (tune->options->trials > 0 && started >= tune->options->trials)
        mlf__tune_stop(tune, MLF__TUNE_TRIALS, "all trials are done");
    else if (mlf__study_is_exhausted(tune->study))
        mlf__tune_stop(tune, MLF__TUNE_EXHAUSTED, "there is nothing left to try");
    if (time_left(tune) > 0 || tune->stop == MLF__TUNE_TIMEOUT)
        return;
    if (tune->stop == MLF__TUNE_TRIALS || tune->stop == MLF__TUNE_EXHAUSTED)
        tune->stop = MLF__TUNE_GOES_ON; /* what still runs is cut short */
    mlf__tune_stop(tune, MLF__TUNE_TIMEOUT, "the time is over");
    end_running(tune, true);
}

void mlf__tune_loop(struct mlf__tune *tune)
{
    while (!tune->killed) {
        check_limits(tune);
        while (tune->stop == MLF__TUNE_GOES_ON && tune->n_running < tune->options->jobs) {
            if (start_trial(tune) != MLF_OK)
                mlf__tune_stop(tune, MLF__TUNE_FAILED, "no trial can be started: %s",
                               mlf__errmsg());
            check_limits(tune);
        }
        if (tune->n_running == 0 && tune->stop != MLF__TUNE_GOES_ON)
            return;
        /* What a trial cannot be without ends all of them. */
        if (tune->stop == MLF__TUNE_FAILED)
            end_running(tune, true);
        int64_t left = time_left(tune);
        if (mlf__trials_step(tune->pool, left > 0 && left < STEP_MS ? left : STEP_MS) != MLF_OK) {
            mlf__tune_stop(tune, MLF__TUNE_FAILED, "%s", mlf__errmsg());
            return;
        }
        mlf__tune_output_tick(tune->output);
    }
}

void mlf__tune_handlers(struct mlf__tune *tune, struct mlf__trials_handlers *out)
{
    *out = (struct mlf__trials_handlers){
        .metric = on_metric, .ended = on_ended, .signalled = on_signal, .user = tune};
}
