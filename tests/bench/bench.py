# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks in Python share: a folder of their own, medians, and figures as text or JSON."""

import argparse
import contextlib
import json
import os
import random
import shutil
import statistics
import sys
import tempfile
import time


def built(variable):
    """Path of a built file that meson names in |variable|."""
    path = os.environ.get(variable, "")
    if not os.path.isfile(path):
        raise SystemExit(f"{variable} does not name a built file: '{path}'")
    return os.path.abspath(path)


def arguments(description, *options):
    """The command line: --json, --smoke, and |options| as (name, default, smoke default, help)."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--smoke", action="store_true", help="as little as possible: does it run?")
    parser.add_argument("--dir", default=None, help="folder on the disk that is measured")
    for name, default, _, text in options:
        parser.add_argument("--" + name.replace("_", "-"), type=type(default), default=None,
                            help=f"{text} ({default})")
    return parser, options


def parse(parser, options):
    args = parser.parse_args()
    for name, default, smoke, _ in options:
        if getattr(args, name) is None:
            setattr(args, name, smoke if args.smoke else default)
    return args


@contextlib.contextmanager
def folder(parent=None):
    path = tempfile.mkdtemp(prefix="mlf-bench-", dir=parent)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def environment(**extra):
    """The environment without anything that would change what mlf does."""
    env = {k: v for k, v in os.environ.items()
           if not k.startswith(("MLF_", "MLFLOW_")) and k != "LD_PRELOAD"}
    env.update(extra)
    return env


class Usage:
    """Wall and CPU seconds, and exit status, of a command that has ended."""

    def __init__(self, wall, cpu, status):
        self.wall, self.cpu, self.status = wall, cpu, status


def measure(command, env, null):
    """Runs |command| with its output thrown away. Spawned and waited for with as little as possible
    around it: CPU is the command's and that of all it waited for."""
    actions = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, null, 1),
               (os.POSIX_SPAWN_DUP2, null, 2)]
    begin = time.monotonic_ns()
    pid = os.posix_spawn(command[0], command, env, file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    wall = (time.monotonic_ns() - begin) / 1e9
    return Usage(wall, usage.ru_utime + usage.ru_stime, os.waitstatus_to_exitcode(status))


def pairs(first, second, n, before=None):
    """|n| pairs of results of both functions, the order within a pair changing at random."""
    order = random.Random(1)
    results = []
    for _ in range(n):
        both = [None, None]
        for side in order.sample((0, 1), 2):
            if before is not None:
                before()
            both[side] = (first, second)[side]()
        results.append(tuple(both))
    return results


def interval(values, level=0.95, draws=4000):
    """Bootstrap interval of the median."""
    order = random.Random(2)
    medians = sorted(statistics.median(order.choices(values, k=len(values))) for _ in range(draws))
    cut = int(draws * (1 - level) / 2)
    return medians[cut], medians[-cut - 1]


class Figures:
    def __init__(self, bench):
        self.bench, self.rows, self.notes = bench, [], []

    def add(self, name, value, unit, at_most=None, at_least=None):
        """A figure, with what it should reach if it is judged."""
        row = {"name": name, "unit": unit, "value": value}
        if at_most is not None or at_least is not None:
            row["reach"] = at_most if at_most is not None else at_least
            row["reached"] = value <= at_most if at_most is not None else value >= at_least
            row["direction"] = "<=" if at_most is not None else ">="
        self.rows.append(row)

    def note(self, text):
        self.notes.append(text)

    def print(self, as_json):
        if as_json:
            print(json.dumps({"bench": self.bench, "figures": self.rows, "notes": self.notes}))
            return
        for row in self.rows:
            judged = "" if "reach" not in row else \
                f" (reach {row['direction']} {row['reach']:g}{'' if row['reached'] else ': NOT reached'})"
            print(f"{row['name']:<66} {row['value']:>11.5g} {row['unit']}{judged}")
        for note in self.notes:
            print(f"  {note}")
        sys.stdout.flush()
