/* SPDX-License-Identifier: Apache-2.0 */
/* The logarithm of a mixture's density at some points. The prior's kernel is taken first: it is positive everywhere, so
 * that kernels far below it can be left out without looking at all their parameters. What is left out adds up to
 * less than 1e-14 of the sum. */
#include "core/mem.h"
#include "tuner/samplers/tpe_mixture.h"
#include "tuner/samplers/tpe_scan.h"
#include "tuner/samplers/tpe_truncnorm.h"

#include <math.h>

enum {
    TILE = 512
}; /* slots: some of their columns stay in the first cache while all points pass */
static const double log_sqrt_2pi = 0.91893853320467274178;
static const double log_negligible = 32.3; /* exp(-32.3) is 1e-14 */

/* What one call works on; all arrays in one allocation. */
struct score {
    struct mlf__tpe_scan scan;
    struct mlf__tpe_point *points;
    const double **mu, **inverse, **rows, **choices;
    const uint32_t **class_of;
    size_t *n_values, *indexes;             /* |indexes|: n_dims a point */
    double *misses, *lows, *highs, *wanted; /* n_dims a point, but |misses| */
    double hits; /* what the choices of a kernel that agrees with a point add to its exponent */
};

static void *take(char **memory, size_t n, size_t size)
{
    char *taken = *memory;
    *memory += (n * size + 15) / 16 * 16;
    return taken;
}

static void *lay_out(struct score *score, size_t n_dims, size_t n)
{
    size_t cells = n_dims * n + 2;
    char *all = mlf__alloc(n * sizeof(*score->points) + n_dims * 7 * sizeof(void *) +
                           cells * (3 * sizeof(double) + sizeof(size_t)) + 256);
    char *memory = all;
    if (all == NULL)
        return NULL;
    score->points = take(&memory, n, sizeof(*score->points));
    score->mu = take(&memory, n_dims, sizeof(*score->mu));
    score->inverse = take(&memory, n_dims, sizeof(*score->inverse));
    score->rows = take(&memory, n_dims, sizeof(*score->rows));
    score->choices = take(&memory, n_dims, sizeof(*score->choices));
    score->class_of = take(&memory, n_dims, sizeof(*score->class_of));
    score->n_values = take(&memory, n_dims, sizeof(*score->n_values));
    score->misses = take(&memory, n_dims, sizeof(*score->misses));
    score->indexes = take(&memory, cells, sizeof(*score->indexes));
    score->lows = take(&memory, cells, sizeof(*score->lows));
    score->highs = take(&memory, cells, sizeof(*score->highs));
    score->wanted = take(&memory, cells, sizeof(*score->wanted));
    return all;
}

/* A kernel's row gives each choice 1/(n+1), its own one 1 more, over the sum. */
static void enter_choice(struct score *score, const struct mlf__tpe_dim *dim, size_t n)
{
    double share = 1 / ((double)n + 1), sum = 1 + (double)dim->n_values * share;
    score->misses[score->scan.n_choices++] = 2 * (log1p(share) - log(share));
    score->hits += log1p(share) - log(sum);
}

static void enter_columns(struct score *score, const struct mlf__tpe_mixture *mixture)
{
    struct mlf__tpe_scan *scan = &score->scan;
    for (size_t d = 0; d < mixture->n_dims; d++) {
        const struct mlf__tpe_dim *dim = &mixture->dims[d];
        const struct mlf__tpe_column *column = &mixture->columns[d];
        switch (dim->kind) {
        case MLF__TPE_CONTINUOUS:
        case MLF__TPE_WIDE:
            score->mu[scan->n_continuous + scan->n_wide] = column->mu;
            score->inverse[scan->n_continuous + scan->n_wide] = column->inverse;
            scan->n_continuous += dim->kind == MLF__TPE_CONTINUOUS;
            scan->n_wide += dim->kind == MLF__TPE_WIDE;
            break;
        case MLF__TPE_TABLE:
            score->n_values[scan->n_tables] = dim->n_values;
            score->class_of[scan->n_tables++] = column->class_of;
            break;
        case MLF__TPE_CHOICE:
            score->choices[scan->n_choices] = column->mu;
            enter_choice(score, dim, mixture->n);
            break;
        }
    }
    *scan = (struct mlf__tpe_scan){.constants = mixture->constants,
                                   .weights = mixture->weights,
                                   .mu = score->mu,
                                   .inverse = score->inverse,
                                   .rows = score->rows,
                                   .class_of = score->class_of,
                                   .n_values = score->n_values,
                                   .choices = score->choices,
                                   .misses = score->misses,
                                   .n_continuous = scan->n_continuous,
                                   .n_wide = scan->n_wide,
                                   .n_tables = scan->n_tables,
                                   .n_choices = scan->n_choices,
                                   .margin = log_negligible + log((double)mixture->n + 1)};
}

