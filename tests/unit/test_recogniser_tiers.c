/* SPDX-License-Identifier: Apache-2.0 */
/* The tiers that need no rule: which words and which recurring records give metrics, at which steps; and that neither
 * time nor memory depends on what is printed. How well they do on real logs: tests/e2e/test_cli_parse.py. */
#include "autolog/recogniser.h"
#include "core/buf.h"
#include "core/mem.h"
#include "core/sys.h"
#include "tests/support/tap.h"

#include <time.h>

struct log {
    struct mlf__buf text; /* "key=value@step " for each metric, "key:value " for each param */
    size_t n;
    const char *library;
};

static void note(const struct mlf__hit *hit, void *user)
{
    struct log *log = user;
    char number[MLF__NUMBER_SIZE];

    log->library = hit->library;
    if (log->n++ > 200) /* floods are counted, not spelled out */
        return;
    if (hit->kind == MLF__HIT_PARAM) {
        mlf__buf_printf(&log->text, "%s:%s ", hit->key, hit->text);
        return;
    }
    mlf__format_double(number, hit->value);
    mlf__buf_printf(&log->text, "%s=%s", hit->key, number);
    if (hit->step != INT64_MIN)
        mlf__buf_printf(&log->text, "@%" PRId64, hit->step);
    mlf__buf_puts(&log->text, " ");
}

static struct mlf__recogniser *create(enum mlf__parse_mode mode, struct log *log)
{
    struct mlf__recogniser_options options = {.mode = mode, .by_signature = true};
    struct mlf__recogniser *recogniser = NULL;

    memset(log, 0, sizeof(*log));
    mlf__buf_puts(&log->text, "");
    if (mlf__recogniser_create(&options, note, log, &recogniser) != MLF_OK)
        printf("# %s\n", mlf__errmsg());
    return recogniser;
}

static void feed(struct mlf__recogniser *recogniser, const char *text)
{
    mlf__recogniser_feed(recogniser, 1, text, strlen(text));
}

static void expect(enum mlf__parse_mode mode, const char *name, const char *output,
                   const char *want)
{
    struct log log;
    struct mlf__recogniser *recogniser = create(mode, &log);

    feed(recogniser, output);
    mlf__recogniser_end(recogniser);
    STR(log.text.data, want, name);
    mlf__buf_free(&log.text);
    mlf__recogniser_destroy(recogniser);
}

