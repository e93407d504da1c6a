#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `mlf run` adds to a command that does nothing, and what the hook library adds when preloaded.
Usage: bench_start.py [--pairs N] [--json]

`mlf run -- true` into an existing database is compared with `true`, in pairs in random order. Its disk
syncs are counted by strace (fsync, fdatasync), which also says when each was made and how long it took;
what a sync costs without strace is measured between the pairs, as a page appended to a file in the same
folder and fdatasync()ed. Judged is the wall over `true` less the syncs. The same with a database in memory
(/dev/shm), where a sync costs nothing, stands beside it as a check of that subtraction."""

import os
import re
import shutil
import statistics
import subprocess
import sys
import time

import bench

MLF = bench.built("MLF_TEST_MLF")
TRUE = shutil.which("true")
SYNCS = "fsync,fdatasync,sync_file_range,msync,syncfs,sync"


class Place:
    """A folder with a database, and `mlf run -- true` into it."""

    def __init__(self, path, spool):
        self.path = path
        self.env = bench.environment(MLFLOW_TRACKING_URI=f"sqlite:///{path}/mlflow.db",
                                     MLF_SPOOL=spool)

    def run(self, null):
        usage = bench.measure([MLF, "run", "--quiet", "--", TRUE], self.env, null)
        if usage.status != 0:
            raise SystemExit(f"mlf run ended with {usage.status}")
        return usage.wall

    def syncs(self):
        """Number of syncs of one run, and their seconds under strace; None without strace."""
        log = os.path.join(self.path, "strace")
        command = ["strace", "-f", "-qq", "-T", "-e", f"trace={SYNCS}", "-e", "signal=none", "-o",
                   log, MLF, "run", "--quiet", "--", TRUE]
        try:
            done = subprocess.run(command, env=self.env, check=False, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        except FileNotFoundError:
            return None
        if done.returncode != 0:
            return None
        with open(log, encoding="utf-8") as lines:
            times = [float(m.group(1)) for line in lines
                     for m in [re.search(r"= 0 <([0-9.]+)>$", line.rstrip())] if m]
        return len(times), sum(times)


def sync_cost(path):
    """Seconds of one fdatasync() behind one appended page."""
    name = os.path.join(path, "sync")
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(fd, b"x" * 4096)
    begin = time.monotonic_ns()
    os.fdatasync(fd)
    seconds = (time.monotonic_ns() - begin) / 1e9
    os.close(fd)
    return seconds


def over_true(place, pairs, null, sync_costs=None):
    """Median of wall(mlf run -- true) - wall(true)."""
    env = bench.environment()

    def plain():
        return bench.measure([TRUE], env, null).wall

    def between():
        if sync_costs is not None:
            sync_costs.append(sync_cost(place.path))

    place.run(null)  # makes the database
    results = bench.pairs(plain, lambda: place.run(null), pairs, between)
    return statistics.median(b - a for a, b in results)


def preload(pairs, null):
    env = bench.environment()
    hooked = dict(env, LD_PRELOAD=bench.built("MLF_TEST_HOOKS"))
    results = bench.pairs(lambda: bench.measure([TRUE], env, null).wall,
                          lambda: bench.measure([TRUE], hooked, null).wall, pairs)
    return (statistics.median(a for a, _ in results),
            statistics.median(b - a for a, b in results))


def main():
    parser, options = bench.arguments(
        "What mlf run adds to a command that does nothing.",
        ("pairs", 60, 2, "pairs of mlf run and plain"),
        ("preload_pairs", 400, 3, "pairs of preloaded and plain"))
    args = bench.parse(parser, options)
    null = os.open(os.devnull, os.O_RDWR)
    figures = bench.Figures("start")
    with bench.folder(args.dir) as disk, bench.folder("/dev/shm") as memory:
        on_disk, in_memory = Place(disk, memory), Place(memory, memory)
        costs = []
        added = over_true(on_disk, args.pairs, null, costs)
        added_in_memory = over_true(in_memory, args.pairs, null)
        cost = statistics.median(costs)
        traced = [on_disk.syncs() for _ in range(1 if args.smoke else 5)]
    figures.add("mlf run -- true: wall over true", added * 1e3, "ms")
    if None in traced:
        figures.note("the syncs are not counted: strace is not there or may not trace")
    else:
        count = statistics.median(n for n, _ in traced)
        figures.add("disk syncs of one run", count, "")
        figures.add("cost of one sync (page appended, fdatasync)", cost * 1e3, "ms")
        figures.add("all syncs of one run, timed by strace",
                    statistics.median(s for _, s in traced) * 1e3, "ms")
        figures.add("mlf run -- true: wall over true, less the syncs",
                    (added - count * cost) * 1e3, "ms", at_most=10)
    figures.add("the same into a database in memory, nothing subtracted", added_in_memory * 1e3,
                "ms", at_most=10)
    plain, hooked = preload(args.preload_pairs, null)
    figures.add("true: wall", plain * 1e3, "ms")
    figures.add("LD_PRELOAD of the hook library: wall over true", hooked * 1e3, "ms", at_most=0.3)
    figures.print(args.json)


if __name__ == "__main__":
    sys.exit(main())
