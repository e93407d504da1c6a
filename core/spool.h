/* SPDX-License-Identifier: Apache-2.0 */
/* The spool: the folders in which rings and journals lie, and their names. A session's files share a
 * stem, <run id's first 8>-<pid>-<4 random>:
 *   <stem>.ring             the ring
 *   <stem>.spill            the collector's journal, when the store lags
 *   <stem>.<pid>-<n>.journal  a producer's journal, when the ring is full or there is none
 * and what a program hands over with an event (MLF__EVF_TAKE), a file or a folder:
 *   <run id's first 8>-<pid>-<32 random>.take */
#ifndef MLF_CORE_SPOOL_H
#define MLF_CORE_SPOOL_H

#include "core/fail.h"
#include "core/sys.h"

#include <stdbool.h>
#include <stddef.h>

enum { MLF__PATH_SIZE = 1024 };

/* Folder for rings: $MLF_SPOOL (an absolute path, else it is not looked at), else /dev/shm/mlf-<uid> when /dev/shm has |need| bytes four times over,
 * else the disk folder. Made with mode 0700; its owner is checked. A network file system is refused. */
MLF__CORE mlf_status mlf__spool_ring_dir(size_t need, char out[MLF__PATH_SIZE]);
/* Folder for journals: $MLF_SPOOL, else $XDG_STATE_HOME/mlf, ~/.local/state/mlf, /var/tmp/mlf-<uid>. */
MLF__CORE mlf_status mlf__spool_disk_dir(char out[MLF__PATH_SIZE]);

/* Every folder that may hold something of this user's ($MLF_SPOOL alone when set): calls |fn| with each
 * that exists. */
typedef void mlf__spool_fn(const char *directory, void *user);
MLF__CORE void mlf__spool_each_dir(mlf__spool_fn *fn, void *user);

/* A new session's stem, with its folder. */
MLF__CORE void mlf__spool_stem(const char *directory, const char *run_id, char out[MLF__PATH_SIZE]);
/* The file of |ring_path|'s session that ends in |suffix|, in |directory|; false when it is too long. */
MLF__CORE bool mlf__spool_sibling(const char *ring_path, const char *directory, const char *suffix,
                                  char out[MLF__PATH_SIZE]);

/* Path of a new file or folder in the disk folder, to be handed over with MLF__EVF_TAKE. Nothing is made
 * yet; no two calls give the same. */
MLF__CORE mlf_status mlf__spool_take_path(const char *run_id, char out[MLF__PATH_SIZE]);
/* Removes what was handed over, when |path| has the form of such a path: events may come from a damaged
 * file, and nothing else must ever be removed for them. */
MLF__CORE void mlf__spool_take_done(const char *path);

/* Is |magic| (statfs f_type) a file system on which neither mmap nor locks can be relied on? */
MLF__CORE bool mlf__is_network_fs(long magic);

#endif
