/* SPDX-License-Identifier: Apache-2.0 */
/* A journal with any contents: reading ends, what it gives are texts, and what was read says the same
 * when it is written again.
 *
 * The first byte of an input chooses: its bytes are the file from some offset on, or they are bodies of
 * records whose checksums are made right, since no fuzzer would guess them. */
#include "tests/fuzz/fuzz.h"

#include "core/buf.h"
#include "core/journal.h"
#include "core/mem.h"

#include <fcntl.h>

static struct {
    char path[128], again[128];
    uint8_t header[8192]; /* of an empty journal */
    size_t header_size;
} world;

static uint32_t crc32c(const uint8_t *data, size_t len)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
    }
    return ~crc;
}

static void make_header(void)
{
    struct mlf__config config = {.tracking_uri = "sqlite:///x.db", .run_id = "r1", .cwd = "/"};
    struct mlf__journal *journal;
    snprintf(world.path, sizeof(world.path), "%s/j.journal", fuzz_folder());
    snprintf(world.again, sizeof(world.again), "%s/again.journal", fuzz_folder());
    MUST(mlf__journal_create(world.path, &config, &journal) == MLF_OK);
    mlf__journal_close(journal);
    FILE *file = fopen(world.path, "rb");
    MUST(file != NULL);
    world.header_size = fread(world.header, 1, sizeof(world.header), file);
    fclose(file);
}

static void write_records(struct input *input, struct mlf__buf *file)
{
    while (input->at < input->end) {
        uint8_t how = (uint8_t)take(input, 1);
        size_t len, wanted = how < 200 ? how : (size_t)take(input, 2);
        const uint8_t *body = take_bytes(input, wanted, &len);
        uint32_t size = (uint32_t)len, crc = crc32c(body, len);
        if (how == 255)
            size ^= (uint32_t)take(input, 4); /* a wrong length */
        if (how == 254)
            crc ^= 1;
        mlf__buf_add(file, &size, sizeof(size));
        mlf__buf_add(file, &crc, sizeof(crc));
        mlf__buf_add(file, body, len);
    }
}

static void write_file(const char *path, const struct mlf__buf *file)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    MUST(fd >= 0);
    MUST(write(fd, file->data, file->len) == (ssize_t)file->len);
    close(fd);
}

static void check_event(const struct mlf__event *event)
{
    MUST(event->key != NULL && event->run != NULL && event->model != NULL && event->text != NULL);
    MUST(event->text[event->text_len] == '\0');
    size_t total = strlen(event->key) + strlen(event->run) + strlen(event->model);
    for (size_t i = 0; i < 5; i++)
        total += strlen(mlf__event_field(event, i));
    MUST(total < SIZE_MAX / 2);
}

/* Reads to the end; every event goes into |events|. */
static size_t read_all(const char *path, struct mlf__buf *events, bool keep_place)
{
    struct mlf__journal *journal;
    struct mlf__event event;
    mlf_status status;
    size_t n = 0, calls = 0;
    if (mlf__journal_open(path, &journal) != MLF_OK)
        return 0;
    MUST(strlen(mlf__journal_config(journal)->cwd) < sizeof(mlf__journal_config(journal)->cwd));
    int64_t size = mlf__journal_size(journal);
    while ((status = mlf__journal_read(journal, &event)) != MLF_ERR_NOT_FOUND) {
        MUST(status == MLF_OK || status == MLF_ERR_CORRUPT);
        MUST(mlf__journal_offset(journal) <= size);
        MUST(++calls <= (size_t)size);
        if (status != MLF_OK)
            continue;
        check_event(&event);
        mlf__journal_encode(events, &event);
        n++;
    }
    if (keep_place && n > 0)
        MUST(mlf__journal_set_synced(journal, mlf__journal_offset(journal)) == MLF_OK);
    mlf__journal_close(journal);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, data + size};
    struct mlf__buf file = {0}, events = {0}, again = {0};
    if (world.header_size == 0)
        make_header();
    mlf__buf_add(&file, world.header, world.header_size);
    uint8_t how = (uint8_t)take(&input, 1);
    if ((how & 1) != 0) {
        write_records(&input, &file);
    } else {
        /* The bytes lie over the header from an offset on, and go on behind it. */
        size_t at = (size_t)take(&input, 2) % (world.header_size + 1), len;
        const uint8_t *bytes = take_bytes(&input, size, &len);
        size_t inside = len < world.header_size - at ? len : world.header_size - at;
        if (inside > 0)
            memcpy(file.data + at, bytes, inside);
        mlf__buf_add(&file, bytes + inside, len - inside);
    }
    MUST(!file.failed);
    write_file(world.path, &file);
    size_t n = read_all(world.path, &events, true);
    if (n > 0)
        MUST(read_all(world.path, &again, false) == 0); /* what is stored is not read twice */
    file.len = 0;
    mlf__buf_add(&file, world.header, world.header_size);
    mlf__buf_add(&file, events.data, events.len);
    write_file(world.path, &file);
    again.len = 0;
    MUST(read_all(world.path, &again, false) == n);
    MUST(again.len == events.len && (n == 0 || memcmp(again.data, events.data, again.len) == 0));
    mlf__buf_free(&file);
    mlf__buf_free(&events);
    mlf__buf_free(&again);
    return 0;
}
