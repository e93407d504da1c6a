/* SPDX-License-Identifier: Apache-2.0 */
/* The search distribution of CMA-ES. Equation numbers are those of Hansen's tutorial (arXiv 1604.00772). Memory is one
 * block per distribution; GSL gets workspaces made here, so that it allocates nothing, is only given sizes that fit,
 * and never reaches its error handler, which would end the process. */
#include "tuner/samplers/cmaes_core.h"

#include "core/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_eigen.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_matrix.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>

enum { DIM_MAX = 10000, POPSIZE_MAX = 1000000 };
/* In fewer dimensions each generation has its own axes. */
enum { GAP_DIM = 16 };

static const double EPSILON = 1e-8;
static const double SIGMA_MAX = 1e32;

double mlf__cmaes_to_unit(const struct mlf__dist *dist, double value)
{
    double low, high;
    mlf__dist_column(dist, &low, &high);
    if (!(high > low))
        return 0.5;
    double unit = (mlf__dist_to_column(dist, value) - low) / (high - low);
    /* An enqueued value may lie outside its range, and has no logarithm when it is negative. */
    return unit > 0 ? fmin(unit, 1) : 0;
}

double mlf__cmaes_from_unit(const struct mlf__dist *dist, double unit)
{
    double low, high;
    mlf__dist_column(dist, &low, &high);
    return mlf__dist_from_column(dist, low + unit * (high - low));
}

/* ---- constants ---- */

static double sum_of(const double *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    return sum;
}

/* (sum w)^2 / sum w^2: the variance effective selection mass. */
static double effective_mass(const double *weights, size_t n)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        sum += weights[i];
        squares += weights[i] * weights[i];
    }
    return squares > 0 ? sum * sum / squares : 0;
}

/* Weights (49)-(53), also negative ones, and learning rates (55)-(58). */
static void set_full_constants(struct mlf__cmaes *cma)
{
    double d = (double)cma->dim, positive = 0, negative = 0;
    double *w = cma->weights;

    for (size_t i = 0; i < cma->popsize; i++) {
        w[i] = log(((double)cma->popsize + 1) / 2) - log((double)i + 1);
        *(w[i] >= 0 ? &positive : &negative) += fabs(w[i]);
    }
    double mueff = effective_mass(w, cma->mu);
    double mueff_minus = effective_mass(w + cma->mu, cma->popsize - cma->mu);
    double c1 = 2 / ((d + 1.3) * (d + 1.3) + mueff);
    double cmu = fmin(1 - c1 - 1e-8, 2 * (mueff - 2 + 1 / mueff) / ((d + 2) * (d + 2) + mueff));
    double min_alpha = 1 + 2 * mueff_minus / (mueff + 2);
    /* With the smallest populations there is no rank-mu update, and nothing to bound. */
    if (cmu > 0)
        min_alpha = fmin(min_alpha, fmin(1 + c1 / cmu, (1 - c1 - cmu) / (d * cmu)));
    for (size_t i = 0; i < cma->popsize; i++)
        w[i] *= w[i] >= 0 ? 1 / positive : min_alpha / negative;
    cma->mueff = mueff;
    cma->c1 = c1;
    cma->cmu = cmu;
    cma->cs = (mueff + 2) / (d + mueff + 5);
    cma->cc = (4 + mueff / d) / (d + 4 + 2 * mueff / d);
}

/* Ros, Hansen (2008): positive weights, and a rank-mu rate that is (d + 2) / 3 times that of the full matrix. */
static void set_separable_constants(struct mlf__cmaes *cma)
{
    double d = (double)cma->dim;
    double *w = cma->weights;

    for (size_t i = 0; i < cma->popsize; i++)
        w[i] = i < cma->mu ? log((double)cma->mu + 1) - log((double)i + 1) : 0;
    double total = sum_of(w, cma->mu), mueff = effective_mass(w, cma->mu);
    for (size_t i = 0; i < cma->mu; i++)
        w[i] /= total;
    cma->mueff = mueff;
    cma->c1 = 2 / ((d + 1.3) * (d + 1.3) + mueff);
    double rate = (d + 2) / 3 *
                  (2 / mueff / ((d + M_SQRT2) * (d + M_SQRT2)) +
                   (1 - 1 / mueff) * fmin(1, (2 * mueff - 1) / ((d + 2) * (d + 2) + mueff)));
    cma->cmu = fmin(rate, 1 - cma->c1); /* a large population would forget more than there is */
    cma->cs = (mueff + 2) / (d + mueff + 3);
    cma->cc = 4 / (d + 4);
}

