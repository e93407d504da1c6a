/* SPDX-License-Identifier: Apache-2.0 */
/* Low-discrepancy sequences: point |index| of a sequence that fills the unit cube evenly, one coordinate at a time. */
#ifndef MLF_TUNER_SAMPLERS_QMC_SEQUENCE_H
#define MLF_TUNER_SAMPLERS_QMC_SEQUENCE_H

#include "core/fail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MLF__SEQUENCE_DIMENSIONS = 512, MLF__SOBOL_BITS = 32 };

/* One word per dimension: the polynomial's coefficients, the highest one first; and, one after the other, as many
 * initial numbers for each as its degree, at least one. */
extern const uint16_t mlf__sobol_polynomials[MLF__SEQUENCE_DIMENSIONS];
extern const uint16_t mlf__sobol_initials[];

/* A dimension of a Sobol sequence, its scrambling worked in; numbers of 53 bits. */
struct mlf__sobol {
    uint64_t directions[MLF__SOBOL_BITS];
    uint64_t shift;
};

struct mlf__sequence {
    bool halton; /* else Sobol */
    bool scramble;
    uint64_t seed;
    struct mlf__sobol *sobol; /* of the dimensions that were asked for */
    uint16_t *bases;          /* primes, likewise */
    size_t n_dimensions, cap;
    size_t n_initials; /* of mlf__sobol_initials that these have taken */
};

/* Coordinate |dimension| < MLF__SEQUENCE_DIMENSIONS of point |index|, in [0, 1). Sobol's repeats after 2^32 points. */
mlf_status mlf__sequence_at(struct mlf__sequence *sequence, uint64_t index, size_t dimension,
                            double *out);
void mlf__sequence_free(struct mlf__sequence *sequence);

#endif
