/* SPDX-License-Identifier: Apache-2.0 */
/* mlf tune --dry-run and --check: what would be run, and what would be found. Neither touches a store. */
#include "cli/tune.h"

#include "autolog/cmdline.h"
#include "autolog/ending.h"
#include "cli/capture.h"
#include "cli/cli.h"
#include "cli/hits.h"
#include "cli/json.h"
#include "cli/outcome.h"
#include "cli/relay.h"
#include "cli/table.h"
#include "cli/tune_reading.h"
#include "core/mem.h"
#include "core/sys.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DRY_TRIALS = 5 };

/* A study that keeps nothing, with the sampler and seed of the real one. */
static mlf_status open_study(struct mlf__tune *tune)
{
    const struct mlf__tune_options *options = tune->options;
    mlf_study_options study = MLF_STUDY_OPTIONS_INIT;

    study.metrics = options->metrics;
    study.directions = options->directions;
    study.n_objectives = options->n_objectives;
    study.sampler = options->sampler;
    study.pruner = "none";
    study.seed = options->seed;
    study.in_memory = true;
    tune->names = mlf__zalloc(options->space.n + 1, sizeof(*tune->names));
    tune->dists = mlf__zalloc(options->space.n + 1, sizeof(*tune->dists));
    if (tune->names == NULL || tune->dists == NULL)
        return MLF_ERR_NOMEM;
    for (size_t i = 0; i < options->space.n; i++) {
        tune->names[i] = options->space.params[i].name;
        tune->dists[i] = options->space.params[i].dist;
    }
    return mlf_study_create(&study, &tune->study);
}

static void close_study(struct mlf__tune *tune)
{
    mlf_study_destroy(tune->study);
    mlf__free(tune->names);
    mlf__free(tune->dists);
}

static mlf_status enqueue(struct mlf__tune *tune)
{
    struct mlf__tune_points points = {0};
    mlf_status status = MLF_OK;

    if (tune->options->enqueue != NULL)
        status = mlf__tune_points_read(tune->options->enqueue, &tune->options->space, &points);
    for (size_t i = 0; status == MLF_OK && i < points.n; i++) {
        /* mlf_pair and mlf_key_value differ in const alone, but they are two types. */
        mlf_key_value *values = mlf__zalloc(points.points[i].n + 1, sizeof(*values));
        if (values == NULL)
            status = MLF_ERR_NOMEM;
        for (size_t j = 0; status == MLF_OK && j < points.points[i].n; j++)
            values[j] =
                (mlf_key_value){points.points[i].values[j].key, points.points[i].values[j].value};
        if (status == MLF_OK)
            status = mlf_study_enqueue(tune->study, values, points.points[i].n, false);
        mlf__free(values);
    }
    mlf__tune_points_free(&points);
    return status;
}

/* The next trial's command in |workdir|. */
static mlf_status next_command(struct mlf__tune *tune, const char *workdir, bool write,
                               struct mlf__tune_rendered *out, mlf_trial **trial)
{
    const struct mlf__tune_command *command = &tune->options->command;
    mlf_status status =
        mlf__study_ask_all(tune->study, tune->names, tune->dists, tune->options->space.n, trial);

    if (status != MLF_OK)
        return status;
    char **texts = mlf__tune_texts(tune, (*trial)->row);
    struct mlf__tune_values values = {
        .params = (const char *const *)texts, .trial = (*trial)->row->number, .workdir = workdir};
    status = texts != NULL ? mlf__tune_command_render(command, &values, out) : MLF_ERR_NOMEM;
    if (status == MLF_OK && write)
        status = mlf__tune_command_write(command, &values);
    mlf__argv_free(texts);
    return status;
}

/* ---- --dry-run ---- */

static mlf_status print_command(struct mlf__tune *tune)
{
    struct mlf__tune_rendered rendered;
    mlf_trial *trial;
    mlf_status status = next_command(tune, "WORKDIR", false, &rendered, &trial);

    if (status != MLF_OK)
        return status;
    char *line = mlf__cmdline_text(rendered.argc, (const char *const *)rendered.argv);
    if (tune->options->run.json) {
        cJSON *object = cJSON_CreateObject();
        mlf__json_int(object, "number", trial->row->number);
        mlf__json_text(object, "command", line);
        cJSON *env = cJSON_AddArrayToObject(object, "env");
        for (size_t i = 0; rendered.env[i] != NULL; i++)
            mlf__json_append(env, cJSON_CreateString(rendered.env[i]));
        mlf__json_print(object);
    } else {
        for (size_t i = 0; rendered.env[i] != NULL; i++) {
            char *word = mlf__cmdline_text(1, (const char *const *)&rendered.env[i]);
            mlf__cli_print_text(stdout, word != NULL ? word : "");
            printf(" ");
            mlf__free(word);
        }
        mlf__cli_print_text(stdout, line != NULL ? line : "");
        printf("\n");
    }
    mlf__free(line);
    mlf__tune_rendered_free(&rendered);
    /* A failed trial teaches a sampler nothing, but a grid's point has been visited. */
    return mlf__study_tell(tune->study, trial, MLF_TRIAL_FAIL, NULL, 0, false);
}

