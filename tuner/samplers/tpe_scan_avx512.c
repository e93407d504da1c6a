/* SPDX-License-Identifier: Apache-2.0 */
/* For x86 with AVX-512. */
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define SCAN_LANES 8
#define SCAN_TARGET __attribute__((target("avx512f,avx512dq,avx2,fma")))
#define SCAN_NAME mlf__tpe_scan_avx512

typedef double scan_vec __attribute__((vector_size(64)));
typedef double scan_loose __attribute__((vector_size(64), aligned(8), may_alias));
typedef int64_t scan_bits __attribute__((vector_size(64)));

SCAN_TARGET static inline unsigned scan_within(scan_vec a, scan_vec b)
{
    return _mm512_cmp_pd_mask((__m512d)a, (__m512d)b, _CMP_LE_OQ);
}

#include "tuner/samplers/tpe_scan_template.h"
