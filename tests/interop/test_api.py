#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What programs have logged through the API (tests/e2e/api_calls.c), read by MLflow's client.
Usage: test_api.py MLF API_CALLS"""

import json
import math
import os
import subprocess
import sys

import mlflow_here as here


def call(program, mlf, *arguments):
    """Runs a scenario and waits until all that it has logged is stored; its lines by their first word."""
    environment = {**os.environ, "MLF_SPOOL": os.path.abspath("spool"),
                   "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db", "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "false"}
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=here.DEADLINE,
                          env=environment, check=False)
    subprocess.run([mlf, "sync"], env=environment, timeout=here.DEADLINE, check=True, capture_output=True)
    return {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if " MLF_" not in line}


def nested(results, client, program, mlf):
    said = call(program, mlf, "nested")
    runs = {what: client.get_run(said[what][0]) for what in ("outer", "middle", "inner")}
    results.check({what: (run.info.status, run.info.run_name) for what, run in runs.items()} ==
                  {"outer": ("FINISHED", "outer"), "middle": ("FINISHED", said["middle"][1]),
                   "inner": ("KILLED", said["inner"][1])}, "the client sees three runs", runs)
    results.check(runs["outer"].data.tags["mlflow.note.content"] == "three runs", "with a description")
    children = client.search_runs(["0"], f"tags.mlflow.parentRunId = '{said['outer'][0]}'")
    results.check([run.info.run_id for run in children] == [said["middle"][0]], "and finds a child by its parent",
                  children)


def values(results, client, program, mlf):
    call(program, mlf, "values")
    run = client.search_runs(["0"], "params.text = 'some text'")[0]
    results.check(float(run.data.params["third"]) == 1 / 3 and run.data.params["bool"] == str(True) and
                  run.data.params["small"] == str(1e-5) and run.data.params["one"] == str(1.0),
                  "params are what Python's str() makes of them", run.data.params)
    points = client.get_metric_history(run.info.run_id, "own")
    results.check([(p.value, p.timestamp, p.step) for p in points] == [(3.0, 1234567890123, -5)],
                  "a metric has the time that it was given", points)
    results.check(math.isnan(run.data.metrics["plain"]), "NaN is NaN", run.data.metrics)


def inputs(results, client, program, mlf):
    with open("data.csv", "w", encoding="utf-8") as file:
        file.write("x,y\n1,2\n")
    before = {run.info.run_id for run in client.search_runs(["0"])}
    call(program, mlf, "inputs", "data.csv")
    run = next(run for run in client.search_runs(["0"]) if run.info.run_id not in before)
    found = {item.dataset.name: item for item in run.inputs.dataset_inputs}
    data, web = found["data.csv"], found["web"]
    results.check(json.loads(data.dataset.source) == {"uri": os.path.abspath("data.csv")} and
                  {tag.key: tag.value for tag in data.tags} == {"mlflow.data.context": "training"},
                  "the client sees a file with its context", data)
    results.check(json.loads(data.dataset.profile)["size_bytes"] == 8, "and what the collector found out of it",
                  data.dataset.profile)
    results.check(web.dataset.source_type == "http" and len(web.dataset.profile) == 16777215,
                  "and a data set with a profile of 16 MB")


def artifacts(results, client, program, mlf):
    import mlflow
    os.mkdir("tree")
    before = {run.info.run_id for run in client.search_runs(["0"])}
    call(program, mlf, "artifacts", "data.csv", "tree")
    run_id = next(run.info.run_id for run in client.search_runs(["0"]) if run.info.run_id not in before)
    text = mlflow.artifacts.load_text(f"runs:/{run_id}/notes/hello.txt")
    results.check(text == "hello again", "the client loads a text", text)
    data = mlflow.artifacts.load_dict(f"runs:/{run_id}/a.json")
    results.check(data == {"a": [1, 2]}, "and JSON", data)
    names = {item.path for item in client.list_artifacts(run_id)}
    if "images" not in names:
        results.skip("and an image", "built without libpng")
        return
    try:
        image = mlflow.artifacts.load_image(f"runs:/{run_id}/images/i.png")
    except ImportError as error:
        results.skip("and an image", str(error))
        return
    got = [image.getpixel((x, y))[:3] for y in range(2) for x in range(2)]
    results.check(got == [(255, 0, 0), (0, 255, 0), (0, 0, 255), (1, 2, 3)], "and an image, pixel by pixel", got)


def tables(results, client, program, mlf):
    import mlflow
    before = {run.info.run_id for run in client.search_runs(["0"])}
    call(program, mlf, "tables")
    run_id = next(run.info.run_id for run in client.search_runs(["0"]) if run.info.run_id not in before)
    table = mlflow.load_table("eval/t.json", run_ids=[run_id])
    results.check(list(table.columns) == ["x", "name", "y"] and len(table) == 4 and
                  table["name"].tolist()[3] == "d" and table["x"].tolist()[:2] == [1.5, 2.0],
                  "the client loads a table that was appended to", table)
    client.log_table(run_id, {"x": [9.0], "name": ["z"], "y": [0]}, "eval/t.json")
    tag = json.loads(client.get_run(run_id).data.tags["mlflow.loggedArtifacts"])
    results.check(len(mlflow.load_table("eval/t.json", run_ids=[run_id])) == 5 and
                  [item["path"] for item in tag] == ["eval/t.json", "u.json"],
                  "and appends to it, which is listed once", tag)


def resumed(results, client, program, mlf):
    import mlflow
    with mlflow.start_run(run_name="from Python") as run:
        mlflow.log_param("side", "Python")
    said = call(program, mlf, "resume", run.info.run_id)
    again = client.get_run(run.info.run_id)
    results.check(said["run"] == [run.info.run_id, "from", "Python"] and again.info.status == "FINISHED" and
                  again.data.metrics == {"resumed": 1.0} and again.data.params == {"side": "Python"},
                  "a run that Python made is resumed", again)


def main():
    mlf, program = (os.path.abspath(path) for path in sys.argv[1:3])
    here.require()
    results = here.Tap()
    with here.Folder():
        import mlflow
        mlflow.set_tracking_uri("sqlite:///mlflow.db")
        client = mlflow.MlflowClient()
        for test in (nested, values, inputs, artifacts, tables, resumed):
            test(results, client, program, mlf)
    return results.done()


if __name__ == "__main__":
    sys.exit(main())
