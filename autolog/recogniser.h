/* SPDX-License-Identifier: Apache-2.0 */
/* The recogniser: metrics in what a program prints. Tier 0: the user's own rules; tier 1: presets of
 * known programs; tier 2: numbers behind words that name metrics; tier 3: numbers that change in records that
 * recur. The first tier that knows a record wins. Split at '\n' and '\r'; a line is looked at up to its
 * first 8192 bytes, whatever its length, and binary output does no harm. Memory is bounded whatever is
 * printed. One recogniser per run; not thread-safe. */
#ifndef MLF_AUTOLOG_RECOGNISER_H
#define MLF_AUTOLOG_RECOGNISER_H

#include "core/fail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each looks for what the one before it looks for, and more. */
enum mlf__parse_mode {
    MLF__PARSE_OFF,    /* the user's rules only */
    MLF__PARSE_KNOWN,  /* what known programs print */
    MLF__PARSE_LIKELY, /* words that name metrics; what recurs beside a step */
    MLF__PARSE_ALL     /* whatever recurs */
};

enum mlf__hit_kind { MLF__HIT_METRIC, MLF__HIT_PARAM };

/* A hit. |step| is INT64_MIN when the line names none: the caller then takes the key's next implied step.
 * |library| is the adapter's name whose hooks log the same key ("libsvm"), or NULL: the caller drops the hit
 * when that adapter is active. Texts are valid during the call. */
struct mlf__hit {
    enum mlf__hit_kind kind;
    const char *key; /* normalised */
    double value;    /* may be NaN or infinite; of a metric */
    int64_t step;
    const char *text; /* a param's value as it was printed; "" of a metric */
    const char *library;
    int tier;           /* 0 to 3 */
    const char *reason; /* the rule, preset, word or template by which it was found */
    uint64_t line;      /* where it was printed: line of the stream, from 1 */
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
    bool by_signature; /* a preset begins as well when the line is printed that tells its program */
    const char *preset; /* name of the preset to begin with, instead of by argv; NULL: by argv */
    const char *step; /* REGEX: a line in which it matches sets the step that follow its; or NULL */
    const char *const *ignore; /* --ignore: globs of keys that are no metrics */
    size_t n_ignore;
    const char *without; /* for measurements: name of a preset that is not used; or NULL */
};

struct mlf__recogniser;

/* MLF_ERR_INVAL names the rule, the place in it and what is wrong. The options are copied. */
mlf_status mlf__recogniser_create(const struct mlf__recogniser_options *options, mlf__hit_fn *fn,
                                  void *user, struct mlf__recogniser **out);
/* False when there is nothing to look for: then nothing needs to be fed. */
bool mlf__recogniser_wants_output(const struct mlf__recogniser *recogniser);
/* More bytes of stream 1 (stdout) or 2 (stderr). */
void mlf__recogniser_feed(struct mlf__recogniser *recogniser, int stream, const char *bytes,
                          size_t len);
/* Something of the stream was left out: what is known of its present line, and what comes of the one after it
 * before its end, is not looked at. */
void mlf__recogniser_skip_line(struct mlf__recogniser *recogniser, int stream);
/* Milliseconds until mlf__recogniser_tick() wants to be called; -1: not before something is fed. */
int64_t mlf__recogniser_due_ms(const struct mlf__recogniser *recogniser);
/* Looks at what was printed without a newline and has waited for MLF__TAIL_MS; the rest of that line counts as
 * another one. */
void mlf__recogniser_tick(struct mlf__recogniser *recogniser);
enum { MLF__TAIL_MS = 200 };
/* The end of the output: an unterminated last line is looked at. */
void mlf__recogniser_end(struct mlf__recogniser *recogniser);
/* The first rule that was given up because matching it cost too much; NULL when none was. */
const char *mlf__recogniser_exhausted(const struct mlf__recogniser *recogniser);
void mlf__recogniser_destroy(struct mlf__recogniser *recogniser); /* NULL is fine */

#endif