static void test_words(void)
{
    static const struct {
        const char *name, *output, *want;
    } cases[] = {
        {"a_plain_loop", "epoch 3 loss 0.12\n", "loss=0.12@3 "},
        {"no_step_counts_by_itself", "loss: 0.5\nloss: 0.25\n", "loss=0.5 loss=0.25 "},
        {"the_last_step_holds", "epoch 7\nloss: 0.5\n", "loss=0.5@7 "},
        {"several_words", "Validation Accuracy = 95.5%\n", "validation_accuracy=95.5 "},
        {"a_single_word_keeps_its_case", "step 1 AUC=0.75\n", "AUC=0.75@1 "},
        {"compounds", "step 1 binlogloss=0.5 f1=0.25\n", "binlogloss=0.5@1 f1=0.25@1 "},
        {"nan_is_a_value", "step 4: loss nan, acc=inf\n", "loss=nan@4 acc=inf@4 "},
        {"leading_numbers_are_steps", "12: loss=1\n[13] loss=2\n", "loss=1@12 loss=2@13 "},
        {"steps_of_epochs_are_put_together",
         "Epoch [1/3], Step [10/20], Loss: 4\nEpoch [2/3], Step [10/20], Loss: 2\n",
         "Loss=4@10 Loss=2@30 "},
        {"a_step_goes_before_an_epoch", "epoch 2 step 500 loss 1.5\n", "loss=1.5@500 "},
        {"counts_are_no_steps", "max iterations: 50\nloss = 1\n",
         "stdout.max_iterations:50 loss=1 "},
        {"going_back_opens_a_phase",
         "iter 1 loss 3\niter 2 loss 2\niter 3 loss 1\niter 1 loss 4\niter 2 loss 2\n",
         "loss=3@1 loss=2@2 loss=1@3 loss.phase2=4@1 loss.phase2=2@2 "},
        {"one_back_is_out_of_order", "iter 2 loss 3\niter 1 loss 2\n", "loss=3@2 loss=2@1 "},
        {"the_same_point_is_given_once", "epoch 1 loss 3\repoch 1 loss 3\n", "loss=3@1 "},
        {"a_fraction_with_its_percentage", "epoch 1\nAccuracy: 9815/10000 (98%)\n",
         "Accuracy=98@1 "},
        {"quoted_names", "{'loss': 0.5, 'grad_norm': 1.5, 'epoch': 0.25}\n",
         "loss=0.5 grad_norm=1.5 "},
        {"fortran_numbers", "Iter: 3 Cost: 0.5D-01\n", "Cost=0.05@3 "},
        {"a_rate_before_training_is_a_setting", "learning rate = 0.01\nepoch 1 loss 2\nlr: 0.02\n",
         "stdout.learning_rate:0.01 loss=2@1 lr=0.02@1 "},
        {"time_is_no_metric", "step 1 time 3 loss_time=5 elapsed: 7 pid=9\n", ""},
        {"units_are_no_metrics", "step 1 cost: 3 ms, score = 45 MB\n", ""},
        {"weak_words_need_a_step_or_a_fraction", "error: -22\nerror = 0.5\nstep 1 error: 3\n",
         "error=0.5 error=3@1 "},
        {"source_code_is_no_output",
         "    double loss = 0.5;\n+    loss = 0.5\n   12 |     loss = 0.5\n", ""},
        {"queries_are_no_metrics", "GET /x?loss=3&acc=0.5 http://a/loss=3\n", ""},
        {"places_are_no_metrics", "loss.c:12:5: error: 3 things\nstd::loss::4\n", ""},
        {"fractions_are_no_values", "loss: 3/10\n", ""},
        {"prefixes",
         "2024-01-31 12:00:00,123 INFO:train:loss: 1\n[12:00:01] [INFO] loss: 2\n"
         "I0131 12:00:00.123456  1234 a.cc:12] loss = 3\nJan 31 12:00:00 host prog[12]: loss=4\n"
         "[rank0] loss=5\n\033[1mloss\033[0m: 6\n",
         "loss=1 loss=2 loss=3 loss=4 loss=5 loss=6 "},
    };

    for (size_t i = 0; i < MLF__ARRAY_LEN(cases); i++)
        expect(MLF__PARSE_LIKELY, cases[i].name, cases[i].output, cases[i].want);
    expect(MLF__PARSE_KNOWN, "known_reads_no_words", "epoch 3 loss 0.12\n", "");
}

static void test_recurrence(void)
{
    expect(MLF__PARSE_LIKELY, "a_private_name_beside_a_step",
           "step 1 wibble=0.9\nstep 2 wibble=0.8\nstep 3 wibble=0.8\nstep 4 wibble=0.7\n",
           "wibble=0.9@1 wibble=0.8@2 wibble=0.8@3 wibble=0.7@4 ");
    expect(MLF__PARSE_LIKELY, "what_does_not_change_is_no_metric",
           "step 1 wibble=0.9\nstep 2 wibble=0.9\nstep 3 wibble=0.9\nstep 4 wibble=0.9\n", "");
    expect(MLF__PARSE_LIKELY, "twice_is_not_enough", "step 1 wibble=0.9\nstep 2 wibble=0.8\n", "");
    expect(MLF__PARSE_LIKELY, "without_a_step_it_is_not_likely",
           "wibble=0.9\nwibble=0.8\nwibble=0.7\n", "");
    expect(MLF__PARSE_ALL, "all_needs_no_step", "wibble=0.9\nwibble=0.8\nwibble=0.7\n",
           "wibble=0.9 wibble=0.8 wibble=0.7 ");
    expect(MLF__PARSE_LIKELY, "near_a_metric_no_step_is_needed",
           "loss=3\nwibble=0.9\nloss=2\nwibble=0.8\nloss=1\nwibble=0.7\n",
           "loss=3 loss=2 loss=1 wibble=0.9 wibble=0.8 wibble=0.7 ");
    expect(MLF__PARSE_LIKELY, "a_lone_value_behind_its_step", "1: 0.9\n2: 0.8\n3: 0.7\n",
           "value=0.9@1 value=0.8@2 value=0.7@3 ");
    expect(MLF__PARSE_LIKELY, "names_behind_numbers",
           "1: 9 foo, 4 s\n2: 8 foo, 5 s\n3: 7 foo, 6 s\n", "foo=9@1 foo=8@2 foo=7@3 ");
}

