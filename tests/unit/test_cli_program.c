/* SPDX-License-Identifier: Apache-2.0 */
/* Which file a command is, and what its headers say; also of files that only look like programs. */
#include "cli/program.h"
#include "core/mem.h"
#include "tests/support/tap.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/mlf-program-XXXXXX";

static void write_file(const char *name, const void *data, size_t len, mode_t mode, char *path,
                       size_t size)
{
    snprintf(path, size, "%s/%s", folder, name);
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, mode);
    if (fd < 0 || write(fd, data, len) != (ssize_t)len)
        printf("# cannot write %s\n", path);
    if (fd >= 0)
        close(fd);
}

/* A program of this machine with an interpreter and one needed library, as small as can be. */
struct tiny {
    Elf64_Ehdr header;
    Elf64_Phdr segments[3];
    Elf64_Dyn dynamic[3];
    char strings[32];
    char interpreter[32];
};

static void make_tiny(struct tiny *tiny, const char *interpreter, const char *needed)
{
    Elf64_Ehdr own = {0};
    int fd = open("/proc/self/exe", O_RDONLY);

    memset(tiny, 0, sizeof(*tiny));
    if (fd < 0 || read(fd, &own, sizeof(own)) != (ssize_t)sizeof(own))
        printf("# no header of our own\n");
    close(fd);
    tiny->header = own;
    tiny->header.e_phoff = offsetof(struct tiny, segments);
    tiny->header.e_phentsize = sizeof(Elf64_Phdr);
    tiny->header.e_phnum = 3;
    tiny->segments[0] = (Elf64_Phdr){.p_type = interpreter != NULL ? PT_INTERP : PT_NULL,
                                     .p_offset = offsetof(struct tiny, interpreter)};
    tiny->segments[1] = (Elf64_Phdr){
        .p_type = PT_LOAD, .p_vaddr = 0x1000, .p_filesz = sizeof(*tiny), .p_offset = 0};
    tiny->segments[2] = (Elf64_Phdr){.p_type = PT_DYNAMIC,
                                     .p_offset = offsetof(struct tiny, dynamic),
                                     .p_filesz = sizeof(tiny->dynamic)};
    tiny->dynamic[0] = (Elf64_Dyn){.d_tag = DT_NEEDED, .d_un.d_val = 1};
    tiny->dynamic[1] =
        (Elf64_Dyn){.d_tag = DT_STRTAB, .d_un.d_ptr = 0x1000 + offsetof(struct tiny, strings)};
    snprintf(tiny->strings + 1, sizeof(tiny->strings) - 1, "%s", needed);
    if (interpreter != NULL)
        snprintf(tiny->interpreter, sizeof(tiny->interpreter), "%s", interpreter);
}

static void test_kinds(void)
{
    struct mlf__program program;
    struct tiny tiny;
    char path[256];

    make_tiny(&tiny, "/lib64/ld-linux-x86-64.so.2", "libc.so.6");
    write_file("p", &tiny, sizeof(tiny), 0755, path, sizeof(path));
    IS(mlf__program_find(path, &program), 0, "a_program_is_found");
    OK(program.kind == MLF__PROGRAM_DYNAMIC && program.sanitizer[0] == '\0', "dynamic");
    STR(program.path, path, "its_path");

    make_tiny(&tiny, "/lib64/ld-linux-x86-64.so.2", "libasan.so.8");
    write_file("p", &tiny, sizeof(tiny), 0755, path, sizeof(path));
    mlf__program_find(path, &program);
    STR(program.sanitizer, "libasan.so.8", "the_sanitizer_is_named");

    make_tiny(&tiny, "/lib/ld-musl-x86_64.so.1", "libc.so");
    write_file("p", &tiny, sizeof(tiny), 0755, path, sizeof(path));
    mlf__program_find(path, &program);
    IS(program.kind, MLF__PROGRAM_MUSL, "musl");
    OK(mlf__program_why_not(program.kind) != NULL, "a_reason_in_words");

    make_tiny(&tiny, NULL, "libc.so");
    write_file("p", &tiny, sizeof(tiny), 0755, path, sizeof(path));
    mlf__program_find(path, &program);
    IS(program.kind, MLF__PROGRAM_STATIC, "static");

    make_tiny(&tiny, "/lib/ld-linux.so.2", "libc.so.6");
    tiny.header.e_ident[EI_CLASS] = ELFCLASS32;
    write_file("p", &tiny, sizeof(tiny), 0755, path, sizeof(path));
    mlf__program_find(path, &program);
    IS(program.kind, MLF__PROGRAM_FOREIGN, "another_word_size");

    make_tiny(&tiny, "/lib/ld-linux.so.2", "libc.so.6");
    tiny.header.e_machine ^= 1;
    write_file("p", &tiny, sizeof(tiny), 0755, path, sizeof(path));
    mlf__program_find(path, &program);
    IS(program.kind, MLF__PROGRAM_FOREIGN, "another_machine");

    char script[300];
    int len = snprintf(script, sizeof(script), "#! %s arg\n", path);
    write_file("s", script, (size_t)len, 0755, path, sizeof(path));
    mlf__program_find(path, &program);
    IS(program.kind, MLF__PROGRAM_FOREIGN, "a_script_is_what_its_interpreter_is");
    STR(program.path, path, "but_its_path_is_its_own");
}

static void test_hostile_headers(void)
{
    struct mlf__program program;
    struct tiny tiny;
    char path[256];
    uint32_t state = 3;
    bool survived = true;

    for (int round = 0; round < 3000; round++) {
        make_tiny(&tiny, "/lib64/ld-linux-x86-64.so.2", "libasan.so.8");
        /* Beyond the part that says which machine it is for. */
        for (int change = 0; change < 1 + round % 8; change++) {
            state = state * 1664525 + 1013904223;
            size_t at = 20 + (state >> 8) % (sizeof(tiny) - 20);
            ((unsigned char *)&tiny)[at] = (unsigned char)(state % 3 == 0 ? 0xff : state >> 16);
        }
        size_t len = round % 5 == 0 ? (state >> 8) % sizeof(tiny) : sizeof(tiny);
        write_file("h", &tiny, len, 0755, path, sizeof(path));
        survived = survived && mlf__program_find(path, &program) == 0 &&
                   memchr(program.sanitizer, '\0', sizeof(program.sanitizer)) != NULL;
    }
    OK(survived, "damaged_headers_do_no_harm");
}

static void test_lookup(void)
{
    struct mlf__program program;
    char path[256], long_name[5000];

    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    IS(mlf__program_find("sh", &program), 0, "a_command_of_path");
    OK(program.path[0] == '/', "with_its_full_name");
    IS(mlf__program_find("no-such-command", &program), 127, "an_unknown_command");
    IS(mlf__program_find("", &program), 127, "an_empty_command");
    IS(mlf__program_find(folder, &program), 126, "a_folder");
    write_file("text", "x", 1, 0644, path, sizeof(path));
    IS(mlf__program_find(path, &program), 126, "a_file_that_may_not_be_executed");
    IS(mlf__program_find(long_name, &program), 127, "a_name_longer_than_any_path");
    long_name[0] = '/';
    IS(mlf__program_find(long_name, &program), 126, "a_path_longer_than_any_path");
}

int main(void)
{
    char command[64];

    if (mkdtemp(folder) == NULL)
        return 1;
    test_kinds();
    test_hostile_headers();
    test_lookup();
    snprintf(command, sizeof(command), "rm -r '%s'", folder);
    if (system(command) != 0)
        printf("# %s is left behind\n", folder);
    return tap_done();
}
