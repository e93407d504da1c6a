/* SPDX-License-Identifier: Apache-2.0 */
/* The table of presets. Formats are those of the programs' own printf calls, seen in their output;
 * patterns are anchored at both ends, so that nothing else is taken for them. */
#include "autolog/presets.h"

#include "core/fail.h"

#include <string.h>

/* As C's printf writes a double with %f, %g or %e, and its special values. */
#define NUMBER "[-+]?(?:[0-9.]+(?:[eE][-+]?[0-9]+)?|nan|inf)"
#define LINE_END "\\s*$"

/* LIBSVM trains one binary problem after the other and prints one block for each. In cross-validation
 * the blocks are those of the folds, and with probability estimates (-b 1) of inner folds as well:
 * they say nothing about the model, and the adapter leaves them out too. */
#define SVM_INNER "v b=1"

static const char *const svm_train_programs[] = {"svm-train", NULL};
static const struct mlf__preset_rule svm_train_rules[] = {
    {.pattern = "^optimization finished, #iter = (?<k1>[0-9]+)" LINE_END,
     .keys = {"iter"},
     .step = MLF__STEP_NEXT,
     .unless = SVM_INNER},
    {.pattern = "^nu = (?<k1>" NUMBER ")" LINE_END,
     .keys = {"nu"},
     .step = MLF__STEP_SAME,
     .unless = SVM_INNER},
    {.pattern = "^obj = (?<k1>" NUMBER "), rho = (?<k2>" NUMBER ")" LINE_END,
     .keys = {"obj", "rho"},
     .step = MLF__STEP_SAME,
     .unless = SVM_INNER},
    {.pattern = "^nSV = (?<k1>[0-9]+), nBSV = (?<k2>[0-9]+)" LINE_END,
     .keys = {"nSV", "nBSV"},
     .step = MLF__STEP_SAME,
     .unless = SVM_INNER},
    {.pattern = "^Total nSV = (?<k1>[0-9]+)" LINE_END,
     .keys = {"total_nsv"},
     .step = MLF__STEP_NONE,
     .unless = SVM_INNER},
    {.pattern = "^Cross Validation Accuracy = (?<k1>" NUMBER ")%" LINE_END,
     .keys = {"cross_validation_accuracy"},
     .step = MLF__STEP_NONE},
    {.pattern = "^Cross Validation Mean squared error = (?<k1>" NUMBER ")" LINE_END,
     .keys = {"cross_validation_mean_squared_error"},
     .step = MLF__STEP_NONE},
    {.pattern = "^Cross Validation Squared correlation coefficient = (?<k1>" NUMBER ")" LINE_END,
     .keys = {"cross_validation_squared_correlation_coefficient"},
     .step = MLF__STEP_NONE},
};

static const struct mlf__preset presets[] = {
    {.programs = svm_train_programs,
     .library = "libsvm",
     .aliases = "s=svm_type t=kernel_type d=degree g=gamma r=coef0 c=C n=nu p=p m=cache_size e=eps "
                "h=shrinking b=probability v=nr_fold q= arg0= arg1=",
     .labelled = "w", /* the adapter logs all of them as one param, weights */
     .rules = svm_train_rules,
     .n_rules = MLF__ARRAY_LEN(svm_train_rules)},
};

const struct mlf__preset *mlf__preset_find(const char *name)
{
    for (size_t i = 0; i < MLF__ARRAY_LEN(presets); i++) {
        for (const char *const *program = presets[i].programs; *program != NULL; program++) {
            if (strcmp(*program, name) == 0)
                return &presets[i];
        }
    }
    return NULL;
}
