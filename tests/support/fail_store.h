/* SPDX-License-Identifier: Apache-2.0 */
/* A store that does what a real one does until a chosen call of it fails. */
#ifndef MLF_TESTS_FAIL_STORE_H
#define MLF_TESTS_FAIL_STORE_H

#include "tracking/store.h"

/* Opens the real store |uri| for writing behind the double; NULL when that fails. */
struct mlf__store *fail_store_open(const char *uri);

/* The |n|-th call from now on (1 = the next; opening, closing and rolling back do not count) fails with
 * |status| before anything is done; 0 switches it off. */
void fail_store_after(long n, mlf_status status);
/* The calls since then, and the name of the one that failed (NULL: none yet). */
long fail_store_calls(void);
const char *fail_store_failed(void);

#endif
