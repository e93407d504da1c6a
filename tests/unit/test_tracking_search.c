/* SPDX-License-Identifier: Apache-2.0 */
/* Searches in the SQL store: what is found, in which order, in pages, and whole. That MLflow finds the same is
 * shown by tests/interop/test_search.py. */
#include "test_tracking_store.h"

#include "core/buf.h"

#include <math.h>

enum { RUNS = 120 };

static struct mlf__store *store;
static char ids[RUNS][MLF__ID_SIZE], other_experiment[24];

/* Names are r0, r1 …; loss falls, and is NaN for r5; r7 is deleted; every second one has group "even". */
static bool make_runs(void)
{
    const struct mlf__experiment_create experiment = {.name = "other"};
    char *id;
    bool ok = store->ops->experiment_create(store, &experiment, &id) == MLF_OK;
    snprintf(other_experiment, sizeof(other_experiment), "%s", ok ? id : "");
    mlf__free(id);
    for (int i = 0; ok && i < RUNS; i++) {
        char name[16], value[16];
        const mlf_key_value tag = {"group", i % 2 == 0 ? "even" : "odd"};
        snprintf(name, sizeof(name), "r%d", i);
        snprintf(value, sizeof(value), "%d", i % 10);
        mlf__new_id(ids[i]);
        const struct mlf__run_create run = {.run_id = ids[i],
                                            .experiment_id = i < 100 ? "0" : other_experiment,
                                            .name = name,
                                            .user = "ann",
                                            .start_time_ms = 1000 + i,
                                            .tags = &tag,
                                            .n_tags = 1};
        const struct mlf__metric metric = {
            .run_id = ids[i], .key = "loss", .value = i == 5 ? NAN : 1.0 / (i + 1)};
        const struct mlf__dataset_input input = {.name = i % 3 == 0 ? "iris" : "wine",
                                                 .digest = "abc",
                                                 .source_type = "local",
                                                 .source = "{}",
                                                 .context = i % 2 == 0 ? "train" : NULL};
        ok = store->ops->run_create(store, &run) == MLF_OK &&
             store->ops->log_param(store, ids[i], "digit", value, NULL) == MLF_OK &&
             (i == 6 || store->ops->log_metrics(store, &metric, 1) == MLF_OK) &&
             store->ops->log_input(store, ids[i], &input) == MLF_OK;
    }
    return ok && store->ops->run_set_deleted(store, ids[7], true) == MLF_OK;
}

/* The names of the runs that are found, "r1 r2 "; or the refusal. Valid until the next call. */
static const char *find(const char *filter, const char *order, size_t max, mlf_view view)
{
    static struct mlf__buf out;
    static const char *const experiments[] = {"0"};
    mlf_search_options options = MLF_SEARCH_OPTIONS_INIT;
    mlf_run_list list;
    options.filter = filter;
    options.order_by = &order;
    options.n_order_by = order != NULL;
    options.max_results = max;
    options.view = view;
    options.experiment_ids = experiments;
    options.n_experiment_ids = 1;
    mlf__buf_free(&out);
    mlf__buf_puts(&out, "");
    if (store->ops->run_search(store, &options, &list) != MLF_OK)
        mlf__buf_puts(&out, mlf__errmsg());
    for (size_t i = 0; i < list.n_runs; i++)
        mlf__buf_printf(&out, "%s ", list.runs[i].name);
    mlf_run_list_free(&list);
    return out.data;
}

