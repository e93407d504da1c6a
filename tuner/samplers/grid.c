/* SPDX-License-Identifier: Apache-2.0 */
/* Grid: every combination of values once, in an order that the seed chooses. Not declared but found out, so that it serves conditional
 * parameters too: a tree of parameters in the order of asking, an edge per value, as Optuna 5's BruteForceSampler
 * grows it. A trial is a path; a node is done when a finished trial (a failed or pruned one as well) ended there, or when all
 * its values are. What is still open is chosen from at random.
 *
 * Unlike other samplers this one looks at all trials that are going on, not only at those of its view: that no
 * combination is tried twice matters more here than which trial tries it. */
#include "core/mem.h"
#include "tuner/sampler.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

struct node {
    bool expanded; /* a trial asked for a parameter here: the next three */
    bool ended;    /* a finished trial did not ask for more here */
    uint32_t name, dist;
    uint64_t n_values;
    struct child {
        uint64_t value;
        struct node *node;
    } * children; /* sorted by value; those that no trial has taken are missing */
    size_t n_children, cap_children;
    size_t n_done;   /* children with nothing left to try */
    size_t n_inside; /* trials that are going on somewhere below; counted anew for each question */
};

/* Is there nothing left to try below |node|? */
static bool is_done(const struct node *node)
{
    return node->expanded ? node->n_done == node->n_values : node->ended;
}

struct grid {
    struct node root;
    /* By a parameter's name: were there trials that asked for nothing behind it, or for more? */
    struct habit {
        bool ends, goes_on;
    } * habits;
    size_t n_habits, cap_habits;
};

static void free_children(struct node *node)
{
    for (size_t i = 0; i < node->n_children; i++) {
        free_children(node->children[i].node);
        mlf__free(node->children[i].node);
    }
    mlf__free(node->children);
}

