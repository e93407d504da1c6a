#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`mlf experiments`, `mlf models`, `mlf artifacts`, `mlf doctor`: what a store has, and what mlf uses."""

import json
import os
import sqlite3

from harness import folder, run_tests


def test_experiments(tap):
    with folder() as f:
        tap.same(f.mlf("experiments", "list").code, 1, "no store is an error")
        got = f.mlf("experiments", "create", "flowers")
        tap.same((got.code, got.out), (0, b"1\n"), "create makes the store and prints the id")
        tap.same(f.mlf("experiments", "create", "flowers").code, 1, "a name is taken once")
        tap.same(f.mlf("experiments", "create", "").code, 1, "an empty name is refused")
        f.mlf("experiments", "create", "other", "--artifact-location", f"{f.work}/elsewhere")
        tap.same(f.mlf("experiments", "tag", "flowers", "team=a", "kind=b=c").code, 0, "tag")
        tap.same(f.mlf("experiments", "tag", "flowers", "team").code, 1, "a tag needs a value")
        shown = json.loads(f.mlf("experiments", "show", "flowers", "--json").out)
        tap.same({tag["key"]: tag["value"] for tag in shown["tags"]}, {"team": "a", "kind": "b=c"},
                 "show --json: the tags")
        f.mlf("experiments", "untag", "flowers", "team")
        tap.same(len(json.loads(f.mlf("experiments", "show", "1", "--json").out)["tags"]), 1,
                 "untag; show by the id")

        def names(*options):
            got = f.mlf("experiments", "search", "--json", *options)
            return [e["name"] for e in json.loads(got.out).get("experiments", [])]

        tap.same(names("--order-by", "name ASC"), ["Default", "flowers", "other"], "search --order-by")
        tap.same(names("--filter", "name LIKE 'fl%'"), ["flowers"], "search --filter")
        tap.same(names("--filter", "name = 'none'"), [], "search that finds nothing")
        tap.same(f.mlf("experiments", "rename", "other", "moved").code, 0, "rename")
        shown = json.loads(f.mlf("experiments", "show", "moved", "--json").out)
        tap.same(shown["artifact_location"], f"{f.work}/elsewhere", "create --artifact-location")
        f.mlf("run", "--quiet", "--experiment", "moved", "true")
        tap.same(f.mlf("experiments", "delete", "moved").code, 0, "delete")
        tap.same(sorted(names()), ["Default", "flowers"], "a deleted one is not listed")
        tap.same(names("--view", "deleted"), ["moved"], "search --view deleted")
        tap.same(len(f.mlf("runs", "list").out), 0, "its runs are deleted with it")
        tap.same(f.mlf("experiments", "restore", "moved").code, 0, "restore")
        tap.same(len(f.mlf("runs", "list").out.splitlines()), 2, "its runs are back")
        got = f.mlf("experiments", "show", "none")
        tap.ok(got.code == 1 and "none" in got.text, "an unknown one is named", got.text)
        tap.same(f.mlf("experiments", "show").code, 2, "show needs a word")


def test_models_and_artifacts(tap):
    with folder() as f:
        f.write("train", b'#!/bin/sh\necho 1 2 3 >weights.model\n', 0o755)
        f.mlf("run", "--quiet", "true")
        with sqlite3.connect(f"{f.work}/mlflow.db") as db:
            run_id, root = db.execute("SELECT run_uuid, artifact_uri FROM runs").fetchone()
            model = "m-" + "1" * 32
            where = f"{f.work}/mlruns/0/models/{model}/artifacts"
            db.execute("INSERT INTO logged_models (model_id, experiment_id, name, artifact_location, "
                       "creation_timestamp_ms, last_updated_timestamp_ms, status, lifecycle_stage, "
                       "source_run_id) VALUES (?, 0, 'net', ?, 1, 1, 2, 'active', ?)",
                       (model, where, run_id))
            db.execute("INSERT INTO logged_model_params (model_id, experiment_id, param_key, param_value) "
                       "VALUES (?, 0, 'lr', '0.1')", (model,))
        os.makedirs(where)
        os.makedirs(f"{root}/plots")
        for path, text in ((f"{where}/MLmodel", "flavors: {}\n"), (f"{root}/plots/loss.txt", "12345"),
                           (f"{root}/notes", "x")):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)

        listed = json.loads(f.mlf("models", "list", "--json").out)["models"]
        tap.same([m["info"]["model_id"] for m in listed], [model], "models list --json")
        tap.has(f.mlf("models", "list").out.decode(), where, "models list says where the files are")
        for word in (model, f"models:/{model}", "net", "latest"):
            got = f.mlf("models", "show", word, "--json")
            tap.ok(got.code == 0 and json.loads(got.out)["info"]["model_id"] == model,
                   f"models show {word[:12]}", got.text)
        text = f.mlf("models", "show").out.decode()
        for part in (where, "lr", "0.1", "READY", "Default", run_id):
            tap.has(text, part, f"models show: {part[-20:]}")
        tap.same(json.loads(f.mlf("models", "list", "--json", "--filter", "params.lr = '9'").out), {},
                 "models list --filter")
        for word in ("none", "m-" + "2" * 32, "it's", ""):
            tap.same(f.mlf("models", "show", word).code, 1, f"models show {word[:8]!r} is an error")

        text = f.mlf("artifacts", "list").out.decode()
        tap.ok("plots/loss.txt" in text and "notes" in text and root in text,
               "artifacts list: files of the latest run and their folder", text)
        tap.same(f.mlf("artifacts", "list", model).code, 1, "a model's id alone is no run")
        tap.has(f.mlf("artifacts", "list", f"models:/{model}").out.decode(), "MLmodel", "those of a model")
        for name in ("one", "two"):
            os.symlink(".", os.path.join(root, name))
        text = f.mlf("artifacts", "list", run_id).out.decode()
        tap.ok("link  one" in text and text.count("loss.txt") == 1, "links that lead in a circle are not followed",
               text)
        body = json.loads(f.mlf("artifacts", "list", run_id, "plots", "--json").out)
        tap.same(body, {"root_uri": root, "files": [{"path": "plots/loss.txt", "is_dir": False,
                                                     "file_size": 5}]}, "artifacts list --json")
        os.mkdir(f"{f.work}/out")
        got = f.mlf("artifacts", "get", run_id[:9], "plots/loss.txt", "--output", "out")
        tap.same((got.code, got.out.decode().strip()), (0, f"{f.work}/out/loss.txt"), "artifacts get")
        with open(f"{f.work}/out/loss.txt", encoding="utf-8") as file:
            tap.same(file.read(), "12345", "it is the file")
        got = f.mlf("artifacts", "get", "latest", "--output", "out")
        tap.ok(got.code == 0 and f.exists("out/notes") and f.exists("out/plots/loss.txt"),
               "artifacts get of a whole run", got.text)
        for wrong in (["latest", "../../x"], ["latest", "none"], ["runs:/" + "0" * 32],
                      ["latest", "notes", "--output", "none"], ["latest", "notes", "--output", "out/notes"]):
            got = f.mlf("artifacts", "get", *wrong)
            tap.ok(got.code == 1 and got.err.startswith(b"mlf: "), f"artifacts get {' '.join(wrong)[:30]}",
                   got.text)


