/* SPDX-License-Identifier: Apache-2.0 */
/* A weighted least-squares fit, as in model-based optimisation without derivatives (Conn, Scheinberg, Vicente, 2009). The
 * neighbourhood is as large as it takes to hold enough points: where steps succeed it moves on with them, where they fail
 * their points make it smaller, and nothing has to be remembered. Curvatures, and more so mixed ones, are drawn
 * towards 0, so that few points give a sensible model too. */
#include "tuner/samplers/auto_local.h"

#include "core/mem.h"

#include <gsl/gsl_linalg.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    DIMS_MAX = 64,
    FULL_DIMS_MAX = 8, /* beyond, the model has no mixed curvatures */
    STARTS = 4,
    SWEEPS = 30
};
static const double smallest = 1e-7; /* neighbourhoods, as a part of the range */
static const double hold_linear = 1e-3, hold_curvature = 3e-2, hold_mixed = 0.1;
static const double boldest = 1, shyest = 0.1; /* steps, as a part of the neighbourhood */
static const double spread_share = 0.2;
/* A neighbourhood as small as this has been searched well enough: other sources have more to find. */
static const double searched = 0.02, searched_share = 0.5;

struct neighbour {
    double distance;
    size_t row;
};

struct model {
    size_t d, n_terms;
    bool full;
    const double *centre;
    double radius;
    double *terms; /* constant, slopes, curvatures, mixed curvatures by rows */
};

