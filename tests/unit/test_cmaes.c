/* SPDX-License-Identifier: Apache-2.0 */
/* CMA-ES: its numbers against recorded ones (tests/data/optuna/cma.md), its draws, restarts, and that its state follows from
 * the trials told. */
#include "test_sampler_loop.h"
#include "tests/support/tap.h"
#include "tests/support/tuner_data.h"
#include "tuner/samplers/cmaes_core.h"

#include <cjson/cJSON.h>

enum { DIM_MAX = 16, POPSIZE_MAX = 32, CHOICES = 3 };

static const char *const CHOICE[CHOICES] = {"a", "b", "c"};

/* ---- recorded numbers ---- */

/* The largest difference between |json|, a number or lists of them, and what lies at |*at|, which it steps over. */
static double difference(const cJSON *json, const double **at)
{
    double largest = 0;

    if (cJSON_IsNumber(json))
        return fabs(json->valuedouble - *(*at)++);
    if (!cJSON_IsArray(json))
        return INFINITY;
    for (const cJSON *item = json->child; item != NULL; item = item->next)
        largest = fmax(largest, difference(item, at));
    return largest;
}

static void is_close(const cJSON *object, const char *key, const double *got, const char *of)
{
    const double *at = got;
    double apart = difference(cJSON_GetObjectItem(object, key), &at);
    if (!OK(apart <= 1e-9, "%s: %s", of, key))
        printf("#   %.3g apart\n", apart);
}

static void check_constants(const cJSON *entry, const struct mlf__cmaes *cma, const char *of)
{
    const double popsize = (double)cma->popsize;

    is_close(entry, "popsize", &popsize, of);
    is_close(entry, "mueff", &cma->mueff, of);
    is_close(entry, "c1", &cma->c1, of);
    is_close(entry, "cmu", &cma->cmu, of);
    is_close(entry, "cc", &cma->cc, of);
    is_close(entry, "cs", &cma->cs, of);
    is_close(entry, "ds", &cma->ds, of);
    is_close(entry, "chin", &cma->chi, of);
    is_close(entry, "weights", cma->weights, of);
}

static void check_updates(const cJSON *entry, struct mlf__cmaes *cma, const char *of)
{
    double points[POPSIZE_MAX * DIM_MAX], values[POPSIZE_MAX];
    double *point = points, *value = values;
    char key[64];

    for (const cJSON *item = cJSON_GetObjectItem(entry, "solutions")->child; item != NULL;
         item = item->next) {
        for (const cJSON *x = item->child->child; x != NULL; x = x->next)
            *point++ = x->valuedouble;
        *value++ = item->child->next->valuedouble;
    }
    for (int update = 1; update <= 12; update++) {
        IS(mlf__cmaes_update(cma, points, values), MLF_OK, "a generation is taken in");
        snprintf(key, sizeof(key), "after%d", update);
        const cJSON *after = cJSON_GetObjectItem(entry, key);
        if (after == NULL)
            continue;
        snprintf(key, sizeof(key), "%s, %d", of, update);
        is_close(after, "mean", cma->mean, key);
        is_close(after, "sigma", &cma->sigma, key);
        is_close(after, "C", cma->c, key);
        is_close(after, "pc", cma->pc, key);
        is_close(after, "ps", cma->ps, key);
        if (cma->margins)
            is_close(after, "A", cma->spread, key);
    }
}

