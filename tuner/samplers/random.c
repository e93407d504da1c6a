/* SPDX-License-Identifier: Apache-2.0 */
/* Every parameter alone, uniform over its column. */
#include "tuner/sampler.h"

static mlf_status suggest(struct mlf__sampler *sampler, const struct mlf__view *view, uint32_t name,
                          uint32_t dist, double *out)
{
    const char *text = sampler->history->names[name];
    struct mlf__rng rng;
    mlf__rng_init(&rng, sampler->seed, (uint64_t)view->trial->number, mlf__rng_alone(text));
    *out = mlf__dist_from_unit(&sampler->history->dists[dist], mlf__rng_uniform(&rng));
    return MLF_OK;
}

const struct mlf__sampler_ops mlf__sampler_random = {
    .name = "random",
    .several_objectives = true,
    .suggest = suggest,
};
