/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of a study's tags. */
#include "tuner/study_log_format.h"

#include "core/mem.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const state_names[] = {"RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING"};
static const char parts_member[] = "{\"parts\":";

enum { NAME_MAX_BYTES = 1000, NAMES_MAX = 1000000, PAIRS_MAX = 4096 };

/* ---- parts ---- */

/* Bytes of |text| that fit into a part, without cutting a character. */
static size_t part_length(const char *text, size_t len)
{
    size_t n = len < MLF__TAG_PART ? len : MLF__TAG_PART;
    while (n < len && n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    return n;
}

static mlf_status put_parts(const char *key, const char *text, size_t len, mlf__part_fn *put,
                            void *user)
{
    char name[256], part[MLF__TAG_PART + 1];
    size_t at = part_length(text, len);
    mlf_status status = MLF_OK;
    for (size_t i = 1; at < len && status == MLF_OK; i++) {
        size_t n = part_length(text + at, len - at);
        memcpy(part, text + at, n);
        part[n] = '\0';
        snprintf(name, sizeof(name), "%s.%zu", key, i);
        status = put(name, part, user);
        at += n;
    }
    size_t head = part_length(text, len);
    memcpy(part, text, head);
    part[head] = '\0';
    return status == MLF_OK ? put(key, part, user) : status;
}

static size_t count_parts(const char *text, size_t len)
{
    size_t n = 0;
    for (size_t at = 0; at < len; n++)
        at += part_length(text + at, len - at);
    return n;
}

mlf_status mlf__study_parts(const char *key, const char *text, mlf__part_fn *put, void *user)
{
    size_t len = strlen(text);
    struct mlf__buf whole = {0};
    if (len <= MLF__TAG_PART)
        return put(key, text, user);
    /* Four digits: their number does not change with what they say. */
    mlf__buf_printf(&whole, "%s%04u,%s", parts_member, 0u, text + 1);
    mlf_status status = MLF_ERR_NOMEM;
    if (!whole.failed) {
        char digits[8];
        size_t n = count_parts(whole.data, whole.len);
        if (n > MLF__TAG_PARTS_MAX) {
            mlf__buf_free(&whole);
            return mlf__fail(MLF_ERR_INVAL, "tag %s: %zu bytes are too many", key, len);
        }
        /* JSON has no zeros before a number: blanks stand there. */
        snprintf(digits, sizeof(digits), "%4zu", n);
        memcpy(whole.data + sizeof(parts_member) - 1, digits, 4);
        status = put_parts(key, whole.data, whole.len, put, user);
    }
    mlf__buf_free(&whole);
    return status;
}

size_t mlf__study_n_parts(const char *head)
{
    const size_t skip = sizeof(parts_member) - 1;
    char digits[5];
    int64_t n;
    if (strncmp(head, parts_member, skip) != 0)
        return 1;
    snprintf(digits, sizeof(digits), "%.4s", head + skip);
    bool good =
        mlf__parse_i64(digits + strspn(digits, " "), &n) && n > 1 && n <= MLF__TAG_PARTS_MAX;
    return good ? (size_t)n : 0;
}

static const char *find_tag(const mlf_run_record *run, const char *key)
{
    for (size_t i = 0; i < run->n_tags; i++)
        if (strcmp(run->tags[i].key, key) == 0)
            return run->tags[i].value;
    return NULL;
}

mlf_status mlf__study_tag_text(const mlf_run_record *run, const char *key, char **out)
{
    char name[256];
    struct mlf__buf text = {0};
    const char *part = find_tag(run, key);
    *out = NULL;
    if (part == NULL)
        return mlf__fail(MLF_ERR_NOT_FOUND, "run %s: there is no tag %s", run->run_id, key);
    size_t n = mlf__study_n_parts(part);
    if (n == 0)
        return mlf__fail(MLF_ERR_CORRUPT, "run %s: tag %s: how many parts it has cannot be read",
                         run->run_id, key);
    mlf__buf_puts(&text, part);
    for (size_t i = 1; i < n; i++) {
        snprintf(name, sizeof(name), "%s.%zu", key, i);
        part = find_tag(run, name);
        if (part == NULL) {
            mlf__buf_free(&text);
            return mlf__fail(MLF_ERR_CORRUPT, "run %s: there is no tag %s, a part of %s",
                             run->run_id, name, key);
        }
        mlf__buf_puts(&text, part);
    }
    *out = mlf__buf_take(&text);
    return *out != NULL ? MLF_OK : MLF_ERR_NOMEM;
}

/* ---- helpers ---- */

/* JSON has no infinities: they are texts. */
static void put_number(struct mlf__buf *out, double value)
{
    char text[MLF__NUMBER_SIZE];
    size_t n = mlf__format_double(text, value);
    if (!isfinite(value))
        mlf__buf_printf(out, "\"%s\"", text);
    else
        mlf__buf_add(out, text, n);
}

static bool get_number(const cJSON *item, double *out)
{
    static const struct {
        const char *text;
        double value;
    } special[] = {{"inf", INFINITY}, {"-inf", -INFINITY}, {"nan", NAN}};
    if (cJSON_IsNumber(item)) {
        *out = item->valuedouble;
        return isfinite(*out);
    }
    for (size_t i = 0; cJSON_IsString(item) && i < MLF__ARRAY_LEN(special); i++)
        if (strcmp(item->valuestring, special[i].text) == 0) {
            *out = special[i].value;
            return true;
        }
    return false;
}

static bool get_integer(const cJSON *item, int64_t low, int64_t high, int64_t *out)
{
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= (double)low) ||
        !(item->valuedouble <= (double)high) || item->valuedouble != floor(item->valuedouble))
        return false;
    *out = (int64_t)item->valuedouble;
    return true;
}

