/* SPDX-License-Identifier: Apache-2.0 */
/* What `mlf run` says at the end, on stderr: one line, more when something needs the user. */
#ifndef MLF_CLI_RUN_SUMMARY_H
#define MLF_CLI_RUN_SUMMARY_H

#include "autolog/collector.h"
#include "cli/run_options.h"

struct mlf__run_report {
    const struct mlf__run_options *options;
    const struct mlf__summary *summary;
    int wait_status;
    int64_t duration_ms;
    int output_error;           /* errno, 0 = none */
    uint64_t unread;            /* bytes of output that were not looked at */
    const char *exhausted_rule; /* NULL = none */
    const char *not_hooked;     /* why the command could not be hooked; NULL = it could */
};

/* With --quiet nothing; with --json an object; else the summary if stderr is a terminal or --summary
 * was given. What could not be stored is said in any case but --quiet. */
void mlf__run_report_print(const struct mlf__run_report *report);

#endif
