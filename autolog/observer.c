/* SPDX-License-Identifier: Apache-2.0 */
/* The observer's thread. In the first second it looks often, since most programs load what they need and many
 * end within it; then once per second, and at every sample.
 *
 * THREAD SAFETY NOTES: |lock| guards everything below it in struct mlf__observer. |system| belongs to the
 * thread. The thread is the last to touch the observer when it was left behind: then nobody frees it. */
#include "autolog/observer.h"

#include "core/buf.h"
#include "core/env.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/sys.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    STEPS_MAX = 1024,   /* that wait for the store; then the oldest goes */
    PROCESSES_MAX = 32, /* of which something is remembered */
    LOOK_MIN_MS = 1,
    LOOK_MAX_MS = 1000,
    GPU_AFTER_MS = 100, /* a program that is over by then does not wait for a driver */
    STOP_WAIT_MS = 1000,
    MAPS_SIZE = 1 << 20,
    VARIABLES_SIZE = 256 * 1024
};

struct process {
    int32_t pid;
    uint64_t start_time;
    char exe[PATH_MAX];
    struct mlf__buf libraries; /* paths, each ended by NUL */
    struct mlf__buf variables;
};

struct mlf__observer {
    struct mlf__observer_options options;
    struct mlf__system system;
    char *text; /* of MAPS_SIZE bytes, for the thread */
    int64_t begin_ns;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool running, stopping, done, look;
    bool wants_step; /* one at least */
    bool restart;
    int32_t pid;
    bool has_step; /* a step was made since the beginning */
    struct mlf__system_sample steps[STEPS_MAX];
    size_t first, n_steps;
    struct process processes[PROCESSES_MAX];
    size_t n_processes;
};

void mlf__observer_defaults(struct mlf__observer_options *out)
{
    double seconds;
    int64_t samples;

    *out = (struct mlf__observer_options){
        .system = {.proc = "/proc", .disk = "/", .nvml = "libnvidia-ml.so.1"},
        .samples = mlf__env_is_on(MLF__ENV_MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING),
        .interval_ms = 10000,
        .per_step = 1};
    if (mlf__parse_double(mlf__env(MLF__ENV_MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL), &seconds) &&
        seconds >= 0.001 && seconds <= 1e9)
        out->interval_ms = (int64_t)(seconds * 1000);
    if (mlf__parse_i64(mlf__env(MLF__ENV_MLFLOW_SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING), &samples) &&
        samples >= 1 && samples <= UINT_MAX)
        out->per_step = (unsigned)samples;
}

/* ---- processes and what they have loaded ---- */

static bool has_line(const struct mlf__buf *list, const char *text)
{
    for (size_t at = 0; at < list->len; at += strlen(list->data + at) + 1)
        if (strcmp(list->data + at, text) == 0)
            return true;
    return false;
}

/* The entry of a process, a new one when it is not known: then of the oldest when there is no room, but never
 * of the root. NULL when the process is gone. */
static struct process *entry_of(struct mlf__observer *observer, int32_t pid)
{
    struct mlf__proc_id id = {.pid = pid};
    struct process *process = NULL;

    if (strcmp(observer->options.system.proc, "/proc") == 0 && !mlf__proc_identify(pid, &id))
        return NULL;
    for (size_t i = 0; i < observer->n_processes; i++)
        if (observer->processes[i].pid == pid && observer->processes[i].start_time == id.start_time)
            return &observer->processes[i];
    if (observer->n_processes < PROCESSES_MAX) {
        process = &observer->processes[observer->n_processes++];
    } else {
        process = &observer->processes[1];
        mlf__buf_free(&process->libraries);
        mlf__buf_free(&process->variables);
        memmove(process, process + 1, (PROCESSES_MAX - 2) * sizeof(*process));
        process = &observer->processes[PROCESSES_MAX - 1];
    }
    *process = (struct process){.pid = pid, .start_time = id.start_time};
    return process;
}

