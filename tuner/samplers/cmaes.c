/* SPDX-License-Identifier: Apache-2.0 */
/* CMA-ES over the numbers that all complete trials have. A generation is as many complete trials as the population has,
 * drawn from one search distribution and marked with its number; the first ones told count. The state follows from the trials told:
 * points are taken from the trials' stored values. What has choices or conditions is left to chance. */
#include "core/mem.h"
#include "tuner/sampler.h"
#include "tuner/samplers/cmaes_core.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RESTARTS_OFF, RESTARTS_IPOP, RESTARTS_BIPOP };
/* A stream of random numbers beside those of rng.h: where a restart begins, by generation. */
enum { RNG_RESTART = 8 };
/* Populations grow to this power of two times the first one. */
enum { DOUBLINGS_MAX = 9 };

struct cmaes_settings {
    int64_t popsize;
    double sigma;
    bool separable, margin, pruned;
    int restarts;
};

struct cmaes_state {
    struct mlf__joint_space space;
    size_t n_joint;          /* of |space| when |names| was made */
    bool is_taken;           /* |names| are those of |space|; else a search could not be begun */
    uint32_t *names, *dists; /* the numbers among them: the coordinates */
    uint32_t *places; /* where a trial had them last, since most have them in the same order */
    struct mlf__cmaes core; /* dim 0: nothing to draw yet */
    double *point, *raw;    /* of one draw */
    double *low, *width;    /* of the coordinates' columns */
    int64_t mark;           /* of the generation that is going on */
    uint32_t *members;      /* its trials so far */
    size_t n_members;
    unsigned doublings;
    bool is_small;      /* BIPOP: a search with a small population is going on */
    uint64_t budget[2]; /* evaluations spent by searches with large and with small populations */
};

/* Forgets the search, and keeps what tells trials apart. */
static void end_search(struct cmaes_state *state)
{
    mlf__cmaes_free(&state->core);
    mlf__free(state->point);
    mlf__free(state->members);
    state->point = NULL;
    state->members = NULL;
    state->n_members = 0;
}

static void cmaes_close(struct mlf__sampler *sampler)
{
    struct cmaes_state *state = sampler->state;

    end_search(state);
    mlf__joint_space_free(&state->space);
    mlf__free(state->names);
}

static mlf_status cmaes_open(struct mlf__sampler *sampler)
{
    const struct cmaes_settings *settings = sampler->settings;

    if (settings->separable && settings->margin)
        return mlf__fail(MLF_ERR_INVAL, "cmaes: separable=on and margin=on do not go together");
    return MLF_OK;
}

static const struct mlf__dist *coordinate(const struct mlf__sampler *sampler, size_t i)
{
    const struct cmaes_state *state = sampler->state;
    return &sampler->history->dists[state->dists[i]];
}

/* As mlf__cmaes_from_unit(), by columns that are known. */
static double value_at(const struct mlf__sampler *sampler, size_t i, double unit)
{
    const struct cmaes_state *state = sampler->state;
    return mlf__dist_from_column(coordinate(sampler, i), state->low[i] + unit * state->width[i]);
}

/* Begins a search over the |dim| coordinates; |options| has what differs from search to search. */
static mlf_status begin_search(struct mlf__sampler *sampler, size_t dim,
                               struct mlf__cmaes_options *options)
{
    const struct cmaes_settings *settings = sampler->settings;
    struct cmaes_state *state = sampler->state;
    double *cells = NULL;

