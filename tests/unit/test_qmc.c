/* SPDX-License-Identifier: Apache-2.0 */
/* Low-discrepancy sequences against scipy's points, and the sampler that draws from them. */
#include "core/mem.h"
#include "tests/support/tap.h"
#include "tests/support/tuner_data.h"
#include "tuner/sampler.h"
#include "tuner/samplers/qmc_sequence.h"

#include <math.h>
#include <stdlib.h>

static double point(struct mlf__sequence *sequence, uint64_t index, size_t dimension)
{
    double u = NAN;

    mlf__sequence_at(sequence, index, dimension, &u);
    return u;
}

/* scipy.stats.qmc.Sobol(512, scramble=False, bits=32) of scipy 1.17.1, times 4096. */
static const uint64_t sobol_indices[] = {1, 2, 3, 7, 100, 1023, 4095};
static const struct {
    size_t dimension;
    int values[7];
} sobol_points[] = {
    {0, {2048, 3072, 1024, 512, 1696, 4, 1}},
    {1, {2048, 1024, 3072, 2560, 1056, 3084, 3855}},
    {2, {2048, 1024, 3072, 1536, 3168, 2508, 1369}},
    {5, {2048, 3072, 1024, 1536, 3040, 1796, 323}},
    {39, {2048, 1024, 3072, 512, 544, 2860, 931}},
    {40, {2048, 1024, 3072, 512, 2912, 2588, 823}},
    {41, {2048, 3072, 1024, 3584, 2720, 3988, 43}},
    {100, {2048, 1024, 3072, 1536, 160, 972, 1413}},
    {249, {2048, 1024, 3072, 2560, 32, 1540, 381}},
    {250, {2048, 1024, 3072, 3584, 160, 3532, 3811}},
    {400, {2048, 1024, 3072, 1536, 288, 252, 827}},
    {511, {2048, 3072, 1024, 512, 2144, 2516, 3747}},
};

static void test_sobol(void)
{
    struct mlf__sequence sequence = {0};

    for (size_t i = 0; i < MLF__ARRAY_LEN(sobol_points); i++) {
        size_t n_right = 0, dimension = sobol_points[i].dimension;
        for (size_t k = 0; k < MLF__ARRAY_LEN(sobol_indices); k++)
            n_right +=
                point(&sequence, sobol_indices[k], dimension) == sobol_points[i].values[k] / 4096.0;
        OK(n_right == MLF__ARRAY_LEN(sobol_indices) && point(&sequence, 0, dimension) == 0,
           "Sobol's dimension %zu is scipy's", dimension);
    }
    mlf__sequence_free(&sequence);
}

/* scipy.stats.qmc.Halton(20, scramble=False). */
static const struct {
    size_t dimension;
    uint64_t index;
    double value;
} halton_points[] = {
    {0, 1, 0.5},
    {0, 1000, 0.0927734375},
    {1, 2, 0.6666666666666666},
    {1, 10, 0.37037037037037035},
    {2, 1000, 0.00512},
    {7, 1000, 0.6706516984983233},
    {19, 1000, 0.08728426899424717},
};

static void test_halton(void)
{
    struct mlf__sequence sequence = {.halton = true};

    for (size_t i = 0; i < MLF__ARRAY_LEN(halton_points); i++) {
        double got = point(&sequence, halton_points[i].index, halton_points[i].dimension);
        OK(fabs(got - halton_points[i].value) < 1e-15, "Halton's point %d in dimension %zu",
           (int)halton_points[i].index, halton_points[i].dimension);
    }
    mlf__sequence_free(&sequence);
}

/* Does each of |n| equal parts of the interval hold one of the first |n| points? */
static bool is_even(struct mlf__sequence *sequence, size_t dimension, size_t n)
{
    bool *taken = calloc(n, sizeof(*taken)), even = true;

    for (uint64_t i = 0; i < n; i++) {
        double u = point(sequence, i, dimension);
        size_t cell = (size_t)(u * (double)n);
        even = even && u >= 0 && u < 1 && !taken[cell];
        if (even)
            taken[cell] = true;
    }
    free(taken);
    return even;
}

