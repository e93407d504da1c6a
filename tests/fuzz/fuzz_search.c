/* SPDX-License-Identifier: Apache-2.0 */
/* Any filter, order and page token: it is refused with a text, or the database takes the statement that comes of
 * it. An input is a byte for the subject and how the rest is used, then texts ended by NUL: the filter, the
 * token and clauses of the order. */
#include "tests/fuzz/fuzz.h"

#include "core/mem.h"
#include "tracking/search.h"
#include "tracking/store.h"

enum { TEXT_MAX = 16384, ORDERS_MAX = 8 };

static struct mlf__store *store;

static void open_store(void)
{
    char uri[128];
    if (store != NULL)
        return;
    snprintf(uri, sizeof(uri), "sqlite:///%s/search.db", fuzz_folder());
    MUST(mlf__store_open(uri, MLF__STORE_WRITE, &store) == MLF_OK);
    const struct mlf__run_create run = {.run_id = "0123456789abcdef0123456789abcdef",
                                        .experiment_id = "0",
                                        .name = "run",
                                        .user = "ann"};
    const struct mlf__metric metric = {.run_id = run.run_id, .key = "a", .value = 1};
    const mlf_key_value pair = {"a", "x"};
    const struct mlf__model_create model = {.model_id = "m-0123456789abcdef0123456789abcdef",
                                            .experiment_id = "0",
                                            .name = "model",
                                            .params = &pair,
                                            .n_params = 1};
    MUST(store->ops->run_create(store, &run) == MLF_OK);
    MUST(store->ops->log_metrics(store, &metric, 1) == MLF_OK);
    MUST(store->ops->log_param(store, run.run_id, "a", "x", NULL) == MLF_OK);
    MUST(store->ops->model_create(store, &model) == MLF_OK);
}

static void search(int subject, const mlf_search_options *options)
{
    mlf_run_list runs = {0};
    mlf_experiment_list experiments = {0};
    mlf_logged_model_list models = {0};
    mlf_status status = subject == 0   ? store->ops->run_search(store, options, &runs)
                        : subject == 1 ? store->ops->experiment_search(store, options, &experiments)
                                       : store->ops->model_search(store, options, &models);
    MUST(status == MLF_OK || status == MLF_ERR_INVAL);
    MUST(status == MLF_OK || mlf__errmsg()[0] != '\0');
    MUST(runs.n_runs <= 1 && experiments.n_experiments <= 1 && models.n_models <= 1);
    mlf_run_list_free(&runs);
    mlf_experiment_list_free(&experiments);
    mlf_logged_model_list_free(&models);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char filter[TEXT_MAX], token[TEXT_MAX], orders[ORDERS_MAX][TEXT_MAX];
    const char *order_by[ORDERS_MAX];
    struct input input = {data, data + size};
    mlf_search_options options = MLF_SEARCH_OPTIONS_INIT;
    open_store();
    int how = (int)take(&input, 1);
    options.filter = take_text(&input, filter, TEXT_MAX);
    options.page_token = take_text(&input, token, TEXT_MAX);
    while (input.at < input.end && options.n_order_by < ORDERS_MAX) {
        order_by[options.n_order_by] = take_text(&input, orders[options.n_order_by], TEXT_MAX);
        options.n_order_by++;
    }
    options.order_by = order_by;
    options.view = (mlf_view)(how >> 4 & 3);
    search(how % 3, &options);
    return 0;
}
