/* SPDX-License-Identifier: Apache-2.0 */
/* GSL: minimisations (multimin) and nonlinear fits (multifit_nlinear) of programs that link libgsl.so.
 *
 * A training begins when a minimiser is set to its problem and ends when it is freed or set to another one.
 * After that only a point now and then is logged, so an iteration costs its look-up and, if it is logged,
 * two cells. GSL is a library for any numerics: while a library for machine learning trains in the same
 * thread, its minimisers are part of that training and log nothing; nor does a minimiser that another one's
 * objective function uses.
 *
 * THREAD SAFETY NOTES: no locks. A slot of the table is taken by compare-and-swap of its object; what belongs
 * to it is touched by the thread that calls GSL with this object, as GSL itself demands. */
#include "hooks/adapters/adapters.h"

#include "core/buf.h"
#include "core/compat_glibc.h"
#include "hooks/adapters/gsl_layout.h"
#include "hooks/fpenv.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

typedef int fdf_set_fn(struct gsl_fdfminimizer *s, void *fdf, const void *x, double step_size,
                       double tol);
typedef int fdf_iterate_fn(struct gsl_fdfminimizer *s);
typedef void fdf_free_fn(struct gsl_fdfminimizer *s);
typedef int f_set_fn(struct gsl_fminimizer *s, void *f, const void *x,
                     const struct gsl_doubles *step_size);
typedef int f_iterate_fn(struct gsl_fminimizer *s);
typedef void f_free_fn(struct gsl_fminimizer *s);
typedef int fit_winit_fn(const void *x, const void *weights, void *fdf, struct gsl_fit *w);
typedef int fit_iterate_fn(struct gsl_fit *w);
typedef int fit_driver_fn(size_t max_iter, double xtol, double gtol, double ftol, void *callback,
                          void *callback_params, int *info, struct gsl_fit *w);
typedef void fit_free_fn(struct gsl_fit *w);

MLF__HOOK fdf_set_fn gsl_multimin_fdfminimizer_set;
MLF__HOOK fdf_iterate_fn gsl_multimin_fdfminimizer_iterate;
MLF__HOOK fdf_free_fn gsl_multimin_fdfminimizer_free;
MLF__HOOK f_set_fn gsl_multimin_fminimizer_set;
MLF__HOOK f_iterate_fn gsl_multimin_fminimizer_iterate;
MLF__HOOK f_free_fn gsl_multimin_fminimizer_free;
/* gsl_multifit_nlinear_init() calls it. */
MLF__HOOK fit_winit_fn gsl_multifit_nlinear_winit;
MLF__HOOK fit_iterate_fn gsl_multifit_nlinear_iterate;
MLF__HOOK fit_driver_fn gsl_multifit_nlinear_driver;
MLF__HOOK fit_free_fn gsl_multifit_nlinear_free;

enum gsl_hook {
    HOOK_FDF_SET,
    HOOK_FDF_ITERATE,
    HOOK_FDF_FREE,
    HOOK_F_SET,
    HOOK_F_ITERATE,
    HOOK_F_FREE,
    HOOK_FIT_WINIT,
    HOOK_FIT_ITERATE,
    HOOK_FIT_DRIVER,
    HOOK_FIT_FREE,
    N_GSL_HOOKS
};

#define GSL_HOOK(function)                                                                         \
    {                                                                                              \
        .name = #function, .wrapper = (mlf__hook_fn *)(function)                                   \
    }

static struct mlf__hook hooks[N_GSL_HOOKS] = {
    [HOOK_FDF_SET] = GSL_HOOK(gsl_multimin_fdfminimizer_set),
    [HOOK_FDF_ITERATE] = GSL_HOOK(gsl_multimin_fdfminimizer_iterate),
    [HOOK_FDF_FREE] = GSL_HOOK(gsl_multimin_fdfminimizer_free),
    [HOOK_F_SET] = GSL_HOOK(gsl_multimin_fminimizer_set),
    [HOOK_F_ITERATE] = GSL_HOOK(gsl_multimin_fminimizer_iterate),
    [HOOK_F_FREE] = GSL_HOOK(gsl_multimin_fminimizer_free),
    [HOOK_FIT_WINIT] = GSL_HOOK(gsl_multifit_nlinear_winit),
    [HOOK_FIT_ITERATE] = GSL_HOOK(gsl_multifit_nlinear_iterate),
    [HOOK_FIT_DRIVER] = GSL_HOOK(gsl_multifit_nlinear_driver),
    [HOOK_FIT_FREE] = GSL_HOOK(gsl_multifit_nlinear_free),
};

