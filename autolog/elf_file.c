/* SPDX-License-Identifier: Apache-2.0 */
/* A small reader of ELF's section headers, for both classes in the machine's byte order. */
#include "autolog/elf_file.h"

#include "core/mem.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum {
    SECTIONS_MAX = 16384,
    NAMES_MAX = 1 << 20,
    COMMENT_MAX = 64 * 1024,
    DYNAMIC_MAX = 64 * 1024,
    NOTES_MAX = 64 * 1024,
    NOTE_SECTIONS_MAX = 32,
    DEBUG_MAX = 4 << 20, /* of debug texts; producers stand among the first */
    TEXTS_MAX = 256,
    TEXT_MAX = 4096
};

/* ---- lists of texts ---- */

bool mlf__texts_has(const struct mlf__texts *texts, const char *text)
{
    for (size_t i = 0; i < texts->n; i++)
        if (strcmp(texts->items[i], text) == 0)
            return true;
    return false;
}

bool mlf__texts_add(struct mlf__texts *texts, const char *text, size_t len)
{
    char *copy = mlf__strndup(text, len);
    if (copy == NULL)
        return false;
    if (mlf__texts_has(texts, copy) || texts->n == TEXTS_MAX) {
        mlf__free(copy);
        return true;
    }
    if (mlf__grow((void **)&texts->items, &texts->cap, texts->n + 1, sizeof(char *)) != MLF_OK) {
        mlf__free(copy);
        return false;
    }
    texts->items[texts->n++] = copy;
    return true;
}

void mlf__texts_free(struct mlf__texts *texts)
{
    for (size_t i = 0; i < texts->n; i++)
        mlf__free(texts->items[i]);
    mlf__free(texts->items);
    *texts = (struct mlf__texts){0};
}

/* ---- sections ---- */

/* What both classes say of a section. */
struct section {
    uint32_t name, type, link;
    uint64_t flags, offset, size;
};

struct reader {
    int fd;
    struct mlf__elf *out;
    struct section *sections;
    size_t n;
    char *names; /* NUL-terminated */
    size_t names_len;
};

/* Up to |size| bytes from |offset|; how many there were. */
static size_t read_at(int fd, uint64_t offset, void *out, size_t size)
{
    size_t done = 0;

    while (done < size && offset <= INT64_MAX - size) {
        ssize_t n = pread(fd, (char *)out + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return done;
}

/* The contents of a section up to |max| bytes with a NUL behind, owned by the caller; NULL when it has none. */
static char *read_section(const struct reader *r, const struct section *section, size_t max,
                          size_t *len)
{
    *len = 0;
    if (section->type == SHT_NOBITS || section->size == 0 || (section->flags & SHF_COMPRESSED) != 0)
        return NULL;
    size_t size = section->size < max ? (size_t)section->size : max;
    char *text = mlf__alloc(size + 1);
    if (text == NULL)
        return NULL;
    *len = read_at(r->fd, section->offset, text, size);
    text[*len] = '\0';
    return text;
}

static struct section section_64(const Elf64_Shdr *header)
{
    return (struct section){.name = header->sh_name,
                            .type = header->sh_type,
                            .link = header->sh_link,
                            .flags = header->sh_flags,
                            .offset = header->sh_offset,
                            .size = header->sh_size};
}

static struct section section_32(const Elf32_Shdr *header)
{
    return (struct section){.name = header->sh_name,
                            .type = header->sh_type,
                            .link = header->sh_link,
                            .flags = header->sh_flags,
                            .offset = header->sh_offset,
                            .size = header->sh_size};
}

/* Where the section headers are, and which of them names the others. */
struct table {
    uint64_t offset;
    size_t n, names;
};

static mlf_status read_header(int fd, struct mlf__elf *out, struct table *table)
{
    static const int order = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
    union {
        Elf64_Ehdr wide;
        Elf32_Ehdr narrow;
    } header = {0};
    const unsigned char *ident = header.wide.e_ident;
    size_t len = read_at(fd, 0, &header, sizeof(header));

    if (len < sizeof(header.narrow) || memcmp(ident, ELFMAG, SELFMAG) != 0 ||
        ident[EI_DATA] != order)
        return mlf__fail(MLF_ERR_CORRUPT, "no ELF file of this machine");
    out->class = ident[EI_CLASS];
    if (out->class == ELFCLASS64 && len == sizeof(header.wide) &&
        header.wide.e_shentsize == sizeof(Elf64_Shdr)) {
        out->machine = header.wide.e_machine;
        *table = (struct table){header.wide.e_shoff, header.wide.e_shnum, header.wide.e_shstrndx};
    } else if (out->class == ELFCLASS32 && header.narrow.e_shentsize == sizeof(Elf32_Shdr)) {
        out->machine = header.narrow.e_machine;
        *table =
            (struct table){header.narrow.e_shoff, header.narrow.e_shnum, header.narrow.e_shstrndx};
    } else {
        return mlf__fail(MLF_ERR_CORRUPT, "an ELF file of an unknown class");
    }
    if (table->n > SECTIONS_MAX)
        table->n = SECTIONS_MAX;
    return MLF_OK;
}

static mlf_status read_sections(struct reader *r, const struct table *table)
{
    bool wide = r->out->class == ELFCLASS64;
    size_t entry = wide ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
    char *bytes = mlf__alloc(table->n * entry + 1);

    r->sections = mlf__zalloc(table->n + 1, sizeof(*r->sections));
    if (bytes == NULL || r->sections == NULL) {
        mlf__free(bytes);
        return MLF_ERR_NOMEM;
    }
    r->n = read_at(r->fd, table->offset, bytes, table->n * entry) / entry;
    for (size_t i = 0; i < r->n; i++) {
        Elf64_Shdr header_64 = {0};
        Elf32_Shdr header_32 = {0};
        if (wide) {
            memcpy(&header_64, bytes + i * entry, entry);
            r->sections[i] = section_64(&header_64);
        } else {
            memcpy(&header_32, bytes + i * entry, entry);
            r->sections[i] = section_32(&header_32);
        }
    }
    mlf__free(bytes);
    if (table->names < r->n)
        r->names = read_section(r, &r->sections[table->names], NAMES_MAX, &r->names_len);
    return MLF_OK;
}

static const struct section *find_section(const struct reader *r, const char *name)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->sections[i].name < r->names_len && strcmp(r->names + r->sections[i].name, name) == 0)
            return &r->sections[i];
    return NULL;
}

