/* SPDX-License-Identifier: Apache-2.0 */
/* What the bodies of the public API share. */
#ifndef MLF_AUTOLOG_API_H
#define MLF_AUTOLOG_API_H

#include "core/session.h"

#include <mlf/mlf.h>

struct mlf_run {
    struct mlf_run *next; /* all runs of the process, oldest last */
    char id[MLF__ID_SIZE];
    mlf__name_id name; /* the id, interned; 0: it travels as text */
    int32_t pid;       /* of the process that started it */
    _Atomic bool active;
};

/* The run that the calling thread logs into; starts the process's run when there is none. With MLF_ERR_OFF
 * there is nothing to do. */
mlf_status mlf__api_current_run(struct mlf_run **out);

/* The one mutex of the API: guards the lists of runs, metrics and params. Nothing is logged while it is
 * held, and a child of fork() finds it free. */
void mlf__api_lock(void);
void mlf__api_unlock(void);

/* MLF_OK in place of MLF_ERR_OFF: a program that is switched off has no trouble. */
mlf_status mlf__api_result(mlf_status status);

/* Logs an event of the explicit API into |run|. */
mlf_status mlf__api_emit(const struct mlf_run *run, struct mlf__event event);

/* The experiment for runs that start from now on; NULL: the session's. Borrowed. */
const char *mlf__api_experiment(void);

#endif
