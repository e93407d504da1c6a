/* SPDX-License-Identifier: Apache-2.0 */
/* Names, values, secrets and URIs. The texts of refusals were taken from MLflow 3.17.2. */
#include "tracking/names.h"

#include "core/mem.h"
#include "tests/support/tap.h"
#include "tracking/store.h"

#include <limits.h>
#include <unistd.h>

static const struct {
    const char *key, *want; /* NULL: fine; else the text behind "supplied: ", or the whole one */
} keys[] = {
    {"loss", NULL},
    {"a b-c.d/e:f_g", NULL},
    {"pr\xc3\xa9"
     "cision",
     NULL},
    {"\xce\xbb/\xe5\xad\xa6\xe7\xbf\x92", NULL},
    {"..a",
     "must not resolve to other names when treated as such. This name would resolve to '..a'"},
    {".a", NULL},
    {"a..b", NULL},
    {"bad*key", "Invalid value \"bad*key\" for parameter 'name' supplied: Names may only contain "
                "alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and "
                "slashes (/)."},
    {"20\xc2\xb0", "Invalid value \"20\\u00b0\" for parameter 'name' supplied: Names may only"},
    {"\xf0\x9f\x98\x80", "Invalid value \"\\ud83d\\ude00\" for parameter"},
    {"a\"b\n", "Invalid value \"a\\\"b\\n\" for parameter"},
    {"", "This name would resolve to '.'"},
    {".", "This name would resolve to '.'"},
    {"..", "This name would resolve to '..'"},
    {"/a", "This name would resolve to '/a'"},
    {"a/", "This name would resolve to 'a'"},
    {"a//b", "This name would resolve to 'a/b'"},
    {"./a", "This name would resolve to 'a'"},
    {"a/../b", "This name would resolve to 'b'"},
    {"a/../../b", "This name would resolve to '../b'"},
    {"../../b", "This name would resolve to '../../b'"},
    {"/../b", "This name would resolve to '/b'"},
    {"a/b/../../..", "This name would resolve to '..'"},
    {"//a", "This name would resolve to '//a'"},
    {"///a", "This name would resolve to '/a'"},
    {"\xff", "Metric name is not valid UTF-8"},
};

static void keys_are_checked_as_in_mlflow(void)
{
    for (size_t i = 0; i < MLF__ARRAY_LEN(keys); i++) {
        mlf_status status = mlf__check_key(keys[i].key, "Metric name");
        if (keys[i].want == NULL)
            OK(status == MLF_OK, "key '%s' is fine", keys[i].key);
        else if (!OK(status == MLF_ERR_INVAL && strstr(mlf__errmsg(), keys[i].want) != NULL,
                     "key number %zu is refused", i))
            printf("# key '%s': %s\n# want %s\n", keys[i].key, mlf__errmsg(), keys[i].want);
    }
    char key[600] = "";
    for (int i = 0; i < 250; i++)
        memcpy(key + (size_t)i * 2, "\xc3\xa9", 3);
    IS(mlf__check_key(key, "Param key"), MLF_OK, "250 code points are fine");
    memcpy(key + 500, "x", 2);
    IS(mlf__check_key(key, "Param key"), MLF_ERR_INVAL, "251 are not");
    STR(mlf__errmsg(), "'Param key' exceeds the maximum length of 250 characters", "in its words");
    IS(mlf__check_key("a@", "key"), MLF_ERR_INVAL, "a tag's key");
    OK(strstr(mlf__errmsg(), "for parameter 'key' supplied") != NULL, "is called key");
    IS(mlf__check_experiment_name("a:b / \xc3\xa9 \"c\""), MLF_OK, "experiments have most names");
    IS(mlf__check_experiment_name(""), MLF_ERR_INVAL, "not the empty one");
    STR(mlf__errmsg(), "Invalid experiment name: ''", "in its words");
    IS(mlf__check_model_name("svm model"), MLF_OK, "a model's name");
    for (const char *c = "/:.%\"'"; *c != '\0'; c++) {
        char name[] = {'a', *c, '\0'};
        IS(mlf__check_model_name(name), MLF_ERR_INVAL, "a model's name has none of those");
    }
    IS(mlf__check_model_name(""), MLF_ERR_INVAL, "nor is it empty");
}

