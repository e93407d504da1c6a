/* SPDX-License-Identifier: Apache-2.0 */
/* The sampler auto: its local steps on functions whose minimum is known, and that it forgets no choice and no branch. How
 * good it is, tests/quality judges. */
#include "test_sampler_loop.h"
#include "tests/support/tap.h"
#include "tuner/samplers/auto_local.h"

#include <string.h>

enum { D = 3, POINTS_MAX = 128 };

/* A stretched and turned bowl around |centre|. */
static double bowl(const double *x, const double *centre)
{
    double a = x[0] - centre[0], b = x[1] - centre[1], c = x[2] - centre[2];
    return 3 * a * a + b * b + 0.2 * c * c + 1.2 * a * b - 0.3 * b * c;
}

/* The distance of the best point to |centre| after |steps| steps from 12 random points; all have to lie in the cube. */
static double search_bowl(const double *centre, int steps, bool spread, bool *inside)
{
    double points[POINTS_MAX * D], values[POINTS_MAX], least = INFINITY, distance = 0;
    struct mlf__rng rng;
    size_t n = 0;
    bool moved;

    mlf__rng_init(&rng, 5, 0, 0);
    *inside = true;
    for (int i = -12; i < steps; i++) {
        double *x = points + n * D;
        struct mlf__auto_local local = {n, D, points, values};
        for (size_t k = 0; k < D; k++)
            x[k] = mlf__rng_uniform(&rng);
        if (i >= 0)
            loop_must(mlf__auto_local_step(&local, spread, &rng, x, &moved), "step");
        for (size_t k = 0; k < D; k++)
            *inside = *inside && x[k] >= 0 && x[k] <= 1;
        values[n++] = bowl(x, centre);
        if (values[n - 1] < least) {
            least = values[n - 1];
            distance = 0;
            for (size_t k = 0; k < D; k++)
                distance = fmax(distance, fabs(x[k] - centre[k]));
        }
    }
    return distance;
}

static void finds_the_bottom_of_a_bowl(void)
{
    static const double inner[] = {0.3, 0.8, 0.55}, corner[] = {0, 1, 0};
    bool inside;
    double apart = search_bowl(inner, 60, false, &inside);
    OK(apart < 5e-3 && inside, "60 steps find a bowl's bottom (%.2g apart)", apart);
    apart = search_bowl(inner, 90, true, &inside);
    OK(apart < 1e-2 && inside, "also when each is moved at random (%.2g apart)", apart);
    apart = search_bowl(corner, 60, false, &inside);
    OK(apart < 5e-3 && inside, "and a corner of the cube (%.2g apart)", apart);
}

static void stays_sane_on_odd_points(void)
{
    static const double flat[] = {1, 1, 1, 1, 1}, huge[] = {1e308, -1e308, 3, 1e300, -4};
    static const double points[] = {0.1, 0.2, 0.3, 0.4, 0.5}, same[] = {0.5, 0.5, 0.5, 0.5, 0.5};
    static const struct {
        const double *points, *values;
        size_t n;
    } cases[] = {{points, flat, 5}, {points, huge, 5}, {same, huge, 5}, {points, flat, 1}};
    struct mlf__rng rng;
    mlf__rng_init(&rng, 5, 0, 0);
    for (size_t i = 0; i < MLF__ARRAY_LEN(cases); i++) {
        struct mlf__auto_local local = {cases[i].n, 1, cases[i].points, cases[i].values};
        double out = 0.5;
        bool moved, pass = true;
        for (int k = 0; k < 20; k++) {
            loop_must(mlf__auto_local_step(&local, false, &rng, &out, &moved), "step");
            pass = pass && out >= 0 && out <= 1 && (cases[i].n > 1 || !moved);
        }
        OK(pass, "odd points %zu: steps stay in the cube", i);
    }
}

/* ---- the sampler ---- */

/* Three branches; the best one looks worst at first. */
static size_t branch_trial(struct loop *loop)
{
    static const char *const names[] = {"easy", "middling", "hard"};
    struct loop_trial trial = loop_ask(loop);
    size_t branch = loop_choice(loop, &trial, "branch", names, 3);
    double value;
    if (branch == 0) {
        double x = loop_float(loop, &trial, "a", 0, 1, 0, false);
        value = 0.2 + x * x;
    } else if (branch == 1) {
        value = 0.4 + (double)loop_int(loop, &trial, "b", 1, 100, false) / 200;
    } else {
        double x = loop_float(loop, &trial, "c", 0, 1, 0, false);
        double y = loop_float(loop, &trial, "d", 0, 1, 0, false);
        value = 8 * (x - 0.9) * (x - 0.9) + 8 * (y - 0.1) * (y - 0.1);
    }
    loop_tell_value(loop, &trial, value);
    return branch;
}

