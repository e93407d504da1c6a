/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that work on the store at once: what a program has logged is there before they look, they leave nothing
 * open, and whatever they are given wrong is a status and a text. */
#include <mlf/mlf.h>

#include "test_tracking_store.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

static const char *db;

/* The latest text has |part|. */
static bool told(const char *part)
{
    bool found = strstr(mlf_errmsg(), part) != NULL;
    if (!found)
        printf("# the text is: %s\n", mlf_errmsg());
    return found;
}

/* ---- before anything is logged ---- */

static void asking_makes_nothing(void)
{
    mlf_experiment experiment;
    mlf_run_list runs;
    char want[PATH_MAX + 32];
    setenv("MLFLOW_TRACKING_URI", "sqlite:///env.db", 1);
    snprintf(want, sizeof(want), "sqlite:///%s/env.db", folder);
    STR(mlf_get_tracking_uri(), want, "the environment's store, with an absolute path");
    unsetenv("MLFLOW_TRACKING_URI");
    snprintf(want, sizeof(want), "sqlite:///%s/mlflow.db", folder);
    STR(mlf_get_tracking_uri(), want, "MLflow's default");
    setenv("MLFLOW_TRACKING_URI", "ftp://nowhere", 1);
    STR(mlf_get_tracking_uri(), "", "no text for a store that there is none of");
    OK(told("sqlite:"), "and which there are");
    unsetenv("MLFLOW_TRACKING_URI");
    IS(mlf_get_experiment("0", &experiment), MLF_ERR_NOT_FOUND, "no store to read from");
    OK(told("mlflow.db"), "its name is said");
    IS(mlf_search_runs(NULL, &runs), MLF_ERR_NOT_FOUND, "nor to search in");
    OK(access(db, F_OK) != 0, "and it was not made");
}

/* With MLF_OFF=1 calls that write succeed, and calls that read say so. */
static int switched_off(void)
{
    char id[MLF_ID_MAX] = "x";
    mlf_logged_model model;
    mlf_experiment experiment;
    mlf_run_record run;
    mlf_file_list files;
    char *text = NULL;
    int bad = 0;
    setenv("MLF_OFF", "1", 1);
    bad += mlf_create_experiment("e", NULL, id) != MLF_OK || id[0] != '\0';
    bad += mlf_rename_experiment("1", "e") != MLF_OK || mlf_delete_experiment("1") != MLF_OK;
    bad += mlf_restore_experiment("1") != MLF_OK || mlf_set_experiment_tag("a", "b") != MLF_OK;
    bad += mlf_set_experiment_id("77") != MLF_OK || mlf_delete_run("x") != MLF_OK;
    bad += mlf_create_logged_model("m", NULL, &model) != MLF_OK || model.model_id != NULL;
    bad += mlf_finalize_logged_model("m-1", MLF_MODEL_READY) != MLF_OK;
    bad += mlf_get_experiment("0", &experiment) != MLF_ERR_OFF;
    bad += mlf_get_run("x", &run) != MLF_ERR_OFF;
    bad += mlf_list_artifacts("runs:/x", NULL, &files) != MLF_ERR_OFF;
    bad += mlf_download_artifacts(".", NULL, &text) != MLF_ERR_OFF;
    bad += mlf_get_artifact_uri(NULL, &text) != MLF_ERR_OFF;
    bad += access(db, F_OK) == 0;
    return bad;
}

static void off_is_off(void)
{
    int status = -1;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        _exit(switched_off());
    waitpid(pid, &status, 0);
    IS(status, 0, "switched off, writers do nothing and readers say so");
}

/* ---- what is missing or wrong ---- */

#define INVAL(call) OK((call) == MLF_ERR_INVAL && mlf_errmsg()[0] != '\0', #call)

