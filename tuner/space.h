/* SPDX-License-Identifier: Apache-2.0 */
/* Distributions: what values a parameter may take. Values are doubles here: numbers as they are, choices as
 * their index. Semantics are Optuna 5's; its JSON form is read, and written. */
#ifndef MLF_TUNER_SPACE_H
#define MLF_TUNER_SPACE_H

#include "core/buf.h"

struct cJSON;

/* Bytes of all choices of a parameter, which go into the store's tags. */
enum { MLF__CHOICES_MAX = 1 << 18 };

enum mlf__dist_kind { MLF__DIST_FLOAT, MLF__DIST_INT, MLF__DIST_CATEGORICAL };

struct mlf__dist {
    enum mlf__dist_kind kind;
    bool log;
    double low, high; /* of choices: 0 and n - 1 */
    double step;      /* 0: continuous; integers and choices: at least 1 */
    char **choices;   /* owned */
    size_t n_choices;
};

/* Checks, and adjusts |high| to the last step. |name| is for messages: MLF_ERR_INVAL says "lr: …". */
mlf_status mlf__dist_float(const char *name, double low, double high, double step, bool log,
                           struct mlf__dist *out);
mlf_status mlf__dist_int(const char *name, int64_t low, int64_t high, int64_t step, bool log,
                         struct mlf__dist *out);
/* MLF_ERR_INVAL for no choice, two that are equal, and one that is not UTF-8; MLF_ERR_FULL for too long a list. */
mlf_status mlf__dist_categorical(const char *name, const char *const *choices, size_t n,
                                 struct mlf__dist *out);
mlf_status mlf__dist_copy(const struct mlf__dist *dist, struct mlf__dist *out);
void mlf__dist_free(struct mlf__dist *dist);

bool mlf__dist_equal(const struct mlf__dist *a, const struct mlf__dist *b);
/* May a parameter have both in one study? Kind, scale and choices have to agree. */
bool mlf__dist_compatible(const struct mlf__dist *a, const struct mlf__dist *b);
/* Is there only one value? */
bool mlf__dist_is_single(const struct mlf__dist *dist);
bool mlf__dist_contains(const struct mlf__dist *dist, double value);
/* How many values there are; 0: continuous. */
uint64_t mlf__dist_count(const struct mlf__dist *dist);

/* The value as it is logged: shortest decimal, integer, or choice. Valid until the distribution is freed, or in |out|. */
const char *mlf__dist_format(const struct mlf__dist *dist, double value,
                             char out[MLF__NUMBER_SIZE]);
/* The other way round; a number may lie outside the range. MLF_ERR_INVAL names |name| and the text. */
mlf_status mlf__dist_parse(const struct mlf__dist *dist, const char *name, const char *text,
                           double *out);

/* {"name": "FloatDistribution", "attributes": {…}} as Optuna writes it. NULL when out of memory. */
struct cJSON *mlf__dist_to_json(const struct mlf__dist *dist);
mlf_status mlf__dist_from_json(const struct cJSON *json, const char *name, struct mlf__dist *out);

/* ---- the transform that random, CMA-ES, NSGA-II and QMC share (a column per number) ---- */

/* Bounds of a number's column: logarithms on a logarithmic scale, half a step wider on each side where there are steps. */
void mlf__dist_column(const struct mlf__dist *dist, double *low, double *high);
double mlf__dist_to_column(const struct mlf__dist *dist, double value);
/* Rounded to a step and clipped to the range; a continuous value stays below |high|. */
double mlf__dist_from_column(const struct mlf__dist *dist, double column);
/* The value of a number's column at |u| in [0, 1) of its width; a choice by floor(u * n). */
double mlf__dist_from_unit(const struct mlf__dist *dist, double u);

#endif
