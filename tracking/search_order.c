/* SPDX-License-Identifier: Apache-2.0 */
/* Orders of searches, and the tokens of their pages. */
#include "tracking/search_parse.h"

#include "core/buf.h"
#include "core/mem.h"
#include "tracking/base64.h"

#include <cjson/cJSON.h>
#include <string.h>
#include <strings.h>

enum {
    PAGE_DEFAULT = 1000,
    PAGE_DEFAULT_MODELS = 100,
    PAGE_MAX = 50000,

    KEYS_MAX = 32
};

/* ---- orders ---- */

static mlf_status not_parsed(const char *text)
{
    return mlf__fail(MLF_ERR_INVAL, "Invalid order_by clause '%s'. Could not be parsed.", text);
}

/* Cuts the words of a clause as a shell does, with backticks for double quotes. The first word is put into
 * |first|, the second into |second|; |*n| is how many there are. False for a quote without end. */
static bool split_words(const char *text, struct mlf__buf *first, struct mlf__buf *second,
                        size_t *n)
{
    char quote = '\0';
    bool inside = false;
    *n = 0;
    for (; *text != '\0'; text++) {
        char c = *text == '`' ? '"' : *text;
        if (quote == '\0' && strchr(" \t\r\n", c) != NULL) {
            inside = false;
            continue;
        }
        *n += !inside;
        inside = true;
        struct mlf__buf *out = *n == 1 ? first : second;
        if (c == quote) {
            quote = '\0';
            continue;
        }
        if (quote == '\0' && (c == '"' || c == '\'')) {
            quote = c;
            continue;
        }
        bool escapes = c == '\\' && quote != '\'' && text[1] != '\0' &&
                       (quote == '\0' || text[1] == '"' || text[1] == '\\');
        if (escapes)
            text++;
        mlf__buf_add(out, text, 1);
    }
    return quote == '\0';
}

/* What is ordered by, and how, of the one name that a clause is. */
static mlf_status parse_name(enum mlf__search_subject subject, const char *clause,
                             const struct mlf__piece *piece, struct mlf__search_key *out)
{
    struct mlf__buf first = {0}, second = {0};
    const struct mlf__attribute *attribute;
    size_t words = 0;
    char *text = mlf__strndup(piece->text, piece->len);
    mlf_status status = text != NULL ? MLF_OK : MLF_ERR_NOMEM;
    bool split = status == MLF_OK && split_words(text, &first, &second, &words);
    mlf__buf_puts(&first, "");
    if (status == MLF_OK && (first.failed || second.failed))
        status = MLF_ERR_NOMEM;
    else if (status == MLF_OK && (!split || words > 2))
        status = not_parsed(clause);
    const char *name = text;
    size_t len = piece->len;
    if (status == MLF_OK && words == 2) {
        const char *word = second.data != NULL ? second.data : "";
        out->descending = strcasecmp(word, "desc") == 0;
        if (!out->descending && strcasecmp(word, "asc") != 0)
            status =
                mlf__fail(MLF_ERR_INVAL, "Invalid ordering key in order_by clause '%s'.", clause);
        name = first.data;
        len = first.len;
    }
    if (status == MLF_OK)
        status =
            mlf__search_identifier(subject, name, len, true, &out->field, &attribute, &out->key);
    if (status == MLF_OK && attribute != NULL)
        out->column = attribute->column;
    mlf__free(text);
    mlf__buf_free(&first);
    mlf__buf_free(&second);
    return status;
}

static mlf_status parse_key(enum mlf__search_subject subject, const char *text,
                            struct mlf__search_key *out)
{
    struct mlf__pieces pieces;
    if (subject == MLF__SEARCH_MODELS)
        return mlf__search_models_key(text, out);
    mlf_status status = mlf__pieces_cut(text, true, &pieces);
    if (status != MLF_OK)
        return status;
    status = pieces.n == 1 && pieces.pieces[0].type == MLF__PIECE_NAME
                 ? parse_name(subject, text, &pieces.pieces[0], out)
                 : not_parsed(text);
    mlf__pieces_free(&pieces);
    if (status != MLF_OK)
        return status;
    if (subject == MLF__SEARCH_EXPERIMENTS && out->field != MLF__SEARCH_ATTRIBUTE)
        return mlf__fail(MLF_ERR_INVAL, "Invalid order_by entity: tag");
    if (out->field == MLF__SEARCH_DATASET)
        return mlf__fail(MLF_ERR_INVAL, "Invalid identifier type 'dataset'");
    return MLF_OK;
}

