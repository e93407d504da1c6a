/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of adapters: a new library is a file in adapters/ and a line here. */
#include "hooks/hooks.h"

#include "hooks/adapters/adapters.h"

const struct mlf_adapter_ops *const mlf__adapters[] = {
    &mlf__adapter_gsl,
    &mlf__adapter_libsvm,
    NULL,
};
