/* SPDX-License-Identifier: Apache-2.0 */
/* The tree-structured Parzen estimator (Bergstra, Bardenet, Bengio, Kégl, NIPS 2011; Watanabe, arXiv 2304.11127) as a part
 * that samplers use: a split of the finished trials into good and other ones, and per search space a mixture of
 * kernels over each. Everything is kept up to date trial by trial; docs/design/tuner.md has the data structures. */
#ifndef MLF_TUNER_SAMPLERS_TPE_H
#define MLF_TUNER_SAMPLERS_TPE_H

#include "tuner/sampler.h"
#include "tuner/samplers/tpe_groups.h"
#include "tuner/samplers/tpe_mixture.h"

struct mlf__tpe_options {
    size_t n_startup; /* finished trials before the first one that is not random */
    size_t n_candidates;
    bool liar;  /* trials that are going on count as bad ones */
    bool scott; /* kernels as wide as Scott's rule says */
};

/* Names and distributions that are drawn together; no single ones. */
struct mlf__tpe_names {
    const uint32_t *names, *dists;
    size_t n;
    bool together; /* drawn when the trial begins, with regard to what others were given then */
};

struct mlf__tpe_model;
mlf_status mlf__tpe_model_open(const struct mlf__history *history,
                               const struct mlf__tpe_options *options, struct mlf__tpe_model **out);
void mlf__tpe_model_close(struct mlf__tpe_model *model); /* NULL is fine */
/* Does the view hold enough trials? */
mlf_status mlf__tpe_model_is_ready(struct mlf__tpe_model *model, const struct mlf__view *view,
                                   bool *out);
/* The best of the candidates drawn from the good trials' mixture: |values| in the order of |names|. */
mlf_status mlf__tpe_model_draw(struct mlf__tpe_model *model, const struct mlf__view *view,
                               const struct mlf__tpe_names *names, struct mlf__rng *rng,
                               double *values);
/* The value of one parameter, named by |param|, alone; uniform while the view holds too few trials. */
mlf_status mlf__tpe_model_suggest(struct mlf__tpe_model *model, uint64_t seed,
                                  const struct mlf__view *view,
                                  const struct mlf__param_value *param, double *out);
/* Draws those of the |n| parameters that have more than one value, into |out|. */
mlf_status mlf__tpe_model_draw_some(struct mlf__tpe_model *model, const struct mlf__view *view,
                                    const uint32_t *names, const uint32_t *dists, size_t n,
                                    struct mlf__rng *rng, struct mlf__joint *out);

#endif
