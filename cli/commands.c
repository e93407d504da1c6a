/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands. A new one is one file cmd_<name>.c and one line here. */
#include "cli/cli.h"

#include <string.h>

/* name of the file behind cmd_ */
#define COMMAND_MAP(XX)                                                                            \
    XX(run)                                                                                        \
    XX(tune)                                                                                       \
    XX(rerun)                                                                                      \
    XX(runs)                                                                                       \
    XX(experiments)                                                                                \
    XX(models)                                                                                     \
    XX(artifacts)                                                                                  \
    XX(parse)                                                                                      \
    XX(plot)                                                                                       \
    XX(sync)                                                                                       \
    XX(doctor)                                                                                     \
    XX(completion)                                                                                 \
    XX(collect)                                                                                    \
    XX(version)

#define COMMAND_DECLARE(name) extern const struct mlf__command mlf__command_##name;
COMMAND_MAP(COMMAND_DECLARE)
#undef COMMAND_DECLARE

const struct mlf__command *const mlf__commands[] = {
#define COMMAND_ROW(name) &mlf__command_##name,
    COMMAND_MAP(COMMAND_ROW)
#undef COMMAND_ROW
        NULL};

const struct mlf__command *mlf__command_find(const char *name)
{
    for (size_t i = 0; mlf__commands[i] != NULL; i++)
        if (strcmp(mlf__commands[i]->name, name) == 0)
            return mlf__commands[i];
    return NULL;
}
