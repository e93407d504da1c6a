/* SPDX-License-Identifier: Apache-2.0 */
/* What one logged metric costs the program: mlf_log_metric() by key and mlf_metric_log() by handle, beside
 * clock_gettime() alone, which both contain.
 *
 * Every round waits until the ring is drained, then logs a burst that fits into it, in batches of 100 calls
 * between which the time-stamp counter is read: the median is that of all batches, and the mean of whole
 * bursts stands beside it, since it contains what others did to the machine meanwhile. Another burst of the
 * same kind times each call by itself (lfence; rdtsc before, rdtscp; lfence behind), subtracts what an empty
 * pair of these costs, and gives p99.9. The thread is pinned once the collector runs, so that only the
 * thread is. Rounds interleave the kinds, and the kind that begins changes from round to round. */
#include <mlf/mlf.h>

#include "bench.h"

#include <sched.h>
#include <x86intrin.h>

enum { BURST = 50000, BATCH = 100, ROUNDS = 15, WARM_UP = 1000 };

enum kind { BY_KEY, BY_HANDLE, CLOCK_ONLY, EMPTY, KINDS };
static const char *const kind_names[KINDS] = {"mlf_log_metric(key)", "mlf_metric_log(handle)",
                                              "clock_gettime", "nothing"};

struct plan {
    int64_t burst, rounds;
    mlf_metric_t handle;
    double ticks_per_ns;
};

/* What was measured of one kind, in ticks. */
struct sample {
    double *means, *batches, *singles;
};

static volatile int64_t sink;

static inline void call(enum kind kind, mlf_metric_t handle, int64_t step)
{
    mlf_status status = MLF_OK;
    if (kind == BY_KEY)
        status = mlf_log_metric("train/loss", 0.5, step);
    else if (kind == BY_HANDLE)
        status = mlf_metric_log(handle, 0.5, step);
    else if (kind == CLOCK_ONLY)
        sink = bench_ns(CLOCK_REALTIME);
    if (status != MLF_OK)
        bench_die("%s: %s", kind_names[kind], mlf_errmsg());
}

/* Waits until the ring is empty; warms up afterwards, since the wait let the caches go cold. */
static int64_t drain(const struct plan *plan, enum kind kind, int64_t step)
{
    mlf_status status;
    while ((status = mlf_flush()) == MLF_ERR_TIMEOUT) {
    }
    if (status != MLF_OK)
        bench_die("mlf_flush: %s", mlf_errmsg());
    for (int i = 0; i < WARM_UP; i++)
        call(kind, plan->handle, step++);
    return step;
}

static inline uint64_t ticks_before(void)
{
    _mm_lfence();
    uint64_t ticks = __rdtsc();
    _mm_lfence();
    return ticks;
}

static inline uint64_t ticks_behind(void)
{
    unsigned cpu;
    uint64_t ticks = __rdtscp(&cpu);
    _mm_lfence();
    return ticks;
}

/* A burst in batches: ticks per call of each. */
static void burst_batches(const struct plan *plan, enum kind kind, int64_t step, double *out)
{
    uint64_t begin = ticks_before();
    for (int64_t i = 0; i < plan->burst / BATCH; i++) {
        for (int j = 0; j < BATCH; j++)
            call(kind, plan->handle, step++);
        uint64_t end = __rdtsc();
        out[i] = (double)(end - begin) / BATCH;
        begin = end;
    }
}

/* Each call of a burst by itself, in ticks. */
static void burst_single(const struct plan *plan, enum kind kind, int64_t step, double *out)
{
    for (int64_t i = 0; i < plan->burst; i++) {
        uint64_t begin = ticks_before();
        call(kind, plan->handle, step + i);
        out[i] = (double)(ticks_behind() - begin);
    }
}

static double calibrate(void)
{
    int64_t begin_ns = bench_ns(CLOCK_MONOTONIC);
    uint64_t begin = __rdtsc();
    while (bench_ns(CLOCK_MONOTONIC) - begin_ns < 50000000) {
    }
    uint64_t ticks = __rdtsc() - begin;
    return (double)ticks / (double)(bench_ns(CLOCK_MONOTONIC) - begin_ns);
}

static void pin_to(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0)
        bench_die("sched_setaffinity: %s", strerror(errno));
}

static int last_cpu(void)
{
    cpu_set_t set;
    int last = 0;
    sched_getaffinity(0, sizeof(set), &set);
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET((size_t)i, &set))
            last = i;
    return last;
}

static double mean_of(const double *values, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += values[i];
    return sum / (double)n;
}

