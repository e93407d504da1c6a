/* SPDX-License-Identifier: Apache-2.0 */
/* Test results as TAP on stdout, one line per check; values of both sides are printed on failure. */
#ifndef MLF_TESTS_TAP_H
#define MLF_TESTS_TAP_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int tap_count, tap_failures;

/* Reports one check; the name says the behaviour. Returns |pass|. */
__attribute__((format(printf, 4, 5), unused)) static bool tap_check(bool pass, const char *file,
                                                                    int line, const char *name, ...)
{
    va_list args;

    tap_failures += !pass;
    printf("%s %d - ", pass ? "ok" : "not ok", ++tap_count);
    va_start(args, name);
    vprintf(name, args);
    va_end(args);
    printf("\n");
    if (!pass)
        printf("# at %s:%d\n", file, line);
    fflush(stdout);
    return pass;
}

__attribute__((unused)) static bool tap_int(int64_t got, int64_t want, const char *file, int line,
                                            const char *name)
{
    bool pass = tap_check(got == want, file, line, "%s", name);
    if (!pass)
        printf("#   got %" PRId64 ", want %" PRId64 "\n", got, want);
    return pass;
}

__attribute__((unused)) static bool tap_str(const char *got, const char *want, const char *file,
                                            int line, const char *name)
{
    bool pass = tap_check(got != NULL && strcmp(got, want) == 0, file, line, "%s", name);
    if (!pass)
        printf("#   got \"%s\"\n#  want \"%s\"\n", got != NULL ? got : "(null)", want);
    return pass;
}

#define OK(condition, ...) tap_check((condition), __FILE__, __LINE__, __VA_ARGS__)
#define IS(got, want, name) tap_int((int64_t)(got), (int64_t)(want), __FILE__, __LINE__, (name))
#define STR(got, want, name) tap_str((got), (want), __FILE__, __LINE__, (name))

__attribute__((unused)) static void tap_skip(const char *name, const char *reason)
{
    printf("ok %d - %s # SKIP %s\n", ++tap_count, name, reason);
    fflush(stdout);
}

/* Ends the test program: the plan, and the exit status for main(). */
__attribute__((unused)) static int tap_done(void)
{
    printf("1..%d\n", tap_count);
    return tap_failures != 0;
}

#endif
