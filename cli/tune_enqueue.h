/* SPDX-License-Identifier: Apache-2.0 */
/* Points to try first, from a file: JSON (an array of objects, or one object after the other), CSV with a head of
 * names, or lines of NAME=VALUE. What a point leaves out is sampled. */
#ifndef MLF_CLI_TUNE_ENQUEUE_H
#define MLF_CLI_TUNE_ENQUEUE_H

#include "cli/tune_spec.h"

#include <mlf/records.h>

struct mlf__tune_point {
    mlf_pair *values; /* owned */
    size_t n, cap;
};

struct mlf__tune_points {
    struct mlf__tune_point *points;
    size_t n, cap;
    size_t n_outside; /* values that lie outside their ranges */
};

/* Reads |path|. MLF_ERR_INVAL names the file, the entry or line, and what is wrong with it. */
mlf_status mlf__tune_points_read(const char *path, const struct mlf__tune_space *space,
                                 struct mlf__tune_points *out);
/* The same of a text of |len| bytes, NUL-terminated, which is changed; |path| is for messages. */
mlf_status mlf__tune_points_parse(const char *path, char *text, size_t len,
                                  const struct mlf__tune_space *space,
                                  struct mlf__tune_points *out);
void mlf__tune_points_free(struct mlf__tune_points *points);

#endif
