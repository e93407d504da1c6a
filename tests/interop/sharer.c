/* SPDX-License-Identifier: Apache-2.0 */
/* Logs for SECONDS into one run after another, each of STEPS steps, while others write the same store.
 * Usage: sharer SECONDS STEPS. For each run it prints the id when the store has taken it all. */
#include <mlf/mlf.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static mlf_status log_run(int64_t steps, const char **id)
{
    const struct timespec nap = {.tv_nsec = 500000};
    mlf_run *run;
    mlf_status status = mlf_start_run(NULL, &run);
    *id = mlf_run_id(run);
    if (status == MLF_OK)
        status = mlf_log_param("steps", "many");
    for (int64_t step = 0; step < steps && status == MLF_OK; step++) {
        status = mlf_log_metric("m", (double)step, step);
        nanosleep(&nap, NULL);
    }
    if (status == MLF_OK)
        status = mlf_set_tag("done", "yes");
    if (status == MLF_OK)
        status = mlf_end_run(MLF_RUN_FINISHED);
    /* The store may be locked for longer than the end of a run waits. */
    return status == MLF_ERR_TIMEOUT ? mlf_flush() : status;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    time_t end = time(NULL) + (time_t)strtol(argv[1], NULL, 10);
    int64_t steps = strtoll(argv[2], NULL, 10);
    mlf_status status = MLF_OK;
    while (status == MLF_OK && time(NULL) < end) {
        const char *id;
        status = log_run(steps, &id);
        if (status == MLF_OK)
            printf("%s\n", id);
    }
    if (status != MLF_OK)
        fprintf(stderr, "sharer: %s: %s\n", mlf_status_name(status), mlf_errmsg());
    return status == MLF_OK ? 0 : 1;
}
