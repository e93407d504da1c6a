/* SPDX-License-Identifier: Apache-2.0 */
/* TPE: its numbers against recorded ones (tests/data/optuna/tpe.md), sums that leave kernels out against sums over all
 * of them, mixtures kept up to date against ones built at once, and what the sampler does with what it is given. */
#include "test_sampler_loop.h"
#include "tests/support/tap.h"
#include "tests/support/tuner_data.h"
#include "tuner/pareto.h"
#include "tuner/samplers/tpe.h"
#include "tuner/samplers/tpe_scan.h"
#include "tuner/samplers/tpe_split.h"
#include "tuner/samplers/tpe_truncnorm.h"

enum { DIMS_MAX = 32, POINTS = 40 };

/* ---- recorded numbers ---- */

static const double close_enough = 1e-9;

static bool is_near(double got, double want)
{
    return got == want || fabs(got - want) <= close_enough * fmax(1, fabs(want));
}

static struct mlf__trial *add_recorded(struct mlf__history *history, const cJSON *entry)
{
    struct mlf__trial *trial = tuner_data_trial(history);
    const cJSON *item;

    cJSON_ArrayForEach(item, cJSON_GetObjectItem(entry, "params"))
    {
        uint32_t name;
        loop_must(mlf__history_name(history, item->string, &name), "name");
        loop_must(mlf__trial_set_param(trial, name, 0, item->valuedouble), "param");
    }
    cJSON_ArrayForEach(item, cJSON_GetObjectItem(entry, "intermediate")) loop_must(
        mlf__trial_add_intermediate(trial, atoi(item->string), tuner_data_number(item)), "report");
    cJSON_ArrayForEach(item, cJSON_GetObjectItem(entry, "constraints"))
        loop_must(mlf__trial_add_constraint(trial, item->string, item->valuedouble), "constraint");
    const char *state = tuner_data_text(entry, "state");
    if (strcmp(state, "RUNNING") != 0)
        tuner_data_end(history, trial, tuner_data_state(state), tuner_data_get(entry, "value"));
    return trial;
}

/* Are the trials of |side| just those that |numbers| lists? Those that go on are above, and no part of the split. */
static bool has_side(const struct mlf__tpe_split *split, const cJSON *numbers, uint8_t side)
{
    const struct mlf__history *history = split->history;
    size_t n = side == MLF__TPE_ABOVE ? history->n_running : 0;
    const cJSON *item;
    for (size_t i = 0; i < split->n_ranked; i++)
        n += split->sides[split->ranked[i]] == side;
    cJSON_ArrayForEach(item,
                       numbers) if (history->trials[item->valueint]->state != MLF_TRIAL_RUNNING &&
                                    split->sides[item->valueint] != side) return false;
    return n == (size_t)cJSON_GetArraySize(numbers);
}

static size_t read_dims(struct mlf__history *history, const cJSON *space, struct mlf__tpe_dim *dims)
{
    size_t n = 0;
    const cJSON *item;
    for (enum mlf__tpe_kind kind = MLF__TPE_CONTINUOUS; kind <= MLF__TPE_CHOICE; kind++) {
        cJSON_ArrayForEach(item, space)
        {
            struct mlf__dist dist;
            uint32_t name;
            loop_must(mlf__dist_from_json(item, item->string, &dist), "distribution");
            loop_must(mlf__history_name(history, item->string, &name), "name");
            mlf__tpe_dim_init(&dims[n], name, 0, &dist);
            n += dims[n].kind == kind;
            mlf__dist_free(&dist);
        }
    }
    return n;
}

static void fill_mixture(const struct mlf__history *history, const cJSON *numbers,
                         struct mlf__tpe_mixture *mixture)
{
    const cJSON *item;
    double values[DIMS_MAX];
    cJSON_ArrayForEach(item, numbers)
    {
        for (size_t d = 0; d < mixture->n_dims; d++)
            values[d] =
                mlf__trial_param(history->trials[item->valueint], mixture->dims[d].name)->value;
        loop_must(mlf__tpe_mixture_add(mixture, (uint32_t)item->valueint, values), "observation");
    }
    loop_must(mlf__tpe_mixture_settle(mixture), "mixture");
}

static bool has_kernels(const struct mlf__tpe_mixture *mixture, size_t d, const cJSON *kernels)
{
    const struct mlf__tpe_column *column = &mixture->columns[d];
    for (size_t i = 0; i < mixture->n; i++) {
        uint32_t slot = mixture->by_number[i];
        const cJSON *mu = cJSON_GetArrayItem(cJSON_GetObjectItem(kernels, "mu"), (int)i);
        const cJSON *sigma = cJSON_GetArrayItem(cJSON_GetObjectItem(kernels, "sigma"), (int)i);
        if (!is_near(column->mu[slot], mu->valuedouble) ||
            !is_near(1 / column->inverse[slot], sigma->valuedouble)) {
            printf("# kernel %zu: %.17g %.17g, want %.17g %.17g\n", i, column->mu[slot],
                   1 / column->inverse[slot], mu->valuedouble, sigma->valuedouble);
            return false;
        }
    }
    return true;
}

static bool has_weights(const struct mlf__tpe_mixture *mixture, const cJSON *weights)
{
    for (size_t i = 0; i < mixture->n; i++) {
        double weight = mixture->weights[mixture->by_number[i]] / mixture->total_weight;
        if (!is_near(weight, cJSON_GetArrayItem(weights, (int)i)->valuedouble))
            return false;
    }
    return (size_t)cJSON_GetArraySize(weights) == mixture->n + 1;
}

