/* SPDX-License-Identifier: Apache-2.0 */
/* Names and values: MLflow's rules in its wording, names made to fit, and random run names. */
#include "tracking/names.h"

#include "core/buf.h"
#include "core/mem.h"
#include "core/sys.h"
#include "tracking/word_chars.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- characters ---- */

/* The code point at |text|, which is valid UTF-8; |*len| is how many bytes it has. */
static uint32_t code_point(const char *text, size_t *len)
{
    const unsigned char *p = (const unsigned char *)text;
    if (p[0] < 0x80) {
        *len = 1;
        return p[0];
    }
    *len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    uint32_t point = p[0] & (0x7fu >> *len);
    for (size_t i = 1; i < *len; i++)
        point = point << 6 | (p[i] & 0x3fu);
    return point;
}

/* A letter, digit or underscore in the sense of Unicode. */
static bool is_word(uint32_t point)
{
    if (point < 0x80)
        return (point >= '0' && point <= '9') || (point >= 'A' && point <= 'Z') ||
               (point >= 'a' && point <= 'z') || point == '_';
    size_t low = 0, high = MLF__ARRAY_LEN(mlf__word_chars);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (point > mlf__word_chars[middle][1])
            low = middle + 1;
        else
            high = middle;
    }
    return low < MLF__ARRAY_LEN(mlf__word_chars) && point >= mlf__word_chars[low][0];
}

