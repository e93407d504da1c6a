/* SPDX-License-Identifier: Apache-2.0 */
/* A trial that is going on: the values it is given, what it reports, and what is noted about it. */
#include "tuner/study.h"

#include "core/mem.h"
#include "tracking/names.h"
#include "tuner/study_log.h"
#include "tuner/study_log_format.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Every integer up to this one is a double. */
static const int64_t EXACT_MAX = INT64_C(1) << 53;

/* ---- how a parameter is asked for ---- */

struct request {
    const char *name;
    const struct mlf__dist *dist; /* as a whole; NULL: by what follows */
    enum mlf__dist_kind kind;
    bool log;
    double low, high, step; /* of integers as well; NaN when one is no double */
    int64_t int_low, int_high, int_step;
    const char *const *choices;
    size_t n_choices;
};

/* Is it asked for as it was the last time, so that there is nothing to check? */
static bool is_known(const struct request *request, const struct mlf__definition *definition,
                     const struct mlf__dist *dist)
{
    if (request->dist != NULL)
        return mlf__dist_equal(request->dist, dist);
    if (request->kind != dist->kind || request->log != dist->log)
        return false;
    if (request->kind != MLF__DIST_CATEGORICAL)
        return request->low == definition->low && request->high == definition->high &&
               request->step == definition->step;
    if (request->n_choices != dist->n_choices || request->choices == NULL)
        return false;
    for (size_t i = 0; i < dist->n_choices; i++) {
        if (request->choices[i] == NULL || strcmp(request->choices[i], dist->choices[i]) != 0)
            return false;
    }
    return true;
}

static mlf_status make_dist(const struct request *request, struct mlf__dist *out)
{
    if (request->dist != NULL)
        return mlf__dist_copy(request->dist, out);
    switch (request->kind) {
    case MLF__DIST_FLOAT:
        return mlf__dist_float(request->name, request->low, request->high, request->step,
                               request->log, out);
    case MLF__DIST_INT:
        return mlf__dist_int(request->name, request->int_low, request->int_high, request->int_step,
                             request->log, out);
    case MLF__DIST_CATEGORICAL:
        break;
    }
    return mlf__dist_categorical(request->name, request->choices, request->n_choices, out);
}

static mlf_status definition_of(mlf_study *study, uint32_t name, struct mlf__definition **out)
{
    size_t n = study->n_definitions;
    mlf_status status = mlf__grow((void **)&study->definitions, &study->cap_definitions,
                                  (size_t)name + 1, sizeof(*study->definitions));
    if (status != MLF_OK)
        return status;
    for (; n <= name; n++)
        study->definitions[n] = (struct mlf__definition){.known = false};
    study->n_definitions = n;
    *out = &study->definitions[name];
    return MLF_OK;
}

mlf_status mlf__study_define(mlf_study *study, uint32_t name, uint32_t dist)
{
    struct mlf__definition *definition;
    mlf_status status = definition_of(study, name, &definition);
    if (status == MLF_OK && !definition->known)
        *definition = (struct mlf__definition){true, NAN, NAN, NAN, dist};
    return status;
}

/* The number of the name of |request|. A new one is entered only when the request is good: names go into the store. */
static mlf_status number_of(struct mlf__history *history, const struct request *request,
                            uint32_t *out)
{
    if (mlf__history_find_name(history, request->name, out))
        return MLF_OK;
    struct mlf__dist dist;
    mlf_status status = mlf__check_key(request->name, "Param key");
    if (status == MLF_OK)
        status = make_dist(request, &dist);
    if (status != MLF_OK)
        return status;
    mlf__dist_free(&dist);
    return mlf__history_name(history, request->name, out);
}

/* "an integer on a logarithmic scale" */
static void describe(const struct mlf__dist *dist, char out[64])
{
    if (dist->kind == MLF__DIST_CATEGORICAL)
        snprintf(out, 64, "one of %zu choices", dist->n_choices);
    else
        snprintf(out, 64, "%s%s", dist->kind == MLF__DIST_INT ? "an integer" : "a float",
                 dist->log ? " on a logarithmic scale" : "");
}

static mlf_status refuse_other(const char *name, const struct mlf__dist *dist,
                               const struct mlf__dist *known)
{
    for (size_t i = 0; dist->n_choices == known->n_choices && i < dist->n_choices; i++) {
        if (strcmp(dist->choices[i], known->choices[i]) != 0)
            return mlf__fail(MLF_ERR_INVAL, "%s: choice %zu is \"%s\", before in this study \"%s\"",
                             name, i, dist->choices[i], known->choices[i]);
    }
    char now[64], before[64];
    describe(dist, now);
    describe(known, before);
    return mlf__fail(MLF_ERR_INVAL, "%s: asked for as %s, before in this study as %s", name, now,
                     before);
}