static void test_scrambling(void)
{
    struct mlf__sequence sobol = {.scramble = true, .seed = 7},
                         other = {.scramble = true, .seed = 8};
    struct mlf__sequence halton = {.halton = true, .scramble = true, .seed = 7};
    size_t n_even = 0, n_same = 0, n_corner = 0;

    for (size_t dimension = 0; dimension < 300; dimension++) {
        n_even += is_even(&sobol, dimension, 1024);
        n_same += point(&sobol, 5, dimension) == point(&other, 5, dimension);
        n_corner += point(&sobol, 0, dimension) == 0;
    }
    IS(n_even, 300, "scrambled, 1024 points lie in 1024 intervals in each of 300 dimensions");
    IS(n_same, 0, "another seed gives other points");
    IS(n_corner, 0, "and the first point is not the corner");
    /* Squares of the first two dimensions: the net property goes on behind the single axis. */
    bool cells[16][16] = {{false}};
    size_t n_cells = 0;
    for (uint64_t i = 0; i < 256; i++) {
        bool *cell = &cells[(int)(point(&sobol, i, 0) * 16)][(int)(point(&sobol, i, 1) * 16)];
        n_cells += !*cell;
        *cell = true;
    }
    IS(n_cells, 256, "256 points lie in 256 squares");
    OK(is_even(&halton, 0, 1024) && is_even(&halton, 1, 729) && is_even(&halton, 2, 625),
       "Halton's scrambled points lie in intervals of their bases' powers");
    mlf__sequence_free(&sobol);
    mlf__sequence_free(&other);
    mlf__sequence_free(&halton);
}

/* ---- the sampler ---- */

struct study {
    struct mlf__history history;
    struct mlf__sampler *sampler;
    uint32_t names[3], dists[3];
};

static void begin(struct study *study, const char *sampler)
{
    static const char *const choices[] = {"a", "b", "c"};
    struct mlf__dist dists[3];

    tuner_data_begin(&study->history, "minimize");
    mlf__dist_float("z", -5, 5, 0, false, &dists[0]);
    mlf__dist_int("n", 1, 8, 1, false, &dists[1]);
    mlf__dist_categorical("c", choices, 3, &dists[2]);
    static const char *const names[] = {"z", "n", "c"};
    for (size_t i = 0; i < 3; i++) {
        mlf__history_name(&study->history, names[i], &study->names[i]);
        mlf__history_dist(&study->history, &dists[i], &study->dists[i]);
        mlf__dist_free(&dists[i]);
    }
    if (mlf__sampler_open(sampler, &study->history, 3, &study->sampler) != MLF_OK) {
        printf("Bail out! %s\n", mlf__errmsg());
        exit(1);
    }
}

static void end(struct study *study)
{
    mlf__sampler_close(study->sampler);
    mlf__history_free(&study->history);
}

/* A trial's value for a parameter: of those chosen together, else alone. */
static double take(struct study *study, const struct mlf__view *view,
                   const struct mlf__joint *joint, size_t param)
{
    double value = NAN;

    for (size_t i = 0; i < joint->n; i++)
        if (joint->params[i].name == study->names[param])
            return joint->params[i].value;
    study->sampler->ops->suggest(study->sampler, view, study->names[param], study->dists[param],
                                 &value);
    return value;
}

static struct mlf__trial *run(struct study *study, size_t n_told)
{
    struct mlf__trial *trial = tuner_data_trial(&study->history);
    struct mlf__view view = {&study->history, n_told, trial};
    struct mlf__joint joint = {0};

    mlf__sampler_ask(study->sampler, &view, &joint);
    for (size_t i = 0; i < 3; i++)
        mlf__trial_set_param(trial, study->names[i], study->dists[i],
                             take(study, &view, &joint, i));
    trial->generation = joint.generation;
    mlf__free(joint.params);
    return trial;
}

