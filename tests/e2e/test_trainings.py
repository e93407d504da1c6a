#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trainings that hooks see log into the thread's active run, as MLflow's autologging does; one that does not
fit into it becomes a child of it. Usage: test_trainings.py PROGRAM"""

import contextlib
import os
import sqlite3
import sys

from harness import folder, run_tests

PROGRAM = os.path.abspath(sys.argv[1])
RUNS = """SELECT r.run_uuid, r.status, c.value, p.value, r.name FROM runs r
          LEFT JOIN params c ON c.run_uuid = r.run_uuid AND c.key = 'C'
          LEFT JOIN tags p ON p.run_uuid = r.run_uuid AND p.key = 'mlflow.parentRunId'"""


def test_runs(tap):
    with folder() as f:
        got = f.run([PROGRAM])
        tap.same(got.code, 0, "the program ends well")
        first, second, nested = got.out.decode().split()
        f.mlf("runs", "list")  # waits for the collector
        with contextlib.closing(sqlite3.connect(os.path.join(f.work, "mlflow.db"))) as db:
            runs = {run[0]: run[1:] for run in db.execute(RUNS)}
            points = dict(db.execute("SELECT run_uuid, count(*) FROM metrics WHERE key = 'obj' GROUP BY 1"))
        tap.same(runs.get(first, ())[:3], ("FINISHED", "1", None), "the first run has its training")
        tap.same(runs.get(second, ())[:3], ("FINISHED", "2", None), "the second run has its own")
        tap.same(runs.get(nested, ())[:3], ("FINISHED", "3", second), "so has the nested one")
        others = [runs[run] for run in runs if run not in (first, second, nested)]
        tap.same(sorted(other[:3] for other in others), [("FINISHED", f"{C}", second) for C in (4, 5, 6)],
                 "trainings with other params and of forked children become children of the run")
        names = {other[3] for other in others}
        tap.ok(len(names) == 3 and all(name.startswith("training_") for name in names),
               "each with a number of its own", names)
        tap.same(sorted(points.values()), [1] * 6, "each has its metrics once")


run_tests(test_runs)
