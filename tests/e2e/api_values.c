/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios of what is logged: params, metrics, tags, inputs, artifacts; and what is refused. */
#include "tests/e2e/api_calls.h"

#include <locale.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *filled(size_t len, char c)
{
    char *text = malloc(len + 1);
    memset(text, c, len);
    text[len] = '\0';
    return text;
}

static void params(void)
{
    const mlf_key_value fine[] = {{"a", "1"}, {"b", "2"}}, twice[] = {{"c", "1"}, {"c", "1"}};
    const mlf_key_value other[] = {{"d", "1"}, {"a", "2"}}, wrong[] = {{"e", "1"}, {"f?", "2"}};
    char *longest = filled(6010, 'p');
    SAY("params", mlf_log_params(fine, 2));
    SAY("the same", mlf_log_params(fine, 2));
    SAY("twice", mlf_log_params(twice, 2));
    SAY("another value", mlf_log_params(other, 2));
    SAY("a bad key", mlf_log_params(wrong, 2));
    MLF_LOG_PARAM("int", 42);
    MLF_LOG_PARAM("long", INT64_MIN);
    MLF_LOG_PARAM("bool", (bool)1);
    MLF_LOG_PARAM("text", "some text");
    MLF_LOG_PARAM("float", 0.5f);
    MLF_LOG_PARAM("one", 1.0);
    MLF_LOG_PARAM("third", 1 / 3.0);
    MLF_LOG_PARAM("small", 1e-5);
    MLF_LOG_PARAM("tenth", 0.0001);
    MLF_LOG_PARAM("large", 1e16);
    MLF_LOG_PARAM("whole", 123456789012345.0);
    MLF_LOG_PARAM("nan", NAN);
    MLF_LOG_PARAM("minus", -INFINITY);
    MLF_LOG_PARAM("longest", longest);
    free(longest);
}

static void metrics(void)
{
    const mlf_metric_value two[] = {{"x", 0.5}, {"y", -INFINITY}}, wrong[] = {{"z", 1}, {"?", 1}};
    mlf_metric_options options = MLF_METRIC_OPTIONS_INIT;
    mlf_metric_t handle = mlf_metric("handle"), refused = mlf_metric("re?fused");
    SAY("metrics", mlf_log_metrics(two, 2, 7));
    SAY("a bad key", mlf_log_metrics(wrong, 2, 7));
    SAY("by handle", mlf_metric_log(handle, 1, 0));
    SAY("of a run", mlf_run_metric_log(mlf_active_run(), handle, 2, 1));
    SAY("a refused handle", mlf_metric_log(refused, 1, 0));
    options.timestamp_ms = 1234567890123;
    options.step = -5;
    options.dataset_name = "iris";
    options.dataset_digest = "d1";
    SAY("own time", mlf_log_metric_with("own", 3, &options));
    options.timestamp_ms = 0;
    SAY("the epoch", mlf_log_metric_with("epoch", 4, &options));
    SAY("no options", mlf_log_metric_with("plain", NAN, NULL));
    options.model_id = "no model";
    SAY("no model id", mlf_log_metric_with("plain", 1, &options));
}

int api_values(int argc, char **argv)
{
    const mlf_key_value tags[] = {{"t1", "1"}, {"t2", "2"}}, wrong[] = {{"t3", "3"}, {"t4", NULL}};
    char *longest = filled(8010, 't');
    (void)argc;
    (void)argv;
    mlf_start_run(NULL, NULL);
    params();
    metrics();
    SAY("tags", mlf_set_tags(tags, 2));
    SAY("no value", mlf_set_tags(wrong, 2));
    SAY("long tag", mlf_set_tag("longest", longest));
    SAY("delete", mlf_delete_tag("t1"));
    SAY("flush", mlf_flush());
    SAY("delete again", mlf_delete_tag("t1"));
    SAY("flush", mlf_flush());
    free(longest);
    return 0;
}

int api_inputs(int argc, char **argv)
{
    mlf_dataset file = MLF_DATASET_INIT, web = MLF_DATASET_INIT, bad = MLF_DATASET_INIT;
    char *profile = filled(16777215, 'x');
    (void)argc;
    mlf_start_run(NULL, NULL);
    file.source = argv[0];
    file.context = "training";
    file.schema = "{\"mlflow_colspec\": [{\"type\": \"double\", \"name\": \"x\"}]}";
    SAY("file", mlf_log_input(&file));
    SAY("again", mlf_log_input(&file));
    profile[0] = profile[16777214] = '"';
    web = (mlf_dataset){sizeof(web), "web", "{\"url\": \"http://x/y\"}", "http", "d", NULL,
                        profile,     NULL};
    SAY("web", mlf_run_log_input(mlf_active_run(), &web));
    SAY("flush", mlf_flush());
    SAY("no source", mlf_log_input(&bad));
    bad.source = "/no/such/file";
    SAY("no file", mlf_log_input(&bad));
    bad.source = "/";
    SAY("a folder", mlf_log_input(&bad));
    bad = web;
    bad.digest = NULL;
    SAY("no digest", mlf_log_input(&bad));
    bad.digest = "0123456789012345678901234567890123456";
    SAY("long digest", mlf_log_input(&bad));
    bad.digest = "d";
    bad.schema = "{\"a\": }";
    SAY("no JSON", mlf_log_input(&bad));
    free(profile);
    return 0;
}

