/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of samplers and pruners, read from a text by a table of keys. */
#include "tuner/settings.h"

#include "core/buf.h"
#include "core/mem.h"

#include <string.h>

enum { NAME_SIZE = 32 };

/* The length of the first part of |text|. The '+' of a number ("upper=1e+5") does not end it: names begin with a letter. */
static size_t part_length(const char *text)
{
    size_t len = strcspn(text, "+");
    while (text[len] == '+' && text[len + 1] >= '0' && text[len + 1] <= '9')
        len += 1 + strcspn(text + len + 1, "+");
    return len;
}

mlf_status mlf__settings_name(const char *text, char name[32], const char **inner)
{
    size_t len = strcspn(text, ":+");
    size_t part = part_length(text);
    *inner = text[part] == '+' ? text + part + 1 : NULL;
    name[0] = '\0';
    if (len == 0)
        return mlf__fail(MLF_ERR_INVAL, "\"%s\" begins with no name", text);
    if (len >= NAME_SIZE)
        return mlf__fail(MLF_ERR_INVAL, "\"%s\" begins with a name of over %d characters", text,
                         NAME_SIZE - 1);
    memcpy(name, text, len);
    name[len] = '\0';
    return MLF_OK;
}

/* The place of |setting|'s value in |out|. */
static void *place(const struct mlf__setting *setting, void *out)
{
    return (char *)out + setting->offset;
}

static void set_number(const struct mlf__setting *setting, void *out, double value)
{
    void *at = place(setting, out);
    switch (setting->kind) {
    case MLF__SETTING_INT:
        *(int64_t *)at = (int64_t)value;
        break;
    case MLF__SETTING_FLOAT:
        *(double *)at = value;
        break;
    case MLF__SETTING_BOOL:
        *(bool *)at = value != 0;
        break;
    case MLF__SETTING_CHOICE:
        *(int *)at = (int)value;
        break;
    case MLF__SETTING_TEXT:
        *(char **)at = NULL;
        break;
    }
}

/* The place of |value| in "a|b|c"; -1 when it is none of them. */
static int find_choice(const char *choices, const char *value)
{
    size_t len = strlen(value);
    for (int i = 0;; i++) {
        size_t n = strcspn(choices, "|");
        if (n == len && memcmp(choices, value, n) == 0)
            return i;
        if (choices[n] == '\0')
            return -1;
        choices += n + 1;
    }
}

static mlf_status set_value(const struct mlf__setting *setting, const char *value, void *out)
{
    double number;
    int64_t integer;
    int choice;
    switch (setting->kind) {
    case MLF__SETTING_INT:
        if (!mlf__parse_i64(value, &integer) || (double)integer < setting->low ||
            (double)integer > setting->high)
            return mlf__fail(MLF_ERR_INVAL, "%s=%s: an integer from %.15g to %.15g is needed",
                             setting->name, value, setting->low, setting->high);
        *(int64_t *)place(setting, out) = integer;
        return MLF_OK;
    case MLF__SETTING_FLOAT:
        if (!mlf__parse_double(value, &number) ||
            !(number >= setting->low && number <= setting->high))
            return mlf__fail(MLF_ERR_INVAL, "%s=%s: a number from %.15g to %.15g is needed",
                             setting->name, value, setting->low, setting->high);
        set_number(setting, out, number);
        return MLF_OK;
    case MLF__SETTING_BOOL:
        choice = find_choice("off|on|false|true", value);
        if (choice < 0)
            return mlf__fail(MLF_ERR_INVAL, "%s=%s: on or off is needed", setting->name, value);
        set_number(setting, out, choice % 2);
        return MLF_OK;
    case MLF__SETTING_CHOICE:
        choice = find_choice(setting->choices, value);
        if (choice < 0)
            return mlf__fail(MLF_ERR_INVAL, "%s=%s: one of %s is needed", setting->name, value,
                             setting->choices);
        set_number(setting, out, choice);
        return MLF_OK;
    case MLF__SETTING_TEXT:
        *(char **)place(setting, out) = mlf__strdup(value);
        return *(char **)place(setting, out) != NULL ? MLF_OK : MLF_ERR_NOMEM;
    }
    return MLF_ERR_INVAL;
}

static mlf_status unknown_key(const struct mlf__setting *table, const char *text, const char *key)
{
    struct mlf__buf keys = {0};
    for (; table != NULL && table->name != NULL; table++)
        mlf__buf_printf(&keys, "%s%s", keys.len > 0 ? ", " : "", table->name);
    int len = (int)strcspn(text, ":+");
    mlf_status status = mlf__fail(MLF_ERR_INVAL, "%.*s has no setting \"%s\": it has %s", len, text,
                                  key, keys.len > 0 ? keys.data : "none");
    mlf__buf_free(&keys);
    return status;
}

/* One KEY=VALUE, which is cut in two here. |seen|: a bit per key of the table. */
static mlf_status set_one(const char *text, const struct mlf__setting *table, char *pair, void *out,
                          uint64_t *seen)
{
    char *value = strchr(pair, '=');
    if (value == NULL)
        return mlf__fail(MLF_ERR_INVAL, "\"%s\" in \"%s\" is not KEY=VALUE", pair, text);
    *value++ = '\0';
    size_t i = 0;
    while (table != NULL && table[i].name != NULL && strcmp(table[i].name, pair) != 0)
        i++;
    if (table == NULL || table[i].name == NULL)
        return unknown_key(table, text, pair);
    if ((*seen >> i & 1) != 0)
        return mlf__fail(MLF_ERR_INVAL, "\"%s\" has %s twice", text, pair);
    *seen |= UINT64_C(1) << i;
    return set_value(&table[i], value, out);
}

mlf_status mlf__settings_parse(const char *text, const struct mlf__setting *table, void *out)
{
    for (size_t i = 0; table != NULL && table[i].name != NULL; i++)
        set_number(&table[i], out, table[i].fallback);
    size_t len = part_length(text);
    size_t name = strcspn(text, ":+");
    if (name == len)
        return MLF_OK;
    char *pairs = mlf__strndup(text + name + 1, len - name - 1);
    if (pairs == NULL)
        return MLF_ERR_NOMEM;
    uint64_t seen = 0;
    mlf_status status = MLF_OK;
    char *rest = pairs;
    while (rest != NULL && status == MLF_OK) {
        char *pair = strsep(&rest, ",");
        status = set_one(text, table, pair, out, &seen);
    }
    mlf__free(pairs);
    if (status != MLF_OK)
        mlf__settings_free(table, out);
    return status;
}

void mlf__settings_free(const struct mlf__setting *table, void *settings)
{
    for (; table != NULL && table->name != NULL; table++) {
        if (table->kind != MLF__SETTING_TEXT)
            continue;
        char **text = place(table, settings);
        mlf__free(*text);
        *text = NULL;
    }
}