static void null_and_empty_arguments(void)
{
    char id[MLF_ID_MAX], *text;
    mlf_experiment experiment;
    mlf_run_record run;
    mlf_metric_list points;
    mlf_logged_model model;
    mlf_file_list files;
    mlf_experiment_options no_size = {0};
    mlf_search_options search = MLF_SEARCH_OPTIONS_INIT;
    mlf_model_options options = MLF_MODEL_OPTIONS_INIT;
    const mlf_key_value half = {"a", NULL};
    mlf_run_list runs;
    mlf_logged_model_list models;
    INVAL(mlf_create_experiment(NULL, NULL, id));
    INVAL(mlf_create_experiment("x", NULL, NULL));
    INVAL(mlf_create_experiment("", NULL, id));
    INVAL(mlf_create_experiment("x", &no_size, id));
    INVAL(mlf_get_experiment(NULL, &experiment));
    INVAL(mlf_get_experiment("0", NULL));
    INVAL(mlf_get_experiment("zero", &experiment));
    INVAL(mlf_get_experiment_by_name(NULL, &experiment));
    INVAL(mlf_search_experiments(NULL, NULL));
    INVAL(mlf_rename_experiment(NULL, "x"));
    INVAL(mlf_rename_experiment("0", NULL));
    INVAL(mlf_set_experiment_tag(NULL, "x"));
    INVAL(mlf_set_experiment_tag("x", NULL));
    INVAL(mlf_experiment_set_tag("0", NULL, "x"));
    INVAL(mlf_experiment_set_tag("0", "", "x"));
    INVAL(mlf_experiment_delete_tag(NULL, "x"));
    INVAL(mlf_delete_experiment(NULL));
    INVAL(mlf_restore_experiment(NULL));
    INVAL(mlf_set_experiment_id(NULL));
    INVAL(mlf_get_run(NULL, &run));
    INVAL(mlf_get_run("x", NULL));
    INVAL(mlf_search_runs(NULL, NULL));
    search.size = 4;
    INVAL(mlf_search_runs(&search, &runs));
    search.size = sizeof(search);
    search.n_order_by = 1;
    INVAL(mlf_search_runs(&search, &runs));
    INVAL(mlf_search_logged_models(&search, &models));
    search.n_order_by = 0;
    search.view = (mlf_view)7;
    INVAL(mlf_search_runs(&search, &runs));
    INVAL(mlf_get_metric_history(NULL, "k", NULL, 0, &points));
    INVAL(mlf_get_metric_history("x", NULL, NULL, 0, &points));
    INVAL(mlf_get_metric_history("x", "k", NULL, 0, NULL));
    INVAL(mlf_delete_run(NULL));
    INVAL(mlf_restore_run(NULL));
    options.no_run = true;
    INVAL(mlf_create_logged_model("m", &options, NULL));
    INVAL(mlf_create_logged_model("a/b", &options, &model));
    options.params = &half;
    options.n_params = 1;
    INVAL(mlf_create_logged_model("m", &options, &model));
    INVAL(mlf_finalize_logged_model(NULL, MLF_MODEL_READY));
    INVAL(mlf_finalize_logged_model("m-1", MLF_MODEL_PENDING));
    INVAL(mlf_log_model_params(NULL, &half, 1));
    INVAL(mlf_log_model_params("m-1", NULL, 1));
    INVAL(mlf_log_model_params("m-1", &half, 1));
    INVAL(mlf_set_logged_model_tags("m-1", &half, 1));
    INVAL(mlf_delete_logged_model_tag("m-1", NULL));
    INVAL(mlf_get_logged_model(NULL, &model));
    INVAL(mlf_delete_logged_model(NULL));
    INVAL(mlf_list_artifacts(NULL, NULL, &files));
    INVAL(mlf_list_artifacts("runs:/", NULL, &files));
    INVAL(mlf_list_artifacts("runs:x/y", NULL, &files));
    INVAL(mlf_list_artifacts("", NULL, &files));
    INVAL(mlf_download_artifacts(NULL, NULL, &text));
    INVAL(mlf_download_artifacts("runs:/x", NULL, NULL));
    INVAL(mlf_get_artifact_uri("../x", &text));
    INVAL(mlf_get_artifact_uri("/x", &text));
    INVAL(mlf_get_artifact_uri("x", NULL));
    mlf_experiment_free(NULL);
    mlf_file_list_free(NULL);
}

