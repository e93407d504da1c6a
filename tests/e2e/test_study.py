#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Studies of programs (study_program.c) in the store: what is logged, and that nothing told is lost, whatever happens to
the program, the store or the tags. Usage: test_study.py STUDY_PROGRAM"""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys

import harness as t

PROGRAM = os.path.abspath(sys.argv[1])
ROUNDS = 20 if "MLF_TEST_FULL" in os.environ else 2


class Output:
    """What the program printed: the study's id, trials that were told, and the trials that it sees at its end."""

    def __init__(self, text):
        lines = [line.split() for line in text.decode().splitlines()]
        self.study = next((line[1] for line in lines if line[0] == "study"), "")
        self.told = [int(line[1]) for line in lines if line[0] == "trial"]
        self.depths = {int(line[1]): line[2] for line in lines if line[0] == "trial"}
        self.trials = {int(line[1]): {"state": line[2], "params": int(line[3]), "values": int(line[5]),
                                      "reports": int(line[7]), "constraints": int(line[9]),
                                      "run": line[11]} for line in lines if line[0] == "is"}
        self.best = next((int(line[1]) for line in lines if line[0] == "best"), None)

    def states(self):
        return [self.trials[n]["state"] for n in sorted(self.trials)]


def program(folder, *arguments):
    result = folder.run([PROGRAM, *map(str, arguments)])
    return Output(result.out), result


def settle(folder):
    """Waits for the collectors to finish, and merges what is left."""
    t.wait_for(lambda: not any(name.endswith((".ring", ".spill", ".journal")) for name in folder.files()), 5)
    folder.mlf("sync")


def sql(folder, text, *values):
    db = sqlite3.connect(os.path.join(folder.work, "mlflow.db"), timeout=20)
    try:
        rows = db.execute(text, values).fetchall()
        db.commit()
        return rows
    finally:
        db.close()


def pairs(folder, table, run):
    return dict(sql(folder, f"SELECT key, value FROM {table} WHERE run_uuid = ?", run))


def children(folder, study):
    return sql(folder, "SELECT r.name, r.status, r.run_uuid FROM runs r JOIN tags t ON t.run_uuid = r.run_uuid "
                       "WHERE t.key = 'mlflow.parentRunId' AND t.value = ? ORDER BY r.name", study)


def test_shape(tap):
    with t.folder() as f:
        out, result = program(f, "new", "study", 4, 0)
        settle(f)
        tap.same(result.code, 0, "a study ends well")
        runs = children(f, out.study)
        tap.same([run[:2] for run in runs], [(f"trial_{n}", "FINISHED") for n in range(4)],
                 "each trial is a finished run inside the study's")
        best = runs[out.best][2]
        params, tags = pairs(f, "params", out.study), pairs(f, "tags", out.study)
        tap.same(params, {"n_trials": "4", "best_child_run_id": best, **pairs(f, "params", best)},
                 "the study has the best trial's params")
        tap.same(pairs(f, "latest_metrics", out.study),
                 {"best_error": pairs(f, "latest_metrics", best)["error"]}, "and its value")
        tap.same(sql(f, "SELECT name, status FROM runs WHERE run_uuid = ?", out.study), [("study", "FINISHED")],
                 "its run is over")
        tap.ok("mlf.study.owner" not in tags and json.loads(tags["mlf.study"])["metrics"] == ["error"],
               "nobody owns it any more", tags)
        points = sql(f, "SELECT count(*), max(step) FROM metrics WHERE key = 'error'")
        tap.same(points, [(4, 0)], "each objective's value is one point, at step 0")


