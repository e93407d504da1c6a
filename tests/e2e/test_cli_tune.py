#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mlf tune over real programs: what it finds, what it leaves in the store, and how it ends when something is wrong."""

import fcntl
import json
import os
import pty
import shutil
import signal
import sqlite3
import struct
import termios
import time

import harness

HEART = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples", "unmodified_binary",
                     "heart_scale")
ECHO = ("sh", "-c", "echo loss $1", "sh", "{a}")


def tune(where, *arguments, **options):
    return where.mlf("tune", "--sampler", "random", "--seed", "7", *arguments, **options)


def runs(where):
    """Runs of the store by name: status, params, latest metrics, tags, and the parent's name."""
    path = os.path.join(where.work, "mlflow.db")
    if not os.path.exists(path):
        return {}
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    found = {}
    for run_id, name, status in db.execute("SELECT run_uuid, name, status FROM runs"):
        found[run_id] = {"id": run_id, "name": name, "status": status, "params": {}, "metrics": {}, "tags": {}}
    for table, kind in (("params", "params"), ("latest_metrics", "metrics"), ("tags", "tags")):
        for run_id, key, value in db.execute(f"SELECT run_uuid, key, value FROM {table}"):
            found[run_id][kind][key] = value
    db.close()
    for run in found.values():
        run["parent"] = found.get(run["tags"].get("mlflow.parentRunId"), {}).get("name")
    return {run["name"]: run for run in found.values()}


def children(where, parent="study"):
    """The trials' runs by number."""
    return {int(name[6:]): run for name, run in runs(where).items()
            if name.startswith("trial_") and run["parent"] == parent}


def events(result):
    return [json.loads(line) for line in result.out.splitlines()]


def is_alive(mark):
    """Is there a process whose command line has |mark|?"""
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                if entry.isdigit() and mark.encode() in file.read() and int(entry) != os.getpid():
                    return True
        except OSError:
            pass
    return False


# ---- what it finds ----

def finds_the_best(tap):
    with harness.folder() as where:
        done = tune(where, "--trials", "12", "--jobs", "3", "--minimize", "loss", "-p", "a=0:1.0", "--", *ECHO)
        tap.same(done.code, 0, "a tuning comes to its end")
        found = children(where)
        tap.same(sorted(found), list(range(12)), "each trial is a run in the study's, with whole numbering")
        tap.ok(all(run["status"] == "FINISHED" for run in found.values()), "trials have finished")
        tap.ok(all(float(run["params"]["a"]) == run["metrics"]["loss"] for run in found.values()),
               "each run has its value and what was printed for it", found)
        best = min(found.values(), key=lambda run: run["metrics"]["loss"])
        study = runs(where)["study"]
        tap.same((study["params"].get("a"), study["params"].get("best_child_run_id"),
                  study["params"].get("n_trials"), study["metrics"].get("best_loss")),
                 (best["params"]["a"], best["id"], "12", best["metrics"]["loss"]),
                 "the study's run has the best trial's values")
        text = done.out.decode()
        tap.has(text, f"command: sh -c 'echo loss $1' sh {best['params']['a']}",
                "the summary shows the command with the best values")
        tap.has(text, f"mlf runs show {best['id'][:8]}", "and how to see it")
        tap.same(best["tags"].get("mlf.exit_code"), "0", "a trial's run says how its process ended")
        tap.has(best["tags"].get("mlf.command", ""), best["params"]["a"], "and what was run")


def any_name_is_an_objective(tap):
    with harness.folder() as where:
        for line, name in (("echo x=$1", "x"), ("echo \"Some Thing: $1\"", "some_thing"), ("echo Fitness = $1", "FITNESS"),
                           ("echo \"step 3, q $1\"", "q")):
            done = tune(where, "--json", "--trials", "1", "--maximize", name, "-p", "a=2:9", "--", "sh", "-c", line,
                        "sh", "{a}")
            end = events(done)[-1]
            tap.ok(done.code == 0 and end["best"] and list(end["best"]["values"].values()) ==
                   [end["best"]["params"]["a"]], f"'{line}' gives {name}", done.out, done.text)


