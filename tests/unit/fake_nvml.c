/* SPDX-License-Identifier: Apache-2.0 */
/* A stand-in for NVIDIA's library, since the machines that run the tests have no GPU: two GPUs with
 * fixed numbers, of which the second tells nothing of its power. It shows that the calls are made as NVML
 * wants them, not that NVML answers so. */
#include <stdint.h>
#include <stdlib.h>

struct memory {
    unsigned long long total, unused, used;
};
struct rates {
    unsigned gpu, memory;
};
static int initialised;

int nvmlInit_v2(void);
int nvmlShutdown(void);
int nvmlDeviceGetCount_v2(unsigned *count);
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device);
int nvmlDeviceGetMemoryInfo(void *device, struct memory *memory);
int nvmlDeviceGetUtilizationRates(void *device, struct rates *rates);
int nvmlDeviceGetPowerUsage(void *device, unsigned *milliwatts);
int nvmlDeviceGetEnforcedPowerLimit(void *device, unsigned *milliwatts);

enum { UNINITIALIZED = 1, INVALID = 2, NOT_SUPPORTED = 3, NO_DRIVER = 9 };

static unsigned number(void *device)
{
    return (unsigned)((uintptr_t)device - 100);
}

int nvmlInit_v2(void)
{
    if (getenv("FAKE_NVML_WITHOUT_DRIVER") != NULL)
        return NO_DRIVER;
    initialised = 1;
    return 0;
}

int nvmlShutdown(void)
{
    initialised = 0;
    return 0;
}

int nvmlDeviceGetCount_v2(unsigned *count)
{
    *count = 2;
    return initialised ? 0 : UNINITIALIZED;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device)
{
    *device = (void *)(uintptr_t)(100 + index);
    return index < 2 ? 0 : INVALID;
}

int nvmlDeviceGetMemoryInfo(void *device, struct memory *memory)
{
    *memory = (struct memory){.total = 8000000000, .unused = 6000000000, .used = 2000000000};
    return number(device) < 2 ? 0 : INVALID;
}

int nvmlDeviceGetUtilizationRates(void *device, struct rates *rates)
{
    *rates = (struct rates){.gpu = 40 + number(device), .memory = 7};
    return number(device) < 2 ? 0 : INVALID;
}

int nvmlDeviceGetPowerUsage(void *device, unsigned *milliwatts)
{
    *milliwatts = 75500;
    return number(device) == 0 ? 0 : NOT_SUPPORTED;
}

int nvmlDeviceGetEnforcedPowerLimit(void *device, unsigned *milliwatts)
{
    *milliwatts = 300000;
    return number(device) == 0 ? 0 : NOT_SUPPORTED;
}