/* Takes in |request|, which is not as the last one of its name. */
static mlf_status redefine(mlf_study *study, const struct request *request,
                           struct mlf__definition *definition)
{
    struct mlf__history *history = &study->history;
    struct mlf__dist dist;
    mlf_status status = make_dist(request, &dist);
    if (status != MLF_OK)
        return status;
    if (definition->known && !mlf__dist_compatible(&dist, &history->dists[definition->dist]))
        status = refuse_other(request->name, &dist, &history->dists[definition->dist]);
    uint32_t number;
    if (status == MLF_OK)
        status = mlf__history_dist(history, &dist, &number);
    if (status == MLF_OK)
        *definition =
            (struct mlf__definition){true, request->low, request->high, request->step, number};
    mlf__dist_free(&dist);
    return status;
}

/* ---- the value ---- */

/* The value that was chosen together with others, where it lies in |dist|. */
static bool find_joint(const mlf_trial *trial, uint32_t name, const struct mlf__dist *dist,
                       double *out)
{
    for (size_t i = 0; i < trial->joint.n; i++) {
        if (trial->joint.params[i].name == name) {
            *out = trial->joint.params[i].value;
            return mlf__dist_contains(dist, *out);
        }
    }
    return false;
}

static mlf_status choose(mlf_trial *trial, const char *text, uint32_t name, uint32_t number,
                         double *out)
{
    mlf_study *study = trial->study;
    const struct mlf__dist *dist = &study->history.dists[number];
    const struct mlf__trial_extra *extra = trial->row->extra;
    const char *fixed = extra != NULL ? mlf__pairs_get(extra->fixed, extra->n_fixed, text) : NULL;
    if (fixed != NULL)
        return mlf__dist_parse(dist, text, fixed, out);
    if (mlf__dist_is_single(dist)) {
        *out = dist->low;
        return MLF_OK;
    }
    if (find_joint(trial, name, dist, out))
        return MLF_OK;
    const struct mlf__view view = {&study->history, trial->n_told, trial->row};
    return study->sampler->ops->suggest(study->sampler, &view, name, number, out);
}

/* With the mutex held. The order is that of Optuna: what the trial has, what it was given when it was enqueued, the only
 * value, what was chosen together, what is chosen alone. */
static mlf_status suggest_locked(mlf_trial *trial, const struct request *request, double *out)
{
    mlf_study *study = trial->study;
    uint32_t name;
    struct mlf__definition *definition;
    mlf_status status = number_of(&study->history, request, &name);
    if (status == MLF_OK)
        status = definition_of(study, name, &definition);
    if (status == MLF_OK &&
        !(definition->known &&
          is_known(request, definition, &study->history.dists[definition->dist])))
        status = redefine(study, request, definition);
    if (status != MLF_OK)
        return status;
    const struct mlf__param_value *before = mlf__trial_param(trial->row, name);
    if (before != NULL) {
        *out = before->value;
        return MLF_OK;
    }
    if (trial->row->n_params >= MLF__TRIAL_PARAMS_MAX)
        return mlf__fail(MLF_ERR_FULL, "%s: a trial has no more than %d params", request->name,
                         MLF__TRIAL_PARAMS_MAX);
    double value;
    status = choose(trial, request->name, name, definition->dist, &value);
    if (status == MLF_OK)
        status = mlf__trial_set_param(trial->row, name, definition->dist, value);
    if (status == MLF_OK && study->log != NULL)
        status = mlf__study_log_param(study->log, trial->row,
                                      &trial->row->params[trial->row->n_params - 1]);
    if (status == MLF_OK)
        *out = value;
    return status;
}

static mlf_status suggest(mlf_trial *trial, const struct request *request, double *out)
{
    *out = NAN;
    mlf_status status = mlf__study_enter(trial->study);
    if (status != MLF_OK)
        return status;
    status = suggest_locked(trial, request, out);
    mlf__study_unlock(trial->study);
    return status;
}

static bool has_arguments(const mlf_trial *trial, const char *name, const void *out,
                          const char *call)
{
    bool all = trial != NULL && name != NULL && out != NULL;
    if (!all)
        mlf__fail(MLF_ERR_INVAL, "%s: trial, name or out is NULL", call);
    return all;
}

mlf_status mlf__suggest(mlf_trial *trial, const char *name, const struct mlf__dist *dist,
                        double *out)
{
    const struct request request = {
        .name = name, .dist = dist, .low = NAN, .high = NAN, .step = NAN};
    return suggest(trial, &request, out);
}

