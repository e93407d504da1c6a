/* SPDX-License-Identifier: Apache-2.0 */
/* In `mlf`: becomes mlf-tuner, which lies beside the program that libmlf_core starts as its collector. */
#include "cli/tuner_program.h"

#include "core/mem.h"
#include "core/spawn.h"
#include "core/sys.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const char program[] = "mlf-tuner";

/* Its path. False when there is no knowing. */
static bool locate(char *out, size_t size)
{
    if (!mlf__locate_program(out, size))
        return false;
    char *slash = strrchr(out, '/');
    size_t at = slash != NULL ? (size_t)(slash + 1 - out) : 0;
    return snprintf(out + at, size - at, "%s", program) < (int)(size - at);
}

/* Returns the exit code when that fails. |argv| begins with "mlf COMMAND". */
static int become(int argc, char *const *argv)
{
    char path[4096];
    char **words = mlf__zalloc((size_t)argc + 2, sizeof(char *));

    if (words == NULL)
        return mlf__cli_fail();
    words[0] = path;
    words[1] = argv[0] + strlen("mlf ");
    memcpy(&words[2], &argv[1], (size_t)(argc - 1) * sizeof(char *));
    if (!locate(path, sizeof(path)))
        mlf__cli_say("%s is not where mlf was installed: install mlf again", program);
    else if (execv(path, words) != 0)
        mlf__cli_say("%s: cannot be executed: %s", path, strerror(errno));
    mlf__free(words);
    return MLF__EXIT_FAILED;
}

int mlf__tune(int argc, char **argv)
{
    return become(argc, argv);
}

int mlf__plot_study(struct mlf__store *store, const struct mlf__args *args)
{
    /* The store is opened again there; it must not stay open in two places. */
    (void)store;
    return become(args->argc, args->argv);
}