int api_artifacts(int argc, char **argv)
{
    static const unsigned char pixels[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 1, 2, 3};
    mlf_image image = MLF_IMAGE_INIT;
    char *text = filled(3000000, 'a');
    (void)argc;
    mlf_start_run(NULL, NULL);
    SAY("file", mlf_log_artifact(argv[0], "data"));
    SAY("directory", mlf_log_artifact(argv[1], NULL));
    SAY("text", mlf_log_text("hello", "notes/hello.txt"));
    SAY("empty", mlf_log_text("", "empty.txt"));
    SAY("long", mlf_log_text(text, "long.txt"));
    SAY("json", mlf_log_json("{\"a\": [1, 2]}", "a.json"));
    SAY("no json", mlf_log_json("{\"a\":\n [1, }", "b.json"));
    image.pixels = pixels;
    image.width = image.height = 2;
    image.channels = 3;
    SAY("image", mlf_log_image(&image, "images/i.png"));
    image.channels = 5;
    SAY("channels", mlf_log_image(&image, "images/j.png"));
    SAY("again", mlf_log_text("hello again", "notes/hello.txt"));
    SAY("above", mlf_log_text("x", "../x.txt"));
    SAY("absolute", mlf_log_text("x", "/x.txt"));
    SAY("nothing", mlf_log_text("x", ""));
    SAY("folder", mlf_log_text("x", "x/"));
    SAY("no file", mlf_log_artifact("/no/such/file", NULL));
    SAY("flush", mlf_flush());
    SAY("below a file", mlf_log_text("x", "empty.txt/x"));
    SAY("last flush", mlf_flush());
    free(text);
    return 0;
}

int api_tables(int argc, char **argv)
{
    const char *const columns[] = {"x", "name"}, *const more[] = {"name", "y"};
    const char *const cells[] = {"1.5", "a", "2", NULL, "nan", "\"c\""};
    const char *const others[] = {"d", "3"}, *const bad[] = {"one", "a"};
    const bool numbers[] = {true, false}, last[] = {false, true};
    mlf_table table = {sizeof(table), columns, numbers, 2, cells, 3};
    (void)argc;
    (void)argv;
    mlf_start_run(NULL, NULL);
    SAY("table", mlf_log_table(&table, "eval/t.json"));
    SAY("other table", mlf_log_table(&table, "u.json"));
    table = (mlf_table){sizeof(table), more, last, 2, others, 1};
    SAY("more", mlf_log_table(&table, "eval/t.json"));
    table = (mlf_table){sizeof(table), columns, numbers, 2, bad, 1};
    SAY("no number", mlf_log_table(&table, "eval/t.json"));
    SAY("no .json", mlf_log_table(&table, "eval/t.txt"));
    SAY("flush", mlf_flush());
    return 0;
}

/* Every call without what it needs. None of them starts a run. */
int api_bad(int argc, char **argv)
{
    mlf_run_options options = MLF_RUN_OPTIONS_INIT;
    const mlf_key_value none[] = {{NULL, "x"}};
    (void)argc;
    (void)argv;
    SAY("param", mlf_log_param(NULL, "x"));
    SAY("value", mlf_log_param("x", NULL));
    SAY("key", mlf_log_param("", "x"));
    SAY("params", mlf_log_params(NULL, 1));
    SAY("params key", mlf_log_params(none, 1));
    SAY("run param", mlf_run_log_param(NULL, "x", "x"));
    SAY("metric", mlf_log_metric(NULL, 1, 0));
    SAY("metric key", mlf_log_metric("a:?", 1, 0));
    SAY("metrics", mlf_log_metrics(NULL, 1, 0));
    SAY("run metric", mlf_run_log_metric(NULL, "x", 1, 0));
    SAY("handle", mlf_metric_log((mlf_metric_t){0}, 1, 0));
    SAY("tag", mlf_set_tag(NULL, "x"));
    SAY("tag value", mlf_set_tag("x", NULL));
    SAY("delete", mlf_delete_tag(""));
    SAY("input", mlf_log_input(NULL));
    SAY("artifact", mlf_log_artifact(NULL, NULL));
    SAY("text", mlf_log_text(NULL, "x"));
    SAY("json", mlf_log_json(NULL, "x"));
    SAY("table", mlf_log_table(NULL, "x.json"));
    SAY("image", mlf_log_image(NULL, "x.png"));
    SAY("end", mlf_end_run(MLF_RUN_FINISHED));
    SAY("end state", mlf_end_run(MLF_RUN_RUNNING));
    SAY("run end", mlf_run_end(NULL, MLF_RUN_FINISHED));
    options.size = 0;
    SAY("size", mlf_start_run(&options, NULL));
    options = (mlf_run_options)MLF_RUN_OPTIONS_INIT;
    options.tags = none;
    options.n_tags = 1;
    SAY("tags", mlf_start_run(&options, NULL));
    options = (mlf_run_options)MLF_RUN_OPTIONS_INIT;
    options.run_id = "no such run";
    SAY("run id", mlf_start_run(&options, NULL));
    printf("none %d%s\n", mlf_active_run() == NULL && mlf_last_active_run() == NULL,
           mlf_run_id(NULL));
    return 0;
}

/* A locale with another decimal point. */
int api_locale(int argc, char **argv)
{
    char number[16];
    (void)argc;
    setlocale(LC_ALL, argv[0]);
    snprintf(number, sizeof(number), "%.1f", 0.5);
    printf("locale %s\n", number);
    SAY("param", mlf_log_param_double("half", 0.5));
    return 0;
}

/* What was handed over outlives a program that is killed; so does a file that no event tells of. */
int api_die(int argc, char **argv)
{
    char *text = filled(200000, 'k');
    (void)argc;
    (void)argv;
    mlf_start_run(NULL, NULL);
    mlf_log_text("kept", "kept.txt");
    mlf_log_text(text, "long.txt");
    free(text);
    raise(SIGKILL);
    return 0;
}
