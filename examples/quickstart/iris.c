/* SPDX-License-Identifier: Apache-2.0 */
/* The iris data, and a multinomial logistic regression fitted by GSL. Nothing here knows of mlf. */
#include "iris.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_multimin.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* All coefficients, class by class, then the intercepts: the point that GSL moves. */
enum { N_COEFFICIENTS = IRIS_CLASSES * IRIS_FEATURES, N = N_COEFFICIENTS + IRIS_CLASSES };

struct problem {
    const struct iris *data;
    double C;
};

const char *const iris_feature_names[IRIS_FEATURES] = {"sepal length (cm)", "sepal width (cm)",
                                                       "petal length (cm)", "petal width (cm)"};

bool iris_read(const char *path, struct iris *data)
{
    char line[200] = "";
    FILE *file = fopen(path, "r");
    if (file == NULL || fgets(line, sizeof(line), file) == NULL) {
        perror(path);
        if (file != NULL)
            fclose(file);
        return false;
    }
    size_t n = 0;
    while (n < IRIS_ROWS_MAX && fgets(line, sizeof(line), file) != NULL) {
        double *x = data->x[n];
        int *y = &data->y[n];
        if (sscanf(line, "%lf,%lf,%lf,%lf,%d", &x[0], &x[1], &x[2], &x[3], y) != 5 || *y < 0 ||
            *y >= IRIS_CLASSES) {
            fprintf(stderr, "%s:%zu: not four measures and a class: %s", path, n + 2, line);
            n = 0;
            break;
        }
        n++;
    }
    fclose(file);
    data->n_rows = n;
    return n > 0;
}

/* Probabilities of the classes. The largest score is taken off first: exp() must not overflow. */
static void probabilities(const double *point, const double *x, double p[IRIS_CLASSES])
{
    double largest = -INFINITY, sum = 0;
    for (size_t k = 0; k < IRIS_CLASSES; k++) {
        p[k] = point[N_COEFFICIENTS + k];
        for (size_t j = 0; j < IRIS_FEATURES; j++)
            p[k] += point[k * IRIS_FEATURES + j] * x[j];
        largest = fmax(largest, p[k]);
    }
    for (size_t k = 0; k < IRIS_CLASSES; k++)
        sum += p[k] = exp(p[k] - largest);
    for (size_t k = 0; k < IRIS_CLASSES; k++)
        p[k] /= sum;
}

/* Loss and gradient at |point|. GSL's own vectors have stride 1. */
static void loss_and_gradient(const gsl_vector *point, void *params, double *loss,
                              gsl_vector *gradient)
{
    const struct problem *problem = params;
    double p[IRIS_CLASSES], sum = 0;
    double *g = gradient->data;
    gsl_vector_set_zero(gradient);
    for (size_t i = 0; i < problem->data->n_rows; i++) {
        const double *x = problem->data->x[i];
        size_t y = (size_t)problem->data->y[i];
        probabilities(point->data, x, p);
        sum -= log(p[y]);
        for (size_t k = 0; k < IRIS_CLASSES; k++) {
            double error = p[k] - (k == y);
            for (size_t j = 0; j < IRIS_FEATURES; j++)
                g[k * IRIS_FEATURES + j] += error * x[j];
            g[N_COEFFICIENTS + k] += error;
        }
    }
    for (size_t i = 0; i < N_COEFFICIENTS; i++) {
        sum += point->data[i] * point->data[i] / (2 * problem->C);
        g[i] += point->data[i] / problem->C;
    }
    *loss = sum;
}

static double loss_alone(const gsl_vector *point, void *params)
{
    double loss, room[N];
    gsl_vector_view unused = gsl_vector_view_array(room, N);
    loss_and_gradient(point, params, &loss, &unused.vector);
    return loss;
}

static void gradient_alone(const gsl_vector *point, void *params, gsl_vector *gradient)
{
    double loss;
    loss_and_gradient(point, params, &loss, gradient);
}

int iris_fit(const struct iris *data, double C, int max_iter, struct iris_model *model)
{
    struct problem problem = {data, C};
    gsl_multimin_function_fdf function = {.f = loss_alone,
                                          .df = gradient_alone,
                                          .fdf = loss_and_gradient,
                                          .n = N,
                                          .params = &problem};
    double zeros[N] = {0};
    gsl_vector_view start = gsl_vector_view_array(zeros, N);
    gsl_multimin_fdfminimizer *minimizer =
        gsl_multimin_fdfminimizer_alloc(gsl_multimin_fdfminimizer_vector_bfgs2, N);
    int iterations = 0;
    if (minimizer == NULL)
        return 0;
    gsl_multimin_fdfminimizer_set(minimizer, &function, &start.vector, 0.1, 0.1);
    /* Ends with GSL_ENOPROG where rounding leaves no better point. */
    while (iterations < max_iter && gsl_multimin_fdfminimizer_iterate(minimizer) == GSL_SUCCESS) {
        iterations++;
        if (gsl_multimin_test_gradient(minimizer->gradient, 1e-4) == GSL_SUCCESS)
            break;
    }
    memcpy(model->coefficients, minimizer->x->data, sizeof(model->coefficients));
    memcpy(model->intercepts, minimizer->x->data + N_COEFFICIENTS, sizeof(model->intercepts));
    gsl_multimin_fdfminimizer_free(minimizer);
    return iterations;
}

double iris_accuracy(const struct iris_model *model, const struct iris *data)
{
    size_t right = 0;
    for (size_t i = 0; i < data->n_rows; i++) {
        double best = -INFINITY;
        int found = 0;
        for (int k = 0; k < IRIS_CLASSES; k++) {
            double score = model->intercepts[k];
            for (size_t j = 0; j < IRIS_FEATURES; j++)
                score += model->coefficients[k][j] * data->x[i][j];
            if (score > best) {
                best = score;
                found = k;
            }
        }
        right += found == data->y[i];
    }
    return (double)right / (double)data->n_rows;
}
