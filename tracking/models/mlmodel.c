/* SPDX-License-Identifier: Apache-2.0 */
/* MLmodel in YAML. What is read comes from anywhere: its size, depth and number of nodes are bounded,
 * and aliases, with which a small file describes a huge one, are refused. */
#include "tracking/models/mlmodel.h"

#include "core/buf.h"
#include "core/mem.h"
#include "tracking/artifacts.h"
#include "tracking/models/model_files.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <yaml.h>

enum { FILE_MAX = 16 << 20, DEPTH_MAX = 64, NODES_MAX = 20000 };

/* ---- reading ---- */

struct reader {
    yaml_parser_t parser;
    const char *where;
    cJSON *root;
    cJSON *open[DEPTH_MAX]; /* the collections that the next node lies in, the innermost last */
    size_t depth, nodes;
    char *key; /* of the next node of an object; NULL: the next scalar is one */
};

static mlf_status damaged(const struct reader *reader, const yaml_mark_t *mark, const char *what)
{
    return mlf__fail(MLF_ERR_CORRUPT, "%s, line %zu: %s", reader->where, mark->line + 1, what);
}

static bool wants_key(const struct reader *reader)
{
    return reader->depth > 0 && cJSON_IsObject(reader->open[reader->depth - 1]) &&
           reader->key == NULL;
}

/* Puts |node| where it belongs; it is the tree's from now on, or freed. */
static mlf_status add_node(struct reader *reader, cJSON *node, const yaml_mark_t *mark)
{
    if (node == NULL)
        return MLF_ERR_NOMEM;
    if (++reader->nodes > NODES_MAX) {
        cJSON_Delete(node);
        return damaged(reader, mark, "it holds more values than an MLmodel");
    }
    if (reader->depth == 0) {
        reader->root = node;
        return MLF_OK;
    }
    cJSON *parent = reader->open[reader->depth - 1];
    /* Readers of YAML differ in which of two they take. */
    if (cJSON_IsObject(parent) && cJSON_GetObjectItemCaseSensitive(parent, reader->key) != NULL) {
        cJSON_Delete(node);
        return damaged(reader, mark, "a key that was there before");
    }
    bool added = cJSON_IsObject(parent) ? cJSON_AddItemToObject(parent, reader->key, node)
                                        : cJSON_AddItemToArray(parent, node);
    mlf__free(reader->key);
    reader->key = NULL;
    if (!added)
        cJSON_Delete(node);
    return added ? MLF_OK : MLF_ERR_NOMEM;
}

static mlf_status read_scalar(struct reader *reader, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    if (strlen(text) != event->data.scalar.length)
        return damaged(reader, &event->start_mark, "a text with a NUL in it");
    if (wants_key(reader)) {
        reader->key = mlf__strdup(text);
        return reader->key != NULL ? MLF_OK : MLF_ERR_NOMEM;
    }
    bool plain =
        event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && event->data.scalar.plain_implicit;
    if (plain)
        return add_node(reader, cJSON_CreateRaw(text[0] != '\0' ? text : "null"),
                        &event->start_mark);
    return add_node(reader, cJSON_CreateString(text), &event->start_mark);
}

static mlf_status open_collection(struct reader *reader, cJSON *node, const yaml_event_t *event)
{
    if (wants_key(reader) || reader->depth == DEPTH_MAX) {
        cJSON_Delete(node);
        return damaged(reader, &event->start_mark,
                       reader->depth == DEPTH_MAX ? "it is nested too deeply"
                                                  : "a key that is no text");
    }
    mlf_status status = add_node(reader, node, &event->start_mark);
    if (status == MLF_OK)
        reader->open[reader->depth++] = node;
    return status;
}

