/* SPDX-License-Identifier: Apache-2.0 */
/* Any file as a program or a library: it is read within bounds, and what is found are texts. */
#include "tests/fuzz/fuzz.h"

#include "autolog/elf_file.h"

#include <sys/mman.h>

static void check_texts(const struct mlf__texts *texts)
{
    for (size_t i = 0; i < texts->n; i++)
        MUST(texts->items[i] != NULL && texts->items[i][0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("elf", MFD_CLOEXEC);
    MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    for (int with_build = 0; with_build < 2; with_build++) {
        struct mlf__elf elf;
        if (mlf__elf_read(fd, with_build != 0, &elf) == MLF_OK) {
            MUST(size > 50 && memcmp(data, "\177ELF", 4) == 0);
            MUST(memchr(elf.soname, '\0', sizeof(elf.soname)) != NULL);
            MUST(memchr(elf.run_path, '\0', sizeof(elf.run_path)) != NULL);
            MUST(strspn(elf.build_id, "0123456789abcdef") == strlen(elf.build_id));
            MUST(with_build != 0 || elf.compilers.n + elf.flags.n == 0);
        }
        check_texts(&elf.needed);
        check_texts(&elf.compilers);
        check_texts(&elf.flags);
        mlf__elf_free(&elf);
    }
    close(fd);
    return 0;
}
