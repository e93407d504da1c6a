/* SPDX-License-Identifier: Apache-2.0 */
/* A batch of events with their texts, copied out of the ring or a journal, so that nothing is held up
 * while the store works on it. */
#ifndef MLF_AUTOLOG_BATCH_H
#define MLF_AUTOLOG_BATCH_H

#include "core/event.h"

enum { MLF__BATCH_MAX = 1000 };

struct mlf__batch_chunk;

struct mlf__batch {
    struct mlf__event *events; /* MLF__BATCH_MAX of them */
    size_t n;
    struct mlf__batch_chunk *chunks; /* the texts; the first one is being filled */
};

mlf_status mlf__batch_init(struct mlf__batch *batch);
void mlf__batch_free(struct mlf__batch *batch);
void mlf__batch_clear(struct mlf__batch *batch);
/* Adds a copy of the event; false when the batch is full or memory is out. */
bool mlf__batch_add(struct mlf__batch *batch, const struct mlf__event *event);

#endif
