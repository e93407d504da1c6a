/* SPDX-License-Identifier: Apache-2.0 */
/* The public API: data sets that a run has used. Names, sizes and JSON are checked here; a file's digest is
 * made by the collector. */
#include "autolog/api.h"

#include <string.h>
#include <sys/stat.h>

/* What is checked of one text of a data set. */
struct limit {
    const char *what;
    const char *text; /* NULL: not given */
    size_t max;       /* characters, MLflow's limit */
    bool json;
};

static mlf_status check_limit(const struct limit *limit, const char *call)
{
    if (limit->text == NULL)
        return MLF_OK;
    size_t len = mlf__utf8_length(limit->text, strlen(limit->text));
    if (len == SIZE_MAX)
        return mlf__fail(MLF_ERR_INVAL, "%s: '%s' is no UTF-8", call, limit->what);
    if (len > limit->max)
        return mlf__fail(MLF_ERR_INVAL, "%s: '%s' exceeds the maximum length of %zu characters",
                         call, limit->what, limit->max);
    return limit->json ? mlf__api_check_json(limit->text, call, limit->what) : MLF_OK;
}

static mlf_status check_dataset(const mlf_dataset *dataset, const char *call)
{
    if (dataset == NULL)
        return mlf__fail(MLF_ERR_INVAL, "%s: no data set", call);
    if (dataset->size < sizeof(*dataset))
        return mlf__fail(MLF_ERR_INVAL, "%s: a data set without MLF_DATASET_INIT", call);
    bool is_file = dataset->source_type == NULL;
    mlf_status status = mlf__api_check_text(dataset->source, call, "source");
    if (status == MLF_OK && !is_file && (dataset->name == NULL || dataset->digest == NULL))
        status = mlf__fail(MLF_ERR_INVAL, "%s: a data set that is no file needs a %s", call,
                           dataset->name == NULL ? "name" : "digest");
    const struct limit limits[] = {{"name", dataset->name, 500, false},
                                   {"digest", dataset->digest, 36, false},
                                   {"source", dataset->source, 65535, !is_file},
                                   {"source_type", dataset->source_type, 36, false},
                                   {"schema", dataset->schema, 1048575, true},
                                   {"profile", dataset->profile, 16777215, true},
                                   {"context", dataset->context, 500, false}};
    for (size_t i = 0; i < MLF__ARRAY_LEN(limits) && status == MLF_OK; i++) {
        status = check_limit(&limits[i], call);
        if (status == MLF_OK && i < 4 && limits[i].text != NULL && limits[i].text[0] == '\0')
            status = mlf__fail(MLF_ERR_INVAL, "%s: the %s is empty", call, limits[i].what);
    }
    return status;
}

/* The fields of the event: of a file the source is its path, and the collector makes what is left open. */
static mlf_status pack(const mlf_dataset *dataset, const char *call, struct mlf__buf *out)
{
    struct mlf__buf path = {0};
    const char *source = dataset->source, *name = dataset->name;
    mlf_status status = MLF_OK;
    if (dataset->source_type == NULL) {
        struct stat st;
        status = mlf__api_pack_path(&path, source, NULL, 0);
        source = path.data;
        if (status == MLF_OK && dataset->digest == NULL &&
            (stat(source, &st) != 0 || !S_ISREG(st.st_mode)))
            status =
                mlf__fail(MLF_ERR_INVAL, "%s: '%s' is no regular file, so that it needs a digest",
                          call, dataset->source);
        if (status == MLF_OK && name == NULL)
            name = strrchr(source, '/') + 1;
    }
    const char *fields[] = {name,
                            dataset->digest,
                            dataset->source_type,
                            source,
                            dataset->schema,
                            dataset->profile,
                            dataset->context};
    for (size_t i = 0; i < MLF__ARRAY_LEN(fields) && status == MLF_OK; i++) {
        const char *field = fields[i] != NULL ? fields[i] : "";
        mlf__buf_add(out, field, strlen(field) + 1);
    }
    mlf__buf_free(&path);
    return out->failed ? MLF_ERR_NOMEM : status;
}

/* |run| NULL: the current one. */
static mlf_status log_input(struct mlf_run *run, const mlf_dataset *dataset, const char *call)
{
    struct mlf__buf text = {0};
    mlf_status status = check_dataset(dataset, call);
    if (status == MLF_OK)
        status = pack(dataset, call, &text);
    if (status == MLF_OK && run == NULL)
        status = mlf__api_current_run(&run);
    if (status == MLF_OK)
        status = mlf__api_emit(run, (struct mlf__event){.kind = MLF__EV_INPUT,
                                                        .text = text.data,
                                                        .text_len = text.len - 1});
    mlf__buf_free(&text);
    return mlf__api_result(status);
}

mlf_status mlf_log_input(const mlf_dataset *dataset)
{
    return mlf__api_is_off() ? MLF_OK : log_input(NULL, dataset, "mlf_log_input");
}

mlf_status mlf_run_log_input(mlf_run *run, const mlf_dataset *dataset)
{
    if (mlf__api_is_off())
        return MLF_OK;
    mlf_status status = mlf__api_check_run(run, "mlf_run_log_input");
    return status == MLF_OK ? log_input(run, dataset, "mlf_run_log_input") : status;
}
