/* SPDX-License-Identifier: Apache-2.0 */
/* Every single allocation fails once: nothing crashes or leaks, what fails says so, and repeating it
 * gives what it gives when memory never ends. */
#include "tests/fault/sample.h"
#include "tests/support/tap.h"

#include "autolog/batch.h"
#include "autolog/cmdline.h"
#include "autolog/recogniser.h"
#include "core/journal.h"
#include "core/mem.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

enum { ATTEMPTS = 3, PASSES_MAX = 20000, SAID_MAX = 3 };

static struct sample sample;
static char *reference;

/* After an attempt with the |n|-th allocation failing: has it come to that? Switches failing off. */
static bool had_failed(long n)
{
    bool pending = false;
    for (long i = 0; i <= n && !pending; i++) {
        void *block = mlf__alloc(1);
        pending = block == NULL;
        mlf__free(block);
    }
    mlf__alloc_fail_after(0);
    return !pending;
}

/* Calls |attempt| with n = 1, 2, 3 … until a whole pass is clean; it reports a broken promise as text. */
typedef const char *attempt_fn(long n);

static void sweep(const char *name, attempt_fn *attempt)
{
    int said = 0;
    long n = 1;
    for (bool failed = true; failed && n < PASSES_MAX; n++) {
        mlf__alloc_fail_after(n);
        const char *broken = attempt(n);
        failed = had_failed(n);
        if (broken != NULL && said++ < SAID_MAX)
            printf("# allocation %ld: %s\n", n, broken);
    }
    OK(said == 0 && n > 2 && n < PASSES_MAX, "%s: each of %ld allocations fails once", name, n - 2);
}

/* ---- applying a batch and the end of a session ---- */

static mlf_status apply_part(struct mlf__apply *apply, int part)
{
    apply->launcher_pid = SAMPLE_LAUNCHER;
    size_t half = sample.n / 2;
    if (part == 0)
        return mlf__apply_batch(apply, sample.events, half);
    if (part == 1)
        return mlf__apply_batch(apply, sample.events + half, sample.n - half);
    return mlf__apply_finish(apply, 0, 1700000009000);
}

static const char *apply_once(bool may_fail)
{
    struct mlf__apply apply;
    const char *broken = NULL;
    mlf_status status = mlf__apply_init(&apply, &sample.config);
    if (status != MLF_OK && may_fail) {
        mlf__apply_free(&apply);
        status = mlf__apply_init(&apply, &sample.config);
    }
    for (int part = 0; part < 3 && broken == NULL; part++) {
        status = MLF_ERR_STATE;
        for (int attempt = 0; attempt < ATTEMPTS && status != MLF_OK; attempt++) {
            status = apply_part(&apply, part);
            if (status != MLF_OK && mlf__errmsg()[0] == '\0')
                broken = "it failed without a text";
            if (status != MLF_OK)
                mlf__apply_close_store(&apply);
        }
        if (status != MLF_OK)
            broken = "it never succeeds again";
    }
    mlf__apply_free(&apply);
    return broken;
}

static const char *apply_attempt(long n)
{
    mlf__alloc_fail_after(0);
    sample_fresh(&sample);
    mlf__alloc_fail_after(n);
    const char *broken = apply_once(true);
    if (broken != NULL)
        return broken;
    /* The dump allocates as well: only what comes before it is on trial. */
    bool failed = had_failed(n);
    char *dump = sample_dump(&sample);
    if (strcmp(dump, reference) != 0) {
        static int said;
        broken = "another database";
        if (said++ < SAID_MAX)
            sample_print_difference(dump, reference);
    }
    mlf__free(dump);
    mlf__alloc_fail_after(failed ? 0 : n);
    return broken;
}

/* ---- a database: opening and creating ---- */

static int count_files(void)
{
    int n = 0;
    DIR *dir = opendir(sample.folder);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL)
        n += strstr(entry->d_name, ".mlf-") != NULL;
    if (dir != NULL)
        closedir(dir);
    return n;
}

static const char *open_and_use(void)
{
    struct mlf__store *store;
    mlf_experiment experiment = {0};
    mlf_status status = mlf__store_open(sample.config.tracking_uri, MLF__STORE_WRITE, &store);
    if (status != MLF_OK)
        return store != NULL              ? "a store although opening failed"
               : mlf__errmsg()[0] == '\0' ? "it failed without a text"
                                          : NULL;
    status = store->ops->experiment_ensure(store, "new", &experiment);
    const char *broken = status != MLF_OK && mlf__errmsg()[0] == '\0' ? "no text" : NULL;
    mlf_experiment_free(&experiment);
    mlf__store_close(store);
    return broken;
}

