/* SPDX-License-Identifier: Apache-2.0 */
/* Looking up a command and reading its ELF headers. The file may be anything, so every number read
 * from it is bounded before it is used, and what is not understood is taken for hookable: the loader
 * decides, as it would have without us. */
#include "cli/program.h"

#include "cli/cli.h"
#include "core/buf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_HEADERS = 64, MAX_DYNAMIC = 512, MAX_SCRIPTS = 4, INTERPRETER_MAX = 256 };

/* ---- lookup ---- */

static const char *search_path(void)
{
    for (char **at = environ; at != NULL && *at != NULL; at++) {
        if (strncmp(*at, "PATH=", 5) == 0)
            return *at + 5;
    }
    return "/usr/local/bin:/usr/bin:/bin";
}

/* 0 when |path| can be executed, else the errno. */
static int try_file(const char *path)
{
    struct stat info;

    if (stat(path, &info) != 0)
        return errno;
    if (S_ISDIR(info.st_mode))
        return EISDIR;
    return access(path, X_OK) == 0 ? 0 : errno;
}

static int refuse(const char *command, int err)
{
    if (err == ENOENT || err == ENOTDIR) {
        mlf__fail(MLF_ERR_NOT_FOUND,
                  strchr(command, '/') != NULL ? "%s: no such file" : "%s: command not found",
                  command);
        return MLF__EXIT_NOT_FOUND;
    }
    mlf__fail_errno(err, "%s: cannot be executed", command);
    return MLF__EXIT_NOT_EXECUTABLE;
}

static int find_in_path(const char *command, char *out, size_t size)
{
    int worst = ENOENT;

    for (const char *at = search_path();; at++) {
        size_t len = strcspn(at, ":");
        /* An empty part is the current directory. */
        int n = len > 0 ? snprintf(out, size, "%.*s/%s", (int)len, at, command)
                        : snprintf(out, size, "./%s", command);
        int err = n > 0 && (size_t)n < size ? try_file(out) : ENAMETOOLONG;
        if (err == 0)
            return 0;
        if (err == EACCES)
            worst = EACCES;
        at += len;
        if (*at == '\0')
            return refuse(command, worst);
    }
}

/* ---- ELF ---- */

static bool read_at(int fd, void *out, size_t size, uint64_t offset)
{
    return offset <= INT64_MAX && pread(fd, out, size, (off_t)offset) == (ssize_t)size;
}

/* The headers of an ELF file of 64 bits: all that hooks are built for. */
struct elf {
    int fd;
    Elf64_Ehdr header;
    Elf64_Phdr segments[MAX_HEADERS];
    size_t n_segments;
};

static bool is_elf(const unsigned char *ident)
{
    return memcmp(ident, ELFMAG, SELFMAG) == 0;
}

static bool read_segments(struct elf *elf)
{
    if (elf->header.e_phentsize != sizeof(Elf64_Phdr) || elf->header.e_phnum > MAX_HEADERS)
        return false;
    elf->n_segments = elf->header.e_phnum;
    return read_at(elf->fd, elf->segments, elf->n_segments * sizeof(Elf64_Phdr),
                   elf->header.e_phoff);
}

static const Elf64_Phdr *find_segment(const struct elf *elf, uint32_t type)
{
    for (size_t i = 0; i < elf->n_segments; i++) {
        if (elf->segments[i].p_type == type)
            return &elf->segments[i];
    }
    return NULL;
}

static bool file_offset(const struct elf *elf, uint64_t address, uint64_t *out)
{
    for (size_t i = 0; i < elf->n_segments; i++) {
        const Elf64_Phdr *segment = &elf->segments[i];
        if (segment->p_type == PT_LOAD && address >= segment->p_vaddr &&
            address - segment->p_vaddr < segment->p_filesz)
            return !__builtin_add_overflow(segment->p_offset, address - segment->p_vaddr, out);
    }
    return false;
}

/* Reads a NUL-terminated text of at most |size| - 1 bytes. */
static bool read_text(const struct elf *elf, uint64_t offset, char *out, size_t size)
{
    ssize_t n = offset <= INT64_MAX ? pread(elf->fd, out, size - 1, (off_t)offset) : -1;
    if (n <= 0)
        return false;
    out[n] = '\0';
    return memchr(out, '\0', (size_t)n) != NULL;
}

