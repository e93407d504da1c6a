/* SPDX-License-Identifier: Apache-2.0 */
/* A program that uses the whole tracking API. test_parity.py has the same program in Python, step by step, and compares
 * the two databases: what is changed here is changed there. */
#include <mlf/mlf.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { T0_S = 1700000000 };
static const int64_t T0 = (int64_t)T0_S * 1000;

static int failures;

/* Every call must succeed. */
#define DO(call)                                                                                   \
    do {                                                                                           \
        mlf_status status_ = (call);                                                               \
        if (status_ != MLF_OK) {                                                                   \
            failures++;                                                                            \
            fprintf(stderr, "%d: %s: %s: %s\n", __LINE__, #call, mlf_status_name(status_),         \
                    mlf_errmsg());                                                                 \
        }                                                                                          \
    } while (0)

/* The call must fail as |want|. */
#define REFUSED(call, want)                                                                        \
    do {                                                                                           \
        mlf_status status_ = (call);                                                               \
        if (status_ != (want)) {                                                                   \
            failures++;                                                                            \
            fprintf(stderr, "%d: %s: %s: %s\n", __LINE__, #call, mlf_status_name(status_),         \
                    mlf_errmsg());                                                                 \
        }                                                                                          \
    } while (0)

/* ---- experiments ---- */

static void experiments(void)
{
    char alpha[MLF_ID_MAX], beta[MLF_ID_MAX], gone[MLF_ID_MAX], back[MLF_ID_MAX], none[MLF_ID_MAX];
    const mlf_key_value tags[] = {{"team", "vision"}, {"mlflow.note.content", "# Notiz\n\nä"}};
    mlf_experiment_options options = MLF_EXPERIMENT_OPTIONS_INIT;
    options.tags = tags;
    options.n_tags = 2;
    options.artifact_location = "elsewhere/alpha";
    DO(mlf_create_experiment("alpha", &options, alpha));
    DO(mlf_create_experiment("beta", NULL, beta));
    DO(mlf_rename_experiment(beta, "béta 2"));
    DO(mlf_experiment_set_tag(beta, "k", "first"));
    DO(mlf_experiment_set_tag(beta, "k", "second"));
    DO(mlf_experiment_set_tag(beta, "empty", ""));
    REFUSED(mlf_create_experiment("alpha", NULL, none), MLF_ERR_EXISTS);
    DO(mlf_create_experiment("gone", NULL, gone));
    DO(mlf_delete_experiment(gone));
    REFUSED(mlf_delete_experiment(gone), MLF_ERR_NOT_FOUND);
    REFUSED(mlf_experiment_set_tag(gone, "a", "b"), MLF_ERR_INVAL);
    REFUSED(mlf_rename_experiment(gone, "other"), MLF_ERR_STATE);
    REFUSED(mlf_create_experiment("gone", NULL, none), MLF_ERR_EXISTS);
    DO(mlf_create_experiment("back", NULL, back));
    DO(mlf_set_experiment("back"));
    mlf_run_options run = MLF_RUN_OPTIONS_INIT;
    run.run_name = "in back";
    DO(mlf_start_run(&run, NULL));
    DO(mlf_end_run(MLF_RUN_FINISHED));
    run.run_name = "killed in back";
    DO(mlf_start_run(&run, NULL));
    DO(mlf_end_run(MLF_RUN_KILLED));
    DO(mlf_delete_experiment(back));
    DO(mlf_restore_experiment(back));
    DO(mlf_set_experiment("lost"));
    run.run_name = "in lost";
    mlf_experiment lost;
    DO(mlf_start_run(&run, NULL));
    DO(mlf_end_run(MLF_RUN_FINISHED));
    DO(mlf_get_experiment_by_name("lost", &lost));
    DO(mlf_delete_experiment(lost.id));
    mlf_experiment_free(&lost);
}

/* ---- what a run holds ---- */

