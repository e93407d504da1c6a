/* SPDX-License-Identifier: Apache-2.0 */
/* The public API: files, texts, tables and images of a run. What is not a file yet goes through one in the
 * spool, which the collector removes once it is stored. */
#include "autolog/api.h"

#include "core/mem.h"
#include "tracking/artifacts.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

mlf_status mlf__api_pack_path(struct mlf__buf *buf, const char *path, const char *const *fields,
                              size_t n)
{
    char absolute[4096];
    struct stat st;
    if (stat(path, &st) != 0)
        return mlf__fail(MLF_ERR_NOT_FOUND, "%s: no such file or directory", path);
    if (!mlf__absolute_path(path, absolute, sizeof(absolute)))
        return mlf__fail(MLF_ERR_INVAL, "%s: the path is too long", path);
    mlf__buf_add(buf, absolute, strlen(absolute) + 1);
    for (size_t i = 0; i < n; i++) {
        const char *field = fields[i] != NULL ? fields[i] : "";
        mlf__buf_add(buf, field, strlen(field) + 1);
    }
    return buf->failed ? MLF_ERR_NOMEM : MLF_OK;
}

/* ---- files ---- */

/* |run| NULL: the current one. */
static mlf_status log_artifact(struct mlf_run *run, const char *path, const char *folder,
                               const char *call)
{
    struct mlf__buf text = {0};
    mlf_status status = mlf__api_check_text(path, call, "path");
    if (status == MLF_OK)
        status = mlf__artifact_check_folder(folder != NULL ? folder : "");
    if (status == MLF_OK)
        status = mlf__api_pack_path(&text, path, &folder, 1);
    if (status == MLF_OK && run == NULL)
        status = mlf__api_current_run(&run);
    if (status == MLF_OK)
        status = mlf__api_emit(run, (struct mlf__event){.kind = MLF__EV_ARTIFACT,
                                                        .text = text.data,
                                                        .text_len = text.len - 1});
    mlf__buf_free(&text);
    return mlf__api_result(status);
}

mlf_status mlf_log_artifact(const char *path, const char *folder)
{
    return mlf__api_is_off() ? MLF_OK : log_artifact(NULL, path, folder, "mlf_log_artifact");
}

mlf_status mlf_run_log_artifact(mlf_run *run, const char *path, const char *folder)
{
    if (mlf__api_is_off())
        return MLF_OK;
    mlf_status status = mlf__api_check_run(run, "mlf_run_log_artifact");
    return status == MLF_OK ? log_artifact(run, path, folder, "mlf_run_log_artifact") : status;
}

/* ---- what has no file yet ---- */

static mlf_status check_name(const char *artifact_file, const char *call)
{
    mlf_status status = mlf__api_check_text(artifact_file, call, "artifact_file");
    if (status != MLF_OK)
        return status;
    size_t len = strlen(artifact_file);
    const char *slash = strrchr(artifact_file, '/');
    const char *base = slash != NULL ? slash + 1 : artifact_file;
    if (len == 0 || base[0] == '\0' || strcmp(base, ".") == 0)
        return mlf__fail(MLF_ERR_INVAL, "%s: '%s' names no file", call, artifact_file);
    return mlf__artifact_check_folder(artifact_file);
}

/* Hands |data| over as a file of the spool, with |event|, whose text is made here. */
static mlf_status hand_over(struct mlf_run *run, struct mlf__event event, const void *data,
                            size_t len, const char *const *fields, size_t n)
{
    char path[MLF__PATH_SIZE];
    struct mlf__buf text = {0};
    mlf_status status = mlf__session_take_file(data, len, path);
    if (status != MLF_OK)
        return status;
    status = mlf__api_pack_path(&text, path, fields, n);
    if (status == MLF_OK) {
        event.flags = MLF__EVF_TAKE;
        event.text = text.data;
        event.text_len = text.len - 1;
        status = mlf__api_emit(run, event);
    }
    if (status != MLF_OK)
        unlink(path);
    mlf__buf_free(&text);
    return status;
}

/* |run| NULL: the current one. The name has been checked. */
static mlf_status log_bytes(struct mlf_run *run, const void *data, size_t len,
                            const char *artifact_file)
{
    const char *slash = strrchr(artifact_file, '/');
    size_t folder_len = slash != NULL ? (size_t)(slash - artifact_file) : 0;
    char *folder = mlf__strndup(artifact_file, folder_len);
    mlf_status status = folder != NULL ? MLF_OK : MLF_ERR_NOMEM;
    if (status == MLF_OK && run == NULL)
        status = mlf__api_current_run(&run);
    const char *const fields[] = {folder, slash != NULL ? slash + 1 : artifact_file};
    if (status == MLF_OK)
        status = hand_over(run, (struct mlf__event){.kind = MLF__EV_ARTIFACT}, data, len, fields,
                           MLF__ARRAY_LEN(fields));
    mlf__free(folder);
    return mlf__api_result(status);
}

