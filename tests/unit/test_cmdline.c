/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines: params out of them, wrappers off them, and the text that is stored of them. */
#include "autolog/cmdline.h"
#include "core/buf.h"
#include "core/mem.h"
#include "tests/support/tap.h"

#include <stdlib.h>
#include <unistd.h>

enum { MAX_WORDS = 32 };

/* Splits |line| at '|', so that cases read as one text. The words point into |copy|. */
static size_t split(const char *line, char *copy, size_t size, const char **words)
{
    size_t n = 0;

    mlf__copy_text(copy, size, line);
    for (char *at = copy; n < MAX_WORDS; n++) {
        words[n] = at;
        at = strchr(at, '|');
        if (at == NULL)
            return n + 1;
        *at++ = '\0';
    }
    return n;
}

static void note(const char *name, const char *value, void *user)
{
    mlf__buf_printf(user, "%s=%s ", name, value);
}

static void test_options(const char *directory)
{
    static const struct {
        const char *name, *line, *want;
    } cases[] = {
        {"long_with_equals", "p|--lr=0.1", "lr=0.1 "},
        {"long_with_a_word", "p|--lr|0.1|--epochs|5", "lr=0.1 epochs=5 "},
        {"a_flag_is_true", "p|--verbose|--lr=1|--fast", "verbose=true lr=1 fast=true "},
        {"a_negative_number_is_a_value", "p|--lr|-0.5|-s|-3", "lr=-0.5 s=-3 "},
        {"short_with_a_word", "p|-c|3|-g|0.5", "c=3 g=0.5 "},
        {"short_joined_with_a_number", "p|-c3|-e1e-5", "c=3 e=1e-5 "},
        {"one_dash_and_a_long_name", "p|-train|file|-v", "train=file v=true "},
        {"one_dash_with_equals", "p|-lr=4", "lr=4 "},
        {"bare_assignments", "p|eta=0.3|max_depth=6", "eta=0.3 max_depth=6 "},
        {"plus_assignments", "p|+model.lr=3", "model.lr=3 "},
        {"positionals_by_their_place", "p|train|-q|--|-5|x=1",
         "arg0=train q=true arg1=-5 arg2=x=1 "},
        {"a_negative_number_alone_is_positional", "p|-5", "arg0=-5 "},
        {"existing_files_are_no_params", "p|here|gone", "arg1=gone "},
        {"a_file_named_as_a_value_is_one", "p|--data|here", "data=here "},
        {"empty_words", "p||--a|", "a= "},
        {"a_lone_dash_is_a_stream", "p|-|7", "arg1=7 "},
        {"dashes_inside_a_name_stay", "p|--learning-rate|1", "learning-rate=1 "},
        {"secrets_are_masked", "p|--api-token|abc|--password=x|secret=3|--token|-abc",
         "api-token=*** password=*** secret=*** token=*** "},
        {"a_secret_takes_no_long_option", "p|--use-key|--lr|1", "use-key=*** lr=1 "},
        {"credentials_in_urls_are_masked", "p|--db|postgres://me:pw@host/x",
         "db=postgres://***@host/x "},
        {"only_dashes", "p|---|--|x", "arg0=x "},
        {"nothing", "p", ""},
        {"options_with_a_label_in_their_name", "svm-train|-w1|5|-w-1|2|-c|3", "c=3 "},
        {"the_text_of_a_shell_is_no_param", "sh|-c|for i in 1 2; do x; done", ""},
    };

    for (size_t i = 0; i < MLF__ARRAY_LEN(cases); i++) {
        char copy[512];
        const char *words[MAX_WORDS];
        struct mlf__buf seen = {0};
        size_t n = split(cases[i].line, copy, sizeof(copy), words);
        mlf__buf_puts(&seen, "");
        mlf__cmdline_parse(n, words, directory, note, &seen);
        STR(seen.data, cases[i].want, cases[i].name);
        mlf__buf_free(&seen);
    }
}

