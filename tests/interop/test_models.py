#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Models that C made, in Python, and the other way: loaded from a path, a model's and a run's URI; predictions of
both sides on random data; the LoggedModel through MLflow's client. Usage: test_models.py MODEL_USER MLF"""

import json
import os
import shutil
import subprocess
import sys

import mlflow_here as here

URI = "sqlite:///mlflow.db"
REGRESSION, LOGISTIC, SOFTMAX = "0", "1", "2"
# kind, outputs, named features, classes
KINDS = [(REGRESSION, 1, "0", "none"), (REGRESSION, 3, "1", "none"), (LOGISTIC, 1, "0", "none"),
         (LOGISTIC, 1, "1", "words"), (SOFTMAX, 4, "0", "numbers"), (SOFTMAX, 3, "1", "words"),
         (SOFTMAX, 3, "1", "none")]
FEATURES, ROWS = 5, 400
# What another MLflow sees of a model: argv is the tracking URI, the model's URI, a file of rows.
OTHER = """
import json, sys
import mlflow, numpy
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(sys.argv[2])
rows = numpy.fromfile(sys.argv[3]).reshape(-1, %d)
print(json.dumps([mlflow.__version__, model.predict(rows).tolist()]))
""" % FEATURES


class Side:
    """Our side: the program, and a model's data."""

    def __init__(self, program, numpy):
        self.program, self.numpy = program, numpy
        self.random = numpy.random.default_rng(7)
        self.rows = self.random.normal(size=(ROWS, FEATURES))
        self.rows.tofile("rows")

    def arguments(self, kind, outputs, named, classes):
        self.random.normal(size=outputs * (FEATURES + 1)).tofile("data")
        return [kind, str(FEATURES), str(outputs), named, classes, "data"]

    def predict(self, uri, kind):
        """Predictions of C, and probabilities or None."""
        lines = here.run(self.program, "predict", uri, "rows").splitlines()
        table = [[float(value) for value in line.split()]
                 for line in (lines if kind == REGRESSION else lines[ROWS:])]
        if kind == REGRESSION:
            return self.numpy.array(table), None
        return lines[:ROWS], self.numpy.array(table)


def without_git(tags):
    """The tags that do not hang on whether the tree is a git repository."""
    return {key: value for key, value in tags.items() if not key.startswith("mlflow.source.git.")}


def table_of(side, model):
    """The rows as what the model's signature asks for: a table, its columns in another order, or an array."""
    import pandas
    inputs = model.metadata.get_input_schema()
    if not inputs.has_input_names():
        return side.rows
    return pandas.DataFrame(side.rows, columns=inputs.input_names())[inputs.input_names()[::-1]]


def same_predictions(results, side, model, kind, classes, uri, name):
    numpy = side.numpy
    ours, ours_proba = side.predict(uri, kind)
    theirs = model.predict(table_of(side, model))
    if kind == REGRESSION:
        results.check(theirs.shape == ((ROWS,) if ours.shape[1] == 1 else ours.shape) and
                      numpy.allclose(theirs.reshape(ours.shape), ours, rtol=1e-12, atol=1e-12),
                      f"{name}: both sides predict the same values", theirs[:3], ours[:3])
        return
    results.check([str(label) for label in theirs] == ours and len(set(ours)) > 1,
                  f"{name}: both sides predict the same classes", theirs[:9], ours[:9])
    results.check(isinstance(theirs[0], str if classes == "words" else numpy.integer),
                  f"{name}: a class is a number unless its name is none", type(theirs[0]))
    proba = model._model_impl.predict_proba(side.rows)
    results.check(numpy.allclose(proba, ours_proba, rtol=1e-12, atol=0),
                  f"{name}: and the same probabilities", proba[:3], ours_proba[:3])


def saved_models(results, side):
    import mlflow
    for number, (kind, outputs, named, classes) in enumerate(KINDS):
        name = f"saved{number}"
        here.run(side.program, "save", *side.arguments(kind, outputs, named, classes), name)
        model = mlflow.pyfunc.load_model(name)
        same_predictions(results, side, model, kind, classes, name,
                         f"kind {kind}, {outputs} outputs, names {named}, classes {classes}")
        one = model._model_impl
        results.check(one.predict(side.rows[0]).shape[0] == 1 and
                      list(one.predict(side.rows.tolist())) == list(one.predict(side.rows))
                      if outputs == 1 or kind == SOFTMAX else True,
                      f"{name}: a single row and lists are taken")
        files = sorted(os.listdir(name))
        results.check(files == ["MLmodel", "code", "conda.yaml", "data", "python_env.yaml",
                                "requirements.txt"], f"{name}: it has MLflow's files", files)
    wrong = None
    try:
        mlflow.pyfunc.load_model("saved0").predict(side.rows[:, :3])
    except Exception as error:  # MLflow's own check or ours: both are right
        wrong = error
    results.check(wrong is not None, "rows of another width are refused in Python")


