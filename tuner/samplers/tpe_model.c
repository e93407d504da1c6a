/* SPDX-License-Identifier: Apache-2.0 */
/* A split and, for each search space that was asked for, a mixture of either side. A view that lies behind what was taken
 * in already gets a model of its own, for the moment. */
#include "core/mem.h"
#include "tuner/samplers/tpe.h"
#include "tuner/samplers/tpe_split.h"
#include "tuner/samplers/tpe_truncnorm.h"

#include <math.h>
#include <string.h>

enum { SPACES_MAX = 512 };

struct space {
    size_t n_dims;
    struct mlf__tpe_dim *dims; /* by kind */
    struct mlf__tpe_mixture below, above;
};

struct mlf__tpe_model {
    const struct mlf__history *history;
    struct mlf__tpe_options options;
    struct mlf__tpe_split split;
    struct space **spaces;
    size_t n_spaces, cap_spaces;
};

/* ---- opening and closing ---- */

static void free_space(struct space *space)
{
    if (space == NULL)
        return;
    mlf__tpe_mixture_free(&space->below);
    mlf__tpe_mixture_free(&space->above);
    mlf__free(space->dims);
    mlf__free(space);
}

/* Back to the start: spaces and split are built again when they are asked for. */
static void forget(struct mlf__tpe_model *model)
{
    for (size_t i = 0; i < model->n_spaces; i++)
        free_space(model->spaces[i]);
    model->n_spaces = 0;
    mlf__tpe_split_free(&model->split);
    model->split = (struct mlf__tpe_split){.history = model->history};
}

mlf_status mlf__tpe_model_open(const struct mlf__history *history,
                               const struct mlf__tpe_options *options, struct mlf__tpe_model **out)
{
    *out = mlf__zalloc(1, sizeof(**out));
    if (*out == NULL)
        return MLF_ERR_NOMEM;
    (*out)->history = history;
    (*out)->options = *options;
    (*out)->split.history = history;
    return MLF_OK;
}

void mlf__tpe_model_close(struct mlf__tpe_model *model)
{
    if (model == NULL)
        return;
    forget(model);
    mlf__free(model->spaces);
    mlf__free(model);
}

/* ---- spaces ---- */

/* The trial's values in the order of dims; false when it lacks one. */
static bool find_values(const struct mlf__tpe_dim *dims, size_t n_dims,
                        const struct mlf__trial *trial, double *values)
{
    for (size_t d = 0; d < n_dims; d++) {
        const struct mlf__param_value *param = mlf__trial_param(trial, dims[d].name);
        if (param == NULL)
            return false;
        values[d] = param->value;
    }
    return true;
}

static mlf_status apply_move(struct mlf__tpe_model *model, struct space *space,
                             const struct mlf__tpe_move *change, double *values)
{
    const struct mlf__trial *trial = model->history->trials[change->trial];
    mlf_status status = MLF_OK;
    if (!find_values(space->dims, space->n_dims, trial, values))
        return MLF_OK;
    if (change->from != MLF__TPE_NEITHER)
        status = mlf__tpe_mixture_remove(
            change->from == MLF__TPE_BELOW ? &space->below : &space->above, change->trial);
    if (status == MLF_OK)
        status = mlf__tpe_mixture_add(change->to == MLF__TPE_BELOW ? &space->below : &space->above,
                                      change->trial, values);
    return status;
}

static mlf_status advance(struct mlf__tpe_model *model, size_t n_told)
{
    if (n_told == model->split.n_told)
        return MLF_OK;
    mlf_status status = mlf__tpe_split_advance(&model->split, n_told);
    for (size_t i = 0; i < model->n_spaces && status == MLF_OK; i++) {
        struct space *space = model->spaces[i];
        double *values = mlf__alloc(space->n_dims * sizeof(*values));
        if (values == NULL)
            status = MLF_ERR_NOMEM;
        for (size_t k = 0; k < model->split.n_moves && status == MLF_OK; k++)
            status = apply_move(model, space, &model->split.moves[k], values);
        mlf__free(values);
    }
    if (status != MLF_OK)
        forget(model);
    return status;
}