static void find_sanitizer(const struct elf *elf, char *out, size_t size)
{
    const Elf64_Phdr *dynamic = find_segment(elf, PT_DYNAMIC);
    Elf64_Dyn entries[MAX_DYNAMIC];
    uint64_t strings = 0;

    if (dynamic == NULL)
        return;
    size_t n = dynamic->p_filesz / sizeof(Elf64_Dyn);
    if (n > MAX_DYNAMIC)
        n = MAX_DYNAMIC;
    if (!read_at(elf->fd, entries, n * sizeof(Elf64_Dyn), dynamic->p_offset))
        return;
    for (size_t i = 0; i < n; i++) {
        if (entries[i].d_tag == DT_STRTAB && !file_offset(elf, entries[i].d_un.d_ptr, &strings))
            return;
    }
    for (size_t i = 0; i < n && entries[i].d_tag != DT_NULL && strings != 0; i++) {
        uint64_t at;
        char name[64];
        if (entries[i].d_tag != DT_NEEDED ||
            __builtin_add_overflow(strings, entries[i].d_un.d_val, &at) ||
            !read_text(elf, at, name, sizeof(name)))
            continue;
        if (strncmp(name, "libasan.so", 10) == 0 || strncmp(name, "libclang_rt.asan", 16) == 0)
            mlf__copy_text(out, size, name);
    }
}

/* The machine that we are built for, as our own file says. */
static bool read_own_header(Elf64_Ehdr *out)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    bool known = fd >= 0 && read_at(fd, out, sizeof(*out), 0);

    if (fd >= 0)
        close(fd);
    return known;
}

static void inspect_elf(struct elf *elf, struct mlf__program *program)
{
    Elf64_Ehdr own;
    char interpreter[INTERPRETER_MAX];

    if (read_own_header(&own) && (own.e_ident[EI_CLASS] != elf->header.e_ident[EI_CLASS] ||
                                  own.e_machine != elf->header.e_machine)) {
        program->kind = MLF__PROGRAM_FOREIGN;
        return;
    }
    if (!read_segments(elf))
        return;
    const Elf64_Phdr *segment = find_segment(elf, PT_INTERP);
    if (segment == NULL)
        program->kind = MLF__PROGRAM_STATIC;
    else if (read_text(elf, segment->p_offset, interpreter, sizeof(interpreter)) &&
             strstr(interpreter, "ld-musl") != NULL)
        program->kind = MLF__PROGRAM_MUSL;
    else
        find_sanitizer(elf, program->sanitizer, sizeof(program->sanitizer));
}

/* The interpreter in the first line of a script; false when there is none. */
static bool script_interpreter(const char *line, char *out, size_t size)
{
    if (strncmp(line, "#!", 2) != 0)
        return false;
    line += 2 + strspn(line + 2, " \t");
    size_t len = strcspn(line, " \t\r\n");
    if (len == 0 || len >= size)
        return false;
    memcpy(out, line, len);
    out[len] = '\0';
    return true;
}

static void inspect(const char *path, struct mlf__program *program)
{
    char file[INTERPRETER_MAX > PATH_MAX ? INTERPRETER_MAX : PATH_MAX];

    program->kind = MLF__PROGRAM_DYNAMIC;
    program->sanitizer[0] = '\0';
    mlf__copy_text(file, sizeof(file), path);
    for (int depth = 0; depth < MAX_SCRIPTS; depth++) {
        char first[INTERPRETER_MAX] = "";
        struct elf elf = {.fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY)};
        /* A program that may be executed but not read: the loader will say. */
        if (elf.fd < 0)
            return;
        ssize_t n = pread(elf.fd, first, sizeof(first) - 1, 0);
        bool elf_file = n >= EI_NIDENT && is_elf((const unsigned char *)first);
        if (elf_file && read_at(elf.fd, &elf.header, sizeof(elf.header), 0))
            inspect_elf(&elf, program);
        close(elf.fd);
        if (elf_file || n <= 0 || !script_interpreter(first, file, sizeof(file)))
            return;
    }
}

/* ---- both ---- */

int mlf__program_find(const char *command, struct mlf__program *out)
{
    int code = 0;

    if (strchr(command, '/') == NULL && *command != '\0') {
        code = find_in_path(command, out->path, sizeof(out->path));
    } else {
        int err = !mlf__copy_text(out->path, sizeof(out->path), command) ? ENAMETOOLONG
                                                                         : try_file(command);
        code = err != 0 ? refuse(command, err) : 0;
    }
    if (code == 0)
        inspect(out->path, out);
    return code;
}

const char *mlf__program_why_not(enum mlf__program_kind kind)
{
    switch (kind) {
    case MLF__PROGRAM_STATIC:
        return "it is statically linked";
    case MLF__PROGRAM_MUSL:
        return "it uses another C library (musl)";
    case MLF__PROGRAM_FOREIGN:
        return "it is made for another kind of machine";
    case MLF__PROGRAM_DYNAMIC:
        break;
    }
    return NULL;
}
