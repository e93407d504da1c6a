/* SPDX-License-Identifier: Apache-2.0 */
/* Any command line: its options have names that a store takes, wrappers come off without end, and a
 * secret is never in what comes out. An input is the words, each ended by NUL. */
#include "tests/fuzz/fuzz.h"

#include "autolog/cmdline.h"
#include "core/mem.h"
#include "tracking/names.h"

enum { WORDS_MAX = 64, WORD_MAX = 4096 };

static const char secret[] = "hunter2-Zq";

static void see_option(const char *name, const char *value, void *user)
{
    size_t *n = user;
    (*n)++;
    MUST(name != NULL && value != NULL && name[0] != '\0');
    MUST(mlf__check_key(name, "Param key") == MLF_OK);
    MUST(!mlf__is_secret_name(name, strlen(name)) || strcmp(value, "***") == 0);
}

static void parse(size_t argc, const char *const *argv)
{
    char **stripped = NULL;
    size_t n = 0, options = 0;
    mlf__cmdline_parse(argc, argv, "/nonexistent", see_option, &options);
    if (mlf__cmdline_strip(argc, argv, &stripped, &n) != MLF_OK)
        return;
    MUST(n > 0 && stripped[n] == NULL);
    mlf__cmdline_parse(n, (const char *const *)stripped, "/nonexistent", see_option, &options);
    mlf__argv_free(stripped);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char words[WORDS_MAX][WORD_MAX];
    const char *argv[WORDS_MAX + 3];
    struct input input = {data, data + size};
    size_t argc = 0;
    while (input.at < input.end && argc < WORDS_MAX) {
        argv[argc] = take_text(&input, words[argc], WORD_MAX);
        argc++;
    }
    argv[argc] = NULL;
    parse(argc, argv);
    /* Whatever stands before it, the value behind --password is masked. */
    argv[argc] = "--password";
    argv[argc + 1] = secret;
    argv[argc + 2] = NULL;
    char *text = mlf__cmdline_text(argc + 2, argv);
    MUST(text != NULL);
    bool given = false;
    for (size_t i = 0; i < argc; i++)
        given = given || strstr(argv[i], secret) != NULL;
    bool masked_name = argc > 0 && argv[argc - 1][0] == '-';
    MUST(given || masked_name || strstr(text, secret) == NULL);
    mlf__free(text);
    return 0;
}
