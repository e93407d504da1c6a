/* SPDX-License-Identifier: Apache-2.0 */
/* Cutting a filter or order_by text into tokens, and putting tokens together. What MLflow takes and refuses
 * follows from how its tokenizer for SQL sees a text, so the same cuts are made here, down to its oddities:
 * "loss -1" is a name and a number, "metrics.1a" a name, "metrics.1" none. */
#include "tracking/search_lex.h"

#include "core/mem.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Words that are no names when they stand alone. A longer list would only change the wording of refusals. */
static const char *const keywords[] = {
    "AND",   "AS",      "ALL",   "ANY",   "ASC",    "BETWEEN", "BY",     "CASE",  "CURRENT",
    "DATE",  "DEFAULT", "DESC",  "ELSE",  "END",    "EXISTS",  "FALSE",  "FIRST", "FROM",
    "IN",    "IS",      "LAST",  "LIMIT", "LOCAL",  "NO",      "NONE",   "NOT",   "NULL",
    "ON",    "OR",      "ORDER", "ROLE",  "SELECT", "SET",     "SYSTEM", "THEN",  "TRUE",
    "UNION", "UNKNOWN", "USER",  "USING", "VALUES", "WHEN",    "WHERE",
};

struct lexer {
    const char *at;    /* NUL-terminated */
    const char *begin; /* of the whole text */
    bool after_dot;    /* the token before was a dot that touches this one */
};