static const char *const normal[][2] = {
    {"Cross Validation Accuracy", "cross_validation_accuracy"},
    {"nSV", "nSV"},
    {"--learning-rate", "learning-rate"},
    {"  Mean  squared   error  ", "mean_squared_error"},
    {"Accuracy (test) %", "accuracy_test"},
    {"loss =", "loss"},
    {"Loss:", "Loss"},
    {"ndcg@3", "ndcg_3"},
    {"train/loss", "train/loss"},
    {"../../etc//passwd/", "etc/passwd"},
    {"./x", "x"},
    {"a__b", "a__b"},
    {"----", ""},
    {"%%%", ""},
    {"..", ""},
    {"", ""},
    {"\xc3\x89tat", "\xc3\x89tat"},
    {"x\xff"
     "y",
     "x_y"},
    {"-0.5", "0.5"},
};

static void captured_names_are_made_to_fit(void)
{
    for (size_t i = 0; i < MLF__ARRAY_LEN(normal); i++) {
        char *name = mlf__normalise_name(normal[i][0], strlen(normal[i][0]));
        STR(name, normal[i][1], normal[i][0]);
        OK(name[0] == '\0' || mlf__check_key(name, "Metric name") == MLF_OK, "and MLflow takes it");
        mlf__free(name);
    }
    char large[1000];
    memset(large, 'a', sizeof(large));
    large[249] = '/';
    char *name = mlf__normalise_name(large, sizeof(large));
    IS(strlen(name), 249, "a long name is cut, not behind a slash");
    mlf__free(name);
    char *value = mlf__clean_value("\xc3\xa9\xc3\xa9\xc3\xa9", 6, 2);
    STR(value, "\xc3\xa9\xc3\xa9", "values are cut between characters");
    mlf__free(value);
    value = mlf__clean_value("", 0, 5);
    STR(value, "", "an empty value stays empty");
    mlf__free(value);
}

static void secrets_are_known_by_name(void)
{
    static const char *const secret[] = {"token",      "HF_TOKEN",
                                         "api_key",    "API-KEY",
                                         "apikey",     "passwd",
                                         "PGPASSWORD", "client_secret_id",
                                         "--password", "AWS_SECRET_ACCESS_KEY",
                                         "MYSQL_PWD",  "authtoken",
                                         "key"};
    static const char *const plain[] = {"max_tokens", "tokenizer", "keyframe", "PWD", "OLDPWD",
                                        "monkeys",    "gamma",     "C",        "",    "pass"};
    for (size_t i = 0; i < MLF__ARRAY_LEN(secret); i++)
        OK(mlf__is_secret_name(secret[i], strlen(secret[i])), "'%s' is a secret's", secret[i]);
    for (size_t i = 0; i < MLF__ARRAY_LEN(plain); i++)
        OK(!mlf__is_secret_name(plain[i], strlen(plain[i])), "'%s' is not", plain[i]);
}

static const char *const masked[][2] = {
    {"train --token=abc123 -C 5", "train --token=*** -C 5"},
    {"https://user:pa@ss@host/x", "https://***@host/x"},
    {"https://host/a?api_key=1&x=2", "https://host/a?api_key=***&x=2"},
    {"password=\"two words\" next", "password=\"***\" next"},
    {"{\"password\": \"x y\", \"C\": 1}", "{\"password\": \"***\", \"C\": 1}"},
    {"--max_tokens=5 a=b", "--max_tokens=5 a=b"},
    {"TOKEN=a PASSWD=b", "TOKEN=*** PASSWD=***"},
    {"sqlite:///mlflow.db", "sqlite:///mlflow.db"},
    {"http://host:5000/@x", "http://host:5000/@x"},
    {"token=", "token="},
    {"password='open", "password='***"},
    {"", ""},
};

