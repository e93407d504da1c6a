/* SPDX-License-Identifier: Apache-2.0 */
/* Samples of the machine and of a process tree, from a folder that stands for /proc; the observer over this
 * process itself. Usage: test_system_metrics FAKE_NVML */
#include "autolog/observer.h"
#include "autolog/system_metrics.h"
#include "core/mem.h"
#include "core/sys.h"
#include "tests/support/tap.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/mlf-system-XXXXXX";

/* ---- a folder that stands for /proc ---- */

static void put(const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    for (char *slash = path + strlen(folder) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
        OK(false, "%s can be written", path);
}

static void put_process(int pid, const char *name, unsigned ticks, unsigned threads, unsigned pages,
                        const char *children)
{
    char path[64], text[256];
    snprintf(path, sizeof(path), "%d/stat", pid);
    snprintf(text, sizeof(text),
             "%d (%s) S 1 2 3 4 -1 0 0 0 0 0 %u 10 5 1 20 0 %u 0 99 1000 %u 1 2\n", pid, name,
             ticks, threads, pages);
    put(path, text);
    snprintf(path, sizeof(path), "%d/task/%d/children", pid, pid);
    put(path, children);
}

static void put_machine(const char *cpu, const char *net)
{
    put("stat", cpu);
    put("net/dev", net);
    put("meminfo", "MemTotal:       16000000 kB\nMemFree:         1000000 kB\n"
                   "MemAvailable:   12000000 kB\nBuffers:          500000 kB\n");
}

static double value_of(const struct mlf__system_sample *sample, const char *key)
{
    for (size_t i = 0; i < sample->n; i++)
        if (strcmp(sample->values[i].key, key) == 0)
            return sample->values[i].value;
    return NAN;
}

static void is_value(const struct mlf__system_sample *sample, const char *key, double want)
{
    double got = value_of(sample, key);
    if (!OK(fabs(got - want) < 1e-9, "%s", key))
        printf("#   got %.17g, want %.17g\n", got, want);
}

/* ---- parsers ---- */

static void test_texts(void)
{
    struct mlf__cpu_times cpu;
    struct mlf__memory memory;
    struct mlf__traffic traffic;
    struct mlf__usage usage;

    OK(mlf__proc_cpu("cpu  10 1 20 300 5 0 0 4 7 7\ncpu0 1", &cpu) && cpu.total == 340 &&
           cpu.idle == 305,
       "guest time is not counted twice, and waiting for disks is idle");
    OK(!mlf__proc_cpu("cpu0 1 2 3 4\n", &cpu) && !mlf__proc_cpu("cpu  1 2\n", &cpu) &&
           !mlf__proc_cpu("", &cpu),
       "what is not the line of all CPUs is refused");
    OK(mlf__proc_memory("MemTotal: 100 kB\nMemFree: 10 kB\nBuffers: 5 kB\nCached: 15 kB\n",
                        &memory) &&
           memory.used == 70 * 1024,
       "memory of an old kernel: what it could free is not used");
    OK(mlf__proc_memory("MemTotal: 100 kB\nMemAvailable: 200 kB\n", &memory) && memory.used == 0,
       "more available than there is, as in some containers");
    OK(!mlf__proc_memory("MemTotal: 0 kB\nMemAvailable: 0 kB\n", &memory), "no memory is refused");
    OK(mlf__proc_traffic("Inter-|  Receive\n face |bytes\n  lo:100 1 0 0 0 0 0 0 100 1 0\n"
                         "eth0: 5 0 0 0 0 0 0 0 7 0\nbad0: 1 2\n",
                         &traffic) &&
           traffic.received == 105 && traffic.sent == 107,
       "traffic of all interfaces");
    OK(mlf__proc_usage("7 (a) b (c) R 1 2 3 4 -1 0 1 2 3 4 100 50 7 3 20 0 4 0 9 9 256 1\n",
                       &usage) &&
           usage.ticks == 160 && usage.threads == 4 && usage.resident_pages == 256,
       "a process whose name has parentheses");
    OK(!mlf__proc_usage("7 (cut) R 1 2 3", &usage), "a line that is cut is refused");
}

static void test_lists(void)
{
    const char *maps = "1-2 r-xp 0 08:01 12   /usr/bin/my train\n1-2 rw-p 0 08:01 13 /data\n"
                       "3-4 r-xp 0 08:01 14 /x (deleted)\n5-6 r-xp 0 0 0 [vdso]\n"
                       "7-8 r-xp 0 08:01 15 /lib/a.so";
    static const char block[] = "LONG_A=0\0A=1\0A=2\0NOTHING";
    char path[64];

    OK(mlf__proc_next_mapped(&maps, path, sizeof(path)), "a mapped program");
    STR(path, "/usr/bin/my train", "its path may have blanks");
    OK(mlf__proc_next_mapped(&maps, path, sizeof(path)) && strcmp(path, "/lib/a.so") == 0,
       "data, removed files and the kernel's own are passed over");
    OK(!mlf__proc_next_mapped(&maps, path, sizeof(path)), "the end");
    STR(mlf__proc_variable(block, sizeof(block), "A"), "1", "a variable, by its whole name");
    OK(mlf__proc_variable(block, sizeof(block), "NOTHING") == NULL, "an entry without a value");
    OK(mlf__proc_field("processor : 0\nmodel name\t: A CPU\nmodel name : B\n", "model name", path,
                       sizeof(path)) &&
           strcmp(path, "A CPU") == 0,
       "the first line of a name");
}

/* ---- samples ---- */

static void test_machine(void)
{
    struct mlf__system_options options = {.proc = folder, .disk = "/"};
    struct mlf__system system;
    struct mlf__system_sample sample;
    struct statvfs fs;

    put_machine("cpu  100 0 100 800 0 0 0 0\n", "eth0: 1000000 0 0 0 0 0 0 0 2000000 0\n");
    mlf__system_init(&system, &options);
    put_machine("cpu  130 0 120 850 0 0 0 0\n", "eth0: 3500000 0 0 0 0 0 0 0 2000001 0\n");
    mlf__system_gather(&system);
    mlf__system_take(&system, &sample);
    is_value(&sample, "cpu_utilization_percentage", 50);
    is_value(&sample, "system_memory_usage_megabytes", 4096);
    is_value(&sample, "system_memory_usage_percentage", 25);
    is_value(&sample, "network_receive_megabytes", 2.5);
    is_value(&sample, "network_transmit_megabytes", 2.000001 - 2);
    if (statvfs("/", &fs) == 0) {
        double used = (double)(fs.f_blocks - fs.f_bfree) * (double)fs.f_frsize / 1e6;
        OK(fabs(value_of(&sample, "disk_usage_megabytes") - used) < used / 20 + 100,
           "disk_usage_megabytes is what statvfs says");
    }
    IS(sample.n, 8, "without GPU and process there is nothing else");
    OK(llabs((long long)(sample.time_ms - mlf__now_ms())) < 60000, "the time is now");

    put_machine("cpu  140 0 120 880 0 0 0 0\n", "eth0: 1 0 0 0 0 0 0 0 1 0\n");
    mlf__system_gather(&system);
    put_machine("cpu  240 0 120 880 0 0 0 0\n", "eth0: 9000000 0 0 0 0 0 0 0 2000000 0\n");
    mlf__system_gather(&system);
    mlf__system_take(&system, &sample);
    is_value(&sample, "cpu_utilization_percentage", 62.5); /* of 25 and 100 */
    is_value(&sample, "network_receive_megabytes", 8);
    mlf__system_gather(&system);
    mlf__system_take(&system, &sample);
    is_value(&sample, "cpu_utilization_percentage", 0);
    mlf__system_close(&system);
}

static void test_tree(void)
{
    int32_t pids[4];
    struct mlf__system_options options = {.proc = folder, .disk = "/", .pid = 100};
    struct mlf__system system;
    struct mlf__system_sample sample;
    double page = (double)sysconf(_SC_PAGESIZE) / 1e6;

    put_process(100, "sh", 0, 1, 100, "101 102 ");
    put_process(101, "a) b", 100, 3, 2000, "103");
    put_process(102, "ended", 7, 1, 0, "");
    put_process(103, "loop", 1, 1, 300, "100 101 103");
    IS(mlf__system_tree(folder, 100, pids, 4), 4, "children of children");
    IS(mlf__system_tree(folder, 100, pids, 2), 2, "at most what there is room for");
    IS(mlf__system_tree(folder, 999, pids, 4), 0, "no such process");
    IS(mlf__system_tree(folder, -1, pids, 4), 0, "no process");

    mlf__system_init(&system, &options);
    mlf__system_gather(&system);
    mlf__system_take(&system, &sample);
    is_value(&sample, "process/threads", 5);
    is_value(&sample, "process/processes", 3);
    is_value(&sample, "process/resident_memory_megabytes", nearbyint(2400 * page * 10) / 10);
    OK(isnan(value_of(&sample, "process/cpu_utilization_percentage")),
       "no percentage of less than a few ticks");

    /* Two seconds ago it had used a second less. */
    system.before.time_ns = mlf__monotonic_ns() - 2000000000;
    put_process(101, "a) b", 100 + (unsigned)sysconf(_SC_CLK_TCK), 3, 2000, "103");
    OK(mlf__system_look(&system), "a look at the living tree");
    char path[64];
    snprintf(path, sizeof(path), "%s/100/task/100/children", folder);
    unlink(path);
    snprintf(path, sizeof(path), "%s/100/task/100", folder);
    rmdir(path);
    snprintf(path, sizeof(path), "%s/100/task", folder);
    rmdir(path);
    OK(!mlf__system_look(&system), "the tree has ended");
    mlf__system_gather(&system);
    mlf__system_take(&system, &sample);
    is_value(&sample, "process/threads", 5);
    OK(fabs(value_of(&sample, "process/cpu_utilization_percentage") - 50) < 2,
       "what was seen last counts");
    mlf__system_gather(&system);
    mlf__system_take(&system, &sample);
    OK(isnan(value_of(&sample, "process/threads")), "once");
    mlf__system_close(&system);
}

static void test_gpus(const char *library)
{
    struct mlf__system_options options = {.proc = folder, .disk = "/", .nvml = library};
    struct mlf__system system;
    struct mlf__system_sample sample;

    mlf__system_init(&system, &options);
    mlf__system_open_gpus(&system);
    mlf__system_gather(&system);
    mlf__system_take(&system, &sample);
    is_value(&sample, "gpu_0_memory_usage_percentage", 25);
    is_value(&sample, "gpu_0_memory_usage_megabytes", 2000);
    is_value(&sample, "gpu_0_utilization_percentage", 40);
    is_value(&sample, "gpu_1_utilization_percentage", 41);
    is_value(&sample, "gpu_0_power_usage_watts", 75.5);
    is_value(&sample, "gpu_0_power_usage_percentage", 25.2);
    OK(isnan(value_of(&sample, "gpu_1_power_usage_watts")),
       "what a GPU does not tell is not logged");
    mlf__system_close(&system);

    setenv("FAKE_NVML_WITHOUT_DRIVER", "1", 1);
    OK(mlf__nvml_open(library) == NULL, "a library without a driver");
    unsetenv("FAKE_NVML_WITHOUT_DRIVER");
    OK(mlf__nvml_open("libno-such-library.so.1") == NULL, "no library");
    OK(mlf__nvml_open("libm.so.6") == NULL, "another library");
    IS(mlf__nvml_count(NULL), 0, "no GPUs");
}

static void test_nothing_there(void)
{
    struct mlf__system_options options = {.proc = "/no/such/folder", .disk = "/no/such/folder"};
    struct mlf__system system;
    struct mlf__system_sample sample;

    mlf__system_init(&system, &options);
    mlf__system_gather(&system);
    mlf__system_take(&system, &sample);
    IS(sample.n, 0, "without /proc nothing is sampled");
    mlf__system_close(&system);
}

/* ---- the observer ---- */

static bool wait_for_step(struct mlf__observer *observer, struct mlf__system_sample *sample)
{
    int64_t end = mlf__monotonic_ns() + 20000000000;
    while (mlf__monotonic_ns() < end) {
        if (mlf__observer_take(observer, sample))
            return true;
        usleep(1000);
    }
    return false;
}

static void test_steps(void)
{
    struct mlf__observer_options options = {
        .system = {.proc = "/proc", .disk = "/", .pid = (int32_t)getpid()},
        .samples = true,
        .interval_ms = 20,
        .per_step = 2};
    struct mlf__observer *observer;
    struct mlf__system_sample sample;

    IS(mlf__observer_start(&options, &observer), MLF_OK, "an observer begins");
    OK(wait_for_step(observer, &sample) && wait_for_step(observer, &sample), "and makes steps");
    OK(value_of(&sample, "process/resident_memory_megabytes") > 0.1, "of this process too");
    mlf__observer_destroy(observer);

    options.interval_ms = 3600 * 1000;
    IS(mlf__observer_start(&options, &observer), MLF_OK, "one with a long interval");
    OK(!mlf__observer_has_step(observer), "has no step yet");
    mlf__observer_request(observer);
    OK(wait_for_step(observer, &sample), "but one that is asked for");
    mlf__observer_stop(observer, true);
    OK(!mlf__observer_take(observer, &sample), "and no second one at its end");
    mlf__observer_destroy(observer);

    IS(mlf__observer_start(&options, &observer), MLF_OK, "one that ends at once");
    mlf__observer_stop(observer, true);
    OK(mlf__observer_take(observer, &sample) && sample.n >= 8, "has made its one step");
    mlf__observer_destroy(observer);

    options.samples = false;
    IS(mlf__observer_start(&options, &observer), MLF_OK, "one without samples");
    mlf__observer_stop(observer, true);
    OK(!mlf__observer_take(observer, &sample), "makes no step");
    mlf__observer_destroy(observer);
    mlf__observer_destroy(NULL);
}

static void test_processes(void)
{
    struct mlf__observer_options options = {
        .system = {.proc = "/proc", .disk = "/"}, .interval_ms = 3600 * 1000, .per_step = 1};
    struct mlf__observer *observer;
    struct mlf__observed seen = {0};
    char exe[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

    exe[len > 0 ? len : 0] = '\0';
    IS(mlf__observer_start(&options, &observer), MLF_OK, "an observer");
    OK(!mlf__observer_find(observer, (int32_t)getpid(), exe, &seen), "knows nobody at first");
    mlf__observer_watch(observer, (int32_t)getpid());
    int64_t end = mlf__monotonic_ns() + 20000000000;
    while (!mlf__observer_find(observer, (int32_t)getpid(), exe, &seen) &&
           mlf__monotonic_ns() < end)
        usleep(1000);
    STR(seen.exe, exe, "then the process that it watches");
    bool libc = false;
    for (size_t at = 0; at < seen.libraries_len; at += strlen(seen.libraries + at) + 1)
        libc = libc || strstr(seen.libraries + at, "/libc") != NULL;
    OK(libc, "its libraries");
    OK(seen.variables != NULL &&
           mlf__proc_variable(seen.variables, seen.variables_len, "PATH") != NULL,
       "its environment");
    mlf__observed_free(&seen);
    OK(mlf__observer_find(observer, -1, exe, &seen), "it is found by its program as well");
    mlf__observed_free(&seen);
    mlf__observer_destroy(observer);
}

int main(int argc, char **argv)
{
    char command[64];

    if (mkdtemp(folder) == NULL)
        return 1;
    test_texts();
    test_lists();
    test_machine();
    test_tree();
    if (argc > 1)
        test_gpus(argv[1]);
    test_nothing_there();
    test_steps();
    test_processes();
    snprintf(command, sizeof(command), "rm -r %s", folder);
    OK(system(command) == 0, "the folder is removed");
    return tap_done();
}
