/* SPDX-License-Identifier: Apache-2.0 */
/* The condition is parsed by descent into a row of nodes in prefix order; depth and number of nodes are bounded.
 * Truth has three values, as in SQL: a comparison with what was not seen is unknown, and "not" keeps it so. */
#include "cli/stop_when.h"

#include "core/buf.h"
#include "core/mem.h"
#include "tracking/names.h"

#include <ctype.h>
#include <math.h>
#include <string.h>
#include <strings.h>

enum { NODES_MAX = 128, DEPTH_MAX = 32, WORD_MAX = 256 };

enum kind { AND, OR, NOT, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, EQUAL, UNEQUAL, IS };
enum class { CLASS_NAN, CLASS_INF, CLASS_FINITE };
enum truth { NO, YES, UNKNOWN };

struct node {
    enum kind kind;
    size_t left, right; /* nodes; of a comparison |left| is the name */
    double number;
    enum class class; /* of IS */
};

struct mlf__stop_when {
    char *text;
    char *names[MLF__STOP_NAMES_MAX];
    size_t n_names;
    struct node nodes[NODES_MAX];
    size_t n_nodes, root;
};

struct parser {
    struct mlf__stop_when *condition;
    const char *at;
    size_t depth;
};

static mlf_status parse_or(struct parser *parser, size_t *node);

/* ---- words ---- */

static mlf_status wrong(const struct parser *parser, const char *at, const char *what)
{
    const char *text = parser->condition->text;
    return mlf__fail(MLF_ERR_INVAL, "'%.120s%s': at character %zu: %s", text,
                     strlen(text) > 120 ? "..." : "", (size_t)(at - text) + 1, what);
}

static void skip_blanks(struct parser *parser)
{
    parser->at += strspn(parser->at, " \t\r\n");
}

static bool is_name_char(char c)
{
    return isalnum((unsigned char)c) || (c != '\0' && strchr("_-./@%", c) != NULL) ||
           ((unsigned char)c & 0x80) != 0;
}

static size_t word_length(const char *at)
{
    size_t len = 0;
    while (is_name_char(at[len]))
        len++;
    return len;
}

/* Takes the word when it comes next, in any case. */
static bool take_word(struct parser *parser, const char *word)
{
    skip_blanks(parser);
    size_t len = word_length(parser->at);
    if (len != strlen(word) || strncasecmp(parser->at, word, len) != 0)
        return false;
    parser->at += len;
    return true;
}

static bool take_sign(struct parser *parser, const char *sign)
{
    skip_blanks(parser);
    size_t len = strlen(sign);
    if (strncmp(parser->at, sign, len) != 0)
        return false;
    parser->at += len;
    return true;
}

/* ---- nodes ---- */

static mlf_status add_node(struct parser *parser, const struct node *node, size_t *out)
{
    struct mlf__stop_when *condition = parser->condition;

    if (condition->n_nodes == NODES_MAX)
        return wrong(parser, parser->at, "the condition is too long");
    *out = condition->n_nodes++;
    condition->nodes[*out] = *node;
    return MLF_OK;
}

/* The number of the name of |len| bytes, made as captured names are. */
static mlf_status add_name(struct parser *parser, const char *at, size_t len, size_t *out)
{
    struct mlf__stop_when *condition = parser->condition;
    char *name = mlf__normalise_name(at, len);

    if (name == NULL)
        return MLF_ERR_NOMEM;
    for (size_t i = 0; i < condition->n_names; i++) {
        if (strcasecmp(condition->names[i], name) == 0) {
            mlf__free(name);
            *out = i;
            return MLF_OK;
        }
    }
    if (*name == '\0' || condition->n_names == MLF__STOP_NAMES_MAX) {
        mlf_status status = wrong(
            parser, at, *name == '\0' ? "no metric has such a name" : "too many different metrics");
        mlf__free(name);
        return status;
    }
    *out = condition->n_names;
    condition->names[condition->n_names++] = name;
    return MLF_OK;
}

