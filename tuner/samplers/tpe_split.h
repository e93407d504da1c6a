/* SPDX-License-Identifier: Apache-2.0 */
/* The finished trials in order of merit, and which of them are below, that is good, and which above. */
#ifndef MLF_TUNER_SAMPLERS_TPE_SPLIT_H
#define MLF_TUNER_SAMPLERS_TPE_SPLIT_H

#include "tuner/history.h"

enum mlf__tpe_side { MLF__TPE_NEITHER, MLF__TPE_BELOW, MLF__TPE_ABOVE };

/* A trial that has changed sides. */
struct mlf__tpe_move {
    uint32_t trial;
    uint8_t from, to; /* mlf__tpe_side */
};

struct mlf__tpe_split {
    const struct mlf__history *history;
    size_t n_told; /* of history->told, taken in */
    uint32_t
        *ranked; /* numbers, best first: feasible complete ones, pruned ones, infeasible ones */
    size_t n_ranked, cap_ranked;
    size_t n_complete; /* the feasible complete ones among them */
    size_t n_below;
    uint8_t *sides; /* by number */
    size_t cap_sides;
    struct mlf__tpe_move *moves; /* of the last call of advance, in order */
    size_t n_moves, cap_moves;
};

/* How many of |n| trials are good. */
size_t mlf__tpe_gamma(size_t n, size_t n_objectives);
/* Takes in the trials told since, up to |n_told|. */
mlf_status mlf__tpe_split_advance(struct mlf__tpe_split *split, size_t n_told);
void mlf__tpe_split_free(struct mlf__tpe_split *split);

#endif
