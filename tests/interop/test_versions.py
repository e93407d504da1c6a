#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Databases of other versions of MLflow: what each wrote is read, what we write into it that version reads
back; one from before 3.1 is read only, until MLflow has upgraded it.
Usage: test_versions.py MLF. MLF_TEST_PYTHONS names the Pythons, separated by colons."""

import json
import os
import subprocess
import sys

import mlflow_here as here

WRITE = """
import mlflow
mlflow.set_tracking_uri("sqlite:///mlflow.db")
mlflow.set_experiment("theirs")
with mlflow.start_run(run_name="theirs") as run:
    mlflow.log_param("lr", "0.1")
    mlflow.log_metric("loss", 0.5, step=3)
print(mlflow.__version__, run.info.run_id)
"""
READ = """
import sys, mlflow
run = mlflow.MlflowClient("sqlite:///mlflow.db").get_run(sys.argv[1])
print(run.info.status, run.data.params.get("lr"), run.data.metrics.get("loss"))
"""
COMMAND = ["run", "--summary", "--param", "lr=0.2", "--metric", r"loss=loss=(\S+)", "--run-name", "ours", "--",
           "echo", "loss=0.25"]


def ask(python, program, *arguments):
    done = subprocess.run([python, "-c", program, *arguments], capture_output=True, text=True,
                          timeout=here.DEADLINE)
    lines = done.stdout.splitlines()
    return lines[-1] if lines else done.stderr


def find(mlf, name):
    """The run called |name| as `mlf runs list` gives it, NULL when there is none."""
    done = subprocess.run([mlf, "runs", "list", "--json"], capture_output=True, text=True,
                          timeout=here.DEADLINE)
    runs = json.loads(done.stdout) if done.returncode == 0 else []
    return next((run for run in runs if run["info"]["run_name"] == name), None)


def values(run):
    data = run["data"] if run else {}
    return ({p["key"]: p["value"] for p in data.get("params", [])}.get("lr"),
            {m["key"]: m["value"] for m in data.get("metrics", [])}.get("loss"))


def try_version(results, mlf, python):
    version, run_id = ask(python, WRITE).split()
    name = f"MLflow {version}"
    theirs = find(mlf, "theirs")
    results.check(theirs is not None and theirs["info"]["run_id"] == run_id and values(theirs) == ("0.1", 0.5),
                  f"{name}: its run is read", theirs)
    done = subprocess.run([mlf, *COMMAND], capture_output=True, text=True, timeout=here.DEADLINE)
    results.check(done.returncode == 0 and done.stdout == "loss=0.25\n", f"{name}: the command is unharmed")
    if version.startswith("2."):
        results.check("mlflow db upgrade" in done.stderr and "mlf sync" in done.stderr,
                      f"{name}: the way out is said", done.stderr)
        results.check(find(mlf, "ours") is None, f"{name}: nothing is written")
        here.run(sys.executable, "-m", "mlflow", "db", "upgrade", "sqlite:///mlflow.db")
        python = sys.executable
    ours = find(mlf, "ours")
    results.check(values(ours) == ("0.2", 0.25), f"{name}: our run is in the database", ours, done.stderr)
    if ours is not None:
        results.check(ask(python, READ, ours["info"]["run_id"]) == "FINISHED 0.2 0.25",
                      f"{name}: it is read back by MLflow", ask(python, READ, ours["info"]["run_id"]))


def main():
    pythons = [path for path in os.environ.get("MLF_TEST_PYTHONS", "").split(":") if path]
    if not pythons:
        print("1..0 # SKIP MLF_TEST_PYTHONS names no Pythons with other versions of MLflow")
        return 0
    here.require()
    mlf = os.path.abspath(sys.argv[1])
    results = here.Tap()
    for python in pythons:
        with here.Folder() as folder:
            os.environ["MLF_SPOOL"] = os.path.join(folder, "spool")
            try_version(results, mlf, python)
    return results.done()


if __name__ == "__main__":
    sys.exit(main())
