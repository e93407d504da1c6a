/* SPDX-License-Identifier: Apache-2.0 */
/* mlf experiments. */
#include "cli/actions.h"
#include "cli/json.h"
#include "cli/runs_pick.h"
#include "cli/table.h"
#include "core/mem.h"
#include "tracking/names.h"

#include <string.h>

static const char help[] =
    "Usage: mlf experiments list [OPTION]...\n"
    "       mlf experiments search [OPTION]...\n"
    "       mlf experiments show [OPTION]... EXPERIMENT\n"
    "       mlf experiments create [OPTION]... NAME\n"
    "       mlf experiments rename [OPTION]... EXPERIMENT NAME\n"
    "       mlf experiments tag [OPTION]... EXPERIMENT KEY=VALUE...\n"
    "       mlf experiments untag [OPTION]... EXPERIMENT KEY...\n"
    "       mlf experiments delete [OPTION]... EXPERIMENT\n"
    "       mlf experiments restore [OPTION]... EXPERIMENT\n"
    "\n"
    "EXPERIMENT is a name or an id. list prints the experiments, the latest changed first,\n"
    "search those that fit a filter, show one of them. create prints the new one's id. delete\n"
    "marks an experiment with all its runs as deleted, restore brings them back.\n"
    "\n"
    "  --tracking-uri URI       the store (default: $MLFLOW_TRACKING_URI, else\n"
    "                           sqlite:///mlflow.db)\n"
    "  --filter EXPR            MLflow's filter: \"name LIKE 'iris%' AND tags.team = 'a'\"\n"
    "                           (search)\n"
    "  --order-by EXPR          \"name ASC\"; may be given several times (search)\n"
    "  --view WHICH             active, deleted or all experiments (list, search; default\n"
    "                           active)\n"
    "  --max-results N          at most N experiments (list, search; default 1000)\n"
    "  --page-token T           the page behind the one that gave this token (search)\n"
    "  --artifact-location URI  where the artifacts of its runs are kept (create)\n"
    "  --json                   MLflow's REST messages: the body of experiments/search (list,\n"
    "                           search), one Experiment (show)\n"
    "  --help                   print this help\n";

static int finish(const struct mlf__args *args, mlf_status status)
{
    return status == MLF_OK ? MLF__EXIT_OK : mlf__action_fail(args);
}

/* ---- several ---- */

static mlf_status print_table(const mlf_experiment_list *list)
{
    static const char *const titles[] = {"ID", "NAME", "STAGE", "UPDATED", "ARTIFACTS"};
    struct mlf__table table = {.n_columns = MLF__ARRAY_LEN(titles)};
    char text[32];

    for (size_t i = 0; i < MLF__ARRAY_LEN(titles); i++)
        mlf__table_add(&table, titles[i]);
    for (size_t i = 0; i < list->n_experiments; i++) {
        const mlf_experiment *experiment = &list->experiments[i];
        mlf__table_add(&table, experiment->id);
        mlf__table_add(&table, experiment->name);
        mlf__table_add(&table, experiment->deleted ? "deleted" : "active");
        mlf__cli_format_time(experiment->last_update_time_ms, text, sizeof(text));
        mlf__table_add(&table, experiment->last_update_time_ms > 0 ? text : NULL);
        mlf__table_add(&table, experiment->artifact_location);
    }
    return mlf__table_print(&table);
}

static mlf_status print_list_json(const mlf_experiment_list *list)
{
    cJSON *items = cJSON_CreateArray();

    for (size_t i = 0; items != NULL && i < list->n_experiments; i++) {
        if (mlf__json_append(items, mlf__json_experiment(&list->experiments[i])))
            continue;
        cJSON_Delete(items);
        items = NULL;
    }
    return mlf__json_print_page("experiments", items, list->next_page_token);
}

/* list is a search without a filter. */
static int search(struct mlf__store *store, const struct mlf__args *args)
{
    mlf_search_options options = mlf__args_search(args);
    mlf_experiment_list list = {0};
    mlf_status status = store->ops->experiment_search(store, &options, &list);

    if (status == MLF_OK && args->json)
        status = print_list_json(&list);
    else if (status == MLF_OK && list.n_experiments == 0)
        fprintf(stderr, "No experiment fits.\n");
    else if (status == MLF_OK)
        status = print_table(&list);
    if (status == MLF_OK && !args->json && list.next_page_token != NULL)
        fprintf(stderr, "There are more: search with --page-token %s\n", list.next_page_token);
    mlf_experiment_list_free(&list);
    return finish(args, status);
}

/* ---- one ---- */

static void print_time(const char *name, int64_t ms)
{
    char text[32];
    mlf__cli_format_time(ms, text, sizeof(text));
    mlf__print_field(name, ms > 0 ? text : NULL);
}

static void print_full(const mlf_experiment *experiment)
{
    mlf__print_field("Experiment", experiment->id);
    mlf__print_field("Name", experiment->name);
    mlf__print_field("Stage", experiment->deleted ? "deleted" : "active");
    print_time("Created", experiment->creation_time_ms);
    print_time("Updated", experiment->last_update_time_ms);
    mlf__print_field("Artifacts", experiment->artifact_location);
    mlf__print_pairs("Tags", experiment->tags, experiment->n_tags);
}

