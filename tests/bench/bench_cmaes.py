#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A trial of CMA-ES, and of random search, against Optuna's: ask, 30 floats and tell, in memory.
Usage: bench_cmaes.py BENCH_CMAES [--params N] [--warm-up N] [--rounds N] [--json]

Each round is a process per side, in random order and on one core: a study with some trials behind it, of which the
next ones are timed, whole generations of CMA-ES."""

import json
import os
import statistics
import subprocess

import bench

HERE = os.path.dirname(os.path.abspath(__file__))


def worker(program, *args):
    env = bench.environment(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    result = subprocess.run([*program, *map(str, args)], env=env, check=True, stdout=subprocess.PIPE)
    return json.loads(result.stdout.splitlines()[-1])


def compare(args, figures, sampler, python):
    def ours():
        return worker([args.program], sampler, args.params, args.warm_up, args.trials)["seconds"]

    def theirs():
        return worker([python, os.path.join(HERE, "optuna_cmaes.py")], sampler, args.params, args.warm_up,
                      args.optuna_trials)["seconds"] if python else 0.0

    pairs = bench.pairs(ours, theirs, args.rounds)
    mine = statistics.median(pair[0] for pair in pairs)
    figures.add(f"{sampler}, {args.params} floats: ours", mine * 1e6, "us")
    if python:
        figures.add(f"{sampler}, {args.params} floats: Optuna",
                    statistics.median(pair[1] for pair in pairs) * 1e6, "us")
        figures.add(f"{sampler}, {args.params} floats: Optuna / ours",
                    statistics.median(pair[1] / pair[0] for pair in pairs), "x", at_least=300)


def main():
    parser, options = bench.arguments(
        "A trial of CMA-ES and of random search.",
        ("params", 30, 30, "floats of a trial"),
        ("warm_up", 1000, 50, "trials behind those that are timed"),
        ("rounds", 12, 1, "pairs of processes"),
        ("trials", 2800, 28, "trials of ours that are timed"),
        ("optuna_trials", 140, 14, "trials of Optuna's"))
    parser.add_argument("program", help="the built bench_cmaes")
    args = bench.parse(parser, options)
    figures = bench.Figures("cmaes")
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    python = "" if args.smoke else os.environ.get("MLF_TEST_PYTHON", "")
    for sampler in ("cmaes", "random"):
        compare(args, figures, sampler, python)
    if not python:
        figures.note("Optuna's side is left out: " + ("not asked for" if args.smoke else
                     "MLF_TEST_PYTHON names no Python that has it"))
    figures.print(args.json)


if __name__ == "__main__":
    main()
