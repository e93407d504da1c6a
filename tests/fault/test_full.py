#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No room: a full disk under the database, under the ring, a tiny /dev/shm."""

import json
import os
import time

from faults import (CODE, OUTPUT, SCRIPT, folder, in_mounts, nothing_left, run_tests, says, stored,
                    unharmed, why_no_mounts)
from harness import Result

# What every script defines: the run whose output, messages and exit status are kept.
RUN = ("run() { code=0; \"$MLF\" run --summary --metric 'loss=loss=(\\S+)' \"$@\" -- sh -c '" + SCRIPT +
       "' >$F/out 2>$F/err || code=$?; echo $code >$F/code; }\n")


def result(f):
    """How the run inside the private mounts ended."""
    def read(name):
        path = os.path.join(f.path, name)
        if not os.path.exists(path):
            return b""
        with open(path, "rb") as file:
            return file.read()
    code = read("code").strip()
    return Result(int(code) if code else "never ran", read("out"), read("err"))


def scenario(tap, name, script, env=None):
    """Runs it, checks that the command was not harmed, and gives what is needed for more checks."""
    reason = why_no_mounts()
    if reason is not None:
        tap.skip(name, reason)
        return None
    where = folder()
    f = where.__enter__()
    begin = time.monotonic()
    shell = in_mounts(f, RUN + script, env)
    seconds = time.monotonic() - begin
    got = result(f)
    unharmed(tap, got, name)
    tap.ok(seconds < 15, f"{name}: it ends in bounded time", f"{seconds:.1f} s", shell.text)
    return where, f, got, shell


def test_database(tap):
    """The disk is full when the run begins, and has room again later."""
    for exists in (True, False):
        name = f"full disk, database {'there' if exists else 'not made yet'}"
        script = ("mkdir $F/disk; mount -t tmpfs -o size=2m none $F/disk; cd $F/disk\n" +
                  ("\"$MLF\" run --quiet -- true\n" if exists else "") +
                  "cat /dev/zero >fill 2>/dev/null || true; run; rm fill\n"
                  "\"$MLF\" sync >$F/sync 2>&1 || true\n"
                  "\"$MLF\" runs list --json >$F/list 2>&1\n")
        at = scenario(tap, name, script)
        if at is None:
            continue
        where, f, got, shell = at
        says(tap, got, name, "mlflow.db", "No space left" if exists else "full", "mlf sync")
        listed = open_json(f, "list")
        tap.same(len(listed), 2 if exists else 1, f"{name}: mlf sync stores the run later")
        tap.ok(any(run["info"]["status"] == "FAILED" and run["data"].get("metrics") for run in listed),
               f"{name}: with state and metrics", shell.text, str(listed))
        nothing_left(tap, f, name)
        where.__exit__(None, None, None)


def open_json(f, name):
    try:
        with open(os.path.join(f.path, name), "rb") as file:
            return json.load(file)
    except (OSError, ValueError):
        return []


def test_while_running(tap):
    """The disk fills up while the command runs, and has room again before it ends."""
    name = "disk full for a while"
    script = ("mkdir $F/disk; mount -t tmpfs -o size=2m none $F/disk; cd $F/disk\n"
              "\"$MLF\" run --quiet -- true\n"
              "code=0; \"$MLF\" run --summary --metric 'loss=loss=(\\S+)' -- sh -c "
              "'cat /dev/zero >fill 2>/dev/null; echo loss=1; echo loss=2; sleep 0.5; rm fill; "
              "echo loss=3; echo text; exit 3' >$F/out 2>$F/err || code=$?; echo $code >$F/code\n"
              "\"$MLF\" runs list --json >$F/list 2>&1\n")
    at = scenario(tap, name, script)
    if at is None:
        return
    where, f, got, _ = at
    listed = open_json(f, "list")
    metrics = [run["data"].get("metrics") for run in listed if run["info"]["status"] == "FAILED"]
    tap.ok(len(listed) == 2 and metrics and metrics[0] and metrics[0][0]["value"] == 3,
           f"{name}: everything is stored", str(listed), got.text)
    tap.ok("could be stored" not in got.text, f"{name}: no trouble is left to tell", got.text)
    where.__exit__(None, None, None)


def test_ring(tap):
    """No room for the ring in the spool that was asked for."""
    name = "full spool"
    at = scenario(tap, name, "mkdir -m 700 $F/small; mount -t tmpfs -o size=512k,mode=700 none $F/small\n"
                             "export MLF_SPOOL=$F/small; cd $F/work; run; ls -A $F/small >$F/left\n")
    if at is None:
        return
    where, f, got, _ = at
    says(tap, got, name, "not recorded", "small", "No space left", "MLF_SPOOL")
    with open(os.path.join(f.path, "left"), "rb") as file:
        tap.same(file.read(), b"", f"{name}: nothing is left in it")
    where.__exit__(None, None, None)


def test_small_ring(tap):
    """Room for the small ring only."""
    name = "spool with room for a small ring"
    at = scenario(tap, name, "mkdir -m 700 $F/small; mount -t tmpfs -o size=3m,mode=700 none $F/small\n"
                             "export MLF_SPOOL=$F/small; cd $F/work; run\n")
    if at is None:
        return
    where, f, _, _ = at
    stored(tap, f, name)
    where.__exit__(None, None, None)


def test_tiny_shm(tap):
    """Containers have a /dev/shm of 64 MiB or less: the ring lies on disk then."""
    for size in ("64k", "8m"):
        name = f"/dev/shm of {size}"
        at = scenario(tap, name, f"mount -t tmpfs -o size={size} none /dev/shm; unset MLF_SPOOL\n"
                                 "export XDG_STATE_HOME=$F/state; cd $F/work; run\n"
                                 "ls -A $F/state/mlf >$F/left\n")
        if at is None:
            continue
        where, f, _, shell = at
        stored(tap, f, name)
        tap.ok(os.path.exists(os.path.join(f.path, "left")), f"{name}: the ring was on disk", shell.text)
        where.__exit__(None, None, None)


def test_full_disk_and_program(tap):
    """The command's own disk is full: it fails as it would without mlf."""
    name = "the command's own full disk"
    reason = why_no_mounts()
    if reason is not None:
        tap.skip(name, reason)
        return
    with folder() as f:
        in_mounts(f, "mkdir $F/disk; mount -t tmpfs -o size=256k none $F/disk\n"
                     "fill() { \"$@\" sh -c 'cat /dev/zero >$F/disk/fill; echo $?' 2>&1; }\n"
                     "fill >$F/plain; rm $F/disk/fill; cd $F/work; fill \"$MLF\" run --quiet -- >$F/ours\n")
        with open(os.path.join(f.path, "plain"), "rb") as plain:
            with open(os.path.join(f.path, "ours"), "rb") as ours:
                tap.same(ours.read(), plain.read(), f"{name}: it says the same")
    assert CODE == 3 and OUTPUT.endswith(b"text\n")


run_tests(test_database, test_while_running, test_ring, test_small_ring, test_tiny_shm,
          test_full_disk_and_program)
