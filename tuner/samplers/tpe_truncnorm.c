/* SPDX-License-Identifier: Apache-2.0 */
/* Masses and quantiles are taken from the tail that is nearer, so that nothing cancels. */
#include "tuner/samplers/tpe_truncnorm.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sf_erf.h>
#include <math.h>

/* From here outwards the tail's mass is not a normal number any more. */
static const double deepest = -37;

static double lower_tail(double x)
{
    return 0.5 * erfc(-x * M_SQRT1_2);
}

static double log_lower_tail(double x)
{
    if (x > -5)
        return log(lower_tail(x));
    return isinf(x) ? -INFINITY : gsl_sf_log_erfc(-x * M_SQRT1_2) - M_LN2;
}

double mlf__tpe_log_mass(double a, double b)
{
    if (a > 0)
        return mlf__tpe_log_mass(-b, -a);
    if (b > 0)
        return log1p(-lower_tail(a) - lower_tail(-b));
    double outer = log_lower_tail(b);
    return outer + log1p(-exp(log_lower_tail(a) - outer));
}

/* Far out the mass below x is like exp(-x²/2), times what hardly changes. */
static double deep_quantile(double q, double a, double b)
{
    double part = q + (1 - q) * exp(0.5 * (b * b - a * a));
    return -sqrt(b * b - 2 * log(part));
}

double mlf__tpe_truncnorm_quantile(double q, double a, double b)
{
    if (!(q > 0))
        return a;
    if (q >= 1)
        return b;
    if (a >= 0 && b > 0)
        return -mlf__tpe_truncnorm_quantile(1 - q, -b, -a);
    if (b < deepest)
        return fmin(fmax(deep_quantile(q, a, b), a), b);

    double low = lower_tail(a), high = lower_tail(-b);
    double mass = b > 0 ? 1 - low - high : lower_tail(b) - low;
    double p = low + q * mass;
    double x = p < 0.5 ? gsl_cdf_ugaussian_Pinv(p) : gsl_cdf_ugaussian_Qinv(high + (1 - q) * mass);
    return fmin(fmax(x, a), b);
}
