/* SPDX-License-Identifier: Apache-2.0 */
/* mlf runs: looking at runs without a server, and putting them away. */
#include "cli/actions.h"
#include "cli/json.h"
#include "cli/runs_actions.h"
#include "cli/runs_pick.h"
#include "cli/runs_show.h"
#include "core/mem.h"

#include <string.h>

static const char help[] =
    "Usage: mlf runs list [OPTION]...\n"
    "       mlf runs search [OPTION]...\n"
    "       mlf runs show [OPTION]... [RUN]\n"
    "       mlf runs compare [OPTION]... RUN RUN...\n"
    "       mlf runs diff [OPTION]... RUN RUN\n"
    "       mlf runs export [OPTION]... [RUN]...\n"
    "       mlf runs delete [OPTION]... RUN...\n"
    "       mlf runs restore [OPTION]... RUN...\n"
    "\n"
    "list prints the latest runs, search those that fit a filter, show one of them. compare\n"
    "puts runs side by side, what differs first; diff says what two runs differ in, the most\n"
    "telling first. export writes runs for other programs. delete marks runs as deleted,\n"
    "restore brings them back. RUN is an id, the beginning of one, or latest; show and export\n"
    "take the latest run when none is named. What killed programs left behind for the store\n"
    "is merged first.\n"
    "\n"
    "  --tracking-uri URI  the store (default: $MLFLOW_TRACKING_URI, else sqlite:///mlflow.db)\n"
    "  --experiment NAME   only runs of this experiment, a name or an id (list, search, show);\n"
    "                      search takes it several times\n"
    "  --filter EXPR       MLflow's filter: \"metrics.loss < 0.1 AND params.lr = '0.01'\"\n"
    "                      (search)\n"
    "  --order-by EXPR     \"metrics.loss ASC\"; may be given several times (search)\n"
    "  --view WHICH        active, deleted or all runs (search; default active)\n"
    "  --max-results N     at most N runs (list, search; default 20, of search as\n"
    "                      JSON 1000)\n"
    "  --page-token T      the page behind the one that gave this token (search)\n"
    "  --json              MLflow's REST messages: an array of Run (list), the body of\n"
    "                      runs/search (search), one Run (show); what compare and diff find\n"
    "                      as one object\n"
    "  --format FORMAT     json or csv (export; default json)\n"
    "  --history           every point of every metric, not only the latest (export)\n"
    "  --help              print this help\n"
    "\n"
    "Exit status: 0; 1 when it could not be done; 2 for wrong usage. Of diff as of diff(1): 0\n"
    "when nothing differs, 1 when something does, 2 when it could not be told.\n";

enum { DEFAULT_RESULTS = 20 };

static size_t page_size(const struct mlf__args *args)
{
    return args->max_results > 0 ? (size_t)args->max_results : DEFAULT_RESULTS;
}

/* ---- list and search ---- */

static mlf_status print_table(const mlf_run_list *list, const char *none)
{
    if (list->n_runs == 0) {
        fprintf(stderr, "%s\n", none);
        return MLF_OK;
    }
    return mlf__runs_print_table(list);
}

static int list_runs(struct mlf__store *store, const struct mlf__args *args)
{
    mlf_experiment experiment = {0};
    mlf_run_list list = {0};
    mlf_status status = MLF_OK;

    if (args->n_experiments > 1)
        return mlf__action_usage(args, "list takes one --experiment; use search for several");
    if (args->n_experiments > 0)
        status = mlf__experiment_pick(store, args->experiments[0], &experiment);
    if (status == MLF_OK)
        status = store->ops->run_list(store, experiment.id, page_size(args), &list);
    mlf_experiment_free(&experiment);
    if (status == MLF_OK)
        status = args->json ? mlf__runs_print_json(&list)
                            : print_table(&list, "There are no runs yet: make one with  "
                                                 "mlf run -- COMMAND");
    mlf_run_list_free(&list);
    return status == MLF_OK ? MLF__EXIT_OK : mlf__action_fail(args);
}

static mlf_status print_search_json(const mlf_run_list *list)
{
    cJSON *items = cJSON_CreateArray();

    for (size_t i = 0; items != NULL && i < list->n_runs; i++) {
        if (mlf__json_append(items, mlf__json_run(&list->runs[i])))
            continue;
        cJSON_Delete(items);
        items = NULL;
    }
    return mlf__json_print_page("runs", items, list->next_page_token);
}