/* The place of |value| among the node's children, or where it would be. */
static size_t find_child(const struct node *node, uint64_t value)
{
    size_t low = 0, high = node->n_children;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (node->children[middle].value < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct node *add_child(struct node *node, uint64_t value)
{
    size_t at = find_child(node, value);
    struct node *child;

    if (at < node->n_children && node->children[at].value == value)
        return node->children[at].node;
    if (mlf__grow((void **)&node->children, &node->cap_children, node->n_children + 1,
                  sizeof(*node->children)) != MLF_OK ||
        (child = mlf__zalloc(1, sizeof(*child))) == NULL)
        return NULL;
    for (size_t i = node->n_children; i > at; i--)
        node->children[i] = node->children[i - 1];
    node->n_children++;
    node->children[at] = (struct child){value, child};
    return child;
}

/* ---- trials as paths ---- */

/* The number of a value in its distribution; false when it is not on the grid, as one that was enqueued may be. */
static bool value_index(const struct mlf__dist *dist, double value, uint64_t *out)
{
    double step = dist->step > 0 ? dist->step : 1, index = round((value - dist->low) / step);

    *out = index >= 0 ? (uint64_t)index : 0;
    return mlf__dist_contains(dist, value) && *out < mlf__dist_count(dist);
}

static double value_at(const struct mlf__dist *dist, uint64_t index)
{
    double value = dist->low + (double)index * dist->step;

    return value < dist->high ? value : dist->high;
}

/* What is known of the parameter |name|; NULL when out of memory. */
static struct habit *habit_of(struct grid *grid, uint32_t name)
{
    while (grid->n_habits <= name) {
        if (mlf__grow((void **)&grid->habits, &grid->cap_habits, grid->n_habits + 1,
                      sizeof(*grid->habits)) != MLF_OK)
            return NULL;
        grid->habits[grid->n_habits++] = (struct habit){false, false};
    }
    return &grid->habits[name];
}

static mlf_status expand(struct grid *grid, struct node *node, uint32_t name, uint32_t dist,
                         uint64_t n_values)
{
    if (habit_of(grid, name) == NULL)
        return MLF_ERR_NOMEM;
    node->expanded = true;
    node->name = name;
    node->dist = dist;
    node->n_values = n_values;
    return MLF_OK;
}

/* The node where |trial| is, made when it is not there. NULL in |*out| when the trial has left the tree: by a value that
 * is not on the grid, or a parameter that others at its place did not ask for. */
static mlf_status walk(struct mlf__sampler *sampler, const struct mlf__trial *trial, bool enter,
                       struct node **out)
{
    const struct mlf__history *history = sampler->history;
    struct grid *grid = sampler->state;
    struct node *node = &grid->root;

    *out = NULL;
    node->n_inside += enter;
    for (uint32_t i = 0; i < trial->n_params; i++) {
        const struct mlf__param_value *param = &trial->params[i];
        const struct mlf__dist *dist = &history->dists[param->dist];
        uint64_t value;
        if (!value_index(dist, param->value, &value))
            return MLF_OK;
        if (!node->expanded &&
            expand(grid, node, param->name, param->dist, mlf__dist_count(dist)) != MLF_OK)
            return MLF_ERR_NOMEM;
        if (node->name != param->name || node->dist != param->dist)
            return MLF_OK;
        node = add_child(node, value);
        if (node == NULL)
            return MLF_ERR_NOMEM;
        grid->habits[param->name].goes_on |= i + 1 < trial->n_params;
        node->n_inside += enter;
    }
    *out = node;
    return MLF_OK;
}

/* Follows the path of |trial|, which has finished, and counts again what is done at its nodes. A node where a failed trial
 * stopped in the middle is open again when another one asks for more there. */
static void mark(const struct mlf__history *history, struct node *node,
                 const struct mlf__trial *trial, uint32_t at)
{
    uint64_t value;

    if (at == trial->n_params) {
        node->ended = true;
        return;
    }
    if (!value_index(&history->dists[trial->params[at].dist], trial->params[at].value, &value))
        return;
    mark(history, node->children[find_child(node, value)].node, trial, at + 1);
    node->n_done = 0;
    for (size_t i = 0; i < node->n_children; i++)
        node->n_done += is_done(node->children[i].node);
}

static mlf_status tell(struct mlf__sampler *sampler, const struct mlf__trial *trial)
{
    struct grid *grid = sampler->state;
    struct node *end;
    mlf_status status = walk(sampler, trial, false, &end);

    if (status != MLF_OK || end == NULL)
        return status;
    if (trial->state != MLF_TRIAL_FAIL && trial->n_params > 0)
        grid->habits[trial->params[trial->n_params - 1].name].ends = true;
    /* A trial that failed before it asked for anything says nothing about the grid. */
    if (trial->n_params > 0 || trial->state == MLF_TRIAL_COMPLETE)
        mark(sampler->history, &grid->root, trial, 0);
    return MLF_OK;
}

/* ---- what is left ---- */

static void clear_inside(struct node *node)
{
    node->n_inside = 0;
    for (size_t i = 0; i < node->n_children; i++)
        if (node->children[i].node->n_inside > 0)
            clear_inside(node->children[i].node);
}

/* Counts the trials that are going on, |self| (NULL: none) left out, at every node of their paths. */
static mlf_status count_inside(struct mlf__sampler *sampler, const struct mlf__trial *self)
{
    const struct mlf__history *history = sampler->history;
    struct grid *grid = sampler->state;
    struct node *end;
    mlf_status status = MLF_OK;

    clear_inside(&grid->root);
    for (size_t i = 0; status == MLF_OK && i < history->n_running; i++)
        if (history->trials[history->running[i]] != self)
            status = walk(sampler, history->trials[history->running[i]], true, &end);
    return status;
}

/* How many combinations below |node|, where a trial has asked for more, no finished trial has tried; counted up to |limit|. A
 * value that was not followed to its end counts as |unknown| of them, unless nothing ever came behind that parameter. */
static uint64_t count_open(const struct grid *grid, const struct node *node, uint64_t limit,
                           uint64_t unknown)
{
    const struct habit *habit = &grid->habits[node->name];
    uint64_t each = habit->ends && !habit->goes_on ? 1 : unknown, open;

    if (__builtin_mul_overflow(node->n_values - node->n_children, each, &open))
        return limit;
    for (size_t i = 0; i < node->n_children && open < limit; i++) {
        const struct node *child = node->children[i].node;
        if (child->expanded)
            open += count_open(grid, child, limit - open, unknown);
        else if (!child->ended)
            open += each;
    }
    return open < limit ? open : limit;
}

/* Will the trials that are going on have tried all of |node|? */
static bool is_taken(const struct grid *grid, const struct node *node)
{
    if (!node->expanded)
        return node->ended || node->n_inside > 0;
    return count_open(grid, node, node->n_inside + 1, 1) <= node->n_inside;
}

static bool is_tried(const struct grid *grid, const struct node *node)
{
    (void)grid;
    return is_done(node);
}

/* A value at random among those that are not taken, |n_taken| in all. */
static uint64_t pick(const struct grid *grid, const struct node *node,
                     bool (*taken)(const struct grid *grid, const struct node *node),
                     uint64_t n_taken, struct mlf__rng *rng)
{
    uint64_t value = mlf__rng_below(rng, node->n_values - n_taken);

    for (size_t i = 0; i < node->n_children && node->children[i].value <= value; i++)
        value += taken(grid, node->children[i].node);
    return value;
}

/* One that nobody tries; else one that is not finished; else any, since the study is about to stop. */
static uint64_t choose(const struct grid *grid, const struct node *node, struct mlf__rng *rng)
{
    uint64_t n_taken = 0;

    for (size_t i = 0; i < node->n_children; i++)
        n_taken += is_taken(grid, node->children[i].node);
    if (n_taken < node->n_values)
        return pick(grid, node, is_taken, n_taken, rng);
    if (node->n_done < node->n_values)
        return pick(grid, node, is_tried, node->n_done, rng);
    return mlf__rng_below(rng, node->n_values);
}

static mlf_status suggest(struct mlf__sampler *sampler, const struct mlf__view *view, uint32_t name,
                          uint32_t dist_number, double *out)
{
    const struct mlf__history *history = sampler->history;
    const struct mlf__dist *dist = &history->dists[dist_number];
    struct node apart = {0}, *node;
    struct mlf__rng rng;

    *out = NAN;
    if (mlf__dist_count(dist) == 0)
        return mlf__fail(MLF_ERR_INVAL,
                         "%s: a grid needs numbers with a step, a list of choices or integers; "
                         "this one has any number from %g to %g",
                         history->names[name], dist->low, dist->high);
    mlf_status status = count_inside(sampler, view->trial);
    if (status == MLF_OK)
        status = walk(sampler, view->trial, false, &node);
    if (status != MLF_OK)
        return status;
    if (node == NULL)
        node = &apart; /* behind a value that is not on the grid all is open */
    if (view->trial->n_params > 0) {
        struct habit *habit =
            habit_of(sampler->state, view->trial->params[view->trial->n_params - 1].name);
        if (habit == NULL)
            return MLF_ERR_NOMEM;
        habit->goes_on = true;
    }
    if (!node->expanded)
        status = expand(sampler->state, node, name, dist_number, mlf__dist_count(dist));
    if (status != MLF_OK)
        return status;
    if (node->name != name)
        return mlf__fail(MLF_ERR_INVAL,
                         "%s: a grid needs trials with the same values to ask for the same "
                         "parameter next; another one asked for %s here",
                         history->names[name], history->names[node->name]);
    if (node->dist != dist_number)
        return mlf__fail(MLF_ERR_INVAL,
                         "%s: its range is not that of other trials; a grid "
                         "needs them to be the same",
                         history->names[name]);
    mlf__rng_init(&rng, sampler->seed, (uint64_t)view->trial->number,
                  mlf__rng_alone(history->names[name]));
    *out = value_at(dist, choose(sampler->state, node, &rng));
    return MLF_OK;
}

/* True also while the trials that are going on try all that is left: then there is nothing to begin now. */
static bool is_exhausted(struct mlf__sampler *sampler)
{
    const struct grid *grid = sampler->state;
    uint64_t n_going = sampler->history->n_running;

    if (!grid->root.expanded || is_done(&grid->root))
        return is_done(&grid->root);
    return count_open(grid, &grid->root, n_going + 1, n_going + 1) <= n_going;
}

static void close_grid(struct mlf__sampler *sampler)
{
    struct grid *grid = sampler->state;

    free_children(&grid->root);
    mlf__free(grid->habits);
}

const struct mlf__sampler_ops mlf__sampler_grid = {.name = "grid",
                                                   .state_size = sizeof(struct grid),
                                                   .several_objectives = true,
                                                   .close = close_grid,
                                                   .tell = tell,
                                                   .suggest = suggest,
                                                   .is_exhausted = is_exhausted};
