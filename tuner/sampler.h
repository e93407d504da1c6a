/* SPDX-License-Identifier: Apache-2.0 */
/* Samplers: one table of functions each, one file each in samplers/, one line each in the registry. The study calls
 * them with its mutex held, one call at a time; they never block. What they choose is a function of seed, view
 * and settings alone: state is what was taken in by |tell|, so that a study read back from its store goes on as it
 * would have. */
#ifndef MLF_TUNER_SAMPLER_H
#define MLF_TUNER_SAMPLER_H

#include "tuner/history.h"
#include "tuner/rng.h"
#include "tuner/settings.h"

/* Values that were chosen together, for a trial that begins. */
struct mlf__joint {
    struct mlf__param_value *params; /* sorted by name; owned */
    size_t n, cap;
    int64_t generation; /* for mlf__trial.generation; -1: none */
};
mlf_status mlf__joint_add(struct mlf__joint *joint, uint32_t name, uint32_t dist, double value);

struct mlf__sampler {
    const struct mlf__sampler_ops *ops;
    void *state;    /* ops->state_size bytes, zeroed before open */
    void *settings; /* ops->settings_size bytes, filled in */
    const struct mlf__history *history;
    uint64_t seed;
};

struct mlf__sampler_ops {
    const char *name;
    size_t state_size;
    const struct mlf__setting *settings; /* NULL: none */
    size_t settings_size;
    bool several_objectives; /* can serve them */

    /* Optional. MLF_ERR_INVAL for settings that do not go together. After a failure |close| is called too. */
    mlf_status (*open)(struct mlf__sampler *sampler);
    void (*close)(struct mlf__sampler *sampler);
    /* Takes in a trial that has just finished: the last one of history->told. Optional. */
    mlf_status (*tell)(struct mlf__sampler *sampler, const struct mlf__trial *trial);
    /* A trial begins: values for the parameters that are chosen together, may be none. Optional. A value is used when the
     * trial asks for that name and the value lies in the range it then gives. */
    mlf_status (*ask)(struct mlf__sampler *sampler, const struct mlf__view *view,
                      struct mlf__joint *out);
    /* One parameter alone, whose distribution is not single. */
    mlf_status (*suggest)(struct mlf__sampler *sampler, const struct mlf__view *view, uint32_t name,
                          uint32_t dist, double *out);
    /* Is there nothing left to try? Then the study stops. Optional. */
    bool (*is_exhausted)(struct mlf__sampler *sampler);
};

extern const struct mlf__sampler_ops mlf__sampler_random, mlf__sampler_tpe, mlf__sampler_cmaes,
    mlf__sampler_qmc, mlf__sampler_grid, mlf__sampler_nsga2, mlf__sampler_auto;

/* Opens the sampler that |text| names (settings.h). MLF_ERR_INVAL for an unknown one, naming those there are, or one that cannot serve
 * the history's objectives. The history is borrowed; its finished trials, if any, are told here. */
mlf_status mlf__sampler_open(const char *text, const struct mlf__history *history, uint64_t seed,
                             struct mlf__sampler **out);
void mlf__sampler_close(struct mlf__sampler *sampler); /* NULL is fine */
/* What |ops| have of it. */
mlf_status mlf__sampler_tell(struct mlf__sampler *sampler, const struct mlf__trial *trial);
mlf_status mlf__sampler_ask(struct mlf__sampler *sampler, const struct mlf__view *view,
                            struct mlf__joint *out);
bool mlf__sampler_is_exhausted(struct mlf__sampler *sampler);
/* The names, "auto, tpe, …". Static. */
const char *mlf__sampler_names(void);

#endif
