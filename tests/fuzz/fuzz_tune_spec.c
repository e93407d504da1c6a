/* SPDX-License-Identifier: Apache-2.0 */
/* What `mlf tune` reads that people write: specs, words with places, points to try first, and conditions. An
 * input's first byte says which; the rest is the text. */
#include "tests/fuzz/fuzz.h"

#include "autolog/cmdline.h"
#include "cli/stop_when.h"
#include "cli/tune_enqueue.h"
#include "cli/tune_places.h"
#include "core/mem.h"

#include <math.h>

enum { TEXT_MAX = 8192 };

/* A file of choices would be read: no input may choose one. */
static bool reads_a_file(const char *text)
{
    return strchr(text, '@') != NULL;
}

/* A spec is refused with a text, or a space whose values are written and read back as the same. */
static void try_spec(const char *text)
{
    struct mlf__dist dist;
    char number[MLF__NUMBER_SIZE];
    double back;

    if (mlf__tune_spec_parse("x", text, &dist) != MLF_OK) {
        MUST(mlf__errmsg()[0] != '\0');
        return;
    }
    MUST(dist.low <= dist.high && isfinite(dist.low) && isfinite(dist.high));
    MUST(mlf__dist_contains(&dist, dist.low) && mlf__dist_contains(&dist, dist.high));
    const char *written = mlf__dist_format(&dist, dist.high, number);
    MUST(mlf__dist_parse(&dist, "x", written, &back) == MLF_OK && back == dist.high);
    mlf__dist_free(&dist);
}

/* Words that are understood become words again, as many as there were. */
static void try_words(struct input *input, bool shell)
{
    static char word[TEXT_MAX];
    const char *params[MLF__TUNE_PARAMS_MAX];
    struct mlf__tune_space space = {0};
    struct mlf__tune_command command = {.shell = shell};
    struct mlf__tune_rendered rendered;
    struct mlf__tune_values values = {params, 1, 0, "/tmp/x"};
    mlf_status status = mlf__tune_space_add(&space, "lr", "0.0:1");

    while (status == MLF_OK && input->at < input->end) {
        take_text(input, word, sizeof(word));
        if (!reads_a_file(word))
            status = mlf__tune_command_add_word(&command, &space, word);
    }
    if (status == MLF_OK && command.n_words > 0)
        status = mlf__tune_command_check(&command, &space);
    for (size_t i = 0; i < space.n; i++)
        params[i] = "it's";
    if (status == MLF_OK && command.n_words > 0) {
        MUST(mlf__tune_command_render(&command, &values, &rendered) == MLF_OK);
        MUST(rendered.argc == (shell ? 3 : command.n_words) &&
             rendered.argv[rendered.argc] == NULL);
        mlf__tune_rendered_free(&rendered);
    } else if (status != MLF_OK) {
        MUST(mlf__errmsg()[0] != '\0');
    }
    mlf__tune_command_free(&command);
    mlf__tune_space_free(&space);
}

/* A config file without places of ours stays as it is; filled in with their own names it does so too. */
static void try_file(const char *text, size_t len)
{
    const char *params[] = {"{lr}"};
    struct mlf__tune_values values = {params, 1, 0, "{workdir}"};
    struct mlf__tune_space space = {0};
    struct mlf__tune_text parsed = {0};
    struct mlf__buf out = {0};

    MUST(mlf__tune_space_add(&space, "lr", "0.0:1") == MLF_OK);
    MUST(mlf__tune_text_parse_file(text, len, &space, &parsed) == MLF_OK);
    mlf__tune_text_render(&parsed, &values, false, &out);
    if (memmem(text, len, "{trial}", 7) == NULL && memmem(text, len, "{slot}", 6) == NULL &&
        memmem(text, len, "{{", 2) == NULL)
        MUST(out.len == len && memcmp(out.data, text, len) == 0);
    mlf__buf_free(&out);
    mlf__tune_text_free(&parsed);
    mlf__tune_space_free(&space);
}

/* Points are refused with a text, or each of their values is one of a parameter. */
static void try_points(char *text, size_t len)
{
    struct mlf__tune_space space = {0};
    struct mlf__tune_points points;
    double value;

    mlf__tune_space_add(&space, "lr", "1e-5:1:log");
    mlf__tune_space_add(&space, "depth", "2:32");
    mlf__tune_space_add(&space, "kernel", "linear,rbf");
    if (mlf__tune_points_parse("points", text, len, &space, &points) != MLF_OK) {
        MUST(mlf__errmsg()[0] != '\0' && points.n == 0);
    } else {
        MUST(points.n > 0);
        for (size_t i = 0; i < points.n; i++)
            for (size_t j = 0; j < points.points[i].n; j++) {
                const mlf_pair *pair = &points.points[i].values[j];
                int param = mlf__tune_space_find(&space, pair->key);
                MUST(param >= 0);
                MUST(mlf__dist_parse(&space.params[param].dist, pair->key, pair->value, &value) ==
                     MLF_OK);
            }
        mlf__tune_points_free(&points);
    }
    mlf__tune_space_free(&space);
}

/* A condition is refused with a text, or holds or not, for any values; nothing holds of what was not seen. */
static void try_condition(const char *text)
{
    static const double values[] = {0, -1, 1e300, NAN, INFINITY, -INFINITY};
    struct mlf__stop_when *condition;
    struct mlf__stop_values seen = {0};

    if (mlf__stop_when_parse(text, &condition) != MLF_OK) {
        MUST(mlf__errmsg()[0] != '\0' && condition == NULL);
        return;
    }
    MUST(!mlf__stop_when_holds(condition, &seen));
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        (void)mlf__stop_when_see(condition, &seen, "loss", values[i]);
    MUST(strcmp(mlf__stop_when_text(condition), text) == 0);
    mlf__stop_when_free(condition);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[TEXT_MAX];
    struct input input = {data, data + size};
    char what = (char)take(&input, 1);
    size_t len;

    if (what == 'w' || what == 's') {
        try_words(&input, what == 's');
        return 0;
    }
    const uint8_t *bytes = take_bytes(&input, sizeof(text) - 1, &len);
    if (len > 0)
        memcpy(text, bytes, len);
    text[len] = '\0';
    if (what == 'r' && !reads_a_file(text))
        try_spec(text);
    else if (what == 'f')
        try_file(text, len);
    else if (what == 'p')
        try_points(text, len);
    else if (what == 'c')
        try_condition(text);
    return 0;
}
