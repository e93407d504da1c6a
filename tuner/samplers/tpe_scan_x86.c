/* SPDX-License-Identifier: Apache-2.0 */
#include "tuner/samplers/tpe_scan.h"

mlf__tpe_scan_fn *mlf__tpe_scan_variant(size_t i)
{
    mlf__tpe_scan_fn *variants[4] = {NULL};
    size_t n = 0;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"))
        variants[n++] = mlf__tpe_scan_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        variants[n++] = mlf__tpe_scan_avx2;
    variants[n++] = mlf__tpe_scan_plain;
    return i < n ? variants[i] : NULL;
}