static void measure(const struct plan *plan, struct sample *samples)
{
    int64_t batches = plan->burst / BATCH;
    int64_t step = 0;
    for (int64_t round = 0; round < plan->rounds; round++) {
        for (int i = 0; i < KINDS; i++) {
            enum kind kind = (enum kind)((i + round) % KINDS);
            struct sample *sample = &samples[kind];
            step = drain(plan, kind, step);
            burst_batches(plan, kind, step, sample->batches + round * batches);
            sample->means[round] = mean_of(sample->batches + round * batches, batches);
            step += plan->burst;
            step = drain(plan, kind, step);
            burst_single(plan, kind, step, sample->singles + round * plan->burst);
            step += plan->burst;
        }
    }
}

static void report(const struct plan *plan, struct sample *samples, bool json)
{
    static const double reach_median[KINDS] = {[BY_KEY] = 60, [BY_HANDLE] = 40};
    static const double reach_tail[KINDS] = {[BY_KEY] = 2000, [BY_HANDLE] = 2000};
    enum { EACH = 4 };
    struct bench_figure figures[EACH * KINDS];
    static char names[EACH * KINDS][80];
    size_t n = 0, rounds = (size_t)plan->rounds, calls = (size_t)plan->burst * rounds;
    double ns = 1 / plan->ticks_per_ns;
    double empty = bench_quantile(samples[EMPTY].singles, calls, 0.5);
    for (int i = 0; i < KINDS; i++) {
        const struct sample *sample = &samples[i];
        double subtract = i == EMPTY ? 0 : empty;
        const struct bench_figure each[EACH] = {
            {"median of batches", "ns", bench_quantile(sample->batches, calls / BATCH, 0.5) * ns,
             reach_median[i]},
            {"median of burst means", "ns", bench_quantile(sample->means, rounds, 0.5) * ns, 0},
            {"single calls, median", "ns",
             (bench_quantile(sample->singles, calls, 0.5) - subtract) * ns, 0},
            {"single calls, p99.9", "ns",
             (bench_quantile(sample->singles, calls, 0.999) - subtract) * ns, reach_tail[i]}};
        for (size_t j = 0; j < EACH; j++, n++) {
            figures[n] = each[j];
            snprintf(names[n], sizeof(names[n]), "%s: %s", kind_names[i], each[j].name);
            figures[n].name = names[n];
        }
    }
    bench_print("log", figures, n, json);
}

int main(int argc, char **argv)
{
    bool smoke = bench_flag(argc, argv, "--smoke");
    struct plan plan = {.burst = bench_option(argc, argv, "--burst", smoke ? 2000 : BURST) / BATCH *
                                 BATCH,
                        .rounds = bench_option(argc, argv, "--rounds", smoke ? 2 : ROUNDS)};
    char folder[64], spool[64], uri[128];
    bench_folder(folder, sizeof(folder), "/tmp");
    bench_folder(spool, sizeof(spool), "/dev/shm"); /* where rings are without MLF_SPOOL */
    snprintf(uri, sizeof(uri), "sqlite:///%s/mlflow.db", folder);
    setenv("MLF_SPOOL", spool, 1);
    unsetenv("MLF_SESSION");
    struct sample samples[KINDS];
    size_t calls = (size_t)(plan.rounds * plan.burst);
    for (int i = 0; i < KINDS; i++)
        samples[i] = (struct sample){bench_alloc((size_t)plan.rounds, sizeof(double)),
                                     bench_alloc(calls / BATCH, sizeof(double)),
                                     bench_alloc(calls, sizeof(double))};
    if (mlf_set_tracking_uri(uri) != MLF_OK || mlf_start_run(NULL, NULL) != MLF_OK)
        bench_die("%s", mlf_errmsg());
    plan.handle = mlf_metric("train/accuracy");
    drain(&plan, BY_KEY, 0);
    pin_to((int)bench_option(argc, argv, "--cpu", last_cpu()));
    plan.ticks_per_ns = calibrate();
    measure(&plan, samples);
    report(&plan, samples, bench_flag(argc, argv, "--json"));
    drain(&plan, EMPTY, 0);
    if (mlf_end_run(MLF_RUN_FINISHED) != MLF_OK)
        bench_die("%s", mlf_errmsg());
    for (int i = 0; i < KINDS; i++) {
        free(samples[i].means);
        free(samples[i].batches);
        free(samples[i].singles);
    }
    bench_remove_folder(spool);
    bench_remove_folder(folder);
    return 0;
}
