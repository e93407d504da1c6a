/* SPDX-License-Identifier: Apache-2.0 */
/* Artifacts: files beside a run or model, in the store's artifact location (local folders). */
#ifndef MLF_TRACKING_ARTIFACTS_H
#define MLF_TRACKING_ARTIFACTS_H

#include "core/fail.h"

#include <mlf/artifact.h>
#include <stdbool.h>
#include <stddef.h>

/* Copies the file or directory |path| into folder |folder| ("" = the root; no "..", not absolute)
 * of the artifact URI |root| (a path or file: URI). By reflink, else by copy, never by link; to a
 * temporary name first. A file that changes while it is copied is copied again, at most three times.
 * MLF_ERR_NOT_FOUND when |path| is gone; MLF_ERR_UNSUPPORTED for a location that is not local. */
mlf_status mlf__artifact_copy(const char *root, const char *path, const char *folder);

/* Is |folder| one that mlf__artifact_copy takes? MLF_ERR_INVAL says what is wrong with it. */
mlf_status mlf__artifact_check_folder(const char *folder);

/* Writes |len| bytes as file |name| (may hold folders) under |root|, through a temporary name. */
mlf_status mlf__artifact_write(const char *root, const char *name, const void *data, size_t len);

/* The local path of |path| (relative, no "..") under the artifact URI |root|; owned by the caller. */
mlf_status mlf__artifact_local(const char *root, const char *path, char **out);

/* What lies in the local folder |folder|, by name, each name with |prefix| and a slash before it ("": none). No
 * such folder: nothing. Files that are still being written are left out. */
mlf_status mlf__artifact_list(const char *folder, const char *prefix, mlf_file_list *out);

#endif
