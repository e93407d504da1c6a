/* SPDX-License-Identifier: Apache-2.0 */
/* The pruners there are, and opening one by a text. */
#include "tuner/pruner.h"

#include "core/mem.h"

#include <string.h>

/* One line each, in the order in which messages name them. */
#define PRUNERS(XX)                                                                                \
    XX(median)                                                                                     \
    XX(percentile)                                                                                 \
    XX(halving)                                                                                    \
    XX(hyperband)                                                                                  \
    XX(patient)                                                                                    \
    XX(threshold)                                                                                  \
    XX(wilcoxon)                                                                                   \
    XX(none)

#define ADDRESS(name) &mlf__pruner_##name,
#define NAME(name) ", " #name

static const struct mlf__pruner_ops *const TABLE[] = {PRUNERS(ADDRESS)};

/* How many pruners may wrap one another. */
enum { DEPTH_MAX = 4 };

const char *mlf__pruner_names(void)
{
    static const char NAMES[] = PRUNERS(NAME);
    return NAMES + 2; /* behind the first comma */
}

static const struct mlf__pruner_ops *find(const char *name)
{
    for (size_t i = 0; i < MLF__ARRAY_LEN(TABLE); i++) {
        if (strcmp(TABLE[i]->name, name) == 0)
            return TABLE[i];
    }
    return NULL;
}

static mlf_status open_ops(struct mlf__pruner *pruner, const char *text, const char *study_name)
{
    const struct mlf__pruner_ops *ops = pruner->ops;
    pruner->study_name = mlf__strdup(study_name);
    pruner->state = mlf__zalloc(1, ops->state_size);
    pruner->settings = mlf__zalloc(1, ops->settings_size);
    if (pruner->study_name == NULL || pruner->state == NULL || pruner->settings == NULL)
        return MLF_ERR_NOMEM;
    mlf_status status = mlf__settings_parse(text, ops->settings, pruner->settings);
    if (status == MLF_OK && ops->open != NULL)
        status = ops->open(pruner);
    return status;
}

/* Opens what |text| begins with, without what it wraps: |*inner|. */
static mlf_status open_one(const char *text, const struct mlf__history *history,
                           const char *study_name, const char **inner, struct mlf__pruner **out)
{
    char name[32];
    mlf_status status = mlf__settings_name(text, name, inner);
    if (status != MLF_OK)
        return status;
    const struct mlf__pruner_ops *ops = find(name);
    if (ops == NULL)
        return mlf__fail(MLF_ERR_INVAL, "there is no pruner \"%s\": there are %s", name,
                         mlf__pruner_names());
    if (*inner != NULL && !ops->wraps)
        return mlf__fail(MLF_ERR_INVAL, "\"%s\": the pruner %s wraps no other one", text, name);
    struct mlf__pruner *pruner = mlf__zalloc(1, sizeof(*pruner));
    if (pruner == NULL)
        return MLF_ERR_NOMEM;
    pruner->ops = ops;
    pruner->history = history;
    *out = pruner;
    return open_ops(pruner, text, study_name);
}

mlf_status mlf__pruner_open(const char *text, const struct mlf__history *history,
                            const char *study_name, struct mlf__pruner **out)
{
    struct mlf__pruner *outer = NULL;
    struct mlf__pruner **end = &outer;
    mlf_status status = MLF_OK;
    const char *rest = text;
    for (int depth = 0; rest != NULL && status == MLF_OK; depth++) {
        if (depth == DEPTH_MAX) {
            status = mlf__fail(MLF_ERR_INVAL, "\"%s\": over %d pruners wrap one another", text,
                               DEPTH_MAX);
            break;
        }
        status = open_one(rest, history, study_name, &rest, end);
        if (status == MLF_OK && *end != NULL)
            end = &(*end)->inner;
    }
    if (status != MLF_OK) {
        mlf__pruner_close(outer);
        outer = NULL;
    }
    *out = outer;
    return status;
}

void mlf__pruner_close(struct mlf__pruner *pruner)
{
    while (pruner != NULL) {
        struct mlf__pruner *inner = pruner->inner;
        if (pruner->ops->close != NULL && pruner->state != NULL)
            pruner->ops->close(pruner);
        if (pruner->settings != NULL)
            mlf__settings_free(pruner->ops->settings, pruner->settings);
        mlf__free(pruner->settings);
        mlf__free(pruner->state);
        mlf__free(pruner->study_name);
        mlf__free(pruner);
        pruner = inner;
    }
}

bool mlf__pruner_should_prune(struct mlf__pruner *pruner, const struct mlf__trial *trial)
{
    return trial->n_intermediate > 0 && pruner->ops->should_prune(pruner, trial);
}
