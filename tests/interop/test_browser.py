#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""MLflow's web pages in a real browser, on a database that mlf wrote and on one that MLflow wrote: the
pages show what is there, and no request fails on ours that does not fail on MLflow's own too.
Usage: test_browser.py MLF DATA SCREENSHOTS (a folder)"""

import json
import os
import re
import shutil
import subprocess
import sys
import time

import mlflow_here as here

TOOLS = ("chromium", "chromedriver", "svm-train")
PAGE_S = 60
CURVE = [0.9, 0.5, 0.3, 0.2, 0.15]


def write_ours(mlf, data):
    """A training whose model is kept, and a run with a curve; their ids."""
    shutil.copy(data, "iris.scale")
    curve = "; ".join(f"echo loss={value}" for value in CURVE)
    commands = (["svm-train", "-c", "5", "iris.scale", "iris.model"], ["sh", "-c", curve])
    ids = []
    for command in commands:
        done = subprocess.run(
            [mlf, "run", "--json", "--experiment", "browser", "--metric", r"loss=loss=(\S+)", "--param",
             "C=5", "--", *command], capture_output=True, text=True, timeout=here.DEADLINE, check=True)
        ids.append(json.loads(done.stderr.splitlines()[-1])["run_id"])
    return ids


def write_theirs():
    """The same shape by MLflow's client."""
    import mlflow
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    mlflow.set_experiment("browser")
    ids = []
    with open("data.txt", "w", encoding="utf-8") as file:
        file.write("data\n")
    with mlflow.start_run() as run:
        ids.append(run.info.run_id)
        mlflow.log_params({"C": "5", "kernel_type": "rbf"})
        model = mlflow.initialize_logged_model(name="model", params={"C": "5"})
        mlflow.log_metric("total_nsv", 33, step=0, model_id=model.model_id)
        mlflow.MlflowClient().log_model_artifact(model.model_id, "data.txt")
        mlflow.finalize_logged_model(model.model_id, "READY")
        mlflow.log_outputs([mlflow.entities.LoggedModelOutput(model.model_id, 0)])
    with mlflow.start_run() as run:
        ids.append(run.info.run_id)
        for step, value in enumerate(CURVE):
            mlflow.log_metric("loss", value, step=step)
    return ids


class Browser:
    """Headless Chromium that notes how each request was answered."""

    def __init__(self):
        from selenium import webdriver
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                     "--disable-background-networking", "--disable-component-update", "--disable-sync",
                     "--disable-dev-shm-usage", "--window-size=1500,1100",
                     f"--user-data-dir={os.path.abspath('profile')}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
        service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
        self.driver = webdriver.Chrome(options=options, service=service)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.driver.quit()

    def text(self):
        return self.driver.execute_script("return document.body ? document.body.innerText : ''")

    def answers(self):
        """Status, method and path of the requests since the last call."""
        found, methods = [], {}
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            params = message["params"]
            if message["method"] == "Network.requestWillBeSent":
                methods[params["requestId"]] = params["request"]["method"]
            elif message["method"] == "Network.responseReceived":
                url = params["response"]["url"]
                if url.startswith("http://127.0.0.1"):
                    found.append((params["response"]["status"], methods.get(params["requestId"], "?"),
                                  url.split("/", 3)[3]))
        return found

    def visit(self, url, wanted, drawn):
        """Opens a page and waits for all of |wanted| in its text, and for an element that the selector |drawn|
        finds; what never came."""
        self.driver.get("about:blank")
        self.driver.get(url)
        end = time.monotonic() + PAGE_S
        missing = [*wanted, drawn]
        while missing and time.monotonic() < end:
            time.sleep(0.2)
            text = self.text()
            missing = [part for part in wanted if part not in text]
            if not self.driver.execute_script("return document.querySelector(arguments[0])", drawn):
                missing.append(drawn)
        return missing


CURVE_DRAWN = ".js-plotly-plot .scatterlayer path"


def pages(experiment_id, ids, model_id, run_name, file):
    """Name, address, texts that the page has to show, and what else has to be on it."""
    trained, curve = ids
    experiment = f"/#/experiments/{experiment_id}"
    return [
        ("experiments", "/#/experiments", ["browser"], "a"),
        ("runs", f"{experiment}/runs", [run_name], "a"),
        ("run", f"{experiment}/runs/{trained}", ["kernel_type", "rbf", "total_nsv"], "a"),
        ("curve", f"{experiment}/runs/{curve}/model-metrics", ["loss"], CURVE_DRAWN),
        ("artifacts", f"{experiment}/runs/{trained}/artifacts", ["Artifacts"], "a"),
        ("models", f"{experiment}/models", ["model"], "a"),
        ("model", f"{experiment}/models/{model_id}", ["Ready", "total_nsv", "33", "C"], "a"),
        ("model-files", f"{experiment}/models/{model_id}/artifacts", [file], "a"),
    ]


def failures(answers):
    """Requests that were refused, with ids masked."""
    masked = set()
    for status, method, path in answers:
        if status >= 400:
            path = re.sub(r"(m-)?[0-9a-f]{32}", "ID", path.split("?")[0])
            masked.add(f"{status} {method} {path}")
    return masked


def look(results, browser, uri, ids, label, file, shots):
    """Visits every page; which requests failed on which page."""
    from mlflow import MlflowClient
    client = MlflowClient(uri)
    run = client.get_run(ids[0])
    model_id = run.outputs.model_outputs[0].model_id
    failed = {}
    with here.Server(uri) as server:
        for name, address, wanted, drawn in pages(run.info.experiment_id, ids, model_id,
                                                  run.info.run_name, file):
            browser.answers()
            missing = browser.visit(f"http://127.0.0.1:{server.port}{address}", wanted, drawn)
            answers = browser.answers()
            failed[name] = failures(answers)
            browser.driver.save_screenshot(os.path.join(shots, f"{label}-{name}.png"))
            results.check(not missing and len(answers) > 0, f"{label}: page {name} shows {', '.join(wanted)}",
                          f"missing {missing}", browser.text()[:2000])
    return failed


def main():
    here.require()
    mlf, data, shots = (os.path.abspath(argument) for argument in sys.argv[1:4])
    for tool in TOOLS:
        if shutil.which(tool) is None:
            print(f"1..0 # SKIP {tool} is not installed")
            return 0
    os.makedirs(shots, exist_ok=True)
    results = here.Tap()
    with here.Folder() as folder:
        os.environ["MLF_SPOOL"] = os.path.join(folder, "spool")
        found = {}
        with Browser() as browser:
            for label in ("mlf", "mlflow"):
                os.mkdir(label)
                os.chdir(label)
                ids = write_ours(mlf, data) if label == "mlf" else write_theirs()
                uri = f"sqlite:///{os.getcwd()}/mlflow.db"
                found[label] = look(results, browser, uri, ids, label,
                                    "iris.model" if label == "mlf" else "data.txt", shots)
                os.chdir(folder)
        for name, failed in found["mlf"].items():
            results.none(sorted(failed - found["mlflow"][name]),
                         f"page {name}: no request fails that does not fail on MLflow's own database")
    return results.done()


if __name__ == "__main__":
    sys.exit(main())
