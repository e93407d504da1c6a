/* SPDX-License-Identifier: Apache-2.0 */
/* Which run or experiment a word on the command line means. */
#ifndef MLF_CLI_RUNS_PICK_H
#define MLF_CLI_RUNS_PICK_H

#include "tracking/store.h"

/* The experiment called |word|, or with that id; deleted or not. */
mlf_status mlf__experiment_pick(struct mlf__store *store, const char *word, mlf_experiment *out);

/* The ids of the experiments that |words| mean, NULL-terminated; |*ids| is NULL when |n| is 0 (which searches take
 * as every experiment). Freed with mlf__experiment_ids_free. */
mlf_status mlf__experiment_ids(struct mlf__store *store, const char *const *words, size_t n,
                               char ***ids);
void mlf__experiment_ids_free(char **ids);

/* The id of the run that |word| means: its id or a beginning of it that no other has; NULL or "latest": the one that
 * began last. |experiment|, a name or id, says where it has to be; NULL: anywhere. Active runs are looked at first,
 * then, as |view| says, deleted ones. Owned by the caller. */
mlf_status mlf__run_pick(struct mlf__store *store, const char *word, const char *experiment,
                         mlf_view view, char **id);

/* The runs that |words| mean (the latest when |n| is 0), in full. Freed with mlf_run_list_free. */
mlf_status mlf__runs_read(struct mlf__store *store, char *const *words, size_t n, mlf_view view,
                          mlf_run_list *out);

#endif
