/* SPDX-License-Identifier: Apache-2.0 */
/* Any rules over any output: a rule is refused with a text or works, matching is bounded, and what is
 * found has a name that a store takes. An input is the mode (bits 1 and 4: what is looked for; 2: which
 * program; 8: whether programs are known by signatures; 16: whether tails are looked at), the rules (one a line, up to an
 * empty one), then the output in pieces. */
#include "tests/fuzz/fuzz.h"

#include "autolog/recogniser.h"
#include "tracking/names.h"

enum { RULES_MAX = 4, RULE_MAX = 256 };

static void see_hit(const struct mlf__hit *hit, void *user)
{
    size_t *n = user;
    (*n)++;
    MUST(hit->key != NULL && mlf__check_key(hit->key, "Metric name") == MLF_OK);
    MUST(hit->text != NULL && hit->reason != NULL && hit->tier >= 0 && hit->tier <= 3);
}

/* The next line as a rule; false at an empty one. */
static bool take_rule(struct input *input, char *out)
{
    size_t n = 0;
    while (input->at < input->end && *input->at != '\n' && *input->at != '\0' && n + 1 < RULE_MAX)
        out[n++] = (char)*input->at++;
    if (input->at < input->end)
        input->at++;
    out[n] = '\0';
    return n > 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const svm[] = {"/usr/bin/svm-train", "-s", "0", "data", NULL};
    static const char *const other[] = {"./train", NULL};
    static const enum mlf__parse_mode modes[] = {MLF__PARSE_OFF, MLF__PARSE_KNOWN,
                                                 MLF__PARSE_LIKELY, MLF__PARSE_ALL};
    static char texts[RULES_MAX][RULE_MAX];
    const char *rules[RULES_MAX];
    struct input input = {data, data + size};
    uint8_t mode = (uint8_t)take(&input, 1);
    size_t n_rules = 0, hits = 0, fed = 0;
    while (n_rules < RULES_MAX && take_rule(&input, texts[n_rules])) {
        rules[n_rules] = texts[n_rules];
        n_rules++;
    }
    struct mlf__recogniser_options options = {.rules = rules,
                                              .n_rules = n_rules,
                                              .mode = modes[(mode & 1) | (mode >> 1 & 2)],
                                              .by_signature = (mode & 8) != 0,
                                              .argv = (mode & 2) != 0 ? svm : other,
                                              .argc = (mode & 2) != 0 ? 4 : 1};
    struct mlf__recogniser *recogniser;
    mlf_status status = mlf__recogniser_create(&options, see_hit, &hits, &recogniser);
    if (status != MLF_OK) {
        MUST(status == MLF_ERR_INVAL && mlf__errmsg()[0] != '\0');
        return 0;
    }
    while (input.at < input.end) {
        size_t len, piece = 1 + (size_t)take(&input, 1);
        const uint8_t *bytes = take_bytes(&input, piece, &len);
        mlf__recogniser_feed(recogniser, 1 + (int)(piece & 1), (const char *)bytes, len);
        fed += len;
        if ((mode & 16) != 0)
            mlf__recogniser_tick(recogniser);
        MUST(mlf__recogniser_due_ms(recogniser) <= MLF__TAIL_MS);
    }
    mlf__recogniser_end(recogniser);
    mlf__recogniser_exhausted(recogniser);
    MUST(hits <= (fed + 2) * (RULES_MAX + 64));
    mlf__recogniser_destroy(recogniser);
    return 0;
}
