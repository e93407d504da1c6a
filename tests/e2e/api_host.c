/* SPDX-License-Identifier: Apache-2.0 */
/* A program under `mlf run` that works on the store while it logs. Prints what its calls return, a line each. */
#include <mlf/mlf.h>

#include <stdio.h>

static void say(const char *what, mlf_status status)
{
    printf("%s %s\n", what, mlf_status_name(status));
}

int main(void)
{
    mlf_run *run;
    mlf_run_record record;
    mlf_run_list runs;
    mlf_experiment experiment;
    char name[64] = "";
    printf("uri %s\n", mlf_get_tracking_uri());
    say("start", mlf_start_run(NULL, &run));
    say("log", mlf_log_metric("a", 1, 0));
    FILE *file = fopen("data.txt", "w");
    if (file == NULL)
        return 1;
    fputs("x", file);
    fclose(file);
    say("get", mlf_get_run(mlf_run_id(run), &record));
    printf("metrics %zu\n", record.n_metrics);
    say("own experiment", mlf_set_experiment_id(record.experiment_id));
    if (mlf_get_experiment(record.experiment_id, &experiment) == MLF_OK)
        snprintf(name, sizeof(name), "%s", experiment.name);
    mlf_experiment_free(&experiment);
    mlf_run_record_free(&record);
    say("other experiment", mlf_set_experiment_id("0"));
    say("other name", mlf_set_experiment("another"));
    say("its name", mlf_set_experiment(name));
    say("own store", mlf_set_tracking_uri("sqlite:///mlflow.db"));
    say("other store", mlf_set_tracking_uri("sqlite:///x.db"));
    say("tag", mlf_set_experiment_tag("a", "b"));
    say("search", mlf_search_runs(NULL, &runs));
    printf("runs %zu\n", runs.n_runs);
    mlf_run_list_free(&runs);
    return 0;
}
