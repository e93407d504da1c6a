/* SPDX-License-Identifier: Apache-2.0 */
/* Finding our own files, and starting the collector unseen by the host process. */
#ifndef MLF_CORE_SPAWN_H
#define MLF_CORE_SPAWN_H

#include "core/fail.h"

#include <stdbool.h>
#include <stddef.h>

/* The hook library and the `mlf` program that belong to the loaded libmlf_core: in a build tree beside
 * it, installed in <libexecdir>/mlf. False when the file is not there. */
MLF__CORE bool mlf__locate_hooks(char *out, size_t size);
MLF__CORE bool mlf__locate_program(char *out, size_t size);

/* Starts `mlf collect --ring |ring_path|` as a process that the host's wait() and SIGCHLD never see. MLF_ERR_STATE where it could not be kept apart: the host is
 * PID 1 or a child subreaper. No allocation; nothing of the host is copied. */
MLF__CORE mlf_status mlf__spawn_collector(const char *ring_path);

#endif
