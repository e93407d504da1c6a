/* SPDX-License-Identifier: Apache-2.0 */
/* A filter or order_by text in pieces, cut as MLflow's SQL tokenizer cuts it. */
#ifndef MLF_TRACKING_SEARCH_LEX_H
#define MLF_TRACKING_SEARCH_LEX_H

#include "core/fail.h"

#include <stdbool.h>
#include <stddef.h>

/* First the tokens that a text consists of, then what several of them make together. */
enum mlf__piece_type {
    MLF__PIECE_SPACE,
    MLF__PIECE_WORD,   /* a name, also in backticks or brackets */
    MLF__PIECE_SYMBOL, /* "…" */
    MLF__PIECE_STRING, /* '…' */
    MLF__PIECE_INT,
    MLF__PIECE_FLOAT,
    MLF__PIECE_HEX,
    MLF__PIECE_COMPARE, /* = != < LIKE …, also those that nothing takes */
    MLF__PIECE_ORDER,   /* ASC, DESC */
    MLF__PIECE_KEYWORD, /* AND, IN, NOT NULL … */
    MLF__PIECE_SIGN,    /* + - * / … */
    MLF__PIECE_MARK,    /* ( ) , . ; and anything else */

    MLF__PIECE_NAME,       /* a.b.c: what can be compared */
    MLF__PIECE_GROUP,      /* ( … ) */
    MLF__PIECE_CALL,       /* word ( … ) */
    MLF__PIECE_OPERATION,  /* a + b */
    MLF__PIECE_COMPARISON, /* a = b; the three pieces are its |parts| */
    MLF__PIECE_TEST        /* a IN (…), a IS NULL: put together from pieces side by side */
};

struct mlf__piece {
    enum mlf__piece_type type;
    const char *text; /* in the text that was cut */
    size_t len;
    struct mlf__part {
        enum mlf__piece_type type;
        const char *text;
        size_t len;
    } parts[3]; /* of a comparison: what, how, with what */
    size_t n_parts;
    size_t next; /* while they are put together: the piece behind this one */
};

struct mlf__pieces {
    struct mlf__piece *pieces;
    size_t n, cap;
};

/* |*out| is the text's tokens put together as far as SQL has rules for it, without space at this level
 * unless |spaces|. Is freed by mlf__pieces_free. */
mlf_status mlf__pieces_cut(const char *text, bool spaces, struct mlf__pieces *out);
void mlf__pieces_free(struct mlf__pieces *pieces);

/* Is the text of |len| bytes |word|, in any case? */
bool mlf__piece_is(const char *text, size_t len, const char *word);

#endif
