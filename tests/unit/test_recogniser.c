/* SPDX-License-Identifier: Apache-2.0 */
/* The recogniser over real and hostile output: which lines give which metrics. */
#include "autolog/presets.h"
#include "autolog/recogniser.h"
#include "core/buf.h"
#include "core/mem.h"
#include "tests/support/tap.h"

#include <math.h>

struct log {
    struct mlf__buf text; /* "key=value@step " for each hit */
    size_t n;
    double last;
    const char *library;
};

static void note(const struct mlf__hit *hit, void *user)
{
    struct log *log = user;
    char number[MLF__NUMBER_SIZE];

    mlf__format_double(number, hit->value);
    log->n++;
    log->last = hit->value;
    log->library = hit->library;
    if (log->n > 100) /* floods are counted, not spelled out */
        return;
    mlf__buf_printf(&log->text, "%s=%s", hit->key, number);
    if (hit->step != INT64_MIN)
        mlf__buf_printf(&log->text, "@%" PRId64, hit->step);
    mlf__buf_puts(&log->text, " ");
}

static struct mlf__recogniser *create(const char *rule, const char *const *argv, size_t argc,
                                      struct log *log)
{
    struct mlf__recogniser_options options = {.rules = &rule,
                                              .n_rules = rule != NULL,
                                              .mode = MLF__PARSE_KNOWN,
                                              .argv = argv,
                                              .argc = argc};
    struct mlf__recogniser *recogniser = NULL;

    memset(log, 0, sizeof(*log));
    mlf__buf_puts(&log->text, "");
    if (mlf__recogniser_create(&options, note, log, &recogniser) != MLF_OK)
        printf("# %s\n", mlf__errmsg());
    return recogniser;
}

/* The hits of |len| bytes of output, in pieces of |piece| bytes. */
static void expect_bytes(const char *name, const char *rule, const char *bytes, size_t len,
                         size_t piece, const char *want)
{
    struct log log;
    struct mlf__recogniser *recogniser = create(rule, NULL, 0, &log);

    if (!OK(recogniser != NULL, "%s: the rule compiles", name))
        return;
    for (size_t at = 0; at < len; at += piece)
        mlf__recogniser_feed(recogniser, 1, bytes + at, len - at < piece ? len - at : piece);
    mlf__recogniser_end(recogniser);
    STR(log.text.data, want, name);
    mlf__buf_free(&log.text);
    mlf__recogniser_destroy(recogniser);
}

