#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Places where nothing can be written or read as usual: a read-only directory, no HOME, a user without
an entry in passwd, a database that is foreign, unreadable, damaged or older."""

import os
import sqlite3

from faults import (MLF, as_other, folder, in_mounts, nothing_left, run_args, run_tests, runs, says, stored,
                    unharmed, why_no_mounts, why_no_other_user)


def test_read_only_directory(tap):
    name = "read-only directory"
    reason = why_no_other_user()
    if reason is not None:
        tap.skip(name, reason)
        return
    with folder() as f:
        options = as_other(f)
        os.chmod(f.work, 0o555)
        got = f.run(run_args(), **options)
        unharmed(tap, got, name)
        says(tap, got, name, "mlflow.db", "Permission denied", "mlf sync", f.spool)
        os.chmod(f.work, 0o755)
        got = f.run([MLF, "sync"], **options)
        tap.same((got.code, got.out), (0, b"1 merged\n"), f"{name}: mlf sync stores it once it can")
        stored(tap, f, name)


def test_read_only_file_system(tap):
    name = "read-only file system"
    reason = why_no_mounts()
    if reason is not None:
        tap.skip(name, reason)
        return
    with folder() as f:
        got = in_mounts(f, "mkdir $F/disk; mount -t tmpfs none $F/disk; cd $F/disk\n"
                           "mount -o remount,ro $F/disk\n"
                           "exec \"$MLF\" run --summary -- sh -c 'echo text; exit 3'")
        tap.same((got.code, got.out), (3, b"text\n"), f"{name}: output and exit status are its own")
        says(tap, got, name, "mlflow.db", "Read-only file system", "mlf sync")


def test_no_home(tap):
    """Neither HOME nor a spool nor a state folder is set."""
    for home in (None, "", "$F/nohome", "/proc"):
        name = f"HOME {home!r}"
        reason = why_no_mounts()
        if reason is not None:
            tap.skip(name, reason)
            continue
        with folder() as f:
            setting = "unset HOME" if home is None else f'export HOME="{home}"'
            # /dev/shm and /var/tmp of its own, so that nobody else's files are touched.
            got = in_mounts(f, f"unset MLF_SPOOL XDG_STATE_HOME; {setting}\n"
                               "mount -t tmpfs -o size=64k none /dev/shm; mount -t tmpfs none /var/tmp\n"
                               "cd $F/work; code=0\n"
                               "\"$MLF\" run --quiet -- sh -c 'echo text; exit 3' || code=$?\n"
                               "ls /var/tmp >&2; exit $code")
            tap.same((got.code, got.out), (3, b"text\n"), f"{name}: output and exit status are its own")
            tap.has(got.text, "mlf-0", f"{name}: /var/tmp is the spool")
            tap.ok(not os.path.exists(os.path.join(f.path, "nohome")), f"{name}: no home is made")
            tap.same(len(runs(f)[0]), 1, f"{name}: the run is stored")


def test_unknown_user(tap):
    name = "user without a passwd entry"
    reason = why_no_other_user()
    if reason is not None:
        tap.skip(name, reason)
        return
    for user in (None, "somebody"):
        with folder() as f:
            options = as_other(f)
            for key in ("HOME", "USER", "LOGNAME"):
                f.env.pop(key, None)
            if user is not None:
                f.env["USER"] = user
            got = f.run(run_args(), **options)
            unharmed(tap, got, name)
            tap.ok("could be stored" not in got.text, f"{name}: nothing is wrong", got.text)
            stored(tap, f, name)
            with sqlite3.connect(os.path.join(f.work, "mlflow.db")) as db:
                found = db.execute("SELECT value FROM tags WHERE key = 'mlflow.user'").fetchone()
            tap.ok(found is not None and (user or "12345") in found[0],
                   f"{name}: mlflow.user is {user or 'the number'}", found)
            nothing_left(tap, f, name)


def foreign(path):
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE bookmarks (id INTEGER, url TEXT)")
        db.execute("INSERT INTO bookmarks VALUES (1, 'https://example.org')")


def no_database(path):
    with open(path, "wb") as file:
        file.write(b"This is a letter and not a database.\n" * 100)


def damaged(path):
    foreign(path)
    with open(path, "r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 900)


def older(path):
    """The head of MLflow 2.x in the table that tells it, with the tables that say so."""
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        db.execute("INSERT INTO alembic_version VALUES ('4465047574b1')")
        db.execute("CREATE TABLE experiments (experiment_id INTEGER NOT NULL PRIMARY KEY, "
                   "name VARCHAR(256) NOT NULL, artifact_location VARCHAR(256), lifecycle_stage "
                   "VARCHAR(32), creation_time BIGINT, last_update_time BIGINT)")
        db.execute("CREATE TABLE runs (run_uuid VARCHAR(32) NOT NULL PRIMARY KEY, name VARCHAR(250))")


def test_other_files(tap):
    """What lies under the database's name is something else: it stays as it is, to the byte."""
    cases = ((foreign, ("mlflow.db",)), (no_database, ("mlflow.db", "not a database")),
             (damaged, ("mlflow.db",)), (older, ("mlflow.db", "mlflow db upgrade")))
    for make, parts in cases:
        name = f"{make.__name__} file"
        with folder() as f:
            path = os.path.join(f.work, "mlflow.db")
            make(path)
            with open(path, "rb") as file:
                before = file.read()
            got = f.run(run_args())
            unharmed(tap, got, name)
            says(tap, got, name, *parts, "mlf sync")
            with open(path, "rb") as file:
                tap.same(file.read() == before, True, f"{name}: it is not touched")
            tap.ok(any(left.startswith("spool/") for left in f.files()), f"{name}: the run is kept")
            os.unlink(path)
            got = f.mlf("sync")
            tap.same((got.code, got.out), (0, b"1 merged\n"), f"{name}: once it is away, the run is stored")
            stored(tap, f, name)