static void test_signatures(void)
{
    expect(MLF__PARSE_KNOWN, "xgboost", "[0]\ttrain-logloss:0.5\teval-auc:0.75+0.01\n",
           "train/logloss=0.5@0 eval/auc=0.75@0 ");
    expect(MLF__PARSE_KNOWN, "lightgbm", "[LightGBM] [Info] Iteration:1, valid_1 auc : 0.75\n",
           "valid_1/auc=0.75@1 ");
    expect(MLF__PARSE_KNOWN, "liblinear",
           "iter  1 act 2.5e+02 pre 2e+02 delta 1e+01 f 3.5e+02 |g| 1.5e+03 CG   1\n",
           "f=350@1 grad_norm=1500@1 ");
    expect(MLF__PARSE_KNOWN, "fann",
           "Epochs           37. Current error: 0.0000973379. Bit fail 0.\n",
           "mse=9.73379e-05@37 bit_fail=0@37 ");
    expect(MLF__PARSE_KNOWN, "darknet",
           "12: 802.53, 800.12 avg, 0.001 rate, 4.3 seconds, 768 images\n",
           "loss=802.53@12 avg_loss=800.12@12 lr=0.001@12 images=768@12 ");
    expect(MLF__PARSE_KNOWN, "keras_takes_the_whole_epoch",
           "Epoch 2/3\n50/100 - loss: 0.75\r100/100 - 1s - loss: 0.5 - val_loss: 0.25\n",
           "loss=0.5@2 val_loss=0.25@2 ");
    expect(MLF__PARSE_KNOWN, "json_lines",
           "{\"step\":1,\"loss\":2.5,\"eval\":{\"x\":1},\"time\":3,\"name\":\"a\"}\n{\"a\":1}\n",
           "loss=2.5@1 eval/x=1@1 ");
    expect(MLF__PARSE_KNOWN, "broken_json", "{\"step\":1,\"loss\":2.5}}\n{\"step\":1,\"loss\":\n",
           "");
    struct log log;
    struct mlf__recogniser *recogniser = create(MLF__PARSE_LIKELY, &log);
    feed(recogniser, "step 1 nu=0.5\nstep 2 nu=0.4\nstep 3 nu=0.3\n");
    STR(log.library, "libsvm", "a_key_of_an_adapter_names_its_library");
    mlf__buf_free(&log.text);
    mlf__recogniser_destroy(recogniser);
}

static void test_tail(void)
{
    struct log log;
    struct mlf__recogniser *recogniser = create(MLF__PARSE_LIKELY, &log);

    IS(mlf__recogniser_due_ms(recogniser), -1, "nothing_waits");
    feed(recogniser, "loss: 1\nloss: 2");
    int64_t due = mlf__recogniser_due_ms(recogniser);
    OK(due >= 0 && due <= MLF__TAIL_MS, "a_tail_waits (%d)", (int)due);
    int64_t deadline = mlf__monotonic_ns() + (int64_t)10 * 1000000000;
    while (log.n < 2 && mlf__monotonic_ns() < deadline) {
        struct timespec pause = {.tv_nsec = 2 * 1000000};
        nanosleep(&pause, NULL);
        mlf__recogniser_tick(recogniser);
    }
    STR(log.text.data, "loss=1 loss=2 ", "a_tail_is_looked_at_when_it_has_waited");
    IS(mlf__recogniser_due_ms(recogniser), -1, "nothing_waits_any_more");
    feed(recogniser, "\nloss: 3\n");
    STR(log.text.data, "loss=1 loss=2 loss=3 ", "and_is_not_looked_at_again");
    mlf__buf_free(&log.text);
    mlf__recogniser_destroy(recogniser);
}

