/* SPDX-License-Identifier: Apache-2.0 */
/* A record as numbers with the words that stand before them. One pass over the line; a word is a run of what is
 * neither blank, separator nor delimiter. */
#include "autolog/recogniser_parts.h"

#include "core/buf.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { KEY_WORDS_MAX = 6 };

enum class { WORD, BLANK, SEPARATOR, DELIMITER, QUOTE, FOREIGN };

/* clang-format off */
static const unsigned char classes[256] = {
    [0] = BLANK, [1] = BLANK, [2] = BLANK, [3] = BLANK, [4] = BLANK, [5] = BLANK, [6] = BLANK,
    [7] = BLANK, [8] = BLANK, [9] = BLANK, [10] = BLANK, [11] = BLANK, [12] = BLANK, [13] = BLANK,
    [14] = BLANK, [15] = BLANK, [16] = BLANK, [17] = BLANK, [18] = BLANK, [19] = BLANK,
    [20] = BLANK, [21] = BLANK, [22] = BLANK, [23] = BLANK, [24] = BLANK, [25] = BLANK,
    [26] = BLANK, [27] = BLANK, [28] = BLANK, [29] = BLANK, [30] = BLANK, [31] = BLANK,
    [' '] = BLANK, [127] = BLANK, [':'] = SEPARATOR, ['='] = SEPARATOR, [','] = DELIMITER,
    [';'] = DELIMITER, ['('] = DELIMITER, [')'] = DELIMITER, ['['] = DELIMITER,
    [']'] = DELIMITER, ['{'] = DELIMITER, ['}'] = DELIMITER, ['<'] = DELIMITER,
    ['>'] = DELIMITER, ['|'] = DELIMITER, ['~'] = DELIMITER, ['!'] = DELIMITER, ['"'] = QUOTE,
    ['\''] = QUOTE, ['`'] = QUOTE,
    ['?'] = FOREIGN, ['&'] = FOREIGN, ['\\'] = FOREIGN, ['$'] = FOREIGN, ['*'] = FOREIGN,
};
/* clang-format on */

static enum class class_of(char c) {
    enum class found = (enum class)classes[(unsigned char)c];
    return found == FOREIGN ? WORD : found;
}

