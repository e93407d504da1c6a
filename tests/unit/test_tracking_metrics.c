/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics in the SQL store: what is kept of NaN and infinities, which point is the latest, duplicates,
 * points of models, and histories. */
#include "test_tracking_store.h"

#include <float.h>
#include <math.h>

#define RUN "0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210"
#define MODEL "m-0123456789abcdef0123456789abcdef"

static struct mlf__store *store;
static char path[PATH_MAX];

static struct mlf__metric point(const char *key, int64_t step, int64_t timestamp, double value)
{
    return (struct mlf__metric){
        .run_id = RUN, .key = key, .value = value, .timestamp_ms = timestamp, .step = step};
}

static mlf_status log_one(struct mlf__metric metric)
{
    return store->ops->log_metrics(store, &metric, 1);
}

static const char *latest(const char *key)
{
    char text[200];
    snprintf(text, sizeof(text),
             "SELECT step, timestamp, value, is_nan FROM latest_metrics WHERE key = '%s'", key);
    return sql(path, text);
}

static void the_latest_is_by_step_time_value(void)
{
    /* Each point, and what latest_metrics holds behind it. */
    static const struct {
        int64_t step, timestamp;
        double value;
        const char *want, *name;
    } cases[] = {
        {0, 100, 5, "0|100|5.0|0\n", "the first point is the latest"},
        {1, 50, 1, "1|50|1.0|0\n", "a later step wins over a later time"},
        {0, 900, 9, "1|50|1.0|0\n", "an earlier step never does"},
        {1, 60, 0, "1|60|0.0|0\n", "of one step the later time wins"},
        {1, 60, -1, "1|60|0.0|0\n", "of one time the smaller value does not"},
        {1, 60, 2, "1|60|2.0|0\n", "of one time the larger value does"},
        {1, 60, NAN, "1|60|2.0|0\n", "NaN counts as 0"},
        {-5, 999, 9, "1|60|2.0|0\n", "steps may be negative"},
    };
    for (size_t i = 0; i < MLF__ARRAY_LEN(cases); i++) {
        IS(log_one(point("one", cases[i].step, cases[i].timestamp, cases[i].value)), MLF_OK,
           "a point is logged alone");
        STR(latest("one"), cases[i].want, cases[i].name);
    }
    struct mlf__metric batch[MLF__ARRAY_LEN(cases)];
    for (size_t i = 0; i < MLF__ARRAY_LEN(cases); i++)
        batch[i] = point("many", cases[i].step, cases[i].timestamp, cases[i].value);
    IS(store->ops->log_metrics(store, batch, MLF__ARRAY_LEN(batch)), MLF_OK, "the same in a batch");
    STR(latest("many"), "1|60|2.0|0\n", "has the same latest point");
    STR(sql(path, "SELECT count(*) FROM metrics WHERE key = 'many'"), "8\n",
        "and keeps all points");
}

static void special_values_are_stored_as_mlflow_does(void)
{
    const struct mlf__metric batch[] = {
        point("special", 0, 1, NAN), point("special", 1, 1, INFINITY),
        point("special", 2, 1, -INFINITY), point("special", 3, 1, 0.1)};
    IS(store->ops->log_metrics(store, batch, 4), MLF_OK, "NaN and infinities are logged");
    STR(sql(path, "SELECT step, value = 1.7976931348623157e308, value = -1.7976931348623157e308, "
                  "value = 0, is_nan, typeof(value), value = 0.1 FROM metrics "
                  "WHERE key = 'special' ORDER BY step"),
        "0|0|0|1|1|real|0\n1|1|0|0|0|real|0\n2|0|1|0|0|real|0\n3|0|0|0|0|real|1\n",
        "as 0 with a mark, and as the largest numbers");
    mlf_metric_list page;
    IS(store->ops->metric_history(store, RUN, "special", NULL, 10, &page), MLF_OK, "read back");
    IS(page.n_metrics, 4, "there are four");
    OK(isnan(page.metrics[0].value), "NaN is NaN again");
    OK(page.metrics[1].value == DBL_MAX, "infinity is the largest number");
    mlf_metric_list_free(&page);
}

static void duplicates_are_dropped(void)
{
    const struct mlf__metric batch[] = {point("twice", 1, 7, 0.5), point("twice", 1, 7, 0.5),
                                        point("twice", 1, 7, NAN), point("twice", 1, 7, NAN),
                                        point("twice", 1, 7, 0)};
    IS(store->ops->log_metrics(store, batch, 5), MLF_OK, "duplicates in a batch");
    IS(store->ops->log_metrics(store, batch, 5), MLF_OK, "and the batch again");
    STR(sql(path, "SELECT value, is_nan FROM metrics WHERE key = 'twice' ORDER BY 1, 2"),
        "0.0|0\n0.0|1\n0.5|0\n", "each point is there once, NaN beside 0");
}

