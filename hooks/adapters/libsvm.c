/* SPDX-License-Identifier: Apache-2.0 */
/* LIBSVM: trainings, cross validations and models of programs that link libsvm.so.
 *
 * The library calls itself through the PLT: svm_cross_validation() calls svm_train() for each fold, and
 * svm_train() calls svm_cross_validation() for probability estimates. Only the outermost call logs.
 * What the solver finds is known from its print function alone, so that is replaced by one that passes
 * the text on and reads it. Layouts are those of versions 2.89 … 3.37; of other versions only the
 * first params are read.
 *
 * THREAD SAFETY NOTES: no locks. A call's state lies on its wrapper's stack and is reached through a
 * thread-local pointer; the table of models is written and read slot by slot. */
#include "hooks/adapters/adapters.h"

#include "core/buf.h"
#include "core/compat_glibc.h"
#include "core/sys.h"
#include "hooks/fpenv.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

#define SVM_ALIASES                                                                                \
    "s=svm_type t=kernel_type d=degree g=gamma r=coef0 c=C n=nu p=p m=cache_size e=eps "           \
    "h=shrinking b=probability v=nr_fold q= arg0= arg1="

/* ---- the library's types, as its header declares them ---- */

struct problem {
    int l;
    double *y;
    void *x;
};

enum { C_SVC, NU_SVC, ONE_CLASS, EPSILON_SVR, NU_SVR };

struct parameter {
    int svm_type;
    int kernel_type;
    int degree;
    double gamma;
    double coef0;
    double cache_size;
    double eps;
    double C;
    int nr_weight;
    int *weight_label;
    double *weight;
    double nu;
    double p;
    int shrinking;
    int probability;
};

/* Foreign libraries have functions of these names with more arguments, so that all six registers
 * that can carry one are passed on. */
typedef void *train_fn(const struct problem *problem, const struct parameter *param, long, long,
                       long, long);
typedef void cross_validation_fn(const struct problem *problem, const struct parameter *param,
                                 long nr_fold, double *target, long, long);
typedef int save_model_fn(const char *path, const void *model, long, long, long, long);
typedef void *load_model_fn(const char *path, long, long, long, long, long);
typedef void print_fn(const char *text);
typedef void set_print_fn(print_fn *print);

MLF__HOOK train_fn svm_train;
MLF__HOOK cross_validation_fn svm_cross_validation;
MLF__HOOK save_model_fn svm_save_model;
MLF__HOOK load_model_fn svm_load_model;
MLF__HOOK set_print_fn svm_set_print_string_function;

enum svm_hook {
    HOOK_TRAIN,
    HOOK_CROSS_VALIDATION,
    HOOK_SAVE_MODEL,
    HOOK_LOAD_MODEL,
    HOOK_SET_PRINT,
    N_SVM_HOOKS
};

#define SVM_HOOK(function)                                                                         \
    {                                                                                              \
        .name = #function, .wrapper = (mlf__hook_fn *)(function)                                   \
    }

static struct mlf__hook hooks[N_SVM_HOOKS] = {
    [HOOK_TRAIN] = SVM_HOOK(svm_train),
    [HOOK_CROSS_VALIDATION] = SVM_HOOK(svm_cross_validation),
    [HOOK_SAVE_MODEL] = SVM_HOOK(svm_save_model),
    [HOOK_LOAD_MODEL] = SVM_HOOK(svm_load_model),
    [HOOK_SET_PRINT] = SVM_HOOK(svm_set_print_string_function),
};

const struct mlf_adapter_ops mlf__adapter_libsvm = {
    .name = "libsvm",
    .soname = "libsvm.so",
    .hooks = hooks,
    .n_hooks = N_SVM_HOOKS,
};

/* ---- the library that is loaded ---- */

struct library {
    const void *base;
    unsigned long long unloads; /* of the process, when this was found out */
    int version;                /* 324 is 3.24; 0 when it does not say */
    set_print_fn *set_print;
    int (*total_sv)(const void *model);
};

/* The one copy of the library that is logged; written by whoever changes |library_state| to 1. */
static struct library library;
static _Atomic int library_state; /* 0: none yet, 1: being written, 2: there */

static const void *object_of(const void *address, const char **file)
{
    Dl_info info;
    if (dladdr(address, &info) == 0)
        return NULL;
    if (file != NULL)
        *file = info.dli_fname;
    return info.dli_fbase;
}

