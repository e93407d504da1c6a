/* SPDX-License-Identifier: Apache-2.0 */
/* mlf run: a command, its run, and nothing of mlf that the command could notice.
 *
 * Wrong usage ends it before the command starts. After that nothing ends it but the command: what goes
 * wrong with logging is said at the end. */
#include "cli/cli.h"

#include "autolog/cmdline.h"
#include "autolog/collector.h"
#include "autolog/ending.h"
#include "autolog/recogniser.h"
#include "cli/capture.h"
#include "cli/hits.h"
#include "cli/launch.h"
#include "cli/outcome.h"
#include "cli/program.h"
#include "cli/relay.h"
#include "cli/run_options.h"
#include "cli/run_summary.h"
#include "cli/stopper.h"
#include "core/buf.h"
#include "core/env.h"
#include "core/mem.h"
#include "core/ring.h"
#include "core/sys.h"
#include "tracking/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    FINISH_WAIT_MS = 5000, /* for a store that cannot be written; the rest is for `mlf sync` */
    PROCESS_TEXT_MAX = 64 * 1024
};

struct session {
    struct mlf__run_options options;
    struct mlf__config config;
    struct mlf__program program;
    struct mlf__recogniser *recogniser;
    struct mlf__ring *ring;
    struct mlf__collector *collector;
    struct mlf__stopper stopper;
    struct mlf__signals signals;
    sigset_t watched;
    char hooks[MLF__PATH_SIZE]; /* "" = none */
};

/* ---- events of our own ---- */

static void put(struct session *session, uint16_t kind, const char *key, const char *text,
                size_t text_len)
{
    struct mlf__event event = {.kind = kind,
                               .key = key,
                               .run = session->config.run_id,
                               .model = "",
                               .text = text,
                               .text_len = text_len};

    if (kind == MLF__EV_RUN_START)
        event.ts_ns = session->config.start_ns;
    if (kind == MLF__EV_PROCESS)
        event.step = getpid();
    if (mlf__ring_put_event(session->ring, &event, MLF__RING_WAIT_CALL) != MLF_OK)
        mlf__ring_count_drop(session->ring);
}

static void put_tag(struct session *session, const char *key, const char *value)
{
    put(session, MLF__EV_TAG, key, value, strlen(value));
}

static void put_number_tag(struct session *session, const char *key, int64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)value);
    put_tag(session, key, text);
}

static void put_process(struct session *session)
{
    struct mlf__buf argv = {0};
    char path[MLF__PATH_SIZE];

    /* Whoever looks at the program later may do so from another folder. */
    if (!mlf__absolute_path(session->program.path, path, sizeof(path)))
        mlf__copy_text(path, sizeof(path), session->program.path);
    for (size_t i = 0; i < session->options.n_command; i++) {
        const char *word = session->options.command[i];
        size_t len = strlen(word);
        /* What is left out of a huge command line are its last words. */
        if (argv.len + len + 1 > PROCESS_TEXT_MAX)
            break;
        if (i > 0)
            mlf__buf_add(&argv, "", 1);
        mlf__buf_add(&argv, word, len);
    }
    if (!argv.failed && argv.len > 0)
        put(session, MLF__EV_PROCESS, path, argv.data, argv.len);
    mlf__buf_free(&argv);
}

static void put_command_tag(struct session *session)
{
    char *text = mlf__cmdline_text(session->options.n_command,
                                   (const char *const *)session->options.command);
    char *clean = text != NULL ? mlf__clean_value(text, strlen(text), MLF__TAG_VALUE_MAX) : NULL;

    if (clean != NULL)
        put_tag(session, "mlf.command", clean);
    mlf__free(clean);
    mlf__free(text);
}

/* What is known before the command starts. */
static void put_start(struct session *session)
{
    const struct mlf__run_options *options = &session->options;
    const char *name = options->run_name != NULL ? options->run_name : "";
    char host[256] = "";

    put(session, MLF__EV_RUN_START, "", name, strlen(name));
    put_process(session);
    put_command_tag(session);
    put_tag(session, "mlf.version", MLF__VERSION);
    if (gethostname(host, sizeof(host) - 1) == 0)
        put_tag(session, "mlf.hostname", host);
    put_tag(session, "mlf.cwd", session->config.cwd);
    for (size_t i = 0; i < options->n_tags; i++)
        put_tag(session, options->tags[i].key, options->tags[i].value);
    for (size_t i = 0; i < options->n_params; i++)
        put(session, MLF__EV_PARAM, options->params[i].key, options->params[i].value,
            strlen(options->params[i].value));
}

/* How the command ended. */
static void put_end(struct session *session, int wait_status, int64_t oom_before)
{
    int64_t oom = mlf__outcome_oom_kills();
    char buffer[16];

    if (WIFEXITED(wait_status))
        put_number_tag(session, "mlf.exit_code", WEXITSTATUS(wait_status));
    else
        put_tag(session, "mlf.signal", mlf__ending_signal_name(WTERMSIG(wait_status), buffer));
    if (oom_before >= 0 && oom > oom_before)
        put_number_tag(session, "mlf.oom", oom - oom_before);
}