    end_search(state);
    if (settings->margin) {
        cells = mlf__zalloc(dim, sizeof(double));
        if (cells == NULL)
            return MLF_ERR_NOMEM;
        for (size_t i = 0; i < dim; i++)
            if (!coordinate(sampler, i)->log)
                cells[i] = (double)mlf__dist_count(coordinate(sampler, i));
    }
    options->dim = dim;
    options->separable = settings->separable;
    options->cells = cells;
    mlf_status status = mlf__cmaes_init(&state->core, options);
    mlf__free(cells);
    if (status != MLF_OK)
        return status;
    state->point = mlf__zalloc(4 * dim, sizeof(double));
    state->members = mlf__zalloc(state->core.popsize, sizeof(uint32_t));
    if (state->point == NULL || state->members == NULL) {
        end_search(state);
        return MLF_ERR_NOMEM;
    }
    state->raw = state->point + dim;
    state->low = state->raw + dim;
    state->width = state->low + dim;
    for (size_t i = 0; i < dim; i++) {
        double high;
        mlf__dist_column(coordinate(sampler, i), &state->low[i], &high);
        state->width[i] = high - state->low[i];
    }
    return MLF_OK;
}

/* The space has shrunk, or is known for the first time: its numbers become the coordinates of a new search. */
static mlf_status take_space(struct mlf__sampler *sampler)
{
    const struct cmaes_settings *settings = sampler->settings;
    struct cmaes_state *state = sampler->state;
    const struct mlf__joint_space *space = &state->space;
    size_t dim = 0;

    end_search(state);
    mlf__free(state->names);
    state->names = mlf__zalloc(space->n, 3 * sizeof(uint32_t));
    if (state->names == NULL)
        return MLF_ERR_NOMEM;
    state->dists = state->names + space->n;
    state->places = state->dists + space->n;
    for (size_t i = 0; i < space->n; i++) {
        const struct mlf__dist *dist = &sampler->history->dists[space->dists[i]];
        if (dist->kind == MLF__DIST_CATEGORICAL || mlf__dist_is_single(dist))
            continue;
        state->names[dim] = space->names[i];
        state->dists[dim++] = space->dists[i];
    }
    state->n_joint = space->n;
    state->mark++;
    state->doublings = 0;
    state->is_small = false;
    state->budget[0] = state->budget[1] = 0;
    struct mlf__cmaes_options options = {.popsize = (size_t)settings->popsize,
                                         .sigma = settings->sigma};
    return dim > 0 ? begin_search(sampler, dim, &options) : MLF_OK;
}

/* ---- restarts ---- */

/* Population and step size of the next search. IPOP (Auger, Hansen, CEC 2005) doubles the population each time; BIPOP
 * (Hansen, GECCO 2009) does so as long as the searches with large populations have had no more evaluations than those with
 * small ones, whose size and step are drawn at random. */
static void plan_restart(struct mlf__sampler *sampler, struct mlf__rng *rng,
                         struct mlf__cmaes_options *options)
{
    const struct cmaes_settings *settings = sampler->settings;
    struct cmaes_state *state = sampler->state;
    size_t first = settings->popsize > 0 ? (size_t)settings->popsize
                                         : 4 + (size_t)(3 * log((double)state->core.dim));

    state->is_small = settings->restarts == RESTARTS_BIPOP && state->doublings > 0 &&
                      state->budget[1] < state->budget[0];
    if (!state->is_small && state->doublings < DOUBLINGS_MAX)
        state->doublings++;
    double factor = ldexp(1, (int)state->doublings);
    options->popsize = first << state->doublings;
    options->sigma = settings->sigma;
    if (state->is_small) {
        double u = mlf__rng_uniform(rng), power = mlf__rng_uniform(rng);
        options->popsize = (size_t)fmax(2, floor((double)first * pow(factor / 2, u * u)));
        options->sigma *= pow(10, -2 * power);
    }
}