static void model_points_are_kept_twice(void)
{
    const struct mlf__model_create model = {
        .model_id = MODEL, .experiment_id = "0", .name = "m", .run_id = RUN};
    struct mlf__metric batch[] = {point("acc", 1, 5, 0.5), point("acc", 2, 6, NAN)};
    batch[0].model_id = batch[1].model_id = MODEL;
    batch[0].dataset_name = "iris";
    batch[0].dataset_digest = "8f434346";
    IS(store->ops->log_metrics(store, batch, 2), MLF_ERR_NOT_FOUND, "an unknown model is refused");
    STR(sql(path, "SELECT count(*) FROM metrics WHERE key = 'acc'"), "0\n", "with nothing written");
    IS(store->ops->model_create(store, &model), MLF_OK, "the model is created");
    IS(store->ops->log_metrics(store, batch, 2), MLF_OK, "points of the model");
    IS(store->ops->log_metrics(store, batch, 2), MLF_OK, "also twice");
    STR(sql(path, "SELECT count(*) FROM metrics WHERE key = 'acc'"), "2\n", "are the run's");
    STR(sql(path, "SELECT model_id, metric_name, metric_timestamp_ms, metric_step, metric_value, "
                  "experiment_id, run_id, dataset_uuid, dataset_name, dataset_digest "
                  "FROM logged_model_metrics ORDER BY metric_step"),
        MODEL "|acc|5|1|0.5|0|" RUN "|NULL|iris|8f434346\n" MODEL "|acc|6|2|0.0|0|" RUN
              "|NULL|NULL|NULL\n",
        "and the model's");
    mlf_logged_model record;
    IS(store->ops->model_get(store, MODEL, &record), MLF_OK, "the model is read");
    IS(record.n_metrics, 2, "with its points");
    STR(record.metrics[0].model_id, MODEL, "that name it");
    mlf_logged_model_free(&record);
}

static void bad_batches_write_nothing(void)
{
    static const struct {
        struct mlf__metric metric;
        mlf_status want;
        const char *name;
    } cases[] = {
        {{RUN, "bad*key", 1, 1, 1, 0, 0, 0}, MLF_ERR_INVAL, "a bad key"},
        {{RUN, "k", 1, -1, 1, 0, 0, 0}, MLF_ERR_INVAL, "a negative time"},
        {{"nope", "k", 1, 1, 1, 0, 0, 0}, MLF_ERR_NOT_FOUND, "an unknown run"},
    };
    for (size_t i = 0; i < MLF__ARRAY_LEN(cases); i++) {
        const struct mlf__metric batch[] = {point("fresh", 1, 1, 1), cases[i].metric};
        IS(store->ops->log_metrics(store, batch, 2), cases[i].want, cases[i].name);
        STR(sql(path, "SELECT count(*) FROM metrics WHERE key = 'fresh'"), "0\n",
            "refuses the batch as a whole");
    }
    IS(store->ops->log_metrics(store, NULL, 0), MLF_OK, "an empty batch is nothing");
}

static void many_runs_and_keys_fit_in_a_batch(void)
{
    enum { RUNS = 100, KEYS = 10 };
    static char ids[RUNS][MLF__ID_SIZE], keys[KEYS][8];
    static struct mlf__metric batch[RUNS * KEYS * 2];
    size_t n = 0;
    bool ok = store->ops->begin(store) == MLF_OK;
    for (int i = 0; i < RUNS; i++) {
        mlf__new_id(ids[i]);
        const struct mlf__run_create run = {.run_id = ids[i], .experiment_id = "0", .name = "r"};
        ok = ok && store->ops->run_create(store, &run) == MLF_OK;
    }
    for (int step = 0; step < 2; step++)
        for (int k = 0; k < KEYS; k++)
            for (int i = 0; i < RUNS; i++) {
                snprintf(keys[k], sizeof(keys[k]), "k%d", k);
                batch[n++] = (struct mlf__metric){
                    .run_id = ids[i], .key = keys[k], .value = i, .timestamp_ms = 1, .step = step};
            }
    ok = ok && store->ops->log_metrics(store, batch, n) == MLF_OK &&
         store->ops->commit(store) == MLF_OK;
    OK(ok, "2000 points of 100 runs are logged at once");
    STR(sql(path, "SELECT count(*), count(DISTINCT run_uuid), min(step), sum(value) "
                  "FROM latest_metrics WHERE key LIKE 'k_'"),
        "1000|100|1|49500.0\n", "each run has the latest point of each key");
}

