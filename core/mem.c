/* SPDX-License-Identifier: Apache-2.0 */
/* Allocation, with a counter that makes a chosen one fail for tests. */
#include "core/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Allocations until one fails; 0 = never. Relaxed: only tests set it, before they act. */
static _Atomic long fail_after;

void mlf__alloc_fail_after(long n)
{
    atomic_store_explicit(&fail_after, n, memory_order_relaxed);
}

static bool fails_now(void)
{
    long left = atomic_load_explicit(&fail_after, memory_order_relaxed);
    if (left == 0)
        return false;
    return atomic_fetch_sub_explicit(&fail_after, 1, memory_order_relaxed) == 1;
}

static void *checked(void *ptr, size_t size)
{
    if (ptr == NULL)
        mlf__fail(MLF_ERR_NOMEM, "out of memory (%zu bytes)", size);
    return ptr;
}

void *mlf__alloc(size_t size)
{
    return checked(fails_now() ? NULL : malloc(size > 0 ? size : 1), size);
}

void *mlf__zalloc(size_t count, size_t size)
{
    return checked(fails_now() ? NULL : calloc(count > 0 ? count : 1, size > 0 ? size : 1), size);
}

void *mlf__realloc(void *ptr, size_t size)
{
    return checked(fails_now() ? NULL : realloc(ptr, size > 0 ? size : 1), size);
}

char *mlf__strndup(const char *text, size_t len)
{
    char *copy = mlf__alloc(len + 1);
    if (copy != NULL) {
        memcpy(copy, text, len);
        copy[len] = '\0';
    }
    return copy;
}

char *mlf__strdup(const char *text)
{
    return mlf__strndup(text, strlen(text));
}

void mlf__free(void *ptr)
{
    free(ptr);
}

mlf_status mlf__grow(void **array, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap)
        return MLF_OK;
    size_t new_cap = *cap > 0 ? *cap : 8;
    while (new_cap < need) {
        if (!mlf__mul_size(new_cap, 2, &new_cap))
            return mlf__fail(MLF_ERR_NOMEM, "out of memory (%zu elements)", need);
    }
    size_t bytes;
    if (!mlf__mul_size(new_cap, size, &bytes))
        return mlf__fail(MLF_ERR_NOMEM, "out of memory (%zu elements)", need);
    void *grown = mlf__realloc(*array, bytes);
    if (grown == NULL)
        return MLF_ERR_NOMEM;
    *array = grown;
    *cap = new_cap;
    return MLF_OK;
}
