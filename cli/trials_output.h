/* SPDX-License-Identifier: Apache-2.0 */
/* What a process of `mlf tune` printed on one stream, kept for an artifact: in memory while it is short, else in a
 * file of the spool, of which a long one is the beginning and the end. */
#ifndef MLF_CLI_TRIALS_OUTPUT_H
#define MLF_CLI_TRIALS_OUTPUT_H

#include "core/buf.h"
#include "core/ring.h"
#include "core/spool.h"

struct mlf__output {
    struct mlf__buf memory;
    uint64_t total;            /* bytes printed */
    int fd;                    /* of the file; meaningful while |path| is not "" */
    char path[MLF__PATH_SIZE]; /* "": all of it is in memory */
    bool failed;               /* there is no room for it */
};

/* |session_id|: the session's run, whose spool file it may become. */
void mlf__output_add(struct mlf__output *output, const char *session_id, const char *bytes,
                     size_t len);
/* Hands what was printed over to |run_id| as artifact |name|, nothing when that is nothing, and forgets it. */
void mlf__output_hand_over(struct mlf__output *output, struct mlf__ring *ring, const char *run_id,
                           const char *name);
void mlf__output_drop(struct mlf__output *output);

#endif