def test_reports(tap):
    with t.folder() as f:
        out, _ = program(f, "new", "study", 3, 0, "prune")
        settle(f)
        runs = children(f, out.study)
        history = [sql(f, "SELECT step, value FROM metrics WHERE key = 'error' AND run_uuid = ? "
                          "ORDER BY step, timestamp", run[2]) for run in runs]
        tap.same(history[0], [(0, 0.0), (1, 1.0), (2, 2.0)], "a result that was reported is not logged again")
        tap.same(history[1], [(0, 1.0), (1, 2.0), (2, 3.0)], "a pruned trial has its reported values")
        tap.same(history[2], [(0, 2.0), (1, 3.0), (2, 4.0), (2, 5.0)],
                 "a result that is another stands behind them")
        tap.same([pairs(f, "latest_metrics", run[2])["error"] for run in runs], [2.0, 3.0, 5.0],
                 "the latest value is the result")
        tap.same((runs[1][1], pairs(f, "tags", runs[1][2]).get("mlf.trial.state")), ("FINISHED", "PRUNED"),
                 "a pruned trial says so")
        again, _ = program(f, "load", "study", 0, 0)
        tap.same([(trial["state"], trial["reports"], trial["values"]) for trial in again.trials.values()],
                 [("COMPLETE", 3, 1), ("PRUNED", 3, 1), ("COMPLETE", 3, 1)], "and so it is loaded")


def test_long_trials(tap):
    with t.folder() as f:
        out, _ = program(f, "new", "study", 2, 0, "many")
        settle(f)
        again, result = program(f, "load", out.study[:8], 1, 0)
        tap.same([trial["reports"] for trial in again.trials.values()], [1500, 1500, 0],
                 "a trial of more reports than a tag holds is loaded whole")
        tap.ok(again.study == out.study and result.code == 0, "by the beginning of its id", result.text)
        longest = sql(f, "SELECT max(length(value)) FROM tags")[0][0]
        tap.ok(longest <= 8000, "no tag is longer than MLflow takes", longest)


def test_wide_trials(tap):
    """300 params with names of 181 characters, and a choice of 700 bytes with lines and letters beyond ASCII."""
    with t.folder() as f:
        out, result = program(f, "new", "study", 6, 0, "wide")
        settle(f)
        tap.same((result.code, out.states()), (0, ["COMPLETE"] * 6), "a study of many params ends well " + result.text)
        again, result = program(f, "load", "study", 1, 0, "wide")
        settle(f)
        tap.same([trial["params"] for trial in again.trials.values()], [304] * 7,
                 "it is loaded with all of them, and gone on with " + result.text)
        keys = [row[0] for row in sql(f, "SELECT DISTINCT key FROM tags")]
        tap.ok("mlf.trial.1" in keys and "mlf.study.space.0.1" in keys and
               sql(f, "SELECT max(length(value)) FROM tags")[0][0] <= 8000, "in several tags", sorted(keys))
        texts = {pairs(f, "params", trial["run"])["text"] for trial in again.trials.values()}
        long = "two\nlines\t\"" + "ö" * 344
        tap.same(sorted(texts), ["", long], "choices are what they were")


def test_jobs(tap):
    """Objectives in several threads: each logs into its own trial's run, also by the plain calls."""
    with t.folder() as f:
        out, result = program(f, "new", "study", 24, 500, "jobs")
        settle(f)
        tap.same((result.code, out.states()), (0, ["COMPLETE"] * 24), "a study of four threads ends well")
        runs = {n: trial["run"] for n, trial in out.trials.items()}
        tap.same({n: pairs(f, "latest_metrics", run).get("inside") for n, run in runs.items()},
                 {n: float(n) for n in runs}, "what an objective logs is its trial's")
        tap.same([pairs(f, "tags", run).get("said") for run in runs.values()], [f"trial_{n}" for n in runs],
                 "whose run is the active one")
        again, _ = program(f, "load", "study", 0, 0)
        tap.same({n: trial["run"] for n, trial in again.trials.items()}, runs, "it is loaded with the same runs")


def test_failed(tap):
    with t.folder() as f:
        out, _ = program(f, "new", "study", 3, 0, "fail")
        settle(f)
        tap.same(out.states(), ["COMPLETE", "FAIL", "COMPLETE"], "a failed trial")
        tap.same([run[1] for run in children(f, out.study)], ["FINISHED", "FAILED", "FINISHED"],
                 "is a failed run")


