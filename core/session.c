/* SPDX-License-Identifier: Apache-2.0 */
/* The session of this process. It is the one mutable global of the library.
 *
 * THREAD SAFETY NOTES: |state| is the gate. It leaves UNSET and DORMANT by compare-and-swap to STARTING,
 * and the thread that won publishes everything else before it stores the final state with release;
 * readers load it with acquire. Nobody sleeps on a lock: a hook that meets STARTING passes, an explicit
 * call naps with a deadline. The overflow journal is published the same way. */
#include "core/session.h"
#include "core/compat_glibc.h"

#include "core/buf.h"
#include "core/env.h"
#include "core/guard.h"
#include "core/journal.h"
#include "core/spawn.h"
#include "core/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_WAIT_MS = 2000, START_WAIT_MS = 2000, CMDLINE_MAX = 128 * 1024, RING_NEED = 6 << 20 };
enum { TEXT_MAX = 64 * 1024 }; /* bytes of a text that goes through the ring: a small part of it */

static struct {
    _Atomic int state;
    struct mlf__ring *ring;
    struct mlf__journal *_Atomic journal; /* of this process; without a ring, or when it was full */
    _Atomic int journal_gate;             /* 1: a thread is making the journal */
    _Atomic int announced;                /* this process has been recorded */
    struct mlf__config config;         /* its run is this process's: MLF_RUN, else the session's */
    bool has_own_run;                  /* MLF_RUN: one of several of the session */
    char journal_stem[MLF__PATH_SIZE]; /* what the journal's name begins with */
    char failure[512];                 /* of MLF__SESSION_FAILED: why */
} session;

/* ---- the guard ---- */

bool mlf__guard_enter(void)
{
    if (mlf__tls.hook_depth > 0)
        return false;
    mlf__tls.hook_depth = 1;
    return true;
}

bool mlf__guard_enter_call(void)
{
    if (mlf__tls.hook_depth > 0)
        return false;
    mlf__tls.hook_depth = 2;
    return true;
}

void mlf__guard_leave(void)
{
    mlf__tls.hook_depth = 0;
}

int *mlf__guard_training_depth(void)
{
    return &mlf__tls.training_depth;
}

/* ---- beginning ---- */

/* The child of a fork is another process: it takes its own slot and writes its own journal. */
static void after_fork(void)
{
    mlf__tls.hook_depth = 0;
    mlf__tls.epoch = 0;
    mlf__training_after_fork();
    if (session.ring != NULL)
        mlf__ring_after_fork(session.ring);
    struct mlf__journal *journal = atomic_exchange(&session.journal, NULL);
    mlf__journal_close(journal);
    atomic_store(&session.journal_gate, 0);
    atomic_store(&session.announced, 0);
    int starting = MLF__SESSION_STARTING;
    atomic_compare_exchange_strong(&session.state, &starting, MLF__SESSION_DORMANT);
}

/* Is |id| made of what a run's id is made of? */
static bool is_run_id(const char *id)
{
    static const char letters[] =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-";
    size_t len = strspn(id, letters);
    return len > 0 && len < MLF__ID_SIZE && id[len] == '\0';
}

/* Takes up the run that this process and its descendants were given within the session. */
static void join_own_run(void)
{
    const char *id = mlf__env(MLF__ENV_MLF_RUN);
    if (!is_run_id(id) || strcmp(id, session.config.run_id) == 0)
        return;
    mlf__copy_text(session.config.run_id, sizeof(session.config.run_id), id);
    session.has_own_run = true;
}

static enum mlf__session_state attach(const char *path)
{
    struct mlf__ring *ring;
    mlf_status status = mlf__ring_attach(path, &ring);
    if (status !=
        MLF_OK) /* a launcher that is long gone leaves this process a session of its own */
        return status == MLF_ERR_NOT_FOUND ? MLF__SESSION_DORMANT : MLF__SESSION_OFF;
    struct mlf__realm realm = mlf__ring_realm(ring);
    if (mlf__realm_compare(&realm) != MLF__REALM_HERE) {
        mlf__ring_detach(ring);
        return MLF__SESSION_OFF;
    }
    mlf__ring_close_file(ring);
    session.config = *mlf__ring_config(ring);
    join_own_run();
    session.ring = ring;
    return MLF__SESSION_RING;
}

