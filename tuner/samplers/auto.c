/* SPDX-License-Identifier: Apache-2.0 */
/* The sampler "auto". Most trials come from one of three sources, chosen at random by fixed shares:
 *   - TPE, of groups of parameters together, or of each parameter alone;
 *   - a step of a local model (auto_local.h) within an arm, that is among the trials that had the same parameters and
 *     the same choices. Arms take turns, the better ones more often, but none is forgotten: TPE alone settles
 *     on one choice, or one branch of a conditional space, and stays there.
 *   - a choice that was made least often.
 * All of it follows from the finished trials. docs/design/tuner.md has the reasons for the shares. */
#include "core/mem.h"
#include "tuner/samplers/auto_local.h"
#include "tuner/samplers/tpe.h"

#include <math.h>
#include <string.h>

enum { STARTUP = 10, CANDIDATES = 24, LOCAL_POINTS_MAX = 2000, LOCAL_GROWN = 40 };

struct settings {
    double local, alone, explore; /* shares */
};

static const struct mlf__setting auto_settings[] = {
    {.name = "local",
     .kind = MLF__SETTING_FLOAT,
     .offset = offsetof(struct settings, local),
     .high = 1,
     .fallback = 0.5},
    {.name = "alone",
     .kind = MLF__SETTING_FLOAT,
     .offset = offsetof(struct settings, alone),
     .high = 1,
     .fallback = 0.1},
    {.name = "explore",
     .kind = MLF__SETTING_FLOAT,
     .offset = offsetof(struct settings, explore),
     .high = 1,
     .fallback = 0.05},
    {.name = NULL},
};

/* Trials with the same parameters and choices. */
struct arm {
    const struct mlf__trial *first; /* what they have in common */
    uint32_t *trials;
    size_t n, cap;
    uint64_t hash; /* of parameters and choices */
    double best;   /* to be minimised */
    uint32_t best_trial;
    size_t n_good; /* trials that the local model can use: complete, feasible, finite */
};

/* How many trials made a choice. */
struct tally {
    struct mlf__param_value choice;
    size_t n, n_choices;
};

struct state {
    struct mlf__tpe_model *model;
    struct tally *tallies;
    size_t n_tallies, cap_tallies;
    struct mlf__tpe_groups groups;
    struct arm *arms;
    size_t n_arms, cap_arms;
    size_t n_seen; /* of history->told */
};

/* ---- arms ---- */

static bool is_choice(const struct mlf__history *history, const struct mlf__param_value *param)
{
    return history->dists[param->dist].kind == MLF__DIST_CATEGORICAL;
}

static bool is_of_arm(const struct mlf__history *history, const struct arm *arm,
                      const struct mlf__trial *trial)
{
    if (trial->n_params != arm->first->n_params)
        return false;
    for (size_t i = 0; i < trial->n_params; i++) {
        const struct mlf__param_value *param = &trial->params[i];
        const struct mlf__param_value *other = mlf__trial_param(arm->first, param->name);
        if (other == NULL || other->dist != param->dist ||
            (is_choice(history, param) && other->value != param->value))
            return false;
    }
    return true;
}

/* The same whatever the order of the parameters. */
static uint64_t hash_of(const struct mlf__history *history, const struct mlf__trial *trial)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < trial->n_params; i++) {
        const struct mlf__param_value *param = &trial->params[i];
        uint64_t one = ((uint64_t)param->name << 32) ^ param->dist;
        if (is_choice(history, param))
            one ^= (uint64_t)(param->value + 1) << 20;
        one *= 0x9e3779b97f4a7c15u;
        sum += one ^ (one >> 31);
    }
    return sum;
}

static double loss_of(const struct mlf__history *history, const struct mlf__trial *trial)
{
    return history->directions[0] == MLF_MAXIMIZE ? -trial->value : trial->value;
}

static bool is_good(const struct mlf__trial *trial)
{
    return trial->state == MLF_TRIAL_COMPLETE && !(trial->violation > 0) && isfinite(trial->value);
}