static void unknown_ones_are_told_which_there_are(const char *run_id, const char *model_id)
{
    mlf_run_record run;
    mlf_logged_model model;
    mlf_experiment experiment;
    mlf_metric_list points;
    mlf_file_list files;
    const mlf_key_value tag = {"a", "b"};
    IS(mlf_get_run("nope", &run), MLF_ERR_NOT_FOUND, "an unknown run");
    OK(told("Run with id=nope not found") && told(run_id), "is told which there is");
    IS(mlf_delete_run("nope"), MLF_ERR_NOT_FOUND, "to delete, too");
    OK(told(run_id), "likewise");
    IS(mlf_get_metric_history("nope", "k", NULL, 0, &points), MLF_ERR_NOT_FOUND, "its history");
    IS(mlf_list_artifacts("runs:/nope/x", NULL, &files), MLF_ERR_NOT_FOUND, "its artifacts");
    OK(told(run_id), "likewise");
    IS(mlf_get_logged_model("m-nope", &model), MLF_ERR_NOT_FOUND, "an unknown model");
    OK(told("m-nope") && told(model_id), "is told which there is");
    IS(mlf_set_logged_model_tags("m-nope", &tag, 1), MLF_ERR_NOT_FOUND, "to tag, too");
    IS(mlf_finalize_logged_model("m-nope", MLF_MODEL_READY), MLF_ERR_NOT_FOUND, "to finish, too");
    IS(mlf_delete_logged_model_tag(model_id, "none"), MLF_ERR_NOT_FOUND,
       "an unknown tag of a model");
    OK(told("No tag with key") && strstr(mlf_errmsg(), "latest") == NULL,
       "is told so, and no list of models");
    IS(mlf_list_artifacts("models:/m-nope", NULL, &files), MLF_ERR_NOT_FOUND, "a model's files");
    IS(mlf_list_artifacts("models:/name/1", NULL, &files), MLF_ERR_UNSUPPORTED,
       "a registered model is not supported");
    IS(mlf_list_artifacts("s3://bucket/x", NULL, &files), MLF_ERR_UNSUPPORTED, "nor is s3");
    IS(mlf_get_experiment("99", &experiment), MLF_ERR_NOT_FOUND, "an unknown experiment");
    OK(told("id=99") && told("Default"), "is told which there are");
    IS(mlf_get_experiment_by_name("nix", &experiment), MLF_ERR_NOT_FOUND, "an unknown name");
    OK(told("nix") && told("Default"), "likewise");
    IS(mlf_set_experiment_id("99"), MLF_ERR_NOT_FOUND, "to choose, too");
}

/* ---- experiments ---- */

static void experiments(void)
{
    char id[MLF_ID_MAX], other[MLF_ID_MAX];
    const mlf_key_value tag = {"team", "b"};
    mlf_experiment_options options = MLF_EXPERIMENT_OPTIONS_INIT;
    mlf_experiment read;
    options.tags = &tag;
    options.n_tags = 1;
    IS(mlf_create_experiment("one", &options, id), MLF_OK, "an experiment is created");
    STR(id, "1", "and its id told");
    IS(mlf_create_experiment("one", NULL, other), MLF_ERR_EXISTS, "once");
    STR(other, "", "no id then");
    IS(mlf_create_experiment("two", NULL, other), MLF_OK, "another one");
    IS(mlf_delete_experiment(other), MLF_OK, "is deleted");
    IS(mlf_set_experiment_id(other), MLF_ERR_STATE, "and cannot be chosen");
    IS(mlf_restore_experiment(other), MLF_OK, "before it is restored");
    IS(mlf_set_experiment_id(id), MLF_OK, "the first is chosen by its id");
    IS(mlf_set_experiment_tag("k", "v"), MLF_OK, "and gets a tag");
    IS(mlf_experiment_set_tag(id, "gone", "v"), MLF_OK, "and another");
    IS(mlf_experiment_delete_tag(id, "gone"), MLF_OK, "that goes");
    IS(mlf_get_experiment_by_name("one", &read), MLF_OK, "it is read by its name");
    OK(read.n_tags == 2 && strcmp(read.tags[0].value, "v") == 0 && !read.deleted &&
           read.creation_time_ms > 1600000000000 && strcmp(read.id, id) == 0,
       "with all that it has");
    mlf_experiment_free(&read);
    mlf_experiment_list list;
    IS(mlf_search_experiments(NULL, &list), MLF_OK, "all are found");
    IS(list.n_experiments, 3, "the default one, too");
    mlf_experiment_list_free(&list);
}

