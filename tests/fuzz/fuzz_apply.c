/* SPDX-License-Identifier: Apache-2.0 */
/* Any events into a database of their own: the collector neither crashes nor hangs, a batch that was
 * applied can be applied again, and the session ends. An input is a series of events. */
#include "tests/fuzz/fuzz.h"

#include "autolog/apply.h"
#include "core/mem.h"

#include <fcntl.h>

enum { EVENTS_MAX = 64, NAME_MAX_BYTES = 128, TEXT_MAX_BYTES = 4096 };

static struct {
    char folder[96], file[128];
    struct mlf__config config;
    uint8_t *image; /* of an empty database */
    size_t size;
} world;

static void make_database(void)
{
    struct mlf__store *store;
    char name[160];
    snprintf(world.folder, sizeof(world.folder), "%s/work", fuzz_folder());
    MUST(mkdir(world.folder, 0700) == 0);
    snprintf(world.file, sizeof(world.file), "%s/in", world.folder);
    FILE *file = fopen(world.file, "wb");
    MUST(file != NULL);
    fputs("1 1:2\n", file);
    fclose(file);
    snprintf(world.config.tracking_uri, sizeof(world.config.tracking_uri), "sqlite:///%s/m.db",
             world.folder);
    snprintf(world.config.cwd, sizeof(world.config.cwd), "%s", world.folder);
    snprintf(world.config.run_id, sizeof(world.config.run_id), "0123456789abcdef0123456789abcdef");
    world.config.start_ns = 1700000000000000000;
    MUST(mlf__store_open(world.config.tracking_uri, MLF__STORE_WRITE, &store) == MLF_OK);
    mlf__store_close(store);
    snprintf(name, sizeof(name), "%s/m.db", world.folder);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    struct stat st;
    MUST(fd >= 0 && fstat(fd, &st) == 0);
    world.size = (size_t)st.st_size;
    world.image = malloc(world.size);
    MUST(world.image != NULL && read(fd, world.image, world.size) == (ssize_t)world.size);
    close(fd);
}

static void restore_database(void)
{
    char name[160];
    snprintf(name, sizeof(name), "%s/mlruns", world.folder);
    fuzz_remove(name);
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof(name), "%s/m.db-%s", world.folder, i == 0 ? "wal" : "shm");
        unlink(name);
    }
    snprintf(name, sizeof(name), "%s/m.db", world.folder);
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    MUST(fd >= 0 && write(fd, world.image, world.size) == (ssize_t)world.size);
    close(fd);
}

/* A name: one of those that mean something, or what the input says. */
static const char *take_name(struct input *input, const char *const *known, size_t n, char *out)
{
    uint8_t which = (uint8_t)take(input, 1);
    return which < n ? known[which] : take_text(input, out, NAME_MAX_BYTES);
}

/* Paths are led into the folder of this program: an input must not copy the whole machine. */
static void lead_path(char *text, size_t *len, uint16_t kind)
{
    char led[TEXT_MAX_BYTES + 128];
    if (kind != MLF__EV_FILE && kind != MLF__EV_ARTIFACT && kind != MLF__EV_MODEL)
        return;
    size_t path = strnlen(text, *len);
    for (size_t i = 0; i + 1 < path; i++)
        if (text[i] == '.' && text[i + 1] == '.')
            text[i] = '_';
    int n =
        snprintf(led, sizeof(led), "%s%s%.*s", world.file, path > 0 ? "/" : "", (int)path, text);
    MUST(n > 0 && (size_t)n + *len - path < sizeof(led));
    memcpy(led + n, text + path, *len - path);
    *len = (size_t)n + *len - path;
    memcpy(text, led, *len);
}

struct event {
    struct mlf__event event;
    char key[NAME_MAX_BYTES], run[NAME_MAX_BYTES], model[NAME_MAX_BYTES];
    char text[TEXT_MAX_BYTES + 256];
};

static void take_event(struct input *input, struct event *out)
{
    static const char *const keys[] = {"loss", "", "libsvm", "/usr/bin/svm-train",
                                       "mlflow.runName"};
    static const char *const runs[] = {"", "0123456789abcdef0123456789abcdef",
                                       "fedcba9876543210fedcba9876543210"};
    static const char *const models[] = {"", "m-0123456789abcdef0123456789abcdef"};
    uint8_t kind = (uint8_t)take(input, 1);
    size_t len;
    struct mlf__event *event = &out->event;
    *event = (struct mlf__event){
        .kind = kind % 20, .flags = (uint16_t)take(input, 2), .pid = (int32_t)take(input, 1)};
    event->ts_ns = kind >= 128 ? (int64_t)take(input, 8) : 1700000000000000000 + kind;
    event->step = (int64_t)take(input, kind >= 64 ? 8 : 1);
    uint64_t bits = take(input, kind >= 64 ? 8 : 1);
    memcpy(&event->value, &bits, sizeof(bits));
    event->key = take_name(input, keys, 5, out->key);
    event->run = take_name(input, runs, 3, out->run);
    event->model = take_name(input, models, 2, out->model);
    const uint8_t *text = take_bytes(input, (size_t)take(input, 2) % TEXT_MAX_BYTES, &len);
    memcpy(out->text, text, len);
    lead_path(out->text, &len, event->kind);
    out->text[len] = '\0';
    event->text = out->text;
    event->text_len = len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct event events[EVENTS_MAX];
    static struct mlf__event batch[EVENTS_MAX];
    struct input input = {data, data + size};
    struct mlf__apply apply;
    size_t n = 0;
    if (world.image == NULL)
        make_database();
    restore_database();
    MUST(mlf__apply_init(&apply, &world.config) == MLF_OK);
    apply.launcher_pid = (int32_t)take(&input, 1);
    for (; n < EVENTS_MAX && input.at < input.end; n++) {
        take_event(&input, &events[n]);
        batch[n] = events[n].event;
    }
    mlf_status status = mlf__apply_batch(&apply, batch, n);
    if (status == MLF_OK)
        MUST(mlf__apply_batch(&apply, batch, n) == MLF_OK);
    else
        MUST(mlf__errmsg()[0] != '\0');
    mlf__apply_held(&apply);
    status = mlf__apply_finish(&apply, 0, 1700000001000);
    MUST(status == MLF_OK || mlf__errmsg()[0] != '\0');
    mlf__apply_free(&apply);
    return 0;
}
