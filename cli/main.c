/* SPDX-License-Identifier: Apache-2.0 */
/* mlf: the table of commands. A new command is one file cmd_<name>.c and one line here. */
#include "cli/cli.h"

#include "core/env.h"
#include "tracking/store.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const struct mlf__command commands[] = {
    {"run", "run a command, autologged", mlf__cmd_run},
    {"runs", "look at runs: list, show", mlf__cmd_runs},
    {"sync", "merge what offline or killed programs left behind", mlf__cmd_sync},
    {"collect", "the collector of a program without a launcher (started by mlf)", mlf__cmd_collect},
    {"version", "print the version", mlf__cmd_version},
};

static void print_help(FILE *out)
{
    fputs("Usage: mlf COMMAND [OPTION]...\n"
          "\n"
          "MLflow tracking and autologging for programs that are not Python.\n"
          "\n"
          "Commands:\n",
          out);
    for (size_t i = 0; i < MLF__ARRAY_LEN(commands); i++)
        fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].summary);
    fputs("\n"
          "  mlf COMMAND --help  describes a command and its options\n"
          "\n"
          "Environment:\n",
          out);
    for (int i = 0; i < MLF__ENV_COUNT; i++)
        fprintf(out, "  %-24s %s\n", mlf__env_name((enum mlf__env)i),
                mlf__env_help((enum mlf__env)i));
    fputs("\n"
          "Example:\n"
          "  mlf run -- svm-train -c 10 iris.scale\n"
          "  mlf runs show\n",
          out);
}

/* Our own files must not get the number of a standard stream that the caller closed: what we print
 * would go into them. The stand-in is closed again in the command that we run. */
static void hold_standard_streams(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    hold_standard_streams();
    if (argc < 2) {
        print_help(stderr);
        return MLF__EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return mlf__cli_finish(MLF__EXIT_OK);
    }
    mlf__store_own_process();
    if (strcmp(argv[1], "--version") == 0)
        return mlf__cmd_version(1, argv);

    for (size_t i = 0; i < MLF__ARRAY_LEN(commands); i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        /* getopt_long() names argv[0] in its messages. */
        char title[32];
        snprintf(title, sizeof(title), "mlf %s", commands[i].name);
        argv[1] = title;
        return commands[i].run(argc - 1, argv + 1);
    }
    return mlf__cli_usage(MLF__EXIT_USAGE, "mlf", "there is no command '%s'", argv[1]);
}
