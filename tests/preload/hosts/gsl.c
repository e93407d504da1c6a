/* SPDX-License-Identifier: Apache-2.0 */
/* Minimises with GSL in the way its argument names, and prints every iterate to the last bit.
 * Usage: gsl WAY [HOOKS]; HOOKS is opened first, as mlf_autolog() does it. */
#include "host.h"

#include <dlfcn.h>
#include <fenv.h>
#include <float.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_multifit_nlinear.h>
#include <gsl/gsl_multimin.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>

enum { N = 2, N_POINTS = 20 };

/* ---- Rosenbrock's function ---- */

struct rosenbrock {
    double height;
    int calls, leave_at;
    jmp_buf way_out;
    int nested; /* minimises another function at each call */
};

static void minimise_scripted(const double *f, size_t n);

static double rosenbrock_f(const gsl_vector *v, void *params)
{
    struct rosenbrock *p = params;
    double x = gsl_vector_get(v, 0), y = gsl_vector_get(v, 1);
    if (++p->calls == p->leave_at)
        longjmp(p->way_out, 1);
    if (p->nested)
        minimise_scripted((const double[]){7, 6}, 2);
    return (1 - x) * (1 - x) + p->height * (y - x * x) * (y - x * x);
}

static void rosenbrock_df(const gsl_vector *v, void *params, gsl_vector *df)
{
    const struct rosenbrock *p = params;
    double x = gsl_vector_get(v, 0), y = gsl_vector_get(v, 1);
    gsl_vector_set(df, 0, -2 * (1 - x) - 4 * p->height * x * (y - x * x));
    gsl_vector_set(df, 1, 2 * p->height * (y - x * x));
}

static void rosenbrock_fdf(const gsl_vector *v, void *params, double *f, gsl_vector *df)
{
    *f = rosenbrock_f(v, params);
    rosenbrock_df(v, params, df);
}

static void print_doubles(const char *name, const double *values, size_t n)
{
    printf("%s", name);
    for (size_t i = 0; i < n; i++)
        printf(" %.17g", values[i]);
    printf("\n");
}

/* |function| is used as long as |s| is. */
static void set_fdf(gsl_multimin_fdfminimizer *s, gsl_multimin_function_fdf *function,
                    struct rosenbrock *p)
{
    static const double at[N] = {-1.2, 1};
    gsl_vector_const_view start = gsl_vector_const_view_array(at, N);
    *function = (gsl_multimin_function_fdf){rosenbrock_f, rosenbrock_df, rosenbrock_fdf, N, p};
    errno = 4242;
    EXPECT(gsl_multimin_fdfminimizer_set(s, function, &start.vector, 0.01, 0.1) == GSL_SUCCESS);
    EXPECT(errno == 4242);
}

static void minimise_fdf(const gsl_multimin_fdfminimizer_type *type, struct rosenbrock *p)
{
    gsl_multimin_fdfminimizer *s = gsl_multimin_fdfminimizer_alloc(type, N);
    gsl_multimin_function_fdf function;
    set_fdf(s, &function, p);
    double start[] = {s->f, hypot(s->gradient->data[0], s->gradient->data[1])};
    print_doubles("fdf", start, 2);
    for (int i = 0; i < 30; i++) {
        errno = 4242;
        if (gsl_multimin_fdfminimizer_iterate(s) != GSL_SUCCESS)
            break;
        EXPECT(errno == 4242);
        double now[] = {s->f, hypot(s->gradient->data[0], s->gradient->data[1]), s->x->data[0],
                        s->x->data[1], p->calls};
        print_doubles("fdf", now, 5);
    }
    gsl_multimin_fdfminimizer_free(s);
}

static void minimise_f(void)
{
    struct rosenbrock p = {.height = 10};
    gsl_multimin_function function = {rosenbrock_f, N, &p};
    double at[N] = {-1.2, 1}, steps[2 * N] = {0.5, 0, 0.25, 0};
    gsl_vector_view start = gsl_vector_view_array(at, N);
    gsl_vector_view step = gsl_vector_view_array_with_stride(steps, 2, N);
    gsl_multimin_fminimizer *s =
        gsl_multimin_fminimizer_alloc(gsl_multimin_fminimizer_nmsimplex2, N);
    EXPECT(gsl_multimin_fminimizer_set(s, &function, &start.vector, &step.vector) == GSL_SUCCESS);
    for (int i = 0; i < 40 && gsl_multimin_fminimizer_iterate(s) == GSL_SUCCESS; i++)
        print_doubles("f", (double[]){s->fval, s->size, s->x->data[0], s->x->data[1], p.calls}, 5);
    gsl_multimin_fminimizer_free(s);
}

