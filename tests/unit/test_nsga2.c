/* SPDX-License-Identifier: Apache-2.0 */
/* NSGA-II: crossovers and mutation, what it finds with several objectives, constraints, choices and conditions, and that its
 * state follows from the trials told. */
#include "test_sampler_loop.h"
#include "tests/support/tap.h"
#include "tuner/pareto.h"
#include "tuner/samplers/nsga2_cross.h"

enum { SEEDS = 5, TRIALS = 1000, DIM = 6 };

static const char *const CHOICE[3] = {"a", "b", "c"};
static const char *const NAMES[DIM] = {"x0", "x1", "x2", "x3", "x4", "x5"};

/* ---- crossovers ---- */

struct moments {
    double mean[2], variance[2], low, high;
};

static struct moments moments_of(enum mlf__crossover crossover, const double parents[3][2])
{
    enum { N = 40000 };
    struct moments m = {.low = INFINITY, .high = -INFINITY};
    struct mlf__cross cross = {.crossover = crossover,
                               .swap_prob = 0.5,
                               .eta = 2,
                               .dim = 2,
                               .parents = {parents[0], parents[1], parents[2]}};
    struct mlf__rng rng;

    mlf__rng_init(&rng, 1, (uint64_t)crossover, 0);
    for (int n = 0; n < N; n++) {
        double child[2];
        mlf__cross(&cross, &rng, child);
        for (int i = 0; i < 2; i++) {
            m.mean[i] += child[i] / N;
            m.variance[i] += child[i] * child[i] / N;
        }
        m.low = fmin(m.low, child[0]);
        m.high = fmax(m.high, child[0]);
    }
    for (int i = 0; i < 2; i++)
        m.variance[i] -= m.mean[i] * m.mean[i];
    return m;
}

static bool near(double got, double want, double tolerance)
{
    if (fabs(got - want) <= tolerance)
        return true;
    printf("#   got %g, want %g\n", got, want);
    return false;
}

static void test_crossovers(void)
{
    static const double P[3][2] = {{0.4, 0.5}, {0.6, 0.5}, {0.5, 0.8}};
    struct moments m = moments_of(MLF__CROSS_UNIFORM, P);

    OK(near(m.mean[0], 0.5, 0.002) && m.low == 0.4 && m.high == 0.6,
       "uniform: either parent's genes, and nothing between");
    m = moments_of(MLF__CROSS_BLX, P);
    OK(near(m.low, 0.3, 0.001) && near(m.high, 0.7, 0.001) && near(m.mean[0], 0.5, 0.002),
       "BLX: half the parents' distance beyond each");
    OK(m.variance[1] < 1e-20, "BLX: where parents agree the child does");
    m = moments_of(MLF__CROSS_SBX, P);
    OK(near(m.mean[0], 0.5, 0.003) && m.low < 0.35 && m.low >= 0 && m.high > 0.65 && m.high <= 1,
       "SBX: about both parents, and within bounds");
    m = moments_of(MLF__CROSS_VSBX, P);
    OK(near(m.mean[0], 0.5, 0.02) && m.low < 0.3 && m.high > 0.7, "vSBX: about both parents");
    m = moments_of(MLF__CROSS_SPX, P);
    OK(near(m.mean[0], 0.5, 0.002) && near(m.mean[1], 0.6, 0.003), "SPX: about the parents' mean");
    OK(near(m.variance[0], 0.02 / 3, 0.0003) && near(m.variance[1], 0.02, 0.0008),
       "SPX: keeps the parents' covariance");
    m = moments_of(MLF__CROSS_UNDX, P);
    OK(near(m.mean[0], 0.5, 0.002) && near(m.mean[1], 0.5, 0.003),
       "UNDX: about the middle of the first two");
    OK(near(m.variance[0], 0.01, 0.0004), "UNDX: half their distance along their line");
    OK(near(m.variance[1], pow(0.35 * 0.3, 2) / 2, 0.0003),
       "UNDX: across it by the third one's distance");
}

