/* SPDX-License-Identifier: Apache-2.0 */
/* The words that programs print beside their numbers, and what they say about them. */
#ifndef MLF_AUTOLOG_LEXICON_H
#define MLF_AUTOLOG_LEXICON_H

#include <stddef.h>
#include <stdint.h>

enum mlf__word {
    MLF__WORD_METRIC = 1, /* names a metric wherever it stands: loss, auc */
    MLF__WORD_WEAK =
        2, /* names a metric beside a step, or when the number is no whole one: error, cost */
    MLF__WORD_TUNED = 4,   /* a param before the first metric, a metric beside a step: lr */
    MLF__WORD_PARAM = 8,   /* a setting or a size: max, seed, dim */
    MLF__WORD_NOISE = 16,  /* never a metric: time, pid */
    MLF__WORD_EPOCH = 32,  /* a whole number behind it is the coarse part of a step: epoch */
    MLF__WORD_STEP = 64,   /* is a step: step, iter */
    MLF__WORD_BATCH = 128, /* is a part of an epoch: batch */
    MLF__WORD_MANY = 256,  /* the plural of a step's word: with a separator a setting */
    MLF__WORD_LEVEL = 512, /* how urgent a message is: INFO */
    MLF__WORD_UNIT = 1024  /* behind a number: it measures time, memory or speed */
};

enum { MLF__LEXICON_SLOTS = 1024, MLF__WORD_MAX = 24 };

/* An index of the words. */
struct mlf__lexicon {
    struct mlf__lexicon_slot {
        const char *word; /* followed by a blank; NULL: free */
        uint16_t flags, len;
    } slots[MLF__LEXICON_SLOTS];
};
void mlf__lexicon_fill(struct mlf__lexicon *lexicon);

/* Flags of one word, in any case; a run of digits at its end does not matter. |*canonical| (may be NULL) is
 * the word as the lexicon writes it when it knows it. */
unsigned mlf__lexicon_word(const struct mlf__lexicon *lexicon, const char *word, size_t len,
                           const char **canonical);
/* Flags of all words of |text|, which are runs of letters and digits; |*canonical| is the one that names a
 * metric. */
unsigned mlf__lexicon_words(const struct mlf__lexicon *lexicon, const char *text, size_t len,
                            const char **canonical);

#endif
