/* SPDX-License-Identifier: Apache-2.0 */
/* Trainings in ways that are hard to follow: several threads at once, left by longjmp(), inside a cross
 * validation, with floating-point traps on. Prints nothing itself. */
#include "host.h"

#include <fenv.h>
#include <libsvm/svm.h>
#include <pthread.h>
#include <setjmp.h>

static jmp_buf way_out;
static int jump;

static struct svm_node nodes[4][2] = {
    {{1, -1.0}, {-1, 0}}, {{1, -0.9}, {-1, 0}}, {{1, 1.0}, {-1, 0}}, {{1, 1.1}, {-1, 0}}};
static struct svm_node *rows[4] = {nodes[0], nodes[1], nodes[2], nodes[3]};
static double labels[4] = {-1, -1, 1, 1};
static const struct svm_problem problem = {4, labels, rows};

static struct svm_parameter params(double C)
{
    return (struct svm_parameter){.svm_type = C_SVC,
                                  .kernel_type = LINEAR,
                                  .degree = 3,
                                  .cache_size = 10,
                                  .eps = 0.001,
                                  .C = C,
                                  .nu = 0.5,
                                  .p = 0.1,
                                  .shrinking = 1};
}

static void print(const char *text)
{
    if (jump && strstr(text, "obj") != NULL) {
        jump = 0;
        longjmp(way_out, 1);
    }
}

static void *train(void *arg)
{
    struct svm_parameter param = params((double)(long)arg);
    errno = 4242;
    struct svm_model *model = svm_train(&problem, &param);
    EXPECT(model != NULL);
    svm_free_and_destroy_model(&model);
    return NULL;
}

int main(void)
{
    double target[4];
    pthread_t threads[4];
    svm_set_print_string_function(print);
    jump = 1;
    if (setjmp(way_out) == 0)
        train((void *)1L);
    EXPECT(jump == 0);
    train((void *)2L);
    for (long i = 0; i < 4; i++)
        EXPECT(pthread_create(&threads[i], NULL, train, (void *)(3 + i)) == 0);
    for (int i = 0; i < 4; i++)
        EXPECT(pthread_join(threads[i], NULL) == 0);
    struct svm_parameter param = params(7);
    feclearexcept(FE_ALL_EXCEPT);
    feenableexcept(FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW);
    svm_cross_validation(&problem, &param, 2, target);
    EXPECT(fegetexcept() == (FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW));
    return 0;
}
