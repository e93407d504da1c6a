/* SPDX-License-Identifier: Apache-2.0 */
/* Ranks are kept in one sorted array: with one objective a new trial is inserted, and at most one other trial changes
 * sides. With several, the feasible complete trials are ranked anew. */
#include "tuner/samplers/tpe_split.h"

#include "core/mem.h"
#include "tuner/pareto.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BELOW_MAX = 25,
    MANY = 256 /* trials that are better sorted than inserted */
};

enum merit { MERIT_COMPLETE, MERIT_PRUNED, MERIT_PRUNED_UNSEEN, MERIT_INFEASIBLE };

size_t mlf__tpe_gamma(size_t n, size_t n_objectives)
{
    size_t tenth = n / 10 + (n % 10 != 0);
    return n_objectives == 1 && tenth > BELOW_MAX ? BELOW_MAX : tenth;
}

/* ---- the order of merit ---- */

struct key {
    enum merit merit;
    double first, second; /* less is better */
};

static double minimized(const struct mlf__history *history, double value)
{
    return history->directions[0] == MLF_MAXIMIZE ? -value : value;
}

static struct key merit_key(const struct mlf__history *history, const struct mlf__trial *trial)
{
    if (trial->violation > 0)
        return (struct key){MERIT_INFEASIBLE, trial->violation, 0};
    if (trial->state == MLF_TRIAL_COMPLETE)
        return (struct key){MERIT_COMPLETE,
                            history->n_objectives == 1 ? minimized(history, trial->value) : 0, 0};
    if (trial->n_intermediate == 0)
        return (struct key){MERIT_PRUNED_UNSEEN, 0, 0};
    const struct mlf__intermediate *last = &trial->intermediate[trial->n_intermediate - 1];
    double value = isnan(last->value) ? INFINITY : minimized(history, last->value);
    return (struct key){MERIT_PRUNED, -(double)last->step, value};
}

static int compare_keys(const struct key *a, const struct key *b)
{
    if (a->merit != b->merit)
        return a->merit < b->merit ? -1 : 1;
    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    return (a->second > b->second) - (a->second < b->second);
}

