/* SPDX-License-Identifier: Apache-2.0 */
/* Runs commands as `mlf tune` does, each in a run of its own, and says what happens as lines of JSON.
 * Each line of stdin is one command: words separated by tabs; words that begin with "@" say how it is run:
 * @timeout=MS @memory=BYTES @directory=PATH @env=KEY=VALUE @param=KEY=VALUE.
 * usage: trials_driver URI HOOKS|- SLOTS GRACE_MS OPTION...
 * options: fast, output, parse=off|known|likely, prune=KEY (above 0.5), stop (all on a signal), rule=NAME=REGEX */
#include "autolog/collector.h"
#include "autolog/ending.h"
#include "cli/program.h"
#include "cli/trials.h"
#include "core/spool.h"
#include "core/sys.h"
#include "tracking/names.h"
#include "tracking/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SLOTS_MAX = 64, WORDS_MAX = 64, LINE_SIZE = 64 * 1024, RING_NEED = 6 << 20 };

static struct {
    struct mlf__config config;
    struct mlf__ring *ring;
    struct mlf__collector *collector;
    struct mlf__trials *trials;
    char runs[SLOTS_MAX][MLF__ID_SIZE];
    int numbers[SLOTS_MAX];
    const char *prune;
    bool stop, stopping;
    int next;
} driver;

static void put(uint16_t kind, const char *run, const char *key, const char *text, size_t len)
{
    struct mlf__event event = {
        .kind = kind, .key = key, .run = run, .model = "", .text = text, .text_len = len};
    if (mlf__ring_put_event(driver.ring, &event, MLF__RING_WAIT_CALL) != MLF_OK)
        printf("{\"event\": \"lost\"}\n");
}

static void on_metric(int slot, const char *key, double value, int64_t step, void *user)
{
    (void)user;
    printf("{\"event\": \"metric\", \"trial\": %d, \"key\": \"%s\", \"value\": %.17g, \"step\": "
           "%" PRId64 ", \"ns\": %" PRId64 "}\n",
           driver.numbers[slot], key, value, step, mlf__now_ns());
    if (driver.prune != NULL && strcmp(driver.prune, key) == 0 && value > 0.5)
        mlf__trials_kill(driver.trials, slot, MLF__KILL_PRUNED);
}

static void on_ended(int slot, const struct mlf__trial_end *end, void *user)
{
    static const char *const names[] = {"none", "pruned", "timeout", "stopped"};
    char tail[4097];
    size_t n = 0;
    (void)user;
    for (const char *at = end->tail; *at != '\0'; at++)
        tail[n++] = *at == '"' || *at == '\\' || (unsigned char)*at < ' ' ? ' ' : *at;
    tail[n] = '\0';
    printf("{\"event\": \"ended\", \"trial\": %d, \"run\": \"%s\", \"status\": %d, \"killed\": "
           "\"%s\", "
           "\"wall\": %.6f, \"rss\": %.3f, \"exec_error\": %d, \"tail\": \"%s\", \"ns\": %" PRId64
           "}\n",
           driver.numbers[slot], driver.runs[slot], end->wait_status, names[end->killed],
           end->wall_time_s, end->max_rss_mib, end->exec_error, tail, mlf__now_ns());
    struct mlf__event event = {.kind = MLF__EV_RUN_END,
                               .ts_ns = end->end_ns,
                               .step = mlf__ending_status(end->wait_status),
                               .key = "",
                               .run = driver.runs[slot],
                               .model = "",
                               .text = ""};
    if (mlf__ring_put_event(driver.ring, &event, MLF__RING_WAIT_CALL) != MLF_OK)
        printf("{\"event\": \"lost\"}\n");
}

static void on_signal(int signo, void *user)
{
    (void)user;
    printf("{\"event\": \"signal\", \"number\": %d}\n", signo);
    driver.stopping = true;
    for (int slot = 0; driver.stop && slot < SLOTS_MAX; slot++)
        mlf__trials_kill(driver.trials, slot, MLF__KILL_STOPPED);
}

static bool takes(const char *word, const char *name, const char **value)
{
    size_t len = strlen(name);
    if (strncmp(word, name, len) != 0)
        return false;
    *value = word + len;
    return true;
}

static void put_param(const char *run, char *pair)
{
    char *equals = strchr(pair, '=');
    *equals = '\0';
    put(MLF__EV_PARAM, run, pair, equals + 1, strlen(equals + 1));
}