enum mlf__session_state mlf__session_init(void)
{
    int state = atomic_load_explicit(&session.state, memory_order_acquire);
    if (state != MLF__SESSION_UNSET)
        return (enum mlf__session_state)state;
    if (!atomic_compare_exchange_strong(&session.state, &state, MLF__SESSION_STARTING))
        return (enum mlf__session_state)state;
    const char *path = mlf__env(MLF__ENV_MLF_SESSION);
    if (mlf__env_is_on(MLF__ENV_MLF_OFF))
        state = MLF__SESSION_OFF;
    else if (*path != '\0')
        state = (int)attach(path);
    else
        state = MLF__SESSION_DORMANT;
    if (state != MLF__SESSION_OFF)
        pthread_atfork(NULL, NULL, after_fork);
    atomic_store_explicit(&session.state, state, memory_order_release);
    return (enum mlf__session_state)state;
}

mlf_status mlf__session_configure(const char *tracking_uri, const char *experiment_name)
{
    enum mlf__session_state state = mlf__session_init();
    struct mlf__config *config = &session.config;
    if (state == MLF__SESSION_OFF)
        return MLF_OK;
    if (state != MLF__SESSION_DORMANT) {
        bool same =
            (tracking_uri == NULL || strcmp(tracking_uri, config->tracking_uri) == 0) &&
            (experiment_name == NULL || strcmp(experiment_name, config->experiment_name) == 0);
        return same ? MLF_OK
                    : mlf__fail(MLF_ERR_STATE, "logging has begun already, into %s, experiment %s",
                                config->tracking_uri,
                                config->experiment_name[0] != '\0' ? config->experiment_name
                                : config->experiment_id[0] != '\0' ? config->experiment_id
                                                                   : "Default");
    }
    if (tracking_uri != NULL &&
        !mlf__copy_text(config->tracking_uri, sizeof(config->tracking_uri), tracking_uri))
        return mlf__fail(MLF_ERR_INVAL, "the tracking URI is too long");
    if (experiment_name != NULL) {
        if (!mlf__copy_text(config->experiment_name, sizeof(config->experiment_name),
                            experiment_name))
            return mlf__fail(MLF_ERR_INVAL, "the experiment's name is too long");
        config->experiment_id[0] = '\0';
    }
    return MLF_OK;
}

void mlf__config_defaults(struct mlf__config *config)
{
    if (config->tracking_uri[0] == '\0')
        mlf__copy_text(config->tracking_uri, sizeof(config->tracking_uri),
                       mlf__env(MLF__ENV_MLFLOW_TRACKING_URI));
    if (config->tracking_uri[0] == '\0')
        mlf__copy_text(config->tracking_uri, sizeof(config->tracking_uri), "sqlite:///mlflow.db");
    if (config->experiment_name[0] == '\0' && config->experiment_id[0] == '\0') {
        mlf__copy_text(config->experiment_name, sizeof(config->experiment_name),
                       mlf__env(MLF__ENV_MLFLOW_EXPERIMENT_NAME));
        mlf__copy_text(config->experiment_id, sizeof(config->experiment_id),
                       mlf__env(MLF__ENV_MLFLOW_EXPERIMENT_ID));
    }
    mlf__absolute_path("", config->cwd, sizeof(config->cwd));
    mlf__new_id(config->run_id);
    config->start_ns = mlf__now_ns();
}

/* The status that exit() was called with, for kernels that do not tell it to the collector. */
static void record_exit(int status, void *pid)
{
    if ((int)(intptr_t)pid != getpid() || session.ring == NULL)
        return;
    struct mlf__event event = {.kind = MLF__EV_EXIT,
                               .step = W_EXITCODE(status & 255, 0),
                               .key = "",
                               .run = "",
                               .model = "",
                               .text = ""};
    mlf__session_emit(&event, MLF__RING_WAIT_HOOK);
    mlf__session_flush(EXIT_WAIT_MS);
}