/* Enters a value of a number, and returns the prior kernel's logarithm there. */
static double enter_number(const struct mlf__tpe_dim *dim, double value,
                           struct mlf__tpe_point *point, double *low, double *high)
{
    double range = dim->high - dim->low, middle = (dim->low + dim->high) / 2;
    mlf__tpe_dim_interval(dim, value, low, high);
    if (dim->kind == MLF__TPE_WIDE) {
        point->offset += log(*high - *low);
        return mlf__tpe_log_mass((*low - middle) / range, (*high - middle) / range) -
               dim->prior_mass;
    }
    double t = (*low - middle) / range;
    return -0.5 * t * t - log_sqrt_2pi - log(range) - dim->prior_mass;
}

/* Tables are filled for the points' values first, since they may move as they grow. */
static mlf_status fill_tables(struct mlf__tpe_mixture *mixture, const double *const *values,
                              size_t n, struct score *score)
{
    size_t at = 0;
    for (size_t d = 0; d < mixture->n_dims; d++) {
        const struct mlf__tpe_dim *dim = &mixture->dims[d];
        struct mlf__tpe_table *table = &mixture->columns[d].table;
        uint32_t prior;
        if (dim->kind != MLF__TPE_TABLE)
            continue;
        mlf_status status = mlf__tpe_table_class(table, dim, (dim->low + dim->high) / 2,
                                                 dim->high - dim->low, &prior);
        if (status != MLF_OK)
            return status;
        for (size_t i = 0; i < n; i++)
            mlf__tpe_table_fill(table, dim, mlf__tpe_dim_index(dim, values[d][i]));
        score->rows[at++] = table->rows;
    }
    return MLF_OK;
}

/* Enters the |i|-th point. Until more is known its sum is the prior's kernel, of weight 1. */
static void enter_point(struct score *score, const struct mlf__tpe_mixture *mixture,
                        const double *const *values, size_t i)
{
    size_t at = i * mixture->n_dims, n_numbers = 0, n_tables = 0, n_choices = 0;
    struct mlf__tpe_point *point = &score->points[i];
    double prior = 0;

    *point = (struct mlf__tpe_point){.low = score->lows + at,
                                     .high = score->highs + at,
                                     .choices = score->wanted + at,
                                     .values = score->indexes + at,
                                     .offset = score->hits,
                                     .sum = 1};
    for (size_t d = 0; d < mixture->n_dims; d++) {
        const struct mlf__tpe_dim *dim = &mixture->dims[d];
        if (dim->kind == MLF__TPE_CHOICE) {
            score->wanted[at + n_choices++] = values[d][i];
            prior -= log((double)dim->n_values);
        } else if (dim->kind == MLF__TPE_TABLE) {
            size_t index = mlf__tpe_dim_index(dim, values[d][i]);
            score->indexes[at + n_tables] = index;
            prior += -0.5 * score->rows[n_tables++][index] - dim->prior_mass;
        } else {
            prior += enter_number(dim, values[d][i], point, &score->lows[at + n_numbers],
                                  &score->highs[at + n_numbers]);
            n_numbers++;
        }
    }
    point->shift = prior;
    point->floor = prior - score->scan.margin;
}

double mlf__tpe_scan_correction(double low, double high, double mu, double inverse)
{
    double t = fmax(fmax(low - mu, mu - high), 0) * inverse;
    double bound = log((high - low) * inverse) - log_sqrt_2pi - 0.5 * t * t;
    return mlf__tpe_log_mass((low - mu) * inverse, (high - mu) * inverse) - bound;
}

