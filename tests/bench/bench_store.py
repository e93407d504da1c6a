#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Metric points into mlflow.db: SQLite's own speed, our store, the whole way through ring and collector, and
MLflow. Usage: bench_store.py BENCH_STORE [--points N] [--rounds N] [--json]

Each round makes new databases and runs all sides after one another, in an order that changes. The ratios
are those of a round; their medians are reported. The collector's memory is the resident set in
/proc/PID/smaps without the mapping of the ring, its maximum over the whole time."""

import json
import os
import random
import re
import statistics
import subprocess
import sys
import threading

import bench

HERE = os.path.dirname(os.path.abspath(__file__))
SAMPLE_S = 0.1


def worker(program, *args, env=None):
    result = subprocess.run([program, *map(str, args)], env=env or bench.environment(), check=True,
                            stdout=subprocess.PIPE)
    return json.loads(result.stdout)


def resident(pid, ring):
    """Bytes that |pid| has resident outside the ring: all, and those that are no file's."""
    total = anonymous = 0
    counted = True
    with open(f"/proc/{pid}/smaps", encoding="utf-8") as smaps:
        for line in smaps:
            if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                counted = not line.rstrip().endswith(ring)
            elif counted and line.startswith("Rss:"):
                total += int(line.split()[1]) * 1024
            elif counted and line.startswith("Anonymous:"):
                anonymous += int(line.split()[1]) * 1024
    return total, anonymous


class Memory(threading.Thread):
    def __init__(self, pid, ring):
        super().__init__(daemon=True)
        self.pid, self.ring, self.over = pid, ring, threading.Event()
        self.most = self.most_anonymous = 0
        self.sample()
        self.start()

    def sample(self):
        total, anonymous = resident(self.pid, self.ring)
        self.most = max(self.most, total)
        self.most_anonymous = max(self.most_anonymous, anonymous)

    def run(self):
        while not self.over.wait(SAMPLE_S):
            try:
                self.sample()
            except (OSError, ProcessLookupError):
                return

    def end(self):
        self.over.set()
        self.join()


def cpu_of(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rows_of(program_output, path):
    query = f"file:{path}?mode=ro"
    import sqlite3
    with sqlite3.connect(query, uri=True) as db:
        return db.execute("SELECT count(*) FROM metrics WHERE run_uuid = ?",
                          (program_output,)).fetchone()[0]


def through_collector(program, uri, points, keys, paced, state):
    """The ring lies where it does without settings, the spill in |state|, on the disk that is measured."""
    env = bench.environment(MLFLOW_TRACKING_URI=uri, XDG_STATE_HOME=state,
                            MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING="false")
    with subprocess.Popen([program, "produce", str(points), str(keys), "1" if paced else "0"],
                          env=env, stdout=subprocess.PIPE, text=True) as process:
        about = json.loads(process.stdout.readline())
        memory = Memory(about["collector"], about["ring"])
        result = json.loads(process.stdout.readline())
        result["collector_cpu"] = cpu_of(about["collector"])
        memory.end()
        process.stdout.read()
        if process.wait() != 0:
            raise SystemExit("the producer failed")
    result.update(memory=memory.most, anonymous=memory.most_anonymous, run=about["run"])
    return result


def one_side(side, program, args):
    with bench.folder(args.dir) as path:
        uri = f"sqlite:///{path}/mlflow.db"
        run = worker(program, "prepare", uri)["run"]
        if side == "raw":
            result = worker(program, "raw", f"{path}/mlflow.db", run, args.points, args.keys)
        elif side == "store":
            result = worker(program, "store", uri, run, args.points, args.keys)
        else:
            result = through_collector(program, uri, args.points, args.keys,
                                       side == "collector, paced", path)
            run = result["run"]
            args.points += 1  # the warm-up's point
        found = rows_of(run, f"{path}/mlflow.db")
        expected, args.points = args.points, args.asked
        if found != expected:
            raise SystemExit(f"{side}: {found} points in the database, not {expected}")
        result["rate"] = args.points / result["seconds"]
        return result


SIDES = ("raw", "store", "collector, paced", "collector, burst")


def mlflow_rates(args):
    python = os.environ.get("MLF_TEST_PYTHON", "")
    if not python:
        return None
    with bench.folder(args.dir) as path:
        env = bench.environment(MLFLOW_TRACKING_URI=f"sqlite:///{path}/mlflow.db", HOME=path)
        return worker(python, os.path.join(HERE, "mlflow_side.py"), args.mlflow_batches,
                      args.mlflow_points, env=env)


def main():
    parser, options = bench.arguments(
        "Metric points into mlflow.db.",
        ("points", 2000000, 3000, "points of one side of one round"),
        ("rounds", 3, 1, "rounds of all sides"),
        ("keys", 4, 4, "metric keys that take turns"),
        ("mlflow_batches", 20, 0, "batches of 1000 points by MLflow's log_batch"),
        ("mlflow_points", 300, 0, "points by MLflow's log_metric"))
    parser.add_argument("program", help="the built bench_store")
    args = bench.parse(parser, options)
    args.asked = args.points
    order = random.Random(3)
    rounds = []
    for _ in range(args.rounds):
        rounds.append({side: one_side(side, args.program, args)
                       for side in order.sample(SIDES, len(SIDES))})

    figures = bench.Figures("store")
    middle = {side: statistics.median(r[side]["rate"] for r in rounds) for side in SIDES}
    for side in SIDES:
        figures.add(f"{side}: points per second", middle[side], "/s")
    for side in SIDES[1:]:
        ratio = statistics.median(r[side]["rate"] / r["raw"]["rate"] for r in rounds)
        judged = 0.85 if side.startswith("collector") else None
        figures.add(f"{side}: rate / raw inserts", ratio, "x", at_least=judged)
    for side in SIDES[2:]:
        cpu = statistics.median(r[side]["collector_cpu"] / r["raw"]["cpu"] for r in rounds)
        figures.add(f"{side}: collector's CPU time / raw inserts'", cpu, "x")
        figures.add(f"{side}: collector's memory without the ring",
                    max(r[side]["memory"] for r in rounds) / 2**20, "MiB", at_most=16)
        figures.add(f"{side}: of it not backed by files",
                    max(r[side]["anonymous"] for r in rounds) / 2**20, "MiB")
    mlflow = mlflow_rates(args) if args.mlflow_batches > 0 else None
    if mlflow is None:
        figures.note("MLflow's side is left out: MLF_TEST_PYTHON names no Python that has it"
                     if args.mlflow_batches > 0 else "MLflow's side is left out: not asked for")
    else:
        figures.add(f"MLflow {mlflow['version']} log_batch: points per second",
                    mlflow["batch_rate"], "/s")
        figures.add(f"MLflow {mlflow['version']} log_metric: points per second",
                    mlflow["single_rate"], "/s")
        for side in SIDES[2:]:
            figures.add(f"{side}: rate / MLflow's log_batch", middle[side] / mlflow["batch_rate"],
                        "x", at_least=15)
            figures.add(f"{side}: rate / MLflow's log_metric", middle[side] / mlflow["single_rate"],
                        "x", at_least=500)
    figures.print(args.json)


if __name__ == "__main__":
    sys.exit(main())