static void test_user_rules(void)
{
    static const struct {
        const char *name, *rule, *output, *want;
    } cases[] = {
        {"group_1_is_the_value", "loss=loss: (\\S+)", "loss: 0.5\nloss: 0.25\n",
         "loss=0.5 loss=0.25 "},
        {"a_last_line_without_newline_counts", "loss=loss: (\\S+)", "loss: 0.5", "loss=0.5 "},
        {"the_first_match_of_a_line_counts", "loss=loss: (\\S+)", "loss: 1 loss: 2\n", "loss=1 "},
        {"carriage_returns_end_lines", "loss=loss (\\S+)", "loss 3\rloss 2\rloss 1\r\n",
         "loss=3 loss=2 loss=1 "},
        {"a_group_named_step", "loss=epoch (?<step>\\d+): (\\S+)", "epoch 7: 0.5\n", "loss=0.5@7 "},
        {"value_and_step_words", "loss=\\step/\\d+ loss \\value", "3/10 loss 1e-3\n",
         "loss=0.001@3 "},
        {"a_lone_num_is_the_value", "acc=accuracy \\num", "accuracy .75\n", "acc=0.75 "},
        {"num_beside_a_group_is_only_a_number", "lr=\\num (\\S+)", "5 0.1\n", "lr=0.1 "},
        {"a_rule_with_key_takes_every_match", "\\key=\\value", "loss=0.5 acc=0.75, lr=1E-3\n",
         "loss=0.5 acc=0.75 lr=0.001 "},
        {"key_with_step", "\\step: \\key \\value", "12: f1 3\n", "f1=3@12 "},
        {"words_of_a_rule_end_at_a_letter", "x=at\\steps (\\d+)", "at teps 4\n", "x=4 "},
        {"an_escaped_backslash_is_no_word", "x=\\\\value (\\d+)", "\\value 4\n", "x=4 "},
        {"percent_behind_the_value", "acc=acc (\\S+)", "acc 95.3%\n", "acc=95.3 "},
        {"punctuation_behind_the_value", "acc=acc (\\S+)", "acc 95.3, x\nacc (9\nacc 8.)\n",
         "acc=95.3 acc=8 "},
        {"fortran_exponents", "x=x \\value", "x 1.5D-02\nx -2d3\n", "x=0.015 x=-2000 "},
        {"signs", "x=x (\\S+)", "x -1\nx +2\n", "x=-1 x=2 "},
        {"no_number_no_hit", "x=x (\\S+)", "x abc\nx 0x10\nx 1.2.3\nx -\nx %\n", ""},
        {"a_number_of_500_digits_is_no_value", "x=x (\\S+)",
         "x 11111111111111111111111111111111111111111111111111111111111111111111111111111111111\n",
         ""},
        {"a_step_out_of_range_is_none", "x=(?<step>\\d+) (\\d+)", "99999999999999999999 1\n",
         "x=1 "},
        {"colours_are_dropped", "loss=^loss: (\\S+)$", "\033[1;32mloss:\033[0m \033[31m2\033[m\n",
         "loss=2 "},
        {"titles_and_links_are_dropped", "loss=^loss (\\S+)$",
         "\033]0;title\aloss \033]8;;http://x\033\\4\033]8;;\033\\\n", "loss=4 "},
        {"a_cut_escape_at_the_end_of_a_line", "loss=loss (\\d+)", "loss 4\033[\nloss 5\033\n",
         "loss=4 loss=5 "},
        {"case_can_be_ignored", "loss=(?i)LOSS (\\d+)", "Loss 4\n", "loss=4 "},
        {"utf8_in_a_rule", "loss=verl\xc3\xbcst (\\d+)", "verl\xc3\xbcst 4\n", "loss=4 "},
        {"an_equals_sign_in_the_regex", "loss=l=(\\d+)", "l=4\n", "loss=4 "},
        {"an_empty_match_ends", "\\key?\\value?", "ab\n", ""},
        {"a_value_that_took_no_part", "x=a|b(\\d)", "a\nb4\n", "x=4 "},
    };

    for (size_t i = 0; i < MLF__ARRAY_LEN(cases); i++) {
        size_t len = strlen(cases[i].output);
        expect_bytes(cases[i].name, cases[i].rule, cases[i].output, len, len, cases[i].want);
    }
    expect_bytes("pieces_of_one_byte", "loss=loss: (\\S+)", "loss: 0.5\r\nloss: 0.25\n", 22, 1,
                 "loss=0.5 loss=0.25 ");
}

static void test_special_values(void)
{
    static const struct {
        const char *output;
        double want;
    } cases[] = {{"x nan\n", (double)NAN},
                 {"x -NaN\n", (double)NAN},
                 {"x inf\n", (double)INFINITY},
                 {"x -Inf\n", -(double)INFINITY},
                 {"x Infinity\n", (double)INFINITY}};

    for (size_t i = 0; i < MLF__ARRAY_LEN(cases); i++) {
        struct log log;
        struct mlf__recogniser *recogniser = create("x=x \\value", NULL, 0, &log);
        mlf__recogniser_feed(recogniser, 1, cases[i].output, strlen(cases[i].output));
        OK(log.n == 1 && (isnan(cases[i].want) ? isnan(log.last) : log.last == cases[i].want),
           "special_value %.*s", (int)strlen(cases[i].output) - 1, cases[i].output);
        mlf__buf_free(&log.text);
        mlf__recogniser_destroy(recogniser);
    }
}

static void test_bad_rules(void)
{
    static const struct {
        const char *rule, *say;
    } cases[] = {
        {"loss=(", "rule 'loss=(': missing closing parenthesis at character 7"},
        {"loss=\\value [", "character 14"},
        {"loss=loss", "captures no value"},
        {"loss", "names no metric"},
        {"=x(\\d)", "names no metric"},
        {"a*b=x(\\d)", "Invalid"},
        {"x=\\value \\value", "rule 'x=\\value \\value'"},
        {"x=\\C(\\d)", "\\C"},
        {"x=(?<step>\\d+)", "captures no value"},
        {"x=()()()()()()()()()()()()()()()()()()()()()()()()()()()()()()()()", "more than"},
    };

    for (size_t i = 0; i < MLF__ARRAY_LEN(cases); i++) {
        struct mlf__recogniser_options options = {.rules = &cases[i].rule, .n_rules = 1};
        struct mlf__recogniser *recogniser = NULL;
        mlf_status status = mlf__recogniser_create(&options, note, NULL, &recogniser);
        OK(status == MLF_ERR_INVAL && recogniser == NULL &&
               strstr(mlf__errmsg(), cases[i].say) != NULL,
           "bad_rule %s", cases[i].rule);
        if (strstr(mlf__errmsg(), cases[i].say) == NULL)
            printf("#   got \"%s\"\n", mlf__errmsg());
    }
}

