/* SPDX-License-Identifier: Apache-2.0 */
/* mlf_callbacks(): the table of callbacks that logs. Its functions return nothing, since a training has
 * nothing to decide by what was logged; what went wrong is in mlf_errmsg() and comes with mlf_flush(). */
#include "autolog/api.h"

#include "core/buf.h"
#include "core/mem.h"
#include "core/sys.h"
#include "tracking/names.h"

#include <stdio.h>
#include <string.h>

static const char PREDICTIONS[] = "predictions.json";

/* The table is the first member: its address is the logger's. */
struct logger {
    mlf_callback table;
    mlf_run *run; /* NULL until the first call, and when logging is switched off */
    int64_t every;
    bool any_logged;
    int64_t last_logged;     /* the last step that was logged */
    mlf_metric_value *held;  /* the step after it that was not logged, in case it is the last one */
    size_t n_held, cap_held; /* keys are owned */
    int64_t held_step, held_ms;
    char model_id[MLF__ID_SIZE]; /* of the model that was logged last */
};

/* The run of this training: the first call chooses it. False when there is nothing to log into. */
static bool has_run(struct logger *logger)
{
    return logger->run != NULL || mlf__api_current_run(&logger->run) == MLF_OK;
}

static void drop_held(struct logger *logger)
{
    for (size_t i = 0; i < logger->n_held; i++)
        mlf__free((char *)logger->held[i].key);
    logger->n_held = 0;
}

static void hold(struct logger *logger, int64_t step, const mlf_metric_value *metrics, size_t n)
{
    drop_held(logger);
    if (mlf__grow((void **)&logger->held, &logger->cap_held, n, sizeof(*metrics)) != MLF_OK)
        return;
    logger->held_step = step;
    logger->held_ms = mlf__now_ms();
    for (size_t i = 0; i < n; i++) {
        char *key = metrics[i].key != NULL ? mlf__strdup(metrics[i].key) : NULL;
        if (key != NULL)
            logger->held[logger->n_held++] =
                (mlf_metric_value){.key = key, .value = metrics[i].value};
    }
}

/* The last step of a training is always logged, with the time at which it was made. */
static void log_held(struct logger *logger)
{
    mlf_metric_options options = MLF_METRIC_OPTIONS_INIT;
    options.step = logger->held_step;
    options.timestamp_ms = logger->held_ms;
    for (size_t i = 0; i < logger->n_held; i++)
        mlf_run_log_metric_with(logger->run, logger->held[i].key, logger->held[i].value, &options);
    drop_held(logger);
}

/* Steps may come with gaps, and begin anew with the next training: so the distance to the last one decides, and
 * not whether the number can be divided. */
static bool is_due(const struct logger *logger, int64_t step)
{
    int64_t distance;
    return logger->every <= 1 || !logger->any_logged || step < logger->last_logged ||
           __builtin_sub_overflow(step, logger->last_logged, &distance) ||
           distance >= logger->every;
}

static void on_train_begin(void *user, const mlf_key_value *params, size_t n)
{
    struct logger *logger = user;
    if (!has_run(logger))
        return;
    logger->any_logged = false;
    if (n > 0)
        mlf_run_log_params(logger->run, params, n);
}

static void on_step(void *user, int64_t step, const mlf_metric_value *metrics, size_t n)
{
    struct logger *logger = user;
    if (!has_run(logger) || metrics == NULL || n == 0)
        return;
    if (!is_due(logger, step)) {
        hold(logger, step, metrics, n);
        return;
    }
    drop_held(logger);
    logger->any_logged = true;
    logger->last_logged = step;
    mlf_run_log_metrics(logger->run, metrics, n, step);
}

static void on_evaluate(void *user, int64_t step, const char *dataset,
                        const mlf_metric_value *metrics, size_t n)
{
    struct logger *logger = user;
    if (!has_run(logger) || metrics == NULL || n == 0)
        return;
    if (dataset == NULL || dataset[0] == '\0') {
        mlf_run_log_metrics(logger->run, metrics, n, step);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        struct mlf__buf key = {0};
        if (metrics[i].key == NULL)
            continue;
        mlf__buf_printf(&key, "%s_%s", dataset, metrics[i].key);
        if (!key.failed)
            mlf_run_log_metric(logger->run, key.data, metrics[i].value, step);
        mlf__buf_free(&key);
    }
}

static void on_predict(void *user, const mlf_table *predictions)
{
    struct logger *logger = user;
    if (has_run(logger) &&
        mlf__api_log_table(logger->run, predictions, PREDICTIONS, logger->model_id) == MLF_OK &&
        logger->model_id[0] != '\0')
        mlf_run_set_tag(logger->run, "mlf.predictions.model", logger->model_id);
}

static void on_model(void *user, const char *name, const char *path, int64_t step)
{
    struct logger *logger = user;
    mlf_model_options options = MLF_MODEL_OPTIONS_INIT;
    mlf_model_info info;
    if (!has_run(logger))
        return;
    options.run = logger->run;
    options.step = step;
    if (mlf_log_model(name, path, &options, &info) == MLF_OK)
        mlf__copy_text(logger->model_id, sizeof(logger->model_id), info.model_id);
}

/* The run goes on: whoever started it ends it. How the training ended stays as a tag when it did not end well. */
static void on_train_end(void *user, mlf_run_status status)
{
    struct logger *logger = user;
    if (!has_run(logger))
        return;
    log_held(logger);
    if (status == MLF_RUN_FAILED || status == MLF_RUN_KILLED)
        mlf_run_set_tag(logger->run, "mlf.training",
                        status == MLF_RUN_FAILED ? "FAILED" : "KILLED");
}

mlf_callback *mlf_callbacks(const mlf_callback_options *options)
{
    static const mlf_callback_options defaults = MLF_CALLBACK_OPTIONS_INIT;
    if (options == NULL)
        options = &defaults;
    if (options->size < sizeof(*options)) {
        mlf__fail(MLF_ERR_INVAL, "mlf_callbacks: options without MLF_CALLBACK_OPTIONS_INIT");
        return NULL;
    }
    if (options->log_every_n_steps < 0) {
        mlf__fail(MLF_ERR_INVAL,
                  "mlf_callbacks: log_every_n_steps is %lld, and must not be negative",
                  (long long)options->log_every_n_steps);
        return NULL;
    }
    struct logger *logger = mlf__zalloc(1, sizeof(*logger));
    if (logger == NULL)
        return NULL;
    logger->run = options->run;
    logger->every = options->log_every_n_steps;
    logger->table = (mlf_callback){.size = sizeof(mlf_callback),
                                   .user = logger,
                                   .on_train_begin = on_train_begin,
                                   .on_step = on_step,
                                   .on_evaluate = on_evaluate,
                                   .on_predict = on_predict,
                                   .on_model = on_model,
                                   .on_train_end = on_train_end};
    return &logger->table;
}

void mlf_callbacks_free(mlf_callback *callback)
{
    struct logger *logger = (struct logger *)callback;
    if (logger == NULL)
        return;
    /* A training that was left without on_train_end() keeps its last step all the same. */
    if (logger->n_held > 0)
        log_held(logger);
    mlf__free(logger->held);
    mlf__free(logger);
}