def environments(results):
    """The files from which MLflow makes an environment are what it reads."""
    from mlflow.utils.environment import _PythonEnv
    from mlflow.pyfunc import get_model_dependencies
    env = _PythonEnv.from_yaml("saved0/python_env.yaml")
    results.check(env.python == "3.11" and env.dependencies == ["-r requirements.txt"],
                  "python_env.yaml is read by MLflow", env.to_dict())
    build = _PythonEnv.get_dependencies_from_conda_yaml("saved0/conda.yaml")
    results.check(build["python"] == "3.11", "conda.yaml too", build)
    with open(get_model_dependencies("saved0"), encoding="utf-8") as file:
        results.check(file.read().split() == ["mlflow", "numpy"], "the requirements are two")


def modules_live_together(results, side):
    """Two models in one process do not take each other's module or data."""
    import mlflow
    first, second = (mlflow.pyfunc.load_model(f"saved{n}") for n in (2, 4))
    a, b = first.predict(side.rows), second.predict(side.rows)
    results.check(list(first.predict(side.rows)) == list(a) and set(a) == {0, 1} and
                  set(b) <= {7, 4, 1, -2}, "two models live in one Python", set(a), set(b))


def log_models(results, side):
    lines = here.run(side.program, "log", *side.arguments(SOFTMAX, 3, "0", "words"), "iris_model")
    infos = [line.split("\t") for line in lines.splitlines()]
    results.check(len(infos) == 2 and infos[1][2] == "", "a model is logged in a run and one without", lines)
    return infos


def other_mlflow(results, side, uri):
    """MLflow 3.1.4 on the database before a later one has migrated it."""
    python = os.environ.get("MLF_TEST_PYTHON_31", "")
    if not python:
        results.skip("MLflow 3.1 loads and predicts", "MLF_TEST_PYTHON_31 names no Python with MLflow 3.1")
        return
    done = subprocess.run([python, "-c", OTHER, URI, uri, "rows"], capture_output=True, text=True,
                          timeout=here.DEADLINE)
    version, labels = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else ("", [])
    results.check(version.startswith("3.1.") and labels == side.predict(uri, SOFTMAX)[0],
                  f"MLflow {version} loads and predicts", done.stderr[-2000:])


def client_sees_model(results, side, infos):
    import mlflow
    client = mlflow.MlflowClient()
    model_id, uri, run_id, flavors, signature = infos[0]
    model, run = client.get_logged_model(model_id), client.get_run(run_id)
    results.check((model.name, str(model.status), model.source_run_id, model.model_type) ==
                  ("iris_model", "READY", run_id, "classifier"), "MLflow's client sees the model", model)
    results.check(run.data.params["C"] == "1" and model.params == {"depth": "3", **run.data.params},
                  "the run's params win over its own", model.params, run.data.params)
    standard = {key: value for key, value in without_git(run.data.tags).items()
                if key in ("mlflow.user", "mlflow.source.name", "mlflow.source.type")}
    results.check(without_git(model.tags) == {"colour": "blue", **standard} and len(standard) == 3,
                  "its tags are given and standard", model.tags)
    points = sorted((m.key, m.value, m.step, m.run_id) for m in model.metrics)
    results.check(points == [("accuracy", 1.0, 3, run_id), ("loss", 0.25, 3, run_id)],
                  "the run's points at its step are its own, not those before or later", points)
    results.check(len(client.get_metric_history(run_id, "loss")) == 2, "the run keeps its points")
    outputs = [(output.model_id, output.step) for output in run.outputs.model_outputs]
    results.check(outputs == [(model_id, 3)], "the run has the model as an output", outputs)
    info = mlflow.models.get_model_info(uri)
    results.check((info.model_id, info.run_id, info.model_uuid, info.artifact_path) ==
                  (model_id, run_id, model_id, model.artifact_location), "MLmodel has the ids right", info)
    results.check(",".join(sorted(info.flavors)) == flavors and
                  {part: json.loads(text) for part, text in info.signature.to_dict().items() if text} ==
                  json.loads(signature), "flavors and signature are those that C was told", info.flavors,
                  info.signature.to_dict(), signature)
    results.check(info.metadata == {"author": {"name": "nobody"}, "ratio": 1e-20}, "metadata are kept",
                  info.metadata)
    for source in (uri, f"runs:/{run_id}/iris_model", model.artifact_location):
        same_predictions(results, side, mlflow.pyfunc.load_model(source), SOFTMAX, "words", source,
                         source.split("/")[0])