def killed_once(tap, number):
    """Killed while a trial goes on, then gone on with."""
    with t.folder() as f:
        process = f.start([PROGRAM, "new", "study", "1000", "3000"])
        lines = [process.stdout.readline() for _ in range(8 + number % 5)]
        os.kill(process.pid, signal.SIGKILL)
        lines.append(process.communicate(timeout=t.DEADLINE_S)[0])
        before = Output(b"".join(lines))
        again, result = program(f, "load", "study", 4, 0)
        name = f"killed ({number}): "
        if not tap.same(result.code, 0, name + "the study goes on " + result.text):
            return
        tap.same(again.study, before.study, name + "the same study")
        numbers = sorted(again.trials)
        tap.same(numbers, list(range(len(numbers))), name + "numbering is whole")
        # One that had printed its line may have been killed before it was told.
        lost = [n for n in before.told[:-1] if again.trials[n]["state"] != "COMPLETE"]
        tap.same(lost, [], name + "all that were told are there")
        tap.ok(not set(again.told) & set(before.told), name + "none is repeated", again.told, before.told)
        failed = [n for n in numbers if again.trials[n]["state"] != "COMPLETE"]
        tap.ok(len(failed) <= 1 and len(numbers) <= len(before.told) + 5,
               name + "at most the trial that was going on has failed", failed, numbers)
        settle(f)
        runs = {run[0]: run[1] for run in children(f, again.study)}
        tap.same(runs, {f"trial_{n}": "FAILED" if n in failed else "FINISHED" for n in numbers},
                 name + "each has one run, of its state")
        depths = {n: pairs(f, "params", again.trials[n]["run"]).get("depth") for n in before.told[:-1]}
        tap.same(depths, {n: before.depths[n] for n in before.told[:-1]}, name + "with its params")
        left = [path for path in f.files() if path.endswith((".ring", ".spill", ".journal", ".lock"))]
        tap.same(left, [], name + "nothing is left in the spool")


def test_killed(tap):
    for number in range(ROUNDS):
        killed_once(tap, number)


def test_two_drivers(tap):
    with t.folder() as f:
        process = f.start([PROGRAM, "new", "study", "1000", "20000"])
        first = Output(process.stdout.readline() + process.stdout.readline())
        f.mlf("runs", "list")
        t.wait_for(lambda: f.exists("mlflow.db") and children(f, first.study))
        _, second = program(f, "load", "study", 1, 0)
        tap.ok(second.code == 1 and "MLF_ERR_BUSY" in second.text and str(process.pid) in second.text and
               os.uname().nodename in second.text, "a second driver is told who has the study", second.text)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=t.DEADLINE_S)
        _, third = program(f, "load", "study", 1, 0)
        tap.same(third.code, 0, "once that is dead it is free " + third.text)


