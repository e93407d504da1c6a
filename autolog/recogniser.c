/* SPDX-License-Identifier: Apache-2.0 */
/* Lines out of a byte stream, rules over lines, numbers out of matches. Memory is two line buffers of
 * fixed size and the compiled rules, whatever is fed. */
#include "autolog/recogniser.h"

#include "autolog/cmdline.h"
#include "autolog/presets.h"
#include "autolog/regex.h"
#include "core/buf.h"
#include "core/mem.h"
#include "tracking/names.h"

#include <ctype.h>
#include <math.h>
#include <string.h>
#include <strings.h>

enum { LINE_MAX_BYTES = 8192, STREAMS = 2, GROUPS = 32, MATCHES_PER_LINE = 64 };

/* What the words of a rule stand for. A number as C, C++ and Fortran programs print it. */
#define NUMBER_PATTERN                                                                             \
    "[-+]?(?:(?:[0-9]+\\.?[0-9]*|\\.[0-9]+)(?:[eEdD][-+]?[0-9]+)?|(?i:nan|inf(?:inity)?)\\b)"
struct alias {
    const char *word, *pattern, *pattern_as_value;
};
static const struct alias aliases[] = {
    {"\\key", "(?<key>[A-Za-z_][A-Za-z0-9_./-]*)", "(?<key>[A-Za-z_][A-Za-z0-9_./-]*)"},
    {"\\value", "(?<value>" NUMBER_PATTERN ")", "(?<value>" NUMBER_PATTERN ")"},
    {"\\num", "(?:" NUMBER_PATTERN ")", "(?<value>" NUMBER_PATTERN ")"},
    {"\\step", "(?<step>[-+]?[0-9]+)", "(?<step>[-+]?[0-9]+)"},
};

struct rule {
    struct mlf__regex *regex;
    char *text;                            /* as the user wrote it, or the preset's pattern */
    char *name;                            /* NULL: the name is in group |key_group| */
    const struct mlf__preset_rule *preset; /* NULL: a rule of the user's */
    int key_group, step_group;
    int value_groups[MLF__PRESET_KEYS]; /* of a user's rule: the first only */
};

struct line {
    char bytes[LINE_MAX_BYTES];
    size_t len;
};

struct mlf__recogniser {
    struct rule *rules;
    size_t n_rules, cap_rules;
    const struct mlf__preset *preset;
    int64_t preset_step; /* of the presets' current step; -1 before the first */
    mlf__hit_fn *fn;
    void *user;
    struct line lines[STREAMS];
};

/* ---- rules ---- */

static const struct alias *alias_at(const char *text)
{
    for (size_t i = 0; i < MLF__ARRAY_LEN(aliases); i++) {
        size_t len = strlen(aliases[i].word);
        if (strncmp(text, aliases[i].word, len) == 0 && !isalnum((unsigned char)text[len]) &&
            text[len] != '_')
            return &aliases[i];
    }
    return NULL;
}

/* Writes |source| with its aliases replaced. Returns the offset in |source| of what begins at or
 * contains offset |until| of the result, for error messages. */
static size_t expand(const char *source, bool num_is_value, size_t until, struct mlf__buf *out)
{
    size_t at = 0, found = SIZE_MAX;

    while (source[at] != '\0') {
        const struct alias *alias = source[at] == '\\' ? alias_at(source + at) : NULL;
        size_t begin = at;
        if (alias != NULL) {
            mlf__buf_puts(out, num_is_value ? alias->pattern_as_value : alias->pattern);
            at += strlen(alias->word);
        } else {
            at += source[at] == '\\' && source[at + 1] != '\0' ? 2 : 1;
            mlf__buf_add(out, source + begin, at - begin);
        }
        if (found == SIZE_MAX && out->len > until)
            found = begin;
    }
    return found != SIZE_MAX ? found : at;
}

static bool uses_key(const char *text)
{
    for (size_t at = 0; text[at] != '\0'; at++) {
        if (text[at] != '\\')
            continue;
        const struct alias *alias = alias_at(text + at);
        if (alias == &aliases[0])
            return true;
        if (alias == NULL && text[at + 1] != '\0')
            at++;
    }
    return strstr(text, "(?<key>") != NULL || strstr(text, "(?P<key>") != NULL;
}

static mlf_status compile_source(const char *text, const char *source, bool num_is_value,
                                 struct mlf__regex **out)
{
    struct mlf__buf pattern = {0};
    char reason[200];
    size_t where = 0;