static void set_constants(struct mlf__cmaes *cma)
{
    double d = (double)cma->dim;

    if (cma->separable)
        set_separable_constants(cma);
    else
        set_full_constants(cma);
    cma->ds = 1 + 2 * fmax(0, sqrt((cma->mueff - 1) / (d + 1)) - 1) + cma->cs;
    cma->chi = sqrt(d) * (1 - 1 / (4 * d) + 1 / (21 * d * d));
    /* As in B.2 the axes are only found anew once the covariance has changed, here with a larger constant and where the
     * decomposition is what a trial costs. On spheres, ellipsoids and rosenbrock in 16 and 30 dimensions twice this
     * gap finds as good values as none. */
    double gap = floor(1 / (d * (cma->c1 + cma->cmu)));
    cma->gap = cma->separable || cma->dim < GAP_DIM || !(gap > 1) ? 1 : (uint64_t)fmin(gap, d);
}

/* ---- memory ---- */

/* The places of the numbers in their block; |block| NULL: only counts them. */
static size_t lay_out(struct mlf__cmaes *cma, double *block)
{
    size_t d = cma->dim, square = cma->separable ? 0 : d * d, used = 0;
    const struct {
        double **place;
        size_t n;
    } parts[] = {
        {&cma->weights, cma->popsize},
        {&cma->mean, d},
        {&cma->pc, d},
        {&cma->ps, d},
        {&cma->c, cma->separable ? d : square},
        {&cma->axes, square},
        {&cma->scales, d},
        {&cma->root, square},
        {&cma->cells, cma->margins ? d : 0},
        {&cma->spread, cma->margins ? d : 0},
        {&cma->work, cma->popsize * d + square + 6 * d},
    };
    for (size_t i = 0; i < MLF__ARRAY_LEN(parts); i++) {
        if (block != NULL)
            *parts[i].place = parts[i].n > 0 ? block + used : NULL;
        used += parts[i].n;
    }
    return used;
}

static void reset_shape(struct mlf__cmaes *cma)
{
    size_t d = cma->dim;

    cma->sigma = cma->sigma0;
    memset(cma->pc, 0, d * sizeof(double));
    memset(cma->ps, 0, d * sizeof(double));
    for (size_t i = 0; i < d; i++)
        cma->scales[i] = 1;
    for (size_t i = 0; i < d && cma->margins; i++)
        cma->spread[i] = 1;
    for (size_t i = 0; i < d && cma->separable; i++)
        cma->c[i] = 1;
    if (cma->separable)
        return;
    memset(cma->c, 0, d * d * sizeof(double));
    for (size_t i = 0; i < d; i++)
        cma->c[i * d + i] = 1;
    memcpy(cma->axes, cma->c, d * d * sizeof(double));
    memcpy(cma->root, cma->c, d * d * sizeof(double));
}

mlf_status mlf__cmaes_init(struct mlf__cmaes *cma, const struct mlf__cmaes_options *options)
{
    size_t d = options->dim;

    memset(cma, 0, sizeof(*cma));
    if (d == 0 || d > DIM_MAX)
        return mlf__fail(MLF_ERR_INVAL, "CMA-ES takes 1 to %d dimensions, not %zu", DIM_MAX, d);
    if (options->popsize == 1 || options->popsize > POPSIZE_MAX)
        return mlf__fail(MLF_ERR_INVAL, "CMA-ES takes a population of 2 to %d, not %zu",
                         POPSIZE_MAX, options->popsize);
    cma->dim = d;
    cma->popsize = options->popsize > 0 ? options->popsize : 4 + (size_t)(3 * log((double)d));
    cma->mu = cma->popsize / 2;
    cma->separable = options->separable && d > 1;
    cma->margins = options->cells != NULL && !cma->separable;
    double *block = mlf__zalloc(lay_out(cma, NULL), sizeof(double));
    if (block == NULL) {
        memset(cma, 0, sizeof(*cma));
        return MLF_ERR_NOMEM;
    }
    lay_out(cma, block);
    cma->sigma0 = options->sigma > 0 ? options->sigma : 1.0 / 6;
    for (size_t i = 0; i < d; i++)
        cma->mean[i] = options->mean != NULL ? options->mean[i] : 0.5;
    if (cma->margins && options->cells != NULL)
        memcpy(cma->cells, options->cells, d * sizeof(double));
    set_constants(cma);
    reset_shape(cma);
    return MLF_OK;
}

