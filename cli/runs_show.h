/* SPDX-License-Identifier: Apache-2.0 */
/* Printing runs: as a table, one in full, or as MLflow's REST messages. */
#ifndef MLF_CLI_RUNS_SHOW_H
#define MLF_CLI_RUNS_SHOW_H

#include "tracking/store.h"

#include <stdbool.h>
#include <stddef.h>

/* One line per run on stdout, under a line of titles. MLF_ERR_NOMEM when it could not be made. */
mlf_status mlf__runs_print_table(const mlf_run_list *list);
/* A JSON array of REST `Run` messages. MLF_ERR_NOMEM when one could not be made. */
mlf_status mlf__runs_print_json(const mlf_run_list *list);

/* Is the metric measured of the machine, not logged by the program? */
bool mlf__is_machine_metric(const char *key);

/* Everything about one run; its models are read from |store|. */
void mlf__runs_print_full(struct mlf__store *store, const mlf_run_record *run);

#endif