    *out = NULL;
    mlf__buf_puts(&pattern, "");
    expand(source, num_is_value, SIZE_MAX, &pattern);
    if (pattern.failed) {
        mlf__buf_free(&pattern);
        return mlf__fail(MLF_ERR_NOMEM, "out of memory");
    }
    mlf_status status = mlf__regex_compile(pattern.data, &where, out);
    if (status == MLF_ERR_INVAL) {
        mlf__copy_text(reason, sizeof(reason), mlf__errmsg());
        pattern.len = 0;
        where = expand(source, num_is_value, where, &pattern);
        mlf__fail(status, "rule '%s': %s at character %zu", text, reason,
                  (size_t)(source - text) + where + 1);
    }
    mlf__buf_free(&pattern);
    return status;
}

/* Where the value of a user's rule is: the group named value, else the first group that is neither
 * the key nor the step. 0 when there is none. */
static int find_value_group(const struct rule *rule)
{
    int named = mlf__regex_group(rule->regex, "value");
    if (named > 0)
        return named;
    for (int i = 1; i <= mlf__regex_group_count(rule->regex); i++) {
        if (i != rule->key_group && i != rule->step_group)
            return i;
    }
    return 0;
}

static mlf_status compile_user_rule(struct rule *rule, const char *source)
{
    /* Twice: a rule without any other group takes its \num as the value. */
    for (int num_is_value = 0; num_is_value < 2; num_is_value++) {
        mlf_status status = compile_source(rule->text, source, num_is_value != 0, &rule->regex);
        if (status != MLF_OK)
            return status;
        rule->key_group = mlf__regex_group(rule->regex, "key");
        rule->step_group = mlf__regex_group(rule->regex, "step");
        rule->value_groups[0] = find_value_group(rule);
        if (rule->value_groups[0] > 0)
            break;
        mlf__regex_destroy(rule->regex);
        rule->regex = NULL;
    }
    if (rule->regex == NULL)
        return mlf__fail(MLF_ERR_INVAL,
                         "rule '%s' captures no value: put the number's part in parentheses, or "
                         "write \\value for it",
                         rule->text);
    if (mlf__regex_group_count(rule->regex) >= GROUPS)
        return mlf__fail(MLF_ERR_INVAL, "rule '%s' has more than %d groups", rule->text,
                         GROUPS - 1);
    return MLF_OK;
}

static mlf_status parse_user_rule(const char *text, struct rule *rule)
{
    const char *equals = strchr(text, '=');

    rule->text = mlf__strdup(text);
    if (rule->text == NULL)
        return MLF_ERR_NOMEM;
    if (uses_key(text))
        return compile_user_rule(rule, rule->text);
    if (equals == NULL || equals == text)
        return mlf__fail(MLF_ERR_INVAL,
                         "rule '%s' names no metric: write NAME=REGEX, or a REGEX with \\key and "
                         "\\value",
                         text);
    rule->name = mlf__strndup(text, (size_t)(equals - text));
    if (rule->name == NULL)
        return MLF_ERR_NOMEM;
    mlf_status status = mlf__check_key(rule->name, "Metric name");
    if (status != MLF_OK)
        return status;
    return compile_user_rule(rule, rule->text + (equals - text) + 1);
}

static struct rule *new_rule(struct mlf__recogniser *recogniser)
{
    if (mlf__grow((void **)&recogniser->rules, &recogniser->cap_rules, recogniser->n_rules + 1,
                  sizeof(struct rule)) != MLF_OK)
        return NULL;
    struct rule *rule = &recogniser->rules[recogniser->n_rules++];
    memset(rule, 0, sizeof(*rule));
    return rule;
}

/* ---- presets ---- */

struct silence {
    const char *unless; /* "v b=1" */
    bool silent;
};

static void check_option(const char *name, const char *value, void *user)
{
    struct silence *silence = user;
    const char *at = silence->unless;
    size_t name_len = strlen(name);

    while (*at != '\0') {
        size_t len = strcspn(at, " ");
        if (len >= name_len && strncmp(at, name, name_len) == 0) {
            const char *rest = at + name_len;
            size_t rest_len = len - name_len;
            bool any = rest_len == 0;
            bool same = rest_len > 1 && *rest == '=' && strlen(value) == rest_len - 1 &&
                        strncmp(rest + 1, value, rest_len - 1) == 0;
            silence->silent = silence->silent || any || same;
        }
        at += len;
        at += strspn(at, " ");
    }
}

static bool is_silenced(const struct mlf__preset_rule *rule,
                        const struct mlf__recogniser_options *options)
{
    struct silence silence = {.unless = rule->unless};

    if (rule->unless != NULL)
        mlf__cmdline_parse(options->argc, options->argv, ".", check_option, &silence);
    return silence.silent;
}