/* Scoring goes by kind, with the kinds that end it soonest first. */
static void enter_dims(const struct mlf__history *history, const struct mlf__tpe_names *names,
                       struct space *space)
{
    struct mlf__tpe_dim dim;
    for (enum mlf__tpe_kind kind = MLF__TPE_CONTINUOUS; kind <= MLF__TPE_CHOICE; kind++)
        for (size_t i = 0; i < names->n; i++) {
            mlf__tpe_dim_init(&dim, names->names[i], names->dists[i],
                              &history->dists[names->dists[i]]);
            if (dim.kind == kind)
                space->dims[space->n_dims++] = dim;
        }
}

/* Fills |mixture| with the trials of |side| at once; number by number, so that the order is that of trials. */
static mlf_status fill_side(const struct mlf__tpe_model *model, const struct space *space,
                            enum mlf__tpe_side side, struct mlf__tpe_mixture *mixture)
{
    size_t n = 0, room = model->split.n_ranked + 1, n_dims = space->n_dims;
    uint32_t *trials = mlf__alloc(room * sizeof(*trials));
    double *values = mlf__alloc(room * n_dims * sizeof(*values));
    mlf_status status = trials == NULL || values == NULL ? MLF_ERR_NOMEM : MLF_OK;

    for (uint32_t i = 0; i < model->split.cap_sides && status == MLF_OK; i++) {
        if (model->split.sides[i] != side)
            continue;
        trials[n] = i;
        n += find_values(space->dims, n_dims, model->history->trials[i], values + n * n_dims);
    }
    if (status == MLF_OK && n > 0)
        status = mlf__tpe_mixture_fill(mixture, trials, n, values);
    mlf__free(trials);
    mlf__free(values);
    return status;
}

static mlf_status build_space(struct mlf__tpe_model *model, const struct mlf__tpe_names *names,
                              struct space *space)
{
    bool scott = model->options.scott;
    space->dims = mlf__alloc(names->n * sizeof(*space->dims));
    if (space->dims == NULL)
        return MLF_ERR_NOMEM;
    enter_dims(model->history, names, space);
    mlf_status status = mlf__tpe_mixture_init(&space->below, space->dims, space->n_dims,
                                              model->history->n_objectives == 1, scott);
    if (status == MLF_OK)
        status = mlf__tpe_mixture_init(&space->above, space->dims, space->n_dims, true, scott);
    if (status == MLF_OK)
        status = fill_side(model, space, MLF__TPE_BELOW, &space->below);
    if (status == MLF_OK)
        status = fill_side(model, space, MLF__TPE_ABOVE, &space->above);
    return status;
}

static bool is_space_of(const struct space *space, const struct mlf__tpe_names *names)
{
    if (space->n_dims != names->n)
        return false;
    for (size_t i = 0; i < names->n; i++) {
        bool found = false;
        for (size_t d = 0; d < space->n_dims && !found; d++)
            found =
                space->dims[d].name == names->names[i] && space->dims[d].dist == names->dists[i];
        if (!found)
            return false;
    }
    return true;
}

static mlf_status find_space(struct mlf__tpe_model *model, const struct mlf__tpe_names *names,
                             struct space **out)
{
    for (size_t i = model->n_spaces; i-- > 0;) {
        *out = model->spaces[i];
        if (is_space_of(*out, names))
            return MLF_OK;
    }
    /* Ranges that change from trial to trial would pile up. */
    if (model->n_spaces == SPACES_MAX) {
        for (size_t i = 0; i < model->n_spaces; i++)
            free_space(model->spaces[i]);
        model->n_spaces = 0;
    }
    mlf_status status =
        mlf__grow((void **)&model->spaces, &model->cap_spaces, model->n_spaces + 1, sizeof(void *));
    *out = status == MLF_OK ? mlf__zalloc(1, sizeof(**out)) : NULL;
    if (*out == NULL)
        return MLF_ERR_NOMEM;
    status = build_space(model, names, *out);
    if (status != MLF_OK) {
        free_space(*out);
        return status;
    }
    model->spaces[model->n_spaces++] = *out;
    return MLF_OK;
}

/* ---- trials that are going on ---- */

