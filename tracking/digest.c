/* SPDX-License-Identifier: Apache-2.0 */
/* Digests of files, the only file that calls libcrypto. Large files are sampled: a data set of many
 * gigabytes must not cost a run minutes. */
#include "tracking/digest.h"

#include "core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MIB = 1 << 20,
    SAMPLE_ABOVE = 64 * MIB, /* larger files are sampled */
    SAMPLES = 62,            /* blocks between the first and the last MiB */
    SAMPLE_SIZE = 64 << 10
};

struct digest_job {
    const char *path;
    int fd;
    EVP_MD_CTX *context;
    unsigned char *buffer; /* of MIB bytes */
};

static int64_t mtime_ns(const struct stat *file)
{
    return (int64_t)file->st_mtim.tv_sec * 1000000000 + file->st_mtim.tv_nsec;
}

/* Adds |len| bytes from |offset|, or up to the end of a file that has become shorter. */
static mlf_status add_range(const struct digest_job *job, int64_t offset, int64_t len)
{
    while (len > 0) {
        size_t want = len < MIB ? (size_t)len : (size_t)MIB;
        ssize_t got = pread(job->fd, job->buffer, want, offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return mlf__fail_errno(errno, "cannot read '%s'", job->path);
        if (got == 0)
            return MLF_OK;
        if (EVP_DigestUpdate(job->context, job->buffer, (size_t)got) != 1)
            return mlf__fail(MLF_ERR_IO, "cannot digest '%s'", job->path);
        offset += got;
        len -= got;
    }
    return MLF_OK;
}

static mlf_status add_samples(const struct digest_job *job, int64_t size)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)size >> (8 * i));
    if (EVP_DigestUpdate(job->context, bytes, sizeof(bytes)) != 1)
        return mlf__fail(MLF_ERR_IO, "cannot digest '%s'", job->path);
    mlf_status status = add_range(job, 0, MIB);
    int64_t between = size - 2 * (int64_t)MIB - SAMPLE_SIZE;
    for (int64_t i = 0; status == MLF_OK && i < SAMPLES; i++)
        status = add_range(job, MIB + between / SAMPLES * i, SAMPLE_SIZE);
    return status == MLF_OK ? add_range(job, size - MIB, MIB) : status;
}

static mlf_status digest_open_file(struct digest_job *job, struct mlf__digest *out)
{
    struct stat before, after;
    if (fstat(job->fd, &before) != 0)
        return mlf__fail_errno(errno, "cannot read '%s'", job->path);
    if (!S_ISREG(before.st_mode))
        return mlf__fail(MLF_ERR_INVAL, "'%s' is not a regular file", job->path);
    out->size = before.st_size;
    out->mtime_ns = mtime_ns(&before);
    out->sampled = out->size > SAMPLE_ABOVE;
    mlf_status status = out->sampled ? add_samples(job, out->size) : add_range(job, 0, out->size);
    if (status != MLF_OK)
        return status;
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (EVP_DigestFinal_ex(job->context, bytes, &len) != 1 || len != 32)
        return mlf__fail(MLF_ERR_IO, "cannot digest '%s'", job->path);
    for (unsigned i = 0; i < len; i++)
        snprintf(out->hex + (size_t)i * 2, 3, "%02x", bytes[i]);
    out->modified = fstat(job->fd, &after) != 0 || after.st_size != before.st_size ||
                    mtime_ns(&after) != mtime_ns(&before);
    return MLF_OK;
}

mlf_status mlf__digest_file(const char *path, struct mlf__digest *out)
{
    struct digest_job job = {.path = path, .fd = -1};
    *out = (struct mlf__digest){0};
    mlf_status status = MLF_ERR_NOMEM;
    job.buffer = mlf__alloc(MIB);
    if (job.buffer == NULL)
        goto out;
    job.context = EVP_MD_CTX_new();
    if (job.context == NULL || EVP_DigestInit_ex(job.context, EVP_sha256(), NULL) != 1) {
        status = mlf__fail(MLF_ERR_NOMEM, "cannot begin a digest");
        goto out;
    }
    /* A fifo would block without O_NONBLOCK; a regular file does not care. */
    job.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (job.fd < 0)
        status = mlf__fail_errno(errno, "cannot read '%s'", path);
    else
        status = digest_open_file(&job, out);
out:
    if (job.fd >= 0)
        close(job.fd);
    EVP_MD_CTX_free(job.context);
    mlf__free(job.buffer);
    return status;
}