static void test_mutation(void)
{
    struct mlf__rng rng;
    double low = 1, high = 0, sum = 0;

    mlf__rng_init(&rng, 1, 1, 0);
    for (int i = 0; i < 20000; i++) {
        double value = mlf__mutate_polynomial(0.3, 20, &rng);
        low = fmin(low, value);
        high = fmax(high, value);
        sum += fabs(value - 0.3);
    }
    OK(low >= 0 && low < 0.15 && high <= 1 && high > 0.45, "mutation goes both ways (%g, %g)", low,
       high);
    /* Half of the moves are |u^(1/21) - 1| of the room, whose mean is 1/22. */
    OK(near(sum / 20000, 1.0 / 22, 0.003), "mutation moves by the room over eta + 2");
    bool inside = true;
    for (int i = 0; i < 1000; i++) {
        double value = mlf__mutate_polynomial(i % 2, 0.5, &rng);
        inside &= value >= 0 && value <= 1;
    }
    OK(inside, "mutation does not leave the range");
}

/* ---- studies ---- */

/* ZDT1 (Zitzler, Deb, Thiele, Evolutionary Computation 8(2), 2000). */
static void zdt1(struct loop *loop, struct loop_trial *trial, double values[2])
{
    double g = 1, x0 = 0;

    for (int i = 0; i < DIM; i++) {
        double x = loop_float(loop, trial, NAMES[i], 0, 1, 0, false);
        if (i == 0)
            x0 = x;
        else
            g += 9 * x / (DIM - 1);
    }
    values[0] = x0;
    values[1] = g * (1 - sqrt(x0 / g));
}

static void run_zdt1(struct loop *loop, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double values[2];
        struct loop_trial trial = loop_ask(loop);
        zdt1(loop, &trial, values);
        loop_tell(loop, &trial, MLF_TRIAL_COMPLETE, values, 2);
    }
}

/* What the trials dominate of the box up to (1.1, 6). */
static double volume_of(const struct loop *loop)
{
    static const double REFERENCE[2] = {1.1, 6};
    double *points = calloc(2 * loop->history.n_trials, sizeof(double)), volume = 0;
    size_t n = 0;

    for (size_t i = 0; i < loop->history.n_trials; i++) {
        const double *values = mlf__trial_values(loop->history.trials[i]);
        if (loop->history.trials[i]->state != MLF_TRIAL_COMPLETE || values[0] > REFERENCE[0] ||
            values[1] > REFERENCE[1])
            continue;
        memcpy(points + 2 * n++, values, 2 * sizeof(double));
    }
    loop_must(mlf__pareto_hypervolume(points, n, 2, REFERENCE, &volume), "hypervolume");
    free(points);
    return volume;
}

static double volume_by(const char *text, uint64_t seed)
{
    struct loop loop;

    loop_open(&loop, text, seed, 2);
    run_zdt1(&loop, TRIALS);
    double volume = volume_of(&loop);
    loop_close(&loop);
    return volume;
}

/* After 1000 trials chance dominates about 5 of this box, where the front itself dominates 6.27. */
static void test_front(void)
{
    static const char *const TEXTS[] = {"nsga2",
                                        "nsga2:population=20",
                                        "nsga2:mutation=polynomial,crossover=sbx",
                                        "nsga2:crossover=blx",
                                        "nsga2:crossover=vsbx",
                                        "nsga2:crossover=spx",
                                        "nsga2:crossover=undx"};
    double best_of_chance = 0;

    for (uint64_t seed = 0; seed < SEEDS; seed++)
        best_of_chance = fmax(best_of_chance, volume_by("random", seed + 1));
    for (size_t i = 0; i < MLF__ARRAY_LEN(TEXTS); i++) {
        double mean = 0;
        for (uint64_t seed = 0; seed < SEEDS; seed++)
            mean += volume_by(TEXTS[i], seed + 1) / SEEDS;
        OK(mean > best_of_chance + 0.1, "%s: dominates more than chance at its best (%.3g, %.3g)",
           TEXTS[i], mean, best_of_chance);
    }
    OK(volume_by("nsga2", 1) == volume_by("nsga2", 1), "a seed gives the same study");
    OK(volume_by("nsga2", 1) != volume_by("nsga2", 2), "another seed another one");
}

