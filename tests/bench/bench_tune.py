#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a trial of `mlf tune` costs beside its process: many trials of `true`, two at a time, tracked in SQLite, against
`xargs -P2` that runs `true` as often. Usage: bench_tune.py [--trials N] [--rounds N] [--json]"""

import shutil
import statistics
import subprocess
import sys
import time

import bench

MLF = bench.built("MLF_TEST_MLF")


def wall_of(command, env, folder, data=None):
    begin = time.monotonic_ns()
    done = subprocess.run(command, cwd=folder, env=env, input=data, stdout=subprocess.DEVNULL, check=False)
    wall = (time.monotonic_ns() - begin) / 1e9
    if done.returncode != 0:
        raise SystemExit(f"{command[0]} ended with {done.returncode}")
    return wall


def main():
    parser, options = bench.arguments(
        "mlf tune running true against xargs running true.",
        ("trials", 500, 10, "trials of a round"),
        ("rounds", 12, 2, "rounds of each side"),
        ("jobs", 2, 2, "trials at once"))
    args = bench.parse(parser, options)
    figures = bench.Figures("tune")
    program, xargs = shutil.which("true"), shutil.which("xargs")
    if program is None or xargs is None:
        figures.note("skipped: true or xargs is not there")
        figures.print(args.json)
        return
    with bench.folder(args.dir) as path, bench.folder("/dev/shm") as spool:
        env = bench.environment(MLFLOW_TRACKING_URI=f"sqlite:///{path}/mlflow.db", MLF_SPOOL=spool)
        tune = [MLF, "tune", "--quiet", "--sampler", "random", "--jobs", str(args.jobs), "--trials", str(args.trials),
                "--minimize", "wall_time", "--", program]
        plain = [xargs, f"-P{args.jobs}", "-n1", program]
        lines = "".join(f"{n}\n" for n in range(args.trials)).encode()
        wall_of(tune, env, path)  # makes the database
        results = bench.pairs(lambda: wall_of(plain, env, path, lines), lambda: wall_of(tune, env, path), args.rounds)
    plain_ms = statistics.median(a for a, _ in results) / args.trials * 1e3
    tune_ms = statistics.median(b for _, b in results) / args.trials * 1e3
    over = statistics.median((b - a) / args.trials * 1e3 for a, b in results)
    figures.add(f"xargs -P{args.jobs} true: per process", plain_ms, "ms")
    figures.add(f"mlf tune --jobs {args.jobs} -- true: per trial", tune_ms, "ms")
    figures.add("a trial over a process of xargs, median of pairs", over, "ms", at_most=5)
    figures.note(f"{args.rounds} pairs of {args.trials} each, tracked in SQLite")
    figures.print(args.json)


if __name__ == "__main__":
    sys.exit(main())
