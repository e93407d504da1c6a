/* SPDX-License-Identifier: Apache-2.0 */
/* MLmodel, the file that describes a model: block YAML on disk, a tree of cJSON nodes in memory. */
#ifndef MLF_TRACKING_MODELS_MLMODEL_H
#define MLF_TRACKING_MODELS_MLMODEL_H

#include "core/fail.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads YAML. A scalar without quotes is a raw node with its own text, so that 1.10, null and 3.17.2 are
 * written again as they were; a quoted one is a string. |where| is for messages. MLF_ERR_CORRUPT names the
 * line. |*out| is freed with cJSON_Delete(). */
mlf_status mlf__mlmodel_parse(const char *text, size_t len, const char *where, cJSON **out);
/* Reads |directory|/MLmodel. MLF_ERR_NOT_FOUND when there is none. */
mlf_status mlf__mlmodel_read(const char *directory, cJSON **out);

/* The tree as block YAML with its keys in alphabetical order, as MLflow writes it. MLF_ERR_INVAL for texts
 * that are not UTF-8, for keys that are there twice, and for what is nested too deeply. |*out| is owned by the caller (mlf__free). */
mlf_status mlf__mlmodel_print(const cJSON *tree, char **out);
/* Writes it as |root|/MLmodel; |root| as in mlf__artifact_write(). */
mlf_status mlf__mlmodel_write(const cJSON *tree, const char *root);

/* Text of a scalar, NULL when there is none or it is null. Borrowed. */
const char *mlf__mlmodel_text(const cJSON *object, const char *key);

/* Sets |key| to a string, or with text NULL to null. */
mlf_status mlf__mlmodel_set(cJSON *object, const char *key, const char *text);
/* Sets |key| to what YAML reads without quotes as a number, true or null. */
mlf_status mlf__mlmodel_set_plain(cJSON *object, const char *key, const char *text);

/* Sets the signature from JSON text {"inputs": […], "outputs": […], "params": […]}: in MLmodel each of these
 * is itself a JSON text. MLF_ERR_INVAL when |json| is something else. */
mlf_status mlf__mlmodel_set_signature(cJSON *tree, const char *json);
/* The other way: JSON text, owned by the caller (mlf__free); |*out| is NULL when there is no signature. */
mlf_status mlf__mlmodel_signature(const cJSON *tree, char **out);
/* Sets |key| to the value of the JSON text |json|, an object. */
mlf_status mlf__mlmodel_set_json(cJSON *tree, const char *key, const char *json);

/* Whose model it is and where its files lie, as log_model() of MLflow writes it. */
struct mlf__mlmodel_identity {
    const char *model_id;
    const char *run_id;            /* NULL: none */
    const char *artifact_location; /* of the model */
    int64_t created_ms;
    int64_t size_bytes; /* of all its files */
};
mlf_status mlf__mlmodel_identify(cJSON *tree, const struct mlf__mlmodel_identity *identity);

/* Names of the flavors, joined by |separator|, in the order of the file; "" for none. Owned by the caller, NULL when
 * out of memory. */
char *mlf__mlmodel_flavors(const cJSON *tree, const char *separator);

#endif
