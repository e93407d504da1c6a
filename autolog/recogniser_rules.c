/* SPDX-License-Identifier: Apache-2.0 */
/* Tier 0: the rules of the user, --metric and --step. */
#include "autolog/recogniser_parts.h"

#include "core/buf.h"
#include "core/mem.h"
#include "tracking/names.h"

#include <ctype.h>
#include <math.h>
#include <string.h>
#include <strings.h>

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
static int find_value_group(const struct mlf__rule *rule)
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

static mlf_status compile_user_rule(struct mlf__rule *rule, const char *source)
{
    /* Twice: a rule without any other group takes its \num as the value. */
    for (int num_is_value = 0; num_is_value < 2; num_is_value++) {
        mlf_status status = compile_source(rule->text, source, num_is_value != 0, &rule->regex);
        if (status != MLF_OK)
            return status;
        rule->key_group = mlf__regex_group(rule->regex, "key");
        rule->step_group = mlf__regex_group(rule->regex, "step");
        rule->value_group = find_value_group(rule);
        if (rule->value_group > 0)
            break;
        mlf__regex_destroy(rule->regex);
        rule->regex = NULL;
    }
    if (rule->regex == NULL)
        return mlf__fail(MLF_ERR_INVAL,
                         "rule '%s' captures no value: put the number's part in parentheses, or "
                         "write \\value for it",
                         rule->text);
    if (mlf__regex_group_count(rule->regex) >= MLF__GROUPS)
        return mlf__fail(MLF_ERR_INVAL, "rule '%s' has more than %d groups", rule->text,
                         MLF__GROUPS - 1);
    return MLF_OK;
}

mlf_status mlf__rule_parse(const char *text, struct mlf__rule *rule)
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

mlf_status mlf__rule_parse_step(const char *text, struct mlf__rule *rule)
{
    rule->text = mlf__strdup(text);
    if (rule->text == NULL)
        return MLF_ERR_NOMEM;
    mlf_status status = compile_source(rule->text, rule->text, false, &rule->regex);
    if (status != MLF_OK)
        return status;
    rule->step_group = mlf__regex_group(rule->regex, "step");
    if (rule->step_group <= 0)
        rule->step_group = mlf__regex_group_count(rule->regex) > 0 ? 1 : 0;
    if (rule->step_group == 0)
        return mlf__fail(MLF_ERR_INVAL,
                         "rule '%s' captures no step: put the number's part in parentheses, or "
                         "write \\step for it",
                         rule->text);
    if (mlf__regex_group_count(rule->regex) >= MLF__GROUPS)
        return mlf__fail(MLF_ERR_INVAL, "rule '%s' has more than %d groups", rule->text,
                         MLF__GROUPS - 1);
    return MLF_OK;
}

void mlf__rule_free(struct mlf__rule *rule)
{
    mlf__regex_destroy(rule->regex);
    mlf__free(rule->text);
    mlf__free(rule->name);
}

/* ---- lines ---- */

bool mlf__read_value(const char *text, size_t len, double *out)
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

int64_t mlf__read_step(const char *text, struct mlf__span span)
{
    char digits[24];
    int64_t step;

    if (span.begin == SIZE_MAX || span.end - span.begin >= sizeof(digits))
        return INT64_MIN;
    memcpy(digits, text + span.begin, span.end - span.begin);
    digits[span.end - span.begin] = '\0';
    return mlf__parse_i64(*digits == '+' ? digits + 1 : digits, &step) ? step : INT64_MIN;
}

int64_t mlf__rule_step(const struct mlf__rule *rule, const struct mlf__record *record)
{
    struct mlf__span groups[MLF__GROUPS];

    if (!mlf__regex_match(rule->regex, record->text, record->len, 0, groups,
                          (size_t)rule->step_group + 1))
        return INT64_MIN;
    return mlf__read_step(record->text, groups[rule->step_group]);
}

static void report_match(struct mlf__recogniser *recogniser, const struct mlf__rule *rule,
                         const struct mlf__record *record, const struct mlf__span *groups)
{
    const char *line = record->text;
    struct mlf__span value = groups[rule->value_group];
    struct mlf__hit hit = {.kind = MLF__HIT_METRIC,
                           .key = rule->name,
                           .step = INT64_MIN,
                           .text = "",
                           .reason = rule->text,
                           .line = record->number};

    if (value.begin == SIZE_MAX ||
        !mlf__read_value(line + value.begin, value.end - value.begin, &hit.value))
        return;
    if (rule->step_group > 0)
        hit.step = mlf__read_step(line, groups[rule->step_group]);
    else if (recogniser->step_rule.regex != NULL)
        hit.step = recogniser->steps[record->stream].last;
    if (rule->name != NULL) {
        recogniser->fn(&hit, recogniser->user);
        return;
    }
    struct mlf__span key_span = groups[rule->key_group];
    if (key_span.begin == SIZE_MAX)
        return;
    char *key = mlf__normalise_name(line + key_span.begin, key_span.end - key_span.begin);
    hit.key = key;
    if (key != NULL && *key != '\0' && !mlf__keys_ignored(recogniser, key))
        recogniser->fn(&hit, recogniser->user);
    mlf__free(key);
}

bool mlf__rule_try(struct mlf__recogniser *recogniser, const struct mlf__rule *rule,
                   const struct mlf__record *record)
{
    struct mlf__span groups[MLF__GROUPS];
    size_t n_groups = (size_t)mlf__regex_group_count(rule->regex) + 1;
    size_t start = 0;
    bool matched = false;

    for (int i = 0; i < MLF__MATCHES_PER_LINE; i++) {
        if (!mlf__regex_match(rule->regex, record->text, record->len, start, groups, n_groups))
            break;
        matched = true;
        report_match(recogniser, rule, record, groups);
        if (rule->name != NULL || groups[0].begin == SIZE_MAX)
            break;
        /* An empty match must not be found again and again at the same place. */
        size_t next = groups[0].end > start ? groups[0].end : start + 1;
        if (next >= record->len)
            break;
        start = next;
    }
    return matched;
}