bool mlf__piece_is(const char *text, size_t len, const char *word)
{
    return strlen(word) == len && strncasecmp(text, word, len) == 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Letters of other alphabets count: they are bytes above 127 here. */
static bool is_letter(char c)
{
    return isalpha((unsigned char)c) || (unsigned char)c >= 0x80;
}

static bool is_word(char c)
{
    return is_letter(c) || is_digit(c) || c == '_';
}

static bool is_space(char c)
{
    return c != '\0' && strchr(" \t\n\r\v\f", c) != NULL;
}

static size_t word_len(const char *text)
{
    size_t len = 0;
    while (is_word(text[len]))
        len++;
    return len;
}

static size_t digits(const char *text)
{
    size_t len = 0;
    while (is_digit(text[len]))
        len++;
    return len;
}

static size_t spaces(const char *text)
{
    size_t len = 0;
    while (is_space(text[len]))
        len++;
    return len;
}

/* Is the word |word| at |text|, ending there? */
static bool starts_with(const char *text, const char *word)
{
    size_t len = strlen(word);
    return strncasecmp(text, word, len) == 0 && !is_word(text[len]);
}

/* ---- tokens: each gives its length, 0 when there is none ---- */

/* A quoted text. A quote that is doubled or behind a backslash is part of it, unless it is the last one. */
static size_t quoted(const char *text, char quote, bool backslash)
{
    size_t last = 0;
    if (text[0] != quote)
        return 0;
    for (size_t i = 1; text[i] != '\0'; i++) {
        if (text[i] == quote) {
            if (text[i + 1] != quote)
                return i + 1;
            last = i + 1;
            i++;
        } else if (backslash && text[i] == '\\' && text[i + 1] == quote) {
            last = i + 2;
            i++;
        }
    }
    return last;
}

/* Does a number end here? It may not run into a word. */
static bool ends(const char *text)
{
    return !is_letter(text[0]) && text[0] != '_';
}

static size_t number(const char *text, enum mlf__piece_type *type)
{
    size_t sign = text[0] == '-', whole = digits(text + sign), len = sign + whole;
    const char *rest = text + len;
    size_t part = rest[0] == '.' ? digits(rest + 1) : 0;
    if (whole == 1 && text[sign] == '0' && (rest[0] | 0x20) == 'x' &&
        isxdigit((unsigned char)rest[1])) {
        *type = MLF__PIECE_HEX;
        for (len++; isxdigit((unsigned char)text[len]); len++)
            ;
        return len;
    }
    *type = MLF__PIECE_FLOAT;
    const char *e = rest + (part > 0 ? part + 1 : 0);
    if (whole > 0 && (e[0] | 0x20) == 'e') {
        size_t minus = e[1] == '-', exponent = digits(e + 1 + minus);
        if (exponent > 0)
            return (size_t)(e - text) + 1 + minus + exponent;
    }
    if (rest[0] == '.' && (whole > 0 || part > 0)) {
        size_t full = len + 1 + part;
        if (ends(text + full))
            return full;
        /* The digit before the word is left to it. */
        if (part > (whole > 0 ? 0u : 1u))
            return full - 1;
    }
    *type = MLF__PIECE_INT;
    if (whole > 0 && ends(rest))
        return len;
    return whole > 1 ? len - 1 : 0;
}

/* "-- …" and "# …" to the end of the line, or a comment in slashes: nothing takes them. */
static size_t comment(const char *text)
{
    if (strncmp(text, "--", 2) == 0 || strncmp(text, "# ", 2) == 0)
        return strcspn(text, "\r\n");
    if (strncmp(text, "/*", 2) != 0)
        return 0;
    const char *end = strstr(text + 2, "*/");
    return end != NULL ? (size_t)(end + 2 - text) : 0;
}

/* "NOT NULL", "NOT LIKE" and "ASC NULLS LAST" are one token. */
static size_t several_words(const char *text, enum mlf__piece_type *type)
{
    static const char *const like[] = {"LIKE", "ILIKE", "RLIKE", "REGEXP"};
    size_t skip = 0;
    if (starts_with(text, "NOT")) {
        skip = 3 + spaces(text + 3);
        *type = MLF__PIECE_KEYWORD;
        if (skip > 3 && starts_with(text + skip, "NULL"))
            return skip + 4;
        if (skip == 3)
            return 0;
    }
    *type = MLF__PIECE_COMPARE;
    for (size_t i = 0; i < MLF__ARRAY_LEN(like); i++)
        if (starts_with(text + skip, like[i]))
            return skip + strlen(like[i]);
    *type = MLF__PIECE_ORDER;
    size_t len = starts_with(text, "ASC") ? 3 : starts_with(text, "DESC") ? 4 : 0;
    size_t nulls = len > 0 ? len + spaces(text + len) : 0;
    if (nulls > len && starts_with(text + nulls, "NULLS")) {
        size_t where = nulls + 5 + spaces(text + nulls + 5);
        if (where > nulls + 5 && starts_with(text + where, "FIRST"))
            return where + 5;
        if (where > nulls + 5 && starts_with(text + where, "LAST"))
            return where + 4;
    }
    return len;
}

static bool is_keyword(const char *text, size_t len)
{
    for (size_t i = 0; i < MLF__ARRAY_LEN(keywords); i++)
        if (mlf__piece_is(text, len, keywords[i]))
            return true;
    return false;
}

/* A word: a name before a dot, behind one and before a parenthesis, whatever it is elsewhere. */
static size_t word(const struct lexer *lexer, enum mlf__piece_type *type)
{
    const char *text = lexer->at;
    size_t len = word_len(text);
    *type = MLF__PIECE_WORD;
    if (is_letter(text[0])) {
        const char *next = text + len + spaces(text + len);
        if (starts_with(text, "IN") || starts_with(text, "AS") || starts_with(text, "FROM") ||
            starts_with(text, "CASE") || starts_with(text, "VALUES") ||
            starts_with(text, "USING")) {
            *type = MLF__PIECE_KEYWORD;
            return len;
        }
        if ((next[0] == '.' && !is_digit(next[1])) || lexer->after_dot || text[len] == '(')
            return len;
        size_t several = several_words(text, type);
        if (several > 0)
            return several;
        *type = MLF__PIECE_WORD;
    }
    while (len > 0 && (is_word(text[len]) || text[len] == '$' || text[len] == '#'))
        len++;
    if (is_keyword(text, len))
        *type = MLF__PIECE_KEYWORD;
    return len;
}

/* "[…]" that is not an index. */
static size_t bracketed(const struct lexer *lexer)
{
    const char *text = lexer->at;
    if (text[0] != '[')
        return 0;
    if (text > lexer->begin && (is_word(text[-1]) || text[-1] == ')' || text[-1] == ']'))
        return 0;
    size_t len = strcspn(text + 1, "[]");
    return len > 0 && text[len + 1] == ']' ? len + 2 : 0;
}

/* "@name", "#name" and "##name". */
static size_t marked_word(const char *text)
{
    size_t marks = text[0] == '@' || text[0] == '#' ? 1 : 0;
    marks += text[0] == '#' && text[1] == '#';
    return marks > 0 && is_letter(text[marks]) && is_word(text[marks + 1])
               ? marks + word_len(text + marks)
               : 0;
}

static size_t next_token(const struct lexer *lexer, enum mlf__piece_type *type)
{
    const char *text = lexer->at;
    size_t len;
    *type = MLF__PIECE_MARK;
    if ((len = comment(text)) > 0)
        return len;
    *type = MLF__PIECE_SPACE;
    if ((len = spaces(text)) > 0)
        return len;
    *type = MLF__PIECE_WORD;
    if ((len = quoted(text, '`', false)) > 0 || (len = bracketed(lexer)) > 0)
        return len;
    *type = MLF__PIECE_STRING;
    if ((len = quoted(text, '\'', true)) > 0)
        return len;
    *type = MLF__PIECE_SYMBOL;
    if ((len = quoted(text, '"', true)) > 0)
        return len;
    if ((len = number(text, type)) > 0 || (len = word(lexer, type)) > 0)
        return len;
    *type = MLF__PIECE_WORD;
    if ((len = marked_word(text)) > 0)
        return len;
    *type = MLF__PIECE_MARK;
    if (text[0] == '-' && text[1] == '>')
        return text[2] == '>' ? 3 : 2;
    *type = MLF__PIECE_COMPARE;
    if ((len = strspn(text, "<>=~!")) > 0)
        return len;
    *type = MLF__PIECE_SIGN;
    if (text[0] == '-' || text[0] == '*')
        return 1;
    if ((len = strspn(text, "+/@#%^&|-")) > 0)
        return len;
    *type = MLF__PIECE_MARK;
    return 1;
}

static mlf_status add(struct mlf__pieces *out, enum mlf__piece_type type, const char *text,
                      size_t len)
{
    mlf_status status =
        mlf__grow((void **)&out->pieces, &out->cap, out->n + 1, sizeof(*out->pieces));
    if (status == MLF_OK)
        out->pieces[out->n] =
            (struct mlf__piece){.type = type, .text = text, .len = len, .next = out->n + 1};
    out->n += status == MLF_OK;
    return status;
}

/* ---- putting tokens together ---- */

static bool is_mark(const struct mlf__piece *piece, char mark)
{
    return piece->type == MLF__PIECE_MARK && piece->len == 1 && piece->text[0] == mark;
}

/* A dot, or an arrow, which is as good. */
static bool is_access(const struct mlf__piece *piece)
{
    return is_mark(piece, '.') || (piece->type == MLF__PIECE_MARK && piece->len > 1 &&
                                   piece->text[0] == '-' && piece->text[1] == '>');
}

/* The next piece behind |i| that is not space; the number of pieces when there is none. */
static size_t behind(const struct mlf__pieces *all, size_t i)
{
    while (i < all->n) {
        i = all->pieces[i].next;
        if (i < all->n && all->pieces[i].type != MLF__PIECE_SPACE)
            break;
    }
    return i;
}

/* The pieces from |first| to |last| become one, in the place of the first. */
static void join(struct mlf__pieces *all, size_t first, size_t last, enum mlf__piece_type type)
{
    struct mlf__piece *pieces = all->pieces;
    const char *end = pieces[last].text + pieces[last].len;
    pieces[first].type = type;
    pieces[first].len = (size_t)(end - pieces[first].text);
    pieces[first].next = pieces[last].next;
}

static void join_groups(struct mlf__pieces *all)
{
    size_t depth = 0, first = 0;
    for (size_t i = 0; i < all->n; i++) {
        if (is_mark(&all->pieces[i], '(') && depth++ == 0)
            first = i;
        if (!is_mark(&all->pieces[i], ')') || depth == 0 || --depth > 0)
            continue;
        join(all, first, i, MLF__PIECE_GROUP);
    }
}

static void join_calls(struct mlf__pieces *all)
{
    for (size_t i = 0; i < all->n; i = all->pieces[i].next) {
        size_t next = behind(all, i);
        if (all->pieces[i].type == MLF__PIECE_WORD && next < all->n &&
            all->pieces[next].type == MLF__PIECE_GROUP)
            join(all, i, next, MLF__PIECE_CALL);
    }
}

/* a.b.c, and words and symbols that stand alone. */
static void join_names(struct mlf__pieces *all)
{
    for (size_t i = 0; i < all->n; i = all->pieces[i].next) {
        enum mlf__piece_type type = all->pieces[i].type;
        if (type != MLF__PIECE_WORD && type != MLF__PIECE_SYMBOL)
            continue;
        for (;;) {
            size_t dot = behind(all, i);
            if (dot >= all->n || !is_access(&all->pieces[dot]))
                break;
            size_t next = behind(all, dot);
            type = next < all->n ? all->pieces[next].type : MLF__PIECE_SPACE;
            bool name = type == MLF__PIECE_WORD || type == MLF__PIECE_SYMBOL ||
                        type == MLF__PIECE_STRING || type == MLF__PIECE_CALL;
            join(all, i, name ? next : dot, MLF__PIECE_NAME);
        }
        all->pieces[i].type = MLF__PIECE_NAME;
        size_t order = behind(all, i);
        if (order < all->n && all->pieces[order].type == MLF__PIECE_ORDER)
            join(all, i, order, MLF__PIECE_NAME);
    }
}

/* Can it stand beside an operator? */
static bool is_operand(const struct mlf__piece *piece)
{
    return piece->type == MLF__PIECE_NAME || piece->type == MLF__PIECE_GROUP ||
           piece->type == MLF__PIECE_CALL || piece->type == MLF__PIECE_OPERATION ||
           piece->type == MLF__PIECE_INT || piece->type == MLF__PIECE_FLOAT ||
           piece->type == MLF__PIECE_STRING ||
           (piece->type == MLF__PIECE_KEYWORD && mlf__piece_is(piece->text, piece->len, "NULL"));
}

/* "a + b", or "a = b" with its parts remembered. */
static void join_operators(struct mlf__pieces *all, enum mlf__piece_type operator_type,
                           enum mlf__piece_type result)
{
    for (size_t i = 0; i < all->n;) {
        size_t sign = behind(all, i), next = behind(all, sign);
        if ((!is_operand(&all->pieces[i]) && all->pieces[i].type != result) || next >= all->n ||
            all->pieces[sign].type != operator_type || !is_operand(&all->pieces[next])) {
            i = all->pieces[i].next;
            continue;
        }
        struct mlf__part parts[3];
        const size_t from[3] = {i, sign, next};
        for (size_t k = 0; k < 3; k++)
            parts[k] = (struct mlf__part){all->pieces[from[k]].type, all->pieces[from[k]].text,
                                          all->pieces[from[k]].len};
        join(all, i, next, result);
        memcpy(all->pieces[i].parts, parts, sizeof(parts));
        all->pieces[i].n_parts = 3;
        /* What is joined may be the first part of the next one. */
    }
}

/* A name right behind something is taken for its alias. */
static void join_aliases(struct mlf__pieces *all)
{
    for (size_t i = 0; i < all->n; i = all->pieces[i].next) {
        const struct mlf__piece *piece = &all->pieces[i];
        size_t next = behind(all, i);
        bool has_alias = (is_operand(piece) && piece->type != MLF__PIECE_STRING &&
                          piece->type != MLF__PIECE_KEYWORD) ||
                         piece->type == MLF__PIECE_COMPARISON;
        if (has_alias && next < all->n && all->pieces[next].type == MLF__PIECE_NAME)
            join(all, i, next, MLF__PIECE_NAME);
    }
}

static bool is_listed(const struct mlf__piece *piece)
{
    return (is_operand(piece) && piece->type != MLF__PIECE_GROUP) ||
           piece->type == MLF__PIECE_COMPARISON || piece->type == MLF__PIECE_KEYWORD ||
           (piece->type == MLF__PIECE_MARK && piece->len > 1);
}

/* What commas join is a list, which nothing takes. */
static void join_lists(struct mlf__pieces *all)
{
    for (size_t i = 0; i < all->n;) {
        size_t comma = behind(all, i), next = behind(all, comma);
        if (next >= all->n || !is_mark(&all->pieces[comma], ',') || !is_listed(&all->pieces[i]) ||
            !is_listed(&all->pieces[next]))
            i = all->pieces[i].next;
        else
            join(all, i, next, MLF__PIECE_MARK);
    }
}

static bool is_word_piece(const struct mlf__pieces *all, size_t i, const char *word)
{
    return i < all->n && all->pieces[i].type == MLF__PIECE_KEYWORD &&
           mlf__piece_is(all->pieces[i].text, all->pieces[i].len, word);
}

/* "a IN (…)", "a NOT IN (…)", "a IS NULL", "a IS NOT NULL". */
static const struct test {
    const char *words[2];
    const char *op;
    bool group;
} tests[] = {{{"IN", NULL}, "IN", true},
             {{"NOT", "IN"}, "NOT IN", true},
             {{"IS", "NULL"}, "IS NULL", false},
             {{"IS", "NOT NULL"}, "IS NOT NULL", false}};

/* The last piece of the test at |i|; 0 when it is none. */
static size_t end_of_test(const struct mlf__pieces *all, size_t i, const struct test *test)
{
    size_t at = behind(all, i);
    if (!is_word_piece(all, at, test->words[0]))
        return 0;
    if (test->words[1] != NULL) {
        at = behind(all, at);
        if (!is_word_piece(all, at, test->words[1]))
            return 0;
    }
    if (!test->group)
        return at;
    at = behind(all, at);
    return at < all->n && all->pieces[at].type == MLF__PIECE_GROUP ? at : 0;
}

/* Makes the test at |i|, which ends at |last|, look like a comparison. */
static void join_test(struct mlf__pieces *all, size_t i, size_t last, const struct test *test)
{
    const struct mlf__piece what = all->pieces[i], with = all->pieces[last];
    /* A single word is kept as it is written: the grammar of experiments minds its case. */
    const char *op = test->words[1] == NULL ? all->pieces[behind(all, i)].text : test->op;
    join(all, i, last, MLF__PIECE_TEST);
    struct mlf__piece *made = &all->pieces[i];
    made->parts[0] = (struct mlf__part){what.type, what.text, what.len};
    made->parts[1] = (struct mlf__part){MLF__PIECE_COMPARE, op, strlen(test->op)};
    made->parts[2] = (struct mlf__part){with.type, with.text, with.len};
    made->n_parts = test->group ? 3 : 2;
}

/* Where no test begins, the pieces are passed over by four: MLflow does not look at them again. */
static void join_tests(struct mlf__pieces *all)
{
    for (size_t i = 0; i < all->n; i = behind(all, i)) {
        size_t last = 0;
        if (all->pieces[i].type != MLF__PIECE_NAME)
            continue;
        for (size_t t = 0; last == 0 && t < MLF__ARRAY_LEN(tests); t++) {
            last = end_of_test(all, i, &tests[t]);
            if (last > 0)
                join_test(all, i, last, &tests[t]);
        }
        for (size_t passed = 1; last == 0 && passed < 4 && i < all->n; passed++)
            i = behind(all, i);
    }
}

/* Leaves what was joined away out. */
static void close_ranks(struct mlf__pieces *all, bool keep_spaces)
{
    size_t n = 0, next;
    for (size_t i = 0; i < all->n; i = next) {
        next = all->pieces[i].next;
        if (keep_spaces || all->pieces[i].type != MLF__PIECE_SPACE)
            all->pieces[n++] = all->pieces[i];
    }
    all->n = n;
}

mlf_status mlf__pieces_cut(const char *text, bool keep_spaces, struct mlf__pieces *out)
{
    struct lexer lexer = {.at = text, .begin = text};
    mlf_status status = MLF_OK;
    *out = (struct mlf__pieces){0};
    while (status == MLF_OK && *lexer.at != '\0') {
        enum mlf__piece_type type;
        size_t len = next_token(&lexer, &type);
        status = add(out, type, lexer.at, len);
        lexer.after_dot = len == 1 && lexer.at[0] == '.';
        lexer.at += len;
    }
    if (status != MLF_OK) {
        mlf__pieces_free(out);
        return status;
    }
    join_groups(out);
    join_calls(out);
    join_names(out);
    join_operators(out, MLF__PIECE_SIGN, MLF__PIECE_OPERATION);
    join_operators(out, MLF__PIECE_COMPARE, MLF__PIECE_COMPARISON);
    join_aliases(out);
    join_lists(out);
    join_tests(out);
    close_ranks(out, keep_spaces);
    return MLF_OK;
}

void mlf__pieces_free(struct mlf__pieces *pieces)
{
    mlf__free(pieces->pieces);
    *pieces = (struct mlf__pieces){0};
}
