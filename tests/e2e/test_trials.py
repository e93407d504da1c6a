#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Several commands in one session, as `mlf tune` runs them: each with a run of its own, read, waited for and ended
with everything that it started. Usage: test_trials.py DRIVER PROGRAM HOOKS"""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import harness

DRIVER, PROGRAM, HOOKS = map(os.path.abspath, sys.argv[1:4])
HEART = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples", "unmodified_binary", "heart_scale")


class Outcome:
    """What the driver said, by trial, and what the store has of the runs, by name."""

    def __init__(self, where, code, lines):
        self.code, self.events = code, [json.loads(line) for line in lines.splitlines()]
        self.ended = {event["trial"]: event for event in self.events if event["event"] == "ended"}
        self.runs = read_store(where)

    def of(self, kind, trial=None):
        return [event for event in self.events
                if event["event"] == kind and trial in (None, event.get("trial"))]

    def points(self, trial):
        return [(event["key"], event["value"], event["step"]) for event in self.of("metric", trial)]


def read_store(where):
    path = os.path.join(where.work, "x.db")
    if not os.path.exists(path):
        return {}
    with contextlib.closing(sqlite3.connect(path)) as db:
        runs = {}
        for uuid, name, status, uri in db.execute("select run_uuid, name, status, artifact_uri from runs"):
            runs[uuid] = {"id": uuid, "name": name, "status": status, "artifacts": uri, "params": {}, "tags": {}, "metrics": []}
        for table in ("params", "tags"):
            for uuid, key, value in db.execute(f"select run_uuid, key, value from {table}"):
                runs[uuid][table][key] = value
        for uuid, key, value, step in db.execute("select run_uuid, key, value, step from metrics order by rowid"):
            runs[uuid]["metrics"].append((key, value, step))
        return {run["name"]: run for run in runs.values()}


def line(*words):
    return "\t".join(words) + "\n"


def command(slots, grace_ms, *options, hooks=HOOKS):
    return [DRIVER, "sqlite:///x.db", hooks, str(slots), str(grace_ms), *options]


def drive(where, lines, *options, slots=2, grace_ms=300, hooks=HOOKS, env=None):
    result = where.run(command(slots, grace_ms, *options, hooks=hooks), data="".join(lines).encode(), env=env)
    return Outcome(where, result.code, result.out.decode(errors="replace"))


def processes_of(where):
    """Pids of processes that use the folder's spool: everything that a test has started."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/environ", "rb") as file:
                if f"MLF_SPOOL={where.spool}".encode() in file.read().split(b"\0"):
                    found.append(int(pid))
    return found


def artifact(run, name):
    path = os.path.join(run["artifacts"].replace("file://", ""), name)
    if not os.path.exists(path):
        return None
    with open(path, "rb") as file:
        return file.read()


def test_each_has_its_own_run(tap):
    """Four programs at once, by the API: params, metrics and output are each run's own."""
    with harness.folder() as where:
        lines = [line(f"@param=number={i}", PROGRAM, f"param=own:{i}", f"log=loss:0.{i}:{i}", f"print=I am {i}")
                 for i in range(8)]
        seen = drive(where, lines, "output", slots=4)
        tap.same(seen.code, 0, "the driver ends well")
        tap.same(len(seen.ended), 8, "each of eight programs is reported once")
        for i in range(8):
            run = seen.runs.get(f"trial_{i}", {"params": {}, "metrics": [], "tags": {}, "artifacts": "", "status": ""})
            tap.same((run["params"].get("own"), run["params"].get("number"), run["metrics"], run["status"]),
                     (str(i), str(i), [("loss", float(f"0.{i}"), i)], "FINISHED"), f"run {i} has its own params and metrics")
            tap.same(seen.points(i), [("loss", float(f"0.{i}"), i)], f"and its metric is handed over before its end, {i}")
            tap.same((artifact(run, "stdout.log"), artifact(run, "stderr.log")), (f"I am {i}\n".encode(), None),
                     f"and what it printed is its artifact, and nothing where it printed nothing, {i}")
            tap.same(run["tags"].get("mlflow.source.name"), PROGRAM, f"and its source is the program, {i}")
        study = seen.runs["study"]
        tap.same((study["metrics"], study["params"]), ([], {}), "the session's own run has nothing of them")
        tap.same([run["tags"].get("mlflow.parentRunId") for run in seen.runs.values() if run is not study],
                 [study["id"]] * 8, "and is the parent of all")
        tap.same([name for name in where.files() if name.startswith("spool")], [], "the spool is empty behind it")