/* What a trial was given when it began, in the order of dims; false when it lacks one. */
static bool find_given(const struct space *space, const struct mlf__trial *trial, double *values)
{
    const struct mlf__joint *joint = trial->joint;
    for (size_t d = 0; d < space->n_dims; d++) {
        size_t i = 0;
        while (joint != NULL && i < joint->n && joint->params[i].name != space->dims[d].name)
            i++;
        if (joint == NULL || i == joint->n)
            return false;
        values[d] = joint->params[i].value;
    }
    return true;
}

/* Adds what those going on were given together to the bad ones, or takes it away again. What they drew alone so far
 * depends on how fast they run, and would make a seed's study a matter of timing. */
static mlf_status lie(const struct mlf__view *view, struct space *space, bool add, double *values)
{
    const struct mlf__history *history = view->history;
    mlf_status status = MLF_OK;
    for (size_t i = 0; status == MLF_OK && i < history->n_running; i++) {
        const struct mlf__trial *trial = history->trials[history->running[i]];
        if (trial->number >= view->trial->number || !find_given(space, trial, values))
            continue;
        status = add ? mlf__tpe_mixture_add(&space->above, (uint32_t)trial->number, values)
                     : mlf__tpe_mixture_remove(&space->above, (uint32_t)trial->number);
    }
    return status;
}

/* ---- candidates ---- */

static double draw_number(const struct mlf__tpe_mixture *below, size_t d, size_t component,
                          struct mlf__rng *rng)
{
    const struct mlf__tpe_dim *dim = &below->dims[d];
    const struct mlf__tpe_column *column = &below->columns[d];
    double mu = (dim->low + dim->high) / 2, inverse = 1 / (dim->high - dim->low);
    if (component < below->n) {
        uint32_t slot = below->by_number[component];
        mu = column->mu[slot];
        inverse = column->inverse[slot];
    }
    double x = mlf__tpe_truncnorm_quantile(mlf__rng_uniform(rng), (dim->low - mu) * inverse,
                                           (dim->high - mu) * inverse);
    return mlf__dist_from_column(&dim->range, fmin(fmax(mu + x / inverse, dim->low), dim->high));
}

/* The observed choice has n + 2 shares, each other one 1; the prior gives all the same. */
static double draw_choice(const struct mlf__tpe_mixture *below, size_t d, size_t component,
                          struct mlf__rng *rng)
{
    double k = (double)below->dims[d].n_values, own = (double)below->n + 1;
    double u = mlf__rng_uniform(rng);
    if (component == below->n)
        return fmin(floor(u * k), k - 1);
    u *= own + k;
    if (u < own)
        return below->columns[d].mu[below->by_number[component]];
    return fmin(floor(u - own), k - 1);
}

/* All coordinates of a candidate come from one kernel; kernels of the good ones weigh the same. */
static void draw_candidates(const struct mlf__tpe_mixture *below, size_t n, struct mlf__rng *rng,
                            double *const *out)
{
    for (size_t i = 0; i < n; i++) {
        size_t component = mlf__rng_below(rng, below->n + 1);
        for (size_t d = 0; d < below->n_dims; d++)
            out[d][i] = below->dims[d].kind == MLF__TPE_CHOICE
                            ? draw_choice(below, d, component, rng)
                            : draw_number(below, d, component, rng);
    }
}

static mlf_status draw_best(struct space *space, size_t n, struct mlf__rng *rng, double **columns,
                            size_t *best)
{
    double ratio;
    mlf_status status = mlf__tpe_mixture_settle(&space->below);
    if (status != MLF_OK)
        return status;
    draw_candidates(&space->below, n, rng, columns);
    return mlf__tpe_best(&space->below, &space->above, (const double *const *)columns, n, best,
                         &ratio);
}

static void take_values(const struct space *space, const struct mlf__tpe_names *names,
                        double *const *columns, size_t best, double *values)
{
    for (size_t i = 0; i < names->n; i++)
        for (size_t d = 0; d < space->n_dims; d++)
            if (space->dims[d].name == names->names[i])
                values[i] = columns[d][best];
}

static mlf_status draw_in_space(struct mlf__tpe_model *model, const struct mlf__view *view,
                                struct space *space, const struct mlf__tpe_names *names,
                                struct mlf__rng *rng, double *values)
{
    size_t n = model->options.n_candidates, n_dims = space->n_dims, best = 0;
    bool liar = model->options.liar && names->together;
    double **columns = mlf__alloc(n_dims * sizeof(*columns));
    double *cells = mlf__alloc(n_dims * n * sizeof(*cells));
    mlf_status status = columns == NULL || cells == NULL ? MLF_ERR_NOMEM : MLF_OK;

