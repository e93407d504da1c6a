/* SPDX-License-Identifier: Apache-2.0 */
/* GOT patching, for mlf_autolog(): the library was opened by the program and is not what its calls bind
 * to, so the slots of the loaded objects that hold a hooked function's address are redirected.
 *
 * A slot is patched only if it holds the real address, or is a lazy one that is not bound yet. Real
 * addresses that a global search does not find (a library opened with RTLD_LOCAL) are learned from the
 * slots and symbol tables themselves. What is opened later is patched at the next hooked event.
 *
 * THREAD SAFETY NOTES: patching runs inside dl_iterate_phdr(), which holds the loader's list; no dl*()
 * function is called there, since these take the loader's other lock first. One thread patches at a
 * time, others pass. */
#include "hooks/hooks.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#if defined(__x86_64__)
enum { RELOC_SLOT = R_X86_64_JUMP_SLOT, RELOC_GOT = R_X86_64_GLOB_DAT, RELOC_DATA = R_X86_64_64 };
#elif defined(__aarch64__)
enum {
    RELOC_SLOT = R_AARCH64_JUMP_SLOT,
    RELOC_GOT = R_AARCH64_GLOB_DAT,
    RELOC_DATA = R_AARCH64_ABS64
};
#else
enum { RELOC_SLOT = -1, RELOC_GOT = -1, RELOC_DATA = -1 };
#endif

MLF__HOOK void mlf__hooks_install(void);

static _Atomic bool installed, patching;
static struct mlf__load_counts seen; /* written by the thread that patches */

/* One loaded object and what patching needs of it. */
struct object {
    uintptr_t base, begin, end; /* load bias; addresses of its segments */
    uintptr_t relro_begin, relro_end;
    const ElfW(Sym) * symbols;
    const char *strings;
    const ElfW(Rela) * rela, *plt;
    size_t n_rela, n_plt;
};

enum pass { PASS_LEARN, PASS_PATCH };

/* ---- reading an object ---- */

static bool is_ours(const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *base = slash != NULL ? slash + 1 : name;
    return strncmp(base, "libmlf", 6) == 0 || strncmp(base, "libc.so", 7) == 0;
}

static bool is_skipped(const struct dl_phdr_info *info)
{
    uintptr_t base = info->dlpi_addr;
    return is_ours(info->dlpi_name != NULL ? info->dlpi_name : "") ||
           (base != 0 && (base == getauxval(AT_BASE) || base == getauxval(AT_SYSINFO_EHDR)));
}

static void read_segments(const struct dl_phdr_info *info, struct object *object,
                          const ElfW(Dyn) * *dynamic)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    object->base = info->dlpi_addr;
    object->begin = UINTPTR_MAX;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t begin = info->dlpi_addr + segment->p_vaddr;
        uintptr_t end = begin + segment->p_memsz;
        if (segment->p_type == PT_LOAD) {
            object->begin = begin < object->begin ? begin : object->begin;
            object->end = end > object->end ? end : object->end;
        } else if (segment->p_type == PT_DYNAMIC) {
            *dynamic = (const ElfW(Dyn) *)begin;
        } else if (segment->p_type == PT_GNU_RELRO) {
            object->relro_begin = begin & ~(page - 1);
            object->relro_end = end & ~(page - 1);
        }
    }
}

/* False when the object has nothing to patch. */
static bool read_object(const struct dl_phdr_info *info, struct object *object)
{
    const ElfW(Dyn) *dynamic = NULL;
    *object = (struct object){0};
    read_segments(info, object, &dynamic);
    for (; dynamic != NULL && dynamic->d_tag != DT_NULL; dynamic++) {
        uintptr_t value = dynamic->d_un.d_ptr;
        /* glibc has relocated these in place, other loaders have not. */
        const void *at = (const void *)(value < object->base ? object->base + value : value);
        switch (dynamic->d_tag) {
        case DT_SYMTAB:
            object->symbols = at;
            break;
        case DT_STRTAB:
            object->strings = at;
            break;
        case DT_RELA:
            object->rela = at;
            break;
        case DT_JMPREL:
            object->plt = at;
            break;
        case DT_RELASZ:
            object->n_rela = value / sizeof(ElfW(Rela));
            break;
        case DT_PLTRELSZ:
            object->n_plt = value / sizeof(ElfW(Rela));
            break;
        default:
            break;
        }
    }
    if (object->rela == NULL)
        object->n_rela = 0;
    if (object->plt == NULL)
        object->n_plt = 0;
    return object->symbols != NULL && object->strings != NULL;
}

/* ---- finding the hook of a name ---- */

struct search {
    const char *name;
    struct mlf__hook *found;
};

static void search_list(struct mlf__hook_list list, void *user)
{
    struct search *search = user;
    for (size_t i = 0; i < list.count && search->found == NULL; i++)
        if (strcmp(list.hooks[i].name, search->name) == 0)
            search->found = &list.hooks[i];
}

static struct mlf__hook *find_hook(const char *name)
{
    /* What hooked names begin with: most symbols are turned away by one comparison. */
    if (strchr("_fcogrs", *name) == NULL)
        return NULL;
    struct search search = {name, NULL};
    mlf__hooks_each_list(search_list, &search);
    return search.found;
}

/* ---- patching ---- */