/* Fills in |out| when |real| belongs to a library called libsvm.so…; other libraries have functions of
 * the same names (scikit-learn's extension has), and theirs are left alone. */
static bool describe(mlf__hook_fn *real, struct library *out)
{
    const char *file = NULL;
    out->base = object_of((void *)(uintptr_t)real, &file);
    const char *slash = file != NULL ? strrchr(file, '/') : NULL;
    const char *soname = mlf__adapter_libsvm.soname;
    if (out->base == NULL || slash == NULL || strncmp(slash + 1, soname, strlen(soname)) != 0)
        return false;
    void *handle = dlopen(file, RTLD_NOLOAD | RTLD_LAZY);
    if (handle != NULL) {
        const int *version = dlsym(handle, "libsvm_version");
        out->version = version != NULL ? *version : 0;
        out->set_print = (set_print_fn *)(uintptr_t)dlsym(handle, hooks[HOOK_SET_PRINT].name);
        out->total_sv = (int (*)(const void *))(uintptr_t)dlsym(handle, "svm_get_nr_sv");
        if (out->set_print == svm_set_print_string_function)
            out->set_print = NULL;
        dlclose(handle);
    }
    dlerror(); /* a failed search is not the host's */
    return handle != NULL;
}

/* Writes |found| as the library that is logged, unless another copy of it is that and still there. */
static void adopt(const struct library *found)
{
    int state = atomic_load_explicit(&library_state, memory_order_acquire);
    if (state == 1 || !atomic_compare_exchange_strong(&library_state, &state, 1))
        return;
    if (state == 0 || found->base == library.base || object_of(library.base, NULL) != library.base)
        library = *found;
    else
        library.unloads = found->unloads;
    atomic_store_explicit(&library_state, 2, memory_order_release);
}

/* Is |real| of the library that is logged? The first one seen is it, until it is unloaded. */
static bool is_known(mlf__hook_fn *real)
{
    unsigned long long unloads = mlf__load_counts().unloads;
    if (atomic_load_explicit(&library_state, memory_order_acquire) != 2 ||
        library.unloads != unloads) {
        struct library found = {.unloads = unloads};
        if (!describe(real, &found))
            return false;
        adopt(&found);
    }
    /* Another thread is adopting the library: a matter of nanoseconds. */
    for (int i = 0; i < 100000; i++)
        if (atomic_load_explicit(&library_state, memory_order_acquire) == 2)
            return object_of((void *)(uintptr_t)real, NULL) == library.base;
    return false;
}

static bool layout_is_known(void)
{
    return library.version >= 289 && library.version <= 337;
}

/* ---- a logged call ---- */

struct call {
    struct mlf__training training;
    const struct problem *problem;
    int64_t subproblem;
    bool trains; /* svm_train: what is printed are its metrics */
    bool total_seen;
};

/* What the thread is inside of. Initial-exec, since the ordinary model allocates. */
static _Thread_local struct {
    struct call *call; /* NULL: nothing, or a call that is not logged */
    const char *frame; /* of the outermost call */
} inside __attribute__((tls_model("initial-exec")));

/* How a wrapper entered, to be undone by leave(). */
struct entry {
    int depth; /* training depth before */
    struct call *call;
    const char *frame;
};

enum metric_bit {
    BIT_ITER = 1,
    BIT_OBJ = 2,
    BIT_RHO = 4,
    BIT_NU = 8,
    BIT_NSV = 16,
    BIT_NBSV = 32,
    BIT_TOTAL_NSV = 64,
    BIT_CV_ACCURACY = 128,
    BIT_CV_MSE = 256,
    BIT_CV_R2 = 512,
    BITS_TRAIN = BIT_ITER | BIT_OBJ | BIT_RHO | BIT_NU | BIT_NSV | BIT_NBSV | BIT_TOTAL_NSV
};

static bool is_regression(const struct parameter *param)
{
    return param->svm_type == EPSILON_SVR || param->svm_type == NU_SVR;
}

/* ---- params ---- */

#define SCALAR(member, is_double, late)                                                            \
    {                                                                                              \
#member, offsetof(struct parameter, member), is_double, late                               \
    }

