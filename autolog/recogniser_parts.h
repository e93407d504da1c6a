/* SPDX-License-Identifier: Apache-2.0 */
/* The recogniser's parts: lines come from recogniser.c, each tier is a file of its own, and what they find goes
 * through recogniser_keys.c. Nothing is allocated for a line, except for keys that are new. */
#ifndef MLF_AUTOLOG_RECOGNISER_PARTS_H
#define MLF_AUTOLOG_RECOGNISER_PARTS_H

#include "autolog/lexicon.h"
#include "autolog/presets.h"
#include "autolog/recogniser.h"
#include "autolog/regex.h"

enum {
    MLF__LINE_BYTES = 8192,
    MLF__STREAMS = 2,
    MLF__GROUPS = 32,
    MLF__MATCHES_PER_LINE = 64,
    MLF__KEYS_MAX = 1024,       /* distinct keys of tiers 1 to 3 */
    MLF__KEY_SLOTS = 2048,      /* of a hash table, a power of 2 */
    MLF__CANDIDATES_MAX = 1024, /* fields of templates that are watched; a power of 2 */
    MLF__PENDING = 32,          /* records of a candidate that can be logged afterwards */
    MLF__FIELDS_MAX = 64,       /* numbers of a record */
    MLF__STDOUT_PARAMS_MAX = 64,
    MLF__REASON_SIZE = 160
};

/* A record: a line without escape sequences. */
struct mlf__record {
    const char *text; /* followed by a NUL */
    size_t len;
    int stream; /* 0 or 1 */
    uint64_t number;
};

/* ---- rules (recogniser_rules.c) ---- */

struct mlf__rule {
    struct mlf__regex *regex;
    char *text; /* as the user wrote it */
    char *name; /* NULL: the name is in group |key_group| */
    int key_group, step_group, value_group;
};
mlf_status mlf__rule_parse(const char *text, struct mlf__rule *rule);
/* A --step rule: where its step is goes into |step_group|. */
mlf_status mlf__rule_parse_step(const char *text, struct mlf__rule *rule);
void mlf__rule_free(struct mlf__rule *rule);
bool mlf__rule_try(struct mlf__recogniser *recogniser, const struct mlf__rule *rule,
                   const struct mlf__record *record);
/* The step that |rule| finds in the record; INT64_MIN when none. */
int64_t mlf__rule_step(const struct mlf__rule *rule, const struct mlf__record *record);

/* The number at the beginning of |text|: "1.5", "-3e-4", "1.0D+02", "NaN", "95.3%", "0.5,". What
 * follows may be '%' or punctuation only. */
bool mlf__read_value(const char *text, size_t len, double *out);
/* A whole number at |span| of |text|; INT64_MIN when there is none. */
int64_t mlf__read_step(const char *text, struct mlf__span span);

/* ---- presets at work (recogniser_presets.c) ---- */

struct mlf__active {
    const struct mlf__preset *preset;
    struct mlf__regex **patterns; /* of each rule and, behind them, of its pairs; NULL: none */
    uint32_t silenced;            /* bits of rules that match and say nothing */
    int64_t step;                 /* of MLF__STEP_NEXT and _SAME; -1 before the first */
};

/* What is known about a preset that is not active. */
struct mlf__waiting {
    struct mlf__regex *signature; /* compiled when a line first looks like it */
    bool failed;
};

mlf_status mlf__presets_begin(struct mlf__recogniser *recogniser,
                              const struct mlf__recogniser_options *options);
bool mlf__presets_try(struct mlf__recogniser *recogniser, const struct mlf__record *record);
void mlf__presets_free(struct mlf__recogniser *recogniser);

/* ---- steps and keys (recogniser_keys.c) ---- */

/* Of a stream. */
struct mlf__steps {
    int64_t last; /* seen last; INT64_MIN before the first */
    int64_t first_epoch;
    bool has_epoch;
    uint64_t metric_line; /* the last line with a hit of tier 2; 0 before the first */
};
/* Step of batch or sample |at| of |total| in |epoch|: epochs are put one behind the other. */
int64_t mlf__steps_combine(struct mlf__steps *steps, int64_t epoch, int64_t at, int64_t total);

struct mlf__key {
    uint64_t hash;
    char *base; /* normalised */
    char *name; /* the same, with the phase's suffix from the second phase on */
    const char *library;
    int64_t last_step;
    double last_value;
    int phase;
    bool ignored, is_param, is_metric, has_step;
};

