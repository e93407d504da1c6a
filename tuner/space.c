/* SPDX-License-Identifier: Apache-2.0 */
/* Distributions: what a parameter may take, how it is written, and the transform to columns that samplers share. */
#include "tuner/space.h"

#include "core/mem.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every integer up to this one is a double. */
static const int64_t EXACT_MAX = INT64_C(1) << 53;

/* ---- the last step that is not above |high|, in decimal ---- */

__extension__ typedef __int128 wide;

struct decimal {
    wide digits;
    int exponent; /* the number is digits * 10^exponent */
};

/* By the shortest text that reads back equal, since that is what the caller wrote: in binary 0.7 is no
 * multiple of 0.1. */
static struct decimal to_decimal(double value)
{
    char text[MLF__NUMBER_SIZE];
    mlf__format_double(text, value);
    struct decimal out = {0, 0};
    bool behind_point = false;
    const char *at = text;
    for (at += *at == '-'; *at != '\0' && *at != 'e'; at++) {
        if (*at == '.') {
            behind_point = true;
            continue;
        }
        out.digits = out.digits * 10 + (*at - '0');
        out.exponent -= behind_point;
    }
    if (*at == 'e')
        out.exponent += (int)strtol(at + 1, NULL, 10);
    if (text[0] == '-')
        out.digits = -out.digits;
    return out;
}

/* The digits of |value| counted in 10^exponent; false when they are too many. */
static bool rescale(struct decimal value, int exponent, wide *out)
{
    const wide limit = (wide)1000000000000000000 * 1000000000000000000; /* 10^36 */
    for (; value.digits != 0 && value.exponent > exponent; value.exponent--) {
        value.digits *= 10;
        if (value.digits > limit || value.digits < -limit)
            return false;
    }
    *out = value.digits;
    return true;
}

static double from_decimal(struct decimal value)
{
    char text[64];
    size_t at = sizeof(text) / 2 + 16;
    wide left = value.digits < 0 ? -value.digits : value.digits;
    snprintf(text + at, sizeof(text) - at, "e%d", value.exponent);
    do {
        text[--at] = (char)('0' + (int)(left % 10));
        left /= 10;
    } while (left > 0);
    if (value.digits < 0)
        text[--at] = '-';
    double out = NAN;
    mlf__parse_double(text + at, &out);
    return out;
}

static double last_step(double low, double high, double step)
{
    struct decimal d_low = to_decimal(low), d_high = to_decimal(high), d_step = to_decimal(step);
    int exponent = d_low.exponent;
    if (d_high.exponent < exponent)
        exponent = d_high.exponent;
    if (d_step.exponent < exponent)
        exponent = d_step.exponent;
    wide l, h, s;
    if (!rescale(d_low, exponent, &l) || !rescale(d_high, exponent, &h) ||
        !rescale(d_step, exponent, &s) || s == 0)
        return fmin(high, low + floor((high - low) / step + 1e-9) * step);
    if ((h - l) % s == 0)
        return high;
    struct decimal last = {l + (h - l) / s * s, exponent};
    return from_decimal(last);
}

/* ---- making ---- */

mlf_status mlf__dist_float(const char *name, double low, double high, double step, bool log,
                           struct mlf__dist *out)
{
    char low_text[MLF__NUMBER_SIZE], high_text[MLF__NUMBER_SIZE];
    *out = (struct mlf__dist){.kind = MLF__DIST_FLOAT};
    mlf__format_double(low_text, low);
    mlf__format_double(high_text, high);
    if (!isfinite(low) || !isfinite(high) || !isfinite(high - low))
        return mlf__fail(MLF_ERR_INVAL, "%s: the range %s to %s is not finite", name, low_text,
                         high_text);
    if (low > high)
        return mlf__fail(MLF_ERR_INVAL, "%s: low %s is above high %s", name, low_text, high_text);
    if (!isfinite(step) || step < 0)
        return mlf__fail(MLF_ERR_INVAL, "%s: step %g is not positive", name, step);
    if (log && low <= 0)
        return mlf__fail(MLF_ERR_INVAL, "%s: low %g of a logarithmic scale is not positive", name,
                         low);
    if (log && step > 0)
        return mlf__fail(MLF_ERR_INVAL, "%s: a logarithmic scale has no step", name);
    if (step > 0 && (high - low) / step > (double)EXACT_MAX)
        return mlf__fail(MLF_ERR_INVAL, "%s: the range %s to %s has over 2^53 steps of %g", name,
                         low_text, high_text, step);
    out->log = log;
    out->low = low;
    out->high = step > 0 ? last_step(low, high, step) : high;
    out->step = step;
    return MLF_OK;
}