/* Begins again somewhere in the space, when the search has come to its end. */
static mlf_status restart(struct mlf__sampler *sampler)
{
    struct cmaes_state *state = sampler->state;
    size_t dim = state->core.dim;
    struct mlf__cmaes_options options = {0};
    struct mlf__rng rng;

    mlf__rng_init(&rng, sampler->seed, (uint64_t)state->mark, RNG_RESTART);
    state->budget[state->is_small] += state->core.generation * state->core.popsize;
    plan_restart(sampler, &rng, &options);
    double *mean = mlf__zalloc(dim, sizeof(double));
    if (mean == NULL)
        return MLF_ERR_NOMEM;
    for (size_t i = 0; i < dim; i++)
        mean[i] = mlf__rng_uniform(&rng);
    options.mean = mean;
    mlf_status status = begin_search(sampler, dim, &options);
    mlf__free(mean);
    return status;
}

/* ---- telling ---- */

/* The trial's parameter that is coordinate |i|; NULL when it has none. */
static const struct mlf__param_value *param_of(struct cmaes_state *state,
                                               const struct mlf__trial *trial, size_t i)
{
    uint32_t place = state->places[i];

    if (place < trial->n_params && trial->params[place].name == state->names[i])
        return &trial->params[place];
    const struct mlf__param_value *param = mlf__trial_param(trial, state->names[i]);
    if (param != NULL)
        state->places[i] = (uint32_t)(param - trial->params);
    return param;
}

/* A complete trial has all coordinates, another one may lack some. */
static bool has_point(struct cmaes_state *state, const struct mlf__trial *trial)
{
    for (size_t i = 0; i < state->core.dim; i++) {
        const struct mlf__param_value *param = param_of(state, trial, i);
        if (param == NULL || param->dist != state->dists[i])
            return false;
    }
    return true;
}

/* The point of a trial of this generation. What a margin rounds off is drawn again, which only gives the trial's values when it was
 * given none. */
static void point_of(struct mlf__sampler *sampler, const struct mlf__trial *trial, double *out)
{
    const struct cmaes_settings *settings = sampler->settings;
    struct cmaes_state *state = sampler->state;

    if (settings->margin) {
        struct mlf__rng rng;
        mlf__rng_init(&rng, sampler->seed, (uint64_t)trial->number, MLF__RNG_JOINT);
        mlf__cmaes_sample(&state->core, &rng, state->point, state->raw);
    }
    for (size_t i = 0; i < state->core.dim; i++) {
        const struct mlf__dist *dist = coordinate(sampler, i);
        double value = param_of(state, trial, i)->value;
        if (settings->margin && value_at(sampler, i, state->point[i]) == value)
            out[i] = state->raw[i];
        else
            out[i] = mlf__cmaes_to_unit(dist, value);
    }
}

/* Puts infeasible trials behind the others, by violation; the order of telling stays where that is the same. */
static void sort_by_violation(const struct mlf__history *history, uint32_t *members, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        uint32_t moved = members[i];
        size_t at = i;
        for (; at > 0 &&
               history->trials[members[at - 1]]->violation > history->trials[moved]->violation;
             at--)
            members[at] = members[at - 1];
        members[at] = moved;
    }
}

static mlf_status end_generation(struct mlf__sampler *sampler)
{
    const struct cmaes_settings *settings = sampler->settings;
    const struct mlf__history *history = sampler->history;
    struct cmaes_state *state = sampler->state;
    size_t dim = state->core.dim, n = state->n_members;
    double sign = history->directions[0] == MLF_MAXIMIZE ? -1 : 1;
    double *values = mlf__zalloc(n, (dim + 1) * sizeof(double));

    if (values == NULL)
        return MLF_ERR_NOMEM;
    double *points = values + n;
    sort_by_violation(history, state->members, n);
    for (size_t k = 0; k < n; k++) {
        const struct mlf__trial *trial = history->trials[state->members[k]];
        point_of(sampler, trial, points + k * dim);
        values[k] = trial->violation > 0 ? INFINITY : sign * mlf__trial_values(trial)[0];
    }
    mlf_status status = mlf__cmaes_update(&state->core, points, values);
    mlf__free(values);
    if (status != MLF_OK)
        return status;
    state->n_members = 0;
    state->mark++;
    if (settings->restarts != RESTARTS_OFF && mlf__cmaes_stop(&state->core) != NULL)
        return restart(sampler);
    return MLF_OK;
}

