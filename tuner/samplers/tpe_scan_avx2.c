/* SPDX-License-Identifier: Apache-2.0 */
/* For x86 with AVX2 and FMA. */
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define SCAN_LANES 4
#define SCAN_TARGET __attribute__((target("avx2,fma")))
#define SCAN_NAME mlf__tpe_scan_avx2

typedef double scan_vec __attribute__((vector_size(32)));
typedef double scan_loose __attribute__((vector_size(32), aligned(8), may_alias));
typedef int64_t scan_bits __attribute__((vector_size(32)));

SCAN_TARGET static inline unsigned scan_within(scan_vec a, scan_vec b)
{
    return (unsigned)_mm256_movemask_pd(_mm256_cmp_pd((__m256d)a, (__m256d)b, _CMP_LE_OQ));
}

#include "tuner/samplers/tpe_scan_template.h"
