/* SPDX-License-Identifier: Apache-2.0 */
/* The crossovers for numbers: uniform (Syswerda, ICGA 1989), BLX-alpha (Eshelman, Schaffer, FOGA 1993), SBX (Deb, Agrawal,
 * Complex Systems 1995) bounded as in NSGA-II, vSBX (Ballester, Carter, GECCO 2003), SPX (Tsutsui, Yamamura,
 * Higuchi, GECCO 1999) and UNDX (Ono, Kobayashi, ICGA 1997). */
#include "tuner/samplers/nsga2_cross.h"

#include <math.h>
#include <stdbool.h>

size_t mlf__crossover_parents(enum mlf__crossover crossover)
{
    return crossover == MLF__CROSS_SPX || crossover == MLF__CROSS_UNDX ? 3 : 2;
}

/* Uniform in the parents' interval, made wider by half its width on each side. */
static double blend(double a, double b, struct mlf__rng *rng)
{
    double low = fmin(a, b), width = fabs(a - b);
    return low - 0.5 * width + 2 * width * mlf__rng_uniform(rng);
}

/* The factor by which a child lies farther from the parents' middle than they do; |room| is what the bound allows. */
static double sbx_factor(double u, double room, double eta)
{
    double alpha = 2 - pow(room, -(eta + 1));
    double base = u <= 1 / alpha ? u * alpha : 1 / (2 - u * alpha);
    return pow(base, 1 / (eta + 1));
}

static double sbx(double a, double b, double eta, struct mlf__rng *rng)
{
    double low = fmin(a, b), high = fmax(a, b), width = fmax(high - low, 1e-10);
    double u = mlf__rng_uniform(rng);

    if (mlf__rng_uniform(rng) < 0.5)
        return 0.5 * (low + high - sbx_factor(u, 1 + 2 * fmax(0, low) / width, eta) * width);
    return 0.5 * (low + high + sbx_factor(u, 1 + 2 * fmax(0, 1 - high) / width, eta) * width);
}

/* On either side of |a|, which is one parent or the other. */
static double vsbx(double a, double b, double eta, struct mlf__rng *rng)
{
    double beta = pow(1 / fmax(2 * mlf__rng_uniform(rng), 1e-10), 1 / (eta + 1));
    double away = 0.5 * (fmax(beta, 1) - 1) * (a - b);
    return mlf__rng_uniform(rng) < 0.5 ? a + away : a - away;
}

/* The genes of a child of two parents, one by one. SBX and vSBX leave half of them as they are, and take either parent's side with
 * equal chances, since of the two children one is made. */
static void cross_genes(const struct mlf__cross *cross, struct mlf__rng *rng, double *child)
{
    bool simulated = cross->crossover == MLF__CROSS_SBX || cross->crossover == MLF__CROSS_VSBX;

    for (size_t i = 0; i < cross->dim; i++) {
        double a = cross->parents[0][i], b = cross->parents[1][i];
        if (cross->crossover == MLF__CROSS_BLX) {
            child[i] = blend(a, b, rng);
            continue;
        }
        bool second = mlf__rng_uniform(rng) < (simulated ? 0.5 : cross->swap_prob);
        double own = second ? b : a, other = second ? a : b;
        if (!simulated || mlf__rng_uniform(rng) < 0.5)
            child[i] = own;
        else if (cross->crossover == MLF__CROSS_SBX)
            child[i] = sbx(a, b, cross->eta, rng);
        else
            child[i] = vsbx(own, other, cross->eta, rng);
    }
}

/* Uniform in the parents' simplex, made wider about its centre by sqrt(d + 2) as the paper has it for d + 1 parents: with
 * fewer parents in more dimensions that keeps more of the variety than keeping their covariance would. */
static void cross_simplex(const struct mlf__cross *cross, struct mlf__rng *rng, double *child)
{
    double share[MLF__PARENTS_MAX - 1], widen = sqrt((double)cross->dim + 2);

    for (size_t k = 0; k + 1 < MLF__PARENTS_MAX; k++)
        share[k] = pow(mlf__rng_uniform(rng), 1 / ((double)k + 1));
    for (size_t i = 0; i < cross->dim; i++) {
        double centre = 0, offset = 0;
        for (size_t k = 0; k < MLF__PARENTS_MAX; k++)
            centre += cross->parents[k][i] / MLF__PARENTS_MAX;
        for (size_t k = 0; k + 1 < MLF__PARENTS_MAX; k++)
            offset =
                share[k] * (widen * (cross->parents[k][i] - cross->parents[k + 1][i]) + offset);
        child[i] = centre + widen * (cross->parents[MLF__PARENTS_MAX - 1][i] - centre) + offset;
    }
}

/* Normal along the line of two parents, and across it in proportion to the third one's distance from the line. A
 * normal vector without its part along the line is what an orthonormal basis of the rest would give. */
static void cross_unimodal(const struct mlf__cross *cross, struct mlf__rng *rng, double *child)
{
    const double *a = cross->parents[0], *b = cross->parents[1], *c = cross->parents[2];
    double length = 0, along_third = 0, third = 0, along = 0;
    double across = 0.35 / sqrt((double)cross->dim), xi = 0.5 * mlf__rng_normal(rng);

    for (size_t i = 0; i < cross->dim; i++) {
        child[i] = mlf__rng_normal(rng);
        length += (b[i] - a[i]) * (b[i] - a[i]);
        along_third += (c[i] - a[i]) * (b[i] - a[i]);
        third += (c[i] - a[i]) * (c[i] - a[i]);
        along += child[i] * (b[i] - a[i]);
    }
    if (length > 0) {
        along /= length;
        third -= along_third * along_third / length;
    }
    double distance = cross->dim > 1 ? sqrt(fmax(0, third)) : 0;
    for (size_t i = 0; i < cross->dim; i++)
        child[i] = 0.5 * (a[i] + b[i]) + xi * (b[i] - a[i]) +
                   across * distance * (child[i] - along * (b[i] - a[i]));
}

void mlf__cross(const struct mlf__cross *cross, struct mlf__rng *rng, double *child)
{
    if (cross->crossover == MLF__CROSS_SPX)
        cross_simplex(cross, rng, child);
    else if (cross->crossover == MLF__CROSS_UNDX)
        cross_unimodal(cross, rng, child);
    else
        cross_genes(cross, rng, child);
}

double mlf__mutate_polynomial(double value, double eta, struct mlf__rng *rng)
{
    double u = mlf__rng_uniform(rng), room = u < 0.5 ? value : 1 - value;
    double half = u < 0.5 ? 2 * u : 2 * (1 - u);
    double reach = pow(half + (1 - half) * pow(1 - room, eta + 1), 1 / (eta + 1)) - 1;

    value += u < 0.5 ? reach : -reach;
    return fmax(0, fmin(value, 1));
}
