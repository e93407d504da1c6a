/* SPDX-License-Identifier: Apache-2.0 */
/* Philox 4x32 with 10 rounds: a block of four words is a function of key and counter (Salmon, Moraes, Dror and Shaw,
 * "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 3.3). The seed is the key; the counter is block number,
 * purpose and trial. */
#include "tuner/rng.h"

#include <math.h>

static void next_block(struct mlf__rng *rng)
{
    uint32_t c0 = rng->counter[0], c1 = rng->counter[1], c2 = rng->counter[2], c3 = rng->counter[3];
    uint32_t k0 = rng->key[0], k1 = rng->key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0;
        uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    rng->block[0] = c0;
    rng->block[1] = c1;
    rng->block[2] = c2;
    rng->block[3] = c3;
    rng->counter[0]++;
    rng->used = 0;
}

void mlf__rng_init(struct mlf__rng *rng, uint64_t seed, uint64_t trial, uint32_t purpose)
{
    *rng = (struct mlf__rng){
        .key = {(uint32_t)seed, (uint32_t)(seed >> 32)},
        .counter = {0, purpose, (uint32_t)trial, (uint32_t)(trial >> 32)},
        .used = 4,
        .spare = NAN,
    };
}

uint32_t mlf__rng_alone(const char *name)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash < MLF__RNG_ALONE ? hash + MLF__RNG_ALONE : hash;
}

uint64_t mlf__rng_bits(struct mlf__rng *rng)
{
    if (rng->used > 2)
        next_block(rng);
    uint64_t low = rng->block[rng->used], high = rng->block[rng->used + 1];
    rng->used += 2;
    return low | high << 32;
}

double mlf__rng_uniform(struct mlf__rng *rng)
{
    return (double)(mlf__rng_bits(rng) >> 11) * 0x1p-53;
}

/* Box and Muller 1958: always two uniform numbers for a pair, so that streams stay in step. */
double mlf__rng_normal(struct mlf__rng *rng)
{
    if (!isnan(rng->spare)) {
        double spare = rng->spare;
        rng->spare = NAN;
        return spare;
    }
    double radius = sqrt(-2 * log1p(-mlf__rng_uniform(rng)));
    double angle = 2 * M_PI * mlf__rng_uniform(rng);
    rng->spare = radius * sin(angle);
    return radius * cos(angle);
}

/* Lemire, "Fast random integer generation in an interval", ACM TOMACS 29 (2019), algorithm 5. */
size_t mlf__rng_below(struct mlf__rng *rng, size_t n)
{
    __extension__ typedef unsigned __int128 wide;
    const uint64_t rejected = (0 - (uint64_t)n) % n;
    wide product;
    do {
        product = (wide)mlf__rng_bits(rng) * n;
    } while ((uint64_t)product < rejected);
    return (size_t)(product >> 64);
}

void mlf__rng_shuffle(struct mlf__rng *rng, uint32_t *items, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = mlf__rng_below(rng, i);
        uint32_t item = items[i - 1];
        items[i - 1] = items[j];
        items[j] = item;
    }
}
