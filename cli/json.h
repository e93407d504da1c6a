/* SPDX-License-Identifier: Apache-2.0 */
/* JSON that commands print, in the shape of MLflow's REST messages where there is one. */
#ifndef MLF_CLI_JSON_H
#define MLF_CLI_JSON_H

#include "tracking/store.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

/* Each adds a member; false when memory ran out. Absent (NULL) texts are left out. */
bool mlf__json_text(cJSON *object, const char *name, const char *value);
bool mlf__json_int(cJSON *object, const char *name, int64_t value);
/* A number, or the text "NaN", "Infinity", "-Infinity", as protocol buffers write it; |name| NULL: into an array. */
bool mlf__json_double(cJSON *object, const char *name, double value);

/* Messages Experiment, LoggedModel and Run; NULL when memory ran out. */
cJSON *mlf__json_experiment(const mlf_experiment *experiment);
cJSON *mlf__json_model(const mlf_logged_model *model);
cJSON *mlf__json_run(const mlf_run_record *run);

/* Appends |item| (owned; NULL: a failure) to |array|. */
bool mlf__json_append(cJSON *array, cJSON *item);

/* Prints a page of a search as MLflow's server answers it, {|name|: |items|, "next_page_token": |token|}, with what is
 * empty or NULL left out. |items| is owned; NULL: memory ran out while it was made. */
mlf_status mlf__json_print_page(const char *name, cJSON *items, const char *token);

/* Prints |root| on one line (NULL: memory ran out while it was made) and frees it. */
mlf_status mlf__json_print(cJSON *root);

#endif