static bool has_density(struct mlf__tpe_mixture *mixture, const struct mlf__history *history,
                        const cJSON *probe, const cJSON *logpdf)
{
    double cells[DIMS_MAX][POINTS], got[POINTS];
    const double *columns[DIMS_MAX];
    size_t n = (size_t)cJSON_GetArraySize(probe);
    for (size_t d = 0; d < mixture->n_dims; d++) {
        columns[d] = cells[d];
        for (size_t i = 0; i < n; i++)
            cells[d][i] = tuner_data_get(cJSON_GetArrayItem(probe, (int)i),
                                         history->names[mixture->dims[d].name]);
    }
    loop_must(mlf__tpe_log_density(mixture, columns, n, got), "density");
    for (size_t i = 0; i < n; i++) {
        double want = cJSON_GetArrayItem(logpdf, (int)i)->valuedouble;
        if (!is_near(got[i], want)) {
            printf("# point %zu: %.17g, want %.17g\n", i, got[i], want);
            return false;
        }
    }
    return true;
}

static void check_mixture(const cJSON *entry, const char *side, const char *numbers,
                          struct mlf__history *history)
{
    const char *name = tuner_data_text(entry, "name");
    const cJSON *wanted = cJSON_GetObjectItem(entry, side), *kernels;
    struct mlf__tpe_dim dims[DIMS_MAX];
    struct mlf__tpe_mixture mixture;
    size_t n_dims = read_dims(history, cJSON_GetObjectItem(entry, "space"), dims);

    loop_must(mlf__tpe_mixture_init(&mixture, dims, n_dims, true, false), "mixture");
    fill_mixture(history, cJSON_GetObjectItem(entry, numbers), &mixture);
    OK(has_weights(&mixture, cJSON_GetObjectItem(wanted, "weights")), "%s: weights of %s", name,
       side);
    for (size_t d = 0; d < n_dims; d++) {
        if (dims[d].kind == MLF__TPE_CHOICE)
            continue;
        kernels = cJSON_GetObjectItem(cJSON_GetObjectItem(wanted, "kernels"),
                                      history->names[dims[d].name]);
        OK(has_kernels(&mixture, d, kernels), "%s: kernels of %s in %s", name,
           history->names[dims[d].name], side);
    }
    OK(has_density(&mixture, history, cJSON_GetObjectItem(entry, "probe"),
                   cJSON_GetObjectItem(wanted, "logpdf")),
       "%s: density of %s", name, side);
    mlf__tpe_mixture_free(&mixture);
}

static void check_recorded_studies(const cJSON *data)
{
    const cJSON *entry, *item;
    cJSON_ArrayForEach(entry, cJSON_GetObjectItem(data, "tpe"))
    {
        struct mlf__history history;
        struct mlf__tpe_split split = {.history = &history};
        tuner_data_begin(&history, tuner_data_text(entry, "direction"));
        cJSON_ArrayForEach(item, cJSON_GetObjectItem(entry, "history"))
            add_recorded(&history, item);
        loop_must(mlf__tpe_split_advance(&split, history.n_told), "split");
        OK(has_side(&split, cJSON_GetObjectItem(entry, "below"), MLF__TPE_BELOW) &&
               has_side(&split, cJSON_GetObjectItem(entry, "above"), MLF__TPE_ABOVE),
           "%s: split", tuner_data_text(entry, "name"));
        check_mixture(entry, "l", "below", &history);
        check_mixture(entry, "g", "above", &history);
        mlf__tpe_split_free(&split);
        mlf__history_free(&history);
    }
}

static void check_recorded_functions(const cJSON *data)
{
    const cJSON *entry, *item;
    cJSON_ArrayForEach(entry, cJSON_GetObjectItem(data, "weights"))
    {
        size_t n = (size_t)atoi(entry->string), i = 0;
        bool pass = true;
        cJSON_ArrayForEach(item, entry) pass =
            pass && is_near(mlf__tpe_weight(i++, n), item->valuedouble);
        OK(pass && i == n, "weights of %zu", n);
    }
    cJSON_ArrayForEach(entry, cJSON_GetObjectItem(data, "gamma"))
        IS(mlf__tpe_gamma((size_t)atoi(entry->string), 1), entry->valueint, "how many are good");
    cJSON_ArrayForEach(entry, cJSON_GetObjectItem(data, "truncnorm"))
    {
        double a = tuner_data_get(entry, "a"), b = tuner_data_get(entry, "b");
        const cJSON *x = cJSON_GetObjectItem(entry, "x")->child;
        bool pass = is_near(mlf__tpe_log_mass(a, b), tuner_data_get(entry, "log_mass"));
        cJSON_ArrayForEach(item, cJSON_GetObjectItem(entry, "q"))
        {
            double got = mlf__tpe_truncnorm_quantile(item->valuedouble, a, b);
            if (!is_near(got, x->valuedouble)) {
                printf("# q %g: %.17g, want %.17g\n", item->valuedouble, got, x->valuedouble);
                pass = false;
            }
            x = x->next;
        }
        OK(pass, "the normal truncated to [%g, %g]", a, b);
    }
}

