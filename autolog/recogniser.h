/* SPDX-License-Identifier: Apache-2.0 */
/* The recogniser: metrics in what a program prints. Tier 0: the user's own rules; tier 1: presets of
 * known programs. Split at '\n' and '\r'; a line is looked at up to its first 8192 bytes, whatever its
 * length, and binary output does no harm. One recogniser per run; not thread-safe. */
#ifndef MLF_AUTOLOG_RECOGNISER_H
#define MLF_AUTOLOG_RECOGNISER_H

#include "core/fail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mlf__parse_mode { MLF__PARSE_OFF, MLF__PARSE_KNOWN };

/* A hit. |library| is the adapter's name whose hooks see the same value ("libsvm"), or NULL: the caller
 * drops the hit when that adapter is active. |step| is INT64_MIN when the line names none: the caller
 * then takes the key's next implied step. */
struct mlf__hit {
    const char *key; /* normalised */
    double value;    /* may be NaN or infinite */
    int64_t step;
    const char *library;
};
typedef void mlf__hit_fn(const struct mlf__hit *hit, void *user);

/* What to look for. |rules| are --metric arguments: NAME=REGEX, or REGEX with \key and \value for many
 * names. The value is \value, the group named value, group 1, or a lone \num; it may be followed by
 * '%'. The step is \step or the group named step. A NAME rule gives the first match of a line, a \key
 * rule every one. |argv| is the command (stripped of wrappers), whose name chooses the preset. */
struct mlf__recogniser_options {
    const char *const *rules;
    size_t n_rules;
    enum mlf__parse_mode mode;
    const char *const *argv;
    size_t argc;
};

struct mlf__recogniser;

/* MLF_ERR_INVAL names the rule, the place in it and what is wrong. The options are copied. */
mlf_status mlf__recogniser_create(const struct mlf__recogniser_options *options, mlf__hit_fn *fn,
                                  void *user, struct mlf__recogniser **out);
/* False when there is no rule and no preset: then nothing needs to be fed. */
bool mlf__recogniser_wants_output(const struct mlf__recogniser *recogniser);
/* More bytes of stream 1 (stdout) or 2 (stderr). */
void mlf__recogniser_feed(struct mlf__recogniser *recogniser, int stream, const char *bytes,
                          size_t len);
/* The end of the output: an unterminated last line is looked at. */
void mlf__recogniser_end(struct mlf__recogniser *recogniser);
/* The first rule that was given up because matching it cost too much; NULL when none was. */
const char *mlf__recogniser_exhausted(const struct mlf__recogniser *recogniser);
void mlf__recogniser_destroy(struct mlf__recogniser *recogniser); /* NULL is fine */

#endif
