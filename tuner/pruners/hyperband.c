/* SPDX-License-Identifier: Apache-2.0 */
/* Hyperband: Li et al., JMLR 18 (2018). Several successive halvings ("brackets") beside each other that begin to prune at
 * different steps; a trial belongs to one of them by a hash of the study's name and its number, in proportion to the
 * brackets' budgets. Rules and defaults are those of Optuna 5's HyperbandPruner, but that the number of
 * brackets is counted in integers: the logarithm that Optuna takes misses one where max is a power of the factor, as 3^5. */
#include "core/mem.h"
#include "tuner/pruners/parts.h"

#include <inttypes.h>

enum { BRACKETS_MAX = 54 };

struct hyperband {
    int64_t max_resource; /* 0: not known yet */
    size_t n_brackets;
    int64_t budgets[BRACKETS_MAX], budget;
    struct mlf__halving brackets[BRACKETS_MAX];
};

struct options {
    int64_t min_resource;
    char *max_resource;
    int64_t factor, bootstrap;
};

static const struct mlf__setting settings[] = {
    /* steps to the first rung of the first bracket (min_resource) */
    {"min_resource", MLF__SETTING_INT, offsetof(struct options, min_resource), 1, 1e15, 1},
    /* steps of a trial that is not pruned; auto: one more than the longest trial's last (max_resource) */
    {"max_resource", MLF__SETTING_TEXT, offsetof(struct options, max_resource)},
    /* reduction_factor */
    {"factor", MLF__SETTING_INT, offsetof(struct options, factor), 2, 1e6, 3},
    /* values at a rung before a trial gets past it (bootstrap_count) */
    {"bootstrap", MLF__SETTING_INT, offsetof(struct options, bootstrap), 0, 1e9, 0},
    {0}};

/* Bracket b has a budget of ceil(B factor^(B - 1 - b) / (B - b)). */
static void set_brackets(struct hyperband *hyperband, const struct options *options)
{
    int64_t share = 1;

    while (hyperband->n_brackets < BRACKETS_MAX &&
           options->min_resource <= hyperband->max_resource / share) {
        hyperband->n_brackets++;
        if (__builtin_mul_overflow(share, options->factor, &share))
            break;
    }
    int64_t n = (int64_t)hyperband->n_brackets, power = 1;
    for (int64_t left = 1; left <= n; left++) {
        size_t bracket = (size_t)(n - left);
        hyperband->budgets[bracket] = (n * power + left - 1) / left;
        hyperband->budget += hyperband->budgets[bracket];
        hyperband->brackets[bracket] = (struct mlf__halving){.min_resource = options->min_resource,
                                                             .factor = options->factor,
                                                             .rate = (int64_t)bracket,
                                                             .bootstrap = options->bootstrap};
        if (left < n)
            power *= options->factor;
    }
}

/* CRC-32 (ISO 3309), as zlib computes it: trials are in the same brackets as in Optuna. */
static uint32_t crc32_of(const char *text, size_t len)
{
    uint32_t crc = 0xffffffff;

    for (size_t i = 0; i < len; i++) {
        crc ^= (unsigned char)text[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0xedb88320 & (0 - (crc & 1)));
    }
    return ~crc;
}

static bool bracket_of(const struct mlf__pruner *pruner, const struct mlf__trial *trial,
                       size_t *out)
{
    const struct hyperband *hyperband = pruner->state;
    struct mlf__buf text = {0};

    mlf__buf_printf(&text, "%s_%" PRId64, pruner->study_name, trial->number);
    if (text.failed)
        return false;
    int64_t place = crc32_of(text.data, text.len) % hyperband->budget;
    mlf__buf_free(&text);
    for (*out = 0; (place -= hyperband->budgets[*out]) >= 0;)
        ++*out;
    return true;
}

static bool ask(struct mlf__pruner *pruner, const struct mlf__trial *trial, size_t at,
                size_t n_told)
{
    struct hyperband *hyperband = pruner->state;
    size_t bracket;

    if (hyperband->max_resource == 0) {
        int64_t last = mlf__halving_last_step(pruner->history, n_told);
        if (last < 0)
            return false;
        hyperband->max_resource = last < INT64_C(1) << 53 ? last + 1 : last;
        set_brackets(hyperband, pruner->settings);
    }
    return hyperband->n_brackets > 0 && bracket_of(pruner, trial, &bracket) &&
           mlf__halving_prune(&hyperband->brackets[bracket], pruner->history, trial, at);
}

static mlf_status open_hyperband(struct mlf__pruner *pruner)
{
    const struct options *options = pruner->settings;
    struct hyperband *hyperband = pruner->state;
    mlf_status status = mlf__halving_parse_resource("max_resource", options->max_resource,
                                                    &hyperband->max_resource);

    if (status != MLF_OK)
        return status;
    if (hyperband->max_resource == 0 && options->bootstrap > 0)
        return mlf__fail(MLF_ERR_INVAL,
                         "pruner hyperband: bootstrap=%" PRId64
                         " needs a max_resource that is not auto",
                         options->bootstrap);
    if (hyperband->max_resource != 0 && hyperband->max_resource < options->min_resource)
        return mlf__fail(MLF_ERR_INVAL,
                         "pruner hyperband: max_resource=%" PRId64
                         " is below min_resource=%" PRId64,
                         hyperband->max_resource, options->min_resource);
    if (hyperband->max_resource != 0)
        set_brackets(hyperband, options);
    mlf__halving_replay(pruner, ask);
    return MLF_OK;
}

static void close_hyperband(struct mlf__pruner *pruner)
{
    struct hyperband *hyperband = pruner->state;

    for (size_t i = 0; i < hyperband->n_brackets; i++)
        mlf__halving_free(&hyperband->brackets[i]);
}

static bool should_prune(struct mlf__pruner *pruner, const struct mlf__trial *trial)
{
    return ask(pruner, trial, trial->n_intermediate - 1, pruner->history->n_told);
}

const struct mlf__pruner_ops mlf__pruner_hyperband = {.name = "hyperband",
                                                      .state_size = sizeof(struct hyperband),
                                                      .settings = settings,
                                                      .settings_size = sizeof(struct options),
                                                      .open = open_hyperband,
                                                      .close = close_hyperband,
                                                      .should_prune = should_prune};
