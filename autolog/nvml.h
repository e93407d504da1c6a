/* SPDX-License-Identifier: Apache-2.0 */
/* NVIDIA's management library, found at run time. Where there is none there are no GPUs. Its calls may take
 * as long as the driver likes, so they are made by a thread that nobody waits for. */
#ifndef MLF_AUTOLOG_NVML_H
#define MLF_AUTOLOG_NVML_H

#include <stdbool.h>
#include <stddef.h>

enum { MLF__GPU_MAX = 16 };

struct mlf__nvml;

/* What one GPU is doing. */
struct mlf__gpu {
    bool has_memory, has_utilization, has_power;
    double memory_used, memory_total; /* bytes */
    double utilization;               /* percent of the time in which a kernel ran */
    double watts, watts_limit;
};

/* Opens |library| ("libnvidia-ml.so.1"); NULL when it is not there, is another thing, or finds no GPU. */
struct mlf__nvml *mlf__nvml_open(const char *library);
void mlf__nvml_close(struct mlf__nvml *nvml); /* NULL is fine */

/* At most MLF__GPU_MAX; 0 for NULL. */
size_t mlf__nvml_count(const struct mlf__nvml *nvml);
void mlf__nvml_read(const struct mlf__nvml *nvml, size_t index, struct mlf__gpu *out);

#endif