static mlf_status log_text(struct mlf_run *run, const char *text, const char *artifact_file,
                           const char *call)
{
    mlf_status status = mlf__api_check_text(text, call, "text");
    if (status == MLF_OK)
        status = check_name(artifact_file, call);
    return status == MLF_OK ? log_bytes(run, text, strlen(text), artifact_file) : status;
}

mlf_status mlf_log_text(const char *text, const char *artifact_file)
{
    return mlf__api_is_off() ? MLF_OK : log_text(NULL, text, artifact_file, "mlf_log_text");
}

mlf_status mlf_run_log_text(mlf_run *run, const char *text, const char *artifact_file)
{
    if (mlf__api_is_off())
        return MLF_OK;
    mlf_status status = mlf__api_check_run(run, "mlf_run_log_text");
    return status == MLF_OK ? log_text(run, text, artifact_file, "mlf_run_log_text") : status;
}

/* ---- JSON ---- */

mlf_status mlf__api_check_json(const char *json, const char *call, const char *what)
{
    const char *end = NULL;
    cJSON *parsed = cJSON_ParseWithOpts(json, &end, 1);
    bool fine = parsed != NULL;
    cJSON_Delete(parsed);
    if (fine)
        return MLF_OK;
    size_t at = end != NULL ? (size_t)(end - json) : 0, line = 1;
    for (size_t i = 0; i < at; i++)
        line += json[i] == '\n';
    return mlf__fail(MLF_ERR_INVAL, "%s: %s is no JSON: line %zu, byte %zu, at '%.20s'", call, what,
                     line, at, json + at);
}

static mlf_status log_json(struct mlf_run *run, const char *json, const char *artifact_file,
                           const char *call)
{
    mlf_status status = mlf__api_check_text(json, call, "json");
    if (status == MLF_OK)
        status = check_name(artifact_file, call);
    if (status == MLF_OK)
        status = mlf__api_check_json(json, call, "the text");
    return status == MLF_OK ? log_bytes(run, json, strlen(json), artifact_file) : status;
}

mlf_status mlf_log_json(const char *json, const char *artifact_file)
{
    return mlf__api_is_off() ? MLF_OK : log_json(NULL, json, artifact_file, "mlf_log_json");
}

mlf_status mlf_run_log_json(mlf_run *run, const char *json, const char *artifact_file)
{
    if (mlf__api_is_off())
        return MLF_OK;
    mlf_status status = mlf__api_check_run(run, "mlf_run_log_json");
    return status == MLF_OK ? log_json(run, json, artifact_file, "mlf_run_log_json") : status;
}

/* ---- tables ---- */

static mlf_status check_table(const mlf_table *table, const char *artifact_file, const char *call)
{
    if (table == NULL)
        return mlf__fail(MLF_ERR_INVAL, "%s: no table", call);
    if (table->size < sizeof(*table))
        return mlf__fail(MLF_ERR_INVAL, "%s: a table without MLF_TABLE_INIT", call);
    if (table->n_columns == 0 || table->columns == NULL)
        return mlf__fail(MLF_ERR_INVAL, "%s: a table without columns", call);
    size_t n_cells;
    if (!mlf__mul_size(table->n_rows, table->n_columns, &n_cells) ||
        (n_cells > 0 && table->cells == NULL))
        return mlf__fail(MLF_ERR_INVAL, "%s: a table without cells", call);
    for (size_t i = 0; i < table->n_columns; i++)
        if (table->columns[i] == NULL)
            return mlf__fail(MLF_ERR_INVAL, "%s: column %zu has no name", call, i);
    mlf_status status = check_name(artifact_file, call);
    const char *dot = status == MLF_OK ? strrchr(artifact_file, '.') : NULL;
    if (status == MLF_OK && (dot == NULL || strcmp(dot, ".json") != 0))
        status =
            mlf__fail(MLF_ERR_INVAL, "%s: the name of a table ends in .json, and '%s' does not",
                      call, artifact_file);
    return status;
}

/* A text that is a number: as it stands where JSON knows it so, "nan" and "inf" as null. NULL: it is none. */
static cJSON *number_cell(const char *text)
{
    double value;
    const char *end = NULL;
    cJSON *parsed = cJSON_ParseWithOpts(text, &end, 1);
    bool is_json = cJSON_IsNumber(parsed) && end[-1] != ' ' && text[0] != ' ';
    cJSON_Delete(parsed);
    if (is_json)
        return cJSON_CreateRaw(text);
    if (!mlf__parse_double(text, &value))
        return NULL;
    return isfinite(value) ? cJSON_CreateNumber(value) : cJSON_CreateNull();
}

/* A text as cJSON can write it: valid UTF-8. */
static cJSON *text_cell(const char *text)
{
    struct mlf__buf clean = {0};
    mlf__buf_add_utf8(&clean, text, strlen(text));
    cJSON *cell = clean.failed ? NULL : cJSON_CreateString(clean.data != NULL ? clean.data : "");
    mlf__buf_free(&clean);
    return cell;
}

