/* SPDX-License-Identifier: Apache-2.0 */
/* Tier 3: a number that changes in records that recur. Records that differ in their numbers only have the same
 * template; a field of it is a metric when it was seen three times and has changed. Then what was seen of it before
 * is logged as well. The templates' table has a fixed size: what was not seen for longest gives way. */
#include "autolog/recogniser_parts.h"

#include <stdio.h>
#include <string.h>

enum { SEEN_ENOUGH = 3, PROBES = 8 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Length of the run of digits at |text|, with its point and exponent. */
static size_t number_length(const char *text, size_t len)
{
    size_t n = 0;

    while (n < len) {
        bool more = n + 1 < len;
        bool sign = more && (text[n + 1] == '-' || text[n + 1] == '+');
        if (is_digit(text[n]) || (text[n] == '.' && more && is_digit(text[n + 1])))
            n++;
        else if ((text[n] == 'e' || text[n] == 'E') && n + 1 + sign < len &&
                 is_digit(text[n + 1 + sign]))
            n += 1 + sign;
        else
            break;
    }
    return n;
}

/* Hash of the record with every number masked: signs, and blanks that fill a column to its width, are no part of
 * a template. */
static uint64_t template_of(const struct mlf__record *record, const struct mlf__fields *fields)
{
    uint64_t hash = 14695981039346656037u + (uint64_t)record->stream;
    const char *text = record->text;

    for (size_t at = fields->begin; at < record->len;) {
        char c = text[at];
        size_t skip = 1;
        if (is_digit(c)) {
            skip = number_length(text + at, record->len - at);
            c = '#';
        } else if (c == ' ' || ((c == '-' || c == '+') && at + 1 < record->len &&
                                (is_digit(text[at + 1]) || text[at + 1] == '.'))) {
            at++;
            continue;
        }
        hash = (hash ^ (unsigned char)c) * 1099511628211u;
        at += skip;
    }
    return hash;
}

static void describe(struct mlf__recogniser *recogniser, const struct mlf__record *record,
                     const struct mlf__fields *fields)
{
    char *out = recogniser->reason;
    size_t size = sizeof(recogniser->reason), at = fields->begin;
    int n = snprintf(out, size, "template '");

    for (size_t i = 0; i < fields->n && (size_t)n < size; i++) {
        n += snprintf(out + n, size - (size_t)n, "%.*s#", (int)(fields->items[i].at - at),
                      record->text + at);
        at = fields->items[i].at + fields->items[i].len;
    }
    if ((size_t)n < size)
        snprintf(out + n, size - (size_t)n, "%.*s'",
                 (int)(record->len - at < size ? record->len - at : size), record->text + at);
}

static struct mlf__candidate *find_candidate(struct mlf__recogniser *recogniser, uint64_t hash,
                                             uint64_t line)
{
    struct mlf__candidate *oldest = NULL;

    for (size_t i = 0; i < PROBES; i++) {
        struct mlf__candidate *at = &recogniser->candidates[(hash + i) & (MLF__CANDIDATES_MAX - 1)];
        if (at->hash == hash) {
            at->used = line;
            return at;
        }
        if (oldest == NULL || (oldest->hash != 0 && (at->hash == 0 || at->used < oldest->used)))
            oldest = at;
    }
    *oldest = (struct mlf__candidate){.hash = hash, .used = line};
    return oldest;
}

static void remember(struct mlf__candidate *candidate, const struct mlf__pending *point)
{
    if (candidate->n_pending == MLF__PENDING) {
        memmove(candidate->pending, candidate->pending + 1,
                (MLF__PENDING - 1) * sizeof(candidate->pending[0]));
        candidate->n_pending--;
    }
    candidate->pending[candidate->n_pending++] = *point;
}

/* A number without a name is the record's value. */
static const char *name_of(const struct mlf__record *record, const struct mlf__field *field)
{
    return field->key_len > 0 ? record->text + field->key : "value";
}

static size_t name_length(const struct mlf__field *field)
{
    return field->key_len > 0 ? field->key_len : strlen("value");
}

static void report(struct mlf__recogniser *recogniser, const struct mlf__record *record,
                   const struct mlf__field *field, const struct mlf__pending *point)
{
    struct mlf__found found = {.raw = name_of(record, field),
                               .raw_len = name_length(field),
                               .late = point->line != record->number,
                               .value = point->value,
                               .step = point->step,
                               .tier = 3,
                               .reason = recogniser->reason,
                               .line = point->line};
    mlf__keys_report(recogniser, &found);
}

/* One field of a template that was seen once more. */
static bool watch(struct mlf__recogniser *recogniser, const struct mlf__record *record,
                  const struct mlf__field *field, struct mlf__candidate *candidate,
                  const struct mlf__pending *point, bool eligible)
{
    if (candidate->seen == 0)
        candidate->first = point->value;
    candidate->seen += candidate->seen < UINT32_MAX;
    candidate->changed = candidate->changed || !(point->value == candidate->first);
    if (!candidate->confirmed) {
        remember(candidate, point);
        bool known = mlf__key_is_metric(recogniser, name_of(record, field), name_length(field));
        bool enough = candidate->seen >= SEEN_ENOUGH && candidate->changed;
        if (!eligible || (!enough && !known))
            return false;
        candidate->confirmed = true;
        for (uint32_t i = 0; i < candidate->n_pending; i++)
            report(recogniser, record, field, &candidate->pending[i]);
        candidate->n_pending = 0;
        return true;
    }
    report(recogniser, record, field, point);
    return true;
}

bool mlf__recurrence_try(struct mlf__recogniser *recogniser, const struct mlf__record *record,
                         const struct mlf__fields *fields, uint64_t wanted, bool eligible)
{
    uint64_t template = template_of(record, fields);
    bool found = false;

    if (eligible)
        describe(recogniser, record, fields);
    for (size_t i = 0; i < fields->n; i++) {
        struct mlf__pending point = {.step = fields->step, .line = record->number};
        if ((wanted >> i & 1) == 0 || !mlf__read_value(record->text + fields->items[i].at,
                                                       fields->items[i].len, &point.value))
            continue;
        uint64_t hash = (template ^ (i + 1)) * 1099511628211u;
        struct mlf__candidate *candidate =
            find_candidate(recogniser, hash != 0 ? hash : 1, record->number);
        found = watch(recogniser, record, &fields->items[i], candidate, &point, eligible) || found;
    }
    return found;
}
