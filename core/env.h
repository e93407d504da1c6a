/* SPDX-License-Identifier: Apache-2.0 */
/* The one table of environment variables, and the only place that calls getenv(). */
#ifndef MLF_CORE_ENV_H
#define MLF_CORE_ENV_H

#include "core/fail.h"

#include <stdbool.h>

/* name, default ("" = unset), text for `mlf help` and the manual page */
#define MLF__ENV_MAP(XX)                                                                           \
    XX(MLF_OFF, "", "1: mlf does nothing at all")                                                  \
    XX(MLF_LOG, "",                                                                                \
       "LEVEL[:FILE]: messages of mlf, of level error or warn, to FILE (mlf-<pid>.log in the "     \
       "spool)")                                                                                   \
    XX(MLF_SPOOL, "", "directory for rings and journals, an absolute path")                        \
    XX(MLF_OFFLINE, "", "1: write journals only; `mlf sync` merges them later")                    \
    XX(MLF_FORCE_DIRECT, "", "1: a database on a network file system is written all along")        \
    XX(MLF_SESSION, "", "set by mlf for child processes")                                          \
    XX(MLF_RUN, "", "set by mlf for child processes: their run within the session")                \
    XX(MLF_LINE_BUFFERED, "", "set by mlf for child processes: lines are printed at once")         \
    XX(MLFLOW_TRACKING_URI, "", "the store (default sqlite:///mlflow.db)")                         \
    XX(MLFLOW_EXPERIMENT_NAME, "", "experiment, created when absent")                              \
    XX(MLFLOW_EXPERIMENT_ID, "", "experiment by its id")                                           \
    XX(MLFLOW_RUN_ID, "", "run that a program's first mlf_start_run() resumes")                    \
    XX(MLFLOW_TRACKING_USERNAME, "", "the user that runs are logged under")                        \
    XX(MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING, "true", "false: no system metrics")                   \
    XX(MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL, "10", "seconds between two samples of them")       \
    XX(MLFLOW_SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING, "1", "samples whose mean is logged")          \
    XX(MLFLOW_SYSTEM_METRICS_NODE_ID, "", "logged as system/<this>/..., to tell nodes apart")      \
    XX(PATH, "", "where git is looked for")                                                        \
    XX(XDG_STATE_HOME, "", "journals are in its folder mlf, and rings when /dev/shm has no room")  \
    XX(HOME, "", "home directory")                                                                 \
    XX(USER, "", "user name when the passwd data base has none")                                   \
    XX(TERM, "", "dumb: mlf tune prints plain lines, also on a terminal")                          \
    XX(LD_PRELOAD, "", "extended by mlf run for its command")

enum mlf__env {
#define MLF__ENV_ENUM(name, fallback, help) MLF__ENV_##name,
    MLF__ENV_MAP(MLF__ENV_ENUM)
#undef MLF__ENV_ENUM
        MLF__ENV_COUNT
};

/* The value, or the table's default when unset or when the process runs with raised privileges
 * (AT_SECURE). Borrowed from the environment: copy it to keep it. */
MLF__CORE const char *mlf__env(enum mlf__env which);
MLF__CORE bool mlf__env_is_on(enum mlf__env which); /* 1, true, yes or on */
MLF__CORE const char *mlf__env_name(enum mlf__env which);
MLF__CORE const char *mlf__env_help(enum mlf__env which);

#endif
