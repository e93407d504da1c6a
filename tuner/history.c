/* SPDX-License-Identifier: Apache-2.0 */
/* A study's trials in memory: their names and distributions by number, who is going on, who has finished, who is best. */
#include "tuner/history.h"

#include "core/mem.h"
#include "core/sys.h"

#include <math.h>
#include <string.h>

/* ---- finding numbers ---- */

static uint32_t hash_bytes(uint32_t hash, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ at[i]) * 16777619u; /* FNV-1a */
    return hash;
}

static const uint32_t HASH_BEGIN = 2166136261u;

static uint32_t hash_dist(const struct mlf__dist *dist)
{
    uint32_t kind = (uint32_t)dist->kind * 2 + dist->log;
    /* Adding 0 makes one zero of both. */
    double numbers[] = {dist->low + 0.0, dist->high + 0.0, dist->step + 0.0};
    uint32_t hash = hash_bytes(HASH_BEGIN, &kind, sizeof(kind));
    hash = hash_bytes(hash, numbers, sizeof(numbers));
    for (size_t i = 0; i < dist->n_choices; i++)
        hash = hash_bytes(hash, dist->choices[i], strlen(dist->choices[i]) + 1);
    return hash;
}

/* The slot behind |at| that has |hash|, or the first free one. */
static size_t probe(const struct mlf__index *index, uint32_t hash, size_t at)
{
    size_t mask = index->n_slots - 1;
    at &= mask;
    while (index->slots[at].number != 0 && index->slots[at].hash != hash)
        at = (at + 1) & mask;
    return at;
}

/* Makes room for one more, so that a free slot is always left. */
static mlf_status index_reserve(struct mlf__index *index)
{
    if (index->n_slots > index->used * 2 + 1)
        return MLF_OK;
    struct mlf__index grown = {.n_slots = index->n_slots > 0 ? index->n_slots * 2 : 32};
    grown.slots = mlf__zalloc(grown.n_slots, sizeof(*grown.slots));
    if (grown.slots == NULL)
        return MLF_ERR_NOMEM;
    for (size_t i = 0; i < index->n_slots; i++) {
        if (index->slots[i].number == 0)
            continue;
        size_t at = index->slots[i].hash & (grown.n_slots - 1);
        while (grown.slots[at].number != 0)
            at = (at + 1) & (grown.n_slots - 1);
        grown.slots[at] = index->slots[i];
    }
    grown.used = index->used;
    mlf__free(index->slots);
    *index = grown;
    return MLF_OK;
}

static void index_put(struct mlf__index *index, uint32_t hash, size_t number)
{
    size_t at = hash & (index->n_slots - 1);
    while (index->slots[at].number != 0)
        at = (at + 1) & (index->n_slots - 1);
    index->slots[at] = (struct mlf__index_slot){hash, (uint32_t)number + 1};
    index->used++;
}

static uint32_t hash_name(const char *name)
{
    return hash_bytes(HASH_BEGIN, name, strlen(name));
}

bool mlf__history_find_name(const struct mlf__history *history, const char *name, uint32_t *out)
{
    const struct mlf__index *index = &history->name_index;
    if (index->n_slots == 0)
        return false;
    uint32_t hash = hash_name(name);
    for (size_t at = probe(index, hash, hash); index->slots[at].number != 0;
         at = probe(index, hash, at + 1)) {
        *out = index->slots[at].number - 1;
        if (strcmp(history->names[*out], name) == 0)
            return true;
    }
    return false;
}

mlf_status mlf__history_name(struct mlf__history *history, const char *name, uint32_t *out)
{
    if (mlf__history_find_name(history, name, out))
        return MLF_OK;
    mlf_status status = index_reserve(&history->name_index);
    if (status != MLF_OK)
        return status;
    status = mlf__grow((void **)&history->names, &history->cap_names, history->n_names + 1,
                       sizeof(*history->names));
    if (status != MLF_OK)
        return status;
    char *copy = mlf__strdup(name);
    if (copy == NULL)
        return MLF_ERR_NOMEM;
    index_put(&history->name_index, hash_name(name), history->n_names);
    *out = (uint32_t)history->n_names;
    history->names[history->n_names++] = copy;
    return MLF_OK;
}

