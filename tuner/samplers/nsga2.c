/* SPDX-License-Identifier: Apache-2.0 */
/* NSGA-II (Deb, Pratap, Agarwal, Meyarivan, IEEE TEC 6(2), 2002), a trial at a time: as many complete trials as the population has
 * are a generation, in the order of telling, whichever generation they were drawn for, so that none is lost when trials go on at
 * the same time. Parents are the elite of a generation and of its own parents. The first generation is
 * random, and so are parameters that not all trials have. The state follows from the trials told. */
#include "core/mem.h"
#include "tuner/pareto.h"
#include "tuner/sampler.h"
#include "tuner/samplers/cmaes_core.h"
#include "tuner/samplers/nsga2_cross.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MUTATE_RESAMPLE, MUTATE_POLYNOMIAL };
/* Children that lie outside are made again so often; then they are clipped. */
enum { CHILD_TRIES = 100 };

struct nsga2_settings {
    int64_t population;
    int crossover, mutation;
    double crossover_prob, swap_prob, mutation_prob;
};

struct nsga2_state {
    struct mlf__joint_space space;
    uint32_t *members; /* of the generation that is going on */
    size_t n_members;
    uint32_t *parents;
    size_t n_parents;
    double *parent_values; /* their objectives, to be minimised */
    int64_t mark;          /* of the generation that is going on */
};

/* A member of a generation and its parents, of which an elite is chosen. */
struct candidate {
    uint32_t trial, rank;
    double crowding;
    const double *values;
};

static mlf_status nsga2_open(struct mlf__sampler *sampler)
{
    const struct nsga2_settings *settings = sampler->settings;
    struct nsga2_state *state = sampler->state;
    size_t n = (size_t)settings->population;

    state->members = mlf__zalloc(n, sizeof(uint32_t));
    state->parents = mlf__zalloc(n, sizeof(uint32_t));
    state->parent_values = mlf__zalloc(n, sampler->history->n_objectives * sizeof(double));
    if (state->members == NULL || state->parents == NULL || state->parent_values == NULL)
        return MLF_ERR_NOMEM;
    return MLF_OK;
}

static void nsga2_close(struct mlf__sampler *sampler)
{
    struct nsga2_state *state = sampler->state;

    mlf__joint_space_free(&state->space);
    mlf__free(state->members);
    mlf__free(state->parents);
    mlf__free(state->parent_values);
}

/* ---- the elite ---- */

/* A neighbour's distance in parts of the whole; with infinite values the whole may be infinite. */
static double part_of(double distance, double whole)
{
    if (isnan(distance) || !(whole > 0))
        return 0; /* both neighbours are the same infinity, or all are equal */
    return isinf(distance) ? 1 : distance / whole;
}

struct by_value {
    double value;
    size_t index;
};

static int compare_values(const void *a, const void *b)
{
    const struct by_value *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

/* Crowding distances of |n| candidates of one rank (Deb et al., III.B). */
static mlf_status set_crowding(struct candidate *candidates, size_t n, size_t m)
{
    struct by_value *order = mlf__zalloc(n, sizeof(*order));

    if (order == NULL)
        return MLF_ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        candidates[i].crowding = 0;
    for (size_t k = 0; k < m; k++) {
        for (size_t i = 0; i < n; i++)
            order[i] = (struct by_value){.value = candidates[i].values[k], .index = i};
        qsort(order, n, sizeof(*order), compare_values);
        double whole = order[n - 1].value - order[0].value;
        candidates[order[0].index].crowding = INFINITY;
        candidates[order[n - 1].index].crowding = INFINITY;
        for (size_t i = 1; i + 1 < n; i++)
            candidates[order[i].index].crowding +=
                part_of(order[i + 1].value - order[i - 1].value, whole);
    }
    mlf__free(order);
    return MLF_OK;
}

static int compare_ranks(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return x->trial < y->trial ? -1 : 1;
}

static int compare_crowding(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->crowding != y->crowding)
        return x->crowding > y->crowding ? -1 : 1;
    return x->trial < y->trial ? -1 : 1;
}

/* Puts the |want| best candidates first: by rank, within the last rank that finds a place by crowding. */
static mlf_status sort_elite(struct candidate *candidates, size_t n, size_t want, size_t m)
{
    qsort(candidates, n, sizeof(*candidates), compare_ranks);
    if (n <= want)
        return MLF_OK;
    size_t first = want, last = want;
    while (first > 0 && candidates[first - 1].rank == candidates[want].rank)
        first--;
    while (last < n && candidates[last].rank == candidates[want].rank)
        last++;
    mlf_status status = set_crowding(candidates + first, last - first, m);
    if (status == MLF_OK)
        qsort(candidates + first, last - first, sizeof(*candidates), compare_crowding);
    return status;
}

