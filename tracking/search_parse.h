/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the parsers of filters and orders. */
#ifndef MLF_TRACKING_SEARCH_PARSE_H
#define MLF_TRACKING_SEARCH_PARSE_H

#include "core/buf.h"
#include "tracking/search.h"
#include "tracking/search_lex.h"

/* An attribute that can be searched for or ordered by. */
struct mlf__attribute {
    const char *name;
    const char *column;
    bool numeric;
    bool no_order; /* only filters know it */
};

/* The attribute of that name; NULL when the subject has none. */
const struct mlf__attribute *mlf__search_attribute(enum mlf__search_subject subject,
                                                   const char *name);
/* Refuses |name|, with the names that there are. */
mlf_status mlf__search_no_attribute(enum mlf__search_subject subject, const char *name, bool order);

/* "metrics.loss" of runs and experiments as field and key. |*key| is the caller's. */
mlf_status mlf__search_identifier(enum mlf__search_subject subject, const char *text, size_t len,
                                  bool order, enum mlf__search_field *field,
                                  const struct mlf__attribute **attribute, char **key);

/* The operator of that name; -1 when there is none. */
int mlf__search_op_parse(const char *text, size_t len, bool any_case);

/* Adds |text| to the texts of |value|. */
mlf_status mlf__search_add_text(struct mlf__search_value *value, size_t *cap, const char *text,
                                size_t len);
/* "('a', \"b\")" as texts. |integers|: whole numbers are taken too. */
mlf_status mlf__search_list_parse(const char *text, size_t len, bool integers,
                                  struct mlf__search_value *out);

/* Appends |text| as Python shows a text: MLflow's refusals quote filters so. */
void mlf__search_quote(struct mlf__buf *out, const char *text);
/* MLF_ERR_INVAL with |before|, the quoted |text| and |after|. */
mlf_status mlf__search_refuse(const char *before, const char *text, const char *after);

/* A new clause at the end of |filter|, in |*out|. */
mlf_status mlf__search_add_clause(struct mlf__search_filter *filter, size_t *cap,
                                  struct mlf__search_clause **out);

/* The clauses of logged models, see mlf__search_filter_parse. */
mlf_status mlf__search_models_parse(const char *text, struct mlf__search_filter *out);
mlf_status mlf__search_models_key(const char *text, struct mlf__search_key *out);

#endif