static mlf_status add_preset(struct mlf__recogniser *recogniser,
                             const struct mlf__recogniser_options *options)
{
    const char *slash = strrchr(options->argv[0], '/');
    const struct mlf__preset *preset =
        mlf__preset_find(slash != NULL ? slash + 1 : options->argv[0]);

    if (preset == NULL)
        return MLF_OK;
    recogniser->preset = preset;
    for (size_t i = 0; i < preset->n_rules; i++) {
        if (is_silenced(&preset->rules[i], options))
            continue;
        struct rule *rule = new_rule(recogniser);
        if (rule == NULL)
            return MLF_ERR_NOMEM;
        rule->preset = &preset->rules[i];
        rule->text = mlf__strdup(rule->preset->pattern);
        if (rule->text == NULL)
            return MLF_ERR_NOMEM;
        mlf_status status = mlf__regex_compile(rule->text, NULL, &rule->regex);
        if (status != MLF_OK)
            return status;
        for (int k = 0; k < MLF__PRESET_KEYS && rule->preset->keys[k] != NULL; k++) {
            char group[] = {'k', (char)('1' + k), '\0'};
            rule->value_groups[k] = mlf__regex_group(rule->regex, group);
        }
    }
    return MLF_OK;
}

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

/* The number at the beginning of |text|: "1.5", "-3e-4", "1.0D+02", "NaN", "95.3%", "0.5,". What
 * follows may be '%' or punctuation only. */
static bool read_value(const char *text, size_t len, double *out)
{
    char number[80];
    size_t n = 0;

    while (len > 0 && isspace((unsigned char)*text))
        text++, len--;
    while (len > 0 && (isspace((unsigned char)text[len - 1]) || strchr(",;)]", text[len - 1])))
        len--;
    if (len > 0 && text[len - 1] == '%')
        len--;
    if (len == 0 || len >= sizeof(number))
        return false;
    for (; n < len; n++)
        number[n] = text[n] == 'D' || text[n] == 'd' ? 'e' : text[n];
    number[n] = '\0';
    /* strtod's forms with a payload or in hexadecimal are no numbers that programs print. */
    if (strpbrk(number, "xX(_") != NULL)
        return false;
    const char *digits = number + (*number == '-' || *number == '+');
    if (strcasecmp(digits, "nan") == 0 || strcasecmp(digits, "inf") == 0 ||
        strcasecmp(digits, "infinity") == 0) {
        bool nan = tolower((unsigned char)*digits) == 'n';
        *out = nan ? (double)NAN : (double)INFINITY;
        if (*number == '-')
            *out = -*out;
        return true;
    }
    return mlf__parse_double(number, out);
}

static int64_t read_step(const char *line, struct mlf__span span)
{
    char digits[24];
    int64_t step;

    if (span.begin == SIZE_MAX || span.end - span.begin >= sizeof(digits))
        return INT64_MIN;
    memcpy(digits, line + span.begin, span.end - span.begin);
    digits[span.end - span.begin] = '\0';
    return mlf__parse_i64(*digits == '+' ? digits + 1 : digits, &step) ? step : INT64_MIN;
}

static void report(struct mlf__recogniser *recogniser, const char *key, double value, int64_t step,
                   const char *library)
{
    struct mlf__hit hit = {.key = key, .value = value, .step = step, .library = library};
    recogniser->fn(&hit, recogniser->user);
}

static void report_user_match(struct mlf__recogniser *recogniser, const struct rule *rule,
                              const char *line, const struct mlf__span *groups)
{
    struct mlf__span value_span = groups[rule->value_groups[0]];
    int64_t step = rule->step_group > 0 ? read_step(line, groups[rule->step_group]) : INT64_MIN;
    double value;

    if (value_span.begin == SIZE_MAX ||
        !read_value(line + value_span.begin, value_span.end - value_span.begin, &value))
        return;
    if (rule->name != NULL) {
        report(recogniser, rule->name, value, step, NULL);
        return;
    }
    struct mlf__span key_span = groups[rule->key_group];
    if (key_span.begin == SIZE_MAX)
        return;
    char *key = mlf__normalise_name(line + key_span.begin, key_span.end - key_span.begin);
    if (key != NULL && *key != '\0')
        report(recogniser, key, value, step, NULL);
    mlf__free(key);
}

static bool try_user_rule(struct mlf__recogniser *recogniser, const struct rule *rule,
                          const char *line, size_t len)
{
    struct mlf__span groups[GROUPS];
    size_t n_groups = (size_t)mlf__regex_group_count(rule->regex) + 1;
    size_t start = 0;
    bool matched = false;

    for (int i = 0; i < MATCHES_PER_LINE; i++) {
        if (!mlf__regex_match(rule->regex, line, len, start, groups, n_groups))
            break;
        matched = true;
        report_user_match(recogniser, rule, line, groups);
        if (rule->name != NULL || groups[0].begin == SIZE_MAX)
            break;
        /* An empty match must not be found again and again at the same place. */
        size_t next = groups[0].end > start ? groups[0].end : start + 1;
        if (next >= len)
            break;
        start = next;
    }
    return matched;
}

