/* SPDX-License-Identifier: Apache-2.0 */
/* Samples of the machine with MLflow's names and units, and of the program's process tree under
 * "process/". One thread at a time. */
#ifndef MLF_AUTOLOG_SYSTEM_METRICS_H
#define MLF_AUTOLOG_SYSTEM_METRICS_H

#include "autolog/nvml.h"
#include "autolog/proc.h"
#include "core/fail.h"

enum { MLF__SYSTEM_KEY_SIZE = 56, MLF__SYSTEM_VALUES = 12 + 5 * MLF__GPU_MAX };

struct mlf__system_value {
    char key[MLF__SYSTEM_KEY_SIZE]; /* without "system/" */
    double value;
};

/* What is logged at one step. */
struct mlf__system_sample {
    int64_t time_ms; /* CLOCK_REALTIME */
    size_t n;
    struct mlf__system_value values[MLF__SYSTEM_VALUES];
};

struct mlf__system_options {
    const char *proc; /* "/proc" */
    const char *disk; /* "/": whose file system is measured */
    const char *nvml; /* "libnvidia-ml.so.1"; NULL: no GPUs */
    int32_t pid;      /* root of the process tree; 0: none (yet) */
};

/* What the process tree used when it was looked at. */
struct mlf__tree {
    bool found;
    int64_t time_ns; /* monotonic */
    uint64_t ticks, resident_pages, threads, processes;
};

/* One of the values while samples are gathered. */
struct mlf__system_sum {
    char key[MLF__SYSTEM_KEY_SIZE];
    double sum;
    unsigned n;
    bool latest; /* the last value counts, not the mean */
};

struct mlf__system {
    struct mlf__system_options options;
    struct mlf__nvml *nvml;
    bool nvml_tried;
    struct mlf__cpu_times cpu; /* at the last sample */
    bool has_traffic;
    struct mlf__traffic traffic;   /* at the beginning */
    struct mlf__tree tree, before; /* last seen; at the last sample */
    size_t n;
    struct mlf__system_sum sums[MLF__SYSTEM_VALUES];
};

/* Begins: what counts from the beginning, counts from here. The options' texts are borrowed. */
void mlf__system_init(struct mlf__system *system, const struct mlf__system_options *options);
/* Begins anew: forgets what was gathered. */
void mlf__system_restart(struct mlf__system *system);
void mlf__system_close(struct mlf__system *system);

/* Looks for GPUs, once; may take a while. */
void mlf__system_open_gpus(struct mlf__system *system);

/* Takes note of what the process tree uses now: of a program that ends before the next sample that is all
 * that is known. False when it is gone. */
bool mlf__system_look(struct mlf__system *system);

/* Gathers one sample. */
void mlf__system_gather(struct mlf__system *system);
/* What was gathered since the last time: the means, rounded as MLflow rounds them. */
void mlf__system_take(struct mlf__system *system, struct mlf__system_sample *out);

/* The pids of |root| and its descendants, at most |max|: their number. 0 when there is no such process. */
size_t mlf__system_tree(const char *proc, int32_t root, int32_t *pids, size_t max);

#endif
