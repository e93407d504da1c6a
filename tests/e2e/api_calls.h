/* SPDX-License-Identifier: Apache-2.0 */
/* The scenarios of api_calls.c: those of runs and those of what is logged into them. */
#ifndef MLF_TESTS_API_CALLS_H
#define MLF_TESTS_API_CALLS_H

#include <mlf/mlf.h>

#include <stdio.h>

/* Prints how a call ended; its error text goes to stderr. */
void say(const char *what, mlf_status status);
#define SAY(what, call) say((what), (call))

int api_nested(int argc, char **argv); /* EXIT_CODE */
int api_resume(int argc, char **argv); /* RUN_ID */
int api_parent(int argc, char **argv); /* RUN_ID */
int api_with(int argc, char **argv);
int api_threads(int argc, char **argv);
int api_fork(int argc, char **argv);
int api_start(int argc, char **argv); /* [NAME] … : a run of each name, one after the other */
int api_deleted(int argc, char **argv);
int api_vanish(int argc, char **argv);     /* DATABASE : removed in the middle */
int api_experiment(int argc, char **argv); /* EXPERIMENT_ID */
int api_values(int argc, char **argv);
int api_inputs(int argc, char **argv);    /* FILE */
int api_artifacts(int argc, char **argv); /* FILE DIRECTORY */
int api_tables(int argc, char **argv);
int api_bad(int argc, char **argv);
int api_locale(int argc, char **argv); /* LOCALE */
int api_die(int argc, char **argv);

#endif