/* Starts the command of a line. */
static int start(char *line, const char *hooks)
{
    char *argv[WORDS_MAX + 1], *env[WORDS_MAX + 1], run[MLF__ID_SIZE], text[128];
    struct mlf__program program;
    struct mlf__trial_start how = {.program = &program, .argv = argv, .env = env, .run_id = run};
    size_t argc = 0, n_env = 0;
    const char *value;
    int slot, number = driver.next++;

    (void)hooks;
    mlf__new_id(run);
    int len = snprintf(text, sizeof(text), "trial_%d", number);
    memcpy(text + len + 1, driver.config.run_id, strlen(driver.config.run_id) + 1);
    put(MLF__EV_RUN_START, run, "", text, (size_t)len + 1 + strlen(driver.config.run_id));
    line[strcspn(line, "\n")] = '\0';
    for (char *word; (word = strsep(&line, "\t")) != NULL && argc < WORDS_MAX;) {
        if (takes(word, "@timeout=", &value))
            how.timeout_ms = atoll(value);
        else if (takes(word, "@memory=", &value))
            how.memory_limit = (uint64_t)atoll(value);
        else if (takes(word, "@directory=", &value))
            how.directory = value;
        else if (takes(word, "@env=", &value))
            env[n_env++] = word + 5;
        else if (takes(word, "@param=", &value))
            put_param(run, word + 7);
        else
            argv[argc++] = word;
    }
    argv[argc] = env[n_env] = NULL;
    if (mlf__program_find(argv[0], &program) != 0 ||
        mlf__trials_start(driver.trials, &how, &slot) != MLF_OK) {
        printf("{\"event\": \"refused\", \"trial\": %d, \"why\": \"%s\"}\n", number, mlf__errmsg());
        return 1;
    }
    driver.numbers[slot] = number;
    memcpy(driver.runs[slot], run, sizeof(run));
    printf("{\"event\": \"started\", \"trial\": %d, \"slot\": %d, \"run\": \"%s\"}\n", number, slot,
           run);
    return 0;
}

static mlf_status begin(const char *uri)
{
    char folder[MLF__PATH_SIZE], stem[MLF__PATH_SIZE], path[MLF__PATH_SIZE + 8], id[MLF__ID_SIZE];
    struct mlf__config *config = &driver.config;
    mlf__new_id(id);
    snprintf(config->tracking_uri, sizeof(config->tracking_uri), "%s", uri);
    memcpy(config->run_id, id, sizeof(id));
    config->start_ns = mlf__now_ns();
    config->flags = MLF__CONFIG_LAUNCHER;
    if (getcwd(config->cwd, sizeof(config->cwd)) == NULL)
        return MLF_ERR_IO;
    mlf_status status = mlf__spool_ring_dir(RING_NEED, folder);
    if (status != MLF_OK)
        return status;
    mlf__spool_stem(folder, config->run_id, stem);
    snprintf(path, sizeof(path), "%s.ring", stem);
    status = mlf__ring_create(path, config, false, true, &driver.ring);
    if (status != MLF_OK)
        return status;
    mlf__ring_set_collector(driver.ring);
    put(MLF__EV_RUN_START, config->run_id, "", "study", 5);
    put(MLF__EV_TAG, config->run_id, "kind", "study", 5);
    return mlf__collector_start(driver.ring, &driver.collector);
}

static void run_all(struct mlf__trials_options *options)
{
    static char line[LINE_SIZE];
    bool more = true;
    if (mlf__trials_create(options, &driver.trials) != MLF_OK) {
        printf("{\"event\": \"error\", \"why\": \"%s\"}\n", mlf__errmsg());
        return;
    }
    printf("{\"event\": \"ready\", \"pid\": %d}\n", (int)getpid());
    while (more || mlf__trials_running(driver.trials) > 0) {
        while (more && !driver.stopping && mlf__trials_running(driver.trials) < options->n_slots) {
            more = fgets(line, sizeof(line), stdin) != NULL;
            if (more)
                start(line, options->hooks);
        }
        more = more && !driver.stopping;
        mlf__trials_step(driver.trials, 1000);
    }
    mlf__trials_destroy(driver.trials);
}

int main(int argc, char **argv)
{
    struct mlf__recogniser_options recogniser = {.mode = MLF__PARSE_LIKELY};
    struct mlf__summary summary = {0};
    const char *rules[WORDS_MAX], *value;
    if (argc < 5)
        return 2;
    struct mlf__trials_options options = {.hooks = strcmp(argv[2], "-") == 0 ? NULL : argv[2],
                                          .n_slots = atoi(argv[3]),
                                          .grace_ms = atoi(argv[4]),
                                          .recogniser = &recogniser,
                                          .handlers = {on_metric, on_ended, on_signal, NULL}};
    recogniser.rules = rules;
    for (int i = 5; i < argc; i++) {
        if (strcmp(argv[i], "fast") == 0)
            options.line_buffered = true;
        else if (strcmp(argv[i], "output") == 0)
            options.keep_output = true;
        else if (strcmp(argv[i], "stop") == 0)
            driver.stop = true;
        else if (takes(argv[i], "prune=", &value))
            driver.prune = value;
        else if (takes(argv[i], "rule=", &value))
            rules[recogniser.n_rules++] = value;
        else if (strcmp(argv[i], "parse=off") == 0)
            recogniser.mode = MLF__PARSE_OFF;
        else if (strcmp(argv[i], "parse=known") == 0)
            recogniser.mode = MLF__PARSE_KNOWN;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (begin(argv[1]) != MLF_OK) {
        fprintf(stderr, "%s\n", mlf__errmsg());
        return 1;
    }
    options.ring = driver.ring;
    options.collector = driver.collector;
    run_all(&options);
    mlf_status status =
        mlf__collector_finish(driver.collector, MLF_RUN_FINISHED, 0, 10000, &summary);
    printf("{\"event\": \"finished\", \"status\": %d, \"run\": \"%s\", \"dropped\": %" PRIu64
           ", \"error\": \"%s\"}\n",
           status, summary.run_id, summary.dropped, summary.error != NULL ? summary.error : "");
    mlf__summary_free(&summary);
    mlf__ring_detach(driver.ring);
    return status == MLF_OK ? 0 : 1;
}
