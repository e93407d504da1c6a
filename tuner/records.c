/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of trials for the caller: one, all, and the best. */
#include "tuner/study.h"

#include "core/mem.h"
#include "tuner/pareto.h"

#include <stdlib.h>
#include <string.h>

static void free_pair_array(mlf_pair *pairs, size_t n)
{
    for (size_t i = 0; pairs != NULL && i < n; i++) {
        mlf__free(pairs[i].key);
        mlf__free(pairs[i].value);
    }
    mlf__free(pairs);
}

void mlf_trial_record_free(mlf_trial_record *trial)
{
    if (trial == NULL)
        return;
    for (size_t i = 0; trial->params != NULL && i < trial->n_params; i++) {
        mlf__free(trial->params[i].name);
        mlf__free(trial->params[i].value);
    }
    for (size_t i = 0; trial->constraints != NULL && i < trial->n_constraints; i++)
        mlf__free(trial->constraints[i].key);
    free_pair_array(trial->user_attrs, trial->n_user_attrs);
    mlf__free(trial->params);
    mlf__free(trial->constraints);
    mlf__free(trial->values);
    mlf__free(trial->intermediate);
    mlf__free(trial->run_id);
    *trial = (mlf_trial_record){0};
}

void mlf_trial_list_free(mlf_trial_list *list)
{
    if (list == NULL)
        return;
    for (size_t i = 0; i < list->n_trials; i++)
        mlf_trial_record_free(&list->trials[i]);
    mlf__free(list->trials);
    *list = (mlf_trial_list){0};
}

/* ---- copying one ---- */

/* An array of |n| zeroed elements, NULL for none; false when out of memory. */
static bool make_array(void *out, size_t n, size_t size)
{
    void *array = n > 0 ? mlf__zalloc(n, size) : NULL;
    memcpy(out, &array, sizeof(array));
    return n == 0 || array != NULL;
}

static bool copy_numbers(const struct mlf__trial *trial, mlf_trial_record *out)
{
    if (!make_array(&out->values, trial->n_values, sizeof(*out->values)) ||
        !make_array(&out->intermediate, trial->n_intermediate, sizeof(*out->intermediate)))
        return false;
    out->n_values = trial->n_values;
    if (trial->n_values > 0)
        memcpy(out->values, mlf__trial_values(trial), trial->n_values * sizeof(*out->values));
    out->n_intermediate = trial->n_intermediate;
    for (size_t i = 0; i < trial->n_intermediate; i++)
        out->intermediate[i] =
            (mlf_trial_value){trial->intermediate[i].step, trial->intermediate[i].value};
    return true;
}

static bool copy_params(const struct mlf__history *history, const struct mlf__trial *trial,
                        mlf_trial_record *out)
{
    if (!make_array(&out->params, trial->n_params, sizeof(*out->params)))
        return false;
    out->n_params = trial->n_params;
    for (size_t i = 0; i < trial->n_params; i++) {
        const struct mlf__param_value *param = &trial->params[i];
        char number[MLF__NUMBER_SIZE];
        out->params[i].number = param->value;
        out->params[i].name = mlf__strdup(history->names[param->name]);
        out->params[i].value =
            mlf__strdup(mlf__dist_format(&history->dists[param->dist], param->value, number));
        if (out->params[i].name == NULL || out->params[i].value == NULL)
            return false;
    }
    return true;
}

static bool copy_pair(const char *key, const char *value, mlf_pair *out)
{
    out->key = mlf__strdup(key);
    out->value = mlf__strdup(value);
    return out->key != NULL && out->value != NULL;
}

static bool copy_notes(const struct mlf__trial *trial, mlf_trial_record *out)
{
    static const struct mlf__trial_extra NOTHING = {0};
    const struct mlf__trial_extra *extra = trial->extra != NULL ? trial->extra : &NOTHING;
    const size_t has_run = trial->run_id[0] != '\0';
    if (!make_array(&out->constraints, extra->n_constraints, sizeof(*out->constraints)) ||
        !make_array(&out->user_attrs, extra->n_attrs + has_run, sizeof(*out->user_attrs)))
        return false;
    out->n_constraints = extra->n_constraints;
    out->n_user_attrs = extra->n_attrs + has_run;
    bool done = true;
    for (size_t i = 0; i < extra->n_constraints && done; i++) {
        out->constraints[i].key = mlf__strdup(extra->constraints[i].key);
        out->constraints[i].value = extra->constraints[i].value;
        done = out->constraints[i].key != NULL;
    }
    for (size_t i = 0; i < extra->n_attrs && done; i++)
        done = copy_pair(extra->attrs[i].key, extra->attrs[i].value, &out->user_attrs[i]);
    if (has_run && done) {
        out->run_id = mlf__strdup(trial->run_id);
        done = out->run_id != NULL &&
               copy_pair("run_id", trial->run_id, &out->user_attrs[extra->n_attrs]);
    }
    return done;
}