static void remember_variables(struct mlf__observer *observer, struct process *process)
{
    char name[32];
    snprintf(name, sizeof(name), "%d/environ", process->pid);
    long len = mlf__proc_read(observer->options.system.proc, name, observer->text, VARIABLES_SIZE);
    process->variables.len = 0;
    if (len > 0)
        mlf__buf_add(&process->variables, observer->text, (size_t)len);
}

/* What a process runs changes with exec; what it has loaded only grows. */
static void remember(struct mlf__observer *observer, int32_t pid)
{
    char name[PATH_MAX], path[PATH_MAX];
    const char *at = observer->text;

    if (snprintf(name, sizeof(name), "%s/%d/exe", observer->options.system.proc, pid) >=
        (int)sizeof(name))
        return;
    ssize_t len = readlink(name, path, sizeof(path) - 1);
    if (len <= 0)
        return;
    path[len] = '\0';
    struct process *process = entry_of(observer, pid);
    if (process == NULL)
        return;
    if (strcmp(process->exe, path) != 0) {
        mlf__copy_text(process->exe, sizeof(process->exe), path);
        process->libraries.len = 0;
        remember_variables(observer, process);
    }
    snprintf(name, sizeof(name), "%d/maps", pid);
    if (mlf__proc_read(observer->options.system.proc, name, observer->text, MAPS_SIZE) <= 0)
        return;
    while (mlf__proc_next_mapped(&at, path, sizeof(path)))
        if (strcmp(path, process->exe) != 0 && !has_line(&process->libraries, path))
            mlf__buf_add(&process->libraries, path, strlen(path) + 1);
}

static void look(struct mlf__observer *observer)
{
    int32_t pids[PROCESSES_MAX];
    size_t n = mlf__system_tree(observer->options.system.proc, observer->pid, pids, PROCESSES_MAX);
    for (size_t i = 0; i < n; i++)
        remember(observer, pids[i]);
}

/* ---- the thread ---- */

/* Until |ns| (monotonic), or until somebody wants something. The lock is held. */
static void sleep_until(struct mlf__observer *observer, int64_t ns)
{
    struct timespec until = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    while (!observer->stopping && !observer->look &&
           pthread_cond_timedwait(&observer->changed, &observer->lock, &until) == 0)
        continue;
}

static void add_step(struct mlf__observer *observer)
{
    if (observer->n_steps == STEPS_MAX) {
        observer->first = (observer->first + 1) % STEPS_MAX;
        observer->n_steps--;
    }
    size_t at = (observer->first + observer->n_steps++) % STEPS_MAX;
    mlf__system_take(&observer->system, &observer->steps[at]);
    observer->has_step = true;
}

/* The thread's own clockwork. */
struct pace {
    int64_t look_ns, look_ms; /* the next look, and how long after the one before */
    int64_t sample_ns;        /* the next sample */
    unsigned gathered;        /* samples of the next step */
};

/* Begins anew; the lock is held. */
static void restart(struct mlf__observer *observer, struct pace *pace)
{
    mlf__system_restart(&observer->system);
    pace->sample_ns = mlf__monotonic_ns() + observer->options.interval_ms * 1000000;
    pace->gathered = 0;
    observer->n_steps = 0;
    observer->restart = observer->has_step = false;
}

/* What is due now; the lock is not held. True when a step is complete. */
static bool work(struct mlf__observer *observer, struct pace *pace, bool last)
{
    int64_t now = mlf__monotonic_ns();

    mlf__system_look(&observer->system);
    if (!observer->options.samples)
        return false;
    if (now - observer->begin_ns >= GPU_AFTER_MS * 1000000ll)
        mlf__system_open_gpus(&observer->system);
    if (now < pace->sample_ns && !last)
        return false;
    mlf__system_gather(&observer->system);
    pace->sample_ns += observer->options.interval_ms * 1000000;
    if (pace->sample_ns < now) /* the machine slept, or the thread was held up */
        pace->sample_ns = now + observer->options.interval_ms * 1000000;
    if (++pace->gathered < observer->options.per_step && !last)
        return false;
    pace->gathered = 0;
    return true;
}

