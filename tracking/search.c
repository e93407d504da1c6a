/* SPDX-License-Identifier: Apache-2.0 */
/* Filters of runs and experiments. */
#include "tracking/search_parse.h"

#include "core/buf.h"
#include "core/mem.h"

#include <string.h>
#include <strings.h>

static const struct mlf__attribute run_attributes[] = {
    {.name = "artifact_uri", .column = "artifact_uri"},
    {.name = "end_time", .column = "end_time", .numeric = true},
    {.name = "run_id", .column = "run_uuid"},
    {.name = "run_name", .column = "name"},
    {.name = "start_time", .column = "start_time", .numeric = true},
    {.name = "status", .column = "status"},
    {.name = "user_id", .column = "user_id"},
    {.name = "created", .column = "start_time", .numeric = true},
    {.name = "Created", .column = "start_time", .numeric = true},
    {.name = "run name", .column = "name", .no_order = true},
    {.name = "Run name", .column = "name", .no_order = true},
    {.name = "Run Name", .column = "name", .no_order = true},
    {0},
};

static const struct mlf__attribute experiment_attributes[] = {
    {.name = "creation_time", .column = "creation_time", .numeric = true},
    {.name = "experiment_id", .column = "experiment_id"},
    {.name = "last_update_time", .column = "last_update_time", .numeric = true},
    {.name = "name", .column = "name"},
    {0},
};

static const struct {
    const char *name;
    enum mlf__search_field field;
} entities[] = {
    {"metric", MLF__SEARCH_METRIC},
    {"metrics", MLF__SEARCH_METRIC},
    {"parameter", MLF__SEARCH_PARAM},
    {"parameters", MLF__SEARCH_PARAM},
    {"param", MLF__SEARCH_PARAM},
    {"params", MLF__SEARCH_PARAM},
    {"tag", MLF__SEARCH_TAG},
    {"tags", MLF__SEARCH_TAG},
    {"attribute", MLF__SEARCH_ATTRIBUTE},
    {"attributes", MLF__SEARCH_ATTRIBUTE},
    {"attr", MLF__SEARCH_ATTRIBUTE},
    {"run", MLF__SEARCH_ATTRIBUTE},
    {"dataset", MLF__SEARCH_DATASET},
    {"datasets", MLF__SEARCH_DATASET},
};

static const char *const field_names[] = {
    [MLF__SEARCH_ATTRIBUTE] = "attribute", [MLF__SEARCH_METRIC] = "metric",
    [MLF__SEARCH_PARAM] = "parameter",     [MLF__SEARCH_TAG] = "tag",
    [MLF__SEARCH_DATASET] = "dataset",
};

/* In the order of enum mlf__search_op. */
static const char *const op_names[] = {
    "=", "!=", "<", "<=", ">", ">=", "LIKE", "ILIKE", "IN", "NOT IN", "IS NULL", "IS NOT NULL"};

/* What databases take as one statement has limits. */
enum { CLAUSES_MAX = 500, TEXTS_MAX = 10000 };

#define BIT(op) (1u << (op))
enum {
    NUMBER_OPS = BIT(MLF__SEARCH_EQ) | BIT(MLF__SEARCH_NE) | BIT(MLF__SEARCH_LT) |
                 BIT(MLF__SEARCH_LE) | BIT(MLF__SEARCH_GT) | BIT(MLF__SEARCH_GE),
    LIST_OPS = BIT(MLF__SEARCH_IN) | BIT(MLF__SEARCH_NOT_IN),
    ID_OPS = BIT(MLF__SEARCH_EQ) | BIT(MLF__SEARCH_NE),
    TEXT_OPS = ID_OPS | BIT(MLF__SEARCH_LIKE) | BIT(MLF__SEARCH_ILIKE),
};

int mlf__search_op_parse(const char *text, size_t len, bool any_case)
{
    for (int i = 0; i < (int)MLF__ARRAY_LEN(op_names); i++)
        if (strlen(op_names[i]) == len &&
            (any_case ? strncasecmp(op_names[i], text, len) : strncmp(op_names[i], text, len)) == 0)
            return i;
    return -1;
}

