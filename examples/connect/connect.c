/* SPDX-License-Identifier: Apache-2.0 */
/* Is the tracking store where it should be? Sets it, or takes it from MLFLOW_TRACKING_URI, and logs one param.
 *     cc connect.c $(pkg-config --cflags --libs mlf) -o connect */
#include <mlf/mlf.h>
#include <stdio.h>

static const char EXPERIMENT[] = "Connection check";

static int failed(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, mlf_errmsg());
    return 1;
}

int main(int argc, char **argv)
{
    /* By code when there is an argument; else the environment says it, else it is ./mlflow.db. */
    if (argc > 1 && mlf_set_tracking_uri(argv[1]) != MLF_OK)
        return failed("mlf_set_tracking_uri");
    printf("MLflow Tracking URI: %s\n", mlf_get_tracking_uri());

    /* Made when it is not there, with its first run. */
    if (mlf_set_experiment(EXPERIMENT) != MLF_OK || mlf_start_run(NULL, NULL) != MLF_OK)
        return failed("mlf_start_run");
    mlf_log_param("test_param", "test_value");
    if (mlf_end_run(MLF_RUN_FINISHED) != MLF_OK)
        return failed("mlf_end_run");

    mlf_experiment experiment;
    if (mlf_get_experiment_by_name(EXPERIMENT, &experiment) != MLF_OK)
        return failed("mlf_get_experiment_by_name");
    printf("Active experiment: %s (id %s)\n", experiment.name, experiment.id);
    mlf_experiment_free(&experiment);

    puts("\xe2\x9c\x93 Successfully connected to MLflow!");
    return 0;
}