const struct mlf_adapter_ops mlf__adapter_gsl = {
    .name = "gsl",
    .soname = "libgsl.so",
    .hooks = hooks,
    .n_hooks = N_GSL_HOOKS,
};

#define REAL(function, hook)                                                                       \
    ((function *)mlf__hook_real_for(&hooks[hook], __builtin_return_address(0)))

/* Names of metrics, each with its bit; the low bits are other adapters'. */
enum { BIT_F = 1 << 16, BIT_GRAD_NORM = 1 << 17, BIT_SIZE = 1 << 18, BIT_F_NORM = 1 << 19 };

/* ---- the library ---- */

/* Has the library that |real| is of a version whose objects look as declared? */
static bool version_is_known(const void *real)
{
    Dl_info info;
    void *handle = dladdr(real, &info) != 0 && info.dli_fname != NULL
                       ? dlopen(info.dli_fname, RTLD_NOLOAD | RTLD_LAZY)
                       : NULL;
    const char *const *version = handle != NULL ? dlsym(handle, "gsl_version") : NULL;
    bool known = version != NULL && *version != NULL &&
                 (strncmp(*version, "1.", 2) == 0 || strncmp(*version, "2.", 2) == 0);
    if (handle != NULL)
        dlclose(handle);
    dlerror(); /* a failed search is not the host's */
    return known;
}

/* May the objects of the GSL that |real| is of be looked into? Asked once; where there are several, all are of
 * the first one's kind, since nobody has ever linked two. */
static bool layout_is_known(mlf__hook_fn *real)
{
    static _Atomic int known; /* 0: not asked yet, 1: no, 2: yes */
    int answer = atomic_load_explicit(&known, memory_order_relaxed);
    int saved_errno = errno;
    if (answer == 0 && mlf__hook_enter()) {
        answer = version_is_known((void *)(uintptr_t)real) ? 2 : 1;
        mlf__guard_leave();
        atomic_store_explicit(&known, answer, memory_order_relaxed);
    }
    errno = saved_errno;
    return answer == 2;
}

/* ---- the minimisations that are logged ---- */

/* As many minimisations are logged at the same time. */
enum { N_SLOTS = 128, DENSE_STEPS = 1000, SPARSE_SHARE = 100 };

struct minimisation;
typedef void log_point_fn(const struct minimisation *this, const void *object);

struct minimisation {
    struct mlf__training training;
    log_point_fn *log_point;
    int64_t step;      /* iterations so far */
    int64_t next_step; /* the next one that is logged */
    int64_t logged;    /* the last one that was */
    bool has_limits;   /* a fit whose driver has said its tolerances */
};

/* The objects lie apart, so that one that is not logged is passed by a look at a few cache lines. */
static _Atomic(const void *) objects[N_SLOTS];
static struct minimisation minimisations[N_SLOTS];

static size_t first_slot(const void *object)
{
    return (size_t)((uintptr_t)object * UINT64_C(0x9e3779b97f4a7c15) >> 32) % N_SLOTS;
}

/* The minimisation of |object|, if it is one whose points are logged by |points|: where a free was not seen, a
 * new object of another kind may lie in an old one's place. */
static struct minimisation *find(const void *object, log_point_fn *points)
{
    for (size_t i = 0, slot = first_slot(object); i < N_SLOTS; i++, slot = (slot + 1) % N_SLOTS)
        if (atomic_load_explicit(&objects[slot], memory_order_relaxed) == object)
            return minimisations[slot].log_point == points ? &minimisations[slot] : NULL;
    return NULL;
}

/* NULL, and a drop, when the table is full: its objects are in use, or the program never frees them. */
static struct minimisation *take_slot(const void *object)
{
    for (size_t i = 0, slot = first_slot(object); i < N_SLOTS; i++, slot = (slot + 1) % N_SLOTS) {
        const void *found = NULL;
        if (atomic_compare_exchange_strong(&objects[slot], &found, object) || found == object)
            return &minimisations[slot];
    }
    struct mlf__ring *ring = mlf__session_ring();
    if (ring != NULL)
        mlf__ring_count_drop(ring);
    return NULL;
}