/* |late|: behind the part of the structure that no version has ever changed. */
static const struct {
    const char *key;
    size_t offset;
    bool is_double, late;
} scalars[] = {
    SCALAR(degree, false, false),    SCALAR(gamma, true, false),       SCALAR(coef0, true, false),
    SCALAR(C, true, false),          SCALAR(cache_size, true, false),  SCALAR(eps, true, false),
    SCALAR(nr_weight, false, false), SCALAR(nu, true, true),           SCALAR(p, true, true),
    SCALAR(shrinking, false, true),  SCALAR(probability, false, true),
};

static void log_type(const struct mlf__training *training, const char *key, int value,
                     const char *const *names, size_t n)
{
    if (value >= 0 && (size_t)value < n)
        mlf__training_param_text(training, key, names[value]);
    else
        mlf__training_param_int(training, key, value);
}

/* The weights as "1:5 -1:0.5", class labels first. */
static void log_weights(const struct mlf__training *training, const struct parameter *param)
{
    char text[MLF__HOOK_TEXT_SIZE], number[MLF__NUMBER_SIZE];
    size_t len = 0;
    for (int i = 0; i < param->nr_weight; i++) {
        size_t room = sizeof(text) - len;
        if (room < (size_t)2 * MLF__NUMBER_SIZE + 2)
            return; /* hundreds of classes: a cut list would be a wrong one */
        if (i > 0)
            text[len++] = ' ';
        size_t n = mlf__format_double(number, param->weight_label[i]);
        memcpy(text + len, number, n);
        len += n;
        text[len++] = ':';
        n = mlf__format_param(number, param->weight[i]);
        memcpy(text + len, number, n);
        len += n;
    }
    text[len] = '\0';
    mlf__training_param_text(training, "weights", text);
}

static void log_params(const struct mlf__training *training, const struct parameter *param)
{
    static const char *const types[] = {"c_svc", "nu_svc", "one_class", "epsilon_svr", "nu_svr"};
    static const char *const kernels[] = {"linear", "polynomial", "rbf", "sigmoid", "precomputed"};

    log_type(training, "svm_type", param->svm_type, types, MLF__ARRAY_LEN(types));
    log_type(training, "kernel_type", param->kernel_type, kernels, MLF__ARRAY_LEN(kernels));
    for (size_t i = 0; i < MLF__ARRAY_LEN(scalars); i++) {
        const char *at = (const char *)param + scalars[i].offset;
        if (scalars[i].late && !layout_is_known())
            continue;
        if (scalars[i].is_double)
            mlf__training_param(training, scalars[i].key, *(const double *)(const void *)at);
        else
            mlf__training_param_int(training, scalars[i].key, *(const int *)(const void *)at);
    }
    if (param->nr_weight > 0 && layout_is_known())
        log_weights(training, param);
}

static uint64_t hash_params(const struct parameter *param)
{
    uint64_t hash = mlf__hooks_hash(MLF__HASH_SEED, &param->svm_type, sizeof(param->svm_type));
    hash = mlf__hooks_hash(hash, &param->kernel_type, sizeof(param->kernel_type));
    for (size_t i = 0; i < MLF__ARRAY_LEN(scalars); i++)
        if (!scalars[i].late || layout_is_known())
            hash = mlf__hooks_hash(hash, (const char *)param + scalars[i].offset,
                                   scalars[i].is_double ? sizeof(double) : sizeof(int));
    if (param->nr_weight > 0 && layout_is_known()) {
        size_t n = (size_t)param->nr_weight;
        hash = mlf__hooks_hash(hash, param->weight_label, n * sizeof(*param->weight_label));
        hash = mlf__hooks_hash(hash, param->weight, n * sizeof(*param->weight));
    }
    return hash;
}

/* ---- what the solver prints ---- */

/* Finds |label| in |text| and reads the number behind it. */
static bool read_number(const char *text, const char *label, double *out)
{
    const char *at = strstr(text, label);
    if (at == NULL)
        return false;
    at += strlen(label);
    /* Ends before white space or a comma that white space follows: in some locales a comma is the
     * decimal point, as it then is for the conversion. */
    char token[MLF__NUMBER_SIZE * 2];
    size_t len = 0;
    while (len + 1 < sizeof(token) && at[len] != '\0' && strchr(" \n\r\t", at[len]) == NULL &&
           !(at[len] == ',' && at[len + 1] == ' ')) {
        token[len] = at[len];
        len++;
    }
    token[len] = '\0';
    if (mlf__parse_double(token, out))
        return true;
    char *comma = strchr(token, ',');
    if (comma == NULL)
        return false;
    *comma = '.';
    return mlf__parse_double(token, out);
}