/* ---- runs and models ---- */

static void what_is_logged_is_there(char run_id[MLF_ID_MAX])
{
    mlf_run *run;
    mlf_run_record read;
    mlf_run_list runs;
    mlf_metric_list points;
    IS(mlf_start_run(NULL, &run), MLF_OK, "a run starts in the chosen experiment");
    snprintf(run_id, MLF_ID_MAX, "%s", mlf_run_id(run));
    for (int i = 0; i < 10; i++)
        mlf_log_metric("loss", 1.0 / (i + 1), i);
    mlf_log_param("C", "1");
    IS(mlf_get_run(run_id, &read), MLF_OK, "it is read while it goes on");
    OK(read.n_metrics == 1 && read.metrics[0].step == 9 && read.n_params == 1 &&
           read.status == MLF_RUN_RUNNING && strcmp(read.experiment_id, "1") == 0,
       "with all that was logged before");
    mlf_run_record_free(&read);
    IS(mlf_search_runs(NULL, &runs), MLF_OK, "it is found in the active experiment");
    OK(runs.n_runs == 1 && strcmp(runs.runs[0].run_id, run_id) == 0, "alone");
    mlf_run_list_free(&runs);
    IS(mlf_get_metric_history(run_id, "loss", NULL, 4, &points), MLF_OK, "a page of its history");
    OK(points.n_metrics == 4 && points.metrics[0].step == 0, "has as many points as are wanted");
    mlf_metric_list next;
    IS(mlf_get_metric_history(run_id, "loss", &points.metrics[3], 0, &next), MLF_OK, "the rest");
    OK(next.n_metrics == 6 && next.metrics[0].step == 4, "goes on behind it");
    mlf_metric_list_free(&points);
    mlf_metric_list_free(&next);
}

static void models(char model_id[MLF_ID_MAX], const char *run_id)
{
    const mlf_key_value params[] = {{"C", "1"}, {"g", "2"}}, more[] = {{"h", "3"}, {"C", "9"}};
    mlf_model_options options = MLF_MODEL_OPTIONS_INIT;
    mlf_logged_model made, read;
    options.params = params;
    options.n_params = 2;
    options.model_type = "svm";
    IS(mlf_create_logged_model("model", &options, &made), MLF_OK, "a model of the run is created");
    snprintf(model_id, MLF_ID_MAX, "%s", made.model_id);
    OK(made.status == MLF_MODEL_PENDING && strcmp(made.run_id, run_id) == 0 &&
           strcmp(made.experiment_id, "1") == 0 && strcmp(made.model_type, "svm") == 0 &&
           made.n_params == 2 && made.n_tags == 3,
       "pending, with params and who made it");
    mlf_logged_model_free(&made);
    IS(mlf_log_model_params(model_id, more, 2), MLF_ERR_CONFLICT, "a param has one value for ever");
    IS(mlf_log_model_params(model_id, more, 1), MLF_OK, "another one can come");
    IS(mlf_set_logged_model_tags(model_id, more, 2), MLF_OK, "tags, too");
    IS(mlf_delete_logged_model_tag(model_id, "h"), MLF_OK, "and go");
    IS(mlf_finalize_logged_model(model_id, MLF_MODEL_READY), MLF_OK, "it is made ready");
    IS(mlf_get_logged_model(model_id, &read), MLF_OK, "and read");
    OK(read.n_params == 3 && strcmp(read.params[0].value, "1") == 0 && read.n_tags == 4 &&
           read.status == MLF_MODEL_READY,
       "as it is now");
    mlf_logged_model_free(&read);
    options.no_run = true;
    IS(mlf_create_logged_model(NULL, &options, &made), MLF_OK, "a model without a run or name");
    OK(made.run_id == NULL && made.name[0] != '\0', "gets a name");
    IS(mlf_delete_logged_model(made.model_id), MLF_OK, "it is deleted");
    IS(mlf_get_logged_model(made.model_id, &read), MLF_ERR_NOT_FOUND, "and gone");
    mlf_logged_model_free(&made);
    mlf_logged_model_list list;
    IS(mlf_search_logged_models(NULL, &list), MLF_OK, "models of the experiment are found");
    OK(list.n_models == 1 && strcmp(list.models[0].model_id, model_id) == 0,
       "that are not deleted");
    mlf_logged_model_list_free(&list);
}

