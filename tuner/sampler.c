/* SPDX-License-Identifier: Apache-2.0 */
/* The samplers there are, and opening one by a text. */
#include "tuner/sampler.h"

#include "core/mem.h"

#include <string.h>

/* One line each, in the order in which messages name them. */
#define SAMPLERS(XX) XX(auto) XX(tpe) XX(random) XX(cmaes) XX(nsga2) XX(qmc) XX(grid)

#define ADDRESS(name) &mlf__sampler_##name,
#define NAME(name) ", " #name

static const struct mlf__sampler_ops *const TABLE[] = {SAMPLERS(ADDRESS)};

const char *mlf__sampler_names(void)
{
    static const char NAMES[] = SAMPLERS(NAME);
    return NAMES + 2; /* behind the first comma */
}

mlf_status mlf__joint_add(struct mlf__joint *joint, uint32_t name, uint32_t dist, double value)
{
    mlf_status status =
        mlf__grow((void **)&joint->params, &joint->cap, joint->n + 1, sizeof(*joint->params));
    if (status == MLF_OK)
        joint->params[joint->n++] = (struct mlf__param_value){name, dist, value};
    return status;
}

static const struct mlf__sampler_ops *find(const char *name)
{
    for (size_t i = 0; i < MLF__ARRAY_LEN(TABLE); i++) {
        if (strcmp(TABLE[i]->name, name) == 0)
            return TABLE[i];
    }
    return NULL;
}

static mlf_status open_ops(struct mlf__sampler *sampler, const char *text)
{
    const struct mlf__sampler_ops *ops = sampler->ops;
    sampler->state = mlf__zalloc(1, ops->state_size);
    sampler->settings = mlf__zalloc(1, ops->settings_size);
    if (sampler->state == NULL || sampler->settings == NULL)
        return MLF_ERR_NOMEM;
    mlf_status status = mlf__settings_parse(text, ops->settings, sampler->settings);
    if (status == MLF_OK && ops->open != NULL)
        status = ops->open(sampler);
    const struct mlf__history *history = sampler->history;
    for (size_t i = 0; i < history->n_told && status == MLF_OK; i++)
        status = mlf__sampler_tell(sampler, history->trials[history->told[i]]);
    return status;
}

mlf_status mlf__sampler_open(const char *text, const struct mlf__history *history, uint64_t seed,
                             struct mlf__sampler **out)
{
    *out = NULL;
    char name[32];
    const char *inner;
    mlf_status status = mlf__settings_name(text, name, &inner);
    if (status != MLF_OK)
        return status;
    const struct mlf__sampler_ops *ops = find(name);
    if (ops == NULL)
        return mlf__fail(MLF_ERR_INVAL, "there is no sampler \"%s\": there are %s", name,
                         mlf__sampler_names());
    if (inner != NULL)
        return mlf__fail(MLF_ERR_INVAL, "\"%s\": a sampler wraps no other one", text);
    if (history->n_objectives > 1 && !ops->several_objectives)
        return mlf__fail(MLF_ERR_INVAL, "the sampler %s serves one objective, not %zu", name,
                         history->n_objectives);
    struct mlf__sampler *sampler = mlf__zalloc(1, sizeof(*sampler));
    if (sampler == NULL)
        return MLF_ERR_NOMEM;
    sampler->ops = ops;
    sampler->history = history;
    sampler->seed = seed;
    status = open_ops(sampler, text);
    if (status != MLF_OK) {
        mlf__sampler_close(sampler);
        return status;
    }
    *out = sampler;
    return MLF_OK;
}

void mlf__sampler_close(struct mlf__sampler *sampler)
{
    if (sampler == NULL)
        return;
    if (sampler->ops->close != NULL && sampler->state != NULL)
        sampler->ops->close(sampler);
    if (sampler->settings != NULL)
        mlf__settings_free(sampler->ops->settings, sampler->settings);
    mlf__free(sampler->settings);
    mlf__free(sampler->state);
    mlf__free(sampler);
}

mlf_status mlf__sampler_tell(struct mlf__sampler *sampler, const struct mlf__trial *trial)
{
    return sampler->ops->tell != NULL ? sampler->ops->tell(sampler, trial) : MLF_OK;
}

mlf_status mlf__sampler_ask(struct mlf__sampler *sampler, const struct mlf__view *view,
                            struct mlf__joint *out)
{
    out->generation = -1;
    return sampler->ops->ask != NULL ? sampler->ops->ask(sampler, view, out) : MLF_OK;
}

bool mlf__sampler_is_exhausted(struct mlf__sampler *sampler)
{
    return sampler->ops->is_exhausted != NULL && sampler->ops->is_exhausted(sampler);
}