static void params(void)
{
    static char text[6101];
    memset(text, 'x', sizeof(text) - 1);
    const mlf_key_value several[] = {{"a/b", "path"}, {"a b.c-d:e", "all characters"}};
    DO(mlf_log_param("C", "1.5"));
    DO(mlf_log_param("C", "1.5"));
    REFUSED(mlf_log_param("C", "2"), MLF_ERR_CONFLICT);
    DO(mlf_log_param("empty", ""));
    DO(mlf_log_param("größe", "ünïcode \"quoted\"\nsecond line"));
    DO(mlf_log_param("long", text));
    DO(mlf_log_param_int("int", -9007199254740993));
    DO(mlf_log_param_double("double", 0.1));
    DO(mlf_log_param_double("tiny", 1e-7));
    DO(mlf_log_param_double("whole", 3.0));
    DO(mlf_log_param_bool("yes", true));
    DO(mlf_log_params(several, 2));
    REFUSED(mlf_log_param("bad*key", "1"), MLF_ERR_INVAL);
    REFUSED(mlf_log_param("a//b", "1"), MLF_ERR_INVAL);
}

static void point(const char *key, double value, int64_t step, int64_t after_t0)
{
    mlf_metric_options options = MLF_METRIC_OPTIONS_INIT;
    options.step = step;
    options.timestamp_ms = T0 + after_t0;
    DO(mlf_log_metric_with(key, value, &options));
}

static void metrics(void)
{
    for (int i = 0; i < 50; i++)
        point("loss", 1.0 / (i + 1), i, i * 10);
    point("twice", 0.5, 1, 0);
    point("twice", 0.5, 1, 0);
    point("nan", NAN, 0, 0);
    point("nan", 1, 1, 1);
    point("ends nan", 1, 0, 0);
    point("ends nan", NAN, 1, 0);
    point("nan and zero", NAN, 0, 0);
    point("nan and zero", 0, 0, 0);
    point("inf", INFINITY, 0, 0);
    point("inf", -INFINITY, 0, 1);
    point("negative step", 1, -5, 5);
    point("negative step", 2, -7, 9);
    point("backwards", 1, 3, 10);
    point("backwards", 2, 2, 20);
    point("backwards", 3, 1, 30);
    point("same step", 1, 0, 20);
    point("same step", 9, 0, 10);
    point("same time", 5, 0, 0);
    point("same time", 7, 0, 0);
    point("same time", 6, 0, 0);
    point("tiny", 5e-324, 0, 0);
    point("minus zero", -0.0, 0, 0);
    point("größe/m", 1e300, 1000000000000, 0);
    REFUSED(mlf_log_metric("bad@key", 1, 0), MLF_ERR_INVAL);
    REFUSED(mlf_log_metric("../up", 1, 0), MLF_ERR_INVAL);
}

static void tags(void)
{
    static char text[8101];
    memset(text, 'y', sizeof(text) - 1);
    const mlf_key_value several[] = {{"many", "1"}, {"more", "2"}};
    DO(mlf_set_tag("stage", "dev"));
    DO(mlf_set_tag("stage", "prod"));
    DO(mlf_set_tag("long", text));
    DO(mlf_set_tag("empty", ""));
    DO(mlf_set_tag("goes", "soon"));
    DO(mlf_set_tags(several, 2));
    DO(mlf_flush());
    DO(mlf_delete_tag("goes"));
    DO(mlf_set_tag("mlflow.runName", "outer renamed"));
    REFUSED(mlf_set_tag("no;key", "1"), MLF_ERR_INVAL);
}

static void input(const char *name, const char *digest, const char *context, const char *profile)
{
    mlf_dataset data = MLF_DATASET_INIT;
    data.name = name;
    data.digest = digest;
    data.source_type = "local";
    data.source = "{\"uri\": \"/data/iris.csv\"}";
    data.schema = "{\"mlflow_colspec\": [{\"type\": \"double\", \"name\": \"x\", \"required\": "
                  "true}]}";
    data.profile = profile;
    data.context = context;
    DO(mlf_log_input(&data));
}

