/* SPDX-License-Identifier: Apache-2.0 */
/* NVML, by dlopen and dlsym: nothing of it is needed to build. */
#include "autolog/nvml.h"

#include "core/mem.h"

#include <dlfcn.h>

/* The part of NVML's binary interface that is used; 0 is success. */
typedef void *device;
struct memory_info {
    unsigned long long total, unused, used;
};
struct utilization_rates {
    unsigned gpu, memory;
};

struct mlf__nvml {
    void *handle;
    int (*init)(void);
    int (*shutdown)(void);
    int (*count)(unsigned *);
    int (*by_index)(unsigned, device *);
    int (*memory)(device, struct memory_info *);
    int (*utilization)(device, struct utilization_rates *);
    int (*power)(device, unsigned *);
    int (*power_limit)(device, unsigned *);
    device devices[MLF__GPU_MAX];
    size_t n;
};

/* dlsym() gives an object pointer; POSIX makes it a function pointer through memory. */
static bool find(void *handle, const char *name, void *function)
{
    *(void **)function = dlsym(handle, name);
    return *(void **)function != NULL;
}

static bool find_all(struct mlf__nvml *nvml)
{
    void *handle = nvml->handle;
    return find(handle, "nvmlInit_v2", &nvml->init) &&
           find(handle, "nvmlShutdown", &nvml->shutdown) &&
           find(handle, "nvmlDeviceGetCount_v2", &nvml->count) &&
           find(handle, "nvmlDeviceGetHandleByIndex_v2", &nvml->by_index) &&
           find(handle, "nvmlDeviceGetMemoryInfo", &nvml->memory) &&
           find(handle, "nvmlDeviceGetUtilizationRates", &nvml->utilization) &&
           find(handle, "nvmlDeviceGetPowerUsage", &nvml->power) &&
           find(handle, "nvmlDeviceGetEnforcedPowerLimit", &nvml->power_limit);
}

struct mlf__nvml *mlf__nvml_open(const char *library)
{
    struct mlf__nvml *nvml = mlf__zalloc(1, sizeof(*nvml));
    unsigned count = 0;

    if (nvml == NULL)
        return NULL;
    nvml->handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (nvml->handle == NULL || !find_all(nvml) || nvml->init() != 0) {
        if (nvml->handle != NULL)
            dlclose(nvml->handle);
        mlf__free(nvml);
        return NULL;
    }
    if (nvml->count(&count) != 0)
        count = 0;
    /* A GPU that has fallen off the bus keeps its number, as with MLflow: those behind it do not move up. */
    nvml->n = count < MLF__GPU_MAX ? count : MLF__GPU_MAX;
    for (unsigned i = 0; i < nvml->n; i++)
        if (nvml->by_index(i, &nvml->devices[i]) != 0)
            nvml->devices[i] = NULL;
    if (nvml->n > 0)
        return nvml;
    mlf__nvml_close(nvml);
    return NULL;
}

void mlf__nvml_close(struct mlf__nvml *nvml)
{
    if (nvml == NULL)
        return;
    nvml->shutdown();
    dlclose(nvml->handle);
    mlf__free(nvml);
}

size_t mlf__nvml_count(const struct mlf__nvml *nvml)
{
    return nvml != NULL ? nvml->n : 0;
}

void mlf__nvml_read(const struct mlf__nvml *nvml, size_t index, struct mlf__gpu *out)
{
    device gpu = nvml->devices[index];
    struct memory_info memory = {0};
    struct utilization_rates rates = {0};
    unsigned milliwatts = 0, limit = 0;

    *out = (struct mlf__gpu){0};
    if (gpu == NULL)
        return;
    if (nvml->memory(gpu, &memory) == 0 && memory.total > 0) {
        out->has_memory = true;
        out->memory_used = (double)memory.used;
        out->memory_total = (double)memory.total;
    }
    if (nvml->utilization(gpu, &rates) == 0) {
        out->has_utilization = true;
        out->utilization = rates.gpu;
    }
    if (nvml->power(gpu, &milliwatts) == 0 && nvml->power_limit(gpu, &limit) == 0 && limit > 0) {
        out->has_power = true;
        out->watts = milliwatts / 1000.0;
        out->watts_limit = limit / 1000.0;
    }
}
