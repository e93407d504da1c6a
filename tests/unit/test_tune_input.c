/* SPDX-License-Identifier: Apache-2.0 */
/* What `mlf tune` reads besides its spaces: points to try first, times, sizes, and its options as a whole. */
#include "cli/tune_enqueue.h"
#include "cli/tune_options.h"
#include "core/mem.h"
#include "tests/support/tap.h"

#include <unistd.h>

static void make_space(struct mlf__tune_space *space)
{
    mlf__tune_space_add(space, "lr", "1e-5:1:log");
    mlf__tune_space_add(space, "depth", "2:32");
    mlf__tune_space_add(space, "kernel", "linear,rbf,a b");
}

/* Reads |text| and prints the points as "lr=0.1 depth=3; kernel=rbf". */
static mlf_status read_points(const char *text, struct mlf__buf *out, size_t *outside)
{
    struct mlf__tune_space space = {0};
    struct mlf__tune_points points;
    char *copy = mlf__strdup(text);

    make_space(&space);
    mlf_status status = mlf__tune_points_parse("points", copy, strlen(text), &space, &points);
    for (size_t i = 0; i < points.n; i++) {
        mlf__buf_puts(out, i > 0 ? "; " : "");
        for (size_t j = 0; j < points.points[i].n; j++)
            mlf__buf_printf(out, "%s%s=%s", j > 0 ? " " : "", points.points[i].values[j].key,
                            points.points[i].values[j].value);
    }
    *outside = points.n_outside;
    mlf__tune_points_free(&points);
    mlf__tune_space_free(&space);
    mlf__free(copy);
    return status;
}

static void are(const char *text, const char *want)
{
    struct mlf__buf got = {0};
    size_t outside;

    if (!OK(read_points(text, &got, &outside) == MLF_OK, "points of %zu bytes", strlen(text)))
        printf("# %s\n", mlf__errmsg());
    STR(got.data, want, "are these");
    mlf__buf_free(&got);
}

static void says(const char *text, const char *part)
{
    struct mlf__buf got = {0};
    size_t outside;

    OK(read_points(text, &got, &outside) == MLF_ERR_INVAL, "refused: %s", part);
    if (!OK(strstr(mlf__errmsg(), part) != NULL, "the message says so"))
        printf("#   got  %s\n#   want %s\n", mlf__errmsg(), part);
    mlf__buf_free(&got);
}

static void points(void)
{
    are("[{\"lr\": 0.1, \"depth\": 3}, {\"kernel\": \"rbf\", \"lr\": null}]",
        "lr=0.1 depth=3; kernel=rbf");
    are("{\"lr\": 0.1}\n{\"depth\": 4}\n", "lr=0.1; depth=4");
    are("lr=0.1 depth=3\n# a remark\n\nkernel=\"a b\", lr=0.01\n",
        "lr=0.1 depth=3; kernel=a b lr=0.01");
    are("lr,depth,kernel\n0.1,3,rbf\r\n,4,\"a b\"\n",
        "lr=0.1 depth=3 kernel=rbf; depth=4 kernel=a b");
    are("depth\n3\n\n4", "depth=3; depth=4");
    are("\xef\xbb\xbf"
        "depth\n3\n",
        "depth=3");
    are("[{}]", "");

    struct mlf__buf text = {0};
    size_t outside = 0;
    IS(read_points("lr=5 depth=3\ndepth=100\n", &text, &outside), MLF_OK,
       "values outside are taken");
    IS(outside, 2, "and counted");
    mlf__buf_free(&text);
}

static void bad_points(void)
{
    says("", "points holds no point");
    says("[]", "points holds no point");
    says("[{\"lr\": 0.1}, {\"width\": 3}]",
         "points, entry 2: there is no parameter 'width'; there are lr, depth, kernel");
    says("[{\"lr\": [1]}]",
         "points, entry 1: a value is a text or a number, not what is behind 'lr'");
    says("[{\"lr\": 0.1}, 7]", "points, entry 2: this is no JSON object");
    says("[{\"lr\": 0.1", "points, entry 1: this is no JSON");
    says("{\"lr\": 0.1} x", "points, entry 2: this is no JSON");
    says("[{\"lr\": \"fast\"}]", "points, entry 1: ");
    says("[{\"kernel\": \"poly\"}]", "points, entry 1: ");
    says("lr=0.1\nlr=0.1 depth\n", "points, line 2: NAME=VALUE is missing at 'depth'");
    says("lr=0.1\n\nlr=0.2 lr=0.3\n", "points, line 3: this parameter is given twice: 'lr'");
    says("kernel=\"a b\n", "points, line 1: the quote is not closed");
    says("lr,depth\n0.1\n", "points, line 2: there are more or fewer fields than names");
    says("lr,depth\n0.1,\"3\n", "points, line 2: a quoted field does not end");
    says("lr,width\n0.1,3\n", "points, line 2: there is no parameter 'width'");
    says("lr=\xff\n", "points is no text in UTF-8");
}

