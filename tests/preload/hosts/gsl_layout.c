/* SPDX-License-Identifier: Apache-2.0 */
/* The adapter's picture of GSL's objects against GSL's own headers: compiling this is the test. */
#include "hooks/adapters/gsl_layout.h"

#include <gsl/gsl_multifit_nlinear.h>
#include <gsl/gsl_multimin.h>

#define SAME(ours, theirs, member)                                                                 \
    _Static_assert(offsetof(struct ours, member) == offsetof(theirs, member) &&                    \
                       sizeof(((struct ours *)0)->member) == sizeof(((theirs *)0)->member),        \
                   #theirs "." #member)

SAME(gsl_named, gsl_multimin_fdfminimizer_type, name);
SAME(gsl_named, gsl_multimin_fminimizer_type, name);
SAME(gsl_named, gsl_multifit_nlinear_trs, name);
SAME(gsl_named, gsl_multifit_nlinear_scale, name);
SAME(gsl_named, gsl_multifit_nlinear_solver, name);

SAME(gsl_doubles, gsl_vector, size);
SAME(gsl_doubles, gsl_vector, stride);
SAME(gsl_doubles, gsl_vector, data);

SAME(gsl_fdfminimizer, gsl_multimin_fdfminimizer, type);
SAME(gsl_fdfminimizer, gsl_multimin_fdfminimizer, f);
SAME(gsl_fdfminimizer, gsl_multimin_fdfminimizer, x);
SAME(gsl_fdfminimizer, gsl_multimin_fdfminimizer, gradient);

SAME(gsl_fminimizer, gsl_multimin_fminimizer, type);
SAME(gsl_fminimizer, gsl_multimin_fminimizer, fval);
SAME(gsl_fminimizer, gsl_multimin_fminimizer, x);
SAME(gsl_fminimizer, gsl_multimin_fminimizer, size);

SAME(gsl_fit_parameters, gsl_multifit_nlinear_parameters, trs);
SAME(gsl_fit_parameters, gsl_multifit_nlinear_parameters, scale);
SAME(gsl_fit_parameters, gsl_multifit_nlinear_parameters, solver);
SAME(gsl_fit_parameters, gsl_multifit_nlinear_parameters, factor_up);
SAME(gsl_fit_parameters, gsl_multifit_nlinear_parameters, factor_down);
_Static_assert(sizeof(struct gsl_fit_parameters) == sizeof(gsl_multifit_nlinear_parameters),
               "gsl_multifit_nlinear_parameters");

SAME(gsl_fit, gsl_multifit_nlinear_workspace, x);
SAME(gsl_fit, gsl_multifit_nlinear_workspace, f);
SAME(gsl_fit, gsl_multifit_nlinear_workspace, g);
SAME(gsl_fit, gsl_multifit_nlinear_workspace, niter);
SAME(gsl_fit, gsl_multifit_nlinear_workspace, params);
