#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the command, of mlf, of the collector, and of both at once: what a logging call had
returned is in the database, once, and the command is none the worse for the death of mlf.
Usage: test_killed.py LOGGER run|alone: under mlf run, or without a launcher"""

import os
import signal
import sqlite3
import struct
import subprocess
import sys

from faults import FULL, MLF, folder, nothing_left, run_tests, runs, wait_for

LOGGER = os.path.abspath(sys.argv[1])
THREADS = 4
ENDLESS = 1 << 40
LAUNCHER = sys.argv[2] == "run"
ROUNDS = 50 if FULL else 10
# Calls after which is killed: early, and when the ring has been full.
MOMENTS = (500, 150000, 30000)


def progress(f):
    """How many calls of each thread have returned."""
    try:
        with open(os.path.join(f.work, "progress"), "rb") as file:
            return struct.unpack(f"{THREADS}q", file.read(8 * THREADS))
    except (OSError, struct.error):
        return (0,) * THREADS


def metrics(f):
    """Per key: rows, different steps, and the lowest and highest of them."""
    with sqlite3.connect(os.path.join(f.work, "mlflow.db")) as db:
        rows = db.execute("SELECT key, count(*), count(DISTINCT step), min(step), max(step) "
                          "FROM metrics GROUP BY key").fetchall()
    return {row[0]: row[1:] for row in rows}


def check_metrics(tap, f, name):
    """Each call that had returned is there and none is twice. One more may be: the last one had put its
    value and was killed before it returned."""
    returned = progress(f)
    found = metrics(f)
    wrong = []
    for thread, calls in enumerate(returned):
        rows, steps, low, high = found.get(f"m{thread}", (0, 0, 0, -1))
        if rows != steps or steps not in (calls, calls + 1) or low != 0 or high != steps - 1:
            wrong.append(f"m{thread}: {calls} returned, {rows} rows, {steps} steps {low}…{high}")
    return tap.ok(not wrong and sum(returned) > 0,
                  f"{name}: each value whose call had returned is there, none twice", *wrong)


def collectors(f):
    """The processes that collect the rings of this folder."""
    pids = []
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except (OSError, ValueError):
            continue
        if b"collect" in words and any(f.spool.encode() in word for word in words):
            pids.append(int(name))
    return pids


def kill(*pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def wait_gone(pid):
    return wait_for(lambda: not os.path.exists(f"/proc/{pid}") or state(pid) in "ZX", 30)


def state(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "X"


def child_of(pid):
    """The process that |pid| started; waits until there is one that has logged."""
    children = f"/proc/{pid}/task/{pid}/children"
    found = []

    def look():
        with open(children, encoding="utf-8") as file:
            found[:] = [int(word) for word in file.read().split()]
        return bool(found)
    return found[0] if wait_for(look) else None


def start_logger(f, launcher, count=ENDLESS, gate=None):
    """Starts it with or without mlf run: the process started, and the logger's pid."""
    argv = [LOGGER, str(THREADS), str(count), os.path.join(f.work, "progress")]
    argv += [os.path.join(f.work, gate)] if gate else []
    process = f.start([MLF, "run", "--quiet", "--", *argv] if launcher else argv,
                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return process, child_of(process.pid) if launcher else process.pid


def check_ended(tap, f, name, want=None):
    listed, got = runs(f)
    states = [run["info"]["status"] for run in listed]
    tap.ok(len(listed) == 1 and (states == [want] if want else states[0] != "RUNNING"),
           f"{name}: one run, {want or 'and it is over'}", states, got.text)


def kill_round(tap, victims, number):
    """|victims| are killed while four threads log as fast as they can."""
    launcher = LAUNCHER
    name = f"kill -9 of {victims}, {'mlf run' if launcher else 'no launcher'}, round {number}"
    with folder() as f:
        process, logger = start_logger(f, launcher)
        moment = MOMENTS[number % len(MOMENTS)]
        wait_for(lambda: min(progress(f)) > 0 and sum(progress(f)) > moment)
        collecting = [process.pid] if launcher else collectors(f)
        killed = [*(collecting if victims != "the command" else []),
                  *([logger] if victims != "the collector" else [])]
        kill(*killed)
        if victims == "the collector":
            wait_for(lambda before=sum(progress(f)): sum(progress(f)) > before, 2)
            kill(logger)
        process.wait(timeout=60)
        for pid in {logger, *killed}:
            wait_gone(pid)
        check_ended(tap, f, name, "KILLED" if launcher and victims == "the command" else None)
        check_metrics(tap, f, name)
        nothing_left(tap, f, name)


def test_kills(tap):
    for victims in ("the command", "the collector", "both"):
        for number in range(ROUNDS):
            kill_round(tap, victims, number)


def test_command_goes_on(tap):
    """mlf run dies while the command waits half way: it goes on, logs the rest and ends as it would."""
    name = "kill -9 of mlf run half way"
    count = 2000
    with folder() as f:
        # A shell stands between, to write down the exit status that mlf cannot pass on any more.
        script = f"'{LOGGER}' {THREADS} {count} progress go; echo $? >code"
        process = f.start([MLF, "run", "--quiet", "--", "sh", "-c", script],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        tap.ok(wait_for(lambda: min(progress(f)) == count // 2), f"{name}: half of it is logged")
        kill(process.pid)
        process.wait(timeout=60)
        f.write("go", b"")
        tap.ok(wait_for(lambda: f.exists("code") and os.path.getsize(os.path.join(f.work, "code")) > 0),
               f"{name}: the command ends by itself")
        with open(os.path.join(f.work, "code"), "rb") as file:
            tap.same(file.read(), b"7\n", f"{name}: its exit status is its own")
        wait_for(lambda: len(runs(f)[0]) == 1 and runs(f)[0][0]["info"]["status"] != "RUNNING", 20)
        tap.same(progress(f), (count,) * THREADS, f"{name}: every call returned")
        check_ended(tap, f, name)
        check_metrics(tap, f, name)
        nothing_left(tap, f, name)


def test_captured_output(tap):
    """With its output captured, the command finds a closed pipe when mlf is gone, as behind any reader."""
    name = "kill -9 of mlf run, output captured"
    with folder() as f:
        # The first line comes through mlf, which has looked at it when it passes on the next one; the last one is
        # written to nobody.
        script = "echo loss=1; while ! test -e next; do sleep 0.01; done; echo text; " \
                 "while ! test -e go; do sleep 0.01; done; echo loss=2; echo still here >after"
        process = f.start([MLF, "run", "--quiet", "--metric", r"loss=loss=(\S+)", "--", "bash", "-c",
                           f"trap '' PIPE; {script}"])
        tap.same(process.stdout.readline(), b"loss=1\n", f"{name}: the first line came through")
        f.write("next", b"")
        tap.same(process.stdout.readline(), b"text\n", f"{name}: and the next")
        kill(process.pid)
        process.wait(timeout=60)
        f.write("go", b"")
        tap.ok(wait_for(lambda: f.exists("after")), f"{name}: a command that ignores SIGPIPE goes on")
        tap.ok(wait_for(lambda: len(runs(f)[0]) == 1 and runs(f)[0][0]["info"]["status"] != "RUNNING",
                        20), f"{name}: the run is brought in", runs(f)[1].text)
        found = metrics(f).get("loss", (0,))
        tap.ok(found[0] == 1, f"{name}: with what it had printed", found)


if LAUNCHER:
    run_tests(test_command_goes_on, test_captured_output, test_kills)
run_tests(test_kills)
