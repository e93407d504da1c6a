/* SPDX-License-Identifier: Apache-2.0 */
/* mlf plot: the curves of a metric, and pictures of a study. */
#include "cli/actions.h"
#include "cli/plot.h"
#include "cli/runs_pick.h"
#include "cli/tuner_program.h"

#include <errno.h>
#include <string.h>

static const char help[] =
    "Usage: mlf plot [OPTION]... --metric NAME [RUN]...\n"
    "       mlf plot [OPTION]... --study [STUDY]\n"
    "\n"
    "Draw a metric of one or more runs, or what a study has found: in the terminal, or as a file\n"
    "that a browser shows. RUN is an id, the beginning of one, or latest, which is the default.\n"
    "STUDY is a name, or the id of its run or the beginning of that; the latest is the default.\n"
    "\n"
    "  --metric NAME       the metric; with --study and several objectives, which of them\n"
    "  --study             a study: a summary in the terminal, or a page with all pictures\n"
    "  --kind KIND         one picture of a study: history (the default of a .svg), importances,\n"
    "                      slice, parallel, contour, intermediate, edf or timeline\n"
    "  --x step|time       what it is drawn over: the step (default), or the seconds since the\n"
    "                      run's start\n"
    "  --output FILE       a picture (.svg), or a page that shows the values under the pointer\n"
    "                      (.html), whole in one file\n"
    "  --log-y             a logarithmic y axis\n"
    "  --smooth N          the mean of N points instead of each\n"
    "  --tracking-uri URI  the store (default: $MLFLOW_TRACKING_URI, else sqlite:///mlflow.db)\n"
    "  --help              print this help\n";

static const struct plot_output *const file_outputs[] = {&mlf__plot_svg, &mlf__plot_html};

const struct plot_output *mlf__plot_output_of(const char *file)
{
    if (file == NULL)
        return &mlf__plot_terminal;
    size_t len = strlen(file);
    for (size_t i = 0; i < MLF__ARRAY_LEN(file_outputs); i++) {
        size_t end = strlen(file_outputs[i]->extension);
        if (len > end && strcmp(file + len - end, file_outputs[i]->extension) == 0)
            return file_outputs[i];
    }
    return NULL;
}

static mlf_status write_file(const char *path, const struct mlf__buf *text)
{
    FILE *file = fopen(path, "we");

    if (file == NULL)
        return mlf__fail_errno(errno, "%s", path);
    bool written = fwrite(text->data, 1, text->len, file) == text->len;
    if (fclose(file) == 0 && written)
        return MLF_OK;
    return mlf__fail_errno(errno, "%s cannot be written", path);
}

mlf_status mlf__plot_put(mlf_status status, struct mlf__buf *text, const char *path)
{
    if (status == MLF_OK && text->failed)
        status = mlf__fail(MLF_ERR_NOMEM, "out of memory");
    if (status == MLF_OK && path != NULL)
        status = write_file(path, text);
    else if (status == MLF_OK)
        fputs(text->data, stdout);
    mlf__buf_free(text);
    return status;
}

static mlf_status draw_runs(struct plot *plot, const struct mlf__args *args,
                            const struct plot_output *output)
{
    struct mlf__buf text = {0};
    mlf_status status = output->draw(plot, &text);

    return mlf__plot_put(status, &text, args->output);
}

static int plot_runs(struct mlf__store *store, const struct mlf__args *args,
                     const struct plot_output *output)
{
    struct plot_options options = {
        .metric = args->metric, .log_y = args->log_y, .smooth = args->smooth};
    mlf_run_list runs = {0};
    struct plot plot = {0};

    if (args->metric == NULL)
        return mlf__action_usage(args, "--metric NAME or --study is missing");
    if (args->kind != NULL)
        return mlf__action_usage(args, "--kind goes with --study");
    options.by_time = args->x_axis != NULL && strcmp(args->x_axis, "time") == 0;
    if (args->x_axis != NULL && !options.by_time && strcmp(args->x_axis, "step") != 0)
        return mlf__action_usage(args, "--x takes step or time, not '%s'", args->x_axis);
    mlf_status status = mlf__runs_read(store, args->words, args->n_words, MLF_VIEW_ALL, &runs);
    if (status == MLF_OK)
        status = mlf__plot_read(store, &runs, &options, &plot);
    if (status == MLF_OK)
        status = draw_runs(&plot, args, output);
    mlf__plot_free(&plot);
    mlf_run_list_free(&runs);
    return status == MLF_OK ? MLF__EXIT_OK : mlf__action_fail(args);
}

static int plot_any(struct mlf__store *store, const struct mlf__args *args)
{
    const struct plot_output *output = mlf__plot_output_of(args->output);

    if (output == NULL)
        return mlf__action_usage(args,
                                 "--output takes a file name that ends in .svg or .html, "
                                 "not '%s'",
                                 args->output);
    return args->study ? mlf__plot_study(store, args) : plot_runs(store, args, output);
}

static const struct mlf__action actions[] = {
    {NULL, "umxOysSk", 0, MLF__ANY_WORDS, "", MLF__ACTION_READS, plot_any}, {0}};

const struct mlf__command mlf__command_plot = {
    .name = "plot",
    .summary = "draw the curves of a metric, or pictures of a study",
    .help = help,
    .actions = actions};