/* ---- artifacts ---- */

static bool file_says(const char *path, const char *text)
{
    char read[64] = "";
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    size_t n = fread(read, 1, sizeof(read) - 1, file);
    fclose(file);
    return n == strlen(text) && memcmp(read, text, n) == 0;
}

static void put_file(const char *where, const char *name, const char *text)
{
    char path[PATH_MAX * 2];
    for (size_t i = 1; where[i] != '\0'; i++)
        if (where[i] == '/') {
            snprintf(path, sizeof(path), "%.*s", (int)i, where);
            mkdir(path, 0777);
        }
    mkdir(where, 0777);
    snprintf(path, sizeof(path), "%s/%s", where, name);
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
}

/* "name,name/" of a listing. */
static const char *names_of(const mlf_file_list *list)
{
    static char text[512];
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < list->n_files && len < sizeof(text); i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s%s", i > 0 ? "," : "",
                                list->files[i].path, list->files[i].is_dir ? "/" : "");
    return text;
}

static void listing(const char *uri, const char *path, const char *want)
{
    mlf_file_list files;
    OK(mlf_list_artifacts(uri, path, &files) == MLF_OK && strcmp(names_of(&files), want) == 0,
       "%s, %s: %s", uri, path != NULL ? path : "NULL", want);
    if (strcmp(names_of(&files), want) != 0)
        printf("# got %s (%s)\n", names_of(&files), mlf_errmsg());
    mlf_file_list_free(&files);
}

