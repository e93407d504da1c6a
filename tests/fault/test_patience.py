#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The store's own patience with a locked database is 20 s. A command that is over does not wait for all
of it twice: its shell gets the prompt back, and the run is kept."""

from faults import FULL, folder, locked_run, nothing_left, run_tests, runs


def test_default_patience(tap):
    name = "locked database, patience not set"
    if not FULL:
        tap.skip(name, "waits for 20 s: only with MLF_TEST_FULL=1")
        return
    with folder() as f:
        locked_run(tap, f, name, 30)
        tap.same(len(runs(f)[0]), 2, f"{name}: the run is brought in later")
        nothing_left(tap, f, name)


run_tests(test_default_patience)
