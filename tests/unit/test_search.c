/* SPDX-License-Identifier: Apache-2.0 */
/* What searches ask for: filters and orders of runs, experiments and logged models, each form that is taken with
 * what it means and each that is refused with its words; and the tokens of pages. */
#include "core/buf.h"
#include "core/mem.h"
#include "tests/support/tap.h"
#include "tracking/search.h"

#include <string.h>

enum { R = MLF__SEARCH_RUNS, E = MLF__SEARCH_EXPERIMENTS, M = MLF__SEARCH_MODELS };

static const char *const op_names[] = {
    "=", "!=", "<", "<=", ">", ">=", "LIKE", "ILIKE", "IN", "NOT IN", "IS NULL", "IS NOT NULL"};
static const char *const field_names[] = {"attribute", "metric", "param", "tag", "dataset"};

static void add_value(struct mlf__buf *out, const struct mlf__search_value *value)
{
    if (value->type == MLF__SEARCH_INT)
        mlf__buf_printf(out, " int %lld", (long long)value->integer);
    if (value->type == MLF__SEARCH_DOUBLE)
        mlf__buf_printf(out, " %g", value->real);
    for (size_t i = 0; i < value->n_texts; i++)
        mlf__buf_printf(out, " [%s]", value->texts[i]);
}

/* The clauses as text: "metric loss < 1; …", or the refusal. Valid until the next call. */
static const char *filter_text(int subject, const char *text)
{
    static struct mlf__buf out;
    struct mlf__search_filter filter;
    mlf__buf_free(&out);
    if (mlf__search_filter_parse((enum mlf__search_subject)subject, text, &filter) != MLF_OK) {
        mlf__buf_printf(&out, "refused: %s", mlf__errmsg());
        return out.data;
    }
    mlf__buf_puts(&out, "");
    for (size_t i = 0; i < filter.n_clauses; i++) {
        const struct mlf__search_clause *clause = &filter.clauses[i];
        mlf__buf_printf(&out, "%s%s %s %s", i > 0 ? "; " : "", field_names[clause->field],
                        clause->field == MLF__SEARCH_ATTRIBUTE ? clause->column : clause->key,
                        op_names[clause->op]);
        add_value(&out, &clause->value);
    }
    mlf__search_filter_free(&filter);
    return out.data;
}

