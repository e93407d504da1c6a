/* SPDX-License-Identifier: Apache-2.0 */
/* A tuning from its first check to its last word: what is made before the loop, and what is left behind it. */
#include "cli/tune.h"

#include "autolog/cmdline.h"
#include "cli/capture.h"
#include "cli/cli.h"
#include "cli/tune_output.h"
#include "cli/tune_reading.h"
#include "cli/tune_resume.h"
#include "core/mem.h"
#include "core/sys.h"
#include "tracking/names.h"
#include "tuner/study_log.h"
#include "tuner/study_log_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    FINISH_WAIT_MS = 5000, /* for a store that cannot be written; the rest is for `mlf sync` */
    FLUSH_WAIT_MS = 10000,
    WORKDIR_ROOM = 64, /* "/trial_N" behind the folder */
    SIGNAL_EXIT = 128
};

/* ---- the command line ---- */

char *mlf__tune_resume_line(const struct mlf__tune_options *options, const char *run_id)
{
    const char **words = mlf__zalloc((size_t)options->argc + 3, sizeof(char *));
    char resume[64], *line = NULL;
    size_t n = 0;

    if (words == NULL)
        return NULL;
    snprintf(resume, sizeof(resume), "--resume=%s", run_id);
    words[n++] = "mlf";
    words[n++] = "tune";
    words[n++] = resume;
    for (int i = 1; i < options->argc; i++) {
        const char *word = options->argv[i];
        if (i < options->n_own &&
            (strncmp(word, "--resume", strlen("--resume")) == 0 || word == options->resumed))
            continue;
        words[n++] = word;
    }
    line = mlf__cmdline_text(n, words);
    mlf__free(words);
    return line;
}

/* ---- the session ---- */

static mlf_status emit(void *user, const struct mlf__event *event)
{
    struct mlf__tune *tune = user;
    mlf_status status = mlf__ring_put_event(tune->ring, event, MLF__RING_WAIT_CALL);

    if (status != MLF_OK)
        mlf__ring_count_drop(tune->ring);
    return status;
}

static mlf_status flush(void *user)
{
    struct mlf__tune *tune = user;

    if (tune->collector == NULL)
        return MLF_OK;
    mlf__ring_ring_bell(tune->ring);
    return mlf__ring_wait_settled(tune->ring, mlf__ring_head(tune->ring), FLUSH_WAIT_MS);
}

/* The id of the study that is gone on with, into the config. */
static mlf_status find_study(struct mlf__tune *tune)
{
    struct mlf__store *store = NULL;
    char id[MLF__ID_SIZE];
    mlf_status status = mlf__cli_open_store(tune->config.tracking_uri, &store);

    if (status == MLF_OK)
        status = mlf__tune_find_study(tune->options, &tune->config, store, id);
    if (status == MLF_OK)
        mlf__copy_text(tune->config.run_id, sizeof(tune->config.run_id), id);
    mlf__store_close(store);
    return status;
}

static mlf_status open_ring(struct mlf__tune *tune)
{
    mlf_status status = mlf__run_options_config(&tune->options->run, &tune->config);

    if (status == MLF_OK && tune->options->resume)
        status = find_study(tune);
    return status == MLF_OK ? mlf__capture_ring(&tune->config, &tune->ring) : status;
}

static mlf_status open_pool(struct mlf__tune *tune,
                            const struct mlf__recogniser_options *recogniser)
{
    struct mlf__trials_options options = {.n_slots = tune->options->jobs,
                                          .ring = tune->ring,
                                          .collector = tune->collector,
                                          .hooks = tune->hooks[0] != '\0' ? tune->hooks : NULL,
                                          .recogniser = recogniser,
                                          .line_buffered =
                                              tune->prunes || tune->options->stop_when != NULL,
                                          .keep_output = true,
                                          .grace_ms = tune->options->grace_ms};

    mlf__tune_handlers(tune, &options.handlers);
    return mlf__trials_create(&options, &tune->pool);
}

/* ---- the study ---- */

static void add_dist(struct mlf__buf *out, const struct mlf__dist *dist)
{
    char low[MLF__NUMBER_SIZE], high[MLF__NUMBER_SIZE], step[MLF__NUMBER_SIZE];

    if (dist->kind == MLF__DIST_CATEGORICAL) {
        for (size_t i = 0; i < dist->n_choices; i++)
            mlf__buf_printf(out, "%s%s", i > 0 ? "," : "", dist->choices[i]);
        return;
    }
    mlf__format_double(low, dist->low);
    mlf__format_double(high, dist->high);
    mlf__format_double(step, dist->step);
    mlf__buf_printf(out, "%s:%s:%s", dist->kind == MLF__DIST_INT ? "int" : "float", low, high);
    if (dist->step > (dist->kind == MLF__DIST_INT ? 1 : 0))
        mlf__buf_printf(out, ":%s", step);
    mlf__buf_puts(out, dist->log ? ":log" : "");
}

