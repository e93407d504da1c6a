#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""examples/quickstart: builds alone, logs what MLflow's quickstart logs, and finds what scikit-learn finds."""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess

from harness import MLF, folder, run_tests

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLE = os.path.join(HERE, os.pardir, os.pardir, "examples", "quickstart")
BUILD = os.path.join(os.path.dirname(MLF), os.pardir)
PARAMS = {"solver": "lbfgs", "max_iter": "1000", "multi_class": "auto", "random_state": "8888"}
TABLE = """\
sepal length (cm)  sepal width (cm)  petal length (cm)  petal width (cm)  actual_class  predicted_class
              6.1               2.8                4.7               1.2             1                1
              5.7               3.8                1.7               0.3             0                0
              7.7               2.6                6.9               2.3             2                2
              6.0               2.9                4.5               1.5             1                1
"""
# What MLflow and scikit-learn say of the model that the program has logged.
IN_PYTHON = """
import json, sys
import mlflow, pandas
from sklearn.linear_model import LogisticRegression
train, test = pandas.read_csv("train.csv"), pandas.read_csv("test.csv")
x, y = test.drop(columns="class"), test["class"]
mlflow.set_tracking_uri("sqlite:///mlflow.db")
run = mlflow.search_runs(experiment_names=["MLflow Quickstart"]).iloc[0]
info = mlflow.models.get_model_info(sys.argv[1])
model = mlflow.pyfunc.load_model(sys.argv[1])
found = [int(k) for k in model.predict(x)]
fit = LogisticRegression(C=1.0, max_iter=100000, tol=1e-10).fit(train.drop(columns="class").values, train["class"])
print(json.dumps({"run": run["run_id"], "accuracy": run["metrics.accuracy"], "tag": run["tags.Training Info"],
                  "inputs": info.signature.inputs.input_names(), "right": [int(k) for k in y] == found,
                  "coefficients": fit.coef_.tolist(), "intercepts": fit.intercept_.tolist()}))
"""


def program(name):
    path = os.path.join(BUILD, "examples", "quickstart", name)
    return os.path.abspath(path) if os.path.exists(path) else None


def bring_data(f):
    for name in ("train.csv", "test.csv"):
        shutil.copy(os.path.join(EXAMPLE, name), f.work)


def query(f, text, *values):
    with contextlib.closing(sqlite3.connect(os.path.join(f.work, "mlflow.db"))) as db:
        return db.execute(text, values).fetchall()


def experiment_of_runs(f):
    return query(f, """SELECT e.name, r.status FROM runs r
                       JOIN experiments e ON e.experiment_id = r.experiment_id""")


def check_autolog(tap, f, name, done):
    tap.ok(done.code == 0 and done.out.endswith(b" iterations, accuracy 1\n") and done.err == b"",
           f"autolog ({name}): all test rows are found", done.out, done.text)
    run = f.last_run()  # waits for what is still on its way into the store
    tap.same(experiment_of_runs(f), [("MLflow Quickstart", "FINISHED")], f"autolog ({name}): one finished run")
    wanted = {"solver": "vector_bfgs2", "n": "15", "step_size": "0.1", "tol": "0.1"}
    tap.same({key: run["params"].get(key) for key in wanted}, wanted, f"autolog ({name}): GSL's params")
    steps = query(f, "SELECT count(*), max(step) FROM metrics WHERE key = 'opt/f'")[0]
    iterations = int(done.out.split()[0])
    tap.same(steps, (iterations + 1, iterations), f"autolog ({name}): a point for each iteration")
    tap.same(query(f, "SELECT name FROM datasets"), [("train.csv",)],
             f"autolog ({name}): the training data are an input")


def test_autolog(tap):
    path = program("autolog")
    if path is None:
        tap.skip("autolog", "GSL's development files are not installed")
        return
    for name, command in (("alone", [path]),
                          ("under mlf run", [MLF, "run", "--quiet", "--experiment", "MLflow Quickstart",
                                             "--", path])):
        with folder() as f:
            bring_data(f)
            check_autolog(tap, f, name, f.run(command))
    with folder() as f:
        bring_data(f)
        done = f.run([path], env={"MLF_OFF": "1"})
        tap.ok(done.code == 0 and b"accuracy 1" in done.out and not f.exists("mlflow.db"),
               "autolog: with MLF_OFF=1 the same, and nothing is logged", done.out)