static const cJSON *member(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

/* Adds what |raw| has gathered, and empties it. */
static bool add_raw(cJSON *object, const char *key, struct mlf__buf *raw)
{
    char *text = mlf__buf_take(raw);
    bool added = text != NULL && cJSON_AddRawToObject(object, key, text) != NULL;
    mlf__free(text);
    return added;
}

/* A text of the program's, as valid UTF-8. */
static bool add_text(cJSON *object, const char *key, const char *text)
{
    struct mlf__buf name = {0}, value = {0};
    mlf__buf_add_utf8(&name, key, strlen(key));
    mlf__buf_add_utf8(&value, text, strlen(text));
    mlf__buf_add(&name, "", 0);
    mlf__buf_add(&value, "", 0);
    bool added = !name.failed && !value.failed &&
                 cJSON_AddStringToObject(object, name.data, value.data) != NULL;
    mlf__buf_free(&name);
    mlf__buf_free(&value);
    return added;
}

/* Prints and frees |json|; |whole| tells whether it has everything. */
static char *finish(cJSON *json, bool whole)
{
    char *printed = whole ? cJSON_PrintUnformatted(json) : NULL;
    char *text = printed != NULL ? mlf__strdup(printed) : NULL;
    cJSON_free(printed);
    cJSON_Delete(json);
    return text;
}

static mlf_status parse(const char *text, const char *where, cJSON **out)
{
    *out = cJSON_Parse(text);
    if (cJSON_IsObject(*out))
        return MLF_OK;
    cJSON_Delete(*out);
    *out = NULL;
    return mlf__fail(MLF_ERR_CORRUPT, "%s: not a JSON object", where);
}

/* ---- mlf.study ---- */

char *mlf__study_header_write(const struct mlf__study_info *info)
{
    char seed[32];
    cJSON *json = cJSON_CreateObject();
    snprintf(seed, sizeof(seed), "%" PRIu64, info->seed);
    bool whole = cJSON_AddNumberToObject(json, "version", MLF__STUDY_VERSION) != NULL &&
                 add_text(json, "name", info->name);
    cJSON *metrics = cJSON_AddArrayToObject(json, "metrics");
    cJSON *directions = cJSON_AddArrayToObject(json, "directions");
    for (size_t i = 0; i < info->n_objectives; i++) {
        const char *direction = info->directions[i] == MLF_MAXIMIZE ? "maximize" : "minimize";
        whole = whole && cJSON_AddItemToArray(metrics, cJSON_CreateString(info->metrics[i])) &&
                cJSON_AddItemToArray(directions, cJSON_CreateString(direction));
    }
    whole = whole && add_text(json, "sampler", info->sampler != NULL ? info->sampler : "") &&
            add_text(json, "pruner", info->pruner != NULL ? info->pruner : "") &&
            cJSON_AddStringToObject(json, "seed", seed) != NULL;
    return finish(json, whole);
}

static mlf_status read_objectives(const cJSON *json, const char *where, struct mlf__study_info *out)
{
    const cJSON *metrics = member(json, "metrics"), *directions = member(json, "directions");
    if (!cJSON_IsArray(metrics) || !cJSON_IsArray(directions))
        return mlf__fail(MLF_ERR_CORRUPT, "%s: metrics or directions are missing", where);
    const cJSON *direction = directions->child;
    for (const cJSON *item = metrics->child; item != NULL; item = item->next) {
        size_t n = out->n_objectives;
        bool maximize =
            cJSON_IsString(direction) && strcmp(direction->valuestring, "maximize") == 0;
        bool minimize =
            cJSON_IsString(direction) && strcmp(direction->valuestring, "minimize") == 0;
        if (n == MLF__OBJECTIVES_MAX || !cJSON_IsString(item) || !(maximize || minimize))
            return mlf__fail(MLF_ERR_CORRUPT, "%s: objective %zu is damaged", where, n);
        if ((out->metrics[n] = mlf__strdup(item->valuestring)) == NULL)
            return MLF_ERR_NOMEM;
        out->directions[n] = maximize ? MLF_MAXIMIZE : MLF_MINIMIZE;
        out->n_objectives++;
        direction = direction->next;
    }
    return out->n_objectives > 0 && direction == NULL
               ? MLF_OK
               : mlf__fail(MLF_ERR_CORRUPT, "%s: metrics and directions do not go together", where);
}

static mlf_status read_setting(const cJSON *json, const char *key, const char *where, char **out)
{
    const cJSON *item = member(json, key);
    if (!cJSON_IsString(item))
        return mlf__fail(MLF_ERR_CORRUPT, "%s: %s is not a text", where, key);
    *out = mlf__strdup(item->valuestring);
    return *out != NULL ? MLF_OK : MLF_ERR_NOMEM;
}

static mlf_status read_seed(const cJSON *json, const char *where, uint64_t *out)
{
    const cJSON *item = member(json, "seed");
    const char *text = cJSON_IsString(item) ? item->valuestring : "";
    bool good = text[0] != '\0' && strspn(text, "0123456789") == strlen(text);
    *out = 0;
    for (; good && *text != '\0'; text++)
        good = !__builtin_mul_overflow(*out, 10u, out) &&
               !__builtin_add_overflow(*out, (uint64_t)(*text - '0'), out);
    return good ? MLF_OK : mlf__fail(MLF_ERR_CORRUPT, "%s: the seed is not a number", where);
}

mlf_status mlf__study_header_read(const char *text, const char *where, struct mlf__study_info *out)
{
    cJSON *json;
    int64_t version;
    mlf_status status = parse(text, where, &json);
    if (status != MLF_OK)
        return status;
    if (!get_integer(member(json, "version"), 1, INT32_MAX, &version))
        status = mlf__fail(MLF_ERR_CORRUPT, "%s: there is no version", where);
    else if (version > MLF__STUDY_VERSION)
        status = mlf__fail(MLF_ERR_UNSUPPORTED,
                           "%s: the study is of version %" PRId64
                           ", this mlf knows version %d: use the newer one",
                           where, version, MLF__STUDY_VERSION);
    else
        status = read_objectives(json, where, out);
    if (status == MLF_OK)
        status = read_setting(json, "sampler", where, &out->sampler);
    if (status == MLF_OK)
        status = read_setting(json, "pruner", where, &out->pruner);
    if (status == MLF_OK)
        status = read_seed(json, where, &out->seed);
    cJSON_Delete(json);
    return status;
}

/* ---- mlf.study.space.N ---- */

char *mlf__study_space_write(const struct mlf__history *history, size_t first_name,
                             size_t first_dist)
{
    cJSON *json = cJSON_CreateObject();
    cJSON *names = cJSON_AddArrayToObject(json, "names");
    cJSON *dists = cJSON_AddArrayToObject(json, "distributions");
    bool whole = dists != NULL;
    for (size_t i = first_name; i < history->n_names && whole; i++)
        whole = cJSON_AddItemToArray(names, cJSON_CreateString(history->names[i]));
    for (size_t i = first_dist; i < history->n_dists && whole; i++)
        whole = cJSON_AddItemToArray(dists, mlf__dist_to_json(&history->dists[i]));
    return finish(json, whole);
}

static mlf_status read_name(const cJSON *item, const char *where, struct mlf__history *history)
{
    uint32_t number;
    size_t n = history->n_names;
    if (!cJSON_IsString(item) || item->valuestring[0] == '\0' ||
        strlen(item->valuestring) > NAME_MAX_BYTES || n >= NAMES_MAX)
        return mlf__fail(MLF_ERR_CORRUPT, "%s: name %zu is none", where, n);
    mlf_status status = mlf__history_name(history, item->valuestring, &number);
    if (status == MLF_OK && number != n)
        status =
            mlf__fail(MLF_ERR_CORRUPT, "%s: name '%s' is there twice", where, item->valuestring);
    return status;
}

static mlf_status read_dist(const cJSON *item, const char *where, struct mlf__history *history)
{
    struct mlf__dist dist = {0};
    uint32_t number;
    size_t n = history->n_dists;
    char text[400];
    if (n >= NAMES_MAX)
        return mlf__fail(MLF_ERR_CORRUPT, "%s: too many distributions", where);
    if (mlf__dist_from_json(item, "distribution", &dist) != MLF_OK) {
        mlf__copy_text(text, sizeof(text), mlf__errmsg());
        return mlf__fail(MLF_ERR_CORRUPT, "%s: number %zu: %s", where, n, text);
    }
    mlf_status status = mlf__history_dist(history, &dist, &number);
    mlf__dist_free(&dist);
    if (status == MLF_OK && number != n)
        status = mlf__fail(MLF_ERR_CORRUPT, "%s: distribution %zu is there twice", where, n);
    return status;
}

mlf_status mlf__study_space_read(const char *text, const char *where, struct mlf__history *history)
{
    cJSON *json;
    mlf_status status = parse(text, where, &json);
    if (status != MLF_OK)
        return status;
    const cJSON *names = member(json, "names"), *dists = member(json, "distributions");
    if (!cJSON_IsArray(names) || !cJSON_IsArray(dists))
        status = mlf__fail(MLF_ERR_CORRUPT, "%s: names or distributions are missing", where);
    const cJSON *item = status == MLF_OK ? names->child : NULL;
    for (; item != NULL && status == MLF_OK; item = item->next)
        status = read_name(item, where, history);
    item = status == MLF_OK ? dists->child : NULL;
    for (; item != NULL && status == MLF_OK; item = item->next)
        status = read_dist(item, where, history);
    cJSON_Delete(json);
    return status;
}

/* ---- mlf.trial: writing ---- */

static bool add_pairs(cJSON *json, const char *key, const mlf_pair *pairs, size_t n)
{
    cJSON *object = n > 0 ? cJSON_AddObjectToObject(json, key) : NULL;
    bool whole = n == 0 || object != NULL;
    for (size_t i = 0; i < n && whole; i++)
        whole = add_text(object, pairs[i].key, pairs[i].value);
    return whole;
}

static bool add_extra(cJSON *json, const struct mlf__trial_extra *extra)
{
    cJSON *constraints =
        extra->n_constraints > 0 ? cJSON_AddObjectToObject(json, "constraints") : NULL;
    bool whole = extra->n_constraints == 0 || constraints != NULL;
    for (size_t i = 0; i < extra->n_constraints && whole; i++) {
        struct mlf__buf number = {0}, key = {0};
        mlf__buf_add_utf8(&key, extra->constraints[i].key, strlen(extra->constraints[i].key));
        mlf__buf_add(&key, "", 0);
        put_number(&number, extra->constraints[i].value);
        whole = !key.failed && add_raw(constraints, key.data, &number);
        mlf__buf_free(&key);
    }
    return whole && add_pairs(json, "attributes", extra->attrs, extra->n_attrs) &&
           add_pairs(json, "fixed", extra->fixed, extra->n_fixed);
}

static bool add_values(cJSON *json, const struct mlf__trial *trial)
{
    struct mlf__buf raw = {0};
    for (size_t i = 0; i < trial->n_values; i++) {
        mlf__buf_puts(&raw, i == 0 ? "[" : ",");
        put_number(&raw, mlf__trial_values(trial)[i]);
    }
    mlf__buf_puts(&raw, "]");
    if (trial->n_values > 0)
        return add_raw(json, "values", &raw);
    mlf__buf_free(&raw);
    return true;
}

static bool add_params(cJSON *json, const struct mlf__trial *trial)
{
    struct mlf__buf raw = {0};
    for (uint32_t i = 0; i < trial->n_params; i++) {
        const struct mlf__param_value *param = &trial->params[i];
        mlf__buf_printf(&raw, "%s[%" PRIu32 ",%" PRIu32 ",", i == 0 ? "[" : ",", param->name,
                        param->dist);
        put_number(&raw, param->value);
        mlf__buf_puts(&raw, "]");
    }
    mlf__buf_puts(&raw, "]");
    if (trial->n_params > 0)
        return add_raw(json, "params", &raw);
    mlf__buf_free(&raw);
    return true;
}

/* Of too many reports the last ones are kept, as many as go into the tags; the run's metric has them all. */
static bool add_intermediate(cJSON *json, const struct mlf__trial *trial)
{
    enum { BYTES_EACH = 48 };
    const uint32_t most = MLF__TAG_PART / BYTES_EACH * (MLF__TAG_PARTS_MAX - 100);
    struct mlf__buf raw = {0};
    uint32_t first = trial->n_intermediate > most ? trial->n_intermediate - most : 0;
    for (uint32_t i = first; i < trial->n_intermediate; i++) {
        mlf__buf_printf(&raw, "%s[%" PRId64 ",", i == first ? "[" : ",",
                        trial->intermediate[i].step);
        put_number(&raw, trial->intermediate[i].value);
        mlf__buf_puts(&raw, "]");
    }
    mlf__buf_puts(&raw, "]");
    if (trial->n_intermediate > 0)
        return add_raw(json, "intermediate", &raw);
    mlf__buf_free(&raw);
    return true;
}

char *mlf__study_trial_write(const struct mlf__trial *trial)
{
    cJSON *json = cJSON_CreateObject();
    bool whole = cJSON_AddNumberToObject(json, "number", (double)trial->number) != NULL &&
                 cJSON_AddStringToObject(json, "state", state_names[trial->state]) != NULL &&
                 add_values(json, trial) && add_params(json, trial) &&
                 add_intermediate(json, trial) &&
                 (trial->extra == NULL || add_extra(json, trial->extra));
    if (whole && trial->generation >= 0)
        whole = cJSON_AddNumberToObject(json, "generation", (double)trial->generation) != NULL;
    if (whole && trial->told != SIZE_MAX)
        whole = cJSON_AddNumberToObject(json, "told", (double)trial->told) != NULL;
    return finish(json, whole);
}

/* ---- mlf.trial: reading ---- */

static int parse_state(const cJSON *item)
{
    for (size_t i = 0; cJSON_IsString(item) && i < MLF__ARRAY_LEN(state_names); i++)
        if (strcmp(item->valuestring, state_names[i]) == 0)
            return (int)i;
    return -1;
}

static mlf_status read_values(const cJSON *json, const char *where,
                              const struct mlf__history *history, struct mlf__trial_text *out)
{
    const cJSON *values = member(json, "values");
    const cJSON *item = cJSON_IsArray(values) ? values->child : NULL;
    for (; item != NULL; item = item->next) {
        if (out->n_values == MLF__OBJECTIVES_MAX ||
            !get_number(item, &out->values[out->n_values]) || isnan(out->values[out->n_values]))
            return mlf__fail(MLF_ERR_CORRUPT, "%s: value %zu is not a number", where,
                             out->n_values);
        out->n_values++;
    }
    if (out->state == MLF_TRIAL_COMPLETE && out->n_values != history->n_objectives)
        return mlf__fail(MLF_ERR_CORRUPT, "%s: %zu values for %zu objectives", where, out->n_values,
                         history->n_objectives);
    return MLF_OK;
}

mlf_status mlf__study_trial_read(const char *text, const char *where,
                                 const struct mlf__history *history, struct mlf__trial_text *out)
{
    *out = (struct mlf__trial_text){.told = -1};
    mlf_status status = parse(text, where, &out->json);
    if (status != MLF_OK)
        return status;
    int state = parse_state(member(out->json, "state"));
    const cJSON *told = member(out->json, "told");
    if (!get_integer(member(out->json, "number"), 0, INT32_MAX, &out->number))
        status = mlf__fail(MLF_ERR_CORRUPT, "%s: there is no trial's number", where);
    else if (state < 0)
        status = mlf__fail(MLF_ERR_CORRUPT, "%s: the state is none of a trial", where);
    else if (told != NULL && !get_integer(told, 0, INT32_MAX, &out->told))
        status = mlf__fail(MLF_ERR_CORRUPT, "%s: the place in the order is not a number", where);
    out->state = (mlf_trial_state)state;
    if (status == MLF_OK)
        status = read_values(out->json, where, history, out);
    if (status != MLF_OK)
        mlf__trial_text_free(out);
    return status;
}

void mlf__trial_text_free(struct mlf__trial_text *text)
{
    cJSON_Delete(text->json);
    text->json = NULL;
}

/* May a parameter with |dist| have this value? One that was enqueued may lie outside the range. */
static bool is_value(const struct mlf__dist *dist, double value)
{
    if (dist->kind == MLF__DIST_CATEGORICAL)
        return value >= 0 && value < (double)dist->n_choices && value == floor(value);
    return isfinite(value) && (!dist->log || value > 0);
}

static mlf_status fill_params(const cJSON *json, const char *where,
                              const struct mlf__history *history, struct mlf__trial *trial)
{
    const cJSON *params = member(json, "params");
    const cJSON *item = cJSON_IsArray(params) ? params->child : NULL;
    for (; item != NULL; item = item->next) {
        const cJSON *name = cJSON_IsArray(item) ? item->child : NULL;
        const cJSON *dist = name != NULL ? name->next : NULL;
        int64_t name_number, dist_number;
        double value;
        bool good = trial->n_params < MLF__TRIAL_PARAMS_MAX && dist != NULL &&
                    get_integer(name, 0, (int64_t)history->n_names - 1, &name_number) &&
                    get_integer(dist, 0, (int64_t)history->n_dists - 1, &dist_number) &&
                    get_number(dist->next, &value) &&
                    is_value(&history->dists[dist_number], value) &&
                    mlf__trial_param(trial, (uint32_t)name_number) == NULL;
        if (!good)
            return mlf__fail(MLF_ERR_CORRUPT, "%s: param %u is damaged", where, trial->n_params);
        mlf_status status =
            mlf__trial_set_param(trial, (uint32_t)name_number, (uint32_t)dist_number, value);
        if (status != MLF_OK)
            return status;
    }
    return MLF_OK;
}

static mlf_status fill_intermediate(const cJSON *json, const char *where, struct mlf__trial *trial)
{
    const cJSON *list = member(json, "intermediate");
    const cJSON *item = cJSON_IsArray(list) ? list->child : NULL;
    int64_t step, before = -1;
    double value;
    for (; item != NULL; item = item->next) {
        const cJSON *first = cJSON_IsArray(item) ? item->child : NULL;
        /* They are written by step; anything else would make a long list slow to read. */
        if (first == NULL || !get_integer(first, before + 1, (int64_t)1 << 53, &step) ||
            !get_number(first->next, &value))
            return mlf__fail(MLF_ERR_CORRUPT, "%s: intermediate value %u is damaged", where,
                             trial->n_intermediate);
        mlf_status status = mlf__trial_add_intermediate(trial, step, value);
        if (status != MLF_OK)
            return status;
        before = step;
    }
    return MLF_OK;
}

static mlf_status fill_pairs(const cJSON *json, const char *key, const char *where,
                             struct mlf__trial *trial)
{
    const cJSON *list = member(json, key);
    const cJSON *item = cJSON_IsObject(list) ? list->child : NULL;
    for (size_t n = 0; item != NULL; item = item->next) {
        if (!cJSON_IsString(item) || n++ == PAIRS_MAX)
            return mlf__fail(MLF_ERR_CORRUPT, "%s: %s.%s is not a text", where, key, item->string);
        struct mlf__trial_extra *extra = mlf__trial_extra(trial);
        if (extra == NULL)
            return MLF_ERR_NOMEM;
        bool fixed = strcmp(key, "fixed") == 0;
        mlf_status status = mlf__pairs_set(
            fixed ? &extra->fixed : &extra->attrs, fixed ? &extra->n_fixed : &extra->n_attrs,
            fixed ? &extra->cap_fixed : &extra->cap_attrs, item->string, item->valuestring);
        if (status != MLF_OK)
            return status;
    }
    return MLF_OK;
}

static mlf_status fill_constraints(const cJSON *json, const char *where, struct mlf__trial *trial)
{
    const cJSON *list = member(json, "constraints");
    const cJSON *item = cJSON_IsObject(list) ? list->child : NULL;
    for (size_t n = 0; item != NULL; item = item->next) {
        double value;
        if (!get_number(item, &value) || isnan(value) || n++ == PAIRS_MAX)
            return mlf__fail(MLF_ERR_CORRUPT, "%s: constraint %s is not a number", where,
                             item->string);
        mlf_status status = mlf__trial_add_constraint(trial, item->string, value);
        if (status == MLF_ERR_EXISTS)
            status =
                mlf__fail(MLF_ERR_CORRUPT, "%s: constraint %s is there twice", where, item->string);
        if (status != MLF_OK)
            return status;
    }
    return MLF_OK;
}

mlf_status mlf__study_trial_fill(const struct mlf__trial_text *text, const char *where,
                                 const struct mlf__history *history, struct mlf__trial *trial)
{
    const cJSON *json = text->json, *generation = member(json, "generation");
    mlf_status status = fill_params(json, where, history, trial);
    if (status == MLF_OK)
        status = fill_intermediate(json, where, trial);
    if (status == MLF_OK)
        status = fill_constraints(json, where, trial);
    if (status == MLF_OK)
        status = fill_pairs(json, "attributes", where, trial);
    if (status == MLF_OK)
        status = fill_pairs(json, "fixed", where, trial);
    if (status == MLF_OK && generation != NULL &&
        !get_integer(generation, 0, (int64_t)1 << 53, &trial->generation))
        status = mlf__fail(MLF_ERR_CORRUPT, "%s: the generation is not a number", where);
    return status;
}
