/* SPDX-License-Identifier: Apache-2.0 */
/* How much each parameter decides whether a trial is among the best. */
#ifndef MLF_TUNER_IMPORTANCE_H
#define MLF_TUNER_IMPORTANCE_H

#include "tuner/history.h"

struct mlf__importance {
    uint32_t name; /* in mlf__history.names */
    double value;
};

struct mlf__importances {
    struct mlf__importance *items; /* the largest first; equal ones by name */
    size_t n;
};

/* Of the parameters that complete trials have, for reaching the best tenth by |objective|. Shares of 1 when |normalized|:
 * equal ones when nothing can be told, as with fewer than two trials. Freed with mlf__importances_free(). */
mlf_status mlf__importances_find(const struct mlf__history *history, size_t objective,
                                 bool normalized, struct mlf__importances *out);
void mlf__importances_free(struct mlf__importances *importances);

#endif