void mlf__cmaes_free(struct mlf__cmaes *cma)
{
    mlf__free(cma->weights); /* the block begins here */
    mlf__free(cma->best);
    mlf__free(cma->median);
    memset(cma, 0, sizeof(*cma));
}

/* ---- drawing ---- */

static bool has_cells(const struct mlf__cmaes *cma, size_t i)
{
    return cma->margins && cma->cells[i] > 1;
}

/* The cell of coordinate |i| that holds |x|; on an edge the lower one. */
static double cell_of(const struct mlf__cmaes *cma, size_t i, double x)
{
    return fmax(0, fmin(ceil(x * cma->cells[i]) - 1, cma->cells[i] - 1));
}

/* |out| += |matrix| transposed times |vector|. Pointers of its own, since what is written could be anything else's
 * memory as far as a compiler knows. */
static void add_turned(size_t d, const double *restrict matrix, const double *restrict vector,
                       double *restrict out)
{
    for (size_t i = 0; i < d; i++) {
        const double *restrict row = matrix + i * d;
        double factor = vector[i];
        for (size_t j = 0; j < d; j++)
            out[j] += row[j] * factor;
    }
}

/* One draw from N(m, sigma^2 C); is it, in its continuous coordinates, inside? With |clip| it is made to be. */
static bool draw(const struct mlf__cmaes *cma, struct mlf__rng *rng, double *x, bool clip)
{
    /* The numbers of a draw are scratch: what is kept is the distribution. */
    double *z = cma->work, *y = cma->work + cma->dim;
    size_t d = cma->dim;

    for (size_t i = 0; i < d; i++)
        z[i] = mlf__rng_normal(rng);
    memset(y, 0, d * sizeof(double));
    if (cma->separable)
        for (size_t i = 0; i < d; i++)
            y[i] = cma->scales[i] * z[i];
    else
        add_turned(d, cma->root, z, y);
    for (size_t i = 0; i < d; i++) {
        x[i] = cma->mean[i] + cma->sigma * y[i];
        if (has_cells(cma, i) || (x[i] >= 0 && x[i] <= 1))
            continue;
        if (!clip)
            return false;
        x[i] = x[i] > 0 ? 1 : 0;
    }
    return true;
}

void mlf__cmaes_sample(const struct mlf__cmaes *cma, struct mlf__rng *rng, double *x, double *raw)
{
    bool inside = false;

    for (size_t tries = 10 * cma->dim; tries > 0 && !inside; tries--)
        inside = draw(cma, rng, x, false);
    if (!inside)
        draw(cma, rng, x, true);
    if (raw != NULL && raw != x)
        memcpy(raw, x, cma->dim * sizeof(double));
    for (size_t i = 0; i < cma->dim && raw != x; i++)
        if (has_cells(cma, i)) {
            double spread = (x[i] - cma->mean[i]) * cma->spread[i] + cma->mean[i];
            x[i] = (cell_of(cma, i, spread) + 0.5) / cma->cells[i];
        }
}

/* ---- update ---- */

struct rank {
    double value;
    size_t index;
};

