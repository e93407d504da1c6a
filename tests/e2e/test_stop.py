#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mlf run --stop-when and --line-buffered: a command is ended by what it logs, with all that it has started, and prints
its lines at once."""

import os
import signal
import subprocess
import time

from harness import MLF, compile_c, folder, run_tests, wait_for

INCLUDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, "include")
LOSES = "i=0; while :; do echo \"step $i loss $i\"; i=$((i+1)); sleep 0.01; done"


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rsplit(b")", 1)[1].split()[0] in (b"Z", b"X")
    except OSError:
        return True


def test_stops(tap):
    with folder() as f:
        got = f.mlf("run", "--stop-when", "LOSS > 5", "--", "sh", "-c", LOSES)
        tap.same(got.code, -signal.SIGTERM, "the command is ended by SIGTERM")
        run = f.last_run()
        tap.same((run["info"]["status"], run["tags"].get("mlf.stopped_by")), ("KILLED", "LOSS > 5"),
                 "the run says by what")
        tap.ok(run["metrics"].get("loss", 0) >= 6, "with the value that ended it", run["metrics"])
        got = f.mlf("run", "--stop-when", "loss is nan", "--", "sh", "-c",
                    "echo loss=1; echo loss=nan; exec sleep 1000")
        tap.same(got.code, -signal.SIGTERM, "NaN is seen")
        got = f.mlf("run", "--stop-when", "loss > 5", "--", "sh", "-c", "echo loss=1; exit 3")
        tap.same((got.code, "mlf.stopped_by" in f.last_run()["tags"]), (3, False),
                 "a command that keeps within it is left alone")


def test_stops_everything(tap):
    """Neither a process that ignores SIGTERM nor a descendant stays."""
    with folder() as f:
        script = "trap '' TERM; sh -c 'echo $$ >child; while :; do sleep 0.1; done' & echo loss=9; wait; wait"
        began = time.monotonic()
        got = f.mlf("run", "--stop-when", "loss > 5", "--", "sh", "-c", script)
        tap.same(got.code, -signal.SIGKILL, "a command that ignores SIGTERM is killed")
        tap.ok(time.monotonic() - began > 4, "after its grace")
        with open(os.path.join(f.work, "child"), encoding="ascii") as file:
            pid = int(file.read())
        tap.ok(wait_for(lambda: gone(pid)), "and so is what it started")


def test_stops_orphans(tap):
    """A process whose parent has ended by SIGTERM, and that ignores it itself, is not forgotten."""
    inner = "trap '' TERM; echo $$ >child; echo loss=9; while :; do sleep 0.1; done"
    with folder() as f:
        f.write("inner.sh", inner.encode())
        f.write("middle.sh", b"sh inner.sh & wait")
        script = "trap : TERM; sh middle.sh & while :; do sleep 0.1; done"
        got = f.mlf("run", "--stop-when", "loss > 5", "--", "sh", "-c", script)
        tap.same(got.code, -signal.SIGKILL, "the command is killed after its grace")
        with open(os.path.join(f.work, "child"), encoding="ascii") as file:
            pid = int(file.read())
        if not tap.ok(wait_for(lambda: gone(pid), 10), "and so is a process that has lost its parent"):
            os.kill(pid, signal.SIGKILL)


def test_logged_by_calls(tap):
    """Hooked and logged metrics count as printed ones do."""
    source = "#include <mlf/mlf.h>\n#include <unistd.h>\n" \
             "int main(void) { mlf_log_metric(\"error\", 7, 1); sleep(1000); }"
    build = os.path.dirname(os.path.dirname(MLF))
    folders = [os.path.join(build, name) for name in ("autolog", "core")]
    with folder() as f:
        program = compile_c(f, "logs", source, "-I" + INCLUDE, *("-L" + name for name in folders), "-lmlf",
                            "-lmlf_core", "-Wl,-rpath," + ":".join(folders))
        got = f.mlf("run", "--stop-when", "error >= 7", "--", program)
        tap.same(got.code, -signal.SIGTERM, "a metric that a call logs ends the command")


def test_bad_conditions(tap):
    with folder() as f:
        for text, part in (("loss >", "number"), ("", "name of a metric"), ("loss is big", "nan")):
            got = f.mlf("run", "--stop-when", text, "--", "touch", "ran")
            tap.ok(got.code == 125 and part in got.text and not f.exists("ran"),
                   f"'{text}' is refused before the command starts", got.code, got.text)


def test_line_buffered(tap):
    """A program that never flushes: its lines come one by one."""
    source = "#include <stdio.h>\n#include <unistd.h>\n" \
             "int main(void) { printf(\"loss 1\\n\"); sleep(1000); }"
    with folder() as f:
        program = compile_c(f, "prints", source)
        with subprocess.Popen([MLF, "run", "--quiet", "--line-buffered", "--", program], cwd=f.work,
                              env=f.env, stdout=subprocess.PIPE) as process:
            tap.same(process.stdout.readline(), b"loss 1\n", "a line arrives while the program goes on")
            process.terminate()
            process.wait(timeout=60)


run_tests(test_stops, test_stops_everything, test_stops_orphans, test_logged_by_calls, test_bad_conditions, test_line_buffered)
