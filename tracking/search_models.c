/* SPDX-License-Identifier: Apache-2.0 */
/* Filters and orders of logged models, and lists of values. */
#include "tracking/search_parse.h"

#include "core/buf.h"
#include "core/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Every column of the table is an attribute; three have other names too, which do not go with "attributes.". */
static const char *const columns[] = {
    "model_id",
    "experiment_id",
    "name",
    "artifact_location",
    "creation_timestamp_ms",
    "last_updated_timestamp_ms",
    "status",
    "lifecycle_stage",
    "model_type",
    "source_run_id",
    "status_message",
};

static const struct {
    const char *name, *column;
} aliases[] = {
    {"creation_time", "creation_timestamp_ms"},
    {"creation_timestamp", "creation_timestamp_ms"},
    {"last_updated_timestamp", "last_updated_timestamp_ms"},
};

static const struct {
    const char *name;
    enum mlf__search_field field;
} entities[] = {
    {"attributes", MLF__SEARCH_ATTRIBUTE},
    {"metrics", MLF__SEARCH_METRIC},
    {"params", MLF__SEARCH_PARAM},
    {"tags", MLF__SEARCH_TAG},
};

static const char *column_of(const char *name)
{
    for (size_t i = 0; i < MLF__ARRAY_LEN(columns); i++)
        if (strcmp(columns[i], name) == 0)
            return columns[i];
    return NULL;
}

static const char *without_alias(const char *name)
{
    for (size_t i = 0; i < MLF__ARRAY_LEN(aliases); i++)
        if (strcmp(aliases[i].name, name) == 0)
            return aliases[i].column;
    return name;
}

static bool is_numeric(const char *name)
{
    name = without_alias(name);
    return strcmp(name, "creation_timestamp_ms") == 0 ||
           strcmp(name, "last_updated_timestamp_ms") == 0;
}

/* Takes all of |c| off both ends. */
static void strip_all(const char **text, size_t *len, char c)
{
    while (*len > 0 && (*text)[0] == c) {
        (*text)++;
        (*len)--;
    }
    while (*len > 0 && (*text)[*len - 1] == c)
        (*len)--;
}

/* ---- names ---- */

/* Field and key of "metrics.loss", or an attribute's name. */
static mlf_status parse_entity(const struct mlf__part *part, struct mlf__search_clause *clause)
{
    const char *text = part->text;
    size_t len = part->len, prefix = 0;
    while (prefix < len && text[prefix] >= 'a' && text[prefix] <= 'z')
        prefix++;
    if (prefix > 0 && prefix + 1 < len && text[prefix] == '.') {
        size_t i = 0;
        while (i < MLF__ARRAY_LEN(entities) && !mlf__piece_is(text, prefix, entities[i].name))
            i++;
        if (i == MLF__ARRAY_LEN(entities))
            return mlf__fail(MLF_ERR_INVAL,
                             "Invalid entity type: '%.*s'. Expected one of ['attributes', "
                             "'metrics', 'params', 'tags'].",
                             (int)prefix, text);
        clause->field = entities[i].field;
        text += prefix + 1;
        len -= prefix + 1;
        strip_all(&text, &len, '`');
        clause->key = mlf__strndup(text, len);
        return clause->key != NULL ? MLF_OK : MLF_ERR_NOMEM;
    }
    clause->field = MLF__SEARCH_ATTRIBUTE;
    for (size_t i = 0; i < MLF__ARRAY_LEN(aliases); i++)
        if (strlen(aliases[i].name) == len && memcmp(aliases[i].name, text, len) == 0) {
            text = aliases[i].column;
            len = strlen(text);
            break;
        }
    strip_all(&text, &len, '`');
    clause->key = mlf__strndup(text, len);
    return clause->key != NULL ? MLF_OK : MLF_ERR_NOMEM;
}

/* ---- values ---- */

static mlf_status number_value(const struct mlf__part *part, struct mlf__search_value *out)
{
    char *text = mlf__strndup(part->text, part->len);
    if (text == NULL)
        return MLF_ERR_NOMEM;
    out->type = MLF__SEARCH_DOUBLE;
    bool plain = part->type == MLF__PIECE_INT || part->type == MLF__PIECE_FLOAT ||
                 part->type == MLF__PIECE_NAME || part->type == MLF__PIECE_OPERATION;
    mlf_status status = plain && mlf__parse_double(text, &out->real)
                            ? MLF_OK
                            : mlf__search_refuse("could not convert string to float: ", text, "");
    mlf__free(text);
    return status;
}

static mlf_status text_value(const struct mlf__part *part, struct mlf__search_value *out)
{
    const char *text = part->text;
    size_t len = part->len, cap = 0;
    if (len >= 2 && text[0] == '(' && text[len - 1] == ')')
        return mlf__search_list_parse(text, len, true, out);
    strip_all(&text, &len, '\'');
    out->type = MLF__SEARCH_TEXT;
    return mlf__search_add_text(out, &cap, text, len);
}

