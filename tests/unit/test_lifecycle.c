/* SPDX-License-Identifier: Apache-2.0 */
/* What may be done to experiments, runs and models in the SQL store and when: creating, renaming, tagging, deleting and
 * restoring, in MLflow's semantics and wording. */
#include "test_tracking_store.h"

#define RUN "0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210"
#define MODEL "m-0123456789abcdef0123456789abcdef"

static struct mlf__store *store;
static const char *path;

/* Creates an experiment; "" when it is refused. Valid until the next call. */
static const char *create(const struct mlf__experiment_create *experiment, mlf_status *status)
{
    static char id[40];
    char *made = NULL;
    *status = store->ops->experiment_create(store, experiment, &made);
    snprintf(id, sizeof(id), "%s", made != NULL ? made : "");
    mlf__free(made);
    return id;
}

static void make_run(const char *run_id, const char *experiment_id)
{
    const struct mlf__run_create run = {.run_id = run_id,
                                        .experiment_id = experiment_id,
                                        .name = "a",
                                        .user = "ann",
                                        .start_time_ms = 1700000000000};
    IS(store->ops->run_create(store, &run), MLF_OK, "a run is created");
}

/* ---- experiments ---- */

static void experiments_are_created_with_what_they_are_given(void)
{
    const mlf_key_value tags[] = {{"b", "2"}, {"a", ""}};
    const struct mlf__experiment_create given = {
        .name = "given", .artifact_location = "/data/here/", .tags = tags, .n_tags = 2};
    mlf_status status;
    int64_t before = mlf__now_ms();
    STR(create(&given, &status), "1", "an experiment is created and gets the next id");
    STR(sql(path, "SELECT experiment_id, name FROM experiments ORDER BY 1"), "0|Default\n1|given\n",
        "and the default experiment is there, too, as in MLflow");
    mlf_experiment read;
    IS(store->ops->experiment_get(store, "1", &read), MLF_OK, "it is read back");
    STR(read.artifact_location, "/data/here/", "with its location as it was given");
    OK(read.n_tags == 2 && strcmp(read.tags[0].key, "a") == 0 &&
           strcmp(read.tags[0].value, "") == 0 && strcmp(read.tags[1].value, "2") == 0,
       "its tags, by key");
    OK(read.creation_time_ms >= before && read.creation_time_ms == read.last_update_time_ms,
       "and the time of its making");
    mlf_experiment_free(&read);
    IS(store->ops->experiment_by_name(store, "given", &read), MLF_OK, "likewise by its name");
    OK(read.n_tags == 2 && read.creation_time_ms >= before, "with tags and times");
    mlf_experiment_free(&read);
    create(&given, &status);
    IS(status, MLF_ERR_EXISTS, "a name is taken once");
    STR(mlf__errmsg(), "Experiment(name=given) already exists.", "in MLflow's words");
    STR(create(&(struct mlf__experiment_create){.name = "plain"}, &status), "2", "without options");
    char location[PATH_MAX + 32];
    snprintf(location, sizeof(location), "%s/mlruns/2\n", folder);
    STR(sql(path, "SELECT artifact_location FROM experiments WHERE experiment_id = 2"), location,
        "the location is the default");
}