static mlf_status read_event(struct reader *reader, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return reader->root == NULL
                   ? MLF_OK
                   : damaged(reader, &event->start_mark, "a second document begins");
    case YAML_ALIAS_EVENT:
        return damaged(reader, &event->start_mark, "an alias (*name), which mlf does not read");
    case YAML_SCALAR_EVENT:
        return read_scalar(reader, event);
    case YAML_SEQUENCE_START_EVENT:
        return open_collection(reader, cJSON_CreateArray(), event);
    case YAML_MAPPING_START_EVENT:
        return open_collection(reader, cJSON_CreateObject(), event);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        reader->depth--;
        return MLF_OK;
    default:
        return MLF_OK;
    }
}

static mlf_status read_events(struct reader *reader)
{
    mlf_status status = MLF_OK;
    for (bool done = false; !done && status == MLF_OK;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&reader->parser, &event)) {
            if (reader->parser.error == YAML_MEMORY_ERROR)
                return mlf__fail(MLF_ERR_NOMEM, "%s: out of memory", reader->where);
            const char *problem = reader->parser.problem;
            return damaged(reader, &reader->parser.problem_mark,
                           problem != NULL ? problem : "this is no YAML");
        }
        done = event.type == YAML_STREAM_END_EVENT;
        status = read_event(reader, &event);
        yaml_event_delete(&event);
    }
    return status;
}

mlf_status mlf__mlmodel_parse(const char *text, size_t len, const char *where, cJSON **out)
{
    struct reader reader = {.where = where};
    *out = NULL;
    if (!yaml_parser_initialize(&reader.parser))
        return mlf__fail(MLF_ERR_NOMEM, "%s: out of memory", where);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, len);
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    mlf_status status = read_events(&reader);
    yaml_parser_delete(&reader.parser);
    mlf__free(reader.key);
    if (status == MLF_OK && !cJSON_IsObject(reader.root))
        status = mlf__fail(MLF_ERR_CORRUPT, "%s: it is not a list of keys and values", where);
    if (status == MLF_OK)
        *out = reader.root;
    else
        cJSON_Delete(reader.root);
    return status;
}

mlf_status mlf__mlmodel_read(const char *directory, cJSON **out)
{
    struct mlf__buf path = {0};
    struct mlf__buf text = {0};
    *out = NULL;
    mlf__buf_printf(&path, "%s/MLmodel", directory);
    mlf_status status =
        path.failed ? MLF_ERR_NOMEM : mlf__model_file_read(path.data, FILE_MAX, &text);
    if (status == MLF_OK)
        status = mlf__mlmodel_parse(text.data, text.len, path.data, out);
    mlf__buf_free(&text);
    mlf__buf_free(&path);
    return status;
}

/* ---- writing ---- */

struct writer {
    yaml_emitter_t emitter;
    struct mlf__buf out;
    bool no_memory;
};

static int append_output(void *data, unsigned char *bytes, size_t len)
{
    struct writer *writer = data;
    mlf__buf_add(&writer->out, bytes, len);
    return !writer->out.failed;
}

/* Would any reader of YAML take |text| without quotes for this very text? Version numbers and dates are quoted,
 * which does no harm. */
static bool needs_no_quotes(const char *text)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_/";
    static const char later[] =
        "0123456789.-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_/";
    static const char *const words[] = {"null", "true", "false", "yes", "no",
                                        "on",   "off",  "y",     "n"};
    if (text[0] == '\0' || strchr(first, text[0]) == NULL || text[strspn(text, later)] != '\0')
        return false;
    for (size_t i = 0; i < MLF__ARRAY_LEN(words); i++)
        if (strcasecmp(text, words[i]) == 0)
            return false;
    return true;
}

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

static bool emit_text(struct writer *writer, const char *text, bool plain)
{
    yaml_event_t event;
    yaml_scalar_style_t style = YAML_SINGLE_QUOTED_SCALAR_STYLE;
    if (plain || needs_no_quotes(text))
        style = YAML_PLAIN_SCALAR_STYLE;
    else if (has_control(text))
        style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    return yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text,
                                        (int)strlen(text), 1, 1, style) &&
           yaml_emitter_emit(&writer->emitter, &event);
}

