/* SPDX-License-Identifier: Apache-2.0 */
#include "functions.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { DIMS_MAX = 16 };

static void must(mlf_status status, const char *name)
{
    if (status == MLF_OK)
        return;
    fprintf(stderr, "%s: %s\n", name, mlf_errmsg());
    exit(1);
}

static double number(mlf_trial *trial, const char *name, double low, double high)
{
    double x;
    must(mlf_suggest_float(trial, name, low, high, 0, &x), name);
    return x;
}

static double log_number(mlf_trial *trial, const char *name, double low, double high)
{
    double x;
    must(mlf_suggest_float_log(trial, name, low, high, &x), name);
    return x;
}

static double stepped(mlf_trial *trial, const char *name, double low, double high, double step)
{
    double x;
    must(mlf_suggest_float(trial, name, low, high, step, &x), name);
    return x;
}

static double integer(mlf_trial *trial, const char *name, int64_t low, int64_t high)
{
    int64_t x;
    must(mlf_suggest_int(trial, name, low, high, 1, &x), name);
    return (double)x;
}

static double log_integer(mlf_trial *trial, const char *name, int64_t low, int64_t high)
{
    int64_t x;
    must(mlf_suggest_int_log(trial, name, low, high, &x), name);
    return (double)x;
}

static size_t choice(mlf_trial *trial, const char *name, const char *const *choices, size_t n)
{
    size_t at;
    must(mlf_suggest_categorical(trial, name, choices, n, &at), name);
    return at;
}

static void vector(mlf_trial *trial, size_t n, double low, double high, const double *shift,
                   double scale, double *out)
{
    char name[32];
    for (size_t i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "x%zu", i);
        out[i] = number(trial, name, low, high) - (shift != NULL ? scale * shift[i] : 0);
    }
}

static double square(double x)
{
    return x * x;
}

/* ---- formulas ---- */

static double sum_of_squares(const double *z, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += z[i] * z[i];
    return sum;
}

static double rosenbrock_of(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i + 1 < n; i++)
        sum += 100 * square(x[i + 1] - x[i] * x[i]) + square(1 - x[i]);
    return sum;
}

static double rastrigin_of(const double *z, size_t n)
{
    double sum = 10 * (double)n;
    for (size_t i = 0; i < n; i++)
        sum += z[i] * z[i] - 10 * cos(2 * M_PI * z[i]);
    return sum;
}

static double ackley_of(const double *z, size_t n)
{
    double cosines = 0;
    for (size_t i = 0; i < n; i++)
        cosines += cos(2 * M_PI * z[i]);
    return -20 * exp(-0.2 * sqrt(sum_of_squares(z, n) / (double)n)) - exp(cosines / (double)n) +
           20 + M_E;
}

static double levy_of(const double *x, size_t n)
{
    double last = 1 + (x[n - 1] - 1) / 4;
    double sum = square(sin(M_PI * (1 + (x[0] - 1) / 4)));
    for (size_t i = 0; i + 1 < n; i++) {
        double w = 1 + (x[i] - 1) / 4;
        sum += square(w - 1) * (1 + 10 * square(sin(M_PI * w + 1)));
    }
    return sum + square(last - 1) * (1 + square(sin(2 * M_PI * last)));
}

/* |a| and |p|: 4 rows of |n|. */
static double hartmann_of(const double *x, size_t n, const double *a, const double *p)
{
    static const double alpha[] = {1, 1.2, 3, 3.2};
    double sum = 0;
    for (size_t i = 0; i < 4; i++) {
        double inner = 0;
        for (size_t k = 0; k < n; k++)
            inner += a[i * n + k] * square(x[k] - 1e-4 * p[i * n + k]);
        sum -= alpha[i] * exp(-inner);
    }
    return sum;
}

/* ---- the nine ---- */

static const double shift5[] = {1.3, -2.1, 0.7, 3.2, -0.4};

static double sphere(mlf_trial *trial)
{
    double z[DIMS_MAX];
    vector(trial, 5, -5, 5, shift5, 1, z);
    return sum_of_squares(z, 5);
}

static double rosenbrock(mlf_trial *trial)
{
    double x[DIMS_MAX];
    vector(trial, 4, -2.048, 2.048, NULL, 0, x);
    return rosenbrock_of(x, 4);
}

static double rastrigin(mlf_trial *trial)
{
    double z[DIMS_MAX];
    vector(trial, 5, -5.12, 5.12, shift5, 1, z);
    return rastrigin_of(z, 5);
}

static double ackley(mlf_trial *trial)
{
    double z[DIMS_MAX];
    vector(trial, 5, -32.768, 32.768, shift5, 4, z);
    return ackley_of(z, 5);
}