    if (status == MLF_OK && liar)
        status = lie(view, space, true, values);
    if (status == MLF_OK) {
        for (size_t d = 0; d < n_dims; d++)
            columns[d] = cells + d * n;
        status = draw_best(space, n, rng, columns, &best);
    }
    if (status == MLF_OK && liar)
        status = lie(view, space, false, values);
    if (status == MLF_OK)
        take_values(space, names, columns, best, values);
    mlf__free(columns);
    mlf__free(cells);
    return status;
}

/* ---- views ---- */

mlf_status mlf__tpe_model_is_ready(struct mlf__tpe_model *model, const struct mlf__view *view,
                                   bool *out)
{
    const struct mlf__history *history = view->history;
    size_t n = 0;
    mlf_status status = MLF_OK;
    if (view->n_told >= model->split.n_told) {
        status = advance(model, view->n_told);
        n = model->split.n_ranked;
    } else {
        for (size_t i = 0; i < view->n_told && n < model->options.n_startup; i++)
            n += history->trials[history->told[i]]->state != MLF_TRIAL_FAIL;
    }
    *out = n >= model->options.n_startup;
    return status;
}

mlf_status mlf__tpe_model_draw(struct mlf__tpe_model *model, const struct mlf__view *view,
                               const struct mlf__tpe_names *names, struct mlf__rng *rng,
                               double *values)
{
    struct space *space;
    struct mlf__tpe_model *past = NULL;
    mlf_status status = MLF_OK;

    if (view->n_told < model->split.n_told) {
        status = mlf__tpe_model_open(model->history, &model->options, &past);
        model = past;
    }
    if (status == MLF_OK)
        status = advance(model, view->n_told);
    if (status == MLF_OK)
        status = find_space(model, names, &space);
    if (status == MLF_OK)
        status = draw_in_space(model, view, space, names, rng, values);
    if (past != NULL)
        mlf__tpe_model_close(past);
    else if (status != MLF_OK)
        forget(model);
    return status;
}

mlf_status mlf__tpe_model_suggest(struct mlf__tpe_model *model, uint64_t seed,
                                  const struct mlf__view *view,
                                  const struct mlf__param_value *param, double *out)
{
    struct mlf__tpe_names alone = {&param->name, &param->dist, 1, false};
    struct mlf__rng rng;
    bool ready = false;

    mlf_status status = mlf__tpe_model_is_ready(model, view, &ready);
    if (status != MLF_OK)
        return status;
    mlf__rng_init(&rng, seed, (uint64_t)view->trial->number,
                  mlf__rng_alone(view->history->names[param->name]));
    if (ready)
        return mlf__tpe_model_draw(model, view, &alone, &rng, out);
    *out = mlf__dist_from_unit(&view->history->dists[param->dist], mlf__rng_uniform(&rng));
    return MLF_OK;
}

mlf_status mlf__tpe_model_draw_some(struct mlf__tpe_model *model, const struct mlf__view *view,
                                    const uint32_t *names, const uint32_t *dists, size_t n,
                                    struct mlf__rng *rng, struct mlf__joint *out)
{
    uint32_t *kept = mlf__alloc(2 * n * sizeof(*kept));
    double *values = mlf__alloc(n * sizeof(*values));
    mlf_status status = kept == NULL || values == NULL ? MLF_ERR_NOMEM : MLF_OK;
    size_t n_kept = 0;

    for (size_t i = 0; i < n && status == MLF_OK; i++) {
        if (mlf__dist_is_single(&view->history->dists[dists[i]]))
            continue;
        kept[n_kept] = names[i];
        kept[n + n_kept++] = dists[i];
    }
    if (status == MLF_OK && n_kept > 0) {
        struct mlf__tpe_names together = {kept, kept + n, n_kept, true};
        status = mlf__tpe_model_draw(model, view, &together, rng, values);
        for (size_t i = 0; i < n_kept && status == MLF_OK; i++)
            status = mlf__joint_add(out, kept[i], kept[n + i], values[i]);
    }
    mlf__free(kept);
    mlf__free(values);
    return status;
}
