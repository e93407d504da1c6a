/* SPDX-License-Identifier: Apache-2.0 */
/* Is a folder on a file system where several processes may share a database? */
#ifndef MLF_TRACKING_SQL_LOCAL_FS_H
#define MLF_TRACKING_SQL_LOCAL_FS_H

#include <stdbool.h>
#include <stdint.h>

/* Name of the network file system that has this statfs() magic ("NFS"), NULL for a local one. FUSE is
 * "FUSE": whether that is local depends on what is behind it. */
const char *mlf__network_fs_name(uint64_t magic);

/* Is |type|, as in /proc/self/mountinfo ("fuse.sshfs"), a FUSE file system on local storage? */
bool mlf__fuse_is_local(const char *type);

/* As mlf__network_fs_name, for the file system that |path| is on; NULL also when that cannot be
 * found out. */
const char *mlf__network_fs_at(const char *path);

#endif