def measures_by_itself(tap):
    with harness.folder() as where:
        done = tune(where, "--json", "--trials", "3", "--minimize", "exit_code", "-p", "a=0:5", "--", "sh", "-c",
                    "exit $1", "sh", "{a}")
        best = events(done)[-1]["best"]
        tap.same(best["values"], {"exit_code": best["params"]["a"]}, "exit_code is an objective")
        tap.same(children(where)[best["number"]]["metrics"], {"exit_code": best["params"]["a"]}, "and a metric of the run")
        for name in ("wall_time", "max_rss"):
            done = tune(where, "--json", "--trials", "1", "--minimize", name, "--", "true")
            value = events(done)[-1]["best"]["values"][name]
            tap.ok(0 < value < 60000, f"{name} is measured", value)


def which_value_counts(tap):
    line = "for x in 3 1 nan 2; do echo loss $x; done"
    with harness.folder() as where:
        for which, value in (("last", 2), ("min", 1), ("max", 3)):
            done = tune(where, "--json", "--trials", "1", "--value", which, "--minimize", "loss", "--", "sh", "-c", line)
            tap.same(events(done)[-1]["best"]["values"]["loss"], value, f"--value {which}")


def several_objectives(tap):
    with harness.folder() as where:
        done = tune(where, "--json", "--trials", "10", "--minimize", "loss", "--maximize", "accuracy", "-p", "a=0:9",
                    "--", "sh", "-c", "echo loss $1 accuracy $1", "sh", "{a}")
        end = events(done)[-1]
        tap.same(done.code, 0, "two objectives")
        tap.same(len(end["best_trials"]), 10, "no trial beats another when the two pull apart")
        done = tune(where, "--trials", "4", "--minimize", "loss", "--minimize", "error", "-p", "a=0:9",
                    "--", "sh", "-c", "echo loss $1 error $1", "sh", "{a}")
        tap.has(done.out.decode(), "that no other one beats in all objectives", "the summary lists the front")


# ---- places ----

def values_reach_the_program(tap):
    with harness.folder() as where:
        where.write("in.cfg", b'{"lr": {a}, "trial": "{trial}"}\n')
        done = tune(where, "--trials", "2", "--minimize", "loss", "--env", "A={a=3:3}", "--template", "in.cfg:out/c.cfg",
                    "--", "sh", "-c", 'echo loss $A; cat "$1"/out/c.cfg; echo "slot=$2 $3" >&2', "sh", "{workdir}", "{slot}",
                    "{{literal}}")
        tap.ok(done.code == 0, "variable, config file and folder", done.text)
        found = children(where)
        tap.same(found[0]["metrics"].get("loss"), 3, "the variable has the value")
        folder = [name for name in os.listdir(where.work) if name.startswith("mlf-tune-")][0]
        with open(os.path.join(where.work, folder, "trial_1", "out", "c.cfg"), encoding="utf-8") as file:
            tap.same(file.read(), '{"lr": 3, "trial": "1"}\n', "the config file has it, and its own braces")
        command = found[0]["tags"]["mlf.command"]
        tap.has(command, "{literal}", "doubled braces are braces")
    with harness.folder() as where:
        tune(where, "--trials", "2", "--minimize", "loss", "--", "sh", "-c", 'test -d "$1" && echo loss 1', "sh", "{workdir}")
        tap.same([name for name in os.listdir(where.work) if name.startswith("mlf-tune-")], [],
                 "a folder that stays empty is removed")
        tap.same(children(where)[1]["metrics"], {"loss": 1}, "it was there")
    with harness.folder() as where:
        done = tune(where, "--trials", "1", "--shell", "--minimize", "loss", "-p", "a=b c,b c", "--",
                    "echo loss 1 > x; echo {a} >> x; cat x")
        tap.same(done.code, 2, "equal choices are refused")
        done = tune(where, "--trials", "1", "--shell", "--minimize", "loss", "-p", "a=b  c", "--",
                    "echo loss 1 > x; echo {a} >> x; cat x")
        with open(os.path.join(where.work, "x"), encoding="utf-8") as file:
            tap.same(file.read(), "loss 1\nb  c\n", "--shell: a line for the shell, values are words of it")


def points_come_first(tap):
    with harness.folder() as where:
        where.write("points.json", b'[{"a": 5}, {"a": 7, "k": "y"}]')
        where.write("points.csv", b"a,k\n5,\n7,y\n")
        where.write("points", b"a=5\na=7 k=y\n")
        for name in ("points.json", "points.csv", "points"):
            done = tune(where, "--json", "--trials", "3", "--enqueue", name, "--minimize", "loss", "-p", "a=0:9",
                        "--", "sh", "-c", "echo loss $1", "sh", "{a}", "{k=x,y}")
            begun = [event["params"] for event in events(done) if event["event"] == "trial_begin"]
            tap.ok(len(begun) == 3 and begun[0]["a"] == 5 and begun[1] == {"a": 7, "k": "y"}, f"--enqueue {name}", begun)
        done = tune(where, "--enqueue", "points.csv", "--minimize", "loss", "-p", "b=0:9", "--", "echo", "{b}")
        tap.ok(done.code == 2 and "points.csv, line 2: there is no parameter 'a'" in done.text,
               "a point with an unknown parameter is refused", done.text)