static bool log_printed(struct call *call, const char *text, const char *label, const char *key)
{
    double value;
    if (!read_number(text, label, &value))
        return false;
    mlf__training_metric(&call->training, key, value, call->subproblem);
    return true;
}

/* One call of the print function has one message, whole. The line with nSV is a subproblem's last. */
static void read_printed(struct call *call, const char *text)
{
    double value;
    if (read_number(text, "Total nSV = ", &value)) {
        mlf__training_metric(&call->training, "total_nsv", value, 0);
        call->total_seen = true;
        return;
    }
    log_printed(call, text, "#iter = ", "iter");
    if (strncmp(text, "nu = ", 5) == 0)
        log_printed(call, text, "nu = ", "nu");
    log_printed(call, text, "obj = ", "obj");
    log_printed(call, text, "rho = ", "rho");
    if (strncmp(text, "nSV = ", 6) == 0 && log_printed(call, text, "nSV = ", "nSV")) {
        log_printed(call, text, "nBSV = ", "nBSV");
        call->subproblem++;
    }
}

/* The host's print function; NULL is the library's own, which writes to stdout. */
static _Atomic(print_fn *) host_print;
static _Atomic bool tee_installed;

/* The variables of the library, without the part that is read-only by now. */
struct data {
    const void *base;
    print_fn *const *words;
    size_t n_words;
};

static int find_data(struct dl_phdr_info *info, size_t size, void *user)
{
    struct data *data = user;
    uintptr_t begin = 0, end = 0;
    (void)size;
    if (info->dlpi_addr != (uintptr_t)data->base)
        return 0;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t at = info->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_W) != 0) {
            begin = begin > at ? begin : at;
            end = at + segment->p_memsz;
        } else if (segment->p_type == PT_GNU_RELRO) {
            uintptr_t behind = at + segment->p_memsz;
            begin = begin > behind ? begin : behind;
        }
    }
    begin = (begin + sizeof(print_fn *) - 1) & ~(sizeof(print_fn *) - 1);
    data->words = (print_fn *const *)begin;
    data->n_words = end > begin ? (end - begin) / sizeof(print_fn *) : 0;
    return 1;
}

static void tee(const char *text);

/* Installs the tee where it is not: the library came just now, or the host made its choice before
 * mlf_autolog(), and silence must stay silence. The library keeps it in a variable that nothing
 * exports, which shows itself by what changes. Its few variables fit a copy on the stack; where they
 * do not, the choice is taken to be the library's own. */
static void install_tee(void)
{
    enum { MAX_WORDS = 64 };
    print_fn *before[MAX_WORDS];
    struct data data = {.base = library.base};
    dl_iterate_phdr(find_data, &data);
    size_t n = data.n_words <= MAX_WORDS ? data.n_words : 0;
    bool installed = n == 0 && atomic_exchange(&tee_installed, true);
    for (size_t i = 0; i < n; i++) {
        before[i] = __atomic_load_n(&data.words[i], __ATOMIC_RELAXED);
        installed = installed || before[i] == tee;
    }
    if (installed)
        return;
    atomic_store(&tee_installed, true);
    library.set_print(tee);
    for (size_t i = 0; i < n; i++)
        if (__atomic_load_n(&data.words[i], __ATOMIC_RELAXED) == tee)
            atomic_store(&host_print, before[i]);
}

static void tee(const char *text)
{
    print_fn *print = atomic_load(&host_print);
    if (print != NULL) {
        print(text);
    } else {
        fputs(text, stdout);
        fflush(stdout);
    }
    int saved = errno;
    struct call *call = inside.call;
    if (call != NULL && call->trains && *mlf__guard_training_depth() == 1 && mlf__hook_enter()) {
        mlf__fp_state fp = mlf__fp_save();
        read_printed(call, text);
        mlf__fp_restore(fp);
        mlf__guard_leave();
    }
    errno = saved;
}

/* ---- models ---- */

/* Which training made which model. Old entries give way. */
enum { N_MODELS = 32 };
static struct {
    _Atomic(const void *) model; /* NULL while |training| is being written */
    struct mlf__training training;
} models[N_MODELS];
static _Atomic unsigned next_model;

static void forget_model(const void *model)
{
    for (size_t i = 0; i < N_MODELS; i++) {
        const void *expected = model;
        atomic_compare_exchange_strong(&models[i].model, &expected, NULL);
    }
}

