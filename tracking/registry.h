/* SPDX-License-Identifier: Apache-2.0 */
/* The stores there are, for the files of tracking/ only. */
#ifndef MLF_TRACKING_REGISTRY_H
#define MLF_TRACKING_REGISTRY_H

#include "tracking/store.h"

extern const struct mlf_store_ops mlf__sql_store_ops; /* sql/sql_store.c */

/* The operations for the scheme of |uri|; NULL when there are none. */
const struct mlf_store_ops *mlf__store_ops_of(const char *uri);

/* MLF_ERR_INVAL with a text that names the schemes there are. */
mlf_status mlf__store_fail_scheme(const char *uri);

#endif
