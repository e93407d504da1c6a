/* SPDX-License-Identifier: Apache-2.0 */
/* Tables for people: columns aligned by what the terminal shows, "-" for what is missing. */
#ifndef MLF_CLI_TABLE_H
#define MLF_CLI_TABLE_H

#include "core/fail.h"

#include <mlf/records.h>
#include <stdbool.h>
#include <stddef.h>

/* Begin with the number of columns: struct mlf__table table = {.n_columns = 3}. Cells are copied. */
struct mlf__table {
    size_t n_columns;
    size_t indent;    /* blanks before each line */
    size_t max_width; /* of a cell but the last of a line, on a terminal; 0: 40 */
    bool share; /* on a terminal every column is shown: the widest give way, and not the last */
    char **cells;
    size_t n_cells, cap;
    bool failed;
};

void mlf__table_add(struct mlf__table *table, const char *text); /* NULL or "": "-" */
void mlf__table_addf(struct mlf__table *table, const char *format, ...) MLF__PRINTF(2, 3);
/* Prints the table on stdout and empties it. On a terminal lines are cut at its width, elsewhere nothing is. */
mlf_status mlf__table_print(struct mlf__table *table);
void mlf__table_free(struct mlf__table *table);

/* "NAME         VALUE" on stdout; "-" for a value that is missing. */
void mlf__print_field(const char *name, const char *value);
/* A blank line, |title| and a line for each pair; nothing when there are none. */
void mlf__print_pairs(const char *title, const mlf_pair *pairs, size_t n);

/* Columns that |text| takes on a terminal, and the bytes of it that fit into |width| columns. */
size_t mlf__text_width(const char *text);
size_t mlf__text_fit(const char *text, size_t width);

/* Columns of the terminal on stdout; 0: it is none, or does not say. */
size_t mlf__terminal_width(void);

#endif
