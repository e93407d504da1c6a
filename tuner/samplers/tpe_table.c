/* SPDX-License-Identifier: Apache-2.0 */
/* Discrete parameters have few different kernels, since centres and gaps are multiples of the step: each kernel's mass at
 * each value is computed once, when a candidate has that value. */
#include "core/mem.h"
#include "tuner/samplers/tpe_mixture.h"
#include "tuner/samplers/tpe_truncnorm.h"

#include <math.h>
#include <string.h>

void mlf__tpe_table_free(struct mlf__tpe_table *table)
{
    mlf__free(table->classes);
    mlf__free(table->buckets);
    mlf__free(table->rows);
    mlf__free(table->filled);
}

static size_t bucket_of(const struct mlf__tpe_table *table, double mu, double sigma)
{
    uint64_t a, b;
    memcpy(&a, &mu, sizeof(a));
    memcpy(&b, &sigma, sizeof(b));
    uint64_t hash = (a * 0x9e3779b97f4a7c15u) ^ (b * 0xc2b2ae3d27d4eb4fu);
    hash ^= hash >> 29;
    size_t at = (hash * 0xbf58476d1ce4e5b9u >> 20) & (table->n_buckets - 1);
    for (; table->buckets[at] != 0; at = (at + 1) & (table->n_buckets - 1)) {
        const struct mlf__tpe_class *kernel = &table->classes[table->buckets[at] - 1];
        if (kernel->mu == mu && kernel->sigma == sigma)
            break;
    }
    return at;
}

static mlf_status grow_buckets(struct mlf__tpe_table *table)
{
    size_t n_buckets = table->n_buckets == 0 ? 64 : table->n_buckets * 2;
    uint32_t *buckets = mlf__zalloc(n_buckets, sizeof(*buckets));
    if (buckets == NULL)
        return MLF_ERR_NOMEM;
    mlf__free(table->buckets);
    table->buckets = buckets;
    table->n_buckets = n_buckets;
    for (size_t i = 0; i < table->n; i++)
        buckets[bucket_of(table, table->classes[i].mu, table->classes[i].sigma)] = (uint32_t)i + 1;
    return MLF_OK;
}

static mlf_status enter(struct mlf__tpe_table *table, const struct mlf__tpe_dim *dim, double mu,
                        double sigma, uint32_t *out)
{
    mlf_status status = MLF_OK;
    if (2 * (table->n + 1) > table->n_buckets)
        status = grow_buckets(table);
    if (status == MLF_OK)
        status =
            mlf__grow((void **)&table->classes, &table->cap, table->n + 1, sizeof(*table->classes));
    if (status == MLF_OK)
        status = mlf__grow((void **)&table->rows, &table->cap_rows, table->n + 1,
                           dim->n_values * sizeof(*table->rows));
    if (status != MLF_OK)
        return status;
    size_t at = bucket_of(table, mu, sigma);
    if (table->buckets[at] == 0) {
        table->classes[table->n++] = (struct mlf__tpe_class){mu, sigma};
        table->buckets[at] = (uint32_t)table->n;
    }
    *out = table->buckets[at] - 1;
    return MLF_OK;
}

mlf_status mlf__tpe_table_class(struct mlf__tpe_table *table, const struct mlf__tpe_dim *dim,
                                double mu, double sigma, uint32_t *out)
{
    if (table->filled == NULL)
        table->filled = mlf__zalloc(dim->n_values, sizeof(*table->filled));
    if (table->filled == NULL)
        return MLF_ERR_NOMEM;
    if (table->n == 0) {
        memset(table->filled, 0, dim->n_values * sizeof(*table->filled));
        mlf_status status =
            enter(table, dim, (dim->low + dim->high) / 2, dim->high - dim->low, out);
        if (status != MLF_OK)
            return status;
    }
    return enter(table, dim, mu, sigma, out);
}

void mlf__tpe_table_fill(struct mlf__tpe_table *table, const struct mlf__tpe_dim *dim, size_t index)
{
    double low, high;
    mlf__tpe_dim_interval(dim, dim->range.low + (double)index * dim->range.step, &low, &high);
    for (size_t i = table->filled[index]; i < table->n; i++) {
        const struct mlf__tpe_class *kernel = &table->classes[i];
        table->rows[i * dim->n_values + index] =
            -2 * mlf__tpe_log_mass((low - kernel->mu) / kernel->sigma,
                                   (high - kernel->mu) / kernel->sigma);
    }
    table->filled[index] = (uint32_t)table->n;
}

void mlf__tpe_table_clear(struct mlf__tpe_table *table)
{
    table->n = 0;
    if (table->buckets != NULL)
        memset(table->buckets, 0, table->n_buckets * sizeof(*table->buckets));
}
