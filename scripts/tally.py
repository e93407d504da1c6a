#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts single checks, not test programs: reads the testlog.json files of `meson test`, prints what failed
and what was skipped and why, and at the very end "N passed, N failed, N skipped".
Usage: tally.py [--failed REASON]... NAME=TESTLOG..."""

import collections
import json
import re
import sys

LINE = re.compile(r"(not )?ok\b\s*\d*\s*(?:-\s*)?(.*?)(?:\s*#\s*(SKIP)\S*\s*(.*))?", re.IGNORECASE)
SKIP_ALL = re.compile(r"1\.\.0\s*(?:#\s*SKIP\S*\s*(.*))?", re.IGNORECASE)
BAD = {"FAIL", "ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS"}


class Tally:
    def __init__(self):
        self.passed = 0
        self.failed = []
        self.skipped = collections.Counter()

    def add_tap(self, test, output):
        """Counts the checks of one program's output; returns how many failed in it, and how many there were."""
        failed = seen = 0
        for line in output.splitlines():
            none = SKIP_ALL.fullmatch(line.strip())
            match = LINE.fullmatch(line.rstrip())
            if none:
                self.skipped[none.group(1) or "no reason given"] += 1
                seen += 1
            if not match:
                continue
            seen += 1
            if match.group(1):
                self.failed.append(f"{test}: {match.group(2)}")
                failed += 1
            elif match.group(3):
                self.skipped[match.group(4) or "no reason given"] += 1
            else:
                self.passed += 1
        return failed, seen

    def add_program(self, build, entry):
        test = f"{build}: {entry['name']}"
        failed, seen = self.add_tap(test, entry.get("stdout") or "")
        if entry["result"] in BAD and failed == 0:
            self.failed.append(f"{test}: {entry['result'].lower()}, exit status {entry.get('returncode')}")
        elif seen == 0 and entry["result"] == "SKIP":
            self.skipped[f"{entry['name']} gave no reason"] += 1
        elif seen == 0 and entry["result"] == "OK":
            self.passed += 1


def main():
    tally = Tally()
    arguments = iter(sys.argv[1:])
    for argument in arguments:
        if argument == "--failed":
            tally.failed.append(next(arguments))
            continue
        build, _, path = argument.partition("=")
        before = tally.passed, len(tally.failed), sum(tally.skipped.values())
        with open(path, encoding="utf-8") as log:
            for line in log:
                tally.add_program(build, json.loads(line))
        after = tally.passed, len(tally.failed), sum(tally.skipped.values())
        print("{}: passed {}, failed {}, skipped {}".format(
            build, *(new - old for new, old in zip(after, before))))
    for reason, count in sorted(tally.skipped.items()):
        print(f"skipped {count}: {reason}")
    for failure in tally.failed:
        print(f"FAILED {failure}")
    print(f"{tally.passed} passed, {len(tally.failed)} failed, {sum(tally.skipped.values())} skipped")
    return int(bool(tally.failed) or tally.passed == 0)


sys.exit(main())
