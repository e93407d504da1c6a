/* SPDX-License-Identifier: Apache-2.0 */
/* The file of coefficients of the flavor linear: written by linear_save.c, read by linear.c and, in Python, by
 * mlf_linear.py. */
#ifndef MLF_TRACKING_MODELS_LINEAR_H
#define MLF_TRACKING_MODELS_LINEAR_H

#include <mlf/model.h>

#define MLF__LINEAR_FILE "data/linear.json"
enum { MLF__LINEAR_VERSION = 1, MLF__LINEAR_FILE_MAX = 256 << 20 };

/* Name of a kind in the file; NULL for a number that is none. */
const char *mlf__linear_kind_name(int kind);

/* A model as read. */
struct mlf__linear {
    int kind; /* mlf_linear_kind */
    size_t n_features, n_outputs, n_classes;
    double *coefficients, *intercepts;
    char **class_names; /* n_classes; NULL for a regression */
};

/* Reads the text of the file. |out| is zeroed before and freed by the caller, also after a failure.
 * MLF_ERR_CORRUPT names what is wrong; |where| is for that. */
mlf_status mlf__linear_parse(const char *text, const char *where, struct mlf__linear *out);
void mlf__linear_free(struct mlf__linear *model); /* the members */

#endif