/* Objectives to be minimised, and violations, of the members and then of the parents. */
static void gather(const struct mlf__sampler *sampler, struct candidate *candidates, double *values,
                   double *violations)
{
    const struct mlf__history *history = sampler->history;
    const struct nsga2_state *state = sampler->state;
    size_t m = history->n_objectives;

    for (size_t i = 0; i < state->n_members + state->n_parents; i++) {
        uint32_t number =
            i < state->n_members ? state->members[i] : state->parents[i - state->n_members];
        const struct mlf__trial *trial = history->trials[number];
        for (size_t k = 0; k < m; k++)
            values[i * m + k] = history->directions[k] == MLF_MAXIMIZE
                                    ? -mlf__trial_values(trial)[k]
                                    : mlf__trial_values(trial)[k];
        violations[i] = trial->violation;
        candidates[i] = (struct candidate){.trial = number, .values = values + i * m};
    }
}

static mlf_status end_generation(struct mlf__sampler *sampler)
{
    const struct nsga2_settings *settings = sampler->settings;
    struct nsga2_state *state = sampler->state;
    size_t n = state->n_members + state->n_parents, m = sampler->history->n_objectives;
    size_t want = (size_t)settings->population;
    struct candidate *candidates = mlf__zalloc(n, sizeof(*candidates));
    double *values = mlf__zalloc(n, (m + 1) * sizeof(double));
    uint32_t *ranks = mlf__zalloc(n, sizeof(uint32_t));
    mlf_status status = MLF_ERR_NOMEM;

    if (candidates == NULL || values == NULL || ranks == NULL)
        goto out;
    gather(sampler, candidates, values, values + n * m);
    status = mlf__pareto_ranks(values, n, m, values + n * m, 0, ranks);
    if (status != MLF_OK)
        goto out;
    for (size_t i = 0; i < n; i++)
        candidates[i].rank = ranks[i];
    status = sort_elite(candidates, n, want, m);
    if (status != MLF_OK)
        goto out;
    state->n_parents = n < want ? n : want;
    for (size_t i = 0; i < state->n_parents; i++) {
        state->parents[i] = candidates[i].trial;
        memcpy(state->parent_values + i * m, candidates[i].values, m * sizeof(double));
    }
    state->n_members = 0;
    state->mark++;
out:
    mlf__free(candidates);
    mlf__free(values);
    mlf__free(ranks);
    return status;
}

static mlf_status nsga2_tell(struct mlf__sampler *sampler, const struct mlf__trial *trial)
{
    const struct nsga2_settings *settings = sampler->settings;
    struct nsga2_state *state = sampler->state;
    mlf_status status =
        mlf__joint_space_update(&state->space, sampler->history, trial->told + 1, false);

    if (status != MLF_OK || trial->state != MLF_TRIAL_COMPLETE ||
        trial->n_values != sampler->history->n_objectives)
        return status;
    state->members[state->n_members++] = (uint32_t)trial->number;
    if (state->n_members < (size_t)settings->population)
        return MLF_OK;
    status = end_generation(sampler);
    if (status != MLF_OK)
        state->n_members = 0; /* there is no room for more */
    return status;
}

/* ---- a child ---- */

/* What a child is made of, and in. */
struct litter {
    const struct mlf__sampler *sampler;
    struct mlf__rng rng;
    size_t n, n_numbers; /* coordinates; the first ones are numbers, the rest choices */
    uint32_t *names, *dists;
    const struct mlf__trial *parents[MLF__PARENTS_MAX];
    double *points[MLF__PARENTS_MAX]; /* the parents' numbers in the unit cube */
    double *child;
};

static const struct mlf__dist *dist_of(const struct litter *litter, size_t i)
{
    return &litter->sampler->history->dists[litter->dists[i]];
}

/* The parameter of a parent: every complete trial has those of the joint space. */
static double gene(const struct litter *litter, size_t parent, size_t i)
{
    return mlf__trial_param(litter->parents[parent], litter->names[i])->value;
}