static void runs_are_found_in_order(void)
{
    STR(find(NULL, NULL, 3, MLF_VIEW_ACTIVE_ONLY), "r99 r98 r97 ", "the latest come first");
    STR(find("start_time < 1003", "metrics.loss", 9, 0), "r2 r1 r0 ", "by a metric");
    STR(find("start_time > 1003 AND start_time < 1008", "metrics.loss DESC", 9, 0), "r4 r5 r6 ",
        "NaN comes behind, what has none last");
    STR(find("start_time > 1003 AND start_time < 1008", "metrics.loss", 9, 0), "r4 r5 r6 ",
        "in both directions");
    STR(find("metrics.loss > 0.15", NULL, 9, 0), "r4 r3 r2 r1 r0 ", "NaN is greater than nothing");
    STR(find("metrics.loss != 0.5 AND start_time < 1007", "start_time", 9, 0), "r0 r2 r3 r4 r5 ",
        "and unequal to everything");
    STR(find("params.digit = '7'", "start_time", 2, MLF_VIEW_ALL), "r7 r17 ", "deleted ones too");
    STR(find("params.digit = '7'", "start_time", 2, MLF_VIEW_DELETED_ONLY), "r7 ", "or only them");
    STR(find("tags.group LIKE 'EV%'", NULL, 2, 0), "", "LIKE minds the case");
    STR(find("tags.group ILIKE 'EV%'", NULL, 2, 0), "r98 r96 ", "ILIKE does not");
    STR(find("run_name LIKE 'r_'", "run_name DESC", 3, 0), "r9 r8 r6 ", "names by pattern");
    STR(find("dataset.name = 'iris' AND dataset.context = 'train'", "start_time", 3, 0),
        "r0 r6 r12 ", "by data set");
    STR(find("tags.group IS NULL", NULL, 3, 0), "", "all have the tag");
    STR(find("params.digit IS NOT NULL AND params.none IS NULL", NULL, 1, 0), "r99 ",
        "or lack one");
    STR(find("params.digit = 5", NULL, 1, 0),
        "Expected a quoted string value for parameter (e.g. 'my-value'). Got value 5", "refused");
    STR(find("params.digit = '5' OR 1", NULL, 1, 0),
        "Invalid clause(s) in filter string: 'OR', '1'", "refused");
    STR(find("tags.group = 'x'' OR 1=1 --'", NULL, 1, 0), "", "a value stays a value");
}

static void runs_come_in_pages(void)
{
    mlf_search_options options = MLF_SEARCH_OPTIONS_INIT;
    mlf_run_list list;
    char *token = NULL;
    int seen = 0, pages = 0;
    bool ordered = true;
    options.max_results = 50;
    do {
        options.page_token = token;
        if (store->ops->run_search(store, &options, &list) != MLF_OK)
            break;
        for (size_t i = 0; i < list.n_runs; i++, seen++)
            ordered = ordered &&
                      list.runs[i].start_time_ms == 1000 + RUNS - 1 - seen - (seen >= RUNS - 8);
        mlf__free(token);
        token = list.next_page_token;
        list.next_page_token = NULL;
        mlf_run_list_free(&list);
        pages++;
    } while (token != NULL && pages < 10);
    mlf__free(token);
    IS(pages, 3, "three pages");
    IS(seen, RUNS - 1, "have all runs of all experiments");
    OK(ordered, "in order");
}

static void runs_are_whole(void)
{
    static const char *const by[] = {"start_time"};
    mlf_search_options options = MLF_SEARCH_OPTIONS_INIT;
    mlf_run_list list;
    mlf_run_record alone;
    options.order_by = by;
    options.n_order_by = 1;
    IS(store->ops->run_search(store, &options, &list), MLF_OK, "many runs at once");
    bool same = list.n_runs == RUNS - 1;
    for (size_t i = 0; same && i < list.n_runs; i++) {
        const mlf_run_record *run = &list.runs[i];
        if (store->ops->run_get(store, run->run_id, &alone) != MLF_OK)
            break;
        same = run->n_params == 1 && strcmp(run->params[0].value, alone.params[0].value) == 0 &&
               run->n_tags == alone.n_tags && run->n_metrics == alone.n_metrics &&
               run->n_inputs == 1 && strcmp(run->inputs[0].name, alone.inputs[0].name) == 0 &&
               run->inputs[0].n_tags == alone.inputs[0].n_tags &&
               strcmp(run->experiment_id, alone.experiment_id) == 0;
        mlf_run_record_free(&alone);
    }
    OK(same, "each is what it is alone");
    mlf_run_list_free(&list);
}

