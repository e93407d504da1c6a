#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many first runs at once in an empty folder: one whole database with every run in it."""

import contextlib
import os
import shutil
import sqlite3

from harness import MLF, folder, run_tests

RUNS = 32
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, "examples",
                    "unmodified_binary", "iris.scale")


def start_all(f, options, command):
    processes = [f.start([MLF, "run", "--quiet", "--experiment", "first", *options, "--",
                          *command(number)]) for number in range(RUNS)]
    codes = [process.communicate(timeout=120) and process.returncode for process in processes]
    # On a busy machine one may not get its turn at the database in the few seconds that a run waits in the end: it is
    # kept then, and stored now.
    synced = f.mlf("sync")
    return codes + ([] if synced.code == 0 else [synced.text])


def check(tap, f, name, codes):
    tap.same(codes, [0] * RUNS, f"{name}: every command ends as it should")
    with contextlib.closing(sqlite3.connect(os.path.join(f.work, "mlflow.db"))) as db:
        def rows(text):
            return db.execute(text).fetchall()
        tap.same(rows("PRAGMA integrity_check"), [("ok",)], f"{name}: the database is whole")
        tap.same(rows("SELECT status, count(*) FROM runs GROUP BY status"), [("FINISHED", RUNS)],
                 f"{name}: {RUNS} finished runs")
        tap.same(rows("SELECT name FROM experiments ORDER BY experiment_id"),
                 [("Default",), ("first",)], f"{name}: each experiment once")
        metrics = dict(rows("SELECT key, count(DISTINCT run_uuid) FROM metrics GROUP BY key"))
    tap.same([name for name in os.listdir(f.work) if name.startswith("mlflow.db")], ["mlflow.db"],
             f"{name}: nothing but the database is left")
    tap.same(os.listdir(f.spool) if os.path.isdir(f.spool) else [], [], f"{name}: the spool is empty")
    return metrics


def test_printing(tap):
    with folder() as f:
        codes = start_all(f, ["--metric", "loss=loss (.*)"], lambda number: ["echo", f"loss {number}"])
        tap.same(check(tap, f, "echo", codes), {"loss": RUNS}, "echo: every run has its metric")


def test_training(tap):
    if shutil.which("svm-train") is None:
        tap.skip("32 trainings at once", "svm-train is not installed")
        return
    with folder() as f:
        shutil.copy(DATA, f.work)
        codes = start_all(f, [], lambda number: ["svm-train", "-q", "iris.scale", f"m{number}"])
        metrics = check(tap, f, "svm-train", codes)
        tap.same((metrics.get("obj"), metrics.get("total_nsv")), (RUNS, RUNS),
                 "svm-train: every run has its metrics")


run_tests(test_printing, test_training)