/* What Debian's svm-train prints for three classes; the second pair has weights, so no nu. */
static const char svm_output[] = "*\n"
                                 "optimization finished, #iter = 50\n"
                                 "nu = 0.503204\n"
                                 "obj = -26.526583, rho = -0.173001\n"
                                 "nSV = 35, nBSV = 24\n"
                                 ".*.*\n"
                                 "optimization finished, #iter = 41\n"
                                 "obj = -7.234244, rho = nan\n"
                                 "nSV = 17, nBSV = 6\n"
                                 "*\n"
                                 "optimization finished, #iter = 41\n"
                                 "nu = 0.429853\n"
                                 "obj = -21.618098, rho = -inf\n"
                                 "nSV = 30, nBSV = 23\n"
                                 "Total nSV = 60\n";
static const char svm_validation[] = "Cross Validation Mean squared error = 0.00948472\n"
                                     "Cross Validation Squared correlation coefficient = 0.975216\n"
                                     "Cross Validation Accuracy = 95.5556%\n"
                                     "my obj = 3\n";

static void expect_preset(const char *name, const char *const *argv, size_t argc,
                          const char *output, const char *want)
{
    struct log log;
    struct mlf__recogniser *recogniser = create(NULL, argv, argc, &log);

    mlf__recogniser_feed(recogniser, 1, output, strlen(output));
    mlf__recogniser_end(recogniser);
    STR(log.text.data, want, name);
    mlf__buf_free(&log.text);
    mlf__recogniser_destroy(recogniser);
}

static void test_presets(void)
{
    const char *train[] = {"/usr/bin/svm-train", "-c", "3", "data"};
    const char *validate[] = {"svm-train", "-v", "5", "data"};
    const char *probability[] = {"svm-train", "-b", "1", "data"};
    const char *no_probability[] = {"svm-train", "-b", "0", "data"};
    const char *other[] = {"cat", "data"};
    struct log log;

    expect_preset("svm_train_values_at_their_subproblem", train, 4, svm_output,
                  "iter=50@0 nu=0.503204@0 obj=-26.526583@0 rho=-0.173001@0 nSV=35@0 nBSV=24@0 "
                  "iter=41@1 obj=-7.234244@1 rho=nan@1 nSV=17@1 nBSV=6@1 "
                  "iter=41@2 nu=0.429853@2 obj=-21.618098@2 rho=-inf@2 nSV=30@2 nBSV=23@2 "
                  "total_nsv=60@0 ");
    expect_preset("svm_train_validation", train, 4, svm_validation,
                  "cross_validation_mean_squared_error=0.00948472@0 "
                  "cross_validation_squared_correlation_coefficient=0.975216@0 "
                  "cross_validation_accuracy=95.5556@0 ");
    expect_preset("folds_are_not_the_result", validate, 4, svm_output, "");
    expect_preset("validation_is_seen_with_folds", validate, 4, "Cross Validation Accuracy = 9%\n",
                  "cross_validation_accuracy=9@0 ");
    expect_preset("inner_folds_are_not_the_result", probability, 4, svm_output, "");
    expect_preset("b_0_has_no_inner_folds", no_probability, 4, "nu = 1\n", "nu=1@0 ");
    expect_preset("other_programs_have_no_preset", other, 2, svm_output, "");

    struct mlf__recogniser *recogniser = create("mine=^nu = (\\S+)", train, 4, &log);
    mlf__recogniser_feed(recogniser, 2, "nu = 1\nTotal nSV = 2\n", 21);
    STR(log.text.data, "mine=1 total_nsv=2@0 ", "a_user_rule_goes_before_the_preset");
    STR(log.library, "libsvm", "a_preset_hit_names_its_library");
    mlf__buf_free(&log.text);
    mlf__recogniser_destroy(recogniser);

    recogniser = create(NULL, other, 2, &log);
    OK(!mlf__recogniser_wants_output(recogniser), "nothing_to_look_for_wants_no_output");
    mlf__buf_free(&log.text);
    mlf__recogniser_destroy(recogniser);
    struct mlf__recogniser_options off = {.mode = MLF__PARSE_OFF, .argv = train, .argc = 4};
    mlf__recogniser_create(&off, note, NULL, &recogniser);
    OK(!mlf__recogniser_wants_output(recogniser), "parse_off_has_no_preset");
    mlf__recogniser_destroy(recogniser);
    OK(strstr(mlf__preset_find("svm-train")->aliases, "c=C ") != NULL, "a_preset_has_aliases");
}