static void locations_are_made_absolute(void)
{
    static const struct {
        const char *given, *kept; /* %s: the current directory */
    } cases[] = {{"rel/x", "%s/rel/x\n"},
                 {"./rel", "%s/rel\n"},
                 {".", "%s\n"},
                 {"file:rel", "file://%s/rel\n"},
                 {"file:///abs/x", "file:///abs/x\n"},
                 {"s3://bucket/x", "s3://bucket/x\n"},
                 {"", "MLRUNS"}};
    char cwd[PATH_MAX], want[PATH_MAX + 64], name[32], query[128];
    mlf_status status;
    if (getcwd(cwd, sizeof(cwd)) == NULL)
        cwd[0] = '\0';
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(name, sizeof(name), "location %zu", i);
        const char *id = create(
            &(struct mlf__experiment_create){.name = name, .artifact_location = cases[i].given},
            &status);
        if (strcmp(cases[i].kept, "MLRUNS") == 0) {
            snprintf(want, sizeof(want), "%s/mlruns/%s\n", folder, id);
        } else {
            const char *hole = strstr(cases[i].kept, "%s");
            size_t before = hole != NULL ? (size_t)(hole - cases[i].kept) : 0;
            snprintf(want, sizeof(want), "%.*s%s%s", (int)before, cases[i].kept,
                     hole != NULL ? cwd : "", hole != NULL ? hole + 2 : cases[i].kept);
        }
        snprintf(query, sizeof(query),
                 "SELECT artifact_location FROM experiments WHERE name = '%s'", name);
        STR(sql(path, query), want, cases[i].given);
    }
    create(&(struct mlf__experiment_create){.name = "runs", .artifact_location = "runs:/x"},
           &status);
    IS(status, MLF_ERR_INVAL, "a runs: URI is no location");
    char *longer = mlf__alloc(2050);
    memset(longer, 'x', 2049);
    longer[0] = '/';
    longer[2049] = '\0';
    create(&(struct mlf__experiment_create){.name = "long", .artifact_location = longer}, &status);
    IS(status, MLF_ERR_INVAL, "2049 characters are too many");
    OK(says("greater than 2048 characters"), "and it is said");
    mlf__free(longer);
}

static void what_mlflow_refuses_is_refused(void)
{
    mlf_status status;
    const char *before = "SELECT count(*) FROM experiments";
    char count[32];
    snprintf(count, sizeof(count), "%s", sql(path, before));
    create(&(struct mlf__experiment_create){.name = ""}, &status);
    IS(status, MLF_ERR_INVAL, "an empty name");
    create(&(struct mlf__experiment_create){.name = "\xff"}, &status);
    IS(status, MLF_ERR_INVAL, "a name that is not UTF-8");
    const mlf_key_value bad[] = {{"ok", "1"}, {"a@b", "2"}};
    create(&(struct mlf__experiment_create){.name = "bad", .tags = bad, .n_tags = 2}, &status);
    IS(status, MLF_ERR_INVAL, "a tag's key outside the rules");
    STR(sql(path, before), count, "nothing of it is written");
}

static void experiment_tags_change_and_go(void)
{
    IS(store->ops->experiment_set_tag(store, "1", "a", "new"), MLF_OK, "a tag gets a new value");
    IS(store->ops->experiment_set_tag(store, "1", "é/x", "u"), MLF_OK, "another one comes");
    STR(sql(path, "SELECT key, value FROM experiment_tags WHERE experiment_id = 1 ORDER BY key"),
        "a|new\nb|2\né/x|u\n", "both are there");
    IS(store->ops->experiment_delete_tag(store, "1", "é/x"), MLF_OK, "a tag is deleted");
    IS(store->ops->experiment_delete_tag(store, "1", "é/x"), MLF_ERR_NOT_FOUND, "but once");
    STR(mlf__errmsg(), "No tag with name: é/x in experiment with id 1", "in MLflow's words");
    IS(store->ops->experiment_set_tag(store, "77", "a", "b"), MLF_ERR_NOT_FOUND,
       "an unknown experiment has no tags");
    STR(mlf__errmsg(), "No Experiment with id=77 exists", "in MLflow's words");
    IS(store->ops->experiment_set_tag(store, "1", "a b*", "b"), MLF_ERR_INVAL, "keys have rules");
    char *value = mlf__alloc(20002);
    memset(value, 'v', 20001);
    value[20001] = '\0';
    IS(store->ops->experiment_set_tag(store, "1", "long", value), MLF_ERR_INVAL,
       "20001 characters are too many");
    STR(mlf__errmsg(), "'value' exceeds the maximum length of 20000 characters",
        "in MLflow's words");
    value[20000] = '\0';
    IS(store->ops->experiment_set_tag(store, "1", "long", value), MLF_OK, "20000 are not");
    STR(sql(path, "SELECT length(value) FROM experiment_tags WHERE key = 'long'"), "20000\n",
        "and none is cut");
    mlf__free(value);
}