static void secrets_are_masked(void)
{
    for (size_t i = 0; i < MLF__ARRAY_LEN(masked); i++) {
        char *text = mlf__mask_secrets(masked[i][0], strlen(masked[i][0]));
        STR(text, masked[i][1], masked[i][0]);
        mlf__free(text);
    }
    char *text = mlf__uri_display("postgresql://ann:pw@db/mlflow");
    STR(text, "postgresql://***@db/mlflow", "URIs are shown without credentials");
    mlf__free(text);
}

static void random_names_are_short(void)
{
    bool fits = true, differs = false;
    char first[24], name[24];
    mlf__random_name(first);
    for (int i = 0; i < 1000; i++) {
        mlf__random_name(name);
        size_t len = strlen(name);
        fits = fits && len >= 5 && len <= 20 && strchr(name, '-') != strrchr(name, '-') &&
               strspn(name, "abcdefghijklmnopqrstuvwxyz-0123456789") == len;
        differs = differs || strcmp(name, first) != 0;
    }
    OK(fits, "a random name is word-word-number of at most 20 characters");
    OK(differs, "and random");
}

static void uris_are_made_absolute(void)
{
    static const struct {
        const char *uri, *directory, *want; /* NULL: refused */
    } cases[] = {
        {NULL, "/data", "sqlite:////data/mlflow.db"},
        {"", "/data", "sqlite:////data/mlflow.db"},
        {"sqlite:///x/y.db", "/data", "sqlite:////data/x/y.db"},
        {"sqlite:///./y.db", "/data", "sqlite:////data/y.db"},
        {"sqlite:////x/y.db", "/data", "sqlite:////x/y.db"},
        {"sqlite:///y.db?timeout=5", "/data", "sqlite:////data/y.db?timeout=5"},
        {"sqlite://y.db", "/data", NULL},
        {"sqlite:y.db", "/data", NULL},
        {"sqlite://", "/data", NULL},
        {"sqlite:///", "/data", NULL},
        {"sqlite:///:memory:", "/data", NULL},
        {"sqlite:////data/", "/data", NULL},
        {"mysql://ann:pw@host/db", "/data", NULL},
        {"./mlruns", "/data", NULL},
        {"sqlite", "/data", NULL},
    };
    for (size_t i = 0; i < MLF__ARRAY_LEN(cases); i++) {
        char *uri = NULL;
        mlf_status status = mlf__uri_resolve(cases[i].uri, cases[i].directory, &uri);
        const char *name = cases[i].uri != NULL ? cases[i].uri : "(default)";
        if (cases[i].want != NULL)
            STR(uri, cases[i].want, name);
        else
            OK(status == MLF_ERR_INVAL && uri == NULL && strstr(mlf__errmsg(), "sqlite") != NULL &&
                   strstr(mlf__errmsg(), "pw") == NULL,
               "%s is refused: %s", name, mlf__errmsg());
        mlf__free(uri);
    }
    char here[PATH_MAX], want[PATH_MAX + 32];
    char *uri = NULL;
    OK(getcwd(here, sizeof(here)) != NULL, "there is a current directory");
    snprintf(want, sizeof(want), "sqlite:///%s/mlflow.db", here);
    IS(mlf__uri_resolve(NULL, NULL, &uri), MLF_OK, "the default is resolved");
    STR(uri, want, "against the current directory");
    mlf__free(uri);
}

int main(void)
{
    keys_are_checked_as_in_mlflow();
    captured_names_are_made_to_fit();
    secrets_are_known_by_name();
    secrets_are_masked();
    random_names_are_short();
    uris_are_made_absolute();
    return tap_done();
}
