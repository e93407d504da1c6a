/* SPDX-License-Identifier: Apache-2.0 */
/* Where artifacts lie: from the URIs that people write to a path of this machine. */
#ifndef MLF_TRACKING_ARTIFACT_URI_H
#define MLF_TRACKING_ARTIFACT_URI_H

#include "core/fail.h"

struct mlf__store;

/* The absolute path that |uri| names: "runs:/<run id>[/path]" (a path that begins with the name of a model
 * of the run, and is no file of the run, lies in that model's folder), "models:/<model id>[/path]", a file: URI, or a path.
 * Nothing is copied and the path need not exist. |*local_path| is owned by the caller (mlf__free).
 * MLF_ERR_NOT_FOUND for a run or model that the store does not know, with those that it does;
 * MLF_ERR_INVAL for a path that leaves its folder; MLF_ERR_UNSUPPORTED for artifacts that are elsewhere. |store|
 * may be NULL for paths and file: URIs. */
mlf_status mlf__artifact_uri_resolve(struct mlf__store *store, const char *uri, char **local_path);

/* The same with |below| (NULL or "": nothing), a relative path in what |uri| names; |*relative| is the path inside
 * the run's or model's artifacts ("" for their root; the base name of a path), owned by the caller, too. */
mlf_status mlf__artifact_uri_find(struct mlf__store *store, const char *uri, const char *below,
                                  char **local_path, char **relative);

#endif