void mlf__search_quote(struct mlf__buf *out, const char *text)
{
    static const char escapes[] = "\nn\rr\tt\\\\";
    char quote = strchr(text, '\'') != NULL && strchr(text, '"') == NULL ? '"' : '\'';
    mlf__buf_add(out, &quote, 1);
    for (; *text != '\0'; text++) {
        const char *escape = NULL;
        for (const char *e = escapes; *e != '\0' && escape == NULL; e += 2)
            escape = e[0] == *text ? e + 1 : NULL;
        if (escape != NULL || *text == quote)
            mlf__buf_puts(out, "\\");
        mlf__buf_add(out, escape != NULL ? escape : text, 1);
    }
    mlf__buf_add(out, &quote, 1);
}

mlf_status mlf__search_refuse(const char *before, const char *text, const char *after)
{
    struct mlf__buf quoted = {0};
    mlf__search_quote(&quoted, text);
    mlf_status status =
        mlf__fail(MLF_ERR_INVAL, "%s%s%s", before, quoted.failed ? "" : quoted.data, after);
    mlf__buf_free(&quoted);
    return status;
}

/* ---- names ---- */

static const struct mlf__attribute *attributes_of(enum mlf__search_subject subject)
{
    return subject == MLF__SEARCH_RUNS ? run_attributes : experiment_attributes;
}

const struct mlf__attribute *mlf__search_attribute(enum mlf__search_subject subject,
                                                   const char *name)
{
    for (const struct mlf__attribute *one = attributes_of(subject); one->name != NULL; one++)
        if (strcmp(one->name, name) == 0)
            return one;
    return NULL;
}

mlf_status mlf__search_no_attribute(enum mlf__search_subject subject, const char *name, bool order)
{
    struct mlf__buf names = {0};
    for (const struct mlf__attribute *one = attributes_of(subject); one->name != NULL; one++)
        if (!order || !one->no_order)
            mlf__buf_printf(&names, "%s'%s'", names.len > 0 ? ", " : "", one->name);
    mlf_status status =
        mlf__fail(MLF_ERR_INVAL, "Invalid attribute key '%s' specified. Valid keys are '{%s}'",
                  name, names.failed ? "" : names.data);
    mlf__buf_free(&names);
    return status;
}

static void strip(const char **text, size_t *len, char quote)
{
    if (*len >= 2 && (*text)[0] == quote && (*text)[*len - 1] == quote) {
        (*text)++;
        *len -= 2;
    }
}

static mlf_status find_entity(enum mlf__search_subject subject, const char *text, size_t len,
                              enum mlf__search_field *field)
{
    /* Experiments have fewer of them, and do not know backticks around them. */
    if (subject == MLF__SEARCH_EXPERIMENTS) {
        if (!(len == 9 && memcmp(text, "attribute", 9) == 0) &&
            !(len == 3 && memcmp(text, "tag", 3) == 0) &&
            !(len == 4 && memcmp(text, "tags", 4) == 0))
            return mlf__fail(MLF_ERR_INVAL,
                             "Invalid entity type '%.*s'. Valid entity types are ('attribute', "
                             "'tag', 'tags')",
                             (int)len, text);
    } else {
        strip(&text, &len, '`');
    }
    for (size_t i = 0; i < MLF__ARRAY_LEN(entities); i++)
        if (strlen(entities[i].name) == len && memcmp(entities[i].name, text, len) == 0) {
            *field = entities[i].field;
            return MLF_OK;
        }
    return mlf__fail(MLF_ERR_INVAL,
                     "Invalid entity type '%.*s'. Valid values are ['metric', 'parameter', 'tag', "
                     "'attribute', 'dataset']",
                     (int)len, text);
}

