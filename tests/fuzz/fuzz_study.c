/* SPDX-License-Identifier: Apache-2.0 */
/* A study's tags: space, then trials, as anybody may have edited them. What is taken is a history that holds together, and
 * says the same when it is written and read again. */
#include "tests/fuzz/fuzz.h"

#include "core/mem.h"
#include "tuner/study_log_parts.h"

enum { TEXT_MAX = 16384, TRIALS_MAX = 8 };

static char text[TEXT_MAX];

static bool failed_well(mlf_status status)
{
    MUST(status == MLF_OK || mlf__errmsg()[0] != '\0');
    return status != MLF_OK;
}

static void check_trial(const struct mlf__history *history, const struct mlf__trial *trial)
{
    for (uint32_t i = 0; i < trial->n_params; i++) {
        const struct mlf__param_value *param = &trial->params[i];
        MUST(param->name < history->n_names && param->dist < history->n_dists);
        char number[MLF__NUMBER_SIZE];
        MUST(mlf__dist_format(&history->dists[param->dist], param->value, number) != NULL);
    }
    for (uint32_t i = 1; i < trial->n_intermediate; i++)
        MUST(trial->intermediate[i - 1].step < trial->intermediate[i].step);
}

/* Reads |json| as the next trial. */
static bool read_trial(struct mlf__history *history, const char *json)
{
    struct mlf__trial_text read;
    struct mlf__trial *trial = NULL;
    if (failed_well(mlf__study_trial_read(json, "here", history, &read)))
        return false;
    MUST(read.number >= 0 && read.n_values <= MLF__OBJECTIVES_MAX);
    MUST(mlf__history_add(history, MLF_TRIAL_RUNNING, &trial) == MLF_OK);
    bool good = !failed_well(mlf__study_trial_fill(&read, "here", history, trial));
    mlf_trial_state state = read.state == MLF_TRIAL_COMPLETE || read.state == MLF_TRIAL_PRUNED
                                ? read.state
                                : MLF_TRIAL_FAIL;
    MUST(mlf__history_finish(history, trial, state, read.values, read.n_values) == MLF_OK);
    mlf__trial_text_free(&read);
    check_trial(history, trial);
    return good;
}

static void write_again(struct mlf__history *history)
{
    const struct mlf__trial *first = history->trials[history->n_trials - 1];
    char *once = mlf__study_trial_write(first);
    MUST(once != NULL && read_trial(history, once));
    struct mlf__trial *second = history->trials[history->n_trials - 1];
    second->number = first->number;
    second->told = first->told;
    char *twice = mlf__study_trial_write(second);
    MUST(twice != NULL && strcmp(once, twice) == 0);
    second->number = (int64_t)history->n_trials - 1;
    second->told = (size_t)second->number;
    mlf__free(once);
    mlf__free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, data + size};
    struct mlf__history history = {.n_objectives = 1 + (take(&input, 1) & 1)};
    struct mlf__study_info info = {0};
    failed_well(mlf__study_header_read(take_text(&input, text, TEXT_MAX), "here", &info));
    mlf__study_info_free(&info);
    take_text(&input, text, TEXT_MAX);
    MUST(mlf__study_n_parts(text) <= MLF__TAG_PARTS_MAX);
    if (!failed_well(mlf__study_space_read(text, "here", &history)) && history.n_dists > 0) {
        char *space = mlf__study_space_write(&history, 0, 0);
        struct mlf__history again = {.n_objectives = history.n_objectives};
        MUST(space != NULL && mlf__study_space_read(space, "here", &again) == MLF_OK);
        MUST(again.n_names == history.n_names && again.n_dists == history.n_dists);
        mlf__history_free(&again);
        mlf__free(space);
    }
    for (int i = 0; i < TRIALS_MAX && input.at < input.end; i++)
        if (read_trial(&history, take_text(&input, text, TEXT_MAX)))
            write_again(&history);
    (void)mlf__study_owner_check("5eed", text);
    mlf__history_free(&history);
    return 0;
}
