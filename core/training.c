/* SPDX-License-Identifier: Apache-2.0 */
/* What an adapter says of a training, as events of the session. */
#include "core/compat_glibc.h"
#include "core/session.h"

#include "core/buf.h"
#include "core/guard.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { MAX_TRAINING_RUNS = 100 };

/* The trainings of this process's run, when there is no ring to count them in or no room in it. */
static struct mlf__trainings of_process;

/* The next implied steps of names that the ring has no room for, by hash. Without room here either they stay 0. */
enum { LOCAL_STEPS = 256 };
static struct {
    _Atomic uint64_t hash; /* 0: free */
    _Atomic int64_t next;
} local_steps[LOCAL_STEPS];

/* How many forks lie between this process and the one that loaded the library. */
static uint32_t forks;

void mlf__training_after_fork(void)
{
    forks++;
}

void mlf__training_set_run(struct mlf__training_run *run)
{
    if (run != NULL && run->forks == 0)
        run->forks = forks + 1;
    mlf__tls.training_run = run;
}

/* The number of a training in a run that the program has started. What it has had is in the memory of the process
 * that started it, so that a child's trainings get runs of their own; the numbers are common to all. */
static uint32_t begin_in_run(struct mlf__training_run *run, uint64_t params_hash,
                             uint64_t metric_bits)
{
    struct mlf__ring *ring = mlf__session_ring();
    uint32_t number = mlf__trainings_begin(&run->trainings, params_hash, metric_bits), shared = 1;
    bool own = run->forks == forks + 1;
    if (ring != NULL)
        shared +=
            (uint32_t)mlf__ring_next_step(ring, mlf__ring_intern(ring, run->id, strlen(run->id)));
    if (own && number == 1)
        return 1;
    shared += !own;
    return shared > number ? shared : number;
}

/* The number of a training in this process's run, which is common to all its processes. */
static uint32_t begin_in_common_run(const char *run_id, uint64_t params_hash, uint64_t metric_bits)
{
    struct mlf__ring *ring = mlf__session_ring();
    uint32_t number = 0;
    if (mlf__session_has_own_run())
        number = mlf__ring_run_training(ring, run_id, params_hash, metric_bits);
    else if (ring != NULL)
        return mlf__trainings_begin(mlf__ring_trainings(ring), params_hash, metric_bits);
    return number > 0 ? number : mlf__trainings_begin(&of_process, params_hash, metric_bits);
}

static mlf_status emit(const struct mlf__training *training, struct mlf__event event)
{
    event.run = training->run_id;
    event.model = event.model != NULL ? event.model : "";
    event.key = event.key != NULL ? event.key : "";
    event.text = event.text != NULL ? event.text : "";
    return mlf__session_emit(&event, MLF__RING_WAIT_HOOK);
}

/* A training that cannot share its run gets a child run of its own. */
static bool begin_child(struct mlf__training *training, uint32_t number)
{
    if (number > MAX_TRAINING_RUNS) {
        struct mlf__ring *ring = mlf__session_ring();
        if (ring != NULL)
            mlf__ring_count_drop(ring);
        return false;
    }
    char text[64 + MLF__ID_SIZE];
    int name_len = snprintf(text, sizeof(text), "training_%u", number);
    size_t parent_len = strlen(training->run_id);
    memcpy(text + name_len + 1, training->run_id, parent_len + 1);
    mlf__new_id(training->run_id);
    struct mlf__event event = {
        .kind = MLF__EV_RUN_START, .text = text, .text_len = (size_t)name_len + 1 + parent_len};
    return emit(training, event) == MLF_OK;
}

bool mlf__training_begin(struct mlf__training *training, const char *library, const char *aliases,
                         uint64_t params_hash, uint64_t metric_bits)
{
    *training = (struct mlf__training){.begin_ns = mlf__monotonic_ns()};
    if (mlf__session_begin() != MLF_OK)
        return false;
    struct mlf__ring *ring = mlf__session_ring();
    if (ring != NULL)
        mlf__ring_set_adapter(ring, library);
    const char *run_id = mlf__session_config()->run_id;
    struct mlf__training_run *active = mlf__tls.training_run;
    uint32_t number;
    if (active != NULL && !atomic_load(&active->ended) && strcmp(active->id, run_id) != 0) {
        run_id = active->id;
        number = begin_in_run(active, params_hash, metric_bits);
    } else {
        number = begin_in_common_run(run_id, params_hash, metric_bits);
    }
    mlf__copy_text(training->run_id, sizeof(training->run_id), run_id);
    mlf__new_model_id(training->model_id);
    if (number > 1 && !begin_child(training, number))
        return false;
    struct mlf__event event = {.kind = MLF__EV_TRAIN_BEGIN,
                               .key = library,
                               .model = training->model_id,
                               .text = aliases,
                               .text_len = strlen(aliases)};
    return emit(training, event) == MLF_OK;
}

