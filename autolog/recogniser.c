/* SPDX-License-Identifier: Apache-2.0 */
/* Lines out of a byte stream, and the tiers over lines. Memory is two line buffers, tables of fixed size and the
 * compiled rules, whatever is fed. */
#include "autolog/recogniser_parts.h"

#include "core/mem.h"
#include "core/sys.h"

#include <string.h>

/* ---- lines ---- */

/* Length of the escape sequence that |text| begins with: colours and cursor moves (ESC [ …), titles
 * and links (ESC ] … BEL or ESC \), and the two-byte ones. */
static size_t escape_length(const char *text, size_t len)
{
    size_t at = 2;

    if (len < 2)
        return len;
    if (text[1] == '[') {
        while (at < len && (unsigned char)text[at] >= 0x20 && (unsigned char)text[at] < 0x40)
            at++;
        return at < len ? at + 1 : len;
    }
    if (text[1] == ']') {
        for (; at < len; at++) {
            if (text[at] == '\a')
                return at + 1;
            if (text[at] == '\033')
                return at + 1 < len ? at + 2 : len;
        }
        return len;
    }
    while (at < len && (unsigned char)text[at - 1] >= 0x20 && (unsigned char)text[at - 1] < 0x30)
        at++;
    return at;
}

static size_t strip_escapes(char *text, size_t len)
{
    size_t kept = 0;

    if (memchr(text, '\033', len) == NULL)
        return len;
    for (size_t at = 0; at < len;) {
        if (text[at] == '\033')
            at += escape_length(text + at, len - at);
        else
            text[kept++] = text[at++];
    }
    return kept;
}

static void look_at(struct mlf__recogniser *recogniser, int stream, char *text, size_t len,
                    uint64_t number)
{
    struct mlf__record record = {.text = text, .stream = stream, .number = number};
    bool seen = false;

    record.len = strip_escapes(text, len);
    text[record.len] = '\0';
    if (record.len == 0)
        return;
    if (recogniser->step_rule.regex != NULL) {
        int64_t step = mlf__rule_step(&recogniser->step_rule, &record);
        if (step != INT64_MIN)
            recogniser->steps[stream].last = step;
    }
    for (size_t i = 0; i < recogniser->n_rules; i++)
        seen = mlf__rule_try(recogniser, &recogniser->rules[i], &record) || seen;
    /* The first tier that knows a line wins. */
    if (!seen && recogniser->mode >= MLF__PARSE_KNOWN)
        seen = mlf__presets_try(recogniser, &record);
    if (!seen && recogniser->mode >= MLF__PARSE_LIKELY)
        mlf__words_try(recogniser, &record);
}

static void end_line(struct mlf__recogniser *recogniser, struct mlf__line *line)
{
    size_t len = line->len;

    line->len = 0;
    line->skips = false;
    line->number++;
    if (len > 0)
        look_at(recogniser, line == &recogniser->lines[1], line->bytes, len, line->number);
}

/* The first |byte| in [from, end), |end| when there is none. */
static const char *find_byte(const char *from, const char *end, char byte)
{
    const char *found = memchr(from, byte, (size_t)(end - from));
    return found != NULL ? found : end;
}

void mlf__recogniser_feed(struct mlf__recogniser *recogniser, int stream, const char *bytes,
                          size_t len)
{
    struct mlf__line *line = &recogniser->lines[stream == 2];
    const char *end = bytes + len;

    if (!mlf__recogniser_wants_output(recogniser) || len == 0)
        return;
    /* Each is searched for again only when it was passed, so that a block full of one of them costs
     * one scan for the other. */
    const char *newline = find_byte(bytes, end, '\n');
    const char *carriage_return = find_byte(bytes, end, '\r');
    for (;;) {
        const char *stop = newline < carriage_return ? newline : carriage_return;
        size_t piece = (size_t)(stop - bytes);
        size_t room = line->skips ? 0 : MLF__LINE_BYTES - line->len;
        size_t kept = piece < room ? piece : room;
        memcpy(line->bytes + line->len, bytes, kept);
        line->len += kept;
        if (stop == end)
            break;
        end_line(recogniser, line);
        bytes = stop + 1;
        if (stop == newline)
            newline = find_byte(bytes, end, '\n');
        else
            carriage_return = find_byte(bytes, end, '\r');
    }
    if (line->len > 0)
        line->since_ns = mlf__monotonic_ns();
}

void mlf__recogniser_skip_line(struct mlf__recogniser *recogniser, int stream)
{
    struct mlf__line *line = &recogniser->lines[stream == 2];

    line->len = 0;
    line->skips = true;
}

int64_t mlf__recogniser_due_ms(const struct mlf__recogniser *recogniser)
{
    int64_t now = 0, due = -1;

    for (int i = 0; i < MLF__STREAMS; i++) {
        const struct mlf__line *line = &recogniser->lines[i];
        if (line->len == 0)
            continue;
        if (now == 0)
            now = mlf__monotonic_ns();
        int64_t left = MLF__TAIL_MS - (now - line->since_ns) / 1000000;
        if (left < 0)
            left = 0;
        if (due < 0 || left < due)
            due = left;
    }
    return due;
}

