/* SPDX-License-Identifier: Apache-2.0 */
/* Tier 1: what known programs print, by the rules of presets.c. A preset is chosen by the command's name or by the
 * line that tells its program; its expressions are compiled then. */
#include "autolog/recogniser_parts.h"

#include "autolog/cmdline.h"
#include "core/buf.h"
#include "core/mem.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

enum { JSON_DEPTH = 8, JSON_LEAVES = 64, JSON_NAME = 250 };

/* ---- options that silence rules ---- */

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

    if (rule->unless != NULL && options->argc > 0)
        mlf__cmdline_parse(options->argc, options->argv, ".", check_option, &silence);
    return silence.silent;
}

/* ---- choosing ---- */

static void free_active(struct mlf__active *active)
{
    for (size_t i = 0; active->patterns != NULL && i < 2 * active->preset->n_rules; i++)
        mlf__regex_destroy(active->patterns[i]);
    mlf__free(active->patterns);
    *active = (struct mlf__active){0};
}

static mlf_status activate(struct mlf__recogniser *recogniser, size_t index)
{
    size_t n_presets;
    const struct mlf__preset *preset = &mlf__presets(&n_presets)[index];
    struct mlf__active *active = &recogniser->active[recogniser->n_active];
    mlf_status status = MLF_OK;

    *active =
        (struct mlf__active){.preset = preset, .silenced = recogniser->silenced[index], .step = -1};
    recogniser->may_begin &= ~((uint32_t)1 << index);
    if (preset->n_rules > 0) {
        active->patterns = mlf__zalloc(2 * preset->n_rules, sizeof(struct mlf__regex *));
        if (active->patterns == NULL)
            return MLF_ERR_NOMEM;
    }
    for (size_t i = 0; i < preset->n_rules && status == MLF_OK; i++) {
        const struct mlf__preset_rule *rule = &preset->rules[i];
        status = mlf__regex_compile(rule->pattern, NULL, &active->patterns[2 * i]);
        if (status == MLF_OK && rule->pairs != NULL)
            status = mlf__regex_compile(rule->pairs, NULL, &active->patterns[2 * i + 1]);
    }
    if (status == MLF_OK)
        recogniser->n_active++;
    else
        free_active(active);
    return status;
}

static const struct mlf__preset *chosen(const struct mlf__recogniser_options *options)
{
    if (options->preset == NULL && options->argc == 0)
        return NULL;
    if (options->preset != NULL)
        return mlf__preset_named(options->preset);
    const char *slash = strrchr(options->argv[0], '/');
    return mlf__preset_find(slash != NULL ? slash + 1 : options->argv[0]);
}

mlf_status mlf__presets_begin(struct mlf__recogniser *recogniser,
                              const struct mlf__recogniser_options *options)
{
    size_t n;
    const struct mlf__preset *presets = mlf__presets(&n), *preset = chosen(options);
    mlf_status status = MLF_OK;

    if (options->preset != NULL && preset == NULL)
        return mlf__fail(MLF_ERR_INVAL, "there is no preset of a program called '%s'",
                         options->preset);
    for (size_t i = 0; i < n; i++) {
        bool left_out = options->without != NULL && strcmp(presets[i].name, options->without) == 0;
        for (size_t k = 0; k < presets[i].n_rules; k++) {
            if (is_silenced(&presets[i].rules[k], options))
                recogniser->silenced[i] |= (uint32_t)1 << k;
        }
        if (recogniser->by_signature && !left_out && presets[i].prefix != NULL)
            recogniser->may_begin |= (uint32_t)1 << i;
        if (&presets[i] == preset && !left_out && status == MLF_OK)
            status = activate(recogniser, i);
    }
    return status;
}

/* Does the record tell the preset's program? The expression is the last thing that is tried. */
static bool is_signature(struct mlf__recogniser *recogniser, size_t index,
                         const struct mlf__preset *preset, const char *text, size_t len)
{
    struct mlf__waiting *waiting = &recogniser->waiting[index];
    struct mlf__span match;

    if (preset->prefix[0] == '#' ? !(text[0] >= '0' && text[0] <= '9')
                                 : text[0] != preset->prefix[0] ||
                                       strncmp(text, preset->prefix, strlen(preset->prefix)) != 0)
        return false;
    if (preset->contains != NULL && strstr(text, preset->contains) == NULL)
        return false;
    if (preset->signature == NULL)
        return true;
    if (waiting->signature == NULL && !waiting->failed)
        waiting->failed =
            mlf__regex_compile(preset->signature, NULL, &waiting->signature) != MLF_OK;
    return !waiting->failed && mlf__regex_match(waiting->signature, text, len, 0, &match, 1);
}

