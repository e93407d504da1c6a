/* SPDX-License-Identifier: Apache-2.0 */
/* The normal distribution truncated to an interval, in units of its deviation. */
#ifndef MLF_TUNER_SAMPLERS_TPE_TRUNCNORM_H
#define MLF_TUNER_SAMPLERS_TPE_TRUNCNORM_H

/* The logarithm of the standard normal's mass between |a| and |b|, a <= b; exact also far out. */
double mlf__tpe_log_mass(double a, double b);
/* The point of [a, b] below which lies the share |q| of that mass. */
double mlf__tpe_truncnorm_quantile(double q, double a, double b);

#endif
