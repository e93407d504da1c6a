/* SPDX-License-Identifier: Apache-2.0 */
/* Events of files and options: logged when the session has begun, else remembered.
 *
 * A program without a launcher reads its data before its first training, and only that training shows
 * that there is anything to log. So the last 64 files and options wait in fixed buffers, which cost a
 * program that never trains no more than a few pages.
 *
 * THREAD SAFETY NOTES: no locks. A slot is owned by whoever changed its state to BUSY; nobody waits
 * for it. A thread that dies with a slot costs that slot. */
#include "hooks/hooks.h"

#include "core/buf.h"
#include "core/sys.h"

#include <string.h>

enum { N_REMEMBERED = 64, N_SEEN = 1024, MAX_FILES = 200, N_WORDS = 128 };

enum slot_state { SLOT_FREE, SLOT_BUSY, SLOT_FULL };

struct slot {
    _Atomic int state; /* enum slot_state; FULL is released after the slot was filled in */
    uint16_t kind, flags;
    uint32_t named;
    int64_t ts_ns;
    char key[MLF__HOOK_KEY_SIZE];
    char text[MLF__HOOK_TEXT_SIZE];
};

struct memory {
    _Atomic unsigned next; /* counts all that were ever remembered */
    _Atomic unsigned full; /* slots in use, so that an empty memory costs one load */
    struct slot slots[N_REMEMBERED];
};

static struct memory files, options;

/* Hashes of what was logged already, by open addressing; 0 is free. */
static _Atomic uint64_t seen[N_SEEN];
static _Atomic unsigned n_files;

/* Sorted by nothing: a command line is short. Written by the constructor only. */
static uint64_t words[N_WORDS];
static size_t n_words;