static void experiments_are_renamed_while_active(void)
{
    sql(path, "UPDATE experiments SET last_update_time = 5 WHERE experiment_id = 1");
    IS(store->ops->experiment_rename(store, "1", "renamed"), MLF_OK, "an experiment is renamed");
    STR(sql(path, "SELECT name, last_update_time > 5 FROM experiments WHERE experiment_id = 1"),
        "renamed|1\n", "and its time of change is now");
    IS(store->ops->experiment_rename(store, "1", "renamed"), MLF_OK, "its own name is free for it");
    IS(store->ops->experiment_rename(store, "1", "plain"), MLF_ERR_EXISTS, "another's is not");
    IS(store->ops->experiment_rename(store, "1", ""), MLF_ERR_INVAL, "an empty one is none");
    IS(store->ops->experiment_rename(store, "99", "x"), MLF_ERR_NOT_FOUND, "an unknown id");
    IS(store->ops->experiment_rename(store, "one", "x"), MLF_ERR_INVAL, "an id that is no number");
}

static void deleting_an_experiment_takes_its_runs_along(void)
{
    make_run(RUN, "1");
    make_run(OTHER, "1");
    IS(store->ops->run_set_deleted(store, OTHER, true), MLF_OK, "one run is deleted before");
    sql(path, "UPDATE experiments SET last_update_time = 5; UPDATE runs SET deleted_time = 5 WHERE "
              "lifecycle_stage = 'deleted'");
    IS(store->ops->experiment_set_deleted(store, "1", true), MLF_OK, "an experiment is deleted");
    STR(sql(path, "SELECT lifecycle_stage, last_update_time > 5 FROM experiments "
                  "WHERE experiment_id = 1"),
        "deleted|1\n", "and its time of change is now");
    STR(sql(path, "SELECT lifecycle_stage, deleted_time > 5 FROM runs"), "deleted|1\ndeleted|1\n",
        "all its runs are deleted now");
    IS(store->ops->experiment_set_deleted(store, "1", true), MLF_ERR_NOT_FOUND,
       "it cannot be deleted twice");
    OK(says("No Experiment with id=1 exists"), "in MLflow's words");
    IS(store->ops->experiment_set_tag(store, "1", "a", "b"), MLF_ERR_INVAL, "it takes no tags");
    STR(mlf__errmsg(), "The experiment 1 must be in the 'active' state. Current state is deleted.",
        "in MLflow's words");
    IS(store->ops->experiment_delete_tag(store, "1", "a"), MLF_ERR_INVAL, "and loses none");
    IS(store->ops->experiment_rename(store, "1", "x"), MLF_ERR_STATE, "nor a new name");
    STR(mlf__errmsg(), "Cannot rename a non-active experiment.", "in MLflow's words");
    mlf_status status;
    create(&(struct mlf__experiment_create){.name = "renamed"}, &status);
    IS(status, MLF_ERR_EXISTS, "its name stays taken");
    OK(says("restore it"), "and it is said why");
    IS(store->ops->set_tag(store, RUN, "a", "b"), MLF_ERR_INVAL, "its runs refuse writes");
    IS(store->ops->experiment_set_deleted(store, "1", false), MLF_OK, "it is restored");
    STR(sql(path, "SELECT lifecycle_stage, deleted_time FROM runs"), "active|NULL\nactive|NULL\n",
        "with all its runs");
    IS(store->ops->experiment_set_deleted(store, "1", false), MLF_ERR_NOT_FOUND, "but once");
    IS(store->ops->experiment_set_deleted(store, "99", true), MLF_ERR_NOT_FOUND, "an unknown id");
}

/* ---- runs ---- */

