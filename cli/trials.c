/* SPDX-License-Identifier: Apache-2.0 */
/* One thread, one poll loop. What processes log passes the collector's tap, which any thread of the collector may run:
 * it goes into a queue, and from there to the handler. Printed metrics come through the pipes, are put into the ring
 * for the process's run, and go to the handler at once. A process is reported as ended when it and its group are gone
 * and nothing of it is left in pipes, ring or queue.
 *
 * THREAD SAFETY NOTES: |queue_lock| guards the queue, to which the tap adds under the collector's lock; it is taken
 * after that one and never held while anything else is called. All the rest belongs to the caller's thread. */
#include "cli/trials.h"

#include "cli/hits.h"
#include "cli/trials_output.h"
#include "cli/trials_points.h"
#include "cli/trials_process.h"
#include "cli/trials_signals.h"
#include "core/mem.h"
#include "core/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    BLOCK = 64 * 1024,
    TAIL_SIZE = 4096,
    TAP_FAST_MS = 5,   /* between two looks at what was logged, when somebody decides by it */
    TAP_SLOW_MS = 100, /* and when it is only shown */
    KILL_LOOK_MS = 10, /* between two looks whether a group is gone */
    LINGER_MS = 50,    /* for whoever is just leaving the group of a process that has ended */
    GIVE_UP_MS = 3000, /* after SIGKILL: a process that the kernel cannot end holds up no slot */
    CATCH_UP_MS = 200,
    QUEUE_MAX = 1 << 20,
    STREAMS = 2
};

enum way { PRINTED, LOGGED };

/* A metric that passed the tap. */
struct tapped {
    char run_id[MLF__ID_SIZE];
    char *key;
    double value;
    int64_t step;
};

struct slot {
    struct mlf__trials *trials;
    int index;
    bool used;
    pid_t pid; /* and its group */
    bool reaped;
    char run_id[MLF__ID_SIZE];
    int streams[STREAMS]; /* read ends; -1 = closed */
    size_t left[STREAMS]; /* once it has ended: bytes that are still in the pipe */
    struct mlf__output outputs[STREAMS];
    struct mlf__recogniser *recogniser;
    struct mlf__points points;
    char tail[TAIL_SIZE]; /* the last |tail_len| bytes printed, in a circle */
    uint64_t tail_len;
    int64_t start_ns; /* monotonic */
    /* Monotonic times at which something is due; 0: never. */
    int64_t timeout_ns, linger_ns, kill_ns, give_up_ns;
    struct mlf__trial_end end;
};

struct mlf__trials {
    struct mlf__trials_options options;
    struct mlf__taken_signals signals;
    int null;
    struct mlf__starter *starter;
    struct mlf__watchdog *watchdog; /* NULL: there is none */
    int old_subreaper;
    int running;
    bool happened; /* a handler was called */
    pthread_mutex_t queue_lock;
    struct tapped *queue;
    size_t n_queue, cap_queue;
    int64_t tapped_ns; /* when the tap was looked at for the last time */
    struct pollfd *polls;
    char *block;
    char text[TAIL_SIZE + 1];
    struct slot slots[];
};

/* ---- metrics ---- */

static void report_metric(struct slot *slot, const char *key, double value, int64_t step,
                          enum way way)
{
    const struct mlf__trials_handlers *handlers = &slot->trials->options.handlers;
    if (!mlf__points_add(&slot->points, key, value, step, way))
        return;
    slot->trials->happened = true;
    if (handlers->metric != NULL)
        handlers->metric(slot->index, key, value, step, handlers->user);
}

/* Something was recognised in what the process of the slot printed. Implied steps are counted here: in the ring, each key
 * of each run would need a name of its own. */
