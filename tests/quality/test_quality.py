#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How good is what samplers find, against Optuna's on the same functions?
Usage: test_quality.py QUALITY [--full] [--seeds N]

The short form runs 20 seeds of ours against the stored 20 of Optuna's. --full, or MLF_TEST_FULL=1, runs 100 fresh ones of
both sides, for which MLF_TEST_PYTHON has to name a Python with Optuna; that takes an hour or two.

Each cell, that is a function after a number of trials, is a one-sided Mann-Whitney test; p values are corrected by Holm's
method over all cells of a question, and 0.01 decides. The median of ours is printed beside Optuna's."""

import argparse
import concurrent.futures
import json
import math
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import tap  # noqa: E402

DATA = os.path.join(HERE, "..", "data", "optuna")
POINTS = ("50", "100", "200")
LIMIT = 0.01
TWINS = (("random", "random"), ("tpe", "tpe"), ("tpe:multivariate=off", "tpe_univariate"), ("cmaes", "cmaes"),
         ("qmc", "qmc"))
TPES = ("tpe", "tpe_univariate")
BETTER = ("mixed", "conditional", "branin", "levy", "ackley")
TIMEOUT_S = 4 * 3600


def p_less(a, b):
    """That |a| is below |b|: Mann-Whitney by the normal approximation, with ties and continuity corrected."""
    merged = sorted((value, side) for side, values in ((0, a), (1, b)) for value in values)
    rank_sum, ties, i = 0.0, 0.0, 0
    while i < len(merged):
        end = i
        while end < len(merged) and merged[end][0] == merged[i][0]:
            end += 1
        rank_sum += sum((i + end + 1) / 2 for value, side in merged[i:end] if side == 0)
        ties += (end - i) ** 3 - (end - i)
        i = end
    n, m = len(a), len(b)
    u = rank_sum - n * (n + 1) / 2
    variance = n * m / 12 * (n + m + 1 - ties / ((n + m) * (n + m - 1)))
    if variance <= 0:
        return 1.0
    return statistics.NormalDist().cdf((u - n * m / 2 + 0.5) / math.sqrt(variance))


def holm(tests):
    """The names of those of (name, p) that are significant."""
    found = []
    for i, (name, p) in enumerate(sorted(tests, key=lambda test: test[1])):
        if p * (len(tests) - i) >= LIMIT:
            break
        found.append(f"{name}: p = {p:.2g}")
    return found


def run_side(command, sampler, functions, first, seeds):
    """{function: {point: values}}, one process a function and two at a time."""
    def one(function):
        done = subprocess.run([*command, sampler, function, str(first), str(seeds)], check=True, timeout=TIMEOUT_S,
                              stdout=subprocess.PIPE, text=True)
        return function, json.loads(done.stdout)["values"]

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return dict(pool.map(one, functions))


class Theirs:
    """Optuna's values: stored ones, or fresh ones."""

    def __init__(self, python, seeds):
        self.python, self.seeds, self.known = python, seeds, {}
        if python:
            return
        for name in ("quality.json", "quality-held-out.json"):
            with open(os.path.join(DATA, name), encoding="utf-8") as stored:
                for function, samplers in json.load(stored)["results"].items():
                    for sampler, points in samplers.items():
                        self.known[function, sampler] = {p: points[p]["values"] for p in POINTS}

    def get(self, sampler, functions):
        missing = [f for f in functions if (f, sampler) not in self.known]
        if missing and self.python:
            fresh = run_side([self.python, os.path.join(HERE, "optuna_side.py")], sampler, missing, 1000, self.seeds)
            self.known.update({(f, sampler): values for f, values in fresh.items()})
        return {f: self.known[f, sampler] for f in functions}


def show(title, functions, ours, theirs):
    print(f"# {title}: medians of ours / Optuna's")
    for function in functions:
        cells = (f"{p}: {statistics.median(ours[function][p]):9.3g} / "
                 f"{statistics.median(theirs[function][p]):9.3g}" for p in POINTS)
        print(f"#   {function:13s} " + "   ".join(cells), flush=True)


def better_of(sides, functions):
    """Cell by cell the side with the lower median."""
    return {f: {p: min((side[f][p] for side in sides), key=statistics.median) for p in POINTS} for f in functions}


def worse_tests(label, functions, ours, theirs):
    return [(f"{label}, {f} after {p}", p_less(theirs[f][p], ours[f][p])) for f in functions for p in POINTS]


def check_functions(results, program, names):
    """Both sides have the same functions."""
    wrong = []
    for name in names:
        trace = subprocess.run([program, "--trace", name], check=True, stdout=subprocess.PIPE, timeout=60)
        side = subprocess.run([sys.executable, os.path.join(HERE, "optuna_side.py"), "--check", name], check=False,
                              input=trace.stdout, stderr=subprocess.PIPE, timeout=60)
        if side.returncode != 0:
            wrong.append(side.stderr.decode())
    results.none(wrong, "both sides compute the same functions")


def check_twins(results, args, functions, theirs):
    tests = []
    for ours_name, theirs_name in TWINS:
        ours = run_side([args.program], ours_name, functions, 1, args.seeds)
        other = theirs.get(theirs_name, functions)
        show(ours_name, functions, ours, other)
        tests += worse_tests(ours_name, functions, ours, other)
    results.none(holm(tests), "random, tpe, cmaes and qmc are worse than Optuna's in no cell")


def check_auto(results, args, functions, theirs, title):
    ours = run_side([args.program], "auto", functions, 1, args.seeds)
    other = better_of([theirs.get(name, functions) for name in TPES], functions)
    show(f"auto, {title}, against the better of Optuna's TPEs", functions, ours, other)
    results.none(holm(worse_tests("auto", functions, ours, other)), f"auto is worse in no cell of {title}")
    return ours, other


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--full", action="store_true", default=os.environ.get("MLF_TEST_FULL") == "1")
    parser.add_argument("--seeds", type=int, default=None)
    args = parser.parse_args()
    results = tap.Tap()
    python = os.environ.get("MLF_TEST_PYTHON", "")
    if args.full and not python:
        results.skip("100 fresh seeds of both sides", "MLF_TEST_PYTHON names no Python that has Optuna")
        args.full = False
    args.seeds = args.seeds or (100 if args.full else 20)
    listed = subprocess.run([args.program, "--list"], check=True, stdout=subprocess.PIPE, text=True,
                            timeout=60).stdout.split()
    nine = [name for name in listed if not name.startswith("+")]
    held_out = [name[1:] for name in listed if name.startswith("+")]
    theirs = Theirs(python if args.full else "", args.seeds)

    check_functions(results, args.program, nine + held_out)
    check_twins(results, args, nine, theirs)
    ours, other = check_auto(results, args, nine, theirs, "the nine functions")
    tests = [(f, p_less(ours[f]["200"], other[f]["200"])) for f in BETTER]
    results.check(len(holm(tests)) == len(BETTER), "auto is better after 200 trials on " + ", ".join(BETTER), tests)
    check_auto(results, args, held_out, theirs, "the functions held out")
    return results.done()


if __name__ == "__main__":
    sys.exit(main())
