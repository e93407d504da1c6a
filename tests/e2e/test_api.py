#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The API's calls that log, made by a program (api_calls.c) and read back from the database.
Usage: test_api.py API_CALLS"""

import json
import os
import sqlite3
import subprocess
import sys

import harness as t

CALLS = os.path.abspath(sys.argv[1])
RUNS = "SELECT run_uuid, name, status FROM runs ORDER BY start_time, rowid"


class Store:
    """What a scenario printed, and the database that it left once its collector has gone."""

    def __init__(self, folder, *arguments, command=(), env=None, wait=True):
        self.folder = folder
        self.result = folder.run([*command, CALLS, *arguments], env=env)
        lines = self.result.out.decode().splitlines()
        self.says = [line.rsplit(" ", 1) for line in lines if " MLF_" in line]
        self.lines = [line.split() for line in lines if " MLF_" not in line]
        t.wait_for(lambda: not wait or not any(name.endswith((".ring", ".spill", ".journal"))
                                   for name in folder.files()))

    def sql(self, text, *values):
        db = sqlite3.connect(f"file:{self.folder.work}/mlflow.db?mode=ro", uri=True)
        try:
            return db.execute(text, values).fetchall()
        finally:
            db.close()

    def line(self, what):
        return next(line[1:] for line in self.lines if line[0] == what)

    def tags(self, run_id):
        return dict(self.sql("SELECT key, value FROM tags WHERE run_uuid = ?", run_id))

    def read(self, path):
        """The content of an artifact of the only run."""
        uri = self.sql("SELECT artifact_uri FROM runs")[0][0]
        with open(os.path.join(uri, path), "rb") as file:
            return file.read()

    def left(self):
        return [name for name in self.folder.files() if name.startswith("spool") and "mlf-" not in name]


def statuses(tap, store, want, name):
    tap.same([f"{what} {status}" for what, status in store.says], want.split("\n"), name)


def nested(tap, code, state):
    with t.folder() as folder:
        store = Store(folder, "nested", str(code))
        tap.same(store.result.code, code, "nested runs: the program ends as it wants to")
        statuses(tap, store, "outer MLF_OK\nagain MLF_ERR_STATE\nmiddle MLF_OK\ninner MLF_OK\nend MLF_OK\n"
                 "twice MLF_ERR_STATE", "a second run has to be nested, and ends once")
        tap.same([line for line in store.lines if line[0] == "top"], [["top", "1"]] * 2,
                 "each ends where the one before goes on")
        (a, name), (b, named), (c, _) = store.line("outer"), store.line("middle"), store.line("inner")
        got = {run: (called, status) for run, called, status in store.sql(RUNS)}
        tap.same(got, {a: (name, state), b: (named, state), c: (store.line("inner")[1], "KILLED")},
                 f"exit {code}: what is open is {state}, what has ended stays; names are as the program knows them")
        tap.ok(named.count("-") == 2 and name == "outer", "a random name has three words", named)
        tags = store.tags(a)
        tap.same({key: tags.get(key) for key in ("version", "priority", "mlflow.note.content", "mlflow.parentRunId",
                                                 "mlf.exit_code")},
                 {"version": "v1", "priority": "P1", "mlflow.note.content": "three runs",
                  "mlflow.parentRunId": None, "mlf.exit_code": str(code)}, "tags and description are stored")
        tap.same([store.tags(run).get("mlflow.parentRunId") for run in (b, c)], [a, b], "parents are linked")
        tap.same(sorted(store.sql("SELECT run_uuid, key, value FROM metrics")),
                 sorted([(a, "who", 1.0), (b, "who", 2.0), (c, "who", 3.0), (c, "late", 4.0)]),
                 "each metric is in its run, also after its end")


def resumed(tap):
    with t.folder() as folder:
        store = Store(folder, "start", "first")
        run = store.line("run")[0]
        end = store.sql("SELECT end_time FROM runs")[0][0]
        store = Store(folder, "resume", run)
        statuses(tap, store, "resume MLF_OK\nend MLF_OK\nonce more MLF_OK\nend MLF_OK", "a run is resumed, twice")
        tap.same(store.line("run"), [run, "first"], "and keeps its name")
        tap.same(store.sql(RUNS), [(run, "first", "FINISHED")], "no other run comes of it")
        tap.ok(store.sql("SELECT end_time FROM runs")[0][0] > end, "it ends anew")
        store = Store(folder, "resume", "", env={"MLFLOW_RUN_ID": run})
        statuses(tap, store, "resume MLF_OK\nend MLF_OK\nonce more MLF_OK\nend MLF_OK",
                 "MLFLOW_RUN_ID is resumed by the first start")
        tap.same([row[0] == run for row in store.sql(RUNS)], [True, False], "and by no other")
        store = Store(folder, "resume", "0" * 32)
        statuses(tap, store, "resume MLF_ERR_NOT_FOUND", "an unknown run is not resumed")
        tap.has(store.result.text, "0" * 32, "the message names it")
        folder.mlf("runs", "delete", run)
        store = Store(folder, "resume", run)
        statuses(tap, store, "resume MLF_ERR_STATE", "nor is a deleted one")
        store = Store(folder, "parent", run)
        statuses(tap, store, "child MLF_ERR_STATE\nend MLF_ERR_STATE", "which gets no children either")
        tap.same(len(store.sql(RUNS)), 2, "and no run is begun")
        parent = store.sql(RUNS)[1][0]
        store = Store(folder, "parent", parent)
        statuses(tap, store, "child MLF_OK\nend MLF_OK", "a run of the store gets a child")
        tap.same(store.tags(store.line("child")[0]).get("mlflow.parentRunId"), parent, "which names it")


def blocks(tap):
    with t.folder() as folder:
        store = Store(folder, "with")
        runs = {run: status for run, _, status in store.sql(RUNS)}
        inner = [line[1] for line in store.lines if line[0] == "inner"]
        tap.same([runs[run] for run in inner], ["FINISHED", "FAILED", "FINISHED"],
                 "MLF_WITH_RUN: the end of a block, an end before it, a break")
        tap.same([runs[store.line(what)[0]] for what in ("outer", "returned")], ["FINISHED"] * 2, "and a return")
        tap.same([store.line(what) for what in ("top", "early", "none")], [["1"]] * 3, "the stack is right after each")


def threads_and_forks(tap):
    with t.folder() as folder:
        store = Store(folder, "threads")
        names = {name: run for run, name, _ in store.sql(RUNS)}
        tap.same(sorted(names), ["one", "two"], "two threads have two runs")
        tap.same(sorted(store.sql("SELECT key, run_uuid, count(*) FROM metrics GROUP BY 1, 2")),
                 sorted((name, run, 100) for name, run in names.items()), "each with its own metrics")
        tap.same(sorted(store.sql("SELECT run_uuid, value FROM params")),
                 sorted((run, name) for name, run in names.items()), "and its own value of a param")
    with t.folder() as folder:
        store = Store(folder, "fork")
        statuses(tap, store, "start MLF_OK\nchild logs MLF_OK\nchild ends MLF_ERR_STATE\nchild starts MLF_OK\n"
                 "child's own MLF_OK\nparent logs MLF_OK\nparent ends MLF_OK",
                 "a forked child logs, cannot end its parent's run, and has its own")
        runs = store.sql(RUNS)
        tap.same([status for _, _, status in runs], ["FINISHED"] * 2, "both runs end well")
        tap.same(store.sql("SELECT key FROM metrics WHERE run_uuid = ? ORDER BY 1", runs[0][0]),
                 [("child",), ("parent",)], "the child's metric is in the parent's run")


def launched(tap):
    with t.folder() as folder:
        store = Store(folder, "start", "named", "second", command=[t.MLF, "run", "--"])
        first, second = (line[1:] for line in store.lines)
        runs = store.sql(RUNS)
        tap.same([name for _, name, _ in runs], ["named", "second"],
                 "under mlf run the first start joins its run and names it")
        tap.same(store.tags(second[0]).get("mlflow.parentRunId"), first[0], "the second one is its child")
    with t.folder() as folder:
        store = Store(folder, "start", "named", command=[t.MLF, "run", "--run-name", "given", "--"])
        tap.same([name for _, name, _ in store.sql(RUNS)], ["given"], "a name given to mlf run stays")


def deleted(tap):
    with t.folder() as folder:
        store = Store(folder, "deleted")
        statuses(tap, store, "start MLF_OK\nbefore MLF_OK\ndelete MLF_OK\nafter MLF_OK\nparam MLF_OK\n"
                 "flush MLF_ERR_IO", "a deleted run takes nothing, as the flush says")
        tap.has(store.result.text, "must be in the 'active' state", "in MLflow's words")
        tap.same((store.sql("SELECT key FROM metrics"), store.sql("SELECT key FROM params")), ([("before",)], []),
                 "and nothing of it is stored")


def vanished(tap):
    with t.folder() as folder:
        store = Store(folder, "vanish", os.path.join(folder.work, "mlflow.db"))
        statuses(tap, store, "start MLF_OK\nthere MLF_OK\nafter MLF_OK\nend MLF_OK",
                 "a run is in the store once it has begun; then the database is removed")
        tap.same([(run, status) for run, _, status in store.sql(RUNS)], [(store.line("run")[0], "FINISHED")],
                 "what comes after goes into a new one")
        tap.same(store.sql("SELECT key FROM metrics WHERE key NOT LIKE 'system/%'"), [("after",)], "and is not lost")


def no_spool(tap):
    with t.folder() as folder:
        spool = os.path.join(folder.write("a file", b""), "spool")
        got = folder.run([CALLS, "start", "one"], env={"MLF_SPOOL": spool})
        tap.has(got.out.decode(), "start MLF_ERR_IO", "where nothing can be written a start says so")
        tap.has(got.text, spool, "and where that is")


def experiments(tap):
    with t.folder() as folder:
        made = folder.mlf("experiments", "create", "other")
        tap.same(made.code, 0, "an experiment is made")
        store = Store(folder, "experiment", "1")
        statuses(tap, store, "start MLF_OK\nnested MLF_OK\nend MLF_OK\nend MLF_OK", "a run names its experiment")
        tap.same(store.sql("SELECT experiment_id, run_uuid = ? FROM runs ORDER BY 1", store.line("run")[0]),
                 [(0, 0), (1, 1)], "the one in it is in the active experiment, as in MLflow")
        for options, want in (((), "MLF_ERR_STATE"), (("--experiment", "other"), "MLF_OK")):
            store = Store(folder, "experiment", "1", command=[t.MLF, "run", *options, "--"])
            tap.same(store.says[0], ["start", want], f"under mlf run {' '.join(options)}: its experiment or none")
    with t.folder() as folder:
        store = Store(folder, "experiment", "77")
        tap.has(store.result.out.decode(), "start MLF_OK", "no database yet: an experiment is looked for later")
        tap.has(store.result.out.decode(), "end MLF_ERR_IO", "one that is not there is told with the end")
        tap.same(store.tags(store.line("run")[0]).get("mlf.experiment_missing"), "77",
                 "and its run goes into the default one, and says so")
        tap.same([status for _, _, status in store.sql(RUNS)], ["FINISHED"] * 2, "so that the other run is stored, too")
        unknown = folder.run([CALLS, "experiment", "78"])
        tap.has(unknown.out.decode(), "start MLF_ERR_NOT_FOUND", "with a database it is told at once")
        tap.has(unknown.text, "78", "and which")


PARAMS = {"a": "1", "b": "2", "int": "42", "long": str(-2**63), "bool": "True", "text": "some text", "float": "0.5",
          "one": "1.0", "third": repr(1 / 3), "small": "1e-05", "tenth": "0.0001", "large": "1e+16",
          "whole": "123456789012345.0", "nan": "nan", "minus": "-inf", "longest": "p" * 6000}


def values(tap):
    with t.folder() as folder:
        store = Store(folder, "values")
        statuses(tap, store, "params MLF_OK\nthe same MLF_OK\ntwice MLF_ERR_INVAL\nanother value MLF_ERR_CONFLICT\n"
                 "a bad key MLF_ERR_INVAL\nmetrics MLF_OK\na bad key MLF_ERR_INVAL\nby handle MLF_OK\n"
                 "of a run MLF_OK\na refused handle MLF_ERR_INVAL\nown time MLF_OK\nthe epoch MLF_OK\n"
                 "no options MLF_OK\nno model id MLF_ERR_INVAL\ntags MLF_OK\nno value MLF_ERR_INVAL\n"
                 "long tag MLF_OK\ndelete MLF_OK\nflush MLF_OK\ndelete again MLF_OK\nflush MLF_ERR_IO",
                 "params, metrics and tags are taken or refused")
        tap.has(store.result.text, "No tag with name: t1 in run with id", "a tag that is not there is told later")
        tap.same(dict(store.sql("SELECT key, value FROM params")), PARAMS,
                 "params are written as Python writes them, refused lots not at all")
        tap.same(store.sql("SELECT key, value, step, is_nan FROM metrics ORDER BY key, step"),
                 [("epoch", 4.0, -5, 0), ("handle", 1.0, 0, 0), ("handle", 2.0, 1, 0), ("own", 3.0, -5, 0),
                  ("plain", 0.0, 0, 1), ("x", 0.5, 7, 0), ("y", -1.7976931348623157e308, 7, 0)], "metrics are stored")
        times = dict(store.sql("SELECT key, timestamp FROM metrics"))
        tap.same((times["own"], times["epoch"], times["x"] == times["y"]), (1234567890123, 0, True),
                 "with the times that were given, and one for those that were logged together")
        tags = store.tags(store.sql(RUNS)[0][0])
        tap.same([tags.get(key) for key in ("t1", "t2", "t3")], [None, "2", None], "tags are set and deleted")
        tap.same(len(tags.get("longest", "")), 8000, "a long one is cut")


def other_locale(tap):
    found = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False).stdout.split()
    name = next((word for word in found if word.startswith(("de_", "fr_"))), "")
    if not name:
        tap.skip("a decimal comma", "there is no locale with one")
        return
    with t.folder() as folder:
        store = Store(folder, "locale", name, env={"LC_ALL": name})
        tap.same((store.line("locale"), store.sql("SELECT value FROM params")), (["0,5"], [("0.5",)]),
                 "a program's decimal comma is not in its params")


def inputs(tap):
    with t.folder() as folder:
        path = folder.write("data.csv", b"x,y\n1,2\n")
        store = Store(folder, "inputs", path)
        statuses(tap, store, "file MLF_OK\nagain MLF_OK\nweb MLF_OK\nflush MLF_OK\nno source MLF_ERR_INVAL\n"
                 "no file MLF_ERR_NOT_FOUND\na folder MLF_ERR_INVAL\nno digest MLF_ERR_INVAL\n"
                 "long digest MLF_ERR_INVAL\nno JSON MLF_ERR_INVAL", "data sets are taken or refused")
        rows = store.sql("SELECT d.name, d.dataset_source_type, d.dataset_source, length(d.digest), "
                         "length(d.dataset_profile), d.dataset_schema IS NULL, t.value FROM datasets d "
                         "JOIN inputs i ON i.source_id = d.dataset_uuid "
                         "LEFT JOIN input_tags t ON t.input_uuid = i.input_uuid ORDER BY d.name")
        tap.same(rows[0][:4] + rows[0][5:], ("data.csv", "local", json.dumps({"uri": path}, separators=(",", ":")),
                                             16, 0, "training"), "a file has its path, digest, schema and context")
        tap.same(rows[1:], [("web", "http", '{"url": "http://x/y"}', 1, 16777215, 1, None)],
                 "a profile of 16 MB arrives whole")
        tap.same(store.left(), [], "nothing stays in the spool")


def artifacts(tap):
    with t.folder() as folder:
        path = folder.write("data.bin", bytes(range(256)))
        os.mkdir(os.path.join(folder.work, "tree"))
        folder.write("tree/leaf", b"leaf")
        store = Store(folder, "artifacts", path, os.path.join(folder.work, "tree"))
        got = dict((what, status) for what, status in store.says)
        image = got.pop("image")
        refused = ("no json", "channels", "above", "absolute", "nothing", "folder")
        want = {what: "MLF_ERR_INVAL" for what in refused}
        want["no file"] = "MLF_ERR_NOT_FOUND"
        want["last flush"] = "MLF_ERR_IO"
        if image == "MLF_ERR_UNSUPPORTED":
            want["channels"] = image
        tap.same(got, {what: want.get(what, "MLF_OK") for what in got}, "artifacts are taken or refused")
        tap.has(store.result.text, "line 2", "JSON that is none is refused with the place")
        tap.same([store.read(name) for name in ("data/data.bin", "tree/leaf", "notes/hello.txt", "empty.txt", "a.json")],
                 [bytes(range(256)), b"leaf", b"hello again", b"", b'{"a": [1, 2]}'], "files, folders, texts, JSON")
        tap.same(store.read("long.txt"), b"a" * 3000000, "a long text")
        if image == "MLF_ERR_UNSUPPORTED":
            tap.skip("an image", "built without libpng")
        else:
            tap.ok(store.read("images/i.png").startswith(b"\x89PNG\r\n\x1a\n"), "an image as PNG")
        tap.has(store.tags(store.sql(RUNS)[0][0]).get("mlf.artifact_missing", ""), "empty.txt",
                "one that cannot be stored is a tag, and the flush says so")
        tap.same(store.left(), [], "nothing stays in the spool")


def tables(tap):
    with t.folder() as folder:
        store = Store(folder, "tables")
        statuses(tap, store, "table MLF_OK\nother table MLF_OK\nmore MLF_OK\nno number MLF_ERR_INVAL\n"
                 "no .json MLF_ERR_INVAL\nflush MLF_OK", "tables are taken or refused")
        tap.same(json.loads(store.read("eval/t.json")),
                 {"columns": ["x", "name", "y"],
                  "data": [[1.5, "a", None], [2, None, None], [None, '"c"', None], [None, "d", 3]]},
                 "rows are appended by the columns' names")
        tap.same(store.tags(store.sql(RUNS)[0][0]).get("mlflow.loggedArtifacts"),
                 json.dumps([{"path": "eval/t.json", "type": "table"}, {"path": "u.json", "type": "table"}]),
                 "and the tables are listed as MLflow lists them")


def bad(tap):
    with t.folder() as folder:
        store = Store(folder, "bad")
        unlike = [line for line in store.says if line[1] != "MLF_ERR_INVAL"]
        tap.same(unlike, [["end", "MLF_ERR_STATE"], ["run id", "MLF_ERR_NOT_FOUND"]],
                 "every call without what it needs is refused")
        tap.same((store.lines, folder.files()), ([["none", "1"]], []), "none of them starts anything")
        store = Store(folder, "bad", env={"MLF_OFF": "1"})
        tap.same({status for _, status in store.says}, {"MLF_OK"}, "switched off, all succeed")
        tap.same(folder.files(), [], "and do nothing")


def left_behind(tap):
    with t.folder() as folder:
        store = Store(folder, "die")
        tap.same(store.result.code, -9, "a program is killed")
        tap.same((store.read("kept.txt"), store.read("long.txt")), (b"kept", b"k" * 200000),
                 "what it has handed over is stored")
        run, _, state = store.sql(RUNS)[0]
        tags = store.tags(run)
        tap.ok(tags.get("mlf.signal") == "SIGKILL" and state == "KILLED" or
               tags.get("mlf.end") == "unknown" and state == "FAILED", "its run says so", state, tags)
        tap.same(store.left(), [], "and nothing stays in the spool")
    with t.folder() as folder:
        store = Store(folder, "die", env={"MLF_OFFLINE": "1"}, wait=False)
        tap.same(len([name for name in store.left() if name.endswith(".take")]), 2,
                 "offline it waits in the spool")
        lone = os.path.join(folder.spool, "0123abcd-1-" + "0" * 32 + ".take")
        with open(lone, "wb") as file:
            file.write(b"x")
        other = os.path.join(folder.spool, "not.take")
        os.mkdir(other)
        merged = folder.mlf("sync")
        tap.ok(merged.code == 0, "and is merged by mlf sync", merged.text)
        tap.same((store.read("kept.txt"), store.read("long.txt")), (b"kept", b"k" * 200000), "as it was")
        tap.same(store.left(), [os.path.join("spool", os.path.basename(lone))],
                 "a file of a session that is not known stays for a while")
        os.utime(lone, (1, 1))
        os.rename(lone, lone.replace("-1-", "-4194303-"))
        folder.mlf("sync")
        tap.same(store.left(), [], "not for ever")


def main():
    tap = t.Tap()
    nested(tap, 0, "FINISHED")
    nested(tap, 3, "FAILED")
    for test in (resumed, blocks, threads_and_forks, launched, deleted, vanished, no_spool,
                 experiments, values, other_locale, inputs, artifacts, tables, bad,
                 left_behind):
        test(tap)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