static int compare_ranks(const void *a, const void *b)
{
    const struct rank *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

static mlf_status keep_values(struct mlf__cmaes *cma, const struct rank *ranks)
{
    size_t n = cma->n_values;
    mlf_status status = mlf__grow((void **)&cma->best, &cma->cap_best, n + 1, sizeof(double));

    if (status == MLF_OK)
        status = mlf__grow((void **)&cma->median, &cma->cap_median, n + 1, sizeof(double));
    if (status != MLF_OK)
        return status;
    cma->best[n] = ranks[0].value;
    cma->median[n] = ranks[cma->popsize / 2].value;
    cma->worst = ranks[cma->popsize - 1].value;
    cma->n_values++;
    return MLF_OK;
}

/* |turned| = D^-1 B' |y|, the coordinates of C^(-1/2) |y| along the axes. Returns its squared length. */
static double whiten(const struct mlf__cmaes *cma, const double *y, double *turned)
{
    size_t d = cma->dim;
    double squares = 0;

    if (cma->separable) {
        memcpy(turned, y, d * sizeof(double));
    } else {
        memset(turned, 0, d * sizeof(double));
        add_turned(d, cma->axes, y, turned);
    }
    for (size_t j = 0; j < d; j++) {
        turned[j] /= cma->scales[j];
        squares += turned[j] * turned[j];
    }
    return squares;
}

/* Paths and step size: (41)-(45). Returns h_sigma. */
static bool update_paths(struct mlf__cmaes *cma, const double *step, double *scratch)
{
    size_t d = cma->dim;
    double *white = scratch, *turned = scratch + d, squares = 0;
    double rate = sqrt(cma->cs * (2 - cma->cs) * cma->mueff);

    whiten(cma, step, turned);
    for (size_t i = 0; i < d; i++) {
        white[i] = cma->separable ? turned[i] : 0;
        for (size_t j = 0; j < d && !cma->separable; j++)
            white[i] += cma->axes[i * d + j] * turned[j];
        cma->mean[i] += cma->sigma * step[i];
        cma->ps[i] = (1 - cma->cs) * cma->ps[i] + rate * white[i];
        squares += cma->ps[i] * cma->ps[i];
    }
    double length = sqrt(squares);
    double horizon = sqrt(1 - pow(1 - cma->cs, 2 * ((double)cma->generation + 1)));
    bool h = length / horizon < (1.4 + 2 / ((double)d + 1)) * cma->chi;
    double path_rate = h ? sqrt(cma->cc * (2 - cma->cc) * cma->mueff) : 0;

    cma->sigma = fmin(cma->sigma * exp(cma->cs / cma->ds * (length / cma->chi - 1)), SIGMA_MAX);
    for (size_t i = 0; i < d; i++)
        cma->pc[i] = (1 - cma->cc) * cma->pc[i] + path_rate * step[i];
    return h;
}

/* Adds |weight| times the outer product of |y|: the lower triangle, or the diagonal. */
static void add_outer(const struct mlf__cmaes *cma, double weight, const double *restrict y)
{
    size_t d = cma->dim;
    double *restrict c = cma->c;

    for (size_t i = 0; i < d; i++) {
        double factor = weight * y[i];
        if (cma->separable) {
            c[i] += factor * y[i];
            continue;
        }
        for (size_t j = 0; j <= i; j++)
            c[i * d + j] += factor * y[j];
    }
}

/* (46) and (47). |steps| are those of the generation by rank. */
static void update_covariance(struct mlf__cmaes *cma, const double *steps, bool h, double *scratch)
{
    size_t d = cma->dim, n = cma->separable ? d : d * d;
    double lost = h ? 0 : cma->cc * (2 - cma->cc);
    double keep = 1 + cma->c1 * lost - cma->c1 - cma->cmu * sum_of(cma->weights, cma->popsize);

    for (size_t i = 0; i < n; i++)
        cma->c[i] *= keep;
    for (size_t k = 0; k < cma->popsize; k++) {
        const double *y = steps + k * d;
        double weight = cma->weights[k];
        if (weight < 0)
            weight *= (double)d / (whiten(cma, y, scratch) + EPSILON);
        if (weight != 0)
            add_outer(cma, cma->cmu * weight, y);
    }
    add_outer(cma, cma->c1, cma->pc);
    for (size_t i = 0; i < d && !cma->separable; i++)
        for (size_t j = 0; j < i; j++)
            cma->c[j * d + i] = cma->c[i * d + j];
}

static bool all_finite(const double *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i] * 0; /* NaN for infinities, too */
    return sum == 0;
}

/* Eigenvectors and roots of the eigenvalues of C; an eigenvalue that is not positive, by rounding or by negative
 * weights, becomes small, in C as well. */