static int compare_neighbours(const void *left, const void *right)
{
    const struct neighbour *a = left, *b = right;
    if (a->distance != b->distance)
        return a->distance < b->distance ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

static size_t best_row(const struct mlf__auto_local *local)
{
    size_t best = 0;
    for (size_t i = 1; i < local->n; i++)
        if (local->values[i] < local->values[best])
            best = i;
    return best;
}

static struct neighbour *sort_neighbours(const struct mlf__auto_local *local, const double *centre)
{
    struct neighbour *sorted = mlf__alloc(local->n * sizeof(*sorted));
    for (size_t i = 0; sorted != NULL && i < local->n; i++) {
        double sum = 0;
        for (size_t k = 0; k < local->d; k++)
            sum += pow(local->points[i * local->d + k] - centre[k], 2);
        sorted[i] = (struct neighbour){sqrt(sum), i};
    }
    if (sorted != NULL)
        qsort(sorted, local->n, sizeof(*sorted), compare_neighbours);
    return sorted;
}

static size_t count_terms(size_t d, bool full)
{
    return 1 + 2 * d + (full ? d * (d - 1) / 2 : 0);
}

/* How much worse than the best the points are, the middle one of them: the model's unit of height. */
static double typical_height(const struct mlf__auto_local *local, const struct neighbour *sorted,
                             size_t m, double *scratch)
{
    double best = local->values[sorted[0].row];
    for (size_t i = 0; i < m; i++)
        scratch[i] = local->values[sorted[i].row] - best;
    for (size_t i = 1; i < m; i++)
        for (size_t k = i; k > 0 && scratch[k] < scratch[k - 1]; k--) {
            double other = scratch[k];
            scratch[k] = scratch[k - 1];
            scratch[k - 1] = other;
        }
    double height = scratch[m / 2];
    return height > 0 && isfinite(height) ? height : 1;
}

/* A row of the least-squares problem: the terms at a point, times the root of its weight. */
static void enter_row(const struct model *model, const double *point, double weight, double *row)
{
    size_t at = 1 + 2 * model->d;
    double z[DIMS_MAX];
    row[0] = weight;
    for (size_t k = 0; k < model->d; k++) {
        z[k] = (point[k] - model->centre[k]) / model->radius;
        row[1 + k] = weight * z[k];
        row[1 + model->d + k] = weight * 0.5 * z[k] * z[k];
    }
    for (size_t i = 0; model->full && i < model->d; i++)
        for (size_t k = i + 1; k < model->d; k++)
            row[at++] = weight * z[i] * z[k];
}

static double hold_of(const struct model *model, size_t term)
{
    if (term == 0)
        return 1e-6;
    if (term <= model->d)
        return hold_linear;
    return term <= 2 * model->d ? hold_curvature : hold_mixed;
}

static void enter_rows(const struct mlf__auto_local *local, const struct neighbour *sorted,
                       size_t m, double height, const struct model *model, gsl_matrix *rows,
                       gsl_vector *heights)
{
    double best = local->values[sorted[0].row];
    for (size_t i = 0; i < m; i++) {
        const double *point = local->points + sorted[i].row * local->d;
        double z = sorted[i].distance / model->radius;
        double y = (local->values[sorted[i].row] - best) / height;
        double weight = exp(-0.75 * z * z) / (1 + y / 3);
        enter_row(model, point, weight, gsl_matrix_ptr(rows, i, 0));
        gsl_vector_set(heights, i, weight * y);
    }
    for (size_t k = 0; k < model->n_terms; k++)
        gsl_matrix_set(rows, m + k, k, hold_of(model, k));
}

/* QR does not mind rows that say the same. GSL's own allocations would end the program when there is no memory. */
static mlf_status fit(const struct mlf__auto_local *local, const struct neighbour *sorted, size_t m,
                      struct model *model)
{
    size_t n_terms = model->n_terms, n_rows = m + n_terms;
    double *memory = mlf__zalloc(n_rows * (n_terms + 2) + 2 * n_terms + m, sizeof(*memory));
    if (memory == NULL)
        return MLF_ERR_NOMEM;
    double *at = memory + n_rows * n_terms;
    gsl_matrix_view rows = gsl_matrix_view_array(memory, n_rows, n_terms);
    gsl_vector_view heights = gsl_vector_view_array(at, n_rows);
    gsl_vector_view rest = gsl_vector_view_array(at + n_rows, n_rows);
    gsl_vector_view tau = gsl_vector_view_array(at + 2 * n_rows, n_terms);
    gsl_vector_view terms = gsl_vector_view_array(at + 2 * n_rows + n_terms, n_terms);

    double height = typical_height(local, sorted, m, at + 2 * n_rows + 2 * n_terms);
    enter_rows(local, sorted, m, height, model, &rows.matrix, &heights.vector);
    gsl_linalg_QR_decomp(&rows.matrix, &tau.vector);
    gsl_linalg_QR_lssolve(&rows.matrix, &tau.vector, &heights.vector, &terms.vector, &rest.vector);
    memcpy(model->terms, terms.vector.data, n_terms * sizeof(*model->terms));
    mlf__free(memory);
    return MLF_OK;
}

/* ---- the model's least value in a box ---- */

static size_t mixed_term(const struct model *model, size_t i, size_t k)
{
    size_t low = i < k ? i : k, high = i < k ? k : i, d = model->d;
    return 1 + 2 * d + low * d - low * (low + 1) / 2 + (high - low - 1);
}

static double slope_at(const struct model *model, const double *z, size_t i)
{
    double slope = model->terms[1 + i];
    for (size_t k = 0; model->full && k < model->d; k++)
        if (k != i)
            slope += model->terms[mixed_term(model, i, k)] * z[k];
    return slope;
}

static double height_at(const struct model *model, const double *z)
{
    double sum = 0;
    for (size_t i = 0; i < model->d; i++) {
        sum += z[i] * model->terms[1 + i] + 0.5 * z[i] * z[i] * model->terms[1 + model->d + i];
        for (size_t k = i + 1; model->full && k < model->d; k++)
            sum += z[i] * z[k] * model->terms[mixed_term(model, i, k)];
    }
    return sum;
}

/* One coordinate after the other to its least value between |low| and |high|. */
static void descend(const struct model *model, const double *low, const double *high, double *z)
{
    for (int sweep = 0; sweep < SWEEPS; sweep++)
        for (size_t i = 0; i < model->d; i++) {
            double slope = slope_at(model, z, i), curvature = model->terms[1 + model->d + i];
            double at_low = low[i] * (slope + 0.5 * curvature * low[i]);
            double at_high = high[i] * (slope + 0.5 * curvature * high[i]);
            z[i] = curvature > 0 ? fmin(fmax(-slope / curvature, low[i]), high[i])
                                 : (at_low < at_high ? low[i] : high[i]);
        }
}

static void find_least(const struct model *model, double bold, struct mlf__rng *rng, double *best)
{
    double low[DIMS_MAX], high[DIMS_MAX], z[DIMS_MAX], least = INFINITY;
    for (size_t i = 0; i < model->d; i++) {
        low[i] = fmax(-bold, -model->centre[i] / model->radius);
        high[i] = fmin(bold, (1 - model->centre[i]) / model->radius);
    }
    for (int start = 0; start < STARTS; start++) {
        for (size_t i = 0; i < model->d; i++)
            z[i] = start == 0 ? 0 : low[i] + (high[i] - low[i]) * mlf__rng_uniform(rng);
        descend(model, low, high, z);
        double height = height_at(model, z);
        if (height < least || start == 0) {
            least = height;
            memcpy(best, z, model->d * sizeof(*z));
        }
    }
}

/* Nothing is learnt from a point that was tried. */
static bool is_known(const struct mlf__auto_local *local, const double *point, double radius)
{
    for (size_t i = 0; i < local->n; i++) {
        double farthest = 0;
        for (size_t k = 0; k < local->d; k++)
            farthest = fmax(farthest, fabs(local->points[i * local->d + k] - point[k]));
        if (farthest < 1e-3 * radius)
            return true;
    }
    return false;
}

static void place(const struct model *model, const double *z, double *out)
{
    for (size_t i = 0; i < model->d; i++)
        out[i] = fmin(fmax(model->centre[i] + model->radius * z[i], 0), 1);
}

static void step(const struct mlf__auto_local *local, const struct model *model, bool spread,
                 struct mlf__rng *rng, double *out)
{
    double z[DIMS_MAX], bold = boldest * pow(shyest / boldest, mlf__rng_uniform(rng));
    find_least(model, bold, rng, z);
    place(model, z, out);
    spread = mlf__rng_uniform(rng) < spread_share || spread;
    if (!spread && !is_known(local, out, bold * model->radius))
        return;
    for (size_t i = 0; i < model->d; i++)
        z[i] += 0.3 * bold * mlf__rng_normal(rng);
    place(model, z, out);
}

mlf_status mlf__auto_local_step(const struct mlf__auto_local *local, bool spread,
                                struct mlf__rng *rng, double *out, bool *moved)
{
    size_t d = local->d, centre = best_row(local);
    struct model model = {.d = d, .full = d <= FULL_DIMS_MAX, .centre = local->points + centre * d};
    model.n_terms = count_terms(d, model.full);
    struct neighbour *sorted = sort_neighbours(local, model.centre);
    mlf_status status = MLF_OK;

    *moved = false;
    if (sorted == NULL)
        return MLF_ERR_NOMEM;
    size_t m = local->n < 2 * model.n_terms ? local->n : 2 * model.n_terms;
    model.radius = sorted[m - 1].distance;
    if (m > 2 && d <= DIMS_MAX && model.radius > smallest) {
        model.terms = mlf__alloc(model.n_terms * sizeof(*model.terms));
        status = model.terms == NULL ? MLF_ERR_NOMEM : fit(local, sorted, m, &model);
        if (status == MLF_OK) {
            step(local, &model, spread, rng, out);
            *moved = model.radius > searched || mlf__rng_uniform(rng) > searched_share;
        }
    }
    mlf__free(model.terms);
    mlf__free(sorted);
    return status;
}