mlf_status mlf__dist_int(const char *name, int64_t low, int64_t high, int64_t step, bool log,
                         struct mlf__dist *out)
{
    *out = (struct mlf__dist){.kind = MLF__DIST_INT};
    if (low < -EXACT_MAX || low > EXACT_MAX || high < -EXACT_MAX || high > EXACT_MAX)
        return mlf__fail(MLF_ERR_INVAL,
                         "%s: the range %" PRId64 " to %" PRId64 " is not within 2^53", name, low,
                         high);
    if (low > high)
        return mlf__fail(MLF_ERR_INVAL, "%s: low %" PRId64 " is above high %" PRId64, name, low,
                         high);
    if (step <= 0)
        return mlf__fail(MLF_ERR_INVAL, "%s: step %" PRId64 " is not positive", name, step);
    if (log && low < 1)
        return mlf__fail(MLF_ERR_INVAL, "%s: low %" PRId64 " of a logarithmic scale is below 1",
                         name, low);
    if (log && step != 1)
        return mlf__fail(MLF_ERR_INVAL, "%s: a logarithmic scale has no step but 1", name);
    out->log = log;
    out->low = (double)low;
    int64_t last = low + (high - low) / step * step;
    out->high = (double)last;
    out->step = (double)step;
    return MLF_OK;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static mlf_status refuse_duplicates(const char *name, const struct mlf__dist *dist)
{
    char **sorted = mlf__zalloc(dist->n_choices, sizeof(*sorted));
    if (sorted == NULL)
        return MLF_ERR_NOMEM;
    memcpy(sorted, dist->choices, dist->n_choices * sizeof(*sorted));
    qsort(sorted, dist->n_choices, sizeof(*sorted), compare_texts);
    mlf_status status = MLF_OK;
    for (size_t i = 1; i < dist->n_choices && status == MLF_OK; i++) {
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            status =
                mlf__fail(MLF_ERR_INVAL, "%s: the choice \"%s\" is there twice", name, sorted[i]);
    }
    mlf__free(sorted);
    return status;
}

mlf_status mlf__dist_categorical(const char *name, const char *const *choices, size_t n,
                                 struct mlf__dist *out)
{
    *out = (struct mlf__dist){.kind = MLF__DIST_CATEGORICAL, .step = 1};
    if (choices == NULL || n == 0)
        return mlf__fail(MLF_ERR_INVAL, "%s: there are no choices", name);
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        if (choices[i] == NULL)
            return mlf__fail(MLF_ERR_INVAL, "%s: choice %zu is NULL", name, i);
        /* What the store replaces would make another choice, or one of two, when the study is loaded. */
        if (mlf__utf8_length(choices[i], strlen(choices[i])) == SIZE_MAX)
            return mlf__fail(MLF_ERR_INVAL, "%s: choice %zu is not valid UTF-8", name, i);
        bytes += strlen(choices[i]) + 1;
        if (bytes > MLF__CHOICES_MAX)
            return mlf__fail(MLF_ERR_FULL, "%s: the choices are over %d bytes", name,
                             MLF__CHOICES_MAX);
    }
    out->choices = mlf__zalloc(n, sizeof(*out->choices));
    if (out->choices == NULL)
        return MLF_ERR_NOMEM;
    mlf_status status = MLF_OK;
    for (; out->n_choices < n && status == MLF_OK; out->n_choices++) {
        out->choices[out->n_choices] = mlf__strdup(choices[out->n_choices]);
        if (out->choices[out->n_choices] == NULL)
            status = MLF_ERR_NOMEM;
    }
    if (status == MLF_OK)
        status = refuse_duplicates(name, out);
    out->high = (double)(n - 1);
    if (status != MLF_OK)
        mlf__dist_free(out);
    return status;
}

mlf_status mlf__dist_copy(const struct mlf__dist *dist, struct mlf__dist *out)
{
    if (dist->kind == MLF__DIST_CATEGORICAL)
        return mlf__dist_categorical("copy", (const char *const *)dist->choices, dist->n_choices,
                                     out);
    *out = *dist;
    return MLF_OK;
}

void mlf__dist_free(struct mlf__dist *dist)
{
    for (size_t i = 0; i < dist->n_choices; i++)
        mlf__free(dist->choices[i]);
    mlf__free(dist->choices);
    *dist = (struct mlf__dist){.kind = dist->kind};
}

/* ---- asking ---- */

bool mlf__dist_compatible(const struct mlf__dist *a, const struct mlf__dist *b)
{
    if (a->kind != b->kind || a->log != b->log || a->n_choices != b->n_choices)
        return false;
    for (size_t i = 0; i < a->n_choices; i++) {
        if (strcmp(a->choices[i], b->choices[i]) != 0)
            return false;
    }
    return true;
}