# ---- what is shown ----

def shows_what_would_be(tap):
    with harness.folder() as where:
        done = tune(where, "--dry-run", "--trials", "3", "-p", "a=0:9", "--", "train", "--x={a}", "{k=x,y}")
        tap.same((done.code, len(done.out.splitlines())), (0, 3), "--dry-run prints commands")
        done = tune(where, "--check", "--minimize", "nonesuch", "--", "sh", "-c", "echo epoch 1 loss 0.5; exit 3")
        text = done.out.decode()
        tap.same(done.code, 0, "--check runs one trial")
        tap.ok("epoch 1 loss 0.5" in text and "printed" in text, "it shows the output, and what was found by what", text)
        tap.has(done.text, "the command exited with 3", "how the command ended")
        tap.has(done.text, "'nonesuch' is not among them", "and that the objective is missing")
        tap.same(where.files(), [], "neither leaves anything behind")


def events_are_json(tap):
    with harness.folder() as where:
        done = tune(where, "--json", "--trials", "2", "--minimize", "loss", "-p", "a=0:9", "--", *ECHO)
        names = [event["event"] for event in events(done)]
        tap.same((names[0], names.count("trial_begin"), names.count("trial_end"), names[-1]), ("study", 2, 2, "end"),
                 "--json prints what happens, one object a line")
        done = tune(where, "--quiet", "--trials", "2", "--minimize", "loss", "-p", "a=0:9", "--", *ECHO)
        tap.same((done.code, done.out, done.err), (0, b"", b""), "--quiet prints nothing")


def output_cannot_drive_the_terminal(tap):
    with harness.folder() as where:
        done = tune(where, "--verbose", "--trials", "1", "--minimize", "loss", "--", "printf",
                    "loss 1\\n\\033[2Jgone\\n")
        tap.ok(b"\033" not in done.out + done.err and b"gone" in done.out, "what a trial prints is text", done.out)
        done = tune(where, "--trials", "9", "--minimize", "loss", "--", "sh", "-c", "printf '\\033[2Jgone\\n'; exit 1")
        tap.ok(b"\033" not in done.out + done.err and b"gone" in done.err, "in messages too", done.err)


# ---- ends ----

def prunes_by_what_is_printed(tap):
    with harness.folder() as where:
        where.write("points", b"a=1\na=0\n")
        # The hopeless one waits to be ended, with a child of its own.
        line = "echo epoch 1 loss $1; test $1 = 0 || {{ sleep 987654 & sleep 987654; }}"
        done = tune(where, "--trials", "2", "--enqueue", "points", "--pruner", "threshold:upper=0.5", "--minimize",
                    "loss", "-p", "a=0:1", "--", "sh", "-c", line, "sh", "{a}")
        tap.ok(done.code == 0, "a hopeless trial is ended", done.text)
        found = children(where)
        tap.same((found[0]["tags"].get("mlf.trial.state"), found[0]["metrics"]), ("PRUNED", {"loss": 1}),
                 "its run has the state and what it had printed")
        tap.same((found[0]["tags"].get("mlf.signal"), found[0]["tags"].get("mlf.ended_by")), ("SIGTERM", "pruned"),
                 "and how it was ended")
        tap.ok(not is_alive("987654"), "nothing that it started is left")
        tap.has(done.out.decode(), "1 complete, 1 pruned, 0 failed", "it is counted")


