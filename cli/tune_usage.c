/* SPDX-License-Identifier: Apache-2.0 */
/* Help and options of `mlf tune`, apart from what they do. */
#include "cli/tune_usage.h"

#include <stddef.h>

const char mlf__tune_help[] =
    "Usage: mlf tune [OPTION]... [--] COMMAND [ARG]...\n"
    "       mlf tune [OPTION]... --resume [STUDY]\n"
    "\n"
    "Search the values of COMMAND's parameters that make a metric smallest or largest. COMMAND is\n"
    "run again and again, with other values in its places each time, as one trial and one run of\n"
    "MLflow each; the study is their parent run. The metric is any that mlf run would find: "
    "printed,\n"
    "seen in a library's calls or logged; or exit_code, wall_time (seconds), max_rss (MiB).\n"
    "\n"
    "A place is {NAME}, in words of COMMAND, in --env and in --template; {trial}, {slot} and "
    "{workdir}\n"
    "are filled in too; {{ and }} are braces that are meant. What a parameter may be is its SPEC:\n"
    "  LOW:HIGH[:STEP][:log]   a range; of integers when both bounds are written as integers,\n"
    "                          or behind int:, float:\n"
    "  A,B,C                   one of these; @FILE: one of the lines of a file\n"
    "which -p gives, or the place itself: {lr=1e-5:1e-1:log}.\n"
    "\n"
    "  --param, -p NAME=SPEC  a parameter and its space; may be given several times\n"
    "  --minimize METRIC    the objective; may be given several times, for several objectives\n"
    "  --maximize METRIC    likewise\n"
    "  --value last|min|max  which of a metric's values in a trial counts (default: last)\n"
    "  --trials N           trials in all, resumed ones counted (default: 100, or as many as fit "
    "into\n"
    "                       --timeout)\n"
    "  --jobs, -j N         trials at once (default: 1)\n"
    "  --sampler S          auto, tpe, cmaes, random, qmc, grid or nsga2, with settings as in\n"
    "                       tpe:KEY=VALUE,... (default: auto)\n"
    "  --pruner P           end hopeless trials early by their intermediate values: median,\n"
    "                       percentile, halving, hyperband, patient, threshold or wilcoxon "
    "(default:\n"
    "                       none)\n"
    "  --seed N             the same values again when results come in the same order\n"
    "  --timeout T          end the tuning after that time: 90, 90s, 15m, 1h30m\n"
    "  --trial-timeout T    end a trial after that time; it has failed then\n"
    "  --grace T            between SIGTERM and SIGKILL for a trial that is ended (default: 5s)\n"
    "  --limit-memory SIZE  address space of a trial's processes: 512M, 2G\n"
    "  --retries N          how often a failed trial's values are tried again (default: 0)\n"
    "  --on-fail skip|worst|stop  what a failed trial does: nothing more, count as the worst value "
    "so\n"
    "                       far, or end the tuning (default: skip)\n"
    "  --enqueue FILE       values to try first: JSON, CSV, or lines of NAME=VALUE ...\n"
    "  --stop-when EXPR     end the tuning once this holds for a trial: 'error < 0.01'\n"
    "  --env NAME=TEXT      set a variable for COMMAND; TEXT may have places\n"
    "  --template IN:OUT    write a config file from IN, with its places filled in, to OUT in "
    "{workdir}\n"
    "  --shell              COMMAND is a line for /bin/sh\n"
    "  --study NAME         name of the study (default: study)\n"
    "  --resume [STUDY]     go on with a study: its name, or its run's id; without COMMAND with "
    "its own\n"
    "  --tracking-uri URI   the store (default: $MLFLOW_TRACKING_URI, else sqlite:///mlflow.db)\n"
    "  --experiment NAME    experiment, created when absent (default: $MLFLOW_EXPERIMENT_NAME,\n"
    "                       $MLFLOW_EXPERIMENT_ID, else Default)\n"
    "  --tag K=V            a tag of the study; may be given several times\n"
    "  --metric NAME=REGEX  a metric in the output, see mlf run; may be given several times\n"
    "  --parse off|known|likely|all  what else to look for in the output (default: likely)\n"
    "  --step REGEX         a line in which it matches says the step\n"
    "  --ignore GLOB        metrics in the output that are none; may be given several times\n"
    "  --no-hooks           do not load the hook library into COMMAND\n"
    "  --dry-run            print the commands of the first trials and run nothing\n"
    "  --check              run one trial without a study and say which metrics were found, and "
    "how\n"
    "  --verbose            print the end of each trial's output\n"
    "  --quiet              print nothing but what went wrong\n"
    "  --json               print what happens as JSON, one event a line\n"
    "  --help               print this help\n"
    "\n"
    "Exit status: 0 when the tuning came to its end; 1 when it did not, or no trial succeeded; 2 "
    "when\n"
    "mlf was used wrongly; 126 when COMMAND cannot be executed, 127 when it does not exist; 128 "
    "and\n"
    "the signal's number when a signal ended the tuning.\n";

