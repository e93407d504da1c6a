/* SPDX-License-Identifier: Apache-2.0 */
/* Options, by the names that the program itself gives them: seen where it parses them.
 * A value is what optarg holds right behind the call; an option without one is "true". */
#include "hooks/hooks.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

typedef int getopt_fn(int argc, char *const argv[], const char *options);
typedef int getopt_long_fn(int argc, char *const argv[], const char *options,
                           const struct option *longs, int *index);

enum getopt_hook {
    HOOK_GETOPT,
    HOOK_POSIX_GETOPT,
    HOOK_GETOPT_LONG,
    HOOK_GETOPT_LONG_ONLY,
    N_GETOPT_HOOKS
};

static struct mlf__hook hooks[N_GETOPT_HOOKS];

/* What getopt() is called in programs that are compiled for POSIX. */
MLF__HOOK int __posix_getopt(int argc, char *const argv[], const char *options);

static void log_option(const char *name, bool has_value)
{
    int saved = errno;
    if (mlf__hook_enter()) {
        mlf__hooks_log_option(name, has_value && optarg != NULL ? optarg : "true");
        mlf__guard_leave();
    }
    errno = saved;
}

/* The place of a short option in |options|; NULL for what is no option: the end, an error, an argument
 * returned as option 1. */
static const char *find_short(int letter, const char *options)
{
    if (letter <= ' ' || letter > '~' || letter == '?' || letter == ':' || letter == ';')
        return NULL;
    return strchr(options, letter);
}

static int short_parsed(int result, const char *options)
{
    const char *place = find_short(result, options);
    if (place != NULL)
        log_option((char[2]){(char)result, '\0'}, place[1] == ':');
    return result;
}

/* A long option by its |index|; a short one by the long name that means the same, if any. */
static int long_parsed(int result, const char *options, const struct option *longs, int index)
{
    if (index >= 0) {
        log_option(longs[index].name, longs[index].has_arg != no_argument);
        return result;
    }
    const char *place = find_short(result, options);
    if (place == NULL)
        return result;
    for (const struct option *option = longs; option != NULL && option->name != NULL; option++) {
        if (option->flag == NULL && option->val == result) {
            log_option(option->name, place[1] == ':');
            return result;
        }
    }
    return short_parsed(result, options);
}

/* The index is asked for even where the program does not, and handed on when it was set. */
static int parse_long(getopt_long_fn *real, int argc, char *const argv[], const char *options,
                      const struct option *longs, int *index)
{
    int own = -1;
    int result = real(argc, argv, options, longs, &own);
    if (own >= 0 && index != NULL)
        *index = own;
    return long_parsed(result, options, longs, own);
}

MLF__HOOK int getopt(int argc, char *const argv[], const char *options)
{
    int result = ((getopt_fn *)mlf__hook_real(&hooks[HOOK_GETOPT]))(argc, argv, options);
    return short_parsed(result, options);
}

MLF__HOOK int __posix_getopt(int argc, char *const argv[], const char *options)
{
    int result = ((getopt_fn *)mlf__hook_real(&hooks[HOOK_POSIX_GETOPT]))(argc, argv, options);
    return short_parsed(result, options);
}

MLF__HOOK int getopt_long(int argc, char *const argv[], const char *options,
                          const struct option *longs, int *index)
{
    return parse_long((getopt_long_fn *)mlf__hook_real(&hooks[HOOK_GETOPT_LONG]), argc, argv,
                      options, longs, index);
}

MLF__HOOK int getopt_long_only(int argc, char *const argv[], const char *options,
                               const struct option *longs, int *index)
{
    return parse_long((getopt_long_fn *)mlf__hook_real(&hooks[HOOK_GETOPT_LONG_ONLY]), argc, argv,
                      options, longs, index);
}

#define GETOPT_HOOK(function)                                                                      \
    {                                                                                              \
        .name = #function, .wrapper = (mlf__hook_fn *)(function)                                   \
    }

static struct mlf__hook hooks[N_GETOPT_HOOKS] = {
    [HOOK_GETOPT] = GETOPT_HOOK(getopt),
    [HOOK_POSIX_GETOPT] = GETOPT_HOOK(__posix_getopt),
    [HOOK_GETOPT_LONG] = GETOPT_HOOK(getopt_long),
    [HOOK_GETOPT_LONG_ONLY] = GETOPT_HOOK(getopt_long_only),
};

struct mlf__hook_list mlf__getopt_hooks(void)
{
    return (struct mlf__hook_list){hooks, N_GETOPT_HOOKS};
}