static void test_recorded(void)
{
    static const char *const KINDS[] = {"cma", "sep", "margin"};
    cJSON *json = tuner_data_read(__FILE__, "cma.json");

    for (int kind = 0; kind < 3; kind++) {
        const cJSON *list = cJSON_GetObjectItem(json, KINDS[kind]);
        OK(cJSON_GetArraySize(list) >= 2, "there are cases of %s", KINDS[kind]);
        for (const cJSON *entry = list->child; entry != NULL; entry = entry->next) {
            struct mlf__cmaes cma;
            double cells[DIM_MAX] = {0};
            size_t n = 0, dim = (size_t)cJSON_GetObjectItem(entry, "dim")->valueint;
            const cJSON *list_of_cells = cJSON_GetObjectItem(entry, "cells");
            for (const cJSON *k = list_of_cells ? list_of_cells->child : NULL; k; k = k->next)
                cells[n++] = k->valuedouble;
            struct mlf__cmaes_options options = {
                .dim = dim, .separable = kind == 1, .cells = kind == 2 ? cells : NULL};
            char of[32];
            snprintf(of, sizeof(of), "%s %zu", KINDS[kind], dim);
            IS(mlf__cmaes_init(&cma, &options), MLF_OK, of);
            if (kind < 2)
                check_constants(entry, &cma, of);
            check_updates(entry, &cma, of);
            mlf__cmaes_free(&cma);
        }
    }
    cJSON_Delete(json);
}

/* ---- the core ---- */

static void test_options(void)
{
    struct mlf__cmaes cma;

    IS(mlf__cmaes_init(&cma, &(struct mlf__cmaes_options){.dim = 0}), MLF_ERR_INVAL,
       "no dimension is refused");
    IS(mlf__cmaes_init(&cma, &(struct mlf__cmaes_options){.dim = 2, .popsize = 1}), MLF_ERR_INVAL,
       "a population of one is refused");
    for (size_t popsize = 2; popsize < 6; popsize++) {
        IS(mlf__cmaes_init(&cma, &(struct mlf__cmaes_options){.dim = 1, .popsize = popsize}),
           MLF_OK, "a small population in one dimension is served");
        bool finite = true;
        for (size_t i = 0; i < popsize; i++)
            finite &= isfinite(cma.weights[i]) != 0;
        OK(finite, "its weights are numbers");
        mlf__cmaes_free(&cma);
    }
}

/* With a mean near a corner most draws lie outside. */
static void test_bounds(void)
{
    struct mlf__cmaes cma;
    double mean[3] = {0.999, 0.001, 0.5}, x[3], raw[3], cells[3] = {0, 0, 4};
    bool inside = true, in_cells = true;
    int clipped = 0;

    struct mlf__cmaes_options options = {.dim = 3, .sigma = 5, .mean = mean, .cells = cells};
    loop_must(mlf__cmaes_init(&cma, &options), "init");
    for (uint64_t i = 0; i < 2000; i++) {
        struct mlf__rng rng;
        mlf__rng_init(&rng, 1, i, 0);
        mlf__cmaes_sample(&cma, &rng, x, raw);
        for (int k = 0; k < 3; k++)
            inside &= x[k] >= 0 && x[k] <= 1;
        in_cells &= fabs(x[2] * 4 - 0.5 - floor(x[2] * 4)) < 1e-12;
        clipped += x[0] == 1 || x[0] == 0;
    }
    OK(inside, "draws lie in the cube");
    OK(in_cells, "a coordinate with cells is in the middle of one");
    OK(clipped > 0 && clipped < 2000, "draws are repeated before they are clipped");
    mlf__cmaes_free(&cma);
}

/* A discrete coordinate whose step size has become tiny: with margins it still leaves its cell. */
static void test_margin_keeps_moving(void)
{
    double cells[2] = {0, 10}, points[64], values[32];
    int left[2] = {0, 0};

    for (int margins = 0; margins < 2; margins++) {
        struct mlf__cmaes cma;
        struct mlf__cmaes_options options = {.dim = 2, .cells = margins ? cells : NULL};
        loop_must(mlf__cmaes_init(&cma, &options), "init");
        for (int generation = 0; generation < 200; generation++) {
            for (size_t k = 0; k < cma.popsize; k++) {
                double x[2];
                struct mlf__rng rng;
                mlf__rng_init(&rng, 7, (uint64_t)generation * 100 + k, 0);
                mlf__cmaes_sample(&cma, &rng, x, points + 2 * k);
                double cell = floor(x[1] * 10);
                left[margins] += generation > 100 && cell != 3;
                values[k] = pow(x[0] - 0.4, 2) + fabs(cell - 3);
            }
            loop_must(mlf__cmaes_update(&cma, points, values), "update");
        }
        mlf__cmaes_free(&cma);
    }
    OK(left[0] < 5, "without margins a cell is not left any more (%d)", left[0]);
    OK(left[1] > 20, "with margins it is, now and then (%d)", left[1]);
}

