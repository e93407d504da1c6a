/* SPDX-License-Identifier: Apache-2.0 */
/* Parses an option, then asks LIBSVM for its own printing, which flushes: its lines come before what is
 * written behind them, though stdout is a pipe. */
#include "host.h"

#include <getopt.h>
#include <libsvm/svm.h>

int main(int argc, char **argv)
{
    EXPECT(getopt(argc, argv, "c:") == 'c' && getopt(argc, argv, "c:") == -1);
    static struct svm_node nodes[2][2] = {{{1, -1.0}, {-1, 0}}, {{1, 1.0}, {-1, 0}}};
    static struct svm_node *rows[2] = {nodes[0], nodes[1]};
    static double labels[2] = {-1, 1};
    struct svm_problem problem = {2, labels, rows};
    struct svm_parameter param = {
        .svm_type = C_SVC, .gamma = 0.5, .cache_size = 10, .eps = 0.001, .C = 1};
    svm_set_print_string_function(NULL);
    struct svm_model *model = svm_train(&problem, &param);
    EXPECT(model != NULL && write(1, "behind\n", 7) == 7);
    svm_free_and_destroy_model(&model);
    return 0;
}