def test_trainings(tap):
    """svm-train in several runs at once; a second training of one command gets a child run."""
    if not harness.has_program("svm-train"):
        tap.skip("trainings", "there is no svm-train here")
        return
    with harness.folder() as where:
        lines = [line(f"@param=C={c}", "svm-train", "-c", c, HEART, f"{c}.model") for c in ("0.5", "1", "2", "4")]
        lines.append(line("sh", "-c", f"svm-train -c 8 {HEART} a.model; svm-train -c 16 {HEART} b.model"))
        lines.append(line("sh", "-c", f"svm-train -v 2 {HEART}; svm-train {HEART} c.model"))
        seen = drive(where, lines, slots=3)
        for i, c in enumerate(("0.5", "1", "2", "4")):
            run = seen.runs[f"trial_{i}"]
            keys = sorted(key for key, _, _ in run["metrics"])
            tap.same((run["params"].get("C"), run["params"].get("gamma"), keys),
                     (c, "0.07692307692307693", ["iter", "nBSV", "nSV", "nu", "obj", "rho", "total_nsv"]),
                     f"C = {c} has its own params and metrics, each once")
            tap.same([key for key in [*run["params"], *run["tags"]] if "onflict" in key or key.startswith("cmdline.")], [],
                     f"what the driver had logged is no conflict, C = {c}")
            tap.same(sorted(seen.points(i)), sorted(run["metrics"]), f"what was handed over is what is stored, C = {c}")
        child = seen.runs["training_2"]
        tap.same((seen.runs["trial_4"]["params"].get("C"), child["params"].get("C"), child["tags"].get("mlflow.parentRunId"),
                  child["status"]), ("8", "16", seen.runs["trial_4"]["id"], "FINISHED"),
                 "a second training with other params is a run inside, that ends with its command")
        tap.same(sorted(name for name in seen.runs if name.startswith("training")), ["training_2"],
                 "a cross-validation and a training with the same params share their run")
        validated = drive(where, [line("svm-train", "-v", "5", "-c", str(c), HEART) for c in range(1, 13)]).runs
        tap.same([len(run["metrics"]) for name, run in validated.items() if name != "study" and run["params"].get("nr_fold") == "5"],
                 [1] * 12, "a model that was never saved goes, its metrics stay")
        files = artifact(seen.runs["trial_0"], "mlf/files.json")
        tap.ok(files is not None and b"heart_scale" in files and b"0.5.model" in files and b"1.model" not in files,
               "each run lists the files of its own command", files)


def test_ends(tap):
    with harness.folder() as where:
        script = where.write("broken", b"#!/nonexistent/interpreter\n", 0o755)
        seen = drive(where, [line(PROGRAM, "exit=3"), line(PROGRAM, "print=so far", "flush", f"raise={signal.SIGSEGV}"),
                             line("@memory=300000000", PROGRAM, "eat=1000"), line(PROGRAM, "eat=200"), line(script),
                             line("@directory=" + where.path, "sh", "-c", "pwd"), line("@env=COLOUR=red", "sh", "-c", "echo $COLOUR"),
                             line("@directory=" + os.path.join(where.path, "nowhere"), "true")], "output", hooks="-")
        status = {trial: end["status"] for trial, end in seen.ended.items()}
        tap.same(status.get(0), 3 << 8, "an exit code is reported")
        tap.same((status.get(1, 0) & 0x7f, seen.ended[1]["tail"].strip()), (signal.SIGSEGV, "so far"),
                 "and a signal, with what was printed last")
        tap.same((status.get(2), seen.ended[2]["tail"].strip()), (3 << 8, "no memory"), "memory is limited")
        tap.ok(200 <= seen.ended[3]["rss"] < 260, "the largest memory use is told", seen.ended[3])
        tap.ok(seen.ended[4]["exec_error"] != 0, "a program that cannot be executed says why", seen.ended[4])
        tap.same(seen.ended[5]["tail"].strip(), os.path.realpath(where.path), "a command has its own directory")
        tap.same(seen.ended[6]["tail"].strip(), "red", "and its own environment")
        tap.ok(seen.ended[7]["exec_error"] != 0, "a directory that is not there ends it too", seen.ended[7])
        tap.same((seen.runs["trial_0"]["status"], seen.runs["trial_1"]["status"]), ("FAILED", "FAILED"), "the runs end so")


