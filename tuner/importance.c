/* SPDX-License-Identifier: Apache-2.0 */
/* PED-ANOVA: Watanabe, Bansal, Hutter, "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary
 * Subspaces", IJCAI 2023 (arXiv 2304.10255); parameters that only some trials have as in arXiv 2601.20800. A
 * parameter matters as far as the distribution of its values among the best tenth of the trials differs, by
 * the Pearson divergence, from that among all. Densities are kernel estimates on a grid of at most 50 values, with Scott's
 * bandwidth; constants are those of Optuna 5's PedAnovaImportanceEvaluator. */
#include "tuner/importance.h"
#include "core/mem.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CELLS_MAX = 50 };
static const double best_share = 0.1;

/* ---- which trials ---- */

/* Complete trials whose values are all finite, and which of them are among the best. */
struct selection {
    const struct mlf__trial **trials;
    bool *best;
    size_t n, n_best;
};

static bool is_usable(const struct mlf__trial *trial, size_t n_objectives)
{
    if (trial->state != MLF_TRIAL_COMPLETE || trial->n_values != n_objectives)
        return false;
    for (size_t i = 0; i < n_objectives; i++)
        if (!isfinite(mlf__trial_values(trial)[i]))
            return false;
    return true;
}

static mlf_status select_trials(const struct mlf__history *history, size_t objective,
                                struct selection *out)
{
    double sign = history->directions[objective] == MLF_MAXIMIZE ? -1 : 1;
    double *losses = mlf__alloc(history->n_trials * sizeof(*losses));

    out->trials = mlf__alloc(history->n_trials * sizeof(struct mlf__trial *));
    out->best = mlf__zalloc(history->n_trials, sizeof(*out->best));
    bool ok = losses != NULL && out->trials != NULL && out->best != NULL;
    for (size_t i = 0; ok && i < history->n_trials; i++)
        if (is_usable(history->trials[i], history->n_objectives)) {
            losses[out->n] = sign * mlf__trial_values(history->trials[i])[objective];
            out->trials[out->n++] = history->trials[i];
        }
    if (ok && out->n > 0) {
        size_t last = (size_t)ceil(best_share * (double)out->n) - 1;
        double bound = gsl_stats_select(losses, 1, out->n, last);
        for (size_t i = 0; i < out->n; i++) {
            out->best[i] = sign * mlf__trial_values(out->trials[i])[objective] <= bound;
            out->n_best += out->best[i];
        }
    }
    mlf__free(losses);
    return ok ? MLF_OK : MLF_ERR_NOMEM;
}

/* ---- densities ---- */

/* How many trials have their value in each cell of a distribution's range. */
struct counts {
    size_t n_cells;
    double *cells;
    double total;
};

static size_t count_cells(const struct mlf__dist *dist)
{
    double n = CELLS_MAX;

    if (dist->kind == MLF__DIST_CATEGORICAL)
        return dist->n_choices;
    if (dist->kind == MLF__DIST_INT && dist->log)
        n = ceil(log(dist->high - dist->low + 1) / log(2)) + 1;
    else if (dist->step > 0)
        n = round((dist->high - dist->low) / dist->step) + 1;
    return n < CELLS_MAX ? (size_t)n : CELLS_MAX;
}

static size_t cell_of(const struct mlf__dist *dist, size_t n_cells, double value)
{
    double low = dist->log ? log(dist->low) : dist->low;
    double high = dist->log ? log(dist->high) : dist->high;
    double size = (high - low) / (double)(n_cells - 1);

    if (dist->kind == MLF__DIST_CATEGORICAL)
        return value >= 0 && value < (double)n_cells ? (size_t)value : 0;
    double cell = ceil(((dist->log ? log(value) : value) - low) / size - 0.5);
    if (!(cell > 0))
        return 0;
    return cell < (double)n_cells ? (size_t)cell : n_cells - 1;
}

