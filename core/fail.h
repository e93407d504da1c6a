/* SPDX-License-Identifier: Apache-2.0 */
/* Status codes inside the library: the per-thread error text, and marks shared by all modules. */
#ifndef MLF_CORE_FAIL_H
#define MLF_CORE_FAIL_H

#include <mlf/status.h>

/* Exported by libmlf_core.so for our other libraries; not public. */
#define MLF__CORE __attribute__((visibility("default")))
#define MLF__PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define MLF__ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Sets the thread's error text and returns |status|. Called once, where the cause is known. */
MLF__CORE mlf_status mlf__fail(mlf_status status, const char *format, ...) MLF__PRINTF(2, 3);

/* Like mlf__fail, with ": <strerror(err)>" behind and the status that fits |err|. */
MLF__CORE mlf_status mlf__fail_errno(int err, const char *format, ...) MLF__PRINTF(2, 3);

/* The thread's last error text, "" when none; mlf_errmsg() is this. */
MLF__CORE const char *mlf__errmsg(void);
MLF__CORE const char *mlf__status_name(mlf_status status);
MLF__CORE const char *mlf__status_text(mlf_status status);

#endif