mlf_status mlf__study_record(const mlf_study *study, const struct mlf__trial *trial,
                             mlf_trial_record *out)
{
    *out = (mlf_trial_record){
        .number = trial->number,
        .state = (mlf_trial_state)trial->state,
        .start_time_ms = trial->start_ms,
        .end_time_ms = trial->end_ms,
    };
    if (copy_numbers(trial, out) && copy_params(&study->history, trial, out) &&
        copy_notes(trial, out))
        return MLF_OK;
    mlf_trial_record_free(out);
    return MLF_ERR_NOMEM;
}

/* ---- choosing which ---- */

static mlf_status copy_list(const mlf_study *study, struct mlf__trial *const *trials, size_t n,
                            mlf_trial_list *out)
{
    if (!make_array(&out->trials, n, sizeof(*out->trials)))
        return MLF_ERR_NOMEM;
    mlf_status status = MLF_OK;
    for (; out->n_trials < n && status == MLF_OK; out->n_trials++)
        status = mlf__study_record(study, trials[out->n_trials], &out->trials[out->n_trials]);
    if (status != MLF_OK)
        mlf_trial_list_free(out);
    return status;
}

static mlf_status check_out(const mlf_study *study, const void *out, const char *call)
{
    if (study == NULL || out == NULL)
        return mlf__fail(MLF_ERR_INVAL, "%s: study or out is NULL", call);
    return MLF_OK;
}

mlf_status mlf_study_trials(mlf_study *study, mlf_trial_list *out)
{
    mlf_status status = check_out(study, out, "mlf_study_trials");
    if (status != MLF_OK)
        return status;
    *out = (mlf_trial_list){0};
    status = mlf__study_enter(study);
    if (status != MLF_OK)
        return status;
    status = copy_list(study, study->history.trials, study->history.n_trials, out);
    mlf__study_unlock(study);
    return status;
}

mlf_status mlf_study_best_trial(mlf_study *study, mlf_trial_record *out)
{
    mlf_status status = check_out(study, out, "mlf_study_best_trial");
    if (status != MLF_OK)
        return status;
    *out = (mlf_trial_record){0};
    if (study->history.n_objectives > 1)
        return mlf__fail(MLF_ERR_STATE,
                         "mlf_study_best_trial: with several objectives there is no best trial, "
                         "mlf_study_best_trials() gives those that no other one dominates");
    status = mlf__study_enter(study);
    if (status != MLF_OK)
        return status;
    const struct mlf__trial *best = mlf__history_best(&study->history);
    status = best != NULL ? mlf__study_record(study, best, out)
                          : mlf__fail(MLF_ERR_NOT_FOUND, "no trial is complete and feasible");
    mlf__study_unlock(study);
    return status;
}

/* The complete, feasible trials by number. */
static size_t find_feasible(const struct mlf__history *history, struct mlf__trial **out)
{
    size_t n = 0;
    for (size_t i = 0; i < history->n_trials; i++) {
        struct mlf__trial *trial = history->trials[i];
        if (trial->state == MLF_TRIAL_COMPLETE && !(trial->violation > 0))
            out[n++] = trial;
    }
    return n;
}

/* Keeps those of |trials| that no other one dominates; |*n| becomes their number. */
static mlf_status keep_front(const struct mlf__history *history, struct mlf__trial **trials,
                             size_t *n)
{
    const size_t m = history->n_objectives;
    double *points = mlf__zalloc(*n * m, sizeof(*points));
    uint32_t *ranks = mlf__zalloc(*n, sizeof(*ranks));
    mlf_status status = points != NULL && ranks != NULL ? MLF_OK : MLF_ERR_NOMEM;
    for (size_t i = 0; status == MLF_OK && i < *n; i++) {
        for (size_t k = 0; k < m; k++) {
            double value = mlf__trial_values(trials[i])[k];
            points[i * m + k] = history->directions[k] == MLF_MAXIMIZE ? -value : value;
        }
    }
    if (status == MLF_OK)
        status = mlf__pareto_ranks(points, *n, m, NULL, 1, ranks);
    size_t kept = 0;
    for (size_t i = 0; status == MLF_OK && i < *n; i++) {
        if (ranks[i] == 0)
            trials[kept++] = trials[i];
    }
    *n = kept;
    mlf__free(points);
    mlf__free(ranks);
    return status;
}

/* With the mutex held. */
static mlf_status best_trials(const mlf_study *study, mlf_trial_list *out)
{
    const struct mlf__history *history = &study->history;
    struct mlf__trial **trials = mlf__zalloc(history->n_trials, sizeof(struct mlf__trial *));
    if (trials == NULL)
        return MLF_ERR_NOMEM;
    size_t n = find_feasible(history, trials);
    mlf_status status = n > 0 ? keep_front(history, trials, &n) : MLF_OK;
    if (status == MLF_OK)
        status = copy_list(study, trials, n, out);
    mlf__free(trials);
    return status;
}

mlf_status mlf_study_best_trials(mlf_study *study, mlf_trial_list *out)
{
    mlf_status status = check_out(study, out, "mlf_study_best_trials");
    if (status != MLF_OK)
        return status;
    *out = (mlf_trial_list){0};
    status = mlf__study_enter(study);
    if (status != MLF_OK)
        return status;
    status = best_trials(study, out);
    mlf__study_unlock(study);
    return status;
}