static mlf_status add_to_arm(struct state *state, const struct mlf__history *history,
                             const struct mlf__trial *trial)
{
    struct arm *arm = NULL;
    uint64_t hash = hash_of(history, trial);
    for (size_t i = 0; i < state->n_arms && arm == NULL; i++)
        if (state->arms[i].hash == hash && is_of_arm(history, &state->arms[i], trial))
            arm = &state->arms[i];
    if (arm == NULL) {
        mlf_status status = mlf__grow((void **)&state->arms, &state->cap_arms, state->n_arms + 1,
                                      sizeof(*state->arms));
        if (status != MLF_OK)
            return status;
        arm = &state->arms[state->n_arms++];
        *arm = (struct arm){.first = trial, .hash = hash, .best = INFINITY};
    }
    mlf_status status =
        mlf__grow((void **)&arm->trials, &arm->cap, arm->n + 1, sizeof(*arm->trials));
    if (status != MLF_OK)
        return status;
    arm->trials[arm->n++] = (uint32_t)trial->number;
    if (is_good(trial)) {
        double loss = loss_of(history, trial);
        arm->n_good++;
        if (loss < arm->best) {
            arm->best = loss;
            arm->best_trial = (uint32_t)trial->number;
        }
    }
    return MLF_OK;
}

/* All choices of a parameter are entered when it is seen first. */
static mlf_status count_choice(struct state *state, const struct mlf__history *history,
                               const struct mlf__param_value *param)
{
    size_t n_choices = history->dists[param->dist].n_choices, at = 0;
    while (at < state->n_tallies && state->tallies[at].choice.name != param->name)
        at += state->tallies[at].n_choices;
    if (at == state->n_tallies) {
        mlf_status status = mlf__grow((void **)&state->tallies, &state->cap_tallies,
                                      state->n_tallies + n_choices, sizeof(*state->tallies));
        if (status != MLF_OK)
            return status;
        for (size_t c = 0; c < n_choices; c++)
            state->tallies[state->n_tallies++] =
                (struct tally){{param->name, param->dist, (double)c}, 0, n_choices};
    }
    if (param->value >= 0 && param->value < (double)state->tallies[at].n_choices)
        state->tallies[at + (size_t)param->value].n++;
    return MLF_OK;
}

static mlf_status count_choices(struct state *state, const struct mlf__history *history,
                                const struct mlf__trial *trial)
{
    mlf_status status = MLF_OK;
    for (size_t i = 0; i < trial->n_params && status == MLF_OK; i++)
        if (is_choice(history, &trial->params[i]))
            status = count_choice(state, history, &trial->params[i]);
    return status;
}

static mlf_status update_arms(struct state *state, const struct mlf__history *history,
                              size_t n_told)
{
    mlf_status status = MLF_OK;
    for (; state->n_seen < n_told && status == MLF_OK; state->n_seen++) {
        const struct mlf__trial *trial = history->trials[history->told[state->n_seen]];
        if (trial->state == MLF_TRIAL_COMPLETE || trial->state == MLF_TRIAL_PRUNED)
            status = add_to_arm(state, history, trial);
        if (status == MLF_OK && trial->state != MLF_TRIAL_FAIL)
            status = count_choices(state, history, trial);
    }
    return status;
}

/* Each arm's fair share halves with its rank, down to a tenth of the best one's: the arm that is most behind its share. */
static const struct arm *next_arm(const struct state *state)
{
    const struct arm *next = NULL;
    double least = INFINITY;
    for (size_t i = 0; i < state->n_arms; i++) {
        const struct arm *arm = &state->arms[i];
        double share = 1;
        if (arm->n_good == 0)
            continue;
        for (size_t k = 0; k < state->n_arms && share > 0.1; k++)
            share *= state->arms[k].best < arm->best ? 0.5 : 1;
        double behind = (double)arm->n / fmax(share, 0.1);
        if (behind < least) {
            least = behind;
            next = arm;
        }
    }
    return next;
}

/* ---- a step in an arm ---- */

/* The arm's numbers that have more than one value, as a cube. */
struct cube {
    size_t d, n;
    const struct mlf__param_value **params; /* of the arm's first trial */
    double *points, *values, *out;
};

static void free_cube(struct cube *cube)
{
    mlf__free(cube->params);
    mlf__free(cube->points);
    mlf__free(cube->values);
    mlf__free(cube->out);
}