def prunes_at_once(tap):
    """From the value that a trial is ended for to its end: with what it has started, 100 ms on a machine that is not busy.
    The fastest of several trials says what the tuning itself needs."""
    with harness.folder() as where:
        process = where.start([harness.MLF, "tune", "--json", "--sampler", "random", "--trials", "6", "--jobs", "2",
                               "--grace", "1h", "--pruner", "threshold:upper=0.5", "--minimize", "loss", "-p", "a=1:2.0", "--",
                               "sh", "-c", "sleep 987655 & echo epoch 7 loss $1; exec sleep 987655", "sh", "{a}"])
        decided, took, ended = {}, [], []
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "value":
                decided[event["number"]] = (time.monotonic(), event["value"])
            elif event["event"] == "trial_end":
                took.append(time.monotonic() - decided[event["number"]][0])
                ended.append((event["state"], event.get("signal")))
        process.communicate(timeout=harness.DEADLINE_S)
        tap.same(ended, [("pruned", "SIGTERM")] * 6, "trials are ended by what they print")
        tap.ok(took and min(took) < 0.1, "within 100 ms", took)
        tap.ok(not is_alive("\x00987655"), "with what they had started")
        states = {number: (run["status"], run["tags"].get("mlf.trial.state"), run["metrics"])
                  for number, run in children(where).items()}
        tap.same(states, {number: ("FINISHED", "PRUNED", {"loss": value}) for number, (_, value) in decided.items()},
                 "each run has the state, and the value")


def ends_who_does_not_want_to(tap):
    with harness.folder() as where:
        line = "trap '' TERM; while :; do sleep 987653; done"
        done = tune(where, "--trials", "1", "--trial-timeout", "100ms", "--grace", "100ms", "--minimize", "loss",
                    "--", "sh", "-c", line)
        tap.ok(done.code == 1, "a trial that ignores SIGTERM is killed", done.text)
        tap.ok(not is_alive("987653"), "with what it started")
        run = children(where)[0]
        tap.same((run["status"], run["tags"].get("mlf.signal"), run["tags"].get("mlf.ended_by")),
                 ("KILLED", "SIGKILL", "timeout"), "its run says so")
        tap.has(done.out.decode(), "ended after --trial-timeout", "and the line")
        done = tune(where, "--timeout", "300ms", "--minimize", "loss", "--", "sh", "-c", "echo loss 1; sleep 987653")
        tap.ok(not is_alive("987653"), "--timeout ends what is going on", done.text)


def stops_when_told(tap):
    with harness.folder() as where:
        where.write("points", b"a=5\na=2\na=7\n")
        done = tune(where, "--enqueue", "points", "--stop-when", "loss < 3", "--minimize", "loss", "-p", "a=0:9",
                    "--", *ECHO)
        tap.same((done.code, sorted(children(where))), (0, [0, 1]), "--stop-when ends the tuning")
        tap.has(done.text, "--stop-when 'loss < 3' holds for trial 1", "and says why")
        tap.same(children(where)[1]["metrics"], {"loss": 2}, "the trial that met it counts")


def gives_up(tap):
    with harness.folder() as where:
        done = tune(where, "--minimize", "loss", "-p", "a=0:9", "--", "sh", "-c", "echo sorry; exit 3", "sh", "{a}")
        tap.same(done.code, 1, "a command that always fails ends the tuning")
        tap.ok("the first 5 trials all failed (exit 3)" in done.text and "sorry" in done.text, "with what it said", done.text)
        tap.same(len(children(where)), 5, "after a few trials")
    with harness.folder() as where:
        done = tune(where, "--minimize", "error", "-p", "a=0:9", "--", "sh", "-c", "echo epoch 1 loss $1 accuracy 1", "sh", "{a}")
        tap.same((done.code, len(children(where))), (1, 1), "an objective that never appears ends the first trial")
        tap.ok("no metric 'error'" in done.text and "loss, accuracy, exit_code" in done.text, "listing what did", done.text)
    with harness.folder() as where:
        done = tune(where, "--trials", "2", "--minimize", "loss", "--", "sh", "-c", "echo loss: nan")
        tap.ok(done.code == 1 and "(loss is nan)" in done.out.decode(), "NaN is a failure", done.out)
        done = tune(where, "--trials", "2", "--minimize", "loss", "--", "sh", "-c", "echo loss: inf")
        tap.ok(done.code == 0 and "best loss inf" in done.out.decode(), "infinity is a value", done.out)
    with harness.folder() as where:
        where.write("in", b"x")
        done = tune(where, "--minimize", "loss", "--template", "in:/dev/full", "--", "echo", "loss", "1")
        tap.ok(done.code == 1 and "/dev/full cannot be written" in done.text, "a config file that cannot be written", done.text)


