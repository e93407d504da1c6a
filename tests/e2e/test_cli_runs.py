#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`mlf runs` and `mlf rerun`: finding, comparing, putting away, exporting and repeating runs."""

import csv
import io
import json
import os
import pty
import unicodedata

from harness import MLF, folder, run_tests

PRINT = 'for i in 1 2 3; do echo "loss=$((LOSS*i))"; done'


def make_run(f, loss, *options):
    """A run with param n, and metric loss of three points; returns its id."""
    got = f.mlf("run", "--json", "--metric", "loss=loss=(.*)", "--param", f"n={loss}", *options, "--",
                "sh", "-c", PRINT, env={"LOSS": str(loss)})
    return json.loads(got.err)["run_id"]


def test_search(tap):
    with folder() as f:
        ids = [make_run(f, loss, "--experiment", "a" if loss < 4 else "b") for loss in (5, 1, 3, 2)]

        def found(*options):
            got = f.mlf("runs", "search", "--json", *options)
            if got.code != 0:
                return got.text
            return [ids.index(run["info"]["run_id"]) for run in json.loads(got.out).get("runs", [])]

        tap.same(found(), [3, 2, 1, 0], "the latest run first, of every experiment")
        tap.same(found("--experiment", "a"), [3, 2, 1], "--experiment")
        tap.same(found("--experiment", "1"), [0], "--experiment by its id")
        tap.same(found("--experiment", "a", "--experiment", "b"), [3, 2, 1, 0], "--experiment twice")
        tap.same(found("--filter", "metrics.loss > 5", "--order-by", "metrics.loss DESC"), [0, 2, 3],
                 "--filter and --order-by")
        tap.same(found("--filter", "params.n = '3'"), [2], "a filter by a param")
        tap.same(found("--order-by", "metrics.loss ASC"), [1, 3, 2, 0], "--order-by alone")
        seen, token = [], None
        for _ in range(4):
            got = f.mlf("runs", "search", "--json", "--max-results", "1", "--order-by", "metrics.loss",
                        *(["--page-token", token] if token else []))
            page = json.loads(got.out)
            seen += [ids.index(run["info"]["run_id"]) for run in page.get("runs", [])]
            token = page.get("next_page_token")
        tap.same((seen, token), ([1, 3, 2, 0], None), "page by page, each run once, then no token")
        tap.same(json.loads(f.mlf("runs", "search", "--json", "--filter", "metrics.loss > 99").out), {},
                 "nothing found: MLflow leaves the list out")
        for wrong in (["--filter", "metrics.loss >> 1"], ["--filter", "nonsense"],
                      ["--order-by", "metrics.loss SIDEWAYS"], ["--page-token", "%%%"],
                      ["--experiment", "none"]):
            got = f.mlf("runs", "search", *wrong)
            tap.ok(got.code == 1 and got.out == b"" and got.err.startswith(b"mlf: "),
                   f"{' '.join(wrong)} is refused", got.code, got.text)
        got = f.mlf("runs", "search", "--max-results", "1")
        tap.ok(b"--page-token" in got.err and len(got.out.splitlines()) == 2,
               "the table says how to go on", got.text)


def test_show(tap):
    with folder() as f:
        first = make_run(f, 1, "--experiment", "a")
        last = make_run(f, 2, "--experiment", "b")
        got = f.mlf("runs", "show", "")
        tap.same((got.code, got.out), (1, b""), "an empty id is an error, not the latest run")
        tap.has(got.text, "empty", "the message says so")
        tap.same(f.last_run("--experiment", "a")["info"]["run_id"], first, "the latest of an experiment")
        tap.same(f.last_run("latest")["info"]["run_id"], last, "'latest'")
        tap.has(f.mlf("runs", "show").out.decode(), "Experiment   b (2)", "the experiment's name")
        got = f.mlf("runs", "show", "--experiment", "a", last)
        tap.same(got.code, 1, "a run that is not in the experiment is an error")
        tap.has(got.text, "'a'", "the message names the experiment")


