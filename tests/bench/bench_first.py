#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From the start of a C program to its first logged value. Usage: bench_first.py BENCH_FIRST [--runs N] [--json]

The clock begins right before the program is started, so that loading it and its libraries is counted. It ends when
the program's first mlf_log_metric() has returned, by then the value outlives the program; and, beside it, when
mlf_flush() says that the value is in the store. A program that has no launcher starts its collector by that
call. The same under `mlf run`, where the start of mlf is counted too. Into an existing database; what the
store's disk syncs cost shows in the same with a database in memory (/dev/shm). How long mlf_end_run() waits is the
second value's way into the store."""

import os
import statistics
import sys
import time

import bench


def once(command, env):
    """Seconds from the start to: main(), the first value logged, stored; and of mlf_end_run(). Spawned with as little
    as possible around it: Python's own way of starting a process takes longer than the program."""
    out, into = os.pipe()
    begin = time.monotonic_ns()
    pid = os.posix_spawn(command[0], command, env, file_actions=[(os.POSIX_SPAWN_DUP2, into, 1)])
    os.close(into)
    with open(out, encoding="ascii") as lines:
        words = lines.read().split()
    _, status = os.waitpid(pid, 0)
    if status != 0:
        raise SystemExit(f"{command[0]} ended with wait status {status}")
    main, logged, stored, end = (int(word) for word in words)
    return tuple(ns / 1e9 for ns in (main - begin, logged - begin, stored - begin, end))


def medians(command, env, runs):
    once(command, env)  # makes the database
    return [statistics.median(times) for times in zip(*(once(command, env) for _ in range(runs)))]


def main():
    program = os.path.abspath(sys.argv.pop(1))
    parser, options = bench.arguments("From the start of a C program to its first logged value.",
                                      ("runs", 60, 3, "starts of each kind"))
    args = bench.parse(parser, options)
    figures = bench.Figures("first")
    launcher = [bench.built("MLF_TEST_MLF"), "run", "--quiet", "--"]
    with bench.folder(args.dir) as disk, bench.folder("/dev/shm") as memory:
        def env(path):
            return bench.environment(MLFLOW_TRACKING_URI=f"sqlite:///{path}/mlflow.db", MLF_SPOOL=memory)

        main_ns, logged, stored, end = medians([program], env(disk), args.runs)
        _, _, stored_in_memory, end_in_memory = medians([program], env(memory), args.runs)
        _, launched, launched_stored, _ = medians([*launcher, program], env(disk), args.runs)
    figures.add("start to main(): the loader", main_ns * 1e3, "ms")
    figures.add("start to the return of the first mlf_log_metric()", logged * 1e3, "ms", at_most=10)
    figures.add("start to the value in the store", stored * 1e3, "ms")
    figures.add("the same, database in memory", stored_in_memory * 1e3, "ms")
    figures.add("mlf_end_run() with a value to store", end * 1e3, "ms")
    figures.add("the same, database in memory", end_in_memory * 1e3, "ms")
    figures.add("under mlf run: start of mlf to the first mlf_log_metric()", launched * 1e3, "ms")
    figures.add("under mlf run: to the value in the store", launched_stored * 1e3, "ms")
    figures.print(args.json)


if __name__ == "__main__":
    sys.exit(main())