static bool write_directly(uintptr_t *slot, uintptr_t value)
{
    struct iovec from = {&value, sizeof(value)}, to = {slot, sizeof(*slot)};
    return syscall(SYS_process_vm_writev, getpid(), &from, 1UL, &to, 1UL, 0UL) == sizeof(value);
}

/* A slot in the read-only part is written through a short opening of its page. Whether the loader has
 * closed that page yet is found by trying: an object that another thread is loading must not have it
 * closed by us. */
static void write_slot(const struct object *object, uintptr_t *slot, uintptr_t value)
{
    uintptr_t at = (uintptr_t)slot;
    if (at < object->relro_begin || at >= object->relro_end) {
        __atomic_store_n(slot, value, __ATOMIC_RELEASE);
        return;
    }
    if (write_directly(slot, value))
        return;
    uintptr_t size = (uintptr_t)sysconf(_SC_PAGESIZE);
    void *page = (void *)(at & ~(size - 1));
    if (mprotect(page, size, PROT_READ | PROT_WRITE) != 0)
        return;
    __atomic_store_n(slot, value, __ATOMIC_RELEASE);
    mprotect(page, size, PROT_READ);
}

/* The address behind a slot when it tells: it is bound to another object, or the symbol is the
 * object's own. 0 when the slot is not bound or not even relocated. */
static uintptr_t address_behind(const struct object *object, const ElfW(Sym) * symbol,
                                uintptr_t slot)
{
    uintptr_t own = symbol->st_shndx != SHN_UNDEF ? object->base + symbol->st_value : 0;
    if (slot < object->begin || slot >= object->end)
        return slot > 0xffff && own == 0 ? slot : 0;
    return own;
}

static void handle_reloc(const struct object *object, const ElfW(Rela) * rela, enum pass pass)
{
    unsigned type = (unsigned)ELF64_R_TYPE(rela->r_info);
    if (type != (unsigned)RELOC_SLOT && type != (unsigned)RELOC_GOT && type != (unsigned)RELOC_DATA)
        return;
    const ElfW(Sym) *symbol = &object->symbols[ELF64_R_SYM(rela->r_info)];
    struct mlf__hook *hook = find_hook(object->strings + symbol->st_name);
    if (hook == NULL || (type == (unsigned)RELOC_DATA && rela->r_addend != 0))
        return;
    uintptr_t *slot = (uintptr_t *)(object->base + rela->r_offset);
    uintptr_t holds = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
    uintptr_t wrapper = (uintptr_t)hook->wrapper;
    uintptr_t real = (uintptr_t)atomic_load_explicit(&hook->real, memory_order_acquire);
    if (holds == wrapper)
        return;
    if (pass == PASS_LEARN) {
        uintptr_t behind = address_behind(object, symbol, holds);
        if (real == 0 && behind != 0)
            atomic_store_explicit(&hook->real, (mlf__hook_fn *)behind, memory_order_release);
        return;
    }
    /* The loader would bind a lazy slot to what the wrapper finds. */
    bool unbound = type == (unsigned)RELOC_SLOT && holds >= object->begin && holds < object->end &&
                   address_behind(object, symbol, holds) != holds;
    if (unbound || (real != 0 && holds == real))
        write_slot(object, slot, wrapper);
}

static int handle_object(struct dl_phdr_info *info, size_t size, void *user)
{
    enum pass pass = *(const enum pass *)user;
    struct object object;
    (void)size;
    if (is_skipped(info) || !read_object(info, &object))
        return 0;
    for (size_t i = 0; i < object.n_rela; i++)
        handle_reloc(&object, &object.rela[i], pass);
    for (size_t i = 0; i < object.n_plt; i++)
        handle_reloc(&object, &object.plt[i], pass);
    return 0;
}

/* ---- when ---- */

/* What was learned of libraries that may be gone is forgotten. */
static void forget_adapters(void)
{
    for (size_t i = 0; mlf__adapters[i] != NULL; i++)
        for (size_t k = 0; k < mlf__adapters[i]->n_hooks; k++)
            atomic_store_explicit(&mlf__adapters[i]->hooks[k].real, NULL, memory_order_release);
}

static void patch_new_objects(void)
{
    if (atomic_exchange(&patching, true))
        return;
    struct mlf__load_counts now = mlf__load_counts();
    if (now.loads != seen.loads || now.unloads != seen.unloads) {
        if (now.unloads != seen.unloads)
            forget_adapters();
        enum pass pass = PASS_LEARN;
        dl_iterate_phdr(handle_object, &pass);
        pass = PASS_PATCH;
        dl_iterate_phdr(handle_object, &pass);
        seen = now;
    }
    atomic_store(&patching, false);
}

void mlf__got_refresh(void)
{
    if (atomic_load_explicit(&installed, memory_order_relaxed))
        patch_new_objects();
}

/* Called by libmlf, through dlsym(). Nothing to do when we are preloaded. */
MLF__HOOK void mlf__hooks_install(void)
{
    int saved = errno;
    if (!mlf__hooks_preloaded() && mlf__guard_enter()) {
        if (mlf__session_init() != MLF__SESSION_OFF) {
            seen.unloads = mlf__load_counts().unloads;
            mlf__adapters_look();
            atomic_store(&installed, true);
            patch_new_objects();
        }
        mlf__guard_leave();
    }
    errno = saved;
}
