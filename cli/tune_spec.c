/* SPDX-License-Identifier: Apache-2.0 */
/* Reading specs. What they mean (bounds, steps, scale) is checked by tuner/space.c; what is wrong with the text is
 * said here, with its place. */
#include "cli/tune_spec.h"

#include "core/mem.h"
#include "tracking/names.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    CHOICES_MAX = 100000,
    CHOICES_FILE_MAX = 4 << 20,
    PARTS_MAX = 4, /* low, high, step, log */
    NUMBER_MAX = 64
};

/* A part of a spec. */
struct part {
    const char *at;
    size_t len;
};

struct spec {
    const char *name, *text;
};

static mlf_status wrong(const struct spec *spec, const char *at, const char *what)
{
    size_t place = strlen(spec->name) + 1 + (size_t)(at - spec->text) + 1;
    return mlf__fail(MLF_ERR_INVAL, "'%s=%.120s%s': at character %zu: %s", spec->name, spec->text,
                     strlen(spec->text) > 120 ? "..." : "", place, what);
}

static bool part_is(const struct part *part, const char *word)
{
    return part->len == strlen(word) && memcmp(part->at, word, part->len) == 0;
}

static bool is_written_as_integer(const struct part *part)
{
    size_t sign = part->len > 0 && (part->at[0] == '-' || part->at[0] == '+');

    for (size_t i = sign; i < part->len; i++)
        if (!isdigit((unsigned char)part->at[i]))
            return false;
    return part->len > sign;
}

static mlf_status take_double(const struct spec *spec, const struct part *part, double *out)
{
    char text[NUMBER_MAX];

    if (part->len == 0)
        return wrong(spec, part->at, "a number is missing");
    if (part->len < sizeof(text)) {
        memcpy(text, part->at, part->len);
        text[part->len] = '\0';
        if (mlf__parse_double(text, out))
            return MLF_OK;
    }
    return wrong(spec, part->at, "this is no number");
}

static mlf_status take_integer(const struct spec *spec, const struct part *part, int64_t *out)
{
    char text[NUMBER_MAX];

    if (part->len == 0)
        return wrong(spec, part->at, "a number is missing");
    if (!is_written_as_integer(part))
        return wrong(spec, part->at,
                     "this is no integer, as the numbers of an integer range are: for a range of "
                     "other numbers begin it by float:");
    /* The sign '+' is not for mlf__parse_i64(). */
    size_t skip = part->at[0] == '+';
    if (part->len - skip < sizeof(text)) {
        memcpy(text, part->at + skip, part->len - skip);
        text[part->len - skip] = '\0';
        if (mlf__parse_i64(text, out))
            return MLF_OK;
    }
    return wrong(spec, part->at, "this integer is out of range");
}

/* ---- ranges ---- */

/* Splits at ':'; |*n| is how many parts there are. */
static mlf_status split_range(const struct spec *spec, const char *text, struct part *parts,
                              size_t *n)
{
    for (*n = 0;; text++) {
        size_t len = strcspn(text, ":");
        if (*n == PARTS_MAX)
            return wrong(spec, text, "a range is low:high[:step][:log] and ends before this");
        parts[(*n)++] = (struct part){text, len};
        text += len;
        if (*text == '\0')
            return MLF_OK;
    }
}

/* A range that is empty is for the distribution to refuse; a step that leads out of one at once is a slip. */
static mlf_status check_step(const struct spec *spec, const struct part *part, double step,
                             double width)
{
    if (!(step > 0))
        return wrong(spec, part->at, "the step has to be greater than 0");
    if (width >= 0 && step > width)
        return wrong(spec, part->at, "the step is larger than the range");
    return MLF_OK;
}

static mlf_status parse_range(const struct spec *spec, const char *text, const char *kind,
                              struct mlf__dist *out)
{
    struct part parts[PARTS_MAX];
    size_t n;
    mlf_status status = split_range(spec, text, parts, &n);