/* YAML 1.1 takes 1e+20 for a text: a floating number has a point. */
static bool emit_number(struct writer *writer, double value)
{
    char number[MLF__NUMBER_SIZE], text[MLF__NUMBER_SIZE + 2];
    if (!isfinite(value)) /* JSON's 1e400 */
        return false;
    mlf__format_double(number, value);
    const char *exponent = strchr(number, 'e');
    if (exponent != NULL && strchr(number, '.') == NULL)
        snprintf(text, sizeof(text), "%.*s.0%s", (int)(exponent - number), number, exponent);
    else
        snprintf(text, sizeof(text), "%s", number);
    return emit_text(writer, text, true);
}

static bool emit_node(struct writer *writer, const cJSON *node, size_t depth);

struct member {
    const cJSON *node;
};

static int by_key(const void *a, const void *b)
{
    const struct member *first = a, *second = b;
    return strcmp(first->node->string, second->node->string);
}

static bool emit_members(struct writer *writer, const cJSON *object, size_t depth)
{
    size_t n = 0;
    const cJSON *node;
    struct member *members = mlf__zalloc((size_t)cJSON_GetArraySize(object) + 1, sizeof(*members));
    if (members == NULL) {
        writer->no_memory = true;
        return false;
    }
    cJSON_ArrayForEach(node, object) members[n++].node = node;
    qsort(members, n, sizeof(*members), by_key);
    bool fine = true;
    /* JSON may have a key twice, but the reader would refuse it. */
    for (size_t i = 0; fine && i < n; i++)
        fine = (i == 0 || by_key(&members[i - 1], &members[i]) != 0) &&
               emit_text(writer, members[i].node->string, false) &&
               emit_node(writer, members[i].node, depth + 1);
    mlf__free(members);
    return fine;
}

static bool emit_collection(struct writer *writer, const cJSON *node, size_t depth)
{
    yaml_event_t event;
    bool is_object = cJSON_IsObject(node);
    int made = is_object ? yaml_mapping_start_event_initialize(&event, NULL, NULL, 1,
                                                               YAML_BLOCK_MAPPING_STYLE)
                         : yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
                                                                YAML_BLOCK_SEQUENCE_STYLE);
    bool fine = made && yaml_emitter_emit(&writer->emitter, &event);
    if (is_object)
        fine = fine && emit_members(writer, node, depth);
    for (const cJSON *item = is_object ? NULL : node->child; fine && item != NULL;
         item = item->next)
        fine = emit_node(writer, item, depth + 1);
    if (!fine)
        return false;
    made = is_object ? yaml_mapping_end_event_initialize(&event)
                     : yaml_sequence_end_event_initialize(&event);
    return made && yaml_emitter_emit(&writer->emitter, &event);
}

static bool emit_node(struct writer *writer, const cJSON *node, size_t depth)
{
    if (cJSON_IsObject(node) || cJSON_IsArray(node))
        return depth < DEPTH_MAX && emit_collection(writer, node, depth);
    if (cJSON_IsString(node))
        return emit_text(writer, node->valuestring, false);
    if (cJSON_IsRaw(node))
        return emit_text(writer, node->valuestring, true);
    if (cJSON_IsNumber(node))
        return emit_number(writer, node->valuedouble);
    if (cJSON_IsBool(node))
        return emit_text(writer, cJSON_IsTrue(node) ? "true" : "false", true);
    return emit_text(writer, "null", true);
}

static bool emit_all(struct writer *writer, const cJSON *tree)
{
    yaml_event_t event;
    return yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) &&
           yaml_emitter_emit(&writer->emitter, &event) &&
           yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) &&
           yaml_emitter_emit(&writer->emitter, &event) && emit_node(writer, tree, 0) &&
           yaml_document_end_event_initialize(&event, 1) &&
           yaml_emitter_emit(&writer->emitter, &event) &&
           yaml_stream_end_event_initialize(&event) && yaml_emitter_emit(&writer->emitter, &event);
}