static void take_hit(const struct mlf__hit *hit, void *user)
{
    struct slot *slot = user;
    struct mlf__ring *ring = slot->trials->options.ring;
    struct mlf__hit own = *hit;
    bool is_metric = hit->kind == MLF__HIT_METRIC;

    if (hit->library != NULL && ring != NULL && mlf__ring_has_adapter(ring, hit->library))
        return;
    if (is_metric && hit->step == INT64_MIN)
        own.step = mlf__points_next_step(&slot->points, hit->key);
    if (ring != NULL)
        mlf__hits_put(ring, slot->run_id, &own, NULL);
    if (is_metric)
        report_metric(slot, hit->key, hit->value, own.step, PRINTED);
}

static void take_tapped(const char *run_id, const char *key, double value, int64_t step, int source,
                        void *user)
{
    struct mlf__trials *trials = user;
    /* What was printed has gone to the handler already, and the session's run is no process's. */
    if (source == MLF__SRC_RECOGNISER || run_id[0] == '\0')
        return;
    char *copy = mlf__strdup(key);
    pthread_mutex_lock(&trials->queue_lock);
    if (copy != NULL && trials->n_queue < QUEUE_MAX &&
        mlf__grow((void **)&trials->queue, &trials->cap_queue, trials->n_queue + 1,
                  sizeof(*trials->queue)) == MLF_OK) {
        struct tapped *tapped = &trials->queue[trials->n_queue++];
        *tapped = (struct tapped){.key = copy, .value = value, .step = step};
        mlf__copy_text(tapped->run_id, sizeof(tapped->run_id), run_id);
        copy = NULL;
    }
    pthread_mutex_unlock(&trials->queue_lock);
    mlf__free(copy);
}

static struct slot *find_slot(struct mlf__trials *trials, const char *run_id)
{
    for (int i = 0; i < trials->options.n_slots; i++)
        if (trials->slots[i].used && strcmp(trials->slots[i].run_id, run_id) == 0)
            return &trials->slots[i];
    return NULL;
}

/* Hands everything that was logged so far to the handler. */
static void look_at_tap(struct mlf__trials *trials, int64_t timeout_ms)
{
    if (trials->options.collector == NULL)
        return;
    trials->tapped_ns = mlf__monotonic_ns();
    mlf__collector_catch_up(trials->options.collector, timeout_ms);
    pthread_mutex_lock(&trials->queue_lock);
    struct tapped *queue = trials->queue;
    size_t n = trials->n_queue;
    trials->queue = NULL;
    trials->n_queue = trials->cap_queue = 0;
    pthread_mutex_unlock(&trials->queue_lock);
    for (size_t i = 0; i < n; i++) {
        struct slot *slot = find_slot(trials, queue[i].run_id);
        if (slot != NULL)
            report_metric(slot, queue[i].key, queue[i].value, queue[i].step, LOGGED);
        mlf__free(queue[i].key);
    }
    mlf__free(queue);
}

/* ---- output ---- */

static void keep_tail(struct slot *slot, const char *bytes, size_t len)
{
    if (len > TAIL_SIZE) {
        slot->tail_len += len - TAIL_SIZE;
        bytes += len - TAIL_SIZE;
        len = TAIL_SIZE;
    }
    size_t at = (size_t)(slot->tail_len % TAIL_SIZE);
    size_t first = len < TAIL_SIZE - at ? len : TAIL_SIZE - at;
    memcpy(slot->tail + at, bytes, first);
    memcpy(slot->tail, bytes + first, len - first);
    slot->tail_len += len;
}

static const char *tail_text(const struct slot *slot, char text[TAIL_SIZE + 1])
{
    size_t len = slot->tail_len < TAIL_SIZE ? (size_t)slot->tail_len : TAIL_SIZE;
    size_t from = slot->tail_len < TAIL_SIZE ? 0 : (size_t)(slot->tail_len % TAIL_SIZE);
    memcpy(text, slot->tail + from, len - from);
    memcpy(text + len - from, slot->tail, from);
    for (size_t i = 0; i < len; i++)
        if (text[i] == '\0')
            text[i] = ' ';
    text[len] = '\0';
    return text;
}