static void test_wrappers(void)
{
    static const struct {
        const char *name, *line, *want;
    } cases[] = {
        {"no_wrapper", "train|-c|3", "train|-c|3"},
        {"env", "env|-i|-u|X|A=1|B=2|train|-c|3", "train|-c|3"},
        {"nice_and_timeout", "nice|-n|5|timeout|-k|3|--|10s|train|x", "train|x"},
        {"a_path_of_a_wrapper", "/usr/bin/nohup|train", "train"},
        {"time_stdbuf_taskset", "time|-p|stdbuf|-o|L|taskset|-c|0-3|train|a=b", "train|a=b"},
        {"mpirun", "mpirun|-np|4|--host|a,b|-x|LD_PRELOAD|train|-c|3", "train|-c|3"},
        {"srun", "srun|-n|4|--mem=3G|train", "train"},
        {"sh_with_one_command", "sh|-c|svm-train -q -c 5  'iris data' \"m\\\"x\" a\\ b",
         "svm-train|-q|-c|5|iris data|m\"x|a b"},
        {"bash_with_options", "bash|-e|-lc|exec train -c 3", "train|-c|3"},
        {"assignments_in_a_shell", "sh|-c|OMP_NUM_THREADS=4 train x", "train|x"},
        {"a_shell_in_env_in_a_shell", "sh|-c|env A=1 sh -c 'nice train x'", "train|x"},
        {"an_empty_quoted_word", "sh|-c|train ''", "train|"},
        {"a_redirection_is_more_than_a_command", "sh|-c|train > log", "sh|-c|train > log"},
        {"a_variable_is_more_than_a_command", "sh|-c|train $X", "sh|-c|train $X"},
        {"a_variable_in_quotes", "sh|-c|train \"$X\"", "sh|-c|train \"$X\""},
        {"a_dollar_in_single_quotes_is_text", "sh|-c|train '$X'", "train|$X"},
        {"an_open_quote", "sh|-c|train 'x", "sh|-c|train 'x"},
        {"a_list_of_commands", "sh|-c|a; b", "sh|-c|a; b"},
        {"nothing_but_assignments", "sh|-c|A=1", "sh|-c|A=1"},
        {"a_script_file", "sh|script|-c|x", "sh|script|-c|x"},
        {"a_wrapper_alone", "env", "env"},
        {"timeout_without_a_command", "timeout|5", "timeout|5"},
    };

    for (size_t i = 0; i < MLF__ARRAY_LEN(cases); i++) {
        char copy[512];
        const char *words[MAX_WORDS];
        char **stripped;
        size_t n = split(cases[i].line, copy, sizeof(copy), words), n_stripped;
        struct mlf__buf line = {0};
        IS(mlf__cmdline_strip(n, words, &stripped, &n_stripped), MLF_OK, "a_strip_succeeds");
        mlf__buf_puts(&line, "");
        for (size_t k = 0; k < n_stripped; k++)
            mlf__buf_printf(&line, "%s%s", k > 0 ? "|" : "", stripped[k]);
        STR(line.data, cases[i].want, cases[i].name);
        mlf__buf_free(&line);
        mlf__argv_free(stripped);
    }
}

static void test_text(void)
{
    static const struct {
        const char *name, *line, *want;
    } cases[] = {
        {"plain_words", "train|-c|3|a=b|./x", "train -c 3 a=b ./x"},
        {"words_that_need_quotes", "train|a b||it's|*", "train 'a b' '' 'it'\\''s' '*'"},
        {"a_secret_in_the_next_word", "train|--token|abc|x", "train --token *** x"},
        {"a_secret_that_looks_like_an_option", "train|--token|-abc", "train --token ***"},
        {"a_secret_in_the_same_word", "train|--password=abc|KEY=5", "train --password=*** KEY=***"},
        {"a_secret_in_shell_text", "sh|-c|train --token abc -c 3",
         "sh -c 'train --token *** -c 3'"},
        {"credentials_in_a_url", "train|http://u:p@h/x", "train 'http://***@h/x'"},
    };

    for (size_t i = 0; i < MLF__ARRAY_LEN(cases); i++) {
        char copy[512];
        const char *words[MAX_WORDS];
        size_t n = split(cases[i].line, copy, sizeof(copy), words);
        char *text = mlf__cmdline_text(n, words);
        STR(text, cases[i].want, cases[i].name);
        mlf__free(text);
    }
}