mlf_status mlf__mlmodel_print(const cJSON *tree, char **out)
{
    struct writer writer = {.no_memory = false};
    *out = NULL;
    if (!yaml_emitter_initialize(&writer.emitter))
        return mlf__fail(MLF_ERR_NOMEM, "MLmodel: out of memory");
    yaml_emitter_set_output(&writer.emitter, append_output, &writer);
    yaml_emitter_set_unicode(&writer.emitter, 1);
    yaml_emitter_set_width(&writer.emitter, -1);
    bool fine = emit_all(&writer, tree);
    yaml_emitter_delete(&writer.emitter);
    if (writer.out.failed || writer.no_memory) {
        mlf__buf_free(&writer.out);
        return MLF_ERR_NOMEM;
    }
    if (!fine) {
        mlf__buf_free(&writer.out);
        return mlf__fail(
            MLF_ERR_INVAL,
            "MLmodel cannot hold this: a text is not UTF-8, an object has a key twice, a "
            "number is too large, or values are nested more than %d deep",
            (int)DEPTH_MAX);
    }
    *out = mlf__buf_take(&writer.out);
    return *out != NULL ? MLF_OK : MLF_ERR_NOMEM;
}

mlf_status mlf__mlmodel_write(const cJSON *tree, const char *root)
{
    char *text;
    mlf_status status = mlf__mlmodel_print(tree, &text);
    if (text != NULL)
        status = mlf__artifact_write(root, "MLmodel", text, strlen(text));
    mlf__free(text);
    return status;
}

/* ---- members ---- */

const char *mlf__mlmodel_text(const cJSON *object, const char *key)
{
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(object, key);
    if (cJSON_IsString(node))
        return node->valuestring;
    if (!cJSON_IsRaw(node) || strcmp(node->valuestring, "null") == 0 ||
        strcmp(node->valuestring, "~") == 0)
        return NULL;
    return node->valuestring;
}

/* |node| is the object's from now on, or freed. */
static mlf_status put(cJSON *object, const char *key, cJSON *node)
{
    if (node == NULL)
        return MLF_ERR_NOMEM;
    cJSON_DeleteItemFromObjectCaseSensitive(object, key);
    if (cJSON_AddItemToObject(object, key, node))
        return MLF_OK;
    cJSON_Delete(node);
    return MLF_ERR_NOMEM;
}

mlf_status mlf__mlmodel_set(cJSON *object, const char *key, const char *text)
{
    return put(object, key, text != NULL ? cJSON_CreateString(text) : cJSON_CreateNull());
}

mlf_status mlf__mlmodel_set_plain(cJSON *object, const char *key, const char *text)
{
    return put(object, key, cJSON_CreateRaw(text));
}

/* |json| as a tree that is an object. */
static mlf_status parse_object(const char *json, const char *what, cJSON **out)
{
    *out = NULL;
    if (mlf__utf8_length(json, strlen(json)) == SIZE_MAX)
        return mlf__fail(MLF_ERR_INVAL, "%s: it is not UTF-8", what);
    const char *end = NULL;
    cJSON *tree = cJSON_ParseWithOpts(json, &end, true);
    if (cJSON_IsObject(tree)) {
        *out = tree;
        return MLF_OK;
    }
    cJSON_Delete(tree);
    return mlf__fail(MLF_ERR_INVAL, "%s: not a JSON object: '%.60s'", what, json);
}

mlf_status mlf__mlmodel_set_json(cJSON *tree, const char *key, const char *json)
{
    cJSON *value;
    mlf_status status = parse_object(json, key, &value);
    return status == MLF_OK ? put(tree, key, value) : status;
}

static const char *const signature_parts[] = {"inputs", "outputs", "params"};

/* One part of a signature, as the JSON text that MLmodel holds. */
static mlf_status set_part(cJSON *signature, const char *key, const cJSON *part)
{
    if (part == NULL || cJSON_IsNull(part))
        return mlf__mlmodel_set(signature, key, NULL);
    if (!cJSON_IsArray(part))
        return mlf__fail(MLF_ERR_INVAL, "signature: '%s' is not a JSON array", key);
    char *text = cJSON_PrintUnformatted(part);
    mlf_status status = text != NULL ? mlf__mlmodel_set(signature, key, text) : MLF_ERR_NOMEM;
    cJSON_free(text);
    return status;
}

