/* SPDX-License-Identifier: Apache-2.0 */
/* The program that bench_first.py times: it logs one metric. It prints the nanoseconds (monotonic clock) at which
 * main() began, at which mlf_log_metric() had returned, at which mlf_flush() had (the value is in the store then),
 * and how long mlf_end_run() took; its caller knows when it was started. */
#include <mlf/mlf.h>

#include "bench.h"

#include <inttypes.h>

int main(void)
{
    int64_t begun = bench_ns(CLOCK_MONOTONIC);
    mlf_status status = mlf_log_metric("loss", 0.5, 0);
    int64_t logged = bench_ns(CLOCK_MONOTONIC);
    if (status == MLF_OK)
        status = mlf_flush();
    int64_t stored = bench_ns(CLOCK_MONOTONIC);
    if (status == MLF_OK && (status = mlf_log_metric("loss", 0.25, 1)) == MLF_OK)
        status = mlf_run_end(mlf_last_active_run(), MLF_RUN_FINISHED);
    int64_t ended = bench_ns(CLOCK_MONOTONIC);
    if (status != MLF_OK)
        bench_die("%s", mlf_errmsg());
    printf("%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n", begun, logged, stored,
           ended - stored);
    return 0;
}
