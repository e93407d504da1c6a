/* SPDX-License-Identifier: Apache-2.0 */
/* mlf collect: the collector of a program that runs without `mlf run`. Started by libmlf_core; there
 * is nobody to talk to, so it is silent and its exit code says all. */
#include "cli/cli.h"

#include "autolog/collector.h"

#include <getopt.h>

static const char help[] =
    "Usage: mlf collect --ring PATH\n"
    "\n"
    "Move the events of a running program from its ring into its store, and return when the\n"
    "program and its children have ended. mlf starts this by itself; a ring that was left\n"
    "behind is merged by `mlf sync`.\n"
    "\n"
    "  --ring PATH   the ring\n"
    "  --help        print this help\n";

static const struct option long_options[] = {
    {"help", no_argument, NULL, 'h'}, {"ring", required_argument, NULL, 'r'}, {0}};

static int cmd_collect(int argc, char **argv)
{
    const char *ring = NULL;

    for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        if (option == 'h')
            return mlf__cli_help(help);
        if (option != 'r')
            return mlf__cli_usage_hint(MLF__EXIT_USAGE, "mlf collect");
        ring = optarg;
    }
    if (ring == NULL || optind < argc)
        return mlf__cli_usage(MLF__EXIT_USAGE, "mlf collect", "exactly one --ring PATH is needed");
    mlf_status status = mlf__collect(ring);
    if (status != MLF_OK) {
        mlf__cli_say("%s: %s", ring, mlf__errmsg());
        return MLF__EXIT_FAILED;
    }
    return MLF__EXIT_OK;
}

const struct mlf__command mlf__command_collect = {
    .name = "collect",
    .summary = "the collector of a program without a launcher (started by mlf)",
    .help = help,
    .run = cmd_collect,
    .options = long_options};