int mlf__tune_dry_run(const struct mlf__tune_options *options)
{
    struct mlf__tune tune = {.options = options};
    int64_t n = options->trials > 0 && options->trials < DRY_TRIALS ? options->trials : DRY_TRIALS;
    mlf_status status = open_study(&tune);

    if (status == MLF_OK)
        status = enqueue(&tune);
    while (status == MLF_OK && n-- > 0 && !mlf__study_is_exhausted(tune.study))
        status = print_command(&tune);
    close_study(&tune);
    return mlf__cli_finish(status == MLF_OK ? MLF__EXIT_OK : mlf__cli_fail());
}

/* ---- --check ---- */

/* A metric that was found, and by what. */
struct found {
    char *key;
    char *how;
    double last;
    uint64_t n;
    int64_t first_step, last_step;
};

struct check {
    struct mlf__tune tune;
    struct mlf__ring *ring;
    struct found *found;
    size_t n, cap;
};

static void see(struct check *check, const char *key, const char *how, double value, int64_t step)
{
    struct found *found = NULL;

    for (size_t i = 0; i < check->n && found == NULL; i++)
        if (strcmp(check->found[i].key, key) == 0 && strcmp(check->found[i].how, how) == 0)
            found = &check->found[i];
    if (found == NULL) {
        if (mlf__grow((void **)&check->found, &check->cap, check->n + 1, sizeof(*found)) != MLF_OK)
            return;
        found = &check->found[check->n];
        *found =
            (struct found){.key = mlf__strdup(key), .how = mlf__strdup(how), .first_step = step};
        if (found->key == NULL || found->how == NULL) {
            mlf__free(found->key);
            mlf__free(found->how);
            return;
        }
        check->n++;
    }
    found->last = value;
    found->last_step = step;
    found->n++;
}

static void take_hit(const struct mlf__hit *hit, void *user)
{
    struct check *check = user;
    char how[512];
    int64_t step = 0;

    /* A hook that sees the same value comes with its own event. */
    if (!mlf__hits_put(check->ring, mlf__ring_config(check->ring)->run_id, hit, &step) ||
        hit->kind != MLF__HIT_METRIC)
        return;
    snprintf(how, sizeof(how), "printed, %s", hit->reason != NULL ? hit->reason : "");
    see(check, hit->key, how, hit->value, step);
}

static bool take_event(const struct mlf__event *event, uint64_t position, void *user)
{
    struct check *check = user;
    int source = event->flags & MLF__EVF_SOURCE_MASK;

    (void)position;
    if (event->kind == MLF__EV_METRIC && source != MLF__SRC_RECOGNISER)
        see(check, event->key,
            source == MLF__SRC_ADAPTER ? "seen in a library's calls" : "logged by the program",
            event->value, event->step);
    return true;
}

/* What was logged into the ring, which nobody else reads. */
static mlf_status read_ring(struct check *check)
{
    struct mlf__ring_reader *reader;
    mlf_status status = mlf__ring_reader_create(check->ring, &reader);

    while (status == MLF_OK && mlf__ring_read(reader, 1000, take_event, check) > 0) {
    }
    if (status == MLF_OK)
        mlf__ring_reader_destroy(reader);
    return status;
}

static void print_objectives(const struct check *check)
{
    const struct mlf__tune_options *options = check->tune.options;

    for (size_t i = 0; i < options->n_objectives; i++) {
        bool there = mlf__tune_is_measured_by_us(options->metrics[i]);
        for (size_t j = 0; j < check->n && !there; j++)
            there = mlf__tune_is_called(check->found[j].key, options->metrics[i]);
        if (!there)
            mlf__cli_say("the objective '%s' is not among them", options->metrics[i]);
    }
}

static void print_found(const struct check *check)
{
    struct mlf__table table = {.n_columns = 5};

    if (check->n == 0) {
        printf("no metric was found besides exit_code, wall_time and max_rss\n");
        return;
    }
    mlf__table_add(&table, "METRIC");
    mlf__table_add(&table, "LAST");
    mlf__table_add(&table, "POINTS");
    mlf__table_add(&table, "STEPS");
    mlf__table_add(&table, "FOUND BY");
    for (size_t i = 0; i < check->n; i++) {
        const struct found *found = &check->found[i];
        mlf__table_add(&table, found->key);
        mlf__table_addf(&table, "%.6g", found->last);
        mlf__table_addf(&table, "%" PRIu64, found->n);
        mlf__table_addf(&table, "%" PRId64 "..%" PRId64, found->first_step, found->last_step);
        mlf__table_add(&table, found->how);
    }
    mlf__table_print(&table);
    mlf__table_free(&table);
}

static void print_found_json(const struct check *check, int wait_status)
{
    cJSON *object = cJSON_CreateObject();
    cJSON *metrics = cJSON_AddArrayToObject(object, "metrics");

    for (size_t i = 0; metrics != NULL && i < check->n; i++) {
        cJSON *metric = cJSON_CreateObject();
        mlf__json_text(metric, "key", check->found[i].key);
        mlf__json_double(metric, "last", check->found[i].last);
        mlf__json_int(metric, "points", (int64_t)check->found[i].n);
        mlf__json_text(metric, "found_by", check->found[i].how);
        mlf__json_append(metrics, metric);
    }
    mlf__json_int(object, "exit_code", WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1);
    mlf__json_print(object);
}