static void filters_that_are_taken(void)
{
    static const struct {
        int subject;
        const char *text, *want;
    } cases[] = {
        {R, NULL, ""},
        {R, "", ""},
        {R, "AND", ""},
        {R, "metrics.loss < 1", "metric loss < 1"},
        {R, "metric.loss<=-.5", "metric loss <= -0.5"},
        {R, "metrics.loss != 1e-3", "metric loss != 0.001"},
        {R, "metrics.loss > 1e400", "metric loss > inf"},
        {R, "metrics.loss\n>=\t5.", "metric loss >= 5"},
        {R, "metrics.`val/loss` = 1", "metric val/loss = 1"},
        {R, "metrics.\"a b\" = 1", "metric a b = 1"},
        {R, "metrics.'a b' = 1", "metric a b = 1"},
        {R, "metrics.a.b.c = 1", "metric a.b.c = 1"},
        {R, "metrics.1a = 1", "metric 1a = 1"},
        {R, "metrics. a = 1", "metric  a = 1"},
        {R, "`metrics`.a = 1", "metric a = 1"},
        {R, "metrics.a = 1 metrics.b = 2", "metric a = 1; metric b = 2"},
        {R, "metrics.a = 1 and params.b = 'x' AND", "metric a = 1; param b = [x]"},
        {R, "params.a = 'it''s'", "param a = [it''s]"},
        {R, "params.a = \"it's\"", "param a = [it's]"},
        {R, "param.a != ''", "param a != []"},
        {R, "parameters.a like '%x_'", "param a LIKE [%x_]"},
        {R, "parameter.a ILIKE 'x'", "param a ILIKE [x]"},
        {R, "params.in_place = 'x'", "param in_place = [x]"},
        {R, "params.größe = 'ja'", "param größe = [ja]"},
        {R, "params.a IS NULL", "param a IS NULL"},
        {R, "tags.a is not null", "tag a IS NOT NULL"},
        {R, "tag.mlflow.user = 'ann'", "tag mlflow.user = [ann]"},
        {R, "tags.[a b] = 'x'", "tag [a b] = [x]"},
        {R, "run_id = 'a'", "attribute run_uuid = [a]"},
        {R, "run_id IN ('a', \"b\" 'c',)", "attribute run_uuid IN [a] [bc]"},
        {R, "run_id not in('a')", "attribute run_uuid NOT IN [a]"},
        {R, "run_id IN ('a\\n\\'b')", "attribute run_uuid IN [a\n'b]"},
        {R, "attributes.run_name = 'a'", "attribute name = [a]"},
        {R, "attr.`Run name` = 'a'", "attribute name = [a]"},
        {R, "run.status = 'a'", "attribute status = [a]"},
        {R, "start_time > 5", "attribute start_time > int 5"},
        {R, "Created < 5.5", "attribute start_time < 5.5"},
        {R, "attribute.end_time = -1", "attribute end_time = int -1"},
        {R, "dataset.name LIKE 'a%'", "dataset name LIKE [a%]"},
        {R, "datasets.context NOT IN ('a')", "dataset context NOT IN [a]"},
        {E, "name = 'a'", "attribute name = [a]"},
        {E, "attribute.name LIKE 'a'", "attribute name LIKE [a]"},
        {E, "experiment_id = '1'", "attribute experiment_id = [1]"},
        {E, "experiment_id NOT IN ('1', '2')", "attribute experiment_id NOT IN [1] [2]"},
        {E, "creation_time >= 5", "attribute creation_time >= int 5"},
        {E, "tags.a ILIKE 'x' AND tag.b IS NULL", "tag a ILIKE [x]; tag b IS NULL"},
        {M, "name = 'a'", "attribute name = [a]"},
        {M, "name = a", "attribute name = [a]"},
        {M, "name = \"a\"", "attribute name = [\"a\"]"},
        {M, "name in ('a')", "attribute name IN [a]"},
        {M, "model_id IN ()", "attribute model_id IN"},
        {M, "creation_time > 5", "attribute creation_timestamp_ms > 5"},
        {M, "attributes.status = 'READY'", "attribute status = [READY]"},
        {M, "metrics.acc > nan", "metric acc > nan"},
        {M, "metrics.`acc` >= 0.5", "metric acc >= 0.5"},
        {M, "params.a = 5", "param a = [5]"},
        {M, "params.a NOT IN (3, '4')", "param a NOT IN [3] [4]"},
        {M, "tags.a ilike 'X'", "tag a ILIKE [X]"},
    };
    for (size_t i = 0; i < MLF__ARRAY_LEN(cases); i++)
        STR(filter_text(cases[i].subject, cases[i].text), cases[i].want,
            cases[i].text == NULL                 ? "(none)"
            : strchr(cases[i].text, '\n') != NULL ? "(lines)"
                                                  : cases[i].text);
}

#define ENTITIES "Valid values are ['metric', 'parameter', 'tag', 'attribute', 'dataset']"
#define NUMERIC "not one of '{'=', '!=', '<', '<=', '>', '>='}'"