def test_unreadable(tap):
    name = "unreadable database"
    reason = why_no_other_user()
    if reason is not None:
        tap.skip(name, reason)
        return
    for mode in (0o000, 0o444):
        with folder() as f:
            f.mlf("run", "--quiet", "--", "true")
            options = as_other(f)
            path = os.path.join(f.work, "mlflow.db")
            os.chmod(path, mode)
            label = f"{name}, mode {mode:o}"
            got = f.run(run_args(), **options)
            unharmed(tap, got, label)
            says(tap, got, label, "mlflow.db", "Permission denied", "mlf sync")
            os.chmod(path, 0o644)
            got = f.run([MLF, "sync"], **options)
            tap.same((got.code, got.out), (0, b"1 merged\n"), f"{label}: mlf sync stores it once it can")


def test_folder_in_its_place(tap):
    name = "a folder named mlflow.db"
    with folder() as f:
        os.mkdir(os.path.join(f.work, "mlflow.db"))
        got = f.run(run_args())
        unharmed(tap, got, name)
        says(tap, got, name, "mlflow.db", "not a file", "mlf sync")
    name = "a folder that is not there"
    with folder() as f:
        got = f.run(run_args("--tracking-uri", "sqlite:///no/such/mlflow.db"))
        unharmed(tap, got, name)
        says(tap, got, name, "no/such/mlflow.db", "No such file or directory", "mlf sync")


def test_quiet_preload(tap):
    """Without a launcher nothing is said at all, whatever is wrong."""
    hooks = os.path.join(os.path.dirname(os.path.dirname(MLF)), "hooks", "libmlf_hooks.so")
    name = "preload without a place for anything"
    if not os.path.exists(hooks) or "ASAN_OPTIONS" in os.environ:
        tap.skip(name, "no hook library beside the built mlf")
        return
    with folder() as f:
        env = {"LD_PRELOAD": hooks, "MLF_SPOOL": "/proc/nowhere", "HOME": "/nonexistent"}
        got = f.run(["sh", "-c", "echo text; exit 3"], env=env)
        tap.same((got.code, got.out, got.err), (3, b"text\n", b""), f"{name}: nothing changes")


run_tests(test_read_only_directory, test_read_only_file_system, test_no_home, test_unknown_user,
          test_other_files, test_unreadable, test_folder_in_its_place, test_quiet_preload)
