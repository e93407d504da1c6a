/* SPDX-License-Identifier: Apache-2.0 */
/* Trains under mlf_autolog() in one run after the other, in a nested one and in children: prints the runs' ids. */
#include <mlf/mlf.h>

#include <libsvm/svm.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct svm_node nodes[4][2] = {
    {{1, -1.0}, {-1, 0}}, {{1, -0.9}, {-1, 0}}, {{1, 1.0}, {-1, 0}}, {{1, 1.1}, {-1, 0}}};
static struct svm_node *rows[4] = {nodes[0], nodes[1], nodes[2], nodes[3]};
static double labels[4] = {-1, -1, 1, 1};

static void be_silent(const char *text)
{
    (void)text;
}

static void train(double C)
{
    const struct svm_problem problem = {4, labels, rows};
    const struct svm_parameter param = {
        .kernel_type = LINEAR, .cache_size = 10, .eps = 0.001, .C = C};
    struct svm_model *model = svm_train(&problem, &param);
    svm_free_and_destroy_model(&model);
}

int main(void)
{
    mlf_run_options nested = MLF_RUN_OPTIONS_INIT;
    mlf_run *runs[3];
    nested.nested = true;
    mlf_autolog();
    svm_set_print_string_function(be_silent);
    if (mlf_start_run(NULL, &runs[0]) != MLF_OK)
        return 1;
    train(1);
    mlf_end_run(MLF_RUN_FINISHED);
    if (mlf_start_run(NULL, &runs[1]) != MLF_OK)
        return 1;
    train(2);
    if (mlf_start_run(&nested, &runs[2]) != MLF_OK)
        return 1;
    train(3);
    mlf_end_run(MLF_RUN_FINISHED);
    train(4); /* its params are others than those that the run has */
    for (int i = 0; i < 2; i++) {
        pid_t child = fork();
        if (child == 0) {
            train(5 + i);
            exit(0);
        }
        waitpid(child, NULL, 0);
    }
    mlf_end_run(MLF_RUN_FINISHED);
    for (int i = 0; i < 3; i++)
        puts(mlf_run_id(runs[i]));
    return 0;
}