static void close_stream(struct slot *slot, int stream)
{
    if (slot->streams[stream] >= 0)
        close(slot->streams[stream]);
    slot->streams[stream] = -1;
}

/* Reads what is there, |max| bytes at most; false when that is nothing. */
static bool read_stream(struct slot *slot, int stream, size_t max)
{
    struct mlf__trials *trials = slot->trials;
    if (slot->streams[stream] < 0 || max == 0)
        return false;
    ssize_t n = read(slot->streams[stream], trials->block, max < BLOCK ? max : BLOCK);
    if (n < 0 && errno == EINTR)
        return true;
    if (n < 0 && errno == EAGAIN)
        return false;
    if (n <= 0) {
        close_stream(slot, stream);
        return false;
    }
    size_t len = (size_t)n;
    keep_tail(slot, trials->block, len);
    if (trials->options.keep_output && trials->options.ring != NULL)
        mlf__output_add(&slot->outputs[stream], mlf__ring_config(trials->options.ring)->run_id,
                        trials->block, len);
    if (slot->recogniser != NULL)
        mlf__recogniser_feed(slot->recogniser, stream + 1, trials->block, len);
    slot->left[stream] -= len < slot->left[stream] ? len : slot->left[stream];
    return true;
}

/* What is in the pipes at the end: whoever has left the group may hold them open and write on. */
static void drain_streams(struct slot *slot)
{
    for (int stream = 0; stream < STREAMS; stream++) {
        int bytes = 0;
        if (slot->streams[stream] >= 0 && ioctl(slot->streams[stream], FIONREAD, &bytes) == 0 &&
            bytes > 0)
            slot->left[stream] = (size_t)bytes;
        while (slot->left[stream] > 0 && read_stream(slot, stream, slot->left[stream])) {
        }
        close_stream(slot, stream);
    }
}

/* ---- ends ---- */

static int count_slots(const struct mlf__trials *trials)
{
    return trials->options.n_slots;
}

/* Signals everything that the slot's process has started. Returns whether any of it is left. */
static bool signal_all(struct slot *slot, int signo)
{
    const struct mlf__trials *trials = slot->trials;
    const pid_t spared[] = {slot->reaped ? -1 : slot->pid, mlf__watchdog_pid(trials->watchdog),
                            mlf__starter_pid(trials->starter)};
    /* Whoever has an empty environment can only be of this process when there is no other. */
    const struct mlf__strays look = {.run_id = slot->run_id,
                                     .spared = spared,
                                     .n_spared = MLF__ARRAY_LEN(spared),
                                     .any = trials->running == 1};
    bool group = !slot->reaped || mlf__group_is_alive(slot->pid);
    if (group && signo != 0)
        kill(-slot->pid, signo);
    size_t strays = mlf__signal_strays(&look, signo);
    return group || strays > 0;
}

static void begin_kill(struct slot *slot)
{
    signal_all(slot, SIGTERM);
    slot->kill_ns = mlf__monotonic_ns() + slot->trials->options.grace_ms * 1000000;
}

static void note_end(struct slot *slot, int wait_status, const struct rusage *usage)
{
    slot->reaped = true;
    slot->end.wait_status = wait_status;
    slot->end.end_ns = mlf__now_ns();
    slot->end.wall_time_s = (double)(mlf__monotonic_ns() - slot->start_ns) * 1e-9;
    slot->end.max_rss_mib = (double)usage->ru_maxrss / 1024;
    slot->timeout_ns = 0;
}

/* Waits for the processes themselves and for orphans; children of other threads are none of ours. */
static void reap(struct mlf__trials *trials)
{
    struct rusage usage;
    int wait_status;
    pid_t pid;
    while ((pid = wait4(-1, &wait_status, WNOHANG | __WNOTHREAD, &usage)) > 0)
        for (int i = 0; i < count_slots(trials); i++)
            if (trials->slots[i].used && !trials->slots[i].reaped && trials->slots[i].pid == pid)
                note_end(&trials->slots[i], wait_status, &usage);
}