/* Scott's rule on counted values: 1.059 min(IQR / 1.34, standard deviation) n^(-1/5), and at least 0.5 / 1.64 cells. */
static double bandwidth(const struct counts *counts)
{
    double mean = 0, variance = 0, passed = 0, first = NAN, third = NAN, last = 0;
    double quarter = floor(counts->total / 4), three_quarters = floor(counts->total * 3 / 4);

    for (size_t i = 0; i < counts->n_cells; i++)
        mean += (double)i * counts->cells[i] / counts->total;
    for (size_t i = 0; i < counts->n_cells; i++) {
        if (counts->cells[i] == 0)
            continue;
        passed += counts->cells[i];
        if (isnan(first) && passed >= quarter)
            first = (double)i;
        if (isnan(third) && passed > three_quarters)
            third = (double)i;
        last = (double)i;
        variance += ((double)i - mean) * ((double)i - mean) * counts->cells[i];
    }
    double deviation = sqrt(variance / (counts->total > 2 ? counts->total - 1 : 1));
    double range = ((isnan(third) ? last : third) - first) / 1.34;
    return fmax(1.059 * fmin(range, deviation) * pow(counts->total, -0.2), 0.5 / 1.64);
}

/* The chance that a standard normal number lies between |a| and |b|: taken where it does not cancel out. */
static double mass(double a, double b)
{
    return a > 0 ? gsl_cdf_ugaussian_Q(a) - gsl_cdf_ugaussian_Q(b)
                 : gsl_cdf_ugaussian_P(b) - gsl_cdf_ugaussian_P(a);
}

/* Adds a normal kernel with its mean at cell |mean|, cut at the ends of the range. */
static void add_kernel(double *density, size_t n_cells, double mean, double sigma, double weight)
{
    double all = mass((-0.5 - mean) / sigma, ((double)n_cells - 0.5 - mean) / sigma);

    for (size_t i = 0; i < n_cells; i++)
        density[i] +=
            weight / all * mass(((double)i - 0.5 - mean) / sigma, ((double)i + 0.5 - mean) / sigma);
}

/* A kernel for each value that occurs, by how often it does, and one for the whole range. */
static void estimate(const struct mlf__dist *dist, const struct counts *counts, double *density)
{
    size_t n_cells = counts->n_cells, n_kernels = 1;
    double prior = 1 / (counts->total + 1);

    memset(density, 0, n_cells * sizeof(*density));
    for (size_t i = 0; i < n_cells; i++)
        n_kernels += counts->cells[i] > 0;
    if (dist->kind == MLF__DIST_CATEGORICAL) {
        double spread = 1.0 / (double)n_kernels, sum = 1 + spread * (double)n_cells;
        for (size_t i = 0; i < n_cells; i++)
            density[i] =
                prior / (double)n_cells + prior * (counts->cells[i] + spread * counts->total) / sum;
        return;
    }
    double sigma = bandwidth(counts);
    for (size_t i = 0; i < n_cells; i++)
        if (counts->cells[i] > 0)
            add_kernel(density, n_cells, (double)i, sigma, prior * counts->cells[i]);
    add_kernel(density, n_cells, (double)(n_cells - 1) / 2, (double)n_cells, prior);
}

/* ---- one parameter ---- */

/* The trials that have the parameter with distribution |dist|: counted in all, and in the best. */
static mlf_status divergence(const struct selection *selection, uint32_t name, uint32_t number,
                             const struct mlf__dist *dist, double *out)
{
    size_t n_cells = count_cells(dist);
    double *memory = mlf__zalloc(4 * n_cells, sizeof(*memory));
    struct counts all = {n_cells, memory, 0}, best = {n_cells, memory + n_cells, 0};

    *out = 0;
    if (memory == NULL)
        return MLF_ERR_NOMEM;
    for (size_t i = 0; i < selection->n; i++) {
        const struct mlf__param_value *param = mlf__trial_param(selection->trials[i], name);
        if (param == NULL || param->dist != number)
            continue;
        size_t cell = cell_of(dist, n_cells, param->value);
        all.cells[cell]++;
        all.total++;
        best.cells[cell] += selection->best[i];
        best.total += selection->best[i];
    }
    if (all.total >= 2 && best.total > 0) {
        double *p = memory + 2 * n_cells, *q = memory + 3 * n_cells, sum = 0;
        double share_all = all.total / (double)selection->n;
        double share_best = best.total / (double)selection->n_best;
        estimate(dist, &best, p);
        estimate(dist, &all, q);
        for (size_t i = 0; i < n_cells; i++) {
            double ratio = (p[i] + 1e-12) / (q[i] + 1e-12) - 1;
            sum += (q[i] + 1e-12) * ratio * ratio;
        }
        *out = share_best * share_best / share_all * sum;
    }
    mlf__free(memory);
    return MLF_OK;
}