/* ---- clauses ---- */

static mlf_status parse_clause(const struct mlf__piece *piece, struct mlf__search_clause *clause)
{
    const struct mlf__part *parts = piece->parts;
    if (piece->n_parts != 3)
        return mlf__fail(MLF_ERR_INVAL,
                         "Invalid comparison: %.*s%.*s. Expected a comparison with 3 tokens.",
                         (int)parts[0].len, parts[0].text, (int)parts[1].len, parts[1].text);
    mlf_status status = parse_entity(&parts[0], clause);
    if (status != MLF_OK)
        return status;
    bool attribute = clause->field == MLF__SEARCH_ATTRIBUTE;
    bool numeric = clause->field == MLF__SEARCH_METRIC || (attribute && is_numeric(clause->key));
    int op = mlf__search_op_parse(parts[1].text, parts[1].len, true);
    bool fits = numeric ? op >= MLF__SEARCH_EQ && op <= MLF__SEARCH_GE
                        : op == MLF__SEARCH_EQ || op == MLF__SEARCH_NE ||
                              (op >= MLF__SEARCH_LIKE && op <= MLF__SEARCH_NOT_IN);
    if (!fits)
        return mlf__fail(
            MLF_ERR_INVAL, "Invalid comparison operator for %s.%s: '%.*s'. Expected one of %s.",
            entities[clause->field].name, clause->key, (int)parts[1].len, parts[1].text,
            numeric ? "('<', '<=', '>', '>=', '=', '!=')"
                    : "('=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT IN')");
    clause->op = (enum mlf__search_op)op;
    status =
        numeric ? number_value(&parts[2], &clause->value) : text_value(&parts[2], &clause->value);
    if (status != MLF_OK)
        return status;
    bool list = op == MLF__SEARCH_IN || op == MLF__SEARCH_NOT_IN;
    if (list != (clause->value.type == MLF__SEARCH_LIST))
        return mlf__fail(MLF_ERR_INVAL, "Invalid comparison operator for %s.%s: '%.*s' and %s.",
                         entities[clause->field].name, clause->key, (int)parts[1].len,
                         parts[1].text, list ? "a single value" : "a list of values");
    if (attribute && (clause->column = column_of(clause->key)) == NULL)
        return mlf__fail(MLF_ERR_INVAL, "Invalid attribute key '%s' specified.", clause->key);
    return MLF_OK;
}

mlf_status mlf__search_models_parse(const char *text, struct mlf__search_filter *out)
{
    struct mlf__pieces pieces;
    size_t cap = 0;
    mlf_status status = mlf__pieces_cut(text, false, &pieces);
    if (status != MLF_OK)
        return status;
    bool several = pieces.n == 0;
    for (size_t i = 0; i + 1 < pieces.n; i++)
        several = several ||
                  (pieces.pieces[i].type == MLF__PIECE_MARK && pieces.pieces[i].text[0] == ';');
    if (several)
        status = mlf__search_refuse("Invalid filter string: ", text,
                                    ". Expected a single SQL expression.");
    for (size_t i = 0; status == MLF_OK && i < pieces.n; i++) {
        const struct mlf__piece *piece = &pieces.pieces[i];
        if (piece->type == MLF__PIECE_COMPARISON || piece->type == MLF__PIECE_TEST) {
            struct mlf__search_clause *clause;
            status = mlf__search_add_clause(out, &cap, &clause);
            if (clause != NULL)
                status = parse_clause(piece, clause);
        } else if (!mlf__piece_is(piece->text, piece->len, "AND")) {
            status = mlf__search_refuse("Invalid filter string: ", text,
                                        ". Expected a list of comparisons separated by 'AND' "
                                        "(e.g. 'metrics.loss > 0.1 AND params.lr = 0.01').");
        }
    }
    mlf__pieces_free(&pieces);
    return status;
}

/* ---- orders ---- */

mlf_status mlf__search_models_key(const char *text, struct mlf__search_key *out)
{
    size_t len = strlen(text), word = len;
    while (word > 0 && text[word - 1] != ' ')
        word--;
    if (strcasecmp(text + word, "ASC") == 0 || strcasecmp(text + word, "DESC") == 0) {
        out->descending = strcasecmp(text + word, "DESC") == 0;
        len = word;
    }
    while (len > 0 && text[len - 1] == ' ')
        len--;
    const char *dot = memchr(text, '.', len);
    const char *key = dot != NULL ? dot + 1 : text;
    size_t key_len = len - (size_t)(key - text);
    if (dot != NULL && strncmp(text, "metrics.", 8) != 0)
        return mlf__fail(MLF_ERR_INVAL,
                         "Invalid order by field name: %.*s. Only metrics are supported.", (int)len,
                         text);
    strip_all(&key, &key_len, '`');
    out->field = dot != NULL ? MLF__SEARCH_METRIC : MLF__SEARCH_ATTRIBUTE;
    out->key = mlf__strndup(key, key_len);
    if (out->key == NULL)
        return MLF_ERR_NOMEM;
    if (dot == NULL && (out->column = column_of(without_alias(out->key))) == NULL)
        return mlf__fail(MLF_ERR_INVAL, "Invalid order by field name: %s", out->key);
    return MLF_OK;
}