def checks_of(got):
    return {check["name"]: check for check in json.loads(got.out)["checks"]}


def test_doctor(tap):
    with folder() as f:
        got = f.mlf("doctor", "--json")
        checks = checks_of(got)
        tap.same((got.code, json.loads(got.out)["ok"]), (0, True), "all is well without a store")
        tap.has(checks["tracking URI"]["value"], f"{f.work}/mlflow.db (the default)", "the URI")
        tap.ok(not f.exists("mlflow.db"), "nothing is made")
        tap.has(checks["preload"]["value"], "libmlf_hooks.so", "the preload path")
        tap.has(checks["versions"]["value"], "libsqlite3.so", "versions of libraries")
        got = f.mlf("doctor", "--log-run", env={"MLFLOW_EXPERIMENT_NAME": "checks"})
        tap.same(got.code, 0, "--log-run")
        tap.has(got.out.decode(), "✓ Successfully connected to MLflow!", "MLflow's words")
        run = f.last_run("--experiment", "checks")
        tap.same((run["params"], run["info"]["status"]), ({"test_param": "test_value"}, "FINISHED"),
                 "MLflow's verification run, in the active experiment")
        checks = checks_of(f.mlf("doctor", "--json", env={"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"}))
        tap.has(checks["tracking URI"]["value"], "MLFLOW_TRACKING_URI", "where the URI comes from")
        tap.has(checks["schema"]["value"], "bda7b8c39065, can be written", "the schema's head")
        tap.has(checks["experiment"]["value"], "Default, id 0", "the active experiment")
        f.mlf("experiments", "delete", "checks")
        got = f.mlf("doctor", env={"MLFLOW_EXPERIMENT_NAME": "checks"})
        tap.same(got.code, 1, "a deleted experiment is wrong")
        tap.has(got.out.decode(), "mlf experiments restore", "and what to do is said")
        f.mlf("run", "--quiet", "true", env={"MLF_OFFLINE": "1"})
        tap.has(checks_of(f.mlf("doctor", "--json"))["left behind"]["value"], "mlf sync",
                "what was left behind, which stays")
        f.write("file", b"")
        for uri in ("sqlite:///none/x.db", "sqlite:///file/x.db"):
            got = f.mlf("doctor", "--json", "--tracking-uri", uri)
            tap.ok(got.code == 1 and checks_of(got)["store"].get("trouble"),
                   f"{uri} could not be made, which is wrong", got.out)
        got = f.mlf("doctor", "--json", "--log-run", "--tracking-uri", "sqlite:///off.db", env={"MLF_OFF": "1"})
        tap.ok(got.code == 1 and checks_of(got)["verification"].get("trouble") and not f.exists("off.db"),
               "MLF_OFF=1: no verification run", got.out)
        f.write("text.db", b"no database at all, but some text that is long enough to be looked at\n" * 20)
        for uri, check in (("sqlite:///text.db", "store"), ("gopher://x", "tracking URI")):
            got = f.mlf("doctor", "--json", "--tracking-uri", uri)
            tap.ok(got.code == 1 and checks_of(got)[check].get("trouble"), f"{uri} is wrong", got.out)
        with sqlite3.connect(f"{f.work}/mlflow.db") as db:
            db.execute("ALTER TABLE runs ADD COLUMN later TEXT NOT NULL DEFAULT 'x'")
            db.execute("DROP TABLE logged_models")
        got = f.mlf("doctor", "--json")
        tap.ok(got.code == 1 and "can be read" in checks_of(got)["schema"]["value"],
               "a schema that cannot be written is wrong", got.out)
        got = f.mlf("doctor", "--json", env={"MLF_OFF": "1"})
        tap.same(checks_of(got)["MLF_OFF"]["ok"], False, "MLF_OFF is pointed at")
        tap.same(f.mlf("doctor", "x").code, 2, "wrong usage")


run_tests(test_experiments, test_models_and_artifacts, test_doctor)