static int show(struct mlf__store *store, const struct mlf__args *args)
{
    mlf_experiment experiment = {0};
    mlf_status status = mlf__experiment_pick(store, args->words[0], &experiment);

    if (status == MLF_OK && args->json)
        status = mlf__json_print(mlf__json_experiment(&experiment));
    else if (status == MLF_OK)
        print_full(&experiment);
    mlf_experiment_free(&experiment);
    return finish(args, status);
}

static int create(struct mlf__store *store, const struct mlf__args *args)
{
    struct mlf__experiment_create experiment = {.name = args->words[0],
                                                .artifact_location = args->location};
    char *id = NULL;
    mlf_status status = mlf__check_experiment_name(args->words[0]);

    if (status == MLF_OK)
        status = store->ops->experiment_create(store, &experiment, &id);
    if (status == MLF_OK)
        printf("%s\n", id);
    mlf__free(id);
    return finish(args, status);
}

/* What |change| does to the experiment that the first word names. */
static int change_one(struct mlf__store *store, const struct mlf__args *args,
                      mlf_status (*change)(struct mlf__store *, const struct mlf__args *,
                                           const char *id))
{
    mlf_experiment experiment = {0};
    mlf_status status = mlf__experiment_pick(store, args->words[0], &experiment);

    if (status == MLF_OK)
        status = change(store, args, experiment.id);
    mlf_experiment_free(&experiment);
    return finish(args, status);
}

static mlf_status do_rename(struct mlf__store *store, const struct mlf__args *args, const char *id)
{
    mlf_status status = mlf__check_experiment_name(args->words[1]);
    return status == MLF_OK ? store->ops->experiment_rename(store, id, args->words[1]) : status;
}

static mlf_status do_tag(struct mlf__store *store, const struct mlf__args *args, const char *id)
{
    mlf_status status = MLF_OK;

    for (size_t i = 1; status == MLF_OK && i < args->n_words; i++) {
        const char *equals = strchr(args->words[i], '=');
        if (equals == NULL || equals == args->words[i])
            return mlf__fail(MLF_ERR_INVAL, "'%s' is not of the form KEY=VALUE", args->words[i]);
        char *key = mlf__strndup(args->words[i], (size_t)(equals - args->words[i]));
        if (key == NULL)
            return MLF_ERR_NOMEM;
        status = store->ops->experiment_set_tag(store, id, key, equals + 1);
        mlf__free(key);
    }
    return status;
}

static mlf_status do_untag(struct mlf__store *store, const struct mlf__args *args, const char *id)
{
    mlf_status status = MLF_OK;

    for (size_t i = 1; status == MLF_OK && i < args->n_words; i++)
        status = store->ops->experiment_delete_tag(store, id, args->words[i]);
    return status;
}

static mlf_status do_delete(struct mlf__store *store, const struct mlf__args *args, const char *id)
{
    (void)args;
    return store->ops->experiment_set_deleted(store, id, true);
}

static mlf_status do_restore(struct mlf__store *store, const struct mlf__args *args, const char *id)
{
    (void)args;
    return store->ops->experiment_set_deleted(store, id, false);
}

static int rename_one(struct mlf__store *store, const struct mlf__args *args)
{
    return change_one(store, args, do_rename);
}

static int tag_one(struct mlf__store *store, const struct mlf__args *args)
{
    return change_one(store, args, do_tag);
}

static int untag_one(struct mlf__store *store, const struct mlf__args *args)
{
    return change_one(store, args, do_untag);
}

static int delete_one(struct mlf__store *store, const struct mlf__args *args)
{
    return change_one(store, args, do_delete);
}

static int restore_one(struct mlf__store *store, const struct mlf__args *args)
{
    return change_one(store, args, do_restore);
}

static const struct mlf__action actions[] = {
    {"list", "uvnj", 0, 0, "", MLF__ACTION_READS, search},
    {"search", "ufovnpj", 0, 0, "", MLF__ACTION_READS, search},
    {"show", "uj", 1, 1, "EXPERIMENT", MLF__ACTION_READS, show},
    {"create", "ul", 1, 1, "NAME", MLF__ACTION_CREATES, create},
    {"rename", "u", 2, 2, "EXPERIMENT or NAME", MLF__ACTION_WRITES, rename_one},
    {"tag", "u", 2, MLF__ANY_WORDS, "EXPERIMENT or KEY=VALUE", MLF__ACTION_WRITES, tag_one},
    {"untag", "u", 2, MLF__ANY_WORDS, "EXPERIMENT or KEY", MLF__ACTION_WRITES, untag_one},
    {"delete", "u", 1, 1, "EXPERIMENT", MLF__ACTION_WRITES, delete_one},
    {"restore", "u", 1, 1, "EXPERIMENT", MLF__ACTION_WRITES, restore_one},
    {0}};

const struct mlf__command mlf__command_experiments = {
    .name = "experiments",
    .summary = "list, show, make, rename, tag, delete and restore experiments",
    .help = help,
    .actions = actions};
