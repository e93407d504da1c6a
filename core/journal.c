/* SPDX-License-Identifier: Apache-2.0 */
/* The journal file (docs/design/journal.md): a header, then records of one event each,
 *
 *   u32 length of the body   u32 CRC-32C of the body   body
 *   body: u16 kind, u16 flags, i32 pid, i32 tid, i64 ts, i64 step, u64 value bits,
 *         u16 key length, u16 run length, u16 model length, key, run, model, text (the rest)
 *
 * in the machine's byte order: a journal is merged on a machine like the one that wrote it.
 *
 * THREAD SAFETY NOTES: appends of several threads are single write()s to a file opened with O_APPEND,
 * which the kernel keeps apart. Reading and everything else belong to one thread. */
#include "core/journal.h"
#include "core/compat_glibc.h"

#include "core/buf.h"
#include "core/mem.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define JOURNAL_MAGIC "MLFJRNL"
enum { JOURNAL_VERSION = 1, BODY_FIXED = 44, BODY_MAX = 8 * 1024 * 1024, STACK_RECORD = 2048 };

struct journal_header {
    char magic[8];
    uint32_t version;
    uint32_t size;  /* of this header: records begin there */
    int64_t synced; /* records before this offset are stored; the one field that changes */
    struct mlf__proc_id writer;
    struct mlf__realm realm;
    struct mlf__config config;
};

struct mlf__journal {
    int fd;
    dev_t dev; /* what |fd| was opened on: a host may close it, and its next file gets the number */
    ino_t ino;
    char path[1024];
    struct journal_header header;
    struct mlf__buf chunk; /* bytes read ahead, from |chunk_at| */
    int64_t chunk_at;
    int64_t offset; /* of the next record to read */
    char *strings;  /* the last event's names, NUL-terminated, and its text */
    size_t cap_strings;
};

/* Asked at the first record: CPUID is slow in virtual machines, and __builtin_cpu_supports() would ask it
 * many times in a constructor of every program that loads this library. */
static bool has_sse42(void)
{
    static _Atomic int known; /* 1: no, 2: yes */
    int state = atomic_load_explicit(&known, memory_order_relaxed);
    if (state == 0) {
        unsigned a, b, c = 0, d;
        state = __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_SSE4_2) != 0 ? 2 : 1;
        atomic_store_explicit(&known, state, memory_order_relaxed);
    }
    return state == 2;
}

/* CRC-32C by the processor's own instruction. */
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(const unsigned char *data,
                                                               size_t len)
{
    uint64_t crc = 0xffffffff;
    for (; len >= 8; data += 8, len -= 8) {
        uint64_t part;
        memcpy(&part, data, 8);
        crc = __builtin_ia32_crc32di(crc, part);
    }
    for (; len > 0; data++, len--)
        crc = __builtin_ia32_crc32qi((uint32_t)crc, *data);
    return ~(uint32_t)crc;
}

/* CRC-32C (Castagnoli, RFC 3720 appendix B.4), four bits at a time: no table to build in a host. */
static uint32_t crc32c(const unsigned char *data, size_t len)
{
    static const uint32_t nibble[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
                                        0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
                                        0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
                                        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
    if (has_sse42())
        return crc32c_sse42(data, len);
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        crc = crc >> 4 ^ nibble[crc & 15];
        crc = crc >> 4 ^ nibble[crc & 15];
    }
    return ~crc;
}

/* ---- writing ---- */