static void artifacts(const char *file)
{
    const char *const columns[] = {"n", "word"};
    const bool is_number[] = {true, false};
    const char *const cells[] = {"1", "one", "2.5", "zwei ä", NULL, "none"};
    const char *const more[] = {"3", "three"};
    mlf_table table = MLF_TABLE_INIT;
    table.columns = columns;
    table.is_number = is_number;
    table.n_columns = 2;
    table.cells = cells;
    table.n_rows = 3;
    DO(mlf_log_text("a text\nwith ä\n", "texts/a.txt"));
    DO(mlf_log_text("", "texts/empty.txt"));
    DO(mlf_log_json("{\"a\": [1, 2.5, null]}", "a.json"));
    DO(mlf_log_table(&table, "tables/t.json"));
    DO(mlf_flush());
    table.cells = more;
    table.n_rows = 1;
    DO(mlf_log_table(&table, "tables/t.json"));
    DO(mlf_log_table(&table, "other.json"));
    DO(mlf_log_artifact(file, "files/deep"));
    REFUSED(mlf_log_text("x", "../x.txt"), MLF_ERR_INVAL);
    REFUSED(mlf_log_artifact("no such file", NULL), MLF_ERR_NOT_FOUND);
}

/* ---- runs ---- */

static void child(const char *name, mlf_run_status status)
{
    mlf_run_options options = MLF_RUN_OPTIONS_INIT;
    const mlf_key_value own[] = {{"own", name}};
    options.nested = true;
    options.run_name = name;
    options.tags = own;
    options.n_tags = 1;
    DO(mlf_start_run(&options, NULL));
    DO(mlf_log_param("depth", "1"));
    input("iris", "d1", "eval", NULL);
    options.run_name = "grandchild";
    if (status == MLF_RUN_FAILED) {
        DO(mlf_start_run(&options, NULL));
        point("deep", 1, 0, 0);
        DO(mlf_end_run(MLF_RUN_FINISHED));
    }
    DO(mlf_end_run(status));
}

static void outer_run(char id[MLF_ID_MAX], const char *file)
{
    mlf_run *run = NULL;
    mlf_run_options options = MLF_RUN_OPTIONS_INIT;
    const mlf_key_value own[] = {{"given", "at start"}};
    options.run_name = "outer";
    options.description = "What it *is*";
    options.tags = own;
    options.n_tags = 1;
    DO(mlf_start_run(&options, &run));
    snprintf(id, MLF_ID_MAX, "%s", mlf_run_id(run));
    REFUSED(mlf_start_run(NULL, NULL), MLF_ERR_STATE);
    params();
    metrics();
    tags();
    artifacts(file);
    input("iris", "d1", "training", "{\"num_rows\": 150}");
    input("iris", "d1", "validation", NULL);
    input("iris", "d2", NULL, NULL);
    child("first child", MLF_RUN_FINISHED);
    child("second child", MLF_RUN_FAILED);
    DO(mlf_end_run(MLF_RUN_FINISHED));
    /* A run that has ended takes what comes later. */
    DO(mlf_run_log_metric_with(
        run, "late", 1,
        &(mlf_metric_options){.size = sizeof(mlf_metric_options), .step = 1, .timestamp_ms = T0}));
}

/* ---- models ---- */

static void models_of_a_run(const char *file)
{
    mlf_run_options run = MLF_RUN_OPTIONS_INIT;
    mlf_model_options model = MLF_MODEL_OPTIONS_INIT;
    const mlf_key_value extra[] = {{"kernel", "rbf"}};
    mlf_model_info info;
    run.run_name = "with models";
    DO(mlf_start_run(&run, NULL));
    DO(mlf_log_param("C", "3"));
    point("acc", 0.5, 0, 0);
    point("acc", 0.75, 2, 1);
    point("auc", 0.25, 2, 2);
    model.params = extra;
    model.n_params = 1;
    model.step = 2;
    model.model_type = "svm";
    DO(mlf_log_model("at two", file, &model, &info));
    DO(mlf_log_model("at none", file, NULL, NULL));
    DO(mlf_flush());
    mlf_metric_options bound = MLF_METRIC_OPTIONS_INIT;
    bound.step = 4;
    bound.timestamp_ms = T0;
    bound.model_id = info.model_id;
    bound.dataset_name = "iris";
    bound.dataset_digest = "d1";
    DO(mlf_log_metric_with("bound", 0.125, &bound));
    bound.dataset_name = bound.dataset_digest = NULL;
    DO(mlf_log_metric_with("bound nan", NAN, &bound));
    DO(mlf_log_metric_with("bound inf", -INFINITY, &bound));
    DO(mlf_end_run(MLF_RUN_FINISHED));
}

