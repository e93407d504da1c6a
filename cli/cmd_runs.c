/* SPDX-License-Identifier: Apache-2.0 */
/* mlf runs: looking at runs without a server. */
#include "cli/cli.h"

#include "cli/runs_show.h"
#include "core/buf.h"
#include "core/mem.h"
#include "tracking/run_json.h"

#include <getopt.h>
#include <string.h>

static const char help[] =
    "Usage: mlf runs list [OPTION]...\n"
    "       mlf runs show [OPTION]... [RUN]\n"
    "\n"
    "list prints the latest runs. show prints one: RUN is its id or the beginning of it; without "
    "RUN\n"
    "it is the latest. What killed programs left behind for the store is merged first.\n"
    "\n"
    "  --tracking-uri URI  the store (default: $MLFLOW_TRACKING_URI, else sqlite:///mlflow.db)\n"
    "  --experiment NAME   only runs of this experiment (list)\n"
    "  --max-results N     at most N runs (list; default 20)\n"
    "  --json              MLflow's REST messages: an array (list), or one Run (show)\n"
    "  --help              print this help\n";

enum { DEFAULT_RESULTS = 20, MAX_RESULTS = 50000 };

struct runs_options {
    const char *tracking_uri, *experiment, *run;
    int64_t max_results;
    bool show, json;
};

static int fail(void)
{
    mlf__cli_say("%s", mlf__errmsg());
    return MLF__EXIT_FAILED;
}

static int list_runs(struct mlf__store *store, const struct runs_options *options)
{
    mlf_experiment experiment = {0};
    mlf_run_list list = {0};

    if (options->experiment != NULL &&
        store->ops->experiment_by_name(store, options->experiment, &experiment) != MLF_OK)
        return fail();
    mlf_status status =
        store->ops->run_list(store, experiment.id, (size_t)options->max_results, &list);
    mlf_experiment_free(&experiment);
    if (status != MLF_OK)
        return fail();
    if (options->json)
        status = mlf__runs_print_json(&list);
    else if (list.n_runs > 0)
        mlf__runs_print_table(&list);
    else
        fputs("There are no runs yet: make one with  mlf run -- COMMAND\n", stderr);
    mlf_run_list_free(&list);
    return status == MLF_OK ? MLF__EXIT_OK : fail();
}

static int show_run(struct mlf__store *store, const struct runs_options *options)
{
    mlf_run_record run = {0};
    char *id = NULL;
    mlf_status status = store->ops->run_find(store, options->run != NULL ? options->run : "", &id);

    if (status == MLF_OK)
        status = store->ops->run_get(store, id, &run);
    mlf__free(id);
    if (status != MLF_OK)
        return fail();
    if (options->json) {
        char *json = mlf__run_json(&run);
        if (json != NULL)
            printf("%s\n", json);
        else
            status = mlf__fail(MLF_ERR_NOMEM, "out of memory");
        mlf__free(json);
    } else {
        mlf__runs_print_full(store, &run);
    }
    mlf_run_record_free(&run);
    return status == MLF_OK ? MLF__EXIT_OK : fail();
}

static int run_command(const struct runs_options *options)
{
    struct mlf__store *store = NULL;
    char *uri = NULL;
    mlf_status status = mlf__cli_store_uri(options->tracking_uri, &uri);

    if (status != MLF_OK)
        return mlf__cli_usage(MLF__EXIT_USAGE, "mlf runs", "%s", mlf__errmsg());
    status = mlf__cli_open_store(uri, &store);
    mlf__free(uri);
    if (status != MLF_OK) {
        mlf__cli_say("%s", mlf__errmsg());
        if (status == MLF_ERR_NOT_FOUND)
            mlf__cli_say("a store is made by the first  mlf run -- COMMAND");
        return MLF__EXIT_FAILED;
    }
    int code = options->show ? show_run(store, options) : list_runs(store, options);
    mlf__store_close(store);
    return mlf__cli_finish(code);
}

/* The words that are no options: list or show, and show's run. */
static int take_words(int argc, char **argv, struct runs_options *options)
{
    if (optind >= argc)
        return mlf__cli_usage(MLF__EXIT_USAGE, "mlf runs", "'list' or 'show' is missing");
    const char *what = argv[optind++];
    options->show = strcmp(what, "show") == 0;
    if (!options->show && strcmp(what, "list") != 0)
        return mlf__cli_usage(MLF__EXIT_USAGE, "mlf runs", "there is no '%s': use list or show",
                              what);
    if (options->show && optind < argc)
        options->run = argv[optind++];
    if (optind < argc)
        return mlf__cli_usage(MLF__EXIT_USAGE, "mlf runs", "unexpected argument '%s'",
                              argv[optind]);
    return MLF__EXIT_OK;
}

int mlf__cmd_runs(int argc, char **argv)
{
    static const struct option long_options[] = {{"help", no_argument, NULL, 'h'},
                                                 {"tracking-uri", required_argument, NULL, 'u'},
                                                 {"experiment", required_argument, NULL, 'e'},
                                                 {"max-results", required_argument, NULL, 'n'},
                                                 {"json", no_argument, NULL, 'j'},
                                                 {0}};
    struct runs_options options = {.max_results = DEFAULT_RESULTS};

    for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        switch (option) {
        case 'h':
            return mlf__cli_help(help);
        case 'u':
            options.tracking_uri = optarg;
            break;
        case 'e':
            options.experiment = optarg;
            break;
        case 'j':
            options.json = true;
            break;
        case 'n':
            if (mlf__parse_i64(optarg, &options.max_results) && options.max_results > 0 &&
                options.max_results <= MAX_RESULTS)
                break;
            return mlf__cli_usage(MLF__EXIT_USAGE, "mlf runs",
                                  "--max-results takes a number from 1 to %d, not '%s'",
                                  MAX_RESULTS, optarg);
        default:
            return mlf__cli_usage_hint(MLF__EXIT_USAGE, "mlf runs");
        }
    }
    int code = take_words(argc, argv, &options);
    return code != MLF__EXIT_OK ? code : run_command(&options);
}