def what_failure_means(tap):
    line = "test $1 -lt 5 && echo loss $1"
    with harness.folder() as where:
        where.write("points", b"a=2\na=4\na=7\n")
        common = ("--enqueue", "points", "--trials", "3", "--minimize", "loss", "-p", "a=0:9", "--", "sh", "-c", line, "sh",
                  "{a}")
        done = tune(where, "--json", *common)
        tap.same([event["state"] for event in events(done) if event["event"] == "trial_end"],
                 ["complete", "complete", "failed"], "--on-fail skip")
        done = tune(where, "--json", "--on-fail", "worst", *common)
        tap.same([event["values"] for event in events(done) if event["event"] == "trial_end"],
                 [{"loss": 2}, {"loss": 4}, {"loss": 4}], "--on-fail worst")
        where.write("points", b"a=7\na=2\na=4\n")
        done = tune(where, "--on-fail", "stop", *common)
        tap.ok(done.code == 1 and "--on-fail is stop" in done.text, "--on-fail stop", done.text)
        done = tune(where, "--json", "--retries", "1", *common)
        tap.same([event["params"]["a"] for event in events(done) if event["event"] == "trial_begin"], [7, 2, 4],
                 "trials are counted in all")
        where.write("points", b"a=7\na=2\n")
        done = tune(where, "--json", "--retries", "1", *common)
        tap.same([event["params"]["a"] for event in events(done) if event["event"] == "trial_begin"], [7, 2, 7],
                 "--retries tries a failed trial's values again")


def memory_is_limited(tap):
    with harness.folder() as where:
        program = harness.compile_c(where, "hungry", "#include <stdio.h>\n#include <stdlib.h>\n"
                                    "int main(void) { void *p = malloc(400u << 20); puts(p ? \"loss 1\" : \"loss 0\"); }\n")
        if program is None:
            tap.skip("--limit-memory", "no C compiler")
            return
        done = tune(where, "--json", "--trials", "1", "--limit-memory", "200M", "--minimize", "loss", "--", program)
        tap.same(events(done)[-1]["best"]["values"], {"loss": 0}, "--limit-memory")


# ---- interrupted and resumed ----

def a_signal_ends_it(tap):
    with harness.folder() as where:
        line = "echo loss $1; test $1 = 1 && exec sleep 987652; :"
        where.write("points", b"a=0\na=1\n")
        common = ("--enqueue", "points", "--trials", "4", "--minimize", "loss", "-p", "a=0:1", "--", "sh", "-c", line, "sh",
                  "{a}")
        process = where.start([harness.MLF, "tune", "--sampler", "random", *common])
        tap.ok(harness.wait_for(lambda: is_alive("\0987652")), "a trial is going on")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=harness.DEADLINE_S)
        tap.ok(process.returncode == 130, "SIGINT ends it", process.returncode, out, err)
        tap.ok(not is_alive("\0987652"), "nothing is left")
        found = runs(where)
        tap.same((found["study"]["status"], found["trial_0"]["status"], found["trial_1"]["status"]),
                 ("KILLED", "FINISHED", "KILLED"), "study and trials are ended in the store")
        tap.has(err.decode(), f"mlf tune --resume={found['study']['id']}", "it says how to go on")
        line_of_resume = [text for text in err.decode().splitlines() if "--resume=" in text][0].partition("mlf tune ")[2]
        done = where.run(["sh", "-c", f"{harness.MLF} tune {line_of_resume.replace('test $1 = 1', 'false')}"])
        tap.same((done.code, sorted(children(where))), (0, [0, 1, 2, 3]), "and that works")
        tap.same(runs(where)["study"]["status"], "FINISHED", "the study's run ends again")
        done = where.run(["sh", "-c", f"{harness.MLF} tune {line_of_resume}"])
        tap.same((done.code, len(children(where))), (0, 4), "--trials is a total")


def a_second_signal_does_not_wait(tap):
    with harness.folder() as where:
        line = "echo loss 1; trap '' TERM; while :; do sleep 987650; done"
        process = where.start([harness.MLF, "tune", "--sampler", "random", "--grace", "1h", "--minimize", "loss", "--",
                               "sh", "-c", line])
        tap.ok(harness.wait_for(lambda: is_alive("\x00987650")), "a trial that ignores SIGTERM is going on")
        process.send_signal(signal.SIGINT)
        while b"ends at once" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=harness.DEADLINE_S)
        tap.same(process.returncode, 130, "the second SIGINT ends it at once")
        tap.ok(harness.wait_for(lambda: not is_alive("987650")), "nothing is left")
        found = runs(where)
        tap.same((found["study"]["status"], found["trial_0"]["tags"]["mlf.trial.state"]), ("KILLED", "FAIL"),
                 "study and trial are ended in the store")


