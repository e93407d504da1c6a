/* SPDX-License-Identifier: Apache-2.0 */
/* A library that has functions of LIBSVM's names and nothing else of it: more arguments, other results. */
void *svm_train(void *a, void *b, int *c, long d, long e, long f);
long foreign_call(void);

void *svm_train(void *a, void *b, int *c, long d, long e, long f)
{
    *c = (int)(d + e + f);
    return a == b ? a : (void *)0;
}

long foreign_call(void)
{
    int sum = 0;
    return svm_train(&sum, &sum, &sum, 1, 20, 300) == &sum ? sum : -1;
}
