/* SPDX-License-Identifier: Apache-2.0 */
/* Each trial's parameters cut every group into those that are among them and those that are not; what no group has
 * makes a new one. */
#include "tuner/samplers/tpe_groups.h"

#include "core/mem.h"

#include <string.h>

size_t mlf__tpe_groups_end(const struct mlf__tpe_groups *groups, size_t from)
{
    size_t to = from;
    while (to < groups->n && groups->ids[to] == groups->ids[from])
        to++;
    return to;
}

void mlf__tpe_groups_free(struct mlf__tpe_groups *groups)
{
    mlf__free(groups->names);
    mlf__free(groups->dists);
    mlf__free(groups->ids);
}

static bool grow_numbers(uint32_t **numbers, size_t n)
{
    uint32_t *grown = mlf__realloc(*numbers, n * sizeof(*grown));
    if (grown != NULL)
        *numbers = grown;
    return grown != NULL;
}

static mlf_status grow(struct mlf__tpe_groups *groups)
{
    size_t cap = groups->cap == 0 ? 16 : groups->cap * 2;
    if (!grow_numbers(&groups->names, cap) || !grow_numbers(&groups->dists, cap) ||
        !grow_numbers(&groups->ids, cap))
        return MLF_ERR_NOMEM;
    groups->cap = cap;
    return MLF_OK;
}

static bool knows(const struct mlf__tpe_groups *groups, uint32_t name)
{
    for (size_t i = 0; i < groups->n; i++)
        if (groups->names[i] == name)
            return true;
    return false;
}

/* Moves what |trial| has of the group |from| … |to| - 1 before the rest. A group that is all in or all out stays. */
static void cut(struct mlf__tpe_groups *groups, const struct mlf__trial *trial, size_t from,
                size_t to)
{
    size_t in = from;
    for (size_t i = from; i < to; i++) {
        uint32_t name = groups->names[i], dist = groups->dists[i];
        if (mlf__trial_param(trial, name) == NULL)
            continue;
        memmove(groups->names + in + 1, groups->names + in, (i - in) * sizeof(name));
        memmove(groups->dists + in + 1, groups->dists + in, (i - in) * sizeof(dist));
        groups->names[in] = name;
        groups->dists[in++] = dist;
    }
    if (in == from || in == to)
        return;
    for (size_t i = in; i < to; i++)
        groups->ids[i] = groups->next_id;
    groups->next_id++;
}

static mlf_status add_new(struct mlf__tpe_groups *groups, const struct mlf__trial *trial)
{
    size_t had = groups->n;
    for (size_t i = 0; i < trial->n_params; i++) {
        const struct mlf__param_value *param = &trial->params[i];
        if (knows(groups, param->name))
            continue;
        mlf_status status = groups->n == groups->cap ? grow(groups) : MLF_OK;
        if (status != MLF_OK)
            return status;
        groups->names[groups->n] = param->name;
        groups->dists[groups->n] = param->dist;
        groups->ids[groups->n++] = groups->next_id;
    }
    groups->next_id += groups->n > had;
    return MLF_OK;
}

mlf_status mlf__tpe_groups_update(struct mlf__tpe_groups *groups,
                                  const struct mlf__history *history, size_t n_told)
{
    for (; groups->n_seen < n_told; groups->n_seen++) {
        const struct mlf__trial *trial = history->trials[history->told[groups->n_seen]];
        if (trial->state != MLF_TRIAL_COMPLETE && trial->state != MLF_TRIAL_PRUNED)
            continue;
        for (size_t from = 0, to; from < groups->n; from = to) {
            to = mlf__tpe_groups_end(groups, from);
            cut(groups, trial, from, to);
        }
        mlf_status status = add_new(groups, trial);
        if (status != MLF_OK)
            return status;
    }
    return MLF_OK;
}