static mlf_status other_space(const char *name, const struct mlf__dist *there,
                              const struct mlf__dist *here)
{
    struct mlf__buf text = {0};

    mlf__buf_printf(&text, "the study has another space: there '%s' is ", name);
    if (there != NULL)
        add_dist(&text, there);
    mlf__buf_printf(&text, "%shere it is ", there != NULL ? ", " : "not a parameter, ");
    if (here != NULL)
        add_dist(&text, here);
    mlf__buf_printf(&text, "%s; begin another study, by --study", here != NULL ? "" : "none");
    mlf_status status = mlf__fail(MLF_ERR_CONFLICT, "%s", text.failed ? name : text.data);
    mlf__buf_free(&text);
    return status;
}

/* Has the study's last trial the parameters of this command line? */
static mlf_status check_space(const struct mlf__tune *tune)
{
    const struct mlf__tune_space *space = &tune->options->space;
    const struct mlf__history *history = &tune->study->history;
    const struct mlf__trial *trial = NULL;

    for (size_t i = history->n_told; i-- > 0 && trial == NULL;)
        if (history->trials[history->told[i]]->n_params > 0 || space->n == 0)
            trial = history->trials[history->told[i]];
    if (trial == NULL)
        return MLF_OK;
    for (uint32_t i = 0; i < trial->n_params; i++) {
        const char *name = history->names[trial->params[i].name];
        const struct mlf__dist *there = &history->dists[trial->params[i].dist];
        int here = mlf__tune_space_find(space, name);
        if (here < 0 || !mlf__dist_equal(there, &space->params[here].dist))
            return other_space(name, there, here < 0 ? NULL : &space->params[here].dist);
    }
    for (size_t i = 0; i < space->n; i++) {
        bool found = false;
        for (uint32_t j = 0; j < trial->n_params; j++)
            found =
                found || strcmp(history->names[trial->params[j].name], space->params[i].name) == 0;
        if (!found)
            return other_space(space->params[i].name, NULL, &space->params[i].dist);
    }
    return MLF_OK;
}

/* Does the study want what this command line says? */
static mlf_status check_objectives(const struct mlf__tune *tune)
{
    const struct mlf__tune_options *options = tune->options;
    const mlf_study *study = tune->study;
    bool same = options->n_objectives == study->history.n_objectives;

    for (size_t i = 0; same && i < options->n_objectives; i++)
        same = mlf__tune_is_called(study->metrics[i], options->metrics[i]) &&
               study->history.directions[i] == options->directions[i];
    if (same)
        return MLF_OK;
    struct mlf__buf text = {0};
    for (size_t i = 0; i < study->history.n_objectives; i++)
        mlf__buf_printf(&text, " --%s %s",
                        study->history.directions[i] == MLF_MINIMIZE ? "minimize" : "maximize",
                        study->metrics[i]);
    mlf_status status =
        mlf__fail(MLF_ERR_CONFLICT, "the study has another objective, it is resumed with%s",
                  text.failed ? "" : text.data);
    mlf__buf_free(&text);
    return status;
}

static void note_history(struct mlf__tune *tune)
{
    const struct mlf__history *history = &tune->study->history;

    tune->n_before = (int64_t)(history->n_trials - history->n_waiting);
    for (size_t i = 0; i < history->n_told; i++) {
        const struct mlf__trial *trial = history->trials[history->told[i]];
        tune->n_good_before +=
            trial->state == MLF_TRIAL_COMPLETE || trial->state == MLF_TRIAL_PRUNED;
        if (trial->state == MLF_TRIAL_COMPLETE)
            mlf__tune_note_worst(tune, mlf__trial_values(trial));
    }
}

static mlf_status open_study(struct mlf__tune *tune, const struct mlf__study_sink *sink)
{
    const struct mlf__tune_options *options = tune->options;
    mlf_study_options study = MLF_STUDY_OPTIONS_INIT;

    study.name = options->study != NULL ? options->study : MLF__TUNE_DEFAULT_STUDY;
    study.metrics = options->metrics;
    study.directions = options->directions;
    study.n_objectives = options->n_objectives;
    study.sampler = options->sampler;
    study.pruner = options->pruner;
    study.seed = options->seed;
    if (!options->resume) {
        study.pruner = options->pruner != NULL ? options->pruner : "none";
        return mlf__study_create_in(&study, sink, &tune->study);
    }
    mlf_status status = mlf__study_load_in(tune->config.run_id, &study, sink, &tune->study);
    if (status == MLF_OK)
        status = check_objectives(tune);
    if (status == MLF_OK)
        status = check_space(tune);
    if (status == MLF_OK)
        note_history(tune);
    return status;
}