bool mlf__dist_equal(const struct mlf__dist *a, const struct mlf__dist *b)
{
    return a->low == b->low && a->high == b->high && a->step == b->step &&
           mlf__dist_compatible(a, b);
}

bool mlf__dist_is_single(const struct mlf__dist *dist)
{
    return dist->low == dist->high;
}

bool mlf__dist_contains(const struct mlf__dist *dist, double value)
{
    if (!(value >= dist->low && value <= dist->high))
        return false;
    if (dist->step == 0)
        return true;
    double steps = (value - dist->low) / dist->step;
    if (dist->kind == MLF__DIST_FLOAT)
        return fabs(steps - rint(steps)) < 1e-8;
    return value == rint(value) && fmod(value - dist->low, dist->step) == 0;
}

uint64_t mlf__dist_count(const struct mlf__dist *dist)
{
    if (mlf__dist_is_single(dist))
        return 1;
    if (dist->step == 0)
        return 0;
    double steps = rint((dist->high - dist->low) / dist->step);
    return steps < 0x1p63 ? (uint64_t)steps + 1 : UINT64_MAX;
}

/* ---- text ---- */

const char *mlf__dist_format(const struct mlf__dist *dist, double value, char out[MLF__NUMBER_SIZE])
{
    if (dist->kind == MLF__DIST_CATEGORICAL && value >= 0 && value < (double)dist->n_choices)
        return dist->choices[(size_t)value];
    if (dist->kind == MLF__DIST_INT && fabs(value) <= (double)EXACT_MAX)
        snprintf(out, MLF__NUMBER_SIZE, "%" PRId64, (int64_t)value);
    else
        mlf__format_double(out, value);
    return out;
}

static mlf_status parse_choice(const struct mlf__dist *dist, const char *name, const char *text,
                               double *out)
{
    for (size_t i = 0; i < dist->n_choices; i++) {
        if (strcmp(dist->choices[i], text) == 0) {
            *out = (double)i;
            return MLF_OK;
        }
    }
    return mlf__fail(MLF_ERR_INVAL, "%s: \"%s\" is none of its choices", name, text);
}

mlf_status mlf__dist_parse(const struct mlf__dist *dist, const char *name, const char *text,
                           double *out)
{
    *out = NAN;
    if (dist->kind == MLF__DIST_CATEGORICAL)
        return parse_choice(dist, name, text, out);
    double value;
    if (!mlf__parse_double(text, &value) || !isfinite(value))
        return mlf__fail(MLF_ERR_INVAL, "%s: \"%s\" is not a finite number", name, text);
    if (dist->kind == MLF__DIST_INT && (value != rint(value) || fabs(value) > (double)EXACT_MAX))
        return mlf__fail(MLF_ERR_INVAL, "%s: \"%s\" is not an integer within 2^53", name, text);
    if (dist->log && value <= 0)
        return mlf__fail(MLF_ERR_INVAL, "%s: \"%s\" is not positive, its scale is logarithmic",
                         name, text);
    *out = value;
    return MLF_OK;
}

/* ---- columns ---- */

void mlf__dist_column(const struct mlf__dist *dist, double *low, double *high)
{
    double margin = dist->step / 2;
    *low = mlf__dist_to_column(dist, dist->low - margin);
    *high = mlf__dist_to_column(dist, dist->high + margin);
}

double mlf__dist_to_column(const struct mlf__dist *dist, double value)
{
    return dist->log ? log(value) : value;
}

static double clip(const struct mlf__dist *dist, double value)
{
    return fmin(fmax(value, dist->low), dist->high);
}

double mlf__dist_from_column(const struct mlf__dist *dist, double column)
{
    if (mlf__dist_is_single(dist))
        return dist->low;
    double value = dist->log ? exp(column) : column;
    if (dist->kind == MLF__DIST_FLOAT && dist->step == 0)
        return fmin(fmax(value, dist->low), nextafter(dist->high, -INFINITY));
    if (dist->log)
        return clip(dist, rint(value));
    double steps = (value - dist->low) / dist->step;
    /* Of integers the half goes up: rounded to even, every second one would be too frequent. */
    steps = dist->kind == MLF__DIST_FLOAT ? rint(steps) : floor(steps + 0.5);
    return clip(dist, dist->low + steps * dist->step);
}

double mlf__dist_from_unit(const struct mlf__dist *dist, double u)
{
    if (dist->kind == MLF__DIST_CATEGORICAL)
        return clip(dist, floor(u * (double)dist->n_choices));
    double low, high;
    mlf__dist_column(dist, &low, &high);
    return mlf__dist_from_column(dist, low + u * (high - low));
}
