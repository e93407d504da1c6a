# SPDX-License-Identifier: Apache-2.0
"""What the interoperability tests share: the Python that has MLflow, our programs, MLflow's server."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "support"))

import tap  # noqa: E402

DEADLINE = 120  # seconds; a server on a busy machine is slow to start


def require():
    """Goes on in the Python that MLF_TEST_PYTHON names; skips the test when there is none."""
    python = os.environ.get("MLF_TEST_PYTHON", "")
    if not python:
        print("1..0 # SKIP MLF_TEST_PYTHON does not name a Python with MLflow")
        sys.exit(0)
    if os.environ.get("MLF_INTEROP_PYTHON") != python:
        quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true",
                 "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PYTHONWARNINGS": "ignore",
                 "MLFLOW_LOGGING_LEVEL": "ERROR",
                 # Both sides log what the program says, and nothing of the machine (test_system.py does).
                 "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "false"}
        os.execve(python, [python, *sys.argv], {**os.environ, **quiet, "MLF_INTEROP_PYTHON": python})
    for name in list(os.environ):
        if name.startswith("MLFLOW_TRACKING") or name.startswith("MLFLOW_EXPERIMENT"):
            del os.environ[name]


class Folder:
    """A folder that is the current one meanwhile."""

    def __enter__(self):
        self.before = os.getcwd()
        self.path = tempfile.mkdtemp(prefix="mlf-interop-")
        os.chdir(self.path)
        return self.path

    def __exit__(self, *_):
        os.chdir(self.before)
        shutil.rmtree(self.path, ignore_errors=True)


def run(*command, check=True):
    """The standard output of a command."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE)
    if check and done.returncode != 0:
        raise RuntimeError(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Server:
    """`mlflow server` on a store."""

    def __init__(self, uri):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log = open("server.log", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri, "--host", "127.0.0.1",
             "--port", str(self.port), "--workers", "1"],
            stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True)

    def __enter__(self):
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5):
                    return self
            except OSError:
                time.sleep(0.1)
        self.log.seek(0)
        text = self.log.read()
        self.__exit__()
        raise RuntimeError("mlflow server does not start:\n" + text)

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.log.close()

    def get(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        url = f"http://127.0.0.1:{self.port}/api/2.0/mlflow/{path}?{query}"
        with urllib.request.urlopen(url, timeout=DEADLINE) as answer:
            return json.load(answer)


def ordered(value):
    """|value| with its lists in one order, since neither side promises one."""
    if isinstance(value, dict):
        return {key: ordered(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted((ordered(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    return value


def show(value):
    return json.dumps(ordered(value), indent=1, sort_keys=True, ensure_ascii=False)


def same(results, got, want, name):
    """Checks that two JSON values agree."""
    return results.check(ordered(got) == ordered(want), name, "got " + show(got), "want " + show(want))


def sql(path, text):
    import sqlite3
    db = sqlite3.connect(path, timeout=20)
    try:
        return db.execute(text).fetchall()
    finally:
        db.close()


Tap = tap.Tap