static void forgets_no_branch(void)
{
    int hits = 0, least = 1000;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct loop loop;
        int seen[3] = {0};
        double best = INFINITY;
        loop_open(&loop, "auto", seed, 1);
        for (int i = 0; i < 120; i++) {
            size_t branch = branch_trial(&loop);
            seen[branch] += i >= 40;
            best = fmin(best, loop.history.trials[i]->value);
        }
        for (size_t k = 0; k < 3; k++)
            least = seen[k] < least ? seen[k] : least;
        hits += best < 0.05;
        loop_close(&loop);
    }
    OK(least > 0, "every branch is still tried late (at least %d of 80 trials)", least);
    OK(hits == 10, "the best branch is found, though it looks bad at first (%d of 10)", hits);
}

static void goes_on_the_same_after_it_was_read_back(void)
{
    struct loop loop;
    struct mlf__sampler *again;
    bool same = true;
    loop_open(&loop, "auto", 6, 1);
    for (int i = 0; i < 70; i++)
        branch_trial(&loop);
    for (int i = 0; i < 20 && same; i++) {
        loop_must(mlf__sampler_open("auto", &loop.history, 6, &again), "again");
        struct loop_trial trial = loop_ask(&loop);
        struct mlf__view view = {&loop.history, trial.n_told, trial.row};
        struct mlf__joint joint = {0};
        loop_must(mlf__sampler_ask(again, &view, &joint), "ask");
        same = joint.n == trial.joint.n;
        for (size_t k = 0; k < joint.n && same; k++)
            same = joint.params[k].name == trial.joint.params[k].name &&
                   joint.params[k].value == trial.joint.params[k].value;
        mlf__free(joint.params);
        mlf__sampler_close(again);
        loop_tell(&loop, &trial, MLF_TRIAL_FAIL, NULL, 0);
        branch_trial(&loop);
    }
    OK(same, "a study that was read back goes on the same");
    loop_close(&loop);
}

static void survives_want_of_memory(void)
{
    struct loop loop;
    int failed = 0, worked = 0, other = 0;
    loop_open(&loop, "auto", 6, 1);
    for (int i = 0; i < 60; i++)
        branch_trial(&loop);
    for (long n = 1; n < 60; n++) {
        struct mlf__trial *row;
        struct mlf__joint joint = {0};
        loop_must(mlf__history_add(&loop.history, MLF_TRIAL_RUNNING, &row), "add");
        struct mlf__view view = {&loop.history, loop.history.n_told, row};
        mlf__alloc_fail_after(n % 20 + 1);
        mlf_status status = mlf__sampler_ask(loop.sampler, &view, &joint);
        mlf__alloc_fail_after(0);
        failed += status == MLF_ERR_NOMEM;
        worked += status == MLF_OK;
        other += status != MLF_OK && status != MLF_ERR_NOMEM;
        mlf__free(joint.params);
        loop_must(mlf__history_finish(&loop.history, row, MLF_TRIAL_FAIL, NULL, 0), "finish");
        branch_trial(&loop);
    }
    OK(failed > 0 && worked > 0 && other == 0, "want of memory is a status, and passes (%d times)",
       failed);
    loop_close(&loop);
}

static void serves_several_objectives(void)
{
    struct loop loop;
    size_t n_front = 0;
    loop_open(&loop, "auto", 2, 2);
    for (int i = 0; i < 60; i++) {
        struct loop_trial trial = loop_ask(&loop);
        double x = loop_float(&loop, &trial, "x", -4, 6, 0, false);
        double values[] = {x * x, (x - 2) * (x - 2)};
        loop_tell(&loop, &trial, MLF_TRIAL_COMPLETE, values, 2);
        n_front += i >= 30 && x > -0.3 && x < 2.3;
    }
    OK(n_front > 18, "with two objectives trials gather between the optima (%zu of 30)", n_front);
    loop_close(&loop);
}

int main(void)
{
    finds_the_bottom_of_a_bowl();
    stays_sane_on_odd_points();
    forgets_no_branch();
    goes_on_the_same_after_it_was_read_back();
    survives_want_of_memory();
    serves_several_objectives();
    return tap_done();
}