static size_t read_numbers(const cJSON *array, double *out)
{
    size_t n = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, array) out[n++] = item->valuedouble;
    return n;
}

static bool has_numbers(const cJSON *wanted, const uint32_t *got, size_t n)
{
    const cJSON *item;
    size_t i = 0;
    cJSON_ArrayForEach(item, wanted)
    {
        bool found = false;
        for (size_t k = 0; k < n; k++)
            found = found || got[k] == (uint32_t)item->valueint;
        if (!found)
            return false;
        i++;
    }
    return i == n;
}

static void check_recorded_fronts(const cJSON *data)
{
    const cJSON *entry, *item;
    cJSON_ArrayForEach(entry, cJSON_GetObjectItem(data, "multi"))
    {
        double points[256], front[256], reference[16], volume;
        uint32_t ranks[64], rows[64], chosen[64];
        size_t n = 0, m = read_numbers(cJSON_GetObjectItem(entry, "ref"), reference), n_front = 0;
        cJSON_ArrayForEach(item, cJSON_GetObjectItem(entry, "points"))
            read_numbers(item, points + m * n++);
        loop_must(mlf__pareto_ranks(points, n, m, NULL, 0, ranks), "ranks");
        bool pass = true;
        size_t i = 0;
        cJSON_ArrayForEach(item, cJSON_GetObjectItem(entry, "ranks")) pass =
            pass && ranks[i++] == (uint32_t)item->valueint;
        OK(pass, "ranks in %zu dimensions", m);
        loop_must(mlf__pareto_hypervolume(points, n, m, reference, &volume), "hypervolume");
        OK(is_near(volume, tuner_data_get(entry, "hv")), "hypervolume in %zu dimensions", m);
        for (i = 0; i < n; i++) {
            if (ranks[i] != 0)
                continue;
            memcpy(front + m * n_front, points + m * i, m * sizeof(*front));
            rows[n_front++] = (uint32_t)i;
        }
        size_t k = (size_t)tuner_data_get(entry, "hssp_k");
        loop_must(mlf__pareto_subset(front, n_front, m, reference, k, chosen), "subset");
        for (i = 0; i < k; i++)
            chosen[i] = rows[chosen[i]];
        OK(has_numbers(cJSON_GetObjectItem(entry, "hssp"), chosen, k), "subset in %zu dimensions",
           m);
    }
}

/* ---- sums against sums over all kernels ---- */

/* A space with every kind of parameter, or some of them. */
static size_t make_dims(struct mlf__tpe_dim *dims, size_t n_floats, bool discrete)
{
    struct mlf__dist dist;
    const char *choices[] = {"a", "b", "c"};
    size_t n = 0;
    for (; n < n_floats; n++) {
        loop_must(mlf__dist_float("x", 0.01, 10, 0, n % 2 == 1, &dist), "x");
        mlf__tpe_dim_init(&dims[n], (uint32_t)n, 0, &dist);
    }
    if (!discrete)
        return n;
    loop_must(mlf__dist_int("wide", 1, 100000, 1, false, &dist), "wide");
    mlf__tpe_dim_init(&dims[n++], 100, 0, &dist);
    loop_must(mlf__dist_int("deep", 1, 5000, 1, true, &dist), "deep");
    mlf__tpe_dim_init(&dims[n++], 101, 0, &dist);
    loop_must(mlf__dist_float("step", 0, 1, 0.05, false, &dist), "step");
    mlf__tpe_dim_init(&dims[n++], 102, 0, &dist);
    loop_must(mlf__dist_int("log", 4, 128, 1, true, &dist), "log");
    mlf__tpe_dim_init(&dims[n++], 103, 0, &dist);
    loop_must(mlf__dist_categorical("choice", choices, 3, &dist), "choice");
    mlf__tpe_dim_init(&dims[n++], 104, 0, &dist);
    mlf__dist_free(&dist);
    return n;
}

/* Half of the points lie close together, as they do when a search has narrowed. */
static double draw_value(const struct mlf__tpe_dim *dim, struct mlf__rng *rng, bool close)
{
    double u = mlf__rng_uniform(rng);
    struct mlf__dist range = dim->range;
    if (dim->kind == MLF__TPE_CHOICE)
        return floor(u * (double)dim->n_values);
    return mlf__dist_from_unit(&range, close ? 0.4 + 0.05 * u : u);
}

static double kernel_log(const struct mlf__tpe_dim *dim, double x, double mu, double sigma)
{
    double low, high;
    double mass = mlf__tpe_log_mass((dim->low - mu) / sigma, (dim->high - mu) / sigma);
    mlf__tpe_dim_interval(dim, x, &low, &high);
    if (dim->kind == MLF__TPE_CONTINUOUS)
        return -0.5 * (low - mu) / sigma * (low - mu) / sigma - log(sigma) - 0.5 * log(2 * M_PI) -
               mass;
    return mlf__tpe_log_mass((low - mu) / sigma, (high - mu) / sigma) - mass;
}

