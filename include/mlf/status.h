/* SPDX-License-Identifier: Apache-2.0 */
/* Status codes, the text of the last error, and the marks of public declarations. */
#ifndef MLF_STATUS_H
#define MLF_STATUS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MLF_API __attribute__((visibility("default")))

/** Every status: name, value, meaning. Values never change; new ones are added at the end. */
#define MLF_STATUS_MAP(XX)                                                                         \
    XX(OK, 0, "success")                                                                           \
    XX(ERR_INVAL, -1, "invalid argument")                                                          \
    XX(ERR_NOMEM, -2, "out of memory")                                                             \
    XX(ERR_IO, -3, "input or output failed")                                                       \
    XX(ERR_NOT_FOUND, -4, "not found")                                                             \
    XX(ERR_EXISTS, -5, "exists already")                                                           \
    XX(ERR_STATE, -6, "not possible in this state")                                                \
    XX(ERR_UNSUPPORTED, -7, "not supported")                                                       \
    XX(ERR_BUSY, -8, "locked by another process")                                                  \
    XX(ERR_FULL, -9, "no room left")                                                               \
    XX(ERR_PERM, -10, "permission denied")                                                         \
    XX(ERR_CORRUPT, -11, "the data are damaged")                                                   \
    XX(ERR_TIMEOUT, -12, "timed out")                                                              \
    XX(ERR_OFF, -13, "switched off")                                                               \
    XX(ERR_SCHEMA, -14, "a database schema that cannot be written")                                \
    XX(ERR_CONFLICT, -15, "a param was already logged with another value")                         \
    XX(ERR_PRUNED, -16, "the trial was pruned")

typedef enum mlf_status {
#define MLF__STATUS_ENUM(name, value, text) MLF_##name = (value),
    MLF_STATUS_MAP(MLF__STATUS_ENUM)
#undef MLF__STATUS_ENUM
} mlf_status;

/** Name of a status ("MLF_ERR_INVAL"), "MLF_ERR_UNKNOWN" for a number that is none. Static. */
MLF_API const char *mlf_status_name(mlf_status status);

/** Meaning of a status in one phrase. Static text. */
MLF_API const char *mlf_strerror(mlf_status status);

/** Text of the last failure in the calling thread, "" when there was none. It names what was wrong
 *  and where. Borrowed: valid until the thread's next failing call. */
MLF_API const char *mlf_errmsg(void);

#ifdef __cplusplus
}
#endif

#endif