static void remember_model(const void *model, const struct mlf__training *training)
{
    forget_model(model);
    size_t i = atomic_fetch_add(&next_model, 1) % N_MODELS;
    atomic_store(&models[i].model, NULL);
    models[i].training = *training;
    atomic_store(&models[i].model, model);
}

static bool find_model(const void *model, struct mlf__training *out)
{
    for (size_t i = 0; i < N_MODELS; i++) {
        if (atomic_load(&models[i].model) != model)
            continue;
        *out = models[i].training;
        if (atomic_load(&models[i].model) == model)
            return true;
    }
    return false;
}

/* ---- entering and leaving the library ---- */

static void begin_call(struct call *call, const struct problem *problem,
                       const struct parameter *param, bool trains, long nr_fold)
{
    uint64_t bits = trains                 ? BITS_TRAIN
                    : is_regression(param) ? BIT_CV_MSE | BIT_CV_R2
                                           : BIT_CV_ACCURACY;
    mlf__hooks_begin_session();
    if (!mlf__training_begin(&call->training, mlf__adapter_libsvm.name, SVM_ALIASES,
                             hash_params(param), bits))
        return;
    log_params(&call->training, param);
    if (!trains)
        mlf__training_param_int(&call->training, "nr_fold", (int)nr_fold);
    call->problem = problem;
    call->trains = trains;
    inside.call = call;
    if (trains && library.set_print != NULL)
        install_tee();
}

/* Counts the call; the outermost one of a library that is logged begins a training. A call that comes
 * from the library itself is an inner one, even where the outer one was not seen. |frame| is the
 * wrapper's: a stack that has grown back over the outermost one shows that this was left by longjmp()
 * or an exception. */
static struct entry enter(struct call *call, mlf__hook_fn *real, const void *caller,
                          const char *frame, const struct problem *problem,
                          const struct parameter *param, bool trains, long nr_fold)
{
    int saved = errno;
    int *depth = mlf__guard_training_depth();
    if (*depth > 0 && (inside.frame == NULL || inside.frame <= frame)) {
        *depth = 0;
        inside.call = NULL;
    }
    struct entry entry = {*depth, inside.call, inside.frame};
    *depth += 1;
    if (entry.depth == 0) {
        inside.call = NULL;
        inside.frame = frame;
        if (problem != NULL && param != NULL && mlf__hook_enter()) {
            if (is_known(real) && object_of(caller, NULL) != library.base)
                begin_call(call, problem, param, trains, nr_fold);
            mlf__guard_leave();
        }
    }
    errno = saved;
    return entry;
}

/* Undoes enter(); true when |call| is logged and its end is to be written: leave the guard then. */
static bool leave(const struct entry *entry, const struct call *call)
{
    bool logged = inside.call == call && entry->depth == 0;
    *mlf__guard_training_depth() = entry->depth;
    inside.call = entry->call;
    inside.frame = entry->frame;
    return logged && mlf__hook_enter();
}

static void end_training(struct call *call, const void *model)
{
    if (model != NULL && library.total_sv != NULL && !call->total_seen)
        mlf__training_metric(&call->training, "total_nsv", library.total_sv(model), 0);
    mlf__training_end(&call->training, mlf__adapter_libsvm.name);
    if (model != NULL)
        remember_model(model, &call->training);
}

/* The same sums as svm-train makes, so that the results are what it prints. */
static void end_cross_validation(struct call *call, const struct parameter *param,
                                 const double *target)
{
    const struct mlf__training *training = &call->training;
    const double *y = call->problem->y;
    int l = call->problem->l;
    double correct = 0, error = 0, v = 0, yy = 0, sum_v = 0, sum_y = 0, sum_vv = 0, sum_vy = 0;
    for (int i = 0; i < l; i++) {
        correct += target[i] == y[i];
        error += (target[i] - y[i]) * (target[i] - y[i]);
        v = target[i];
        sum_v += v;
        sum_y += y[i];
        sum_vv += v * v;
        yy += y[i] * y[i];
        sum_vy += v * y[i];
    }
    if (!is_regression(param)) {
        mlf__training_metric(training, "cross_validation_accuracy", 100.0 * correct / l, 0);
    } else {
        double covariance = l * sum_vy - sum_v * sum_y;
        double variances = (l * sum_vv - sum_v * sum_v) * (l * yy - sum_y * sum_y);
        mlf__training_metric(training, "cross_validation_mean_squared_error", error / l, 0);
        mlf__training_metric(training, "cross_validation_squared_correlation_coefficient",
                             covariance * covariance / variances, 0);
    }
    mlf__training_end(training, mlf__adapter_libsvm.name);
}

