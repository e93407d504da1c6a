/* SPDX-License-Identifier: Apache-2.0 */
/* Experiments, runs, params, tags, inputs and models in the SQL store: MLflow's semantics, its wording,
 * and that repeating everything changes nothing. */
#include "test_tracking_store.h"

#include "tracking/run_json.h"

#define RUN "0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210"
#define MODEL "m-0123456789abcdef0123456789abcdef"

static struct mlf__store *store;
static const char *path;

static const mlf_key_value tags[] = {{"mlflow.user", "ann"}, {"mlflow.source.type", "LOCAL"}};

static const struct mlf__run_create new_run = {
    .run_id = RUN,
    .experiment_id = "0",
    .name = "first",
    .user = "ann",
    .start_time_ms = 1700000000000,
    .tags = tags,
    .n_tags = 2,
};

static void experiments_are_created_once(void)
{
    mlf_experiment a, b;
    IS(store->ops->experiment_ensure(store, "iris", &a), MLF_OK, "an absent experiment is created");
    STR(a.id, "1", "ids are the next number");
    char location[PATH_MAX + 32];
    snprintf(location, sizeof(location), "%s/mlruns/1", folder);
    STR(a.artifact_location, location, "artifacts lie beside the database");
    IS(store->ops->experiment_ensure(store, "iris", &b), MLF_OK, "it is found the second time");
    STR(b.id, a.id, "under the same id");
    mlf_experiment_free(&b);
    IS(store->ops->experiment_get(store, "1", &b), MLF_OK, "an experiment is got by its id");
    STR(b.name, "iris", "with its name");
    mlf_experiment_free(&a);
    mlf_experiment_free(&b);
    IS(store->ops->experiment_by_name(store, "none", &a), MLF_ERR_NOT_FOUND, "a name that is not");
    IS(store->ops->experiment_get(store, "999", &a), MLF_ERR_NOT_FOUND, "an id that is not");
    STR(mlf__errmsg(), "No Experiment with id=999 exists", "in MLflow's words");
    IS(store->ops->experiment_get(store, "x", &a), MLF_ERR_INVAL, "an id that is no number");
    IS(store->ops->experiment_ensure(store, " ", &a), MLF_ERR_INVAL, "a blank name is refused");
    sql(path, "UPDATE experiments SET lifecycle_stage = 'deleted' WHERE name = 'iris'");
    IS(store->ops->experiment_ensure(store, "iris", &a), MLF_ERR_STATE,
       "a deleted name is refused");
    struct mlf__run_create run = new_run;
    run.experiment_id = "1";
    IS(store->ops->run_create(store, &run), MLF_ERR_INVAL, "a deleted experiment takes no run");
    STR(mlf__errmsg(), "The experiment 1 must be in the 'active' state. Current state is deleted.",
        "in MLflow's words");
    sql(path, "UPDATE experiments SET lifecycle_stage = 'active'");
}

static void runs_are_created_as_mlflow_does(void)
{
    IS(store->ops->run_create(store, &new_run), MLF_OK, "a run is created");
    char row[PATH_MAX * 2];
    snprintf(row, sizeof(row),
             RUN "|first|UNKNOWN|||ann|RUNNING|1700000000000|NULL||active|%s/mlruns/0/" RUN
                 "/artifacts|0|NULL\n",
             folder);
    STR(sql(path, "SELECT * FROM runs"), row, "the row is as MLflow writes it");
    STR(sql(path, "SELECT key, value FROM tags ORDER BY key"),
        "mlflow.runName|first\nmlflow.source.type|LOCAL\nmlflow.user|ann\n",
        "its tags hold the name, too");
    struct mlf__run_create run = new_run;
    run.run_id = OTHER;
    run.name = NULL;
    run.start_time_ms = 1600000000000;
    IS(store->ops->run_create(store, &run), MLF_OK, "a run without a name is created");
    STR(sql(path, "SELECT r.name = t.value AND length(r.name) BETWEEN 5 AND 20 FROM runs r "
                  "JOIN tags t USING (run_uuid) WHERE t.key = 'mlflow.runName' "
                  "AND r.run_uuid = '" OTHER "'"),
        "1\n", "it gets a random name of at most 20 characters");
    const mlf_key_value named[] = {{"mlflow.runName", "other"}};
    run.name = "this";
    run.tags = named;
    run.n_tags = 1;
    IS(store->ops->run_create(store, &run), MLF_ERR_INVAL, "two names that differ are refused");
    run.run_id = "no/id";
    IS(store->ops->run_create(store, &run), MLF_ERR_INVAL, "an id that is none is refused");
    run.run_id = "0123456789abcdef0123456789abcde0";
    run.name = NULL;
    run.experiment_id = "77";
    IS(store->ops->run_create(store, &run), MLF_ERR_NOT_FOUND, "an unknown experiment is refused");
}

