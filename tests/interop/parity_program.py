# SPDX-License-Identifier: Apache-2.0
"""parity.c in Python, with MLflow: what is changed there is changed here. Usage: parity_program.py STORE FILE"""

import math
import sys

import mlflow
from mlflow import MlflowClient
from mlflow.entities import (Dataset, DatasetInput, InputTag, LoggedModelOutput, LoggedModelStatus,
                             Metric)
from mlflow.exceptions import MlflowException

T0 = 1700000000000
CLIENT = None


def refused(call, *arguments, **named):
    try:
        call(*arguments, **named)
    except Exception:
        return
    raise AssertionError(f"{call} {arguments} was not refused")


def experiments():
    alpha_tags = {"team": "vision", "mlflow.note.content": "# Notiz\n\nä"}
    mlflow.create_experiment("alpha", "elsewhere/alpha", alpha_tags)
    beta = mlflow.create_experiment("beta")
    CLIENT.rename_experiment(beta, "béta 2")
    CLIENT.set_experiment_tag(beta, "k", "first")
    CLIENT.set_experiment_tag(beta, "k", "second")
    CLIENT.set_experiment_tag(beta, "empty", "")
    refused(mlflow.create_experiment, "alpha")
    gone = mlflow.create_experiment("gone")
    mlflow.delete_experiment(gone)
    refused(mlflow.delete_experiment, gone)
    refused(CLIENT.set_experiment_tag, gone, "a", "b")
    refused(CLIENT.rename_experiment, gone, "other")
    refused(mlflow.create_experiment, "gone")
    back = mlflow.create_experiment("back")
    mlflow.set_experiment("back")
    mlflow.start_run(run_name="in back")
    mlflow.end_run("FINISHED")
    mlflow.start_run(run_name="killed in back")
    mlflow.end_run("KILLED")
    mlflow.delete_experiment(back)
    CLIENT.restore_experiment(back)
    lost = mlflow.set_experiment("lost")
    mlflow.start_run(run_name="in lost")
    mlflow.end_run("FINISHED")
    mlflow.delete_experiment(lost.experiment_id)


def params():
    mlflow.log_param("C", "1.5")
    mlflow.log_param("C", "1.5")
    refused(mlflow.log_param, "C", "2")
    mlflow.log_param("empty", "")
    mlflow.log_param("größe", "ünïcode \"quoted\"\nsecond line")
    mlflow.log_param("long", "x" * 6100)
    mlflow.log_param("int", -9007199254740993)
    mlflow.log_param("double", 0.1)
    mlflow.log_param("tiny", 1e-7)
    mlflow.log_param("whole", 3.0)
    mlflow.log_param("yes", True)
    mlflow.log_params({"a/b": "path", "a b.c-d:e": "all characters"})
    refused(mlflow.log_param, "bad*key", "1")
    refused(mlflow.log_param, "a//b", "1")


def point(key, value, step, after_t0, **bound):
    run_id = mlflow.active_run().info.run_id
    CLIENT.log_batch(run_id, [Metric(key, value, T0 + after_t0, step, **bound)])


def metrics():
    for i in range(50):
        point("loss", 1 / (i + 1), i, i * 10)
    point("twice", 0.5, 1, 0)
    point("twice", 0.5, 1, 0)
    point("nan", math.nan, 0, 0)
    point("nan", 1, 1, 1)
    point("ends nan", 1, 0, 0)
    point("ends nan", math.nan, 1, 0)
    point("nan and zero", math.nan, 0, 0)
    point("nan and zero", 0, 0, 0)
    point("inf", math.inf, 0, 0)
    point("inf", -math.inf, 0, 1)
    point("negative step", 1, -5, 5)
    point("negative step", 2, -7, 9)
    point("backwards", 1, 3, 10)
    point("backwards", 2, 2, 20)
    point("backwards", 3, 1, 30)
    point("same step", 1, 0, 20)
    point("same step", 9, 0, 10)
    point("same time", 5, 0, 0)
    point("same time", 7, 0, 0)
    point("same time", 6, 0, 0)
    point("tiny", 5e-324, 0, 0)
    point("minus zero", -0.0, 0, 0)
    point("größe/m", 1e300, 1000000000000, 0)
    refused(mlflow.log_metric, "bad@key", 1)
    refused(mlflow.log_metric, "../up", 1)


def tags():
    mlflow.set_tag("stage", "dev")
    mlflow.set_tag("stage", "prod")
    mlflow.set_tag("long", "y" * 8100)
    mlflow.set_tag("empty", "")
    mlflow.set_tag("goes", "soon")
    mlflow.set_tags({"many": "1", "more": "2"})
    mlflow.delete_tag("goes")
    mlflow.set_tag("mlflow.runName", "outer renamed")
    refused(mlflow.set_tag, "no;key", "1")