static void test_maximizes(void)
{
    struct loop down, up;
    bool same = true;

    loop_open(&down, "nsga2:population=10", 3, 2);
    loop_open(&up, "nsga2:population=10", 3, 2);
    up.history.directions[0] = up.history.directions[1] = MLF_MAXIMIZE;
    run_zdt1(&down, 120);
    for (int i = 0; i < 120; i++) {
        double values[2];
        struct loop_trial trial = loop_ask(&up);
        zdt1(&up, &trial, values);
        same &= values[0] == mlf__trial_values(down.history.trials[i])[0];
        values[0] = -values[0];
        values[1] = -values[1];
        loop_tell(&up, &trial, MLF_TRIAL_COMPLETE, values, 2);
    }
    OK(same, "maximizing is minimizing the other way round");
    loop_close(&down);
    loop_close(&up);
}

static void test_generations(void)
{
    struct loop loop;
    bool right = true;
    int64_t complete = 0;

    loop_open(&loop, "nsga2:population=10", 1, 1);
    for (int i = 0; i < 100; i++) {
        struct loop_trial trial = loop_ask(&loop);
        right &= trial.row->generation == complete / 10;
        right &= complete >= 10 || trial.joint.n == 0;
        double x = loop_float(&loop, &trial, "x", 0, 1, 0, false);
        if (i % 4 == 0) {
            loop_tell(&loop, &trial, MLF_TRIAL_FAIL, NULL, 0);
            continue;
        }
        loop_tell_value(&loop, &trial, x);
        complete++;
    }
    OK(right, "a generation ends when as many trials are complete as its population has");
    loop_close(&loop);
}

/* One objective over all kinds of parameters: 3-way choice of branch, of which "b" is right. */
static double conditional(struct loop *loop, struct loop_trial *trial)
{
    size_t branch = loop_choice(loop, trial, "branch", CHOICE, 3);
    double lr = log10(loop_float(loop, trial, "lr", 1e-5, 1, 0, true));
    double n = loop_int(loop, trial, "n", 1, 100, false);
    double share = loop_float(loop, trial, "share", 0, 1, 0.05, false);
    double value = pow(lr + 3, 2) + pow((n - 37) / 30, 2) + 4 * pow(share - 0.35, 2);

    loop_int(loop, trial, "only", 3, 3, false);
    if (branch == 0)
        return value + 1 + loop_float(loop, trial, "a", 0, 1, 0, false);
    return branch == 1 ? value + pow(loop_float(loop, trial, "b", -1, 1, 0, false), 2) : value + 2;
}

static double best_by(const char *text, uint64_t seed)
{
    struct loop loop;
    double best = INFINITY;

    loop_open(&loop, text, seed, 1);
    for (int i = 0; i < 400; i++) {
        struct loop_trial trial = loop_ask(&loop);
        double value = conditional(&loop, &trial);
        best = fmin(best, value);
        loop_tell_value(&loop, &trial, value);
    }
    loop_close(&loop);
    return best;
}

static void test_one_objective(void)
{
    double ours = 0, chance = 0;

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        ours += best_by("nsga2:population=20", seed) / SEEDS;
        chance += best_by("random", seed) / SEEDS;
    }
    OK(ours < 0.6 * chance,
       "one objective with choices and conditions: better than chance "
       "(%.3g, %.3g)",
       ours, chance);
}

static void test_constraints(void)
{
    struct loop loop;
    size_t feasible = 0;
    double best = INFINITY;

    loop_open(&loop, "nsga2:population=20", 1, 1);
    for (int i = 0; i < 300; i++) {
        struct loop_trial trial = loop_ask(&loop);
        double x = loop_float(&loop, &trial, "x", 0, 1, 0, false);
        double y = loop_float(&loop, &trial, "y", 0, 1, 0, false);
        /* One in a hundred is feasible, where values are not good. */
        loop_must(mlf__trial_add_constraint(trial.row, "x", 0.9 - x), "constraint");
        loop_must(mlf__trial_add_constraint(trial.row, "y", 0.9 - y), "constraint");
        if (x >= 0.9 && y >= 0.9 && i >= 200) {
            feasible++;
            best = fmin(best, x + y);
        }
        loop_tell_value(&loop, &trial, x + y);
    }
    OK(feasible > 25, "the feasible part is found and kept to (%zu of 100)", feasible);
    OK(best < 1.85, "and searched for the best (%.4g)", best);
    loop_close(&loop);
}

