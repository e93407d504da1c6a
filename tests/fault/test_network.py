#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A database on a network file system: a run keeps its events and writes them at its end, one run at a time. A
FUSE file system of a type that mlf does not know stands for the network."""

import contextlib
import fcntl
import os
import shutil
import sqlite3
import struct
import subprocess
import time

from faults import MLF, RULE, SCRIPT, folder, run_args, run_tests, says, stored, unharmed, wait_for

WRITERS = 4


def why_not():
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        return "needs root and /dev/fuse"
    return None if shutil.which("bindfs") else "bindfs is not installed"


@contextlib.contextmanager
def network(f):
    """The folder work is on a network file system meanwhile."""
    below = os.path.join(f.path, "below")
    os.mkdir(below)
    subprocess.run(["bindfs", "-o", "subtype=netdisk", below, f.work], check=True)
    try:
        yield
    finally:
        wait_for(lambda: subprocess.run(["umount", f.work], stderr=subprocess.DEVNULL,
                                        check=False).returncode == 0)


def journal_mode(f):
    with sqlite3.connect(os.path.join(f.work, "mlflow.db")) as db:
        return db.execute("PRAGMA journal_mode").fetchone()[0]


def test_run(tap):
    name = "network file system"
    with folder() as f, network(f):
        got = f.run(run_args())
        unharmed(tap, got, name)
        stored(tap, f, name)
        tap.same(journal_mode(f), "delete", f"{name}: the database needs no shared memory")
        left = [path for path in f.files() if path.startswith("spool/") and not path.endswith(".log")]
        tap.same(left, [], f"{name}: nothing is left in the spool")


def test_at_end(tap):
    name = "network file system, while the command runs"
    with folder() as f, network(f):
        script = "echo loss=1; touch ready; while ! test -e go; do sleep 0.01; done; exit 3"
        process = f.start([MLF, "run", "--quiet", *RULE, "--", "sh", "-c", script])
        tap.ok(wait_for(lambda: f.exists("ready")), f"{name}: it has begun")
        tap.ok(wait_for(lambda: any(path.endswith(".spill") for path in f.files())),
               f"{name}: what it logs is on the disk", f.files())
        tap.ok(not f.exists("mlflow.db"), f"{name}: nothing is written there")
        f.write("go", b"")
        tap.same(process.wait(timeout=60), 3, f"{name}: its exit status is its own")
        tap.ok(f.exists("mlflow.db"), f"{name}: it is written at the end")


def test_together(tap):
    name = f"network file system, {WRITERS} runs at once"
    with folder() as f, network(f):
        started = [f.start([MLF, "run", "--quiet", *RULE, "--", "sh", "-c", SCRIPT]) for _ in range(WRITERS)]
        tap.same([process.wait(timeout=60) for process in started], [3] * WRITERS,
                 f"{name}: exit statuses are their own")
        stored(tap, f, name, count=WRITERS)


def test_locked(tap):
    name = "network file system, another machine writes"
    with folder() as f, network(f):
        fd = os.open(os.path.join(f.work, "mlflow.db.mlf-lock"), os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack("hhqqi", fcntl.F_WRLCK, 0, 0, 0, 0))
        uri = "sqlite:///mlflow.db?timeout=0.2"
        begin = time.monotonic()
        got = f.run(run_args("--tracking-uri", uri))
        unharmed(tap, got, name)
        tap.ok(time.monotonic() - begin < 40, f"{name}: it ends all the same")
        says(tap, got, name, "is locked by another process", "mlf sync")
        os.close(fd)
        stored(tap, f, name, env={"MLFLOW_TRACKING_URI": uri})


def test_forced(tap):
    name = "network file system, --force-direct"
    with folder() as f, network(f):
        unharmed(tap, f.run(run_args("--force-direct")), name)
        tap.same(journal_mode(f), "wal", f"{name}: the database is as on a local disk")


reason = why_not()
if reason is not None:
    print(f"1..0 # SKIP {reason}")
else:
    run_tests(test_run, test_at_end, test_together, test_locked, test_forced)
