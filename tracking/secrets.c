/* SPDX-License-Identifier: Apache-2.0 */
/* Finds what must not be stored: passwords in URLs and values behind names that speak of secrets.
 * Hyperparameters like max_tokens or tokenizer are no secrets, so words are looked at, not letters. */
#include "tracking/names.h"

#include "core/buf.h"

#include <string.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_alnum(char c)
{
    c = lower(c);
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_name_char(char c)
{
    return is_alnum(c) || c == '_' || c == '-' || c == '.';
}

static bool equal_lower(const char *text, const char *word, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (lower(text[i]) != word[i])
            return false;
    return true;
}

static bool contains(const char *name, size_t len, const char *word)
{
    size_t size = strlen(word);
    for (size_t i = 0; i + size <= len; i++)
        if (equal_lower(name + i, word, size))
            return true;
    return false;
}

static bool ends_with(const char *word, size_t len, const char *end)
{
    size_t size = strlen(end);
    return len >= size && equal_lower(word + len - size, end, size);
}

bool mlf__is_secret_name(const char *name, size_t len)
{
    static const char *const anywhere[] = {"secret",     "passw",         "passphrase",
                                           "credential", "authorization", "signature"};
    static const char *const at_word_end[] = {"token", "key", "pwd", "cookie", "auth", "sig"};
    for (size_t i = 0; i < MLF__ARRAY_LEN(anywhere); i++)
        if (contains(name, len, anywhere[i]))
            return true;
    /* The working directory, which shells keep in variables of these names. */
    if ((len == 3 && strncmp(name, "PWD", 3) == 0) || (len == 6 && strncmp(name, "OLDPWD", 6) == 0))
        return false;
    for (size_t at = 0; at < len;) {
        size_t end = at;
        while (end < len && is_alnum(name[end]))
            end++;
        for (size_t i = 0; i < MLF__ARRAY_LEN(at_word_end); i++)
            if (ends_with(name + at, end - at, at_word_end[i]))
                return true;
        at = end + 1;
    }
    return false;
}

/* Length of the user:password of a URL at |text| (just behind "://"), 0 when it has none. */
static size_t credentials_length(const char *text, size_t len)
{
    size_t found = 0;
    for (size_t i = 0; i < len && strchr("/?# \t\r\n\"'", text[i]) == NULL; i++)
        if (text[i] == '@')
            found = i;
    return found;
}

/* Length of the name that ends just before |at|. */
static size_t name_length(const char *text, size_t at)
{
    size_t len = 0;
    while (len < at && is_name_char(text[at - len - 1]))
        len++;
    return len;
}

/* Length of the value at |text|: to the closing quote if it has one, else to a separator. */
static size_t value_length(const char *text, size_t len)
{
    size_t i = 0;
    while (i < len && text[i] != '\0' && strchr(" \t\r\n&;,\"'", text[i]) == NULL)
        i++;
    return i;
}

/* Length of the secret behind "Authorization:": a scheme's name ("Bearer ") belongs to it. */
static size_t header_length(const char *text, size_t len)
{
    size_t first = value_length(text, len);
    if (first == 0 || first + 1 >= len || text[first] != ' ')
        return first;
    return first + 1 + value_length(text + first + 1, len - first - 1);
}

/* Length of the word behind an option like "--password " that ends at |at|, 0 when there is none. */
static size_t option_value_length(const char *text, size_t len, size_t at)
{
    size_t name = at > 0 && text[at - 1] == ' ' ? name_length(text, at - 1) : 0;
    if (name < 2 || text[at - 1 - name] != '-' || at >= len || text[at] == '-' ||
        !mlf__is_secret_name(text + at - 1 - name, name))
        return 0;
    if (text[at] == '"' || text[at] == '\'') {
        const char *close = memchr(text + at + 1, text[at], len - at - 1);
        return close != NULL ? (size_t)(close - text) + 1 - at : len - at;
    }
    return value_length(text + at, len - at);
}

/* When a secret's name and '=' or ':' end at |at|, the length of what is to be masked there; blanks
 * and an opening quote before it are in |*lead|. */
static size_t secret_length(const char *text, size_t len, size_t at, size_t *lead)
{
    if (at == 0 || (text[at - 1] != '=' && text[at - 1] != ':'))
        return 0;
    bool colon = text[at - 1] == ':';
    size_t end = at - 1;
    if (end > 0 && (text[end - 1] == '"' || text[end - 1] == '\''))
        end--;
    size_t name = name_length(text, end);
    if (name == 0 || !mlf__is_secret_name(text + end - name, name))
        return 0;
    *lead = colon && at < len && text[at] == ' ' ? 1 : 0;
    if (at + *lead < len && (text[at + *lead] == '"' || text[at + *lead] == '\'')) {
        char quote = text[at + *lead];
        (*lead)++;
        const char *close = memchr(text + at + *lead, quote, len - at - *lead);
        return close != NULL ? (size_t)(close - text) - at - *lead : len - at - *lead;
    }
    return colon && *lead == 1 ? header_length(text + at + *lead, len - at - *lead)
                               : value_length(text + at + *lead, len - at - *lead);
}

char *mlf__mask_secrets(const char *text, size_t len)
{
    struct mlf__buf out = {0};
    size_t copied = 0;
    mlf__buf_puts(&out, "");
    for (size_t at = 1; at <= len; at++) {
        size_t lead = 0, masked = 0;
        if (at >= 3 && strncmp(text + at - 3, "://", 3) == 0)
            masked = credentials_length(text + at, len - at);
        else
            masked = secret_length(text, len, at, &lead);
        if (masked == 0)
            masked = option_value_length(text, len, at);
        if (masked == 0)
            continue;
        mlf__buf_add(&out, text + copied, at + lead - copied);
        mlf__buf_puts(&out, "***");
        copied = at + lead + masked;
        at = copied;
    }
    mlf__buf_add(&out, text + copied, len - copied);
    return mlf__buf_take(&out);
}
