#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A program that reads and writes the store at once while `mlf run` collects what it logs. Usage:
test_api_host.py PROGRAM"""

import glob
import json
import os
import sys

import harness

PROGRAM = os.path.abspath(sys.argv[1])

WANT = """start MLF_OK
log MLF_OK
get MLF_OK
metrics 1
own experiment MLF_OK
other experiment MLF_ERR_STATE
other name MLF_ERR_STATE
its name MLF_OK
own store MLF_OK
other store MLF_ERR_STATE
tag MLF_OK
search MLF_OK
runs 1
"""


def the_launchers_store_and_experiment_are_the_programs(tap):
    with harness.folder() as where:
        done = where.mlf("run", "--experiment", "named", "--", PROGRAM)
        uri, _, rest = done.out.decode().partition("\n")
        tap.same(uri, f"uri sqlite:///{os.path.realpath(where.work)}/mlflow.db",
                 "the program's store is the launcher's")
        tap.same(rest, WANT, "it sees its own run, and stays in the launcher's experiment")
        run = where.last_run()
        tap.same(run["info"]["status"], "FINISHED", "the run ends well")
        listed = []
        for path in glob.glob(os.path.join(where.work, "mlruns/*/*/artifacts/mlf/files.json")):
            with open(path, encoding="utf-8") as file:
                listed += [os.path.basename(entry["path"]) for entry in json.load(file)]
        tap.same(listed, ["data.txt"], "the store's own files are none of the program's")


def the_launchers_experiment_may_be_the_default_one(tap):
    with harness.folder() as where:
        done = where.mlf("run", "--", PROGRAM)
        for line in ("own experiment MLF_OK", "other experiment MLF_OK", "other name MLF_ERR_STATE", "its name MLF_OK"):
            tap.has(done.out.decode(), line, f"in the default experiment: {line}")


def nothing_is_asked_of_the_host(tap):
    """Switched off, the same program still runs."""
    with harness.folder() as where:
        done = where.run([PROGRAM], env={"MLF_OFF": "1"})
        tap.same(done.code, 0, "switched off, the program ends well")
        tap.has(done.out.decode(), "get MLF_ERR_OFF", "reading says so")
        tap.has(done.out.decode(), "tag MLF_OK", "writing does nothing")
        tap.ok(not where.exists("mlflow.db"), "and there is no store")


harness.run_tests(the_launchers_store_and_experiment_are_the_programs,
                  the_launchers_experiment_may_be_the_default_one, nothing_is_asked_of_the_host)