static void params_keep_their_first_value(void)
{
    char *stored = NULL;
    IS(store->ops->log_param(store, RUN, "C", "1", &stored), MLF_OK, "a param is logged");
    IS(store->ops->log_param(store, RUN, "C", "1", &stored), MLF_OK, "the same value is a success");
    IS(store->ops->log_param(store, RUN, "C", "2", &stored), MLF_ERR_CONFLICT, "another is not");
    STR(mlf__errmsg(),
        "Changing param values is not allowed. Param with key='C' was already logged with "
        "value='1' for run ID='" RUN "'. Attempted logging new value '2'.",
        "in MLflow's words");
    STR(stored, "1", "the value that stays is handed out");
    mlf__free(stored);
    IS(store->ops->log_param(store, RUN, "a@b", "1", NULL), MLF_ERR_INVAL, "a bad key is refused");
    IS(store->ops->log_param(store, RUN, "empty", "", NULL), MLF_OK, "an empty value is allowed");
    char *large = mlf__alloc(7001);
    memset(large, 'x', 7000);
    large[7000] = '\0';
    IS(store->ops->log_param(store, RUN, "large", large, NULL), MLF_OK, "a long value is taken");
    IS(store->ops->log_param(store, RUN, "large", large, NULL), MLF_OK, "also twice");
    STR(sql(path, "SELECT length(value) FROM params WHERE key = 'large'"), "6000\n",
        "and cut at 6000 characters");
    memset(large, 't', 7000);
    IS(store->ops->set_tag(store, RUN, "long", large), MLF_OK, "a tag of 7000 is taken");
    mlf__free(large);
    IS(store->ops->log_param(store, RUN, "bytes",
                             "a\xff"
                             "b",
                             NULL),
       MLF_OK, "a value that is not UTF-8 is taken");
    STR(sql(path, "SELECT value FROM params WHERE key = 'bytes'"),
        "a\xef\xbf\xbd"
        "b\n",
        "with replacement characters");
}

static void tags_are_replaced(void)
{
    IS(store->ops->set_tag(store, RUN, "t", "1"), MLF_OK, "a tag is set");
    IS(store->ops->set_tag(store, RUN, "t", "2"), MLF_OK, "and set again");
    STR(sql(path, "SELECT value FROM tags WHERE key = 't'"), "2\n", "the last value counts");
    IS(store->ops->set_tag(store, RUN, "mlflow.runName", "renamed"), MLF_OK, "the name is a tag");
    STR(sql(path, "SELECT name FROM runs WHERE run_uuid = '" RUN "'"), "renamed\n",
        "setting it renames the run");
    IS(store->ops->set_tag(store, RUN, "a//b", "1"), MLF_ERR_INVAL, "a bad key is refused");
    IS(store->ops->set_tag(store, "0", "a", "1"), MLF_ERR_NOT_FOUND, "an unknown run is refused");
    STR(mlf__errmsg(), "Run with id=0 not found", "in MLflow's words");
}

static const struct mlf__dataset_input data_set = {
    .name = "iris.scale",
    .digest = "8f434346",
    .source_type = "local",
    .source = "{\"uri\": \"/data/iris.scale\"}",
    .profile = "{\"num_rows\": 150}",
    .context = "train",
};

static void data_sets_are_shared(void)
{
    IS(store->ops->log_input(store, RUN, &data_set), MLF_OK, "an input is logged");
    struct mlf__dataset_input again = data_set;
    again.context = "eval";
    IS(store->ops->log_input(store, RUN, &again), MLF_OK, "again with another context");
    IS(store->ops->log_input(store, OTHER, &again), MLF_OK, "and by another run");
    STR(sql(path, "SELECT count(*) FROM datasets"), "1\n", "runs share the data set's row");
    STR(sql(path, "SELECT i.destination_id, i.source_type, i.destination_type, i.step, t.name, "
                  "t.value FROM inputs i JOIN input_tags t USING (input_uuid) ORDER BY 1"),
        RUN "|DATASET|RUN|0|mlflow.data.context|train\n" OTHER
            "|DATASET|RUN|0|mlflow.data.context|eval\n",
        "the first context of a run stays");
    again.digest = "0123456789012345678901234567890123456";
    IS(store->ops->log_input(store, RUN, &again), MLF_ERR_INVAL, "a digest of 37 is refused");
}

