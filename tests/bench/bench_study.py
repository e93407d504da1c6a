#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Studies that are kept in SQLite: a trial of ten floats of ours, tracked with all its runs, against Optuna's with its own
storage; and what a long study costs to go on with. Usage: bench_study.py BENCH_STUDY [--trials N] [--long N] [--json]

Ours counts until all is in the database, the time of the process that writes it included; what the program itself waits for is
printed beside it. Both sides draw at random, so that it is storing that is measured."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import textwrap

import bench

OPTUNA = textwrap.dedent("""\
    import json, sys, time
    import optuna
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    trials, warm_up = int(sys.argv[1]), int(sys.argv[2])
    study = optuna.create_study(storage="sqlite:///optuna.db", sampler=optuna.samplers.RandomSampler(seed=1))
    objective = lambda trial: sum(trial.suggest_float(f"x{i}", -5, 5) ** 2 for i in range(10))
    study.optimize(objective, n_trials=warm_up)
    begin = time.perf_counter()
    study.optimize(objective, n_trials=trials)
    print(json.dumps({"seconds": (time.perf_counter() - begin) / trials, "version": optuna.__version__}))
    """)


def worker(path, *command):
    env = bench.environment(MLF_SPOOL=os.path.join(path, "spool"), MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING="false")
    result = subprocess.run([str(word) for word in command], cwd=path, env=env, check=True, stdout=subprocess.PIPE)
    return json.loads(result.stdout.splitlines()[-1])


def ours(args, path):
    with tempfile.TemporaryDirectory(dir=path) as folder:
        return worker(folder, args.program, "new", "random", args.trials, args.warm_up)


def theirs(args, path, python):
    with tempfile.TemporaryDirectory(dir=path) as folder:
        return worker(folder, python, "-c", OPTUNA, args.their_trials, args.warm_up)


def compare(args, figures, path):
    python = os.environ.get("MLF_TEST_PYTHON", "") if args.their_trials > 0 else ""
    mine, other = [], []
    for _ in range(args.rounds):
        mine.append(ours(args, path))
        if python:
            other.append(theirs(args, path, python))
    stored = statistics.median(run["stored"] for run in mine)
    figures.add("a trial of 10 floats, stored: ours", stored * 1e6, "us")
    figures.add("the same, until it is told", statistics.median(run["told"] for run in mine) * 1e6, "us")
    if not other:
        figures.note("Optuna's side is left out: " + ("not asked for" if args.their_trials == 0 else
                                                      "MLF_TEST_PYTHON names no Python that has it"))
        return
    seconds = statistics.median(run["seconds"] for run in other)
    figures.add(f"the same: Optuna {other[0]['version']} with SQLite", seconds * 1e6, "us")
    figures.add("Optuna / ours", seconds / stored, "x", at_least=100)


def go_on(args, figures, path):
    made = worker(path, args.program, "new", "random", args.long, 0)
    loaded = [worker(path, args.program, "load", made["study"]) for _ in range(args.rounds)]
    seconds = statistics.median(run["seconds"] for run in loaded)
    figures.add(f"going on with {args.long} trials", seconds, "s", at_most=2)
    figures.add("memory of the program then", max(run["kib"] for run in loaded) / 1024, "MiB", at_most=100)


def main():
    parser, options = bench.arguments(
        "Studies in SQLite.",
        ("trials", 1000, 20, "trials of ours that are measured"),
        ("warm_up", 100, 2, "trials before them, on both sides"),
        ("their_trials", 100, 0, "trials of Optuna that are measured"),
        ("rounds", 12, 1, "measurements, whose median counts"),
        ("long", 100000, 200, "trials of the long study"))
    parser.add_argument("program", help="the built bench_study")
    args = bench.parse(parser, options)
    args.program = os.path.abspath(args.program)
    figures = bench.Figures("study")
    with bench.folder(args.dir) as path:
        compare(args, figures, path)
        go_on(args, figures, path)
    figures.print(args.json)


if __name__ == "__main__":
    sys.exit(main())
