/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of mlf about itself: off unless MLF_LOG=LEVEL[:FILE] is set, and then to that file
 * (mlf-<pid>.log in the spool's disk folder), never to the host's descriptors. */
#ifndef MLF_CORE_LOG_H
#define MLF_CORE_LOG_H

#include "core/fail.h"

enum mlf__log_level { MLF__LOG_ERROR = 1, MLF__LOG_WARN };

/* One line, with time and pid. Any thread; errno is kept. */
MLF__CORE void mlf__log(enum mlf__log_level level, const char *format, ...) MLF__PRINTF(2, 3);

#endif