static const mlf_key_value model_params[] = {{"C", "1"}, {"gamma", "0.25"}};

static const struct mlf__model_create new_model = {
    .model_id = MODEL,
    .experiment_id = "0",
    .name = "model",
    .run_id = RUN,
    .creation_time_ms = 1700000000500,
    .params = model_params,
    .n_params = 2,
    .tags = tags,
    .n_tags = 2,
};

static void models_live_their_life(void)
{
    mlf_logged_model model;
    IS(store->ops->model_create(store, &new_model), MLF_OK, "a model is created");
    IS(store->ops->model_get(store, MODEL, &model), MLF_OK, "and got");
    IS(model.status, MLF_MODEL_PENDING, "it is pending at first");
    char location[PATH_MAX + 64];
    snprintf(location, sizeof(location), "%s/mlruns/0/models/" MODEL "/artifacts", folder);
    STR(model.artifact_location, location, "its files lie outside the run's");
    IS(model.n_params, 2, "it has its params");
    IS(model.n_tags, 2, "and its tags");
    STR(model.run_id, RUN, "and its run");
    OK(model.model_type == NULL, "and no type");
    mlf_logged_model_free(&model);
    const mlf_key_value more[] = {{"C", "9"}, {"nu", "0.5"}};
    IS(store->ops->model_params(store, MODEL, more, 2), MLF_OK, "params are added");
    STR(sql(path, "SELECT param_key, param_value FROM logged_model_params ORDER BY 1"),
        "C|1\ngamma|0.25\nnu|0.5\n", "those that it has stay");
    IS(store->ops->model_finalize(store, MODEL, MLF_MODEL_READY), MLF_OK, "it is made ready");
    IS(store->ops->model_output(store, RUN, MODEL, 3), MLF_OK, "it is linked to its run");
    IS(store->ops->model_output(store, RUN, MODEL, 3), MLF_OK, "also twice");
    STR(sql(path, "SELECT source_type, source_id, destination_type, destination_id, step "
                  "FROM inputs WHERE source_type = 'RUN_OUTPUT'"),
        "RUN_OUTPUT|" RUN "|MODEL_OUTPUT|" MODEL "|3\n", "by one row as MLflow's");
    IS(store->ops->model_output(store, RUN, "m-0", 3), MLF_ERR_NOT_FOUND, "an unknown model");
    STR(mlf__errmsg(), "Logged model with ID 'm-0' not found.", "in MLflow's words");
    struct mlf__model_create bad = new_model;
    bad.name = "a/b";
    IS(store->ops->model_create(store, &bad), MLF_ERR_INVAL, "a name with a slash is refused");
    struct mlf__model_create gone = new_model;
    gone.model_id = "m-1";
    IS(store->ops->model_create(store, &gone), MLF_OK, "a second model");
    IS(store->ops->model_delete(store, "m-1"), MLF_OK, "is deleted");
    IS(store->ops->model_delete(store, "m-1"), MLF_OK, "also twice");
    IS(store->ops->model_get(store, "m-1", &model), MLF_ERR_NOT_FOUND, "and not got any more");
}

static void runs_are_read_back(void)
{
    mlf_run_record run;
    const struct mlf__metric point = {
        .run_id = RUN, .key = "obj", .value = -1.5, .timestamp_ms = 1700000000100, .step = 2};
    IS(store->ops->log_metrics(store, &point, 1), MLF_OK, "a point is logged");
    IS(store->ops->run_update(store, RUN, MLF_RUN_FINISHED, 1700000009000), MLF_OK, "a run ends");
    IS(store->ops->run_update(store, RUN, MLF_RUN_RUNNING, -1), MLF_OK, "and is resumed");
    IS(store->ops->run_update(store, RUN, 9, -1), MLF_ERR_INVAL, "status 9 is refused");
    IS(store->ops->run_get(store, RUN, &run), MLF_OK, "a run is read");
    IS(run.status, MLF_RUN_RUNNING, "its status is the last");
    IS(run.end_time_ms, 1700000009000, "its end time the old one");
    STR(run.name, "renamed", "its name");
    STR(run.user, "ann", "its user");
    IS(run.n_params, 4, "its params");
    STR(run.params[0].key, "C", "sorted by key");
    IS(run.n_metrics, 1, "its metrics");
    OK(run.metrics[0].value == -1.5 && run.metrics[0].step == 2, "with value and step");
    IS(run.n_inputs, 1, "its inputs");
    STR(run.inputs[0].digest, "8f434346", "with the digest");
    OK(run.inputs[0].schema == NULL, "an absent schema is NULL");
    STR(run.inputs[0].tags[0].value, "train", "with the context");
    IS(run.n_model_outputs, 1, "its models");
    STR(run.model_outputs[0], MODEL, "with the id");
    IS(run.model_output_steps[0], 3, "and the step");
    char *json = mlf__run_json(&run);
    OK(strstr(json, "\"metrics\":[{\"key\":\"obj\",\"value\":-1.5,\"timestamp\":1700000000100,"
                    "\"step\":2}]") != NULL,
       "its JSON has numbers");
    mlf__free(json);
    mlf_run_record_free(&run);
    IS(store->ops->run_get(store, "nope", &run), MLF_ERR_NOT_FOUND, "an unknown run is not found");
}

