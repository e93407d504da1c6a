/* SPDX-License-Identifier: Apache-2.0 */
/* A step from the best point seen towards the least value of a quadratic model of its neighbourhood. */
#ifndef MLF_TUNER_SAMPLERS_AUTO_LOCAL_H
#define MLF_TUNER_SAMPLERS_AUTO_LOCAL_H

#include "tuner/rng.h"

#include "core/fail.h"

#include <stdbool.h>

/* Finite values, to be minimised, at |n| points of the unit cube, rows of |d|. */
struct mlf__auto_local {
    size_t n, d;
    const double *points, *values;
};

/* The next point to try. |spread|: other steps from the same points are on their way, so that this one should not be the
 * same. |*moved| is false when the neighbourhood is too small to find anything new there. */
mlf_status mlf__auto_local_step(const struct mlf__auto_local *local, bool spread,
                                struct mlf__rng *rng, double *out, bool *moved);

#endif