/* ---- lists ---- */

static void skip_spaces(const char **at, const char *end)
{
    while (*at < end && strchr(" \t\r\n", **at) != NULL)
        (*at)++;
}

/* One string of a list, as Python writes it; strings side by side are one. */
static mlf_status read_string(const char **at, const char *end, struct mlf__buf *out)
{
    static const char escapes[] = "\\\\''\"\"n\nt\tr\r";
    while (*at < end && (**at == '\'' || **at == '"')) {
        char quote = *(*at)++;
        while (*at < end && **at != quote && **at != '\n') {
            const char *escape = NULL;
            if (**at == '\\' && *at + 1 < end)
                for (const char *e = escapes; *e != '\0' && escape == NULL; e += 2)
                    escape = e[0] == (*at)[1] ? e : NULL;
            mlf__buf_add(out, escape != NULL ? escape + 1 : *at, 1);
            *at += escape != NULL ? 2 : 1;
        }
        if (*at == end || **at != quote)
            return MLF_ERR_INVAL;
        (*at)++;
        skip_spaces(at, end);
    }
    return out->failed ? MLF_ERR_NOMEM : MLF_OK;
}

/* One element into |item|. MLF_ERR_STATE for a number where only texts are taken. */
static mlf_status read_item(const char **at, const char *end, bool integers, bool *is_text,
                            struct mlf__buf *item)
{
    *is_text = *at < end && (**at == '\'' || **at == '"');
    if (*is_text)
        return read_string(at, end, item);
    size_t len = 0;
    while (*at + len < end && strchr("0123456789-", (*at)[len]) != NULL)
        len++;
    char *number = mlf__strndup(*at, len);
    int64_t value;
    if (number == NULL)
        return MLF_ERR_NOMEM;
    mlf_status status = mlf__parse_i64(number, &value) ? MLF_OK : MLF_ERR_INVAL;
    mlf__free(number);
    if (status == MLF_OK && !integers)
        return MLF_ERR_STATE;
    if (status == MLF_OK)
        mlf__buf_printf(item, "%lld", (long long)value);
    *at += len;
    skip_spaces(at, end);
    return item->failed ? MLF_ERR_NOMEM : status;
}

static mlf_status read_list(const char *at, const char *end, bool integers,
                            struct mlf__search_value *out)
{
    size_t cap = 0;
    bool all_text = true, comma = false;
    mlf_status status = MLF_OK;
    skip_spaces(&at, end);
    while (status == MLF_OK && at < end) {
        struct mlf__buf item = {0};
        bool is_text;
        status = read_item(&at, end, integers, &is_text, &item);
        if (status == MLF_OK)
            status = mlf__search_add_text(out, &cap, item.data != NULL ? item.data : "", item.len);
        mlf__buf_free(&item);
        all_text = all_text && is_text;
        comma = at < end && *at == ',';
        if (status == MLF_OK && at < end && !comma)
            status = MLF_ERR_INVAL;
        at += comma;
        skip_spaces(&at, end);
    }
    /* A number in parentheses is no list. */
    return status == MLF_OK && out->n_texts == 1 && !all_text && !comma ? MLF_ERR_INVAL : status;
}

mlf_status mlf__search_list_parse(const char *text, size_t len, bool integers,
                                  struct mlf__search_value *out)
{
    out->type = MLF__SEARCH_LIST;
    mlf_status status = read_list(text + 1, text + len - 1, integers, out);
    if (status == MLF_ERR_STATE)
        return mlf__fail(MLF_ERR_INVAL,
                         "While parsing a list in the query, expected string value, punctuation, "
                         "or whitespace, but got different type in list: %.*s%s",
                         (int)(len - 1), text, memchr(text, ',', len) != NULL ? ")" : ",)");
    if (status == MLF_ERR_INVAL)
        return mlf__fail(MLF_ERR_INVAL,
                         "While parsing a list in the query, expected a non-empty list of string "
                         "values, but got ill-formed list.");
    if (status == MLF_OK && out->n_texts == 0 && !integers)
        return mlf__fail(MLF_ERR_INVAL,
                         "While parsing a list in the query, expected a non-empty list of string "
                         "values, but got empty list");
    return status;
}