/* ---- a fit of a * exp(-b t) + c ---- */

static int model_f(const gsl_vector *v, void *params, gsl_vector *f)
{
    (void)params;
    for (size_t i = 0; i < N_POINTS; i++) {
        double t = (double)i / 4, y = 5 * exp(-1.5 * t) + 1 + 0.01 * sin(40 * t);
        double got = v->data[0] * exp(-v->data[v->stride] * t) + v->data[2 * v->stride];
        gsl_vector_set(f, i, got - y);
    }
    return GSL_SUCCESS;
}

static void print_fit(const size_t iter, void *params, const gsl_multifit_nlinear_workspace *w)
{
    (void)params;
    double f = 0, g = 0;
    for (size_t i = 0; i < w->f->size; i++)
        f += w->f->data[i] * w->f->data[i];
    for (size_t i = 0; i < w->g->size; i++)
        g += w->g->data[i] * w->g->data[i];
    printf("fit %zu %.17g %.17g %.17g\n", iter, sqrt(f), sqrt(g), gsl_vector_get(w->x, 1));
}

static void fit(void)
{
    gsl_multifit_nlinear_parameters params = gsl_multifit_nlinear_default_parameters();
    gsl_multifit_nlinear_workspace *w =
        gsl_multifit_nlinear_alloc(gsl_multifit_nlinear_trust, &params, N_POINTS, 3);
    gsl_multifit_nlinear_fdf function = {.f = model_f, .n = N_POINTS, .p = 3};
    double at[3] = {1, 1, 0};
    gsl_vector_view start = gsl_vector_view_array(at, 3);
    int info;
    EXPECT(gsl_multifit_nlinear_init(&start.vector, &function, w) == GSL_SUCCESS);
    EXPECT(gsl_multifit_nlinear_driver(100, 1e-8, 1e-9, 0, print_fit, NULL, &info, w) ==
           GSL_SUCCESS);
    gsl_multifit_nlinear_free(w);
}

/* ---- a minimiser whose values are told beforehand ---- */

struct script {
    const double *f;
    size_t n;
};
static _Thread_local struct script script;

static int scripted_alloc(void *state, size_t n)
{
    (void)state;
    (void)n;
    return GSL_SUCCESS;
}

static int scripted_step(double *f, gsl_vector *gradient)
{
    if (script.n == 0)
        return GSL_ENOPROG;
    *f = *script.f;
    gsl_vector_set_all(gradient, *script.f);
    script.f++;
    script.n--;
    return GSL_SUCCESS;
}

static int scripted_set(void *state, gsl_multimin_function_fdf *fdf, const gsl_vector *x, double *f,
                        gsl_vector *gradient, double step_size, double tol)
{
    (void)state;
    (void)fdf;
    (void)x;
    (void)step_size;
    (void)tol;
    return scripted_step(f, gradient);
}

static int scripted_iterate(void *state, gsl_multimin_function_fdf *fdf, gsl_vector *x, double *f,
                            gsl_vector *gradient, gsl_vector *dx)
{
    (void)state;
    (void)fdf;
    (void)x;
    (void)dx;
    return scripted_step(f, gradient);
}

static void scripted_free(void *state)
{
    (void)state;
}

static const gsl_multimin_fdfminimizer_type scripted_type = {
    .name = "scripted",
    .size = 8,
    .alloc = scripted_alloc,
    .set = scripted_set,
    .iterate = scripted_iterate,
    .free = scripted_free,
};

static void minimise_scripted(const double *f, size_t n)
{
    struct rosenbrock unused = {.height = 1};
    struct script before = script;
    script = (struct script){f, n};
    gsl_multimin_fdfminimizer *s = gsl_multimin_fdfminimizer_alloc(&scripted_type, N);
    gsl_multimin_function_fdf function;
    set_fdf(s, &function, &unused);
    while (gsl_multimin_fdfminimizer_iterate(s) == GSL_SUCCESS)
        continue;
    gsl_multimin_fdfminimizer_free(s);
    script = before;
}

/* ---- the ways ---- */

