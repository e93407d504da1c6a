/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions on metrics, as --stop-when takes them:
 *
 *   loss is nan or loss > 10
 *   error < 0.01 and not (epoch <= 3)
 *   "Cross Validation Accuracy" >= 85
 *
 * NAME compared by <, <=, >, >=, ==, != with a number, or NAME is [not] nan|inf|finite; joined by and, or, not and
 * brackets. Names in any case; those of several words in double quotes. What is said of a metric that has not been seen is
 * unknown, and an unknown condition does not hold. */
#ifndef MLF_CLI_STOP_WHEN_H
#define MLF_CLI_STOP_WHEN_H

#include "core/fail.h"

#include <stdbool.h>
#include <stddef.h>

enum { MLF__STOP_NAMES_MAX = 16 };

struct mlf__stop_when;

/* What was seen last of each metric of a condition: one of these per run that is watched, zeroed to begin. */
struct mlf__stop_values {
    double values[MLF__STOP_NAMES_MAX];
    bool seen[MLF__STOP_NAMES_MAX];
};

/* MLF_ERR_INVAL names the text, the place in it (characters are counted from 1) and what is wrong. */
mlf_status mlf__stop_when_parse(const char *text, struct mlf__stop_when **out);
void mlf__stop_when_free(struct mlf__stop_when *condition); /* NULL is fine */
const char *mlf__stop_when_text(const struct mlf__stop_when *condition);

/* A point of metric |key|. Returns whether the condition holds now, and speaks of that metric. */
bool mlf__stop_when_see(const struct mlf__stop_when *condition, struct mlf__stop_values *values,
                        const char *key, double value);
/* Does it hold by what was seen? */
bool mlf__stop_when_holds(const struct mlf__stop_when *condition,
                          const struct mlf__stop_values *values);

#endif
