/* SPDX-License-Identifier: Apache-2.0 */
/* What a study keeps of its command line, so that `mlf tune --resume` goes on with it without being told again. */
#ifndef MLF_CLI_TUNE_RESUME_H
#define MLF_CLI_TUNE_RESUME_H

#include "cli/tune_options.h"
#include "core/event.h"
#include "core/sys.h"
#include "tracking/store.h"

#define MLF__TUNE_TAG_ARGV "mlf.study.argv"

/* The value of the study's tag: a JSON array of |options|' words, or, when they cannot be kept, a JSON text that says
 * why. Owned; NULL: no memory. */
char *mlf__tune_words_text(const struct mlf__tune_options *options);
/* The other way round: an owned vector (free with mlf__argv_free) that begins with a program's name. MLF_ERR_INVAL
 * says why there is none. */
mlf_status mlf__tune_words_parse(const char *text, char ***out, int *n);

/* The study that |options| want to go on with, in the store of |config|. */
mlf_status mlf__tune_find_study(const struct mlf__tune_options *options,
                                const struct mlf__config *config, struct mlf__store *store,
                                char run_id[MLF__ID_SIZE]);
/* The kept command line of that study with the words of |options| behind its options. Owned, as above. */
mlf_status mlf__tune_recall(const struct mlf__tune_options *options, char ***out, int *n);

#endif