static bool is_key_char(uint32_t point)
{
    return is_word(point) || (point < 0x80 && point != 0 && strchr("/.- :", (int)point) != NULL);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Lower case of ASCII, whatever the locale. */
static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* ---- checks ---- */

/* |text| as Python's json.dumps writes a string: ASCII only. */
static void add_json(struct mlf__buf *out, const char *text)
{
    static const char plain[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
    mlf__buf_puts(out, "\"");
    for (size_t len; *text != '\0'; text += len) {
        uint32_t point = code_point(text, &len);
        const char *special = point < 0x80 ? strchr(plain, (int)point) : NULL;
        if (special != NULL)
            mlf__buf_printf(out, "\\%c", letter[special - plain]);
        else if (point >= 0x20 && point < 0x7f)
            mlf__buf_add(out, text, 1);
        else if (point < 0x10000)
            mlf__buf_printf(out, "\\u%04x", point);
        else
            mlf__buf_printf(out, "\\u%04x\\u%04x", 0xd800 + ((point - 0x10000) >> 10),
                            0xdc00 + ((point - 0x10000) & 0x3ff));
    }
    mlf__buf_puts(out, "\"");
}

/* The path |name| without empty and "." parts, ".." taken back: Python's posixpath.normpath. */
static void add_normal_path(struct mlf__buf *out, const char *name)
{
    /* Two slashes at the front are kept, three are one. */
    size_t slashes = strspn(name, "/");
    mlf__buf_puts(out, slashes == 2 ? "//" : slashes > 0 ? "/" : "");
    size_t root = out->len;
    for (size_t len; *name != '\0'; name += len) {
        name += strspn(name, "/");
        len = strcspn(name, "/");
        bool up = len == 2 && strncmp(name, "..", 2) == 0;
        if (len == 0 || (len == 1 && name[0] == '.') || (up && root > 0 && out->len == root))
            continue;
        size_t last = out->len;
        while (last > root && out->data[last - 1] != '/')
            last--;
        bool last_is_up = out->len - last == 2 && strncmp(out->data + last, "..", 2) == 0;
        if (up && out->len > root && !last_is_up) {
            out->len = last > root ? last - 1 : last;
            out->data[out->len] = '\0';
            continue;
        }
        if (out->len > root)
            mlf__buf_puts(out, "/");
        mlf__buf_add(out, name, len);
    }
    if (out->len == 0)
        mlf__buf_puts(out, ".");
}

/* "Invalid value "x" for parameter 'name' supplied: " and the reason. */
static mlf_status fail_name(const char *name, const char *what, const char *reason,
                            const char *path)
{
    struct mlf__buf text = {0};
    add_json(&text, name);
    const char *parameter = strcmp(what, "Metric name") == 0 ? "name" : "key";
    mlf_status status =
        text.failed
            ? MLF_ERR_NOMEM
            : mlf__fail(MLF_ERR_INVAL, "Invalid value %s for parameter '%s' supplied: %s%s%s%s",
                        text.data, parameter, reason, path != NULL ? "'" : "",
                        path != NULL ? path : "", path != NULL ? "'" : "");
    mlf__buf_free(&text);
    return status;
}

static mlf_status check_path(const char *key, const char *what)
{
    struct mlf__buf normal = {0};
    mlf_status status = MLF_OK;
    add_normal_path(&normal, key);
    if (normal.failed)
        status = MLF_ERR_NOMEM;
    else if (strcmp(normal.data, key) != 0 || strcmp(key, ".") == 0 || key[0] == '/' ||
             strncmp(key, "..", 2) == 0)
        status = fail_name(key, what,
                           "Names may be treated as files in certain cases, and must not resolve "
                           "to other names when treated as such. This name would resolve to ",
                           normal.data);
    mlf__buf_free(&normal);
    return status;
}

mlf_status mlf__check_key(const char *key, const char *what)
{
    size_t bytes = strlen(key);
    size_t count = mlf__utf8_length(key, bytes);
    if (count == SIZE_MAX)
        return mlf__fail(MLF_ERR_INVAL, "%s is not valid UTF-8", what);
    for (size_t i = 0, len; i < bytes; i += len)
        if (!is_key_char(code_point(key + i, &len)))
            return fail_name(key, what,
                             "Names may only contain alphanumerics, underscores (_), dashes (-), "
                             "periods (.), spaces ( ), colon(:) and slashes (/).",
                             NULL);
    /* Most names have nothing that a path could stumble over. */
    if (bytes == 0 || strpbrk(key, "/.") != NULL) {
        mlf_status status = check_path(key, what);
        if (status != MLF_OK)
            return status;
    }
    if (count > MLF__KEY_MAX)
        return mlf__fail(MLF_ERR_INVAL, "'%s' exceeds the maximum length of %d characters", what,
                         MLF__KEY_MAX);
    return MLF_OK;
}

mlf_status mlf__check_experiment_name(const char *name)
{
    size_t blank = 0;
    while (is_space(name[blank]))
        blank++;
    size_t count = mlf__utf8_length(name, strlen(name));
    if (name[blank] == '\0' || count == SIZE_MAX)
        return mlf__fail(MLF_ERR_INVAL, "Invalid experiment name: '%s'", name);
    if (count > MLF__EXPERIMENT_NAME_MAX)
        return mlf__fail(MLF_ERR_INVAL, "'name' exceeds the maximum length of %d characters",
                         MLF__EXPERIMENT_NAME_MAX);
    return MLF_OK;
}

mlf_status mlf__check_model_name(const char *name)
{
    if (name[0] == '\0' || strpbrk(name, "/:.%\"'") != NULL)
        return mlf__fail(MLF_ERR_INVAL,
                         "Invalid model name ('%s') provided. Model name must be a non-empty "
                         "string and cannot contain the following characters: "
                         "('/', ':', '.', '%%', '\"', \"'\")",
                         name);
    if (mlf__utf8_length(name, strlen(name)) > MLF__EXPERIMENT_NAME_MAX)
        return mlf__fail(MLF_ERR_INVAL, "the model name is not UTF-8, or longer than %d characters",
                         MLF__EXPERIMENT_NAME_MAX);
    return MLF_OK;
}

/* ---- making names and values fit ---- */

/* How many bytes of valid UTF-8 hold at most |max| code points. */
static size_t prefix_length(const char *text, size_t len, size_t max)
{
    size_t at = 0;
    for (size_t step; at < len && max > 0; at += step, max--)
        code_point(text + at, &step);
    return at;
}

/* Is there white space between two words? */
static bool has_several_words(const char *text, size_t len)
{
    size_t at = 0;
    while (at < len && is_space(text[at]))
        at++;
    while (at < len && !is_space(text[at]))
        at++;
    while (at < len && is_space(text[at]))
        at++;
    /* What is left must hold a letter or digit: "loss =" is one word. */
    for (size_t step; at < len; at += step)
        if (is_word(code_point(text + at, &step)))
            return true;
    return false;
}

/* Drops empty, "." and ".." parts: what no path may have. */
static void add_safe_path(struct mlf__buf *out, const char *text)
{
    for (size_t len; *text != '\0'; text += len) {
        text += strspn(text, "/");
        len = strcspn(text, "/");
        /* Nor may the whole begin with "..", even as in "..x". */
        while (out->len == 0 && len > 2 && strncmp(text, "..", 2) == 0) {
            text++;
            len--;
        }
        if (len == 0 || (len == 1 && text[0] == '.') || (len == 2 && strncmp(text, "..", 2) == 0))
            continue;
        if (out->len > 0)
            mlf__buf_puts(out, "/");
        mlf__buf_add(out, text, len);
    }
}

/* Replaces what a name may not have by '_', one for a run of them and none at the ends. */
static void add_words(struct mlf__buf *out, const char *text, size_t len, bool several)
{
    bool gap = false;
    for (size_t at = 0, step; at < len; at += step) {
        uint32_t point = code_point(text + at, &step);
        bool kept = is_word(point) || point == '-' || point == '.' || point == '/';
        if (!kept) {
            gap = out->len > 0;
            continue;
        }
        if (gap)
            mlf__buf_puts(out, "_");
        gap = false;
        char c = several ? lower(text[at]) : text[at];
        if (step == 1)
            mlf__buf_add(out, &c, 1);
        else
            mlf__buf_add(out, text + at, step);
    }
}

char *mlf__normalise_name(const char *name, size_t len)
{
    struct mlf__buf valid = {0}, words = {0}, path = {0};
    char *out = NULL;
    while (len > 0 && (name[0] == '-' || is_space(name[0]))) {
        name++;
        len--;
    }
    mlf__buf_add_utf8(&valid, name, len);
    if (!valid.failed && valid.len > 0)
        add_words(&words, valid.data, valid.len, has_several_words(valid.data, valid.len));
    if (!words.failed && words.len > 0) {
        words.len = prefix_length(words.data, words.len, MLF__KEY_MAX);
        words.data[words.len] = '\0';
        add_safe_path(&path, words.data);
    }
    if (!valid.failed && !words.failed && !path.failed)
        out = path.len > 0 ? mlf__buf_take(&path) : mlf__strdup("");
    mlf__buf_free(&valid);
    mlf__buf_free(&words);
    mlf__buf_free(&path);
    return out;
}

char *mlf__clean_value(const char *value, size_t len, size_t max)
{
    struct mlf__buf valid = {0};
    /* No code point is shorter than a byte or longer than four, and neither is its replacement. */
    mlf__buf_add_utf8(&valid, value, len);
    if (!valid.failed && valid.len > 0) {
        valid.len = prefix_length(valid.data, valid.len, max);
        valid.data[valid.len] = '\0';
    }
    if (!valid.failed && valid.len == 0) {
        mlf__buf_free(&valid);
        return mlf__strdup("");
    }
    return mlf__buf_take(&valid);
}

/* ---- random names ---- */

static const char *const adjectives[] = {
    "able",   "amber", "ample",  "azure", "bold",   "brave", "brisk", "calm",   "civil",  "clear",
    "crisp",  "deft",  "dapper", "eager", "early",  "fair",  "fleet", "fond",   "frank",  "fresh",
    "glad",   "grand", "hale",   "hardy", "ideal",  "jolly", "keen",  "kind",   "lively", "lucid",
    "lunar",  "merry", "mild",   "neat",  "nimble", "noble", "olive", "plain",  "prime",  "proud",
    "quick",  "quiet", "rapid",  "ready", "ruby",   "sage",  "sharp", "silver", "solar",  "spry",
    "steady", "stout", "sunny",  "swift", "tidy",   "true",  "vivid", "warm",   "wise",   "young",
};

static const char *const nouns[] = {
    "alder",  "anchor", "arrow", "aspen", "badger", "basin", "beacon", "birch",  "bison",  "bridge",
    "brook",  "cedar",  "cliff", "comet", "coral",  "crane", "delta",  "dune",   "eagle",  "ember",
    "falcon", "fern",   "finch", "fjord", "forge",  "fox",   "garnet", "glade",  "grove",  "harbor",
    "heron",  "island", "jay",   "kite",  "lake",   "larch", "lynx",   "maple",  "marsh",  "meadow",
    "moss",   "oak",    "orbit", "otter", "owl",    "pine",  "plover", "quartz", "raven",  "reef",
    "ridge",  "river",  "robin", "sail",  "seal",   "stone", "thrush", "tide",   "willow", "wren",
};

/* The number that four hexadecimal digits of a random id make. */
static unsigned long random_part(const char *digits)
{
    char part[5] = "";
    memcpy(part, digits, 4);
    return strtoul(part, NULL, 16);
}

void mlf__random_name(char out[24])
{
    char id[MLF__ID_SIZE];
    mlf__new_id(id);
    /* The last twelve digits of a UUID are all random. */
    unsigned long first = random_part(id + 20), second = random_part(id + 24);
    unsigned long number = random_part(id + 28);
    snprintf(out, 24, "%.6s-%.6s-%lu", adjectives[first % MLF__ARRAY_LEN(adjectives)],
             nouns[second % MLF__ARRAY_LEN(nouns)], number % 1000);
}