static mlf_status add_row(cJSON *data, const mlf_table *table, size_t row, const char *call)
{
    cJSON *cells = cJSON_CreateArray();
    if (!cJSON_AddItemToArray(data, cells)) {
        cJSON_Delete(cells);
        return MLF_ERR_NOMEM;
    }
    for (size_t i = 0; i < table->n_columns; i++) {
        const char *text = table->cells[row * table->n_columns + i];
        bool number = table->is_number != NULL && table->is_number[i];
        cJSON *cell = text == NULL ? cJSON_CreateNull()
                      : number     ? number_cell(text)
                                   : text_cell(text);
        if (cell == NULL && number)
            return mlf__fail(MLF_ERR_INVAL, "%s: row %zu, column '%s': '%.40s' is no number", call,
                             row, table->columns[i], text);
        if (!cJSON_AddItemToArray(cells, cell)) {
            cJSON_Delete(cell);
            return MLF_ERR_NOMEM;
        }
    }
    return MLF_OK;
}

/* {"columns": […], "data": [[…], …]}, as pandas writes it for MLflow (orient "split"). */
static mlf_status print_table(const mlf_table *table, const char *call, char **out)
{
    cJSON *json = cJSON_CreateObject();
    cJSON *columns = cJSON_AddArrayToObject(json, "columns");
    cJSON *data = cJSON_AddArrayToObject(json, "data");
    mlf_status status = columns != NULL && data != NULL ? MLF_OK : MLF_ERR_NOMEM;
    for (size_t i = 0; i < table->n_columns && status == MLF_OK; i++)
        if (!cJSON_AddItemToArray(columns, text_cell(table->columns[i])))
            status = MLF_ERR_NOMEM;
    for (size_t row = 0; row < table->n_rows && status == MLF_OK; row++)
        status = add_row(data, table, row, call);
    *out = status == MLF_OK ? cJSON_PrintUnformatted(json) : NULL;
    cJSON_Delete(json);
    return status == MLF_OK && *out == NULL ? MLF_ERR_NOMEM : status;
}

mlf_status mlf__api_log_table(mlf_run *run, const mlf_table *table, const char *artifact_file,
                              const char *model_id)
{
    char *text = NULL;
    if (mlf__api_is_off())
        return MLF_OK;
    const char *call = run != NULL ? "mlf_run_log_table" : "mlf_log_table";
    mlf_status status = check_table(table, artifact_file, call);
    if (status == MLF_OK)
        status = print_table(table, call, &text);
    if (status == MLF_OK && run == NULL)
        status = mlf__api_current_run(&run);
    const struct mlf__event event = {.kind = MLF__EV_TABLE, .model = model_id};
    if (status == MLF_OK)
        status = hand_over(run, event, text, strlen(text), &artifact_file, 1);
    cJSON_free(text);
    return mlf__api_result(status);
}

mlf_status mlf_log_table(const mlf_table *table, const char *artifact_file)
{
    return mlf__api_log_table(NULL, table, artifact_file, NULL);
}

mlf_status mlf_run_log_table(mlf_run *run, const mlf_table *table, const char *artifact_file)
{
    if (mlf__api_is_off())
        return MLF_OK;
    mlf_status status = mlf__api_check_run(run, "mlf_run_log_table");
    return status == MLF_OK ? mlf__api_log_table(run, table, artifact_file, NULL) : status;
}

/* ---- images ---- */

/* |run| NULL: the current one. */
static mlf_status log_image(struct mlf_run *run, const mlf_image *image, const char *artifact_file,
                            const char *call)
{
    struct mlf__buf png = {0};
    if (image == NULL || image->pixels == NULL)
        return mlf__fail(MLF_ERR_INVAL, "%s: no %s", call, image == NULL ? "image" : "pixels");
    if (image->size < sizeof(*image))
        return mlf__fail(MLF_ERR_INVAL, "%s: an image without MLF_IMAGE_INIT", call);
    mlf_status status = check_name(artifact_file, call);
    if (status == MLF_OK)
        status = mlf__png_encode(image, &png);
    if (status == MLF_OK)
        status = log_bytes(run, png.data, png.len, artifact_file);
    mlf__buf_free(&png);
    return status;
}

mlf_status mlf_log_image(const mlf_image *image, const char *artifact_file)
{
    return mlf__api_is_off() ? MLF_OK : log_image(NULL, image, artifact_file, "mlf_log_image");
}

mlf_status mlf_run_log_image(mlf_run *run, const mlf_image *image, const char *artifact_file)
{
    if (mlf__api_is_off())
        return MLF_OK;
    mlf_status status = mlf__api_check_run(run, "mlf_run_log_image");
    return status == MLF_OK ? log_image(run, image, artifact_file, "mlf_run_log_image") : status;
}
