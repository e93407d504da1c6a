/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters that all finished trials of a study have in common. */
#include "tuner/history.h"

#include "core/mem.h"

#include <stdlib.h>
#include <string.h>

/* Insertion sort by name: it happens once per study. */
static void sort_by_name(struct mlf__joint_space *space, char *const *names)
{
    for (size_t i = 1; i < space->n; i++) {
        uint32_t name = space->names[i], dist = space->dists[i];
        size_t at = i;
        for (; at > 0 && strcmp(names[space->names[at - 1]], names[name]) > 0; at--) {
            space->names[at] = space->names[at - 1];
            space->dists[at] = space->dists[at - 1];
        }
        space->names[at] = name;
        space->dists[at] = dist;
    }
}

static mlf_status begin(struct mlf__joint_space *space, const struct mlf__history *history,
                        const struct mlf__trial *trial)
{
    space->names = mlf__alloc(trial->n_params * sizeof(*space->names));
    space->dists = mlf__alloc(trial->n_params * sizeof(*space->dists));
    if (space->names == NULL || space->dists == NULL) {
        mlf__joint_space_free(space);
        return MLF_ERR_NOMEM;
    }
    for (size_t i = 0; i < trial->n_params; i++) {
        space->names[i] = trial->params[i].name;
        space->dists[i] = trial->params[i].dist;
    }
    space->n = trial->n_params;
    space->begun = true;
    sort_by_name(space, history->names);
    return MLF_OK;
}

static void intersect(struct mlf__joint_space *space, const struct mlf__trial *trial)
{
    size_t kept = 0;
    for (size_t i = 0; i < space->n; i++) {
        const struct mlf__param_value *param = mlf__trial_param(trial, space->names[i]);
        if (param == NULL || param->dist != space->dists[i])
            continue;
        space->names[kept] = space->names[i];
        space->dists[kept++] = space->dists[i];
    }
    space->n = kept;
}

mlf_status mlf__joint_space_update(struct mlf__joint_space *space,
                                   const struct mlf__history *history, size_t n_told,
                                   bool with_pruned)
{
    for (; space->n_seen < n_told; space->n_seen++) {
        const struct mlf__trial *trial = history->trials[history->told[space->n_seen]];
        if (trial->state != MLF_TRIAL_COMPLETE &&
            !(trial->state == MLF_TRIAL_PRUNED && with_pruned))
            continue;
        if (space->begun) {
            intersect(space, trial);
            continue;
        }
        mlf_status status = begin(space, history, trial);
        if (status != MLF_OK)
            return status;
    }
    return MLF_OK;
}

void mlf__joint_space_free(struct mlf__joint_space *space)
{
    mlf__free(space->names);
    mlf__free(space->dists);
    *space = (struct mlf__joint_space){0};
}