static void histories_come_in_pages(void)
{
    mlf_metric_list page, next;
    const struct mlf__metric batch[] = {
        point("h", 2, 30, 3),  point("h", 1, 10, 1),  point("h", 0, 20, 2),
        point("h", 0, 20, 1),  point("h", 0, 20, 0),  point("h", 0, 20, NAN),
        point("h", 0, 20, -1), point("h", -3, 20, 7), point("h", 0, 20, INFINITY)};
    static const char want[] = "10/1/1 20/-3/7 20/0/-1 20/0/0 20/0/nan 20/0/1 20/0/2 "
                               "20/0/1.79769e+308 30/2/3 ";
    IS(store->ops->log_metrics(store, batch, MLF__ARRAY_LEN(batch)), MLF_OK, "points in any order");
    for (size_t size = 1; size <= 10; size++) {
        char got[500] = "";
        size_t len = 0;
        mlf_status status = store->ops->metric_history(store, RUN, "h", NULL, size, &page);
        while (status == MLF_OK && page.n_metrics > 0 && page.n_metrics <= size) {
            for (size_t i = 0; i < page.n_metrics; i++)
                len += (size_t)snprintf(got + len, sizeof(got) - len, "%lld/%lld/%g ",
                                        (long long)page.metrics[i].timestamp_ms,
                                        (long long)page.metrics[i].step, page.metrics[i].value);
            status = store->ops->metric_history(store, RUN, "h", &page.metrics[page.n_metrics - 1],
                                                size, &next);
            mlf_metric_list_free(&page);
            page = next;
        }
        mlf_metric_list_free(&page);
        IS(status, MLF_OK, "pages are read");
        STR(got, want, "by time, step and value, NaN behind 0");
    }
    IS(store->ops->metric_history(store, RUN, "none", NULL, 2, &page), MLF_OK, "of no such key");
    IS(page.n_metrics, 0, "there is nothing");
    mlf_metric_list_free(&page);
}

/* Enough points of a run that its pages are read in the order of the primary key. */
static void long_histories_come_in_pages(void)
{
    enum { POINTS = 11000, PAGE = 1000 };
    static struct mlf__metric batch[2 * POINTS];
    mlf_metric_list page;
    mlf_metric_record last;
    const mlf_metric_record *after = NULL;
    size_t n = 0, pages = 0;
    bool ordered = true;
    for (int i = 0; i < POINTS; i++) {
        batch[2 * i] = point("long", i, i / 3, i % 5 == 0 ? NAN : i);
        batch[2 * i + 1] = batch[2 * i];
        batch[2 * i + 1].run_id = OTHER;
    }
    IS(store->ops->log_metrics(store, batch, 2 * POINTS), MLF_OK, "long histories of two runs");
    while (store->ops->metric_history(store, RUN, "long", after, PAGE, &page) == MLF_OK &&
           page.n_metrics > 0) {
        for (size_t i = 0; i < page.n_metrics; i++, n++)
            ordered = ordered && page.metrics[i].step == (int64_t)n;
        last = page.metrics[page.n_metrics - 1];
        after = &last;
        pages++;
        mlf_metric_list_free(&page);
    }
    mlf_metric_list_free(&page);
    OK(ordered, "each point comes once, in order");
    IS(n, POINTS, "all of one run");
    IS(pages, POINTS / PAGE, "in full pages");
}

int main(void)
{
    const struct mlf__run_create run = {.run_id = RUN, .experiment_id = "0", .name = "r"};
    const struct mlf__run_create other = {.run_id = OTHER, .experiment_id = "0", .name = "o"};
    folder_make();
    snprintf(path, sizeof(path), "%s", in_folder("mlflow.db"));
    store = open_store(uri_of("mlflow.db"), MLF__STORE_WRITE);
    if (OK(store != NULL && store->ops->run_create(store, &run) == MLF_OK &&
               store->ops->run_create(store, &other) == MLF_OK,
           "two runs are there")) {
        the_latest_is_by_step_time_value();
        special_values_are_stored_as_mlflow_does();
        duplicates_are_dropped();
        model_points_are_kept_twice();
        bad_batches_write_nothing();
        many_runs_and_keys_fit_in_a_batch();
        histories_come_in_pages();
        long_histories_come_in_pages();
    }
    mlf__store_close(store);
    folder_remove();
    return tap_done();
}
