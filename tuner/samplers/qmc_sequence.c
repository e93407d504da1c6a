/* SPDX-License-Identifier: Apache-2.0 */
/* Sobol's sequence in the order of the Gray code (Antonov, Saleev, USSR Comput. Maths. Math. Phys. 19, 1980; directions by Bratley, Fox,
 * ACM TOMS 14, 1988) and Halton's. Scrambled as Matousek describes ("On the L2-discrepancy for anchored boxes", J.
 * Complexity 14, 1998): Sobol's numbers by a random lower triangular matrix and a digital shift, Halton's digits by a
 * random linear map each. */
#include "tuner/samplers/qmc_sequence.h"
#include "core/mem.h"
#include "tuner/rng.h"

#include <math.h>

enum { DIGITS = 53 }; /* of a double */

/* The directions as they are, their first bit the highest of 32. Returns how many initial numbers were taken. */
static size_t set_directions(uint32_t out[MLF__SOBOL_BITS], unsigned polynomial,
                             const uint16_t *initials)
{
    size_t degree = polynomial > 1 ? 31 - (size_t)__builtin_clz(polynomial) : 0;

    if (degree == 0) { /* the first dimension: van der Corput's sequence */
        for (size_t k = 0; k < MLF__SOBOL_BITS; k++)
            out[k] = UINT32_C(1) << (31 - k);
        return 1;
    }
    for (size_t k = 0; k < degree; k++)
        out[k] = (uint32_t)initials[k] << (31 - k);
    for (size_t k = degree; k < MLF__SOBOL_BITS; k++) {
        out[k] = out[k - degree] ^ out[k - degree] >> degree;
        for (size_t i = 1; i < degree; i++)
            if (polynomial >> (degree - i) & 1)
                out[k] ^= out[k - i];
    }
    return degree;
}

/* Multiplies all directions by a random matrix with ones on its diagonal and nothing above; rows behind the 32nd are
 * random, so that points differ from each other in all their digits. */
static void scramble(struct mlf__sobol *sobol, const uint32_t directions[MLF__SOBOL_BITS],
                     struct mlf__rng *rng)
{
    for (size_t k = 0; k < MLF__SOBOL_BITS; k++)
        sobol->directions[k] = 0;
    for (size_t row = 0; row < DIGITS; row++) {
        uint32_t random = (uint32_t)mlf__rng_bits(rng), mask = random;
        if (row < MLF__SOBOL_BITS) {
            uint32_t diagonal = UINT32_C(1) << (31 - row);
            mask = (random & ~(diagonal | (diagonal - 1))) | diagonal;
        }
        for (size_t k = 0; k < MLF__SOBOL_BITS; k++)
            sobol->directions[k] |= (uint64_t)__builtin_parity(mask & directions[k])
                                    << (DIGITS - 1 - row);
    }
    sobol->shift = mlf__rng_bits(rng) >> (64 - DIGITS);
}

static void set_sobol(struct mlf__sequence *sequence, size_t dimension)
{
    struct mlf__sobol *sobol = &sequence->sobol[dimension];
    uint32_t directions[MLF__SOBOL_BITS];
    struct mlf__rng rng;

    sequence->n_initials += set_directions(directions, mlf__sobol_polynomials[dimension],
                                           mlf__sobol_initials + sequence->n_initials);
    sobol->shift = 0;
    for (size_t k = 0; k < MLF__SOBOL_BITS; k++)
        sobol->directions[k] = (uint64_t)directions[k] << (DIGITS - MLF__SOBOL_BITS);
    if (sequence->scramble) {
        mlf__rng_init(&rng, sequence->seed, dimension, MLF__RNG_SCRAMBLE);
        scramble(sobol, directions, &rng);
    }
}

static double sobol_at(const struct mlf__sobol *sobol, uint64_t index)
{
    uint32_t gray = (uint32_t)(index ^ index >> 1);
    uint64_t digits = sobol->shift;

    for (; gray != 0; gray &= gray - 1)
        digits ^= sobol->directions[__builtin_ctz(gray)];
    return ldexp((double)digits, -DIGITS);
}

static uint16_t prime_after(uint16_t number)
{
    for (;;) {
        bool prime = ++number > 1;
        for (uint32_t i = 2; prime && i * i <= number; i++)
            prime = number % i != 0;
        if (prime)
            return number;
    }
}

/* The digits of |index| in the dimension's base, mirrored at the point. */
static double halton_at(const struct mlf__sequence *sequence, uint64_t index, size_t dimension)
{
    uint16_t base = sequence->bases[dimension];
    struct mlf__rng rng;
    double result = 0, weight = 1;

    mlf__rng_init(&rng, sequence->seed, dimension, MLF__RNG_SCRAMBLE);
    size_t n_digits = (size_t)ceil((DIGITS + 1) / log2(base));
    for (size_t i = 0; i < n_digits; i++, index /= base) {
        uint64_t digit = index % base;
        weight /= base;
        if (sequence->scramble) {
            uint64_t factor = 1 + mlf__rng_below(&rng, base - 1u);
            digit = (factor * digit + mlf__rng_below(&rng, base)) % base;
        }
        result += (double)digit * weight;
    }
    /* All digits at their highest add up to 1. */
    return result < 1 ? result : 1 - 0x1p-53;
}

mlf_status mlf__sequence_at(struct mlf__sequence *sequence, uint64_t index, size_t dimension,
                            double *out)
{
    *out = 0;
    if (dimension >= sequence->cap) {
        size_t cap = dimension + 16;
        void *sobol = mlf__realloc(sequence->sobol, cap * sizeof(*sequence->sobol));
        if (sobol == NULL)
            return MLF_ERR_NOMEM;
        sequence->sobol = sobol;
        void *bases = mlf__realloc(sequence->bases, cap * sizeof(*sequence->bases));
        if (bases == NULL)
            return MLF_ERR_NOMEM;
        sequence->bases = bases;
        sequence->cap = cap;
    }
    for (size_t i = sequence->n_dimensions; i <= dimension; i++) {
        if (sequence->halton)
            sequence->bases[i] = prime_after(i > 0 ? sequence->bases[i - 1] : 0);
        else
            set_sobol(sequence, i);
        sequence->n_dimensions = i + 1;
    }
    *out = sequence->halton ? halton_at(sequence, index, dimension)
                            : sobol_at(&sequence->sobol[dimension], index);
    return MLF_OK;
}

void mlf__sequence_free(struct mlf__sequence *sequence)
{
    mlf__free(sequence->sobol);
    mlf__free(sequence->bases);
}
