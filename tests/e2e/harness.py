# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: TAP on stdout, and running the built mlf (MLF_TEST_MLF) in a folder of
its own, so that neither the store nor the spool of whoever runs the tests is touched."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

# A caller in the background ignores some signals, and our programs would inherit that.
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    signal.signal(number, signal.SIG_DFL)

MLF = os.path.abspath(os.environ.get("MLF_TEST_MLF", ""))
DEADLINE_S = 60


class Tap:
    def __init__(self):
        self.count = self.failures = 0

    def ok(self, condition, name, *details):
        self.count += 1
        self.failures += not condition
        print(f"{'ok' if condition else 'not ok'} {self.count} - {name}", flush=True)
        if not condition:
            for detail in details:
                for line in str(detail).splitlines() or [""]:
                    print(f"#   {line[:400]}", flush=True)
        return condition

    def same(self, got, want, name):
        return self.ok(got == want, name, f"got  {got!r}", f"want {want!r}")

    def has(self, text, part, name):
        return self.ok(part in text, name, f"no {part!r} in", text)

    def skip(self, name, reason):
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {reason}", flush=True)

    def done(self):
        print(f"1..{self.count}")
        return 1 if self.failures else 0


class Result:
    """How a command ended: |code| as subprocess says it (negative: the signal), and what it wrote."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def text(self):
        return self.err.decode(errors="replace")


class Folder:
    """A folder with an environment in which mlf uses nothing outside it."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="mlf-e2e-")
        self.spool = os.path.join(self.path, "spool")
        self.work = os.path.join(self.path, "work")
        os.mkdir(self.work)
        self.env = {key: value for key, value in os.environ.items()
                    if not key.startswith(("MLF_", "MLFLOW_")) and key not in ("LD_PRELOAD", "LD_LIBRARY_PATH")}
        # Nearly all tests are about what the program logs; test_environment.py is about the rest.
        self.env.update(MLF_SPOOL=self.spool, LC_ALL="C", TZ="UTC",
                        MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING="false")

    def close(self):
        shutil.rmtree(self.path, ignore_errors=True)

    def start(self, argv, env=None, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        # Python ignores SIGPIPE and its children would inherit that.
        return subprocess.Popen(argv, cwd=self.work, env={**self.env, **(env or {})},
                                restore_signals=True, **options)

    def run(self, argv, env=None, data=None, **options):
        if data is not None:
            options["stdin"] = subprocess.PIPE
        process = self.start(argv, env, **options)
        try:
            out, err = process.communicate(data, timeout=DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            return Result("timeout", out or b"", err or b"")
        return Result(process.returncode, out or b"", err or b"")

    def mlf(self, *arguments, **options):
        return self.run([MLF, *arguments], **options)

    def last_run(self, *arguments):
        """The REST message of the latest run, with params, metrics and tags as dictionaries."""
        shown = self.mlf("runs", "show", "--json", *arguments)
        if shown.code != 0:
            return {"info": {"status": f"mlf runs show: {shown.text}"}, "params": {},
                    "metrics": {}, "tags": {}}
        run = json.loads(shown.out)
        for kind in ("params", "metrics", "tags"):
            run[kind] = {item["key"]: item["value"] for item in run["data"].get(kind, [])}
        return run

    def write(self, name, data, mode=0o644):
        path = os.path.join(self.work, name)
        with open(path, "wb") as file:
            file.write(data)
        os.chmod(path, mode)
        return path

    def exists(self, name):
        return os.path.exists(os.path.join(self.work, name))

    def files(self):
        """Everything that lies in the folder, the spool included."""
        found = []
        for where, _, names in os.walk(self.path):
            found += [os.path.relpath(os.path.join(where, name), self.path) for name in names]
        return sorted(found)


@contextlib.contextmanager
def folder():
    made = Folder()
    try:
        yield made
    finally:
        made.close()


def wait_for(condition, deadline_s=DEADLINE_S):
    """Polls until |condition| is true; returns whether it became so."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.005)
    return False


def has_program(name):
    return shutil.which(name) is not None


def compile_c(where, name, source, *flags):
    """Compiles a C program in |where|; None when there is no compiler or it refuses the flags."""
    compiler = shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc")
    if compiler is None:
        return None
    path = where.write(name + ".c", source.encode())
    built = subprocess.run([compiler, path, "-o", os.path.join(where.work, name), *flags],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return os.path.join(where.work, name) if built.returncode == 0 else None


def main(tests):
    if not (os.path.isfile(MLF) and os.access(MLF, os.X_OK)):
        print("1..0 # SKIP MLF_TEST_MLF does not name the built mlf")
        return 0
    signal.alarm(600)
    tap = Tap()
    for test in tests:
        test(tap)
    return tap.done()


def run_tests(*tests):
    sys.exit(main(tests))
