#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scripts/quickstart.sh does what it promises: offline when everything is installed, and with plain words when not.
Usage: quickstart.py SOURCE_ROOT"""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

import tap
import tree

SECONDS = 180
# What an earlier start in the checkout may have left there.
LEFTOVER = "examples/unmodified_binary/mlflow.db"
# What is left of a system that is no Debian, and has nothing that mlf needs.
BARE = ("bash", "dirname", "env", "id")
RUNS = """SELECT r.run_uuid, r.status, p.value FROM runs r LEFT JOIN params p
          ON p.run_uuid = r.run_uuid AND p.key = 'C' ORDER BY r.start_time"""

MODELS = """SELECT m.name, m.status, p.param_value FROM logged_models m
            LEFT JOIN logged_model_params p ON p.model_id = m.model_id AND p.param_key = 'C'
            WHERE m.lifecycle_stage = 'active'"""


def script(folder, body):
    path = os.path.join(folder, "bin")
    os.makedirs(path, exist_ok=True)
    for name, text in body.items():
        with open(os.path.join(path, name), "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n" + text)
        os.chmod(os.path.join(path, name), 0o755)
    return path


def run(tree_root, path, *prefix):
    return subprocess.run([*prefix, os.path.join(tree_root, "scripts", "quickstart.sh")], text=True,
                          capture_output=True, stdin=subprocess.DEVNULL,
                          env={"PATH": path, "HOME": tree_root, "LANG": "C.UTF-8"})


def check_refusals(results, root, folder):
    """The two machines on which the script stops before it does anything."""
    shadow = script(folder, {"dpkg-query": "case $* in *meson*) exit 1;; esac; echo installed\n",
                             "apt-get": "echo apt-get was called; exit 1\n", "id": "echo 1000\n"})
    done = run(root, shadow + ":" + os.environ["PATH"])
    line = "apt-get update && apt-get install --no-install-recommends meson\n"
    results.check(done.returncode == 1 and line in done.stderr and "was called" not in done.stdout,
                  "a user without root is told exactly what to install", done.stdout, done.stderr)
    elsewhere = os.path.join(folder, "elsewhere")
    os.mkdir(elsewhere)
    for name in BARE:
        os.symlink(shutil.which(name), os.path.join(elsewhere, name))
    done = run(root, elsewhere)
    named = all(word in done.stderr for word in ("no Debian", "SQLite", "cJSON", "PCRE2", "OpenSSL",
                                                 "Not found here: cc meson"))
    results.check(done.returncode == 1 and named,
                  "elsewhere than on Debian it says what is needed", done.stdout, done.stderr)


def copy_tree(root, folder):
    copy = os.path.join(folder, "mlf")
    for path in tree.files(root, ""):
        if "mlruns" in path.split(os.sep) or path.startswith(LEFTOVER):
            continue
        target = os.path.join(copy, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy2(os.path.join(root, path), target)
    return copy


def rows(database, statement, *values):
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        return connection.execute(statement, values).fetchall()


def check_database(results, database):
    runs = rows(database, RUNS)
    results.check(len(runs) == 2 and all(run[1:] == ("FINISHED", "5") for run in runs),
                  "it leaves two finished runs with C = 5", runs)
    if len(runs) != 2:
        return
    first, second = (dict(rows(database, "SELECT key, value FROM latest_metrics WHERE run_uuid = ?",
                               run[0])) for run in runs)
    results.check({"obj", "nu", "nSV"} <= set(first), "the training's metrics are there", first)
    results.check(90 < second.get("cross_validation_accuracy", 0) <= 100,
                  "the cross validation's accuracy is there, in percent", second)
    inputs = rows(database, """SELECT d.name, d.digest FROM inputs i JOIN datasets d
                  ON d.dataset_uuid = i.source_id WHERE i.destination_id = ?""", runs[0][0])
    results.check(any(name == "iris.scale" and digest for name, digest in inputs),
                  "the data set is an input with its digest", inputs)
    models = rows(database, MODELS)
    results.check(len(models) == 1 and models[0][1:] == (2, "5"),
                  "the model file is one ready logged model that carries C", models)


def check_offline(results, root, folder):
    name = "it builds and records without a network"
    probe = [". scripts/packages.sh; missing_packages \"${BUILD_PACKAGES[@]}\" libsvm-tools"]
    if shutil.which("dpkg-query") is None:
        return results.skip(name, "this is no Debian")
    missing = subprocess.run(["bash", "-c", *probe], cwd=root, text=True, capture_output=True).stdout
    if missing.strip():
        return results.skip(name, f"not installed: {' '.join(missing.split())}")
    alone = ["unshare", "--user", "--map-root-user", "--net"]
    if subprocess.run([*alone, "true"], capture_output=True).returncode != 0:
        return results.skip(name, "network namespaces are not allowed here")
    copy = copy_tree(root, folder)
    start = time.monotonic()
    done = run(copy, os.environ["PATH"], *alone)
    seconds = time.monotonic() - start
    results.check(done.returncode == 0, name, done.stdout[-4000:], done.stderr[-4000:])
    results.check(seconds < SECONDS, f"it takes less than {SECONDS} seconds", f"{seconds:.0f} s")
    results.check("mlf runs show" in done.stdout and "mlflow server" in done.stdout,
                  "it says how to look at the runs", done.stdout[-2000:])
    database = os.path.join(copy, "examples", "unmodified_binary", "mlflow.db")
    if results.check(os.path.exists(database), "it makes mlflow.db"):
        check_database(results, database)
    return None


def main():
    root = sys.argv[1]
    results = tap.Tap()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        check_refusals(results, root, folder)
        check_offline(results, root, folder)
    return results.done()


sys.exit(main())