static void release_slot(const struct minimisation *this)
{
    atomic_store(&objects[this - minimisations], NULL);
}

/* What the thread is inside of: the outermost iteration. Initial-exec, since the ordinary model allocates. */
struct place {
    const void *object; /* NULL: nothing */
    const char *frame;  /* of the wrapper */
};
static _Thread_local struct place inside __attribute__((tls_model("initial-exec")));

/* Is the call with |object| made by the objective function of another one? Not so when the stack has grown
 * back over the outermost call, or when that was of the same object: it was left by longjmp() or an
 * exception. */
static bool is_nested(const void *object, const char *frame)
{
    return inside.object != NULL && inside.object != object && frame < inside.frame;
}

static struct place enter(const void *object, const char *frame)
{
    struct place before = inside;
    if (!is_nested(object, frame))
        inside = (struct place){object, frame};
    return before;
}

static void leave(struct place before)
{
    inside = before;
}

/* ---- points ---- */

static double sum_of_squares(const struct gsl_doubles *v, double scale)
{
    double sum = 0;
    for (size_t i = 0; i < v->size; i++) {
        double x = v->data[i * v->stride] * scale;
        sum += x * x;
    }
    return sum;
}

/* The Euclidean norm; scaled where squares leave the range of a double. */
static double norm(const struct gsl_doubles *v)
{
    double sum = sum_of_squares(v, 1), largest = 0;
    if (sum > 1e-280 && sum < 1e300)
        return __builtin_sqrt(sum);
    for (size_t i = 0; i < v->size; i++) {
        double x = __builtin_fabs(v->data[i * v->stride]);
        largest = x > largest ? x : largest;
    }
    if (sum != sum || largest == 0 || largest > 1.7976931348623157e308)
        return sum;
    /* A power of two: scaling itself must not round. */
    double scale = largest < 1 ? 0x1p600 : 0x1p-600;
    return __builtin_sqrt(sum_of_squares(v, scale)) / scale;
}

static void log_metric(const struct minimisation *this, const char *key, double value)
{
    mlf__training_metric(&this->training, key, value, this->step);
}

static void log_fdf_point(const struct minimisation *this, const void *object)
{
    const struct gsl_fdfminimizer *s = object;
    log_metric(this, "opt/f", s->f);
    log_metric(this, "opt/grad_norm", norm(s->gradient));
}

static void log_f_point(const struct minimisation *this, const void *object)
{
    const struct gsl_fminimizer *s = object;
    log_metric(this, "opt/f", s->fval);
    log_metric(this, "opt/size", s->size);
}

static void log_fit_point(const struct minimisation *this, const void *object)
{
    const struct gsl_fit *w = object;
    log_metric(this, "opt/f_norm", norm(w->f));
    log_metric(this, "opt/grad_norm", norm(w->g));
}

/* What of the host is put back when we have logged. */
struct quiet {
    int saved_errno;
    mlf__fp_state fp;
};

static bool quiet_enter(struct quiet *quiet)
{
    if (!mlf__guard_enter())
        return false;
    quiet->saved_errno = errno;
    quiet->fp = mlf__fp_save();
    return true;
}

static void quiet_leave(const struct quiet *quiet)
{
    mlf__fp_restore(quiet->fp);
    mlf__guard_leave();
    errno = quiet->saved_errno;
}

/* Logs where |object| stands, inside the guard. Every step at first, then ever fewer: each a hundredth
 * later than the one before. */
static void log_point(struct minimisation *this, const void *object)
{
    this->log_point(this, object);
    this->logged = this->step;
    this->next_step = this->step + 1;
    if (this->step >= DENSE_STEPS)
        this->next_step += this->step / SPARSE_SHARE - 1;
}

/* An iteration came to |step|. */
static void reach(struct minimisation *this, const void *object, int64_t step)
{
    struct quiet quiet;
    this->step = step;
    if (step < this->next_step || !quiet_enter(&quiet))
        return;
    log_point(this, object);
    quiet_leave(&quiet);
}

