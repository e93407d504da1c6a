#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A database that another process holds locked while a command runs: the run is kept, said where, and
brought in later."""

import os
import sqlite3
import subprocess
import time

from faults import (FULL, MLF, Locked, folder, locked_run, nothing_left, run_tests, runs, says,
                    wait_for)

URI = "sqlite:///mlflow.db?timeout=1"


def test_run_then_list(tap):
    with folder() as f:
        name = "locked database, then mlf runs list"
        locked_run(tap, f, name, 12, "--tracking-uri", URI)
        listed, got = runs(f, "--tracking-uri", URI)
        tap.same(len(listed), 2, f"{name}: it brings the run")
        tap.ok("merged run" in got.text, f"{name}: it says so", got.text)
        nothing_left(tap, f, name)
        listed, got = runs(f, "--tracking-uri", URI)
        tap.same((len(listed), got.err), (2, b""), f"{name}: a second one finds nothing to do")


def test_run_then_sync(tap):
    with folder() as f:
        name = "locked database, then mlf sync"
        locked_run(tap, f, name, 12, "--tracking-uri", URI)
        with Locked(f):
            got = f.mlf("sync")
            tap.same(got.code, 1, f"{name}: while it is locked nothing can be merged")
            says(tap, got, name, "could not be merged", "locked", "stays")
        got = f.mlf("sync")
        tap.same((got.code, got.out), (0, b"1 merged\n"), f"{name}: then it is merged")
        got = f.mlf("sync")
        tap.same((got.code, got.out), (0, b"0 merged\n"), f"{name}: once")
        metrics = [run["data"].get("metrics") for run in runs(f)[0]
                   if run["info"]["status"] == "FAILED"]
        tap.ok(len(metrics) == 1 and metrics[0][0]["value"] == 3, f"{name}: with its metrics",
               str(metrics))


def test_locked_for_a_while(tap):
    """More events than the ring holds while the store stands still: the spill takes them."""
    with folder() as f:
        name = "locked for a while"
        count = 200000 if FULL else 60000
        f.mlf("run", "--quiet", "--", "true")
        lock = Locked(f)
        lock.__enter__()
        script = f"seq -f loss=%g {count}; touch printed; read line"
        process = f.start([MLF, "run", "--quiet", "--metric", r"loss=loss=(\S+)", "--tracking-uri", URI,
                           "--", "sh", "-c", script], stdin=subprocess.PIPE,
                          stdout=subprocess.DEVNULL)
        wait_for(lambda: f.exists("printed"))
        spilled = wait_for(lambda: any(path.endswith(".spill") for path in f.files()), 10)
        lock.__exit__()
        process.communicate(b"go\n", timeout=60)
        tap.same(process.returncode, 0, f"{name}: the command's exit status")
        tap.ok(spilled, f"{name}: the ring was spilled", f.files())
        with sqlite3.connect(os.path.join(f.work, "mlflow.db")) as db:
            found = db.execute("SELECT count(*), count(DISTINCT step), max(value) FROM metrics "
                               "WHERE key = 'loss'").fetchone()
        tap.same(found, (count, count, float(count)), f"{name}: each metric is stored once")
        nothing_left(tap, f, name)


def test_reading_is_not_blocked(tap):
    with folder() as f:
        f.mlf("run", "--quiet", "--", "true")
        with Locked(f):
            begin = time.monotonic()
            listed, _ = runs(f)
            tap.ok(len(listed) == 1 and time.monotonic() - begin < 5,
                   "mlf runs list reads while another process writes", f"{listed}")


run_tests(test_run_then_list, test_run_then_sync, test_locked_for_a_while, test_reading_is_not_blocked)
