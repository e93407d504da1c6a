/* SPDX-License-Identifier: Apache-2.0 */
/* Actions of `mlf runs` that have a file of their own; see struct mlf__action. */
#ifndef MLF_CLI_RUNS_ACTIONS_H
#define MLF_CLI_RUNS_ACTIONS_H

#include "cli/actions.h"

/* As of diff(1): 0 no difference, 1 some, 2 trouble. */
enum { MLF__RUNS_DIFFER = 1, MLF__RUNS_DIFF_TROUBLE = 2 };

int mlf__runs_compare(struct mlf__store *store, const struct mlf__args *args);
int mlf__runs_diff(struct mlf__store *store, const struct mlf__args *args);
int mlf__runs_export(struct mlf__store *store, const struct mlf__args *args);

#endif