static double kernel_at(const struct mlf__tpe_mixture *mixture, const double *x, size_t i)
{
    double sum = 0, n = (double)mixture->n;
    for (size_t d = 0; d < mixture->n_dims; d++) {
        const struct mlf__tpe_dim *dim = &mixture->dims[d];
        bool prior = i == mixture->n;
        uint32_t slot = prior ? 0 : mixture->by_number[i];
        double mu = mixture->columns[d].mu[slot], k = (double)dim->n_values;
        if (dim->kind == MLF__TPE_CHOICE)
            sum += prior ? log(1 / k) : log((1 / (n + 1) + (mu == x[d])) / (1 + k / (n + 1)));
        else if (prior)
            sum += kernel_log(dim, x[d], (dim->low + dim->high) / 2, dim->high - dim->low);
        else
            sum += kernel_log(dim, x[d], mu, 1 / mixture->columns[d].inverse[slot]);
    }
    return sum;
}

static double naive_log_density(const struct mlf__tpe_mixture *mixture, const double *x)
{
    double most = -INFINITY, sum = 0, total = 1;
    for (size_t i = 0; i <= mixture->n; i++)
        most = fmax(most, kernel_at(mixture, x, i));
    for (size_t i = 0; i <= mixture->n; i++) {
        double weight = i < mixture->n ? mlf__tpe_weight(i, mixture->n) : 1;
        sum += weight * exp(kernel_at(mixture, x, i) - most);
        total += i < mixture->n ? weight : 0;
    }
    return most + log(sum / total);
}

/* The largest relative error of the density at points of both sorts. */
static double worst_error(struct mlf__tpe_mixture *mixture, struct mlf__rng *rng)
{
    double cells[DIMS_MAX][POINTS], got[POINTS], x[DIMS_MAX], worst = 0;
    const double *columns[DIMS_MAX];
    for (size_t d = 0; d < mixture->n_dims; d++) {
        columns[d] = cells[d];
        for (size_t i = 0; i < POINTS; i++)
            cells[d][i] = draw_value(&mixture->dims[d], rng, i % 2 == 0);
    }
    loop_must(mlf__tpe_log_density(mixture, columns, POINTS, got), "density");
    for (size_t i = 0; i < POINTS; i++) {
        for (size_t d = 0; d < mixture->n_dims; d++)
            x[d] = cells[d][i];
        double want = naive_log_density(mixture, x);
        worst = fmax(worst, fabs(expm1(got[i] - want)));
    }
    return worst;
}

static void add_drawn(struct mlf__tpe_mixture *mixture, struct mlf__rng *rng, uint32_t trial)
{
    double values[DIMS_MAX];
    for (size_t d = 0; d < mixture->n_dims; d++)
        values[d] = draw_value(&mixture->dims[d], rng, trial % 2 == 0);
    loop_must(mlf__tpe_mixture_add(mixture, trial, values), "observation");
}

static void leaves_out_only_what_cannot_matter(size_t n_floats, bool discrete, uint32_t n)
{
    struct mlf__tpe_dim dims[DIMS_MAX];
    struct mlf__tpe_mixture mixture;
    struct mlf__rng rng;

    mlf__rng_init(&rng, 7, n, 0);
    loop_must(
        mlf__tpe_mixture_init(&mixture, dims, make_dims(dims, n_floats, discrete), true, false),
        "mixture");
    for (uint32_t i = 0; i < n; i++)
        add_drawn(&mixture, &rng, i);
    double worst = worst_error(&mixture, &rng);
    if (!OK(worst < 1e-12, "the density of %u kernels in %zu dimensions is exact", n,
            mixture.n_dims))
        printf("#   relative error %.3g\n", worst);
    mlf__tpe_mixture_free(&mixture);
}

/* ---- mixtures kept up to date ---- */

static bool same_kernels(const struct mlf__tpe_mixture *a, const struct mlf__tpe_mixture *b)
{
    if (a->n != b->n || fabs(a->total_weight - b->total_weight) > 1e-9)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        uint32_t x = a->by_number[i], y = b->by_number[i];
        if (a->numbers[x] != b->numbers[y] || a->constants[x] != b->constants[y] ||
            a->weights[x] != b->weights[y])
            return false;
        for (size_t d = 0; d < a->n_dims; d++)
            if (a->dims[d].kind != MLF__TPE_CHOICE &&
                a->columns[d].inverse[x] != b->columns[d].inverse[y])
                return false;
    }
    return true;
}

/* A trial's values, always the same. */
static void values_of(const struct mlf__tpe_mixture *mixture, uint32_t trial, double *values)
{
    struct mlf__rng rng;
    mlf__rng_init(&rng, 11, trial, 0);
    for (size_t d = 0; d < mixture->n_dims; d++)
        values[d] = draw_value(&mixture->dims[d], &rng, trial % 3 == 0);
}