/* ---- begin and end ---- */

/* Ends the training of |object|, if there is one, while the object is still what it was. */
static void end(const void *object, log_point_fn *points)
{
    struct minimisation *this = object != NULL ? find(object, points) : NULL;
    struct quiet quiet;
    if (this == NULL)
        return;
    if (quiet_enter(&quiet)) {
        if (this->logged < this->step)
            log_point(this, object);
        mlf__training_end(&this->training, mlf__adapter_gsl.name);
        quiet_leave(&quiet);
    }
    release_slot(this);
}

/* Before |object| is freed. When it is what the thread is inside of, it was left by longjmp() or an exception, and
 * nothing is nested in it any more. */
static void end_for_good(const void *object, log_point_fn *points)
{
    if (object != NULL && inside.object == object)
        inside = (struct place){0};
    end(object, points);
}

/* What begins: the object, its kind, and what is known of it. */
struct beginning {
    const void *object;
    const char *frame;
    log_point_fn *points;
    uint64_t params_hash, metric_bits;
};

/* Begins a training, which ends the one that the object had before; NULL when it is not logged. Not NULL: its
 * params are to be logged, then quiet_leave(). */
static struct minimisation *begin(const struct beginning *this_one, struct quiet *quiet)
{
    const void *object = this_one->object;
    end(object, this_one->points);
    quiet->saved_errno = errno;
    if (*mlf__guard_training_depth() > 0 || is_nested(object, this_one->frame) ||
        !mlf__hook_enter()) {
        errno = quiet->saved_errno;
        return NULL;
    }
    quiet->fp = mlf__fp_save();
    struct minimisation *this = NULL;
    if ((this = take_slot(object)) != NULL) {
        *this = (struct minimisation){.log_point = this_one->points, .logged = 0};
        mlf__hooks_begin_session();
        if (mlf__training_begin(&this->training, mlf__adapter_gsl.name, "", this_one->params_hash,
                                this_one->metric_bits)) {
            this->training.model_id[0] = '\0'; /* nothing is ever saved */
            return this;
        }
        release_slot(this);
    }
    quiet_leave(quiet);
    return NULL;
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    return text != NULL ? mlf__hooks_hash(hash, text, strlen(text) + 1) : hash;
}

static void log_name(const struct minimisation *this, const char *key,
                     const struct gsl_named *named)
{
    if (named != NULL && named->name != NULL)
        mlf__training_param_text(&this->training, key, named->name);
}

/* One number when all are equal, as they mostly are, else a list; nothing when that is too long. */
static void log_steps(const struct minimisation *this, const struct gsl_doubles *steps)
{
    char text[MLF__HOOK_TEXT_SIZE], number[MLF__NUMBER_SIZE];
    size_t len = 0;
    bool equal = true;
    for (size_t i = 1; i < steps->size && equal; i++)
        equal = steps->data[i * steps->stride] == steps->data[0];
    if (equal && steps->size > 0) {
        mlf__training_param(&this->training, "step_size", steps->data[0]);
        return;
    }
    for (size_t i = 0; i < steps->size; i++) {
        size_t n = mlf__format_param(number, steps->data[i * steps->stride]);
        if (n + 2 > sizeof(text) - len)
            return;
        if (i > 0)
            text[len++] = ' ';
        memcpy(text + len, number, n);
        len += n;
    }
    text[len] = '\0';
    mlf__training_param_text(&this->training, "step_size", text);
}

/* ---- the wrappers: minimisers with gradients ---- */

static void begin_fdf(const struct gsl_fdfminimizer *s, const char *frame, double step_size,
                      double tol)
{
    size_t n = s->x->size;
    uint64_t hash = hash_text(MLF__HASH_SEED, s->type->name);
    hash = mlf__hooks_hash(hash, &n, sizeof(n));
    hash = mlf__hooks_hash(hash, &step_size, sizeof(step_size));
    hash = mlf__hooks_hash(hash, &tol, sizeof(tol));
    const struct beginning beginning = {s, frame, log_fdf_point, hash, BIT_F | BIT_GRAD_NORM};
    struct quiet quiet;
    struct minimisation *this = begin(&beginning, &quiet);
    if (this != NULL) {
        log_name(this, "solver", s->type);
        mlf__training_param_int(&this->training, "n", (int64_t)n);
        mlf__training_param(&this->training, "step_size", step_size);
        mlf__training_param(&this->training, "tol", tol);
        quiet_leave(&quiet);
    }
}

