/* SPDX-License-Identifier: Apache-2.0 */
/* Pruners against decisions that Optuna made: tests/data/optuna. */
#include "core/mem.h"
#include "tests/support/tap.h"
#include "tests/support/tuner_data.h"
#include "tuner/pruner.h"

#include <math.h>

static struct mlf__pruner *open_pruner(const char *text, const struct mlf__history *history)
{
    struct mlf__pruner *pruner = NULL;

    if (mlf__pruner_open(text, history, "fx", &pruner) != MLF_OK) {
        printf("Bail out! %s: %s\n", text, mlf__errmsg());
        exit(1);
    }
    return pruner;
}

/* Reports |values|, [[step, value], …], asking after each; true when the answers are |wanted| (NULL: any). */
static bool report_all(struct mlf__pruner *pruner, struct mlf__trial *trial, const cJSON *values,
                       const cJSON *wanted)
{
    const cJSON *pair, *want = wanted != NULL ? wanted->child : NULL;
    bool right = true;

    cJSON_ArrayForEach(pair, values)
    {
        mlf__trial_add_intermediate(trial, (int64_t)tuner_data_number(pair->child),
                                    tuner_data_number(pair->child->next));
        bool got = mlf__pruner_should_prune(pruner, trial);
        if (want != NULL && got != cJSON_IsTrue(want)) {
            printf("# trial %d, step %d: %s\n", (int)trial->number, pair->child->valueint,
                   got ? "pruned" : "kept");
            right = false;
        }
        want = want != NULL ? want->next : NULL;
    }
    return right;
}

static const char *const recorded[][2] = {
    {"median", "median"},
    {"median_w2_i2", "median:warmup=2,interval=2"},
    {"median_startup10", "median:startup=10"},
    {"median_max", "median"},
    {"pct25", "percentile:percentile=25"},
    {"pct75_min3", "percentile:percentile=75,min_trials=3"},
    {"patient1_median", "patient:patience=1+median"},
    {"threshold", "threshold:upper=2,warmup=1"},
    {"wilcoxon", "wilcoxon"},
    {"sha_r1_f4", "halving:min_resource=1,factor=4"},
    {"sha_r2_f2_s1", "halving:min_resource=2,factor=2,rate=1"},
    {"sha_auto", "halving"},
    {"sha_boot3", "halving:min_resource=1,factor=4,bootstrap=3"},
};

static const char *settings_of(const char *name)
{
    size_t len = strlen(name);

    if (len > 4 && strcmp(name + len - 4, "_bad") == 0)
        len -= 4;
    for (size_t i = 0; i < MLF__ARRAY_LEN(recorded); i++)
        if (strlen(recorded[i][0]) == len && memcmp(recorded[i][0], name, len) == 0)
            return recorded[i][1];
    return name;
}

static void test_traces(void)
{
    cJSON *traces = tuner_data_read(__FILE__, "pruners.json"), *trace, *past;

    cJSON_ArrayForEach(trace, traces)
    {
        struct mlf__history history;
        const char *name = tuner_data_text(trace, "name");
        tuner_data_begin(&history, tuner_data_text(trace, "direction"));
        struct mlf__pruner *pruner = open_pruner(settings_of(name), &history);
        cJSON_ArrayForEach(past, cJSON_GetObjectItem(trace, "history"))
        {
            struct mlf__trial *trial = tuner_data_trial(&history);
            report_all(pruner, trial, cJSON_GetObjectItem(past, "iv"), NULL);
            tuner_data_end(&history, trial, MLF_TRIAL_COMPLETE, tuner_data_get(past, "value"));
        }
        OK(report_all(pruner, tuner_data_trial(&history), cJSON_GetObjectItem(trace, "current"),
                      cJSON_GetObjectItem(trace, "prune")),
           "trace %s", name);
        mlf__pruner_close(pruner);
        mlf__history_free(&history);
    }
    IS(cJSON_GetArraySize(traces), 21, "all traces were followed");
    cJSON_Delete(traces);
}

