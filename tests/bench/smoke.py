#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does a benchmark run, and is what it prints with --json valid? No time is judged: see README.md.
Usage: smoke.py NAME COMMAND…"""

import json
import math
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tap  # noqa: E402

TIMEOUT_S = 240


def parse(text):
    try:
        return json.loads(text)
    except ValueError:
        return None


def check_figures(results, figures):
    results.check(len(figures) > 0, "there are figures")
    for figure in figures:
        good = isinstance(figure.get("name"), str) and isinstance(figure.get("unit"), str) and \
            isinstance(figure.get("value"), (int, float)) and math.isfinite(figure["value"])
        results.check(good, f"a name, a unit and a number: {figure.get('name')}", figure)


def main():
    name, command = sys.argv[1], sys.argv[2:]
    results = tap.Tap()
    for flags in (["--json"], []):
        done = subprocess.run([*command, "--smoke", *flags], check=False, text=True,
                              timeout=TIMEOUT_S, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        results.check(done.returncode == 0, f"{name} {' '.join(flags)} runs", done.stdout,
                      done.stderr)
        if not flags:
            results.check(done.stdout != "", "its text is not empty")
            break
        output = parse(done.stdout)
        if not results.check(isinstance(output, dict), "the output is one JSON object", done.stdout):
            continue
        results.check(output.get("bench") == name, "it says which benchmark it is", output)
        skipped = [note for note in output.get("notes", []) if note.startswith("skipped:")]
        if skipped:
            results.skip("figures", skipped[0].removeprefix("skipped: "))
        else:
            check_figures(results, output.get("figures", []))
    return results.done()


if __name__ == "__main__":
    sys.exit(main())
