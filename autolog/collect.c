/* SPDX-License-Identifier: Apache-2.0 */
/* `mlf collect`: the collector of a program that has no launcher. The program that starts it (core/spawn.c) is
 * not its parent; it watches that program through a pidfd. */
#include "autolog/collector.h"

#include "autolog/apply.h"
#include "core/log.h"
#include "core/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WATCH_MS = 100, REAP_WAIT_MS = 2000, FINISH_MS = 30000 };

/* From <linux/pidfd.h> of Linux 6.15, which systems that build mlf need not have. */
struct pidfd_info_v0 {
    uint64_t mask;
    uint64_t cgroup_id;
    uint32_t ids[11];
    int32_t exit_code;
};
#define PIDFD_GET_INFO_V0 _IOWR(0xFF, 11, struct pidfd_info_v0)
enum { PIDFD_HAS_EXIT = 1 << 3 };

/* Cuts all ties with the program: terminal, directory, descriptors. */
static void detach(void)
{
    setsid();
    if (chdir("/") != 0)
        mlf__log(MLF__LOG_WARN, "chdir /: %s", strerror(errno));
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd <= 2 && null >= 0; fd++)
        dup2(null, fd);
    if (syscall(SYS_close_range, 3u, ~0u, 0u) != 0)
        for (int fd = 3; fd < 1024; fd++)
            close(fd);
}

/* `mlf sync` looks at a ring under its lock, for a moment. */
static mlf_status lock_ring(struct mlf__ring *ring)
{
    enum { TRIES = 1000, NAP_MS = 5 };
    mlf_status status = mlf__ring_lock(ring);
    for (int i = 0; status == MLF_ERR_BUSY && i < TRIES; i++) {
        poll(NULL, 0, NAP_MS);
        status = mlf__ring_lock(ring);
    }
    return status;
}

/* A pidfd of the process |id|; -1 when it is gone or there are no pidfds. */
static int open_pidfd(const struct mlf__proc_id *id)
{
    int fd = (int)syscall(SYS_pidfd_open, id->pid, 0);
    if (fd >= 0 && !mlf__proc_alive(id)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Waits until the process is gone; the collector meanwhile works in its own threads. */
static void wait_for_end(int pidfd, const struct mlf__proc_id *id)
{
    while (mlf__proc_alive(id)) {
        struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};
        poll(&poll_fd, pidfd >= 0 ? 1 : 0, WATCH_MS);
    }
}

/* The wait status of an ended process, as the kernel tells it once the process has been reaped. */
static bool kernel_exit_status(int pidfd, int *wait_status)
{
    int64_t end = mlf__monotonic_ns() + REAP_WAIT_MS * 1000000ll;
    while (pidfd >= 0 && mlf__monotonic_ns() < end) {
        struct pidfd_info_v0 info = {.mask = PIDFD_HAS_EXIT};
        if (ioctl(pidfd, PIDFD_GET_INFO_V0, &info) == 0 && (info.mask & PIDFD_HAS_EXIT) != 0) {
            *wait_status = info.exit_code;
            return true;
        }
        struct pollfd poll_fd = {.fd = pidfd, .events = 0}; /* POLLHUP: reaped */
        if (poll(&poll_fd, 1, WATCH_MS) < 0 && errno != EINTR)
            return false;
        if ((poll_fd.revents & POLLHUP) != 0 && (errno == ENOTTY || errno == EINVAL))
            return false;
    }
    return false;
}

/* Records how the process ended, when the kernel tells; else its own exit record stands. */
static void record_end(struct mlf__ring *ring, int pidfd)
{
    int wait_status;
    if (!kernel_exit_status(pidfd, &wait_status))
        return;
    struct mlf__event event = {
        .kind = MLF__EV_EXIT, .step = wait_status, .key = "", .run = "", .model = "", .text = ""};
    mlf__ring_put_event(ring, &event, MLF__RING_WAIT_CALL);
}

static mlf_status collect_ring(struct mlf__ring *ring)
{
    struct mlf__proc_id owner = mlf__ring_owner(ring);
    int pidfd = open_pidfd(&owner);
    struct mlf__collector *collector;
    mlf_status status = mlf__collector_start(ring, &collector);
    if (status != MLF_OK) {
        if (pidfd >= 0)
            close(pidfd);
        return status;
    }
    mlf__collector_watch(collector, owner.pid);
    wait_for_end(pidfd, &owner);
    int64_t end_ns = mlf__now_ns();
    record_end(ring, pidfd);
    if (pidfd >= 0)
        close(pidfd);
    while (!mlf__ring_producers_dead(ring))
        poll(NULL, 0, WATCH_MS);
    struct mlf__summary summary;
    status = mlf__collector_finish(collector, 0, end_ns, FINISH_MS, &summary);
    if (summary.error != NULL)
        mlf__log(MLF__LOG_ERROR, "run %s: %s", summary.run_id, summary.error);
    mlf__summary_free(&summary);
    return status;
}

mlf_status mlf__collect(const char *ring_path)
{
    detach();
    struct mlf__ring *ring;
    mlf_status status = mlf__ring_attach(ring_path, &ring);
    if (status == MLF_OK)
        status = lock_ring(ring);
    if (status == MLF_OK) {
        mlf__ring_set_collector(ring);
        status = collect_ring(ring);
    }
    if (status != MLF_OK)
        mlf__log(MLF__LOG_ERROR, "mlf collect: %s", mlf__errmsg());
    mlf__ring_detach(ring);
    return status;
}