/* Whole studies; |reopen|: with a new pruner from time to time, as after a study was read back. */
static void test_studies(bool reopen)
{
    cJSON *studies = tuner_data_read(__FILE__, "pruner-studies.json"), *study, *row;

    cJSON_ArrayForEach(study, studies)
    {
        struct mlf__history history;
        bool right = true;
        tuner_data_begin(&history, tuner_data_text(study, "direction"));
        struct mlf__pruner *pruner = open_pruner(tuner_data_text(study, "pruner"), &history);
        cJSON_ArrayForEach(row, cJSON_GetObjectItem(study, "trials"))
        {
            if (reopen && history.n_trials % 7 == 5) {
                mlf__pruner_close(pruner);
                pruner = open_pruner(tuner_data_text(study, "pruner"), &history);
            }
            struct mlf__trial *trial = tuner_data_trial(&history);
            right = report_all(pruner, trial, cJSON_GetObjectItem(row, "iv"),
                               cJSON_GetObjectItem(row, "prune")) &&
                    right;
            tuner_data_end(&history, trial, tuner_data_state(tuner_data_text(row, "state")),
                           tuner_data_get(row, "value"));
        }
        OK(right, "%s decides as Optuna%s", tuner_data_text(study, "name"),
           reopen ? ", read back in between" : "");
        mlf__pruner_close(pruner);
        mlf__history_free(&history);
    }
    cJSON_Delete(studies);
}

/* A bracket's first rung lies at factor^bracket steps, and NaN never gets past a rung. */
static void test_brackets(void)
{
    cJSON *recording = tuner_data_read(__FILE__, "hyperband.json"), *bracket;
    struct mlf__history history;
    int n_wrong = 0;

    tuner_data_begin(&history, "minimize");
    struct mlf__pruner *pruner = open_pruner("hyperband:min_resource=1,max_resource=27", &history);
    cJSON_ArrayForEach(bracket, cJSON_GetObjectItem(recording, "bracket_of_trial"))
    {
        struct mlf__trial *trial = tuner_data_trial(&history);
        int found = -1;
        for (int64_t step = 1, rung = 0; step <= 27 && found < 0; step *= 3, rung++) {
            mlf__trial_add_intermediate(trial, step, NAN);
            if (mlf__pruner_should_prune(pruner, trial))
                found = (int)rung;
        }
        n_wrong += found != bracket->valueint;
        tuner_data_end(&history, trial, MLF_TRIAL_PRUNED, 0);
    }
    IS(history.n_trials, 40, "forty trials are put into Hyperband's brackets");
    IS(n_wrong, 0, "each into the one that Optuna puts it into");
    mlf__pruner_close(pruner);
    mlf__history_free(&history);
    cJSON_Delete(recording);
}

/* Does the pruner with |threshold| end a trial that is |differences| above the best one? */
static bool is_pruned(const cJSON *differences, double threshold, bool maximize)
{
    struct mlf__history history;
    char text[80];
    const cJSON *difference;
    int64_t step = 0;

    tuner_data_begin(&history, maximize ? "maximize" : "minimize");
    snprintf(text, sizeof(text), "wilcoxon:p_threshold=%.17g", threshold);
    struct mlf__pruner *pruner = open_pruner(text, &history);
    struct mlf__trial *best = tuner_data_trial(&history);
    cJSON_ArrayForEach(difference, differences) mlf__trial_add_intermediate(best, step++, 0);
    tuner_data_end(&history, best, MLF_TRIAL_COMPLETE, 0);
    struct mlf__trial *trial = tuner_data_trial(&history);
    step = 0;
    cJSON_ArrayForEach(difference, differences)
        mlf__trial_add_intermediate(trial, step++, difference->valuedouble * (maximize ? -1 : 1));
    bool pruned = mlf__pruner_should_prune(pruner, trial);
    mlf__pruner_close(pruner);
    mlf__history_free(&history);
    return pruned;
}