static double branin(mlf_trial *trial)
{
    double x = number(trial, "x0", -5, 10), y = number(trial, "x1", 0, 15);
    return square(y - 5.1 / (4 * M_PI * M_PI) * x * x + 5 / M_PI * x - 6) +
           10 * (1 - 1 / (8 * M_PI)) * cos(x) + 10 - 0.39788735772973816;
}

static double hartmann6(mlf_trial *trial)
{
    static const double a[] = {10, 3,   17,  3.5, 1.7, 8, 0.05, 10, 17,   0.1, 8,   14,
                               3,  3.5, 1.7, 10,  17,  8, 17,   8,  0.05, 10,  0.1, 14};
    static const double p[] = {1312, 1696, 5569, 124,  8283, 5886, 2329, 4135,
                               8307, 3736, 1004, 9991, 2348, 1451, 3522, 2883,
                               3047, 6650, 4047, 8828, 8732, 5743, 1091, 381};
    double x[DIMS_MAX];
    vector(trial, 6, 0, 1, NULL, 0, x);
    return hartmann_of(x, 6, a, p) + 3.322368011415515;
}

static double levy(mlf_trial *trial)
{
    double x[DIMS_MAX];
    vector(trial, 4, -10, 10, NULL, 0, x);
    return levy_of(x, 4);
}

/* The best learning rate depends on the optimiser. */
static double mixed(mlf_trial *trial)
{
    static const char *const optimizers[] = {"sgd", "adam", "rms", "ada"};
    static const double penalty[] = {0.6, 0, 0.25, 1}, best_rate[] = {-1, -3, -2.5, -2};
    double x = number(trial, "x", -5, 5), rate = log_number(trial, "lr", 1e-5, 1);
    double n = integer(trial, "n", 1, 100), units = log_integer(trial, "units", 4, 512);
    double drop = stepped(trial, "drop", 0, 1, 0.05);
    size_t opt = choice(trial, "opt", optimizers, 4);
    return square(x - 1.3) / 5 + square(log10(rate) - best_rate[opt]) + square((n - 37) / 30) +
           square(log2(units) - 6) / 4 + 4 * square(drop - 0.35) + penalty[opt];
}

static double support_vectors(mlf_trial *trial)
{
    static const char *const kernels[] = {"rbf", "poly"};
    double c = log10(log_number(trial, "svm_c", 1e-4, 1e4));
    if (choice(trial, "kernel", kernels, 2) == 0) {
        double gamma = log10(log_number(trial, "gamma", 1e-5, 1e2));
        return 0.2 * square(c - 1.5) + 0.3 * square(gamma + 2 + 0.5 * (c - 1.5));
    }
    return 0.3 + 0.2 * square(c + 1) + 0.1 * square(integer(trial, "degree", 2, 6) - 3);
}

/* The forest is a good local optimum, the support vectors with kernel rbf the global one. */
static double conditional(mlf_trial *trial)
{
    static const char *const models[] = {"svm", "forest", "linear"};
    size_t model = choice(trial, "model", models, 3);
    if (model == 0)
        return support_vectors(trial);
    if (model == 1) {
        double depth = integer(trial, "depth", 2, 32);
        double trees = log10(log_integer(trial, "trees", 10, 1000));
        return 0.15 + square((depth - 14) / 10) + 0.1 * square(trees - 2.7);
    }
    return 0.8 + 0.1 * square(log10(log_number(trial, "alpha", 1e-6, 10)) + 3);
}

/* ---- held out ---- */

static const double other_shift[] = {-1.7, 2.4, 0.3, -3.1, 1.1, 3.6, -0.8, -2.6, 0.9, 1.9};

static double ellipsoid6(mlf_trial *trial)
{
    double z[DIMS_MAX], sum = 0;
    vector(trial, 6, -5, 5, other_shift, 1, z);
    for (size_t i = 0; i < 6; i++)
        sum += pow(10, 0.6 * (double)i) * z[i] * z[i];
    return sum;
}

static double sphere10(mlf_trial *trial)
{
    double z[DIMS_MAX];
    vector(trial, 10, -4, 6, other_shift, 1, z);
    return sum_of_squares(z, 10);
}

static double rosenbrock6(mlf_trial *trial)
{
    double x[DIMS_MAX];
    vector(trial, 6, -3, 3, NULL, 0, x);
    return rosenbrock_of(x, 6);
}

static double rastrigin3(mlf_trial *trial)
{
    double z[DIMS_MAX];
    vector(trial, 3, -5.12, 5.12, other_shift, 0.7, z);
    return rastrigin_of(z, 3);
}

static double ackley8(mlf_trial *trial)
{
    double z[DIMS_MAX];
    vector(trial, 8, -30, 35, other_shift, 5, z);
    return ackley_of(z, 8);
}

static double levy8(mlf_trial *trial)
{
    double x[DIMS_MAX];
    vector(trial, 8, -8, 12, NULL, 0, x);
    return levy_of(x, 8);
}

