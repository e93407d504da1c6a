/* SPDX-License-Identifier: Apache-2.0 */
/* mlf models: logged models, and where their files are. */
#include "cli/actions.h"
#include "cli/json.h"
#include "cli/runs_pick.h"
#include "cli/table.h"
#include "core/buf.h"
#include "core/mem.h"
#include "tracking/artifact_uri.h"

#include <string.h>

static const char help[] =
    "Usage: mlf models list [OPTION]...\n"
    "       mlf models show [OPTION]... [MODEL]\n"
    "\n"
    "list prints the logged models, the latest first. show prints one with its params,\n"
    "metrics and tags, and where its files are. MODEL is an id (m-...), models:/ with an id,\n"
    "or a name: then the latest model of that name. Without it the latest model is shown.\n"
    "\n"
    "  --tracking-uri URI  the store (default: $MLFLOW_TRACKING_URI, else sqlite:///mlflow.db)\n"
    "  --experiment NAME   only models of this experiment, a name or an id; may be given\n"
    "                      several times\n"
    "  --filter EXPR       MLflow's filter: \"name = 'iris' AND metrics.accuracy > 0.9\" (list)\n"
    "  --order-by EXPR     \"metrics.accuracy DESC\"; may be given several times (list)\n"
    "  --max-results N     at most N models (list; default 20, as JSON 50)\n"
    "  --page-token T      the page behind the one that gave this token (list)\n"
    "  --json              MLflow's REST messages: the body of logged-models/search (list), one\n"
    "                      LoggedModel (show)\n"
    "  --help              print this help\n";

enum { DEFAULT_RESULTS = 20, DEFAULT_JSON_RESULTS = 50 };

static const char *status_name(int status)
{
    static const char *const names[] = {[MLF_MODEL_PENDING] = "PENDING",
                                        [MLF_MODEL_READY] = "READY",
                                        [MLF_MODEL_UPLOAD_FAILED] = "UPLOAD_FAILED"};
    return status > 0 && status < (int)MLF__ARRAY_LEN(names) ? names[status] : "?";
}

/* ---- list ---- */

static mlf_status print_table(const mlf_logged_model_list *list)
{
    static const char *const titles[] = {"MODEL", "NAME", "STATUS", "MADE", "RUN", "ARTIFACTS"};
    struct mlf__table table = {.n_columns = MLF__ARRAY_LEN(titles)};
    char text[32];

    for (size_t i = 0; i < MLF__ARRAY_LEN(titles); i++)
        mlf__table_add(&table, titles[i]);
    for (size_t i = 0; i < list->n_models; i++) {
        const mlf_logged_model *model = &list->models[i];
        mlf__table_add(&table, model->model_id);
        mlf__table_add(&table, model->name);
        mlf__table_add(&table, status_name(model->status));
        mlf__cli_format_time(model->creation_time_ms, text, sizeof(text));
        mlf__table_add(&table, text);
        mlf__table_addf(&table, "%.8s", model->run_id != NULL ? model->run_id : "-");
        mlf__table_add(&table, model->artifact_location);
    }
    return mlf__table_print(&table);
}

static mlf_status print_list_json(const mlf_logged_model_list *list)
{
    cJSON *items = cJSON_CreateArray();

    for (size_t i = 0; items != NULL && i < list->n_models; i++) {
        if (mlf__json_append(items, mlf__json_model(&list->models[i])))
            continue;
        cJSON_Delete(items);
        items = NULL;
    }
    return mlf__json_print_page("models", items, list->next_page_token);
}

static mlf_status search(struct mlf__store *store, const struct mlf__args *args,
                         mlf_search_options *options, mlf_logged_model_list *out)
{
    char **ids;
    mlf_status status = mlf__experiment_ids(store, args->experiments, args->n_experiments, &ids);

    options->experiment_ids = (const char *const *)ids;
    options->n_experiment_ids = args->n_experiments;
    if (status == MLF_OK)
        status = store->ops->model_search(store, options, out);
    mlf__experiment_ids_free(ids);
    return status;
}

static int list_models(struct mlf__store *store, const struct mlf__args *args)
{
    mlf_search_options options = mlf__args_search(args);
    mlf_logged_model_list list = {0};

    if (options.max_results == 0)
        options.max_results = args->json ? DEFAULT_JSON_RESULTS : DEFAULT_RESULTS;
    mlf_status status = search(store, args, &options, &list);
    if (status == MLF_OK && args->json)
        status = print_list_json(&list);
    else if (status == MLF_OK && list.n_models == 0)
        fprintf(stderr, "There are no models.\n");
    else if (status == MLF_OK)
        status = print_table(&list);
    if (status == MLF_OK && !args->json && list.next_page_token != NULL)
        fprintf(stderr, "There are more: --page-token %s\n", list.next_page_token);
    mlf_logged_model_list_free(&list);
    return status == MLF_OK ? MLF__EXIT_OK : mlf__action_fail(args);
}

