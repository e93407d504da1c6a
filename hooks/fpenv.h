/* SPDX-License-Identifier: Apache-2.0 */
/* The floating-point environment of the host: arithmetic of ours must neither trap where the host has
 * unmasked exceptions, nor leave flags behind, nor round as the host wishes. By instruction, since the
 * <fenv.h> functions are in libm, which the host may not have. */
#ifndef MLF_HOOKS_FPENV_H
#define MLF_HOOKS_FPENV_H

#if defined(__SSE2__)
#include <xmmintrin.h>

typedef unsigned mlf__fp_state;

static inline mlf__fp_state mlf__fp_save(void)
{
    mlf__fp_state state = _mm_getcsr();
    _mm_setcsr(0x1f80); /* all masked, no flags, to nearest */
    return state;
}

static inline void mlf__fp_restore(mlf__fp_state state)
{
    _mm_setcsr(state);
}

#else

typedef int mlf__fp_state;

static inline mlf__fp_state mlf__fp_save(void)
{
    return 0;
}

static inline void mlf__fp_restore(mlf__fp_state state)
{
    (void)state;
}

#endif

#endif
