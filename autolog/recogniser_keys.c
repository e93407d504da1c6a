/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and their steps: names are normalised once, a point that comes twice is given once, and a step that goes
 * back begins another phase of its key. */
#include "autolog/recogniser_parts.h"

#include "core/buf.h"
#include "core/mem.h"
#include "tracking/names.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PHASES_MAX = 99 };

int64_t mlf__steps_combine(struct mlf__steps *steps, int64_t epoch, int64_t at, int64_t total)
{
    int64_t before;

    if (!steps->has_epoch) {
        steps->has_epoch = true;
        steps->first_epoch = epoch;
    }
    if (__builtin_sub_overflow(epoch, steps->first_epoch, &before) ||
        __builtin_mul_overflow(before, total, &before) || __builtin_add_overflow(before, at, &at))
        return epoch;
    return at;
}

bool mlf__keys_ignored(const struct mlf__recogniser *recogniser, const char *name)
{
    for (size_t i = 0; i < recogniser->n_ignore; i++) {
        if (fnmatch(recogniser->ignore[i], name, 0) == 0)
            return true;
    }
    return false;
}

static uint64_t hash_of(const char *text, size_t len)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)text[i]) * 1099511628211u;
    return hash;
}

static struct mlf__key *add_key(struct mlf__recogniser *recogniser, size_t slot, const char *raw,
                                size_t len)
{
    if (recogniser->n_keys == MLF__KEYS_MAX)
        return NULL;
    struct mlf__key *key = &recogniser->keys[recogniser->n_keys];
    *key = (struct mlf__key){.hash = hash_of(raw, len), .base = mlf__normalise_name(raw, len)};
    if (key->base == NULL)
        return NULL;
    key->ignored = *key->base == '\0' || mlf__keys_ignored(recogniser, key->base);
    key->library = mlf__preset_library(key->base);
    recogniser->key_slots[slot] = (uint16_t)++recogniser->n_keys;
    return key;
}

/* The slot of a key: its own, or the free one where it belongs. */
static size_t find_slot(const struct mlf__recogniser *recogniser, uint64_t hash)
{
    size_t slot = hash % MLF__KEY_SLOTS;

    while (recogniser->key_slots[slot] != 0 &&
           recogniser->keys[recogniser->key_slots[slot] - 1].hash != hash)
        slot = (slot + 1) % MLF__KEY_SLOTS;
    return slot;
}

/* The key called |raw|; NULL when it is to be ignored, has no name or there are too many. */
static struct mlf__key *find_key(struct mlf__recogniser *recogniser, const char *raw, size_t len)
{
    size_t slot = find_slot(recogniser, hash_of(raw, len));
    struct mlf__key *key = recogniser->key_slots[slot] != 0
                               ? &recogniser->keys[recogniser->key_slots[slot] - 1]
                               : add_key(recogniser, slot, raw, len);
    return key == NULL || key->ignored ? NULL : key;
}

bool mlf__key_is_metric(const struct mlf__recogniser *recogniser, const char *raw, size_t len)
{
    size_t slot = find_slot(recogniser, hash_of(raw, len));
    return recogniser->key_slots[slot] != 0 &&
           recogniser->keys[recogniser->key_slots[slot] - 1].is_metric;
}

/* A program that trains again, or another fold, counts from the beginning again. A step that comes one too late
 * is only out of order. */
static void turn_phase(struct mlf__key *key, int64_t step)
{
    struct mlf__buf name = {0};

    if (!key->has_step || step >= key->last_step - 1 || key->phase >= PHASES_MAX)
        return;
    mlf__buf_printf(&name, "%s.phase%d", key->base, key->phase + 2);
    char *text = mlf__buf_take(&name);
    if (text == NULL || mlf__check_key(text, "Metric name") != MLF_OK) {
        mlf__free(text);
        return;
    }
    mlf__free(key->name);
    key->name = text;
    key->phase++;
}

static bool is_same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

void mlf__keys_report(struct mlf__recogniser *recogniser, const struct mlf__found *found)
{
    struct mlf__key *key = find_key(recogniser, found->raw, found->raw_len);

    recogniser->metric_seen = true;
    if (key == NULL)
        return;
    key->is_metric = true;
    if (found->step != INT64_MIN &&
        !(found->late && key->has_step && found->step < key->last_step)) {
        if (key->has_step && key->last_step == found->step &&
            is_same(key->last_value, found->value))
            return;
        turn_phase(key, found->step);
        key->has_step = true;
        key->last_step = found->step;
        key->last_value = found->value;
    }
    struct mlf__hit hit = {.kind = MLF__HIT_METRIC,
                           .key = key->name != NULL ? key->name : key->base,
                           .value = found->value,
                           .step = found->step,
                           .text = "",
                           .library = key->library,
                           .tier = found->tier,
                           .reason = found->reason,
                           .line = found->line};
    recogniser->fn(&hit, recogniser->user);
}

void mlf__keys_report_param(struct mlf__recogniser *recogniser, const struct mlf__found *found,
                            const char *text, size_t text_len)
{
    char value[80], name[MLF__REASON_SIZE];
    struct mlf__key *key = find_key(recogniser, found->raw, found->raw_len);

    if (key == NULL || key->is_param || text_len >= sizeof(value) ||
        recogniser->n_params == MLF__STDOUT_PARAMS_MAX)
        return;
    int len = snprintf(name, sizeof(name), "stdout.%s", key->base);
    if (len < 0 || (size_t)len >= sizeof(name) || mlf__check_key(name, "Param key") != MLF_OK)
        return;
    key->is_param = true;
    recogniser->n_params++;
    memcpy(value, text, text_len);
    value[text_len] = '\0';
    struct mlf__hit hit = {.kind = MLF__HIT_PARAM,
                           .key = name,
                           .value = found->value,
                           .step = INT64_MIN,
                           .text = value,
                           .tier = found->tier,
                           .reason = found->reason,
                           .line = found->line};
    recogniser->fn(&hit, recogniser->user);
}

void mlf__keys_free(struct mlf__recogniser *recogniser)
{
    for (size_t i = 0; i < recogniser->n_keys; i++) {
        mlf__free(recogniser->keys[i].base);
        mlf__free(recogniser->keys[i].name);
    }
    mlf__free(recogniser->keys);
    mlf__free(recogniser->key_slots);
    recogniser->keys = NULL;
    recogniser->n_keys = 0;
}
