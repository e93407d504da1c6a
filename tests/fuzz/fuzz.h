/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz targets share: the entry point, taking an input apart, a folder of their own, and the
 * check that ends the program when a promise is broken. How to run them: README.md. */
#ifndef MLF_TESTS_FUZZ_H
#define MLF_TESTS_FUZZ_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* ---- an input that is taken apart from its front; behind its end everything is 0 ---- */

struct input {
    const uint8_t *at, *end;
};

__attribute__((unused)) static uint64_t take(struct input *input, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes && input->at < input->end; i++)
        value |= (uint64_t)*input->at++ << (8 * i);
    return value;
}

/* Up to |max| bytes, borrowed; |*len| is how many. */
__attribute__((unused)) static const uint8_t *take_bytes(struct input *input, size_t max,
                                                         size_t *len)
{
    const uint8_t *bytes = input->at;
    size_t left = (size_t)(input->end - input->at);
    *len = max < left ? max : left;
    input->at += *len;
    return bytes;
}

/* The next bytes up to NUL or the end as a text in |out|. */
__attribute__((unused)) static char *take_text(struct input *input, char *out, size_t size)
{
    size_t n = 0;
    while (input->at < input->end && *input->at != '\0' && n + 1 < size)
        out[n++] = (char)*input->at++;
    if (input->at < input->end && *input->at == '\0')
        input->at++;
    out[n] = '\0';
    return out;
}

/* ---- a folder that is there as long as the program, in memory where possible ---- */

static char fuzz_folder_path[64];

__attribute__((unused)) static void fuzz_remove(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char name[1024];
        struct stat st;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        if (lstat(name, &st) == 0 && S_ISDIR(st.st_mode))
            fuzz_remove(name);
        else
            unlink(name);
    }
    if (dir != NULL)
        closedir(dir);
    rmdir(path);
}

__attribute__((unused)) static void fuzz_remove_folder(void)
{
    fuzz_remove(fuzz_folder_path);
}

__attribute__((unused)) static const char *fuzz_folder(void)
{
    static const char *const places[] = {"/dev/shm", "/tmp"};
    for (size_t i = 0; fuzz_folder_path[0] == '\0' && i < 2; i++) {
        snprintf(fuzz_folder_path, sizeof(fuzz_folder_path), "%s/mlf-fuzz-XXXXXX", places[i]);
        if (mkdtemp(fuzz_folder_path) == NULL)
            fuzz_folder_path[0] = '\0';
        else
            atexit(fuzz_remove_folder);
    }
    MUST(fuzz_folder_path[0] != '\0');
    return fuzz_folder_path;
}

#endif
