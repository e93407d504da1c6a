/* SPDX-License-Identifier: Apache-2.0 */
/* Autologging from inside a program. */
#ifndef MLF_AUTOLOG_PUBLIC_H
#define MLF_AUTOLOG_PUBLIC_H

#include <mlf/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** From now on logs what the libraries that mlf knows do in this program: hyperparameters, metrics,
 *  data files, models. Nothing is made before the first training begins; then, without a launcher, a run
 *  of its own. Calling it again, or under `mlf run`, changes nothing. The program's own output is not
 *  looked at. Call it before other threads begin. MLF_ERR_NOT_FOUND when the hook library is not
 *  installed beside libmlf. */
MLF_API mlf_status mlf_autolog(void);

#ifdef __cplusplus
}
#endif

#endif