static void put_hit(const struct mlf__hit *hit, void *user)
{
    struct session *session = user;
    mlf__hits_put(session->ring, session->config.run_id, hit, NULL);
}

/* ---- before the command starts ---- */

static mlf_status make_recogniser(struct session *session)
{
    char **argv = NULL;
    size_t argc = 0;
    mlf_status status = mlf__cmdline_strip(
        session->options.n_command, (const char *const *)session->options.command, &argv, &argc);

    if (status != MLF_OK)
        return status;
    struct mlf__recogniser_options options = {.rules = session->options.rules,
                                              .n_rules = session->options.n_rules,
                                              .mode = session->options.parse,
                                              .by_signature = true,
                                              .step = session->options.step_rule,
                                              .ignore = session->options.ignore,
                                              .n_ignore = session->options.n_ignore,
                                              .argv = (const char *const *)argv,
                                              .argc = argc};
    status = mlf__recogniser_create(&options, put_hit, session, &session->recogniser);
    mlf__argv_free(argv);
    return status;
}

static mlf_status find_hooks(struct session *session)
{
    if (!session->options.hooks || mlf__program_why_not(session->program.kind) != NULL)
        return MLF_OK;
    return mlf__capture_hooks(session->hooks);
}

/* Everything that is checked while nothing has happened. 0, or the exit code. */
static int prepare(struct session *session)
{
    if (mlf__run_options_config(&session->options, &session->config) != MLF_OK ||
        make_recogniser(session) != MLF_OK)
        return mlf__cli_usage(MLF__EXIT_RUN_USAGE, "mlf run", "%s", mlf__errmsg());
    int code = mlf__program_find(session->options.command[0], &session->program);
    if (code != 0) {
        mlf__cli_say("%s", mlf__errmsg());
        return code;
    }
    if (find_hooks(session) != MLF_OK) {
        mlf__cli_say("%s", mlf__errmsg());
        return MLF__EXIT_RUN_USAGE;
    }
    return 0;
}

static void drop_ring(struct session *session)
{
    mlf__capture_drop_ring(session->ring);
    session->ring = NULL;
}

/* The command comes first: without a record rather than not at all. */
static int run_unrecorded(struct session *session)
{
    if (!session->options.quiet)
        mlf__cli_say(
            "this run is not recorded: %s (MLF_SPOOL can name another folder for the spool)",
            mlf__errmsg());
    return mlf__launch_plain(&session->program, session->options.command);
}

/* bash with nothing to execute but what is typed, at a terminal: its job control asks the terminal that is its stderr, which
 * must be the real one then. What it starts writes there as well, and is not read. */
static bool is_shell_at_terminal(char *const *command)
{
    const char *slash = strrchr(command[0], '/');
    const char *name = slash != NULL ? slash + 1 : command[0];

    if ((strcmp(name, "bash") != 0 && strcmp(name, "sh") != 0) || !isatty(STDIN_FILENO) ||
        !isatty(STDERR_FILENO))
        return false;
    for (size_t i = 1; command[i] != NULL; i++) {
        const char *word = command[i];
        if (word[0] == '-' && word[1] != '-' && strchr(word, 'i') != NULL)
            return true;
        if (word[0] != '-' || (word[1] != '-' && strchr(word, 'c') != NULL))
            return false;
    }
    return true;
}

/* Starts the command. 0, or the exit code when it could not be started: then there is no run. */
static int start_command(struct session *session, struct mlf__launched *launched)
{
    bool capture = session->options.capture && mlf__recogniser_wants_output(session->recogniser) &&
                   !is_shell_at_terminal(session->options.command);
    struct mlf__launch launch = {.program = &session->program,
                                 .argv = session->options.command,
                                 .ring = mlf__ring_path(session->ring),
                                 .hooks = session->hooks[0] != '\0' ? session->hooks : NULL,
                                 .capture = capture,
                                 .line_buffered = session->options.line_buffered,
                                 .signals = &session->signals};
    int exec_error;

    if (mlf__launch(&launch, launched, &exec_error) != MLF_OK) {
        /* Neither pipes nor a process are needed to become the command. */
        drop_ring(session);
        mlf__signals_restore(&session->signals);
        return run_unrecorded(session);
    }
    if (exec_error != 0) {
        waitpid(launched->pid, NULL, 0);
        mlf__cli_say("%s: cannot be executed: %s", session->options.command[0],
                     strerror(exec_error));
        drop_ring(session);
        return exec_error == ENOENT ? MLF__EXIT_NOT_FOUND : MLF__EXIT_NOT_EXECUTABLE;
    }
    mlf__ring_set_command(session->ring, launched->pid);
    return 0;
}

/* ---- after the command has ended ---- */

/* Without a collector the ring itself is what is left: its end is written into it for `mlf sync`. */
static void leave_ring(struct session *session, int status, int64_t end_ns,
                       struct mlf__summary *summary)
{
    struct mlf__event event = {.kind = MLF__EV_RUN_END,
                               .ts_ns = end_ns,
                               .step = status,
                               .key = "",
                               .run = session->config.run_id,
                               .model = "",
                               .text = ""};

