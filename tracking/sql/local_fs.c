/* SPDX-License-Identifier: Apache-2.0 */
/* Tells network file systems from local ones. SQLite's locks and its shared memory do not hold across
 * machines, so that two nodes that write one database over NFS damage it. */
#include "tracking/sql/local_fs.h"

#include "core/fail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

enum { FUSE_MAGIC = 0x65735546 };

static const struct {
    uint32_t magic; /* f_type as statfs(2) gives it */
    const char *name;
} network_fs[] = {
    {0x6969, "NFS"},          {0x517b, "SMB"},        {0xff534d42, "CIFS"},  {0xfe534d42, "SMB"},
    {0x5346414f, "AFS"},      {0x6b414653, "AFS"},    {0x73757245, "Coda"},  {0x01021997, "9P"},
    {0x00c36400, "CephFS"},   {0x0bd00bd0, "Lustre"}, {0x47504653, "GPFS"},  {0x19830326, "BeeGFS"},
    {0x20030528, "OrangeFS"}, {0xaad7aaea, "PanFS"},  {0x7461636f, "OCFS2"}, {0x01161970, "GFS2"},
    {0x564c, "NCP"},          {0x786f4256, "vboxsf"}, {FUSE_MAGIC, "FUSE"},
};

static const char *const local_fuse[] = {
    "fuseblk",         "virtiofs",   "fuse.fuse-overlayfs", "fuse.overlayfs", "fuse.ntfs",
    "fuse.ntfs-3g",    "fuse.exfat", "fuse.ext2",           "fuse.fuse2fs",   "fuse.gocryptfs",
    "fuse.encfs",      "fuse.cryfs", "fuse.mergerfs",       "fuse.unionfs",   "fuse.bindfs",
    "fuse.squashfuse", "fuse.lxcfs", "fuse.zfs-fuse",
};

const char *mlf__network_fs_name(uint64_t magic)
{
    for (size_t i = 0; i < MLF__ARRAY_LEN(network_fs); i++)
        if (network_fs[i].magic == (uint32_t)magic)
            return network_fs[i].name;
    return NULL;
}

bool mlf__fuse_is_local(const char *type)
{
    for (size_t i = 0; i < MLF__ARRAY_LEN(local_fuse); i++)
        if (strcmp(local_fuse[i], type) == 0)
            return true;
    return false;
}

/* The device in a line of mountinfo, "ID PARENT MAJOR:MINOR …"; false when there is none. */
static bool mount_device(const char *line, dev_t *out)
{
    char *end;
    const char *text = strchr(line, ' ');
    text = text != NULL ? strchr(text + 1, ' ') : NULL;
    if (text == NULL)
        return false;
    unsigned long major_number = strtoul(text + 1, &end, 10);
    if (*end != ':')
        return false;
    *out = makedev((unsigned)major_number, (unsigned)strtoul(end + 1, NULL, 10));
    return true;
}

/* The type of the mount with device |dev|; false when it is not listed. */
static bool mount_type(dev_t dev, char *out, size_t size)
{
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    if (mounts == NULL)
        return false;
    bool found = false;
    char line[4096];
    while (!found && fgets(line, sizeof(line), mounts) != NULL) {
        dev_t device;
        const char *type = strstr(line, " - ");
        if (type == NULL || !mount_device(line, &device) || device != dev)
            continue;
        type += strlen(" - ");
        found = strcspn(type, " \n") < size;
        if (found)
            snprintf(out, size, "%.*s", (int)strcspn(type, " \n"), type);
    }
    fclose(mounts);
    return found;
}

const char *mlf__network_fs_at(const char *path)
{
    struct statfs fs;
    if (statfs(path, &fs) != 0)
        return NULL;
    const char *name = mlf__network_fs_name((uint64_t)fs.f_type);
    if (name == NULL || (uint32_t)fs.f_type != FUSE_MAGIC)
        return name;
    struct stat status;
    char type[64];
    if (stat(path, &status) == 0 && mount_type(status.st_dev, type, sizeof(type)) &&
        mlf__fuse_is_local(type))
        return NULL;
    return name;
}
