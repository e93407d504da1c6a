/* SPDX-License-Identifier: Apache-2.0 */
/* The journal: an append-only file of checksummed events, on disk. Offline logging writes it, so does
 * a producer whose ring is full, and the collector when the store lags. Format: docs/design/journal.md.
 *
 * A journal has one writing process; its threads may append at the same time. */
#ifndef MLF_CORE_JOURNAL_H
#define MLF_CORE_JOURNAL_H

#include "core/event.h"
#include "core/sys.h"

struct mlf__journal;

/* Creates |path| (mode 0600, must not exist) for the session |config|. It gets its name when it is whole. */
MLF__CORE mlf_status mlf__journal_create(const char *path, const struct mlf__config *config,
                                         struct mlf__journal **out);
/* Appends one event by one write(). MLF_ERR_FULL when the disk is full: what was half written is cut
 * off again. */
MLF__CORE mlf_status mlf__journal_append(struct mlf__journal *journal,
                                         const struct mlf__event *event);
/* Encodes an event behind |*len| bytes of |*data|, for many events in one write. */
struct mlf__buf;
MLF__CORE void mlf__journal_encode(struct mlf__buf *buf, const struct mlf__event *event);
MLF__CORE mlf_status mlf__journal_write(struct mlf__journal *journal, const struct mlf__buf *buf);
MLF__CORE mlf_status mlf__journal_sync(struct mlf__journal *journal); /* fdatasync */
MLF__CORE void mlf__journal_close(struct mlf__journal *journal);      /* NULL is fine; file stays */

/* ---- reading ---- */

/* Opens an existing journal, checks owner, mode and header. */
MLF__CORE mlf_status mlf__journal_open(const char *path, struct mlf__journal **out);
MLF__CORE const struct mlf__config *mlf__journal_config(const struct mlf__journal *journal);
MLF__CORE const struct mlf__proc_id *mlf__journal_writer(const struct mlf__journal *journal);
MLF__CORE const struct mlf__realm *mlf__journal_realm(const struct mlf__journal *journal);
/* Takes the lock that one merger holds. MLF_ERR_BUSY when another has it. */
MLF__CORE mlf_status mlf__journal_lock(struct mlf__journal *journal);
/* Reads the next event: MLF_OK; MLF_ERR_NOT_FOUND at the end (a torn last record is the end);
 * MLF_ERR_CORRUPT when a whole record is damaged (the next call goes on behind it when its
 * length can be trusted, else ends); MLF_ERR_NOMEM or MLF_ERR_IO when the record stays the next one.
 * The event is valid until the next call. */
MLF__CORE mlf_status mlf__journal_read(struct mlf__journal *journal, struct mlf__event *out);
/* Offset behind the last event read, and the offset up to which events are stored already. */
MLF__CORE int64_t mlf__journal_offset(const struct mlf__journal *journal);
MLF__CORE mlf_status mlf__journal_set_synced(struct mlf__journal *journal, int64_t offset);
/* Size of the file: where the next append begins. */
MLF__CORE int64_t mlf__journal_size(const struct mlf__journal *journal);
/* Moves reading to |offset|, one that mlf__journal_offset returned. */
MLF__CORE void mlf__journal_seek(struct mlf__journal *journal, int64_t offset);

#endif