static void models_and_experiments_are_found(void)
{
    static const char *const order[] = {"metrics.acc DESC"}, *const ones[] = {"0"};
    mlf_search_options options = MLF_SEARCH_OPTIONS_INIT;
    mlf_logged_model_list models;
    mlf_experiment_list experiments;
    char id[MLF__ID_SIZE];
    for (int i = 0; i < 3; i++) {
        mlf__new_model_id(id);
        const struct mlf__model_create model = {.model_id = id,
                                                .experiment_id = "0",
                                                .name = "m",
                                                .run_id = ids[0],
                                                .creation_time_ms = i};
        const struct mlf__metric metric = {.run_id = ids[0],
                                           .key = "acc",
                                           .value = i % 2,
                                           .model_id = id,
                                           .dataset_name = "iris",
                                           .dataset_digest = "abc"};
        if (store->ops->model_create(store, &model) != MLF_OK ||
            store->ops->log_metrics(store, &metric, 1) != MLF_OK)
            break;
    }
    options.filter = "metrics.acc >= 0 AND name = 'm'";
    options.order_by = order;
    options.n_order_by = 1;
    options.experiment_ids = ones;
    options.n_experiment_ids = 1;
    IS(store->ops->model_search(store, &options, &models), MLF_OK, "models are searched");
    if (OK(models.n_models == 3 && models.models[0].n_metrics == 1, "three are found")) {
        OK(models.models[0].metrics[0].value == 1 && models.models[1].creation_time_ms == 2,
           "the best first, then the latest");
        STR(models.models[0].metrics[0].dataset_name, "iris", "with the data set of a point");
        STR(models.models[0].metrics[0].run_id, ids[0], "and its run");
    }
    mlf_logged_model_list_free(&models);
    options = (mlf_search_options)MLF_SEARCH_OPTIONS_INIT;
    IS(store->ops->experiment_set_tag(store, other_experiment, "team", "x"), MLF_OK, "a tag");
    options.filter = "tags.team = 'x'";
    IS(store->ops->experiment_search(store, &options, &experiments), MLF_OK, "experiments");
    OK(experiments.n_experiments == 1 && experiments.experiments[0].n_tags == 1 &&
           strcmp(experiments.experiments[0].id, other_experiment) == 0,
       "are found with their tags");
    mlf_experiment_list_free(&experiments);
}

/* Whichever allocation fails: the search fails, and the next one works. */
static void without_memory(void)
{
    static const char *const order[] = {"metrics.loss DESC", "params.digit"};
    mlf_search_options options = MLF_SEARCH_OPTIONS_INIT;
    mlf_run_list list = {0};
    long failing = 0, refused = 0;
    mlf_status status;
    options.filter = "tags.group LIKE 'e%' AND run_id NOT IN ('a', 'b')";
    options.order_by = order;
    options.n_order_by = 2;
    options.max_results = 3;
    do {
        mlf_run_list_free(&list);
        mlf__alloc_fail_after(++failing);
        status = store->ops->run_search(store, &options, &list);
        mlf__alloc_fail_after(0);
        refused += status != MLF_OK && list.n_runs == 0;
    } while (status != MLF_OK && failing < 1000);
    OK(status == MLF_OK && list.n_runs == 3 && list.next_page_token != NULL, "in the end it works");
    OK(failing > 20 && refused == failing - 1, "and before it failed with nothing left behind");
    mlf_run_list_free(&list);
}

int main(void)
{
    folder_make();
    store = open_store(uri_of("mlflow.db"), MLF__STORE_WRITE);
    if (OK(store != NULL && make_runs(), "runs are there")) {
        runs_are_found_in_order();
        runs_come_in_pages();
        runs_are_whole();
        models_and_experiments_are_found();
        without_memory();
    }
    mlf__store_close(store);
    folder_remove();
    return tap_done();
}
