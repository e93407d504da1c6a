/* SPDX-License-Identifier: Apache-2.0 */
/* A program that logs through the API, one scenario per start: argv[1] names it. Each call's status is printed
 * as "<what> <status>", for test_api.py, which looks into the store afterwards. */
#include "tests/e2e/api_calls.h"

#include <stdlib.h>
#include <string.h>

void say(const char *what, mlf_status status)
{
    printf("%s %s\n", what, mlf_status_name(status));
    if (status != MLF_OK)
        fprintf(stderr, "%s: %s\n", what, mlf_errmsg());
    fflush(stdout);
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} scenarios[] = {{"nested", api_nested}, {"resume", api_resume},   {"parent", api_parent},
                 {"with", api_with},     {"threads", api_threads}, {"fork", api_fork},
                 {"start", api_start},   {"deleted", api_deleted}, {"experiment", api_experiment},
                 {"values", api_values}, {"inputs", api_inputs},   {"artifacts", api_artifacts},
                 {"tables", api_tables}, {"bad", api_bad},         {"locale", api_locale},
                 {"die", api_die},       {"vanish", api_vanish}};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
        if (strcmp(scenarios[i].name, argv[1]) == 0)
            return scenarios[i].run(argc - 2, argv + 2);
    fprintf(stderr, "no such scenario\n");
    return 99;
}
