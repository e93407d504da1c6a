#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The same searches by MLflow's client and by ours, on a database that MLflow wrote and on one that we wrote:
the same rows in the same order, the same refusals. Usage: test_search.py SEARCH_TOOL"""

import json
import os
import re
import subprocess
import sys

import mlflow_here as here

TIME = 1700000000000


class Tool:
    """Our side: one line of JSON in, one out."""

    def __init__(self, program, uri, *mode):
        self.process = subprocess.Popen([program, uri, *mode], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def ask(self, **query):
        self.process.stdin.write(json.dumps(query) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def search(self, **query):
        return json.loads(self.ask(**{k: v for k, v in query.items() if v is not None}))

    def close(self):
        self.process.stdin.close()
        return self.process.wait(here.DEADLINE)


# ---- what is in the databases ----

EXPERIMENTS = [
    {"name": "alpha", "tags": {"team": "vision", "stage": "Prod"}},
    {"name": "Beta_x", "tags": {"team": "text", "note": "100% done_now"}},
    {"name": "beta-y"},
    {"name": "100%", "tags": {"team": "Vision", "a b": "spaced"}},
    {"name": "gone", "tags": {"team": "vision"}, "deleted": True},
]

RUNS = [
    dict(name="first", user="ann", start=0, status=3, end=50,
         params={"lr": "0.1", "opt": "sgd", "depth": "3"},
         metrics=[["loss", 0.5, 10, 0], ["loss", 0.25, 20, 1], ["acc", 0.9, 20, 1]],
         tags={"team": "vision", "note": "it's fine"}, inputs=[["iris", "abc", "train"]]),
    dict(name="Second", user="bob", start=1, status=4, end=60,
         params={"lr": "0.01", "opt": "SGD", "depth": "10"},
         metrics=[["loss", "nan", 10, 0], ["acc", 0.8, 20, 1]],
         tags={"team": "Vision", "note": "100% done_now"},
         inputs=[["iris", "abc", "train"], ["Iris", "def", "eval"], ["wine", "xyz", None]]),
    dict(name="third_run", user="ann", start=1, status=1,
         params={"lr": "1e-3", "opt": "adam"}, metrics=[["loss", "inf", 10, 0], ["acc", -1, 20, 1]],
         tags={"a b": "spaced", "note": "100x doneXnow"}, inputs=[["wine", "xyz", "eval"]]),
    dict(name="third-run", user="", start=2, status=5, end=70,
         params={"opt": "ADAM", "depth": ""}, metrics=[["loss", "-inf", 10, 0], ["val/loss", 1e-12, 5, 0]],
         tags={"team": "", "weird.key": "x*y?z[1]"}),
    dict(name="fünf", user="ünal", start=3, status=3, end=80, params={"lr": "0.1", "größe": "ja"},
         metrics=[["loss", 0, 10, -5], ["acc", 0.9, 9, 0], ["step count", 7, 1, 0]],
         tags={"team": "Ärger", "emoji": "😀"}),
    dict(name="six'quote", user="ann", start=3, status=3, end=80, params={"lr": "abc", "opt": "a'b"},
         metrics=[["acc", 0.9, 1, 0], ["time", 5, 1, 0]], tags={"note": "two\nlines", "path": "c:\\d"}),
    dict(name="seven", user="ann", start=2, status=3, end=1, params={"lr": "0.10"},
         metrics=[["loss", -3.5, 10, 0]], tags={}, deleted=True),
    dict(name="eight", user="zoe", start=9, status=3, end=99, experiment="alpha",
         params={"lr": "0.1"}, metrics=[["loss", 0.25, 1, 0], ["acc", "nan", 1, 0]],
         tags={"team": "vision"}, inputs=[["iris", "zzz", "test"]]),
    dict(name="nine", user="zoe", start=9, status=1, experiment="alpha", params={}, metrics=[], tags={}),
    dict(name="ten", user="zoe", start=8, status=3, end=9, experiment="alpha", params={"opt": "sgd"},
         metrics=[["loss", 2, 1, 0]], tags={"team": "text"}, deleted=True),
]
for number in range(12):
    RUNS.append(dict(name=f"sweep-{number:02}", user="bot", start=20 + number // 3, status=3, end=200 + number,
                     experiment="Beta_x", params={"i": str(number), "odd": str(number % 2)},
                     metrics=[["score", (number * 7) % 12, 1, number], ["tied", number // 4, 1, 0]],
                     tags={"group": "abc"[number % 3]}))

# With the number of their run, or None.
MODELS = [
    dict(name="net", run=0, type="pytorch", start=0, status=2, params={"layers": "3", "lr": "0.1"},
         tags={"team": "vision"}, metrics=[["acc", 0.5, 1, 0, "iris", "abc"], ["acc", 0.9, 2, 1, "iris", "abc"]]),
    dict(name="Net", run=1, type="sklearn", start=1, status=2, params={"layers": "10"}, tags={"team": "Vision"},
         metrics=[["acc", 0.8, 1, 0, "wine", "xyz"], ["loss", -1, 1, 0]]),
    dict(name="net_2", run=0, type="", start=1, status=1, params={}, tags={"note": "100%"},
         metrics=[["acc", 0.7, 1, 0], ["acc", 0.2, 3, 2]]),
    dict(name="forest", run=None, type="sklearn", start=3, status=3, params={"layers": "3"}, tags={}, metrics=[]),
    dict(name="net-3", run=2, type=None, start=4, status=2, params={"q": "it's"}, tags={"team": "text"},
         metrics=[["loss", 3, 1, 0], ["acc", 0.9, 1, 0]]),
    dict(name="gone", run=0, type="x", start=5, status=2, params={}, tags={}, metrics=[["acc", 1, 1, 0]],
         deleted=True),
    dict(name="far", run=None, type="pytorch", start=6, status=2, params={"layers": "4"}, tags={},
         metrics=[], experiment="alpha"),
]


class OurWriter:
    def __init__(self, program, uri):
        self.tool = Tool(program, uri, "fill")

    def experiment(self, spec):
        return self.tool.ask(write="experiment", **spec)

    def run(self, spec, experiment):
        self.last = dict(spec, experiment=experiment)
        return self.tool.ask(write="run", experiment_id=experiment, name=spec["name"], user=spec["user"],
                             start_time=TIME + spec["start"], status=spec["status"],
                             end_time=TIME + spec["end"] if "end" in spec else -1, params=spec["params"],
                             tags=spec["tags"], metrics=spec["metrics"], inputs=spec.get("inputs", []),
                             deleted=False)

    def model(self, spec, experiment, run):
        query = dict(write="model", experiment_id=experiment, name=spec["name"], start_time=TIME + spec["start"],
                     status=spec["status"], params=spec["params"], tags=spec["tags"])
        if run:
            query["run_id"] = run
        if spec["type"] is not None:
            query["type"] = spec["type"]
        return self.tool.ask(**query)

    def close(self):
        assert self.tool.close() == 0


class MlflowWriter:
    def __init__(self, uri):
        from mlflow import MlflowClient
        self.client = MlflowClient(uri)

    def experiment(self, spec):
        experiment = self.client.create_experiment(spec["name"], tags=spec.get("tags", {}))
        if spec.get("deleted"):
            self.client.delete_experiment(experiment)
        return experiment

    def run(self, spec, experiment):
        from mlflow.entities import Dataset, DatasetInput, InputTag, Metric
        client = self.client
        run = client.create_run(experiment, start_time=TIME + spec["start"], run_name=spec["name"],
                                tags=dict(spec["tags"], **{"mlflow.user": spec["user"]})).info.run_id
        for key, value in spec["params"].items():
            client.log_param(run, key, value)
        client.log_batch(run, [Metric(k, float(v), t, s) for k, v, t, s in spec["metrics"]])
        inputs = [DatasetInput(Dataset(name, digest, "local", "{}"),
                               [InputTag("mlflow.data.context", context)] if context else [])
                  for name, digest, context in spec.get("inputs", [])]
        if inputs:
            client.log_inputs(run, inputs)
        if spec["status"] != 1:
            client.set_terminated(run, {3: "FINISHED", 4: "FAILED", 5: "KILLED"}[spec["status"]],
                                  TIME + spec["end"])
        return run

    def model(self, spec, experiment, run):
        client = self.client
        model = client.create_logged_model(experiment, spec["name"], source_run_id=run, params=spec["params"],
                                           tags=spec["tags"], model_type=spec["type"]).model_id
        if spec["status"] != 1:
            client.finalize_logged_model(model, {2: "READY", 3: "FAILED"}[spec["status"]])
        return model

    def close(self):
        pass


def fill(writer, path, uri):
    """Writes everything, then what only one of both clients can do by MLflow's for both databases."""
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModelInput, Metric
    ids = {"Default": "0"}
    for spec in EXPERIMENTS:
        ids[spec["name"]] = writer.experiment(spec)
    runs = [writer.run(spec, ids[spec.get("experiment", "Default")]) for spec in RUNS]
    models = [writer.model(spec, ids[spec.get("experiment", "Default")],
                           runs[spec["run"]] if spec["run"] is not None else None) for spec in MODELS]
    writer.close()
    client = MlflowClient(uri)
    for spec, model in zip(MODELS, models):
        if spec["metrics"]:
            run = runs[spec["run"]]
            metrics = [Metric(m[0], float(m[1]), m[2], m[3], model_id=model,
                              dataset_name=m[4] if len(m) > 4 else None,
                              dataset_digest=m[5] if len(m) > 5 else None, run_id=run)
                       for m in spec["metrics"]]
            client.log_batch(run, metrics)
        if spec.get("deleted"):
            client.delete_logged_model(model)
    client.log_inputs(runs[1], models=[LoggedModelInput(models[0])])
    client.log_outputs(runs[0], [__import__("mlflow").entities.LoggedModelOutput(models[0], 3)])
    for spec, run in zip(RUNS, runs):
        if spec.get("deleted"):
            client.delete_run(run)
    import sqlite3
    db = sqlite3.connect(path)
    # Times and users are not the client's to choose.
    for spec, run in zip(RUNS, runs):
        db.execute("UPDATE runs SET user_id = ? WHERE run_uuid = ?", (spec["user"], run))
    for spec, model in zip(MODELS, models):
        db.execute("UPDATE logged_models SET creation_timestamp_ms = ?, last_updated_timestamp_ms = ? "
                   "WHERE model_id = ?", (TIME + spec["start"], TIME + 2 * spec["start"], model))
    for number, name in enumerate(ids):
        db.execute("UPDATE experiments SET creation_time = ?, last_update_time = ? WHERE name = ?",
                   (TIME + number // 2, TIME - number, name))
    db.commit()
    db.close()
    return ids, runs, models


# ---- what is asked; {run0}, {model0} and {alpha} stand for ids ----

RUN_FILTERS = [
    "", None, "metrics.loss < 1", "metrics.loss <= 0.25", "metric.loss > 0", "metrics.loss >= 0",
    "metrics.loss = 0", "metrics.loss != 0", "metrics.loss = 0.25", "metrics.loss > -4", "metrics.loss > -.5",
    "metrics.loss < 1e3", "metrics.loss < 1E-3", "metrics.loss < 1e400", "metrics.loss > 1.5e+3",
    "metrics.loss < 5.", "metrics.`loss` < 1", 'metrics."loss" < 1', "metrics.'loss' < 1",
    "metrics.acc = .9", "metrics.acc > 0.8 and metrics.loss < 1", "metrics.acc > 0.8 AND metrics.loss < 1 AND",
    "metrics.acc > 0.8 metrics.loss < 1", "AND", "metrics.`val/loss` < 1", "metrics.val/loss < 1",
    "metrics.`step count` = 7", "metrics.time = 5", "metrics.nothing = 1", "metrics.loss > 1 OR metrics.acc > 0",
    "metrics.loss < 'a'", "metrics.loss = abc", "metrics.loss LIKE '1'", "metrics.loss == 1",
    "metrics.loss <> 1", "metrics.loss IS NULL", "metrics.loss IN (1, 2)", "metrics.loss in ('1')",
    "metrics.loss > 1 > 2", "1 < metrics.loss", "metrics.loss between 0 and 1", "metrics. loss > 0",
    "metrics .loss > 0", "metrics.loss-1 > 0", "metrics.loss -1 > 0", "metrics.1a > 0", "metrics.12 > 0",
    "metrics.loss > 1e", "metrics.loss > 0x10", "metrics.loss > 1_000", "metrics.loss > +1",
    "metrics.loss > -1 - 2", "metrics.loss\n<\t1", "Metrics.loss < 1", "METRICS.loss < 1",
    "params.lr = '0.1'", "param.lr = '0.1'", "parameter.lr = '0.1'", "parameters.lr = '0.1'",
    'params.lr = "0.1"', "params.lr != '0.1'", "params.lr = 0.1", "params.lr = abc", "params.lr = `abc`",
    "params.lr LIKE '0.%'", "params.lr like '0.%'", "params.lr Like '0._'", "params.opt LIKE 'sgd'",
    "params.opt LIKE 'SG%'", "params.opt ILIKE 'sg%'", "params.opt ilike 'ADAM'", "params.opt NOT LIKE 'sgd'",
    "params.opt RLIKE 's.*'", "params.opt IS NULL", "params.opt IS NOT NULL", "params.opt is not null",
    "params.opt IS  NULL", "params.opt IS NOT  NULL", "params.opt NOT NULL", "params.depth = ''",
    "params.depth LIKE '%'", "params.opt IN ('sgd', 'adam')", "params.opt NOT IN ('sgd')",
    "params.opt > 'a'", "params.opt = 'a''b'", "params.opt = \"a'b\"", "params.opt = 'a\\'b'",
    "params.größe = 'ja'", "params.`größe` = 'ja'", "params.opt = true", "params.opt = null", "params.opt = NULL",
    "params.opt", "params.opt =", "= 'sgd'", "params.opt = 'sgd", "params.opt = sgd'", "params = 'a'",
    "params.opt = ('sgd')", "params.opt = 'sgd';", "params.opt = 'sgd'; params.lr = '1'", "  ", ";",
    "params.opt = 'sgd' -- comment", "params.opt = 'sgd' foo", "(params.opt = 'sgd')",
    "NOT params.opt = 'sgd'", "params.opt = 'sgd', params.lr = '0.1'", "params.opt = 'sgd' && params.lr = '1'",
    "tags.team = 'vision'", "tag.team = 'vision'", "tags.team != 'vision'", "tags.team LIKE 'v%'",
    "tags.team LIKE 'V%'", "tags.team ILIKE 'V%'", "tags.team ILIKE '%Är%'", "tags.team ilike 'ärger'",
    "tags.team = ''", "tags.team IS NULL", "tags.team IS NOT NULL and params.lr = '0.1'",
    "tags.note LIKE '100% done_now'", "tags.note LIKE '%%%'", "tags.note LIKE 'it_s fine'",
    "tags.note = 'it''s fine'", "tags.note = \"it's fine\"", "tags.note LIKE '%lines'", "tags.`a b` = 'spaced'",
    "tags.\"a b\" = 'spaced'", "tags.a b = 'spaced'", "tags.weird.key LIKE 'x*y%'", "tags.weird.key LIKE 'x*y?z[1]'",
    "tags.`weird.key` = 'x*y?z[1]'", "tags.weird.key LIKE 'x%[_]'", "tags.path LIKE 'c:\\%'",
    "tags.emoji = '😀'", "tags.emoji LIKE '_'", "tags.mlflow.runName = 'first'", "tags.`mlflow.runName` LIKE 's%'",
    "tags.team IN ('vision')", "tags.team > 'a'", "tags.team = 5", "tags.none IS NULL",
    "run_name = 'first'", "attributes.run_name = 'first'", "attribute.run_name != 'first'", "attr.run_name LIKE 'third_run'",
    "run.run_name ILIKE 'SE%'", "`run name` = 'first'", "attributes.`Run Name` = 'first'", "attributes.\"Run name\" = 'first'",
    "run_name = \"six'quote\"", "run_name IN ('first', 'Second')", "run_name IS NULL", "name = 'first'",
    "run_id = '{run0}'", "run_id != '{run0}'", "run_id IN ('{run0}', '{run2}', 'none')", "run_id in ('{run0}',)",
    "run_id NOT IN ('{run0}', '{run1}')", "run_id not in (\"{run0}\")", "run_id IN ()", "run_id IN ('{run0}' '')",
    "run_id IN (1)", "run_id IN ('a', 1)", "run_id IN '{run0}'", "run_id = ('{run0}')", "run_id LIKE '%a%'",
    "run_id IN ('{run0}') AND metrics.loss < 1", "run_id IN(\"{run0}\") AND status = 'FINISHED'", "run_id IN (abc)",
    "run_id IN ('{run0}", "status = 'FINISHED'", "status = 'finished'", "status != 'FINISHED'", "status LIKE 'F%'",
    "status ILIKE 'f%'", "status IN ('FINISHED')", "status = FINISHED", "attributes.status = \"RUNNING\"",
    "status > 'A'", "user_id = 'ann'", "user_id != 'ann'", "user_id = ''", "user_id ILIKE 'ÜN%'", "user_id ILIKE '%NAL'",
    "artifact_uri LIKE '%artifacts'", "artifact_uri ILIKE '%ARTIFACTS'", "start_time > 1700000000001",
    "start_time >= 1700000000001", "start_time = 1700000000003", "start_time < 1.7e12", "start_time != 1700000000001.5",
    "start_time = '1700000000001'", "start_time LIKE '17%'", "start_time IS NULL", "created > 1700000000001",
    "Created <= 1700000000001", "attributes.created < 1700000000003", "end_time > 0", "end_time < 1700000000060",
    "end_time != 1700000000080", "end_time > -1", "experiment_id = '0'", "lifecycle_stage = 'active'", "foo = 'bar'",
    "foo.bar = 'x'", "`metrics`.loss < 1", "'metrics'.loss < 1", "\"metrics.loss\" < 1", "'status' = 'FINISHED'",
    "\"status\" = 'FINISHED'", "dataset.name = 'iris'", "datasets.name = 'iris'", "dataset.name != 'iris'",
    "dataset.name LIKE 'I%'", "dataset.name ILIKE 'I%'", "dataset.name IN ('iris', 'wine')", "dataset.name NOT IN ('iris')",
    "dataset.digest = 'abc'", "dataset.digest LIKE '%z%'", "dataset.context = 'train'", "dataset.context != 'train'",
    "dataset.context IN ('eval', 'test')", "dataset.foo = 'x'", "dataset.name > 'a'", "dataset.name = 5",
    "dataset.name IS NULL", "dataset.name = 'iris' AND dataset.context = 'eval'", "params.lr = '0.1' and tags.team = 'vision' "
    "and metrics.acc >= 0.9 and status = 'FINISHED' and dataset.name = 'iris'",
]

RUN_ORDERS = [
    ["metrics.loss"], ["metrics.loss ASC"], ["metrics.loss DESC"], ["metrics.acc desc", "metrics.loss asc"],
    ["params.lr"], ["params.lr DESC"], ["tags.team"], ["tag.team desc"], ["start_time"], ["start_time ASC"],
    ["start_time DESC"], ["end_time"], ["end_time DESC", "params.opt"], ["attributes.status", "run_id DESC"],
    ["run_name"], ["attributes.run_name DESC"], ["user_id DESC"], ["artifact_uri"], ["created"], ["Created DESC"],
    ["metrics.`val/loss`"], ["metrics.`step count` DESC"], ['tags."a b" ASC'], ["`metrics`.loss"], ["metrics.none"],
    ["run name"], ["`Run Name`"], ["metrics.loss", "metrics.loss"], ["start_time", "created DESC"],
    ["metric.loss", "metrics.loss desc"], ["metrics.loss ASC NULLS LAST"], ["metrics.loss foo"], ["metrics.loss ASC DESC"],
    ["metrics.loss foo bar"], [""], [" metrics.loss"], ["metrics.loss "], ["foo"], ["foo.bar"], ["dataset.name"],
    ["metrics.loss, metrics.acc"], ["metrics.loss > 1"], ["5"], ["'metrics.loss'"], ["metrics.'loss' DESC"], ["timestamp"],
    ["metrics.loss;"], ["params.größe DESC"], ["lifecycle_stage"], ["experiment_id"], ["metrics.time desc"], ["status  desc"],
    ["metrics.acc DESC", "start_time"], ["params.`lr` asc", "tags.note desc", "metrics.loss"],
]

EXPERIMENT_FILTERS = [
    "", None, "name = 'alpha'", "name != 'alpha'", "name LIKE 'b%'", "name ILIKE 'B%'", "name LIKE 'Beta_x'",
    "name LIKE '100%'", "name like 'b%'", "name IN ('alpha')", "attribute.name = 'alpha'", "attributes.name = 'alpha'",
    "name = alpha", "name > 'a'", "name = 5", "experiment_id = '0'", "experiment_id != '0'",
    "experiment_id IN ('{alpha}', '0')", "experiment_id in ('0')", "experiment_id NOT IN ('0')", "experiment_id = 'x'",
    "experiment_id = 0", "experiment_id LIKE '0'", "experiment_id > '0'", "experiment_id IN ('x')", "experiment_id = ('0')",
    "creation_time > 1700000000000", "creation_time <= 1700000000001", "creation_time = '1700000000000'",
    "creation_time > 1.5", "last_update_time < 1700000000000", "last_update_time != 1699999999999", "creation_time LIKE '1'",
    "creation_time IN ('1')", "tags.team = 'vision'", "tag.team = 'vision'", "tags.team != 'vision'", "tags.team LIKE 'V%'",
    "tags.team ILIKE 'v%'", "tags.team ilike 'v%'", "tags.`a b` = 'spaced'", "tags.team IS NULL", "tags.team IS NOT NULL",
    "tags.team is null", "name IS NULL", "creation_time IS NULL", "tags.team IN ('x')", "tags.team > 'a'", "tags.team = 5",
    "params.a = '1'", "metrics.a = 1", "foo = '1'", "name = 'alpha' OR name = 'beta-y'", "name = 'alpha' AND tags.team = 'vision'",
    "tags.note LIKE '100% done_now'", "name = 'alpha';", "name = 'a'; name = 'b'", "lifecycle_stage = 'active'", " ",
    "`tags`.team = 'vision'", "creation_time == 1", "tags.team == 'x'", "name == 'x'",
]

EXPERIMENT_ORDERS = [
    ["name"], ["name DESC"], ["creation_time"], ["creation_time DESC", "name"], ["experiment_id"], ["experiment_id DESC"],
    ["last_update_time", "name desc"], ["attribute.name"], ["tags.team"], ["foo"], ["name foo"], [""], ["attributes.name"],
    ["name", "name"], ["`name`"], ["last_update_time ASC", "experiment_id"],
]

MODEL_FILTERS = [
    "", None, "name = 'net'", "name != 'net'", "name LIKE 'net%'", "name LIKE 'N%'", "name ILIKE 'NET%'", "name like 'net_2'",
    "name IN ('net', 'Net')", "name in ('net')", "name NOT IN ('net', 'Net')", "name = net", "name = \"net\"", "name = 'net",
    "attributes.name = 'net'", "attribute.name = 'net'", "`name` = 'net'", "name > 'a'", "name IS NULL", "model_id = '{model0}'",
    "model_id IN ('{model0}', \"{model1}\")", "model_id IN ()", "model_type = 'sklearn'", "model_type = ''",
    "model_type != 'sklearn'", "model_type = sklearn", "source_run_id = '{run0}'", "source_run_id != '{run0}'",
    "source_run_id LIKE '%'", "status = 'READY'", "status != 'READY'", "status = '2'", "status = 2", "status LIKE '2'",
    "creation_timestamp > 1700000000001", "creation_time >= 1700000000001", "creation_timestamp_ms < 1700000000003",
    "attributes.creation_timestamp_ms < 1700000000003", "attributes.creation_timestamp < 1700000000003",
    "last_updated_timestamp > 1700000000002", "last_updated_time > 1", "last_updated_timestamp_ms <= 1700000000002",
    "creation_timestamp = 'x'", "creation_timestamp LIKE '1'", "experiment_id = '0'", "experiment_id = 0", "lifecycle_stage = 'active'",
    "artifact_location LIKE '%artifacts'", "foo = 'x'", "attributes.foo = 'x'", "metrics.acc > 0.5", "metrics.acc >= 0.9",
    "metrics.acc < 0.3", "metrics.acc = 0.5", "metrics.acc != 0.9", "metric.acc > 0.5", "metrics.`acc` > 0.5", "metrics.loss < 0",
    "metrics.loss > -1e5", "metrics.acc > 'a'", "metrics.acc > nan", "metrics.acc < inf", "metrics.acc LIKE '1'",
    "metrics.acc IN (1)", "metrics.none > 0", "params.layers = '3'", "params.layers = 3", "params.layers = \"3\"",
    "params.layers != '3'", "params.layers LIKE '1%'", "params.layers IN ('3', '4')", "params.layers IN (3, 4)", "params.layers IN (3)",
    "params.layers > '3'", "params.q = 'it''s'", "params.q LIKE \"it%\"", "param.layers = '3'", "tags.team = 'vision'",
    "tags.team ILIKE 'VISION'", "tags.team != 'vision'", "tags.team IS NULL", "tags.note = '100%'", "tags.note LIKE '%'",
    "name = 'net' AND metrics.acc > 0.5", "name = 'net' AND metrics.acc > 0.5 AND params.layers = '3' AND tags.team = 'vision'",
    "name = 'net' OR name = 'Net'", "name = 'net' metrics.acc > 0.5", "AND", "  ", "name = 'net';", "name = 'a'; name = 'b'",
    "(name = 'net')", "name", "name = ", "tags.team == 'x'", "name = 'net' and", "params.flag = true",
]

# As text for us, as MLflow has them for MLflow.
MODEL_ORDERS = [
    [("name", True)], [("name", False)], [("creation_timestamp", True)], [("creation_time", False)], [("model_type", True)],
    [("model_type", False), ("name", True)], [("status", True)], [("source_run_id", True), ("model_id", False)],
    [("metrics.acc", True)], [("metrics.acc", False)], [("metrics.loss", True), ("metrics.acc", False)], [("metrics.none", False)],
    [("last_updated_timestamp", False)], [("model_id", True)], [("params.layers", True)], [("tags.team", True)],
    [("attributes.name", True)], [("foo", True)], [("experiment_id", True)], [("creation_timestamp_ms", True)],
]

# Where MLflow fails with something that is no answer to the question.
ODD = re.compile(r"sqlite3|SQLite INTEGER|closing parenthesis|SELECT construct|unsupported|Traceback|has no attribute|malformed|expecting|No closing", re.I)


class Both:
    """The same question to both sides."""

    def __init__(self, results, program, uri, ids, runs, models, name):
        from mlflow import MlflowClient
        self.client, self.tool = MlflowClient(uri), Tool(program, uri)
        self.results, self.name, self.experiments = results, name, ids
        self.names = {f"{{run{i}}}": run for i, run in enumerate(runs)}
        self.names.update({f"{{model{i}}}": model for i, model in enumerate(models)})
        self.names.update({"{alpha}": ids["alpha"]})
        self.asked = self.refused = 0

    def named(self, text):
        for name, value in self.names.items():
            text = text.replace(name, value) if text else text
        return text

    def mlflow(self, subject, text, order, view, size, token, experiments):
        from mlflow.entities import ViewType
        views = [ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL]
        if subject == "runs":
            page = self.client.search_runs(experiments, text or "", views[view], size or 1000, order, token)
            return page, [run.info.run_id for run in page], page.token
        if subject == "experiments":
            page = self.client.search_experiments(views[view], size or 1000, text, order, token)
            return page, [experiment.experiment_id for experiment in page], page.token
        fields = [{"field_name": name, "ascending": up} for name, up in order] if order else None
        page = self.client.search_logged_models(experiments, text, None, size or 100, fields, token)
        return page, [model.model_id for model in page], page.token

    def compare(self, subject, text=None, order=None, view=0, size=None, tokens=(None, None)):
        """Their and our tokens of the next page."""
        text = self.named(text)
        experiments = None if subject == "experiments" else [str(self.experiments[n])
                                                             for n in ("Default", "alpha", "Beta_x")]
        ours_order = [f"{name} {'ASC' if up else 'DESC'}" for name, up in order] \
            if order and subject == "models" else order
        ours = self.tool.search(subject=subject, filter=text, order_by=ours_order, view=view,
                                max_results=size, page_token=tokens[1], experiment_ids=experiments)
        name = f"{self.name}: {subject} {text!r} {order or ''} view {view}"
        self.asked += 1
        try:
            _, want, token = self.mlflow(subject, text, order, view, size, tokens[0], experiments)
        except Exception as error:  # noqa: BLE001: MLflow lets errors of every kind out
            self.refused += 1
            self.refusal(name, str(getattr(error, "message", error)), type(error).__name__, ours)
            return None, None
        if "error" in ours:
            self.results.check(False, name, f"we refuse: {ours['error']}", f"MLflow gives {len(want)}")
            return None, None
        self.results.check(ours["ids"] == want, name, f"got  {ours['ids']}", f"want {want}")
        return token, ours.get("token")

    def refusal(self, name, want, kind, ours):
        if "error" not in ours:
            self.results.check(False, name, f"MLflow refuses: {kind}: {want}", f"we give {len(ours['ids'])} rows")
            return
        got = ours["error"]
        if kind != "MlflowException" or ODD.search(want):
            self.results.check(True, f"{name}: refused")
            return
        # Sets are printed in an order that changes.
        stable = [re.split(r"'?\{|Valid keys", t)[0].rstrip() for t in (got, want)]
        self.results.check(stable[0] == stable[1], f"{name}: refused alike", f"got  {got}", f"want {want}")


def pages(both):
    """Pages of every size, through to the end; and tokens that are none."""
    for subject, text, order in (("runs", "metrics.score >= 0", ["metrics.tied DESC", "metrics.score"]),
                                 ("runs", "", None), ("experiments", "", ["name"]),
                                 ("models", "name LIKE '%e%'", [("metrics.acc", False)])):
        for size in (1, 4, 5):
            tokens, number = (None, None), 0
            while number == 0 or tokens[0] is not None:
                tokens = both.compare(subject, text, order, size=size, tokens=tokens)
                both.results.check((tokens[0] is None) == (tokens[1] is None),
                                   f"{both.name}: {subject} by {size}: page {number} has a next one for both or neither")
                number += 1
                if number > 40:
                    break
            both.results.check(size > 1 or number >= 3, f"{both.name}: {subject} by {size}: several pages")
    for token in ("rubbish", "e30=", "W10=", "eyJvZmZzZXQiOiAieCJ9", "!!!!"):
        both.compare("runs", tokens=(token, token))
    both.compare("runs", size=50001)
    both.compare("experiments", size=50001)


def models_token(both):
    """A token of models is good for its search only."""
    experiments = [str(both.experiments["Default"])]
    query = dict(subject="models", experiment_ids=experiments, max_results=1)
    token = both.tool.search(**query)["token"]
    both.results.check("error" not in both.tool.search(**query, page_token=token), "a token of the same search")
    for change in ({"filter": "name = 'net'"}, {"order_by": ["name"]}, {"experiment_ids": ["1"]}):
        both.results.check("error" in both.tool.search(**{**query, **change}, page_token=token),
                           f"is refused with another {list(change)[0]}")


def records(both):
    """Runs, models and experiments come back whole."""
    from mlflow.entities import ViewType
    ids = [str(i) for i in both.experiments.values()]
    ours = both.tool.search(subject="runs", experiment_ids=ids, view=2, whole=True)["records"]
    for run in ours:
        run["metrics"] = [[m[0], repr(float(m[1])), *m[2:]] for m in run["metrics"]]
    want = []
    for run in both.client.search_runs(ids, run_view_type=ViewType.ALL):
        info = run.info
        whole = both.client.get_run(info.run_id)
        want.append({
            "run_id": info.run_id, "experiment_id": info.experiment_id, "name": info.run_name,
            "user": info.user_id, "artifact_uri": info.artifact_uri, "status": info.status,
            "deleted": info.lifecycle_stage == "deleted", "start_time": info.start_time,
            "end_time": -1 if info.end_time is None else info.end_time, "params": run.data.params,
            "tags": run.data.tags,
            "metrics": [[m.key, repr(float(m.value)), m.timestamp, m.step, None, None, None, None]
                        for m in sorted(run.data._metric_objs, key=lambda m: m.key)],
            "inputs": sorted([{"name": i.dataset.name, "digest": i.dataset.digest, "source": i.dataset.source,
                               "tags": {t.key: t.value for t in i.tags}} for i in whole.inputs.dataset_inputs],
                             key=lambda i: (i["name"], i["digest"])),
            "model_outputs": {o.model_id: o.step for o in whole.outputs.model_outputs},
            "model_inputs": sorted(i.model_id for i in whole.inputs.model_inputs or [])})
    here.same(both.results, ours, want, f"{both.name}: runs are whole")
    ours = both.tool.search(subject="models", experiment_ids=ids, whole=True)["records"]
    want = [{"model_id": m.model_id, "experiment_id": m.experiment_id, "name": m.name,
             "run_id": m.source_run_id or "", "model_type": m.model_type or "", "status": m.status.to_int(),
             "created": m.creation_timestamp, "params": m.params, "tags": m.tags,
             "metrics": sorted([[x.key, repr(float(x.value)), x.timestamp, x.step, x.run_id, x.dataset_name,
                                 x.dataset_digest, x.model_id] for x in m.metrics or []], key=str)}
            for m in both.client.search_logged_models(ids)]
    for model in ours:
        model["metrics"] = sorted(([m[0], repr(float(m[1])), *m[2:]] for m in model["metrics"]), key=str)
    here.same(both.results, ours, want, f"{both.name}: models are whole")
    ours = both.tool.search(subject="experiments", view=2, whole=True)["records"]
    want = [{"experiment_id": e.experiment_id, "name": e.name, "artifact_location": e.artifact_location,
             "deleted": e.lifecycle_stage == "deleted", "created": e.creation_time, "updated": e.last_update_time,
             "tags": e.tags} for e in both.client.search_experiments(ViewType.ALL)]
    here.same(both.results, ours, want, f"{both.name}: experiments are whole")


def ask_all(both):
    for text in RUN_FILTERS:
        both.compare("runs", text)
    for order in RUN_ORDERS:
        both.compare("runs", "", order)
    for order in RUN_ORDERS[:12]:
        both.compare("runs", "metrics.loss < 1e300", order, view=2)
    for view in (1, 2):
        for text in ("", "metrics.loss < 3", "tags.team = 'text'", "run_name LIKE '%e%'"):
            both.compare("runs", text, view=view)
    for text in EXPERIMENT_FILTERS:
        both.compare("experiments", text)
    for order in EXPERIMENT_ORDERS:
        both.compare("experiments", "", order, view=2)
    for view in (1, 2):
        both.compare("experiments", "tags.team = 'vision'", view=view)
    for text in MODEL_FILTERS:
        both.compare("models", text)
    for order in MODEL_ORDERS:
        both.compare("models", "", order)


# What MLflow 3.1 sees otherwise than 3.17: NaN as 0, no IS NULL, ids of experiments, lists, the case of operators.
NEW = re.compile(r"NULL|metric|experiment_id|\bIN\b|\blike\b|> 1\.5", re.I)


def old_version():
    """In a Python with an older MLflow: the same rows for what both know. Prints what differs."""
    program, wrong = os.path.abspath(sys.argv[1]), []

    class Wrong:
        def check(self, passed, name, *details):
            if not passed and "alike" not in name:
                wrong.append("\n".join((name, *details)))

    with here.Folder() as folder:
        path = os.path.join(folder, "mlflow.db")
        uri = f"sqlite:///{path}"
        both = Both(Wrong(), program, uri, *fill(MlflowWriter(uri), path, uri), "old")
        for subject, texts in (("runs", RUN_FILTERS), ("experiments", EXPERIMENT_FILTERS)):
            for text in texts:
                if not NEW.search(text or ""):
                    both.compare(subject, text)
        for order in RUN_ORDERS:
            both.compare("runs", "", order)
        for text in MODEL_FILTERS:
            if not NEW.search(text or ""):
                # It does not say which of two models of the same time comes first.
                both.compare("models", f"{text} AND name != 'net_2'" if (text or "").strip() else "name != 'net_2'")
        both.tool.close()
    print(json.dumps({"asked": both.asked, "wrong": wrong}))
    return 0


def compare_old(results, program):
    python = os.environ.get("MLF_TEST_PYTHON_31", "")
    if not python:
        results.skip("the same with MLflow 3.1", "MLF_TEST_PYTHON_31 names no Python that has it")
        return
    env = {**os.environ, "MLF_TEST_PYTHON": python, "MLF_INTEROP_PYTHON": python}
    done = subprocess.run([python, os.path.abspath(__file__), program, "old"], env=env, text=True,
                          capture_output=True, timeout=here.DEADLINE)
    answer = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {"asked": 0, "wrong": [done.stderr]}
    results.check(answer["asked"] > 100, "MLflow 3.1 was asked")
    results.none(answer["wrong"], "and gives the same rows for what it knows")


def main():
    here.require()
    if sys.argv[2:] == ["old"]:
        return old_version()
    program = os.path.abspath(sys.argv[1])
    results = here.Tap()
    for side in ("MLflow's database", "our database"):
        with here.Folder() as folder:
            path = os.path.join(folder, "mlflow.db")
            uri = f"sqlite:///{path}"
            writer = MlflowWriter(uri) if side.startswith("MLflow") else OurWriter(program, uri)
            both = Both(results, program, uri, *fill(writer, path, uri), side)
            ask_all(both)
            pages(both)
            models_token(both)
            records(both)
            results.check(both.tool.close() == 0, f"{side}: our program ends well")
            print(f"# {side}: {both.asked} questions, {both.refused} of them refused")
    compare_old(results, program)
    return results.done()


if __name__ == "__main__":
    sys.exit(main())