static void decompose(struct mlf__cmaes *cma, double *scratch)
{
    size_t d = cma->dim;
    bool repaired = false;

    if (cma->separable) {
        for (size_t i = 0; i < d; i++)
            cma->scales[i] = sqrt(cma->c[i] > 0 ? cma->c[i] : EPSILON);
        return;
    }
    double *copy = scratch, *rest = scratch + d * d;
    memcpy(copy, cma->c, d * d * sizeof(double));
    gsl_matrix_view matrix = gsl_matrix_view_array(copy, d, d);
    gsl_matrix_view axes = gsl_matrix_view_array(cma->axes, d, d);
    gsl_vector_view values = gsl_vector_view_array(cma->scales, d);
    gsl_eigen_symmv_workspace space = {
        .size = d, .d = rest, .sd = rest + d, .gc = rest + 2 * d, .gs = rest + 3 * d};
    gsl_eigen_symmv(&matrix.matrix, &values.vector, &axes.matrix, &space);
    for (size_t j = 0; j < d; j++) {
        repaired |= !(cma->scales[j] > 0);
        cma->scales[j] = sqrt(cma->scales[j] > 0 ? cma->scales[j] : EPSILON);
    }
    for (size_t i = 0; i < d; i++)
        for (size_t j = 0; j < d; j++)
            cma->root[j * d + i] = cma->axes[i * d + j] * cma->scales[j];
    if (!repaired)
        return;
    memset(cma->c, 0, d * d * sizeof(double));
    for (size_t i = 0; i < d; i++)
        for (size_t k = 0; k < d; k++)
            for (size_t j = 0; j < d; j++)
                cma->c[i * d + k] += cma->root[j * d + i] * cma->root[j * d + k];
}

/* CMAwM, section 4: every cell beside the mean's keeps a probability of at least |margin| / 2 of being drawn. Where the
 * mean's cell is an outer one the mean moves, elsewhere spread and mean do. */
static void correct_margin(struct mlf__cmaes *cma, size_t i, double margin)
{
    double k = cma->cells[i], cell = cell_of(cma, i, cma->mean[i]), mean = cma->mean[i];
    double low = fmax(cell, 1) / k, high = fmin(cell + 1, k - 1) / k;
    double root = cma->sigma * sqrt(cma->c[i * cma->dim + i]), scale = root * cma->spread[i];
    double below = gsl_cdf_ugaussian_P((low - mean) / scale);
    double above = gsl_cdf_ugaussian_Q((high - mean) / scale);

    if (fmax(below, above) > 0.5) {
        if (fmin(below, above) < margin)
            cma->mean[i] = high + copysign(scale * gsl_cdf_ugaussian_Qinv(margin), mean - high);
        return;
    }
    double middle = 1 - below - above;
    below = fmax(below, margin / 2);
    above = fmax(above, margin / 2);
    double excess = (1 - below - above - middle) / (below + middle + above - 3 * margin / 2);
    below += excess * (below - margin / 2);
    above += excess * (above - margin / 2);
    double below_at = gsl_cdf_ugaussian_Qinv(fmax(1e-10, fmin(below, 0.5 - 1e-10)));
    double above_at = gsl_cdf_ugaussian_Qinv(fmax(1e-10, fmin(above, 0.5 - 1e-10)));
    cma->spread[i] = (high - low) / ((below_at + above_at) * root);
    cma->mean[i] = (low * above_at + high * below_at) / (below_at + above_at);
}

/* A distribution that has shrunk to nothing, or grown beyond all numbers, begins again where it was. */
static void finish_update(struct mlf__cmaes *cma, double *scratch)
{
    size_t d = cma->dim, n = cma->separable ? d : d * d;
    double margin = 1 / ((double)d * (double)cma->popsize);

    for (size_t i = 0; i < d; i++)
        if (has_cells(cma, i))
            correct_margin(cma, i, margin);
    bool sound = cma->sigma > 1e-200 && all_finite(cma->c, n) && all_finite(cma->ps, d) &&
                 all_finite(cma->pc, d) && (!cma->margins || all_finite(cma->spread, d));
    for (size_t i = 0; i < d; i++)
        if (!isfinite(cma->mean[i]))
            cma->mean[i] = 0.5;
    if (!sound)
        reset_shape(cma);
    else if (cma->generation % cma->gap == 0)
        decompose(cma, scratch);
}