mlf_status mlf__history_dist(struct mlf__history *history, const struct mlf__dist *dist,
                             uint32_t *out)
{
    struct mlf__index *index = &history->dist_index;
    mlf_status status = index_reserve(index);
    if (status != MLF_OK)
        return status;
    uint32_t hash = hash_dist(dist);
    for (size_t at = probe(index, hash, hash); index->slots[at].number != 0;
         at = probe(index, hash, at + 1)) {
        *out = index->slots[at].number - 1;
        if (mlf__dist_equal(&history->dists[*out], dist))
            return MLF_OK;
    }
    status = mlf__grow((void **)&history->dists, &history->cap_dists, history->n_dists + 1,
                       sizeof(*history->dists));
    if (status == MLF_OK)
        status = mlf__dist_copy(dist, &history->dists[history->n_dists]);
    if (status != MLF_OK)
        return status;
    index_put(index, hash, history->n_dists);
    *out = (uint32_t)history->n_dists++;
    return MLF_OK;
}

/* ---- what a trial has ---- */

mlf_status mlf__trial_set_param(struct mlf__trial *trial, uint32_t name, uint32_t dist,
                                double value)
{
    size_t cap = trial->cap_params;
    mlf_status status =
        mlf__grow((void **)&trial->params, &cap, trial->n_params + 1, sizeof(*trial->params));
    if (status != MLF_OK)
        return status;
    trial->cap_params = (uint32_t)cap;
    trial->params[trial->n_params++] = (struct mlf__param_value){name, dist, value};
    return MLF_OK;
}

const struct mlf__param_value *mlf__trial_param(const struct mlf__trial *trial, uint32_t name)
{
    for (size_t i = 0; i < trial->n_params; i++) {
        if (trial->params[i].name == name)
            return &trial->params[i];
    }
    return NULL;
}

mlf_status mlf__trial_add_intermediate(struct mlf__trial *trial, int64_t step, double value)
{
    size_t at = trial->n_intermediate;
    while (at > 0 && trial->intermediate[at - 1].step > step)
        at--;
    if (at > 0 && trial->intermediate[at - 1].step == step)
        return MLF_ERR_EXISTS;
    size_t cap = trial->cap_intermediate;
    mlf_status status = mlf__grow((void **)&trial->intermediate, &cap, trial->n_intermediate + 1,
                                  sizeof(*trial->intermediate));
    if (status != MLF_OK)
        return status;
    trial->cap_intermediate = (uint32_t)cap;
    memmove(trial->intermediate + at + 1, trial->intermediate + at,
            (trial->n_intermediate - at) * sizeof(*trial->intermediate));
    trial->intermediate[at] = (struct mlf__intermediate){step, value};
    trial->n_intermediate++;
    return MLF_OK;
}

struct mlf__trial_extra *mlf__trial_extra(struct mlf__trial *trial)
{
    if (trial->extra == NULL)
        trial->extra = mlf__zalloc(1, sizeof(*trial->extra));
    return trial->extra;
}

const char *mlf__pairs_get(const mlf_pair *pairs, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(pairs[i].key, key) == 0)
            return pairs[i].value;
    }
    return NULL;
}

mlf_status mlf__pairs_set(mlf_pair **pairs, size_t *n, size_t *cap, const char *key,
                          const char *value)
{
    mlf_status status = mlf__grow((void **)pairs, cap, *n + 1, sizeof(**pairs));
    if (status != MLF_OK)
        return status;
    char *copy = mlf__strdup(value);
    if (copy == NULL)
        return MLF_ERR_NOMEM;
    for (size_t i = 0; i < *n; i++) {
        if (strcmp((*pairs)[i].key, key) == 0) {
            mlf__free((*pairs)[i].value);
            (*pairs)[i].value = copy;
            return MLF_OK;
        }
    }
    char *name = mlf__strdup(key);
    if (name == NULL) {
        mlf__free(copy);
        return MLF_ERR_NOMEM;
    }
    (*pairs)[(*n)++] = (mlf_pair){name, copy};
    return MLF_OK;
}

