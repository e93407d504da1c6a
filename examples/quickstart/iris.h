/* SPDX-License-Identifier: Apache-2.0 */
/* What both programs share: the data, and the fit of a multinomial logistic regression by GSL. */
#ifndef IRIS_H
#define IRIS_H

#include <stdbool.h>
#include <stddef.h>

enum { IRIS_FEATURES = 4, IRIS_CLASSES = 3, IRIS_ROWS_MAX = 150 };

struct iris {
    size_t n_rows;
    double x[IRIS_ROWS_MAX][IRIS_FEATURES];
    int y[IRIS_ROWS_MAX];
};

struct iris_model {
    double coefficients[IRIS_CLASSES][IRIS_FEATURES];
    double intercepts[IRIS_CLASSES];
};

extern const char *const iris_feature_names[IRIS_FEATURES];

/* Reads a file of lines "measure,measure,measure,measure,class" below a heading; says on stderr what is wrong. */
bool iris_read(const char *path, struct iris *data);

/* Minimises the cross entropy of all rows + |W|² / (2 C), the intercepts free, as scikit-learn's
 * LogisticRegression does. Returns the number of iterations; 0 when there was no memory. */
int iris_fit(const struct iris *data, double C, int max_iter, struct iris_model *model);

/* Share of the rows whose class the model finds. */
double iris_accuracy(const struct iris_model *model, const struct iris *data);

#endif