mlf_status mlf__cmaes_update(struct mlf__cmaes *cma, const double *points, const double *values)
{
    size_t d = cma->dim;
    struct rank *ranks = mlf__zalloc(cma->popsize, sizeof(*ranks));

    if (ranks == NULL)
        return MLF_ERR_NOMEM;
    for (size_t k = 0; k < cma->popsize; k++)
        ranks[k] = (struct rank){.value = values[k], .index = k};
    qsort(ranks, cma->popsize, sizeof(*ranks), compare_ranks);
    mlf_status status = keep_values(cma, ranks);
    if (status != MLF_OK) {
        mlf__free(ranks);
        return status;
    }
    double *steps = cma->work, *scratch = cma->work + cma->popsize * d,
           *mean_step = scratch + 4 * d;
    for (size_t k = 0; k < cma->popsize; k++)
        for (size_t i = 0; i < d; i++)
            steps[k * d + i] = (points[ranks[k].index * d + i] - cma->mean[i]) / cma->sigma;
    mlf__free(ranks);
    memset(mean_step, 0, d * sizeof(double));
    for (size_t k = 0; k < cma->mu; k++)
        for (size_t i = 0; i < d; i++)
            mean_step[i] += cma->weights[k] * steps[k * d + i];
    cma->generation++;
    bool h = update_paths(cma, mean_step, scratch);
    update_covariance(cma, steps, h, scratch);
    finish_update(cma, scratch);
    return MLF_OK;
}

/* ---- the end of a search ---- */

static double median_of(const double *values, size_t n, double *scratch)
{
    memcpy(scratch, values, n * sizeof(double));
    gsl_sort(scratch, 1, n);
    return gsl_stats_median_from_sorted_data(scratch, 1, n);
}

/* Over the last fifth of the generations, at least 120 + 30 d / popsize and at most 20000: neither the best nor the median
 * values are lower in the last third of them than in the first. */
static bool stagnates(const struct mlf__cmaes *cma)
{
    size_t shortest = 120 + 30 * cma->dim / cma->popsize, n = cma->n_values / 5;

    n = n > shortest ? n : shortest;
    n = n < 20000 ? n : 20000;
    if (cma->n_values < n)
        return false;
    size_t part = n * 3 / 10, first = cma->n_values - n, last = cma->n_values - part;
    double *scratch = mlf__zalloc(part, sizeof(double));
    if (scratch == NULL)
        return false;
    bool stagnates =
        median_of(cma->best + last, part, scratch) >= median_of(cma->best + first, part, scratch) &&
        median_of(cma->median + last, part, scratch) >=
            median_of(cma->median + first, part, scratch);
    mlf__free(scratch);
    return stagnates;
}

/* Are the best values of the latest generations, and all of the last one, the same within |tolerance|? */
static bool is_flat(const struct mlf__cmaes *cma, double tolerance)
{
    size_t n = 10 + (30 * cma->dim + cma->popsize - 1) / cma->popsize;

    if (cma->n_values <= n)
        return false;
    double low, high;
    gsl_stats_minmax(&low, &high, cma->best + cma->n_values - n, 1, n);
    return fmax(high, cma->worst) - fmin(low, cma->best[cma->n_values - 1]) <= tolerance;
}

static bool has_no_effect_on_axis(const struct mlf__cmaes *cma)
{
    size_t d = cma->dim, j = cma->generation % d;

    for (size_t i = 0; i < d; i++) {
        double axis = cma->separable ? (i == j ? cma->scales[i] : 0) : cma->root[j * d + i];
        if (cma->mean[i] != cma->mean[i] + 0.1 * cma->sigma * axis)
            return false;
    }
    return true;
}

const char *mlf__cmaes_stop(const struct mlf__cmaes *cma)
{
    size_t d = cma->dim, small = 0;
    double tolerance = 1e-12 * cma->sigma0, largest = gsl_stats_max(cma->scales, 1, d);

    if (is_flat(cma, 1e-12))
        return "tolfun";
    for (size_t i = 0; i < d; i++) {
        double deviation = cma->sigma * sqrt(cma->c[cma->separable ? i : i * d + i]);
        small += deviation < tolerance && fabs(cma->sigma * cma->pc[i]) < tolerance;
        if (cma->mean[i] == cma->mean[i] + 0.2 * deviation)
            return "no effect on a coordinate";
    }
    if (small == d)
        return "tolx";
    if (cma->sigma * largest > 1e4)
        return "tolxup";
    if (largest / gsl_stats_min(cma->scales, 1, d) > 1e7)
        return "condition number";
    if (has_no_effect_on_axis(cma))
        return "no effect on an axis";
    /* This one looks at so many generations that it need not be asked at each. */
    return cma->generation % 10 == 0 && stagnates(cma) ? "stagnation" : NULL;
}