static bool try_preset_rule(struct mlf__recogniser *recogniser, const struct rule *rule,
                            const char *line, size_t len)
{
    const struct mlf__preset_rule *preset = rule->preset;
    struct mlf__span groups[MLF__PRESET_KEYS + 1];

    if (!mlf__regex_match(rule->regex, line, len, 0, groups, MLF__ARRAY_LEN(groups)))
        return false;
    if (preset->step == MLF__STEP_NEXT || recogniser->preset_step < 0)
        recogniser->preset_step += preset->step != MLF__STEP_NONE;
    int64_t step = preset->step == MLF__STEP_NONE ? 0 : recogniser->preset_step;
    for (int k = 0; k < MLF__PRESET_KEYS && preset->keys[k] != NULL; k++) {
        int group = rule->value_groups[k];
        double value;
        if (group > 0 && groups[group].begin != SIZE_MAX &&
            read_value(line + groups[group].begin, groups[group].end - groups[group].begin, &value))
            report(recogniser, preset->keys[k], value, step, recogniser->preset->library);
    }
    return true;
}

static void look_at(struct mlf__recogniser *recogniser, struct line *line)
{
    size_t len = strip_escapes(line->bytes, line->len);
    bool seen = false;

    line->len = 0;
    if (len == 0)
        return;
    for (size_t i = 0; i < recogniser->n_rules; i++) {
        const struct rule *rule = &recogniser->rules[i];
        if (rule->preset == NULL)
            seen = try_user_rule(recogniser, rule, line->bytes, len) || seen;
        else if (seen || try_preset_rule(recogniser, rule, line->bytes, len))
            return; /* the first tier that knows a line wins */
    }
}

/* ---- the recogniser ---- */

mlf_status mlf__recogniser_create(const struct mlf__recogniser_options *options, mlf__hit_fn *fn,
                                  void *user, struct mlf__recogniser **out)
{
    struct mlf__recogniser *recogniser = mlf__zalloc(1, sizeof(*recogniser));
    mlf_status status = MLF_OK;

    *out = NULL;
    if (recogniser == NULL)
        return MLF_ERR_NOMEM;
    recogniser->fn = fn;
    recogniser->user = user;
    recogniser->preset_step = -1;
    for (size_t i = 0; i < options->n_rules && status == MLF_OK; i++) {
        struct rule *rule = new_rule(recogniser);
        status = rule != NULL ? parse_user_rule(options->rules[i], rule) : MLF_ERR_NOMEM;
    }
    if (status == MLF_OK && options->mode == MLF__PARSE_KNOWN && options->argc > 0)
        status = add_preset(recogniser, options);
    if (status != MLF_OK) {
        mlf__recogniser_destroy(recogniser);
        return status;
    }
    *out = recogniser;
    return MLF_OK;
}

bool mlf__recogniser_wants_output(const struct mlf__recogniser *recogniser)
{
    return recogniser->n_rules > 0;
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
    struct line *line = &recogniser->lines[stream == 2];
    const char *end = bytes + len;

    if (recogniser->n_rules == 0 || len == 0)
        return;
    /* Each is searched for again only when it was passed, so that a block full of one of them costs
     * one scan for the other. */
    const char *newline = find_byte(bytes, end, '\n');
    const char *carriage_return = find_byte(bytes, end, '\r');
    for (;;) {
        const char *stop = newline < carriage_return ? newline : carriage_return;
        size_t piece = (size_t)(stop - bytes);
        size_t room = sizeof(line->bytes) - line->len;
        size_t kept = piece < room ? piece : room;
        memcpy(line->bytes + line->len, bytes, kept);
        line->len += kept;
        if (stop == end)
            return;
        look_at(recogniser, line);
        bytes = stop + 1;
        if (stop == newline)
            newline = find_byte(bytes, end, '\n');
        else
            carriage_return = find_byte(bytes, end, '\r');
    }
}

void mlf__recogniser_end(struct mlf__recogniser *recogniser)
{
    for (size_t i = 0; i < STREAMS; i++)
        look_at(recogniser, &recogniser->lines[i]);
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
    for (size_t i = 0; i < recogniser->n_rules; i++) {
        mlf__regex_destroy(recogniser->rules[i].regex);
        mlf__free(recogniser->rules[i].text);
        mlf__free(recogniser->rules[i].name);
    }
    mlf__free(recogniser->rules);
    mlf__free(recogniser);
}
