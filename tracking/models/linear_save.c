/* SPDX-License-Identifier: Apache-2.0 */
/* Saving a linear model so that C and Python load it: coefficients as JSON, the module that Python loads them
 * with, the environment, and MLmodel last, without which it is no model. */
#include "tracking/models/linear.h"

#include "core/buf.h"
#include "core/mem.h"
#include "core/session.h"
#include "core/sys.h"
#include "tracking/artifacts.h"
#include "tracking/models/mlf_linear_module.h"
#include "tracking/models/mlmodel.h"
#include "tracking/models/model_files.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what may be saved ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names are texts that are not empty, each there once. */
static mlf_status check_names(const char *const *names, size_t n, const char *what)
{
    if (names == NULL)
        return MLF_OK;
    for (size_t i = 0; i < n; i++)
        if (names[i] == NULL || names[i][0] == '\0' ||
            mlf__utf8_length(names[i], strlen(names[i])) == SIZE_MAX)
            return mlf__fail(MLF_ERR_INVAL, "mlf_save_linear: %s[%zu] is %s", what, i,
                             names[i] == NULL || names[i][0] == '\0' ? "empty" : "not UTF-8");
    const char **sorted = mlf__zalloc(n, sizeof(*sorted));
    if (sorted == NULL)
        return MLF_ERR_NOMEM;
    memcpy(sorted, names, n * sizeof(*sorted));
    qsort(sorted, n, sizeof(*sorted), by_text);
    mlf_status status = MLF_OK;
    for (size_t i = 1; i < n && status == MLF_OK; i++)
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            status =
                mlf__fail(MLF_ERR_INVAL, "mlf_save_linear: %s has '%s' twice", what, sorted[i]);
    mlf__free(sorted);
    return status;
}

static mlf_status check_values(const double *values, size_t n, const char *what)
{
    for (size_t i = 0; values != NULL && i < n; i++)
        if (!isfinite(values[i]))
            return mlf__fail(MLF_ERR_INVAL, "mlf_save_linear: %s[%zu] is %s", what, i,
                             isnan(values[i]) ? "NaN" : "infinite");
    return MLF_OK;
}

static size_t count_classes(const mlf_linear *model)
{
    if (model->kind == MLF_LINEAR_REGRESSION)
        return 0;
    return model->kind == MLF_LINEAR_LOGISTIC ? 2 : model->n_outputs;
}