def test_nothing_left(tap):
    """Timeouts: a program that ignores SIGTERM, its child, and one that has left session and group."""
    with harness.folder() as where:
        stubborn = line("@timeout=200", PROGRAM, "ignore", "child=pause", "daemon=pause", "pause")
        gone = line("@timeout=200", PROGRAM, "daemon=pause", "child=pause", "pause")
        left = line(PROGRAM, "child=pause", "print=done")
        seen = drive(where, [stubborn, gone, left, stubborn], slots=4, grace_ms=200)
        tap.same([seen.ended.get(i, {}).get("killed") for i in range(4)], ["timeout", "timeout", "none", "timeout"],
                 "timeouts are told from ends")
        tap.same([seen.ended.get(i, {}).get("status") for i in range(4)], [signal.SIGKILL, signal.SIGTERM, 0, signal.SIGKILL],
                 "SIGTERM comes first, then SIGKILL")
        tap.same(processes_of(where), [], "nothing is left behind")
        drive(where, [line("@timeout=200", PROGRAM, "daemon=pause", "pause"), line(PROGRAM, "sleep=1000")], env={"HUGE": "x" * 100000})
        tap.same(processes_of(where), [], "nor when its environment is huge")


def test_pruned(tap):
    """A program that prints through a pipe is read line by line, and ended with its children when told so."""
    with harness.folder() as where:
        seen = drive(where, [line("sh", "-c", f"{PROGRAM} tick=1000; true"), line(PROGRAM, "tick=3")],
                     "fast", "prune=loss", grace_ms=1000)
        losses = [point for point in seen.points(0) if point[0] == "loss"]
        tap.same(losses[:7], [("loss", i / 10, i) for i in range(7)], "each line is seen by itself, with its step")
        tap.same((seen.ended[0]["killed"], seen.ended[1]["killed"]), ("pruned", "none"), "and decides about its program only")
        last = max(event["ns"] for event in seen.of("metric", 0) if event["value"] == 0.6)
        tap.ok(seen.ended[0]["ns"] - last < 5_000_000_000, "which ends soon", seen.ended[0])
        tap.same(seen.runs["trial_0"]["metrics"][:7], losses[:7], "the points up to then are stored")
        tap.same(processes_of(where), [], "nothing is left behind")
        seen = drive(where, [line(PROGRAM, "log=loss:0.9:1", "pause")], "fast", "parse=off", "prune=loss")
        tap.same(seen.ended[0]["killed"], "pruned", "what is logged decides while the program runs")


def test_once(tap):
    """The same point, printed and logged, comes once; two that differ come both."""
    with harness.folder() as where:
        seen = drive(where, [line(PROGRAM, "log=loss:0.25:7", "print=epoch 7 loss=0.25", "log=loss:0.5:8", "print=epoch 8 loss=0.75")])
        tap.same(sorted(seen.points(0)), [("loss", 0.25, 7), ("loss", 0.5, 8), ("loss", 0.75, 8)], "a point comes once")
        seen = drive(where, [line("printf", r"a=%s\n", "1", "2", "3"), line("printf", r"a=%s\n", "4", "5")], "rule=a=a=\\num", "parse=off")
        tap.same((seen.points(0), seen.points(1)), ([("a", 1, 0), ("a", 2, 1), ("a", 3, 2)], [("a", 4, 0), ("a", 5, 1)]),
                 "implied steps begin anew in each run")


def test_output(tap):
    """A long output is kept in part: 16 MiB of its beginning and of its end."""
    with harness.folder() as where:
        seen = drive(where, [line("sh", "-c", "seq 1 5000000"), line("sh", "-c", "seq 1 100000 >&2"), line("sh", "-c", "seq 1 3000000")],
                     "output", "parse=off", hooks="-")
        whole = "".join(f"{i}\n" for i in range(1, 5000001)).encode()
        kept = artifact(seen.runs["trial_0"], "stdout.log") or b""
        half = 16 << 20
        note = f"\n[mlf left out {len(whole) - 2 * half} bytes]\n".encode()
        tap.ok(kept == whole[:half] + note + whole[-half:], "beginning and end of a long one", len(kept), len(whole))
        tap.ok(artifact(seen.runs["trial_1"], "stderr.log") == "".join(f"{i}\n" for i in range(1, 100001)).encode() and
               artifact(seen.runs["trial_1"], "stdout.log") is None, "stderr is kept by itself")
        tap.ok(artifact(seen.runs["trial_2"], "stdout.log") == "".join(f"{i}\n" for i in range(1, 3000001)).encode(),
               "one that fits is kept whole")


