/* SPDX-License-Identifier: Apache-2.0 */
/* What loggers write before a message: timestamps, levels, names, places in the source. It says nothing about what
 * follows, except that its numbers are none of the message's. */
#include "autolog/recogniser_parts.h"

#include <ctype.h>
#include <string.h>

enum { PREFIX_PARTS = 8, PREFIX_BRACKET_MAX = 64 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
    return (unsigned char)c <= ' ' || c == '\177';
}

static size_t blanks(const char *text, size_t len)
{
    size_t n = 0;
    while (n < len && is_blank(text[n]))
        n++;
    return n;
}

/* A date or a time: digits and the marks between them, two marks at least. */
static size_t timestamp(const char *text, size_t len)
{
    size_t n = 0, marks = 0;

    if (len == 0 || !is_digit(text[0]))
        return 0;
    for (; n < len && text[n] != '\0' && (is_digit(text[n]) || strchr(":-./,TZ+", text[n])); n++)
        marks += text[n] == ':' || text[n] == '-' || text[n] == '/';
    while (n > 0 && strchr(":-,", text[n - 1]))
        n--;
    return marks >= 2 && n >= 8 && (n == len || !isalnum((unsigned char)text[n])) ? n : 0;
}

/* "[12:00:01]", "[INFO]", "[    0.5123]", "[rank0]"; not "[3]", "[3/10]" or "[Epoch 3]". */
static size_t bracket(const char *text, size_t len)
{
    bool letters = false, digits = false, marks = false, blank = false;
    size_t n = 1;

    if (len == 0 || text[0] != '[')
        return 0;
    for (; n < len && n < PREFIX_BRACKET_MAX && text[n] != ']'; n++) {
        letters = letters || isalpha((unsigned char)text[n]);
        digits = digits || is_digit(text[n]);
        marks = marks || strchr(":-.,", text[n]) != NULL;
        blank = blank || (letters && text[n] == ' ');
    }
    if (n >= len || text[n] != ']' || (letters && digits && blank && !marks) ||
        (!letters && !marks))
        return 0;
    return n + 1;
}

/* "Jan 31 12:00:00 host program[123]: " of syslog. */
static size_t syslog_prefix(const char *text, size_t len)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char month[4] = {0};
    size_t n;

    if (len < 16)
        return 0;
    memcpy(month, text, 3);
    const char *found = strstr(months, month);
    if (found == NULL || (found - months) % 3 != 0 || text[3] != ' ' || text[6] != ' ' ||
        timestamp(text + 7, len - 7) != 8)
        return 0;
    const char *colon = memchr(text + 15, ':', len - 15);
    n = colon != NULL ? (size_t)(colon - text) + 1 : 15;
    return n < 80 ? n : 15;
}

/* "I0131 12:00:00.123456  1234 file.cc:12] " of glog. */
static size_t glog_prefix(const char *text, size_t len)
{
    if (len < 16 || strchr("IWEF", text[0]) == NULL || !is_digit(text[1]) || !is_digit(text[4]))
        return 0;
    const char *end = memchr(text, ']', len < 100 ? len : 100);
    return end != NULL && memchr(text, ':', (size_t)(end - text)) != NULL ? (size_t)(end - text) + 1
                                                                          : 0;
}

/* "INFO ", "WARNING:", "INFO:name:". */
static size_t level(const struct mlf__lexicon *lexicon, const char *text, size_t len)
{
    size_t n = 0;

    while (n < len && isalpha((unsigned char)text[n]))
        n++;
    if (n == 0 || n == len || (mlf__lexicon_word(lexicon, text, n, NULL) & MLF__WORD_LEVEL) == 0 ||
        (text[n] != ':' && !is_blank(text[n])))
        return 0;
    if (text[n] != ':')
        return n;
    size_t name = n + 1;
    while (name < len &&
           (isalnum((unsigned char)text[name]) || text[name] == '_' || text[name] == '.'))
        name++;
    return name > n + 1 && name < len && text[name] == ':' && !is_digit(text[n + 1]) ? name + 1
                                                                                     : n + 1;
}

size_t mlf__log_prefix(const struct mlf__lexicon *lexicon, const char *text, size_t len)
{
    size_t at = blanks(text, len);

    for (int i = 0; i < PREFIX_PARTS && at < len; i++) {
        const char *rest = text + at;
        size_t left = len - at, n = 0;
        if (*rest == '[')
            n = bracket(rest, left);
        else if (is_digit(*rest))
            n = timestamp(rest, left);
        else if (isalpha((unsigned char)*rest))
            n = level(lexicon, rest, left);
        else if (i > 0 && (*rest == '-' || *rest == '|' || *rest == '>' || *rest == ':') &&
                 left > 1 && is_blank(rest[1]))
            n = 1;
        if (n == 0 && i == 0)
            n = syslog_prefix(rest, left);
        if (n == 0 && i == 0)
            n = glog_prefix(rest, left);
        if (n == 0)
            break;
        at += n;
        at += blanks(text + at, len - at);
    }
    return at;
}
