/* SPDX-License-Identifier: Apache-2.0 */
/* mlf parse: what the recogniser sees in a log, and why. Nothing is stored. */
#include "cli/cli.h"

#include "autolog/recogniser.h"
#include "cli/json.h"
#include "cli/run_options.h"
#include "cli/table.h"
#include "core/buf.h"
#include "core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK_BYTES = 64 * 1024, COUNTERS_MAX = 4096 };

static const char help[] =
    "Usage: mlf parse [OPTION]... FILE\n"
    "\n"
    "Show which lines of FILE, the output of a program, give which metrics, and why. FILE may be "
    "-\n"
    "for the standard input. Nothing is stored.\n"
    "\n"
    "  --program NAME       read it as the output of this program, svm-train for one; without it\n"
    "                       programs are known by what they print\n"
    "  --parse off|known|likely|all\n"
    "                       what to look for: nothing but the rules; what known programs print;\n"
    "                       numbers behind words that name metrics, and those that change beside "
    "a\n"
    "                       step (the default); whatever changes in lines that recur\n"
    "  --metric NAME=REGEX  a rule, as of mlf run; may be given several times\n"
    "  --step REGEX         a line that tells the step of those that follow: group 1, or \\step\n"
    "  --ignore GLOB        names that are no metrics; may be given several times\n"
    "  --without NAME       leave this program's preset out\n"
    "  --json               one JSON object for each hit, and one for the summary\n"
    "  --help               print this help\n"
    "\n"
    "Tiers: 0 a rule, 1 a known program, 2 a word that names a metric, 3 a number that changes in\n"
    "lines that recur.\n";

enum {
    OPT_HELP = 256,
    OPT_PROGRAM,
    OPT_PARSE,
    OPT_METRIC,
    OPT_STEP,
    OPT_IGNORE,
    OPT_WITHOUT,
    OPT_JSON
};

static const struct option long_options[] = {{"help", no_argument, NULL, OPT_HELP},
                                             {"program", required_argument, NULL, OPT_PROGRAM},
                                             {"parse", required_argument, NULL, OPT_PARSE},
                                             {"metric", required_argument, NULL, OPT_METRIC},
                                             {"step", required_argument, NULL, OPT_STEP},
                                             {"ignore", required_argument, NULL, OPT_IGNORE},
                                             {"without", required_argument, NULL, OPT_WITHOUT},
                                             {"json", no_argument, NULL, OPT_JSON},
                                             {0}};

/* A key's implied steps, as the ring counts them. */
struct counter {
    char *key;
    int64_t next;
};

struct parse {
    struct mlf__recogniser_options options;
    const char **rules, **ignore;
    size_t cap_rules, cap_ignore;
    bool json;
    struct mlf__table table;
    struct counter *counters;
    size_t n_counters, cap_counters;
    size_t n_metrics, n_params, by_tier[4];
    bool failed;
};

static int64_t next_step(struct parse *parse, const char *key)
{
    for (size_t i = 0; i < parse->n_counters; i++) {
        if (strcmp(parse->counters[i].key, key) == 0)
            return parse->counters[i].next++;
    }
    if (parse->n_counters >= COUNTERS_MAX ||
        mlf__grow((void **)&parse->counters, &parse->cap_counters, parse->n_counters + 1,
                  sizeof(struct counter)) != MLF_OK)
        return 0;
    char *copy = mlf__strdup(key);
    if (copy != NULL)
        parse->counters[parse->n_counters++] = (struct counter){.key = copy, .next = 1};
    return 0;
}

static void print_json(struct parse *parse, const struct mlf__hit *hit, int64_t step)
{
    cJSON *object = cJSON_CreateObject();
    bool metric = hit->kind == MLF__HIT_METRIC;

    if (object == NULL || !mlf__json_int(object, "line", (int64_t)hit->line) ||
        !mlf__json_int(object, "tier", hit->tier) ||
        !mlf__json_text(object, "reason", hit->reason) ||
        !mlf__json_text(object, "kind", metric ? "metric" : "param") ||
        !mlf__json_text(object, "key", hit->key) ||
        !(metric
              ? mlf__json_int(object, "step", step) && mlf__json_double(object, "value", hit->value)
              : mlf__json_text(object, "value", hit->text))) {
        cJSON_Delete(object);
        object = NULL;
    }
    parse->failed = mlf__json_print(object) != MLF_OK || parse->failed;
}

static void show(const struct mlf__hit *hit, void *user)
{
    struct parse *parse = user;
    bool metric = hit->kind == MLF__HIT_METRIC;
    char number[MLF__NUMBER_SIZE];
    int64_t step = hit->step;

    parse->n_metrics += metric;
    parse->n_params += !metric;
    if (hit->tier >= 0 && hit->tier < 4)
        parse->by_tier[hit->tier]++;
    if (metric && step == INT64_MIN)
        step = next_step(parse, hit->key);
    if (parse->json) {
        print_json(parse, hit, step);
        return;
    }
    mlf__format_double(number, hit->value);
    mlf__table_addf(&parse->table, "%llu", (unsigned long long)hit->line);
    mlf__table_addf(&parse->table, "%d", hit->tier);
    mlf__table_add(&parse->table, hit->key);
    if (metric)
        mlf__table_addf(&parse->table, "%lld", (long long)step);
    else
        mlf__table_add(&parse->table, "param");
    mlf__table_add(&parse->table, metric ? number : hit->text);
    mlf__table_add(&parse->table, hit->reason);
}

