/* SPDX-License-Identifier: Apache-2.0 */
/* Loading models and predicting with them, whatever their flavor. */
#include "tracking/models/flavor.h"

#include "core/buf.h"
#include "core/mem.h"
#include "tracking/models/mlmodel.h"

static const struct mlf__flavor_ops *const flavors[] = {&mlf__linear_flavor};

struct mlf_model {
    const struct mlf__flavor_ops *ops;
    struct mlf__model_shape shape;
    void *state;
};

static mlf_status unsupported(const char *directory, const cJSON *tree)
{
    char *theirs = mlf__mlmodel_flavors(tree, ", ");
    struct mlf__buf ours = {0};
    for (size_t i = 0; i < MLF__ARRAY_LEN(flavors); i++)
        mlf__buf_printf(&ours, "%s%s", i > 0 ? ", " : "", flavors[i]->name);
    mlf_status status = MLF_ERR_NOMEM;
    if (theirs != NULL && !ours.failed)
        status =
            mlf__fail(MLF_ERR_UNSUPPORTED, "%s: a model of the flavors '%s'; C predicts with: %s",
                      directory, theirs, ours.data);
    mlf__buf_free(&ours);
    mlf__free(theirs);
    return status;
}

static mlf_status load_flavor(const char *directory, const struct mlf__flavor_ops *ops,
                              const cJSON *flavor, mlf_model **out)
{
    mlf_model *model = mlf__zalloc(1, sizeof(*model));
    if (model == NULL || (model->state = mlf__zalloc(1, ops->state_size)) == NULL) {
        mlf__free(model);
        return MLF_ERR_NOMEM;
    }
    model->ops = ops;
    mlf_status status = ops->load(model->state, directory, flavor, &model->shape);
    if (status == MLF_OK)
        *out = model;
    else
        mlf_model_free(model);
    return status;
}

mlf_status mlf__model_load(const char *directory, mlf_model **out)
{
    cJSON *tree;
    *out = NULL;
    mlf_status status = mlf__mlmodel_read(directory, &tree);
    if (status != MLF_OK)
        return status;
    const cJSON *theirs = cJSON_GetObjectItemCaseSensitive(tree, "flavors"), *flavor = NULL;
    const struct mlf__flavor_ops *ops = NULL;
    for (size_t i = 0; i < MLF__ARRAY_LEN(flavors) && flavor == NULL; i++) {
        ops = flavors[i];
        flavor = cJSON_GetObjectItemCaseSensitive(theirs, ops->name);
    }
    status =
        flavor != NULL ? load_flavor(directory, ops, flavor, out) : unsupported(directory, tree);
    cJSON_Delete(tree);
    return status;
}

void mlf_model_free(mlf_model *model)
{
    if (model == NULL)
        return;
    model->ops->unload(model->state);
    mlf__free(model->state);
    mlf__free(model);
}

size_t mlf_model_n_features(const mlf_model *model)
{
    return model != NULL ? model->shape.n_features : 0;
}

size_t mlf_model_n_outputs(const mlf_model *model)
{
    return model != NULL ? model->shape.n_outputs : 0;
}

const char *mlf_model_class_name(const mlf_model *model, size_t index)
{
    if (model == NULL || index >= model->shape.n_classes)
        return NULL;
    return model->ops->class_name(model->state, index);
}

static mlf_status check_rows(const char *call, const mlf_model *model, const double *rows,
                             size_t n_rows, size_t n_features, const double *out)
{
    if (model == NULL)
        return mlf__fail(MLF_ERR_INVAL, "%s: no model", call);
    if (n_features != model->shape.n_features)
        return mlf__fail(MLF_ERR_INVAL, "%s: rows of %zu values, but the model takes %zu", call,
                         n_features, model->shape.n_features);
    if (n_rows > 0 && (rows == NULL || out == NULL))
        return mlf__fail(MLF_ERR_INVAL, "%s: no %s", call,
                         rows == NULL ? "rows" : "room for results");
    return MLF_OK;
}

mlf_status mlf_model_predict(const mlf_model *model, const double *rows, size_t n_rows,
                             size_t n_features, double *out)
{
    mlf_status status = check_rows("mlf_model_predict", model, rows, n_rows, n_features, out);
    return status == MLF_OK ? model->ops->predict(model->state, rows, n_rows, out) : status;
}

mlf_status mlf_model_predict_proba(const mlf_model *model, const double *rows, size_t n_rows,
                                   size_t n_features, double *out)
{
    mlf_status status = check_rows("mlf_model_predict_proba", model, rows, n_rows, n_features, out);
    if (status != MLF_OK)
        return status;
    if (model->shape.n_classes == 0 || model->ops->predict_proba == NULL)
        return mlf__fail(MLF_ERR_UNSUPPORTED, "mlf_model_predict_proba: the model has no classes");
    return model->ops->predict_proba(model->state, rows, n_rows, out);
}
