/* SPDX-License-Identifier: Apache-2.0 */
/* The words, by what they say. They are general ones: what a single program prints belongs to presets.c. */
#include "autolog/lexicon.h"

#include "core/fail.h"

#include <ctype.h>
#include <string.h>

struct group {
    unsigned flags;
    const char *words; /* each followed by a blank */
};

/* clang-format off */
static const struct group groups[] = {
    {MLF__WORD_METRIC,
     "loss losses logloss mlogloss accuracy acc auc aucpr auroc auprc mse rmse rmsle mae mape smape mad nll "
     "perplexity ppl bleu rouge wer cer f1 fscore iou miou dice psnr ssim ndcg mrr elbo kl kld bce rss sse "
     "crossentropy loglik loglikelihood mcc gini brier pinball huber r2 fid lpips bpc bpb "},
    {MLF__WORD_WEAK,
     "error err merror cost obj objective objval score norm gnorm gradnorm grad gradient energy fitness residual "
     "resid likelihood entropy reward return precision recall deviance chisq chi2 chi gap correlation corr "
     "specificity sensitivity divergence rmsd regret distortion inertia silhouette purity imbalance map "
     "advantage fval "},
    {MLF__WORD_TUNED, "lr learning eta0 momentum temperature epsilon "},
    {MLF__WORD_PARAM,
     "size count num number desired max maximum min minimum seed dim dims dimension dimensions layers "
     "hidden depth total limit capacity width height decay dropout folds classes clusters "
     "neurons inputs outputs tolerance tol samples examples features parameters params "},
    {MLF__WORD_NOISE,
     "time timestamp date sec secs second seconds ms msec usec ns mins minute minutes hour hours h "
     "eta elapsed estimated remaining pid tid ppid uid gid port version ver speed throughput latency duration dur ts "
     "memory mem gpu cpu ram rss vram bytes kb mb gb kib mib gib thread threads device worker "
     "rank host file path line lines col column offset address addr id ids index idx words sec url "
     "page status code exit signal scale bandwidth requests packet packets dropped retries retry attempt pct wall "
     "clock cycles fps wps tps ips qps rps ups downloaded uploaded received transferred "},
    {MLF__WORD_EPOCH, "epoch ep episode "},
    {MLF__WORD_STEP,
     "step iter iteration round update generation timestep trial sweep globalstep niter gen "},
    {MLF__WORD_BATCH, "batch minibatch "},
    {MLF__WORD_MANY, "epochs steps iters iterations rounds updates generations timesteps episodes batches "},
    {MLF__WORD_LEVEL, "info debug warn warning trace notice verbose "},
    {MLF__WORD_UNIT,
     "s sec secs second seconds ms msec us usec ns mins minute minutes h hour hours day days b byte bytes "
     "kb mb gb tb kib mib gib k m g hz mhz ghz px fps it rows lines files packets times "},
};
/* clang-format on */

/* Words are written together as well: trainloss, binlogloss, valaccuracy. */
static const char *const endings[] = {"loss", "accuracy", "perplexity"};

static uint32_t hash_of(const char *word, size_t len)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)word[i]) * 16777619u;
    return hash ^ hash >> 15;
}

/* The slot of a word: its own, or the free one where it belongs. */
static size_t find_slot(const struct mlf__lexicon *lexicon, const char *word, size_t len)
{
    size_t slot = hash_of(word, len) % MLF__LEXICON_SLOTS;

    while (lexicon->slots[slot].word != NULL &&
           (lexicon->slots[slot].len != len || memcmp(lexicon->slots[slot].word, word, len) != 0))
        slot = (slot + 1) % MLF__LEXICON_SLOTS;
    return slot;
}

/* A word may be in several groups. */
void mlf__lexicon_fill(struct mlf__lexicon *lexicon)
{
    memset(lexicon, 0, sizeof(*lexicon));
    for (size_t i = 0; i < MLF__ARRAY_LEN(groups); i++) {
        for (const char *word = groups[i].words; *word != '\0';) {
            size_t len = strcspn(word, " ");
            struct mlf__lexicon_slot *slot = &lexicon->slots[find_slot(lexicon, word, len)];
            slot->word = word;
            slot->len = (uint16_t)len;
            slot->flags |= (uint16_t)groups[i].flags;
            word += len + 1;
        }
    }
}

static unsigned look_up(const struct mlf__lexicon *lexicon, const char *word, size_t len,
                        const char **canonical)
{
    const struct mlf__lexicon_slot *slot = &lexicon->slots[find_slot(lexicon, word, len)];

    if (slot->word != NULL && canonical != NULL)
        *canonical = slot->word;
    return slot->flags;
}

unsigned mlf__lexicon_word(const struct mlf__lexicon *lexicon, const char *word, size_t len,
                           const char **canonical)
{
    char lower[MLF__WORD_MAX];

    if (len == 0 || len > sizeof(lower))
        return 0;
    for (size_t i = 0; i < len; i++)
        lower[i] = (char)tolower((unsigned char)word[i]);
    unsigned flags = look_up(lexicon, lower, len, canonical);
    if (flags != 0)
        return flags;
    size_t letters = len;
    while (letters > 0 && isdigit((unsigned char)lower[letters - 1]))
        letters--;
    if (letters < len && letters > 0)
        flags = look_up(lexicon, lower, letters, canonical);
    for (size_t i = 0; i < MLF__ARRAY_LEN(endings) && flags == 0; i++) {
        size_t n = strlen(endings[i]);
        if (letters > n && memcmp(lower + letters - n, endings[i], n) == 0)
            flags = look_up(lexicon, endings[i], n, canonical);
    }
    return flags;
}

unsigned mlf__lexicon_words(const struct mlf__lexicon *lexicon, const char *text, size_t len,
                            const char **canonical)
{
    unsigned all = 0;

    for (size_t at = 0; at < len;) {
        size_t begin = at;
        while (at < len && isalnum((unsigned char)text[at]))
            at++;
        const char *known = NULL;
        unsigned flags = mlf__lexicon_word(lexicon, text + begin, at - begin, &known);
        all |= flags;
        if ((flags & (MLF__WORD_METRIC | MLF__WORD_WEAK | MLF__WORD_TUNED)) != 0 &&
            canonical != NULL)
            *canonical = known;
        while (at < len && !isalnum((unsigned char)text[at]))
            at++;
    }
    return all;
}