static void runs_are_found_and_listed(void)
{
    mlf_run_list list;
    char *id = NULL;
    IS(store->ops->run_find(store, "0123", &id), MLF_OK, "a run is found by its beginning");
    STR(id, RUN, "it is the right one");
    mlf__free(id);
    IS(store->ops->run_find(store, "", &id), MLF_OK, "the latest run is found");
    STR(id, RUN, "by start time");
    mlf__free(id);
    IS(store->ops->run_find(store, "77", &id), MLF_ERR_NOT_FOUND, "a beginning of none");
    struct mlf__run_create run = new_run;
    run.run_id = "0123456789000000000000000000000f";
    run.start_time_ms = 1500000000000;
    IS(store->ops->run_create(store, &run), MLF_OK, "a third run");
    IS(store->ops->run_find(store, "0123", &id), MLF_ERR_INVAL, "a beginning of two is refused");
    OK(says(RUN) && says(run.run_id), "with both ids");
    IS(store->ops->run_list(store, NULL, 10, &list), MLF_OK, "runs are listed");
    IS(list.n_runs, 3, "all of them");
    STR(list.runs[0].run_id, RUN, "the latest first");
    STR(list.runs[2].run_id, run.run_id, "the oldest last");
    IS(list.runs[0].n_params, 4, "with their params");
    mlf_run_list_free(&list);
    IS(store->ops->run_list(store, "0", 1, &list), MLF_OK, "of one experiment, at most one");
    IS(list.n_runs, 1, "is listed");
    mlf_run_list_free(&list);
    IS(store->ops->run_list(store, "1", 9, &list), MLF_OK, "of an experiment without runs");
    IS(list.n_runs, 0, "none is listed");
    mlf_run_list_free(&list);
}

static void deleted_runs_take_nothing(void)
{
    const struct mlf__metric point = {.run_id = OTHER, .key = "k", .value = 1};
    sql(path, "UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid = '" OTHER "'");
    IS(store->ops->log_param(store, OTHER, "p", "1", NULL), MLF_ERR_INVAL, "no param");
    STR(mlf__errmsg(), "The run " OTHER " must be in the 'active' state. Current state is deleted.",
        "in MLflow's words");
    IS(store->ops->log_metrics(store, &point, 1), MLF_ERR_INVAL, "no metric");
    IS(store->ops->set_tag(store, OTHER, "t", "1"), MLF_ERR_INVAL, "no tag");
    IS(store->ops->log_input(store, OTHER, &data_set), MLF_ERR_INVAL, "no input");
    IS(store->ops->model_output(store, OTHER, MODEL, 0), MLF_ERR_INVAL, "no model");
    IS(store->ops->run_update(store, OTHER, MLF_RUN_FINISHED, 1), MLF_ERR_INVAL, "no end");
    mlf_run_record run;
    IS(store->ops->run_get(store, OTHER, &run), MLF_OK, "but it is read");
    OK(run.deleted, "as deleted");
    mlf_run_record_free(&run);
}

/* Everything there is, by the rows of all tables. */
static char *dump(void)
{
    return strdup(sql(path,
                      "SELECT * FROM experiments; SELECT * FROM runs ORDER BY 1;"
                      "SELECT * FROM params ORDER BY 3, 1; SELECT * FROM tags ORDER BY 3, 1;"
                      "SELECT * FROM metrics ORDER BY 4, 1, 3, 2; SELECT * FROM latest_metrics;"
                      "SELECT * FROM datasets; SELECT * FROM inputs ORDER BY 1;"
                      "SELECT * FROM input_tags; SELECT * FROM logged_models;"
                      "SELECT * FROM logged_model_params; SELECT * FROM logged_model_tags;"
                      "SELECT * FROM logged_model_metrics"));
}