static mlf_status litter_init(struct litter *litter, const struct mlf__sampler *sampler,
                              uint64_t number)
{
    const struct nsga2_state *state = sampler->state;
    const struct mlf__joint_space *space = &state->space;

    *litter = (struct litter){.sampler = sampler};
    mlf__rng_init(&litter->rng, sampler->seed, number, MLF__RNG_JOINT);
    litter->names = mlf__zalloc(2 * space->n, sizeof(uint32_t));
    litter->child = mlf__zalloc((MLF__PARENTS_MAX + 1) * space->n, sizeof(double));
    if (litter->names == NULL || litter->child == NULL)
        return MLF_ERR_NOMEM;
    litter->dists = litter->names + space->n;
    for (size_t k = 0; k < MLF__PARENTS_MAX; k++)
        litter->points[k] = litter->child + (k + 1) * space->n;
    for (int choices = 0; choices < 2; choices++) {
        for (size_t i = 0; i < space->n; i++) {
            const struct mlf__dist *dist = &sampler->history->dists[space->dists[i]];
            if (mlf__dist_is_single(dist) || (dist->kind == MLF__DIST_CATEGORICAL) != choices)
                continue;
            litter->names[litter->n] = space->names[i];
            litter->dists[litter->n++] = space->dists[i];
        }
        if (!choices)
            litter->n_numbers = litter->n;
    }
    return MLF_OK;
}

static bool dominates(const struct mlf__sampler *sampler, size_t a, size_t b)
{
    const struct nsga2_state *state = sampler->state;
    size_t m = sampler->history->n_objectives;
    double violation_a = sampler->history->trials[state->parents[a]]->violation;
    double violation_b = sampler->history->trials[state->parents[b]]->violation;

    if (violation_a > 0 || violation_b > 0)
        return violation_a < violation_b;
    return mlf__pareto_dominates(state->parent_values + a * m, state->parent_values + b * m, m);
}

/* Chooses |n| different parents, each the better of two drawn at random. */
static void choose_parents(struct litter *litter, size_t n)
{
    const struct nsga2_state *state = litter->sampler->state;
    const struct mlf__history *history = litter->sampler->history;
    size_t taken[MLF__PARENTS_MAX];

    for (size_t k = 0; k < n; k++) {
        size_t drawn[2];
        for (size_t i = 0; i < 2; i++) {
            /* Steps over those taken already, which are kept ascending. */
            drawn[i] = mlf__rng_below(&litter->rng, state->n_parents - k);
            for (size_t t = 0; t < k; t++)
                drawn[i] += drawn[i] >= taken[t];
        }
        size_t winner = dominates(litter->sampler, drawn[0], drawn[1]) ? drawn[0] : drawn[1];
        litter->parents[k] = history->trials[state->parents[winner]];
        size_t at = k;
        for (; at > 0 && taken[at - 1] > winner; at--)
            taken[at] = taken[at - 1];
        taken[at] = winner;
    }
}

static bool is_inside(const double *point, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(point[i] >= 0 && point[i] <= 1))
            return false;
    return true;
}

/* Numbers by the crossover of the settings, choices by the uniform one. */
static void cross(struct litter *litter)
{
    const struct nsga2_settings *settings = litter->sampler->settings;
    size_t n_parents = mlf__crossover_parents((enum mlf__crossover)settings->crossover);
    /* The distribution indices that Deb uses with several objectives, and with one. */
    struct mlf__cross numbers = {.crossover = (enum mlf__crossover)settings->crossover,
                                 .swap_prob = settings->swap_prob,
                                 .eta = litter->sampler->history->n_objectives > 1 ? 20 : 2,
                                 .dim = litter->n_numbers};

    for (int tries = 0; tries < CHILD_TRIES; tries++) {
        choose_parents(litter, n_parents);
        for (size_t k = 0; k < n_parents; k++) {
            for (size_t i = 0; i < litter->n_numbers; i++)
                litter->points[k][i] = mlf__cmaes_to_unit(dist_of(litter, i), gene(litter, k, i));
            numbers.parents[k] = litter->points[k];
        }
        mlf__cross(&numbers, &litter->rng, litter->child);
        if (is_inside(litter->child, litter->n_numbers))
            break;
    }
    for (size_t i = 0; i < litter->n_numbers; i++) {
        double unit = fmax(0, fmin(litter->child[i], 1));
        litter->child[i] = mlf__cmaes_from_unit(dist_of(litter, i), unit);
        /* What was taken over stays the very same number. */
        for (size_t k = 0; k < n_parents; k++)
            if (unit == litter->points[k][i])
                litter->child[i] = gene(litter, k, i);
    }
    for (size_t i = litter->n_numbers; i < litter->n; i++) {
        bool second = mlf__rng_uniform(&litter->rng) < settings->swap_prob;
        litter->child[i] = gene(litter, second ? n_parents - 1 : 0, i);
    }
}

