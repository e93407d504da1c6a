/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of the metrics of one process: the implied steps of what it prints, and its last points, since one and
 * the same may be printed and logged. */
#ifndef MLF_CLI_TRIALS_POINTS_H
#define MLF_CLI_TRIALS_POINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MLF__POINTS_KEPT = 64 };

struct mlf__points {
    struct mlf__implied_step {
        uint64_t key; /* hash */
        int64_t next;
    } * steps;
    size_t n_steps, cap_steps;
    struct mlf__point {
        uint64_t key;
        int64_t step;
        double value;
        int way;              /* how it came; -1: none, or met its double already */
    } last[MLF__POINTS_KEPT]; /* the newest, in a circle */
    size_t next;
};

void mlf__points_clear(struct mlf__points *points);
void mlf__points_free(struct mlf__points *points);
/* The next implied step of |key|, from 0. */
int64_t mlf__points_next_step(struct mlf__points *points, const char *key);
/* Is the point new? False when it has come another |way| already (any two numbers ≥ 0). */
bool mlf__points_add(struct mlf__points *points, const char *key, double value, int64_t step,
                     int way);

#endif
