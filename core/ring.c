/* SPDX-License-Identifier: Apache-2.0 */
/* The ring file: creating, mapping, locking, and what is kept in its header.
 *
 * THREAD SAFETY NOTES: everything in the mapping that changes is atomic; there are no locks between
 * producers. The consumer's exclusiveness is the OFD lock on the file. A struct mlf__ring belongs to
 * one process and may be used by all its threads. */
#include "core/compat_glibc.h"
#include "core/ring_layout.h"

#include "core/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct layout {
    uint32_t n_cells, n_names, name_text_size;
    size_t slots, names, name_text, cells, size;
};

static size_t round_up(size_t n)
{
    return (n + 4095) & ~(size_t)4095;
}

static struct layout layout_of(uint32_t n_cells, uint32_t n_names, uint32_t name_text_size)
{
    struct layout at = {.n_cells = n_cells, .n_names = n_names, .name_text_size = name_text_size};
    at.slots = round_up(sizeof(struct ring_header));
    at.names = at.slots + round_up(RING_SLOTS * sizeof(struct ring_slot));
    at.name_text = at.names + round_up(n_names * sizeof(struct ring_name));
    at.cells = at.name_text + round_up(name_text_size);
    at.size = at.cells + (size_t)n_cells * sizeof(union ring_any);
    return at;
}

static struct layout layout_for(bool small)
{
    uint32_t divisor = small ? RING_SMALL_DIVISOR : 1;
    return layout_of(RING_CELLS / divisor, RING_NAMES / divisor, RING_NAME_TEXT / divisor);
}

