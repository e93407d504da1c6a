/* SPDX-License-Identifier: Apache-2.0 */
/* What `svm-train -q -c 5 DATA MODEL` does, as a program of one's own. One line of it is mlf's. */
#include <libsvm/svm.h>
#include <mlf/mlf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* svm-train's defaults, but for C; gamma becomes 1 / number of features when the data are read. */
static const struct svm_parameter as_svm_train = {
    .svm_type = C_SVC,
    .kernel_type = RBF,
    .degree = 3,
    .C = 5,
    .cache_size = 100,
    .eps = 1e-3,
    .nu = 0.5,
    .p = 0.1,
    .shrinking = 1,
};

/* Reads lines of "label index:value ...". The nodes of all rows lie in one array; index -1 ends a
 * row. */
static bool read_problem(const char *path, struct svm_problem *problem,
                         struct svm_parameter *parameter)
{
    size_t n_rows = 1, n_nodes = 1, capacity = 0;
    int n_features = 1;
    char *line = NULL;
    FILE *file = fopen(path, "r");

    if (file == NULL)
        return false;
    for (int c = fgetc(file); c != EOF; c = fgetc(file)) {
        n_rows += c == '\n';
        n_nodes += c == ':' || c == '\n';
    }
    rewind(file);
    struct svm_node *node = calloc(n_nodes, sizeof(*node));
    problem->x = calloc(n_rows, sizeof(*problem->x));
    problem->y = calloc(n_rows, sizeof(*problem->y));
    while (node != NULL && problem->x != NULL && problem->y != NULL &&
           getline(&line, &capacity, file) > 0) {
        char *rest = line;
        problem->y[problem->l] = strtod(line, &rest);
        problem->x[problem->l++] = node;
        for (int index; (index = (int)strtol(rest, &rest, 10)) > 0 && *rest == ':'; node++) {
            *node = (struct svm_node){.index = index, .value = strtod(rest + 1, &rest)};
            n_features = index > n_features ? index : n_features;
        }
        (node++)->index = -1;
    }
    parameter->gamma = 1.0 / n_features;
    free(line);
    fclose(file);
    return problem->l > 0;
}

static void print_nothing(const char *text)
{
    (void)text;
}

int main(int argc, char **argv)
{
    mlf_autolog();
    struct svm_problem problem = {0};
    struct svm_parameter parameter = as_svm_train;
    if (argc != 3 || !read_problem(argv[1], &problem, &parameter))
        return fprintf(stderr, "usage: %s DATA MODEL\n", argv[0]), 1;
    svm_set_print_string_function(print_nothing);
    return svm_save_model(argv[2], svm_train(&problem, &parameter)) != 0;
}