static const struct {
    int subject;
    const char *text, *want;
} refused[] = {
    {R, " ", "Invalid filter ' '. Could not be parsed."},
    {R, "metrics.a = 1 OR metrics.b = 2", "Invalid clause(s) in filter string: 'OR'"},
    {R, "metrics.a > 1, metrics.b > 2",
     "Invalid clause(s) in filter string: 'metrics.a > 1, metrics.b > 2'"},
    {R, "(metrics.a > 1)", "Invalid clause(s) in filter string: '(metrics.a > 1)'"},
    {R, "metrics.a > 1 foo", "Invalid clause(s) in filter string: 'metrics.a > 1 foo'"},
    {R, "metrics.a > 1;", "Invalid clause(s) in filter string: ';'"},
    {R, "metrics.a > 1; metrics.b > 1",
     "Search filter contained multiple expression 'metrics.a > 1; metrics.b > 1'. Provide "
     "AND-ed expression list."},
    {R, "metrics.a > 1 -- x", "Invalid clause(s) in filter string: '-- x'"},
    {R, "metrics.a", "Invalid clause(s) in filter string: 'metrics.a'"},
    {R, "metrics.a >", "Invalid clause(s) in filter string: 'metrics.a', '>'"},
    {R, "params.a = 'x", "Invalid clause(s) in filter string: 'params.a', '=', ''', 'x'"},
    {R, "params.a NOT NULL", "Invalid clause(s) in filter string: 'params.a', 'NOT NULL'"},
    {R, "params.a IS NOT  NULL",
     "Invalid clause(s) in filter string: 'params.a', 'IS', 'NOT  NULL'"},
    {R, "1 < metrics.a", "Invalid comparison clause. Expected 'Identifier' found '1'"},
    {R, "metrics.a/b > 1", "Invalid comparison clause. Expected 'Identifier' found 'metrics.a/b'"},
    {R, "metrics.a -1 > 1", "Invalid clause(s) in filter string: 'metrics.a'"},
    {R, "foo.a > 1", "Invalid entity type 'foo'. " ENTITIES},
    {R, "Metrics.a > 1", "Invalid entity type 'Metrics'. " ENTITIES},
    {R, "dataset.foo = 'x'",
     "Invalid dataset key 'foo' specified. Valid keys are '{'context', 'digest', 'name'}'"},
    {R, "metrics.a > 'x'", "Expected numeric value type for metric. Found 'x'"},
    {R, "metrics.a == 1", "Invalid comparator '==' " NUMERIC},
    {R, "metrics.a LIKE 1", "Invalid comparator 'LIKE' " NUMERIC},
    {R, "params.a = 1",
     "Expected a quoted string value for parameter (e.g. 'my-value'). Got value 1"},
    {R, "tags.a IN ('x')",
     "Expected a quoted string value for tag (e.g. 'my-value'). Got value ('x')"},
    {R, "params.a = abc",
     "Parameter value is either not quoted or unidentified quote types used for string value "
     "abc. Use either single or double quotes."},
    {R, "params.a > 'x'", "Invalid comparator '>' not one of '{'=', '!=', 'LIKE', 'ILIKE'}'"},
    {R, "start_time = 'x'",
     "Expected numeric value type for numeric attribute: start_time. Found 'x'"},
    {R, "start_time > 99999999999999999999", "the number 99999999999999999999 is too large"},
    {R, "status = 1", "Expected a quoted string value for attributes. Got value 1"},
    {R, "status IN ('x')",
     "Only ['run_id'] attributes support comparison with a list of quoted string values."},
    {R, "run_id IN ()",
     "While parsing a list in the query, expected a non-empty list of string values, but got "
     "empty list"},
    {R, "run_id IN (x)",
     "While parsing a list in the query, expected a non-empty list of string values, but got "
     "ill-formed list."},
    {R, "run_id IN ('a' , 1)",
     "While parsing a list in the query, expected string value, punctuation, or whitespace, "
     "but got different type in list: ('a' , 1)"},
    {R, "run_id = ('x')", "Invalid comparator '=' for a list of values"},
    {R, "metrics.a IS NULL",
     "IS NULL / IS NOT NULL is only supported for tags and params, not for 'metric' 'a'"},
    {R, "dataset.name > 'x'",
     "Invalid comparator '>' not one of '{'=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT IN'}'"},
    {E, "name = 'a' OR name = 'b'", "Invalid clause(s) in filter string: OR"},
    {E, "attributes.name = 'a'",
     "Invalid entity type 'attributes'. Valid entity types are ('attribute', 'tag', 'tags')"},
    {E, "foo = 'a'",
     "Invalid attribute key 'foo' specified. Valid keys are '{'creation_time', "
     "'experiment_id', 'last_update_time', 'name'}'"},
    {E, "tags.a like 'x'", "Invalid comparator for tag: like"},
    {E, "tags.a > 'x'", "Invalid comparator for tag: >"},
    {E, "experiment_id LIKE '1'", "Invalid comparator for experiment_id: LIKE"},
    {E, "experiment_id = 'x'", "Invalid experiment ID 'x'. Experiment ID must be a valid integer."},
    {E, "creation_time > 1.5", "Invalid value for numeric attribute 'creation_time': '1.5'"},
    {E, "creation_time LIKE 1", "Invalid comparator 'LIKE' " NUMERIC},
    {E, "name IS NULL",
     "IS NULL / IS NOT NULL is only supported for tags, not for attribute 'name'"},
    {M, "metric.a > 1",
     "Invalid entity type: 'metric'. Expected one of ['attributes', 'metrics', 'params', "
     "'tags']."},
    {M, "foo = 'x'", "Invalid attribute key 'foo' specified."},
    {M, "attributes.creation_time > 1", "Invalid attribute key 'creation_time' specified."},
    {M, "name > 'x'",
     "Invalid comparison operator for attributes.name: '>'. Expected one of ('=', '!=', "
     "'LIKE', 'ILIKE', 'IN', 'NOT IN')."},
    {M, "metrics.a LIKE 'x'",
     "Invalid comparison operator for metrics.a: 'LIKE'. Expected one of ('<', '<=', '>', "
     "'>=', '=', '!=')."},
    {M, "metrics.a > 'x'", "could not convert string to float: \"'x'\""},
    {M, "tags.a IS NULL",
     "Invalid comparison: tags.aIS NULL. Expected a comparison with 3 tokens."},
    {M, "name = 'a' OR name = 'b'",
     "Invalid filter string: \"name = 'a' OR name = 'b'\". Expected a list of comparisons "
     "separated by 'AND' (e.g. 'metrics.loss > 0.1 AND params.lr = 0.01')."},
    {M, " ", "Invalid filter string: ' '. Expected a single SQL expression."},
    {M, "params.a IN (3)",
     "While parsing a list in the query, expected a non-empty list of string values, but got "
     "ill-formed list."},
};