/* Values that order nothing: infinite, and all the same. */
static void test_odd_values(void)
{
    struct loop loop;
    size_t odd = 0;

    loop_open(&loop, "nsga2:population=6,crossover=undx,mutation=polynomial", 1, 2);
    for (int i = 0; i < 200; i++) {
        struct loop_trial trial = loop_ask(&loop);
        double x = loop_float(&loop, &trial, "x", 0, 1, 0, false);
        double values[2] = {i % 3 == 0 ? INFINITY : i % 3 == 1 ? -INFINITY : 1, 1};
        odd += !(x >= 0 && x <= 1);
        loop_tell(&loop, &trial, MLF_TRIAL_COMPLETE, values, 2);
    }
    IS(odd, 0, "infinite and equal values leave the search sound");
    loop_close(&loop);
}

static void test_replay(void)
{
    static const char *const TEXTS[] = {"nsga2", "nsga2:population=8,crossover=spx",
                                        "nsga2:population=7,mutation=polynomial,crossover=sbx"};
    for (size_t i = 0; i < MLF__ARRAY_LEN(TEXTS); i++) {
        struct loop loop;
        struct mlf__sampler *again;
        struct mlf__joint joint = {0};
        loop_open(&loop, TEXTS[i], 5, 2);
        run_zdt1(&loop, 173);
        loop_must(mlf__sampler_open(TEXTS[i], &loop.history, 5, &again), TEXTS[i]);
        struct loop_trial next = loop_ask(&loop);
        struct mlf__view view = {&loop.history, next.n_told, next.row};
        loop_must(mlf__sampler_ask(again, &view, &joint), "ask");
        bool same =
            joint.n > 0 && joint.n == next.joint.n && joint.generation == next.joint.generation;
        for (size_t k = 0; k < joint.n && same; k++)
            same = joint.params[k].name == next.joint.params[k].name &&
                   joint.params[k].value == next.joint.params[k].value;
        OK(same, "%s: a study read back goes on as it would have", TEXTS[i]);
        mlf__free(joint.params);
        mlf__free(next.joint.params);
        mlf__sampler_close(again);
        loop_close(&loop);
    }
}

static void test_refused(void)
{
    struct mlf__history history = {.n_objectives = 2};
    struct mlf__sampler *sampler;

    IS(mlf__sampler_open("nsga2:population=3", &history, 1, &sampler), MLF_ERR_INVAL,
       "a population that is too small for three parents is refused");
    IS(mlf__sampler_open("nsga2:crossover=two", &history, 1, &sampler), MLF_ERR_INVAL,
       "an unknown crossover is refused");
    IS(mlf__sampler_open("nsga2:crossover_prob=1.5", &history, 1, &sampler), MLF_ERR_INVAL,
       "a probability above one is refused");
}

static void test_out_of_memory(void)
{
    struct loop loop;
    int failed = 0, opened = 0;

    loop_open(&loop, "nsga2:population=10", 1, 2);
    run_zdt1(&loop, 105);
    for (long n = 1; n < 200; n++) {
        struct mlf__sampler *sampler = NULL;
        mlf__alloc_fail_after(n);
        mlf_status status = mlf__sampler_open("nsga2:population=10", &loop.history, 1, &sampler);
        mlf__alloc_fail_after(0);
        failed += status == MLF_ERR_NOMEM && sampler == NULL;
        opened += status == MLF_OK;
        mlf__sampler_close(sampler);
    }
    OK(failed > 20, "an allocation that fails ends the opening (%d)", failed);
    IS(failed + opened, 199, "with MLF_ERR_NOMEM");
    loop_close(&loop);
    failed = 0;
    for (long n = 1; n < 8; n++) {
        loop_open(&loop, "nsga2:population=4", 1, 2);
        for (int i = 0; i < 60; i++) {
            double values[2];
            struct loop_trial trial = loop_ask(&loop);
            zdt1(&loop, &trial, values);
            failed += loop_tell_failing(&loop, &trial, values, 2, i % 5 ? n : 0) != MLF_OK;
        }
        run_zdt1(&loop, 20);
        loop_close(&loop);
    }
    OK(failed > 10, "one that fails while trials are told is told, too, and the study goes on (%d)",
       failed);
}

int main(void)
{
    test_crossovers();
    test_mutation();
    test_front();
    test_maximizes();
    test_generations();
    test_one_objective();
    test_constraints();
    test_odd_values();
    test_replay();
    test_refused();
    test_out_of_memory();
    return tap_done();
}
