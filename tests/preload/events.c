/* SPDX-License-Identifier: Apache-2.0 */
/* The launcher's part for the preload tests: `events make RING` makes a ring that a host program
 * attaches to, `events show FILE` prints what lies in a ring or journal, one event a line, fields
 * separated by tabs: kind, flags, pid, run ("-" is the session's), model, key, step, value, text. */
#include "core/event.h"
#include "core/journal.h"
#include "core/ring.h"
#include "core/sys.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct mlf__config *config;

/* Text with its separators made visible, and nothing that would break the line. */
static void put_text(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        putchar(text[i] == '\0' ? '|' : (unsigned char)text[i] < ' ' ? ' ' : text[i]);
}

static bool show(const struct mlf__event *event, uint64_t position, void *user)
{
    (void)position;
    (void)user;
    bool own_run = event->run[0] == '\0' || strcmp(event->run, config->run_id) == 0;
    printf("%u\t%u\t%d\t%s\t%s\t%s\t%" PRId64 "\t%.17g\t", event->kind, event->flags, event->pid,
           own_run ? "-" : event->run, event->model, event->key, event->step, event->value);
    put_text(event->text, event->text_len);
    putchar('\n');
    return true;
}

static mlf_status make_ring(const char *path)
{
    static struct mlf__config made = {.tracking_uri = "sqlite:////nonexistent/mlflow.db",
                                      .flags = MLF__CONFIG_LAUNCHER};
    struct mlf__ring *ring;
    mlf__new_id(made.run_id);
    made.start_ns = mlf__now_ns();
    mlf_status status = mlf__ring_create(path, &made, true, true, &ring);
    if (status == MLF_OK)
        mlf__ring_detach(ring);
    return status;
}

static mlf_status show_ring(const char *path)
{
    struct mlf__ring *ring;
    struct mlf__ring_reader *reader;
    mlf_status status = mlf__ring_attach(path, &ring);
    if (status != MLF_OK)
        return status;
    config = mlf__ring_config(ring);
    status = mlf__ring_reader_create(ring, &reader);
    while (status == MLF_OK && mlf__ring_read(reader, 1000, show, NULL) > 0)
        continue;
    printf("drops\t%" PRIu64 "\n", mlf__ring_drops(ring));
    return status;
}

static mlf_status show_journal(const char *path)
{
    struct mlf__journal *journal;
    struct mlf__event event;
    mlf_status status = mlf__journal_open(path, &journal);
    if (status != MLF_OK)
        return status;
    config = mlf__journal_config(journal);
    while ((status = mlf__journal_read(journal, &event)) == MLF_OK)
        show(&event, 0, NULL);
    return status == MLF_ERR_NOT_FOUND ? MLF_OK : status;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    mlf_status status;
    if (strcmp(argv[1], "make") == 0)
        status = make_ring(argv[2]);
    else if (strstr(argv[2], ".journal") != NULL)
        status = show_journal(argv[2]);
    else
        status = show_ring(argv[2]);
    if (status != MLF_OK)
        fprintf(stderr, "%s\n", mlf__errmsg());
    return status != MLF_OK;
}