def artifacts(file):
    mlflow.log_text("a text\nwith ä\n", "texts/a.txt")
    mlflow.log_text("", "texts/empty.txt")
    mlflow.log_dict({"a": [1, 2.5, None]}, "a.json")
    mlflow.log_table({"n": [1, 2.5, None], "word": ["one", "zwei ä", "none"]}, "tables/t.json")
    mlflow.log_table({"n": [3], "word": ["three"]}, "tables/t.json")
    mlflow.log_table({"n": [3], "word": ["three"]}, "other.json")
    mlflow.log_artifact(file, "files/deep")
    refused(mlflow.log_text, "x", "../x.txt")
    refused(mlflow.log_artifact, "no such file")


def data_input(name, digest, context, profile):
    schema = '{"mlflow_colspec": [{"type": "double", "name": "x", "required": true}]}'
    data = Dataset(name, digest, "local", '{"uri": "/data/iris.csv"}', schema, profile)
    context_tags = [InputTag("mlflow.data.context", context)] if context else []
    CLIENT.log_inputs(mlflow.active_run().info.run_id, [DatasetInput(data, context_tags)])


def child(name, status):
    mlflow.start_run(run_name=name, nested=True, tags={"own": name})
    mlflow.log_param("depth", "1")
    data_input("iris", "d1", "eval", None)
    if status == "FAILED":
        mlflow.start_run(run_name="grandchild", nested=True, tags={"own": name})
        point("deep", 1, 0, 0)
        mlflow.end_run("FINISHED")
    mlflow.end_run(status)


def outer_run(file):
    run = mlflow.start_run(run_name="outer", description="What it *is*", tags={"given": "at start"})
    refused(mlflow.start_run)
    params()
    metrics()
    tags()
    artifacts(file)
    data_input("iris", "d1", "training", '{"num_rows": 150}')
    data_input("iris", "d1", "validation", None)
    data_input("iris", "d2", None, None)
    child("first child", "FINISHED")
    child("second child", "FAILED")
    mlflow.end_run("FINISHED")
    CLIENT.log_metric(run.info.run_id, "late", 1, T0, 1)
    return run.info.run_id


class Model(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input


def models_of_a_run():
    run = mlflow.start_run(run_name="with models")
    mlflow.log_param("C", "3")
    point("acc", 0.5, 0, 0)
    point("acc", 0.75, 2, 1)
    point("auc", 0.25, 2, 2)
    info = mlflow.pyfunc.log_model(name="at two", python_model=Model(), params={"kernel": "rbf"},
                                   step=2, model_type="svm", pip_requirements=[])
    mlflow.pyfunc.log_model(name="at none", python_model=Model(), pip_requirements=[])
    bound = {"model_id": info.model_id, "run_id": run.info.run_id}
    point("bound", 0.125, 4, 0, dataset_name="iris", dataset_digest="d1", **bound)
    point("bound nan", math.nan, 4, 0, **bound)
    point("bound inf", -math.inf, 4, 0, **bound)
    mlflow.end_run("FINISHED")


def models_without_a_run():
    model = mlflow.initialize_logged_model("free", params={"a": "1", "b": ""},
                                           tags={"t": "1", "u": "2"}, model_type="agent")
    CLIENT.log_model_params(model.model_id, {"c": "z" * 8100})
    refused(CLIENT.log_model_params, model.model_id, {"c": "3"})
    CLIENT.set_logged_model_tags(model.model_id, {"t": "3", "v": "z" * 8100})
    CLIENT.delete_logged_model_tag(model.model_id, "u")
    refused(CLIENT.delete_logged_model_tag, model.model_id, "u")
    mlflow.finalize_logged_model(model.model_id, "READY")
    model = mlflow.initialize_logged_model("failed")
    mlflow.finalize_logged_model(model.model_id, "FAILED")
    model = mlflow.initialize_logged_model("deleted")
    CLIENT.delete_logged_model(model.model_id)
    mlflow.initialize_logged_model("pending")
    refused(mlflow.initialize_logged_model, "a.b")


def lifecycle(outer):
    run = mlflow.start_run(run_name="deleted")
    mlflow.log_param("p", "1")
    mlflow.end_run("FINISHED")
    mlflow.delete_run(run.info.run_id)
    run = mlflow.start_run(run_name="restored")
    mlflow.end_run("FINISHED")
    mlflow.delete_run(run.info.run_id)
    CLIENT.restore_run(run.info.run_id)
    mlflow.start_run(run_id=outer)
    point("resumed", 1, 0, 0)
    mlflow.log_param("second time", "1")
    mlflow.end_run("FINISHED")
    mlflow.start_run(run_name="adopted", parent_run_id=outer)
    mlflow.end_run("FINISHED")


def main():
    global CLIENT
    mlflow.set_tracking_uri(sys.argv[1])
    CLIENT = MlflowClient()
    experiments()
    mlflow.set_experiment("main")
    mlflow.set_experiment_tag("active", "yes")
    outer = outer_run(sys.argv[2])
    models_of_a_run()
    models_without_a_run()
    lifecycle(outer)


if __name__ == "__main__":
    main()