static mlf_status check_model(const mlf_linear *model, size_t *n_values)
{
    const char *kind = mlf__linear_kind_name((int)model->kind);
    if (kind == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_save_linear: %d is no kind of linear model",
                         (int)model->kind);
    if (model->coefficients == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_save_linear: no coefficients");
    if (model->n_features == 0 || model->n_features > INT_MAX || model->n_outputs > INT_MAX ||
        !mlf__mul_size(model->n_features, model->n_outputs, n_values) || *n_values > INT_MAX)
        return mlf__fail(MLF_ERR_INVAL, "mlf_save_linear: %zu outputs of %zu features",
                         model->n_outputs, model->n_features);
    size_t least = model->kind == MLF_LINEAR_SOFTMAX ? 2 : 1;
    size_t most = model->kind == MLF_LINEAR_LOGISTIC ? 1 : INT_MAX;
    if (model->n_outputs < least || model->n_outputs > most)
        return mlf__fail(MLF_ERR_INVAL, "mlf_save_linear: a %s model has %s output%s, not %zu",
                         kind,
                         least == 2  ? "two or more"
                         : most == 1 ? "one"
                                     : "one or more",
                         most == 1 ? "" : "s", model->n_outputs);
    if (model->kind == MLF_LINEAR_REGRESSION && model->class_names != NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_save_linear: a regression has no class_names");
    mlf_status status = check_values(model->coefficients, *n_values, "coefficients");
    if (status == MLF_OK)
        status = check_values(model->intercepts, model->n_outputs, "intercepts");
    if (status == MLF_OK)
        status = check_names(model->feature_names, model->n_features, "feature_names");
    return status == MLF_OK ? check_names(model->class_names, count_classes(model), "class_names")
                            : status;
}

/* ---- the coefficients ---- */

/* Every number with as many digits as it takes to read it back exactly. */
static cJSON *number_array(const double *values, size_t n)
{
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; array != NULL && i < n; i++) {
        char text[MLF__NUMBER_SIZE];
        mlf__format_double(text, values != NULL ? values[i] : 0);
        if (!cJSON_AddItemToArray(array, cJSON_CreateRaw(text))) {
            cJSON_Delete(array);
            return NULL;
        }
    }
    return array;
}

static cJSON *name_array(const char *const *names, size_t n)
{
    return names != NULL ? cJSON_CreateStringArray(names, (int)n) : cJSON_CreateNull();
}

static char *coefficients_json(const mlf_linear *model, size_t n_values)
{
    cJSON *tree = cJSON_CreateObject();
    bool fine = cJSON_AddNumberToObject(tree, "version", MLF__LINEAR_VERSION) != NULL;
    fine = cJSON_AddStringToObject(tree, "kind", mlf__linear_kind_name((int)model->kind)) != NULL &&
           fine;
    fine = cJSON_AddNumberToObject(tree, "n_features", (double)model->n_features) != NULL && fine;
    fine = cJSON_AddNumberToObject(tree, "n_outputs", (double)model->n_outputs) != NULL && fine;
    fine =
        cJSON_AddItemToObject(tree, "coefficients", number_array(model->coefficients, n_values)) &&
        fine;
    fine = cJSON_AddItemToObject(tree, "intercepts",
                                 number_array(model->intercepts, model->n_outputs)) &&
           fine;
    fine = cJSON_AddItemToObject(tree, "feature_names",
                                 name_array(model->feature_names, model->n_features)) &&
           fine;
    fine = cJSON_AddItemToObject(tree, "class_names",
                                 name_array(model->class_names, count_classes(model))) &&
           fine;
    char *text = fine ? cJSON_PrintUnformatted(tree) : NULL;
    cJSON_Delete(tree);
    return text;
}

static mlf_status write_coefficients(const mlf_linear *model, size_t n_values, const char *root)
{
    char *text = coefficients_json(model, n_values);
    if (text == NULL)
        return mlf__fail(MLF_ERR_NOMEM, "mlf_save_linear: out of memory");
    size_t len = strlen(text);
    mlf_status status =
        len <= MLF__LINEAR_FILE_MAX
            ? mlf__artifact_write(root, MLF__LINEAR_FILE, text, len)
            : mlf__fail(MLF_ERR_INVAL, "mlf_save_linear: %zu bytes of coefficients, at most %d",
                        len, (int)MLF__LINEAR_FILE_MAX);
    cJSON_free(text);
    return status;
}

/* ---- the signature ---- */

static bool add_column(cJSON *columns, const char *type, const char *name)
{
    cJSON *column = cJSON_CreateObject();
    bool fine = cJSON_AddStringToObject(column, "type", type) != NULL;
    if (name != NULL)
        fine = cJSON_AddStringToObject(column, "name", name) != NULL && fine;
    fine = cJSON_AddTrueToObject(column, "required") != NULL && fine;
    if (cJSON_AddItemToArray(columns, column))
        return fine;
    cJSON_Delete(column);
    return false;
}

/* Rows of |width| doubles. */
static bool add_tensor(cJSON *columns, size_t width)
{
    cJSON *column = cJSON_CreateObject();
    const double shape[] = {-1, (double)width};
    if (!cJSON_AddItemToArray(columns, column)) {
        cJSON_Delete(column);
        return false;
    }
    bool fine = cJSON_AddStringToObject(column, "type", "tensor") != NULL;
    cJSON *spec = cJSON_AddObjectToObject(column, "tensor-spec");
    fine = cJSON_AddStringToObject(spec, "dtype", "float64") != NULL && fine;
    return cJSON_AddItemToObject(spec, "shape", cJSON_CreateDoubleArray(shape, 2)) && fine;
}

/* Are the classes called by numbers, as Python writes them? */
static bool are_numbers(const char *const *names, size_t n)
{
    for (size_t i = 0; names != NULL && i < n; i++) {
        char text[24];
        int64_t number;
        if (!mlf__parse_i64(names[i], &number))
            return false;
        snprintf(text, sizeof(text), "%lld", (long long)number);
        if (strcmp(text, names[i]) != 0)
            return false;
    }
    return true;
}

static char *signature_json(const mlf_linear *model)
{
    cJSON *tree = cJSON_CreateObject();
    cJSON *inputs = cJSON_AddArrayToObject(tree, "inputs");
    cJSON *outputs = cJSON_AddArrayToObject(tree, "outputs");
    bool fine = model->feature_names != NULL || add_tensor(inputs, model->n_features);
    for (size_t i = 0; fine && model->feature_names != NULL && i < model->n_features; i++)
        fine = add_column(inputs, "double", model->feature_names[i]);
    if (model->kind != MLF_LINEAR_REGRESSION)
        fine = fine &&
               add_column(outputs,
                          are_numbers(model->class_names, count_classes(model)) ? "long" : "string",
                          NULL);
    else if (model->n_outputs == 1)
        fine = fine && add_column(outputs, "double", NULL);
    else
        fine = fine && add_tensor(outputs, model->n_outputs);
    char *text = fine ? cJSON_PrintUnformatted(tree) : NULL;
    cJSON_Delete(tree);
    return text;
}

/* ---- MLmodel ---- */

/* Python keeps modules by their names: another text of the module has another name. */
static void module_name(char out[40])
{
    uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */
    for (const char *p = mlf_linear_module; *p != '\0'; p++)
        hash = (hash ^ (unsigned char)*p) * 0x100000001b3;
    snprintf(out, 40, "mlf_linear_%016llx", (unsigned long long)hash);
}

static bool add_flavors(cJSON *tree, const mlf_linear *model, const char *module)
{
    cJSON *flavors = cJSON_AddObjectToObject(tree, "flavors");
    cJSON *native = cJSON_AddObjectToObject(flavors, "linear");
    bool fine = cJSON_AddStringToObject(native, "data", MLF__LINEAR_FILE) != NULL;
    fine =
        cJSON_AddStringToObject(native, "kind", mlf__linear_kind_name((int)model->kind)) != NULL &&
        fine;
    fine = cJSON_AddNumberToObject(native, "n_features", (double)model->n_features) != NULL && fine;
    fine = cJSON_AddNumberToObject(native, "n_outputs", (double)model->n_outputs) != NULL && fine;
    fine = cJSON_AddNumberToObject(native, "version", MLF__LINEAR_VERSION) != NULL && fine;
    cJSON *python = cJSON_AddObjectToObject(flavors, "python_function");
    fine = cJSON_AddStringToObject(python, "code", "code") != NULL && fine;
    fine = cJSON_AddStringToObject(python, "data", MLF__LINEAR_FILE) != NULL && fine;
    fine = cJSON_AddStringToObject(python, "loader_module", module) != NULL && fine;
    fine = cJSON_AddStringToObject(python, "python_version", MLF__MODEL_PYTHON) != NULL && fine;
    cJSON *env = cJSON_AddObjectToObject(python, "env");
    fine = cJSON_AddStringToObject(env, "conda", "conda.yaml") != NULL && fine;
    return cJSON_AddStringToObject(env, "virtualenv", "python_env.yaml") != NULL && fine;
}

static mlf_status write_mlmodel(const mlf_linear *model, const char *module, const char *root)
{
    char id[MLF__ID_SIZE];
    cJSON *tree = cJSON_CreateObject();
    char *signature = signature_json(model);
    mlf_status status = signature != NULL && add_flavors(tree, model, module)
                            ? mlf__mlmodel_set_signature(tree, signature)
                            : mlf__fail(MLF_ERR_NOMEM, "mlf_save_linear: out of memory");
    mlf__new_id(id);
    const struct mlf__mlmodel_identity identity = {
        .model_id = id, .created_ms = mlf__now_ms(), .size_bytes = mlf__model_size(root)};
    if (status == MLF_OK)
        status = mlf__mlmodel_identify(tree, &identity);
    /* A model that is only saved has a number of its own, but is nobody's LoggedModel yet. */
    cJSON_DeleteItemFromObjectCaseSensitive(tree, "artifact_path");
    cJSON_DeleteItemFromObjectCaseSensitive(tree, "model_id");
    cJSON_DeleteItemFromObjectCaseSensitive(tree, "run_id");
    if (status == MLF_OK)
        status = mlf__mlmodel_write(tree, root);
    cJSON_free(signature);
    cJSON_Delete(tree);
    return status;
}

static mlf_status check_folder(const char *path)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        return errno == ENOENT ? MLF_OK : mlf__fail_errno(errno, "cannot use '%s'", path);
    bool empty = true;
    for (const struct dirent *entry; empty && (entry = readdir(dir)) != NULL;)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(dir);
    return empty ? MLF_OK
                 : mlf__fail(MLF_ERR_EXISTS, "mlf_save_linear: the folder '%s' is not empty", path);
}