static void all_kinds(void)
{
    const gsl_multimin_fdfminimizer_type *types[] = {gsl_multimin_fdfminimizer_vector_bfgs2,
                                                     gsl_multimin_fdfminimizer_conjugate_fr,
                                                     gsl_multimin_fdfminimizer_steepest_descent};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct rosenbrock p = {.height = 100};
        minimise_fdf(types[i], &p);
    }
    minimise_f();
    fit();
}

static void long_one(void)
{
    static double values[5001];
    for (size_t i = 0; i < 5001; i++)
        values[i] = (double)i;
    minimise_scripted(values, 5001);
}

/* Squares of these leave the range of a double, and the program wants to be told. */
static void odd_values(void)
{
    const double values[] = {1e200, 1e-200, DBL_MAX / 4, DBL_TRUE_MIN, 0, -3};
    feclearexcept(FE_ALL_EXCEPT);
    feenableexcept(FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW | FE_UNDERFLOW | FE_INEXACT);
    minimise_scripted(values, sizeof(values) / sizeof(values[0]));
    EXPECT(fetestexcept(FE_ALL_EXCEPT) == 0);
    fedisableexcept(FE_ALL_EXCEPT);
    minimise_scripted((const double[]){NAN, INFINITY}, 2);
}

static void *minimise_in_thread(void *arg)
{
    double values[50];
    for (size_t i = 0; i < 50; i++)
        values[i] = (double)(long)arg;
    minimise_scripted(values, 50);
    return NULL;
}

static void threads(void)
{
    pthread_t threads[8];
    for (long i = 0; i < 8; i++)
        EXPECT(pthread_create(&threads[i], NULL, minimise_in_thread, (void *)i) == 0);
    for (size_t i = 0; i < 8; i++)
        EXPECT(pthread_join(threads[i], NULL) == 0);
}

/* A minimiser inside another one's function; one that is left by longjmp(); one that is set again. */
static void nested(void)
{
    struct rosenbrock p = {.height = 100, .nested = 1};
    minimise_fdf(gsl_multimin_fdfminimizer_vector_bfgs2, &p);
    struct rosenbrock left = {.height = 100, .leave_at = 9};
    if (setjmp(left.way_out) == 0)
        minimise_fdf(gsl_multimin_fdfminimizer_vector_bfgs2, &left);
    EXPECT(left.calls == 9);
    gsl_multimin_fdfminimizer *s = gsl_multimin_fdfminimizer_alloc(&scripted_type, N);
    gsl_multimin_function_fdf function;
    for (size_t i = 0; i < 2; i++) {
        script = (struct script){(const double[]){3, 2, 1}, 3};
        set_fdf(s, &function, &p);
        EXPECT(gsl_multimin_fdfminimizer_iterate(s) == GSL_SUCCESS);
    }
}

/* Two calls further down the stack than a minimiser that was left by longjmp() and freed. */
static void minimise_below(int calls)
{
    volatile char room[4096];
    room[0] = 0;
    if (calls > 0)
        minimise_below(calls - 1);
    else
        minimise_scripted((const double[]){3, 2, 1}, 3);
    EXPECT(room[0] == 0);
}

static void left_for_good(void)
{
    struct rosenbrock p = {.height = 100, .leave_at = 1};
    gsl_multimin_fdfminimizer *s =
        gsl_multimin_fdfminimizer_alloc(gsl_multimin_fdfminimizer_vector_bfgs2, N);
    gsl_multimin_function_fdf function;
    if (setjmp(p.way_out) == 0)
        set_fdf(s, &function, &p);
    EXPECT(p.calls == 1);
    gsl_multimin_fdfminimizer_free(s);
    void *volatile taken = malloc(sizeof(*s)); /* the next one lies elsewhere */
    minimise_below(2);
    free(taken);
}

static void in_a_row(void)
{
    for (size_t i = 0; i < 130; i++)
        minimise_scripted((const double[]){2, 1}, 2);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } ways[] = {{"kinds", all_kinds}, {"long", long_one}, {"odd", odd_values},
                {"threads", threads}, {"nested", nested}, {"left", left_for_good},
                {"row", in_a_row}};
    EXPECT(argc >= 2);
    if (argc > 2) {
        void *hooks = dlopen(argv[2], RTLD_NOW | RTLD_LOCAL);
        EXPECT(hooks != NULL);
        void (*install)(void) = (void (*)(void))(unsigned long)dlsym(hooks, "mlf__hooks_install");
        EXPECT(install != NULL);
        install();
    }
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        if (strcmp(ways[i].name, argv[1]) == 0) {
            ways[i].run();
            return 0;
        }
    return 2;
}