    if (status != MLF_OK)
        return status;
    if (n < 2)
        return wrong(spec, text + strlen(text), "a range is low:high[:step][:log]");
    bool log = n > 2 && part_is(&parts[n - 1], "log");
    const struct part *step = n - log > 2 ? &parts[2] : NULL;
    if (n == PARTS_MAX && !log)
        return wrong(spec, parts[3].at, "only `log` can stand behind the step");
    bool integer = kind != NULL
                       ? strcmp(kind, "int") == 0
                       : is_written_as_integer(&parts[0]) && is_written_as_integer(&parts[1]);
    if (integer) {
        int64_t low = 0, high = 0, by = 1;
        status = take_integer(spec, &parts[0], &low);
        if (status == MLF_OK)
            status = take_integer(spec, &parts[1], &high);
        if (status == MLF_OK && step != NULL)
            status = take_integer(spec, step, &by);
        if (status == MLF_OK && step != NULL)
            status = check_step(spec, step, (double)by, (double)high - (double)low);
        return status == MLF_OK ? mlf__dist_int(spec->name, low, high, by, log, out) : status;
    }
    double low = 0, high = 0, by = 0;
    status = take_double(spec, &parts[0], &low);
    if (status == MLF_OK)
        status = take_double(spec, &parts[1], &high);
    if (status == MLF_OK && step != NULL)
        status = take_double(spec, step, &by);
    if (status == MLF_OK && step != NULL)
        status = check_step(spec, step, by, high - low);
    return status == MLF_OK ? mlf__dist_float(spec->name, low, high, by, log, out) : status;
}

/* ---- choices ---- */

struct choices {
    char *text; /* owned; cut into the choices */
    const char **items;
    size_t n, cap;
};

static void free_choices(struct choices *choices)
{
    mlf__free(choices->text);
    mlf__free(choices->items);
}

static mlf_status add_choice(const struct spec *spec, struct choices *choices, const char *item)
{
    if (choices->n == CHOICES_MAX)
        return wrong(spec, spec->text, "there are too many choices");
    mlf_status status =
        mlf__grow((void **)&choices->items, &choices->cap, choices->n + 1, sizeof(char *));
    if (status == MLF_OK)
        choices->items[choices->n++] = item;
    return status;
}

static mlf_status read_list(const struct spec *spec, struct choices *choices)
{
    choices->text = mlf__strdup(spec->text);
    mlf_status status = choices->text != NULL ? MLF_OK : MLF_ERR_NOMEM;

    for (char *at = choices->text; status == MLF_OK;) {
        size_t len = strcspn(at, ",");
        bool last = at[len] == '\0';
        if (len == 0)
            return wrong(spec, spec->text + (at - choices->text),
                         "a choice is empty (in a file of choices, @FILE, they may hold anything)");
        at[len] = '\0';
        status = add_choice(spec, choices, at);
        if (last)
            break;
        at += len + 1;
    }
    return status;
}

/* A line each; empty ones are none. */
static mlf_status read_choices_file(const struct spec *spec, const char *path,
                                    struct choices *choices)
{
    size_t len = 0;

    if (*path == '\0')
        return wrong(spec, path, "the name of a file is missing behind @");
    mlf_status status = mlf__tune_read_file(path, CHOICES_FILE_MAX, &choices->text, &len);
    if (status != MLF_OK || choices->text == NULL)
        return status;
    if ((strlen(choices->text) < len || mlf__utf8_length(choices->text, len) == SIZE_MAX))
        return mlf__fail(MLF_ERR_INVAL, "'%s=%s': the file is no text in UTF-8", spec->name,
                         spec->text);
    for (char *at = choices->text; status == MLF_OK && at < choices->text + len;) {
        size_t line = strcspn(at, "\n");
        char *next = at + line + 1;
        at[line] = '\0';
        if (line > 0 && at[line - 1] == '\r')
            at[line - 1] = '\0';
        if (*at != '\0')
            status = add_choice(spec, choices, at);
        at = next;
    }
    if (status == MLF_OK && choices->n == 0)
        return mlf__fail(MLF_ERR_INVAL, "'%s=%s': there is no choice in the file", spec->name,
                         spec->text);
    return status;
}

static mlf_status parse_choices(const struct spec *spec, struct mlf__dist *out)
{
    struct choices choices = {0};
    mlf_status status = spec->text[0] == '@' ? read_choices_file(spec, spec->text + 1, &choices)
                                             : read_list(spec, &choices);

    if (status == MLF_OK)
        status = mlf__dist_categorical(spec->name, choices.items, choices.n, out);
    free_choices(&choices);
    return status;
}