static mlf_status cmaes_tell(struct mlf__sampler *sampler, const struct mlf__trial *trial)
{
    const struct cmaes_settings *settings = sampler->settings;
    struct cmaes_state *state = sampler->state;
    mlf_status status =
        mlf__joint_space_update(&state->space, sampler->history, trial->told + 1, false);

    if (status == MLF_OK && state->space.begun &&
        (!state->is_taken || state->n_joint != state->space.n)) {
        status = take_space(sampler);
        state->is_taken = status == MLF_OK;
    }
    if (status != MLF_OK)
        return status;
    bool counts = trial->state == MLF_TRIAL_COMPLETE ||
                  (trial->state == MLF_TRIAL_PRUNED && settings->pruned && trial->n_values > 0);
    if (!counts || isnan(mlf__trial_values(trial)[0]) || state->members == NULL ||
        trial->generation != state->mark || !has_point(state, trial))
        return MLF_OK;
    state->members[state->n_members++] = (uint32_t)trial->number;
    if (state->n_members < state->core.popsize)
        return MLF_OK;
    status = end_generation(sampler);
    if (status != MLF_OK) {
        state->n_members = 0; /* there is no room for more */
        state->is_taken = state->core.dim > 0;
    }
    return status;
}

/* ---- asking ---- */

static mlf_status cmaes_ask(struct mlf__sampler *sampler, const struct mlf__view *view,
                            struct mlf__joint *out)
{
    struct cmaes_state *state = sampler->state;
    struct mlf__rng rng;
    mlf_status status = MLF_OK;

    if (state->core.dim == 0)
        return MLF_OK;
    mlf__rng_init(&rng, sampler->seed, (uint64_t)view->trial->number, MLF__RNG_JOINT);
    mlf__cmaes_sample(&state->core, &rng, state->point, state->raw);
    for (size_t i = 0; i < state->core.dim && status == MLF_OK; i++)
        status = mlf__joint_add(out, state->names[i], state->dists[i],
                                value_at(sampler, i, state->point[i]));
    out->generation = state->mark;
    return status;
}

static mlf_status cmaes_suggest(struct mlf__sampler *sampler, const struct mlf__view *view,
                                uint32_t name, uint32_t dist, double *out)
{
    return mlf__sampler_random.suggest(sampler, view, name, dist, out);
}

static const struct mlf__setting cmaes_table[] = {
    {"popsize", MLF__SETTING_INT, offsetof(struct cmaes_settings, popsize), 2, 10000, 0, NULL},
    {"sigma", MLF__SETTING_FLOAT, offsetof(struct cmaes_settings, sigma), 1e-6, 10, 1.0 / 6, NULL},
    {"separable", MLF__SETTING_BOOL, offsetof(struct cmaes_settings, separable), 0, 0, 0, NULL},
    {"margin", MLF__SETTING_BOOL, offsetof(struct cmaes_settings, margin), 0, 0, 0, NULL},
    {"restarts", MLF__SETTING_CHOICE, offsetof(struct cmaes_settings, restarts), 0, 0,
     RESTARTS_BIPOP, "off|ipop|bipop"},
    {"pruned", MLF__SETTING_BOOL, offsetof(struct cmaes_settings, pruned), 0, 0, 0, NULL},
    {NULL, 0, 0, 0, 0, 0, NULL},
};

const struct mlf__sampler_ops mlf__sampler_cmaes = {
    .name = "cmaes",
    .state_size = sizeof(struct cmaes_state),
    .settings = cmaes_table,
    .settings_size = sizeof(struct cmaes_settings),
    .open = cmaes_open,
    .close = cmaes_close,
    .tell = cmaes_tell,
    .ask = cmaes_ask,
    .suggest = cmaes_suggest,
};