/* What a tier has found. |raw| is the key as it was printed. */
struct mlf__found {
    const char *raw;
    size_t raw_len;
    double value;
    int64_t step; /* INT64_MIN: implied */
    int tier;
    const char *reason;
    uint64_t line;
    bool late; /* seen before what was reported last */
};
/* Was the key called |raw| reported as a metric? */
bool mlf__key_is_metric(const struct mlf__recogniser *recogniser, const char *raw, size_t len);
void mlf__keys_report(struct mlf__recogniser *recogniser, const struct mlf__found *found);
/* A param, by the name stdout.<key>, once. |text| is its value. */
void mlf__keys_report_param(struct mlf__recogniser *recogniser, const struct mlf__found *found,
                            const char *text, size_t text_len);
bool mlf__keys_ignored(const struct mlf__recogniser *recogniser, const char *name);
void mlf__keys_free(struct mlf__recogniser *recogniser);

/* ---- numbers and the words before them (recogniser_fields.c) ---- */

struct mlf__field {
    size_t key, key_len; /* the words that name it; no length: none */
    size_t at, len;      /* the number */
    int64_t whole;       /* the value of a whole number that fits; INT64_MIN: it is none */
    int64_t of;          /* of "3/10": 10; INT64_MIN */
    char separator;      /* ':' or '='; 0: blanks only */
    bool percent, bracketed, reversed, refused;
    bool unnamed; /* "12: 0.5": what stands alone behind a step */
};

/* The fields of a record, and its step. */
struct mlf__fields {
    struct mlf__field items[MLF__FIELDS_MAX];
    size_t n;
    size_t begin;  /* of the record behind log prefixes */
    bool has_step; /* it names a step */
    int64_t step;
};
/* False: no number in it could be a metric. */
bool mlf__fields_read(const struct mlf__lexicon *lexicon, const struct mlf__record *record,
                      struct mlf__fields *out);
/* Finds the step among the fields; those that tell it are refused. */
void mlf__fields_take_step(const struct mlf__lexicon *lexicon, const struct mlf__record *record,
                           struct mlf__steps *steps, struct mlf__fields *fields);
/* Length of timestamps, levels and names of loggers at the beginning of |text| (recogniser_prefix.c). */
size_t mlf__log_prefix(const struct mlf__lexicon *lexicon, const char *text, size_t len);

/* ---- tiers 2 and 3 (recogniser_words.c, recogniser_recurrence.c) ---- */

bool mlf__words_try(struct mlf__recogniser *recogniser, const struct mlf__record *record);

struct mlf__pending {
    double value;
    int64_t step;
    uint64_t line;
};
struct mlf__candidate {
    uint64_t hash; /* of template and place; 0: free */
    uint64_t used; /* line when it was seen last */
    uint32_t seen;
    uint32_t n_pending;
    bool confirmed, changed;
    double first;
    struct mlf__pending pending[MLF__PENDING];
};
/* Watches the fields that |wanted| has set: those of a template that was seen often enough are reported, with
 * what was seen of them before. |eligible|: the record is one in which a field may be reported. */
bool mlf__recurrence_try(struct mlf__recogniser *recogniser, const struct mlf__record *record,
                         const struct mlf__fields *fields, uint64_t wanted, bool eligible);

/* ---- the whole ---- */

struct mlf__line {
    char bytes[MLF__LINE_BYTES + 1];
    size_t len;
    int64_t since_ns; /* when its last byte came; CLOCK_MONOTONIC */
    uint64_t number;
    bool skips; /* to its end: its beginning is not known */
};

struct mlf__recogniser {
    struct mlf__rule *rules;
    size_t n_rules, cap_rules;
    struct mlf__rule step_rule; /* regex NULL: none */
    char **ignore;
    size_t n_ignore;
    enum mlf__parse_mode mode;
    bool by_signature;
    mlf__hit_fn *fn;
    void *user;

    struct mlf__active active[MLF__PRESETS_MAX];
    size_t n_active;
    struct mlf__waiting waiting[MLF__PRESETS_MAX];
    uint32_t may_begin;                  /* presets that a signature can activate */
    uint32_t silenced[MLF__PRESETS_MAX]; /* bits of rules that the command's options silence */

    struct mlf__key *keys; /* of tiers 1 to 3, NULL below tier 1 */
    uint16_t *key_slots;
    size_t n_keys, n_params;
    struct mlf__candidate *candidates; /* NULL below tier 3 */
    struct mlf__lexicon lexicon;
    struct mlf__steps steps[MLF__STREAMS];
    bool metric_seen;
    char reason[MLF__REASON_SIZE];
    struct mlf__line lines[MLF__STREAMS];
};

#endif
