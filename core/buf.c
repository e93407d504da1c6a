/* SPDX-License-Identifier: Apache-2.0 */
/* The text buffer, numbers to and from text, UTF-8. */
#include "core/buf.h"

#include "core/mem.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(struct mlf__buf *buf, size_t more)
{
    if (buf->failed || more > SIZE_MAX - buf->len - 1 ||
        mlf__grow((void **)&buf->data, &buf->cap, buf->len + more + 1, 1) != MLF_OK) {
        buf->failed = true;
        return false;
    }
    return true;
}

void mlf__buf_add(struct mlf__buf *buf, const void *bytes, size_t len)
{
    if (!reserve(buf, len))
        return;
    if (len > 0)
        memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void mlf__buf_puts(struct mlf__buf *buf, const char *text)
{
    mlf__buf_add(buf, text, strlen(text));
}

void mlf__buf_printf(struct mlf__buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0 || !reserve(buf, (size_t)len)) {
        buf->failed = true;
        return;
    }
    va_start(args, format);
    vsnprintf(buf->data + buf->len, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
}

void mlf__buf_free(struct mlf__buf *buf)
{
    mlf__free(buf->data);
    *buf = (struct mlf__buf){0};
}

char *mlf__buf_take(struct mlf__buf *buf)
{
    if (!buf->failed && buf->data == NULL)
        mlf__buf_add(buf, "", 0);
    char *text = buf->failed ? NULL : buf->data;
    if (text == NULL)
        mlf__free(buf->data);
    *buf = (struct mlf__buf){0};
    return text;
}

static size_t format_special(char out[MLF__NUMBER_SIZE], double value)
{
    const char *text = isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
    mlf__copy_text(out, MLF__NUMBER_SIZE, text);
    return strlen(text);
}

/* Numbers that %g would write with an exponent although people write them plainly: 100, not 1e+02. */
static bool is_plain_integer(double value)
{
    return value > -1e15 && value < 1e15 && value == (double)(int64_t)value;
}

/* The host may have chosen a locale with a comma in its numbers: the calling thread leaves it for a moment. "C" is
 * built in, so nothing is allocated and nothing to be freed. */
static locale_t enter_plain_locale(void)
{
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    return plain != (locale_t)0 ? uselocale(plain) : (locale_t)0;
}

static void leave_plain_locale(locale_t before)
{
    if (before != (locale_t)0)
        uselocale(before);
}

size_t mlf__format_double(char out[MLF__NUMBER_SIZE], double value)
{
    if (!isfinite(value))
        return format_special(out, value);
    if (is_plain_integer(value))
        return (size_t)snprintf(out, MLF__NUMBER_SIZE, "%.0f", value);
    int len = 0;
    locale_t before = enter_plain_locale();
    /* %g leaves out zeros at the end: what has fewer digits is found with 15. */
    for (int digits = 15; digits <= 17; digits++) {
        len = snprintf(out, MLF__NUMBER_SIZE, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            break;
    }
    leave_plain_locale(before);
    return (size_t)len;
}

size_t mlf__format_param(char out[MLF__NUMBER_SIZE], double value)
{
    if (!isfinite(value) || is_plain_integer(value) || (double)(float)value != value)
        return mlf__format_double(out, value);
    int len = 0;
    locale_t before = enter_plain_locale();
    for (int digits = 6; digits <= 9; digits++) {
        len = snprintf(out, MLF__NUMBER_SIZE, "%.*g", digits, value);
        if ((double)strtof(out, NULL) == value)
            break;
    }
    leave_plain_locale(before);
    return (size_t)len;
}

bool mlf__parse_i64(const char *text, int64_t *out)
{
    if (*text == '\0' || isspace((unsigned char)*text))
        return false;
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0' || end == text)
        return false;
    *out = value;
    return true;
}

bool mlf__parse_double(const char *text, double *out)
{
    if (*text == '\0' || isspace((unsigned char)*text))
        return false;
    char *end;
    locale_t before = enter_plain_locale();
    double value = strtod(text, &end);
    leave_plain_locale(before);
    if (*end != '\0' || end == text)
        return false;
    *out = value;
    return true;
}

bool mlf__copy_text(char *dst, size_t size, const char *src)
{
    size_t len = strlen(src);
    bool fits = len < size;
    if (!fits)
        len = size - 1;
    memcpy(dst, src, len);
    dst[len] = '\0';
    return fits;
}

/* Length of the valid UTF-8 sequence at |s|, 0 when there is none (RFC 3629). */
static size_t utf8_sequence(const unsigned char *s, size_t len)
{
    if (s[0] < 0x80)
        return 1;
    size_t n = s[0] >= 0xf0 && s[0] <= 0xf4   ? 4
               : s[0] >= 0xe0 && s[0] <= 0xef ? 3
               : s[0] >= 0xc2 && s[0] <= 0xdf ? 2
                                              : 0;
    if (n == 0 || n > len)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool surrogate = s[0] == 0xed && s[1] >= 0xa0;
    bool beyond = s[0] == 0xf4 && s[1] >= 0x90;
    return overlong || surrogate || beyond ? 0 : n;
}

size_t mlf__utf8_length(const char *text, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < len; count++) {
        size_t n = utf8_sequence((const unsigned char *)text + i, len - i);
        if (n == 0)
            return SIZE_MAX;
        i += n;
    }
    return count;
}

void mlf__buf_add_utf8(struct mlf__buf *buf, const char *text, size_t len)
{
    size_t begin = 0;
    for (size_t i = 0; i < len;) {
        size_t n = utf8_sequence((const unsigned char *)text + i, len - i);
        if (n > 0) {
            i += n;
            continue;
        }
        mlf__buf_add(buf, text + begin, i - begin);
        mlf__buf_puts(buf, "\xef\xbf\xbd");
        begin = ++i;
    }
    mlf__buf_add(buf, text + begin, len - begin);
}
