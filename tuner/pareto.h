/* SPDX-License-Identifier: Apache-2.0 */
/* Several objectives at once: non-domination ranks, hypervolume, and the points that keep most of it. Points are rows
 * of |m| numbers, all to be minimised: the caller turns the sign of what is maximised. Infinite values are fine, NaN is
 * not. */
#ifndef MLF_TUNER_PARETO_H
#define MLF_TUNER_PARETO_H

#include "core/fail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Is |a| nowhere worse than |b|, and better somewhere? */
bool mlf__pareto_dominates(const double *a, const double *b, size_t m);

/* Ranks from 0, the front; equal points have equal ranks. With |violations| (NULL: all feasible; > 0 is infeasible) the
 * infeasible points come behind all feasible ones, by their violation alone. Ranks are exact for fronts that begin among
 * the first |n_exact| points (0: all); feasible points behind these share the next rank. */
mlf_status mlf__pareto_ranks(const double *points, size_t n, size_t m, const double *violations,
                             size_t n_exact, uint32_t *ranks);

/* What the points dominate up to |reference|, which no point may exceed: infinite when the reference is. With many points in many
 * dimensions this is exponential; MLF_ERR_UNSUPPORTED when it would take minutes. */
mlf_status mlf__pareto_hypervolume(const double *points, size_t n, size_t m,
                                   const double *reference, double *out);

/* Chooses |k| of |n| points, one by one that which adds most hypervolume (Guerreiro, Fonseca, Paquete, Evolutionary
 * Computation 24(3), 2016); of equal ones the first in lexicographic order. |chosen| gets their rows in the order of
 * choice. Where exact contributions would take too long, upper bounds stand in. */
mlf_status mlf__pareto_subset(const double *points, size_t n, size_t m, const double *reference,
                              size_t k, uint32_t *chosen);

#endif