static void keeps_up_with_what_comes_and_goes(void)
{
    enum { TRIALS = 300, STEPS = 900 };
    struct mlf__tpe_dim dims[DIMS_MAX];
    struct mlf__tpe_mixture kept, whole;
    struct mlf__rng rng;
    bool in[TRIALS] = {false}, same = true;
    double values[DIMS_MAX], all[TRIALS * DIMS_MAX];
    uint32_t trials[TRIALS];
    size_t n_dims = make_dims(dims, 2, true);

    mlf__rng_init(&rng, 3, 0, 0);
    loop_must(mlf__tpe_mixture_init(&kept, dims, n_dims, true, false), "mixture");
    for (int step = 0; step < STEPS && same; step++) {
        uint32_t trial = (uint32_t)mlf__rng_below(&rng, TRIALS);
        values_of(&kept, trial, values);
        loop_must(in[trial] ? mlf__tpe_mixture_remove(&kept, trial)
                            : mlf__tpe_mixture_add(&kept, trial, values),
                  "change");
        in[trial] = !in[trial];
        if (step % 7 != 0)
            continue;
        size_t n = 0;
        for (uint32_t i = 0; i < TRIALS; i++) {
            if (!in[i])
                continue;
            values_of(&kept, i, all + n * n_dims);
            trials[n++] = i;
        }
        loop_must(mlf__tpe_mixture_init(&whole, dims, n_dims, true, false), "mixture");
        loop_must(mlf__tpe_mixture_fill(&whole, trials, n, all), "fill");
        loop_must(mlf__tpe_mixture_settle(&kept), "settle");
        loop_must(mlf__tpe_mixture_settle(&whole), "settle");
        same = same_kernels(&kept, &whole);
        mlf__tpe_mixture_free(&whole);
    }
    OK(same, "a mixture that was changed step by step is the one built at once");
    double worst = worst_error(&kept, &rng);
    if (!OK(worst < 1e-12, "and its density is exact"))
        printf("#   relative error %.3g\n", worst);
    mlf__tpe_mixture_free(&kept);
}

static void finds_the_best_ratio(void)
{
    struct mlf__tpe_dim dims[DIMS_MAX];
    struct mlf__tpe_mixture good, bad;
    double cells[DIMS_MAX][POINTS], logs[POINTS], others[POINTS], ratio;
    const double *columns[DIMS_MAX];
    struct mlf__rng rng;
    size_t n_dims = make_dims(dims, 3, true), best;
    bool pass = true;

    mlf__rng_init(&rng, 5, 0, 0);
    loop_must(mlf__tpe_mixture_init(&good, dims, n_dims, true, false), "mixture");
    loop_must(mlf__tpe_mixture_init(&bad, dims, n_dims, true, false), "mixture");
    for (uint32_t i = 0; i < 700; i++)
        add_drawn(i % 30 == 0 ? &good : &bad, &rng, i);
    for (int round = 0; round < 50 && pass; round++) {
        for (size_t d = 0; d < n_dims; d++) {
            columns[d] = cells[d];
            for (size_t i = 0; i < POINTS; i++)
                cells[d][i] = draw_value(&dims[d], &rng, round % 2 == 0);
        }
        loop_must(mlf__tpe_log_density(&good, columns, POINTS, logs), "density");
        loop_must(mlf__tpe_log_density(&bad, columns, POINTS, others), "density");
        loop_must(mlf__tpe_best(&good, &bad, columns, POINTS, &best, &ratio), "best");
        for (size_t i = 0; i < POINTS; i++)
            pass = pass && logs[i] - others[i] <= ratio + 1e-12;
        pass = pass && fabs(logs[best] - others[best] - ratio) < 1e-12;
    }
    OK(pass, "the candidate chosen has the greatest ratio of densities");
    mlf__tpe_mixture_free(&good);
    mlf__tpe_mixture_free(&bad);
}

/* Kernels of every sort in one block each. */
static void variants_agree(void)
{
    enum { SLOTS = 64 };
    double mu[3][SLOTS], inverse[3][SLOTS], constants[SLOTS], weights[SLOTS], rows[] = {1, 3, 2, 5};
    uint32_t classes[SLOTS];
    double low[] = {0.3, 0.6, 0.2}, high[] = {0.3, 0.6, 0.25}, choices[] = {1}, misses[] = {2.5};
    size_t values[] = {1}, n_values[] = {2};
    const double *mus[] = {mu[0], mu[1], mu[2]}, *row[] = {rows}, *choice[] = {mu[0]};
    const double *inverses[] = {inverse[0], inverse[1], inverse[2]};
    const uint32_t *class_of[] = {classes};
    struct mlf__tpe_scan scan = {constants, weights, mus, inverses, row, class_of, n_values,
                                 choice,    misses,  2,   1,        1,   1,        40};
    struct mlf__rng rng;
    mlf__rng_init(&rng, 9, 0, 0);
    for (size_t i = 0; i < SLOTS; i++) {
        for (size_t d = 0; d < 3; d++) {
            mu[d][i] = d == 0 && i % 4 == 0 ? 1 : mlf__rng_uniform(&rng);
            inverse[d][i] = 1 + 20 * mlf__rng_uniform(&rng);
        }
        constants[i] = i % 13 == 5 ? -INFINITY : 3 * mlf__rng_uniform(&rng);
        weights[i] = mlf__rng_uniform(&rng);
        classes[i] = (uint32_t)(i & 1);
    }
    double want = 0;
    for (size_t i = 0; mlf__tpe_scan_variant(i) != NULL; i++) {
        struct mlf__tpe_point point = {low, high, choices, values, 0.1, -2, -42, 1};
        mlf__tpe_scan_variant(i)(&scan, &point, 0, SLOTS);
        if (i == 0)
            want = point.sum;
        if (!OK(point.sum > 1 && fabs(point.sum / want - 1) < 1e-13, "variant %zu of the scan", i))
            printf("#   %.17g, want %.17g\n", point.sum, want);
    }
}

/* ---- the sampler ---- */

static double bowl_trial(struct loop *loop, bool with_extra)
{
    struct loop_trial trial = loop_ask(loop);
    double x = loop_float(loop, &trial, "x", -5, 5, 0, false);
    double y = loop_float(loop, &trial, "y", 1e-3, 10, 0, true);
    double value = x * x + log(y) * log(y);
    if (with_extra)
        value += (double)loop_int(loop, &trial, "extra", 1, 9, false);
    loop_tell_value(loop, &trial, value);
    return value;
}

