#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Minimisations by GSL in the store: the first in the session's run, those behind it in children of it."""

import contextlib
import os
import sqlite3

from harness import compile_c, folder, run_tests

HOSTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "preload", "hosts")
RUNS = """SELECT r.run_uuid, r.status, n.value, p.value FROM runs r
          JOIN tags n ON n.run_uuid = r.run_uuid AND n.key = 'mlflow.runName'
          LEFT JOIN tags p ON p.run_uuid = r.run_uuid AND p.key = 'mlflow.parentRunId'
          ORDER BY p.value IS NOT NULL, n.value"""


def build(f):
    with open(os.path.join(HOSTS, "gsl.c"), encoding="utf-8") as file:
        source = file.read()
    return compile_c(f, "host", source, "-D_GNU_SOURCE", "-I", HOSTS, "-lgsl", "-lgslcblas", "-lm",
                     "-lpthread", "-ldl")


def read(f):
    with contextlib.closing(sqlite3.connect(os.path.join(f.work, "mlflow.db"))) as db:
        runs = db.execute(RUNS).fetchall()
        params = {run[0]: dict(db.execute("SELECT key, value FROM params WHERE run_uuid = ?", run[:1]))
                  for run in runs}
        latest = {run[0]: dict(db.execute("SELECT key, step FROM latest_metrics WHERE run_uuid = ?",
                                          run[:1])) for run in runs}
        models = db.execute("SELECT count(*) FROM logged_models").fetchone()[0]
    return runs, params, latest, models


def test_store(tap):
    with folder() as f:
        host = build(f)
        if host is None:
            tap.skip("minimisations in the store", "GSL's development files are not installed")
            return
        plain = f.run([host, "kinds"])
        done = f.mlf("run", "--quiet", "--run-name", "five", "--", host, "kinds")
        tap.same((done.code, done.out, done.err), (plain.code, plain.out, plain.err),
                 "the program prints the same iterates")
        runs, params, latest, models = read(f)
        tap.same([run[1:3] for run in runs],
                 [("FINISHED", "five")] + [("FINISHED", f"training_{n}") for n in range(2, 6)],
                 "five minimisations are five finished runs")
        tap.same({run[3] for run in runs[1:]}, {runs[0][0]}, "those behind the first are its children")
        tap.same([params[run[0]].get("solver") for run in runs],
                 ["vector_bfgs2", "conjugate_fr", "steepest_descent", "nmsimplex2", "qr"],
                 "each has its solver")
        first = params[runs[0][0]]
        tap.same({key: first.get(key) for key in ("n", "step_size", "tol")},
                 {"n": "2", "step_size": "0.01", "tol": "0.1"}, "params are as the program gave them")
        tap.same(params[runs[4][0]].get("max_iter"), "100",
                 "a fit's limits, known after it began, are params too")
        iterations = [sum(line.startswith(kind) for line in plain.out.decode().splitlines())
                      for kind in ("f ", "fit ")]
        tap.same([latest[run[0]].get(key) for run, key in ((runs[3], "opt/f"), (runs[4], "opt/f_norm"))],
                 [iterations[0], iterations[1] - 1], "the last step is the number of iterations")
        tap.same(models, 0, "no model is made")


run_tests(test_store)
