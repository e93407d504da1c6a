#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `mlf run` records of a real svm-train, looked at through MLflow's client and its server.
Usage: test_run.py MLF DATA"""

import json
import os
import shutil
import subprocess
import sys

import mlflow_here as here

URI = "sqlite:///mlflow.db"
PARAMS = {"svm_type": "c_svc", "kernel_type": "rbf", "C": "5", "gamma": "0.25", "degree": "3",
          "eps": "0.001", "shrinking": "1", "probability": "0"}


def train(mlf, *arguments):
    """Trains under mlf run; what `mlf run --json` says of it."""
    done = subprocess.run([mlf, "run", "--json", "--tracking-uri", URI, "--experiment", "iris", "--",
                           "svm-train", *arguments], capture_output=True, text=True,
                          timeout=here.DEADLINE)
    return json.loads(done.stderr.splitlines()[-1])


def client_sees_training(results, client, run_id):
    run = client.get_run(run_id)
    results.check(run.info.status == "FINISHED" and run.info.end_time >= run.info.start_time,
                  "the client sees a finished run", run.info)
    results.check({key: run.data.params.get(key) for key in PARAMS} == PARAMS,
                  "with LIBSVM's hyperparameters", run.data.params)
    points = {key: [(p.step, p.value) for p in client.get_metric_history(run_id, key)]
              for key in ("obj", "nu", "rho", "nSV", "nBSV", "total_nsv")}
    results.check([step for step, _ in points["obj"]] == [0, 1, 2] and points["total_nsv"] == [(0, 33.0)],
                  "with a point for each binary subproblem", points)
    results.check(run.data.tags.get("mlflow.autologging") == "libsvm" and
                  run.data.tags.get("mlflow.source.name") == "svm-train" and
                  run.data.tags.get("mlflow.source.type") == "LOCAL", "with MLflow's tags",
                  run.data.tags)
    data = run.inputs.dataset_inputs[0]
    results.check((data.dataset.name, data.dataset.source_type, len(data.dataset.digest),
                   [(tag.key, tag.value) for tag in data.tags]) ==
                  ("iris.scale", "local", 16, [("mlflow.data.context", "train")]),
                  "with the data set as an input", data)
    return run


def client_sees_model(results, client, run):
    model = client.get_logged_model(run.outputs.model_outputs[0].model_id)
    results.check(str(model.status) == "READY" and model.source_run_id == run.info.run_id,
                  "the model is ready and knows its run", model)
    results.check(model.params == run.data.params, "the model carries the run's params", model.params)
    results.check({m.key for m in model.metrics} == set(run.data.metrics),
                  "and its metrics", model.metrics)
    files = sorted(f.path for f in client.list_logged_model_artifacts(model.model_id))
    results.check(files == ["MLmodel", "environment.json", "iris.model"],
                  "its file, and what it was made with", files)
    with open("iris.model", "rb") as ours, \
         open(os.path.join(model.artifact_location, "iris.model"), "rb") as kept:
        results.check(ours.read() == kept.read(), "the file is what svm-train wrote")
    from mlflow.models import Model
    flavors = Model.load(os.path.join(model.artifact_location, "MLmodel")).flavors
    results.check(flavors.get("libsvm", {}).get("data") == "iris.model",
                  "MLflow reads the MLmodel file", flavors)


def server_agrees(results, mlf, run_ids):
    with here.Server(URI) as server:
        for run_id in run_ids:
            ours = json.loads(here.run(mlf, "runs", "show", "--json", "--tracking-uri", URI, run_id))
            here.same(results, ours, server.get("runs/get", run_id=run_id)["run"],
                      f"run {run_id[:8]}: the server's REST message is what mlf runs show --json says")


def main():
    here.require()
    mlf, data = (os.path.abspath(argument) for argument in sys.argv[1:3])
    results = here.Tap()
    if shutil.which("svm-train") is None:
        print("1..0 # SKIP svm-train is not installed")
        return 0
    with here.Folder() as folder:
        os.environ["MLF_SPOOL"] = os.path.join(folder, "spool")
        shutil.copy(data, "iris.scale")
        first = train(mlf, "-c", "5", "iris.scale", "iris.model")["run_id"]
        folds = train(mlf, "-v", "5", "iris.scale")["run_id"]
        from mlflow import MlflowClient
        client = MlflowClient(URI)
        client_sees_model(results, client, client_sees_training(results, client, first))
        crossed = client.get_run(folds).data
        results.check(set(crossed.metrics) == {"cross_validation_accuracy"} and
                      90 < crossed.metrics["cross_validation_accuracy"] <= 100 and
                      crossed.params.get("nr_fold") == "5",
                      "a cross-validation has its accuracy and nothing of its folds", crossed)
        # MLflow has migrated the file by now: we go on writing it.
        later = train(mlf, "-c", "2", "iris.scale", "iris.model")["run_id"]
        results.check(client.get_run(later).data.params.get("C") == "2",
                      "a run written after MLflow's migration is read back")
        server_agrees(results, mlf, [first, folds, later])
    return results.done()


if __name__ == "__main__":
    sys.exit(main())