def resumed_without_its_command(tap):
    with harness.folder() as where:
        tune(where, "--trials", "2", "--study", "first", "--minimize", "loss", "-p", "a=0:1.0", "--", *ECHO)
        done = where.mlf("tune", "--resume", "first", "--trials", "4", "--jobs", "2")
        tap.ok(done.code == 0, "a study is gone on with by its name alone", done.text)
        found = children(where, "first")
        tap.ok(sorted(found) == [0, 1, 2, 3] and
               all(float(run["params"]["a"]) == run["metrics"]["loss"] for run in found.values()),
               "with its command and space, and more trials", found)
        tap.has(done.text, "goes on with: mlf tune --sampler random", "what is run is said")
        kept = json.loads(runs(where)["first"]["tags"]["mlf.study.argv"])
        tap.same((kept[kept.index("--trials") + 1], kept.count("--trials"), kept[kept.index("--"):]), ("4", 1, ["--", *ECHO]),
                 "an option that was given again is kept in place of the old one")
        tune(where, "--json", "--trials", "1", "--study", "second", "--minimize", "loss", "-p", "a=0:1.0", "--", *ECHO)
        done = where.mlf("tune", "--resume", "--trials", "2")
        tap.ok(done.code == 0 and "study second," in done.out.decode() and sorted(children(where, "second")) == [0, 1],
               "without a name it is the latest one, and --json is not kept", done.text)
        for arguments, part in ((("--minimize", "loss"), "whose --minimize stays"), (("-p", "a=0:2.0"), "whose --param stays")):
            done = where.mlf("tune", "--resume=first", *arguments)
            tap.ok(done.code == 2 and part in done.text, f"refused: --resume {' '.join(arguments)}", done.text)
        tune(where, "--trials", "1", "--study", "secret", "--minimize", "loss", "--env", "API_KEY=tiger", "--", *ECHO[:3], "sh", "1")
        done = where.mlf("tune", "--resume", "secret")
        tap.ok(done.code == 1 and "it has secrets, which are never kept; give the command" in done.text,
               "a command line with a secret is not kept", done.text)
        tap.ok("tiger" not in json.dumps(runs(where)["secret"]), "nowhere", runs(where)["secret"])
        tune(where, "--trials", "1", "--study", "long", "--minimize", "loss", "--", "sh", "-c", "echo loss 1 #" + 8000 * "x")
        done = where.mlf("tune", "--resume=long")
        tap.ok(done.code == 1 and "it is too long to be kept" in done.text, "nor is one that is too long", done.text)
        for value in ("", "{}", "[]", "[1, 2]", '"x"', '["--", 5]', '["a"', '["--trials", "2"]'):
            db = sqlite3.connect(os.path.join(where.work, "mlflow.db"))
            db.execute("UPDATE tags SET value = ? WHERE key = 'mlf.study.argv'", (value,))
            db.commit()
            db.close()
            done = where.mlf("tune", "--resume=first")
            tap.ok(done.code in (1, 2) and done.err, f"a tag that is broken: {value}", done.code, done.text)


def on_a_terminal(term, width, *arguments):
    """What mlf tune writes on a terminal."""
    with harness.folder() as where:
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
        process = where.start([harness.MLF, "tune", "--sampler", "random", "--seed", "7", *arguments], env={"TERM": term},
                              stdout=slave)
        os.close(slave)
        out = b""
        try:
            while part := os.read(master, 65536):
                out += part
        except OSError:  # nobody has the other side any more
            pass
        os.close(master)
        process.communicate(timeout=harness.DEADLINE_S)
        return process.returncode, out.decode()


def on_terminals(tap):
    common = ("--trials", "3", "--minimize", "loss", *[word for n in range(20) for word in ("-p", f"p{n}=0:1.0")], "--", "sh", "-c",
              "echo loss 0.5; exec sleep 0.5", *[f"{{p{n}}}" for n in range(20)])  # several times as long as a line stands
    code, out = on_a_terminal("xterm", 40, *common)
    tap.ok(code == 0 and "\033[" in out, "on a terminal lines are kept up to date", out)
    # What stands behind a sequence that goes up is drawn anew, and must not have wrapped.
    drawn = [line for part in out.split("\033[J")[1:] for line in part.split("\r\n")
             if line.startswith("best ") or " of 3 trials" in line]
    live = [line for line in drawn if "trial 0  p0" in line or " of 3 trials" in line]
    tap.ok(live and all(len(line) < 40 for line in live), "none is wider than the terminal", live)
    code, out = on_a_terminal("dumb", 40, *common)
    tap.ok(code == 0 and "\033" not in out and "trial 2  complete" in out, "a dumb one has a line for each trial", out)