static void runs_are_deleted_and_restored(void)
{
    IS(store->ops->run_set_deleted(store, RUN, true), MLF_OK, "a run is deleted");
    STR(sql(path, "SELECT lifecycle_stage, deleted_time > 1700000000000 FROM runs WHERE run_uuid = "
                  "'" RUN "'"),
        "deleted|1\n", "with the time");
    sql(path, "UPDATE runs SET deleted_time = 5 WHERE run_uuid = '" RUN "'");
    IS(store->ops->run_set_deleted(store, RUN, true), MLF_OK, "again: nothing happens");
    STR(sql(path, "SELECT deleted_time FROM runs WHERE run_uuid = '" RUN "'"), "5\n",
        "the time stays");
    IS(store->ops->set_tag(store, RUN, "a", "b"), MLF_ERR_INVAL, "it refuses tags");
    IS(store->ops->delete_tag(store, RUN, "mlflow.runName"), MLF_ERR_INVAL, "and keeps them");
    STR(mlf__errmsg(), "The run " RUN " must be in the 'active' state. Current state is deleted.",
        "in MLflow's words");
    IS(store->ops->run_set_deleted(store, RUN, false), MLF_OK, "it is restored");
    STR(sql(path, "SELECT lifecycle_stage, deleted_time FROM runs WHERE run_uuid = '" RUN "'"),
        "active|NULL\n", "as if nothing had been");
    IS(store->ops->run_set_deleted(store, "nope", true), MLF_ERR_NOT_FOUND, "an unknown run");
    STR(mlf__errmsg(), "Run with id=nope not found", "in MLflow's words");
}

static void within_a_transaction_deleting_counts_at_once(void)
{
    IS(store->ops->begin(store), MLF_OK, "a transaction begins");
    IS(store->ops->set_tag(store, RUN, "a", "b"), MLF_OK, "a run that was seen active");
    IS(store->ops->run_set_deleted(store, RUN, true), MLF_OK, "is deleted");
    IS(store->ops->set_tag(store, RUN, "a", "c"), MLF_ERR_INVAL, "and refuses what follows");
    IS(store->ops->experiment_set_deleted(store, "1", true), MLF_OK, "so with its experiment");
    IS(store->ops->set_tag(store, OTHER, "a", "c"), MLF_ERR_INVAL, "whose runs refuse, too");
    store->ops->rollback(store);
    IS(store->ops->set_tag(store, RUN, "a", "c"), MLF_OK, "given up, it all never was");
}

static void run_tags_go(void)
{
    IS(store->ops->set_tag(store, RUN, "gone", "b"), MLF_OK, "a tag is set");
    IS(store->ops->delete_tag(store, RUN, "gone"), MLF_OK, "and deleted");
    IS(store->ops->delete_tag(store, RUN, "gone"), MLF_ERR_NOT_FOUND, "but once");
    STR(mlf__errmsg(), "No tag with name: gone in run with id " RUN, "in MLflow's words");
    IS(store->ops->delete_tag(store, "nope", "gone"), MLF_ERR_NOT_FOUND, "of an unknown run none");
    STR(mlf__errmsg(), "Run with id=nope not found", "in MLflow's words");
}

/* ---- models ---- */

