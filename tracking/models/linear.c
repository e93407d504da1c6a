/* SPDX-License-Identifier: Apache-2.0 */
/* The flavor linear: regression, logistic and multinomial logistic models. What is read comes from anywhere: sizes
 * are checked against what is there before anything is believed. */
#include "tracking/models/linear.h"

#include "core/buf.h"
#include "core/mem.h"
#include "tracking/models/flavor.h"
#include "tracking/models/mlmodel.h"
#include "tracking/models/model_files.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_names[] = {
    [MLF_LINEAR_REGRESSION] = "regression",
    [MLF_LINEAR_LOGISTIC] = "logistic",
    [MLF_LINEAR_SOFTMAX] = "softmax",
};

const char *mlf__linear_kind_name(int kind)
{
    return kind >= 0 && (size_t)kind < MLF__ARRAY_LEN(kind_names) ? kind_names[kind] : NULL;
}

/* ---- reading ---- */

static mlf_status damaged(const char *where, const char *key, const char *what)
{
    return mlf__fail(MLF_ERR_CORRUPT, "%s: '%s' %s", where, key, what);
}

static mlf_status read_kind(const cJSON *tree, const char *where, int *out)
{
    const cJSON *kind = cJSON_GetObjectItemCaseSensitive(tree, "kind");
    for (size_t i = 0; cJSON_IsString(kind) && i < MLF__ARRAY_LEN(kind_names); i++)
        if (strcmp(kind->valuestring, kind_names[i]) == 0) {
            *out = (int)i;
            return MLF_OK;
        }
    return damaged(where, "kind", "is none of regression, logistic and softmax");
}

static mlf_status read_size(const cJSON *tree, const char *where, const char *key, size_t *out)
{
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(tree, key);
    double value = cJSON_IsNumber(number) ? number->valuedouble : 0;
    if (!(value >= 1 && value <= INT32_MAX) || value != floor(value))
        return damaged(where, key, "is not a number of values");
    *out = (size_t)value;
    return MLF_OK;
}

/* |n| finite numbers. What is there is counted first, so that |n| alone allocates nothing. */
static mlf_status read_numbers(const cJSON *tree, const char *where, const char *key, size_t n,
                               double **out)
{
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(tree, key), *item;
    if (!cJSON_IsArray(array) || (size_t)cJSON_GetArraySize(array) != n)
        return damaged(where, key, "has not as many values as the shape says");
    double *values = *out = mlf__zalloc(n, sizeof(*values));
    if (values == NULL)
        return MLF_ERR_NOMEM;
    cJSON_ArrayForEach(item, array)
    {
        if (!cJSON_IsNumber(item) || !isfinite(item->valuedouble))
            return damaged(where, key, "holds something that is not a finite number");
        *values++ = item->valuedouble;
    }
    return MLF_OK;
}

/* Classes without names are called by their numbers. */
static mlf_status number_classes(struct mlf__linear *model)
{
    for (size_t i = 0; i < model->n_classes; i++) {
        char text[24];
        snprintf(text, sizeof(text), "%zu", i);
        if ((model->class_names[i] = mlf__strdup(text)) == NULL)
            return MLF_ERR_NOMEM;
    }
    return MLF_OK;
}

static mlf_status read_classes(const cJSON *tree, const char *where, struct mlf__linear *model)
{
    static const char key[] = "class_names";
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(tree, key), *item;
    if (model->kind == MLF_LINEAR_REGRESSION)
        return MLF_OK;
    model->n_classes = model->kind == MLF_LINEAR_LOGISTIC ? 2 : model->n_outputs;
    bool named = array != NULL && !cJSON_IsNull(array);
    if (named && (!cJSON_IsArray(array) || (size_t)cJSON_GetArraySize(array) != model->n_classes))
        return damaged(where, key, "has not as many names as there are classes");
    model->class_names = mlf__zalloc(model->n_classes, sizeof(*model->class_names));
    if (model->class_names == NULL)
        return MLF_ERR_NOMEM;
    if (!named)
        return number_classes(model);
    size_t n = 0;
    cJSON_ArrayForEach(item, array)
    {
        if (!cJSON_IsString(item))
            return damaged(where, key, "holds something that is not a text");
        if ((model->class_names[n++] = mlf__strdup(item->valuestring)) == NULL)
            return MLF_ERR_NOMEM;
    }
    return MLF_OK;
}

static mlf_status read_tree(const cJSON *tree, const char *where, struct mlf__linear *model)
{
    const cJSON *version = cJSON_GetObjectItemCaseSensitive(tree, "version");
    size_t n_values;
    if (!cJSON_IsObject(tree))
        return mlf__fail(MLF_ERR_CORRUPT, "%s: it is not JSON, or cut off", where);
    if (!cJSON_IsNumber(version) || version->valuedouble != MLF__LINEAR_VERSION)
        return mlf__fail(MLF_ERR_UNSUPPORTED,
                         "%s: its version is not %d: it is of another version of mlf", where,
                         (int)MLF__LINEAR_VERSION);
    mlf_status status = read_kind(tree, where, &model->kind);
    if (status == MLF_OK)
        status = read_size(tree, where, "n_features", &model->n_features);
    if (status == MLF_OK)
        status = read_size(tree, where, "n_outputs", &model->n_outputs);
    if (status != MLF_OK)
        return status;
    if ((model->kind == MLF_LINEAR_LOGISTIC && model->n_outputs != 1) ||
        (model->kind == MLF_LINEAR_SOFTMAX && model->n_outputs < 2) ||
        !mlf__mul_size(model->n_features, model->n_outputs, &n_values))
        return damaged(where, "n_outputs", "does not fit the kind of model");
    status = read_numbers(tree, where, "coefficients", n_values, &model->coefficients);
    if (status == MLF_OK)
        status = read_numbers(tree, where, "intercepts", model->n_outputs, &model->intercepts);
    return status == MLF_OK ? read_classes(tree, where, model) : status;
}