/* Runs the core on |f| until it says why it stops; NULL: not within |most| generations. */
static const char *run_until_stop(double (*f)(const double *x), size_t dim, int most)
{
    struct mlf__cmaes cma;
    double points[POPSIZE_MAX * DIM_MAX], values[POPSIZE_MAX];
    const char *stop = NULL;

    loop_must(mlf__cmaes_init(&cma, &(struct mlf__cmaes_options){.dim = dim}), "init");
    for (int generation = 0; generation < most && stop == NULL; generation++) {
        for (size_t k = 0; k < cma.popsize; k++) {
            struct mlf__rng rng;
            mlf__rng_init(&rng, 3, (uint64_t)generation * 100 + k, 0);
            mlf__cmaes_sample(&cma, &rng, points + k * dim, NULL);
            values[k] = f(points + k * dim);
        }
        loop_must(mlf__cmaes_update(&cma, points, values), "update");
        stop = mlf__cmaes_stop(&cma);
    }
    mlf__cmaes_free(&cma);
    return stop;
}

static double constant(const double *x)
{
    (void)x;
    return 1;
}

static double shifted_sphere(const double *x)
{
    return 1e9 * (pow(x[0] - 0.3, 2) + pow(x[1] - 0.6, 2)) + 1;
}

/* So much noise that there is nothing to find: no value is ever the same. */
static double noise(const double *x)
{
    return fmod(1e7 * fabs(sin(1e6 * x[0]) + sin(1e6 * x[1])), 1);
}

static void test_stop(void)
{
    STR(run_until_stop(constant, 2, 40), "tolfun", "a flat objective ends a search");
    const char *stop = run_until_stop(shifted_sphere, 2, 400);
    OK(stop != NULL, "an optimum that was reached ends a search (%s)", stop ? stop : "no");
    OK(run_until_stop(shifted_sphere, 2, 20) == NULL, "a search that gets on goes on");
    stop = run_until_stop(noise, 2, 3000);
    OK(stop != NULL, "noise ends a search (%s)", stop ? stop : "no");
}

/* ---- the sampler ---- */

struct problem {
    bool discrete, maximize, constrained, choice;
    int fails, prunes; /* every so many trials; 0: never */
};

static double ask_and_value(struct loop *loop, struct loop_trial *trial, const struct problem *p)
{
    double x = loop_float(loop, trial, "x", -5, 10, 0, false);
    double lr = loop_float(loop, trial, "lr", 1e-5, 1, 0, true);
    double value = pow(x - 2, 2) + pow(log10(lr) + 3, 2);

    if (p->discrete) {
        value += pow(((double)loop_int(loop, trial, "n", 1, 40, false) - 12) / 10, 2);
        value += pow(loop_float(loop, trial, "share", 0, 1, 0.1, false) - 0.3, 2);
        value += pow(log2(loop_int(loop, trial, "units", 4, 512, true)) - 6, 2);
    }
    if (p->choice)
        value += (double)loop_choice(loop, trial, "kind", CHOICE, CHOICES);
    if (p->constrained)
        loop_must(mlf__trial_add_constraint(trial->row, "right", 4 - x), "constraint");
    return p->maximize ? -value : value;
}

