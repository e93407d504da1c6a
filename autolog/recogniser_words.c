/* SPDX-License-Identifier: Apache-2.0 */
/* Tier 2: numbers behind words that name metrics; and the settings that a program prints before it begins. */
#include "autolog/recogniser_parts.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum {
    NEAR_LINES = 8,
    KEY_BYTES_MAX = 80,
    STEP_WORDS = MLF__WORD_EPOCH | MLF__WORD_STEP | MLF__WORD_BATCH
};

enum verdict { NOTHING, METRIC, PARAM, WATCH };

/* What was found out about a record. */
struct judged {
    enum verdict verdicts[MLF__FIELDS_MAX];
    const char *words[MLF__FIELDS_MAX];
    bool has_metric;
};

/* Source code and differences of it hold assignments, not results. */
static bool is_code(const struct mlf__record *record, size_t begin)
{
    const char *text = record->text;
    size_t end = record->len, at = begin;

    while (end > begin && isspace((unsigned char)text[end - 1]))
        end--;
    if (end > begin && (text[end - 1] == ';' || text[end - 1] == '\\' ||
                        (text[end - 1] == '{' && end > begin + 1)))
        return true;
    if (end > begin && text[end - 1] == '}' && text[begin] != '{' &&
        memchr(text + begin, ';', end - begin) != NULL)
        return true;
    /* "-    loss = 1" of a difference, not "-- Epoch 1" or "- loss: 1" */
    if (end > begin + 2 && (text[begin] == '+' || text[begin] == '-') &&
        (isalpha((unsigned char)text[begin + 1]) ||
         (isspace((unsigned char)text[begin + 1]) && isspace((unsigned char)text[begin + 2]))))
        return true;
    while (at < end && isdigit((unsigned char)text[at]))
        at++;
    /* "   12 | …" of compilers */
    return begin > 0 && at + 2 < end && text[at] == ' ' && text[at + 1] == '|';
}

/* Flags of the word that the key ends in. */
static unsigned last_word(const struct mlf__lexicon *lexicon, const char *text,
                          const struct mlf__field *field)
{
    size_t end = field->key + field->key_len, begin = end;

    while (begin > field->key && isalnum((unsigned char)text[begin - 1]))
        begin--;
    return mlf__lexicon_word(lexicon, text + begin, end - begin, NULL);
}

static enum verdict judge(const struct mlf__recogniser *recogniser,
                          const struct mlf__record *record, const struct mlf__fields *fields,
                          const struct mlf__field *field, const char **word)
{
    bool step = fields->has_step, separated = field->separator != 0;
    const char *text = record->text;

    if (field->unnamed && step && !field->refused)
        return WATCH;
    if (field->key_len == 0 || field->key_len > KEY_BYTES_MAX || field->refused)
        return NOTHING;
    if (!separated && !step && field->key != fields->begin)
        return NOTHING;
    unsigned flags =
        mlf__lexicon_words(&recogniser->lexicon, text + field->key, field->key_len, word);
    unsigned last = last_word(&recogniser->lexicon, text, field);
    bool counted = field->key > 0 && text[field->key - 1] == '#';
    if ((flags & MLF__WORD_NOISE) != 0 || ((last & STEP_WORDS) != 0 && !counted))
        return NOTHING;
    bool strong = (flags & MLF__WORD_METRIC) != 0;
    bool weak = (flags & (MLF__WORD_WEAK | MLF__WORD_TUNED)) != 0;
    bool setting = (flags & (MLF__WORD_PARAM | MLF__WORD_MANY)) != 0;
    bool fits = step || field->whole == INT64_MIN || field->percent;
    /* Without a separator the number must follow the word itself. */
    bool named = separated || (last & (MLF__WORD_METRIC | MLF__WORD_WEAK)) != 0 ||
                 (flags & MLF__WORD_TUNED) != 0;

    if (field->reversed)
        return step ? WATCH : NOTHING;
    if (strong && named)
        return METRIC;
    if (weak && named && fits && !(setting && !step)) {
        bool tuned = (flags & MLF__WORD_TUNED) != 0 && (flags & MLF__WORD_WEAK) == 0;
        if (!tuned || step || recogniser->metric_seen)
            return METRIC;
        return separated ? PARAM : NOTHING;
    }
    if (setting && !step && separated && !recogniser->metric_seen && text[fields->begin] != '{')
        return PARAM;
    if (setting && !step)
        return NOTHING; /* a count that changes */
    return separated || step ? WATCH : NOTHING;
}

static void report(struct mlf__recogniser *recogniser, const struct mlf__record *record,
                   const struct mlf__fields *fields, const struct judged *judged, size_t i,
                   int64_t step)
{
    const struct mlf__field *field = &fields->items[i];
    const char *word = judged->words[i] != NULL ? judged->words[i] : "";
    struct mlf__found found = {.raw = record->text + field->key,
                               .raw_len = field->key_len,
                               .step = step,
                               .tier = 2,
                               .reason = recogniser->reason,
                               .line = record->number};

    if (!mlf__read_value(record->text + field->at, field->len, &found.value))
        return;
    if (judged->verdicts[i] == METRIC) {
        snprintf(recogniser->reason, sizeof(recogniser->reason), "word '%.*s'",
                 (int)strcspn(word, " "), word);
        mlf__keys_report(recogniser, &found);
    } else {
        snprintf(recogniser->reason, sizeof(recogniser->reason), "setting before the first metric");
        mlf__keys_report_param(recogniser, &found, record->text + field->at, field->len);
    }
}

bool mlf__words_try(struct mlf__recogniser *recogniser, const struct mlf__record *record)
{
    struct mlf__steps *steps = &recogniser->steps[record->stream];
    struct mlf__fields fields;
    struct judged judged; /* as many entries as there are fields are filled in */
    uint64_t watched = 0;
    bool found = false;

    if (!mlf__fields_read(&recogniser->lexicon, record, &fields) || is_code(record, fields.begin))
        return false;
    judged.has_metric = false;
    mlf__fields_take_step(&recogniser->lexicon, record, steps, &fields);
    for (size_t i = 0; i < fields.n; i++) {
        judged.words[i] = NULL;
        judged.verdicts[i] = judge(recogniser, record, &fields, &fields.items[i], &judged.words[i]);
        judged.has_metric = judged.has_metric || judged.verdicts[i] == METRIC;
        if (judged.verdicts[i] == WATCH)
            watched |= (uint64_t)1 << i;
    }
    int64_t step = fields.has_step ? fields.step : steps->last;
    for (size_t i = 0; i < fields.n; i++) {
        /* A rate beside a loss is no setting. */
        if (judged.verdicts[i] == PARAM && judged.has_metric && judged.words[i] != NULL)
            judged.verdicts[i] = METRIC;
        if (judged.verdicts[i] == METRIC || judged.verdicts[i] == PARAM) {
            report(recogniser, record, &fields, &judged, i, step);
            found = true;
        }
    }
    if (judged.has_metric)
        steps->metric_line = record->number;
    bool near = steps->metric_line != 0 && record->number - steps->metric_line <= NEAR_LINES;
    if (!fields.has_step)
        fields.step = step;
    if (watched != 0)
        found =
            mlf__recurrence_try(recogniser, record, &fields, watched,
                                fields.has_step || near || recogniser->mode == MLF__PARSE_ALL) ||
            found;
    return found;
}