def test_compare(tap):
    with folder() as f:
        ids = [make_run(f, n, "--param", "same=x", "--run-name", f"r{n}") for n in (1, 2, 3)]
        rows = f.mlf("runs", "compare", *ids).out.decode().splitlines()
        tap.same(rows[0].split(), ["RUN"] + [i[:8] for i in ids], "a column for each run")
        text = [row.split() for row in rows]
        tap.ok(["n", "*", "1", "2", "3"] in text and ["same", "x", "x", "x"] in text, "params", *rows)
        tap.ok(text.index(["n", "*", "1", "2", "3"]) < text.index(["same", "x", "x", "x"]),
               "what differs comes first", *rows)
        tap.ok(["loss", "*", "3", "6", "9"] in text, "metrics", *rows)
        tap.ok(all(row == row.rstrip() for row in rows), "no blanks at the end of lines")
        body = json.loads(f.mlf("runs", "compare", "--json", *ids).out)
        tap.same([run["run_id"] for run in body["runs"]], ids, "--json: the runs")
        tap.same(body["params"][0], {"key": "n", "differs": True, "values": ["1", "2", "3"]},
                 "--json: a param")
        lacking = json.loads(f.mlf("run", "--json", "true").err)["run_id"]
        body = json.loads(f.mlf("runs", "compare", "--json", ids[0], lacking).out)
        tap.same(body["params"][0], {"key": "n", "differs": True, "values": ["1", None]},
                 "--json: a param that a run lacks is null")
        tap.same(f.mlf("runs", "compare", ids[0]).code, 2, "one run is not compared")


def test_diff(tap):
    with folder() as f:
        ids = [make_run(f, n) for n in (1, 1, 2)]
        same = f.mlf("runs", "diff", ids[0], ids[1])
        tap.same((same.code, same.out), (0, b""), "equal runs: 0, and nothing is printed")
        got = f.mlf("runs", "diff", ids[0], ids[2])
        tap.same(got.code, 1, "runs that differ: 1")
        lines = [line.split() for line in got.out.decode().splitlines()]
        tap.ok(["n", "1", "2"] in lines and ["loss", "3", "6"] in lines, "params and metrics", *lines)
        tap.ok(lines.index(["PARAMS"]) < lines.index(["METRICS"]), "causes before effects", *lines)
        tap.same(f.mlf("runs", "diff", ids[0], "f" * 32).code, 2, "an unknown run: 2")
        tap.same(f.mlf("runs", "diff", ids[0]).code, 2, "one run: 2")
        tap.same(f.mlf("runs", "diff", "--tracking-uri", "sqlite:///none.db", "a", "b").code, 2,
                 "no store: 2")
        spelled = [json.loads(f.mlf("run", "--json", "--param", f"lr={lr}", "true").err)["run_id"]
                   for lr in ("1e-3", "0.001")]
        got = f.mlf("runs", "diff", *spelled)
        tap.ok(got.code == 0, "equal numbers are no difference", got.out.decode())
        f.write("data.txt", b"1 2 3\n")
        other = json.loads(f.mlf("run", "--json", "--", "cat", "data.txt").err)["run_id"]
        facts = json.loads(f.mlf("runs", "diff", "--json", ids[0], other).out)["differences"]
        tap.same([fact["b"] for fact in facts if fact["name"] == "command"], ["cat data.txt"],
                 "--json: the command")
        kinds = [fact["kind"] for fact in facts]
        tap.same(kinds, sorted(kinds, key=["arguments", "data", "commit", "environment", "params",
                                           "metrics"].index), "--json: the most telling first")
        f.mlf("doctor", "--log-run")
        facts = json.loads(f.mlf("runs", "diff", "--json", ids[0], "latest").out)["differences"]
        tap.ok(facts and all(fact["kind"] != "environment" for fact in facts),
               "nothing is said of the environment when that of one run is not known", facts)


