#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`mlf parse`: which lines give which metrics and why; and how well it does on logs of real programs. Nothing here
judges a time."""

import json
import os
import sys

from harness import MLF, folder, run_tests

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench"))
import recogniser_score  # noqa: E402

LOOP = b"".join(b"epoch %d loss %g wibble %g\n" % (i, 1 / i, i % 3) for i in range(1, 6))


def parsed(f, *options, data=LOOP):
    """(hits, summary) as mlf prints them for |data| on its standard input."""
    got = f.mlf("parse", "--json", *options, "-", data=data)
    lines = [json.loads(line) for line in got.out.splitlines()]
    return lines[:-1], lines[-1] if lines else got.text


def test_hits(tap):
    with folder() as f:
        hits, summary = parsed(f)
        first = hits[0]
        tap.same((first["line"], first["tier"], first["kind"], first["key"], first["step"], first["value"]),
                 (1, 2, "metric", "loss", 1, 1), "a word that names a metric, at its step")
        tap.has(first["reason"], "loss", "the reason names the word")
        late = [(hit["line"], hit["step"]) for hit in hits if hit["key"] == "wibble"]
        tap.same(late, [(i, i) for i in range(1, 6)], "what recurs is given from its first record on")
        tap.same(summary, {"metrics": 10, "params": 0, "tiers": [0, 0, 5, 5]}, "the summary counts them")
        tap.same(parsed(f, "--parse", "known")[0], [], "--parse known: words do not count")
        rule, _ = parsed(f, "--metric", "l=loss (\\S+)", "--parse", "off")
        tap.same([hit["tier"] for hit in rule], [0] * 5, "--metric: rules are tier 0")
        tap.same({hit["key"] for hit in parsed(f, "--ignore", "wib*")[0]}, {"loss"}, "--ignore")
        steps = parsed(f, "--step", "at (\\d+)", data=b"at 7\nloss: 0.5\nat 9\nloss: 0.25\n")[0]
        tap.same([hit["step"] for hit in steps], [7, 9], "--step tells the step of the lines that follow")
        svm, _ = parsed(f, "--program", "svm-train", "--parse", "known", data=b"nu = 0.5\nnu = x\n")
        tap.same([(hit["key"], hit["tier"]) for hit in svm], [("nu", 1)], "--program chooses a preset")
        settings, _ = parsed(f, data=b"batch size: 32\nepoch 1 loss 3\nbatch size: 64\n")
        tap.same([(hit["kind"], hit["key"], hit["value"]) for hit in settings if hit["kind"] == "param"],
                 [("param", "stdout.batch_size", "32")], "a setting before the first metric is a param")


def test_forms(tap):
    with folder() as f:
        path = f.write("log", LOOP)
        got = f.mlf("parse", path)
        tap.same(got.code, 0, "a file")
        tap.has(got.out.decode(), "LINE  TIER  KEY", "a table")
        tap.has(got.out.decode(), "10 metric values, 0 params; tier 0: 0, 1: 0, 2: 5, 3: 5", "a summary")
        tap.same(f.files(), ["work/log"], "nothing is stored")
        tap.same(f.mlf("parse", "-", data=b"").out, b"0 metric values, 0 params; tier 0: 0, 1: 0, 2: 0, 3: 0\n",
                 "an empty log")


def test_wrong_usage(tap):
    with folder() as f:
        for arguments, code, say in (((), 2, "a file"), (("a", "b"), 2, "more than one"),
                                     (("--parse", "most", "x"), 2, "off, known, likely or all"),
                                     (("--metric", "x", "x"), 2, "names no metric"),
                                     (("--step", "abc", "x"), 2, "captures no step"),
                                     (("--program", "nothing", "x"), 2, "no preset"),
                                     (("missing",), 1, "missing"), ((".",), 1, ".")):
            got = f.mlf("parse", *arguments)
            tap.same(got.code, code, f"mlf parse {' '.join(arguments)}: exit {code}")
            tap.has(got.text, say, f"mlf parse {' '.join(arguments)}: the message says why")


def test_run(tap):
    with folder() as f:
        program = f.write("train", b"#!/bin/sh\necho 'seed: 7'\nfor i in 1 2 3; do echo epoch $i loss 0.$i; done\n",
                          0o755)
        f.mlf("run", "--parse", "likely", "--", program)
        run = f.last_run()
        tap.same(run["metrics"], {"loss": 0.3}, "mlf run --parse likely logs what a program prints")
        tap.same(run["params"].get("stdout.seed"), "7", "and the settings that it prints")


def test_quality(tap):
    scores = recogniser_score.judge_all(MLF)
    score = recogniser_score.total(scores)
    lost = [f"{name}: {one.missed} missed, false {one.false[:3]}" for name, one in scores if one.missed or one.false]
    tap.ok(len(scores) >= 20 and score.true > 1000, "there are logs to judge", len(scores), score.true)
    tap.ok(score.precision >= 0.97, "precision without the presets", score.precision, *lost)
    tap.ok(score.recall >= 0.9, "recall without the presets", score.recall, *lost)
    score = recogniser_score.total(recogniser_score.judge_all(MLF, ("samples",), presets=True))
    tap.same((score.missed, score.false), (0, []), "with presets every point of the samples is found, and no other")
    false = {line.split(" (")[0] for line in recogniser_score.false_metrics(MLF)}
    tap.ok(len(false) <= 1, "at most one false metric in logs without any", *false)
    tap.ok(len(recogniser_score.logs("negative")) >= 10, "there are ten of them")


run_tests(test_hits, test_forms, test_wrong_usage, test_run, test_quality)