def numbers_can_be_read(tap):
    with harness.folder() as where:
        done = tune(where, "--trials", "1", "--minimize", "loss", "-p", "a=0:1.0", "--", *ECHO)
        exact = children(where)[0]["params"]["a"]
        short = f"{float(exact):.6g}"
        lines = done.out.decode().splitlines()
        tap.ok(len(exact) > 12 and f"loss {short}  a={short}  " in lines[1], "a trial's line has six digits", lines)
        tap.ok(lines[2].startswith("1 trial in "), "one trial is one", lines)
        tap.ok(any(line.split() == ["a", exact] for line in lines) and f"command: sh -c 'echo loss $1' sh {exact}" in lines,
               "the best one's values and its command have all", lines)


def killed_and_resumed(tap):
    if not harness.has_program("svm-train"):
        tap.skip("killed and resumed", "svm-train is not installed")
        return
    with harness.folder() as where:
        shutil.copy(HEART, where.work)
        common = ("--study", "svm", "--jobs", "4", "--trials", "40", "--maximize", "cross_validation_accuracy", "-p",
                  "c=0.01:100:log", "-p", "g=1e-4:10:log", "--", "svm-train", "-v", "5", "-c", "{c}", "-g", "{g}",
                  "heart_scale")
        process = where.start([harness.MLF, "tune", "--json", "--sampler", "tpe", *common])
        ended = {}
        while len(ended) < 12:
            event = json.loads(process.stdout.readline())
            if event["event"] == "trial_end":
                ended[event["number"]] = event
        process.kill()
        process.communicate()
        tap.ok(harness.wait_for(lambda: not is_alive("heart_scale")), "no process is left behind a killed driver")
        done = where.mlf("tune", "--sampler", "tpe", "--resume", *common)
        tap.ok(done.code == 0, "the study is resumed", done.text)
        found = children(where, "svm")
        tap.same(sorted(found), list(range(40)), "numbering is whole")
        kept = all(number in found and found[number]["status"] == "FINISHED" and
                   found[number]["id"] == event["run_id"] and
                   found[number]["metrics"]["cross_validation_accuracy"] ==
                   event["values"]["cross_validation_accuracy"] for number, event in ended.items())
        tap.ok(kept, "all finished trials are kept")
        values = [(run["params"]["c"], run["params"]["g"]) for run in found.values()]
        tap.same(len(set(values)), 40, "none is repeated")
        tap.ok(all(run["status"] in ("FINISHED", "FAILED") for run in found.values()), "none is left going on")
        good = [run for run in found.values() if run["status"] == "FINISHED"]
        best = max(run["metrics"]["cross_validation_accuracy"] for run in good)
        tap.ok(len(good) >= 36 and best > 80, "all but those that were going on have finished", len(good), best)
        study = runs(where)["svm"]
        tap.same((study["status"], study["metrics"]["best_cross_validation_accuracy"]), ("FINISHED", best),
                 "the parent shows the best")


def one_driver_at_a_time(tap):
    with harness.folder() as where:
        process = where.start([harness.MLF, "tune", "--sampler", "random", "--trials", "1", "--minimize", "loss", "--", "sh", "-c",
                               "echo loss 1; exec sleep 987651"])
        tap.ok(harness.wait_for(lambda: is_alive("\0987651")) and harness.wait_for(lambda: "study" in runs(where)),
               "a study is going on")
        done = tune(where, "--resume", "--minimize", "loss", "--", "true")
        tap.ok(done.code == 1 and str(process.pid) in done.text, "a second driver is refused with the first one's pid",
               done.text)
        tap.same(runs(where)["study"]["status"], "RUNNING", "and does no harm")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=harness.DEADLINE_S)
        tap.same(process.returncode, 143, "SIGTERM ends the first")