static double to_unit(const struct mlf__dist *dist, double value)
{
    double low, high;
    mlf__dist_column(dist, &low, &high);
    return (mlf__dist_to_column(dist, value) - low) / (high - low);
}

static double from_unit(const struct mlf__dist *dist, double unit)
{
    double low, high;
    mlf__dist_column(dist, &low, &high);
    return mlf__dist_from_column(dist, low + unit * (high - low));
}

static void add_point(const struct mlf__history *history, const struct mlf__trial *trial,
                      struct cube *cube)
{
    for (size_t k = 0; k < cube->d; k++)
        cube->points[cube->n * cube->d + k] =
            to_unit(&history->dists[cube->params[k]->dist],
                    mlf__trial_param(trial, cube->params[k]->name)->value);
    cube->values[cube->n++] = loss_of(history, trial);
}

static mlf_status make_cube(const struct mlf__history *history, const struct arm *arm,
                            struct cube *cube)
{
    const struct mlf__trial *first = arm->first;
    size_t from = arm->n > LOCAL_POINTS_MAX ? arm->n - LOCAL_POINTS_MAX : 0;
    *cube = (struct cube){0};
    cube->params = mlf__alloc(first->n_params * sizeof(void *));
    for (size_t i = 0; cube->params != NULL && i < first->n_params; i++)
        if (!is_choice(history, &first->params[i]) &&
            !mlf__dist_is_single(&history->dists[first->params[i].dist]))
            cube->params[cube->d++] = &first->params[i];
    cube->points = mlf__alloc((arm->n - from) * cube->d * sizeof(*cube->points));
    cube->values = mlf__alloc((arm->n - from) * sizeof(*cube->values));
    cube->out = mlf__alloc(cube->d * sizeof(*cube->out));
    if (cube->params == NULL || cube->points == NULL || cube->values == NULL || cube->out == NULL) {
        free_cube(cube);
        return MLF_ERR_NOMEM;
    }
    for (size_t i = from; i < arm->n; i++) {
        /* The oldest ones make room, but for the best. */
        bool keep_best = i == from && arm->best_trial < arm->trials[from];
        const struct mlf__trial *trial =
            history->trials[keep_best ? arm->best_trial : arm->trials[i]];
        if (is_good(trial))
            add_point(history, trial, cube);
    }
    return MLF_OK;
}

/* The arm's choices, and numbers by |cube|. */
static mlf_status give(const struct mlf__history *history, const struct arm *arm,
                       const struct cube *cube, struct mlf__joint *out)
{
    mlf_status status = MLF_OK;
    for (size_t i = 0; i < arm->first->n_params && status == MLF_OK; i++)
        if (is_choice(history, &arm->first->params[i]))
            status = mlf__joint_add(out, arm->first->params[i].name, arm->first->params[i].dist,
                                    arm->first->params[i].value);
    for (size_t k = 0; k < cube->d && status == MLF_OK; k++)
        status = mlf__joint_add(out, cube->params[k]->name, cube->params[k]->dist,
                                from_unit(&history->dists[cube->params[k]->dist], cube->out[k]));
    return status;
}

/* |*given| is false when there is nothing to be found there any more. */
static mlf_status step_in_arm(const struct mlf__view *view, const struct arm *arm,
                              struct mlf__rng *rng, struct mlf__joint *out, bool *given)
{
    struct cube cube;
    mlf_status status = make_cube(view->history, arm, &cube);
    *given = false;
    if (status != MLF_OK)
        return status;
    if (cube.d > 0 && cube.n > 0) {
        struct mlf__auto_local local = {cube.n, cube.d, cube.points, cube.values};
        bool others = view->history->n_running > 1;
        status = mlf__auto_local_step(&local, others, rng, cube.out, given);
        for (size_t k = 0; k < cube.d && cube.n <= 2; k++)
            cube.out[k] = mlf__rng_uniform(rng);
        *given = *given || cube.n <= 2;
        if (status == MLF_OK && *given)
            status = give(view->history, arm, &cube, out);
    }
    free_cube(&cube);
    return status;
}

/* ---- the other sources ---- */

