/* SPDX-License-Identifier: Apache-2.0 */
/* The scan, to be included once per instruction set, with defined
 *   SCAN_LANES        doubles in a vector
 *   SCAN_TARGET       attribute of functions that may use the instructions
 *   SCAN_NAME         the exported function
 * and a static function unsigned scan_within(scan_vec a, scan_vec b): bit i is set when a[i] <= b[i]. The vectors are those
 * of gcc's and clang's vector extension. */
#include "tuner/samplers/tpe_scan.h"

#include <math.h>

/* Exponents above would overflow. */
static const double scan_high = 600;

SCAN_TARGET static inline scan_vec scan_load(const double *from)
{
    return *(const scan_loose *)from;
}

SCAN_TARGET static inline scan_vec scan_all(double value)
{
    scan_vec all;
    for (int i = 0; i < SCAN_LANES; i++)
        all[i] = value;
    return all;
}

SCAN_TARGET static inline scan_vec scan_max(scan_vec a, scan_vec b)
{
    scan_bits more = (scan_bits)(a > b);
    return (scan_vec)(((scan_bits)a & more) | ((scan_bits)b & ~more));
}

/* exp(x) for -700 < x < 700 to 1e-15: x = k ln 2 + r, the series of r to the 13th power. */
SCAN_TARGET static inline scan_vec scan_exp(scan_vec x)
{
    static const double inverse_factorials[] = {1.0 / 6227020800,
                                                1.0 / 479001600,
                                                1.0 / 39916800,
                                                1.0 / 3628800,
                                                1.0 / 362880,
                                                1.0 / 40320,
                                                1.0 / 5040,
                                                1.0 / 720,
                                                1.0 / 120,
                                                1.0 / 24,
                                                1.0 / 6,
                                                0.5,
                                                1,
                                                1};
    /* Adding 1.5 * 2^52 leaves the nearest integer in the low bits. */
    const double magic = 6755399441055744.0;
    scan_vec shifted = x * 1.44269504088896340736 + magic;
    scan_vec k = shifted - magic;
    scan_vec r = x - k * 6.93147180369123816490e-01 - k * 1.90821492927058770002e-10;
    scan_vec sum = scan_all(inverse_factorials[0]);
    for (size_t i = 1; i < sizeof(inverse_factorials) / sizeof(inverse_factorials[0]); i++)
        sum = sum * r + inverse_factorials[i];
    return (scan_vec)((scan_bits)sum + ((scan_bits)shifted << 52));
}

/* The sum over the parameters for a block of kernels, or nothing when no kernel is within |limit| any more. Returns
 * which ones are. */
SCAN_TARGET static inline unsigned scan_block(const struct mlf__tpe_scan *scan,
                                              const struct mlf__tpe_point *point, size_t at,
                                              scan_vec limit, scan_vec *sum)
{
    size_t n_continuous = scan->n_continuous, n_numbers = n_continuous + scan->n_wide;
    scan_vec total = scan_all(0);

    for (size_t d = 0; d < n_continuous; d++) {
        scan_vec t =
            (scan_load(scan->mu[d] + at) - point->low[d]) * scan_load(scan->inverse[d] + at);
        total += t * t;
        if (d > 0 && scan_within(total, limit) == 0)
            return 0;
    }
    for (size_t d = n_continuous; d < n_numbers; d++) {
        scan_vec mu = scan_load(scan->mu[d] + at);
        scan_vec t = scan_max(scan_max(point->low[d] - mu, mu - point->high[d]), scan_all(0)) *
                     scan_load(scan->inverse[d] + at);
        total += t * t;
    }
    for (size_t d = 0; d < scan->n_tables; d++) {
        const double *row = scan->rows[d] + point->values[d];
        const uint32_t *class_of = scan->class_of[d] + at;
        scan_vec mass = scan_all(0);
        if (scan_within(total, limit) == 0)
            return 0;
        for (int i = 0; i < SCAN_LANES; i++)
            mass[i] = row[class_of[i] * scan->n_values[d]];
        total += mass;
    }
    for (size_t d = 0; d < scan->n_choices; d++) {
        scan_bits miss = (scan_bits)(scan_load(scan->choices[d] + at) != point->choices[d]);
        total += (scan_vec)(miss & (scan_bits)scan_all(scan->misses[d]));
    }
    *sum = total;
    return scan_within(total, limit);
}

SCAN_TARGET static void scan_correct(const struct mlf__tpe_scan *scan,
                                     const struct mlf__tpe_point *point, size_t at, unsigned which,
                                     scan_vec *exponent)
{
    for (size_t d = scan->n_continuous; d < scan->n_continuous + scan->n_wide; d++)
        for (int i = 0; i < SCAN_LANES; i++)
            if ((which & 1u << i) != 0)
                (*exponent)[i] += mlf__tpe_scan_correction(point->low[d], point->high[d],
                                                           scan->mu[d][at + (size_t)i],
                                                           scan->inverse[d][at + (size_t)i]);
}

/* Adds the kernels |which| of a block. The shift moves up before anything overflows. */
SCAN_TARGET static void scan_add(struct mlf__tpe_point *point, scan_vec exponent, scan_vec weight,
                                 unsigned which)
{
    double highest = -INFINITY;
    for (int i = 0; i < SCAN_LANES; i++) {
        if ((which & 1u << i) == 0 || !(exponent[i] > point->floor - scan_high)) {
            exponent[i] = point->shift;
            weight[i] = 0;
        }
        highest = exponent[i] > highest ? exponent[i] : highest;
    }
    if (highest - point->shift > scan_high) {
        point->sum *= exp(point->shift - highest);
        point->shift = highest;
    }
    scan_vec x = scan_max(exponent - point->shift, scan_all(-scan_high));
    scan_vec terms = scan_exp(x) * weight;
    for (int i = 0; i < SCAN_LANES; i++)
        point->sum += terms[i];
}

SCAN_TARGET void SCAN_NAME(const struct mlf__tpe_scan *scan, struct mlf__tpe_point *point,
                           size_t from, size_t to)
{
    for (size_t at = from; at < to; at += SCAN_LANES) {
        scan_vec constant = scan_load(scan->constants + at) + point->offset, sum;
        unsigned which = scan_block(scan, point, at, 2 * (constant - point->floor), &sum);
        if (which == 0)
            continue;
        scan_vec exponent = constant - 0.5 * sum;
        if (scan->n_wide > 0)
            scan_correct(scan, point, at, which, &exponent);
        scan_add(point, exponent, scan_load(scan->weights + at), which);
    }
}
