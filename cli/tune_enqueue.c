/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the three forms a file has is told by its first line: a bracket begins JSON, '=' makes it lines of
 * NAME=VALUE, else it is a CSV file's head. */
#include "cli/tune_enqueue.h"

#include "core/mem.h"

#include <cjson/cJSON.h>
#include <string.h>

enum { FILE_MAX = 64 << 20, POINTS_MAX = 1000000, FIELDS_MAX = MLF__TUNE_PARAMS_MAX };

struct reader {
    const char *path;
    const struct mlf__tune_space *space;
    struct mlf__tune_points *out;
    size_t line; /* line or entry, from 1 */
    const char *unit;
};

static mlf_status wrong(const struct reader *reader, const char *what, const char *text)
{
    return mlf__fail(MLF_ERR_INVAL, "%s, %s %zu: %s%s%.80s%s", reader->path, reader->unit,
                     reader->line, what, text != NULL ? " '" : "", text != NULL ? text : "",
                     text != NULL ? "'" : "");
}

/* ---- points ---- */

static mlf_status begin_point(struct reader *reader)
{
    struct mlf__tune_points *out = reader->out;

    if (out->n == POINTS_MAX)
        return wrong(reader, "there are too many points", NULL);
    mlf_status status =
        mlf__grow((void **)&out->points, &out->cap, out->n + 1, sizeof(*out->points));
    if (status == MLF_OK)
        out->points[out->n++] = (struct mlf__tune_point){0};
    return status;
}

static mlf_status unknown_name(const struct reader *reader, const char *name)
{
    struct mlf__buf names = {0};

    for (size_t i = 0; i < reader->space->n; i++)
        mlf__buf_printf(&names, "%s%s", i > 0 ? ", " : "", reader->space->params[i].name);
    mlf_status status = mlf__fail(
        MLF_ERR_INVAL, "%s, %s %zu: there is no parameter '%.80s'; there are %s", reader->path,
        reader->unit, reader->line, name, names.len > 0 && !names.failed ? names.data : "none");
    mlf__buf_free(&names);
    return status;
}

/* Adds a value to the point that was begun last. */
static mlf_status add_value(struct reader *reader, const char *name, const char *text)
{
    struct mlf__tune_point *point = &reader->out->points[reader->out->n - 1];
    int param = mlf__tune_space_find(reader->space, name);
    double value;

    if (param < 0)
        return unknown_name(reader, name);
    const struct mlf__dist *dist = &reader->space->params[param].dist;
    if (mlf__dist_parse(dist, name, text, &value) != MLF_OK) {
        char reason[512];
        mlf__copy_text(reason, sizeof(reason), mlf__errmsg());
        return mlf__fail(MLF_ERR_INVAL, "%s, %s %zu: %s", reader->path, reader->unit, reader->line,
                         reason);
    }
    for (size_t i = 0; i < point->n; i++)
        if (strcmp(point->values[i].key, name) == 0)
            return wrong(reader, "this parameter is given twice:", name);
    reader->out->n_outside += !mlf__dist_contains(dist, value);
    mlf_status status =
        mlf__grow((void **)&point->values, &point->cap, point->n + 1, sizeof(*point->values));
    if (status != MLF_OK)
        return status;
    mlf_pair *pair = &point->values[point->n++];
    *pair = (mlf_pair){mlf__strdup(name), mlf__strdup(text)};
    return pair->key != NULL && pair->value != NULL ? MLF_OK : MLF_ERR_NOMEM;
}

void mlf__tune_points_free(struct mlf__tune_points *points)
{
    for (size_t i = 0; i < points->n; i++) {
        for (size_t j = 0; j < points->points[i].n; j++) {
            mlf__free(points->points[i].values[j].key);
            mlf__free(points->points[i].values[j].value);
        }
        mlf__free(points->points[i].values);
    }
    mlf__free(points->points);
    *points = (struct mlf__tune_points){0};
}

/* ---- JSON ---- */

static mlf_status add_json_value(struct reader *reader, const cJSON *item)
{
    char number[MLF__NUMBER_SIZE];

    if (cJSON_IsNull(item))
        return MLF_OK;
    if (cJSON_IsString(item))
        return add_value(reader, item->string, item->valuestring);
    if (cJSON_IsBool(item))
        return add_value(reader, item->string, cJSON_IsTrue(item) ? "true" : "false");
    if (!cJSON_IsNumber(item))
        return wrong(reader, "a value is a text or a number, not what is behind", item->string);
    mlf__format_double(number, item->valuedouble);
    return add_value(reader, item->string, number);
}

static mlf_status add_json_point(struct reader *reader, const cJSON *object)
{
    const cJSON *item;
    mlf_status status = cJSON_IsObject(object)
                            ? begin_point(reader)
                            : wrong(reader, "this is no JSON object of names and values", NULL);

    for (item = object->child; status == MLF_OK && item != NULL; item = item->next)
        status = add_json_value(reader, item);
    reader->line++;
    return status;
}

static mlf_status read_json(struct reader *reader, const char *text, const char *end)
{
    mlf_status status = MLF_OK;

    reader->unit = "entry";
    while (status == MLF_OK) {
        const char *behind = NULL;
        text += strspn(text, " \t\r\n,");
        if (text >= end)
            break;
        cJSON *root = cJSON_ParseWithLengthOpts(text, (size_t)(end - text), &behind, 0);
        if (root == NULL)
            return wrong(reader, "this is no JSON:", behind != NULL ? behind : text);
        if (cJSON_IsArray(root)) {
            for (const cJSON *item = root->child; status == MLF_OK && item != NULL;
                 item = item->next)
                status = add_json_point(reader, item);
        } else {
            status = add_json_point(reader, root);
        }
        cJSON_Delete(root);
        text = behind;
    }
    return status;
}

