/* SPDX-License-Identifier: Apache-2.0 */
/* Steps are counted in the ring, so that hits of several streams and processes of a run go on counting. */
#include "cli/hits.h"

#include <stdio.h>
#include <string.h>

/* The next step of |key| in the run. The session's own run counts by the key alone, as the processes of the session
 * do; every other one under a name of its own. */
static int64_t next_step(struct mlf__ring *ring, const char *run_id, const char *key)
{
    char name[MLF__ID_SIZE + 1024];

    if (strcmp(run_id, mlf__ring_config(ring)->run_id) == 0)
        return mlf__ring_next_step(ring, mlf__ring_intern(ring, key, strlen(key)));
    snprintf(name, sizeof(name), "%s/%s", run_id, key);
    return mlf__ring_next_step(ring, mlf__ring_intern(ring, name, strlen(name)));
}

bool mlf__hits_put(struct mlf__ring *ring, const char *run_id, const struct mlf__hit *hit,
                   int64_t *step)
{
    bool is_metric = hit->kind == MLF__HIT_METRIC;
    struct mlf__event event = {.kind = is_metric ? MLF__EV_METRIC : MLF__EV_PARAM,
                               .flags = MLF__SRC_RECOGNISER,
                               .key = hit->key,
                               .run = run_id,
                               .model = "",
                               .text = hit->text,
                               .text_len = strlen(hit->text)};

    if (hit->library != NULL && mlf__ring_has_adapter(ring, hit->library))
        return false;
    if (is_metric) {
        event.value = hit->value;
        event.step = hit->step != INT64_MIN ? hit->step : next_step(ring, run_id, hit->key);
    }
    if (step != NULL)
        *step = event.step;
    if (mlf__ring_put_event(ring, &event, MLF__RING_WAIT_CALL) == MLF_OK)
        return true;
    mlf__ring_count_drop(ring);
    return false;
}
