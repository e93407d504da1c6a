/* SPDX-License-Identifier: Apache-2.0 */
/* A random forest for regression (L. Breiman, Random Forests, Machine Learning 45, 2001): trees grown to minimise
 * the squared error, each on a bootstrap sample, each split chosen among a random part of the features. Splits are
 * looked for between at most 256 quantiles of a feature. */
#ifndef FOREST_H
#define FOREST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rows of features and a target each: a CSV file with a line of titles, the target in the last column. */
struct table {
    size_t n_rows, n_features;
    double *x; /* n_rows × n_features */
    double *y;
};
bool table_read(const char *path, struct table *out); /* false: said on stderr */
/* Every fifth row goes into |test|, the others into |train|. */
bool table_split(const struct table *all, struct table *train, struct table *test);
void table_free(struct table *table);

struct forest_options {
    int64_t n_estimators; /* trees */
    int64_t max_depth;
    double max_features; /* share of the features that each split may choose from */
    uint64_t seed;
};

struct node {
    int32_t feature; /* -1: a leaf */
    int32_t left;    /* right is the next one */
    double value;    /* threshold: below or equal goes left; of a leaf: what it predicts */
};

struct forest {
    size_t n_features, n_trees;
    size_t *trees; /* where each begins in |nodes| */
    struct node *nodes;
    size_t n_nodes, cap_nodes;
};
bool forest_fit(const struct table *train, const struct forest_options *options,
                struct forest *out);
double forest_predict(const struct forest *forest, const double *row);
double forest_mean_squared_error(const struct forest *forest, const struct table *table);
/* A line "forest FEATURES TREES NODES", a line per tree with its first node, a line "FEATURE LEFT VALUE" per node. */
bool forest_save(const struct forest *forest, const char *path);
void forest_free(struct forest *forest);

#endif
