/* SPDX-License-Identifier: Apache-2.0 */
/* mlf version. */
#include "cli/cli.h"

#include <getopt.h>

static const char help[] = "Usage: mlf version\n"
                           "\n"
                           "Print the version of mlf.\n"
                           "\n"
                           "  --help  print this help\n";

static const struct option long_options[] = {{"help", no_argument, NULL, 'h'}, {0}};

int mlf__cmd_version(int argc, char **argv)
{
    for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        if (option == 'h')
            return mlf__cli_help(help);
        return mlf__cli_usage_hint(MLF__EXIT_USAGE, "mlf version");
    }
    if (optind < argc)
        return mlf__cli_usage(MLF__EXIT_USAGE, "mlf version", "unexpected argument '%s'",
                              argv[optind]);
    printf("mlf %s\n", MLF__VERSION);
    return mlf__cli_finish(MLF__EXIT_OK);
}

const struct mlf__command mlf__command_version = {.name = "version",
                                                  .summary = "print the version",
                                                  .help = help,
                                                  .run = mlf__cmd_version,
                                                  .options = long_options};
