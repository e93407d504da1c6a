/* SPDX-License-Identifier: Apache-2.0 */
/* Any MLmodel and any file of coefficients: each is refused with a text, or is whole. What was read of an MLmodel is
 * written so that it is read alike; a linear model has finite values and predicts. The first byte says which. */
#include "tests/fuzz/fuzz.h"

#include "core/mem.h"
#include "tracking/models/linear.h"
#include "tracking/models/mlmodel.h"

#include <math.h>

/* A scalar may lose or gain its quotes, but not its text. */
static void same_trees(const cJSON *a, const cJSON *b)
{
    MUST((cJSON_IsArray(a) != 0) == (cJSON_IsArray(b) != 0));
    MUST((cJSON_IsObject(a) != 0) == (cJSON_IsObject(b) != 0));
    if (!cJSON_IsArray(a) && !cJSON_IsObject(a)) {
        MUST(strcmp(a->valuestring, b->valuestring) == 0);
        return;
    }
    MUST(cJSON_GetArraySize(a) == cJSON_GetArraySize(b));
    const cJSON *other = b->child;
    for (const cJSON *item = a->child; item != NULL; item = item->next) {
        if (cJSON_IsObject(a))
            other = cJSON_GetObjectItemCaseSensitive(b, item->string);
        MUST(other != NULL);
        same_trees(item, other);
        other = other->next;
    }
}

static void read_mlmodel(const char *text, size_t len)
{
    cJSON *tree, *again;
    char *yaml, *signature, *flavors;
    mlf_status status = mlf__mlmodel_parse(text, len, "MLmodel", &tree);
    if (status != MLF_OK) {
        MUST(tree == NULL && status == MLF_ERR_CORRUPT && mlf__errmsg()[0] != '\0');
        return;
    }
    MUST(mlf__mlmodel_print(tree, &yaml) == MLF_OK);
    MUST(mlf__mlmodel_parse(yaml, strlen(yaml), "again", &again) == MLF_OK);
    same_trees(tree, again);
    MUST(mlf__mlmodel_signature(tree, &signature) == MLF_OK);
    if (signature != NULL && mlf__mlmodel_set_signature(again, signature) == MLF_OK) {
        mlf__free(yaml);
        MUST(mlf__mlmodel_print(again, &yaml) == MLF_OK);
    }
    flavors = mlf__mlmodel_flavors(tree, ", ");
    MUST(flavors != NULL);
    mlf__free(flavors);
    mlf__free(signature);
    mlf__free(yaml);
    cJSON_Delete(again);
    cJSON_Delete(tree);
}

static void read_linear(const char *text)
{
    struct mlf__linear model = {0};
    mlf_status status = mlf__linear_parse(text, "linear.json", &model);
    if (status == MLF_OK) {
        MUST(model.n_features > 0 && model.n_outputs > 0);
        for (size_t i = 0; i < model.n_features * model.n_outputs; i++)
            MUST(isfinite(model.coefficients[i]));
        for (size_t i = 0; i < model.n_outputs; i++)
            MUST(isfinite(model.intercepts[i]));
        for (size_t i = 0; i < model.n_classes; i++)
            MUST(model.class_names[i] != NULL);
        MUST((model.n_classes == 0) == (model.kind == MLF_LINEAR_REGRESSION));
    } else {
        MUST((status == MLF_ERR_CORRUPT || status == MLF_ERR_UNSUPPORTED) &&
             mlf__errmsg()[0] != '\0');
    }
    mlf__linear_free(&model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    char *text = mlf__strndup((const char *)data + 1, size - 1);
    MUST(text != NULL);
    if (data[0] % 2 == 0)
        read_mlmodel((const char *)data + 1, size - 1);
    else
        read_linear(text);
    mlf__free(text);
    return 0;
}