static void count(const char *name, const char *value, void *user)
{
    size_t *n = user;
    *n += strlen(name) > 0 && value != NULL;
}

static void test_hostile(void)
{
    enum { WORDS = 5000 };
    const char **words = mlf__zalloc(WORDS, sizeof(char *));
    char *big = mlf__alloc((1 << 20) + 1);
    char bytes[64];
    size_t n = 0, n_stripped;
    char **stripped;
    uint32_t state = 7;

    memset(big, '-', 1 << 20);
    big[1 << 20] = '\0';
    for (size_t i = 0; i < WORDS; i++)
        words[i] = i % 2 == 0 ? "--x" : big;
    mlf__cmdline_parse(64, words, ".", count, &n);
    OK(n > 0, "words_of_a_megabyte");
    memset(big, 'v', 1 << 20);
    n = 0;
    mlf__cmdline_parse(64, words, ".", count, &n);
    IS(n, 32, "values_of_a_megabyte");

    for (size_t i = 0; i < WORDS; i++)
        words[i] = "env";
    IS(mlf__cmdline_strip(WORDS, words, &stripped, &n_stripped), MLF_OK, "a_thousand_wrappers");
    OK(n_stripped > 0, "something_is_left_of_them");
    mlf__argv_free(stripped);
    OK(mlf__cmdline_strip(0, words, &stripped, &n_stripped) == MLF_ERR_INVAL && stripped == NULL,
       "an_empty_command_line_is_refused");

    bool survived = true;
    for (int round = 0; round < 20000; round++) {
        const char *argv[] = {round % 3 == 0 ? "sh" : "p", "-c", bytes, "--token", bytes};
        size_t len = 1 + (size_t)round % (sizeof(bytes) - 1);
        for (size_t i = 0; i < len; i++) {
            state = state * 1664525 + 1013904223;
            bytes[i] = (char)(state >> 24);
        }
        bytes[len] = '\0';
        bytes[sizeof(bytes) - 1] = '\0';
        mlf__cmdline_parse(5, argv, ".", count, &n);
        survived = survived && mlf__cmdline_strip(5, argv, &stripped, &n_stripped) == MLF_OK &&
                   n_stripped > 0;
        mlf__argv_free(stripped);
        char *text = mlf__cmdline_text(5, argv);
        survived = survived && text != NULL;
        mlf__free(text);
    }
    OK(survived, "words_of_random_bytes");
    mlf__free(big);
    mlf__free(words);
}

static void test_no_memory(void)
{
    const char *argv[] = {"sh", "-c", "env A=1 train --token 'x y' -c 3"};
    char **stripped = NULL;
    size_t n_stripped;
    mlf_status status = MLF_ERR_NOMEM;
    long n = 0;

    while (status == MLF_ERR_NOMEM && n < 1000) {
        mlf__alloc_fail_after(++n);
        status = mlf__cmdline_strip(3, argv, &stripped, &n_stripped);
        mlf__alloc_fail_after(0);
    }
    OK(status == MLF_OK && n > 10, "every_failed_allocation_is_a_status (%ld)", n);
    mlf__argv_free(stripped);
    mlf__alloc_fail_after(1);
    char *text = mlf__cmdline_text(3, argv);
    mlf__alloc_fail_after(0);
    OK(text == NULL, "a_text_without_memory_is_none");
}

int main(void)
{
    char directory[] = "/tmp/mlf-cmdline-XXXXXX", file[64];

    if (mkdtemp(directory) == NULL)
        return 1;
    snprintf(file, sizeof(file), "%s/here", directory);
    FILE *made = fopen(file, "w");
    if (made != NULL)
        fclose(made);
    test_options(directory);
    unlink(file);
    rmdir(directory);
    test_wrappers();
    test_text();
    test_hostile();
    test_no_memory();
    return tap_done();
}
