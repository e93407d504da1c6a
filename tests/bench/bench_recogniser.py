#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How well and how fast the recogniser reads output. Precision and recall over the logs of tests/data/logs, each with
the preset of its own program left out and again with it; false metrics in logs that have none; megabytes per second.
Usage: bench_recogniser.py BENCH_RECOGNISER"""

import json
import os
import subprocess

import bench
import recogniser_score

PRECISION, RECALL, FALSE_METRICS = 0.97, 0.9, 1


def quality(figures, mlf):
    for kind in ("samples", "held_out"):
        for presets in (False, True):
            score = recogniser_score.total(recogniser_score.judge_all(mlf, (kind,), presets))
            name = f"{kind}, {'with' if presets else 'without'} their presets"
            figures.add(f"precision, {name}", score.precision, "")
            figures.add(f"recall, {name}", score.recall, "")
    scores = recogniser_score.judge_all(mlf)
    score = recogniser_score.total(scores)
    figures.add("precision, all logs without their presets", score.precision, "", at_least=PRECISION)
    figures.add("recall, all logs without their presets", score.recall, "", at_least=RECALL)
    for tier, (true, false) in score.by_tier.items():
        if true + false > 0:
            figures.add(f"precision of tier {tier}", true / (true + false), "")
            figures.add(f"share of the wanted points that tier {tier} finds", true / (score.true + score.missed), "")
    for name, one in scores:
        if one.missed or one.false:
            figures.note(f"{name}: {one.true} found, {one.missed} missed, {len(one.false)} false")
    for mode in ("likely", "all"):
        found = {line.split(" (")[0] for line in recogniser_score.false_metrics(mlf, mode)}
        figures.add(f"false metrics in logs without any, --parse {mode}", len(found), "",
                    at_most=FALSE_METRICS if mode == "likely" else None)


def main():
    parser, options = bench.arguments(__doc__, ("megabytes", 256, 1, "output that is fed in each measurement"))
    parser.add_argument("program", help="the built bench_recogniser")
    args = bench.parse(parser, options)
    figures = bench.Figures("recogniser")
    quality(figures, bench.built("MLF_TEST_MLF"))
    done = subprocess.run([os.path.abspath(args.program), str(args.megabytes)], capture_output=True, text=True,
                          check=True)
    for row in json.loads(done.stdout):
        figures.add(f"{row['kind']}, --parse {row['mode']}", row["mb_per_s"], "MB/s of CPU time")
    figures.print(args.json)


main()