mlf_status mlf__mlmodel_set_signature(cJSON *tree, const char *json)
{
    cJSON *given;
    mlf_status status = parse_object(json, "signature", &given);
    if (status != MLF_OK)
        return status;
    bool any = false;
    cJSON *signature = cJSON_CreateObject();
    if (signature == NULL)
        status = MLF_ERR_NOMEM;
    for (size_t i = 0; status == MLF_OK && i < MLF__ARRAY_LEN(signature_parts); i++) {
        const cJSON *part = cJSON_GetObjectItemCaseSensitive(given, signature_parts[i]);
        any |= cJSON_IsArray(part) != 0;
        status = set_part(signature, signature_parts[i], part);
    }
    if (status == MLF_OK && !any)
        status = mlf__fail(MLF_ERR_INVAL,
                           "signature: it has neither 'inputs' nor 'outputs' nor 'params'");
    cJSON_Delete(given);
    if (status == MLF_OK)
        return put(tree, "signature", signature);
    cJSON_Delete(signature);
    return status;
}

mlf_status mlf__mlmodel_signature(const cJSON *tree, char **out)
{
    const cJSON *signature = cJSON_GetObjectItemCaseSensitive(tree, "signature");
    *out = NULL;
    if (!cJSON_IsObject(signature))
        return MLF_OK;
    struct mlf__buf json = {0};
    for (size_t i = 0; i < MLF__ARRAY_LEN(signature_parts); i++) {
        const char *part = mlf__mlmodel_text(signature, signature_parts[i]);
        if (part != NULL)
            mlf__buf_printf(&json, "%s\"%s\": %s", json.len == 0 ? "{" : ", ", signature_parts[i],
                            part);
    }
    if (json.len == 0 && !json.failed)
        return MLF_OK;
    mlf__buf_puts(&json, "}");
    *out = mlf__buf_take(&json);
    return *out != NULL ? MLF_OK : MLF_ERR_NOMEM;
}

mlf_status mlf__mlmodel_identify(cJSON *tree, const struct mlf__mlmodel_identity *identity)
{
    char created[64], size[24];
    time_t seconds = (time_t)(identity->created_ms / 1000);
    struct tm utc;
    if (gmtime_r(&seconds, &utc) == NULL)
        return mlf__fail(MLF_ERR_INVAL, "MLmodel: a time that is none");
    size_t n = strftime(created, sizeof(created) - 8, "%Y-%m-%d %H:%M:%S", &utc);
    snprintf(created + n, sizeof(created) - n, ".%03d000", (int)(identity->created_ms % 1000));
    snprintf(size, sizeof(size), "%lld", (long long)identity->size_bytes);
    mlf_status status = mlf__mlmodel_set(tree, "artifact_path", identity->artifact_location);
    if (status == MLF_OK)
        status = mlf__mlmodel_set(tree, "model_id", identity->model_id);
    if (status == MLF_OK)
        status = mlf__mlmodel_set(tree, "model_uuid", identity->model_id);
    if (status == MLF_OK && identity->run_id != NULL)
        status = mlf__mlmodel_set(tree, "run_id", identity->run_id);
    else
        cJSON_DeleteItemFromObjectCaseSensitive(tree, "run_id");
    if (status == MLF_OK)
        status = mlf__mlmodel_set(tree, "utc_time_created", created);
    return status == MLF_OK ? mlf__mlmodel_set_plain(tree, "model_size_bytes", size) : status;
}

char *mlf__mlmodel_flavors(const cJSON *tree, const char *separator)
{
    const cJSON *flavor;
    struct mlf__buf names = {0};
    cJSON_ArrayForEach(
        flavor, cJSON_GetObjectItemCaseSensitive(tree, "flavors")) if (flavor->string != NULL)
        mlf__buf_printf(&names, "%s%s", names.len > 0 ? separator : "", flavor->string);
    return mlf__buf_take(&names);
}
