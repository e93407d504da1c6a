/* SPDX-License-Identifier: Apache-2.0 */
/* The table of presets. Formats are those of the programs' own printf calls, seen in their output;
 * patterns are anchored, so that nothing else is taken for them. */
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

/* LIBLINEAR: its trust-region Newton solvers; what the dual ones print looks like LIBSVM's. */
static const char *const liblinear_programs[] = {"liblinear-train", NULL};
static const struct mlf__preset_rule liblinear_rules[] = {
    {.contains = "|g|",
     .pattern = "^iter\\s+(?<step>[0-9]+) .*?\\bf (?<k1>" NUMBER ") \\|g\\| (?<k2>" NUMBER ") CG",
     .keys = {"f", "grad_norm"},
     .step = MLF__STEP_LINE},
    {.contains = "#iter",
     .pattern = "^optimization finished, #iter = (?<k1>[0-9]+)" LINE_END,
     .keys = {"iter"},
     .step = MLF__STEP_NEXT},
    {.contains = "Objective value",
     .pattern = "^Objective value = (?<k1>" NUMBER ")" LINE_END,
     .keys = {"objective_value"},
     .step = MLF__STEP_SAME},
    {.contains = "nSV",
     .pattern = "^nSV = (?<k1>[0-9]+)" LINE_END,
     .keys = {"nSV"},
     .step = MLF__STEP_SAME},
    {.contains = "Cross Validation",
     .pattern = "^Cross Validation (?=[AMS])",
     .pairs =
         "(?<key>Accuracy|Mean squared error|Squared correlation coefficient) = (?<value>" NUMBER
         ")",
     .step = MLF__STEP_NONE},
    {.contains = "CV ",
     .pattern = "^Best C = (?<k1>" NUMBER ")\\s+CV accuracy = (?<k2>" NUMBER ")%" LINE_END,
     .keys = {"best_C", "cv_accuracy"},
     .step = MLF__STEP_NONE},
};

/* XGBoost writes data set and metric as one word; the log's time stands before the round in old versions. */
static const char *const xgboost_programs[] = {"xgboost", NULL};
static const struct mlf__preset_rule xgboost_rules[] = {
    {.contains = "]\t",
     .pattern = "^(?:\\[[0-9:]+\\]\\s+)?\\[(?<step>[0-9]+)\\](?=\\t[^\\t:]+-[^\\t:]+:" NUMBER ")",
     .pairs = "\\t(?<set>[^\\t:-]+)-(?<key>[^\\t:]+):(?<value>" NUMBER ")",
     .step = MLF__STEP_LINE},
};

/* LightGBM: of its own program, and of its callback in Python. */
static const char *const lightgbm_programs[] = {"lightgbm", NULL};
static const struct mlf__preset_rule lightgbm_rules[] = {
    {.contains = "Iteration:",
     .pattern = "^\\[LightGBM\\] \\[Info\\] Iteration:(?<step>[0-9]+), ",
     .pairs = "(?<set>\\S+) (?<key>[^:]+?) : (?<value>" NUMBER ")",
     .step = MLF__STEP_LINE},
    {.contains = "'s ",
     .pattern = "^\\[(?<step>[0-9]+)\\](?=\\t\\S+'s )",
     .pairs = "\\t(?<set>\\S+)'s (?<key>[^:\\t]+): (?<value>" NUMBER ")",
     .step = MLF__STEP_LINE},
};

/* FANN's report of fann_train_on_data(). */
static const struct mlf__preset_rule fann_rules[] = {
    {.contains = "Current error",
     .pattern = "^Epochs\\s+(?<step>[0-9]+)\\. Current error: (?<k1>" NUMBER
                ")\\. Bit fail (?<k2>[0-9]+)\\.",
     .keys = {"mse", "bit_fail"},
     .step = MLF__STEP_LINE},
};

static const char *const fasttext_programs[] = {"fasttext", NULL};
static const struct mlf__preset_rule fasttext_rules[] = {
    {.contains = "words/sec",
     .pattern =
         "^Progress:\\s+(?<k1>" NUMBER ")%\\s+words/sec/thread:\\s+\\S+\\s+lr:\\s+(?<k2>" NUMBER
         ")\\s+(?:avg\\.)?loss:\\s+(?<k3>" NUMBER ")",
     .keys = {"progress", "lr", "avg_loss"},
     .step = MLF__STEP_IMPLIED},
    {.contains = "@",
     .pattern = "^(?=[PR]@[0-9]+\\s)",
     .pairs = "(?<key>[PR]@[0-9]+)\\s+(?<value>" NUMBER ")",
     .step = MLF__STEP_NONE},
};