/* Takes over what did not mutate. A parameter that is resampled is left out, and drawn alone when it is asked for. */
static mlf_status mutate(struct litter *litter, struct mlf__joint *out)
{
    const struct nsga2_settings *settings = litter->sampler->settings;
    const struct nsga2_state *state = litter->sampler->state;
    const struct mlf__joint_space *space = &state->space;
    size_t next[2] = {0, litter->n_numbers};
    double prob = settings->mutation_prob;
    mlf_status status = MLF_OK;

    if (!(prob >= 0))
        prob = 1 / (double)litter->n;
    for (size_t k = 0; k < space->n && status == MLF_OK; k++) {
        const struct mlf__dist *dist = &litter->sampler->history->dists[space->dists[k]];
        if (mlf__dist_is_single(dist))
            continue;
        bool choice = dist->kind == MLF__DIST_CATEGORICAL;
        double value = litter->child[next[choice]++];
        if (mlf__rng_uniform(&litter->rng) < prob) {
            if (settings->mutation == MUTATE_RESAMPLE || choice)
                continue;
            double unit = mlf__cmaes_to_unit(dist, value);
            value = mlf__cmaes_from_unit(dist, mlf__mutate_polynomial(unit, 20, &litter->rng));
        }
        status = mlf__joint_add(out, space->names[k], space->dists[k], value);
    }
    return status;
}

static mlf_status nsga2_ask(struct mlf__sampler *sampler, const struct mlf__view *view,
                            struct mlf__joint *out)
{
    const struct nsga2_settings *settings = sampler->settings;
    const struct nsga2_state *state = sampler->state;
    struct litter litter;

    out->generation = state->mark;
    if (state->n_parents == 0)
        return MLF_OK;
    mlf_status status = litter_init(&litter, sampler, (uint64_t)view->trial->number);
    if (status == MLF_OK && litter.n > 0) {
        if (mlf__rng_uniform(&litter.rng) < settings->crossover_prob) {
            cross(&litter);
        } else {
            size_t at = mlf__rng_below(&litter.rng, state->n_parents);
            litter.parents[0] = sampler->history->trials[state->parents[at]];
            for (size_t i = 0; i < litter.n; i++)
                litter.child[i] = gene(&litter, 0, i);
        }
        status = mutate(&litter, out);
    }
    mlf__free(litter.names);
    mlf__free(litter.child);
    return status;
}

static mlf_status nsga2_suggest(struct mlf__sampler *sampler, const struct mlf__view *view,
                                uint32_t name, uint32_t dist, double *out)
{
    return mlf__sampler_random.suggest(sampler, view, name, dist, out);
}

static const struct mlf__setting nsga2_table[] = {
    {"population", MLF__SETTING_INT, offsetof(struct nsga2_settings, population), 4, 10000, 50,
     NULL},
    {"crossover", MLF__SETTING_CHOICE, offsetof(struct nsga2_settings, crossover), 0, 0,
     MLF__CROSS_UNIFORM, "uniform|blx|sbx|vsbx|spx|undx"},
    {"crossover_prob", MLF__SETTING_FLOAT, offsetof(struct nsga2_settings, crossover_prob), 0, 1,
     0.9, NULL},
    {"swap_prob", MLF__SETTING_FLOAT, offsetof(struct nsga2_settings, swap_prob), 0, 1, 0.5, NULL},
    {"mutation", MLF__SETTING_CHOICE, offsetof(struct nsga2_settings, mutation), 0, 0,
     MUTATE_RESAMPLE, "resample|polynomial"},
    /* -1: one parameter of a child on average. */
    {"mutation_prob", MLF__SETTING_FLOAT, offsetof(struct nsga2_settings, mutation_prob), 0, 1, -1,
     NULL},
    {NULL, 0, 0, 0, 0, 0, NULL},
};

const struct mlf__sampler_ops mlf__sampler_nsga2 = {
    .name = "nsga2",
    .state_size = sizeof(struct nsga2_state),
    .settings = nsga2_table,
    .settings_size = sizeof(struct nsga2_settings),
    .several_objectives = true,
    .open = nsga2_open,
    .close = nsga2_close,
    .tell = nsga2_tell,
    .ask = nsga2_ask,
    .suggest = nsga2_suggest,
};
