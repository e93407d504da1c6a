/* SPDX-License-Identifier: Apache-2.0 */
/* The one place that allocates, so that tests can make any allocation fail. */
#ifndef MLF_CORE_MEM_H
#define MLF_CORE_MEM_H

#include "core/fail.h"

#include <stdbool.h>
#include <stddef.h>

/* NULL on failure, with the thread's error text set. A size of 0 gives a pointer to free. */
MLF__CORE void *mlf__alloc(size_t size);
MLF__CORE void *mlf__zalloc(size_t count, size_t size);
MLF__CORE void *mlf__realloc(void *ptr, size_t size);
MLF__CORE char *mlf__strdup(const char *text);
MLF__CORE char *mlf__strndup(const char *text, size_t len);
MLF__CORE void mlf__free(void *ptr);

/* |*out| = a * b; false on overflow. */
static inline bool mlf__mul_size(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

/* Grows |*array| (of |*cap| elements of |size| bytes) to hold |need| elements. */
MLF__CORE mlf_status mlf__grow(void **array, size_t *cap, size_t need, size_t size);

/* For tests: the |n|-th allocation from now on fails (1 = the next); 0 switches it off. */
MLF__CORE void mlf__alloc_fail_after(long n);

#endif