/* The sum over the distributions that the parameter has in the study. */
static mlf_status importance_of(const struct mlf__history *history,
                                const struct selection *selection, uint32_t name, double *out)
{
    bool *seen = mlf__zalloc(history->n_dists, sizeof(*seen));
    double share = (double)selection->n_best / (double)selection->n;
    mlf_status status = seen != NULL ? MLF_OK : MLF_ERR_NOMEM;

    *out = 0;
    for (size_t i = 0; status == MLF_OK && i < selection->n; i++) {
        const struct mlf__param_value *param = mlf__trial_param(selection->trials[i], name);
        double part;
        if (param == NULL || seen[param->dist])
            continue;
        seen[param->dist] = true;
        if (mlf__dist_is_single(&history->dists[param->dist]))
            continue;
        status = divergence(selection, name, param->dist, &history->dists[param->dist], &part);
        *out += share * share * part;
    }
    mlf__free(seen);
    return status;
}

/* ---- all of them ---- */

static int compare(const void *a, const void *b, void *history)
{
    const struct mlf__importance *left = a, *right = b;
    char **names = ((const struct mlf__history *)history)->names;

    if (left->value != right->value)
        return left->value > right->value ? -1 : 1;
    return strcmp(names[left->name], names[right->name]);
}

static void normalize(struct mlf__importances *importances)
{
    double sum = 0;

    for (size_t i = 0; i < importances->n; i++)
        sum += importances->items[i].value;
    for (size_t i = 0; i < importances->n; i++)
        importances->items[i].value =
            sum > 0 ? importances->items[i].value / sum : 1 / (double)importances->n;
}

/* The names that complete trials have, each once. */
static mlf_status list_names(const struct mlf__history *history, struct mlf__importances *out)
{
    bool *seen = mlf__zalloc(history->n_names, sizeof(*seen));

    out->items = mlf__zalloc(history->n_names, sizeof(*out->items));
    bool ok = seen != NULL && out->items != NULL;
    for (size_t i = 0; ok && i < history->n_trials; i++) {
        const struct mlf__trial *trial = history->trials[i];
        for (uint32_t k = 0; trial->state == MLF_TRIAL_COMPLETE && k < trial->n_params; k++) {
            uint32_t name = trial->params[k].name;
            if (!seen[name])
                out->items[out->n++].name = name;
            seen[name] = true;
        }
    }
    mlf__free(seen);
    return ok ? MLF_OK : MLF_ERR_NOMEM;
}

mlf_status mlf__importances_find(const struct mlf__history *history, size_t objective,
                                 bool normalized, struct mlf__importances *out)
{
    struct selection selection = {0};

    *out = (struct mlf__importances){0};
    mlf_status status = list_names(history, out);
    if (status == MLF_OK)
        status = select_trials(history, objective, &selection);
    for (size_t i = 0; status == MLF_OK && selection.n > 1 && i < out->n; i++)
        status = importance_of(history, &selection, out->items[i].name, &out->items[i].value);
    mlf__free(selection.trials);
    mlf__free(selection.best);
    if (status != MLF_OK) {
        mlf__importances_free(out);
        return status;
    }
    if (normalized)
        normalize(out);
    qsort_r(out->items, out->n, sizeof(*out->items), compare, (void *)(uintptr_t)history);
    return MLF_OK;
}

void mlf__importances_free(struct mlf__importances *importances)
{
    mlf__free(importances->items);
    *importances = (struct mlf__importances){0};
}
