/* SPDX-License-Identifier: Apache-2.0 */
/* A mixture of kernels over a search space: one kernel per observation, a product over the parameters, and a prior. An
 * observation that comes or goes changes the widths of its neighbours only, so that these are found by sorted
 * columns and nothing else is touched; but below 98 observations the least width depends on their
 * number, and all are computed anew. */
#ifndef MLF_TUNER_SAMPLERS_TPE_MIXTURE_H
#define MLF_TUNER_SAMPLERS_TPE_MIXTURE_H

#include "tuner/space.h"

/* In the order in which they are scored. */
enum mlf__tpe_kind {
    MLF__TPE_CONTINUOUS,
    MLF__TPE_WIDE,  /* discrete, with too many values for a table */
    MLF__TPE_TABLE, /* discrete: the mass of each value under each kernel is computed once */
    MLF__TPE_CHOICE
};

/* A parameter, as both mixtures of a space see it: its numbers are on its column's scale. */
struct mlf__tpe_dim {
    uint32_t name, dist; /* in the history */
    enum mlf__tpe_kind kind;
    struct mlf__dist range; /* without the choices' texts */
    double low, high;       /* of the column, half a step wider where there are steps */
    size_t n_values;        /* of TABLE and CHOICE */
    double prior_mass;      /* logarithm of the prior kernel's normal mass between low and high */
};
void mlf__tpe_dim_init(struct mlf__tpe_dim *dim, uint32_t name, uint32_t dist,
                       const struct mlf__dist *range);
/* The ends of what is rounded to |value| (as the parameter has it), on the column's scale; equal for a continuous one. */
void mlf__tpe_dim_interval(const struct mlf__tpe_dim *dim, double value, double *low, double *high);
/* The place of |value| among its steps. */
size_t mlf__tpe_dim_index(const struct mlf__tpe_dim *dim, double value);

/* Different kernels of a TABLE parameter; the first one is the prior. */
struct mlf__tpe_table {
    struct mlf__tpe_class {
        double mu, sigma;
    } * classes;
    size_t n, cap;
    uint32_t *buckets; /* open addressing: class + 1 */
    size_t n_buckets;
    double *rows; /* by class, n_values each: -2 log mass of the value */
    size_t cap_rows;
    uint32_t *filled; /* by value: the classes whose row has it */
};

/* By observation ("slot"); slots that are not in use have a constant of -infinity. */
struct mlf__tpe_column {
    double *mu;         /* centre; of CHOICE the choice */
    double *inverse;    /* 1 / width */
    double *term;       /* of the kernel's logarithm, what does not depend on the point */
    uint32_t *class_of; /* TABLE only */
    uint32_t *order;    /* slots by centre, equal ones by their trial's number; not of CHOICE */
    struct mlf__tpe_table table;
};

struct mlf__tpe_touch {
    uint32_t dim, slot; /* dim == n_dims: only the sum of the terms */
};

struct mlf__tpe_mixture {
    const struct mlf__tpe_dim *dims;
    size_t n_dims;
    bool ramped; /* old observations weigh less */
    bool scott;  /* widths by Scott's rule */
    struct mlf__tpe_column *columns;
    uint32_t *numbers;   /* by slot: its trial; UINT32_MAX: not in use */
    double *constants;   /* by slot: sum of the columns' terms */
    double *weights;     /* by slot: not normalised; the prior's is 1 */
    uint32_t *by_number; /* slots in the order of their trials */
    uint32_t *free_slots;
    size_t n_free;
    size_t n;               /* observations */
    size_t n_slots, n_room; /* slots ever used; a multiple of 8 */
    double total_weight;    /* with the prior's */
    struct mlf__tpe_touch *touched;
    size_t n_touched, cap_touched;
    bool changed, stale; /* since it was settled; all widths have to be computed */
    double divisor;      /* widths are at least the range by this */
};

mlf_status mlf__tpe_mixture_init(struct mlf__tpe_mixture *mixture, const struct mlf__tpe_dim *dims,
                                 size_t n_dims, bool ramped, bool scott);
void mlf__tpe_mixture_free(struct mlf__tpe_mixture *mixture);
/* |values| by dimension, as the parameters have them. */
mlf_status mlf__tpe_mixture_add(struct mlf__tpe_mixture *mixture, uint32_t trial,
                                const double *values);
/* The same for |n| trials at once, in the order of their numbers, |values| by trial; only for a mixture that is empty. */
mlf_status mlf__tpe_mixture_fill(struct mlf__tpe_mixture *mixture, const uint32_t *trials, size_t n,
                                 const double *values);
mlf_status mlf__tpe_mixture_remove(struct mlf__tpe_mixture *mixture, uint32_t trial);
/* Brings widths, terms and weights up to date, before a draw or a score. */
mlf_status mlf__tpe_mixture_settle(struct mlf__tpe_mixture *mixture);
/* The weight of the |i|-th oldest of |n| observations. */
double mlf__tpe_weight(size_t i, size_t n);

/* The number of the kernel in |table|, entered when new. */
mlf_status mlf__tpe_table_class(struct mlf__tpe_table *table, const struct mlf__tpe_dim *dim,
                                double mu, double sigma, uint32_t *out);
/* Sees to it that all kernels know the mass of the |index|-th value. */
void mlf__tpe_table_fill(struct mlf__tpe_table *table, const struct mlf__tpe_dim *dim,
                         size_t index);
/* Forgets all kernels but the prior. */
void mlf__tpe_table_clear(struct mlf__tpe_table *table);
void mlf__tpe_table_free(struct mlf__tpe_table *table);

/* The logarithm of the mixture's density at |n| points: |values[d]| has theirs of dimension d, as the parameter has
 * it. */
mlf_status mlf__tpe_log_density(struct mlf__tpe_mixture *mixture, const double *const *values,
                                size_t n, double *out);
/* Of |n| points the first one with the greatest ratio of |good|'s density to |bad|'s, and the ratio's logarithm. A point is given up
 * when the kernels seen so far show that it cannot be the one. */
mlf_status mlf__tpe_best(struct mlf__tpe_mixture *good, struct mlf__tpe_mixture *bad,
                         const double *const *values, size_t n, size_t *best, double *ratio);

#endif
