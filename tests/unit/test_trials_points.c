/* SPDX-License-Identifier: Apache-2.0 */
/* The points of one process: implied steps, and the same point seen in two ways. */
#include "cli/trials_points.h"

#include "tests/support/tap.h"

#include <math.h>
#include <stdio.h>

enum { PRINTED, LOGGED };

static void test_steps(void)
{
    struct mlf__points points = {0};
    char key[32];
    bool right = true;
    mlf__points_clear(&points);
    for (int64_t step = 0; step < 3; step++)
        for (int i = 0; i < 500; i++) {
            snprintf(key, sizeof(key), "key%d", i);
            right &= mlf__points_next_step(&points, key) == step;
        }
    OK(right, "each key counts by itself, from 0");
    mlf__points_clear(&points);
    OK(mlf__points_next_step(&points, "key1") == 0, "and anew for the next process");
    mlf__points_free(&points);
}

static void test_doubles(void)
{
    struct mlf__points points = {0};
    mlf__points_clear(&points);
    OK(mlf__points_add(&points, "loss", 0.5, 1, PRINTED), "a point is new");
    OK(!mlf__points_add(&points, "loss", 0.5, 1, LOGGED), "and not when it comes another way");
    OK(mlf__points_add(&points, "loss", 0.5, 1, LOGGED), "once: a third is one of its own");
    OK(mlf__points_add(&points, "loss", 0.5, 1, LOGGED), "and so is one that comes the same way");
    OK(mlf__points_add(&points, "loss", 0.5, 2, PRINTED), "another step is another point");
    OK(mlf__points_add(&points, "loss", 0.25, 2, LOGGED), "another value too");
    OK(mlf__points_add(&points, "acc", 0.5, 2, LOGGED), "another key too");
    OK(mlf__points_add(&points, "nan", NAN, 0, LOGGED) &&
           !mlf__points_add(&points, "nan", NAN, 0, PRINTED),
       "a NaN is the same as itself here");
    mlf__points_clear(&points);
    OK(mlf__points_add(&points, "loss", 0.5, 2, LOGGED), "the next process begins anew");
    for (int i = 0; i < 10 * MLF__POINTS_KEPT; i++)
        mlf__points_add(&points, "many", i, i, LOGGED);
    OK(mlf__points_add(&points, "loss", 0.5, 2, PRINTED), "what lies long back is forgotten");
    mlf__points_free(&points);
}

int main(void)
{
    test_steps();
    test_doubles();
    return tap_done();
}
