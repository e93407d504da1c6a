/* SPDX-License-Identifier: Apache-2.0 */
/* Distributions as JSON, in the form that Optuna stores; its shorter form with "type" is read as well. */
#include "tuner/space.h"

#include "core/mem.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

static bool add_number(cJSON *object, const char *key, double value)
{
    return cJSON_AddNumberToObject(object, key, value) != NULL;
}

static bool add_attributes(cJSON *out, const struct mlf__dist *dist)
{
    if (dist->kind == MLF__DIST_CATEGORICAL) {
        cJSON *choices = cJSON_AddArrayToObject(out, "choices");
        for (size_t i = 0; i < dist->n_choices; i++) {
            cJSON *choice = cJSON_CreateString(dist->choices[i]);
            if (!cJSON_AddItemToArray(choices, choice)) {
                cJSON_Delete(choice);
                return false;
            }
        }
        return choices != NULL;
    }
    bool has_step = dist->step > 0;
    return (has_step ? add_number(out, "step", dist->step)
                     : cJSON_AddNullToObject(out, "step") != NULL) &&
           add_number(out, "low", dist->low) && add_number(out, "high", dist->high) &&
           cJSON_AddBoolToObject(out, "log", dist->log) != NULL;
}

struct cJSON *mlf__dist_to_json(const struct mlf__dist *dist)
{
    static const char *const NAMES[] = {"FloatDistribution", "IntDistribution",
                                        "CategoricalDistribution"};
    cJSON *out = cJSON_CreateObject();
    cJSON *attributes = NULL;
    bool done = cJSON_AddStringToObject(out, "name", NAMES[dist->kind]) != NULL &&
                (attributes = cJSON_AddObjectToObject(out, "attributes")) != NULL &&
                add_attributes(attributes, dist);
    if (done)
        return out;
    cJSON_Delete(out);
    return NULL;
}

/* A choice as Python's str() writes it. */
static mlf_status choice_text(const cJSON *item, const char *name, char **out)
{
    char number[MLF__NUMBER_SIZE];
    const char *text;
    if (cJSON_IsString(item)) {
        text = item->valuestring;
    } else if (cJSON_IsNumber(item)) {
        mlf__format_double(number, item->valuedouble);
        text = number;
    } else if (cJSON_IsBool(item)) {
        text = cJSON_IsTrue(item) ? "True" : "False";
    } else if (cJSON_IsNull(item)) {
        text = "None";
    } else {
        return mlf__fail(MLF_ERR_INVAL, "%s: a choice is a list or an object", name);
    }
    *out = mlf__strdup(text);
    return *out != NULL ? MLF_OK : MLF_ERR_NOMEM;
}

static mlf_status choices_from_json(const cJSON *json, const char *name, struct mlf__dist *out)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "choices");
    if (!cJSON_IsArray(list))
        return mlf__fail(MLF_ERR_INVAL, "%s: \"choices\" is not a list", name);
    size_t cap = (size_t)cJSON_GetArraySize(list), n = 0;
    char **texts = mlf__zalloc(cap, sizeof(*texts));
    if (texts == NULL)
        return MLF_ERR_NOMEM;
    mlf_status status = MLF_OK;
    for (const cJSON *item = list->child; item != NULL && status == MLF_OK; item = item->next)
        status = choice_text(item, name, &texts[n++]);
    if (status == MLF_OK)
        status = mlf__dist_categorical(name, (const char *const *)texts, n, out);
    for (size_t i = 0; i < cap; i++)
        mlf__free(texts[i]);
    mlf__free(texts);
    return status;
}

static mlf_status number_from_json(const cJSON *json, const char *name, const char *key,
                                   double *out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);
    if (!cJSON_IsNumber(item))
        return mlf__fail(MLF_ERR_INVAL, "%s: \"%s\" is not a number", name, key);
    *out = item->valuedouble;
    return MLF_OK;
}

/* A step of many digits has multiples that no double is: a high end that was adjusted to one when it was written can lie a
 * little below it, and has to stay what it is. */
static mlf_status float_from_json(const char *name, double low, double high, double step,
                                  bool is_log, struct mlf__dist *out)
{
    mlf_status status = mlf__dist_float(name, low, high, step, is_log, out);
    if (status != MLF_OK || out->high == high)
        return status;
    struct mlf__dist wider;
    if (mlf__dist_float(name, low, nextafter(high, INFINITY), step, is_log, &wider) == MLF_OK &&
        wider.high == high)
        out->high = high;
    return MLF_OK;
}

static mlf_status range_from_json(const cJSON *json, const char *name, bool is_int,
                                  struct mlf__dist *out)
{
    double low = NAN, high = NAN, step = is_int;
    mlf_status status = number_from_json(json, name, "low", &low);
    if (status == MLF_OK)
        status = number_from_json(json, name, "high", &high);
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, "step");
    if (status == MLF_OK && item != NULL && !cJSON_IsNull(item))
        status = number_from_json(json, name, "step", &step);
    if (status != MLF_OK)
        return status;
    if (step == 0 && item != NULL && !cJSON_IsNull(item))
        return mlf__fail(MLF_ERR_INVAL, "%s: step 0 is not positive", name);
    bool is_log = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "log"));
    if (!is_int)
        return float_from_json(name, low, high, step, is_log, out);
    const double limit = 0x1p53;
    if (!(fabs(low) <= limit && fabs(high) <= limit && fabs(step) <= limit) || low != rint(low) ||
        high != rint(high) || step != rint(step))
        return mlf__fail(MLF_ERR_INVAL, "%s: low, high and step are not integers within 2^53",
                         name);
    return mlf__dist_int(name, (int64_t)low, (int64_t)high, (int64_t)step, is_log, out);
}

mlf_status mlf__dist_from_json(const struct cJSON *json, const char *name, struct mlf__dist *out)
{
    *out = (struct mlf__dist){.kind = MLF__DIST_FLOAT};
    const cJSON *kind = cJSON_GetObjectItemCaseSensitive(json, "name");
    const cJSON *attributes = cJSON_GetObjectItemCaseSensitive(json, "attributes");
    if (kind == NULL) {
        kind = cJSON_GetObjectItemCaseSensitive(json, "type");
        attributes = json;
    }
    const char *text = cJSON_IsString(kind) ? kind->valuestring : "";
    if (!cJSON_IsObject(attributes))
        return mlf__fail(MLF_ERR_INVAL, "%s: the distribution is not an object", name);
    if (strcmp(text, "FloatDistribution") == 0 || strcmp(text, "float") == 0)
        return range_from_json(attributes, name, false, out);
    if (strcmp(text, "IntDistribution") == 0 || strcmp(text, "int") == 0)
        return range_from_json(attributes, name, true, out);
    if (strcmp(text, "CategoricalDistribution") == 0 || strcmp(text, "categorical") == 0)
        return choices_from_json(attributes, name, out);
    return mlf__fail(MLF_ERR_INVAL,
                     "%s: \"%s\" is no distribution: there are float, int and categorical", name,
                     text);
}