static bool is_given(const struct loop *loop, const struct loop_trial *trial, const char *name)
{
    for (size_t i = 0; i < trial->joint.n; i++)
        if (strcmp(loop->history.names[trial->joint.params[i].name], name) == 0)
            return true;
    return false;
}

static void begins_as_the_random_sampler(void)
{
    struct loop tpe, random;
    bool same = true;
    loop_open(&tpe, "tpe", 4, 1);
    loop_open(&random, "random", 4, 1);
    for (int i = 0; i < 10; i++)
        same = bowl_trial(&tpe, true) == bowl_trial(&random, true) && same;
    OK(same, "the first ten trials are those of the random sampler");
    OK(bowl_trial(&tpe, true) != bowl_trial(&random, true), "the eleventh is not");
    loop_close(&tpe);
    loop_close(&random);
}

static void draws_together_what_all_trials_have(void)
{
    static const struct {
        const char *sampler;
        bool joint, extra;
    } cases[] = {
        {"tpe", true, false}, {"tpe:multivariate=off", false, false}, {"tpe:group=on", true, true}};
    for (size_t i = 0; i < MLF__ARRAY_LEN(cases); i++) {
        struct loop loop;
        loop_open(&loop, cases[i].sampler, 1, 1);
        for (int k = 0; k < 30; k++)
            bowl_trial(&loop, k % 2 == 0);
        struct loop_trial trial = loop_ask(&loop);
        OK(is_given(&loop, &trial, "x") == cases[i].joint &&
               is_given(&loop, &trial, "y") == cases[i].joint &&
               is_given(&loop, &trial, "extra") == cases[i].extra,
           "%s: what is drawn together", cases[i].sampler);
        loop_tell_value(&loop, &trial, 1);
        loop_close(&loop);
    }
}

/* What |sampler| chooses for a trial that has no parameters yet, of the trials told before |n_told|. */
static double chosen_x(struct loop *loop, struct mlf__sampler *sampler, struct mlf__trial *row,
                       size_t n_told)
{
    struct mlf__view view = {&loop->history, n_told, row};
    struct mlf__joint joint = {0};
    double x = NAN;
    loop_must(mlf__sampler_ask(sampler, &view, &joint), "ask");
    for (size_t i = 0; i < joint.n; i++)
        if (strcmp(loop->history.names[joint.params[i].name], "x") == 0)
            x = joint.params[i].value;
    mlf__free(joint.params);
    return x;
}

static void depends_on_the_view_alone(const char *name)
{
    struct loop loop;
    struct mlf__sampler *again;
    loop_open(&loop, name, 6, 1);
    for (int i = 0; i < 40; i++)
        bowl_trial(&loop, false);
    struct loop_trial trial = loop_ask(&loop);
    double first = chosen_x(&loop, loop.sampler, trial.row, 40);
    loop_must(mlf__sampler_open(name, &loop.history, 6, &again), "again");
    OK(first == chosen_x(&loop, again, trial.row, 40),
       "%s: a study that was read back goes on the same", name);
    mlf__sampler_close(again);
    loop_tell_value(&loop, &trial, 3);
    loop_close(&loop);
}

static void sees_what_was_told_when_it_was_asked(void)
{
    struct loop loop;
    loop_open(&loop, "tpe:liar=off", 6, 1);
    for (int i = 0; i < 40; i++)
        bowl_trial(&loop, false);
    struct loop_trial trial = loop_ask(&loop);
    double now = chosen_x(&loop, loop.sampler, trial.row, 40);
    for (int i = 0; i < 20; i++)
        bowl_trial(&loop, false);
    OK(chosen_x(&loop, loop.sampler, trial.row, 60) != now, "later trials change the choice");
    OK(chosen_x(&loop, loop.sampler, trial.row, 40) == now, "but not in a view that has them not");
    loop_tell_value(&loop, &trial, 3);
    loop_close(&loop);
}

static void takes_trials_that_go_on_as_bad(void)
{
    struct loop loop;
    struct mlf__sampler *bold;
    loop_open(&loop, "tpe", 6, 1);
    for (int i = 0; i < 40; i++)
        bowl_trial(&loop, false);
    struct loop_trial first = loop_ask(&loop);
    loop_float(&loop, &first, "x", -5, 5, 0, false);
    loop_float(&loop, &first, "y", 1e-3, 10, 0, true);
    struct loop_trial trials[8];
    bool differs = false;
    loop_must(mlf__sampler_open("tpe:liar=off", &loop.history, 6, &bold), "bold");
    for (size_t i = 0; i < MLF__ARRAY_LEN(trials); i++) {
        trials[i] = loop_ask(&loop);
        trials[i].row->joint = &trials[i].joint;
        differs = differs || chosen_x(&loop, loop.sampler, trials[i].row, 40) !=
                                 chosen_x(&loop, bold, trials[i].row, 40);
    }
    OK(differs, "trials that go on change the choice");
    mlf__sampler_close(bold);
    for (size_t i = 0; i < MLF__ARRAY_LEN(trials); i++) {
        trials[i].row->joint = NULL;
        loop_tell(&loop, &trials[i], MLF_TRIAL_FAIL, NULL, 0);
    }
    loop_tell(&loop, &first, MLF_TRIAL_FAIL, NULL, 0);
    loop_close(&loop);
}