static mlf_status parse_name(struct parser *parser, size_t *out)
{
    skip_blanks(parser);
    const char *at = parser->at;
    if (*at == '"') {
        const char *end = strchr(at + 1, '"');
        if (end == NULL)
            return wrong(parser, at, "the quote is not closed");
        parser->at = end + 1;
        return add_name(parser, at + 1, (size_t)(end - at - 1), out);
    }
    size_t len = word_length(at);
    if (len == 0)
        return wrong(parser, at, "the name of a metric is missing");
    parser->at = at + len;
    return add_name(parser, at, len, out);
}

static mlf_status parse_number(struct parser *parser, double *out)
{
    char word[WORD_MAX];

    skip_blanks(parser);
    const char *at = parser->at;
    size_t len = strspn(at, "+-");
    while (is_name_char(at[len]) || ((at[len] == '+' || at[len] == '-') && len > 0 &&
                                     (at[len - 1] == 'e' || at[len - 1] == 'E')))
        len++;
    if (len == 0 || len >= sizeof(word))
        return wrong(parser, at, "a number is missing");
    memcpy(word, at, len);
    word[len] = '\0';
    if (!mlf__parse_double(word, out))
        return wrong(parser, at, "this is no number");
    /* Nothing is less than, or equal to, what is no number. */
    if (isnan(*out))
        return wrong(parser, at, "nothing compares with nan: use `is nan`");
    parser->at = at + len;
    return MLF_OK;
}

static mlf_status parse_class(struct parser *parser, enum class *out)
{
    static const struct {
        const char *word;
        enum class class;
    } classes[] = {
        {"nan", CLASS_NAN}, {"inf", CLASS_INF}, {"infinite", CLASS_INF}, {"finite", CLASS_FINITE}};

    for (size_t i = 0; i < MLF__ARRAY_LEN(classes); i++) {
        if (take_word(parser, classes[i].word)) {
            *out = classes[i].class;
            return MLF_OK;
        }
    }
    return wrong(parser, parser->at, "`is` takes nan, inf or finite");
}

static mlf_status parse_comparison(struct parser *parser, size_t *out)
{
    /* Longer signs before those that they begin with. */
    static const struct {
        const char *sign;
        enum kind kind;
    } signs[] = {{"<=", LESS_EQUAL}, {">=", GREATER_EQUAL}, {"==", EQUAL}, {"!=", UNEQUAL},
                 {"<", LESS},        {">", GREATER},        {"=", EQUAL}};
    struct node node = {0};
    mlf_status status = parse_name(parser, &node.left);

    if (status != MLF_OK)
        return status;
    if (take_word(parser, "is")) {
        bool negated = take_word(parser, "not");
        node.kind = IS;
        status = parse_class(parser, &node.class);
        if (status == MLF_OK)
            status = add_node(parser, &node, out);
        if (status != MLF_OK || !negated)
            return status;
        struct node not = {.kind = NOT, .left = *out};
        return add_node(parser, &not, out);
    }
    for (size_t i = 0; i < MLF__ARRAY_LEN(signs); i++) {
        if (!take_sign(parser, signs[i].sign))
            continue;
        node.kind = signs[i].kind;
        status = parse_number(parser, &node.number);
        return status == MLF_OK ? add_node(parser, &node, out) : status;
    }
    return wrong(parser, parser->at, "one of <, <=, >, >=, ==, != or `is` is missing");
}

/* ---- the grammar ---- */

static mlf_status parse_unary(struct parser *parser, size_t *out)
{
    struct node not = {.kind = NOT};
    mlf_status status;

    if (++parser->depth > DEPTH_MAX)
        return wrong(parser, parser->at, "it is nested too deeply");
    if (take_word(parser, "not") || (strncmp(parser->at, "!=", 2) != 0 && take_sign(parser, "!"))) {
        status = parse_unary(parser, &not .left);
        if (status == MLF_OK)
            status = add_node(parser, &not, out);
    } else if (take_sign(parser, "(")) {
        status = parse_or(parser, out);
        if (status == MLF_OK && !take_sign(parser, ")"))
            status = wrong(parser, parser->at, "a closing bracket is missing");
    } else {
        status = parse_comparison(parser, out);
    }
    parser->depth--;
    return status;
}

