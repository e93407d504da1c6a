/* SPDX-License-Identifier: Apache-2.0 */
/* Digests of files (SHA-256 by libcrypto). */
#ifndef MLF_TRACKING_DIGEST_H
#define MLF_TRACKING_DIGEST_H

#include "core/fail.h"

#include <stdbool.h>
#include <stdint.h>

struct mlf__digest {
    char hex[65];  /* lower-case SHA-256, of the content or of the samples */
    bool sampled;  /* a file above 64 MiB: size, first and last MiB and 62 blocks of 64 KiB */
    bool modified; /* size or mtime changed while it was read */
    int64_t size;  /* bytes */
    int64_t mtime_ns;
};

/* Reads |path|, a regular file. */
mlf_status mlf__digest_file(const char *path, struct mlf__digest *out);

#endif
