/* SPDX-License-Identifier: Apache-2.0 */
/* What the adapter reads of GSL's objects, as the headers of versions 1.16 to 2.8 declare them (the fits since
 * 2.0): the adapter must not need the library. Members behind the last one that is read are left out. */
#ifndef MLF_HOOKS_ADAPTERS_GSL_LAYOUT_H
#define MLF_HOOKS_ADAPTERS_GSL_LAYOUT_H

#include <stddef.h>

/* Of every table of functions only the name, which comes first. */
struct gsl_named {
    const char *name;
};

struct gsl_doubles {
    size_t size;
    size_t stride;
    const double *data;
};

/* gsl_multimin_fdfminimizer */
struct gsl_fdfminimizer {
    const struct gsl_named *type;
    void *fdf;
    double f;
    const struct gsl_doubles *x;
    const struct gsl_doubles *gradient;
};

/* gsl_multimin_fminimizer */
struct gsl_fminimizer {
    const struct gsl_named *type;
    void *f;
    double fval;
    const struct gsl_doubles *x;
    double size;
};

/* gsl_multifit_nlinear_parameters */
struct gsl_fit_parameters {
    const struct gsl_named *trs, *scale, *solver;
    int fdtype;
    double factor_up, factor_down, avmax, h_df, h_fvv;
};

/* gsl_multifit_nlinear_workspace */
struct gsl_fit {
    const struct gsl_named *type;
    void *fdf;
    const struct gsl_doubles *x, *f, *dx, *g;
    void *jacobian, *sqrt_wts_work, *sqrt_wts;
    size_t niter;
    struct gsl_fit_parameters params;
};

#endif