/* Where |trial| belongs; behind its equals with lower numbers. */
static size_t find_place(const struct mlf__tpe_split *split, const struct mlf__trial *trial)
{
    struct key key = merit_key(split->history, trial);
    size_t low = 0, high = split->n_ranked;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        uint32_t number = split->ranked[middle];
        struct key other = merit_key(split->history, split->history->trials[number]);
        int order = compare_keys(&other, &key);
        if (order < 0 || (order == 0 && number < (uint64_t)trial->number))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static mlf_status insert(struct mlf__tpe_split *split, const struct mlf__trial *trial, size_t place)
{
    mlf_status status = mlf__grow((void **)&split->ranked, &split->cap_ranked, split->n_ranked + 1,
                                  sizeof(*split->ranked));
    if (status != MLF_OK)
        return status;
    memmove(split->ranked + place + 1, split->ranked + place,
            (split->n_ranked - place) * sizeof(*split->ranked));
    split->ranked[place] = (uint32_t)trial->number;
    split->n_ranked++;
    split->n_complete += trial->state == MLF_TRIAL_COMPLETE && !(trial->violation > 0);
    return MLF_OK;
}

/* ---- sides ---- */

static mlf_status move(struct mlf__tpe_split *split, uint32_t trial, enum mlf__tpe_side to)
{
    size_t had = split->cap_sides;
    mlf_status status = mlf__grow((void **)&split->sides, &split->cap_sides, (size_t)trial + 1,
                                  sizeof(*split->sides));
    if (status != MLF_OK)
        return status;
    memset(split->sides + had, MLF__TPE_NEITHER, split->cap_sides - had);
    if (split->sides[trial] == to)
        return MLF_OK;
    status = mlf__grow((void **)&split->moves, &split->cap_moves, split->n_moves + 1,
                       sizeof(*split->moves));
    if (status != MLF_OK)
        return status;
    split->moves[split->n_moves++] =
        (struct mlf__tpe_move){trial, split->sides[trial], (uint8_t)to};
    split->sides[trial] = (uint8_t)to;
    return MLF_OK;
}

/* With one objective: those behind the new one have moved down by one place, and the limit stays or goes down by one. */
static mlf_status divide_at(struct mlf__tpe_split *split, size_t place)
{
    size_t n_below = mlf__tpe_gamma(split->n_ranked, 1);
    mlf_status status =
        move(split, split->ranked[place], place < n_below ? MLF__TPE_BELOW : MLF__TPE_ABOVE);
    if (status == MLF_OK && n_below > split->n_below)
        status = move(split, split->ranked[n_below - 1], MLF__TPE_BELOW);
    else if (status == MLF_OK && place < n_below && n_below < split->n_ranked)
        status = move(split, split->ranked[n_below], MLF__TPE_ABOVE);
    split->n_below = n_below;
    return status;
}

/* ---- several objectives (Ozaki, Tanigaki, Watanabe, Onishi, GECCO 2020) ---- */

static double *loss_rows(const struct mlf__tpe_split *split)
{
    const struct mlf__history *history = split->history;
    size_t m = history->n_objectives;
    double *rows = mlf__alloc(split->n_complete * m * sizeof(*rows));
    for (size_t i = 0; rows != NULL && i < split->n_complete; i++) {
        const double *values = mlf__trial_values(history->trials[split->ranked[i]]);
        for (size_t k = 0; k < m; k++)
            rows[i * m + k] = history->directions[k] == MLF_MAXIMIZE ? -values[k] : values[k];
    }
    return rows;
}

static void reference_point(const double *rows, size_t n, size_t m, double *out)
{
    for (size_t k = 0; k < m; k++) {
        double worst = rows[k];
        for (size_t i = 1; i < n; i++)
            worst = fmax(worst, rows[i * m + k]);
        out[k] = fmax(1.1 * worst, 0.9 * worst);
        if (out[k] == 0)
            out[k] = 1e-12;
    }
}

/* Of the rows of rank |rank| those |k| that keep most hypervolume are marked good. */
static mlf_status cut_rank(const double *rows, size_t n, size_t m, const uint32_t *ranks,
                           uint32_t rank, size_t k, bool *good)
{
    double reference[MLF__OBJECTIVES_MAX];
    double *own = mlf__alloc(n * m * sizeof(*own));
    uint32_t *index = mlf__alloc(n * sizeof(*index)), *chosen = mlf__alloc(n * sizeof(*chosen));
    mlf_status status = own == NULL || index == NULL || chosen == NULL ? MLF_ERR_NOMEM : MLF_OK;
    size_t n_own = 0;

    for (size_t i = 0; status == MLF_OK && i < n; i++) {
        if (ranks[i] != rank)
            continue;
        memcpy(own + n_own * m, rows + i * m, m * sizeof(*own));
        index[n_own++] = (uint32_t)i;
    }
    if (status == MLF_OK) {
        reference_point(own, n_own, m, reference);
        status = mlf__pareto_subset(own, n_own, m, reference, k, chosen);
    }
    for (size_t i = 0; status == MLF_OK && i < k; i++)
        good[index[chosen[i]]] = true;
    mlf__free(own);
    mlf__free(index);
    mlf__free(chosen);
    return status;
}

/* Marks |k| of the |n| feasible complete trials: whole ranks, and a part of the first one that does not fit. */
static mlf_status mark_good(const struct mlf__tpe_split *split, size_t k, bool *good)
{
    size_t n = split->n_complete, m = split->history->n_objectives, room = k;
    double *rows = loss_rows(split);
    uint32_t *ranks = mlf__alloc(n * sizeof(*ranks));
    mlf_status status = rows == NULL || ranks == NULL
                            ? MLF_ERR_NOMEM
                            : mlf__pareto_ranks(rows, n, m, NULL, k, ranks);

    for (uint32_t rank = 0; status == MLF_OK && room > 0; rank++) {
        size_t size = 0;
        for (size_t i = 0; i < n; i++)
            size += ranks[i] == rank;
        if (size > room) {
            status = cut_rank(rows, n, m, ranks, rank, room, good);
            break;
        }
        for (size_t i = 0; i < n; i++)
            good[i] = good[i] || ranks[i] == rank;
        room -= size;
    }
    mlf__free(rows);
    mlf__free(ranks);
    return status;
}

static mlf_status divide_by_ranks(struct mlf__tpe_split *split)
{
    size_t n_below = mlf__tpe_gamma(split->n_ranked, split->history->n_objectives);
    size_t n_complete = split->n_complete;
    bool *good = mlf__zalloc(split->n_ranked + 1, sizeof(*good));
    mlf_status status = good == NULL ? MLF_ERR_NOMEM : MLF_OK;

    if (status == MLF_OK && n_below < n_complete)
        status = mark_good(split, n_below, good);
    for (size_t i = 0; status == MLF_OK && i < split->n_ranked; i++) {
        if (n_below >= n_complete)
            good[i] = i < n_below;
        status = move(split, split->ranked[i], good[i] ? MLF__TPE_BELOW : MLF__TPE_ABOVE);
    }
    split->n_below = n_below;
    mlf__free(good);
    return status;
}

/* ---- many trials at once ---- */

static int compare_numbers(const void *left, const void *right, void *user)
{
    const struct mlf__history *history = user;
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    struct key key_a = merit_key(history, history->trials[a]);
    struct key key_b = merit_key(history, history->trials[b]);
    int order = compare_keys(&key_a, &key_b);
    return order != 0 ? order : (a > b) - (a < b);
}

/* Takes in all up to |n_told|, and sorts once; sides are given afterwards. */
static mlf_status insert_many(struct mlf__tpe_split *split, size_t n_told)
{
    const struct mlf__history *history = split->history;
    for (; split->n_told < n_told; split->n_told++) {
        const struct mlf__trial *trial = history->trials[history->told[split->n_told]];
        if (trial->state != MLF_TRIAL_COMPLETE && trial->state != MLF_TRIAL_PRUNED)
            continue;
        mlf_status status = insert(split, trial, split->n_ranked);
        if (status != MLF_OK)
            return status;
    }
    qsort_r(split->ranked, split->n_ranked, sizeof(*split->ranked), compare_numbers,
            (void *)(uintptr_t)history);
    if (history->n_objectives > 1)
        return MLF_OK;
    split->n_below = mlf__tpe_gamma(split->n_ranked, 1);
    mlf_status status = MLF_OK;
    for (size_t i = 0; i < split->n_ranked && status == MLF_OK; i++)
        status =
            move(split, split->ranked[i], i < split->n_below ? MLF__TPE_BELOW : MLF__TPE_ABOVE);
    return status;
}

mlf_status mlf__tpe_split_advance(struct mlf__tpe_split *split, size_t n_told)
{
    const struct mlf__history *history = split->history;
    size_t had = split->n_ranked;

    split->n_moves = 0;
    if (n_told > split->n_told + MANY) {
        mlf_status status = insert_many(split, n_told);
        if (status != MLF_OK)
            return status;
    }
    for (; split->n_told < n_told; split->n_told++) {
        const struct mlf__trial *trial = history->trials[history->told[split->n_told]];
        if (trial->state != MLF_TRIAL_COMPLETE && trial->state != MLF_TRIAL_PRUNED)
            continue;
        size_t place = find_place(split, trial);
        mlf_status status = insert(split, trial, place);
        if (status == MLF_OK && history->n_objectives == 1)
            status = divide_at(split, place);
        if (status != MLF_OK)
            return status;
    }
    return history->n_objectives > 1 && split->n_ranked > had ? divide_by_ranks(split) : MLF_OK;
}

void mlf__tpe_split_free(struct mlf__tpe_split *split)
{
    mlf__free(split->ranked);
    mlf__free(split->sides);
    mlf__free(split->moves);
}
