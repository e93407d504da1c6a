/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin that is linked with LIBSVM, so that the library comes with it and is seen by it alone. */
#include "host.h"

#include <libsvm/svm.h>

int plugin_train(const char *path, double C);

int plugin_train(const char *path, double C)
{
    static struct svm_node nodes[2][2] = {{{1, -1.0}, {-1, 0}}, {{1, 1.0}, {-1, 0}}};
    static struct svm_node *rows[2] = {nodes[0], nodes[1]};
    static double labels[2] = {-1, 1};
    struct svm_problem problem = {2, labels, rows};
    struct svm_parameter param = {
        .svm_type = C_SVC, .gamma = 0.5, .cache_size = 10, .eps = 0.001, .C = C};
    struct svm_model *model = svm_train(&problem, &param);
    EXPECT(model != NULL && svm_save_model(path, model) == 0);
    svm_free_and_destroy_model(&model);
    return 0;
}
