/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over a corpus without a fuzzing engine: every file as it is, then with a fixed
 * series of mutations, so that an ordinary test run finds what a small change of known inputs breaks.
 * Usage: replay CORPUS_FOLDER|FILE...   MLF_TEST_FULL=1: many more mutations. */
#include "tests/fuzz/fuzz.h"
#include "tests/support/tap.h"

#include <time.h>

enum { INPUT_MAX = 64 * 1024, MUTATIONS = 60, MUTATIONS_FULL = 2000, SECONDS = 15 };

static uint64_t random_state = 0x9e3779b97f4a7c15u;

static uint32_t random_below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return limit > 0 ? (uint32_t)(random_state >> 32) % limit : 0;
}

/* One change: a byte, a bit, an extreme value, a part that is left out or comes twice. */
static size_t mutate(uint8_t *data, size_t size)
{
    static const uint32_t extremes[] = {0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff};
    uint32_t at = random_below((uint32_t)size);
    uint32_t len = 1 + random_below(16);
    switch (size > 0 ? random_below(6) : 0) {
    case 0:
        if (size < INPUT_MAX)
            data[size++] = (uint8_t)random_below(256);
        return size;
    case 1:
        data[at] ^= (uint8_t)(1u << random_below(8));
        return size;
    case 2:
        data[at] = (uint8_t)random_below(256);
        return size;
    case 3: {
        uint32_t value = extremes[random_below(8)];
        memcpy(data + at, &value, size - at < 4 ? size - at : 4);
        return size;
    }
    case 4:
        len = len < size - at ? len : (uint32_t)(size - at);
        memmove(data + at, data + at + len, size - at - len);
        return size - len;
    default:
        len = len < size - at ? len : (uint32_t)(size - at);
        if (size + len > INPUT_MAX)
            return size;
        memmove(data + at + len, data + at, size - at);
        return size + len;
    }
}

/* The target gets an exact copy, so that a sanitizer sees every byte read behind it. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    MUST(copy != NULL);
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int mutations_done;

static void replay(const char *path, double end)
{
    static uint8_t data[INPUT_MAX], changed[INPUT_MAX];
    FILE *file = fopen(path, "rb");
    size_t size = file != NULL ? fread(data, 1, sizeof(data), file) : 0;
    const char *name = strrchr(path, '/');
    if (!OK(file != NULL, "%s is an input", name != NULL ? name + 1 : path))
        return;
    fclose(file);
    run(data, size);
    int wanted = getenv("MLF_TEST_FULL") != NULL ? MUTATIONS_FULL : MUTATIONS;
    for (int i = 0; i < wanted && seconds() < end; i++) {
        size_t n = size;
        memcpy(changed, data, size);
        for (uint32_t changes = 1 + random_below(4); changes > 0; changes--)
            n = mutate(changed, n);
        run(changed, n);
        mutations_done++;
    }
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void replay_folder(const char *folder, double end)
{
    char *names[1024];
    size_t n = 0;
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL && n < 1024)
        if (entry->d_name[0] != '.')
            names[n++] = strdup(entry->d_name);
    if (dir != NULL)
        closedir(dir);
    OK(n > 0, "the corpus has inputs");
    qsort(names, n, sizeof(*names), compare_names);
    for (size_t i = 0; i < n; i++) {
        char path[1024];
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        /* Each file has its share of the time; what is over comes to the later ones. */
        double now = seconds();
        replay(path, now + (end - now) / (double)(n - i));
        free(names[i]);
    }
}

int main(int argc, char **argv)
{
    double end = seconds() + (getenv("MLF_TEST_FULL") != NULL ? 4 * SECONDS : SECONDS);
    LLVMFuzzerTestOneInput(NULL, 0);
    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
            replay_folder(argv[i], end);
        else
            replay(argv[i], end);
    }
    OK(mutations_done > 0, "changed inputs do no harm either");
    printf("# %d changed inputs\n", mutations_done);
    return tap_done();
}
