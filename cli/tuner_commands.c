/* SPDX-License-Identifier: Apache-2.0 */
/* In mlf-tuner: the commands that need the tuner. */
#include "cli/tuner_program.h"

#include "cli/study_plot.h"
#include "cli/tune.h"
#include "core/env.h"

#include <string.h>

int mlf__tune(int argc, char **argv)
{
    struct mlf__tune_options options;
    bool done;
    int code = mlf__tune_options_parse(argc, argv, &options, &done);

    if (!done && options.dry_run)
        code = mlf__tune_dry_run(&options);
    else if (!done && mlf__env_is_on(MLF__ENV_MLF_OFF))
        code = mlf__cli_usage(MLF__EXIT_USAGE, "mlf tune",
                              "MLF_OFF=1 switches mlf off, and a study lives in its store");
    else if (!done)
        code = options.check ? mlf__tune_check(&options) : mlf__tune_run(&options);
    mlf__tune_options_free(&options);
    return code;
}

static mlf_status find_objective(const struct mlf__study_info *info, const char *metric,
                                 size_t *out)
{
    struct mlf__buf names = {0};

    for (*out = 0; *out < info->n_objectives; ++*out)
        if (metric == NULL || strcmp(info->metrics[*out], metric) == 0)
            return MLF_OK;
    for (size_t i = 0; i < info->n_objectives; i++)
        mlf__buf_printf(&names, "%s%s", i > 0 ? ", " : "", info->metrics[i]);
    mlf_status status = mlf__fail(MLF_ERR_NOT_FOUND, "the study has no objective '%s', but %s",
                                  metric, names.data != NULL ? names.data : "none");
    mlf__buf_free(&names);
    return status;
}

static mlf_status draw_study(const struct study_plot *plot, const struct mlf__args *args,
                             const struct plot_output *output, const struct study_picture *picture)
{
    struct mlf__buf text = {0};
    mlf_status status;

    if (output == &mlf__plot_svg)
        status =
            mlf__study_svg(plot, picture != NULL ? picture : &mlf__study_pictures[0], true, &text);
    else if (output == &mlf__plot_html)
        status = mlf__study_html(plot, picture, &text);
    else
        status = mlf__study_terminal(plot, &text);
    return mlf__plot_put(status, &text, args->output);
}

int mlf__plot_study(struct mlf__store *store, const struct mlf__args *args)
{
    const struct plot_output *output = mlf__plot_output_of(args->output);
    const struct study_picture *picture =
        args->kind != NULL ? mlf__study_picture_find(args->kind) : NULL;
    struct mlf__history history = {0};
    struct mlf__study_info info = {0};
    struct study_plot plot = {0};
    size_t objective = 0;

    if (args->n_words > 1)
        return mlf__action_usage(args, "--study takes one study, not %zu", args->n_words);
    if (args->x_axis != NULL || args->smooth > 0)
        return mlf__action_usage(args, "--x and --smooth do not go with --study");
    if (args->kind != NULL && picture == NULL)
        return mlf__action_usage(args,
                                 "--kind takes history, importances, slice, parallel, contour, "
                                 "intermediate, edf or timeline, not '%s'",
                                 args->kind);
    if (args->kind != NULL && args->output == NULL)
        return mlf__action_usage(args, "--kind needs --output FILE");
    mlf_status status =
        mlf__study_read(store, args->n_words > 0 ? args->words[0] : NULL, NULL, &info, &history);
    if (status == MLF_OK)
        status = find_objective(&info, args->metric, &objective);
    if (status == MLF_OK)
        status = mlf__study_plot_make(&info, &history, objective, args->log_y, &plot);
    if (status == MLF_OK)
        status = draw_study(&plot, args, output, picture);
    mlf__study_plot_free(&plot);
    mlf__history_free(&history);
    mlf__study_info_free(&info);
    return status == MLF_OK ? MLF__EXIT_OK : mlf__action_fail(args);
}