/* What is drawn alone is the same, however far the trials before it have come. */
static void draws_alone_whatever_goes_on(void)
{
    struct loop loop;
    double x[2] = {0};
    for (size_t late = 0; late < 2; late++) {
        loop_open(&loop, "tpe:multivariate=off", 6, 1);
        for (int i = 0; i < 40; i++)
            bowl_trial(&loop, false);
        struct loop_trial others[8], trial;
        for (size_t i = 0; i < MLF__ARRAY_LEN(others); i++)
            others[i] = loop_ask(&loop);
        for (size_t i = 0; late && i < MLF__ARRAY_LEN(others); i++)
            loop_float(&loop, &others[i], "x", -5, 5, 0, false);
        for (int i = 0; i < 50; i++) {
            trial = loop_ask(&loop);
            x[late] += loop_float(&loop, &trial, "x", -5, 5, 0, false);
            loop_tell(&loop, &trial, MLF_TRIAL_FAIL, NULL, 0);
        }
        for (size_t i = 0; i < MLF__ARRAY_LEN(others); i++)
            loop_tell(&loop, &others[i], MLF_TRIAL_FAIL, NULL, 0);
        loop_close(&loop);
    }
    OK(x[0] == x[1], "what is drawn alone does not depend on how fast others run (%.17g, %.17g)",
       x[0], x[1]);
}

static void finds_a_front(void)
{
    struct loop loop;
    size_t n_front = 0;
    loop_open(&loop, "tpe", 2, 2);
    loop.history.directions[1] = MLF_MAXIMIZE;
    for (int i = 0; i < 60; i++) {
        struct loop_trial trial = loop_ask(&loop);
        double x = loop_float(&loop, &trial, "x", -2, 4, 0, false);
        double y = loop_float(&loop, &trial, "y", -4, 4, 0, false);
        double values[] = {x * x + y * y, -(x - 2) * (x - 2) - y * y};
        loop_tell(&loop, &trial, MLF_TRIAL_COMPLETE, values, 2);
        n_front += i >= 30 && fabs(y) < 1 && x > -0.5 && x < 2.5;
    }
    OK(n_front > 15, "with two objectives, one maximised, trials gather between the optima");
    loop_close(&loop);
}

static void survives_want_of_memory(const char *name)
{
    struct loop loop;
    int failed = 0, worked = 0;
    loop_open(&loop, name, 6, 1);
    for (int i = 0; i < 40; i++)
        bowl_trial(&loop, i % 2 == 0);
    struct loop_trial trial = loop_ask(&loop);
    struct mlf__view view = {&loop.history, 40, trial.row};
    for (long n = 1; n < 200; n++) {
        struct mlf__joint joint = {0};
        mlf__alloc_fail_after(n);
        mlf_status status = mlf__sampler_ask(loop.sampler, &view, &joint);
        mlf__alloc_fail_after(0);
        failed += status == MLF_ERR_NOMEM;
        worked += status == MLF_OK;
        mlf__free(joint.params);
    }
    OK(failed > 0 && worked > 0 && failed + worked == 199,
       "%s: want of memory is a status, and passes (%d times)", name, failed);
    loop_tell_value(&loop, &trial, 1);
    loop_close(&loop);
}

static void refuses_bad_settings(void)
{
    struct mlf__history history = {.n_objectives = 1};
    struct mlf__sampler *sampler;
    IS(mlf__sampler_open("tpe:group=on,multivariate=off", &history, 1, &sampler), MLF_ERR_INVAL,
       "groups of one are refused");
    IS(mlf__sampler_open("tpe:candidates=0", &history, 1, &sampler), MLF_ERR_INVAL,
       "so is no candidate");
    loop_must(mlf__sampler_open("tpe:bandwidth=scott,liar=off", &history, 1, &sampler), "scott");
    mlf__sampler_close(sampler);
    mlf__history_free(&history);
}

/* Four trials at a time that ask late and end in any order and any state, with a range that changes and a parameter that
 * only some have. */
static void serves_trials_out_of_order(const char *name)
{
    enum { AT_ONCE = 4, STEPS = 400 };
    struct loop loop;
    struct loop_trial trials[AT_ONCE] = {0};
    struct mlf__rng rng;
    bool pass = true;
    mlf__rng_init(&rng, 8, 0, 0);
    loop_open(&loop, name, 3, 1);
    for (int i = 0; i < STEPS; i++) {
        struct loop_trial *trial = &trials[mlf__rng_below(&rng, AT_ONCE)];
        if (trial->row == NULL) {
            *trial = loop_ask(&loop);
            trial->row->joint = &trial->joint;
            continue;
        }
        double high = i > STEPS / 2 ? 3 : 5;
        double x = loop_float(&loop, trial, "x", -5, high, 0, false);
        double n = loop_int(&loop, trial, "n", 1, 1000, true);
        size_t c = loop_choice(&loop, trial, "c", (const char *const[]){"a", "b"}, 2);
        double value = x * x + (n - 300) * (n - 300) / 1e4 + (double)c;
        if (c == 0)
            value += loop_float(&loop, trial, "y", 0, 1, 0.1, false);
        pass = pass && x >= -5 && x <= high && n >= 1 && n <= 1000 && c < 2;
        trial->row->joint = NULL;
        size_t how = mlf__rng_below(&rng, 10);
        if (how == 0)
            loop_tell(&loop, trial, MLF_TRIAL_FAIL, NULL, 0);
        else if (how == 1)
            loop_tell(&loop, trial, MLF_TRIAL_PRUNED, NULL, 0);
        else
            loop_tell_value(&loop, trial, how == 2 ? INFINITY : value);
        trial->row = NULL;
    }
    for (size_t i = 0; i < AT_ONCE; i++)
        mlf__free(trials[i].joint.params);
    OK(pass, "%s: values are in range when trials ask late and end in any order", name);
    loop_close(&loop);
}

