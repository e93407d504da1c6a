/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a model's folder. */
#ifndef MLF_TRACKING_MODELS_MODEL_FILES_H
#define MLF_TRACKING_MODELS_MODEL_FILES_H

#include "core/buf.h"

/* Appends the content of |path|, a regular file of at most |max| bytes. MLF_ERR_NOT_FOUND when there is
 * none, MLF_ERR_CORRUPT when it is larger or something else. */
mlf_status mlf__model_file_read(const char *path, size_t max, struct mlf__buf *out);

/* Bytes of all files in the folder |path|, or of the file; links are not followed. 0 for what cannot be read. */
int64_t mlf__model_size(const char *path);

/* Writes conda.yaml, python_env.yaml and requirements.txt into |root| (as of mlf__artifact_write): the
 * environment in which Python loads the model. |requirements| are pip's. */
mlf_status mlf__model_environment(const char *root, const char *const *requirements, size_t n);

/* The Python that the environment is made with; the modules that mlf writes run on any later one too. */
#define MLF__MODEL_PYTHON "3.11"

#endif
