/* SPDX-License-Identifier: Apache-2.0 */
/* The per-thread text of the last error. Inside a hook nothing is kept: the text lives in ordinary
 * thread-local storage, whose first touch may allocate. */
#include "core/fail.h"

#include "core/guard.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { ERROR_TEXT_SIZE = 1024 };

static _Thread_local char error_text[ERROR_TEXT_SIZE];

mlf_status mlf__fail(mlf_status status, const char *format, ...)
{
    if (mlf__tls.hook_depth == 1)
        return status;
    va_list args;
    va_start(args, format);
    vsnprintf(error_text, sizeof(error_text), format, args);
    va_end(args);
    return status;
}

static mlf_status status_of_errno(int err)
{
    switch (err) {
    case ENOENT:
    case ENOTDIR:
        return MLF_ERR_NOT_FOUND;
    case EEXIST:
        return MLF_ERR_EXISTS;
    case EACCES:
    case EPERM:
    case EROFS:
        return MLF_ERR_PERM;
    case ENOSPC:
    case EDQUOT:
        return MLF_ERR_FULL;
    case ENOMEM:
        return MLF_ERR_NOMEM;
    case EAGAIN:
    case EBUSY:
        return MLF_ERR_BUSY;
    default:
        return MLF_ERR_IO;
    }
}

mlf_status mlf__fail_errno(int err, const char *format, ...)
{
    mlf_status status = status_of_errno(err);
    if (mlf__tls.hook_depth == 1)
        return status;
    va_list args;
    va_start(args, format);
    int len = vsnprintf(error_text, sizeof(error_text), format, args);
    va_end(args);
    if (len >= 0 && (size_t)len < sizeof(error_text)) {
        char reason[128];
        snprintf(error_text + len, sizeof(error_text) - (size_t)len, ": %s",
                 strerror_r(err, reason, sizeof(reason)));
    }
    return status;
}

const char *mlf__errmsg(void)
{
    return error_text;
}

const char *mlf__status_name(mlf_status status)
{
    switch (status) {
#define STATUS_NAME(name, value, text)                                                             \
    case MLF_##name:                                                                               \
        return "MLF_" #name;
        MLF_STATUS_MAP(STATUS_NAME)
#undef STATUS_NAME
    }
    return "MLF_ERR_UNKNOWN";
}

const char *mlf__status_text(mlf_status status)
{
    switch (status) {
#define STATUS_TEXT(name, value, text)                                                             \
    case MLF_##name:                                                                               \
        return text;
        MLF_STATUS_MAP(STATUS_TEXT)
#undef STATUS_TEXT
    }
    return "unknown status";
}
