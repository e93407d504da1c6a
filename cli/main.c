/* SPDX-License-Identifier: Apache-2.0 */
/* mlf: which command is meant, and the help about all of them. */
#include "cli/actions.h"
#include "cli/cli.h"
#include "core/env.h"
#include "tracking/store.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void print_help(FILE *out)
{
    fputs("Usage: mlf COMMAND [OPTION]...\n"
          "\n"
          "MLflow tracking and autologging for programs that are not Python.\n"
          "\n"
          "Commands:\n",
          out);
    for (size_t i = 0; mlf__commands[i] != NULL; i++)
        fprintf(out, "  %-12s %s\n", mlf__commands[i]->name, mlf__commands[i]->summary);
    fputs("\n"
          "`mlf help COMMAND` and `mlf COMMAND --help` describe a command and its options.\n"
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

static int no_command(const char *name)
{
    return mlf__cli_usage(MLF__EXIT_USAGE, "mlf", "there is no command '%s'", name);
}

/* `mlf help [COMMAND]` */
static int cmd_help(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stdout);
        return mlf__cli_finish(MLF__EXIT_OK);
    }
    if (argc > 2)
        return mlf__cli_usage(MLF__EXIT_USAGE, "mlf help", "unexpected argument '%s'", argv[2]);
    const struct mlf__command *command = mlf__command_find(argv[1]);
    return command != NULL ? mlf__cli_help(command->help) : no_command(argv[1]);
}

int main(int argc, char **argv)
{
    hold_standard_streams();
    if (argc < 2) {
        print_help(stderr);
        return MLF__EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return cmd_help(1, argv);
    if (strcmp(argv[1], "help") == 0)
        return cmd_help(argc - 1, argv + 1);
    mlf__store_own_process();
    if (strcmp(argv[1], "--version") == 0)
        return mlf__cmd_version(1, argv);

    const struct mlf__command *command = mlf__command_find(argv[1]);
    if (command == NULL)
        return no_command(argv[1]);
    /* getopt_long() names argv[0] in its messages. */
    char title[32];
    snprintf(title, sizeof(title), "mlf %s", command->name);
    argv[1] = title;
    return command->run != NULL ? command->run(argc - 1, argv + 1)
                                : mlf__actions_run(command, argc - 1, argv + 1);
}
