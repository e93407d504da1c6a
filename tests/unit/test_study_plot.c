/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures of studies as no store would have them: hostile parameters, odd values, trials of every kind; and memory that runs out
 * anywhere. */
#include "cli/study_plot.h"
#include "core/mem.h"
#include "tests/support/tap.h"
#include "tests/support/tuner_data.h"

#include <math.h>

#define EVIL "<script>alert(1)</script>\"'&\033[31m\xff"

static char study_name[] = EVIL, metric[] = "a<b>&\"", sampler[] = "tpe", pruner[] = "none";
static const struct mlf__study_info info = {.run_id = "0123456789abcdef",
                                            .name = study_name,
                                            .metrics = {metric},
                                            .n_objectives = 1,
                                            .sampler = sampler,
                                            .pruner = pruner};

static void set(struct mlf__history *history, struct mlf__trial *trial, const char *name,
                struct mlf__dist *dist, double value)
{
    uint32_t name_number, dist_number;

    mlf__history_name(history, name, &name_number);
    mlf__history_dist(history, dist, &dist_number);
    mlf__trial_set_param(trial, name_number, dist_number, value);
    mlf__dist_free(dist);
}

/* Trials of all states, some infeasible, with values of every size. */
static void fill(struct mlf__history *history, size_t n_trials)
{
    static const double values[] = {1, -3, 1e300, -1e300, INFINITY, 0, 5e-324, 2.5, -INFINITY};
    const char *choices[120];
    char texts[120][24];

    for (size_t i = 0; i < 120; i++) {
        snprintf(texts[i], sizeof(texts[i]), "%s %zu", i % 2 ? "<i>&" : "\xe2\x80\xae\x1b[1m", i);
        choices[i] = texts[i];
    }
    tuner_data_begin(history, "maximize");
    for (size_t i = 0; i < n_trials; i++) {
        struct mlf__trial *trial = tuner_data_trial(history);
        struct mlf__dist dist;
        mlf__dist_float("lr", 1e-5, i % 2 ? 1 : 2, 0, true, &dist);
        set(history, trial, EVIL, &dist, i == 3 ? -1 : pow(10, -(double)(i % 5)));
        mlf__dist_categorical("many", choices, 120, &dist);
        set(history, trial, "many", &dist, (double)(i * 7 % 120));
        mlf__dist_int("n", 1, 9, 1, false, &dist);
        if (i % 3 == 0)
            set(history, trial, "n", &dist, (double)(i % 9 + 1));
        else
            mlf__dist_free(&dist);
        for (int64_t step = 0; step < (int64_t)(i % 4); step++)
            mlf__trial_add_intermediate(trial, step * 1000,
                                        step == 1 ? NAN : values[(i + step) % 9]);
        if (i % 4 == 1)
            mlf__trial_add_constraint(trial, "c", 1);
        if (i % 11 == 10)
            continue;
        tuner_data_end(history, trial,
                       i % 7 == 6   ? MLF_TRIAL_PRUNED
                       : i % 7 == 5 ? MLF_TRIAL_FAIL
                                    : MLF_TRIAL_COMPLETE,
                       values[i % 9]);
    }
    struct mlf__trial *waiting;
    mlf__history_add(history, MLF_TRIAL_WAITING, &waiting);
}

/* What a picture must not have, whatever it was drawn from. */
static bool is_clean(const struct mlf__buf *text)
{
    return text->data != NULL && !text->failed && strstr(text->data, "<script>alert") == NULL &&
           strstr(text->data, "<i>") == NULL && strstr(text->data, "<b>") == NULL &&
           strstr(text->data, "\"nan") == NULL && strstr(text->data, "Mnan") == NULL &&
           strstr(text->data, " nan") == NULL && strstr(text->data, "\"inf") == NULL &&
           strstr(text->data, "\"-inf") == NULL && memchr(text->data, '\033', text->len) == NULL &&
           mlf__utf8_length(text->data, text->len) != SIZE_MAX;
}

static void test_pictures(size_t n_trials, bool log)
{
    struct mlf__history history;
    struct study_plot plot;

    fill(&history, n_trials);
    IS(mlf__study_plot_make(&info, &history, 0, log, &plot), MLF_OK, "a study is looked at");
    for (size_t i = 0; i < MLF__STUDY_PICTURES; i++) {
        struct mlf__buf text = {0};
        mlf_status status = mlf__study_svg(&plot, &mlf__study_pictures[i], true, &text);
        OK(status == MLF_OK && is_clean(&text), "%s of %zu odd trials%s",
           mlf__study_pictures[i].name, n_trials, log ? ", logarithmic" : "");
        mlf__buf_free(&text);
    }
    struct mlf__buf text = {0};
    OK(mlf__study_terminal(&plot, &text) == MLF_OK && !text.failed &&
           memchr(text.data, '\033', text.len) == NULL,
       "the summary of %zu", n_trials);
    mlf__buf_free(&text);
    mlf__study_plot_free(&plot);
    mlf__history_free(&history);
}

/* Best is a feasible trial with a value that can be drawn, though others have better ones. */
static void test_best(void)
{
    struct mlf__history history;
    struct study_plot plot;

    fill(&history, 9);
    mlf__study_plot_make(&info, &history, 0, false, &plot);
    OK(plot.best != NULL && plot.best->number == 2 && plot.best->value == 1e300,
       "the best trial is feasible and finite");
    mlf__study_plot_free(&plot);
    mlf__study_plot_make(&info, &history, 0, true, &plot);
    OK(plot.low > 0, "on a logarithmic axis only what is above zero is drawn");
    mlf__study_plot_free(&plot);
    mlf__history_free(&history);
}

static void test_drawn(void)
{
    size_t n = 0;

    for (size_t i = 0; i < 100003; i++)
        n += mlf__study_is_drawn(i, 100003, 400);
    OK(n >= 399 && n <= 401 && mlf__study_is_drawn(0, 100003, 400), "400 of 100003 are drawn");
}

static mlf_status make_all(const struct mlf__history *history)
{
    struct study_plot plot;
    struct mlf__buf page = {0}, text = {0};
    mlf_status status = mlf__study_plot_make(&info, history, 0, false, &plot);

    if (status != MLF_OK)
        return status;
    status = mlf__study_html(&plot, NULL, &page);
    if (status == MLF_OK)
        status = mlf__study_terminal(&plot, &text);
    if (page.failed || text.failed)
        status = MLF_ERR_NOMEM;
    mlf__buf_free(&page);
    mlf__buf_free(&text);
    mlf__study_plot_free(&plot);
    return status;
}

/* The first allocations fail each on its own, later ones now and then: there are many. */
static void test_no_memory(void)
{
    struct mlf__history history;
    bool right = true;
    long n = 1;

    fill(&history, 12);
    for (; n < 1000000 && right; n += n < 200 ? 1 : n / 20) {
        mlf__alloc_fail_after(n);
        mlf_status status = make_all(&history);
        mlf__alloc_fail_after(0);
        if (status == MLF_OK)
            break;
        right = status == MLF_ERR_NOMEM;
    }
    OK(right && n > 100, "memory that runs out anywhere is an error, up to allocation %ld", n);
    mlf__history_free(&history);
}

int main(void)
{
    test_pictures(0, false);
    test_pictures(1, false);
    test_pictures(40, false);
    test_pictures(40, true);
    test_pictures(900, false);
    test_best();
    test_drawn();
    test_no_memory();
    return tap_done();
}
