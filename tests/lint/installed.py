#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `meson install` puts down is whole: the command records from there, a program builds by pkg-config.
Usage: installed.py SOURCE_ROOT BUILD_ROOT C_COMPILER..."""

import glob
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

import tap

DEADLINE = 10  # seconds
EXAMPLE = os.path.join("examples", "unmodified_binary")
STUDY = os.path.join("tests", "e2e", "study_program.c")


def run(command, folder, **variables):
    """Runs |command|; nothing but its run paths and |variables| helps it to find our libraries."""
    inherited = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    return subprocess.run(command, cwd=folder, text=True, capture_output=True,
                          stdin=subprocess.DEVNULL, env={**inherited, **variables})


def find(folder, name):
    """Path of the one file of this name under |folder|, "" when there is none."""
    for here, _, names in os.walk(folder):
        if name in names:
            return os.path.join(here, name)
    return ""


def recorded(mlf, folder, variables):
    """Params and models of the latest run in |folder|."""
    done = run([mlf, "runs", "show", "--json"], folder, **variables)
    if done.returncode != 0:
        return {}, [], done.stderr
    message = json.loads(done.stdout)
    params = {item["key"]: item["value"] for item in message.get("data", {}).get("params", [])}
    models = message.get("outputs", {}).get("model_outputs", [])
    return params, models, done.stdout


def finished_runs(folder):
    """Runs in the database that are finished, without any mlf command that would merge what was left."""
    try:
        with sqlite3.connect(os.path.join(folder, "mlflow.db")) as connection:
            return connection.execute("SELECT COUNT(*) FROM runs WHERE status = 'FINISHED'").fetchone()[0]
    except sqlite3.OperationalError:
        return 0  # nothing has been recorded yet, and there is no table


def collected(folder, want):
    """Does the collector, which nobody waits for, bring the number of finished runs to |want|?"""
    deadline = time.monotonic() + DEADLINE
    while finished_runs(folder) < want and time.monotonic() < deadline:
        time.sleep(0.01)
    return finished_runs(folder) == want


def check_recording(results, name, mlf, command, folder, variables):
    done = run(command, folder, **variables)
    params, models, text = recorded(mlf, folder, variables)
    results.check(done.returncode == 0 and params.get("C") == "5" and len(models) == 1, name,
                  done.stdout, done.stderr, text)


def check_tuner(results, root, base, folder, variables, compiler):
    libraries = os.path.dirname(find(base, "libmlf_tuner.so"))
    variables = {**variables, "PKG_CONFIG_PATH": os.path.dirname(find(base, "mlf-tuner.pc")),
                 "PKG_CONFIG_SYSROOT_DIR": base, "LD_LIBRARY_PATH": libraries}
    flags = run(["pkg-config", "--cflags", "--libs", "mlf-tuner"], folder, **variables)
    if not results.check(flags.returncode == 0 and {"-lmlf_tuner", "-lmlf"} <= set(flags.stdout.split()),
                         "pkg-config knows mlf-tuner", flags.stdout, flags.stderr):
        return
    program = os.path.join(folder, "tune")
    done = run([*compiler, "-D_GNU_SOURCE", os.path.join(root, STUDY), "-o", program, *flags.stdout.split(),
                "-Wl,-rpath-link," + libraries], folder, **variables)
    if results.check(done.returncode == 0, "a program that tunes builds by pkg-config", done.stderr):
        before = finished_runs(folder)
        done = run([program, "new", "study", "3", "0"], folder, **variables)
        results.check(done.returncode == 0 and collected(folder, before + 4),
                      "its study and its three trials are runs", done.stdout, done.stderr)


def check_program(results, root, base, folder, mlf, variables, compiler):
    libraries = os.path.dirname(find(base, "libmlf.so"))
    variables = {**variables, "PKG_CONFIG_PATH": os.path.dirname(find(base, "mlf.pc")),
                 "PKG_CONFIG_SYSROOT_DIR": base, "LD_LIBRARY_PATH": libraries}
    flags = run(["pkg-config", "--cflags", "--libs", "mlf"], folder, **variables)
    results.check(flags.returncode == 0 and "-lmlf" in flags.stdout.split(),
                  "pkg-config knows mlf", flags.stdout, flags.stderr)
    program = os.path.join(folder, "train")
    # libmlf needs libmlf_core, which lies beside it: where the linker looks only when it is not moved.
    done = run([*compiler, "-D_GNU_SOURCE", os.path.join(root, EXAMPLE, "train.c"), "-o", program,
                *flags.stdout.split(), "-Wl,-rpath-link," + libraries, "-lsvm"],
               folder, **variables)
    name = "a program that is built against the installed library records"
    if "libsvm/svm.h" in done.stderr or "-lsvm" in done.stderr:
        results.skip(name, "LIBSVM's development files are not installed")
    elif results.check(done.returncode == 0, "the ten-line program builds by pkg-config", done.stderr):
        before = finished_runs(folder)
        check_recording(results, name, mlf, [program, "iris.scale", "train.model"], folder, variables)
        run([program, "iris.scale", "train.model"], folder, **variables)
        results.check(collected(folder, before + 2), "its collector is found and works by itself",
                      f"{before} finished runs before, {finished_runs(folder)} after",
                      os.listdir(variables["MLF_SPOOL"]))


def main():
    root, build, *compiler = sys.argv[1:]
    results = tap.Tap()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as base:
        done = run(["meson", "install", "-C", build, "--no-rebuild", "--destdir", base], base)
        if not results.check(done.returncode == 0, "meson install works", done.stdout, done.stderr):
            return results.done()
        # bash looks for its completion of mlf in a file of that name, too.
        mlf = next(path for path in glob.glob(os.path.join(base, "**", "bin", "mlf"), recursive=True))
        folder = os.path.join(base, "work")
        os.makedirs(os.path.join(folder, "spool"), 0o700)
        shutil.copy(os.path.join(root, EXAMPLE, "iris.scale"), folder)
        variables = {"HOME": folder, "MLF_SPOOL": os.path.join(folder, "spool")}
        results.check(bool(find(base, "mlf-run.1")), "manual pages are installed")
        name = "the installed command records"
        if shutil.which("svm-train") is None:
            results.skip(name, "svm-train is not installed")
        else:
            check_recording(results, name, mlf, [mlf, "run", "--", "svm-train", "-q", "-c", "5",
                                                 "iris.scale", "m"], folder, variables)
        if shutil.which("pkg-config") is None:
            results.skip("a program is built by pkg-config", "pkg-config is not installed")
        else:
            check_program(results, root, base, folder, mlf, variables, compiler)
            check_tuner(results, root, base, folder, variables, compiler)
    return results.done()


sys.exit(main())
