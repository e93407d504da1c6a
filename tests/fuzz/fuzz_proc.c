/* SPDX-License-Identifier: Apache-2.0 */
/* Any text in place of one of /proc's. An input is the parser's number, then the text. The text ends where
 * its memory ends, so that a sanitizer sees a step behind it. */
#include "tests/fuzz/fuzz.h"

#include "autolog/proc.h"

static void parse_lists(int parser, const char *text)
{
    const char *at = text, *end = text + strlen(text);
    char path[64];
    int32_t pid;
    size_t n = 0;

    while (parser == 4 ? mlf__proc_next_pid(&at, &pid)
                       : mlf__proc_next_mapped(&at, path, sizeof(path))) {
        MUST(at > text && at <= end && ++n <= strlen(text));
        MUST(parser == 4 ? pid > 0 : path[0] == '/' && strlen(path) < sizeof(path));
    }
}

static void parse_numbers(int parser, const char *text)
{
    struct mlf__cpu_times cpu;
    struct mlf__memory memory;
    struct mlf__traffic traffic;
    struct mlf__usage usage;

    switch (parser) {
    case 0:
        if (mlf__proc_cpu(text, &cpu))
            MUST(cpu.idle <= cpu.total);
        return;
    case 1:
        if (mlf__proc_memory(text, &memory))
            MUST(memory.total > 0 && memory.used + memory.available == memory.total);
        return;
    case 2:
        mlf__proc_traffic(text, &traffic);
        return;
    default:
        mlf__proc_usage(text, &usage);
        return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, data + size};
    int parser = (int)(take(&input, 1) % 8);
    size_t len = (size_t)(input.end - input.at);
    char *text = malloc(len + 1);
    char value[16];

    MUST(text != NULL);
    if (len > 0)
        memcpy(text, input.at, len);
    text[len] = '\0';
    if (parser < 4)
        parse_numbers(parser, text);
    else if (parser < 6)
        parse_lists(parser, text);
    else if (parser == 6 && mlf__proc_field(text, "model name", value, sizeof(value)))
        MUST(value[0] != '\0' && strlen(value) < sizeof(value));
    else if (parser == 7) {
        const char *found = mlf__proc_variable(text, len, "NAME");
        MUST(found == NULL || (found > text && found <= text + len));
    }
    free(text);
    return 0;
}