static void filters_that_are_refused(void)
{
    for (size_t i = 0; i < MLF__ARRAY_LEN(refused); i++) {
        const char *got = filter_text(refused[i].subject, refused[i].text);
        if (OK(strncmp(got, "refused: ", 9) == 0, "%s", refused[i].text))
            STR(got + 9, refused[i].want, "with MLflow's words");
    }
}

/* ---- orders ---- */

static const char *order_text(int subject, const char *const *texts, size_t n)
{
    static struct mlf__buf out;
    struct mlf__search_order order;
    mlf__buf_free(&out);
    if (mlf__search_order_parse((enum mlf__search_subject)subject, texts, n, &order) != MLF_OK) {
        mlf__buf_printf(&out, "refused: %s", mlf__errmsg());
        return out.data;
    }
    for (size_t i = 0; i < order.n_keys; i++)
        mlf__buf_printf(&out, "%s%s %s%s", i > 0 ? "; " : "", field_names[order.keys[i].field],
                        order.keys[i].column != NULL ? order.keys[i].column : order.keys[i].key,
                        order.keys[i].descending ? " DESC" : "");
    mlf__search_order_free(&order);
    return out.data;
}

static void orders(void)
{
    static const struct {
        int subject;
        const char *text, *want;
    } cases[] = {
        {R, "metrics.loss", "metric loss"},
        {R, "metrics.loss desc", "metric loss DESC"},
        {R, "metrics.`a b` ASC", "metric a b"},
        {R, "metrics.\"a b\"", "metric a b"},
        {R, "params.'it' DESC", "param it DESC"},
        {R, "`tags`.a", "tag a"},
        {R, "Created  DESC", "attribute start_time DESC"},
        {R, "run_id", "attribute run_uuid"},
        {R, "attribute.run_name", "attribute name"},
        {R, "", "refused: Invalid order_by clause ''. Could not be parsed."},
        {R, " metrics.a", "refused: Invalid order_by clause ' metrics.a'. Could not be parsed."},
        {R, "metrics.a, metrics.b",
         "refused: Invalid order_by clause 'metrics.a, metrics.b'. Could not be parsed."},
        {R, "metrics.a foo", "refused: Invalid ordering key in order_by clause 'metrics.a foo'."},
        {R, "metrics.a ASC NULLS LAST",
         "refused: Invalid order_by clause 'metrics.a ASC NULLS LAST'. Could not be parsed."},
        {R, "metrics.a > 1",
         "refused: Invalid order_by clause 'metrics.a > 1'. Could not be parsed."},
        {R, "dataset.name", "refused: Invalid identifier type 'dataset'"},
        {R, "foo.a", "refused: Invalid entity type 'foo'. " ENTITIES},
        {E, "name DESC", "attribute name DESC"},
        {E, "attribute.last_update_time", "attribute last_update_time"},
        {E, "tags.a", "refused: Invalid order_by entity: tag"},
        {M, "metrics.acc DESC", "metric acc DESC"},
        {M, "metrics.`a b` asc", "metric a b"},
        {M, "creation_time", "attribute creation_timestamp_ms"},
        {M, "foo", "refused: Invalid order by field name: foo"},
        {M, "params.a ASC",
         "refused: Invalid order by field name: params.a. Only metrics are supported."},
    };
    static const char *const twice[] = {"start_time", "created DESC"};
    static const char *const hole[] = {"start_time", NULL};
    for (size_t i = 0; i < MLF__ARRAY_LEN(cases); i++)
        STR(order_text(cases[i].subject, &cases[i].text, 1), cases[i].want, cases[i].text);
    STR(order_text(R, twice, 2),
        "refused: `order_by` contains duplicate fields: ['start_time', 'created DESC']",
        "one column by two names");
    STR(order_text(R, hole, 2), "refused: an order_by clause is NULL", "a clause that is none");
}

