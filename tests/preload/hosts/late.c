/* SPDX-License-Identifier: Apache-2.0 */
/* A program that opens the hook library while it runs, as mlf_autolog() does, with its threads already there
 * and static thread-local storage to be found for it. Trains if given a file name.
 * Usage: late HOOKS LIBSVM [MODEL [quiet]] */
#include "host.h"

#include <dlfcn.h>
#include <libsvm/svm.h>
#include <pthread.h>

static void *wait_for_it(void *arg)
{
    int *pipe_ends = arg;
    char byte;
    EXPECT(read(pipe_ends[0], &byte, 1) == 1);
    touch("thread.txt");
    return NULL;
}

static void print_nothing(const char *text)
{
    (void)text;
}

static void train(const char *path)
{
    static struct svm_node nodes[4][2] = {
        {{1, -1.0}, {-1, 0}}, {{1, -0.9}, {-1, 0}}, {{1, 1.0}, {-1, 0}}, {{1, 1.1}, {-1, 0}}};
    static struct svm_node *rows[4] = {nodes[0], nodes[1], nodes[2], nodes[3]};
    static double labels[4] = {-1, -1, 1, 1};
    struct svm_problem problem = {4, labels, rows};
    struct svm_parameter param = {.svm_type = C_SVC,
                                  .kernel_type = RBF,
                                  .degree = 3,
                                  .gamma = 0.5,
                                  .cache_size = 10,
                                  .eps = 0.001,
                                  .C = 7,
                                  .nu = 0.5,
                                  .p = 0.1,
                                  .shrinking = 1};
    struct svm_model *model = svm_train(&problem, &param);
    EXPECT(model != NULL && svm_save_model(path, model) == 0);
    svm_free_and_destroy_model(&model);
}

int main(int argc, char **argv)
{
    int pipe_ends[2];
    pthread_t thread;
    EXPECT(argc >= 3 && pipe(pipe_ends) == 0);
    EXPECT(pthread_create(&thread, NULL, wait_for_it, pipe_ends) == 0);
    /* Bound before the hooks come, so that both lazy and bound slots are met. */
    touch("before.txt");
    if (argc > 4)
        svm_set_print_string_function(print_nothing);
    void *hooks = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (hooks == NULL)
        fprintf(stderr, "%s\n", dlerror());
    EXPECT(hooks != NULL);
    void (*install)(void) = (void (*)(void))(unsigned long)dlsym(hooks, "mlf__hooks_install");
    EXPECT(install != NULL);
    errno = 4242;
    install();
    EXPECT(errno == 4242);
    EXPECT(write(pipe_ends[1], "x", 1) == 1 && pthread_join(thread, NULL) == 0);
    FILE *stream = fopen("after.txt", "w");
    EXPECT(stream != NULL);
    fclose(stream);
    if (argc > 3)
        train(argv[3]);
    EXPECT(dlclose(hooks) == 0);
    touch("last.txt");
    return 0;
}