static mlf_status create_ring(struct mlf__ring **out)
{
    char folder[MLF__PATH_SIZE], stem[MLF__PATH_SIZE], path[MLF__PATH_SIZE + 8];
    mlf_status status = mlf__spool_ring_dir(RING_NEED, folder);
    if (status != MLF_OK)
        return status;
    mlf__spool_stem(folder, session.config.run_id, stem);
    snprintf(path, sizeof(path), "%s.ring", stem);
    status = mlf__ring_create(path, &session.config, false, false, out);
    if (status == MLF_ERR_FULL)
        status = mlf__ring_create(path, &session.config, true, false, out);
    return status;
}

/* Where the journal of this process is to be, once it is needed. */
static mlf_status name_journal(char out[MLF__PATH_SIZE])
{
    char folder[MLF__PATH_SIZE], suffix[64];
    mlf_status status = mlf__spool_disk_dir(folder);
    if (status != MLF_OK)
        return status;
    /* After an exec the same pid needs another one. */
    snprintf(suffix, sizeof(suffix), ".%d-%llx.journal", (int)getpid(),
             (unsigned long long)mlf__monotonic_ns());
    const char *ring_path =
        session.ring != NULL ? mlf__ring_path(session.ring) : session.journal_stem;
    if (!mlf__spool_sibling(ring_path, folder, suffix, out))
        return mlf__fail(MLF_ERR_INVAL, "%s: the journal's path is too long", folder);
    return MLF_OK;
}

/* What the whole session is about: files in the spool belong to it, not to one of its runs. */
static const struct mlf__config *common_config(void)
{
    return session.ring != NULL ? mlf__ring_config(session.ring) : &session.config;
}

/* The journal of this process, made when it is needed first. NULL when there can be none. */
static struct mlf__journal *own_journal(void)
{
    struct mlf__journal *journal = atomic_load_explicit(&session.journal, memory_order_acquire);
    if (journal != NULL)
        return journal;
    int64_t end = mlf__monotonic_ns() + (int64_t)START_WAIT_MS * 1000000;
    int idle = 0;
    while (!atomic_compare_exchange_strong(&session.journal_gate, &idle, 1)) {
        journal = atomic_load_explicit(&session.journal, memory_order_acquire);
        if (journal != NULL || mlf__monotonic_ns() > end)
            return journal;
        idle = 0;
        struct timespec nap = {.tv_nsec = 100000};
        nanosleep(&nap, NULL);
    }
    journal = atomic_load_explicit(&session.journal, memory_order_acquire);
    char path[MLF__PATH_SIZE];
    if (journal == NULL && name_journal(path) == MLF_OK &&
        mlf__journal_create(path, common_config(), &journal) == MLF_OK)
        atomic_store_explicit(&session.journal, journal, memory_order_release);
    atomic_store(&session.journal_gate, 0);
    return journal;
}

/* Begins with a journal: offline, or where no collector can be started. */
static enum mlf__session_state start_journal(void)
{
    snprintf(session.journal_stem, sizeof(session.journal_stem), "%.8s-%d", session.config.run_id,
             (int)getpid());
    if (own_journal() != NULL)
        return MLF__SESSION_JOURNAL;
    mlf__copy_text(session.failure, sizeof(session.failure), mlf__errmsg());
    return MLF__SESSION_FAILED;
}

static enum mlf__session_state start(void)
{
    mlf__config_defaults(&session.config);
    if (mlf__env_is_on(MLF__ENV_MLF_OFFLINE))
        return start_journal();
    struct mlf__ring *ring;
    if (create_ring(&ring) != MLF_OK)
        return start_journal();
    mlf__ring_close_file(ring);
    session.ring = ring;
    if (mlf__spawn_collector(mlf__ring_path(ring)) == MLF_OK) {
        on_exit(record_exit, (void *)(intptr_t)getpid());
        return MLF__SESSION_RING;
    }
    syscall(SYS_unlinkat, AT_FDCWD, mlf__ring_path(ring), 0);
    session.ring = NULL;
    mlf__ring_detach(ring);
    return start_journal();
}

