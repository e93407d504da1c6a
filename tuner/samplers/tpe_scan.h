/* SPDX-License-Identifier: Apache-2.0 */
/* The inner loop of TPE: the sum of all kernels at a point. A kernel is given up as soon as its exponent has fallen below
 * what could matter to the sum. One variant per instruction set, all from tpe_scan_template.h. */
#ifndef MLF_TUNER_SAMPLERS_TPE_SCAN_H
#define MLF_TUNER_SAMPLERS_TPE_SCAN_H

#include <stddef.h>
#include <stdint.h>

/* Blocks of slots that are scanned together; the room for slots is a multiple of it. */
enum { MLF__TPE_LANES_MAX = 8 };

/* The kernels: exponent = constant - 1/2 sum over the parameters. Arrays are by slot. */
struct mlf__tpe_scan {
    const double *constants, *weights;
    const double *const *mu;      /* continuous parameters, then wide ones */
    const double *const *inverse; /* likewise */
    const double *const *rows;    /* of tables: -2 log mass by class and value */
    const uint32_t *const *class_of;
    const size_t *n_values; /* of tables */
    const double *const *choices;
    const double *misses; /* of choices: what another choice adds to the sum */
    size_t n_continuous, n_wide, n_tables, n_choices;
    double
        margin; /* exponents that lie so far below the sum's logarithm cannot matter, all together */
};

/* A point: its values are intervals of the column's scale, for continuous parameters with equal ends. */
struct mlf__tpe_point {
    const double *low, *high; /* continuous and wide parameters */
    const double *choices;
    const size_t *values; /* of tables */
    double offset;        /* to be added to each exponent */
    double shift;         /* the sum is of exp(exponent - shift) */
    double floor;         /* exponents below cannot matter */
    double sum;
};

/* Adds the kernels of the slots |from| … |to| - 1, both multiples of MLF__TPE_LANES_MAX. */
typedef void mlf__tpe_scan_fn(const struct mlf__tpe_scan *scan, struct mlf__tpe_point *point,
                              size_t from, size_t to);
mlf__tpe_scan_fn mlf__tpe_scan_plain, mlf__tpe_scan_avx2, mlf__tpe_scan_avx512;
/* The |i|-th of those that this machine can run, from the fastest on; NULL behind the last. */
mlf__tpe_scan_fn *mlf__tpe_scan_variant(size_t i);

/* For a wide parameter the scan takes the density at the interval's nearest point, an upper bound; this is the logarithm of the true
 * mass by that bound. */
double mlf__tpe_scan_correction(double low, double high, double mu, double inverse);

#endif