static mlf_status write_all(int fd, const char *path, const void *data, size_t len)
{
    const char *at = data;
    while (len > 0) {
        long n = syscall(SYS_write, fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return mlf__fail_errno(errno, "%s: cannot be written", path);
        at += n;
        len -= (size_t)n;
    }
    return MLF_OK;
}

static struct mlf__journal *journal_new(const char *path, int fd)
{
    /* A page of its own, since a host's malloc is not called from hooks. */
    struct mlf__journal *journal =
        mmap(NULL, sizeof(*journal), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (journal == MAP_FAILED)
        return NULL;
    struct stat st;
    journal->fd = fd;
    if (syscall(SYS_fstat, fd, &st) == 0) {
        journal->dev = st.st_dev;
        journal->ino = st.st_ino;
    }
    mlf__copy_text(journal->path, sizeof(journal->path), path);
    return journal;
}

/* A rename that replaces nothing; on file systems that cannot do that, a plain one. */
static int rename_new(const char *from, const char *to)
{
    int result = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 1u /* NOREPLACE */);
    if (result != 0 && (errno == EINVAL || errno == ENOSYS))
        result = (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
    return result;
}

mlf_status mlf__journal_create(const char *path, const struct mlf__config *config,
                               struct mlf__journal **out)
{
    *out = NULL;
    char unfinished[sizeof(((struct mlf__journal *)0)->path) + 24];
    snprintf(unfinished, sizeof(unfinished), "%s.%d.new", path, (int)getpid());
    int fd = (int)syscall(SYS_openat, AT_FDCWD, unfinished,
                          O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return mlf__fail_errno(errno, "%s: the journal cannot be created", path);
    struct mlf__journal *journal = journal_new(path, fd);
    mlf_status status = MLF_ERR_NOMEM;
    if (journal != NULL) {
        struct journal_header *header = &journal->header;
        memcpy(header->magic, JOURNAL_MAGIC, sizeof(header->magic));
        header->version = JOURNAL_VERSION;
        header->size = sizeof(*header);
        header->synced = sizeof(*header);
        header->config = *config;
        mlf__proc_identify(0, &header->writer);
        mlf__realm_get(&header->realm);
        journal->offset = sizeof(*header);
        status = write_all(fd, path, header, sizeof(*header));
    }
    /* Whoever dies in here leaves no journal without a header. */
    if (status == MLF_OK && rename_new(unfinished, path) != 0)
        status = mlf__fail_errno(errno, "%s: the journal cannot be created", path);
    if (status != MLF_OK) {
        syscall(SYS_unlinkat, AT_FDCWD, unfinished, 0);
        if (journal == NULL)
            syscall(SYS_close, fd);
        mlf__journal_close(journal);
        return status;
    }
    *out = journal;
    return MLF_OK;
}

static unsigned char *put_bytes(unsigned char *at, const void *bytes, size_t len)
{
    if (len > 0)
        memcpy(at, bytes, len);
    return at + len;
}

/* A name's length has 16 bits; what is longer (from a forged ring) is cut. */
static uint16_t name_length(const char *name)
{
    return (uint16_t)strnlen(name, UINT16_MAX);
}

static size_t record_size(const struct mlf__event *event)
{
    return 8 + (size_t)BODY_FIXED + name_length(event->key) + name_length(event->run) +
           name_length(event->model) + event->text_len;
}

/* Writes the record to |out|, which has room for record_size(). */
static void encode_record(unsigned char *out, size_t size, const struct mlf__event *event)
{
    uint32_t body = (uint32_t)(size - 8);
    uint16_t key = name_length(event->key), run = name_length(event->run);
    uint16_t model = name_length(event->model);
    unsigned char *at = out + 8;
    at = put_bytes(at, &event->kind, 2);
    at = put_bytes(at, &event->flags, 2);
    at = put_bytes(at, &event->pid, 4);
    at = put_bytes(at, &event->tid, 4);
    at = put_bytes(at, &event->ts_ns, 8);
    at = put_bytes(at, &event->step, 8);
    at = put_bytes(at, &event->value, 8);
    at = put_bytes(at, &key, 2);
    at = put_bytes(at, &run, 2);
    at = put_bytes(at, &model, 2);
    at = put_bytes(at, "\0\0", 2); /* keeps the names at an even place */
    at = put_bytes(at, event->key, key);
    at = put_bytes(at, event->run, run);
    at = put_bytes(at, event->model, model);
    put_bytes(at, event->text, event->text_len);
    uint32_t crc = crc32c(out + 8, body);
    memcpy(out, &body, 4);
    memcpy(out + 4, &crc, 4);
}

void mlf__journal_encode(struct mlf__buf *buf, const struct mlf__event *event)
{
    size_t size = record_size(event), begin = buf->len;
    if (mlf__grow((void **)&buf->data, &buf->cap, begin + size, 1) != MLF_OK) {
        buf->failed = true;
        return;
    }
    encode_record((unsigned char *)buf->data + begin, size, event);
    buf->len += size;
}

int64_t mlf__journal_size(const struct mlf__journal *journal)
{
    struct stat st;
    return syscall(SYS_fstat, journal->fd, &st) == 0 ? (int64_t)st.st_size : 0;
}

/* Does the descriptor still belong to the journal? The program may have closed all it found. */
static bool fd_is_ours(const struct mlf__journal *journal)
{
    struct stat st;
    return syscall(SYS_fstat, journal->fd, &st) == 0 && st.st_dev == journal->dev &&
           st.st_ino == journal->ino;
}

/* Opens the file again after the program closed it. Two threads may do so at once: the loser's
 * descriptor stays open, which is no harm. */
static mlf_status reopen(struct mlf__journal *journal)
{
    int fd = (int)syscall(SYS_openat, AT_FDCWD, journal->path,
                          O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    if (fd < 0)
        return mlf__fail_errno(errno, "%s: the journal cannot be opened again", journal->path);
    if (syscall(SYS_fstat, fd, &st) != 0 || st.st_dev != journal->dev ||
        st.st_ino != journal->ino) {
        syscall(SYS_close, fd);
        return mlf__fail(MLF_ERR_STATE, "%s: the journal was replaced", journal->path);
    }
    journal->fd = fd;
    return MLF_OK;
}

/* What a full disk left half written would end the reading, so it is cut off again. */
static mlf_status append(struct mlf__journal *journal, const void *data, size_t len)
{
    long n;
    if (!fd_is_ours(journal)) {
        mlf_status status = reopen(journal);
        if (status != MLF_OK)
            return status;
    }
    do
        n = syscall(SYS_write, journal->fd, data, len);
    while (n < 0 && errno == EINTR);
    if (n == (long)len)
        return MLF_OK;
    int err = n < 0 ? errno : ENOSPC;
    if (n > 0) {
        /* Another thread may have found room meanwhile: then the piece stays, as a damaged record. */
        off_t end = (off_t)syscall(SYS_lseek, journal->fd, (off_t)0, SEEK_CUR);
        if (end == mlf__journal_size(journal) && syscall(SYS_ftruncate, journal->fd, end - n) != 0)
            err = errno;
    }
    return mlf__fail_errno(err, "%s: the journal cannot be written", journal->path);
}

mlf_status mlf__journal_append(struct mlf__journal *journal, const struct mlf__event *event)
{
    unsigned char small[STACK_RECORD];
    size_t size = record_size(event);
    if (size > BODY_MAX)
        return mlf__fail(MLF_ERR_INVAL, "an event of %zu bytes is too large", size);
    unsigned char *record = small;
    if (size > sizeof(small)) {
        record = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (record == MAP_FAILED)
            return mlf__fail_errno(errno, "%s: no memory for an event", journal->path);
    }
    encode_record(record, size, event);
    mlf_status status = append(journal, record, size);
    if (record != small)
        munmap(record, size);
    return status;
}

mlf_status mlf__journal_write(struct mlf__journal *journal, const struct mlf__buf *buf)
{
    if (buf->failed)
        return mlf__fail(MLF_ERR_NOMEM, "%s: no memory for events", journal->path);
    return append(journal, buf->data, buf->len);
}

mlf_status mlf__journal_sync(struct mlf__journal *journal)
{
    if (fd_is_ours(journal) && syscall(SYS_fdatasync, journal->fd) != 0)
        return mlf__fail_errno(errno, "%s: cannot be synced to disk", journal->path);
    return MLF_OK;
}

void mlf__journal_close(struct mlf__journal *journal)
{
    if (journal == NULL)
        return;
    if (fd_is_ours(journal))
        syscall(SYS_close, journal->fd);
    mlf__buf_free(&journal->chunk);
    mlf__free(journal->strings);
    munmap(journal, sizeof(*journal));
}

/* ---- reading ---- */

static bool header_valid(const struct journal_header *h)
{
    return memchr(h->config.tracking_uri, '\0', sizeof(h->config.tracking_uri)) != NULL &&
           memchr(h->config.experiment_name, '\0', sizeof(h->config.experiment_name)) != NULL &&
           memchr(h->config.experiment_id, '\0', sizeof(h->config.experiment_id)) != NULL &&
           memchr(h->config.run_id, '\0', sizeof(h->config.run_id)) != NULL &&
           memchr(h->config.cwd, '\0', sizeof(h->config.cwd)) != NULL &&
           h->synced >= (int64_t)sizeof(*h);
}

static mlf_status read_header(struct mlf__journal *journal)
{
    struct stat st;
    struct journal_header *h = &journal->header;
    if (syscall(SYS_fstat, journal->fd, &st) != 0)
        return mlf__fail_errno(errno, "%s: cannot be examined", journal->path);
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0)
        return mlf__fail(MLF_ERR_PERM, "%s: not a private file of this user", journal->path);
    if (syscall(SYS_pread64, journal->fd, h, sizeof(*h), (off_t)0) != (long)sizeof(*h) ||
        memcmp(h->magic, JOURNAL_MAGIC, sizeof(h->magic)) != 0)
        return mlf__fail(MLF_ERR_CORRUPT, "%s: not a journal of mlf", journal->path);
    if (h->version != JOURNAL_VERSION || h->size != sizeof(*h))
        return mlf__fail(MLF_ERR_UNSUPPORTED,
                         "%s: a journal of another mlf (version %u, this is %d)", journal->path,
                         h->version, JOURNAL_VERSION);
    if (!header_valid(h))
        return mlf__fail(MLF_ERR_CORRUPT, "%s: the journal's header is damaged", journal->path);
    journal->offset = h->synced;
    return MLF_OK;
}

mlf_status mlf__journal_open(const char *path, struct mlf__journal **out)
{
    *out = NULL;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return mlf__fail_errno(errno, "%s: the journal cannot be opened", path);
    struct mlf__journal *journal = journal_new(path, fd);
    if (journal == NULL) {
        syscall(SYS_close, fd);
        return mlf__fail(MLF_ERR_NOMEM, "%s: no memory", path);
    }
    mlf_status status = read_header(journal);
    if (status != MLF_OK) {
        mlf__journal_close(journal);
        return status;
    }
    *out = journal;
    return MLF_OK;
}

const struct mlf__config *mlf__journal_config(const struct mlf__journal *journal)
{
    return &journal->header.config;
}

const struct mlf__proc_id *mlf__journal_writer(const struct mlf__journal *journal)
{
    return &journal->header.writer;
}

const struct mlf__realm *mlf__journal_realm(const struct mlf__journal *journal)
{
    return &journal->header.realm;
}

mlf_status mlf__journal_lock(struct mlf__journal *journal)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(journal->fd, F_OFD_SETLK, &lock) == 0)
        return MLF_OK;
    if (errno == EAGAIN || errno == EACCES)
        return mlf__fail(MLF_ERR_BUSY, "%s: another process is merging the journal", journal->path);
    return mlf__fail_errno(errno, "%s: the journal cannot be locked", journal->path);
}

/* Makes |len| bytes from journal->offset on available; MLF_ERR_NOT_FOUND at the end of the file. */
static mlf_status fetch(struct mlf__journal *journal, size_t len, const unsigned char **out)
{
    enum { CHUNK = 256 * 1024 };
    struct mlf__buf *chunk = &journal->chunk;
    size_t skip = (size_t)(journal->offset - journal->chunk_at);
    if (journal->offset < journal->chunk_at || skip > chunk->len || chunk->len - skip < len) {
        size_t want = len > CHUNK ? len : CHUNK;
        if (mlf__grow((void **)&chunk->data, &chunk->cap, want, 1) != MLF_OK)
            return MLF_ERR_NOMEM;
        long n = syscall(SYS_pread64, journal->fd, chunk->data, want, (off_t)journal->offset);
        chunk->len = n > 0 ? (size_t)n : 0;
        journal->chunk_at = journal->offset;
        skip = 0;
        /* EINVAL: a forged offset that no file can have. */
        if (n < 0 && errno != EINVAL)
            return mlf__fail_errno(errno, "%s: cannot be read", journal->path);
        if (chunk->len < len)
            return MLF_ERR_NOT_FOUND;
    }
    *out = (const unsigned char *)chunk->data + skip;
    return MLF_OK;
}

/* Splits a body whose checksum was right; its lengths are checked all the same. */
static mlf_status decode_body(struct mlf__journal *journal, const unsigned char *body, size_t size,
                              struct mlf__event *out)
{
    uint16_t len[3];
    memcpy(len, body + 36, sizeof(len));
    size_t names = (size_t)len[0] + len[1] + len[2];
    if (BODY_FIXED + names > size)
        return MLF_ERR_CORRUPT;
    size_t text_len = size - BODY_FIXED - names;
    if (mlf__grow((void **)&journal->strings, &journal->cap_strings, names + text_len + 4, 1) !=
        MLF_OK)
        return MLF_ERR_NOMEM;
    *out = (struct mlf__event){.text_len = text_len};
    memcpy(&out->kind, body, 2);
    memcpy(&out->flags, body + 2, 2);
    memcpy(&out->pid, body + 4, 4);
    memcpy(&out->tid, body + 8, 4);
    memcpy(&out->ts_ns, body + 12, 8);
    memcpy(&out->step, body + 20, 8);
    memcpy(&out->value, body + 28, 8);
    const unsigned char *from = body + BODY_FIXED;
    char *at = journal->strings;
    const char *parts[4];
    for (int i = 0; i < 4; i++) {
        size_t n = i < 3 ? len[i] : text_len;
        parts[i] = at;
        memcpy(at, from, n);
        at[n] = '\0';
        at += n + 1;
        from += n;
    }
    out->key = parts[0];
    out->run = parts[1];
    out->model = parts[2];
    out->text = parts[3];
    return MLF_OK;
}

mlf_status mlf__journal_read(struct mlf__journal *journal, struct mlf__event *out)
{
    const unsigned char *at = NULL;
    mlf_status status = fetch(journal, 8, &at);
    if (status != MLF_OK || at == NULL)
        return status;
    uint32_t size, crc;
    memcpy(&size, at, 4);
    memcpy(&crc, at + 4, 4);
    if (size < BODY_FIXED || size > BODY_MAX) {
        int64_t bad = journal->offset;
        journal->offset = mlf__journal_size(journal); /* nothing behind it can be found */
        return mlf__fail(MLF_ERR_CORRUPT, "%s: damaged from offset %lld on", journal->path,
                         (long long)bad);
    }
    status = fetch(journal, 8 + (size_t)size, &at);
    if (status != MLF_OK)
        return status;
    status =
        crc32c(at + 8, size) == crc ? decode_body(journal, at + 8, size, out) : MLF_ERR_CORRUPT;
    if (status == MLF_ERR_NOMEM)
        return status; /* the record stays the next one */
    journal->offset += 8 + (int64_t)size;
    if (status != MLF_OK)
        return mlf__fail(status, "%s: a damaged record ends at offset %lld", journal->path,
                         (long long)journal->offset);
    return MLF_OK;
}

int64_t mlf__journal_offset(const struct mlf__journal *journal)
{
    return journal->offset;
}

void mlf__journal_seek(struct mlf__journal *journal, int64_t offset)
{
    journal->offset = offset;
}

mlf_status mlf__journal_set_synced(struct mlf__journal *journal, int64_t offset)
{
    journal->header.synced = offset;
    /* A second description without O_APPEND is not needed: on Linux pwrite to an O_APPEND file appends,
     * so the field is written through a mapping of the header's page. */
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, journal->fd, 0);
    if (page == MAP_FAILED)
        return mlf__fail_errno(errno, "%s: the synced offset cannot be kept", journal->path);
    ((struct journal_header *)page)->synced = offset;
    munmap(page, 4096);
    return MLF_OK;
}
