/* SPDX-License-Identifier: Apache-2.0 */
/* The machine and the process tree, read from /proc. Memory, disk and network count in megabytes of 10^6
 * bytes, as MLflow does; a process tree's CPU percentage is of one CPU, so that two busy threads are 200. */
#include "autolog/system_metrics.h"

#include "core/buf.h"
#include "core/sys.h"

#include <dirent.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    TEXT_SIZE = 16 * 1024,
    PROCESSES_MAX = 256, /* of one tree */
    LISTS_MAX = 512,     /* lists of children that are read for one tree */
    TICKS_NEEDED = 5     /* for a percentage that means something */
};

static const double MEGABYTE = 1e6;

/* ---- the process tree ---- */

/* Adds the children that one thread of |pid| has started. */
static void add_children(const char *proc, int32_t pid, const char *thread, int32_t *pids,
                         size_t max, size_t *n)
{
    char name[64], text[4096];
    const char *at = text;
    int32_t child;

    if (snprintf(name, sizeof(name), "%d/task/%.16s/children", pid, thread) >= (int)sizeof(name) ||
        mlf__proc_read(proc, name, text, sizeof(text)) <= 0)
        return;
    while (*n < max && mlf__proc_next_pid(&at, &child)) {
        /* A file may say anything: no process is in the list twice, so that the walk ends. */
        size_t i = 0;
        while (i < *n && pids[i] != child)
            i++;
        if (i == *n)
            pids[(*n)++] = child;
    }
}

size_t mlf__system_tree(const char *proc, int32_t root, int32_t *pids, size_t max)
{
    size_t n = 0, lists = 0;

    if (root <= 0 || max == 0)
        return 0;
    pids[n++] = root;
    for (size_t i = 0; i < n && lists < LISTS_MAX; i++) {
        char path[PATH_MAX];
        if (snprintf(path, sizeof(path), "%s/%d/task", proc, pids[i]) >= (int)sizeof(path))
            break;
        DIR *threads = opendir(path);
        if (threads == NULL) {
            if (i == 0)
                return 0;
            continue;
        }
        for (const struct dirent *thread; lists < LISTS_MAX && (thread = readdir(threads)) != NULL;)
            if (thread->d_name[0] != '.') {
                add_children(proc, pids[i], thread->d_name, pids, max, &n);
                lists++;
            }
        closedir(threads);
    }
    return n;
}

bool mlf__system_look(struct mlf__system *system)
{
    struct mlf__tree tree = {.time_ns = mlf__monotonic_ns()};
    int32_t pids[PROCESSES_MAX];
    const char *proc = system->options.proc;
    size_t n = mlf__system_tree(proc, system->options.pid, pids, PROCESSES_MAX);

    for (size_t i = 0; i < n; i++) {
        char name[32], text[1024];
        struct mlf__usage usage;
        snprintf(name, sizeof(name), "%d/stat", pids[i]);
        if (mlf__proc_read(proc, name, text, sizeof(text)) <= 0 || !mlf__proc_usage(text, &usage))
            continue;
        tree.ticks += usage.ticks;
        /* What has ended and waits to be reaped has no memory and says nothing of what it had. */
        if (usage.resident_pages == 0)
            continue;
        tree.found = true;
        tree.resident_pages += usage.resident_pages;
        tree.threads += usage.threads;
        tree.processes++;
    }
    if (!tree.found)
        return false;
    if (!system->before.found)
        system->before = tree;
    system->tree = tree;
    return true;
}

/* ---- sums ---- */

static struct mlf__system_sum *sum_of(struct mlf__system *system, const char *key)
{
    for (size_t i = 0; i < system->n; i++)
        if (strcmp(system->sums[i].key, key) == 0)
            return &system->sums[i];
    if (system->n == MLF__SYSTEM_VALUES)
        return NULL;
    struct mlf__system_sum *sum = &system->sums[system->n++];
    *sum = (struct mlf__system_sum){.sum = 0};
    mlf__copy_text(sum->key, sizeof(sum->key), key);
    return sum;
}

static void add_value(struct mlf__system *system, const char *key, double value)
{
    struct mlf__system_sum *sum = sum_of(system, key);
    if (sum == NULL)
        return;
    sum->sum += value;
    sum->n++;
}

static void set_value(struct mlf__system *system, const char *key, double value)
{
    struct mlf__system_sum *sum = sum_of(system, key);
    if (sum != NULL)
        *sum = (struct mlf__system_sum){.sum = value, .n = 1, .latest = true};
    if (sum != NULL)
        mlf__copy_text(sum->key, sizeof(sum->key), key);
}

static double round_1(double value)
{
    return nearbyint(value * 10) / 10;
}

/* ---- the machine ---- */

static void gather_cpu(struct mlf__system *system)
{
    char text[1024];
    struct mlf__cpu_times now;

    if (mlf__proc_read(system->options.proc, "stat", text, sizeof(text)) <= 0 ||
        !mlf__proc_cpu(text, &now))
        return;
    /* The kernel's idle time may step back by a tick. */
    double total = (double)now.total - (double)system->cpu.total;
    double idle = (double)now.idle - (double)system->cpu.idle;
    double busy = total > 0 ? (total - idle) / total * 100 : 0;
    add_value(system, "cpu_utilization_percentage", busy < 0 ? 0 : busy > 100 ? 100 : busy);
    system->cpu = now;
}

static void gather_memory(struct mlf__system *system)
{
    char text[TEXT_SIZE];
    struct mlf__memory memory;

    if (mlf__proc_read(system->options.proc, "meminfo", text, sizeof(text)) <= 0 ||
        !mlf__proc_memory(text, &memory))
        return;
    add_value(system, "system_memory_usage_megabytes", (double)memory.used / MEGABYTE);
    add_value(system, "system_memory_usage_percentage",
              (double)memory.used / (double)memory.total * 100);
}