/* ---- notes ---- */

static size_t round_4(size_t n)
{
    return (n + 3) & ~(size_t)3;
}

/* The build id among the notes of one section. */
static bool find_build_id(const char *notes, size_t len, char out[MLF__BUILD_ID_SIZE])
{
    size_t at = 0;

    while (len - at >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr note; /* the same in both classes */
        memcpy(&note, notes + at, sizeof(note));
        at += sizeof(note);
        if (note.n_namesz > len - at || round_4(note.n_namesz) > len - at)
            return false;
        const char *name = notes + at;
        at += round_4(note.n_namesz);
        if (note.n_descsz > len - at)
            return false;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(name, "GNU", 4) == 0 &&
            note.n_descsz > 0 && note.n_descsz <= (MLF__BUILD_ID_SIZE - 1) / 2) {
            for (size_t i = 0; i < note.n_descsz; i++) {
                unsigned char byte = (unsigned char)notes[at + i];
                out[2 * i] = "0123456789abcdef"[byte >> 4];
                out[2 * i + 1] = "0123456789abcdef"[byte & 15];
            }
            out[2 * (size_t)note.n_descsz] = '\0';
            return true;
        }
        if (round_4(note.n_descsz) > len - at)
            return false;
        at += round_4(note.n_descsz);
    }
    return false;
}

static void read_build_id(struct reader *r)
{
    size_t sections = 0;

    for (size_t i = 0; i < r->n && r->out->build_id[0] == '\0'; i++) {
        size_t len;
        if (r->sections[i].type != SHT_NOTE || ++sections > NOTE_SECTIONS_MAX)
            continue;
        char *notes = read_section(r, &r->sections[i], NOTES_MAX, &len);
        if (notes != NULL)
            find_build_id(notes, len, r->out->build_id);
        mlf__free(notes);
    }
}

/* ---- the dynamic section ---- */

/* A text of the string table |strings| at |offset|; "" when it is none. */
static void read_string(const struct reader *r, const struct section *strings, uint64_t offset,
                        char *out, size_t size)
{
    size_t len = 0;
    if (offset < strings->size && strings->type != SHT_NOBITS &&
        strings->offset <= INT64_MAX - offset) {
        uint64_t left = strings->size - offset;
        len = read_at(r->fd, strings->offset + offset, out, left < size ? (size_t)left : size);
    }
    if (memchr(out, '\0', len) == NULL)
        out[0] = '\0';
}

static bool read_dynamic_entry(struct reader *r, const struct section *strings, int64_t tag,
                               uint64_t value)
{
    struct mlf__elf *out = r->out;
    char text[256] = "";

    switch (tag) {
    case DT_SONAME:
        read_string(r, strings, value, out->soname, sizeof(out->soname));
        return true;
    case DT_RUNPATH:
        read_string(r, strings, value, out->run_path, sizeof(out->run_path));
        return true;
    case DT_RPATH:
        if (out->run_path[0] == '\0')
            read_string(r, strings, value, out->run_path, sizeof(out->run_path));
        return true;
    case DT_NEEDED:
        read_string(r, strings, value, text, sizeof(text));
        return text[0] == '\0' || mlf__texts_add(&out->needed, text, strlen(text));
    default:
        return true;
    }
}