mlf_status mlf__search_identifier(enum mlf__search_subject subject, const char *text, size_t len,
                                  bool order, enum mlf__search_field *field,
                                  const struct mlf__attribute **attribute, char **key)
{
    const char *dot = memchr(text, '.', len);
    mlf_status status = MLF_OK;
    *attribute = NULL;
    *key = NULL;
    *field = MLF__SEARCH_ATTRIBUTE;
    if (dot != NULL) {
        status = find_entity(subject, text, (size_t)(dot - text), field);
        len -= (size_t)(dot + 1 - text);
        text = dot + 1;
    }
    if (status != MLF_OK)
        return status;
    size_t before = len;
    strip(&text, &len, '\'');
    if (len == before)
        strip(&text, &len, '"');
    strip(&text, &len, '`');
    *key = mlf__strndup(text, len);
    if (*key == NULL)
        return MLF_ERR_NOMEM;
    if (*field == MLF__SEARCH_ATTRIBUTE) {
        *attribute = mlf__search_attribute(subject, *key);
        if (*attribute == NULL || (order && (*attribute)->no_order))
            status = mlf__search_no_attribute(subject, *key, order);
    } else if (*field == MLF__SEARCH_DATASET && strcmp(*key, "name") != 0 &&
               strcmp(*key, "digest") != 0 && strcmp(*key, "context") != 0) {
        status = mlf__fail(MLF_ERR_INVAL,
                           "Invalid dataset key '%s' specified. Valid keys are '{'context', "
                           "'digest', 'name'}'",
                           *key);
    }
    if (status != MLF_OK) {
        mlf__free(*key);
        *key = NULL;
    }
    return status;
}

/* ---- values ---- */

mlf_status mlf__search_add_text(struct mlf__search_value *value, size_t *cap, const char *text,
                                size_t len)
{
    if (value->n_texts == TEXTS_MAX)
        return mlf__fail(MLF_ERR_INVAL, "a list may have %d values at most", TEXTS_MAX);
    mlf_status status =
        mlf__grow((void **)&value->texts, cap, value->n_texts + 1, sizeof(*value->texts));
    if (status != MLF_OK)
        return status;
    char *copy = mlf__strndup(text, len);
    if (copy == NULL)
        return MLF_ERR_NOMEM;
    value->texts[value->n_texts++] = copy;
    return MLF_OK;
}

/* A text in quotes, which are the only thing that is taken off. */
static mlf_status quoted_value(const struct mlf__part *part, struct mlf__search_value *out)
{
    const char *text = part->text;
    size_t len = part->len, cap = 0;
    strip(&text, &len, '\'');
    if (len == part->len)
        strip(&text, &len, '"');
    if (len == part->len)
        return mlf__fail(MLF_ERR_INVAL,
                         "Parameter value is either not quoted or unidentified quote types used "
                         "for string value %.*s. Use either single or double quotes.",
                         (int)len, text);
    out->type = MLF__SEARCH_TEXT;
    return mlf__search_add_text(out, &cap, text, len);
}

static mlf_status number_value(const struct mlf__part *part, bool integer,
                               struct mlf__search_value *out)
{
    char *text = mlf__strndup(part->text, part->len);
    if (text == NULL)
        return MLF_ERR_NOMEM;
    mlf_status status = MLF_OK;
    if (integer && part->type == MLF__PIECE_INT) {
        out->type = MLF__SEARCH_INT;
        if (!mlf__parse_i64(text, &out->integer))
            status = mlf__fail(MLF_ERR_INVAL, "the number %s is too large", text);
    } else {
        out->type = MLF__SEARCH_DOUBLE;
        if (!mlf__parse_double(text, &out->real))
            status = mlf__fail(MLF_ERR_INVAL, "'%s' is not a number", text);
    }
    mlf__free(text);
    return status;
}

/* A list where the grammar knows one: of ids, and of all that data sets have. */
static mlf_status list_value(enum mlf__search_subject subject, enum mlf__search_field field,
                             const char *key, const struct mlf__part *part,
                             struct mlf__search_value *out)
{
    const char *id = subject == MLF__SEARCH_RUNS ? "run_id" : "experiment_id";
    if (field == MLF__SEARCH_ATTRIBUTE && strcmp(key, id) != 0)
        return mlf__fail(MLF_ERR_INVAL,
                         "Only ['%s'] attributes support comparison with a list of quoted string "
                         "values.",
                         id);
    return mlf__search_list_parse(part->text, part->len, false, out);
}

