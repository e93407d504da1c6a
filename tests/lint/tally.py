#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scripts/tally.py counts what meson's log holds, crashes and time-outs included.
Usage: tally.py SOURCE_ROOT"""

import json
import os
import subprocess
import sys
import tempfile

import tap

# name, stdout, result, exit status, and what has to be counted: passed, failed, skipped
CASES = (
    ("three checks", "ok 1 - a # SKIP no b\nok 2 - b\nnot ok 3 - c # d\n# got 5\n1..3\n", "FAIL", 1,
     (1, 1, 1)),
    ("a crash after a check", "ok 1 - a\n", "ERROR", -6, (1, 1, 0)),
    ("a crash after a failed check", "not ok 1 - a\n", "ERROR", -6, (0, 1, 0)),
    ("a time-out", "ok 1 - a\n", "TIMEOUT", -15, (1, 1, 0)),
    ("a plan that is not kept", "ok 1 - a\n1..2\n", "ERROR", 0, (1, 1, 0)),
    ("an exit status with all checks passed", "ok 1 - a\n1..1\n", "ERROR", 3, (1, 1, 0)),
    ("a program that skips everything", "1..0 # SKIP no MLflow\n", "SKIP", 0, (0, 0, 1)),
    ("output without checks", "hello\nokay\n", "OK", 0, (1, 0, 0)),
)


def tally(root, entries, *options):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as log:
        for entry in entries:
            log.write(json.dumps(entry) + "\n")
        log.flush()
        done = subprocess.run(
            [sys.executable, os.path.join(root, "scripts", "tally.py"), *options, "x=" + log.name],
            text=True, capture_output=True)
    return (done.stdout.splitlines() or [done.stderr])[-1], done.returncode


def entry_of(case):
    return {"name": case[0], "stdout": case[1], "result": case[2], "returncode": case[3]}


def main():
    root = sys.argv[1]
    results = tap.Tap()
    for case in CASES:
        want = "{} passed, {} failed, {} skipped".format(*case[4])
        line, status = tally(root, [entry_of(case)])
        results.check(line == want, f"{case[0]} is counted", f"got  {line}", f"want {want}")
        bad = case[4][1] > 0 or case[4][0] == 0
        results.check((status != 0) == bad, f"{case[0]} gives the right exit status", f"got {status}")
    line, status = tally(root, [entry_of(CASES[-1])], "--failed", "clang: compile")
    results.check(line == "1 passed, 1 failed, 0 skipped" and status == 1,
                  "a build that failed is counted", line)
    return results.done()


sys.exit(main())