static bool is_same(const struct mlf__search_key *a, const struct mlf__search_key *b)
{
    if (a->field != b->field)
        return false;
    return a->column != NULL ? strcmp(a->column, b->column) == 0 : strcmp(a->key, b->key) == 0;
}

/* Runs are not ordered by the same field twice. */
static mlf_status check_duplicates(const char *const *texts, size_t n,
                                   const struct mlf__search_order *order)
{
    const struct mlf__search_key *last = &order->keys[order->n_keys - 1];
    struct mlf__buf list = {0};
    bool found = false;
    for (size_t i = 0; i + 1 < order->n_keys && !found; i++)
        found = is_same(&order->keys[i], last);
    if (!found)
        return MLF_OK;
    for (size_t i = 0; i < n; i++) {
        mlf__buf_puts(&list, i > 0 ? ", " : "");
        mlf__search_quote(&list, texts[i]);
    }
    mlf_status status = mlf__fail(MLF_ERR_INVAL, "`order_by` contains duplicate fields: [%s]",
                                  list.failed ? "" : list.data);
    mlf__buf_free(&list);
    return status;
}

mlf_status mlf__search_order_parse(enum mlf__search_subject subject, const char *const *texts,
                                   size_t n, struct mlf__search_order *out)
{
    mlf_status status = MLF_OK;
    *out = (struct mlf__search_order){0};
    if (n == 0)
        return MLF_OK;
    if (n > KEYS_MAX)
        return mlf__fail(MLF_ERR_INVAL, "an order may have %d clauses at most", KEYS_MAX);
    out->keys = mlf__zalloc(n, sizeof(*out->keys));
    if (out->keys == NULL)
        return MLF_ERR_NOMEM;
    for (size_t i = 0; status == MLF_OK && i < n; i++) {
        if (texts[i] == NULL)
            status = mlf__fail(MLF_ERR_INVAL, "an order_by clause is NULL");
        else
            status = parse_key(subject, texts[i], &out->keys[out->n_keys++]);
        if (status == MLF_OK && subject == MLF__SEARCH_RUNS)
            status = check_duplicates(texts, n, out);
    }
    if (status != MLF_OK)
        mlf__search_order_free(out);
    return status;
}

void mlf__search_order_free(struct mlf__search_order *order)
{
    for (size_t i = 0; i < order->n_keys; i++)
        mlf__free(order->keys[i].key);
    mlf__free(order->keys);
    *order = (struct mlf__search_order){0};
}

/* ---- pages ---- */

static cJSON *texts_json(const char *const *texts, size_t n)
{
    return texts != NULL ? cJSON_CreateStringArray((const char **)texts, (int)n)
                         : cJSON_CreateNull();
}

/* What a token of models says besides the offset: it is only good for the same search. NULL: no memory. */
static cJSON *question_json(const mlf_search_options *options)
{
    cJSON *json = cJSON_CreateObject();
    bool filter = options->filter != NULL && options->filter[0] != '\0';
    bool ok =
        cJSON_AddItemToObject(json, "experiment_ids",
                              texts_json(options->experiment_ids, options->n_experiment_ids)) &&
        cJSON_AddItemToObject(json, "filter_string",
                              filter ? cJSON_CreateString(options->filter) : cJSON_CreateNull()) &&
        cJSON_AddItemToObject(
            json, "order_by",
            texts_json(options->n_order_by > 0 ? options->order_by : NULL, options->n_order_by));
    if (ok)
        return json;
    cJSON_Delete(json);
    return NULL;
}

static mlf_status encode(const cJSON *json, char **out)
{
    char *text = cJSON_PrintUnformatted(json);
    *out = NULL;
    if (text == NULL)
        return mlf__fail(MLF_ERR_NOMEM, "out of memory");
    *out = mlf__base64_encode(text, strlen(text));
    cJSON_free(text);
    return *out != NULL ? MLF_OK : MLF_ERR_NOMEM;
}