static mlf_status save(const mlf_linear *model, size_t n_values, const char *root)
{
    static const char *const requirements[] = {"mlflow", "numpy"};
    char module[40], file[64];
    module_name(module);
    snprintf(file, sizeof(file), "code/%s.py", module);
    mlf_status status = check_folder(root);
    if (status == MLF_OK)
        status = write_coefficients(model, n_values, root);
    if (status == MLF_OK)
        status = mlf__artifact_write(root, file, mlf_linear_module, strlen(mlf_linear_module));
    if (status == MLF_OK)
        status = mlf__model_environment(root, requirements, MLF__ARRAY_LEN(requirements));
    return status == MLF_OK ? write_mlmodel(model, module, root) : status;
}

mlf_status mlf_save_linear(const mlf_linear *model, const char *path)
{
    char root[PATH_MAX];
    size_t n_values = 0;
    if (model == NULL || path == NULL || path[0] == '\0')
        return mlf__fail(MLF_ERR_INVAL, "mlf_save_linear: no %s", model == NULL ? "model" : "path");
    if (model->size < sizeof(*model))
        return mlf__fail(MLF_ERR_INVAL, "mlf_save_linear: a model without MLF_LINEAR_INIT");
    if (!mlf__absolute_path(path, root, sizeof(root)))
        return mlf__fail(MLF_ERR_INVAL, "%s: the path is too long", path);
    mlf_status status = check_model(model, &n_values);
    if (status != MLF_OK)
        return status;
    bool entered = mlf__guard_enter_call();
    status = save(model, n_values, root);
    if (entered)
        mlf__guard_leave();
    return status;
}