static uint32_t random_state = 1;

static unsigned char random_byte(void)
{
    random_state = random_state * 1664525 + 1013904223;
    return (unsigned char)(random_state >> 24);
}

static void test_hostile_output(void)
{
    enum { SIZE = 1 << 20 };
    char *bytes = mlf__alloc(SIZE);
    struct log log;
    struct mlf__recogniser *recogniser = create("\\key[=: ]+\\value", NULL, 0, &log);

    for (int round = 0; round < 8; round++) {
        for (size_t i = 0; i < SIZE; i++)
            bytes[i] = (char)random_byte();
        mlf__recogniser_feed(recogniser, 1 + round % 2, bytes, SIZE);
    }
    mlf__recogniser_end(recogniser);
    size_t before = log.n;
    mlf__recogniser_feed(recogniser, 1, "\nloss=1\n", 8);
    IS(log.n - before, 1, "after_binary_output_lines_are_read_again");

    memset(bytes, 'a', SIZE);
    for (int i = 0; i < 100; i++)
        mlf__recogniser_feed(recogniser, 1, bytes, SIZE);
    mlf__recogniser_feed(recogniser, 1, " loss=1\n", 8);
    IS(log.n - before, 1, "a_line_of_100_mb_is_looked_at_up_to_its_limit");
    mlf__recogniser_feed(recogniser, 1, "loss=2\n", 7);
    IS(log.n - before, 2, "behind_a_line_of_100_mb_lines_are_read_again");

    for (int form = 0; form < 3; form++) {
        memset(bytes, "\r\033\0"[form], SIZE);
        mlf__recogniser_feed(recogniser, 1, bytes, SIZE);
    }
    mlf__recogniser_feed(recogniser, 1, "\nloss=3\n", 8);
    IS(log.n - before, 3, "megabytes_of_control_characters_do_no_harm");
    mlf__buf_free(&log.text);
    mlf__recogniser_destroy(recogniser);

    recogniser = create("x=^(a|aa)+$", NULL, 0, &log);
    memset(bytes, 'a', SIZE);
    for (size_t i = 60; i < SIZE; i += 61)
        bytes[i] = i % 122 == 60 ? '!' : '\n';
    mlf__recogniser_feed(recogniser, 1, bytes, SIZE);
    STR(mlf__recogniser_exhausted(recogniser), "x=^(a|aa)+$", "a_hostile_rule_is_given_up");
    mlf__buf_free(&log.text);
    mlf__recogniser_destroy(recogniser);
    mlf__free(bytes);
}

static void test_no_memory(void)
{
    const char *rules[] = {"loss=loss (\\S+)", "\\key=\\value"};
    const char *argv[] = {"svm-train", "-c", "3"};
    struct mlf__recogniser_options options = {
        .rules = rules, .n_rules = 2, .mode = MLF__PARSE_KNOWN, .argv = argv, .argc = 3};
    struct mlf__recogniser *recogniser = NULL;
    mlf_status status = MLF_ERR_NOMEM;
    long n = 0;

    while (status == MLF_ERR_NOMEM && n < 2000) {
        mlf__alloc_fail_after(++n);
        status = mlf__recogniser_create(&options, note, NULL, &recogniser);
        mlf__alloc_fail_after(0);
        if (status != MLF_OK && recogniser != NULL)
            break;
    }
    OK(status == MLF_OK && n > 10, "every_failed_allocation_is_a_status (%ld)", n);
    mlf__recogniser_destroy(recogniser);
}

int main(void)
{
    test_user_rules();
    test_special_values();
    test_bad_rules();
    test_presets();
    test_hostile_output();
    test_no_memory();
    return tap_done();
}