static void artifacts(const char *run_id, const char *model_id)
{
    char *place = NULL, *copy = NULL, uri[256], model_uri[128];
    mlf_logged_model model;
    mlf_file_list files;
    IS(mlf_get_artifact_uri(NULL, &place), MLF_OK, "the run says where its artifacts lie");
    put_file(place, "top.txt", "top");
    put_file(place, ".mlf-0123", "unfinished");
    char sub[PATH_MAX];
    snprintf(sub, sizeof(sub), "%s/plots/a", place);
    put_file(sub, "b.txt", "bb");
    char *deep = NULL;
    IS(mlf_get_artifact_uri("plots/a", &deep), MLF_OK, "and of a file that is to be");
    STR(deep, sub, "below it");
    free(deep);
    snprintf(uri, sizeof(uri), "runs:/%s", run_id);
    listing(uri, NULL, "plots/,top.txt");
    listing(uri, "plots", "plots/a/");
    listing(uri, "plots//a/.", "plots/a/b.txt");
    listing(uri, "none", "");
    listing(uri, "top.txt", "");
    IS(mlf_list_artifacts(uri, "plots/../..", &files), MLF_ERR_INVAL, "no way out upwards");
    IS(mlf_list_artifacts(uri, "/etc", &files), MLF_ERR_INVAL, "nor from the root");
    snprintf(uri, sizeof(uri), "runs:/%s/plots/a", run_id);
    listing(uri, NULL, "plots/a/b.txt");
    snprintf(uri, sizeof(uri), "runs:/%s/../../../mlflow.db", run_id);
    IS(mlf_download_artifacts(uri, NULL, &copy), MLF_ERR_INVAL, "nor in a URI");

    /* The run's model, by its name. */
    IS(mlf_get_logged_model(model_id, &model), MLF_OK, "a model has its own folder");
    put_file(model.artifact_location, "MLmodel", "m");
    mlf_logged_model_free(&model);
    snprintf(model_uri, sizeof(model_uri), "models:/%s", model_id);
    listing(model_uri, NULL, "MLmodel");
    snprintf(uri, sizeof(uri), "runs:/%s/model", run_id);
    listing(uri, NULL, "model/MLmodel");

    const char *out = in_folder("out");
    mkdir(out, 0777);
    snprintf(uri, sizeof(uri), "runs:/%s/plots/a/b.txt", run_id);
    IS(mlf_download_artifacts(uri, out, &copy), MLF_OK, "a file is copied out");
    STR(copy, in_folder("out/b.txt"), "under its name");
    OK(file_says(copy, "bb"), "whole");
    free(copy);
    snprintf(uri, sizeof(uri), "runs:/%s/plots", run_id);
    IS(mlf_download_artifacts(uri, "out", &copy), MLF_OK, "a folder, into a relative one");
    OK(file_says(in_folder("out/plots/a/b.txt"), "bb"), "with what is in it");
    free(copy);
    snprintf(uri, sizeof(uri), "runs:/%s/model", run_id);
    IS(mlf_download_artifacts(uri, out, &copy), MLF_OK, "a model by its name");
    OK(file_says(in_folder("out/model/MLmodel"), "m"), "likewise");
    free(copy);
    IS(mlf_download_artifacts(model_uri, out, &copy), MLF_OK, "a whole model");
    OK(file_says(in_folder("out/MLmodel"), "m"), "into the folder itself");
    free(copy);
    IS(mlf_download_artifacts(model_uri, NULL, &copy), MLF_OK, "without a copy");
    OK(access(copy, R_OK) == 0 && strstr(copy, model_id) != NULL, "the place where it lies");
    free(copy);
    snprintf(uri, sizeof(uri), "runs:/%s/toop.txt", run_id);
    IS(mlf_download_artifacts(uri, out, &copy), MLF_ERR_NOT_FOUND, "a file that is not");
    OK(told("top.txt") && copy == NULL, "is told what there is");
    IS(mlf_download_artifacts(model_uri, in_folder("nodir"), &copy), MLF_ERR_NOT_FOUND,
       "a destination that is not");
    free(place);
}

/* ---- processes, and a store that goes ---- */

static void a_forked_child_reads_and_writes(const char *run_id)
{
    int status = -1;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        mlf_run_record run;
        mlf_metric_list points;
        int bad = mlf_log_metric("child", 1, 0) != MLF_OK;
        bad += mlf_get_metric_history(run_id, "child", NULL, 0, &points) != MLF_OK ||
               points.n_metrics != 1;
        bad += mlf_get_run(run_id, &run) != MLF_OK;
        bad += mlf_set_experiment_tag("child", "was here") != MLF_OK;
        _exit(bad);
    }
    waitpid(pid, &status, 0);
    IS(status, 0, "a forked child reads what it logged, and writes");
    STR(sql(db, "SELECT value FROM experiment_tags WHERE key = 'child'"), "was here\n",
        "into the same store");
}

static _Atomic bool reading;

static void *read_all_the_time(void *arg)
{
    const char *run_id = arg;
    while (atomic_load(&reading)) {
        mlf_run_record run;
        if (mlf_get_run(run_id, &run) != MLF_OK)
            printf("# %s\n", mlf_errmsg());
        mlf_run_record_free(&run);
    }
    return NULL;
}

