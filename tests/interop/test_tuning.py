#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""MLflow's tutorial of hyperparameter tuning, in Python with Optuna and in C with ours (study_program.c), each in a database
of its own: the same runs, params, metrics and tags; and ours through MLflow's client. Usage: test_tuning.py PROGRAM"""

import json
import os
import shutil
import sqlite3
import sys
import time

import mlflow_here as here
import test_browser

PROGRAM = os.path.abspath(sys.argv[1])
TRIALS = 5


def tutorial():
    """The study of the tutorial, with the parameters of study_program.c."""
    import mlflow
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    mlflow.set_tracking_uri("sqlite:///theirs.db")

    def objective(trial):
        with mlflow.start_run(nested=True, run_name=f"trial_{trial.number}") as child:
            params = {
                "depth": trial.suggest_int("depth", 2, 32),
                "lr": trial.suggest_float("lr", 1e-5, 1e-1, log=True),
                "kernel": trial.suggest_categorical("kernel", ["linear", "rbf"]),
            }
            mlflow.log_params(params)
            error = (params["depth"] - 10) ** 2 + params["lr"] + (params["kernel"] == "rbf")
            mlflow.log_metrics({"error": error})
            trial.set_user_attr("run_id", child.info.run_id)
            return error

    with mlflow.start_run(run_name="study"):
        mlflow.log_param("n_trials", TRIALS)
        study = optuna.create_study(direction="minimize")
        study.optimize(objective, n_trials=TRIALS)
        mlflow.log_params(study.best_trial.params)
        mlflow.log_metrics({"best_error": study.best_value})
        mlflow.log_param("best_child_run_id", study.best_trial.user_attrs["run_id"])


def shape(path):
    """What is in a database: every run by its name, with what it has, but for values that chance decides; tags of
    ours are left out."""
    db = sqlite3.connect(path)
    names = dict(db.execute("SELECT run_uuid, name FROM runs"))
    runs = {}
    for run, name, status, stage, experiment in db.execute(
            "SELECT run_uuid, name, status, lifecycle_stage, experiment_id FROM runs"):
        params = dict(db.execute("SELECT key, value FROM params WHERE run_uuid = ?", (run,)))
        tags = dict(db.execute("SELECT key, value FROM tags WHERE run_uuid = ?", (run,)))
        runs[name] = {
            "status": status, "stage": stage, "experiment": experiment,
            "params": sorted(params), "n_trials": params.get("n_trials"),
            "forms": {key: form(value) for key, value in params.items()},
            "best": names.get(params.get("best_child_run_id"), "").split("_")[0],
            "points": sorted(db.execute("SELECT key, step, is_nan, count(*) FROM metrics WHERE run_uuid = ? "
                                        "GROUP BY key, step", (run,))),
            "latest": sorted(db.execute("SELECT key, step FROM latest_metrics WHERE run_uuid = ?", (run,))),
            "parent": names.get(tags.get("mlflow.parentRunId")),
            "tags": sorted(key for key in tags if not key.startswith("mlf.") and ".git." not in key)}
    db.close()
    return runs


def form(text):
    """How a param is written: as Python writes a number of that kind, or a name."""
    try:
        return "int" if str(int(text)) == text else "other"
    except ValueError:
        pass
    try:
        return "float" if repr(float(text)) == text else f"not Python's: {text}"
    except ValueError:
        return "text"


def compare(results):
    here.run(PROGRAM, "new", "study", str(TRIALS), "0")
    here.run(os.environ["MLF_TEST_MLF"], "sync")
    tutorial()
    os.environ.pop("MLFLOW_TRACKING_URI", None)  # MLflow has set it for the programs that are started from now on
    here.same(results, shape("mlflow.db"), shape("theirs.db"),
              "a study of ours and one of the tutorial's have the same runs, params, metrics and tags")


def through_client(results):
    """Ours, as MLflow's users find it."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient("sqlite:///mlflow.db")
    parent = client.search_runs(["0"], "attributes.run_name = 'study'")[0]
    children = client.search_runs(["0"], f"tags.mlflow.parentRunId = '{parent.info.run_id}'",
                                  order_by=["metrics.error ASC"])
    results.check(len(children) == TRIALS, "the filter by parent finds all trials", len(children))
    best = children[0]
    results.check(parent.data.params["best_child_run_id"] == best.info.run_id and
                  parent.data.metrics["best_error"] == best.data.metrics["error"],
                  "the first by the objective is the one that the study names", parent.data, best.data)
    here.same(results, {key: parent.data.params[key] for key in best.data.params}, dict(best.data.params),
              "and its params are the study's")
    trial = json.loads(best.data.tags["mlf.trial"])
    results.check(trial["state"] == "COMPLETE" and trial["values"] == [best.data.metrics["error"]],
                  "the trial's own tag agrees", trial)


ROWS = """return [...document.querySelectorAll(".ag-row")].flatMap(row => row.innerText.split("\\n"))
    .filter(text => /^(study|trial_[0-9]+)$/.test(text)).sort()"""


def rows(browser, wanted):
    """The names of the runs that the page of runs lists, once they are |wanted|."""
    end = time.monotonic() + test_browser.PAGE_S
    while (found := browser.driver.execute_script(ROWS)) != wanted and time.monotonic() < end:
        time.sleep(0.2)
    return found


def on_the_page(results):
    """MLflow's page of runs shows one row, and behind its button the trials: of ours as of the tutorial's."""
    for tool in ("chromium", "chromedriver"):
        if shutil.which(tool) is None:
            results.skip("the page of runs", f"{tool} is not installed")
            return
    trials = [f"trial_{number}" for number in range(TRIALS)]
    with test_browser.Browser() as browser:
        for database in ("theirs.db", "mlflow.db"):
            with here.Server(f"sqlite:///{os.getcwd()}/{database}") as server:
                missing = browser.visit(f"http://127.0.0.1:{server.port}/#/experiments/0/runs",
                                        ["study", f"{TRIALS + 1} matching runs"], ".ag-row button")
                here.same(results, (missing, rows(browser, ["study"])), ([], ["study"]),
                          f"{database}: the page of runs has one row, the study's")
                browser.driver.execute_script("document.querySelector('.ag-row button')?.click()")
                here.same(results, rows(browser, ["study", *trials]), ["study", *trials],
                          f"{database}: its button shows the trials")


def renamed(results):
    """What MLflow changes in a study meanwhile is no reason not to go on."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient("sqlite:///mlflow.db")
    parent = client.search_runs(["0"], "attributes.run_name = 'study'")[0]
    client.update_run(parent.info.run_id, name="my study")
    client.set_tag(parent.info.run_id, "mlflow.note.content", "text")
    text = here.run(PROGRAM, "load", "my study", "1", "0")
    results.check(f"study {parent.info.run_id}" in text and f"is {TRIALS} COMPLETE" in text,
                  "a study that was renamed is found by its new name", text)


def main():
    here.require()
    results = here.Tap()
    with here.Folder() as path:
        os.environ["MLF_SPOOL"] = os.path.join(path, "spool")
        compare(results)
        through_client(results)
        on_the_page(results)
        renamed(results)
    return results.done()


if __name__ == "__main__":
    sys.exit(main())