static void run(struct loop *loop, size_t n, const struct problem *p)
{
    for (size_t i = 1; i <= n; i++) {
        struct loop_trial trial = loop_ask(loop);
        double value = ask_and_value(loop, &trial, p);
        if (p->fails > 0 && i % (size_t)p->fails == 0) {
            loop_tell(loop, &trial, MLF_TRIAL_FAIL, NULL, 0);
        } else if (p->prunes > 0 && i % (size_t)p->prunes == 0) {
            loop_must(mlf__trial_add_intermediate(trial.row, 1, value), "report");
            loop_tell(loop, &trial, MLF_TRIAL_PRUNED, NULL, 0);
        } else {
            loop_tell_value(loop, &trial, value);
        }
    }
}

/* Are the values that |loop| would give to a trial now those that |text|, opened on its history, gives? */
static bool goes_on_the_same(struct loop *loop, const char *text, uint64_t seed)
{
    struct mlf__sampler *again = NULL;
    struct mlf__joint a = {0}, b = {0};

    loop_must(mlf__sampler_open(text, &loop->history, seed, &again), text);
    struct mlf__trial *next = NULL;
    size_t n_told = loop->history.n_told;
    loop_must(mlf__history_add(&loop->history, MLF_TRIAL_RUNNING, &next), "add");
    struct mlf__view view = {&loop->history, n_told, next};
    loop_must(mlf__sampler_ask(loop->sampler, &view, &a), "ask");
    loop_must(mlf__sampler_ask(again, &view, &b), "ask");
    bool same = a.n > 0 && a.n == b.n && a.generation == b.generation;
    for (size_t i = 0; i < a.n && same; i++)
        same = a.params[i].name == b.params[i].name && a.params[i].dist == b.params[i].dist &&
               a.params[i].value == b.params[i].value;
    mlf__free(a.params);
    mlf__free(b.params);
    mlf__sampler_close(again);
    return same;
}

static void test_replay(void)
{
    static const struct {
        const char *text;
        struct problem problem;
        size_t trials;
    } CASES[] = {
        {"cmaes", {0}, 100},
        {"cmaes", {.discrete = true, .fails = 5}, 173},
        {"cmaes:separable=on", {.discrete = true}, 90},
        {"cmaes:margin=on", {.discrete = true, .maximize = true}, 333},
        {"cmaes:pruned=on", {.prunes = 3}, 101},
        {"cmaes:restarts=ipop,popsize=4", {.discrete = true, .choice = true}, 2000},
        {"cmaes:restarts=bipop,margin=on,popsize=4", {.discrete = true}, 3000},
    };
    for (size_t i = 0; i < MLF__ARRAY_LEN(CASES); i++) {
        struct loop loop;
        loop_open(&loop, CASES[i].text, 11, 1);
        run(&loop, CASES[i].trials, &CASES[i].problem);
        OK(goes_on_the_same(&loop, CASES[i].text, 11),
           "%s, case %zu: a study read back goes on as "
           "it would have",
           CASES[i].text, i);
        OK(!goes_on_the_same(&loop, CASES[i].text, 12), "another seed gives other values");
        loop_close(&loop);
    }
}

static double best_of(const struct loop *loop, size_t from)
{
    double best = INFINITY;
    for (size_t i = from; i < loop->history.n_trials; i++)
        if (loop->history.trials[i]->state == MLF_TRIAL_COMPLETE)
            best = fmin(best, loop->history.trials[i]->value);
    return best;
}

/* Thousands of times nearer than chance comes, which is at about 0.3 after 300 trials. */
static void test_finds(void)
{
    static const char *const TEXTS[] = {"cmaes", "cmaes:separable=on", "cmaes:margin=on",
                                        "cmaes:restarts=off,popsize=10", "cmaes:sigma=0.3"};
    for (size_t i = 0; i < MLF__ARRAY_LEN(TEXTS); i++) {
        struct loop loop;
        loop_open(&loop, TEXTS[i], 5, 1);
        run(&loop, 300, &(struct problem){0});
        OK(best_of(&loop, 0) < 1e-4, "%s finds the optimum of a sphere (%.3g)", TEXTS[i],
           best_of(&loop, 0));
        loop_close(&loop);
    }
}