static void *observe(void *arg)
{
    struct mlf__observer *observer = arg;
    struct pace pace = {.look_ns = observer->begin_ns,
                        .look_ms = LOOK_MIN_MS,
                        .sample_ns = observer->begin_ns + observer->options.interval_ms * 1000000};

    pthread_mutex_lock(&observer->lock);
    for (;;) {
        bool stopping = observer->stopping;
        if (observer->restart)
            restart(observer, &pace);
        bool last = observer->wants_step && !observer->has_step;
        observer->look = false;
        look(observer);
        observer->system.options.pid = observer->pid;
        pthread_mutex_unlock(&observer->lock);
        bool step = work(observer, &pace, last);
        pthread_mutex_lock(&observer->lock);
        if (step && !observer->restart)
            add_step(observer);
        if (stopping)
            break;
        pace.look_ns = mlf__monotonic_ns() + pace.look_ms * 1000000;
        pace.look_ms = pace.look_ms * 2 < LOOK_MAX_MS ? pace.look_ms * 2 : LOOK_MAX_MS;
        bool sample_first = observer->options.samples && pace.sample_ns < pace.look_ns;
        sleep_until(observer, sample_first ? pace.sample_ns : pace.look_ns);
    }
    observer->done = true;
    pthread_cond_broadcast(&observer->changed);
    pthread_mutex_unlock(&observer->lock);
    return NULL;
}

/* ---- life ---- */

static void free_observer(struct mlf__observer *observer)
{
    for (size_t i = 0; i < observer->n_processes; i++) {
        mlf__buf_free(&observer->processes[i].libraries);
        mlf__buf_free(&observer->processes[i].variables);
    }
    pthread_cond_destroy(&observer->changed);
    pthread_mutex_destroy(&observer->lock);
    mlf__free(observer->text);
    mlf__free(observer);
}

mlf_status mlf__observer_start(const struct mlf__observer_options *options,
                               struct mlf__observer **out)
{
    *out = NULL;
    struct mlf__observer *observer = mlf__zalloc(1, sizeof(*observer));
    char *text = mlf__alloc(MAPS_SIZE);
    if (observer == NULL || text == NULL) {
        mlf__free(observer);
        mlf__free(text);
        return MLF_ERR_NOMEM;
    }
    observer->options = *options;
    observer->text = text;
    observer->begin_ns = mlf__monotonic_ns();
    observer->pid = options->system.pid;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&observer->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&observer->lock, NULL);
    mlf__system_init(&observer->system, &options->system);
    if (pthread_create(&observer->thread, NULL, observe, observer) != 0) {
        free_observer(observer);
        return mlf__fail(MLF_ERR_IO, "the observer's thread cannot be started");
    }
    observer->running = true;
    *out = observer;
    return MLF_OK;
}

void mlf__observer_watch(struct mlf__observer *observer, int32_t pid)
{
    pthread_mutex_lock(&observer->lock);
    observer->pid = pid;
    observer->look = true;
    pthread_cond_broadcast(&observer->changed);
    pthread_mutex_unlock(&observer->lock);
}

void mlf__observer_request(struct mlf__observer *observer)
{
    pthread_mutex_lock(&observer->lock);
    observer->wants_step = observer->look = true;
    pthread_cond_broadcast(&observer->changed);
    pthread_mutex_unlock(&observer->lock);
}

void mlf__observer_restart(struct mlf__observer *observer)
{
    pthread_mutex_lock(&observer->lock);
    observer->restart = observer->look = true;
    observer->wants_step = false;
    observer->n_steps = 0;
    pthread_cond_broadcast(&observer->changed);
    pthread_mutex_unlock(&observer->lock);
}