static mlf_status suggest_float(mlf_trial *trial, const struct request *request, const char *call,
                                double *out)
{
    if (out != NULL)
        *out = NAN;
    return has_arguments(trial, request->name, out, call) ? suggest(trial, request, out)
                                                          : MLF_ERR_INVAL;
}

mlf_status mlf_suggest_float(mlf_trial *trial, const char *name, double low, double high,
                             double step, double *out)
{
    const struct request request = {
        .name = name, .kind = MLF__DIST_FLOAT, .low = low, .high = high, .step = step};
    return suggest_float(trial, &request, "mlf_suggest_float", out);
}

mlf_status mlf_suggest_float_log(mlf_trial *trial, const char *name, double low, double high,
                                 double *out)
{
    const struct request request = {
        .name = name, .kind = MLF__DIST_FLOAT, .log = true, .low = low, .high = high};
    return suggest_float(trial, &request, "mlf_suggest_float_log", out);
}

/* NaN, which is never as the last time, for what is not exactly a double. */
static double exact(int64_t value)
{
    return value >= -EXACT_MAX && value <= EXACT_MAX ? (double)value : NAN;
}

static mlf_status suggest_int(mlf_trial *trial, struct request *request, const char *call,
                              int64_t *out)
{
    if (out != NULL)
        *out = 0;
    if (!has_arguments(trial, request->name, out, call))
        return MLF_ERR_INVAL;
    request->kind = MLF__DIST_INT;
    request->low = exact(request->int_low);
    request->high = exact(request->int_high);
    request->step = exact(request->int_step);
    double value;
    mlf_status status = suggest(trial, request, &value);
    if (status == MLF_OK)
        *out = (int64_t)value;
    return status;
}

mlf_status mlf_suggest_int(mlf_trial *trial, const char *name, int64_t low, int64_t high,
                           int64_t step, int64_t *out)
{
    struct request request = {
        .name = name, .int_low = low, .int_high = high, .int_step = step == 0 ? 1 : step};
    return suggest_int(trial, &request, "mlf_suggest_int", out);
}

mlf_status mlf_suggest_int_log(mlf_trial *trial, const char *name, int64_t low, int64_t high,
                               int64_t *out)
{
    struct request request = {
        .name = name, .log = true, .int_low = low, .int_high = high, .int_step = 1};
    return suggest_int(trial, &request, "mlf_suggest_int_log", out);
}

mlf_status mlf_suggest_categorical(mlf_trial *trial, const char *name, const char *const *choices,
                                   size_t n, size_t *out)
{
    if (out != NULL)
        *out = 0;
    if (!has_arguments(trial, name, out, "mlf_suggest_categorical"))
        return MLF_ERR_INVAL;
    const struct request request = {.name = name,
                                    .kind = MLF__DIST_CATEGORICAL,
                                    .low = NAN,
                                    .high = NAN,
                                    .step = NAN,
                                    .choices = choices,
                                    .n_choices = n};
    double value;
    mlf_status status = suggest(trial, &request, &value);
    if (status == MLF_OK)
        *out = (size_t)value;
    return status;
}

/* ---- what is known about it ---- */

int64_t mlf_trial_number(const mlf_trial *trial)
{
    return trial != NULL ? trial->row->number : -1;
}

mlf_run *mlf_trial_run(mlf_trial *trial)
{
    if (trial == NULL)
        return NULL;
    struct mlf__study_log *log = trial->study->log;
    /* Made when it is asked for first, since few loops of the caller's own ask for it. */
    if (trial->run == NULL && log != NULL &&
        mlf__study_log_handle(log, trial->row, &trial->run) != MLF_OK)
        trial->run = NULL;
    return trial->run;
}