def test_delete_restore(tap):
    with folder() as f:
        ids = [make_run(f, n) for n in (1, 2)]
        tap.same(f.mlf("runs", "delete").code, 2, "delete without a run deletes nothing")
        got = f.mlf("runs", "delete", ids[0], "nosuch")
        tap.same(got.code, 1, "an unknown run is an error")
        tap.same(len(json.loads(f.mlf("runs", "list", "--json").out)), 2, "and then none is deleted")
        tap.same(f.mlf("runs", "delete", ids[0][:12]).code, 0, "delete")
        tap.same([r["info"]["run_id"] for r in json.loads(f.mlf("runs", "list", "--json").out)],
                 [ids[1]], "a deleted run is not listed")
        deleted = json.loads(f.mlf("runs", "search", "--view", "deleted", "--json").out)["runs"]
        tap.same([(r["info"]["run_id"], r["info"]["lifecycle_stage"]) for r in deleted],
                 [(ids[0], "deleted")], "search --view deleted finds it")
        tap.same(len(json.loads(f.mlf("runs", "search", "--view", "all", "--json").out)["runs"]), 2,
                 "search --view all")
        tap.same(f.last_run(ids[0])["info"]["run_id"], ids[0], "show finds it by its whole id")
        tap.same(f.last_run(ids[0][:12])["info"]["run_id"], ids[0], "and by a beginning of it")
        tap.same(f.mlf("runs", "delete", ids[0]).code, 1, "it cannot be deleted again")
        tap.same(f.mlf("runs", "restore", ids[1]).code, 1, "an active run cannot be restored")
        tap.same(f.mlf("runs", "restore", ids[0][:12]).code, 0, "restore by a beginning of the id")
        tap.same(len(json.loads(f.mlf("runs", "list", "--json").out)), 2, "it is there again")
        tap.ok(not f.exists("none.db") and f.mlf("runs", "delete", "--tracking-uri",
                                                 "sqlite:///none.db", "abc").code == 1
               and not f.exists("none.db"), "deleting makes no store")


def test_export(tap):
    with folder() as f:
        ids = [make_run(f, n, "--tag", 'odd=a,"b"\nc') for n in (1, 2)]
        runs = json.loads(f.mlf("runs", "export", *ids, "--history").out)
        tap.same([run["info"]["run_id"] for run in runs], ids, "JSON: the runs in the order given")
        tap.same([point["value"] for point in runs[1]["history"]["loss"]], [2, 4, 6], "JSON: history")
        tap.ok("history" not in json.loads(f.mlf("runs", "export", ids[0]).out)[0],
               "JSON: no history unless asked for")
        rows = list(csv.DictReader(io.StringIO(f.mlf("runs", "export", "--format", "csv", *ids)
                                               .out.decode(), newline="")))
        tap.same([(row["run_id"], row["metrics.loss"], row["params.n"]) for row in rows],
                 [(ids[0], "3", "1"), (ids[1], "6", "2")], "CSV: a line for each run")
        tap.same(rows[0]["tags.odd"], 'a,"b"\nc', "CSV: commas, quotes and line ends come back")
        points = list(csv.DictReader(io.StringIO(
            f.mlf("runs", "export", "--format", "csv", "--history", ids[1]).out.decode(), newline="")))
        tap.same([(p["step"], p["value"]) for p in points if p["metric"] == "loss"],
                 [("0", "2"), ("1", "4"), ("2", "6")], "CSV: history")
        tap.same(f.mlf("runs", "export", "--format", "xml").code, 2, "another format is wrong usage")