/* Takes in all there is to know but the kernels' sums. The memory is the caller's to free. */
static mlf_status begin_score(struct mlf__tpe_mixture *mixture, const double *const *values,
                              size_t n, struct score *score, void **memory)
{
    *score = (struct score){0};
    *memory = NULL;
    mlf_status status = mlf__tpe_mixture_settle(mixture);
    if (status != MLF_OK)
        return status;
    *memory = lay_out(score, mixture->n_dims, n);
    if (*memory == NULL)
        return MLF_ERR_NOMEM;
    enter_columns(score, mixture);
    status = fill_tables(mixture, values, n, score);
    for (size_t i = 0; i < n && status == MLF_OK; i++)
        enter_point(score, mixture, values, i);
    return status;
}

/* The logarithm of what is known of the density at a point: never more than the density's. */
static double known_log(const struct mlf__tpe_mixture *mixture, const struct mlf__tpe_point *point)
{
    return point->shift + log(point->sum) - log(mixture->total_weight);
}

/* Adds the kernels tile by tile, the newest ones first: they are where the candidates are, so that the floor rises soon. Ends
 * early when what is known exceeds |enough|. Returns the logarithm of what is known. */
static double scan_point(const struct score *score, const struct mlf__tpe_mixture *mixture,
                         struct mlf__tpe_point *point, double enough)
{
    mlf__tpe_scan_fn *scan = mlf__tpe_scan_variant(0);
    size_t lanes = MLF__TPE_LANES_MAX, to = (mixture->n_slots + lanes - 1) / lanes * lanes;
    double known = known_log(mixture, point);

    while (to > 0 && !(known > enough)) {
        size_t from = (to - 1) / TILE * TILE;
        double sum = point->sum, shift = point->shift;
        scan(&score->scan, point, from, to);
        if (point->sum != sum || point->shift != shift) {
            known = known_log(mixture, point);
            point->floor = fmax(point->floor, point->shift + log(point->sum) - score->scan.margin);
        }
        to = from;
    }
    return known;
}

mlf_status mlf__tpe_log_density(struct mlf__tpe_mixture *mixture, const double *const *values,
                                size_t n, double *out)
{
    struct score score;
    void *memory;
    mlf_status status = begin_score(mixture, values, n, &score, &memory);
    for (size_t i = 0; i < n && status == MLF_OK; i++)
        out[i] = scan_point(&score, mixture, &score.points[i], INFINITY);
    mlf__free(memory);
    return status;
}

/* The candidate with the most left to hope for: |hopes| of those that are done are NaN. SIZE_MAX: none. */
static size_t most_hopeful(const double *hopes, size_t n)
{
    size_t most = SIZE_MAX;
    for (size_t i = 0; i < n; i++)
        if (!isnan(hopes[i]) && (most == SIZE_MAX || hopes[i] > hopes[most]))
            most = i;
    return most;
}

mlf_status mlf__tpe_best(struct mlf__tpe_mixture *good, struct mlf__tpe_mixture *bad,
                         const double *const *values, size_t n, size_t *best, double *ratio)
{
    struct score score;
    void *memory;
    double *logs = mlf__alloc(2 * n * sizeof(*logs)), *hopes = logs + n;
    mlf_status status = logs == NULL ? MLF_ERR_NOMEM : mlf__tpe_log_density(good, values, n, logs);
    if (status != MLF_OK) {
        mlf__free(logs);
        return status;
    }
    status = begin_score(bad, values, n, &score, &memory);
    for (size_t i = 0; i < n && status == MLF_OK; i++)
        hopes[i] = logs[i] - known_log(bad, &score.points[i]);

    *best = 0;
    *ratio = -INFINITY;
    for (size_t i; status == MLF_OK && (i = most_hopeful(hopes, n)) < n && hopes[i] >= *ratio;) {
        double exact = logs[i] - scan_point(&score, bad, &score.points[i], logs[i] - *ratio);
        if (exact > *ratio || (exact == *ratio && i < *best)) {
            *best = i;
            *ratio = exact;
        }
        hopes[i] = NAN;
    }
    mlf__free(memory);
    mlf__free(logs);
    return status;
}