/* The object lives in a page of its own: a host process's malloc is never called from a hook. */
static struct mlf__ring *ring_new(const char *path)
{
    struct mlf__ring *ring = mmap(NULL, round_up(sizeof(*ring)), PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (ring == MAP_FAILED) {
        mlf__fail_errno(errno, "%s: no memory to map the ring", path);
        return NULL;
    }
    ring->fd = -1;
    atomic_store_explicit(&ring->slot, -1, memory_order_relaxed);
    mlf__copy_text(ring->path, sizeof(ring->path), path);
    mlf__proc_identify(0, &ring->self);
    return ring;
}

static mlf_status ring_map(struct mlf__ring *ring, int fd, const struct layout *at)
{
    char *base = mmap(NULL, at->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        return mlf__fail_errno(errno, "%s: the ring cannot be mapped", ring->path);
    ring->map_size = at->size;
    ring->header = (struct ring_header *)(void *)base;
    ring->slots = (struct ring_slot *)(void *)(base + at->slots);
    ring->names = (struct ring_name *)(void *)(base + at->names);
    ring->name_text = base + at->name_text;
    ring->cells = (union ring_any *)(void *)(base + at->cells);
    ring->n_cells = at->n_cells;
    ring->n_names = at->n_names;
    ring->name_text_size = at->name_text_size;
    ring->fd = fd;
    return MLF_OK;
}

/* Allocates every block, so that a full file system is an error here and not SIGBUS later. */
static mlf_status allocate_file(int fd, const char *path, size_t size)
{
    if (syscall(SYS_fallocate, fd, 0, (off_t)0, (off_t)size) == 0)
        return MLF_OK;
    if (errno != EOPNOTSUPP && errno != ENOSYS)
        return mlf__fail_errno(errno, "%s: no room for the ring (%zu KiB)", path, size / 1024);
    static const char zeros[4096];
    for (size_t at = 0; at < size; at += sizeof(zeros))
        if (syscall(SYS_write, fd, zeros, sizeof(zeros)) != (long)sizeof(zeros))
            return mlf__fail_errno(ENOSPC, "%s: no room for the ring (%zu KiB)", path, size / 1024);
    return MLF_OK;
}

static void fill_header(struct mlf__ring *ring, const struct layout *at,
                        const struct mlf__config *config)
{
    struct ring_header *header = ring->header;
    header->abi = MLF__RING_ABI;
    header->n_cells = at->n_cells;
    header->n_names = at->n_names;
    header->name_text_size = at->name_text_size;
    header->file_size = at->size;
    header->config = ring->config = *config;
    header->owner = ring->self;
    mlf__realm_get(&header->realm);
    memcpy(header->magic, MLF__RING_MAGIC, sizeof(header->magic));
}

/* The file gets its name last: whoever finds the name finds a whole ring with a living owner. */
mlf_status mlf__ring_create(const char *path, const struct mlf__config *config, bool small,
                            bool lock, struct mlf__ring **out)
{
    *out = NULL;
    char unfinished[sizeof(((struct mlf__ring *)0)->path) + 24];
    snprintf(unfinished, sizeof(unfinished), "%s.%d.new", path, (int)getpid());
    struct layout at = layout_for(small);
    int fd =
        (int)syscall(SYS_openat, AT_FDCWD, unfinished, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return mlf__fail_errno(errno, "%s: the ring cannot be created", path);
    struct mlf__ring *ring = ring_new(path);
    mlf_status status = ring == NULL ? MLF_ERR_NOMEM : allocate_file(fd, path, at.size);
    bool mapped = status == MLF_OK && (status = ring_map(ring, fd, &at)) == MLF_OK;
    if (mapped) {
        fill_header(ring, &at, config);
        if (lock)
            status = mlf__ring_lock(ring);
        if (status == MLF_OK && !mlf__ring_take_slot(ring))
            status = mlf__fail(MLF_ERR_IO, "%s: no slot in a new ring", path);
        if (status == MLF_OK && syscall(SYS_renameat, AT_FDCWD, unfinished, AT_FDCWD, path) != 0)
            status = mlf__fail_errno(errno, "%s: the ring cannot be created", path);
    }
    if (status != MLF_OK) {
        if (!mapped)
            syscall(SYS_close, fd);
        syscall(SYS_unlinkat, AT_FDCWD, unfinished, 0);
        mlf__ring_detach(ring);
        return status;
    }
    *out = ring;
    return MLF_OK;
}

static bool ends_with_nul(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

static bool config_valid(const struct mlf__config *c)
{
    return ends_with_nul(c->tracking_uri, sizeof(c->tracking_uri)) &&
           ends_with_nul(c->experiment_name, sizeof(c->experiment_name)) &&
           ends_with_nul(c->experiment_id, sizeof(c->experiment_id)) &&
           ends_with_nul(c->run_id, sizeof(c->run_id)) && ends_with_nul(c->cwd, sizeof(c->cwd));
}

/* Checks what can be checked before mapping, with the header read by pread: |size| is the file's. */
static mlf_status check_file(int fd, const char *path, struct layout *at)
{
    struct stat st;
    if (syscall(SYS_fstat, fd, &st) != 0)
        return mlf__fail_errno(errno, "%s: cannot be examined", path);
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0)
        return mlf__fail(MLF_ERR_PERM, "%s: not a private file of this user", path);
    struct ring_header header;
    if (syscall(SYS_pread64, fd, &header, sizeof(header), (off_t)0) != (long)sizeof(header) ||
        memcmp(header.magic, MLF__RING_MAGIC, sizeof(header.magic)) != 0)
        return mlf__fail(MLF_ERR_CORRUPT, "%s: not a ring of mlf", path);
    if (header.abi != MLF__RING_ABI)
        return mlf__fail(MLF_ERR_UNSUPPORTED, "%s: a ring of another mlf (version %u, this is %d)",
                         path, header.abi, MLF__RING_ABI);
    for (int small = 0; small < 2; small++) {
        *at = layout_for(small);
        if (header.n_cells == at->n_cells && header.n_names == at->n_names &&
            header.name_text_size == at->name_text_size && (size_t)st.st_size == at->size)
            return MLF_OK;
    }
    return mlf__fail(MLF_ERR_CORRUPT, "%s: the ring's sizes do not fit its file", path);
}

mlf_status mlf__ring_attach(const char *path, struct mlf__ring **out)
{
    *out = NULL;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return mlf__fail_errno(errno, "%s: the ring cannot be opened", path);
    struct layout at = {0};
    mlf_status status = check_file(fd, path, &at);
    struct mlf__ring *ring = status == MLF_OK ? ring_new(path) : NULL;
    if (status == MLF_OK)
        status = ring == NULL ? MLF_ERR_NOMEM : ring_map(ring, fd, &at);
    if (status == MLF_OK) {
        ring->config = ring->header->config;
        if (!config_valid(&ring->config))
            status = mlf__fail(MLF_ERR_CORRUPT, "%s: the ring's configuration is damaged", path);
    }
    if (status != MLF_OK) {
        if (ring == NULL || ring->fd < 0)
            syscall(SYS_close, fd);
        mlf__ring_detach(ring);
        return status;
    }
    *out = ring;
    return MLF_OK;
}

void mlf__ring_close_file(struct mlf__ring *ring)
{
    if (ring->fd >= 0)
        syscall(SYS_close, ring->fd);
    ring->fd = -1;
}

void mlf__ring_detach(struct mlf__ring *ring)
{
    if (ring == NULL)
        return;
    mlf__ring_close_file(ring);
    if (ring->header != NULL)
        munmap(ring->header, ring->map_size);
    munmap(ring, round_up(sizeof(*ring)));
}

const char *mlf__ring_path(const struct mlf__ring *ring)
{
    return ring->path;
}

const struct mlf__config *mlf__ring_config(const struct mlf__ring *ring)
{
    return &ring->config;
}

struct mlf__realm mlf__ring_realm(const struct mlf__ring *ring)
{
    return ring->header->realm;
}

/* ---- lock, collector, error ---- */

mlf_status mlf__ring_lock(struct mlf__ring *ring)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(ring->fd, F_OFD_SETLK, &lock) == 0)
        return MLF_OK;
    if (errno == EAGAIN || errno == EACCES)
        return mlf__fail(MLF_ERR_BUSY, "%s: another collector has the ring", ring->path);
    return mlf__fail_errno(errno, "%s: the ring cannot be locked", ring->path);
}

void mlf__ring_touch(struct mlf__ring *ring)
{
    syscall(SYS_utimensat, ring->fd, NULL, NULL, 0);
}

void mlf__ring_set_collector(struct mlf__ring *ring)
{
    ring->header->collector = ring->self;
}

bool mlf__ring_collector(const struct mlf__ring *ring, struct mlf__proc_id *out)
{
    *out = ring->header->collector;
    return out->pid != 0;
}

void mlf__ring_set_error(struct mlf__ring *ring, const char *text)
{
    struct ring_header *header = ring->header;
    atomic_fetch_add_explicit(&header->error_seq, 1, memory_order_acq_rel);
    mlf__copy_text(header->error, sizeof(header->error), text);
    atomic_fetch_add_explicit(&header->error_seq, 1, memory_order_release);
}

void mlf__ring_error(const struct mlf__ring *ring, char *out, size_t size)
{
    const struct ring_header *header = ring->header;
    out[0] = '\0';
    for (int attempt = 0; attempt < 100; attempt++) {
        char text[RING_ERROR_SIZE];
        uint32_t seq = atomic_load_explicit(&header->error_seq, memory_order_acquire);
        memcpy(text, header->error, sizeof(text));
        atomic_thread_fence(memory_order_acquire);
        if ((seq & 1) == 0 &&
            atomic_load_explicit(&header->error_seq, memory_order_relaxed) == seq) {
            text[sizeof(text) - 1] = '\0';
            mlf__copy_text(out, size, text);
            return;
        }
    }
}

void mlf__ring_count_drop(struct mlf__ring *ring)
{
    atomic_fetch_add_explicit(&ring->header->drops, 1, memory_order_relaxed);
}

uint64_t mlf__ring_drops(const struct mlf__ring *ring)
{
    return atomic_load_explicit(&ring->header->drops, memory_order_relaxed);
}

/* ---- adapters and trainings ---- */

/* May a training share its run with the run's first one, whose params and metrics are given? */
static bool shares_run(_Atomic uint64_t *first_params, _Atomic uint64_t *taken_bits,
                       uint64_t params_hash, uint64_t metric_bits)
{
    uint64_t first = 0;
    params_hash |= 1; /* 0 means that there was none */
    if (!atomic_compare_exchange_strong(first_params, &first, params_hash) && first != params_hash)
        return false;
    return (atomic_fetch_or(taken_bits, metric_bits) & metric_bits) == 0;
}

uint32_t mlf__trainings_begin(struct mlf__trainings *trainings, uint64_t params_hash,
                              uint64_t metric_bits)
{
    uint32_t number = atomic_fetch_add(&trainings->count, 1) + 1;
    bool shares =
        shares_run(&trainings->first_params, &trainings->metric_bits, params_hash, metric_bits);
    return shares ? 1 : number;
}

/* The counter of the name "<run>#<what>", for what the processes of a run have in common; NULL without room. */
static _Atomic uint64_t *run_counter(struct mlf__ring *ring, const char *run_id, char what)
{
    char name[MLF__ID_SIZE + 2];
    size_t len = strlen(run_id);
    if (len >= MLF__ID_SIZE)
        return NULL;
    memcpy(name, run_id, len);
    name[len] = '#';
    name[len + 1] = what;
    mlf__name_id id = mlf__ring_intern(ring, name, len + 2);
    return id != 0 ? (_Atomic uint64_t *)&ring->names[id - 1].next_step : NULL;
}

uint32_t mlf__ring_run_training(struct mlf__ring *ring, const char *run_id, uint64_t params_hash,
                                uint64_t metric_bits)
{
    _Atomic uint64_t *count = run_counter(ring, run_id, 'n');
    _Atomic uint64_t *params = run_counter(ring, run_id, 'p');
    _Atomic uint64_t *bits = run_counter(ring, run_id, 'm');
    if (count == NULL || params == NULL || bits == NULL)
        return 0;
    uint32_t number = (uint32_t)atomic_fetch_add(count, 1) + 1;
    return shares_run(params, bits, params_hash, metric_bits) ? 1 : number;
}

struct mlf__trainings *mlf__ring_trainings(struct mlf__ring *ring)
{
    return &ring->header->trainings;
}

/* ---- futexes and positions ---- */

void mlf__futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t timeout_ms)
{
    struct timespec ts = {.tv_sec = (time_t)(timeout_ms / 1000),
                          .tv_nsec = (long)(timeout_ms % 1000) * 1000000};
    syscall(SYS_futex, (uint32_t *)word, FUTEX_WAIT, value, timeout_ms < 0 ? NULL : &ts, NULL, 0);
}

