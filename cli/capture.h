/* SPDX-License-Identifier: Apache-2.0 */
/* What `mlf run` and `mlf tune` need before a command starts: the session's ring, and the library to hook it by. */
#ifndef MLF_CLI_CAPTURE_H
#define MLF_CLI_CAPTURE_H

#include "core/ring.h"
#include "core/spool.h"

/* Makes the ring of a session in the best folder there is, locked, with the caller as its collector. */
mlf_status mlf__capture_ring(const struct mlf__config *config, struct mlf__ring **out);
/* Removes it as if it had never been. */
void mlf__capture_drop_ring(struct mlf__ring *ring);

/* Path of the hook library. MLF_ERR_NOT_FOUND or MLF_ERR_UNSUPPORTED say what to do. */
mlf_status mlf__capture_hooks(char out[MLF__PATH_SIZE]);

#endif
