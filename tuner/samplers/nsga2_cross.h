/* SPDX-License-Identifier: Apache-2.0 */
/* How NSGA-II makes numbers of a child: crossover of parents and mutation, in the unit cube. A child may come to lie outside. */
#ifndef MLF_TUNER_SAMPLERS_NSGA2_CROSS_H
#define MLF_TUNER_SAMPLERS_NSGA2_CROSS_H

#include "tuner/rng.h"

/* In the order of the setting's choices. */
enum mlf__crossover {
    MLF__CROSS_UNIFORM,
    MLF__CROSS_BLX,
    MLF__CROSS_SBX,
    MLF__CROSS_VSBX,
    MLF__CROSS_SPX,
    MLF__CROSS_UNDX
};
enum { MLF__PARENTS_MAX = 3 };

size_t mlf__crossover_parents(enum mlf__crossover crossover);

struct mlf__cross {
    enum mlf__crossover crossover;
    double swap_prob; /* of the uniform one: a gene comes from the second parent */
    double eta;       /* of SBX and vSBX: distribution index */
    size_t dim;
    const double *parents[MLF__PARENTS_MAX];
};
void mlf__cross(const struct mlf__cross *cross, struct mlf__rng *rng, double *child);

/* Polynomial mutation (Deb, Agrawal, 1999) of a number in [0, 1], which it does not leave. */
double mlf__mutate_polynomial(double value, double eta, struct mlf__rng *rng);

#endif
