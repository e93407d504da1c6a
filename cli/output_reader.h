/* SPDX-License-Identifier: Apache-2.0 */
/* The thread in which the recogniser reads what a command prints, so that the way of the output does not wait for it.
 * What it has not read yet is kept in memory, a few MiB at most. A command that prints faster than it reads is held up by
 * little; then some of its output is left out, and how much is counted. Never its last lines, which tell results. */
#ifndef MLF_CLI_OUTPUT_READER_H
#define MLF_CLI_OUTPUT_READER_H

#include "autolog/recogniser.h"

struct mlf__output_reader;

/* |recogniser| is the thread's until mlf__output_reader_finish(). |whole|: nothing is left out, however long the command
 * waits for it. */
mlf_status mlf__output_reader_start(struct mlf__recogniser *recogniser, bool whole,
                                    struct mlf__output_reader **out);
/* More bytes of stream 1 or 2, copied. */
void mlf__output_reader_give(struct mlf__output_reader *reader, int stream, const char *bytes,
                             size_t len);
/* Waits until everything was read, and ends the thread. Returns how many bytes were left out. NULL is fine. */
uint64_t mlf__output_reader_finish(struct mlf__output_reader *reader);

#endif