void mlf__recogniser_tick(struct mlf__recogniser *recogniser)
{
    int64_t now = mlf__monotonic_ns();

    for (int i = 0; i < MLF__STREAMS; i++) {
        struct mlf__line *line = &recogniser->lines[i];
        if (line->len > 0 && now - line->since_ns >= (int64_t)MLF__TAIL_MS * 1000000)
            end_line(recogniser, line);
    }
}

void mlf__recogniser_end(struct mlf__recogniser *recogniser)
{
    for (int i = 0; i < MLF__STREAMS; i++) {
        if (recogniser->lines[i].len > 0)
            end_line(recogniser, &recogniser->lines[i]);
    }
}

/* ---- the recogniser ---- */

static mlf_status add_rules(struct mlf__recogniser *recogniser,
                            const struct mlf__recogniser_options *options)
{
    mlf_status status = MLF_OK;

    for (size_t i = 0; i < options->n_rules && status == MLF_OK; i++) {
        status = mlf__grow((void **)&recogniser->rules, &recogniser->cap_rules,
                           recogniser->n_rules + 1, sizeof(struct mlf__rule));
        if (status != MLF_OK)
            return status;
        struct mlf__rule *rule = &recogniser->rules[recogniser->n_rules++];
        memset(rule, 0, sizeof(*rule));
        status = mlf__rule_parse(options->rules[i], rule);
    }
    if (status == MLF_OK && options->step != NULL)
        status = mlf__rule_parse_step(options->step, &recogniser->step_rule);
    return status;
}

static mlf_status copy_ignored(struct mlf__recogniser *recogniser,
                               const struct mlf__recogniser_options *options)
{
    if (options->n_ignore == 0)
        return MLF_OK;
    recogniser->ignore = mlf__zalloc(options->n_ignore, sizeof(char *));
    if (recogniser->ignore == NULL)
        return MLF_ERR_NOMEM;
    for (; recogniser->n_ignore < options->n_ignore; recogniser->n_ignore++) {
        char *copy = mlf__strdup(options->ignore[recogniser->n_ignore]);
        if (copy == NULL)
            return MLF_ERR_NOMEM;
        recogniser->ignore[recogniser->n_ignore] = copy;
    }
    return MLF_OK;
}

static mlf_status make_tables(struct mlf__recogniser *recogniser)
{
    recogniser->keys = mlf__zalloc(MLF__KEYS_MAX, sizeof(struct mlf__key));
    recogniser->key_slots = mlf__zalloc(MLF__KEY_SLOTS, sizeof(uint16_t));
    if (recogniser->keys == NULL || recogniser->key_slots == NULL)
        return MLF_ERR_NOMEM;
    if (recogniser->mode < MLF__PARSE_LIKELY)
        return MLF_OK;
    recogniser->candidates = mlf__zalloc(MLF__CANDIDATES_MAX, sizeof(struct mlf__candidate));
    return recogniser->candidates != NULL ? MLF_OK : MLF_ERR_NOMEM;
}

mlf_status mlf__recogniser_create(const struct mlf__recogniser_options *options, mlf__hit_fn *fn,
                                  void *user, struct mlf__recogniser **out)
{
    struct mlf__recogniser *recogniser = mlf__zalloc(1, sizeof(*recogniser));

    *out = NULL;
    if (recogniser == NULL)
        return MLF_ERR_NOMEM;
    recogniser->fn = fn;
    recogniser->user = user;
    recogniser->mode = options->mode;
    recogniser->by_signature = options->mode >= MLF__PARSE_LIKELY ||
                               (options->by_signature && options->mode >= MLF__PARSE_KNOWN);
    mlf__lexicon_fill(&recogniser->lexicon);
    for (int i = 0; i < MLF__STREAMS; i++)
        recogniser->steps[i].last = INT64_MIN;
    mlf_status status = add_rules(recogniser, options);
    if (status == MLF_OK)
        status = copy_ignored(recogniser, options);
    if (status == MLF_OK && options->mode >= MLF__PARSE_KNOWN)
        status = make_tables(recogniser);
    if (status == MLF_OK && options->mode >= MLF__PARSE_KNOWN)
        status = mlf__presets_begin(recogniser, options);
    if (status != MLF_OK) {
        mlf__recogniser_destroy(recogniser);
        return status;
    }
    *out = recogniser;
    return MLF_OK;
}

bool mlf__recogniser_wants_output(const struct mlf__recogniser *recogniser)
{
    return recogniser->n_rules > 0 || recogniser->n_active > 0 || recogniser->by_signature;
}

const char *mlf__recogniser_exhausted(const struct mlf__recogniser *recogniser)
{
    for (size_t i = 0; i < recogniser->n_rules; i++) {
        if (mlf__regex_exhausted(recogniser->rules[i].regex))
            return recogniser->rules[i].text;
    }
    return NULL;
}

void mlf__recogniser_destroy(struct mlf__recogniser *recogniser)
{
    if (recogniser == NULL)
        return;
    for (size_t i = 0; i < recogniser->n_rules; i++)
        mlf__rule_free(&recogniser->rules[i]);
    mlf__rule_free(&recogniser->step_rule);
    for (size_t i = 0; i < recogniser->n_ignore; i++)
        mlf__free(recogniser->ignore[i]);
    mlf__free(recogniser->ignore);
    mlf__presets_free(recogniser);
    mlf__keys_free(recogniser);
    mlf__free(recogniser->candidates);
    mlf__free(recogniser->rules);
    mlf__free(recogniser);
}
