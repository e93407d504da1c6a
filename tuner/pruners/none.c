/* SPDX-License-Identifier: Apache-2.0 */
/* Ends no trial. */
#include "tuner/pruner.h"

static bool should_prune(struct mlf__pruner *pruner, const struct mlf__trial *trial)
{
    (void)pruner;
    (void)trial;
    return false;
}

const struct mlf__pruner_ops mlf__pruner_none = {
    .name = "none",
    .should_prune = should_prune,
};