/* ---- specs ---- */

mlf_status mlf__tune_spec_parse(const char *name, const char *text, struct mlf__dist *out)
{
    struct spec spec = {name, text};

    *out = (struct mlf__dist){0};
    if (*text == '\0')
        return wrong(&spec, text, "the range or the choices are missing");
    if (strncmp(text, "int:", 4) == 0)
        return parse_range(&spec, text + 4, "int", out);
    if (strncmp(text, "float:", 6) == 0)
        return parse_range(&spec, text + 6, "float", out);
    if (text[0] != '@' && strchr(text, ',') == NULL && strchr(text, ':') != NULL)
        return parse_range(&spec, text, NULL, out);
    return parse_choices(&spec, out);
}

static mlf_status check_name(const char *name)
{
    static const char *const ours[] = {"trial", "slot", "workdir"};
    mlf_status status = mlf__check_key(name, "Param key");

    for (size_t i = 0; status == MLF_OK && i < MLF__ARRAY_LEN(ours); i++) {
        if (strcmp(name, ours[i]) == 0)
            return mlf__fail(MLF_ERR_INVAL,
                             "a parameter cannot be called '%s': {%s} is filled in by mlf", name,
                             name);
    }
    return status;
}

mlf_status mlf__tune_space_add(struct mlf__tune_space *space, const char *name, const char *spec)
{
    mlf_status status = check_name(name);

    if (status != MLF_OK)
        return status;
    int there = mlf__tune_space_find(space, name);
    if (there >= 0)
        return mlf__fail(MLF_ERR_INVAL, "'%s' is given twice, as '%s=%s' and as '%s=%s'", name,
                         name, space->params[there].spec, name, spec);
    if (space->n == MLF__TUNE_PARAMS_MAX)
        return mlf__fail(MLF_ERR_INVAL, "there are more than %d parameters", MLF__TUNE_PARAMS_MAX);
    status = mlf__grow((void **)&space->params, &space->cap, space->n + 1, sizeof(*space->params));
    if (status != MLF_OK)
        return status;
    struct mlf__tune_param param = {0};
    status = mlf__tune_spec_parse(name, spec, &param.dist);
    if (status != MLF_OK)
        return status;
    param.name = mlf__strdup(name);
    param.spec = mlf__strdup(spec);
    if (param.name == NULL || param.spec == NULL)
        status = MLF_ERR_NOMEM;
    space->params[space->n++] = param;
    return status;
}

int mlf__tune_space_find(const struct mlf__tune_space *space, const char *name)
{
    for (size_t i = 0; i < space->n; i++)
        if (strcmp(space->params[i].name, name) == 0)
            return (int)i;
    return -1;
}

void mlf__tune_space_free(struct mlf__tune_space *space)
{
    for (size_t i = 0; i < space->n; i++) {
        mlf__free(space->params[i].name);
        mlf__free(space->params[i].spec);
        mlf__dist_free(&space->params[i].dist);
    }
    mlf__free(space->params);
    *space = (struct mlf__tune_space){0};
}

/* ---- files ---- */

mlf_status mlf__tune_read_file(const char *path, size_t max, char **out, size_t *len)
{
    FILE *file = fopen(path, "rbe");
    struct mlf__buf text = {0};
    char block[16384];
    size_t n;

    *out = NULL;
    *len = 0;
    if (file == NULL)
        return mlf__fail_errno(errno, "%s cannot be read", path);
    while ((n = fread(block, 1, sizeof(block), file)) > 0 && text.len <= max)
        mlf__buf_add(&text, block, n);
    int err = ferror(file) ? errno : 0;
    fclose(file);
    mlf__buf_puts(&text, "");
    if (err != 0 || text.failed || text.len > max) {
        bool failed = text.failed;
        mlf__buf_free(&text);
        if (err != 0)
            return mlf__fail_errno(err, "%s cannot be read", path);
        return failed ? MLF_ERR_NOMEM
                      : mlf__fail(MLF_ERR_INVAL, "%s has more than %zu bytes", path, max);
    }
    *len = text.len;
    *out = mlf__buf_take(&text);
    return *out != NULL ? MLF_OK : MLF_ERR_NOMEM;
}