/* ---- the wrappers ---- */

MLF__HOOK void *svm_train(const struct problem *problem, const struct parameter *param, long a3,
                          long a4, long a5, long a6)
{
    const void *caller = __builtin_return_address(0);
    mlf__hook_fn *real = mlf__hook_real_for(&hooks[HOOK_TRAIN], caller);
    struct call call = {0};
    struct entry entry =
        enter(&call, real, caller, __builtin_frame_address(0), problem, param, true, 0);
    void *model = ((train_fn *)real)(problem, param, a3, a4, a5, a6);
    int saved = errno;
    if (leave(&entry, &call)) {
        end_training(&call, model);
        mlf__guard_leave();
    }
    errno = saved;
    return model;
}

MLF__HOOK void svm_cross_validation(const struct problem *problem, const struct parameter *param,
                                    long nr_fold, double *target, long a5, long a6)
{
    const void *caller = __builtin_return_address(0);
    mlf__hook_fn *real = mlf__hook_real_for(&hooks[HOOK_CROSS_VALIDATION], caller);
    struct call call = {0};
    struct entry entry =
        enter(&call, real, caller, __builtin_frame_address(0), problem, param, false, nr_fold);
    ((cross_validation_fn *)real)(problem, param, nr_fold, target, a5, a6);
    int saved = errno;
    if (leave(&entry, &call)) {
        mlf__fp_state fp = mlf__fp_save();
        end_cross_validation(&call, param, target);
        mlf__fp_restore(fp);
        mlf__guard_leave();
    }
    errno = saved;
}

static void log_saved(const char *path, const void *model)
{
    char absolute[MLF__HOOK_TEXT_SIZE], version[16] = "";
    struct mlf__training training;
    if (!mlf__absolute_path(path, absolute, sizeof(absolute)))
        return;
    if (!find_model(model, &training)) {
        mlf__hooks_log_file(absolute, MLF__FILE_WRITE, true);
        return;
    }
    if (library.version >= 100 && library.version <= 999) {
        char digits[] = {(char)('0' + library.version / 100), '.',
                         (char)('0' + library.version / 10 % 10),
                         (char)('0' + library.version % 10), '\0'};
        memcpy(version, digits, sizeof(digits));
    }
    mlf__training_model(&training, absolute, mlf__adapter_libsvm.name, version);
}

MLF__HOOK int svm_save_model(const char *path, const void *model, long a3, long a4, long a5,
                             long a6)
{
    mlf__hook_fn *real = mlf__hook_real_for(&hooks[HOOK_SAVE_MODEL], __builtin_return_address(0));
    int result = ((save_model_fn *)real)(path, model, a3, a4, a5, a6);
    int saved = errno;
    if (result == 0 && mlf__hook_enter()) {
        if (is_known(real))
            log_saved(path, model);
        mlf__guard_leave();
    }
    errno = saved;
    return result;
}

MLF__HOOK void *svm_load_model(const char *path, long a2, long a3, long a4, long a5, long a6)
{
    mlf__hook_fn *real = mlf__hook_real_for(&hooks[HOOK_LOAD_MODEL], __builtin_return_address(0));
    void *model = ((load_model_fn *)real)(path, a2, a3, a4, a5, a6);
    int saved = errno;
    if (model != NULL && mlf__hook_enter()) {
        char absolute[MLF__HOOK_TEXT_SIZE];
        if (is_known(real)) {
            forget_model(model);
            if (mlf__absolute_path(path, absolute, sizeof(absolute)))
                mlf__hooks_log_file(absolute, MLF__FILE_READ, true);
        }
        mlf__guard_leave();
    }
    errno = saved;
    return model;
}

MLF__HOOK void svm_set_print_string_function(print_fn *print)
{
    set_print_fn *real =
        (set_print_fn *)mlf__hook_real_for(&hooks[HOOK_SET_PRINT], __builtin_return_address(0));
    int saved = errno;
    bool replace = false;
    if (mlf__hook_enter()) {
        replace = is_known((mlf__hook_fn *)real);
        mlf__guard_leave();
    }
    if (replace) {
        atomic_store(&host_print, print);
        atomic_store(&tee_installed, true);
        print = tee;
    }
    errno = saved;
    real(print);
}
