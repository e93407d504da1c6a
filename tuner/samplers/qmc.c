/* SPDX-License-Identifier: Apache-2.0 */
/* Quasi-Monte Carlo: trial number n takes point n of a Sobol or Halton sequence, so that workers beside each other never
 * take the same one and a study that was read back goes on where it was. As Optuna 5's QMCSampler, but scrambled unless told otherwise,
 * and from the first trial on.
 *
 * The coordinates are the parameters of the lowest-numbered trial that has finished, in the order in which it asked for
 * them; before there is one, those of the trial itself, which are the same as long as nothing is
 * conditional. Others are drawn alone, at random. */
#include "tuner/sampler.h"
#include "tuner/samplers/qmc_sequence.h"

#include <stdlib.h>
#include <string.h>

struct qmc {
    struct mlf__sequence sequence;
    size_t n_seen; /* of the finished trials */
    const struct mlf__trial
        *first; /* the lowest-numbered one of these that did not fail; NULL: none */
};

struct options {
    int sequence;
    bool scramble;
};

static const struct mlf__setting settings[] = {
    {"sequence", MLF__SETTING_CHOICE, offsetof(struct options, sequence), 0, 0, 0, "sobol|halton"},
    /* Without it the first point is the corner of all lowest values. */
    {"scramble", MLF__SETTING_BOOL, offsetof(struct options, scramble), 0, 0, 1},
    {0}};

static mlf_status open_qmc(struct mlf__sampler *sampler)
{
    const struct options *options = sampler->settings;
    struct qmc *qmc = sampler->state;

    qmc->sequence = (struct mlf__sequence){
        .halton = options->sequence == 1, .scramble = options->scramble, .seed = sampler->seed};
    return MLF_OK;
}

static void close_qmc(struct mlf__sampler *sampler)
{
    struct qmc *qmc = sampler->state;

    mlf__sequence_free(&qmc->sequence);
}

static const struct mlf__trial *reference(struct qmc *qmc, const struct mlf__view *view)
{
    const struct mlf__history *history = view->history;

    if (view->n_told < qmc->n_seen) {
        qmc->n_seen = 0;
        qmc->first = NULL;
    }
    for (; qmc->n_seen < view->n_told; qmc->n_seen++) {
        const struct mlf__trial *trial = history->trials[history->told[qmc->n_seen]];
        if (trial->state != MLF_TRIAL_FAIL &&
            (qmc->first == NULL || trial->number < qmc->first->number))
            qmc->first = trial;
    }
    return qmc->first;
}

static int compare(const void *a, const void *b, void *history)
{
    char **names = ((const struct mlf__history *)history)->names;

    return strcmp(names[((const struct mlf__param_value *)a)->name],
                  names[((const struct mlf__param_value *)b)->name]);
}

static mlf_status ask(struct mlf__sampler *sampler, const struct mlf__view *view,
                      struct mlf__joint *out)
{
    struct qmc *qmc = sampler->state;
    const struct mlf__trial *first = reference(qmc, view);
    size_t dimension = 0;
    mlf_status status = MLF_OK;

    out->generation = view->trial->number;
    for (uint32_t i = 0; status == MLF_OK && first != NULL && i < first->n_params; i++) {
        const struct mlf__param_value *param = &first->params[i];
        const struct mlf__dist *dist = &view->history->dists[param->dist];
        double u;
        if (mlf__dist_is_single(dist) || dimension == MLF__SEQUENCE_DIMENSIONS)
            continue;
        status = mlf__sequence_at(&qmc->sequence, (uint64_t)out->generation, dimension++, &u);
        if (status == MLF_OK)
            status = mlf__joint_add(out, param->name, param->dist, mlf__dist_from_unit(dist, u));
    }
    if (out->n > 0)
        qsort_r(out->params, out->n, sizeof(*out->params), compare,
                (void *)(uintptr_t)view->history);
    return status;
}

static mlf_status suggest(struct mlf__sampler *sampler, const struct mlf__view *view, uint32_t name,
                          uint32_t dist, double *out)
{
    struct qmc *qmc = sampler->state;
    const struct mlf__trial *trial = view->trial;
    size_t dimension = 0;
    struct mlf__rng rng;
    double u;

    for (uint32_t i = 0; i < trial->n_params; i++)
        dimension += !mlf__dist_is_single(&view->history->dists[trial->params[i].dist]);
    if (reference(qmc, view) == NULL && dimension < MLF__SEQUENCE_DIMENSIONS) {
        mlf_status status =
            mlf__sequence_at(&qmc->sequence, (uint64_t)trial->number, dimension, &u);
        if (status != MLF_OK)
            return status;
    } else {
        mlf__rng_init(&rng, sampler->seed, (uint64_t)trial->number,
                      mlf__rng_alone(sampler->history->names[name]));
        u = mlf__rng_uniform(&rng);
    }
    *out = mlf__dist_from_unit(&view->history->dists[dist], u);
    return MLF_OK;
}

const struct mlf__sampler_ops mlf__sampler_qmc = {.name = "qmc",
                                                  .state_size = sizeof(struct qmc),
                                                  .settings = settings,
                                                  .settings_size = sizeof(struct options),
                                                  .several_objectives = true,
                                                  .open = open_qmc,
                                                  .close = close_qmc,
                                                  .ask = ask,
                                                  .suggest = suggest};
