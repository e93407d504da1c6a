# SPDX-License-Identifier: Apache-2.0
"""What the fault scenarios share: one command whose output and exit status are known, and what has to be
true of it whatever happens to mlf."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

from harness import MLF, folder, run_tests, wait_for  # noqa: E402,F401

OTHER_USER = 12345
FULL = "MLF_TEST_FULL" in os.environ
SCRIPT = "for i in 1 2 3; do echo loss=$i; done; echo text; exit 3"
COMMAND = ["sh", "-c", SCRIPT]
OUTPUT = b"loss=1\nloss=2\nloss=3\ntext\n"
CODE = 3
RULE = ["--metric", r"loss=loss=(\S+)"]


def run_args(*options):
    return [MLF, "run", "--summary", *RULE, *options, "--", *COMMAND]


def unharmed(tap, got, name):
    """The command did what it does without mlf."""
    return tap.same((got.code, got.out), (CODE, OUTPUT), f"{name}: output and exit status are its own")


def says(tap, got, name, *parts):
    """The message has every part: what is wrong, and the way out."""
    missing = [part for part in parts if part not in got.text]
    return tap.ok(not missing, f"{name}: the message says {', '.join(parts)}", f"missing {missing} in",
                  got.text)


def values(history):
    return [row["value"] for row in history]


def runs(f, *arguments, **options):
    """All runs of the store as mlf lists them, and what it said."""
    got = f.mlf("runs", "list", "--json", "--max-results", "1000", *arguments, **options)
    return (json.loads(got.out) if got.code == 0 and got.out else []), got


def stored(tap, f, name, count=1, status="FAILED", **options):
    """Everything that the command gave is in the store, each run once."""
    listed, got = runs(f, **options)
    if not tap.same(len(listed), count, f"{name}: the store has the run once"):
        tap.ok(False, f"{name}: what was said", got.text)
        return
    whole = [run for run in listed if run["info"]["status"] == status and any(
        metric["key"] == "loss" and metric["value"] == 3 for metric in run["data"].get("metrics", []))]
    tap.ok(len(whole) >= 1, f"{name}: its state and its metrics are there", json.dumps(listed, indent=1))


def nothing_left(tap, f, name):
    left = [path for path in f.files() if path.startswith("spool/") and not path.endswith(".log")]
    tap.same(left, [], f"{name}: nothing is left in the spool")


def as_other(f, **options):
    """Options for a process of a user whom no passwd entry names; the folder becomes that user's."""
    subprocess.run(["chown", "-R", f"{OTHER_USER}:{OTHER_USER}", f.path], check=True)
    os.chmod(f.path, 0o755)
    options.update(user=OTHER_USER, group=OTHER_USER, extra_groups=[])
    return options


def why_no_other_user():
    """None when tests can run as another user, else the reason."""
    if os.geteuid() != 0:
        return "needs root, to become another user"
    try:
        probe = subprocess.run([MLF, "version"], user=OTHER_USER, group=OTHER_USER, extra_groups=[],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    except OSError as error:
        return f"another user cannot run the built mlf: {error}"
    return None if probe.returncode == 0 else "another user cannot run the built mlf"


def why_no_mounts():
    """None when a file system can be mounted for a test alone, else the reason."""
    if shutil.which("unshare") is None:
        return "unshare is not installed"
    probe = subprocess.run(["unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=64k none /mnt"],
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    return None if probe.returncode == 0 else "no private mounts here: " + \
        probe.stderr.decode(errors="replace").strip()


def in_mounts(f, script, env=None):
    """Runs shell text in a mount namespace of its own. $MLF is mlf, $F the folder."""
    return f.run(["unshare", "-m", "sh", "-e", "-c", script],
                 env={"MLF": MLF, "F": f.path, **(env or {})})


class Locked:
    """Holds the database's write lock."""

    def __init__(self, f):
        self.db = sqlite3.connect(os.path.join(f.work, "mlflow.db"), isolation_level=None)

    def __enter__(self):
        self.db.execute("BEGIN IMMEDIATE")
        return self

    def __exit__(self, *_):
        self.db.execute("ROLLBACK")
        self.db.close()


def locked_run(tap, f, name, bound_s, *options):
    """A run while the database is locked from before its beginning to behind its end."""
    tap.same(f.mlf("run", "--quiet", "--", "true").code, 0, f"{name}: there is a database")
    with Locked(f):
        begin = time.monotonic()
        got = f.run(run_args(*options))
        seconds = time.monotonic() - begin
        unharmed(tap, got, name)
        tap.ok(seconds < bound_s, f"{name}: it ends in {bound_s} s at most", f"{seconds:.1f} s")
        says(tap, got, name, "mlflow.db", "is locked by another process", "mlf sync", f.spool)
        tap.ok("RUNNING" not in got.text, f"{name}: a run that is over is not called running", got.text)
        left = [path for path in f.files() if path.startswith("spool/")]
        tap.ok(len(left) >= 1, f"{name}: the run lies in the spool", left)