/* Runs the command; its output is passed on. */
static int run_command(struct check *check, const struct mlf__program *program,
                       struct mlf__tune_rendered *command,
                       const struct mlf__recogniser_options *recogniser, int *wait_status)
{
    struct mlf__signals signals;
    struct mlf__recogniser *reader = NULL;
    struct mlf__launched launched;
    struct mlf__relay_result result;
    sigset_t watched;
    int exec_error = 0;

    if (mlf__recogniser_create(recogniser, take_hit, check, &reader) != MLF_OK)
        return mlf__cli_fail();
    mlf__signals_take(&signals, &watched);
    struct mlf__launch launch = {.program = program,
                                 .argv = command->argv,
                                 .ring = mlf__ring_path(check->ring),
                                 .hooks = check->tune.hooks[0] != '\0' ? check->tune.hooks : NULL,
                                 .capture = true,
                                 .signals = &signals,
                                 .env = command->env};
    mlf_status status = mlf__launch(&launch, &launched, &exec_error);
    if (status == MLF_OK && exec_error != 0) {
        waitpid(launched.pid, NULL, 0);
        status = mlf__fail_errno(exec_error, "%s cannot be executed", program->path);
    }
    if (status == MLF_OK) {
        struct mlf__relay_options relay = {
            .launched = launched, .recogniser = reader, .watched = &watched};
        mlf__relay(&relay, &result);
        mlf__recogniser_end(reader);
        *wait_status = result.wait_status;
        status = read_ring(check);
    }
    mlf__recogniser_destroy(reader);
    mlf__signals_restore(&signals);
    if (status == MLF_OK)
        return 0;
    return mlf__cli_fail();
}

static int report(struct check *check, int wait_status)
{
    char buffer[MLF__SIGNAL_NAME_SIZE];

    if (check->tune.options->run.json)
        print_found_json(check, wait_status);
    else
        print_found(check);
    fflush(stdout);
    if (WIFSIGNALED(wait_status))
        mlf__cli_say("the command ended by %s",
                     mlf__ending_signal_name(WTERMSIG(wait_status), buffer));
    else if (WEXITSTATUS(wait_status) != 0)
        mlf__cli_say("the command exited with %d", WEXITSTATUS(wait_status));
    print_objectives(check);
    return mlf__cli_finish(MLF__EXIT_OK);
}

static int check_command(struct check *check, const struct mlf__recogniser_options *recogniser)
{
    struct mlf__tune *tune = &check->tune;
    struct mlf__tune_rendered command = {0};
    mlf_trial *trial;
    char folder[] = "/tmp/mlf-check-XXXXXX";
    int wait_status = 0;

    if (mlf__run_options_config(&tune->options->run, &tune->config) != MLF_OK ||
        mlf__capture_ring(&tune->config, &check->ring) != MLF_OK)
        return mlf__cli_fail();
    if (tune->options->command.uses_workdir && mkdtemp(folder) == NULL) {
        mlf__cli_say("no folder can be made in /tmp");
        return MLF__EXIT_FAILED;
    }
    int code = open_study(tune) == MLF_OK && enqueue(tune) == MLF_OK &&
                       next_command(tune, folder, true, &command, &trial) == MLF_OK
                   ? 0
                   : mlf__cli_fail();
    const struct mlf__program *program = &tune->program;
    struct mlf__program found;
    if (code == 0 && program->path[0] == '\0' && command.argv != NULL) {
        code = mlf__program_find(command.argv[0], &found);
        program = &found;
        if (code != 0)
            mlf__cli_say("%s", mlf__errmsg());
    }
    if (code == 0)
        code = run_command(check, program, &command, recogniser, &wait_status);
    if (code == 0)
        code = report(check, wait_status);
    if (tune->options->command.uses_workdir && rmdir(folder) != 0)
        mlf__cli_say("what it left is in %s", folder);
    mlf__tune_rendered_free(&command);
    close_study(tune);
    mlf__capture_drop_ring(check->ring);
    return code;
}

int mlf__tune_check(const struct mlf__tune_options *options)
{
    struct check check = {.tune = {.options = options}};
    struct mlf__tune_reading reading = {0};
    int code = mlf__tune_find_program(options, &check.tune.program);

    if (code != 0)
        return code;
    if (mlf__tune_find_hooks(options, &check.tune.program, check.tune.hooks) != MLF_OK ||
        mlf__tune_reading_make(options, &reading) != MLF_OK)
        code = mlf__cli_fail();
    if (code == 0)
        code = check_command(&check, &reading.options);
    for (size_t i = 0; i < check.n; i++) {
        mlf__free(check.found[i].key);
        mlf__free(check.found[i].how);
    }
    mlf__free(check.found);
    mlf__tune_reading_free(&reading);
    return code;
}