mlf_status mlf_trial_report(mlf_trial *trial, double value, int64_t step)
{
    if (trial == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_trial_report: trial is NULL");
    /* Steps are kept in the store as JSON numbers. */
    if (step < 0 || step > EXACT_MAX)
        return mlf__fail(MLF_ERR_INVAL, "mlf_trial_report: step %" PRId64 " is not from 0 to 2^53",
                         step);
    mlf_study *study = trial->study;
    if (study->history.n_objectives > 1)
        return mlf__fail(
            MLF_ERR_UNSUPPORTED,
            "mlf_trial_report: with several objectives there are no intermediate values");
    mlf_status status = mlf__study_enter(study);
    if (status != MLF_OK)
        return status;
    status = mlf__trial_add_intermediate(trial->row, step, value);
    if (status == MLF_OK && study->log != NULL)
        status = mlf__study_log_report(study->log, trial->row, step, value);
    mlf__study_unlock(study);
    return status == MLF_ERR_EXISTS ? MLF_OK : status;
}

bool mlf_trial_should_prune(mlf_trial *trial)
{
    if (trial == NULL || trial->study->history.n_objectives > 1 ||
        mlf__study_enter(trial->study) != MLF_OK)
        return false;
    bool prune = mlf__pruner_should_prune(trial->study->pruner, trial->row);
    mlf__study_unlock(trial->study);
    return prune;
}

static const char RUN_ID_KEY[] = "run_id";

/* What is noted under other keys than |key|. */
static size_t note_bytes(const struct mlf__trial_extra *extra, const char *key)
{
    size_t sum = 0;
    for (size_t i = 0; i < extra->n_attrs; i++)
        if (strcmp(extra->attrs[i].key, key) != 0)
            sum += strlen(extra->attrs[i].key) + strlen(extra->attrs[i].value) + MLF__NOTE_BYTES;
    for (size_t i = 0; i < extra->n_constraints; i++)
        if (strcmp(extra->constraints[i].key, key) != 0)
            sum += strlen(extra->constraints[i].key) + MLF__NOTE_BYTES;
    return sum;
}

/* Would the store give |key| back, and what is noted with it? With the mutex held. */
static mlf_status check_note(const struct mlf__trial *row, const char *key, const char *value,
                             const char *call)
{
    static const struct mlf__trial_extra NOTHING = {0};
    const size_t bytes = strlen(key) + strlen(value) + MLF__NOTE_BYTES;
    if (mlf__utf8_length(key, strlen(key)) == SIZE_MAX)
        return mlf__fail(MLF_ERR_INVAL, "%s: the key is not valid UTF-8", call);
    if (bytes > MLF__NOTES_MAX ||
        note_bytes(row->extra != NULL ? row->extra : &NOTHING, key) + bytes > MLF__NOTES_MAX)
        return mlf__fail(
            MLF_ERR_FULL,
            "%s: with \"%.64s\" attributes and constraints of the trial are over %d bytes", call,
            key, MLF__NOTES_MAX);
    return MLF_OK;
}

mlf_status mlf_trial_set_user_attr(mlf_trial *trial, const char *key, const char *value)
{
    if (trial == NULL || key == NULL || value == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_trial_set_user_attr: trial, key or value is NULL");
    if (key[0] == '\0' || strcmp(key, RUN_ID_KEY) == 0)
        return mlf__fail(MLF_ERR_INVAL, "mlf_trial_set_user_attr: the key \"%s\" cannot be set",
                         key);
    mlf_status status = mlf__study_enter(trial->study);
    if (status != MLF_OK)
        return status;
    status = check_note(trial->row, key, value, "mlf_trial_set_user_attr");
    struct mlf__trial_extra *extra = mlf__trial_extra(trial->row);
    if (status == MLF_OK)
        status = extra != NULL
                     ? mlf__pairs_set(&extra->attrs, &extra->n_attrs, &extra->cap_attrs, key, value)
                     : MLF_ERR_NOMEM;
    mlf__study_unlock(trial->study);
    return status;
}

const char *mlf_trial_get_user_attr(const mlf_trial *trial, const char *key)
{
    if (trial == NULL || key == NULL)
        return NULL;
    /* Set by the trial's own thread only, so that it may look without the mutex. */
    const struct mlf__trial *row = trial->row;
    if (strcmp(key, RUN_ID_KEY) == 0)
        return row->run_id[0] != '\0' ? row->run_id : NULL;
    return row->extra != NULL ? mlf__pairs_get(row->extra->attrs, row->extra->n_attrs, key) : NULL;
}

mlf_status mlf_trial_set_constraint(mlf_trial *trial, const char *key, double value)
{
    if (trial == NULL || key == NULL)
        return mlf__fail(MLF_ERR_INVAL, "mlf_trial_set_constraint: trial or key is NULL");
    if (isnan(value))
        return mlf__fail(MLF_ERR_INVAL, "mlf_trial_set_constraint: the value of \"%s\" is NaN",
                         key);
    mlf_status status = mlf__study_enter(trial->study);
    if (status != MLF_OK)
        return status;
    status = check_note(trial->row, key, "", "mlf_trial_set_constraint");
    if (status == MLF_OK)
        status = mlf__trial_add_constraint(trial->row, key, value);
    mlf__study_unlock(trial->study);
    return status == MLF_ERR_EXISTS ? MLF_OK : status;
}
