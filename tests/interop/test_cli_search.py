#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the searches of `mlf` print is what MLflow's server answers for the same store: same bodies, same order, page
by page; and `mlf doctor` knows its store. The store is one that MLflow wrote. Usage: test_cli_search.py MLF"""

import base64
import json
import os
import sys
import urllib.request

import mlflow_here

SEARCHES = (
    ({}, []),
    ({"filter": "metrics.loss > 2"}, ["--filter", "metrics.loss > 2"]),
    ({"filter": "params.lr = '0.1' and tags.kind = 'even'"},
     ["--filter", "params.lr = '0.1' and tags.kind = 'even'"]),
    ({"filter": "attributes.run_name LIKE 'run%'", "order_by": ["metrics.loss ASC"]},
     ["--filter", "attributes.run_name LIKE 'run%'", "--order-by", "metrics.loss ASC"]),
    ({"order_by": ["params.lr DESC", "metrics.loss DESC"]},
     ["--order-by", "params.lr DESC", "--order-by", "metrics.loss DESC"]),
    ({"order_by": ["tags.kind"]}, ["--order-by", "tags.kind"]),
    ({"filter": "dataset.name = 'flowers'"}, ["--filter", "dataset.name = 'flowers'"]),
    ({"run_view_type": "DELETED_ONLY"}, ["--view", "deleted"]),
    ({"run_view_type": "ALL"}, ["--view", "all"]),
    ({"filter": "metrics.loss > 99"}, ["--filter", "metrics.loss > 99"]),
)


def fill():
    """Runs of every kind, as MLflow's client logs them."""
    import mlflow
    mlflow.set_tracking_uri(os.environ["STORE"])
    mlflow.set_experiment("search me")
    for number in range(7):
        with mlflow.start_run(run_name=f"run {number}" if number != 3 else "other"):
            mlflow.log_param("lr", ["0.1", "0.01"][number % 2])
            if number != 5:
                mlflow.log_metric("loss", [float("nan"), float("inf"), 2.5][number % 3] if number < 3 else number)
            mlflow.set_tag("kind", ["even", "odd ü"][number % 2])
            if number == 4:
                import mlflow.data.meta_dataset as meta
                from mlflow.data.http_dataset_source import HTTPDatasetSource
                mlflow.log_input(meta.MetaDataset(HTTPDatasetSource("http://localhost/x"), name="flowers",
                                                  digest="abc123"), context="training")
            if number == 2:
                with mlflow.start_run(run_name="child", nested=True):
                    pass
            if number == 6:
                model = mlflow.initialize_logged_model(name="net", params={"a": "1"}, tags={"t": "x"})
                mlflow.log_metric("acc", 0.5, step=3, model_id=model.model_id)
                mlflow.finalize_logged_model(model.model_id, "READY")
    client = mlflow.MlflowClient()
    found = client.search_runs([mlflow.get_experiment_by_name("search me").experiment_id])
    client.delete_run(found[-1].info.run_id)
    client.set_experiment_tag(found[0].info.experiment_id, "team", "a")


def post(server, path, body):
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}/api/2.0/mlflow/{path}",
                                     json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=mlflow_here.DEADLINE) as answer:
        return json.load(answer)


def plain_token(body):
    """The body with its token decoded: JSON may have blanks or not."""
    token = body.get("next_page_token")
    return body if token is None else {**body, "next_page_token": json.loads(base64.b64decode(token))}


def runs(results, mlf, server, experiment):
    for body, options in SEARCHES:
        want = post(server, "runs/search", {"experiment_ids": [experiment], "max_results": 20, **body})
        got = json.loads(mlflow_here.run(mlf, "runs", "search", "--json", "--experiment", "search me", *options))
        name = json.dumps(body)
        results.check([r["info"]["run_id"] for r in got.get("runs", [])] ==
                      [r["info"]["run_id"] for r in want.get("runs", [])], f"runs/search {name}: the order")
        mlflow_here.same(results, got, want, f"runs/search {name}: the body")
    token, seen = {}, 0
    while seen < 10:
        want = post(server, "runs/search", {"experiment_ids": [experiment], "max_results": 3, **token})
        got = json.loads(mlflow_here.run(mlf, "runs", "search", "--json", "--experiment", "search me",
                                         "--max-results", "3",
                                         *(["--page-token", token["page_token"]] if token else [])))
        mlflow_here.same(results, plain_token(got), plain_token(want),
                         f"runs/search page {seen}: the body with its token")
        seen += 1
        if "next_page_token" not in want:
            break
        token = {"page_token": want["next_page_token"]}
    results.check(seen == 3, "three pages", seen)


def others(results, mlf, server, experiment):
    want = post(server, "experiments/search", {"max_results": 10, "order_by": ["name ASC"]})
    for listed in want["experiments"]:
        listed.pop("workspace", None)  # later than the messages of 3.1
    got = json.loads(mlflow_here.run(mlf, "experiments", "search", "--json", "--order-by", "name ASC"))
    mlflow_here.same(results, got, want, "experiments/search")
    want = server.get("experiments/get", experiment_id=experiment)["experiment"]
    want.pop("workspace", None)
    got = json.loads(mlflow_here.run(mlf, "experiments", "show", "search me", "--json"))
    mlflow_here.same(results, got, want, "experiments/get")
    want = post(server, "logged-models/search", {"experiment_ids": [experiment]})
    got = json.loads(mlflow_here.run(mlf, "models", "list", "--json"))
    for body in (want, got):
        # The server answers enums of this message by number.
        for model in body["models"]:
            status = model["info"]["status"]
            model["info"]["status"] = {"LOGGED_MODEL_PENDING": 1, "LOGGED_MODEL_READY": 2}.get(status, status)
    mlflow_here.same(results, got, want, "logged-models/search")


def doctor(results, mlf):
    """The verification run of `mlf doctor`, as MLflow's own client finds it."""
    import mlflow
    said = json.loads(mlflow_here.run(mlf, "doctor", "--log-run", "--json"))
    schema = next(check for check in said["checks"] if check["name"] == "schema")
    results.check(said["ok"] and "can be written" in schema["value"], "doctor: this schema can be written", said)
    found = mlflow.search_runs(search_all_experiments=True, output_format="list",
                               filter_string="params.test_param = 'test_value'")
    results.check([run.info.status for run in found] == ["FINISHED"],
                  "doctor --log-run: MLflow finds the run", found)


def main():
    mlflow_here.require()
    mlf = os.path.abspath(sys.argv[1])
    results = mlflow_here.Tap()
    with mlflow_here.Folder() as folder:
        os.environ["STORE"] = os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
        os.environ["MLF_SPOOL"] = f"{folder}/spool"
        fill()
        with mlflow_here.Server(os.environ["STORE"]) as server:
            experiment = server.get("experiments/get-by-name", experiment_name="search me")["experiment"]
            runs(results, mlf, server, experiment["experiment_id"])
            others(results, mlf, server, experiment["experiment_id"])
        doctor(results, mlf)
    return results.done()


sys.exit(main())
