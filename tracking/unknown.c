/* SPDX-License-Identifier: Apache-2.0 */
/* What there is instead of something unknown: a few of the latest, appended to the error text. */
#include "tracking/unknown.h"

#include "core/buf.h"

#include <string.h>

enum { SHOWN = 3 };

/* "; the latest runs are: a (x), b (y)" behind the text that was. */
static mlf_status fail_with_list(const char *text, const char *what, const struct mlf__buf *list)
{
    size_t len = strlen(text);
    int kept = (int)(len > 0 && text[len - 1] == '.' ? len - 1 : len);
    if (list->failed || list->len == 0)
        return mlf__fail(MLF_ERR_NOT_FOUND, "%.*s; the store has no %s", kept, text, what);
    return mlf__fail(MLF_ERR_NOT_FOUND, "%.*s; the latest %s are: %s", kept, text, what,
                     list->data);
}

static void add_item(struct mlf__buf *list, const char *id, const char *name)
{
    mlf__buf_printf(list, "%s%s (%s)", list->len > 0 ? ", " : "", id, name != NULL ? name : "");
}

static bool keep_text(char *out, size_t size, mlf_status status)
{
    mlf__copy_text(out, size, mlf__errmsg());
    return status == MLF_ERR_NOT_FOUND;
}

mlf_status mlf__unknown_run(struct mlf__store *store, const char *id, mlf_status status)
{
    char text[512];
    mlf_run_record run = {0};
    mlf_run_list runs = {0};
    struct mlf__buf list = {0};
    if (!keep_text(text, sizeof(text), status))
        return status;
    bool known = store->ops->run_get(store, id, &run) != MLF_ERR_NOT_FOUND;
    mlf_run_record_free(&run);
    if (known || store->ops->run_list(store, NULL, SHOWN, &runs) != MLF_OK)
        return mlf__fail(status, "%s", text);
    for (size_t i = 0; i < runs.n_runs; i++)
        add_item(&list, runs.runs[i].run_id, runs.runs[i].name);
    status = fail_with_list(text, "runs", &list);
    mlf_run_list_free(&runs);
    mlf__buf_free(&list);
    return status;
}

mlf_status mlf__unknown_model(struct mlf__store *store, const char *id, mlf_status status)
{
    char text[512];
    mlf_logged_model model = {0};
    mlf_logged_model_list models = {0};
    struct mlf__buf list = {0};
    mlf_search_options options = MLF_SEARCH_OPTIONS_INIT;
    options.max_results = SHOWN;
    if (!keep_text(text, sizeof(text), status))
        return status;
    bool known = store->ops->model_get(store, id, &model) != MLF_ERR_NOT_FOUND;
    mlf_logged_model_free(&model);
    if (known || store->ops->model_search(store, &options, &models) != MLF_OK)
        return mlf__fail(status, "%s", text);
    for (size_t i = 0; i < models.n_models; i++)
        add_item(&list, models.models[i].model_id, models.models[i].name);
    status = fail_with_list(text, "models", &list);
    mlf_logged_model_list_free(&models);
    mlf__buf_free(&list);
    return status;
}

static mlf_status list_experiments(struct mlf__store *store, const char *text)
{
    mlf_experiment_list experiments = {0};
    struct mlf__buf list = {0};
    mlf_search_options options = MLF_SEARCH_OPTIONS_INIT;
    options.max_results = SHOWN;
    options.view = MLF_VIEW_ALL;
    if (store->ops->experiment_search(store, &options, &experiments) != MLF_OK)
        return mlf__fail(MLF_ERR_NOT_FOUND, "%s", text);
    for (size_t i = 0; i < experiments.n_experiments; i++)
        add_item(&list, experiments.experiments[i].id, experiments.experiments[i].name);
    mlf_status status = fail_with_list(text, "experiments", &list);
    mlf_experiment_list_free(&experiments);
    mlf__buf_free(&list);
    return status;
}

mlf_status mlf__unknown_experiment(struct mlf__store *store, const char *id, mlf_status status)
{
    char text[512];
    mlf_experiment experiment = {0};
    if (!keep_text(text, sizeof(text), status))
        return status;
    bool known = store->ops->experiment_get(store, id, &experiment) != MLF_ERR_NOT_FOUND;
    mlf_experiment_free(&experiment);
    return known ? mlf__fail(status, "%s", text) : list_experiments(store, text);
}

mlf_status mlf__unknown_experiment_name(struct mlf__store *store, mlf_status status)
{
    char text[512];
    return keep_text(text, sizeof(text), status) ? list_experiments(store, text) : status;
}