static void free_slot(struct slot *slot)
{
    for (int stream = 0; stream < STREAMS; stream++) {
        close_stream(slot, stream);
        mlf__output_drop(&slot->outputs[stream]);
    }
    mlf__recogniser_destroy(slot->recogniser);
    slot->recogniser = NULL;
    mlf__watchdog_set(slot->trials->watchdog, (size_t)slot->index, 0);
    slot->trials->running -= slot->used;
    slot->used = false;
}

/* The process is gone with all that it had started: hands over what it has left, and tells. */
static void finish(struct slot *slot)
{
    struct mlf__trials *trials = slot->trials;
    const struct mlf__trials_handlers *handlers = &trials->options.handlers;
    static const char *const names[STREAMS] = {"stdout.log", "stderr.log"};

    drain_streams(slot);
    if (slot->recogniser != NULL)
        mlf__recogniser_end(slot->recogniser);
    look_at_tap(trials, CATCH_UP_MS);
    if (trials->options.keep_output && trials->options.ring != NULL)
        for (int stream = 0; stream < STREAMS; stream++)
            mlf__output_hand_over(&slot->outputs[stream], trials->options.ring, slot->run_id,
                                  names[stream]);
    slot->end.tail = tail_text(slot, trials->text);
    struct mlf__trial_end end = slot->end;
    trials->happened = true;
    if (handlers->ended != NULL)
        handlers->ended(slot->index, &end, handlers->user);
    free_slot(slot);
}

/* Does what is due for a slot: its timeout, SIGKILL, its end. */
static void look_at_slot(struct slot *slot)
{
    int64_t now = mlf__monotonic_ns();
    if (!slot->reaped && slot->timeout_ns != 0 && now >= slot->timeout_ns) {
        slot->timeout_ns = 0;
        mlf__trials_kill(slot->trials, slot->index, MLF__KILL_TIMEOUT);
    }
    if (slot->kill_ns != 0 || slot->linger_ns != 0)
        reap(slot->trials);
    if (slot->reaped && slot->kill_ns == 0) {
        if (!mlf__group_is_alive(slot->pid)) {
            finish(slot);
            return;
        }
        /* What it had started in its group ends with it; a daemon leaves that first. */
        if (slot->linger_ns == 0)
            slot->linger_ns = now + LINGER_MS * 1000000ll;
        else if (now >= slot->linger_ns)
            begin_kill(slot);
    }
    if (slot->kill_ns == 0)
        return;
    bool given_up = slot->give_up_ns != 0 && now >= slot->give_up_ns;
    if (slot->reaped && (!signal_all(slot, 0) || given_up)) {
        finish(slot);
    } else if (now >= slot->kill_ns) {
        signal_all(slot, SIGKILL);
        if (slot->give_up_ns == 0)
            slot->give_up_ns = now + GIVE_UP_MS * 1000000ll;
    }
}

void mlf__trials_kill(struct mlf__trials *trials, int index, enum mlf__trial_kill why)
{
    if (index < 0 || index >= count_slots(trials) || !trials->slots[index].used)
        return;
    struct slot *slot = &trials->slots[index];
    if (slot->kill_ns != 0)
        return;
    if (slot->end.killed == MLF__KILL_NONE && !slot->reaped)
        slot->end.killed = why;
    begin_kill(slot);
}

/* ---- starting ---- */

static void put_process(struct mlf__ring *ring, const struct mlf__trial_start *start)
{
    enum { TEXT_MAX = 64 * 1024 };
    struct mlf__buf words = {0};
    char path[MLF__PATH_SIZE];
    if (!mlf__absolute_path(start->program->path, path, sizeof(path)))
        mlf__copy_text(path, sizeof(path), start->program->path);
    for (size_t i = 0; start->argv[i] != NULL; i++) {
        size_t len = strlen(start->argv[i]);
        /* What is left out of a huge command line are its last words. */
        if (words.len + len + 1 > TEXT_MAX)
            break;
        if (i > 0)
            mlf__buf_add(&words, "", 1);
        mlf__buf_add(&words, start->argv[i], len);
    }
    struct mlf__event event = {.kind = MLF__EV_PROCESS,
                               .step = getpid(),
                               .key = path,
                               .run = start->run_id,
                               .model = "",
                               .text = words.data,
                               .text_len = words.len};
    if (!words.failed && words.len > 0 &&
        mlf__ring_put_event(ring, &event, MLF__RING_WAIT_CALL) != MLF_OK)
        mlf__ring_count_drop(ring);
    mlf__buf_free(&words);
}

