/* SPDX-License-Identifier: Apache-2.0 */
/* What a search asks for: MLflow's filter and order_by texts as clauses, and its page tokens.
 *
 * The grammar and the refusals are those of MLflow 3.17, which reads the texts as SQL: clauses that all
 * have to hold, with AND between them. Runs and experiments share one grammar; that of logged models
 * differs in what it takes as names and values. Columns are those of MLflow's tables. */
#ifndef MLF_TRACKING_SEARCH_H
#define MLF_TRACKING_SEARCH_H

#include "core/fail.h"

#include <mlf/records.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mlf__search_subject { MLF__SEARCH_RUNS, MLF__SEARCH_EXPERIMENTS, MLF__SEARCH_MODELS };

enum mlf__search_field {
    MLF__SEARCH_ATTRIBUTE,
    MLF__SEARCH_METRIC,
    MLF__SEARCH_PARAM,
    MLF__SEARCH_TAG,
    MLF__SEARCH_DATASET
};

enum mlf__search_op {
    MLF__SEARCH_EQ,
    MLF__SEARCH_NE,
    MLF__SEARCH_LT,
    MLF__SEARCH_LE,
    MLF__SEARCH_GT,
    MLF__SEARCH_GE,
    MLF__SEARCH_LIKE,  /* case counts */
    MLF__SEARCH_ILIKE, /* the case of ASCII letters does not */
    MLF__SEARCH_IN,
    MLF__SEARCH_NOT_IN,
    MLF__SEARCH_IS_NULL,
    MLF__SEARCH_IS_NOT_NULL
};

/* What a clause compares with: nothing, one text, several, or a number. */
struct mlf__search_value {
    enum {
        MLF__SEARCH_NOTHING,
        MLF__SEARCH_TEXT,
        MLF__SEARCH_LIST,
        MLF__SEARCH_INT,
        MLF__SEARCH_DOUBLE
    } type;
    char **texts; /* of TEXT and LIST */
    size_t n_texts;
    int64_t integer;
    double real; /* NaN is equal to nothing */
};

struct mlf__search_clause {
    enum mlf__search_field field;
    const char *column; /* of an attribute or data set; "name" of a run is its tag mlflow.runName */
    char *key;          /* of a metric, param or tag */
    enum mlf__search_op op;
    struct mlf__search_value value;
};

struct mlf__search_filter {
    struct mlf__search_clause *clauses;
    size_t n_clauses;
};

struct mlf__search_key {
    enum mlf__search_field field;
    const char *column;
    char *key;
    bool descending;
};

struct mlf__search_order {
    struct mlf__search_key *keys;
    size_t n_keys;
};

/* |text| NULL or "": no clauses. MLF_ERR_INVAL with MLflow's text. */
mlf_status mlf__search_filter_parse(enum mlf__search_subject subject, const char *text,
                                    struct mlf__search_filter *out);
void mlf__search_filter_free(struct mlf__search_filter *filter);

/* Only what is said: the default order and what decides between equal ones is the store's. */
mlf_status mlf__search_order_parse(enum mlf__search_subject subject, const char *const *texts,
                                   size_t n, struct mlf__search_order *out);
void mlf__search_order_free(struct mlf__search_order *order);

/* The page that |options| ask for, by its first row and its size. */
mlf_status mlf__search_page(enum mlf__search_subject subject, const mlf_search_options *options,
                            int64_t *offset, size_t *max_results);
/* The token of the page that begins at |offset|, for mlf_search_options.page_token. */
mlf_status mlf__search_token(enum mlf__search_subject subject, const mlf_search_options *options,
                             int64_t offset, char **out);

#endif
