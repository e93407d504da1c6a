/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of the tuner share: histories that are made by hand, and files of tests/data/optuna. */
#ifndef MLF_TESTS_TUNER_DATA_H
#define MLF_TESTS_TUNER_DATA_H

#include "tuner/history.h"

#include <cjson/cJSON.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The file tests/data/optuna/|name|; the caller's __FILE__ tells where that is. Ends the test when it cannot be read. */
static inline cJSON *tuner_data_read(const char *test_file, const char *name)
{
    char path[PATH_MAX];
    const char *slash = strrchr(test_file, '/');

    snprintf(path, sizeof(path), "%.*s/../data/optuna/%s", (int)(slash - test_file), test_file,
             name);
    FILE *in = fopen(path, "r");
    long size = in != NULL && fseek(in, 0, SEEK_END) == 0 ? ftell(in) : -1;
    char *text = size > 0 ? calloc((size_t)size + 1, 1) : NULL;
    if (text != NULL)
        rewind(in);
    cJSON *json =
        text != NULL && fread(text, 1, (size_t)size, in) == (size_t)size ? cJSON_Parse(text) : NULL;
    if (json == NULL) {
        printf("Bail out! %s cannot be read\n", path);
        exit(1);
    }
    fclose(in);
    free(text);
    return json;
}

/* A number, also one that JSON has no form for: "nan", "inf". */
static inline double tuner_data_number(const cJSON *json)
{
    return cJSON_IsString(json) ? strtod(json->valuestring, NULL) : cJSON_GetNumberValue(json);
}

static inline double tuner_data_get(const cJSON *object, const char *key)
{
    return tuner_data_number(cJSON_GetObjectItemCaseSensitive(object, key));
}

static inline const char *tuner_data_text(const cJSON *object, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

static inline void tuner_data_begin(struct mlf__history *history, const char *direction)
{
    memset(history, 0, sizeof(*history));
    history->n_objectives = 1;
    history->directions[0] = strcmp(direction, "maximize") == 0 ? MLF_MAXIMIZE : MLF_MINIMIZE;
}

static inline struct mlf__trial *tuner_data_trial(struct mlf__history *history)
{
    struct mlf__trial *trial = NULL;

    if (mlf__history_add(history, MLF_TRIAL_RUNNING, &trial) != MLF_OK) {
        printf("Bail out! no trial\n");
        exit(1);
    }
    return trial;
}

static inline mlf_trial_state tuner_data_state(const char *text)
{
    return strcmp(text, "PRUNED") == 0 ? MLF_TRIAL_PRUNED
           : strcmp(text, "FAIL") == 0 ? MLF_TRIAL_FAIL
                                       : MLF_TRIAL_COMPLETE;
}

static inline void tuner_data_end(struct mlf__history *history, struct mlf__trial *trial,
                                  mlf_trial_state state, double value)
{
    bool complete = state == MLF_TRIAL_COMPLETE;

    mlf__history_finish(history, trial, state, complete ? &value : NULL, complete);
}

#endif
