/* SPDX-License-Identifier: Apache-2.0 */
/* CMA-ES on the unit cube [0, 1]^d, always minimising: the search distribution, drawing from it, and its update by a
 * generation. Knows nothing of trials. Full covariance with active update (Hansen, arXiv 1604.00772), diagonal
 * (sep-CMA-ES; Ros, Hansen, PPSN 2008), and margins for coordinates that have cells (CMAwM; Hamano et al., arXiv
 * 2205.13482). The state is a function of options and updates alone. */
#ifndef MLF_TUNER_SAMPLERS_CMAES_CORE_H
#define MLF_TUNER_SAMPLERS_CMAES_CORE_H

#include "tuner/rng.h"
#include "tuner/space.h"

struct mlf__cmaes_options {
    size_t dim;         /* at least 1 */
    size_t popsize;     /* 0: 4 + floor(3 ln dim); else at least 2 */
    double sigma;       /* 0: 1/6 */
    const double *mean; /* NULL: the middle. Copied */
    bool separable;     /* ignored with one dimension */
    /* Cells of each coordinate, 0: continuous. NULL: no margins. A coordinate with k cells has its values at (i + 0.5) / k. Not
     * together with |separable|. Copied. */
    const double *cells;
};

struct mlf__cmaes {
    size_t dim, popsize, mu;
    bool separable, margins;
    uint64_t generation; /* updates so far */
    uint64_t gap;        /* generations between decompositions */
    double mueff, c1, cmu, cc, cs, ds, chi;
    double sigma, sigma0;
    double *weights; /* popsize; by rank */
    double *mean, *pc, *ps;
    double *c;      /* covariance: dim x dim, or dim when separable */
    double *axes;   /* eigenvectors in columns, dim x dim; NULL when separable */
    double *scales; /* roots of the eigenvalues */
    double *root;   /* axes times scales, an axis a row: what a draw needs; NULL when separable */
    double *cells;  /* NULL without margins */
    double *spread; /* CMAwM's A */
    /* Best and median value of each generation, of which the criteria for stopping look at the latest. */
    double *best, *median;
    size_t n_values, cap_best, cap_median;
    double worst; /* of the last generation */
    double *work; /* of one update */
};

/* MLF_ERR_INVAL for options that cannot be served, MLF_ERR_NOMEM. On failure |cma| is as mlf__cmaes_free() leaves it. */
mlf_status mlf__cmaes_init(struct mlf__cmaes *cma, const struct mlf__cmaes_options *options);
void mlf__cmaes_free(struct mlf__cmaes *cma); /* zeroed is fine */

/* A point of the cube: drawn again up to 10 d times while it lies outside, then clipped. |raw| (may be |x|, or NULL) is what update
 * takes for it: it differs from |x| in coordinates that have cells. */
void mlf__cmaes_sample(const struct mlf__cmaes *cma, struct mlf__rng *rng, double *x, double *raw);

/* Takes in a generation: |points| has popsize rows of dim numbers, |values| one each, infinities too; of equal ones the
 * first is the better. Sorts neither. */
mlf_status mlf__cmaes_update(struct mlf__cmaes *cma, const double *points, const double *values);

/* Has the search come to its end, by the criteria of Hansen (arXiv 1604.00772, B.3)? What it is, or NULL. Static. */
const char *mlf__cmaes_stop(const struct mlf__cmaes *cma);

/* Where a number lies in its column, in [0, 1]; and the way back, rounded to a step and within the range. */
double mlf__cmaes_to_unit(const struct mlf__dist *dist, double value);
double mlf__cmaes_from_unit(const struct mlf__dist *dist, double unit);

#endif