/* A child that inherits a database library in the middle of its work would hang or read nonsense. */
static void forking_while_others_read(char *run_id)
{
    enum { READERS = 3, FORKS = 60, CHILD_S = 30 };
    pthread_t threads[READERS];
    int good = 0;
    atomic_store(&reading, true);
    for (int i = 0; i < READERS; i++)
        pthread_create(&threads[i], NULL, read_all_the_time, run_id);
    fflush(stdout);
    for (int i = 0; i < FORKS; i++) {
        int status = -1;
        pid_t pid = fork();
        if (pid == 0) {
            mlf_run_record run;
            alarm(CHILD_S);
            _exit(mlf_get_run(run_id, &run) == MLF_OK && mlf_delete_run("nope") == MLF_ERR_NOT_FOUND
                      ? 0
                      : 1);
        }
        waitpid(pid, &status, 0);
        good += status == 0;
    }
    atomic_store(&reading, false);
    for (int i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    IS(good, FORKS, "children forked while other threads read can read and write");
}

/* Descriptors of this process that lead to the database. */
static int count_open(void)
{
    int n = 0;
    DIR *dir = opendir("/proc/self/fd");
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char target[PATH_MAX] = "";
        if (readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1) > 0)
            n += strstr(target, "mlflow.db") != NULL;
    }
    closedir(dir);
    return n;
}

static void runs_are_deleted_and_brought_back(const char *run_id)
{
    mlf_run_list runs;
    IS(mlf_delete_run(run_id), MLF_OK, "a run is deleted");
    IS(mlf_search_runs(NULL, &runs), MLF_OK, "a search");
    IS(runs.n_runs, 0, "does not find it");
    mlf_run_list_free(&runs);
    IS(mlf_restore_run(run_id), MLF_OK, "until it is restored");
    IS(mlf_search_runs(NULL, &runs), MLF_OK, "a search");
    IS(runs.n_runs, 1, "finds it again");
    mlf_run_list_free(&runs);
}

/* ---- memory ---- */

/* After a call with the |n|-th allocation failing: has it come to that? Switches failing off. */
static bool had_failed(long n)
{
    bool pending = false;
    for (long i = 0; i <= n && !pending; i++) {
        void *block = mlf__alloc(1);
        pending = block == NULL;
        mlf__free(block);
    }
    mlf__alloc_fail_after(0);
    return !pending;
}

static const char *sweep_run, *sweep_model;

static mlf_status read_run(void)
{
    mlf_run_record run;
    mlf_status status = mlf_get_run(sweep_run, &run);
    mlf_run_record_free(&run);
    return status;
}

static mlf_status read_unknown_run(void)
{
    mlf_run_record run;
    mlf_status status = mlf_get_run("nope", &run);
    return status == MLF_ERR_NOT_FOUND ? MLF_OK : status;
}

static mlf_status read_experiment(void)
{
    mlf_experiment experiment;
    mlf_status status = mlf_get_experiment_by_name("one", &experiment);
    mlf_experiment_free(&experiment);
    return status;
}

static mlf_status new_experiment(void)
{
    static int count;
    char name[32], id[MLF_ID_MAX];
    const mlf_key_value tag = {"k", "v"};
    mlf_experiment_options options = MLF_EXPERIMENT_OPTIONS_INIT;
    options.artifact_location = "relative";
    options.tags = &tag;
    options.n_tags = 1;
    snprintf(name, sizeof(name), "sweep %d", count++);
    return mlf_create_experiment(name, &options, id);
}

static mlf_status new_model(void)
{
    mlf_logged_model model;
    mlf_status status = mlf_create_logged_model(NULL, NULL, &model);
    mlf_logged_model_free(&model);
    return status;
}

static mlf_status tag_model(void)
{
    const mlf_key_value tag = {"k", "v"};
    return mlf_set_logged_model_tags(sweep_model, &tag, 1);
}

static mlf_status list_files(void)
{
    char uri[128];
    mlf_file_list files;
    snprintf(uri, sizeof(uri), "runs:/%s/model", sweep_run);
    mlf_status status = mlf_list_artifacts(uri, NULL, &files);
    mlf_file_list_free(&files);
    return status;
}

