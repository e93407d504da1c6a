/* SPDX-License-Identifier: Apache-2.0 */
/* What the recogniser finds, as events of a run. Shared by `mlf run` and the trials of `mlf tune`. */
#ifndef MLF_CLI_HITS_H
#define MLF_CLI_HITS_H

#include "autolog/recogniser.h"
#include "core/ring.h"

/* Puts |hit| into |ring| for the run |run_id|: a metric, or a param of the lowest priority. A hit without a step takes
 * the next one of its key in that run; |*step| (may be NULL) is the step that it got. False: nothing was put, since a
 * hook sees the same value or there was no room. */
bool mlf__hits_put(struct mlf__ring *ring, const char *run_id, const struct mlf__hit *hit,
                   int64_t *step);

#endif
