#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Files in the spool that are not what their names say: each is named and left alone, and neither a new
run nor what is whole beside it suffers."""

import os
import stat

from faults import folder, nothing_left, run_args, run_tests, runs, says, stored, unharmed


def leave_journal(f):
    """An offline run: a whole spill or ring that `mlf sync` can merge. Gives its path."""
    f.run(run_args(), env={"MLF_OFFLINE": "1"})
    left = [path for path in f.files() if path.startswith("spool/")]
    return os.path.join(f.path, left[0]) if left else None


def put(f, name, data, mode=0o600):
    path = os.path.join(f.spool, name)
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, mode)
    return path


HOSTILE = (
    ("an empty ring", "aaaa-1-0000.ring", b"", 0o600),
    ("a ring of text", "aaaa-1-0000.ring", b"not a ring\n" * 1000, 0o600),
    ("a ring cut short", "aaaa-1-0000.ring", b"MLFRING\0" + b"\0" * 10000, 0o600),
    ("a ring of another mlf", "aaaa-1-0000.ring", b"MLFRING\0" + b"\x63\0\0\0" + b"\0" * 20000, 0o600),
    ("a ring that others can write", "aaaa-1-0000.ring", b"MLFRING\0" * 1000, 0o666),
    ("an empty journal", "bbbb-1-0000.1.journal", b"", 0o600),
    ("a journal of text", "bbbb-1-0000.1.journal", b"not a journal\n" * 1000, 0o600),
    ("a journal of another mlf", "bbbb-1-0000.1.journal", b"MLFJRNL\0" + b"\x63\0\0\0" * 3000, 0o600),
    ("a spill of zeros", "cccc-1-0000.spill", b"\0" * 10000, 0o600),
)


def test_files(tap):
    for name, file, data, mode in HOSTILE:
        with folder() as f:
            whole = leave_journal(f)
            if not tap.ok(whole is not None, f"{name}: there is a whole one beside it"):
                continue
            path = put(f, file, data, mode)
            got = f.mlf("sync")
            tap.same((got.code, got.out), (1, b"1 merged, 1 could not be merged\n"),
                     f"{name}: the whole one is merged, this one is not")
            says(tap, got, name, "left alone", path)
            with open(path, "rb") as kept:
                tap.ok(kept.read() == data, f"{name}: it is as it was")
            got = f.run(run_args())
            unharmed(tap, got, f"{name}: a new run")
            tap.ok("could be stored" not in got.text, f"{name}: a new run has no trouble", got.text)
            stored(tap, f, name, count=2)
            os.unlink(path)
            nothing_left(tap, f, name)


def test_no_files(tap):
    """Names that are no files: opening them must neither block nor follow."""
    for name, make in (("a folder", os.mkdir), ("a fifo", os.mkfifo),
                       ("a link to nowhere", lambda path: os.symlink("/no/such/file", path)),
                       ("a link to a file", lambda path: os.symlink("/etc/passwd", path))):
        for suffix in (".ring", ".1.journal"):
            with folder() as f:
                leave_journal(f)
                path = os.path.join(f.spool, "dddd-1-0000" + suffix)
                make(path)
                mode = stat.S_IFMT(os.lstat(path).st_mode)
                got = f.mlf("sync")
                tap.ok(got.out.startswith(b"1 merged"), f"{name}{suffix}: the rest is merged", got.out,
                       got.text)
                tap.same(stat.S_IFMT(os.lstat(path).st_mode), mode, f"{name}{suffix}: it is left alone")


def damage(path, at, data):
    with open(path, "r+b") as file:
        file.seek(at if at >= 0 else os.path.getsize(path) + at)
        file.write(data)


def test_damaged(tap):
    """A journal that is damaged in one record loses that record; one that is cut loses its end."""
    for name, harm in (("its last bytes changed", lambda path: damage(path, -3, b"???")),
                       ("its last bytes cut", lambda path: os.truncate(path, os.path.getsize(path) - 5)),
                       ("a page of zeros behind it", lambda path: damage(path, os.path.getsize(path),
                                                                         b"\0" * 4096))):
        with folder() as f:
            path = leave_journal(f)
            harm(path)
            got = f.mlf("sync")
            tap.same((got.code, got.out), (0, b"1 merged\n"), f"a journal with {name} is merged")
            listed, _ = runs(f)
            tap.ok(len(listed) == 1 and listed[0]["info"]["status"] != "RUNNING" and any(
                metric["key"] == "loss" for metric in listed[0]["data"].get("metrics", [])),
                f"a journal with {name}: what is whole is there", listed)
            nothing_left(tap, f, f"a journal with {name}")


run_tests(test_files, test_no_files, test_damaged)