static void units(void)
{
    static const struct {
        const char *text;
        int64_t ms;
    } times[] = {{"90", 90000},     {"90s", 90000},   {"1.5h", 5400000}, {"1h30m", 5400000},
                 {"250ms", 250},    {"2min", 120000}, {"1d", 86400000},  {"0.5", 500},
                 {"", -1},          {"s", -1},        {"-5", -1},        {"5x", -1},
                 {"1h30", 3630000}, {"0", -1},        {"1e9", -1},       {"99999999d", -1},
                 {"1.2.3s", -1},    {"5 s", -1}};
    static const struct {
        const char *text;
        uint64_t bytes;
    } sizes[] = {{"100", 100},
                 {"1K", 1024},
                 {"512M", 512u << 20},
                 {"2G", 2ull << 30},
                 {"2GiB", 2ull << 30},
                 {"1.5G", 3ull << 29},
                 {"1T", 1ull << 40},
                 {"7B", 7},
                 {"", 0},
                 {"G", 0},
                 {"-1G", 0},
                 {"1Q", 0},
                 {"1Gi ", 0},
                 {"99999999T", 0},
                 {"0", 0}};

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        int64_t ms = -1;
        if (!mlf__tune_parse_duration(times[i].text, &ms))
            ms = -1;
        IS(ms, times[i].ms, times[i].text);
    }
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint64_t bytes = 0;
        if (!mlf__tune_parse_size(sizes[i].text, &bytes))
            bytes = 0;
        IS(bytes, sizes[i].bytes, sizes[i].text);
    }
}

/* ---- options ---- */

/* Reads a command line; the exit code, -1 when the tuning would begin. */
static int parse(const char *const *words, struct mlf__tune_options *out)
{
    char *argv[32];
    int argc = 0;
    bool done;

    for (; words[argc] != NULL; argc++)
        memcpy(&argv[argc], &words[argc], sizeof(argv[argc]));
    argv[argc] = NULL;
    optind = 0;
    int code = mlf__tune_options_parse(argc, argv, out, &done);
    return done ? code : -1;
}

static void taken(void)
{
    struct mlf__tune_options options;

    IS(parse((const char *[]){"mlf tune", "--minimize", "loss", "-p", "a=0:1", "-j2", "--resume",
                              "mine", "--", "train", "{a}", NULL},
             &options),
       -1, "a command line");
    STR(options.resumed, "mine", "the study behind --resume");
    IS(options.jobs, 2, "jobs");
    IS(options.trials, 100, "trials without an end");
    IS(options.command.n_words, 2, "words of the command");
    mlf__tune_options_free(&options);
    IS(parse((const char *[]){"mlf tune", "--minimize", "loss", "--timeout", "1m", "--resume",
                              "train", "--x={a=0:1}", NULL},
             &options),
       -1, "--resume without a study");
    OK(options.resume && options.resumed == NULL, "the command is not taken for it");
    IS(options.trials, 0, "as many trials as there is time for");
    mlf__tune_options_free(&options);
    IS(parse((const char *[]){"mlf tune", "--minimize", "loss", "--resume=mine", "train", NULL},
             &options),
       -1, "--resume=STUDY");
    STR(options.resumed, "mine", "the study behind =");
    mlf__tune_options_free(&options);
}

static void refused(void)
{
    static const char *const lines[][10] = {
        {"mlf tune", "--minimize", "loss", NULL},
        {"mlf tune", "true", NULL},
        {"mlf tune", "--minimize", "loss", "--maximize", "LOSS", "true", NULL},
        {"mlf tune", "--minimize", "loss", "--sampler", "nonesuch", "true", NULL},
        {"mlf tune", "--minimize", "loss", "--pruner", "nonesuch", "true", NULL},
        {"mlf tune", "--minimize", "a", "--minimize", "b", "--pruner", "median", "true", NULL},
        {"mlf tune", "--minimize", "loss", "--jobs", "0", "true", NULL},
        {"mlf tune", "--minimize", "loss", "--trials", "many", "true", NULL},
        {"mlf tune", "--minimize", "loss", "--timeout", "soon", "true", NULL},
        {"mlf tune", "--minimize", "loss", "--limit-memory", "much", "true", NULL},
        {"mlf tune", "--minimize", "loss", "--on-fail", "cry", "true", NULL},
        {"mlf tune", "--minimize", "loss", "--value", "mean", "true", NULL},
        {"mlf tune", "--minimize", "loss", "--stop-when", "loss", "true", NULL},
        {"mlf tune", "--minimize", "loss", "-p", "a", "true", NULL},
        {"mlf tune", "--minimize", "loss", "-p", "a=0:1", "true", NULL},
        {"mlf tune", "--minimize", "loss", "true", "{a}", NULL}};

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct mlf__tune_options options;
        char name[200] = "refused:";
        for (size_t j = 1; lines[i][j] != NULL; j++)
            snprintf(name + strlen(name), sizeof(name) - strlen(name), " %s", lines[i][j]);
        IS(parse(lines[i], &options), 2, name);
        mlf__tune_options_free(&options);
    }
}

int main(void)
{
    points();
    bad_points();
    units();
    taken();
    refused();
    return tap_done();
}
