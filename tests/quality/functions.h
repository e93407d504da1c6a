/* SPDX-License-Identifier: Apache-2.0 */
/* Functions on which samplers are judged, all to be minimised, with the least value 0. The first nine are those of which
 * tests/data/optuna/quality.json has Optuna's results; the others were fixed before any sampler was tuned, and
 * settings are chosen on the nine alone. */
#ifndef MLF_TESTS_QUALITY_FUNCTIONS_H
#define MLF_TESTS_QUALITY_FUNCTIONS_H

#include <mlf/tuner.h>

/* Asks |trial| for its parameters. Ends the program when a suggestion fails. */
typedef double quality_fn(mlf_trial *trial);

struct quality_function {
    const char *name;
    quality_fn *fn;
    bool held_out;
};

/* Ends with a NULL name. */
extern const struct quality_function quality_functions[];

#endif