static void models_without_a_run(void)
{
    static char text[8101];
    memset(text, 'z', sizeof(text) - 1);
    const mlf_key_value params[] = {{"a", "1"}, {"b", ""}}, more[] = {{"c", text}};
    const mlf_key_value tags_now[] = {{"t", "1"}, {"u", "2"}}, later[] = {{"t", "3"}, {"v", text}};
    mlf_model_options options = MLF_MODEL_OPTIONS_INIT;
    mlf_logged_model made;
    options.no_run = true;
    options.params = params;
    options.n_params = 2;
    options.tags = tags_now;
    options.n_tags = 2;
    options.model_type = "agent";
    DO(mlf_create_logged_model("free", &options, &made));
    DO(mlf_log_model_params(made.model_id, more, 1));
    REFUSED(mlf_log_model_params(made.model_id, more, 1), MLF_ERR_CONFLICT);
    DO(mlf_set_logged_model_tags(made.model_id, later, 2));
    DO(mlf_delete_logged_model_tag(made.model_id, "u"));
    REFUSED(mlf_delete_logged_model_tag(made.model_id, "u"), MLF_ERR_NOT_FOUND);
    DO(mlf_finalize_logged_model(made.model_id, MLF_MODEL_READY));
    mlf_logged_model_free(&made);
    options = (mlf_model_options)MLF_MODEL_OPTIONS_INIT;
    options.no_run = true;
    DO(mlf_create_logged_model("failed", &options, &made));
    DO(mlf_finalize_logged_model(made.model_id, MLF_MODEL_UPLOAD_FAILED));
    mlf_logged_model_free(&made);
    DO(mlf_create_logged_model("deleted", &options, &made));
    DO(mlf_delete_logged_model(made.model_id));
    mlf_logged_model_free(&made);
    DO(mlf_create_logged_model("pending", &options, &made));
    mlf_logged_model_free(&made);
    REFUSED(mlf_create_logged_model("a.b", &options, &made), MLF_ERR_INVAL);
}

/* ---- deletes and restores, and coming back ---- */

static void lifecycle(const char *outer)
{
    mlf_run *run = NULL;
    char id[MLF_ID_MAX];
    mlf_run_options options = MLF_RUN_OPTIONS_INIT;
    options.run_name = "deleted";
    DO(mlf_start_run(&options, &run));
    snprintf(id, sizeof(id), "%s", mlf_run_id(run));
    DO(mlf_log_param("p", "1"));
    DO(mlf_end_run(MLF_RUN_FINISHED));
    DO(mlf_delete_run(id));
    options.run_name = "restored";
    DO(mlf_start_run(&options, &run));
    snprintf(id, sizeof(id), "%s", mlf_run_id(run));
    DO(mlf_end_run(MLF_RUN_FINISHED));
    DO(mlf_delete_run(id));
    DO(mlf_restore_run(id));
    options = (mlf_run_options)MLF_RUN_OPTIONS_INIT;
    options.run_id = outer;
    DO(mlf_start_run(&options, NULL));
    point("resumed", 1, 0, 0);
    DO(mlf_log_param("second time", "1"));
    DO(mlf_end_run(MLF_RUN_FINISHED));
    options = (mlf_run_options)MLF_RUN_OPTIONS_INIT;
    options.run_name = "adopted";
    options.parent_run_id = outer;
    DO(mlf_start_run(&options, NULL));
    DO(mlf_end_run(MLF_RUN_FINISHED));
}

/* Usage: parity STORE [FILE]. FILE is logged as an artifact and as a model. */
int main(int argc, char **argv)
{
    char outer[MLF_ID_MAX] = "";
    if (argc != 3)
        return 2;
    DO(mlf_set_tracking_uri(argv[1]));
    experiments();
    DO(mlf_set_experiment("main"));
    DO(mlf_set_experiment_tag("active", "yes"));
    outer_run(outer, argv[2]);
    models_of_a_run(argv[2]);
    models_without_a_run();
    lifecycle(outer);
    DO(mlf_flush());
    return failures != 0;
}