static mlf_status make_recogniser(struct slot *slot)
{
    const struct mlf__recogniser_options *options = slot->trials->options.recogniser;
    if (options == NULL)
        return MLF_OK;
    mlf_status status = mlf__recogniser_create(options, take_hit, slot, &slot->recogniser);
    if (status == MLF_OK && !mlf__recogniser_wants_output(slot->recogniser)) {
        mlf__recogniser_destroy(slot->recogniser);
        slot->recogniser = NULL;
    }
    return status;
}

static mlf_status spawn(struct slot *slot, const struct mlf__trial_start *start)
{
    const struct mlf__trials_options *options = &slot->trials->options;
    const struct mlf__launch launch = {.program = start->program,
                                       .argv = start->argv,
                                       .ring = options->ring != NULL ? mlf__ring_path(options->ring)
                                                                     : NULL,
                                       .hooks = options->hooks,
                                       .run = start->run_id,
                                       .env = start->env,
                                       .line_buffered = options->line_buffered};
    struct mlf__image image;
    struct mlf__spawned spawned;
    const struct mlf__spawn_group how = {.image = &image,
                                         .starter = slot->trials->starter,
                                         .directory = start->directory,
                                         .memory_limit = start->memory_limit,
                                         .null = slot->trials->null};
    mlf_status status = mlf__image_make(&launch, &image);
    slot->end.start_ns = mlf__now_ns();
    slot->start_ns = mlf__monotonic_ns();
    if (status == MLF_OK)
        status = mlf__spawn_group(&how, &spawned);
    mlf__image_free(&image);
    if (status != MLF_OK)
        return status;
    mlf__watchdog_set(slot->trials->watchdog, (size_t)slot->index, spawned.pid);
    slot->pid = spawned.pid;
    slot->streams[0] = spawned.out;
    slot->streams[1] = spawned.err;
    slot->end.exec_error = spawned.exec_error;
    return MLF_OK;
}

mlf_status mlf__trials_start(struct mlf__trials *trials, const struct mlf__trial_start *start,
                             int *index)
{
    struct slot *slot = NULL;
    for (int i = 0; i < count_slots(trials) && slot == NULL; i++)
        if (!trials->slots[i].used)
            slot = &trials->slots[i];
    if (slot == NULL)
        return mlf__fail(MLF_ERR_BUSY, "all %d slots are in use", count_slots(trials));
    slot->reaped = false;
    slot->tail_len = 0;
    slot->timeout_ns = slot->linger_ns = slot->kill_ns = slot->give_up_ns = 0;
    slot->left[0] = slot->left[1] = 0;
    slot->end = (struct mlf__trial_end){0};
    mlf__points_clear(&slot->points);
    mlf__copy_text(slot->run_id, sizeof(slot->run_id), start->run_id);
    mlf_status status = make_recogniser(slot);
    if (status == MLF_OK && trials->options.ring != NULL)
        put_process(trials->options.ring, start);
    if (status == MLF_OK)
        status = spawn(slot, start);
    if (status != MLF_OK) {
        free_slot(slot);
        return status;
    }
    if (start->timeout_ms > 0)
        slot->timeout_ns = slot->start_ns + start->timeout_ms * 1000000;
    slot->used = true;
    trials->running++;
    *index = slot->index;
    return MLF_OK;
}

int mlf__trials_running(const struct mlf__trials *trials)
{
    return trials->running;
}

