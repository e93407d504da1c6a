/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions (PCRE2, 8 bit, UTF with invalid bytes tolerated, JIT when there is one, match,
 * depth and heap limits set so that a hostile pattern costs a miss, not the run). */
#ifndef MLF_AUTOLOG_REGEX_H
#define MLF_AUTOLOG_REGEX_H

#include "core/fail.h"

#include <stdbool.h>
#include <stddef.h>

struct mlf__regex;

/* A group's place in the subject; begin is SIZE_MAX when it did not take part. */
struct mlf__span {
    size_t begin, end;
};

/* MLF_ERR_INVAL says what is wrong; |*where| (may be NULL) is its offset in the pattern. */
mlf_status mlf__regex_compile(const char *pattern, size_t *where, struct mlf__regex **out);
/* Does it match anywhere in |text| from |start| on? Fills in groups 0 … n - 1. A pattern that ran
 * into its limits MLF__REGEX_PATIENCE times matches nothing any more. */
bool mlf__regex_match(struct mlf__regex *regex, const char *text, size_t len, size_t start,
                      struct mlf__span *groups, size_t n);
/* Has the pattern been given up? */
bool mlf__regex_exhausted(const struct mlf__regex *regex);
/* Number of a named group, -1 when there is none. */
int mlf__regex_group(const struct mlf__regex *regex, const char *name);
int mlf__regex_group_count(const struct mlf__regex *regex);
void mlf__regex_destroy(struct mlf__regex *regex); /* NULL is fine */

enum { MLF__REGEX_PATIENCE = 20 };

#endif