void mlf__futex_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, (uint32_t *)word, FUTEX_WAKE, 0x7fffffff, NULL, NULL, 0);
}

void mlf__ring_sleep(struct mlf__ring *ring, uint32_t bell, int64_t timeout_ms)
{
    mlf__futex_wait(&ring->header->bell, bell, timeout_ms);
}

uint32_t mlf__ring_bell(const struct mlf__ring *ring)
{
    return atomic_load_explicit(&ring->header->bell, memory_order_acquire);
}

void mlf__ring_ring_bell(struct mlf__ring *ring)
{
    atomic_fetch_add_explicit(&ring->header->bell, 1, memory_order_release);
    mlf__futex_wake(&ring->header->bell);
}

uint64_t mlf__ring_head(const struct mlf__ring *ring)
{
    /* The header's head lags: every cell behind it that was claimed in this lap, or released since, counts. */
    uint64_t head = atomic_load_explicit(&ring->header->head, memory_order_acquire);
    for (uint32_t i = 0; i < ring->n_cells; i++, head++) {
        uint64_t word = atomic_load_explicit(&ring_at(ring, head)->cell.word, memory_order_acquire);
        bool claimed = word_lap(word) == ring_lap(ring, head) && word_state(word) != CELL_FREE;
        if (!claimed && word_lap(word) != ring_lap(ring, head + ring->n_cells))
            break;
    }
    return head;
}