/* ---- the loop ---- */

static void read_signals(struct mlf__trials *trials)
{
    const struct mlf__trials_handlers *handlers = &trials->options.handlers;
    int signo;
    while ((signo = mlf__taken_signals_next(&trials->signals)) != 0) {
        if (signo == SIGCHLD)
            continue;
        trials->happened = true;
        if (handlers->signalled != NULL)
            handlers->signalled(signo, handlers->user);
    }
    reap(trials);
}

static void sooner(int64_t *until, int64_t ns)
{
    if (ns != 0 && ns < *until)
        *until = ns;
}

/* When something is due that no descriptor tells of, |until| at the latest. */
static int64_t next_due(const struct mlf__trials *trials, int64_t until)
{
    int64_t now = mlf__monotonic_ns();
    if (trials->running > 0 && trials->options.collector != NULL) {
        int64_t every_ms = trials->options.line_buffered ? TAP_FAST_MS : TAP_SLOW_MS;
        sooner(&until, trials->tapped_ns + every_ms * 1000000);
    }
    for (int i = 0; i < trials->options.n_slots; i++) {
        const struct slot *slot = &trials->slots[i];
        if (!slot->used)
            continue;
        sooner(&until, slot->timeout_ns);
        if (slot->kill_ns != 0 || slot->linger_ns != 0)
            sooner(&until, now + KILL_LOOK_MS * 1000000ll);
        int64_t due_ms = slot->recogniser != NULL ? mlf__recogniser_due_ms(slot->recogniser) : -1;
        if (due_ms >= 0)
            sooner(&until, now + due_ms * 1000000);
    }
    return until > now ? until : now;
}

static void wait_and_read(struct mlf__trials *trials, int64_t until)
{
    int n = count_slots(trials);
    trials->polls[0] = (struct pollfd){.fd = trials->signals.pipe[0], .events = POLLIN};
    for (int i = 0; i < n; i++)
        for (int stream = 0; stream < STREAMS; stream++) {
            const struct slot *slot = &trials->slots[i];
            trials->polls[1 + STREAMS * i + stream] =
                (struct pollfd){.fd = slot->used ? slot->streams[stream] : -1, .events = POLLIN};
        }
    int64_t wait_ns = until - mlf__monotonic_ns();
    if (wait_ns < 0)
        wait_ns = 0;
    const struct timespec wait = {wait_ns / 1000000000, wait_ns % 1000000000};
    if (ppoll(trials->polls, 1 + (nfds_t)(STREAMS * n), &wait, NULL) < 0)
        return;
    if (trials->polls[0].revents != 0)
        read_signals(trials);
    for (int i = 0; i < n; i++)
        for (int stream = 0; stream < STREAMS; stream++)
            if (trials->polls[1 + STREAMS * i + stream].revents != 0)
                read_stream(&trials->slots[i], stream, BLOCK);
}

static void look_at_everything(struct mlf__trials *trials)
{
    int64_t now = mlf__monotonic_ns();
    int64_t every_ms = trials->options.line_buffered ? TAP_FAST_MS : TAP_SLOW_MS;
    if (trials->running > 0 && now - trials->tapped_ns >= every_ms * 1000000)
        look_at_tap(trials, 0);
    for (int i = 0; i < count_slots(trials); i++) {
        struct slot *slot = &trials->slots[i];
        if (slot->used && slot->recogniser != NULL && mlf__recogniser_due_ms(slot->recogniser) == 0)
            mlf__recogniser_tick(slot->recogniser);
        if (slot->used)
            look_at_slot(slot);
    }
}

mlf_status mlf__trials_step(struct mlf__trials *trials, int64_t timeout_ms)
{
    int64_t until = mlf__monotonic_ns() + timeout_ms * 1000000;
    trials->happened = false;
    do {
        wait_and_read(trials, next_due(trials, until));
        look_at_everything(trials);
    } while (!trials->happened && mlf__monotonic_ns() < until);
    return MLF_OK;
}

