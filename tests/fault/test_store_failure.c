/* SPDX-License-Identifier: Apache-2.0 */
/* Every single call to the store fails once, with every kind of trouble: the batch is repeated, as the
 * collector does, and the database then says what it says when nothing ever fails. */
#include "tests/fault/sample.h"
#include "tests/support/fail_store.h"
#include "tests/support/tap.h"

#include "core/mem.h"

#include <stdlib.h>

enum { ATTEMPTS = 3 };

static struct sample sample;
static char *reference;

/* Applies the session in two batches and its end; each is repeated while it fails. False when one does
 * not succeed any more. */
static bool apply_all(bool reopen)
{
    struct mlf__apply apply;
    bool done[3] = {false};
    mlf__apply_init(&apply, &sample.config);
    apply.launcher_pid = SAMPLE_LAUNCHER;
    for (int part = 0; part < 3; part++) {
        for (int attempt = 0; attempt < ATTEMPTS && !done[part]; attempt++) {
            size_t half = sample.n / 2;
            if (apply.store == NULL)
                apply.store = fail_store_open(sample.config.tracking_uri);
            mlf_status status =
                part == 0   ? mlf__apply_batch(&apply, sample.events, half)
                : part == 1 ? mlf__apply_batch(&apply, sample.events + half, sample.n - half)
                            : mlf__apply_finish(&apply, 0, 1700000009000);
            done[part] = status == MLF_OK;
            if (!done[part] && reopen)
                mlf__apply_close_store(&apply);
        }
    }
    mlf__apply_free(&apply);
    return done[0] && done[1] && done[2];
}

/* One failure at the |n|-th call. False once there is no such call. */
static bool fail_at(long n, mlf_status status, bool reopen, int *wrong)
{
    sample_fresh(&sample);
    fail_store_after(n, status);
    bool all = apply_all(reopen);
    const char *failed = fail_store_failed();
    char *dump = sample_dump(&sample);
    if (failed != NULL && (!all || strcmp(dump, reference) != 0) && (*wrong)++ < 3) {
        printf("# call %ld (%s): %s\n", n, failed,
               all ? "another database" : "the batch never succeeds again");
        sample_print_difference(dump, reference);
    }
    mlf__free(dump);
    return failed != NULL;
}

/* A model that is stored again takes the run's later params along. */
static void drop_lines(char *dump, const char *prefix)
{
    char *to = dump;
    for (const char *line = dump; *line != '\0';) {
        size_t len = strcspn(line, "\n") + 1;
        if (strncmp(line, prefix, strlen(prefix)) != 0) {
            memmove(to, line, len);
            to += len;
        }
        line += len;
    }
    *to = '\0';
}

int main(void)
{
    static const mlf_status troubles[] = {MLF_ERR_BUSY, MLF_ERR_FULL, MLF_ERR_IO, MLF_ERR_NOMEM};
    sample_init(&sample);
    sample_fresh(&sample);
    fail_store_after(0, MLF_OK);
    bool ready = apply_all(false);
    long calls = fail_store_calls();
    reference = sample_dump(&sample);
    OK(ready && strstr(reference, "metric|") != NULL && strstr(reference, "model|m-") != NULL &&
           strstr(reference, "data|data|") != NULL && strstr(reference, "hunter2") == NULL,
       "the session is stored when nothing fails (%ld calls)", calls);
    sample_fresh(&sample);
    apply_all(false);
    char *again = sample_dump(&sample);
    STR(again, reference, "the same session gives the same database");
    mlf__free(again);
    apply_all(false);
    again = sample_dump(&sample);
    char *once = mlf__strdup(reference);
    drop_lines(again, "model param|");
    drop_lines(once, "model param|");
    if (!OK(strcmp(again, once) == 0, "stored twice it is the same database"))
        sample_print_difference(again, once);
    mlf__free(once);
    OK(strstr(again, "artifacts/eval/table.json") != NULL &&
           strstr(again, "artifacts/notes/text.txt") != NULL &&
           strstr(again, "|long|a long tag\n") != NULL && strstr(again, "short-lived") == NULL,
       "with what was handed over");
    mlf__free(again);
    for (size_t i = 0; i < MLF__ARRAY_LEN(troubles); i++) {
        for (int reopen = 0; reopen < 2; reopen++) {
            int wrong = 0;
            long n = 1;
            while (fail_at(n, troubles[i], reopen != 0, &wrong))
                n++;
            OK(wrong == 0 && n > calls / 2, "%s at each of %ld calls%s: the database is the same",
               mlf__status_name(troubles[i]), n - 1, reopen != 0 ? ", store opened anew" : "");
        }
    }
    mlf__free(reference);
    sample_free(&sample);
    return tap_done();
}
