/* SPDX-License-Identifier: Apache-2.0 */
/* A growing text buffer, and the conversion of numbers to and from text. */
#ifndef MLF_CORE_BUF_H
#define MLF_CORE_BUF_H

#include "core/fail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialise to begin. |data| is NUL-terminated once anything was added. When memory runs out
 * |failed| sticks and later additions do nothing, so that callers check once at the end. */
struct mlf__buf {
    char *data;
    size_t len;
    size_t cap;
    bool failed;
};

MLF__CORE void mlf__buf_add(struct mlf__buf *buf, const void *bytes, size_t len);
MLF__CORE void mlf__buf_puts(struct mlf__buf *buf, const char *text);
MLF__CORE void mlf__buf_printf(struct mlf__buf *buf, const char *format, ...) MLF__PRINTF(2, 3);
MLF__CORE void mlf__buf_free(struct mlf__buf *buf);
/* The text, owned by the caller now (mlf__free); NULL when the buffer failed. Empties the buffer. */
MLF__CORE char *mlf__buf_take(struct mlf__buf *buf);

enum { MLF__NUMBER_SIZE = 32 };

/* Shortest text that reads back as the same double: "0.1", "1e-05", "nan", "inf". Returns its length.
 * When the value is exactly a float, the shortest text that reads back as that float is
 * used by mlf__format_param ("0.1" for 0.1f), since programs often parse with strtof. */
MLF__CORE size_t mlf__format_double(char out[MLF__NUMBER_SIZE], double value);
MLF__CORE size_t mlf__format_param(char out[MLF__NUMBER_SIZE], double value);

/* Whole-text conversions: false when anything but the number is there, or it is out of range. */
MLF__CORE bool mlf__parse_i64(const char *text, int64_t *out);
MLF__CORE bool mlf__parse_double(const char *text, double *out);

/* Copies |src| into |dst| of |size| bytes, NUL-terminated; false when it had to be cut. */
MLF__CORE bool mlf__copy_text(char *dst, size_t size, const char *src);

/* Number of code points of valid UTF-8; SIZE_MAX when it is not valid UTF-8. */
MLF__CORE size_t mlf__utf8_length(const char *text, size_t len);
/* Appends |text| with every invalid byte replaced by U+FFFD. */
MLF__CORE void mlf__buf_add_utf8(struct mlf__buf *buf, const char *text, size_t len);

#endif