/* Darknet: one line for each batch, the loss without a name. */
static const char *const darknet_programs[] = {"darknet", NULL};
static const struct mlf__preset_rule darknet_rules[] = {
    {.contains = " rate, ",
     .pattern = "^\\s*(?<step>[0-9]+): (?<k1>" NUMBER "), (?<k2>" NUMBER
                ") avg(?: loss)?, (?<k3>" NUMBER ") rate, " NUMBER " seconds, (?<k4>[0-9]+) images",
     .keys = {"loss", "avg_loss", "lr", "images"},
     .step = MLF__STEP_LINE},
    {.contains = "Region ", .pattern = "^\\s*(?:v3 )?Region [0-9]+ ", .step = MLF__STEP_SILENT},
};

/* Vowpal Wabbit: a table under a header of two lines, its step the counter of examples. */
static const char *const vw_programs[] = {"vw", NULL};
static const struct mlf__preset_rule vw_rules[] = {
    {.contains = ".",
     .pattern = "^(?<k1>" NUMBER ")\\s+(?<k2>" NUMBER ")\\s+(?<step>[0-9]+)\\s+" NUMBER
                "\\s+\\S+\\s+\\S+\\s+[0-9]+" LINE_END,
     .keys = {"average_loss", "since_last"},
     .step = MLF__STEP_LINE},
    {.contains = "number of examples",
     .pattern = "^number of examples(?: per pass)? = (?<step>[0-9]+)" LINE_END,
     .step = MLF__STEP_LINE},
    {.contains = "average loss",
     .pattern = "^average loss = (?<k1>" NUMBER ")",
     .keys = {"average_loss"},
     .step = MLF__STEP_LAST},
};

/* Keras: the progress bar is written again and again; what counts is the one of a whole epoch. */
static const struct mlf__preset_rule keras_rules[] = {
    {.contains = "Epoch ",
     .pattern = "^Epoch (?<step>[0-9]+)/[0-9]+" LINE_END,
     .step = MLF__STEP_LINE},
    {.contains = "/",
     .pattern = "^(?<n>[0-9]+)/\\k<n> .*?(?= - \\w+: )",
     .pairs = " - (?<key>\\w+): (?<value>" NUMBER ")",
     .step = MLF__STEP_LAST},
    {.contains = "/", .pattern = "^[0-9]+/(?:[0-9]+|Unknown) ", .step = MLF__STEP_SILENT},
};

/* The examples of PyTorch: mnist and its relatives, imagenet. */
static const struct mlf__preset_rule pytorch_rules[] = {
    {.contains = "Train Epoch: ",
     .pattern = "^Train Epoch: (?<epoch>[0-9]+) \\[(?<at>[0-9]+)/(?<of>[0-9]+) [^\\]]*\\]\\s+"
                "Loss: (?<k1>" NUMBER ")",
     .keys = {"loss"},
     .step = MLF__STEP_LINE},
    {.contains = "Test set: ",
     .pattern = "^Test set: Average loss: (?<k1>" NUMBER
                ")(?:, Accuracy: [0-9]+/[0-9]+ \\((?<k2>" NUMBER ")%\\))?",
     .keys = {"test/loss", "test/accuracy"},
     .step = MLF__STEP_LAST},
};
static const struct mlf__preset_rule imagenet_rules[] = {
    {.contains = "Epoch: [",
     .pattern = "^Epoch: \\[(?<epoch>[0-9]+)\\]\\[\\s*(?<at>[0-9]+)/(?<of>[0-9]+)\\]",
     .pairs = "(?<key>Loss|Acc@[0-9]+)\\s+(?<value>" NUMBER ")",
     .step = MLF__STEP_LINE},
    {.contains = "Test: [", .pattern = "^Test: \\[", .step = MLF__STEP_SILENT},
    {.contains = "Acc@1",
     .pattern = "^\\s*\\*\\s+Acc@1 (?<k1>" NUMBER ") Acc@5 (?<k2>" NUMBER ")" LINE_END,
     .keys = {"val/acc_1", "val/acc_5"},
     .step = MLF__STEP_LAST},
};

static const char *const ranger_programs[] = {"ranger", NULL};
static const struct mlf__preset_rule ranger_rules[] = {
    {.contains = "OOB prediction error",
     .pattern = "^Overall OOB prediction error:\\s+(?<k1>" NUMBER ")",
     .keys = {"oob_prediction_error"},
     .step = MLF__STEP_NONE},
    {.contains = "Progress: ",
     .pattern = "^(?:Growing trees|Computing \\w+)\\.* Progress: ",
     .step = MLF__STEP_SILENT},
};

static const char *const no_programs[] = {NULL};

