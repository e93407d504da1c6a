/* SPDX-License-Identifier: Apache-2.0 */
/* The observer: a thread of the collector that watches the machine and the program's processes while they
 * run. It samples system metrics and remembers what each process has loaded, since a process that has
 * ended can no longer be asked. It never touches the store. */
#ifndef MLF_AUTOLOG_OBSERVER_H
#define MLF_AUTOLOG_OBSERVER_H

#include "autolog/system_metrics.h"

struct mlf__observer;

struct mlf__observer_options {
    struct mlf__system_options system;
    bool samples;        /* system metrics are wanted */
    int64_t interval_ms; /* between two samples of them */
    unsigned per_step;   /* samples that are one step */
};
/* As the environment says (MLFLOW_SYSTEM_METRICS_* and MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING). */
void mlf__observer_defaults(struct mlf__observer_options *out);

mlf_status mlf__observer_start(const struct mlf__observer_options *options,
                               struct mlf__observer **out);
/* Names the root of the processes that are watched. */
void mlf__observer_watch(struct mlf__observer *observer, int32_t pid);
/* Wants a step now, if none was made since the beginning. */
void mlf__observer_request(struct mlf__observer *observer);
/* Another run's beginning: steps that were not taken are dropped, what counts from the beginning counts from
 * now. */
void mlf__observer_restart(struct mlf__observer *observer);
/* Ends the thread. When |last|, with a step, if none was made since the beginning. A thread that does not end soon (a
 * driver holds it) is left behind. */
void mlf__observer_stop(struct mlf__observer *observer, bool last);
/* Stops it when it still runs. NULL is fine. */
void mlf__observer_destroy(struct mlf__observer *observer);

/* The next step of system metrics; false when there is none yet. */
bool mlf__observer_take(struct mlf__observer *observer, struct mlf__system_sample *out);
bool mlf__observer_has_step(struct mlf__observer *observer);
/* How long it has watched. */
int64_t mlf__observer_age_ms(const struct mlf__observer *observer);

/* What is known of a process. Owned by the caller: mlf__observed_free. */
struct mlf__observed {
    char *exe;       /* resolved path of the executable */
    char *libraries; /* paths that were mapped for execution, each ended by NUL */
    size_t libraries_len;
    char *variables; /* its environment, as in /proc/<pid>/environ */
    size_t variables_len;
};
/* Of the process |pid|, else of the one that ran |exe| (a resolved path), else of the root. False when nothing is known. */
bool mlf__observer_find(struct mlf__observer *observer, int32_t pid, const char *exe,
                        struct mlf__observed *out);
void mlf__observed_free(struct mlf__observed *observed);

#endif
