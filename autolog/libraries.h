/* SPDX-License-Identifier: Apache-2.0 */
/* The shared libraries of a program: those that were seen in its memory, and those that its files say they
 * need, found where the dynamic linker would look. */
#ifndef MLF_AUTOLOG_LIBRARIES_H
#define MLF_AUTOLOG_LIBRARIES_H

#include "autolog/elf_file.h"

struct mlf__library {
    char *name; /* SONAME, else the file's name */
    char *path; /* resolved; NULL: not found */
    char version[64];
    char build_id[MLF__BUILD_ID_SIZE];
    bool loaded; /* seen in memory */
};

struct mlf__libraries {
    struct mlf__library *items;
    size_t n, cap;
};

/* Of the program |elf| at |exe|; |loaded| are |loaded_len| bytes of paths, each ended by NUL, and
 * |search| the value of LD_LIBRARY_PATH or NULL. MLF_ERR_NOMEM only. Free also after an error. */
mlf_status mlf__libraries_find(const char *exe, const struct mlf__elf *elf, const char *loaded,
                               size_t loaded_len, const char *search, struct mlf__libraries *out);
void mlf__libraries_free(struct mlf__libraries *libraries);

/* The version in a file's name ("libgsl.so.27.0.0", "libgsl-2.7.so"); "" when there is none. */
void mlf__library_version(const char *path, char out[64]);

#endif