def test_rerun(tap):
    with folder() as f:
        awkward = "it's \"a\" \\ $HOME\tx"
        f.write("tool", b'#!/bin/sh\nprintf "<%s>" "$@" >>called\nexit 3\n', 0o755)
        f.mlf("run", "--quiet", "--experiment", "e x", "--", "./tool", awkward, "", "-c", "1")
        first = f.last_run()
        tap.same(f.mlf("rerun", "--dry-run").code, 0, "--dry-run")
        tap.same(f.mlf("rerun", "--run-name", "again").code, 3, "the exit status is the command's")
        again = f.last_run()
        tap.same((again["tags"].get("mlf.rerun_of"), again["info"]["run_name"]),
                 (first["info"]["run_id"], "again"), "the new run names the old one")
        tap.same(again["info"]["experiment_id"], first["info"]["experiment_id"], "the same experiment")
        with open(f"{f.work}/called", encoding="utf-8") as file:
            calls = file.read()
        tap.same(calls, f"<{awkward}><><-c><1>" * 2, "the very same words, --dry-run ran nothing")
        got = f.run(["sh", "-c", f'cd / && exec "{MLF}" rerun --tracking-uri "sqlite:///{f.work}/mlflow.db"'])
        tap.same((got.code, f.last_run()["tags"].get("mlf.cwd")), (3, f.work),
                 "it runs in the old directory, wherever mlf is called")
        f.mlf("run", "--quiet", "--", "true", "--password", "hunter2")
        got = f.mlf("rerun")
        tap.same(got.code, 125, "a command with secrets is not repeated")
        tap.has(got.text, "secrets", "the message says why")
        f.mlf("doctor", "--log-run")
        got = f.mlf("rerun")
        tap.same(got.code, 125, "a run that no command made is not repeated")
        tap.has(got.text, "mlf.command", "the message says what is missing")
        tap.same(f.mlf("rerun", "--nope").code, 125, "wrong usage")


def width(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
               for c in text)


def test_tables(tap):
    with folder() as f:
        names = ["plain", "漢字の名前", "e\u0301clair", "x" * 60]
        for name in names:
            f.mlf("run", "--quiet", "--run-name", name, "true")
        lines = f.mlf("runs", "list").out.decode().splitlines()
        starts = {width(line[:line.index("20", 20)]) for line in lines[1:] if "20" in line[20:]}
        tap.same(len(starts), 1, "columns stand below each other, whatever the names")
        tap.ok(any("x" * 60 in line for line in lines), "nothing is cut when the output is no terminal")
        tap.has("\n".join(lines), "-", "what is missing is a dash")
        master, slave = pty.openpty()
        f.run(["sh", "-c", f'stty cols 60 <&1; exec "{MLF}" runs list'], stdout=slave)
        os.close(slave)
        shown = b""
        while True:
            try:
                chunk = os.read(master, 65536)
            except OSError:
                break
            if not chunk:
                break
            shown += chunk
        os.close(master)
        shown = shown.decode().replace("\r\n", "\n").splitlines()
        tap.ok(len(shown) == 5 and all(width(line) <= 60 for line in shown),
               "on a terminal no line is wider than it", *shown)


def test_terminal_codes(tap):
    evil = "a\x1b[2J\x1b]0;x\x07\u009b2J\u202e\u2066\nb"
    with folder() as f:
        for n in ("1", "2"):
            f.mlf("run", "--quiet", "--experiment", "e" + evil, "--run-name", evil, "--param", f"p={evil}{n}",
                  "--tag", f"t={evil}", "--", "true")
        ids = [r["info"]["run_id"] for r in json.loads(f.mlf("runs", "list", "--json").out)]
        for command in (["runs", "list"], ["runs", "search"], ["runs", "show"], ["runs", "compare", *ids],
                        ["runs", "diff", *ids], ["experiments", "list"], ["experiments", "show", "1"],
                        ["doctor"], ["rerun", "--dry-run"],
                        ["completion", "--words", "--", "runs", "search", "--experiment", ""],
                        ["completion", "--words", "--", "runs", "show", ""],
                        ["runs", "search", "--filter", evil], ["runs", "show", "--experiment", evil]):
            got = f.mlf(*command, env={"MLFLOW_EXPERIMENT_NAME": "e" + evil})
            shown = got.out + got.err
            tap.ok(shown and not any(code.encode() in shown for code in "\x1b\x07\u009b\u202e\u2066"),
                   f"{' '.join(command)[:40]!r}: nothing stored can drive the terminal", shown)


run_tests(test_search, test_show, test_compare, test_diff, test_delete_restore, test_export, test_rerun,
          test_tables, test_terminal_codes)
