/* SPDX-License-Identifier: Apache-2.0 */
/* MLflow's quickstart, step "autologging": one line sees what GSL does.
 * cc autolog.c iris.c $(pkg-config --cflags --libs mlf gsl) -o autolog */
#include "iris.h"

#include <mlf/mlf.h>
#include <stdio.h>

int main(void)
{
    static struct iris train, test;
    struct iris_model model;

    mlf_autolog();
    mlf_set_experiment("MLflow Quickstart");
    if (!iris_read("train.csv", &train) || !iris_read("test.csv", &test))
        return 1;
    int iterations = iris_fit(&train, 1.0, 1000, &model);
    printf("%d iterations, accuracy %g\n", iterations, iris_accuracy(&model, &test));
    return 0;
}