void mlf__observer_stop(struct mlf__observer *observer, bool last)
{
    if (!observer->running)
        return;
    int64_t end = mlf__monotonic_ns() + STOP_WAIT_MS * 1000000ll;
    struct timespec until = {.tv_sec = end / 1000000000, .tv_nsec = end % 1000000000};
    pthread_mutex_lock(&observer->lock);
    observer->stopping = true;
    observer->wants_step = observer->wants_step || last;
    pthread_cond_broadcast(&observer->changed);
    while (!observer->done &&
           pthread_cond_timedwait(&observer->changed, &observer->lock, &until) == 0)
        continue;
    bool done = observer->done;
    pthread_mutex_unlock(&observer->lock);
    if (done) {
        pthread_join(observer->thread, NULL);
        mlf__system_close(&observer->system);
        observer->running = false;
    }
}

void mlf__observer_destroy(struct mlf__observer *observer)
{
    if (observer == NULL)
        return;
    mlf__observer_stop(observer, false);
    if (!observer->running) {
        free_observer(observer);
        return;
    }
    pthread_detach(observer->thread);
    mlf__log(MLF__LOG_WARN, "a GPU driver does not answer: the observer is left behind");
}

/* ---- what it found ---- */

bool mlf__observer_take(struct mlf__observer *observer, struct mlf__system_sample *out)
{
    pthread_mutex_lock(&observer->lock);
    bool found = observer->n_steps > 0;
    if (found) {
        *out = observer->steps[observer->first];
        observer->first = (observer->first + 1) % STEPS_MAX;
        observer->n_steps--;
    }
    pthread_mutex_unlock(&observer->lock);
    return found;
}

bool mlf__observer_has_step(struct mlf__observer *observer)
{
    pthread_mutex_lock(&observer->lock);
    bool found = observer->n_steps > 0;
    pthread_mutex_unlock(&observer->lock);
    return found;
}

int64_t mlf__observer_age_ms(const struct mlf__observer *observer)
{
    return (mlf__monotonic_ns() - observer->begin_ns) / 1000000;
}

static const struct process *find_process(const struct mlf__observer *observer, int32_t pid,
                                          const char *exe)
{
    for (size_t i = observer->n_processes; i > 0; i--)
        if (observer->processes[i - 1].pid == pid)
            return &observer->processes[i - 1];
    for (size_t i = observer->n_processes; i > 0; i--)
        if (strcmp(observer->processes[i - 1].exe, exe) == 0)
            return &observer->processes[i - 1];
    return observer->n_processes > 0 ? &observer->processes[0] : NULL;
}

static char *copy_bytes(const struct mlf__buf *buf)
{
    char *copy = mlf__alloc(buf->len + 1);
    if (copy != NULL && buf->len > 0)
        memcpy(copy, buf->data, buf->len);
    if (copy != NULL)
        copy[buf->len] = '\0';
    return copy;
}

bool mlf__observer_find(struct mlf__observer *observer, int32_t pid, const char *exe,
                        struct mlf__observed *out)
{
    *out = (struct mlf__observed){0};
    pthread_mutex_lock(&observer->lock);
    const struct process *process = find_process(observer, pid, exe);
    if (process != NULL) {
        out->exe = mlf__strdup(process->exe);
        out->libraries = copy_bytes(&process->libraries);
        out->libraries_len = process->libraries.len;
        out->variables = copy_bytes(&process->variables);
        out->variables_len = process->variables.len;
    }
    pthread_mutex_unlock(&observer->lock);
    if (out->exe != NULL && out->libraries != NULL && out->variables != NULL)
        return true;
    mlf__observed_free(out);
    return false;
}

void mlf__observed_free(struct mlf__observed *observed)
{
    mlf__free(observed->exe);
    mlf__free(observed->libraries);
    mlf__free(observed->variables);
    *observed = (struct mlf__observed){0};
}