/* ---- CSV ---- */

/* The next field at |*at|, unquoted in place; |*at| moves to the separator behind it. NULL: a quote is not closed, or
 * something stands behind it. */
static char *take_field(char **at)
{
    char *field = *at, *to = *at, *from = *at;

    if (*from != '"') {
        *at += strcspn(*at, ",\r\n");
        return field;
    }
    for (from++; *from != '\0' && (*from != '"' || from[1] == '"'); from++) {
        from += *from == '"';
        *to++ = *from;
    }
    if (*from != '"')
        return NULL;
    from++;
    if (*from != '\0' && strchr(",\r\n", *from) == NULL)
        return NULL;
    *at = from;
    *to = '\0';
    return field;
}

/* A line's fields; |*at| moves to the next line. */
static mlf_status take_row(struct reader *reader, char **at, char **fields, size_t *n)
{
    for (*n = 0;;) {
        if (*n == FIELDS_MAX)
            return wrong(reader, "there are too many fields", NULL);
        char *field = take_field(at);
        if (field == NULL)
            return wrong(reader, "a quoted field does not end", NULL);
        fields[(*n)++] = field;
        char separator = **at;
        if (separator != '\0')
            *(*at)++ = '\0';
        if (separator == '\r' && **at == '\n')
            (*at)++;
        if (separator != ',')
            return MLF_OK;
    }
}

static mlf_status read_rows(struct reader *reader, char *at, char **head, char **fields)
{
    size_t n_head, n;
    mlf_status status = take_row(reader, &at, head, &n_head);

    while (status == MLF_OK && *at != '\0') {
        reader->line++;
        if (*at == '\n' || *at == '\r') {
            at++;
            continue;
        }
        status = take_row(reader, &at, fields, &n);
        if (status == MLF_OK && n != n_head)
            return wrong(reader, "there are more or fewer fields than names in the first line",
                         NULL);
        if (status == MLF_OK)
            status = begin_point(reader);
        for (size_t i = 0; status == MLF_OK && i < n; i++)
            if (*fields[i] != '\0')
                status = add_value(reader, head[i], fields[i]);
    }
    return status;
}

static mlf_status read_csv(struct reader *reader, char *text)
{
    char **fields = mlf__zalloc(2 * (size_t)FIELDS_MAX, sizeof(char *));

    if (fields == NULL)
        return MLF_ERR_NOMEM;
    mlf_status status = read_rows(reader, text, fields, fields + FIELDS_MAX);
    mlf__free(fields);
    return status;
}

/* ---- lines ---- */

/* A line of NAME=VALUE; a value in double quotes may hold blanks. */
static mlf_status read_line(struct reader *reader, char *at)
{
    mlf_status status = begin_point(reader);

    while (status == MLF_OK) {
        at += strspn(at, " \t\r,");
        if (*at == '\0')
            break;
        char *equals = at + strcspn(at, "= \t\r,");
        if (*equals != '=' || equals == at)
            return wrong(reader, "NAME=VALUE is missing at", at);
        char *name = at, *value = equals + 1, *end;
        *equals = '\0';
        if (*value == '"') {
            value++;
            end = strchr(value, '"');
            if (end == NULL)
                return wrong(reader, "the quote is not closed:", value);
        } else {
            end = value + strcspn(value, " \t\r,");
        }
        at = *end != '\0' ? end + 1 : end;
        *end = '\0';
        status = add_value(reader, name, value);
    }
    return status;
}

static mlf_status read_lines(struct reader *reader, char *text)
{
    mlf_status status = MLF_OK;

    for (reader->line = 1; status == MLF_OK && *text != '\0'; reader->line++) {
        char *end = text + strcspn(text, "\n");
        char *next = *end != '\0' ? end + 1 : end;
        *end = '\0';
        text += strspn(text, " \t\r");
        if (*text != '\0' && *text != '#')
            status = read_line(reader, text);
        text = next;
    }
    return status;
}

/* ---- files ---- */

mlf_status mlf__tune_points_parse(const char *path, char *text, size_t len,
                                  const struct mlf__tune_space *space, struct mlf__tune_points *out)
{
    struct reader reader = {.path = path, .space = space, .out = out, .line = 1, .unit = "line"};
    mlf_status status;

    *out = (struct mlf__tune_points){0};
    if (strlen(text) != len || mlf__utf8_length(text, len) == SIZE_MAX)
        return mlf__fail(MLF_ERR_INVAL, "%s is no text in UTF-8", path);
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark */
        text += 3;
        len -= 3;
    }
    char *at = text + strspn(text, " \t\r\n");
    size_t first = strcspn(at, "\n");
    if (*at == '[' || *at == '{')
        status = read_json(&reader, at, text + len);
    else if (*at == '#' || memchr(at, '=', first) != NULL)
        status = read_lines(&reader, text);
    else
        status = *at != '\0' ? read_csv(&reader, at) : MLF_OK;
    if (status == MLF_OK && out->n == 0)
        status = mlf__fail(MLF_ERR_INVAL, "%s holds no point", path);
    if (status != MLF_OK)
        mlf__tune_points_free(out);
    return status;
}

mlf_status mlf__tune_points_read(const char *path, const struct mlf__tune_space *space,
                                 struct mlf__tune_points *out)
{
    char *text = NULL;
    size_t len = 0;
    mlf_status status = mlf__tune_read_file(path, FILE_MAX, &text, &len);

    *out = (struct mlf__tune_points){0};
    if (status == MLF_OK)
        status = mlf__tune_points_parse(path, text, len, space, out);
    mlf__free(text);
    return status;
}