static void finish(struct study *study, struct mlf__trial *trial, mlf_trial_state state)
{
    tuner_data_end(&study->history, trial, state, 0);
    mlf__sampler_tell(study->sampler, trial);
}

/* Are the values of trial |number| those of that point? */
static bool is_point(const struct study *study, const struct mlf__trial *trial)
{
    struct mlf__sequence sequence = {.scramble = true, .seed = 3};
    bool right = trial->generation == trial->number;

    for (size_t i = 0; i < 3; i++)
        right = right && trial->params[i].value ==
                             mlf__dist_from_unit(&study->history.dists[study->dists[i]],
                                                 point(&sequence, (uint64_t)trial->number, i));
    mlf__sequence_free(&sequence);
    return right;
}

static void test_sampler(void)
{
    struct study study;
    size_t n_right = 0;

    begin(&study, "qmc");
    /* Three beside each other before any has finished, then one after the other. */
    struct mlf__trial *first[3];
    for (size_t i = 0; i < 3; i++)
        first[i] = run(&study, 0);
    finish(&study, first[1], MLF_TRIAL_FAIL);
    finish(&study, first[2], MLF_TRIAL_COMPLETE);
    finish(&study, first[0], MLF_TRIAL_PRUNED);
    for (size_t i = 0; i < 13; i++)
        finish(&study, run(&study, study.history.n_told), MLF_TRIAL_COMPLETE);
    for (size_t i = 0; i < study.history.n_trials; i++)
        n_right += is_point(&study, study.history.trials[i]);
    IS(n_right, 16, "every trial has the point of its number, the first ones too");
    int n_of[3] = {0}, n_below = 0;
    for (size_t i = 0; i < 16; i++) {
        n_of[(int)study.history.trials[i]->params[2].value]++;
        n_below += study.history.trials[i]->params[0].value < 0;
    }
    IS(n_below, 8, "half of them lie in the lower half of the range");
    OK(n_of[0] >= 4 && n_of[1] >= 4 && n_of[2] >= 4, "and each choice was taken");
    end(&study);
}

static void test_unscrambled(void)
{
    struct study study;

    begin(&study, "qmc:scramble=off");
    struct mlf__trial *trial = run(&study, 0);
    OK(trial->params[0].value == -5 && trial->params[1].value == 1 && trial->params[2].value == 0,
       "unscrambled, the first point is all the lowest values");
    finish(&study, trial, MLF_TRIAL_COMPLETE);
    trial = run(&study, 1);
    OK(trial->params[0].value == 0 && trial->params[1].value == 5 && trial->params[2].value == 1,
       "the second one the middle");
    end(&study);
}

/* A parameter that the first trial did not have is drawn alone, the same way again. */
static void test_others(void)
{
    struct study study;
    double values[2];

    begin(&study, "qmc:sequence=halton");
    struct mlf__trial *trial = tuner_data_trial(&study.history);
    mlf__trial_set_param(trial, study.names[1], study.dists[1], 3);
    finish(&study, trial, MLF_TRIAL_COMPLETE);
    trial = tuner_data_trial(&study.history);
    struct mlf__view view = {&study.history, 1, trial};
    struct mlf__joint joint = {0};
    mlf__sampler_ask(study.sampler, &view, &joint);
    OK(joint.n == 1 && joint.params[0].name == study.names[1],
       "the joint space is the first trial's");
    values[0] = take(&study, &view, &joint, 0);
    values[1] = take(&study, &view, &joint, 0);
    OK(values[0] >= -5 && values[0] < 5 && values[0] == values[1],
       "another parameter is drawn alone");
    mlf__free(joint.params);
    end(&study);
}

int main(void)
{
    test_sobol();
    test_halton();
    test_scrambling();
    test_sampler();
    test_unscrambled();
    test_others();
    return tap_done();
}