static mlf_status parse_value(enum mlf__search_subject subject, enum mlf__search_field field,
                              const struct mlf__attribute *attribute, const char *key,
                              const struct mlf__part *part, struct mlf__search_value *out)
{
    bool number = part->type == MLF__PIECE_INT || part->type == MLF__PIECE_FLOAT;
    bool text = part->type == MLF__PIECE_STRING || part->type == MLF__PIECE_NAME;
    int len = (int)part->len;
    if (field == MLF__SEARCH_METRIC)
        return number
                   ? number_value(part, false, out)
                   : mlf__fail(MLF_ERR_INVAL, "Expected numeric value type for metric. Found %.*s",
                               len, part->text);
    if (attribute != NULL && attribute->numeric)
        return number ? number_value(part, true, out)
                      : mlf__fail(MLF_ERR_INVAL,
                                  "Expected numeric value type for numeric attribute: %s. Found "
                                  "%.*s",
                                  key, len, part->text);
    if (text)
        return quoted_value(part, out);
    if (field == MLF__SEARCH_PARAM || field == MLF__SEARCH_TAG)
        return mlf__fail(MLF_ERR_INVAL,
                         "Expected a quoted string value for %s (e.g. 'my-value'). Got value %.*s",
                         field_names[field], len, part->text);
    if (part->type == MLF__PIECE_GROUP)
        return list_value(subject, field, key, part, out);
    return mlf__fail(MLF_ERR_INVAL, "Expected a quoted string value for %s. Got value %.*s",
                     field == MLF__SEARCH_DATASET ? "dataset attributes" : "attributes", len,
                     part->text);
}

/* ---- operators ---- */

static mlf_status bad_comparator(const struct mlf__part *op, unsigned valid)
{
    struct mlf__buf names = {0};
    for (size_t i = 0; i < MLF__ARRAY_LEN(op_names); i++)
        if ((valid & BIT(i)) != 0)
            mlf__buf_printf(&names, "%s'%s'", names.len > 0 ? ", " : "", op_names[i]);
    mlf_status status = mlf__fail(MLF_ERR_INVAL, "Invalid comparator '%.*s' not one of '{%s}'",
                                  (int)op->len, op->text, names.failed ? "" : names.data);
    mlf__buf_free(&names);
    return status;
}

/* What experiments say of an operator that they do not take; they mind its case. */
static mlf_status check_experiment_op(const struct mlf__search_clause *clause, bool numeric,
                                      const struct mlf__part *op, int found)
{
    bool id = clause->column != NULL && strcmp(clause->column, "experiment_id") == 0;
    unsigned valid = numeric ? NUMBER_OPS : id ? ID_OPS | LIST_OPS : TEXT_OPS;
    if (found >= 0 && (valid & BIT(found)) != 0)
        return MLF_OK;
    if (numeric)
        return bad_comparator(op, NUMBER_OPS);
    if (!id && clause->field == MLF__SEARCH_ATTRIBUTE &&
        (found < 0 || ((TEXT_OPS | LIST_OPS) & BIT(found)) == 0))
        return bad_comparator(op, TEXT_OPS | LIST_OPS);
    return mlf__fail(MLF_ERR_INVAL, "Invalid comparator for %s: %.*s",
                     id                                 ? "experiment_id"
                     : clause->field == MLF__SEARCH_TAG ? "tag"
                                                        : "string attribute",
                     (int)op->len, op->text);
}