def check_python(tap, f, model_uri, coefficients):
    python = os.environ.get("MLF_TEST_PYTHON")
    name = "MLflow loads the model, and scikit-learn finds the same coefficients"
    if not python or subprocess.run([python, "-c", "import mlflow, sklearn"], capture_output=True,
                                    check=False).returncode != 0:
        tap.skip(name, "MLF_TEST_PYTHON does not name a Python with MLflow and scikit-learn")
        return
    env = {"MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONWARNINGS": "ignore", "MLFLOW_LOGGING_LEVEL": "ERROR"}
    done = f.run([python, "-c", IN_PYTHON, model_uri], env=env)
    if not tap.ok(done.code == 0, "MLflow reads run and model", done.text):
        return
    seen = json.loads(done.out.splitlines()[-1])
    tap.ok(seen["accuracy"] == 1 and seen["tag"] == "Basic LR model for iris data" and seen["right"],
           "MLflow finds metric and tag, and predicts all test rows with the model", seen)
    tap.same(seen["inputs"], ["sepal length (cm)", "sepal width (cm)", "petal length (cm)",
                              "petal width (cm)"], "the signature names the measures")
    pairs = zip(sum(seen["coefficients"], []) + seen["intercepts"], coefficients)
    tap.ok(all(abs(a - b) < 1e-3 for a, b in pairs), "the coefficients are scikit-learn's to 0.001",
           seen, coefficients)


def numbers(value):
    """All numbers of a JSON value, in order."""
    if isinstance(value, dict):
        return sum((numbers(item) for item in value.values()), [])
    if isinstance(value, list):
        return sum((numbers(item) for item in value), [])
    return [value] if isinstance(value, float) else []


def model_file(f, model_id):
    """The numbers in the model's JSON file."""
    where = query(f, "SELECT artifact_location FROM logged_models WHERE model_id = ?", model_id)[0][0]
    for folder_path, _, names in os.walk(where):
        for name in names:
            if name.endswith(".json"):
                with open(os.path.join(folder_path, name), encoding="utf-8") as file:
                    return numbers(json.load(file))
    return []


def test_manual(tap):
    path = program("manual")
    if path is None:
        tap.skip("manual", "GSL's development files are not installed")
        return
    with folder() as f:
        bring_data(f)
        done = f.run([path])
        tap.same((done.code, done.out.decode(), done.text), (0, TABLE, ""),
                 "manual: the loaded model's predictions of the first four rows")
        if done.code != 0:
            return
        run = f.last_run()
        tap.same(experiment_of_runs(f), [("MLflow Quickstart", "FINISHED")], "manual: one finished run")
        tap.same({key: run["params"].get(key) for key in PARAMS}, PARAMS, "manual: params")
        tap.same(run["metrics"].get("accuracy"), 1, "manual: accuracy")
        tap.same(run["tags"].get("Training Info"), "Basic LR model for iris data", "manual: tag")
        models = query(f, "SELECT model_id, name, status, lifecycle_stage FROM logged_models")
        if tap.same([model[1:] for model in models], [("iris_model", 2, "active")], "manual: one ready model"):
            check_python(tap, f, "models:/" + models[0][0], model_file(f, models[0][0]))


def test_alone(tap):
    """As the README says, with nothing but a compiler and pkg-config."""
    for name in ("autolog", "manual"):
        if shutil.which("pkg-config") is None or program(name) is None:
            tap.skip(f"{name} builds alone", "GSL's development files or pkg-config are not installed")
            continue
        with folder() as f:
            bring_data(f)
            for source in (name + ".c", "iris.c", "iris.h"):
                shutil.copy(os.path.join(EXAMPLE, source), f.work)
            env = {"PKG_CONFIG_PATH": os.path.join(BUILD, "meson-uninstalled"),
                   "LD_LIBRARY_PATH": os.path.join(BUILD, "autolog") + ":" + os.path.join(BUILD, "core")}
            built = f.run(["sh", "-c", f"cc -Wall -Wextra -Werror {name}.c iris.c "
                                       f"$(pkg-config --cflags --libs mlf gsl) -o {name}"], env=env)
            ran = f.run([os.path.join(f.work, name)], env=env) if built.code == 0 else built
            tap.ok(ran.code == 0, f"{name} builds alone and runs", built.text, ran.text)


run_tests(test_autolog, test_manual, test_alone)
