/* SPDX-License-Identifier: Apache-2.0 */
/* The adapters, by name; each is the one exported object of its file. */
#ifndef MLF_HOOKS_ADAPTERS_H
#define MLF_HOOKS_ADAPTERS_H

#include "hooks/hooks.h"

extern const struct mlf_adapter_ops mlf__adapter_gsl;
extern const struct mlf_adapter_ops mlf__adapter_libsvm;

#endif