/* ---- life ---- */

static mlf_status prepare(struct mlf__trials *trials)
{
    size_t n = (size_t)trials->options.n_slots;
    trials->polls = mlf__zalloc(1 + STREAMS * n, sizeof(*trials->polls));
    trials->block = mlf__alloc(BLOCK);
    if (trials->polls == NULL || trials->block == NULL)
        return MLF_ERR_NOMEM;
    trials->null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (trials->null < 0)
        return mlf__fail_errno(errno, "/dev/null cannot be opened");
    mlf_status status = mlf__starter_start(&trials->starter);
    if (status == MLF_OK)
        status = mlf__taken_signals_take(&trials->signals);
    if (status == MLF_OK && trials->options.ring != NULL)
        status = mlf__watchdog_start(n, mlf__ring_path(trials->options.ring), &trials->watchdog);
    if (status == MLF_OK && trials->options.collector != NULL)
        status = mlf__collector_tap(trials->options.collector, take_tapped, trials);
    return status;
}

mlf_status mlf__trials_create(const struct mlf__trials_options *options, struct mlf__trials **out)
{
    *out = NULL;
    if (options->n_slots <= 0)
        return mlf__fail(MLF_ERR_INVAL, "%d processes at once", options->n_slots);
    struct mlf__trials *trials =
        mlf__zalloc(1, sizeof(*trials) + (size_t)options->n_slots * sizeof(struct slot));
    if (trials == NULL)
        return MLF_ERR_NOMEM;
    trials->options = *options;
    trials->null = -1;
    trials->signals = (struct mlf__taken_signals)MLF__TAKEN_SIGNALS_INIT;
    pthread_mutex_init(&trials->queue_lock, NULL);
    for (int i = 0; i < options->n_slots; i++) {
        struct slot *slot = &trials->slots[i];
        slot->trials = trials;
        slot->index = i;
        for (int stream = 0; stream < STREAMS; stream++) {
            slot->streams[stream] = -1;
            slot->outputs[stream].fd = -1;
        }
    }
    prctl(PR_GET_CHILD_SUBREAPER, &trials->old_subreaper);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    mlf_status status = prepare(trials);
    if (status != MLF_OK) {
        mlf__trials_destroy(trials);
        return status;
    }
    *out = trials;
    return MLF_OK;
}

/* Kills what runs, and waits until it is gone. */
static void kill_running(struct mlf__trials *trials)
{
    const struct timespec nap = {.tv_nsec = 2000000};
    int64_t until = mlf__monotonic_ns() + GIVE_UP_MS * 1000000ll;
    bool left = trials->running > 0;
    while (left && mlf__monotonic_ns() < until) {
        left = false;
        for (int i = 0; i < count_slots(trials); i++)
            if (trials->slots[i].used)
                left |= signal_all(&trials->slots[i], SIGKILL);
        reap(trials);
        if (left)
            nanosleep(&nap, NULL);
    }
}

void mlf__trials_destroy(struct mlf__trials *trials)
{
    if (trials == NULL)
        return;
    kill_running(trials);
    if (trials->options.collector != NULL)
        mlf__collector_tap(trials->options.collector, NULL, NULL);
    for (int i = 0; i < count_slots(trials); i++) {
        free_slot(&trials->slots[i]);
        mlf__points_free(&trials->slots[i].points);
    }
    mlf__watchdog_stop(trials->watchdog);
    mlf__starter_stop(trials->starter);
    prctl(PR_SET_CHILD_SUBREAPER, trials->old_subreaper);
    mlf__taken_signals_give_back(&trials->signals);
    if (trials->null >= 0)
        close(trials->null);
    for (size_t i = 0; i < trials->n_queue; i++)
        mlf__free(trials->queue[i].key);
    mlf__free(trials->queue);
    mlf__free(trials->polls);
    mlf__free(trials->block);
    pthread_mutex_destroy(&trials->queue_lock);
    mlf__free(trials);
}
