/* SPDX-License-Identifier: Apache-2.0 */
/* Ring and hook library of a session. */
#include "cli/capture.h"

#include "core/spawn.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { RING_NEED = 6 << 20 /* the ring's file, rounded up */ };

mlf_status mlf__capture_ring(const struct mlf__config *config, struct mlf__ring **out)
{
    char folder[MLF__PATH_SIZE], stem[MLF__PATH_SIZE], path[MLF__PATH_SIZE + 8];
    mlf_status status = mlf__spool_ring_dir(RING_NEED, folder);

    *out = NULL;
    /* First a full ring where rings belong, then a small one, then one on disk. */
    for (int attempt = 0; attempt < 3 && (status == MLF_OK || attempt == 2); attempt++) {
        if (attempt == 2)
            status = mlf__spool_disk_dir(folder);
        if (status != MLF_OK)
            break;
        mlf__spool_stem(folder, config->run_id, stem);
        snprintf(path, sizeof(path), "%s.ring", stem);
        status = mlf__ring_create(path, config, attempt > 0, true, out);
        if (status == MLF_OK)
            break;
        if (attempt == 0 && status == MLF_ERR_FULL)
            status = MLF_OK;
    }
    if (*out != NULL)
        mlf__ring_set_collector(*out);
    return *out != NULL ? MLF_OK : status;
}

void mlf__capture_drop_ring(struct mlf__ring *ring)
{
    unlink(mlf__ring_path(ring));
    mlf__ring_detach(ring);
}

mlf_status mlf__capture_hooks(char out[MLF__PATH_SIZE])
{
    if (!mlf__locate_hooks(out, MLF__PATH_SIZE)) {
        out[0] = '\0';
        return mlf__fail(MLF_ERR_NOT_FOUND,
                         "libmlf_hooks.so is not where mlf was installed: install mlf again, or "
                         "use --no-hooks to run without it");
    }
    if (strpbrk(out, " :") != NULL)
        return mlf__fail(MLF_ERR_UNSUPPORTED,
                         "'%s' cannot be preloaded, since its path contains a blank or a colon: "
                         "move mlf, or use --no-hooks to run without it",
                         out);
    return MLF_OK;
}
