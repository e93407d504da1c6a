#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Searching runs against MLflow's client on the same file, and reading a metric's history against SQLite itself.
Usage: bench_search.py BENCH_SEARCH [--runs N] [--points N] [--rounds N] [--json]

A search gives the first 100 runs of all that fit, whole: with params, latest metrics and tags. Both sides have
the database open and have searched once before. A history is read in pages of 25 000 points."""

import json
import os
import subprocess
import sys

import bench

HERE = os.path.dirname(os.path.abspath(__file__))
SEARCHES = (
    ("latest first", "", ""),
    ("filter by metric, order by metric", "metrics.m0 < 0.5", "metrics.m1 DESC"),
    ("filter by param and tag, order by metric", "params.p0 = '7' AND tags.group = 'odd'", "metrics.m0 ASC"),
)
PAGE = 25000


def worker(program, *args, env=None):
    result = subprocess.run([program, *map(str, args)], env=env or bench.environment(), check=True,
                            stdout=subprocess.PIPE)
    return json.loads(result.stdout.splitlines()[-1])


def searches(args, figures, path):
    uri = f"sqlite:///{path}/mlflow.db"
    python = os.environ.get("MLF_TEST_PYTHON", "") if args.mlflow_rounds > 0 else ""
    worker(args.program, "fill", uri, args.runs)
    for name, text, order in SEARCHES:
        ours = worker(args.program, "search", uri, args.rounds, text, order)
        figures.add(f"search, {name}: ours", ours["seconds"] * 1e3, "ms")
        if not python:
            continue
        env = bench.environment(HOME=path, MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true",
                                MLFLOW_LOGGING_LEVEL="ERROR")
        theirs = worker(python, os.path.join(HERE, "mlflow_search.py"), uri, args.mlflow_rounds, text, order,
                        env=env)
        if any(ours[key] != theirs[key] for key in ("runs", "members", "first")):
            raise SystemExit(f"{name}: not the same runs: {ours}, {theirs}")
        figures.add(f"search, {name}: MLflow {theirs['version']}", theirs["seconds"] * 1e3, "ms")
        figures.add(f"search, {name}: MLflow / ours", theirs["seconds"] / ours["seconds"], "x", at_least=20)
    if not python:
        figures.note("MLflow's side is left out: MLF_TEST_PYTHON names no Python that has it"
                     if args.mlflow_rounds > 0 else "MLflow's side is left out: not asked for")


def history(args, figures, path):
    uri = f"sqlite:///{path}/points.db"
    run = worker(args.program, "points", uri, args.points)["run"]
    raw = worker(args.program, "raw", f"{path}/points.db", run, args.rounds)
    ours = worker(args.program, "history", uri, run, args.rounds, PAGE)
    if raw["points"] != ours["points"] or raw["points"] != args.points or \
            abs(raw["sum"] - ours["sum"]) > 1e-9 * abs(raw["sum"]):
        raise SystemExit(f"not the same points: {raw}, {ours}")
    figures.add("history: SQLite itself, points per second", args.points / raw["seconds"], "/s")
    figures.add("history: ours, points per second", args.points / ours["seconds"], "/s")
    figures.add("history: rate / SQLite itself", raw["seconds"] / ours["seconds"], "x", at_least=0.7)
    figures.add("history: memory of the pages", ours["kib"] / 1024, "MiB", at_most=16)


def main():
    parser, options = bench.arguments(
        "Searching runs and reading histories.",
        ("runs", 10000, 300, "runs in the database"),
        ("points", 1000000, 30000, "points of the metric"),
        ("rounds", 25, 1, "measurements of ours, whose median counts"),
        ("mlflow_rounds", 5, 0, "measurements of MLflow"))
    parser.add_argument("program", help="the built bench_search")
    args = bench.parse(parser, options)
    figures = bench.Figures("search")
    with bench.folder(args.dir) as path:
        searches(args, figures, path)
        history(args, figures, path)
    figures.print(args.json)


if __name__ == "__main__":
    sys.exit(main())
