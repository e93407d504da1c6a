/* SPDX-License-Identifier: Apache-2.0 */
/* What MLflow accepts as names and values, with its wording (limits of MLflow's validation.py). */
#ifndef MLF_TRACKING_NAMES_H
#define MLF_TRACKING_NAMES_H

#include "core/fail.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    MLF__KEY_MAX = 250,          /* code points of a metric, param or tag key */
    MLF__PARAM_VALUE_MAX = 6000, /* code points; longer values are cut */
    MLF__TAG_VALUE_MAX = 8000,
    MLF__EXPERIMENT_NAME_MAX = 500,
    MLF__DATASET_NAME_MAX = 500
};

/* Is |key| a metric, param or tag key that MLflow takes? |what| is "Metric name", "Param key" or
 * "key", for the message of MLF_ERR_INVAL. */
MLF__CORE mlf_status mlf__check_key(const char *key, const char *what);
mlf_status mlf__check_experiment_name(const char *name);
/* LoggedModel names: not empty, none of / : . % " ' */
mlf_status mlf__check_model_name(const char *name);

/* A captured name made into one that MLflow takes and people type: leading dashes dropped, several
 * words lower-cased and joined by '_', a single word keeps its case; other characters become '_'.
 * "" when nothing is left. Cut at MLF__KEY_MAX. Owned by the caller, NULL when out of memory. */
char *mlf__normalise_name(const char *name, size_t len);

/* |value| as valid UTF-8, cut at |max| code points. Owned by the caller, NULL when out of memory. */
char *mlf__clean_value(const char *value, size_t len, size_t max);

/* Does |name| (of an option or variable) look like a secret's, so that its value is masked? */
bool mlf__is_secret_name(const char *name, size_t len);

/* |text| with credentials in URLs and values behind secret names (--token=X, --password X is the
 * caller's) masked by "***". Owned by the caller. */
char *mlf__mask_secrets(const char *text, size_t len);

/* A random run name as MLflow's: adjective-noun-number, at most 20 characters. */
void mlf__random_name(char out[24]);

#endif