static void test_signed_rank(void)
{
    cJSON *tests = tuner_data_read(__FILE__, "wilcoxon.json"), *test;

    cJSON_ArrayForEach(test, tests)
    {
        const cJSON *d = cJSON_GetObjectItem(test, "d");
        double p = tuner_data_get(test, "p");
        for (int maximize = 0; maximize < 2; maximize++)
            OK(is_pruned(d, p * (1 + 1e-9), maximize) && !is_pruned(d, p * (1 - 1e-9), maximize),
               "p of %d pairs is %g, %s", cJSON_GetArraySize(d), p,
               maximize ? "maximised" : "minimised");
    }
    cJSON_Delete(tests);
}

static void test_bad_settings(void)
{
    static const char *const bad[][2] = {
        {"threshold", "lower="},
        {"threshold:lower=2,upper=1", "above"},
        {"halving:bootstrap=1", "auto"},
        {"halving:min_resource=0", "min_resource=0"},
        {"halving:min_resource=many", "min_resource=many"},
        {"halving:factor=1", "factor=1"},
        {"hyperband:bootstrap=1", "auto"},
        {"hyperband:min_resource=9,max_resource=8", "below"},
        {"percentile:percentile=101", "percentile=101"},
        {"median:percentile=50", "percentile"},
        {"median+threshold:lower=1", ""},
    };
    struct mlf__history history;

    tuner_data_begin(&history, "minimize");
    for (size_t i = 0; i < MLF__ARRAY_LEN(bad); i++) {
        struct mlf__pruner *pruner = NULL;
        mlf_status status = mlf__pruner_open(bad[i][0], &history, "fx", &pruner);
        OK(status == MLF_ERR_INVAL && strstr(mlf__errmsg(), bad[i][1]) != NULL, "%s: %s", bad[i][0],
           mlf__errmsg());
        mlf__pruner_close(pruner);
    }
    mlf__history_free(&history);
}

/* Trials that are all the same are as good as each other, whatever their number does to an interpolation. */
static void test_equal_trials(void)
{
    struct mlf__history history;
    bool pruned = false;

    tuner_data_begin(&history, "minimize");
    struct mlf__pruner *pruner = open_pruner("percentile:percentile=30,startup=1", &history);
    for (int i = 0; i < 40; i++) {
        struct mlf__trial *trial = tuner_data_trial(&history);
        mlf__trial_add_intermediate(trial, 0, 0.1);
        pruned = pruned || mlf__pruner_should_prune(pruner, trial);
        tuner_data_end(&history, trial, MLF_TRIAL_COMPLETE, 0.1);
    }
    OK(!pruned, "no trial is pruned that is as good as all others");
    mlf__pruner_close(pruner);
    mlf__history_free(&history);
}

/* Without memory nothing is pruned. */
static void test_no_memory(void)
{
    static const char *const texts[] = {"median:startup=1", "halving:min_resource=1", "hyperband",
                                        "wilcoxon:p_threshold=1"};

    for (size_t i = 0; i < MLF__ARRAY_LEN(texts); i++) {
        struct mlf__history history;
        tuner_data_begin(&history, "minimize");
        struct mlf__pruner *pruner = open_pruner(texts[i], &history);
        for (int k = 0; k < 2; k++) {
            struct mlf__trial *trial = tuner_data_trial(&history);
            for (int64_t step = 0; step < 9; step++)
                mlf__trial_add_intermediate(trial, step, k);
            if (k == 0) {
                tuner_data_end(&history, trial, MLF_TRIAL_COMPLETE, 0);
                continue;
            }
            mlf__alloc_fail_after(1);
            OK(!mlf__pruner_should_prune(pruner, trial), "%s without memory keeps a trial",
               texts[i]);
            mlf__alloc_fail_after(0);
        }
        mlf__pruner_close(pruner);
        mlf__history_free(&history);
    }
}

int main(void)
{
    test_traces();
    test_studies(false);
    test_studies(true);
    test_brackets();
    test_signed_rank();
    test_bad_settings();
    test_equal_trials();
    test_no_memory();
    return tap_done();
}