static void look_for_signatures(struct mlf__recogniser *recogniser,
                                const struct mlf__record *record)
{
    size_t n;
    const struct mlf__preset *presets = mlf__presets(&n);
    size_t blanks = 0;

    while (record->text[blanks] == ' ')
        blanks++;
    for (size_t i = 0; i < n; i++) {
        if ((recogniser->may_begin >> i & 1) == 0 ||
            !is_signature(recogniser, i, &presets[i], record->text + blanks, record->len - blanks))
            continue;
        /* What cannot be had does without: the other tiers are still there. */
        if (activate(recogniser, i) != MLF_OK)
            recogniser->may_begin &= ~((uint32_t)1 << i);
    }
}

/* ---- lines ---- */

static int64_t step_in(const struct mlf__regex *regex, const char *group,
                       const struct mlf__record *record, const struct mlf__span *groups)
{
    int number = mlf__regex_group(regex, group);
    return number > 0 ? mlf__read_step(record->text, groups[number]) : INT64_MIN;
}

/* The step of a line that matched |rule|. */
static int64_t step_of(struct mlf__recogniser *recogniser, struct mlf__active *active, size_t rule,
                       const struct mlf__record *record, const struct mlf__span *groups)
{
    struct mlf__steps *steps = &recogniser->steps[record->stream];
    const struct mlf__regex *regex = active->patterns[2 * rule];
    enum mlf__preset_step kind = active->preset->rules[rule].step;

    if (kind == MLF__STEP_NEXT || (kind == MLF__STEP_SAME && active->step < 0))
        active->step++;
    if (kind == MLF__STEP_NEXT || kind == MLF__STEP_SAME)
        return active->step;
    if (kind == MLF__STEP_NONE)
        return 0;
    if (kind != MLF__STEP_LINE)
        return kind == MLF__STEP_LAST ? steps->last : INT64_MIN;
    int64_t step = step_in(regex, "step", record, groups);
    int64_t epoch = step_in(regex, "epoch", record, groups);
    int64_t at = step_in(regex, "at", record, groups), of = step_in(regex, "of", record, groups);
    if (step == INT64_MIN && epoch != INT64_MIN)
        step =
            at != INT64_MIN && of != INT64_MIN ? mlf__steps_combine(steps, epoch, at, of) : epoch;
    if (step != INT64_MIN)
        steps->last = step;
    return step;
}

static bool read_group(const struct mlf__record *record, struct mlf__span span, double *value)
{
    return span.begin != SIZE_MAX &&
           mlf__read_value(record->text + span.begin, span.end - span.begin, value);
}

static void report_pairs(struct mlf__recogniser *recogniser, struct mlf__regex *pairs,
                         const struct mlf__record *record, size_t start, struct mlf__found *found)
{
    struct mlf__span groups[8];
    int set = mlf__regex_group(pairs, "set"), key = mlf__regex_group(pairs, "key");
    int value = mlf__regex_group(pairs, "value");
    char name[MLF__REASON_SIZE];

    for (int i = 0; i < MLF__MATCHES_PER_LINE; i++) {
        if (!mlf__regex_match(pairs, record->text, record->len, start, groups,
                              MLF__ARRAY_LEN(groups)) ||
            groups[0].end <= start)
            return;
        start = groups[0].end;
        if (!read_group(record, groups[value], &found->value))
            continue;
        bool has_set = set > 0 && groups[set].begin != SIZE_MAX;
        int len =
            snprintf(name, sizeof(name), "%.*s%s%.*s",
                     has_set ? (int)(groups[set].end - groups[set].begin) : 0,
                     record->text + (has_set ? groups[set].begin : 0), has_set ? "/" : "",
                     (int)(groups[key].end - groups[key].begin), record->text + groups[key].begin);
        if (len <= 0 || (size_t)len >= sizeof(name))
            continue;
        found->raw = name;
        found->raw_len = (size_t)len;
        mlf__keys_report(recogniser, found);
    }
}

static bool try_rule(struct mlf__recogniser *recogniser, struct mlf__active *active, size_t rule,
                     const struct mlf__record *record)
{
    const struct mlf__preset_rule *preset = &active->preset->rules[rule];
    struct mlf__regex *regex = active->patterns[2 * rule], *pairs = active->patterns[2 * rule + 1];
    struct mlf__span groups[MLF__PRESET_KEYS + 5];

    if (preset->contains != NULL && strstr(record->text, preset->contains) == NULL)
        return false;
    if (!mlf__regex_match(regex, record->text, record->len, 0, groups, MLF__ARRAY_LEN(groups)))
        return false;
    if (preset->step == MLF__STEP_SILENT || (active->silenced >> rule & 1) != 0)
        return true;
    struct mlf__found found = {.step = step_of(recogniser, active, rule, record, groups),
                               .tier = 1,
                               .reason = active->preset->name,
                               .line = record->number};
    for (size_t k = 0; k < MLF__PRESET_KEYS && preset->keys[k] != NULL; k++) {
        char name[] = {'k', (char)('1' + k), '\0'};
        int group = mlf__regex_group(regex, name);
        if (group <= 0 || !read_group(record, groups[group], &found.value))
            continue;
        found.raw = preset->keys[k];
        found.raw_len = strlen(found.raw);
        mlf__keys_report(recogniser, &found);
    }
    if (pairs != NULL)
        report_pairs(recogniser, pairs, record, groups[0].end, &found);
    return true;
}