mlf_status mlf__trial_add_constraint(struct mlf__trial *trial, const char *key, double value)
{
    struct mlf__trial_extra *extra = mlf__trial_extra(trial);
    if (extra == NULL)
        return MLF_ERR_NOMEM;
    for (size_t i = 0; i < extra->n_constraints; i++) {
        if (strcmp(extra->constraints[i].key, key) == 0)
            return MLF_ERR_EXISTS;
    }
    mlf_status status = mlf__grow((void **)&extra->constraints, &extra->cap_constraints,
                                  extra->n_constraints + 1, sizeof(*extra->constraints));
    if (status != MLF_OK)
        return status;
    char *copy = mlf__strdup(key);
    if (copy == NULL)
        return MLF_ERR_NOMEM;
    extra->constraints[extra->n_constraints++] = (struct mlf__key_number){copy, value};
    trial->constrained = true;
    if (value > 0)
        trial->violation += value;
    return MLF_OK;
}

static void free_pairs(mlf_pair *pairs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        mlf__free(pairs[i].key);
        mlf__free(pairs[i].value);
    }
    mlf__free(pairs);
}

static void free_trial(struct mlf__trial *trial)
{
    struct mlf__trial_extra *extra = trial->extra;
    if (extra != NULL) {
        free_pairs(extra->attrs, extra->n_attrs);
        free_pairs(extra->fixed, extra->n_fixed);
        for (size_t i = 0; i < extra->n_constraints; i++)
            mlf__free(extra->constraints[i].key);
        mlf__free(extra->constraints);
        mlf__free(extra);
    }
    mlf__free(trial->values);
    mlf__free(trial->params);
    mlf__free(trial->intermediate);
    mlf__free(trial);
}

/* ---- trials ---- */

/* Room for one more number among the running and the finished ones each, so that ending a trial cannot fail for it. */
static mlf_status reserve_numbers(struct mlf__history *history)
{
    mlf_status status = mlf__grow((void **)&history->running, &history->cap_running,
                                  history->n_running + 1, sizeof(*history->running));
    if (status == MLF_OK)
        status = mlf__grow((void **)&history->told, &history->cap_told,
                           history->n_told + history->n_running + 1, sizeof(*history->told));
    return status;
}

/* Where |number| is, or would be, among the running ones. */
static size_t running_place(const struct mlf__history *history, uint32_t number)
{
    size_t at = history->n_running;
    while (at > 0 && history->running[at - 1] >= number)
        at--;
    return at;
}

static void add_running(struct mlf__history *history, struct mlf__trial *trial)
{
    uint32_t number = (uint32_t)trial->number;
    size_t at = running_place(history, number);
    memmove(history->running + at + 1, history->running + at,
            (history->n_running - at) * sizeof(*history->running));
    history->running[at] = number;
    history->n_running++;
    trial->state = MLF_TRIAL_RUNNING;
    trial->start_ms = mlf__now_ms();
}

static void remove_running(struct mlf__history *history, const struct mlf__trial *trial)
{
    size_t at = running_place(history, (uint32_t)trial->number);
    history->n_running--;
    memmove(history->running + at, history->running + at + 1,
            (history->n_running - at) * sizeof(*history->running));
}

/* Trials mostly ask for as many parameters as the one before. */
static mlf_status reserve_params(const struct mlf__history *history, struct mlf__trial *trial)
{
    size_t n =
        history->n_told > 0 ? history->trials[history->told[history->n_told - 1]]->n_params : 0;
    if (n == 0)
        return MLF_OK;
    trial->params = mlf__alloc(n * sizeof(*trial->params));
    trial->cap_params = (uint32_t)n;
    return trial->params != NULL ? MLF_OK : MLF_ERR_NOMEM;
}

mlf_status mlf__history_add(struct mlf__history *history, mlf_trial_state state,
                            struct mlf__trial **out)
{
    *out = NULL;
    if (history->n_trials >= UINT32_MAX)
        return mlf__fail(MLF_ERR_FULL, "a study has no more than %u trials", UINT32_MAX);
    mlf_status status = mlf__grow((void **)&history->trials, &history->cap_trials,
                                  history->n_trials + 1, sizeof(struct mlf__trial *));
    if (status == MLF_OK)
        status = reserve_numbers(history);
    if (status != MLF_OK)
        return status;
    struct mlf__trial *trial = mlf__zalloc(1, sizeof(*trial));
    if (trial == NULL)
        return MLF_ERR_NOMEM;
    if (reserve_params(history, trial) != MLF_OK) {
        free_trial(trial);
        return MLF_ERR_NOMEM;
    }
    trial->number = (int64_t)history->n_trials;
    trial->told = SIZE_MAX;
    trial->generation = trial->start_ms = trial->end_ms = -1;
    trial->value = NAN;
    trial->state = MLF_TRIAL_WAITING;
    history->trials[history->n_trials++] = trial;
    if (state == MLF_TRIAL_WAITING)
        history->n_waiting++;
    else
        add_running(history, trial);
    *out = trial;
    return MLF_OK;
}

