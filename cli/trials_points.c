/* SPDX-License-Identifier: Apache-2.0 */
/* Keys are known by a 64-bit hash: that two of a process's few keys share one is not to be expected. */
#include "cli/trials_points.h"

#include "core/mem.h"

#include <string.h>

static uint64_t hash_key(const char *key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (; *key != '\0'; key++)
        hash = (hash ^ (unsigned char)*key) * UINT64_C(0x100000001b3);
    return hash;
}

void mlf__points_clear(struct mlf__points *points)
{
    points->n_steps = 0;
    points->next = 0;
    for (size_t i = 0; i < MLF__POINTS_KEPT; i++)
        points->last[i].way = -1;
}

void mlf__points_free(struct mlf__points *points)
{
    mlf__free(points->steps);
    *points = (struct mlf__points){0};
}

int64_t mlf__points_next_step(struct mlf__points *points, const char *key)
{
    uint64_t hash = hash_key(key);
    for (size_t i = 0; i < points->n_steps; i++)
        if (points->steps[i].key == hash)
            return points->steps[i].next++;
    if (mlf__grow((void **)&points->steps, &points->cap_steps, points->n_steps + 1,
                  sizeof(*points->steps)) == MLF_OK)
        points->steps[points->n_steps++] = (struct mlf__implied_step){hash, 1};
    return 0;
}

/* By their bits, so that a NaN is met as well. */
static bool same_value(double a, double b)
{
    uint64_t x, y;

    memcpy(&x, &a, sizeof(x));
    memcpy(&y, &b, sizeof(y));
    return x == y;
}

bool mlf__points_add(struct mlf__points *points, const char *key, double value, int64_t step,
                     int way)
{
    uint64_t hash = hash_key(key);
    for (size_t i = 0; i < MLF__POINTS_KEPT; i++) {
        struct mlf__point *point = &points->last[i];
        if (point->way < 0 || point->way == way || point->key != hash || point->step != step ||
            !same_value(point->value, value))
            continue;
        point->way = -1;
        return false;
    }
    points->last[points->next] = (struct mlf__point){hash, step, value, way};
    points->next = (points->next + 1) % MLF__POINTS_KEPT;
    return true;
}
