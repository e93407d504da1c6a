/* SPDX-License-Identifier: Apache-2.0 */
/* A ring whose file somebody else writes: attaching, reading, releasing and putting must neither crash
 * nor hang nor hand out texts that are not texts, whatever stands in it.
 *
 * A ring file is more than a megabyte, so an input is a list of steps on a fresh small ring: bytes written
 * over any part of the file, events put in the proper way, reads and releases in between. */
#include "tests/fuzz/fuzz.h"

#include "core/mem.h"
#include "core/ring_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

enum { STEPS_MAX = 200, NAME_MAX_BYTES = 64, TEXT_MAX_BYTES = 400, READ_MAX = 1000 };

/* What may be written over; the offsets of cells and slots come out in whole elements. */
enum region { IN_HEADER, IN_POSITIONS, IN_SLOTS, IN_NAMES, IN_NAME_TEXT, IN_CELLS, REGIONS };

static struct {
    char path[128];
    uint8_t *image; /* of a fresh ring */
    size_t size;
    uint8_t *file; /* the mapping of the ring that is being harmed */
    struct mlf__ring *ring;
    struct mlf__ring_reader *reader;
    uint64_t last; /* the last position that the reader gave */
} world;

static void make_fresh_ring(void)
{
    struct mlf__config config = {.tracking_uri = "sqlite:///x.db", .run_id = "r1", .cwd = "/"};
    struct stat st;
    snprintf(world.path, sizeof(world.path), "%s/r.ring", fuzz_folder());
    MUST(mlf__ring_create(world.path, &config, true, false, &world.ring) == MLF_OK);
    mlf__ring_detach(world.ring);
    int fd = open(world.path, O_RDWR | O_CLOEXEC);
    MUST(fd >= 0 && fstat(fd, &st) == 0);
    world.size = (size_t)st.st_size;
    world.image = malloc(world.size);
    MUST(world.image != NULL);
    world.file = mmap(NULL, world.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    MUST(world.file != MAP_FAILED);
    memcpy(world.image, world.file, world.size);
    close(fd);
}

/* Only pages that differ are written, which is the quicker way. */
static void restore(void)
{
    for (size_t at = 0; at < world.size; at += 4096) {
        size_t n = world.size - at < 4096 ? world.size - at : 4096;
        if (memcmp(world.file + at, world.image + at, n) != 0)
            memcpy(world.file + at, world.image + at, n);
    }
}

static size_t round_up(size_t n)
{
    return (n + 4095) & ~(size_t)4095;
}

/* Where |offset| of a region lies in the file of a small ring. */
static size_t place(enum region region, size_t offset)
{
    size_t n_names = RING_NAMES / RING_SMALL_DIVISOR;
    size_t text_size = RING_NAME_TEXT / RING_SMALL_DIVISOR;
    size_t slots = round_up(sizeof(struct ring_header));
    size_t names = slots + round_up(RING_SLOTS * sizeof(struct ring_slot));
    size_t text = names + round_up(n_names * sizeof(struct ring_name));
    size_t cells = text + round_up(text_size);
    switch (region) {
    case IN_HEADER:
        return offset % sizeof(struct ring_header);
    case IN_POSITIONS:
        return offsetof(struct ring_header, head) +
               offset % (sizeof(struct ring_header) - offsetof(struct ring_header, head));
    case IN_SLOTS:
        return slots + offset;
    case IN_NAMES:
        return names + offset;
    case IN_NAME_TEXT:
        return text + offset;
    default:
        return cells + offset;
    }
}

static void overwrite(struct input *input)
{
    enum region region = (enum region)(take(input, 1) % REGIONS);
    size_t len, at = place(region, (size_t)take(input, 3)) % world.size;
    const uint8_t *bytes = take_bytes(input, (size_t)take(input, 1), &len);
    memcpy(world.file + at, bytes, len < world.size - at ? len : world.size - at);
}

/* A committed cell with a right word, so that what it refers to is looked at. */
static void forge_cell(struct input *input)
{
    uint32_t n_cells = RING_CELLS / RING_SMALL_DIVISOR;
    uint64_t position = take(input, 3) + (take(input, 1) << 31), lap = position / n_cells;
    uint8_t state = (uint8_t)(take(input, 1) & 3);
    size_t len;
    const uint8_t *bytes = take_bytes(input, sizeof(union ring_any) - 8, &len);
    uint8_t *cell = world.file + place(IN_CELLS, 64 * (size_t)(position % n_cells));
    uint64_t word = word_make((enum ring_state)state, lap & 0xfffff);
    if (state == CELL_CLAIMED || state == CELL_CLAIMED_TEXT)
        word |= take(input, 5) << 2;
    memcpy(cell + 8, bytes, len);
    memcpy(cell, &word, 8);
}

static void put_event(struct input *input)
{
    char key[NAME_MAX_BYTES], run[NAME_MAX_BYTES], model[NAME_MAX_BYTES];
    struct mlf__event event = {.kind = (uint16_t)take(input, 1),
                               .flags = (uint16_t)take(input, 2),
                               .step = (int64_t)take(input, 8)};
    event.key = take_text(input, key, sizeof(key));
    event.run = take_text(input, run, sizeof(run));
    event.model = take_text(input, model, sizeof(model));
    event.text =
        (const char *)take_bytes(input, (size_t)take(input, 2) % TEXT_MAX_BYTES, &event.text_len);
    if (mlf__ring_put_event(world.ring, &event, MLF__RING_NO_WAIT) != MLF_OK)
        mlf__ring_count_drop(world.ring);
}

static bool see(const struct mlf__event *event, uint64_t position, void *user)
{
    size_t *seen = user;
    world.last = position;
    MUST(event->kind != MLF__EV_NONE && event->kind != MLF__EV_TEXT);
    MUST((event->flags & MLF__EVF_SPELLED) == 0);
    MUST(event->key != NULL && event->run != NULL && event->model != NULL && event->text != NULL);
    MUST(event->text[event->text_len] == '\0');
    /* The end of each text is found inside memory that may be read. */
    *seen += strlen(event->key) + strlen(event->run) + strlen(event->model);
    for (size_t i = 0; i < 4; i++)
        *seen += strlen(mlf__event_field(event, i));
    return true;
}

static void look_at_header(void)
{
    char error[RING_ERROR_SIZE];
    bool elsewhere;
    struct mlf__proc_id id;
    mlf__ring_error(world.ring, error, sizeof(error));
    MUST(memchr(error, '\0', sizeof(error)) != NULL);
    mlf__ring_all_dead(world.ring, &elsewhere);
    mlf__ring_collector(world.ring, &id);
    mlf__ring_producers_dead(world.ring);
    mlf__ring_has_adapter(world.ring, "libsvm");
    mlf__trainings_begin(mlf__ring_trainings(world.ring), 1, 2);
}

static void step(struct input *input)
{
    static size_t seen;
    uint64_t before;
    switch (take(input, 1) % 8) {
    case 0:
        overwrite(input);
        break;
    case 1:
        forge_cell(input);
        break;
    case 2:
        put_event(input);
        break;
    case 3:
    case 4:
        before = mlf__ring_reader_position(world.reader);
        MUST(mlf__ring_read(world.reader, READ_MAX, see, &seen) <= READ_MAX);
        MUST(mlf__ring_reader_position(world.reader) - before <= mlf__ring_capacity(world.ring));
        break;
    case 5:
        mlf__ring_release(world.reader, take(input, 1) == 0
                                            ? mlf__ring_reader_position(world.reader)
                                            : world.last + take(input, 4));
        mlf__ring_settle(world.ring, world.last);
        break;
    case 6:
        look_at_header();
        break;
    default:
        mlf__ring_reader_destroy(world.reader);
        MUST(mlf__ring_reader_create(world.ring, &world.reader) == MLF_OK);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, data + size};
    if (world.image == NULL)
        make_fresh_ring();
    restore();
    /* First what is there before anybody looks, then attach and go on. */
    for (uint64_t n = take(&input, 1) % 32; n > 0; n--)
        take(&input, 1) % 2 == 0 ? overwrite(&input) : forge_cell(&input);
    if (mlf__ring_attach(world.path, &world.ring) != MLF_OK)
        return 0;
    MUST(strlen(mlf__ring_config(world.ring)->run_id) < sizeof(world.ring->config.run_id));
    MUST(mlf__ring_reader_create(world.ring, &world.reader) == MLF_OK);
    for (int i = 0; i < STEPS_MAX && input.at < input.end; i++)
        step(&input);
    mlf__ring_reader_destroy(world.reader);
    mlf__ring_detach(world.ring);
    return 0;
}
