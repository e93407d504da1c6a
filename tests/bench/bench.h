/* SPDX-License-Identifier: Apache-2.0 */
/* What the benchmarks in C share: a folder of their own, medians, and their figures as text or JSON. */
#ifndef MLF_TESTS_BENCH_H
#define MLF_TESTS_BENCH_H

#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static inline int64_t bench_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* A benchmark that cannot be made says why and ends. */
__attribute__((format(printf, 1, 2), noreturn, unused)) static void bench_die(const char *format,
                                                                              ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

static inline void *bench_alloc(size_t n, size_t size)
{
    void *memory = calloc(n, size);
    if (memory == NULL)
        bench_die("out of memory");
    return memory;
}

static inline int bench_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts |values|; |part| 0.5 is the median, 0.999 what one call in a thousand exceeds. */
static inline double bench_quantile(double *values, size_t n, double part)
{
    qsort(values, n, sizeof(*values), bench_compare);
    if (part == 0.5 && n % 2 == 0)
        return (values[n / 2 - 1] + values[n / 2]) / 2;
    size_t at = (size_t)(part * (double)n);
    return values[at < n ? at : n - 1];
}

/* The number behind option |name|, |fallback| without it. */
static inline int64_t bench_option(int argc, char **argv, const char *name, int64_t fallback)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return strtoll(argv[i + 1], NULL, 10);
    return fallback;
}

static inline bool bench_flag(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return false;
}

/* Makes a folder in |parent|, or in /tmp when that is not there. */
static inline void bench_folder(char *out, size_t size, const char *parent)
{
    snprintf(out, size, "%s/mlf-bench-XXXXXX", access(parent, W_OK) == 0 ? parent : "/tmp");
    if (mkdtemp(out) == NULL)
        bench_die("%s: %s", out, strerror(errno));
}

static inline int bench_remove_one(const char *path, const struct stat *st, int type,
                                   struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

static inline void bench_remove_folder(const char *path)
{
    nftw(path, bench_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* One measured number; |reach| 0: it is not judged. */
struct bench_figure {
    const char *name, *unit;
    double value, reach;
};

static inline void bench_print(const char *bench, const struct bench_figure *figures, size_t n,
                               bool json)
{
    if (json)
        printf("{\"bench\": \"%s\", \"figures\": [", bench);
    for (size_t i = 0; i < n; i++) {
        const struct bench_figure *f = &figures[i];
        if (json) {
            printf("%s{\"name\": \"%s\", \"unit\": \"%s\", \"value\": %.6g", i > 0 ? ", " : "",
                   f->name, f->unit, f->value);
            if (f->reach > 0)
                printf(", \"reach\": %.6g, \"reached\": %s", f->reach,
                       f->value <= f->reach ? "true" : "false");
            printf("}");
        } else {
            printf("%-58s %10.4g %-4s", f->name, f->value, f->unit);
            if (f->reach > 0)
                printf(" (reach %g%s)", f->reach, f->value <= f->reach ? "" : ": NOT reached");
            printf("\n");
        }
    }
    if (json)
        printf("]}\n");
}

#endif
