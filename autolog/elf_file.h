/* SPDX-License-Identifier: Apache-2.0 */
/* What an ELF file says about itself: how it was built and what it needs. Files are untrusted and may
 * change while they are read: everything is read by offset into bounded memory, nothing is mapped. */
#ifndef MLF_AUTOLOG_ELF_FILE_H
#define MLF_AUTOLOG_ELF_FILE_H

#include "core/fail.h"

#include <stdbool.h>
#include <stddef.h>

/* A list of texts without duplicates. */
struct mlf__texts {
    char **items;
    size_t n, cap;
};
/* False when memory ran out. */
bool mlf__texts_add(struct mlf__texts *texts, const char *text, size_t len);
bool mlf__texts_has(const struct mlf__texts *texts, const char *text);
void mlf__texts_free(struct mlf__texts *texts);

enum { MLF__BUILD_ID_SIZE = 2 * 64 + 1 };

struct mlf__elf {
    int machine, class; /* e_machine and EI_CLASS: libraries of a program have the same */
    char build_id[MLF__BUILD_ID_SIZE]; /* hex digits, "" when there is none */
    char soname[256];                  /* "" when there is none */
    char run_path[1024];               /* DT_RUNPATH, else DT_RPATH */
    struct mlf__texts needed;          /* DT_NEEDED */
    struct mlf__texts compilers;       /* of .comment: "GCC: (Debian 12.2.0-14) 12.2.0" */
    struct mlf__texts flags;           /* of .GCC.command.line, or of debug information */
};

/* Reads it; compilers and flags only when |with_build|. MLF_ERR_CORRUPT when it is no ELF file of this
 * machine's byte order; parts that make no sense are left out. Free also after an error. */
mlf_status mlf__elf_read(int fd, bool with_build, struct mlf__elf *out);
mlf_status mlf__elf_read_file(const char *path, bool with_build, struct mlf__elf *out);
void mlf__elf_free(struct mlf__elf *elf);

#endif
