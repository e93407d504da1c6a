/* SPDX-License-Identifier: Apache-2.0 */
/* From a program to its libraries. What the dynamic linker did is only known of a process that was looked at
 * while it ran; for others its rules are followed: the file's own search path, LD_LIBRARY_PATH, the
 * linker's cache, the default folders. */
#include "autolog/libraries.h"

#include "core/buf.h"
#include "core/mem.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LIBRARIES_MAX = 512, CACHE_MAX = 8 << 20 };

static const char CACHE_PATH[] = "/etc/ld.so.cache";

/* The linker's cache as glibc 2.32 and later write it. */
struct cache_header {
    char magic[20];
    uint32_t n, text_len;
    uint32_t unused[5];
};
struct cache_entry {
    int32_t flags;
    uint32_t name, path; /* offsets from the header */
    uint32_t os_version;
    uint64_t hwcap;
};

/* What is looked for, and where. */
struct search {
    const struct mlf__elf *program;
    const char *variable; /* LD_LIBRARY_PATH */
    bool cache_tried;
    char *cache;
    size_t cache_len;
};

static void load_cache(struct search *search)
{
    int fd = open(CACHE_PATH, O_RDONLY | O_CLOEXEC);
    search->cache_tried = true;
    search->cache = fd >= 0 ? mlf__alloc(CACHE_MAX + 1) : NULL;
    while (search->cache != NULL && search->cache_len < CACHE_MAX) {
        ssize_t n = read(fd, search->cache + search->cache_len, CACHE_MAX - search->cache_len);
        if (n <= 0)
            break;
        search->cache_len += (size_t)n;
    }
    if (search->cache != NULL)
        search->cache[search->cache_len] = '\0';
    if (fd >= 0)
        close(fd);
}

/* Is |path| a library for this program? Another class or machine is passed over, as the linker does. */
static bool fits(const struct search *search, const char *path, struct mlf__elf *out)
{
    if (mlf__elf_read_file(path, false, out) == MLF_OK &&
        out->machine == search->program->machine && out->class == search->program->class)
        return true;
    mlf__elf_free(out);
    return false;
}

/* |name| in the folders of the colon-separated |list|, in which $ORIGIN is the folder of |origin|. */
static bool find_in_list(const struct search *search, const char *list, const char *origin,
                         const char *name, char path[PATH_MAX], struct mlf__elf *out)
{
    const char *slash = strrchr(origin, '/');
    int origin_len = slash != NULL ? (int)(slash - origin) : 0;

    for (const char *at = list; *at != '\0';) {
        int len = (int)strcspn(at, ":"), skip = 0, n;
        if (strncmp(at, "$ORIGIN", 7) == 0)
            skip = 7;
        else if (strncmp(at, "${ORIGIN}", 9) == 0)
            skip = 9;
        n = snprintf(path, PATH_MAX, "%.*s%.*s/%s", skip > 0 ? origin_len : 0, origin, len - skip,
                     at + skip, name);
        if (len > 0 && n > 0 && n < PATH_MAX && fits(search, path, out))
            return true;
        at += len;
        at += *at == ':';
    }
    return false;
}

static bool find_in_cache(struct search *search, const char *name, char path[PATH_MAX],
                          struct mlf__elf *out)
{
    struct cache_header header;
    struct cache_entry entry;

    if (!search->cache_tried)
        load_cache(search);
    if (search->cache_len < sizeof(header))
        return false;
    memcpy(&header, search->cache, sizeof(header));
    if (memcmp(header.magic, "glibc-ld.so.cache1.1", sizeof(header.magic)) != 0)
        return false;
    for (uint32_t i = 0; i < header.n; i++) {
        size_t at = sizeof(header) + (size_t)i * sizeof(entry);
        if (at + sizeof(entry) > search->cache_len)
            return false;
        memcpy(&entry, search->cache + at, sizeof(entry));
        if (entry.name < search->cache_len && entry.path < search->cache_len &&
            strcmp(search->cache + entry.name, name) == 0 &&
            mlf__copy_text(path, PATH_MAX, search->cache + entry.path) && fits(search, path, out))
            return true;
    }
    return false;
}

static bool find_library(struct search *search, const struct mlf__elf *needer,
                         const char *needer_path, const char *name, char path[PATH_MAX],
                         struct mlf__elf *out)
{
    static const char folders[] = "/lib64:/usr/lib64:/lib:/usr/lib";

