#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One program in C and in Python, on two new databases: every table and column of MLflow 3.1 holds the same, as written and
after a later MLflow has migrated both. Usage: test_parity.py PROGRAM. MLF_TEST_PYTHON_31 names the
Python that has MLflow 3.1, MLF_TEST_PYTHON the one with the later."""

import difflib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys

import mlflow_here as here

PROGRAM_PY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "parity_program.py")
GIVEN_TIMES_END = 1700001000000
# Tags that say where a program ran, and ours; which names there are is compared, but for ours.
PLACE_TAGS = ("mlflow.user", "mlflow.source.name")


def names_of_ids(db):
    """What a random id is called instead: by what it belongs to."""
    names = {}
    for run_id, name in db.execute("SELECT run_uuid, name FROM runs"):
        names[run_id] = f"<run {name}>"
    for model_id, name in db.execute("SELECT model_id, name FROM logged_models"):
        names[model_id] = f"<model {name}>"
    for uuid, name, digest in db.execute("SELECT dataset_uuid, name, digest FROM datasets"):
        names[uuid] = f"<data {name} {digest}>"
    for uuid, source, destination in db.execute("SELECT input_uuid, source_id, destination_id FROM inputs"):
        names[uuid] = f"<{names.get(source, source)} in {names.get(destination, destination)}>"
    return names


def masked(value, names, folder):
    """A cell without what differs between any two programs: ids, folders, the time of day."""
    if isinstance(value, int) and value > GIVEN_TIMES_END and value < 10 * GIVEN_TIMES_END:
        return "<now>"
    if isinstance(value, str):
        value = value.replace(folder, "<folder>")
        value = re.sub(r"\b(m-)?[0-9a-f]{32}\b", lambda found: names.get(found[0], found[0]), value)
    return value


def columns_of(db, table):
    return [row[1] for row in db.execute(f"PRAGMA table_info({table})")]


def rows(path, columns):
    """All rows of all tables as lines of text, masked and sorted."""
    db = sqlite3.connect(path)
    names = names_of_ids(db)
    folder = os.path.dirname(os.path.abspath(path))
    lines = []
    for table, wanted in columns.items():
        missing = set(wanted) - set(columns_of(db, table))
        if missing:
            lines.append(f"{table} lacks {sorted(missing)}")
            continue
        for row in db.execute(f"SELECT {', '.join(wanted)} FROM {table}"):
            cells = {key: masked(value, names, folder) for key, value in zip(wanted, row)}
            key = cells.get("key", cells.get("tag_key", ""))
            # Only our program lies in a repository, when the tree is one.
            if table.endswith("tags") and str(key).startswith(("mlf.", "mlflow.source.git.")):
                continue
            if key in PLACE_TAGS:
                cells["value" if "value" in cells else "tag_value"] = "<place>"
            if "user_id" in cells:
                cells["user_id"] = "<user>"
            lines.append(table + " " + json.dumps(cells, ensure_ascii=False))
    db.close()
    return sorted(lines)


def compare(results, ours, theirs, columns, name):
    difference = [line for line in difflib.unified_diff(rows(theirs, columns), rows(ours, columns),
                                                        "MLflow", "mlf", n=0, lineterm="")]
    count = len(rows(theirs, columns))
    results.check(not difference and count > 200, f"{name}: all rows agree", f"{count} rows",
                  *difference)


def tables(path):
    db = sqlite3.connect(path)
    found = {name: columns_of(db, name) for (name,) in
             db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")}
    db.close()
    return found


def artifacts(folder):
    """What lies in the artifacts of the run "outer": texts, and JSON as what it says."""
    ((root,),) = here.sql(f"{folder}/mlflow.db",
                          "SELECT artifact_uri FROM runs WHERE name = 'outer renamed'")
    found = {}
    for where, _, names in os.walk(root):
        for name in names:
            path = os.path.join(where, name)
            relative = os.path.relpath(path, root)
            if relative.startswith("mlf/"):
                continue
            with open(path, encoding="utf-8") as file:
                found[relative] = json.load(file) if name.endswith(".json") else file.read()
    return found


def migrate(folder):
    """The later MLflow opens the database, in a process of its own."""
    here.run(sys.executable, "-c",
             f"import os; os.chdir({folder!r}); from mlflow import MlflowClient\n"
             "MlflowClient('sqlite:///mlflow.db').search_experiments()")


def write_both(results, python, program):
    """Runs both programs, each in its folder; the Python one lies outside our repository, whose commit it would log."""
    shutil.copy(PROGRAM_PY, "program.py")
    file = os.path.abspath("model.txt")
    for folder, command in (("theirs", [python, "../program.py", "sqlite:///mlflow.db", file]),
                            ("ours", [program, "sqlite:///mlflow.db", file])):
        os.mkdir(folder)
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300,
                              env={**os.environ, "MLF_SPOOL": os.path.abspath("spool"),
                                   "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "false",
                                   "MLFLOW_LOGGING_LEVEL": "CRITICAL"})
        if not results.check(done.returncode == 0, f"the program writes {folder}", done.stdout,
                             done.stderr):
            return False
    return True


def main():
    here.require()
    python = os.environ.get("MLF_TEST_PYTHON_31", "")
    if not python:
        print("1..0 # SKIP MLF_TEST_PYTHON_31 does not name a Python with MLflow 3.1")
        return 0
    program = os.path.abspath(sys.argv[1])
    results = here.Tap()
    with here.Folder():
        with open("model.txt", "w", encoding="utf-8") as file:
            file.write("a model\n")
        if write_both(results, python, program):
            columns = tables("theirs/mlflow.db")
            results.check(tables("ours/mlflow.db") == columns, "the tables and columns are the same",
                          tables("ours/mlflow.db"))
            compare(results, "ours/mlflow.db", "theirs/mlflow.db", columns, "as written")
            results.check(artifacts("ours") == artifacts("theirs"), "the artifacts agree",
                          here.show(artifacts("ours")), here.show(artifacts("theirs")))
            results.check(len(artifacts("theirs")) == 6, "and there are some", artifacts("theirs"))
            migrate(os.path.abspath("theirs"))
            migrate(os.path.abspath("ours"))
            later = tables("theirs/mlflow.db")
            results.check(tables("ours/mlflow.db") == later and later != columns,
                          "a later MLflow migrates both to the same tables", sorted(later))
            compare(results, "ours/mlflow.db", "theirs/mlflow.db", columns, "migrated")
    return results.done()


if __name__ == "__main__":
    sys.exit(main())
