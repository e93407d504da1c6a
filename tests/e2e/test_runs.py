#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Looking at runs (`mlf runs`), merging what was left behind (`mlf sync`), and the other commands' usage."""

import json

from harness import folder, run_tests


def test_no_store(tap):
    with folder() as f:
        for command in (["runs", "list"], ["runs", "show"], ["runs", "list", "--json"]):
            got = f.mlf(*command)
            tap.same((got.code, got.out), (1, b""), f"{' '.join(command)} without a store fails")
            tap.has(got.text, "mlflow.db", f"{' '.join(command)}: the message names the store")
            tap.has(got.text, "mlf run", f"{' '.join(command)}: the message says what makes one")
        tap.same(f.files(), [], "looking makes nothing")


def test_list_and_show(tap):
    with folder() as f:
        ids = []
        for value in range(4):
            got = f.mlf("run", "--json", "--run-name", f"run {value}", "--experiment",
                        f"e{value % 2}", "--metric", "loss=loss (.*)", "--", "echo",
                        f"loss {value}.5")
            ids.append(json.loads(got.err)["run_id"])
        lines = f.mlf("runs", "list").out.decode().splitlines()
        tap.same([line.split()[0] for line in lines[1:]], [i[:8] for i in reversed(ids)],
                 "list: the latest run first")
        tap.ok("FINISHED" in lines[1] and "run 3" in lines[1] and "loss=3.5" in lines[1],
               "list: state, name and metrics", lines[1])
        tap.same(len(f.mlf("runs", "list", "--max-results", "2").out.splitlines()), 3,
                 "list: --max-results")
        listed = json.loads(f.mlf("runs", "list", "--experiment", "e1", "--json").out)
        tap.same([r["info"]["run_id"] for r in listed], [ids[3], ids[1]], "list: --experiment")
        tap.same(f.mlf("runs", "list", "--experiment", "none").code, 1,
                 "list: an unknown experiment is an error")

        tap.same(f.last_run()["info"]["run_id"], ids[3], "show: the latest run")
        tap.same(f.last_run(ids[0][:10])["info"]["run_id"], ids[0], "show: a prefix of an id")
        got = f.mlf("runs", "show", "f" * 32)
        tap.same(got.code, 1, "show: an unknown run is an error")
        tap.has(got.text, "f" * 32, "show: the message names it")
        text = f.mlf("runs", "show", ids[1]).out.decode()
        for part in (ids[1], "run 1", "FINISHED", "loss=1.5", "mlf.command",
                     f"mlflow server --backend-store-uri sqlite:///{f.work}/mlflow.db"):
            tap.has(text, part, f"show: {part[:40]}")
        other = f.mlf("runs", "list", "--tracking-uri", f"sqlite:///{f.work}/mlflow.db")
        tap.same(len(other.out.splitlines()), 5, "--tracking-uri")
        got = f.mlf("run", "--summary", "--tracking-uri", "sqlite:///other.db", "true")
        tap.has(got.text, f"--tracking-uri sqlite:///{f.work}/other.db)",
                "the summary's hint names a store that is not the default")


def test_ambiguous_prefix(tap):
    with folder() as f:
        ids = set()
        while len({i[0] for i in ids}) == len(ids):
            ids.add(json.loads(f.mlf("run", "--json", "true").err)["run_id"])
        first = next(i[0] for i in ids if sum(j[0] == i[0] for j in ids) > 1)
        got = f.mlf("runs", "show", first)
        tap.same(got.code, 1, "a prefix of two runs is an error")
        tap.ok(all(i[:8] in got.text for i in ids if i[0] == first),
               "the message names the candidates", got.text)


def test_terminal_codes(tap):
    with folder() as f:
        f.mlf("run", "--quiet", "--run-name", "a\033[2Jb", "--tag", "t=x\033]0;evil\a\u009b2J",
              "true")
        for command in (["runs", "list"], ["runs", "show"]):
            out = f.mlf(*command).out
            tap.ok(b"\033" not in out and b"\a" not in out and "\u009b".encode() not in out,
                   f"{' '.join(command)}: stored control characters do not reach the terminal")


def test_sync(tap):
    with folder() as f:
        # Of this store only: what other programs of this user leave is none of the test's business.
        sync = ["sync", "--tracking-uri", "sqlite:///mlflow.db"]
        got = f.mlf(*sync)
        tap.same((got.code, got.out), (0, b"0 merged\n"), "sync with nothing to do")
        got = f.mlf("run", "--param", "a=1", "--", "true", env={"MLF_OFFLINE": "1"})
        tap.same(got.code, 0, "an offline run")
        tap.ok(not f.exists("mlflow.db"), "an offline run makes no store")
        listed = f.mlf(*sync, "--list")
        tap.same(listed.code, 0, "sync --list")
        tap.ok(listed.out.count(b"\n") >= 1, "sync --list says what there is", listed.out)
        tap.ok(not f.exists("mlflow.db"), "sync --list merges nothing")
        f.mlf("sync", "--tracking-uri", "sqlite:///elsewhere.db")
        tap.ok(not f.exists("mlflow.db"), "sync --tracking-uri leaves other stores' journals")
        got = f.mlf(*sync)
        tap.same(got.code, 0, "sync merges it")
        run = f.last_run()
        tap.same((run["info"]["status"], run["params"].get("a")), ("FINISHED", "1"),
                 "what was logged offline is in the store")
        tap.same(f.mlf(*sync).out, b"0 merged\n", "nothing is merged twice")


def test_usage(tap):
    with folder() as f:
        for command in ("run", "runs", "sync", "collect", "version"):
            got = f.mlf(command, "--help")
            tap.same((got.code, got.err), (0, b""), f"{command} --help")
            tap.ok(got.out.startswith(f"Usage: mlf {command}".encode()), f"{command}: its usage")
        got = f.mlf("--help")
        tap.ok(got.code == 0 and b"MLFLOW_TRACKING_URI" in got.out and b"  runs " in got.out,
               "--help lists commands and variables")
        tap.ok(f.mlf("--version").out == f.mlf("version").out != b"", "version")
        for wrong in ([], ["nosuch"], ["runs"], ["runs", "nosuch"], ["runs", "list", "x"],
                      ["runs", "show", "a", "b"], ["runs", "list", "--max-results", "0"],
                      ["runs", "list", "--max-results", "x"], ["runs", "--nope"],
                      ["runs", "list", "--tracking-uri", "gopher://x"], ["sync", "x"],
                      ["sync", "--stale", "5"], ["sync", "--stale", "-1h"],
                      ["sync", "--stale", "99999999999999d"], ["sync", "--nope"], ["collect"],
                      ["collect", "--nope"], ["version", "x"]):
            got = f.mlf(*wrong)
            tap.same((got.code, got.out), (2, b""), f"'{' '.join(wrong)}' is wrong usage")
            tap.ok(b"--help" in got.err, f"'{' '.join(wrong)}': the message names the help")
        got = f.mlf("collect", "--ring", "/no/such/ring")
        tap.same((got.code, got.out, got.err), (1, b"", b""),
                 "collect of a ring that is not there fails in silence")
        with open("/dev/full", "wb") as full:
            got = f.mlf("--help", stdout=full)
        tap.same(got.code, 1, "output that cannot be written is a failure")
        tap.same(f.files(), [], "usage makes nothing")


run_tests(test_no_store, test_list_and_show, test_ambiguous_prefix, test_terminal_codes, test_sync,
          test_usage)
