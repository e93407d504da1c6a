/* SPDX-License-Identifier: Apache-2.0 */
/* The table of environment variables. */
#include "core/env.h"

#include <stdlib.h>
#include <strings.h>

static const struct {
    const char *name, *fallback, *help;
} variables[MLF__ENV_COUNT] = {
#define ENV_ROW(name, fallback, help) {#name, fallback, help},
    MLF__ENV_MAP(ENV_ROW)
#undef ENV_ROW
};

const char *mlf__env(enum mlf__env which)
{
    const char *value = secure_getenv(variables[which].name);
    return value != NULL && *value != '\0' ? value : variables[which].fallback;
}

bool mlf__env_is_on(enum mlf__env which)
{
    const char *value = mlf__env(which);
    return strcasecmp(value, "1") == 0 || strcasecmp(value, "true") == 0 ||
           strcasecmp(value, "yes") == 0 || strcasecmp(value, "on") == 0;
}

const char *mlf__env_name(enum mlf__env which)
{
    return variables[which].name;
}

const char *mlf__env_help(enum mlf__env which)
{
    return variables[which].help;
}