    if (strchr(name, '/') != NULL)
        return mlf__copy_text(path, PATH_MAX, name) && fits(search, path, out);
    return find_in_list(search, needer->run_path, needer_path, name, path, out) ||
           find_in_list(search, search->program->run_path, needer_path, name, path, out) ||
           (search->variable != NULL &&
            find_in_list(search, search->variable, needer_path, name, path, out)) ||
           find_in_cache(search, name, path, out) ||
           find_in_list(search, folders, needer_path, name, path, out);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits and dots at |at|, without a dot at their end. */
static void copy_version(const char *at, char out[64])
{
    size_t len = strspn(at, "0123456789.");
    while (len > 0 && at[len - 1] == '.')
        len--;
    if (len >= 64)
        len = 0;
    memcpy(out, at, len);
    out[len] = '\0';
}

void mlf__library_version(const char *path, char out[64])
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    const char *suffix = strstr(name, ".so");

    out[0] = '\0';
    if (suffix == NULL)
        return;
    if (suffix[3] == '.' && is_digit(suffix[4])) {
        copy_version(suffix + 4, out);
        return;
    }
    for (const char *dash = strchr(name, '-'); dash != NULL && dash < suffix;
         dash = strchr(dash + 1, '-'))
        if (is_digit(dash[1]) && dash + 1 + strspn(dash + 1, "0123456789.") >= suffix) {
            copy_version(dash + 1, out);
            return;
        }
}

static bool is_known(const struct mlf__libraries *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->items[i].name, name) == 0)
            return true;
    return false;
}

/* Adds a library; |path| NULL when it was not found. */
static mlf_status add_library(struct mlf__libraries *list, const char *name, const char *path,
                              const struct mlf__elf *elf, bool loaded)
{
    if (mlf__grow((void **)&list->items, &list->cap, list->n + 1, sizeof(*list->items)) != MLF_OK)
        return MLF_ERR_NOMEM;
    struct mlf__library library = {.name = mlf__strdup(name), .loaded = loaded};
    if (path != NULL) {
        char *real = realpath(path, NULL);
        library.path = mlf__strdup(real != NULL ? real : path);
        mlf__library_version(real != NULL ? real : path, library.version);
        free(real);
    }
    if (elf != NULL)
        mlf__copy_text(library.build_id, sizeof(library.build_id), elf->build_id);
    list->items[list->n++] = library;
    return library.name != NULL && (path == NULL || library.path != NULL) ? MLF_OK : MLF_ERR_NOMEM;
}

static mlf_status add_needed(struct mlf__libraries *list, struct search *search,
                             const struct mlf__elf *needer, const char *needer_path)
{
    mlf_status status = MLF_OK;

    for (size_t i = 0; i < needer->needed.n && status == MLF_OK && list->n < LIBRARIES_MAX; i++) {
        const char *name = needer->needed.items[i];
        char path[PATH_MAX];
        struct mlf__elf elf = {0};
        if (is_known(list, name))
            continue;
        bool found = find_library(search, needer, needer_path, name, path, &elf);
        status = add_library(list, name, found ? path : NULL, found ? &elf : NULL, false);
        mlf__elf_free(&elf);
    }
    return status;
}

static mlf_status add_loaded(struct mlf__libraries *list, const char *loaded, size_t len)
{
    mlf_status status = MLF_OK;

    for (size_t at = 0; at < len && status == MLF_OK && list->n < LIBRARIES_MAX;
         at += strlen(loaded + at) + 1) {
        const char *path = loaded + at, *slash = strrchr(path, '/');
        struct mlf__elf elf;
        if (mlf__elf_read_file(path, false, &elf) == MLF_OK) {
            const char *name = elf.soname[0] != '\0' ? elf.soname
                               : slash != NULL       ? slash + 1
                                                     : path;
            if (!is_known(list, name))
                status = add_library(list, name, path, &elf, true);
        }
        mlf__elf_free(&elf);
    }
    return status;
}

mlf_status mlf__libraries_find(const char *exe, const struct mlf__elf *elf, const char *loaded,
                               size_t loaded_len, const char *search_path,
                               struct mlf__libraries *out)
{
    struct search search = {.program = elf, .variable = search_path};

    *out = (struct mlf__libraries){0};
    mlf_status status = add_loaded(out, loaded, loaded_len);
    /* A process may have been seen before all of its libraries were there. */
    if (status == MLF_OK)
        status = add_needed(out, &search, elf, exe);
    for (size_t i = 0; i < out->n && status == MLF_OK; i++) {
        struct mlf__elf library;
        if (out->items[i].path == NULL)
            continue;
        if (mlf__elf_read_file(out->items[i].path, false, &library) == MLF_OK)
            status = add_needed(out, &search, &library, out->items[i].path);
        mlf__elf_free(&library);
    }
    mlf__free(search.cache);
    return status;
}

void mlf__libraries_free(struct mlf__libraries *libraries)
{
    for (size_t i = 0; i < libraries->n; i++) {
        mlf__free(libraries->items[i].name);
        mlf__free(libraries->items[i].path);
    }
    mlf__free(libraries->items);
    *libraries = (struct mlf__libraries){0};
}