static void test_maximizes(void)
{
    struct loop down, up;
    bool same = true;

    loop_open(&down, "cmaes", 9, 1);
    loop_open(&up, "cmaes", 9, 1);
    up.history.directions[0] = MLF_MAXIMIZE;
    run(&down, 80, &(struct problem){0});
    run(&up, 80, &(struct problem){.maximize = true});
    for (size_t i = 0; i < 80; i++)
        same &= down.history.trials[i]->value == -up.history.trials[i]->value;
    OK(same, "maximizing is minimizing the other way round");
    loop_close(&down);
    loop_close(&up);
}

/* The spread of x over the latest trials: small when a search has come to its end. */
static double latest_spread(const struct loop *loop, size_t n)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t i = loop->history.n_trials - n; i < loop->history.n_trials; i++) {
        low = fmin(low, loop->history.trials[i]->params[0].value);
        high = fmax(high, loop->history.trials[i]->params[0].value);
    }
    return high - low;
}

static void test_restarts(void)
{
    static const char *const TEXTS[] = {"cmaes:restarts=off", "cmaes:restarts=ipop", "cmaes"};
    for (size_t i = 0; i < MLF__ARRAY_LEN(TEXTS); i++) {
        struct loop loop;
        loop_open(&loop, TEXTS[i], 2, 1);
        run(&loop, 600, &(struct problem){0});
        double before = latest_spread(&loop, 60);
        double widest = 0;
        for (int k = 0; k < 10; k++) {
            run(&loop, 60, &(struct problem){0});
            widest = fmax(widest, latest_spread(&loop, 60));
        }
        if (i == 0)
            OK(before < 0.01 && widest < 0.01, "%s: stays at the optimum", TEXTS[i]);
        else
            OK(widest > 1, "%s: searches elsewhere after it (%.3g, %.3g)", TEXTS[i], before,
               widest);
        loop_close(&loop);
    }
}

/* Four trials go on at the same time; every fifth fails. */
static void test_asynchronous(void)
{
    double best[2];

    for (int round = 0; round < 2; round++) {
        struct loop loop;
        struct loop_trial going[4];
        double values[4];
        loop_open(&loop, "cmaes", 4, 1);
        for (size_t i = 0; i < 400; i++) {
            size_t slot = (i * 7 + i / 4) % 4;
            if (i < 4)
                slot = i;
            else if (i % 5 == 0)
                loop_tell(&loop, &going[slot], MLF_TRIAL_FAIL, NULL, 0);
            else
                loop_tell_value(&loop, &going[slot], values[slot]);
            going[slot] = loop_ask(&loop);
            values[slot] = ask_and_value(&loop, &going[slot], &(struct problem){.discrete = true});
        }
        best[round] = best_of(&loop, 0);
        OK(goes_on_the_same(&loop, "cmaes", 4), "so does one with trials side by side");
        for (int i = 0; i < 4; i++)
            mlf__free(going[i].joint.params);
        loop_close(&loop);
    }
    OK(best[0] == best[1], "the same seed and order give the same study");
    OK(best[0] < 0.1, "trials side by side find the optimum (%.3g)", best[0]);
}

static void test_choices_are_random(void)
{
    struct loop loop;
    size_t seen[CHOICES] = {0};

    loop_open(&loop, "cmaes", 6, 1);
    run(&loop, 300, &(struct problem){.choice = true});
    for (size_t i = 200; i < 300; i++)
        seen[(size_t)loop.history.trials[i]->params[2].value]++;
    OK(seen[0] > 15 && seen[1] > 15 && seen[2] > 15, "choices are left to chance (%zu %zu %zu)",
       seen[0], seen[1], seen[2]);
    OK(best_of(&loop, 200) < 1e-3, "numbers beside them are searched (%.3g)", best_of(&loop, 200));
    loop_close(&loop);
}