/* ---- pages ---- */

static mlf_status page(int subject, const mlf_search_options *options, int64_t *offset, size_t *max)
{
    return mlf__search_page((enum mlf__search_subject)subject, options, offset, max);
}

static void pages(void)
{
    static const char *const ids[] = {"1", "2"};
    static const char *const bad[] = {"rubbish", "e30=", "eyJvZmZzZXQiOiAieCJ9", "!!!!", "W10="};
    mlf_search_options options = MLF_SEARCH_OPTIONS_INIT;
    int64_t offset;
    size_t max;
    char *token;
    IS(page(R, &options, &offset, &max), MLF_OK, "the first page");
    OK(offset == 0 && max == 1000, "of the default size");
    OK(page(M, &options, &offset, &max) == MLF_OK && max == 100, "smaller for models");
    options.max_results = 50001;
    IS(page(R, &options, &offset, &max), MLF_ERR_INVAL, "too many are refused");
    IS(page(M, &options, &offset, &max), MLF_OK, "of models any number may be asked for");
    options.max_results = 0;
    for (int subject = R; subject <= M; subject++) {
        options.experiment_ids = ids;
        options.n_experiment_ids = 2;
        options.filter = "name = 'a'";
        IS(mlf__search_token((enum mlf__search_subject)subject, &options, 4711, &token), MLF_OK,
           "a token is made");
        options.page_token = token;
        OK(page(subject, &options, &offset, &max) == MLF_OK && offset == 4711, "and read back");
        options.filter = "name = 'b'";
        IS(page(subject, &options, &offset, &max), subject == M ? MLF_ERR_INVAL : MLF_OK,
           "models have one for each search");
        options.page_token = NULL;
        mlf__free(token);
    }
    for (size_t i = 0; i < MLF__ARRAY_LEN(bad); i++) {
        options.page_token = bad[i];
        IS(page(R, &options, &offset, &max), MLF_ERR_INVAL, bad[i]);
    }
}

/* A long filter takes no long time, and a lack of memory no memory with it. */
static void bad_times(void)
{
    struct mlf__buf text = {0};
    struct mlf__search_filter filter;
    for (int i = 0; i < 20000; i++)
        mlf__buf_puts(&text, "a.b.(c'");
    IS(mlf__search_filter_parse(MLF__SEARCH_RUNS, text.data, &filter), MLF_ERR_INVAL,
       "a long one is refused");
    mlf__buf_free(&text);
    long failing = 0;
    mlf_status status;
    do {
        mlf__alloc_fail_after(++failing);
        status = mlf__search_filter_parse(
            MLF__SEARCH_RUNS, "metrics.a > 1 AND params.b = 'x' AND run_id IN ('a', 'b')", &filter);
        mlf__alloc_fail_after(0);
    } while (status == MLF_ERR_NOMEM && failing < 1000);
    IS(status, MLF_OK, "with enough memory it is taken");
    OK(failing > 5, "and before, each allocation has failed once");
    mlf__search_filter_free(&filter);
}

int main(void)
{
    filters_that_are_taken();
    filters_that_are_refused();
    orders();
    pages();
    bad_times();
    return tap_done();
}
