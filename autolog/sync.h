/* SPDX-License-Identifier: Apache-2.0 */
/* Merging journals, shared by the collector's end and by mlf__sync. */
#ifndef MLF_AUTOLOG_SYNC_H
#define MLF_AUTOLOG_SYNC_H

#include "autolog/apply.h"

/* Applies the journals that producers of |ring_path|'s session wrote and deletes them; those of living
 * processes stay. */
mlf_status mlf__merge_session_journals(struct mlf__apply *apply, const char *ring_path);

#endif
