# SPDX-License-Identifier: Apache-2.0
"""Runs host programs under the hook library, each in a folder of its own, and says what was seen of them."""

import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "lint"))

import tap  # noqa: E402  (the folder is known only now)

HOOKS, EVENTS, HOSTS = (os.path.abspath(path) for path in sys.argv[1:4])
PARAM, METRIC, FILE, MODEL, TRAIN_BEGIN, TRAIN_END, RUN_START = 6, 7, 9, 11, 12, 13, 4
WRITE, GETOPT, ADAPTER = 0x40, 2, 1

TAP = tap.Tap()
check, skip = TAP.check, TAP.skip


class Event:
    def __init__(self, line):
        fields = line.split("\t")
        self.kind, self.flags, self.pid = (int(field) for field in fields[:3])
        self.run, self.model, self.key = fields[3:6]
        self.step, self.value, self.text = int(fields[6]), float(fields[7]), fields[8]

    def __repr__(self):
        return f"{self.kind} {self.flags:#x} {self.key} {self.step} {self.value} {self.text}"


class Seen:
    """One run of a program: how it ended, what it printed, the events, and the files left in the spool."""

    def __init__(self, process, folder, events, spool, drops):
        self.status, self.out, self.err = process.returncode, process.stdout, process.stderr
        self.folder, self.events, self.spool, self.drops = folder, events, spool, drops

    def of(self, kind):
        return [event for event in self.events if event.kind == kind]

    def files(self, written=True):
        """Names, without the folder, of files seen written (or read)."""
        return {os.path.relpath(event.text, self.folder) for event in self.of(FILE)
                if bool(event.flags & WRITE) == written}

    def params(self):
        """name -> value as the event carries it."""
        return {event.key: event.value if event.flags & 0x10 else
                event.step if event.flags & 0x20 else event.text for event in self.of(PARAM)}

    def metrics(self):
        return [(event.key, event.step, event.value) for event in self.of(METRIC)]

    def __str__(self):
        return "\n".join([f"status {self.status}", self.err.decode("utf-8", "replace"),
                          *map(repr, self.events), *self.spool])


def host(name):
    return os.path.join(HOSTS, "host_" + name)


def show(path):
    """(events, drops) of a ring or journal."""
    lines = subprocess.run([EVENTS, "show", path], capture_output=True, check=True) \
        .stdout.decode("utf-8", "replace").splitlines()
    drops = [line for line in lines if line.startswith("drops")]
    return [Event(line) for line in lines if not line.startswith("drops")], \
        int(drops[0].split("\t")[1]) if drops else 0


def run(*command, mode="ring", env=(), files=(), preload=(HOOKS,), stdin=None):
    """Runs |command| in a new folder that holds copies of |files|. |mode|: "ring" as under a launcher,
    "offline" with a journal of its own, "dormant" with neither, "off" under a launcher with MLF_OFF,
    "plain" without the hooks."""
    with tempfile.TemporaryDirectory(prefix="mlf-preload-") as top:
        top = os.path.realpath(top)
        folder, spool = os.path.join(top, "work"), os.path.join(top, "spool")
        os.mkdir(folder)
        os.mkdir(spool, 0o700)
        for path in files:
            shutil.copy(path, folder)
        environ = {name: value for name, value in os.environ.items()
                   if not name.startswith(("MLF_", "LD_PRELOAD", "MALLOC_PERTURB_"))}
        environ.update(MLF_SPOOL=spool, HOME=top, LC_ALL="C", TMPDIR=top)
        if mode != "plain":
            environ["LD_PRELOAD"] = ":".join(preload)
        ring = os.path.join(top, "session.ring")
        if mode in ("ring", "off"):
            subprocess.run([EVENTS, "make", ring], check=True)
            environ["MLF_SESSION"] = ring
        if mode == "off":
            environ["MLF_OFF"] = "1"
        if mode == "offline":
            environ["MLF_OFFLINE"] = "1"
        environ.update(env)
        environ = {name: value for name, value in environ.items() if value != ""}
        process = subprocess.run(command, cwd=folder, env=environ, capture_output=True,
                                 stdin=stdin or subprocess.DEVNULL, timeout=60)
        events, drops = show(ring) if os.path.exists(ring) else ([], 0)
        left = sorted(os.listdir(spool))
        for name in left:
            if name.endswith(".journal"):
                events += show(os.path.join(spool, name))[0]
        return Seen(process, folder, events, left, drops)


def done():
    sys.exit(TAP.done())