static void test_ignore_and_step(void)
{
    const char *const ignore[] = {"val_*"};
    struct mlf__recogniser_options options = {
        .mode = MLF__PARSE_LIKELY, .ignore = ignore, .n_ignore = 1, .step = "tick \\step"};
    struct log log = {.n = 0};
    struct mlf__recogniser *recogniser = NULL;

    mlf__recogniser_create(&options, note, &log, &recogniser);
    feed(recogniser, "tick 5\nval_loss=1 loss=2\n");
    STR(log.text.data, "loss=2@5 ", "ignored_names_and_a_step_rule");
    mlf__buf_free(&log.text);
    mlf__recogniser_destroy(recogniser);
    options.preset = "nothing";
    IS(mlf__recogniser_create(&options, note, &log, &recogniser), MLF_ERR_INVAL,
       "an_unknown_preset");
}

static void test_steady_state(void)
{
    struct log log;
    struct mlf__recogniser *recogniser = create(MLF__PARSE_ALL, &log);
    char line[128];

    for (int i = 0; i < 100; i++) {
        if (i == 50)
            mlf__alloc_fail_after(1);
        snprintf(line, sizeof(line), "step %d loss=%d wibble=%d\ncounter=%d\n", i, i, i * 2, i);
        feed(recogniser, line);
    }
    mlf__alloc_fail_after(0);
    IS(log.n, 300, "no_line_allocates_once_its_keys_are_known");
    mlf__buf_free(&log.text);
    mlf__recogniser_destroy(recogniser);
}

static uint32_t random_state = 7;

static unsigned random_below(unsigned n)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 16) % n;
}

static void test_hostile_output(void)
{
    struct log log;
    struct mlf__recogniser *recogniser = create(MLF__PARSE_ALL, &log);
    char line[64];

    for (unsigned i = 0; i < 100000; i++) {
        snprintf(line, sizeof(line), "step %u k%c%u_loss=%u x%u=%u\n", i,
                 'a' + (int)random_below(26), random_below(100000), i, random_below(1u << 30), i);
        feed(recogniser, line);
    }
    OK(log.n < 40000, "names_without_end_are_bounded (%zu)", log.n);
    size_t before = log.n;
    static const char pieces[] = "step loss=:0123456789.e-+[]{}()/|\"'%#,; \tnaninfepoch\r\n\033";
    for (int i = 0; i < 2000000; i++) {
        char c = pieces[random_below(sizeof(pieces) - 1)];
        mlf__recogniser_feed(recogniser, 1 + i % 2, &c, 1);
    }
    mlf__recogniser_end(recogniser);
    OK(log.n >= before, "fragments_do_no_harm");
    mlf__buf_free(&log.text);
    mlf__recogniser_destroy(recogniser);
}

static void test_no_memory(void)
{
    struct mlf__recogniser_options options = {.mode = MLF__PARSE_ALL, .preset = "svm-train"};
    static const char output[] =
        "seed: 3\nepoch 1 loss 2 wibble 3\n[0]\ttrain-auc:0.5\n{\"step\":1,\"x\":2}\n";
    struct log log = {.n = 0};
    mlf_status status = MLF_ERR_NOMEM;
    long n = 0;

    while (status == MLF_ERR_NOMEM && n < 3000) {
        struct mlf__recogniser *recogniser = NULL;
        mlf__alloc_fail_after(++n);
        status = mlf__recogniser_create(&options, note, &log, &recogniser);
        mlf__alloc_fail_after(0);
        mlf__recogniser_destroy(recogniser);
    }
    OK(status == MLF_OK && n > 10, "every_failed_allocation_is_a_status (%ld)", n);
    for (n = 1; n < 100; n++) {
        struct mlf__recogniser *recogniser = NULL;
        mlf__recogniser_create(&options, note, &log, &recogniser);
        mlf__alloc_fail_after(n);
        feed(recogniser, output);
        mlf__alloc_fail_after(0);
        feed(recogniser, output);
        mlf__recogniser_destroy(recogniser);
    }
    OK(log.n > 0, "a_failed_allocation_costs_hits_only");
    mlf__buf_free(&log.text);
}

int main(void)
{
    test_words();
    test_recurrence();
    test_signatures();
    test_tail();
    test_ignore_and_step();
    test_steady_state();
    test_hostile_output();
    test_no_memory();
    return tap_done();
}
