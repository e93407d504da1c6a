/* SPDX-License-Identifier: Apache-2.0 */
/* The partition of the parameters into groups that were always asked for together. */
#ifndef MLF_TUNER_SAMPLERS_TPE_GROUPS_H
#define MLF_TUNER_SAMPLERS_TPE_GROUPS_H

#include "tuner/history.h"

/* All parameters seen, group by group, by name within one. */
struct mlf__tpe_groups {
    uint32_t *names, *dists,
        *ids; /* ids[i]: the group of the i-th; dists: what it was first asked for with */
    size_t n, cap;
    uint32_t next_id;
    size_t n_seen; /* of history->told */
};
/* Takes in what was told since, up to |n_told|, but failed trials. */
mlf_status mlf__tpe_groups_update(struct mlf__tpe_groups *groups,
                                  const struct mlf__history *history, size_t n_told);
/* The end of the group that begins at |from|. */
size_t mlf__tpe_groups_end(const struct mlf__tpe_groups *groups, size_t from);
void mlf__tpe_groups_free(struct mlf__tpe_groups *groups);

#endif