static mlf_status decode(const char *token, cJSON **out)
{
    char *text;
    *out = NULL;
    mlf_status status = mlf__base64_decode(token, &text);
    if (status == MLF_ERR_INVAL)
        return mlf__fail(MLF_ERR_INVAL, "Invalid page token, could not base64-decode");
    if (status != MLF_OK)
        return status;
    *out = cJSON_Parse(text);
    if (!cJSON_IsObject(*out)) {
        status = mlf__fail(MLF_ERR_INVAL, "Invalid page token, decoded value=b'%s'", text);
        cJSON_Delete(*out);
        *out = NULL;
    }
    mlf__free(text);
    return status;
}

static mlf_status read_offset(const cJSON *token, int64_t *offset)
{
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(token, "offset");
    mlf_status status = MLF_OK;
    if (cJSON_IsString(number) && number->valuestring[0] != '\0')
        return mlf__fail(MLF_ERR_INVAL, "Invalid page token, not stringable %s",
                         number->valuestring);
    if (!cJSON_IsNumber(number) || number->valuedouble < 1 || number->valuedouble > 1e15) {
        char *text = cJSON_PrintUnformatted(token);
        status = mlf__fail(MLF_ERR_INVAL, "Invalid page token, parsed value=%s",
                           text != NULL ? text : "");
        cJSON_free(text);
    } else {
        *offset = (int64_t)number->valuedouble;
    }
    return status;
}

static mlf_status check_question(const cJSON *token, const mlf_search_options *options)
{
    static const struct {
        const char *member, *name;
    } parts[] = {{"experiment_ids", "Experiment IDs"},
                 {"filter_string", "Filter string"},
                 {"order_by", "Order by"}};
    cJSON *asked = question_json(options);
    if (asked == NULL)
        return mlf__fail(MLF_ERR_NOMEM, "out of memory");
    mlf_status status = MLF_OK;
    for (size_t i = 0; status == MLF_OK && i < MLF__ARRAY_LEN(parts); i++)
        if (!cJSON_Compare(cJSON_GetObjectItemCaseSensitive(token, parts[i].member),
                           cJSON_GetObjectItemCaseSensitive(asked, parts[i].member), true))
            status = mlf__fail(MLF_ERR_INVAL, "%s in the page token do not match the requested %s.",
                               parts[i].name, parts[i].name);
    cJSON_Delete(asked);
    return status;
}

mlf_status mlf__search_page(enum mlf__search_subject subject, const mlf_search_options *options,
                            int64_t *offset, size_t *max_results)
{
    bool models = subject == MLF__SEARCH_MODELS;
    cJSON *token;
    *offset = 0;
    *max_results = options->max_results > 0 ? options->max_results
                   : models                 ? PAGE_DEFAULT_MODELS
                                            : PAGE_DEFAULT;
    if (!models && *max_results > PAGE_MAX)
        return mlf__fail(MLF_ERR_INVAL,
                         "Invalid value %zu for parameter 'max_results' supplied. It must be at "
                         "most %d",
                         *max_results, PAGE_MAX);
    if (options->page_token == NULL || options->page_token[0] == '\0')
        return MLF_OK;
    mlf_status status = decode(options->page_token, &token);
    if (status != MLF_OK)
        return status;
    status = read_offset(token, offset);
    if (status == MLF_OK && models)
        status = check_question(token, options);
    cJSON_Delete(token);
    return status;
}

mlf_status mlf__search_token(enum mlf__search_subject subject, const mlf_search_options *options,
                             int64_t offset, char **out)
{
    *out = NULL;
    cJSON *json = subject == MLF__SEARCH_MODELS ? question_json(options) : cJSON_CreateObject();
    mlf_status status = json != NULL && cJSON_AddNumberToObject(json, "offset", (double)offset)
                            ? encode(json, out)
                            : mlf__fail(MLF_ERR_NOMEM, "out of memory");
    cJSON_Delete(json);
    return status;
}