static mlf_status read_dynamic(struct reader *r)
{
    const struct section *dynamic = NULL;
    bool wide = r->out->class == ELFCLASS64;
    size_t entry = wide ? sizeof(Elf64_Dyn) : sizeof(Elf32_Dyn), len;

    for (size_t i = 0; i < r->n && dynamic == NULL; i++)
        if (r->sections[i].type == SHT_DYNAMIC)
            dynamic = &r->sections[i];
    if (dynamic == NULL || dynamic->link >= r->n)
        return MLF_OK;
    char *entries = read_section(r, dynamic, DYNAMIC_MAX, &len);
    bool whole = true;
    for (size_t at = 0; whole && len - at >= entry; at += entry) {
        Elf64_Dyn entry_64 = {0};
        Elf32_Dyn entry_32 = {0};
        if (wide) {
            memcpy(&entry_64, entries + at, entry);
        } else {
            memcpy(&entry_32, entries + at, entry);
            entry_64.d_tag = entry_32.d_tag;
            entry_64.d_un.d_val = entry_32.d_un.d_val;
        }
        if (entry_64.d_tag == DT_NULL)
            break;
        whole =
            read_dynamic_entry(r, &r->sections[dynamic->link], entry_64.d_tag, entry_64.d_un.d_val);
    }
    mlf__free(entries);
    return whole ? MLF_OK : MLF_ERR_NOMEM;
}

/* ---- how it was built ---- */

/* Is it what a compiler says of itself in debug information? Its flags stand behind its version. */
static bool is_producer(const char *text)
{
    static const char *const beginnings[] = {"GNU C",   "GNU Fortran", "GNU F77",
                                             "GNU Ada", "GNU D ",      "GNU Go"};
    for (size_t i = 0; i < MLF__ARRAY_LEN(beginnings); i++)
        if (strncmp(text, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    const char *version = strstr(text, "clang version ");
    if (version == NULL)
        version = strstr(text, "flang version ");
    return version != NULL && version - text < 32;
}

/* Adds the texts of a section, each ended by NUL. */
static mlf_status add_texts(const struct reader *r, const char *name, size_t max, bool producers,
                            struct mlf__texts *out)
{
    const struct section *section = find_section(r, name);
    size_t len;
    char *text = section != NULL ? read_section(r, section, max, &len) : NULL;
    bool whole = true;

    if (text == NULL)
        return MLF_OK;
    for (size_t at = 0; at < len && whole;) {
        size_t size = strlen(text + at);
        if (size > 0 && (!producers || is_producer(text + at)))
            whole = mlf__texts_add(out, text + at, size < TEXT_MAX ? size : TEXT_MAX);
        at += size + 1;
    }
    mlf__free(text);
    return whole ? MLF_OK : MLF_ERR_NOMEM;
}

static mlf_status read_build(struct reader *r)
{
    struct mlf__elf *out = r->out;
    mlf_status status = add_texts(r, ".comment", COMMENT_MAX, false, &out->compilers);

    if (status == MLF_OK)
        status = add_texts(r, ".GCC.command.line", COMMENT_MAX, false, &out->flags);
    if (status == MLF_OK && out->flags.n == 0)
        status = add_texts(r, ".debug_str", DEBUG_MAX, true, &out->flags);
    if (status == MLF_OK && out->flags.n == 0)
        status = add_texts(r, ".debug_line_str", DEBUG_MAX, true, &out->flags);
    return status;
}

mlf_status mlf__elf_read(int fd, bool with_build, struct mlf__elf *out)
{
    struct reader r = {.fd = fd, .out = out};
    struct table table = {0};

    *out = (struct mlf__elf){0};
    mlf_status status = read_header(fd, out, &table);
    if (status == MLF_OK)
        status = read_sections(&r, &table);
    if (status == MLF_OK)
        status = read_dynamic(&r);
    if (status == MLF_OK && with_build)
        status = read_build(&r);
    if (status == MLF_OK)
        read_build_id(&r);
    mlf__free(r.sections);
    mlf__free(r.names);
    return status;
}

mlf_status mlf__elf_read_file(const char *path, bool with_build, struct mlf__elf *out)
{
    /* Never waits: the path may name a FIFO by now. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    *out = (struct mlf__elf){0};
    if (fd < 0)
        return mlf__fail_errno(errno, "%s", path);
    mlf_status status = mlf__elf_read(fd, with_build, out);
    close(fd);
    return status;
}

void mlf__elf_free(struct mlf__elf *elf)
{
    mlf__texts_free(&elf->needed);
    mlf__texts_free(&elf->compilers);
    mlf__texts_free(&elf->flags);
    *elf = (struct mlf__elf){0};
}