/* The choice that was made least often, as a part of what would be fair. */
static mlf_status rarest_choice(const struct state *state, struct mlf__joint *out)
{
    const struct tally *rarest = NULL;
    for (size_t i = 0; i < state->n_tallies; i++) {
        const struct tally *tally = &state->tallies[i];
        if (rarest == NULL || tally->n * tally->n_choices < rarest->n * rarest->n_choices)
            rarest = tally;
    }
    if (rarest == NULL)
        return MLF_OK;
    return mlf__joint_add(out, rarest->choice.name, rarest->choice.dist, rarest->choice.value);
}

static mlf_status draw_groups(struct state *state, const struct mlf__view *view,
                              struct mlf__rng *rng, struct mlf__joint *out)
{
    const struct mlf__tpe_groups *groups = &state->groups;
    mlf_status status = MLF_OK;
    for (size_t from = 0, to; from < groups->n && status == MLF_OK; from = to) {
        to = mlf__tpe_groups_end(groups, from);
        status = mlf__tpe_model_draw_some(state->model, view, groups->names + from,
                                          groups->dists + from, to - from, rng, out);
    }
    return status;
}

static mlf_status choose(struct mlf__sampler *sampler, struct state *state,
                         const struct mlf__view *view, struct mlf__joint *out)
{
    const struct settings *settings = sampler->settings;
    struct mlf__rng rng;
    bool given = false;
    mlf_status status = MLF_OK;

    mlf__rng_init(&rng, sampler->seed, (uint64_t)view->trial->number, MLF__RNG_JOINT);
    double source = mlf__rng_uniform(&rng);
    /* The first steps would be from poor places, and in neighbourhoods as large as the space. */
    double grown = fmin(1, (double)view->n_told / LOCAL_GROWN);
    const struct arm *arm = source < settings->local * grown ? next_arm(state) : NULL;
    if (arm != NULL)
        status = step_in_arm(view, arm, &rng, out, &given);
    if (status != MLF_OK || given)
        return status;
    /* Where the local search has come to an end, other basins are more likely found parameter by parameter. */
    double alone = arm != NULL ? 0.5 : settings->alone;
    source = mlf__rng_uniform(&rng);
    if (source < alone)
        return MLF_OK;
    if (source < alone + settings->explore)
        return rarest_choice(state, out);
    return draw_groups(state, view, &rng, out);
}

/* ---- the sampler ---- */

static void free_arms(struct state *state)
{
    for (size_t i = 0; i < state->n_arms; i++)
        mlf__free(state->arms[i].trials);
    mlf__free(state->arms);
    mlf__free(state->tallies);
    mlf__tpe_groups_free(&state->groups);
}

static mlf_status auto_open(struct mlf__sampler *sampler)
{
    struct state *state = sampler->state;
    struct mlf__tpe_options options = {
        .n_startup = STARTUP, .n_candidates = CANDIDATES, .liar = true};
    return mlf__tpe_model_open(sampler->history, &options, &state->model);
}

static void auto_close(struct mlf__sampler *sampler)
{
    struct state *state = sampler->state;
    mlf__tpe_model_close(state->model);
    free_arms(state);
}

static mlf_status auto_ask(struct mlf__sampler *sampler, const struct mlf__view *view,
                           struct mlf__joint *out)
{
    struct state *state = sampler->state;
    bool ready = false;
    mlf_status status = mlf__tpe_model_is_ready(state->model, view, &ready);
    if (status != MLF_OK || !ready || view->history->n_objectives > 1)
        return status;
    status = mlf__tpe_groups_update(&state->groups, view->history, view->n_told);
    if (status == MLF_OK)
        status = update_arms(state, view->history, view->n_told);
    return status == MLF_OK ? choose(sampler, state, view, out) : status;
}

static mlf_status auto_suggest(struct mlf__sampler *sampler, const struct mlf__view *view,
                               uint32_t name, uint32_t dist, double *out)
{
    struct state *state = sampler->state;

    return mlf__tpe_model_suggest(state->model, sampler->seed, view,
                                  &(struct mlf__param_value){.name = name, .dist = dist}, out);
}

const struct mlf__sampler_ops mlf__sampler_auto = {
    .name = "auto",
    .state_size = sizeof(struct state),
    .settings = auto_settings,
    .settings_size = sizeof(struct settings),
    .several_objectives = true,
    .open = auto_open,
    .close = auto_close,
    .ask = auto_ask,
    .suggest = auto_suggest,
};
