/* SPDX-License-Identifier: Apache-2.0 */
/* For any machine. */
#include <stddef.h>
#include <stdint.h>

#define SCAN_LANES 2
#define SCAN_TARGET
#define SCAN_NAME mlf__tpe_scan_plain

typedef double scan_vec __attribute__((vector_size(16)));
typedef double scan_loose __attribute__((vector_size(16), aligned(8), may_alias));
typedef int64_t scan_bits __attribute__((vector_size(16)));

static inline unsigned scan_within(scan_vec a, scan_vec b)
{
    return (a[0] <= b[0] ? 1u : 0) | (a[1] <= b[1] ? 2u : 0);
}

#include "tuner/samplers/tpe_scan_template.h"