mlf_status mlf__linear_parse(const char *text, const char *where, struct mlf__linear *out)
{
    cJSON *tree = cJSON_Parse(text);
    mlf_status status = read_tree(tree, where, out);
    cJSON_Delete(tree);
    return status;
}

void mlf__linear_free(struct mlf__linear *model)
{
    for (size_t i = 0; model->class_names != NULL && i < model->n_classes; i++)
        mlf__free(model->class_names[i]);
    mlf__free(model->class_names);
    mlf__free(model->coefficients);
    mlf__free(model->intercepts);
    *model = (struct mlf__linear){0};
}

static mlf_status load(void *state, const char *directory, const cJSON *flavor,
                       struct mlf__model_shape *shape)
{
    struct mlf__linear *model = state;
    struct mlf__buf path = {0}, text = {0};
    const char *data = mlf__mlmodel_text(flavor, "data");
    /* The file is the one that this flavor writes: a name from MLmodel could lead anywhere. */
    if (data == NULL || strcmp(data, MLF__LINEAR_FILE) != 0)
        return mlf__fail(MLF_ERR_CORRUPT, "%s/MLmodel: the data of the flavor linear are not '%s'",
                         directory, MLF__LINEAR_FILE);
    mlf__buf_printf(&path, "%s/%s", directory, data);
    mlf_status status =
        path.failed ? MLF_ERR_NOMEM : mlf__model_file_read(path.data, MLF__LINEAR_FILE_MAX, &text);
    if (status == MLF_OK)
        status = mlf__linear_parse(text.data, path.data, model);
    mlf__buf_free(&text);
    mlf__buf_free(&path);
    *shape = (struct mlf__model_shape){
        .n_features = model->n_features,
        .n_outputs = model->kind == MLF_LINEAR_REGRESSION ? model->n_outputs : 1,
        .n_classes = model->n_classes,
    };
    return status;
}

static void unload(void *state)
{
    mlf__linear_free(state);
}

static const char *class_name(const void *state, size_t index)
{
    const struct mlf__linear *model = state;
    return model->class_names[index];
}

/* ---- predicting ---- */

static double score(const struct mlf__linear *model, const double *row, size_t output)
{
    const double *weights = model->coefficients + output * model->n_features;
    double sum = 0;
    for (size_t i = 0; i < model->n_features; i++)
        sum += weights[i] * row[i];
    return sum + model->intercepts[output];
}

/* The first of the largest scores; a NaN counts as larger than all, as in numpy. */
static size_t best_class(const struct mlf__linear *model, const double *row)
{
    size_t best = 0;
    double best_score = score(model, row, 0);
    for (size_t i = 1; i < model->n_outputs && !isnan(best_score); i++) {
        double value = score(model, row, i);
        if (value > best_score || isnan(value)) {
            best = i;
            best_score = value;
        }
    }
    return best;
}

static mlf_status predict(const void *state, const double *rows, size_t n_rows, double *out)
{
    const struct mlf__linear *model = state;
    for (size_t r = 0; r < n_rows; r++, rows += model->n_features) {
        if (model->kind == MLF_LINEAR_LOGISTIC)
            *out++ = score(model, rows, 0) > 0;
        else if (model->kind == MLF_LINEAR_SOFTMAX)
            *out++ = (double)best_class(model, rows);
        else
            for (size_t i = 0; i < model->n_outputs; i++)
                *out++ = score(model, rows, i);
    }
    return MLF_OK;
}

/* Scores become probabilities; the largest is taken off first, so that no power overflows. */
static void softmax(double *scores, size_t n)
{
    double largest = scores[0], sum = 0;
    for (size_t i = 1; i < n; i++)
        if (scores[i] > largest || isnan(scores[i]))
            largest = scores[i];
    for (size_t i = 0; i < n; i++)
        sum += scores[i] = exp(scores[i] - largest);
    for (size_t i = 0; i < n; i++)
        scores[i] /= sum;
}

static mlf_status predict_proba(const void *state, const double *rows, size_t n_rows, double *out)
{
    const struct mlf__linear *model = state;
    for (size_t r = 0; r < n_rows; r++, rows += model->n_features, out += model->n_classes) {
        if (model->kind == MLF_LINEAR_LOGISTIC) {
            out[0] = 0;
            out[1] = score(model, rows, 0);
        } else {
            for (size_t i = 0; i < model->n_outputs; i++)
                out[i] = score(model, rows, i);
        }
        softmax(out, model->n_classes);
    }
    return MLF_OK;
}

const struct mlf__flavor_ops mlf__linear_flavor = {
    .name = "linear",
    .state_size = sizeof(struct mlf__linear),
    .load = load,
    .unload = unload,
    .predict = predict,
    .predict_proba = predict_proba,
    .class_name = class_name,
};