/* A part of a word that no name of a metric has. */
static bool is_foreign(char c)
{
    return classes[(unsigned char)c] == FOREIGN;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ---- fields ---- */

static size_t blanks(const char *text, size_t len)
{
    size_t n = 0;
    while (n < len && class_of(text[n]) == BLANK)
        n++;
    return n;
}

struct scan {
    const char *text;
    size_t len, at;
    const struct mlf__lexicon *lexicon;
    struct mlf__fields *out;
    size_t key, key_end, n_words; /* the words since the last break */
    size_t last_word;             /* where the last of them begins */
    char separator;
    bool foreign;                /* the words are a part of something else, as of a URL */
    struct mlf__field *bare;     /* a number with no words before it */
    struct mlf__field *fraction; /* "9815/10000" */
};

static void break_key(struct scan *scan)
{
    scan->n_words = 0;
    scan->separator = 0;
    scan->foreign = false;
}

/* Length of a number at |text| of |len| bytes that is nothing else: "1.5e-3", "nan". |*whole|: it is a whole one. */
static bool is_number(const char *text, size_t len, bool *whole)
{
    size_t at = len > 0 && (text[0] == '-' || text[0] == '+'), digits = 0;

    *whole = true;
    if (len - at == 3 &&
        (strncasecmp(text + at, "nan", 3) == 0 || strncasecmp(text + at, "inf", 3) == 0)) {
        *whole = false;
        return true;
    }
    for (; at < len && is_digit(text[at]); at++)
        digits++;
    if (at < len && text[at] == '.') {
        *whole = false;
        for (at++; at < len && is_digit(text[at]); at++)
            digits++;
    }
    if (digits == 0)
        return false;
    if (at < len && strchr("eEdD", text[at]) != NULL) {
        *whole = false;
        at++;
        at += at < len && (text[at] == '-' || text[at] == '+');
        size_t exponent = at;
        while (at < len && is_digit(text[at]))
            at++;
        if (at == exponent)
            return false;
    }
    return at == len;
}

static int64_t whole_number(const char *text, size_t len)
{
    enum { DIGITS_MAX = 18 };
    bool minus = len > 0 && text[0] == '-';
    size_t at = minus || (len > 0 && text[0] == '+');
    int64_t value = 0;

    if (at == len || len - at > DIGITS_MAX)
        return INT64_MIN;
    for (; at < len; at++) {
        if (!is_digit(text[at]))
            return INT64_MIN;
        value = 10 * value + (text[at] - '0');
    }
    return minus ? -value : value;
}

/* The number at [begin, end) becomes a field, named by the words before it. */
static void add_field(struct scan *scan, size_t begin, size_t end, bool whole, size_t slash)
{
    struct mlf__fields *out = scan->out;

    if (out->n < MLF__FIELDS_MAX) {
        struct mlf__field *field = &out->items[out->n++];
        *field = (struct mlf__field){.at = begin,
                                     .len = end - begin,
                                     .whole = INT64_MIN,
                                     .of = INT64_MIN,
                                     .separator = scan->separator};
        size_t before = begin;
        while (before > 0 && scan->text[before - 1] == ' ')
            before--;
        field->bracketed = before > 0 && scan->text[before - 1] == '[';
        if (scan->n_words > 0 && !scan->foreign) {
            field->key = scan->key;
            field->key_len = scan->key_end - scan->key;
        }
        if (slash > 0) {
            field->whole = whole_number(scan->text + begin, slash - begin);
            size_t total = slash + 1 + blanks(scan->text + slash + 1, end - slash - 1);
            field->of = whole_number(scan->text + total, end - total);
            scan->fraction = field->key_len > 0 ? field : NULL;
        } else if (whole) {
            field->whole = whole_number(scan->text + begin, end - begin);
        }
        scan->bare = field->key_len == 0 && scan->separator == 0 ? field : NULL;
    }
    break_key(scan);
}

/* What follows the number: a sign of percent, or of something that is no value. */
static void look_behind(struct scan *scan, struct mlf__field *field)
{
    size_t at = field->at + field->len;
    const char *text = scan->text;

    field->percent = field->percent || (at < scan->len && text[at] == '%');
    at += at < scan->len && text[at] == '%';
    if (at < scan->len && class_of(text[at]) == SEPARATOR)
        field->refused = true;
    if (at >= scan->len || text[at] != ' ')
        return;
    size_t word = ++at;
    while (at < scan->len && class_of(text[at]) == WORD)
        at++;
    /* "3 s" and "45 MB" are no metrics, but "loss 0.3 time 5" has the next key's word there. */
    bool ends = at >= scan->len || class_of(text[at]) == DELIMITER || text[at] == '.' ||
                text[at - 1] == '.';
    while (at > word && text[at - 1] == '.')
        at--;
    if (ends && (mlf__lexicon_word(scan->lexicon, text + word, at - word, NULL) & MLF__WORD_UNIT))
        field->refused = true;
    if (ends && isalpha((unsigned char)text[word]) && memchr(text + word, '/', at - word) != NULL)
        field->refused = true; /* 3 it/s */
}

/* "9815/10000 (98%)": the percentage is the value. */
static void take_percentage(struct scan *scan)
{
    struct mlf__field *fraction = scan->fraction, *last = &scan->out->items[scan->out->n - 1];

    if (fraction == NULL || fraction == last)
        return;
    scan->fraction = NULL;
    if (!last->percent || last->key_len > 0)
        return;
    last->key = fraction->key;
    last->key_len = fraction->key_len;
    last->separator = fraction->separator;
    scan->bare = NULL;
}

static void add_word(struct scan *scan, size_t begin, size_t end)
{
    /* Words behind a separator begin anew; glued to it they are a part of what stands before it. */
    if (scan->separator != 0) {
        bool glued = class_of(scan->text[begin - 1]) == SEPARATOR;
        break_key(scan);
        scan->foreign = glued;
    }
    if (scan->n_words == 0) {
        scan->key = begin;
    } else if (scan->n_words >= KEY_WORDS_MAX) {
        break_key(scan); /* a sentence */
        scan->key = begin;
    }
    scan->last_word = begin;
    scan->key_end = end;
    scan->n_words++;
    for (size_t i = begin; i < end; i++) {
        if (is_foreign(scan->text[i]))
            scan->foreign = true;
    }
}

/* In blocks that compilers turn into vectors. */
static bool has_digit(const char *text, size_t len)
{
    enum { AT_ONCE = 16 };
    size_t at = 0;

    for (; at + AT_ONCE <= len; at += AT_ONCE) {
        unsigned char any = 0;
        for (size_t i = 0; i < AT_ONCE; i++)
            any |= (unsigned char)(text[at + i] - '0') < 10;
        if (any)
            return true;
    }
    for (; at < len; at++) {
        if (is_digit(text[at]))
            return true;
    }
    return false;
}

/* Can there be a number? "loss: nan" has no digit, nor has "loss nan"; long lines without one are prose. */
static bool may_have_number(const struct mlf__record *record)
{
    enum { SHORT_LINE = 40 };
    const char *text = record->text;

    if (has_digit(text, record->len))
        return true;
    if (record->len > SHORT_LINE && memchr(text, ':', record->len) == NULL &&
        memchr(text, '=', record->len) == NULL)
        return false;
    return strcasestr(text, "nan") != NULL || strcasestr(text, "inf") != NULL;
}

/* Flags of the word that the key ends in; 0 when there is no key. */
static unsigned flags_of_last(const struct scan *scan)
{
    return scan->n_words == 0 || scan->key_end <= scan->last_word
               ? 0
               : mlf__lexicon_word(scan->lexicon, scan->text + scan->last_word,
                                   scan->key_end - scan->last_word, NULL);
}

static bool names_metric(const struct scan *scan)
{
    return (flags_of_last(scan) & (MLF__WORD_METRIC | MLF__WORD_WEAK | MLF__WORD_TUNED)) != 0;
}

/* "Epoch [3/10]" */
static bool awaits_step(const struct scan *scan)
{
    return (flags_of_last(scan) & (MLF__WORD_EPOCH | MLF__WORD_STEP | MLF__WORD_BATCH)) != 0;
}

static void take_token(struct scan *scan)
{
    size_t begin = scan->at, end = begin;
    const char *text = scan->text;
    bool whole;

    while (end < scan->len && class_of(text[end]) == WORD)
        end++;
    scan->at = end;
    size_t last = end;
    while (last > begin + 1 && (text[last - 1] == '%' || text[last - 1] == '.'))
        last--;
    bool number = is_number(text + begin, last - begin, &whole);
    /* "nan" is a word as well: "number of nan iterations: 0" */
    if (number && !has_digit(text + begin, last - begin))
        number = scan->separator != 0 || names_metric(scan);
    if (number) {
        add_field(scan, begin, last, whole, 0);
        if (scan->out->n > 0) {
            look_behind(scan, &scan->out->items[scan->out->n - 1]);
            take_percentage(scan);
        }
        return;
    }
    if (is_digit(text[begin]) && text[last - 1] == '/') {
        /* "100/  5000" fills a column */
        size_t total = last;
        while (total < scan->len && text[total] == ' ')
            total++;
        size_t digits = total;
        while (digits < scan->len && is_digit(text[digits]))
            digits++;
        if (digits > total && (digits == scan->len || class_of(text[digits]) != WORD))
            scan->at = last = digits;
    }
    const char *slash = is_digit(text[begin]) ? memchr(text + begin, '/', last - begin) : NULL;
    if (slash != NULL) {
        size_t middle = (size_t)(slash - text);
        bool first = is_number(text + begin, middle - begin, &whole) && whole;
        size_t total = middle + 1 + blanks(text + middle + 1, last - middle - 1);
        if (first && is_number(text + total, last - total, &whole) && whole) {
            add_field(scan, begin, last, true, middle);
            return;
        }
    }
    scan->fraction = NULL;
    if (isalpha((unsigned char)text[begin]) || text[begin] == '_' || text[begin] == '#')
        add_word(scan, begin + (text[begin] == '#'), end);
    else
        break_key(scan);
}

/* "0.5 avg," of a list: the words stand behind the number. */
static void end_segment(struct scan *scan)
{
    if (scan->bare != NULL && scan->separator == 0 && scan->n_words >= 1 && scan->n_words <= 2 &&
        !scan->foreign) {
        scan->bare->key = scan->key;
        scan->bare->key_len = scan->key_end - scan->key;
        scan->bare->reversed = true;
    }
    scan->bare = NULL;
}

/* "|g|" */
static bool take_barred(struct scan *scan)
{
    size_t at = scan->at + 1;

    while (at < scan->len && isalpha((unsigned char)scan->text[at]))
        at++;
    if (at == scan->at + 1 || at >= scan->len || scan->text[at] != '|')
        return false;
    break_key(scan);
    add_word(scan, scan->at + 1, at);
    scan->at = at + 1;
    return true;
}

static void take_delimiter(struct scan *scan)
{
    char c = scan->text[scan->at];

    if (c == '|' && take_barred(scan))
        return;
    if (c == ',' || c == ';' || c == '|' || c == ')')
        end_segment(scan);
    if (c != '(')
        scan->fraction = NULL;
    if ((c != '[' && c != '#') || !awaits_step(scan))
        break_key(scan);
    scan->at++;
}

static void take_separator(struct scan *scan)
{
    char c = scan->text[scan->at];

    if (scan->separator == ':' && c == ':')
        break_key(scan); /* std::vector */
    else if (scan->n_words > 0)
        scan->separator = c;
    scan->bare = NULL;
    scan->at++;
}

bool mlf__fields_read(const struct mlf__lexicon *lexicon, const struct mlf__record *record,
                      struct mlf__fields *out)
{
    struct scan scan = {.text = record->text, .len = record->len, .lexicon = lexicon, .out = out};

    out->n = 0;
    out->has_step = false;
    if (!may_have_number(record))
        return false;
    scan.at = out->begin = mlf__log_prefix(lexicon, record->text, record->len);
    while (scan.at < scan.len && out->n < MLF__FIELDS_MAX) {
        switch (class_of(scan.text[scan.at])) {
        case BLANK:
            if (scan.text[scan.at] == '\t' && scan.separator == 0) {
                end_segment(&scan);
                break_key(&scan);
            }
            scan.at++;
            break;
        case QUOTE:
            scan.at++;
            break;
        case FOREIGN:
        case WORD:
            take_token(&scan);
            break;
        case SEPARATOR:
            take_separator(&scan);
            break;
        case DELIMITER:
            take_delimiter(&scan);
            break;
        }
    }
    end_segment(&scan);
    return out->n > 0;
}

/* ---- steps ---- */

/* What kind of a step the field's last word makes it; 0: none. */
static unsigned step_kind(const struct mlf__lexicon *lexicon, const char *text,
                          const struct mlf__field *field)
{
    size_t end = field->key + field->key_len, begin = end;

    if (field->key_len == 0 || field->whole == INT64_MIN || field->reversed || field->percent)
        return 0;
    while (begin > field->key && isalnum((unsigned char)text[begin - 1]))
        begin--;
    if (begin > 0 && text[begin - 1] == '#')
        return 0; /* how many there are */
    unsigned kind = mlf__lexicon_word(lexicon, text + begin, end - begin, NULL);
    unsigned others = mlf__lexicon_words(lexicon, text + field->key, begin - field->key, NULL);
    if ((others & (MLF__WORD_PARAM | MLF__WORD_NOISE)) != 0)
        return 0;
    if ((kind & MLF__WORD_MANY) != 0)
        return field->separator == 0 ? MLF__WORD_STEP : 0;
    return kind & (MLF__WORD_EPOCH | MLF__WORD_STEP | MLF__WORD_BATCH);
}

/* "12: …" and "[12] …" */
static bool is_leading_step(const char *text, const struct mlf__fields *fields)
{
    const struct mlf__field *first = &fields->items[0];
    size_t end = first->at + first->len;

    if (first->whole < 0 || first->of != INT64_MIN || first->key_len > 0)
        return false;
    if (first->at == fields->begin)
        return text[end] == ':' && (text[end + 1] == ' ' || text[end + 1] == '\t');
    return first->at == fields->begin + 1 && text[fields->begin] == '[' && text[end] == ']';
}

void mlf__fields_take_step(const struct mlf__lexicon *lexicon, const struct mlf__record *record,
                           struct mlf__steps *steps, struct mlf__fields *fields)
{
    int64_t epoch = INT64_MIN, fine = INT64_MIN, total = INT64_MIN, batch = INT64_MIN;

    for (size_t i = 0; i < fields->n; i++) {
        struct mlf__field *field = &fields->items[i];
        unsigned kind = step_kind(lexicon, record->text, field);
        bool leading = i == 0 && is_leading_step(record->text, fields);
        if ((kind & MLF__WORD_EPOCH) != 0 && epoch == INT64_MIN) {
            epoch = field->whole;
        } else if (((kind & MLF__WORD_STEP) != 0 || leading) && fine == INT64_MIN) {
            fine = field->whole;
            total = field->of;
            if (leading && fields->n > 1 && fields->items[1].key_len == 0 &&
                !fields->items[1].bracketed)
                fields->items[1].unnamed = true;
        } else if ((kind & MLF__WORD_BATCH) != 0 && batch == INT64_MIN) {
            batch = field->whole;
            total = total == INT64_MIN ? field->of : total;
        } else if (field->bracketed && field->key_len == 0 && field->of != INT64_MIN &&
                   epoch != INT64_MIN && fine == INT64_MIN && batch == INT64_MIN) {
            batch = field->whole; /* Epoch: 3 [640/60000 (1%)] */
            total = field->of;
        } else {
            if (field->of != INT64_MIN)
                field->refused = true;
            continue;
        }
        field->refused = true;
    }
    if (fine == INT64_MIN)
        fine = epoch == INT64_MIN || total != INT64_MIN ? batch : INT64_MIN;
    fields->has_step = epoch != INT64_MIN || fine != INT64_MIN;
    if (!fields->has_step)
        return;
    if (epoch != INT64_MIN && fine != INT64_MIN && total != INT64_MIN)
        fields->step = mlf__steps_combine(steps, epoch, fine, total);
    else
        fields->step = fine != INT64_MIN ? fine : epoch;
    steps->last = fields->step;
}
