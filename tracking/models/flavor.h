/* SPDX-License-Identifier: Apache-2.0 */
/* Flavors that C predicts with: one file with a table of functions each, and one line in load.c. */
#ifndef MLF_TRACKING_MODELS_FLAVOR_H
#define MLF_TRACKING_MODELS_FLAVOR_H

#include <mlf/model.h>

#include <cjson/cJSON.h>

/* What a model takes and gives. */
struct mlf__model_shape {
    size_t n_features;
    size_t n_outputs; /* per row of predict(); 1 for a classifier */
    size_t n_classes; /* 0: none */
};

struct mlf__flavor_ops {
    const char *name;  /* key in MLmodel's flavors */
    size_t state_size; /* the front end allocates and frees that much, zeroed */
    /* |flavor| is the value of that key. On failure unload() is called too. */
    mlf_status (*load)(void *state, const char *directory, const cJSON *flavor,
                       struct mlf__model_shape *shape);
    void (*unload)(void *state);
    /* Called by several threads at once. */
    mlf_status (*predict)(const void *state, const double *rows, size_t n_rows, double *out);
    /* Optional: of models with classes. */
    mlf_status (*predict_proba)(const void *state, const double *rows, size_t n_rows, double *out);
    const char *(*class_name)(const void *state, size_t index);
};

extern const struct mlf__flavor_ops mlf__linear_flavor; /* linear.c */

/* Loads the model in the folder |directory|. MLF_ERR_NOT_FOUND when no MLmodel is there, MLF_ERR_UNSUPPORTED,
 * which names its flavors, when none of them is one of these. */
mlf_status mlf__model_load(const char *directory, mlf_model **out);

#endif
