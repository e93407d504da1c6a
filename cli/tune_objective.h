/* SPDX-License-Identifier: Apache-2.0 */
/* What a trial has measured: the values of every metric that was captured for it, and the objective among them. Names
 * are found in any case, and as captured names are made. */
#ifndef MLF_CLI_TUNE_OBJECTIVE_H
#define MLF_CLI_TUNE_OBJECTIVE_H

#include "cli/tune_options.h"

struct mlf__tune_metric {
    char *key;
    double of[3]; /* by enum mlf__tune_value; the least and greatest pass over NaN */
};

/* Zeroed to begin. */
struct mlf__tune_measured {
    struct mlf__tune_metric *metrics;
    size_t n, cap;
};

mlf_status mlf__tune_measured_see(struct mlf__tune_measured *measured, const char *key,
                                  double value);
/* False when there is no such metric. */
bool mlf__tune_measured_value(const struct mlf__tune_measured *measured, const char *name,
                              enum mlf__tune_value which, double *out);
/* "accuracy, loss, exit_code"; "" when there is none. */
void mlf__tune_measured_list(const struct mlf__tune_measured *measured, struct mlf__buf *out);
void mlf__tune_measured_free(struct mlf__tune_measured *measured);

/* Is |key|, a captured metric, what is called |name|? */
bool mlf__tune_is_called(const char *key, const char *name);

/* Number of the objective that is called |key|; SIZE_MAX: none. */
size_t mlf__tune_objective_of(const struct mlf__tune_options *options, const char *key);
/* Is it one that mlf measures itself: exit_code, wall_time, max_rss? */
bool mlf__tune_is_measured_by_us(const char *name);

#endif