static double hartmann3(mlf_trial *trial)
{
    static const double a[] = {3, 10, 30, 0.1, 10, 35, 3, 10, 30, 0.1, 10, 35};
    static const double p[] = {3689, 1170, 2673, 4699, 4387, 7470,
                               1091, 8732, 5547, 381,  5743, 8828};
    double x[DIMS_MAX];
    vector(trial, 3, 0, 1, NULL, 0, x);
    return hartmann_of(x, 3, a, p) + 3.8627797869493365;
}

static double styblinski4(mlf_trial *trial)
{
    double x[DIMS_MAX], sum = 0;
    vector(trial, 4, -5, 5, NULL, 0, x);
    for (size_t i = 0; i < 4; i++)
        sum += square(square(x[i])) - 16 * x[i] * x[i] + 5 * x[i];
    return sum / 2 + 4 * 39.166165703771412;
}

/* Integers only, with a ridge. */
static double integers6(mlf_trial *trial)
{
    static const double best[] = {12, 40, 7, 33, 25, 18};
    char name[32];
    double z[DIMS_MAX], sum = 0;
    for (size_t i = 0; i < 6; i++) {
        snprintf(name, sizeof(name), "n%zu", i);
        z[i] = (integer(trial, name, 0, 50) - best[i]) / 10;
        sum += z[i] * z[i];
    }
    return sum + square(z[0] + z[1]) + square(z[2] - z[3]);
}

/* Two choices that go together, with numbers whose best values depend on them. */
static double mixed2(mlf_trial *trial)
{
    static const char *const losses[] = {"l1", "l2", "huber"};
    static const char *const bases[] = {"tree", "linear", "spline", "net", "kernel"};
    static const double pair[3][5] = {
        {0.5, 0.9, 0.4, 0.8, 1.2}, {0.3, 0.7, 1.1, 0.5, 0.6}, {0.6, 1.3, 0.2, 0, 0.9}};
    static const double best_rate[] = {-1.2, -3.4, -2.1, -2.8, -0.7};
    size_t loss = choice(trial, "loss", losses, 3), base = choice(trial, "base", bases, 5);
    double rate = log10(log_number(trial, "rate", 1e-5, 1));
    double depth = integer(trial, "depth", 1, 40), share = number(trial, "share", 0.1, 1);
    return pair[loss][base] + 0.6 * square(rate - best_rate[base]) +
           square((depth - (double)(9 + 5 * loss)) / 12) + 3 * square(share - 0.65);
}

/* A tree of choices, two levels deep; the best leaf is hard to find and the first branch easy. */
static double conditional2(mlf_trial *trial)
{
    static const char *const kinds[] = {"boost", "net", "near", "bayes"};
    static const char *const layers[] = {"one", "two"};
    size_t kind = choice(trial, "kind", kinds, 4);
    if (kind == 0) {
        double rounds = log10(log_integer(trial, "rounds", 10, 2000));
        return 0.2 + 0.3 * square(rounds - 2.2) + 0.5 * square(number(trial, "eta", 0, 1) - 0.3);
    }
    if (kind == 1) {
        double rate = log10(log_number(trial, "net_rate", 1e-6, 1));
        if (choice(trial, "layers", layers, 2) == 0)
            return 0.35 + 0.2 * square(rate + 2) +
                   square((integer(trial, "width", 4, 64) - 40) / 30);
        double first = log2(log_integer(trial, "first", 4, 512));
        double second = log2(log_integer(trial, "second", 4, 512));
        return 0.25 * square(rate + 3.5) + 0.1 * square(first - 7) +
               0.1 * square(second - 0.8 * first);
    }
    if (kind == 2)
        return 0.5 + square((integer(trial, "k", 1, 50) - 11) / 20);
    return 0.9 + 0.1 * square(number(trial, "prior", -3, 3) - 1);
}

const struct quality_function quality_functions[] = {
    {"sphere", sphere, false},
    {"rosenbrock", rosenbrock, false},
    {"rastrigin", rastrigin, false},
    {"ackley", ackley, false},
    {"branin", branin, false},
    {"hartmann6", hartmann6, false},
    {"levy", levy, false},
    {"mixed", mixed, false},
    {"conditional", conditional, false},
    {"ellipsoid6", ellipsoid6, true},
    {"sphere10", sphere10, true},
    {"rosenbrock6", rosenbrock6, true},
    {"rastrigin3", rastrigin3, true},
    {"ackley8", ackley8, true},
    {"levy8", levy8, true},
    {"hartmann3", hartmann3, true},
    {"styblinski4", styblinski4, true},
    {"integers6", integers6, true},
    {"mixed2", mixed2, true},
    {"conditional2", conditional2, true},
    {NULL, NULL, false},
};