/* A branch that appears late takes its parameter out of the space; the rest is searched on. */
static void test_conditional(void)
{
    struct loop loop;

    loop_open(&loop, "cmaes", 8, 1);
    for (int i = 0; i < 400; i++) {
        struct loop_trial trial = loop_ask(&loop);
        double x = loop_float(&loop, &trial, "x", -5, 10, 0, false);
        double y = loop_float(&loop, &trial, "y", -5, 10, 0, false);
        double z = i < 60 || i % 2 == 0 ? loop_float(&loop, &trial, "z", 0, 1, 0, false) : 0.5;
        loop_tell_value(&loop, &trial, (x - 2) * (x - 2) + (y - 1) * (y - 1) + z);
    }
    double spread = 0;
    for (size_t i = 350; i < 400; i++)
        spread = fmax(spread, fabs(loop.history.trials[i]->params[0].value - 2));
    OK(spread < 0.5, "what is left of the space is searched (%.3g)", spread);
    OK(goes_on_the_same(&loop, "cmaes", 8), "and is read back");
    loop_close(&loop);
}

static void test_constraints(void)
{
    struct loop loop;
    double best = INFINITY;

    loop_open(&loop, "cmaes", 3, 1);
    run(&loop, 300, &(struct problem){.constrained = true});
    for (size_t i = 0; i < 300; i++)
        if (!(loop.history.trials[i]->violation > 0))
            best = fmin(best, loop.history.trials[i]->value);
    OK(fabs(best - 4) < 0.05, "the best feasible value lies at the constraint (%.3g)", best);
    loop_close(&loop);
}

static void test_odd_values(void)
{
    struct loop loop;
    size_t odd = 0;

    loop_open(&loop, "cmaes:popsize=6", 3, 1);
    for (int i = 0; i < 300; i++) {
        struct loop_trial trial = loop_ask(&loop);
        double x = loop_float(&loop, &trial, "x", -5, 10, 0, false);
        double y = loop_int(&loop, &trial, "y", 0, 3, false);
        odd += !(isfinite(x) && isfinite(y));
        loop_tell_value(&loop, &trial, i % 3 == 0 ? INFINITY : i % 3 == 1 ? -INFINITY : x + y);
    }
    IS(odd, 0, "infinite values leave the search sound");
    loop_close(&loop);
    loop_open(&loop, "cmaes:restarts=off", 3, 1);
    for (int i = 0; i < 20000; i++) {
        struct loop_trial trial = loop_ask(&loop);
        double x = loop_int(&loop, &trial, "x", 0, 1, false);
        odd += !(x == 0 || x == 1);
        loop_tell_value(&loop, &trial, x);
    }
    IS(odd, 0, "so does a search that has shrunk to nothing");
    loop_close(&loop);
}

/* An enqueued trial counts with the values that it was given, also such as lie outside the range. */
static void test_given_values(void)
{
    struct loop loop;

    loop_open(&loop, "cmaes", 1, 1);
    run(&loop, 30, &(struct problem){0});
    for (int i = 0; i < 30; i++) {
        struct loop_trial trial = loop_ask(&loop);
        struct mlf__dist x, lr;
        const double good[2] = {2, 1e-3}, bad[2] = {1e300, -1};
        loop_must(mlf__dist_float("x", -5, 10, 0, false, &x), "x");
        loop_must(mlf__dist_float("lr", 1e-5, 1, 0, true, &lr), "lr");
        loop_set(&loop, &trial, "x", &x, i % 2 ? &good[0] : &bad[0]);
        loop_set(&loop, &trial, "lr", &lr, i % 2 ? &good[1] : &bad[1]);
        loop_tell_value(&loop, &trial, i % 2 ? 0 : 1e300);
    }
    run(&loop, 120, &(struct problem){0});
    OK(best_of(&loop, 100) < 0.01, "given values do no harm (%.3g)", best_of(&loop, 100));
    OK(goes_on_the_same(&loop, "cmaes", 1), "and are read back");
    loop_close(&loop);
}

