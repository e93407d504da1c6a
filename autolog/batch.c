/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of copied events. Texts live in chunks that never move; a name that is the same as the event
 * before it had (which is the rule) is not copied again. */
#include "autolog/batch.h"

#include "core/mem.h"

#include <string.h>

enum { CHUNK_SIZE = 64 * 1024 };

struct mlf__batch_chunk {
    struct mlf__batch_chunk *next;
    size_t used, size;
    char bytes[];
};

mlf_status mlf__batch_init(struct mlf__batch *batch)
{
    *batch = (struct mlf__batch){0};
    batch->events = mlf__zalloc(MLF__BATCH_MAX, sizeof(*batch->events));
    return batch->events != NULL ? MLF_OK : MLF_ERR_NOMEM;
}

/* Keeps the first chunk for the next batch. */
void mlf__batch_clear(struct mlf__batch *batch)
{
    batch->n = 0;
    while (batch->chunks != NULL && batch->chunks->next != NULL) {
        struct mlf__batch_chunk *next = batch->chunks->next;
        mlf__free(batch->chunks);
        batch->chunks = next;
    }
    if (batch->chunks != NULL)
        batch->chunks->used = 0;
}

void mlf__batch_free(struct mlf__batch *batch)
{
    mlf__batch_clear(batch);
    mlf__free(batch->chunks);
    mlf__free(batch->events);
    *batch = (struct mlf__batch){0};
}

static char *copy_text(struct mlf__batch *batch, const char *text, size_t len)
{
    struct mlf__batch_chunk *chunk = batch->chunks;
    if (chunk == NULL || chunk->size - chunk->used <= len) {
        size_t size = len + 1 > CHUNK_SIZE ? len + 1 : CHUNK_SIZE;
        chunk = mlf__alloc(sizeof(*chunk) + size);
        if (chunk == NULL)
            return NULL;
        *chunk = (struct mlf__batch_chunk){.next = batch->chunks, .size = size};
        batch->chunks = chunk;
    }
    char *copy = chunk->bytes + chunk->used;
    memcpy(copy, text, len);
    copy[len] = '\0';
    chunk->used += len + 1;
    return copy;
}

static const char *copy_name(struct mlf__batch *batch, const char *name, const char *before)
{
    if (name[0] == '\0')
        return "";
    return before != NULL && strcmp(name, before) == 0 ? before
                                                       : copy_text(batch, name, strlen(name));
}

bool mlf__batch_add(struct mlf__batch *batch, const struct mlf__event *event)
{
    if (batch->events == NULL || batch->n == MLF__BATCH_MAX)
        return false;
    const struct mlf__event *before = batch->n > 0 ? &batch->events[batch->n - 1] : NULL;
    struct mlf__event copy = *event;
    copy.key = copy_name(batch, event->key, before != NULL ? before->key : NULL);
    copy.run = copy_name(batch, event->run, before != NULL ? before->run : NULL);
    copy.model = copy_name(batch, event->model, before != NULL ? before->model : NULL);
    copy.text = event->text_len > 0 ? copy_text(batch, event->text, event->text_len) : "";
    if (copy.key == NULL || copy.run == NULL || copy.model == NULL || copy.text == NULL)
        return false;
    batch->events[batch->n++] = copy;
    return true;
}
