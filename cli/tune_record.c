/* SPDX-License-Identifier: Apache-2.0 */
/* What a tuning itself logs into the runs of its study, and the values of a trial as texts. */
#include "cli/tune.h"

#include "autolog/cmdline.h"
#include "autolog/ending.h"
#include "core/mem.h"
#include "tracking/names.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* ---- events of our own ---- */

static void put(struct mlf__tune *tune, const char *run, uint16_t kind, const char *key,
                const char *text, double value)
{
    struct mlf__event event = {.kind = kind,
                               .key = key,
                               .run = run,
                               .model = "",
                               .text = text,
                               .text_len = strlen(text),
                               .value = value};

    if (mlf__ring_put_event(tune->ring, &event, MLF__RING_WAIT_CALL) != MLF_OK)
        mlf__ring_count_drop(tune->ring);
}

void mlf__tune_put_tag(struct mlf__tune *tune, const char *run, const char *key, const char *value)
{
    put(tune, run, MLF__EV_TAG, key, value, 0);
}

static void put_number_tag(struct mlf__tune *tune, const char *run, const char *key, int64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, value);
    mlf__tune_put_tag(tune, run, key, text);
}

/* A command line as a tag of |run|, without its secrets. */
void mlf__tune_put_command(struct mlf__tune *tune, const char *run, size_t argc, char *const *argv)
{
    char *text = mlf__cmdline_text(argc, (const char *const *)argv);
    char *clean = text != NULL ? mlf__clean_value(text, strlen(text), MLF__TAG_VALUE_MAX) : NULL;

    if (clean != NULL)
        mlf__tune_put_tag(tune, run, "mlf.command", clean);
    mlf__free(clean);
    mlf__free(text);
}

void mlf__tune_put_run_end(struct mlf__tune *tune, const char *run, int status, int64_t end_ns)
{
    struct mlf__event event = {.kind = MLF__EV_RUN_END,
                               .ts_ns = end_ns,
                               .step = status,
                               .key = "",
                               .run = run,
                               .model = "",
                               .text = ""};

    if (mlf__ring_put_event(tune->ring, &event, MLF__RING_WAIT_CALL) != MLF_OK)
        mlf__ring_count_drop(tune->ring);
}

/* How a trial's process ended. */
void mlf__tune_put_end(struct mlf__tune *tune, const char *run, const struct mlf__trial_end *end)
{
    static const char *const kills[] = {NULL, "pruned", "timeout", "stopped"};
    char buffer[MLF__SIGNAL_NAME_SIZE];

    if (WIFSIGNALED(end->wait_status))
        mlf__tune_put_tag(tune, run, "mlf.signal",
                          mlf__ending_signal_name(WTERMSIG(end->wait_status), buffer));
    else
        put_number_tag(tune, run, "mlf.exit_code", WEXITSTATUS(end->wait_status));
    if (kills[end->killed] != NULL)
        mlf__tune_put_tag(tune, run, "mlf.ended_by", kills[end->killed]);
}

void mlf__tune_put_metric(struct mlf__tune *tune, const char *run, const char *key, double value)
{
    put(tune, run, MLF__EV_METRIC, key, "", value);
}

/* ---- values ---- */

static const struct mlf__param_value *find_param(const struct mlf__tune *tune,
                                                 const struct mlf__trial *row, const char *name)
{
    for (uint32_t i = 0; i < row->n_params; i++)
        if (strcmp(tune->study->history.names[row->params[i].name], name) == 0)
            return &row->params[i];
    return NULL;
}

char **mlf__tune_texts(const struct mlf__tune *tune, const struct mlf__trial *row)
{
    const struct mlf__tune_space *space = &tune->options->space;
    const struct mlf__history *history = &tune->study->history;
    char **texts = mlf__zalloc(space->n + 1, sizeof(char *));
    char number[MLF__NUMBER_SIZE];

    for (size_t i = 0; texts != NULL && i < space->n; i++) {
        const struct mlf__param_value *param = find_param(tune, row, space->params[i].name);
        const char *text = "";
        if (param != NULL)
            text = mlf__dist_format(&history->dists[param->dist], param->value, number);
        texts[i] = mlf__strdup(text);
        if (texts[i] == NULL) {
            mlf__argv_free(texts);
            return NULL;
        }
    }
    return texts;
}
