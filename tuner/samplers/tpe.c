/* SPDX-License-Identifier: Apache-2.0 */
/* The sampler "tpe": which parameters are drawn together, and from how many trials on. */
#include "tuner/samplers/tpe.h"

enum { MULTIVARIATE_AUTO, MULTIVARIATE_ON, MULTIVARIATE_OFF };
enum { BANDWIDTH_NEIGHBOURS, BANDWIDTH_SCOTT };

struct settings {
    int multivariate;
    bool group, liar;
    int64_t startup, candidates;
    int bandwidth;
};

static const struct mlf__setting tpe_settings[] = {
    {.name = "multivariate",
     .kind = MLF__SETTING_CHOICE,
     .offset = offsetof(struct settings, multivariate),
     .fallback = MULTIVARIATE_AUTO,
     .choices = "auto|on|off"},
    {.name = "group", .kind = MLF__SETTING_BOOL, .offset = offsetof(struct settings, group)},
    {.name = "liar",
     .kind = MLF__SETTING_BOOL,
     .offset = offsetof(struct settings, liar),
     .fallback = true},
    {.name = "startup",
     .kind = MLF__SETTING_INT,
     .offset = offsetof(struct settings, startup),
     .low = 0,
     .high = 1e9,
     .fallback = 10},
    {.name = "candidates",
     .kind = MLF__SETTING_INT,
     .offset = offsetof(struct settings, candidates),
     .low = 1,
     .high = 1e5,
     .fallback = 24},
    {.name = "bandwidth",
     .kind = MLF__SETTING_CHOICE,
     .offset = offsetof(struct settings, bandwidth),
     .fallback = BANDWIDTH_NEIGHBOURS,
     .choices = "neighbours|scott"},
    {.name = NULL},
};

struct state {
    struct mlf__tpe_model *model;
    struct mlf__joint_space joint;
    struct mlf__tpe_groups groups;
    bool multivariate;
};

static mlf_status tpe_open(struct mlf__sampler *sampler)
{
    const struct settings *settings = sampler->settings;
    struct state *state = sampler->state;
    struct mlf__tpe_options options = {.n_startup = (size_t)settings->startup,
                                       .n_candidates = (size_t)settings->candidates,
                                       .liar = settings->liar,
                                       .scott = settings->bandwidth == BANDWIDTH_SCOTT};

    if (settings->group && settings->multivariate == MULTIVARIATE_OFF)
        return mlf__fail(MLF_ERR_INVAL, "tpe: group=on goes only with multivariate=on");
    state->multivariate =
        settings->multivariate == MULTIVARIATE_ON || settings->group ||
        (settings->multivariate == MULTIVARIATE_AUTO && sampler->history->n_objectives == 1);
    return mlf__tpe_model_open(sampler->history, &options, &state->model);
}

static void tpe_close(struct mlf__sampler *sampler)
{
    struct state *state = sampler->state;
    mlf__tpe_model_close(state->model);
    mlf__joint_space_free(&state->joint);
    mlf__tpe_groups_free(&state->groups);
}

static mlf_status draw_joint(struct state *state, const struct mlf__view *view,
                             struct mlf__rng *rng, struct mlf__joint *out)
{
    struct mlf__joint_space past = {0}, *space = &state->joint;
    if (view->n_told < space->n_seen)
        space = &past;
    mlf_status status = mlf__joint_space_update(space, view->history, view->n_told, true);
    if (status == MLF_OK)
        status = mlf__tpe_model_draw_some(state->model, view, space->names, space->dists, space->n,
                                          rng, out);
    mlf__joint_space_free(&past);
    return status;
}

static mlf_status draw_groups(struct state *state, const struct mlf__view *view,
                              struct mlf__rng *rng, struct mlf__joint *out)
{
    struct mlf__tpe_groups past = {0}, *groups = &state->groups;
    if (view->n_told < groups->n_seen)
        groups = &past;
    mlf_status status = mlf__tpe_groups_update(groups, view->history, view->n_told);
    for (size_t from = 0, to; from < groups->n && status == MLF_OK; from = to) {
        to = mlf__tpe_groups_end(groups, from);
        status = mlf__tpe_model_draw_some(state->model, view, groups->names + from,
                                          groups->dists + from, to - from, rng, out);
    }
    mlf__tpe_groups_free(&past);
    return status;
}

static mlf_status tpe_ask(struct mlf__sampler *sampler, const struct mlf__view *view,
                          struct mlf__joint *out)
{
    const struct settings *settings = sampler->settings;
    struct state *state = sampler->state;
    struct mlf__rng rng;
    bool ready = false;

    if (!state->multivariate)
        return MLF_OK;
    mlf_status status = mlf__tpe_model_is_ready(state->model, view, &ready);
    if (status != MLF_OK || !ready)
        return status;
    mlf__rng_init(&rng, sampler->seed, (uint64_t)view->trial->number, MLF__RNG_JOINT);
    return settings->group ? draw_groups(state, view, &rng, out)
                           : draw_joint(state, view, &rng, out);
}

static mlf_status tpe_suggest(struct mlf__sampler *sampler, const struct mlf__view *view,
                              uint32_t name, uint32_t dist, double *out)
{
    struct state *state = sampler->state;

    return mlf__tpe_model_suggest(state->model, sampler->seed, view,
                                  &(struct mlf__param_value){.name = name, .dist = dist}, out);
}

const struct mlf__sampler_ops mlf__sampler_tpe = {
    .name = "tpe",
    .state_size = sizeof(struct state),
    .settings = tpe_settings,
    .settings_size = sizeof(struct settings),
    .several_objectives = true,
    .open = tpe_open,
    .close = tpe_close,
    .ask = tpe_ask,
    .suggest = tpe_suggest,
};
