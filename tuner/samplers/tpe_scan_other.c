/* SPDX-License-Identifier: Apache-2.0 */
#include "tuner/samplers/tpe_scan.h"

mlf__tpe_scan_fn *mlf__tpe_scan_variant(size_t i)
{
    return i == 0 ? mlf__tpe_scan_plain : NULL;
}