MLF__HOOK int gsl_multimin_fdfminimizer_set(struct gsl_fdfminimizer *s, void *fdf, const void *x,
                                            double step_size, double tol)
{
    fdf_set_fn *real = REAL(fdf_set_fn, HOOK_FDF_SET);
    const char *frame = __builtin_frame_address(0);
    if (s != NULL && layout_is_known((mlf__hook_fn *)real))
        begin_fdf(s, frame, step_size, tol);
    struct place before = enter(s, frame);
    int result = real(s, fdf, x, step_size, tol);
    leave(before);
    /* Value and gradient at the start are known now. */
    struct minimisation *this = find(s, log_fdf_point);
    if (this != NULL && result == 0)
        reach(this, s, 0);
    else
        end(s, log_fdf_point);
    return result;
}

MLF__HOOK int gsl_multimin_fdfminimizer_iterate(struct gsl_fdfminimizer *s)
{
    fdf_iterate_fn *real = REAL(fdf_iterate_fn, HOOK_FDF_ITERATE);
    struct place before = enter(s, __builtin_frame_address(0));
    int result = real(s);
    leave(before);
    struct minimisation *this = result == 0 ? find(s, log_fdf_point) : NULL;
    if (this != NULL)
        reach(this, s, this->step + 1);
    return result;
}

MLF__HOOK void gsl_multimin_fdfminimizer_free(struct gsl_fdfminimizer *s)
{
    fdf_free_fn *real = REAL(fdf_free_fn, HOOK_FDF_FREE);
    end_for_good(s, log_fdf_point);
    real(s);
}

/* ---- minimisers without ---- */

static void begin_f(const struct gsl_fminimizer *s, const char *frame,
                    const struct gsl_doubles *steps)
{
    size_t n = s->x->size;
    uint64_t hash = hash_text(MLF__HASH_SEED, s->type->name);
    hash = mlf__hooks_hash(hash, &n, sizeof(n));
    for (size_t i = 0; i < steps->size; i++)
        hash = mlf__hooks_hash(hash, &steps->data[i * steps->stride], sizeof(double));
    const struct beginning beginning = {s, frame, log_f_point, hash, BIT_F | BIT_SIZE};
    struct quiet quiet;
    struct minimisation *this = begin(&beginning, &quiet);
    if (this != NULL) {
        log_name(this, "solver", s->type);
        mlf__training_param_int(&this->training, "n", (int64_t)n);
        log_steps(this, steps);
        this->next_step = 1; /* the value at the start is not kept */
        quiet_leave(&quiet);
    }
}

MLF__HOOK int gsl_multimin_fminimizer_set(struct gsl_fminimizer *s, void *f, const void *x,
                                          const struct gsl_doubles *step_size)
{
    f_set_fn *real = REAL(f_set_fn, HOOK_F_SET);
    const char *frame = __builtin_frame_address(0);
    if (s != NULL && step_size != NULL && layout_is_known((mlf__hook_fn *)real))
        begin_f(s, frame, step_size);
    struct place before = enter(s, frame);
    int result = real(s, f, x, step_size);
    leave(before);
    if (result != 0)
        end(s, log_f_point);
    return result;
}

MLF__HOOK int gsl_multimin_fminimizer_iterate(struct gsl_fminimizer *s)
{
    f_iterate_fn *real = REAL(f_iterate_fn, HOOK_F_ITERATE);
    struct place before = enter(s, __builtin_frame_address(0));
    int result = real(s);
    leave(before);
    struct minimisation *this = result == 0 ? find(s, log_f_point) : NULL;
    if (this != NULL)
        reach(this, s, this->step + 1);
    return result;
}

MLF__HOOK void gsl_multimin_fminimizer_free(struct gsl_fminimizer *s)
{
    f_free_fn *real = REAL(f_free_fn, HOOK_F_FREE);
    end_for_good(s, log_f_point);
    real(s);
}

/* ---- nonlinear fits ---- */