def another_study_is_not_resumed(tap):
    with harness.folder() as where:
        tune(where, "--trials", "2", "--minimize", "loss", "-p", "a=0:1.0", "--", *ECHO)
        for arguments, part in ((("-p", "a=0:2.0", "--minimize", "loss"), "there 'a' is float:0:1, here it is float:0:2"),
                                (("-p", "a=x,y", "--minimize", "loss"), "here it is x,y"),
                                (("-p", "b=0:1.0", "--minimize", "loss"), "there 'a' is float:0:1, here it is none"),
                                (("-p", "a=0:1.0", "--maximize", "loss"), "--minimize loss"),
                                (("-p", "a=0:1.0", "--minimize", "error"), "--minimize loss")):
            place = "{b}" if "b=0:1.0" in arguments else "{a}"
            done = tune(where, "--resume", "--trials", "3", *arguments, "--", "echo", "loss", place)
            tap.ok(done.code == 1 and part in done.text, f"resumed with {' '.join(arguments)}", done.text)
        done = tune(where, "--resume=nonesuch", "--minimize", "loss", "--", "echo", "loss", "1")
        tap.ok(done.code == 1 and "nonesuch" in done.text, "a study that is not there", done.text)
        tap.same((runs(where)["study"]["status"], len(children(where))), ("FINISHED", 2), "the study stays as it was")


def a_locked_store_waits(tap):
    with harness.folder() as where:
        tune(where, "--trials", "1", "--minimize", "loss", "--", "echo", "loss", "1")
        lock = sqlite3.connect(os.path.join(where.work, "mlflow.db"), isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        done = tune(where, "--trials", "3", "--study", "locked", "--minimize", "loss", "-p", "a=0:1.0", "--", *ECHO)
        lock.execute("ROLLBACK")
        lock.close()
        tap.ok(done.code == 0 and "mlf sync" in done.text, "a locked store does not stop it, and it is said", done.text)
        where.mlf("sync")
        tap.same((runs(where)["locked"]["status"], sorted(children(where, "locked"))), ("FINISHED", [0, 1, 2]),
                 "mlf sync stores it")


def wrong_usage(tap):
    with harness.folder() as where:
        for arguments, part in (
                (("--minimize", "loss"), "a command to run is missing"),
                (("true",), "the objective is missing"),
                (("--minimize", "loss", "-p", "a=", "--", "echo", "{a}"), "'a=': at character 3: the range or the choices"),
                (("--minimize", "loss", "-p", "a=10:1", "--", "echo", "{a}"), "a: low 10 is above high 1"),
                (("--minimize", "loss", "-p", "a=0:1:log", "--", "echo", "{a}"), "a: low 0 of a logarithmic scale"),
                (("--minimize", "loss", "-p", "a=1:3:10", "--", "echo", "{a}"), "the step is larger than the range"),
                (("--minimize", "loss", "-p", "a=0:inf", "--", "echo", "{a}"), "a"),
                (("--minimize", "loss", "-p", "a=1:x", "--", "echo", "{a}"), "'a=1:x': at character 5: this is no number"),
                (("--minimize", "loss", "-p", "a=1:2", "--", "echo", "{b}{c}"),
                 "there is no space for {b}, {c} (-p NAME=SPEC gives one; {{ and }} are braces that are meant); there is no "
                 "place in the command for {a}"),
                (("--minimize", "loss", "--", "echo", "{a=1:2}", "{a=1:3}"), "'a' is given twice"),
                (("--minimize", "loss", "--metric", "loss=(", "--", "true"), "loss=("),
                (("--minimize", "loss", "--jobs", "2", "--template", "in:/tmp/out", "--", "true"), "in")):
            done = tune(where, *arguments)
            tap.ok(done.code == 2 and part in done.text, f"refused: {' '.join(arguments)}", done.code, done.text)
        done = tune(where, "--minimize", "loss", "--", "true", env={"MLF_OFF": "1"})
        tap.ok(done.code == 2 and "MLF_OFF" in done.text, "switched off it says so", done.text)
        done = tune(where, "--minimize", "loss", "--", "nonesuch-program")
        tap.same(done.code, 127, "a command that is not there")
        where.write("plain", b"x")
        done = tune(where, "--minimize", "loss", "--", "./plain")
        tap.same(done.code, 126, "a command that cannot be executed")
        tap.same(where.files(), ["work/plain"], "nothing was made")


harness.run_tests(finds_the_best, any_name_is_an_objective, measures_by_itself, which_value_counts, several_objectives,
                  values_reach_the_program, points_come_first, shows_what_would_be, events_are_json,
                  output_cannot_drive_the_terminal, prunes_by_what_is_printed, prunes_at_once, ends_who_does_not_want_to, stops_when_told,
                  gives_up, what_failure_means, memory_is_limited, a_signal_ends_it, a_second_signal_does_not_wait,
                  resumed_without_its_command, on_terminals, numbers_can_be_read, killed_and_resumed, one_driver_at_a_time, another_study_is_not_resumed, a_locked_store_waits, wrong_usage)