static mlf_status check_op(enum mlf__search_subject subject, bool numeric,
                           const struct mlf__part *op, struct mlf__search_clause *clause)
{
    int found = mlf__search_op_parse(op->text, op->len, subject == MLF__SEARCH_RUNS);
    unsigned valid = numeric || clause->field == MLF__SEARCH_METRIC ? NUMBER_OPS
                     : clause->field == MLF__SEARCH_PARAM || clause->field == MLF__SEARCH_TAG
                         ? TEXT_OPS
                         : TEXT_OPS | LIST_OPS;
    mlf_status status = MLF_OK;
    if (subject == MLF__SEARCH_EXPERIMENTS)
        status = check_experiment_op(clause, numeric, op, found);
    else if (found < 0 || (valid & BIT(found)) == 0)
        status = bad_comparator(op, valid);
    if (status != MLF_OK)
        return status;
    bool list = (BIT(found) & LIST_OPS) != 0;
    if (list != (clause->value.type == MLF__SEARCH_LIST))
        return mlf__fail(MLF_ERR_INVAL, "Invalid comparator '%.*s' for %s", (int)op->len, op->text,
                         list ? "a single value" : "a list of values");
    clause->op = (enum mlf__search_op)found;
    return MLF_OK;
}

/* ---- clauses ---- */

mlf_status mlf__search_add_clause(struct mlf__search_filter *filter, size_t *cap,
                                  struct mlf__search_clause **out)
{
    *out = NULL;
    if (filter->n_clauses == CLAUSES_MAX)
        return mlf__fail(MLF_ERR_INVAL, "a filter may have %d clauses at most", CLAUSES_MAX);
    mlf_status status =
        mlf__grow((void **)&filter->clauses, cap, filter->n_clauses + 1, sizeof(*filter->clauses));
    if (status != MLF_OK)
        return status;
    *out = &filter->clauses[filter->n_clauses++];
    **out = (struct mlf__search_clause){0};
    return MLF_OK;
}

static mlf_status parse_null(enum mlf__search_subject subject, const struct mlf__part *op,
                             struct mlf__search_clause *clause)
{
    bool param = clause->field == MLF__SEARCH_PARAM && subject == MLF__SEARCH_RUNS;
    if (clause->field != MLF__SEARCH_TAG && !param)
        return subject == MLF__SEARCH_RUNS
                   ? mlf__fail(MLF_ERR_INVAL,
                               "IS NULL / IS NOT NULL is only supported for tags and params, not "
                               "for '%s' '%s'",
                               field_names[clause->field], clause->key)
                   : mlf__fail(MLF_ERR_INVAL,
                               "IS NULL / IS NOT NULL is only supported for tags, not for "
                               "attribute '%s'",
                               clause->key);
    clause->op = (enum mlf__search_op)mlf__search_op_parse(op->text, op->len, true);
    return MLF_OK;
}

/* The numbers that experiments take: whole ones, also as ids. */
static mlf_status check_experiment_value(struct mlf__search_clause *clause)
{
    char text[MLF__NUMBER_SIZE];
    int64_t number;
    if (clause->value.type == MLF__SEARCH_DOUBLE) {
        mlf__format_double(text, clause->value.real);
        return mlf__fail(MLF_ERR_INVAL, "Invalid value for numeric attribute '%s': '%s'",
                         clause->key, text);
    }
    if (clause->column == NULL || strcmp(clause->column, "experiment_id") != 0)
        return MLF_OK;
    for (size_t i = 0; i < clause->value.n_texts; i++)
        if (!mlf__parse_i64(clause->value.texts[i], &number))
            return mlf__fail(MLF_ERR_INVAL,
                             "Invalid experiment ID '%s'. Experiment ID must be a valid integer.",
                             clause->value.texts[i]);
    return MLF_OK;
}

