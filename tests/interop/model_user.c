/* SPDX-License-Identifier: Apache-2.0 */
/* A program that makes models and predicts with them, for test_models.py and bench_model.py.
 *   model_user save KIND FEATURES OUTPUTS NAMED CLASSES DATA PATH   saves a linear model
 *   model_user log  KIND FEATURES OUTPUTS NAMED CLASSES DATA NAME   logs it into a run, and once more without one
 *   model_user keep FOLDER NAME         logs a folder that is a whole model
 *   model_user predict URI ROWS         prints predictions, a line each, then probabilities
 * KIND as in mlf_linear_kind; NAMED 1: the features have names; CLASSES: none, words or numbers. DATA are doubles:
 * coefficients, then intercepts; ROWS doubles. */
#include <mlf/mlf.h>

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX = 64 };

static void check(mlf_status status, const char *what)
{
    if (status == MLF_OK)
        return;
    printf("%s: %s: %s\n", what, mlf_status_name(status), mlf_errmsg());
    exit(1);
}

static double *read_doubles(const char *path, size_t *n)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        exit(2);
    *n = (size_t)ftell(file) / sizeof(double);
    rewind(file);
    double *values = malloc(*n * sizeof(*values) + 1);
    if (values == NULL || fread(values, sizeof(*values), *n, file) != *n)
        exit(2);
    fclose(file);
    return values;
}

static mlf_linear make(char **argv)
{
    static const char *features[MAX], *classes[MAX];
    static char texts[2][MAX][32];
    mlf_linear model = MLF_LINEAR_INIT;
    size_t n;
    for (int i = 0; i < MAX; i++) {
        snprintf(texts[0][i], sizeof(texts[0][i]), "feature %d (cm)", MAX - i);
        snprintf(texts[1][i], sizeof(texts[1][i]), argv[4][0] == 'w' ? "class %d" : "%d",
                 7 - 3 * i);
        features[i] = texts[0][i];
        classes[i] = texts[1][i];
    }
    model.kind = (mlf_linear_kind)atoi(argv[0]);
    model.n_features = (size_t)atoi(argv[1]);
    model.n_outputs = (size_t)atoi(argv[2]);
    model.feature_names = argv[3][0] == '1' ? features : NULL;
    model.class_names = strcmp(argv[4], "none") != 0 ? classes : NULL;
    model.coefficients = read_doubles(argv[5], &n);
    model.intercepts = model.coefficients + model.n_features * model.n_outputs;
    return model;
}

static void print_info(const mlf_model_info *info)
{
    printf("%s\t%s\t%s\t%s\t%s\n", info->model_id, info->model_uri, info->run_id, info->flavors,
           info->signature);
}

static void log_it(const mlf_linear *model, const char *name)
{
    static const mlf_key_value params[] = {{"C", "of the model"}, {"depth", "3"}};
    static const mlf_key_value tags[] = {{"colour", "blue"}};
    mlf_model_options options = MLF_MODEL_OPTIONS_INIT;
    mlf_model_info info;
    options.step = 3;
    options.model_type = "classifier";
    options.params = params;
    options.n_params = 2;
    options.tags = tags;
    options.n_tags = 1;
    options.metadata = "{\"author\": {\"name\": \"nobody\"}, \"ratio\": 1e-20}";
    check(mlf_set_experiment("models"), "mlf_set_experiment");
    check(mlf_start_run(NULL, NULL), "mlf_start_run");
    check(mlf_log_param("C", "1"), "mlf_log_param");
    check(mlf_log_metric("loss", 0.5, 0), "mlf_log_metric");
    check(mlf_log_metric("loss", 0.25, 3), "mlf_log_metric");
    check(mlf_log_metric("accuracy", 1, 3), "mlf_log_metric");
    check(mlf_log_linear(name, model, &options, &info), "mlf_log_linear");
    print_info(&info);
    check(mlf_log_metric("later", 1, 3), "mlf_log_metric");
    check(mlf_end_run(MLF_RUN_FINISHED), "mlf_end_run");
    options.no_run = true;
    check(mlf_log_linear("alone", model, &options, &info), "mlf_log_linear without a run");
    print_info(&info);
    check(mlf_flush(), "mlf_flush");
}

static void keep(const char *folder, const char *name)
{
    mlf_model_info info;
    mlf_model *model;
    check(mlf_set_experiment("models"), "mlf_set_experiment");
    check(mlf_log_model(name, folder, NULL, &info), "mlf_log_model");
    print_info(&info);
    mlf_status status = mlf_load_model(info.model_uri, NULL, &model);
    printf("%s\t%s\n", mlf_status_name(status), mlf_errmsg());
}

/* The run is deleted before the model comes. */
static void log_too_late(const char *folder)
{
    mlf_run *run;
    mlf_model_info info;
    check(mlf_start_run(NULL, &run), "mlf_start_run");
    check(mlf_flush(), "mlf_flush");
    check(mlf_delete_run(mlf_run_id(run)), "mlf_delete_run");
    check(mlf_log_model("late", folder, NULL, &info), "mlf_log_model");
    print_info(&info);
    mlf_status status = mlf_flush();
    printf("%s\t%s\n", mlf_status_name(status), mlf_errmsg());
}

static void predict(const char *uri, const char *path)
{
    mlf_model *model;
    size_t n;
    double *rows = read_doubles(path, &n);
    check(mlf_load_model(uri, NULL, &model), "mlf_load_model");
    size_t width = mlf_model_n_features(model), outputs = mlf_model_n_outputs(model), classes = 0;
    n /= width;
    while (mlf_model_class_name(model, classes) != NULL)
        classes++;
    double *out = calloc(n * (outputs + classes) + 1, sizeof(*out));
    if (out == NULL)
        exit(2);
    check(mlf_model_predict(model, rows, n, width, out), "mlf_model_predict");
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < outputs && classes == 0; j++)
            printf("%.17g ", out[i * outputs + j]);
        printf("%s\n", classes > 0 ? mlf_model_class_name(model, (size_t)out[i]) : "");
    }
    if (classes > 0)
        check(mlf_model_predict_proba(model, rows, n, width, out), "mlf_model_predict_proba");
    for (size_t i = 0; i < n && classes > 0; i++, printf("\n"))
        for (size_t j = 0; j < classes; j++)
            printf("%.17g ", out[i * classes + j]);
    mlf_model_free(model);
    free(out);
    free(rows);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    setlocale(LC_ALL, getenv("MODEL_LOCALE") != NULL ? getenv("MODEL_LOCALE") : "C");
    if (argc == 9 && strcmp(what, "save") == 0) {
        mlf_linear model = make(argv + 2);
        check(mlf_save_linear(&model, argv[8]), "mlf_save_linear");
    } else if (argc == 9 && strcmp(what, "log") == 0) {
        mlf_linear model = make(argv + 2);
        log_it(&model, argv[8]);
    } else if (argc == 4 && strcmp(what, "keep") == 0) {
        keep(argv[2], argv[3]);
    } else if (argc == 3 && strcmp(what, "late") == 0) {
        log_too_late(argv[2]);
    } else if (argc == 4 && strcmp(what, "predict") == 0) {
        predict(argv[2], argv[3]);
    } else {
        return 2;
    }
    return 0;
}