uint64_t mlf__ring_settled(const struct mlf__ring *ring)
{
    return atomic_load_explicit(&ring->header->settled, memory_order_acquire);
}

void mlf__ring_settle(struct mlf__ring *ring, uint64_t position)
{
    struct ring_header *header = ring->header;
    if (atomic_load_explicit(&header->settled, memory_order_relaxed) >= position)
        return;
    atomic_store_explicit(&header->settled, position, memory_order_release);
    atomic_fetch_add_explicit(&header->settled_bell, 1, memory_order_release);
    mlf__futex_wake(&header->settled_bell);
}

mlf_status mlf__ring_wait_settled(struct mlf__ring *ring, uint64_t position, int64_t timeout_ms)
{
    struct ring_header *header = ring->header;
    int64_t deadline = mlf__monotonic_ns() + timeout_ms * 1000000;
    for (;;) {
        uint32_t bell = atomic_load_explicit(&header->settled_bell, memory_order_acquire);
        if (atomic_load_explicit(&header->settled, memory_order_acquire) >= position)
            return MLF_OK;
        struct mlf__proc_id collector = header->collector;
        if (collector.pid != 0 && !mlf__proc_alive(&collector))
            return mlf__fail(MLF_ERR_STATE,
                             "the collector (pid %d) has died; `mlf sync` stores "
                             "what it left",
                             (int)collector.pid);
        int64_t left_ms = (deadline - mlf__monotonic_ns()) / 1000000;
        if (left_ms <= 0)
            return mlf__fail(MLF_ERR_TIMEOUT,
                             "the collector did not store everything within %lld ms",
                             (long long)timeout_ms);
        /* The bell is rung after each step, so that a wait is cut short; a dead collector rings none. */
        mlf__ring_ring_bell(ring);
        mlf__futex_wait(&header->settled_bell, bell, left_ms < 50 ? left_ms : 50);
    }
}

