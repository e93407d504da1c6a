#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A study without room: the disks of database and spool are full, for a while or for good. It goes on as long as what it
logs can be kept at all, ends with a clear message then, and is loaded whole once there is room.
Usage: test_study.py STUDY_PROGRAM"""

import contextlib
import os
import sqlite3
import sys

from faults import folder, in_mounts, run_tests, why_no_mounts

PROGRAM = os.path.abspath(sys.argv[1])

# The database's disk is full from the second study on. What a step says is kept as NAME.out, NAME.err and NAME.code.
BEGIN = """mkdir $F/disk; mkdir -p -m 700 $F/small
mount -t tmpfs -o size=12m none $F/disk; mount -t tmpfs -o size=$SPOOL,mode=700 none $F/small
export MLF_SPOOL=$F/small; cd $F/disk
step() { name=$1; shift; code=0; "$@" >$F/$name.out 2>$F/$name.err || code=$?; echo $code >$F/$name.code; }
step first "$P" new first 1 0; "$MLF" sync >/dev/null
cat /dev/zero >fill 2>/dev/null || true
"""
END = """rm fill
step load "$P" load study 1 0
"$MLF" sync >/dev/null; ls -A $F/small >$F/left; cp $F/disk/mlflow.db $F/copy.db
"""


def read(f, name):
    path = os.path.join(f.path, name)
    if not os.path.exists(path):
        return "never ran"
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def step(f, name):
    """Exit status, numbers of the trials that it began, states of all trials in the end, and stderr."""
    lines = [line.split() for line in read(f, f"{name}.out").splitlines()]
    return (read(f, f"{name}.code").strip(), [int(line[1]) for line in lines if line[0] == "trial"],
            [line[2] for line in lines if line[0] == "is"], read(f, f"{name}.err"))


def scenario(tap, name, spool, script):
    reason = why_no_mounts()
    if reason is not None:
        tap.skip(name, reason)
        return None
    where = folder()
    f = where.__enter__()
    in_mounts(f, BEGIN + script + END, {"SPOOL": spool, "P": PROGRAM})
    return where, f


def whole(tap, f, name, numbers):
    """The database has each trial once, and nothing is left to store."""
    with contextlib.closing(sqlite3.connect(os.path.join(f.path, "copy.db"))) as db:
        runs = [row[0] for row in db.execute(
            "SELECT r.name FROM runs r JOIN tags t USING (run_uuid) JOIN runs p ON p.run_uuid = t.value "
            "WHERE t.key = 'mlflow.parentRunId' AND p.name = 'study' ORDER BY r.start_time, r.run_uuid")]
    tap.same(sorted(runs), sorted(f"trial_{n}" for n in numbers), f"{name}: each trial has one run")
    tap.same(read(f, "left"), "", f"{name}: nothing is left in the spool")


def test_goes_on(tap):
    """Both disks are full; the ring takes it all. While it cannot be stored nobody else goes on with the study."""
    name = "full disks"
    at = scenario(tap, name, "1256k", 'step study "$P" new study 200 0; step early "$P" load study 1 0\n')
    if at is None:
        return
    where, f = at
    code, began, states, said = step(f, "study")
    tap.same((code, began, states, said), ("0", list(range(200)), ["COMPLETE"] * 200, ""),
             f"{name}: the study goes on and ends well, and nothing is said")
    code, began, _, said = step(f, "early")
    tap.ok((code, began) == ("1", []) and "MLF_ERR_BUSY" in said and "does not advance" in said and "mlf sync" in said,
           f"{name}: it is not loaded before it is stored", said)
    code, began, states, said = step(f, "load")
    tap.same((code, began, states), ("0", [200], ["COMPLETE"] * 201), f"{name}: with room again it is loaded whole {said}")
    whole(tap, f, name, range(201))
    where.__exit__(None, None, None)


def test_ends(tap):
    """More than the ring holds, and no room for a journal."""
    name = "full disks and a full ring"
    at = scenario(tap, name, "1256k", 'step study "$P" new study 100 0 many\n')
    if at is None:
        return
    where, f = at
    code, began, _, said = step(f, "study")
    tap.ok(code == "1" and "small" in said and "No space left" in said and len(said.splitlines()) == 1,
           f"{name}: the study ends and says why", code, said)
    code, more, states, said = step(f, "load")
    numbers = range(len(states))
    tap.ok(code == "0" and len(began) > 3 and more == [len(states) - 1] and
           states[:len(began) - 1] == ["COMPLETE"] * (len(began) - 1) and states[-1] == "COMPLETE",
           f"{name}: with room again all that were told are loaded", code, began, states, said)
    whole(tap, f, name, numbers)
    where.__exit__(None, None, None)


run_tests(test_goes_on, test_ends)
