/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (by libcrypto). */
#ifndef MLF_TRACKING_BASE64_H
#define MLF_TRACKING_BASE64_H

#include "core/fail.h"

#include <stddef.h>

/* |len| bytes as base64; NULL: no memory. The caller's. */
char *mlf__base64_encode(const char *bytes, size_t len);

/* The bytes of a base64 text with a NUL behind them, in |*out|; characters that base64 does not have count for
 * nothing. MLF_ERR_INVAL without a text when it is none. |*out| is the caller's. */
mlf_status mlf__base64_decode(const char *text, char **out);

#endif