def collectors(f):
    """Pids of the collectors that work in the folder's spool."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
            if b"collect" in words and any(word.startswith(f.spool.encode()) for word in words):
                found.append(int(pid))
    return found


def test_forsaken(tap):
    """Driver and collector are killed while a child of the driver still has the session: nobody stores what it logs."""
    with t.folder() as f:
        process = f.start([PROGRAM, "new", "study", "1000", "20000", "child"])
        lines = []
        while len(lines) < 2000 and not {b"stays", b"trial"} <= {line.split()[0] for line in lines[3:] if line.split()}:
            lines.append(process.stdout.readline())
        child = int([line for line in lines if line.startswith(b"child")][0].split()[1])
        study = Output(b"".join(lines)).study
        t.wait_for(lambda: f.exists("mlflow.db") and children(f, study))
        for pid in [*collectors(f), process.pid]:
            os.kill(pid, signal.SIGKILL)
        process.wait(t.DEADLINE_S)
        for time in ("first", "second"):
            _, result = program(f, "load", "study", 1, 0)
            tap.ok(result.code == 1 and "MLF_ERR_BUSY" in result.text and "still run" in result.text,
                   f"a study is not taken before all that was logged is stored, the {time} time", result.text)
        os.kill(child, signal.SIGKILL)
        process.communicate(timeout=t.DEADLINE_S)
        again, result = program(f, "load", "study", 1, 0)
        tap.ok(result.code == 0 and sorted(again.trials) == list(range(len(again.trials))), "and then it is", result.text)


def test_elsewhere(tap):
    """A driver on another machine is known by its tag only."""
    with t.folder() as f:
        out, _ = program(f, "new", "study", 1, 0)
        settle(f)

        def driven(age_ms):
            now = sql(f, "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)")[0][0]
            text = json.dumps({"host": "far", "pid": 4711, "time_ms": now - age_ms, "start": "1",
                               "boot": "x", "pid_namespace": "1"})
            sql(f, "INSERT INTO tags VALUES ('mlf.study.owner', ?, ?) ON CONFLICT DO UPDATE SET value = "
                   "excluded.value", text, out.study)
        driven(60000)
        _, result = program(f, "load", "study", 1, 0)
        tap.ok(result.code == 1 and "4711 on far" in result.text, "it is not disturbed", result.text)
        driven(130000)
        _, result = program(f, "load", "study", 1, 0)
        tap.same(result.code, 0, "until it has been silent for two minutes " + result.text)


def test_enqueued(tap):
    with t.folder() as f:
        out, _ = program(f, "new", "study", 0, 0, "wait")
        settle(f)
        tap.same(out.states(), ["WAITING"], "an enqueued trial waits")
        again, _ = program(f, "load", "study", 2, 0)
        settle(f)
        tap.same(again.states(), ["COMPLETE"] * 2, "another process takes it")
        params = pairs(f, "params", again.trials[0]["run"])
        tap.same((params["depth"], params["kernel"]), ("11", "rbf"), "with what it was given")
        tags = pairs(f, "tags", out.study)
        tap.ok(not [key for key in tags if "queue" in key], "and it waits no more", tags)


def test_better_result(tap):
    """The parent's params follow a better trial that is found later."""
    with t.folder() as f:
        out, _ = program(f, "new", "study", 2, 0)
        settle(f)
        again, _ = program(f, "load", out.study, 60, 0)
        settle(f)
        best = again.trials[again.best]["run"]
        tap.ok(again.best > 1, "a better one is found", again.best)
        tap.same(pairs(f, "params", out.study),
                 {"n_trials": "62", "best_child_run_id": best, **pairs(f, "params", best)}, "its params are the study's")
        tap.same(pairs(f, "latest_metrics", out.study)["best_error"], pairs(f, "latest_metrics", best)["error"],
                 "and its value")


def test_deleted_trial(tap):
    with t.folder() as f:
        out, _ = program(f, "new", "study", 4, 0)
        settle(f)
        sql(f, "UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid = ?", out.trials[2]["run"])
        again, result = program(f, "load", "study", 1, 0)
        tap.same(again.states(), ["COMPLETE", "COMPLETE", "FAIL", "COMPLETE", "COMPLETE"],
                 "a trial whose run was deleted counts as failed, and keeps its number " + result.text)


def refused(tap, f, name, *parts):
    _, result = program(f, "load", "study", 1, 0)
    missing = [part for part in parts if part not in result.text]
    tap.ok(result.code == 1 and not missing, name, result.code, f"missing {missing} in", result.text)


def test_damaged(tap):
    with t.folder() as f:
        out, _ = program(f, "new", "study", 3, 0)
        settle(f)
        run = out.trials[1]["run"]
        good = pairs(f, "tags", run)["mlf.trial"]
        change = "UPDATE tags SET value = ? WHERE run_uuid = ? AND key = ?"
        for name, text in (
                ("no JSON", "no"), ("deep", "[" * 5000), ("a number that cannot be", '{"number":2e9,"state":"FAIL"}'),
                ("no state", '{"number":1}'), ("another trial's number", good.replace('"number":1', '"number":0')),
                ("too few values", '{"number":1,"state":"COMPLETE"}'),
                ("an unknown param", '{"number":1,"state":"FAIL","params":[[7,0,1]]}'),
                ("a choice that there is none of", '{"number":1,"state":"FAIL","params":[[2,2,5]]}'),
                ("missing parts", '{"parts": 900,"number":1}')):
            sql(f, change, text, run, "mlf.trial")
            refused(tap, f, f"a tag with {name} is refused by name", run, "mlf.trial", "MLF_ERR_CORRUPT")
        sql(f, change, good, run, "mlf.trial")
        space = pairs(f, "tags", out.study)["mlf.study.space.0"]
        sql(f, change, space.replace('"low":2', '"low":99'), out.study, "mlf.study.space.0")
        refused(tap, f, "so is a space with an empty range", out.study, "mlf.study.space.0")
        sql(f, change, space, out.study, "mlf.study.space.0")
        header = pairs(f, "tags", out.study)["mlf.study"]
        sql(f, change, header.replace('"version":1', '"version":2'), out.study, "mlf.study")
        refused(tap, f, "a study of a later version is refused", "MLF_ERR_UNSUPPORTED", "version 2")
        sql(f, change, header, out.study, "mlf.study")
        _, result = program(f, "load", "study", 1, 0)
        tap.same(result.code, 0, "mended, it goes on " + result.text)


