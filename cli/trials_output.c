/* SPDX-License-Identifier: Apache-2.0 */
/* The file holds the first bytes in its beginning and, behind them, the last ones in a circle; the two are put
 * together when the stream has ended. A disk that is full costs the artifact, never the process. */
#include "cli/trials_output.h"

#include "core/log.h"
#include "core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { IN_MEMORY = 64 * 1024, HEAD = 16 << 20, CIRCLE = 16 << 20, BLOCK = 64 * 1024 };

static bool write_at(int fd, const char *bytes, size_t len, off_t at)
{
    while (len > 0) {
        ssize_t n = pwrite(fd, bytes, len, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
        at += n;
    }
    return true;
}

/* Writes what is the stream's from byte |from| on. */
static bool write_part(int fd, const char *bytes, size_t len, uint64_t from)
{
    while (len > 0) {
        uint64_t at = from < HEAD ? from : HEAD + (from - HEAD) % CIRCLE;
        uint64_t room = from < HEAD ? HEAD - from : HEAD + CIRCLE - at;
        size_t n = len < room ? len : (size_t)room;
        if (!write_at(fd, bytes, n, (off_t)at))
            return false;
        bytes += n;
        len -= n;
        from += n;
    }
    return true;
}

static void give_up(struct mlf__output *output)
{
    mlf__log(MLF__LOG_WARN, "output of a trial is not kept: %s",
             errno != 0 ? strerror(errno) : mlf__errmsg());
    mlf__output_drop(output);
    output->failed = true;
}

/* Begins the file, with what is in memory. */
static bool open_file(struct mlf__output *output, const char *session_id)
{
    errno = 0;
    if (mlf__spool_take_path(session_id, output->path) != MLF_OK) {
        output->path[0] = '\0';
        return false;
    }
    output->fd = open(output->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (output->fd < 0) {
        output->path[0] = '\0';
        return false;
    }
    bool fine = write_part(output->fd, output->memory.data, output->memory.len, 0);
    mlf__buf_free(&output->memory);
    output->memory = (struct mlf__buf){0};
    return fine;
}

void mlf__output_add(struct mlf__output *output, const char *session_id, const char *bytes,
                     size_t len)
{
    if (output->failed || len == 0)
        return;
    uint64_t from = output->total;
    output->total += len;
    if (output->path[0] == '\0' && output->memory.len + len <= IN_MEMORY) {
        mlf__buf_add(&output->memory, bytes, len);
        return;
    }
    if ((output->path[0] == '\0' && !open_file(output, session_id)) ||
        !write_part(output->fd, bytes, len, from))
        give_up(output);
}

/* Copies |len| bytes of the circle that begin |at| bytes into it, to the end of |out|. */
static bool copy_circle(int in, int out, uint64_t at, uint64_t len, off_t *end)
{
    char block[BLOCK];
    while (len > 0) {
        uint64_t place = at % CIRCLE, n = len < BLOCK ? len : BLOCK;
        if (n > CIRCLE - place)
            n = CIRCLE - place;
        ssize_t got = pread(in, block, (size_t)n, (off_t)(HEAD + place));
        if (got <= 0 || !write_at(out, block, (size_t)got, *end))
            return false;
        *end += got;
        at += (uint64_t)got;
        len -= (uint64_t)got;
    }
    return true;
}

/* Puts beginning and end together when bytes between them were left out: the circle is turned, through a file that has
 * no name. */
static bool straighten(struct mlf__output *output)
{
    uint64_t whole = (uint64_t)HEAD + CIRCLE;
    if (output->total <= whole)
        return true;
    FILE *turned = tmpfile();
    char note[96];
    off_t end = 0;
    int len = snprintf(note, sizeof(note), "\n[mlf left out %llu bytes]\n",
                       (unsigned long long)(output->total - whole));
    bool fine = turned != NULL && copy_circle(output->fd, fileno(turned),
                                              (output->total - HEAD) % CIRCLE, CIRCLE, &end);
    fine = fine && write_at(output->fd, note, (size_t)len, HEAD);
    off_t at = HEAD + len;
    char block[BLOCK];
    for (off_t from = 0; fine && from < end;) {
        ssize_t got = pread(fileno(turned), block, sizeof(block), from);
        fine = got > 0 && write_at(output->fd, block, (size_t)got, at);
        from += got;
        at += got;
    }
    if (turned != NULL)
        fclose(turned);
    return fine;
}

void mlf__output_hand_over(struct mlf__output *output, struct mlf__ring *ring, const char *run_id,
                           const char *name)
{
    struct mlf__buf text = {0};
    bool is_short = output->path[0] == '\0';
    if (output->failed || output->total == 0) {
        mlf__output_drop(output);
        return;
    }
    if ((is_short && !open_file(output, mlf__ring_config(ring)->run_id)) || !straighten(output)) {
        give_up(output);
        output->failed = false;
        return;
    }
    mlf__buf_add(&text, output->path, strlen(output->path) + 1);
    mlf__buf_add(&text, "", 1);
    mlf__buf_puts(&text, name);
    struct mlf__event event = {.kind = MLF__EV_ARTIFACT,
                               .flags = MLF__EVF_TAKE,
                               .key = "",
                               .run = run_id,
                               .model = "",
                               .text = text.data,
                               .text_len = text.len};
    bool put = !text.failed && mlf__ring_put_event(ring, &event, MLF__RING_WAIT_CALL) == MLF_OK;
    if (put)
        output->path[0] = '\0'; /* it is the collector's now */
    else
        mlf__ring_count_drop(ring);
    close(output->fd);
    output->fd = -1;
    mlf__buf_free(&text);
    mlf__output_drop(output);
}

void mlf__output_drop(struct mlf__output *output)
{
    if (output->path[0] != '\0') {
        if (output->fd >= 0)
            close(output->fd);
        unlink(output->path);
    }
    mlf__buf_free(&output->memory);
    *output = (struct mlf__output){.fd = -1};
}