static mlf_status copy_files(void)
{
    char uri[128], *copy;
    snprintf(uri, sizeof(uri), "runs:/%s/plots", sweep_run);
    mlf_status status = mlf_download_artifacts(uri, "out", &copy);
    free(copy);
    return status;
}

static mlf_status search(void)
{
    mlf_run_list runs;
    mlf_status status = mlf_search_runs(NULL, &runs);
    mlf_run_list_free(&runs);
    return status;
}

static void memory_runs_out(const char *run_id, const char *model_id)
{
    static const struct {
        const char *name;
        mlf_status (*call)(void);
    } calls[] = {{"reading a run", read_run},
                 {"an unknown run", read_unknown_run},
                 {"reading an experiment", read_experiment},
                 {"creating an experiment", new_experiment},
                 {"creating a model", new_model},
                 {"tagging a model", tag_model},
                 {"listing files", list_files},
                 {"copying files", copy_files},
                 {"searching", search}};
    enum { PASSES_MAX = 2000 };
    sweep_run = run_id;
    sweep_model = model_id;
    for (size_t i = 0; i < MLF__ARRAY_LEN(calls); i++) {
        int bad = 0;
        long n = 1;
        for (bool failed = true; failed && n < PASSES_MAX; n++) {
            mlf__alloc_fail_after(n);
            mlf_status status = calls[i].call();
            failed = had_failed(n);
            bad += status != MLF_OK && (!failed || mlf_errmsg()[0] == '\0');
        }
        OK(bad == 0 && n > 2 && n < PASSES_MAX, "%s: each of %ld allocations fails once",
           calls[i].name, n - 2);
    }
}

static void the_store_vanishes(const char *run_id)
{
    mlf_run_record run;
    IS(mlf_end_run(MLF_RUN_FINISHED), MLF_OK, "the run ends");
    rename(db, in_folder("moved.db"));
    IS(mlf_get_run(run_id, &run), MLF_ERR_NOT_FOUND, "a store that is gone");
    OK(told("mlflow.db"), "is named");
    OK(run.run_id == NULL, "and nothing given");
    rename(in_folder("moved.db"), db);
    IS(mlf_get_run(run_id, &run), MLF_OK, "it is back");
    mlf_run_record_free(&run);
    chmod(db, 0);
    mlf_status status = mlf_get_run(run_id, &run);
    OK(status == MLF_ERR_PERM || (status == MLF_OK && geteuid() == 0),
       "a store that may not be read is an error, unless for root");
    mlf_run_record_free(&run);
    chmod(db, 0600);
}

int main(void)
{
    char run_id[MLF_ID_MAX] = "", model_id[MLF_ID_MAX] = "";
    folder_make();
    if (chdir(folder) != 0)
        return 1;
    setenv("MLF_SPOOL", in_folder("spool"), 1);
    unsetenv("MLFLOW_TRACKING_URI");
    unsetenv("MLFLOW_EXPERIMENT_NAME");
    unsetenv("MLFLOW_EXPERIMENT_ID");
    unsetenv("MLF_SESSION");
    db = in_folder("mlflow.db");
    off_is_off();
    asking_makes_nothing();
    experiments();
    IS(count_open(), 0, "nothing of the store stays open");
    what_is_logged_is_there(run_id);
    models(model_id, run_id);
    artifacts(run_id, model_id);
    null_and_empty_arguments();
    unknown_ones_are_told_which_there_are(run_id, model_id);
    a_forked_child_reads_and_writes(run_id);
    forking_while_others_read(run_id);
    runs_are_deleted_and_brought_back(run_id);
    IS(count_open(), 0, "nothing of the store stays open");
    IS(mlf_set_tracking_uri("sqlite:///mlflow.db"), MLF_OK, "the store in use may be set again");
    IS(mlf_set_tracking_uri("sqlite:///other.db"), MLF_ERR_STATE, "another one comes too late");
    memory_runs_out(run_id, model_id);
    the_store_vanishes(run_id);
    if (chdir("/") == 0)
        folder_remove();
    return tap_done();
}
