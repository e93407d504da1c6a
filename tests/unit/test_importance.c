/* SPDX-License-Identifier: Apache-2.0 */
/* PED-ANOVA importances against numbers that Optuna found: tests/data/optuna. */
#include "tests/support/tap.h"
#include "tests/support/tuner_data.h"
#include "tuner/importance.h"

#include <math.h>

static void add_param(struct mlf__history *history, struct mlf__trial *trial, const cJSON *value,
                      const cJSON *json)
{
    struct mlf__dist dist;
    uint32_t name, number;
    double inner = value->valuedouble;

    if (mlf__dist_from_json(json, value->string, &dist) != MLF_OK ||
        mlf__history_name(history, value->string, &name) != MLF_OK ||
        mlf__history_dist(history, &dist, &number) != MLF_OK) {
        printf("Bail out! %s\n", mlf__errmsg());
        exit(1);
    }
    for (size_t i = 0; cJSON_IsString(value) && i < dist.n_choices; i++)
        if (strcmp(dist.choices[i], value->valuestring) == 0)
            inner = (double)i;
    mlf__trial_set_param(trial, name, number, inner);
    mlf__dist_free(&dist);
}

/* |space|: the distributions of all trials; NULL when each has its own. */
static void add_trials(struct mlf__history *history, const cJSON *rows, const cJSON *space)
{
    const cJSON *row, *value;

    cJSON_ArrayForEach(row, rows)
    {
        struct mlf__trial *trial = tuner_data_trial(history);
        const cJSON *dists = space != NULL ? space : cJSON_GetObjectItem(row, "dists");
        cJSON_ArrayForEach(value, cJSON_GetObjectItem(row, "params")) add_param(
            history, trial, value, cJSON_GetObjectItemCaseSensitive(dists, value->string));
        const char *state = tuner_data_text(row, "state");
        tuner_data_end(history, trial, tuner_data_state(state != NULL ? state : ""),
                       tuner_data_get(row, "value"));
    }
}

static void compare(const struct mlf__history *history, bool normalized, const cJSON *wanted)
{
    struct mlf__importances found;
    double worst = 0;
    bool sorted = true;

    IS(mlf__importances_find(history, 0, normalized, &found), MLF_OK, "importances are found");
    IS(found.n, cJSON_GetArraySize(wanted), "of all parameters");
    for (size_t i = 0; i < found.n; i++) {
        const char *name = history->names[found.items[i].name];
        double difference = fabs(found.items[i].value - tuner_data_get(wanted, name));
        worst = difference <= worst ? worst : difference;
        sorted = sorted && (i == 0 || found.items[i].value <= found.items[i - 1].value);
    }
    OK(worst < 1e-12, "%s: at most %g from Optuna's", normalized ? "shares" : "as they are", worst);
    OK(sorted, "the largest comes first");
    mlf__importances_free(&found);
}

static void test_recorded(const char *file)
{
    cJSON *recording = tuner_data_read(__FILE__, file);
    const char *direction = tuner_data_text(recording, "direction");
    struct mlf__history history;

    printf("# %s\n", file);
    tuner_data_begin(&history, direction != NULL ? direction : "minimize");
    add_trials(&history, cJSON_GetObjectItem(recording, "history"),
               cJSON_GetObjectItem(recording, "space"));
    compare(&history, true, cJSON_GetObjectItem(recording, "ped_anova"));
    compare(&history, false, cJSON_GetObjectItem(recording, "ped_anova_unnormalized"));
    mlf__history_free(&history);
    cJSON_Delete(recording);
}

static void test_too_few(void)
{
    struct mlf__history history;
    struct mlf__importances found;
    cJSON *rows = cJSON_Parse("[{\"value\": 1, \"params\": {\"a\": 1, \"b\": 2}}]");
    cJSON *space = cJSON_Parse("{\"a\": {\"name\": \"IntDistribution\", \"attributes\": "
                               "{\"log\": false, \"step\": 1, \"low\": 0, \"high\": 9}}}");

    cJSON_AddItemToObject(space, "b", cJSON_Duplicate(space->child, true));
    tuner_data_begin(&history, "minimize");
    IS(mlf__importances_find(&history, 0, true, &found), MLF_OK, "an empty study is fine");
    IS(found.n, 0, "and has none");
    mlf__importances_free(&found);
    add_trials(&history, rows, space);
    mlf__importances_find(&history, 0, true, &found);
    OK(found.n == 2 && found.items[0].value == 0.5 && found.items[1].value == 0.5,
       "one trial tells nothing: shares are equal");
    mlf__importances_free(&found);
    mlf__history_free(&history);
    cJSON_Delete(rows);
    cJSON_Delete(space);
}

int main(void)
{
    test_recorded("importance.json");
    test_recorded("importance-conditional.json");
    test_too_few();
    return tap_done();
}