size_t mlf__ring_used(const struct mlf__ring *ring)
{
    uint64_t tail = atomic_load_explicit(&ring->header->tail, memory_order_acquire);
    uint64_t head = mlf__ring_head(ring);
    return head > tail ? (size_t)(head - tail) : 0;
}

size_t mlf__ring_capacity(const struct mlf__ring *ring)
{
    return ring->n_cells;
}

struct mlf__proc_id mlf__ring_owner(const struct mlf__ring *ring)
{
    return ring->header->owner;
}

void mlf__ring_set_finishing(struct mlf__ring *ring)
{
    atomic_store_explicit(&ring->header->finishing, 1, memory_order_release);
}

/* Is the slot's process alive? One that is just taking it counts. */
static bool slot_lives(const struct ring_slot *slot, int32_t except_pid)
{
    uint64_t owner = atomic_load_explicit(&slot->owner, memory_order_acquire);
    struct mlf__proc_id id = {.pid = slot_pid(owner)}, now;
    if (id.pid == 0 || id.pid == except_pid)
        return false;
    if ((owner & SLOT_TAKING) != 0)
        return mlf__proc_identify(id.pid, &now);
    id.start_time = atomic_load_explicit(&slot->start_time, memory_order_acquire);
    return mlf__proc_alive(&id);
}

void mlf__ring_set_command(struct mlf__ring *ring, pid_t pid)
{
    struct mlf__proc_id command;
    if (mlf__proc_identify(pid, &command))
        ring->header->command = command;
}

static size_t count_living(const struct mlf__ring *ring, int32_t except_pid)
{
    struct mlf__proc_id command = ring->header->command;
    size_t n = command.pid != 0 && mlf__proc_alive(&command);
    for (uint32_t i = 0; i < RING_SLOTS; i++)
        n += slot_lives(&ring->slots[i], except_pid);
    return n;
}

bool mlf__ring_leaving(const struct mlf__ring *ring)
{
    for (uint32_t i = 0; i < RING_SLOTS; i++) {
        uint64_t owner = atomic_load_explicit(&ring->slots[i].owner, memory_order_acquire);
        struct mlf__proc_id id = {
            .pid = slot_pid(owner),
            .start_time = atomic_load_explicit(&ring->slots[i].start_time, memory_order_acquire)};
        if (mlf__proc_leaving(&id))
            return true;
    }
    return false;
}

size_t mlf__ring_living(const struct mlf__ring *ring)
{
    return count_living(ring, 0);
}

/* A launcher's command may not have logged yet: there, only its finishing says that it is over. */
bool mlf__ring_producers_dead(const struct mlf__ring *ring)
{
    if ((ring->config.flags & MLF__CONFIG_LAUNCHER) != 0)
        return atomic_load_explicit(&ring->header->finishing, memory_order_acquire) != 0;
    return count_living(ring, ring->header->collector.pid) == 0;
}

bool mlf__ring_all_dead(const struct mlf__ring *ring, bool *elsewhere)
{
    struct mlf__realm there = ring->header->realm;
    enum mlf__realm_relation relation = mlf__realm_compare(&there);
    *elsewhere = relation == MLF__REALM_ELSEWHERE;
    if (relation != MLF__REALM_HERE)
        return relation == MLF__REALM_GONE;
    return count_living(ring, 0) == 0;
}