static int search_runs(struct mlf__store *store, const struct mlf__args *args)
{
    mlf_search_options search = mlf__args_search(args);
    mlf_run_list list = {0};
    char **ids;
    mlf_status status = mlf__experiment_ids(store, args->experiments, args->n_experiments, &ids);

    search.experiment_ids = (const char *const *)ids;
    search.n_experiment_ids = args->n_experiments;
    /* As JSON it is the server's answer, with the server's default. */
    search.max_results = args->json ? (size_t)args->max_results : page_size(args);
    if (status == MLF_OK)
        status = store->ops->run_search(store, &search, &list);
    mlf__experiment_ids_free(ids);
    if (status == MLF_OK && args->json)
        status = print_search_json(&list);
    else if (status == MLF_OK) {
        status = print_table(&list, "No run fits.");
        if (list.next_page_token != NULL)
            fprintf(stderr, "There are more: --page-token %s\n", list.next_page_token);
    }
    mlf_run_list_free(&list);
    return status == MLF_OK ? MLF__EXIT_OK : mlf__action_fail(args);
}

/* ---- one ---- */

static int show_run(struct mlf__store *store, const struct mlf__args *args)
{
    mlf_run_record run = {0};
    char *id = NULL;

    if (args->n_experiments > 1)
        return mlf__action_usage(args, "show takes one --experiment");
    mlf_status status = mlf__run_pick(store, args->n_words > 0 ? args->words[0] : NULL,
                                      args->experiments[0], MLF_VIEW_ALL, &id);
    if (status == MLF_OK)
        status = store->ops->run_get(store, id, &run);
    mlf__free(id);
    if (status == MLF_OK && args->json)
        status = mlf__json_print(mlf__json_run(&run));
    else if (status == MLF_OK)
        mlf__runs_print_full(store, &run);
    mlf_run_record_free(&run);
    return status == MLF_OK ? MLF__EXIT_OK : mlf__action_fail(args);
}

/* ---- putting away ---- */

/* All of them are found before the first is changed. */
static int set_deleted(struct mlf__store *store, const struct mlf__args *args, bool deleted)
{
    char **ids = mlf__zalloc(args->n_words + 1, sizeof(*ids));
    mlf_view view = deleted ? MLF_VIEW_ACTIVE_ONLY : MLF_VIEW_DELETED_ONLY;
    mlf_status status = ids != NULL ? MLF_OK : MLF_ERR_NOMEM;

    for (size_t i = 0; status == MLF_OK && i < args->n_words; i++)
        status = mlf__run_pick(store, args->words[i], NULL, view, &ids[i]);
    for (size_t i = 0; status == MLF_OK && i < args->n_words; i++) {
        status = store->ops->run_set_deleted(store, ids[i], deleted);
        if (status == MLF_OK)
            printf("%s %s\n", deleted ? "deleted" : "restored", ids[i]);
    }
    for (size_t i = 0; ids != NULL && i < args->n_words; i++)
        mlf__free(ids[i]);
    mlf__free(ids);
    return status == MLF_OK ? MLF__EXIT_OK : mlf__action_fail(args);
}

static int delete_runs(struct mlf__store *store, const struct mlf__args *args)
{
    return set_deleted(store, args, true);
}

static int restore_runs(struct mlf__store *store, const struct mlf__args *args)
{
    return set_deleted(store, args, false);
}

static const struct mlf__action actions[] = {
    {"list", "uenj", 0, 0, "", MLF__ACTION_READS, list_runs},
    {"search", "uefovnpj", 0, 0, "", MLF__ACTION_READS, search_runs},
    {"show", "uej", 0, 1, "", MLF__ACTION_READS, show_run},
    {"compare", "uj", 2, MLF__ANY_WORDS, "RUN", MLF__ACTION_READS, mlf__runs_compare},
    {"diff", "uj", 2, 2, "RUN", MLF__ACTION_READS, mlf__runs_diff, MLF__RUNS_DIFF_TROUBLE},
    {"export", "uFH", 0, MLF__ANY_WORDS, "", MLF__ACTION_READS, mlf__runs_export},
    {"delete", "u", 1, MLF__ANY_WORDS, "RUN", MLF__ACTION_WRITES, delete_runs},
    {"restore", "u", 1, MLF__ANY_WORDS, "RUN", MLF__ACTION_WRITES, restore_runs},
    {0}};

const struct mlf__command mlf__command_runs = {
    .name = "runs",
    .summary = "look at runs: list, search, show, compare, diff, export, delete, restore",
    .help = help,
    .actions = actions};