static void model_tags_change_and_go(void)
{
    const struct mlf__model_create model = {.model_id = MODEL,
                                            .experiment_id = "1",
                                            .name = "model",
                                            .run_id = RUN,
                                            .creation_time_ms = 1700000000000};
    const mlf_key_value tags[] = {{"a", "1"}, {"b", "2"}, {"a", "3"}};
    IS(store->ops->model_create(store, &model), MLF_OK, "a model is created");
    IS(store->ops->model_set_tags(store, MODEL, tags, 3), MLF_OK, "tags are set");
    STR(sql(path, "SELECT tag_key, tag_value, experiment_id FROM logged_model_tags ORDER BY 1"),
        "a|3|1\nb|2|1\n", "the later value wins");
    STR(sql(path, "SELECT last_updated_timestamp_ms FROM logged_models"), "1700000000000\n",
        "and the model counts as unchanged, as in MLflow");
    IS(store->ops->model_delete_tag(store, MODEL, "a"), MLF_OK, "a tag is deleted");
    IS(store->ops->model_delete_tag(store, MODEL, "a"), MLF_ERR_NOT_FOUND, "but once");
    STR(mlf__errmsg(), "No tag with key 'a' found for model with ID '" MODEL "'.",
        "in MLflow's words");
    IS(store->ops->model_set_tags(store, "m-none", tags, 1), MLF_ERR_NOT_FOUND, "unknown model");
    STR(mlf__errmsg(), "Logged model with ID 'm-none' not found.", "in MLflow's words");
    IS(store->ops->model_delete_tag(store, "m-none", "a"), MLF_ERR_NOT_FOUND, "likewise");
    const mlf_key_value bad[] = {{"c", "1"}, {"x@y", "2"}};
    IS(store->ops->model_set_tags(store, MODEL, bad, 2), MLF_ERR_INVAL, "a key outside the rules");
    STR(sql(path, "SELECT count(*) FROM logged_model_tags"), "1\n", "sets none of them");
    IS(store->ops->model_delete(store, MODEL), MLF_OK, "a model is deleted");
    STR(sql(path, "SELECT lifecycle_stage, last_updated_timestamp_ms > 1700000000000 "
                  "FROM logged_models"),
        "deleted|1\n", "and marked with the time");
}

/* Tables of a later head. */
static void what_goes_along_in_later_versions_is_left_to_them(void)
{
    sql(path,
        "CREATE TABLE assessments (assessment_id TEXT PRIMARY KEY, assessment_metadata TEXT)");
    IS(store->ops->run_set_deleted(store, RUN, true), MLF_OK, "a run without assessments goes");
    IS(store->ops->run_set_deleted(store, RUN, false), MLF_OK, "and comes back");
    sql(path, "INSERT INTO assessments VALUES ('a-1', '{\"mlflow.assessment.sourceRunId\": \"" RUN
              "\"}')");
    IS(store->ops->run_set_deleted(store, RUN, true), MLF_ERR_UNSUPPORTED, "one with them stays");
    OK(says(RUN " has assessments"), "and it is said why");
    IS(store->ops->experiment_set_deleted(store, "1", true), MLF_ERR_UNSUPPORTED,
       "so does its experiment");
    IS(store->ops->run_set_deleted(store, OTHER, true), MLF_OK, "another run goes");
    IS(store->ops->run_set_deleted(store, OTHER, false), MLF_OK, "and comes back");
}

static void reading_does_not_write(void)
{
    struct mlf__store *reader = open_store(uri_of("mlflow.db"), MLF__STORE_READ);
    if (!OK(reader != NULL, "the store opens for reading"))
        return;
    IS(reader->ops->experiment_set_deleted(reader, "1", true), MLF_ERR_STATE, "and only for that");
    IS(reader->ops->run_set_deleted(reader, RUN, true), MLF_ERR_STATE, "of runs, too");
    mlf__store_close(reader);
}

int main(void)
{
    folder_make();
    path = in_folder("mlflow.db");
    store = open_store(uri_of("mlflow.db"), MLF__STORE_WRITE);
    if (store == NULL)
        return 1;
    experiments_are_created_with_what_they_are_given();
    locations_are_made_absolute();
    what_mlflow_refuses_is_refused();
    experiment_tags_change_and_go();
    experiments_are_renamed_while_active();
    deleting_an_experiment_takes_its_runs_along();
    runs_are_deleted_and_restored();
    within_a_transaction_deleting_counts_at_once();
    run_tags_go();
    model_tags_change_and_go();
    reading_does_not_write();
    what_goes_along_in_later_versions_is_left_to_them();
    mlf__store_close(store);
    folder_remove();
    return tap_done();
}
