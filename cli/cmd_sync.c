/* SPDX-License-Identifier: Apache-2.0 */
/* mlf sync: merges the rings and journals that were left behind. */
#include "cli/cli.h"

#include "autolog/collector.h"
#include "core/buf.h"
#include "core/mem.h"

#include <getopt.h>
#include <string.h>

static const char help[] =
    "Usage: mlf sync [--list] [--stale AGE] [--tracking-uri URI]\n"
    "\n"
    "Merge into their stores what programs left behind: journals of offline runs, and rings and\n"
    "journals of programs or collectors that were killed. Nothing is merged twice.\n"
    "\n"
    "  --list              only say what there is\n"
    "  --stale AGE         also what comes from another machine or container and has not\n"
    "                      changed for AGE: a number and s, m, h or d, as in 90s or 2d\n"
    "  --tracking-uri URI  only what belongs to this store\n"
    "  --help              print this help\n"
    "\n"
    "Exit status: 0 when nothing is left to merge, 1 when something could not be merged.\n";

/* "90s", "10m", "2h", "7d" in milliseconds. */
static bool parse_age(const char *text, int64_t *out)
{
    static const struct {
        char unit;
        int64_t ms;
    } units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};
    char number[24];
    size_t len = strlen(text);
    int64_t count;

    if (len < 2 || len >= sizeof(number))
        return false;
    memcpy(number, text, len - 1);
    number[len - 1] = '\0';
    if (!mlf__parse_i64(number, &count) || count <= 0)
        return false;
    for (size_t i = 0; i < MLF__ARRAY_LEN(units); i++) {
        if (units[i].unit == text[len - 1])
            return !__builtin_mul_overflow(count, units[i].ms, out);
    }
    return false;
}

static int sync_stores(const struct mlf__sync_options *options)
{
    struct mlf__sync_result result = {0};
    mlf_status status = mlf__sync(options, &result);

    if (status != MLF_OK) {
        mlf__cli_say("%s", mlf__errmsg());
        return MLF__EXIT_FAILED;
    }
    if (!options->list_only) {
        printf("%zu merged", result.merged);
        if (result.alive > 0)
            printf(", %zu left to programs that still run", result.alive);
        if (result.waiting > 0)
            printf(", %zu still being collected", result.waiting);
        if (result.failed > 0)
            printf(", %zu could not be merged", result.failed);
        printf("\n");
    }
    return mlf__cli_finish(result.waiting + result.failed > 0 ? MLF__EXIT_FAILED : MLF__EXIT_OK);
}

static void print_line(const char *text, void *user)
{
    (void)user;
    mlf__cli_print_text(stdout, text);
    printf("\n");
}

static const struct option long_options[] = {{"help", no_argument, NULL, 'h'},
                                             {"list", no_argument, NULL, 'l'},
                                             {"stale", required_argument, NULL, 's'},
                                             {"tracking-uri", required_argument, NULL, 'u'},
                                             {0}};

/* Reads the options into |sync|; |*uri| is owned by the caller. False after a message. */
static bool read_options(int argc, char **argv, struct mlf__sync_options *sync, char **uri,
                         bool *wants_help)
{
    for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        switch (option) {
        case 'h':
            *wants_help = true;
            return true;
        case 'l':
            sync->list_only = true;
            sync->message = print_line;
            break;
        case 's':
            if (parse_age(optarg, &sync->stale_ms))
                break;
            mlf__cli_usage(MLF__EXIT_USAGE, "mlf sync",
                           "--stale takes a number and s, m, h or d, not '%s'", optarg);
            return false;
        case 'u':
            mlf__free(*uri);
            if (mlf__uri_resolve(optarg, NULL, uri) == MLF_OK)
                break;
            mlf__cli_usage(MLF__EXIT_USAGE, "mlf sync", "%s", mlf__errmsg());
            return false;
        default:
            mlf__cli_usage_hint(MLF__EXIT_USAGE, "mlf sync");
            return false;
        }
    }
    sync->tracking_uri = *uri;
    if (optind == argc)
        return true;
    mlf__cli_usage(MLF__EXIT_USAGE, "mlf sync", "unexpected argument '%s'", argv[optind]);
    return false;
}

static int cmd_sync(int argc, char **argv)
{
    struct mlf__sync_options sync = {.wait = true, .message = mlf__cli_sync_message};
    char *uri = NULL;
    bool wants_help = false;
    int code = MLF__EXIT_USAGE;

    if (read_options(argc, argv, &sync, &uri, &wants_help))
        code = wants_help ? mlf__cli_help(help) : sync_stores(&sync);
    mlf__free(uri);
    return code;
}

const struct mlf__command mlf__command_sync = {
    .name = "sync",
    .summary = "merge what offline or killed programs left behind",
    .help = help,
    .run = cmd_sync,
    .options = long_options};