struct mlf__trial *mlf__history_next_waiting(struct mlf__history *history)
{
    if (history->n_waiting == 0) {
        history->first_waiting = history->n_trials;
        return NULL;
    }
    while (history->trials[history->first_waiting]->state != MLF_TRIAL_WAITING)
        history->first_waiting++;
    return history->trials[history->first_waiting];
}

mlf_status mlf__history_start(struct mlf__history *history, struct mlf__trial *trial)
{
    mlf_status status = reserve_numbers(history);
    if (status != MLF_OK)
        return status;
    history->n_waiting--;
    add_running(history, trial);
    return MLF_OK;
}

void mlf__history_unstart(struct mlf__history *history, struct mlf__trial *trial)
{
    remove_running(history, trial);
    trial->state = MLF_TRIAL_WAITING;
    trial->start_ms = -1;
    history->n_waiting++;
    if ((size_t)trial->number < history->first_waiting)
        history->first_waiting = (size_t)trial->number;
}

bool mlf__history_is_better(const struct mlf__history *history, size_t objective, double a,
                            double b)
{
    return history->directions[objective] == MLF_MAXIMIZE ? a > b : a < b;
}

static void update_best(struct mlf__history *history, struct mlf__trial *trial)
{
    if (history->n_objectives > 1 || trial->state != MLF_TRIAL_COMPLETE || trial->violation > 0)
        return;
    if (history->best == NULL ||
        mlf__history_is_better(history, 0, trial->value, history->best->value))
        history->best = trial;
}

struct mlf__trial *mlf__history_best(const struct mlf__history *history)
{
    return history->best;
}

/* A pruned trial's value, if it has one, is what it reported last. */
static size_t pruned_value(const struct mlf__history *history, const struct mlf__trial *trial,
                           double *out)
{
    if (history->n_objectives > 1 || trial->n_intermediate == 0)
        return 0;
    *out = trial->intermediate[trial->n_intermediate - 1].value;
    return isnan(*out) ? 0 : 1;
}

mlf_status mlf__history_finish(struct mlf__history *history, struct mlf__trial *trial,
                               mlf_trial_state state, const double *values, size_t n)
{
    double last;
    if (state == MLF_TRIAL_PRUNED) {
        n = pruned_value(history, trial, &last);
        values = &last;
    } else if (state == MLF_TRIAL_FAIL) {
        n = 0;
    }
    if (n > 1) {
        trial->values = mlf__alloc(n * sizeof(*values));
        if (trial->values == NULL)
            return MLF_ERR_NOMEM;
        memcpy(trial->values, values, n * sizeof(*values));
    }
    trial->n_values = (uint8_t)n;
    trial->value = n > 0 ? values[0] : NAN;
    remove_running(history, trial);
    trial->state = (uint8_t)state;
    trial->joint = NULL;
    trial->told = history->n_told;
    if (trial->end_ms < 0)
        trial->end_ms = mlf__now_ms();
    history->told[history->n_told++] = (uint32_t)trial->number;
    update_best(history, trial);
    return MLF_OK;
}

void mlf__history_free(struct mlf__history *history)
{
    for (size_t i = 0; i < history->n_trials; i++)
        free_trial(history->trials[i]);
    for (size_t i = 0; i < history->n_names; i++)
        mlf__free(history->names[i]);
    for (size_t i = 0; i < history->n_dists; i++)
        mlf__dist_free(&history->dists[i]);
    mlf__free(history->trials);
    mlf__free(history->names);
    mlf__free(history->dists);
    mlf__free(history->told);
    mlf__free(history->running);
    mlf__free(history->name_index.slots);
    mlf__free(history->dist_index.slots);
    *history = (struct mlf__history){0};
}