void mlf__training_param(const struct mlf__training *training, const char *key, double value)
{
    emit(training, (struct mlf__event){.kind = MLF__EV_PARAM,
                                       .flags = MLF__SRC_ADAPTER | MLF__EVF_DOUBLE,
                                       .key = key,
                                       .value = value});
}

void mlf__training_param_int(const struct mlf__training *training, const char *key, int64_t value)
{
    emit(training, (struct mlf__event){.kind = MLF__EV_PARAM,
                                       .flags = MLF__SRC_ADAPTER | MLF__EVF_INT,
                                       .key = key,
                                       .step = value});
}

void mlf__training_param_text(const struct mlf__training *training, const char *key,
                              const char *value)
{
    emit(training, (struct mlf__event){.kind = MLF__EV_PARAM,
                                       .flags = MLF__SRC_ADAPTER,
                                       .key = key,
                                       .text = value,
                                       .text_len = strlen(value)});
}

static int64_t next_local_step(const char *name, size_t len)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)name[i]) * UINT64_C(0x100000001b3);
    hash |= 1;
    for (size_t probe = 0; probe < LOCAL_STEPS; probe++) {
        size_t i = (size_t)(hash + probe) % LOCAL_STEPS;
        uint64_t there = 0;
        if (atomic_compare_exchange_strong(&local_steps[i].hash, &there, hash) || there == hash)
            return atomic_fetch_add(&local_steps[i].next, 1);
    }
    return 0;
}

/* Implied steps count per run and key: the counter is that of the interned name "<run>/<key>". */
static int64_t next_step(const struct mlf__training *training, const char *key)
{
    struct mlf__ring *ring = mlf__session_ring();
    char name[MLF__ID_SIZE + 256];
    int len = snprintf(name, sizeof(name), "%s/%s", training->run_id, key);
    if (ring == NULL || len <= 0 || (size_t)len >= sizeof(name))
        return 0;
    mlf__name_id id = mlf__ring_intern(ring, name, (size_t)len);
    return id != 0 ? mlf__ring_next_step(ring, id) : next_local_step(name, (size_t)len);
}

void mlf__training_metric(const struct mlf__training *training, const char *key, double value,
                          int64_t step)
{
    emit(training, (struct mlf__event){.kind = MLF__EV_METRIC,
                                       .flags = MLF__SRC_ADAPTER,
                                       .key = key,
                                       .model = training->model_id,
                                       .value = value,
                                       .step = step >= 0 ? step : next_step(training, key)});
}

void mlf__training_model(const struct mlf__training *training, const char *path, const char *flavor,
                         const char *version)
{
    char text[MLF__ID_SIZE + 1024 + 256];
    char absolute[1024];
    if (!mlf__absolute_path(path, absolute, sizeof(absolute)))
        return;
    const char *fields[] = {absolute, "model", flavor, version};
    size_t len = 0;
    for (size_t i = 0; i < MLF__ARRAY_LEN(fields); i++) {
        size_t n = strlen(fields[i]) + 1;
        if (len + n > sizeof(text))
            return;
        memcpy(text + len, fields[i], n);
        len += n;
    }
    emit(training, (struct mlf__event){.kind = MLF__EV_MODEL,
                                       .model = training->model_id,
                                       .text = text,
                                       .text_len = len - 1});
}

void mlf__training_end(const struct mlf__training *training, const char *library)
{
    double seconds = (double)(mlf__monotonic_ns() - training->begin_ns) * 1e-9;
    emit(training, (struct mlf__event){.kind = MLF__EV_TRAIN_END,
                                       .key = library,
                                       .model = training->model_id,
                                       .value = seconds});
}