static void test_refused(void)
{
    struct mlf__history one = {.n_objectives = 1}, two = {.n_objectives = 2};
    struct mlf__sampler *sampler;

    IS(mlf__sampler_open("cmaes", &two, 1, &sampler), MLF_ERR_INVAL,
       "several objectives are refused");
    IS(mlf__sampler_open("cmaes:separable=on,margin=on", &one, 1, &sampler), MLF_ERR_INVAL,
       "separable and margin together are refused");
    OK(strstr(mlf__errmsg(), "separable") != NULL, "and named");
    IS(mlf__sampler_open("cmaes:popsize=1", &one, 1, &sampler), MLF_ERR_INVAL,
       "a population of one is refused");
    IS(mlf__sampler_open("cmaes:restarts=some", &one, 1, &sampler), MLF_ERR_INVAL,
       "an unknown kind of restart is refused");
}

/* Whichever allocation fails, it is told, and nothing else happens. */
static void test_out_of_memory(void)
{
    struct loop loop;
    int failed = 0, opened = 0;

    loop_open(&loop, "cmaes:restarts=ipop,margin=on,popsize=4", 1, 1);
    run(&loop, 300, &(struct problem){.discrete = true});
    for (long n = 1; n < 400; n++) {
        struct mlf__sampler *sampler = NULL;
        mlf__alloc_fail_after(n);
        mlf_status status = mlf__sampler_open("cmaes:restarts=ipop,margin=on,popsize=4",
                                              &loop.history, 1, &sampler);
        mlf__alloc_fail_after(0);
        failed += status == MLF_ERR_NOMEM && sampler == NULL;
        opened += status == MLF_OK;
        mlf__sampler_close(sampler);
    }
    OK(failed > 50, "an allocation that fails ends the opening (%d)", failed);
    IS(failed + opened, 399, "with MLF_ERR_NOMEM");
    loop_close(&loop);
    failed = opened = 0;
    for (long n = 1; n < 8; n++) {
        loop_open(&loop, "cmaes:margin=on,popsize=4", 1, 1);
        for (int i = 0; i < 60; i++) {
            struct loop_trial trial = loop_ask(&loop);
            double value = ask_and_value(&loop, &trial, &(struct problem){.discrete = true});
            mlf_status status = loop_tell_failing(&loop, &trial, &value, 1, i % 5 ? n : 0);
            failed += status == MLF_ERR_NOMEM;
            opened += status == MLF_OK;
        }
        run(&loop, 20, &(struct problem){.discrete = true});
        loop_close(&loop);
    }
    OK(failed > 10, "one that fails while trials are told is told, too (%d)", failed);
    IS(failed + opened, 7 * 60, "and the study goes on");
}

/* What the tell after which a search begins had no memory for, the next one makes up for. */
static void test_begins_after_all(void)
{
    int failed = 0, searched = 0;

    for (long n = 1; n < 9; n++) {
        struct loop loop;
        loop_open(&loop, "cmaes", 1, 1);
        for (int i = 0; i < 3; i++) {
            struct loop_trial trial = loop_ask(&loop);
            double value = ask_and_value(&loop, &trial, &(struct problem){0});
            failed += loop_tell_failing(&loop, &trial, &value, 1, i == 0 ? n : 0) != MLF_OK;
        }
        struct loop_trial trial = loop_ask(&loop);
        searched += trial.joint.n > 0;
        double value = ask_and_value(&loop, &trial, &(struct problem){0});
        loop_tell_value(&loop, &trial, value);
        loop_close(&loop);
    }
    OK(failed >= 5, "a search that cannot be begun is told (%d)", failed);
    IS(searched, 8, "and begun with the next trial");
}

int main(void)
{
    test_recorded();
    test_options();
    test_bounds();
    test_margin_keeps_moving();
    test_stop();
    test_replay();
    test_finds();
    test_maximizes();
    test_restarts();
    test_asynchronous();
    test_choices_are_random();
    test_conditional();
    test_constraints();
    test_odd_values();
    test_given_values();
    test_refused();
    test_out_of_memory();
    test_begins_after_all();
    return tap_done();
}
