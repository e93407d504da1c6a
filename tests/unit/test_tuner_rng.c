/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers: the generator's published vectors, and what is made of its bits. */
#include "tuner/rng.h"

#include "core/fail.h"

#include "../support/tap.h"

#include <math.h>

/* Known answers of philox4x32 with 10 rounds, from the authors' Random123 distribution (kat_vectors). */
static void published_vectors(void)
{
    static const struct {
        uint32_t counter[4], key[2], answer[4];
    } KNOWN[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < MLF__ARRAY_LEN(KNOWN); i++) {
        struct mlf__rng rng;
        mlf__rng_init(&rng, 0, 0, 0);
        memcpy(rng.counter, KNOWN[i].counter, sizeof(rng.counter));
        memcpy(rng.key, KNOWN[i].key, sizeof(rng.key));
        mlf__rng_bits(&rng);
        OK(memcmp(rng.block, KNOWN[i].answer, sizeof(rng.block)) == 0,
           "the block of vector %zu is the published one", i);
    }
}

static void streams(void)
{
    struct mlf__rng a, b;
    mlf__rng_init(&a, UINT64_MAX, 7, MLF__RNG_JOINT);
    mlf__rng_init(&b, UINT64_MAX, 7, MLF__RNG_JOINT);
    OK(mlf__rng_bits(&a) == mlf__rng_bits(&b), "a stream is a function of its name");
    uint64_t first = mlf__rng_bits(&a);
    OK(first != mlf__rng_bits(&a), "and goes on");
    const struct {
        uint64_t seed, trial;
        uint32_t purpose;
    } OTHER[] = {{UINT64_MAX - 1, 7, 0},
                 {UINT64_MAX >> 1, 7, 0},
                 {UINT64_MAX, 8, 0},
                 {UINT64_MAX, 7 + (UINT64_C(1) << 32), 0},
                 {UINT64_MAX, 7, 1}};
    mlf__rng_init(&a, UINT64_MAX, 7, 0);
    first = mlf__rng_bits(&a);
    int same = 0;
    for (size_t i = 0; i < MLF__ARRAY_LEN(OTHER); i++) {
        mlf__rng_init(&b, OTHER[i].seed, OTHER[i].trial, OTHER[i].purpose);
        same += mlf__rng_bits(&b) == first;
    }
    IS(same, 0, "every bit of seed, trial and purpose counts");
    OK(mlf__rng_alone("x") >= MLF__RNG_ALONE && mlf__rng_alone("x") != mlf__rng_alone("y"),
       "parameters have purposes of their own");
}

enum { DRAWS = 100000 };

static void distributions(void)
{
    struct mlf__rng rng;
    double sum = 0, squares = 0, normal_sum = 0, normal_squares = 0, low = 1, high = 0;
    mlf__rng_init(&rng, 1, 0, 0);
    for (int i = 0; i < DRAWS; i++) {
        double u = mlf__rng_uniform(&rng), z = mlf__rng_normal(&rng);
        low = fmin(low, u);
        high = fmax(high, u);
        sum += u;
        squares += u * u;
        normal_sum += z;
        normal_squares += z * z;
    }
    /* Six standard errors of each: the seed is fixed, so this passes always or never. */
    OK(low >= 0 && low < 1e-3 && high < 1 && high > 0.999, "uniform numbers fill [0, 1)");
    OK(fabs(sum / DRAWS - 0.5) < 6 * sqrt(1.0 / 12 / DRAWS), "their mean is a half");
    OK(fabs(squares / DRAWS - 1.0 / 3) < 6 * sqrt(4.0 / 45 / DRAWS), "their square is a third");
    OK(fabs(normal_sum / DRAWS) < 6 * sqrt(1.0 / DRAWS), "normal numbers have mean 0");
    OK(fabs(normal_squares / DRAWS - 1) < 6 * sqrt(2.0 / DRAWS), "and variance 1");
}

static void whole_numbers(void)
{
    struct mlf__rng rng;
    int seen[7] = {0};
    uint32_t items[50];
    bool there[50] = {false}, moved = false;
    mlf__rng_init(&rng, 2, 0, 0);
    bool inside = true;
    for (int i = 0; i < 7000; i++) {
        size_t at = mlf__rng_below(&rng, 7);
        inside = inside && at < 7;
        seen[at % 7]++;
    }
    bool even = true;
    for (int i = 0; i < 7; i++)
        even = even && seen[i] > 800 && seen[i] < 1200;
    OK(inside && even, "numbers below 7 are 0 to 6, evenly");
    IS(mlf__rng_below(&rng, 1), 0, "below 1 there is 0");
    for (uint32_t i = 0; i < 50; i++)
        items[i] = i;
    mlf__rng_shuffle(&rng, items, 50);
    for (uint32_t i = 0; i < 50; i++) {
        there[items[i] % 50] = true;
        moved = moved || items[i] != i;
    }
    bool all = true;
    for (int i = 0; i < 50; i++)
        all = all && there[i];
    OK(all && moved, "shuffled items are all there, in another order");
}

int main(void)
{
    published_vectors();
    streams();
    distributions();
    whole_numbers();
    return tap_done();
}