static void put_tags(struct mlf__tune *tune)
{
    const struct mlf__run_options *run = &tune->options->run;
    const char *id = tune->config.run_id;
    char host[256] = "", name[] = "mlf", sub[] = "tune";
    char **words = mlf__zalloc((size_t)tune->options->argc + 2, sizeof(char *));

    if (words != NULL) {
        words[0] = name;
        words[1] = sub;
        for (int i = 1; i < tune->options->argc; i++)
            words[i + 1] = tune->options->argv[i];
        mlf__tune_put_command(tune, id, (size_t)tune->options->argc + 1, words);
        mlf__free(words);
    }
    char *kept = mlf__tune_words_text(tune->options);
    if (kept != NULL)
        mlf__tune_put_tag(tune, id, MLF__TUNE_TAG_ARGV, kept);
    mlf__free(kept);
    mlf__tune_put_tag(tune, id, "mlflow.source.name", "mlf tune");
    mlf__tune_put_tag(tune, id, "mlf.version", MLF__VERSION);
    if (gethostname(host, sizeof(host) - 1) == 0)
        mlf__tune_put_tag(tune, id, "mlf.hostname", host);
    mlf__tune_put_tag(tune, id, "mlf.cwd", tune->config.cwd);
    for (size_t i = 0; i < run->n_tags; i++)
        mlf__tune_put_tag(tune, id, run->tags[i].key, run->tags[i].value);
}

static mlf_status enqueue_points(struct mlf__tune *tune, const struct mlf__tune_points *points)
{
    mlf_status status = MLF_OK;

    for (size_t i = 0; status == MLF_OK && i < points->n; i++) {
        const struct mlf__tune_point *point = &points->points[i];
        mlf_key_value *values = mlf__zalloc(point->n + 1, sizeof(*values));
        if (values == NULL)
            return MLF_ERR_NOMEM;
        for (size_t j = 0; j < point->n; j++)
            values[j] = (mlf_key_value){point->values[j].key, point->values[j].value};
        /* A study that is resumed has had them: what was tried is not tried again. */
        status = mlf_study_enqueue(tune->study, values, point->n, tune->options->resume);
        mlf__free(values);
    }
    return status;
}

/* ---- the whole ---- */

/* What is checked while nothing has happened. 0, or the exit code after a message. */
static int prepare(struct mlf__tune *tune, struct mlf__tune_points *points,
                   struct mlf__tune_reading *reading)
{
    const struct mlf__tune_options *options = tune->options;
    int code = mlf__tune_find_program(options, &tune->program);

    if (code != 0)
        return code;
    mlf_status status = mlf__tune_find_hooks(options, &tune->program, tune->hooks);
    if (status == MLF_OK)
        status = mlf__tune_reading_make(options, reading);
    if (status == MLF_OK && options->enqueue != NULL)
        status = mlf__tune_points_read(options->enqueue, &options->space, points);
    return status == MLF_OK ? 0 : mlf__cli_usage(MLF__EXIT_USAGE, "mlf tune", "%s", mlf__errmsg());
}

static mlf_status make_room(struct mlf__tune *tune)
{
    const struct mlf__tune_options *options = tune->options;

    tune->names = mlf__zalloc(options->space.n + 1, sizeof(*tune->names));
    tune->dists = mlf__zalloc(options->space.n + 1, sizeof(*tune->dists));
    tune->slots = mlf__zalloc((size_t)options->jobs, sizeof(*tune->slots));
    if (tune->names == NULL || tune->dists == NULL || tune->slots == NULL)
        return MLF_ERR_NOMEM;
    for (size_t i = 0; i < options->space.n; i++) {
        tune->names[i] = options->space.params[i].name;
        tune->dists[i] = options->space.params[i].dist;
    }
    for (size_t i = 0; i < MLF__OBJECTIVES_MAX; i++)
        tune->worst[i] = NAN;
    return MLF_OK;
}

/* Until now nothing has left the ring: what cannot be begun leaves no trace in the store. */
static mlf_status begin(struct mlf__tune *tune, const struct mlf__study_sink *sink,
                        const struct mlf__tune_points *points,
                        const struct mlf__recogniser_options *recogniser)
{
    mlf_status status = open_study(tune, sink);

    if (status == MLF_OK) {
        tune->prunes = strcmp(tune->study->pruner_text, "none") != 0;
        status = enqueue_points(tune, points);
    }
    if (status == MLF_OK)
        status = mlf__collector_start(tune->ring, &tune->collector);
    if (status != MLF_OK)
        return status;
    put_tags(tune);
    if (snprintf(tune->folder, sizeof(tune->folder), "%s/mlf-tune-%.8s", tune->config.cwd,
                 tune->config.run_id) >= (int)(sizeof(tune->folder) - WORKDIR_ROOM))
        return mlf__fail(MLF_ERR_INVAL, "the path of the current folder is too long");
    if (open_pool(tune, recogniser) != MLF_OK)
        mlf__tune_stop(tune, MLF__TUNE_FAILED, "%s", mlf__errmsg());
    return MLF_OK;
}