static mlf_status parse_clause(enum mlf__search_subject subject, const struct mlf__piece *piece,
                               struct mlf__search_clause *clause)
{
    const struct mlf__part *parts = piece->parts;
    const struct mlf__attribute *attribute;
    if (parts[0].type != MLF__PIECE_NAME)
        return mlf__fail(MLF_ERR_INVAL,
                         "Invalid comparison clause. Expected 'Identifier' found '%.*s'",
                         (int)parts[0].len, parts[0].text);
    mlf_status status = mlf__search_identifier(subject, parts[0].text, parts[0].len, false,
                                               &clause->field, &attribute, &clause->key);
    if (status != MLF_OK)
        return status;
    if (piece->n_parts == 2)
        return parse_null(subject, &parts[1], clause);
    bool numeric = attribute != NULL && attribute->numeric;
    clause->column = attribute != NULL ? attribute->column : NULL;
    status = parse_value(subject, clause->field, attribute, clause->key, &parts[2], &clause->value);
    if (status == MLF_OK)
        status = check_op(subject, numeric, &parts[1], clause);
    if (status == MLF_OK && subject == MLF__SEARCH_EXPERIMENTS)
        status = check_experiment_value(clause);
    return status;
}

/* Refuses what is neither a comparison nor AND. */
static mlf_status check_pieces(enum mlf__search_subject subject, const char *text,
                               const struct mlf__pieces *pieces)
{
    struct mlf__buf bad = {0};
    mlf_status status = MLF_OK;
    const char *quote = subject == MLF__SEARCH_RUNS ? "'" : "";
    if (pieces->n == 0)
        return mlf__fail(MLF_ERR_INVAL, "Invalid filter '%s'. Could not be parsed.", text);
    for (size_t i = 0; i < pieces->n; i++) {
        const struct mlf__piece *piece = &pieces->pieces[i];
        if (piece->type == MLF__PIECE_MARK && piece->text[0] == ';' && i + 1 < pieces->n) {
            mlf__buf_free(&bad);
            return mlf__search_refuse("Search filter contained multiple expression ", text,
                                      ". Provide AND-ed expression list.");
        }
        bool fine =
            piece->type == MLF__PIECE_COMPARISON || piece->type == MLF__PIECE_TEST ||
            (piece->type == MLF__PIECE_KEYWORD && mlf__piece_is(piece->text, piece->len, "AND"));
        if (!fine)
            mlf__buf_printf(&bad, "%s%s%.*s%s", bad.len > 0 ? ", " : "", quote, (int)piece->len,
                            piece->text, quote);
    }
    if (bad.len > 0)
        status = mlf__fail(MLF_ERR_INVAL, "Invalid clause(s) in filter string: %s", bad.data);
    mlf__buf_free(&bad);
    return status;
}

static mlf_status parse_pieces(enum mlf__search_subject subject, const char *text,
                               struct mlf__search_filter *out)
{
    struct mlf__pieces pieces;
    size_t cap = 0;
    mlf_status status = mlf__pieces_cut(text, false, &pieces);
    if (status == MLF_OK)
        status = check_pieces(subject, text, &pieces);
    for (size_t i = 0; status == MLF_OK && i < pieces.n; i++) {
        if (pieces.pieces[i].type == MLF__PIECE_KEYWORD)
            continue;
        struct mlf__search_clause *clause;
        status = mlf__search_add_clause(out, &cap, &clause);
        if (clause != NULL)
            status = parse_clause(subject, &pieces.pieces[i], clause);
    }
    mlf__pieces_free(&pieces);
    return status;
}

mlf_status mlf__search_filter_parse(enum mlf__search_subject subject, const char *text,
                                    struct mlf__search_filter *out)
{
    *out = (struct mlf__search_filter){0};
    if (text == NULL || text[0] == '\0')
        return MLF_OK;
    mlf_status status = subject == MLF__SEARCH_MODELS ? mlf__search_models_parse(text, out)
                                                      : parse_pieces(subject, text, out);
    if (status != MLF_OK)
        mlf__search_filter_free(out);
    return status;
}

void mlf__search_filter_free(struct mlf__search_filter *filter)
{
    for (size_t i = 0; i < filter->n_clauses; i++) {
        struct mlf__search_value *value = &filter->clauses[i].value;
        for (size_t k = 0; k < value->n_texts; k++)
            mlf__free(value->texts[k]);
        mlf__free(value->texts);
        mlf__free(filter->clauses[i].key);
    }
    mlf__free(filter->clauses);
    *filter = (struct mlf__search_filter){0};
}