static void log_everything(const char *run_id, const char *model_id)
{
    mlf_experiment experiment;
    struct mlf__run_create run = new_run;
    struct mlf__model_create model = new_model;
    const struct mlf__metric points[] = {
        {run_id, "loss", 0.5, 1700000000001, 0, model_id, "iris", "8f434346"},
        {run_id, "loss", 0.25, 1700000000002, 1, model_id, NULL, NULL},
        {run_id, "nan", 0.0 / 0.0, 1700000000003, 0, NULL, NULL, NULL},
    };
    bool ok = store->ops->experiment_ensure(store, "twice", &experiment) == MLF_OK;
    run.run_id = model.run_id = run_id;
    model.model_id = model_id;
    run.experiment_id = model.experiment_id = experiment.id;
    ok = ok && store->ops->run_create(store, &run) == MLF_OK &&
         store->ops->log_param(store, run_id, "p", "1", NULL) == MLF_OK &&
         store->ops->set_tag(store, run_id, "t", "1") == MLF_OK &&
         store->ops->set_tag(store, run_id, "mlflow.runName", "new name") == MLF_OK &&
         store->ops->log_input(store, run_id, &data_set) == MLF_OK &&
         store->ops->model_create(store, &model) == MLF_OK &&
         store->ops->log_metrics(store, points, 3) == MLF_OK &&
         store->ops->model_params(store, model_id, model_params, 2) == MLF_OK &&
         store->ops->model_output(store, run_id, model_id, 1) == MLF_OK &&
         store->ops->model_finalize(store, model_id, MLF_MODEL_READY) == MLF_OK &&
         store->ops->run_update(store, run_id, MLF_RUN_FINISHED, 1700000009000) == MLF_OK;
    OK(ok, "everything is logged (%s)", ok ? "" : mlf__errmsg());
    mlf_experiment_free(&experiment);
}

static void replaying_changes_nothing(void)
{
    char run_id[MLF__ID_SIZE], model_id[MLF__ID_SIZE];
    mlf__new_id(run_id);
    mlf__new_model_id(model_id);
    log_everything(run_id, model_id);
    char *before = dump();
    int64_t now = mlf__now_ms();
    /* The clock must have moved, or a time that is written anew would go unseen. */
    while (mlf__now_ms() <= now)
        ;
    log_everything(run_id, model_id);
    char *after = dump();
    STR(after, before, "replaying everything leaves the database as it is");
    free(before);
    free(after);
}

static void transactions_are_all_or_nothing(void)
{
    IS(store->ops->begin(store), MLF_OK, "a transaction begins");
    IS(store->ops->begin(store), MLF_ERR_STATE, "only once");
    IS(store->ops->set_tag(store, RUN, "in", "1"), MLF_OK, "a tag is set in it");
    store->ops->rollback(store);
    STR(sql(path, "SELECT count(*) FROM tags WHERE key = 'in'"), "0\n", "rolled back it is gone");
    IS(store->ops->begin(store), MLF_OK, "another begins");
    IS(store->ops->set_tag(store, RUN, "in", "1"), MLF_OK, "a tag is set in it");
    IS(store->ops->log_param(store, RUN, "C", "2", NULL), MLF_ERR_CONFLICT, "a refusal in it");
    IS(store->ops->log_param(store, RUN, "new", "2", NULL), MLF_OK, "does not end it");
    STR(sql(path, "SELECT count(*) FROM tags WHERE key = 'in'"), "0\n", "nobody sees it yet");
    IS(store->ops->commit(store), MLF_OK, "it is committed");
    STR(sql(path, "SELECT count(*) FROM tags WHERE key = 'in'"), "1\n", "and seen");
    IS(store->ops->commit(store), MLF_ERR_STATE, "there is none to commit now");
}

int main(void)
{
    folder_make();
    path = in_folder("mlflow.db");
    char kept[PATH_MAX];
    snprintf(kept, sizeof(kept), "%s", path);
    path = kept;
    store = open_store(uri_of("mlflow.db"), MLF__STORE_WRITE);
    if (OK(store != NULL, "a database is created")) {
        experiments_are_created_once();
        runs_are_created_as_mlflow_does();
        params_keep_their_first_value();
        tags_are_replaced();
        data_sets_are_shared();
        models_live_their_life();
        runs_are_read_back();
        runs_are_found_and_listed();
        deleted_runs_take_nothing();
        replaying_changes_nothing();
        transactions_are_all_or_nothing();
    }
    mlf__store_close(store);
    folder_remove();
    return tap_done();
}