static mlf_status parse_and(struct parser *parser, size_t *out)
{
    mlf_status status = parse_unary(parser, out);

    while (status == MLF_OK && (take_word(parser, "and") || take_sign(parser, "&&"))) {
        struct node node = {.kind = AND, .left = *out};
        status = parse_unary(parser, &node.right);
        if (status == MLF_OK)
            status = add_node(parser, &node, out);
    }
    return status;
}

static mlf_status parse_or(struct parser *parser, size_t *out)
{
    mlf_status status = parse_and(parser, out);

    while (status == MLF_OK && (take_word(parser, "or") || take_sign(parser, "||"))) {
        struct node node = {.kind = OR, .left = *out};
        status = parse_and(parser, &node.right);
        if (status == MLF_OK)
            status = add_node(parser, &node, out);
    }
    return status;
}

mlf_status mlf__stop_when_parse(const char *text, struct mlf__stop_when **out)
{
    *out = NULL;
    struct mlf__stop_when *condition = mlf__zalloc(1, sizeof(*condition));
    if (condition == NULL)
        return MLF_ERR_NOMEM;
    condition->text = mlf__strdup(text);
    mlf_status status = condition->text != NULL ? MLF_OK : MLF_ERR_NOMEM;
    struct parser parser = {.condition = condition, .at = condition->text};
    if (status == MLF_OK)
        status = parse_or(&parser, &condition->root);
    if (status == MLF_OK) {
        skip_blanks(&parser);
        if (*parser.at != '\0')
            status =
                wrong(&parser, parser.at, "the condition should end here, or go on by and, or");
    }
    if (status != MLF_OK) {
        mlf__stop_when_free(condition);
        return status;
    }
    *out = condition;
    return MLF_OK;
}

void mlf__stop_when_free(struct mlf__stop_when *condition)
{
    if (condition == NULL)
        return;
    for (size_t i = 0; i < condition->n_names; i++)
        mlf__free(condition->names[i]);
    mlf__free(condition->text);
    mlf__free(condition);
}

const char *mlf__stop_when_text(const struct mlf__stop_when *condition)
{
    return condition->text;
}

/* ---- what holds ---- */

static bool compare(const struct node *node, double value)
{
    switch (node->kind) {
    case LESS:
        return value < node->number;
    case LESS_EQUAL:
        return value <= node->number;
    case GREATER:
        return value > node->number;
    case GREATER_EQUAL:
        return value >= node->number;
    case EQUAL:
        return value == node->number;
    case UNEQUAL:
        return value != node->number;
    case IS:
        return node->class == CLASS_NAN   ? isnan(value)
               : node->class == CLASS_INF ? isinf(value)
                                          : isfinite(value);
    default:
        return false;
    }
}

/* A node lies behind those that it joins: from the first on, each finds their truth already there. */
bool mlf__stop_when_holds(const struct mlf__stop_when *condition,
                          const struct mlf__stop_values *values)
{
    enum truth truths[NODES_MAX];

    for (size_t i = 0; i < condition->n_nodes; i++) {
        const struct node *node = &condition->nodes[i];
        if (node->kind == NOT) {
            enum truth inner = truths[node->left];
            truths[i] = inner == UNKNOWN ? UNKNOWN : inner == YES ? NO : YES;
        } else if (node->kind == AND || node->kind == OR) {
            enum truth left = truths[node->left], right = truths[node->right];
            enum truth decisive = node->kind == AND ? NO : YES;
            bool unknown = left == UNKNOWN || right == UNKNOWN;
            truths[i] = left == decisive || right == decisive ? decisive
                        : unknown                             ? UNKNOWN
                        : decisive == NO                      ? YES
                                                              : NO;
        } else if (!values->seen[node->left]) {
            truths[i] = UNKNOWN;
        } else {
            truths[i] = compare(node, values->values[node->left]) ? YES : NO;
        }
    }
    return truths[condition->root] == YES;
}

bool mlf__stop_when_see(const struct mlf__stop_when *condition, struct mlf__stop_values *values,
                        const char *key, double value)
{
    for (size_t i = 0; i < condition->n_names; i++) {
        if (strcasecmp(condition->names[i], key) != 0)
            continue;
        values->values[i] = value;
        values->seen[i] = true;
        return mlf__stop_when_holds(condition, values);
    }
    return false;
}
