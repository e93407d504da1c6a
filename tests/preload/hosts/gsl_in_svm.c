/* SPDX-License-Identifier: Apache-2.0 */
/* A minimisation while LIBSVM trains (its print function is the way in), and one behind it. */
#include "host.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_multimin.h>
#include <libsvm/svm.h>

static double parabola(const gsl_vector *v, void *params)
{
    (void)params;
    return v->data[0] * v->data[0];
}

static void minimise(void)
{
    gsl_multimin_function function = {parabola, 1, NULL};
    double at[] = {1}, step[] = {0.5};
    gsl_vector_view start = gsl_vector_view_array(at, 1);
    gsl_vector_view steps = gsl_vector_view_array(step, 1);
    gsl_multimin_fminimizer *s =
        gsl_multimin_fminimizer_alloc(gsl_multimin_fminimizer_nmsimplex2, 1);
    EXPECT(gsl_multimin_fminimizer_set(s, &function, &start.vector, &steps.vector) == GSL_SUCCESS);
    EXPECT(gsl_multimin_fminimizer_iterate(s) == GSL_SUCCESS);
    gsl_multimin_fminimizer_free(s);
}

static void print(const char *text)
{
    if (strstr(text, "obj") != NULL)
        minimise();
}

int main(void)
{
    struct svm_node nodes[2][2] = {{{1, -1.0}, {-1, 0}}, {{1, 1.0}, {-1, 0}}};
    struct svm_node *rows[2] = {nodes[0], nodes[1]};
    double labels[2] = {-1, 1};
    struct svm_problem problem = {2, labels, rows};
    struct svm_parameter param = {.svm_type = C_SVC,
                                  .kernel_type = LINEAR,
                                  .cache_size = 10,
                                  .eps = 0.001,
                                  .C = 1,
                                  .shrinking = 1};
    svm_set_print_string_function(print);
    struct svm_model *model = svm_train(&problem, &param);
    EXPECT(model != NULL);
    svm_free_and_destroy_model(&model);
    minimise();
    return 0;
}