static void begin_fit(const struct gsl_fit *w, const char *frame)
{
    const struct gsl_fit_parameters *params = &w->params;
    const struct {
        const char *key;
        const struct gsl_named *named;
    } parts[] = {{"trs", params->trs}, {"scale", params->scale}, {"solver", params->solver}};
    size_t shape[] = {w->f->size, w->x->size};
    uint64_t hash = mlf__hooks_hash(MLF__HASH_SEED, shape, sizeof(shape));
    for (size_t i = 0; i < MLF__ARRAY_LEN(parts); i++)
        hash = hash_text(hash, parts[i].named != NULL ? parts[i].named->name : NULL);
    hash = mlf__hooks_hash(hash, &params->factor_up, sizeof(params->factor_up));
    hash = mlf__hooks_hash(hash, &params->factor_down, sizeof(params->factor_down));
    const struct beginning beginning = {w, frame, log_fit_point, hash, BIT_F_NORM | BIT_GRAD_NORM};
    struct quiet quiet;
    struct minimisation *this = begin(&beginning, &quiet);
    if (this != NULL) {
        for (size_t i = 0; i < MLF__ARRAY_LEN(parts); i++)
            log_name(this, parts[i].key, parts[i].named);
        mlf__training_param_int(&this->training, "n", (int64_t)shape[0]);
        mlf__training_param_int(&this->training, "p", (int64_t)shape[1]);
        mlf__training_param(&this->training, "factor_up", params->factor_up);
        mlf__training_param(&this->training, "factor_down", params->factor_down);
        quiet_leave(&quiet);
    }
}

MLF__HOOK int gsl_multifit_nlinear_winit(const void *x, const void *weights, void *fdf,
                                         struct gsl_fit *w)
{
    fit_winit_fn *real = REAL(fit_winit_fn, HOOK_FIT_WINIT);
    const char *frame = __builtin_frame_address(0);
    if (w != NULL && layout_is_known((mlf__hook_fn *)real))
        begin_fit(w, frame);
    struct place before = enter(w, frame);
    int result = real(x, weights, fdf, w);
    leave(before);
    struct minimisation *this = find(w, log_fit_point);
    if (this != NULL && result == 0)
        reach(this, w, 0);
    else
        end(w, log_fit_point);
    return result;
}

MLF__HOOK int gsl_multifit_nlinear_iterate(struct gsl_fit *w)
{
    fit_iterate_fn *real = REAL(fit_iterate_fn, HOOK_FIT_ITERATE);
    struct place before = enter(w, __builtin_frame_address(0));
    int result = real(w);
    leave(before);
    struct minimisation *this = result == 0 ? find(w, log_fit_point) : NULL;
    if (this != NULL)
        reach(this, w, (int64_t)w->niter);
    return result;
}

/* The driver's limits are params of the fit; those of its first call, when there are several. */
static void log_limits(struct minimisation *this, size_t max_iter, double xtol, double gtol,
                       double ftol)
{
    struct quiet quiet;
    if (!this->has_limits && quiet_enter(&quiet)) {
        this->has_limits = true;
        mlf__training_param_int(&this->training, "max_iter", (int64_t)max_iter);
        mlf__training_param(&this->training, "xtol", xtol);
        mlf__training_param(&this->training, "gtol", gtol);
        mlf__training_param(&this->training, "ftol", ftol);
        quiet_leave(&quiet);
    }
}

MLF__HOOK int gsl_multifit_nlinear_driver(size_t max_iter, double xtol, double gtol, double ftol,
                                          void *callback, void *callback_params, int *info,
                                          struct gsl_fit *w)
{
    fit_driver_fn *real = REAL(fit_driver_fn, HOOK_FIT_DRIVER);
    struct minimisation *this = find(w, log_fit_point);
    if (this != NULL)
        log_limits(this, max_iter, xtol, gtol, ftol);
    /* It calls gsl_multifit_nlinear_iterate(), which is seen. */
    return real(max_iter, xtol, gtol, ftol, callback, callback_params, info, w);
}

MLF__HOOK void gsl_multifit_nlinear_free(struct gsl_fit *w)
{
    fit_free_fn *real = REAL(fit_free_fn, HOOK_FIT_FREE);
    end_for_good(w, log_fit_point);
    real(w);
}
