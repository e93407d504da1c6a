/* SPDX-License-Identifier: Apache-2.0 */
/* Models: MLmodel as MLflow writes it, the linear flavor from its saving to its predictions, and what is refused. */
#include "core/mem.h"
#include "core/spool.h"
#include "tests/support/tap.h"
#include "tracking/artifacts.h"
#include "tracking/models/flavor.h"
#include "tracking/models/linear.h"
#include "tracking/models/mlmodel.h"
#include "tracking/models/model_files.h"

#include <mlf/mlf.h>

#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];

static const char *in_folder(const char *name)
{
    static char path[4][256];
    static unsigned next;
    char *out = path[next++ % MLF__ARRAY_LEN(path)];
    snprintf(out, sizeof(path[0]), "%s/%s", folder, name);
    return out;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

static void remove_tree(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static bool says(const char *part)
{
    bool found = strstr(mlf_errmsg(), part) != NULL;
    if (!found)
        printf("# the text is: %s\n# and has no: %s\n", mlf_errmsg(), part);
    return found;
}

/* ---- MLmodel ---- */

/* Written by MLflow 3.17.2 for a scikit-learn model, and some of YAML's other ways. */
static const char mlflow_text[] =
    "artifact_path: /tmp/m/mlruns/0/models/m-60036fc5f1ed40998ab4aba9d97261f0/artifacts\n"
    "flavors:\n"
    "  python_function:\n"
    "    code: null\n"
    "    env:\n"
    "      conda: conda.yaml\n"
    "      virtualenv: python_env.yaml\n"
    "    loader_module: mlflow.sklearn\n"
    "    python_version: 3.11.7\n"
    "    streamable: false\n"
    "  sklearn:\n"
    "    code: null\n"
    "    skops_trusted_types:\n"
    "    - numpy.dtype\n"
    "    - sklearn.linear_model._logistic.LogisticRegression\n"
    "    version: 1.10\n"
    "metadata:\n"
    "  empty: {}\n"
    "  letters: \xce\xbb\xe5\xad\xa6\n"
    "  none: []\n"
    "model_id: m-60036fc5f1ed40998ab4aba9d97261f0\n"
    "model_size_bytes: 1513\n"
    "run_id: bfb0bd1cc02b422390e82f4d859931d5\n"
    "signature:\n"
    "  inputs: '[{\"type\": \"double\", \"name\": \"it''s\", \"required\": true}]'\n"
    "  outputs: '[{\"type\": \"tensor\", \"tensor-spec\": {\"dtype\": \"int64\", \"shape\": "
    "[-1]}}]'\n"
    "  params: null\n"
    "utc_time_created: '2026-11-23 17:43:26.868492'\n";

static void mlmodel_is_read_and_written_alike(void)
{
    cJSON *tree;
    char *text = NULL, *signature = NULL, *flavors = NULL;
    IS(mlf__mlmodel_parse(mlflow_text, strlen(mlflow_text), "here", &tree), MLF_OK,
       "an MLmodel of MLflow's is read");
    IS(mlf__mlmodel_print(tree, &text), MLF_OK, "and written");
    STR(text, mlflow_text, "with the same bytes");
    const cJSON *python =
        cJSON_GetObjectItem(cJSON_GetObjectItem(tree, "flavors"), "python_function");
    STR(mlf__mlmodel_text(python, "python_version"), "3.11.7", "a version is a text");
    OK(mlf__mlmodel_text(python, "code") == NULL && mlf__mlmodel_text(python, "env") == NULL &&
           mlf__mlmodel_text(python, "absent") == NULL,
       "null, a mapping and nothing are no texts");
    flavors = mlf__mlmodel_flavors(tree, ", ");
    STR(flavors, "python_function, sklearn", "its flavors have names");
    IS(mlf__mlmodel_signature(tree, &signature), MLF_OK, "its signature is JSON");
    STR(signature,
        "{\"inputs\": [{\"type\": \"double\", \"name\": \"it's\", \"required\": true}], "
        "\"outputs\": [{\"type\": \"tensor\", \"tensor-spec\": {\"dtype\": \"int64\", \"shape\": "
        "[-1]}}]}",
        "with its parts");
    mlf__free(signature);
    mlf__free(flavors);
    mlf__free(text);
    cJSON_Delete(tree);
}

/* Texts that a reader of YAML would take for something else. */
static void texts_stay_texts(void)
{
    static const char *const texts[] = {
        "",         "null",       "True",     "no", "~",    "3",    "0x1f", "1e5",
        ".5",       "2026-11-23", "12:30:45", "=",  "<<",   "a: b", "a #b", "- a",
        "[a",       "{a",         "*a",       "&a", "!a",   "%a",   "@a",   "`a",
        "'",        "\"",         " a",       "a ", "a\nb", "a\tb", "\x01", "\\",
        "\xce\xbb", "a\n\nb\n",   "?",        "|",  ">",    "Off",  "y"};
    cJSON *tree = cJSON_CreateObject(), *again;
    char *text;
    for (size_t i = 0; i < MLF__ARRAY_LEN(texts); i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%zu", i);
        mlf__mlmodel_set(tree, key, texts[i]);
        /* As keys too. */
        if (i % 2 == 0 && texts[i][0] != '\0' && strchr(texts[i], '\n') == NULL)
            mlf__mlmodel_set(tree, texts[i], "a value");
    }
    IS(mlf__mlmodel_print(tree, &text), MLF_OK, "odd texts are written");
    IS(mlf__mlmodel_parse(text, strlen(text), "odd", &again), MLF_OK, "and read");
    OK(cJSON_Compare(tree, again, true), "and are what they were, and strings");
    if (!cJSON_Compare(tree, again, true))
        printf("# %s\n", text);
    mlf__free(text);
    cJSON_Delete(again);
    mlf__mlmodel_set(tree, "bad", "\xff\xfe");
    IS(mlf__mlmodel_print(tree, &text), MLF_ERR_INVAL, "a text that is not UTF-8 is refused");
    cJSON_Delete(tree);
    tree = cJSON_Parse("{\"a\": {\"b\": 1, \"c\": 2, \"b\": 3}}");
    IS(mlf__mlmodel_print(tree, &text), MLF_ERR_INVAL, "so is a key that is there twice");
    cJSON_Delete(tree);
    tree = cJSON_Parse("{\"a\": 1e400}");
    IS(mlf__mlmodel_print(tree, &text), MLF_ERR_INVAL, "and a number beyond all");
    cJSON_Delete(tree);
}

static void deep(char *out, size_t depth)
{
    for (size_t i = 0; i < depth; i++)
        *out++ = '[';
    *out = '\0';
}

static void damaged_mlmodels_are_refused(void)
{
    char nested[256];
    const struct {
        const char *text, *part;
    } cases[] = {
        {"", "not a list of keys"},
        {"- a\n- b\n", "not a list of keys"},
        {"flavors", "not a list of keys"},
        {"a: [1, 2", "line 2"},
        {"a: b\n  c: d\n", "line 2"},
        {"a: &x [1]\nb: *x\n", "alias"},
        {"a: b\n---\nc: d\n", "second document"},
        {"? [a]\n: b\n", "no text"},
        {"a: \"x\\0y\"\n", "NUL"},
        {"a: \xff\n", "line 1"},
        {"a: b\nc: d\na: e\n", "there before"},
        {"a: 'b\n", "line"},
        {nested, "deeply"},
    };
    deep(nested, 200);
    for (size_t i = 0; i < MLF__ARRAY_LEN(cases); i++) {
        cJSON *tree;
        mlf_status status =
            mlf__mlmodel_parse(cases[i].text, strlen(cases[i].text), "this/MLmodel", &tree);
        OK(status == MLF_ERR_CORRUPT && tree == NULL && says(cases[i].part) && says("this/MLmodel"),
           "refused: %.20s", cases[i].text[0] == '[' ? "deep" : cases[i].part);
    }
}

static void members_are_set(void)
{
    cJSON *tree = cJSON_CreateObject();
    char *text = NULL, *signature = NULL;
    const struct mlf__mlmodel_identity identity = {"m-1", "r1", "/a/b", 1795455806868,
                                                   9007199254740993};
    IS(mlf__mlmodel_identify(tree, &identity), MLF_OK, "a model is told whose it is");
    IS(mlf__mlmodel_set_signature(tree, "{\"inputs\":[{\"type\":\"double\"}],\"outputs\":null}"),
       MLF_OK, "and its signature");
    IS(mlf__mlmodel_set_json(tree, "metadata", "{\"b\":1e20,\"a\":[true,null,0.1,\"x\"]}"), MLF_OK,
       "and metadata");
    IS(mlf__mlmodel_print(tree, &text), MLF_OK, "and is written");
    STR(text,
        "artifact_path: /a/b\nmetadata:\n  a:\n  - true\n  - null\n  - 0.1\n  - x\n  b: 1.0e+20\n"
        "model_id: m-1\nmodel_size_bytes: 9007199254740993\nmodel_uuid: m-1\nrun_id: r1\n"
        "signature:\n  inputs: '[{\"type\":\"double\"}]'\n  outputs: null\n  params: null\n"
        "utc_time_created: '2026-11-23 17:43:26.868000'\n",
        "with its keys in order");
    mlf__free(text);
    IS(mlf__mlmodel_signature(tree, &signature), MLF_OK, "the signature comes back");
    STR(signature, "{\"inputs\": [{\"type\":\"double\"}]}", "as JSON");
    mlf__free(signature);
    static const char *const bad[] = {"",
                                      "[]",
                                      "{\"inputs\":{}}",
                                      "{\"inputs\":",
                                      "{} {}",
                                      "{\"in\":[]}",
                                      "{\"\xff\":[]}",
                                      "{}",
                                      "{\"inputs\":null}"};
    for (size_t i = 0; i < MLF__ARRAY_LEN(bad); i++)
        OK(mlf__mlmodel_set_signature(tree, bad[i]) == MLF_ERR_INVAL && says("signature"),
           "no signature: '%s'", i == 6 ? "not UTF-8" : bad[i]);
    cJSON_Delete(tree);
}

/* ---- the linear flavor ---- */

static const double weights[] = {0.5, -1, 2, 3, 0.25, -4};
static const double offsets[] = {0.1, -0.2};
static const char *const features[] = {"length", "sepal width (cm)", "yes"};

static mlf_linear make(mlf_linear_kind kind, size_t outputs)
{
    mlf_linear model = MLF_LINEAR_INIT;
    model.kind = kind;
    model.n_features = 3;
    model.n_outputs = outputs;
    model.coefficients = weights;
    model.intercepts = offsets;
    return model;
}

static mlf_model *save_and_load(const mlf_linear *model, const char *name)
{
    mlf_model *loaded = NULL;
    const char *path = in_folder(name);
    mlf_status status = mlf_save_linear(model, path);
    if (status == MLF_OK)
        status = mlf__model_load(path, &loaded);
    OK(status == MLF_OK && loaded != NULL, "%s: it is saved and loaded %s", name,
       status == MLF_OK ? "" : mlf_errmsg());
    return loaded;
}

static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-12 * fmax(1, fabs(b));
}

static void regression_predicts(void)
{
    const double rows[] = {1, 2, 3, -1, 0, 0.5};
    double out[4];
    mlf_linear plan = make(MLF_LINEAR_REGRESSION, 2);
    plan.feature_names = features;
    mlf_model *model = save_and_load(&plan, "regression");
    OK(mlf_model_n_features(model) == 3 && mlf_model_n_outputs(model) == 2 &&
           mlf_model_class_name(model, 0) == NULL,
       "a regression has its shape and no classes");
    IS(mlf_model_predict(model, rows, 2, 3, out), MLF_OK, "it predicts");
    OK(near(out[0], 0.5 - 2 + 6 + 0.1) && near(out[1], 3 + 0.5 - 12 - 0.2) &&
           near(out[2], -0.5 + 1 + 0.1) && near(out[3], -3 - 2 - 0.2),
       "W x + b, row by row: %g %g %g %g", out[0], out[1], out[2], out[3]);
    IS(mlf_model_predict_proba(model, rows, 2, 3, out), MLF_ERR_UNSUPPORTED,
       "it has no probabilities");
    IS(mlf_model_predict(model, rows, 3, 2, out), MLF_ERR_INVAL,
       "rows of another width are refused");
    OK(says("rows of 2 values, but the model takes 3"), "with both widths");
    IS(mlf_model_predict(model, NULL, 0, 3, NULL), MLF_OK, "no rows are nothing to do");
    IS(mlf_model_predict(model, NULL, 1, 3, out), MLF_ERR_INVAL,
       "rows that are not there are refused");
    mlf_model_free(model);
}

static void logistic_predicts(void)
{
    static const char *const names[] = {"no", "maybe"};
    const double rows[] = {1, 2, 3, -1, 2, 0, NAN, 0, 0, -0.2, 0, 0};
    double out[8];
    mlf_linear plan = make(MLF_LINEAR_LOGISTIC, 1);
    plan.class_names = names;
    mlf_model *model = save_and_load(&plan, "logistic");
    IS(mlf_model_n_outputs(model), 1, "a classifier gives one value per row");
    STR(mlf_model_class_name(model, 1), "maybe", "a class has its name");
    OK(mlf_model_class_name(model, 2) == NULL, "there are no more than two");
    IS(mlf_model_predict(model, rows, 4, 3, out), MLF_OK, "it predicts");
    OK(out[0] == 1 && out[1] == 0 && out[2] == 0 && out[3] == 0,
       "class 1 above zero, class 0 at zero, below and for NaN: %g %g %g %g", out[0], out[1],
       out[2], out[3]);
    IS(mlf_model_predict_proba(model, rows, 4, 3, out), MLF_OK, "and probabilities");
    double p = 1 / (1 + exp(-4.6));
    OK(near(out[1], p) && near(out[0], 1 - p), "of the logistic function: %g", out[1]);
    OK(isnan(out[4]) && isnan(out[5]), "a NaN goes through");
    mlf_model_free(model);
}

static void softmax_predicts(void)
{
    const double rows[] = {1, 2, 3, -1, 2, -1, 1e3, -1e3, 1e3, 0, NAN, 0};
    double out[8];
    mlf_linear plan = make(MLF_LINEAR_SOFTMAX, 2);
    plan.intercepts = NULL;
    mlf_model *model = save_and_load(&plan, "softmax");
    STR(mlf_model_class_name(model, 1), "1", "a class without name has its number");
    IS(mlf_model_predict(model, rows, 4, 3, out), MLF_OK, "it predicts");
    OK(out[0] == 0 && out[1] == 1 && out[2] == 0 && out[3] == 0,
       "the class with the largest score, as numpy with NaN: %g %g %g %g", out[0], out[1], out[2],
       out[3]);
    IS(mlf_model_predict_proba(model, rows, 3, 3, out), MLF_OK, "and probabilities");
    OK(near(out[0] + out[1], 1) && near(out[1] / out[0], exp(-8.5 - 4.5)), "e to the scores: %g %g",
       out[0], out[1]);
    OK(out[4] == 1 && out[5] == 0, "large scores do not overflow: %g %g", out[4], out[5]);
    mlf_model_free(model);
}

/* A value is what it was, whatever it is. */
static void values_are_exact(void)
{
    enum { N = 512 };
    static double values[N], rows[N * N], out[N];
    uint64_t state = 1;
    for (size_t i = 0; i < N; i++) {
        do {
            state = state * 6364136223846793005u + 1442695040888963407u;
            uint64_t bits = state ^ (state >> 29);
            memcpy(&values[i], &bits, sizeof(bits));
        } while (!isfinite(values[i]));
        rows[i * N + i] = 1;
    }
    values[0] = 5e-324;
    values[1] = 1.7976931348623157e308;
    values[2] = 0.1;
    mlf_linear plan = make(MLF_LINEAR_REGRESSION, 1);
    plan.n_features = N;
    plan.coefficients = values;
    plan.intercepts = NULL;
    mlf_model *model = save_and_load(&plan, "exact");
    IS(mlf_model_predict(model, rows, N, N, out), MLF_OK, "each coefficient by itself");
    size_t wrong = 0;
    for (size_t i = 0; i < N; i++)
        wrong += out[i] != values[i];
    IS(wrong, 0, "is exactly what was saved");
    mlf_model_free(model);
}

static void saving_refuses(void)
{
    static const double bad_values[] = {1, 2, NAN, 4, 5, 6}, infinite[] = {1, INFINITY};
    static const char *const twice[] = {"a", "b", "a"}, *const empty[] = {"a", "", "c"},
                             *const latin[] = {"a", "\xe9", "c"};
    mlf_linear cases[12];
    static const char *const parts[] = {"no kind",
                                        "no coefficients",
                                        "of 0 features",
                                        "two or more outputs",
                                        "one output",
                                        "coefficients[2]",
                                        "intercepts[1]",
                                        "'a' twice",
                                        "feature_names[1] is empty",
                                        "not UTF-8",
                                        "no class_names",
                                        "MLF_LINEAR_INIT"};
    for (size_t i = 0; i < MLF__ARRAY_LEN(cases); i++)
        cases[i] = make(MLF_LINEAR_REGRESSION, 2);
    cases[0].kind = (mlf_linear_kind)7;
    cases[1].coefficients = NULL;
    cases[2].n_features = 0;
    cases[3] = make(MLF_LINEAR_SOFTMAX, 1);
    cases[4] = make(MLF_LINEAR_LOGISTIC, 2);
    cases[5].coefficients = bad_values;
    cases[6].intercepts = infinite;
    cases[7].feature_names = twice;
    cases[8].feature_names = empty;
    cases[9].feature_names = latin;
    cases[10].class_names = twice;
    cases[11].size = 0;
    for (size_t i = 0; i < MLF__ARRAY_LEN(cases); i++)
        OK(mlf_save_linear(&cases[i], in_folder("refused")) == MLF_ERR_INVAL && says(parts[i]),
           "refused: %s", parts[i]);
    OK(access(in_folder("refused"), F_OK) != 0, "nothing of them is on the disk");
    mlf_linear overflow = make(MLF_LINEAR_REGRESSION, SIZE_MAX / 2);
    IS(mlf_save_linear(&overflow, in_folder("refused")), MLF_ERR_INVAL,
       "a size that overflows is refused");
    mlf_linear fine = make(MLF_LINEAR_REGRESSION, 2);
    IS(mlf_save_linear(&fine, in_folder("regression")), MLF_ERR_EXISTS,
       "a folder in use is left alone");
    IS(mlf_save_linear(NULL, "x"), MLF_ERR_INVAL, "no model");
    IS(mlf_save_linear(&fine, ""), MLF_ERR_INVAL, "no path");
    mkdir(in_folder("made"), 0777);
    IS(mlf_save_linear(&fine, in_folder("made")), MLF_OK, "an empty folder is used");
}

/* ---- loading ---- */

#define HEAD "{\"version\":1,\"kind\":"
static const struct {
    const char *text, *part;
    mlf_status status;
} damaged[] = {
    {"", "JSON", MLF_ERR_CORRUPT},
    {"{\"version\":1,\"kind\":\"softmax\",\"n_fea", "cut off", MLF_ERR_CORRUPT},
    {"[]", "JSON", MLF_ERR_CORRUPT},
    {"{\"version\":2}", "version", MLF_ERR_UNSUPPORTED},
    {HEAD "7}", "'kind'", MLF_ERR_CORRUPT},
    {HEAD "\"regression\",\"n_outputs\":1}", "'n_features'", MLF_ERR_CORRUPT},
    {HEAD "\"regression\",\"n_features\":1e300,\"n_outputs\":1}", "'n_features'", MLF_ERR_CORRUPT},
    {HEAD "\"regression\",\"n_features\":1.5,\"n_outputs\":1}", "'n_features'", MLF_ERR_CORRUPT},
    {HEAD "\"regression\",\"n_features\":-1,\"n_outputs\":1}", "'n_features'", MLF_ERR_CORRUPT},
    {HEAD "\"regression\",\"n_features\":2147483647,\"n_outputs\":2147483647,"
          "\"coefficients\":[1],\"intercepts\":[1]}",
     "'coefficients'", MLF_ERR_CORRUPT},
    {HEAD "\"logistic\",\"n_features\":1,\"n_outputs\":2}", "'n_outputs'", MLF_ERR_CORRUPT},
    {HEAD "\"softmax\",\"n_features\":1,\"n_outputs\":1}", "'n_outputs'", MLF_ERR_CORRUPT},
    {HEAD "\"regression\",\"n_features\":1,\"n_outputs\":1,\"coefficients\":[null]}", "finite",
     MLF_ERR_CORRUPT},
    {HEAD "\"regression\",\"n_features\":1,\"n_outputs\":1,\"coefficients\":[1e999]}", "finite",
     MLF_ERR_CORRUPT},
    {HEAD "\"regression\",\"n_features\":1,\"n_outputs\":1,\"coefficients\":[1]}", "'intercepts'",
     MLF_ERR_CORRUPT},
    {HEAD "\"logistic\",\"n_features\":1,\"n_outputs\":1,\"coefficients\":[1],\"intercepts\":[1],"
          "\"class_names\":[\"a\"]}",
     "'class_names'", MLF_ERR_CORRUPT},
    {HEAD "\"logistic\",\"n_features\":1,\"n_outputs\":1,\"coefficients\":[1],\"intercepts\":[1],"
          "\"class_names\":[\"a\",3]}",
     "'class_names'", MLF_ERR_CORRUPT},
};

static void damaged_models_are_refused(void)
{
    mlf_linear plan = make(MLF_LINEAR_REGRESSION, 1);
    const char *path = in_folder("damaged");
    mlf_model *model;
    IS(mlf_save_linear(&plan, path), MLF_OK, "a model that will be damaged");
    for (size_t i = 0; i < MLF__ARRAY_LEN(damaged); i++) {
        mlf__artifact_write(path, MLF__LINEAR_FILE, damaged[i].text, strlen(damaged[i].text));
        mlf_status status = mlf__model_load(path, &model);
        OK(status == damaged[i].status && model == NULL && says(damaged[i].part) &&
               says("linear.json"),
           "refused: %s", damaged[i].text);
    }
    unlink(in_folder("damaged/" MLF__LINEAR_FILE));
    IS(mlf__model_load(path, &model), MLF_ERR_NOT_FOUND, "the coefficients are gone");
    mkfifo(in_folder("damaged/" MLF__LINEAR_FILE), 0600);
    IS(mlf__model_load(path, &model), MLF_ERR_CORRUPT, "a fifo is not waited for");
    static const char elsewhere[] = "flavors:\n  linear:\n    data: ../../etc/passwd\n";
    mlf__artifact_write(path, "MLmodel", elsewhere, strlen(elsewhere));
    IS(mlf__model_load(path, &model), MLF_ERR_CORRUPT, "data elsewhere are not looked at");
}

static void other_models_are_named(void)
{
    mlf_model *model;
    mlf__artifact_write(in_folder("sklearn"), "MLmodel", mlflow_text, strlen(mlflow_text));
    IS(mlf_load_model(in_folder("sklearn"), NULL, &model), MLF_ERR_UNSUPPORTED,
       "a model of scikit-learn is not predicted with");
    OK(model == NULL && says("'python_function, sklearn'") && says("linear"),
       "its flavors are named, and those that there are");
    IS(mlf_load_model(in_folder("nowhere"), NULL, &model), MLF_ERR_NOT_FOUND,
       "no model is not found");
    OK(says("nowhere"), "and is named");
    IS(mlf_load_model(NULL, NULL, &model), MLF_ERR_INVAL, "no URI");
    IS(mlf_load_model("", NULL, &model), MLF_ERR_INVAL, "an empty URI");
    IS(mlf_load_model("x", "options", &model), MLF_ERR_INVAL, "options of another version");
    IS(mlf_load_model("x", NULL, NULL), MLF_ERR_INVAL, "no place for the model");
    mlf_model_free(NULL);
    IS(mlf_model_predict(NULL, NULL, 0, 0, NULL), MLF_ERR_INVAL, "no model predicts nothing");
    IS(mlf_load_model(in_folder("regression"), NULL, &model), MLF_OK, "a path is loaded");
    mlf_model_free(model);
}

/* Whichever allocation fails, that is said and nothing else happens. */
static void memory_runs_out(void)
{
    mlf_linear plan = make(MLF_LINEAR_SOFTMAX, 2);
    plan.feature_names = features;
    mlf_status status = MLF_ERR_NOMEM;
    long n = 0;
    for (; status == MLF_ERR_NOMEM && n < 10000; n++) {
        remove_tree(in_folder("memory"));
        mlf__alloc_fail_after(n + 1);
        status = mlf_save_linear(&plan, in_folder("memory"));
    }
    mlf__alloc_fail_after(0);
    OK(status == MLF_OK && n > 10, "saving fails %ld times for want of memory, then works", n - 1);
    mlf_model *model = NULL;
    status = MLF_ERR_NOMEM;
    for (n = 0; status == MLF_ERR_NOMEM && n < 10000; n++) {
        mlf__alloc_fail_after(n + 1);
        status = mlf__model_load(in_folder("memory"), &model);
    }
    mlf__alloc_fail_after(0);
    OK(status == MLF_OK && n > 5, "loading fails %ld times, then works", n - 1);
    mlf_model_free(model);
}

/* ---- what is handed over ---- */

static void only_what_was_handed_over_is_removed(void)
{
    static const char *const others[] = {"kept.take",
                                         "12345678-1-0123456789abcdef0123456789abcdef",
                                         "1234567-1-0123456789abcdef0123456789abcdef.take",
                                         "12345678-x-0123456789abcdef0123456789abcdef.take",
                                         "12345678-1-0123456789abcdef0123456789abcde.take",
                                         "12345678-1-0123456789abcdef0123456789abcdef.take.x"};
    char path[MLF__PATH_SIZE], inside[MLF__PATH_SIZE + 16];
    mkdir(in_folder("spared"), 0700);
    for (size_t i = 0; i < MLF__ARRAY_LEN(others); i++) {
        mlf__artifact_write(in_folder("spared"), others[i], "x", 1);
        snprintf(inside, sizeof(inside), "%s/%s", in_folder("spared"), others[i]);
        mlf__spool_take_done(inside);
        OK(access(inside, F_OK) == 0, "not removed: %s", others[i]);
    }
    mlf__spool_take_done("");
    mlf__spool_take_done("12345678-1-0123456789abcdef0123456789abcdef.take");
    IS(mlf__spool_take_path("0123456789abcdef", path), MLF_OK, "a path in the spool");
    mkdir(path, 0700);
    mlf__artifact_write(path, "a/b", "x", 1);
    snprintf(inside, sizeof(inside), "%s/link", path);
    OK(symlink(in_folder("spared"), inside) == 0, "that holds a link to elsewhere");
    mlf__spool_take_done(path);
    OK(access(path, F_OK) != 0, "it is removed with what is in it");
    snprintf(inside, sizeof(inside), "%s/%s", in_folder("spared"), others[0]);
    OK(access(inside, F_OK) == 0, "but nothing behind the link");
    mlf__spool_take_path("0123456789abcdef", path);
    mlf__artifact_write(in_folder("spool"), strrchr(path, '/') + 1, "x", 1);
    mlf__spool_take_done(path);
    OK(access(path, F_OK) != 0, "a file is removed, too");
}

/* ---- logging ---- */

static void logging_refuses(void)
{
    static const mlf_key_value no_value[] = {{"a", NULL}}, bad_key[] = {{"a*b", "c"}};
    mlf_linear plan = make(MLF_LINEAR_REGRESSION, 2);
    mlf_model_info info;
    mlf_model_options options[7];
    static const char *const parts[] = {"MLF_MODEL_OPTIONS_INIT",
                                        "params[0] has no value",
                                        "a*b",
                                        "a*b",
                                        "signature",
                                        "metadata",
                                        "metadata"};
    for (size_t i = 0; i < MLF__ARRAY_LEN(options); i++)
        options[i] = (mlf_model_options)MLF_MODEL_OPTIONS_INIT;
    options[0].size = 1;
    options[1].params = no_value;
    options[2].params = bad_key;
    options[1].n_params = options[2].n_params = 1;
    options[3].tags = bad_key;
    options[3].n_tags = 1;
    options[4].signature = "[]";
    options[5].metadata = "{\"a\": ";
    options[6].metadata = "3";
    for (size_t i = 0; i < MLF__ARRAY_LEN(options); i++) {
        OK(mlf_log_linear("m", &plan, &options[i], &info) == MLF_ERR_INVAL && says(parts[i]) &&
               info.model_id[0] == '\0',
           "mlf_log_linear refuses: %s", parts[i]);
        OK(mlf_log_model("m", folder, &options[i], &info) == MLF_ERR_INVAL && says(parts[i]),
           "mlf_log_model refuses: %s", parts[i]);
    }
    IS(mlf_log_model("a/b", folder, NULL, NULL), MLF_ERR_INVAL, "a name with a slash is refused");
    IS(mlf_log_model(NULL, folder, NULL, NULL), MLF_ERR_INVAL, "no name");
    IS(mlf_log_model("m", NULL, NULL, NULL), MLF_ERR_INVAL, "no path");
    IS(mlf_log_linear("m", NULL, NULL, NULL), MLF_ERR_INVAL, "no model");
    IS(mlf_log_model("m", in_folder("nowhere"), NULL, NULL), MLF_ERR_NOT_FOUND, "nothing is there");
    OK(says("nowhere"), "and that is said");
    mkfifo(in_folder("pipe"), 0600);
    IS(mlf_log_model("m", in_folder("pipe"), NULL, NULL), MLF_ERR_INVAL, "a pipe is no model");
    OK(says("pipe: neither a file nor a directory"), "and that is said");
    mlf__artifact_write(in_folder("broken"), "MLmodel", "a: [", 4);
    IS(mlf_log_model("m", in_folder("broken/MLmodel"), NULL, NULL), MLF_ERR_INVAL,
       "an MLmodel alone is no model");
    OK(says("log the directory"), "and it is said what is");
    IS(mlf_log_model("m", in_folder("broken"), NULL, NULL), MLF_ERR_CORRUPT, "a broken MLmodel");
    plan.n_features = 0;
    IS(mlf_log_linear("m", &plan, NULL, &info), MLF_ERR_INVAL, "a model that cannot be saved");
}

static void logged_models_are_described(void)
{
    mlf_linear plan = make(MLF_LINEAR_SOFTMAX, 2);
    mlf_model_options options = MLF_MODEL_OPTIONS_INIT;
    mlf_model_info info;
    options.no_run = true;
    IS(mlf_log_linear("no run", &plan, &options, &info), MLF_OK, "a model without a run is logged");
    OK(strncmp(info.model_id, "m-", 2) == 0 && strlen(info.model_id) == 34 &&
           strncmp(info.model_uri, "models:/m-", 10) == 0 && info.run_id[0] == '\0',
       "it has an id and no run: %s", info.model_uri);
    STR(info.flavors, "linear,python_function", "its flavors");
    STR(info.signature,
        "{\"inputs\": "
        "[{\"type\":\"tensor\",\"tensor-spec\":{\"dtype\":\"float64\",\"shape\":[-1,3]}}],"
        " \"outputs\": [{\"type\":\"long\",\"required\":true}]}",
        "its signature");
    options.no_run = false;
    options.flavor = "svm";
    options.signature = "{\"inputs\":[]}";
    IS(mlf_log_model("file", in_folder("exact/conda.yaml"), &options, &info), MLF_OK,
       "a file is logged");
    OK(strcmp(info.flavors, "svm") == 0 && strcmp(info.signature, "{\"inputs\":[]}") == 0 &&
           strlen(info.run_id) == 32,
       "with what was said of it, into a run: %s", info.run_id);
    IS(mlf_flush(), MLF_OK, "all of it is stored");
    IS(mlf_end_run(MLF_RUN_FINISHED), MLF_ERR_STATE, "no run was made active for it");
}

static int run_tests(void)
{
    char uri[128];
    setenv("MLF_SPOOL", in_folder("spool"), 1);
    snprintf(uri, sizeof(uri), "sqlite:///%s/mlflow.db", folder);
    setenv("MLFLOW_TRACKING_URI", uri, 1);
    mlmodel_is_read_and_written_alike();
    texts_stay_texts();
    damaged_mlmodels_are_refused();
    members_are_set();
    regression_predicts();
    logistic_predicts();
    softmax_predicts();
    values_are_exact();
    saving_refuses();
    damaged_models_are_refused();
    other_models_are_named();
    memory_runs_out();
    only_what_was_handed_over_is_removed();
    logging_refuses();
    logged_models_are_described();
    return tap_done();
}

/* The tests are a process of their own, whose collector is waited for before the folder goes. */
int main(void)
{
    enum { TRIES = 2000, PAUSE_US = 5000 };
    int status = 1;
    snprintf(folder, sizeof(folder), "/tmp/mlf-models-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return 1;
    pid_t child = fork();
    if (child == 0)
        exit(run_tests());
    waitpid(child, &status, 0);
    for (int i = 0; i < TRIES && rmdir(in_folder("spool")) != 0 && errno != ENOENT; i++)
        usleep(PAUSE_US);
    remove_tree(folder);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
