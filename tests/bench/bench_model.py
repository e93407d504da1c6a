#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long it takes to load a model and predict one row: mlf_load_model() in C beside mlflow.pyfunc.load_model() on
the same folder, which mlf_save_linear() wrote.
Usage: bench_model.py BENCH_MODEL [--runs N] [--python_runs N] [--json]

Each value is of a new process that has loaded nothing before, so that both sides are cold; only the files are in
memory. Judged is the call alone: Python's start and `import mlflow.pyfunc` lie before the clock. The whole
processes, from exec to exit, stand beside it. Without MLF_TEST_PYTHON there is only our side."""

import json
import os
import statistics
import subprocess
import sys
import time

import bench

MLFLOW_SIDE = """
import json, sys, time
import mlflow.pyfunc
import pandas
rows = pandas.DataFrame([[6.1, 2.8, 4.7, 1.2]], columns=["sepal length (cm)", "sepal width (cm)",
                                                         "petal length (cm)", "petal width (cm)"])
begin = time.perf_counter()
model = mlflow.pyfunc.load_model(sys.argv[1])
label = model.predict(rows)[0]
seconds = time.perf_counter() - begin
assert label == 1, label
print(json.dumps([mlflow.__version__, seconds]))
"""


def timed(command, env):
    """Wall seconds of a process and what it printed."""
    begin = time.monotonic_ns()
    done = subprocess.run(command, env=env, check=False, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    wall = (time.monotonic_ns() - begin) / 1e9
    if done.returncode != 0:
        raise SystemExit(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
    return wall, done.stdout


def our_side(program, path, runs, figures):
    env = bench.environment()
    results = [timed([program, "load", path], env) for _ in range(runs)]
    wall = statistics.median(wall for wall, _ in results)
    first, later = (statistics.median(int(out.split()[i]) for _, out in results) / 1e9 for i in (0, 1))
    figures.add("mlf_load_model + one prediction, first in its process", first * 1e6, "us")
    figures.add("the same once more", later * 1e6, "us")
    figures.add("a process that does it", wall * 1e3, "ms")
    return first, wall


def mlflow_side(python, path, runs, figures):
    quiet = bench.environment(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true",
                              MLFLOW_LOGGING_LEVEL="ERROR", PYTHONWARNINGS="ignore")
    timed([python, "-c", MLFLOW_SIDE, path], quiet)  # compiled files and the disk's cache
    results = [timed([python, "-c", MLFLOW_SIDE, path], quiet) for _ in range(runs)]
    wall = statistics.median(wall for wall, _ in results)
    answers = [json.loads(out.splitlines()[-1]) for _, out in results]
    call = statistics.median(seconds for _, seconds in answers)
    figures.add("mlflow.pyfunc.load_model + one prediction, first in its process", call * 1e3, "ms")
    figures.add("a Python that does it", wall * 1e3, "ms")
    figures.note(f"MLflow {answers[0][0]}")
    return call, wall


def main():
    program = os.path.abspath(sys.argv.pop(1))
    parser, options = bench.arguments(
        "Loading a model and predicting one row, in C and in Python.",
        ("runs", 50, 3, "processes of ours"), ("python_runs", 9, 1, "processes of MLflow's"))
    args = bench.parse(parser, options)
    figures = bench.Figures("model")
    with bench.folder(args.dir) as folder:
        path = os.path.join(folder, "model")
        timed([program, "save", path], bench.environment())
        ours = our_side(program, path, args.runs, figures)
        python = os.environ.get("MLF_TEST_PYTHON", "")
        if python:
            theirs = mlflow_side(python, path, args.python_runs, figures)
            figures.add("MLflow's call over ours, without the start of Python", theirs[0] / ours[0], "x",
                        at_least=50)
            figures.add("MLflow's process over ours, with it", theirs[1] / ours[1], "x", at_least=50)
        else:
            figures.note("MLF_TEST_PYTHON names no Python with MLflow: our side alone")
    figures.print(args.json)


if __name__ == "__main__":
    sys.exit(main())