def test_signals(tap):
    with harness.folder() as where:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            process = where.start(command(2, 300, "stop"), stdin=subprocess.PIPE)
            process.stdin.write(line(PROGRAM, "pause").encode() * 2)
            process.stdin.close()
            lines = [process.stdout.readline() for _ in range(3)]
            process.send_signal(number)
            lines += process.stdout.readlines()
            process.wait(harness.DEADLINE_S)
            seen = Outcome(where, process.returncode, b"".join(lines).decode())
            tap.same(([event["number"] for event in seen.of("signal")], [end["killed"] for end in seen.ended.values()]),
                     ([number], ["stopped"] * 2), f"{number.name} is told, and decided about by the driver")
        process = where.start(["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *command(1, 300, "stop")], stdin=subprocess.PIPE)
        process.stdin.write(line(PROGRAM, "sleep=100").encode())
        process.stdin.close()
        lines = [process.stdout.readline() for _ in range(2)]
        process.send_signal(signal.SIGHUP)
        lines += process.stdout.readlines()
        process.wait(harness.DEADLINE_S)
        seen = Outcome(where, process.returncode, b"".join(lines).decode())
        tap.same((seen.of("signal"), [end["killed"] for end in seen.ended.values()]), ([], ["none"]),
                 "under nohup SIGHUP goes on being ignored")


def test_driver_is_killed(tap):
    """kill -9: neither the programs nor what they started stay, in whatever session."""
    with harness.folder() as where:
        process = where.start(command(4, 300), stdin=subprocess.PIPE)
        process.stdin.write("".join([line(PROGRAM, "ignore", "child=pause", "daemon=pause", "pause"),
                                     line("sh", "-c", f"{PROGRAM} pause; true"), line(PROGRAM, "pause"),
                                     line("setsid", "sh", "-c", f"{PROGRAM} ignore pause & wait")]).encode())
        process.stdin.flush()
        for _ in range(5):
            process.stdout.readline()
        # Driver, watchdog and: three, two, one and two processes.
        tap.ok(harness.wait_for(lambda: len(processes_of(where)) >= 10), "everything runs", processes_of(where))
        process.kill()
        process.wait(harness.DEADLINE_S)
        tap.ok(harness.wait_for(lambda: processes_of(where) == [], 10), "no process is left", processes_of(where))
        process.stdin.close()
        process.stdout.close()
        process.stderr.close()


def test_locked_store(tap):
    """The driver knows what its programs logged while the store cannot be written; it is stored later."""
    with harness.folder() as where:
        drive(where, [line(PROGRAM, "log=loss:1:0")])
        lock = sqlite3.connect(os.path.join(where.work, "x.db"), isolation_level=None, check_same_thread=False)
        lock.execute("begin immediate")
        process = where.start(command(2, 300), stdin=subprocess.PIPE)
        process.stdin.write("".join(line(PROGRAM, *(f"log=loss:{i}:{s}" for s in range(3))) for i in range(6)).encode())
        process.stdin.close()
        lines = []
        for text in process.stdout:
            lines.append(text)
            if sum(b'"ended"' in said for said in lines) == 6:
                break
        ended_under_lock = sum(b'"ended"' in said for said in lines)
        lock.execute("commit")
        lock.close()
        lines += process.stdout.readlines()
        process.wait(harness.DEADLINE_S)
        process.stderr.close()
        seen = Outcome(where, process.returncode, b"".join(lines).decode())
        tap.same((process.returncode, ended_under_lock), (0, 6), "six programs end while the store is locked")
        for i in range(6):
            want = [("loss", float(i), step) for step in range(3)]
            tap.same((seen.points(i), seen.runs[f"trial_{i}"]["metrics"]), (want, want), f"all points of run {i} are known, and stored at last")


def test_malformed_run(tap):
    """MLF_RUN that is no run's id is not looked at, nor is one without a session."""
    with harness.folder() as where:
        env = {"MLFLOW_TRACKING_URI": "sqlite:///x.db"}
        where.mlf("run", "--quiet", "--run-name", "outer", "--", "env", "MLF_RUN=../../x y", PROGRAM, "log=loss:1:0", env=env)
        runs = read_store(where)
        tap.same({name: run["metrics"] for name, run in runs.items()}, {"outer": [("loss", 1.0, 0)]}, "a malformed MLF_RUN is ignored")
        seen = drive(where, [line("@env=MLFLOW_TRACKING_URI=sqlite:///x.db", harness.MLF, "run", "--quiet", "--run-name", "inner", "--", PROGRAM, "log=acc:1:0")])
        tap.same((seen.runs["inner"]["metrics"], seen.runs["trial_0"]["metrics"]), ([("acc", 1.0, 0)], []),
                 "`mlf run` inside begins a session of its own")
        where.run([PROGRAM, "log=f:1:0"], env={**env, "MLF_RUN": "0123456789abcdef0123456789abcdef"})
        harness.wait_for(lambda: any(run["metrics"] == [("f", 1.0, 0)] for run in read_store(where).values()), 10)
        tap.ok(any(run["metrics"] == [("f", 1.0, 0)] and run["id"] != "0123456789abcdef0123456789abcdef" for run in read_store(where).values()),
               "without a session MLF_RUN means nothing", read_store(where))


harness.run_tests(test_each_has_its_own_run, test_trainings, test_ends, test_nothing_left, test_pruned, test_once, test_output,
                  test_signals, test_driver_is_killed, test_locked_store, test_malformed_run)
