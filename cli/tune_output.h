/* SPDX-License-Identifier: Apache-2.0 */
/* What `mlf tune` prints: on a terminal a few lines that are kept up to date, else a line for each trial, or events as
 * JSON; and a summary at the end. What comes from trials cannot drive the terminal. */
#ifndef MLF_CLI_TUNE_OUTPUT_H
#define MLF_CLI_TUNE_OUTPUT_H

#include "cli/tune.h"

mlf_status mlf__tune_output_open(const struct mlf__tune *tune, struct mlf__tune_output **out);
/* The study has begun. */
void mlf__tune_output_begin(struct mlf__tune_output *output, bool resumed);
void mlf__tune_output_trial(struct mlf__tune_output *output, const struct mlf__tune_slot *slot);
void mlf__tune_output_value(struct mlf__tune_output *output, const struct mlf__tune_slot *slot,
                            double value, int64_t step);
void mlf__tune_output_ended(struct mlf__tune_output *output, const struct mlf__tune_slot *slot,
                            const struct mlf__tune_end *end);
/* Time has passed: brings the lines up to date, several times a second at most. */
void mlf__tune_output_tick(struct mlf__tune_output *output);
/* Something for people, on stderr. */
void mlf__tune_output_say(struct mlf__tune_output *output, const char *format, ...)
    MLF__PRINTF(2, 3);
/* All is over; |code| is the exit code. The study is still there. */
void mlf__tune_output_end(struct mlf__tune_output *output, int code);
void mlf__tune_output_close(struct mlf__tune_output *output); /* NULL is fine */

#endif