/* ---- JSON lines ---- */

struct leaves {
    struct mlf__recogniser *recogniser;
    struct mlf__found found;
    const cJSON *step;
    size_t n;
};

static unsigned words_of(const struct mlf__recogniser *recogniser, const char *name)
{
    return mlf__lexicon_words(&recogniser->lexicon, name, strlen(name), NULL);
}

/* The member that tells the step: "step" goes before "epoch". */
static const cJSON *find_step(const struct mlf__recogniser *recogniser, const cJSON *root)
{
    const cJSON *item, *best = NULL;

    cJSON_ArrayForEach(item, root)
    {
        if (!cJSON_IsNumber(item) || item->string == NULL || item->valuedouble < 0 ||
            item->valuedouble > 9e15 || item->valuedouble != (double)(int64_t)item->valuedouble)
            continue;
        unsigned flags = words_of(recogniser, item->string);
        if ((flags & (MLF__WORD_METRIC | MLF__WORD_WEAK | MLF__WORD_NOISE | MLF__WORD_PARAM)) != 0)
            continue;
        if ((flags & MLF__WORD_STEP) != 0)
            return item;
        if ((flags & (MLF__WORD_EPOCH | MLF__WORD_BATCH)) != 0 && best == NULL)
            best = item;
    }
    return best;
}

static void report_leaves(struct leaves *leaves, const cJSON *node, const char *path, int depth)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, node)
    {
        char name[JSON_NAME];
        if (item == leaves->step || item->string == NULL || leaves->n >= JSON_LEAVES)
            continue;
        int len =
            snprintf(name, sizeof(name), "%s%s%s", path, *path != '\0' ? "/" : "", item->string);
        unsigned flags = words_of(leaves->recogniser, item->string);
        if (len <= 0 || (size_t)len >= sizeof(name))
            continue;
        if (cJSON_IsObject(item) && depth < JSON_DEPTH) {
            report_leaves(leaves, item, name, depth + 1);
        } else if (cJSON_IsNumber(item) && (flags & (MLF__WORD_NOISE | MLF__WORD_EPOCH |
                                                     MLF__WORD_STEP | MLF__WORD_BATCH)) == 0) {
            leaves->n++;
            leaves->found.raw = name;
            leaves->found.raw_len = (size_t)len;
            leaves->found.value = item->valuedouble;
            mlf__keys_report(leaves->recogniser, &leaves->found);
        }
    }
}

/* An object with a step on a line of its own gives every number in it. */
static bool try_json(struct mlf__recogniser *recogniser, const struct mlf__record *record)
{
    if (record->text[0] != '{' || record->text[record->len - 1] != '}')
        return false;
    /* With its NUL, so that nothing may follow the object. */
    cJSON *root = cJSON_ParseWithLengthOpts(record->text, record->len + 1, NULL, true);
    const cJSON *step = root != NULL ? find_step(recogniser, root) : NULL;
    if (step != NULL) {
        struct leaves leaves = {.recogniser = recogniser,
                                .step = step,
                                .found = {.step = (int64_t)step->valuedouble,
                                          .tier = 1,
                                          .reason = "JSON line with a step",
                                          .line = record->number}};
        recogniser->steps[record->stream].last = leaves.found.step;
        report_leaves(&leaves, root, "", 0);
    }
    cJSON_Delete(root);
    return step != NULL;
}

bool mlf__presets_try(struct mlf__recogniser *recogniser, const struct mlf__record *record)
{
    if (recogniser->may_begin != 0)
        look_for_signatures(recogniser, record);
    for (size_t i = 0; i < recogniser->n_active; i++) {
        struct mlf__active *active = &recogniser->active[i];
        if (active->preset->json && try_json(recogniser, record))
            return true;
        for (size_t k = 0; k < active->preset->n_rules; k++) {
            if (try_rule(recogniser, active, k, record))
                return true;
        }
    }
    return false;
}

void mlf__presets_free(struct mlf__recogniser *recogniser)
{
    for (size_t i = 0; i < recogniser->n_active; i++)
        free_active(&recogniser->active[i]);
    for (size_t i = 0; i < MLF__PRESETS_MAX; i++)
        mlf__regex_destroy(recogniser->waiting[i].signature);
}
