/* SPDX-License-Identifier: Apache-2.0 */
/* Messages, formats and store access shared by the commands. */
#include "cli/cli.h"

#include "autolog/collector.h"
#include "core/env.h"
#include "core/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

static void say_line(const char *who, const char *format, va_list args) MLF__PRINTF(2, 0);

/* Messages quote what was typed and what is stored; neither may drive the terminal. */
static void say_line(const char *who, const char *format, va_list args)
{
    va_list again;

    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    char *text = len >= 0 ? mlf__alloc((size_t)len + 1) : NULL;
    if (text != NULL)
        vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    fprintf(stderr, "%s: ", who);
    mlf__cli_print_text(stderr, text != NULL ? text : "out of memory");
    fputc('\n', stderr);
    mlf__free(text);
}

void mlf__cli_say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say_line("mlf", format, args);
    va_end(args);
}

int mlf__cli_usage_hint(int code, const char *command)
{
    fprintf(stderr, "Try `%s --help`.\n", command);
    return code;
}

int mlf__cli_usage(int code, const char *command, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say_line(command, format, args);
    va_end(args);
    return mlf__cli_usage_hint(code, command);
}

int mlf__cli_help(const char *text)
{
    fputs(text, stdout);
    return mlf__cli_finish(MLF__EXIT_OK);
}

int mlf__cli_fail(void)
{
    mlf__cli_say("%s", mlf__errmsg());
    return MLF__EXIT_FAILED;
}

int mlf__cli_finish(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    if (errno != EPIPE)
        mlf__cli_say("standard output cannot be written: %s", strerror(errno));
    return MLF__EXIT_FAILED;
}

size_t mlf__cli_harmful(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    if (at[0] < 0x20 || at[0] == 0x7f)
        return 1;
    /* C1 controls: U+0080 … U+009F. */
    if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)
        return 2;
    if (at[0] != 0xe2)
        return 0;
    /* Ends of lines and paragraphs, and what turns the direction of the line round: U+200E, U+200F, U+2028 … U+202E, and
     * U+2066 … U+2069. */
    bool turns =
        at[1] == 0x80 && (at[2] == 0x8e || at[2] == 0x8f || (at[2] >= 0xa8 && at[2] <= 0xae));
    return turns || (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9) ? 3 : 0;
}

void mlf__cli_print_text(FILE *out, const char *text)
{
    while (*text != '\0') {
        size_t harmful = mlf__cli_harmful(text);
        fputc(harmful > 0 ? '?' : *text, out);
        text += harmful > 0 ? harmful : 1;
    }
}

void mlf__cli_format_duration(int64_t ms, char *out, size_t size)
{
    int64_t seconds = ms / 1000;

    if (ms < 0)
        ms = 0;
    if (ms < 100)
        snprintf(out, size, "%" PRId64 " ms", ms);
    else if (ms < 60000)
        snprintf(out, size, "%.1f s", (double)ms / 1000);
    else if (seconds < 3600)
        snprintf(out, size, "%" PRId64 " min %02" PRId64 " s", seconds / 60, seconds % 60);
    else
        snprintf(out, size, "%" PRId64 " h %02" PRId64 " min", seconds / 3600, seconds % 3600 / 60);
}

void mlf__cli_format_time(int64_t ms, char *out, size_t size)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm local;

    if (localtime_r(&seconds, &local) == NULL || strftime(out, size, "%F %T", &local) == 0)
        snprintf(out, size, "?");
}

mlf_status mlf__cli_store_uri(const char *option, char **out)
{
    return mlf__uri_resolve(option != NULL ? option : mlf__env(MLF__ENV_MLFLOW_TRACKING_URI), NULL,
                            out);
}

void mlf__cli_sync_message(const char *text, void *user)
{
    (void)user;
    mlf__cli_say("%s", text);
}

mlf_status mlf__cli_open_store(const char *uri, struct mlf__store **out)
{
    struct mlf__sync_options options = {
        .tracking_uri = uri, .wait = true, .message = mlf__cli_sync_message};
    struct mlf__sync_result result;

    *out = NULL;
    /* What cannot be merged was said by the message; the store is shown as it is. */
    (void)mlf__sync(&options, &result);
    return mlf__store_open(uri, MLF__STORE_READ, out);
}