/* Records this process: its program and arguments. Best effort, like every process event. */
static void announce(void)
{
    int not_yet = 0;
    if (!atomic_compare_exchange_strong(&session.announced, &not_yet, 1))
        return;
    char *text =
        mmap(NULL, CMDLINE_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (text == MAP_FAILED)
        return;
    char *exe = text + CMDLINE_MAX - MLF__PATH_SIZE;
    long fd = syscall(SYS_openat, AT_FDCWD, "/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    long len = fd >= 0 ? syscall(SYS_read, (int)fd, text, CMDLINE_MAX - MLF__PATH_SIZE) : 0;
    if (fd >= 0)
        syscall(SYS_close, (int)fd);
    syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", exe, MLF__PATH_SIZE - 1);
    /* The last argument's NUL is the text's own. */
    if (len > 0 && text[len - 1] == '\0')
        len--;
    struct mlf__event event = {.kind = MLF__EV_PROCESS,
                               .step = getppid(),
                               .key = exe,
                               .run = "",
                               .model = "",
                               .text = text,
                               .text_len = len > 0 ? (size_t)len : 0};
    mlf__session_emit(&event, MLF__RING_NO_WAIT);
    munmap(text, CMDLINE_MAX);
}

static enum mlf__session_state wait_for_start(void)
{
    int64_t end = mlf__monotonic_ns() + (int64_t)START_WAIT_MS * 1000000;
    int state;
    while ((state = atomic_load_explicit(&session.state, memory_order_acquire)) ==
               MLF__SESSION_STARTING &&
           mlf__tls.hook_depth == 0 && mlf__monotonic_ns() < end) {
        struct timespec nap = {.tv_nsec = 100000};
        nanosleep(&nap, NULL);
    }
    return (enum mlf__session_state)state;
}

mlf_status mlf__session_begin(void)
{
    int state = (int)mlf__session_init();
    /* STARTING is also what a thread that reads the environment shows: behind it comes DORMANT again. */
    do {
        if (state == MLF__SESSION_DORMANT &&
            atomic_compare_exchange_strong(&session.state, &state, MLF__SESSION_STARTING)) {
            state = (int)start();
            atomic_store_explicit(&session.state, state, memory_order_release);
        }
        if (state == MLF__SESSION_STARTING)
            state = (int)wait_for_start();
    } while (state == MLF__SESSION_DORMANT);
    if (state == MLF__SESSION_FAILED)
        return mlf__fail(MLF_ERR_IO, "nothing can be logged: %s", session.failure);
    if (state != MLF__SESSION_RING && state != MLF__SESSION_JOURNAL)
        return state == MLF__SESSION_STARTING
                   ? mlf__fail(MLF_ERR_BUSY, "the session is being started by another thread")
                   : mlf__fail(MLF_ERR_OFF, "mlf is switched off");
    if (atomic_load_explicit(&session.announced, memory_order_relaxed) == 0)
        announce();
    return MLF_OK;
}

struct mlf__ring *mlf__session_ring(void)
{
    return mlf__session_init() == MLF__SESSION_RING ? session.ring : NULL;
}

const struct mlf__config *mlf__session_config(void)
{
    enum mlf__session_state state = mlf__session_init();
    return state == MLF__SESSION_RING || state == MLF__SESSION_JOURNAL ? &session.config : NULL;
}

bool mlf__session_has_own_run(void)
{
    return mlf__session_ring() != NULL && session.has_own_run;
}

bool mlf__session_has_launcher(void)
{
    return mlf__session_ring() != NULL && (session.config.flags & MLF__CONFIG_LAUNCHER) != 0;
}

/* ---- logging ---- */

static mlf_status to_journal(const struct mlf__event *event)
{
    struct mlf__journal *journal = own_journal();
    if (journal == NULL)
        return MLF_ERR_FULL;
    struct mlf__event copy = *event;
    copy.pid = (int32_t)getpid();
    copy.tid = (int32_t)syscall(SYS_gettid);
    if (copy.ts_ns == 0)
        copy.ts_ns = mlf__now_ns();
    return mlf__journal_append(journal, &copy);
}

/* Writes through system calls: these files are no business of the program's hooks. */
static mlf_status write_file(const char *path, const char *data, size_t len)
{
    long fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return mlf__fail_errno(errno, "%s: cannot be created", path);
    int err = 0;
    while (len > 0 && err == 0) {
        long n = syscall(SYS_write, (int)fd, data, len);
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            err = n == 0 ? EIO : errno;
        }
    }
    if (syscall(SYS_close, (int)fd) != 0 && err == 0)
        err = errno;
    if (err == 0)
        return MLF_OK;
    syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    return mlf__fail_errno(err, "%s: cannot be written", path);
}

mlf_status mlf__session_take_path(char out[MLF__PATH_SIZE])
{
    mlf_status status = mlf__session_begin();
    return status == MLF_OK ? mlf__spool_take_path(common_config()->run_id, out) : status;
}

mlf_status mlf__session_take_file(const void *data, size_t len, char out[MLF__PATH_SIZE])
{
    mlf_status status = mlf__session_take_path(out);
    return status == MLF_OK ? write_file(out, data, len) : status;
}

static mlf_status emit(const struct mlf__event *event, enum mlf__ring_wait wait);

/* A long text goes through a file: neither the ring nor a record of a journal has room for every one. */
static mlf_status emit_spooled(const struct mlf__event *event)
{
    char path[MLF__PATH_SIZE];
    mlf_status status = mlf__session_take_file(event->text, event->text_len, path);
    if (status != MLF_OK)
        return status;
    struct mlf__event copy = *event;
    copy.flags |= MLF__EVF_SPOOLED;
    copy.text = path;
    copy.text_len = strlen(path);
    status = emit(&copy, MLF__RING_WAIT_CALL);
    if (status != MLF_OK)
        syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    return status;
}

mlf_status mlf__session_emit(const struct mlf__event *event, enum mlf__ring_wait wait)
{
    bool is_long = wait == MLF__RING_WAIT_CALL && event->text_len > TEXT_MAX;
    return is_long ? emit_spooled(event) : emit(event, wait);
}

static mlf_status emit(const struct mlf__event *event, enum mlf__ring_wait wait)
{
    if (wait == MLF__RING_NO_WAIT) {
        enum mlf__session_state state = mlf__session_init();
        if (state != MLF__SESSION_RING && state != MLF__SESSION_JOURNAL)
            return MLF_ERR_STATE;
    } else {
        mlf_status status = mlf__session_begin();
        if (status != MLF_OK)
            return status;
    }
    struct mlf__event of_own_run;
    if (session.has_own_run && event->run[0] == '\0') {
        of_own_run = *event;
        of_own_run.run = session.config.run_id;
        event = &of_own_run;
    }
    if (session.ring == NULL)
        return to_journal(event);
    mlf_status status = mlf__ring_put_event(session.ring, event, wait);
    if (status != MLF_ERR_FULL)
        return status;
    if (wait == MLF__RING_WAIT_CALL)
        status = to_journal(event);
    if (status != MLF_OK)
        mlf__ring_count_drop(session.ring);
    return status;
}

mlf_status mlf__session_flush(int64_t timeout_ms)
{
    struct mlf__journal *journal = atomic_load_explicit(&session.journal, memory_order_acquire);
    if (journal != NULL) {
        mlf_status status = mlf__journal_sync(journal);
        if (status != MLF_OK)
            return status;
    }
    struct mlf__ring *ring = mlf__session_ring();
    if (ring == NULL)
        return MLF_OK;
    mlf_status status = mlf__ring_wait_settled(ring, mlf__ring_head(ring), timeout_ms);
    char error[512];
    mlf__ring_error(ring, error, sizeof(error));
    if (error[0] != '\0')
        return mlf__fail(MLF_ERR_IO, "%s", error);
    return status;
}
