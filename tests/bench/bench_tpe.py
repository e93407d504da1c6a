#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A trial of TPE with others behind it against Optuna's: ask, suggests and tell, in memory.
Usage: bench_tpe.py BENCH_TPE [--trials N] [--many N] [--rounds N] [--json]

Each round is a process per side, in random order and on one core, that gives the median of its trials."""

import json
import os
import statistics
import subprocess

import bench

HERE = os.path.dirname(os.path.abspath(__file__))
SPACES = (("floats10", "10 floats", 200), ("mixed", "5 floats, 3 ints, 2 choices", 100))


def worker(program, *args):
    env = bench.environment(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    result = subprocess.run([*program, *map(str, args)], env=env, check=True, stdout=subprocess.PIPE)
    return json.loads(result.stdout.splitlines()[-1])


def compare(args, figures, space, name, at_least, python):
    def ours():
        return worker([args.program], "tpe", space, args.trials, args.ours)["seconds"]

    def theirs():
        return worker([python, os.path.join(HERE, "optuna_tpe.py")], space, args.trials,
                      args.theirs)["seconds"] if python else 0.0

    pairs = bench.pairs(ours, theirs, args.rounds)
    title = f"TPE, {name}, {args.trials} trials behind"
    figures.add(f"{title}: ours", statistics.median(pair[0] for pair in pairs) * 1e6, "us")
    if python:
        figures.add(f"{title}: Optuna", statistics.median(pair[1] for pair in pairs) * 1e6, "us")
        figures.add(f"{title}: Optuna / ours", statistics.median(pair[1] / pair[0] for pair in pairs), "x",
                    at_least=at_least)


def main():
    parser, options = bench.arguments(
        "A trial of TPE.",
        ("trials", 1000, 50, "random trials behind those that are timed"),
        ("many", 100000, 500, "likewise, for our side alone"),
        ("rounds", 12, 1, "pairs of processes"),
        ("ours", 101, 5, "trials of ours that are timed in a process"),
        ("theirs", 25, 3, "trials of Optuna's"))
    parser.add_argument("program", help="the built bench_tpe")
    args = bench.parse(parser, options)
    figures = bench.Figures("tpe")
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    python = "" if args.smoke else os.environ.get("MLF_TEST_PYTHON", "")
    for space, name, at_least in SPACES:
        compare(args, figures, space, name, at_least, python)
    runs = [worker([args.program], "tpe", "floats10", args.many, args.ours) for _ in range(args.rounds)]
    figures.add(f"TPE, 10 floats, {args.many} trials behind: ours",
                statistics.median(run["seconds"] for run in runs) * 1e3, "ms", at_most=5)
    figures.add(f"TPE, 10 floats, {args.many} trials behind: the first one",
                statistics.median(run["first"] for run in runs) * 1e3, "ms")
    sampler = [worker([args.program], "auto", "floats10", args.trials, args.ours)["seconds"]
               for _ in range(args.rounds)]
    figures.add(f"auto, 10 floats, {args.trials} trials behind: ours", statistics.median(sampler) * 1e6, "us")
    if not python:
        figures.note("Optuna's side is left out: " + ("not asked for" if args.smoke else
                     "MLF_TEST_PYTHON names no Python that has it"))
    figures.print(args.json)


if __name__ == "__main__":
    main()