static void print_summary(struct parse *parse)
{
    if (parse->json) {
        printf("{\"metrics\":%zu,\"params\":%zu,\"tiers\":[%zu,%zu,%zu,%zu]}\n", parse->n_metrics,
               parse->n_params, parse->by_tier[0], parse->by_tier[1], parse->by_tier[2],
               parse->by_tier[3]);
        return;
    }
    printf("%zu metric values, %zu params; tier 0: %zu, 1: %zu, 2: %zu, 3: %zu\n", parse->n_metrics,
           parse->n_params, parse->by_tier[0], parse->by_tier[1], parse->by_tier[2],
           parse->by_tier[3]);
}

static mlf_status feed(struct mlf__recogniser *recogniser, int fd, const char *name)
{
    static char block[BLOCK_BYTES];
    ssize_t n;

    while ((n = read(fd, block, sizeof(block))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return mlf__fail_errno(errno, "%s", name);
        mlf__recogniser_feed(recogniser, 1, block, (size_t)n);
    }
    mlf__recogniser_end(recogniser);
    return MLF_OK;
}

static int parse_file(struct parse *parse, const char *name)
{
    struct mlf__recogniser *recogniser = NULL;
    bool input = strcmp(name, "-") == 0;

    parse->options.rules = parse->rules;
    parse->options.ignore = parse->ignore;
    mlf_status status = mlf__recogniser_create(&parse->options, show, parse, &recogniser);
    if (status == MLF_ERR_INVAL)
        return mlf__cli_usage(MLF__EXIT_USAGE, "mlf parse", "%s", mlf__errmsg());
    int fd = input ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    if (status == MLF_OK && fd < 0)
        status = mlf__fail_errno(errno, "%s", name);
    static const char *const heads[] = {"LINE", "TIER", "KEY", "STEP", "VALUE", "REASON"};
    for (size_t i = 0; !parse->json && i < MLF__ARRAY_LEN(heads); i++)
        mlf__table_add(&parse->table, heads[i]);
    if (status == MLF_OK)
        status = feed(recogniser, fd, name);
    if (status == MLF_OK && !parse->json && parse->n_metrics + parse->n_params > 0)
        status = mlf__table_print(&parse->table);
    if (status == MLF_OK && parse->failed)
        status = MLF_ERR_NOMEM;
    if (status == MLF_OK)
        print_summary(parse);
    if (status == MLF_OK && mlf__recogniser_exhausted(recogniser) != NULL)
        mlf__cli_say("rule '%s' was given up: matching it costs too much",
                     mlf__recogniser_exhausted(recogniser));
    if (!input && fd >= 0)
        close(fd);
    mlf__recogniser_destroy(recogniser);
    return status == MLF_OK ? mlf__cli_finish(MLF__EXIT_OK) : mlf__cli_fail();
}

static mlf_status take_option(struct parse *parse, int option, const char *value)
{
    struct mlf__recogniser_options *options = &parse->options;

    switch (option) {
    case OPT_PROGRAM:
        options->preset = value;
        return MLF_OK;
    case OPT_PARSE:
        return mlf__parse_mode_read(value, &options->mode);
    case OPT_METRIC:
        return mlf__option_add(value, &parse->rules, &options->n_rules, &parse->cap_rules);
    case OPT_STEP:
        options->step = value;
        return MLF_OK;
    case OPT_IGNORE:
        return mlf__option_add(value, &parse->ignore, &options->n_ignore, &parse->cap_ignore);
    case OPT_WITHOUT:
        options->without = value;
        return MLF_OK;
    default:
        parse->json = true;
        return MLF_OK;
    }
}

static int parse_options(struct parse *parse, int argc, char **argv)
{
    for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        if (option == OPT_HELP)
            return mlf__cli_help(help);
        if (option == '?')
            return mlf__cli_usage_hint(MLF__EXIT_USAGE, "mlf parse");
        if (take_option(parse, option, optarg) != MLF_OK)
            return mlf__cli_usage(MLF__EXIT_USAGE, "mlf parse", "%s", mlf__errmsg());
    }
    if (optind + 1 != argc)
        return mlf__cli_usage(MLF__EXIT_USAGE, "mlf parse", "%s",
                              optind >= argc ? "a file to read is missing"
                                             : "there is more than one file");
    return parse_file(parse, argv[optind]);
}

static int run(int argc, char **argv)
{
    struct parse parse = {.options = {.mode = MLF__PARSE_LIKELY, .by_signature = true},
                          .table = {.n_columns = 6}};
    int code = parse_options(&parse, argc, argv);

    for (size_t i = 0; i < parse.n_counters; i++)
        mlf__free(parse.counters[i].key);
    mlf__free(parse.counters);
    mlf__free(parse.rules);
    mlf__free(parse.ignore);
    mlf__table_free(&parse.table);
    return code;
}

const struct mlf__command mlf__command_parse = {
    .name = "parse",
    .summary = "say which printed lines give which metrics, and why",
    .help = help,
    .run = run,
    .options = long_options};
