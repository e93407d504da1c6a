/* SPDX-License-Identifier: Apache-2.0 */
/* Wilcoxon pruner: for objectives that are a mean over instances, each reported as a step of its own in any order. Ends a trial when the
 * signed-rank test says that it is worse than the best trial on the instances that both have seen. Rules and
 * defaults are those of Optuna 5's WilcoxonPruner; the test is that of Wilcoxon (Biometrics 1, 1945) with half of the
 * zeros' ranks on either side, its p-value as scipy 1.17 computes it: exact up to 50 pairs, up to 13 with ties or
 * zeros, else by the normal distribution with Conover's tie correction. */
#include "core/mem.h"
#include "tuner/pruners/parts.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sort.h>
#include <math.h>

enum { EXACT_MAX = 50, EXACT_TIED_MAX = 13 };

struct wilcoxon {
    double p_threshold;
    int64_t startup;
};

static const struct mlf__setting settings[] = {
    /* p-values below it prune (p_threshold) */
    {"p_threshold", MLF__SETTING_FLOAT, offsetof(struct wilcoxon, p_threshold), 0, 1, 0.1},
    /* pairs before anything is pruned, at least 2 (n_startup_steps) */
    {"startup", MLF__SETTING_INT, offsetof(struct wilcoxon, startup), 0, 1e9, 2},
    {0}};

/* The pairs by the size of their difference, with ranks that ties share; ranks count twice so that they are whole. */
struct ranked {
    size_t n;
    int64_t *double_ranks; /* of the differences that are not zero */
    size_t n_nonzero;
    int64_t double_plus, double_zero; /* sums of the positive ones' and the zeros' */
    double ties;                      /* sum of t^3 - t over groups of t equal ones */
    bool tied;
};

static bool rank(const double *differences, size_t n, struct ranked *out)
{
    size_t *order = mlf__alloc(n * sizeof(*order));
    double *sizes = mlf__alloc(n * sizeof(*sizes));

    *out = (struct ranked){.n = n, .double_ranks = mlf__alloc(n * sizeof(*out->double_ranks))};
    bool ok = order != NULL && sizes != NULL && out->double_ranks != NULL;
    for (size_t i = 0; ok && i < n; i++)
        sizes[i] = fabs(differences[i]);
    if (ok)
        gsl_sort_index(order, sizes, 1, n);
    for (size_t i = 0, end; ok && i < n; i = end) {
        for (end = i + 1; end < n && sizes[order[end]] == sizes[order[i]];)
            end++;
        int64_t shared = (int64_t)(i + end + 1);
        double count = (double)(end - i);
        out->ties += count * count * count - count;
        out->tied = out->tied || end - i > 1;
        for (size_t k = i; k < end; k++) {
            double difference = differences[order[k]];
            if (difference == 0)
                out->double_zero += shared;
            else
                out->double_ranks[out->n_nonzero++] = shared;
            if (difference > 0)
                out->double_plus += shared;
        }
    }
    mlf__free(order);
    mlf__free(sizes);
    return ok;
}

/* The chance that a sum of ranks, each in it or not with the same chance, is at least that of the positive ones. */
static double exact_p(const struct ranked *ranked)
{
    size_t total = ranked->n * (ranked->n + 1);
    double *chance = mlf__zalloc(total + 1, sizeof(*chance)), p = 0;

    if (chance == NULL)
        return 1;
    chance[0] = 1;
    for (size_t i = 0; i < ranked->n_nonzero; i++)
        for (size_t sum = total + 1; sum-- > 0;) {
            size_t own = (size_t)ranked->double_ranks[i];
            chance[sum] = chance[sum] / 2 + (sum >= own ? chance[sum - own] / 2 : 0);
        }
    for (size_t sum = (size_t)ranked->double_plus; sum <= total; sum++)
        p += chance[sum];
    mlf__free(chance);
    return p;
}

static double normal_p(const struct ranked *ranked)
{
    double n = (double)ranked->n;
    double plus = (double)ranked->double_plus / 2 + (double)ranked->double_zero / 4;
    double mean = n * (n + 1) / 4;
    double variance = (n * (n + 1) * (2 * n + 1) - ranked->ties / 2) / 24;

    return gsl_cdf_ugaussian_Q((plus - mean) / sqrt(variance));
}

/* One-sided: small when the differences tend to be positive. */
static double signed_rank_p(const double *differences, size_t n)
{
    struct ranked ranked;
    double p = 1;

    if (rank(differences, n, &ranked)) {
        bool plain = !ranked.tied && ranked.n_nonzero == n;
        p = n <= (plain ? EXACT_MAX : EXACT_TIED_MAX) ? exact_p(&ranked) : normal_p(&ranked);
    }
    mlf__free(ranked.double_ranks);
    return p;
}

/* The mean of all reports; false when one is not finite. */
static bool mean_of(const struct mlf__trial *trial, double *out)
{
    double sum = 0;

    for (size_t i = 0; i < trial->n_intermediate; i++) {
        if (!isfinite(trial->intermediate[i].value))
            return false;
        sum += trial->intermediate[i].value;
    }
    *out = sum / trial->n_intermediate;
    return trial->n_intermediate > 0;
}

/* |a|'s minus |b|'s values at the steps that both have. */
static size_t subtract(const struct mlf__trial *a, const struct mlf__trial *b, double *out)
{
    size_t n = 0;

    for (size_t i = 0, k = 0; i < a->n_intermediate && k < b->n_intermediate;) {
        int64_t own = a->intermediate[i].step, other = b->intermediate[k].step;
        if (own == other)
            out[n++] = a->intermediate[i].value - b->intermediate[k].value;
        i += own <= other;
        k += other <= own;
    }
    return n;
}

static bool should_prune(struct mlf__pruner *pruner, const struct mlf__trial *trial)
{
    const struct wilcoxon *options = pruner->settings;
    const struct mlf__trial *best = mlf__history_best(pruner->history);
    size_t n_needed = options->startup > 2 ? (size_t)options->startup : 2;
    double own_mean, best_mean;

    if (best == NULL || !mean_of(trial, &own_mean) || !mean_of(best, &best_mean) ||
        !mlf__history_is_better(pruner->history, 0, best_mean, own_mean))
        return false;
    double *differences = mlf__alloc(trial->n_intermediate * sizeof(*differences));
    if (differences == NULL)
        return false;
    size_t n = subtract(trial, best, differences);
    if (pruner->history->directions[0] == MLF_MAXIMIZE)
        for (size_t i = 0; i < n; i++)
            differences[i] = -differences[i];
    bool prune = n >= n_needed && signed_rank_p(differences, n) < options->p_threshold;
    mlf__free(differences);
    return prune;
}

const struct mlf__pruner_ops mlf__pruner_wilcoxon = {.name = "wilcoxon",
                                                     .settings = settings,
                                                     .settings_size = sizeof(struct wilcoxon),
                                                     .should_prune = should_prune};