/* ---- show ---- */

/* The latest model that |filter| lets through. */
static mlf_status take_latest(struct mlf__store *store, const struct mlf__args *args,
                              const char *filter, const char *what, char **id)
{
    mlf_search_options options = MLF_SEARCH_OPTIONS_INIT;
    mlf_logged_model_list list = {0};

    options.filter = filter;
    options.max_results = 1;
    mlf_status status = search(store, args, &options, &list);
    if (status == MLF_OK && list.n_models == 0)
        status = mlf__fail(MLF_ERR_NOT_FOUND, "there is no model%s%s%s",
                           *what != '\0' ? " called '" : "", what, *what != '\0' ? "'" : "");
    if (status == MLF_OK) {
        *id = list.models[0].model_id;
        list.models[0].model_id = NULL;
    }
    mlf_logged_model_list_free(&list);
    return status;
}

static mlf_status pick_model(struct mlf__store *store, const struct mlf__args *args,
                             const char *word, char **id)
{
    struct mlf__buf filter = {0};

    *id = NULL;
    if (word == NULL || strcmp(word, "latest") == 0)
        return take_latest(store, args, NULL, "", id);
    if (strncmp(word, "models:/", 8) == 0)
        word += 8;
    if (strncmp(word, "m-", 2) == 0 && strlen(word) == 34) {
        *id = mlf__strdup(word);
        return *id != NULL ? MLF_OK : MLF_ERR_NOMEM;
    }
    if (*word == '\0' || strchr(word, '\'') != NULL)
        return mlf__fail(MLF_ERR_INVAL, "'%s' is no model's id or name", word);
    mlf__buf_printf(&filter, "name = '%s'", word);
    mlf_status status =
        filter.failed ? MLF_ERR_NOMEM : take_latest(store, args, filter.data, word, id);
    mlf__buf_free(&filter);
    return status;
}

static void print_metrics(const mlf_logged_model *model)
{
    struct mlf__table table = {.n_columns = 4, .indent = 2};
    char number[MLF__NUMBER_SIZE];

    if (model->n_metrics == 0)
        return;
    printf("\nMetrics\n");
    for (size_t i = 0; i < model->n_metrics; i++) {
        const mlf_metric_record *metric = &model->metrics[i];
        mlf__format_double(number, metric->value);
        mlf__table_add(&table, metric->key);
        mlf__table_add(&table, number);
        mlf__table_addf(&table, "step %lld", (long long)metric->step);
        mlf__table_add(&table, metric->dataset_name);
    }
    (void)mlf__table_print(&table);
}

static void print_full(struct mlf__store *store, const mlf_logged_model *model)
{
    mlf_experiment experiment = {0};
    struct mlf__buf uri = {0};
    char *path = NULL;
    char text[32];

    mlf__buf_printf(&uri, "models:/%s", model->model_id);
    mlf__print_field("Model", model->model_id);
    mlf__print_field("Name", model->name);
    mlf__print_field("Status", status_name(model->status));
    mlf__cli_format_time(model->creation_time_ms, text, sizeof(text));
    mlf__print_field("Made", text);
    if (store->ops->experiment_get(store, model->experiment_id, &experiment) == MLF_OK)
        mlf__print_field("Experiment", experiment.name);
    mlf__print_field("Run", model->run_id);
    mlf__print_field("Type", model->model_type);
    mlf__print_field("URI", uri.failed ? NULL : uri.data);
    if (uri.failed || mlf__artifact_uri_resolve(store, uri.data, &path) != MLF_OK)
        mlf__print_field("Files", model->artifact_location);
    else
        mlf__print_field("Files", path);
    mlf__print_pairs("Params", model->params, model->n_params);
    print_metrics(model);
    mlf__print_pairs("Tags", model->tags, model->n_tags);
    mlf__free(path);
    mlf__buf_free(&uri);
    mlf_experiment_free(&experiment);
}

static int show_model(struct mlf__store *store, const struct mlf__args *args)
{
    mlf_logged_model model = {0};
    char *id;
    mlf_status status = pick_model(store, args, args->n_words > 0 ? args->words[0] : NULL, &id);

    if (status == MLF_OK)
        status = store->ops->model_get(store, id, &model);
    mlf__free(id);
    if (status == MLF_OK && args->json)
        status = mlf__json_print(mlf__json_model(&model));
    else if (status == MLF_OK)
        print_full(store, &model);
    mlf_logged_model_free(&model);
    return status == MLF_OK ? MLF__EXIT_OK : mlf__action_fail(args);
}

static const struct mlf__action actions[] = {
    {"list", "uefonpj", 0, 0, "", MLF__ACTION_READS, list_models},
    {"show", "uej", 0, 1, "", MLF__ACTION_READS, show_model},
    {0}};

const struct mlf__command mlf__command_models = {.name = "models",
                                                 .summary = "look at logged models: list, show",
                                                 .help = help,
                                                 .actions = actions};