static const struct mlf__preset presets[] = {
    {.name = "svm-train",
     .prefix = "optimization finished, #iter = ",
     .programs = svm_train_programs,
     .library = "libsvm",
     .aliases = "s=svm_type t=kernel_type d=degree g=gamma r=coef0 c=C n=nu p=p m=cache_size e=eps "
                "h=shrinking b=probability v=nr_fold q= arg0= arg1=",
     .labelled = "w", /* the adapter logs all of them as one param, weights */
     .rules = svm_train_rules,
     .n_rules = MLF__ARRAY_LEN(svm_train_rules)},
    {.name = "liblinear-train",
     .programs = liblinear_programs,
     .aliases =
         "s=solver_type c=C p=p n=nu e=eps B=bias v=nr_fold C=find_parameters q= arg0= arg1=",
     .labelled = "w",
     .prefix = "iter ",
     .contains = "|g|",
     .rules = liblinear_rules,
     .n_rules = MLF__ARRAY_LEN(liblinear_rules)},
    {.name = "xgboost",
     .programs = xgboost_programs,
     .prefix = "[",
     .contains = "]\t",
     .signature = "^(?:\\[[0-9:]+\\]\\s+)?\\[[0-9]+\\](?:\\t[^\\t:]+-[^\\t:]+:" NUMBER "[^\\t]*)+$",
     .rules = xgboost_rules,
     .n_rules = MLF__ARRAY_LEN(xgboost_rules)},
    {.name = "lightgbm",
     .programs = lightgbm_programs,
     .prefix = "[",
     .signature = "^\\[LightGBM\\] \\[|^\\[[0-9]+\\]\\t\\S+'s ",
     .rules = lightgbm_rules,
     .n_rules = MLF__ARRAY_LEN(lightgbm_rules)},
    {.name = "fann",
     .programs = no_programs,
     .prefix = "Epochs ",
     .contains = "Current error: ",
     .rules = fann_rules,
     .n_rules = MLF__ARRAY_LEN(fann_rules)},
    {.name = "fasttext",
     .programs = fasttext_programs,
     .prefix = "Progress: ",
     .contains = "words/sec",
     .rules = fasttext_rules,
     .n_rules = MLF__ARRAY_LEN(fasttext_rules)},
    {.name = "darknet",
     .programs = darknet_programs,
     .prefix = "#",
     .contains = " rate, ",
     .signature = "^[0-9]+: " NUMBER ", " NUMBER " avg",
     .rules = darknet_rules,
     .n_rules = MLF__ARRAY_LEN(darknet_rules)},
    {.name = "vw",
     .programs = vw_programs,
     .prefix = "average ",
     .contains = "since",
     .signature = "^average\\s+since\\s+example\\s+example\\s+current",
     .rules = vw_rules,
     .n_rules = MLF__ARRAY_LEN(vw_rules)},
    {.name = "keras",
     .programs = no_programs,
     .prefix = "Epoch ",
     .contains = "/",
     .signature = "^Epoch [0-9]+/[0-9]+" LINE_END,
     .rules = keras_rules,
     .n_rules = MLF__ARRAY_LEN(keras_rules)},
    {.name = "pytorch",
     .programs = no_programs,
     .prefix = "Train Epoch: ",
     .contains = "Loss: ",
     .rules = pytorch_rules,
     .n_rules = MLF__ARRAY_LEN(pytorch_rules)},
    {.name = "imagenet",
     .programs = no_programs,
     .prefix = "Epoch: [",
     .contains = "Loss ",
     .rules = imagenet_rules,
     .n_rules = MLF__ARRAY_LEN(imagenet_rules)},
    {.name = "ranger",
     .programs = ranger_programs,
     .prefix = "Growing trees",
     .rules = ranger_rules,
     .n_rules = MLF__ARRAY_LEN(ranger_rules)},
    {.name = "json",
     .programs = no_programs,
     .prefix = "{",
     .contains = "\":",
     .signature = "\"\\w*(?:step|iter|epoch|round)\\w*\"\\s*:\\s*[0-9]",
     .json = 1},
};

_Static_assert(MLF__ARRAY_LEN(presets) <= MLF__PRESETS_MAX, "a bit for each preset");

const struct mlf__preset *mlf__presets(size_t *n)
{
    *n = MLF__ARRAY_LEN(presets);
    return presets;
}

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

const struct mlf__preset *mlf__preset_named(const char *name)
{
    for (size_t i = 0; i < MLF__ARRAY_LEN(presets); i++) {
        if (strcmp(presets[i].name, name) == 0)
            return &presets[i];
    }
    return mlf__preset_find(name);
}

const char *mlf__preset_library(const char *key)
{
    for (size_t i = 0; i < MLF__ARRAY_LEN(presets); i++) {
        for (size_t k = 0; presets[i].library != NULL && k < presets[i].n_rules; k++) {
            const char *const *keys = presets[i].rules[k].keys;
            for (size_t j = 0; j < MLF__PRESET_KEYS && keys[j] != NULL; j++) {
                if (strcmp(keys[j], key) == 0)
                    return presets[i].library;
            }
        }
    }
    return NULL;
}
