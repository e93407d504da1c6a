/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of a study's tags: what docs/design/study.md describes. Anybody may have edited a tag, so all that is read is
 * bounded and checked; |where| ("run 1f…: tag mlf.trial") begins the messages. */
#ifndef MLF_TUNER_STUDY_LOG_FORMAT_H
#define MLF_TUNER_STUDY_LOG_FORMAT_H

#include "tuner/study_log.h"

struct cJSON;

enum {
    MLF__STUDY_VERSION = 1,
    MLF__TAG_PART = 7900,      /* bytes of a tag's value; MLflow takes 8000 characters */
    MLF__TAG_PARTS_MAX = 1000, /* of one text */
    MLF__TRIAL_PARAMS_MAX = 4096
};

/* ---- texts that are longer than a tag ---- */

/* Calls |put| for each part of |text| (JSON, an object), the first one last: with it the text is whole. */
typedef mlf_status mlf__part_fn(const char *key, const char *part, void *user);
mlf_status mlf__study_parts(const char *key, const char *text, mlf__part_fn *put, void *user);
/* How many parts a text has whose first one is |head|; 0: it says something that cannot be. */
size_t mlf__study_n_parts(const char *head);
/* The whole text of tag |key|, by the run's tags; NULL and MLF_ERR_CORRUPT when a part is missing, MLF_ERR_NOT_FOUND when there is
 * no such tag. Owned by the caller. */
mlf_status mlf__study_tag_text(const mlf_run_record *run, const char *key, char **out);

/* ---- texts; NULL when out of memory, owned by the caller ---- */

/* mlf.study */
char *mlf__study_header_write(const struct mlf__study_info *info);
/* Fills in what the header tells; name and run id are the caller's. MLF_ERR_UNSUPPORTED for a later version. */
mlf_status mlf__study_header_read(const char *text, const char *where, struct mlf__study_info *out);

/* mlf.study.space.N: the names and distributions from |first_name| and |first_dist| on. */
char *mlf__study_space_write(const struct mlf__history *history, size_t first_name,
                             size_t first_dist);
/* Enters them; they have to be new. */
mlf_status mlf__study_space_read(const char *text, const char *where, struct mlf__history *history);

/* mlf.trial and mlf.study.queue.N */
char *mlf__study_trial_write(const struct mlf__trial *trial);

/* A trial that was read. */
struct mlf__trial_text {
    struct cJSON *json;
    int64_t number;
    mlf_trial_state state;
    int64_t told; /* its place in the order of finishing; -1: none */
    double values[MLF__OBJECTIVES_MAX];
    size_t n_values;
};
mlf_status mlf__study_trial_read(const char *text, const char *where,
                                 const struct mlf__history *history, struct mlf__trial_text *out);
/* Gives |trial| all that it has but its state and values. */
mlf_status mlf__study_trial_fill(const struct mlf__trial_text *text, const char *where,
                                 const struct mlf__history *history, struct mlf__trial *trial);
void mlf__trial_text_free(struct mlf__trial_text *text);

#endif