def client_sees_lone_model(results, infos):
    import mlflow
    model_id, uri, _, _, _ = infos[1]
    client = mlflow.MlflowClient()
    model = client.get_logged_model(model_id)
    experiment = client.get_experiment_by_name("models")
    results.check((model.name, str(model.status), model.source_run_id, model.experiment_id) ==
                  ("alone", "READY", None, experiment.experiment_id),
                  "a model without a run belongs to the active experiment", model)
    results.check(model.params == {"C": "of the model", "depth": "3"} and model.metrics in (None, []),
                  "with its own params and no metrics", model.params, model.metrics)
    results.check(set(without_git(model.tags)) == {"colour", "mlflow.user", "mlflow.source.name", "mlflow.source.type"},
                  "and the standard tags", model.tags)
    results.check("run_id" not in mlflow.models.Model.load(uri).to_dict(), "MLmodel names no run")
    runs = client.search_runs([experiment.experiment_id])
    results.check(len(runs) == 1, "and no run was made for it", [run.info for run in runs])


def whole_model_of_mlflow(results, side):
    """A model that MLflow saved and C logs: MLmodel is kept, but for whose it is."""
    import mlflow

    class Doubled(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input * 2

    mlflow.pyfunc.save_model("theirs", python_model=Doubled(), pip_requirements=["numpy"],
                             metadata={"a": [1, "1", None, 1.5]})
    before = mlflow.models.Model.load("theirs").to_dict()
    (model_id, uri, run_id, flavors, _), (status, text) = (
        line.split("\t") for line in here.run(side.program, "keep", "theirs", "kept").splitlines())
    after = mlflow.models.Model.load(uri).to_dict()
    changed = {key for key in before | after if before.get(key) != after.get(key)}
    results.check(changed <= {"artifact_path", "model_id", "model_uuid", "run_id", "utc_time_created",
                              "model_size_bytes"} and
                  (after["model_id"], after["model_uuid"], after["run_id"]) == (model_id, model_id, run_id),
                  "a whole model of MLflow's keeps its MLmodel, with the ids made right", changed, after)
    results.check(flavors == "python_function", "C names its flavor", flavors)
    rows = side.numpy.ones((2, 2))
    results.check((mlflow.pyfunc.load_model(uri).predict(rows) == 2).all(), "it still predicts in Python")
    results.check(status == "MLF_ERR_UNSUPPORTED" and "python_function" in text,
                  "C says that it cannot predict with it", status, text)


def tables():
    return [here.sql("mlflow.db", f"SELECT * FROM {name} ORDER BY 1, 2, 3") for name in
            ("logged_models", "logged_model_params", "logged_model_tags", "logged_model_metrics", "metrics")]


def offline_and_twice(results, side, mlf):
    """What was logged offline is stored by mlf sync; a journal that comes again changes nothing."""
    import mlflow
    os.environ["MLF_OFFLINE"] = "1"
    infos = log_models(results, side)
    del os.environ["MLF_OFFLINE"]
    journals = [name for name in os.listdir("spool") if name.endswith(".journal")]
    for name in journals:
        shutil.copy(os.path.join("spool", name), name)
    here.run(mlf, "sync")
    first = tables()
    model = mlflow.pyfunc.load_model(infos[0][1])
    same_predictions(results, side, model, SOFTMAX, "words", infos[0][1], "logged offline")
    for name in journals:
        shutil.copy(name, os.path.join("spool", name))
    here.run(mlf, "sync")
    changed = [row for before, after in zip(first, tables()) for row in set(before) ^ set(after)]
    results.check(len(journals) > 0 and not changed, "a journal that is merged twice changes nothing",
                  journals, *changed)
    results.check(mlflow.pyfunc.load_model(infos[0][1]) is not None, "and the model is still there")


def files_that_vanish(results, side, mlf):
    """Files that are gone before anybody could copy them: MLflow sees an upload that failed, and the run says why."""
    import mlflow
    shutil.copytree("theirs", "vanishing")
    os.environ["MLF_OFFLINE"] = "1"
    made = here.run(side.program, "keep", os.path.abspath("vanishing"), "vanished").splitlines()[0].split("\t")
    del os.environ["MLF_OFFLINE"]
    shutil.rmtree("vanishing")
    here.run(mlf, "sync", check=False)
    client = mlflow.MlflowClient()
    model, tags = client.get_logged_model(made[0]), client.get_run(made[2]).data.tags
    results.check(str(model.status) == "FAILED", "a model whose files vanished has failed", model)
    results.check("vanishing" in tags.get("mlf.model_missing", ""), "and its run says which", tags)


def odd_folders(results, side):
    """A folder that is named with a slash behind it, and one that comes when its run is deleted."""
    import mlflow
    import yaml
    os.mkdir("plain")
    with open("plain/weights", "w", encoding="utf-8") as file:
        file.write("1")
    made = here.run(side.program, "keep", "plain/", "plain").splitlines()[0].split("\t")
    copy = mlflow.artifacts.download_artifacts(made[1])
    with open(os.path.join(copy, "MLmodel"), encoding="utf-8") as file:
        data = yaml.safe_load(file)["flavors"]["file"]["data"]
    results.check(os.path.isfile(os.path.join(copy, data, "weights")) and data == "plain",
                  "MLmodel says where the copy of a folder lies", data)
    made, refusal = (line.split("\t") for line in here.run(side.program, "late", "plain").splitlines())
    model = mlflow.MlflowClient().get_logged_model(made[0])
    results.check("deleted" in refusal[1] and refusal[0] != "MLF_OK", "a deleted run takes no model", refusal)
    results.check(str(model.status) == "FAILED", "whose upload has failed then", model)


def comma_locale(results, side):
    """Coefficients of a program whose locale writes a comma are the same text."""
    os.mkdir("locales")
    try:
        made = subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", "./locales/de_DE.UTF-8"],
                              capture_output=True, check=False, timeout=60)
    except OSError:
        made = None
    if made is None or not os.path.isdir("locales/de_DE.UTF-8"):
        results.skip("a locale with a comma", "localedef cannot make one")
        return
    arguments = side.arguments(SOFTMAX, 3, "1", "words")
    here.run(side.program, "save", *arguments, "point")
    os.environ.update(LOCPATH=os.path.abspath("locales"), MODEL_LOCALE="de_DE.UTF-8")
    here.run(side.program, "save", *arguments, "comma")
    loaded = here.run(side.program, "predict", "comma", "rows")
    del os.environ["LOCPATH"], os.environ["MODEL_LOCALE"]
    texts = []
    for name in ("point", "comma"):
        with open(name + "/data/linear.json", encoding="utf-8") as file:
            texts.append(file.read())
    results.check(texts[0] == texts[1], "a locale with a comma changes no coefficient", *texts)
    results.check("," in loaded.splitlines()[ROWS], "and C loads them in that locale", loaded[:80])


def nothing_is_left(results):
    left = [name for name in os.listdir("spool") if name.endswith(".take")]
    results.none(left, "what was handed over is gone from the spool")


def main():
    here.require()
    import numpy
    import mlflow
    program, mlf = (os.path.abspath(path) for path in sys.argv[1:3])
    results = here.Tap()
    with here.Folder() as folder:
        os.environ.update(MLF_SPOOL=os.path.join(folder, "spool"), MLFLOW_TRACKING_URI=URI)
        side = Side(program, numpy)
        infos = log_models(results, side)
        other_mlflow(results, side, infos[0][1])
        mlflow.set_tracking_uri(URI)
        saved_models(results, side)
        environments(results)
        modules_live_together(results, side)
        client_sees_model(results, side, infos)
        client_sees_lone_model(results, infos)
        whole_model_of_mlflow(results, side)
        offline_and_twice(results, side, mlf)
        files_that_vanish(results, side, mlf)
        odd_folders(results, side)
        comma_locale(results, side)
        nothing_is_left(results)
    return results.done()


if __name__ == "__main__":
    sys.exit(main())
