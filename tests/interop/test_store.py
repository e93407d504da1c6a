#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What tracking/ writes, the real MLflow reads, migrates and shares. Usage: test_store.py STORE_WRITER"""

import json
import math
import os
import subprocess
import sys
import threading
import time

import mlflow_here as here

URI = "sqlite:///mlflow.db"
PARENT = "00000000000000000000000000000aaa"
CHILD = "00000000000000000000000000000bbb"
MODEL = "m-00000000000000000000000000000ccc"
HUGE = 1.7976931348623157e308


class Stay:
    """A writer of ours that keeps the store open, and logs a point for each line it is given."""

    def __init__(self, writer):
        self.process = subprocess.Popen([writer, URI, "stay"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.run_id = self.process.stdout.readline().strip()
        self.points = 0

    def log(self, count=1):
        """Logs points; False when one was refused."""
        for _ in range(count):
            try:
                self.process.stdin.write("\n")
                self.process.stdin.flush()
            except OSError:
                return False
            if self.process.stdout.readline().strip() != "ok":
                return False
            self.points += 1
        return True

    def close(self):
        self.process.stdin.close()
        return self.process.wait(here.DEADLINE)


def migrate_while_writing(results, stay):
    """MLflow's first client on the file migrates it; our writer goes on meanwhile and afterwards."""
    from mlflow import MlflowClient
    errors = []

    def write():
        # At the pace of a collector: back to back, its transactions would starve MLflow, which gives
        # up after five seconds here.
        while not done.wait(0.01):
            if not stay.log():
                errors.append("refused")
                return

    done = threading.Event()
    thread = threading.Thread(target=write)
    thread.start()
    try:
        client = MlflowClient(URI)
        client.search_experiments()
    finally:
        done.set()
        thread.join()
    head = here.sql("mlflow.db", "SELECT version_num FROM alembic_version")[0][0]
    results.check(head != "bda7b8c39065", "MLflow migrates the database that we made", head)
    results.check(not errors and stay.log(10), "we write while it does, and afterwards", errors)
    stored = here.sql("mlflow.db", "SELECT count(*) FROM metrics WHERE run_uuid = "
                                   f"'{stay.run_id}'")[0][0]
    results.check(stored == stay.points, "every point that was logged is there",
                  f"{stored} of {stay.points}")
    return client


def client_reads(results, client):
    run = client.get_run(PARENT)
    results.check(run.info.run_name == "parent" and run.info.status == "FINISHED" and
                  run.info.user_id == "ann" and run.info.start_time == 1700000000000 and
                  run.info.end_time == 1700000009000, "the client reads the run", run.info)
    results.check(run.data.params == {"C": "10", "nom/précis": 'a "b"\n', "empty": ""},
                  "its params", run.data.params)
    metrics = dict(run.data.metrics)
    results.check(math.isnan(metrics.pop("rho")), "NaN is NaN")
    results.check(metrics == {"obj": -20.25, "up": HUGE, "down": -HUGE, "whole": 48.0,
                              "tiny/value x": 1e-300}, "its metrics", metrics)
    results.check(run.data.tags == {"mlflow.user": "ann", "mlflow.source.name": "svm-train",
                                    "mlflow.source.type": "LOCAL", "mlflow.runName": "parent"},
                  "its tags", run.data.tags)
    history = [(m.timestamp, m.step, m.value) for m in client.get_metric_history(PARENT, "obj")]
    results.check(sorted(history) == [(1700000001000, 1, -19.98), (1700000001001, -3, 0.1),
                                      (1700000001001, 2, -20.25)], "its history", history)
    data = run.inputs.dataset_inputs[0]
    results.check(data.dataset.name == "iris.scale" and data.dataset.source_type == "local" and
                  [(t.key, t.value) for t in data.tags] == [("mlflow.data.context", "train")],
                  "its data set", data)
    results.check([o.model_id for o in run.outputs.model_outputs] == [MODEL], "its model",
                  run.outputs)
    child = client.get_run(CHILD)
    results.check(child.info.status == "KILLED" and
                  child.data.tags["mlflow.parentRunId"] == PARENT, "the child run", child)
    experiment = client.get_experiment_by_name("interop é")
    results.check(experiment is not None and experiment.artifact_location ==
                  f"{os.getcwd()}/mlruns/{experiment.experiment_id}", "its experiment", experiment)
    found = client.search_runs([experiment.experiment_id], "params.C = '10' and metrics.obj < -20")
    results.check([r.info.run_id for r in found] == [PARENT], "the run is found by what it logged")
    model = client.get_logged_model(MODEL)
    results.check(model.name == "model" and str(model.status) == "READY" and
                  model.params == {"C": "10", "gamma": "0.25"} and
                  sorted((m.key, m.step, m.value) for m in model.metrics) ==
                  [("obj", 1, -19.98), ("obj", 2, -20.25)] and model.source_run_id == PARENT,
                  "the logged model", model)
    files = [f.path for f in client.list_artifacts(PARENT, "logs")]
    results.check(files == ["logs/out.txt"], "its artifacts", files)


def server_agrees(results, writer):
    with here.Server(URI) as server:
        for run_id, name in ((PARENT, "a full run"), (CHILD, "an empty run")):
            ours = json.loads(here.run(writer, URI, "json", run_id))
            here.same(results, ours, server.get("runs/get", run_id=run_id)["run"],
                      f"our JSON is the server's for {name}")
        points = server.get("metrics/get-history", run_id=PARENT, metric_key="obj")["metrics"]
        results.check(len(points) == 3, "the server has the history", points)
        files = server.get("artifacts/list", run_id=PARENT)["files"]
        results.check([f["path"] for f in files] == ["logs"], "and the artifacts", files)
        model = server.get(f"logged-models/{MODEL}")["model"]
        results.check(model["info"]["status"] == "LOGGED_MODEL_READY" and
                      model["info"]["source_run_id"] == PARENT, "and the model", model)
        here.run(writer, URI, "more", CHILD)
        ours = json.loads(here.run(writer, URI, "json", CHILD))
        theirs = server.get("runs/get", run_id=CHILD)["run"]
        here.same(results, ours, theirs, "what we write while it runs is served at once")
        results.check(len(theirs["outputs"]["model_outputs"]) == 1 and
                      theirs["data"]["params"] == [{"key": "more", "value": "1"}],
                      "to the migrated database", theirs)


def both_write(results, client, writer, stay):
    """MLflow logs batches while we do; nothing is lost and nothing fails."""
    from mlflow.entities import Metric
    run_id = client.create_run("0").info.run_id
    ours = subprocess.Popen([writer, URI, "points", run_id, "5000"])
    batches = 0
    while ours.poll() is None or batches < 5:
        now = int(time.time() * 1000)
        client.log_batch(run_id, [Metric("theirs", i, now, batches * 50 + i) for i in range(50)])
        stay.log()
        batches += 1
    results.check(ours.returncode == 0, "we write while MLflow does")
    counts = dict(here.sql("mlflow.db", "SELECT key, count(*) FROM metrics WHERE run_uuid = "
                                        f"'{run_id}' GROUP BY key"))
    results.check(counts == {"ours": 5000, "theirs": batches * 50}, "and no point is lost", counts)
    latest = client.get_run(run_id).data.metrics
    results.check(latest == {"ours": 4999.0, "theirs": 49.0}, "the latest values are right", latest)


def deleted_runs_refuse(results, client, writer):
    run_id = client.create_run("0").info.run_id
    client.delete_run(run_id)
    done = subprocess.run([writer, URI, "more", run_id], capture_output=True, text=True)
    try:
        client.log_param(run_id, "p", "1")
        theirs = "nothing"
    except Exception as refusal:
        theirs = str(refusal)
    results.check(done.returncode != 0 and done.stderr.strip() in theirs,
                  "a run that MLflow deleted is refused in its words", done.stderr, theirs)


def main():
    here.require()
    writer = os.path.abspath(sys.argv[1])
    results = here.Tap()
    with here.Folder():
        here.run(writer, URI, "fixed")
        stay = Stay(writer)
        results.check(stay.log(), "a writer of ours has the database open")
        client = migrate_while_writing(results, stay)
        client_reads(results, client)
        here.run(writer, URI, "fixed")
        client_reads(results, client)
        server_agrees(results, writer)
        both_write(results, client, writer, stay)
        deleted_runs_refuse(results, client, writer)
        results.check(stay.close() == 0, "our writer ends well")
        whole = here.sql("mlflow.db", "PRAGMA integrity_check")
        broken = here.sql("mlflow.db", "PRAGMA foreign_key_check")
        results.check(whole == [("ok",)] and not broken, "the database is whole", whole, broken)
    return results.done()


if __name__ == "__main__":
    sys.exit(main())