static const char *open_attempt(long n)
{
    (void)n;
    return open_and_use();
}

static const char *create_attempt(long n)
{
    (void)n;
    unlink(sample.database);
    const char *broken = open_and_use();
    return broken == NULL && count_files() > 0 ? "a half-made database was left" : broken;
}

/* ---- the recogniser and the command line ---- */

static size_t hits;

static void count_hit(const struct mlf__hit *hit, void *user)
{
    (void)user;
    hits += hit->key != NULL;
}

static const char *recogniser_attempt(long n)
{
    static const char *const rules[] = {"loss=loss (\\S+)", "\\key = \\value"};
    static const char *const argv[] = {"/usr/bin/svm-train", "-v", "5", "data"};
    static const char output[] = "loss 1.5\na = 1, b = 2\nTotal nSV = 132\n";
    struct mlf__recogniser_options options = {rules, 2, MLF__PARSE_KNOWN, argv, 4};
    struct mlf__recogniser *recogniser;
    (void)n;
    hits = 0;
    mlf_status status = mlf__recogniser_create(&options, count_hit, NULL, &recogniser);
    if (status != MLF_OK)
        return status != MLF_ERR_NOMEM ? "not out of memory"
               : recogniser != NULL    ? "a recogniser although it failed"
                                       : NULL;
    mlf__recogniser_feed(recogniser, 1, output, sizeof(output) - 1);
    mlf__recogniser_end(recogniser);
    mlf__recogniser_destroy(recogniser);
    return hits == 0 ? "nothing was found" : NULL;
}

static void see_option(const char *name, const char *value, void *user)
{
    bool *leaked = user;
    *leaked = *leaked || name == NULL || value == NULL || strstr(value, "hunter2") != NULL;
}

static const char *cmdline_attempt(long n)
{
    static const char *const argv[] = {"env", "A=1", "sh", "-c",
                                       "./t --lr=1e-3 --password hunter2 'in file' -c10"};
    char **stripped = NULL;
    size_t argc = 0;
    bool leaked = false;
    (void)n;
    char *text = mlf__cmdline_text(5, argv);
    leaked = text != NULL && strstr(text, "hunter2") != NULL;
    mlf__free(text);
    mlf_status status = mlf__cmdline_strip(5, argv, &stripped, &argc);
    if (status != MLF_OK)
        return leaked || status != MLF_ERR_NOMEM || stripped != NULL ? "a leak or a wrong status"
                                                                     : NULL;
    mlf__cmdline_parse(argc, (const char *const *)stripped, "/", see_option, &leaked);
    mlf__argv_free(stripped);
    return leaked ? "a secret came out" : NULL;
}

/* ---- a journal ---- */

static char journal_path[128];

static void write_journal(void)
{
    struct mlf__journal *journal;
    if (mlf__journal_create(journal_path, &sample.config, &journal) != MLF_OK)
        return;
    for (size_t i = 0; i < sample.n; i++)
        mlf__journal_append(journal, &sample.events[i]);
    mlf__journal_close(journal);
}

static const char *journal_attempt(long n)
{
    struct mlf__journal *journal;
    struct mlf__event event;
    size_t read = 0, failures = 0;
    mlf_status status;
    (void)n;
    if (mlf__journal_open(journal_path, &journal) != MLF_OK)
        return "it does not open";
    while ((status = mlf__journal_read(journal, &event)) != MLF_ERR_NOT_FOUND) {
        if (status == MLF_ERR_NOMEM && ++failures < ATTEMPTS)
            continue; /* the same event comes again */
        if (status != MLF_OK || event.kind != sample.events[read].kind ||
            strcmp(event.key, sample.events[read].key) != 0)
            break;
        read++;
    }
    mlf__journal_close(journal);
    return read != sample.n || status != MLF_ERR_NOT_FOUND ? "an event was lost" : NULL;
}

int main(void)
{
    sample_init(&sample);
    sample_fresh(&sample);
    const char *broken = apply_once(false);
    reference = sample_dump(&sample);
    OK(broken == NULL && strstr(reference, "metric|") != NULL, "the session is stored");
    snprintf(journal_path, sizeof(journal_path), "%s/x.journal", sample.folder);
    write_journal();

    sweep("reading a journal", journal_attempt);
    sweep("a command line", cmdline_attempt);
    sweep("the recogniser", recogniser_attempt);
    sweep("creating a database", create_attempt);
    sample_fresh(&sample);
    sweep("opening a database", open_attempt);
    sweep("applying a session", apply_attempt);

    mlf__free(reference);
    sample_free(&sample);
    return tap_done();
}