uint64_t mlf__hooks_hash(uint64_t hash, const void *bytes, size_t len)
{
    const unsigned char *p = bytes;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t hash_text(const char *text)
{
    return mlf__hooks_hash(MLF__HASH_SEED, text, strnlen(text, 4096));
}

static void add_word(const char *word)
{
    if (n_words < N_WORDS)
        words[n_words++] = hash_text(word);
}

void mlf__hooks_set_argv(int argc, char *const *argv)
{
    if (argv == NULL || n_words > 0)
        return;
    for (int i = 1; i < argc && argv[i] != NULL; i++) {
        const char *equals = strchr(argv[i], '=');
        add_word(argv[i]);
        if (equals != NULL)
            add_word(equals + 1);
    }
}

bool mlf__hooks_named_in_argv(const char *path)
{
    if (n_words == 0)
        return false;
    uint64_t hash = hash_text(path);
    for (size_t i = 0; i < n_words; i++)
        if (words[i] == hash)
            return true;
    return false;
}

/* Enters |hash| into the set of what was seen; false when it is there already or the set is full. */
static bool first_time(uint64_t hash)
{
    hash |= 1;
    for (size_t probe = 0; probe < N_SEEN; probe++) {
        _Atomic uint64_t *place = &seen[(hash + probe) % N_SEEN];
        uint64_t found = 0;
        if (atomic_compare_exchange_strong(place, &found, hash))
            return true;
        if (found == hash)
            return false;
    }
    return false;
}

static void emit(uint16_t kind, uint16_t flags, bool named, int64_t ts_ns, const char *key,
                 const char *text)
{
    struct mlf__event event = {.kind = kind,
                               .flags = flags,
                               .step = named,
                               .ts_ns = ts_ns,
                               .key = key,
                               .run = "",
                               .model = "",
                               .text = text,
                               .text_len = strlen(text)};
    mlf__session_emit(&event,
                      kind == MLF__EV_FILE && !named ? MLF__RING_NO_WAIT : MLF__RING_WAIT_HOOK);
}

static void emit_file(uint16_t flags, bool named, int64_t ts_ns, const char *path)
{
    uint64_t hash = mlf__hooks_hash(hash_text(path), &flags, sizeof(flags));
    bool is_new = first_time(hash);
    if (!named && (!is_new || atomic_fetch_add(&n_files, 1) >= MAX_FILES))
        return;
    emit(MLF__EV_FILE, flags, named, ts_ns, "", path);
}

static void remember(struct memory *memory, uint16_t kind, uint16_t flags, bool named,
                     const char *key, const char *text)
{
    struct slot *slot = &memory->slots[atomic_fetch_add(&memory->next, 1) % N_REMEMBERED];
    int before = atomic_load(&slot->state);
    if (before == SLOT_BUSY || !atomic_compare_exchange_strong(&slot->state, &before, SLOT_BUSY))
        return;
    slot->kind = kind;
    slot->flags = flags;
    slot->named = named;
    slot->ts_ns = mlf__now_ns();
    mlf__copy_text(slot->key, sizeof(slot->key), key);
    mlf__copy_text(slot->text, sizeof(slot->text), text);
    atomic_store(&slot->state, SLOT_FULL);
    if (before == SLOT_FREE)
        atomic_fetch_add(&memory->full, 1);
}

static void flush(struct memory *memory)
{
    if (atomic_load(&memory->full) == 0)
        return;
    unsigned next = atomic_load(&memory->next);
    for (unsigned i = 0; i < N_REMEMBERED; i++) {
        struct slot *slot = &memory->slots[(next + i) % N_REMEMBERED];
        int want = SLOT_FULL;
        if (!atomic_compare_exchange_strong(&slot->state, &want, SLOT_BUSY))
            continue;
        if (slot->kind == MLF__EV_FILE)
            emit_file(slot->flags, slot->named != 0, slot->ts_ns, slot->text);
        else
            emit(slot->kind, slot->flags, false, slot->ts_ns, slot->key, slot->text);
        atomic_store(&slot->state, SLOT_FREE);
        atomic_fetch_sub(&memory->full, 1);
    }
}

void mlf__hooks_flush_remembered(void)
{
    flush(&options);
    flush(&files);
}

static bool has_begun(void)
{
    enum mlf__session_state state = mlf__session_init();
    return state == MLF__SESSION_RING || state == MLF__SESSION_JOURNAL;
}

void mlf__hooks_begin_session(void)
{
    /* Where another thread is beginning it, we wait: outside the guard, else that would be refused. A
     * training that is about to run can spare the time. */
    if (!has_begun() && mlf__session_begin() == MLF_ERR_BUSY) {
        mlf__guard_leave();
        mlf__session_begin();
        mlf__guard_enter();
    }
    if (has_begun())
        mlf__hooks_flush_remembered();
}

/* Is |path| the last file remembered, for the same purpose? Programs open a file again and again. */
static bool just_remembered(const char *path, uint16_t flags)
{
    const struct slot *slot = &files.slots[(atomic_load(&files.next) - 1) % N_REMEMBERED];
    return atomic_load(&slot->state) == SLOT_FULL && slot->flags == flags &&
           strcmp(slot->text, path) == 0;
}

void mlf__hooks_log_file(const char *path, enum mlf__file_role role, bool named)
{
    uint16_t flags = role == MLF__FILE_WRITE ? MLF__EVF_WRITE : 0;
    if (strnlen(path, MLF__HOOK_TEXT_SIZE) == MLF__HOOK_TEXT_SIZE)
        return;
    if (has_begun())
        emit_file(flags, named, 0, path);
    else if (named || !just_remembered(path, flags))
        remember(&files, MLF__EV_FILE, flags, named, "", path);
}

void mlf__hooks_log_option(const char *name, const char *value)
{
    char key[MLF__HOOK_KEY_SIZE], text[MLF__HOOK_TEXT_SIZE];
    mlf__copy_text(key, sizeof(key), name);
    mlf__copy_text(text, sizeof(text), value);
    if (has_begun())
        emit(MLF__EV_PARAM, MLF__SRC_GETOPT, false, 0, key, text);
    else
        remember(&options, MLF__EV_PARAM, MLF__SRC_GETOPT, false, key, text);
}