static void gather_disk(struct mlf__system *system)
{
    struct statvfs fs;

    if (statvfs(system->options.disk, &fs) != 0 || fs.f_blocks == 0)
        return;
    /* The percentage is of what users may have, as df(1) shows it. */
    double used = (double)(fs.f_blocks - fs.f_bfree) * (double)fs.f_frsize;
    double available = (double)fs.f_bavail * (double)fs.f_frsize;
    double percent = used + available > 0 ? used / (used + available) * 100 : 0;
    add_value(system, "disk_usage_percentage", round_1(percent));
    add_value(system, "disk_usage_megabytes", used / MEGABYTE);
    add_value(system, "disk_available_megabytes", available / MEGABYTE);
}

static bool read_traffic(const struct mlf__system *system, struct mlf__traffic *out)
{
    char text[TEXT_SIZE];
    return mlf__proc_read(system->options.proc, "net/dev", text, sizeof(text)) > 0 &&
           mlf__proc_traffic(text, out);
}

static void gather_network(struct mlf__system *system)
{
    struct mlf__traffic now;

    if (!system->has_traffic || !read_traffic(system, &now))
        return;
    set_value(system, "network_receive_megabytes",
              ((double)now.received - (double)system->traffic.received) / MEGABYTE);
    set_value(system, "network_transmit_megabytes",
              ((double)now.sent - (double)system->traffic.sent) / MEGABYTE);
}

static void gather_gpu(struct mlf__system *system, size_t index)
{
    char key[MLF__SYSTEM_KEY_SIZE];
    struct mlf__gpu gpu;
    unsigned number = (unsigned)(index % MLF__GPU_MAX);

    mlf__nvml_read(system->nvml, index, &gpu);
    if (gpu.has_memory) {
        snprintf(key, sizeof(key), "gpu_%u_memory_usage_percentage", number);
        add_value(system, key, round_1(gpu.memory_used / gpu.memory_total * 100));
        snprintf(key, sizeof(key), "gpu_%u_memory_usage_megabytes", number);
        add_value(system, key, gpu.memory_used / MEGABYTE);
    }
    if (gpu.has_utilization) {
        snprintf(key, sizeof(key), "gpu_%u_utilization_percentage", number);
        add_value(system, key, gpu.utilization);
    }
    if (gpu.has_power) {
        snprintf(key, sizeof(key), "gpu_%u_power_usage_watts", number);
        add_value(system, key, gpu.watts);
        snprintf(key, sizeof(key), "gpu_%u_power_usage_percentage", number);
        add_value(system, key, gpu.watts / gpu.watts_limit * 100);
    }
}

/* The tree as it is now, or as it was last seen since the last sample. */
static void gather_tree(struct mlf__system *system)
{
    mlf__system_look(system);
    const struct mlf__tree *now = &system->tree, *before = &system->before;
    double seconds = (double)(now->time_ns - before->time_ns) / 1e9;
    double ticks_per_second = (double)sysconf(_SC_CLK_TCK);

    if (!now->found)
        return;
    if (seconds * ticks_per_second >= TICKS_NEEDED) {
        /* Children that nobody waited for take their CPU time with them. */
        double ticks = now->ticks > before->ticks ? (double)(now->ticks - before->ticks) : 0;
        add_value(system, "process/cpu_utilization_percentage",
                  ticks / ticks_per_second / seconds * 100);
        system->before = *now;
    }
    add_value(system, "process/resident_memory_megabytes",
              (double)now->resident_pages * (double)sysconf(_SC_PAGESIZE) / MEGABYTE);
    add_value(system, "process/threads", (double)now->threads);
    add_value(system, "process/processes", (double)now->processes);
    system->tree.found = false;
}

/* ---- life ---- */

void mlf__system_restart(struct mlf__system *system)
{
    char text[1024];

    if (mlf__proc_read(system->options.proc, "stat", text, sizeof(text)) > 0)
        mlf__proc_cpu(text, &system->cpu);
    system->has_traffic = read_traffic(system, &system->traffic);
    system->n = 0;
    system->before.found = false;
    mlf__system_look(system);
}

void mlf__system_init(struct mlf__system *system, const struct mlf__system_options *options)
{
    *system = (struct mlf__system){.options = *options};
    mlf__system_restart(system);
}

void mlf__system_close(struct mlf__system *system)
{
    mlf__nvml_close(system->nvml);
    system->nvml = NULL;
}

void mlf__system_open_gpus(struct mlf__system *system)
{
    if (!system->nvml_tried && system->options.nvml != NULL)
        system->nvml = mlf__nvml_open(system->options.nvml);
    system->nvml_tried = true;
}

void mlf__system_gather(struct mlf__system *system)
{
    gather_cpu(system);
    gather_memory(system);
    gather_disk(system);
    gather_network(system);
    for (size_t i = 0; i < mlf__nvml_count(system->nvml); i++)
        gather_gpu(system, i);
    gather_tree(system);
}

void mlf__system_take(struct mlf__system *system, struct mlf__system_sample *out)
{
    out->time_ms = mlf__now_ms();
    out->n = system->n;
    for (size_t i = 0; i < system->n; i++) {
        const struct mlf__system_sum *sum = &system->sums[i];
        mlf__copy_text(out->values[i].key, sizeof(out->values[i].key), sum->key);
        out->values[i].value = sum->latest ? sum->sum : round_1(sum->sum / sum->n);
    }
    system->n = 0;
}
