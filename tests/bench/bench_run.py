#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""svm-train under `mlf run` against plain: wall and CPU time of pairs. Usage: bench_run.py [--pairs N] [--json]

The training set is random and grows until plain svm-train takes the time asked for. The two sides of a pair
run one after the other, in random order, on the same file. The ratio of a pair's walls is what counts; its
median has a 95 % bootstrap interval, whose lower bound is judged: noise alone never fails it."""

import os
import random
import shutil
import statistics
import sys

import bench

FEATURES = 20
MLF = bench.built("MLF_TEST_MLF")


def write_data(path, rows):
    """Two classes that overlap, so that the solver has work to do."""
    numbers = random.Random(4)
    with open(path, "w", encoding="ascii") as out:
        for row in range(rows):
            label = 1 if row % 2 else -1
            values = (f"{i}:{numbers.gauss(0.1 * label, 1):.4f}" for i in range(1, FEATURES + 1))
            out.write(f"{label:+d} {' '.join(values)}\n")


def calibrate(command, path, seconds, rows, env, null):
    while True:
        write_data(path, rows)
        wall = bench.measure(command, env, null).wall
        if wall >= seconds:
            return rows, wall
        rows = int(rows * max(1.15, min(4, (1.1 * seconds / max(wall, 0.001)) ** 0.5)))


def main():
    parser, options = bench.arguments(
        "svm-train under mlf run against plain.",
        ("pairs", 30, 2, "pairs of runs"),
        ("seconds", 2.0, 0.02, "how long plain svm-train runs at least"))
    args = bench.parse(parser, options)
    train = shutil.which("svm-train")
    figures = bench.Figures("run")
    if train is None:
        figures.note("skipped: there is no svm-train (Debian: libsvm-tools)")
        figures.print(args.json)
        return
    null = os.open(os.devnull, os.O_RDWR)
    with bench.folder(args.dir) as path, bench.folder("/dev/shm") as spool:
        data, model = os.path.join(path, "train"), os.path.join(path, "model")
        env = bench.environment(MLFLOW_TRACKING_URI=f"sqlite:///{path}/mlflow.db", MLF_SPOOL=spool)
        plain = [train, data, model]
        under = [MLF, "run", "--quiet", "--", *plain]
        rows, _ = calibrate(plain, data, args.seconds, 500 if args.smoke else 4000, env, null)

        def run(command):
            usage = bench.measure(command, env, null)
            if usage.status != 0:
                raise SystemExit(f"{command[0]} ended with {usage.status}")
            return usage

        run(under)  # makes the database
        results = bench.pairs(lambda: run(plain), lambda: run(under), args.pairs)
    ratios = [b.wall / a.wall for a, b in results]
    low, high = bench.interval(ratios)
    figures.add("svm-train: wall", statistics.median(a.wall for a, _ in results), "s")
    figures.add("mlf run -- svm-train: wall", statistics.median(b.wall for _, b in results), "s")
    figures.add("ratio of walls, median of pairs", statistics.median(ratios), "x")
    figures.add("ratio of walls, lower bound of the 95 % interval", low, "x", at_most=1.01)
    figures.add("ratio of walls, upper bound", high, "x")
    figures.add("svm-train: CPU", statistics.median(a.cpu for a, _ in results), "s")
    figures.add("mlf run -- svm-train: CPU, mlf's own included",
                statistics.median(b.cpu for _, b in results), "s")
    figures.add("ratio of CPU times, median of pairs",
                statistics.median(b.cpu / a.cpu for a, b in results), "x")
    figures.note(f"{args.pairs} pairs; {rows} rows of {FEATURES} features")
    figures.print(args.json)


if __name__ == "__main__":
    sys.exit(main())
