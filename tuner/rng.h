/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers by counter (Philox 4x32-10; Salmon, Moraes, Dror, Shaw, SC 2011): a stream is named by the study's seed,
 * a trial's number and what it is for, so that the values of a trial do not depend on what others drew. */
#ifndef MLF_TUNER_RNG_H
#define MLF_TUNER_RNG_H

#include <stddef.h>
#include <stdint.h>

/* What a stream is for; parameters sampled alone have mlf__rng_alone(name). */
enum mlf__rng_purpose { MLF__RNG_JOINT, MLF__RNG_SCRAMBLE, MLF__RNG_ALONE = 16 };

struct mlf__rng {
    uint32_t key[2], counter[4];
    uint32_t block[4];
    unsigned used; /* words of |block| */
    double spare;  /* of the last pair of normals; NaN: none */
};

void mlf__rng_init(struct mlf__rng *rng, uint64_t seed, uint64_t trial, uint32_t purpose);
/* The purpose of sampling the parameter |name| alone. By the name's letters, since its number in the history depends on
 * which thread asked for it first. */
uint32_t mlf__rng_alone(const char *name);
uint64_t mlf__rng_bits(struct mlf__rng *rng);
double mlf__rng_uniform(struct mlf__rng *rng);         /* [0, 1), 53 bits */
double mlf__rng_normal(struct mlf__rng *rng);          /* mean 0, variance 1 */
size_t mlf__rng_below(struct mlf__rng *rng, size_t n); /* 0 … n - 1, n > 0 */
void mlf__rng_shuffle(struct mlf__rng *rng, uint32_t *items, size_t n);

#endif