def test_not_there(tap):
    with t.folder() as f:
        program(f, "new", "one", 1, 0)
        settle(f)
        for which in ("other", "ffffffff"):
            _, result = program(f, "load", which, 1, 0)
            tap.ok(result.code == 1 and "MLF_ERR_NOT_FOUND" in result.text and which in result.text,
                   f"there is no study {which}", result.text)
        program(f, "new", "one", 1, 0)
        settle(f)
        latest, _ = program(f, "load", "one", 1, 0)
        newest = sql(f, "SELECT run_uuid FROM runs WHERE name = 'one' ORDER BY start_time DESC LIMIT 1")
        tap.same(latest.study, newest[0][0], "of two of a name it is the later one")


def test_locked(tap):
    """A database that is locked all the while: the study goes on, and nothing of it is lost."""
    with t.folder() as f:
        program(f, "new", "first", 1, 0)
        settle(f)
        db = sqlite3.connect(os.path.join(f.work, "mlflow.db"), timeout=20, isolation_level=None)
        db.execute("BEGIN IMMEDIATE")
        out, result = program(f, "new", "study", 20, 0)
        tap.same((result.code, out.states()), (0, ["COMPLETE"] * 20), "a study on a locked database ends well")
        db.execute("ROLLBACK")
        db.close()
        again, result = program(f, "load", "study", 1, 0)
        tap.same(again.states(), ["COMPLETE"] * 21, "and is loaded when it is free " + result.text)
        settle(f)
        tap.same(len(children(f, out.study)), 21, "with all its runs")


def test_offline(tap):
    with t.folder() as f:
        result = f.run([PROGRAM, "new", "study", "5", "0"], env={"MLF_OFFLINE": "1"})
        tap.same(result.code, 0, "a study without a store")
        again, result = program(f, "load", "study", 1, 0)
        tap.same(again.states(), ["COMPLETE"] * 6, "is merged when it is loaded " + result.text)


def test_off(tap):
    with t.folder() as f:
        result = f.run([PROGRAM, "new", "study", "5", "0"], env={"MLF_OFF": "1"})
        tap.ok(result.code == 0 and b"best" in result.out and not f.exists("mlflow.db"),
               "switched off a study works in memory", result.text)


def test_launched(tap):
    """Under `mlf run` the study is a run inside the launcher's."""
    with t.folder() as f:
        result = f.mlf("run", "--quiet", "--", PROGRAM, "new", "study", "2", "0")
        out = Output(result.out)
        tags = pairs(f, "tags", out.study)
        outer = sql(f, "SELECT run_uuid FROM runs WHERE name <> 'study' AND name NOT LIKE 'trial_%'")
        tap.same([(tags.get("mlflow.parentRunId"),)], outer, "the study is a child of the launcher's run")
        tap.same(len(children(f, out.study)), 2, "and its trials are its own")


t.run_tests(test_shape, test_reports, test_long_trials, test_wide_trials, test_jobs, test_failed, test_killed, test_two_drivers, test_forsaken,
            test_elsewhere, test_enqueued, test_better_result, test_deleted_trial, test_damaged, test_not_there, test_locked,
            test_offline, test_off, test_launched)