const struct option mlf__tune_long_options[] = {
    {"help", no_argument, NULL, MLF__TUNE_HELP},
    {"param", required_argument, NULL, 'p'},
    {"jobs", required_argument, NULL, 'j'},
    {"minimize", required_argument, NULL, MLF__TUNE_MINIMIZE},
    {"maximize", required_argument, NULL, MLF__TUNE_MAXIMIZE},
    {"value", required_argument, NULL, MLF__TUNE_VALUE},
    {"trials", required_argument, NULL, MLF__TUNE_TRIALS},
    {"sampler", required_argument, NULL, MLF__TUNE_SAMPLER},
    {"pruner", required_argument, NULL, MLF__TUNE_PRUNER},
    {"seed", required_argument, NULL, MLF__TUNE_SEED},
    {"timeout", required_argument, NULL, MLF__TUNE_TIMEOUT},
    {"trial-timeout", required_argument, NULL, MLF__TUNE_TRIAL_TIMEOUT},
    {"grace", required_argument, NULL, MLF__TUNE_GRACE},
    {"limit-memory", required_argument, NULL, MLF__TUNE_MEMORY},
    {"retries", required_argument, NULL, MLF__TUNE_RETRIES},
    {"on-fail", required_argument, NULL, MLF__TUNE_ON_FAIL},
    {"enqueue", required_argument, NULL, MLF__TUNE_ENQUEUE},
    {"stop-when", required_argument, NULL, MLF__TUNE_STOP_WHEN},
    {"env", required_argument, NULL, MLF__TUNE_ENV},
    {"template", required_argument, NULL, MLF__TUNE_TEMPLATE},
    {"shell", no_argument, NULL, MLF__TUNE_SHELL},
    {"study", required_argument, NULL, MLF__TUNE_STUDY},
    {"resume", optional_argument, NULL, MLF__TUNE_RESUME},
    {"tracking-uri", required_argument, NULL, MLF__TUNE_URI},
    {"experiment", required_argument, NULL, MLF__TUNE_EXPERIMENT},
    {"tag", required_argument, NULL, MLF__TUNE_TAG},
    {"metric", required_argument, NULL, MLF__TUNE_METRIC},
    {"parse", required_argument, NULL, MLF__TUNE_PARSE},
    {"step", required_argument, NULL, MLF__TUNE_STEP},
    {"ignore", required_argument, NULL, MLF__TUNE_IGNORE},
    {"no-hooks", no_argument, NULL, MLF__TUNE_NO_HOOKS},
    {"dry-run", no_argument, NULL, MLF__TUNE_DRY_RUN},
    {"check", no_argument, NULL, MLF__TUNE_CHECK},
    {"verbose", no_argument, NULL, MLF__TUNE_VERBOSE},
    {"quiet", no_argument, NULL, MLF__TUNE_QUIET},
    {"json", no_argument, NULL, MLF__TUNE_JSON},
    {0}};