/* Scott's rule as version 4 had it: 0.2 of the range, times n^(-1/(d + 4)). */
static void widths_by_scott(void)
{
    struct mlf__tpe_dim dims[DIMS_MAX];
    struct mlf__tpe_mixture mixture;
    struct mlf__rng rng;
    mlf__rng_init(&rng, 1, 1, 0);
    loop_must(mlf__tpe_mixture_init(&mixture, dims, make_dims(dims, 1, false), true, true),
              "scott");
    for (uint32_t i = 0; i < 32; i++)
        add_drawn(&mixture, &rng, i);
    loop_must(mlf__tpe_mixture_settle(&mixture), "settle");
    OK(fabs(1 / mixture.columns[0].inverse[0] - 0.2 * 9.99 / 2) < 1e-12,
       "the width of 32 kernels in one dimension is a tenth of the range");
    mlf__tpe_mixture_free(&mixture);
}

/* ---- fronts ---- */

static void ranks_by_violation_and_limit(void)
{
    static const double points[] = {1, 1, 0, 0, 2, 2, 1, 1, 3, 3, 0, 5};
    static const double violations[] = {0, 2, 0, 0, 0.5, 0};
    uint32_t ranks[6];
    loop_must(mlf__pareto_ranks(points, 6, 2, violations, 0, ranks), "ranks");
    OK(ranks[0] == 0 && ranks[3] == 0 && ranks[5] == 0 && ranks[2] == 1,
       "feasible points are ranked among themselves, equal ones alike");
    OK(ranks[4] == 2 && ranks[1] == 3, "infeasible ones come behind, by their violation");
    static const double line[] = {0, 0, 1, 1, 2, 2, 3, 3};
    loop_must(mlf__pareto_ranks(line, 4, 2, NULL, 2, ranks), "ranks");
    OK(ranks[0] == 0 && ranks[1] == 1 && ranks[2] == 2 && ranks[3] == 2,
       "beyond the limit ranks are one");
    OK(mlf__pareto_dominates(line, line + 2, 2) && !mlf__pareto_dominates(line, line, 2),
       "dominance is strict somewhere");
}

static void subsets_of_equals_and_infinities(void)
{
    static const double points[] = {1, 1, 1, 1, 0, 2, 1, 1};
    static const double reference[] = {3, 3}, endless[] = {INFINITY, 3};
    uint32_t chosen[4];
    loop_must(mlf__pareto_subset(points, 4, 2, reference, 3, chosen), "subset");
    OK(chosen[0] == 2 && chosen[1] == 0 && chosen[2] == 1,
       "where there are too few different points, equal ones fill up");
    loop_must(mlf__pareto_subset(points, 4, 2, endless, 1, chosen), "subset");
    IS(chosen[0], 2, "with an infinite reference the first in lexicographic order is chosen");
    double volume;
    loop_must(mlf__pareto_hypervolume(points, 4, 2, reference, &volume), "hypervolume");
    OK(volume == 5, "equal points count once");
    loop_must(mlf__pareto_hypervolume(points, 4, 2, endless, &volume), "hypervolume");
    OK(isinf(volume), "an infinite reference has an infinite volume");
}

int main(void)
{
    cJSON *data = tuner_data_read(__FILE__, "tpe.json");

    check_recorded_functions(data);
    check_recorded_studies(data);
    check_recorded_fronts(data);
    cJSON_Delete(data);

    leaves_out_only_what_cannot_matter(1, false, 40);
    leaves_out_only_what_cannot_matter(2, false, 3000);
    leaves_out_only_what_cannot_matter(10, false, 1000);
    leaves_out_only_what_cannot_matter(30, false, 300);
    leaves_out_only_what_cannot_matter(0, true, 500);
    leaves_out_only_what_cannot_matter(3, true, 1000);
    leaves_out_only_what_cannot_matter(3, true, 0);
    keeps_up_with_what_comes_and_goes();
    finds_the_best_ratio();
    variants_agree();
    widths_by_scott();

    begins_as_the_random_sampler();
    draws_together_what_all_trials_have();
    depends_on_the_view_alone("tpe");
    depends_on_the_view_alone("tpe:group=on");
    sees_what_was_told_when_it_was_asked();
    takes_trials_that_go_on_as_bad();
    draws_alone_whatever_goes_on();
    finds_a_front();
    survives_want_of_memory("tpe");
    survives_want_of_memory("tpe:group=on");
    serves_trials_out_of_order("tpe");
    serves_trials_out_of_order("tpe:group=on");
    serves_trials_out_of_order("tpe:multivariate=off");
    serves_trials_out_of_order("auto");
    refuses_bad_settings();

    ranks_by_violation_and_limit();
    subsets_of_equals_and_infinities();
    return tap_done();
}
