/* SPDX-License-Identifier: Apache-2.0 */
/* MLflow tracking and autologging for programs in C: everything but the tuner. */
#ifndef MLF_MLF_H
#define MLF_MLF_H

#include <mlf/autolog.h>
#include <mlf/run.h>
#include <mlf/status.h>
#include <mlf/tracking.h>

#endif
