/* SPDX-License-Identifier: Apache-2.0 */
/* What a run ran on and with: the program's compiler and flags, its libraries, the machine, the job and
 * the commit. What the JSON object holds: docs/design/environment.md. */
#ifndef MLF_AUTOLOG_ENVIRONMENT_H
#define MLF_AUTOLOG_ENVIRONMENT_H

#include "autolog/apply.h"

/* The session's environment as a JSON object, owned by the caller (mlf__free): of the process whose
 * command line counts, as it was seen while it ran, else as its file says. What cannot be found out is
 * left out; without a watch (where a journal is merged, maybe on another machine) that is all but the
 * program's file. NULL only when memory ran out. Needs no store. */
char *mlf__environment_json(struct mlf__apply *apply);

/* Calls |fn| for each tag that is worth searching for: mlf.compiler, mlf.build_id, mlf.job.*,
 * mlflow.source.git.dirty. Stops at its first failure and returns that. */
typedef mlf_status mlf__environment_tag_fn(const char *key, const char *value, void *user);
mlf_status mlf__environment_tags(const char *json, mlf__environment_tag_fn *fn, void *user);

#endif