    mlf__ring_put_event(session->ring, &event, MLF__RING_WAIT_CALL);
    mlf__copy_text(summary->run_id, sizeof(summary->run_id), session->config.run_id);
    summary->status = status;
    summary->store = mlf__uri_display(session->config.tracking_uri);
    summary->error_journal = mlf__strdup(mlf__ring_path(session->ring));
}

static void finish(struct session *session, const struct mlf__relay_result *result,
                   struct mlf__summary *summary)
{
    int status = mlf__ending_status(result->wait_status);

    if (session->collector == NULL) {
        leave_ring(session, status, result->end_ns, summary);
    } else if (mlf__collector_finish(session->collector, status, result->end_ns, FINISH_WAIT_MS,
                                     summary) != MLF_OK &&
               summary->error == NULL) {
        summary->error = mlf__strdup(mlf__errmsg());
    }
    mlf__ring_detach(session->ring);
    session->ring = NULL;
}

static void watch_for_stop(struct session *session, pid_t pid)
{
    struct mlf__stopper *stopper = &session->stopper;

    stopper->condition = session->options.stop_when;
    stopper->pid = pid;
    stopper->collector = session->collector;
    if (mlf__collector_tap(session->collector, mlf__stopper_see, stopper) != MLF_OK)
        mlf__cli_say("--stop-when does not work: %s", mlf__errmsg());
}

/* Collects, relays and waits; then says what came of it. Returns the command's wait status. */
static int supervise(struct session *session, const struct mlf__launched *launched,
                     int64_t oom_before)
{
    bool wants_stop = session->options.stop_when != NULL;
    /* Who says what to look for wants to find it. */
    bool asks = wants_stop || session->options.n_rules > 0 || session->options.step_rule != NULL;
    struct mlf__relay_options relay = {.launched = *launched,
                                       .recogniser = session->recogniser,
                                       .watched = &session->watched,
                                       .whole = asks,
                                       .detach = true,
                                       .look = wants_stop ? mlf__stopper_look : NULL,
                                       .look_ms = MLF__STOPPER_POLL_MS,
                                       .user = &session->stopper};
    struct mlf__relay_result result;
    struct mlf__summary summary = {0};

    if (mlf__collector_start(session->ring, &session->collector) != MLF_OK) {
        session->collector = NULL;
        summary.error = mlf__strdup(mlf__errmsg());
    } else {
        mlf__collector_watch(session->collector, launched->pid);
        if (wants_stop)
            watch_for_stop(session, launched->pid);
    }
    mlf__relay(&relay, &result);
    if (wants_stop && mlf__stopper_end(&session->stopper))
        put_tag(session, "mlf.stopped_by", mlf__stop_when_text(session->options.stop_when));
    mlf__recogniser_end(session->recogniser);
    put_end(session, result.wait_status, oom_before);
    if (result.unread > 0)
        put_number_tag(session, "mlf.output_unread", (int64_t)result.unread);
    finish(session, &result, &summary);

    struct mlf__run_report report = {
        .options = &session->options,
        .summary = &summary,
        .wait_status = result.wait_status,
        .duration_ms = result.end_ns / 1000000 - session->config.start_ns / 1000000,
        .output_error = result.output_error,
        .unread = result.unread,
        .exhausted_rule = mlf__recogniser_exhausted(session->recogniser),
        .not_hooked = session->options.hooks ? mlf__program_why_not(session->program.kind) : NULL};
    mlf__run_report_print(&report);
    mlf__summary_free(&summary);
    return result.wait_status;
}

static int run_session(struct session *session, int *wait_status)
{
    struct mlf__launched launched;
    int code = prepare(session);

    if (code != 0)
        return code;
    if (mlf__capture_ring(&session->config, &session->ring) != MLF_OK)
        return run_unrecorded(session);
    int64_t oom_before = mlf__outcome_oom_kills();
    mlf__signals_take(&session->signals, &session->watched);
    put_start(session);
    code = start_command(session, &launched);
    if (code == 0)
        *wait_status = supervise(session, &launched, oom_before);
    return code;
}

/* MLF_OFF=1: mlf is not there. */
static int run_without_mlf(const struct mlf__run_options *options)
{
    struct mlf__program program;
    int code = mlf__program_find(options->command[0], &program);

    if (code != 0) {
        mlf__cli_say("%s", mlf__errmsg());
        return code;
    }
    return mlf__launch_plain(&program, options->command);
}

int mlf__cmd_run(int argc, char **argv)
{
    struct session session = {0};
    int wait_status = -1;
    bool done;
    int code = mlf__run_options_parse(argc, argv, &session.options, &done);

    if (!done)
        code = mlf__env_is_on(MLF__ENV_MLF_OFF) ? run_without_mlf(&session.options)
                                                : run_session(&session, &wait_status);
    mlf__recogniser_destroy(session.recogniser);
    mlf__run_options_free(&session.options);
    if (wait_status >= 0)
        mlf__outcome_exit(wait_status);
    return code;
}