static void go(struct mlf__tune *tune, const struct mlf__tune_points *points)
{
    mlf__tune_output_begin(tune->output, tune->options->resume);
    if (points->n_outside > 0)
        mlf__tune_output_say(tune->output, "%zu values of --enqueue lie outside their ranges",
                             points->n_outside);
    tune->start_ns = mlf__monotonic_ns();
    if (tune->pool != NULL)
        mlf__tune_loop(tune);
    rmdir(tune->folder);
}

static int exit_code(const struct mlf__tune *tune)
{
    if (tune->signo != 0)
        return SIGNAL_EXIT + tune->signo;
    if (tune->exec_exit != 0)
        return tune->exec_exit;
    if (tune->stop == MLF__TUNE_FAILED)
        return MLF__EXIT_FAILED;
    return tune->n_complete > 0 || tune->study->history.n_told == 0 ||
                   mlf__history_best(&tune->study->history) != NULL ||
                   tune->options->n_objectives > 1
               ? MLF__EXIT_OK
               : MLF__EXIT_FAILED;
}

/* The study's run ends, and everything is stored. */
static void close_session(struct mlf__tune *tune)
{
    struct mlf__summary summary = {0};
    int status = tune->signo != 0                 ? MLF_RUN_KILLED
                 : tune->stop == MLF__TUNE_FAILED ? MLF_RUN_FAILED
                                                  : MLF_RUN_FINISHED;

    mlf__trials_destroy(tune->pool);
    tune->pool = NULL;
    mlf__study_log_result(
        tune->study, (int64_t)(tune->study->history.n_trials - tune->study->history.n_waiting));
    mlf_study_destroy(tune->study);
    tune->study = NULL;
    if (mlf__collector_finish(tune->collector, status, mlf__now_ns(), FINISH_WAIT_MS, &summary) !=
            MLF_OK &&
        summary.error == NULL)
        summary.error = mlf__strdup(mlf__errmsg());
    mlf__ring_detach(tune->ring);
    if (summary.error != NULL)
        mlf__cli_say("not everything could be stored in %s: %s",
                     summary.store != NULL ? summary.store : "the store", summary.error);
    if (summary.error_journal != NULL)
        mlf__cli_say("it is kept in %s; `mlf sync` stores it later", summary.error_journal);
    if (summary.dropped > 0)
        mlf__cli_say("%llu events found no room and were dropped",
                     (unsigned long long)summary.dropped);
    mlf__summary_free(&summary);
}

static int run(struct mlf__tune *tune, const struct mlf__tune_points *points,
               const struct mlf__recogniser_options *recogniser)
{
    struct mlf__study_sink sink = {
        .emit = emit, .flush = flush, .config = &tune->config, .user = tune};

    if (make_room(tune) != MLF_OK || mlf__tune_output_open(tune, &tune->output) != MLF_OK ||
        open_ring(tune) != MLF_OK)
        return mlf__cli_fail();
    if (begin(tune, &sink, points, recogniser) != MLF_OK) {
        mlf__cli_say("%s", mlf__errmsg());
        mlf_study_destroy(tune->study);
        mlf__capture_drop_ring(tune->ring);
        return MLF__EXIT_FAILED;
    }
    go(tune, points);
    int code = exit_code(tune);
    mlf__tune_output_end(tune->output, code);
    close_session(tune);
    return mlf__cli_finish(code);
}

int mlf__tune_run(const struct mlf__tune_options *options)
{
    struct mlf__tune tune = {.options = options};
    struct mlf__tune_points points = {0};
    struct mlf__tune_reading reading = {0};
    int code = prepare(&tune, &points, &reading);

    if (code == 0)
        code = run(&tune, &points, &reading.options);
    mlf__tune_output_close(tune.output);
    for (int i = 0; tune.slots != NULL && i < options->jobs; i++) {
        mlf__tune_rendered_free(&tune.slots[i].command);
        mlf__tune_measured_free(&tune.slots[i].measured);
    }
    mlf__free(tune.slots);
    mlf__free(tune.names);
    mlf__free(tune.dists);
    mlf__free(tune.retries);
    mlf__tune_reading_free(&reading);
    mlf__tune_points_free(&points);
    return code;
}
