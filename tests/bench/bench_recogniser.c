/* SPDX-License-Identifier: Apache-2.0 */
/* Throughput of the recogniser over kinds of output: each is a block of lines that is fed in pieces of 64 KiB, as the
 * relay does. Prints one JSON object, megabytes per second of CPU time by kind and mode. bench_recogniser.py runs it.
 *
 * Usage: bench_recogniser MEGABYTES */
#include "autolog/recogniser.h"
#include "core/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BLOCK_BYTES = 4 << 20, PIECE_BYTES = 64 * 1024 };

static void count(const struct mlf__hit *hit, void *user)
{
    size_t *n = user;
    *n += hit->line != 0;
}

/* Line |i| of a kind of output. */
static void add_line(struct mlf__buf *block, size_t kind, unsigned i)
{
    switch (kind) {
    case 0:
        mlf__buf_puts(block,
                      "the quick brown fox jumps over the lazy dog and goes its way, as ever\n");
        break;
    case 1:
        mlf__buf_printf(
            block,
            "10.0.3.%u - - [12/Mar/2024:10:00:%02u +0000] \"GET /a/%u HTTP/1.1\" 200 %u "
            "\"-\" \"Mozilla/5.0\"\n",
            i % 251, i % 60, i % 977, i * 31 % 65521);
        break;
    case 2:
        mlf__buf_printf(block, "[%u/9000] Compiling C object src/lib.a.p/file_%u.c.o\n", i % 9000,
                        i);
        break;
    default:
        mlf__buf_printf(block, "epoch %u loss %.6f accuracy %.4f\n", i, 1.0 / (1 + i),
                        1 - 1.0 / (2 + i));
        break;
    }
}

/* Of this process, so that a busy machine does not count. */
static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double measure(const struct mlf__buf *block, enum mlf__parse_mode mode, size_t megabytes,
                      size_t *hits)
{
    struct mlf__recogniser_options options = {.mode = mode, .by_signature = true};
    struct mlf__recogniser *recogniser = NULL;

    if (mlf__recogniser_create(&options, count, hits, &recogniser) != MLF_OK)
        exit(1);
    size_t fed = 0, goal = megabytes << 20;
    double begin = cpu_seconds();
    while (fed < goal) {
        for (size_t at = 0; at < block->len; at += PIECE_BYTES) {
            size_t left = block->len - at;
            mlf__recogniser_feed(recogniser, 1, block->data + at,
                                 left < PIECE_BYTES ? left : PIECE_BYTES);
        }
        fed += block->len;
    }
    double end = cpu_seconds();
    mlf__recogniser_destroy(recogniser);
    return (double)fed / 1e6 / (end - begin);
}

int main(int argc, char **argv)
{
    static const char *const kinds[] = {"text without numbers", "access log", "build", "metrics"};
    static const char *const modes[] = {"off", "known", "likely", "all"};
    long megabytes = argc == 2 ? strtol(argv[1], NULL, 10) : 0;

    if (megabytes <= 0) {
        fprintf(stderr, "usage: bench_recogniser MEGABYTES\n");
        return 2;
    }
    printf("[");
    for (size_t kind = 0; kind < MLF__ARRAY_LEN(kinds); kind++) {
        struct mlf__buf block = {0};
        for (unsigned i = 0; block.len < BLOCK_BYTES; i++)
            add_line(&block, kind, i);
        for (size_t mode = MLF__PARSE_KNOWN; mode < MLF__ARRAY_LEN(modes); mode++) {
            size_t hits = 0;
            double rate = measure(&block, (enum mlf__parse_mode)mode, (size_t)megabytes, &hits);
            printf("%s{\"kind\": \"%s\", \"mode\": \"%s\", \"mb_per_s\": %.1f, \"hits\": %zu}",
                   kind == 0 && mode == MLF__PARSE_KNOWN ? "" : ",\n", kinds[kind], modes[mode],
                   rate, hits);
        }
        mlf__buf_free(&block);
    }
    printf("]\n");
    return 0;
}
